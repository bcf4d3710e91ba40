/* SPDX-License-Identifier: MIT */
/*
 * Which images open, and how: files that go on after their image, open options,
 * images that are to be checked, reopening, information.
 */
#include "qemu/osdep.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/bswap.h"
#include "vpc-fixture.h"

#define DISK_BLOCKS 4

static const VhdSpec small = { .size = DISK_BLOCKS * BLOCK };
static const VhdSpec small_fixed = {
    .size = DISK_BLOCKS * BLOCK, .type = VPC_TYPE_FIXED,
};

/* Block 1 is 0x11, the others have no space. */
static void begin_small(Fixture *f, const VhdSpec *spec)
{
    begin(f, spec);
    if (spec->type != VPC_TYPE_FIXED) {
        vhd_add_block(f->disk, &f->image, 1, 0, BLOCK / 512, 0x11);
    }
    vhd_finish(f->disk, &f->image);
}

static void expect_error(Error **err, const char *text)
{
    if (!strstr(error_get_pretty(*err), text)) {
        g_error("'%s' does not contain '%s'", error_get_pretty(*err), text);
    }
    error_free(*err);
    *err = NULL;
}

/* ---- a file that goes on after its image -------------------------------- */

static void fill(MemDisk *disk, int64_t offset, int64_t bytes, uint8_t value)
{
    g_autofree uint8_t *buf = g_malloc(bytes);

    memset(buf, value, bytes);
    mem_disk_write(disk, offset, buf, bytes);
}

/* It is sound: it opens for writing, and what is written is there. */
static void assert_writable(Fixture *f)
{
    BlockBackend *blk = open_rw(f);

    assert_reads(blk, 0, BLOCK, 0);
    assert_reads(blk, BLOCK, BLOCK, 0x11);
    write_value(blk, BLOCK + 512, 512, 0x22);
    write_value(blk, 3 * BLOCK, 512, 0x33);
    blk_unref(blk);
    blk = open_rw(f);
    assert_reads(blk, BLOCK, 512, 0x11);
    assert_reads(blk, BLOCK + 512, 512, 0x22);
    assert_reads(blk, 3 * BLOCK, 512, 0x33);
    assert_reads(blk, 3 * BLOCK + 512, BLOCK - 512, 0);
    blk_unref(blk);
}

typedef struct TrailingCase {
    const char *name;
    VhdSpec spec;
} TrailingCase;

static const TrailingCase trailing_cases[] = {
    { "packed", { .size = DISK_BLOCKS * BLOCK } },
    { "spare-sector", { .size = DISK_BLOCKS * BLOCK, .spare_sectors = 1 } },
    { "page", { .size = DISK_BLOCKS * BLOCK, .windows = true } },
};

static void test_trailing(gconstpointer data)
{
    const TrailingCase *c = data;
    static const int lengths[] = { 512, 3584, 4096, 1 * MiB };

    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        for (int value = 0; value < 256; value += 0xab) {
            Fixture f;

            begin_small(&f, &c->spec);
            fill(f.disk, mem_disk_length(f.disk), lengths[i], value);
            assert_writable(&f);
            end(&f);
        }
    }
}

/* A footer that is not where the data ends, or not the head's, is none. */
static void test_trailing_elsewhere(void)
{
    const uint8_t zeroes[512] = { 0 };
    int64_t length;
    Fixture f;

    begin_small(&f, &small);
    mem_disk_write(f.disk, f.image.end, zeroes, 512);
    mem_disk_write(f.disk, f.image.end + 1536, &f.image.footer, 512);
    fill(f.disk, f.image.end + 2048, 512, 0);
    length = mem_disk_length(f.disk);
    blk_unref(open_rw(&f));
    g_assert_cmpint(mem_disk_length(f.disk), ==, length + 512);
    assert_sound_ends(&f);
    end(&f);

    begin_small(&f, &small);
    fill(f.disk, mem_disk_length(f.disk), 512, 0);
    disk_flip(f.disk, f.image.end + 500, 1);
    assert_read_only(&f, "end of the file is missing or damaged");
    end(&f);
}

/* ---- options ------------------------------------------------------------ */

static void test_s37_saved_state_ignored(void)
{
    Error *err = NULL;
    BlockBackend *blk;
    Fixture f;

    begin_small(&f, &small);
    f.image.footer.saved_state = 1;
    vhd_rewrite(f.disk, &f.image);
    assert_read_only(&f, "saved state");
    g_assert_null(open_option(&f, BDRV_O_RDWR, "saved_state", "refuse", NULL));
    g_assert_null(open_option(&f, BDRV_O_RDWR, "saved_state", "no", &err));
    expect_error(&err, "no");
    blk = open_option(&f, BDRV_O_RDWR, "saved_state", "ignore", &error_abort);
    write_value(blk, BLOCK, 512, 0x22);
    blk_unref(blk);
    /* What else is wrong still counts. */
    disk_flip(f.disk, 70, 1);
    g_assert_null(open_option(&f, BDRV_O_RDWR, "saved_state", "ignore", &err));
    expect_error(&err, "offset 0 is damaged");
    end(&f);
}

/* The reason names the first field that differs. */
static void test_s16_footers_differ(void)
{
    VpcFooter head;
    Fixture f;

    begin_small(&f, &small);
    head = f.image.footer;
    head.original_size = 0;
    vpc_footer_seal(&head);
    mem_disk_write(f.disk, 0, &head, sizeof(head));
    assert_read_only(&f, "differ, first in their original size");
    end(&f);
}

/* ---- opened to be checked ----------------------------------------------- */

static BlockBackend *open_check(Fixture *f)
{
    return open_flags(f, BDRV_O_RDWR | BDRV_O_CHECK, &error_abort);
}

static void test_lenient(void)
{
    Fixture f;

    /* Checksums: of both footers, of the header. */
    begin_small(&f, &small);
    disk_flip(f.disk, 66, 1);
    disk_flip(f.disk, f.image.end + 66, 1);
    assert_refused(&f, 0, "Wrong checksum");
    blk_unref(open_check(&f));
    disk_flip(f.disk, 512 + 38, 1);
    blk_unref(open_check(&f));
    end(&f);

    begin_small(&f, &small);
    disk_flip(f.disk, 512 + 38, 1);
    assert_refused(&f, 0, "Wrong checksum 0x");
    blk_unref(open_check(&f));
    /* Values are judged all the same, where no known layout fits the file. */
    disk_flip(f.disk, 512 + 32, 1);
    vhd_set_entry(f.disk, &f.image, 0, 1);
    assert_refused(&f, BDRV_O_CHECK | BDRV_O_RDWR, "Invalid block size");
    end(&f);

    begin_small(&f, &small);
    vhd_set_entry(f.disk, &f.image, 0, 1);
    blk_unref(open_check(&f));
    end(&f);

    /* No cookie at either end: nothing says what it is. */
    begin_small(&f, &small);
    disk_flip(f.disk, 0, 1);
    disk_flip(f.disk, f.image.end, 1);
    assert_refused(&f, BDRV_O_CHECK, "no cookie 'conectix'");
    end(&f);
}

/* A fixed disk's only footer must fit the file exactly. */
static void test_lenient_fixed(void)
{
    Fixture f;

    begin_small(&f, &small_fixed);
    disk_flip(f.disk, f.image.end + 66, 1);
    assert_refused(&f, 0, "Wrong checksum");
    blk_unref(open_check(&f));
    mem_disk_write(f.disk, f.image.end + 512, &f.image.footer, 512);
    disk_flip(f.disk, f.image.end + 512 + 66, 1);
    assert_refused(&f, BDRV_O_CHECK, "Wrong checksum");
    end(&f);
}

/* S13: nor does what a guest wrote count when that footer is damaged. */
static void test_s13_damaged_footer(void)
{
    BlockBackend *blk;
    VhdImage inner;
    Fixture f;

    begin_small(&f, &small_fixed);
    vhd_begin(f.disk, &inner, &small);
    vhd_finish(f.disk, &inner);
    disk_flip(f.disk, f.image.end + 66, 1);
    assert_refused(&f, 0, "Wrong checksum");
    blk = open_check(&f);
    g_assert_cmpint(blk_getlength(blk), ==, DISK_BLOCKS * BLOCK);
    assert_reads(blk, 1536, DISK_BLOCKS * 4, 0xff);
    blk_unref(blk);
    end(&f);
}

/* It can be checked; nothing is read without its parent. */
static void test_lenient_differencing(void)
{
    uint8_t buf[512] = { 0 };
    int64_t pnum;
    BlockBackend *blk;
    Fixture f;

    begin_small(&f, &small);
    f.image.footer.type = cpu_to_be32(VPC_TYPE_DIFFERENCING);
    vhd_rewrite(f.disk, &f.image);
    assert_refused(&f, 0, "type 4");
    blk = open_check(&f);
    blk_set_perm(blk, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE, BLK_PERM_ALL,
                 &error_abort);
    for (int64_t at = 0; at < 2 * BLOCK; at += BLOCK) {
        g_assert_cmpint(blk_pread(blk, at, buf, 512), <, 0);
        g_assert_cmpint(blk_pwrite(blk, at, buf, 512, 0), <, 0);
        g_assert_cmpint(blk_pwrite_zeroes(blk, at, 512, 0), <, 0);
        g_assert_cmpint(bdrv_block_status(blk_bs(blk), at, 512, &pnum, NULL,
                                          NULL) & BDRV_BLOCK_LOST, !=, 0);
    }
    blk_unref(blk);
    end(&f);
}

/* ---- reopening ---------------------------------------------------------- */

static int reopen(BlockBackend *blk, bool read_only, const char *saved_state,
                  Error **errp)
{
    QDict *options = qdict_new();
    BlockReopenQueue *queue;
    int ret;

    blk_set_perm(blk, BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL, &error_abort);
    qdict_put_bool(options, BDRV_OPT_READ_ONLY, read_only);
    if (saved_state) {
        qdict_put_str(options, "saved_state", saved_state);
    }
    queue = bdrv_reopen_queue(NULL, blk_bs(blk), options, true);
    ret = bdrv_reopen_multiple(queue, errp);
    if (ret == 0 && !read_only) {
        blk_set_perm(blk, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE,
                     BLK_PERM_ALL, &error_abort);
    }
    return ret;
}

static void assert_checked_again(Fixture *f, int64_t offset, const char *text)
{
    BlockBackend *blk = open_ro(f);
    Error *err = NULL;

    disk_flip(f->disk, offset, 1);
    g_assert_cmpint(reopen(blk, false, NULL, &err), <, 0);
    expect_error(&err, text);
    g_assert_true(bdrv_is_read_only(blk_bs(blk)));
    disk_flip(f->disk, offset, 1);
    g_assert_cmpint(reopen(blk, false, NULL, &error_abort), ==, 0);
    g_assert_false(bdrv_is_read_only(blk_bs(blk)));
    blk_unref(blk);
}

static void test_s34_reopen(void)
{
    BlockBackend *blk, *other;
    Fixture f;

    begin_small(&f, &small);
    assert_checked_again(&f, 30, "offset 0 is damaged");
    assert_checked_again(&f, f.image.end + 30, "end of the file");
    assert_checked_again(&f, 512 + 100, "header");
    /* What others wrote meanwhile is read, and nothing is put over it. */
    blk = open_ro(&f);
    other = open_rw(&f);
    write_value(other, 2 * BLOCK, BLOCK, 0x55);
    blk_unref(other);
    g_assert_cmpint(reopen(blk, false, NULL, &error_abort), ==, 0);
    assert_reads(blk, 2 * BLOCK, BLOCK, 0x55);
    write_value(blk, 3 * BLOCK, BLOCK, 0x44);
    blk_unref(blk);
    blk = open_ro(&f);
    assert_reads(blk, 2 * BLOCK, BLOCK, 0x55);
    assert_reads(blk, 3 * BLOCK, BLOCK, 0x44);
    blk_unref(blk);
    /* What this node wrote itself is no surprise. */
    blk = open_rw(&f);
    write_value(blk, 0, 512, 0x22);
    g_assert_cmpint(reopen(blk, true, NULL, &error_abort), ==, 0);
    g_assert_cmpint(reopen(blk, false, NULL, &error_abort), ==, 0);
    write_value(blk, 3 * BLOCK, 512, 0x33);
    assert_reads(blk, 0, 512, 0x22);
    blk_unref(blk);
    end(&f);

    begin_small(&f, &small_fixed);
    assert_checked_again(&f, f.image.end + 30, "footer");
    end(&f);
}

static void test_reopen_saved_state(void)
{
    Error *err = NULL;
    BlockBackend *blk;
    Fixture f;

    begin_small(&f, &small);
    f.image.footer.saved_state = 1;
    vhd_rewrite(f.disk, &f.image);
    blk = open_ro(&f);
    g_assert_cmpint(reopen(blk, false, NULL, &err), ==, -EACCES);
    expect_error(&err, "saved state");
    g_assert_cmpint(reopen(blk, false, "never", NULL), <, 0);
    g_assert_cmpint(reopen(blk, false, "ignore", &error_abort), ==, 0);
    write_value(blk, BLOCK, 512, 0x22);
    g_assert_cmpint(reopen(blk, false, "refuse", NULL), ==, -EACCES);
    blk_unref(blk);
    end(&f);
}

/* ---- information ------------------------------------------------------------------------ */

/* The largest block is no negative number of bytes. */
static void test_cluster_size(void)
{
    for (int shift = 30; shift <= 31; shift++) {
        const VhdSpec spec = { .size = 4 * GiB, .block_size = 1u << shift };
        BlockDriverInfo bdi = { 0 };
        BlockBackend *blk;
        Fixture f;

        begin(&f, &spec);
        vhd_finish(f.disk, &f.image);
        blk = open_ro(&f);
        g_assert_cmpint(bdrv_get_info(blk_bs(blk), &bdi), ==, 0);
        g_assert_cmpint(bdi.cluster_size, ==, shift == 31 ? 0 : 1 << 30);
        blk_unref(blk);
        end(&f);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    /* Damaged images are warned of; the tests look at the reasons. */
    g_assert_nonnull(freopen("/dev/null", "w", stderr));

    for (size_t i = 0; i < ARRAY_SIZE(trailing_cases); i++) {
        g_autofree char *name = g_strconcat("/vpc/trailing/",
                                            trailing_cases[i].name, NULL);

        g_test_add_data_func(name, &trailing_cases[i], test_trailing);
    }
    g_test_add_func("/vpc/trailing/elsewhere", test_trailing_elsewhere);
    g_test_add_func("/vpc/S37-ignored", test_s37_saved_state_ignored);
    g_test_add_func("/vpc/S16-differ", test_s16_footers_differ);
    g_test_add_func("/vpc/lenient/dynamic", test_lenient);
    g_test_add_func("/vpc/lenient/fixed", test_lenient_fixed);
    g_test_add_func("/vpc/S13-damaged-footer", test_s13_damaged_footer);
    g_test_add_func("/vpc/lenient/differencing", test_lenient_differencing);
    g_test_add_func("/vpc/S34-reopen", test_s34_reopen);
    g_test_add_func("/vpc/reopen-saved-state", test_reopen_saved_state);
    g_test_add_func("/vpc/cluster-size", test_cluster_size);
    return g_test_run();
}
