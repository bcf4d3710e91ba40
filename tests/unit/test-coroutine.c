/* SPDX-License-Identifier: MIT */
/*
 * Coroutines: who runs when, the wake-up rule, stacks and their pool.
 *
 * Every test leaves as many live coroutines as it has found.
 */
#include "qemu/osdep.h"
#include "qemu/coroutine_int.h"
#include <malloc.h>
#include <signal.h>

/*
 * Under the sanitizers a switch takes microseconds, and ThreadSanitizer needs
 * megabytes for a stack.
 */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define MANY         1000
#define SPEED_ROUNDS 50000
#elif defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define MANY         10000
#define SPEED_ROUNDS 50000
#else
#define MANY         10000
#define SPEED_ROUNDS 1000000
#endif

/* Appends a letter to a log that a test compares in the end. */
static char event_log[64];

static void log_event(char c)
{
    size_t length = strlen(event_log);

    g_assert_cmpuint(length, <, sizeof(event_log) - 1);
    event_log[length] = c;
    event_log[length + 1] = '\0';
}

static void log_clear(void)
{
    event_log[0] = '\0';
}

/* --- self --- */

static void coroutine_fn check_self(void *opaque)
{
    Coroutine **co = opaque;

    g_assert_true(qemu_in_coroutine());
    g_assert_true(qemu_coroutine_self() == *co);
    qemu_coroutine_yield();
    g_assert_true(qemu_in_coroutine());
    g_assert_true(qemu_coroutine_self() == *co);
    *co = NULL;
}

static void test_self(void)
{
    unsigned live = qemu_coroutine_live_count();
    Coroutine *co;

    g_assert_false(qemu_in_coroutine());
    g_assert_null(qemu_coroutine_self());
    co = qemu_coroutine_create(check_self, &co);
    g_assert_cmpuint(qemu_coroutine_live_count(), ==, live + 1);
    qemu_coroutine_enter(co);
    g_assert_false(qemu_in_coroutine());
    g_assert_null(qemu_coroutine_self());
    qemu_coroutine_enter(co);
    g_assert_null(co);
    g_assert_cmpuint(qemu_coroutine_live_count(), ==, live);
}

/* --- nesting --- */

typedef struct NestData {
    unsigned depth;
    unsigned max;
    unsigned entered;
    unsigned returned;
} NestData;

static void coroutine_fn nest(void *opaque)
{
    NestData *nd = opaque;
    Coroutine *self = qemu_coroutine_self();

    nd->entered++;
    if (nd->depth++ < nd->max) {
        Coroutine *child = qemu_coroutine_create(nest, nd);

        qemu_coroutine_enter(child);
        g_assert_true(qemu_coroutine_self() == self);
    }
    nd->returned++;
}

static void test_nesting(void)
{
    NestData nd = { .max = 128 };
    unsigned live = qemu_coroutine_live_count();

    qemu_coroutine_enter(qemu_coroutine_create(nest, &nd));
    g_assert_cmpuint(nd.entered, ==, 129);
    g_assert_cmpuint(nd.returned, ==, 129);
    g_assert_cmpuint(qemu_coroutine_live_count(), ==, live);
}

static void coroutine_fn inner_yields(void *opaque)
{
    log_event('c');
    qemu_coroutine_yield();
    log_event('h');
}

static void coroutine_fn outer_enters(void *opaque)
{
    Coroutine **inner = opaque;

    log_event('b');
    *inner = qemu_coroutine_create(inner_yields, NULL);
    qemu_coroutine_enter(*inner);
    log_event('d');
    qemu_coroutine_yield();
    log_event('f');
}

/* An inner coroutine outlives the outer that has entered it first. */
static void test_order(void)
{
    Coroutine *inner = NULL;
    Coroutine *outer = qemu_coroutine_create(outer_enters, &inner);

    log_clear();
    log_event('a');
    qemu_coroutine_enter(outer);
    log_event('e');
    qemu_coroutine_enter(outer);
    log_event('g');
    qemu_coroutine_enter(inner);
    log_event('i');
    g_assert_cmpstr(event_log, ==, "abcdefghi");
}

/* --- the wake-up rule --- */

static void coroutine_fn log_twice(void *opaque)
{
    char c = GPOINTER_TO_INT(opaque);

    qemu_coroutine_yield();
    log_event(c);
}

typedef struct WakeData {
    Coroutine *a;
    Coroutine *b;
    Coroutine *c;
} WakeData;

static void coroutine_fn wake_c(void *opaque)
{
    WakeData *wd = opaque;

    qemu_coroutine_yield();
    log_event('a');
    qemu_coroutine_wake(wd->c);
    log_event('A');
}

static void coroutine_fn wake_both(void *opaque)
{
    WakeData *wd = opaque;

    qemu_coroutine_wake(wd->a);
    qemu_coroutine_wake(wd->b);
    log_event('1');
    qemu_coroutine_yield();
    log_event('2');
}

/* In a coroutine: after it yields, in order, those of the woken behind. */
static void test_wake_inside(void)
{
    WakeData wd;
    Coroutine *co = qemu_coroutine_create(wake_both, &wd);

    log_clear();
    wd.a = qemu_coroutine_create(wake_c, &wd);
    wd.b = qemu_coroutine_create(log_twice, GINT_TO_POINTER('b'));
    wd.c = qemu_coroutine_create(log_twice, GINT_TO_POINTER('c'));
    qemu_coroutine_enter(wd.a);
    qemu_coroutine_enter(wd.b);
    qemu_coroutine_enter(wd.c);
    qemu_coroutine_enter(co);
    g_assert_cmpstr(event_log, ==, "1aAbc");
    qemu_coroutine_enter(co);
    g_assert_cmpstr(event_log, ==, "1aAbc2");
}

static void test_wake_outside(void)
{
    Coroutine *co = qemu_coroutine_create(log_twice, GINT_TO_POINTER('x'));

    log_clear();
    qemu_coroutine_enter(co);
    g_assert_cmpstr(event_log, ==, "");
    qemu_coroutine_wake(co);
    g_assert_cmpstr(event_log, ==, "x");
}

/* Wakes the next of a ring, whose number it has, until rounds are over. */
#define RING 50
#define ROUNDS 2000

typedef struct RingData {
    Coroutine *co[RING];
    unsigned next;
} RingData;

static void coroutine_fn ring_member(void *opaque)
{
    RingData *rd = opaque;
    unsigned me = rd->next++;
    unsigned i;

    for (i = 0; i < ROUNDS; i++) {
        qemu_coroutine_yield();
        if (i < ROUNDS - 1 || me < RING - 1) {
            qemu_coroutine_wake(rd->co[(me + 1) % RING]);
        }
    }
}

static void test_wake_chain(void)
{
    RingData rd = { .next = 0 };
    unsigned live = qemu_coroutine_live_count();
    unsigned i;

    for (i = 0; i < RING; i++) {
        rd.co[i] = qemu_coroutine_create(ring_member, &rd);
        qemu_coroutine_enter(rd.co[i]);
    }
    /* One enter, 100000 turns. */
    qemu_coroutine_enter(rd.co[0]);
    g_assert_cmpuint(qemu_coroutine_live_count(), ==, live);
}

/* --- the home hook --- */

static int home_calls;
static char some_context;

static AioContext *home_of_thread(void)
{
    home_calls++;
    return (AioContext *)&some_context;
}

static void coroutine_fn check_home(void *opaque)
{
    AioContext *expected = opaque;

    g_assert_true(qemu_coroutine_self()->ctx == expected);
    qemu_coroutine_yield();
    g_assert_true(qemu_coroutine_self()->ctx == expected);
}

static void test_home(void)
{
    AioContext *other = (AioContext *)(&some_context + 1);
    Coroutine *co;

    qemu_coroutine_set_home_hook(home_of_thread);
    co = qemu_coroutine_create(check_home, &some_context);
    g_assert_null(co->ctx);
    qemu_coroutine_enter(co);
    qemu_coroutine_enter(co);
    g_assert_cmpint(home_calls, ==, 1);

    co = qemu_coroutine_create(check_home, other);
    g_assert_null(co->ctx);
    co->ctx = other;
    qemu_coroutine_enter(co);
    qemu_coroutine_enter(co);
    g_assert_cmpint(home_calls, ==, 1);
    qemu_coroutine_set_home_hook(NULL);
}

/* --- stacks and the pool --- */

static void coroutine_fn count_up(void *opaque)
{
    unsigned *count = opaque;

    (*count)++;
}

static void test_pool_reuse(void)
{
    unsigned count = 0;
    unsigned stacks;
    struct mallinfo2 before, after;
    int i;

    qemu_coroutine_enter(qemu_coroutine_create(count_up, &count));
    stacks = qemu_coroutine_stack_count();
    before = mallinfo2();
    for (i = 0; i < 10000; i++) {
        qemu_coroutine_enter(qemu_coroutine_create(count_up, &count));
    }
    after = mallinfo2();
    g_assert_cmpuint(count, ==, 10001);
    g_assert_cmpuint(qemu_coroutine_stack_count(), ==, stacks);
    g_assert_true(before.uordblks == after.uordblks);
}

typedef struct ManyData {
    unsigned started;
    unsigned next;
} ManyData;

static void coroutine_fn one_of_many(void *opaque)
{
    ManyData *md = opaque;
    unsigned me = md->started++;

    qemu_coroutine_yield();
    g_assert_cmpuint(me, ==, md->next);
    md->next++;
}

static void test_many(void)
{
    ManyData md = { 0 };
    unsigned live = qemu_coroutine_live_count();
    g_autofree Coroutine **co = g_new(Coroutine *, MANY);
    unsigned i;

    for (i = 0; i < MANY; i++) {
        co[i] = qemu_coroutine_create(one_of_many, &md);
        qemu_coroutine_enter(co[i]);
    }
    g_assert_cmpuint(qemu_coroutine_live_count(), ==, live + MANY);
    g_assert_cmpuint(qemu_coroutine_stack_count(), >=, MANY);
    for (i = 0; i < MANY; i++) {
        qemu_coroutine_enter(co[i]);
    }
    g_assert_cmpuint(md.next, ==, MANY);
    g_assert_cmpuint(qemu_coroutine_live_count(), ==, live);
    /* The pool is bounded. */
    g_assert_cmpuint(qemu_coroutine_stack_count(), <=, 512);
}

static void coroutine_fn use_deep_stack(void *opaque)
{
    volatile char buffer[512 * 1024];
    unsigned long *sum = opaque;
    size_t i;

    for (i = 0; i < sizeof(buffer); i++) {
        buffer[i] = i;
    }
    qemu_coroutine_yield();
    for (i = 0; i < sizeof(buffer); i++) {
        *sum += (unsigned char)buffer[i];
    }
}

static void test_deep_stack(void)
{
    unsigned long sum[3] = { 0 };
    Coroutine *co[3];
    int i;

    for (i = 0; i < 3; i++) {
        co[i] = qemu_coroutine_create(use_deep_stack, &sum[i]);
        qemu_coroutine_enter(co[i]);
    }
    for (i = 0; i < 3; i++) {
        qemu_coroutine_enter(co[i]);
        g_assert_cmpuint(sum[i], ==, 2048UL * (255 * 256 / 2));
    }
}

/* --- the guard --- */

static uintptr_t stack_top;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    static const char hit[] = "guard was hit\n";
    uintptr_t depth = stack_top - (uintptr_t)info->si_addr;

    if (depth > 1000 * 1024 && depth < (1024 + 128) * 1024) {
        (void)!write(STDERR_FILENO, hit, sizeof(hit) - 1);
    }
    _exit(1);
}

static unsigned recurse(unsigned depth)
{
    volatile char frame[1024];

    if (depth == 1024 * 1024) {
        return 0;
    }
    frame[depth % sizeof(frame)] = depth;
    return recurse(depth + 1) + frame[depth % sizeof(frame)];
}

static void coroutine_fn overflow(void *opaque)
{
    stack_top = (uintptr_t)__builtin_frame_address(0);
    *(unsigned *)opaque = recurse(0);
}

static void test_guard(void)
{
    if (g_test_subprocess()) {
        static char signal_stack[64 * 1024];
        stack_t alternate = {
            .ss_sp = signal_stack,
            .ss_size = sizeof(signal_stack),
        };
        struct sigaction action = {
            .sa_sigaction = on_fault,
            .sa_flags = SA_SIGINFO | SA_ONSTACK,
        };
        unsigned sum;

        g_assert_cmpint(sigaltstack(&alternate, NULL), ==, 0);
        g_assert_cmpint(sigaction(SIGSEGV, &action, NULL), ==, 0);
        qemu_coroutine_enter(qemu_coroutine_create(overflow, &sum));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*guard was hit*");
}

/* --- exit() in a coroutine --- */

static void coroutine_fn exit_nested(void *opaque)
{
    exit(0);
}

static void coroutine_fn hold_and_nest(void *opaque)
{
    char **volatile held = g_new0(char *, 1);

    *held = g_strdup("reached through a pointer on this stack only");
    qemu_coroutine_enter(qemu_coroutine_create(exit_nested, NULL));
    g_free(*held);
    g_free(held);
}

/* A leak checker must not take what the entered ones hold for lost. */
static void test_exit_inside(void)
{
    if (g_test_subprocess()) {
        qemu_coroutine_enter(qemu_coroutine_create(hold_and_nest, NULL));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
}

/* --- misuse --- */

static void coroutine_fn enter_self(void *opaque)
{
    qemu_coroutine_enter(qemu_coroutine_self());
}

static void test_enter_running(void)
{
    if (g_test_subprocess()) {
        qemu_coroutine_enter(qemu_coroutine_create(enter_self, NULL));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*CO_STATE_SUSPENDED*");
}

static void coroutine_fn wake_twice(void *opaque)
{
    Coroutine *co = opaque;

    qemu_coroutine_wake(co);
    qemu_coroutine_wake(co);
}

static void test_wake_woken(void)
{
    if (g_test_subprocess()) {
        Coroutine *co = qemu_coroutine_create(log_twice, NULL);

        qemu_coroutine_enter(qemu_coroutine_create(wake_twice, co));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*CO_STATE_SUSPENDED*");
}

static void test_yield_outside(void)
{
    if (g_test_subprocess()) {
        /* check-coroutines: off, it aborts */
        qemu_coroutine_yield();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*self*");
}

/* --- threads --- */

static void *thread_body(void *opaque)
{
    Coroutine *foreign = opaque;
    unsigned count = 0;
    Coroutine *co[300];
    ManyData md = { 0 };
    unsigned i;

    for (i = 0; i < 1000; i++) {
        qemu_coroutine_enter(qemu_coroutine_create(count_up, &count));
    }
    g_assert_cmpuint(count, ==, 1000);
    for (i = 0; i < G_N_ELEMENTS(co); i++) {
        co[i] = qemu_coroutine_create(one_of_many, &md);
        qemu_coroutine_enter(co[i]);
    }
    for (i = 0; i < G_N_ELEMENTS(co); i++) {
        qemu_coroutine_enter(co[i]);
    }
    g_assert_cmpuint(md.next, ==, G_N_ELEMENTS(co));
    /* Created in another thread, but entered here only. */
    qemu_coroutine_enter(foreign);
    qemu_coroutine_enter(foreign);
    return NULL;
}

static void test_threads(void)
{
    unsigned live = qemu_coroutine_live_count();
    unsigned stacks, pooled;
    ManyData md[4] = { 0 };
    Coroutine *co[4];
    GThread *thread[4];
    int i;

    stacks = qemu_coroutine_stack_count();
    pooled = stacks - live;
    for (i = 0; i < 4; i++) {
        co[i] = qemu_coroutine_create(one_of_many, &md[i]);
    }
    for (i = 0; i < 4; i++) {
        thread[i] = g_thread_new("coroutines", thread_body, co[i]);
    }
    for (i = 0; i < 4; i++) {
        g_thread_join(thread[i]);
        g_assert_cmpuint(md[i].next, ==, 1);
    }
    g_assert_cmpuint(qemu_coroutine_live_count(), ==, live);
    /* The threads' pools are gone, with what they have got from this one. */
    g_assert_cmpuint(qemu_coroutine_stack_count(), ==,
                     stacks - MIN(pooled, 4));
}

/* --- speed, printed only --- */

static void coroutine_fn yield_forever(void *opaque)
{
    bool *stop = opaque;

    while (!*stop) {
        qemu_coroutine_yield();
    }
}

static void test_speed(void)
{
    const unsigned rounds = SPEED_ROUNDS;
    bool stop = false;
    unsigned count = 0;
    Coroutine *co = qemu_coroutine_create(yield_forever, &stop);
    int64_t start, switched, created;
    unsigned i;

    start = g_get_monotonic_time();
    for (i = 0; i < rounds; i++) {
        qemu_coroutine_enter(co);
    }
    switched = g_get_monotonic_time();
    for (i = 0; i < rounds; i++) {
        qemu_coroutine_enter(qemu_coroutine_create(count_up, &count));
    }
    created = g_get_monotonic_time();
    stop = true;
    qemu_coroutine_enter(co);
    g_assert_cmpuint(count, ==, rounds);
    g_test_message("switch: %.1f ns; create, run and end: %.1f ns",
                   (switched - start) * 1000.0 / rounds / 2,
                   (created - switched) * 1000.0 / rounds);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/coroutine/self", test_self);
    g_test_add_func("/coroutine/nesting", test_nesting);
    g_test_add_func("/coroutine/order", test_order);
    g_test_add_func("/coroutine/wake/inside", test_wake_inside);
    g_test_add_func("/coroutine/wake/outside", test_wake_outside);
    g_test_add_func("/coroutine/wake/chain", test_wake_chain);
    g_test_add_func("/coroutine/home", test_home);
    g_test_add_func("/coroutine/pool-reuse", test_pool_reuse);
    g_test_add_func("/coroutine/many", test_many);
    g_test_add_func("/coroutine/deep-stack", test_deep_stack);
    g_test_add_func("/coroutine/guard", test_guard);
    g_test_add_func("/coroutine/exit-inside", test_exit_inside);
    g_test_add_func("/coroutine/misuse/enter-running", test_enter_running);
    g_test_add_func("/coroutine/misuse/wake-woken", test_wake_woken);
    g_test_add_func("/coroutine/misuse/yield-outside", test_yield_outside);
    g_test_add_func("/coroutine/threads", test_threads);
    g_test_add_func("/coroutine/speed", test_speed);
    return g_test_run();
}
