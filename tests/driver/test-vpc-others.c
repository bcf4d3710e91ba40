/* SPDX-License-Identifier: MIT */
/*
 * Entries of the field guide on libvhdi, blktap, VirtualBox, the tools for
 * Azure and emulators, as far as they concern dynamic and fixed disks;
 * field-guide.txt names the test of each.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/bswap.h"
#include "qemu/option.h"
#include "vpc-fixture.h"

static const VhdSpec fixed = { .size = 1 * MiB, .type = VPC_TYPE_FIXED };
static const VhdSpec xenserver = {
    .size = 10 * BLOCK, .creator = "tap", .batmap = true,
};

static void assert_no_corruption(BlockBackend *blk)
{
    BdrvCheckResult result = { 0 };

    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, 0), ==, 0);
    g_assert_cmpint(result.corruptions, ==, 0);
    g_assert_cmpint(result.check_errors, ==, 0);
}

/* It opens in silence, is sound, and takes writes to every block. */
static void assert_usable(Fixture *f)
{
    BlockBackend *blk = open_silently(f);
    int64_t length = blk_getlength(blk);

    assert_no_corruption(blk);
    for (int64_t at = 0; at < length; at += BLOCK) {
        write_value(blk, at + 512, 512, 0x42);
    }
    blk_unref(blk);
    blk = open_silently(f);
    for (int64_t at = 0; at < length; at += BLOCK) {
        assert_reads(blk, at + 512, 512, 0x42);
    }
    assert_no_corruption(blk);
    blk_unref(blk);
    assert_sound_ends(f);
}

/* ---- libvhdi ------------------------------------------------------------ */

/* The most significant bit is the first sector; each bit is of one sector. */
static void test_libvhdi_1_bit_order(void)
{
    static const uint8_t bits[] = { 0x80, 0x01, 0xa5, 0x7e, 0x10 };
    Fixture f;
    BlockBackend *blk;
    int64_t bitmap;

    begin(&f, &virtualbox);
    vhd_add_block(f.disk, &f.image, 2, 0, 0, 0x77);
    vhd_finish(f.disk, &f.image);
    bitmap = (int64_t)vhd_get_entry(f.disk, &f.image, 2) * VPC_SECTOR;
    mem_disk_write(f.disk, bitmap, bits, sizeof(bits));
    blk = open_silently(&f);
    for (unsigned i = 0; i < BLOCK / 512; i++) {
        bool set = i / 8 < sizeof(bits) && bits[i / 8] >> (7 - i % 8) & 1;

        assert_reads(blk, 2 * BLOCK + i * 512, 512, set ? 0x77 : 0);
    }
    /* What is written sets exactly its own bits, in the same order. */
    write_value(blk, 2 * BLOCK + 9 * 512, 512, 0x78);
    blk_unref(blk);
    g_assert_cmphex(disk_byte(f.disk, bitmap), ==, 0x80);
    g_assert_cmphex(disk_byte(f.disk, bitmap + 1), ==, 0x41);
    g_assert_cmphex(disk_byte(f.disk, bitmap + 2), ==, 0xa5);
    end(&f);
}

/* Both footers are sound, and differ: the tail counts, and somebody must say. */
static void test_libvhdi_2_copy_compared(void)
{
    Fixture f;
    BlockBackend *blk;
    VpcFooter footer;

    begin(&f, &virtualbox);
    vhd_finish(f.disk, &f.image);
    footer = f.image.footer;
    footer.timestamp ^= cpu_to_be32(1);
    footer.current_size = cpu_to_be64(9 * BLOCK);
    vpc_footer_seal(&footer);
    mem_disk_write(f.disk, 0, &footer, sizeof(footer));
    assert_read_only(&f, "");
    blk = open_ro(&f);
    g_assert_cmpint(blk_getlength(blk), ==, 10 * BLOCK);
    blk_unref(blk);
    end(&f);
}

/* ---- blktap ------------------------------------------------------------- */

static const uint32_t block_sizes[] = {
    4 * KiB, 64 * KiB, 512 * KiB, 1 * MiB, 2 * MiB, 4 * MiB, 16 * MiB,
};

/* Table, bitmaps and batmap go by the header's block size. */
static void test_blktap_2_block_size(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(block_sizes); i++) {
        const uint32_t size = block_sizes[i];
        const VhdSpec spec = {
            .size = 7 * (uint64_t)size + size / 2, .creator = "tap",
            .block_size = size, .batmap = true,
        };
        Fixture f;
        BlockBackend *blk;

        begin(&f, &spec);
        vhd_add_block(f.disk, &f.image, 7, 0, size / 1024, 0x77);
        vhd_finish(f.disk, &f.image);
        blk = open_silently(&f);
        assert_reads(blk, 7ll * size, size / 2, 0x77);
        for (int block = 0; block < 7; block++) {
            write_value(blk, block * (int64_t)size + size - 1024, 1536,
                        block + 1);
        }
        blk_unref(blk);
        blk = open_silently(&f);
        for (int block = 0; block < 7; block++) {
            assert_reads(blk, block * (int64_t)size + size - 1024, 1536,
                         block + 1);
            assert_reads(blk, block * (int64_t)size + 512, size - 1536, 0);
        }
        assert_reads(blk, 7ll * size + 512, size / 2 - 512, 0x77);
        assert_no_corruption(blk);
        blk_unref(blk);
        assert_sound_ends(&f);
        end(&f);
    }
}

/* A fixed disk is checked like any other, and its size is its own. */
static void test_blktap_3_fixed(void)
{
    const VhdSpec odd = { .size = 12345 * 512, .type = VPC_TYPE_FIXED };
    BdrvCheckResult result = { 0 };
    Fixture f;
    BlockBackend *blk;

    begin(&f, &odd);
    vhd_finish(f.disk, &f.image);
    blk = open_silently(&f);
    g_assert_cmpint(blk_getlength(blk), ==, 12345 * 512);
    assert_no_corruption(blk);
    blk_unref(blk);

    disk_flip(f.disk, mem_disk_length(f.disk) - 400, 1);
    blk = open_flags(&f, BDRV_O_CHECK, &error_abort);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, 0), ==, 0);
    g_assert_cmpint(result.corruptions, >, 0);
    blk_unref(blk);
    end(&f);
}

/* What blktap refuses of others. */
static void test_blktap_5_foreign_fields(void)
{
    Fixture f;

    begin(&f, &virtualbox);
    f.image.header.data_offset = 0;
    f.image.header.locator[3].platform = cpu_to_be32(0x41424344);
    f.image.footer.features = cpu_to_be32(3);
    memcpy(f.image.footer.creator_app, "Py  ", 4);
    memset(f.image.footer.creator_os, 0, 4);
    vhd_finish(f.disk, &f.image);
    assert_usable(&f);
    end(&f);
}

/* Blocks in the reverse order: the check for overlaps sorts. */
static void test_blktap_6_many_blocks(void)
{
    const uint32_t count = 400000;
    const VhdSpec spec = { .size = count * 4096ull, .block_size = 4096 };
    g_autofree uint32_t *table = g_new(uint32_t, count);
    clock_t start = clock();
    uint64_t first;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &spec);
    first = f.image.end / VPC_SECTOR;
    for (uint32_t i = 0; i < count; i++) {
        table[i] = cpu_to_be32(first + (uint64_t)(count - 1 - i) * 9);
    }
    mem_disk_write(f.disk, 1536, table, count * 4);
    f.image.end += count * 9ull * VPC_SECTOR;
    vhd_finish(f.disk, &f.image);
    blk = open_silently(&f);
    write_value(blk, 4096 * 77, 512, 0x42);
    assert_reads(blk, 4096 * 77, 512, 0x42);
    blk_unref(blk);
    /* Of n^2 steps it would be minutes, under valgrind hours. */
    g_assert_cmpint((clock() - start) / CLOCKS_PER_SEC, <, 120);
    end(&f);
}

/* blktap's mark of an image in use, left behind by a crash. */
static void test_blktap_8_poison(void)
{
    static const char *const marks[] = { "v_poison", "\0\0\0\0\0\0\0" };

    for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
        BdrvCheckResult result;
        BlockBackend *blk;
        Fixture f;

        begin(&f, &virtualbox);
        vhd_add_block(f.disk, &f.image, 1, 0, BLOCK / 512, 0x11);
        vhd_finish(f.disk, &f.image);
        mem_disk_write(f.disk, f.image.end, marks[i], 8);
        assert_read_only(&f, "");
        blk = open_flags(&f, BDRV_O_RDWR | BDRV_O_CHECK, &error_abort);
        g_assert_cmpint(bdrv_check(blk_bs(blk), &result, BDRV_FIX_ERRORS), ==,
                        0);
        g_assert_cmpint(result.corruptions, ==, 0);
        blk_unref(blk);
        assert_sound_ends(&f);
        assert_usable(&f);
        end(&f);
    }
}

/* A preallocated table whose unused entries were never written. */
static void test_blktap_9_preallocated_table(void)
{
    const uint32_t spare = 500;
    Fixture f;

    begin(&f, &virtualbox);
    f.image.end = ROUND_UP(1536 + (10 + spare) * 4, 512);
    f.image.header.max_table_entries = cpu_to_be32(10 + spare);
    vhd_add_block(f.disk, &f.image, 3, 0, BLOCK / 512, 0x33);
    for (uint32_t i = 10; i < 10 + spare; i++) {
        vhd_set_entry(f.disk, &f.image, i, i % 3 ? i * 7919 : 0);
    }
    vhd_finish(f.disk, &f.image);
    assert_usable(&f);
    for (uint32_t i = 10; i < 10 + spare; i++) {
        g_assert_cmphex(vhd_get_entry(f.disk, &f.image, i), ==,
                        i % 3 ? i * 7919 : 0);
    }
    end(&f);
}

static uint32_t signed_checksum(Fixture *f)
{
    int8_t map[VPC_SECTOR];
    uint32_t sum = 0;

    mem_disk_read(f->disk, 2560, map, sizeof(map));
    for (size_t i = 0; i < sizeof(map); i++) {
        sum += map[i];
    }
    return ~sum;
}

/* Version 1.1 added up signed characters, and its readers do. */
static void test_blktap_9_signed_batmap(void)
{
    VpcBatmapHeader header;
    uint8_t full = 0x81;            /* blocks 0 and 7 */
    Fixture f;
    BlockBackend *blk;

    begin(&f, &xenserver);
    vhd_add_block(f.disk, &f.image, 0, 0, BLOCK / 512, 0x11);
    vhd_add_block(f.disk, &f.image, 7, 0, BLOCK / 512, 0x77);
    vhd_add_block(f.disk, &f.image, 1, 0, 7, 0x22);
    vhd_finish(f.disk, &f.image);
    mem_disk_write(f.disk, 2560, &full, 1);
    mem_disk_read(f.disk, 2048, &header, sizeof(header));
    header.version = cpu_to_be32(0x00010001);
    header.checksum = cpu_to_be32(signed_checksum(&f));
    mem_disk_write(f.disk, 2048, &header, sizeof(header));
    blk = open_silently(&f);
    assert_no_corruption(blk);
    write_value(blk, 5 * BLOCK, BLOCK, 0x55);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 7 * BLOCK, 512, 0), ==, 0);
    blk_unref(blk);
    mem_disk_read(f.disk, 2048, &header, sizeof(header));
    g_assert_cmphex(be32_to_cpu(header.checksum), ==, signed_checksum(&f));
    blk = open_silently(&f);
    assert_no_corruption(blk);
    assert_reads(blk, 0, BLOCK, 0x11);
    assert_reads(blk, BLOCK, 7 * 512, 0x22);
    assert_reads(blk, BLOCK + 7 * 512, BLOCK - 7 * 512, 0);
    assert_reads(blk, 5 * BLOCK, BLOCK, 0x55);
    assert_reads(blk, 7 * BLOCK, 512, 0);
    assert_reads(blk, 7 * BLOCK + 512, BLOCK - 512, 0x77);
    blk_unref(blk);
    end(&f);
}

/* QEMU before 1.3 wrote no id. */
static void test_blktap_9_null_uuid(void)
{
    Fixture f;

    begin(&f, &virtualbox);
    memset(&f.image.footer.uuid, 0, sizeof(f.image.footer.uuid));
    vhd_finish(f.disk, &f.image);
    assert_usable(&f);
    end(&f);
}

/* ---- xen-orchestra ------------------------------------------------------ */

/* The dynamic header is where the footer says, behind a gap. */
static void test_xo_header_elsewhere(void)
{
    const VhdSpec spec = { .size = 10 * BLOCK, .table_offset = 8192 };
    const uint8_t zeroes[1024] = { 0 };
    Fixture f;

    begin(&f, &spec);
    f.image.footer.data_offset = cpu_to_be64(4096);
    vhd_add_block(f.disk, &f.image, 3, 0, BLOCK / 512, 0x33);
    vhd_finish(f.disk, &f.image);
    mem_disk_write(f.disk, 4096, &f.image.header, sizeof(f.image.header));
    mem_disk_write(f.disk, 512, zeroes, sizeof(zeroes));
    assert_usable(&f);
    end(&f);
}

/* ---- VirtualBox --------------------------------------------------------- */

/* Fewer blocks than a byte has bits, and holes between them. */
static void test_vbox_2_few_blocks(void)
{
    const VhdSpec spec = { .size = 3 * BLOCK, .creator = "vbox" };
    BdrvCheckResult result;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &spec);
    f.image.end += 20 * BLOCK;
    vhd_add_block(f.disk, &f.image, 2, 0, BLOCK / 512, 0x22);
    f.image.end += 300 * KiB;
    vhd_add_block(f.disk, &f.image, 0, 0, BLOCK / 512, 0x11);
    vhd_finish(f.disk, &f.image);
    disk_flip(f.disk, 70, 1);
    blk = open_flags(&f, BDRV_O_RDWR | BDRV_O_CHECK, &error_abort);
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, BDRV_FIX_ERRORS), ==, 0);
    g_assert_cmpint(result.corruptions, ==, 0);
    g_assert_cmpint(result.corruptions_fixed, >, 0);
    blk_unref(blk);
    /* Repair says that it repairs, and does (VBOX-1). */
    blk = open_silently(&f);
    assert_reads(blk, 0, BLOCK, 0x11);
    assert_reads(blk, BLOCK, BLOCK, 0);
    assert_reads(blk, 2 * BLOCK, BLOCK, 0x22);
    blk_unref(blk);
    assert_sound_ends(&f);
    end(&f);
}

/* Where a block is, the table says, at any stride, and no arithmetic. */
static void test_vbox_4_stride(void)
{
    static const int gaps[] = { 0, 7, 1 };

    for (size_t i = 0; i < ARRAY_SIZE(gaps); i++) {
        const VhdSpec spec = { .size = 5000 * 4096, .block_size = 4096 };
        Fixture f;
        BlockBackend *blk;

        begin(&f, &spec);
        for (int n = 0; n < 5000; n++) {
            /* Each block once, in another order: 1237 and 5000 are coprime. */
            vhd_add_block(f.disk, &f.image, n * 1237 % 5000, 0, 8, n % 251);
            f.image.end += gaps[i] * 512;
        }
        vhd_finish(f.disk, &f.image);
        blk = open_silently(&f);
        assert_no_corruption(blk);
        for (int n = 0; n < 5000; n++) {
            assert_reads(blk, n * 1237 % 5000 * 4096ll, 4096, n % 251);
        }
        blk_unref(blk);
        end(&f);
    }
}

static void test_vbox_6_small_file(void)
{
    static const int lengths[] = { 0, 1, 100, 510, 511, 512, 1023 };

    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        Fixture f;

        begin(&f, &virtualbox);
        vhd_finish(f.disk, &f.image);
        mem_disk_set_length(f.disk, lengths[i]);
        assert_refused(&f, 0, "");
        assert_refused(&f, BDRV_O_RDWR, "");
        end(&f);
    }
}

/* Nothing is written by opening, reading and closing. */
static void test_vbox_6_close(void)
{
    static const VhdSpec *const specs[] = { &virtualbox, &fixed, &xenserver };

    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        Fixture f;
        BlockBackend *blk;

        begin(&f, specs[i]);
        vhd_finish(f.disk, &f.image);
        blk = open_silently(&f);
        assert_reads(blk, 0, 4096, 0);
        g_assert_cmpint(blk_flush(blk), ==, 0);
        blk_unref(blk);
        g_assert_cmpuint(mem_disk_count(f.disk, MEM_WRITE), ==, 0);
        g_assert_cmpuint(mem_disk_count(f.disk, MEM_ZERO), ==, 0);
        g_assert_cmpuint(mem_disk_count(f.disk, MEM_TRUNCATE), ==, 0);
        end(&f);
    }
}

/* A sector of a free block costs no block of the host's. */
static void test_vbox_7_partial_write(void)
{
    const VhdSpec spec = { .size = 64 * MiB, .block_size = 2 * MiB };
    g_autofree char *path = g_strdup("/var/tmp/minblk-test-XXXXXX");
    int fd = mkstemp(path);
    g_autofree uint8_t *image = NULL;
    QDict *options = qdict_new();
    uint8_t buf[512] = { 1 };
    BlockBackend *blk;
    struct stat st;
    Fixture f;

    begin(&f, &spec);
    vhd_finish(f.disk, &f.image);
    image = disk_copy(f.disk, 0, mem_disk_length(f.disk));
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, image, mem_disk_length(f.disk)), ==,
                    mem_disk_length(f.disk));
    qdict_put_str(options, "driver", "vpc");
    blk = blk_new_open(path, NULL, options, BDRV_O_RDWR, &error_abort);
    g_assert_cmpint(blk_pwrite(blk, 9 * MiB, buf, 512, 0), ==, 512);
    blk_unref(blk);
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    g_assert_cmpint(st.st_blocks * 512, <, 128 * KiB);
    close(fd);
    unlink(path);
    end(&f);
}

/* ---- Azure, emulators, QEMU's history ----------------------------------- */

/* A table that is too long makes no longer disk. */
static void test_azure_39_long_table(void)
{
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    f.image.header.max_table_entries = cpu_to_be32(11);
    vhd_set_entry(f.disk, &f.image, 10, VPC_UNALLOCATED);
    vhd_finish(f.disk, &f.image);
    blk = open_silently(&f);
    g_assert_cmpint(blk_getlength(blk), ==, 10 * BLOCK);
    blk_unref(blk);
    assert_usable(&f);
    end(&f);
}

/* Blocks whose writer left no room for bitmaps: each lies over the next one's. */
static void test_dosbox_4218_no_bitmaps(void)
{
    uint8_t buf[512];
    uint32_t first;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    first = f.image.end / VPC_SECTOR;
    for (int i = 0; i < 3; i++) {
        vhd_add_block(f.disk, &f.image, i, 0, BLOCK / 512, 0x11 * (i + 1));
        f.image.end -= VPC_SECTOR;
    }
    vhd_add_block(f.disk, &f.image, 7, 0, BLOCK / 512, 0x77);
    f.image.end += VPC_SECTOR;
    vhd_add_block(f.disk, &f.image, 9, 0, BLOCK / 512, 0x99);
    vhd_finish(f.disk, &f.image);
    g_assert_cmpuint(vhd_get_entry(f.disk, &f.image, 1) - first, ==,
                     BLOCK / VPC_SECTOR);
    assert_read_only(&f, "overlap");
    blk = open_ro(&f);
    assert_reads(blk, 9 * BLOCK, BLOCK, 0x99);
    blk_unref(blk);
    /* To salvage, all but the sector in which two blocks meet. */
    blk = open_flags(&f, BDRV_O_CHECK, &error_abort);
    assert_reads(blk, 0, BLOCK - 512, 0x11);
    g_assert_cmpint(blk_pread(blk, BLOCK - 512, buf, 512), ==, -EIO);
    assert_reads(blk, 9 * BLOCK, BLOCK, 0x99);
    blk_unref(blk);
    end(&f);
}

/* A guest that formats its disk, from the first sector to the last. */
static void test_86box_4746_guest_lba(void)
{
    g_autofree uint8_t *before = NULL;
    g_autofree uint8_t *after = NULL;
    Fixture f;
    BlockBackend *blk;

    begin(&f, &virtualbox);
    vhd_finish(f.disk, &f.image);
    before = disk_copy(f.disk, 0, 1536);
    blk = open_silently(&f);
    for (int64_t at = 0; at < 10 * BLOCK; at += 512) {
        write_value(blk, at, 512, 0xf6);
    }
    assert_reads(blk, 0, 10 * BLOCK, 0xf6);
    blk_unref(blk);
    after = disk_copy(f.disk, 0, 1536);
    g_assert_cmpmem(after, 1536, before, 1536);
    assert_sound_ends(&f);
    end(&f);
}

/* 78439f6af1: the specification prints 32 bits of ones. */
static void test_q_data_offset_of_32_bits(void)
{
    Fixture f;
    BlockBackend *blk;

    begin(&f, &fixed);
    f.image.footer.data_offset = cpu_to_be64(0xffffffff);
    vhd_finish(f.disk, &f.image);
    blk = open_silently(&f);
    g_assert_cmpint(blk_getlength(blk), ==, 1 * MiB);
    blk_unref(blk);
    end(&f);
}

/* 72c6cc94da: new dynamic disks are zero whatever the file holds; fixed not. */
static void test_q_has_zero_init(void)
{
    for (int stale = 0; stale < 2; stale++) {
        Fixture f;
        BlockBackend *blk;

        begin(&f, &virtualbox);
        vhd_finish(f.disk, &f.image);
        mem_disk_set_stale(f.disk, stale);
        blk = open_rw(&f);
        g_assert_true(bdrv_has_zero_init(blk_bs(blk)));
        blk_unref(blk);
        end(&f);

        begin(&f, &fixed);
        vhd_finish(f.disk, &f.image);
        mem_disk_set_stale(f.disk, stale);
        blk = open_rw(&f);
        g_assert_cmpint(!!bdrv_has_zero_init(blk_bs(blk)), ==, !stale);
        blk_unref(blk);
        end(&f);
    }
}

/* ---- Windows ------------------------------------------------------------ */

static int create(const char *name, const char *list, Error **errp)
{
    QemuOptsList *all = qemu_opts_append(NULL, bdrv_driver_create_opts(
                                             bdrv_find_format("vpc")));
    QemuOpts *opts = qemu_opts_create(all, NULL, 0, &error_abort);
    int ret;

    g_assert_true(qemu_opts_do_parse(opts, list, NULL, &error_abort));
    ret = bdrv_create(bdrv_find_format("vpc"), name, opts, errp);
    qemu_opts_del(opts);
    qemu_opts_free(all);
    return ret;
}

/* Windows attaches no file that is sparse. */
static void test_hyperv_not_sparse(void)
{
    static const char *const lists[] = {
        "force_size,size=5M,preallocation=full",
        "force_size,size=5M,preallocation=full,subformat=fixed",
    };

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        g_autofree char *path = g_strdup("/var/tmp/minblk-test-XXXXXX");
        int fd = mkstemp(path);
        struct stat st;

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(create(path, lists[i], &error_abort), ==, 0);
        g_assert_cmpint(fstat(fd, &st), ==, 0);
        g_assert_cmpint(st.st_size, >, 5 * MiB);
        g_assert_cmpint(st.st_blocks * 512, >=, st.st_size);
        close(fd);
        unlink(path);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    begin_listening();

    g_test_add_func("/vpc/LIBVHDI-1-bit-order", test_libvhdi_1_bit_order);
    g_test_add_func("/vpc/LIBVHDI-2-copy-compared",
                    test_libvhdi_2_copy_compared);
    g_test_add_func("/vpc/BLKTAP-2-block-size", test_blktap_2_block_size);
    g_test_add_func("/vpc/BLKTAP-3-fixed", test_blktap_3_fixed);
    g_test_add_func("/vpc/BLKTAP-5-foreign-fields",
                    test_blktap_5_foreign_fields);
    g_test_add_func("/vpc/BLKTAP-6-many-blocks", test_blktap_6_many_blocks);
    g_test_add_func("/vpc/BLKTAP-8-poison", test_blktap_8_poison);
    g_test_add_func("/vpc/BLKTAP-9-preallocated-table",
                    test_blktap_9_preallocated_table);
    g_test_add_func("/vpc/BLKTAP-9-signed-batmap",
                    test_blktap_9_signed_batmap);
    g_test_add_func("/vpc/BLKTAP-9-null-uuid", test_blktap_9_null_uuid);
    g_test_add_func("/vpc/XO-header-elsewhere", test_xo_header_elsewhere);
    g_test_add_func("/vpc/VBOX-2-few-blocks", test_vbox_2_few_blocks);
    g_test_add_func("/vpc/VBOX-4-stride", test_vbox_4_stride);
    g_test_add_func("/vpc/VBOX-6-small-file", test_vbox_6_small_file);
    g_test_add_func("/vpc/VBOX-6-close", test_vbox_6_close);
    g_test_add_func("/vpc/VBOX-7-partial-write", test_vbox_7_partial_write);
    g_test_add_func("/vpc/HYPERV-not-sparse", test_hyperv_not_sparse);
    g_test_add_func("/vpc/AZURE-39-long-table", test_azure_39_long_table);
    g_test_add_func("/vpc/DOSBOX-4218-no-bitmaps",
                    test_dosbox_4218_no_bitmaps);
    g_test_add_func("/vpc/86BOX-4746-guest-lba", test_86box_4746_guest_lba);
    g_test_add_func("/vpc/Q-data-offset-of-32-bits",
                    test_q_data_offset_of_32_bits);
    g_test_add_func("/vpc/Q-has-zero-init", test_q_has_zero_init);
    return g_test_run();
}
