/* SPDX-License-Identifier: MIT */
/*
 * The bridges into coroutines and out of them, of which all mixed functions are
 * made.
 *
 * Inside a coroutine the work is a plain call.  Outside, a coroutine is started
 * for it and the context is polled until that has ended.
 */
#include "qemu/osdep.h"
#include "block/core/node/node.h"

typedef struct RunCo {
    CoroutineEntry *entry;
    void *opaque;
    bool done;
} RunCo;

/*
 * bdrv_run_co() polls until `done`, not until the coroutine has gone: it may
 * yield and be entered by others several times before.
 */
static void coroutine_fn run_co_entry(void *opaque)
{
    RunCo *run = opaque;

    run->entry(run->opaque);
    run->done = true;
}

void bdrv_run_co(AioContext *ctx, CoroutineEntry *entry, void *opaque)
{
    RunCo run = { .entry = entry, .opaque = opaque };

    if (qemu_in_coroutine()) {
        entry(opaque);
        return;
    }
    qemu_coroutine_enter(qemu_coroutine_create(run_co_entry, &run));
    while (!run.done) {
        aio_poll(ctx, true);
    }
}

typedef struct RunOutside {
    void (*cb)(void *opaque);
    void *opaque;
    Coroutine *co;
} RunOutside;

/*
 * The caller's structure lives until the coroutine runs on, so the wake-up is
 * last.
 */
static void run_outside_bh(void *opaque)
{
    RunOutside *run = opaque;

    run->cb(run->opaque);
    aio_co_wake(run->co);
}

void bdrv_run_outside_co(AioContext *ctx, void (*cb)(void *opaque),
                         void *opaque)
{
    RunOutside run = { cb, opaque, qemu_coroutine_self() };

    if (qemu_in_coroutine()) {
        aio_bh_schedule_oneshot(ctx, run_outside_bh, &run);
        qemu_coroutine_yield();
    } else {
        cb(opaque);
    }
}
