/* SPDX-License-Identifier: MIT */
/*
 * Tests of reads and writes: bounds, the end of the node, permissions, flags,
 * splitting, results of drivers, callback-style drivers.
 */
#include "qemu/osdep.h"

#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "tests/unit/fake-driver.h"

#define KIB 1024

static uint8_t buf[FAKE_CAPACITY];

/* One request with a vector and flags, run in a coroutine. */
typedef struct Req {
    FakeDisk *d;
    bool write;
    int64_t offset;
    unsigned bytes;
    QEMUIOVector *qiov;
    BdrvRequestFlags flags;
    int ret;
} Req;

static void coroutine_fn req_entry(void *opaque)
{
    Req *r = opaque;

    r->ret = r->write ? bdrv_co_pwritev(r->d->child, r->offset, r->bytes,
                                        r->qiov, r->flags)
                      : bdrv_co_preadv(r->d->child, r->offset, r->bytes,
                                       r->qiov, r->flags);
}

static int run_req(FakeDisk *d, bool write, int64_t offset, unsigned bytes,
                   BdrvRequestFlags flags)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);
    Req r = { d, write, offset, bytes, &qiov, flags, 1 };

    fake_run(req_entry, &r);
    return r.ret;
}

static int run_read(FakeDisk *d, int64_t offset, unsigned bytes)
{
    return run_req(d, false, offset, bytes, 0);
}

static int run_write(FakeDisk *d, int64_t offset, unsigned bytes,
                     BdrvRequestFlags flags)
{
    return run_req(d, true, offset, bytes, flags);
}

static void assert_zero(const uint8_t *p, size_t n)
{
    while (n--) {
        g_assert_cmpint(p[n], ==, 0);
    }
}

/* ---- bounds ------------------------------------------------------------ */

static void test_bounds(void)
{
    FakeDisk *d = fake_file_new(4 * KIB);

    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(bdrv_pread(d->child, -1, buf, 1), ==, -EIO);
    g_assert_cmpint(bdrv_pread(d->child, INT64_MIN, buf, 1), ==, -EIO);
    g_assert_cmpint(bdrv_pread(d->child, -1, NULL, 0), ==, -EIO);
    g_assert_cmpint(bdrv_pread(d->child, 0, buf, -1), ==, -EIO);
    g_assert_cmpint(bdrv_pread(d->child, 0, buf, INT_MAX), ==, -EIO);
    g_assert_cmpint(bdrv_pread(d->child, 0, buf, INT_MAX - 510), ==, -EIO);
    g_assert_cmpint(bdrv_pread(d->child, INT64_MAX, buf, 1), ==, -EIO);
    g_assert_cmpint(bdrv_pread(d->child, INT64_MAX - 512, buf, 512), ==,
                    -EIO);
    g_assert_cmpint(bdrv_pwrite(d->child, -1, buf, 1), ==, -EIO);
    g_assert_cmpint(bdrv_pwrite(d->child, 0, buf, INT_MIN), ==, -EIO);
    g_assert_cmpint(bdrv_pwrite(d->child, INT64_MAX, buf, 1), ==, -EIO);
    g_assert_cmpint(bdrv_pwrite_sync(d->child, -4, buf, 1), ==, -EIO);
    g_assert_cmpint(bdrv_pwrite_zeroes(d->child, -4, 1, 0), ==, -EIO);
    g_assert_cmpint(run_read(d, 0, UINT_MAX), ==, -EIO);
    g_assert_cmpint(run_write(d, 0, 1U << 31, 0), ==, -EIO);
    g_assert_cmpint(bdrv_pread(d->child, 7, NULL, 0), ==, 0);
    g_assert_cmpint(bdrv_pwrite(d->child, 7, NULL, 0), ==, 0);
    g_assert_cmpint(bdrv_pwrite_zeroes(d->child, 1 << 30, 0, 0), ==, 0);
    g_assert_cmpint(d->n_calls, ==, 0);
    fake_close(d);
}

static void test_results(void)
{
    FakeDisk *d = fake_file_new(4 * KIB);

    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(bdrv_pread(d->child, 1, buf, 1000), ==, 1000);
    g_assert_cmpmem(buf, 1000, d->data + 1, 1000);
    g_assert_cmpint(bdrv_pwrite(d->child, 3, "abc", 3), ==, 3);
    g_assert_cmpmem(d->data + 3, 3, "abc", 3);
    g_assert_cmpint(bdrv_pwrite_sync(d->child, 9, "xyz", 3), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 1);

    /* A positive result of a driver is no error. */
    d->error[FAKE_READ] = d->error[FAKE_WRITE] = 17;
    g_assert_cmpint(bdrv_pread(d->child, 1, buf, 10), ==, 10);
    g_assert_cmpint(bdrv_pwrite(d->child, 1, buf, 10), ==, 10);
    g_assert_cmpint(run_read(d, 0, 10), ==, 0);
    g_assert_cmpint(run_write(d, 0, 10, 0), ==, 0);

    d->error[FAKE_READ] = -EUCLEAN;
    d->error[FAKE_WRITE] = -ENOSPC;
    g_assert_cmpint(bdrv_pread(d->child, 1, buf, 10), ==, -EUCLEAN);
    g_assert_cmpint(bdrv_pwrite(d->child, 1, buf, 10), ==, -ENOSPC);
    g_assert_cmpint(bdrv_pwrite_sync(d->child, 1, buf, 10), ==, -ENOSPC);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 1);
    d->error[FAKE_WRITE] = 0;
    d->error[FAKE_FLUSH_DISK] = -EDQUOT;
    g_assert_cmpint(bdrv_pwrite_sync(d->child, 1, buf, 10), ==, -EDQUOT);
    fake_close(d);
}

static void test_exact_length(void)
{
    FakeDisk *d = fake_file_new(1000);

    fake_open(d, 0);
    g_assert_cmpint(bdrv_exact_length(d->bs), ==, 1000);
    g_assert_cmpint(bdrv_getlength(d->bs), ==, 1024);
    d->size = INT64_MAX;
    g_assert_cmpint(bdrv_exact_length(d->bs), ==, -EFBIG);
    d->size = -EIO;
    g_assert_cmpint(bdrv_exact_length(d->bs), ==, -EIO);
    d->size = 1000;
    fake_close(d);

    /* A driver without the callback keeps sectors. */
    d = fake_format_new(1000);
    d->drv.bdrv_getlength = NULL;
    fake_open(d, 0);
    g_assert_cmpint(bdrv_exact_length(d->bs), ==, 1024);
    fake_close(d);
}

/* ---- parts of a vector ------------------------------------------------- */

typedef struct Part {
    FakeDisk *d;
    int64_t offset;
    unsigned bytes;
    QEMUIOVector *qiov;
    size_t qiov_offset;
    int ret;
} Part;

static void coroutine_fn read_part_entry(void *opaque)
{
    Part *p = opaque;

    p->ret = bdrv_co_preadv_part(p->d->child, p->offset, p->bytes, p->qiov,
                                 p->qiov_offset, 0);
}

static void coroutine_fn write_part_entry(void *opaque)
{
    Part *p = opaque;

    p->ret = bdrv_co_pwritev_part(p->d->child, p->offset, p->bytes, p->qiov,
                                  p->qiov_offset, 0);
}

/* Aligned and padded parts touch their own bytes only, at both ends. */
static void test_part(void)
{
    static const struct {
        int64_t offset;
        unsigned bytes;
    } ranges[] = { { 512, 1024 }, { 512, 3 }, { 700, 1500 } };
    struct iovec iov[] = { { buf, 100 }, { buf + 100, 2900 } };
    QEMUIOVector qiov;

    qemu_iovec_init_external(&qiov, iov, 2);
    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
        FakeDisk *d = fake_file_new(4 * KIB);
        Part p = { d, ranges[i].offset, ranges[i].bytes, &qiov, 50, 1 };

        d->limits.request_alignment = 512;
        memset(d->data, 0x11, 4 * KIB);
        fake_open(d, BDRV_O_RDWR);
        memset(buf, 0xee, 3000);
        fake_run(read_part_entry, &p);
        g_assert_cmpint(p.ret, ==, 0);
        for (unsigned at = 0; at < 3000; at++) {
            g_assert_cmpint(buf[at], ==,
                            at >= 50 && at < 50 + p.bytes ? 0x11 : 0xee);
        }
        memset(buf, 0xaa, 3000);
        memset(buf + 50, 0xbb, p.bytes);
        fake_run(write_part_entry, &p);
        g_assert_cmpint(p.ret, ==, 0);
        for (int at = 0; at < 4 * KIB; at++) {
            g_assert_cmpint(d->data[at], ==,
                            at >= p.offset && at < p.offset + p.bytes
                                ? 0xbb : 0x11);
        }
        fake_close(d);
    }
}

/* ---- frames ------------------------------------------------------------ */

/*
 * The layer's frames between the caller of a request and the driver's callback:
 * every node of a chain pays for them on each request.  A compiler that inlines
 * makes them fewer, never more, so the limit holds in every build.
 */
#define FRAMES_MAX 4

#if defined(__has_include)
#if __has_include(<execinfo.h>)
#include <execinfo.h>

static int callback_depth;

static int depth(void)
{
    void *frames[64];

    return backtrace(frames, ARRAY_SIZE(frames));
}

static int coroutine_fn depth_co(BlockDriverState *bs, uint64_t offset,
                                 uint64_t bytes, QEMUIOVector *qiov, int flags)
{
    callback_depth = depth();
    return 0;
}

static void coroutine_fn frames_entry(void *opaque)
{
    Req *r = opaque;
    int here = depth();

    r->ret = bdrv_co_preadv(r->d->child, 0, 512, r->qiov, 0);
    g_assert_cmpint(callback_depth, >=, here);
    /* The callback itself is one more. */
    g_assert_cmpint(callback_depth - here, <=, FRAMES_MAX + 1);
    callback_depth = 0;
    r->ret |= bdrv_co_pwritev(r->d->child, 0, 512, r->qiov, 0);
    g_assert_cmpint(callback_depth - here, <=, FRAMES_MAX + 1);
}

static void test_frames(void)
{
    FakeDisk *d = fake_file_new(4 * KIB);
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, 512);
    Req r = { .d = d, .qiov = &qiov };

    d->drv.bdrv_co_preadv = d->drv.bdrv_co_pwritev = depth_co;
    fake_open(d, BDRV_O_RDWR);
    fake_run(frames_entry, &r);
    g_assert_cmpint(r.ret, ==, 0);
    fake_close(d);
}
#define HAVE_FRAMES 1
#endif
#endif

/* ---- the end ----------------------------------------------------------- */

static void test_read_past_end(void)
{
    FakeDisk *d = fake_file_new(1000);

    fake_open(d, 0);
    memset(d->data + 1000, 0, 24);
    memset(buf, 0xff, sizeof(buf));
    g_assert_cmpint(bdrv_pread(d->child, 500, buf, 4000), ==, 4000);
    g_assert_cmpmem(buf, 500, d->data + 500, 500);
    assert_zero(buf + 500, 3500);
    g_assert_cmpint(fake_call(d, FAKE_READ, 0)->bytes, ==, 524);

    fake_reset(d);
    memset(buf, 0xff, sizeof(buf));
    g_assert_cmpint(bdrv_pread(d->child, 1LL << 40, buf, 4000), ==, 4000);
    assert_zero(buf, 4000);
    g_assert_cmpint(d->n_calls, ==, 0);
    g_assert_cmpint(buf[4000], ==, 0xff);
    fake_close(d);
}

/* The last block of a format reaches behind its end: zeroes all the same. */
static void test_read_past_end_aligned(void)
{
    FakeDisk *d = fake_format_new(1536);

    d->limits.request_alignment = 4096;
    memset(d->data + 1536, 0xee, 8192);
    d->size = 4096;
    fake_open(d, 0);
    d->bs->total_sectors = 3;
    memset(buf, 0xff, sizeof(buf));
    g_assert_cmpint(bdrv_pread(d->child, 10, buf, 9000), ==, 9000);
    g_assert_cmpmem(buf, 1526, d->data + 10, 1526);
    assert_zero(buf + 1526, 9000 - 1526);
    g_assert_cmpint(fake_count(d, FAKE_READ), ==, 1);
    g_assert_cmpint(fake_call(d, FAKE_READ, 0)->bytes, ==, 4096);
    fake_close(d);
}

static void test_write_past_end(void)
{
    FakeDisk *d = fake_format_new(4 * KIB);

    /* A format whose length is fixed. */
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_write(d, 4095, 2, 0), ==, -ENOSPC);
    g_assert_cmpint(bdrv_pwrite_zeroes(d->child, 4096, 512, 0), ==, -ENOSPC);
    g_assert_cmpint(d->n_calls, ==, 0);
    g_assert_cmpint(run_write(d, 4095, 1, 0), ==, 0);
    fake_close(d);

    /* One whose length varies. */
    d = fake_format_new(4 * KIB);
    d->drv.has_variable_length = true;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_write(d, 4095, 2, 0), ==, 0);
    g_assert_cmpint(d->bs->total_sectors, ==, 9);
    fake_close(d);

    /* A file; without the permission to resize it. */
    d = fake_file_new(4 * KIB);
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_write(d, 5000, 10, 0), ==, 0);
    g_assert_cmpint(d->size, ==, 5010);
    g_assert_cmpint(d->bs->total_sectors, ==, 10);
    g_assert_cmpint(run_write(d, 5010, 110, 0), ==, 0);
    fake_close(d);

    d = fake_file_new(4 * KIB);
    d->perm = BLK_PERM_WRITE;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_write(d, 4095, 2, 0), ==, -EPERM);
    g_assert_cmpint(d->n_calls, ==, 0);
    fake_close(d);
}

/* A length that has grown without the node's knowledge is seen. */
static void test_variable_length(void)
{
    FakeDisk *d = fake_file_new(4 * KIB);

    d->drv.has_variable_length = true;
    fake_open(d, 0);
    d->size = 8 * KIB;
    memset(d->data, 0x5a, d->size);
    g_assert_cmpint(bdrv_pread(d->child, 6 * KIB, buf, 512), ==, 512);
    g_assert_cmpint(buf[0], ==, 0x5a);
    g_assert_cmpint(d->bs->total_sectors, ==, 16);
    fake_close(d);
}

/* A length that no file can have, as an image may claim one. */
static void test_absurd_length(void)
{
    static const int64_t sectors[] = { INT64_MAX, -1, INT64_MAX / 512 };
    FakeDisk *d = fake_format_new(4 * KIB);
    int64_t pnum;
    size_t i;

    d->drv.bdrv_co_block_status = NULL;
    fake_open(d, BDRV_O_RDWR);
    for (i = 0; i < G_N_ELEMENTS(sectors); i++) {
        d->bs->total_sectors = sectors[i];
        g_assert_cmpint(bdrv_getlength(d->bs), ==, -EFBIG);
        g_assert_cmpint(bdrv_block_status(d->bs, 0, 512, &pnum, NULL, NULL),
                        ==, -EFBIG);
    }
    d->bs->total_sectors = INT64_MAX / 512 - (1 << 23);
    g_assert_cmpint(bdrv_getlength(d->bs), >, 0);
    fake_close(d);
}

/* ---- permissions and flags --------------------------------------------- */

static void test_permissions(void)
{
    FakeDisk *d = fake_file_new(4 * KIB);

    fake_open(d, 0);
    g_assert_cmpint(run_write(d, 0, 1, 0), ==, -EPERM);
    g_assert_cmpint(bdrv_pwrite_zeroes(d->child, 0, 1, 0), ==, -EPERM);
    g_assert_cmpint(d->n_calls, ==, 0);
    fake_close(d);

    d = fake_file_new(4 * KIB);
    d->perm = BLK_PERM_WRITE_UNCHANGED;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_write(d, 0, 1, 0), ==, -EPERM);
    g_assert_cmpint(run_write(d, 0, 1, BDRV_REQ_WRITE_UNCHANGED), ==, 0);
    /* Reading asks for no permission. */
    g_assert_cmpint(run_read(d, 0, 1), ==, 0);
    fake_close(d);
}

static void test_flags(void)
{
    FakeDisk *d = fake_file_new(4 * KIB);

    d->write_flags = BDRV_REQ_WRITE_UNCHANGED;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_write(d, 0, 512, BDRV_REQ_WRITE_UNCHANGED |
                              BDRV_REQ_SERIALISING), ==, 0);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 0)->flags, ==,
                    BDRV_REQ_WRITE_UNCHANGED);
    g_assert_cmpint(run_write(d, 0, 512, BDRV_REQ_WRITE_COMPRESSED), ==,
                    -ENOTSUP);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 1);
    g_assert_cmpint(run_req(d, false, 0, 512, BDRV_REQ_SERIALISING), ==, 0);
    fake_close(d);
}

static void test_fua(void)
{
    FakeDisk *d = fake_file_new(64 * KIB);

    /* The driver knows it: each piece has it, no flush follows. */
    d->write_flags = BDRV_REQ_FUA;
    d->limits.max_transfer = 16 * KIB;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_write(d, 0, 64 * KIB, BDRV_REQ_FUA), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 4);
    g_assert_cmpint(fake_call(d, FAKE_WRITE, 3)->flags, ==, BDRV_REQ_FUA);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 0);
    fake_close(d);

    /* It does not: one flush after the last piece. */
    d = fake_file_new(64 * KIB);
    d->limits.max_transfer = 16 * KIB;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_write(d, 0, 64 * KIB, BDRV_REQ_FUA), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 4);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 1);
    g_assert_cmpint(d->calls[d->n_calls - 1].op, ==, FAKE_FLUSH_DISK);
    d->error[FAKE_FLUSH_DISK] = -EROFS;
    g_assert_cmpint(run_write(d, 0, 64 * KIB, BDRV_REQ_FUA), ==, -EROFS);
    /* A failed write is not flushed. */
    fake_reset(d);
    d->error[FAKE_WRITE] = -EIO;
    g_assert_cmpint(run_write(d, 0, 64 * KIB, BDRV_REQ_FUA), ==, -EIO);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 0);
    fake_close(d);
}

/* ---- splitting --------------------------------------------------------- */

static void test_split_transfer(void)
{
    FakeDisk *d = fake_file_new(64 * KIB);

    d->limits.max_transfer = 5000;
    d->limits.request_alignment = 512;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_read(d, 512, 20480), ==, 0);
    g_assert_cmpmem(buf, 20480, d->data + 512, 20480);
    g_assert_cmpint(fake_count(d, FAKE_READ), ==, 5);
    g_assert_cmpint(fake_call(d, FAKE_READ, 0)->bytes, ==, 4608);

    memset(buf, 0x21, 20480);
    g_assert_cmpint(run_write(d, 1024, 20480, 0), ==, 0);
    g_assert_cmpmem(buf, 20480, d->data + 1024, 20480);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 5);

    /* The pieces before an error are written, those after it are not. */
    fake_reset(d);
    d->error[FAKE_WRITE] = -EIO;
    d->skip[FAKE_WRITE] = 2;
    memset(buf, 0x22, 20480);
    g_assert_cmpint(run_write(d, 0, 20480, 0), ==, -EIO);
    g_assert_cmpint(fake_count(d, FAKE_WRITE), ==, 3);
    g_assert_cmpint(d->data[9215], ==, 0x22);
    g_assert_cmpint(d->data[9216], ==, 0x21);
    fake_close(d);
}

static void make_vector(QEMUIOVector *qiov, struct iovec *iov, int n,
                        size_t element)
{
    int i;

    for (i = 0; i < n; i++) {
        iov[i].iov_base = buf + i * element;
        iov[i].iov_len = element;
    }
    qemu_iovec_init_external(qiov, iov, n);
}

static int run_vector(FakeDisk *d, bool write, int64_t offset,
                      QEMUIOVector *qiov)
{
    Req r = { d, write, offset, qiov->size, qiov, 0, 1 };

    fake_run(req_entry, &r);
    return r.ret;
}

static void test_split_vector(void)
{
    FakeDisk *d = fake_file_new(256 * KIB);
    struct iovec iov[400];
    QEMUIOVector qiov;

    d->limits.max_iov = 7;
    fake_open(d, BDRV_O_RDWR);
    make_vector(&qiov, iov, 400, 100);
    g_assert_cmpint(run_vector(d, false, 1, &qiov), ==, 0);
    g_assert_cmpmem(buf, 40000, d->data + 1, 40000);
    g_assert_cmpint(fake_count(d, FAKE_READ), ==, 58);
    memset(buf, 0x33, 40000);
    g_assert_cmpint(run_vector(d, true, 3, &qiov), ==, 0);
    g_assert_cmpmem(buf, 40000, d->data + 3, 40000);
    fake_close(d);
}

/* An aligned piece needs more elements than a call may have: a buffer. */
static void test_split_vector_bounced(void)
{
    FakeDisk *d = fake_file_new(256 * KIB);
    struct iovec iov[1100];
    QEMUIOVector qiov;
    int i;

    d->limits.max_iov = 2;
    d->limits.request_alignment = 4096;
    fake_open(d, BDRV_O_RDWR);
    make_vector(&qiov, iov, 1024, 100);
    g_assert_cmpint(run_vector(d, false, 0, &qiov), ==, 0);
    g_assert_cmpmem(buf, 102400, d->data, 102400);
    for (i = 0; i < 102400; i++) {
        buf[i] = g_random_int();
    }
    g_assert_cmpint(run_vector(d, true, 4096, &qiov), ==, 0);
    g_assert_cmpmem(buf, 102400, d->data + 4096, 102400);
    d->error[FAKE_WRITE] = -EIO;
    g_assert_cmpint(run_vector(d, true, 4096, &qiov), ==, -EIO);
    d->error[FAKE_READ] = -EIO;
    g_assert_cmpint(run_vector(d, false, 4096, &qiov), ==, -EIO);
    fake_close(d);
}

/* ---- other kinds of drivers -------------------------------------------- */

static void test_aio(void)
{
    FakeDisk *d = fake_aio_new(64 * KIB);

    fake_open(d, BDRV_O_RDWR | BDRV_O_UNMAP);
    g_assert_cmpint(run_read(d, 5, 1000), ==, 0);
    g_assert_cmpmem(buf, 1000, d->data + 5, 1000);
    g_assert_cmpint(run_write(d, 100, 50, BDRV_REQ_FUA), ==, 0);
    g_assert_cmpmem(buf, 50, d->data + 100, 50);
    g_assert_cmpint(fake_count(d, FAKE_FLUSH_DISK), ==, 1);

    d->error[FAKE_READ] = d->error[FAKE_WRITE] = -EXDEV;
    g_assert_cmpint(run_read(d, 5, 1000), ==, -EXDEV);
    g_assert_cmpint(run_write(d, 5, 1000, 0), ==, -EXDEV);
    /* The driver returns no request. */
    d->error[FAKE_READ] = d->error[FAKE_WRITE] = -ECANCELED;
    g_assert_cmpint(run_read(d, 5, 1000), ==, -EIO);
    g_assert_cmpint(run_write(d, 5, 1000, 0), ==, -EIO);
    d->error[FAKE_FLUSH_DISK] = -ECANCELED;
    g_assert_cmpint(bdrv_flush(d->bs), ==, -EIO);
    fake_close(d);
}

static void test_no_callbacks(void)
{
    FakeDisk *d = fake_file_new(64 * KIB);

    d->drv.bdrv_co_preadv = NULL;
    d->drv.bdrv_co_pwritev = NULL;
    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_read(d, 0, 512), ==, -ENOTSUP);
    g_assert_cmpint(run_write(d, 0, 512, 0), ==, -ENOTSUP);
    fake_close(d);
}

static void test_events(void)
{
    FakeDisk *d = fake_file_new(64 * KIB);

    fake_open(d, BDRV_O_RDWR);
    g_assert_cmpint(run_write(d, 1, 2, 0), ==, 0);
    g_assert_cmpint(d->n_calls, ==, 3);
    g_assert_cmpint(d->calls[0].flags, ==, BLKDBG_PWRITEV);
    g_assert_cmpint(d->calls[1].op, ==, FAKE_WRITE);
    g_assert_cmpint(d->calls[2].flags, ==, BLKDBG_PWRITEV_DONE);
    fake_reset(d);
    d->error[FAKE_WRITE] = -EIO;
    g_assert_cmpint(run_write(d, 1, 2, 0), ==, -EIO);
    g_assert_cmpint(d->n_calls, ==, 3);
    g_assert_cmpint(d->calls[2].flags, ==, BLKDBG_PWRITEV_DONE);
    fake_reset(d);
    g_assert_cmpint(run_read(d, 1, 2), ==, 0);
    g_assert_cmpint(fake_count(d, FAKE_EVENT), ==, 0);
    fake_close(d);
}

/* ---- several threads, each with its own graph -------------------------- */

static gpointer thread_main(gpointer opaque)
{
    FakeDisk *d = fake_file_new(64 * KIB);
    g_autofree uint8_t *mine = g_malloc(700);
    int i;

    d->limits.request_alignment = 512;
    d->slow = true;
    fake_open(d, BDRV_O_RDWR);
    memset(mine, GPOINTER_TO_INT(opaque), 700);
    for (i = 0; i < 300; i++) {
        g_assert_cmpint(bdrv_pwrite(d->child, i * 97, mine, 700), ==, 700);
        g_assert_cmpint(bdrv_pread(d->child, i * 97, mine, 700), ==, 700);
        g_assert_cmpint(mine[699], ==, GPOINTER_TO_INT(opaque));
    }
    g_assert_cmpint(bdrv_flush(d->bs), ==, 0);
    fake_close(d);
    return NULL;
}

static void test_threads(void)
{
    GThread *a = g_thread_new("a", thread_main, GINT_TO_POINTER(1));
    GThread *b = g_thread_new("b", thread_main, GINT_TO_POINTER(2));

    g_thread_join(a);
    g_thread_join(b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_random_set_seed(g_test_rand_int());
    bdrv_init();
    g_test_add_func("/bdrv-io/bounds", test_bounds);
    g_test_add_func("/bdrv-io/results", test_results);
    g_test_add_func("/bdrv-io/exact-length", test_exact_length);
    g_test_add_func("/bdrv-io/part", test_part);
#ifdef HAVE_FRAMES
    g_test_add_func("/bdrv-io/frames", test_frames);
#endif
    g_test_add_func("/bdrv-io/read-past-end", test_read_past_end);
    g_test_add_func("/bdrv-io/read-past-end-aligned",
                    test_read_past_end_aligned);
    g_test_add_func("/bdrv-io/write-past-end", test_write_past_end);
    g_test_add_func("/bdrv-io/variable-length", test_variable_length);
    g_test_add_func("/bdrv-io/absurd-length", test_absurd_length);
    g_test_add_func("/bdrv-io/permissions", test_permissions);
    g_test_add_func("/bdrv-io/flags", test_flags);
    g_test_add_func("/bdrv-io/fua", test_fua);
    g_test_add_func("/bdrv-io/split-transfer", test_split_transfer);
    g_test_add_func("/bdrv-io/split-vector", test_split_vector);
    g_test_add_func("/bdrv-io/split-vector-bounced",
                    test_split_vector_bounced);
    g_test_add_func("/bdrv-io/aio", test_aio);
    g_test_add_func("/bdrv-io/no-callbacks", test_no_callbacks);
    g_test_add_func("/bdrv-io/events", test_events);
    g_test_add_func("/bdrv-io/threads", test_threads);
    return g_test_run();
}
