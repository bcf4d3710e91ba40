/* SPDX-License-Identifier: MIT */
/*
 * Check of the BAT, by a census of its own, because that of opening may be
 * older than the disk; and where blocks that must move are to go.
 *
 * Invariants:
 *   - Of blocks that share space one stays where it is, so that it is read as
 *     it was; the others are copied, because nothing says whose data it is.
 *   - An entry that points nowhere stays as it is, unless its repair is forced:
 *     what it should be is not known, and then no block is copied, since the
 *     file would become longer, and what is outside of it would come to lie in
 *     the copies.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "check.h"

/* Notes which blocks have an entry that shares space. */
static void blocks_meet(VpcShared *shared, uint32_t block, uint32_t count)
{
    if (!shared->seen) {
        shared->first_block = block;
    }
    shared->last_block = block + count - 1;
    shared->seen = true;
}

/* Finds what is wrong with blocks of the same entry, and plans their repair. */
static int blocks_check(void *opaque, uint32_t block, uint32_t count,
                        uint32_t entry)
{
    VpcCheck *c = opaque;
    VpcState *s = c->bs->opaque;
    VpcFault fault = vpc_entry_fault(s, entry);
    bool forced = c->fix & BDRV_FIX_FORCE;
    uint64_t start = (uint64_t)entry * VPC_SECTOR;
    VpcRange cut = { MAX(start, c->cut_end), start + c->block_bytes };
    VpcShared *shared;
    uint32_t stays = 0;         /* how many of them keep the place */

    if (entry == VPC_UNALLOCATED) {
        return 0;
    }
    if (fault != VPC_FAULT_NONE) {
        vpc_found_blocks(c, fault, VPC_REPAIR_FORCED, block, count, entry);
    }
    if (!vpc_fault_has_place(fault)) {
        return 0;
    }
    shared = vpc_census_shared(&c->census, entry);
    if (shared) {
        vpc_found_blocks(c, VPC_FAULT_OVERLAPPING,
                         c->entries_damaged ? VPC_REPAIR_FORCED
                                            : VPC_REPAIR_MOVES,
                         block, count, entry);
        /* One block may keep the place, so that it is read as it was. */
        stays = shared->keep && !shared->seen;
        blocks_meet(shared, block, count);
    } else {
        stays = fault != VPC_FAULT_INTO;
    }
    if (c->entries_damaged && !forced) {
        return 0;
    }
    for (uint32_t i = stays; i < count; i++) {
        VpcMove move = { .block = block + i, .from = entry };

        g_array_append_val(c->moves, move);
    }
    if (stays && fault == VPC_FAULT_TRUNCATED) {
        g_array_append_val(c->cuts, cut);
    }
    return 0;
}

int vpc_check_blocks(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    uint32_t blocks = vpc_census_entries(s);
    Error *err = NULL;
    int ret = vpc_census_take(c->bs, &c->census, blocks, NULL, &err);

    if (ret < 0) {
        error_report_err(err);
        return ret;
    }
    vpc_census_find_overlaps(s, &c->census);
    c->entries_damaged = c->census.misplaced || c->census.truncated;
    c->data_end = MAX(MAX(c->data_end, s->space.structures_end),
                      MAX(c->census.kept_end, c->census.end));
    c->bfi.total_clusters = s->bat.blocks;
    c->bfi.allocated_clusters = c->census.placed;
    c->bfi.fragmented_clusters = c->census.fragmented;
    return vpc_census_is_damaged(&c->census)
           ? vpc_bat_walk(c->bs, blocks, blocks_check, c) : 0;
}

/* ---- the end of the image, after a repair ------------------------------- */

/* Takes new space for each block that is to be copied. */
static int blocks_place_moves(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    uint64_t bytes = c->moves->len * c->block_bytes;
    uint64_t next = MAX(MAX(c->data_end, s->file_length), s->space.floor);

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
    return 0;
}

/*
 * Moved blocks go after all that the file holds, whatever it is, each where
 * growth would put it.  The footer goes directly after the data, and the file
 * ends with it, unless the file holds more there: then that stays before it.
 */
int vpc_check_place(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    bool last_is_free = false;
    int ret;

    if (!c->moves->len && !c->cuts->len && !s->footer_lost) {
        return 0;
    }
    ret = blocks_place_moves(c);
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
    c->moves_footer = s->footer_lost || c->new_footer != s->footer_offset;
    /* What lies outside of the file is to stay there. */
    if (c->entries_damaged && !(c->plan & VPC_REPAIR_FORCED) &&
        c->new_footer > c->file_end) {
        c->plan &= ~VPC_REPAIR_FOOTER;
        c->footer_waits = true;
        c->moves_footer = false;
    }
    return 0;
}
