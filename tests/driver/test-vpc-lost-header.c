/* SPDX-License-Identifier: MIT */
/*
 * Images in the layouts of various programs that have lost their dynamic
 * header: to be salvaged they read as before, or not at all.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "vpc-findings.h"

static const VhdSpec specs[] = {
    { .size = 9 * BLOCK + 512, .creator = "qem2" },
    { .size = 10 * BLOCK, .creator = "vbox", .block_size = 4 * KiB },
    { .size = 20 * MiB, .creator = "qem2", .block_size = 2 * MiB },
    { .size = 10 * BLOCK, .windows = true },
    { .size = 20 * MiB, .windows = true, .block_size = 512 * KiB },
    { .size = 10 * BLOCK, .windows = true, .table_offset = 8192 },
    { .size = 10 * BLOCK, .creator = "vpc ", .geometry = { 40, 4, 8 },
      .spare_sectors = 1 },
    { .size = 10 * BLOCK, .batmap = true },
    { .size = 20 * MiB, .batmap = true, .block_size = 2 * MiB },
};

/* Each shows one more thing to be damaged of the 1024 bytes. */
typedef enum Damage {
    ZEROED, FILLED, COOKIE, TABLE, SIZE, ENTRIES, DAMAGES
} Damage;

static void lose_header(Fixture *f, Damage damage)
{
    uint8_t lost[1024];

    memset(lost, damage == FILLED ? 0x5e : 0, sizeof(lost));
    switch (damage) {
    case COOKIE:
        disk_flip(f->disk, 512, 1);
        break;
    case TABLE:
        disk_flip(f->disk, 512 + 16 + 6, 0x40);
        break;
    case SIZE:
        mem_disk_write(f->disk, 512 + 32, lost, 4);
        break;
    case ENTRIES:
        mem_disk_write(f->disk, 512 + 28, lost, 4);
        break;
    default:
        mem_disk_write(f->disk, 512, lost, sizeof(lost));
    }
}

/* Blocks of the first @count, every other one, or the first alone. */
static void begin_blocks(Fixture *f, const VhdSpec *spec, unsigned count)
{
    begin(f, spec);
    if (spec->table_offset) {
        f->image.end = spec->table_offset + 512;
    }
    for (unsigned i = 0; i < count; i += 2) {
        vhd_add_block(f->disk, &f->image, i, 0,
                      f->image.spec.block_size / 512, 0x11 + i);
    }
    vhd_finish(f->disk, &f->image);
}

static void assert_content(Fixture *f, unsigned count)
{
    BlockBackend *blk = open_flags(f, BDRV_O_CHECK, &error_abort);
    int64_t size = f->image.spec.block_size;
    int64_t length = blk_getlength(blk);

    for (unsigned i = 0; i * size < length; i++) {
        assert_reads(blk, i * size, MIN(size, length - i * size),
                     i < count && i % 2 == 0 ? 0x11 + i : 0);
    }
    blk_unref(blk);
}

static void test_known(void)
{
    static const unsigned counts[] = { 0, 1, 3, 6 };

    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        for (size_t c = 0; c < ARRAY_SIZE(counts); c++) {
            for (Damage damage = 0; damage < DAMAGES; damage++) {
                Fixture f;

                begin_blocks(&f, &specs[i], counts[c]);
                lose_header(&f, damage);
                assert_refused(&f, 0, "");
                assert_refused(&f, BDRV_O_RDWR, "");
                assert_content(&f, counts[c]);
                /* Nothing is written to such an image. */
                g_assert_cmpuint(mem_disk_count(f.disk, MEM_WRITE), ==, 0);
                end(&f);
            }
        }
    }
}

/* With the header the footer is lost, too: its copy is good. */
static void test_tail_cut(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        Fixture f;

        begin_blocks(&f, &specs[i], 6);
        lose_header(&f, ZEROED);
        mem_disk_set_length(f.disk, f.image.end);
        assert_content(&f, 6);
        end(&f);
    }
}

/* What minblk wrote, and what it left when it was killed. */
static void test_own(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        int64_t size = specs[i].block_size ?: BLOCK;
        BlockBackend *blk;
        Fixture f;

        begin_blocks(&f, &specs[i], 0);
        blk = open_rw(&f);
        for (unsigned n = 0; n < 6; n += 2) {
            write_value(blk, n * size, size, 0x11 + n);
        }
        blk_unref(blk);
        lose_header(&f, ZEROED);
        assert_content(&f, 6);
        /* Blocks whose entries were not written. */
        mem_disk_set_length(f.disk, mem_disk_length(f.disk) + 3 * size);
        assert_content(&f, 6);
        end(&f);
    }
}

/* One entry that leads nowhere: then nothing proves the layout. */
static void test_none_fits(void)
{
    static const uint32_t entries[] = { 1, 0x7fffffff, 3 };

    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        g_autoptr(Error) err = NULL;
        Fixture f;

        begin_blocks(&f, &specs[0], 6);
        lose_header(&f, ZEROED);
        vhd_set_entry(f.disk, &f.image, 3, entries[i]);
        g_assert_null(open_flags(&f, BDRV_O_CHECK, &err));
        g_assert_nonnull(strstr(error_get_pretty(err), "No cookie"));
        end(&f);
    }
}

/* No block, but the file holds more than the table. */
static void test_empty_table(void)
{
    Fixture f;

    begin_blocks(&f, &specs[0], 6);
    lose_header(&f, ZEROED);
    for (unsigned i = 0; i < 10; i++) {
        vhd_set_entry(f.disk, &f.image, i, VPC_UNALLOCATED);
    }
    assert_refused(&f, BDRV_O_CHECK, "No cookie");
    end(&f);
}

/* A check finds it, whatever it is to repair, and repairs nothing. */
static void test_check(void)
{
    static const BdrvCheckMode modes[] = {
        0, BDRV_FIX_LEAKS, REPAIR_ALL, REPAIR_ALL | BDRV_FIX_DRY_RUN,
        REPAIR_ALL | BDRV_FIX_FORCE,
    };

    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        BdrvCheckResult result;
        Fixture f;

        begin_blocks(&f, &specs[0], 6);
        lose_header(&f, i % 2 ? SIZE : ZEROED);
        /* What could be repaired, and what could be freed. */
        disk_flip(f.disk, 64, 1);
        vhd_set_entry(f.disk, &f.image, 2, VPC_UNALLOCATED);
        g_free(check_lines(&f, modes[i], &result, NULL));
        g_assert_cmpint(result.corruptions, ==, 2);
        g_assert_cmpint(result.leaks, ==, 1);
        g_assert_cmpint(result.fixable, ==, 0);
        g_assert_cmpuint(mem_disk_count(f.disk, MEM_WRITE), ==, 0);
        g_assert_null(open_option(&f, BDRV_O_RDWR, "repair", "on", NULL));
        end(&f);
    }
}

/* A header that only its checksum calls wrong is believed if it fits. */
static void test_checksum(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        BdrvCheckResult result;
        Fixture f;

        begin_blocks(&f, &specs[i], 6);
        disk_flip(f.disk, 512 + 36, 1);
        assert_content(&f, 6);
        g_free(check_lines(&f, BDRV_FIX_ERRORS, &result, NULL));
        g_assert_cmpint(result.corruptions_fixed, ==, 1);
        assert_sound(&f);
        end(&f);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    begin_listening();

    g_test_add_func("/vpc/lost-header/known", test_known);
    g_test_add_func("/vpc/lost-header/tail-cut", test_tail_cut);
    g_test_add_func("/vpc/lost-header/own", test_own);
    g_test_add_func("/vpc/lost-header/none-fits", test_none_fits);
    g_test_add_func("/vpc/lost-header/empty-table", test_empty_table);
    g_test_add_func("/vpc/lost-header/check", test_check);
    g_test_add_func("/vpc/lost-header/checksum", test_checksum);
    return g_test_run();
}
