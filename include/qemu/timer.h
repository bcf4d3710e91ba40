/* SPDX-License-Identifier: MIT */
/*
 * Clocks, and one-shot timers that belong to an AioContext.
 *
 * aio_timer_init() of block/aio.h makes memory of the caller a timer.  A timer
 * is on at most one list, that of its context and clock.  It is off the list
 * before its callback runs, so the callback may arm or deinit it, or free what
 * holds it.  Timers are touched only by the thread that runs their context.
 * Where not said otherwise a function may be called inside and outside
 * coroutines and never yields.
 */
#ifndef QEMU_TIMER_H
#define QEMU_TIMER_H

#include "minblk/clock-type.h"
#include "qemu/queue.h"

#define NANOSECONDS_PER_SECOND 1000000000LL

/* Nanoseconds in one unit of time. */
#define SCALE_NS 1
#define SCALE_US 1000
#define SCALE_MS 1000000

typedef void QEMUTimerCB(void *opaque);

/* Complete so that drivers can embed it; its members are private. */
typedef struct QEMUTimer {
    int64_t expire_time; /* nanoseconds of its clock; -1: not armed */
    QEMUTimerList *timer_list; /* the armed ones of its context and clock */
    QEMUTimerCB *cb;
    void *opaque;
    uint64_t serial; /* of the arming */
    QTAILQ_ENTRY(QEMUTimer) next;
} QEMUTimer;

/* The time of a clock, in nanoseconds; thread-safe. */
int64_t qemu_clock_get_ns(QEMUClockType type);

/*
 * Arm, or move if armed: the callback runs once from the loop at or after
 * @expire, nanoseconds of the timer's clock (negative: at once).
 */
void timer_mod_ns(QEMUTimer *ts, int64_t expire);

/* Disarm; a timer that is not armed is left alone. */
void timer_del(QEMUTimer *ts);

/* Take the timer from its context; it must not be armed. */
void timer_deinit(QEMUTimer *ts);

/* Whether the timer is armed. */
bool timer_pending(const QEMUTimer *ts);

#endif
