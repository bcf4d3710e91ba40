/* SPDX-License-Identifier: MIT */
/*
 * Copy on read: what a node has from its backing is written to the node itself
 * before it is read.
 *
 * Invariants:
 *   - The disk reads as before: the copy holds its range for itself from the
 *     look at the backing to the end of the write, because otherwise it would
 *     undo a write that came in between.
 *   - Only what was asked for is copied, rounded out to the alignment.  Whoever
 *     allocates more than that at a time fills up the rest by itself, as for
 *     any write.
 */
#include "qemu/osdep.h"
#include "block/core/request/request.h"
#include "qemu/cutils.h"

/* Is there anything to be copied from, below filters perhaps? */
static bool copy_has_source(BlockDriverState *bs)
{
    while (bs->drv && bs->drv->is_filter && bs->file) {
        bs = bs->file->bs;
    }
    return bs->backing;
}

/*
 * Zeroes stay cheap where they fill what the driver zeroes at a time.  It is
 * asked itself, because zeroes.c belongs to changes, which may have to read.
 */
static int coroutine_fn copy_piece_up(BlockDriverState *bs, int64_t offset,
                                      QEMUIOVector *qiov)
{
    int64_t align = MAX(bs->bl.pwrite_zeroes_alignment,
                        bs->bl.request_alignment);
    int bytes = qiov->size;
    int ret = -ENOTSUP;

    bdrv_debug_event(bs, BLKDBG_COR_WRITE);
    if (bs->drv->bdrv_co_pwrite_zeroes &&
        offset % align == 0 && bytes % align == 0 &&
        MIN_NON_ZERO(bs->bl.max_pwrite_zeroes, bytes) == bytes &&
        buffer_is_zero(qiov->iov->iov_base, bytes)) {
        ret = bs->drv->bdrv_co_pwrite_zeroes(
            bs, offset, bytes,
            BDRV_REQ_WRITE_UNCHANGED & bs->supported_zero_flags);
    }
    if (ret == -ENOTSUP) {
        ret = bdrv_driver_write(bs, offset, bytes, qiov, 0,
                                BDRV_REQ_WRITE_UNCHANGED);
    }
    bs->write_gen++;
    return MIN(ret, 0);
}

/* A range that is not allocated, in pieces of a bounded buffer. */
static int coroutine_fn copy_range_up(BlockDriverState *bs, int64_t offset,
                                      int64_t bytes)
{
    int64_t align = bs->bl.request_alignment;
    int64_t piece = MAX(BDRV_BOUNCE_MAX, align), n;
    int ret = 0;

    for (; bytes > 0 && ret == 0; offset += n, bytes -= n) {
        void *buf;
        QEMUIOVector qiov;

        n = MIN(ROUND_UP(bytes, align), piece);
        buf = bdrv_bounce_get(bs, n);
        qemu_iovec_init_buf(&qiov, buf, n);
        ret = bdrv_driver_read(bs, offset, n, &qiov, 0);
        if (ret == 0) {
            ret = copy_piece_up(bs, offset, &qiov);
        }
        bdrv_bounce_put(bs, buf, n);
    }
    return ret;
}

int coroutine_fn bdrv_copy_up(BdrvChild *child, int64_t offset, int64_t bytes)
{
    BlockDriverState *bs = child->bs;
    int64_t align = bs->bl.request_alignment;
    int64_t length, end, n;
    BdrvTrackedRequest req;
    int ret = 0;

    if (bs->read_only ||
        !(child->perm & (BLK_PERM_WRITE | BLK_PERM_WRITE_UNCHANGED))) {
        return -EPERM;
    }
    if (!copy_has_source(bs)) {
        return 0;
    }
    bdrv_tracked_request_begin(&req, bs, offset, bytes, BDRV_TRACKED_WRITE);
    bdrv_mark_request_serialising(&req, align, false);
    bdrv_wait_serialising_requests(&req);
    length = bdrv_getlength(bs);
    end = MIN(ROUND_UP(offset + bytes, align), length);
    for (offset = QEMU_ALIGN_DOWN(offset, align); offset < end && ret == 0;
         offset += n) {
        ret = bdrv_co_block_status_above(bs, bdrv_backing_bs(bs), false, offset,
                                         end - offset, &n, NULL, NULL, NULL);
        if (ret >= 0 && n == 0) {
            break; /* the disk has become shorter */
        }
        if (ret >= 0) {
            ret = ret & BDRV_BLOCK_ALLOCATED ? 0 : copy_range_up(bs, offset, n);
        }
    }
    bdrv_tracked_request_end(&req);
    return length < 0 ? length : ret;
}
