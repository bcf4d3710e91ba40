/* SPDX-License-Identifier: MIT */
/*
 * The driver blkdebug: passes requests on to its child `image`, and fails or
 * stops those that its rules describe.
 *
 * Invariants:
 *   - bs->file is the child `image`.
 *   - A request that a rule fails does not reach the child.
 *   - While the node or one above it is drained no request is stopped; those
 *     that were are resumed when that begins, so drains and closes end.
 *   - What has a rule for it has an I/O type, and what has none (its length,
 *     its name) never fails here.
 */
#include "qemu/osdep.h"
#include "blkdebug.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qapi/util.h"
#include "qemu/module.h"
#include "qemu/option.h"

/* Limits to pretend, and where the layer looks for them. */
static const struct {
    const char *name;
    size_t field;               /* in BlockLimits: 32 bits */
    bool in_previous;           /* a multiple of the limit before it */
} limits[] = {
    { "align", offsetof(BlockLimits, request_alignment), false },
    { "max-transfer", offsetof(BlockLimits, max_transfer), false },
    { "opt-write-zero", offsetof(BlockLimits, pwrite_zeroes_alignment), false },
    { "max-write-zero", offsetof(BlockLimits, max_pwrite_zeroes), true },
    { "opt-discard", offsetof(BlockLimits, pdiscard_alignment), false },
    { "max-discard", offsetof(BlockLimits, max_pdiscard), true },
};

typedef struct BDRVBlkdebugState {
    BlkdebugRules rules;
    char *config;               /* path of the configuration file, or NULL */
    uint32_t limits[ARRAY_SIZE(limits)]; /* bytes; 0: the child's */
} BDRVBlkdebugState;

static QemuOptsList blkdebug_runtime_opts = {
    .name = "blkdebug",
    .head = QTAILQ_HEAD_INITIALIZER(blkdebug_runtime_opts.head),
    .desc = {
        /* Path to the configuration file. */
        { .name = "config", .type = QEMU_OPT_STRING },
        /* Name of the image. */
        { .name = "x-image", .type = QEMU_OPT_STRING },
        /* Required alignment in bytes. */
        { .name = "align", .type = QEMU_OPT_SIZE },
        /* Maximum transfer size in bytes. */
        { .name = "max-transfer", .type = QEMU_OPT_SIZE },
        /* Optimum write zero alignment in bytes. */
        { .name = "opt-write-zero", .type = QEMU_OPT_SIZE },
        /* Maximum write zero size in bytes. */
        { .name = "max-write-zero", .type = QEMU_OPT_SIZE },
        /* Optimum discard alignment in bytes. */
        { .name = "opt-discard", .type = QEMU_OPT_SIZE },
        /* Maximum discard size in bytes. */
        { .name = "max-discard", .type = QEMU_OPT_SIZE },
        { /* end of list */ }
    },
};

static const char *const blkdebug_strong_runtime_opts[] = {
    "config", "align", "max-transfer", "opt-write-zero", "max-write-zero",
    "opt-discard", "max-discard", "inject-error.", "set-state.", NULL
};

/* ---- open --------------------------------------------------------------- */

/* blkdebug:CONFIG:IMAGE; CONFIG may be empty. */
static void blkdebug_parse_filename(const char *filename, QDict *options,
                                    Error **errp)
{
    const char *config = filename + strlen("blkdebug:");
    const char *colon;

    if (!g_str_has_prefix(filename, "blkdebug:")) {
        qdict_put_str(options, "x-image", filename);
        return;
    }
    colon = strchr(config, ':');
    if (!colon) {
        error_setg(errp, "blkdebug requires both config file and image path");
        return;
    }
    if (colon > config) {
        g_autofree char *path = g_strndup(config, colon - config);

        qdict_put_str(options, "config", path);
    }
    qdict_put_str(options, "x-image", colon + 1);
}

/*
 * Each limit is 0, or less than 2 GiB and a multiple of the alignment and, with
 * in_previous, of the one before it.  0 or -EINVAL.
 */
static int read_limits(BlockDriverState *bs, QemuOpts *opts, Error **errp)
{
    BDRVBlkdebugState *s = bs->opaque;
    uint64_t align = 1;

    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        uint64_t value = qemu_opt_get_size(opts, limits[i].name, 0);
        uint64_t previous = limits[i].in_previous ? s->limits[i - 1] : 0;
        uint64_t unit = MAX(1, MAX(align, previous));

        if (value >= INT_MAX || value % unit ||
            (i == 0 && value && !is_power_of_2(value))) {
            error_setg(errp, "Cannot meet constraints with %s %" PRIu64,
                       limits[i].name, value);
            return -EINVAL;
        }
        s->limits[i] = value;
        if (i == 0) {
            align = MAX(value, bs->file->bs->bl.request_alignment);
        }
    }
    return 0;
}

static void blkdebug_close(BlockDriverState *bs)
{
    BDRVBlkdebugState *s = bs->opaque;

    blkdebug_rules_free(&s->rules);
    g_free(s->config);
}

/*
 * Rules are read before the child is opened, because a mistake in them must be
 * reported even when the image cannot be opened.
 */
static int open_with(BlockDriverState *bs, QDict *options, QemuOpts *opts,
                     Error **errp)
{
    BDRVBlkdebugState *s = bs->opaque;
    int ret;

    s->config = g_strdup(qemu_opt_get(opts, "config"));
    ret = blkdebug_read_rules(&s->rules, s->config, options, errp);
    if (ret < 0) {
        return ret;
    }
    /* Rules of this event are active from the beginning. */
    blkdebug_rules_event(&s->rules, BLKDBG_NONE, false);

    bs->file = bdrv_open_child(qemu_opt_get(opts, "x-image"), options, "image",
                               bs, &child_file, false, errp);
    if (!bs->file) {
        return -EINVAL;
    }
    bs->supported_write_flags = BDRV_REQ_WRITE_UNCHANGED |
        (BDRV_REQ_FUA & bs->file->bs->supported_write_flags);
    bs->supported_zero_flags = BDRV_REQ_WRITE_UNCHANGED |
        ((BDRV_REQ_FUA | BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK) &
         bs->file->bs->supported_zero_flags);
    return read_limits(bs, opts, errp);
}

static int blkdebug_file_open(BlockDriverState *bs, QDict *options, int flags,
                              Error **errp)
{
    g_autoptr(QemuOpts) opts =
        bdrv_absorb_options(&blkdebug_runtime_opts, options, errp);
    BDRVBlkdebugState *s = bs->opaque;
    int ret;

    blkdebug_rules_init(&s->rules);
    ret = opts ? open_with(bs, options, opts, errp) : -EINVAL;
    if (ret < 0) {
        blkdebug_close(bs);
    }
    return ret;
}

/* A limit of 0 leaves the child's, which the layer has merged already. */
static void blkdebug_refresh_limits(BlockDriverState *bs, Error **errp)
{
    BDRVBlkdebugState *s = bs->opaque;

    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        if (s->limits[i]) {
            *(uint32_t *)((char *)&bs->bl + limits[i].field) = s->limits[i];
        }
    }
}

/* ---- names -------------------------------------------------------------- */

/* A name holds a configuration file and an image, nothing else. */
static void blkdebug_refresh_filename(BlockDriverState *bs)
{
    BDRVBlkdebugState *s = bs->opaque;
    const char *image = bs->file->bs->exact_filename;
    const QDictEntry *e;
    int length;

    if (!image[0]) {
        return;
    }
    for (e = qdict_first(bs->full_open_options); e;
         e = qdict_next(bs->full_open_options, e)) {
        const char *key = qdict_entry_key(e);

        if (strcmp(key, "driver") && strcmp(key, "image") &&
            strcmp(key, "config")) {
            return;
        }
    }
    length = snprintf(bs->exact_filename, sizeof(bs->exact_filename),
                      "blkdebug:%s:%s", s->config ?: "", image);
    if (length >= (int)sizeof(bs->exact_filename)) {
        bs->exact_filename[0] = '\0';
    }
}

/* ---- requests ----------------------------------------------------------- */

static int coroutine_fn blkdebug_check(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, BlkdebugIOType iotype)
{
    BDRVBlkdebugState *s = bs->opaque;

    return blkdebug_rules_check(&s->rules, offset, bytes, iotype);
}

static int coroutine_fn blkdebug_co_preadv(BlockDriverState *bs,
                                           uint64_t offset, uint64_t bytes,
                                           QEMUIOVector *qiov, int flags)
{
    int ret = blkdebug_check(bs, offset, bytes, BLKDEBUG_IO_TYPE_READ);

    return ret ? ret : bdrv_co_preadv(bs->file, offset, bytes, qiov, flags);
}

static int coroutine_fn blkdebug_co_pwritev(BlockDriverState *bs,
                                            uint64_t offset, uint64_t bytes,
                                            QEMUIOVector *qiov, int flags)
{
    int ret = blkdebug_check(bs, offset, bytes, BLKDEBUG_IO_TYPE_WRITE);

    return ret ? ret : bdrv_co_pwritev(bs->file, offset, bytes, qiov, flags);
}

/* Less than a unit is written as data. */
static int coroutine_fn blkdebug_co_pwrite_zeroes(BlockDriverState *bs,
                                                  int64_t offset, int bytes,
                                                  BdrvRequestFlags flags)
{
    uint32_t unit = MAX(bs->bl.request_alignment,
                        bs->bl.pwrite_zeroes_alignment);
    int ret;

    if ((uint32_t)bytes < unit) {
        return -ENOTSUP;
    }
    ret = blkdebug_check(bs, offset, bytes, BLKDEBUG_IO_TYPE_WRITE_ZEROES);
    return ret ? ret : bdrv_co_pwrite_zeroes(bs->file, offset, bytes, flags);
}

/* Less than a unit is refused, as a device would, and counts as done. */
static int coroutine_fn blkdebug_co_pdiscard(BlockDriverState *bs,
                                             int64_t offset, int bytes)
{
    int ret;

    if ((uint32_t)bytes < bs->bl.request_alignment) {
        return -ENOTSUP;
    }
    ret = blkdebug_check(bs, offset, bytes, BLKDEBUG_IO_TYPE_DISCARD);
    return ret ? ret : bdrv_co_pdiscard(bs->file, offset, bytes);
}

/*
 * The layer goes on to bs->file only after a success, so a rule that fails a
 * flush keeps the child from being flushed.
 */
static int coroutine_fn blkdebug_co_flush_to_disk(BlockDriverState *bs)
{
    return blkdebug_check(bs, 0, 0, BLKDEBUG_IO_TYPE_FLUSH);
}

static int coroutine_fn blkdebug_co_truncate(BlockDriverState *bs,
                                             int64_t offset, bool exact,
                                             PreallocMode prealloc,
                                             Error **errp)
{
    int ret = blkdebug_check(bs, 0, 0, BLKDEBUG_IO_TYPE_TRUNCATE);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not resize image");
        return ret;
    }
    return bdrv_co_truncate(bs->file, offset, exact, prealloc, errp);
}

static int coroutine_fn blkdebug_co_block_status(BlockDriverState *bs,
                                                 bool want_zero,
                                                 int64_t offset,
                                                 int64_t bytes, int64_t *pnum,
                                                 int64_t *map,
                                                 BlockDriverState **file)
{
    int ret = blkdebug_check(bs, offset, bytes, BLKDEBUG_IO_TYPE_BLOCK_STATUS);

    return ret < 0 ? ret
                   : bdrv_co_block_status_from_file(bs, want_zero, offset,
                                                    bytes, pnum, map, file);
}

/* ---- debugging ---------------------------------------------------------- */

/*
 * In a drained section nothing is stopped, because the section waits for all
 * that is on its way.
 */
static void blkdebug_debug_event(BlockDriverState *bs, BlkdebugEvent event)
{
    BDRVBlkdebugState *s = bs->opaque;

    blkdebug_rules_event(&s->rules, event, !bdrv_is_draining(bs));
}

static int blkdebug_debug_breakpoint(BlockDriverState *bs, const char *event,
                                     const char *tag)
{
    BDRVBlkdebugState *s = bs->opaque;
    int value = qapi_enum_parse(&BlkdebugEvent_lookup, event, -1, NULL);

    if (value < 0) {
        return -ENOENT;
    }
    blkdebug_rules_break(&s->rules, value, tag);
    return 0;
}

/* Requests that the breakpoint stopped run on, too. */
static int blkdebug_debug_remove_breakpoint(BlockDriverState *bs,
                                            const char *tag)
{
    BDRVBlkdebugState *s = bs->opaque;
    int ret = blkdebug_rules_unbreak(&s->rules, tag);

    blkdebug_rules_resume(&s->rules, tag, true);
    return ret;
}

static int blkdebug_debug_resume(BlockDriverState *bs, const char *tag)
{
    BDRVBlkdebugState *s = bs->opaque;

    return blkdebug_rules_resume(&s->rules, tag, false);
}

static bool blkdebug_debug_is_suspended(BlockDriverState *bs, const char *tag)
{
    BDRVBlkdebugState *s = bs->opaque;

    return blkdebug_rules_is_stopped(&s->rules, tag);
}

#ifdef MINBLK_BLOCK_DRIVER_EXT
static void blkdebug_debug_release(BlockDriverState *bs)
{
    BDRVBlkdebugState *s = bs->opaque;

    blkdebug_rules_release(&s->rules, bdrv_get_aio_context(bs));
}
#endif

static BlockDriver bdrv_blkdebug = {
    .format_name = "blkdebug",
    .protocol_name = "blkdebug",
    .instance_size = sizeof(BDRVBlkdebugState),
    .is_filter = true,

    .bdrv_parse_filename = blkdebug_parse_filename,
    .bdrv_file_open = blkdebug_file_open,
    .bdrv_close = blkdebug_close,
    .bdrv_reopen_prepare = bdrv_reopen_unchanged,
    .bdrv_child_perm = bdrv_filter_default_perms,
    .bdrv_refresh_limits = blkdebug_refresh_limits,
    .bdrv_refresh_filename = blkdebug_refresh_filename,
    .bdrv_getlength = bdrv_getlength_from_file,
    .bdrv_get_allocated_file_size = bdrv_allocated_size_unknown,

    .bdrv_co_preadv = blkdebug_co_preadv,
    .bdrv_co_pwritev = blkdebug_co_pwritev,
    .bdrv_co_pwrite_zeroes = blkdebug_co_pwrite_zeroes,
    .bdrv_co_pdiscard = blkdebug_co_pdiscard,
    .bdrv_co_flush_to_disk = blkdebug_co_flush_to_disk,
    .bdrv_co_truncate = blkdebug_co_truncate,
    .bdrv_co_block_status = blkdebug_co_block_status,

    .bdrv_debug_event = blkdebug_debug_event,
    .bdrv_debug_breakpoint = blkdebug_debug_breakpoint,
    .bdrv_debug_remove_breakpoint = blkdebug_debug_remove_breakpoint,
    .bdrv_debug_resume = blkdebug_debug_resume,
    .bdrv_debug_is_suspended = blkdebug_debug_is_suspended,

    .strong_runtime_opts = blkdebug_strong_runtime_opts,
#ifdef MINBLK_BLOCK_DRIVER_EXT
    .bdrv_debug_release = blkdebug_debug_release,
#endif
};

static void bdrv_blkdebug_init(void)
{
    bdrv_register(&bdrv_blkdebug);
}

block_init(bdrv_blkdebug_init);
