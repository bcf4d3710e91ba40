/* SPDX-License-Identifier: MIT */
/*
 * Tests of the I/O engines, one request at a time: contents, ends of files,
 * long vectors, cut transfers, errors.
 *
 * Every test runs once for each engine; io_uring is skipped by name where the
 * system refuses it.  Files are made in the build folder's file system.
 */
#include "qemu/osdep.h"
#include <linux/falloc.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "qapi/error.h"
#include "../../tools/harness/memory.h"
#include "../../util/loop/io-engine-int.h"
#include "engine-bench.h"

/* How many of the next calls of preadv(), which workers make, are refused. */
static int refusals;            /* atomic */

ssize_t preadv(int fd, const struct iovec *iov, int niov, off_t offset)
{
    if (__atomic_load_n(&refusals, __ATOMIC_ACQUIRE) > 0) {
        __atomic_sub_fetch(&refusals, 1, __ATOMIC_RELEASE);
        errno = EAGAIN;
        return -1;
    }
    return syscall(SYS_preadv, fd, iov, niov, offset, 0);
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

static int refused_ops;

static int64_t coroutine_fn refuse(IoEngine *engine, IoOp *op)
{
    refused_ops++;
    return -EAGAIN;
}

/* Whichever engine refuses, a worker has the last word, and only one. */
static void test_again(void)
{
    static const IoEngineOps refusing_ops = { .run = refuse };
    IoEngine refusing = { .ops = &refusing_ops };
    char buf[8];
    Bench b;

    g_assert_true(bench_begin(&b, GINT_TO_POINTER(IO_ENGINE_THREADS)));
    refusing.ctx = b.ctx;
    b.file.no_inline_read = true;
    g_assert_cmpint(pwrite(b.file.fd, "data", 4, 0), ==, 4);

    refusals = 100;
    g_assert_cmpint(do_read(&b, buf, 4, 0), ==, -EAGAIN);
    g_assert_cmpint(refusals, ==, 98);
    b.engine = &refusing;
    g_assert_cmpint(do_read(&b, buf, 4, 0), ==, -EAGAIN);
    g_assert_cmpint(refused_ops, ==, 1);
    g_assert_cmpint(refusals, ==, 97);
    refusals = 0;
    g_assert_cmpint(do_read(&b, buf, 4, 0), ==, 4);
    g_assert_cmpmem(buf, 4, "data", 4);
    g_assert_cmpint(refused_ops, ==, 2);
    g_assert_cmpint(run(&b, (Request){ .op = SYNC }), ==, 0);
    g_assert_cmpint(run(&b, (Request){ .op = FALLOCATE, .bytes = 1 }), ==, 0);
    g_assert_cmpint(refused_ops, ==, 4);
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

    if (!memory_counts()) {
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
    g_test_add_func("/io-engine/threads/none", test_no_threads);
    g_test_add_func("/io-engine/again", test_again);
    return g_test_run();
}
