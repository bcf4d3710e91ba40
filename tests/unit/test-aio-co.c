/* SPDX-License-Identifier: MIT */
/*
 * Tests of the event loop: timers, coroutines, other threads and processes.
 *
 * Each test has a context of its own, which is the thread's for its time.
 */
#include "qemu/osdep.h"
#include <pthread.h>
#include <sys/wait.h>
#include "loop-bench.h"

/* ---- timers ---- */

static void test_timer_order(void)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    QEMUTimer a, b, c, d;

    begin();
    aio_timer_init(ctx, &a, QEMU_CLOCK_REALTIME, SCALE_NS, put, (void *)"a");
    aio_timer_init(ctx, &b, QEMU_CLOCK_VIRTUAL, SCALE_MS, put, (void *)"b");
    aio_timer_init(ctx, &c, QEMU_CLOCK_REALTIME, SCALE_US, put, (void *)"c");
    aio_timer_init(ctx, &d, QEMU_CLOCK_REALTIME, SCALE_NS, put, (void *)"d");
    timer_mod_ns(&a, now + 3 * SCALE_MS);
    timer_mod_ns(&b, now + 2 * SCALE_MS);
    timer_mod_ns(&c, now + 3 * SCALE_MS);
    timer_mod_ns(&d, INT64_MAX);
    AIO_WAIT_WHILE(ctx, trace->len < 3);
    expect_trace("bac");
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_REALTIME), >=,
                    now + 3 * SCALE_MS);
    g_assert_false(timer_pending(&a));
    timer_deinit(&a);
    timer_deinit(&b);
    timer_deinit(&c);
    g_assert_true(timer_pending(&d));
    timer_del(&d);
    timer_deinit(&d);
    end();
}

static void test_timer_del_and_move(void)
{
    QEMUTimer a, b;

    begin();
    aio_timer_init(ctx, &a, QEMU_CLOCK_HOST, SCALE_NS, put, (void *)"a");
    aio_timer_init(ctx, &b, QEMU_CLOCK_HOST, SCALE_NS, put, (void *)"b");
    timer_mod_ns(&a, 1);
    timer_mod_ns(&b, -5);
    timer_del(&a);
    timer_del(&a);
    run_all();
    expect_trace("b");
    timer_mod_ns(&a, INT64_MAX);
    timer_mod_ns(&b, 2);
    timer_mod_ns(&a, 1);
    run_all();
    expect_trace("bab");
    timer_deinit(&a);
    timer_deinit(&b);
    end();
}

typedef struct Rearm {
    QEMUTimer timer;
    int runs;
} Rearm;

static void rearm_in_the_past(void *opaque)
{
    Rearm *r = opaque;

    g_assert_false(timer_pending(&r->timer));
    if (++r->runs < 5) {
        timer_mod_ns(&r->timer, 0);
    } else {
        timer_deinit(&r->timer);
    }
}

static void test_timer_rearm(void)
{
    Rearm r = { .runs = 0 };

    begin();
    aio_timer_init(ctx, &r.timer, QEMU_CLOCK_REALTIME, SCALE_NS,
                   rearm_in_the_past, &r);
    timer_mod_ns(&r.timer, 0);
    for (int i = 1; i <= 5; i++) {
        g_assert_true(aio_poll(ctx, true));
        g_assert_cmpint(r.runs, ==, i);
    }
    end();
}

static void test_clocks(void)
{
    int64_t before = time(NULL);
    int64_t wall = qemu_clock_get_ns(QEMU_CLOCK_HOST) / NANOSECONDS_PER_SECOND;

    /* time() may be a tick behind. */
    g_assert_cmpint(wall, >=, before);
    g_assert_cmpint(wall, <=, time(NULL) + 1);
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), <=,
                    qemu_clock_get_ns(QEMU_CLOCK_REALTIME));
}

/* ---- coroutines ---- */

static void coroutine_fn co_put(void *opaque)
{
    put(opaque);
}

static void coroutine_fn co_sleep(void *opaque)
{
    int64_t start = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);

    put((void *)"1");
    qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, 2 * SCALE_MS);
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_REALTIME), >=,
                    start + 2 * SCALE_MS);
    put((void *)"2");
    qemu_co_sleep_ns(QEMU_CLOCK_VIRTUAL, 0);
    put((void *)"3");
}

static void test_co_sleep(void)
{
    begin();
    qemu_coroutine_enter(qemu_coroutine_create(co_sleep, NULL));
    expect_trace("1");
    aio_bh_schedule_oneshot(ctx, put, (void *)"b");
    AIO_WAIT_WHILE(ctx, !strchr(trace->str, '2'));
    AIO_WAIT_WHILE(ctx, !strchr(trace->str, '3'));
    expect_trace("1b23");
    end();
}

static Coroutine *sleeper;

static void coroutine_fn co_yields(void *opaque)
{
    put((void *)"<");
    qemu_coroutine_yield();
    put((void *)">");
}

static void coroutine_fn co_wakes(void *opaque)
{
    put((void *)"w");
    aio_co_wake(sleeper);
    put((void *)"W");
}

static void test_co_wake_home(void)
{
    begin();
    sleeper = qemu_coroutine_create(co_yields, NULL);
    qemu_coroutine_enter(sleeper);
    aio_co_wake(sleeper);
    expect_trace("<>");

    g_string_truncate(trace, 0);
    sleeper = qemu_coroutine_create(co_yields, NULL);
    qemu_coroutine_enter(sleeper);
    qemu_coroutine_enter(qemu_coroutine_create(co_wakes, NULL));
    expect_trace("<wW>");
    end();
}

static void test_co_schedule(void)
{
    begin();
    aio_co_schedule(ctx, qemu_coroutine_create(co_put, (void *)"a"));
    aio_co_schedule(ctx, qemu_coroutine_create(co_put, (void *)"b"));
    expect_trace("");
    g_assert_true(aio_poll(ctx, true));
    expect_trace("ab");
    end();
}

#define PINGS 2000

typedef struct Ping {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    Coroutine *waiting;
    int count;
    pthread_t home;
} Ping;

static void coroutine_fn co_ping(void *opaque)
{
    Ping *p = opaque;

    for (int i = 0; i < PINGS; i++) {
        pthread_mutex_lock(&p->lock);
        p->waiting = qemu_coroutine_self();
        pthread_cond_signal(&p->cond);
        pthread_mutex_unlock(&p->lock);
        qemu_coroutine_yield();
        g_assert_true(pthread_equal(p->home, pthread_self()));
        p->count++;
    }
}

/* Wakes from a thread without a context, often before the yield. */
static void *ping_thread(void *opaque)
{
    Ping *p = opaque;

    for (int i = 0; i < PINGS; i++) {
        pthread_mutex_lock(&p->lock);
        while (!p->waiting) {
            pthread_cond_wait(&p->cond, &p->lock);
        }
        Coroutine *co = p->waiting;
        p->waiting = NULL;
        pthread_mutex_unlock(&p->lock);
        aio_co_wake(co);
    }
    return NULL;
}

static void test_co_wake_threads(void)
{
    Ping p = { .home = pthread_self() };
    pthread_t thread;

    begin();
    pthread_mutex_init(&p.lock, NULL);
    pthread_cond_init(&p.cond, NULL);
    pthread_create(&thread, NULL, ping_thread, &p);
    qemu_coroutine_enter(qemu_coroutine_create(co_ping, &p));
    AIO_WAIT_WHILE(ctx, p.count < PINGS);
    pthread_join(thread, NULL);
    pthread_cond_destroy(&p.cond);
    pthread_mutex_destroy(&p.lock);
    end();
}

static void test_co_schedule_twice(void)
{
    if (g_test_subprocess()) {
        Coroutine *co = qemu_coroutine_create(co_put, (void *)"a");

        begin();
        aio_co_schedule(ctx, co);
        aio_co_schedule(ctx, co);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*is scheduled twice*");
}

static void coroutine_fn co_polls(void *opaque)
{
    /* check-coroutines: off, it aborts */
    aio_poll(ctx, false);
}

static void test_poll_in_coroutine(void)
{
    if (g_test_subprocess()) {
        begin();
        qemu_coroutine_enter(qemu_coroutine_create(co_polls, NULL));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*qemu_in_coroutine*");
}

/* ---- other threads ---- */

#define STORM 20000

static int storm_runs;

static void storm_bh(void *opaque)
{
    storm_runs++;
}

static void *storm_thread(void *opaque)
{
    for (int i = 0; i < STORM; i++) {
        aio_bh_schedule_oneshot(opaque, storm_bh, NULL);
        if (i % 64 == 0) {
            g_usleep(10);
        }
    }
    return NULL;
}

static void test_bh_threads(void)
{
    pthread_t threads[3];

    begin();
    storm_runs = 0;
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, storm_thread, ctx);
    }
    AIO_WAIT_WHILE(ctx, storm_runs < 3 * STORM);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    run_all();
    g_assert_cmpint(storm_runs, ==, 3 * STORM);
    end();
}

static void *notify_late(void *opaque)
{
    g_usleep(20000);
    aio_notify(opaque);
    return NULL;
}

static void test_notify(void)
{
    pthread_t thread;

    begin();
    aio_notify(ctx);
    g_assert_false(aio_poll(ctx, true));
    pthread_create(&thread, NULL, notify_late, ctx);
    g_assert_false(aio_poll(ctx, true));
    pthread_join(thread, NULL);
    end();
}

/* ---- contexts and threads ---- */

static void *own_context_thread(void *opaque)
{
    AioContext *own = qemu_get_current_aio_context();
    int runs = storm_runs;

    g_assert_true(own == qemu_get_aio_context());
    g_assert_true(own != opaque);
    g_assert_true(in_aio_context_home_thread(own));
    g_assert_false(in_aio_context_home_thread(opaque));
    aio_bh_schedule_oneshot(own, storm_bh, NULL);
    g_assert_true(aio_poll(own, true));
    g_assert_cmpint(storm_runs, ==, runs + 1);
    return NULL;
}

static void test_context_per_thread(void)
{
    pthread_t thread;

    begin();
    g_assert_true(qemu_get_aio_context() == ctx);
    pthread_create(&thread, NULL, own_context_thread, ctx);
    pthread_join(thread, NULL);
    end();
}

static void check_current(void *opaque)
{
    g_assert_true(qemu_get_current_aio_context() == opaque);
    put((void *)"k");
}

/* Whoever polls a context is its home for that time. */
static void test_poll_other_context(void)
{
    AioContext *other = aio_context_new();

    begin();
    aio_bh_schedule_oneshot(other, check_current, other);
    g_assert_true(aio_poll(other, true));
    expect_trace("k");
    g_assert_true(qemu_get_current_aio_context() == ctx);
    aio_context_unref(other);
    end();
}

static int count_fds(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    int n = 0;

    while (g_dir_read_name(dir)) {
        n++;
    }
    return n;
}

/* A context made before a fork, not yet used, works in the child. */
static void test_fork_before_use(void)
{
    int fds = count_fds();
    int status;
    pid_t pid;

    begin();
    qemu_bh_delete(aio_bh_new(ctx, put, NULL));
    g_assert_cmpint(count_fds(), ==, fds);
    pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        QEMUTimer t;

        aio_timer_init(ctx, &t, QEMU_CLOCK_REALTIME, SCALE_NS, put,
                       (void *)"t");
        timer_mod_ns(&t, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + SCALE_MS);
        aio_bh_schedule_oneshot(ctx, put, (void *)"b");
        AIO_WAIT_WHILE(ctx, trace->len < 2);
        timer_deinit(&t);
        _exit(strcmp(trace->str, "bt") ? 1 : 0);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    end();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    /* Before any thread: valgrind and TSan dislike forks after one. */
    g_test_add_func("/aio/fork-before-use", test_fork_before_use);
    g_test_add_func("/aio/bh/threads", test_bh_threads);
    g_test_add_func("/aio/notify", test_notify);
    g_test_add_func("/aio/timer/order", test_timer_order);
    g_test_add_func("/aio/timer/del-and-move", test_timer_del_and_move);
    g_test_add_func("/aio/timer/rearm", test_timer_rearm);
    g_test_add_func("/aio/timer/clocks", test_clocks);
    g_test_add_func("/aio/co/sleep", test_co_sleep);
    g_test_add_func("/aio/co/wake-home", test_co_wake_home);
    g_test_add_func("/aio/co/schedule", test_co_schedule);
    g_test_add_func("/aio/co/wake-threads", test_co_wake_threads);
    g_test_add_func("/aio/co/schedule-twice", test_co_schedule_twice);
    g_test_add_func("/aio/co/poll-inside", test_poll_in_coroutine);
    g_test_add_func("/aio/context/per-thread", test_context_per_thread);
    g_test_add_func("/aio/context/poll-other", test_poll_other_context);
    return g_test_run();
}
