/* SPDX-License-Identifier: MIT */
/*
 * The driver `volatile-cache`: a disk whose writes a power cut may lose, see
 * minblk/volatile-cache.h.
 *
 * Invariants:
 *   - The child changes in flushes only, entry after entry; an entry leaves the
 *     log when the child was flushed after it, so that the log over the child
 *     is what was written, at any time.
 *   - A read whose child was flushed meanwhile reads it again: the entries that
 *     left the log may not have been there yet.
 *   - The child's length is the log's old_length while no flush is under way.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/cutils.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "volatile-log.h"

typedef struct BDRVVolatileCacheState {
    VolatileLog *log;
    unsigned settled;           /* how often entries have left the log */
    VolatileFlushHook *hook;
    void *hook_opaque;
} BDRVVolatileCacheState;

/* What nodes that are opened begin with. */
static VolatileFlushHook *first_hook;
static void *first_hook_opaque;

static BlockDriver bdrv_volatile_cache;

static QemuOptsList volatile_cache_runtime_opts = {
    .name = "volatile-cache",
    .head = QTAILQ_HEAD_INITIALIZER(volatile_cache_runtime_opts.head),
    .desc = {
        /* The filename of `file`. */
        { .name = "x-file", .type = QEMU_OPT_STRING },
        { /* end of list */ }
    },
};

/* No options: the file has those that it needs. */
static QemuOptsList volatile_cache_create_opts = {
    .name = "volatile-cache-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(volatile_cache_create_opts.head),
    .desc = { { /* end of list */ } },
};

/* ---- open, create ------------------------------------------------------- */

static void volatile_cache_parse_filename(const char *filename, QDict *options,
                                          Error **errp)
{
    if (!strstart(filename, "volatile-cache:", &filename)) {
        error_setg(errp, "The name of a volatile cache is "
                   "'volatile-cache:FILENAME'");
        return;
    }
    qdict_put_str(options, "x-file", filename);
}

static int coroutine_fn volatile_cache_co_create_opts(BlockDriver *drv,
                                                      const char *filename,
                                                      QemuOpts *opts,
                                                      Error **errp)
{
    strstart(filename, "volatile-cache:", &filename);
    return bdrv_create_file(filename, opts, errp);
}

/*
 * FUA is not offered: it would be a flush, which the layer then sends itself.
 */
static int volatile_cache_open(BlockDriverState *bs, QDict *options, int flags,
                               Error **errp)
{
    BDRVVolatileCacheState *s = bs->opaque;
    g_autoptr(QemuOpts) opts =
        bdrv_absorb_options(&volatile_cache_runtime_opts, options, errp);
    int64_t length;

    if (!opts) {
        return -EINVAL;
    }
    bs->file = bdrv_open_child(qemu_opt_get(opts, "x-file"), options, "file",
                               bs, &child_file, false, errp);
    if (!bs->file) {
        return -EINVAL;
    }
    length = bdrv_getlength(bs->file->bs);
    if (length < 0) {
        error_setg_errno(errp, -length, "Could not get the length of the file");
        return length;
    }
    s->log = volatile_log_new(length,
                              !bdrv_has_zero_init_truncate(bs->file->bs));
    s->hook = first_hook;
    s->hook_opaque = first_hook_opaque;
    bs->supported_zero_flags = (BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK) &
                               bs->file->bs->supported_zero_flags;
    return 0;
}

static void volatile_cache_close(BlockDriverState *bs)
{
    BDRVVolatileCacheState *s = bs->opaque;

    volatile_log_free(s->log);
}

static void volatile_cache_refresh_filename(BlockDriverState *bs)
{
    /* No plain name opens the cache together with its file. */
}

static int64_t volatile_cache_getlength(BlockDriverState *bs)
{
    BDRVVolatileCacheState *s = bs->opaque;

    return s->log->length;
}

/* ---- requests ----------------------------------------------------------- */

/* Lets others go on; what follows happens in one go. */
static coroutine_fn VolatileLog *begin(BlockDriverState *bs)
{
    BDRVVolatileCacheState *s = bs->opaque;

    aio_co_schedule(bdrv_get_aio_context(bs), qemu_coroutine_self());
    qemu_coroutine_yield();
    return s->log;
}

static int coroutine_fn volatile_cache_co_preadv(BlockDriverState *bs,
                                                 uint64_t offset,
                                                 uint64_t bytes,
                                                 QEMUIOVector *qiov, int flags)
{
    BDRVVolatileCacheState *s = bs->opaque;
    unsigned settled;
    int ret;

    begin(bs);
    do {
        settled = s->settled;
        ret = bdrv_co_preadv(bs->file, offset, bytes, qiov, flags);
        if (ret < 0) {
            return ret;
        }
    } while (settled != s->settled);
    volatile_log_overlay(s->log, offset, qiov);
    return 0;
}

static int coroutine_fn volatile_cache_co_pwritev(BlockDriverState *bs,
                                                  uint64_t offset,
                                                  uint64_t bytes,
                                                  QEMUIOVector *qiov,
                                                  int flags)
{
    volatile_log_write(begin(bs), offset, qiov);
    return 0;
}

static int coroutine_fn volatile_cache_co_pwrite_zeroes(BlockDriverState *bs,
                                                        int64_t offset,
                                                        int bytes,
                                                        BdrvRequestFlags flags)
{
    volatile_log_zero(begin(bs), offset, bytes, flags & BDRV_REQ_MAY_UNMAP);
    return 0;
}

/* Past the end there is nothing to discard, and zeroes would make it longer. */
static int coroutine_fn volatile_cache_co_pdiscard(BlockDriverState *bs,
                                                   int64_t offset, int bytes)
{
    VolatileLog *log = begin(bs);

    if (offset < log->length) {
        volatile_log_zero(log, offset, MIN(bytes, log->length - offset),
                          BDRV_REQ_MAY_UNMAP);
    }
    return 0;
}

/*
 * Preallocated space is written as zeroes, because it has to survive, or be
 * lost, as data does.
 */
static int coroutine_fn volatile_cache_co_truncate(BlockDriverState *bs,
                                                   int64_t offset, bool exact,
                                                   PreallocMode prealloc,
                                                   Error **errp)
{
    VolatileLog *log = begin(bs);
    int64_t old_length = log->length;

    if (prealloc == PREALLOC_MODE_METADATA) {
        error_setg(errp, "Unsupported preallocation mode: %s",
                   PreallocMode_str(prealloc));
        return -ENOTSUP;
    }
    volatile_log_truncate(log, offset);
    if (prealloc != PREALLOC_MODE_OFF && offset > old_length) {
        volatile_log_zero(log, old_length, offset - old_length, 0);
    }
    return 0;
}

static int coroutine_fn volatile_cache_co_block_status(
    BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes,
    int64_t *pnum, int64_t *map, BlockDriverState **file)
{
    int ret;

    *pnum = bytes;
    ret = volatile_log_status(begin(bs), offset, pnum);
    if (ret) {
        return ret;
    }
    return bdrv_co_block_status_from_file(bs, want_zero, offset, *pnum, pnum,
                                          map, file);
}

/* ---- flush -------------------------------------------------------------- */

/* Does to the child what @e says. */
static int coroutine_fn write_out(BdrvChild *file, const VolatileEntry *e)
{
    switch (e->kind) {
    case VOLATILE_WRITE:
        return bdrv_co_pwrite(file, e->offset, e->bytes, e->data, 0);
    case VOLATILE_ZERO:
        return bdrv_co_zero_range(file, e->offset, e->bytes, e->flags);
    default:
        return bdrv_co_truncate(file, e->offset, true, PREALLOC_MODE_OFF,
                                NULL);
    }
}

/*
 * Only the entries that were there at the start: what comes while the child is
 * written belongs to the next flush.
 */
static int coroutine_fn volatile_cache_co_flush(BlockDriverState *bs)
{
    BDRVVolatileCacheState *s = bs->opaque;
    VolatileLog *log = begin(bs);
    unsigned count = log->entries->len;
    int ret = 0;

    if (s->hook) {
        s->hook(bs, s->hook_opaque);
    }
    for (unsigned i = 0; i < count && ret == 0; i++) {
        ret = write_out(bs->file, volatile_log_entry(log, i));
    }
    if (ret == 0) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    if (ret == 0) {
        volatile_log_settle(log, count);
        s->settled++;
    }
    return ret;
}

/* ---- what a power cut may leave ----------------------------------------- */

static BDRVVolatileCacheState *state_of(BlockDriverState *bs)
{
    assert(bs->drv == &bdrv_volatile_cache);
    return bs->opaque;
}

void volatile_cache_set_hook(BlockDriverState *bs, VolatileFlushHook *hook,
                             void *opaque)
{
    BDRVVolatileCacheState *s = bs ? state_of(bs) : NULL;

    *(s ? &s->hook : &first_hook) = hook;
    *(s ? &s->hook_opaque : &first_hook_opaque) = opaque;
}

VolatileLog *volatile_cache_log(BlockDriverState *bs)
{
    return volatile_log_copy(state_of(bs)->log);
}

static BlockDriver bdrv_volatile_cache = {
    .format_name = "volatile-cache",
    .protocol_name = "volatile-cache",
    .instance_size = sizeof(BDRVVolatileCacheState),
    .is_filter = true,
    .has_variable_length = true,

    .bdrv_parse_filename = volatile_cache_parse_filename,
    .bdrv_file_open = volatile_cache_open,
    .bdrv_close = volatile_cache_close,
    .bdrv_reopen_prepare = bdrv_reopen_unchanged,
    .bdrv_refresh_filename = volatile_cache_refresh_filename,
    .create_opts = &volatile_cache_create_opts,
    .bdrv_co_create_opts = volatile_cache_co_create_opts,
    .bdrv_getlength = volatile_cache_getlength,

    .bdrv_co_preadv = volatile_cache_co_preadv,
    .bdrv_co_pwritev = volatile_cache_co_pwritev,
    .bdrv_co_pwrite_zeroes = volatile_cache_co_pwrite_zeroes,
    .bdrv_co_pdiscard = volatile_cache_co_pdiscard,
    .bdrv_co_truncate = volatile_cache_co_truncate,
    .bdrv_co_block_status = volatile_cache_co_block_status,
    .bdrv_co_flush = volatile_cache_co_flush,
};

static void bdrv_volatile_cache_init(void)
{
    bdrv_register(&bdrv_volatile_cache);
}

block_init(bdrv_volatile_cache_init);
