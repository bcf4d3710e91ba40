/* SPDX-License-Identifier: MIT */
/*
 * Requests of the tool.
 *
 * Invariants:
 *   - A request runs in a coroutine of its own and reports its end from a
 *     bottom half: never before the command that started it has returned, and
 *     outside coroutines.
 */
#include "qemu/osdep.h"
#include "io.h"
#include "minblk/block-extra.h"

static void io_request_complete_bh(void *opaque)
{
    IoRequest *req = opaque;

    req->complete(req);
}

static void coroutine_fn io_request_entry(void *opaque)
{
    IoRequest *req = opaque;

    switch (req->op) {
    case IO_OP_READ:
        req->ret = blk_co_preadv(req->blk, req->offset, req->bytes, req->qiov,
                                 req->flags);
        break;
    case IO_OP_WRITE:
        req->ret = blk_co_pwritev(req->blk, req->offset, req->bytes, req->qiov,
                                  req->flags);
        break;
    case IO_OP_WRITE_ZEROES:
        req->ret = blk_co_zero_range(req->blk, req->offset, req->bytes,
                                     req->flags);
        break;
    case IO_OP_DISCARD:
        req->ret = blk_co_pdiscard(req->blk, req->offset, req->bytes);
        break;
    case IO_OP_FLUSH:
        req->ret = blk_co_flush(req->blk);
        break;
    }
    req->done = true;
    if (req->complete) {
        aio_bh_schedule_oneshot(blk_get_aio_context(req->blk),
                                io_request_complete_bh, req);
    }
}

void io_request_start(IoRequest *req)
{
    req->done = false;
    qemu_coroutine_enter(qemu_coroutine_create(io_request_entry, req));
}

int io_request_run(IoRequest *req)
{
    AioContext *ctx = blk_get_aio_context(req->blk);

    /* Requests that completed before are reported before. */
    aio_poll(ctx, false);
    io_request_start(req);
    AIO_WAIT_WHILE(ctx, !req->done);
    return req->ret;
}

void io_wait_for_requests(IoSession *s)
{
    if (s->blk && s->in_flight > 0) {
        /* No command could resume what is stopped at a breakpoint meanwhile. */
        blk_drain(s->blk);
        AIO_WAIT_WHILE(blk_get_aio_context(s->blk), s->in_flight > 0);
    }
}
