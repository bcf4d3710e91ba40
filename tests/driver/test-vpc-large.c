/* SPDX-License-Identifier: MIT */
/*
 * Disks of many blocks: what opening and asking for the status costs, counted
 * in requests to the file, and that what saves them does not show.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "vpc-findings.h"

#define PAGE_BLOCKS 1024        /* entries of 4 KiB of the table */
#define BLOCKS (1024 * PAGE_BLOCKS + 100)
#define SMALL (4 * KiB)
#define SIZE ((int64_t)BLOCKS * SMALL)

static const VhdSpec many = { .size = SIZE, .block_size = SMALL };

static void begin_many(Fixture *f)
{
    begin(f, &many);
    vhd_finish(f->disk, &f->image);
}

static unsigned reads_of(const Fixture *f)
{
    return mem_disk_count(f->disk, MEM_READ);
}

/* The disk is [@start, @end) of data and zeroes else; *@reads: that it took. */
static void check_status(Fixture *f, BlockBackend *blk, int64_t start,
                         int64_t end, unsigned *reads)
{
    const struct {
        int64_t end;
        int bit;
    } want[] = {
        { start, BDRV_BLOCK_ZERO }, { end, BDRV_BLOCK_DATA },
        { SIZE, BDRV_BLOCK_ZERO },
    };
    unsigned before = reads_of(f);
    int64_t at = 0, pnum;

    for (unsigned i = 0; i < G_N_ELEMENTS(want); i++) {
        if (at == want[i].end) {
            continue;
        }
        g_assert_cmphex(bdrv_block_status(blk_bs(blk), at, SIZE - at, &pnum,
                                          NULL, NULL) &
                        (BDRV_BLOCK_DATA | BDRV_BLOCK_ZERO), ==, want[i].bit);
        g_assert_cmpint(at + pnum, ==, want[i].end);
        at += pnum;
    }
    g_assert_cmpint(at, ==, SIZE);
    *reads = reads_of(f) - before;
}

/* The table is read once, in large pieces, and asked once for holes. */
static void test_open(void)
{
    Fixture f;
    BlockBackend *blk;
    unsigned reads, questions;

    begin_many(&f);
    reads = reads_of(&f);
    questions = mem_disk_count(f.disk, MEM_STATUS);
    blk = open_ro(&f);
    g_assert_cmpint(reads_of(&f) - reads, <, BLOCKS * 4 / (256 * KiB) + 20);
    g_assert_cmpint(mem_disk_count(f.disk, MEM_STATUS) - questions, <, 5);
    check_status(&f, blk, 0, 0, &reads);
    g_assert_cmpint(reads, ==, 0);
    blk_unref(blk);
    end(&f);
}

/*
 * Entries in a hole of the file are zeroes, which is damage: all are counted,
 * and the file is asked once for each extent.
 */
static void test_holes(void)
{
    Fixture f;
    BlockBackend *blk, *file;
    unsigned reads, questions;

    begin_many(&f);
    file = disk_open("disk", "raw", BDRV_O_RDWR | BDRV_O_UNMAP, NULL, false,
                     &error_abort);
    g_assert_cmpint(blk_pwrite_zeroes(file, 64 * KiB, 1 * MiB,
                                      BDRV_REQ_MAY_UNMAP), ==, 0);
    g_assert_cmpint(blk_pwrite_zeroes(file, 3 * MiB, 256 * KiB,
                                      BDRV_REQ_MAY_UNMAP), ==, 0);
    blk_unref(file);
    reads = reads_of(&f);
    questions = mem_disk_count(f.disk, MEM_STATUS);
    blk = open_ro(&f);
    g_assert_cmpint(reads_of(&f) - reads, <, 3 * MiB / (256 * KiB) + 20);
    g_assert_cmpint(mem_disk_count(f.disk, MEM_STATUS) - questions, <, 10);
    blk_unref(blk);
    assert_refused(&f, BDRV_O_RDWR, "327680 entries");
    end(&f);
}

/* Blocks get and lose space in pages that named none, at both of their ends. */
static void test_allocate(void)
{
    static const uint32_t firsts[] = {
        0, PAGE_BLOCKS - 1, PAGE_BLOCKS, 77 * PAGE_BLOCKS + 5,
        BLOCKS - 101, BLOCKS - 100, BLOCKS - 1,
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(firsts); i++) {
        int64_t start = (int64_t)firsts[i] * SMALL;
        Fixture f;
        BlockBackend *blk;
        unsigned reads;

        begin_many(&f);
        blk = open_rw(&f);
        write_value(blk, start, SMALL, 7);
        check_status(&f, blk, start, start + SMALL, &reads);
        g_assert_cmpint(reads, <, 3);
        assert_flushes(blk);
        blk_unref(blk);

        blk = open_rw(&f);
        assert_reads(blk, start, SMALL, 7);
        check_status(&f, blk, start, start + SMALL, &reads);
        g_assert_cmpint(reads, <, 3);
        g_assert_cmphex(entry_of(&f, firsts[i]), !=, 0xffffffff);
        g_assert_cmphex(entry_of(&f, firsts[i] ? firsts[i] - 1 : 1), ==,
                        0xffffffff);
        g_assert_cmpint(blk_pdiscard(blk, start, SMALL), ==, 0);
        check_status(&f, blk, 0, 0, &reads);
        blk_unref(blk);
        g_assert_cmphex(entry_of(&f, firsts[i]), ==, 0xffffffff);
        end(&f);
    }
}

/* What a check finds, by fewer requests than @limit. */
static char *check_by_requests(Fixture *f, unsigned limit)
{
    unsigned requests = reads_of(f) + mem_disk_count(f->disk, MEM_STATUS);
    int ret;
    char *lines = check_lines(f, 0, NULL, &ret);

    requests = reads_of(f) + mem_disk_count(f->disk, MEM_STATUS) - requests;
    g_assert_cmpint(requests, <, limit);
    return lines;
}

/*
 * Whether there are blocks without an entry in a gap is not looked for piece by
 * piece, because the blocks, and the gap, may be GiB that are but holes.
 */
static void test_orphans(void)
{
    static const VhdSpec large = { .size = 8 * GiB, .block_size = 1 * GiB };
    uint8_t bits[256 * KiB];
    g_autofree char *lines = NULL;
    Fixture f;

    memset(bits, 0xff, sizeof(bits));
    begin(&f, &large);
    for (unsigned i = 0; i < 3; i++) {
        mem_disk_write(f.disk, ROUND_UP(f.image.end, 4096), bits,
                       sizeof(bits));
        f.image.end += 3 * GiB;
        vhd_add_block(f.disk, &f.image, i, 0, 1, 0x11);
    }
    vhd_finish(f.disk, &f.image);
    lines = check_by_requests(&f, 500);
    g_assert_nonnull(strstr(lines, "\nL@8590462976 lost space is 1 orphaned "));
    end(&f);
}

/* Nor do the runs of a bitmap count where its block is a hole. */
static void test_many_runs(void)
{
    static const VhdSpec large = { .size = 8 * GiB, .block_size = 1 * GiB };
    uint8_t bits[256 * KiB];
    g_autofree char *lines = NULL;
    Fixture f;

    memset(bits, 0x55, sizeof(bits));
    begin(&f, &large);
    mem_disk_write(f.disk, f.image.end, bits, sizeof(bits));
    vhd_set_entry(f.disk, &f.image, 1, f.image.end / VPC_SECTOR);
    f.image.end += sizeof(bits) + 1 * GiB;
    vhd_finish(f.disk, &f.image);
    lines = check_by_requests(&f, 500);
    g_assert_cmpstr(lines, ==, "");
    end(&f);
}

/* Whether data are a hole is asked of an extent, not of each of its runs. */
static void test_many_runs_of_data(void)
{
    static const VhdSpec spec = { .size = 4 * MiB, .block_size = 1 * MiB };
    g_autofree uint8_t *block = g_malloc0(MiB);
    g_autofree char *lines = NULL;
    unsigned statuses;
    uint8_t bits[512];
    int ret;
    Fixture f;

    memset(bits, 0xaa, sizeof(bits));
    for (unsigned i = 0; i < MiB; i += 2 * VPC_SECTOR) {
        memset(block + i, 0x11, VPC_SECTOR);
    }
    begin(&f, &spec);
    vhd_add_block(f.disk, &f.image, 0, 0, 1, 0x11);
    mem_disk_write(f.disk, f.image.end - MiB - 512, bits, sizeof(bits));
    mem_disk_write(f.disk, f.image.end - MiB, block, MiB);
    vhd_finish(f.disk, &f.image);
    statuses = mem_disk_count(f.disk, MEM_STATUS);
    lines = check_lines(&f, 0, NULL, &ret);
    g_assert_cmpstr(lines, ==, "");
    statuses = mem_disk_count(f.disk, MEM_STATUS) - statuses;
    g_assert_cmpint(statuses, <, 20);
    end(&f);
}

/* Nor is more read for each of many small ones than what it is. */
static void test_small_orphans(void)
{
    static const VhdSpec small = { .size = 1 * MiB, .block_size = 512 };
    g_autofree char *lines = NULL;
    Fixture f;

    begin(&f, &small);
    for (unsigned i = 0; i < 1000; i++) {
        vhd_add_block(f.disk, &f.image, i, 0, 1, 0x11);
        vhd_set_entry(f.disk, &f.image, i, VPC_UNALLOCATED);
    }
    vhd_finish(f.disk, &f.image);
    lines = check_by_requests(&f, 8000);
    g_assert_nonnull(strstr(lines, "lost space is 1000 orphaned blocks"));
    end(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    g_test_add_func("/vpc-large/open", test_open);
    g_test_add_func("/vpc-large/holes", test_holes);
    g_test_add_func("/vpc-large/allocate", test_allocate);
    g_test_add_func("/vpc-large/orphans", test_orphans);
    g_test_add_func("/vpc-large/many-runs", test_many_runs);
    g_test_add_func("/vpc-large/many-runs-of-data", test_many_runs_of_data);
    g_test_add_func("/vpc-large/small-orphans", test_small_orphans);
    return g_test_run();
}
