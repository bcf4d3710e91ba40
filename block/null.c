/* SPDX-License-Identifier: MIT */
/*
 * The null drivers: an image that forgets what is written.  null-co answers
 * from a coroutine, null-aio by completion callbacks.
 *
 * Invariants:
 *   - Nothing is stored; a read leaves the buffer as it is, or zeroes it with
 *     read-zeroes=on.
 *   - With latency-ns every request takes at least that long.
 *   - A completion callback runs from the loop, never before the request
 *     function has returned.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "qemu/units.h"
#include "sysemu/replay.h"

#define NULL_OPT_LATENCY "latency-ns"
#define NULL_OPT_ZEROES  "read-zeroes"

typedef struct BDRVNullState {
    int64_t length;      /* bytes */
    int64_t latency_ns;
    bool read_zeroes;
} BDRVNullState;

static QemuOptsList null_runtime_opts = {
    .name = "null",
    .head = QTAILQ_HEAD_INITIALIZER(null_runtime_opts.head),
    .desc = {
        /* Size of the null block. */
        { .name = BLOCK_OPT_SIZE, .type = QEMU_OPT_SIZE },
        /* Nanoseconds that each request takes. */
        { .name = NULL_OPT_LATENCY, .type = QEMU_OPT_NUMBER },
        /* Return zeroes when read. */
        { .name = NULL_OPT_ZEROES, .type = QEMU_OPT_BOOL },
        { /* end of list */ }
    },
};

static const char *const null_strong_runtime_opts[] = {
    BLOCK_OPT_SIZE, NULL_OPT_ZEROES, NULL
};

/* ---- open --------------------------------------------------------------- */

/* The name says nothing but which driver is meant. */
static void null_check_filename(const char *filename, const char *only,
                                Error **errp)
{
    if (strcmp(filename, only)) {
        error_setg(errp, "The only allowed filename for this driver is '%s'",
                   only);
    }
}

static void null_co_parse_filename(const char *filename, QDict *options,
                                   Error **errp)
{
    null_check_filename(filename, "null-co://", errp);
}

static void null_aio_parse_filename(const char *filename, QDict *options,
                                    Error **errp)
{
    null_check_filename(filename, "null-aio://", errp);
}

static int null_file_open(BlockDriverState *bs, QDict *options, int flags,
                          Error **errp)
{
    QemuOpts *opts = qemu_opts_create(&null_runtime_opts, NULL, 0,
                                      &error_abort);
    BDRVNullState *s = bs->opaque;
    Error *local_err = NULL;
    uint64_t length, latency;

    qemu_opts_absorb_qdict(opts, options, &local_err);
    length = qemu_opt_get_size(opts, BLOCK_OPT_SIZE, 1 * GiB);
    latency = qemu_opt_get_number(opts, NULL_OPT_LATENCY, 0);
    s->read_zeroes = qemu_opt_get_bool(opts, NULL_OPT_ZEROES, false);
    qemu_opts_del(opts);
    if (local_err) {
        error_propagate(errp, local_err);
        return -EINVAL;
    }
    if (length > INT64_MAX - BDRV_SECTOR_SIZE) {
        error_setg(errp, "size is invalid");
        return -EINVAL;
    }
    if (latency > INT64_MAX) {
        error_setg(errp, "latency-ns is invalid");
        return -EINVAL;
    }
    s->length = length;
    s->latency_ns = latency;
    bs->supported_write_flags = BDRV_REQ_FUA;
    return 0;
}

/* No option can change, and the layer refuses what is left of them. */
static int null_reopen_prepare(BDRVReopenState *state,
                               BlockReopenQueue *queue, Error **errp)
{
    return 0;
}

/* A plain name says nothing but which driver, so options make it incomplete. */
static void null_refresh_filename(BlockDriverState *bs)
{
    const QDictEntry *e;

    for (e = qdict_first(bs->full_open_options); e;
         e = qdict_next(bs->full_open_options, e)) {
        const char *key = qdict_entry_key(e);

        if (strcmp(key, "driver") && strcmp(key, "filename")) {
            return;
        }
    }
    snprintf(bs->exact_filename, sizeof(bs->exact_filename), "%s://",
             bs->drv->format_name);
}

/* ---- questions ---------------------------------------------------------- */

static int64_t null_getlength(BlockDriverState *bs)
{
    BDRVNullState *s = bs->opaque;

    return s->length;
}

static int64_t null_get_allocated_file_size(BlockDriverState *bs)
{
    return 0;
}

/*
 * Without read-zeroes the bytes are whatever the buffer held, so it is neither
 * data nor zero.
 */
static int coroutine_fn null_co_block_status(BlockDriverState *bs,
                                             bool want_zero, int64_t offset,
                                             int64_t bytes, int64_t *pnum,
                                             int64_t *map,
                                             BlockDriverState **file)
{
    BDRVNullState *s = bs->opaque;

    *pnum = bytes;
    *map = offset;
    *file = bs;
    return BDRV_BLOCK_OFFSET_VALID | (s->read_zeroes ? BDRV_BLOCK_ZERO : 0);
}

/* ---- requests in coroutines --------------------------------------------- */

static int coroutine_fn null_co_wait(BlockDriverState *bs)
{
    BDRVNullState *s = bs->opaque;

    if (s->latency_ns) {
        qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, s->latency_ns);
    }
    return 0;
}

static void null_fill(BlockDriverState *bs, QEMUIOVector *qiov, uint64_t bytes)
{
    BDRVNullState *s = bs->opaque;

    if (s->read_zeroes) {
        qemu_iovec_memset(qiov, 0, 0, bytes);
    }
}

static int coroutine_fn null_co_preadv(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags)
{
    null_fill(bs, qiov, bytes);
    return null_co_wait(bs);
}

static int coroutine_fn null_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                        uint64_t bytes, QEMUIOVector *qiov,
                                        int flags)
{
    return null_co_wait(bs);
}

/* ---- requests with callbacks -------------------------------------------- */

typedef struct NullAIOCB {
    BlockAIOCB common;
    QEMUTimer timer;
} NullAIOCB;

static const AIOCBInfo null_aiocb_info = {
    .aiocb_size = sizeof(NullAIOCB),
};

/* The reference goes last, because the callback may look at the request. */
static void null_complete(NullAIOCB *acb)
{
    acb->common.cb(acb->common.opaque, 0);
    qemu_aio_unref(acb);
}

static void null_bh_cb(void *opaque)
{
    null_complete(opaque);
}

static void null_timer_cb(void *opaque)
{
    NullAIOCB *acb = opaque;

    timer_deinit(&acb->timer);
    null_complete(acb);
}

/* A latency beyond the clock's range waits as long as the clock can say. */
static BlockAIOCB *null_aio_start(BlockDriverState *bs,
                                  BlockCompletionFunc *cb, void *opaque)
{
    BDRVNullState *s = bs->opaque;
    AioContext *ctx = bdrv_get_aio_context(bs);
    NullAIOCB *acb = qemu_aio_get(&null_aiocb_info, bs, cb, opaque);

    if (s->latency_ns) {
        int64_t now = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);

        aio_timer_init(ctx, &acb->timer, QEMU_CLOCK_REALTIME, SCALE_NS,
                       null_timer_cb, acb);
        timer_mod_ns(&acb->timer, s->latency_ns > INT64_MAX - now
                                  ? INT64_MAX : now + s->latency_ns);
    } else {
        replay_bh_schedule_oneshot_event(ctx, null_bh_cb, acb);
    }
    return &acb->common;
}

static BlockAIOCB *null_aio_preadv(BlockDriverState *bs, uint64_t offset,
                                   uint64_t bytes, QEMUIOVector *qiov,
                                   int flags, BlockCompletionFunc *cb,
                                   void *opaque)
{
    null_fill(bs, qiov, bytes);
    return null_aio_start(bs, cb, opaque);
}

static BlockAIOCB *null_aio_pwritev(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    int flags, BlockCompletionFunc *cb,
                                    void *opaque)
{
    return null_aio_start(bs, cb, opaque);
}

/* ---- tables ------------------------------------------------------------- */

static BlockDriver bdrv_null_co = {
    .format_name = "null-co",
    .protocol_name = "null-co",
    .instance_size = sizeof(BDRVNullState),

    .bdrv_file_open = null_file_open,
    .bdrv_parse_filename = null_co_parse_filename,
    .bdrv_getlength = null_getlength,
    .bdrv_get_allocated_file_size = null_get_allocated_file_size,

    .bdrv_co_preadv = null_co_preadv,
    .bdrv_co_pwritev = null_co_pwritev,
    .bdrv_co_flush_to_disk = null_co_wait,
    .bdrv_reopen_prepare = null_reopen_prepare,
    .bdrv_co_block_status = null_co_block_status,

    .bdrv_refresh_filename = null_refresh_filename,
    .strong_runtime_opts = null_strong_runtime_opts,
};

static BlockDriver bdrv_null_aio = {
    .format_name = "null-aio",
    .protocol_name = "null-aio",
    .instance_size = sizeof(BDRVNullState),

    .bdrv_file_open = null_file_open,
    .bdrv_parse_filename = null_aio_parse_filename,
    .bdrv_getlength = null_getlength,
    .bdrv_get_allocated_file_size = null_get_allocated_file_size,

    .bdrv_aio_preadv = null_aio_preadv,
    .bdrv_aio_pwritev = null_aio_pwritev,
    .bdrv_aio_flush = null_aio_start,
    .bdrv_reopen_prepare = null_reopen_prepare,
    .bdrv_co_block_status = null_co_block_status,

    .bdrv_refresh_filename = null_refresh_filename,
    .strong_runtime_opts = null_strong_runtime_opts,
};

static void bdrv_null_init(void)
{
    bdrv_register(&bdrv_null_co);
    bdrv_register(&bdrv_null_aio);
}

block_init(bdrv_null_init);
