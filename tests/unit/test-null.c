/* SPDX-License-Identifier: MIT */
/*
 * The null drivers: options, names, status, latency, completion from the loop.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "qapi/error.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"

static const char *const drivers[] = { "null-co", "null-aio" };

/* A backend of @driver with options "KEY=VALUE" up to NULL, or NULL. */
static BlockBackend *open_null(const char *driver, const char *const *opts,
                               Error **errp)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", driver);
    for (; opts && *opts; opts++) {
        g_auto(GStrv) pair = g_strsplit(*opts, "=", 2);

        qdict_put_str(options, pair[0], pair[1]);
    }
    return blk_new_open(NULL, NULL, options, BDRV_O_RDWR, errp);
}

static void test_defaults(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        BlockBackend *blk = open_null(drivers[i], NULL, &error_abort);
        g_autofree char *name = g_strdup_printf("%s://", drivers[i]);
        uint8_t buf[512];
        int64_t pnum, map;
        BlockDriverState *file;

        g_assert_cmpint(blk_getlength(blk), ==, GiB);
        g_assert_cmpstr(bdrv_get_filename(blk_bs(blk)), ==, name);
        g_assert_cmpint(bdrv_get_allocated_file_size(blk_bs(blk)), ==, 0);
        memset(buf, 0x55, sizeof(buf));
        g_assert_cmpint(blk_pwrite(blk, 0, buf, 512, 0), ==, 512);
        g_assert_cmpint(blk_pread(blk, 0, buf, 512), ==, 512);
        g_assert_cmpint(buf[0], ==, 0x55); /* left as it was */
        g_assert_cmpint(blk_flush(blk), ==, 0);
        g_assert_cmpint(bdrv_block_status(blk_bs(blk), 512, 1024, &pnum, &map,
                                          &file), ==,
                        BDRV_BLOCK_OFFSET_VALID);
        g_assert_cmpint(pnum, ==, 1024);
        g_assert_cmpint(map, ==, 512);
        g_assert(file == blk_bs(blk));
        blk_unref(blk);
    }
}

static void test_options(void)
{
    const char *const opts[] = {
        "size=1M", "read-zeroes=on", "latency-ns=2000000", NULL
    };

    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        BlockBackend *blk = open_null(drivers[i], opts, &error_abort);
        uint8_t buf[512];
        int64_t before, pnum;

        g_assert_cmpint(blk_getlength(blk), ==, MiB);
        memset(buf, 0x55, sizeof(buf));
        before = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
        g_assert_cmpint(blk_pread(blk, 0, buf, 512), ==, 512);
        g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - before, >=,
                        2000000);
        g_assert_cmpint(buf[511], ==, 0);
        before = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
        g_assert_cmpint(blk_pwrite(blk, 0, buf, 512, 0), ==, 512);
        g_assert_cmpint(blk_flush(blk), ==, 0);
        g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - before, >=,
                        4000000);
        g_assert(bdrv_block_status(blk_bs(blk), 0, MiB, &pnum, NULL, NULL) &
                 BDRV_BLOCK_ZERO);
        blk_unref(blk);
    }
}

static void test_errors(void)
{
    const char *const negative[] = { "latency-ns=9223372036854775808", NULL };
    const char *const large[] = { "size=9223372036854775807", NULL };
    const char *const word[] = { "read-zeroes=maybe", NULL };
    const char *const *const cases[] = { negative, large, word };
    Error *err = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_assert(open_null("null-co", cases[i], &err) == NULL);
        g_assert(err);
        error_free(err);
        err = NULL;
    }
    g_assert(blk_new_open("null-co://x", NULL, NULL, 0, &err) == NULL);
    g_assert_cmpstr(error_get_pretty(err), ==, "The only allowed filename for "
                    "this driver is 'null-co://'");
    error_free(err);
    err = NULL;
    g_assert(blk_new_open("null-aio:", NULL, NULL, 0, &err) == NULL);
    g_assert(err);
    error_free(err);
}

static void test_name(void)
{
    QDict *options = qdict_new();
    BlockBackend *blk;

    qdict_put_str(options, "driver", "raw");
    blk = blk_new_open("null-co://", NULL, options, 0, &error_abort);
    g_assert_cmpstr(bdrv_get_format_name(blk_bs(blk)), ==, "raw");
    g_assert_cmpstr(bdrv_get_filename(blk_bs(blk)), ==, "null-co://");
    blk_unref(blk);
}

/* ---- many at once, none before its request function has returned -------- */

typedef struct Request {
    BlockBackend *blk;
    int ret;
} Request;

static void coroutine_fn request_entry(void *opaque)
{
    Request *r = opaque;
    uint8_t buf[512] = { 0 };
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, sizeof(buf));

    r->ret = blk_co_pwritev(r->blk, 0, sizeof(buf), &qiov, 0);
}

static void test_aio(void)
{
    const char *const fast[] = { NULL };
    const char *const slow[] = { "latency-ns=1000000", NULL };

    for (int i = 0; i < 2; i++) {
        BlockBackend *blk = open_null("null-aio", i ? slow : fast,
                                      &error_abort);
        Request requests[64];

        for (size_t n = 0; n < ARRAY_SIZE(requests); n++) {
            requests[n] = (Request) { .blk = blk, .ret = 1 };
            qemu_coroutine_enter(qemu_coroutine_create(request_entry,
                                                       &requests[n]));
            g_assert_cmpint(requests[n].ret, ==, 1);
        }
        blk_drain(blk);
        for (size_t n = 0; n < ARRAY_SIZE(requests); n++) {
            g_assert_cmpint(requests[n].ret, ==, 0);
        }
        blk_unref(blk);
    }
}

/* ---- two threads, two loops, two graphs --------------------------------- */

static void use_once(int i)
{
    const char *const opts[] = { "size=64k", "latency-ns=1000", NULL };
    BlockBackend *blk = open_null(drivers[i % 2], opts, &error_abort);
    QDict *options = qdict_new();
    uint8_t buf[512] = { 0 };

    g_assert_cmpint(blk_pwrite(blk, 0, buf, 512, 0), ==, 512);
    qdict_put_str(options, "size", "64k");
    g_assert_cmpint(bdrv_reopen_multiple(bdrv_reopen_queue(NULL, blk_bs(blk),
                                                           options, true),
                                         &error_abort), ==, 0);
    g_assert_cmpint(blk_pread(blk, 0, buf, 512), ==, 512);
    blk_unref(blk);
}

static gpointer thread_body(gpointer opaque)
{
    for (int i = 0; i < 50; i++) {
        use_once(i);
    }
    return NULL;
}

static void test_two_threads(void)
{
    GThread *other = g_thread_new("other", thread_body, NULL);

    thread_body(NULL);
    g_thread_join(other);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/null/defaults", test_defaults);
    g_test_add_func("/null/options", test_options);
    g_test_add_func("/null/errors", test_errors);
    g_test_add_func("/null/name", test_name);
    g_test_add_func("/null/aio", test_aio);
    g_test_add_func("/null/two-threads", test_two_threads);
    return g_test_run();
}
