/* SPDX-License-Identifier: MIT */
/*
 * Mixed forms of requests, for callers that are in no coroutine.
 */
#include "qemu/osdep.h"

#include "block/core/request/request.h"
#include "minblk/block-extra.h"
#include "qemu/error-report.h"

/* ---- reads and writes -------------------------------------------------- */

typedef struct Rw {
    BdrvChild *child;
    int64_t offset;
    int bytes;
    QEMUIOVector *qiov; /* NULL: zeroes are written */
    bool write;
    BdrvRequestFlags flags;
    int ret;
} Rw;

static void coroutine_fn rw_entry(void *opaque)
{
    Rw *rw = opaque;

    if (!rw->qiov) {
        rw->ret =
            bdrv_co_pwrite_zeroes(rw->child, rw->offset, rw->bytes, rw->flags);
    } else if (rw->write) {
        rw->ret = bdrv_co_pwritev(rw->child, rw->offset, rw->bytes, rw->qiov,
                                  rw->flags);
    } else {
        rw->ret = bdrv_co_preadv(rw->child, rw->offset, rw->bytes, rw->qiov,
                                 rw->flags);
    }
}

/* The range is checked first, because the entries narrow it to unsigned. */
static int run_rw(Rw *rw)
{
    int ret = bdrv_check_byte_request(rw->child->bs, rw->offset, rw->bytes);

    if (ret < 0) {
        return ret;
    }
    bdrv_run_co(bdrv_get_aio_context(rw->child->bs), rw_entry, rw);
    return rw->ret;
}

int bdrv_pread(BdrvChild *child, int64_t offset, void *buf, int bytes)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);
    Rw rw = { child, offset, bytes, .qiov = &qiov };
    int ret = run_rw(&rw);

    return ret < 0 ? ret : bytes;
}

int bdrv_pwrite(BdrvChild *child, int64_t offset, const void *buf, int bytes)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);
    Rw rw = { child, offset, bytes, .qiov = &qiov, .write = true };
    int ret = run_rw(&rw);

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
    Rw rw = { child, offset, bytes, .write = true, .flags = flags };

    return run_rw(&rw);
}

typedef struct ZeroRange {
    BdrvChild *child;
    int64_t offset;
    int64_t bytes;
    BdrvRequestFlags flags;
    int ret;
} ZeroRange;

static void coroutine_fn zero_range_entry(void *opaque)
{
    ZeroRange *z = opaque;

    z->ret = bdrv_co_zero_range(z->child, z->offset, z->bytes, z->flags);
}

int bdrv_zero_range(BdrvChild *child, int64_t offset, int64_t bytes,
                    BdrvRequestFlags flags)
{
    ZeroRange z = { child, offset, bytes, flags, 0 };

    bdrv_run_co(bdrv_get_aio_context(child->bs), zero_range_entry, &z);
    return z.ret;
}

/* ---- flush, truncate --------------------------------------------------- */

typedef struct Flush {
    BlockDriverState *bs;
    int ret;
} Flush;

static void coroutine_fn flush_entry(void *opaque)
{
    Flush *f = opaque;

    f->ret = bdrv_co_flush(f->bs);
}

int bdrv_flush(BlockDriverState *bs)
{
    Flush f = { .bs = bs };

    bdrv_run_co(bdrv_get_aio_context(bs), flush_entry, &f);
    return f.ret;
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

typedef struct Truncate {
    BdrvChild *child;
    int64_t offset;
    bool exact;
    PreallocMode prealloc;
    Error **errp;
    int ret;
} Truncate;

static void coroutine_fn truncate_entry(void *opaque)
{
    Truncate *t = opaque;

    t->ret =
        bdrv_co_truncate(t->child, t->offset, t->exact, t->prealloc, t->errp);
}

int bdrv_truncate(BdrvChild *child, int64_t offset, bool exact,
                  PreallocMode prealloc, Error **errp)
{
    Truncate t = { child, offset, exact, prealloc, errp, 0 };

    bdrv_run_co(bdrv_get_aio_context(child->bs), truncate_entry, &t);
    return t.ret;
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

int bdrv_block_status_above(BlockDriverState *bs, BlockDriverState *base,
                            int64_t offset, int64_t bytes, int64_t *pnum,
                            int64_t *map, BlockDriverState **file, int *depth)
{
    Status s = { bs, base, true, offset, bytes, pnum, map, file, depth, 0 };

    return run_status(&s);
}

int bdrv_block_status(BlockDriverState *bs, int64_t offset, int64_t bytes,
                      int64_t *pnum, int64_t *map, BlockDriverState **file)
{
    return bdrv_block_status_above(bs, bdrv_backing_bs(bs), offset, bytes, pnum,
                                   map, file, NULL);
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
