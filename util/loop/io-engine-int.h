/* SPDX-License-Identifier: MIT */
/*
 * Shared by the two engines; for the engines' own files.
 *
 * Invariant: an operation here is one attempt.  What the kernel cuts short,
 * interrupts or refuses with -EAGAIN is taken up again by io-engine.c alone, so
 * that both engines do it in the same way.
 */
#ifndef UTIL_IO_ENGINE_INT_H
#define UTIL_IO_ENGINE_INT_H

#include "aio-internal.h"
#include "minblk/io-engine.h"

typedef enum IoOpType {
    IO_OP_READ,
    IO_OP_WRITE,
    IO_OP_FDATASYNC,
    IO_OP_FALLOCATE,
    IO_OP_FTRUNCATE, /* threads only; the length is in @offset */
} IoOpType;

/* One system call, on the stack of its coroutine with all that it needs. */
typedef struct IoOp {
    IoOpType type;
    IoFile *file;
    const struct iovec *iov; /* READ, WRITE: at most IOV_MAX elements */
    int niov;
    int mode;       /* FALLOCATE */
    uint64_t bytes; /* READ, WRITE, FALLOCATE */
    int64_t offset;
} IoOp;

typedef struct IoEngineOps {
    /* Returns what the system call would, or -errno. */
    int64_t coroutine_fn (*run)(IoEngine *engine, IoOp *op);
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
