/* SPDX-License-Identifier: MIT */
/*
 * The create-crash suite: what a power cut may leave while an image is created
 * is refused, with a reason, or is the new image, whole and empty; or what is
 * left of the old one that was there before.
 *
 * Invariants:
 *   - The image is created by a name, as users do it, over a volatile cache.
 *   - The old image has another length than the new one, and all that opens has
 *     one of these two.
 */
#include "cuts.h"
#include "keep.h"
#include "run.h"

/* The last cluster is not whole; the old image is told by its length. */
#define NEW_SIZE ((3 << 20) + 1536)
#define OLD_SIZE (5 << 20)

#define MAX_STATES 300

/* What is on the disk before. */
typedef enum Bed {
    BED_EMPTY,                  /* nothing, as in a new file */
    BED_STALE,                  /* old bytes, as on a device used before */
    BED_OLD,                    /* an image of the driver on such a device */
    BED__MAX,
} Bed;

typedef struct Creation {
    Case *c;
    Cuts cuts;
    unsigned writes;
    int64_t old_length;         /* 0: there is no old image */
    int64_t length;
    bool zero;                  /* the driver says that it is zero when new */
} Creation;

/* An image with data in each MiB; its length. */
static int64_t make_old(Case *c, const char *name)
{
    StackOptions how = { .disk = name, .flags = STACK_RDWR };
    g_autofree uint8_t *data = g_malloc(65536);
    BlockBackend *blk;
    int64_t length;

    case_create(c, name, OLD_SIZE);
    blk = case_open(c, &how, NOT_OPENED);
    length = blk_getlength(blk);
    memset(data, 0x77, 65536);
    for (int64_t at = 0; at + 65536 <= length; at += 1 << 20) {
        if (blk_pwrite(blk, at, data, 65536, 0) < 0) {
            case_skip(c, "the old image cannot be written to");
        }
    }
    blk_unref(blk);
    return length;
}

/* Before a flush of whatever node the driver uses. */
static void note_moment(BlockDriverState *bs, void *opaque)
{
    Creation *creation = opaque;
    VolatileLog *log;

    if (!mem_disk_find(creation->cuts.disk)) {
        case_skip(creation->c, SEVERAL_FILES);
    }
    log = volatile_cache_log(bs);
    creation->writes += volatile_log_entries(log);
    volatile_log_free(log);
    cuts_note(&creation->cuts, bs, 0);
}

/* The open image is the new one, all of it. */
static void verify_new(const Creation *creation, BlockBackend *blk)
{
    Run run = { .c = creation->c, .blk = blk };
    g_autofree uint8_t *buf = NULL;

    case_check_length(creation->c, blk, creation->length);
    buf = run_read_all(&run);
    if (creation->zero) {
        case_check_zero(creation->c, 0, buf, creation->length);
    }
}

static void judge(const Creation *creation, int flags)
{
    StackOptions how = { .disk = "after", .flags = flags };
    BlockBackend *blk = case_try_open(creation->c, &how);

    if (blk && blk_getlength(blk) != creation->old_length) {
        verify_new(creation, blk);
    }
    if (blk) {
        blk_unref(blk);
    }
}

static void create(Creation *creation, const char *name)
{
    StackOptions how = { .disk = name };
    Case *c = creation->c;
    Error *err = NULL;
    BlockBackend *blk;
    MemDisk *disk;

    volatile_cache_set_hook(NULL, note_moment, creation);
    disk = stack_create_cached(c->h, name, NEW_SIZE, &err);
    if (!disk) {
        error_free(err);
        err = NULL;
        disk = stack_create_cached(c->h, name, QEMU_ALIGN_UP(NEW_SIZE, 1 << 20),
                                   &err);
    }
    volatile_cache_set_hook(NULL, NULL, NULL);
    if (!disk) {
        case_fail_err(c, err, "the image could not be created");
    }
    if (!creation->writes) {
        case_skip(c, "the driver leaves creation to the file's");
    }
    blk = case_open(c, &how, NOT_OPENED);
    if (stack_has_more_files()) {
        case_skip(c, SEVERAL_FILES);
    }
    creation->length = blk_getlength(blk);
    creation->zero = bdrv_has_zero_init(blk_bs(blk));
    verify_new(creation, blk);
    blk_unref(blk);
    if (creation->length == creation->old_length) {
        case_skip(c, "an old image cannot be told from a new one");
    }
}

static void test_cuts(Case *c, const void *opaque)
{
    const Bed bed = *(const Bed *)opaque;
    const char *name = "creation";
    Creation creation = {
        .c = c,
        .cuts = cuts_new(c, name, harness_seed(c->h, name, bed)),
    };

    if (bed == BED_OLD) {
        creation.old_length = make_old(c, name);
    } else if (bed == BED_STALE) {
        mem_disk_new(name);
    }
    if (bed != BED_EMPTY) {
        mem_disk_set_stale(mem_disk_find(name), true);
    }
    create(&creation, name);
    cuts_choose(&creation.cuts, c->h->ops ? CLAMP(c->h->ops, 50, 5000)
                                          : MAX_STATES);
    for (guint i = 0; i < creation.cuts.states->len; i++) {
        g_autofree char *where = NULL;
        MemDisk *disk = cuts_apply(&creation.cuts, i, &where);

        case_send(c, where, strlen(where) + 1);
        keep_state("after");
        judge(&creation, 0);
        judge(&creation, STACK_RDWR);
        mem_disk_free(disk);
    }
    cuts_clear(&creation.cuts);
    mem_disk_free(mem_disk_find(name));
}

static void run_create_crash(Harness *h)
{
    static const char *const what[BED__MAX] = {
        [BED_EMPTY] = "a new file",
        [BED_STALE] = "old bytes",
        [BED_OLD] = "an old image",
    };

    for (Bed bed = 0; bed < BED__MAX; bed++) {
        harness_check_told(h, test_cuts, &bed, sizeof(bed),
                           "power cuts during creation over %s", what[bed]);
    }
}

const HarnessSuite suite_create_crash = {
    .name = "create-crash",
    .what = "each state that a power cut may leave during creation",
    .creates = true,
    .run = run_create_crash,
};
