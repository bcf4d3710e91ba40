/* SPDX-License-Identifier: MIT */
/*
 * Coroutines and the locks that suspend a coroutine instead of a thread.
 *
 * Invariants:
 * - A coroutine runs in one thread only, the one that first enters it, and it
 *   is entered, woken and ended there.
 * - A coroutine is at any time in one of these states: created, running,
 *   waiting for a coroutine that it has entered, suspended by a yield, woken
 *   (it stands in a list of pending wake-ups), or ended.
 * - A suspended coroutine stands in at most one queue (of a CoQueue, CoMutex
 *   or CoRwlock).
 * - Locks are owned by coroutines, not threads: the coroutine that took one
 *   releases it, and it ends with none held.
 *
 * docs/coroutines.md explains the design.
 */
#ifndef QEMU_COROUTINE_H
#define QEMU_COROUTINE_H

#include "minblk/clock-type.h"

/*
 * Marks a function that may only be called from inside a coroutine, because
 * it may yield.  It stands between the return type and the declarator, of
 * pointers to functions too:
 *
 *     int coroutine_fn drv_co_flush(BlockDriverState *bs);
 *     int coroutine_fn (*bdrv_co_flush)(BlockDriverState *bs);
 *
 * A build ignores it; the analyser's sees an annotation.
 */
#ifdef MINBLK_ANALYSER
#define coroutine_fn __attribute__((annotate("coroutine_fn")))
#else
#define coroutine_fn
#endif

/* The body of a coroutine; returning from it ends the coroutine. */
typedef void coroutine_fn CoroutineEntry(void *opaque);

/*
 * Creates a coroutine that will call entry(opaque) when it is first entered.
 * The pointer is valid until the coroutine ends, which frees it; a coroutine
 * that is never entered is never freed.  Allocates nothing when the thread's
 * pool has a stack left.  Aborts the process when no stack can be mapped.
 *
 * May be called inside and outside coroutines.
 */
Coroutine *qemu_coroutine_create(CoroutineEntry *entry, void *opaque);

/*
 * Runs @co, created or suspended, until it yields or ends; then runs the
 * coroutines that it has made runnable, and those they made, in the order in
 * which they were woken.  Returns when none of these is left.  It is an error,
 * and aborts the process, to enter a coroutine that runs, has entered another
 * one, or has been woken already.
 *
 * May be called inside and outside coroutines.
 */
void qemu_coroutine_enter(Coroutine *co);

/*
 * Suspends the running coroutine: control returns to where it was entered.
 * Returns when the coroutine is entered again.
 *
 * Coroutine-only.
 */
void coroutine_fn qemu_coroutine_yield(void);

/*
 * Returns the running coroutine, or NULL outside of one.
 *
 * May be called inside and outside coroutines.
 */
Coroutine *qemu_coroutine_self(void);

/*
 * Returns whether the caller runs in a coroutine.
 *
 * May be called inside and outside coroutines.
 */
bool qemu_in_coroutine(void);

/*
 * Returns the number of coroutines, of all threads, that have been created
 * and have not ended.  Tests compare it to find leaks.
 *
 * May be called inside and outside coroutines.
 */
unsigned qemu_coroutine_live_count(void);

/*
 * Returns the number of coroutine stacks, of all threads, that are mapped:
 * those of live coroutines and those in the pools.
 *
 * May be called inside and outside coroutines.
 */
unsigned qemu_coroutine_stack_count(void);

/*
 * A queue of suspended coroutines, first in, first out: a condition variable
 * for coroutines.  All of its functions are called in one thread.
 */
typedef struct CoQueue {
    Coroutine *first;
    Coroutine *last;
} CoQueue;

/* A lock that at most one coroutine holds.  Not recursive. */
typedef struct CoMutex {
    Coroutine *holder; /* NULL: free */
    CoQueue waiters;   /* empty when the lock is free */
} CoMutex;

typedef struct CoRwTicket CoRwTicket;

/* A lock that one writer or any number of readers hold.  Not recursive. */
typedef struct CoRwlock {
    int owners;         /* -1: a writer, else the number of readers */
    Coroutine *writer;  /* who holds it for writing, else NULL */
    CoRwTicket *first;  /* those that wait, in the order in which they came */
    CoRwTicket *last;
} CoRwlock;

/*
 * Initialises @mutex as free.  There is nothing to destroy; a mutex must be
 * free when its memory goes away.
 *
 * May be called inside and outside coroutines.
 */
void qemu_co_mutex_init(CoMutex *mutex);

/*
 * Takes @mutex; while another coroutine holds it, yields.  Waiters get it in
 * the order in which they came, and none overtakes another.  Aborts when the
 * caller holds it already.
 *
 * Coroutine-only.
 */
void coroutine_fn qemu_co_mutex_lock(CoMutex *mutex);

/*
 * Releases @mutex, which the caller holds.  When others wait, the first of
 * them holds it from now on, and runs when the caller yields or ends.  Does
 * not yield itself.
 *
 * Coroutine-only.
 */
void coroutine_fn qemu_co_mutex_unlock(CoMutex *mutex);

/*
 * Initialises @queue as empty.  There is nothing to destroy; a queue must be
 * empty when its memory goes away.
 *
 * May be called inside and outside coroutines.
 */
void qemu_co_queue_init(CoQueue *queue);

/*
 * Suspends the caller until qemu_co_queue_next() or qemu_co_queue_restart_all()
 * takes it from @queue.  If @mutex is not NULL, the caller holds it; it is
 * released during the wait and held again on return.  The condition that was
 * waited for may have changed again by then: callers test their condition in a
 * loop.
 *
 * Coroutine-only.
 */
void coroutine_fn qemu_co_queue_wait(CoQueue *queue, CoMutex *mutex);

/*
 * Takes the coroutine that has waited longest from @queue and makes it
 * runnable: called in a coroutine, it runs after the caller yields or ends;
 * called outside, it runs at once, before this returns.  Returns false when
 * the queue was empty.
 *
 * May be called inside and outside coroutines.
 */
bool qemu_co_queue_next(CoQueue *queue);

/*
 * Does qemu_co_queue_next() for the coroutines that wait in @queue at the
 * time of the call; those that come to wait meanwhile stay.
 *
 * May be called inside and outside coroutines.
 */
void qemu_co_queue_restart_all(CoQueue *queue);

/*
 * Returns whether no coroutine waits in @queue.
 *
 * May be called inside and outside coroutines.
 */
bool qemu_co_queue_empty(const CoQueue *queue);

/*
 * Initialises @lock as free.  There is nothing to destroy; a lock must be
 * free when its memory goes away.
 *
 * May be called inside and outside coroutines.
 */
void qemu_co_rwlock_init(CoRwlock *lock);

/*
 * Takes @lock for reading, together with other readers.  Yields while a
 * writer holds it or another waits: readers do not overtake a waiting writer.
 *
 * Coroutine-only.
 */
void coroutine_fn qemu_co_rwlock_rdlock(CoRwlock *lock);

/*
 * Takes @lock for writing, exclusively.  Yields while others hold it or wait.
 *
 * Coroutine-only.
 */
void coroutine_fn qemu_co_rwlock_wrlock(CoRwlock *lock);

/*
 * Makes a writer of the caller, a reader of @lock.  At once when it is the
 * only reader and none waits; else it gives the lock up and waits after
 * those who wait already, so other writers may run before this returns and
 * the caller looks again at what it has read.
 *
 * Coroutine-only.
 */
void coroutine_fn qemu_co_rwlock_upgrade(CoRwlock *lock);

/*
 * Makes a reader of the caller, the writer of @lock.  No writer comes in
 * between; readers that wait first in line share the lock from now on.  Does
 * not yield.
 *
 * Coroutine-only.
 */
void coroutine_fn qemu_co_rwlock_downgrade(CoRwlock *lock);

/*
 * Gives up the caller's share of @lock, for reading or for writing.  When
 * that frees it for those who wait first in line, they hold it from now on
 * and run when the caller yields or ends.  Does not yield itself.
 *
 * Coroutine-only.
 */
void coroutine_fn qemu_co_rwlock_unlock(CoRwlock *lock);

/*
 * Suspends the caller for at least @ns nanoseconds of clock @type; 0 and less
 * let the event loop make one turn.  The caller's thread must run an event
 * loop.
 *
 * Coroutine-only.
 */
void coroutine_fn qemu_co_sleep_ns(QEMUClockType type, int64_t ns);

#endif
