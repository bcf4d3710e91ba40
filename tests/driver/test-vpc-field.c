/* SPDX-License-Identifier: MIT */
/*
 * What other implementations got wrong, one test each: images in the layouts of
 * other programs, order and extent of what is written, fields of the footer.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/bswap.h"
#include "vpc-fixture.h"

/* ---- images of other programs ------------------------------------------- */

/* Writes a little to each block; all else must read as zeroes, then and later. */
static void write_all_over(Fixture *f)
{
    BlockBackend *blk = open_rw(f);
    int64_t length = blk_getlength(blk);

    for (int64_t at = 0; at < length; at += BLOCK) {
        write_value(blk, at + 512, 512, 0x42);
    }
    for (int round = 0; round < 2; round++) {
        for (int64_t at = 0; at < length; at += BLOCK) {
            int rest = MIN(BLOCK, length - at) - 1024;

            assert_reads(blk, at, 512, 0);
            assert_reads(blk, at + 512, 512, 0x42);
            assert_reads(blk, at + 1024, rest, 0);
        }
        blk_unref(blk);
        blk = open_ro(f);
    }
    blk_unref(blk);
    assert_sound_ends(f);
}

static const VhdSpec windows = { .size = 10 * BLOCK, .windows = true };
static const VhdSpec virtual_pc = {
    .size = 17 * 4 * 16 * 512, .creator = "vpc ", .spare_sectors = 1,
};
static const VhdSpec disk2vhd = { .size = 10 * BLOCK, .creator = "d2v" };
static const VhdSpec xenserver = {
    .size = 10 * BLOCK, .creator = "tap", .batmap = true,
};
static const VhdSpec table_later = {
    .size = 10 * BLOCK, .table_offset = 8192,
};

static void test_a1_old_footer(gconstpointer spec)
{
    Fixture f;

    begin(&f, spec);
    vhd_finish(f.disk, &f.image);
    write_all_over(&f);
    end(&f);
}

static void test_a2_alignment(void)
{
    uint32_t last = 0;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &windows);
    vhd_add_block(f.disk, &f.image, 3, 0, BLOCK / 512, 0x11);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    write_value(blk, 0, 512, 0x42);
    write_value(blk, 5 * BLOCK + 4096, 512, 0x43);
    blk_unref(blk);
    for (uint32_t i = 0; i < f.image.blocks; i++) {
        uint32_t entry = vhd_get_entry(f.disk, &f.image, i);

        g_assert_true(entry == VPC_UNALLOCATED || (entry + 1) % 8 == 0);
        last = entry == VPC_UNALLOCATED ? last : MAX(last, entry);
    }
    /* The footer directly after the last block. */
    g_assert_cmpint(mem_disk_length(f.disk), ==,
                    (last + 1ll) * 512 + BLOCK + 512);
    assert_sound_ends(&f);
    end(&f);
}

static void test_a3_batmap_survives(void)
{
    g_autofree uint8_t *before = NULL;
    g_autofree uint8_t *after = NULL;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &xenserver);
    vhd_finish(f.disk, &f.image);
    before = disk_copy(f.disk, 2048, 24);
    blk = open_rw(&f);
    write_value(blk, 512, 512, 0x42);
    blk_unref(blk);
    after = disk_copy(f.disk, 2048, 24);
    g_assert_cmpmem(after, 24, before, 24);
    write_all_over(&f);
    end(&f);
}

static void test_a4_a5_differencing(void)
{
    const VhdSpec spec = {
        .size = 10 * BLOCK, .type = VPC_TYPE_DIFFERENCING,
    };
    Fixture f;

    begin(&f, &spec);
    vhd_finish(f.disk, &f.image);
    assert_refused(&f, 0, "Differencing");
    assert_refused(&f, BDRV_O_RDWR, "Differencing");
    /* Also with only one of its footers. */
    mem_disk_write(f.disk, 0, "\0\0\0\0\0\0\0", 8);
    assert_refused(&f, 0, "Differencing");
    vhd_rewrite(f.disk, &f.image);
    disk_shorten(f.disk, 512);
    assert_refused(&f, 0, "Differencing");
    end(&f);
}

typedef struct SizeCase {
    const char *creator;
    VpcGeometry geometry;
    bool zero_geometry;
    int64_t expected;
} SizeCase;

/* current_size is 20480 sectors. */
static const SizeCase size_cases[] = {
    { "vbox", { 300, 4, 17 }, false, 20480 * 512 },
    { "d2v", { 300, 4, 17 }, false, 20480 * 512 },
    { "wa\0", { 300, 4, 17 }, false, 20480 * 512 },
    { "win ", { 300, 4, 17 }, false, 20480 * 512 },
    { "tap", { 300, 4, 17 }, false, 20480 * 512 },
    { "CTXS", { 300, 4, 17 }, false, 20480 * 512 },
    { "qem2", { 300, 4, 17 }, false, 20480 * 512 },
    { "vpc ", { 300, 4, 17 }, false, 300 * 4 * 17 * 512 },
    { "vs  ", { 300, 4, 17 }, false, 300 * 4 * 17 * 512 },
    { "qemu", { 300, 4, 17 }, false, 300 * 4 * 17 * 512 },
    /* S18: larger than current_size; S19: zero; the maximum */
    { "vpc ", { 1000, 16, 63 }, false, 20480 * 512 },
    { "vpc ", { 0, 0, 0 }, true, 20480 * 512 },
    { "xxxx", { 0, 0, 0 }, true, 20480 * 512 },
    { "vpc ", { 65535, 16, 255 }, false, 20480 * 512 },
};

static void test_a6_size(gconstpointer data)
{
    static const uint32_t types[] = { VPC_TYPE_FIXED, VPC_TYPE_DYNAMIC };
    const SizeCase *c = data;

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        const VhdSpec spec = {
            .size = 20480 * 512,
            .type = types[i],
            .creator = c->creator,
            .geometry = c->geometry,
            .zero_geometry = c->zero_geometry,
        };
        Fixture f;
        BlockBackend *blk;

        begin(&f, &spec);
        vhd_finish(f.disk, &f.image);
        blk = open_ro(&f);
        g_assert_cmpint(blk_getlength(blk), ==, c->expected);
        blk_unref(blk);
        end(&f);
    }
}

/* ---- bitmaps ------------------------------------------------------------ */

static void assert_status(BlockBackend *blk, int64_t offset, int64_t bytes,
                          bool zero)
{
    int64_t pnum;
    int ret = bdrv_block_status(blk_bs(blk), offset, blk_getlength(blk) -
                                offset, &pnum, NULL, NULL);

    g_assert_cmpint(ret, >=, 0);
    g_assert_cmpint(!!(ret & BDRV_BLOCK_ZERO), ==, zero);
    g_assert_cmpint(!!(ret & BDRV_BLOCK_DATA), ==, !zero);
    g_assert_cmpint(pnum, ==, bytes);
}

static void test_s4_bitmap_counts(void)
{
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_add_block(f.disk, &f.image, 2, 3, 10, 0xaa);
    vhd_finish(f.disk, &f.image);
    blk = open_ro(&f);
    assert_reads(blk, 2 * BLOCK, 3 * 512, 0);
    assert_reads(blk, 2 * BLOCK + 3 * 512, 10 * 512, 0xaa);
    assert_reads(blk, 2 * BLOCK + 13 * 512, BLOCK - 13 * 512, 0);
    assert_reads(blk, 2 * BLOCK + 12 * 512 + 100, 412, 0xaa);
    assert_reads(blk, 2 * BLOCK + 13 * 512, 100, 0);
    /* True to the sector; zeroes are one extent, whatever the reason. */
    assert_status(blk, 0, 2 * BLOCK + 3 * 512, true);
    assert_status(blk, 2 * BLOCK, 3 * 512, true);
    assert_status(blk, 2 * BLOCK + 3 * 512, 10 * 512, false);
    assert_status(blk, 2 * BLOCK + 13 * 512, 8 * BLOCK - 13 * 512, true);
    assert_status(blk, 3 * BLOCK, 7 * BLOCK, true);
    blk_unref(blk);
    end(&f);
}

static void test_s5_only_written_bits(void)
{
    Fixture f;
    BlockBackend *blk;
    g_autofree uint8_t *bitmap = NULL;

    begin(&f, &virtualbox);
    vhd_add_block(f.disk, &f.image, 0, 3, 1, 0xaa);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    write_value(blk, 8 * 512 + 100, 1000, 0x42);
    assert_reads(blk, 8 * 512, 100, 0);
    assert_reads(blk, 8 * 512 + 100, 1000, 0x42);
    assert_reads(blk, 8 * 512 + 1100, 10 * 512, 0);
    blk_unref(blk);

    bitmap = disk_copy(f.disk, 2048, 3);
    g_assert_cmphex(bitmap[0], ==, 0x10);
    g_assert_cmphex(bitmap[1], ==, 0xe0);
    g_assert_cmphex(bitmap[2], ==, 0);
    blk = open_ro(&f);
    assert_reads(blk, 0, 3 * 512, 0);
    assert_reads(blk, 3 * 512, 512, 0xaa);
    assert_reads(blk, 8 * 512, 100, 0);
    assert_reads(blk, 8 * 512 + 100, 1000, 0x42);
    assert_reads(blk, 8 * 512 + 1100, BLOCK - 8 * 512 - 1100, 0);
    blk_unref(blk);
    end(&f);
}

/* S3: when writing the bitmap fails, a later flush writes it. */
static void test_s3_bitmap_write_fails(void)
{
    const DiskFault fault = { .iotype = "write", .nth = 1 };
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_add_block(f.disk, &f.image, 0, 3, 1, 0xaa);
    vhd_finish(f.disk, &f.image);
    blk = open_faulty(&f, &fault);
    write_value(blk, 8 * 512, 512, 0x42);
    disk_arm(blk);
    g_assert_cmpint(blk_flush(blk), ==, -EIO);
    g_assert_cmphex(disk_byte(f.disk, 2048 + 1), ==, 0);
    write_value(blk, 9 * 512, 512, 0x43);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmphex(disk_byte(f.disk, 2048 + 1), ==, 0xc0);
    blk_unref(blk);
    end(&f);
}

/* ---- allocation --------------------------------------------------------- */

/* S1, S2: what fails is as before, and no two blocks share space. */
static void test_s1_failed_allocation(void)
{
    for (unsigned nth = 1; nth <= 4; nth++) {
        const DiskFault fault = { .iotype = "write", .nth = nth };
        Fixture f;
        BlockBackend *blk;
        uint8_t buf[512] = { 1 };
        int ret;

        begin(&f, &virtualbox);
        vhd_finish(f.disk, &f.image);
        blk = open_faulty(&f, &fault);
        disk_arm(blk);
        ret = blk_pwrite(blk, 512, buf, 512, 0);
        if (ret >= 0) {
            /* It was the table's. */
            g_assert_cmpint(blk_flush(blk), ==, -EIO);
        } else {
            assert_reads(blk, 0, BLOCK, 0);
        }
        write_value(blk, BLOCK + 512, 512, 0x42);
        write_value(blk, 512, 512, 0x41);
        blk_unref(blk);
        blk = open_rw(&f);
        assert_reads(blk, 512, 512, 0x41);
        assert_reads(blk, 1024, BLOCK - 1024, 0);
        assert_reads(blk, BLOCK + 512, 512, 0x42);
        assert_reads(blk, BLOCK + 1024, BLOCK - 1024, 0);
        blk_unref(blk);
        assert_sound_ends(&f);
        end(&f);
    }
}

/* S8: the table follows the data, with a flush between. */
static void test_s8_order(void)
{
    const DiskFault fault = { .iotype = "flush", .nth = 1 };
    unsigned flushes;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_finish(f.disk, &f.image);
    blk = open_faulty(&f, &fault);
    flushes = mem_disk_count(f.disk, MEM_FLUSH);
    write_value(blk, 0, 512, 0x42);
    g_assert_cmpuint(mem_disk_count(f.disk, MEM_FLUSH), ==, flushes);
    g_assert_cmphex(vhd_get_entry(f.disk, &f.image, 0), ==, VPC_UNALLOCATED);

    /* The flush between data and table fails: the table stays. */
    disk_arm(blk);
    g_assert_cmpint(blk_flush(blk), ==, -EIO);
    g_assert_cmphex(vhd_get_entry(f.disk, &f.image, 0), ==, VPC_UNALLOCATED);

    flushes = mem_disk_count(f.disk, MEM_FLUSH);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpuint(mem_disk_count(f.disk, MEM_FLUSH), ==, flushes + 2);
    g_assert_cmphex(vhd_get_entry(f.disk, &f.image, 0), !=, VPC_UNALLOCATED);
    blk_unref(blk);
    end(&f);
}

/* S6: writes to blocks that are full touch no bitmap and no table. */
static void test_s6_no_metadata_on_overwrite(void)
{
    unsigned writes, flushes;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    write_value(blk, 0, 512, 1);
    write_value(blk, BLOCK, 512, 1);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    writes = mem_disk_count(f.disk, MEM_WRITE);
    flushes = mem_disk_count(f.disk, MEM_FLUSH);
    for (int i = 0; i < 100; i++) {
        write_value(blk, (i % 2) * BLOCK + 4096, 4096, i);
    }
    g_assert_cmpuint(mem_disk_count(f.disk, MEM_WRITE), ==, writes + 100);
    g_assert_cmpuint(mem_disk_count(f.disk, MEM_FLUSH), ==, flushes);
    blk_unref(blk);
    end(&f);
}

/* S24: beyond 32-bit sector numbers there is no space. */
static void test_s24_no_space(void)
{
    const VhdSpec spec = { .size = 10 * BLOCK };
    g_autofree char *path = g_strdup("/var/tmp/minblk-test-XXXXXX");
    const off_t footer_at = 0xfffffff0ll * VPC_SECTOR;
    g_autofree uint8_t *head = NULL;
    uint8_t buf[512] = { 1 };
    BlockBackend *blk;
    QDict *options;
    Fixture f;
    int fd = mkstemp(path);

    begin(&f, &spec);
    vhd_finish(f.disk, &f.image);
    head = disk_copy(f.disk, 0, 2048);
    if (fd < 0 ||
        pwrite(fd, head, 2048, 0) != 2048 ||
        pwrite(fd, buf, 512, 1 * MiB) != 512 ||
        pwrite(fd, head, 512, footer_at) != 512) {
        g_test_skip("no sparse file of 2 TiB can be made");
    } else {
        options = qdict_new();
        qdict_put_str(options, "driver", "vpc");
        blk = blk_new_open(path, NULL, options, BDRV_O_RDWR, &error_abort);
        g_assert_cmpint(blk_pwrite(blk, 0, buf, 512, 0), ==, -ENOSPC);
        assert_reads(blk, 0, 512, 0);
        blk_unref(blk);
        /* Without that, there is room before the footer. */
        g_assert_cmpint(fallocate(fd, FALLOC_FL_PUNCH_HOLE |
                                  FALLOC_FL_KEEP_SIZE, 1 * MiB, 512), ==, 0);
        options = qdict_new();
        qdict_put_str(options, "driver", "vpc");
        blk = blk_new_open(path, NULL, options, BDRV_O_RDWR, &error_abort);
        g_assert_cmpint(blk_pwrite(blk, 0, buf, 512, 0), ==, 512);
        blk_unref(blk);
    }
    close(fd);
    unlink(path);
    end(&f);
}

/* ---- fixed disks -------------------------------------------------------- */

static const VhdSpec fixed = { .size = 1 * MiB, .type = VPC_TYPE_FIXED };

/* S13: a guest writes a whole dynamic image into its fixed disk. */
static void test_s13_nested(void)
{
    const VhdSpec inner = { .size = 10 * BLOCK };
    Fixture f;
    VhdImage nested;
    BlockBackend *blk;

    begin(&f, &fixed);
    vhd_begin(f.disk, &nested, &inner);
    vhd_finish(f.disk, &nested);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    g_assert_cmpint(blk_getlength(blk), ==, 1 * MiB);
    assert_reads(blk, 1536, 10 * 4, 0xff);
    blk_unref(blk);
    end(&f);
}

/* The same the other way round: its tail is a fixed disk's footer. */
static void test_s13_guest_footer_at_end(void)
{
    const VhdSpec outer = { .size = 2 * BLOCK };
    Fixture f;
    VhdImage inner;
    BlockBackend *blk;

    begin(&f, &outer);
    vhd_add_block(f.disk, &f.image, 0, 0, BLOCK / 512, 0x11);
    vhd_finish(f.disk, &f.image);
    /* The file loses its footer; the guest's last sector is a footer. */
    vhd_begin(f.disk, &inner, &fixed);
    vpc_footer_seal(&inner.footer);
    disk_shorten(f.disk, 512);
    mem_disk_write(f.disk, mem_disk_length(f.disk) - 512, &inner.footer, 512);
    assert_read_only(&f, "end of the file");
    blk = open_ro(&f);
    g_assert_cmpint(blk_getlength(blk), ==, 2 * BLOCK);
    assert_reads(blk, 0, 512, 0x11);
    blk_unref(blk);
    end(&f);
}

/* Repairs @f's image, whose footers alone are damaged, and writes to it. */
static void repair_footers(Fixture *f)
{
    BlockBackend *blk = open_flags(f, BDRV_O_RDWR | BDRV_O_CHECK,
                                   &error_abort);
    BdrvCheckResult result;

    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, BDRV_FIX_LEAKS), ==, 0);
    g_assert_cmpint(result.corruptions, ==, 1);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, BDRV_FIX_ERRORS), ==, 0);
    g_assert_cmpint(result.corruptions, ==, 0);
    g_assert_cmpint(result.corruptions_fixed, ==, 1);
    blk_unref(blk);
    assert_sound_ends(f);

    blk = open_rw(f);
    assert_reads(blk, 0, BLOCK, 0x11);
    assert_reads(blk, BLOCK, BLOCK, 0);
    write_value(blk, BLOCK + 512, 512, 0x42);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, 0), ==, 0);
    g_assert_cmpint(result.corruptions, ==, 0);
    blk_unref(blk);
    blk = open_ro(f);
    assert_reads(blk, 0, BLOCK, 0x11);
    assert_reads(blk, BLOCK, 512, 0);
    assert_reads(blk, BLOCK + 512, 512, 0x42);
    assert_reads(blk, BLOCK + 1024, BLOCK - 1024, 0);
    blk_unref(blk);
    assert_sound_ends(f);
}

static void begin_two_blocks(Fixture *f)
{
    static const VhdSpec two = { .size = 2 * BLOCK };

    begin(f, &two);
    vhd_add_block(f->disk, &f->image, 0, 0, BLOCK / 512, 0x11);
    vhd_finish(f->disk, &f->image);
}

/* One footer is damaged, missing, or what stands there is not one. */
static void test_s15_s16_repair(void)
{
    const uint8_t junk[512] = { 0x5e };
    int64_t length;
    Fixture f;

    begin_two_blocks(&f);
    mem_disk_write(f.disk, 0, junk, sizeof(junk));
    assert_read_only(&f, "offset 0");
    repair_footers(&f);
    end(&f);

    begin_two_blocks(&f);
    disk_shorten(f.disk, 512);
    repair_footers(&f);
    end(&f);

    begin_two_blocks(&f);
    mem_disk_write(f.disk, mem_disk_length(f.disk) - 512, junk, sizeof(junk));
    repair_footers(&f);
    end(&f);

    /* Opening for writing writes one again, too, and nothing over the junk. */
    begin_two_blocks(&f);
    length = mem_disk_length(f.disk);
    mem_disk_write(f.disk, length - 512, junk, sizeof(junk));
    blk_unref(open_ro(&f));
    g_assert_cmpint(mem_disk_length(f.disk), ==, length);
    blk_unref(open_rw(&f));
    g_assert_cmpint(mem_disk_length(f.disk), ==, length + 512);
    g_assert_cmphex(disk_byte(f.disk, length - 512), ==, 0x5e);
    assert_sound_ends(&f);
    end(&f);

    /* One that is damaged is not written over before it was looked at. */
    begin_two_blocks(&f);
    disk_flip(f.disk, mem_disk_length(f.disk) - 512 + 64, 1);
    assert_read_only(&f, "end of the file");
    repair_footers(&f);
    end(&f);
}

/* On a node that is read-only; it is the only one that such an image opens as. */
static void test_repair_refused(void)
{
    uint8_t entry[4] = { 0, 0, 0, 1 };
    BdrvCheckResult result;
    BlockBackend *blk;
    Fixture f;

    begin_two_blocks(&f);
    disk_shorten(f.disk, 512);
    blk = open_ro(&f);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, BDRV_FIX_ERRORS), ==,
                    -EPERM);
    blk_unref(blk);
    mem_disk_write(f.disk, 1536, entry, sizeof(entry));
    assert_refused(&f, BDRV_O_RDWR, "block allocation table");
    end(&f);
}

static void test_s17_short_file(void)
{
    uint8_t buf[1024];
    Fixture f;
    BlockBackend *blk;

    begin(&f, &fixed);
    f.image.end = 512 * KiB;
    vhd_finish(f.disk, &f.image);
    assert_refused(&f, 0, "does not fit");
    /* Who salvages reads what is left, and never the footer. */
    blk = open_flags(&f, BDRV_O_CHECK, &error_abort);
    g_assert_cmpint(blk_getlength(blk), ==, 1 * MiB);
    assert_reads(blk, 512 * KiB - 512, 512, 0);
    g_assert_cmpint(blk_pread(blk, 512 * KiB, buf, 512), ==, -EIO);
    g_assert_cmpint(blk_pread(blk, 512 * KiB - 512, buf, 1024), ==, -EIO);
    g_assert_cmpint(blk_pread(blk, 1 * MiB - 512, buf, 512), ==, -EIO);
    blk_unref(blk);
    end(&f);
}

static void test_s17_requests_end_with_the_disk(void)
{
    uint8_t buf[512] = { 0 };
    Fixture f;
    BlockBackend *blk;

    begin(&f, &fixed);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    g_assert_cmpint(blk_getlength(blk), ==, 1 * MiB);
    g_assert_cmpint(blk_pwrite(blk, 1 * MiB, buf, 512, 0), ==, -EIO);
    g_assert_cmpint(blk_pread(blk, 1 * MiB, buf, 512), ==, -EIO);
    write_value(blk, 1 * MiB - 512, 512, 0x42);
    blk_unref(blk);
    assert_sound_ends(&f);
    end(&f);
}

/* A footer of 511 bytes, as before Virtual PC 2004. */
static void test_footer_of_511_bytes(void)
{
    Fixture f;
    BlockBackend *blk;

    begin(&f, &fixed);
    vhd_finish(f.disk, &f.image);
    disk_shorten(f.disk, 1);
    blk = open_rw(&f);
    g_assert_cmpint(blk_getlength(blk), ==, 1 * MiB);
    blk_unref(blk);
    end(&f);
}

/* One of 510 was cut off; nothing completes it. */
static void test_footer_of_510_bytes(void)
{
    Fixture f;

    begin(&f, &fixed);
    vhd_finish(f.disk, &f.image);
    disk_shorten(f.disk, 2);
    assert_refused(&f, 0, "has 510 bytes only");
    end(&f);
}

/* ---- fields of the footer ----------------------------------------------- */

static int amend(BlockBackend *blk, const char *options, Error **errp)
{
    BlockDriver *drv = bdrv_get_driver(blk_bs(blk));
    QemuOpts *opts = qemu_opts_create(bdrv_driver_amend_opts(drv), NULL, 0,
                                      &error_abort);
    int ret;

    g_assert_true(qemu_opts_do_parse(opts, options, NULL, &error_abort));
    ret = bdrv_amend_options(blk_bs(blk), opts, false, errp);
    qemu_opts_del(opts);
    return ret;
}

static void test_amend(void)
{
    static const char *const bad[] = {
        "creator=abc", "creator_os=abcde", "creator_version=1",
        "creator_version=1.65536", "creator_version=x.y", "uuid=1",
        "timestamp=1", "timestamp=5241652096", "creator=vpc ",
    };
    const VhdSpec spec = {
        .size = 20480 * 512, .geometry = { 300, 4, 17 },
    };
    Fixture f;
    BlockBackend *blk;
    g_autofree uint8_t *before = NULL, *after = NULL;
    VpcFooter footer;
    int64_t length;

    begin(&f, &spec);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    length = mem_disk_length(f.disk);
    before = disk_copy(f.disk, 0, length);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        Error *err = NULL;

        g_assert_cmpint(amend(blk, bad[i], &err), <, 0);
        error_free(err);
    }
    after = disk_copy(f.disk, 0, length);
    g_assert_cmpint(mem_disk_length(f.disk), ==, length);
    g_assert_cmpmem(after, length, before, length);

    g_assert_cmpint(amend(blk, "creator=abcd,creator_os=efgh,"
                          "creator_version=6.3,timestamp=946684801,"
                          "uuid=00112233-4455-6677-8899-aabbccddeeff",
                          &error_abort), ==, 0);
    mem_disk_read(f.disk, 0, &footer, sizeof(footer));
    g_assert_cmpmem(footer.creator_app, 4, "abcd", 4);
    g_assert_cmpmem(footer.creator_os, 4, "efgh", 4);
    g_assert_cmpuint(be16_to_cpu(footer.creator_major), ==, 6);
    g_assert_cmpuint(be16_to_cpu(footer.creator_minor), ==, 3);
    g_assert_cmpuint(be32_to_cpu(footer.timestamp), ==, 1);
    g_assert_cmphex(footer.uuid.data[0], ==, 0x00);
    g_assert_cmphex(footer.uuid.data[15], ==, 0xff);
    assert_sound_ends(&f);

    blk_unref(blk);

    /* What fails is as it was. */
    for (unsigned nth = 1; nth <= 2; nth++) {
        const DiskFault fault = { .iotype = "write", .nth = nth };
        Error *err = NULL;

        blk = open_faulty(&f, &fault);
        disk_arm(blk);
        g_assert_cmpint(amend(blk, "creator=dead", &err), ==, -EIO);
        error_free(err);
        mem_disk_read(f.disk, 0, &footer, sizeof(footer));
        g_assert_cmpmem(footer.creator_app, 4, "abcd", 4);
        assert_sound_ends(&f);
        blk_unref(blk);
    }
    blk_unref(open_rw(&f));
    end(&f);
}

static void test_two_sizes(void)
{
    VhdSpec spec = { .size = 20480 * 512, .geometry = { 300, 4, 17 } };
    ImageInfoSpecific *info;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &spec);
    vhd_finish(f.disk, &f.image);
    blk = open_ro(&f);
    info = bdrv_get_specific_info(blk_bs(blk), &error_abort);
    g_assert_cmpint(info->u.vpc.data->current_size, ==, 20480 * 512);
    g_assert_cmpint(info->u.vpc.data->chs_size, ==, 300 * 4 * 17 * 512);
    g_assert_cmpstr(info->u.vpc.data->creator_application, ==, "win ");
    qapi_free_ImageInfoSpecific(info);
    blk_unref(blk);
    end(&f);

    spec.creator = "qem2";
    begin(&f, &spec);
    vhd_finish(f.disk, &f.image);
    blk = open_ro(&f);
    info = bdrv_get_specific_info(blk_bs(blk), &error_abort);
    g_assert_cmpint(info->u.vpc.data->current_size, ==, 20480 * 512);
    g_assert_cmpint(info->u.vpc.data->chs_size, ==, 300 * 4 * 17 * 512);
    qapi_free_ImageInfoSpecific(info);
    blk_unref(blk);
    end(&f);
}

/* What the schema lets one say, the driver does. */
static void test_size_rules(void)
{
    VhdSpec spec = { .size = 20480 * 512, .geometry = { 300, 4, 17 } };
    Fixture f;

    begin(&f, &spec);
    vhd_finish(f.disk, &f.image);
    for (int i = 0; i < BLOCKDEV_VPC_FORCE_SIZE_CALC__MAX; i++) {
        QDict *options = qdict_new();
        BlockDriverState *bs;

        qdict_put_str(options, "driver", "vpc");
        qdict_put_str(options, "file.driver", "mem");
        qdict_put_str(options, "file.disk", "disk");
        qdict_put_str(options, "force_size_calc",
                      BlockdevVpcForceSizeCalc_str(i));
        bs = bdrv_open(NULL, NULL, options, 0, &error_abort);
        g_assert_cmpint(bdrv_getlength(bs), ==,
                        i == BLOCKDEV_VPC_FORCE_SIZE_CALC_CHS
                            ? 300 * 4 * 17 * 512 : 20480 * 512);
        bdrv_unref(bs);
    }
    end(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    /* Damaged images are warned of; the tests look at the reasons. */
    g_assert_nonnull(freopen("/dev/null", "w", stderr));

    g_test_add_data_func("/vpc/A1/windows", &windows, test_a1_old_footer);
    g_test_add_data_func("/vpc/A1/virtual-pc", &virtual_pc,
                         test_a1_old_footer);
    g_test_add_data_func("/vpc/A1/disk2vhd", &disk2vhd, test_a1_old_footer);
    g_test_add_data_func("/vpc/A1/virtualbox", &virtualbox,
                         test_a1_old_footer);
    g_test_add_data_func("/vpc/A1/xenserver", &xenserver, test_a1_old_footer);
    g_test_add_data_func("/vpc/A1/table-later", &table_later,
                         test_a1_old_footer);
    g_test_add_func("/vpc/A2-alignment", test_a2_alignment);
    g_test_add_func("/vpc/A3-batmap", test_a3_batmap_survives);
    g_test_add_func("/vpc/A4-A5-differencing", test_a4_a5_differencing);
    g_test_add_func("/vpc/S1-S2-failed-allocation",
                    test_s1_failed_allocation);
    g_test_add_func("/vpc/S3-bitmap-write", test_s3_bitmap_write_fails);
    g_test_add_func("/vpc/S4-bitmap-counts", test_s4_bitmap_counts);
    g_test_add_func("/vpc/S5-only-written-bits", test_s5_only_written_bits);
    g_test_add_func("/vpc/S6-overwrite", test_s6_no_metadata_on_overwrite);
    g_test_add_func("/vpc/S8-order", test_s8_order);
    g_test_add_func("/vpc/S13-nested", test_s13_nested);
    g_test_add_func("/vpc/S13-guest-footer", test_s13_guest_footer_at_end);
    g_test_add_func("/vpc/S15-S16-repair", test_s15_s16_repair);
    g_test_add_func("/vpc/repair-refused", test_repair_refused);
    g_test_add_func("/vpc/S17-short-file", test_s17_short_file);
    g_test_add_func("/vpc/S17-end", test_s17_requests_end_with_the_disk);
    g_test_add_func("/vpc/S24-no-space", test_s24_no_space);
    g_test_add_func("/vpc/footer-511", test_footer_of_511_bytes);
    g_test_add_func("/vpc/footer-510", test_footer_of_510_bytes);
    g_test_add_func("/vpc/amend", test_amend);
    g_test_add_func("/vpc/two-sizes", test_two_sizes);
    g_test_add_func("/vpc/size-rules", test_size_rules);
    for (size_t i = 0; i < ARRAY_SIZE(size_cases); i++) {
        g_autofree char *name = g_strdup_printf("/vpc/A6-size/%zu", i);

        g_test_add_data_func(name, &size_cases[i], test_a6_size);
    }
    return g_test_run();
}
