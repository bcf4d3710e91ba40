/* SPDX-License-Identifier: MIT */
/*
 * Images with numbers that cannot be right, cut off or mutated: what is sound
 * can be read, the rest is refused with a reason, and nothing is written.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "vpc-fixture.h"

/* ---- numbers that cannot be right --------------------------------------- */

static void test_s14_type(void)
{
    static const uint32_t types[] = { 0, 1, 5, 6, 7, 0xffffffff };
    Fixture f;

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        begin(&f, &virtualbox);
        f.image.footer.type = cpu_to_be32(types[i]);
        vhd_finish(f.disk, &f.image);
        assert_refused(&f, 0, "Unknown disk type");
        end(&f);
    }
    /* Fixed, with a head as a dynamic disk has it: that is guest data. */
    begin(&f, &virtualbox);
    f.image.footer.type = cpu_to_be32(VPC_TYPE_FIXED);
    vhd_finish(f.disk, &f.image);
    assert_refused(&f, 0, "does not fit");
    end(&f);
}

static void test_s10_table_larger_than_file(void)
{
    Fixture f;

    begin(&f, &virtualbox);
    f.image.header.max_table_entries = cpu_to_be32(0x1d000000);
    f.image.footer.current_size = cpu_to_be64(0x1d000000ull * 4096);
    f.image.header.block_size = cpu_to_be32(4096);
    vhd_finish(f.disk, &f.image);
    assert_refused(&f, 0, "does not lie inside the file");
    end(&f);
}

/*
 * The entries that no block needs may be missing; their space is the table's.
 */
static void test_table_longer_than_file(void)
{
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    f.image.header.max_table_entries = cpu_to_be32(100000);
    vhd_finish(f.disk, &f.image);
    for (int64_t at = 0; at < 10 * BLOCK; at += 3 * BLOCK) {
        blk = open_rw(&f);
        write_value(blk, at, BLOCK, 0x42);
        blk_unref(blk);
        assert_sound_ends(&f);
    }
    blk = open_rw(&f);
    assert_reads(blk, 0, BLOCK, 0x42);
    assert_reads(blk, BLOCK, 2 * BLOCK, 0);
    assert_reads(blk, 9 * BLOCK, BLOCK, 0x42);
    g_assert_cmpuint(vhd_get_entry(f.disk, &f.image, 0) * VPC_SECTOR, >=,
                     1536 + 100000 * 4);
    blk_unref(blk);
    end(&f);
}

/*
 * Entries of blocks that only programs which go by current_size have: a block
 * that is put where they point later would be shared with them.
 */
static void test_entries_behind_disk(void)
{
    static const VhdSpec spec = {
        .size = 10 * BLOCK, .creator = "vpc ", .geometry = { 16, 4, 4 },
    };
    /* In the file, but not all of it; outside. */
    static const uint32_t damaged[] = { 4, 0x20, 0xfffffffe };
    Fixture f;

    for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
        begin(&f, &spec);
        f.image.end += 4 * VPC_SECTOR;
        vhd_finish(f.disk, &f.image);
        /* Over the header they are in nobody's way. */
        vhd_set_entry(f.disk, &f.image, 9, 0);
        blk_unref(open_rw(&f));
        vhd_set_entry(f.disk, &f.image, 9, damaged[i]);
        assert_read_only(&f, "behind the end of the disk name no whole block, "
                         "the first is that of block 9");
        end(&f);
    }
}

static void test_s9_block_of_2_gib(void)
{
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    f.image.header.block_size = cpu_to_be32(0x80000000);
    vhd_finish(f.disk, &f.image);
    blk = open_ro(&f);
    assert_reads(blk, 0, 10 * BLOCK, 0);
    blk_unref(blk);
    end(&f);
}

typedef struct HeaderCase {
    size_t offset;              /* in the dynamic header */
    unsigned bytes;
    uint64_t value;
    bool wrong_checksum;
    const char *message;
} HeaderCase;

/* Values are judged before the checksum: cases without a sealed header. */
static const HeaderCase header_cases[] = {
    { 0, 8, 0, false, "No cookie" },
    { 16, 8, 1537, false, "Invalid offset 1537" },
    { 16, 8, UINT64_MAX, false, "Invalid offset" },
    { 16, 8, 512, false, "overlaps" },
    { 16, 8, 0, false, "overlaps" },
    { 16, 8, 1ull << 40, false, "does not lie inside the file" },
    { 24, 4, 0x00020000, false, "Unsupported version" },
    { 28, 4, 9, false, "Max Table Entries too small (9)" },
    { 28, 4, 1073741825, true, "Max Table Entries too large (1073741825)" },
    { 32, 4, 0, true, "Invalid block size 0" },
    { 32, 4, 256, true, "Invalid block size 256" },
    { 32, 4, 513, true, "Invalid block size 513" },
    { 32, 4, 0x300000, true, "Invalid block size" },
    { 100, 1, 1, true, "Wrong checksum" },
};

static void test_header(gconstpointer data)
{
    const HeaderCase *c = data;
    uint8_t *header;
    Fixture f;

    begin(&f, &virtualbox);
    header = (uint8_t *)&f.image.header;
    for (unsigned i = 0; i < c->bytes; i++) {
        header[c->offset + i] = c->value >> (8 * (c->bytes - 1 - i));
    }
    vhd_finish(f.disk, &f.image);
    if (c->wrong_checksum) {
        disk_flip(f.disk, 512 + 36, 0x55);
    }
    assert_refused(&f, 0, c->message);
    end(&f);
}

static void test_sizes_too_large(void)
{
    Fixture f;

    begin(&f, &virtualbox);
    f.image.footer.current_size = cpu_to_be64(VPC_MAX_SIZE + 512);
    vhd_finish(f.disk, &f.image);
    assert_refused(&f, 0, "too large");
    f.image.footer.current_size = cpu_to_be64(1000);
    vhd_rewrite(f.disk, &f.image);
    assert_refused(&f, 0, "not a multiple of 512");
    end(&f);
}

/* S21: entries that point at headers, behind the file, or at each other. */
static void test_s21_misplaced_entry(void)
{
    static const uint32_t entries[] = { 0, 1, 2, 3, 0x7fffffff, 0xfffffffe };
    uint8_t buf[512];

    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        Fixture f;
        BlockBackend *blk;

        begin(&f, &virtualbox);
        vhd_add_block(f.disk, &f.image, 1, 0, BLOCK / 512, 0x11);
        vhd_set_entry(f.disk, &f.image, 4, entries[i]);
        vhd_finish(f.disk, &f.image);
        assert_read_only(&f, "block allocation table");
        blk = open_ro(&f);
        assert_reads(blk, BLOCK, BLOCK, 0x11);
        assert_reads(blk, 0, BLOCK, 0);
        g_assert_cmpint(blk_pread(blk, 4 * BLOCK, buf, 512), ==, -EIO);
        blk_unref(blk);
        end(&f);
    }
}

static void test_s21_overlap(void)
{
    static const int distances[] = { 0, 1, 64, BLOCK / 512 };
    uint8_t buf[512];

    for (size_t i = 0; i < ARRAY_SIZE(distances); i++) {
        Fixture f;
        BlockBackend *blk;
        uint32_t entry;

        begin(&f, &virtualbox);
        vhd_add_block(f.disk, &f.image, 1, 0, BLOCK / 512, 0x11);
        vhd_add_block(f.disk, &f.image, 2, 0, BLOCK / 512, 0x22);
        vhd_add_block(f.disk, &f.image, 3, 0, BLOCK / 512, 0x33);
        entry = vhd_get_entry(f.disk, &f.image, 1);
        vhd_set_entry(f.disk, &f.image, 7, entry + distances[i]);
        vhd_finish(f.disk, &f.image);
        assert_read_only(&f, "overlap");
        blk = open_ro(&f);
        g_assert_cmpint(blk_pread(blk, BLOCK, buf, 512), ==, -EIO);
        g_assert_cmpint(blk_pread(blk, 7 * BLOCK, buf, 512), ==, -EIO);
        assert_reads(blk, 3 * BLOCK, BLOCK, 0x33);
        blk_unref(blk);
        end(&f);
    }
}

/* A number of entries that no disk can have takes no space from the blocks. */
static void test_entries_without_measure(void)
{
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_add_block(f.disk, &f.image, 1, 0, BLOCK / 512, 0x11);
    f.image.header.max_table_entries = cpu_to_be32(0x1d000000);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    assert_reads(blk, BLOCK, BLOCK, 0x11);
    write_value(blk, 2 * BLOCK, 512, 0x22);
    blk_unref(blk);
    blk = open_rw(&f);
    assert_reads(blk, BLOCK, BLOCK, 0x11);
    assert_reads(blk, 2 * BLOCK, 512, 0x22);
    blk_unref(blk);
    end(&f);
}

static void test_s16_damaged_footers(void)
{
    const uint8_t zeroes[512] = { 0 };
    Fixture f;

    begin(&f, &virtualbox);
    vhd_add_block(f.disk, &f.image, 1, 0, BLOCK / 512, 0x11);
    vhd_finish(f.disk, &f.image);
    disk_flip(f.disk, 70, 1);
    assert_read_only(&f, "offset 0 is damaged");
    /* S15: no head at all. */
    mem_disk_write(f.disk, 0, zeroes, 512);
    assert_read_only(&f, "offset 0 is damaged");
    vhd_rewrite(f.disk, &f.image);
    disk_flip(f.disk, mem_disk_length(f.disk) - 400, 1);
    assert_read_only(&f, "end of the file");
    disk_flip(f.disk, 70, 1);
    assert_refused(&f, 0, "Wrong checksum");
    end(&f);
}

static void test_s37_saved_state(void)
{
    Fixture f;

    begin(&f, &virtualbox);
    f.image.footer.saved_state = 1;
    vhd_finish(f.disk, &f.image);
    assert_read_only(&f, "saved state");
    end(&f);
}

static void test_disk_of_0_bytes(void)
{
    const VhdSpec dynamic0 = { .size = 0 };
    const VhdSpec fixed0 = { .size = 0, .type = VPC_TYPE_FIXED };
    Fixture f;
    BlockBackend *blk;

    begin(&f, &dynamic0);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    g_assert_cmpint(blk_getlength(blk), ==, 0);
    blk_unref(blk);
    end(&f);

    begin(&f, &fixed0);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    g_assert_cmpint(blk_getlength(blk), ==, 0);
    blk_unref(blk);
    end(&f);
}

/* ---- mutations ---------------------------------------------------------- */

/* Opens, reads all, closes: an error or data, and the file is as it was. */
static void try_to_read(Fixture *f)
{
    int64_t length = mem_disk_length(f->disk);
    g_autofree uint8_t *before = disk_copy(f->disk, 0, length);
    g_autofree uint8_t *after = NULL;
    Error *err = NULL;
    BlockBackend *blk = open_flags(f, 0, &err);

    if (blk) {
        int64_t bytes = MIN(blk_getlength(blk), 20 * BLOCK);
        g_autofree uint8_t *buf = g_malloc(MAX(bytes, 1));
        int64_t pnum;

        blk_pread(blk, 0, buf, bytes);
        bdrv_block_status(blk_bs(blk), 0, bytes, &pnum, NULL, NULL);
        blk_unref(blk);
    } else {
        g_assert_cmpint(strlen(error_get_pretty(err)), >, 10);
        error_free(err);
    }
    g_assert_cmpint(mem_disk_length(f->disk), ==, length);
    after = disk_copy(f->disk, 0, length);
    g_assert_cmpmem(after, length, before, length);
}

static void fresh(Fixture *f, bool is_fixed)
{
    VhdSpec spec = virtualbox;

    if (is_fixed) {
        spec.type = VPC_TYPE_FIXED;
    }
    begin(f, &spec);
    if (!is_fixed) {
        vhd_add_block(f->disk, &f->image, 1, 0, BLOCK / 512, 0x11);
        vhd_add_block(f->disk, &f->image, 5, 7, 20, 0x22);
    }
    vhd_finish(f->disk, &f->image);
}

static void test_cut(void)
{
    for (int is_fixed = 0; is_fixed < 2; is_fixed++) {
        Fixture f;

        fresh(&f, is_fixed);
        while (mem_disk_length(f.disk)) {
            try_to_read(&f);
            disk_shorten(f.disk, 512);
        }
        try_to_read(&f);
        end(&f);
    }
}

/* Each 32-bit field of footer and header: 0, 1, ones, random; sealed or not. */
static void test_mutate(void)
{
    uint32_t values[4] = { 0, 1, 0xffffffff, 0 };

    for (int field = 0; field < (512 + 1024) / 4; field++) {
        for (int v = 0; v < 8; v++) {
            Fixture f;
            uint32_t value = v % 4 == 3 ? (uint32_t)g_test_rand_int()
                                        : values[v % 4];

            if (field > 24 && field < 128) {
                break;          /* the footer's reserved part */
            }
            fresh(&f, false);
            if (field < 128) {
                memcpy((uint8_t *)&f.image.footer + field * 4, &value, 4);
            } else {
                memcpy((uint8_t *)&f.image.header + (field - 128) * 4,
                       &value, 4);
            }
            if (v < 4) {
                vhd_rewrite(f.disk, &f.image);
            } else {
                mem_disk_write(f.disk, 0, &f.image.footer, 512);
                mem_disk_write(f.disk, 512, &f.image.header, 1024);
                mem_disk_write(f.disk, f.image.end, &f.image.footer, 512);
            }
            try_to_read(&f);
            end(&f);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    /* Damaged images are warned of; the tests look at the reasons. */
    g_assert_nonnull(freopen("/dev/null", "w", stderr));

    g_test_add_func("/vpc/S9-large-block", test_s9_block_of_2_gib);
    g_test_add_func("/vpc/S10-table", test_s10_table_larger_than_file);
    g_test_add_func("/vpc/table-longer-than-file",
                    test_table_longer_than_file);
    g_test_add_func("/vpc/entries-behind-disk", test_entries_behind_disk);
    g_test_add_func("/vpc/entries-without-measure",
                    test_entries_without_measure);
    g_test_add_func("/vpc/S14-type", test_s14_type);
    g_test_add_func("/vpc/S15-S16-footers", test_s16_damaged_footers);
    g_test_add_func("/vpc/S21-misplaced", test_s21_misplaced_entry);
    g_test_add_func("/vpc/S21-overlap", test_s21_overlap);
    g_test_add_func("/vpc/S37-saved-state", test_s37_saved_state);
    g_test_add_func("/vpc/0-bytes", test_disk_of_0_bytes);
    g_test_add_func("/vpc/size-limits", test_sizes_too_large);
    g_test_add_func("/vpc/cut", test_cut);
    g_test_add_func("/vpc/mutate", test_mutate);
    for (size_t i = 0; i < ARRAY_SIZE(header_cases); i++) {
        g_autofree char *name = g_strdup_printf("/vpc/header/%zu", i);

        g_test_add_data_func(name, &header_cases[i], test_header);
    }
    return g_test_run();
}
