/* SPDX-License-Identifier: MIT */
/*
 * Tests of write-zeroes and discard: flags, fall-back, limits, alignment.
 */
#include "qemu/osdep.h"

#include "tests/unit/fake-driver.h"
#include "minblk/block-extra.h"

#define KIB 1024

static int zeroes(FakeDisk *d, int64_t offset, int bytes,
                  BdrvRequestFlags flags)
{
    return bdrv_pwrite_zeroes(d->child, offset, bytes, flags);
}

typedef struct Discard {
    FakeDisk *d;
    int64_t offset;
    int64_t bytes;
    int ret;
} Discard;

static void coroutine_fn discard_entry(void *opaque)
{
    Discard *x = opaque;

    x->ret = bdrv_co_pdiscard(x->d->child, x->offset, x->bytes);
}

static int discard(FakeDisk *d, int64_t offset, int64_t bytes)
{
    Discard x = { d, offset, bytes, 1 };

    fake_run(discard_entry, &x);
    return x.ret;
}

static void assert_zero(FakeDisk *d, int64_t from, int64_t to)
{
    for (; from < to; from++) {
        g_assert_cmpint(d->data[from], ==, 0);
    }
}

/* ---- write-zeroes ------------------------------------------------------ */

static void test_driver(void)
{
    FakeDisk *d = fake_file_new(64 * KIB);

    d->zero_flags = BDRV_REQ_MAY_UNMAP | BDRV_REQ_FUA | BDRV_REQ_NO_FALLBACK;
    d->data[99] = d->data[5100] = 7;
    fake_open(d, BDRV_O_RDWR | BDRV_O_UNMAP);
    g_assert_cmpint(zeroes(d, 100, 5000, BDRV_REQ_MAY_UNMAP), ==, 0);
    g_assert_cmpint(fake_call(d, FAKE_ZERO, 0)->offset, ==, 100);
    g_assert_cmpint(fake_call(d, FAKE_ZERO, 0)->bytes, ==, 5000);
    g_assert_cmpint(fake_call(d, FAKE_ZERO, 0)->flags, ==,
                    BDRV_REQ_MAY_UNMAP);
    assert_zero(d, 100, 5100);
    g_assert_cmpint(d->data[99], ==, 7);
    g_assert_cmpint(d->data[5100], ==, 7);
    g_assert_cmpint(d->calls[0].flags, ==, BLKDBG_PWRITEV_ZERO);
    g_assert_cmpint(d->calls[2].flags, ==, BLKDBG_PWRITEV_DONE);

    g_assert_cmpint(zeroes(d, 0, 512, BDRV_REQ_FUA | BDRV_REQ_NO_FALLBACK),
                    ==, 0);
    g_assert_cmpint(fake_call(d, FAKE_ZERO, 1)->flags, ==,
                    BDRV_REQ_FUA | BDRV_REQ_NO_FALLBACK);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 0);
    d->error[FAKE_ZERO] = 5;
    g_assert_cmpint(zeroes(d, 0, 512, 0), ==, 0);
    d->error[FAKE_ZERO] = -EIO;
    g_assert_cmpint(zeroes(d, 0, 512, 0), ==, -EIO);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 0);
    fake_close(d);
}

/* By the flag of a write, too. */
static void coroutine_fn flag_entry(void *opaque)
{
    FakeDisk *d = opaque;

    g_assert_cmpint(bdrv_co_pwritev(d->child, 10, 20, NULL,
                                    BDRV_REQ_ZERO_WRITE), ==, 0);
}

static void test_flag(void)
{
    FakeDisk *d = fake_file_new(64 * KIB);

    fake_open(d, BDRV_O_RDWR);
    fake_run(flag_entry, d);
    g_assert_cmpint(fake_count(d, FAKE_ZERO), ==, 1);
    assert_zero(d, 10, 30);
    fake_close(d);
}

static void test_may_unmap(void)
{
    FakeDisk *d = fake_file_new(64 * KIB);

    /* Without the open flag nothing is unmapped. */
    d->zero_flags = BDRV_REQ_MAY_UNMAP;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(zeroes(d, 0, 512, BDRV_REQ_MAY_UNMAP), ==, 0);
    g_assert_cmpint(fake_call(d, FAKE_ZERO, 0)->flags, ==, 0);
    fake_close(d);

    /* A driver that does not know it does not see it. */
    d = fake_file_new(64 * KIB);
    fake_open(d, BDRV_O_RDWR | BDRV_O_UNMAP);
    g_assert_cmpint(zeroes(d, 0, 512, BDRV_REQ_MAY_UNMAP), ==, 0);
    g_assert_cmpint(fake_call(d, FAKE_ZERO, 0)->flags, ==, 0);
    fake_close(d);
}

static void test_no_fallback(void)
{
    FakeDisk *d = fake_file_new(64 * KIB);

    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(zeroes(d, 0, 512, BDRV_REQ_NO_FALLBACK), ==, -ENOTSUP);
    g_assert_cmpint(d->n_calls, ==, 0);
    fake_close(d);

    d = fake_file_new(64 * KIB);
    d->zero_flags = BDRV_REQ_NO_FALLBACK;
    fake_open(d, BDRV_O_RDWR);
    d->error[FAKE_ZERO] = -ENOTSUP;
    g_assert_cmpint(zeroes(d, 0, 512, BDRV_REQ_NO_FALLBACK), ==, -ENOTSUP);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 0);
    fake_close(d);
}

static void check_fallback(FakeDisk *d)
{
    int64_t size = FAKE_CAPACITY;

    d->data[0] = d->data[size - 1] = 9;
    fake_open(d, BDRV_O_RDWR | BDRV_O_UNMAP);
    d->error[FAKE_ZERO] = -ENOTSUP;
    g_assert_cmpint(zeroes(d, 1, size - 2,
                           BDRV_REQ_MAY_UNMAP | BDRV_REQ_FUA), ==, 0);
    assert_zero(d, 1, size - 1);
    g_assert_cmpint(d->data[0], ==, 9);
    g_assert_cmpint(d->data[size - 1], ==, 9);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), >, 0);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 1);
    d->error[FAKE_WRITE] = -ENOSPC;
    g_assert_cmpint(zeroes(d, 1, size - 2, 0), ==, -ENOSPC);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 1);
    fake_close(d);
}

static void test_fallback(void)
{
    FakeDisk *d = fake_file_new(FAKE_CAPACITY);

    check_fallback(d);
    d = fake_file_new(FAKE_CAPACITY);
    d->drv.bdrv_co_pwrite_zeroes = NULL;
    d->limits.max_transfer = 3000;
    d->limits.max_iov = 1;
    d->limits.request_alignment = 512;
    check_fallback(d);
    d = fake_file_new(FAKE_CAPACITY);
    d->drv.bdrv_co_pwrite_zeroes = NULL;
    d->limits.request_alignment = FAKE_CAPACITY / 4;
    check_fallback(d);
}

/* FUA that one way of the two does not know. */
static void test_fua(void)
{
    FakeDisk *d = fake_file_new(64 * KIB);

    d->limits.max_pwrite_zeroes = 4 * KIB;
    d->write_flags = BDRV_REQ_FUA;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(zeroes(d, 0, 64 * KIB, BDRV_REQ_FUA), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_ZERO), ==, 16);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 1);
    fake_reset(d);
    d->error[FAKE_ZERO] = -ENOTSUP;
    g_assert_cmpint(zeroes(d, 0, 64 * KIB, BDRV_REQ_FUA), ==, 0);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 15)->flags, ==, BDRV_REQ_FUA);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 0);
    fake_close(d);
}

/* Heads and tails come apart, the middle in multiples. */
static void test_alignment(void)
{
    FakeDisk *d = fake_file_new(64 * KIB);

    d->limits.pwrite_zeroes_alignment = 4096;
    d->limits.max_pwrite_zeroes = 10000;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(zeroes(d, 1000, 30000, 0), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_ZERO), ==, 5);
    g_assert_cmpint(fake_call(d, FAKE_ZERO, 0)->bytes, ==, 3096);
    g_assert_cmpint(fake_call(d, FAKE_ZERO, 1)->bytes, ==, 8192);
    g_assert_cmpint(fake_call(d, FAKE_ZERO, 3)->bytes, ==, 8192);
    g_assert_cmpint(fake_call(d, FAKE_ZERO, 4)->bytes, ==, 2328);
    assert_zero(d, 1000, 31000);
    g_assert_cmpint(zeroes(d, 5000, 10, 0), ==, 0);
    g_assert_cmpint(fake_call(d, FAKE_ZERO, 5)->bytes, ==, 10);
    fake_close(d);

    /* A limit below the alignment; an alignment that is no power of two. */
    d = fake_file_new(64 * KIB);
    d->limits.request_alignment = 512;
    d->limits.pwrite_zeroes_alignment = 5000;
    d->limits.max_pwrite_zeroes = 1100;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(zeroes(d, 512, 20480, 0), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_ZERO), ==, 21);
    assert_zero(d, 512, 20992);
    fake_close(d);
}

/* The parts outside the request alignment are written as data. */
static void test_unaligned(void)
{
    FakeDisk *d = fake_file_new(64 * KIB);
    g_autofree uint8_t *model = g_memdup2(d->data, 64 * KIB);

    d->limits.request_alignment = 512;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(zeroes(d, 1000, 3000, BDRV_REQ_FUA), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 2);
    g_assert_cmpint(fake_count(d, FAKE_ZERO), ==, 1);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 1);
    g_assert_cmpint(fake_call(d, FAKE_ZERO, 0)->offset, ==, 1024);
    g_assert_cmpint(fake_call(d, FAKE_ZERO, 0)->bytes, ==, 2560);
    memset(model + 1000, 0, 3000);
    g_assert_cmpint(zeroes(d, 5200, 100, 0), ==, 0);
    memset(model + 5200, 0, 100);
    g_assert_cmpint(zeroes(d, 6000, 300, 0), ==, 0);
    memset(model + 6000, 0, 300);
    g_assert_cmpint(fake_count(d, FAKE_ZERO), ==, 1);
    g_assert_cmpmem(model, 64 * KIB, d->data, 64 * KIB);

    fake_reset(d);
    d->error[FAKE_WRITE] = -EIO;
    g_assert_cmpint(zeroes(d, 1000, 3000, 0), ==, -EIO);
    g_assert_cmpint(fake_count(d, FAKE_ZERO), ==, 0);
    d->skip[FAKE_WRITE] = 1;
    g_assert_cmpint(zeroes(d, 1000, 3000, 0), ==, -EIO);
    g_assert_cmpint(fake_count(d, FAKE_ZERO), ==, 1);
    d->error[FAKE_WRITE] = 0;
    d->error[FAKE_ZERO] = -EIO;
    g_assert_cmpint(zeroes(d, 1000, 3000, 0), ==, -EIO);
    fake_close(d);
}

static void test_extend(void)
{
    FakeDisk *d = fake_file_new(1000);

    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(zeroes(d, 2000, 1000, 0), ==, 0);
    g_assert_cmpint(d->size, ==, 3000);
    g_assert_cmpint(d->bs->total_sectors, ==, 6);
    fake_close(d);
}

/* ---- ranges of any length ---- */

typedef struct Range {
    FakeDisk *d;
    int64_t offset;
    int64_t bytes;
    int ret;
} Range;

static void coroutine_fn range_entry(void *opaque)
{
    Range *x = opaque;

    x->ret = bdrv_co_zero_range(x->d->child, x->offset, x->bytes,
                                BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK);
}

static int zero_range(FakeDisk *d, int64_t offset, int64_t bytes)
{
    Range x = { d, offset, bytes, 1 };

    fake_run(range_entry, &x);
    return x.ret;
}

/* Stands in for a disk of terabytes, which the fake one has no memory for. */
static FakeCall pieces[8];
static int n_pieces, fail_at;

static int coroutine_fn count_zeroes(BlockDriverState *bs, int64_t offset,
                                     int bytes, BdrvRequestFlags flags)
{
    pieces[n_pieces++] = (FakeCall) { FAKE_ZERO, offset, bytes, flags, 0 };
    return n_pieces == fail_at ? -EIO : 0;
}

static void test_range(void)
{
    static const int64_t gib = INT64_C(1) << 30;
    FakeDisk *d = fake_format_new(512);
    int64_t at = 700;

    d->drv.bdrv_co_pwrite_zeroes = count_zeroes;
    d->zero_flags = BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK;
    fake_open(d, BDRV_O_RDWR | BDRV_O_UNMAP);
    d->bs->total_sectors = 5 * gib / 512;
    g_assert_cmpint(zero_range(d, 0, 0), ==, 0);
    g_assert_cmpint(n_pieces, ==, 0);

    /* One request as long as it can be one. */
    g_assert_cmpint(zero_range(d, gib - 512, gib + 512), ==, 0);
    g_assert_cmpint(n_pieces, ==, 1);

    n_pieces = 0;
    g_assert_cmpint(zero_range(d, at, 4 * gib), ==, 0);
    g_assert_cmpint(n_pieces, ==, 4);
    for (int i = 0; i < n_pieces; i++) {
        g_assert_cmpint(pieces[i].offset, ==, at);
        g_assert_cmpint(pieces[i].flags, ==, d->zero_flags);
        at += pieces[i].bytes;
        g_assert_true(i == 3 || at % gib == 0);
    }
    g_assert_cmpint(at, ==, 4 * gib + 700);

    /* The first error ends it. */
    n_pieces = 0;
    fail_at = 2;
    g_assert_cmpint(zero_range(d, 0, 4 * gib), ==, -EIO);
    g_assert_cmpint(n_pieces, ==, 2);

    n_pieces = 0;
    g_assert_cmpint(zero_range(d, -1, 5), ==, -EIO);
    g_assert_cmpint(zero_range(d, 5, -1), ==, -EIO);
    g_assert_cmpint(zero_range(d, 5, INT64_MAX), ==, -EIO);
    g_assert_cmpint(n_pieces, ==, 0);
    fake_close(d);
}

/* ---- discard ----------------------------------------------------------- */

static void test_discard(void)
{
    FakeDisk *d = fake_file_new(64 * KIB);
    uint64_t gen;

    fake_open(d, BDRV_O_RDWR | BDRV_O_UNMAP);
    gen = d->bs->write_gen;
    g_assert_cmpint(discard(d, 101, 2), ==, 0);
    assert_zero(d, 101, 103);
    g_assert_cmpint(fake_call(d, FAKE_DISCARD, 0)->bytes, ==, 2);
    g_assert_cmpint(d->bs->write_gen, >, gen);
    g_assert_cmpint(discard(d, 0, 0), ==, 0);
    g_assert_cmpint(discard(d, -1, 1), ==, -EIO);
    g_assert_cmpint(discard(d, 1, -1), ==, -EIO);
    g_assert_cmpint(discard(d, INT64_MAX, 1), ==, -EIO);
    g_assert_cmpint(fake_count(d, FAKE_DISCARD), ==, 1);
    d->error[FAKE_DISCARD] = -ENOTSUP;
    g_assert_cmpint(discard(d, 0, 512), ==, 0);
    d->error[FAKE_DISCARD] = 3;
    g_assert_cmpint(discard(d, 0, 512), ==, 0);
    d->error[FAKE_DISCARD] = -EIO;
    g_assert_cmpint(discard(d, 0, 512), ==, -EIO);
    g_assert_cmpint(d->size, ==, 64 * KIB);
    fake_close(d);

    /* Not asked for, not possible, not allowed. */
    d = fake_file_new(64 * KIB);
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(discard(d, 0, 512), ==, 0);
    g_assert_cmpint(d->n_calls, ==, 0);
    fake_close(d);
    d = fake_file_new(64 * KIB);
    d->drv.bdrv_co_pdiscard = NULL;
    fake_open(d, BDRV_O_RDWR | BDRV_O_UNMAP);
    g_assert_cmpint(discard(d, 0, 512), ==, 0);
    fake_close(d);
    d = fake_file_new(64 * KIB);
    fake_open(d, BDRV_O_UNMAP);
    g_assert_cmpint(discard(d, 0, 512), ==, -EPERM);
    g_assert_cmpint(d->n_calls, ==, 0);
    fake_close(d);
}

static void test_discard_alignment(void)
{
    static const int64_t expected[] = { 12, 3072, 8192, 8192, 1536, 83 };
    FakeDisk *d = fake_file_new(64 * KIB);
    int i;

    d->limits.request_alignment = 512;
    d->limits.pdiscard_alignment = 4096;
    d->limits.max_pdiscard = 9000;
    fake_open(d, BDRV_O_RDWR | BDRV_O_UNMAP);
    g_assert_cmpint(discard(d, 1012, 12 + 3072 + 16384 + 1536 + 83), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_DISCARD), ==, G_N_ELEMENTS(expected));
    for (i = 0; i < (int)G_N_ELEMENTS(expected); i++) {
        g_assert_cmpint(fake_call(d, FAKE_DISCARD, i)->bytes, ==,
                        expected[i]);
    }
    /* Pieces that the driver refuses do not keep the others from it. */
    fake_reset(d);
    d->error[FAKE_DISCARD] = -ENOTSUP;
    g_assert_cmpint(discard(d, 1012, 20000), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_DISCARD), >, 4);
    fake_close(d);

    /* Alignments that do not divide each other, limits below them. */
    d = fake_file_new(64 * KIB);
    d->limits.request_alignment = 512;
    d->limits.pdiscard_alignment = 1000;
    d->limits.max_pdiscard = 700;
    fake_open(d, BDRV_O_RDWR | BDRV_O_UNMAP);
    g_assert_cmpint(discard(d, 3, 30000), ==, 0);
    assert_zero(d, 3, 30003);
    fake_close(d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/bdrv-zeroes/driver", test_driver);
    g_test_add_func("/bdrv-zeroes/flag", test_flag);
    g_test_add_func("/bdrv-zeroes/may-unmap", test_may_unmap);
    g_test_add_func("/bdrv-zeroes/no-fallback", test_no_fallback);
    g_test_add_func("/bdrv-zeroes/fallback", test_fallback);
    g_test_add_func("/bdrv-zeroes/fua", test_fua);
    g_test_add_func("/bdrv-zeroes/alignment", test_alignment);
    g_test_add_func("/bdrv-zeroes/unaligned", test_unaligned);
    g_test_add_func("/bdrv-zeroes/extend", test_extend);
    g_test_add_func("/bdrv-zeroes/range", test_range);
    g_test_add_func("/bdrv-zeroes/discard", test_discard);
    g_test_add_func("/bdrv-zeroes/discard-alignment", test_discard_alignment);
    return g_test_run();
}
