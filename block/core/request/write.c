/* SPDX-License-Identifier: MIT */
/*
 * Writes of data to a node; zeroes.c has those of zeroes, change.c what all
 * changes have in common.
 */
#include "qemu/osdep.h"
#include "block/core/request/request.h"

int coroutine_fn bdrv_co_pwritev_part(BdrvChild *child, int64_t offset,
                                      unsigned int bytes, QEMUIOVector *qiov,
                                      size_t qiov_offset,
                                      BdrvRequestFlags flags)
{
    BdrvChange w;
    int ret;

    if (flags & BDRV_REQ_ZERO_WRITE) {
        return bdrv_co_pwrite_zeroes(child, offset, bytes,
                                     flags & ~BDRV_REQ_ZERO_WRITE);
    }
    ret = bdrv_change_check(child, offset, bytes, flags);
    if (ret < 0) {
        return ret;
    }
    if (bytes == 0 && (offset != 0 || !(flags & BDRV_REQ_WRITE_COMPRESSED))) {
        return 0; /* else the driver is told that a compressed image ends */
    }
    ret = bdrv_change_begin(&w, child, offset, bytes, qiov, qiov_offset, flags,
                            BDRV_TRACKED_WRITE);
    if (ret < 0) {
        return ret;
    }
    ret = bdrv_change_part(&w, offset, bytes, qiov, qiov_offset, flags);
    return bdrv_change_end(&w, ret);
}

int coroutine_fn bdrv_co_pwritev(BdrvChild *child, int64_t offset,
                                 unsigned int bytes, QEMUIOVector *qiov,
                                 BdrvRequestFlags flags)
{
    return bdrv_co_pwritev_part(child, offset, bytes, qiov, 0, flags);
}

int coroutine_fn bdrv_co_pwrite(BdrvChild *child, int64_t offset,
                                unsigned int bytes, const void *buf,
                                BdrvRequestFlags flags)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);

    return bdrv_co_pwritev(child, offset, bytes, &qiov, flags);
}
