/* SPDX-License-Identifier: MIT */
/*
 * The raw format: its window bounds every operation, misaligned ones included;
 * growth, reopening, measuring, creation; the warning of a guess.
 */
#include "qemu/osdep.h"
#include "mem-driver.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"

/* A raw image over mem:disk with @offset and @size (NULL: not given). */
static BlockBackend *open_window(const char *offset, const char *size,
                                 Error **errp)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "raw");
    qdict_put_str(options, "file.driver", "mem");
    qdict_put_str(options, "file.filename", "disk");
    if (offset) {
        qdict_put_str(options, "offset", offset);
    }
    if (size) {
        qdict_put_str(options, "size", size);
    }
    return blk_new_open(NULL, NULL, options, BDRV_O_RDWR | BDRV_O_RESIZE |
                        BDRV_O_UNMAP, errp);
}

static void assert_refused(const char *offset, const char *size,
                           const char *message)
{
    Error *err = NULL;

    g_assert(open_window(offset, size, &err) == NULL);
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    error_free(err);
}

static void test_errors(void)
{
    mem_file("disk", 4096);
    assert_refused("4097", NULL, "Offset (4097) cannot be greater than size of "
                   "the containing file (4096)");
    assert_refused("2M", "0", "Offset (2097152) cannot be greater than size of "
                   "the containing file (4096)");
    assert_refused("512", "4096", "The sum of offset (512) and size (4096) has "
                   "to be smaller or equal to the  actual size of the "
                   "containing file (4096)");
    assert_refused("18446744073709551615", NULL,
                   "Offset (18446744073709551615) cannot be greater than size "
                   "of the containing file (4096)");
    assert_refused("512", "100", "Specified size is not multiple of 512");
}

/* Over a file of ones, all kinds of writes at both ends of the window. */
static void check_window(int64_t offset, int64_t size)
{
    MemFile *f = mem_file("disk", 8192);
    g_autofree char *o = g_strdup_printf("%" PRId64, offset);
    g_autofree char *n = g_strdup_printf("%" PRId64, size);
    BlockBackend *blk = open_window(o, n, &error_abort);
    g_autofree uint8_t *buf = g_malloc(size);

    memset(f->data, 1, f->size);
    memset(buf, 2, size);
    g_assert_cmpint(blk_getlength(blk), ==, size);
    g_assert_cmpint(blk_pwrite(blk, 0, buf, size, 0), ==, size);
    g_assert_cmpint(blk_pwrite(blk, size - 1, buf, 2, 0), ==, -EIO);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 1, size, 0), ==, -EIO);
    g_assert_cmpint(blk_pwrite_zeroes(blk, size - 3, 3, 0), ==, 0);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 0, 3, BDRV_REQ_MAY_UNMAP), ==, 0);
    g_assert_cmpint(blk_pdiscard(blk, 0, size + 1), ==, -EIO);
    for (int64_t i = 0; i < f->size; i++) {
        bool inside = i >= offset && i < offset + size;
        bool zero = i < offset + 3 || i >= offset + size - 3;

        g_assert_cmpint(f->data[i], ==, !inside ? 1 : zero ? 0 : 2);
    }
    g_assert_cmpint(blk_pread(blk, 3, buf, size - 6), ==, size - 6);
    g_assert_cmpint(buf[0], ==, 2);
    g_assert_cmpint(buf[size - 7], ==, 2);
    g_assert_cmpint(blk_pread(blk, size, buf, 1), ==, -EIO);
    blk_unref(blk);
    g_assert_cmpint(f->size, ==, 8192);
}

static void test_window(void)
{
    check_window(0, 512);
    check_window(512, 1024);
    check_window(100, 1536);
    check_window(8192 - 512, 512);
    check_window(1, 8192 - 512);
}

/* The driver refuses too when the backend lets a request past the end. */
static void test_driver_bounds(void)
{
    MemFile *f = mem_file("disk", 8192);
    BlockBackend *blk = open_window("512", "1024", &error_abort);
    uint8_t buf[1024] = { 0 };

    blk_set_allow_write_beyond_eof(blk, true);
    g_assert_cmpint(blk_pwrite(blk, 1024, buf, 1, 0), ==, -ENOSPC);
    g_assert_cmpint(blk_pwrite(blk, 512, buf, 1024, 0), ==, -ENOSPC);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 1023, 2, 0), ==, -ENOSPC);
    g_assert_cmpint(f->size, ==, 8192);
    blk_unref(blk);
}

static void test_status(void)
{
    BlockBackend *blk;
    BlockDriverState *file;
    int64_t pnum, map;
    int ret;

    mem_file("disk", 8192);
    blk = open_window("1024", "2048", &error_abort);
    ret = bdrv_block_status(blk_bs(blk), 512, 8192, &pnum, &map, &file);
    g_assert_cmpint(ret, ==, BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID |
                    BDRV_BLOCK_ALLOCATED | BDRV_BLOCK_EOF);
    g_assert_cmpint(pnum, ==, 1536);
    g_assert_cmpint(map, ==, 1536);
    g_assert(file == bdrv_file_bs(blk_bs(blk)));
    blk_unref(blk);
}

static void test_grow(void)
{
    MemFile *f = mem_file("disk", 4096);
    BlockBackend *blk = open_window("512", NULL, &error_abort);
    Error *err = NULL;
    uint8_t buf[512];

    g_assert_cmpint(blk_getlength(blk), ==, 3584);
    g_assert_cmpint(blk_truncate(blk, 8192, true, PREALLOC_MODE_OFF,
                                 &error_abort), ==, 0);
    g_assert_cmpint(f->size, ==, 8704);
    g_assert_cmpint(blk_getlength(blk), ==, 8192);
    memset(buf, 1, sizeof(buf));
    g_assert_cmpint(blk_pread(blk, 8192 - 512, buf, 512), ==, 512);
    g_assert_cmpint(buf[511], ==, 0);
    g_assert_cmpint(blk_truncate(blk, INT64_MAX - 100, true, PREALLOC_MODE_OFF,
                                 &err), <, 0);
    g_assert(err);
    error_free(err);
    err = NULL;
    blk_unref(blk);

    blk = open_window("512", "1024", &error_abort);
    g_assert_cmpint(blk_truncate(blk, 2048, true, PREALLOC_MODE_OFF, &err), ==,
                    -ENOTSUP);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Cannot resize fixed-size raw disks");
    error_free(err);
    blk_unref(blk);
}

static int reopen(BlockBackend *blk, const char *key, const char *value,
                  Error **errp)
{
    QDict *options = qdict_new();

    qdict_put_str(options, key, value);
    return bdrv_reopen_multiple(bdrv_reopen_queue(NULL, blk_bs(blk), options,
                                                  true), errp);
}

static void test_measure(void)
{
    BlockDriver *raw = bdrv_find_format("raw");
    QemuOptsList *list = bdrv_driver_create_opts(raw);
    QemuOpts *opts = qemu_opts_create(list, NULL, 0, &error_abort);
    BlockMeasureInfo *info;

    qemu_opt_set(opts, BLOCK_OPT_SIZE, "1000", &error_abort);
    info = bdrv_measure(raw, opts, NULL, &error_abort);
    g_assert_cmpint(info->required, ==, 1024);
    g_assert_cmpint(info->fully_allocated, ==, 1024);
    qapi_free_BlockMeasureInfo(info);
    qemu_opts_del(opts);
}

/* A raw file of 1000 bytes reads as 1024; what is behind it is zero. */
static void test_odd_length(void)
{
    MemFile *f = mem_file("disk", 1000);
    BlockBackend *blk = open_window(NULL, NULL, &error_abort);
    uint8_t buf[1024];

    memset(f->data, 3, 1000);
    g_assert_cmpint(blk_getlength(blk), ==, 1024);
    memset(buf, 1, sizeof(buf));
    g_assert_cmpint(blk_pread(blk, 0, buf, 1024), ==, 1024);
    g_assert_cmpint(buf[999], ==, 3);
    g_assert_cmpint(buf[1000], ==, 0);
    g_assert_cmpint(buf[1023], ==, 0);
    g_assert_cmpint(blk_pwrite(blk, 1001, "x", 1, 0), ==, 1);
    g_assert_cmpint(f->size, ==, 1002);
    g_assert_cmpint(f->data[1000], ==, 0);
    blk_unref(blk);
}

static void test_reopen(void)
{
    MemFile *f = mem_file("disk", 8192);
    BlockBackend *blk = open_window("512", NULL, &error_abort);
    Error *err = NULL;
    uint8_t byte;

    f->data[2048] = 42;
    g_assert_cmpint(reopen(blk, "offset", "2048", &error_abort), ==, 0);
    g_assert_cmpint(blk_getlength(blk), ==, 6144);
    g_assert_cmpint(blk_pread(blk, 0, &byte, 1), ==, 1);
    g_assert_cmpint(byte, ==, 42);
    g_assert_cmpint(reopen(blk, "size", "1024", &error_abort), ==, 0);
    g_assert_cmpint(blk_getlength(blk), ==, 1024);
    g_assert_cmpint(reopen(blk, "driver", "raw", &error_abort), ==, 0);
    g_assert_cmpint(blk_getlength(blk), ==, 1024);
    g_assert_cmpint(reopen(blk, "size", "100", &err), ==, -EINVAL);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Specified size is not multiple of 512");
    error_free(err);
    g_assert_cmpint(blk_getlength(blk), ==, 1024);
    blk_unref(blk);
}

/* ---- the warning -------------------------------------------------------- */

static void open_and_close(const char *driver, int flags)
{
    QDict *d = qdict_new();
    BlockBackend *blk;

    if (driver) {
        qdict_put_str(d, "driver", driver);
    }
    blk = blk_new_open("mem:disk", NULL, d, flags, &error_abort);
    blk_unref(blk);
}

static void test_warning(void)
{
    if (g_test_subprocess()) {
        mem_file("disk", 1024);
        open_and_close(NULL, BDRV_O_RDWR);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr(
        "WARNING: Image format was not specified for 'disk' and probing guessed "
        "raw.\n"
        "         Automatically detecting the format is dangerous for raw "
        "images, write operations on block 0 will be restricted.\n"
        "         Specify the 'raw' format explicitly to remove the "
        "restrictions.\n");
}

static void test_silence(void)
{
    if (g_test_subprocess()) {
        MemFile *f = mem_file("disk", 1024);

        open_and_close(NULL, 0);
        open_and_close("raw", BDRV_O_RDWR);
        /* Opening fails: its error is all there is to say. */
        f->refuse_perm = BLK_PERM_WRITE;
        g_assert_null(blk_new_open("mem:disk", NULL, NULL, BDRV_O_RDWR, NULL));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("");
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    bdrv_register(&bdrv_mem);
    g_test_add_func("/raw/errors", test_errors);
    g_test_add_func("/raw/window", test_window);
    g_test_add_func("/raw/driver-bounds", test_driver_bounds);
    g_test_add_func("/raw/status", test_status);
    g_test_add_func("/raw/grow", test_grow);
    g_test_add_func("/raw/measure", test_measure);
    g_test_add_func("/raw/odd-length", test_odd_length);
    g_test_add_func("/raw/reopen", test_reopen);
    g_test_add_func("/raw/warning", test_warning);
    g_test_add_func("/raw/silence", test_silence);
    ret = g_test_run();
    mem_reset();
    return ret;
}
