/* SPDX-License-Identifier: MIT */
/*
 * Reads, writes, block status.  A request is cut at the ends of blocks; each
 * piece locks its block from the look-up of the entry to the end of the I/O.
 *
 * Invariant: what is not sound of a block is neither read nor written.
 */
#include "qemu/osdep.h"
#include "vpc.h"

/* Pieces of vectors with up to so many elements need no memory. */
#define SPACE 16

VpcPiece vpc_next_piece(const VpcState *s, uint64_t offset, uint64_t bytes,
                        size_t done)
{
    uint64_t at = offset + done;
    uint32_t in_block = at & (s->block_size - 1);

    return (VpcPiece) {
        .block = at >> s->block_shift,
        .offset = in_block,
        .bytes = MIN(bytes - done, s->block_size - in_block),
        .done = done,
    };
}

/* Reads or writes @bytes at @qiov_offset of @qiov. */
static int coroutine_fn transfer(BlockDriverState *bs, bool write,
                                 uint64_t file_offset, uint32_t bytes,
                                 QEMUIOVector *qiov, size_t qiov_offset)
{
    struct iovec space[SPACE];
    QEMUIOVector part;
    int ret;

    if (qiov_offset == 0 && bytes == qiov->size) {
        return write ? bdrv_co_pwritev(bs->file, file_offset, bytes, qiov, 0)
                     : bdrv_co_preadv(bs->file, file_offset, bytes, qiov, 0);
    }
    qemu_iovec_init_slice_space(&part, qiov, qiov_offset, bytes, space, SPACE);
    ret = write ? bdrv_co_pwritev(bs->file, file_offset, bytes, &part, 0)
                : bdrv_co_preadv(bs->file, file_offset, bytes, &part, 0);
    qemu_iovec_destroy(&part);
    return ret;
}

/* ---- reading ------------------------------------------------------------ */

static int coroutine_fn read_partial(BlockDriverState *bs, const VpcPiece *p,
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
            ret = transfer(bs, false, vpc_data_offset(s, entry) + p->offset + done,
                           n, qiov, p->done + done);
        } else {
            qemu_iovec_memset(qiov, p->done + done, 0, n);
        }
        done += n;
    }
    return ret;
}

/*
 * What the table says of the piece's block; an error, with its reason told, where
 * the piece is not sound.
 */
static int coroutine_fn look_up(BlockDriverState *bs, const VpcPiece *p,
                                VpcEntry *entry)
{
    int ret = vpc_bat_get(bs, p->block, entry);

    if (ret == 0 && p->offset + p->bytes > entry->sound) {
        vpc_entry_report(bs, p->block, entry->sector);
        ret = -EIO;
    }
    return ret;
}

static int coroutine_fn read_piece(BlockDriverState *bs, const VpcPiece *p,
                                   QEMUIOVector *qiov)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap = NULL;
    VpcEntry entry;
    int ret = look_up(bs, p, &entry);

    if (ret < 0) {
        return ret;
    }
    if (entry.sector == VPC_UNALLOCATED) {
        qemu_iovec_memset(qiov, p->done, 0, p->bytes);
        return 0;
    }
    if (!entry.full) {
        bitmap = vpc_bitmap_get_partial(bs, p->block, entry.sector, &ret);
        if (ret < 0) {
            return ret;
        }
    }
    if (!bitmap) {
        return transfer(bs, false,
                        vpc_data_offset(s, entry.sector) + p->offset,
                        p->bytes, qiov, p->done);
    }
    ret = read_partial(bs, p, entry.sector, bitmap, qiov);
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
        return bdrv_co_preadv(bs->file, offset, bytes, qiov, 0);
    }
    while (done < bytes && ret == 0) {
        VpcPiece p = vpc_next_piece(s, offset, bytes, done);

        vpc_block_lock(&s->block_locks, &lock, p.block, false);
        ret = read_piece(bs, &p, qiov);
        vpc_block_unlock(&lock);
        done += p.bytes;
    }
    return ret;
}

/* ---- writing ------------------------------------------------------------ */

/* Into a block that has space; the caller has locked it. */
static int coroutine_fn write_present(BlockDriverState *bs, const VpcPiece *p,
                                      const VpcEntry *entry,
                                      QEMUIOVector *qiov)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap = NULL;
    int ret = 0;

    if (!entry->full) {
        bitmap = vpc_bitmap_get_partial(bs, p->block, entry->sector, &ret);
        if (ret < 0) {
            return ret;
        }
    }
    ret = transfer(bs, true, vpc_data_offset(s, entry->sector) + p->offset,
                   p->bytes, qiov, p->done);
    if (bitmap) {
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
static bool coroutine_fn write_locked(BlockDriverState *bs, const VpcPiece *p,
                                      bool exclusive, QEMUIOVector *qiov,
                                      int *ret)
{
    VpcEntry entry;

    *ret = look_up(bs, p, &entry);
    if (*ret < 0) {
        return true;
    }
    if (entry.sector != VPC_UNALLOCATED) {
        *ret = write_present(bs, p, &entry, qiov);
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
            finished = write_locked(bs, &p, exclusive, qiov, &ret);
            vpc_block_unlock(&lock);
            exclusive = true;
        } while (!finished);
        done += p.bytes;
    }
    return ret;
}

/* ---- status ------------------------------------------------------------- */

/*
 * What the piece begins with, *@pnum bytes of it: BDRV_BLOCK_* with *@map, or
 * -errno.  What is not sound is data that is nowhere: reading it tells why.
 */
static int coroutine_fn piece_status(BlockDriverState *bs, const VpcPiece *p,
                                     int64_t *pnum, int64_t *map)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap = NULL;
    VpcEntry entry;
    bool set = true;
    int ret = vpc_bat_get(bs, p->block, &entry);

    if (ret < 0) {
        return ret;
    }
    *pnum = p->bytes;
    if (entry.sector == VPC_UNALLOCATED) {
        return BDRV_BLOCK_ZERO;
    }
    if (p->offset >= entry.sound) {
        return BDRV_BLOCK_DATA;
    }
    *pnum = MIN(*pnum, entry.sound - p->offset);
    if (!entry.full) {
        bitmap = vpc_bitmap_get_partial(bs, p->block, entry.sector, &ret);
        if (ret < 0) {
            return ret;
        }
    }
    if (bitmap) {
        *pnum = (int64_t)VPC_SECTOR *
                vpc_bitmap_run(bitmap, p->offset / VPC_SECTOR,
                               *pnum / VPC_SECTOR, &set);
        vpc_bitmap_put(s, bitmap);
    }
    if (!set) {
        return BDRV_BLOCK_ZERO;
    }
    *map = vpc_data_offset(s, entry.sector) + p->offset;
    return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID;
}

/*
 * What reads as zeroes is one extent, whatever the reason.  The block is locked
 * as for a read: its bitmap must be that of its entry.
 */
int coroutine_fn vpc_co_block_status(BlockDriverState *bs, bool want_zero,
                                     int64_t offset, int64_t bytes,
                                     int64_t *pnum, int64_t *map,
                                     BlockDriverState **file)
{
    VpcState *s = bs->opaque;
    int64_t n = 0;
    int ret;

    *file = bs->file->bs;
    if (s->type == VPC_TYPE_FIXED) {
        *pnum = bytes;
        *map = offset;
        return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID | BDRV_BLOCK_RECURSE;
    }
    *pnum = 0;
    do {
        VpcPiece p = vpc_next_piece(s, offset, bytes, *pnum);
        VpcBlockLock lock;
        int more;

        vpc_block_lock(&s->block_locks, &lock, p.block, false);
        more = piece_status(bs, &p, &n, map);
        vpc_block_unlock(&lock);
        if (*pnum && more != BDRV_BLOCK_ZERO) {
            break;
        }
        ret = more;
        *pnum += n;
    } while (ret == BDRV_BLOCK_ZERO && *pnum < bytes);
    return ret;
}
