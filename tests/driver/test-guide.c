/* SPDX-License-Identifier: MIT */
/*
 * The driver of docs/driver-guide.md, built as a foreign driver, against a model
 * in memory: random requests, failing operations, power cuts, growth, damaged
 * images.
 *
 * The model holds, for each sector of the disk, a bit for each value that it may
 * have: those of the last flush and of all writes since.
 */
#include "qemu/osdep.h"
#include "disk-stack.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/bswap.h"
#include "qemu/option.h"
#include "qemu/units.h"

#define DISK_BYTES (20 * 64 * KiB - 512)
#define SECTORS (DISK_BYTES / 512)
#define BLOCK (64 * KiB)

/* Bit N: the sector may be full of bytes N; bit 0: zeroes. */
typedef uint64_t Model[SECTORS];

static int create(const char *filename, int64_t size, Error **errp)
{
    BlockDriver *drv = bdrv_find_format("tiny");
    QemuOptsList *list =
        qemu_opts_append(qemu_opts_append(NULL, bdrv_driver_create_opts(drv)),
                         bdrv_driver_create_opts(bdrv_find_format("mem")));
    QemuOpts *opts = qemu_opts_create(list, NULL, 0, &error_abort);
    int ret;

    qemu_opt_set_number(opts, BLOCK_OPT_SIZE, size, &error_abort);
    ret = bdrv_create(drv, filename, opts, errp);
    qemu_opts_del(opts);
    qemu_opts_free(list);
    return ret;
}

/* The disk "disk", which holds an empty image. */
static MemDisk *new_image(void)
{
    g_assert_cmpint(create("mem:disk", DISK_BYTES, &error_abort), ==, 0);
    return mem_disk_find("disk");
}

static BlockBackend *open_image(void)
{
    return disk_open("disk", "tiny", BDRV_O_RDWR, NULL, false, &error_abort);
}

static BlockBackend *open_faulty(const DiskFault *fault, bool cache)
{
    return disk_open("disk", "tiny", BDRV_O_RDWR, fault, cache, &error_abort);
}

static uint32_t disk_number(const MemDisk *disk, int64_t offset)
{
    uint32_t raw;

    mem_disk_read(disk, offset, &raw, sizeof(raw));
    return be32_to_cpu(raw);
}

static void set_number(MemDisk *disk, int64_t offset, uint32_t number)
{
    uint32_t raw = cpu_to_be32(number);

    mem_disk_write(disk, offset, &raw, sizeof(raw));
}

/* Every sector has one value, and that is one of the model's. */
static void check_content(BlockBackend *blk, const uint64_t *model)
{
    g_autofree uint8_t *buf = g_malloc(DISK_BYTES);

    g_assert_cmpint(blk_getlength(blk), ==, DISK_BYTES);
    g_assert_cmpint(blk_pread(blk, 0, buf, DISK_BYTES), ==, DISK_BYTES);
    for (int i = 0; i < SECTORS; i++) {
        uint8_t *sector = buf + i * 512;

        g_assert_cmpint(memcmp(sector, sector + 1, 511), ==, 0);
        g_assert_cmpint(sector[0], <, 64);
        g_assert_true(model[i] >> sector[0] & 1);
    }
}

/* A random write of bytes @value; the model knows what may be there now. */
static int write_some(BlockBackend *blk, GRand *rand, int value,
                      uint64_t *model)
{
    g_autofree uint8_t *buf = g_malloc(3 * BLOCK);
    int first = g_rand_int_range(rand, 0, SECTORS);
    int count = g_rand_int_range(rand, 1, MIN(SECTORS - first, 300) + 1);
    int ret;

    memset(buf, value, count * 512);
    ret = blk_pwrite(blk, first * 512, buf, count * 512, 0);
    for (int i = first; i < first + count; i++) {
        model[i] |= 1ULL << value;
    }
    /* A retry must work, whatever failed. */
    if (ret < 0) {
        g_assert_cmpint(blk_pwrite(blk, first * 512, buf, count * 512, 0), ==,
                        count * 512);
    }
    return ret;
}

/* The model of what the image reads as at this moment. */
static void read_model(BlockBackend *blk, uint64_t *model)
{
    g_autofree uint8_t *buf = g_malloc(DISK_BYTES);

    g_assert_cmpint(blk_pread(blk, 0, buf, DISK_BYTES), ==, DISK_BYTES);
    for (int i = 0; i < SECTORS; i++) {
        model[i] = 1ULL << buf[i * 512];
    }
}

static void test_bytes(void)
{
    g_autofree uint8_t *want = g_malloc0(DISK_BYTES);
    g_autofree uint8_t *buf = g_malloc(DISK_BYTES);
    MemDisk *disk = new_image();
    BlockBackend *blk = open_image();

    for (int i = 1; i < 200; i++) {
        int offset = g_test_rand_int_range(0, DISK_BYTES);
        int bytes = g_test_rand_int_range(1, MIN(DISK_BYTES - offset,
                                                 3 * BLOCK) + 1);

        memset(want + offset, i, bytes);
        g_assert_cmpint(blk_pwrite(blk, offset, want + offset, bytes, 0), ==,
                        bytes);
        g_assert_cmpint(blk_pread(blk, 0, buf, DISK_BYTES), ==, DISK_BYTES);
        g_assert_cmpmem(buf, DISK_BYTES, want, DISK_BYTES);
        if (i % 20 == 0) {
            blk_unref(blk);
            blk = open_image();
        }
    }
    blk_unref(blk);
    mem_disk_free(disk);
}

static void test_status(void)
{
    MemDisk *disk = new_image();
    BlockBackend *blk = open_image();
    int64_t pnum, map;
    BlockDriverState *file;
    int ret;

    g_assert_cmpint(blk_pwrite(blk, 3 * BLOCK + 5, "x", 1, 0), ==, 1);
    ret = bdrv_block_status(blk_bs(blk), 512, DISK_BYTES - 512, &pnum, &map,
                            &file);
    g_assert_cmpint(ret & (BDRV_BLOCK_DATA | BDRV_BLOCK_ZERO), ==,
                    BDRV_BLOCK_ZERO);
    g_assert_cmpint(pnum, ==, BLOCK - 512);
    ret = bdrv_block_status(blk_bs(blk), 3 * BLOCK + 512, BLOCK, &pnum, &map,
                            &file);
    g_assert_cmpint(ret & (BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID), ==,
                    BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID);
    g_assert_cmpint(pnum, ==, BLOCK - 512);
    g_assert_cmpint(map, ==, BLOCK + 512);
    g_assert_true(file == bdrv_file_bs(blk_bs(blk)));
    g_assert_cmpint(bdrv_has_zero_init(blk_bs(blk)), ==, 1);
    blk_unref(blk);
    mem_disk_free(disk);
}

/* An allocating write does not flush, a flush does so once before the map. */
static void test_flushes(void)
{
    MemDisk *disk = new_image();
    BlockBackend *blk = open_image();
    unsigned before = mem_disk_count(disk, MEM_FLUSH);

    g_assert_cmpint(blk_pwrite(blk, 0, "x", 1, 0), ==, 1);
    g_assert_cmpint(blk_pwrite(blk, BLOCK, "x", 1, 0), ==, 1);
    g_assert_cmpuint(mem_disk_count(disk, MEM_FLUSH), ==, before);
    g_assert_cmpint(disk_number(disk, 16), ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpuint(mem_disk_count(disk, MEM_FLUSH), ==, before + 2);
    g_assert_cmpint(disk_number(disk, 16), ==, 1);
    g_assert_cmpint(disk_number(disk, 20), ==, 2);
    blk_unref(blk);
    mem_disk_free(disk);
}

/* Some writes and flushes, with or without failures. */
static void scenario(BlockBackend *blk, GRand *rand, uint64_t *model,
                     unsigned *failures)
{
    for (int value = 1; value < 12; value++) {
        *failures += write_some(blk, rand, value, model) < 0;
        if (value % 4 == 0) {
            *failures += blk_flush(blk) < 0;
        }
    }
}

/*
 * The nth operation of a kind fails: the error is seen, a retry works, and what
 * was acknowledged is there, now and after closing.
 */
static void test_failures(void)
{
    static const char *const kinds[] = { "write", "flush" };

    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        unsigned failures = 1;

        for (int nth = 1; failures; nth++) {
            const DiskFault fault = { .iotype = kinds[k], .nth = nth };
            g_autofree uint64_t *model = g_new0(uint64_t, SECTORS);
            GRand *rand = g_rand_new_with_seed(nth);
            MemDisk *disk = new_image();
            BlockBackend *blk = open_faulty(&fault, false);

            failures = 0;
            read_model(blk, model);
            disk_arm(blk);
            scenario(blk, rand, model, &failures);
            g_assert_cmpint(failures, <=, 1);
            g_assert_cmpint(nth, <, 100);
            disk_disarm(blk);
            check_content(blk, model);
            read_model(blk, model);
            blk_unref(blk);
            blk = open_image();
            check_content(blk, model);
            blk_unref(blk);
            mem_disk_free(disk);
            g_rand_free(rand);
            g_assert_true(failures || nth > 2);
        }
    }
}

/* A flush that failed has to be done again, all of it. */
static void test_failed_flush(void)
{
    static const DiskFault steps[] = {
        { .iotype = "flush", .nth = 1 },
        { .iotype = "write", .nth = 1 },
        { .iotype = "flush", .nth = 2 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++) {
        MemDisk *disk = new_image();
        BlockBackend *blk = open_faulty(&steps[i], true);
        VolatileLog *log;
        char c;

        g_assert_cmpint(blk_pwrite(blk, 0, "x", 1, 0), ==, 1);
        disk_arm(blk);
        g_assert_cmpint(blk_flush(blk), ==, -EIO);
        g_assert_cmpint(blk_flush(blk), ==, 0);
        log = volatile_cache_log(bdrv_find_node("cache"));
        g_assert_cmpuint(volatile_log_entries(log), ==, 0);
        volatile_log_free(log);
        blk_unref(blk);
        blk = open_image();
        g_assert_cmpint(blk_pread(blk, 0, &c, 1), ==, 1);
        g_assert_cmpint(c, ==, 'x');
        blk_unref(blk);
        mem_disk_free(disk);
    }
}

/* What a power cut at this moment leaves, as the disk "left". */
static MemDisk *cut_power(const MemDisk *disk, GRand *rand)
{
    VolatileLog *log = volatile_cache_log(bdrv_find_node("cache"));
    PowerCut cut = {
        .kind = g_rand_int_range(rand, 0, POWER_CUT__MAX),
        .length = g_rand_int_range(rand, 0, POWER_CUT_LENGTH__MAX),
        .count = g_rand_int_range(rand, 0, volatile_log_entries(log) + 1),
        .seed = g_rand_int(rand),
    };
    MemDisk *left = mem_disk_copy(disk, "left");
    BlockBackend *blk = blk_new_open("mem:left", NULL, NULL, BDRV_O_RDWR |
                                     BDRV_O_RESIZE | BDRV_O_PROTOCOL,
                                     &error_abort);

    g_assert_cmpint(volatile_log_apply(log, &cut, blk), ==, 0);
    blk_unref(blk);
    volatile_log_free(log);
    return left;
}

/* It leaves an image that opens and holds what was flushed. */
static void test_power_cuts(void)
{
    for (int seed = 0; seed < 120; seed++) {
        g_autofree uint64_t *model = g_new0(uint64_t, SECTORS);
        GRand *rand = g_rand_new_with_seed(seed);
        /* Half way through a flush, behind its first or second step. */
        const DiskFault fault = {
            .iotype = "flush", .nth = 1 + seed % 2, .forever = true,
        };
        MemDisk *disk = new_image(), *left;
        BlockBackend *blk;
        int cut = g_rand_int_range(rand, 1, 12);

        mem_disk_set_stale(disk, seed / 2 % 2);
        blk = open_faulty(&fault, true);
        read_model(blk, model);
        for (int value = 1; value <= cut; value++) {
            g_assert_cmpint(write_some(blk, rand, value, model), >, 0);
            if (g_rand_int_range(rand, 0, 3) == 0) {
                g_assert_cmpint(blk_flush(blk), ==, 0);
                read_model(blk, model);
            }
        }
        disk_arm(blk);
        blk_flush(blk);
        left = cut_power(disk, rand);
        blk_unref(blk);
        blk = disk_open("left", "tiny", BDRV_O_RDWR, NULL, false,
                        &error_abort);
        check_content(blk, model);
        blk_unref(blk);
        mem_disk_free(left);
        mem_disk_free(disk);
        g_rand_free(rand);
    }
}

static void assert_refused(const char *msg)
{
    Error *err = NULL;

    g_assert_null(disk_open("disk", "tiny", 0, NULL, false, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, msg);
    error_free(err);
}

static void test_damaged(void)
{
    MemDisk *disk = new_image();
    BlockBackend *blk = open_image();

    g_assert_cmpint(blk_pwrite(blk, 0, "x", 1, 0), ==, 1);
    blk_unref(blk);
    g_assert_cmpint(disk_number(disk, 16), ==, 1);

    set_number(disk, 16, 2);
    assert_refused("Block 0 cannot be where the map says");
    set_number(disk, 16, 0xffffffff);
    assert_refused("Block 0 cannot be where the map says");
    set_number(disk, 16, 1);
    set_number(disk, 16 + 40, 1);
    assert_refused("Block 10 cannot be where the map says");
    set_number(disk, 16 + 40, 0);
    for (int64_t at = 8; at < 16; at += 7) {
        disk_flip(disk, at, 1);
        assert_refused("Not a tiny image, or a damaged one");
        disk_flip(disk, at, 1);
    }
    blk_unref(open_image());
    mem_disk_free(disk);
}

static void test_create(void)
{
    const int64_t max = (64 * KiB / 4 - 4) * 64 * KiB;
    BlockBackend *blk;
    Error *err = NULL;

    for (int64_t size = 0; size <= max; size = size * 5 + 511) {
        g_assert_cmpint(create("mem:t", size, &error_abort), ==, 0);
        blk = blk_new_open("mem:t", NULL, NULL, BDRV_O_RDWR, &error_abort);
        g_assert_cmpstr(bdrv_get_format_name(blk_bs(blk)), ==, "tiny");
        g_assert_cmpint(blk_getlength(blk), ==, ROUND_UP(size, 512));
        blk_unref(blk);
    }
    g_assert_cmpint(create("mem:t", max, &error_abort), ==, 0);
    blk = blk_new_open("mem:t", NULL, NULL, BDRV_O_RDWR, &error_abort);
    g_assert_cmpint(blk_pwrite(blk, max - 1, "x", 1, 0), ==, 1);
    blk_unref(blk);
    g_assert_cmpint(create("mem:t", max + 1, &err), ==, -EINVAL);
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "A tiny image has at most 1073479680 bytes");
    error_free(err);
    mem_disk_free(mem_disk_find("t"));
}

static BlockBackend *open_to_grow(const DiskFault *fault, bool cache)
{
    BlockBackend *blk = open_faulty(fault, cache);

    g_assert_cmpint(blk_set_perm(blk, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE
                                 | BLK_PERM_RESIZE, BLK_PERM_ALL, NULL), ==, 0);
    return blk;
}

static int grow(BlockBackend *blk, int64_t size)
{
    return blk_truncate(blk, size, true, PREALLOC_MODE_OFF, NULL);
}

static int64_t zeroes_at_the_end(BlockBackend *blk, int64_t from)
{
    int64_t length = blk_getlength(blk);
    g_autofree uint8_t *buf = g_malloc(length);

    g_assert_cmpint(blk_pread(blk, 0, buf, length), ==, length);
    for (int64_t i = from; i < length; i++) {
        g_assert_cmpint(buf[i], ==, 0);
    }
    return length;
}

/* New space is zero, also in the last block of old; each step may fail. */
static void test_growth(void)
{
    static const char *const kinds[] = { "write", "flush" };
    const int64_t size = DISK_BYTES + 3 * BLOCK;

    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const DiskFault fault = { .iotype = kinds[k], .nth = 1 };
        MemDisk *disk = new_image();
        BlockBackend *blk = open_to_grow(&fault, false);

        g_assert_cmpint(blk_pwrite(blk, DISK_BYTES - 512, "x", 1, 0), ==, 1);
        disk_arm(blk);
        g_assert_cmpint(grow(blk, size - 511), ==, -EIO);
        g_assert_cmpint(blk_getlength(blk), ==, DISK_BYTES);
        g_assert_cmpint(blk_flush(blk), ==, 0);
        g_assert_cmpint(disk_number(disk, 12), ==, DISK_BYTES);
        g_assert_cmpint(grow(blk, size - 511), ==, 0);
        g_assert_cmpint(zeroes_at_the_end(blk, DISK_BYTES - 511), ==, size);
        g_assert_cmpint(blk_pwrite(blk, size - 1, "y", 1, 0), ==, 1);
        g_assert_cmpint(grow(blk, size - 512), ==, -ENOTSUP);
        g_assert_cmpint(grow(blk, 1 * GiB), ==, -ENOTSUP);
        g_assert_cmpint(bdrv_has_zero_init_truncate(blk_bs(blk)), ==, 1);
        blk_unref(blk);
        blk = open_image();
        g_assert_cmpint(blk_getlength(blk), ==, size);
        blk_unref(blk);
        mem_disk_free(disk);
    }
}

/* The power fails while the disk grows: it has one of both sizes. */
static void test_growth_cuts(void)
{
    for (int seed = 0; seed < 60; seed++) {
        const DiskFault fault = { .iotype = "flush", .nth = 1,
                                  .forever = true };
        GRand *rand = g_rand_new_with_seed(seed);
        MemDisk *disk = new_image(), *left;
        BlockBackend *blk = open_to_grow(&fault, true);
        int64_t length;

        mem_disk_set_stale(disk, true);
        g_assert_cmpint(blk_pwrite(blk, DISK_BYTES - 512, "x", 1, 0), ==, 1);
        if (seed % 2) {
            disk_arm(blk);
        }
        g_assert_cmpint(grow(blk, DISK_BYTES + BLOCK), ==, seed % 2 ? -EIO : 0);
        left = cut_power(disk, rand);
        blk_unref(blk);
        blk = disk_open("left", "tiny", BDRV_O_RDWR, NULL, false,
                        &error_abort);
        length = zeroes_at_the_end(blk, DISK_BYTES - 511);
        g_assert_true(length == DISK_BYTES || length == DISK_BYTES + BLOCK);
        blk_unref(blk);
        mem_disk_free(left);
        mem_disk_free(disk);
        g_rand_free(rand);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/guide/bytes", test_bytes);
    g_test_add_func("/guide/status", test_status);
    g_test_add_func("/guide/flushes", test_flushes);
    g_test_add_func("/guide/failures", test_failures);
    g_test_add_func("/guide/failed-flush", test_failed_flush);
    g_test_add_func("/guide/power-cuts", test_power_cuts);
    g_test_add_func("/guide/growth", test_growth);
    g_test_add_func("/guide/growth-cuts", test_growth_cuts);
    g_test_add_func("/guide/damaged", test_damaged);
    g_test_add_func("/guide/create", test_create);
    return g_test_run();
}
