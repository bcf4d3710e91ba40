/* SPDX-License-Identifier: MIT */
/*
 * Protocols as a stranger writes them for QEMU 5.0, under the names of two of
 * ours: "null-co" and "null-aio", which forget what is written and read nothing
 * or zeroes, at once or later, by coroutines and by callbacks.  They guard what
 * such drivers use, and that a foreign driver can have a name of ours.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qstring.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "qemu/units.h"
#include "block/block_int.h"
#include "sysemu/replay.h"

#define OPT_LATENCY "latency-ns"
#define OPT_ZEROES  "read-zeroes"

typedef struct {
    int64_t length;
    int64_t latency_ns;
    bool read_zeroes;
} ForeignNull;

static QemuOptsList null_opts = {
    .name = "foreign-null",
    .head = QTAILQ_HEAD_INITIALIZER(null_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "length of the disk",
            .def_value_str = "1G",
        },
        {
            .name = OPT_LATENCY,
            .type = QEMU_OPT_NUMBER,
            .help = "nanoseconds that each request takes",
        },
        {
            .name = OPT_ZEROES,
            .type = QEMU_OPT_BOOL,
            .help = "reads are zeroes",
        },
        { /* end of list */ }
    },
};

static void null_co_parse(const char *filename, QDict *options, Error **errp)
{
    if (strcmp(filename, "null-co://")) {
        error_setg(errp, "The only name of this driver is 'null-co://'");
    }
}

static void null_aio_parse(const char *filename, QDict *options, Error **errp)
{
    if (strcmp(filename, "null-aio://")) {
        error_setg(errp, "The only name of this driver is 'null-aio://'");
    }
}

static int null_file_open(BlockDriverState *bs, QDict *options, int flags,
                          Error **errp)
{
    ForeignNull *s = bs->opaque;
    QemuOpts *opts = qemu_opts_create(&null_opts, NULL, 0, &error_abort);
    Error *local_err = NULL;

    qemu_opts_absorb_qdict(opts, options, &local_err);
    s->length = qemu_opt_get_size(opts, BLOCK_OPT_SIZE, 0);
    s->latency_ns = qemu_opt_get_number(opts, OPT_LATENCY, 0);
    s->read_zeroes = qemu_opt_get_bool(opts, OPT_ZEROES, false);
    qemu_opts_del(opts);
    if (local_err) {
        error_propagate(errp, local_err);
        return -EINVAL;
    }
    if (s->latency_ns < 0) {
        error_setg(errp, "A request takes no time below 0");
        return -EINVAL;
    }
    bs->supported_write_flags = BDRV_REQ_FUA;
    return 0;
}

static int64_t null_getlength(BlockDriverState *bs)
{
    ForeignNull *s = bs->opaque;

    return s->length;
}

static int null_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                               Error **errp)
{
    return 0;
}

static void null_fill(BlockDriverState *bs, QEMUIOVector *qiov)
{
    ForeignNull *s = bs->opaque;

    if (s->read_zeroes) {
        qemu_iovec_memset(qiov, 0, 0, qiov->size);
    }
}

/* ---- by coroutines ---- */

static int coroutine_fn null_co_wait(BlockDriverState *bs)
{
    ForeignNull *s = bs->opaque;

    if (s->latency_ns) {
        qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, s->latency_ns);
    }
    return 0;
}

static int coroutine_fn null_co_preadv(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags)
{
    null_fill(bs, qiov);
    return null_co_wait(bs);
}

static int coroutine_fn null_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                        uint64_t bytes, QEMUIOVector *qiov,
                                        int flags)
{
    assert(!(flags & ~BDRV_REQ_FUA));
    return null_co_wait(bs);
}

/* ---- by callbacks ---- */

typedef struct {
    BlockAIOCB common;
    QEMUTimer timer;
} NullRequest;

static const AIOCBInfo null_request_info = {
    .aiocb_size = sizeof(NullRequest),
};

static void null_request_done(void *opaque)
{
    NullRequest *req = opaque;

    req->common.cb(req->common.opaque, 0);
    qemu_aio_unref(req);
}

static void null_request_timer(void *opaque)
{
    NullRequest *req = opaque;

    timer_deinit(&req->timer);
    null_request_done(req);
}

static BlockAIOCB *null_request(BlockDriverState *bs, BlockCompletionFunc *cb,
                                void *opaque)
{
    ForeignNull *s = bs->opaque;
    NullRequest *req = qemu_aio_get(&null_request_info, bs, cb, opaque);
    AioContext *ctx = bdrv_get_aio_context(bs);

    if (s->latency_ns) {
        aio_timer_init(ctx, &req->timer, QEMU_CLOCK_REALTIME, SCALE_NS,
                       null_request_timer, req);
        timer_mod_ns(&req->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) +
                                  s->latency_ns);
    } else {
        replay_bh_schedule_oneshot_event(ctx, null_request_done, req);
    }
    return &req->common;
}

static BlockAIOCB *null_aio_preadv(BlockDriverState *bs, uint64_t offset,
                                   uint64_t bytes, QEMUIOVector *qiov,
                                   int flags, BlockCompletionFunc *cb,
                                   void *opaque)
{
    null_fill(bs, qiov);
    return null_request(bs, cb, opaque);
}

static BlockAIOCB *null_aio_pwritev(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    int flags, BlockCompletionFunc *cb,
                                    void *opaque)
{
    return null_request(bs, cb, opaque);
}

static BlockAIOCB *null_aio_flush(BlockDriverState *bs,
                                  BlockCompletionFunc *cb, void *opaque)
{
    return null_request(bs, cb, opaque);
}

/* ---- both ---- */

static int coroutine_fn null_co_block_status(BlockDriverState *bs,
                                             bool want_zero, int64_t offset,
                                             int64_t bytes, int64_t *pnum,
                                             int64_t *map,
                                             BlockDriverState **file)
{
    ForeignNull *s = bs->opaque;

    *pnum = bytes;
    *map = offset;
    *file = bs;
    return BDRV_BLOCK_OFFSET_VALID | (s->read_zeroes ? BDRV_BLOCK_ZERO : 0);
}

static void null_refresh_filename(BlockDriverState *bs)
{
    const QDictEntry *e;

    for (e = qdict_first(bs->full_open_options); e;
         e = qdict_next(bs->full_open_options, e)) {
        const char *key = qdict_entry_key(e);

        if (strcmp(key, "filename") && strcmp(key, "driver")) {
            return;
        }
    }
    snprintf(bs->exact_filename, sizeof(bs->exact_filename), "%s://",
             bs->drv->format_name);
}

static const char *const null_strong_opts[] = {
    BLOCK_OPT_SIZE,
    OPT_ZEROES,

    NULL
};

static BlockDriver foreign_null_co = {
    .format_name            = "null-co",
    .protocol_name          = "null-co",
    .instance_size          = sizeof(ForeignNull),
    .bdrv_file_open         = null_file_open,
    .bdrv_parse_filename    = null_co_parse,
    .bdrv_getlength         = null_getlength,
    .bdrv_co_preadv         = null_co_preadv,
    .bdrv_co_pwritev        = null_co_pwritev,
    .bdrv_co_flush_to_disk  = null_co_wait,
    .bdrv_reopen_prepare    = null_reopen_prepare,
    .bdrv_co_block_status   = null_co_block_status,
    .bdrv_refresh_filename  = null_refresh_filename,
    .strong_runtime_opts    = null_strong_opts,
};

static BlockDriver foreign_null_aio = {
    .format_name            = "null-aio",
    .protocol_name          = "null-aio",
    .instance_size          = sizeof(ForeignNull),
    .bdrv_file_open         = null_file_open,
    .bdrv_parse_filename    = null_aio_parse,
    .bdrv_getlength         = null_getlength,
    .bdrv_aio_preadv        = null_aio_preadv,
    .bdrv_aio_pwritev       = null_aio_pwritev,
    .bdrv_aio_flush         = null_aio_flush,
    .bdrv_reopen_prepare    = null_reopen_prepare,
    .bdrv_co_block_status   = null_co_block_status,
    .bdrv_refresh_filename  = null_refresh_filename,
    .strong_runtime_opts    = null_strong_opts,
};

static void foreign_null_init(void)
{
    bdrv_register(&foreign_null_co);
    bdrv_register(&foreign_null_aio);
}

block_init(foreign_null_init);
