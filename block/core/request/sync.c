/* SPDX-License-Identifier: MIT */
/*
 * Mixed forms of requests, for callers that are in no coroutine.
 *
 * A coroutine is entered with one pointer, so a request that starts in one has
 * to be data first: a BdrvCall, which BlockBackends use, too.
 */
#include "qemu/osdep.h"

#include "block/core/request/request.h"
#include "minblk/block-extra.h"
#include "qemu/error-report.h"

/* ---- requests as data ---------------------------------------------------- */

int coroutine_fn bdrv_co_call(BlockDriverState *bs, BdrvChild *child,
                              const BdrvCall *c)
{
    switch (c->kind) {
    case BDRV_CALL_READ:
        return bdrv_co_preadv(child, c->offset, c->bytes, c->qiov, c->flags);
    case BDRV_CALL_WRITE:
        return bdrv_co_pwritev(child, c->offset, c->bytes, c->qiov, c->flags);
    case BDRV_CALL_ZERO_RANGE:
        return bdrv_co_zero_range(child, c->offset, c->bytes, c->flags);
    case BDRV_CALL_DISCARD:
        return bdrv_co_pdiscard(child, c->offset, c->bytes);
    case BDRV_CALL_FLUSH:
        return bdrv_co_flush(bs);
    case BDRV_CALL_TRUNCATE:
        return bdrv_co_truncate(child, c->offset, c->exact, c->prealloc,
                                c->errp);
    }
    g_assert_not_reached();
}

typedef struct SyncRun {
    BlockDriverState *bs;
    BdrvChild *child;
    const BdrvCall *call;
    int ret;
} SyncRun;

static void coroutine_fn sync_entry(void *opaque)
{
    SyncRun *run = opaque;

    run->ret = bdrv_co_call(run->bs, run->child, run->call);
}

static int sync_run(BlockDriverState *bs, BdrvChild *child, const BdrvCall *c)
{
    SyncRun run = { .bs = bs, .child = child, .call = c };

    bdrv_run_co(bdrv_get_aio_context(bs), sync_entry, &run);
    return run.ret;
}

/* The range is checked first, because requests narrow it to unsigned. */
static int sync_run_range(BdrvChild *child, const BdrvCall *c)
{
    int ret = bdrv_check_byte_request(child->bs, c->offset, c->bytes);

    return ret < 0 ? ret : sync_run(child->bs, child, c);
}

/* ---- mixed forms --------------------------------------------------------- */

int bdrv_pread(BdrvChild *child, int64_t offset, void *buf, int bytes)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);
    BdrvCall c = { BDRV_CALL_READ, offset, bytes, .qiov = &qiov };
    int ret = sync_run_range(child, &c);

    return ret < 0 ? ret : bytes;
}

int bdrv_pwrite(BdrvChild *child, int64_t offset, const void *buf, int bytes)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);
    BdrvCall c = { BDRV_CALL_WRITE, offset, bytes, .qiov = &qiov };
    int ret = sync_run_range(child, &c);

    return ret < 0 ? ret : bytes;
}

int bdrv_pwrite_sync(BdrvChild *child, int64_t offset, const void *buf,
                     int count)
{
    int ret = bdrv_pwrite(child, offset, buf, count);

    return ret < 0 ? ret : bdrv_flush(child->bs);
}

int bdrv_pwrite_zeroes(BdrvChild *child, int64_t offset, int bytes,
                       BdrvRequestFlags flags)
{
    BdrvCall c = { BDRV_CALL_ZERO_RANGE, offset, bytes, .flags = flags };

    return sync_run_range(child, &c);
}

int bdrv_zero_range(BdrvChild *child, int64_t offset, int64_t bytes,
                    BdrvRequestFlags flags)
{
    BdrvCall c = { BDRV_CALL_ZERO_RANGE, offset, bytes, .flags = flags };

    return sync_run(child->bs, child, &c);
}

int bdrv_flush(BlockDriverState *bs)
{
    BdrvCall c = { .kind = BDRV_CALL_FLUSH };

    return sync_run(bs, NULL, &c);
}

/*
 * Parents close before their children.  So in a chain the top node reports the
 * error; those below it have returned theirs to their parents' flush.
 */
int bdrv_flush_report(BlockDriverState *bs)
{
    bool known = bs->flush_failed && bs->failed_gen == bs->write_gen;
    int ret = bdrv_flush(bs);

    if (ret < 0 && !known && bs->filename[0]) {
        error_report("Could not flush '%s' (node '%s'): %s", bs->filename,
                     bs->node_name, strerror(-ret));
    } else if (ret < 0 && !known) {
        error_report("Could not flush node '%s': %s", bs->node_name,
                     strerror(-ret));
    }
    return ret;
}

int bdrv_truncate(BdrvChild *child, int64_t offset, bool exact,
                  PreallocMode prealloc, Error **errp)
{
    BdrvCall c = {
        .kind = BDRV_CALL_TRUNCATE,
        .offset = offset,
        .exact = exact,
        .prealloc = prealloc,
        .errp = errp,
    };

    return sync_run(child->bs, child, &c);
}

/* ---- block status ------------------------------------------------------ */

typedef struct Status {
    BlockDriverState *bs;
    BlockDriverState *base;
    bool want_zero;
    int64_t offset;
    int64_t bytes;
    int64_t *pnum;
    int64_t *map;
    BlockDriverState **file;
    int *depth;
    int ret;
} Status;

static void coroutine_fn status_entry(void *opaque)
{
    Status *s = opaque;

    s->ret = bdrv_co_block_status_above(s->bs, s->base, s->want_zero, s->offset,
                                        s->bytes, s->pnum, s->map, s->file,
                                        s->depth);
}

static int run_status(Status *s)
{
    bdrv_run_co(bdrv_get_aio_context(s->bs), status_entry, s);
    return s->ret;
}

int bdrv_block_status_depth(BlockDriverState *bs, BlockDriverState *base,
                            int64_t offset, int64_t bytes, int64_t *pnum,
                            int64_t *map, BlockDriverState **file, int *depth)
{
    Status s = { bs, base, true, offset, bytes, pnum, map, file, depth, 0 };

    return run_status(&s);
}

int bdrv_block_status_above(BlockDriverState *bs, BlockDriverState *base,
                            int64_t offset, int64_t bytes, int64_t *pnum,
                            int64_t *map, BlockDriverState **file)
{
    return bdrv_block_status_depth(bs, base, offset, bytes, pnum, map, file,
                                   NULL);
}

int bdrv_block_status(BlockDriverState *bs, int64_t offset, int64_t bytes,
                      int64_t *pnum, int64_t *map, BlockDriverState **file)
{
    return bdrv_block_status_above(bs, bdrv_backing_bs(bs), offset, bytes, pnum,
                                   map, file);
}

int bdrv_is_allocated(BlockDriverState *bs, int64_t offset, int64_t bytes,
                      int64_t *pnum)
{
    Status s = {
        .bs = bs,
        .base = bdrv_backing_bs(bs),
        .offset = offset,
        .bytes = bytes,
        .pnum = pnum,
    };
    int ret = run_status(&s);

    return ret < 0 ? ret : !!(ret & BDRV_BLOCK_ALLOCATED);
}
