/* SPDX-License-Identifier: MIT */
/*
 * What other implementations got wrong, one test each: images in the layouts of
 * other programs, numbers that cannot be right, bytes that a guest chose.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"
#include "vhd-writer.h"

#define BLOCK (64 * KiB)

typedef struct Fixture {
    MemDisk *disk;
    VhdImage image;
} Fixture;

static void begin(Fixture *f, const VhdSpec *spec)
{
    f->disk = test_disk_new("disk");
    vhd_begin(f->disk, &f->image, spec);
}

static void end(Fixture *f)
{
    test_disk_free(f->disk);
}

static BlockBackend *open_flags(Fixture *f, int flags, Error **errp)
{
    BlockDriverState *bs = test_disk_open_format(f->disk, "vpc", flags, errp);
    BlockBackend *blk;

    if (!bs) {
        return NULL;
    }
    blk = blk_new(qemu_get_current_aio_context(), BLK_PERM_CONSISTENT_READ |
                  (flags & BDRV_O_RDWR ? BLK_PERM_WRITE : 0), BLK_PERM_ALL);
    blk_insert_bs(blk, bs, &error_abort);
    bdrv_unref(bs);
    return blk;
}

static BlockBackend *open_ro(Fixture *f)
{
    return open_flags(f, 0, &error_abort);
}

static BlockBackend *open_rw(Fixture *f)
{
    return open_flags(f, BDRV_O_RDWR, &error_abort);
}

/* Opening with @flags fails with a message that contains @text. */
static void assert_refused(Fixture *f, int flags, const char *text)
{
    Error *err = NULL;
    BlockBackend *blk = open_flags(f, flags, &err);

    g_assert_null(blk);
    if (!strstr(error_get_pretty(err), text)) {
        g_error("'%s' does not contain '%s'", error_get_pretty(err), text);
    }
    error_free(err);
}

/* It can be read, but not opened for writing. */
static void assert_read_only(Fixture *f, const char *text)
{
    assert_refused(f, BDRV_O_RDWR, text);
    blk_unref(open_ro(f));
}

static void assert_reads(BlockBackend *blk, int64_t offset, int bytes,
                         uint8_t value)
{
    g_autofree uint8_t *buf = g_malloc(bytes);

    g_assert_cmpint(blk_pread(blk, offset, buf, bytes), ==, bytes);
    for (int i = 0; i < bytes; i++) {
        if (buf[i] != value) {
            g_error("byte %" PRId64 " is 0x%02x, expected 0x%02x",
                    offset + i, buf[i], value);
        }
    }
}

static void write_value(BlockBackend *blk, int64_t offset, int bytes,
                        uint8_t value)
{
    g_autofree uint8_t *buf = g_malloc(bytes);

    memset(buf, value, bytes);
    g_assert_cmpint(blk_pwrite(blk, offset, buf, bytes, 0), ==, bytes);
}

/* A valid footer ends the file, and equals the copy at its start. */
static void assert_sound_ends(Fixture *f)
{
    GByteArray *data = f->disk->data;
    const VpcFooter *tail = (void *)(data->data + data->len - VPC_SECTOR);

    g_assert_cmpuint(data->len % VPC_SECTOR, ==, 0);
    g_assert_true(vpc_footer_valid(tail, &error_abort));
    if (f->image.spec.type != VPC_TYPE_FIXED) {
        g_assert_cmpmem(tail, VPC_SECTOR, data->data, VPC_SECTOR);
    }
}

/* ---- images of other programs ------------------------------------------------------ */

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
static const VhdSpec virtualbox = { .size = 10 * BLOCK, .creator = "vbox" };
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
    }
    g_assert_cmpuint(f.disk->data->len % 4096, ==, 0);
    assert_sound_ends(&f);
    end(&f);
}

static void test_a3_batmap_survives(void)
{
    g_autofree uint8_t *before = NULL;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &xenserver);
    vhd_finish(f.disk, &f.image);
    before = g_memdup2(f.disk->data->data + 2048, 1024);
    blk = open_rw(&f);
    write_value(blk, 512, 512, 0x42);
    blk_unref(blk);
    g_assert_cmpmem(f.disk->data->data + 2048, 1024, before, 1024);
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
    memset(f.disk->data->data, 0, 8);
    assert_refused(&f, 0, "Differencing");
    vhd_rewrite(f.disk, &f.image);
    g_byte_array_set_size(f.disk->data, f.disk->data->len - 512);
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

/* ---- bitmaps ----------------------------------------------------------------------------- */

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
    assert_status(blk, 0, 2 * BLOCK, true);
    assert_status(blk, 2 * BLOCK, 3 * 512, true);
    assert_status(blk, 2 * BLOCK + 3 * 512, 10 * 512, false);
    assert_status(blk, 2 * BLOCK + 13 * 512, BLOCK - 13 * 512, true);
    assert_status(blk, 3 * BLOCK, 7 * BLOCK, true);
    blk_unref(blk);
    end(&f);
}

static void test_s5_only_written_bits(void)
{
    Fixture f;
    BlockBackend *blk;
    const uint8_t *bitmap;

    begin(&f, &virtualbox);
    vhd_add_block(f.disk, &f.image, 0, 3, 1, 0xaa);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    write_value(blk, 8 * 512 + 100, 1000, 0x42);
    assert_reads(blk, 8 * 512, 100, 0);
    assert_reads(blk, 8 * 512 + 100, 1000, 0x42);
    assert_reads(blk, 8 * 512 + 1100, 10 * 512, 0);
    blk_unref(blk);

    bitmap = f.disk->data->data + 2048;
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
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_add_block(f.disk, &f.image, 0, 3, 1, 0xaa);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    write_value(blk, 8 * 512, 512, 0x42);
    test_disk_fail(f.disk, MEM_WRITE, 1, false);
    g_assert_cmpint(blk_flush(blk), ==, -EIO);
    g_assert_cmphex(f.disk->data->data[2048 + 1], ==, 0);
    write_value(blk, 9 * 512, 512, 0x43);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmphex(f.disk->data->data[2048 + 1], ==, 0xc0);
    blk_unref(blk);
    end(&f);
}

/* ---- allocation ------------------------------------------------------------------------------ */

/* S1, S2: what fails is as before, and no two blocks share space. */
static void test_s1_failed_allocation(void)
{
    for (unsigned nth = 1; nth <= 4; nth++) {
        Fixture f;
        BlockBackend *blk;
        uint8_t buf[512] = { 1 };
        int ret;

        begin(&f, &virtualbox);
        vhd_finish(f.disk, &f.image);
        blk = open_rw(&f);
        test_disk_fail(f.disk, MEM_WRITE, nth, false);
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
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    f.disk->ops[MEM_FLUSH] = 0;
    write_value(blk, 0, 512, 0x42);
    g_assert_cmpuint(f.disk->ops[MEM_FLUSH], ==, 0);
    g_assert_cmphex(vhd_get_entry(f.disk, &f.image, 0), ==, VPC_UNALLOCATED);

    /* The flush between data and table fails: the table stays. */
    test_disk_fail(f.disk, MEM_FLUSH, 1, false);
    g_assert_cmpint(blk_flush(blk), ==, -EIO);
    g_assert_cmphex(vhd_get_entry(f.disk, &f.image, 0), ==, VPC_UNALLOCATED);

    f.disk->ops[MEM_FLUSH] = 0;
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpuint(f.disk->ops[MEM_FLUSH], ==, 2);
    g_assert_cmphex(vhd_get_entry(f.disk, &f.image, 0), !=, VPC_UNALLOCATED);
    blk_unref(blk);
    end(&f);
}

/* S6: writes to blocks that are full touch no bitmap and no table. */
static void test_s6_no_metadata_on_overwrite(void)
{
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    write_value(blk, 0, 512, 1);
    write_value(blk, BLOCK, 512, 1);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    f.disk->ops[MEM_WRITE] = f.disk->ops[MEM_FLUSH] = 0;
    for (int i = 0; i < 100; i++) {
        write_value(blk, (i % 2) * BLOCK + 4096, 4096, i);
    }
    g_assert_cmpuint(f.disk->ops[MEM_WRITE], ==, 100);
    g_assert_cmpuint(f.disk->ops[MEM_FLUSH], ==, 0);
    blk_unref(blk);
    end(&f);
}

/* S24: beyond 32-bit sector numbers there is no space. */
static void test_s24_no_space(void)
{
    const VhdSpec spec = { .size = 10 * BLOCK };
    g_autofree char *path = g_strdup("/var/tmp/minblk-test-XXXXXX");
    const off_t footer_at = 0xfffffff0ll * VPC_SECTOR;
    uint8_t buf[512] = { 1 };
    BlockBackend *blk;
    QDict *options;
    Fixture f;
    int fd = mkstemp(path);

    begin(&f, &spec);
    vhd_finish(f.disk, &f.image);
    if (fd < 0 ||
        pwrite(fd, f.disk->data->data, 2048, 0) != 2048 ||
        pwrite(fd, f.disk->data->data, 512, footer_at) != 512) {
        g_test_skip("no sparse file of 2 TiB can be made");
    } else {
        options = qdict_new();
        qdict_put_str(options, "driver", "vpc");
        blk = blk_new_open(path, NULL, options, BDRV_O_RDWR, &error_abort);
        g_assert_cmpint(blk_pwrite(blk, 0, buf, 512, 0), ==, -ENOSPC);
        assert_reads(blk, 0, 512, 0);
        blk_unref(blk);
    }
    close(fd);
    unlink(path);
    end(&f);
}

/* ---- fixed disks ---------------------------------------------------------------------------- */

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
    g_byte_array_set_size(f.disk->data, f.disk->data->len - 512);
    vhd_poke(f.disk, f.disk->data->len - 512, &inner.footer, 512);
    assert_read_only(&f, "end of the file");
    blk = open_ro(&f);
    g_assert_cmpint(blk_getlength(blk), ==, 2 * BLOCK);
    assert_reads(blk, 0, 512, 0x11);
    blk_unref(blk);
    end(&f);
}

static void test_s17_short_file(void)
{
    Fixture f;

    begin(&f, &fixed);
    f.image.end = 512 * KiB;
    vhd_finish(f.disk, &f.image);
    assert_refused(&f, 0, "does not fit");
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
    g_byte_array_set_size(f.disk->data, f.disk->data->len - 1);
    blk = open_rw(&f);
    g_assert_cmpint(blk_getlength(blk), ==, 1 * MiB);
    blk_unref(blk);
    end(&f);
}

/* ---- numbers that cannot be right ---------------------------------------------------------- */

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
        f.disk->data->data[512 + 36] ^= 0x55;
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
    assert_refused(&f, 0, "no multiple of 512");
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

static void test_s16_damaged_footers(void)
{
    Fixture f;

    begin(&f, &virtualbox);
    vhd_add_block(f.disk, &f.image, 1, 0, BLOCK / 512, 0x11);
    vhd_finish(f.disk, &f.image);
    f.disk->data->data[70] ^= 1;
    assert_read_only(&f, "offset 0 is damaged");
    /* S15: no head at all. */
    memset(f.disk->data->data, 0, 512);
    assert_read_only(&f, "offset 0 is damaged");
    vhd_rewrite(f.disk, &f.image);
    f.disk->data->data[f.disk->data->len - 400] ^= 1;
    assert_read_only(&f, "end of the file");
    f.disk->data->data[70] ^= 1;
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

/* ---- fields of the footer --------------------------------------------------------------------- */

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
    const VpcFooter *footer;

    begin(&f, &spec);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        Error *err = NULL;

        g_assert_cmpint(amend(blk, bad[i], &err), <, 0);
        error_free(err);
    }
    g_assert_cmpuint(f.disk->log->len, ==, 0);

    g_assert_cmpint(amend(blk, "creator=abcd,creator_os=efgh,"
                          "creator_version=6.3,timestamp=946684801,"
                          "uuid=00112233-4455-6677-8899-aabbccddeeff",
                          &error_abort), ==, 0);
    footer = (void *)f.disk->data->data;
    g_assert_cmpmem(footer->creator_app, 4, "abcd", 4);
    g_assert_cmpmem(footer->creator_os, 4, "efgh", 4);
    g_assert_cmpuint(be16_to_cpu(footer->creator_major), ==, 6);
    g_assert_cmpuint(be16_to_cpu(footer->creator_minor), ==, 3);
    g_assert_cmpuint(be32_to_cpu(footer->timestamp), ==, 1);
    g_assert_cmphex(footer->uuid.data[0], ==, 0x00);
    g_assert_cmphex(footer->uuid.data[15], ==, 0xff);
    assert_sound_ends(&f);

    /* What fails is as it was. */
    for (unsigned nth = 1; nth <= 2; nth++) {
        Error *err = NULL;

        test_disk_fail(f.disk, MEM_WRITE, nth, false);
        g_assert_cmpint(amend(blk, "creator=dead", &err), ==, -EIO);
        error_free(err);
        g_assert_cmpmem(f.disk->data->data + 28, 4, "abcd", 4);
        assert_sound_ends(&f);
    }
    blk_unref(blk);
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
    g_assert_null(bdrv_get_specific_info(blk_bs(blk), &error_abort));
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
        qdict_put_str(options, "file.driver", "test-mem");
        qdict_put_str(options, "file.disk", f.disk->name);
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

/* ---- mutations -------------------------------------------------------------------------------- */

/* Opens, reads all, closes: an error or data, and the file is as it was. */
static void try_to_read(Fixture *f)
{
    g_autofree uint8_t *before = g_memdup2(f->disk->data->data,
                                           f->disk->data->len);
    guint length = f->disk->data->len;
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
    g_assert_cmpmem(f->disk->data->data, f->disk->data->len, before, length);
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
        while (f.disk->data->len) {
            try_to_read(&f);
            g_byte_array_set_size(f.disk->data, f.disk->data->len - 512);
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
                vhd_poke(f.disk, 0, &f.image.footer, 512);
                vhd_poke(f.disk, 512, &f.image.header, 1024);
                vhd_poke(f.disk, f.image.end, &f.image.footer, 512);
            }
            try_to_read(&f);
            end(&f);
        }
    }
}

static void add_header_cases(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(header_cases); i++) {
        g_autofree char *name = g_strdup_printf("/vpc/header/%zu", i);

        g_test_add_data_func(name, &header_cases[i], test_header);
    }
    for (size_t i = 0; i < ARRAY_SIZE(size_cases); i++) {
        g_autofree char *name = g_strdup_printf("/vpc/A6-size/%zu", i);

        g_test_add_data_func(name, &size_cases[i], test_a6_size);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    test_disk_init();
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
    g_test_add_func("/vpc/S9-large-block", test_s9_block_of_2_gib);
    g_test_add_func("/vpc/S10-table", test_s10_table_larger_than_file);
    g_test_add_func("/vpc/S13-nested", test_s13_nested);
    g_test_add_func("/vpc/S13-guest-footer", test_s13_guest_footer_at_end);
    g_test_add_func("/vpc/S14-type", test_s14_type);
    g_test_add_func("/vpc/S15-S16-footers", test_s16_damaged_footers);
    g_test_add_func("/vpc/S17-short-file", test_s17_short_file);
    g_test_add_func("/vpc/S17-end", test_s17_requests_end_with_the_disk);
    g_test_add_func("/vpc/S21-misplaced", test_s21_misplaced_entry);
    g_test_add_func("/vpc/S21-overlap", test_s21_overlap);
    g_test_add_func("/vpc/S24-no-space", test_s24_no_space);
    g_test_add_func("/vpc/S37-saved-state", test_s37_saved_state);
    g_test_add_func("/vpc/footer-511", test_footer_of_511_bytes);
    g_test_add_func("/vpc/0-bytes", test_disk_of_0_bytes);
    g_test_add_func("/vpc/size-limits", test_sizes_too_large);
    g_test_add_func("/vpc/amend", test_amend);
    g_test_add_func("/vpc/two-sizes", test_two_sizes);
    g_test_add_func("/vpc/size-rules", test_size_rules);
    g_test_add_func("/vpc/cut", test_cut);
    g_test_add_func("/vpc/mutate", test_mutate);
    add_header_cases();
    return g_test_run();
}
