/* SPDX-License-Identifier: MIT */
/*
 * Where a block, its bitmap and a footer lie; pure functions.  All else that
 * needs such a place asks here, because two copies of this rule that disagree
 * put a footer into a guest's data.
 *
 * Sizes and offsets are in bytes from the start of the file.  A block's own
 * offset is that of its bitmap; the data follows it.
 */
#ifndef BLOCK_VPC_LAYOUT_H
#define BLOCK_VPC_LAYOUT_H

#include "format.h"

/* A range of the file in bytes, [start, end). */
typedef struct VpcRange {
    uint64_t start;
    uint64_t end;
} VpcRange;

#define VPC_PAGE 4096u

#define VPC_HEADER_OFFSET ((uint64_t)sizeof(VpcFooter))
#define VPC_BAT_OFFSET (VPC_HEADER_OFFSET + sizeof(VpcDynHeader))

/* The offset of what follows a BAT of @entries at @offset. */
uint64_t vpc_layout_bat_end(uint64_t offset, uint32_t entries);

/* ---- blocks ------------------------------------------------------------- */

/* Bytes of a block of @block_size bytes with its bitmap. */
uint64_t vpc_layout_block_bytes(uint32_t block_size);

/*
 * The offset of the first block that begins at or after @start: its data is at
 * a multiple of VPC_PAGE, but for blocks smaller than that.
 */
uint64_t vpc_layout_block(uint32_t block_size, uint64_t start);

/*
 * The offset for a block in @gap, which ends before other blocks: after room
 * for a footer if it fits so, else where the gap begins, which is how programs
 * that pack blocks left it.  UINT64_MAX: it does not fit.
 */
uint64_t vpc_layout_block_in(uint32_t block_size, const VpcRange *gap);

/*
 * The BAT entry of a block at @offset: the one place where an offset becomes a
 * 32-bit sector.  False if a block there, or the footer after it, cannot be
 * expressed.
 */
bool vpc_layout_entry(uint32_t block_size, uint64_t offset, uint32_t *entry);

/*
 * Does a block at @offset follow one at @before, with a footer and slack at
 * most?
 */
bool vpc_layout_follows(uint32_t block_size, uint64_t before, uint64_t offset);

/* ---- footers ------------------------------------------------------------ */

/* The offset of the footer when the last block or structure ends at @end. */
uint64_t vpc_layout_footer(uint64_t end);

/* Where the next block may begin when the last footer is at @footer. */
uint64_t vpc_layout_after_footer(uint64_t footer);

/*
 * Offsets at which programs leave the footer when all else ends at @end: ours,
 * a sector on, the end of the page, and that of the page after it.
 */
#define VPC_FOOTER_PLACES 4
void vpc_layout_footer_places(uint64_t end,
                              uint64_t places[VPC_FOOTER_PLACES]);

/*
 * Is @footer, with zeroes before it, where a program leaves it after a block
 * that ends at @end, or without @blocks after the last structure?
 */
bool vpc_layout_footer_is_near(uint64_t end, bool blocks, uint64_t footer);

/* ---- new images --------------------------------------------------------- */

/* A new dynamic image, with no block or with all of them, in their order. */
typedef struct VpcLayout {
    uint32_t block_size;
    uint32_t bitmap_size;
    uint32_t blocks;            /* of the whole disk */
    uint64_t bat_bytes;         /* whole sectors */
    uint64_t batmap_header;     /* 0: none */
    uint64_t batmap_bytes;      /* of the map after it, whole sectors */
    uint64_t metadata_end;      /* of BAT and batmap */
    uint64_t first_block;       /* of the block that is allocated first */
    uint64_t stride;            /* from one block to the next */
} VpcLayout;

/* @block_size is a multiple of VPC_PAGE; @size is that of the disk. */
void vpc_layout_init(VpcLayout *layout, uint64_t size, uint32_t block_size,
                     bool batmap);

/* The offset of @block when all have space, in their order. */
uint64_t vpc_layout_nth_block(const VpcLayout *layout, uint32_t block);

/* The offset of the footer when @blocks have space. */
uint64_t vpc_layout_nth_footer(const VpcLayout *layout, uint64_t blocks);

#endif
