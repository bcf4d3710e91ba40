/* SPDX-License-Identifier: MIT */
/*
 * Coroutines that work side by side on one thing, and their turns.
 *
 * Work is handed out in numbered pieces, tickets, of which several are under
 * way at a time; what has to happen in order waits until its turn comes.
 *
 * Invariants:
 *   - Tickets are given out in ascending order, each to one worker, and a
 *     worker has one at a time.  So there is a queue for each that can wait,
 *     and passing a turn wakes one coroutine, not all.
 *   - Once the turns have ended nothing waits for one any more, because a
 *     worker that failed never passes its own.
 */
#ifndef TOOLS_IMG_WORKERS_H
#define TOOLS_IMG_WORKERS_H

#include "qemu/osdep.h"
#include "qemu/coroutine.h"

#define IMG_WORKERS_MAX 16

typedef struct ImgTurns {
    CoQueue queues[IMG_WORKERS_MAX];
    uint64_t turn;              /* the ticket whose turn it is */
    bool ended;
} ImgTurns;

/* The turn is that of ticket 0.  Plain. */
void img_turns_init(ImgTurns *turns);

/* Waits for the turn of @ticket.  False: the turns have ended. */
bool coroutine_fn img_turns_wait(ImgTurns *turns, uint64_t ticket);

/* The turn is the next ticket's, which runs when the caller yields.  Plain. */
void img_turns_pass(ImgTurns *turns);

/* Ends the turns; who waits for one stops waiting.  Plain. */
void img_turns_end(ImgTurns *turns);

/*
 * Runs @entry in @n coroutines at once, each with one of the workers that lie
 * @size bytes apart from @workers on, and returns when all have ended.  Outside
 * coroutines, because it runs the event loop.
 */
void img_run_workers(CoroutineEntry *entry, void *workers, size_t size, int n);

#endif
