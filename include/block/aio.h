/* SPDX-License-Identifier: MIT */
/*
 * The event loop: contexts with file descriptors, bottom halves, timers and
 * coroutines; and the request structure of callback-style I/O.
 *
 * A context belongs to the one thread that runs it.  Everything here is for
 * that thread, except what is marked thread-safe.  A context makes no thread
 * and no descriptor before it first waits or is given work, so a process may
 * fork until then.  Where not said otherwise a function may be called inside
 * and outside coroutines and never yields.
 */
#ifndef BLOCK_AIO_H
#define BLOCK_AIO_H

#include "qemu/typedefs.h"
#include "qemu/coroutine.h"
#include "qemu/timer.h"

/* Called exactly once when a request is done; @ret is 0 or -errno. */
typedef void BlockCompletionFunc(void *opaque, int ret);

/* The size and callbacks of a driver's request structure; static storage. */
typedef struct AIOCBInfo {
    void (*cancel_async)(BlockAIOCB *acb); /* never called; may be NULL */
    AioContext *(*get_aio_context)(BlockAIOCB *acb); /* may be NULL */
    size_t aiocb_size; /* of the whole structure, in bytes */
} AIOCBInfo;

/*
 * First member of a driver's own request structure: made by qemu_aio_get() in
 * the aio callback, which returns it; later, from the loop, the driver calls
 * cb(opaque, ret), and after that qemu_aio_unref().
 */
struct BlockAIOCB {
    const AIOCBInfo *aiocb_info;
    BlockDriverState *bs;
    BlockCompletionFunc *cb;
    void *opaque;
    int refcnt;
};

/*
 * Allocate a request structure of @aiocb_info->aiocb_size bytes with one
 * reference.  Only the BlockAIOCB at its start is set; the rest is not
 * zeroed.  Never NULL.
 */
void *qemu_aio_get(const AIOCBInfo *aiocb_info, BlockDriverState *bs,
                   BlockCompletionFunc *cb, void *opaque);

/* Drop a reference; the last one frees the structure. */
void qemu_aio_unref(void *p);

typedef void QEMUBHFunc(void *opaque);
typedef void IOHandler(void *opaque);
typedef bool AioPollFn(void *opaque);

/* A new context with one reference. */
AioContext *aio_context_new(void);

/*
 * Take and drop a reference; thread-safe, but the last reference must go when
 * no thread runs the context.  Then nothing may be in flight: the engines end,
 * worker threads are joined, one-shot bottom halves that have not run are
 * dropped, and the caller's own bottom halves must have been deleted.
 */
void aio_context_ref(AioContext *ctx);
void aio_context_unref(AioContext *ctx);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(AioContext, aio_context_unref)

/*
 * The context of the calling thread, made on the first call in a thread and
 * dropped when the thread ends.  Borrowed.
 */
AioContext *qemu_get_current_aio_context(void);

/* The same: each thread has its own loop, none of them is the main one. */
AioContext *qemu_get_aio_context(void);

/*
 * Make @ctx (a reference is taken) the calling thread's context; the one
 * before loses its reference.  NULL: a new one is made when next asked for.
 */
void qemu_set_current_aio_context(AioContext *ctx);

/* Whether the calling thread is the one that runs @ctx; thread-safe. */
bool in_aio_context_home_thread(AioContext *ctx);

/*
 * Run what is ready: bottom halves, coroutines, completions, descriptors and
 * timers.  With @blocking, wait until something was ready, a timer expired,
 * another thread called aio_notify(), or a signal came.  While it runs, @ctx
 * is the thread's current context.  Calls may nest: from a callback of any
 * kind, but never from a coroutine (asserted).  Returns whether any callback
 * ran.
 */
bool aio_poll(AioContext *ctx, bool blocking);

/*
 * Poll @ctx until @cond, evaluated between iterations, is false.  Outside
 * coroutines only.  The value is whether it had to poll at all.
 */
#define AIO_WAIT_WHILE(ctx, cond)                                              \
    ({                                                                         \
        bool aio_wait_polled_ = false;                                         \
        AioContext *aio_wait_ctx_ = (ctx);                                     \
        while ((cond)) {                                                       \
            aio_wait_polled_ = true;                                           \
            aio_poll(aio_wait_ctx_, true);                                     \
        }                                                                      \
        aio_wait_polled_;                                                      \
    })

/*
 * Make a blocking aio_poll(), the present one or else the next, return early.
 * Thread-safe; safe in a signal handler; errno is kept.
 */
void aio_notify(AioContext *ctx);

/*
 * A new bottom half, not scheduled: @cb runs once from the loop for each time
 * that it is scheduled and not yet run, in the order of scheduling.  One that
 * is scheduled while bottom halves run waits for the next iteration.  Free it
 * with qemu_bh_delete().
 */
QEMUBH *aio_bh_new(AioContext *ctx, QEMUBHFunc *cb, void *opaque);

/* Schedule; already scheduled: nothing changes.  Thread-safe. */
void qemu_bh_schedule(QEMUBH *bh);

/* Take back scheduling, if any. */
void qemu_bh_cancel(QEMUBH *bh);

/*
 * Cancel and free; also from its own callback.  NULL is allowed.  The home
 * thread's part, as is the care that no other thread still schedules it.
 */
void qemu_bh_delete(QEMUBH *bh);

/* Run @cb once from the loop of @ctx.  Thread-safe. */
void aio_bh_schedule_oneshot(AioContext *ctx, QEMUBHFunc *cb, void *opaque);

/*
 * Watch @fd: @io_read runs when it is readable or hung up, @io_write when
 * writable.  A second call for the same fd replaces handlers and @opaque; both
 * handlers NULL stop watching, which may be done from any handler.  The
 * descriptor stays the caller's and must be unwatched before it is closed.
 * @is_external and @io_poll are part of QEMU's interface and have no effect: a
 * context runs all its descriptors alike, and asks the kernel for them.
 */
void aio_set_fd_handler(AioContext *ctx, int fd, bool is_external,
                        IOHandler *io_read, IOHandler *io_write,
                        AioPollFn *io_poll, void *opaque);

/*
 * Run @co, which yielded.  From the thread of its context outside coroutines:
 * at once; inside one: as soon as that one yields or ends.  From any other
 * thread: from the loop of the context in which @co last ran.  Thread-safe;
 * nothing else may wake @co for the same yield.
 */
void aio_co_wake(Coroutine *co);

/*
 * Run @co from the loop of @ctx, in the order of scheduling, never at once.
 * @co has yielded, or is the caller in the thread of @ctx and yields next.
 * Thread-safe.
 */
void aio_co_schedule(AioContext *ctx, Coroutine *co);

/*
 * Prepare memory of the caller as a timer of @ctx, not armed.  @scale (SCALE_*)
 * is part of the interface and has no effect, because timer_mod_ns() is the
 * only function that arms.
 */
void aio_timer_init(AioContext *ctx, QEMUTimer *ts, QEMUClockType type,
                    int scale, QEMUTimerCB *cb, void *opaque);

#endif
