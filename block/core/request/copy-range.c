/* SPDX-License-Identifier: MIT */
/*
 * Copies that no buffer sees: down the source by its drivers' callbacks, then
 * down the target.
 *
 * Invariants:
 *   - Both halves are tracked requests.  The target's never waits: it refuses
 *     with -ENOTSUP where it would have to, since the source's half, held
 *     meanwhile, may be what others wait for.
 *   - Whoever gets -ENOTSUP copies with a buffer instead; nothing was written.
 */
#include "qemu/osdep.h"

#include "block/core/request/request.h"

/* For both halves.  0 or -errno. */
static int check_copy(BdrvChild *src, uint64_t src_offset, BdrvChild *dst,
                      uint64_t dst_offset, uint64_t bytes)
{
    int64_t mask;
    int ret;

    if (bytes > BDRV_REQUEST_MAX_BYTES || src_offset > INT64_MAX ||
        dst_offset > INT64_MAX) {
        return -EIO;
    }
    ret = bdrv_check_byte_request(src->bs, src_offset, bytes);
    if (ret < 0) {
        return ret;
    }
    ret = bdrv_check_byte_request(dst->bs, dst_offset, bytes);
    if (ret < 0) {
        return ret;
    }
    if (!src->bs->drv->bdrv_co_copy_range_from ||
        !dst->bs->drv->bdrv_co_copy_range_to) {
        return -ENOTSUP;
    }
    mask = (src->bs->bl.request_alignment - 1) |
           (dst->bs->bl.request_alignment - 1);
    return (src_offset | dst_offset | bytes) & mask ? -ENOTSUP : 0;
}

/*
 * Past the end of the source there is nothing that a kernel could copy, so the
 * caller has to write zeroes by itself.
 */
int coroutine_fn bdrv_co_copy_range_from(BdrvChild *src, uint64_t src_offset,
                                         BdrvChild *dst, uint64_t dst_offset,
                                         uint64_t bytes,
                                         BdrvRequestFlags read_flags,
                                         BdrvRequestFlags write_flags)
{
    BlockDriverState *bs = src->bs;
    BdrvTrackedRequest req;
    int64_t length;
    int ret = check_copy(src, src_offset, dst, dst_offset, bytes);

    if (ret < 0 || bytes == 0) {
        return ret;
    }
    if (write_flags & BDRV_REQ_ZERO_WRITE) {
        return bdrv_co_pwrite_zeroes(dst, dst_offset, bytes,
                                     write_flags & ~BDRV_REQ_ZERO_WRITE);
    }
    length = bdrv_getlength(bs);
    if (length < 0 || (int64_t)(src_offset + bytes) > length) {
        return length < 0 ? length : -ENOTSUP;
    }
    bdrv_tracked_request_begin(&req, bs, src_offset, bytes, BDRV_TRACKED_READ);
    bdrv_wait_serialising_requests(&req);
    ret = bs->drv->bdrv_co_copy_range_from(bs, src, src_offset, dst, dst_offset,
                                           bytes, read_flags, write_flags);
    bdrv_tracked_request_end(&req);
    return MIN(ret, 0);
}

int coroutine_fn bdrv_co_copy_range_to(BdrvChild *src, uint64_t src_offset,
                                       BdrvChild *dst, uint64_t dst_offset,
                                       uint64_t bytes,
                                       BdrvRequestFlags read_flags,
                                       BdrvRequestFlags write_flags)
{
    BdrvChange w = { .child = dst, .bs = dst->bs };
    int ret = check_copy(src, src_offset, dst, dst_offset, bytes);

    if (ret == 0) {
        ret = bdrv_change_check(dst, dst_offset, bytes, write_flags);
    }
    if (ret == 0 && bytes) {
        ret = bdrv_guard_copy(dst, dst_offset, bytes);
    }
    if (ret < 0 || bytes == 0) {
        return ret;
    }
    bdrv_tracked_request_begin(&w.req, w.bs, dst_offset, bytes,
                               BDRV_TRACKED_WRITE);
    if (write_flags & BDRV_REQ_SERIALISING) {
        bdrv_mark_request_serialising(&w.req, w.bs->bl.request_alignment,
                                      false);
    }
    ret = bdrv_request_conflicts(&w.req)
              ? -ENOTSUP
              : bdrv_change_check_end(&w, dst_offset + bytes);
    if (ret < 0) {
        bdrv_tracked_request_end(&w.req);
        return ret;
    }
    ret = w.bs->drv->bdrv_co_copy_range_to(w.bs, src, src_offset, dst,
                                           dst_offset, bytes, read_flags,
                                           write_flags & ~BDRV_REQ_FUA);
    w.flush = write_flags & BDRV_REQ_FUA;
    return bdrv_change_end(&w, MIN(ret, 0));
}
