/* SPDX-License-Identifier: MIT */
/*
 * Tests of the I/O engines, many requests at once: depth, signals, fairness,
 * memory, threads and contexts.
 *
 * Every test runs once for each engine; io_uring is skipped by name where the
 * system refuses it.  Files are made in the build folder's file system.
 */
#include "qemu/osdep.h"
#include <pthread.h>
#include <sys/resource.h>
#include "qapi/error.h"
#include "../../tools/harness/memory.h"
#include "engine-bench.h"

/* ---- many at once ---- */

#define DEPTH 64
#define SLOT  70000

typedef struct Worker {
    Bench *b;
    int index;
    int rounds;
    int *running;
    uint8_t *out;
    uint8_t *in;
} Worker;

/* Writes, syncs and reads back its own part of the file. */
static void coroutine_fn worker_entry(void *opaque)
{
    Worker *w = opaque;
    IoEngine *e = w->b->engine;
    IoFile *f = &w->b->file;

    for (int i = 0; i < w->rounds; i++) {
        size_t bytes = i % 3 ? SLOT : 4000;
        struct iovec out = { w->out, bytes }, in = { w->in, bytes };
        int64_t offset = (int64_t)w->index * SLOT;

        fill(w->out, bytes, w->index + i);
        g_assert_cmpint(io_engine_pwritev(e, f, &out, 1, bytes, offset), ==, 0);
        if (i % 4 == 0) {
            g_assert_cmpint(io_engine_fdatasync(e, f), ==, 0);
        }
        g_assert_cmpint(io_engine_preadv(e, f, &in, 1, bytes, offset), ==,
                        bytes);
        g_assert_cmpmem(w->in, bytes, w->out, bytes);
    }
    --*w->running;
}

static void run_workers(Bench *b, int n, int rounds)
{
    g_autofree Worker *workers = g_new(Worker, n);
    int running = n;

    for (int i = 0; i < n; i++) {
        workers[i] =
            (Worker){ b, i, rounds, &running, g_malloc(SLOT), g_malloc(SLOT) };
        qemu_coroutine_enter(qemu_coroutine_create(worker_entry, &workers[i]));
    }
    AIO_WAIT_WHILE(b->ctx, running);
    for (int i = 0; i < n; i++) {
        g_free(workers[i].out);
        g_free(workers[i].in);
    }
}

static void test_depth(gconstpointer type)
{
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    run_workers(&b, DEPTH, 9);
    bench_end(&b);
}

/* More at once than the ring has entries. */
static void test_overfull(gconstpointer type)
{
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    run_workers(&b, 600, 1);
    bench_end(&b);
}

static void on_storm(int sig)
{
}

static void test_signal_storm(gconstpointer type)
{
    struct sigaction sa = { .sa_handler = on_storm };
    struct itimerval fast = { { 0, 200 }, { 0, 200 } }, off = { { 0, 0 } };
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &fast, NULL);
    run_workers(&b, 16, 20);
    setitimer(ITIMER_REAL, &off, NULL);
    signal(SIGALRM, SIG_IGN);
    bench_end(&b);
}

/* Small cached reads never leave their coroutine, yet the loop gets turns. */
typedef struct Greedy {
    Bench *b;
    bool stop;
    int reads;
} Greedy;

static void coroutine_fn greedy_entry(void *opaque)
{
    Greedy *g = opaque;
    uint8_t buf[512];
    struct iovec iov = { buf, sizeof(buf) };

    while (!g->stop) {
        g_assert_cmpint(io_engine_preadv(g->b->engine, &g->b->file, &iov, 1,
                                         sizeof(buf), 0),
                        ==, sizeof(buf));
        g->reads++;
    }
}

static void greedy_stop(void *opaque)
{
    Greedy *g = opaque;

    g->stop = true;
}

static void test_inline_fairness(gconstpointer type)
{
    uint8_t buf[512] = { 0 };
    Greedy g = { .reads = 0 };
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    g.b = &b;
    g_assert_cmpint(do_write(&b, buf, sizeof(buf), 0), ==, 0);
    aio_bh_schedule_oneshot(b.ctx, greedy_stop, &g);
    qemu_coroutine_enter(qemu_coroutine_create(greedy_entry, &g));
    AIO_WAIT_WHILE(b.ctx, !g.stop);
    while (aio_poll(b.ctx, false)) {
    }
    g_assert_cmpint(g.reads, >, 0);
    bench_end(&b);
}

/* ---- memory ---- */

typedef struct Steady {
    Bench *b;
    int left;
    int running;
    uint8_t *buf;
} Steady;

static void coroutine_fn steady_entry(void *opaque)
{
    Steady *s = opaque;

    while (s->left-- > 0) {
        size_t bytes = s->left % 2 ? 4096 : 131072;
        struct iovec iov = { s->buf, bytes };
        int64_t offset = s->left % 8 * INT64_C(131072);

        if (s->left % 3) {
            g_assert_cmpint(io_engine_preadv(s->b->engine, &s->b->file, &iov, 1,
                                             bytes, offset),
                            ==, bytes);
        } else {
            g_assert_cmpint(io_engine_pwritev(s->b->engine, &s->b->file, &iov,
                                              1, bytes, offset),
                            ==, 0);
        }
    }
    s->running--;
}

static void run_steady(Steady *s, int requests)
{
    s->left = requests;
    s->running = 32;
    for (int i = 0; i < 32; i++) {
        qemu_coroutine_enter(qemu_coroutine_create(steady_entry, s));
    }
    AIO_WAIT_WHILE(s->b->ctx, s->running);
}

#define POOL_WORKERS 16

static int64_t meet(void *opaque)
{
    pthread_barrier_wait(opaque);
    return 0;
}

/* Work that ends only when all of the pool's workers are there. */
static void start_all_workers(Bench *b)
{
    Request r[POOL_WORKERS];
    pthread_barrier_t all;

    pthread_barrier_init(&all, NULL, POOL_WORKERS);
    for (int i = 0; i < POOL_WORKERS; i++) {
        r[i] = (Request){ .b = b, .op = RUN, .func = meet, .opaque = &all };
        qemu_coroutine_enter(qemu_coroutine_create(request_entry, &r[i]));
    }
    for (int i = 0; i < POOL_WORKERS; i++) {
        AIO_WAIT_WHILE(b->ctx, !r[i].done);
    }
    pthread_barrier_destroy(&all);
}

static void test_no_allocation(gconstpointer type)
{
    Steady s = { .left = 0 };
    int before, after;
    Bench b;

    if (!memory_counts()) {
        g_test_skip("a sanitizer or valgrind has its own malloc");
        return;
    }
    if (!bench_begin(&b, type)) {
        return;
    }
    s.b = &b;
    s.buf = g_malloc0(131072);
    for (int i = 0; i < 9; i++) {
        g_assert_cmpint(do_write(&b, s.buf, 131072, i * 131072), ==, 0);
    }
    start_all_workers(&b);
    run_steady(&s, 500);
    before = memory_allocations();
    run_steady(&s, 1000);
    after = memory_allocations();
    g_assert_cmpint(after - before, ==, 0);
    g_free(s.buf);
    bench_end(&b);
}

/* ---- contexts ---- */

static void *context_thread(void *opaque)
{
    Bench b;

    if (bench_begin(&b, opaque)) {
        run_workers(&b, 8, 20);
        bench_end(&b);
    }
    return NULL;
}

static void test_two_threads(gconstpointer type)
{
    pthread_t threads[2];
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    bench_end(&b);
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, context_thread, (void *)type);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}

static int count_entries(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    int n = 0;

    while (g_dir_read_name(dir)) {
        n++;
    }
    return n;
}

/* The threads of the process, once those that are ending have gone. */
static int settled_tasks(void)
{
    int n = count_entries("/proc/self/task");

    for (int same = 0; same < 5; same++) {
        int now;

        g_usleep(5000);
        now = count_entries("/proc/self/task");
        same = now == n ? same : -1;
        n = now;
    }
    return n;
}

/* Workers without work end by themselves, and come back when needed. */
static void test_idle_workers_end(gconstpointer type)
{
    int tasks = settled_tasks();
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    for (int round = 0; round < 2; round++) {
        start_all_workers(&b);
        g_assert_cmpint(count_entries("/proc/self/task"), ==,
                        tasks + POOL_WORKERS);
        for (int i = 0; i < 1000 && count_entries("/proc/self/task") > tasks;
             i++) {
            g_usleep(10000);
        }
        g_assert_cmpint(count_entries("/proc/self/task"), ==, tasks);
    }
    start_all_workers(&b);
    bench_end(&b);
}

/* Choosing an engine gives the same one each time; its end leaves nothing. */
static void test_choice(gconstpointer type)
{
    int fds = count_entries("/proc/self/fd");
    int tasks = settled_tasks();
    IoEngine *automatic, *uring, *threads;
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    g_assert_true(aio_get_io_engine(b.ctx, GPOINTER_TO_INT(type), NULL) ==
                  b.engine);
    automatic = aio_get_io_engine(b.ctx, IO_ENGINE_AUTO, NULL);
    g_assert_nonnull(automatic);
    uring = aio_get_io_engine(b.ctx, IO_ENGINE_IO_URING, NULL);
    threads = aio_get_io_engine(b.ctx, IO_ENGINE_THREADS, NULL);
    g_assert_true(automatic == (uring ? uring : threads));
    g_assert_true(uring != threads);
    run_workers(&b, 4, 2);
    bench_end(&b);
    g_assert_cmpint(count_entries("/proc/self/fd"), ==, fds);
    /* The kernel's io_uring workers of a closed ring go a little later. */
    for (int i = 0; i < 1000 && count_entries("/proc/self/task") > tasks;
         i++) {
        g_usleep(10000);
    }
    g_assert_cmpint(count_entries("/proc/self/task"), ==, tasks);
}

/* Where no ring can be had, AUTO takes threads and io_uring says why. */
static void test_refused(void)
{
    g_autoptr(Error) err = NULL;
    AioContext *ctx = aio_context_new();
    struct rlimit old, none;
    IoEngine *engine;

    getrlimit(RLIMIT_NOFILE, &old);
    none = old;
    none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    engine = aio_get_io_engine(ctx, IO_ENGINE_IO_URING, &err);
    g_assert_null(engine);
    g_assert_nonnull(err);
    g_assert_nonnull(strstr(error_get_pretty(err), "io_uring"));
    engine = aio_get_io_engine(ctx, IO_ENGINE_AUTO, NULL);
    setrlimit(RLIMIT_NOFILE, &old);
    g_assert_nonnull(engine);
    g_assert_true(aio_get_io_engine(ctx, IO_ENGINE_THREADS, NULL) == engine);
    aio_context_unref(ctx);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("depth", test_depth);
    add("overfull", test_overfull);
    add("signal-storm", test_signal_storm);
    add("inline-fairness", test_inline_fairness);
    add("no-allocation", test_no_allocation);
    add("two-threads", test_two_threads);
    add("choice", test_choice);
    g_test_add_data_func("/io-engine/threads/idle-workers-end",
                         GINT_TO_POINTER(IO_ENGINE_THREADS),
                         test_idle_workers_end);
    g_test_add_func("/io-engine/refused", test_refused);
    return g_test_run();
}
