/* SPDX-License-Identifier: MIT */
/*
 * Memory that stands in for a request's: buffers for padding and bouncing, and
 * zeroes to be written.
 *
 * Buffers come from a store of the thread: free lists by size, bounded, given
 * back when the thread ends.  So requests allocate only until as many buffers
 * exist as are in use at a time.
 */
#include "qemu/osdep.h"
#include "block/core/request/request.h"

/* ---- the store --------------------------------------------------------- */

#define STORE_ALIGN   4096
#define STORE_CLASSES 6         /* 4 KiB ... 128 KiB */
#define STORE_KEEP    (4 << 20) /* bytes kept in one class at most */

typedef struct FreeBuffer FreeBuffer;
struct FreeBuffer {
    FreeBuffer *next;
};

typedef struct Store {
    FreeBuffer *free[STORE_CLASSES];
    size_t kept[STORE_CLASSES]; /* bytes */
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

/*
 * One class holds buffers of one size, so any free one will do, and none has to
 * be searched for.
 */
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

/*
 * More than STORE_KEEP bytes are freed: a burst of requests must not keep its
 * memory for ever.
 */
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

/*
 * All elements are the same buffer, which is never written to, so that zeroes
 * of any number take no memory of their own.
 */
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
