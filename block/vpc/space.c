/* SPDX-License-Identifier: MIT */
/*
 * Free space: its states, and how it is taken and given back.  The invariants
 * stand in space.h.
 *
 *   given back ──► waiting ──► usable ──► taken
 *   gaps, when opened ──────────► │         ▲
 *   growth: after the last block ─┴─────────┘
 */
#include "qemu/osdep.h"
#include "vpc.h"

/* Gaps that are remembered when an image is opened. */
#define MAX_GAPS 4096

uint64_t vpc_space_block_bytes(const VpcSpace *space)
{
    return vpc_layout_block_bytes(space->block_size);
}

uint64_t vpc_space_place(const VpcSpace *space, guint i)
{
    return (uint64_t)g_array_index(space->places, uint32_t, i) * VPC_SECTOR;
}

uint64_t vpc_space_end(const VpcSpace *space)
{
    uint64_t end = space->last ? vpc_space_place(space, space->last - 1) +
                                 vpc_space_block_bytes(space) : 0;

    return MAX(end, space->structures_end);
}

/* The same of all places, since those that were given back may be waiting. */
static uint64_t space_places_end(const VpcSpace *space)
{
    guint n = space->places->len;
    uint64_t end = n ? vpc_space_place(space, n - 1) +
                       vpc_space_block_bytes(space) : 0;

    return MAX(end, space->structures_end);
}

/* ---- places ------------------------------------------------------------- */

/* The index of the first place at or after @entry. */
static guint space_find(const VpcSpace *space, uint32_t entry)
{
    return vpc_first_start(space->places, (uint64_t)entry * VPC_SECTOR);
}

static bool space_has_place(const VpcSpace *space, guint i, uint32_t entry)
{
    return i < space->places->len &&
           g_array_index(space->places, uint32_t, i) == entry;
}

static void space_use(VpcSpace *space, uint32_t entry)
{
    guint i = space_find(space, entry);

    if (!space_has_place(space, i, entry)) {
        g_array_insert_val(space->places, i, entry);
        g_byte_array_set_size(space->used, space->places->len);
        memmove(space->used->data + i + 1, space->used->data + i,
                space->places->len - i - 1);
        space->last += i < space->last;
    }
    space->used->data[i] = VPC_PLACE_TAKEN;
    space->last = MAX(space->last, i + 1);
}

guint vpc_space_unuse(VpcSpace *space, uint32_t entry)
{
    guint i = space_find(space, entry);

    assert(space_has_place(space, i, entry) && space->used->data[i]);
    space->used->data[i] = VPC_PLACE_FREE;
    while (space->last && !space->used->data[space->last - 1]) {
        space->last--;
    }
    return i;
}

/* No block goes there: other data is there, or nothing could be written. */
static void space_forget(VpcSpace *space, uint32_t entry)
{
    guint i = vpc_space_unuse(space, entry);

    g_array_remove_index(space->places, i);
    g_byte_array_remove_index(space->used, i);
    space->last -= i < space->last;
}

/* Is [@start, @end) apart from all places, used or not? */
bool vpc_space_no_place_in(const VpcSpace *space, uint64_t start,
                           uint64_t end)
{
    uint64_t bytes = vpc_space_block_bytes(space);
    guint i = vpc_first_start(space->places,
                              start - MIN(start, bytes - VPC_SECTOR));

    return i == space->places->len || vpc_space_place(space, i) >= end;
}

/* ---- usable ranges ------------------------------------------------------ */

gint vpc_space_compare(gconstpointer a, gconstpointer b, gpointer opaque)
{
    const VpcFree *x = a, *y = b;

    return x->range.start < y->range.start ? -1
           : x->range.start > y->range.start;
}

static void space_add_usable(VpcSpace *space, const VpcFree *free)
{
    g_sequence_insert_sorted(space->usable, g_memdup2(free, sizeof(*free)),
                             vpc_space_compare, NULL);
}

/* The last block has room after it, for a footer and no other place. */
static uint64_t space_spot_after_last(const VpcSpace *space,
                                      const VpcFree *free)
{
    uint64_t footer = vpc_layout_footer(vpc_space_end(space));
    uint64_t offset = vpc_layout_block(
        space->block_size,
        MAX(free->range.start, vpc_layout_after_footer(footer)));
    uint64_t end = offset + vpc_space_block_bytes(space);

    if (end > free->range.end ||
        (free->unknown && vpc_layout_after_footer(end) > free->range.end) ||
        !vpc_space_no_place_in(space, end, vpc_layout_after_footer(end))) {
        return UINT64_MAX;
    }
    return offset;
}

/* Takes the block's part out of the range that @iter is at. */
static void space_split(VpcSpace *space, GSequenceIter *iter, uint64_t end)
{
    VpcFree rest = *(VpcFree *)g_sequence_get(iter);

    g_sequence_remove(iter);
    rest.range.start = end;
    if (rest.unknown &&
        rest.range.end - end >= vpc_space_block_bytes(space)) {
        space_add_usable(space, &rest);
    }
}

static int coroutine_fn space_put_durable(BlockDriverState *bs,
                                          uint64_t footer)
{
    int ret = vpc_put_footer(bs, footer);

    return ret < 0 ? ret : bdrv_co_flush(bs->file->bs);
}

/*
 * Space between blocks is free by the BAT as it was read, which a process that
 * was killed may have written without a flush: a power cut could bring an entry
 * back.  So the file is flushed once before such space is used.  The footer is
 * written for it, because the layer flushes only what it has written to.
 */
static int coroutine_fn space_settle(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    int ret = 0;

    qemu_co_mutex_lock(&s->space.lock);
    if (!s->space.settled) {
        ret = space_put_durable(bs, s->footer_offset);
        s->space.settled = ret == 0;
    }
    qemu_co_mutex_unlock(&s->space.lock);
    return ret;
}

/*
 * May @spot in a gap be used?  Sets spot->stale.  Where it begins directly
 * after a block (@packed) no footer may stand: that block may be the last one
 * of the BAT on the disk.
 */
static bool coroutine_fn space_gap_is_free(BlockDriverState *bs, VpcSpot *spot,
                                           bool packed)
{
    VpcState *s = bs->opaque;
    uint64_t end = spot->offset + vpc_space_block_bytes(&s->space);
    int content;

    if (spot->extends) {
        end = vpc_layout_after_footer(end);
    }
    if (vpc_over_structure(s, spot->offset, end) ||
        vpc_over_room(s, spot->offset, end)) {
        return false;
    }
    content = vpc_space_content(bs, spot->offset, end);
    if (content == VPC_CONTENT_FOOTERS && packed) {
        return false;
    }
    spot->stale = content == VPC_CONTENT_FOOTERS;
    return content >= 0 && content != VPC_CONTENT_DATA &&
           space_settle(bs) == 0;
}

/* Of the ranges after the last block only the first one is tried. */
static bool coroutine_fn space_take_usable(BlockDriverState *bs, VpcSpot *spot)
{
    VpcState *s = bs->opaque;
    VpcSpace *space = &s->space;
    GSequenceIter *iter = g_sequence_get_begin_iter(space->usable);

    while (!g_sequence_iter_is_end(iter)) {
        VpcFree free = *(VpcFree *)g_sequence_get(iter);
        GSequenceIter *next = g_sequence_iter_next(iter);
        bool extends = free.range.start >= vpc_space_end(space);
        uint64_t offset = extends
            ? space_spot_after_last(space, &free)
            : vpc_layout_block_in(space->block_size, &free.range);

        if (offset == UINT64_MAX && extends) {
            return false;
        }
        if (vpc_space_footer_is_due(space, &free.range)) {
            iter = next;        /* the next flush writes a footer there */
            continue;
        }
        if (offset == UINT64_MAX ||
            !vpc_layout_entry(space->block_size, offset, &spot->entry)) {
            g_sequence_remove(iter);
            iter = next;
            continue;
        }
        spot->offset = offset;
        spot->extends = extends;
        spot->stale = true;
        spot->growth = NULL;
        space_split(space, iter, offset + vpc_space_block_bytes(space));
        space_use(space, spot->entry);
        if (!free.unknown ||
            space_gap_is_free(bs, spot, offset == free.range.start)) {
            return true;
        }
        space_forget(space, spot->entry);
        iter = g_sequence_get_begin_iter(space->usable);
    }
    return false;
}

/* ---- growth ------------------------------------------------------------- */

/*
 * Where blocks go after the last one.  Inside the file, if it goes on after the
 * image, and all of that reads as zeroes; else after all that the file holds. A
 * node that does not grow with zeroes may be a device, which cannot grow: there
 * the rest is used at last, whatever it holds, because nothing else is left.
 */
static int coroutine_fn space_find_growth(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    VpcSpace *space = &s->space;
    uint64_t footer = vpc_layout_footer(space_places_end(space));
    bool has_footer = footer == s->footer_offset;
    VpcGrowth inside = {
        .start = MAX(vpc_layout_after_footer(footer), space->floor),
        .end = s->file_length - VPC_SECTOR,
        .stale = !s->file_grows_zeroed,
    };
    VpcGrowth after = {
        .start = MAX(s->file_length, space->floor),
        .end = UINT64_MAX,
        .stale = !s->file_grows_zeroed,
    };
    bool fits = vpc_layout_block(space->block_size, inside.start) +
                vpc_space_block_bytes(space) <= inside.end;
    int content;

    space->growth[0] = after;
    space->growth[1] = (VpcGrowth) { 0 };
    if (!fits) {
        return 0;
    }
    if (!s->file_grows_zeroed) {
        space->growth[1] = inside;
        return 0;
    }
    content = vpc_space_content(bs, has_footer ? inside.start : footer,
                                inside.end);
    if (content == VPC_CONTENT_ZERO) {
        /* The last sector may hold what is not the image's. */
        content = vpc_space_content(bs, inside.end, s->file_length);
        content = content == VPC_CONTENT_FOOTERS ? VPC_CONTENT_ZERO : content;
    }
    if (content == VPC_CONTENT_ZERO) {
        space->growth[0] = inside;
        space->growth[1] = after;
    }
    return MIN(content, 0);
}

static int space_take_from(VpcSpace *space, VpcGrowth *g, VpcSpot *spot)
{
    uint64_t offset = vpc_layout_block(space->block_size, g->start);
    uint64_t end = offset + vpc_space_block_bytes(space);

    if (g->start >= g->end || end > g->end ||
        !vpc_layout_entry(space->block_size, offset, &spot->entry)) {
        return -ENOSPC;
    }
    spot->offset = offset;
    spot->stale = g->stale;
    spot->extends = true;
    spot->growth = g;
    g->start = vpc_layout_after_footer(vpc_layout_footer(end));
    space_use(space, spot->entry);
    return 0;
}

/* After all that was taken before, since growth has no gaps to fill. */
static int coroutine_fn space_take_growth(BlockDriverState *bs, VpcSpot *spot)
{
    VpcState *s = bs->opaque;
    VpcSpace *space = &s->space;
    int ret = 0;

    qemu_co_mutex_lock(&space->lock);
    if (!space->growth_known) {
        ret = space_find_growth(bs);
        space->growth_known = ret == 0;
    }
    if (ret == 0) {
        ret = space_take_from(space, &space->growth[0], spot);
        if (ret < 0) {
            ret = space_take_from(space, &space->growth[1], spot);
        }
    }
    if (ret == 0 && spot->growth->end != UINT64_MAX && !space->ended) {
        /* Because other programs look for it at the end of a longer file. */
        if (s->footer_offset != spot->growth->end) {
            ret = space_put_durable(bs, spot->growth->end);
        }
        space->ended = ret == 0;
        if (ret < 0) {
            vpc_space_unreachable(space, spot, 0);
        }
    }
    qemu_co_mutex_unlock(&space->lock);
    return ret;
}

int coroutine_fn vpc_space_take(BlockDriverState *bs, VpcSpot *spot)
{
    return space_take_usable(bs, spot) ? 0 : space_take_growth(bs, spot);
}

/* ---- giving back -------------------------------------------------------- */

void vpc_space_put_back(VpcSpace *space, const VpcSpot *spot)
{
    VpcFree free = {
        .range = { spot->offset, spot->offset + vpc_space_block_bytes(space) },
    };

    vpc_space_unuse(space, spot->entry);
    space_add_usable(space, &free);
}

bool vpc_space_unreachable(VpcSpace *space, const VpcSpot *spot, int ret)
{
    VpcGrowth *g = spot->growth;
    uint64_t end = spot->offset + vpc_space_block_bytes(space);

    space_forget(space, spot->entry);
    if (!g) {
        return false;
    }
    if (g->start == vpc_layout_after_footer(vpc_layout_footer(end))) {
        g->start = spot->offset;
    }
    if (g != &space->growth[0] || space->growth[1].end == 0 ||
        !vpc_space_is_full(ret)) {
        return false;
    }
    /* It is a device, or the disk is full: only the other one is left. */
    g->end = 0;
    return true;
}

/* ---- flushing ----------------------------------------------------------- */

void vpc_space_durable(VpcSpace *space)
{
    guint n = 0;

    space->durable = space->written;
    while (n < space->waiting->len) {
        const VpcFree *free = &g_array_index(space->waiting, VpcFree, n);

        if (free->wait > space->durable) {
            break;
        }
        if (!free->has_footer) {
            space_add_usable(space, free);
        }
        n++;
    }
    g_array_remove_range(space->waiting, 0, n);
}

/* ---- opening ------------------------------------------------------------ */

/* A gap that is larger than all blocks together was made on purpose. */
static void space_note_gap(VpcSpace *space, uint64_t start, uint64_t end,
                           uint64_t largest)
{
    VpcFree gap = { .range = { start, end }, .unknown = true };

    if (end >= start + vpc_space_block_bytes(space) && end - start <= largest &&
        g_sequence_get_length(space->usable) < MAX_GAPS) {
        space_add_usable(space, &gap);
    }
}

void vpc_space_open(BlockDriverState *bs, const GArray *starts)
{
    VpcState *s = bs->opaque;
    VpcSpace *space = &s->space;
    uint64_t largest = s->bat.blocks * vpc_space_block_bytes(space);
    uint64_t end = space->structures_end;

    for (guint i = 0; i < starts->len; i++) {
        uint32_t entry = g_array_index(starts, uint32_t, i);
        uint64_t place = (uint64_t)entry * VPC_SECTOR;

        if (i > 0 && g_array_index(starts, uint32_t, i - 1) == entry) {
            continue;
        }
        space_note_gap(space, end, place, largest);
        g_array_append_val(space->places, entry);
        end = MAX(end, place + vpc_space_block_bytes(space));
    }
    space->last = space->places->len;
    if (space->last) {
        g_byte_array_set_size(space->used, space->last);
        memset(space->used->data, VPC_PLACE_PUBLISHED, space->last);
    }
    space->opened_end = vpc_space_end(space);
    if (s->file_length > vpc_layout_after_footer(s->footer_offset)) {
        space->keep = s->file_length;
    }
}

void vpc_space_init(VpcSpace *space)
{
    qemu_co_mutex_init(&space->lock);
    qemu_co_mutex_init(&space->gate);
    space->places = g_array_new(false, false, sizeof(uint32_t));
    space->used = g_byte_array_new();
    space->usable = g_sequence_new(g_free);
    space->waiting = g_array_new(false, false, sizeof(VpcFree));
    space->footers_due = g_array_new(false, false, sizeof(uint64_t));
    space->generation = 1;
}

void vpc_space_close(VpcSpace *space)
{
    g_array_free(space->places, true);
    g_byte_array_free(space->used, true);
    g_sequence_free(space->usable);
    g_array_free(space->waiting, true);
    g_array_free(space->footers_due, true);
}
