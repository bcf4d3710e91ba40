/* SPDX-License-Identifier: MIT */
/*
 * BlockBackend: its requests.
 *
 * Invariants:
 *   - Every request passes blk_begin(), which holds it back while the graph is
 *     drained and only then looks at the length, and blk_end().
 *   - Nothing is allocated for a request: a coroutine form lives on its
 *     caller's stack, a mixed form adds a structure on its own.
 *   - With the write cache disabled every write and write of zeroes carries
 *     FUA.
 */
#include "qemu/osdep.h"
#include "block/core/backend/backend.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"

void blk_inc_in_flight(BlockBackend *blk)
{
    blk->in_flight++;
}

void blk_dec_in_flight(BlockBackend *blk)
{
    assert(blk->in_flight > 0);
    blk->in_flight--;
    if (blk->in_flight == 0) {
        bdrv_drain_kick();
    }
}

/* ---- begin and end ------------------------------------------------------ */

/* Counts the request, when the graph is not drained (any more). */
static void coroutine_fn blk_begin(BlockBackend *blk)
{
    while (blk->quiesce_counter > 0) {
        blk->queued++;
        qemu_co_queue_wait(&blk->queue, NULL);
        blk->queued--;
        if (blk->queued == 0) {
            bdrv_drain_kick();
        }
    }
    blk_inc_in_flight(blk);
}

static void blk_end(BlockBackend *blk)
{
    blk_dec_in_flight(blk);
}

/* 0, -ENOMEDIUM, or -EIO for a range that is not inside the image. */
static int blk_check_range(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    int64_t length;

    if (!blk_is_available(blk)) {
        return -ENOMEDIUM;
    }
    if (offset < 0 || bytes < 0 || bytes > INT64_MAX - offset) {
        return -EIO;
    }
    if (blk->allow_write_beyond_eof) {
        return 0;
    }
    length = blk_bs(blk)->total_sectors * (int64_t)BDRV_SECTOR_SIZE;
    if (offset <= length && bytes <= length - offset) {
        return 0;
    }
    /* The image may have grown without the node's knowledge: ask the driver. */
    length = blk_getlength(blk);
    if (length < 0) {
        return length;
    }
    return offset <= length && bytes <= length - offset ? 0 : -EIO;
}

static BdrvRequestFlags blk_write_flags(BlockBackend *blk,
                                        BdrvRequestFlags flags)
{
    return blk->enable_write_cache ? flags : flags | BDRV_REQ_FUA;
}

/* ---- in coroutines ------------------------------------------------------ */

int coroutine_fn blk_co_preadv(BlockBackend *blk, int64_t offset,
                               unsigned int bytes, QEMUIOVector *qiov,
                               BdrvRequestFlags flags)
{
    int ret;

    blk_begin(blk);
    ret = blk_check_range(blk, offset, bytes);
    if (ret == 0) {
        ret = bdrv_co_preadv(blk->root, offset, bytes, qiov, flags);
    }
    blk_end(blk);
    return ret;
}

int coroutine_fn blk_co_pwritev(BlockBackend *blk, int64_t offset,
                                unsigned int bytes, QEMUIOVector *qiov,
                                BdrvRequestFlags flags)
{
    int ret;

    blk_begin(blk);
    ret = blk_check_range(blk, offset, bytes);
    if (ret == 0) {
        ret = bdrv_co_pwritev(blk->root, offset, bytes, qiov,
                              blk_write_flags(blk, flags));
    }
    blk_end(blk);
    return ret;
}

int coroutine_fn blk_co_pwrite_zeroes(BlockBackend *blk, int64_t offset,
                                      int bytes, BdrvRequestFlags flags)
{
    int ret;

    blk_begin(blk);
    ret = blk_check_range(blk, offset, bytes);
    if (ret == 0) {
        ret = bdrv_co_pwrite_zeroes(blk->root, offset, bytes,
                                    blk_write_flags(blk, flags));
    }
    blk_end(blk);
    return ret;
}

int coroutine_fn blk_co_zero_range(BlockBackend *blk, int64_t offset,
                                   int64_t bytes, BdrvRequestFlags flags)
{
    int ret;

    blk_begin(blk);
    ret = blk_check_range(blk, offset, bytes);
    if (ret == 0) {
        ret = bdrv_co_zero_range(blk->root, offset, bytes,
                                 blk_write_flags(blk, flags));
    }
    blk_end(blk);
    return ret;
}

int coroutine_fn blk_co_pdiscard(BlockBackend *blk, int64_t offset,
                                 int64_t bytes)
{
    int ret;

    blk_begin(blk);
    ret = blk_check_range(blk, offset, bytes);
    if (ret == 0) {
        ret = bdrv_co_pdiscard(blk->root, offset, bytes);
    }
    blk_end(blk);
    return ret;
}

int coroutine_fn blk_co_flush(BlockBackend *blk)
{
    int ret = -ENOMEDIUM;

    blk_begin(blk);
    if (blk_is_available(blk)) {
        ret = bdrv_co_flush(blk_bs(blk));
    }
    blk_end(blk);
    return ret;
}

static int coroutine_fn blk_co_truncate(BlockBackend *blk, int64_t offset,
                                        bool exact, PreallocMode prealloc,
                                        Error **errp)
{
    int ret;

    blk_begin(blk);
    if (blk_is_available(blk)) {
        ret = bdrv_co_truncate(blk->root, offset, exact, prealloc, errp);
    } else {
        error_setg(errp, "No medium inserted");
        ret = -ENOMEDIUM;
    }
    blk_end(blk);
    return ret;
}

int coroutine_fn blk_co_copy_range(BlockBackend *blk_in, int64_t off_in,
                                   BlockBackend *blk_out, int64_t off_out,
                                   int bytes, BdrvRequestFlags read_flags,
                                   BdrvRequestFlags write_flags)
{
    int ret;

    /* Holding one while waiting for the other would keep it from draining. */
    blk_begin(blk_in);
    while (blk_out->quiesce_counter > 0) {
        blk_end(blk_in);
        blk_begin(blk_out);
        blk_end(blk_out);
        blk_begin(blk_in);
    }
    blk_inc_in_flight(blk_out);

    ret = blk_check_range(blk_in, off_in, bytes);
    if (ret == 0) {
        ret = blk_check_range(blk_out, off_out, bytes);
    }
    if (ret == 0) {
        ret = bdrv_co_copy_range_from(blk_in->root, off_in, blk_out->root,
                                      off_out, bytes, read_flags,
                                      blk_write_flags(blk_out, write_flags));
    }
    blk_end(blk_out);
    blk_end(blk_in);
    return ret;
}

/* ---- mixed forms -------------------------------------------------------- */

/* One request of a mixed form; which members count is the entry's affair. */
typedef struct BlkRequest {
    BlockBackend *blk;
    int64_t offset;
    int64_t bytes;
    QEMUIOVector *qiov;
    BdrvRequestFlags flags;
    bool exact;
    PreallocMode prealloc;
    Error **errp;
    int ret;
} BlkRequest;

static void coroutine_fn blk_pread_entry(void *opaque)
{
    BlkRequest *r = opaque;

    r->ret = blk_co_preadv(r->blk, r->offset, r->bytes, r->qiov, r->flags);
}

static void coroutine_fn blk_pwrite_entry(void *opaque)
{
    BlkRequest *r = opaque;

    r->ret = blk_co_pwritev(r->blk, r->offset, r->bytes, r->qiov, r->flags);
}

static void coroutine_fn blk_pwrite_zeroes_entry(void *opaque)
{
    BlkRequest *r = opaque;

    r->ret = blk_co_pwrite_zeroes(r->blk, r->offset, r->bytes, r->flags);
}

static void coroutine_fn blk_zero_range_entry(void *opaque)
{
    BlkRequest *r = opaque;

    r->ret = blk_co_zero_range(r->blk, r->offset, r->bytes, r->flags);
}

static void coroutine_fn blk_pdiscard_entry(void *opaque)
{
    BlkRequest *r = opaque;

    r->ret = blk_co_pdiscard(r->blk, r->offset, r->bytes);
}

static void coroutine_fn blk_flush_entry(void *opaque)
{
    BlkRequest *r = opaque;

    r->ret = blk_co_flush(r->blk);
}

static void coroutine_fn blk_truncate_entry(void *opaque)
{
    BlkRequest *r = opaque;

    r->ret = blk_co_truncate(r->blk, r->offset, r->exact, r->prealloc, r->errp);
}

static int blk_run(BlkRequest *r, CoroutineEntry *entry)
{
    bdrv_run_co(r->blk->ctx, entry, r);
    return r->ret < 0 ? r->ret : 0;
}

int blk_pread(BlockBackend *blk, int64_t offset, void *buf, int bytes)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);
    BlkRequest r = {
        .blk = blk,
        .offset = offset,
        .bytes = bytes,
        .qiov = &qiov,
    };
    int ret;

    if (bytes < 0) {
        return -EIO;
    }
    ret = blk_run(&r, blk_pread_entry);
    return ret < 0 ? ret : bytes;
}

int blk_pwrite(BlockBackend *blk, int64_t offset, const void *buf, int bytes,
               BdrvRequestFlags flags)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);
    BlkRequest r = {
        .blk = blk,
        .offset = offset,
        .bytes = bytes,
        .qiov = &qiov,
        .flags = flags,
    };
    int ret;

    if (bytes < 0) {
        return -EIO;
    }
    ret = blk_run(&r, blk_pwrite_entry);
    return ret < 0 ? ret : bytes;
}

int blk_pwrite_zeroes(BlockBackend *blk, int64_t offset, int bytes,
                      BdrvRequestFlags flags)
{
    BlkRequest r = {
        .blk = blk,
        .offset = offset,
        .bytes = bytes,
        .flags = flags,
    };

    return blk_run(&r, blk_pwrite_zeroes_entry);
}

int blk_zero_range(BlockBackend *blk, int64_t offset, int64_t bytes,
                   BdrvRequestFlags flags)
{
    BlkRequest r = {
        .blk = blk,
        .offset = offset,
        .bytes = bytes,
        .flags = flags,
    };

    return blk_run(&r, blk_zero_range_entry);
}

int blk_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    BlkRequest r = { .blk = blk, .offset = offset, .bytes = bytes };

    return blk_run(&r, blk_pdiscard_entry);
}

int blk_flush(BlockBackend *blk)
{
    BlkRequest r = { .blk = blk };

    return blk_run(&r, blk_flush_entry);
}

int blk_truncate(BlockBackend *blk, int64_t offset, bool exact,
                 PreallocMode prealloc, Error **errp)
{
    BlkRequest r = {
        .blk = blk,
        .offset = offset,
        .exact = exact,
        .prealloc = prealloc,
        .errp = errp,
    };

    return blk_run(&r, blk_truncate_entry);
}

/* ---- waiting ------------------------------------------------------------ */

static bool blk_in_flight_cond(void *opaque)
{
    BlockBackend *blk = opaque;

    return blk->in_flight > 0;
}

void blk_drain(BlockBackend *blk)
{
    BlockDriverState *bs = blk_bs(blk);

    blk_wait_resumed(blk);
    if (bs) {
        bdrv_ref(bs);
        bdrv_drained_begin(bs);
    }
    bdrv_drain_wait_while(blk->ctx, blk_in_flight_cond, blk);
    if (bs) {
        bdrv_drained_end(bs);
        bdrv_unref(bs);
    }
}
