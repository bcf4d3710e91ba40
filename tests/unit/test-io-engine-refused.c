/* SPDX-License-Identifier: MIT */
/*
 * Tests of the I/O engines and the event loop where the kernel refuses what
 * they ask for: none of that ends the program or loses a request.
 *
 * The functions of libraries that ask the kernel are defined here, so that they
 * fail on demand.
 */
#include "qemu/osdep.h"
#include <dlfcn.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include "engine-bench.h"
#include "../../tools/harness/memory.h"

struct io_uring;
int io_uring_submit(struct io_uring *ring);

static int submits_left = -1;   /* until one fails; below 0: none does */
static int submit_error;        /* -errno, or 0: nothing is taken */
static int submits_failed;
static bool no_eventfd;

int io_uring_submit(struct io_uring *ring)
{
    static int (*next)(struct io_uring *);

    if (submits_left == 0) {
        submits_failed++;
        return submit_error;
    }
    submits_left -= submits_left > 0;
    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "io_uring_submit");
    }
    return next(ring);
}

int eventfd(unsigned count, int flags)
{
    static int (*next)(unsigned, int);

    if (no_eventfd) {
        errno = EMFILE;
        return -1;
    }
    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "eventfd");
    }
    return next(count, flags);
}

#define REQUESTS 300            /* more than the ring has entries */
#define LENGTH   100000         /* too long to be tried inline */

/* Writes at once, then a sync, then reads; all succeed. */
static void do_many(Bench *b)
{
    g_autofree uint8_t *out = g_malloc(LENGTH + REQUESTS);
    g_autofree uint8_t *in = g_malloc((size_t)LENGTH * REQUESTS);
    g_autofree Request *r = g_new(Request, REQUESTS);
    g_autofree struct iovec *iov = g_new(struct iovec, REQUESTS);

    fill(out, LENGTH + REQUESTS, 7);
    for (int op = 0; op < 2; op++) {
        for (int i = 0; i < REQUESTS; i++) {
            iov[i].iov_base = op ? in + (size_t)LENGTH * i : out + i;
            iov[i].iov_len = LENGTH;
            r[i] = (Request){ .b = b, .op = op ? READ : WRITE, .iov = &iov[i],
                              .niov = 1, .bytes = LENGTH,
                              .offset = (int64_t)LENGTH * i };
            qemu_coroutine_enter(qemu_coroutine_create(request_entry, &r[i]));
        }
        for (int i = 0; i < REQUESTS; i++) {
            AIO_WAIT_WHILE(b->ctx, !r[i].done);
            g_assert_cmpint(r[i].ret, ==, op ? LENGTH : 0);
        }
        g_assert_cmpint(run(b, (Request){ .op = SYNC }), ==, 0);
    }
    for (int i = 0; i < REQUESTS; i++) {
        g_assert_cmpmem(in + (size_t)LENGTH * i, LENGTH, out + i, LENGTH);
    }
}

/*
 * The ring is refused at once, or with requests in flight, for a reason that
 * may pass or not: what it has not taken is done by threads.
 */
static void test_submit(void)
{
    static const int errors[] = { -EAGAIN, -EBUSY, -ENOMEM, -EPERM, -EBADF, 0 };

    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        for (int after = 0; after < 4; after++) {
            Bench b;

            if (!bench_begin(&b, GINT_TO_POINTER(IO_ENGINE_IO_URING))) {
                return;
            }
            submit_error = errors[i];
            submits_left = after;
            submits_failed = 0;
            do_many(&b);
            g_assert_cmpint(submits_failed, >, 0);
            /* Only what may pass with a completion is tried once more. */
            if (after == 0 || (errors[i] != -EAGAIN && errors[i] != -EBUSY)) {
                g_assert_cmpint(submits_failed, ==, 1);
            }
            submits_left = -1;
            bench_end(&b);
        }
    }
}

/* The loop is not woken then, but looks by itself. */
static void test_no_eventfd(gconstpointer type)
{
    Bench b;

    if (!bench_begin(&b, type)) {
        return;
    }
    no_eventfd = true;
    do_many(&b);
    no_eventfd = false;
    do_many(&b);
    bench_end(&b);
}

/* Coroutines until there is no memory for another: an end, but no abort. */
static void coroutine_fn wait_for_ever(void *opaque)
{
    qemu_coroutine_yield();
}

static void test_no_stack(void)
{
    const struct rlimit limit = { 1 << 30, 1 << 30 };

    if (!memory_counts()) {
        g_test_skip("a sanitizer or valgrind needs address space");
        return;
    }
    if (g_test_subprocess()) {
        setrlimit(RLIMIT_AS, &limit);
        for (int i = 0; i < 2048; i++) {
            qemu_coroutine_enter(qemu_coroutine_create(wait_for_ever, NULL));
        }
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*: cannot map a coroutine's stack: Cannot "
                              "allocate memory*");
    g_test_trap_assert_stdout("*the exit status is 1*");
}

/* Runs when exit() was called, not when the process was aborted. */
static void tell_end(void)
{
    if (g_test_subprocess()) {
        printf("the exit status is 1\n");
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    atexit(tell_end);
    g_test_add_func("/io-engine/refused/submit", test_submit);
    add("refused/eventfd", test_no_eventfd);
    g_test_add_func("/io-engine/refused/stack", test_no_stack);
    return g_test_run();
}
