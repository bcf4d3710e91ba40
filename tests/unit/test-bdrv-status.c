/* SPDX-License-Identifier: MIT */
/*
 * Tests of block status: clamping, alignment, RAW, RECURSE, ZERO, EOF, chains.
 */
#include "qemu/osdep.h"

#include "minblk/block-extra.h"
#include "tests/unit/fake-driver.h"

#define DATA   BDRV_BLOCK_DATA
#define ZERO   BDRV_BLOCK_ZERO
#define VALID  BDRV_BLOCK_OFFSET_VALID
#define ALLOC  BDRV_BLOCK_ALLOCATED
#define END    BDRV_BLOCK_EOF

static int64_t pnum, map;
static BlockDriverState *file_bs;

static int status(FakeDisk *d, int64_t offset, int64_t bytes)
{
    return bdrv_block_status(d->bs, offset, bytes, &pnum, &map, &file_bs);
}

/* ---- one node ---------------------------------------------------------- */

static int answer_bits, answer_pnum;

/* The same answer for everything; maps 1:1 onto the disk's file. */
static int fixed_answer(FakeDisk *d, int64_t offset, int64_t bytes,
                        int64_t *pn, int64_t *mp, BlockDriverState **file)
{
    *pn = answer_pnum ? answer_pnum : bytes;
    if (answer_bits & VALID) {
        *mp = offset + 65536;
        *file = d->bs->file ? d->bs->file->bs : d->bs;
    }
    return answer_bits;
}

static void test_no_callback(void)
{
    FakeDisk *d = fake_file_new(10000);

    d->drv.bdrv_co_block_status = NULL;
    fake_open(d, 0);
    g_assert_cmphex(status(d, 100, 200), ==, DATA | ALLOC | VALID);
    g_assert_cmpint(pnum, ==, 200);
    g_assert_cmpint(map, ==, 100);
    g_assert_true(file_bs == d->bs);
    g_assert_cmphex(status(d, 100, 1 << 30), ==, DATA | ALLOC | VALID | END);
    g_assert_cmpint(pnum, ==, 10240 - 100);
    fake_close(d);

    d = fake_format_new(10240);
    d->drv.bdrv_co_block_status = NULL;
    fake_open(d, 0);
    g_assert_cmphex(status(d, 0, 512), ==, DATA | ALLOC);
    g_assert_null(file_bs);
    g_assert_cmpint(map, ==, 0);
    fake_close(d);
}

static void test_bounds(void)
{
    FakeDisk *d = fake_file_new(10240);

    d->status = fixed_answer;
    answer_bits = DATA;
    answer_pnum = 0;
    fake_open(d, 0);
    pnum = 99;
    g_assert_cmphex(status(d, 10240, 512), ==, END);
    g_assert_cmpint(pnum, ==, 0);
    g_assert_cmphex(status(d, 1LL << 40, 512), ==, END);
    g_assert_cmphex(status(d, 0, 0), ==, 0);
    g_assert_cmpint(pnum, ==, 0);
    g_assert_cmpint(status(d, -1, 512), ==, -EIO);
    g_assert_cmpint(status(d, 0, -512), ==, -EIO);
    g_assert_cmpint(d->n_calls, ==, 0);
    /* More than the node has. */
    g_assert_cmphex(bdrv_block_status(d->bs, 0, INT64_MAX, &pnum, NULL, NULL),
                    ==, DATA | ALLOC | END);
    g_assert_cmpint(pnum, ==, 10240);
    d->error[FAKE_STATUS] = -EIO;
    pnum = 99;
    g_assert_cmpint(status(d, 0, 512), ==, -EIO);
    g_assert_cmpint(pnum, ==, 0);
    fake_close(d);
}

static void test_alignment(void)
{
    FakeDisk *d = fake_file_new(65536);

    d->status = fixed_answer;
    d->limits.request_alignment = 4096;
    answer_bits = DATA | VALID;
    answer_pnum = 8192;
    fake_open(d, 0);
    g_assert_cmphex(status(d, 5000, 20), ==, DATA | VALID | ALLOC);
    g_assert_cmpint(fake_call(d, FAKE_STATUS, 0)->offset, ==, 4096);
    g_assert_cmpint(fake_call(d, FAKE_STATUS, 0)->bytes, ==, 4096);
    g_assert_cmpint(pnum, ==, 20);
    g_assert_cmpint(map, ==, 65536 + 5000);
    g_assert_cmphex(status(d, 5000, 60000), ==, DATA | VALID | ALLOC);
    g_assert_cmpint(pnum, ==, 4096 + 8192 - 5000);
    /* An answer for nothing is an error, not an endless loop. */
    answer_pnum = 512;
    g_assert_cmpint(status(d, 5000, 60000), ==, -EIO);
    answer_pnum = -1;
    g_assert_cmpint(status(d, 4096, 60000), ==, -EIO);
    fake_close(d);
}

static void test_bits(void)
{
    FakeDisk *d = fake_format_new(65536);

    d->status = fixed_answer;
    answer_pnum = 0;
    fake_open(d, 0);
    answer_bits = ZERO;
    g_assert_cmphex(status(d, 0, 512), ==, ZERO | ALLOC);
    answer_bits = 0;
    g_assert_cmphex(status(d, 0, 512), ==, 0);
    g_assert_cmpint(bdrv_is_allocated(d->bs, 0, 512, &pnum), ==, 0);
    g_assert_cmpint(pnum, ==, 512);
    g_assert_cmpint(fake_call(d, FAKE_STATUS, 2)->flags, ==, false);
    d->info_zero = true;
    g_assert_cmphex(status(d, 0, 512), ==, ZERO);
    g_assert_cmpint(bdrv_is_allocated(d->bs, 0, 512, &pnum), ==, 0);
    /* The layer's own bits are not taken from a driver. */
    answer_bits = DATA | END;
    g_assert_cmphex(status(d, 0, 512), ==, DATA | ALLOC);
    g_assert_cmpint(bdrv_is_allocated(d->bs, 0, 512, &pnum), ==, 1);
    /* Where it is, but not what. */
    answer_bits = VALID;
    g_assert_cmphex(status(d, 0, 512), ==, VALID | ZERO);
    fake_close(d);
}

/* ---- RAW and RECURSE --------------------------------------------------- */

/* Data up to 70000, a hole after it. */
static int file_answer(FakeDisk *d, int64_t offset, int64_t bytes,
                       int64_t *pn, int64_t *mp, BlockDriverState **file)
{
    *mp = offset;
    *file = d->bs;
    if (offset < 70000) {
        *pn = MIN(bytes, 70000 - offset);
        return DATA | VALID;
    }
    *pn = bytes;
    return ZERO | VALID;
}

static void open_pair(FakeDisk **d, FakeDisk **file)
{
    *d = fake_format_new(131072);
    *file = fake_file_new(100000);
    (*d)->status = fixed_answer;
    (*file)->status = file_answer;
    (*file)->perm = 0;
    fake_open(*d, 0);
    fake_open(*file, 0);
    fake_set_file(*d, *file);
    answer_pnum = 0;
}

static void test_raw(void)
{
    FakeDisk *d, *file;

    open_pair(&d, &file);
    answer_bits = BDRV_BLOCK_RAW | VALID;
    g_assert_cmphex(status(d, 1000, 65536), ==, DATA | VALID | ALLOC);
    g_assert_cmpint(pnum, ==, 70000 - 65536 - 1000);
    g_assert_cmpint(map, ==, 66536);
    g_assert_true(file_bs == file->bs);
    g_assert_cmphex(status(d, 10000, 1000), ==, ZERO | VALID | ALLOC);
    /* The file ends before. */
    g_assert_cmphex(status(d, 60000, 1000), ==, ZERO | ALLOC);
    g_assert_cmpint(pnum, ==, 1000);
    g_assert_cmpint(bdrv_is_allocated(d->bs, 0, 512, &pnum), ==, 1);
    file->error[FAKE_STATUS] = -EXDEV;
    g_assert_cmpint(status(d, 0, 512), ==, -EXDEV);
    answer_bits = BDRV_BLOCK_RAW;
    g_assert_cmpint(status(d, 0, 512), ==, -EIO);
    fake_close(d);
    fake_close(file);
}

static void test_recurse(void)
{
    FakeDisk *d, *file;

    open_pair(&d, &file);
    answer_bits = BDRV_BLOCK_RECURSE | DATA | VALID;
    g_assert_cmphex(status(d, 0, 65536), ==, DATA | VALID | ALLOC);
    g_assert_cmpint(pnum, ==, 70000 - 65536);
    g_assert_cmpint(map, ==, 65536);
    g_assert_cmphex(status(d, 5000, 1000), ==, DATA | ZERO | VALID | ALLOC);
    /* To the file's end and past it: zero, not shrunk. */
    g_assert_cmphex(status(d, 5000, 60000), ==, DATA | ZERO | VALID | ALLOC);
    g_assert_cmpint(pnum, ==, 60000);
    g_assert_cmphex(status(d, 60000, 1000), ==, DATA | ZERO | VALID | ALLOC);
    g_assert_cmpint(pnum, ==, 1000);
    /* Not when only allocation is asked for; the file's errors do not count. */
    fake_reset(file);
    g_assert_cmpint(bdrv_is_allocated(d->bs, 0, 512, &pnum), ==, 1);
    g_assert_cmpint(file->n_calls, ==, 0);
    file->error[FAKE_STATUS] = -EIO;
    g_assert_cmphex(status(d, 0, 65536), ==, DATA | VALID | ALLOC);
    g_assert_cmpint(pnum, ==, 65536);
    fake_close(d);
    fake_close(file);
}

/* ---- a length that varies ---------------------------------------------- */

static int length_calls;

static int64_t count_length(BlockDriverState *bs)
{
    length_calls++;
    return 131072;
}

/* Data and holes of 4 KiB in turn, as lseek(2) sees a file: then a hole. */
static int striped_answer(FakeDisk *d, int64_t offset, int64_t bytes,
                          int64_t *pn, int64_t *mp, BlockDriverState **file)
{
    *mp = offset;
    *file = d->bs;
    *pn = bytes;
    if (offset < d->size) {
        *pn = MIN(bytes, MIN(4096 - offset % 4096, d->size - offset));
    }
    return (offset < d->size && offset % 8192 < 4096 ? DATA : ZERO) | VALID;
}

/* Asked for at the end only, however many extents there are. */
static void test_length_at_end(void)
{
    FakeDisk *d = fake_file_new(131072);
    int64_t offset;

    d->drv.has_variable_length = true;
    d->drv.bdrv_getlength = count_length;
    d->status = striped_answer;
    fake_open(d, 0);
    length_calls = 0;
    for (offset = 0; offset < 131072; offset += pnum) {
        g_assert_cmpint(status(d, offset, 131072 - offset), >, 0);
        g_assert_cmpint(pnum, ==, 4096);
    }
    g_assert_cmpint(length_calls, ==, 1);
    fake_close(d);
}

/* Another process makes the file longer or shorter: no answer is of before. */
static void test_length_changes(void)
{
    FakeDisk *d = fake_file_new(65536);

    d->drv.has_variable_length = true;
    d->status = striped_answer;
    fake_open(d, 0);
    d->size = 73728;
    g_assert_cmphex(status(d, 61440, 4096), ==, ZERO | VALID | ALLOC);
    g_assert_cmphex(status(d, 65536, 4096), ==, DATA | VALID | ALLOC);
    g_assert_cmphex(status(d, 69632, 1 << 20), ==, ZERO | VALID | ALLOC | END);
    d->size = 10000;
    g_assert_cmphex(status(d, 61440, 1024), ==, END);
    g_assert_cmpint(pnum, ==, 0);
    d->size = 73728;
    g_assert_cmphex(status(d, 61440, 1 << 20), ==, ZERO | VALID | ALLOC);
    d->size = 10000;
    g_assert_cmphex(status(d, 8192, 1 << 20), ==, DATA | VALID | ALLOC);
    g_assert_cmpint(pnum, ==, 10000 - 8192);
    g_assert_cmphex(status(d, 10000, 1 << 20), ==, ZERO | VALID | ALLOC | END);
    g_assert_cmpint(pnum, ==, 10240 - 10000);
    d->size = -EIO;
    g_assert_cmpint(status(d, 10000, 1 << 20), ==, -EIO);
    d->size = 65536;
    fake_close(d);
}

/* ---- chains ------------------------------------------------------------ */

/* Only [from, to) is allocated in each of the disks. */
static int range_answer(FakeDisk *d, int64_t offset, int64_t bytes,
                        int64_t *pn, int64_t *mp, BlockDriverState **file)
{
    int64_t from = d->limits.opt_transfer, to = from + 4096;

    if (offset < from) {
        *pn = MIN(bytes, from - offset);
        return 0;
    }
    if (offset < to) {
        *pn = MIN(bytes, to - offset);
        return DATA;
    }
    *pn = bytes;
    return 0;
}

static FakeDisk *open_layer(int64_t size, int64_t from)
{
    FakeDisk *d = fake_format_new(size);

    d->drv.supports_backing = true;
    d->status = range_answer;
    d->limits.opt_transfer = from;
    d->perm = BLK_PERM_CONSISTENT_READ;
    d->info_zero = true;
    fake_open(d, 0);
    return d;
}

static int above(FakeDisk *d, FakeDisk *base, int64_t offset, int64_t bytes,
                 int *depth)
{
    return bdrv_block_status_depth(d->bs, base ? base->bs : NULL, offset,
                                   bytes, &pnum, &map, &file_bs, depth);
}

static void test_chain(void)
{
    FakeDisk *top = open_layer(65536, 0);
    FakeDisk *mid = open_layer(32768, 8192);
    FakeDisk *low = open_layer(49152, 16384);
    int depth;

    fake_set_backing(mid, low);
    fake_set_backing(top, mid);

    g_assert_cmphex(above(top, NULL, 0, 65536, &depth), ==, DATA | ALLOC);
    g_assert_cmpint(pnum, ==, 4096);
    g_assert_cmpint(depth, ==, 0);
    g_assert_cmphex(above(top, NULL, 4096, 65536, &depth), ==, ZERO);
    g_assert_cmpint(pnum, ==, 4096);
    g_assert_cmpint(depth, ==, 2);
    g_assert_cmphex(above(top, NULL, 8192, 65536, &depth), ==, DATA | ALLOC);
    g_assert_cmpint(depth, ==, 1);
    g_assert_cmpint(pnum, ==, 4096);
    g_assert_cmphex(above(top, NULL, 16384, 65536, &depth), ==, DATA | ALLOC);
    g_assert_cmpint(depth, ==, 2);
    /* Not into the base. */
    g_assert_cmphex(above(top, low, 16384, 4096, &depth) & ALLOC, ==, 0);
    g_assert_cmpint(pnum, ==, 4096);
    g_assert_cmpint(depth, ==, 1);
    g_assert_cmphex(above(top, top, 0, 4096, &depth), ==, 0);
    /* The node alone. */
    g_assert_cmpint(bdrv_is_allocated(top->bs, 8192, 100, &pnum), ==, 0);
    g_assert_cmphex(status(top, 8192, 100), ==, 0);
    g_assert_cmpint(pnum, ==, 100);
    /* Behind the backing's end. */
    g_assert_cmphex(status(top, 40000, 100), ==, ZERO);
    g_assert_cmphex(above(top, NULL, 40000, 65536, &depth), ==, ZERO | END);
    g_assert_cmpint(depth, ==, 0);
    g_assert_cmpint(pnum, ==, 25536);

    low->error[FAKE_STATUS] = -EIO;
    g_assert_cmpint(above(top, NULL, 16384, 512, &depth), ==, -EIO);
    fake_close(top);
    fake_close(mid);
    fake_close(low);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/bdrv-status/no-callback", test_no_callback);
    g_test_add_func("/bdrv-status/bounds", test_bounds);
    g_test_add_func("/bdrv-status/alignment", test_alignment);
    g_test_add_func("/bdrv-status/bits", test_bits);
    g_test_add_func("/bdrv-status/raw", test_raw);
    g_test_add_func("/bdrv-status/recurse", test_recurse);
    g_test_add_func("/bdrv-status/length-at-end", test_length_at_end);
    g_test_add_func("/bdrv-status/length-changes", test_length_changes);
    g_test_add_func("/bdrv-status/chain", test_chain);
    return g_test_run();
}
