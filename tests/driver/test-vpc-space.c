/* SPDX-License-Identifier: MIT */
/*
 * Where blocks get their space from and what becomes of it: unmapping, space
 * that is used again, gaps, files that cannot grow, sector bitmaps that lose
 * bits.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/bswap.h"
#include "vpc-fixture.h"

static const VhdSpec windows = { .size = 10 * BLOCK, .windows = true };
static const VhdSpec odd_end = {
    .size = 2 * BLOCK + 3 * 512, .windows = true,
};
static const VhdSpec cut_by_geometry = {
    .size = 2 * BLOCK, .creator = "vpc ", .geometry = { 33, 4, 1 },
};

static void assert_zero_status(BlockBackend *blk, int64_t offset,
                               int64_t bytes)
{
    int64_t pnum;
    int ret = bdrv_block_status(blk_bs(blk), offset, bytes, &pnum, NULL, NULL);

    g_assert_cmpint(ret, >=, 0);
    g_assert_true(ret & BDRV_BLOCK_ZERO);
    g_assert_cmpint(pnum, ==, bytes);
}

/* ---- unmapping ---------------------------------------------------------- */

static void test_unmap(void)
{
    Fixture f;
    BlockBackend *blk;
    uint32_t freed;
    int64_t length;

    begin_full(&f, &windows, 3);
    freed = entry_of(&f, 1);
    blk = open_rw(&f);
    write_zeroes(blk, BLOCK, BLOCK);
    assert_reads(blk, 0, BLOCK, 1);
    assert_reads(blk, BLOCK, BLOCK, 0);
    assert_reads(blk, 2 * BLOCK, BLOCK, 3);
    assert_zero_status(blk, BLOCK, BLOCK);
    /* It is punched, and the table follows with the flush. */
    g_assert_cmpint(disk_byte(f.disk, freed * 512ll + 512), ==, 0);
    g_assert_cmphex(entry_of(&f, 1), ==, freed);

    /* The disk may still say that the space is in use: it is not used. */
    write_value(blk, 5 * BLOCK, 512, 0x51);
    assert_flushes(blk);
    g_assert_cmphex(entry_of(&f, 1), ==, VPC_UNALLOCATED);
    g_assert_cmphex(entry_of(&f, 5), !=, freed);
    /* Another flush, and it is. */
    write_value(blk, 5 * BLOCK, 512, 0x52);
    assert_flushes(blk);
    length = mem_disk_length(f.disk);
    write_value(blk, 6 * BLOCK + 512, 512, 0x61);
    assert_flushes(blk);
    g_assert_cmphex(entry_of(&f, 6), ==, freed);
    g_assert_cmpint(mem_disk_length(f.disk), ==, length);
    blk_unref(blk);

    blk = open_ro(&f);
    assert_reads(blk, 0, BLOCK, 1);
    assert_reads(blk, BLOCK, BLOCK, 0);
    assert_reads(blk, 5 * BLOCK, 512, 0x52);
    assert_reads(blk, 6 * BLOCK, 512, 0);
    assert_reads(blk, 6 * BLOCK + 512, 512, 0x61);
    assert_reads(blk, 6 * BLOCK + 1024, BLOCK - 1024, 0);
    blk_unref(blk);
    assert_sound_ends(&f);
    end(&f);
}

/* The same by discard, for a last block that ends with the disk. */
static void test_unmap_last(void)
{
    Fixture f;
    BlockBackend *blk;

    begin_full(&f, &odd_end, 3);
    blk = open_rw(&f);
    g_assert_cmpint(blk_pdiscard(blk, BLOCK, BLOCK + 3 * 512), ==, 0);
    assert_reads(blk, BLOCK, BLOCK + 3 * 512, 0);
    assert_flushes(blk);
    g_assert_cmphex(entry_of(&f, 0), !=, VPC_UNALLOCATED);
    g_assert_cmphex(entry_of(&f, 1), ==, VPC_UNALLOCATED);
    g_assert_cmphex(entry_of(&f, 2), ==, VPC_UNALLOCATED);
    write_value(blk, 2 * BLOCK, 512, 0x42);
    assert_reads(blk, 2 * BLOCK + 512, 1024, 0);
    blk_unref(blk);
    end(&f);
}

/*
 * A geometry that ends in a block: what programs that go by current_size have
 * behind it, in that block, is not the guest's to discard.
 */
static void test_unmap_cut(void)
{
    Fixture f;
    BlockBackend *blk;

    begin_full(&f, &cut_by_geometry, 2);
    blk = open_rw(&f);
    g_assert_cmpint(blk_getlength(blk), ==, BLOCK + 4 * 512);
    write_zeroes(blk, BLOCK, 4 * 512);
    assert_reads(blk, 0, BLOCK, 1);
    assert_reads(blk, BLOCK, 4 * 512, 0);
    blk_unref(blk);

    blk = open_option(&f, BDRV_O_RDWR, "force_size_calc", "current_size",
                      &error_abort);
    g_assert_cmpint(blk_getlength(blk), ==, 2 * BLOCK);
    assert_reads(blk, BLOCK, 4 * 512, 0);
    assert_reads(blk, BLOCK + 4 * 512, BLOCK - 4 * 512, 2);
    /* All of it is. */
    write_zeroes(blk, BLOCK, BLOCK);
    blk_unref(blk);
    g_assert_cmphex(entry_of(&f, 1), ==, VPC_UNALLOCATED);
    end(&f);
}

/* Zeroes and discards leave what has no space without. */
static void test_unmap_nothing(void)
{
    Fixture f;
    BlockBackend *blk;
    int64_t length;

    begin(&f, &windows);
    vhd_finish(f.disk, &f.image);
    length = mem_disk_length(f.disk);
    blk = open_rw(&f);
    write_zeroes(blk, 512, 9 * BLOCK);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 0, BLOCK + 512, 0), ==, 0);
    g_assert_cmpint(blk_pdiscard(blk, 0, 10 * BLOCK), ==, 0);
    blk_unref(blk);
    g_assert_cmpint(mem_disk_length(f.disk), ==, length);
    for (int i = 0; i < 10; i++) {
        g_assert_cmphex(entry_of(&f, i), ==, VPC_UNALLOCATED);
    }
    end(&f);
}

/* A flush that fails leaves the entry pending, and the space unused. */
static void test_unmap_flush_fails(void)
{
    for (unsigned nth = 1; nth <= 2; nth++) {
        const DiskFault fault = {
            .iotype = nth == 1 ? "flush" : "write", .nth = 1,
        };
        Fixture f;
        BlockBackend *blk;
        uint32_t freed;

        begin_full(&f, &windows, 2);
        freed = entry_of(&f, 0);
        blk = open_faulty(&f, &fault);
        write_zeroes(blk, 0, BLOCK);
        disk_arm(blk);
        g_assert_cmpint(blk_flush(blk), ==, -EIO);
        g_assert_cmphex(entry_of(&f, 0), ==, freed);
        write_value(blk, 7 * BLOCK, 512, 0x71);
        assert_flushes(blk);
        g_assert_cmphex(entry_of(&f, 0), ==, VPC_UNALLOCATED);
        g_assert_cmphex(entry_of(&f, 7), !=, freed);
        blk_unref(blk);
        blk = open_ro(&f);
        assert_reads(blk, 0, BLOCK, 0);
        assert_reads(blk, BLOCK, BLOCK, 2);
        assert_reads(blk, 7 * BLOCK, 512, 0x71);
        blk_unref(blk);
        end(&f);
    }
}

typedef struct Worker {
    BlockBackend *blk;
    GRand *rand;
    unsigned *left;
} Worker;

static void coroutine_fn work(void *opaque)
{
    Worker *w = opaque;
    uint8_t buf[512] = { 1 };

    for (int i = 0; i < 200; i++) {
        int64_t at = g_rand_int_range(w->rand, 0, 4) * BLOCK;
        int64_t pnum;

        switch (g_rand_int_range(w->rand, 0, 4)) {
        case 0:
            g_assert_cmpint(blk_co_pwrite_zeroes(w->blk, at, BLOCK, 0), ==, 0);
            break;
        case 1:
            g_assert_cmpint(blk_co_pwrite_zeroes(w->blk, at + 512, 512, 0), ==,
                            0);
            break;
        case 2:
            g_assert_cmpint(blk_pwrite(w->blk, at, buf, 512, 0), >=, 0);
            break;
        case 3:
            g_assert_cmpint(bdrv_block_status(blk_bs(w->blk), at, BLOCK, &pnum,
                                              NULL, NULL), >=, 0);
            break;
        }
    }
    --*w->left;
}

/* A block that is looked at while it gives up its space and gets other. */
static void test_unmap_and_status(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    QDict *options = qdict_new();
    Worker workers[24];
    unsigned left = G_N_ELEMENTS(workers);
    Fixture f;
    BlockBackend *blk;

    begin_full(&f, &windows, 2);
    qdict_put_str(options, "driver", "vpc");
    qdict_put_str(options, "file.driver", "delay");
    qdict_put_int(options, "file.max-ns", 0);
    qdict_put_str(options, "file.file.driver", "mem");
    qdict_put_str(options, "file.file.disk", "disk");
    blk = blk_new_open(NULL, NULL, options, BDRV_O_RDWR | BDRV_O_UNMAP,
                       &error_abort);
    for (size_t i = 0; i < G_N_ELEMENTS(workers); i++) {
        workers[i] = (Worker) { blk, rand, &left };
        qemu_coroutine_enter(qemu_coroutine_create(work, &workers[i]));
    }
    while (left) {
        aio_poll(qemu_get_current_aio_context(), true);
    }
    blk_unref(blk);
    blk_unref(open_rw(&f));
    end(&f);
}

static void coroutine_fn unmap_first(void *opaque)
{
    Worker *w = opaque;

    g_assert_cmpint(blk_co_pwrite_zeroes(w->blk, 0, BLOCK, BDRV_REQ_MAY_UNMAP),
                    ==, 0);
    --*w->left;
}

static void coroutine_fn use_freed(void *opaque)
{
    Worker *w = opaque;
    uint8_t buf[512] = { 0x71 };

    g_assert_cmpint(blk_co_flush(w->blk), ==, 0);
    g_assert_cmpint(blk_co_flush(w->blk), ==, 0);
    g_assert_cmpint(blk_pwrite(w->blk, 7 * BLOCK, buf, 512, 0), >=, 0);
    --*w->left;
}

/* Space is not used again while the zeroes are still being written there. */
static void test_unmap_while_used_again(void)
{
    const DiskFault none = { .iotype = "write", .nth = 1 };
    unsigned left = 2;
    uint8_t byte;
    Fixture f;
    Worker w;

    begin_full(&f, &windows, 2);
    w = (Worker) { .blk = open_faulty(&f, &none), .left = &left };
    g_assert_cmpint(bdrv_debug_breakpoint(blk_bs(w.blk), "pwritev_zero", "A"),
                    ==, 0);
    qemu_coroutine_enter(qemu_coroutine_create(unmap_first, &w));
    while (!bdrv_debug_is_suspended(blk_bs(w.blk), "A")) {
        aio_poll(qemu_get_current_aio_context(), true);
    }
    qemu_coroutine_enter(qemu_coroutine_create(use_freed, &w));
    while (aio_poll(qemu_get_current_aio_context(), false)) {
    }
    g_assert_cmpint(bdrv_debug_resume(blk_bs(w.blk), "A"), ==, 0);
    while (left) {
        aio_poll(qemu_get_current_aio_context(), true);
    }
    g_assert_cmpint(blk_pread(w.blk, 7 * BLOCK, &byte, 1), >=, 0);
    g_assert_cmphex(byte, ==, 0x71);
    assert_reads(w.blk, 0, BLOCK, 0);
    blk_unref(w.blk);
    end(&f);
}

static void coroutine_fn write_and_fail(void *opaque)
{
    Worker *w = opaque;
    uint8_t buf[512] = { 0x71 };

    g_assert_cmpint(blk_pwrite(w->blk, 7 * BLOCK, buf, 512, 0), ==, -EIO);
    --*w->left;
}

/*
 * The last block is given back while the one before it is taken, whose write then
 * fails: the file ends after what is the last one now.
 */
static void test_unmap_while_taken(gconstpointer flushes)
{
    const DiskFault fault = { .iotype = "write", .nth = 1 };
    unsigned left = 1;
    Fixture f;
    Worker w;

    begin_full(&f, &virtualbox, 3);
    w = (Worker) { .blk = open_faulty(&f, &fault), .left = &left };
    write_zeroes(w.blk, BLOCK, BLOCK);
    assert_flushes(w.blk);
    assert_flushes(w.blk);
    g_assert_cmpint(bdrv_debug_breakpoint(blk_bs(w.blk), "pwritev", "A"), ==,
                    0);
    qemu_coroutine_enter(qemu_coroutine_create(write_and_fail, &w));
    while (!bdrv_debug_is_suspended(blk_bs(w.blk), "A")) {
        aio_poll(qemu_get_current_aio_context(), true);
    }
    write_zeroes(w.blk, 2 * BLOCK, BLOCK);
    for (int i = 0; i < GPOINTER_TO_INT(flushes); i++) {
        assert_flushes(w.blk);
    }
    disk_arm(w.blk);
    g_assert_cmpint(bdrv_debug_resume(blk_bs(w.blk), "A"), ==, 0);
    while (left) {
        aio_poll(qemu_get_current_aio_context(), true);
    }
    disk_disarm(w.blk);
    blk_unref(w.blk);
    assert_sound_ends(&f);
    g_assert_cmpint(mem_disk_length(f.disk), ==,
                    entry_of(&f, 0) * 512ll + 512 + BLOCK + 512);
    end(&f);
}

/* ---- bits --------------------------------------------------------------- */

static void test_clear_bits(void)
{
    g_autofree uint8_t *bitmap = NULL;
    Fixture f;
    BlockBackend *blk;
    int64_t at;

    begin_full(&f, &windows, 1);
    at = entry_of(&f, 0) * 512ll;
    blk = open_rw(&f);
    write_zeroes(blk, 8 * 512, 10 * 512);
    assert_zero_status(blk, 8 * 512, 10 * 512);
    write_value(blk, 9 * 512, 512, 0x42);
    assert_flushes(blk);
    bitmap = disk_copy(f.disk, at, 4);
    g_assert_cmphex(bitmap[0], ==, 0xff);
    g_assert_cmphex(bitmap[1], ==, 0x40);
    g_assert_cmphex(bitmap[2], ==, 0x3f);
    g_assert_cmphex(bitmap[3], ==, 0xff);
    /* Data under clear bits is zero for who ignores the bits. */
    g_assert_cmphex(disk_byte(f.disk, at + 512 + 8 * 512), ==, 0);
    g_assert_cmphex(disk_byte(f.disk, at + 512 + 17 * 512 + 511), ==, 0);
    assert_reads(blk, 0, 8 * 512, 1);
    assert_reads(blk, 8 * 512, 512, 0);
    assert_reads(blk, 9 * 512, 512, 0x42);
    assert_reads(blk, 10 * 512, 8 * 512, 0);
    assert_reads(blk, 18 * 512, BLOCK - 18 * 512, 1);

    /* Without any bits the block is without space. */
    write_zeroes(blk, 0, 9 * 512);
    write_zeroes(blk, 9 * 512, BLOCK - 9 * 512);
    assert_flushes(blk);
    g_assert_cmphex(entry_of(&f, 0), ==, VPC_UNALLOCATED);
    assert_reads(blk, 0, BLOCK, 0);
    blk_unref(blk);
    end(&f);
}

/* ---- space that is used again ------------------------------------------- */

/* A hole of an earlier session takes a block; one with data in it does not. */
static void test_gaps(void)
{
    for (int data = 0; data < 2; data++) {
        Fixture f;
        BlockBackend *blk;
        uint32_t freed;
        unsigned flushes;
        int64_t length;

        begin_full(&f, &windows, 3);
        freed = entry_of(&f, 1);
        blk = open_rw(&f);
        write_zeroes(blk, BLOCK, BLOCK);
        blk_unref(blk);
        if (data) {
            mem_disk_write(f.disk, freed * 512ll + 5000, "vendor", 6);
        }
        length = mem_disk_length(f.disk);
        blk = open_rw(&f);
        flushes = mem_disk_count(f.disk, MEM_FLUSH);
        write_value(blk, 7 * BLOCK + 512, 512, 0x71);
        /* What was read of the table is on the disk before it is relied on. */
        g_assert_cmpuint(mem_disk_count(f.disk, MEM_FLUSH), ==,
                         flushes + !data);
        assert_flushes(blk);
        if (data) {
            g_assert_cmphex(entry_of(&f, 7), !=, freed);
            g_assert_cmphex(disk_byte(f.disk, freed * 512ll + 5000), ==, 'v');
        } else {
            g_assert_cmphex(entry_of(&f, 7), ==, freed);
            g_assert_cmpint(mem_disk_length(f.disk), ==, length);
        }
        assert_reads(blk, 7 * BLOCK, 512, 0);
        assert_reads(blk, 7 * BLOCK + 512, 512, 0x71);
        assert_reads(blk, 2 * BLOCK, BLOCK, 3);
        blk_unref(blk);
        end(&f);
    }
}

/* Blocks 1 to 3 were unmapped by a program that left the footer where it was. */
static void make_hole_before_footer(Fixture *f)
{
    int64_t start = entry_of(f, 1) * 512ll;
    int64_t bytes = mem_disk_length(f->disk) - 512 - start;
    g_autofree uint8_t *zeroes = g_malloc0(bytes);

    for (unsigned i = 1; i < 4; i++) {
        vhd_set_entry(f->disk, &f->image, i, VPC_UNALLOCATED);
    }
    mem_disk_write(f->disk, start, zeroes, bytes);
}

/*
 * The space before such a footer takes new blocks, each with a footer of its own;
 * all of it stays as it is if any byte is not zero.
 */
static void test_gap_before_footer(void)
{
    const VhdSpec *specs[] = { &virtualbox, &windows };

    for (size_t i = 0; i < 2 * ARRAY_SIZE(specs); i++) {
        const VhdSpec *spec = specs[i / 2];
        bool data = i % 2;
        Fixture f;
        BlockBackend *blk;
        int64_t length, last, vendor;

        begin_full(&f, spec, 4);
        last = entry_of(&f, 3) * 512ll;
        vendor = last - BLOCK / 2;
        make_hole_before_footer(&f);
        if (data) {
            mem_disk_write(f.disk, vendor, "vendor", 6);
        }
        length = mem_disk_length(f.disk);
        blk = open_rw(&f);
        write_value(blk, 7 * BLOCK + 512, 512, 0x71);
        assert_flushes(blk);
        if (data) {
            g_assert_cmphex(entry_of(&f, 7) * 512ll, >=, length);
        } else {
            g_assert_cmphex(entry_of(&f, 7) * 512ll, <, last);
            g_assert_cmpint(mem_disk_length(f.disk), ==, length);
        }
        write_value(blk, 8 * BLOCK, BLOCK, 0x72);
        write_value(blk, 9 * BLOCK, BLOCK, 0x73);
        write_value(blk, 3 * BLOCK, BLOCK, 0x74);
        assert_reads(blk, 7 * BLOCK + 512, 512, 0x71);
        assert_reads(blk, 7 * BLOCK + 1024, BLOCK - 1024, 0);
        assert_reads(blk, 8 * BLOCK, BLOCK, 0x72);
        assert_reads(blk, 9 * BLOCK, BLOCK, 0x73);
        blk_unref(blk);
        last = entry_of(&f, 3) * 512ll + 512 + BLOCK;
        g_assert_cmpint(mem_disk_length(f.disk), ==, last + 512);
        if (data) {
            g_assert_cmpint(disk_byte(f.disk, vendor), ==, 'v');
        }
        assert_sound_ends(&f);
        end(&f);
    }
}

/*
 * The footer stays where programs that pack blocks look for it: behind the last
 * block.  Elsewhere it ends a page.  The data of new blocks is aligned in both.
 */
static void test_layout_kept(void)
{
    const VhdSpec *specs[] = { &virtualbox, &windows };

    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        Fixture f;
        BlockBackend *blk;
        uint32_t entry;
        int64_t last;

        begin_full(&f, specs[i], 3);
        blk = open_rw(&f);
        write_value(blk, 5 * BLOCK + 512, 512, 0x42);
        write_value(blk, 6 * BLOCK + 512, 512, 0x42);
        blk_unref(blk);
        entry = entry_of(&f, 6);
        last = entry * 512ll + 512 + BLOCK;
        g_assert_cmpint((entry + 1) % 8, ==, 0);
        g_assert_cmpint(mem_disk_length(f.disk), ==, last + 512);
        assert_sound_ends(&f);
        end(&f);
    }
}

/*
 * Blocks are packed, and the last ones are given back: the footer that is due
 * after what is then the last one stands where a block was that may be used again.
 */
static void test_packed_given_back(void)
{
    Fixture f;
    BlockBackend *blk;

    begin_full(&f, &virtualbox, 4);
    blk = open_rw(&f);
    write_zeroes(blk, 2 * BLOCK, BLOCK);
    assert_flushes(blk);
    assert_flushes(blk);
    write_zeroes(blk, 3 * BLOCK, BLOCK);
    write_value(blk, 4 * BLOCK, BLOCK, 0x55);
    write_value(blk, 5 * BLOCK, BLOCK, 0x66);
    assert_flushes(blk);
    write_value(blk, 6 * BLOCK, BLOCK, 0x77);
    write_zeroes(blk, 4 * BLOCK, 3 * BLOCK);
    write_value(blk, 7 * BLOCK, BLOCK, 0x78);
    write_value(blk, 8 * BLOCK, BLOCK, 0x79);
    blk_unref(blk);
    assert_sound_ends(&f);
    blk = open_rw(&f);
    assert_reads(blk, BLOCK, BLOCK, 2);
    assert_reads(blk, 2 * BLOCK, 5 * BLOCK, 0);
    assert_reads(blk, 7 * BLOCK, BLOCK, 0x78);
    assert_reads(blk, 8 * BLOCK, BLOCK, 0x79);
    blk_unref(blk);
    end(&f);

    begin_full(&f, &virtualbox, 4);
    blk = open_rw(&f);
    write_zeroes(blk, 2 * BLOCK, BLOCK);
    assert_flushes(blk);
    assert_flushes(blk);
    write_zeroes(blk, 3 * BLOCK, BLOCK);
    write_value(blk, 4 * BLOCK, BLOCK, 0x55);
    write_value(blk, 5 * BLOCK, BLOCK, 0x66);
    blk_unref(blk);
    blk = open_rw(&f);
    assert_reads(blk, 4 * BLOCK, BLOCK, 0x55);
    assert_reads(blk, 5 * BLOCK, BLOCK, 0x66);
    blk_unref(blk);
    end(&f);
}

/* ---- S22: blocks that are not whole ------------------------------------- */

static void assert_unreadable(BlockBackend *blk, int64_t offset)
{
    uint8_t buf[512];

    g_assert_cmpint(blk_pread(blk, offset, buf, sizeof(buf)), ==, -EIO);
}

/* The last block is cut off in the middle: the others can be read. */
static void test_s22_truncated(void)
{
    Fixture f;
    BlockBackend *blk;

    begin_full(&f, &virtualbox, 3);
    disk_shorten(f.disk, 512 + 10 * 512);
    assert_read_only(&f, "the first is block 2");
    blk = open_ro(&f);
    assert_reads(blk, 0, BLOCK, 1);
    assert_reads(blk, BLOCK, BLOCK, 2);
    assert_unreadable(blk, 2 * BLOCK);
    blk_unref(blk);

    /* To salvage it, all that is there. */
    blk = open_flags(&f, BDRV_O_CHECK, &error_abort);
    assert_reads(blk, 2 * BLOCK, BLOCK - 10 * 512, 3);
    assert_unreadable(blk, 3 * BLOCK - 10 * 512);
    blk_unref(blk);
    end(&f);
}

/* Where blocks overlap, the later one has lost its bitmap. */
static void test_s22_overlapping(void)
{
    Fixture f;
    BlockBackend *blk;

    begin_full(&f, &virtualbox, 3);
    vhd_set_entry(f.disk, &f.image, 5, entry_of(&f, 1) + 9);
    blk = open_ro(&f);
    assert_reads(blk, 0, BLOCK, 1);
    assert_unreadable(blk, BLOCK);
    assert_unreadable(blk, 2 * BLOCK);
    assert_unreadable(blk, 5 * BLOCK);
    blk_unref(blk);

    blk = open_flags(&f, BDRV_O_CHECK, &error_abort);
    assert_reads(blk, BLOCK, 8 * 512, 2);
    assert_unreadable(blk, BLOCK + 8 * 512);
    assert_unreadable(blk, 5 * BLOCK);
    assert_unreadable(blk, 2 * BLOCK);
    blk_unref(blk);
    end(&f);
}

/*
 * A disk whose size is that of its geometry has blocks behind its end, which
 * other programs read: their space is not free.
 */
static void test_gaps_behind_end(void)
{
    const VhdSpec spec = {
        .size = 10 * BLOCK, .creator = "vpc ", .geometry = { 4, 4, 17 },
        .windows = true,
    };
    Fixture f;
    BlockBackend *blk;

    begin(&f, &spec);
    /* Its block 9 is a hole of the file. */
    vhd_set_entry(f.disk, &f.image, 9, 7);
    f.image.end = 8 * 512 + BLOCK;
    vhd_add_block(f.disk, &f.image, 0, 0, BLOCK / 512, 1);
    vhd_finish(f.disk, &f.image);
    blk = open_rw(&f);
    g_assert_cmpint(blk_getlength(blk), ==, 4 * 4 * 17 * 512);
    write_value(blk, BLOCK, 512, 0x42);
    blk_unref(blk);
    g_assert_cmphex(entry_of(&f, 1), >, entry_of(&f, 0));
    end(&f);
}

/* ---- S40: files that cannot grow ---------------------------------------- */

static void test_s40_device(void)
{
    const int64_t length = 4 * MiB;
    uint8_t buf[512] = { 1 };
    unsigned blocks = 0;
    Fixture f;
    BlockBackend *blk;

    begin_full(&f, &(VhdSpec) { .size = 100 * BLOCK, .windows = true }, 2);
    /* The rest of the device is full of old bytes; its end has a footer. */
    for (int64_t at = mem_disk_length(f.disk); at < length; at += 512) {
        memset(buf, 0x5e, sizeof(buf));
        mem_disk_write(f.disk, at, buf, 512);
    }
    mem_disk_write(f.disk, length - 512, &f.image.footer, 512);
    blk = open_window(length);
    while (blk_pwrite(blk, (2 + blocks) * BLOCK + 1024, buf, 512, 0) > 0) {
        blocks++;
    }
    g_assert_cmpint(blk_pwrite(blk, 90 * BLOCK, buf, 512, 0), ==, -ENOSPC);
    g_assert_cmpint(mem_disk_length(f.disk), ==, length);
    /* All but the last bit of the device is in use. */
    g_assert_cmpint(blocks, >=, (length - 3 * BLOCK) / (BLOCK + 4096) - 3);
    /* What is given up makes room. */
    write_zeroes(blk, 0, BLOCK);
    assert_flushes(blk);
    assert_flushes(blk);
    g_assert_cmpint(blk_pwrite(blk, 90 * BLOCK, buf, 512, 0), ==, 512);
    blk_unref(blk);

    blk = open_window(length);
    assert_reads(blk, 0, BLOCK, 0);
    assert_reads(blk, BLOCK, BLOCK, 2);
    for (unsigned i = 0; i < blocks; i++) {
        assert_reads(blk, (2 + i) * BLOCK, 1024, 0);
        assert_reads(blk, (2 + i) * BLOCK + 1024, 512, 0x5e);
        assert_reads(blk, (2 + i) * BLOCK + 1536, BLOCK - 1536, 0);
    }
    assert_reads(blk, 90 * BLOCK, 512, 0x5e);
    blk_unref(blk);
    assert_sound_ends(&f);
    end(&f);
}

/* A file that goes on after its image: the end is found again, too. */
static void test_s40_file_goes_on(void)
{
    for (int write = 0; write < 2; write++) {
        const uint8_t rest[4096] = { 0x5e };
        Fixture f;
        BlockBackend *blk;

        begin_full(&f, &virtualbox, 3);
        mem_disk_write(f.disk, mem_disk_length(f.disk), rest, sizeof(rest));
        blk = open_rw(&f);
        if (write) {
            write_value(blk, 5 * BLOCK, 512, 0x42);
        } else {
            write_zeroes(blk, 2 * BLOCK, BLOCK);
        }
        blk_unref(blk);
        g_assert_cmphex(disk_byte(f.disk, f.image.end + 512), ==, 0x5e);
        if (write) {
            assert_sound_ends(&f);
        }
        blk = open_rw(&f);
        assert_reads(blk, BLOCK, BLOCK, 2);
        assert_reads(blk, 2 * BLOCK, BLOCK, write ? 3 : 0);
        assert_reads(blk, 5 * BLOCK, 512, write ? 0x42 : 0);
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

    g_test_add_func("/vpc/S26-S27/unmap", test_unmap);
    g_test_add_func("/vpc/S26-S27/unmap-last", test_unmap_last);
    g_test_add_func("/vpc/S26-S27/unmap-cut", test_unmap_cut);
    g_test_add_func("/vpc/S26-S27/unmap-nothing", test_unmap_nothing);
    g_test_add_func("/vpc/S26-S27/flush-fails", test_unmap_flush_fails);
    g_test_add_func("/vpc/S26-S27/unmap-and-status", test_unmap_and_status);
    g_test_add_func("/vpc/S26-S27/unmap-while-used-again",
                    test_unmap_while_used_again);
    /* After the third nothing but the footer waits to be written. */
    g_test_add_data_func("/vpc/S26-S27/unmap-while-taken/1-flush",
                         GINT_TO_POINTER(1), test_unmap_while_taken);
    g_test_add_data_func("/vpc/S26-S27/unmap-while-taken/3-flushes",
                         GINT_TO_POINTER(3), test_unmap_while_taken);
    g_test_add_func("/vpc/S26-S27/clear-bits", test_clear_bits);
    g_test_add_func("/vpc/gaps", test_gaps);
    g_test_add_func("/vpc/gaps-behind-end", test_gaps_behind_end);
    g_test_add_func("/vpc/gap-before-footer", test_gap_before_footer);
    g_test_add_func("/vpc/A2-layout-kept", test_layout_kept);
    g_test_add_func("/vpc/packed-given-back", test_packed_given_back);
    g_test_add_func("/vpc/S22-truncated", test_s22_truncated);
    g_test_add_func("/vpc/S22-overlapping", test_s22_overlapping);
    g_test_add_func("/vpc/S40-device", test_s40_device);
    g_test_add_func("/vpc/S40-file-goes-on", test_s40_file_goes_on);

    return g_test_run();
}
