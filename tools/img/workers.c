/* SPDX-License-Identifier: MIT */
/*
 * Workers and turns.
 *
 * Invariants: a ticket waits in the queue of its number modulo the queues; no
 * other ticket under way has that one, because there are not more workers.
 */
#include "workers.h"
#include "block/aio.h"

typedef struct Start {
    CoroutineEntry *entry;
    void *worker;
    int *running;
} Start;

void img_turns_init(ImgTurns *turns)
{
    *turns = (ImgTurns) { .turn = 0 };
    for (int i = 0; i < IMG_WORKERS_MAX; i++) {
        qemu_co_queue_init(&turns->queues[i]);
    }
}

bool coroutine_fn img_turns_wait(ImgTurns *turns, uint64_t ticket)
{
    while (turns->turn != ticket && !turns->ended) {
        qemu_co_queue_wait(&turns->queues[ticket % IMG_WORKERS_MAX], NULL);
    }
    return !turns->ended;
}

void img_turns_pass(ImgTurns *turns)
{
    turns->turn++;
    qemu_co_queue_next(&turns->queues[turns->turn % IMG_WORKERS_MAX]);
}

void img_turns_end(ImgTurns *turns)
{
    turns->ended = true;
    for (int i = 0; i < IMG_WORKERS_MAX; i++) {
        qemu_co_queue_restart_all(&turns->queues[i]);
    }
}

static void coroutine_fn worker_entry(void *opaque)
{
    Start *start = opaque;

    start->entry(start->worker);
    --*start->running;
}

void img_run_workers(CoroutineEntry *entry, void *workers, size_t size, int n)
{
    g_autofree Start *starts = g_new(Start, n);
    int running = n;

    for (int i = 0; i < n; i++) {
        starts[i] = (Start) { entry, (char *)workers + i * size, &running };
        qemu_coroutine_enter(qemu_coroutine_create(worker_entry, &starts[i]));
    }
    AIO_WAIT_WHILE(qemu_get_current_aio_context(), running > 0);
}
