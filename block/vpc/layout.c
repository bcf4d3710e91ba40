/* SPDX-License-Identifier: MIT */
/*
 * Where everything lies in an image that minblk writes to:
 *
 *   0     the footer's copy
 *   512   the dynamic header
 *   1536  the BAT, padded to whole sectors
 *   ...   with creator tap: XenServer's batmap, its header first
 *   ...   the footer
 *
 * then, for each block that extends the image, its bitmap, its data at a
 * multiple of 4 KiB, and a footer of its own directly after the data.
 *
 * Invariants:
 *   - The footer stands directly after the last block or structure, because
 *     QEMU up to 10.0 puts its next block there, and overwrites only that
 *     sector.
 *   - The next block begins after it, so that the last footer which is on the
 *     disk is never overwritten.
 *   - measure and preallocation lead to the same offsets as writing every
 *     block, since all three ask vpc_layout_block().
 */
#include "qemu/osdep.h"
#include "layout.h"

uint64_t vpc_layout_bat_end(uint64_t offset, uint32_t entries)
{
    return offset + ROUND_UP((uint64_t)entries * sizeof(uint32_t), VPC_SECTOR);
}

/* ---- blocks ------------------------------------------------------------- */

uint64_t vpc_layout_block_bytes(uint32_t block_size)
{
    return (uint64_t)vpc_bitmap_size(block_size) + block_size;
}

uint64_t vpc_layout_block(uint32_t block_size, uint64_t start)
{
    uint32_t bitmap_size = vpc_bitmap_size(block_size);
    uint32_t align = block_size >= VPC_PAGE ? VPC_PAGE : VPC_SECTOR;

    return ROUND_UP(start + bitmap_size, align) - bitmap_size;
}

uint64_t vpc_layout_block_in(uint32_t block_size, const VpcRange *gap)
{
    uint64_t bytes = vpc_layout_block_bytes(block_size);
    uint64_t offset = vpc_layout_block(block_size,
                                       vpc_layout_after_footer(gap->start));

    if (offset + bytes <= gap->end) {
        return offset;
    }
    return gap->start + bytes <= gap->end ? gap->start : UINT64_MAX;
}

bool vpc_layout_entry(uint32_t block_size, uint64_t offset, uint32_t *entry)
{
    uint64_t end = offset + vpc_layout_block_bytes(block_size);

    *entry = offset / VPC_SECTOR;
    return vpc_layout_footer(end) / VPC_SECTOR < VPC_UNALLOCATED;
}

bool vpc_layout_follows(uint32_t block_size, uint64_t before, uint64_t offset)
{
    uint64_t end = before + vpc_layout_block_bytes(block_size);

    return offset >= end &&
           offset <= vpc_layout_block(
               block_size, vpc_layout_after_footer(vpc_layout_footer(end)));
}

/* ---- footers ------------------------------------------------------------ */

uint64_t vpc_layout_footer(uint64_t end)
{
    return ROUND_UP(end, VPC_SECTOR);
}

uint64_t vpc_layout_after_footer(uint64_t footer)
{
    return footer + sizeof(VpcFooter);
}

void vpc_layout_footer_places(uint64_t end, uint64_t places[VPC_FOOTER_PLACES])
{
    places[0] = vpc_layout_footer(end);
    places[1] = places[0] + VPC_SECTOR;
    places[2] = ROUND_UP(places[1], VPC_PAGE) - VPC_SECTOR;
    places[3] = places[2] + VPC_PAGE;
}

/*
 * Virtual PC leaves a sector out.  Windows ends the page of the structures, and
 * the one that the footer is in.
 */
bool vpc_layout_footer_is_near(uint64_t end, bool blocks, uint64_t footer)
{
    uint64_t place = blocks ? vpc_layout_footer(end) : ROUND_UP(end, VPC_PAGE);

    return footer >= vpc_layout_footer(end) &&
           (footer == place + VPC_SECTOR ||
            footer < ROUND_UP(place + VPC_SECTOR, VPC_PAGE));
}

/* ---- new images --------------------------------------------------------- */

void vpc_layout_init(VpcLayout *l, uint64_t size, uint32_t block_size,
                     bool batmap)
{
    uint64_t end;

    l->block_size = block_size;
    l->bitmap_size = vpc_bitmap_size(block_size);
    l->blocks = DIV_ROUND_UP(size, block_size);
    end = vpc_layout_bat_end(VPC_BAT_OFFSET, l->blocks);
    l->bat_bytes = end - VPC_BAT_OFFSET;
    l->batmap_header = batmap ? end : 0;
    l->batmap_bytes = batmap ? ROUND_UP(DIV_ROUND_UP(l->blocks, 8), VPC_SECTOR)
                             : 0;
    if (batmap) {
        end += sizeof(VpcBatmapHeader) + l->batmap_bytes;
    }
    l->metadata_end = end;
    l->first_block = vpc_layout_block(
        block_size, vpc_layout_after_footer(vpc_layout_footer(end)));
    end = l->first_block + vpc_layout_block_bytes(block_size);
    l->stride = vpc_layout_block(
        block_size, vpc_layout_after_footer(vpc_layout_footer(end))) -
        l->first_block;
}

uint64_t vpc_layout_nth_block(const VpcLayout *l, uint32_t block)
{
    return l->first_block + block * l->stride;
}

uint64_t vpc_layout_nth_footer(const VpcLayout *l, uint64_t blocks)
{
    if (!blocks) {
        return vpc_layout_footer(l->metadata_end);
    }
    return vpc_layout_footer(vpc_layout_nth_block(l, blocks - 1) +
                             vpc_layout_block_bytes(l->block_size));
}
