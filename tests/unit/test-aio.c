/* SPDX-License-Identifier: MIT */
/*
 * Tests of the event loop: bottom halves, descriptors, timers, coroutines,
 * nesting, other threads and the GSource.
 *
 * Each test has a context of its own, which is the thread's for its time.
 */
#include "qemu/osdep.h"
#include <pthread.h>
#include <sys/wait.h>
#include "block/aio.h"
#include "sysemu/replay.h"

static AioContext *ctx;
static GString *trace;

static void begin(void)
{
    ctx = aio_context_new();
    qemu_set_current_aio_context(ctx);
    trace = g_string_new(NULL);
}

static void end(void)
{
    qemu_set_current_aio_context(NULL);
    aio_context_unref(ctx);
    g_string_free(trace, TRUE);
}

static void run_all(void)
{
    while (aio_poll(ctx, false)) {
    }
}

static void put(void *opaque)
{
    g_string_append(trace, opaque);
}

#define expect_trace(s) g_assert_cmpstr(trace->str, ==, s)

/* ---- bottom halves ---- */

static void test_bh_order(void)
{
    QEMUBH *a, *b;

    begin();
    a = aio_bh_new(ctx, put, (void *)"a");
    b = aio_bh_new(ctx, put, (void *)"b");
    qemu_bh_schedule(b);
    qemu_bh_schedule(a);
    qemu_bh_schedule(b);
    aio_bh_schedule_oneshot(ctx, put, (void *)"c");
    replay_bh_schedule_oneshot_event(ctx, put, (void *)"d");
    expect_trace("");
    g_assert_true(aio_poll(ctx, true));
    expect_trace("bacd");
    g_assert_false(aio_poll(ctx, false));

    qemu_bh_schedule(a);
    qemu_bh_schedule(b);
    qemu_bh_cancel(a);
    run_all();
    expect_trace("bacdb");
    qemu_bh_schedule(a);
    qemu_bh_delete(a);
    run_all();
    expect_trace("bacdb");
    qemu_bh_delete(b);
    qemu_bh_delete(NULL);
    end();
}

typedef struct Again {
    QEMUBH *bh;
    int left;
    int runs;
} Again;

static void schedule_again(void *opaque)
{
    Again *a = opaque;

    a->runs++;
    if (--a->left > 0) {
        qemu_bh_schedule(a->bh);
    } else {
        qemu_bh_delete(a->bh);
    }
}

static void test_bh_again(void)
{
    Again a = { .left = 3 };

    begin();
    a.bh = aio_bh_new(ctx, schedule_again, &a);
    qemu_bh_schedule(a.bh);
    for (int i = 1; i <= 3; i++) {
        g_assert_true(aio_poll(ctx, true));
        g_assert_cmpint(a.runs, ==, i);
    }
    g_assert_false(aio_poll(ctx, false));
    end();
}

static void delete_other(void *opaque)
{
    QEMUBH **bh = opaque;

    put((void *)"d");
    qemu_bh_delete(*bh);
    *bh = NULL;
}

static void test_bh_delete_scheduled(void)
{
    QEMUBH *victim;

    begin();
    victim = aio_bh_new(ctx, put, (void *)"x");
    aio_bh_schedule_oneshot(ctx, delete_other, &victim);
    qemu_bh_schedule(victim);
    run_all();
    expect_trace("d");
    end();
}

/* A one-shot that never ran goes with the context. */
static void test_bh_dropped(void)
{
    begin();
    aio_bh_schedule_oneshot(ctx, put, (void *)"x");
    expect_trace("");
    end();
}

static void nested_poll(void *opaque)
{
    put((void *)"(");
    AIO_WAIT_WHILE(ctx, !strchr(trace->str, 'z'));
    put((void *)")");
}

static void test_bh_nested(void)
{
    begin();
    aio_bh_schedule_oneshot(ctx, nested_poll, NULL);
    aio_bh_schedule_oneshot(ctx, put, (void *)"y");
    aio_bh_schedule_oneshot(ctx, put, (void *)"z");
    run_all();
    expect_trace("(yz)");
    end();
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

/* ---- descriptors ---- */

typedef struct Pipe {
    int fd[2];
    int reads;
    int polls;
    struct Pipe *other;
} Pipe;

static void pipe_open(Pipe *p)
{
    *p = (Pipe){ .reads = 0 };
    g_assert_cmpint(pipe(p->fd), ==, 0);
}

static void pipe_put(Pipe *p)
{
    g_assert_cmpint(write(p->fd[1], "x", 1), ==, 1);
}

static void pipe_close(Pipe *p)
{
    aio_set_fd_handler(ctx, p->fd[0], false, NULL, NULL, NULL, NULL);
    aio_set_fd_handler(ctx, p->fd[1], false, NULL, NULL, NULL, NULL);
    close(p->fd[0]);
    close(p->fd[1]);
}

static void pipe_read(void *opaque)
{
    Pipe *p = opaque;
    char c;

    g_assert_cmpint(read(p->fd[0], &c, 1), ==, 1);
    p->reads++;
}

static void pipe_watch(Pipe *p, IOHandler *io_read)
{
    aio_set_fd_handler(ctx, p->fd[0], false, io_read, NULL, NULL, p);
}

static void test_fd_read(void)
{
    Pipe p;

    begin();
    pipe_open(&p);
    pipe_watch(&p, pipe_read);
    g_assert_false(aio_poll(ctx, false));
    pipe_put(&p);
    pipe_put(&p);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(p.reads, ==, 1);
    g_assert_true(aio_poll(ctx, false));
    g_assert_cmpint(p.reads, ==, 2);
    pipe_watch(&p, NULL);
    pipe_put(&p);
    g_assert_false(aio_poll(ctx, false));
    g_assert_cmpint(p.reads, ==, 2);
    pipe_close(&p);
    end();
}

static void pipe_written(void *opaque)
{
    Pipe *p = opaque;

    p->reads++;
    aio_set_fd_handler(ctx, p->fd[1], false, NULL, NULL, NULL, NULL);
}

static void test_fd_write_and_hangup(void)
{
    Pipe p;

    begin();
    pipe_open(&p);
    aio_set_fd_handler(ctx, p.fd[1], false, NULL, pipe_written, NULL, &p);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(p.reads, ==, 1);
    g_assert_false(aio_poll(ctx, false));

    /* The reader's end goes: an error for a writer. */
    pipe_watch(&p, NULL);
    close(p.fd[0]);
    aio_set_fd_handler(ctx, p.fd[1], false, NULL, pipe_written, NULL, &p);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(p.reads, ==, 2);
    close(p.fd[1]);
    end();
}

static void pipe_read_other(void *opaque)
{
    Pipe *p = opaque;

    pipe_read(p->other);
}

/* A second call replaces handlers; what is still watched goes at the end. */
static void test_fd_replace(void)
{
    Pipe a, b;

    begin();
    pipe_open(&a);
    pipe_open(&b);
    b.other = &a;
    pipe_watch(&a, pipe_read);
    aio_set_fd_handler(ctx, a.fd[0], false, pipe_read_other, NULL, NULL, &b);
    pipe_put(&a);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(a.reads, ==, 1);
    g_assert_false(aio_poll(ctx, false));
    aio_set_fd_handler(ctx, b.fd[1], false, NULL, pipe_written, NULL, &b);
    end();
    close(a.fd[0]);
    close(a.fd[1]);
    close(b.fd[0]);
    close(b.fd[1]);
    g_assert_cmpint(b.reads, ==, 0);
}

static bool pipe_poll_ready(void *opaque)
{
    Pipe *p = opaque;

    p->polls++;
    return p->polls == 3;
}

static void test_fd_io_poll(void)
{
    Pipe p;

    begin();
    pipe_open(&p);
    aio_set_fd_handler(ctx, p.fd[0], false, pipe_read, NULL, pipe_poll_ready,
                       &p);
    g_assert_false(aio_poll(ctx, false));
    g_assert_false(aio_poll(ctx, false));
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(p.polls, ==, 3);
    pipe_put(&p);
    g_assert_true(aio_poll(ctx, true));
    g_assert_cmpint(p.reads, ==, 1);
    pipe_close(&p);
    end();
}

/* Both handlers are ready; the one that runs first removes the other. */
static void pipe_read_remove_other(void *opaque)
{
    Pipe *p = opaque;

    pipe_read(p);
    pipe_watch(p->other, NULL);
    pipe_watch(p, NULL);
}

static void test_fd_remove_other(void)
{
    Pipe a, b;

    begin();
    pipe_open(&a);
    pipe_open(&b);
    a.other = &b;
    b.other = &a;
    pipe_watch(&a, pipe_read_remove_other);
    pipe_watch(&b, pipe_read_remove_other);
    pipe_put(&a);
    pipe_put(&b);
    run_all();
    g_assert_cmpint(a.reads + b.reads, ==, 1);
    pipe_close(&a);
    pipe_close(&b);
    end();
}

/* The one that runs first polls until the other, found ready too, has run. */
static void pipe_read_wait_other(void *opaque)
{
    Pipe *p = opaque;

    pipe_read(p);
    pipe_watch(p, NULL);
    AIO_WAIT_WHILE(ctx, !p->other->reads);
}

static void test_fd_nested(void)
{
    Pipe a, b;

    begin();
    pipe_open(&a);
    pipe_open(&b);
    a.other = &b;
    b.other = &a;
    pipe_watch(&a, pipe_read_wait_other);
    pipe_watch(&b, pipe_read_wait_other);
    pipe_put(&a);
    pipe_put(&b);
    run_all();
    g_assert_cmpint(a.reads, ==, 1);
    g_assert_cmpint(b.reads, ==, 1);
    pipe_close(&a);
    pipe_close(&b);
    end();
}

/* A loop that is never out of bottom halves still serves descriptors. */
static void test_fd_not_starved(void)
{
    Again a = { .left = 100 };
    Pipe p;

    begin();
    pipe_open(&p);
    pipe_watch(&p, pipe_read);
    pipe_put(&p);
    a.bh = aio_bh_new(ctx, schedule_again, &a);
    qemu_bh_schedule(a.bh);
    AIO_WAIT_WHILE(ctx, !p.reads);
    g_assert_cmpint(a.runs, <, 100);
    run_all();
    pipe_close(&p);
    end();
}

/* ---- timers ---- */

static void test_timer_order(void)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    QEMUTimer a, b, c, *d;

    begin();
    aio_timer_init(ctx, &a, QEMU_CLOCK_REALTIME, SCALE_NS, put, (void *)"a");
    aio_timer_init(ctx, &b, QEMU_CLOCK_VIRTUAL, SCALE_MS, put, (void *)"b");
    timer_init_us(&c, QEMU_CLOCK_REALTIME, put, (void *)"c");
    d = timer_new_ns(QEMU_CLOCK_REALTIME, put, (void *)"d");
    timer_mod_ns(&a, now + 3 * SCALE_MS);
    timer_mod(&b, now / SCALE_MS + 2);
    timer_mod_ns(&c, now + 3 * SCALE_MS);
    timer_mod(d, INT64_MAX);
    g_assert_cmpint(timer_expire_time_ns(&a), ==, now + 3 * SCALE_MS);
    AIO_WAIT_WHILE(ctx, trace->len < 3);
    expect_trace("bac");
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_REALTIME), >=,
                    now + 3 * SCALE_MS);
    g_assert_false(timer_pending(&a));
    g_assert_cmpint(timer_expire_time_ns(&a), ==, -1);
    timer_deinit(&a);
    timer_deinit(&b);
    timer_deinit(&c);
    g_assert_true(timer_pending(d));
    timer_free(d);
    timer_free(NULL);
    end();
}

static void test_timer_del_and_move(void)
{
    QEMUTimer *a, *b;

    begin();
    a = aio_timer_new(ctx, QEMU_CLOCK_HOST, SCALE_NS, put, (void *)"a");
    b = aio_timer_new(ctx, QEMU_CLOCK_HOST, SCALE_NS, put, (void *)"b");
    timer_mod_ns(a, 1);
    timer_mod_ns(b, -5);
    timer_del(a);
    timer_del(a);
    run_all();
    expect_trace("b");
    timer_mod_ns(a, INT64_MAX);
    timer_mod_ns(b, 2);
    timer_mod_ns(a, 1);
    run_all();
    expect_trace("bab");
    timer_free(a);
    timer_free(b);
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
    int64_t wall = qemu_clock_get_ns(QEMU_CLOCK_HOST);

    g_assert_cmpint(llabs(wall / NANOSECONDS_PER_SECOND - time(NULL)), <=, 1);
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), <=,
                    qemu_clock_get_ns(QEMU_CLOCK_REALTIME));
    g_assert_cmpint(qemu_clock_get_us(QEMU_CLOCK_HOST), >=, wall / SCALE_US);
    g_assert_cmpint(qemu_clock_get_ms(QEMU_CLOCK_HOST), >=, wall / SCALE_MS);
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
    aio_co_enter(ctx, qemu_coroutine_create(co_put, (void *)"c"));
    expect_trace("c");
    g_assert_true(aio_poll(ctx, true));
    expect_trace("cab");
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
        QEMUTimer *t =
            aio_timer_new(ctx, QEMU_CLOCK_REALTIME, SCALE_NS, put, (void *)"t");

        timer_mod_ns(t, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + SCALE_MS);
        aio_bh_schedule_oneshot(ctx, put, (void *)"b");
        AIO_WAIT_WHILE(ctx, trace->len < 2);
        timer_free(t);
        _exit(strcmp(trace->str, "bt") ? 1 : 0);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    end();
}

/* ---- signals ---- */

static volatile sig_atomic_t interrupted;

static void on_alarm(int sig)
{
    interrupted = 1;
    aio_notify(ctx);
}

static void test_signal_ends_wait(void)
{
    struct sigaction sa = { .sa_handler = on_alarm };
    struct itimerval in_20ms = { { 0, 0 }, { 0, 20000 } };

    begin();
    interrupted = 0;
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &in_20ms, NULL);
    AIO_WAIT_WHILE(ctx, !interrupted);
    signal(SIGALRM, SIG_IGN);
    end();
}

/* ---- GSource ---- */

static gboolean quit_loop(gpointer opaque)
{
    g_main_loop_quit(opaque);
    return G_SOURCE_REMOVE;
}

static void bh_quit(void *opaque)
{
    put((void *)"q");
    g_main_loop_quit(opaque);
}

static void *bh_quit_thread(void *opaque)
{
    g_usleep(5000);
    aio_bh_schedule_oneshot(ctx, bh_quit, opaque);
    return NULL;
}

static void test_gsource(void)
{
    GMainContext *gctx = g_main_context_new();
    GMainLoop *loop = g_main_loop_new(gctx, FALSE);
    GSource *source;
    QEMUTimer timer;
    pthread_t thread;
    Pipe p;

    begin();
    pipe_open(&p);
    source = aio_get_g_source(ctx);
    g_source_attach(source, gctx);

    /* A descriptor, and a coroutine that sleeps. */
    pipe_watch(&p, pipe_read);
    pipe_put(&p);
    qemu_coroutine_enter(qemu_coroutine_create(co_sleep, NULL));
    while (!p.reads || !strchr(trace->str, '3')) {
        g_main_context_iteration(gctx, TRUE);
    }
    expect_trace("123");

    /* A timer ends the wait of the main loop. */
    aio_timer_init(ctx, &timer, QEMU_CLOCK_REALTIME, SCALE_NS, bh_quit, loop);
    timer_mod_ns(&timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + SCALE_MS);
    g_main_loop_run(loop);
    expect_trace("123q");

    /* So does another thread. */
    pipe_watch(&p, NULL);
    pthread_create(&thread, NULL, bh_quit_thread, loop);
    g_main_loop_run(loop);
    pthread_join(thread, NULL);
    expect_trace("123qq");

    /* With nothing to do it leaves the main loop to others. */
    pipe_put(&p);
    g_autoptr(GSource) other = g_timeout_source_new(5);
    g_source_set_callback(other, quit_loop, loop, NULL);
    g_source_attach(other, gctx);
    g_main_loop_run(loop);
    g_assert_cmpint(p.reads, ==, 1);

    g_source_destroy(source);
    g_source_unref(source);
    g_main_loop_unref(loop);
    g_main_context_unref(gctx);
    pipe_close(&p);
    end();
}

/* ---- BlockAIOCB ---- */

typedef struct TestACB {
    BlockAIOCB common;
    char payload[100];
} TestACB;

static const AIOCBInfo test_aiocb_info = { .aiocb_size = sizeof(TestACB) };

static void count_completion(void *opaque, int ret)
{
    *(int *)opaque += ret;
}

static void test_aiocb(void)
{
    int sum = 0;
    TestACB *acb = qemu_aio_get(&test_aiocb_info, NULL, count_completion, &sum);

    memset(acb->payload, 1, sizeof(acb->payload));
    g_assert_true(acb->common.aiocb_info == &test_aiocb_info);
    g_assert_null(acb->common.bs);
    g_assert_cmpint(acb->common.refcnt, ==, 1);
    qemu_aio_ref(acb);
    acb->common.cb(acb->common.opaque, 7);
    qemu_aio_unref(acb);
    g_assert_cmpint(acb->common.refcnt, ==, 1);
    qemu_aio_unref(acb);
    g_assert_cmpint(sum, ==, 7);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    /* Before any thread: valgrind and TSan dislike forks after one. */
    g_test_add_func("/aio/fork-before-use", test_fork_before_use);
    g_test_add_func("/aio/bh/order", test_bh_order);
    g_test_add_func("/aio/bh/again", test_bh_again);
    g_test_add_func("/aio/bh/delete-scheduled", test_bh_delete_scheduled);
    g_test_add_func("/aio/bh/dropped", test_bh_dropped);
    g_test_add_func("/aio/bh/nested", test_bh_nested);
    g_test_add_func("/aio/bh/threads", test_bh_threads);
    g_test_add_func("/aio/notify", test_notify);
    g_test_add_func("/aio/fd/read", test_fd_read);
    g_test_add_func("/aio/fd/write-and-hangup", test_fd_write_and_hangup);
    g_test_add_func("/aio/fd/replace", test_fd_replace);
    g_test_add_func("/aio/fd/io-poll", test_fd_io_poll);
    g_test_add_func("/aio/fd/remove-other", test_fd_remove_other);
    g_test_add_func("/aio/fd/nested", test_fd_nested);
    g_test_add_func("/aio/fd/not-starved", test_fd_not_starved);
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
    g_test_add_func("/aio/signal", test_signal_ends_wait);
    g_test_add_func("/aio/gsource", test_gsource);
    g_test_add_func("/aio/aiocb", test_aiocb);
    return g_test_run();
}
