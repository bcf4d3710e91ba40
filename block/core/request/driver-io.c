/* SPDX-License-Identifier: MIT */
/*
 * Down to the driver: its co or aio callbacks, and requests cut to its limits.
 *
 * Invariants:
 *   - A callback gets offset and bytes that are multiples of request_alignment,
 *     at most max_transfer bytes and max_iov elements, and a vector of exactly
 *     these bytes.
 *   - It gets only the flags that it declared; reads have none.
 *   - It is never asked to read past the node's length rounded up to the
 *     alignment; after the length everything reads as zeroes.
 *   - A request that fits comes here and goes to the callback in one function,
 *     because each frame is paid by every node that a request passes.
 */
#include "qemu/osdep.h"

#include "block/core/request/request.h"

void bdrv_aio_wait_cb(void *opaque, int ret)
{
    BdrvAioWait *wait = opaque;

    wait->ret = ret;
    aio_co_wake(wait->co);
}

/*
 * The callback comes from the loop, never before the driver's function has
 * returned, so the coroutine has always yielded by then.
 */
int coroutine_fn bdrv_aio_wait(BdrvAioWait *wait, BlockAIOCB *acb)
{
    if (!acb) {
        return -EIO;
    }
    qemu_coroutine_yield();
    return wait->ret;
}

/* ---- limits ------------------------------------------------------------ */

/*
 * At least one aligned unit, whatever a driver says, because no request would
 * make progress with less.
 */
static int64_t driver_max_bytes(const BlockDriverState *bs)
{
    int64_t align = bs->bl.request_alignment;
    int64_t max = MIN_NON_ZERO((int64_t)bs->bl.max_transfer,
                               (int64_t)BDRV_REQUEST_MAX_BYTES);

    return MAX(QEMU_ALIGN_DOWN(max, align), align);
}

static int driver_max_iov(const BlockDriverState *bs)
{
    return bs->bl.max_iov > 0 ? bs->bl.max_iov : IOV_MAX;
}

/* Can the callback take the request as it is? */
static bool driver_takes(const BlockDriverState *bs, int64_t offset,
                         int64_t bytes, const QEMUIOVector *qiov,
                         size_t qiov_offset)
{
    assert(QEMU_IS_ALIGNED(offset | bytes, (int64_t)bs->bl.request_alignment));
    return bytes <= driver_max_bytes(bs) && qiov->niov <= driver_max_iov(bs) &&
           qiov_offset == 0 && qiov->size == (uint64_t)bytes;
}

/* ---- pieces ------------------------------------------------------------- */

/* Where in a vector the next piece begins. */
typedef struct IovCursor {
    int index;
    size_t offset; /* in the element */
} IovCursor;

/*
 * The cursor goes along with the pieces, because finding the element of each
 * piece from the start would take quadratic time.
 */
static void iov_cursor_advance(IovCursor *cur, const QEMUIOVector *qiov,
                               size_t bytes)
{
    bytes += cur->offset;
    while (cur->index < qiov->niov && bytes >= qiov->iov[cur->index].iov_len) {
        bytes -= qiov->iov[cur->index].iov_len;
        cur->index++;
    }
    cur->offset = bytes;
}

/* How many of the next @max bytes lie in *@count, at most @max_iov, elements?
 */
static size_t iov_cursor_span(const IovCursor *cur, const QEMUIOVector *qiov,
                              size_t max, int max_iov, int *count)
{
    size_t span = 0, skip = cur->offset;
    int i;

    for (i = cur->index;
         i < qiov->niov && span < max && i - cur->index < max_iov; i++) {
        span += qiov->iov[i].iov_len - skip;
        skip = 0;
    }
    *count = i - cur->index;
    return MIN(span, max);
}

/* A request that is done in pieces. */
typedef struct DriverSplit {
    BlockDriverState *bs;
    bool write;
    BdrvRequestFlags flags;
} DriverSplit;

static int coroutine_fn driver_piece(const DriverSplit *s, int64_t offset,
                                     int64_t bytes, QEMUIOVector *qiov)
{
    return s->write ? bdrv_driver_write(s->bs, offset, bytes, qiov, 0, s->flags)
                    : bdrv_driver_read(s->bs, offset, bytes, qiov, 0);
}

/* A piece whose elements are too many and too short for one aligned call. */
static int coroutine_fn driver_bounced_piece(const DriverSplit *s,
                                             int64_t offset, int64_t bytes,
                                             QEMUIOVector *qiov,
                                             size_t qiov_offset)
{
    void *buf = bdrv_bounce_get(s->bs, bytes);
    QEMUIOVector local = QEMU_IOVEC_INIT_BUF(local, buf, bytes);
    int ret;

    if (s->write) {
        qemu_iovec_to_buf(qiov, qiov_offset, buf, bytes);
    }
    ret = driver_piece(s, offset, bytes, &local);
    if (ret == 0 && !s->write) {
        qemu_iovec_from_buf(qiov, qiov_offset, buf, bytes);
    }
    bdrv_bounce_put(s->bs, buf, bytes);
    return ret;
}

/* A piece that refers to @count elements of @qiov. */
static int coroutine_fn driver_slice_piece(const DriverSplit *s, int64_t offset,
                                           int64_t bytes, QEMUIOVector *qiov,
                                           size_t qiov_offset, int count)
{
    struct iovec local[IOV_SPACE];
    struct iovec *space = local;
    QEMUIOVector slice;
    size_t len = 0;
    int ret;

    if (count > IOV_SPACE) {
        len = count * sizeof(*space);
        space = bdrv_bounce_get(s->bs, len);
    }
    qemu_iovec_init_slice_space(&slice, qiov, qiov_offset, bytes, space,
                                MAX(count, IOV_SPACE));
    ret = driver_piece(s, offset, bytes, &slice);
    qemu_iovec_destroy(&slice);
    if (len) {
        bdrv_bounce_put(s->bs, space, len);
    }
    return ret;
}

/*
 * A piece ends at whichever limit comes first, rounded down to the alignment.
 * Where elements are so short that this leaves nothing, their bytes are
 * gathered in a buffer.
 */
static int coroutine_fn driver_split(const DriverSplit *s, int64_t offset,
                                     int64_t bytes, QEMUIOVector *qiov,
                                     size_t qiov_offset)
{
    int64_t align = s->bs->bl.request_alignment;
    int64_t max = driver_max_bytes(s->bs);
    IovCursor cur = { 0, 0 };

    iov_cursor_advance(&cur, qiov, qiov_offset);
    while (bytes) {
        int count, ret;
        int64_t n = iov_cursor_span(&cur, qiov, MIN(bytes, max),
                                    driver_max_iov(s->bs), &count);

        n = QEMU_ALIGN_DOWN(n, align);
        if (n) {
            ret = driver_slice_piece(s, offset, n, qiov, qiov_offset, count);
        } else {
            n = MIN(MIN(bytes, max), MAX(BDRV_BOUNCE_MAX, align));
            ret = driver_bounced_piece(s, offset, n, qiov, qiov_offset);
        }
        if (ret < 0) {
            return ret;
        }
        offset += n;
        bytes -= n;
        qiov_offset += n;
        iov_cursor_advance(&cur, qiov, n);
    }
    return 0;
}

/* ---- the callbacks ------------------------------------------------------ */

int coroutine_fn bdrv_driver_read(BlockDriverState *bs, int64_t offset,
                                  int64_t bytes, QEMUIOVector *qiov,
                                  size_t qiov_offset)
{
    BlockDriver *drv = bs->drv;
    int64_t end = bs->total_sectors * (int64_t)BDRV_SECTOR_SIZE;
    int64_t inside, n;
    int ret = 0;

    if (offset + bytes > end) {
        /* The length may have grown without this node's knowledge. */
        end = bdrv_getlength(bs);
        if (end < 0) {
            return end;
        }
    }
    inside = MIN(MAX(end - offset, 0), bytes);
    n = MIN(ROUND_UP(inside, bs->bl.request_alignment), bytes);
    if (n == 0) {
        ret = 0;
    } else if (!driver_takes(bs, offset, n, qiov, qiov_offset)) {
        const DriverSplit s = { .bs = bs };

        ret = driver_split(&s, offset, n, qiov, qiov_offset);
    } else if (drv->bdrv_co_preadv) {
        ret = drv->bdrv_co_preadv(bs, offset, n, qiov, 0);
    } else if (drv->bdrv_aio_preadv) {
        BdrvAioWait wait = { .co = qemu_coroutine_self() };

        ret =
            bdrv_aio_wait(&wait, drv->bdrv_aio_preadv(bs, offset, n, qiov, 0,
                                                      bdrv_aio_wait_cb, &wait));
    } else if (drv->bdrv_co_readv) {
        ret = drv->bdrv_co_readv(bs, offset >> BDRV_SECTOR_BITS,
                                 n >> BDRV_SECTOR_BITS, qiov);
    } else {
        ret = -ENOTSUP;
    }
    if (inside < bytes) {
        qemu_iovec_memset(qiov, qiov_offset + inside, 0, bytes - inside);
    }
    return MIN(ret, 0);
}

/*
 * Whole, because no two pieces of a cluster can be compressed apart; also by
 * filters, which hand the request on with its flag.
 */
static int coroutine_fn driver_write_compressed(BlockDriverState *bs,
                                                int64_t offset, int64_t bytes,
                                                QEMUIOVector *qiov,
                                                size_t qiov_offset)
{
    BlockDriver *drv = bs->drv;
    IovSpace slice;
    int ret = -ENOTSUP;

    iov_space_init_slice(&slice, qiov, qiov_offset, bytes);
    if (drv->bdrv_co_pwritev_compressed) {
        ret = drv->bdrv_co_pwritev_compressed(bs, offset, bytes, &slice.qiov);
    } else if (drv->bdrv_co_pwritev) {
        ret = drv->bdrv_co_pwritev(bs, offset, bytes, &slice.qiov,
                                   BDRV_REQ_WRITE_COMPRESSED);
    }
    iov_space_destroy(&slice);
    return MIN(ret, 0);
}

int coroutine_fn bdrv_driver_write(BlockDriverState *bs, int64_t offset,
                                   int64_t bytes, QEMUIOVector *qiov,
                                   size_t qiov_offset, BdrvRequestFlags flags)
{
    BlockDriver *drv = bs->drv;
    BdrvRequestFlags taken = bdrv_driver_write_flags(bs, flags);
    int ret;

    if (flags & BDRV_REQ_WRITE_COMPRESSED) {
        return driver_write_compressed(bs, offset, bytes, qiov, qiov_offset);
    }
    if (!driver_takes(bs, offset, bytes, qiov, qiov_offset)) {
        const DriverSplit s = { .bs = bs, .write = true, .flags = taken };

        return driver_split(&s, offset, bytes, qiov, qiov_offset);
    }
    if (drv->bdrv_co_pwritev) {
        ret = drv->bdrv_co_pwritev(bs, offset, bytes, qiov, taken);
    } else if (drv->bdrv_aio_pwritev) {
        BdrvAioWait wait = { .co = qemu_coroutine_self() };

        ret = bdrv_aio_wait(
            &wait, drv->bdrv_aio_pwritev(bs, offset, bytes, qiov, taken,
                                         bdrv_aio_wait_cb, &wait));
    } else if (drv->bdrv_co_writev) {
        ret = drv->bdrv_co_writev(bs, offset >> BDRV_SECTOR_BITS,
                                  bytes >> BDRV_SECTOR_BITS, qiov, taken);
    } else {
        ret = -ENOTSUP;
    }
    return MIN(ret, 0);
}
