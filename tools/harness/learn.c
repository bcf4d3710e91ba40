/* SPDX-License-Identifier: MIT */
/*
 * What the suites need to know of a driver's images before they make plans.
 *
 * Invariants: it is learnt in a case, too, so a driver that crashes at once is
 * told of like any other.
 */
#include "harness.h"

typedef struct Lesson {
    const Harness *h;
    int64_t size;
} Lesson;

static BlockBackend *open_new(Case *c, const Lesson *lesson,
                              const StackOptions *how)
{
    Error *err = NULL;
    BlockBackend *blk;

    if (!stack_create_near(lesson->h, how->disk, lesson->size, &err)) {
        case_fail_err(c, err, "the image could not be created");
    }
    blk = stack_open(lesson->h, how, &err);
    if (!blk) {
        case_fail_err(c, err, "the image could not be opened");
    }
    return blk;
}

/* Can the image be made longer, then as long as it was? */
static bool try_truncate(BlockBackend *blk, int64_t length)
{
    return blk_truncate(blk, length + 65536, true, PREALLOC_MODE_OFF,
                        NULL) >= 0 &&
           blk_truncate(blk, length, true, PREALLOC_MODE_OFF, NULL) >= 0;
}

static void learn(Case *c, void *opaque)
{
    const Lesson *lesson = opaque;
    StackOptions how = { .disk = "learn", .flags = STACK_RDWR };
    BlockBackend *blk = open_new(c, lesson, &how);
    ImageFacts facts;
    BlockDriverInfo bdi = { 0 };
    uint8_t sector[512];

    memset(&facts, 0, sizeof(facts));
    facts.length = blk_getlength(blk);
    if (facts.length < 512) {
        case_fail(c, "the length of the image is %" PRId64, facts.length);
    }
    if (blk_pread(blk, facts.length - 512, sector, 512) < 0) {
        case_fail(c, "the image could not be read");
    }
    if (bdrv_get_info(blk_bs(blk), &bdi) >= 0) {
        facts.cluster = bdi.cluster_size;
    }
    facts.truncate = try_truncate(blk, facts.length);
    blk_unref(blk);
    mem_disk_free(mem_disk_find(how.disk));
    case_send(c, &facts, sizeof(facts));
}

bool stack_learn(Harness *h, int64_t size, ImageFacts *facts)
{
    Lesson lesson = { h, size };
    CaseJob job = { .fn = learn, .opaque = &lesson };
    bool good;

    cases_run(h, &job, 1);
    good = job.status == CASE_PASS && job.data &&
           job.data->len == sizeof(*facts);
    harness_report(h, good ? CASE_PASS : CASE_FAIL, job.message, "a new image opens");
    if (good) {
        memcpy(facts, job.data->data, sizeof(*facts));
    }
    case_job_clear(&job);
    return good;
}
