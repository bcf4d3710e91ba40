/* SPDX-License-Identifier: MIT */
/*
 * Check: the findings of opening, and a count of the blocks.
 *
 * Nothing is repaired: an image with findings is not opened for writing.
 */
#include "qemu/osdep.h"
#include "vpc.h"

/* Blocks with space, and those that do not follow the one before them. */
static void coroutine_fn count_blocks(BlockDriverState *bs, BlockFragInfo *bfi)
{
    VpcState *s = bs->opaque;
    uint32_t stride = (s->bitmap_size + (uint64_t)s->block_size) / VPC_SECTOR;
    uint64_t expected = 0;

    bfi->total_clusters = s->table.blocks;
    for (uint32_t block = 0; block < s->table.blocks; block++) {
        uint32_t entry;
        bool full;

        if (vpc_table_get(bs, block, &entry, &full) < 0 ||
            entry == VPC_UNALLOCATED) {
            continue;
        }
        bfi->allocated_clusters++;
        bfi->fragmented_clusters += expected && entry != expected;
        expected = (uint64_t)entry + stride;
    }
}

int coroutine_fn vpc_co_check(BlockDriverState *bs, BdrvCheckResult *result,
                              BdrvCheckMode fix)
{
    VpcState *s = bs->opaque;

    result->corruptions = MIN(s->stats.misplaced + s->stats.overlapping,
                              INT_MAX - 1) + s->footer_damaged;
    if (s->type != VPC_TYPE_FIXED) {
        count_blocks(bs, &result->bfi);
    }
    result->image_end_offset = s->footer_offset + VPC_SECTOR;
    return 0;
}
