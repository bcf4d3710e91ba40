/* SPDX-License-Identifier: MIT */
/*
 * Entries of the field guide on QEMU's driver, those that test-vpc-field.c and
 * test-vpc-damage.c do not hold; field-guide.txt names the test of each.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/bswap.h"
#include "qemu/option.h"
#include "vpc-fixture.h"

static const VhdSpec fixed = { .size = 1 * MiB, .type = VPC_TYPE_FIXED };

static void assert_zero_until(BlockBackend *blk, int64_t offset, int64_t bytes)
{
    int64_t pnum;
    int ret = bdrv_block_status(blk_bs(blk), offset,
                                blk_getlength(blk) - offset, &pnum, NULL,
                                NULL);

    g_assert_cmpint(ret & (BDRV_BLOCK_ZERO | BDRV_BLOCK_DATA), ==,
                    BDRV_BLOCK_ZERO);
    g_assert_cmpint(pnum, ==, bytes);
}

static unsigned count_blocks(Fixture *f)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < f->image.blocks; i++) {
        count += vhd_get_entry(f->disk, &f->image, i) != VPC_UNALLOCATED;
    }
    return count;
}

/* ---- writing ------------------------------------------------------------ */

/* No flush for an allocation; two when the guest asks for one. */
static void test_s7_flushes(void)
{
    unsigned flushes;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    flushes = mem_disk_count(f.disk, MEM_FLUSH);
    for (int i = 0; i < 10; i++) {
        write_value(blk, i * BLOCK, BLOCK, 0x42);
    }
    g_assert_cmpuint(mem_disk_count(f.disk, MEM_FLUSH), ==, flushes);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpuint(mem_disk_count(f.disk, MEM_FLUSH), ==, flushes + 2);
    blk_unref(blk);
    end(&f);
}

/* Zeroes over nothing stay nothing; whole blocks become nothing. */
static void test_s27_zeroes(void)
{
    int64_t length;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_finish(f.disk, &f.image);
    length = mem_disk_length(f.disk);
    blk = open_rw(&f);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 0, 10 * BLOCK, 0), ==, 0);
    g_assert_cmpint(blk_pdiscard(blk, 512, 5 * BLOCK), ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpuint(count_blocks(&f), ==, 0);
    g_assert_cmpint(mem_disk_length(f.disk), ==, length);

    write_value(blk, 0, 4 * BLOCK, 0x42);
    g_assert_cmpint(blk_pdiscard(blk, 0, BLOCK), ==, 0);
    g_assert_cmpint(blk_pwrite_zeroes(blk, BLOCK, BLOCK,
                                      BDRV_REQ_MAY_UNMAP), ==, 0);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 2 * BLOCK + 512, 1024, 0), ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpuint(count_blocks(&f), ==, 2);
    for (int round = 0; round < 2; round++) {
        assert_reads(blk, 0, 2 * BLOCK, 0);
        assert_reads(blk, 2 * BLOCK, 512, 0x42);
        assert_reads(blk, 2 * BLOCK + 512, 1024, 0);
        assert_reads(blk, 2 * BLOCK + 1536, 2 * BLOCK - 1536, 0x42);
        blk_unref(blk);
        blk = open_ro(&f);
    }
    blk_unref(blk);
    end(&f);
}

static void test_s39_fixed_zeroes(void)
{
    unsigned zeroes, discards, writes;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &fixed);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    write_value(blk, 0, 256 * KiB, 0x42);
    writes = mem_disk_count(f.disk, MEM_WRITE);
    zeroes = mem_disk_count(f.disk, MEM_ZERO);
    discards = mem_disk_count(f.disk, MEM_DISCARD);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 0, 64 * KiB, 0), ==, 0);
    g_assert_cmpint(blk_pdiscard(blk, 128 * KiB, 64 * KiB), ==, 0);
    g_assert_cmpuint(mem_disk_count(f.disk, MEM_ZERO), ==, zeroes + 1);
    g_assert_cmpuint(mem_disk_count(f.disk, MEM_DISCARD), ==, discards + 1);
    g_assert_cmpuint(mem_disk_count(f.disk, MEM_WRITE), ==, writes);
    assert_reads(blk, 0, 64 * KiB, 0);
    assert_reads(blk, 64 * KiB, 64 * KiB, 0x42);
    blk_unref(blk);
    assert_sound_ends(&f);
    end(&f);
}

/* The last block of the table, the last byte of the disk and of the file. */
static void test_s25_last_block(void)
{
    const VhdSpec spec = { .size = 5 * BLOCK + 3 * 512, .creator = "vbox" };
    uint8_t buf[512] = { 0 };
    uint32_t entry;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &spec);
    vhd_add_block(f.disk, &f.image, 5, 0, BLOCK / 512, 0x55);
    vhd_finish(f.disk, &f.image);
    blk = open_silently(&f);
    assert_reads(blk, 5 * BLOCK, 3 * 512, 0x55);
    write_value(blk, 5 * BLOCK + 3 * 512 - 1, 1, 0x66);
    g_assert_cmpint(blk_pread(blk, 5 * BLOCK + 3 * 512, buf, 1), ==, -EIO);
    g_assert_cmpint(blk_pwrite(blk, 5 * BLOCK + 3 * 512 - 1, buf, 2, 0), ==,
                    -EIO);
    assert_reads(blk, 5 * BLOCK + 3 * 512 - 1, 1, 0x66);
    blk_unref(blk);

    /* One sector later it would reach into the footer. */
    entry = vhd_get_entry(f.disk, &f.image, 5);
    vhd_set_entry(f.disk, &f.image, 5, entry + 1);
    assert_read_only(&f, "block 5");
    end(&f);
}

typedef struct Write {
    BlockBackend *blk;
    QEMUIOVector *qiov;
    int64_t offset;
    unsigned *left;
} Write;

static void coroutine_fn write_entry(void *opaque)
{
    Write *w = opaque;

    g_assert_cmpint(blk_co_pwritev(w->blk, w->offset, w->qiov->size, w->qiov,
                                   0), ==, 0);
    (*w->left)--;
}

/* Turns of the loop until @count writes, each to a new block, are done. */
static unsigned turns_of_writes(unsigned count)
{
    const VhdSpec spec = { .size = 64 * BLOCK };
    g_autofree uint8_t *buf = g_malloc0(BLOCK);
    g_autofree Write *writes = g_new(Write, count);
    unsigned turns = 0, left = count;
    QEMUIOVector qiov;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &spec);
    vhd_finish(f.disk, &f.image);
    blk = open_silently(&f);
    qemu_iovec_init_buf(&qiov, buf, BLOCK);
    for (unsigned i = 0; i < count; i++) {
        writes[i] = (Write) { blk, &qiov, i * BLOCK, &left };
        qemu_coroutine_enter(qemu_coroutine_create(write_entry, &writes[i]));
    }
    while (left) {
        aio_poll(blk_get_aio_context(blk), true);
        turns++;
    }
    blk_unref(blk);
    end(&f);
    return turns;
}

/* 126734c4f7: a lock that is held during I/O makes everything wait in a line. */
static void test_q_parallel_writes(void)
{
    g_assert_cmpuint(turns_of_writes(32), <, 3 * turns_of_writes(1) + 8);
}

/* ---- sizes and status --------------------------------------------------- */

/* All that is unallocated is one extent of zeroes, however large. */
static void test_s35_status(void)
{
    const VhdSpec spec = { .size = 2040 * GiB, .block_size = 2 * MiB };
    Fixture f;
    BlockBackend *blk;

    begin(&f, &spec);
    vhd_finish(f.disk, &f.image);
    blk = open_silently(&f);
    assert_zero_until(blk, 0, 2040 * GiB);
    assert_zero_until(blk, 3 * GiB + 512, 2037 * GiB - 512);
    write_value(blk, 1024 * GiB, 2 * MiB, 0x42);
    assert_zero_until(blk, 0, 1024 * GiB);
    assert_zero_until(blk, 1024 * GiB + 2 * MiB, 1016 * GiB - 2 * MiB);
    blk_unref(blk);
    end(&f);
}

/* Geometries that are no size, of the creators whose geometry may be one. */
static void test_s18_s19_geometry(void)
{
    static const struct {
        VpcGeometry geometry;
        bool zero;
    } wrong[] = {
        { { 1000, 16, 63 }, false }, { { 0, 0, 0 }, true },
        { { 65535, 16, 255 }, false }, { { 65535, 0, 255 }, false },
    };
    static const char *const creators[] = { "vpc ", "vs  ", "qemu", "abcd" };

    for (size_t i = 0; i < ARRAY_SIZE(wrong) * ARRAY_SIZE(creators); i++) {
        const VhdSpec spec = {
            .size = 1 * MiB,
            .type = VPC_TYPE_FIXED,
            .creator = creators[i % ARRAY_SIZE(creators)],
            .geometry = wrong[i / ARRAY_SIZE(creators)].geometry,
            .zero_geometry = wrong[i / ARRAY_SIZE(creators)].zero,
        };
        Fixture f;
        BlockBackend *blk;

        begin(&f, &spec);
        vhd_finish(f.disk, &f.image);
        blk = open_silently(&f);
        g_assert_cmpint(blk_getlength(blk), ==, 1 * MiB);
        assert_reads(blk, 0, 1 * MiB, 0);
        blk_unref(blk);
        end(&f);
    }
}

typedef struct RuleCase {
    const char *creator;
    VpcGeometry geometry;           /* 300 * 4 * 17 sectors, if it is a size */
    const char *rule;
    bool by_geometry;
} RuleCase;

/* The option overrides the creator, and nothing else. */
static const RuleCase rule_cases[] = {
    { "win ", { 300, 4, 17 }, "chs", true },
    { "vpc ", { 300, 4, 17 }, "chs", true },
    { "qem2", { 300, 4, 17 }, "chs", false },
    { "win ", { 65535, 16, 255 }, "chs", false },
    { "vpc ", { 65535, 16, 255 }, "chs", false },
    { "win ", { 1000, 16, 63 }, "chs", false },
    { "vpc ", { 300, 4, 17 }, "current_size", false },
    { "qemu", { 300, 4, 17 }, "current_size", false },
};

static void test_a6_option(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(rule_cases); i++) {
        const RuleCase *c = &rule_cases[i];
        const VhdSpec spec = {
            .size = 20480 * 512, .creator = c->creator,
            .geometry = c->geometry,
        };
        Fixture f;
        BlockBackend *blk;

        begin(&f, &spec);
        vhd_finish(f.disk, &f.image);
        blk = open_option(&f, 0, "force_size_calc", c->rule, &error_abort);
        g_assert_cmpint(blk_getlength(blk), ==,
                        (c->by_geometry ? 300 * 4 * 17 : 20480) * 512);
        blk_unref(blk);
        end(&f);
    }
}

/* ---- opening ------------------------------------------------------------ */

/* Whatever cannot be read, the reason is told. */
static void test_s12_read_failure(void)
{
    bool opened = false;

    for (int nth = 0; !opened; nth++) {
        g_autofree char *skip = g_strdup_printf("%d", nth);
        QDict *options = qdict_new();
        Error *err = NULL;
        BlockBackend *blk;
        Fixture f;

        begin(&f, &virtualbox);
        vhd_add_block(f.disk, &f.image, 1, 0, BLOCK / 512, 0x11);
        vhd_finish(f.disk, &f.image);
        qdict_put_str(options, "driver", "vpc");
        qdict_put_str(options, "file.driver", "blkdebug");
        qdict_put_str(options, "file.inject-error.0.event", "none");
        qdict_put_str(options, "file.inject-error.0.iotype", "read");
        qdict_put_str(options, "file.inject-error.0.skip", skip);
        qdict_put_str(options, "file.image.driver", "mem");
        qdict_put_str(options, "file.image.disk", "disk");
        blk = blk_new_open(NULL, NULL, options, 0, &err);
        opened = blk;
        if (!opened) {
            g_assert_nonnull(strstr(error_get_pretty(err),
                                    "Input/output error"));
            g_assert_cmpint(strlen(error_get_pretty(err)), >,
                            strlen("Input/output error") + 10);
            error_free(err);
        }
        blk_unref(blk);
        end(&f);
        /* Footers, header and table are read before anything opens. */
        g_assert_true(!opened || nth >= 3);
        g_assert_cmpint(nth, <, 100);
    }
}

/* A block cut off in its middle: all others are read; to salvage, its half. */
static void test_s22_truncated_block(void)
{
    uint8_t buf[512];
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_add_block(f.disk, &f.image, 1, 0, BLOCK / 512, 0x11);
    vhd_add_block(f.disk, &f.image, 4, 0, BLOCK / 512, 0x44);
    vhd_finish(f.disk, &f.image);
    disk_shorten(f.disk, 512 + BLOCK / 2);
    assert_read_only(&f, "");
    blk = open_ro(&f);
    assert_reads(blk, 0, BLOCK, 0);
    assert_reads(blk, BLOCK, BLOCK, 0x11);
    g_assert_cmpint(blk_pread(blk, 4 * BLOCK + BLOCK / 2, buf, 512), ==, -EIO);
    blk_unref(blk);
    blk = open_flags(&f, BDRV_O_CHECK, &error_abort);
    assert_reads(blk, BLOCK, BLOCK, 0x11);
    assert_reads(blk, 4 * BLOCK, BLOCK / 2, 0x44);
    g_assert_cmpint(blk_pread(blk, 4 * BLOCK + BLOCK / 2, buf, 512), ==, -EIO);
    g_assert_cmpint(blk_pread(blk, 5 * BLOCK - 512, buf, 512), ==, -EIO);
    blk_unref(blk);
    end(&f);
}

/* A sector that is cut off in its middle is lost, and no zeroes take its place. */
static void test_s22_cut_in_sector(void)
{
    uint8_t buf[512];
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_add_block(f.disk, &f.image, 4, 0, BLOCK / 512, 0x44);
    vhd_finish(f.disk, &f.image);
    disk_shorten(f.disk, 512 + 100);
    blk = open_ro(&f);
    g_assert_cmpint(blk_pread(blk, 5 * BLOCK - 512, buf, 512), ==, -EIO);
    blk_unref(blk);
    blk = open_flags(&f, BDRV_O_CHECK, &error_abort);
    assert_reads(blk, 4 * BLOCK, BLOCK - 512, 0x44);
    g_assert_cmpint(blk_pread(blk, 5 * BLOCK - 512, buf, 512), ==, -EIO);
    blk_unref(blk);
    end(&f);
}

/* A table that is at no sector, over the headers or behind the file. */
static void test_s23_table_place(void)
{
    static const uint64_t places[] = { 0, 512, 1024, 1535, 1537, 1ull << 40 };

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        Fixture f;

        begin(&f, &virtualbox);
        vhd_finish(f.disk, &f.image);
        f.image.header.table_offset = cpu_to_be64(places[i]);
        vhd_rewrite(f.disk, &f.image);
        assert_refused(&f, 0, "");
        assert_refused(&f, BDRV_O_RDWR, "");
        end(&f);
    }
}

/* All of the header counts, and what it says before its checksum. */
static void test_s20_header_checksum(void)
{
    static const int offsets[] = { 36, 40, 63, 64, 575, 576, 767, 768, 1023 };

    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        Fixture f;

        begin(&f, &virtualbox);
        vhd_finish(f.disk, &f.image);
        disk_flip(f.disk, 512 + offsets[i], 0x40);
        assert_refused(&f, 0, "checksum");
        end(&f);
    }
}

/* Found by what stands at its end, if nothing was asked for. */
static void test_s28_probe(void)
{
    static const struct {
        uint32_t type;
        unsigned missing;           /* bytes at the end */
        const char *format;
    } cases[] = {
        { VPC_TYPE_FIXED, 0, "vpc" }, { VPC_TYPE_FIXED, 1, "vpc" },
        { VPC_TYPE_FIXED, 2, "raw" }, { VPC_TYPE_DYNAMIC, 0, "vpc" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const VhdSpec spec = { .size = 1 * MiB, .type = cases[i].type };
        BlockBackend *blk;
        Fixture f;

        begin(&f, &spec);
        vhd_finish(f.disk, &f.image);
        disk_shorten(f.disk, cases[i].missing);
        blk = blk_new_open("mem:disk", NULL, NULL, 0, &error_abort);
        g_assert_cmpstr(bdrv_get_format_name(blk_bs(blk)), ==,
                        cases[i].format);
        blk_unref(blk);
        end(&f);
    }
}

/* It is longer than its image, and holds what was there before. */
static void test_s40_block_device(void)
{
    const int64_t device = 3 * MiB;
    g_autofree uint8_t *old = g_malloc(device);
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_add_block(f.disk, &f.image, 1, 0, BLOCK / 512, 0x11);
    vhd_finish(f.disk, &f.image);
    memset(old, 0x5e, device);
    mem_disk_write(f.disk, mem_disk_length(f.disk), old,
                   device - mem_disk_length(f.disk));
    blk_unref(open_silently(&f));
    for (int i = 2; i < 10; i++) {
        blk = open_window(device);
        assert_reads(blk, BLOCK, BLOCK, 0x11);
        write_value(blk, i * BLOCK + 512, 512, i);
        assert_reads(blk, i * BLOCK, 512, 0);
        blk_unref(blk);
        /* Hyper-V reads the end of the device. */
        g_assert_cmpint(mem_disk_length(f.disk), ==, device);
        assert_sound_ends(&f);
    }
    blk = open_silently(&f);
    for (int i = 2; i < 10; i++) {
        assert_reads(blk, i * BLOCK, 512, 0);
        assert_reads(blk, i * BLOCK + 512, 512, i);
        assert_reads(blk, i * BLOCK + 1024, BLOCK - 1024, 0);
    }
    blk_unref(blk);
    end(&f);
}

/* ---- what there is ------------------------------------------------------ */

static void test_s26_callbacks(void)
{
    static const char *const options[] = {
        "subformat", "force_size", "block_size", "preallocation", "creator",
        "creator_os", "creator_version", "uuid", "timestamp", "target",
    };
    BlockDriver *drv = bdrv_find_format("vpc");
    QemuOptsList *list = bdrv_driver_create_opts(drv);

    g_assert_nonnull(drv->bdrv_co_check);
    g_assert_nonnull(drv->bdrv_co_pwrite_zeroes);
    g_assert_nonnull(drv->bdrv_co_pdiscard);
    g_assert_nonnull(drv->bdrv_measure);
    g_assert_nonnull(bdrv_driver_amend_opts(drv));
    g_assert_nonnull(drv->bdrv_get_specific_info);
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        bool found = false;

        for (const QemuOptDesc *desc = list->desc; desc->name; desc++) {
            found |= strcmp(desc->name, options[i]) == 0;
        }
        g_assert_true(found);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    begin_listening();

    g_test_add_func("/vpc/A6-option", test_a6_option);
    g_test_add_func("/vpc/S7-flushes", test_s7_flushes);
    g_test_add_func("/vpc/S12-read-failure", test_s12_read_failure);
    g_test_add_func("/vpc/S18-S19-geometry", test_s18_s19_geometry);
    g_test_add_func("/vpc/S20-header-checksum", test_s20_header_checksum);
    g_test_add_func("/vpc/S22-truncated-block", test_s22_truncated_block);
    g_test_add_func("/vpc/S22-cut-in-sector", test_s22_cut_in_sector);
    g_test_add_func("/vpc/S23-table-place", test_s23_table_place);
    g_test_add_func("/vpc/S25-last-block", test_s25_last_block);
    g_test_add_func("/vpc/S26-callbacks", test_s26_callbacks);
    g_test_add_func("/vpc/S27-zeroes", test_s27_zeroes);
    g_test_add_func("/vpc/S28-probe", test_s28_probe);
    g_test_add_func("/vpc/S35-status", test_s35_status);
    g_test_add_func("/vpc/S39-fixed-zeroes", test_s39_fixed_zeroes);
    g_test_add_func("/vpc/S40-block-device", test_s40_block_device);
    g_test_add_func("/vpc/Q-parallel-writes", test_q_parallel_writes);
    return g_test_run();
}
