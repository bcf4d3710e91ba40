/* SPDX-License-Identifier: MIT */
/*
 * A protocol as a stranger writes it for QEMU 5.0: "faio", memory read and
 * written by callbacks, at once from a bottom half or later from a timer.  It
 * guards the callback interface, timers, and protocols' names.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qstring.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "qemu/cutils.h"
#include "block/block_int.h"
#include "sysemu/replay.h"

#define FAIO_OPT_LATENCY "latency-ns"
#define FAIO_OPT_SIZE    "size"

typedef struct {
    int64_t length;
    int64_t latency_ns;
    uint8_t *data;
} BDRVFAioState;

typedef struct {
    BlockAIOCB common;
    QEMUTimer timer;
} FAioRequest;

static QemuOptsList faio_opts = {
    .name = "faio",
    .head = QTAILQ_HEAD_INITIALIZER(faio_opts.head),
    .desc = {
        {
            .name = FAIO_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "size of the memory",
        },
        {
            .name = FAIO_OPT_LATENCY,
            .type = QEMU_OPT_NUMBER,
            .help = "nanoseconds that each request takes",
        },
        { /* end of list */ }
    },
};

static void faio_parse_filename(const char *filename, QDict *options,
                                Error **errp)
{
    if (strcmp(filename, "faio://")) {
        error_setg(errp, "The only name of this driver is 'faio://'");
    }
}

static int faio_file_open(BlockDriverState *bs, QDict *options, int flags,
                          Error **errp)
{
    BDRVFAioState *s = bs->opaque;
    QemuOpts *opts;
    int ret = 0;

    opts = qemu_opts_create(&faio_opts, NULL, 0, &error_abort);
    qemu_opts_absorb_qdict(opts, options, &error_abort);
    s->length = qemu_opt_get_size(opts, FAIO_OPT_SIZE, 64 * 1024);
    s->latency_ns = qemu_opt_get_number(opts, FAIO_OPT_LATENCY, 0);
    if (s->latency_ns < 0) {
        error_setg(errp, "A request takes no time below 0");
        ret = -EINVAL;
    }
    qemu_opts_del(opts);
    bs->supported_write_flags = BDRV_REQ_FUA;
    if (ret == 0) {
        s->data = g_try_malloc0(s->length);
        ret = s->data ? 0 : -ENOMEM;
    }
    return ret;
}

static void faio_close(BlockDriverState *bs)
{
    BDRVFAioState *s = bs->opaque;

    g_free(s->data);
}

static int64_t faio_getlength(BlockDriverState *bs)
{
    BDRVFAioState *s = bs->opaque;

    return s->length;
}

static const AIOCBInfo faio_aiocb_info = {
    .aiocb_size = sizeof(FAioRequest),
};

static void faio_bh_cb(void *opaque)
{
    FAioRequest *acb = opaque;

    acb->common.cb(acb->common.opaque, 0);
    qemu_aio_unref(acb);
}

static void faio_timer_cb(void *opaque)
{
    FAioRequest *acb = opaque;

    acb->common.cb(acb->common.opaque, 0);
    timer_deinit(&acb->timer);
    qemu_aio_unref(acb);
}

static inline BlockAIOCB *faio_common(BlockDriverState *bs,
                                      BlockCompletionFunc *cb, void *opaque)
{
    FAioRequest *acb;
    BDRVFAioState *s = bs->opaque;

    acb = qemu_aio_get(&faio_aiocb_info, bs, cb, opaque);
    if (s->latency_ns) {
        aio_timer_init(bdrv_get_aio_context(bs), &acb->timer,
                       QEMU_CLOCK_REALTIME, SCALE_NS, faio_timer_cb, acb);
        timer_mod_ns(&acb->timer,
                     qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + s->latency_ns);
    } else {
        replay_bh_schedule_oneshot_event(bdrv_get_aio_context(bs), faio_bh_cb,
                                         acb);
    }
    return &acb->common;
}

static BlockAIOCB *faio_preadv(BlockDriverState *bs, uint64_t offset,
                               uint64_t bytes, QEMUIOVector *qiov, int flags,
                               BlockCompletionFunc *cb, void *opaque)
{
    BDRVFAioState *s = bs->opaque;

    qemu_iovec_from_buf(qiov, 0, s->data + offset, bytes);
    return faio_common(bs, cb, opaque);
}

static BlockAIOCB *faio_pwritev(BlockDriverState *bs, uint64_t offset,
                                uint64_t bytes, QEMUIOVector *qiov, int flags,
                                BlockCompletionFunc *cb, void *opaque)
{
    BDRVFAioState *s = bs->opaque;

    if (offset + bytes > s->length) {
        return NULL;
    }
    qemu_iovec_to_buf(qiov, 0, s->data + offset, bytes);
    return faio_common(bs, cb, opaque);
}

static BlockAIOCB *faio_flush(BlockDriverState *bs, BlockCompletionFunc *cb,
                              void *opaque)
{
    return faio_common(bs, cb, opaque);
}

static int faio_reopen_prepare(BDRVReopenState *reopen_state,
                               BlockReopenQueue *queue, Error **errp)
{
    return 0;
}

static int coroutine_fn faio_co_block_status(BlockDriverState *bs,
                                             bool want_zero, int64_t offset,
                                             int64_t bytes, int64_t *pnum,
                                             int64_t *map,
                                             BlockDriverState **file)
{
    *pnum = bytes;
    *map = offset;
    *file = bs;
    return BDRV_BLOCK_OFFSET_VALID;
}

static void faio_refresh_filename(BlockDriverState *bs)
{
    const QDictEntry *e;

    for (e = qdict_first(bs->full_open_options); e;
         e = qdict_next(bs->full_open_options, e))
    {
        /* These options can be ignored */
        if (strcmp(qdict_entry_key(e), "filename") &&
            strcmp(qdict_entry_key(e), "driver"))
        {
            return;
        }
    }
    pstrcpy(bs->exact_filename, sizeof(bs->exact_filename), "faio://");
}

static const char *const faio_strong_opts[] = {
    FAIO_OPT_SIZE,

    NULL
};

static BlockDriver bdrv_faio = {
    .format_name            = "faio",
    .protocol_name          = "faio",
    .instance_size          = sizeof(BDRVFAioState),

    .bdrv_file_open         = faio_file_open,
    .bdrv_close             = faio_close,
    .bdrv_parse_filename    = faio_parse_filename,
    .bdrv_getlength         = faio_getlength,

    .bdrv_aio_preadv        = faio_preadv,
    .bdrv_aio_pwritev       = faio_pwritev,
    .bdrv_aio_flush         = faio_flush,
    .bdrv_reopen_prepare    = faio_reopen_prepare,

    .bdrv_co_block_status   = faio_co_block_status,

    .bdrv_refresh_filename  = faio_refresh_filename,
    .strong_runtime_opts    = faio_strong_opts,
};

static void bdrv_faio_init(void)
{
    bdrv_register(&bdrv_faio);
}

block_init(bdrv_faio_init);
