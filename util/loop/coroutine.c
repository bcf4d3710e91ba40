/* SPDX-License-Identifier: MIT */
/*
 * Coroutines: their states, who has entered whom, the wake-up rule and the
 * pool of ended ones.
 *
 * Invariants:
 * - thread->current is the last of the chain of entered coroutines; its
 *   caller is the one before, NULL for the thread's own stack.
 * - A coroutine whose state is CO_STATE_WOKEN stands in exactly one list of
 *   pending wake-ups: of the coroutine that has woken it, or of a running
 *   qemu_coroutine_enter().
 * - A coroutine in the pool has the state CO_STATE_ENDED, and all of its
 *   fields but the pool's link are as for a new one.
 */
#include "qemu/osdep.h"
#include "qemu/coroutine_int.h"

/* Stacks that a thread keeps; what ends beyond that is unmapped. */
#define POOL_MAX 256

typedef struct CoThread {
    Coroutine *current; /* NULL: the thread's own stack runs */
    Coroutine *pool;    /* linked by queue_next, the last ended first */
    unsigned pool_size;
} CoThread;

static __thread CoThread this_thread;
static unsigned live_count; /* atomic */
static AioContext *(*home_hook)(void);

static void pool_free(gpointer opaque);
static GPrivate pool_owner = G_PRIVATE_INIT(pool_free);

/*
 * Returns the calling thread's data.  Neither inlined nor taken for a function
 * of nothing: no caller may keep the address in a register across a switch.
 */
static __attribute__((noinline)) CoThread *co_thread(void)
{
    CoThread *thread = &this_thread;

    __asm__ volatile("" : "+r"(thread));
    return thread;
}

/* --- lists --- */

void qemu_coroutine_list_append(CoQueue *queue, Coroutine *co)
{
    co->queue_next = NULL;
    if (queue->first) {
        queue->last->queue_next = co;
    } else {
        queue->first = co;
    }
    queue->last = co;
}

Coroutine *qemu_coroutine_list_pop(CoQueue *queue)
{
    Coroutine *co = queue->first;

    if (co) {
        queue->first = co->queue_next;
        if (!queue->first) {
            queue->last = NULL;
        }
        co->queue_next = NULL;
    }
    return co;
}

void qemu_coroutine_list_concat(CoQueue *queue, CoQueue *from)
{
    if (!from->first) {
        return;
    }
    if (queue->first) {
        queue->last->queue_next = from->first;
    } else {
        queue->first = from->first;
    }
    queue->last = from->last;
    from->first = NULL;
    from->last = NULL;
}

/* --- the pool --- */

static Coroutine *pool_get(CoThread *thread)
{
    Coroutine *co = thread->pool;

    if (co) {
        thread->pool = co->queue_next;
        thread->pool_size--;
        co->queue_next = NULL;
    }
    return co;
}

/* Unmaps the calling thread's pool; GLib calls it when the thread ends. */
static void pool_free(gpointer opaque)
{
    CoThread *thread = opaque;
    Coroutine *co;

    while ((co = pool_get(thread))) {
        coroutine_stack_delete(co);
    }
}

/* --- creating, entering, yielding --- */

Coroutine *qemu_coroutine_create(CoroutineEntry *entry, void *opaque)
{
    Coroutine *co = pool_get(co_thread());

    if (!co) {
        co = coroutine_stack_new();
    }
    assert(co->state == CO_STATE_ENDED);
    co->entry = entry;
    co->opaque = opaque;
    co->state = CO_STATE_SUSPENDED;
    __atomic_fetch_add(&live_count, 1, __ATOMIC_RELAXED);
    return co;
}

Coroutine *coroutine_main(Coroutine *co)
{
    /* check-coroutines: off, a coroutine begins here */
    co->entry(co->opaque);
    assert(co->locks_held == 0);
    co->state = CO_STATE_ENDED;
    return co->caller;
}

/* Puts the ended @co back to what a new one is, and into the pool. */
static void coroutine_end(CoThread *thread, Coroutine *co)
{
    co->entry = NULL;
    co->opaque = NULL;
    co->thread = NULL;
    co->ctx = NULL;
    __atomic_fetch_sub(&live_count, 1, __ATOMIC_RELAXED);
    if (thread->pool_size == POOL_MAX) {
        coroutine_stack_delete(co);
        return;
    }
    if (!thread->pool) {
        /* Have the thread's end call pool_free(). */
        g_private_set(&pool_owner, thread);
    }
    co->queue_next = thread->pool;
    thread->pool = co;
    thread->pool_size++;
}

/* Binds @co to the calling thread if this is its first enter. */
static void coroutine_claim(CoThread *thread, Coroutine *co)
{
    if (!co->thread) {
        co->thread = thread;
        if (!co->ctx && home_hook) {
            co->ctx = home_hook();
        }
    }
    assert(co->thread == thread);
}

void qemu_coroutine_enter(Coroutine *co)
{
    CoThread *thread = co_thread();
    Coroutine *self = thread->current;
    CoQueue queue = { NULL, NULL };

    assert(co->state == CO_STATE_SUSPENDED);
    coroutine_claim(thread, co);
    /* A loop, so that a chain of wake-ups takes no stack of the caller. */
    do {
        co->state = CO_STATE_ENTERED;
        co->caller = self;
        thread->current = co;
        coroutine_switch(self, co);
        thread->current = self;
        co->caller = NULL;
        /* Before the pool, which takes coroutines without wake-ups only. */
        qemu_coroutine_list_concat(&queue, &co->wakeups);
        if (co->state == CO_STATE_ENDED) {
            coroutine_end(thread, co);
        }
        co = qemu_coroutine_list_pop(&queue);
    } while (co);
}

void coroutine_fn qemu_coroutine_yield(void)
{
    Coroutine *self = co_thread()->current;

    assert(self);
    self->state = CO_STATE_SUSPENDED;
    coroutine_switch(self, self->caller);
}

void qemu_coroutine_wake(Coroutine *co)
{
    CoThread *thread = co_thread();

    if (!thread->current) {
        qemu_coroutine_enter(co);
        return;
    }
    assert(co->state == CO_STATE_SUSPENDED);
    coroutine_claim(thread, co);
    co->state = CO_STATE_WOKEN;
    qemu_coroutine_list_append(&thread->current->wakeups, co);
}

/* --- questions and hooks --- */

Coroutine *qemu_coroutine_self(void)
{
    return co_thread()->current;
}

bool qemu_in_coroutine(void)
{
    return co_thread()->current != NULL;
}

unsigned qemu_coroutine_live_count(void)
{
    return __atomic_load_n(&live_count, __ATOMIC_RELAXED);
}

void qemu_coroutine_set_home_hook(AioContext *(*hook)(void))
{
    home_hook = hook;
}
