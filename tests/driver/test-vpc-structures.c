/* SPDX-License-Identifier: MIT */
/*
 * Ranges of the file: the space of parent locators, and XenServer's batmap,
 * against blocks and other structures; and what a repair writes over.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "four-blocks.h"
#include "vpc-findings.h"

#define REPAIR_FORCED (REPAIR_ALL | BDRV_FIX_FORCE)

static const VhdSpec qemu = { .size = 4 * BLOCK, .creator = "qem2" };
static const VhdSpec tap = { .size = 4 * BLOCK, .creator = "tap" };

/* ---- parent locators ---------------------------------------------------- */

/* A locator after all else, with a path of @length bytes and @space for it. */
static void add_locator(Fixture *f, uint32_t space, uint32_t length)
{
    f->image.header.locator[3] = (VpcParentLocator) {
        .platform = cpu_to_be32(0x57327275),
        .data_space = cpu_to_be32(space),
        .data_length = cpu_to_be32(length),
        .data_offset = cpu_to_be64(f->image.end),
    };
    f->image.end += VPC_SECTOR;
}

/* No block shares the path of a locator. */
static void test_locator_path(void)
{
    uint64_t path;
    Fixture f;

    begin(&f, &virtualbox);
    path = f.image.end;
    add_locator(&f, 8192, 100);
    vhd_add_block(f.disk, &f.image, 1, 0, BLOCK / 512, 0x11);
    vhd_finish(f.disk, &f.image);
    blk_unref(open_rw(&f));
    vhd_set_entry(f.disk, &f.image, 1, path / VPC_SECTOR);
    assert_read_only(&f, "into other structures");
    end(&f);
}

/*
 * The space of a locator, in bytes or in sectors, may go on after the end of
 * the file: no new block lies in it, and a longer file means the same.
 */
static void test_locator_space(void)
{
    static const uint32_t spaces[] = {
        8192, 16, 1 * MiB, 8192, 64 * MiB, 64 * MiB, UINT32_MAX,
    };
    static const uint32_t lengths[] = { 100, 100, 100, 0, 100, 0, 511 };

    for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
        uint64_t end_of_space;
        BdrvCheckResult result;
        BlockBackend *blk;
        int64_t length;
        Fixture f;

        begin(&f, &virtualbox);
        /* The rest of a larger one begins too far after the file's end. */
        end_of_space = f.image.end + MIN(MAX(spaces[i], 8192), 16 * MiB);
        add_locator(&f, spaces[i], lengths[i]);
        vhd_finish(f.disk, &f.image);
        for (unsigned block = 0; block < 3; block++) {
            blk = open_silently(&f);
            write_value(blk, block * BLOCK, BLOCK, block + 1);
            blk_unref(blk);
            g_assert_cmpuint(block_at(&f, block), >=, end_of_space);
        }
        assert_sound(&f);
        length = mem_disk_length(f.disk);
        for (int round = 0; round < 2; round++) {
            g_free(check_lines(&f, REPAIR_ALL, &result, NULL));
            g_assert_cmpint(result.corruptions_fixed + result.leaks_fixed, ==,
                            0);
            g_assert_cmpint(mem_disk_length(f.disk), ==, length);
            blk = open_silently(&f);
            for (unsigned block = 0; block < 3; block++) {
                assert_reads(blk, block * BLOCK, BLOCK, block + 1);
            }
            blk_unref(blk);
        }
        end(&f);
    }
}

/* A space that blocks lie in is smaller than its locator says. */
static void test_locator_space_taken(void)
{
    BlockBackend *blk;
    Fixture f;

    begin(&f, &virtualbox);
    add_locator(&f, 1 * MiB, 100);
    vhd_add_block(f.disk, &f.image, 1, 0, BLOCK / 512, 0x11);
    vhd_finish(f.disk, &f.image);
    for (unsigned block = 2; block < 4; block++) {
        blk = open_silently(&f);
        assert_reads(blk, BLOCK, BLOCK, 0x11);
        write_value(blk, block * BLOCK, BLOCK, 0x22);
        blk_unref(blk);
    }
    blk = open_silently(&f);
    assert_reads(blk, BLOCK, BLOCK, 0x11);
    assert_reads(blk, 2 * BLOCK, 2 * BLOCK, 0x22);
    blk_unref(blk);
    assert_sound(&f);
    end(&f);
}

/* A file that is longer than its image: the footer is where the path ends. */
static void test_locator_space_longer_file(void)
{
    BlockBackend *blk;
    Fixture f;

    begin(&f, &virtualbox);
    add_locator(&f, 64 * KiB, 100);
    vhd_finish(f.disk, &f.image);
    mem_disk_set_length(f.disk, 32 * KiB);
    blk = open_silently(&f);
    write_value(blk, BLOCK, BLOCK, 0x11);
    blk_unref(blk);
    blk = open_silently(&f);
    assert_reads(blk, BLOCK, BLOCK, 0x11);
    blk_unref(blk);
    end(&f);
}

/* What a longer file holds after such a footer stays, whatever is repaired. */
static void test_locator_space_kept(void)
{
    const BdrvCheckMode fixes[] = {
        BDRV_FIX_LEAKS, REPAIR_ALL, REPAIR_ALL | BDRV_FIX_FORCE,
    };

    for (size_t i = 0; i < ARRAY_SIZE(fixes); i++) {
        g_autofree uint8_t *before = NULL, *after = NULL, *footer = NULL;
        BdrvCheckResult result;
        Fixture f;

        begin(&f, &virtualbox);
        add_locator(&f, 64 * KiB, 100);
        vhd_finish(f.disk, &f.image);
        mem_disk_set_length(f.disk, 512 * KiB);
        disk_flip(f.disk, 480 * KiB, 0x55);
        footer = disk_copy(f.disk, 0, VPC_SECTOR);
        mem_disk_write(f.disk, 512 * KiB - VPC_SECTOR, footer, VPC_SECTOR);
        before = disk_copy(f.disk, 0, 512 * KiB);
        g_free(check_lines(&f, fixes[i], &result, NULL));
        g_assert_cmpint(result.leaks, ==, 1);
        g_assert_cmpint(mem_disk_length(f.disk), ==, 512 * KiB);
        after = disk_copy(f.disk, 0, 512 * KiB);
        g_assert_cmpmem(before, 512 * KiB, after, 512 * KiB);
        end(&f);
    }
}

/* An entry that points at the end of a longer file does not hide the footer. */
static void test_entry_at_end_of_longer_file(void)
{
    BdrvCheckResult result;
    BlockBackend *blk;
    Fixture f;

    begin(&f, &virtualbox);
    vhd_add_block(f.disk, &f.image, 1, 0, BLOCK / 512, 0x11);
    vhd_finish(f.disk, &f.image);
    mem_disk_set_length(f.disk, 1 * MiB);
    vhd_set_entry(f.disk, &f.image, 3, (1 * MiB - 4 * KiB) / VPC_SECTOR);
    assert_read_only(&f, "block 3");
    g_free(check_lines(&f, REPAIR_FORCED, &result, NULL));
    g_assert_cmpint(result.corruptions, ==, 0);
    g_assert_cmpint(mem_disk_length(f.disk), ==, 1 * MiB);
    blk = open_silently(&f);
    assert_reads(blk, BLOCK, BLOCK, 0x11);
    assert_reads(blk, 3 * BLOCK, BLOCK, 0);
    blk_unref(blk);
    end(&f);
}

/* ---- the batmap --------------------------------------------------------- */

#define BATMAP 2048             /* its header, where the table ends */

static void assert_blocks(BlockBackend *blk)
{
    assert_reads(blk, 0, BLOCK, 0);
    assert_reads(blk, BLOCK, BLOCK, 0x11);
    assert_reads(blk, 2 * BLOCK, BLOCK, 0x22);
    assert_reads(blk, 3 * BLOCK, BLOCK, 0);
}

/* A repair finds @expected and leaves each byte of the file as it is. */
static void assert_left_alone(Fixture *f, const char *expected)
{
    int64_t length = mem_disk_length(f->disk);
    g_autofree uint8_t *before = disk_copy(f->disk, 0, length);
    g_autofree uint8_t *after = NULL;
    BlockBackend *blk;

    assert_findings(f, REPAIR_ALL, expected);
    g_assert_cmpint(mem_disk_length(f->disk), ==, length);
    after = disk_copy(f->disk, 0, length);
    g_assert_cmpmem(after, length, before, length);
    blk = open_ro(f);
    assert_blocks(blk);
    blk_unref(blk);
}

/* Its header names the place of a footer, a header, the table or a block. */
static void test_batmap_elsewhere(void)
{
    static const uint64_t places[] = {
        0, 512, 1024, 1536, BATMAP, 3584, 4096, 4096 + 8 * KiB, 1 * GiB,
        UINT64_MAX, UINT64_MAX - 511,
    };

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        const uint64_t offset = cpu_to_be64(places[i]);
        Fixture f;

        begin_image(&f, &xen);
        mem_disk_write(f.disk, BATMAP + 8, &offset, sizeof(offset));
        assert_read_only(&f, "Batmap at offset");
        assert_left_alone(&f, "C@2056 offset of the batmap is\n");
        end(&f);
    }
}

/* The same with the path of a locator, and as long as to reach into one. */
static void test_batmap_over_locator(void)
{
    for (uint32_t sectors = 1; sectors < 4; sectors++) {
        const uint32_t length = cpu_to_be32(sectors);
        uint64_t path, offset;
        Fixture f;

        begin(&f, &xen);
        /* Two sectors that are nobody's, and the path. */
        f.image.end += 2 * VPC_SECTOR;
        path = f.image.end;
        add_locator(&f, 512, 100);
        vhd_add_block(f.disk, &f.image, 1, 0, BLOCK / 512, 0x11);
        vhd_add_block(f.disk, &f.image, 2, 0, BLOCK / 512, 0x22);
        vhd_finish(f.disk, &f.image);
        offset = cpu_to_be64(path - (sectors - 1) * VPC_SECTOR);
        mem_disk_write(f.disk, BATMAP + 8, &offset, sizeof(offset));
        mem_disk_write(f.disk, BATMAP + 16, &length, sizeof(length));
        assert_read_only(&f, "Batmap at offset");
        assert_left_alone(&f, "C@2056 offset of the batmap is\n");
        end(&f);
    }
}

/* A map that its checksum proves stays; an entry that points at it is wrong. */
static void test_entry_over_batmap(void)
{
    for (uint32_t sector = BATMAP / 512; sector < BATMAP / 512 + 2; sector++) {
        BdrvCheckResult result;
        BlockBackend *blk;
        Fixture f;

        begin_image(&f, &xen);
        vhd_set_entry(f.disk, &f.image, 3, sector);
        assert_read_only(&f, "into other structures");
        g_free(check_lines(&f, REPAIR_FORCED, &result, NULL));
        g_assert_cmpint(result.corruptions, ==, 0);
        blk = open_silently(&f);
        assert_blocks(blk);
        blk_unref(blk);
        end(&f);
    }
}

/* ... of a block that has lost its entry: the checksum tells it from a map. */
static void test_batmap_in_lost_block(void)
{
    BdrvCheckResult result;
    uint64_t offset;
    Fixture f;

    begin_image(&f, &xen);
    offset = cpu_to_be64(block_at(&f, 1));
    mem_disk_write(f.disk, BATMAP + 8, &offset, sizeof(offset));
    vhd_set_entry(f.disk, &f.image, 1, 0x7fffffff);
    offset = be64_to_cpu(offset);
    g_free(check_lines(&f, REPAIR_FORCED, &result, NULL));
    g_assert_cmpint(result.corruptions, ==, 1);
    g_assert_cmphex(disk_byte(f.disk, offset), ==, 0xff);
    g_assert_cmphex(disk_byte(f.disk, offset + 512), ==, 0x11);
    assert_read_only(&f, "Batmap at offset");
    end(&f);
}

static void test_batmap_length(void)
{
    static const uint32_t lengths[] = { 0, 0x7fffffff, UINT32_MAX };

    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        const uint32_t sectors = cpu_to_be32(lengths[i]);
        Fixture f;

        begin_image(&f, &xen);
        mem_disk_write(f.disk, BATMAP + 16, &sectors, sizeof(sectors));
        assert_read_only(&f, "Batmap has");
        assert_left_alone(&f, "C@2064 sectors of the batmap is\n");
        end(&f);
    }
}

/* The bitmap of the first block, where a batmap would be, spells its header. */
static void begin_spelled(Fixture *f, const VhdSpec *spec)
{
    VpcBatmapHeader header = {
        .cookie = VPC_BATMAP_COOKIE,
        .offset = cpu_to_be64(1536),
        .sectors = cpu_to_be32(1),
        .version = cpu_to_be32(VPC_BATMAP_VERSION),
    };

    begin(f, spec);
    g_assert_cmpint(f->image.end, ==, BATMAP);
    vhd_add_block(f->disk, &f->image, 1, 0, BLOCK / 512, 0x11);
    vhd_finish(f->disk, &f->image);
    mem_disk_write(f->disk, BATMAP, &header, sizeof(header));
}

/* Of the first 64 sectors those that have data are the bits of the cookie. */
static void assert_spelled(BlockBackend *blk)
{
    for (uint32_t i = 0; i < 64; i++) {
        bool set = vpc_bit((const uint8_t *)VPC_BATMAP_COOKIE, i);

        assert_reads(blk, BLOCK + i * 512, 512, set ? 0x11 : 0);
    }
}

static void test_bitmap_spells_batmap(void)
{
    BdrvCheckResult result;
    BlockBackend *blk;
    Fixture f;

    begin_spelled(&f, &qemu);
    blk = open_silently(&f);
    assert_spelled(blk);
    write_value(blk, 3 * BLOCK, BLOCK, 0x33);
    blk_unref(blk);
    g_free(check_lines(&f, REPAIR_ALL, &result, NULL));
    g_assert_cmpint(result.corruptions + result.corruptions_fixed, ==, 0);
    blk = open_silently(&f);
    assert_spelled(blk);
    assert_reads(blk, 3 * BLOCK, BLOCK, 0x33);
    blk_unref(blk);
    end(&f);
}

/*
 * A guest that writes zeroes makes the bitmap of its first block, directly
 * after the table, a whole header of a map with a right checksum: no creator
 * but XenServer has one, so the block stays.
 */
static void test_guest_spells_batmap(void)
{
    static const char *const creators[] = {
        "qemu", "qem2", "win ", "vbox", "d2v", "vpc ", "wa\0",
    };
    const VpcBatmapHeader header = {
        .cookie = VPC_BATMAP_COOKIE,
        .offset = cpu_to_be64(BATMAP + 512),
        .sectors = cpu_to_be32(1),
        .version = cpu_to_be32(VPC_BATMAP_VERSION),
        .checksum = UINT32_MAX,
    };

    for (size_t i = 0; i < ARRAY_SIZE(creators); i++) {
        const VhdSpec spec = {
            .size = 8 * MiB, .block_size = 2 * MiB, .creator = creators[i],
            .geometry = { 256, 4, 16 },
        };
        VpcBatmapHeader spelled;
        BlockBackend *blk;
        Fixture f;

        begin(&f, &spec);
        vhd_add_block(f.disk, &f.image, 1, 0, 4096, 0x11);
        vhd_finish(f.disk, &f.image);
        blk = open_silently(&f);
        for (int sector = 0; sector < 4096; sector++) {
            if (!vpc_bit((const uint8_t *)&header, sector)) {
                write_zeroes(blk, 2 * MiB + sector * 512, 512);
            }
        }
        blk_unref(blk);
        mem_disk_read(f.disk, BATMAP, &spelled, sizeof(spelled));
        g_assert_cmpmem(&spelled, sizeof(spelled), &header, sizeof(header));
        for (int round = 0; round < 2; round++) {
            blk = open_silently(&f);
            for (int sector = 0; sector < 4096; sector++) {
                assert_reads(blk, 2 * MiB + sector * 512, 512,
                             vpc_bit((const uint8_t *)&header, sector) ? 0x11
                                                                       : 0);
            }
            write_value(blk, 6 * MiB, 2 * MiB, 0x33);
            blk_unref(blk);
            assert_findings(&f, REPAIR_ALL, "");
        }
        end(&f);
    }
}

/* XenServer would take it for the map: it stays, but nothing is written. */
static void test_block_over_batmap(void)
{
    BdrvCheckResult result;
    BlockBackend *blk;
    Fixture f;

    begin_spelled(&f, &tap);
    assert_read_only(&f, "Batmap header at offset 2048");
    blk = open_ro(&f);
    assert_spelled(blk);
    blk_unref(blk);
    g_free(check_lines(&f, REPAIR_ALL, &result, NULL));
    g_assert_cmpint(result.corruptions, ==, 1);
    g_assert_cmpint(result.corruptions_fixed, ==, 0);
    g_assert_cmpint(block_at(&f, 1), ==, BATMAP);
    end(&f);
}

/* ---- places that a repair writes to ------------------------------------- */

/*
 * A damaged tail of Windows, which leaves a page before it, goes directly after
 * the last block, where QEMU expects it.
 */
static void test_damaged_tail_in_place(void)
{
    int64_t length;
    Fixture f;

    begin_image(&f, &windows);
    length = mem_disk_length(f.disk);
    g_assert_cmpint(length % 4096, ==, 0);
    disk_flip(f.disk, length - 512 + 3, 1);
    g_free(check_lines(&f, REPAIR_ALL, NULL, NULL));
    g_assert_cmpint(mem_disk_length(f.disk), ==, length - (4096 - 512));
    assert_sound(&f);
    end(&f);
}

/* Blocks of less than a page: one that was given up, before the footer's end. */
static void test_small_block_is_kept(void)
{
    const VhdSpec tiny = {
        .size = 16 * KiB, .block_size = 1 * KiB, .creator = "vbox",
    };
    int64_t lost;
    BlockBackend *blk;
    Fixture f;

    begin(&f, &tiny);
    vhd_add_block(f.disk, &f.image, 1, 0, 2, 0x11);
    vhd_add_block(f.disk, &f.image, 2, 0, 2, 0x22);
    vhd_add_block(f.disk, &f.image, 3, 0, 2, 0x33);
    lost = block_at(&f, 3);
    f.image.end = ROUND_UP(f.image.end + 512, 4096) - 512;
    vhd_finish(f.disk, &f.image);
    g_assert_cmpint(f.image.end - lost, <, 4096);
    vhd_set_entry(f.disk, &f.image, 3, 0x7fffffff);
    g_free(check_lines(&f, REPAIR_FORCED, NULL, NULL));
    blk = open_rw(&f);
    write_value(blk, 4 * KiB, 4 * KiB, 0x44);
    blk_unref(blk);
    for (int i = 0; i < 1024; i++) {
        g_assert_cmphex(disk_byte(f.disk, lost + 512 + i), ==, 0x33);
    }
    end(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    begin_listening();

    g_test_add_func("/vpc/A4-locator", test_locator_path);
    g_test_add_func("/vpc/structures/locator-space", test_locator_space);
    g_test_add_func("/vpc/structures/locator-space-taken",
                    test_locator_space_taken);
    g_test_add_func("/vpc/structures/locator-space-longer-file",
                    test_locator_space_longer_file);
    g_test_add_func("/vpc/structures/locator-space-kept",
                    test_locator_space_kept);
    g_test_add_func("/vpc/structures/entry-at-end-of-longer-file",
                    test_entry_at_end_of_longer_file);
    g_test_add_func("/vpc/structures/batmap-elsewhere", test_batmap_elsewhere);
    g_test_add_func("/vpc/structures/batmap-over-locator",
                    test_batmap_over_locator);
    g_test_add_func("/vpc/structures/guest-spells-batmap",
                    test_guest_spells_batmap);
    g_test_add_func("/vpc/structures/entry-over-batmap",
                    test_entry_over_batmap);
    g_test_add_func("/vpc/structures/batmap-in-lost-block",
                    test_batmap_in_lost_block);
    g_test_add_func("/vpc/structures/batmap-length", test_batmap_length);
    g_test_add_func("/vpc/structures/bitmap-spells-batmap",
                    test_bitmap_spells_batmap);
    g_test_add_func("/vpc/structures/block-over-batmap",
                    test_block_over_batmap);
    g_test_add_func("/vpc/structures/damaged-tail-in-place",
                    test_damaged_tail_in_place);
    g_test_add_func("/vpc/structures/small-block-is-kept",
                    test_small_block_is_kept);
    return g_test_run();
}
