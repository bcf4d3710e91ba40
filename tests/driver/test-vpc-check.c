/* SPDX-License-Identifier: MIT */
/*
 * What a check of a VHD finds: each finding, where it is and how it is graded.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "four-blocks.h"
#include "vpc-findings.h"

/* Where the footer of `small` is. */
#define TAIL (2048 + 2 * (512 + 64 * KiB))

/* ---- nothing is found --------------------------------------------------- */

static void test_sound(void)
{
    static const VhdSpec specs[] = {
        { .size = 4 * BLOCK },
        { .size = 4 * BLOCK, .type = VPC_TYPE_FIXED },
        { .size = 4 * BLOCK, .windows = true },
        { .size = 4 * BLOCK, .spare_sectors = 1 },
        { .size = 4 * BLOCK, .batmap = true },
        { .size = 4 * BLOCK, .table_offset = 8192 },
        { .size = 4 * BLOCK, .creator = "vpc ", .geometry = { 10, 2, 17 } },
        { .size = 4 * BLOCK, .geometry = { 65535, 16, 255 } },
        { .size = 4 * BLOCK - 512 },
        { .size = 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        Fixture f;

        begin(&f, &specs[i]);
        if (specs[i].size && specs[i].type != VPC_TYPE_FIXED) {
            vhd_add_block(f.disk, &f.image, 3, 0, BLOCK / 512, 0x11);
            vhd_add_block(f.disk, &f.image, 0, 0, 0, 0);
        }
        vhd_finish(f.disk, &f.image);
        assert_sound(&f);
        if (specs[i].type != VPC_TYPE_FIXED) {
            uint8_t page[4096];

            /* Nor of what stands behind the image. */
            memset(page, 0x5e, sizeof(page));
            mem_disk_write(f.disk, mem_disk_length(f.disk), page,
                           sizeof(page));
            assert_sound(&f);
        }
        end(&f);
    }
}

/* A tail without its last byte, as before Virtual PC 2004. */
static void test_tail_of_511_bytes(void)
{
    Fixture f;

    begin_image(&f, &small);
    disk_shorten(f.disk, 1);
    assert_sound(&f);
    end(&f);
}

typedef struct Write {
    BlockBackend *blk;
    int64_t offset;
    unsigned *pending;
} Write;

static void coroutine_fn write_entry(void *opaque)
{
    Write *w = opaque;
    uint8_t buf[512] = { 0x77 };
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, sizeof(buf));

    g_assert_cmpint(blk_co_pwritev(w->blk, w->offset, sizeof(buf), &qiov, 0),
                    >=, 0);
    --*w->pending;
}

/* Requests in flight are over before a check begins. */
static void test_in_flight(void)
{
    Write writes[4];
    unsigned pending = 0;
    BdrvCheckResult result;
    BlockBackend *blk;
    Fixture f;

    begin_image(&f, &small);
    blk = open_rw(&f);
    for (unsigned i = 0; i < ARRAY_SIZE(writes); i++) {
        writes[i] = (Write) { blk, i * BLOCK, &pending };
        pending++;
        qemu_coroutine_enter(qemu_coroutine_create(write_entry, &writes[i]));
    }
    g_assert_cmpuint(pending, >, 0);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result,
                               BDRV_FIX_LEAKS | BDRV_FIX_ERRORS), ==, 0);
    g_assert_cmpint(result.corruptions + result.leaks, ==, 0);
    g_assert_cmpint(result.bfi.allocated_clusters, ==, 4);
    AIO_WAIT_WHILE(qemu_get_current_aio_context(), pending > 0);
    blk_unref(blk);
    assert_sound(&f);
    end(&f);
}

/* What this driver writes is sound, too, also before it is closed. */
static void test_written(void)
{
    Fixture f;
    BdrvCheckResult result;
    BlockBackend *blk;

    begin_image(&f, &small);
    blk = open_rw(&f);
    write_value(blk, 0, 512, 0x33);
    write_value(blk, 3 * BLOCK + 4096, BLOCK - 4096, 0x44);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, 0), ==, 0);
    g_assert_cmpint(result.corruptions + result.leaks, ==, 0);
    g_assert_cmpint(result.bfi.allocated_clusters, ==, 4);
    g_assert_cmpint(result.bfi.total_clusters, ==, 4);
    write_value(blk, 0, 512, 0x55);
    blk_unref(blk);
    assert_sound(&f);
    end(&f);
}

/* ---- the ends ----------------------------------------------------------- */

/* One byte of the disk that is turned, and what is found then. */
typedef struct FlipCase {
    const VhdSpec *spec;
    int64_t offset;
    const char *found;
} FlipCase;

static const FlipCase flip_cases[] = {
    /* Not sealed: the checksum is wrong, and the copies differ. */
    { &small, 3, "C@0 cookie of the footer is con\\x9actix, expected conectix" },
    { &small, 67, "C@64 checksum of the footer is 0x" },
    { &small, TAIL + 67, "C@134208 checksum of the footer is 0x" },
    { &small, TAIL + 1, "C@134144 cookie of the footer is " },
    { &small, TAIL + 12, "C@134156 version of the footer is 0xff010000, "
                         "expected 0x00010000" },
    { &small, 63, "C@60 type of the footer is 252, expected 2, 3 or 4" },
    { &small, 27, "C@64 checksum of the footer is 0x\n"
                  "C@24 timestamp is 0x" },
    { &small, TAIL + 28, "C@134208 checksum of the footer is 0x\n"
                         "C@134172 creator is \\x88in , expected win , as in "
                         "the footer at offset 0" },
    /* Of the reserved bytes those that differ. */
    { &small, TAIL + 200, "C@134208 checksum of the footer is 0x\n"
                          "C@134344 reserved bytes is 0xff000000000000000000"
                          "000000000000, expected 0x0000" },
    { &small, TAIL + 511, "C@134208 checksum of the footer is 0x\n"
                          "C@134640 reserved bytes is 0x00000000000000000000"
                          "0000000000ff, expected 0x0000" },
    { &small, 512 + 39, "C@548 checksum of the dynamic header is 0x" },
    { &small_fixed, 4 * 65536 + 67, "C@262208 checksum of the footer is 0x" },
};

static void test_flip(gconstpointer data)
{
    const FlipCase *c = data;
    Fixture f;

    begin_image(&f, c->spec);
    disk_flip(f.disk, c->offset, 0xff);
    {
        g_autofree char *expected = g_strconcat(c->found, "\n", NULL);

        assert_findings(&f, 0, expected);
    }
    end(&f);
}

/* A field of footer or header, sealed, and what is found then. */
typedef struct FieldCase {
    const VhdSpec *spec;
    bool header;
    uint16_t offset;
    uint8_t value;
    const char *found;
} FieldCase;

static const FieldCase field_cases[] = {
    { &small, false, 11, 0, "W@134152 features of the footer is 0x00000000, "
                            "expected 2 or 3" },
    { &small, false, 11, 3, NULL },
    { &small, false, 11, 6, "W@134152 features" },
    { &small, false, 15, 1, "W@134156 version of the footer is 0x00010001" },
    { &small_fixed, false, 16, 0, "W@262160 data offset of the footer is "
                                  "0xffffffffffffff, expected 0xffffffff" },
    { &small, false, 84, 1, "W@134228 saved state of the footer is 1" },
    { &small, false, 85, 1, NULL },             /* XenServer: hidden */
    { &small, false, 85, 2, "W@134229 reserved bytes of the footer" },
    { &small, false, 500, 1, "W@134229 reserved bytes of the footer" },
    { &small, true, 8, 0, "W@520 data offset of the dynamic header" },
    { &small, true, 27, 1, "W@536 version of the dynamic header is 0x00010001" },
    { &small, true, 31, 5, "W@540 max table entries is 5, expected 4" },
    { &small, true, 63, 5, "W@572 reserved bytes of the dynamic header" },
    { &small, true, 1023 & 0xffff, 5, "W@1280 reserved bytes of the dynamic" },
    { &small, true, 576 + 8, 1, "W@1088 parent locator without a platform" },
    { &small, true, 576 + 24, 'W', NULL },      /* of no bytes */
};

static void test_field(gconstpointer data)
{
    const FieldCase *c = data;
    g_autofree char *expected = c->found ? g_strconcat(c->found, "\n", NULL)
                                         : g_strdup("");
    Fixture f;

    begin_image(&f, c->spec);
    ((uint8_t *)(c->header ? (void *)&f.image.header
                           : (void *)&f.image.footer))[c->offset] = c->value;
    vhd_rewrite(f.disk, &f.image);
    assert_findings(&f, 0, expected);
    end(&f);
}

static void test_no_id(void)
{
    Fixture f;

    begin_image(&f, &small);
    memset(&f.image.footer.uuid, 0, 16);
    vhd_rewrite(f.disk, &f.image);
    assert_findings(&f, 0, "W@134212 unique id of the footer is zero, expected "
                    "an id\n");
    end(&f);
}

/* Both are footers, but not the same: each field is named. */
static void test_differ(void)
{
    VpcFooter head;
    Fixture f;

    begin_image(&f, &small);
    head = f.image.footer;
    head.timestamp = cpu_to_be32(7);
    head.current_size = cpu_to_be64(3 * BLOCK);
    vpc_footer_seal(&head);
    mem_disk_write(f.disk, 0, &head, sizeof(head));
    assert_findings(&f, 0, "C@24 timestamp is 0x00000007, expected 0x\n"
                    "C@48 current size is 0x0000000000030000, expected "
                    "0x0000000000040000, as in the footer at offset 134144\n");
    end(&f);
}

static void test_tail_missing(void)
{
    Fixture f;

    begin_image(&f, &small);
    disk_shorten(f.disk, 512);
    assert_findings(&f, 0, "C@133632 cookie of the footer is "
                    "\"\"\"\"\"\"\"\", expected conectix\n");
    end(&f);
}

static void test_locator_outside(void)
{
    Fixture f;

    begin_image(&f, &small);
    f.image.header.locator[1] = (VpcParentLocator) {
        .platform = cpu_to_be32(0x57327275),
        .data_length = cpu_to_be32(100),
        .data_offset = cpu_to_be64(1 * MiB),
    };
    vhd_rewrite(f.disk, &f.image);
    assert_findings(&f, 0, "C@1112 parent locator is 100 bytes at offset "
                    "1048576, expected a place inside the file\n");
    assert_read_only(&f, "Parent locator");
    end(&f);
}

/* ---- blocks ------------------------------------------------------------- */

typedef struct EntryCase {
    uint32_t block, entry;
    const char *found;
} EntryCase;

static const EntryCase entry_cases[] = {
    { 0, 262, "C@1536 table entry of block 0 is 0x00000106 (offset 134144), "
              "expected 0xffffffff, or a sector before the end" },
    { 3, 0xfffffffe, "C@1548 table entry of block 3 is 0xfffffffe" },
    { 3, 0, "C@1548 table entry of block 3 is 0x00000000 (offset 0), expected "
            "0xffffffff, or a sector apart from headers and tables" },
    { 3, 2, "C@1548 table entry of block 3 is 0x00000002 (offset 1024), "
            "expected 0xffffffff, or a sector apart" },
    /* Two blocks share space: both are named. */
    { 0, 4, "C@1536 table entry of each of the blocks 0 to 1 is 0x00000004 "
            "(offset 2048), expected space of its own, which that of the block "
            "at 0x00000004" },
    { 3, 4, "C@1540 table entry of block 1 is 0x00000004 (offset 2048), "
            "expected space of its own, which that of the block at 0x00000004\n"
            "C@1548 table entry of block 3 is 0x00000004" },
    { 3, 6, "C@1540 table entry of each of the blocks 1 to 3 is 0x00000004 to "
            "0x00000085, expected space of its own, which that of the block at "
            "0x00000006" },
    /*
     * In the last block, as if another one had been cut off: that says nothing
     * against the block that is whole.
     */
    { 3, 261, "C@1548 table entry of block 3 is 0x00000105 (offset 133632), "
              "expected a block of 66048 bytes before the end at offset 134144\n"
              "C@1548 table entry of block 3 is 0x00000105 (offset 133632), "
              "expected space of its own" },
};

static void test_entry(gconstpointer data)
{
    const EntryCase *c = data;
    g_autofree char *expected = g_strconcat(c->found, "\n", NULL);
    Fixture f;

    begin_image(&f, &small);
    vhd_set_entry(f.disk, &f.image, c->block, c->entry);
    assert_findings(&f, 0, expected);
    end(&f);
}

/* A locator in the way of a block, as QEMU lays them (A4). */
static void test_into_structure(void)
{
    Fixture f;

    begin_image(&f, &small);
    f.image.header.locator[0] = (VpcParentLocator) {
        .platform = cpu_to_be32(0x57327275),
        .data_length = cpu_to_be32(100),
        .data_offset = cpu_to_be64(8192),
    };
    vhd_rewrite(f.disk, &f.image);
    assert_findings(&f, 0, "C@1540 table entry of block 1 is 0x00000004 (offset "
                    "2048), expected a block that ends before other "
                    "structures begin\n");
    end(&f);
}

static void test_cut_block(void)
{
    Fixture f;

    begin_image(&f, &small);
    mem_disk_set_length(f.disk, 100 * KiB);
    assert_findings(&f, 0, "C@101888 cookie of the footer is\n"
                    "C@1544 table entry of block 2 is 0x00000085 (offset "
                    "68096), expected a block of 66048 bytes before the end at "
                    "offset 102400\n");
    end(&f);
}

/* Equal entries that follow each other are one finding, however many they are. */
static void test_sparse_table(void)
{
    const VhdSpec huge = { .size = 1024 * GiB, .block_size = 4096 };
    const uint64_t blocks = huge.size / huge.block_size;
    BdrvCheckResult result;
    Fixture f;
    g_autofree char *lines = NULL;
    VpcNewDisk disk = {
        .size = huge.size, .type = VPC_TYPE_DYNAMIC, .creator_app = "win ",
    };

    f.disk = mem_disk_new("disk");
    memset(&f.image, 0, sizeof(f.image));
    vpc_new_footer(&f.image.footer, &disk);
    vpc_new_header(&f.image.header, 1536, blocks, huge.block_size);
    f.image.end = 1536 + blocks * 4;
    vhd_rewrite(f.disk, &f.image);
    lines = check_lines(&f, 0, &result, NULL);
    g_assert_cmpstr(lines, ==, "C@1536 table entry of each of the blocks 0 to "
                    "268435455 is 0x00000000 (offset 0), expected 0xffffffff, "
                    "or a sector apart from headers and tables "
                    "0+1099511627776\n");
    g_assert_cmpint(result.corruptions, ==, 268435456);
    g_assert_cmpint(result.unreadable, ==, 1024 * GiB);
    end(&f);
}

static void test_stale_sectors(void)
{
    Fixture f;

    begin(&f, &small);
    vhd_add_block(f.disk, &f.image, 1, 7, 20, 0x11);
    vhd_finish(f.disk, &f.image);
    assert_findings(&f, 0, "W@2560 unused sectors of block 1 is data, expected "
                    "zeroes where the bits of the sector bitmap are clear\n");
    end(&f);
}

static void test_lost_space(void)
{
    Fixture f;

    /* Between blocks, and behind the last one. */
    begin(&f, &small);
    for (unsigned i = 0; i < 4; i++) {
        vhd_add_block(f.disk, &f.image, i, 0, BLOCK / 512, 0x11 * i);
    }
    vhd_finish(f.disk, &f.image);
    vhd_set_entry(f.disk, &f.image, 1, VPC_UNALLOCATED);
    vhd_set_entry(f.disk, &f.image, 3, VPC_UNALLOCATED);
    assert_findings(&f, 0, "L@68096 lost space is 1 orphaned block in 66048 "
                    "bytes, with 65536 bytes of data that are not zero, "
                    "expected a table entry for each\n"
                    "L@200192 lost space is 1 orphaned block in 66048\n");
    end(&f);
}

/* Holes are where unmapped blocks were. */
static void test_holes_are_not_lost(void)
{
    static const uint8_t zeroes[512];
    Fixture f;

    begin(&f, &small);
    vhd_add_block(f.disk, &f.image, 0, 0, BLOCK / 512, 0x11);
    f.image.end += 1 * MiB;
    vhd_add_block(f.disk, &f.image, 1, 0, BLOCK / 512, 0x11);
    vhd_finish(f.disk, &f.image);
    assert_sound(&f);

    /* But the footer follows the last one, as QEMU takes for granted. */
    mem_disk_write(f.disk, f.image.end, zeroes, sizeof(zeroes));
    f.image.end += 1 * MiB;
    vhd_finish(f.disk, &f.image);
    assert_findings(&f, 0, "L@1182720 lost space is 1048576 bytes of zeroes, "
                    "expected the footer after the last block\n");
    end(&f);
}

/* ---- XenServer's batmap ------------------------------------------------- */

static void set_batmap(Fixture *f, uint8_t bits, uint32_t checksum)
{
    uint32_t raw = cpu_to_be32(checksum);

    mem_disk_write(f->disk, 2560, &bits, 1);
    mem_disk_write(f->disk, 2048 + 24, &raw, sizeof(raw));
}

static void test_batmap(void)
{
    Fixture f;

    /* Blocks 1 and 2 are full. */
    begin_image(&f, &xen);
    set_batmap(&f, 0x60, ~0x60u);
    assert_sound(&f);
    set_batmap(&f, 0x20, ~0x20u);
    assert_sound(&f);
    set_batmap(&f, 0x60, ~0x61u);
    assert_findings(&f, 0, "W@2072 checksum of the batmap is 0xffffff9e, "
                    "expected 0xffffff9f\n");
    set_batmap(&f, 0xe0, ~0xe0u);
    assert_findings(&f, 0, "W@2560 batmap bit of block 0 is 1, expected 0, as "
                    "the sector bitmap is not full\n");
    disk_flip(f.disk, 3584, 0x80);
    set_batmap(&f, 0x40, ~0x40u);
    assert_findings(&f, 0, "W@2560 batmap bit of block 1 is 1, expected 0\n"
                    "W@4096 unused sectors of block 1\n");
    end(&f);
}

static void test_batmap_out_of_place(void)
{
    const uint64_t far = cpu_to_be64(1 * GiB);
    Fixture f;

    begin_image(&f, &xen);
    mem_disk_write(f.disk, 2048 + 8, &far, sizeof(far));
    assert_findings(&f, 0, "C@2056 offset of the batmap is 1073741824, "
                    "expected a place inside the file\n");
    assert_read_only(&f, "Batmap");
    end(&f);
}

static void add_cases(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(flip_cases); i++) {
        g_autofree char *name = g_strdup_printf("/vpc/check/flip/%zu", i);

        g_test_add_data_func(name, &flip_cases[i], test_flip);
    }
    for (size_t i = 0; i < ARRAY_SIZE(field_cases); i++) {
        g_autofree char *name = g_strdup_printf("/vpc/check/field/%zu", i);

        g_test_add_data_func(name, &field_cases[i], test_field);
    }
    for (size_t i = 0; i < ARRAY_SIZE(entry_cases); i++) {
        g_autofree char *name = g_strdup_printf("/vpc/check/entry/%zu", i);

        g_test_add_data_func(name, &entry_cases[i], test_entry);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    /* Damaged images are warned of; the tests look at the reasons. */
    g_assert_nonnull(freopen("/dev/null", "w", stderr));

    g_test_add_func("/vpc/check/sound", test_sound);
    g_test_add_func("/vpc/check/written", test_written);
    g_test_add_func("/vpc/check/footer-511", test_tail_of_511_bytes);
    g_test_add_func("/vpc/check/in-flight", test_in_flight);
    add_cases();
    g_test_add_func("/vpc/check/no-id", test_no_id);
    g_test_add_func("/vpc/check/differ", test_differ);
    g_test_add_func("/vpc/check/tail-missing", test_tail_missing);
    g_test_add_func("/vpc/check/locator-outside", test_locator_outside);
    g_test_add_func("/vpc/check/into-structure", test_into_structure);
    g_test_add_func("/vpc/check/S22-cut-block", test_cut_block);
    g_test_add_func("/vpc/check/S10-sparse-table", test_sparse_table);
    g_test_add_func("/vpc/check/stale-sectors", test_stale_sectors);
    g_test_add_func("/vpc/check/lost-space", test_lost_space);
    g_test_add_func("/vpc/check/holes", test_holes_are_not_lost);
    g_test_add_func("/vpc/check/batmap", test_batmap);
    g_test_add_func("/vpc/check/batmap-out-of-place", test_batmap_out_of_place);
    return g_test_run();
}
