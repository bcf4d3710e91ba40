/* SPDX-License-Identifier: MIT */
/*
 * The cost of writes in flushes of the file.
 *
 * Invariants: these are numbers to look at, no property; a driver may flush as
 * often as it likes.
 */
#include "harness.h"

/* So many clusters of 2 MiB, which is what a VHD mostly has. */
#define MAX_WRITES  16
#define IMAGE_SIZE  (MAX_WRITES * (2 << 20))
#define OVERWRITES  100
#define WRITE_BYTES 4096

typedef struct FlushCounts {
    unsigned writes;
    unsigned allocating;        /* flushes of all of them together */
    unsigned sequential;        /* overwriting one place */
    unsigned alternating;       /* overwriting two clusters in turn */
} FlushCounts;

/*
 * Writes so many times, each @step further than before, and from the beginning
 * again after @wrap of them; the flushes that this took.
 */
static unsigned count_flushes(Case *c, BlockBackend *blk, const MemDisk *disk,
                              unsigned writes, int64_t step, unsigned wrap)
{
    unsigned before = mem_disk_count(disk, MEM_FLUSH);
    uint8_t buf[WRITE_BYTES];

    /* Zeroes might be left out where nothing was written before. */
    memset(buf, 0x11, sizeof(buf));
    for (unsigned i = 0; i < writes; i++) {
        if (blk_pwrite(blk, i % wrap * step, buf, sizeof(buf), 0) < 0) {
            case_fail(c, "a write failed");
        }
    }
    return mem_disk_count(disk, MEM_FLUSH) - before;
}

static void test_flushes(Case *c, const void *opaque)
{
    StackOptions how = { .disk = "flushes", .flags = STACK_RDWR };
    BlockDriverInfo bdi = { 0 };
    FlushCounts n;
    Error *err = NULL;
    BlockBackend *blk;
    MemDisk *disk = stack_create(c->h, how.disk, IMAGE_SIZE, NULL, &err);
    int64_t step;

    if (!disk) {
        case_fail_err(c, err, NOT_OPENED);
    }
    blk = case_open(c, &how, NOT_OPENED);
    bdrv_get_info(blk_bs(blk), &bdi);
    step = bdi.cluster_size > 0 ? bdi.cluster_size : 2 << 20;
    step = CLAMP(step, WRITE_BYTES, blk_getlength(blk) / 2);
    n.writes = MIN(blk_getlength(blk) / step, MAX_WRITES);
    /* The first writes to each cluster; after them all are there. */
    n.allocating = count_flushes(c, blk, disk, n.writes, step, n.writes);
    n.sequential = count_flushes(c, blk, disk, OVERWRITES, step, 1);
    n.alternating = count_flushes(c, blk, disk, OVERWRITES, step, 2);
    blk_unref(blk);
    mem_disk_free(disk);
    case_send(c, &n, sizeof(n));
}

void harness_count_flushes(Harness *h)
{
    g_autofree char *message = NULL;
    FlushCounts n;

    if (cases_run_one(h, test_flushes, NULL, &n, sizeof(n), &message) !=
        CASE_PASS) {
        harness_note("flushes were not counted: %s", message);
        return;
    }
    harness_note("flushes per allocating write: %.2f",
                 (double)n.allocating / n.writes);
    harness_note("flushes per overwriting write: %.2f at one place, %.2f in "
                 "two clusters in turn", (double)n.sequential / OVERWRITES,
                 (double)n.alternating / OVERWRITES);
}
