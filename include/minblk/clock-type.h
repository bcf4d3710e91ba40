/* SPDX-License-Identifier: MIT */
/*
 * The clocks that timers and sleeps are measured on.
 *
 * A header of its own, so that qemu/coroutine.h and qemu/timer.h share the
 * type without either including the other.
 */
#ifndef MINBLK_CLOCK_TYPE_H
#define MINBLK_CLOCK_TYPE_H

typedef enum QEMUClockType {
    QEMU_CLOCK_REALTIME = 0, /* monotonic nanoseconds since an unnamed point */
    QEMU_CLOCK_VIRTUAL = 1,  /* a guest's clock; here the same as REALTIME */
    QEMU_CLOCK_HOST = 2,     /* wall-clock nanoseconds since 1970, may jump */
} QEMUClockType;

#endif
