/* SPDX-License-Identifier: MIT */
/*
 * The threads engine: blocking system calls in the context's worker threads.
 *
 * Invariant: it keeps no state of its own; the pool is the context's and
 * serves io_engine_run() of every engine too.
 */
#include "qemu/osdep.h"
#include "io-engine-int.h"

/* In a worker thread. */
static int64_t do_op(void *opaque)
{
    const IoOp *op = opaque;
    int fd = op->file->fd;
    ssize_t ret = -1;

    switch (op->type) {
    case IO_OP_READ:
        ret = preadv(fd, op->iov, op->niov, op->offset);
        break;
    case IO_OP_WRITE:
        ret = pwritev(fd, op->iov, op->niov, op->offset);
        break;
    case IO_OP_FDATASYNC:
        ret = fdatasync(fd);
        break;
    case IO_OP_FALLOCATE:
        ret = fallocate(fd, op->mode, op->offset, op->bytes);
        break;
    case IO_OP_FTRUNCATE:
        ret = ftruncate(fd, op->offset);
        break;
    }
    return ret < 0 ? -errno : ret;
}

static int64_t coroutine_fn threads_run(IoEngine *engine, IoOp *op)
{
    return io_pool_run(engine->ctx, do_op, op);
}

static void threads_destroy(IoEngine *engine)
{
    g_free(engine);
}

static const IoEngineOps threads_ops = {
    .run = threads_run,
    .destroy = threads_destroy,
};

IoEngine *io_threads_new(AioContext *ctx)
{
    IoEngine *engine = g_new0(IoEngine, 1);

    engine->ops = &threads_ops;
    engine->ctx = ctx;
    return engine;
}
