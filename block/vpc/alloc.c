/* SPDX-License-Identifier: MIT */
/*
 * Space for a block, in three steps:
 *
 *   reserve  take space, and see to it that a footer ends the file behind it;
 *   fill     write the sector bitmap (all ones) and the data, zeroes elsewhere;
 *   publish  set the table entry, in memory; the next flush writes it.
 *
 * Each step can fail; then the space is spare, to be cleared and used for the
 * next block, and nothing points at it.
 *
 * Where space comes from, in this order:
 *
 *   spare    given back while the image was open: blocks that were unmapped,
 *            once no table on the disk points there; failed allocations;
 *   gaps     holes of the file between blocks, or between the last one and the
 *            footer, that fit one: left by earlier sessions' unmapping;
 *   growth   behind all that the file holds;
 *   inside   where the file cannot grow (a block device, a full disk): between
 *            the last block and the end.
 *
 * The footer ends a page of the file, as in images of Windows.  Programs that
 * pack blocks take it for granted that it follows the last one (QEMU up to 10.0
 * leaves it inside the next block otherwise), so it stays so in their images.
 *
 * Why the old footer never shows up as guest data: growth begins at the footer,
 * before it in its page, or behind the file's end; the data of a block begins at
 * the next multiple of 4 KiB, and its bitmap lies in between and over the
 * footer.  Blocks of less than 4 KiB are packed, and so cleared; as is all space
 * that may be stale.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "vpc.h"

#define PAGE 4096

/* Space for one block. */
typedef struct Space {
    uint32_t entry;             /* sectors */
    bool stale;                 /* it may hold anything */
} Space;

static uint64_t align_of(const VpcState *s)
{
    return s->block_size >= PAGE ? PAGE : VPC_SECTOR;
}

/*
 * The first block with its data aligned that begins at or behind @start: its
 * entry, and its *@end in bytes.
 */
static uint64_t place_block(const VpcState *s, uint64_t start, uint64_t *end)
{
    uint64_t data = ROUND_UP(start + s->bitmap_size, align_of(s));

    *end = data + s->block_size;
    return (data - s->bitmap_size) / VPC_SECTOR;
}

static uint64_t end_of(const VpcState *s, const Space *space)
{
    return (uint64_t)space->entry * VPC_SECTOR + s->bitmap_size +
           s->block_size;
}

/*
 * Where the footer goes when all else ends at @end: to the last sector of that
 * page; but directly behind, where the image came with it there.
 */
static uint64_t footer_behind(const VpcState *s, uint64_t end)
{
    return s->footer_follows ? end
                             : ROUND_UP(end + VPC_SECTOR, PAGE) - VPC_SECTOR;
}

/* ---- what is free when an image is opened ------------------------------- */

/*
 * Where growth begins in an image whose footer ends the file: at the footer, or
 * behind all else at @end, where nothing but the alignment of the footer lies
 * in between.  So blocks lie as if the image had never been closed.  But blocks
 * of less than a page may lie there, which have lost their entries.
 */
static uint64_t growth_start(const VpcState *s, uint64_t end)
{
    return s->footer_offset == footer_behind(s, end) && s->block_size >= PAGE
           ? end : s->footer_offset;
}

/* Room for a block, and not for all of them: that was made on purpose. */
static bool is_gap(const VpcState *s, uint64_t start, uint64_t end)
{
    uint64_t stride = (uint64_t)s->bitmap_size + s->block_size;

    return end >= start + stride && end - start <= s->bat.blocks * stride;
}

void vpc_alloc_open(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    bool at_end = s->footer_offset + VPC_SECTOR >= s->file_length;
    uint64_t end = MAX(vpc_structures_end(s, true), s->stats.end);
    uint64_t growth;

    growth = at_end ? growth_start(s, end) : s->file_length;
    s->tail_gap = at_end && is_gap(s, end, s->footer_offset);
    s->footer_follows = (s->footer_offset == end || s->tail_gap) &&
                        (s->file_length % PAGE || !s->stats.aligned);

    s->free_offset = MAX(s->free_offset, growth);
    for (unsigned i = 0; i < VPC_LOCATORS; i++) {
        s->free_offset = MAX(s->free_offset, s->rooms[i].end);
    }
    s->inside.start = end;
    s->inside.end = at_end ? growth : growth - VPC_SECTOR;
    s->file_grows_zeroed = bdrv_has_zero_init_truncate(bs->file->bs);
}

/* ---- reserve ------------------------------------------------------------ */

static void give_back(VpcState *s, const Space *space)
{
    g_array_append_val(s->spare, space->entry);
}

static bool take_spare(VpcState *s, Space *space)
{
    if (!s->spare->len) {
        return false;
    }
    space->entry = g_array_index(s->spare, uint32_t, s->spare->len - 1);
    space->stale = true;
    g_array_set_size(s->spare, s->spare->len - 1);
    return true;
}

/*
 * Is the range a hole?  A block that was punched leaves a page at each end that
 * it shares with what is beside it; so that much is read.
 */
static bool coroutine_fn reads_as_zeroes(BlockDriverState *bs, uint64_t start,
                                         uint64_t end)
{
    uint8_t page[PAGE];
    int pages = 4;

    while (start < end) {
        int64_t pnum;
        int ret = bdrv_block_status(bs->file->bs, start, end - start, &pnum,
                                    NULL, NULL);

        if (ret >= 0 && !(ret & BDRV_BLOCK_ZERO) && pages-- > 0) {
            pnum = MIN(pnum, PAGE - (int64_t)(start % PAGE));
            ret = bdrv_co_pread(bs->file, start, pnum, page, 0);
            if (ret >= 0 && buffer_is_zero(page, pnum)) {
                ret = BDRV_BLOCK_ZERO;
            }
        }
        if (ret < 0 || !(ret & BDRV_BLOCK_ZERO) || pnum <= 0) {
            return false;
        }
        start += pnum;
    }
    return true;
}

static int coroutine_fn write_footer(BlockDriverState *bs, uint64_t offset)
{
    VpcState *s = bs->opaque;
    int ret = bdrv_co_pwrite(bs->file, offset, sizeof(s->footer), &s->footer,
                             0);

    if (ret == 0) {
        s->footer_offset = offset;
        s->file_end = offset;
    }
    return ret;
}

/*
 * Space between blocks is free by the table as it was read, which a process that
 * was killed may have written without a flush: a power cut could bring an entry
 * back.  So the file is flushed once before such space is used; the layer asks
 * the file only when something was written to it.
 */
static int coroutine_fn settle_table(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    int ret = 0;

    qemu_co_mutex_lock(&s->footer_lock);
    if (!s->table_settled) {
        ret = write_footer(bs, s->footer_offset);
        if (ret == 0) {
            ret = bdrv_co_flush(bs->file->bs);
        }
        s->table_settled = ret == 0;
    }
    qemu_co_mutex_unlock(&s->footer_lock);
    return ret;
}

/*
 * A gap that holds data is not touched: it might be another program's.  The
 * part that is looked at is taken first, since others run meanwhile.
 */
static bool coroutine_fn take_gap(BlockDriverState *bs, Space *space)
{
    VpcState *s = bs->opaque;

    while (s->gaps->len) {
        VpcRange *gap = &g_array_index(s->gaps, VpcRange, s->gaps->len - 1);
        uint64_t end;
        uint64_t entry = place_block(s, gap->start, &end);

        if (end > gap->end) {
            g_array_set_size(s->gaps, s->gaps->len - 1);
            continue;
        }
        gap->start = end;
        if (!vpc_over_structure(s, entry * VPC_SECTOR, end) &&
            !vpc_over_room(s, entry * VPC_SECTOR, end) &&
            reads_as_zeroes(bs, entry * VPC_SECTOR, end) &&
            settle_table(bs) == 0) {
            *space = (Space) { .entry = entry };
            return true;
        }
    }
    return false;
}

/*
 * The same for the gap before the footer, which is also the space inside: what
 * holds data stays there.
 */
static bool coroutine_fn take_tail_gap(BlockDriverState *bs, Space *space)
{
    VpcState *s = bs->opaque;
    uint64_t start = s->inside.start;
    uint64_t end;
    uint64_t entry = place_block(s, start, &end);

    if (!s->tail_gap || end > s->inside.end) {
        return false;
    }
    s->inside.start = end;
    if (reads_as_zeroes(bs, entry * VPC_SECTOR, end) &&
        settle_table(bs) == 0) {
        *space = (Space) { .entry = entry };
        return true;
    }
    s->tail_gap = false;
    if (s->inside.start == end) {
        s->inside.start = start;
    }
    return false;
}

static int take_growth(VpcState *s, Space *space)
{
    uint64_t end;
    uint64_t entry = place_block(s, s->free_offset, &end);

    /* Entries are 32-bit sector numbers, and so is the footer's. */
    if (footer_behind(s, end) / VPC_SECTOR >= VPC_UNALLOCATED) {
        return -ENOSPC;
    }
    *space = (Space) {
        .entry = entry,
        .stale = !s->file_grows_zeroed || align_of(s) < PAGE,
    };
    s->free_offset = end;
    return 0;
}

/* Makes a footer end the file behind @end, and behind all growth until now. */
static int coroutine_fn move_footer(BlockDriverState *bs, uint64_t end)
{
    VpcState *s = bs->opaque;
    int ret = 0;

    qemu_co_mutex_lock(&s->footer_lock);
    if (s->footer_offset < end) {
        ret = write_footer(bs, footer_behind(s, MAX(end, s->free_offset)));
    }
    qemu_co_mutex_unlock(&s->footer_lock);
    return ret;
}

/*
 * In an image that ends before its file does, the footer goes to the end of the
 * file before the one behind the last block is given up, or is behind the last
 * block no more; it is the only footer then, so it is made durable.
 */
static int coroutine_fn end_with_footer(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    int ret = 0;

    qemu_co_mutex_lock(&s->footer_lock);
    if (s->footer_offset < s->inside.end) {
        ret = write_footer(bs, s->inside.end);
        if (ret == 0) {
            ret = bdrv_co_flush(bs->file->bs);
        }
    }
    qemu_co_mutex_unlock(&s->footer_lock);
    return ret;
}

static int coroutine_fn take_inside(BlockDriverState *bs, Space *space)
{
    VpcState *s = bs->opaque;
    uint64_t end;
    uint64_t entry = place_block(s, s->inside.start, &end);
    int ret;

    if (end > s->inside.end) {
        return -ENOSPC;
    }
    *space = (Space) { .entry = entry, .stale = true };
    s->inside.start = end;
    ret = end_with_footer(bs);
    if (ret == 0) {
        ret = settle_table(bs);
    }
    if (ret < 0) {
        give_back(s, space);
    }
    return ret;
}

static int coroutine_fn reserve(BlockDriverState *bs, Space *space)
{
    VpcState *s = bs->opaque;
    int ret = 0;

    if (!take_spare(s, space) && !take_gap(bs, space) &&
        !take_tail_gap(bs, space)) {
        ret = take_growth(s, space);
        if (ret < 0) {
            return ret;
        }
    }
    ret = move_footer(bs, end_of(s, space));
    if (ret < 0) {
        give_back(s, space);
    }
    return ret == -ENOSPC || ret == -EFBIG ? take_inside(bs, space) : ret;
}

/* ---- fill --------------------------------------------------------------- */

/* A block of 2 GiB is more than one request can zero. */
static int coroutine_fn zero_file(BlockDriverState *bs, uint64_t offset,
                                  uint64_t bytes, BdrvRequestFlags flags)
{
    int ret = 0;

    while (bytes && ret == 0) {
        int n = MIN(bytes, 1 * GiB);

        ret = bdrv_co_pwrite_zeroes(bs->file, offset, n, flags);
        offset += n;
        bytes -= n;
    }
    return ret;
}

/* The bitmap and the data that follows it at once. */
static int coroutine_fn write_from_start(BlockDriverState *bs, uint32_t entry,
                                         uint32_t bytes, QEMUIOVector *qiov,
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

static int coroutine_fn fill(BlockDriverState *bs, const Space *space,
                             uint32_t offset, uint32_t bytes,
                             QEMUIOVector *qiov, size_t qiov_offset)
{
    VpcState *s = bs->opaque;
    QEMUIOVector part;
    int ret;

    if (space->stale) {
        ret = zero_file(bs, vpc_data_offset(s, space->entry), s->block_size,
                        0);
        if (ret < 0) {
            return ret;
        }
    }
    if (offset == 0 && qiov->niov < IOV_MAX &&
        bytes <= BDRV_REQUEST_MAX_BYTES - s->bitmap_size) {
        return write_from_start(bs, space->entry, bytes, qiov, qiov_offset);
    }

    ret = bdrv_co_pwrite(bs->file, (uint64_t)space->entry * VPC_SECTOR,
                         s->bitmap_size, s->ones, 0);
    if (ret < 0) {
        return ret;
    }
    qemu_iovec_init_slice(&part, qiov, qiov_offset, bytes);
    ret = bdrv_co_pwritev(bs->file,
                          vpc_data_offset(s, space->entry) + offset, bytes,
                          &part, 0);
    qemu_iovec_destroy(&part);
    return ret;
}

/* ---- all three steps ---------------------------------------------------- */

int coroutine_fn vpc_allocate(BlockDriverState *bs, uint32_t block,
                              uint32_t offset, uint32_t bytes,
                              QEMUIOVector *qiov, size_t qiov_offset)
{
    VpcState *s = bs->opaque;
    Space space;
    int ret;

    if (!s->ones) {
        s->ones = qemu_try_blockalign(bs->file->bs, s->bitmap_size);
        if (!s->ones) {
            return -ENOMEM;
        }
        memset(s->ones, 0xff, s->bitmap_size);
    }
    ret = reserve(bs, &space);
    if (ret < 0) {
        return ret;
    }
    ret = fill(bs, &space, offset, bytes, qiov, qiov_offset);
    if (ret == 0) {
        ret = vpc_bat_set(bs, block, space.entry, true);
    }
    if (ret < 0) {
        give_back(s, &space);
    } else if (space.stale) {
        VpcPlaced placed = { block, space.entry };

        g_array_append_val(s->exposed, placed);
    }
    return ret;
}

/*
 * Until a flush has written the table without the entry, and another one has
 * made that durable, a power cut may bring the entry back: only then the space
 * is spare.  Punching it at once is safe: the block is to read as zeroes.  But
 * its bitmap, which XenServer's map on the disk may call full, stays so long.
 */
int coroutine_fn vpc_unmap(BlockDriverState *bs, uint32_t block,
                           uint32_t entry)
{
    VpcState *s = bs->opaque;
    uint32_t kept = s->batmap.map ? s->bitmap_size : 0;
    int ret = end_with_footer(bs);

    if (ret == 0) {
        ret = vpc_bat_set(bs, block, VPC_UNALLOCATED, false);
    }
    if (ret < 0) {
        return ret;
    }
    vpc_bitmap_forget(s, block);
    g_array_append_val(s->freed, entry);
    /* It saves space, no more. */
    zero_file(bs, (uint64_t)entry * VPC_SECTOR + kept,
              (uint64_t)s->bitmap_size - kept + s->block_size,
              BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK);
    return 0;
}
