/* SPDX-License-Identifier: MIT */
/*
 * Locks for the coroutines of one thread: CoMutex, CoQueue, CoRwlock.
 *
 * Invariants:
 * - Who is woken by a lock holds it already: the one who released it has
 *   written that down, so no other coroutine can come in between.
 * - A CoMutex with waiters has a holder; a CoRwlock with tickets is held.
 * - The first ticket of a CoRwlock cannot share what the owners hold: it is a
 *   writer's, or the owner is a writer.
 * - locks_held of a coroutine counts the locks that it holds; between a
 *   release and the new holder's next step it already counts for the latter.
 */
#include "qemu/osdep.h"
#include "qemu/coroutine_int.h"

/* A coroutine that waits for a CoRwlock; lives on its stack. */
struct CoRwTicket {
    Coroutine *co; /* NULL as soon as it holds the lock */
    CoRwTicket *next;
    bool write;
};

/* --- CoMutex --- */

void qemu_co_mutex_init(CoMutex *mutex)
{
    *mutex = (CoMutex) { 0 };
}

void coroutine_fn qemu_co_mutex_lock(CoMutex *mutex)
{
    Coroutine *self = qemu_coroutine_self();

    assert(self);
    /* It would wait for itself for ever. */
    assert(mutex->holder != self);
    if (!mutex->holder) {
        mutex->holder = self;
        self->locks_held++;
        return;
    }
    qemu_coroutine_list_append(&mutex->waiters, self);
    qemu_coroutine_yield();
    assert(mutex->holder == self);
}

void coroutine_fn qemu_co_mutex_unlock(CoMutex *mutex)
{
    Coroutine *self = qemu_coroutine_self();
    Coroutine *next = qemu_coroutine_list_pop(&mutex->waiters);

    assert(self && mutex->holder == self);
    assert(self->locks_held > 0);
    self->locks_held--;
    mutex->holder = next;
    if (next) {
        next->locks_held++;
        qemu_coroutine_wake(next);
    }
}

/* --- CoQueue --- */

void qemu_co_queue_init(CoQueue *queue)
{
    *queue = (CoQueue) { NULL, NULL };
}

void coroutine_fn qemu_co_queue_wait(CoQueue *queue, CoMutex *mutex)
{
    Coroutine *self = qemu_coroutine_self();

    assert(self);
    qemu_coroutine_list_append(queue, self);
    if (mutex) {
        qemu_co_mutex_unlock(mutex);
    }
    qemu_coroutine_yield();
    if (mutex) {
        qemu_co_mutex_lock(mutex);
    }
}

bool qemu_co_queue_next(CoQueue *queue)
{
    Coroutine *next = qemu_coroutine_list_pop(queue);

    if (!next) {
        return false;
    }
    qemu_coroutine_wake(next);
    return true;
}

void qemu_co_queue_restart_all(CoQueue *queue)
{
    CoQueue waiting = *queue;

    /* Those who come back to the queue, and the queue's end, are not seen. */
    qemu_co_queue_init(queue);
    while (qemu_co_queue_next(&waiting)) {
        continue;
    }
}

bool qemu_co_queue_empty(const CoQueue *queue)
{
    return !queue->first;
}

/* --- CoRwlock --- */

void qemu_co_rwlock_init(CoRwlock *lock)
{
    *lock = (CoRwlock) { 0 };
}

static bool rwlock_can_take(const CoRwlock *lock, bool write)
{
    return write ? lock->owners == 0 : lock->owners >= 0;
}

static void rwlock_take(CoRwlock *lock, Coroutine *co, bool write)
{
    if (write) {
        lock->owners = -1;
        lock->writer = co;
    } else {
        lock->owners++;
    }
    co->locks_held++;
}

/* Removes @self from the owners of @lock. */
static void rwlock_give_up(CoRwlock *lock, Coroutine *self)
{
    assert(self && self->locks_held > 0);
    assert(lock->owners != 0);
    if (lock->owners < 0) {
        assert(lock->writer == self);
        lock->owners = 0;
        lock->writer = NULL;
    } else {
        lock->owners--;
    }
    self->locks_held--;
}

/* Lets those in who are first in line and can share @lock. */
static void coroutine_fn rwlock_admit(CoRwlock *lock)
{
    CoRwTicket *ticket;

    while ((ticket = lock->first) && rwlock_can_take(lock, ticket->write)) {
        lock->first = ticket->next;
        if (!lock->first) {
            lock->last = NULL;
        }
        rwlock_take(lock, ticket->co, ticket->write);
        qemu_coroutine_wake(ticket->co);
        ticket->co = NULL;
    }
}

static void coroutine_fn rwlock_lock(CoRwlock *lock, bool write)
{
    Coroutine *self = qemu_coroutine_self();
    CoRwTicket ticket = { .co = self, .write = write };

    assert(self);
    assert(lock->writer != self);
    /* Not past those in line, otherwise readers could starve a writer. */
    if (!lock->first && rwlock_can_take(lock, write)) {
        rwlock_take(lock, self, write);
        return;
    }
    if (lock->first) {
        lock->last->next = &ticket;
    } else {
        lock->first = &ticket;
    }
    lock->last = &ticket;
    qemu_coroutine_yield();
    /* Who wakes it has taken the lock for it: see rwlock_admit(). */
    assert(!ticket.co);
}

void coroutine_fn qemu_co_rwlock_rdlock(CoRwlock *lock)
{
    rwlock_lock(lock, false);
}

void coroutine_fn qemu_co_rwlock_wrlock(CoRwlock *lock)
{
    rwlock_lock(lock, true);
}

void coroutine_fn qemu_co_rwlock_upgrade(CoRwlock *lock)
{
    assert(lock->owners > 0);
    rwlock_give_up(lock, qemu_coroutine_self());
    /* The line is not empty only if it begins with a writer. */
    rwlock_admit(lock);
    rwlock_lock(lock, true);
}

void coroutine_fn qemu_co_rwlock_downgrade(CoRwlock *lock)
{
    Coroutine *self = qemu_coroutine_self();

    /* Taken again before others are admitted, who may only be readers then. */
    rwlock_give_up(lock, self);
    rwlock_take(lock, self, false);
    rwlock_admit(lock);
}

void coroutine_fn qemu_co_rwlock_unlock(CoRwlock *lock)
{
    rwlock_give_up(lock, qemu_coroutine_self());
    rwlock_admit(lock);
}
