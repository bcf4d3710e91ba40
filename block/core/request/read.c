/* SPDX-License-Identifier: MIT */
/*
 * Reads of a node: bounds, order, alignment.
 */
#include "qemu/osdep.h"
#include "block/core/request/request.h"

/*
 * In a function of its own, because its BdrvPad is large and an aligned read,
 * which most are, should not pay for the stack.
 */
static int coroutine_fn read_padded(BlockDriverState *bs, int64_t offset,
                                    int64_t bytes, QEMUIOVector *qiov,
                                    size_t qiov_offset)
{
    BdrvPad pad;
    int ret;

    bdrv_pad_begin(&pad, bs, offset, bytes, qiov, qiov_offset);
    ret = bdrv_driver_read(bs, pad.offset, pad.bytes, &pad.qiov, 0);
    if (ret == 0) {
        bdrv_pad_get_data(&pad);
    }
    bdrv_pad_end(&pad, bs);
    return ret;
}

/*
 * Reads wait for serialising requests, as these may be halfway through
 * rewriting a block that the read sees.
 */
int coroutine_fn bdrv_co_preadv_part(BdrvChild *child, int64_t offset,
                                     unsigned int bytes, QEMUIOVector *qiov,
                                     size_t qiov_offset, BdrvRequestFlags flags)
{
    BlockDriverState *bs = child->bs;
    BdrvTrackedRequest req;
    int ret = bdrv_check_byte_request(bs, offset, bytes);

    if (ret < 0 || bytes == 0) {
        return ret;
    }
    if (flags & BDRV_REQ_COPY_ON_READ) {
        ret = bdrv_copy_up(child, offset, bytes);
        if (ret < 0 || (flags & BDRV_REQ_PREFETCH)) {
            return ret;
        }
    }
    bdrv_tracked_request_begin(&req, bs, offset, bytes, BDRV_TRACKED_READ);
    if (flags & BDRV_REQ_SERIALISING) {
        bdrv_mark_request_serialising(&req, bs->bl.request_alignment, false);
    }
    bdrv_wait_serialising_requests(&req);
    if (bdrv_is_aligned(bs, offset, bytes)) {
        ret = bdrv_driver_read(bs, offset, bytes, qiov, qiov_offset);
    } else {
        ret = read_padded(bs, offset, bytes, qiov, qiov_offset);
    }
    bdrv_tracked_request_end(&req);
    return ret;
}

int coroutine_fn bdrv_co_preadv(BdrvChild *child, int64_t offset,
                                unsigned int bytes, QEMUIOVector *qiov,
                                BdrvRequestFlags flags)
{
    return bdrv_co_preadv_part(child, offset, bytes, qiov, 0, flags);
}

int coroutine_fn bdrv_co_pread(BdrvChild *child, int64_t offset,
                               unsigned int bytes, void *buf,
                               BdrvRequestFlags flags)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);

    return bdrv_co_preadv(child, offset, bytes, &qiov, flags);
}
