/* SPDX-License-Identifier: MIT */
/*
 * XenServer's batmap: what it says of bitmaps is used, and is true of every BAT
 * and bitmap that stand beside it.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "vpc-fixture.h"

static const VhdSpec xenserver = {
    .size = 10 * BLOCK, .creator = "tap", .batmap = true,
};

#define BATMAP 2048             /* its header; the map follows */

static void assert_batmap(Fixture *f, uint8_t first, uint8_t second)
{
    VpcBatmapHeader header;
    uint8_t map[512];

    mem_disk_read(f->disk, BATMAP, &header, sizeof(header));
    mem_disk_read(f->disk, BATMAP + 512, map, sizeof(map));
    g_assert_cmphex(map[0], ==, first);
    g_assert_cmphex(map[1], ==, second);
    g_assert_cmphex(be32_to_cpu(header.checksum), ==,
                    vpc_checksum(map, sizeof(map), sizeof(map)));
}

/* Sets the map's first two bytes; the checksum is @error away from the right one. */
static void put_batmap(Fixture *f, uint8_t first, uint8_t second, int error)
{
    VpcBatmapHeader header;
    uint8_t map[512] = { first, second };

    mem_disk_read(f->disk, BATMAP, &header, sizeof(header));
    header.checksum = cpu_to_be32(vpc_checksum(map, sizeof(map), sizeof(map)) +
                                  error);
    mem_disk_write(f->disk, BATMAP, &header, sizeof(header));
    mem_disk_write(f->disk, BATMAP + 512, map, sizeof(map));
}

static void test_batmap_kept_true(void)
{
    Fixture f;
    BlockBackend *blk;

    begin(&f, &xenserver);
    vhd_add_block(f.disk, &f.image, 2, 0, 1, 0x11);
    vhd_add_block(f.disk, &f.image, 9, 0, BLOCK / 512, 0x42);
    vhd_finish(f.disk, &f.image);
    put_batmap(&f, 0, 0x40, 0);
    blk = open_rw(&f);
    write_value(blk, 0, 512, 0x42);             /* new: its bitmap is full */
    write_value(blk, 2 * BLOCK + 512, 512, 1);  /* two bits of its bitmap */
    assert_flushes(blk);
    assert_batmap(&f, 0x00, 0x40);
    /* A part of a block that the map calls full keeps its bits ... */
    write_zeroes(blk, 9 * BLOCK, 4096);
    assert_flushes(blk);
    assert_batmap(&f, 0x00, 0x40);
    g_assert_cmphex(disk_byte(f.disk, entry_of(&f, 9) * 512ll), ==, 0xff);
    assert_reads(blk, 9 * BLOCK, 4096, 0);
    assert_reads(blk, 9 * BLOCK + 4096, BLOCK - 4096, 0x42);
    /* ... and an unmapped one its bit not. */
    write_zeroes(blk, 9 * BLOCK, BLOCK);
    assert_flushes(blk);
    assert_batmap(&f, 0x00, 0x00);
    blk_unref(blk);
    blk = open_ro(&f);
    assert_reads(blk, 0, 512, 0x42);
    assert_reads(blk, 2 * BLOCK, 512, 0x11);
    assert_reads(blk, 2 * BLOCK + 512, 512, 1);
    assert_reads(blk, 2 * BLOCK + 1024, BLOCK - 1024, 0);
    blk_unref(blk);
    end(&f);
}

/* The map saves reading bitmaps; with a wrong checksum it says nothing. */
static void test_batmap_used(void)
{
    Fixture f;
    BlockBackend *blk;

    begin(&f, &xenserver);
    vhd_add_block(f.disk, &f.image, 2, 0, 1, 0x11);
    vhd_finish(f.disk, &f.image);
    put_batmap(&f, 0x20, 0, 0);
    blk = open_ro(&f);
    assert_reads(blk, 2 * BLOCK, BLOCK, 0x11);
    blk_unref(blk);

    put_batmap(&f, 0x20, 0, 1);
    blk = open_rw(&f);
    assert_reads(blk, 2 * BLOCK, 512, 0x11);
    assert_reads(blk, 2 * BLOCK + 512, BLOCK - 512, 0);
    write_value(blk, 0, 512, 0x42);
    blk_unref(blk);
    assert_batmap(&f, 0, 0);
    end(&f);
}

/*
 * A process that is killed behind an unmapping leaves the block, its bitmap and
 * its bit of the map as they belong together: what is written there later is not
 * lost by a repair, or to programs that look at the bitmap.
 */
static void test_batmap_unmap_killed(void)
{
    Fixture f;
    BlockBackend *blk;
    BdrvCheckResult result;
    g_autofree uint8_t *left = NULL;
    uint32_t entry;
    int64_t length;

    begin_full(&f, &xenserver, 3);
    put_batmap(&f, 0xe0, 0, 0);
    entry = entry_of(&f, 1);
    length = mem_disk_length(f.disk);
    left = g_malloc(length);
    blk = open_rw(&f);
    write_zeroes(blk, BLOCK, BLOCK);
    mem_disk_read(f.disk, 0, left, length);
    blk_unref(blk);
    /* Closed in order, it leaves a hole. */
    assert_batmap(&f, 0xa0, 0);
    g_assert_cmpint(disk_byte(f.disk, entry * 512ll), ==, 0);

    mem_disk_write(f.disk, 0, left, length);
    assert_batmap(&f, 0xe0, 0);
    blk = open_rw(&f);
    assert_reads(blk, BLOCK, BLOCK, 0);
    write_value(blk, BLOCK + 512, 512, 0x42);
    assert_flushes(blk);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, BDRV_FIX_ERRORS), ==, 0);
    g_assert_cmpint(result.corruptions + result.corruptions_fixed, ==, 0);
    assert_reads(blk, BLOCK, 512, 0);
    assert_reads(blk, BLOCK + 512, 512, 0x42);
    blk_unref(blk);
    end(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    /* Damaged images are warned of; the tests look at the reasons. */
    g_assert_nonnull(freopen("/dev/null", "w", stderr));

    g_test_add_func("/vpc/A3-batmap/kept-true", test_batmap_kept_true);
    g_test_add_func("/vpc/A3-batmap/used", test_batmap_used);
    g_test_add_func("/vpc/A3-batmap/unmap-killed", test_batmap_unmap_killed);
    return g_test_run();
}
