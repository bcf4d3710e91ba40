/* SPDX-License-Identifier: MIT */
/*
 * Request structures of callback-style I/O.
 *
 * Invariant: a structure is freed when its last reference goes, by the thread
 * that drops it; counting is not atomic, since requests stay in their thread.
 */
#include "qemu/osdep.h"
#include "block/aio.h"

void *qemu_aio_get(const AIOCBInfo *aiocb_info, BlockDriverState *bs,
                   BlockCompletionFunc *cb, void *opaque)
{
    BlockAIOCB *acb;

    g_assert(aiocb_info->aiocb_size >= sizeof(*acb));
    acb = g_malloc(aiocb_info->aiocb_size);
    *acb = (BlockAIOCB){
        .aiocb_info = aiocb_info,
        .bs = bs,
        .cb = cb,
        .opaque = opaque,
        .refcnt = 1,
    };
    return acb;
}

void qemu_aio_unref(void *p)
{
    BlockAIOCB *acb = p;

    g_assert(acb->refcnt > 0);
    if (--acb->refcnt == 0) {
        g_free(acb);
    }
}
