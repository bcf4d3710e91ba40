/* SPDX-License-Identifier: MIT */
/*
 * Check: the findings of opening, and a count of the blocks; repair of the
 * footers.
 *
 * Invariants:
 *   - A footer is repaired from the one that counts, and is on the disk before
 *     it is said to be repaired.
 *   - A footer that is put where none was lies behind all that the file holds.
 */
#include "qemu/osdep.h"
#include "vpc.h"

#define PAGE 4096

/* Blocks with space, and those that do not follow the one before them. */
static void coroutine_fn count_blocks(BlockDriverState *bs, BlockFragInfo *bfi)
{
    VpcState *s = bs->opaque;
    uint32_t stride = (s->bitmap_size + (uint64_t)s->block_size) / VPC_SECTOR;
    uint64_t expected = 0;

    bfi->total_clusters = s->table.blocks;
    for (uint32_t block = 0; block < s->table.blocks; block++) {
        VpcEntry entry;

        if (vpc_table_get(bs, block, &entry) < 0 ||
            entry.sector == VPC_UNALLOCATED || entry.sound < s->block_size) {
            continue;
        }
        bfi->allocated_clusters++;
        /* Up to a page is skipped to align the data. */
        bfi->fragmented_clusters += expected &&
                                    (entry.sector < expected ||
                                     entry.sector - expected >=
                                     PAGE / VPC_SECTOR);
        expected = (uint64_t)entry.sector + stride;
    }
}

/*
 * Where the lost footer is to be: in the last sector of the file, or behind it
 * if something else is there.
 */
static uint64_t footer_place(const VpcState *s)
{
    uint64_t end = s->stats.end;
    uint64_t last = ROUND_UP(s->file_end, PAGE);

    for (unsigned i = 0; i < s->reserved_count; i++) {
        end = MAX(end, s->reserved[i].end);
    }
    if (last >= end + VPC_SECTOR) {
        return last - VPC_SECTOR;
    }
    return ROUND_UP(last + VPC_SECTOR, PAGE) - VPC_SECTOR;
}

static int coroutine_fn repair_footers(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    uint64_t offset = s->tail_lost ? footer_place(s) : 0;
    int ret = bdrv_co_pwrite(bs->file, offset, sizeof(s->footer), &s->footer,
                             0);

    if (ret == 0) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    if (ret < 0) {
        return ret;
    }
    if (s->tail_lost) {
        s->tail_lost = false;
        s->footer_offset = s->file_end = offset;
        s->free_offset = MAX(s->free_offset, offset);
    }
    s->footer_damaged = false;
    g_clear_pointer(&s->read_only_reason, g_free);
    return 0;
}

int coroutine_fn vpc_co_check(BlockDriverState *bs, BdrvCheckResult *result,
                              BdrvCheckMode fix)
{
    VpcState *s = bs->opaque;

    if ((fix & BDRV_FIX_ERRORS) && s->footer_damaged &&
        !s->stats.misplaced && !s->stats.overlapping) {
        int ret = repair_footers(bs);

        if (ret < 0) {
            return ret;
        }
        result->corruptions_fixed++;
    }
    result->corruptions = MIN(s->stats.misplaced + s->stats.truncated +
                              s->stats.overlapping, INT_MAX - 1) + s->footer_damaged;
    if (s->type != VPC_TYPE_FIXED) {
        count_blocks(bs, &result->bfi);
    }
    result->image_end_offset = s->footer_offset + VPC_SECTOR;
    return 0;
}
