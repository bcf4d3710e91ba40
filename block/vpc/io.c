/* SPDX-License-Identifier: MIT */
/*
 * Reads, writes, block status.  A request is cut at the ends of blocks; each
 * piece locks its block from the look-up of the entry to the end of the I/O.
 *
 * Invariant: what is not sound of a block is neither read nor written.
 */
#include "qemu/osdep.h"
#include "minblk/block-extra.h"
#include "vpc.h"

/* ---- reading ------------------------------------------------------------ */

static int coroutine_fn io_read_partial(BlockDriverState *bs, const VpcPiece *p,
                                        uint32_t entry, VpcBitmap *bitmap,
                                        QEMUIOVector *qiov)
{
    VpcState *s = bs->opaque;
    uint32_t done = 0;
    int ret = 0;

    while (done < p->bytes && ret == 0) {
        bool set;
        uint32_t n = VPC_SECTOR *
                     vpc_bitmap_run(bitmap, (p->offset + done) / VPC_SECTOR,
                                    (p->bytes - done) / VPC_SECTOR, &set);

        if (set) {
            ret = bdrv_co_preadv_part(bs->file, vpc_data_offset(s, entry) +
                                      p->offset + done, n, qiov,
                                      p->done + done, 0);
        } else {
            vpc_absent_read(qiov, p->done + done, n);
        }
        done += n;
    }
    return ret;
}

/* The piece's entry of the BAT; an error, reported, where it is not sound. */
static int coroutine_fn io_look_up(BlockDriverState *bs, const VpcPiece *p,
                                VpcEntry *entry)
{
    int ret = vpc_bat_get(bs, p->block, entry);

    if (ret == 0 && p->offset + p->bytes > entry->sound) {
        vpc_entry_report(bs, p->block, entry->sector);
        ret = -EIO;
    }
    return ret;
}

static int coroutine_fn io_read_piece(BlockDriverState *bs, const VpcPiece *p,
                                   QEMUIOVector *qiov)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap;
    VpcEntry entry;
    int ret = io_look_up(bs, p, &entry);

    if (ret < 0) {
        return ret;
    }
    if (entry.sector == VPC_UNALLOCATED) {
        vpc_absent_read(qiov, p->done, p->bytes);
        return 0;
    }
    bitmap = vpc_bitmap_get_partial(bs, p->block, &entry, &ret);
    if (ret < 0) {
        return ret;
    }
    if (!bitmap) {
        return bdrv_co_preadv_part(bs->file, vpc_data_offset(s, entry.sector) +
                                   p->offset, p->bytes, qiov, p->done, 0);
    }
    ret = io_read_partial(bs, p, entry.sector, bitmap, qiov);
    vpc_bitmap_put(s, bitmap);
    return ret;
}

int coroutine_fn vpc_co_preadv(BlockDriverState *bs, uint64_t offset,
                               uint64_t bytes, QEMUIOVector *qiov, int flags)
{
    VpcState *s = bs->opaque;
    VpcBlockLock lock;
    size_t done = 0;
    int ret = 0;

    if (s->type == VPC_TYPE_FIXED) {
        /* The footer follows, which is no part of a disk that was cut off. */
        return offset + bytes > s->footer_offset
               ? -EIO : bdrv_co_preadv(bs->file, offset, bytes, qiov, 0);
    }
    while (done < bytes && ret == 0) {
        VpcPiece p = vpc_next_piece(s, offset, bytes, done);

        vpc_block_lock(&s->block_locks, &lock, p.block, false);
        ret = io_read_piece(bs, &p, qiov);
        vpc_block_unlock(&lock);
        done += p.bytes;
    }
    return ret;
}

/* ---- writing ------------------------------------------------------------ */

/* Into a block that has space; the caller has locked it. */
static int coroutine_fn io_write_present(BlockDriverState *bs,
                                         const VpcPiece *p,
                                         const VpcEntry *entry,
                                         QEMUIOVector *qiov)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap;
    int ret;

    bitmap = vpc_bitmap_get_partial(bs, p->block, entry, &ret);
    if (ret < 0) {
        return ret;
    }
    ret = bdrv_co_pwritev_part(bs->file, vpc_data_offset(s, entry->sector) +
                               p->offset, p->bytes, qiov, p->done, 0);
    if (bitmap) {
        /* Should XenServer's map call it full, that is not true. */
        vpc_batmap_clear(s, p->block);
        if (ret == 0) {
            vpc_bitmap_set(s, bitmap, p->offset / VPC_SECTOR,
                           p->bytes / VPC_SECTOR);
        }
        vpc_bitmap_put(s, bitmap);
    }
    return ret;
}

/*
 * Writes the piece if its block may be used as it is locked; returns false when
 * it must be locked exclusively, since it has no space.
 */
static bool coroutine_fn io_write_locked(BlockDriverState *bs,
                                         const VpcPiece *p, bool exclusive,
                                         QEMUIOVector *qiov, int *ret)
{
    VpcEntry entry;

    *ret = io_look_up(bs, p, &entry);
    if (*ret < 0) {
        return true;
    }
    if (entry.sector != VPC_UNALLOCATED) {
        *ret = io_write_present(bs, p, &entry, qiov);
        return true;
    }
    if (!exclusive) {
        return false;
    }
    *ret = vpc_allocate(bs, p->block, p->offset, p->bytes, qiov, p->done);
    return true;
}

int coroutine_fn vpc_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                uint64_t bytes, QEMUIOVector *qiov, int flags)
{
    VpcState *s = bs->opaque;
    size_t done = 0;
    int ret = 0;

    if (s->type == VPC_TYPE_FIXED) {
        return bdrv_co_pwritev(bs->file, offset, bytes, qiov, 0);
    }
    while (done < bytes && ret == 0) {
        VpcPiece p = vpc_next_piece(s, offset, bytes, done);
        bool exclusive = false, finished;

        do {
            VpcBlockLock lock;

            vpc_block_lock(&s->block_locks, &lock, p.block, exclusive);
            finished = io_write_locked(bs, &p, exclusive, qiov, &ret);
            vpc_block_unlock(&lock);
            exclusive = true;
        } while (!finished);
        done += p.bytes;
    }
    return ret;
}

/* ---- status ------------------------------------------------------------- */

/* Of what is not sound: data that is nowhere; reading it reports why. */
#define STATUS_LOST (BDRV_BLOCK_DATA | BDRV_BLOCK_LOST)

/*
 * BDRV_BLOCK_* with *@map of the first *@pnum bytes of the piece, or -errno.
 */
static int coroutine_fn io_piece_status(BlockDriverState *bs, const VpcPiece *p,
                                     int64_t *pnum, int64_t *map)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap;
    VpcEntry entry;
    bool set = true;
    int ret = vpc_bat_get(bs, p->block, &entry);

    if (ret < 0) {
        return ret;
    }
    *pnum = p->bytes;
    if (entry.sector == VPC_UNALLOCATED) {
        return vpc_absent_status(s);
    }
    if (p->offset >= entry.sound) {
        return STATUS_LOST;
    }
    *pnum = MIN(*pnum, entry.sound - p->offset);
    bitmap = vpc_bitmap_get_partial(bs, p->block, &entry, &ret);
    if (ret < 0) {
        return ret;
    }
    if (bitmap) {
        *pnum = (int64_t)VPC_SECTOR *
                vpc_bitmap_run(bitmap, p->offset / VPC_SECTOR,
                               *pnum / VPC_SECTOR, &set);
        vpc_bitmap_put(s, bitmap);
    }
    if (!set) {
        return vpc_absent_status(s);
    }
    *map = vpc_data_offset(s, entry.sector) + p->offset;
    return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID;
}

/*
 * All that reads as zeroes is one extent, whatever the reason, and so is all
 * that is lost.  A block that has space is locked as for a read: its bitmap
 * must be that of its entry.  Others are skipped by runs of entries, because a
 * disk has up to half a billion.
 */
int coroutine_fn vpc_co_block_status(BlockDriverState *bs, bool want_zero,
                                     int64_t offset, int64_t bytes,
                                     int64_t *pnum, int64_t *map,
                                     BlockDriverState **file)
{
    VpcState *s = bs->opaque;
    int absent = vpc_absent_status(s);
    uint32_t run;
    int64_t n = 0;
    int ret = 0;

    *file = bs->file->bs;
    if (s->type == VPC_TYPE_FIXED) {
        if ((uint64_t)offset >= s->footer_offset) {
            *pnum = bytes;
            return STATUS_LOST;
        }
        *pnum = MIN((uint64_t)bytes, s->footer_offset - offset);
        *map = offset;
        return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID | BDRV_BLOCK_RECURSE;
    }
    *pnum = 0;
    do {
        VpcPiece p = vpc_next_piece(s, offset, bytes, *pnum);
        uint32_t last = (offset + bytes - 1) >> s->block_shift;
        int more = vpc_bat_absent_run(bs, p.block, last - p.block + 1, &run);

        if (run) {
            n = MIN((int64_t)run * s->block_size - p.offset, bytes - *pnum);
            more = absent;
        } else if (more == 0) {
            VpcBlockLock lock;

            vpc_block_lock(&s->block_locks, &lock, p.block, false);
            more = io_piece_status(bs, &p, &n, map);
            vpc_block_unlock(&lock);
        }
        if (more < 0 && s->lenient) {
            /* Without entry or bitmap nothing of the block can be read. */
            more = STATUS_LOST;
            n = p.bytes;
        }
        if (*pnum && more != ret) {
            break;
        }
        ret = more;
        *pnum += n;
    } while ((ret == absent || ret == STATUS_LOST) && *pnum < bytes);
    return ret;
}
