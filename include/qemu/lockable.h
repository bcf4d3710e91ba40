/* SPDX-License-Identifier: MIT */
/*
 * A guard that holds a CoMutex until the end of a scope.
 *
 * The mutex is released on every way out of the scope: its end, return,
 * break, continue and goto.
 */
#ifndef QEMU_LOCKABLE_H
#define QEMU_LOCKABLE_H

#include "qemu/compiler.h"
#include "qemu/coroutine.h"

/* Takes @mutex and returns it; for the macro below.  Coroutine-only. */
static inline CoMutex *coroutine_fn qemu_co_mutex_guard_lock(CoMutex *mutex)
{
    qemu_co_mutex_lock(mutex);
    return mutex;
}

/* Releases *@guard; for the macro below. */
static inline void coroutine_fn qemu_co_mutex_guard_unlock(CoMutex **guard)
{
    qemu_co_mutex_unlock(*guard);
}

/* The counter is expanded first, because ## would paste its name instead. */
#define QEMU_LOCK_GUARD_VAR_(mutex, n)                                      \
    __attribute__((cleanup(qemu_co_mutex_guard_unlock), unused))            \
    CoMutex *glue(qemu_lock_guard_, n) = qemu_co_mutex_guard_lock(mutex)

/*
 * Takes @mutex (a CoMutex *) and holds it until the end of the enclosing
 * scope.  A declaration, to be followed by a semicolon.  Coroutine-only.
 */
#define QEMU_LOCK_GUARD(mutex) QEMU_LOCK_GUARD_VAR_(mutex, __COUNTER__)

#endif
