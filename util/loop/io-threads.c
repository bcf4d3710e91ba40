/* SPDX-License-Identifier: MIT */
/*
 * The threads engine: blocking system calls in the context's worker threads.
 *
 * Invariant: it keeps no state of its own; the pool is the context's and
 * serves io_engine_run() of every engine too.
 */
#include "qemu/osdep.h"
#include "io-engine-int.h"

static int64_t do_xfer(void *opaque)
{
    const IoXfer *x = opaque;
    ssize_t ret;

    if (x->write) {
        ret = pwritev(x->file->fd, x->iov, x->niov, x->offset);
    } else {
        ret = preadv(x->file->fd, x->iov, x->niov, x->offset);
    }
    return ret < 0 ? -errno : ret;
}

static int64_t coroutine_fn threads_xfer(IoEngine *engine, IoXfer *xfer)
{
    return io_pool_run(engine->ctx, do_xfer, xfer);
}

static int64_t do_fdatasync(void *opaque)
{
    const int *fd = opaque;

    return fdatasync(*fd) < 0 ? -errno : 0;
}

static int64_t coroutine_fn threads_fdatasync(IoEngine *engine, int fd)
{
    return io_pool_run(engine->ctx, do_fdatasync, &fd);
}

typedef struct FallocateArgs {
    int fd;
    int mode;
    int64_t offset;
    int64_t bytes;
} FallocateArgs;

static int64_t do_fallocate(void *opaque)
{
    const FallocateArgs *a = opaque;

    return fallocate(a->fd, a->mode, a->offset, a->bytes) < 0 ? -errno : 0;
}

static int64_t coroutine_fn threads_fallocate(IoEngine *engine, int fd,
                                              int mode, int64_t offset,
                                              int64_t bytes)
{
    FallocateArgs args = { fd, mode, offset, bytes };

    return io_pool_run(engine->ctx, do_fallocate, &args);
}

static void threads_destroy(IoEngine *engine)
{
    g_free(engine);
}

static const IoEngineOps threads_ops = {
    .type = IO_ENGINE_THREADS,
    .name = "threads",
    .xfer = threads_xfer,
    .fdatasync = threads_fdatasync,
    .fallocate = threads_fallocate,
    .destroy = threads_destroy,
};

IoEngine *io_threads_new(AioContext *ctx)
{
    IoEngine *engine = g_new0(IoEngine, 1);

    engine->ops = &threads_ops;
    engine->ctx = ctx;
    return engine;
}
