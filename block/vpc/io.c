/* SPDX-License-Identifier: MIT */
/*
 * Requests.  A request is cut at the ends of blocks; each piece holds its block
 * from the look-up of the entry to the end of the I/O.
 */
#include "qemu/osdep.h"
#include "vpc.h"

/* Pieces of vectors with up to so many elements need no memory. */
#define SPACE 16

/* The part of a request that lies in one block. */
typedef struct Piece {
    uint32_t block;
    uint32_t offset;            /* in the block, bytes */
    uint32_t bytes;
    size_t done;                /* bytes of the request before it */
} Piece;

static Piece next_piece(const VpcState *s, uint64_t offset, uint64_t bytes,
                        size_t done)
{
    uint64_t at = offset + done;
    uint32_t in_block = at & (s->block_size - 1);

    return (Piece) {
        .block = at >> s->block_shift,
        .offset = in_block,
        .bytes = MIN(bytes - done, s->block_size - in_block),
        .done = done,
    };
}

static uint64_t data_offset(const VpcState *s, uint32_t entry)
{
    return (uint64_t)entry * VPC_SECTOR + s->bitmap_size;
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

/* Sectors of the block that lie inside the disk. */
static uint32_t sectors_of(const VpcState *s, uint32_t block)
{
    uint64_t start = (uint64_t)block << s->block_shift;

    return MIN(s->block_size, s->size - start) / VPC_SECTOR;
}

/*
 * The bitmap of a block that was not known to be full, pinned; NULL with *@ret
 * 0: it turned out to be full.
 */
static VpcBitmap *coroutine_fn get_partial(BlockDriverState *bs,
                                           uint32_t block, uint32_t entry,
                                           int *ret)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap = vpc_bitmap_get(bs, block, entry, ret);
    uint32_t sectors = sectors_of(s, block);
    bool set;

    if (bitmap && vpc_bitmap_run(bitmap, 0, sectors, &set) >= sectors && set) {
        vpc_table_mark_full(s, block);
        vpc_bitmap_put(bitmap);
        return NULL;
    }
    return bitmap;
}

/* ---- reading ---------------------------------------------------------------------- */

static int coroutine_fn read_partial(BlockDriverState *bs, const Piece *p,
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
            ret = transfer(bs, false, data_offset(s, entry) + p->offset + done,
                           n, qiov, p->done + done);
        } else {
            qemu_iovec_memset(qiov, p->done + done, 0, n);
        }
        done += n;
    }
    return ret;
}

static int coroutine_fn read_piece(BlockDriverState *bs, const Piece *p,
                                   QEMUIOVector *qiov)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap = NULL;
    uint32_t entry;
    bool full;
    int ret = vpc_table_get(bs, p->block, &entry, &full);

    if (ret < 0) {
        return ret;
    }
    if (entry == VPC_UNALLOCATED) {
        qemu_iovec_memset(qiov, p->done, 0, p->bytes);
        return 0;
    }
    if (!full) {
        bitmap = get_partial(bs, p->block, entry, &ret);
        if (ret < 0) {
            return ret;
        }
    }
    if (!bitmap) {
        return transfer(bs, false, data_offset(s, entry) + p->offset,
                        p->bytes, qiov, p->done);
    }
    ret = read_partial(bs, p, entry, bitmap, qiov);
    vpc_bitmap_put(bitmap);
    return ret;
}

int coroutine_fn vpc_co_preadv(BlockDriverState *bs, uint64_t offset,
                               uint64_t bytes, QEMUIOVector *qiov, int flags)
{
    VpcState *s = bs->opaque;
    VpcHold hold;
    size_t done = 0;
    int ret = 0;

    if (s->type == VPC_TYPE_FIXED) {
        return bdrv_co_preadv(bs->file, offset, bytes, qiov, 0);
    }
    while (done < bytes && ret == 0) {
        Piece p = next_piece(s, offset, bytes, done);

        vpc_hold(s, &hold, p.block, false);
        ret = read_piece(bs, &p, qiov);
        vpc_release(s, &hold);
        done += p.bytes;
    }
    return ret;
}

/* ---- writing ---------------------------------------------------------------------- */

/* Into a block that has space; the caller holds it. */
static int coroutine_fn write_present(BlockDriverState *bs, const Piece *p,
                                      uint32_t entry, bool full,
                                      QEMUIOVector *qiov)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap = NULL;
    int ret = 0;

    if (!full) {
        bitmap = get_partial(bs, p->block, entry, &ret);
        if (ret < 0) {
            return ret;
        }
    }
    ret = transfer(bs, true, data_offset(s, entry) + p->offset, p->bytes,
                   qiov, p->done);
    if (bitmap) {
        if (ret == 0) {
            vpc_bitmap_set(s, bitmap, p->offset / VPC_SECTOR,
                           p->bytes / VPC_SECTOR);
        }
        vpc_bitmap_put(bitmap);
    }
    return ret;
}

/*
 * Writes the piece if its block may be used as it is held; returns false when it
 * must be held alone, since it has no space.
 */
static bool coroutine_fn write_held(BlockDriverState *bs, const Piece *p,
                                    bool alone, QEMUIOVector *qiov, int *ret)
{
    uint32_t entry;
    bool full;

    *ret = vpc_table_get(bs, p->block, &entry, &full);
    if (*ret < 0) {
        return true;
    }
    if (entry != VPC_UNALLOCATED) {
        *ret = write_present(bs, p, entry, full, qiov);
        return true;
    }
    if (!alone) {
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
        Piece p = next_piece(s, offset, bytes, done);
        bool alone = false, finished;

        do {
            VpcHold hold;

            vpc_hold(s, &hold, p.block, alone);
            finished = write_held(bs, &p, alone, qiov, &ret);
            vpc_release(s, &hold);
            alone = true;
        } while (!finished);
        done += p.bytes;
    }
    return ret;
}

/* ---- zeroes ----------------------------------------------------------------------- */

/*
 * Blocks without space read as zeroes already; in the others the data area is
 * zeroed, whatever the bitmap says of it.
 */
int coroutine_fn vpc_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset,
                                      int bytes, BdrvRequestFlags flags)
{
    VpcState *s = bs->opaque;
    VpcHold hold;
    size_t done = 0;
    int ret = 0;

    if (s->type == VPC_TYPE_FIXED) {
        return bdrv_co_pwrite_zeroes(bs->file, offset, bytes, flags);
    }
    while (done < (size_t)bytes && ret == 0) {
        Piece p = next_piece(s, offset, bytes, done);
        uint32_t entry;
        bool full;

        vpc_hold(s, &hold, p.block, false);
        ret = vpc_table_get(bs, p.block, &entry, &full);
        if (ret == 0 && entry != VPC_UNALLOCATED) {
            ret = bdrv_co_pwrite_zeroes(bs->file,
                                        data_offset(s, entry) + p.offset,
                                        p.bytes, flags);
        }
        vpc_release(s, &hold);
        done += p.bytes;
    }
    return ret;
}

int coroutine_fn vpc_co_pdiscard(BlockDriverState *bs, int64_t offset,
                                 int bytes)
{
    VpcState *s = bs->opaque;

    if (s->type == VPC_TYPE_FIXED) {
        return bdrv_co_pdiscard(bs->file, offset, bytes);
    }
    return vpc_co_pwrite_zeroes(bs, offset, bytes,
                                BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK);
}

/* ---- status ----------------------------------------------------------------------- */

/* Blocks without space that follow each other are one extent. */
static int coroutine_fn status_unallocated(BlockDriverState *bs,
                                           int64_t offset, int64_t bytes,
                                           int64_t *pnum)
{
    VpcState *s = bs->opaque;
    int64_t n = next_piece(s, offset, bytes, 0).bytes;

    while (n < bytes) {
        Piece p = next_piece(s, offset, bytes, n);
        uint32_t entry;
        bool full;

        if (vpc_table_get(bs, p.block, &entry, &full) < 0 ||
            entry != VPC_UNALLOCATED) {
            break;
        }
        n += p.bytes;
    }
    *pnum = n;
    return BDRV_BLOCK_ZERO;
}

int coroutine_fn vpc_co_block_status(BlockDriverState *bs, bool want_zero,
                                     int64_t offset, int64_t bytes,
                                     int64_t *pnum, int64_t *map,
                                     BlockDriverState **file)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap = NULL;
    uint32_t entry;
    bool full, set = true;
    Piece p;
    int ret;

    if (s->type == VPC_TYPE_FIXED) {
        *pnum = bytes;
        *map = offset;
        *file = bs->file->bs;
        return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID | BDRV_BLOCK_RECURSE;
    }

    p = next_piece(s, offset, bytes, 0);
    ret = vpc_table_get(bs, p.block, &entry, &full);
    if (ret < 0) {
        return ret;
    }
    if (entry == VPC_UNALLOCATED) {
        return status_unallocated(bs, offset, bytes, pnum);
    }
    *pnum = p.bytes;
    if (!full) {
        bitmap = get_partial(bs, p.block, entry, &ret);
        if (ret < 0) {
            return ret;
        }
    }
    if (bitmap) {
        *pnum = (int64_t)VPC_SECTOR *
                vpc_bitmap_run(bitmap, p.offset / VPC_SECTOR,
                               p.bytes / VPC_SECTOR, &set);
        vpc_bitmap_put(bitmap);
    }
    if (!set) {
        return BDRV_BLOCK_ZERO;
    }
    *map = data_offset(s, entry) + p.offset;
    *file = bs->file->bs;
    return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID;
}
