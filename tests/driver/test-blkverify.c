/* SPDX-License-Identifier: MIT */
/*
 * blkverify: both children are written, flushed and resized; a difference in
 * data or in success is an error; requests that overlap stay in order.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "minblk/mem.h"
#include "qapi/error.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"

#define DISK_SIZE (64 * KiB)

static MemDisk *make_disk(const char *name)
{
    MemDisk *disk = mem_disk_find(name);

    if (disk) {
        mem_disk_free(disk);
    }
    disk = mem_disk_new(name);
    mem_disk_set_length(disk, DISK_SIZE);
    return disk;
}

/* A rule that does nothing. */
#define NEVER "{'event': 'none', 'errno': 0, 'sector': -2}"

/* Over the new disks "test" and "raw", each under a blkdebug with a rule. */
static BlockBackend *open_verify(const char *test_rule, const char *raw_rule)
{
    g_autofree char *name = g_strdup_printf(
        "json:{'driver': 'blkverify', 'test': {'driver': 'blkdebug', 'image': "
        "{'driver': 'mem', 'disk': 'test'}, 'inject-error': [%s]}, 'raw': "
        "{'driver': 'blkdebug', 'image': {'driver': 'mem', 'disk': 'raw'}, "
        "'inject-error': [%s]}}", test_rule, raw_rule);

    make_disk("test");
    make_disk("raw");
    return blk_new_open(name, NULL, NULL, BDRV_O_RDWR | BDRV_O_RESIZE,
                        &error_abort);
}

static uint8_t byte_of(const char *disk, int64_t offset)
{
    uint8_t byte;

    mem_disk_read(mem_disk_find(disk), offset, &byte, 1);
    return byte;
}

/* A count of bytes is a success. */
static int result(int ret)
{
    return ret < 0 ? ret : 0;
}

static int write_byte(BlockBackend *blk, int64_t offset, uint8_t byte,
                      int bytes)
{
    g_autofree uint8_t *buf = g_malloc(bytes);

    memset(buf, byte, bytes);
    return result(blk_pwrite(blk, offset, buf, bytes, 0));
}

static int read_some(BlockBackend *blk, int64_t offset, int bytes)
{
    g_autofree uint8_t *buf = g_malloc(bytes);

    return result(blk_pread(blk, offset, buf, bytes));
}

/* ---- both children ------------------------------------------------------ */

static void test_write(void)
{
    BlockBackend *blk = open_verify(NEVER, NEVER);

    g_assert_cmpint(write_byte(blk, 1000, 7, 3000), ==, 0);
    for (int64_t i = 900; i < 4100; i++) {
        uint8_t expected = i >= 1000 && i < 4000 ? 7 : 0;

        g_assert_cmpint(byte_of("test", i), ==, expected);
        g_assert_cmpint(byte_of("raw", i), ==, expected);
    }
    g_assert_cmpint(blk_pwrite_zeroes(blk, 2000, 1000, 0), ==, 0);
    g_assert_cmpint(byte_of("test", 2000), ==, 0);
    g_assert_cmpint(byte_of("raw", 2999), ==, 0);
    g_assert_cmpint(byte_of("raw", 3000), ==, 7);
    g_assert_cmpint(read_some(blk, 0, DISK_SIZE), ==, 0);
    blk_unref(blk);
}

static void test_flush(void)
{
    BlockBackend *blk = open_verify(NEVER, NEVER);

    blk_set_enable_write_cache(blk, true);
    g_assert_cmpint(write_byte(blk, 0, 1, 512), ==, 0);
    g_assert_cmpint(mem_disk_count(mem_disk_find("test"), MEM_FLUSH), ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpint(mem_disk_count(mem_disk_find("test"), MEM_FLUSH), ==, 1);
    g_assert_cmpint(mem_disk_count(mem_disk_find("raw"), MEM_FLUSH), ==, 1);
    blk_unref(blk);
}

static void test_flush_error(void)
{
    static const char rule[] = "{'event': 'none', 'iotype': 'flush', "
                               "'errno': 28, 'once': true}";
    BlockBackend *blk;

    for (int i = 0; i < 2; i++) {
        blk = open_verify(i ? rule : NEVER, i ? NEVER : rule);
        blk_set_enable_write_cache(blk, true);
        g_assert_cmpint(write_byte(blk, 0, 1, 512), ==, 0);
        g_assert_cmpint(blk_flush(blk), ==, -ENOSPC);
        g_assert_cmpint(blk_flush(blk), ==, 0);
        blk_unref(blk);
    }
}

static void test_truncate(void)
{
    static const char rule[] = "{'event': 'none', 'iotype': 'truncate', "
                               "'errno': 28}";
    BlockBackend *blk = open_verify(NEVER, NEVER);
    Error *err = NULL;

    g_assert_cmpint(blk_getlength(blk), ==, DISK_SIZE);
    g_assert_cmpint(blk_truncate(blk, 2 * DISK_SIZE, true, PREALLOC_MODE_OFF,
                                 &error_abort), ==, 0);
    g_assert_cmpint(blk_getlength(blk), ==, 2 * DISK_SIZE);
    g_assert_cmpint(mem_disk_length(mem_disk_find("test")), ==, 2 * DISK_SIZE);
    g_assert_cmpint(mem_disk_length(mem_disk_find("raw")), ==, 2 * DISK_SIZE);
    g_assert_cmpint(read_some(blk, DISK_SIZE, DISK_SIZE), ==, 0);
    blk_unref(blk);

    for (int i = 0; i < 2; i++) {
        blk = open_verify(i ? rule : NEVER, i ? NEVER : rule);
        g_assert_cmpint(blk_truncate(blk, 2 * DISK_SIZE, true,
                                     PREALLOC_MODE_OFF, &err), ==, -ENOSPC);
        g_assert_nonnull(err);
        error_free(err);
        err = NULL;
        blk_unref(blk);
    }
}

/* All is data, whatever the child under test says of itself. */
static void test_status(void)
{
    BlockBackend *blk = open_verify(NEVER, NEVER);
    BlockDriverState *file;
    int64_t pnum, map;
    int ret = bdrv_block_status(blk_bs(blk), 0, DISK_SIZE, &pnum, &map, &file);

    g_assert_cmpint(ret & (BDRV_BLOCK_DATA | BDRV_BLOCK_ZERO), ==,
                    BDRV_BLOCK_DATA);
    g_assert_cmpint(pnum, ==, DISK_SIZE);
    blk_unref(blk);
}

/* ---- differences -------------------------------------------------------- */

/* In a child process: the message is what the parent looks at. */
static void differ(const char *test_rule, const char *raw_rule, bool damage,
                   bool write)
{
    BlockBackend *blk = open_verify(test_rule, raw_rule);
    int ret;

    if (damage) {
        mem_disk_write(mem_disk_find("test"), 1234, "x", 1);
    }
    ret = write ? write_byte(blk, 1000, 1, 1000) : read_some(blk, 1000, 1000);
    g_assert_cmpint(ret, ==, -EIO);
    g_assert_cmpint(read_some(blk, 8192, 512), ==, 0);
    blk_unref(blk);
}

static void assert_told(const char *line)
{
    g_autofree char *pattern = g_strdup_printf("*: %s\n", line);

    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr(pattern);
}

static void test_data(void)
{
    if (g_test_subprocess()) {
        differ(NEVER, NEVER, true, false);
        return;
    }
    assert_told("blkverify: read offset=1000 bytes=1000 contents mismatch at "
                "offset 1234");
}

static void test_read_result(void)
{
    if (g_test_subprocess()) {
        differ("{'event': 'none', 'errno': 28, 'once': true}", NEVER, false,
               false);
        return;
    }
    assert_told("blkverify: read offset=1000 bytes=1000 return value mismatch "
                "-28 != 0");
}

static void test_write_result(void)
{
    if (g_test_subprocess()) {
        differ(NEVER, "{'event': 'none', 'once': true}", false, true);
        return;
    }
    assert_told("blkverify: write offset=1000 bytes=1000 return value mismatch "
                "0 != -5");
}

/* Both fail alike: that is no difference. */
static void test_same_error(void)
{
    static const char rule[] = "{'event': 'none', 'errno': 28, 'once': true}";
    BlockBackend *blk = open_verify(rule, rule);

    g_assert_cmpint(read_some(blk, 0, 512), ==, -ENOSPC);
    g_assert_cmpint(read_some(blk, 0, 512), ==, 0);
    blk_unref(blk);
    blk = open_verify(rule, rule);
    g_assert_cmpint(write_byte(blk, 0, 1, 512), ==, -ENOSPC);
    blk_unref(blk);
}

/* ---- order -------------------------------------------------------------- */

#define N_REQUESTS 200

typedef struct Job {
    BlockBackend *blk;
    int64_t offset;
    int bytes;
    uint8_t byte;       /* 0: a read */
    int *left;
} Job;

static void coroutine_fn job_entry(void *opaque)
{
    Job *job = opaque;
    g_autofree uint8_t *buf = g_malloc(job->bytes);
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, job->bytes);
    int ret;

    memset(buf, job->byte, job->bytes);
    ret = job->byte ? blk_co_pwritev(job->blk, job->offset, job->bytes, &qiov,
                                     0)
                    : blk_co_preadv(job->blk, job->offset, job->bytes, &qiov,
                                    0);
    g_assert_cmpint(ret, ==, 0);
    (*job->left)--;
}

/* Many that overlap, at once: the children end equal, and no read differs. */
static void test_overlap(void)
{
    BlockBackend *blk = open_verify(NEVER, NEVER);
    g_autofree Job *jobs = g_new0(Job, N_REQUESTS);
    int left = N_REQUESTS;

    for (int i = 0; i < N_REQUESTS; i++) {
        jobs[i] = (Job) {
            .blk = blk,
            .offset = g_test_rand_int_range(0, 4096),
            .bytes = g_test_rand_int_range(1, 2048),
            .byte = i % 3 ? i % 250 + 1 : 0,
            .left = &left,
        };
        qemu_coroutine_enter(qemu_coroutine_create(job_entry, &jobs[i]));
    }
    blk_drain(blk);
    g_assert_cmpint(left, ==, 0);
    for (int64_t i = 0; i < 8192; i++) {
        g_assert_cmpint(byte_of("test", i), ==, byte_of("raw", i));
    }
    blk_unref(blk);
}

/* ---- names -------------------------------------------------------------- */

static void assert_bad_name(const char *name, const char *message)
{
    Error *err = NULL;

    g_assert_null(blk_new_open(name, NULL, NULL, 0, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    error_free(err);
}

static void test_names(void)
{
    BlockBackend *blk;

    make_disk("t");
    make_disk("r");
    blk = blk_new_open("blkverify:mem:mem:t", NULL, NULL, 0, NULL);
    g_assert_null(blk);
    blk = blk_new_open("json:{'driver': 'blkverify', 'test': {'driver': 'mem', "
                       "'disk': 't'}, 'raw': {'driver': 'mem', 'disk': 'r'}}",
                       NULL, NULL, 0, &error_abort);
    g_assert_cmpstr(bdrv_get_filename(blk_bs(blk)), ==,
                    "blkverify:mem:r:mem:t");
    g_assert_cmpint(bdrv_get_allocated_file_size(blk_bs(blk)), ==, -ENOTSUP);
    blk_unref(blk);

    assert_bad_name("blkverify:r", "blkverify requires raw copy and original "
                    "image path");
    assert_bad_name("json:{'driver': 'blkverify'}", "A block device must be "
                    "specified for \"raw\"");
    assert_bad_name("json:{'driver': 'blkverify', 'raw': {'driver': 'mem', "
                    "'disk': 'r'}}", "A block device must be specified for "
                    "\"test\"");
    assert_bad_name("json:{'driver': 'blkverify', 'foo': 1, 'test': {'driver': "
                    "'mem', 'disk': 't'}, 'raw': {'driver': 'mem', 'disk': "
                    "'r'}}", "Block protocol 'blkverify' doesn't support the "
                    "option 'foo'");
    mem_disk_free(mem_disk_find("t"));
    mem_disk_free(mem_disk_find("r"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/blkverify/write", test_write);
    g_test_add_func("/blkverify/flush", test_flush);
    g_test_add_func("/blkverify/flush-error", test_flush_error);
    g_test_add_func("/blkverify/truncate", test_truncate);
    g_test_add_func("/blkverify/status", test_status);
    g_test_add_func("/blkverify/data", test_data);
    g_test_add_func("/blkverify/read-result", test_read_result);
    g_test_add_func("/blkverify/write-result", test_write_result);
    g_test_add_func("/blkverify/same-error", test_same_error);
    g_test_add_func("/blkverify/overlap", test_overlap);
    g_test_add_func("/blkverify/names", test_names);
    return g_test_run();
}
