/* SPDX-License-Identifier: MIT */
/*
 * One request with a vector, in a coroutine, until it has ended.
 */
#ifndef TESTS_DRIVER_VECTOR_REQUEST_H
#define TESTS_DRIVER_VECTOR_REQUEST_H

#include "block/aio.h"
#include "sysemu/block-backend.h"

typedef struct VectorRequest {
    BlockBackend *blk;
    bool write;
    int64_t offset;
    QEMUIOVector *qiov;
    int ret;
    bool done;
} VectorRequest;

static inline void coroutine_fn vector_request_entry(void *opaque)
{
    VectorRequest *r = opaque;

    r->ret = r->write
        ? blk_co_pwritev(r->blk, r->offset, r->qiov->size, r->qiov, 0)
        : blk_co_preadv(r->blk, r->offset, r->qiov->size, r->qiov, 0);
    r->done = true;
}

/* As many bytes as @qiov has.  0 or -errno. */
static inline int vector_request(BlockBackend *blk, bool write, int64_t offset,
                                 QEMUIOVector *qiov)
{
    VectorRequest r = { blk, write, offset, qiov, 0, false };

    qemu_coroutine_enter(qemu_coroutine_create(vector_request_entry, &r));
    AIO_WAIT_WHILE(blk_get_aio_context(blk), !r.done);
    return r.ret;
}

#endif
