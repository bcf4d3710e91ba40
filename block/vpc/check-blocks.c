/* SPDX-License-Identifier: MIT */
/*
 * Check of the BAT, by a census of its own, because that of opening may be
 * older than the disk; and where blocks that must move are to go.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "check.h"

/* A block with a place that is damaged all the same. */
static void blocks_found_one(VpcCheck *c, uint32_t block, uint32_t entry,
                             VpcFault fault, VpcShared *shared)
{
    uint64_t offset = vpc_entry_offset(c->bs->opaque, block);
    uint64_t start = (uint64_t)entry * VPC_SECTOR;
    bool move = fault == VPC_FAULT_INTO;

    if (fault != VPC_FAULT_NONE) {
        vpc_found_blocks(c, fault, offset, block, 1, entry, 0);
    }
    if (shared) {
        vpc_found_blocks(c, VPC_FAULT_OVERLAPPING, offset, block, 1, entry,
                         shared->other);
        move |= !shared->keep || shared->seen;
        shared->seen = true;
    }
    if (move) {
        VpcMove m = { .block = block, .from = entry };

        g_array_append_val(c->moves, m);
    } else if (fault == VPC_FAULT_TRUNCATED) {
        /* It stays in its place; the part past the end becomes zeroes. */
        VpcRange cut = { MAX(start, c->file_end), start + c->block_bytes };

        g_array_append_val(c->cuts, cut);
    }
}

static int blocks_found(void *opaque, uint32_t block, uint32_t count,
                        uint32_t entry)
{
    VpcCheck *c = opaque;
    VpcDrop drop = { block, count };
    VpcFault fault = vpc_entry_fault(c->bs->opaque, entry);

    if (entry == VPC_UNALLOCATED) {
        return 0;
    }
    if (!vpc_fault_has_place(fault)) {
        vpc_found_blocks(c, fault, vpc_entry_offset(c->bs->opaque, block),
                         block, count, entry, 0);
        g_array_append_val(c->drops, drop);
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        blocks_found_one(c, block + i, entry, fault,
                         vpc_census_shared(&c->census, entry));
    }
    return 0;
}

int vpc_check_blocks(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    uint32_t blocks = vpc_census_entries(s);
    int ret = vpc_census_take(c->bs, &c->census, blocks, NULL);

    if (ret < 0) {
        return ret;
    }
    vpc_census_find_overlaps(s, &c->census);
    c->data_end = MAX(MAX(c->data_end, vpc_structures_end(s, true)),
                      c->census.kept_end);
    c->bfi.total_clusters = s->bat.blocks;
    c->bfi.allocated_clusters = c->census.placed;
    c->bfi.fragmented_clusters = c->census.fragmented;
    return vpc_census_is_damaged(&c->census)
           ? vpc_bat_walk(c->bs, blocks, blocks_found, c) : 0;
}

/* ---- the end of the image, after a repair ------------------------------- */

/*
 * Moved blocks go after all that the file holds, whatever it is, each where
 * growth would put it.  Copies are bounded by the file, because a BAT of a few
 * pages can name one block a million times.
 */
static int blocks_place_moves(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    uint64_t bytes = c->moves->len * c->block_bytes;
    uint64_t next = MAX(MAX(c->data_end, s->file_length), s->space.floor);

    if (bytes > 4 * s->file_length + 64 * MiB) {
        error_report("'%s': %u blocks overlap others; to separate them would "
                     "take %" PRIu64 " bytes, more than four times the file, "
                     "so nothing is repaired", c->bs->filename, c->moves->len,
                     bytes);
        return -EFBIG;
    }
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
 * The footer goes directly after the data, and the file ends with it, unless
 * the file holds more there: then that stays before it.
 */
int vpc_check_place(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    bool last_is_free;
    int ret = blocks_place_moves(c);

    if (ret == 0) {
        ret = vpc_content_after(c->bs, c->data_end, &last_is_free);
    }
    if (ret < 0) {
        return ret;
    }
    c->new_footer = vpc_layout_footer(c->data_end);
    if (ret == VPC_CONTENT_DATA) {
        c->new_footer = !s->footer_lost ? s->footer_offset
                         : last_is_free ? s->file_length - VPC_SECTOR
                         : ROUND_UP(s->exact_length, VPC_SECTOR);
    }
    c->write_footer |= s->footer_lost || c->new_footer != s->footer_offset;
    c->cut = c->write_footer && c->new_footer != s->footer_offset;
    return 0;
}
