/* SPDX-License-Identifier: MIT */
/*
 * Tests of the event loop: bottom halves, descriptors, signals, nesting and
 * BlockAIOCB.
 *
 * Each test has a context of its own, which is the thread's for its time.
 */
#include "qemu/osdep.h"
#include <pthread.h>
#include <sys/time.h>
#include "sysemu/replay.h"
#include "loop-bench.h"

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

/* ---- descriptors ---- */

typedef struct Pipe {
    int fd[2];
    int reads;
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
    acb->common.cb(acb->common.opaque, 7);
    qemu_aio_unref(acb);
    g_assert_cmpint(sum, ==, 7);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aio/bh/order", test_bh_order);
    g_test_add_func("/aio/bh/again", test_bh_again);
    g_test_add_func("/aio/bh/delete-scheduled", test_bh_delete_scheduled);
    g_test_add_func("/aio/bh/dropped", test_bh_dropped);
    g_test_add_func("/aio/bh/nested", test_bh_nested);
    g_test_add_func("/aio/fd/read", test_fd_read);
    g_test_add_func("/aio/fd/write-and-hangup", test_fd_write_and_hangup);
    g_test_add_func("/aio/fd/replace", test_fd_replace);
    g_test_add_func("/aio/fd/remove-other", test_fd_remove_other);
    g_test_add_func("/aio/fd/nested", test_fd_nested);
    g_test_add_func("/aio/fd/not-starved", test_fd_not_starved);
    g_test_add_func("/aio/signal", test_signal_ends_wait);
    g_test_add_func("/aio/aiocb", test_aiocb);
    return g_test_run();
}
