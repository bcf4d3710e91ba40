/* SPDX-License-Identifier: MIT */
/*
 * Down to the driver: its co or aio callbacks, and requests cut to its limits.
 *
 * Invariants:
 *   - A callback gets offset and bytes that are multiples of request_alignment,
 *     at most max_transfer bytes and max_iov elements, and a vector of exactly
 *     these bytes.
 *   - It gets only the flags that it declared; reads have none.
 */
#include "qemu/osdep.h"

#include "block/core/request/request.h"

void bdrv_aio_wait_cb(void *opaque, int ret)
{
    BdrvAioWait *wait = opaque;

    wait->ret = ret;
    aio_co_wake(wait->co);
}

int coroutine_fn bdrv_aio_wait(BdrvAioWait *wait, BlockAIOCB *acb)
{
    if (!acb) {
        return -EIO;
    }
    qemu_coroutine_yield();
    return wait->ret;
}

static int coroutine_fn call_preadv(BlockDriverState *bs, int64_t offset,
                                    int64_t bytes, QEMUIOVector *qiov)
{
    BlockDriver *drv = bs->drv;
    int ret;

    if (drv->bdrv_co_preadv) {
        ret = drv->bdrv_co_preadv(bs, offset, bytes, qiov, 0);
    } else if (drv->bdrv_aio_preadv) {
        BdrvAioWait wait = { .co = qemu_coroutine_self() };

        ret = bdrv_aio_wait(&wait,
                            drv->bdrv_aio_preadv(bs, offset, bytes, qiov, 0,
                                                 bdrv_aio_wait_cb, &wait));
    } else {
        ret = -ENOTSUP;
    }
    return MIN(ret, 0);
}

static int coroutine_fn call_pwritev(BlockDriverState *bs, int64_t offset,
                                     int64_t bytes, QEMUIOVector *qiov,
                                     int flags)
{
    BlockDriver *drv = bs->drv;
    int ret;

    if (drv->bdrv_co_pwritev) {
        ret = drv->bdrv_co_pwritev(bs, offset, bytes, qiov, flags);
    } else if (drv->bdrv_aio_pwritev) {
        BdrvAioWait wait = { .co = qemu_coroutine_self() };

        ret = bdrv_aio_wait(&wait,
                            drv->bdrv_aio_pwritev(bs, offset, bytes, qiov,
                                                  flags, bdrv_aio_wait_cb,
                                                  &wait));
    } else {
        ret = -ENOTSUP;
    }
    return MIN(ret, 0);
}

/* One of the two callbacks. */
typedef struct Transfer {
    BlockDriverState *bs;
    bool write;
    int flags;
} Transfer;

static int coroutine_fn transfer_call(const Transfer *t, int64_t offset,
                                      int64_t bytes, QEMUIOVector *qiov)
{
    return t->write ? call_pwritev(t->bs, offset, bytes, qiov, t->flags)
                    : call_preadv(t->bs, offset, bytes, qiov);
}

/* A piece whose elements are too many and too short for one aligned call. */
static int coroutine_fn transfer_bounced(const Transfer *t, int64_t offset,
                                         int64_t bytes, QEMUIOVector *qiov,
                                         size_t qiov_offset)
{
    void *buf = bdrv_bounce_get(t->bs, bytes);
    QEMUIOVector local = QEMU_IOVEC_INIT_BUF(local, buf, bytes);
    int ret;

    if (t->write) {
        qemu_iovec_to_buf(qiov, qiov_offset, buf, bytes);
    }
    ret = transfer_call(t, offset, bytes, &local);
    if (ret == 0 && !t->write) {
        qemu_iovec_from_buf(qiov, qiov_offset, buf, bytes);
    }
    bdrv_bounce_put(t->bs, buf, bytes);
    return ret;
}

/* A piece that refers to @count elements of @qiov. */
static int coroutine_fn transfer_slice(const Transfer *t, int64_t offset,
                                       int64_t bytes, QEMUIOVector *qiov,
                                       size_t qiov_offset, int count)
{
    struct iovec local[BDRV_IOV_SPACE];
    struct iovec *space = local;
    QEMUIOVector slice;
    size_t len = 0;
    int ret;

    if (count > BDRV_IOV_SPACE) {
        len = count * sizeof(*space);
        space = bdrv_bounce_get(t->bs, len);
    }
    qemu_iovec_init_slice_space(&slice, qiov, qiov_offset, bytes, space,
                                MAX(count, BDRV_IOV_SPACE));
    ret = transfer_call(t, offset, bytes, &slice);
    qemu_iovec_destroy(&slice);
    if (len) {
        bdrv_bounce_put(t->bs, space, len);
    }
    return ret;
}

/* Where in a vector the next piece begins. */
typedef struct IovCursor {
    int index;
    size_t offset;                 /* in the element */
} IovCursor;

static void cursor_advance(IovCursor *cur, const QEMUIOVector *qiov,
                           size_t bytes)
{
    bytes += cur->offset;
    while (cur->index < qiov->niov && bytes >= qiov->iov[cur->index].iov_len) {
        bytes -= qiov->iov[cur->index].iov_len;
        cur->index++;
    }
    cur->offset = bytes;
}

/* How many of the next @max bytes lie in *@count, at most @max_iov, elements? */
static size_t cursor_span(const IovCursor *cur, const QEMUIOVector *qiov,
                          size_t max, int max_iov, int *count)
{
    size_t span = 0, skip = cur->offset;
    int i;

    for (i = cur->index; i < qiov->niov && span < max &&
                         i - cur->index < max_iov; i++) {
        span += qiov->iov[i].iov_len - skip;
        skip = 0;
    }
    *count = i - cur->index;
    return MIN(span, max);
}

static int64_t max_transfer(const BlockDriverState *bs)
{
    int64_t align = bs->bl.request_alignment;
    int64_t max = MIN_NON_ZERO((int64_t)bs->bl.max_transfer,
                               (int64_t)BDRV_REQUEST_MAX_BYTES);

    return MAX(QEMU_ALIGN_DOWN(max, align), align);
}

static int coroutine_fn transfer_split(const Transfer *t, int64_t offset,
                                       int64_t bytes, QEMUIOVector *qiov,
                                       size_t qiov_offset, int64_t max,
                                       int max_iov)
{
    int64_t align = t->bs->bl.request_alignment;
    IovCursor cur = { 0, 0 };

    cursor_advance(&cur, qiov, qiov_offset);
    while (bytes) {
        int count, ret;
        int64_t n = cursor_span(&cur, qiov, MIN(bytes, max), max_iov, &count);

        n = QEMU_ALIGN_DOWN(n, align);
        if (n) {
            ret = transfer_slice(t, offset, n, qiov, qiov_offset, count);
        } else {
            n = MIN(MIN(bytes, max), MAX(BDRV_BOUNCE_MAX, align));
            ret = transfer_bounced(t, offset, n, qiov, qiov_offset);
        }
        if (ret < 0) {
            return ret;
        }
        offset += n;
        bytes -= n;
        qiov_offset += n;
        cursor_advance(&cur, qiov, n);
    }
    return 0;
}

static int coroutine_fn transfer(const Transfer *t, int64_t offset,
                                 int64_t bytes, QEMUIOVector *qiov,
                                 size_t qiov_offset)
{
    int max_iov = t->bs->bl.max_iov > 0 ? t->bs->bl.max_iov : IOV_MAX;
    int64_t max = max_transfer(t->bs);

    assert(QEMU_IS_ALIGNED(offset | bytes,
                           (int64_t)t->bs->bl.request_alignment));
    if (bytes <= max && qiov->niov <= max_iov && qiov_offset == 0 &&
        qiov->size == (uint64_t)bytes) {
        return transfer_call(t, offset, bytes, qiov);
    }
    return transfer_split(t, offset, bytes, qiov, qiov_offset, max, max_iov);
}

int coroutine_fn bdrv_driver_read(BlockDriverState *bs, int64_t offset,
                                  int64_t bytes, QEMUIOVector *qiov,
                                  size_t qiov_offset)
{
    const Transfer t = { .bs = bs };

    return transfer(&t, offset, bytes, qiov, qiov_offset);
}

int coroutine_fn bdrv_driver_write(BlockDriverState *bs, int64_t offset,
                                   int64_t bytes, QEMUIOVector *qiov,
                                   size_t qiov_offset, BdrvRequestFlags flags)
{
    const Transfer t = {
        .bs = bs,
        .write = true,
        .flags = flags & bs->supported_write_flags,
    };

    if (flags & ~t.flags & BDRV_REQ_WRITE_COMPRESSED) {
        return -ENOTSUP;
    }
    return transfer(&t, offset, bytes, qiov, qiov_offset);
}
