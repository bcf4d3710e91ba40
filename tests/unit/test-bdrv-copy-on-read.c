/* SPDX-License-Identifier: MIT */
/*
 * Tests of copy on read, on a disk that keeps what of it is allocated.  Its
 * data are those that a guest sees, whether they come from it or from its
 * backing.
 */
#include "qemu/osdep.h"

#include "tests/unit/fake-driver.h"

#define KIB  1024
#define SIZE (256 * KIB)

static uint8_t buf[SIZE];
static bool allocated[SIZE / 512];

static int coroutine_fn (*disk_pwritev)(BlockDriverState *, uint64_t, uint64_t,
                                        QEMUIOVector *, int);
static int coroutine_fn (*disk_pwrite_zeroes)(BlockDriverState *, int64_t, int,
                                              BdrvRequestFlags);

static void allocate(int64_t offset, int64_t bytes)
{
    for (int64_t i = offset / 512; i < DIV_ROUND_UP(offset + bytes, 512); i++) {
        allocated[i] = true;
    }
}

static int coroutine_fn cow_pwritev(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    int flags)
{
    int ret = disk_pwritev(bs, offset, bytes, qiov, flags);

    if (ret >= 0) {
        allocate(offset, bytes);
    }
    return ret;
}

static int coroutine_fn cow_pwrite_zeroes(BlockDriverState *bs, int64_t offset,
                                          int bytes, BdrvRequestFlags flags)
{
    int ret = disk_pwrite_zeroes(bs, offset, bytes, flags);

    if (ret >= 0) {
        allocate(offset, bytes);
    }
    return ret;
}

static int cow_status(FakeDisk *d, int64_t offset, int64_t bytes, int64_t *pnum,
                      int64_t *map, BlockDriverState **file)
{
    int64_t i = offset / 512;
    int64_t end = i;

    while (end < DIV_ROUND_UP(offset + bytes, 512) &&
           allocated[end] == allocated[i]) {
        end++;
    }
    *pnum = end * 512 - offset;
    return allocated[i] ? BDRV_BLOCK_DATA : 0;
}

/* All of it comes from @base until it is written. */
static FakeDisk *cow_disk_new(FakeDisk *base)
{
    FakeDisk *d = fake_format_new(SIZE);

    disk_pwritev = d->drv.bdrv_co_pwritev;
    disk_pwrite_zeroes = d->drv.bdrv_co_pwrite_zeroes;
    d->drv.bdrv_co_pwritev = cow_pwritev;
    d->drv.bdrv_co_pwrite_zeroes = cow_pwrite_zeroes;
    d->status = cow_status;
    d->limits.request_alignment = 512;
    d->perm = BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE_UNCHANGED;
    memset(allocated, 0, sizeof(allocated));
    for (int i = 0; i < SIZE; i++) {
        d->data[i] = 1 + i % 251;
    }
    fake_open(base, 0);
    fake_open(d, BDRV_O_RDWR);
    fake_set_backing(d, base);
    return d;
}

static void cow_disk_free(FakeDisk *d, FakeDisk *base)
{
    fake_close(d);
    fake_close(base);
}

typedef struct Req {
    FakeDisk *d;
    int64_t offset;
    unsigned bytes;
    BdrvRequestFlags flags;
    int ret;
} Req;

static void coroutine_fn read_entry(void *opaque)
{
    Req *r = opaque;
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, r->bytes);

    r->ret = bdrv_co_preadv(r->d->child, r->offset, r->bytes,
                            r->flags & BDRV_REQ_PREFETCH ? NULL : &qiov,
                            r->flags);
}

static int run_read(FakeDisk *d, int64_t offset, unsigned bytes,
                    BdrvRequestFlags flags)
{
    Req r = { d, offset, bytes, flags, 1 };

    memset(buf, 0, sizeof(buf));
    fake_run(read_entry, &r);
    return r.ret;
}

static int events_seen(FakeDisk *d, BlkdebugEvent event)
{
    int seen = 0;

    for (int i = 0; i < d->n_calls; i++) {
        seen += d->calls[i].op == FAKE_EVENT && d->calls[i].flags == (int)event;
    }
    return seen;
}

static void test_copy(void)
{
    FakeDisk *base = fake_file_new(SIZE);
    FakeDisk *d = cow_disk_new(base);
    g_autofree uint8_t *before = g_memdup2(d->data, SIZE);

    d->write_flags = d->bs->supported_write_flags = BDRV_REQ_WRITE_UNCHANGED;
    allocate(4 * KIB, 4 * KIB);
    g_assert_cmpint(run_read(d, 1000, 9000, BDRV_REQ_COPY_ON_READ), ==, 0);
    g_assert_cmpmem(buf, 9000, before + 1000, 9000);
    g_assert_cmpmem(d->data, SIZE, before, SIZE);

    /* What was there is not written again, what was not asked for neither. */
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 2);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 0)->offset, ==, 512);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 0)->bytes, ==, 3584);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 1)->offset, ==, 8 * KIB);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 1)->bytes, ==, 2048);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 0)->flags, ==,
                    BDRV_REQ_WRITE_UNCHANGED);
    g_assert_cmpint(events_seen(d, BLKDBG_COR_WRITE), ==, 2);

    fake_reset(d);
    g_assert_cmpint(run_read(d, 1000, 9000, BDRV_REQ_COPY_ON_READ), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 0);
    g_assert_cmpint(events_seen(d, BLKDBG_COR_WRITE), ==, 0);
    g_assert_cmpmem(buf, 9000, before + 1000, 9000);

    /* Without the flag nothing is copied. */
    g_assert_cmpint(run_read(d, 64 * KIB, 9000, 0), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 0);

    /* To the end of the disk, in pieces. */
    g_assert_cmpint(run_read(d, 0, SIZE, BDRV_REQ_COPY_ON_READ), ==, 0);
    g_assert_cmpmem(buf, SIZE, before, SIZE);
    g_assert_cmpmem(d->data, SIZE, before, SIZE);
    for (int i = 0; i < SIZE / 512; i++) {
        g_assert_true(allocated[i]);
    }
    cow_disk_free(d, base);
}

static void test_zeroes(void)
{
    FakeDisk *base = fake_file_new(SIZE);
    FakeDisk *d = cow_disk_new(base);

    memset(d->data, 0, SIZE);
    g_assert_cmpint(run_read(d, 0, 64 * KIB, BDRV_REQ_COPY_ON_READ), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_ZERO), ==, 1);
    g_assert_true(allocated[127]);
    g_assert_false(allocated[128]);

    /* Not in pieces of what the driver zeroes at a time. */
    fake_reset(d);
    d->bs->bl.pwrite_zeroes_alignment = 16 * KIB;
    g_assert_cmpint(run_read(d, 64 * KIB, 8 * KIB, BDRV_REQ_COPY_ON_READ), ==,
                    0);
    g_assert_cmpint(run_read(d, 72 * KIB, 16 * KIB, BDRV_REQ_COPY_ON_READ), ==,
                    0);
    g_assert_cmpint(fake_count(d, FAKE_ZERO), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 2);
    g_assert_cmpint(run_read(d, 96 * KIB, 16 * KIB, BDRV_REQ_COPY_ON_READ), ==,
                    0);
    g_assert_cmpint(fake_count(d, FAKE_ZERO), ==, 1);
    cow_disk_free(d, base);
}

static void test_prefetch(void)
{
    FakeDisk *base = fake_file_new(SIZE);
    FakeDisk *d = cow_disk_new(base);

    g_assert_cmpint(run_read(d, 0, 4 * KIB, BDRV_REQ_COPY_ON_READ |
                             BDRV_REQ_PREFETCH), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_READ), ==, 1);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 1);
    g_assert_cmpint(run_read(d, 0, 4 * KIB, BDRV_REQ_COPY_ON_READ |
                             BDRV_REQ_PREFETCH), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_READ), ==, 1);
    cow_disk_free(d, base);
}

static void test_refused(void)
{
    FakeDisk *base = fake_file_new(SIZE);
    FakeDisk *d = cow_disk_new(base);

    d->error[FAKE_WRITE] = -ENOSPC;
    g_assert_cmpint(run_read(d, 0, 512, BDRV_REQ_COPY_ON_READ), ==, -ENOSPC);
    d->error[FAKE_WRITE] = 0;
    d->error[FAKE_READ] = -EILSEQ;
    g_assert_cmpint(run_read(d, 0, 512, BDRV_REQ_COPY_ON_READ), ==, -EILSEQ);
    d->error[FAKE_READ] = 0;
    d->error[FAKE_STATUS] = -EDOM;
    g_assert_cmpint(run_read(d, 0, 512, BDRV_REQ_COPY_ON_READ), ==, -EDOM);
    d->error[FAKE_STATUS] = 0;
    g_assert_false(allocated[0]);

    d->child->perm = BLK_PERM_CONSISTENT_READ;
    g_assert_cmpint(run_read(d, 0, 512, BDRV_REQ_COPY_ON_READ), ==, -EPERM);
    g_assert_cmpint(run_read(d, 0, 512, 0), ==, 0);
    d->child->perm |= BLK_PERM_WRITE_UNCHANGED;
    cow_disk_free(d, base);
}

/* What is nowhere needs no copy. */
static void test_no_backing(void)
{
    FakeDisk *d = fake_format_new(SIZE);

    d->status = cow_status;
    memset(allocated, 0, sizeof(allocated));
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_read(d, 0, 4 * KIB, BDRV_REQ_COPY_ON_READ), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_READ), ==, 1);
    fake_close(d);
}

/*
 * A copy that began before a write must not overwrite it.  The write is an
 * aligned one, since others wait by themselves.
 */
static void coroutine_fn write_entry(void *opaque)
{
    Req *r = opaque;
    uint8_t mine[4 * KIB];

    memset(mine, 0xee, sizeof(mine));
    r->ret = bdrv_co_pwrite(r->d->child, r->offset, r->bytes, mine, 0);
}

static void test_race(void)
{
    for (int i = 0; i < 200; i++) {
        FakeDisk *base = fake_file_new(SIZE);
        FakeDisk *d = cow_disk_new(base);
        Req reader = { d, 0, 8 * KIB, BDRV_REQ_COPY_ON_READ, 1 };
        Req writer = { d, g_test_rand_int_range(0, 16) * 512,
                       g_test_rand_int_range(1, 8) * 512, 0, 1 };

        d->slow = true;
        d->child->perm |= BLK_PERM_WRITE;
        qemu_coroutine_enter(qemu_coroutine_create(read_entry, &reader));
        for (int turns = i % 8; turns > 0; turns--) {
            aio_poll(qemu_get_aio_context(), false);
        }
        qemu_coroutine_enter(qemu_coroutine_create(write_entry, &writer));
        while (reader.ret == 1 || writer.ret == 1) {
            aio_poll(qemu_get_aio_context(), true);
        }
        g_assert_cmpint(reader.ret, ==, 0);
        g_assert_cmpint(writer.ret, ==, 0);
        for (int64_t at = 0; at < 16 * KIB; at++) {
            bool written = at >= writer.offset &&
                           at < writer.offset + writer.bytes;

            g_assert_cmpint(d->data[at], ==, written ? 0xee : 1 + at % 251);
        }
        cow_disk_free(d, base);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/copy-on-read/copy", test_copy);
    g_test_add_func("/copy-on-read/zeroes", test_zeroes);
    g_test_add_func("/copy-on-read/prefetch", test_prefetch);
    g_test_add_func("/copy-on-read/refused", test_refused);
    g_test_add_func("/copy-on-read/no-backing", test_no_backing);
    g_test_add_func("/copy-on-read/race", test_race);
    return g_test_run();
}
