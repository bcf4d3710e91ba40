/* SPDX-License-Identifier: MIT */
/*
 * Tests of drivers with the older forms of callbacks, in sectors, and with one
 * for compressed writes.
 */
#include "qemu/osdep.h"

#include "qapi/error.h"
#include "sysemu/block-backend.h"
#include "tests/unit/fake-driver.h"

#define KIB 1024

static uint8_t buf[FAKE_CAPACITY];

/* The byte forms of the disk under test, which check what they are given. */
static int coroutine_fn (*disk_preadv)(BlockDriverState *, uint64_t, uint64_t,
                                       QEMUIOVector *, int);
static int coroutine_fn (*disk_pwritev)(BlockDriverState *, uint64_t, uint64_t,
                                        QEMUIOVector *, int);

static int coroutine_fn sector_readv(BlockDriverState *bs, int64_t sector_num,
                                     int nb_sectors, QEMUIOVector *qiov)
{
    return disk_preadv(bs, sector_num * 512, nb_sectors * 512, qiov, 0);
}

static int coroutine_fn sector_writev(BlockDriverState *bs, int64_t sector_num,
                                      int nb_sectors, QEMUIOVector *qiov,
                                      int flags)
{
    return disk_pwritev(bs, sector_num * 512, nb_sectors * 512, qiov, flags);
}

static FakeDisk *sector_disk_new(int64_t size)
{
    FakeDisk *d = fake_format_new(size);

    disk_preadv = d->drv.bdrv_co_preadv;
    disk_pwritev = d->drv.bdrv_co_pwritev;
    d->drv.bdrv_co_preadv = NULL;
    d->drv.bdrv_co_pwritev = NULL;
    d->drv.bdrv_co_readv = sector_readv;
    d->drv.bdrv_co_writev = sector_writev;
    d->drv.bdrv_refresh_limits = NULL;
    return d;
}

typedef struct Req {
    FakeDisk *d;
    int64_t offset;
    unsigned bytes;
    BdrvRequestFlags flags;
    int ret;
} Req;

static void coroutine_fn write_entry(void *opaque)
{
    Req *r = opaque;

    r->ret = bdrv_co_pwrite(r->d->child, r->offset, r->bytes, buf, r->flags);
}

static int run_write(FakeDisk *d, int64_t offset, unsigned bytes,
                     BdrvRequestFlags flags)
{
    Req r = { d, offset, bytes, flags, 1 };

    fake_run(write_entry, &r);
    return r.ret;
}

/* ---- sectors ------------------------------------------------------------ */

static void test_sectors(void)
{
    FakeDisk *d = sector_disk_new(8 * KIB);

    memset(d->data, 0x11, 8 * KIB);
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpuint(d->bs->bl.request_alignment, ==, 512);
    g_assert_cmpint(bdrv_nb_sectors(d->bs), ==, 16);

    g_assert_cmpint(bdrv_pread(d->child, 1, buf, 1000), ==, 1000);
    g_assert_cmpmem(buf, 1000, d->data + 1, 1000);
    g_assert_cmpint(fake_call(d, FAKE_READ, 0)->bytes, ==, 1024);

    memset(buf, 0x22, 2 * KIB);
    g_assert_cmpint(bdrv_pwrite(d->child, 511, buf, 1026), ==, 1026);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 0)->bytes, ==, 2048);
    g_assert_cmpint(d->data[510], ==, 0x11);
    g_assert_cmpint(d->data[511], ==, 0x22);
    g_assert_cmpint(d->data[1536], ==, 0x22);
    g_assert_cmpint(d->data[1537], ==, 0x11);

    g_assert_cmpint(bdrv_pwrite(d->child, 8 * KIB - 1, buf, 2), ==, -ENOSPC);
    d->error[FAKE_READ] = -EILSEQ;
    g_assert_cmpint(bdrv_pread(d->child, 0, buf, 512), ==, -EILSEQ);
    fake_close(d);
}

/* The flags that it declares, and no others. */
static void test_sector_flags(void)
{
    FakeDisk *d = sector_disk_new(8 * KIB);

    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_write(d, 0, 512, BDRV_REQ_FUA), ==, 0);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 0)->flags, ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 1);
    fake_reset(d);
    d->write_flags = d->bs->supported_write_flags = BDRV_REQ_FUA;
    g_assert_cmpint(run_write(d, 0, 512, BDRV_REQ_FUA |
                              BDRV_REQ_WRITE_UNCHANGED), ==, 0);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 0)->flags, ==, BDRV_REQ_FUA);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 0);
    fake_close(d);
}

/* Bytes where it has them, but never less than a sector where it has not. */
static void test_mixed(void)
{
    FakeDisk *d = sector_disk_new(8 * KIB);

    d->drv.bdrv_co_preadv = disk_preadv;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpuint(d->bs->bl.request_alignment, ==, 512);
    g_assert_cmpint(bdrv_pwrite(d->child, 100, buf, 1), ==, 1);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 0)->bytes, ==, 512);
    fake_close(d);

    d = sector_disk_new(8 * KIB);
    d->drv.bdrv_co_preadv = disk_preadv;
    d->drv.bdrv_co_pwritev = disk_pwritev;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpuint(d->bs->bl.request_alignment, ==, 1);
    g_assert_cmpint(bdrv_pwrite(d->child, 100, buf, 1), ==, 1);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 0)->bytes, ==, 1);
    fake_close(d);
}

static void too_fine(BlockDriverState *bs, Error **errp)
{
    bs->bl.request_alignment = 256;
}

static void test_alignment(void)
{
    FakeDisk *d = sector_disk_new(8 * KIB);
    Error *err = NULL;

    fake_open(d, BDRV_O_RDWR);
    d->drv.bdrv_refresh_limits = too_fine;
    bdrv_refresh_limits(d->bs, &err);
    g_assert_nonnull(err);
    g_assert_nonnull(strstr(error_get_pretty(err), "alignment (256)"));
    error_free(err);
    g_assert_cmpuint(d->bs->bl.request_alignment, ==, 512);
    fake_close(d);
}

/* ---- compressed --------------------------------------------------------- */

typedef struct Compressed {
    int calls;
    uint64_t offset;
    uint64_t bytes;
    uint8_t first;
    int ret;
} Compressed;

static Compressed seen;

static int coroutine_fn write_compressed(BlockDriverState *bs, uint64_t offset,
                                         uint64_t bytes, QEMUIOVector *qiov)
{
    g_assert_cmpuint(qiov->size, ==, bytes);
    seen.calls++;
    seen.offset = offset;
    seen.bytes = bytes;
    if (bytes) {
        qemu_iovec_to_buf(qiov, 0, &seen.first, 1);
    }
    return seen.ret;
}

static FakeDisk *compressing_disk_new(void)
{
    FakeDisk *d = fake_format_new(256 * KIB);

    d->drv.bdrv_co_pwritev_compressed = write_compressed;
    memset(&seen, 0, sizeof(seen));
    return d;
}

/* In one piece, whatever the limits for other writes are. */
static void test_compressed(void)
{
    FakeDisk *d = compressing_disk_new();

    d->limits.request_alignment = 512;
    d->limits.max_transfer = 4 * KIB;
    fake_open(d, BDRV_O_RDWR);
    buf[0] = 0x77;
    g_assert_cmpint(run_write(d, 64 * KIB, 64 * KIB, BDRV_REQ_WRITE_COMPRESSED),
                    ==, 0);
    g_assert_cmpint(seen.calls, ==, 1);
    g_assert_cmpuint(seen.offset, ==, 64 * KIB);
    g_assert_cmpuint(seen.bytes, ==, 64 * KIB);
    g_assert_cmpint(seen.first, ==, 0x77);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 0);

    g_assert_cmpint(run_write(d, 0, 64 * KIB, 0), ==, 0);
    g_assert_cmpint(seen.calls, ==, 1);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 16);

    seen.ret = -EDOM;
    g_assert_cmpint(run_write(d, 0, 512, BDRV_REQ_WRITE_COMPRESSED), ==,
                    -EDOM);
    /* As any other write it stays inside the disk. */
    g_assert_cmpint(run_write(d, 256 * KIB, 512, BDRV_REQ_WRITE_COMPRESSED),
                    ==, -ENOSPC);
    g_assert_cmpint(seen.calls, ==, 2);
    fake_close(d);
}

/* The callback knows no flags, so durability is the layer's. */
static void test_compressed_fua(void)
{
    FakeDisk *d = compressing_disk_new();

    d->write_flags = BDRV_REQ_FUA;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_write(d, 0, 512, BDRV_REQ_WRITE_COMPRESSED |
                              BDRV_REQ_FUA), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 1);
    fake_close(d);
}

/* No bytes at 0 say that all has been written; elsewhere they say nothing. */
static void test_compressed_end(void)
{
    FakeDisk *d = compressing_disk_new();
    BlockBackend *blk = blk_new(qemu_get_aio_context(), BLK_PERM_WRITE,
                                BLK_PERM_ALL);

    fake_open(d, BDRV_O_RDWR);
    blk_insert_bs(blk, d->bs, &error_abort);
    g_assert_cmpint(blk_pwrite(blk, 0, NULL, 0, BDRV_REQ_WRITE_COMPRESSED), ==,
                    0);
    g_assert_cmpint(seen.calls, ==, 1);
    g_assert_cmpuint(seen.bytes, ==, 0);
    g_assert_cmpint(blk_pwrite(blk, 512, NULL, 0, BDRV_REQ_WRITE_COMPRESSED),
                    ==, 0);
    g_assert_cmpint(blk_pwrite(blk, 0, NULL, 0, 0), ==, 0);
    g_assert_cmpint(seen.calls, ==, 1);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 0);
    blk_unref(blk);
    fake_close(d);
}

/* A filter has no callback, but hands the flag on, and the request whole. */
static void test_compressed_flag(void)
{
    FakeDisk *d = fake_format_new(64 * KIB);

    d->write_flags = BDRV_REQ_WRITE_COMPRESSED | BDRV_REQ_FUA;
    fake_open(d, BDRV_O_RDWR);
    d->bs->bl.max_transfer = 4 * KIB;
    g_assert_cmpint(run_write(d, 0, 64 * KIB, BDRV_REQ_WRITE_COMPRESSED |
                              BDRV_REQ_FUA), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 1);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 0)->bytes, ==, 64 * KIB);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 0)->flags, ==,
                    BDRV_REQ_WRITE_COMPRESSED);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 1);
    fake_close(d);
}

/* Nothing is written then, at the end of a file neither. */
static void test_compressed_unsupported(void)
{
    FakeDisk *d = fake_file_new(1000);

    d->limits.request_alignment = 512;
    fake_use_tail(d);
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_write(d, 0, 512, BDRV_REQ_WRITE_COMPRESSED), ==,
                    -ENOTSUP);
    g_assert_cmpint(run_write(d, 0, 0, BDRV_REQ_WRITE_COMPRESSED), ==,
                    -ENOTSUP);
    g_assert_cmpint(run_write(d, 900, 100, BDRV_REQ_WRITE_COMPRESSED), ==,
                    -ENOTSUP);
    g_assert_cmpint(d->n_calls, ==, 0);
    fake_close(d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bdrv-forms/sectors", test_sectors);
    g_test_add_func("/bdrv-forms/sector-flags", test_sector_flags);
    g_test_add_func("/bdrv-forms/mixed", test_mixed);
    g_test_add_func("/bdrv-forms/alignment", test_alignment);
    g_test_add_func("/bdrv-forms/compressed", test_compressed);
    g_test_add_func("/bdrv-forms/compressed-fua", test_compressed_fua);
    g_test_add_func("/bdrv-forms/compressed-end", test_compressed_end);
    g_test_add_func("/bdrv-forms/compressed-flag", test_compressed_flag);
    g_test_add_func("/bdrv-forms/compressed-unsupported",
                    test_compressed_unsupported);
    return g_test_run();
}
