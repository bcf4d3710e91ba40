/* SPDX-License-Identifier: MIT */
/*
 * Closing an image whose flush fails: what was written is there all the same,
 * but for blocks that a power cut could show another one's bytes in.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/error-report.h"
#include "vpc-fixture.h"

static const DiskFault no_flush = {
    .iotype = "flush", .nth = 1, .forever = true,
};
static const DiskFault one_flush = { .iotype = "flush", .nth = 1 };

static void begin_image(Fixture *f, const VhdSpec *spec)
{
    begin(f, spec);
    vhd_finish(f->disk, &f->image);
}

static void assert_image_reads(Fixture *f, uint32_t block, uint8_t value)
{
    BlockBackend *blk = open_rw(f);
    BdrvCheckResult result;

    assert_reads(blk, block * BLOCK, BLOCK, value);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, 0), ==, 0);
    g_assert_cmpint(result.corruptions, ==, 0);
    blk_unref(blk);
}

/* Standard error has a line more than before, and one of @lost blocks. */
static void assert_reported(unsigned lost)
{
    static long seen;
    g_autofree char *text = NULL;
    g_autofree char *flush = g_strdup_printf("%s: Could not flush ",
                                             error_get_progname());
    g_autofree char *blocks = g_strdup_printf(
        ": %u blocks that were written last read as zeroes", lost);
    long end = lseek(STDERR_FILENO, 0, SEEK_END);
    g_auto(GStrv) lines = NULL;

    text = g_malloc0(end - seen + 1);
    g_assert_cmpint(pread(STDERR_FILENO, text, end - seen, seen), ==,
                    end - seen);
    seen = end;
    lines = g_strsplit(text, "\n", -1);
    /* What follows the last newline counts, too. */
    g_assert_cmpint(g_strv_length(lines), ==, lost ? 3 : 2);
    g_assert_true(g_str_has_prefix(lines[0], flush));
    g_assert_true(!lost || strstr(lines[1], blocks));
}

/* Gives the space of @block up, to be used by the next one. */
static void free_space(BlockBackend *blk, uint32_t block)
{
    g_assert_cmpint(blk_pwrite_zeroes(blk, block * BLOCK, BLOCK,
                                      BDRV_REQ_MAY_UNMAP), ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, 0);
}

/* ---- tests -------------------------------------------------------------- */

static void test_fresh(gconstpointer spec)
{
    Fixture f;
    BlockBackend *blk;

    begin_image(&f, spec);
    blk = open_faulty(&f, &no_flush);
    disk_arm(blk);
    write_value(blk, 3 * BLOCK, BLOCK, 7);
    blk_unref(blk);
    assert_reported(0);
    g_assert_cmphex(entry_of(&f, 3), !=, VPC_UNALLOCATED);
    assert_image_reads(&f, 3, 7);
    end(&f);
}

/* Of a block that is there, the bits of a bitmap. */
static void test_bitmap(void)
{
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_add_block(f.disk, &f.image, 2, 0, 8, 5);
    vhd_finish(f.disk, &f.image);
    blk = open_faulty(&f, &no_flush);
    disk_arm(blk);
    write_value(blk, 2 * BLOCK + 8192, 4096, 7);
    blk_unref(blk);
    assert_reported(0);
    blk = open_ro(&f);
    assert_reads(blk, 2 * BLOCK, 4096, 5);
    assert_reads(blk, 2 * BLOCK + 4096, 4096, 0);
    assert_reads(blk, 2 * BLOCK + 8192, 4096, 7);
    blk_unref(blk);
    end(&f);
}

/* Block 1 gets the space of block 0; @fault counts from then on. */
static BlockBackend *open_with_reused(Fixture *f, const VhdSpec *spec,
                                      const DiskFault *fault)
{
    BlockBackend *blk;
    uint32_t old;

    begin_image(f, spec);
    blk = open_faulty(f, fault);
    write_value(blk, 0, BLOCK, 1);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    old = mem_disk_length(f->disk);
    free_space(blk, 0);
    disk_arm(blk);
    write_value(blk, BLOCK, BLOCK, 2);
    g_assert_cmpint(mem_disk_length(f->disk), ==, old);
    return blk;
}

static void test_reused(gconstpointer spec)
{
    Fixture f;
    BlockBackend *blk = open_with_reused(&f, spec, &no_flush);

    /* Fresh space beside it is not lost. */
    write_value(blk, 4 * BLOCK, BLOCK, 7);
    blk_unref(blk);
    assert_reported(1);
    g_assert_cmphex(entry_of(&f, 1), ==, VPC_UNALLOCATED);
    assert_image_reads(&f, 1, 0);
    assert_image_reads(&f, 4, 7);
    end(&f);
}

/* Where the file could be flushed in the end nothing is withheld. */
static void test_reused_flushed(void)
{
    Fixture f;

    blk_unref(open_with_reused(&f, &virtualbox, &one_flush));
    assert_reported(0);
    assert_image_reads(&f, 1, 2);
    end(&f);
}

/* A flush that succeeded has made it safe. */
static void test_reused_before(void)
{
    const DiskFault third = {
        .iotype = "flush", .nth = 3, .forever = true,
    };
    Fixture f;
    BlockBackend *blk = open_with_reused(&f, &virtualbox, &third);

    g_assert_cmpint(blk_flush(blk), ==, 0);
    write_value(blk, 4 * BLOCK, BLOCK, 7);
    blk_unref(blk);
    assert_reported(0);
    assert_image_reads(&f, 1, 2);
    assert_image_reads(&f, 4, 7);
    end(&f);
}

/* The block has left that space, and is in fresh space now. */
static void test_reused_left(void)
{
    Fixture f;
    BlockBackend *blk = open_with_reused(&f, &virtualbox, &no_flush);

    g_assert_cmpint(blk_pwrite_zeroes(blk, BLOCK, BLOCK, BDRV_REQ_MAY_UNMAP),
                    ==, 0);
    write_value(blk, BLOCK, BLOCK, 3);
    blk_unref(blk);
    assert_reported(0);
    assert_image_reads(&f, 1, 3);
    end(&f);
}

/* Of two pages of the table the first cannot be written, in two attempts. */
static void test_other_page(void)
{
    const VhdSpec large = { .size = 1100 * BLOCK, .creator = "vbox" };
    const DiskFault fault = { .iotype = "write", .nth = 1, .again = 1 };
    Fixture f;
    BlockBackend *blk;

    begin_image(&f, &large);
    blk = open_faulty(&f, &fault);
    write_value(blk, 0, BLOCK, 5);
    write_value(blk, 1050 * BLOCK, BLOCK, 6);
    disk_arm(blk);
    blk_unref(blk);
    assert_reported(0);
    g_assert_cmphex(entry_of(&f, 0), ==, VPC_UNALLOCATED);
    assert_image_reads(&f, 1050, 6);
    end(&f);
}

/* Block 5 after a power cut: zeroes or what was written, by sectors. */
static void look_after(const MemDisk *disk, const VolatileLog *log,
                       const PowerCut *cut)
{
    MemDisk *after = mem_disk_copy(disk, "after");
    QDict *options = qdict_new();
    g_autofree uint8_t *buf = g_malloc(BLOCK);
    BlockBackend *blk;

    qdict_put_str(options, "driver", "mem");
    qdict_put_str(options, "disk", "after");
    blk = blk_new_open(NULL, NULL, options, BDRV_O_RDWR | BDRV_O_RESIZE,
                       &error_abort);
    g_assert_cmpint(volatile_log_apply(log, cut, blk), ==, 0);
    blk_unref(blk);
    blk = disk_open("after", "vpc", 0, NULL, false, &error_abort);
    g_assert_cmpint(blk_pread(blk, 5 * BLOCK, buf, BLOCK), ==, BLOCK);
    for (uint32_t i = 0; i < BLOCK; i++) {
        g_assert_true(buf[i] == 0 || buf[i] == 7);
    }
    blk_unref(blk);
    mem_disk_free(after);
}

/* On a file whose new space holds old bytes, as a block device's does. */
static void test_power_cut(void)
{
    Fixture f;
    BlockBackend *blk;
    BlockDriverState *cache;
    VolatileLog *log;

    begin_image(&f, &virtualbox);
    mem_disk_set_stale(f.disk, true);
    blk = disk_open("disk", "vpc", BDRV_O_RDWR, &no_flush, true, &error_abort);
    disk_arm(blk);
    write_value(blk, 5 * BLOCK, BLOCK, 7);
    cache = bdrv_find_node("cache");
    bdrv_ref(cache);
    blk_unref(blk);
    assert_reported(1);
    log = volatile_cache_log(cache);
    for (unsigned seed = 0; seed < 100; seed++) {
        PowerCut cut = {
            .kind = seed % POWER_CUT__MAX,
            .length = seed / POWER_CUT__MAX % POWER_CUT_LENGTH__MAX,
            .count = seed % (volatile_log_entries(log) + 1),
            .seed = seed,
        };

        look_after(f.disk, log, &cut);
    }
    volatile_log_free(log);
    bdrv_unref(cache);
    end(&f);
}

int main(int argc, char **argv)
{
    static const VhdSpec batmap = {
        .size = 10 * BLOCK, .creator = "tap", .batmap = true,
    };

    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    begin_listening();
    g_test_add_data_func("/vpc/close/fresh", &virtualbox, test_fresh);
    g_test_add_data_func("/vpc/close/fresh-batmap", &batmap, test_fresh);
    g_test_add_func("/vpc/close/bitmap", test_bitmap);
    g_test_add_data_func("/vpc/close/reused", &virtualbox, test_reused);
    g_test_add_data_func("/vpc/close/reused-batmap", &batmap, test_reused);
    g_test_add_func("/vpc/close/reused-flushed", test_reused_flushed);
    g_test_add_func("/vpc/close/reused-before", test_reused_before);
    g_test_add_func("/vpc/close/reused-left", test_reused_left);
    g_test_add_func("/vpc/close/other-page", test_other_page);
    g_test_add_func("/vpc/close/power-cut", test_power_cut);
    return g_test_run();
}
