/* SPDX-License-Identifier: MIT */
/*
 * The inside of a coroutine, for the files that implement coroutines, their
 * locks and the event loop.  Nothing above that includes it.
 *
 * Invariants:
 * - A coroutine is in at most one list at a time, linked by queue_next: a
 *   CoQueue, or the pending wake-ups of a coroutine or of an enter.
 * - The pending wake-ups of a coroutine are empty whenever it does not run.
 */
#ifndef QEMU_COROUTINE_INT_H
#define QEMU_COROUTINE_INT_H

#include "qemu/coroutine.h"
#include "qemu/queue.h"

typedef enum CoroutineState {
    CO_STATE_ENDED,     /* no coroutine: a stack that waits for its next one */
    CO_STATE_SUSPENDED, /* created, or it has yielded */
    CO_STATE_WOKEN,     /* suspended, and some list will enter it */
    CO_STATE_ENTERED,   /* runs, or waits for one that it has entered */
} CoroutineState;

struct Coroutine {
    CoroutineEntry *entry;
    void *opaque;
    CoroutineState state;
    unsigned locks_held;

    /* Who entered it; NULL outside of any coroutine or when not entered. */
    Coroutine *caller;

    /* The thread that it runs in (an opaque token); NULL: not entered yet. */
    const void *thread;

    /*
     * The context whose thread it runs in.  Set by qemu_coroutine_enter() from
     * the home hook if it is still NULL at the first enter; what schedules a
     * new coroutine elsewhere sets it before.
     */
    AioContext *ctx;

    Coroutine *queue_next;

    /* Those to enter when this one yields or ends. */
    CoQueue wakeups;

    /* For the event loop: link in a list of coroutines scheduled on ctx. */
    QSIMPLEQ_ENTRY(Coroutine) scheduled_next;

    /* For the event loop: non-zero while it stands in that list (atomic). */
    int scheduled;
};

/*
 * Makes the suspended coroutine @co runnable: called in a coroutine, @co is
 * entered after the caller yields or ends; called outside, at once.  Aborts
 * when @co is not suspended.  @co must not stand in a CoQueue any more and
 * must belong to the calling thread.
 *
 * May be called inside and outside coroutines.
 */
void qemu_coroutine_wake(Coroutine *co);

/*
 * Sets the function that qemu_coroutine_enter() asks for the calling thread's
 * context when it first enters a coroutine whose ctx is NULL; it may return
 * NULL.  Called once, before any coroutine exists and while the process has
 * one thread (from a constructor).
 */
void qemu_coroutine_set_home_hook(AioContext *(*hook)(void));

/*
 * The stack and the switch, in coroutine-ucontext.c.  A Coroutine lives in the
 * mapping of its stack.
 */

/*
 * Maps a stack with a Coroutine of state CO_STATE_ENDED, zero otherwise.  Each
 * time it is switched to after coroutine_main() has returned, it calls that
 * again.  Aborts the process when there is no memory.
 */
Coroutine *coroutine_stack_new(void);

/* Unmaps the stack of @co, whose state is CO_STATE_ENDED; @co is gone. */
void coroutine_stack_delete(Coroutine *co);

/*
 * Saves where the calling thread is in @from, which is the running coroutine,
 * and goes on where @to was left.  NULL stands for the thread's own stack.
 * Returns when another coroutine switches to @from.  Makes no system call.
 */
void coroutine_switch(Coroutine *from, Coroutine *to);

/*
 * In coroutine.c, called by the stack's code on @co's own stack when @co is
 * first entered: runs @co's function and ends @co.  Returns the coroutine (or
 * NULL) to switch to.
 */
Coroutine *coroutine_main(Coroutine *co);

/* Appends @co, which is in no list, to @queue. */
void qemu_coroutine_list_append(CoQueue *queue, Coroutine *co);

/* Takes the first coroutine from @queue; NULL when it is empty. */
Coroutine *qemu_coroutine_list_pop(CoQueue *queue);

/* Appends all of @from, which is left empty, to @queue. */
void qemu_coroutine_list_concat(CoQueue *queue, CoQueue *from);

#endif
