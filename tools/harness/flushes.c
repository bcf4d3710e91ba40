/* SPDX-License-Identifier: MIT */
/*
 * What writes cost in flushes of the file.
 *
 * Invariants: these are numbers to look at, no property; a driver may flush as
 * often as it likes.
 */
#include "harness.h"

#define IMAGE_SIZE  (32 << 20)
#define MAX_WRITES  16
#define OVERWRITES  100
#define WRITE_BYTES 4096

typedef struct FlushCounts {
    unsigned writes;
    unsigned allocating;        /* flushes of all of them together */
    unsigned sequential;        /* overwriting one place */
    unsigned alternating;       /* overwriting two clusters in turn */
} FlushCounts;

typedef struct Counter {
    Case *c;
    BlockBackend *blk;
    MemDisk *disk;
} Counter;

static void write_at(const Counter *counter, int64_t offset)
{
    uint8_t buf[WRITE_BYTES];

    memset(buf, 0x11, sizeof(buf));
    if (blk_pwrite(counter->blk, offset, buf, sizeof(buf), 0) < 0) {
        case_fail(counter->c, "a write failed");
    }
}

/* @count writes, the next one @step further, from the begin after @wrap. */
static unsigned count(const Counter *counter, unsigned writes, int64_t step,
                      unsigned wrap)
{
    unsigned before = mem_disk_count(counter->disk, MEM_FLUSH);

    for (unsigned i = 0; i < writes; i++) {
        write_at(counter, i % wrap * step);
    }
    return mem_disk_count(counter->disk, MEM_FLUSH) - before;
}

static void count_case(Case *c, void *opaque)
{
    const Harness *h = opaque;
    StackOptions how = { .disk = "flushes", .flags = STACK_RDWR };
    Counter counter = { .c = c };
    BlockDriverInfo bdi = { 0 };
    FlushCounts counts;
    Error *err = NULL;
    int64_t step;

    counter.disk = stack_create(h, how.disk, IMAGE_SIZE, NULL, &err);
    counter.blk = counter.disk ? stack_open(h, &how, &err) : NULL;
    if (!counter.blk) {
        case_fail_err(c, err, "the image could not be opened");
    }
    bdrv_get_info(blk_bs(counter.blk), &bdi);
    step = bdi.cluster_size > 0 ? bdi.cluster_size : 2 << 20;
    step = CLAMP(step, WRITE_BYTES, blk_getlength(counter.blk) / 2);
    counts.writes = MIN(blk_getlength(counter.blk) / step, MAX_WRITES);
    counts.allocating = count(&counter, counts.writes, step, counts.writes);
    counts.sequential = count(&counter, OVERWRITES, step, 1);
    counts.alternating = count(&counter, OVERWRITES, step, 2);
    blk_unref(counter.blk);
    mem_disk_free(counter.disk);
    case_send(c, &counts, sizeof(counts));
}

void harness_count_flushes(Harness *h)
{
    CaseJob job = { .fn = count_case, .opaque = h };
    FlushCounts counts;

    cases_run(h, &job, 1);
    if (job.status == CASE_PASS && job.data) {
        memcpy(&counts, job.data->data, sizeof(counts));
        harness_note("flushes per allocating write: %.2f",
                     (double)counts.allocating / counts.writes);
        harness_note("flushes per overwriting write: %.2f at one place, %.2f "
                     "in two clusters in turn",
                     (double)counts.sequential / OVERWRITES,
                     (double)counts.alternating / OVERWRITES);
    } else {
        harness_note("flushes were not counted: %s",
                     job.message ? job.message : "the case said nothing");
    }
    case_job_clear(&job);
}
