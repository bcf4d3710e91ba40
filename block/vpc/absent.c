/* SPDX-License-Identifier: MIT */
/*
 * Absent sectors, those of blocks without space or whose bit is clear: what
 * they read as, and making a range of the disk read as zeroes, for write-zeroes
 * and discard.
 *
 * A whole block gives its space back; of a part the data is zeroed and its bits
 * are cleared; what is absent already stays so.
 *
 * Invariants:
 *   - No other request path knows that absent sectors read as zeroes, because
 *     with a parent they read as that.  The rule is vpc_absent_is_zero().
 *   - Data under bits that are cleared is zero in the file, because not every
 *     program looks at the bits.
 *   - Where XenServer's batmap says that a bitmap is all ones, it stays so.
 */
#include "qemu/osdep.h"
#include "vpc.h"

void coroutine_fn vpc_absent_read(QEMUIOVector *qiov, size_t qiov_offset,
                                  uint32_t bytes)
{
    qemu_iovec_memset(qiov, qiov_offset, 0, bytes);
}

/* ---- making a range read as zeroes -------------------------------------- */

/* The bits of sectors whose data is zero; a block without any is unmapped. */
static int coroutine_fn absent_clear_bits(BlockDriverState *bs,
                                          const VpcPiece *p, uint32_t entry)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap;
    bool empty;
    int ret;

    bitmap = vpc_bitmap_get(bs, p->block, entry, &ret);
    if (!bitmap) {
        return ret;
    }
    vpc_bitmap_clear(s, bitmap, p->offset / VPC_SECTOR,
                     p->bytes / VPC_SECTOR);
    empty = vpc_bitmap_is_empty(bitmap);
    vpc_bitmap_put(s, bitmap);
    return empty ? vpc_unmap(bs, p->block, entry) : 0;
}

/* Makes the piece read as zeroes. */
static int coroutine_fn absent_zero_piece(BlockDriverState *bs,
                                          const VpcPiece *p,
                                          BdrvRequestFlags flags)
{
    VpcState *s = bs->opaque;
    VpcEntry entry;
    int ret = vpc_bat_get(bs, p->block, &entry);

    if (ret < 0) {
        return ret;
    }
    assert(vpc_absent_is_zero(s));
    if (entry.sector == VPC_UNALLOCATED) {
        return 0;
    }
    if (p->offset == 0 &&
        p->bytes / VPC_SECTOR == vpc_sectors_of(s, p->block)) {
        /* The block, or all of it that is inside the disk. */
        return vpc_unmap(bs, p->block, entry.sector);
    }
    ret = bdrv_co_pwrite_zeroes(bs->file, vpc_data_offset(s, entry.sector) +
                                p->offset, p->bytes, flags);
    if (ret == 0 && !vpc_batmap_full(s, p->block)) {
        ret = absent_clear_bits(bs, p, entry.sector);
    }
    return ret;
}

/* Of a discard, parts that cannot be zeroed are left as they are. */
static int coroutine_fn absent_zero_range(BlockDriverState *bs, int64_t offset,
                                          int bytes, BdrvRequestFlags flags,
                                          bool discard)
{
    VpcState *s = bs->opaque;
    VpcBlockLock lock;
    size_t done = 0;
    int ret = 0;

    while (done < (size_t)bytes && ret == 0) {
        VpcPiece p = vpc_next_piece(s, offset, bytes, done);

        vpc_block_lock(&s->block_locks, &lock, p.block, true);
        ret = absent_zero_piece(bs, &p, flags);
        vpc_block_unlock(&lock);
        if (discard && ret == -ENOTSUP) {
            ret = 0;
        }
        done += p.bytes;
    }
    return ret;
}

int coroutine_fn vpc_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset,
                                      int bytes, BdrvRequestFlags flags)
{
    VpcState *s = bs->opaque;

    if (s->type == VPC_TYPE_FIXED) {
        return bdrv_co_pwrite_zeroes(bs->file, offset, bytes, flags);
    }
    return absent_zero_range(bs, offset, bytes, flags, false);
}

int coroutine_fn vpc_co_pdiscard(BlockDriverState *bs, int64_t offset,
                                 int bytes)
{
    VpcState *s = bs->opaque;

    if (s->type == VPC_TYPE_FIXED) {
        return bdrv_co_pdiscard(bs->file, offset, bytes);
    }
    return absent_zero_range(bs, offset, bytes,
                             BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK, true);
}
