/* SPDX-License-Identifier: MIT */
/*
 * blkdebug's breakpoints: which request stops, which goes on when one is
 * resumed, and that drains and closes never wait for a stopped one.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "minblk/mem.h"
#include "qapi/error.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"

/* A raw image over blkdebug over a disk of its own. */
static BlockBackend *open_image(void)
{
    return blk_new_open("json:{'driver': 'raw', 'file': {'driver': 'blkdebug', "
                        "'image': {'driver': 'mem', 'size': 65536}}}", NULL,
                        NULL, BDRV_O_RDWR, &error_abort);
}

/* ---- requests in the background ----------------------------------------- */

typedef struct Request {
    BlockBackend *blk;
    int64_t offset;
    bool write;
    int ret;
    bool done;
} Request;

static void coroutine_fn request_entry(void *opaque)
{
    Request *r = opaque;
    uint8_t buf[512] = { 7 };
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, sizeof(buf));

    r->ret = r->write
        ? blk_co_pwritev(r->blk, r->offset, sizeof(buf), &qiov, 0)
        : blk_co_preadv(r->blk, r->offset, sizeof(buf), &qiov, 0);
    r->done = true;
}

static void start(Request *r, BlockBackend *blk, int64_t offset, bool write)
{
    *r = (Request) { .blk = blk, .offset = offset, .write = write };
    qemu_coroutine_enter(qemu_coroutine_create(request_entry, r));
}

/* Lets everything happen that can. */
static void settle(BlockBackend *blk)
{
    for (int i = 0; i < 20; i++) {
        aio_poll(blk_get_aio_context(blk), false);
    }
}

static void assert_stopped(const Request *r)
{
    settle(r->blk);
    g_assert_false(r->done);
}

static void assert_done(const Request *r)
{
    settle(r->blk);
    g_assert_true(r->done);
    g_assert_cmpint(r->ret, ==, 0);
}

static int set_break(BlockBackend *blk, const char *event, const char *tag)
{
    return bdrv_debug_breakpoint(blk_bs(blk), event, tag);
}

static int resume(BlockBackend *blk, const char *tag)
{
    return bdrv_debug_resume(blk_bs(blk), tag);
}

static bool is_suspended(BlockBackend *blk, const char *tag)
{
    return bdrv_debug_is_suspended(blk_bs(blk), tag);
}

/* ---- stop and go on ----------------------------------------------------- */

static void test_resume(void)
{
    BlockBackend *blk = open_image();
    Request r, other;

    g_assert_cmpint(set_break(blk, "write_aio", "A"), ==, 0);
    g_assert_false(is_suspended(blk, "A"));
    g_assert_cmpint(resume(blk, "A"), ==, -ENOENT);
    start(&r, blk, 0, true);
    assert_stopped(&r);
    g_assert_true(is_suspended(blk, "A"));
    g_assert_false(is_suspended(blk, "B"));

    /* Others pass: the breakpoint was for one request. */
    start(&other, blk, 4096, true);
    assert_done(&other);
    start(&other, blk, 4096, false);
    assert_done(&other);

    g_assert_cmpint(resume(blk, "B"), ==, -ENOENT);
    g_assert_cmpint(resume(blk, "A"), ==, 0);
    assert_done(&r);
    g_assert_false(is_suspended(blk, "A"));
    g_assert_cmpint(resume(blk, "A"), ==, -ENOENT);
    blk_unref(blk);
}

static void test_unknown_event(void)
{
    BlockBackend *blk = open_image();

    g_assert_cmpint(set_break(blk, "foo", "A"), ==, -ENOENT);
    g_assert_cmpint(bdrv_debug_remove_breakpoint(blk_bs(blk), "A"), ==,
                    -ENOENT);
    blk_unref(blk);
}

/* A request stops at all breakpoints of an event, and needs to be resumed. */
static void test_two_breakpoints(void)
{
    BlockBackend *blk = open_image();
    Request r, other;

    set_break(blk, "read_aio", "A");
    set_break(blk, "read_aio", "B");
    start(&r, blk, 0, false);
    start(&other, blk, 512, false);
    assert_done(&other);
    assert_stopped(&r);
    g_assert_cmpint(resume(blk, "A"), ==, 0);
    assert_stopped(&r);
    g_assert_cmpint(resume(blk, "B"), ==, 0);
    assert_done(&r);
    blk_unref(blk);
}

/* Of two requests under one tag the one that stopped last goes on first. */
static void test_one_tag(void)
{
    BlockBackend *blk = open_image();
    Request first, second;

    set_break(blk, "read_aio", "A");
    start(&first, blk, 0, false);
    set_break(blk, "read_aio", "A");
    start(&second, blk, 512, false);
    g_assert_cmpint(resume(blk, "A"), ==, 0);
    assert_done(&second);
    assert_stopped(&first);
    g_assert_cmpint(resume(blk, "A"), ==, 0);
    assert_done(&first);
    blk_unref(blk);
}

static void test_remove(void)
{
    BlockBackend *blk = open_image();
    BlockDriverState *bs = blk_bs(blk);
    Request first, second;

    set_break(blk, "read_aio", "A");
    set_break(blk, "write_aio", "A");
    set_break(blk, "read_aio", "B");
    g_assert_cmpint(bdrv_debug_remove_breakpoint(bs, "A"), ==, 0);
    g_assert_cmpint(bdrv_debug_remove_breakpoint(bs, "A"), ==, -ENOENT);
    start(&first, blk, 0, true);
    assert_done(&first);

    /* What has stopped is no breakpoint any more, but runs on. */
    start(&first, blk, 0, false);
    set_break(blk, "read_aio", "B");
    start(&second, blk, 512, false);
    assert_stopped(&first);
    assert_stopped(&second);
    g_assert_cmpint(bdrv_debug_remove_breakpoint(bs, "B"), ==, -ENOENT);
    assert_done(&first);
    assert_done(&second);
    blk_unref(blk);
}

/* Without a node that can stop requests. */
static void test_not_supported(void)
{
    BlockBackend *blk = blk_new_open("json:{'driver': 'mem', 'size': 512}",
                                     NULL, NULL, BDRV_O_RDWR, &error_abort);

    g_assert_cmpint(set_break(blk, "read_aio", "A"), ==, -ENOTSUP);
    g_assert_cmpint(resume(blk, "A"), ==, -ENOTSUP);
    g_assert_cmpint(bdrv_debug_remove_breakpoint(blk_bs(blk), "A"), ==,
                    -ENOTSUP);
    g_assert_false(is_suspended(blk, "A"));
    blk_unref(blk);
}

/* ---- drains, closes ----------------------------------------------------- */

static void test_drain(void)
{
    BlockBackend *blk = open_image();
    Request r;

    /* Stopped in a request of the node above the one that stops it ... */
    set_break(blk, "write_aio", "A");
    start(&r, blk, 0, true);
    assert_stopped(&r);
    blk_drain(blk);
    g_assert_true(r.done);
    g_assert_cmpint(r.ret, ==, 0);

    /* ... and in one of its own. */
    set_break(blk, "pwritev_done", "A");
    start(&r, blk, 0, true);
    assert_stopped(&r);
    bdrv_drain(bdrv_file_bs(blk_bs(blk)));
    g_assert_true(r.done);

    /* It goes on from there, so the write is made. */
    set_break(blk, "pwritev", "A");
    start(&r, blk, 0, true);
    assert_stopped(&r);
    blk_drain(blk);
    g_assert_true(r.done);
    g_assert_cmpint(r.ret, ==, 0);
    blk_unref(blk);
}

/* What is on its way when a drained section begins is not stopped in it. */
static void test_not_while_drained(void)
{
    BlockBackend *blk = open_image();
    BlockDriverState *bs = blk_bs(blk);
    Request r;

    set_break(blk, "write_aio", "A");
    set_break(blk, "pwritev", "B");
    start(&r, blk, 0, true);
    assert_stopped(&r);
    bdrv_drained_begin(bs);
    g_assert_true(r.done);
    g_assert_false(is_suspended(blk, "B"));
    bdrv_drained_end(bs);

    /* The breakpoint is still there. */
    start(&r, blk, 0, true);
    assert_stopped(&r);
    g_assert_cmpint(resume(blk, "B"), ==, 0);
    assert_done(&r);
    blk_unref(blk);
}

static void test_close(void)
{
    BlockBackend *blk = open_image();
    unsigned before = qemu_coroutine_live_count();
    Request first, second;

    set_break(blk, "read_aio", "A");
    set_break(blk, "pwritev", "never met");
    start(&first, blk, 0, false);
    set_break(blk, "read_aio", "B");
    start(&second, blk, 512, false);
    assert_stopped(&first);
    assert_stopped(&second);
    blk_drain(blk);
    g_assert_true(first.done && second.done);
    set_break(blk, "read_aio", "A");
    start(&first, blk, 0, false);
    assert_stopped(&first);
    blk_unref(blk);
    g_assert_true(first.done);
    g_assert_cmpint(qemu_coroutine_live_count(), ==, before);
}

static void test_reopen(void)
{
    BlockBackend *blk = open_image();
    QDict *options = qdict_new();
    Request r;

    set_break(blk, "read_aio", "A");
    start(&r, blk, 0, false);
    assert_stopped(&r);
    qdict_put_bool(options, "read-only", true);
    blk_set_perm(blk, BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL, &error_abort);
    g_assert_cmpint(bdrv_reopen_multiple(bdrv_reopen_queue(
                        NULL, blk_bs(blk), options, true), &error_abort), ==,
                    0);
    g_assert_true(r.done);
    blk_unref(blk);
}

/* What blkdebug says on standard output is a comment to TAP. */
static ssize_t pass_on(void *opaque, const char *text, size_t size)
{
    bool comment = size > 10 && memcmp(text, "blkdebug: ", 10) == 0;
    g_autofree char *line = g_strdup_printf("%s%.*s", comment ? "# " : "",
                                            (int)size, text);

    g_assert_cmpint(write(1, line, strlen(line)), ==, strlen(line));
    return size;
}

static void comment_blkdebug(void)
{
    stdout = fopencookie(NULL, "w", (cookie_io_functions_t) {
        .write = pass_on,
    });
    g_assert_nonnull(stdout);
    setvbuf(stdout, NULL, _IOLBF, 0);
}

int main(int argc, char **argv)
{
    comment_blkdebug();
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/blkdebug/break/resume", test_resume);
    g_test_add_func("/blkdebug/break/unknown-event", test_unknown_event);
    g_test_add_func("/blkdebug/break/two", test_two_breakpoints);
    g_test_add_func("/blkdebug/break/one-tag", test_one_tag);
    g_test_add_func("/blkdebug/break/remove", test_remove);
    g_test_add_func("/blkdebug/break/not-supported", test_not_supported);
    g_test_add_func("/blkdebug/break/drain", test_drain);
    g_test_add_func("/blkdebug/break/not-while-drained",
                    test_not_while_drained);
    g_test_add_func("/blkdebug/break/close", test_close);
    g_test_add_func("/blkdebug/break/reopen", test_reopen);
    return g_test_run();
}
