/* SPDX-License-Identifier: MIT */
/*
 * Finds the facts of a driver's images that the suites need for their plans.
 *
 * Invariants:
 *   - It is learnt in a case, too, so that a driver which crashes at once is
 *     reported like any other.
 *   - Images have many clusters, since some faults need several that were
 *     allocated at the same time and another one after that.
 */
#include "byhand.h"

/* The last cluster is not whole, nor is its last page. */
#define MIN_SIZE ((9 << 20) + ODD_BYTES)
#define ODD_BYTES 1536
#define SOME_SIZE (16 << 20)
#define LONG_SIZE (64 << 20)
#define CLUSTERS 32
#define GROWTH   (64 << 20)

/* Of larger ones fewer cases are tried, as they take longer. */
#define QUICK_CLUSTER (2 << 20)

static bool try_length(BlockBackend *blk, int64_t length)
{
    return blk_truncate(blk, length, true, PREALLOC_MODE_OFF, NULL) >= 0;
}

/* Whether, and in which steps, the length can be changed as lists do it. */
static void learn_lengths(BlockBackend *blk, ImageFacts *facts)
{
    static const int64_t grains[] = { 512, 4096, 65536 };
    int64_t first = facts->length, down = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(grains) && !facts->grow; i++) {
        /* An odd multiple tells nothing of larger steps. */
        down = QEMU_ALIGN_DOWN(first, 2 * grains[i]) + grains[i];
        facts->grain = grains[i];
        facts->grow = try_length(blk, down + 2 * 65536);
    }
    /* To the old length or below it, since lists do not only go up. */
    down -= down > first ? facts->grain : 0;
    facts->truncate = facts->grow && try_length(blk, down);
    /* As far as lists do; some drivers grow within the last cluster only. */
    facts->grow = facts->grow && !facts->truncate &&
                  try_length(blk, QEMU_ALIGN_UP(first, facts->grain) + GROWTH);
}

static void learn(Case *c, const void *opaque)
{
    ImageFacts facts = *(const ImageFacts *)opaque;
    StackOptions how = { .disk = "learn", .flags = STACK_RDWR };
    BlockDriverInfo bdi = { 0 };
    BlockBackend *blk;
    uint8_t sector[512];

    facts.size = case_create(c, how.disk, facts.size);
    blk = case_open(c, &how, NOT_OPENED);
    facts.length = blk_getlength(blk);
    if (facts.length < 512) {
        case_fail(c, "the length of the image is %" PRId64, facts.length);
    }
    if (c->h->from && facts.length > MAX_LENGTH) {
        case_skip(c, "the image is %" PRId64 " bytes long, and suites work on "
                  "copies in memory", facts.length);
    }
    if (blk_pread(blk, facts.length - 512, sector, 512) < 0) {
        case_fail(c, "the image could not be read");
    }
    if (bdrv_get_info(blk_bs(blk), &bdi) >= 0) {
        facts.cluster = MAX(bdi.cluster_size, 0);
    }
    if (bdi.needs_compressed_writes) {
        case_skip(c, COMPRESSED_ONLY);
    }
    facts.more_files = stack_has_more_files();
    learn_lengths(blk, &facts);
    blk_unref(blk);
    mem_disk_free(mem_disk_find(how.disk));
    case_send(c, &facts, sizeof(facts));
}

/* Of an image of clusters of that many bytes. */
static int64_t good_size(int64_t cluster)
{
    int64_t wanted = MAX(MIN_SIZE, CLUSTERS * cluster + ODD_BYTES);

    if (cluster > MAX_LENGTH / 2) {
        return MAX_LENGTH;
    }
    return wanted <= MAX_LENGTH
           ? wanted : QEMU_ALIGN_DOWN(MAX_LENGTH, cluster) - cluster +
                      ODD_BYTES;
}

unsigned facts_cases(const ImageFacts *facts, unsigned n)
{
    return MAX(1, n / MAX(1, facts->cluster / QUICK_CLUSTER));
}

/* Says what such images cannot show; once in a run. */
static void note_limits(const ImageFacts *facts)
{
    static bool done;
    int64_t clusters = facts->cluster
                       ? DIV_ROUND_UP(facts->length, facts->cluster) : 0;

    if (done) {
        return;
    }
    done = true;
    if (!facts->cluster) {
        harness_note("the driver does not say what it allocates in "
                     "(bdrv_get_info, cluster_size): faults that take many "
                     "clusters\nof more than %" PRId64 " KiB were not looked "
                     "for", facts->length / CLUSTERS / 1024);
    } else if (clusters < CLUSTERS) {
        harness_note("images have %" PRId64 " clusters of %" PRId64 " bytes: "
                     "faults that take more were not looked for", clusters,
                     facts->cluster);
    }
    if (facts->grain > 512 && (facts->truncate || facts->grow)) {
        harness_note("new lengths are multiples of %" PRId64 ": the driver "
                     "refuses others", facts->grain);
    }
    if (facts_cases(facts, 100) < 100) {
        harness_note("clusters are large: the suites failure, crash and turns "
                     "try %u %% of their cases", facts_cases(facts, 100));
    }
}

bool harness_learn(Harness *h, ImageFacts *facts)
{
    g_autofree char *message = NULL;
    CaseStatus status;
    int64_t size = MIN_SIZE;

    /* A longer image may have larger clusters: it is looked at, too. */
    do {
        *facts = (ImageFacts) { .size = size };
        g_free(message);
        status = cases_run_one(h, learn, facts, facts, sizeof(*facts),
                               &message);
        size = good_size(facts->cluster);
    } while (status == CASE_PASS && !h->from && size > facts->size);
    if (status == CASE_FAIL) {
        harness_keep_one(h, learn, facts, 0, message,
                         byhand_create(h, facts->size, NULL));
    }
    harness_report(h, status, message, "a new image opens");
    if (status == CASE_PASS) {
        note_limits(facts);
    }
    return status == CASE_PASS;
}

static void try_options(Case *c, const void *opaque)
{
    Harness without = *c->h;
    Error *err = NULL;

    without.create = NULL;
    if (stack_create(&without, "without", SOME_SIZE, NULL, NULL) &&
        !stack_create(c->h, "with", SOME_SIZE, NULL, &err) && err) {
        /* The reason may be that size, which nobody gave. */
        bool longer = stack_create(c->h, "longer", LONG_SIZE, NULL, NULL);

        case_skip(c, "%s%s", longer ? "images as small as the harness makes "
                  "them are refused: " : "", error_get_pretty(err));
    }
}

char *harness_refused_options(const Harness *h)
{
    char *message;

    if (cases_run_one(h, try_options, NULL, NULL, 0, &message) != CASE_SKIP) {
        g_clear_pointer(&message, g_free);
    }
    return message;
}

bool harness_learn_file(Harness *h, ImageFacts *facts)
{
    if (!harness_learn(h, facts)) {
        return false;
    }
    if (facts->more_files) {
        harness_report(h, CASE_SKIP, SEVERAL_FILES, "what is in the file");
    }
    return !facts->more_files;
}
