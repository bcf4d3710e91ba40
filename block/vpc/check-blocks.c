/* SPDX-License-Identifier: MIT */
/*
 * Check of the block allocation table: entries that cannot be, blocks that
 * overlap; and where blocks that must move are to go.
 *
 * Invariants:
 *   - The table is read in pieces, what of it is a hole not at all; overlaps are
 *     found by sorting.
 *   - Of blocks that overlap, those that begin first stay as far as they do not
 *     overlap each other; of two with one entry, that of the lower number.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "check.h"

#define PIECE_ENTRIES (16 * KiB)

static uint64_t start_of(uint32_t entry)
{
    return (uint64_t)entry * VPC_SECTOR;
}

static uint64_t entry_offset(const VpcState *s, uint32_t block)
{
    return s->bat.offset + (uint64_t)block * sizeof(uint32_t);
}

VpcFault vpc_entry_fault(const VpcState *s, uint32_t entry)
{
    uint64_t start = start_of(entry);
    uint64_t data = start + s->bitmap_size;
    uint64_t end = data + s->block_size;

    if (start >= s->file_end) {
        return VPC_FAULT_OUTSIDE;
    }
    if (vpc_over_structure(s, start, data)) {
        return VPC_FAULT_OVER;
    }
    if (vpc_over_structure(s, data, end)) {
        return VPC_FAULT_INTO;
    }
    return end > s->file_end ? VPC_FAULT_CUT : VPC_FAULT_NONE;
}

/* ---- walking over the table --------------------------------------------- */

static int walk_piece(VpcCheck *c, const uint32_t *raw, uint32_t first,
                      uint32_t count, VpcWalk *fn)
{
    uint32_t i = 0;

    while (i < count) {
        uint32_t n = 1;
        int ret;

        while (i + n < count && raw[i + n] == raw[i]) {
            n++;
        }
        ret = fn(c, first + i, n, be32_to_cpu(raw[i]));
        if (ret < 0) {
            return ret;
        }
        i += n;
    }
    return 0;
}

/* How many entries from @block on are a hole of the file, where long. */
static uint32_t entries_in_hole(VpcCheck *c, uint32_t block, uint32_t blocks)
{
    VpcState *s = c->bs->opaque;
    uint64_t bytes = (uint64_t)(blocks - block) * 4;
    int64_t pnum = 0;
    int ret;

    if (bytes < PIECE_ENTRIES * 4) {
        return 0;
    }
    ret = bdrv_block_status(c->bs->file->bs, entry_offset(s, block), bytes,
                            &pnum, NULL, NULL);
    return ret >= 0 && (ret & BDRV_BLOCK_ZERO) ? MIN((uint64_t)pnum, bytes) / 4
                                               : 0;
}

int vpc_check_walk(VpcCheck *c, uint32_t blocks, VpcWalk *fn)
{
    VpcState *s = c->bs->opaque;
    g_autofree uint32_t *raw = g_new(uint32_t, PIECE_ENTRIES);
    uint32_t block = 0;
    int ret = 0;

    while (block < blocks && ret >= 0) {
        uint32_t n = entries_in_hole(c, block, blocks);

        if (n) {
            ret = fn(c, block, n, 0);
            block += n;
            continue;
        }
        n = MIN(blocks - block, PIECE_ENTRIES);
        ret = bdrv_pread(c->bs->file, entry_offset(s, block), raw, n * 4);
        if (ret >= 0) {
            ret = walk_piece(c, raw, block, n, fn);
        }
        block += n;
    }
    return ret < 0 ? ret : 0;
}

/* ---- each entry for itself ---------------------------------------------- */

static void count_fragments(VpcCheck *c, uint32_t entry)
{
    VpcState *s = c->bs->opaque;
    uint64_t offset = start_of(entry);

    c->bfi.fragmented_clusters +=
        c->previous && !vpc_layout_follows(s->block_size, c->previous, offset);
    c->previous = offset;
}

static int judge_entries(VpcCheck *c, uint32_t block, uint32_t count,
                         uint32_t entry)
{
    VpcState *s = c->bs->opaque;
    VpcDrop drop = { block, count };
    VpcFault fault;

    if (entry == VPC_UNALLOCATED) {
        return 0;
    }
    fault = vpc_entry_fault(s, entry);
    if (fault == VPC_FAULT_OUTSIDE || fault == VPC_FAULT_OVER) {
        vpc_found_blocks(c, fault, entry_offset(s, block), block, count, entry,
                         0);
        g_array_append_val(c->drops, drop);
        return 0;
    }
    c->look_again |= fault != VPC_FAULT_NONE;
    c->bfi.allocated_clusters += count;
    for (uint32_t i = 0; i < count; i++) {
        count_fragments(c, entry);
        g_array_append_val(c->starts, entry);
    }
    return 0;
}

/* ---- overlaps ----------------------------------------------------------- */

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static int compare_shared(const void *a, const void *b)
{
    return compare_u32(&((const VpcShared *)a)->entry,
                       &((const VpcShared *)b)->entry);
}

VpcShared *vpc_check_shared(const VpcCheck *c, uint32_t entry)
{
    const VpcShared key = { .entry = entry };

    return c->shared->len
           ? bsearch(&key, c->shared->data, c->shared->len, sizeof(key),
                     compare_shared)
           : NULL;
}

/* Sorts the entries, and sorts out those that share space. */
static void find_shared(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    const uint32_t *entries = (const uint32_t *)c->starts->data;
    uint64_t stride = c->block_bytes / VPC_SECTOR;
    uint64_t kept_end = 0;
    guint n = c->starts->len;

    if (n > 1) {
        qsort(c->starts->data, n, sizeof(uint32_t), compare_u32);
    }
    for (guint i = 0; i < n; i++) {
        uint32_t entry = entries[i];
        bool before = i > 0 && entry - entries[i - 1] < stride;
        bool after = i + 1 < n && entries[i + 1] - entry < stride;
        bool keep = vpc_entry_fault(s, entry) != VPC_FAULT_INTO &&
                    entry >= kept_end;

        if ((before || after) && !(i > 0 && entries[i - 1] == entry)) {
            VpcShared shared = {
                .entry = entry,
                .other = before ? entries[i - 1] : entries[i + 1],
                .keep = keep,
            };

            g_array_append_val(c->shared, shared);
        }
        if (keep) {
            kept_end = entry + stride;
        }
    }
    c->data_end = MAX(c->data_end, kept_end * VPC_SECTOR);
}

/* The part of a block that stays in its place, but is behind the end. */
static void note_cut(VpcCheck *c, uint32_t entry)
{
    VpcState *s = c->bs->opaque;
    VpcRange cut = {
        MAX(start_of(entry), s->file_end),
        start_of(entry) + c->block_bytes,
    };

    g_array_append_val(c->cuts, cut);
}

static void judge_again(VpcCheck *c, uint32_t block, uint32_t entry,
                        VpcFault fault)
{
    VpcState *s = c->bs->opaque;
    uint64_t offset = entry_offset(s, block);
    VpcShared *shared = vpc_check_shared(c, entry);
    bool move = fault == VPC_FAULT_INTO;

    if (fault != VPC_FAULT_NONE) {
        vpc_found_blocks(c, fault, offset, block, 1, entry, 0);
    }
    if (shared) {
        vpc_found_blocks(c, VPC_FAULT_SHARED, offset, block, 1, entry,
                         shared->other);
        move |= !shared->keep || shared->seen;
        shared->seen = true;
    }
    if (move) {
        VpcMove m = { .block = block, .from = entry };

        g_array_append_val(c->moves, m);
    } else if (fault == VPC_FAULT_CUT) {
        note_cut(c, entry);
    }
}

static int judge_entries_again(VpcCheck *c, uint32_t block, uint32_t count,
                               uint32_t entry)
{
    VpcFault fault = vpc_entry_fault(c->bs->opaque, entry);

    if (fault == VPC_FAULT_OUTSIDE || fault == VPC_FAULT_OVER) {
        return 0;               /* unallocated, or judged before */
    }
    for (uint32_t i = 0; i < count; i++) {
        judge_again(c, block + i, entry, fault);
    }
    return 0;
}

int vpc_check_blocks(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    int ret;

    c->data_end = MAX(c->data_end, vpc_structures_end(s, true));
    c->bfi.total_clusters = s->bat.blocks;
    c->blocks = vpc_table_entries(s);
    ret = vpc_check_walk(c, c->blocks, judge_entries);
    if (ret < 0) {
        return ret;
    }
    find_shared(c);
    return c->look_again || c->shared->len
           ? vpc_check_walk(c, c->blocks, judge_entries_again) : 0;
}

/* ---- the end of the image, after a repair ------------------------------- */

/*
 * A table of a few pages can name one block a million times.  What is copied is
 * bounded by the file, too.
 */
static bool copies_are_bounded(const VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    uint64_t bytes = c->moves->len * c->block_bytes;

    if (bytes <= 4 * s->file_length + 64 * MiB) {
        return true;
    }
    error_report("'%s': %u blocks overlap others; to separate them would take %"
                 PRIu64 " bytes, more than four times the file, so nothing is "
                 "repaired", c->bs->filename, c->moves->len, bytes);
    return false;
}

/*
 * Moved blocks go after all that the file holds, whatever it is, each where
 * growth would put it.
 */
static int place_moves(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    uint64_t next = MAX(MAX(c->data_end, s->file_length), s->space.floor);

    for (guint i = 0; i < c->moves->len; i++) {
        VpcMove *m = &g_array_index(c->moves, VpcMove, i);
        uint64_t offset = vpc_layout_block(s->block_size, next);

        if (!vpc_layout_entry(s->block_size, offset, &m->to)) {
            return -ENOSPC;
        }
        c->data_end = offset + c->block_bytes;
        next = vpc_layout_after_footer(vpc_layout_footer(c->data_end));
    }
    return 0;
}

/*
 * The footer goes directly after the data, and the file ends with it, unless the
 * file holds more there: then that stays before it.
 */
int vpc_check_place(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    bool last_is_free;
    int content;

    if (!copies_are_bounded(c)) {
        return -EFBIG;
    }
    if (c->moves->len) {
        int ret = place_moves(c);

        if (ret < 0) {
            return ret;
        }
    }
    content = vpc_content_after(c->bs, c->data_end, &last_is_free);
    if (content < 0) {
        return content;
    }
    c->tail_offset = vpc_layout_footer(c->data_end);
    if (content == VPC_CONTENT_DATA) {
        c->tail_offset = !s->tail_lost ? s->footer_offset
                         : last_is_free ? s->file_length - VPC_SECTOR
                         : ROUND_UP(s->exact_length, VPC_SECTOR);
    }
    c->write_tail |= s->tail_lost || c->tail_offset != s->footer_offset;
    c->cut = c->write_tail && c->tail_offset != s->footer_offset;
    return 0;
}
