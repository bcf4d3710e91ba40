/* SPDX-License-Identifier: MIT */
/*
 * Clocks, timers and the sleep of coroutines.
 *
 * Invariants:
 * - A list is sorted by time; timers of equal time run in the order in which
 *   they were armed.
 * - expire_time is -1 exactly while the timer is on no list.
 * - One run of a list takes only what was armed before it began, so a timer
 *   that arms itself for the past cannot keep the loop.
 */
#include "qemu/osdep.h"
#include "aio-internal.h"

/* A jump of the wall clock is noticed after this long at the latest. */
#define HOST_CLOCK_MAX_WAIT NANOSECONDS_PER_SECOND

int64_t qemu_clock_get_ns(QEMUClockType type)
{
    struct timespec ts;

    clock_gettime(type == QEMU_CLOCK_HOST ? CLOCK_REALTIME : CLOCK_MONOTONIC,
                  &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

void aio_timers_init(AioContext *ctx)
{
    for (int i = 0; i < AIO_TIMERS_MAX; i++) {
        QTAILQ_INIT(&ctx->timers[i].armed);
    }
    ctx->timers[AIO_TIMERS_MONOTONIC].clock = QEMU_CLOCK_REALTIME;
    ctx->timers[AIO_TIMERS_HOST].clock = QEMU_CLOCK_HOST;
}

void aio_timer_init(AioContext *ctx, QEMUTimer *ts, QEMUClockType type,
                    int scale, QEMUTimerCB *cb, void *opaque)
{
    AioTimerListId id =
        type == QEMU_CLOCK_HOST ? AIO_TIMERS_HOST : AIO_TIMERS_MONOTONIC;

    /* @scale is not kept, because no function arms in units of it. */
    *ts = (QEMUTimer){
        .expire_time = -1,
        .timer_list = &ctx->timers[id],
        .cb = cb,
        .opaque = opaque,
    };
}

void timer_del(QEMUTimer *ts)
{
    if (timer_pending(ts)) {
        QTAILQ_REMOVE(&ts->timer_list->armed, ts, next);
        ts->expire_time = -1;
    }
}

void timer_deinit(QEMUTimer *ts)
{
    g_assert(!timer_pending(ts));
    ts->timer_list = NULL;
}

void timer_mod_ns(QEMUTimer *ts, int64_t expire)
{
    QEMUTimerList *list = ts->timer_list;
    QEMUTimer *before;

    g_assert(list);
    timer_del(ts);
    /* Not below 0, because -1 means that it is not armed. */
    ts->expire_time = MAX(expire, 0);
    ts->serial = list->serial++;

    /* From the end, because new timers mostly come last. */
    QTAILQ_FOREACH_REVERSE(before, &list->armed, next) {
        if (before->expire_time <= ts->expire_time) {
            QTAILQ_INSERT_AFTER(&list->armed, before, ts, next);
            return;
        }
    }
    QTAILQ_INSERT_HEAD(&list->armed, ts, next);
}

bool timer_pending(const QEMUTimer *ts)
{
    return ts->expire_time >= 0;
}

int64_t aio_timers_deadline(AioContext *ctx)
{
    int64_t deadline = -1;

    for (int i = 0; i < AIO_TIMERS_MAX; i++) {
        QEMUTimerList *list = &ctx->timers[i];
        QEMUTimer *first = QTAILQ_FIRST(&list->armed);
        int64_t wait;

        if (!first) {
            continue;
        }
        /* The clock is read once: it must not go below 0, which means never. */
        wait = first->expire_time - qemu_clock_get_ns(list->clock);
        wait = MAX(wait, 0);
        if (list->clock == QEMU_CLOCK_HOST) {
            wait = MIN(wait, HOST_CLOCK_MAX_WAIT);
        }
        deadline = deadline < 0 ? wait : MIN(deadline, wait);
    }
    return deadline;
}

/* The first timer that has expired by @now and was armed before @end. */
static QEMUTimer *expired_timer(QEMUTimerList *list, int64_t now, uint64_t end)
{
    QEMUTimer *ts;

    QTAILQ_FOREACH(ts, &list->armed, next) {
        if (ts->expire_time > now) {
            return NULL;
        }
        if (ts->serial < end) {
            return ts;
        }
    }
    return NULL;
}

bool aio_timers_run(AioContext *ctx)
{
    bool progress = false;

    for (int i = 0; i < AIO_TIMERS_MAX; i++) {
        QEMUTimerList *list = &ctx->timers[i];
        uint64_t end = list->serial;
        QEMUTimer *ts;
        int64_t now;

        /* Mostly so, and then the clock need not be read. */
        if (QTAILQ_EMPTY(&list->armed)) {
            continue;
        }
        now = qemu_clock_get_ns(list->clock);
        /* From the start each time, because a callback may change the list. */
        while ((ts = expired_timer(list, now, end))) {
            timer_del(ts);
            ts->cb(ts->opaque);
            progress = true;
        }
    }
    return progress;
}

static void wake_sleeper(void *opaque)
{
    qemu_coroutine_wake(opaque);
}

void coroutine_fn qemu_co_sleep_ns(QEMUClockType type, int64_t ns)
{
    AioContext *ctx = qemu_get_current_aio_context();
    int64_t expire;
    QEMUTimer ts;

    if (ns <= 0) {
        aio_co_schedule(ctx, qemu_coroutine_self());
        qemu_coroutine_yield();
        return;
    }
    if (__builtin_add_overflow(qemu_clock_get_ns(type), ns, &expire)) {
        expire = INT64_MAX;
    }
    /* On the stack: it is off its list before the coroutine goes on. */
    aio_timer_init(ctx, &ts, type, SCALE_NS, wake_sleeper,
                   qemu_coroutine_self());
    timer_mod_ns(&ts, expire);
    qemu_coroutine_yield();
    timer_deinit(&ts);
}
