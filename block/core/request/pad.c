/* SPDX-License-Identifier: MIT */
/*
 * Padding: an unaligned request rounded out to the node's alignment.
 *
 * Up to BDRV_BOUNCE_MAX bytes lie in one buffer as a whole, because direct I/O
 * wants aligned memory besides aligned ranges and would bounce them anyway.
 */
#include "qemu/osdep.h"
#include "block/core/request/request.h"

/* The vector over head, the request's memory and tail. */
static void pad_vector(BdrvPad *pad, BlockDriverState *bs)
{
    int niov = pad->user_qiov->niov + 2;
    struct iovec *space = pad->space;

    if (niov > IOV_SPACE) {
        pad->space_len = niov * sizeof(*space);
        space = bdrv_bounce_get(bs, pad->space_len);
    }
    qemu_iovec_init_extended_space(
        &pad->qiov, pad->buf, pad->head, pad->user_qiov, pad->user_offset,
        pad->bytes - pad->head - pad->tail, pad->buf + pad->buf_len - pad->tail,
        pad->tail, space, MAX(niov, IOV_SPACE));
}

/*
 * Head and tail are merged where they share a block or are adjacent, because
 * then one read serves both.  The buffer of more than BDRV_BOUNCE_MAX bytes
 * holds the ends only; the request's own memory stands between them.
 */
void bdrv_pad_begin(BdrvPad *pad, BlockDriverState *bs, int64_t offset,
                    int64_t bytes, QEMUIOVector *qiov, size_t qiov_offset)
{
    int64_t align = bs->bl.request_alignment;

    pad->head = offset & (align - 1);
    pad->offset = offset - pad->head;
    pad->tail = -(offset + bytes) & (align - 1);
    pad->bytes = pad->head + bytes + pad->tail;
    pad->merged = pad->bytes == align ||
                  (pad->head && pad->tail && pad->bytes == 2 * align);
    pad->whole = pad->merged || pad->bytes <= BDRV_BOUNCE_MAX;
    pad->user_qiov = qiov;
    pad->user_offset = qiov_offset;
    pad->space_len = 0;
    if (pad->whole) {
        pad->buf_len = pad->bytes;
    } else {
        pad->buf_len = pad->head && pad->tail ? 2 * align : align;
    }
    pad->buf = bdrv_bounce_get(bs, pad->buf_len);
    if (pad->whole) {
        qemu_iovec_init_buf(&pad->qiov, pad->buf, pad->bytes);
    } else {
        pad_vector(pad, bs);
    }
}

void bdrv_pad_put_data(BdrvPad *pad)
{
    if (pad->whole) {
        qemu_iovec_to_buf(pad->user_qiov, pad->user_offset,
                          pad->buf + pad->head,
                          pad->bytes - pad->head - pad->tail);
    }
}

void bdrv_pad_get_data(BdrvPad *pad)
{
    if (pad->whole) {
        qemu_iovec_from_buf(pad->user_qiov, pad->user_offset,
                            pad->buf + pad->head,
                            pad->bytes - pad->head - pad->tail);
    }
}

void bdrv_pad_end(BdrvPad *pad, BlockDriverState *bs)
{
    if (pad->space_len) {
        bdrv_bounce_put(bs, pad->qiov.iov, pad->space_len);
    }
    bdrv_bounce_put(bs, pad->buf, pad->buf_len);
}

/* One read, with the debug events of the ends of the request that it serves. */
static int coroutine_fn pad_read_ends(BlockDriverState *bs, bool head,
                                      bool tail, int64_t offset, uint8_t *buf,
                                      size_t bytes)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);
    int ret;

    if (head) {
        bdrv_debug_event(bs, BLKDBG_PWRITEV_RMW_HEAD);
    }
    if (tail) {
        bdrv_debug_event(bs, BLKDBG_PWRITEV_RMW_TAIL);
    }
    ret = bdrv_driver_read(bs, offset, bytes, &qiov, 0);
    if (ret < 0) {
        return ret;
    }
    if (head) {
        bdrv_debug_event(bs, BLKDBG_PWRITEV_RMW_AFTER_HEAD);
    }
    if (tail) {
        bdrv_debug_event(bs, BLKDBG_PWRITEV_RMW_AFTER_TAIL);
    }
    return 0;
}

int coroutine_fn bdrv_pad_read(BdrvPad *pad, BlockDriverState *bs)
{
    int64_t align = bs->bl.request_alignment;
    int ret = 0;

    if (pad->merged) {
        return pad_read_ends(bs, pad->head, pad->tail, pad->offset, pad->buf,
                             pad->bytes);
    }
    if (pad->head) {
        ret = pad_read_ends(bs, true, false, pad->offset, pad->buf, align);
    }
    if (ret == 0 && pad->tail) {
        ret = pad_read_ends(bs, false, true, pad->offset + pad->bytes - align,
                            pad->buf + pad->buf_len - align, align);
    }
    return ret;
}
