/* SPDX-License-Identifier: MIT */
/*
 * Clocks, and one-shot timers that belong to an AioContext.
 *
 * A timer is on at most one list, that of its context and clock.  It is off
 * the list before its callback runs, so the callback may arm, deinit or free
 * it.  Timers are touched only by the thread that runs their context.  Where
 * not said otherwise a function may be called inside and outside coroutines
 * and never yields.
 */
#ifndef QEMU_TIMER_H
#define QEMU_TIMER_H

#include "minblk/clock-type.h"
#include "qemu/queue.h"

#define NANOSECONDS_PER_SECOND 1000000000LL

/* Nanoseconds in one unit of a timer made with that scale. */
#define SCALE_NS 1
#define SCALE_US 1000
#define SCALE_MS 1000000

typedef void QEMUTimerCB(void *opaque);

/* The armed timers of one clock in one context. */
typedef struct QEMUTimerList QEMUTimerList;

/* Complete so that drivers can embed it; its members are private. */
typedef struct QEMUTimer {
    int64_t expire_time; /* nanoseconds of its clock; -1: not armed */
    QEMUTimerList *timer_list;
    QEMUTimerCB *cb;
    void *opaque;
    int scale;
    uint64_t serial; /* of the arming */
    QTAILQ_ENTRY(QEMUTimer) next;
} QEMUTimer;

/* The time of a clock, in nanoseconds; thread-safe. */
int64_t qemu_clock_get_ns(QEMUClockType type);

/* The same in microseconds and milliseconds, rounded down. */
static inline int64_t qemu_clock_get_us(QEMUClockType type)
{
    return qemu_clock_get_ns(type) / SCALE_US;
}

static inline int64_t qemu_clock_get_ms(QEMUClockType type)
{
    return qemu_clock_get_ns(type) / SCALE_MS;
}

/*
 * Prepare memory of the caller as a timer of the calling thread's context,
 * not armed.  @scale (SCALE_*) is the unit of timer_mod.  aio_timer_init()
 * of block/aio.h does it for a context that is named.
 */
void timer_init(QEMUTimer *ts, QEMUClockType type, int scale, QEMUTimerCB *cb,
                void *opaque);

static inline void timer_init_ns(QEMUTimer *ts, QEMUClockType type,
                                 QEMUTimerCB *cb, void *opaque)
{
    timer_init(ts, type, SCALE_NS, cb, opaque);
}

static inline void timer_init_us(QEMUTimer *ts, QEMUClockType type,
                                 QEMUTimerCB *cb, void *opaque)
{
    timer_init(ts, type, SCALE_US, cb, opaque);
}

static inline void timer_init_ms(QEMUTimer *ts, QEMUClockType type,
                                 QEMUTimerCB *cb, void *opaque)
{
    timer_init(ts, type, SCALE_MS, cb, opaque);
}

/* A timer on the heap, else as timer_init; free it with timer_free. */
QEMUTimer *timer_new(QEMUClockType type, int scale, QEMUTimerCB *cb,
                     void *opaque);

static inline QEMUTimer *timer_new_ns(QEMUClockType type, QEMUTimerCB *cb,
                                      void *opaque)
{
    return timer_new(type, SCALE_NS, cb, opaque);
}

static inline QEMUTimer *timer_new_us(QEMUClockType type, QEMUTimerCB *cb,
                                      void *opaque)
{
    return timer_new(type, SCALE_US, cb, opaque);
}

static inline QEMUTimer *timer_new_ms(QEMUClockType type, QEMUTimerCB *cb,
                                      void *opaque)
{
    return timer_new(type, SCALE_MS, cb, opaque);
}

/* Disarm if armed and free; NULL is allowed. */
void timer_free(QEMUTimer *ts);

/*
 * Arm, or move if armed: the callback runs once from the loop at or after
 * @expire, nanoseconds of the timer's clock (negative: at once).
 */
void timer_mod_ns(QEMUTimer *ts, int64_t expire);

/* The same, @expire in the timer's scale; saturates instead of wrapping. */
void timer_mod(QEMUTimer *ts, int64_t expire);

/* Disarm; a timer that is not armed is left alone. */
void timer_del(QEMUTimer *ts);

/* Take the timer from its context; it must not be armed. */
void timer_deinit(QEMUTimer *ts);

/* Whether the timer is armed. */
bool timer_pending(const QEMUTimer *ts);

/* When it expires, nanoseconds of its clock, or -1 when not armed. */
int64_t timer_expire_time_ns(const QEMUTimer *ts);

#endif
