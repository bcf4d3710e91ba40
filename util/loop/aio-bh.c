/* SPDX-License-Identifier: MIT */
/*
 * Bottom halves, and coroutines that the loop is asked to run.
 *
 * Invariants:
 * - A bottom half is on its context's list exactly while it is scheduled; it
 *   is off the list before its callback runs, and a one-shot is freed by then,
 *   so a callback may do anything with its bottom half and may poll.
 * - One run of the lists takes only what was scheduled before it began: work
 *   that schedules itself again cannot keep the loop from its descriptors.
 */
#include "qemu/osdep.h"
#include "aio-internal.h"

struct QEMUBH {
    AioContext *ctx;
    QEMUBHFunc *cb;
    void *opaque;
    bool scheduled; /* under ctx->lock, as are the two below */
    uint64_t serial;
    QTAILQ_ENTRY(QEMUBH) next;
    bool oneshot;
};

/*
 * `work` is written under the lock only, so that a load and a store will do;
 * aio_has_scheduled() reads it without.
 */
static void add_work(AioContext *ctx, int n)
{
    __atomic_store_n(&ctx->work, ctx->work + n, __ATOMIC_RELEASE);
}

static void bh_unlink(QEMUBH *bh)
{
    bh->scheduled = false;
    QTAILQ_REMOVE(&bh->ctx->bhs, bh, next);
    add_work(bh->ctx, -1);
}

QEMUBH *aio_bh_new(AioContext *ctx, QEMUBHFunc *cb, void *opaque)
{
    QEMUBH *bh = g_new0(QEMUBH, 1);

    bh->ctx = ctx;
    bh->cb = cb;
    bh->opaque = opaque;
    return bh;
}

void qemu_bh_schedule(QEMUBH *bh)
{
    AioContext *ctx = bh->ctx;

    pthread_mutex_lock(&ctx->lock);
    if (!bh->scheduled) {
        bh->scheduled = true;
        bh->serial = ctx->bh_serial++;
        QTAILQ_INSERT_TAIL(&ctx->bhs, bh, next);
        add_work(ctx, 1);
    }
    pthread_mutex_unlock(&ctx->lock);
    aio_notify(ctx);
}

void qemu_bh_cancel(QEMUBH *bh)
{
    pthread_mutex_lock(&bh->ctx->lock);
    if (bh->scheduled) {
        bh_unlink(bh);
    }
    pthread_mutex_unlock(&bh->ctx->lock);
}

void qemu_bh_delete(QEMUBH *bh)
{
    if (bh) {
        qemu_bh_cancel(bh);
        g_free(bh);
    }
}

void aio_bh_schedule_oneshot(AioContext *ctx, QEMUBHFunc *cb, void *opaque)
{
    QEMUBH *bh = aio_bh_new(ctx, cb, opaque);

    bh->oneshot = true;
    qemu_bh_schedule(bh);
}

/* Run the bottom halves that were scheduled before serial @end. */
static bool run_bhs(AioContext *ctx, uint64_t end)
{
    bool progress = false;
    QEMUBH *bh;

    pthread_mutex_lock(&ctx->lock);
    while ((bh = QTAILQ_FIRST(&ctx->bhs)) && bh->serial < end) {
        QEMUBHFunc *cb = bh->cb;
        void *opaque = bh->opaque;

        bh_unlink(bh);
        /* Unlocked, because the callback may schedule, as other threads may. */
        pthread_mutex_unlock(&ctx->lock);
        if (bh->oneshot) {
            g_free(bh);
        }
        cb(opaque);
        progress = true;
        pthread_mutex_lock(&ctx->lock);
    }
    pthread_mutex_unlock(&ctx->lock);
    return progress;
}

bool aio_run_scheduled(AioContext *ctx)
{
    QSIMPLEQ_HEAD(, Coroutine) cos = QSIMPLEQ_HEAD_INITIALIZER(cos);
    Coroutine *co;
    uint64_t end;
    bool progress;

    if (!aio_has_scheduled(ctx)) {
        return false;
    }
    pthread_mutex_lock(&ctx->lock);
    QSIMPLEQ_FOREACH(co, &ctx->cos, scheduled_next) {
        add_work(ctx, -1);
    }
    QSIMPLEQ_CONCAT(&cos, &ctx->cos);
    end = ctx->bh_serial;
    pthread_mutex_unlock(&ctx->lock);

    /*
     * Coroutines first: they cannot poll, so that none of those that were
     * taken from the list is left waiting for a callback that does.
     */
    progress = !QSIMPLEQ_EMPTY(&cos);
    while ((co = QSIMPLEQ_FIRST(&cos))) {
        /* Off the list first, because it may be scheduled again as it runs. */
        QSIMPLEQ_REMOVE_HEAD(&cos, scheduled_next);
        __atomic_store_n(&co->scheduled, 0, __ATOMIC_RELEASE);
        qemu_coroutine_enter(co);
    }
    return run_bhs(ctx, end) || progress;
}

void aio_drop_scheduled(AioContext *ctx)
{
    QEMUBH *bh;

    g_assert(QSIMPLEQ_EMPTY(&ctx->cos));
    while ((bh = QTAILQ_FIRST(&ctx->bhs))) {
        /* Any other has an owner, whose pointer would dangle. */
        g_assert(bh->oneshot);
        bh_unlink(bh);
        g_free(bh);
    }
}

void aio_co_schedule(AioContext *ctx, Coroutine *co)
{
    int was = __atomic_exchange_n(&co->scheduled, 1, __ATOMIC_ACQ_REL);

    /* Its one link is in use already: a second entry would break the list. */
    if (was) {
        g_error("coroutine %p is scheduled twice", (void *)co);
    }
    pthread_mutex_lock(&ctx->lock);
    QSIMPLEQ_INSERT_TAIL(&ctx->cos, co, scheduled_next);
    add_work(ctx, 1);
    pthread_mutex_unlock(&ctx->lock);
    aio_notify(ctx);
}

void aio_co_wake(Coroutine *co)
{
    if (in_aio_context_home_thread(co->ctx)) {
        qemu_coroutine_wake(co);
    } else {
        aio_co_schedule(co->ctx, co);
    }
}
