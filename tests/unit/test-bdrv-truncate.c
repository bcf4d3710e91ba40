/* SPDX-License-Identifier: MIT */
/*
 * Tests of truncate: errors and their messages, the new length, zeroes in new
 * space, order with other requests.
 */
#include "qemu/osdep.h"

#include "qapi/error.h"
#include "tests/unit/fake-driver.h"

static int resize(FakeDisk *d, int64_t size, char **msg)
{
    Error *err = NULL;
    int ret = bdrv_truncate(d->child, size, true, PREALLOC_MODE_OFF, &err);

    g_assert_cmpint(ret < 0, ==, err != NULL);
    *msg = err ? g_strdup(error_get_pretty(err)) : NULL;
    error_free(err);
    return ret;
}

static void expect(FakeDisk *d, int64_t size, int ret, const char *msg)
{
    g_autofree char *seen = NULL;

    g_assert_cmpint(resize(d, size, &seen), ==, ret);
    g_assert_cmpstr(seen, ==, msg);
}

static void test_resize(void)
{
    FakeDisk *d = fake_file_new(1000);
    int64_t i;

    fake_open(d, BDRV_O_RDWR);
    expect(d, 5000, 0, NULL);
    g_assert_cmpint(d->size, ==, 5000);
    g_assert_cmpint(d->bs->total_sectors, ==, 10);
    for (i = 1000; i < 5000; i++) {
        g_assert_cmpint(d->data[i], ==, 0);
    }
    expect(d, 3, 0, NULL);
    g_assert_cmpint(d->bs->total_sectors, ==, 1);
    expect(d, 4, 0, NULL);
    /* errp may be missing. */
    g_assert_cmpint(bdrv_truncate(d->child, 0, false, PREALLOC_MODE_FALLOC,
                                  NULL), ==, 0);
    g_assert_cmpint(fake_call(d, FAKE_TRUNCATE, 3)->flags, ==, false);
    g_assert_cmpint(fake_call(d, FAKE_TRUNCATE, 3)->niov, ==,
                    PREALLOC_MODE_FALLOC);
    g_assert_cmpint(fake_call(d, FAKE_TRUNCATE, 2)->flags, ==, true);
    fake_close(d);
}

static int coroutine_fn truncate_with_error(BlockDriverState *bs,
                                            int64_t offset, bool exact,
                                            PreallocMode prealloc,
                                            Error **errp)
{
    error_setg(errp, "The disk is made of stone");
    return -EXDEV;
}

static void test_errors(void)
{
    FakeDisk *d = fake_format_new(4096);

    fake_open(d, BDRV_O_RDWR);
    expect(d, 5000, -ENOTSUP, "Image format driver does not support resize");
    fake_close(d);

    d = fake_file_new(4096);
    fake_open(d, BDRV_O_RDWR);
    expect(d, -1, -EINVAL, "Image size cannot be negative");
    expect(d, INT64_MAX, -EFBIG,
           "Image size must not exceed 9223372035781033984 bytes");
    g_assert_cmpint(d->n_calls, ==, 0);
    d->error[FAKE_TRUNCATE] = -ENOSPC;
    expect(d, 5000, -ENOSPC, "Could not resize image: No space left on device");
    d->error[FAKE_TRUNCATE] = 7;
    expect(d, 5000, 0, NULL);
    fake_close(d);

    d = fake_file_new(4096);
    d->drv.bdrv_co_truncate = truncate_with_error;
    fake_open(d, BDRV_O_RDWR);
    expect(d, 5000, -EXDEV, "The disk is made of stone");
    fake_close(d);

    d = fake_file_new(4096);
    fake_open(d, 0);
    expect(d, 5000, -EACCES, "Image is read-only");
    fake_close(d);

    d = fake_file_new(4096);
    d->perm = BLK_PERM_WRITE;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(bdrv_truncate(d->child, 1, true, PREALLOC_MODE_OFF, NULL),
                    ==, -EPERM);
    g_assert_cmpint(d->n_calls, ==, 0);
    fake_close(d);
}

static int64_t no_length(BlockDriverState *bs)
{
    return -EIO;
}

/* The length cannot be had, before or after. */
static void test_no_length(void)
{
    FakeDisk *d = fake_file_new(4096);

    d->drv.has_variable_length = true;
    fake_open(d, BDRV_O_RDWR);
    d->drv.bdrv_getlength = no_length;
    expect(d, 8192, -EIO,
           "Could not get the image size: Input/output error");
    g_assert_cmpint(d->n_calls, ==, 0);
    d->drv.has_variable_length = false;
    expect(d, 8192, -EIO,
           "Could not refresh total sector count: Input/output error");
    fake_close(d);
}

/* A format that leaves what was there: the layer writes zeroes. */
static int coroutine_fn careless_truncate(BlockDriverState *bs,
                                          int64_t offset, bool exact,
                                          PreallocMode prealloc, Error **errp)
{
    return 0;
}

static void test_new_space(void)
{
    FakeDisk *d = fake_format_new(64 * 1024);
    int i;

    d->drv.bdrv_co_truncate = careless_truncate;
    fake_open(d, BDRV_O_RDWR);
    memset(d->data, 0xaa, FAKE_CAPACITY);
    expect(d, 256 * 1024, 0, NULL);
    g_assert_cmpint(d->bs->total_sectors, ==, 512);
    for (i = 64 * 1024; i < 256 * 1024; i++) {
        g_assert_cmpint(d->data[i], ==, 0);
    }
    g_assert_cmpint(d->data[64 * 1024 - 1], ==, 0xaa);
    g_assert_cmpint(d->data[256 * 1024], ==, 0xaa);
    d->error[FAKE_ZERO] = -EIO;
    expect(d, 512 * 1024, -EIO,
           "Could not clear the new space: Input/output error");
    /* Nothing to clear when it shrinks. */
    expect(d, 4096, 0, NULL);
    fake_close(d);
}

/* A filter hands it on to its file. */
static void test_filter(void)
{
    FakeDisk *d = fake_format_new(4096);
    FakeDisk *file = fake_file_new(4096);

    d->drv.is_filter = true;
    d->drv.bdrv_child_perm = bdrv_filter_default_perms;
    file->perm = 0;
    fake_open(d, BDRV_O_RDWR);
    fake_open(file, BDRV_O_RDWR);
    fake_set_file(d, file);
    expect(d, 8192, 0, NULL);
    g_assert_cmpint(file->size, ==, 8192);
    g_assert_cmpint(d->bs->total_sectors, ==, 16);
    file->error[FAKE_TRUNCATE] = -EPERM;
    expect(d, 100, -EPERM,
           "Could not resize image: Operation not permitted");
    fake_close(d);
    fake_close(file);
}

/* ---- with other requests in flight ------------------------------------- */

typedef struct Race {
    FakeDisk *d;
    int64_t offset;                /* of a write; a truncate: the new size */
    bool truncate;
    int *left;
    int64_t *size;                 /* of the file, as the ends so far say */
} Race;

static void coroutine_fn race_entry(void *opaque)
{
    Race *r = opaque;
    uint8_t data[700];
    int ret;

    if (r->truncate) {
        ret = bdrv_co_truncate(r->d->child, r->offset, true,
                               PREALLOC_MODE_OFF, &error_abort);
    } else {
        memset(data, 0x42, sizeof(data));
        ret = bdrv_co_pwrite(r->d->child, r->offset, sizeof(data), data, 0);
    }
    g_assert_cmpint(ret, ==, 0);
    *r->size = r->truncate ? r->offset : MAX(*r->size, r->offset + 700);
    (*r->left)--;
}

/* In the order of their ends: the model does one after the other. */
static void test_race(void)
{
    int round, i, left;

    for (round = 0; round < 100; round++) {
        FakeDisk *d = fake_file_new(g_random_int_range(0, 20000));
        int64_t size = d->size, last = size;
        Race r[12];

        d->limits.request_alignment = round % 2 ? 512 : 4096;
        d->slow = true;
        fake_open(d, BDRV_O_RDWR);
        left = G_N_ELEMENTS(r);
        for (i = 0; i < (int)G_N_ELEMENTS(r); i++) {
            r[i] = (Race) { d, g_random_int_range(0, 20000), i % 3 == 0,
                            &left, &size };
            /* Most writes past the end, if those before have ended. */
            if (!r[i].truncate) {
                r[i].offset += last;
            }
            last = r[i].truncate ? r[i].offset
                                 : MAX(last, r[i].offset + 700);
            qemu_coroutine_enter(qemu_coroutine_create(race_entry, &r[i]));
        }
        while (left) {
            aio_poll(qemu_get_current_aio_context(), true);
        }
        g_assert_cmpint(d->size, ==, size);
        g_assert_cmpint(d->bs->total_sectors, ==, DIV_ROUND_UP(size, 512));
        fake_close(d);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_random_set_seed(g_test_rand_int());
    bdrv_init();
    g_test_add_func("/bdrv-truncate/resize", test_resize);
    g_test_add_func("/bdrv-truncate/errors", test_errors);
    g_test_add_func("/bdrv-truncate/no-length", test_no_length);
    g_test_add_func("/bdrv-truncate/new-space", test_new_space);
    g_test_add_func("/bdrv-truncate/filter", test_filter);
    g_test_add_func("/bdrv-truncate/race", test_race);
    return g_test_run();
}
