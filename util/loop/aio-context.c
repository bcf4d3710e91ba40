/* SPDX-License-Identifier: MIT */
/*
 * The life of an AioContext, and which one is a thread's own.
 *
 * Invariants:
 * - A thread's own context is made when first asked for and loses its
 *   reference when the thread ends.
 * - Making a context creates no thread and no descriptor.
 */
#include "qemu/osdep.h"
#include "aio-internal.h"

/*
 * The context that the thread runs at present.  No code keeps its address
 * across a switch of coroutines, as they never leave their thread.
 */
static __thread AioContext *current;

/* Holds the reference of the thread on its own context. */
static pthread_key_t own_key;

static void drop_own_context(void *opaque)
{
    AioContext *ctx = opaque;

    /* Destructors that run after this one may ask for a context again. */
    if (current == ctx) {
        current = NULL;
    }
    aio_context_unref(ctx);
}

static AioContext *home_of_new_coroutine(void)
{
    return qemu_get_current_aio_context();
}

static void __attribute__((constructor)) aio_context_setup(void)
{
    int ret = pthread_key_create(&own_key, drop_own_context);

    g_assert(ret == 0);
    qemu_coroutine_set_home_hook(home_of_new_coroutine);
}

AioContext *aio_context_new(void)
{
    AioContext *ctx = g_new0(AioContext, 1);

    ctx->refcnt = 1;
    ctx->notify_fd = -1;
    ctx->engine_fd = -1;
    ctx->inline_budget = AIO_INLINE_BUDGET;
    pthread_mutex_init(&ctx->lock, NULL);
    QTAILQ_INIT(&ctx->bhs);
    QSIMPLEQ_INIT(&ctx->cos);
    QLIST_INIT(&ctx->handlers);
    QLIST_INIT(&ctx->hooks);
    aio_timers_init(ctx);
    return ctx;
}

void aio_context_ref(AioContext *ctx)
{
    __atomic_fetch_add(&ctx->refcnt, 1, __ATOMIC_RELAXED);
}

void aio_context_unref(AioContext *ctx)
{
    if (__atomic_sub_fetch(&ctx->refcnt, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    /* Engines first, because their descriptors and hooks are registered. */
    aio_drop_engines(ctx);
    aio_drop_scheduled(ctx);
    aio_drop_handlers(ctx);
    g_assert(QLIST_EMPTY(&ctx->hooks));
    for (int i = 0; i < AIO_TIMERS_MAX; i++) {
        g_assert(QTAILQ_EMPTY(&ctx->timers[i].armed));
    }
    if (ctx->notify_fd >= 0) {
        close(ctx->notify_fd);
    }
    pthread_mutex_destroy(&ctx->lock);
    g_free(ctx->pollfds);
    g_free(ctx);
}

AioContext *qemu_get_current_aio_context(void)
{
    if (!current) {
        current = aio_context_new();
        pthread_setspecific(own_key, current);
    }
    return current;
}

AioContext *qemu_get_aio_context(void)
{
    return qemu_get_current_aio_context();
}

void qemu_set_current_aio_context(AioContext *ctx)
{
    AioContext *old = pthread_getspecific(own_key);

    /* First, because @ctx may be the old one. */
    if (ctx) {
        aio_context_ref(ctx);
    }
    current = ctx;
    pthread_setspecific(own_key, ctx);
    if (old) {
        aio_context_unref(old);
    }
}

bool in_aio_context_home_thread(AioContext *ctx)
{
    return current == ctx;
}

AioContext *aio_context_swap_current(AioContext *ctx)
{
    AioContext *old = current;

    current = ctx;
    return old;
}
