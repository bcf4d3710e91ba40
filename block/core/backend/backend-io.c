/* SPDX-License-Identifier: MIT */
/*
 * BlockBackend: its requests.
 *
 * Invariants:
 *   - Every request passes blk_begin(), which holds it back while the graph is
 *     drained and only then looks at the length, and blk_dec_in_flight().
 *   - Nothing is allocated for a request: a coroutine form lives on its
 *     caller's stack, a mixed form adds a structure on its own.
 *   - With the write cache disabled every write and write of zeroes carries
 *     FUA.
 */
#include "qemu/osdep.h"
#include "block/core/backend/backend.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"

/*
 * The last one that ends may be what a coroutine in bdrv_drained_begin() waits
 * for, so that has to look again.
 */
static void blk_dec_in_flight(BlockBackend *blk)
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
    blk->in_flight++;
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
    /*
     * The length that the layer knows comes first, because the driver's answer
     * may cost a system call, which a request inside of it need not pay for.
     */
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

/* ---- in coroutines ------------------------------------------------------ */

/* Writethrough is FUA with every write: the layers below know only that. */
static BdrvRequestFlags blk_write_flags(BlockBackend *blk,
                                        BdrvRequestFlags flags)
{
    return blk->enable_write_cache ? flags : flags | BDRV_REQ_FUA;
}

/* The request @c from its beginning to its end.  0 or -errno. */
static int coroutine_fn blk_co_call(BlockBackend *blk, BdrvCall *c)
{
    int ret;

    blk_begin(blk);
    if (c->kind == BDRV_CALL_FLUSH || c->kind == BDRV_CALL_TRUNCATE) {
        ret = blk_is_available(blk) ? 0 : -ENOMEDIUM;
    } else {
        ret = blk_check_range(blk, c->offset, c->bytes);
    }
    if (ret == 0) {
        if (c->kind == BDRV_CALL_WRITE || c->kind == BDRV_CALL_ZERO_RANGE) {
            c->flags = blk_write_flags(blk, c->flags);
        } else if ((blk_bs(blk)->open_flags & BDRV_O_COPY_ON_READ) &&
                   c->kind == BDRV_CALL_READ &&
                   (blk->perm & (BLK_PERM_WRITE | BLK_PERM_WRITE_UNCHANGED))) {
            c->flags |= BDRV_REQ_COPY_ON_READ;
        }
        ret = bdrv_co_call(blk_bs(blk), blk->root, c);
    } else if (ret == -ENOMEDIUM) {
        error_setg(c->errp, "No medium inserted"); /* truncate has an errp */
    }
    blk_dec_in_flight(blk);
    return ret;
}

int coroutine_fn blk_co_preadv(BlockBackend *blk, int64_t offset,
                               unsigned int bytes, QEMUIOVector *qiov,
                               BdrvRequestFlags flags)
{
    BdrvCall c = { BDRV_CALL_READ, offset, bytes, qiov, .flags = flags };

    return blk_co_call(blk, &c);
}

int coroutine_fn blk_co_pwritev(BlockBackend *blk, int64_t offset,
                                unsigned int bytes, QEMUIOVector *qiov,
                                BdrvRequestFlags flags)
{
    BdrvCall c = { BDRV_CALL_WRITE, offset, bytes, qiov, .flags = flags };

    return blk_co_call(blk, &c);
}

int coroutine_fn blk_co_pwrite_zeroes(BlockBackend *blk, int64_t offset,
                                      int bytes, BdrvRequestFlags flags)
{
    return blk_co_zero_range(blk, offset, bytes, flags);
}

int coroutine_fn blk_co_zero_range(BlockBackend *blk, int64_t offset,
                                   int64_t bytes, BdrvRequestFlags flags)
{
    BdrvCall c = { BDRV_CALL_ZERO_RANGE, offset, bytes, .flags = flags };

    return blk_co_call(blk, &c);
}

int coroutine_fn blk_co_pdiscard(BlockBackend *blk, int64_t offset,
                                 int64_t bytes)
{
    BdrvCall c = { BDRV_CALL_DISCARD, offset, .bytes = bytes };

    return blk_co_call(blk, &c);
}

int coroutine_fn blk_co_flush(BlockBackend *blk)
{
    BdrvCall c = { .kind = BDRV_CALL_FLUSH };

    return blk_co_call(blk, &c);
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
        blk_dec_in_flight(blk_in);
        blk_begin(blk_out);
        blk_dec_in_flight(blk_out);
        blk_begin(blk_in);
    }
    blk_out->in_flight++;

    ret = blk_check_range(blk_in, off_in, bytes);
    if (ret == 0) {
        ret = blk_check_range(blk_out, off_out, bytes);
    }
    if (ret == 0) {
        ret = bdrv_co_copy_range_from(blk_in->root, off_in, blk_out->root,
                                      off_out, bytes, read_flags,
                                      blk_write_flags(blk_out, write_flags));
    }
    blk_dec_in_flight(blk_out);
    blk_dec_in_flight(blk_in);
    return ret;
}

/* ---- mixed forms -------------------------------------------------------- */

/* A request of a mixed form, for its coroutine. */
typedef struct BlkRun {
    BlockBackend *blk;
    BdrvCall *call;
    int ret;
} BlkRun;

static void coroutine_fn blk_run_entry(void *opaque)
{
    BlkRun *run = opaque;

    run->ret = blk_co_call(run->blk, run->call);
}

static int blk_run(BlockBackend *blk, BdrvCall *c)
{
    BlkRun run = { .blk = blk, .call = c };

    bdrv_run_co(blk->ctx, blk_run_entry, &run);
    return run.ret;
}

int blk_pread(BlockBackend *blk, int64_t offset, void *buf, int bytes)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);
    BdrvCall c = { BDRV_CALL_READ, offset, bytes, .qiov = &qiov };
    int ret = bytes < 0 ? -EIO : blk_run(blk, &c);

    return ret < 0 ? ret : bytes;
}

int blk_pwrite(BlockBackend *blk, int64_t offset, const void *buf, int bytes,
               BdrvRequestFlags flags)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);
    BdrvCall c = { BDRV_CALL_WRITE, offset, bytes, &qiov, .flags = flags };
    int ret = bytes < 0 ? -EIO : blk_run(blk, &c);

    return ret < 0 ? ret : bytes;
}

int blk_pwrite_zeroes(BlockBackend *blk, int64_t offset, int bytes,
                      BdrvRequestFlags flags)
{
    return blk_zero_range(blk, offset, bytes, flags);
}

int blk_zero_range(BlockBackend *blk, int64_t offset, int64_t bytes,
                   BdrvRequestFlags flags)
{
    BdrvCall c = { BDRV_CALL_ZERO_RANGE, offset, bytes, .flags = flags };

    return blk_run(blk, &c);
}

int blk_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    BdrvCall c = { BDRV_CALL_DISCARD, offset, .bytes = bytes };

    return blk_run(blk, &c);
}

int blk_flush(BlockBackend *blk)
{
    BdrvCall c = { .kind = BDRV_CALL_FLUSH };

    return blk_run(blk, &c);
}

int blk_truncate(BlockBackend *blk, int64_t offset, bool exact,
                 PreallocMode prealloc, Error **errp)
{
    BdrvCall c = {
        .kind = BDRV_CALL_TRUNCATE,
        .offset = offset,
        .exact = exact,
        .prealloc = prealloc,
        .errp = errp,
    };

    return blk_run(blk, &c);
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
