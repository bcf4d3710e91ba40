/* SPDX-License-Identifier: MIT */
/*
 * Power cuts, three deep, on images in every layout: after each the image opens
 * for writing without a word, every sector reads as something that it was
 * given since the last flush, or as it was flushed, and a check finds nothing
 * corrupt; then it is written to, and cut off again.
 *
 * Moments at which power is cut: in each flush of the file, after each batch of
 * requests, and while the image is closed.  MINBLK_CUTS_SEED chooses other
 * requests and cuts, MINBLK_CUTS_ROUNDS how often each layout is tried.
 */
#include "qemu/osdep.h"
#include "cut-model.h"
#include "disk-stack.h"
#include "new-image.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/bswap.h"
#include "vpc-fixture.h"

#define DEPTH 3

/* An image to begin with: made by options, or written block by block. */
typedef struct Layout {
    const char *name;
    const char *options;        /* else the rest counts */
    VhdSpec spec;
    unsigned blocks;            /* of the first so many every other is there */
    unsigned bits;              /* of each; 0: all */
    bool gaps;                  /* room for a block before each */
    bool orphans;               /* every other block has lost its entry */
    int64_t rest;               /* bytes of the file after the image ... */
    uint8_t rest_byte;          /* ... that are this; zero: a hole */
    bool device;                /* it cannot grow; a footer ends its rest */
    unsigned once_failed[2];    /* seeds that are always tried, too */
} Layout;

static const Layout layouts[] = {
    { "minblk", "size=640k,block-size=64k,force-size=on" },
    { "minblk-4k", "size=160k,block-size=4k,force-size=on" },
    { "minblk-512k", "size=3M,block-size=512k,force-size=on" },
    { "minblk-2m", "size=9M,force-size=on" },
    { "minblk-metadata",
      "size=640k,block-size=64k,force-size=on,preallocation=metadata" },
    { "minblk-hyperv", "size=3M,block-size=512k,target=hyperv" },
    { "minblk-xenserver", "size=9M,target=xenserver" },
    { "minblk-device", "size=640k,block-size=64k,force-size=on",
      .rest = 1 * MiB, .device = true },
    { "qemu", .spec = { .size = 10 * BLOCK, .creator = "qem2" }, .blocks = 6 },
    { "qemu-empty", .spec = { .size = 10 * BLOCK, .creator = "qem2" } },
    { "qemu-2m", .spec = { .size = 9 * MiB, .creator = "qem2",
                           .block_size = 2 * MiB }, .blocks = 2 },
    { "windows", .spec = { .size = 10 * BLOCK, .windows = true },
      .blocks = 6 },
    { "windows-empty", .spec = { .size = 10 * BLOCK, .windows = true } },
    { "windows-4k", .spec = { .size = 160 * KiB, .windows = true,
                              .block_size = 4 * KiB }, .blocks = 12 },
    { "windows-512", .spec = { .size = 16 * KiB, .windows = true,
                               .block_size = 512 }, .blocks = 12 },
    { "virtualpc", .spec = { .size = 10 * BLOCK, .creator = "vpc ",
                             .geometry = { 40, 4, 8 }, .spare_sectors = 1 },
      .blocks = 6 },
    { "virtualpc-empty", .spec = { .size = 10 * BLOCK, .creator = "vpc ",
                                   .geometry = { 40, 4, 8 },
                                   .spare_sectors = 1 } },
    { "xenserver", .spec = { .size = 10 * BLOCK, .batmap = true },
      .blocks = 6, .bits = 40, .once_failed = { 25, 28 } },
    { "xenserver-full", .spec = { .size = 10 * BLOCK, .batmap = true },
      .blocks = 6, .once_failed = { 25, 28 } },
    { "virtualbox", .spec = { .size = 10 * BLOCK, .creator = "vbox" },
      .blocks = 6 },
    { "virtualbox-4k", .spec = { .size = 160 * KiB, .creator = "vbox",
                                 .block_size = 4 * KiB }, .blocks = 12 },
    { "virtualbox-512", .spec = { .size = 16 * KiB, .creator = "vbox",
                                  .block_size = 512 }, .blocks = 12 },
    { "disk2vhd", .spec = { .size = 10 * BLOCK, .creator = "d2v" },
      .blocks = 6 },
    { "gaps", .spec = { .size = 10 * BLOCK, .creator = "vbox" },
      .blocks = 6, .gaps = true },
    { "gaps-windows", .spec = { .size = 10 * BLOCK, .windows = true },
      .blocks = 6, .gaps = true },
    { "orphans", .spec = { .size = 10 * BLOCK, .creator = "vbox" },
      .blocks = 8, .orphans = true },
    { "orphans-windows", .spec = { .size = 10 * BLOCK, .windows = true },
      .blocks = 8, .orphans = true },
    { "orphans-4k", .spec = { .size = 160 * KiB, .creator = "vbox",
                              .block_size = 4 * KiB },
      .blocks = 16, .orphans = true },
    { "longer", .spec = { .size = 10 * BLOCK, .creator = "vbox" },
      .blocks = 6, .rest = 300 * KiB },
    { "longer-windows", .spec = { .size = 10 * BLOCK, .windows = true },
      .blocks = 6, .rest = 300 * KiB },
    { "longer-dirty", .spec = { .size = 10 * BLOCK, .creator = "vbox" },
      .blocks = 6, .rest = 10000, .rest_byte = 0x5e },
    { "device", .spec = { .size = 10 * BLOCK, .creator = "vbox" },
      .blocks = 6, .rest = 512 * KiB, .device = true },
    { "device-dirty", .spec = { .size = 10 * BLOCK, .creator = "vbox" },
      .blocks = 6, .rest = 512 * KiB, .rest_byte = 0x5e, .device = true },
};

/* What may be tried at a moment of a level: the next level gets less. */
static const struct {
    unsigned batches;
    unsigned moments;           /* that are tried, at most */
    unsigned cuts;              /* of each */
} plans[DEPTH + 1] = {
    { 12, 40, 2 }, { 6, 2, 1 }, { 5, 2, 1 }, { 3, 0, 0 },
};

typedef struct Moment {
    MemDisk *disk;
    VolatileLog *log;
    CutModel *model;
    char *story;
} Moment;

typedef struct Walk {
    const Layout *layout;
    GRand *rand;
    GString *story;             /* all that has happened so far */
    bool failed;
    /* The image that is open. */
    unsigned level;
    char *disk;
    BlockBackend *blk;
    CutModel *model;
    GArray *moments;            /* Moment */
} Walk;

static int said = -1;           /* standard error */

static unsigned any(Walk *w, unsigned below)
{
    return g_rand_int_range(w->rand, 0, below);
}

G_GNUC_PRINTF(2, 3)
static void tell(Walk *w, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_string_append_vprintf(w->story, format, args);
    va_end(args);
}

static void fail(Walk *w, const char *why)
{
    if (!w->failed) {
        g_test_message("%s:%s\n%s", w->layout->name, w->story->str, why);
        g_test_fail();
    }
    w->failed = true;
}

/* ---- images to begin with ----------------------------------------------- */

static void put_blocks(MemDisk *disk, VhdImage *image, const Layout *l)
{
    uint32_t sectors = image->spec.block_size / VPC_SECTOR;

    for (unsigned i = 0; i < l->blocks; i += 2) {
        if (l->gaps) {
            image->end += QEMU_ALIGN_UP(image->spec.block_size, 4096) + 8192;
        }
        vhd_add_block(disk, image, i, 0, l->bits ?: sectors, 0x11 + i);
        if (l->orphans && i % 4) {
            vhd_set_entry(disk, image, i, VPC_UNALLOCATED);
        }
    }
    vhd_finish(disk, image);
}

/* Makes the file longer by what is no part of the image. */
static void put_rest(MemDisk *disk, const Layout *l)
{
    g_autofree uint8_t *head = disk_copy(disk, 0, VPC_SECTOR);
    int64_t length = mem_disk_length(disk);

    mem_disk_set_length(disk, length + l->rest);
    if (l->rest_byte) {
        g_autofree uint8_t *rest = g_malloc(l->rest);

        memset(rest, l->rest_byte, l->rest);
        mem_disk_write(disk, length, rest, l->rest);
    }
    if (l->device && l->rest) {
        mem_disk_write(disk, length + l->rest - VPC_SECTOR, head, VPC_SECTOR);
    }
}

static void put_device(QDict *options, const char *key, int64_t size)
{
    g_autofree char *size_key = g_strconcat(key, "size", NULL);
    g_autofree char *driver_key = g_strconcat(key, "driver", NULL);

    qdict_put_str(options, driver_key, "raw");
    qdict_put_int(options, size_key, size);
}

/* minblk makes an image on a device. */
static void create_on_device(const Layout *l)
{
    QDict *options = qdict_new();
    BlockDriverState *bs;

    mem_disk_set_length(mem_disk_find("cut0"), l->rest);
    put_device(options, "", l->rest);
    qdict_put_str(options, "node-name", "device");
    qdict_put_str(options, "file.driver", "mem");
    qdict_put_str(options, "file.disk", "cut0");
    bs = bdrv_open(NULL, NULL, options, BDRV_O_RDWR | BDRV_O_RESIZE,
                   &error_abort);
    g_assert_cmpint(new_image("device", l->options, &error_abort), ==, 0);
    bdrv_unref(bs);
}

/* The disk "cut0". */
static MemDisk *begin_layout(const Layout *l)
{
    MemDisk *disk = mem_disk_new("cut0");
    VhdImage image;

    if (l->options && l->device) {
        create_on_device(l);
    } else if (l->options) {
        new_image_on_disk("cut0", l->options, &error_abort);
    } else {
        vhd_begin(disk, &image, &l->spec);
        put_blocks(disk, &image, l);
        put_rest(disk, l);
    }
    return disk;
}

/* ---- opening ------------------------------------------------------------ */

static QDict *stack(Walk *w, bool cache)
{
    QDict *options = qdict_new();
    g_autoptr(GString) key = g_string_new("file.");
    int64_t length = mem_disk_length(mem_disk_find(w->disk));

    qdict_put_str(options, "driver", "vpc");
    if (w->layout->device) {
        put_device(options, key->str, length);
        g_string_append(key, "file.");
    }
    if (cache) {
        g_autofree char *driver = g_strconcat(key->str, "driver", NULL);
        g_autofree char *name = g_strconcat(key->str, "node-name", NULL);

        qdict_put_str(options, driver, "volatile-cache");
        qdict_put_str(options, name, "cache");
        g_string_append(key, "file.");
    }
    g_string_append(key, "driver");
    qdict_put_str(options, key->str, "mem");
    g_string_truncate(key, key->len - strlen("driver"));
    g_string_append(key, "disk");
    qdict_put_str(options, key->str, w->disk);
    return options;
}

/*
 * Without a word; false: the walk has failed.  Where orphans stand, also those of
 * an earlier cut, after what is the last block, its footer is after them; when the
 * file has grown past it, that one is not found again after a cut, and is written
 * again with a warning.
 */
static bool open_disk(Walk *w, bool cache, int flags)
{
    off_t before = lseek(said, 0, SEEK_END);
    char text[400] = "";
    Error *err = NULL;

    w->blk = blk_new_open(NULL, NULL, stack(w, cache),
                          flags | BDRV_O_UNMAP, &err);
    if (!w->blk) {
        fail(w, error_get_pretty(err));
        error_free(err);
    } else if (lseek(said, 0, SEEK_END) != before) {
        g_assert_cmpint(pread(said, text, sizeof(text) - 1, before), >, 0);
        if (!((w->layout->orphans || w->level > 1) &&
              strstr(text, "has been written again"))) {
            fail(w, text);
        }
    }
    return !w->failed;
}

static bool verify(Walk *w, bool cut)
{
    g_autoptr(GString) why = g_string_new("");

    if (!cut_model_verify(w->model, w->blk, cut, why)) {
        fail(w, why->str);
    }
    return !w->failed;
}

static void note_finding(const BdrvCheckFinding *found, void *opaque)
{
    if (found->grade == BDRV_FINDING_CORRUPTION) {
        g_string_append_printf(opaque, "check: %s at %" PRId64 " is %s, "
                               "expected %s\n", found->field, found->offset,
                               found->value, found->expected);
    }
}

/* Nothing is corrupt; lost space is no more than that. */
static bool check(Walk *w)
{
    g_autoptr(GString) found = g_string_new("");
    BdrvCheckResult result = { 0 };
    int ret = bdrv_check_listening(blk_bs(w->blk), &result, 0, note_finding,
                                   found);

    if (ret < 0 || result.check_errors) {
        fail(w, "the check failed");
    }
    if (found->len) {
        fail(w, found->str);
    }
    return !w->failed;
}

/* ---- moments ------------------------------------------------------------ */

static void note_moment(BlockDriverState *cache, void *opaque)
{
    Walk *w = opaque;
    g_autofree char *name = g_strdup_printf("moment%u.%u", w->level,
                                            w->moments->len);
    Moment moment = {
        .disk = mem_disk_copy(mem_disk_find(w->disk), name),
        .log = volatile_cache_log(cache),
        .model = cut_model_copy(w->model),
        .story = g_strdup(w->story->str),
    };

    g_array_append_val(w->moments, moment);
}

static void clear_moment(void *opaque)
{
    Moment *moment = opaque;

    mem_disk_free(moment->disk);
    volatile_log_free(moment->log);
    cut_model_free(moment->model);
    g_free(moment->story);
}

/* ---- requests ----------------------------------------------------------- */

typedef enum Kind { WRITE, ZERO, UNMAP, DISCARD, FLUSH } Kind;

typedef struct Job {
    Walk *w;
    Kind kind;
    uint32_t first, count;
    uint8_t *buf;
    unsigned request;
    int ret;
    unsigned *left;
} Job;

static int coroutine_fn do_job(Job *j)
{
    BlockBackend *blk = j->w->blk;
    int64_t offset = (int64_t)j->first * VPC_SECTOR;
    int bytes = j->count * VPC_SECTOR;

    switch (j->kind) {
    case WRITE:
        return blk_pwrite(blk, offset, j->buf, bytes, 0);
    case ZERO:
        return blk_pwrite_zeroes(blk, offset, bytes, 0);
    case UNMAP:
        return blk_pwrite_zeroes(blk, offset, bytes, BDRV_REQ_MAY_UNMAP);
    case DISCARD:
        return blk_pdiscard(blk, offset, bytes);
    default:
        return blk_flush(blk);
    }
}

static void coroutine_fn job_entry(void *opaque)
{
    Job *j = opaque;

    j->ret = do_job(j);
    --*j->left;
}

static unsigned block_sectors(Walk *w)
{
    BlockDriverInfo info;

    g_assert_cmpint(bdrv_get_info(blk_bs(w->blk), &info), ==, 0);
    return info.cluster_size / VPC_SECTOR;
}

/* Sectors of blocks @start to before @end: whole blocks, or any of them. */
static void choose_range(Job *j, unsigned start, unsigned end)
{
    Walk *w = j->w;
    unsigned unit = block_sectors(w), size = cut_model_size(w->model);
    unsigned low = start * unit, high = MIN(end * unit, size);

    switch (any(w, 8)) {
    case 0:                                     /* all of them */
        if (j->kind != WRITE || high - low <= 1024) {
            j->first = low;
            j->count = high - low;
            return;
        }
        /* fall through */
    case 1 ... 3:                               /* a whole block */
        j->first = low + any(w, DIV_ROUND_UP(high - low, unit)) * unit;
        j->count = MIN(unit, high - j->first);
        return;
    default:
        j->first = low + any(w, high - low);
        j->count = 1 + any(w, MIN(high - j->first, 2 * unit));
        j->count = any(w, 2) ? MIN(j->count, 9) : j->count;
    }
}

static const Kind kinds[] = {
    WRITE, WRITE, WRITE, WRITE, WRITE, ZERO, UNMAP, UNMAP, DISCARD, DISCARD,
};

static void choose_job(Job *j, unsigned start, unsigned end)
{
    static const char *const names[] = {
        "write", "write -z", "write -zu", "discard",
    };
    Walk *w = j->w;

    j->kind = kinds[any(w, ARRAY_SIZE(kinds))];
    choose_range(j, start, end);
    tell(w, " %s %u+%u", names[j->kind], j->first, j->count);
    j->buf = j->kind == WRITE ? g_malloc(j->count * VPC_SECTOR) : NULL;
    j->request = cut_model_begin(w->model, j->first, j->count, j->buf);
    if (j->kind == DISCARD) {
        cut_model_maybe(w->model, j->request);
    }
}

static void finish_job(Job *j)
{
    /* What cannot grow may be full. */
    if (j->ret == -ENOSPC && j->w->layout->device) {
        cut_model_maybe(j->w->model, j->request);
        tell(j->w, " (full)");
    } else if (j->ret < 0) {
        fail(j->w, strerror(-j->ret));
    }
    g_free(j->buf);
}

/* One request, or a few in blocks of their own, perhaps beside a flush. */
static void run_batch(Walk *w)
{
    Job jobs[4];
    unsigned count = any(w, 2) ? 1 : 2 + any(w, 2), left = count;
    unsigned blocks = DIV_ROUND_UP(cut_model_size(w->model), block_sectors(w));

    tell(w, "\n#  ");
    for (unsigned i = 0; i < count; i++) {
        jobs[i] = (Job) { .w = w, .left = &left };
        choose_job(&jobs[i], i * blocks / count, (i + 1) * blocks / count);
    }
    if (any(w, 6) == 0) {
        jobs[count++] = (Job) { .w = w, .kind = FLUSH, .left = &left };
        left++;
        tell(w, " flush");
    }
    for (unsigned i = 0; i < count; i++) {
        qemu_coroutine_enter(qemu_coroutine_create(job_entry, &jobs[i]));
    }
    while (left) {
        aio_poll(qemu_get_current_aio_context(), true);
    }
    for (unsigned i = 0; i < count; i++) {
        finish_job(&jobs[i]);
    }
}

static void flush(Walk *w)
{
    g_autoptr(GString) why = g_string_new("");
    int ret;

    tell(w, "\n#   flush");
    ret = blk_flush(w->blk);
    if (ret < 0) {
        fail(w, strerror(-ret));
    } else if (!cut_model_flushed(w->model, w->blk, why)) {
        fail(w, why->str);
    }
}

/* ---- levels ------------------------------------------------------------- */

/* Uses the image, and closes it. */
static void use(Walk *w)
{
    BlockDriverState *cache = bdrv_find_node("cache");

    volatile_cache_set_hook(cache, note_moment, w);
    for (unsigned i = 0; i < plans[w->level].batches && !w->failed; i++) {
        if (any(w, 3)) {
            run_batch(w);
        } else {
            flush(w);
        }
        note_moment(cache, w);
    }
    tell(w, "\n#   close");
    if (!w->failed) {
        verify(w, false);
    }
    g_clear_pointer(&w->blk, blk_unref);
}

/* What was closed is there, and sound. */
static void look_again(Walk *w)
{
    if (!w->failed && open_disk(w, false, 0)) {
        verify(w, false);
        check(w);
    }
    g_clear_pointer(&w->blk, blk_unref);
}

/* A disk as a power cut leaves it, for the next level. */
static MemDisk *cut_power(Walk *w, const Moment *moment, const char *name)
{
    static const char *const kinds[] = { "the first", "of", "torn" };
    static const char *const lengths[] = { "as written", "old", "new" };
    MemDisk *disk = mem_disk_copy(moment->disk, name);
    unsigned entries = volatile_log_entries(moment->log);
    g_autofree char *file = g_strconcat("mem:", name, NULL);
    PowerCut cut = {
        .kind = any(w, POWER_CUT__MAX),
        .length = any(w, POWER_CUT_LENGTH__MAX),
        .count = any(w, entries + 1),
        .seed = g_rand_int(w->rand),
    };
    BlockBackend *blk = blk_new_open(file, NULL, NULL, BDRV_O_RDWR |
                                     BDRV_O_RESIZE | BDRV_O_PROTOCOL,
                                     &error_abort);

    g_string_assign(w->story, moment->story);
    tell(w, "\n# cut: %s %#" PRIx64 " of %u writes, the length %s",
         kinds[cut.kind], cut.kind ? cut.seed : cut.count, entries,
         lengths[cut.length]);
    g_assert_cmpint(volatile_log_apply(moment->log, &cut, blk), ==, 0);
    blk_unref(blk);
    return disk;
}

static void run_level(Walk *w, unsigned level, const char *disk,
                      const CutModel *model);

static void cut_here(Walk *w, unsigned level, const Moment *moment)
{
    g_autofree char *name = g_strdup_printf("cut%u", level + 1);
    MemDisk *disk = cut_power(w, moment, name);

    run_level(w, level + 1, name, moment->model);
    mem_disk_free(disk);
}

static void try_moments(Walk *w, unsigned level, GArray *moments)
{
    for (unsigned left = MIN(plans[level].moments, moments->len);
         left && !w->failed; left--) {
        unsigned i = plans[level].moments < moments->len
                     ? any(w, moments->len) : left - 1;

        for (unsigned n = 0; n < plans[level].cuts && !w->failed; n++) {
            cut_here(w, level, &g_array_index(moments, Moment, i));
        }
    }
}

/* After @level power cuts; @model NULL: of what is there. */
static void run_level(Walk *w, unsigned level, const char *name,
                      const CutModel *model)
{
    GArray *moments = g_array_new(false, false, sizeof(Moment));
    g_autofree char *disk = g_strdup(name);

    g_array_set_clear_func(moments, clear_moment);
    w->level = level;
    w->disk = disk;
    w->moments = moments;
    if (open_disk(w, true, BDRV_O_RDWR)) {
        w->model = model ? cut_model_copy(model) : cut_model_new(w->blk);
        if ((level == 0 || verify(w, true)) && check(w)) {
            use(w);
            look_again(w);
        }
        g_clear_pointer(&w->model, cut_model_free);
    }
    g_clear_pointer(&w->blk, blk_unref);
    try_moments(w, level, moments);
    g_array_free(moments, true);
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);

    return text ? strtoul(text, NULL, 0) : otherwise;
}

/* Nothing more after a failure, because its story is enough. */
static void test_seed(Walk *w, unsigned seed)
{
    MemDisk *disk;

    if (w->failed) {
        return;
    }
    disk = begin_layout(w->layout);
    w->rand = g_rand_new_with_seed(seed);
    w->story = g_string_new("");
    tell(w, "\n# seed %u", seed);
    run_level(w, 0, "cut0", NULL);
    g_string_free(w->story, true);
    g_rand_free(w->rand);
    mem_disk_free(disk);
}

static void test_layout(gconstpointer opaque)
{
    unsigned seed = from_environment("MINBLK_CUTS_SEED", 1);
    unsigned rounds = from_environment("MINBLK_CUTS_ROUNDS", 1);
    Walk w = { .layout = opaque };

    for (unsigned i = 0; i < rounds; i++) {
        test_seed(&w, seed + i);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(w.layout->once_failed); i++) {
        if (w.layout->once_failed[i]) {
            test_seed(&w, w.layout->once_failed[i]);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bdrv_init();
    said = fileno(tmpfile());
    g_assert_cmpint(dup2(said, STDERR_FILENO), ==, STDERR_FILENO);

    for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
        g_autofree char *path = g_strconcat("/vpc/cuts/", layouts[i].name,
                                            NULL);

        g_test_add_data_func(path, &layouts[i], test_layout);
    }
    return g_test_run();
}
