/* SPDX-License-Identifier: MIT */
/*
 * Flushing: what has been written becomes durable.
 *
 * Invariants:
 *   - One flush runs on a node at a time; those that come meanwhile wait and
 *     then look at the generation, so most of them find nothing left to do.
 *   - flushed_gen is the generation that the medium was last known to hold: it
 *     moves only when every step has succeeded and none was left out.
 */
#include "qemu/osdep.h"

#include "block/core/request/request.h"

/* Flushes the node and its file; *@durable: was the medium asked? */
static int coroutine_fn flush_steps(BlockDriverState *bs, uint64_t gen,
                                    bool *durable)
{
    BdrvAioWait wait = { .co = qemu_coroutine_self() };
    BlockDriver *drv = bs->drv;
    int ret;

    *durable = true;
    if (drv->bdrv_co_flush) {
        return drv->bdrv_co_flush(bs);
    }
    BLKDBG_EVENT(bs->file, BLKDBG_FLUSH_TO_OS);
    if (drv->bdrv_co_flush_to_os) {
        ret = drv->bdrv_co_flush_to_os(bs);
        if (ret < 0) {
            return ret;
        }
    }
    if (bs->open_flags & BDRV_O_NO_FLUSH) {
        *durable = false;
    } else if (bs->flushed_gen != gen) {
        BLKDBG_EVENT(bs->file, BLKDBG_FLUSH_TO_DISK);
        ret = 0; /* no callback is success: the file below is flushed, too */
        if (drv->bdrv_co_flush_to_disk) {
            ret = drv->bdrv_co_flush_to_disk(bs);
        } else if (drv->bdrv_aio_flush) {
            ret = bdrv_aio_wait(
                &wait, drv->bdrv_aio_flush(bs, bdrv_aio_wait_cb, &wait));
        }
        if (ret < 0) {
            return ret;
        }
    }
    return bs->file ? bdrv_co_flush(bs->file->bs) : 0;
}

/*
 * Whoever waits for an active flush looks again afterwards, because that one
 * may have begun before the write that the caller has in mind.
 */
int coroutine_fn bdrv_co_flush(BlockDriverState *bs)
{
    uint64_t gen;
    bool durable;
    int ret;

    if (!bs->drv || bs->read_only || bs->sg || !bdrv_is_inserted(bs)) {
        return 0;
    }
    bdrv_inc_in_flight(bs);
    while (bs->active_flush) {
        qemu_co_queue_wait(&bs->flush_queue, NULL);
    }
    bs->active_flush = true;
    gen = bs->write_gen;
    ret = flush_steps(bs, gen, &durable);
    if (ret >= 0 && durable) {
        bs->flushed_gen = gen;
    }
    bs->flush_failed = ret < 0;
    bs->failed_gen = gen;
    bs->active_flush = false;
    qemu_co_queue_next(&bs->flush_queue);
    bdrv_dec_in_flight(bs);
    return MIN(ret, 0);
}
