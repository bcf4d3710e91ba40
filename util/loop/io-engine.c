/* SPDX-License-Identifier: MIT */
/*
 * Shared by both engines: the choice, the inline attempt, and the
 * loop that makes a request complete.
 *
 * Invariants:
 * - A caller's vector is never changed.  Where a transfer has to begin inside
 *   an element, a window of it is copied, of bounded size, on the stack.
 * - Files with O_DIRECT are never tried inline: that would wait for the disk.
 * - Nothing but io_engine_fdatasync() syncs a file, so that no failure of it is
 *   forgotten.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "io-engine-int.h"

/* Elements that are copied when a transfer begins inside of one. */
#define WINDOW_MAX 64

/* An offset that is a multiple of it will do for any file with O_DIRECT. */
#define DIRECT_ALIGN 4096

void io_file_init(IoFile *file, int fd)
{
    int flags = fcntl(fd, F_GETFL);

    *file = (IoFile){
        .fd = fd,
        .direct = flags >= 0 && (flags & O_DIRECT),
    };
}

void io_file_replace(IoFile *file, int fd)
{
    /* The error is the file's, not the descriptor's: its data stays lost. */
    int sync_error = file->sync_error;
    bool cached_writes = file->cached_writes || !file->direct;

    io_file_init(file, fd);
    file->sync_error = sync_error;
    file->cached_writes = cached_writes;
}

static IoEngine *get_threads(AioContext *ctx)
{
    if (!ctx->engine_threads) {
        ctx->engine_threads = io_threads_new(ctx);
    }
    return ctx->engine_threads;
}

static IoEngine *get_uring(AioContext *ctx, Error **errp)
{
    if (!ctx->engine_uring) {
        ctx->engine_uring = io_uring_engine_new(ctx, errp);
    }
    return ctx->engine_uring;
}

IoEngine *aio_get_io_engine(AioContext *ctx, IoEngineType type, Error **errp)
{
    IoEngine *engine;

    switch (type) {
    case IO_ENGINE_THREADS:
        return get_threads(ctx);
    case IO_ENGINE_IO_URING:
        return get_uring(ctx, errp);
    default:
        engine = get_uring(ctx, NULL);
        return engine ? engine : get_threads(ctx);
    }
}

void aio_drop_engines(AioContext *ctx)
{
    if (ctx->engine_uring) {
        ctx->engine_uring->ops->destroy(ctx->engine_uring);
    }
    if (ctx->engine_threads) {
        ctx->engine_threads->ops->destroy(ctx->engine_threads);
    }
    io_pool_free(ctx->pool);
}

/* Where a request stands in its vector. */
typedef struct IoCursor {
    const struct iovec *iov; /* the present element */
    int niov;                /* elements from it on */
    size_t skip;             /* bytes of it that are done */
    uint64_t left;           /* bytes of the request that are not */
} IoCursor;

static void io_cursor_advance(IoCursor *c, uint64_t bytes)
{
    c->left -= bytes;
    /* Elements that are done or empty, so that the next one has bytes left. */
    while (c->niov && bytes >= c->iov->iov_len - c->skip) {
        bytes -= c->iov->iov_len - c->skip;
        c->skip = 0;
        c->iov++;
        c->niov--;
    }
    c->skip += bytes;
}

/*
 * Set the vector of @x to what one call can take from the cursor on: the
 * caller's own elements, or a copy in @window if the first is partly done.
 */
static void io_cursor_window(const IoCursor *c, IoOp *x, struct iovec *window)
{
    int limit = c->skip ? WINDOW_MAX : IOV_MAX;

    x->iov = c->iov;
    x->niov = MIN(c->niov, limit);
    x->bytes = c->left;
    if (c->skip) {
        memcpy(window, c->iov, x->niov * sizeof(*window));
        window[0].iov_base = (char *)window[0].iov_base + c->skip;
        window[0].iov_len -= c->skip;
        x->iov = window;
    }
    if (x->niov < c->niov) {
        x->bytes = 0;
        for (int i = 0; i < x->niov; i++) {
            x->bytes += x->iov[i].iov_len;
        }
    }
}

/* The flag of the file that says it refuses to be tried inline. */
static bool *inline_refused(const IoOp *x)
{
    return x->type == IO_OP_WRITE ? &x->file->no_inline_write
                                  : &x->file->no_inline_read;
}

/*
 * Do @x at once if it need not wait.  Returns what the system call does;
 * -EAGAIN: ask the engine.
 */
static int64_t coroutine_fn try_inline(AioContext *ctx, const IoOp *x)
{
    ssize_t ret;

    if (x->bytes > IO_ENGINE_INLINE_MAX || x->file->direct ||
        *inline_refused(x)) {
        return -EAGAIN;
    }
    do {
        if (x->type == IO_OP_WRITE) {
            ret = pwritev2(x->file->fd, x->iov, x->niov, x->offset, RWF_NOWAIT);
        } else {
            ret = preadv2(x->file->fd, x->iov, x->niov, x->offset, RWF_NOWAIT);
        }
    } while (ret < 0 && errno == EINTR);

    if (ret >= 0) {
        /*
         * Requests that never left their coroutines would keep other handlers
         * from running for ever: after many of them the loop has its turn.
         */
        if (--ctx->inline_budget <= 0) {
            aio_co_schedule(ctx, qemu_coroutine_self());
            qemu_coroutine_yield();
        }
        return ret;
    }
    /* Remembered, because asking again would cost a system call each time. */
    if (errno == EOPNOTSUPP || errno == ENOSYS) {
        *inline_refused(x) = true;
        return -EAGAIN;
    }
    return -errno;
}

/* Whether offset @end of a file, where a read stopped, is its end or past. */
static bool is_end_of_file(int fd, int64_t end)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && end >= st.st_size;
}

/*
 * Run @op until it is neither interrupted nor refused.  One that the engine
 * answers with -EAGAIN gets an attempt that may block, in a worker; the same
 * answer there is an error, because asking again for ever would hang the
 * request and keep its thread busy.
 */
static int64_t coroutine_fn run_op(IoEngine *engine, IoOp *op)
{
    int64_t ret;

    do {
        ret = engine->ops->run(engine, op);
        if (ret == -EAGAIN) {
            engine = get_threads(engine->ctx);
            ret = engine->ops->run(engine, op);
        }
    } while (ret == -EINTR);
    return ret;
}

/* Run @x until all of @c is transferred; returns how much was, or -errno. */
static int64_t coroutine_fn
io_run_xfer(IoEngine *engine, IoOp *x, IoCursor *c)
{
    struct iovec window[WINDOW_MAX];
    const IoCursor start = *c;
    const int64_t start_offset = x->offset;
    int64_t done = 0;
    int64_t ret;

    if (x->offset < 0) {
        return -EINVAL; /* -1 would mean the file's own position */
    }
    io_cursor_window(c, x, window);
    ret = try_inline(engine->ctx, x);
    if (ret == -EAGAIN) {
        ret = run_op(engine, x);
    }
    while (ret > 0) {
        done += ret;
        x->offset += ret;
        io_cursor_advance(c, ret);
        if (c->left == 0) {
            return done;
        }
        /* What O_DIRECT has cut at the end of a file is not aligned. */
        if (x->file->direct && x->type == IO_OP_READ &&
            (uint64_t)ret < x->bytes) {
            if (is_end_of_file(x->file->fd, x->offset)) {
                return done;
            }
            if (x->offset % DIRECT_ALIGN) {
                /* It has grown meanwhile: there is no going on from here. */
                *c = start;
                x->offset = start_offset;
                done = 0;
            }
        }
        io_cursor_window(c, x, window);
        ret = run_op(engine, x);
    }
    return ret < 0 ? ret : done;
}

int64_t coroutine_fn io_engine_preadv(IoEngine *engine, IoFile *file,
                                      const struct iovec *iov, int niov,
                                      uint64_t bytes, int64_t offset)
{
    IoOp x = { .type = IO_OP_READ, .file = file, .offset = offset };
    IoCursor c = { .iov = iov, .niov = niov, .left = bytes };

    return bytes ? io_run_xfer(engine, &x, &c) : 0;
}

int coroutine_fn io_engine_pwritev(IoEngine *engine, IoFile *file,
                                   const struct iovec *iov, int niov,
                                   uint64_t bytes, int64_t offset)
{
    IoOp x = { .type = IO_OP_WRITE, .file = file, .offset = offset };
    IoCursor c = { .iov = iov, .niov = niov, .left = bytes };
    int64_t ret = bytes ? io_run_xfer(engine, &x, &c) : 0;

    if (ret < 0) {
        return ret;
    }
    /* A file that takes nothing without an error is full. */
    return (uint64_t)ret == bytes ? 0 : -ENOSPC;
}

int coroutine_fn io_engine_fdatasync(IoEngine *engine, IoFile *file)
{
    IoOp op = { .type = IO_OP_FDATASYNC, .file = file };
    bool cached = file->cached_writes || !file->direct;
    int64_t ret;

    if (file->sync_error) {
        return file->sync_error;
    }
    /* Now, because it does not count for writes that end meanwhile. */
    file->cached_writes = false;
    ret = run_op(engine, &op);
    if (ret < 0 && (cached || file->cached_writes)) {
        file->sync_error = ret;
    }
    return ret;
}

int coroutine_fn io_engine_fallocate(IoEngine *engine, IoFile *file, int mode,
                                     int64_t offset, int64_t bytes)
{
    IoOp op = {
        .type = IO_OP_FALLOCATE,
        .file = file,
        .mode = mode,
        .offset = offset,
        .bytes = bytes,
    };

    int64_t ret;

    /* It may zero a part of a block in memory, and so may ftruncate(). */
    file->cached_writes = true;
    ret = run_op(engine, &op);
    file->cached_writes = true;
    return ret;
}

int coroutine_fn io_engine_ftruncate(IoEngine *engine, IoFile *file,
                                     int64_t length)
{
    /* By the threads, because only the latest rings can do it. */
    IoEngine *threads = get_threads(engine->ctx);
    IoOp op = { .type = IO_OP_FTRUNCATE, .file = file, .offset = length };
    int64_t ret;

    file->cached_writes = true;
    do {
        ret = threads->ops->run(threads, &op);
    } while (ret == -EINTR);
    file->cached_writes = true;
    return ret;
}

int64_t coroutine_fn io_engine_run(IoEngine *engine, IoEngineFunc *func,
                                   void *opaque)
{
    return io_pool_run(engine->ctx, func, opaque);
}
