/* SPDX-License-Identifier: MIT */
/*
 * The vpc driver against a model in memory: random concurrent requests, every
 * operation of the file failing, every kind of power cut.
 *
 * The model holds, for each sector of the disk, the value that was flushed last
 * and all values written since: after a failure or a power cut the sector must
 * have one of them.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-types-block-core.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"
#include "memdisk.h"

#define DISK_SECTORS (17 * 4 * 100)         /* a geometry, about 3.3 MiB */
#define DISK_BYTES ((int64_t)DISK_SECTORS * 512)
#define MAX_VALUES 64

/* What a sector may read as: a generation number, 0 for zeroes. */
typedef struct Sector {
    uint32_t values[MAX_VALUES];
    unsigned count;
} Sector;

typedef struct Model {
    Sector sector[DISK_SECTORS];
    uint32_t generation;
} Model;

static char *unique_name(void)
{
    static unsigned counter;

    return g_strdup_printf("disk%u", counter++);
}

static MemDisk *new_disk(void)
{
    g_autofree char *name = unique_name();

    return test_disk_new(name);
}

/* ---- images ----------------------------------------------------------------------- */

static void create_image(MemDisk *disk, bool fixed)
{
    BlockDriverState *bs = test_disk_open(disk);
    BlockdevRef ref = {
        .type = QTYPE_QSTRING,
        .u.reference = disk->name,
    };
    BlockdevCreateOptions opts = {
        .driver = BLOCKDEV_DRIVER_VPC,
        .u.vpc = {
            .file = &ref,
            .size = DISK_BYTES,
            .has_subformat = true,
            .subformat = fixed ? BLOCKDEV_VPC_SUBFORMAT_FIXED
                               : BLOCKDEV_VPC_SUBFORMAT_DYNAMIC,
            .has_force_size = true,
            .force_size = true,
        },
    };

    g_assert_cmpint(bdrv_create_qapi(&opts, &error_abort), ==, 0);
    bdrv_unref(bs);
}

/* Gives a dynamic image in @disk blocks of 64 KiB, so that it has many. */
static void shrink_blocks(MemDisk *disk)
{
    const unsigned block_size = 64 * KiB;
    const unsigned entries = DIV_ROUND_UP(DISK_BYTES, block_size);
    const unsigned table = ROUND_UP(entries * 4, 512);
    uint8_t footer[512];
    uint8_t *header = disk->data->data + 512;
    uint32_t sum = 0;

    memcpy(footer, disk->data->data, 512);
    g_byte_array_set_size(disk->data, 1536 + table + 512);
    header = disk->data->data + 512;
    memset(header + 1024, 0xff, table);
    stl_be_p(header + 28, entries);
    stl_be_p(header + 32, block_size);
    stl_be_p(header + 36, 0);
    for (int i = 0; i < 1024; i++) {
        sum += header[i];
    }
    stl_be_p(header + 36, ~sum);
    memcpy(disk->data->data + 1536 + table, footer, 512);
    test_disk_settle(disk);
}

static MemDisk *new_image(bool fixed)
{
    MemDisk *disk = new_disk();

    create_image(disk, fixed);
    if (!fixed) {
        shrink_blocks(disk);
    }
    test_disk_settle(disk);
    return disk;
}

static BlockBackend *open_image(MemDisk *disk, int flags)
{
    BlockDriverState *bs = test_disk_open_format(disk, "vpc", flags,
                                                &error_abort);
    uint64_t perm = BLK_PERM_CONSISTENT_READ |
                    (flags & BDRV_O_RDWR ? BLK_PERM_WRITE : 0);
    BlockBackend *blk = blk_new(qemu_get_current_aio_context(), perm,
                                BLK_PERM_ALL);

    blk_insert_bs(blk, bs, &error_abort);
    bdrv_unref(bs);
    return blk;
}

/* ---- the model --------------------------------------------------------------------- */

static void fill_sector(uint8_t *buf, uint32_t value, uint32_t sector)
{
    for (int i = 0; value && i < 512; i += 8) {
        stl_be_p(buf + i, value);
        stl_be_p(buf + i + 4, sector);
    }
    if (!value) {
        memset(buf, 0, 512);
    }
}

static void model_add(Model *m, uint32_t first, uint32_t count, uint32_t value)
{
    for (uint32_t i = first; i < first + count; i++) {
        Sector *s = &m->sector[i];

        if (s->count == 0) {
            s->values[s->count++] = 0;
        }
        if (s->count == MAX_VALUES) {
            /* Too long ago to tell apart: forget the second oldest. */
            memmove(s->values + 1, s->values + 2,
                    (MAX_VALUES - 2) * sizeof(s->values[0]));
            s->count--;
        }
        s->values[s->count++] = value;
    }
}

/* What the sector reads as; older values may be back after a power cut. */
static uint32_t model_latest(const Model *m, uint32_t sector)
{
    const Sector *s = &m->sector[sector];

    return s->count ? s->values[s->count - 1] : 0;
}

static void model_flush(Model *m)
{
    for (uint32_t i = 0; i < DISK_SECTORS; i++) {
        Sector *s = &m->sector[i];

        if (s->count) {
            s->values[0] = s->values[s->count - 1];
        } else {
            s->values[0] = 0;
        }
        s->count = 1;
    }
}

/* May sector @i hold @value? */
static bool allowed(const Model *m, uint32_t i, uint32_t value,
                    bool latest_only)
{
    const Sector *s = &m->sector[i];

    if (value == model_latest(m, i)) {
        return true;
    }
    for (unsigned v = 0; v < s->count && !latest_only; v++) {
        if (s->values[v] == value) {
            return true;
        }
    }
    return false;
}

static void verify(BlockBackend *blk, const Model *m, bool latest_only)
{
    g_autofree uint8_t *data = g_malloc(DISK_BYTES);
    uint8_t expected[512];

    g_assert_cmpint(blk_getlength(blk), ==, DISK_BYTES);
    g_assert_cmpint(blk_pread(blk, 0, data, DISK_BYTES), ==, DISK_BYTES);
    for (uint32_t i = 0; i < DISK_SECTORS; i++) {
        uint32_t value = ldl_be_p(data + i * 512);

        fill_sector(expected, value, i);
        if (!allowed(m, i, value, latest_only) ||
            memcmp(expected, data + i * 512, 512)) {
            g_error("sector %u holds 0x%08x, expected 0x%08x (of %u values)",
                    i, value, model_latest(m, i), m->sector[i].count);
        }
    }
}

static void verify_check(BlockBackend *blk)
{
    BdrvCheckResult result;

    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, 0), ==, 0);
    g_assert_cmpint(result.corruptions, ==, 0);
    g_assert_cmpint(result.check_errors, ==, 0);
}

/* ---- requests ----------------------------------------------------------------------- */

typedef struct Request {
    BlockBackend *blk;
    uint32_t first, count;      /* sectors */
    uint32_t value;
    bool zero;
    int ret;
    unsigned *pending;
} Request;

static void coroutine_fn request_entry(void *opaque)
{
    Request *r = opaque;

    if (r->zero) {
        r->ret = blk_co_pwrite_zeroes(r->blk, (int64_t)r->first * 512,
                                      r->count * 512, BDRV_REQ_MAY_UNMAP);
    } else {
        g_autofree uint8_t *buf = g_malloc(r->count * 512);
        QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, r->count * 512);

        for (uint32_t i = 0; i < r->count; i++) {
            fill_sector(buf + i * 512, r->value, r->first + i);
        }
        r->ret = blk_co_pwritev(r->blk, (int64_t)r->first * 512,
                                r->count * 512, &qiov, 0);
    }
    (*r->pending)--;
}

/* Do @a and @b touch a sector in common? */
static bool meet(const Request *a, const Request *b)
{
    return a->first < b->first + b->count && b->first < a->first + a->count;
}

static void random_request(Request *r, Model *m, GRand *rand)
{
    int max = g_rand_int_range(rand, 0, 4) ? 40 : 600;

    r->first = g_rand_int_range(rand, 0, DISK_SECTORS);
    r->count = g_rand_int_range(rand, 1, max);
    r->count = MIN(r->count, DISK_SECTORS - r->first);
    r->zero = g_rand_int_range(rand, 0, 6) == 0;
    r->value = r->zero ? 0 : ++m->generation;
}

/*
 * Up to @depth requests that do not meet, at the same time; then what of them
 * failed is tried again.  Returns how many failed at first.
 */
static unsigned run_wave(BlockBackend *blk, Model *m, GRand *rand,
                         unsigned depth)
{
    g_autofree Request *r = g_new0(Request, depth);
    unsigned count = 0, pending, failed = 0;

    for (unsigned i = 0; i < depth; i++) {
        bool free_range = true;

        random_request(&r[count], m, rand);
        for (unsigned j = 0; j < count; j++) {
            free_range &= !meet(&r[count], &r[j]);
        }
        count += free_range;
    }
    pending = count;
    for (unsigned i = 0; i < count; i++) {
        r[i].blk = blk;
        r[i].pending = &pending;
        model_add(m, r[i].first, r[i].count, r[i].value);
        qemu_coroutine_enter(qemu_coroutine_create(request_entry, &r[i]));
    }
    AIO_WAIT_WHILE(qemu_get_current_aio_context(), pending > 0);

    for (unsigned i = 0; i < count; i++) {
        for (int tries = 0; r[i].ret < 0; tries++) {
            g_assert_cmpint(r[i].ret, ==, -EIO);
            g_assert_cmpint(tries, <, 3);
            failed++;
            pending = 1;
            qemu_coroutine_enter(qemu_coroutine_create(request_entry, &r[i]));
            AIO_WAIT_WHILE(qemu_get_current_aio_context(), pending > 0);
        }
    }
    return failed;
}

/* ---- tests ---------------------------------------------------------------------------- */

static void test_model(gconstpointer fixed)
{
    MemDisk *disk = new_image(GPOINTER_TO_INT(fixed));
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    g_autofree Model *m = g_new0(Model, 1);
    BlockBackend *blk;

    for (int opened = 0; opened < 5; opened++) {
        blk = open_image(disk, BDRV_O_RDWR);
        verify(blk, m, true);
        for (int i = 0; i < 10; i++) {
            g_assert_cmpuint(run_wave(blk, m, rand, 1 + i * 4), ==, 0);
        }
        verify(blk, m, true);
        verify_check(blk);
        blk_unref(blk);
    }
    blk = open_image(disk, 0);
    verify(blk, m, true);
    blk_unref(blk);
    test_disk_free(disk);
}

/*
 * One run of a fixed script in which the @nth @op fails.  Returns false when it
 * was not reached.
 */
static bool run_with_failure(bool fixed, MemOp op, unsigned nth, bool twice)
{
    MemDisk *disk = new_image(fixed);
    g_autoptr(GRand) rand = g_rand_new_with_seed(42 + nth);
    g_autofree Model *m = g_new0(Model, 1);
    BlockBackend *blk = open_image(disk, BDRV_O_RDWR);
    bool reached;

    test_disk_fail(disk, op, nth, false);
    for (int i = 0; i < 6; i++) {
        run_wave(blk, m, rand, 4);
        if (twice && !disk->fail_nth) {
            test_disk_fail(disk, op, 2, false);
            twice = false;
        }
        if (i % 2) {
            int ret = blk_flush(blk);

            g_assert_true(ret == 0 || ret == -EIO);
            if (ret < 0) {
                g_assert_cmpint(blk_flush(blk), ==, 0);
            }
        }
    }
    reached = disk->fail_nth == 0;
    test_disk_fail(disk, op, 0, false);
    verify(blk, m, true);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    blk_unref(blk);

    blk = open_image(disk, BDRV_O_RDWR);
    verify(blk, m, true);
    verify_check(blk);
    blk_unref(blk);
    test_disk_free(disk);
    return reached;
}

static void test_failure(gconstpointer data)
{
    MemOp op = GPOINTER_TO_INT(data);
    unsigned nth = 1;

    while (run_with_failure(false, op, nth, false)) {
        run_with_failure(false, op, nth, true);
        nth++;
    }
    g_test_message("%u operations failed, one at a time", nth - 1);
    g_assert_cmpuint(nth, >, 1);
}

/* After the failure nothing works any more; then the disk comes back. */
static void test_failure_for_ever(void)
{
    for (unsigned nth = 1; nth < 30; nth++) {
        MemDisk *disk = new_image(false);
        g_autoptr(GRand) rand = g_rand_new_with_seed(nth);
        g_autofree Model *m = g_new0(Model, 1);
        BlockBackend *blk = open_image(disk, BDRV_O_RDWR);

        run_wave(blk, m, rand, 8);
        test_disk_fail(disk, MEM_WRITE, nth, true);
        while (blk_pwrite_zeroes(blk, 0, 512, 0) == 0 && disk->fail_nth > 1) {
            uint8_t buf[512];
            uint32_t sector = g_rand_int_range(rand, 0, DISK_SECTORS);
            uint32_t value = ++m->generation;

            fill_sector(buf, value, sector);
            model_add(m, 0, 1, 0);
            model_add(m, sector, 1, value);
            if (blk_pwrite(blk, (int64_t)sector * 512, buf, 512, 0) < 0) {
                test_disk_fail(disk, MEM_WRITE, 0, false);
                g_assert_cmpint(blk_pwrite(blk, (int64_t)sector * 512, buf,
                                           512, 0), ==, 512);
            }
        }
        test_disk_fail(disk, MEM_WRITE, 0, false);
        model_add(m, 0, 1, 0);
        g_assert_cmpint(blk_pwrite_zeroes(blk, 0, 512, 0), ==, 0);
        g_assert_cmpint(blk_flush(blk), ==, 0);
        verify(blk, m, true);
        blk_unref(blk);
        blk = open_image(disk, 0);
        verify(blk, m, true);
        verify_check(blk);
        blk_unref(blk);
        test_disk_free(disk);
    }
}

/* Looks at what a power cut at this moment may leave. */
static void cut_power(const MemDisk *disk, const Model *m, GRand *rand)
{
    for (MemCrash kind = 0; kind < MEM_CRASH__MAX; kind++) {
        g_autofree char *name = unique_name();
        MemDisk *after = test_disk_crash(disk, name, kind, rand);
        BlockBackend *blk = open_image(after, 0);

        verify(blk, m, false);
        blk_unref(blk);
        test_disk_free(after);
    }
}

static void test_power_cut(gconstpointer fixed)
{
    unsigned runs = g_test_thorough() ? 200 : fixed ? 2 : 12;

    for (unsigned run = 0; run < runs; run++) {
        MemDisk *disk = new_image(GPOINTER_TO_INT(fixed));
        g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
        g_autofree Model *m = g_new0(Model, 1);
        BlockBackend *blk = open_image(disk, BDRV_O_RDWR);

        for (int i = 0; i < 8; i++) {
            run_wave(blk, m, rand, 1 + g_rand_int_range(rand, 0, 8));
            cut_power(disk, m, rand);
            if (g_rand_int_range(rand, 0, 3) == 0) {
                g_assert_cmpint(blk_flush(blk), ==, 0);
                model_flush(m);
                cut_power(disk, m, rand);
            }
        }
        blk_unref(blk);
        model_flush(m);
        cut_power(disk, m, rand);
        test_disk_free(disk);
    }
}

/* S8 with a file whose new space holds old bytes, as a block device's does. */
static void test_stale_growth(void)
{
    MemDisk *disk = new_image(false);
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    g_autofree Model *m = g_new0(Model, 1);
    BlockBackend *blk;

    disk->stale_growth = true;
    blk = open_image(disk, BDRV_O_RDWR);
    for (int i = 0; i < 10; i++) {
        run_wave(blk, m, rand, 8);
    }
    verify(blk, m, true);
    blk_unref(blk);
    blk = open_image(disk, 0);
    verify(blk, m, true);
    blk_unref(blk);
    test_disk_free(disk);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    test_disk_init();
    /* A cut-off footer is warned of, which is not what is tested here. */
    g_assert_nonnull(freopen("/dev/null", "w", stderr));

    g_test_add_data_func("/vpc/model/dynamic", GINT_TO_POINTER(false),
                         test_model);
    g_test_add_data_func("/vpc/model/fixed", GINT_TO_POINTER(true),
                         test_model);
    g_test_add_data_func("/vpc/failure/read", GINT_TO_POINTER(MEM_READ),
                         test_failure);
    g_test_add_data_func("/vpc/failure/write", GINT_TO_POINTER(MEM_WRITE),
                         test_failure);
    g_test_add_data_func("/vpc/failure/zero", GINT_TO_POINTER(MEM_ZERO),
                         test_failure);
    g_test_add_data_func("/vpc/failure/flush", GINT_TO_POINTER(MEM_FLUSH),
                         test_failure);
    g_test_add_func("/vpc/failure/for-ever", test_failure_for_ever);
    g_test_add_data_func("/vpc/power-cut/dynamic", GINT_TO_POINTER(false),
                         test_power_cut);
    g_test_add_data_func("/vpc/power-cut/fixed", GINT_TO_POINTER(true),
                         test_power_cut);
    g_test_add_func("/vpc/stale-growth", test_stale_growth);
    return g_test_run();
}
