/* SPDX-License-Identifier: MIT */
/*
 * A GSource that runs an AioContext from any GMainContext.
 *
 * The source only decides when there is something to do; what is done is one
 * aio_poll() that does not block.
 *
 * Invariant: the descriptors that GLib polls for the source are those of the
 * context's handlers whenever the main loop is about to wait.
 */
#include "qemu/osdep.h"
#include "aio-internal.h"

typedef struct AioSource {
    GSource parent;
    AioContext *ctx;
    unsigned handlers_gen; /* of the handlers that were last taken over */
    gpointer notify_tag;   /* NULL before the first preparation */
    GPtrArray *tags;       /* of the handlers' descriptors */
} AioSource;

static gboolean source_prepare(GSource *source, gint *timeout)
{
    AioSource *src = (AioSource *)source;
    AioContext *ctx = src->ctx;
    AioHandler *h;
    int64_t wait;
    bool idle;

    aio_run_flush_hooks(ctx);
    idle = aio_begin_sleep(ctx);
    if (!src->notify_tag) {
        src->notify_tag = g_source_add_unix_fd(source, ctx->notify_fd, G_IO_IN);
    }
    if (src->handlers_gen != ctx->handlers_gen) {
        for (unsigned i = 0; i < src->tags->len; i++) {
            g_source_remove_unix_fd(source, src->tags->pdata[i]);
        }
        g_ptr_array_set_size(src->tags, 0);
        QLIST_FOREACH(h, &ctx->handlers, next) {
            GIOCondition events = (GIOCondition)aio_handler_events(h);

            if (events) {
                g_ptr_array_add(src->tags,
                                g_source_add_unix_fd(source, h->fd, events));
            }
        }
        src->handlers_gen = ctx->handlers_gen;
    }
    /* Rounded up, because a wait of 0 ms just before a timer would spin. */
    wait = idle ? aio_timers_deadline(ctx) : 0;
    *timeout = wait < 0 ? -1 : (gint)MIN(DIV_ROUND_UP(wait, SCALE_MS), INT_MAX);
    return *timeout == 0;
}

static gboolean source_check(GSource *source)
{
    AioSource *src = (AioSource *)source;
    AioContext *ctx = src->ctx;
    bool notified = g_source_query_unix_fd(source, src->notify_tag) != 0;

    aio_end_sleep(ctx);
    if (notified) {
        aio_drain_notify_fd(ctx);
    }
    for (unsigned i = 0; i < src->tags->len; i++) {
        if (g_source_query_unix_fd(source, src->tags->pdata[i])) {
            return TRUE;
        }
    }
    return notified || aio_has_scheduled(ctx) ||
           __atomic_load_n(&ctx->notified, __ATOMIC_SEQ_CST) ||
           aio_timers_deadline(ctx) == 0;
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback,
                                gpointer user_data)
{
    aio_poll(((AioSource *)source)->ctx, false);
    return G_SOURCE_CONTINUE;
}

static void source_finalize(GSource *source)
{
    AioSource *src = (AioSource *)source;

    g_ptr_array_free(src->tags, TRUE);
    aio_context_unref(src->ctx);
}

static GSourceFuncs source_funcs = {
    .prepare = source_prepare,
    .check = source_check,
    .dispatch = source_dispatch,
    .finalize = source_finalize,
};

GSource *aio_get_g_source(AioContext *ctx)
{
    GSource *source = g_source_new(&source_funcs, sizeof(AioSource));
    AioSource *src = (AioSource *)source;

    aio_context_ref(ctx);
    src->ctx = ctx;
    src->handlers_gen = ctx->handlers_gen - 1;
    src->tags = g_ptr_array_new();
    g_source_set_name(source, "aio-context");
    return source;
}
