/* SPDX-License-Identifier: MIT */
/*
 * The driver `delay`: a filter (child `file`) whose requests wait for a while,
 * so that they end in another order than they began.
 *
 * Options: `seed` and `max-ns`, the longest wait; 0 counts turns of the event
 * loop instead of nanoseconds, MAX_TURNS at most.
 *
 * Invariants:
 *   - A request waits once, before or after it reaches the child; both, and how
 *     long, follow from the seed and the number of the request alone.
 *   - The wait is part of the request: drain waits for it.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "qemu/option.h"

#define DEFAULT_MAX_NS 200000
#define MAX_TURNS 16

typedef struct BDRVDelayState {
    uint64_t state;             /* of the generator */
    int64_t max_ns;
} BDRVDelayState;

static QemuOptsList delay_runtime_opts = {
    .name = "delay",
    .head = QTAILQ_HEAD_INITIALIZER(delay_runtime_opts.head),
    .desc = {
        {
            .name = "seed",
            .type = QEMU_OPT_NUMBER,
            .help = "decides how long each request waits",
        },
        {
            .name = "max-ns",
            .type = QEMU_OPT_NUMBER,
            .help = "longest wait in nanoseconds, 0 for turns of the loop",
        },
        { /* end of list */ }
    },
};

static const char *const delay_strong_runtime_opts[] = {
    "seed", "max-ns", NULL
};

static int delay_read_options(BDRVDelayState *s, QDict *options, Error **errp)
{
    QemuOpts *opts = qemu_opts_create(&delay_runtime_opts, NULL, 0,
                                      &error_abort);
    Error *local_err = NULL;
    uint64_t max_ns = 0;

    qemu_opts_absorb_qdict(opts, options, &local_err);
    if (!local_err) {
        s->state = qemu_opt_get_number(opts, "seed", 0);
        max_ns = qemu_opt_get_number(opts, "max-ns", DEFAULT_MAX_NS);
        if (max_ns > INT32_MAX) {
            error_setg(&local_err, "max-ns is more than %d", INT32_MAX);
        }
        s->max_ns = max_ns;
    }
    qemu_opts_del(opts);
    if (local_err) {
        error_propagate(errp, local_err);
        return -EINVAL;
    }
    return 0;
}

static int delay_open(BlockDriverState *bs, QDict *options, int flags,
                      Error **errp)
{
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    bs->supported_write_flags = bs->file->bs->supported_write_flags;
    bs->supported_zero_flags = bs->file->bs->supported_zero_flags;
    return delay_read_options(bs->opaque, options, errp);
}

static int delay_reopen_prepare(BDRVReopenState *state,
                                BlockReopenQueue *queue, Error **errp)
{
    return 0;
}

static void delay_refresh_filename(BlockDriverState *bs)
{
    /* No plain name opens the filter together with its file. */
}

static int64_t delay_getlength(BlockDriverState *bs)
{
    return bdrv_getlength(bs->file->bs);
}

/* ---- waiting ------------------------------------------------------------ */

/* The next number of the request's node. */
static uint64_t delay_next(BlockDriverState *bs)
{
    BDRVDelayState *s = bs->opaque;
    uint64_t x = s->state += 0x9e3779b97f4a7c15;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/* Waits if the lowest bit of @ticket is @turn; the other bits say how long. */
static void coroutine_fn delay_wait(BlockDriverState *bs, uint64_t ticket,
                                    unsigned turn)
{
    BDRVDelayState *s = bs->opaque;

    if ((ticket & 1) != turn) {
        return;
    }
    ticket >>= 1;
    if (s->max_ns) {
        qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, 1 + ticket % s->max_ns);
        return;
    }
    for (unsigned i = ticket % MAX_TURNS + 1; i > 0; i--) {
        aio_co_schedule(bdrv_get_aio_context(bs), qemu_coroutine_self());
        qemu_coroutine_yield();
    }
}

/* ---- requests ----------------------------------------------------------- */

static int coroutine_fn delay_co_preadv(BlockDriverState *bs, uint64_t offset,
                                        uint64_t bytes, QEMUIOVector *qiov,
                                        int flags)
{
    uint64_t ticket = delay_next(bs);
    int ret;

    delay_wait(bs, ticket, 0);
    ret = bdrv_co_preadv(bs->file, offset, bytes, qiov, flags);
    delay_wait(bs, ticket, 1);
    return ret;
}

static int coroutine_fn delay_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                         uint64_t bytes, QEMUIOVector *qiov,
                                         int flags)
{
    uint64_t ticket = delay_next(bs);
    int ret;

    delay_wait(bs, ticket, 0);
    ret = bdrv_co_pwritev(bs->file, offset, bytes, qiov, flags);
    delay_wait(bs, ticket, 1);
    return ret;
}

static int coroutine_fn delay_co_pwrite_zeroes(BlockDriverState *bs,
                                               int64_t offset, int bytes,
                                               BdrvRequestFlags flags)
{
    uint64_t ticket = delay_next(bs);
    int ret;

    delay_wait(bs, ticket, 0);
    ret = bdrv_co_pwrite_zeroes(bs->file, offset, bytes, flags);
    delay_wait(bs, ticket, 1);
    return ret;
}

static int coroutine_fn delay_co_pdiscard(BlockDriverState *bs, int64_t offset,
                                          int bytes)
{
    uint64_t ticket = delay_next(bs);
    int ret;

    delay_wait(bs, ticket, 0);
    ret = bdrv_co_pdiscard(bs->file, offset, bytes);
    delay_wait(bs, ticket, 1);
    return ret;
}

static int coroutine_fn delay_co_flush(BlockDriverState *bs)
{
    uint64_t ticket = delay_next(bs);
    int ret;

    delay_wait(bs, ticket, 0);
    ret = bdrv_co_flush(bs->file->bs);
    delay_wait(bs, ticket, 1);
    return ret;
}

static int coroutine_fn delay_co_block_status(BlockDriverState *bs,
                                              bool want_zero, int64_t offset,
                                              int64_t bytes, int64_t *pnum,
                                              int64_t *map,
                                              BlockDriverState **file)
{
    *pnum = bytes;
    *map = offset;
    *file = bs->file->bs;
    return BDRV_BLOCK_RAW | BDRV_BLOCK_OFFSET_VALID;
}

static BlockDriver bdrv_delay = {
    .format_name = "delay",
    .instance_size = sizeof(BDRVDelayState),
    .is_filter = true,
    .has_variable_length = true,

    .bdrv_open = delay_open,
    .bdrv_reopen_prepare = delay_reopen_prepare,
    .bdrv_refresh_filename = delay_refresh_filename,
    .strong_runtime_opts = delay_strong_runtime_opts,
    .bdrv_child_perm = bdrv_filter_default_perms,
    .bdrv_getlength = delay_getlength,

    .bdrv_co_preadv = delay_co_preadv,
    .bdrv_co_pwritev = delay_co_pwritev,
    .bdrv_co_pwrite_zeroes = delay_co_pwrite_zeroes,
    .bdrv_co_pdiscard = delay_co_pdiscard,
    .bdrv_co_block_status = delay_co_block_status,
    .bdrv_co_flush = delay_co_flush,
};

static void bdrv_delay_init(void)
{
    bdrv_register(&bdrv_delay);
}

block_init(bdrv_delay_init);
