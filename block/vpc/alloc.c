/* SPDX-License-Identifier: MIT */
/*
 * Space for a block, in four steps:
 *
 *   take     space.c gives a place;
 *   footer   if it is after the last block, one directly after it;
 *   fill     zeroes if it may be stale, the sector bitmap (all ones), the data;
 *   publish  set the BAT entry, in memory; the next flush writes it.
 *
 * Each step can fail; then the place goes back, and nothing points at it.
 *
 * Invariants:
 *   - The footer after what was the last block until then is written over at no
 *     time, because the new one is durable only with the flush that comes
 *     before the BAT entry's.
 *   - A place that goes back reads as zeroes and takes no space of the disk, as
 *     far as that can be done; if it ends the file it is cut off, when nothing
 *     else is being allocated, or else when the image is closed.
 */
#include "qemu/osdep.h"
#include "minblk/block-extra.h"
#include "flush.h"
#include "vpc.h"

/* ---- fill --------------------------------------------------------------- */

/* The bitmap and the data that follows it at once. */
static int coroutine_fn alloc_write_from_start(BlockDriverState *bs,
                                               uint32_t entry, uint32_t bytes,
                                               QEMUIOVector *qiov,
                                               size_t qiov_offset)
{
    VpcState *s = bs->opaque;
    QEMUIOVector whole;
    int ret;

    ret = qemu_iovec_init_extended(&whole, s->ones, s->bitmap_size, qiov,
                                   qiov_offset, bytes, NULL, 0);
    if (ret < 0) {
        return ret;
    }
    ret = bdrv_co_pwritev(bs->file, (uint64_t)entry * VPC_SECTOR,
                          s->bitmap_size + bytes, &whole, 0);
    qemu_iovec_destroy(&whole);
    return ret;
}

static int coroutine_fn alloc_fill(BlockDriverState *bs, const VpcSpot *spot,
                                   uint32_t offset, uint32_t bytes,
                                   QEMUIOVector *qiov, size_t qiov_offset)
{
    VpcState *s = bs->opaque;
    int ret;

    /* All bits are set, so what the request leaves out has to be zero. */
    assert(vpc_absent_is_zero(s));
    if (spot->stale) {
        ret = bdrv_co_zero_range(bs->file, vpc_data_offset(s, spot->entry),
                                 s->block_size, BDRV_REQ_MAY_UNMAP);
        if (ret < 0) {
            return ret;
        }
    }
    if (offset == 0 && qiov->niov < IOV_MAX &&
        bytes <= BDRV_REQUEST_MAX_BYTES - s->bitmap_size) {
        return alloc_write_from_start(bs, spot->entry, bytes, qiov,
                                      qiov_offset);
    }

    ret = bdrv_co_pwrite(bs->file, (uint64_t)spot->entry * VPC_SECTOR,
                         s->bitmap_size, s->ones, 0);
    if (ret < 0) {
        return ret;
    }
    return bdrv_co_pwritev_part(bs->file, vpc_data_offset(s, spot->entry) +
                                offset, bytes, qiov, qiov_offset, 0);
}

/* ---- all steps ---------------------------------------------------------- */

/*
 * Takes a place that the file reaches, with a footer after it if it needs one.
 */
static int coroutine_fn alloc_reserve(BlockDriverState *bs, VpcSpot *spot)
{
    VpcState *s = bs->opaque;
    uint64_t bytes = vpc_layout_block_bytes(s->block_size);
    int ret;

    do {
        uint64_t end;

        ret = vpc_space_take(bs, spot);
        if (ret < 0 || !spot->extends) {
            return ret;
        }
        end = spot->offset + bytes;
        ret = vpc_put_footer(bs, vpc_layout_footer(end));
        if (ret == 0) {
            s->file_end = MAX(s->file_end, end);
            return 0;
        }
    } while (vpc_space_unreachable(&s->space, spot, ret));
    return ret;
}

static int coroutine_fn alloc_try(BlockDriverState *bs, uint32_t block,
                                  uint32_t offset, uint32_t bytes,
                                  QEMUIOVector *qiov, size_t qiov_offset)
{
    VpcState *s = bs->opaque;
    VpcSpot spot;
    int ret;

    qemu_co_mutex_lock(&s->space.gate);
    s->space.takers++;
    qemu_co_mutex_unlock(&s->space.gate);
    ret = alloc_reserve(bs, &spot);
    if (ret < 0) {
        s->space.takers--;
        return ret;
    }
    ret = alloc_fill(bs, &spot, offset, bytes, qiov, qiov_offset);
    if (ret == 0) {
        ret = vpc_bat_set(bs, block, spot.entry, true);
    }
    if (ret < 0) {
        /* While no other request can take it; otherwise it would be lost. */
        bdrv_co_zero_range(bs->file, spot.offset,
                           vpc_layout_block_bytes(s->block_size),
                           BDRV_REQ_MAY_UNMAP);
        vpc_space_put_back(&s->space, &spot);
        s->space.takers--;
        vpc_space_trim(bs);
        return ret;
    }
    s->space.takers--;
    vpc_space_publish(&s->space, &spot);
    if (spot.stale) {
        VpcPlaced placed = { block, spot.entry };

        g_array_append_val(s->exposed, placed);
    }
    return ret;
}

/*
 * One flush writes the BAT without the blocks that gave their space back, the
 * next one makes that space usable; only if neither helps the disk is full.
 */
int coroutine_fn vpc_allocate(BlockDriverState *bs, uint32_t block,
                              uint32_t offset, uint32_t bytes,
                              QEMUIOVector *qiov, size_t qiov_offset)
{
    VpcState *s = bs->opaque;
    int ret;

    if (!s->ones) {
        s->ones = qemu_try_blockalign(bs->file->bs, s->bitmap_size);
        if (!s->ones) {
            return -ENOMEM;
        }
        memset(s->ones, 0xff, s->bitmap_size);
    }
    ret = alloc_try(bs, block, offset, bytes, qiov, qiov_offset);
    for (int flushes = 0; flushes < 2 && vpc_space_is_full(ret) &&
         vpc_space_waits(&s->space) && vpc_co_flush_to_os(bs) == 0; flushes++) {
        ret = alloc_try(bs, block, offset, bytes, qiov, qiov_offset);
    }
    return ret;
}

/*
 * Until a flush has written the BAT without the entry, and another one has made
 * that durable, a power cut may bring the entry back; so the space waits.
 * Punching it at once is safe: the block is to read as zeroes.  But its bitmap,
 * where XenServer's map on the disk may call it full, stays so long; no other,
 * since what a killed process leaves of it could be anything.
 */
int coroutine_fn vpc_unmap(BlockDriverState *bs, uint32_t block,
                           uint32_t entry)
{
    VpcState *s = bs->opaque;
    uint64_t start = (uint64_t)entry * VPC_SECTOR;
    uint32_t kept;
    int ret;

    /*
     * Two flushes would make the space usable, or one put a footer there, and
     * the zeroes could come after what was written there then.
     */
    qemu_co_mutex_lock(&s->flush_lock);
    kept = vpc_batmap_full(s, block) || vpc_batmap_is_dirty(s) ? s->bitmap_size
                                                               : 0;
    ret = vpc_bat_set(bs, block, VPC_UNALLOCATED, false);
    if (ret == 0) {
        vpc_bitmap_forget(s, block);
        vpc_space_give(&s->space, start);
        /*
         * Where no hole can be made zeroes are written, because a later session
         * uses nothing but what reads as zero.
         */
        bdrv_co_zero_range(bs->file, start + kept,
                           (uint64_t)s->bitmap_size - kept + s->block_size,
                           BDRV_REQ_MAY_UNMAP);
    }
    qemu_co_mutex_unlock(&s->flush_lock);
    return ret;
}
