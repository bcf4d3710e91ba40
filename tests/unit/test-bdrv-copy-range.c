/* SPDX-License-Identifier: MIT */
/*
 * Tests of copy-range: the way down both sides, refusals, permissions.
 */
#include "qemu/osdep.h"

#include "tests/unit/fake-driver.h"

typedef struct Copy {
    FakeDisk *src;
    uint64_t src_offset;
    FakeDisk *dst;
    uint64_t dst_offset;
    uint64_t bytes;
    BdrvRequestFlags flags;
    int ret;
} Copy;

static void coroutine_fn copy_entry(void *opaque)
{
    Copy *c = opaque;

    c->ret = bdrv_co_copy_range_from(c->src->child, c->src_offset,
                                     c->dst->child, c->dst_offset, c->bytes,
                                     0, c->flags);
}

static int copy(FakeDisk *src, uint64_t src_offset, FakeDisk *dst,
                uint64_t dst_offset, uint64_t bytes, BdrvRequestFlags flags)
{
    Copy c = { src, src_offset, dst, dst_offset, bytes, flags, 1 };

    fake_run(copy_entry, &c);
    return c.ret;
}

static void test_copy(void)
{
    FakeDisk *src = fake_file_new(65536);
    FakeDisk *dst = fake_file_new(4096);
    uint64_t gen;

    fake_open(src, 0);
    fake_open(dst, BDRV_O_RDWR);
    gen = dst->bs->write_gen;
    g_assert_cmpint(copy(src, 1000, dst, 5000, 30000, 0), ==, 0);
    g_assert_cmpmem(src->data + 1000, 30000, dst->data + 5000, 30000);
    g_assert_cmpint(dst->bs->total_sectors, ==, DIV_ROUND_UP(35000, 512));
    g_assert_cmpint(dst->bs->write_gen, >, gen);
    g_assert_cmpint(copy(src, 0, dst, 0, 0, 0), ==, 0);
    g_assert_cmpint(fake_count(dst, FAKE_COPY_TO), ==, 1);

    g_assert_cmpint(copy(src, 0, dst, 0, 512, BDRV_REQ_FUA), ==, 0);
    g_assert_cmpint(fake_count(dst, FAKE_FLUSH_DISK), ==, 1);
    g_assert_cmpint(copy(src, 0, dst, 512, 512, BDRV_REQ_ZERO_WRITE), ==, 0);
    g_assert_cmpint(fake_count(dst, FAKE_ZERO), ==, 1);
    g_assert_cmpint(fake_count(src, FAKE_COPY_FROM), ==, 2);

    src->error[FAKE_COPY_FROM] = -EXDEV;
    g_assert_cmpint(copy(src, 0, dst, 0, 512, 0), ==, -EXDEV);
    src->error[FAKE_COPY_FROM] = 0;
    dst->error[FAKE_COPY_TO] = -ENOSPC;
    g_assert_cmpint(copy(src, 0, dst, 0, 512, 0), ==, -ENOSPC);
    fake_close(src);
    fake_close(dst);
}

static void test_refusals(void)
{
    FakeDisk *src = fake_file_new(65536);
    FakeDisk *dst = fake_format_new(65536);
    FakeDisk *bare = fake_file_new(65536);

    bare->drv.bdrv_co_copy_range_from = NULL;
    bare->drv.bdrv_co_copy_range_to = NULL;
    dst->limits.request_alignment = 512;
    fake_open(src, 0);
    fake_open(dst, BDRV_O_RDWR);
    fake_open(bare, BDRV_O_RDWR);
    g_assert_cmpint(copy(src, 0, bare, 0, 512, 0), ==, -ENOTSUP);
    g_assert_cmpint(copy(bare, 0, dst, 0, 512, 0), ==, -ENOTSUP);
    g_assert_cmpint(copy(src, 0, dst, 1, 512, 0), ==, -ENOTSUP);
    g_assert_cmpint(copy(src, 65536, dst, 0, 512, 0), ==, -ENOTSUP);
    g_assert_cmpint(copy(src, UINT64_MAX, dst, 0, 512, 0), ==, -EIO);
    g_assert_cmpint(copy(src, 0, dst, UINT64_MAX - 511, 512, 0), ==, -EIO);
    g_assert_cmpint(copy(src, 0, dst, 0, 1ULL << 40, 0), ==, -EIO);
    g_assert_cmpint(fake_count(src, FAKE_COPY_FROM), ==, 0);
    /* Found out by the second half. */
    g_assert_cmpint(copy(src, 0, dst, 65536, 512, 0), ==, -ENOSPC);
    g_assert_cmpint(copy(dst, 0, src, 0, 512, 0), ==, -EPERM);
    g_assert_cmpint(fake_count(dst, FAKE_COPY_TO), ==, 0);
    g_assert_cmpint(fake_count(src, FAKE_COPY_TO), ==, 0);
    fake_close(src);
    fake_close(dst);
    fake_close(bare);
}

/* In the way of a serialising request the copy refuses instead of waiting. */
typedef struct Slow {
    FakeDisk *d;
    bool done;
} Slow;

static void coroutine_fn slow_entry(void *opaque)
{
    Slow *s = opaque;
    uint8_t data[700] = { 0 };

    g_assert_cmpint(bdrv_co_pwrite(s->d->child, 0, sizeof(data), data,
                                   BDRV_REQ_SERIALISING), ==, 0);
    s->done = true;
}

static void test_conflict(void)
{
    FakeDisk *src = fake_file_new(65536);
    FakeDisk *dst = fake_file_new(65536);
    Slow s = { dst, false };
    int refused = 0;

    dst->slow = true;
    fake_open(src, 0);
    fake_open(dst, BDRV_O_RDWR);
    while (!refused) {
        s.done = false;
        qemu_coroutine_enter(qemu_coroutine_create(slow_entry, &s));
        if (!s.done) {
            g_assert_cmpint(copy(src, 0, dst, 512, 512, 0), ==, -ENOTSUP);
            refused++;
        }
        while (!s.done) {
            aio_poll(qemu_get_current_aio_context(), true);
        }
    }
    g_assert_cmpint(fake_count(dst, FAKE_COPY_TO), ==, 0);
    /* A serialising copy onto what it reads conflicts with itself. */
    g_assert_cmpint(copy(dst, 0, dst, 256, 512, BDRV_REQ_SERIALISING), ==,
                    -ENOTSUP);
    g_assert_cmpint(copy(dst, 0, dst, 512, 512, BDRV_REQ_SERIALISING), ==, 0);
    fake_close(src);
    fake_close(dst);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/bdrv-copy-range/copy", test_copy);
    g_test_add_func("/bdrv-copy-range/refusals", test_refusals);
    g_test_add_func("/bdrv-copy-range/conflict", test_conflict);
    return g_test_run();
}
