/* SPDX-License-Identifier: MIT */
/*
 * Where everything lies in a dynamic image that minblk makes:
 *
 *   0     the footer's copy
 *   512   the dynamic header
 *   1536  the table, padded to whole sectors
 *   ...   with creator tap: XenServer's batmap, its header first
 *   ...   nothing, up to the last sector of a 4 KiB page: the footer
 *
 * and once there are blocks, their data at multiples of 4 KiB, each behind its
 * bitmap, and the footer in the last sector of the page behind the last one.
 *
 * Invariant: alloc.c puts blocks exactly there; what measure tells, and what
 * preallocation lays out, is what writing every block would lead to.
 */
#include "qemu/osdep.h"
#include "layout.h"

/* The footer behind @end is in the last sector of a page. */
static uint64_t footer_behind(uint64_t end)
{
    return ROUND_UP(end + VPC_SECTOR, VPC_PAGE) - VPC_SECTOR;
}

void vpc_layout_init(VpcLayout *l, uint64_t size, uint32_t block_size,
                     bool batmap)
{
    uint64_t end;

    l->block_size = block_size;
    l->bitmap_size = vpc_bitmap_size(block_size);
    l->blocks = DIV_ROUND_UP(size, block_size);
    l->table_bytes = ROUND_UP((uint64_t)l->blocks * 4, VPC_SECTOR);
    end = VPC_TABLE_OFFSET + l->table_bytes;
    l->batmap_header = batmap ? end : 0;
    l->batmap_bytes = batmap ? ROUND_UP(DIV_ROUND_UP(l->blocks, 8), VPC_SECTOR)
                             : 0;
    if (batmap) {
        end += sizeof(VpcBatmapHeader) + l->batmap_bytes;
    }
    l->metadata_end = end;
    l->first_footer = footer_behind(end);
    l->first_data = ROUND_UP(end + l->bitmap_size, VPC_PAGE);
    l->stride = ROUND_UP((uint64_t)l->bitmap_size + block_size, VPC_PAGE);
}

uint64_t vpc_layout_footer(const VpcLayout *l, uint64_t blocks)
{
    return blocks == 0 ? l->first_footer
                       : footer_behind(l->first_data +
                                       (blocks - 1) * l->stride +
                                       l->block_size);
}

uint32_t vpc_layout_entry(const VpcLayout *l, uint32_t block)
{
    return (l->first_data + block * l->stride - l->bitmap_size) / VPC_SECTOR;
}
