/* SPDX-License-Identifier: MIT */
/*
 * XenServer's batmap: it is kept true of every BAT and bitmap that stand beside
 * it, and not believed.
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

/*
 * The bitmap counts, whatever the map says; a check warns of it, and clears the
 * bit, as does the first write to the block.
 */
static void test_batmap_contradicted(void)
{
    for (int repaired = 0; repaired < 2; repaired++) {
        BdrvCheckResult result;
        BlockBackend *blk;
        Fixture f;

        begin(&f, &xenserver);
        vhd_add_block(f.disk, &f.image, 2, 0, 1, 0x11);
        vhd_finish(f.disk, &f.image);
        put_batmap(&f, 0x20, 0, 0);
        blk = open_rw(&f);
        assert_reads(blk, 2 * BLOCK, 512, 0x11);
        assert_reads(blk, 2 * BLOCK + 512, BLOCK - 512, 0);
        g_assert_cmpint(bdrv_check(blk_bs(blk), &result,
                                   repaired ? BDRV_FIX_ERRORS : 0), ==, 0);
        g_assert_cmpint(result.corruptions + result.corruptions_fixed, ==, 0);
        assert_batmap(&f, repaired ? 0 : 0x20, 0);
        write_value(blk, 2 * BLOCK + 1024, 512, 0x12);
        assert_flushes(blk);
        assert_batmap(&f, 0, 0);
        blk_unref(blk);
        blk = open_ro(&f);
        assert_reads(blk, 2 * BLOCK, 512, 0x11);
        assert_reads(blk, 2 * BLOCK + 512, 512, 0);
        assert_reads(blk, 2 * BLOCK + 1024, 512, 0x12);
        assert_reads(blk, 2 * BLOCK + 1536, BLOCK - 1536, 0);
        blk_unref(blk);
        end(&f);
    }
}

/* Reading does not change it, nor does a node that cannot be written to. */
static void test_batmap_read_only(void)
{
    BlockBackend *blk;
    Fixture f;

    begin(&f, &xenserver);
    vhd_add_block(f.disk, &f.image, 2, 0, 1, 0x11);
    vhd_finish(f.disk, &f.image);
    put_batmap(&f, 0x20, 0, 0);
    for (int writable = 0; writable < 2; writable++) {
        blk = writable ? open_rw(&f) : open_ro(&f);
        assert_reads(blk, 2 * BLOCK + 512, BLOCK - 512, 0);
        assert_flushes(blk);
        blk_unref(blk);
    }
    assert_batmap(&f, 0x20, 0);
    g_assert_cmpuint(mem_disk_count(f.disk, MEM_WRITE), ==, 0);
    end(&f);
}

/* A wrong checksum, as a killed writer leaves it, is none but a warning. */
static void test_batmap_checksum(void)
{
    BdrvCheckResult result;
    BlockBackend *blk;
    Fixture f;

    begin(&f, &xenserver);
    vhd_add_block(f.disk, &f.image, 2, 0, BLOCK / 512, 0x11);
    vhd_finish(f.disk, &f.image);
    put_batmap(&f, 0x20, 0, 1);
    blk = open_silently(&f);
    assert_reads(blk, 2 * BLOCK, BLOCK, 0x11);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, 0), ==, 0);
    g_assert_cmpint(result.corruptions, ==, 0);
    write_value(blk, 0, 512, 0x42);
    blk_unref(blk);
    assert_batmap(&f, 0, 0);

    put_batmap(&f, 0xff, 0, 1);
    blk = open_rw(&f);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, BDRV_FIX_ERRORS), ==, 0);
    g_assert_cmpint(result.corruptions + result.corruptions_fixed, ==, 0);
    blk_unref(blk);
    /* Of the blocks 0 and 2 it is true. */
    assert_batmap(&f, 0xa0, 0);
    end(&f);
}

/* The map and its checksum are one write: no process is killed between them. */
static void test_batmap_one_write(void)
{
    uint64_t before;
    BlockBackend *blk;
    Fixture f;

    begin_full(&f, &xenserver, 3);
    put_batmap(&f, 0xe0, 0, 0);
    blk = open_silently(&f);
    write_zeroes(blk, BLOCK, BLOCK);
    before = mem_disk_count(f.disk, MEM_WRITE);
    assert_flushes(blk);
    assert_batmap(&f, 0xa0, 0);
    /* The other one is the table's. */
    g_assert_cmpuint(mem_disk_count(f.disk, MEM_WRITE) - before, ==, 2);
    blk_unref(blk);
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

/* Where the map does not call it full, its bitmap goes at once, as elsewhere. */
static void test_batmap_unmap_partial(void)
{
    Fixture f;
    BlockBackend *blk;
    int64_t at;

    begin_full(&f, &xenserver, 3);
    put_batmap(&f, 0xa0, 0, 0);
    at = entry_of(&f, 1) * 512ll;
    blk = open_rw(&f);
    write_zeroes(blk, BLOCK, 512);
    assert_flushes(blk);
    g_assert_cmpint(disk_byte(f.disk, at), ==, 0x7f);
    write_zeroes(blk, BLOCK, BLOCK);
    g_assert_cmpint(disk_byte(f.disk, at), ==, 0);
    blk_unref(blk);
    assert_batmap(&f, 0xa0, 0);
    end(&f);
}

/* A file that ends in its header: a footer after that would make it whole. */
static void test_batmap_cut(void)
{
    g_autofree uint8_t *before = NULL, *after = NULL;
    Fixture f;

    begin(&f, &xenserver);
    vhd_finish(f.disk, &f.image);
    mem_disk_set_length(f.disk, BATMAP + 100);
    before = disk_copy(f.disk, 0, BATMAP + 100);
    assert_read_only(&f, "Batmap header at offset 2048 with 512 bytes does not "
                     "lie inside the file");
    g_assert_cmpint(mem_disk_length(f.disk), ==, BATMAP + 100);
    after = disk_copy(f.disk, 0, BATMAP + 100);
    g_assert_cmpmem(after, BATMAP + 100, before, BATMAP + 100);
    end(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    begin_listening();

    g_test_add_func("/vpc/A3-batmap/kept-true", test_batmap_kept_true);
    g_test_add_func("/vpc/A3-batmap/contradicted", test_batmap_contradicted);
    g_test_add_func("/vpc/A3-batmap/read-only", test_batmap_read_only);
    g_test_add_func("/vpc/A3-batmap/checksum", test_batmap_checksum);
    g_test_add_func("/vpc/A3-batmap/one-write", test_batmap_one_write);
    g_test_add_func("/vpc/A3-batmap/unmap-killed", test_batmap_unmap_killed);
    g_test_add_func("/vpc/A3-batmap/unmap-partial", test_batmap_unmap_partial);
    g_test_add_func("/vpc/A3-batmap/cut", test_batmap_cut);
    return g_test_run();
}
