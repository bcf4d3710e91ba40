/* SPDX-License-Identifier: MIT */
/*
 * Opening and reopening of files: what is refused and in which words, and what
 * becomes of the locks.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <sys/stat.h>
#include "block/aio.h"
#include "file-fixture.h"

/* ---- what is refused ---------------------------------------------------- */

static void test_errors(void)
{
    g_autofree char *missing = image_path("missing");
    g_autofree char *fifo = image_path("fifo");
    g_autofree char *path = new_file("disk");
    QDict *options;

    assert_refused(image_options("file", missing, NULL), 0,
                   "Could not open '%s': No such file or directory", missing);
    assert_refused(image_options("file", missing, NULL), BDRV_O_RDWR,
                   "Could not open '%s': No such file or directory", missing);
    assert_refused(image_options("file", image_folder, NULL), 0,
                   "Could not open '%s': Is a directory", image_folder);
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    assert_refused(image_options("file", fifo, NULL), 0,
                   "'file' driver requires '%s' to be a regular file", fifo);
    assert_refused(image_options("file", "/dev/null", NULL), BDRV_O_RDWR,
                   "'file' driver requires '/dev/null' to be a regular file");
    assert_refused(image_options("file", path, "fast"), 0,
                   "invalid parameter value: fast");
    options = image_options("file", path, NULL);
    qdict_put_str(options, "locking", "maybe");
    assert_refused(options, 0, "invalid parameter value: maybe");
    options = image_options("file", path, NULL);
    qdict_put_str(options, "colour", "red");
    assert_refused(options, 0,
                   "Block protocol 'file' doesn't support the option 'colour'");
    options = qdict_new();
    qdict_put_str(options, "driver", "file");
    assert_refused(options, 0, "The 'file' block driver requires a file name");
    assert_unchanged(path);
}

/* Runs as nobody until the end of @body. */
static bool become_nobody(void)
{
    if (geteuid() != 0) {
        g_test_skip("not root");
        return false;
    }
    g_assert_cmpint(chmod(image_folder, 0777), ==, 0);
    g_assert_cmpint(seteuid(65534), ==, 0);
    return true;
}

static void test_permissions(void)
{
    g_autofree char *path = new_file("disk");
    BlockDriverState *bs;
    QDict *options;

    if (!become_nobody()) {
        return;
    }
    assert_refused(image_options("file", path, NULL), BDRV_O_RDWR,
                   "Could not open '%s': Permission denied", path);
    assert_refused(image_options("raw", path, NULL), BDRV_O_RDWR,
                   "Could not open '%s': Permission denied", path);

    /* Read-only will do if it is said so. */
    options = image_options("file", path, NULL);
    qdict_put_str(options, "auto-read-only", "on");
    bs = bdrv_open(NULL, NULL, options, BDRV_O_RDWR, &error_abort);
    g_assert_true(bdrv_is_read_only(bs));
    bdrv_unref(bs);

    g_assert_cmpint(seteuid(0), ==, 0);
    g_assert_cmpint(chmod(path, 0), ==, 0);
    g_assert_cmpint(seteuid(65534), ==, 0);
    assert_refused(image_options("file", path, NULL), 0,
                   "Could not open '%s': Permission denied", path);
    options = image_options("file", path, NULL);
    qdict_put_str(options, "auto-read-only", "on");
    assert_refused(options, BDRV_O_RDWR,
                   "Could not open '%s': Permission denied", path);
    g_assert_cmpint(seteuid(0), ==, 0);
}

static void test_read_only(void)
{
    g_autofree char *path = new_file("disk");
    BlockBackend *blk = image_open("raw", path, NULL, BDRV_O_UNMAP,
                                   &error_abort);
    Error *err = NULL;
    char buf[512] = { 0 };

    g_assert_true(blk_is_read_only(blk));
    g_assert_cmpint(blk_pread(blk, 0, buf, 512), ==, 512);
    g_assert_cmpint(buf[511], ==, 0x5a);
    g_assert_cmpint(blk_pwrite(blk, 0, buf, 512, 0), ==, -EPERM);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 0, 512, 0), ==, -EPERM);
    g_assert_cmpint(blk_pdiscard(blk, 0, 512), ==, -EPERM);
    g_assert_cmpint(blk_truncate(blk, 512, true, PREALLOC_MODE_OFF, &err), ==,
                    -EACCES);
    g_assert_cmpstr(error_get_pretty(err), ==, "Image is read-only");
    error_free(err);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    blk_unref(blk);
    assert_unchanged(path);
}

/* A name with a colon, a name with the prefix, a link. */
static void test_names(void)
{
    g_autofree char *path = new_file("a:b");
    g_autofree char *prefixed = g_strdup_printf("file:%s", path);
    g_autofree char *link = image_path("link");
    BlockDriverState *bs;

    bs = bdrv_open(prefixed, NULL, NULL, BDRV_O_PROTOCOL, &error_abort);
    g_assert_cmpstr(bdrv_get_filename(bs), ==, path);
    bdrv_unref(bs);
    g_assert_cmpint(symlink("a:b", link), ==, 0);
    bs = bdrv_open(NULL, NULL, image_options("file", link, NULL), 0,
                   &error_abort);
    g_assert_cmpint(bdrv_getlength(bs), ==, 64 * KiB);
    bdrv_unref(bs);
}

/* ---- reopening ---------------------------------------------------------- */

static int reopen(BlockBackend *blk, const char *key, const char *value,
                  Error **errp)
{
    QDict *options = qdict_new();

    qdict_put_str(options, key, value);
    return bdrv_reopen_multiple(bdrv_reopen_queue(NULL, blk_bs(blk), options,
                                                  true), errp);
}

static void check_io(BlockBackend *blk)
{
    char buf[700];

    g_assert_cmpint(blk_pread(blk, 1001, buf, 700), ==, 700);
    g_assert_cmpint(buf[699], ==, 0x5a);
    if (!blk_is_read_only(blk)) {
        g_assert_cmpint(blk_pwrite(blk, 1001, buf, 700, 0), ==, 700);
        g_assert_cmpint(blk_flush(blk), ==, 0);
    }
}

static void test_reopen_access(void)
{
    g_autofree char *path = new_file("disk");
    const uint64_t all = BLK_PERM_ALL;
    const uint64_t others = all & ~(BLK_PERM_WRITE | BLK_PERM_RESIZE);
    BlockBackend *blk = image_open("raw", path, NULL, 0, &error_abort);

    assert_locked(path, READER);
    for (int i = 0; i < 3; i++) {
        bdrv_reopen_set_read_only(blk_bs(blk), false, &error_abort);
        g_assert_true(has_descriptor(path, O_RDWR));
        blk_set_perm(blk, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE, others,
                     &error_abort);
        assert_locked(path, WRITER);
        assert_refused_here("raw", path, BDRV_O_RDWR, NULL);
        check_io(blk);
        blk_set_perm(blk, BLK_PERM_CONSISTENT_READ, all, &error_abort);
        bdrv_reopen_set_read_only(blk_bs(blk), true, &error_abort);
        g_assert_false(has_descriptor(path, O_RDWR));
        assert_locked(path, READER);
        check_io(blk);
    }
    blk_unref(blk);
    assert_unchanged(path);
}

/* A request that may not wait would fail where it has to. */
static void test_blocking(void)
{
    g_autofree char *path = new_file("disk");
    BlockBackend *blk;

    for (int i = 0; i < 4; i++) {
        blk = image_open("raw", path, NULL,
                         (i & 1 ? BDRV_O_RDWR : 0) |
                             (i & 2 ? BDRV_O_NOCACHE : 0),
                         &error_abort);
        g_assert_cmpint(has_descriptor(path, O_RDWR), ==, i & 1);
        g_assert_cmpint(has_descriptor(path, O_DIRECT), ==, i / 2);
        g_assert_false(has_descriptor(path, O_NONBLOCK));
        blk_unref(blk);
    }
    blk = image_open("raw", path, NULL, 0, &error_abort);
    bdrv_reopen_set_read_only(blk_bs(blk), false, &error_abort);
    g_assert_true(has_descriptor(path, O_RDWR));
    g_assert_false(has_descriptor(path, O_NONBLOCK));
    blk_unref(blk);
}

/* What a format does to its file changes while it is reopened. */
static void test_reopen_format(void)
{
    g_autofree char *path = NULL;
    BlockBackend *blk;

    if (!have_vpc()) {
        return;
    }
    path = new_image("vpc", "disk");
    blk = image_open("vpc", path, NULL, 0, &error_abort);
    for (int i = 0; i < 3; i++) {
        assert_locked(path, VPC_READER);
        bdrv_reopen_set_read_only(blk_bs(blk), false, &error_abort);
        assert_locked(path, VPC_WRITER);
        bdrv_reopen_set_read_only(blk_bs(blk), true, &error_abort);
    }
    assert_locked(path, VPC_READER);
    blk_unref(blk);
}

static void test_reopen_options(void)
{
    g_autofree char *path = new_file("disk");
    BlockBackend *blk = image_open("raw", path, "threads", BDRV_O_RDWR,
                                   &error_abort);
    Error *err = NULL;

    for (int i = 0; i < 2; i++) {
        g_assert_cmpint(reopen(blk, "file.cache.direct", "on", &err), ==, 0);
        g_assert_true(has_descriptor(path, O_DIRECT));
        assert_locked(path, WRITER);
        check_io(blk);
        g_assert_cmpint(reopen(blk, "file.cache.direct", "off", &err), ==, 0);
        g_assert_false(has_descriptor(path, O_DIRECT));
        assert_locked(path, WRITER);
        check_io(blk);
        g_assert_cmpint(reopen(blk, "file.locking", "off", &err), ==, 0);
        assert_locked(path, "/");
        g_assert_cmpint(reopen(blk, "file.locking", "on", &err), ==, 0);
        assert_locked(path, WRITER);
        g_assert_cmpint(reopen(blk, "file.aio", "native", &err), ==, 0);
        check_io(blk);
    }
    g_assert_cmpint(reopen(blk, "file.aio", "slow", &err), <, 0);
    g_assert_cmpstr(error_get_pretty(err), ==, "invalid parameter value: slow");
    error_free(err);
    err = NULL;
    g_assert_cmpint(reopen(blk, "file.filename", "other", &err), <, 0);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Cannot change the option 'filename'");
    error_free(err);
    assert_locked(path, WRITER);
    check_io(blk);
    blk_unref(blk);
    assert_unchanged(path);
}

/* Locks that another has taken meanwhile are not taken by turning them on. */
static void test_reopen_locked(void)
{
    g_autofree char *path = new_file("disk");
    BlockBackend *writer = image_open("raw", path, NULL, BDRV_O_RDWR,
                                      &error_abort);
    QDict *options = image_options("raw", path, NULL);
    BlockBackend *blk;
    Error *err = NULL;

    qdict_put_str(options, "file.locking", "off");
    blk = blk_new_open(NULL, NULL, options, BDRV_O_RDWR, &error_abort);
    g_assert_cmpint(reopen(blk, "file.locking", "on", &err), <, 0);
    g_assert_nonnull(strstr(error_get_pretty(err), "is the same file as"));
    error_free(err);
    assert_locked(path, WRITER);
    check_io(blk);
    blk_unref(writer);
    assert_locked(path, "/");
    g_assert_cmpint(reopen(blk, "file.locking", "on", &error_abort), ==, 0);
    assert_locked(path, WRITER);
    blk_unref(blk);
}

/* Has this process a thread besides the one that runs the tests? */
static bool has_worker(void)
{
    GDir *dir = g_dir_open("/proc/self/task", 0, NULL);
    int count = 0;

    while (g_dir_read_name(dir)) {
        count++;
    }
    g_dir_close(dir);
    return count > 1;
}

/* The engine that a flag asks for does the work: only one has threads. */
static void test_engine_flags(void)
{
    static const int flags[] = { BDRV_O_THREADS, BDRV_O_IO_URING };
    g_autofree char *path = new_file("disk");
    BlockBackend *blk;
    char *buf;

    if (!image_engine_available("io_uring")) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        /* A context of its own, so that there are no threads so far. */
        qemu_set_current_aio_context(NULL);
        blk = image_open("raw", path, NULL, BDRV_O_NOCACHE | flags[i],
                         &error_abort);
        buf = blk_try_blockalign(blk, 4096);
        g_assert_false(has_worker());
        g_assert_cmpint(blk_pread(blk, 4096, buf, 4096), ==, 4096);
        g_assert_cmpint(has_worker(), ==, flags[i] == BDRV_O_THREADS);
        qemu_vfree(buf);
        blk_unref(blk);
    }
    qemu_set_current_aio_context(NULL);
}

static void test_reopen_refused(void)
{
    g_autofree char *path = new_file("disk");
    BlockBackend *blk = image_open("raw", path, NULL, 0, &error_abort);
    Error *err = NULL;

    if (become_nobody()) {
        g_assert_cmpint(bdrv_reopen_set_read_only(blk_bs(blk), false, &err), <,
                        0);
        g_assert_cmpint(seteuid(0), ==, 0);
        g_assert_cmpstr(error_get_pretty(err), ==,
                        "Could not reopen file: Permission denied");
        error_free(err);
        g_assert_true(blk_is_read_only(blk));
        assert_locked(path, READER);
        check_io(blk);
    }
    blk_unref(blk);
}

/* The name belongs to another file by now: the one that was opened is meant. */
static void test_reopen_renamed(void)
{
    g_autofree char *path = new_file("disk");
    g_autofree char *moved = image_path("moved");
    BlockBackend *blk = image_open("raw", path, NULL, 0, &error_abort);

    g_assert_cmpint(rename(path, moved), ==, 0);
    g_assert_true(g_file_set_contents(path, "short", 5, NULL));
    bdrv_reopen_set_read_only(blk_bs(blk), false, &error_abort);
    g_assert_cmpint(blk_getlength(blk), ==, 64 * KiB);
    assert_locked(path, "/");
    blk_set_perm(blk, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE, BLK_PERM_ALL,
                 &error_abort);
    check_io(blk);
    blk_unref(blk);
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    image_folder_begin();
    g_test_add_func("/file/open/errors", test_errors);
    g_test_add_func("/file/open/permissions", test_permissions);
    g_test_add_func("/file/open/read-only", test_read_only);
    g_test_add_func("/file/open/names", test_names);
    g_test_add_func("/file/open/engine-flags", test_engine_flags);
    g_test_add_func("/file/open/blocking", test_blocking);
    g_test_add_func("/file/reopen/access", test_reopen_access);
    g_test_add_func("/file/reopen/format", test_reopen_format);
    g_test_add_func("/file/reopen/options", test_reopen_options);
    g_test_add_func("/file/reopen/locked", test_reopen_locked);
    g_test_add_func("/file/reopen/refused", test_reopen_refused);
    g_test_add_func("/file/reopen/renamed", test_reopen_renamed);
    ret = g_test_run();
    image_folder_end();
    return ret;
}
