/* SPDX-License-Identifier: MIT */
/*
 * One change of a node's contents from begin to end: a write, zeroes, a discard
 * or the end of a truncate.
 *
 * Invariants:
 *   - An unaligned write holds the blocks that it shares with others for
 *     itself, from the read of their old contents to the end of the write,
 *     because otherwise it would write back what another request has replaced.
 *   - A file ends after a write where it ended before or where the request
 *     ends, whichever is further: when whole blocks must be written past it,
 *     everything to the end of the file waits until it has been cut back.
 *   - The write generation is raised after the driver is done and before the
 *     request is, so that a flush which began meanwhile does not count for it.
 */
#include "qemu/osdep.h"
#include "block/core/request/request.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "qemu/units.h"

/* ---- a write from begin to end ----------------------------------------- */

/* For a write that changes nothing either permission will do. */
int bdrv_change_check(BdrvChild *child, int64_t offset, int64_t bytes,
                      BdrvRequestFlags flags)
{
    uint64_t perm = BLK_PERM_WRITE;
    int ret = bdrv_check_byte_request(child->bs, offset, bytes);

    if (ret < 0) {
        return ret;
    }
    if ((flags & ~child->bs->supported_write_flags &
         BDRV_REQ_WRITE_COMPRESSED) &&
        !child->bs->drv->bdrv_co_pwritev_compressed) {
        return -ENOTSUP;
    }
    if (flags & BDRV_REQ_WRITE_UNCHANGED) {
        perm |= BLK_PERM_WRITE_UNCHANGED;
    }
    return child->bs->read_only || !(child->perm & perm) ? -EPERM : 0;
}

/* The exact length of a file in bytes; INT64_MAX for what is no file. */
static int64_t file_length(BlockDriverState *bs)
{
    if (!bdrv_is_protocol_driver(bs->drv) || !bs->drv->bdrv_getlength) {
        return INT64_MAX;
    }
    return bdrv_exact_length(bs);
}

/*
 * The page cache holds files by folios, which may have so many bytes, aligned
 * to them.  With direct I/O the file's end is written through it, and a folio
 * that is dirty while others write to the disk beside it would overwrite that
 * later.
 */
#define FOLIO_MAX (2 * MiB)

int64_t bdrv_end_align(BlockDriverState *bs)
{
    int64_t align = bs->bl.request_alignment;

    return align > 1 && bs->drv->bdrv_co_pwritev_tail ? MAX(align, FOLIO_MAX)
                                                      : align;
}

/*
 * The end of the file matters only to a write whose last block is not whole: it
 * would be written whole and cut back, and whatever another request appended in
 * between would be cut off, too.  It may be moved while the write waits.
 */
static void mark_write(BdrvChange *w, BdrvRequestFlags flags)
{
    BdrvTrackedRequest *req = &w->req;
    int64_t align = w->bs->bl.request_alignment;
    int64_t end = req->offset + req->bytes;

    if (!bdrv_is_aligned(w->bs, req->offset, req->bytes)) {
        bool to_end =
            (end & (align - 1)) && (ROUND_UP(end, align) > file_length(w->bs) ||
                                    bdrv_end_in_motion(w->bs));

        bdrv_mark_request_serialising(
            req, to_end ? bdrv_end_align(w->bs) : align, to_end);
    } else if (flags & BDRV_REQ_SERIALISING) {
        bdrv_mark_request_serialising(req, align, false);
    }
}

/*
 * A format has as many bytes as it says, so a write past that is an error; a
 * file grows, if its user may make it grow.
 */
int bdrv_change_check_end(BdrvChange *w, int64_t end)
{
    BlockDriver *drv = w->bs->drv;

    if (end <= w->bs->total_sectors * (int64_t)BDRV_SECTOR_SIZE) {
        return 0;
    }
    if (!bdrv_is_protocol_driver(drv) && !drv->has_variable_length) {
        return -ENOSPC;
    }
    return w->child->perm & BLK_PERM_RESIZE ? 0 : -EPERM;
}

int coroutine_fn bdrv_change_begin(BdrvChange *w, BdrvChild *child,
                                   int64_t offset, int64_t bytes,
                                   QEMUIOVector *qiov, size_t qiov_offset,
                                   BdrvRequestFlags flags,
                                   enum BdrvTrackedRequestType type)
{
    int ret;

    w->child = child;
    w->bs = child->bs;
    w->flush = false;
    ret = bdrv_guard_write(child, offset, bytes, qiov, qiov_offset,
                           type == BDRV_TRACKED_DISCARD, &w->guarded);
    if (ret < 0) {
        return ret;
    }
    bdrv_tracked_request_begin(&w->req, w->bs, offset, bytes, type);
    do {
        mark_write(w, flags);
    } while (bdrv_wait_for_conflict(&w->req));
    ret = type == BDRV_TRACKED_DISCARD
              ? 0
              : bdrv_change_check_end(w, offset + bytes);
    if (ret < 0) {
        bdrv_tracked_request_end(&w->req);
        if (w->guarded) {
            bdrv_guard_end(child);
        }
    }
    return ret;
}

/*
 * A failed change raises the generation, too, because it may have written
 * something that a flush must make durable.
 */
int coroutine_fn bdrv_change_end(BdrvChange *w, int ret)
{
    int64_t end = w->req.offset + w->req.bytes;

    w->bs->write_gen++;
    if (ret == 0 && w->req.type == BDRV_TRACKED_WRITE) {
        w->bs->total_sectors = MAX(
            w->bs->total_sectors, DIV_ROUND_UP(end, (int64_t)BDRV_SECTOR_SIZE));
    }
    if (ret == 0 && w->flush) {
        ret = bdrv_co_flush(w->bs);
    }
    if (w->guarded) {
        bdrv_guard_end(w->child);
    }
    bdrv_tracked_request_end(&w->req);
    return ret;
}

/* ---- the parts of a write ---------------------------------------------- */

/*
 * The blocks at the ends are read, and then all is written in one request,
 * which bdrv_change_begin() has made wait for others in these blocks.
 */
static int coroutine_fn write_padded(BdrvChange *w, int64_t offset,
                                     int64_t bytes, QEMUIOVector *qiov,
                                     size_t qiov_offset, BdrvRequestFlags flags)
{
    BdrvPad pad;
    int ret;

    bdrv_pad_begin(&pad, w->bs, offset, bytes, qiov, qiov_offset);
    ret = bdrv_pad_read(&pad, w->bs);
    if (ret == 0) {
        bdrv_pad_put_data(&pad);
        ret = bdrv_change_part(w, pad.offset, pad.bytes, &pad.qiov, 0, flags);
    }
    bdrv_pad_end(&pad, w->bs);
    return ret;
}

/* The driver writes up to a byte, not a block; -ENOTSUP: it cannot now. */
static int coroutine_fn write_tail(BdrvChange *w, int64_t offset, int64_t bytes,
                                   QEMUIOVector *qiov, size_t qiov_offset,
                                   BdrvRequestFlags flags)
{
    IovSpace slice;
    int ret;

    if (!w->bs->drv->bdrv_co_pwritev_tail) {
        return -ENOTSUP;
    }
    iov_space_init_slice(&slice, qiov, qiov_offset, bytes);
    bdrv_debug_event(w->bs, BLKDBG_PWRITEV);
    ret = w->bs->drv->bdrv_co_pwritev_tail(w->bs, offset, bytes, &slice.qiov);
    bdrv_debug_event(w->bs, BLKDBG_PWRITEV_DONE);
    iov_space_destroy(&slice);
    if (ret >= 0 && (flags & BDRV_REQ_FUA)) {
        w->flush = true;
    }
    return MIN(ret, 0);
}

/* Cuts off the padding after @length. */
static int coroutine_fn cut_back(BdrvChange *w, int64_t length)
{
    BlockDriver *drv = w->bs->drv;
    Error *err = NULL;
    int ret;

    if (!drv->bdrv_co_truncate || file_length(w->bs) <= length) {
        return 0;
    }
    ret = drv->bdrv_co_truncate(w->bs, length, true, PREALLOC_MODE_OFF, &err);
    error_free(err);
    return MIN(ret, 0);
}

int coroutine_fn bdrv_change_part(BdrvChange *w, int64_t offset, int64_t bytes,
                                  QEMUIOVector *qiov, size_t qiov_offset,
                                  BdrvRequestFlags flags)
{
    int64_t end = offset + bytes;
    int64_t length;
    int ret, cut;

    if (bdrv_is_aligned(w->bs, offset, bytes)) {
        if (flags & BDRV_REQ_FUA & ~bdrv_driver_write_flags(w->bs, flags)) {
            w->flush = true;
        }
        bdrv_debug_event(w->bs, BLKDBG_PWRITEV);
        ret = bdrv_driver_write(w->bs, offset, bytes, qiov, qiov_offset, flags);
        bdrv_debug_event(w->bs, BLKDBG_PWRITEV_DONE);
        return ret;
    }
    length = file_length(w->bs);
    if (length < 0) {
        return length;
    }
    length = MAX(length, end);
    if (ROUND_UP(end, w->bs->bl.request_alignment) <= length) {
        return write_padded(w, offset, bytes, qiov, qiov_offset, flags);
    }
    ret = write_tail(w, offset, bytes, qiov, qiov_offset, flags);
    if (ret != -ENOTSUP) {
        return ret;
    }
    ret = write_padded(w, offset, bytes, qiov, qiov_offset, flags);
    cut = cut_back(w, length);
    return ret < 0 ? ret : cut;
}
