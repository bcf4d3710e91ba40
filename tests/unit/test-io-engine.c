/* SPDX-License-Identifier: MIT */
/*
 * Tests of the I/O engines: contents, ends of files, errors, interruptions,
 * depth, long vectors, memory, threads.
 *
 * Every test runs once for each engine; io_uring is skipped by name where the
 * system refuses it.  Files are made in the build folder's file system.
 */
#include "qemu/osdep.h"
#include <linux/falloc.h>
#include <pthread.h>
#include <sys/resource.h>
#include "block/aio.h"
#include "qapi/error.h"
#include "qemu/io-engine.h"

/* ---- counting of allocations ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_MALLOC 0
#endif
#endif
#ifndef OWN_MALLOC
#define OWN_MALLOC 1
#endif

static int allocations;

#if OWN_MALLOC
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *ptr, size_t size);

void *malloc(size_t size)
{
    __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_calloc(n, size);
}

void *realloc(void *ptr, size_t size)
{
    __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
    return __libc_realloc(ptr, size);
}
#endif

/* ---- the bench ---- */

typedef struct Bench {
    AioContext *ctx;
    IoEngine *engine;
    IoFile file;
    char *path;
} Bench;

static bool bench_begin(Bench *b, gconstpointer type)
{
    g_autoptr(Error) err = NULL;
    int fd;

    *b = (Bench){ .ctx = aio_context_new() };
    qemu_set_current_aio_context(b->ctx);
    b->engine = aio_get_io_engine(b->ctx, GPOINTER_TO_INT(type), &err);
    if (!b->engine) {
        g_assert_nonnull(err);
        g_test_skip(error_get_pretty(err));
        qemu_set_current_aio_context(NULL);
        aio_context_unref(b->ctx);
        return false;
    }
    g_assert_null(err);
    b->path = g_strdup("test-io-engine.XXXXXX");
    fd = g_mkstemp(b->path);
    g_assert_cmpint(fd, >=, 0);
    io_file_init(&b->file, fd);
    return true;
}

static void bench_end(Bench *b)
{
    close(b->file.fd);
    unlink(b->path);
    g_free(b->path);
    qemu_set_current_aio_context(NULL);
    aio_context_unref(b->ctx);
}

typedef enum Op { READ, WRITE, SYNC, FALLOCATE, FTRUNCATE, RUN } Op;

typedef struct Request {
    Bench *b;
    Op op;
    const struct iovec *iov;
    int niov;
    uint64_t bytes;
    int64_t offset;
    int mode;
    IoEngineFunc *func;
    void *opaque;
    int64_t ret;
    bool done;
} Request;

static void coroutine_fn request_entry(void *opaque)
{
    Request *r = opaque;
    IoEngine *e = r->b->engine;
    IoFile *f = &r->b->file;

    switch (r->op) {
    case READ:
        r->ret = io_engine_preadv(e, f, r->iov, r->niov, r->bytes, r->offset);
        break;
    case WRITE:
        r->ret = io_engine_pwritev(e, f, r->iov, r->niov, r->bytes, r->offset);
        break;
    case SYNC:
        r->ret = io_engine_fdatasync(e, f);
        break;
    case FALLOCATE:
        r->ret = io_engine_fallocate(e, f, r->mode, r->offset, r->bytes);
        break;
    case FTRUNCATE:
        r->ret = io_engine_ftruncate(e, f, r->offset);
        break;
    case RUN:
        r->ret = io_engine_run(e, r->func, r->opaque);
        break;
    }
    r->done = true;
}

static int64_t run(Bench *b, Request r)
{
    r.b = b;
    qemu_coroutine_enter(qemu_coroutine_create(request_entry, &r));
    AIO_WAIT_WHILE(b->ctx, !r.done);
    return r.ret;
}

static int64_t do_read(Bench *b, void *buf, size_t bytes, int64_t offset)
{
    struct iovec iov = { buf, bytes };

    return run(b, (Request){ .op = READ,
                             .iov = &iov,
                             .niov = 1,
                             .bytes = bytes,
                             .offset = offset });
}

static int64_t do_write(Bench *b, const void *buf, size_t bytes, int64_t offset)
{
    struct iovec iov = { (void *)buf, bytes };

    return run(b, (Request){ .op = WRITE,
                             .iov = &iov,
                             .niov = 1,
                             .bytes = bytes,
                             .offset = offset });
}

static void fill(uint8_t *buf, size_t bytes, unsigned seed)
{
    for (size_t i = 0; i < bytes; i++) {
        buf[i] = (i * 7 + (i >> 8) * 13 + seed) & 0xff;
    }
}

/* ---- contents ---- */

static const size_t sizes[] = {
    1, 3, 511, 512, 4095, 4096, 65535, 65536, 65537, 100000, 1 << 20, 3000001,
};

static void test_contents(gconstpointer type)
{
    size_t max = 3000001;
    g_autofree uint8_t *out = g_malloc(max);
    g_autofree uint8_t *in = g_malloc(max);
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        for (int64_t offset = 0; offset <= 8191; offset += 4095 + offset / 4) {
            fill(out, sizes[i], i + offset);
            memset(in, 0xee, sizes[i]);
            g_assert_cmpint(do_write(&b, out, sizes[i], offset), ==, 0);
            g_assert_cmpint(do_read(&b, in, sizes[i], offset), ==, sizes[i]);
            g_assert_cmpmem(in, sizes[i], out, sizes[i]);
            g_assert_cmpint(pread(b.file.fd, in, sizes[i], offset), ==,
                            sizes[i]);
            g_assert_cmpmem(in, sizes[i], out, sizes[i]);
        }
    }
    bench_end(&b);
}

/* Reads that the page cache cannot answer, so that inline attempts fail. */
static void test_uncached(gconstpointer type)
{
    size_t size = 1 << 20;
    g_autofree uint8_t *out = g_malloc(size);
    g_autofree uint8_t *in = g_malloc(size);
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    fill(out, size, 1);
    g_assert_cmpint(do_write(&b, out, size, 0), ==, 0);
    g_assert_cmpint(run(&b, (Request){ .op = SYNC }), ==, 0);
    posix_fadvise(b.file.fd, 0, 0, POSIX_FADV_DONTNEED);
    for (size_t at = 0; at + 60000 < size; at += 60000) {
        g_assert_cmpint(do_read(&b, in + at, 60000, at), ==, 60000);
        g_assert_cmpmem(in + at, 60000, out + at, 60000);
    }
    bench_end(&b);
}

static void test_end_of_file(gconstpointer type)
{
    static const size_t lengths[] = { 0, 1, 1000, 65536, 200000 };
    g_autofree uint8_t *out = g_malloc(200000);
    g_autofree uint8_t *in = g_malloc(400000);
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    fill(out, 200000, 9);
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        size_t length = lengths[i];

        g_assert_cmpint(run(&b, (Request){ .op = FTRUNCATE }), ==, 0);
        g_assert_cmpint(do_write(&b, out, length, 0), ==, 0);
        memset(in, 0x55, 400000);
        g_assert_cmpint(do_read(&b, in, 400000, 0), ==, length);
        g_assert_cmpmem(in, length, out, length);
        for (size_t at = length; at < 400000; at++) {
            g_assert_cmpint(in[at], ==, 0x55);
        }
        g_assert_cmpint(do_read(&b, in, 4096, length), ==, 0);
        g_assert_cmpint(do_read(&b, in, 100000, length + 12345), ==, 0);
        if (length) {
            g_assert_cmpint(do_read(&b, in, 512, length - 1), ==, 1);
        }
        g_assert_cmpint(do_read(&b, NULL, 0, 0), ==, 0);
    }
    bench_end(&b);
}

/* O_DIRECT: aligned transfers, and a read over an end that is not aligned. */
static void test_direct(gconstpointer type)
{
    size_t size = 1 << 20;
    g_autofree uint8_t *tail = g_malloc0(1000);
    uint8_t *out = qemu_memalign(4096, size);
    uint8_t *in = qemu_memalign(4096, size);
    Bench b;
    int fd;

    if (!bench_begin(&b, type)) {
        goto out;
    }
    fd = open(b.path, O_RDWR | O_DIRECT);
    if (fd < 0) {
        g_test_skip("no O_DIRECT here");
        bench_end(&b);
        goto out;
    }
    fill(out, size, 3);
    g_assert_false(b.file.direct);
    g_assert_cmpint(pwrite(b.file.fd, tail, 1000, size), ==, 1000);
    close(b.file.fd);
    io_file_init(&b.file, fd);
    g_assert_true(b.file.direct);
    g_assert_cmpint(do_write(&b, out, size, 0), ==, 0);
    g_assert_cmpint(do_read(&b, in, size, 0), ==, size);
    g_assert_cmpmem(in, size, out, size);
    g_assert_cmpint(do_read(&b, in, 8192, size - 4096), ==, 5096);
    g_assert_cmpmem(in, 4096, out + size - 4096, 4096);
    g_assert_cmpint(do_read(&b, in, 512, 1), ==, -EINVAL);
    bench_end(&b);
out:
    qemu_vfree(out);
    qemu_vfree(in);
}

/* More elements than one call takes, of sizes that do not divide anything. */
static void test_long_vector(gconstpointer type)
{
    enum { N = 3 * IOV_MAX + 17 };
    g_autofree struct iovec *iov = g_new(struct iovec, N);
    g_autofree uint8_t *out = NULL;
    g_autofree uint8_t *in = NULL;
    size_t bytes = 0;
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    for (int i = 0; i < N; i++) {
        iov[i].iov_len = i % 50 == 0 ? 0 : i % 61 + 1;
        bytes += iov[i].iov_len;
    }
    out = g_malloc(bytes);
    in = g_malloc0(bytes);
    fill(out, bytes, 5);
    for (size_t i = 0, at = 0; i < N; at += iov[i++].iov_len) {
        iov[i].iov_base = out + at;
    }
    g_assert_cmpint(run(&b, (Request){ .op = WRITE,
                                       .iov = iov,
                                       .niov = N,
                                       .bytes = bytes,
                                       .offset = 100 }),
                    ==, 0);
    g_assert_cmpint(pread(b.file.fd, in, bytes, 100), ==, bytes);
    g_assert_cmpmem(in, bytes, out, bytes);
    memset(in, 0, bytes);
    for (size_t i = 0, at = 0; i < N; at += iov[i++].iov_len) {
        iov[i].iov_base = in + at;
    }
    g_assert_cmpint(run(&b, (Request){ .op = READ,
                                       .iov = iov,
                                       .niov = N,
                                       .bytes = bytes,
                                       .offset = 100 }),
                    ==, bytes);
    g_assert_cmpmem(in, bytes, out, bytes);
    bench_end(&b);
}

/* A limit of the file's size cuts a write inside an element, then refuses. */
static void test_cut_write(gconstpointer type)
{
    enum { N = 200, LIMIT = 70000 };
    struct rlimit old, limit;
    struct iovec iov[N];
    uint8_t buf[1000], in[1000];
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    fill(buf, sizeof(buf), 0);
    for (int i = 0; i < N; i++) {
        iov[i] = (struct iovec){ buf, sizeof(buf) };
    }
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = LIMIT + 500;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    g_assert_cmpint(run(&b, (Request){ .op = WRITE,
                                       .iov = iov,
                                       .niov = N,
                                       .bytes = N * sizeof(buf) }),
                    ==, -EFBIG);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    g_assert_cmpint(pread(b.file.fd, in, 500, LIMIT), ==, 500);
    g_assert_cmpmem(in, 500, buf, 500);
    g_assert_cmpint(lseek(b.file.fd, 0, SEEK_END), ==, LIMIT + 500);
    bench_end(&b);
}

/* ---- other operations, errors ---- */

static void test_file_operations(gconstpointer type)
{
    uint8_t buf[8192];
    struct stat st;
    int64_t ret;
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    memset(buf, 1, sizeof(buf));
    g_assert_cmpint(do_write(&b, buf, sizeof(buf), 0), ==, 0);
    g_assert_cmpint(run(&b, (Request){ .op = SYNC }), ==, 0);
    g_assert_cmpint(run(&b, (Request){ .op = FTRUNCATE, .offset = 123456 }), ==,
                    0);
    fstat(b.file.fd, &st);
    g_assert_cmpint(st.st_size, ==, 123456);
    ret =
        run(&b, (Request){ .op = FALLOCATE, .offset = 200000, .bytes = 4096 });
    if (ret != -EOPNOTSUPP) {
        g_assert_cmpint(ret, ==, 0);
        fstat(b.file.fd, &st);
        g_assert_cmpint(st.st_size, ==, 204096);
    }
    ret = run(&b,
              (Request){ .op = FALLOCATE,
                         .bytes = 4096,
                         .mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE });
    if (ret != -EOPNOTSUPP) {
        g_assert_cmpint(ret, ==, 0);
        g_assert_cmpint(do_read(&b, buf, sizeof(buf), 0), ==, sizeof(buf));
        g_assert_cmpint(buf[4095], ==, 0);
        g_assert_cmpint(buf[4096], ==, 1);
    }
    g_assert_cmpint(run(&b, (Request){ .op = FALLOCATE, .bytes = 0 }), ==,
                    -EINVAL);
    g_assert_cmpint(run(&b, (Request){ .op = FTRUNCATE, .offset = -1 }), ==,
                    -EINVAL);
    bench_end(&b);
}

static void test_errors(gconstpointer type)
{
    g_autofree uint8_t *buf = g_malloc0(200000);
    Bench b;
    int fd;

    if (!bench_begin(&b, type)) {
        return;
    }
    fd = b.file.fd;

    b.file.fd = open("/dev/full", O_RDWR);
    g_assert_cmpint(do_write(&b, buf, 512, 0), ==, -ENOSPC);
    g_assert_cmpint(do_write(&b, buf, 200000, 0), ==, -ENOSPC);
    close(b.file.fd);

    io_file_init(&b.file, open(b.path, O_RDONLY));
    g_assert_cmpint(do_write(&b, buf, 512, 0), ==, -EBADF);
    g_assert_cmpint(do_write(&b, buf, 200000, 0), ==, -EBADF);
    g_assert_cmpint(run(&b, (Request){ .op = FTRUNCATE }), ==, -EINVAL);
    g_assert_cmpint(do_read(&b, buf, 512, -1), ==, -EINVAL);
    close(b.file.fd);

    io_file_init(&b.file, -1);
    g_assert_cmpint(do_read(&b, buf, 512, 0), ==, -EBADF);
    g_assert_cmpint(do_read(&b, buf, 200000, 0), ==, -EBADF);
    g_assert_cmpint(run(&b, (Request){ .op = SYNC }), ==, -EBADF);
    g_assert_cmpint(run(&b, (Request){ .op = FALLOCATE, .bytes = 1 }), ==,
                    -EBADF);
    g_assert_cmpint(run(&b, (Request){ .op = FTRUNCATE }), ==, -EBADF);

    io_file_init(&b.file, open("/", O_RDONLY | O_DIRECTORY));
    g_assert_cmpint(do_read(&b, buf, 512, 0), ==, -EISDIR);
    close(b.file.fd);
    io_file_init(&b.file, fd);
    bench_end(&b);
}

static int64_t work(void *opaque)
{
    pthread_t *home = opaque;

    g_assert_false(pthread_equal(*home, pthread_self()));
    return INT64_C(1) << 40;
}

static int64_t same_thread(void *opaque)
{
    pthread_t *home = opaque;

    return pthread_equal(*home, pthread_self()) ? 1 : -EINVAL;
}

/* Where no thread can be started, work is done on the spot. */
static void test_no_threads(void)
{
    pthread_t home = pthread_self();
    struct rlimit old, none;
    Bench b;

    if (!__atomic_load_n(&allocations, __ATOMIC_RELAXED)) {
        g_test_skip("a sanitizer or valgrind needs address space");
        return;
    }
    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
        return;
    }
    g_assert_true(bench_begin(&b, GINT_TO_POINTER(IO_ENGINE_THREADS)));
    /* The first coroutine maps its stack. */
    g_assert_cmpint(do_read(&b, &(char){ 0 }, 1, 0), ==, 0);
    getrlimit(RLIMIT_AS, &old);
    none = old;
    none.rlim_cur = 1;
    setrlimit(RLIMIT_AS, &none);
    g_assert_cmpint(
        run(&b, (Request){ .op = RUN, .func = same_thread, .opaque = &home }),
        ==, 1);
    setrlimit(RLIMIT_AS, &old);
    bench_end(&b);
}

static void test_run(gconstpointer type)
{
    pthread_t home = pthread_self();
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    g_assert_cmpint(
        run(&b, (Request){ .op = RUN, .func = work, .opaque = &home }), ==,
        INT64_C(1) << 40);
    bench_end(&b);
}

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

    if (!__atomic_load_n(&allocations, __ATOMIC_RELAXED)) {
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
    before = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
    run_steady(&s, 1000);
    after = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
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
    IoEngine *automatic;
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    g_assert_cmpint(io_engine_type(b.engine), ==, GPOINTER_TO_INT(type));
    g_assert_cmpstr(io_engine_name(b.engine), ==,
                    GPOINTER_TO_INT(type) == IO_ENGINE_THREADS ? "threads"
                                                               : "io_uring");
    g_assert_true(aio_get_io_engine(b.ctx, GPOINTER_TO_INT(type), NULL) ==
                  b.engine);
    automatic = aio_get_io_engine(b.ctx, IO_ENGINE_AUTO, NULL);
    g_assert_nonnull(automatic);
    g_assert_true(aio_get_io_engine(b.ctx, io_engine_type(automatic), NULL) ==
                  automatic);
    run_workers(&b, 4, 2);
    bench_end(&b);
    g_assert_cmpint(count_entries("/proc/self/fd"), ==, fds);
    /* The kernel's io_uring workers of a closed ring go a little later. */
    for (int i = 0; i < 200 && count_entries("/proc/self/task") > tasks; i++) {
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
    g_assert_cmpint(io_engine_type(engine), ==, IO_ENGINE_THREADS);
    aio_context_unref(ctx);
}

static void add(const char *name, GTestDataFunc func)
{
    g_autofree char *a = g_strdup_printf("/io-engine/threads/%s", name);
    g_autofree char *b = g_strdup_printf("/io-engine/io_uring/%s", name);

    g_test_add_data_func(a, GINT_TO_POINTER(IO_ENGINE_THREADS), func);
    g_test_add_data_func(b, GINT_TO_POINTER(IO_ENGINE_IO_URING), func);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("contents", test_contents);
    add("uncached", test_uncached);
    add("end-of-file", test_end_of_file);
    add("direct", test_direct);
    add("long-vector", test_long_vector);
    add("cut-write", test_cut_write);
    add("file-operations", test_file_operations);
    add("errors", test_errors);
    add("run", test_run);
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
    g_test_add_func("/io-engine/threads/none", test_no_threads);
    g_test_add_func("/io-engine/refused", test_refused);
    return g_test_run();
}
