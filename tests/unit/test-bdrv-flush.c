/* SPDX-License-Identifier: MIT */
/*
 * Tests of flushing: what is called when, generations, errors, waiting.
 */
#include "qemu/osdep.h"

#include "qapi/error.h"
#include "tests/unit/fake-driver.h"

static int flushes(FakeDisk *d)
{
    return fake_count(d, FAKE_FLUSH_DISK);
}

static void write_one(FakeDisk *d)
{
    g_assert_cmpint(bdrv_pwrite(d->child, 0, "x", 1), ==, 1);
}

static void test_generation(void)
{
    FakeDisk *d = fake_file_new(4096);

    fake_open(d, BDRV_O_RDWR | BDRV_O_UNMAP);
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(flushes(d), ==, 0);
    write_one(d);
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(flushes(d), ==, 1);
    /* Every kind of change, also one that failed. */
    g_assert_cmpint(bdrv_pwrite_zeroes(d->child, 0, 1, 0), ==, 0);
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(flushes(d), ==, 2);
    g_assert_cmpint(bdrv_truncate(d->child, 2048, true, PREALLOC_MODE_OFF,
                                  NULL), ==, 0);
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(flushes(d), ==, 3);
    d->error[FAKE_WRITE] = d->error[FAKE_ZERO] = -EIO;
    d->error[FAKE_TRUNCATE] = -EIO;
    g_assert_cmpint(bdrv_pwrite(d->child, 0, "x", 1), ==, -EIO);
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(flushes(d), ==, 4);
    g_assert_cmpint(bdrv_pwrite_zeroes(d->child, 0, 1, 0), ==, -EIO);
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(flushes(d), ==, 5);
    g_assert_cmpint(bdrv_truncate(d->child, 4096, true, PREALLOC_MODE_OFF,
                                  NULL), ==, -EIO);
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(flushes(d), ==, 6);
    fake_close(d);
}

static void test_error(void)
{
    FakeDisk *d = fake_file_new(4096);

    fake_open(d, BDRV_O_RDWR);
    write_one(d);
    d->error[FAKE_FLUSH_DISK] = -EIO;
    g_assert_cmpint(bdrv_flush(d->bs), ==, -EIO);
    g_assert_cmpint(bdrv_flush(d->bs), ==, -EIO);
    g_assert_cmpint(flushes(d), ==, 2);
    d->error[FAKE_FLUSH_DISK] = 1;
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(flushes(d), ==, 3);
    fake_close(d);
}

/* A format over a file: to_os, then to_disk, then the file. */
static void test_chain(void)
{
    FakeDisk *d = fake_format_new(4096);
    FakeDisk *file = fake_file_new(4096);

    d->perm = BLK_PERM_WRITE | BLK_PERM_CONSISTENT_READ;
    file->perm = 0;
    fake_open(d, BDRV_O_RDWR);
    fake_open(file, BDRV_O_RDWR);
    fake_set_file(d, file);

    /* Nothing written: what the format keeps is written out all the same. */
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_OS), ==, 1);
    g_assert_cmpint(flushes(d), ==, 0);
    g_assert_cmpint(fake_count(file, FAKE_EVENT), ==, 1);
    g_assert_cmpint(file->calls[0].flags, ==, BLKDBG_FLUSH_TO_OS);

    write_one(d);
    file->bs->write_gen++;
    fake_reset(file);
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(flushes(d), ==, 1);
    g_assert_cmpint(flushes(file), ==, 1);
    g_assert_cmpint(file->calls[0].flags, ==, BLKDBG_FLUSH_TO_OS);
    g_assert_cmpint(file->calls[1].flags, ==, BLKDBG_FLUSH_TO_DISK);
    g_assert_cmpint(file->calls[2].op, ==, FAKE_FLUSH_DISK);

    /* The file's error is the format's: its generation does not move. */
    write_one(d);
    file->bs->write_gen++;
    file->error[FAKE_FLUSH_DISK] = -ENOSPC;
    g_assert_cmpint(bdrv_flush(d->bs), ==, -ENOSPC);
    file->error[FAKE_FLUSH_DISK] = 0;
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(flushes(d), ==, 3);
    g_assert_cmpint(flushes(file), ==, 3);

    /* An error of the first step ends it. */
    write_one(d);
    file->bs->write_gen++;
    d->error[FAKE_FLUSH_OS] = -EDQUOT;
    g_assert_cmpint(bdrv_flush(d->bs), ==, -EDQUOT);
    g_assert_cmpint(flushes(d), ==, 3);
    d->error[FAKE_FLUSH_OS] = 0;
    d->error[FAKE_FLUSH_DISK] = -EROFS;
    g_assert_cmpint(bdrv_flush(d->bs), ==, -EROFS);
    g_assert_cmpint(flushes(file), ==, 3);
    fake_reset(d);
    fake_close(d);
    fake_close(file);
}

static int coroutine_fn whole_flush(BlockDriverState *bs)
{
    return -EXDEV;
}

static void test_whole(void)
{
    FakeDisk *d = fake_format_new(4096);
    FakeDisk *file = fake_file_new(4096);

    d->drv.bdrv_co_flush = whole_flush;
    d->perm = BLK_PERM_WRITE;
    file->perm = 0;
    fake_open(d, BDRV_O_RDWR);
    fake_open(file, BDRV_O_RDWR);
    fake_set_file(d, file);
    file->bs->write_gen++;
    fake_reset(file);
    g_assert_cmpint(bdrv_flush(d->bs), ==, -EXDEV);
    g_assert_cmpint(d->n_calls, ==, 0);
    g_assert_cmpint(file->n_calls, ==, 0);
    fake_close(d);
    fake_close(file);
}

static void test_not_needed(void)
{
    FakeDisk *d = fake_file_new(4096);

    /* cache.no-flush; what it left out is still owed afterwards. */
    fake_open(d, BDRV_O_RDWR | BDRV_O_NO_FLUSH);
    write_one(d);
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(flushes(d), ==, 0);
    d->bs->open_flags &= ~BDRV_O_NO_FLUSH;
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(flushes(d), ==, 1);
    fake_close(d);

    /* Read-only. */
    d = fake_file_new(4096);
    fake_open(d, 0);
    d->bs->write_gen++;
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(d->n_calls, ==, 0);
    fake_close(d);

    /* No callback. */
    d = fake_file_new(4096);
    d->drv.bdrv_co_flush_to_disk = NULL;
    fake_open(d, BDRV_O_RDWR);
    write_one(d);
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    fake_close(d);
}

/* ---- several at once --------------------------------------------------- */

typedef struct Flusher {
    FakeDisk *d;
    int ret;
    int *left;
} Flusher;

static void coroutine_fn flusher_entry(void *opaque)
{
    Flusher *f = opaque;

    f->ret = bdrv_co_flush(f->d->bs);
    (*f->left)--;
}

static void run_flushers(FakeDisk *d, Flusher *f, int n)
{
    int left = n, i;

    for (i = 0; i < n; i++) {
        f[i] = (Flusher) { d, 1, &left };
        qemu_coroutine_enter(qemu_coroutine_create(flusher_entry, &f[i]));
    }
    while (left) {
        aio_poll(qemu_get_current_aio_context(), true);
    }
}

/* One runs, the others wait and find nothing to do. */
static void test_waiting(void)
{
    FakeDisk *d = fake_file_new(4096);
    Flusher f[5];
    int i;

    d->slow = true;
    fake_open(d, BDRV_O_RDWR);
    write_one(d);
    run_flushers(d, f, 5);
    g_assert_cmpint(flushes(d), ==, 1);
    for (i = 0; i < 5; i++) {
        g_assert_cmpint(f[i].ret, ==, 0);
    }
    /* After a failure each tries for itself. */
    write_one(d);
    fake_reset(d);
    d->error[FAKE_FLUSH_DISK] = -EIO;
    run_flushers(d, f, 5);
    g_assert_cmpint(flushes(d), ==, 5);
    for (i = 0; i < 5; i++) {
        g_assert_cmpint(f[i].ret, ==, -EIO);
    }
    fake_close(d);
}

/* A write that ends while a flush runs is not covered by it. */
static int coroutine_fn flush_with_write(BlockDriverState *bs)
{
    bs->write_gen++;
    return 0;
}

static void test_write_meanwhile(void)
{
    FakeDisk *d = fake_file_new(4096);

    d->drv.bdrv_co_flush_to_disk = flush_with_write;
    fake_open(d, BDRV_O_RDWR);
    write_one(d);
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(d->bs->flushed_gen, ==, d->bs->write_gen - 1);
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    g_assert_cmpint(d->bs->write_gen, ==, 3);
    fake_close(d);
}

/* ---- the last flush ---------------------------------------------------- */

/* Standard error, from begin_listening() on. */
static FILE *errors;

static void begin_listening(void)
{
    errors = tmpfile();
    g_assert_nonnull(errors);
    fflush(stderr);
    g_assert_cmpint(dup2(fileno(errors), STDERR_FILENO), ==, STDERR_FILENO);
}

/* Since the last call @count lines were printed, each with the error. */
static void assert_reported(int count)
{
    static off_t seen;
    char buf[4096];
    ssize_t n = pread(fileno(errors), buf, sizeof(buf) - 1, seen);
    g_auto(GStrv) lines = NULL;

    g_assert_cmpint(n, >=, 0);
    seen += n;
    buf[n] = '\0';
    lines = g_strsplit(buf, "\n", -1);
    /* Nothing follows the last newline. */
    g_assert_cmpint(g_strv_length(lines), ==, count ? count + 1 : 0);
    for (int i = 0; i < count; i++) {
        g_assert_nonnull(strstr(lines[i], ": Could not flush "));
        g_assert_nonnull(strstr(lines[i], "'#block"));
        g_assert_true(g_str_has_suffix(lines[i], ": Input/output error"));
    }
}

static FakeDisk *failing_file(void)
{
    FakeDisk *d = fake_file_new(4096);

    fake_open(d, BDRV_O_RDWR);
    write_one(d);
    d->error[FAKE_FLUSH_DISK] = -EIO;
    return d;
}

/* Closing reports an error that no caller has got. */
static void test_closing(void)
{
    FakeDisk *d = failing_file();

    fake_close(d);
    assert_reported(1);

    d = failing_file();
    g_assert_cmpint(bdrv_flush(d->bs), ==, -EIO);
    fake_close(d);
    assert_reported(0);

    d = failing_file();
    g_assert_cmpint(bdrv_flush_report(d->bs), ==, -EIO);
    assert_reported(1);
    g_assert_cmpint(bdrv_flush_report(d->bs), ==, -EIO);
    fake_close(d);
    assert_reported(0);

    /* The writer gets it from a flush of its own. */
    d = failing_file();
    g_assert_cmpint(bdrv_pwrite_sync(d->child, 0, "x", 1), ==, -EIO);
    fake_close(d);
    assert_reported(0);
}

static void test_closing_news(void)
{
    FakeDisk *d = failing_file();

    /* Written after the flush that failed. */
    g_assert_cmpint(bdrv_flush(d->bs), ==, -EIO);
    write_one(d);
    fake_close(d);
    assert_reported(1);

    /* A flush that succeeded lies between. */
    d = failing_file();
    g_assert_cmpint(bdrv_flush(d->bs), ==, -EIO);
    d->error[FAKE_FLUSH_DISK] = 0;
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    fake_close(d);
    assert_reported(0);
}

/* A chain reports it once. */
static void test_closing_chain(void)
{
    FakeDisk *d = fake_format_new(4096);
    FakeDisk *file = failing_file();

    d->perm = BLK_PERM_WRITE | BLK_PERM_CONSISTENT_READ;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(bdrv_child_try_set_perm(file->child, 0, BLK_PERM_ALL,
                                            &error_abort), ==, 0);
    fake_set_file(d, file);
    write_one(d);
    fake_close(d);
    assert_reported(1);
    fake_close(file);
    assert_reported(0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    begin_listening();
    bdrv_init();
    g_test_add_func("/bdrv-flush/generation", test_generation);
    g_test_add_func("/bdrv-flush/error", test_error);
    g_test_add_func("/bdrv-flush/chain", test_chain);
    g_test_add_func("/bdrv-flush/whole", test_whole);
    g_test_add_func("/bdrv-flush/not-needed", test_not_needed);
    g_test_add_func("/bdrv-flush/waiting", test_waiting);
    g_test_add_func("/bdrv-flush/write-meanwhile", test_write_meanwhile);
    g_test_add_func("/bdrv-flush/closing", test_closing);
    g_test_add_func("/bdrv-flush/closing-news", test_closing_news);
    g_test_add_func("/bdrv-flush/closing-chain", test_closing_chain);
    return g_test_run();
}
