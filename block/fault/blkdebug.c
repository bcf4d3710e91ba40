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
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qapi/util.h"
#include "qemu/module.h"
#include "qemu/option.h"

typedef struct BDRVBlkdebugState {
    BlkdebugRules rules;
    char *config;               /* path of the configuration file, or NULL */

    /* Limits to pretend, in bytes; 0: the child's. */
    uint64_t align;
    uint64_t max_transfer;
    uint64_t opt_write_zero;
    uint64_t max_write_zero;
    uint64_t opt_discard;
    uint64_t max_discard;
} BDRVBlkdebugState;

#define SIZE_OPT(name_, help_) \
    { .name = name_, .type = QEMU_OPT_SIZE, .help = help_ }
#define STRING_OPT(name_, help_) \
    { .name = name_, .type = QEMU_OPT_STRING, .help = help_ }

static QemuOptsList blkdebug_runtime_opts = {
    .name = "blkdebug",
    .head = QTAILQ_HEAD_INITIALIZER(blkdebug_runtime_opts.head),
    .desc = {
        STRING_OPT("config", "Path to the configuration file"),
        STRING_OPT("x-image", "name of the image"),
        SIZE_OPT("align", "Required alignment in bytes"),
        SIZE_OPT("max-transfer", "Maximum transfer size in bytes"),
        SIZE_OPT("opt-write-zero", "Optimum write zero alignment in bytes"),
        SIZE_OPT("max-write-zero", "Maximum write zero size in bytes"),
        SIZE_OPT("opt-discard", "Optimum discard alignment in bytes"),
        SIZE_OPT("max-discard", "Maximum discard size in bytes"),
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

/* The limit @name: 0 or less than 2 GiB and a multiple of @unit. */
static int read_limit(QemuOpts *opts, const char *name, uint64_t unit,
                      uint64_t *value, Error **errp)
{
    *value = qemu_opt_get_size(opts, name, 0);
    if (*value >= INT_MAX || *value % unit) {
        error_setg(errp, "Cannot meet constraints with %s %" PRIu64, name,
                   *value);
        return -EINVAL;
    }
    return 0;
}

static int read_limits(BlockDriverState *bs, QemuOpts *opts, Error **errp)
{
    BDRVBlkdebugState *s = bs->opaque;
    uint64_t align;
    int ret = read_limit(opts, "align", 1, &s->align, errp);

    if (ret >= 0 && s->align && !is_power_of_2(s->align)) {
        error_setg(errp, "Cannot meet constraints with align %" PRIu64,
                   s->align);
        ret = -EINVAL;
    }
    align = MAX(s->align, bs->file->bs->bl.request_alignment);
    if (ret >= 0) {
        ret = read_limit(opts, "max-transfer", align, &s->max_transfer, errp);
    }
    if (ret >= 0) {
        ret = read_limit(opts, "opt-write-zero", align, &s->opt_write_zero,
                         errp);
    }
    if (ret >= 0) {
        ret = read_limit(opts, "max-write-zero", MAX(s->opt_write_zero, align),
                         &s->max_write_zero, errp);
    }
    if (ret >= 0) {
        ret = read_limit(opts, "opt-discard", align, &s->opt_discard, errp);
    }
    if (ret >= 0) {
        ret = read_limit(opts, "max-discard", MAX(s->opt_discard, align),
                         &s->max_discard, errp);
    }
    return ret;
}

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

static void blkdebug_free(BDRVBlkdebugState *s)
{
    blkdebug_rules_free(&s->rules);
    g_free(s->config);
}

static int blkdebug_file_open(BlockDriverState *bs, QDict *options, int flags,
                              Error **errp)
{
    BDRVBlkdebugState *s = bs->opaque;
    QemuOpts *opts = qemu_opts_create(&blkdebug_runtime_opts, NULL, 0,
                                      &error_abort);
    Error *local_err = NULL;
    int ret = -EINVAL;

    blkdebug_rules_init(&s->rules);
    qemu_opts_absorb_qdict(opts, options, &local_err);
    if (local_err) {
        error_propagate(errp, local_err);
    } else {
        ret = open_with(bs, options, opts, errp);
    }
    qemu_opts_del(opts);
    if (ret < 0) {
        blkdebug_free(s);
    }
    return ret;
}

static void blkdebug_close(BlockDriverState *bs)
{
    blkdebug_free(bs->opaque);
}

static int blkdebug_reopen_prepare(BDRVReopenState *state,
                                   BlockReopenQueue *queue, Error **errp)
{
    return 0;
}

static void blkdebug_refresh_limits(BlockDriverState *bs, Error **errp)
{
    BDRVBlkdebugState *s = bs->opaque;

    if (s->align) {
        bs->bl.request_alignment = s->align;
    }
    if (s->max_transfer) {
        bs->bl.max_transfer = s->max_transfer;
    }
    if (s->opt_write_zero) {
        bs->bl.pwrite_zeroes_alignment = s->opt_write_zero;
    }
    if (s->max_write_zero) {
        bs->bl.max_pwrite_zeroes = s->max_write_zero;
    }
    if (s->opt_discard) {
        bs->bl.pdiscard_alignment = s->opt_discard;
    }
    if (s->max_discard) {
        bs->bl.max_pdiscard = s->max_discard;
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

static int64_t blkdebug_getlength(BlockDriverState *bs)
{
    return bdrv_getlength(bs->file->bs);
}

static int64_t blkdebug_get_allocated_file_size(BlockDriverState *bs)
{
    return -ENOTSUP;
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

    if (ret < 0) {
        return ret;
    }
    *pnum = bytes;
    *map = offset;
    *file = bs->file->bs;
    return BDRV_BLOCK_RAW | BDRV_BLOCK_OFFSET_VALID;
}

/* ---- debugging ---------------------------------------------------------- */

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
    .bdrv_reopen_prepare = blkdebug_reopen_prepare,
    .bdrv_child_perm = bdrv_filter_default_perms,
    .bdrv_refresh_limits = blkdebug_refresh_limits,
    .bdrv_refresh_filename = blkdebug_refresh_filename,
    .bdrv_getlength = blkdebug_getlength,
    .bdrv_get_allocated_file_size = blkdebug_get_allocated_file_size,

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
