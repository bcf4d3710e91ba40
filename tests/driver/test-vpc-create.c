/* SPDX-License-Identifier: MIT */
/*
 * What the options of creation make of an image, byte for byte, and what they
 * refuse.
 */
#include "qemu/osdep.h"
#include "block/vpc/layout.h"
#include "disk-stack.h"
#include "new-image.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "vpc-fixture.h"
#include <sys/resource.h>

typedef struct New {
    MemDisk *disk;
    VpcFooter footer;           /* the one that ends the file */
    VpcDynHeader header;
} New;

static void finish(New *n)
{
    mem_disk_free(n->disk);
}

/* Makes an image and reads its structures; both footers are the same. */
static void make(New *n, bool stale, const char *options)
{
    int64_t length;
    VpcFooter head;

    n->disk = mem_disk_new("disk");
    mem_disk_set_stale(n->disk, stale);
    new_image_on_disk("disk", options, &error_abort);
    length = mem_disk_length(n->disk);
    mem_disk_read(n->disk, length - VPC_SECTOR, &n->footer,
                  sizeof(n->footer));
    mem_disk_read(n->disk, VPC_HEADER_OFFSET, &n->header, sizeof(n->header));
    g_assert_true(vpc_footer_valid(&n->footer, &error_abort));
    if (be32_to_cpu(n->footer.type) != VPC_TYPE_FIXED) {
        mem_disk_read(n->disk, 0, &head, sizeof(head));
        g_assert_cmpmem(&head, sizeof(head), &n->footer, sizeof(n->footer));
        g_assert_true(vpc_header_valid(&n->header, &error_abort));
    }
}

static void refuse(const char *options, const char *message)
{
    MemDisk *disk = mem_disk_new("disk");
    Error *err = NULL;

    g_assert_cmpint(new_image_on_disk("disk", options, &err), <, 0);
    if (!strstr(error_get_pretty(err), message)) {
        g_error("%s: '%s' does not contain '%s'", options,
                error_get_pretty(err), message);
    }
    error_free(err);
    /* All is judged before the first write. */
    g_assert_cmpuint(mem_disk_count(disk, MEM_WRITE), ==, 0);
    g_assert_cmpuint(mem_disk_count(disk, MEM_TRUNCATE), ==, 0);
    mem_disk_free(disk);
}

static BlockBackend *open_new(void)
{
    return disk_open("disk", "vpc", BDRV_O_RDWR, NULL, false, &error_abort);
}

/* ---- fields ------------------------------------------------------------- */

static void test_fields(void)
{
    static const uint8_t uuid[16] = {
        0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
        0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
    };
    New n;

    make(&n, false, "size=1079296,creator=ab\\x00\\xff,creator-os=Mac ,"
         "creator-version=6.65535,uuid=00112233-4455-6677-8899-AABBCCDDEEFF,"
         "timestamp=946684802");
    g_assert_cmpmem(n.footer.creator_app, 4, "ab\0\xff", 4);
    g_assert_cmpmem(n.footer.creator_os, 4, "Mac ", 4);
    g_assert_cmpint(be16_to_cpu(n.footer.creator_major), ==, 6);
    g_assert_cmpint(be16_to_cpu(n.footer.creator_minor), ==, 65535);
    g_assert_cmpmem(&n.footer.uuid, 16, uuid, 16);
    g_assert_cmpint(be32_to_cpu(n.footer.timestamp), ==, 2);
    finish(&n);
}

static void test_fields_refused(void)
{
    refuse("size=1079296,creator=abc", "four characters");
    refuse("size=1079296,creator=abcde", "four characters");
    refuse("size=1079296,creator=a\xc3\xa4", "four characters");
    refuse("size=1079296,creator-os=", "four characters");
    refuse("size=1079296,creator-version=1", "major.minor");
    refuse("size=1079296,creator-version=65536.0", "major.minor");
    refuse("size=1079296,uuid=1", "UUID");
    refuse("size=1079296,timestamp=946684799", "between 2000 and 2136");
    refuse("size=1079296,timestamp=5241652096", "between 2000 and 2136");
    refuse("size=1M,force-size=on,creator=qemu", "geometry");
    refuse("size=1M,target=hyperv,creator=vs  ", "geometry");
}

/* S31: the true geometry beside a creator that means current_size. */
static void test_s31_force_size(void)
{
    New n;

    make(&n, false, "size=1M,force-size=on");
    g_assert_cmpmem(n.footer.creator_app, 4, "qem2", 4);
    g_assert_cmpint(be64_to_cpu(n.footer.current_size), ==, MiB);
    g_assert_cmpint(be16_to_cpu(n.footer.cylinders), ==, 30);
    g_assert_cmpint(n.footer.heads, ==, 4);
    g_assert_cmpint(n.footer.sectors, ==, 17);
    finish(&n);
}

/* S33: QAPI refuses what options round. */
static void test_s33_rounding(void)
{
    refuse("size=1M", "CHS geometry");
    refuse("size=1079297,force-size=on", "multiple of 512");
    refuse("size=2190433320961", "2040 GiB");
}

/* ---- equal input, equal file -------------------------------------------- */

static void assert_equal(const char *options, bool equal)
{
    New a, b;

    make(&a, false, options);
    finish(&a);
    make(&b, false, options);
    g_assert_cmpint(memcmp(&a.footer, &b.footer, sizeof(a.footer)) == 0, ==,
                    equal);
    finish(&b);
}

static void test_s32_reproducible(void)
{
    New a, b;

    g_unsetenv("SOURCE_DATE_EPOCH");
    assert_equal("size=1079296", false);
    assert_equal("size=1079296,timestamp=1000000000", true);
    g_setenv("SOURCE_DATE_EPOCH", "1000000000", true);
    assert_equal("size=1079296", true);

    /* Another disk has another id. */
    make(&a, false, "size=1079296");
    g_assert_cmpint(be32_to_cpu(a.footer.timestamp), ==,
                    1000000000 - VPC_EPOCH);
    finish(&a);
    make(&b, false, "size=1079296,block-size=512k");
    g_assert_cmpint(memcmp(&a.footer.uuid, &b.footer.uuid, 16), !=, 0);
    finish(&b);

    /* The option is asked first; what a footer cannot have is as near as can be. */
    make(&a, false, "size=1079296,timestamp=946684800");
    g_assert_cmpint(be32_to_cpu(a.footer.timestamp), ==, 0);
    finish(&a);
    g_setenv("SOURCE_DATE_EPOCH", "1", true);
    make(&a, false, "size=1079296");
    g_assert_cmpint(be32_to_cpu(a.footer.timestamp), ==, 0);
    finish(&a);
    g_setenv("SOURCE_DATE_EPOCH", "99999999999", true);
    make(&a, false, "size=1079296");
    g_assert_cmphex(be32_to_cpu(a.footer.timestamp), ==, UINT32_MAX);
    finish(&a);
    g_setenv("SOURCE_DATE_EPOCH", "noon", true);
    refuse("size=1079296", "SOURCE_DATE_EPOCH");
    g_unsetenv("SOURCE_DATE_EPOCH");
}

/* ---- layout ------------------------------------------------------------- */

static const uint32_t block_sizes[] = {
    4 * KiB, 8 * KiB, 64 * KiB, 512 * KiB, 1 * MiB, 2 * MiB, 4 * MiB, 32 * MiB,
};

/*
 * A disk of seven blocks and a bit, whose blocks are written from the last one,
 * each after opening the image: they lie as if it had never been closed.
 */
static void test_block_size(gconstpointer opaque)
{
    uint32_t block = *(const uint32_t *)opaque;
    uint64_t size = 7ull * block + 512;
    g_autofree char *options = g_strdup_printf(
        "size=%" PRIu64 ",force-size=on,block-size=%" PRIu32, size, block);
    VpcLayout l;
    BlockBackend *blk;
    New n;

    vpc_layout_init(&l, size, block, false);
    make(&n, false, options);
    g_assert_cmpint(be32_to_cpu(n.header.block_size), ==, block);
    g_assert_cmpint(be32_to_cpu(n.header.max_table_entries), ==, 8);
    g_assert_cmpint(mem_disk_length(n.disk), ==, 1536 + 512 + 512);

    for (int i = 7; i >= 0; i--) {
        blk = open_new();
        write_value(blk, (uint64_t)i * block, 512, 0x40 + i);
        blk_unref(blk);
    }
    blk = open_new();
    for (int i = 0; i < 8; i++) {
        uint64_t entry = vpc_layout_nth_block(&l, 7 - i) / 512;

        assert_reads(blk, (uint64_t)i * block, 512, 0x40 + i);
        g_assert_cmpint(disk_byte(n.disk, entry * 512 + l.bitmap_size), ==,
                        0x40 + i);
        g_assert_cmpint((entry * 512 + l.bitmap_size) % 4096, ==, 0);
    }
    blk_unref(blk);
    g_assert_cmpint(mem_disk_length(n.disk), ==,
                    vpc_layout_nth_footer(&l, 8) + 512);
    finish(&n);
}

static void test_block_size_refused(void)
{
    static const char *const bad[] = {
        "0", "512", "2k", "3000000", "6M", "512M", "4G", "8E",
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        g_autofree char *options = g_strdup_printf(
            "size=1M,force-size=on,block-size=%s", bad[i]);

        refuse(options, "block");
    }
    refuse("size=1M,force-size=on,subformat=fixed,block-size=2M",
           "A fixed disk has no blocks");
}

/* ---- preallocation ------------------------------------------------------ */

/* Every block has its place, is full and reads as zeroes on an old device, too. */
static void test_preallocation(gconstpointer mode)
{
    g_autofree char *options = g_strdup_printf(
        "size=3072512,force-size=on,block-size=64k,preallocation=%s",
        (const char *)mode);
    int64_t length, pnum;
    BlockBackend *blk;
    New n;

    make(&n, true, options);
    length = mem_disk_length(n.disk);
    blk = open_new();
    assert_reads(blk, 0, 3072512, 0);
    for (int64_t at = 0; at < 3072512; at += 65536) {
        int ret = bdrv_block_status(blk_bs(blk), at, 512, &pnum, NULL, NULL);

        g_assert_cmpint(ret & BDRV_BLOCK_OFFSET_VALID, !=, 0);
        write_value(blk, at, 512, 0x11);
    }
    blk_unref(blk);
    g_assert_cmpint(mem_disk_length(n.disk), ==, length);
    finish(&n);
}

static void test_preallocation_refused(void)
{
    refuse("size=2040G,block-size=4k,preallocation=metadata",
           "sector numbers");
}

/* ---- XenServer's batmap ------------------------------------------------- */

static void check_batmap(const char *options, uint64_t blocks, bool full)
{
    uint64_t table = ROUND_UP(blocks * 4, 512), sectors;
    g_autofree uint8_t *map = NULL;
    VpcBatmapHeader header;
    New n;

    make(&n, false, options);
    mem_disk_read(n.disk, 1536 + table, &header, sizeof(header));
    g_assert_cmpmem(header.cookie, 8, "tdbatmap", 8);
    g_assert_cmpint(be64_to_cpu(header.offset), ==, 1536 + table + 512);
    g_assert_cmphex(be32_to_cpu(header.version), ==, 0x10002);
    sectors = DIV_ROUND_UP(blocks, 4096);
    g_assert_cmpint(be32_to_cpu(header.sectors), ==, sectors);
    map = disk_copy(n.disk, 1536 + table + 512, sectors * 512);
    g_assert_cmphex(be32_to_cpu(header.checksum), ==,
                    vpc_checksum(map, sectors * 512, sectors * 512));
    for (uint64_t i = 0; i < sectors * 4096; i++) {
        g_assert_cmpint(vpc_bit(map, i), ==, full && i < blocks);
    }
    blk_unref(open_new());
    finish(&n);
}

static void test_batmap(void)
{
    check_batmap("size=18M,target=xenserver", 9, false);
    check_batmap("size=18M,target=xenserver,preallocation=metadata", 9, true);
    check_batmap("size=16M,force-size=on,creator=tap\\x00,block-size=4k,"
                 "preallocation=metadata", 4096, true);
    check_batmap("size=16781312,force-size=on,creator=tap\\x00,block-size=4k",
                 4097, false);
}

/* ---- targets ------------------------------------------------------------ */

typedef struct TargetCase {
    const char *options;
    const char *refusal;        /* NULL: it is made with */
    const char *creator;
    unsigned major, minor, type;
} TargetCase;

static const TargetCase target_cases[] = {
    { "target=azure,size=20M", NULL, "qem2", 5, 3, VPC_TYPE_FIXED },
    { "target=azure,size=21M,creator=win ", NULL, "win ", 5, 3,
      VPC_TYPE_FIXED },
    { "target=azure,size=19M", "size 19922944 is less than 20 MiB" },
    { "target=azure,size=20972032", "size 20972032 is not a multiple of 1 MiB" },
    { "target=azure,size=20M,subformat=dynamic", "type is dynamic, not fixed" },
    { "target=azure,size=20M,force-size=off", "exact" },
    { "target=azure,size=20M,creator-os=FBSD", "creator OS 'FBSD' is not 'Wi2k'" },
    { "target=hyperv,size=1M", NULL, "win ", 10, 0, VPC_TYPE_DYNAMIC },
    { "target=hyperv,size=1M,block-size=512k", NULL, "win ", 10, 0,
      VPC_TYPE_DYNAMIC },
    { "target=hyperv,size=1M,subformat=fixed", NULL, "win ", 10, 0,
      VPC_TYPE_FIXED },
    { "target=hyperv,size=1M,block-size=1M", "neither 512 KiB nor 2 MiB" },
    { "target=hyperv,size=1M,subformat=fixed,preallocation=off",
      "the file is sparse" },
    { "target=hyperv,size=1M,preallocation=metadata", "the file is sparse" },
    { "target=xenserver,size=4M", NULL, "tap\0", 1, 3, VPC_TYPE_DYNAMIC },
    { "target=xenserver,size=1M,block-size=1M", "block size 1048576 is not 2 MiB" },
    { "target=xenserver,size=1M,creator=qemu", "creator 'qemu', version 1.3, is not 'tap\\x00', version 1.3" },
    { "target=xenserver,size=1M,creator-version=1.1", "version 1.1, is not 'tap\\x00', version 1.3" },
    { "target=xenserver,size=1M,uuid=00000000-0000-0000-0000-000000000000",
      "unique id is all zeroes" },
    { "target=xenserver,size=1M,geometry=65535/16/255",
      "geometry 65535/16/255 is larger than the disk" },
    { "target=virtualbox,size=1M", NULL, "vbox", 7, 0, VPC_TYPE_DYNAMIC },
    { "target=virtualbox,size=1M,block-size=1M", "block size 1048576 is less than 2 MiB" },
    { "target=virtualpc,size=1079296", NULL, "vpc ", 1, 0, VPC_TYPE_DYNAMIC },
    { "target=virtualpc,size=1M", "CHS geometry" },
    { "target=virtualpc,size=1079296,force-size=on", "geometry" },
    { "target=virtualpc,size=1079296,block-size=4k", "neither 512 KiB nor 2 MiB" },
    { "target=virtualpc,size=128G", "size 137438953472 is not that of the geometry, 136899993600" },
};

static void test_target(gconstpointer opaque)
{
    const TargetCase *c = opaque;
    New n;

    if (c->refusal) {
        refuse(c->options, c->refusal);
        return;
    }
    make(&n, false, c->options);
    g_assert_cmpmem(n.footer.creator_app, 4, c->creator, 4);
    g_assert_cmpint(be16_to_cpu(n.footer.creator_major), ==, c->major);
    g_assert_cmpint(be16_to_cpu(n.footer.creator_minor), ==, c->minor);
    g_assert_cmpint(be32_to_cpu(n.footer.type), ==, c->type);
    blk_unref(open_new());
    finish(&n);
}

/* ---- nodes of other kinds ----------------------------------------------- */

/* The largest table takes no more memory than a small one. */
static void test_bounded_memory(void)
{
    BlockDriverState *bs = bdrv_open("json:{'driver': 'null-co', "
                                     "'node-name': 'n', 'size': 4294967296}",
                                     NULL, NULL, BDRV_O_RDWR, &error_abort);
    struct rusage before, after;

    getrusage(RUSAGE_SELF, &before);
    new_image("n", "size=2040G,block-size=4k", &error_abort);
    getrusage(RUSAGE_SELF, &after);
    g_assert_cmpint(after.ru_maxrss - before.ru_maxrss, <, 16 * 1024);
    bdrv_unref(bs);
}

/* A node named "device" over the disk, which keeps its 3146240 bytes. */
static BlockDriverState *open_device(void)
{
    return bdrv_open("json:{'driver': 'raw', 'node-name': 'device', "
                     "'size': 3146240, 'file': {'driver': 'mem', "
                     "'disk': 'disk'}}", NULL, NULL, BDRV_O_RDWR,
                     &error_abort);
}

/* An old batmap on a device is not that of the new image. */
static void test_old_batmap(void)
{
    BlockDriverState *bs;
    ImageInfoSpecific *info;
    BlockBackend *blk;
    New n;

    make(&n, false, "size=3M,force-size=on,subformat=fixed");
    bs = open_device();
    new_image("device", "size=1M,target=xenserver", &error_abort);
    new_image("device", "size=1M,force-size=on", &error_abort);
    bdrv_unref(bs);
    blk = open_new();
    info = bdrv_get_specific_info(blk_bs(blk), &error_abort);
    g_assert_false(info->u.vpc.data->has_batmap_offset);
    qapi_free_ImageInfoSpecific(info);
    blk_unref(blk);
    finish(&n);
}

/*
 * S40: what stood on a device that cannot shrink is no image any more; the new
 * one is sound there, and can be written to.
 */
static void test_s40_device(gconstpointer subformat)
{
    g_autofree char *options = g_strdup_printf(
        "size=1M,force-size=on,subformat=%s", (const char *)subformat);
    BlockDriverState *bs;
    BlockBackend *blk;
    New n;

    make(&n, false, "size=3M,force-size=on,subformat=fixed");
    bs = open_device();
    new_image("device", options, &error_abort);
    bdrv_unref(bs);
    g_assert_cmpint(mem_disk_length(n.disk), ==, 3146240);
    for (int round = 0; round < 2; round++) {
        blk = open_new();
        g_assert_cmpint(blk_getlength(blk), ==, MiB);
        if (round) {
            assert_reads(blk, MiB - 512, 512, 0x42);
        }
        write_value(blk, MiB - 512, 512, 0x42);
        blk_unref(blk);
    }
    finish(&n);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();

    g_test_add_func("/vpc/create/fields", test_fields);
    g_test_add_func("/vpc/create/fields-refused", test_fields_refused);
    g_test_add_func("/vpc/create/S31-force-size", test_s31_force_size);
    g_test_add_func("/vpc/create/S33-rounding", test_s33_rounding);
    g_test_add_func("/vpc/create/S32-reproducible", test_s32_reproducible);
    for (size_t i = 0; i < ARRAY_SIZE(block_sizes); i++) {
        g_autofree char *name = g_strdup_printf(
            "/vpc/create/block-size/%" PRIu32, block_sizes[i]);

        g_test_add_data_func(name, &block_sizes[i], test_block_size);
    }
    g_test_add_func("/vpc/create/block-size-refused",
                    test_block_size_refused);
    g_test_add_data_func("/vpc/create/S30-preallocation/metadata", "metadata",
                         test_preallocation);
    g_test_add_data_func("/vpc/create/S30-preallocation/falloc", "falloc",
                         test_preallocation);
    g_test_add_data_func("/vpc/create/S30-preallocation/full", "full",
                         test_preallocation);
    g_test_add_func("/vpc/create/preallocation-refused",
                    test_preallocation_refused);
    g_test_add_func("/vpc/create/batmap", test_batmap);
    for (size_t i = 0; i < ARRAY_SIZE(target_cases); i++) {
        g_autofree char *name = g_strdup_printf(
            "/vpc/create/%s", target_cases[i].options);

        g_test_add_data_func(name, &target_cases[i], test_target);
    }
    g_test_add_func("/vpc/create/bounded-memory", test_bounded_memory);
    g_test_add_func("/vpc/create/old-batmap", test_old_batmap);
    g_test_add_data_func("/vpc/create/S40-device/dynamic", "dynamic",
                         test_s40_device);
    g_test_add_data_func("/vpc/create/S40-device/fixed", "fixed",
                         test_s40_device);
    return g_test_run();
}
