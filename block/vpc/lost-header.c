/* SPDX-License-Identifier: MIT */
/*
 * A dynamic header that is lost: which of the layouts that programs write the
 * file has.
 *
 * Invariants:
 *   - A layout is taken only if every entry of its table leads to a whole block
 *     and no two overlap, and if the file proves its block size: the footer is
 *     where the last block, or a table without blocks, ends, or two blocks
 *     follow each other.  With smaller blocks there would be gaps between them,
 *     larger ones would overlap.
 *   - Nothing of the image is written for its sake.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "qemu/host-utils.h"
#include "vpc.h"

/* The block sizes that minblk makes; smaller ones could be mistaken. */
#define MAX_BLOCK_SHIFT 28
#define MIN_BLOCK_SHIFT 12

void vpc_use_header(VpcState *s)
{
    s->block_size = be32_to_cpu(s->header.block_size);
    s->block_shift = ctz32(s->block_size);
    s->bitmap_size = vpc_bitmap_size(s->block_size);
}

/* Ends the walk at the first entry that leads to no whole block of its own. */
static int lost_check_entry(void *opaque, uint32_t block, uint32_t count,
                            uint32_t entry)
{
    return entry == VPC_UNALLOCATED ||
           (count == 1 && vpc_entry_fault(opaque, entry) == VPC_FAULT_NONE)
           ? 0 : -EINVAL;
}

/* Does the file prove the block size?  Every entry is sound under it. */
static bool lost_size_fits(const VpcState *s, const VpcCensus *c,
                           uint64_t bat_end)
{
    const uint32_t *starts = (const uint32_t *)c->starts->data;
    uint64_t batmap = sizeof(VpcBatmapHeader) +
                      (uint64_t)vpc_batmap_sectors(s) * VPC_SECTOR;

    if (!c->starts->len) {
        return vpc_layout_footer_is_near(bat_end, false, s->file_end) ||
               (vpc_tap_version(&s->footer) >= VPC_TAP_MAY_HAVE_BATMAP &&
                vpc_layout_footer_is_near(bat_end + batmap, false,
                                          s->file_end));
    }
    for (guint i = 1; i < c->starts->len; i++) {
        if (vpc_layout_follows(s->block_size,
                               (uint64_t)starts[i - 1] * VPC_SECTOR,
                               (uint64_t)starts[i] * VPC_SECTOR)) {
            return true;
        }
    }
    return vpc_layout_footer_is_near(c->end, true, s->file_end);
}

/* Of a table that is in the file and apart from the headers. */
static bool lost_table_fits(BlockDriverState *bs, uint32_t blocks)
{
    VpcState *s = bs->opaque;
    VpcCensus census = { 0 };
    bool fits = vpc_bat_walk(bs, blocks, lost_check_entry, s) == 0 &&
                vpc_census_take(bs, &census, blocks, NULL, NULL) == 0;

    if (fits) {
        vpc_census_find_overlaps(s, &census);
        fits = !vpc_census_is_damaged(&census) &&
               lost_size_fits(s, &census,
                              vpc_layout_bat_end(s->bat.offset, blocks));
    }
    vpc_census_clear(&census);
    return fits;
}

/* Does the file have this layout?  Then s->header is that of it. */
static bool lost_layout_fits(BlockDriverState *bs, uint64_t header_offset,
                             uint64_t table, uint32_t block_size)
{
    VpcState *s = bs->opaque;
    uint64_t blocks = DIV_ROUND_UP(s->size, block_size);
    bool fits;

    if (blocks > INT_MAX / sizeof(uint32_t)) {
        return false;
    }
    vpc_new_header(&s->header, table, blocks, block_size);
    vpc_use_header(s);
    s->bat.offset = table;
    s->bat.blocks = blocks;
    fits = vpc_reserve_range(s, "", 0, sizeof(s->footer), NULL) == 0 &&
           vpc_reserve_range(s, "", header_offset, sizeof(s->header),
                             NULL) == 0 &&
           vpc_reserve_range(s, "", table, blocks * sizeof(uint32_t),
                             NULL) == 0 &&
           lost_table_fits(bs, blocks);
    s->reserved_count = 0;
    return fits;
}

/* The known layouts, those that what is left of the header says first. */
static bool lost_find_layout(BlockDriverState *bs, uint64_t header_offset,
                             const VpcDynHeader *left)
{
    uint64_t own_table = be64_to_cpu(left->table_offset);
    uint32_t own_size = be32_to_cpu(left->block_size);
    uint64_t after = header_offset + sizeof(VpcDynHeader);
    const uint64_t tables[] = {
        own_table % VPC_SECTOR || own_table > INT64_MAX / 2 ? after : own_table,
        after,                  /* of all but the next */
        8192, 4096,             /* after a locator or a page of Windows */
    };

    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        if ((is_power_of_2(own_size) && own_size >= VPC_SECTOR &&
             lost_layout_fits(bs, header_offset, tables[i], own_size)) ||
            lost_layout_fits(bs, header_offset, tables[i],
                             VPC_DEFAULT_BLOCK_SIZE)) {
            return true;
        }
        for (int shift = MAX_BLOCK_SHIFT; shift >= MIN_BLOCK_SHIFT; shift--) {
            if (lost_layout_fits(bs, header_offset, tables[i], 1u << shift)) {
                return true;
            }
        }
    }
    return false;
}

bool vpc_assume_header(BlockDriverState *bs, uint64_t offset)
{
    VpcState *s = bs->opaque;
    const VpcDynHeader left = s->header;
    bool found;

    if (s->type != VPC_TYPE_DYNAMIC || !s->size) {
        return false;
    }
    found = lost_find_layout(bs, offset, &left);
    if (!found || (vpc_header_values_valid(&left, NULL) &&
                   left.table_offset == s->header.table_offset &&
                   left.block_size == s->header.block_size &&
                   be32_to_cpu(left.max_table_entries) >= s->bat.blocks)) {
        s->header = left;
        return false;
    }
    s->header_assumed = true;
    warn_report("'%s': the dynamic header at offset %" PRIu64 " is damaged; "
                "assuming a block allocation table at offset %" PRIu64 " and "
                "blocks of %" PRIu32 " bytes, of which each entry is sound",
                bs->filename, offset, s->bat.offset, s->block_size);
    return true;
}
