/* SPDX-License-Identifier: MIT */
/*
 * One iteration of the event loop: what is ready runs, what was gathered is
 * handed to the engines, and if nothing ran, the thread waits in ppoll().
 *
 * Invariants:
 * - A handler that is removed while the list is walked stays linked, marked
 *   deleted, until the last walk ends; a deleted handler is never called.
 * - Events that a wait has found are kept in the handlers, not in the array of
 *   pollfds, so a nested call may handle them and use the array.
 * - Nothing is waited for before the engines have what was gathered.
 * - ppoll() is called only to wait, or when a descriptor is watched, because
 *   an engine's completions are seen without a system call.
 * - While no eventfd can be had, no wait is longer than NO_EVENTFD_WAIT_NS,
 *   because other threads could not end it.
 */
#include "qemu/osdep.h"
#include <sys/eventfd.h>
#include "aio-internal.h"

#define NO_EVENTFD_WAIT_NS (1000 * 1000)

/* Where descriptors are in the array of pollfds; the kernel skips one of -1. */
enum { FD_NOTIFY, FD_ENGINE, FD_HANDLERS };

void aio_notify(AioContext *ctx)
{
    __atomic_store_n(&ctx->notified, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&ctx->sleeping, __ATOMIC_SEQ_CST) &&
        __atomic_exchange_n(&ctx->sleeping, 0, __ATOMIC_SEQ_CST)) {
        int saved_errno = errno;
        uint64_t one = 1;

        /* Fails only when the counter is full: then it is readable anyway. */
        while (write(ctx->notify_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
        }
        errno = saved_errno;
    }
}

/*
 * Announce that the thread will wait; false when there is something to do
 * instead.  The order is what makes it safe: who adds work sets `notified`
 * first and reads `sleeping` then, so one of the two sides sees the other.
 */
static bool begin_sleep(AioContext *ctx)
{
    if (ctx->notify_fd < 0) {
        ctx->notify_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
    __atomic_store_n(&ctx->sleeping, 1, __ATOMIC_SEQ_CST);
    return !__atomic_load_n(&ctx->notified, __ATOMIC_SEQ_CST) &&
           !aio_has_scheduled(ctx);
}

/* Let every engine hand over what it has gathered. */
static void run_flush_hooks(AioContext *ctx)
{
    AioHook *hook;

    QLIST_FOREACH(hook, &ctx->hooks, next) {
        if (hook->flush) {
            hook->flush(hook->opaque);
        }
    }
}

static bool run_poll_hooks(AioContext *ctx)
{
    bool progress = false;
    AioHook *hook;

    QLIST_FOREACH(hook, &ctx->hooks, next) {
        progress |= hook->poll(hook->opaque);
    }
    return progress;
}

static AioHandler *find_handler(AioContext *ctx, int fd)
{
    AioHandler *h;

    QLIST_FOREACH(h, &ctx->handlers, next) {
        if (h->fd == fd && !h->deleted) {
            return h;
        }
    }
    return NULL;
}

/* Free what was removed while the list was walked, after the last walk. */
static void free_deleted(AioContext *ctx)
{
    AioHandler *h, *next;

    if (ctx->walking || !ctx->have_deleted) {
        return;
    }
    ctx->have_deleted = false;
    QLIST_FOREACH_SAFE(h, &ctx->handlers, next, next) {
        if (h->deleted) {
            QLIST_REMOVE(h, next);
            g_free(h);
        }
    }
}

void aio_set_fd_handler(AioContext *ctx, int fd, bool is_external,
                        IOHandler *io_read, IOHandler *io_write,
                        AioPollFn *io_poll, void *opaque)
{
    AioHandler *h = find_handler(ctx, fd);

    if (!io_read && !io_write) {
        if (h) {
            ctx->n_handlers--;
            h->deleted = true;
            ctx->have_deleted = true;
            free_deleted(ctx);
        }
        return;
    }
    if (h) {
        /* Events that a wait found for a callback that goes now are dropped. */
        h->revents &=
            ~((io_read ? 0 : POLLIN | POLLHUP) | (io_write ? 0 : POLLOUT));
    } else {
        h = g_new0(AioHandler, 1);
        h->fd = fd;
        ctx->n_handlers++;
        QLIST_INSERT_HEAD(&ctx->handlers, h, next);
    }
    h->io_read = io_read;
    h->io_write = io_write;
    h->opaque = opaque;
}

void aio_drop_handlers(AioContext *ctx)
{
    AioHandler *h;

    g_assert(!ctx->walking);
    while ((h = QLIST_FIRST(&ctx->handlers))) {
        QLIST_REMOVE(h, next);
        g_free(h);
    }
}

static bool run_handlers(AioContext *ctx)
{
    bool progress = false;
    AioHandler *h;

    ctx->walking++;
    QLIST_FOREACH(h, &ctx->handlers, next) {
        short revents = h->revents;
        /* A hang-up is for the reader; without one the writer learns of it. */
        short writes = POLLOUT | POLLERR | (h->io_read ? 0 : POLLHUP);

        h->revents = 0;
        if (!h->deleted && h->io_read &&
            (revents & (POLLIN | POLLHUP | POLLERR))) {
            h->io_read(h->opaque);
            progress = true;
        }
        if (!h->deleted && h->io_write && (revents & writes)) {
            h->io_write(h->opaque);
            progress = true;
        }
    }
    ctx->walking--;
    free_deleted(ctx);
    return progress;
}

/* Wait up to @timeout nanoseconds (-1: for ever) and keep what was found. */
static void wait_for_fds(AioContext *ctx, int64_t timeout)
{
    struct timespec ts;
    uint64_t count;
    unsigned n = FD_HANDLERS;
    AioHandler *h;

    if (ctx->notify_fd < 0 && (timeout < 0 || timeout > NO_EVENTFD_WAIT_NS)) {
        timeout = NO_EVENTFD_WAIT_NS;
    }
    ts = (struct timespec){ timeout / NANOSECONDS_PER_SECOND,
                            timeout % NANOSECONDS_PER_SECOND };

    if (ctx->pollfds_size < FD_HANDLERS + ctx->n_handlers) {
        ctx->pollfds_size = FD_HANDLERS + ctx->n_handlers + 8;
        ctx->pollfds = g_renew(struct pollfd, ctx->pollfds, ctx->pollfds_size);
    }
    ctx->pollfds[FD_NOTIFY] = (struct pollfd){ ctx->notify_fd, POLLIN, 0 };
    ctx->pollfds[FD_ENGINE] = (struct pollfd){ ctx->engine_fd, POLLIN, 0 };
    QLIST_FOREACH(h, &ctx->handlers, next) {
        if (!h->deleted) {
            /* Hang-ups and errors are reported without being asked for. */
            short events = (h->io_read ? POLLIN : 0) |
                           (h->io_write ? POLLOUT : 0);

            ctx->pollfds[n++] = (struct pollfd){ h->fd, events, 0 };
        }
    }
    if (ppoll(ctx->pollfds, n, timeout < 0 ? NULL : &ts, NULL) <= 0) {
        return;
    }
    if (ctx->pollfds[FD_NOTIFY].revents) {
        /* Emptied, because it would end every wait from now on. */
        while (read(ctx->notify_fd, &count, sizeof(count)) < 0 &&
               errno == EINTR) {
        }
    }
    /* Nothing ran meanwhile, so the handlers are those of the loop above. */
    n = FD_HANDLERS;
    QLIST_FOREACH(h, &ctx->handlers, next) {
        if (!h->deleted) {
            h->revents = ctx->pollfds[n++].revents;
            if (h->revents & POLLNVAL) {
                g_error("descriptor %d was closed while watched", h->fd);
            }
        }
    }
}

bool aio_poll(AioContext *ctx, bool blocking)
{
    AioContext *outer;
    bool notified, progress;

    g_assert(!qemu_in_coroutine());
    /*
     * Callbacks ask for the current context, and @ctx may be no thread's own.
     */
    outer = aio_context_swap_current(ctx);
    ctx->inline_budget = AIO_INLINE_BUDGET;
    /* Before the lists are looked at: what comes later sets it again. */
    notified = __atomic_exchange_n(&ctx->notified, 0, __ATOMIC_SEQ_CST);

    progress = aio_run_scheduled(ctx);
    run_flush_hooks(ctx);
    progress |= run_poll_hooks(ctx);
    if (blocking && !progress && !notified) {
        bool idle = begin_sleep(ctx);

        wait_for_fds(ctx, idle ? aio_timers_deadline(ctx) : 0);
        __atomic_store_n(&ctx->sleeping, 0, __ATOMIC_SEQ_CST);
    } else if (ctx->n_handlers) {
        wait_for_fds(ctx, 0);
    }
    progress |= run_handlers(ctx);
    /* Again, because the wait may have ended for what the engines completed. */
    progress |= run_poll_hooks(ctx);
    progress |= aio_timers_run(ctx);
    /*
     * Callbacks since have made requests, which need not wait for a next call.
     */
    run_flush_hooks(ctx);

    aio_context_swap_current(outer);
    return progress;
}
