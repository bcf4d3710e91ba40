/* SPDX-License-Identifier: MIT */
/*
 * The worker threads of one context, for calls that block.
 *
 * Invariants:
 * - `lock` guards everything but the home thread's hook.
 * - A work item is its coroutine's, on the stack: in the queue, then in a
 *   worker's hands, then in the list of those done; nothing is allocated.
 * - The workers that wait are `idle` + `promised`.  Who queues an item and
 *   finds an idle worker turns it into a promised one and signals, so no two
 *   items count on the same worker.  Whichever worker wakes first redeems the
 *   promise, and waits again if a busy one has taken the item meanwhile.
 * - Workers start on demand and end after a while without work.  Who ends
 *   leaves its slot in state ENDED; it is joined when the slot is used again or
 *   the pool goes.
 * - Workers run with all signals blocked.
 */
#include "qemu/osdep.h"
#include "io-engine-int.h"

#define POOL_MAX_WORKERS  16
#define POOL_IDLE_SECONDS 2

typedef struct IoWork {
    IoEngineFunc *func;
    void *opaque;
    int64_t ret;
    Coroutine *co;
    QSIMPLEQ_ENTRY(IoWork) next;
} IoWork;

typedef enum WorkerState {
    WORKER_NONE,
    WORKER_RUNNING,
    WORKER_ENDED,
} WorkerState;

typedef struct IoWorker {
    pthread_t thread;
    WorkerState state;
    IoPool *pool;
} IoWorker;

struct IoPool {
    AioContext *ctx;
    AioHook hook;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    QSIMPLEQ_HEAD(, IoWork) queue;
    QSIMPLEQ_HEAD(, IoWork) done;
    int have_done; /* atomic copy of "done is not empty" */
    int idle;
    int promised;
    int n_workers; /* those in state RUNNING */
    bool stop;
    IoWorker workers[POOL_MAX_WORKERS];
};

/*
 * Wait for an item or an order to stop.  Returns false when neither came for
 * so long that the worker may end.  The lock is held.
 */
static bool wait_for_work(IoPool *pool)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += POOL_IDLE_SECONDS;
    while (QSIMPLEQ_EMPTY(&pool->queue) && !pool->stop) {
        bool timeout = false;

        pool->idle++;
        while (!pool->promised && !pool->stop && !timeout) {
            timeout = pthread_cond_timedwait(&pool->wake, &pool->lock,
                                             &until) == ETIMEDOUT;
        }
        if (pool->promised) {
            pool->promised--;
        } else {
            pool->idle--;
        }
        if (timeout) {
            return !QSIMPLEQ_EMPTY(&pool->queue);
        }
    }
    return true;
}

static void *worker_main(void *opaque)
{
    IoWorker *self = opaque;
    IoPool *pool = self->pool;
    IoWork *work;

    pthread_mutex_lock(&pool->lock);
    do {
        while ((work = QSIMPLEQ_FIRST(&pool->queue))) {
            QSIMPLEQ_REMOVE_HEAD(&pool->queue, next);
            pthread_mutex_unlock(&pool->lock);

            work->ret = work->func(work->opaque);

            pthread_mutex_lock(&pool->lock);
            QSIMPLEQ_INSERT_TAIL(&pool->done, work, next);
            __atomic_store_n(&pool->have_done, 1, __ATOMIC_RELEASE);
            aio_notify(pool->ctx);
        }
    } while (!pool->stop && wait_for_work(pool));
    self->state = WORKER_ENDED;
    pool->n_workers--;
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Start one more worker; the lock is held. */
static bool start_worker(IoPool *pool)
{
    IoWorker *worker = pool->workers;
    sigset_t all, old;
    int ret;

    while (worker->state == WORKER_RUNNING) {
        worker++;
    }
    if (worker->state == WORKER_ENDED) {
        pthread_join(worker->thread, NULL);
        worker->state = WORKER_NONE;
    }
    worker->pool = pool;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    ret = pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (ret) {
        return false;
    }
    worker->state = WORKER_RUNNING;
    pool->n_workers++;
    return true;
}

/* Queue @work; returns false when there is no thread to do it. */
static bool queue_work(IoPool *pool, IoWork *work)
{
    bool signal = false, ok = true;

    pthread_mutex_lock(&pool->lock);
    QSIMPLEQ_INSERT_TAIL(&pool->queue, work, next);
    if (pool->idle > 0) {
        pool->idle--;
        pool->promised++;
        signal = true;
    } else if (pool->n_workers < POOL_MAX_WORKERS && !start_worker(pool) &&
               pool->n_workers == 0) {
        QSIMPLEQ_REMOVE(&pool->queue, work, IoWork, next);
        ok = false;
    }
    pthread_mutex_unlock(&pool->lock);
    if (signal) {
        pthread_cond_signal(&pool->wake);
    }
    return ok;
}

/* Enter the coroutines whose items are done. */
static bool pool_poll(void *opaque)
{
    IoPool *pool = opaque;
    IoWork *work, *next;

    if (!__atomic_load_n(&pool->have_done, __ATOMIC_ACQUIRE)) {
        return false;
    }
    pthread_mutex_lock(&pool->lock);
    work = QSIMPLEQ_FIRST(&pool->done);
    QSIMPLEQ_INIT(&pool->done);
    __atomic_store_n(&pool->have_done, 0, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&pool->lock);

    for (; work; work = next) {
        next = QSIMPLEQ_NEXT(work, next);
        qemu_coroutine_enter(work->co);
    }
    return true;
}

static IoPool *pool_new(AioContext *ctx)
{
    IoPool *pool = g_new0(IoPool, 1);
    pthread_condattr_t attr;

    pool->ctx = ctx;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->wake, &attr);
    pthread_condattr_destroy(&attr);
    QSIMPLEQ_INIT(&pool->queue);
    QSIMPLEQ_INIT(&pool->done);
    pool->hook = (AioHook){ .poll = pool_poll, .opaque = pool };
    QLIST_INSERT_HEAD(&ctx->hooks, &pool->hook, next);
    return pool;
}

int64_t coroutine_fn io_pool_run(AioContext *ctx, IoEngineFunc *func,
                                 void *opaque)
{
    IoWork work = {
        .func = func,
        .opaque = opaque,
        .co = qemu_coroutine_self(),
    };

    if (!ctx->pool) {
        ctx->pool = pool_new(ctx);
    }
    if (!queue_work(ctx->pool, &work)) {
        return func(opaque);
    }
    qemu_coroutine_yield();
    return work.ret;
}

void io_pool_free(IoPool *pool)
{
    if (!pool) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    g_assert(QSIMPLEQ_EMPTY(&pool->queue) && QSIMPLEQ_EMPTY(&pool->done));
    pool->stop = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);

    for (int i = 0; i < POOL_MAX_WORKERS; i++) {
        pthread_mutex_lock(&pool->lock);
        bool join = pool->workers[i].state != WORKER_NONE;
        pthread_mutex_unlock(&pool->lock);
        if (join) {
            pthread_join(pool->workers[i].thread, NULL);
        }
    }
    QLIST_REMOVE(&pool->hook, next);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    g_free(pool);
}
