/* SPDX-License-Identifier: MIT */
/*
 * Check of the BAT, by a census of its own, because that of opening may be
 * older than the disk; and where blocks that must move are to go.
 *
 * Invariants:
 *   - Of blocks that share space one stays where it is, so that it is read as
 *     it was; the others are copied, because nothing says whose data it is.
 *   - A block is given up only where its bitmap has no place, because then its
 *     entry is what is wrong, and nothing says where its data is.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "check.h"

/* Finds what is wrong with blocks of the same entry, and plans their repair. */
static int blocks_check(void *opaque, uint32_t block, uint32_t count,
                        uint32_t entry)
{
    VpcCheck *c = opaque;
    VpcState *s = c->bs->opaque;
    VpcDrop drop = { block, count };
    VpcFault fault = vpc_entry_fault(s, entry);
    uint64_t start = (uint64_t)entry * VPC_SECTOR;
    VpcRange cut = { MAX(start, c->file_end), start + c->block_bytes };
    VpcShared *shared;

    if (entry == VPC_UNALLOCATED) {
        return 0;
    }
    if (!vpc_fault_has_place(fault)) {
        vpc_found_blocks(c, fault, vpc_entry_offset(s, block), block, count,
                         entry, 0);
        g_array_append_val(c->drops, drop);
        return 0;
    }
    shared = vpc_census_shared(&c->census, entry);
    for (uint32_t last = block + count; block < last; block++) {
        VpcMove move = { .block = block, .from = entry };
        bool moves = fault == VPC_FAULT_INTO;

        if (fault != VPC_FAULT_NONE) {
            vpc_found_blocks(c, fault, vpc_entry_offset(s, block), block, 1,
                             entry, 0);
        }
        if (shared) {
            vpc_found_blocks(c, VPC_FAULT_OVERLAPPING,
                             vpc_entry_offset(s, block), block, 1, entry,
                             shared->other);
            /* One block may keep the place, so that it is read as it was. */
            moves |= !shared->keep || shared->seen;
            shared->seen = true;
        }
        if (moves) {
            g_array_append_val(c->moves, move);
        } else if (fault == VPC_FAULT_TRUNCATED) {
            g_array_append_val(c->cuts, cut);
        }
    }
    return 0;
}

int vpc_check_blocks(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    uint32_t blocks = vpc_census_entries(s);
    int ret = vpc_census_take(c->bs, &c->census, blocks, NULL, NULL);

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
           ? vpc_bat_walk(c->bs, blocks, blocks_check, c) : 0;
}

/* ---- the end of the image, after a repair ------------------------------- */

/*
 * Moved blocks go after all that the file holds, whatever it is, each where
 * growth would put it.  The footer goes directly after the data, and the file
 * ends with it, unless the file holds more there: then that stays before it.
 */
int vpc_check_place(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    uint64_t bytes = c->moves->len * c->block_bytes;
    uint64_t next = MAX(MAX(c->data_end, s->file_length), s->space.floor);
    bool last_is_free;
    int content;

    /* A BAT of a few pages can name one block a million times. */
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
    content = vpc_content_after(c->bs, c->data_end, &last_is_free);
    if (content < 0) {
        return content;
    }
    c->new_footer = vpc_layout_footer(c->data_end);
    if (content == VPC_CONTENT_DATA) {
        c->new_footer = !s->footer_lost ? s->footer_offset
                        : last_is_free ? s->file_length - VPC_SECTOR
                        : ROUND_UP(s->exact_length, VPC_SECTOR);
    }
    c->write_footer |= s->footer_lost || c->new_footer != s->footer_offset;
    return 0;
}
