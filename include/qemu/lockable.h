/* SPDX-License-Identifier: MIT */
/*
 * Guards that hold a CoMutex until the end of a scope.
 *
 * The mutex is released on every way out of the scope: its end, return,
 * break, continue and goto.
 */
#ifndef QEMU_LOCKABLE_H
#define QEMU_LOCKABLE_H

#include "qemu/coroutine.h"

/* Takes @mutex and returns it; for the macros below.  Coroutine-only. */
static inline CoMutex *coroutine_fn qemu_co_mutex_guard_lock(CoMutex *mutex)
{
    qemu_co_mutex_lock(mutex);
    return mutex;
}

/* Releases *@guard unless it is NULL; for the macros below. */
static inline void coroutine_fn qemu_co_mutex_guard_unlock(CoMutex **guard)
{
    if (*guard) {
        qemu_co_mutex_unlock(*guard);
        *guard = NULL;
    }
}

#define QEMU_LOCK_GUARD_NAME_(n) qemu_lock_guard_##n
#define QEMU_LOCK_GUARD_NAME(n)  QEMU_LOCK_GUARD_NAME_(n)
#define QEMU_LOCK_GUARD_VAR(mutex, n)                                       \
    __attribute__((cleanup(qemu_co_mutex_guard_unlock), unused))            \
    CoMutex *QEMU_LOCK_GUARD_NAME(n) = qemu_co_mutex_guard_lock(mutex)

/*
 * Takes @mutex (a CoMutex *) and holds it until the end of the enclosing
 * scope.  A declaration, to be followed by a semicolon.  Coroutine-only.
 */
#define QEMU_LOCK_GUARD(mutex) QEMU_LOCK_GUARD_VAR(mutex, __COUNTER__)

/*
 * Takes @mutex (a CoMutex *) for the statement or block that follows; a break
 * in that block leaves only the block.  Coroutine-only.
 */
#define WITH_QEMU_LOCK_GUARD(mutex)                                         \
    WITH_QEMU_LOCK_GUARD_(mutex, QEMU_LOCK_GUARD_NAME(__COUNTER__))
#define WITH_QEMU_LOCK_GUARD_(mutex, var)                                   \
    for (__attribute__((cleanup(qemu_co_mutex_guard_unlock)))               \
         CoMutex *var = qemu_co_mutex_guard_lock(mutex);                    \
         var; qemu_co_mutex_guard_unlock(&var))

#endif
