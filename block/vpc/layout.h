/* SPDX-License-Identifier: MIT */
/*
 * The layout of dynamic images that minblk makes; pure functions.
 */
#ifndef BLOCK_VPC_LAYOUT_H
#define BLOCK_VPC_LAYOUT_H

#include "format.h"

#define VPC_PAGE 4096u

#define VPC_HEADER_OFFSET ((uint64_t)sizeof(VpcFooter))
#define VPC_TABLE_OFFSET (VPC_HEADER_OFFSET + sizeof(VpcDynHeader))

/* Entries of the table are 32-bit numbers of sectors, the last one is taken. */
#define VPC_MAX_FILE_LENGTH                                                    \
    (((uint64_t)VPC_UNALLOCATED - VPC_PAGE / VPC_SECTOR) * VPC_SECTOR)

/* Sizes and offsets are in bytes. */
typedef struct VpcLayout {
    uint32_t block_size;
    uint32_t bitmap_size;
    uint32_t blocks;            /* of the whole disk */
    uint64_t table_bytes;       /* whole sectors */
    uint64_t batmap_header;     /* 0: none */
    uint64_t batmap_bytes;      /* of the map behind it, whole sectors */
    uint64_t metadata_end;      /* of table and batmap */
    uint64_t first_footer;      /* of an image without blocks */
    uint64_t first_data;        /* of the block that is allocated first */
    uint64_t stride;            /* from one block to the next */
} VpcLayout;

/* @block_size is a multiple of VPC_PAGE. */
void vpc_layout_init(VpcLayout *layout, uint64_t size, uint32_t block_size,
                     bool batmap);

/* The offset of the footer, which ends the file, when @blocks have space. */
uint64_t vpc_layout_footer(const VpcLayout *layout, uint64_t blocks);

/* The table entry of @block when all have space, in their order. */
uint32_t vpc_layout_entry(const VpcLayout *layout, uint32_t block);

#endif
