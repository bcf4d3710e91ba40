/* SPDX-License-Identifier: MIT */
/*
 * The throw-away overlay against a model: random writes, zeroes, discards and
 * changes of the length over an image that must never change.
 *
 * The model is a plain array; the image below holds a pattern without zeroes,
 * so whatever shines through is seen.
 */
#include "qemu/osdep.h"
#include "mem-driver.h"
#include "minblk/block-extra.h"
#include "sysemu/block-backend.h"

#define BASE_LENGTH (300 * 1024)      /* not a multiple of a cluster */
#define MAX_LENGTH  (512 * 1024)
#define MAX_REQUEST (80 * 1024)       /* more than a cluster */

typedef struct Fixture {
    MemFile *file;
    BlockBackend *blk;
    uint8_t *base;                    /* what the file held at first */
    uint8_t *model;                   /* MAX_LENGTH bytes */
    int64_t length;
    GRand *rand;
} Fixture;

static Fixture fixture_new(uint32_t seed)
{
    Fixture f = { .file = mem_file("base", BASE_LENGTH) };
    QDict *options = qdict_new();

    for (int i = 0; i < BASE_LENGTH; i++) {
        f.file->data[i] = 1 + i % 251;
    }
    f.base = g_malloc(BASE_LENGTH);
    memcpy(f.base, f.file->data, BASE_LENGTH);
    f.model = g_malloc0(MAX_LENGTH);
    memcpy(f.model, f.base, BASE_LENGTH);
    f.length = BASE_LENGTH;
    f.rand = g_rand_new_with_seed(seed);

    qdict_put_str(options, "driver", "mem");
    f.blk = blk_new_open("mem:base", NULL, options, BDRV_O_RDWR |
                         BDRV_O_RESIZE | BDRV_O_SNAPSHOT | BDRV_O_UNMAP,
                         &error_abort);
    g_assert(!blk_is_read_only(f.blk));
    g_assert(bdrv_is_read_only(bdrv_backing_bs(blk_bs(f.blk))));
    return f;
}

static void check_base(Fixture *f)
{
    g_assert_cmpint(f->file->size, ==, BASE_LENGTH);
    g_assert(!memcmp(f->file->data, f->base, BASE_LENGTH));
}

static void fixture_free(Fixture *f)
{
    blk_unref(f->blk);
    check_base(f);
    g_assert_cmpint(f->file->open_count, ==, 0);
    g_rand_free(f->rand);
    g_free(f->base);
    g_free(f->model);
}

/* A range inside the disk; half of them aligned to sectors. */
static void pick_range(Fixture *f, int64_t *offset, int *bytes)
{
    *offset = g_rand_int_range(f->rand, 0, f->length);
    *bytes = g_rand_int_range(f->rand, 1, MAX_REQUEST);
    if (g_rand_boolean(f->rand)) {
        *offset = QEMU_ALIGN_DOWN(*offset, 512);
        *bytes = QEMU_ALIGN_UP(*bytes, 512);
    }
    *bytes = MIN(*bytes, f->length - *offset);
}

static void do_read(Fixture *f)
{
    g_autofree uint8_t *buf = g_malloc(MAX_REQUEST + 512);
    int64_t offset;
    int bytes;

    pick_range(f, &offset, &bytes);
    memset(buf, 0xff, bytes);
    g_assert_cmpint(blk_pread(f->blk, offset, buf, bytes), ==, bytes);
    g_assert(!memcmp(buf, f->model + offset, bytes));
}

static void do_write(Fixture *f)
{
    g_autofree uint8_t *buf = g_malloc(MAX_REQUEST + 512);
    int64_t offset;
    int bytes;

    pick_range(f, &offset, &bytes);
    memset(buf, g_rand_int_range(f->rand, 0, 256), bytes);
    g_assert_cmpint(blk_pwrite(f->blk, offset, buf, bytes, 0), ==, bytes);
    memcpy(f->model + offset, buf, bytes);
}

static void do_zero(Fixture *f)
{
    int64_t offset;
    int bytes;

    pick_range(f, &offset, &bytes);
    g_assert_cmpint(blk_pwrite_zeroes(f->blk, offset, bytes, 0), ==, 0);
    memset(f->model + offset, 0, bytes);
}

/* Only whole sectors are discarded. */
static void do_discard(Fixture *f)
{
    int64_t offset, first, end;
    int bytes;

    pick_range(f, &offset, &bytes);
    g_assert_cmpint(blk_pdiscard(f->blk, offset, bytes), ==, 0);
    first = QEMU_ALIGN_UP(offset, 512);
    end = QEMU_ALIGN_DOWN(offset + bytes, 512);
    if (first < end) {
        memset(f->model + first, 0, end - first);
    }
}

static void do_truncate(Fixture *f)
{
    int64_t length = g_rand_int_range(f->rand, 1, MAX_LENGTH / 512) * 512;

    g_assert_cmpint(blk_truncate(f->blk, length, true, PREALLOC_MODE_OFF,
                                 &error_abort), ==, 0);
    g_assert_cmpint(blk_getlength(f->blk), ==, length);
    if (length < f->length) {
        memset(f->model + length, 0, f->length - length);
    }
    f->length = length;
}

/* A range that is reported as zero is zero; the extents cover the disk. */
static void check_status(Fixture *f)
{
    BlockDriverState *bs = blk_bs(f->blk);
    int64_t offset, pnum;

    for (offset = 0; offset < f->length; offset += pnum) {
        int ret = bdrv_block_status_above(bs, NULL, offset,
                                          f->length - offset, &pnum, NULL,
                                          NULL);

        g_assert_cmpint(ret, >=, 0);
        g_assert_cmpint(pnum, >, 0);
        if (ret & BDRV_BLOCK_ZERO) {
            for (int64_t i = offset; i < offset + pnum; i++) {
                g_assert_cmpint(f->model[i], ==, 0);
            }
        }
    }
    g_assert_cmpint(offset, ==, f->length);
}

static void test_model(void)
{
    static void (*const actions[])(Fixture *f) = {
        do_read, do_read, do_write, do_write, do_zero, do_discard,
    };

    for (uint32_t seed = 1; seed <= 8; seed++) {
        Fixture f = fixture_new(seed);

        for (int i = 0; i < 400; i++) {
            actions[g_rand_int_range(f.rand, 0, ARRAY_SIZE(actions))](&f);
            if (i % 50 == 49) {
                do_truncate(&f);
                check_status(&f);
            }
        }
        fixture_free(&f);
    }
}

/* Unwritten, zero, data: one answer each, per node and down the chain. */
static void test_status(void)
{
    Fixture f = fixture_new(1);
    BlockDriverState *bs = blk_bs(f.blk);
    uint8_t buf[512] = { 1 };
    int64_t pnum;
    int depth;

    blk_pwrite(f.blk, 512, buf, 512, 0);
    blk_pwrite_zeroes(f.blk, 1024, 1024, 0);
    g_assert_cmpint(bdrv_block_status(bs, 0, 65536, &pnum, NULL, NULL), ==, 0);
    g_assert_cmpint(pnum, ==, 512);
    g_assert_cmpint(bdrv_block_status(bs, 512, 65536, &pnum, NULL, NULL), ==,
                    BDRV_BLOCK_DATA | BDRV_BLOCK_ALLOCATED);
    g_assert_cmpint(pnum, ==, 512);
    g_assert_cmpint(bdrv_block_status(bs, 1024, 65536, &pnum, NULL, NULL), ==,
                    BDRV_BLOCK_ZERO | BDRV_BLOCK_ALLOCATED);
    g_assert_cmpint(pnum, ==, 1024);
    g_assert(bdrv_block_status_depth(bs, NULL, 2048, 4096, &pnum, NULL, NULL,
                                     &depth) & BDRV_BLOCK_DATA);
    g_assert_cmpint(depth, ==, 1);
    fixture_free(&f);
}

/* A part that was cut off stays away. */
static void test_shrink_and_grow(void)
{
    Fixture f = fixture_new(1);
    uint8_t buf[1024];

    g_assert_cmpint(blk_truncate(f.blk, 65536 + 512, true, PREALLOC_MODE_OFF,
                                 &error_abort), ==, 0);
    g_assert_cmpint(blk_truncate(f.blk, BASE_LENGTH, true, PREALLOC_MODE_OFF,
                                 &error_abort), ==, 0);
    g_assert_cmpint(blk_pread(f.blk, 65536, buf, 1024), ==, 1024);
    g_assert_cmpint(buf[0], ==, f.base[65536]);
    g_assert_cmpint(buf[512], ==, 0);
    g_assert_cmpint(buf[1023], ==, 0);
    fixture_free(&f);
}

static void test_errors(void)
{
    Fixture f = fixture_new(1);
    Error *err = NULL;
    uint8_t byte = 0;

    g_assert_cmpint(blk_pwrite(f.blk, BASE_LENGTH, &byte, 1, 0), ==, -EIO);
    g_assert_cmpint(blk_truncate(f.blk, 1 << 20, true, PREALLOC_MODE_FALLOC,
                                 &err), ==, -ENOTSUP);
    g_assert(err);
    error_free(err);
    g_assert(bdrv_find_format("overlay") == NULL);
    fixture_free(&f);
}

/* Over an image opened for reading, nothing is written either. */
static void test_read_only(void)
{
    QDict *options = qdict_new();
    BlockBackend *blk;
    uint8_t byte = 0;

    mem_file("base", BASE_LENGTH);
    qdict_put_str(options, "driver", "mem");
    blk = blk_new_open("mem:base", NULL, options, BDRV_O_SNAPSHOT,
                       &error_abort);
    g_assert(blk_is_read_only(blk));
    g_assert_cmpint(blk_pwrite(blk, 0, &byte, 1, 0), ==, -EPERM);
    blk_unref(blk);
}

/* A reader that waits below sees requests that were written meanwhile, or not,
 * but never memory that is gone. */
typedef struct Reader {
    BlockBackend *blk;
    uint8_t buf[128 * 1024];
    int ret;
} Reader;

static void coroutine_fn reader_entry(void *opaque)
{
    Reader *r = opaque;
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, r->buf, sizeof(r->buf));

    r->ret = blk_co_preadv(r->blk, 0, sizeof(r->buf), &qiov, 0);
}

static int coroutine_fn slow_preadv(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    int flags)
{
    for (int i = 0; i < 3; i++) {
        aio_co_schedule(bs->aio_context, qemu_coroutine_self());
        qemu_coroutine_yield();
    }
    return mem_preadv(bs, offset, bytes, qiov, flags);
}

static void test_concurrent(void)
{
    Fixture f;
    Reader *r = g_new0(Reader, 1);
    g_autofree uint8_t *buf = g_malloc(65536);

    bdrv_mem.bdrv_co_preadv = slow_preadv;
    f = fixture_new(1);
    memset(buf, 9, 65536);
    blk_pwrite(f.blk, 4096, buf, 512, 0);
    r->blk = f.blk;
    r->ret = 1;
    qemu_coroutine_enter(qemu_coroutine_create(reader_entry, r));
    blk_pwrite(f.blk, 0, buf, 65536, 0);
    blk_pwrite_zeroes(f.blk, 0, 65536, 0);
    blk_drain(f.blk);
    g_assert_cmpint(r->ret, ==, 0);
    g_assert_cmpint(r->buf[100 * 1024], ==, f.base[100 * 1024]);
    bdrv_mem.bdrv_co_preadv = mem_preadv;
    fixture_free(&f);
    g_free(r);
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    bdrv_register(&bdrv_mem);
    g_test_add_func("/overlay/model", test_model);
    g_test_add_func("/overlay/status", test_status);
    g_test_add_func("/overlay/shrink-and-grow", test_shrink_and_grow);
    g_test_add_func("/overlay/errors", test_errors);
    g_test_add_func("/overlay/read-only", test_read_only);
    g_test_add_func("/overlay/concurrent", test_concurrent);
    ret = g_test_run();
    mem_reset();
    return ret;
}
