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
#include "disk-stack.h"
#include "qapi/error.h"
#include "qapi/qapi-types-block-core.h"
#include "qapi/qmp/qdict.h"
#include "qemu/bswap.h"
#include "qemu/units.h"

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

/* ---- images ------------------------------------------------------------- */

/* The disk itself, without a format. */
static BlockBackend *open_disk(const char *name)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "mem");
    qdict_put_str(options, "disk", name);
    qdict_put_str(options, "node-name", "raw-disk");
    return blk_new_open(NULL, NULL, options, BDRV_O_RDWR | BDRV_O_RESIZE,
                        &error_abort);
}

static void create_image(bool fixed)
{
    BlockBackend *blk = open_disk("disk");
    char node[] = "raw-disk";
    BlockdevRef ref = {
        .type = QTYPE_QSTRING,
        .u.reference = node,
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

    blk_set_perm(blk, 0, BLK_PERM_ALL, &error_abort);
    g_assert_cmpint(bdrv_create_qapi(&opts, &error_abort), ==, 0);
    blk_unref(blk);
}

/* Gives a dynamic image blocks of 64 KiB, so that it has many. */
static void shrink_blocks(MemDisk *disk)
{
    const unsigned block_size = 64 * KiB;
    const unsigned entries = DIV_ROUND_UP(DISK_BYTES, block_size);
    const unsigned table = ROUND_UP(entries * 4, 512);
    g_autofree uint8_t *footer = disk_copy(disk, 0, 512);
    g_autofree uint8_t *header = disk_copy(disk, 512, 1024);
    g_autofree uint8_t *ones = g_malloc(table);
    uint32_t sum = 0;

    stl_be_p(header + 28, entries);
    stl_be_p(header + 32, block_size);
    stl_be_p(header + 36, 0);
    for (int i = 0; i < 1024; i++) {
        sum += header[i];
    }
    stl_be_p(header + 36, ~sum);
    memset(ones, 0xff, table);
    mem_disk_set_length(disk, 1536 + table);
    mem_disk_write(disk, 512, header, 1024);
    mem_disk_write(disk, 1536, ones, table);
    mem_disk_write(disk, 1536 + table, footer, 512);
}

/* The disk "disk" with a new image. */
static MemDisk *new_image(bool fixed)
{
    MemDisk *disk = mem_disk_new("disk");

    create_image(fixed);
    if (!fixed) {
        shrink_blocks(disk);
    }
    return disk;
}

static BlockBackend *open_image(int flags)
{
    return disk_open("disk", "vpc", flags, NULL, false, &error_abort);
}

/* ---- the model ---------------------------------------------------------- */

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

/* ---- requests ----------------------------------------------------------- */

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

/* ---- tests -------------------------------------------------------------- */

static void test_model(gconstpointer fixed)
{
    MemDisk *disk = new_image(GPOINTER_TO_INT(fixed));
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    g_autofree Model *m = g_new0(Model, 1);
    BlockBackend *blk;

    for (int opened = 0; opened < 5; opened++) {
        blk = open_image(BDRV_O_RDWR);
        verify(blk, m, true);
        for (int i = 0; i < 10; i++) {
            g_assert_cmpuint(run_wave(blk, m, rand, 1 + i * 4), ==, 0);
        }
        verify(blk, m, true);
        verify_check(blk);
        blk_unref(blk);
    }
    blk = open_image(0);
    verify(blk, m, true);
    blk_unref(blk);
    mem_disk_free(disk);
}

typedef struct FaultCase {
    const char *iotype;
    MemOp op;
} FaultCase;

static const FaultCase fault_cases[] = {
    { "read", MEM_READ },
    { "write", MEM_WRITE },
    { "write-zeroes", MEM_ZERO },
    { "flush", MEM_FLUSH },
};

/*
 * A fixed script of waves and flushes, in which so many @faults are waiting;
 * returns how many of its requests failed.  A flush that failed works when it
 * is tried again, but for the next fault.
 */
static unsigned run_script(BlockBackend *blk, Model *m, unsigned faults)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(42);
    unsigned failed = 0;

    for (int i = 0; i < 6; i++) {
        failed += run_wave(blk, m, rand, 4);
        for (int tries = 0; i % 2; tries++) {
            int ret = blk_flush(blk);

            if (ret == 0) {
                break;
            }
            g_assert_cmpint(ret, ==, -EIO);
            g_assert_cmpint(tries, <, faults);
            failed++;
        }
    }
    return failed;
}

/* Nothing is lost by @fault; returns how many requests it let fail. */
static unsigned run_with_failure(const DiskFault *fault)
{
    MemDisk *disk = new_image(false);
    g_autofree Model *m = g_new0(Model, 1);
    BlockBackend *blk = disk_open("disk", "vpc", BDRV_O_RDWR, fault, false,
                                  &error_abort);
    unsigned failed;

    disk_arm(blk);
    failed = run_script(blk, m, fault->again ? 2 : 1);
    disk_disarm(blk);
    verify(blk, m, true);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    blk_unref(blk);

    blk = open_image(BDRV_O_RDWR);
    verify(blk, m, true);
    verify_check(blk);
    blk_unref(blk);
    mem_disk_free(disk);
    return failed;
}

/* How many operations @op the script makes when nothing fails. */
static unsigned count_operations(MemOp op)
{
    MemDisk *disk = new_image(false);
    g_autofree Model *m = g_new0(Model, 1);
    BlockBackend *blk = open_image(BDRV_O_RDWR);
    unsigned before = mem_disk_count(disk, op), count;

    g_assert_cmpuint(run_script(blk, m, 0), ==, 0);
    count = mem_disk_count(disk, op) - before;
    blk_unref(blk);
    mem_disk_free(disk);
    return count;
}

/* Each operation fails once, alone and with another one soon after. */
static void test_failure(gconstpointer data)
{
    const FaultCase *c = data;
    unsigned count = count_operations(c->op), failed = 0;

    for (unsigned nth = 1; nth <= count; nth++) {
        DiskFault fault = { .iotype = c->iotype, .nth = nth };

        failed += run_with_failure(&fault);
        fault.again = 2;
        failed += run_with_failure(&fault);
    }
    g_test_message("%u operations failed, %u requests saw it", count, failed);
    g_assert_cmpuint(count, >, 0);
    g_assert_cmpuint(failed, >=, count);
}

/* Writes until nothing works any more; then the disk comes back. */
static void write_until_failure(BlockBackend *blk, Model *m, GRand *rand)
{
    uint32_t sector = 0, value = 0;
    uint8_t buf[512] = { 0 };
    int ret, flushed;

    disk_arm(blk);
    do {
        ret = blk_pwrite_zeroes(blk, 0, 512, 0);
        model_add(m, 0, 1, 0);
        if (ret == 0) {
            sector = g_rand_int_range(rand, 0, DISK_SECTORS);
            value = ++m->generation;
            fill_sector(buf, value, sector);
            model_add(m, sector, 1, value);
            ret = blk_pwrite(blk, (int64_t)sector * 512, buf, 512, 0);
        }
    } while (ret >= 0);
    g_assert_cmpint(ret, ==, -EIO);
    flushed = blk_flush(blk);
    g_assert_true(flushed == 0 || flushed == -EIO);
    disk_disarm(blk);
    g_assert_cmpint(blk_pwrite(blk, (int64_t)sector * 512, buf, 512, 0), ==,
                    512);
    model_add(m, sector, 1, value);
}

static void test_failure_for_ever(void)
{
    for (unsigned nth = 1; nth < 30; nth++) {
        const DiskFault fault = {
            .iotype = "write", .nth = nth, .forever = true,
        };
        MemDisk *disk = new_image(false);
        g_autoptr(GRand) rand = g_rand_new_with_seed(nth);
        g_autofree Model *m = g_new0(Model, 1);
        BlockBackend *blk = disk_open("disk", "vpc", BDRV_O_RDWR, &fault,
                                      false, &error_abort);

        run_wave(blk, m, rand, 8);
        write_until_failure(blk, m, rand);
        model_add(m, 0, 1, 0);
        g_assert_cmpint(blk_pwrite_zeroes(blk, 0, 512, 0), ==, 0);
        g_assert_cmpint(blk_flush(blk), ==, 0);
        verify(blk, m, true);
        blk_unref(blk);
        blk = open_image(0);
        verify(blk, m, true);
        verify_check(blk);
        blk_unref(blk);
        mem_disk_free(disk);
    }
}

/* Looks at what @cut leaves of the disk. */
static void look_after(const MemDisk *disk, const VolatileLog *log,
                       const PowerCut *cut, const Model *m)
{
    MemDisk *after = mem_disk_copy(disk, "after");
    BlockBackend *blk = open_disk("after");

    g_assert_cmpint(volatile_log_apply(log, cut, blk), ==, 0);
    blk_unref(blk);
    blk = disk_open("after", "vpc", 0, NULL, false, &error_abort);
    verify(blk, m, false);
    blk_unref(blk);
    mem_disk_free(after);
}

/* Power cuts at this moment: nothing is left, or some of each kind. */
static void cut_power(const MemDisk *disk, const Model *m, GRand *rand)
{
    VolatileLog *log = volatile_cache_log(bdrv_find_node("cache"));
    PowerCut cut = { .kind = POWER_CUT_PREFIX };

    look_after(disk, log, &cut, m);
    for (cut.kind = 0; cut.kind < POWER_CUT__MAX; cut.kind++) {
        cut.length = g_rand_int_range(rand, 0, POWER_CUT_LENGTH__MAX);
        cut.count = g_rand_int_range(rand, 0, volatile_log_entries(log) + 1);
        cut.seed = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
        look_after(disk, log, &cut, m);
    }
    volatile_log_free(log);
}

static void test_power_cut(gconstpointer fixed)
{
    unsigned runs = g_test_thorough() ? 200 : fixed ? 2 : 12;

    for (unsigned run = 0; run < runs; run++) {
        MemDisk *disk = new_image(GPOINTER_TO_INT(fixed));
        g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
        g_autofree Model *m = g_new0(Model, 1);
        BlockBackend *blk = disk_open("disk", "vpc", BDRV_O_RDWR, NULL, true,
                                      &error_abort);
        BlockDriverState *cache;

        for (int i = 0; i < 8; i++) {
            run_wave(blk, m, rand, 1 + g_rand_int_range(rand, 0, 8));
            cut_power(disk, m, rand);
            if (g_rand_int_range(rand, 0, 3) == 0) {
                g_assert_cmpint(blk_flush(blk), ==, 0);
                model_flush(m);
                cut_power(disk, m, rand);
            }
        }
        /* What closing the image leaves in the cache is nothing to be lost. */
        cache = bdrv_find_node("cache");
        bdrv_ref(cache);
        blk_unref(blk);
        model_flush(m);
        cut_power(disk, m, rand);
        bdrv_unref(cache);
        mem_disk_free(disk);
    }
}

/* S8 with a file whose new space holds old bytes, as a block device's does. */
static void test_stale_growth(void)
{
    MemDisk *disk = new_image(false);
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    g_autofree Model *m = g_new0(Model, 1);
    BlockBackend *blk;

    mem_disk_set_stale(disk, true);
    blk = open_image(BDRV_O_RDWR);
    for (int i = 0; i < 10; i++) {
        run_wave(blk, m, rand, 8);
    }
    verify(blk, m, true);
    blk_unref(blk);
    blk = open_image(0);
    verify(blk, m, true);
    blk_unref(blk);
    mem_disk_free(disk);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    /* A cut-off footer is warned of, which is not what is tested here. */
    g_assert_nonnull(freopen("/dev/null", "w", stderr));

    g_test_add_data_func("/vpc/model/dynamic", GINT_TO_POINTER(false),
                         test_model);
    g_test_add_data_func("/vpc/model/fixed", GINT_TO_POINTER(true),
                         test_model);
    for (size_t i = 0; i < ARRAY_SIZE(fault_cases); i++) {
        g_autofree char *name = g_strdup_printf("/vpc/failure/%s",
                                                fault_cases[i].iotype);

        g_test_add_data_func(name, &fault_cases[i], test_failure);
    }
    g_test_add_func("/vpc/failure/for-ever", test_failure_for_ever);
    g_test_add_data_func("/vpc/power-cut/dynamic", GINT_TO_POINTER(false),
                         test_power_cut);
    g_test_add_data_func("/vpc/power-cut/fixed", GINT_TO_POINTER(true),
                         test_power_cut);
    g_test_add_func("/vpc/stale-growth", test_stale_growth);
    return g_test_run();
}
