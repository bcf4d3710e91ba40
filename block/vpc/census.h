/* SPDX-License-Identifier: MIT */
/*
 * The census of the blocks: the only place where BAT entries are validated.
 * Opening, check and repair ask it, because an entry that one of them takes for
 * sound and another does not is data lost by a repair.
 *
 * Of a block that is not sound the first part may still be: the bytes of its
 * data that are in the file, in no structure and in no other block.  Where
 * blocks overlap, the one that begins last has lost its bitmap to the other,
 * which has lost its data from there on.
 */
#ifndef BLOCK_VPC_CENSUS_H
#define BLOCK_VPC_CENSUS_H

#include "block/block_int.h"

typedef struct VpcState VpcState;

/* Faults of a BAT entry, or of its block, and what else a check finds. */
typedef enum VpcFault {
    VPC_FAULT_NONE,             /* of a finding: about a field, in words */
    VPC_FAULT_OUTSIDE,          /* begins after the end of the file */
    VPC_FAULT_OVER,             /* its bitmap lies over another structure */
    VPC_FAULT_INTO,             /* its data goes on into another structure */
    VPC_FAULT_TRUNCATED,        /* it goes on after the end of the file */
    VPC_FAULT_OVERLAPPING,      /* it shares space with another block */
    VPC_FAULT_STALE,            /* its sectors whose bits are clear hold data */
    VPC_FAULT_BATMAP,           /* its bit there is set, its bitmap not full */
    VPC_FAULT_ORPHANS,          /* blocks that no entry names */
    VPC_FAULT_LOST,             /* other space that nothing refers to */
} VpcFault;

/* The entry of blocks that share space with another one. */
typedef struct VpcShared {
    uint32_t entry;
    uint32_t other;             /* that of one of the others */
    uint32_t cluster;           /* the first of those that it overlaps with,
                                   directly or by others */
    bool keep;                  /* its first block may stay where it is */

    /* for the check: the blocks that have it */
    bool seen;
    uint32_t first_block;
    uint32_t last_block;
} VpcShared;

typedef struct VpcCensus {
    uint64_t placed;            /* blocks whose bitmaps have a place */
    uint64_t allocated;         /* of the disk's: whole, not shared */
    uint64_t misplaced;         /* entries that are OUTSIDE, OVER or INTO */
    uint64_t truncated;
    uint64_t beyond;            /* damaged entries of blocks behind the disk,
                                   but those that are OVER */
    uint64_t fragmented;        /* that do not follow their predecessor */
    uint64_t end;               /* of the last whole block, bytes */
    uint64_t kept_end;          /* of the last one that may stay in its place */
    uint64_t truncated_start;   /* of the first truncated block; UINT64_MAX */
    uint32_t first_misplaced;   /* block of the first misplaced entry */
    uint32_t first_misplaced_entry; /* its value */
    uint32_t first_truncated;   /* block of the first truncated entry */
    uint32_t first_beyond;      /* block of the first one that is beyond */
    bool aligned;               /* all data begins at multiples of 4 KiB */
    uint64_t previous;          /* bytes: the block met before */
    GArray *starts;             /* uint32_t: entries with a place, sorted */
    GArray *shared;             /* VpcShared, by entry */
} VpcCensus;

typedef void VpcAbsent(VpcState *s, uint32_t block, uint32_t count,
                       bool unread);

/*
 * Reads the BAT once, validates each entry, and sorts those with a place.  Of
 * the blocks from @blocks on only the space of sound ones is not free; damaged
 * ones are counted apart.
 * @absent, if not NULL, is called for runs of entries that name no block.
 * With @absent in an image that is opened to be salvaged, pages that cannot be
 * read are left out, with a warning; their blocks cannot be read then.
 * Memory is bounded by what of the file is data.  0, or -errno with @errp set;
 * to be cleared in either case.  Mixed.
 */
int vpc_census_take(BlockDriverState *bs, VpcCensus *census, uint32_t blocks,
                    VpcAbsent *absent, Error **errp);
/*
 * Finds the blocks that share space, when all structures have theirs.  Plain.
 */
void vpc_census_find_overlaps(const VpcState *s, VpcCensus *census);
void vpc_census_clear(VpcCensus *census);

/* Is any entry or block not sound?  Plain. */
bool vpc_census_is_damaged(const VpcCensus *census);
/* @entry's among those that share space; NULL: it is none.  Plain. */
VpcShared *vpc_census_shared(const VpcCensus *census, uint32_t entry);

/* Where the BAT entry of @block is: bytes.  Plain. */
uint64_t vpc_entry_offset(const VpcState *s, uint32_t block);
/* OUTSIDE, OVER, INTO, TRUNCATED or NONE.  Plain. */
VpcFault vpc_entry_fault(const VpcState *s, uint32_t entry);
/* Has the block's bitmap a place?  Plain. */
bool vpc_fault_has_place(VpcFault fault);
/* Bytes of the block's data, from the first on, that may be used.  Plain. */
uint32_t vpc_entry_sound(const VpcState *s, uint32_t entry);
/* Warns, once a block, why one that is not sound cannot be read.  Plain. */
void vpc_entry_report(BlockDriverState *bs, uint32_t block, uint32_t entry);

/*
 * Entries that name blocks: those of the disk, and of the larger one that it is
 * by current_size.  Others are not trusted, nor those that the file cuts off.
 */
uint32_t vpc_census_entries(const VpcState *s);

/*
 * Calls @fn for each run of equal entries among the first @blocks of the BAT on
 * the disk, ascending, until it fails.  Holes of the file are not read.  0, or
 * -errno.  Mixed.
 */
typedef int VpcWalk(void *opaque, uint32_t block, uint32_t count,
                    uint32_t entry);
int vpc_bat_walk(BlockDriverState *bs, uint32_t blocks, VpcWalk *fn,
                 void *opaque);

/* The index in @starts of the first block that begins at or after @offset. */
guint vpc_first_start(const GArray *starts, uint64_t offset);
/* Has a block of @starts bytes in [@start, +@bytes) of the file? */
bool vpc_block_in_range(const VpcState *s, const GArray *starts,
                        uint64_t start, uint64_t bytes);

#endif
