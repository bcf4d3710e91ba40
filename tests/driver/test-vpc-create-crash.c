/* SPDX-License-Identifier: MIT */
/*
 * Power cuts and errors while an image is made: whatever is left is no image,
 * or the whole new one, or, before anything was written, the old one.
 *
 * Each flush, and the end, is a moment; of each moment every state that the
 * volatile cache can tell is looked at.
 */
#include "qemu/osdep.h"
#include "block/vpc/format.h"
#include "disk-stack.h"
#include "new-image.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/units.h"

#define MAX_MOMENTS 8
#define MAX_SUBSET_BITS 8
#define TORN_SEEDS 40

/* What is durable, and what is not, at a flush. */
typedef struct Moment {
    MemDisk *disk;
    VolatileLog *log;
} Moment;

typedef struct Recorder {
    Moment moments[MAX_MOMENTS];
    unsigned count;
    unsigned states;            /* that were looked at */
    unsigned images;            /* of them, that open */
} Recorder;

static void remember(BlockDriverState *cache, void *opaque)
{
    Recorder *r = opaque;
    g_autofree char *name = g_strdup_printf("moment%u", r->count);

    g_assert_cmpuint(r->count, <, MAX_MOMENTS);
    r->moments[r->count++] = (Moment) {
        .disk = mem_disk_copy(mem_disk_find("disk"), name),
        .log = volatile_cache_log(cache),
    };
}

/* Makes an image over what is on the disk "disk", remembering each moment. */
static void record(Recorder *r, const char *options)
{
    QDict *dict = qdict_new();
    BlockDriverState *bs;

    qdict_put_str(dict, "driver", "volatile-cache");
    qdict_put_str(dict, "node-name", "cache");
    qdict_put_str(dict, "file.driver", "mem");
    qdict_put_str(dict, "file.disk", "disk");
    bs = bdrv_open(NULL, NULL, dict, BDRV_O_RDWR | BDRV_O_RESIZE,
                   &error_abort);
    volatile_cache_set_hook(bs, remember, r);
    new_image("cache", options, &error_abort);
    remember(bs, r);
    volatile_cache_set_hook(bs, NULL, NULL);
    bdrv_unref(bs);
}

/* ---- judging a state ---------------------------------------------------- */

static bool equal_from(const MemDisk *a, const MemDisk *b, int64_t offset)
{
    int64_t length = mem_disk_length(a);
    g_autofree uint8_t *bytes_a = NULL, *bytes_b = NULL;

    if (length != mem_disk_length(b)) {
        return false;
    }
    bytes_a = disk_copy(a, 0, length);
    bytes_b = disk_copy(b, 0, length);
    return length <= offset ||
           memcmp(bytes_a + offset, bytes_b + offset, length - offset) == 0;
}

static bool opens(const char *name)
{
    BlockBackend *blk = disk_open(name, "vpc", 0, NULL, false, NULL);

    if (!blk) {
        return false;
    }
    blk_unref(blk);
    return true;
}

/*
 * The footer at offset 0 is what says that there is an image; without it the
 * whole rest must be there for what opens.
 */
static void judge(Recorder *r, MemDisk *state, const MemDisk *old)
{
    const MemDisk *done = mem_disk_find("disk");
    g_autofree uint8_t *head = disk_copy(state, 0, VPC_SECTOR);
    bool is_old = mem_disk_length(old) && equal_from(state, old, 0);

    r->states++;
    if (vpc_has_footer_cookie(head) && !is_old) {
        g_assert_true(equal_from(state, done, 0));
    }
    if (opens("state")) {
        r->images++;
        g_assert_true(is_old || equal_from(state, done, VPC_SECTOR));
    }
}

static void judge_cut(Recorder *r, const Moment *m, const MemDisk *old,
                      const PowerCut *cut)
{
    MemDisk *state = mem_disk_copy(m->disk, "state");
    BlockDriverState *bs = bdrv_open("mem:state", NULL, NULL,
                                     BDRV_O_RDWR | BDRV_O_RESIZE |
                                     BDRV_O_PROTOCOL, &error_abort);
    BlockBackend *blk = blk_new(qemu_get_current_aio_context(),
                                BLK_PERM_WRITE | BLK_PERM_RESIZE,
                                BLK_PERM_ALL);

    blk_insert_bs(blk, bs, &error_abort);
    bdrv_unref(bs);
    g_assert_cmpint(volatile_log_apply(m->log, cut, blk), ==, 0);
    blk_unref(blk);
    judge(r, state, old);
    mem_disk_free(state);
}

static void judge_moment(Recorder *r, const Moment *m, const MemDisk *old)
{
    unsigned entries = volatile_log_entries(m->log);
    unsigned subsets = 1 << MIN(entries, MAX_SUBSET_BITS);

    for (int length = 0; length < POWER_CUT_LENGTH__MAX; length++) {
        PowerCut cut = { .length = length };

        for (cut.count = 0; cut.count <= entries; cut.count++) {
            judge_cut(r, m, old, &cut);
        }
        cut.kind = POWER_CUT_SUBSET;
        for (cut.seed = 0; cut.seed < subsets; cut.seed++) {
            judge_cut(r, m, old, &cut);
        }
        cut.kind = POWER_CUT_TORN;
        for (cut.seed = 0; cut.seed < TORN_SEEDS; cut.seed++) {
            judge_cut(r, m, old, &cut);
        }
    }
}

static void check(const char *before, const char *options, bool stale)
{
    MemDisk *disk = mem_disk_new("disk"), *old;
    Recorder r = { 0 };

    mem_disk_set_stale(disk, stale);
    if (before) {
        new_image_on_disk("disk", before, &error_abort);
    }
    old = mem_disk_copy(disk, "old");
    record(&r, options);
    for (unsigned i = 0; i < r.count; i++) {
        judge_moment(&r, &r.moments[i], old);
        mem_disk_free(r.moments[i].disk);
        volatile_log_free(r.moments[i].log);
    }
    /* Some are images and some are not, or nothing was looked at. */
    g_assert_cmpuint(r.images, >, 0);
    g_assert_cmpuint(r.images, <, r.states);
    mem_disk_free(old);
    mem_disk_free(disk);
}

static const char *const images[] = {
    "size=1M,force-size=on",
    "size=1M,force-size=on,subformat=fixed",
    "size=1M,force-size=on,block-size=64k,preallocation=metadata",
    "size=1M,force-size=on,block-size=64k,preallocation=full",
    "size=1M,force-size=on,subformat=fixed,preallocation=full",
    "size=4M,target=xenserver",
};

static void test_new(gconstpointer options)
{
    check(NULL, options, false);
}

static void test_stale(gconstpointer options)
{
    check(NULL, options, true);
}

static void test_over_dynamic(gconstpointer options)
{
    check("size=1M,force-size=on,block-size=4k", options, false);
}

static void test_over_fixed(gconstpointer options)
{
    check("size=3M,force-size=on,subformat=fixed", options, false);
}

static void add_tests(const char *name, GTestDataFunc test)
{
    for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
        g_autofree char *path = g_strdup_printf("/vpc/create-crash/%s/%s",
                                                name, images[i]);

        g_test_add_data_func(path, images[i], test);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    /* Images without one of their footers are warned of. */
    g_assert_nonnull(freopen("/dev/null", "w", stderr));

    add_tests("S29-new", test_new);
    add_tests("S29-stale", test_stale);
    add_tests("over-dynamic", test_over_dynamic);
    add_tests("over-fixed", test_over_fixed);
    return g_test_run();
}
