/* SPDX-License-Identifier: MIT */
/*
 * Space on the disk: what is written and flushed before it is used again, and
 * the end of the image when blocks were given back, the footer that is due
 * after what is then the last block, and cutting the file after it.
 *
 * Invariants:
 *   - The footer is written before the flush that comes before the BAT, so that
 *     it is on the disk when the BAT on the disk loses the entry.
 *   - Nothing is written over or cut off but what was given back, zeroes, old
 *     footers and the padding of the BAT, since anything else is not ours.
 */
#include "qemu/osdep.h"
#include "minblk/block-extra.h"
#include "vpc.h"

int coroutine_fn vpc_space_clear_bitmaps(BlockDriverState *bs,
                                         uint64_t generation)
{
    VpcState *s = bs->opaque;
    GArray *waiting = s->space.waiting;
    int ret = 0;

    for (guint i = 0; i < waiting->len && ret == 0; i++) {
        VpcFree free = g_array_index(waiting, VpcFree, i);

        if (free.wait <= s->space.written || free.wait > generation ||
            free.has_footer) {
            continue;
        }
        ret = bdrv_co_pwrite_zeroes(bs->file, free.range.start, s->bitmap_size,
                                    BDRV_REQ_MAY_UNMAP);
    }
    return ret;
}

/* ---- footers that are due ----------------------------------------------- */

static void end_add_due(VpcSpace *space, guint places)
{
    uint64_t end = places ? vpc_space_place(space, places - 1) +
                            vpc_space_block_bytes(space) : 0;
    uint64_t footer = vpc_layout_footer(MAX(end, space->structures_end));
    VpcRange sector = { footer, vpc_layout_after_footer(footer) };

    if (!vpc_space_footer_is_due(space, &sector)) {
        g_array_append_val(space->footers_due, footer);
    }
}

/* A block in a gap may be the last one by now, without a footer of its own. */
void vpc_space_publish(VpcSpace *space, const VpcSpot *spot)
{
    guint i = vpc_first_start(space->places, spot->offset);

    space->used->data[i] = VPC_PLACE_PUBLISHED;
    if (i + 1 == space->last && !spot->extends) {
        end_add_due(space, space->last);
    }
}

void vpc_space_give(VpcSpace *space, uint64_t offset)
{
    VpcFree free = {
        .range = { offset, offset + vpc_space_block_bytes(space) },
        .wait = space->generation,
    };
    guint i = vpc_space_unuse(space, offset / VPC_SECTOR);
    guint published = space->last;

    /* Blocks that are not in the BAT yet do not count: they may never be. */
    while (published &&
           space->used->data[published - 1] != VPC_PLACE_PUBLISHED) {
        published--;
    }
    if (i >= published) {
        end_add_due(space, published);
    }
    g_array_append_val(space->waiting, free);
}

/*
 * Where the ones end with which Windows pads the BAT to a page, if @start is in
 * them; else @start.
 */
static uint64_t end_after_padding(BlockDriverState *bs, uint64_t start)
{
    VpcState *s = bs->opaque;
    uint64_t bytes = -s->space.structures_end % VPC_PAGE;
    uint64_t end = s->space.structures_end + bytes;
    uint8_t buf[VPC_PAGE];

    if (start < s->space.structures_end || start >= end ||
        end > s->file_length ||
        bdrv_pread(bs->file, start, buf, end - start) < 0) {
        return start;
    }
    return vpc_is_padding(buf, end - start) ? end : start;
}

/* The index of the place that @footer would stand in; the number of places. */
static guint end_place_of(const VpcSpace *space, uint64_t footer)
{
    uint64_t bytes = vpc_space_block_bytes(space);
    guint i = vpc_first_start(space->places,
                              footer - MIN(footer, bytes - VPC_SECTOR));

    return i < space->places->len &&
           vpc_space_place(space, i) < vpc_layout_after_footer(footer)
           ? i : space->places->len;
}

/*
 * May the footer that is due be written?  Of what stands there all but a
 * block's bytes that were given back is looked at.
 */
static int coroutine_fn end_footer_fits(BlockDriverState *bs,
                                          uint64_t footer)
{
    VpcState *s = bs->opaque;
    guint i = end_place_of(&s->space, footer);
    int ret;

    if (i < s->space.places->len) {
        /*
         * The BAT on the disk may name the block that had this place, and a
         * footer over its bitmap would show what lies under clear bits.  So its
         * data is zero before.
         */
        ret = bdrv_co_zero_range(bs->file, vpc_space_place(&s->space, i) +
                                 s->bitmap_size, s->block_size,
                                 BDRV_REQ_MAY_UNMAP);
        if (ret == 0) {
            ret = bdrv_co_flush(bs->file->bs);
        }
        return ret < 0 ? ret : true;
    }
    if (end_after_padding(bs, footer) > footer) {
        return true;
    }
    ret = vpc_space_content(bs, footer, MIN(vpc_layout_after_footer(footer),
                                            s->file_length));
    return ret < 0 ? ret : ret != VPC_CONTENT_DATA;
}

/* A place that was given back keeps the footer: it is not used again. */
static void end_mark_footer(VpcSpace *space, uint64_t footer)
{
    VpcFree key = { .range = { .start = footer } };
    GSequenceIter *iter = g_sequence_search(space->usable, &key,
                                            vpc_space_compare, NULL);

    if (!g_sequence_iter_is_begin(iter)) {
        iter = g_sequence_iter_prev(iter);
        if (((VpcFree *)g_sequence_get(iter))->range.end > footer) {
            g_sequence_remove(iter);
        }
    }
    for (guint i = 0; i < space->waiting->len; i++) {
        VpcFree *free = &g_array_index(space->waiting, VpcFree, i);

        free->has_footer |= free->range.start <= footer &&
                            free->range.end > footer;
    }
}

int vpc_space_end_file(BlockDriverState *bs, uint64_t *offset)
{
    VpcState *s = bs->opaque;
    int64_t length = bdrv_getlength(bs->file->bs);
    uint64_t last = length - VPC_SECTOR;
    int ret;

    if (length < VPC_SECTOR) {
        return length < 0 ? length : -EINVAL;
    }
    *offset = last;
    ret = vpc_is_footer_at(bs, last);
    if (ret > 0 && bdrv_exact_length(bs->file->bs) % VPC_SECTOR) {
        return vpc_put_footer(bs, last);    /* completes what was cut off */
    }
    if (ret) {
        return MIN(ret, 0);
    }
    *offset = length;
    ret = vpc_put_footer(bs, length);
    if (ret < 0 && last >= vpc_space_end(&s->space) &&
        vpc_space_content(bs, last, length) == VPC_CONTENT_ZERO) {
        *offset = last;
        ret = vpc_put_footer(bs, last);
    }
    return ret;
}

/*
 * Writes the footer at @footer, if it may be.  1: a block is being put there,
 * and whether it stays is not known.
 */
static int coroutine_fn end_put_footer(BlockDriverState *bs, uint64_t footer)
{
    VpcState *s = bs->opaque;
    VpcSpace *space = &s->space;
    guint i = end_place_of(space, footer);
    int ret;

    if (i < space->places->len && space->used->data[i]) {
        return space->used->data[i] == VPC_PLACE_TAKEN;
    }
    ret = end_footer_fits(bs, footer);
    if (ret > 0) {
        end_mark_footer(space, footer);
        return vpc_put_footer(bs, footer);
    }
    if (ret == 0) {
        /* Another's data is there, so the footer comes after all of it. */
        space->keep = UINT64_MAX;
        ret = vpc_space_end_file(bs, &footer);
    }
    return ret;
}

int coroutine_fn vpc_space_before_bat(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    GArray *due = s->space.footers_due;
    guint kept = 0;
    int ret = 0;

    while (kept < due->len && ret >= 0) {
        ret = end_put_footer(bs, g_array_index(due, uint64_t, kept));
        if (ret == 0) {
            g_array_remove_index(due, kept);
        } else {
            kept++;
        }
    }
    return MIN(ret, 0);
}

/* Is all that lies after the footer given back, or zeroes and footers? */
static bool end_rest_is_free(BlockDriverState *bs, uint64_t start)
{
    VpcState *s = bs->opaque;
    VpcSpace *space = &s->space;

    start = end_after_padding(bs, start);
    for (guint i = space->last; i < space->places->len; i++) {
        uint64_t place = MIN(vpc_space_place(space, i), s->file_length);

        if (start < place &&
            (unsigned)vpc_space_content(bs, start, place) >=
            VPC_CONTENT_DATA) {
            return false;
        }
        start = MAX(start, place + vpc_space_block_bytes(space));
    }
    return start >= s->file_length ||
           (unsigned)vpc_space_content(bs, start, s->file_length) <
           VPC_CONTENT_DATA;
}

uint64_t vpc_space_footer(const VpcState *s)
{
    uint64_t end = vpc_space_end(&s->space);

    return end == s->space.opened_end ? s->footer_offset
                                      : vpc_layout_footer(end);
}

void vpc_space_cut(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    VpcSpace *space = &s->space;
    uint64_t end = vpc_layout_after_footer(vpc_space_footer(s));
    int64_t length;

    if (space->last == space->places->len || space->keep > end ||
        bdrv_flush(bs->file->bs) < 0) {
        return;
    }
    length = bdrv_getlength(bs->file->bs);
    if (length > (int64_t)end &&
        vpc_is_footer_at(bs, vpc_space_footer(s)) > 0 &&
        end_rest_is_free(bs, end)) {
        /* It saves space, no more. */
        bdrv_truncate(bs->file, end, true, PREALLOC_MODE_OFF, NULL);
    }
}

/* A BAT that a power cut may leave on the disk names the place at @offset. */
static bool end_waits(const VpcSpace *space, uint64_t offset)
{
    for (guint i = 0; i < space->waiting->len; i++) {
        if (g_array_index(space->waiting, VpcFree, i).range.start == offset) {
            return true;
        }
    }
    return false;
}

void coroutine_fn vpc_space_trim(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    VpcSpace *space = &s->space;
    guint n;

    qemu_co_mutex_lock(&space->gate);
    /* A flush may put a footer at the end. */
    qemu_co_mutex_lock(&s->flush_lock);
    n = space->places->len;
    while (n && space->used->data[n - 1] == VPC_PLACE_FREE &&
           !end_waits(space, vpc_space_place(space, n - 1))) {
        n--;
    }
    if (space->takers == 0 && space->keep != UINT64_MAX) {
        uint64_t end = n ? vpc_layout_after_footer(vpc_layout_footer(
                               vpc_space_place(space, n - 1) +
                               vpc_space_block_bytes(space))) : 0;

        end = MAX(end, s->file_length);
        /* A footer that is due is not there yet. */
        if (bdrv_getlength(bs->file->bs) > (int64_t)end &&
            vpc_is_footer_at(bs, end - VPC_SECTOR) > 0) {
            /* It saves space, no more. */
            bdrv_co_truncate(bs->file, end, true, PREALLOC_MODE_OFF, NULL);
        }
    }
    qemu_co_mutex_unlock(&s->flush_lock);
    qemu_co_mutex_unlock(&space->gate);
}
