/* SPDX-License-Identifier: MIT */
/*
 * Rules of a repair of VHDs: what it leaves alone or refuses, what it says of the
 * guest's disk, and which space it gives back.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "four-blocks.h"
#include "vpc-findings.h"

/* ---- what is not repaired ----------------------------------------------- */

static void assert_untouched(Fixture *f, BdrvCheckMode fix)
{
    int64_t length = mem_disk_length(f->disk);
    g_autofree uint8_t *before = disk_copy(f->disk, 0, length);
    g_autofree uint8_t *after = NULL;
    BdrvCheckResult result;

    g_free(check_lines(f, fix, &result, NULL));
    g_assert_cmpint(result.corruptions_fixed + result.leaks_fixed, ==, 0);
    g_assert_cmpint(result.corruptions, >, 0);
    g_assert_cmpint(mem_disk_length(f->disk), ==, length);
    after = disk_copy(f->disk, 0, length);
    g_assert_cmpmem(after, length, before, length);
}

/* Two footers that say different things, and neither adds up: a guess. */
static void test_contrary(void)
{
    Fixture f;

    begin_image(&f, &small);
    both_checksums(&f);
    disk_flip(f.disk, 24, 1);
    vhd_set_entry(f.disk, &f.image, 0, 0);
    assert_untouched(&f, REPAIR_ALL);
    g_assert_null(open_option(&f, BDRV_O_RDWR, "repair", "on", NULL));
    end(&f);
}

/* Header fields whose change leaves a table that can be, but names no block. */
static void test_header_in_doubt(void)
{
    Fixture f;

    begin_image(&f, &small);
    f.image.header.table_offset = cpu_to_be64(block_at(&f, 1));
    mem_disk_write(f.disk, 512, &f.image.header, sizeof(f.image.header));
    assert_untouched(&f, REPAIR_ALL);
    g_assert_null(open_option(&f, BDRV_O_RDWR, "repair", "on", NULL));
    end(&f);
}

/* The same of a footer: the tail says that the disk is smaller. */
static void test_smaller_tail(void)
{
    VpcFooter tail;
    BdrvCheckResult result;
    int64_t length;
    Fixture f;

    begin_image(&f, &small);
    tail = f.image.footer;
    tail.current_size = cpu_to_be64(BLOCK);
    vpc_footer_seal(&tail);
    mem_disk_write(f.disk, f.image.end, &tail, sizeof(tail));
    length = mem_disk_length(f.disk);
    g_free(check_lines(&f, REPAIR_ALL, &result, NULL));
    g_assert_cmpint(result.leaks_fixed, ==, 0);
    g_assert_cmpint(mem_disk_length(f.disk), ==, length);
    g_assert_cmphex(disk_byte(f.disk, f.image.end - 1), ==, 0x22);
    end(&f);
}

/* What the guest has lost is named: of a block that is cut off, or moved. */
static void test_ranges_are_named(void)
{
    static const struct {
        void (*damage)(Fixture *f);
        const char *before, *range;
    } damages[] = {
        { entry_outside, " 0+65536\n", " ! 0+65536\n" },
        { last_block_cut, " 131072+65536\n", " ! 163840+32768\n" },
        { locator_in_block, " 65536+65536\n", " ! 69632+512\n" },
        { same_entry, " 0+131072\n", " ! 0+131072\n" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
        g_autofree char *lines = NULL, *forced = NULL;
        Fixture f;

        begin_image(&f, &small);
        damages[i].damage(&f);
        lines = check_lines(&f, 0, NULL, NULL);
        forced = check_lines(&f, REPAIR_ALL | BDRV_FIX_FORCE, NULL, NULL);
        if (!strstr(lines, damages[i].before) ||
            !strstr(forced, damages[i].range)) {
            g_error("found:\n%srepaired:\n%s", lines, forced);
        }
        end(&f);
    }
}

/* A writer that was killed leaves it: bits, or all of it, that are not true. */
static void test_batmap_checksum(void)
{
    BdrvCheckResult result;
    Fixture f;
    g_autofree char *lines = NULL;

    begin_image(&f, &xen);
    batmap_bits(&f);
    assert_findings(&f, 0, "W@2560 batmap bit of block 0 is 1\n"
                    "W@2560 batmap bit of block 3 is 1\n");
    disk_flip(f.disk, 2048 + 27, 1);
    assert_findings(&f, 0, "W@2072 checksum of the batmap is 0x\n");
    lines = check_lines(&f, REPAIR_ALL, &result, NULL);
    g_assert_cmpint(result.corruptions + result.corruptions_fixed, ==, 0);
    g_assert_nonnull(strstr(lines, " !"));
    assert_sound(&f);
    end(&f);
}

/* Leaks alone: not while what is lost may be what a bad entry should name. */
static void test_leaks_only(void)
{
    Fixture f;

    begin_image(&f, &small);
    lost_inside(&f);
    vhd_set_entry(f.disk, &f.image, 0, 0x7fffffff);
    assert_untouched(&f, BDRV_FIX_LEAKS);
    end(&f);
}

/* The end of the file is given back, and a hole is made of what is lost inside. */
static void test_space_is_given_back(void)
{
    int64_t length;
    Fixture f;

    begin_image(&f, &small);
    length = f.image.end + 512;
    lost_at_end(&f);
    g_free(check_lines(&f, BDRV_FIX_LEAKS, NULL, NULL));
    g_assert_cmpint(mem_disk_length(f.disk), ==, length);
    end(&f);

    begin_image(&f, &small);
    length = f.image.end;
    lost_inside(&f);
    g_assert_cmpint(disk_byte(f.disk, length + 512), ==, 0xdd);
    g_free(check_lines(&f, BDRV_FIX_LEAKS, NULL, NULL));
    g_assert_cmpint(disk_byte(f.disk, length + 512), ==, 0);
    end(&f);
}

/* What looks like an orphan in a longer file does not take its second footer. */
static void test_second_footer_stays(void)
{
    uint8_t block[512 + BLOCK];
    VpcFooter last;
    int64_t footer;
    Fixture f;

    begin_image(&f, &small);
    footer = f.image.end;
    memset(block, 0xff, 512);
    memset(block + 512, 0xdd, BLOCK);
    disk_flip(f.disk, footer + 512, 0x5e);
    mem_disk_write(f.disk, footer + 16384, block, sizeof(block));
    mem_disk_write(f.disk, mem_disk_length(f.disk) - 512, &f.image.footer, 512);
    g_free(check_lines(&f, BDRV_FIX_LEAKS, NULL, NULL));
    mem_disk_read(f.disk, mem_disk_length(f.disk) - 512, &last, sizeof(last));
    g_assert_cmpmem(&last, sizeof(last), &f.image.footer, 512);
    g_assert_cmphex(disk_byte(f.disk, footer + 512), ==, 0x5e);
    end(&f);
}

/*
 * What a longer file holds after its image stays, whether a second footer ends
 * it or not; only without one an orphan before the image's footer is its end.
 */
static void test_rest_stays(void)
{
    const VhdSpec spec = { .size = 4 * 4096, .block_size = 4096 };

    for (int ends = 0; ends < 2; ends++) {
        int64_t footer, length;
        Fixture f;

        begin(&f, &spec);
        f.image.end = 2560;     /* so that a page ends with the footer */
        vhd_add_block(f.disk, &f.image, 0, 0, 8, 0x11);
        vhd_add_block(f.disk, &f.image, 1, 0, 8, 0xdd);
        vhd_set_entry(f.disk, &f.image, 1, VPC_UNALLOCATED);
        vhd_finish(f.disk, &f.image);
        footer = f.image.end;
        g_assert_cmpint(footer % 4096, ==, 4096 - 512);
        length = footer + 4096;
        mem_disk_set_length(f.disk, length);
        disk_flip(f.disk, footer + 1024, 0x5e);
        if (ends) {
            mem_disk_write(f.disk, length - 512, &f.image.footer, 512);
        }
        g_free(check_lines(&f, BDRV_FIX_LEAKS, NULL, NULL));
        g_assert_cmpint(mem_disk_length(f.disk), ==, length);
        g_assert_cmphex(disk_byte(f.disk, footer + 1024), ==, 0x5e);
        g_assert_cmphex(disk_byte(f.disk, footer - 512), ==, 0);
        if (!ends) {
            assert_sound(&f);
        }
        end(&f);
    }
}

/* Ones that pad the BAT are no bitmap, also where no block follows. */
static void test_padding_is_no_orphan(void)
{
    uint8_t ones[4096], bytes[3 * 512];
    Fixture f;

    begin(&f, &small);
    memset(ones, 0xff, sizeof(ones));
    memset(bytes, 0x5e, sizeof(bytes));
    mem_disk_write(f.disk, f.image.end, ones, 4096 - f.image.end);
    f.image.end = 8192 - 512;
    vhd_finish(f.disk, &f.image);
    assert_sound(&f);

    mem_disk_write(f.disk, 4096, bytes, sizeof(bytes));
    f.image.end = 4096 + 3 * BLOCK;
    vhd_finish(f.disk, &f.image);
    assert_findings(&f, BDRV_FIX_LEAKS, "L@4096 lost space is \n");
    g_assert_cmphex(disk_byte(f.disk, 4096), ==, 0x5e);

    /* A block of ones may begin anywhere among ones. */
    mem_disk_write(f.disk, 4096, ones, sizeof(ones));
    assert_findings(&f, BDRV_FIX_LEAKS, "L@2048 lost space is \n");
    g_assert_cmphex(disk_byte(f.disk, 4096), ==, 0xff);
    end(&f);
}

/* A footer of 511 bytes, as old programs write it, is not a longer file's. */
static void test_short_footer_is_cut(void)
{
    static const uint8_t zeroes[512];
    int64_t end_of_data;
    Fixture f;

    begin_image(&f, &small);
    end_of_data = f.image.end;
    f.image.end += 40960;
    vhd_finish(f.disk, &f.image);
    mem_disk_write(f.disk, end_of_data, zeroes, sizeof(zeroes));
    mem_disk_set_length(f.disk, f.image.end + 511);
    g_free(check_lines(&f, BDRV_FIX_LEAKS, NULL, NULL));
    g_assert_cmpint(mem_disk_length(f.disk), ==, end_of_data + 512);
    assert_sound(&f);
    end(&f);
}

/* As minblk writes it, also where the bitmap is longer than a page. */
static void test_orphan_of_32_mib(void)
{
    const VhdSpec spec = {
        .size = 96 * MiB, .block_size = 32 * MiB, .windows = true,
    };
    Fixture f;

    begin(&f, &spec);
    vhd_add_block(f.disk, &f.image, 0, 0, 65536, 0x11);
    f.image.end += 512;
    vhd_add_block(f.disk, &f.image, 1, 0, 65536, 0x22);
    vhd_set_entry(f.disk, &f.image, 1, VPC_UNALLOCATED);
    f.image.end += 512;
    vhd_add_block(f.disk, &f.image, 2, 0, 65536, 0x33);
    vhd_finish(f.disk, &f.image);
    assert_findings(&f, 0, "L@33570816 lost space is 1 orphaned block in "
                    "33562624 bytes, with 33554432 bytes of data\n");
    end(&f);
}

/* A sector before zeroes could be the bitmap of a block, or anything else. */
static void test_bitmap_alone(void)
{
    static const struct {
        uint8_t bits, rest[2];
        bool orphan;
    } cases[] = {
        { 0x80, { 0, 0 }, false },
        { 0xff, { 0, 0 }, true },
        { 0xff, { 0xff, 0xff }, true },
        { 0xff, { 0xff, 0 }, false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint8_t bits[512];
        BdrvCheckResult result;
        int64_t lost;
        Fixture f;

        begin_image(&f, &small);
        lost = f.image.end;
        f.image.end += 512 + BLOCK;
        vhd_add_block(f.disk, &f.image, 3, 0, BLOCK / 512, 0x33);
        vhd_finish(f.disk, &f.image);
        memset(bits, cases[i].bits, BLOCK / 512 / 8);
        memset(bits + BLOCK / 512 / 8, cases[i].rest[0], 300 - BLOCK / 512 / 8);
        memset(bits + 300, cases[i].rest[1], 212);
        mem_disk_write(f.disk, lost, bits, sizeof(bits));
        g_free(check_lines(&f, BDRV_FIX_LEAKS, &result, NULL));
        g_assert_cmphex(disk_byte(f.disk, lost), ==,
                        cases[i].orphan ? 0 : cases[i].bits);
        g_assert_cmpint(result.leaks_fixed, ==, cases[i].orphan);
        end(&f);
    }
}

/* A small file whose table names one block ten thousand times. */
static void test_too_many_copies(void)
{
    const VhdSpec spec = { .size = 10000ull * BLOCK };
    g_autofree uint8_t *before = NULL;
    g_autofree uint8_t *after = NULL;
    BdrvCheckResult result;
    BlockBackend *blk;
    int64_t length;
    Fixture f;

    begin(&f, &spec);
    vhd_add_block(f.disk, &f.image, 0, 0, BLOCK / 512, 0x11);
    for (uint32_t i = 1; i < f.image.blocks; i++) {
        vhd_set_entry(f.disk, &f.image, i,
                      vhd_get_entry(f.disk, &f.image, 0));
    }
    vhd_finish(f.disk, &f.image);
    length = mem_disk_length(f.disk);
    before = disk_copy(f.disk, 0, length);
    blk = open_flags(&f, BDRV_O_RDWR | BDRV_O_CHECK, &error_abort);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, REPAIR_ALL), ==, -EFBIG);
    blk_unref(blk);
    after = disk_copy(f.disk, 0, length);
    g_assert_cmpint(mem_disk_length(f.disk), ==, length);
    g_assert_cmpmem(after, length, before, length);
    end(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    /* Damaged images are warned of; the tests look at the reasons. */
    g_assert_nonnull(freopen("/dev/null", "w", stderr));

    g_test_add_func("/vpc/repair/contrary", test_contrary);
    g_test_add_func("/vpc/repair/header-in-doubt", test_header_in_doubt);
    g_test_add_func("/vpc/repair/smaller-tail", test_smaller_tail);
    g_test_add_func("/vpc/repair/ranges-are-named", test_ranges_are_named);
    g_test_add_func("/vpc/repair/batmap-checksum", test_batmap_checksum);
    g_test_add_func("/vpc/repair/too-many-copies", test_too_many_copies);
    g_test_add_func("/vpc/repair/leaks-only", test_leaks_only);
    g_test_add_func("/vpc/repair/space", test_space_is_given_back);
    g_test_add_func("/vpc/repair/bitmap-alone", test_bitmap_alone);
    g_test_add_func("/vpc/repair/32-mib", test_orphan_of_32_mib);
    g_test_add_func("/vpc/repair/second-footer", test_second_footer_stays);
    g_test_add_func("/vpc/repair/rest-stays", test_rest_stays);
    g_test_add_func("/vpc/repair/padding", test_padding_is_no_orphan);
    g_test_add_func("/vpc/repair/short-footer", test_short_footer_is_cut);
    return g_test_run();
}
