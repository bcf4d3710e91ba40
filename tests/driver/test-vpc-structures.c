/* SPDX-License-Identifier: MIT */
/*
 * Ranges of the file: XenServer's batmap against blocks and other structures.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "vpc-findings.h"

#define REPAIR_ALL (BDRV_FIX_LEAKS | BDRV_FIX_ERRORS)

static const VhdSpec xen = { .size = 4 * BLOCK, .batmap = true };
static const VhdSpec qemu = { .size = 4 * BLOCK, .creator = "qem2" };
static const VhdSpec tap = { .size = 4 * BLOCK, .creator = "tap" };

static uint64_t start_of(Fixture *f, uint32_t block)
{
    return vhd_get_entry(f->disk, &f->image, block) * (uint64_t)VPC_SECTOR;
}

/* ---- the batmap --------------------------------------------------------- */

#define BATMAP 2048             /* its header, where the table ends */

/* Block 1 is 0x11, block 2 is 0x22. */
static void begin_image(Fixture *f, const VhdSpec *spec)
{
    begin(f, spec);
    vhd_add_block(f->disk, &f->image, 1, 0, BLOCK / 512, 0x11);
    vhd_add_block(f->disk, &f->image, 2, 0, BLOCK / 512, 0x22);
    vhd_finish(f->disk, &f->image);
}

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

/* Its header names the place of a footer, of the header, of the table, of a block. */
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

/* XenServer would take it for the map: the block stays, but nothing is written. */
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
    g_assert_cmpint(start_of(&f, 1), ==, BATMAP);
    end(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    begin_listening();

    g_test_add_func("/vpc/structures/batmap-elsewhere", test_batmap_elsewhere);
    g_test_add_func("/vpc/structures/batmap-length", test_batmap_length);
    g_test_add_func("/vpc/structures/bitmap-spells-batmap",
                    test_bitmap_spells_batmap);
    g_test_add_func("/vpc/structures/block-over-batmap",
                    test_block_over_batmap);
    return g_test_run();
}
