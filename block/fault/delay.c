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
#include "minblk/block-extra.h"
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
        /* Decides how long each request waits. */
        { .name = "seed", .type = QEMU_OPT_NUMBER },
        /* Longest wait in nanoseconds, 0 for turns of the loop. */
        { .name = "max-ns", .type = QEMU_OPT_NUMBER },
        { /* end of list */ }
    },
};

static const char *const delay_strong_runtime_opts[] = {
    "seed", "max-ns", NULL
};

/* Whatever the child supports can be passed on, because nothing is changed. */
static int delay_open(BlockDriverState *bs, QDict *options, int flags,
                      Error **errp)
{
    g_autoptr(QemuOpts) opts = NULL;
    BDRVDelayState *s = bs->opaque;
    uint64_t max_ns;

    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    bs->supported_write_flags = bs->file->bs->supported_write_flags;
    bs->supported_zero_flags = bs->file->bs->supported_zero_flags;
    opts = bdrv_absorb_options(&delay_runtime_opts, options, errp);
    if (!opts) {
        return -EINVAL;
    }
    max_ns = qemu_opt_get_number(opts, "max-ns", DEFAULT_MAX_NS);
    if (max_ns > INT32_MAX) {
        error_setg(errp, "max-ns is more than %d", INT32_MAX);
        return -EINVAL;
    }
    s->state = qemu_opt_get_number(opts, "seed", 0);
    s->max_ns = max_ns;
    return 0;
}

static void delay_refresh_filename(BlockDriverState *bs)
{
    /* No plain name opens the filter together with its file. */
}

/* ---- waiting ------------------------------------------------------------ */

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

/* Draws the request's ticket, the next number, and waits if it is before. */
static uint64_t coroutine_fn delay_begin(BlockDriverState *bs)
{
    BDRVDelayState *s = bs->opaque;
    uint64_t x = s->state += 0x9e3779b97f4a7c15;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    x ^= x >> 31;
    delay_wait(bs, x, 0);
    return x;
}

/* Waits if it is after; the result of the request is passed on. */
static int coroutine_fn delay_end(BlockDriverState *bs, uint64_t ticket,
                                  int ret)
{
    delay_wait(bs, ticket, 1);
    return ret;
}

/* ---- requests ----------------------------------------------------------- */

static int coroutine_fn delay_co_preadv(BlockDriverState *bs, uint64_t offset,
                                        uint64_t bytes, QEMUIOVector *qiov,
                                        int flags)
{
    uint64_t ticket = delay_begin(bs);
    int ret = bdrv_co_preadv(bs->file, offset, bytes, qiov, flags);

    return delay_end(bs, ticket, ret);
}

static int coroutine_fn delay_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                         uint64_t bytes, QEMUIOVector *qiov,
                                         int flags)
{
    uint64_t ticket = delay_begin(bs);
    int ret = bdrv_co_pwritev(bs->file, offset, bytes, qiov, flags);

    return delay_end(bs, ticket, ret);
}

static int coroutine_fn delay_co_pwrite_zeroes(BlockDriverState *bs,
                                               int64_t offset, int bytes,
                                               BdrvRequestFlags flags)
{
    uint64_t ticket = delay_begin(bs);
    int ret = bdrv_co_pwrite_zeroes(bs->file, offset, bytes, flags);

    return delay_end(bs, ticket, ret);
}

static int coroutine_fn delay_co_pdiscard(BlockDriverState *bs, int64_t offset,
                                          int bytes)
{
    uint64_t ticket = delay_begin(bs);
    int ret = bdrv_co_pdiscard(bs->file, offset, bytes);

    return delay_end(bs, ticket, ret);
}

static int coroutine_fn delay_co_flush(BlockDriverState *bs)
{
    uint64_t ticket = delay_begin(bs);
    int ret = bdrv_co_flush(bs->file->bs);

    return delay_end(bs, ticket, ret);
}

static BlockDriver bdrv_delay = {
    .format_name = "delay",
    .instance_size = sizeof(BDRVDelayState),
    .is_filter = true,
    .has_variable_length = true,

    .bdrv_open = delay_open,
    .bdrv_reopen_prepare = bdrv_reopen_unchanged,
    .bdrv_refresh_filename = delay_refresh_filename,
    .strong_runtime_opts = delay_strong_runtime_opts,
    .bdrv_child_perm = bdrv_filter_default_perms,
    .bdrv_getlength = bdrv_getlength_from_file,

    .bdrv_co_preadv = delay_co_preadv,
    .bdrv_co_pwritev = delay_co_pwritev,
    .bdrv_co_pwrite_zeroes = delay_co_pwrite_zeroes,
    .bdrv_co_pdiscard = delay_co_pdiscard,
    .bdrv_co_block_status = bdrv_co_block_status_from_file,
    .bdrv_co_flush = delay_co_flush,
};

static void bdrv_delay_init(void)
{
    bdrv_register(&bdrv_delay);
}

block_init(bdrv_delay_init);
