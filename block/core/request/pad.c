/* SPDX-License-Identifier: MIT */
/*
 * Padding of unaligned requests, and the buffers for it and for bouncing.
 *
 * Buffers come from a store of the thread: free lists by size, bounded, given
 * back when the thread ends.  So requests allocate only until as many buffers
 * exist as are in use at a time.
 */
#include "qemu/osdep.h"

#include "block/core/request/request.h"

/* ---- the store --------------------------------------------------------- */

#define STORE_ALIGN   4096
#define STORE_CLASSES 6                /* 4 KiB ... 128 KiB */
#define STORE_KEEP    (4 << 20)        /* bytes kept in one class at most */

typedef struct FreeBuffer FreeBuffer;
struct FreeBuffer {
    FreeBuffer *next;
};

typedef struct Store {
    FreeBuffer *free[STORE_CLASSES];
    size_t kept[STORE_CLASSES];        /* bytes */
} Store;

static void store_destroy(gpointer opaque)
{
    Store *store = opaque;
    int i;

    for (i = 0; i < STORE_CLASSES; i++) {
        while (store->free[i]) {
            FreeBuffer *buf = store->free[i];

            store->free[i] = buf->next;
            qemu_vfree(buf);
        }
    }
    g_free(store);
}

static GPrivate store_key = G_PRIVATE_INIT(store_destroy);

static Store *store_get(void)
{
    Store *store = g_private_get(&store_key);

    if (!store) {
        store = g_new0(Store, 1);
        g_private_set(&store_key, store);
    }
    return store;
}

/* The class whose buffers hold @size bytes fit for @bs, or -1. */
static int store_class(BlockDriverState *bs, size_t size)
{
    int i;

    if (bdrv_opt_mem_align(bs) <= STORE_ALIGN) {
        for (i = 0; i < STORE_CLASSES; i++) {
            if (size <= (size_t)STORE_ALIGN << i) {
                return i;
            }
        }
    }
    return -1;
}

void *bdrv_bounce_get(BlockDriverState *bs, size_t size)
{
    int class = store_class(bs, size);
    Store *store;
    FreeBuffer *buf;

    if (class < 0) {
        return qemu_blockalign(bs, size);
    }
    store = store_get();
    buf = store->free[class];
    if (!buf) {
        return qemu_memalign(STORE_ALIGN, (size_t)STORE_ALIGN << class);
    }
    store->free[class] = buf->next;
    store->kept[class] -= (size_t)STORE_ALIGN << class;
    return buf;
}

void bdrv_bounce_put(BlockDriverState *bs, void *buf, size_t size)
{
    int class = store_class(bs, size);
    Store *store = class < 0 ? NULL : store_get();
    FreeBuffer *node = buf;

    if (!store || store->kept[class] >= STORE_KEEP) {
        qemu_vfree(buf);
        return;
    }
    node->next = store->free[class];
    store->free[class] = node;
    store->kept[class] += (size_t)STORE_ALIGN << class;
}

void bdrv_zero_qiov(QEMUIOVector *qiov, struct iovec *space, size_t bytes)
{
    static uint8_t zeroes[BDRV_ZERO_BUF] __attribute__((aligned(4096)));
    int n = 0;

    while (bytes) {
        size_t len = MIN(bytes, sizeof(zeroes));

        space[n].iov_base = zeroes;
        space[n].iov_len = len;
        bytes -= len;
        n++;
    }
    qemu_iovec_init_external(qiov, space, n);
}

/* ---- padding ----------------------------------------------------------- */

/* The vector over head, the request's memory and tail. */
static void pad_vector(BdrvPad *pad, BlockDriverState *bs)
{
    const QEMUIOVector *user = pad->user_qiov;
    size_t skip = pad->user_offset;
    size_t bytes = pad->bytes - pad->head - pad->tail;
    struct iovec *iov = pad->space;
    int n = 0, i;

    if (user->niov + 2 > BDRV_IOV_SPACE) {
        pad->space_len = (user->niov + 2) * sizeof(*iov);
        iov = bdrv_bounce_get(bs, pad->space_len);
    }
    if (pad->head) {
        iov[n].iov_base = pad->buf;
        iov[n++].iov_len = pad->head;
    }
    for (i = 0; i < user->niov && bytes; i++) {
        size_t len = user->iov[i].iov_len;

        if (skip >= len) {
            skip -= len;
            continue;
        }
        len = MIN(len - skip, bytes);
        iov[n].iov_base = (uint8_t *)user->iov[i].iov_base + skip;
        iov[n++].iov_len = len;
        skip = 0;
        bytes -= len;
    }
    if (pad->tail) {
        iov[n].iov_base = pad->buf + pad->buf_len - pad->tail;
        iov[n++].iov_len = pad->tail;
    }
    qemu_iovec_init_external(&pad->qiov, iov, n);
}

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

static int coroutine_fn pad_read_buf(BlockDriverState *bs, int64_t offset,
                                     uint8_t *buf, size_t bytes)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);

    return bdrv_aligned_read(bs, offset, bytes, &qiov, 0);
}

/* Head and tail lie in one buffer: one read serves both. */
static int coroutine_fn pad_read_merged(BdrvPad *pad, BlockDriverState *bs)
{
    int ret;

    if (pad->head) {
        bdrv_debug_event(bs, BLKDBG_PWRITEV_RMW_HEAD);
    }
    if (pad->tail) {
        bdrv_debug_event(bs, BLKDBG_PWRITEV_RMW_TAIL);
    }
    ret = pad_read_buf(bs, pad->offset, pad->buf, pad->bytes);
    if (ret < 0) {
        return ret;
    }
    if (pad->head) {
        bdrv_debug_event(bs, BLKDBG_PWRITEV_RMW_AFTER_HEAD);
    }
    if (pad->tail) {
        bdrv_debug_event(bs, BLKDBG_PWRITEV_RMW_AFTER_TAIL);
    }
    return 0;
}

int coroutine_fn bdrv_pad_read(BdrvPad *pad, BlockDriverState *bs)
{
    int64_t align = bs->bl.request_alignment;
    int ret;

    if (pad->merged) {
        return pad_read_merged(pad, bs);
    }
    if (pad->head) {
        bdrv_debug_event(bs, BLKDBG_PWRITEV_RMW_HEAD);
        ret = pad_read_buf(bs, pad->offset, pad->buf, align);
        if (ret < 0) {
            return ret;
        }
        bdrv_debug_event(bs, BLKDBG_PWRITEV_RMW_AFTER_HEAD);
    }
    if (pad->tail) {
        bdrv_debug_event(bs, BLKDBG_PWRITEV_RMW_TAIL);
        ret = pad_read_buf(bs, pad->offset + pad->bytes - align,
                           pad->buf + pad->buf_len - align, align);
        if (ret < 0) {
            return ret;
        }
        bdrv_debug_event(bs, BLKDBG_PWRITEV_RMW_AFTER_TAIL);
    }
    return 0;
}
