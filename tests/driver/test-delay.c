/* SPDX-License-Identifier: MIT */
/*
 * The driver delay: the order of requests, which a seed decides, and that all
 * else is the child's.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "minblk/mem.h"
#include "qapi/error.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"

#define REQUESTS 32

static BlockBackend *open_delay(const char *seed, const char *max_ns,
                                Error **errp)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "delay");
    qdict_put_str(options, "file.driver", "mem");
    qdict_put_str(options, "file.disk", "below");
    if (seed) {
        qdict_put_str(options, "seed", seed);
    }
    if (max_ns) {
        qdict_put_str(options, "max-ns", max_ns);
    }
    return blk_new_open(NULL, NULL, options,
                        BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_UNMAP, errp);
}

typedef struct Run {
    BlockBackend *blk;
    unsigned done;
    uint8_t order[REQUESTS];    /* who ended, one after the other */
} Run;

typedef struct Request {
    Run *run;
    uint8_t number;
} Request;

/* One of each kind, by turns. */
static void coroutine_fn request_entry(void *opaque)
{
    Request *r = opaque;
    BlockBackend *blk = r->run->blk;
    int64_t offset = r->number * 512;
    uint8_t buf[512];
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, 512);
    int ret;

    memset(buf, r->number, 512);
    switch (r->number % 5) {
    case 0:
        ret = blk_co_preadv(blk, offset, 512, &qiov, 0);
        break;
    case 1:
        ret = blk_co_pwrite_zeroes(blk, offset, 512, 0);
        break;
    case 2:
        ret = blk_co_pdiscard(blk, offset, 512);
        break;
    case 3:
        ret = blk_co_flush(blk);
        break;
    default:
        ret = blk_co_pwritev(blk, offset, 512, &qiov, 0);
        break;
    }
    g_assert_cmpint(ret, ==, 0);
    r->run->order[r->run->done++] = r->number;
}

/* Starts all requests and waits for them as drain does. */
static void run_requests(Run *run, const char *seed, const char *max_ns)
{
    MemDisk *disk = mem_disk_new("below");
    Request requests[REQUESTS];
    uint8_t buf[REQUESTS * 512];

    memset(buf, 0xee, sizeof(buf));
    mem_disk_write(disk, 0, buf, sizeof(buf));
    *run = (Run) { .blk = open_delay(seed, max_ns, &error_abort) };
    for (int i = 0; i < REQUESTS; i++) {
        requests[i] = (Request) { .run = run, .number = i };
        qemu_coroutine_enter(qemu_coroutine_create(request_entry,
                                                   &requests[i]));
    }
    g_assert_cmpuint(run->done, ==, 0);
    bdrv_drained_begin(blk_bs(run->blk));
    g_assert_cmpuint(run->done, ==, REQUESTS);
    bdrv_drained_end(blk_bs(run->blk));
    mem_disk_read(disk, 0, buf, sizeof(buf));
    for (int i = 0; i < REQUESTS; i++) {
        static const int kept[5] = { 0xee, 0, 0, 0xee, -1 };
        int want = kept[i % 5] < 0 ? i : kept[i % 5];

        g_assert_cmpint(buf[i * 512], ==, want);
        g_assert_cmpint(buf[i * 512 + 511], ==, want);
    }
    blk_unref(run->blk);
    mem_disk_free(disk);
}

static bool in_order(const Run *run)
{
    for (int i = 0; i < REQUESTS; i++) {
        if (run->order[i] != i) {
            return false;
        }
    }
    return true;
}

/* By turns of the loop, the seed alone decides. */
static void test_turns(void)
{
    Run first, again, other;

    run_requests(&first, "1", "0");
    run_requests(&again, "1", "0");
    run_requests(&other, "2", "0");
    g_assert_false(in_order(&first));
    g_assert_cmpmem(first.order, REQUESTS, again.order, REQUESTS);
    g_assert_cmpint(memcmp(first.order, other.order, REQUESTS), !=, 0);
}

static void test_time(void)
{
    Run run;
    int64_t start = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);

    run_requests(&run, NULL, NULL);
    g_assert_false(in_order(&run));
    run_requests(&run, "7", "20000000");
    g_assert_false(in_order(&run));
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - start, >,
                    1000000);
}

/* What the filter only hands on. */
static void test_child(void)
{
    MemDisk *disk = mem_disk_new("below");
    BlockBackend *blk = open_delay("5", NULL, &error_abort);
    BlockDriverState *file;
    int64_t pnum, map;
    int ret;

    g_assert_cmpstr(bdrv_get_filename(blk_bs(blk)), ==,
                    "json:{\"driver\": \"delay\", \"seed\": \"5\", \"file\": "
                    "{\"driver\": \"mem\", \"disk\": \"below\"}}");
    g_assert_cmpint(bdrv_has_zero_init(blk_bs(blk)), ==, 1);
    g_assert_cmpint(blk_truncate(blk, MiB, true, PREALLOC_MODE_OFF,
                                 &error_abort), ==, 0);
    g_assert_cmpint(mem_disk_length(disk), ==, MiB);
    g_assert_cmpint(blk_getlength(blk), ==, MiB);
    g_assert_cmpint(blk_pwrite(blk, 8192, "x", 1, 0), ==, 1);
    ret = bdrv_block_status(blk_bs(blk), 0, MiB, &pnum, &map, &file);
    g_assert_cmpint(ret & BDRV_BLOCK_ZERO, !=, 0);
    g_assert_cmpint(pnum, ==, 8192);
    ret = bdrv_block_status(blk_bs(blk), 8192, MiB, &pnum, &map, &file);
    g_assert_cmpint(ret & BDRV_BLOCK_DATA, !=, 0);
    g_assert_cmpint(map, ==, 8192);
    g_assert(file == blk_bs(blk)->file->bs);
    blk_unref(blk);
    mem_disk_free(disk);
}

static void test_refused(void)
{
    MemDisk *disk = mem_disk_new("below");
    Error *err = NULL;

    g_assert_null(open_delay(NULL, "2147483648", &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "max-ns is more than 2147483647");
    error_free(err);
    err = NULL;
    g_assert_null(open_delay("x", NULL, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Parameter 'seed' expects a number");
    error_free(err);
    mem_disk_free(disk);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/delay/turns", test_turns);
    g_test_add_func("/delay/time", test_time);
    g_test_add_func("/delay/child", test_child);
    g_test_add_func("/delay/refused", test_refused);
    return g_test_run();
}
