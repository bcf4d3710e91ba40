/* SPDX-License-Identifier: MIT */
/*
 * Two drivers for tests of draining and of BlockBackends: `gate`, a disk in
 * memory whose requests wait behind a gate that the test closes and opens, and
 * `pass`, which hands everything on to its file child.
 *
 * Invariant: opening a gate from the loop lets requests finish that a poll
 * waits for; a test that never opens it hangs, and so fails.
 */
#ifndef TESTS_UNIT_GATE_DRIVER_H
#define TESTS_UNIT_GATE_DRIVER_H

#include "block/core/graph/graph.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "sysemu/block-backend.h"

#define GATE_LENGTH (128 * 1024)

typedef struct GateState {
    bool closed;
    CoQueue waiting;
    unsigned in_driver;          /* requests that have begun and not ended */
    unsigned reads, writes, zeroes, flushes, truncates;
    int write_flags, zero_flags; /* of the last one */
    int64_t length;
    uint8_t *data;
} GateState;

static GateState *gate_of(BlockDriverState *bs)
{
    return bs->opaque;
}

static void coroutine_fn gate_pass(GateState *s)
{
    s->in_driver++;
    while (s->closed) {
        qemu_co_queue_wait(&s->waiting, NULL);
    }
    s->in_driver--;
}

static inline void gate_open(void *opaque)
{
    GateState *s = opaque;

    s->closed = false;
    qemu_co_queue_restart_all(&s->waiting);
}

/* Opens the gate of @bs from the loop. */
static inline void gate_open_later(BlockDriverState *bs)
{
    aio_bh_schedule_oneshot(bs->aio_context, gate_open, bs->opaque);
}

static int gate_file_open(BlockDriverState *bs, QDict *options, int flags,
                          Error **errp)
{
    GateState *s = bs->opaque;

    qemu_co_queue_init(&s->waiting);
    s->length = GATE_LENGTH;
    s->data = g_malloc0(GATE_LENGTH);
    bs->supported_write_flags = BDRV_REQ_FUA;
    bs->supported_zero_flags = BDRV_REQ_FUA | BDRV_REQ_MAY_UNMAP;
    return 0;
}

static void gate_close(BlockDriverState *bs)
{
    GateState *s = bs->opaque;

    g_assert_cmpuint(s->in_driver, ==, 0);
    g_free(s->data);
}

static int64_t gate_getlength(BlockDriverState *bs)
{
    return gate_of(bs)->length;
}

static int coroutine_fn gate_preadv(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    int flags)
{
    GateState *s = bs->opaque;

    s->reads++;
    gate_pass(s);
    qemu_iovec_from_buf(qiov, 0, s->data + offset, bytes);
    return 0;
}

static int coroutine_fn gate_pwritev(BlockDriverState *bs, uint64_t offset,
                                     uint64_t bytes, QEMUIOVector *qiov,
                                     int flags)
{
    GateState *s = bs->opaque;

    s->writes++;
    s->write_flags = flags;
    gate_pass(s);
    if (offset + bytes > GATE_LENGTH) {
        return -ENOSPC;
    }
    qemu_iovec_to_buf(qiov, 0, s->data + offset, bytes);
    return 0;
}

static int coroutine_fn gate_pwrite_zeroes(BlockDriverState *bs,
                                           int64_t offset, int bytes,
                                           BdrvRequestFlags flags)
{
    GateState *s = bs->opaque;

    s->zeroes++;
    s->zero_flags = flags;
    gate_pass(s);
    memset(s->data + offset, 0, bytes);
    return 0;
}

static int coroutine_fn gate_flush(BlockDriverState *bs)
{
    GateState *s = bs->opaque;

    s->flushes++;
    gate_pass(s);
    return 0;
}

static int coroutine_fn gate_truncate(BlockDriverState *bs, int64_t offset,
                                      bool exact, PreallocMode prealloc,
                                      Error **errp)
{
    GateState *s = bs->opaque;

    s->truncates++;
    gate_pass(s);
    if (offset > GATE_LENGTH) {
        error_setg(errp, "too long");
        return -ENOSPC;
    }
    s->length = offset;
    return 0;
}

static BlockDriver bdrv_gate = {
    .format_name = "gate",
    .protocol_name = "gate",
    .instance_size = sizeof(GateState),
    .bdrv_file_open = gate_file_open,
    .bdrv_close = gate_close,
    .bdrv_getlength = gate_getlength,
    .bdrv_co_preadv = gate_preadv,
    .bdrv_co_pwritev = gate_pwritev,
    .bdrv_co_pwrite_zeroes = gate_pwrite_zeroes,
    .bdrv_co_flush_to_disk = gate_flush,
    .bdrv_co_truncate = gate_truncate,
    .bdrv_child_perm = bdrv_filter_default_perms,
};

/* ---- pass --------------------------------------------------------------- */

static int pass_open(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp)
{
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    bs->supported_write_flags = BDRV_REQ_FUA;
    return 0;
}

static int64_t pass_getlength(BlockDriverState *bs)
{
    return bdrv_getlength(bs->file->bs);
}

static int coroutine_fn pass_preadv(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    int flags)
{
    return bdrv_co_preadv(bs->file, offset, bytes, qiov, flags);
}

static int coroutine_fn pass_pwritev(BlockDriverState *bs, uint64_t offset,
                                     uint64_t bytes, QEMUIOVector *qiov,
                                     int flags)
{
    return bdrv_co_pwritev(bs->file, offset, bytes, qiov, flags);
}

static inline BlockDriver *pass_driver(void)
{
    static BlockDriver drv = {
        .format_name = "pass",
        .is_filter = true,
        .has_variable_length = true,
        .bdrv_open = pass_open,
        .bdrv_getlength = pass_getlength,
        .bdrv_co_preadv = pass_preadv,
        .bdrv_co_pwritev = pass_pwritev,
        .bdrv_child_perm = bdrv_filter_default_perms,
    };
    return &drv;
}

/* ---- nodes and backends ------------------------------------------------- */

static inline BlockDriverState *gate_node(const char *name)
{
    return bdrv_new_open_driver(&bdrv_gate, name, BDRV_O_RDWR, &error_abort);
}

/* A `pass` node over @file, which stays the caller's. */
static inline BlockDriverState *pass_node(const char *name,
                                          BlockDriverState *file)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "file", file->node_name);
    return bdrv_new_open_with_options(pass_driver(), name, options,
                                      BDRV_O_RDWR, &error_abort);
}

static inline BlockBackend *backend_of(BlockDriverState *bs)
{
    BlockBackend *blk = blk_new(qemu_get_aio_context(),
                                BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE |
                                BLK_PERM_RESIZE, BLK_PERM_ALL);

    g_assert_cmpint(blk_insert_bs(blk, bs, &error_abort), ==, 0);
    return blk;
}

/* ---- requests in the background ----------------------------------------- */

#define BG_PENDING 1

typedef struct BgWrite {
    BlockBackend *blk;
    int64_t offset;
    uint8_t buf[512];
    int ret;             /* BG_PENDING until it is done */
} BgWrite;

static void coroutine_fn bg_write_entry(void *opaque)
{
    BgWrite *w = opaque;
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, w->buf, sizeof(w->buf));

    w->ret = blk_co_pwritev(w->blk, w->offset, sizeof(w->buf), &qiov, 0);
}

static inline void bg_write(BgWrite *w, BlockBackend *blk, int64_t offset,
                            int fill)
{
    *w = (BgWrite) { .blk = blk, .offset = offset, .ret = BG_PENDING };
    memset(w->buf, fill, sizeof(w->buf));
    qemu_coroutine_enter(qemu_coroutine_create(bg_write_entry, w));
}

/* Lets the loop do all that is ready. */
static inline void settle(void)
{
    while (aio_poll(qemu_get_aio_context(), false)) {
        continue;
    }
}

#endif
