/* SPDX-License-Identifier: MIT */
/*
 * Finds the facts of a driver's images that the suites need for their plans.
 *
 * Invariants: it is learnt in a case, too, so that a driver which crashes at
 * once is reported like any other.
 */
#include "harness.h"

static void learn(Case *c, const void *opaque)
{
    const int64_t *size = opaque;
    StackOptions how = { .disk = "learn", .flags = STACK_RDWR };
    BlockDriverInfo bdi = { 0 };
    ImageFacts facts;
    BlockBackend *blk;
    uint8_t sector[512];

    case_create(c, how.disk, *size);
    blk = case_open(c, &how, NOT_OPENED);
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
    /* Back to the old length, because that is what the lists begin with. */
    facts.truncate = blk_truncate(blk, facts.length + 65536, true,
                                  PREALLOC_MODE_OFF, NULL) >= 0 &&
                     blk_truncate(blk, facts.length, true,
                                  PREALLOC_MODE_OFF, NULL) >= 0;
    blk_unref(blk);
    mem_disk_free(mem_disk_find(how.disk));
    case_send(c, &facts, sizeof(facts));
}

bool harness_learn(Harness *h, int64_t size, ImageFacts *facts)
{
    g_autofree char *message = NULL;
    CaseStatus status = cases_run_one(h, learn, &size, facts, sizeof(*facts),
                                      &message);

    if (status == CASE_FAIL) {
        harness_keep(h, learn, &size, message);
    }
    harness_report(h, status, message, "a new image opens");
    return status == CASE_PASS;
}
