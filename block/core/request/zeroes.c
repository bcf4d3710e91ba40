/* SPDX-License-Identifier: MIT */
/*
 * Write-zeroes and discard.
 *
 * Invariants:
 *   - A driver's callback gets at most its limit (and INT_MAX), cut at its
 *     preferred alignment; a head or tail that is not a multiple of that
 *     comes apart from the rest.
 *   - Zeroes that the driver cannot make fast are written from one buffer that
 *     is never copied nor written to.
 */
#include "qemu/osdep.h"

#include "minblk/block-extra.h"
#include "minblk/checked.h"
#include "block/core/request/request.h"

/* ---- write-zeroes ------------------------------------------------------ */

/*
 * Writes zeroes as data, in pieces of a bounded vector.  @whole: they are parts
 * of a request of their own, with its debug events and, if they are not
 * aligned, its padding; otherwise they stand in for a call of the driver.
 */
static int coroutine_fn write_zero_data(BdrvChange *w, int64_t offset,
                                        int64_t bytes, BdrvRequestFlags flags,
                                        bool whole)
{
    int64_t align = w->bs->bl.request_alignment;
    int64_t piece = MAX(BDRV_ZERO_BUF * (int64_t)IOV_SPACE, align);
    struct iovec local[IOV_SPACE];
    struct iovec *space = local;
    size_t len = 0;
    int ret = 0;

    if (piece > BDRV_ZERO_BUF * (int64_t)IOV_SPACE) {
        len = piece / BDRV_ZERO_BUF * sizeof(*space);
        space = bdrv_bounce_get(w->bs, len);
    }
    flags &= ~(BDRV_REQ_ZERO_WRITE | BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK);
    if (flags & BDRV_REQ_FUA & ~bdrv_driver_write_flags(w->bs, flags)) {
        w->flush = true;
    }
    while (bytes && ret == 0) {
        int64_t n = MIN(bytes, piece);
        QEMUIOVector qiov;

        bdrv_zero_qiov(&qiov, space, n);
        if (whole) {
            ret = bdrv_change_part(w, offset, n, &qiov, 0, flags);
        } else {
            ret = bdrv_driver_write(w->bs, offset, n, &qiov, 0, flags);
        }
        offset += n;
        bytes -= n;
    }
    if (len) {
        bdrv_bounce_put(w->bs, space, len);
    }
    return ret;
}

/* One call of the driver's callback, or what stands in for it. */
static int coroutine_fn zero_call(BdrvChange *w, int64_t offset, int bytes,
                                  BdrvRequestFlags flags)
{
    BlockDriverState *bs = w->bs;
    int ret = -ENOTSUP;

    if (bs->drv->bdrv_co_pwrite_zeroes) {
        ret = bs->drv->bdrv_co_pwrite_zeroes(bs, offset, bytes,
                                             flags & bs->supported_zero_flags);
    }
    if (ret == -ENOTSUP && !(flags & BDRV_REQ_NO_FALLBACK)) {
        return write_zero_data(w, offset, bytes, flags, false);
    }
    if (ret >= 0 && (flags & ~bs->supported_zero_flags & BDRV_REQ_FUA)) {
        w->flush = true;
    }
    return MIN(ret, 0);
}

/*
 * How much of @bytes at @offset goes into one call: up to the next multiple of
 * @align, else as many multiples as @max allows, else the rest.
 */
static int64_t piece_bytes(int64_t offset, int64_t bytes, int64_t align,
                           int64_t max)
{
    int64_t head = offset % align;

    if (head) {
        return MIN(MIN(bytes, align - head), max);
    }
    bytes = MIN(bytes, max);
    return bytes >= align ? QEMU_ALIGN_DOWN(bytes, align) : bytes;
}

/* @limit (0: none) rounded down to @align, or @small where that is 0. */
static int64_t piece_max(int64_t limit, int64_t align, int64_t small)
{
    int64_t max = MIN_NON_ZERO(limit, INT_MAX);

    if (max >= align) {
        return QEMU_ALIGN_DOWN(max, align);
    }
    return MAX(QEMU_ALIGN_DOWN(max, small), small);
}

/*
 * Pieces end at multiples of pwrite_zeroes_alignment, so that a driver that
 * zeroes whole clusters gets whole ones.
 */
static int coroutine_fn zero_aligned(BdrvChange *w, int64_t offset,
                                     int64_t bytes, BdrvRequestFlags flags)
{
    BlockLimits *bl = &w->bs->bl;
    int64_t small = bl->request_alignment;
    int64_t align = ROUND_UP(MAX(bl->pwrite_zeroes_alignment, small), small);
    int64_t max = piece_max(bl->max_pwrite_zeroes, align, small);
    int ret = 0;

    bdrv_debug_event(w->bs, BLKDBG_PWRITEV_ZERO);
    while (bytes && ret == 0) {
        int64_t n = piece_bytes(offset, bytes, align, max);

        ret = zero_call(w, offset, n, flags);
        offset += n;
        bytes -= n;
    }
    bdrv_debug_event(w->bs, BLKDBG_PWRITEV_DONE);
    return ret;
}

/*
 * The unaligned ends are written as data, with the blocks that they share read
 * first; what is between them can be left to the driver.
 */
int coroutine_fn bdrv_change_to_zeroes(BdrvChange *w, int64_t offset,
                                       int64_t bytes, BdrvRequestFlags flags)
{
    int64_t align = w->bs->bl.request_alignment;
    int64_t end = offset + bytes;
    int64_t start = ROUND_UP(offset, align);
    int64_t stop = MAX(QEMU_ALIGN_DOWN(end, align), start);
    int ret = 0;

    if (offset < start) {
        ret = write_zero_data(w, offset, MIN(start, end) - offset, flags, true);
    }
    if (ret == 0 && start < stop) {
        ret = zero_aligned(w, start, stop - start, flags);
    }
    if (ret == 0 && stop < end) {
        ret = write_zero_data(w, stop, end - stop, flags, true);
    }
    return ret;
}

int coroutine_fn bdrv_co_pwrite_zeroes(BdrvChild *child, int64_t offset,
                                       int bytes, BdrvRequestFlags flags)
{
    BdrvChange w;
    int ret = bdrv_change_check(child, offset, bytes, flags);

    if (ret < 0 || bytes == 0) {
        return ret;
    }
    if (!(child->bs->open_flags & BDRV_O_UNMAP)) {
        flags &= ~BDRV_REQ_MAY_UNMAP;
    }
    if (flags & ~child->bs->supported_zero_flags & BDRV_REQ_NO_FALLBACK) {
        return -ENOTSUP;
    }
    ret = bdrv_change_begin(&w, child, offset, bytes, NULL, 0, flags,
                            BDRV_TRACKED_WRITE);
    if (ret < 0) {
        return ret;
    }
    ret = bdrv_change_to_zeroes(&w, offset, bytes, flags);
    return bdrv_change_end(&w, ret);
}

/* A multiple of every alignment, so only the ends of a range are unaligned. */
#define ZERO_RANGE_PIECE BDRV_MAX_ALIGNMENT

int coroutine_fn bdrv_co_zero_range(BdrvChild *child, int64_t offset,
                                    int64_t bytes, BdrvRequestFlags flags)
{
    int ret;

    if (!checked_range_within(offset, bytes, BDRV_MAX_LENGTH)) {
        return -EIO;
    }
    do {
        int n = bytes <= BDRV_REQUEST_MAX_BYTES
                    ? bytes
                    : ZERO_RANGE_PIECE - offset % ZERO_RANGE_PIECE;

        ret = bdrv_co_pwrite_zeroes(child, offset, n, flags);
        offset += n;
        bytes -= n;
    } while (bytes && ret == 0);
    return ret;
}

/* ---- discard ----------------------------------------------------------- */

/*
 * Less than request_alignment comes in a call of its own, because a driver may
 * refuse it (-ENOTSUP, which counts as done) but must not refuse the rest.
 */
static int coroutine_fn discard_part(BlockDriverState *bs, int64_t offset,
                                     int64_t bytes)
{
    int64_t small = bs->bl.request_alignment;
    int64_t align = ROUND_UP(MAX(bs->bl.pdiscard_alignment, small), small);
    int64_t max = piece_max(bs->bl.max_pdiscard, align, small);
    int ret = 0;

    while (bytes && ret == 0) {
        int64_t n = piece_bytes(offset, bytes, small, max);

        if (QEMU_IS_ALIGNED(offset, small) && n >= small) {
            n = QEMU_ALIGN_DOWN(piece_bytes(offset, bytes, align, max), small);
        }
        ret = bs->drv->bdrv_co_pdiscard(bs, offset, n);
        ret = ret == -ENOTSUP ? 0 : MIN(ret, 0);
        offset += n;
        bytes -= n;
    }
    return ret;
}

/*
 * Discarding is advice: without a driver that takes it, or with discard=ignore,
 * nothing has to be done, and that is no error.
 */
int coroutine_fn bdrv_co_pdiscard(BdrvChild *child, int64_t offset,
                                  int64_t bytes)
{
    BlockDriverState *bs = child->bs;
    BdrvChange w;
    int ret;

    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (!checked_range_within(offset, bytes, BDRV_MAX_LENGTH)) {
        return -EIO;
    }
    if (bytes == 0 || !(bs->open_flags & BDRV_O_UNMAP) ||
        !bs->drv->bdrv_co_pdiscard) {
        return 0;
    }
    ret = bdrv_change_check(child, offset, 0, 0);
    if (ret < 0) {
        return ret;
    }
    ret = bdrv_change_begin(&w, child, offset, bytes, NULL, 0, 0,
                            BDRV_TRACKED_DISCARD);
    if (ret < 0) {
        return ret;
    }
    ret = discard_part(bs, offset, bytes);
    return bdrv_change_end(&w, ret);
}
