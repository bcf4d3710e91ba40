/* SPDX-License-Identifier: MIT */
/*
 * XenServer's batmap: a bit for each block, set when its sector bitmap is all
 * ones.
 */
#ifndef BLOCK_VPC_BATMAP_H
#define BLOCK_VPC_BATMAP_H

#include "block/block_int.h"
#include "format.h"

typedef struct VpcState VpcState;

/* Why a map that is there cannot be used. */
typedef enum VpcBatmapFault {
    VPC_BATMAP_SOUND,
    VPC_BATMAP_HEADER,          /* a block or structure lies over its header */
    VPC_BATMAP_LENGTH,          /* too short for the disk, or too long */
    VPC_BATMAP_OFFSET,          /* outside the file, or over something else */
    VPC_BATMAP_CHECKSUM,        /* wrong, and it is in an unusual place */
} VpcBatmapFault;

typedef struct VpcBatmap {
    uint64_t header_offset;     /* bytes; 0: the image has none */
    VpcBatmapFault fault;
    bool proven;                /* by its checksum, and its place */
    uint64_t offset;            /* of the map, bytes */
    uint64_t bytes;             /* of the map */
    bool trusted;               /* its checksum was right */
    bool dirty;                 /* newer than the disk */
    VpcBatmapHeader header;
    uint8_t *map;               /* NULL: none, or none that could be used */
} VpcBatmap;

/*
 * Looks for the map after a BAT that ends at @bat_end, and reserves its space
 * if it is proven, before the BAT is read.  Mixed.
 */
int vpc_batmap_open(BlockDriverState *bs, uint64_t bat_end, Error **errp);
/*
 * Reserves the space of a map that is not, where no block of @starts
 * (vpc_census_take()) lies.  A map that cannot be used is no error: then no
 * bitmap is taken to be full for its sake, and the image is not written to.
 * Mixed.
 */
int vpc_batmap_place(BlockDriverState *bs, const GArray *starts, Error **errp);
/* Sectors that the map of this disk needs. */
uint32_t vpc_batmap_sectors(const VpcState *s);
void vpc_batmap_close(VpcState *s);

/* Is the bitmap of @block known to be all ones?  Plain. */
bool vpc_batmap_full(const VpcState *s, uint32_t block);
/*
 * Clears the bit of @block in memory, to be written by the next flush.  Plain.
 */
void vpc_batmap_clear(VpcState *s, uint32_t block);
/* Is there a map?  Its bits count only while it is trusted.  Plain. */
static inline bool vpc_batmap_exists(const VpcBatmap *batmap)
{
    return batmap->map;
}

bool vpc_batmap_is_dirty(const VpcState *s);
void vpc_batmap_take_copies(BlockDriverState *bs, GArray *copies);

/* The checksum that belongs into @header for the @bytes of @map.  Plain. */
uint32_t vpc_batmap_checksum(const VpcBatmapHeader *header, const void *map,
                             uint32_t bytes);

#endif
