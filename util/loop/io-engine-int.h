/* SPDX-License-Identifier: MIT */
/*
 * Shared by the two engines; for the engines' own files.
 *
 * Invariant: an operation here is one attempt.  Transfers that the kernel cuts
 * short, interrupts or refuses with -EAGAIN are taken up again by io-engine.c
 * alone.
 */
#ifndef UTIL_IO_ENGINE_INT_H
#define UTIL_IO_ENGINE_INT_H

#include "aio-internal.h"
#include "minblk/io-engine.h"

/* One transfer, at most IOV_MAX elements; @iov outlives it. */
typedef struct IoXfer {
    IoFile *file;
    const struct iovec *iov;
    int niov;
    uint64_t bytes;
    int64_t offset;
    bool write;
} IoXfer;

/* Each returns what the system call would, or -errno. */
typedef struct IoEngineOps {
    IoEngineType type;
    const char *name;
    int64_t coroutine_fn (*xfer)(IoEngine *engine, IoXfer *xfer);
    int64_t coroutine_fn (*fdatasync)(IoEngine *engine, int fd);
    int64_t coroutine_fn (*fallocate)(IoEngine *engine, int fd, int mode,
                                      int64_t offset, int64_t bytes);
    void (*destroy)(IoEngine *engine);
} IoEngineOps;

/* First member of each engine. */
struct IoEngine {
    const IoEngineOps *ops;
    AioContext *ctx;
};

/* The threads engine of @ctx, without threads so far. */
IoEngine *io_threads_new(AioContext *ctx);

/* The io_uring engine of @ctx; NULL and an error when there is none. */
IoEngine *io_uring_engine_new(AioContext *ctx, Error **errp);

/*
 * Run @func in a worker thread of the context, whose pool is made at first
 * use, and return its result.
 */
int64_t coroutine_fn io_pool_run(AioContext *ctx, IoEngineFunc *func,
                                 void *opaque);

/* Join all workers; nothing may be in flight.  NULL is allowed. */
void io_pool_free(IoPool *pool);

#endif
