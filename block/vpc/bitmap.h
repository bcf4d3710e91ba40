/* SPDX-License-Identifier: MIT */
/*
 * Sector bitmaps of blocks that are not full, cached.
 */
#ifndef BLOCK_VPC_BITMAP_H
#define BLOCK_VPC_BITMAP_H

#include "block/block_int.h"

typedef struct VpcEntry VpcEntry;
typedef struct VpcState VpcState;

/* The sector bitmap of one block. */
typedef struct VpcBitmap {
    uint32_t block;
    uint32_t entry;             /* where it is: sectors */
    bool dirty;                 /* newer than the disk */
    bool forgotten;             /* its block has no space any more */
    unsigned pins;              /* users that may yield */
    uint32_t sectors;           /* of the block, inside the disk */
    uint32_t set;               /* of them, those whose bit is set */
    uint32_t first_clear;       /* the first whose bit is not; or sectors */
    uint64_t *words;            /* the bits, as on the disk */
    QTAILQ_ENTRY(VpcBitmap) link;
} VpcBitmap;

/* More than the usual number of requests in flight. */
#define VPC_RECENT_BITMAPS 64

typedef struct VpcBitmaps {
    GHashTable *by_block;       /* block -> VpcBitmap */
    /* Some of them, by block % VPC_RECENT_BITMAPS: found without the hash. */
    VpcBitmap *recent[VPC_RECENT_BITMAPS];
    uint64_t bytes;             /* of the bits of all of them */
    /* Each bitmap is in one of these, but for a clean one that is pinned. */
    QTAILQ_HEAD(, VpcBitmap) idle; /* clean, not pinned; the first goes next */
    QTAILQ_HEAD(, VpcBitmap) dirty;
    CoMutex load_lock;
} VpcBitmaps;

void vpc_bitmap_open(VpcState *s);
void vpc_bitmap_close(VpcState *s);

/*
 * The bitmap of @block at @entry, pinned until vpc_bitmap_put(); NULL with a
 * negative *@ret when it cannot be read.
 */
VpcBitmap *coroutine_fn vpc_bitmap_get(BlockDriverState *bs, uint32_t block,
                                       uint32_t entry, int *ret);
/* The same, but NULL with *@ret 0 for a block that is full: it needs none. */
VpcBitmap *coroutine_fn vpc_bitmap_get_partial(BlockDriverState *bs,
                                               uint32_t block,
                                               const VpcEntry *entry, int *ret);
void vpc_bitmap_put(VpcState *s, VpcBitmap *bitmap);
/* The block's space is given up: nothing of its bitmap will be written. */
void vpc_bitmap_forget(VpcState *s, uint32_t block);

/*
 * Sectors from @first on (at most @max, all of them inside the disk) whose bit
 * is as that of the first.
 */
uint32_t vpc_bitmap_run(const VpcBitmap *bitmap, uint32_t first, uint32_t max,
                        bool *set);
/* The data of these sectors is in the file: their bits are set. */
void vpc_bitmap_set(VpcState *s, VpcBitmap *bitmap, uint32_t first,
                    uint32_t count);
/* The sectors read as zeroes, and so does the file there. */
void vpc_bitmap_clear(VpcState *s, VpcBitmap *bitmap, uint32_t first,
                      uint32_t count);
static inline bool vpc_bitmap_is_empty(const VpcBitmap *bitmap)
{
    return bitmap->set == 0;
}

/* Sectors of the block that lie inside the disk, be it that by current_size. */
uint32_t vpc_sectors_of(const VpcState *s, uint32_t block);

bool vpc_bitmap_is_dirty(const VpcState *s);
void vpc_bitmap_take_copies(BlockDriverState *bs, GArray *copies);

#endif
