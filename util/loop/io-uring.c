/* SPDX-License-Identifier: MIT */
/*
 * The io_uring engine: one ring a context.
 *
 * Invariants:
 * - A request is its coroutine's, on the stack: gathered in `queue`, then in
 *   `filled` and the ring's submission queue, in the same order, then with the
 *   kernel, until its completion enters the coroutine.  Nothing is allocated.
 * - Gathered requests go to the kernel in one call at the end of an iteration
 *   of the loop or before it waits, or when a ring full has come together; what
 *   a worker does goes first, so that it runs beside what this thread does.
 * - Completions are taken in the context's poll hook; the ring's descriptor is
 *   the context's engine_fd only so that a wait ends when there are some.
 * - Completions that find no room are kept by the kernel (IORING_FEAT_NODROP is
 *   required), so any number of requests may be in flight.
 * - A ring that the kernel has refused is asked for nothing new: what it has
 *   not taken, and all later requests, get the answer -EAGAIN, for which they
 *   are given to a worker thread.  What it has taken completes.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "io-engine-int.h"

#ifdef CONFIG_LINUX_IO_URING
#include <liburing.h>
#ifdef CONFIG_VALGRIND_H
#include <valgrind/memcheck.h>
#endif

#define RING_ENTRIES 128

/*
 * Buffered reads of this size and more are copied by another core if there are
 * enough others to overlap with: the larger ones one, the smaller ones two.
 * Else, and below, handing over costs more than it brings.
 */
#define WORKER_READ_MIN   (128 * 1024)
#define WORKER_READ_LARGE (512 * 1024)

typedef struct RingRequest {
    const IoOp *op;
    bool async; /* not on the submitting thread */
    int64_t ret;
    Coroutine *co;
    QSIMPLEQ_ENTRY(RingRequest) next;
} RingRequest;

typedef struct RingEngine {
    IoEngine parent;
    AioHook hook;
    struct io_uring ring;
    QSIMPLEQ_HEAD(RingList, RingRequest) queue;
    struct RingList filled;
    unsigned queued;
    unsigned unsubmitted; /* in `filled` */
    unsigned in_flight;   /* with the kernel */
    bool refused;
} RingEngine;

static void ring_prepare(const IoOp *op, struct io_uring_sqe *sqe)
{
    int fd = op->file->fd;

    switch (op->type) {
    case IO_OP_READ:
        io_uring_prep_readv(sqe, fd, op->iov, op->niov, op->offset);
        break;
    case IO_OP_WRITE:
        io_uring_prep_writev(sqe, fd, op->iov, op->niov, op->offset);
        break;
    case IO_OP_FDATASYNC:
        io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
        break;
    case IO_OP_FALLOCATE:
        io_uring_prep_fallocate(sqe, fd, op->mode, op->offset, op->bytes);
        break;
    case IO_OP_FTRUNCATE:
        g_assert_not_reached();
    }
}

static void fill_ring(RingEngine *e)
{
    RingRequest *req;

    while ((req = QSIMPLEQ_FIRST(&e->queue))) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&e->ring);

        if (!sqe) {
            return;
        }
        QSIMPLEQ_REMOVE_HEAD(&e->queue, next);
        QSIMPLEQ_INSERT_TAIL(&e->filled, req, next);
        e->queued--;
        e->unsubmitted++;
        ring_prepare(req->op, sqe);
        io_uring_sqe_set_data(sqe, req);
        if (req->async) {
            sqe->flags |= IOSQE_ASYNC;
        }
    }
}

/*
 * Hand over what was gathered.  When the kernel is short of memory or of room
 * for completions, the rest stays for the next iteration, if something is in
 * flight that will bring one about.  Else no attempt is known to be better.
 */
static void ring_flush(void *opaque)
{
    RingEngine *e = opaque;

    while (!e->refused && (e->queued || e->unsubmitted)) {
        int ret;

        fill_ring(e);
        ret = io_uring_submit(&e->ring);
        for (int i = 0; i < ret; i++) {
            g_assert(!QSIMPLEQ_EMPTY(&e->filled));
            QSIMPLEQ_REMOVE_HEAD(&e->filled, next);
            e->unsubmitted--;
            e->in_flight++;
        }
        if ((ret == -EAGAIN || ret == -EBUSY) && e->in_flight) {
            return;
        }
        /* 0: it takes nothing and does not say why. */
        e->refused = ret <= 0 && ret != -EINTR;
    }
}

/* After a refusal: -EAGAIN for all that the kernel has not taken. */
static bool ring_give_back(RingEngine *e)
{
    bool progress = false;
    RingRequest *req;

    QSIMPLEQ_CONCAT(&e->filled, &e->queue);
    e->queued = e->unsubmitted = 0;
    while ((req = QSIMPLEQ_FIRST(&e->filled))) {
        QSIMPLEQ_REMOVE_HEAD(&e->filled, next);
        req->ret = -EAGAIN;
        progress = true;
        qemu_coroutine_enter(req->co);
    }
    return progress;
}

/* Enter the coroutines of the completions that are there now. */
static bool ring_poll(void *opaque)
{
    RingEngine *e = opaque;
    struct io_uring_cqe *cqe;
    bool progress = e->refused && ring_give_back(e);

    /* Bounded, so that requests that complete at once leave others a turn. */
    for (unsigned n = 0; e->in_flight && n < 2 * RING_ENTRIES; n++) {
        RingRequest *req;

        if (io_uring_peek_cqe(&e->ring, &cqe) || !cqe) {
            break;
        }
        req = io_uring_cqe_get_data(cqe);
        req->ret = cqe->res;
        io_uring_cqe_seen(&e->ring, cqe);
        e->in_flight--;
        progress = true;
        /* Last: @req is on the stack of the coroutine, which may end. */
        qemu_coroutine_enter(req->co);
    }
    return progress;
}

/*
 * Whether the kernel should give @op to a worker of its own at once instead of
 * trying it on this thread first.
 */
static bool wants_worker(RingEngine *e, const IoOp *op)
{
    unsigned others = e->queued + e->unsubmitted + e->in_flight;

    if (op->file->direct) {
        return false;
    }
    switch (op->type) {
    case IO_OP_READ:
        return others >= (op->bytes >= WORKER_READ_LARGE ? 1 : 2) &&
               op->bytes >= WORKER_READ_MIN;
    case IO_OP_WRITE:
        return op->bytes > IO_ENGINE_INLINE_MAX || op->file->no_inline_write;
    default:
        /* The kernel itself gives these to workers. */
        return false;
    }
}

static int64_t coroutine_fn ring_run(IoEngine *engine, IoOp *op)
{
    RingEngine *e = container_of(engine, RingEngine, parent);
    RingRequest req = {
        .op = op,
        .async = wants_worker(e, op),
        .co = qemu_coroutine_self(),
    };

    if (e->refused) {
        return -EAGAIN;
    }
    if (req.async) {
        /* A worker is to have it before this thread is busy with others. */
        QSIMPLEQ_INSERT_HEAD(&e->queue, &req, next);
    } else {
        QSIMPLEQ_INSERT_TAIL(&e->queue, &req, next);
    }
    if (++e->queued >= RING_ENTRIES) {
        ring_flush(e);
    }
    qemu_coroutine_yield();

#ifdef CONFIG_VALGRIND_H
    /* Because memcheck does not see the kernel write. */
    if (op->type == IO_OP_READ && RUNNING_ON_VALGRIND) {
        int64_t left = req.ret;

        for (int i = 0; i < op->niov && left > 0; i++) {
            size_t len = MIN((uint64_t)left, op->iov[i].iov_len);

            (void)VALGRIND_MAKE_MEM_DEFINED(op->iov[i].iov_base, len);
            left -= len;
        }
    }
#endif
    return req.ret;
}

static void ring_destroy(IoEngine *engine)
{
    RingEngine *e = container_of(engine, RingEngine, parent);

    g_assert(!e->queued && !e->unsubmitted && !e->in_flight);
    engine->ctx->engine_fd = -1;
    QLIST_REMOVE(&e->hook, next);
    io_uring_queue_exit(&e->ring);
    g_free(e);
}

static const IoEngineOps ring_ops = {
    .run = ring_run,
    .destroy = ring_destroy,
};

/* Whether the kernel knows all that is asked of the ring. */
static bool ring_suffices(struct io_uring *ring)
{
    static const int wanted[] = {
        IORING_OP_READV,
        IORING_OP_WRITEV,
        IORING_OP_FSYNC,
        IORING_OP_FALLOCATE,
    };
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool ok = probe && (ring->features & IORING_FEAT_NODROP);

    for (size_t i = 0; ok && i < ARRAY_SIZE(wanted); i++) {
        ok = io_uring_opcode_supported(probe, wanted[i]);
    }
    io_uring_free_probe(probe);
    return ok;
}

IoEngine *io_uring_engine_new(AioContext *ctx, Error **errp)
{
    RingEngine *e = g_new0(RingEngine, 1);
    int ret = io_uring_queue_init(RING_ENTRIES, &e->ring, 0);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "io_uring is not available");
        g_free(e);
        return NULL;
    }
    if (!ring_suffices(&e->ring)) {
        error_setg(errp, "The kernel's io_uring is too old");
        io_uring_queue_exit(&e->ring);
        g_free(e);
        return NULL;
    }
    e->parent.ops = &ring_ops;
    e->parent.ctx = ctx;
    QSIMPLEQ_INIT(&e->queue);
    QSIMPLEQ_INIT(&e->filled);
    e->hook = (AioHook){ ring_poll, ring_flush, e, { NULL, NULL } };
    QLIST_INSERT_HEAD(&ctx->hooks, &e->hook, next);
    ctx->engine_fd = e->ring.ring_fd;
    return &e->parent;
}

#else /* !CONFIG_LINUX_IO_URING */

IoEngine *io_uring_engine_new(AioContext *ctx, Error **errp)
{
    error_setg(errp, "This build does not support io_uring");
    return NULL;
}

#endif
