/* SPDX-License-Identifier: MIT */
/*
 * The inside of an AioContext, shared by the files of the event loop and by
 * the engines; nothing above floor 2 includes it.
 *
 * Invariants:
 * - `lock` guards the lists of scheduled bottom halves and coroutines, the
 *   only ones that other threads write.  All else is the home thread's.
 * - Whoever puts work on such a list calls aio_notify() after it, so the loop
 *   never sleeps over work: it sets `sleeping` before it looks at `notified`
 *   for the last time, the others set `notified` before they look at
 *   `sleeping`.
 * - `notify_fd` is tried to be had before `sleeping` is first set.
 */
#ifndef UTIL_AIO_INTERNAL_H
#define UTIL_AIO_INTERNAL_H

#include <poll.h>
#include <pthread.h>

#include "block/aio.h"
#include "qemu/coroutine_int.h"
#include "qemu/queue.h"

typedef struct IoEngine IoEngine;
typedef struct IoPool IoPool;

/* Requests that may finish inline before one lets the loop turn once. */
#define AIO_INLINE_BUDGET 64

/* One watched descriptor. */
typedef struct AioHandler {
    int fd;
    bool deleted;  /* freed when no walk of the list goes on */
    short revents; /* found by the last wait, not yet handled */
    IOHandler *io_read;
    IOHandler *io_write;
    void *opaque;
    QLIST_ENTRY(AioHandler) next;
} AioHandler;

/*
 * The calls from the loop into an engine.  @poll handles what is complete,
 * without waiting, and returns whether there was any; @flush hands over what
 * was gathered.  Neither is called in a coroutine.
 */
typedef struct AioHook {
    bool (*poll)(void *opaque);
    void (*flush)(void *opaque);
    void *opaque;
    QLIST_ENTRY(AioHook) next;
} AioHook;

/* HOST has a list of its own; the other two clocks are one. */
typedef enum AioTimerListId {
    AIO_TIMERS_MONOTONIC,
    AIO_TIMERS_HOST,
    AIO_TIMERS_MAX
} AioTimerListId;

struct QEMUTimerList {
    QEMUClockType clock;
    QTAILQ_HEAD(, QEMUTimer) armed; /* by time, equal ones as armed */
    uint64_t serial;                /* stamps the armings */
};

struct AioContext {
    int refcnt;    /* atomic */
    int notify_fd; /* an eventfd, -1: none so far */
    int sleeping;  /* atomic: waits, or is about to */
    int notified;  /* atomic: aio_notify() was called */

    pthread_mutex_t lock;
    QTAILQ_HEAD(, QEMUBH) bhs; /* scheduled, in that order */
    uint64_t bh_serial;        /* stamps the schedulings */
    QSIMPLEQ_HEAD(, Coroutine) cos; /* likewise */
    int work; /* entries of both lists; read without lock */

    QLIST_HEAD(, AioHandler) handlers;
    unsigned n_handlers; /* without those deleted */
    unsigned walking; /* how many calls walk the list */
    bool have_deleted;
    struct pollfd *pollfds;
    unsigned pollfds_size;

    QLIST_HEAD(, AioHook) hooks;
    int engine_fd; /* readable when io_uring has completions, else -1 */
    int inline_budget;
    QEMUTimerList timers[AIO_TIMERS_MAX];

    IoPool *pool; /* worker threads, NULL before first use */
    IoEngine *engine_threads;
    IoEngine *engine_uring;
};

/*
 * Make @ctx the calling thread's context without references; returns the one
 * before, to be given back in the same way.
 */
AioContext *aio_context_swap_current(AioContext *ctx);

/* Run what is on the lists now, one entry of which may add others. */
bool aio_run_scheduled(AioContext *ctx);

/* Free what bottom halves and coroutines are left; for the last unref. */
void aio_drop_scheduled(AioContext *ctx);

/* Whether a list has entries. */
static inline bool aio_has_scheduled(AioContext *ctx)
{
    return __atomic_load_n(&ctx->work, __ATOMIC_ACQUIRE) > 0;
}

/* The nanoseconds until the first timer expires; -1: there is none. */
int64_t aio_timers_deadline(AioContext *ctx);

/* Run the timers that have expired; returns whether there were any. */
bool aio_timers_run(AioContext *ctx);

/* Set up the empty timer lists. */
void aio_timers_init(AioContext *ctx);

/* Free the handlers; for the last unref. */
void aio_drop_handlers(AioContext *ctx);

/* End engines and pool; for the last unref. */
void aio_drop_engines(AioContext *ctx);

#endif
