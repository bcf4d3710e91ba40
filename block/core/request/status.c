/* SPDX-License-Identifier: MIT */
/*
 * Block status, of one node and of a backing chain.
 *
 * Invariants:
 *   - The driver is asked for an aligned range inside the node; its answer is
 *     cut to what was asked.
 *   - *pnum is 0 only at or past the end of the node, or with an error.
 *   - The length of a node that may change at any time is asked for only where
 *     the answer may depend on it, because a file may have millions of extents:
 *     one that ends before what was asked does, ends inside the node.
 *   - ALLOCATED and EOF are the layer's alone: what a driver says of them is
 *     dropped.
 */
#include "qemu/osdep.h"

#include "block/core/request/request.h"
#include "minblk/block-extra.h"

#define DRIVER_BITS                                                            \
    (BDRV_BLOCK_DATA | BDRV_BLOCK_ZERO | BDRV_BLOCK_OFFSET_VALID |             \
     BDRV_BLOCK_RAW | BDRV_BLOCK_RECURSE | BDRV_BLOCK_LOST)

/* An answer: how far it holds, and where the range is. */
typedef struct Answer {
    int64_t pnum;
    int64_t map;
    BlockDriverState *file;
} Answer;

static int coroutine_fn node_status(BlockDriverState *bs, bool want_zero,
                                    int64_t offset, int64_t bytes, Answer *a);

/* Asks the driver for the aligned range around @offset, @bytes. */
static int coroutine_fn driver_status(BlockDriverState *bs, bool want_zero,
                                      int64_t offset, int64_t bytes, Answer *a)
{
    int64_t align = bs->bl.request_alignment;
    int64_t start = QEMU_ALIGN_DOWN(offset, align);
    int64_t end = ROUND_UP(offset + bytes, align);
    int ret;

    if (!bs->drv->bdrv_co_block_status) {
        a->pnum = bytes;
        if (bdrv_is_protocol_driver(bs->drv)) {
            a->map = offset;
            a->file = bs;
            return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID;
        }
        return BDRV_BLOCK_DATA;
    }
    ret = bs->drv->bdrv_co_block_status(bs, want_zero, start, end - start,
                                        &a->pnum, &a->map, &a->file);
    if (ret < 0) {
        return ret;
    }
    a->pnum = MIN(a->pnum - (offset - start), bytes);
    if (a->pnum <= 0) {
        /* No progress: a caller would ask without end. */
        return -EIO;
    }
    if (ret & BDRV_BLOCK_OFFSET_VALID) {
        a->map += offset - start;
    }
    return ret & DRIVER_BITS;
}

/* ZERO where an unallocated range of @bs is known to read so, else 0. */
static int unallocated_zero(BlockDriverState *bs, int64_t offset)
{
    BlockDriverState *backing = bdrv_backing_bs(bs);
    BlockDriverInfo bdi = { 0 };
    int64_t length;

    if (!backing) {
        return bdrv_get_info(bs, &bdi) >= 0 && bdi.unallocated_blocks_are_zero
                   ? BDRV_BLOCK_ZERO
                   : 0;
    }
    length = bdrv_getlength(backing);
    return length >= 0 && offset >= length ? BDRV_BLOCK_ZERO : 0;
}

/* Does the file that holds the data know of holes?  Extends @ret. */
static int coroutine_fn recurse_to_file(int ret, Answer *a)
{
    Answer below = { 0 };
    int ret2 = node_status(a->file, true, a->map, a->pnum, &below);

    if (ret2 < 0) {
        return ret;
    }
    if ((ret2 & BDRV_BLOCK_EOF) &&
        (below.pnum == 0 || (ret2 & BDRV_BLOCK_ZERO))) {
        /* After the file's end all is zero. */
        return ret | BDRV_BLOCK_ZERO;
    }
    if (below.pnum > 0) {
        a->pnum = below.pnum;
    }
    return ret | (ret2 & BDRV_BLOCK_ZERO);
}

/* @bytes > 0 at @offset lie inside the node. */
static int coroutine_fn inside_status(BlockDriverState *bs, bool want_zero,
                                      int64_t offset, int64_t bytes, Answer *a)
{
    int ret = driver_status(bs, want_zero, offset, bytes, a);

    if (ret < 0) {
        return ret;
    }
    if (ret & BDRV_BLOCK_RAW) {
        Answer asked = *a;

        if (!(ret & BDRV_BLOCK_OFFSET_VALID) || !asked.file ||
            asked.file == bs) {
            return -EIO;
        }
        ret = node_status(asked.file, want_zero, asked.map, asked.pnum, a);
        if (ret >= 0 && a->pnum == 0) {
            /* The file is shorter than the node says. */
            a->pnum = asked.pnum;
            ret = BDRV_BLOCK_ZERO | BDRV_BLOCK_ALLOCATED;
        }
        return ret;
    }
    if (ret & (BDRV_BLOCK_DATA | BDRV_BLOCK_ZERO)) {
        ret |= BDRV_BLOCK_ALLOCATED;
    } else if (want_zero) {
        ret |= unallocated_zero(bs, offset);
    }
    if (want_zero && (ret & BDRV_BLOCK_RECURSE) && (ret & BDRV_BLOCK_DATA) &&
        (ret & BDRV_BLOCK_OFFSET_VALID) && a->file && a->file != bs) {
        ret = recurse_to_file(ret, a);
    }
    return ret & ~(BDRV_BLOCK_RECURSE | BDRV_BLOCK_RAW);
}

/*
 * The status of a node of @length bytes.  The answer is cleared first, so that
 * a caller that ignores an error finds no file and no progress.
 */
static int coroutine_fn status_within(BlockDriverState *bs, bool want_zero,
                                      int64_t offset, int64_t bytes,
                                      int64_t length, Answer *a)
{
    int ret;

    *a = (Answer){ 0 };
    if (length < 0) {
        return length;
    }
    if (offset < 0 || bytes < 0) {
        return -EIO;
    }
    if (offset >= length) {
        return BDRV_BLOCK_EOF;
    }
    bytes = MIN(bytes, length - offset);
    if (bytes == 0) {
        return 0;
    }
    bdrv_inc_in_flight(bs);
    ret = inside_status(bs, want_zero, offset, bytes, a);
    bdrv_dec_in_flight(bs);
    if (ret < 0) {
        *a = (Answer){ 0 };
        return ret;
    }
    ret &= ~BDRV_BLOCK_EOF;
    return offset + a->pnum == length ? ret | BDRV_BLOCK_EOF : ret;
}

static int coroutine_fn node_status(BlockDriverState *bs, bool want_zero,
                                    int64_t offset, int64_t bytes, Answer *a)
{
    int64_t known = bdrv_known_length(bs), length;
    int ret = status_within(bs, want_zero, offset, bytes, known, a);

    if (ret >= 0 && a->pnum > 0 && a->pnum < bytes && !(ret & BDRV_BLOCK_EOF)) {
        return ret;
    }
    length = bdrv_getlength(bs);
    return length == known
           ? ret : status_within(bs, want_zero, offset, bytes, length, a);
}

/* Walks down the chain; the in-flight count of @bs holds all of it. */
static int coroutine_fn chain_status(BlockDriverState *bs,
                                     BlockDriverState *base, bool want_zero,
                                     int64_t offset, int64_t bytes, Answer *a,
                                     int *depth)
{
    BlockDriverState *node;
    int ret = 0;

    *depth = 0;
    for (node = bs; node && node != base; node = bdrv_backing_bs(node)) {
        if (node != bs) {
            (*depth)++;
        }
        ret = node_status(node, want_zero, offset, bytes, a);
        if (ret < 0 || node == bs) {
            if (ret < 0 || a->pnum == 0) {
                return ret;
            }
        } else if (a->pnum == 0 ||
                   ((ret & BDRV_BLOCK_ZERO) && (ret & BDRV_BLOCK_EOF))) {
            /* After the end of a shorter backing node all is zero. */
            a->pnum = bytes;
        }
        if (ret & (BDRV_BLOCK_DATA | BDRV_BLOCK_ZERO)) {
            break;
        }
        bytes = a->pnum;
    }
    return ret;
}

int coroutine_fn bdrv_co_block_status_above(BlockDriverState *bs,
                                            BlockDriverState *base,
                                            bool want_zero, int64_t offset,
                                            int64_t bytes, int64_t *pnum,
                                            int64_t *map,
                                            BlockDriverState **file, int *depth)
{
    Answer a = { 0 };
    int ret, levels;

    bdrv_inc_in_flight(bs);
    ret = chain_status(bs, base, want_zero, offset, bytes, &a, &levels);
    bdrv_dec_in_flight(bs);
    *pnum = a.pnum;
    if (map) {
        *map = a.map;
    }
    if (file) {
        *file = a.file;
    }
    if (depth) {
        *depth = levels;
    }
    return ret;
}

int coroutine_fn bdrv_co_block_status_from_file(BlockDriverState *bs,
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
