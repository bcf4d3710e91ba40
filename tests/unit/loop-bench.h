/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the event loop share: a context, the thread's for the time
 * of a test, and a trace of what ran in it.
 */
#ifndef TESTS_UNIT_LOOP_BENCH_H
#define TESTS_UNIT_LOOP_BENCH_H

#include "block/aio.h"

static AioContext *ctx;
static GString *trace;

static inline void begin(void)
{
    ctx = aio_context_new();
    qemu_set_current_aio_context(ctx);
    trace = g_string_new(NULL);
}

static inline void end(void)
{
    qemu_set_current_aio_context(NULL);
    aio_context_unref(ctx);
    g_string_free(trace, TRUE);
}

static inline void run_all(void)
{
    while (aio_poll(ctx, false)) {
    }
}

static inline void put(void *opaque)
{
    g_string_append(trace, opaque);
}

#define expect_trace(s) g_assert_cmpstr(trace->str, ==, s)

#endif
