/* SPDX-License-Identifier: MIT */
/*
 * The only owner of free space: where the next block goes.
 *
 * A *place* is where a block is or was in this session.  Space comes from
 * places that were given back, from gaps between blocks, and from growth after
 * the last block.
 *
 * Invariants:
 *   1. A place that was given back waits for a generation: it is used again
 *      only when no BAT that a power cut may leave on the disk names it,
 *      because that BAT would show another block's bytes there.
 *   2. A gap that was there when the image was opened is used only where it
 *      reads as zeroes or holds old footers, because anything else may be what
 *      a repair or another program left there.
 *   3. A block after the last one has room for a footer directly after it, and
 *      lies after the footer of what was the last block until then, so that
 *      this footer stays whole until the new one is on the disk.
 */
#ifndef BLOCK_VPC_SPACE_H
#define BLOCK_VPC_SPACE_H

#include "block/block_int.h"
#include "layout.h"

/* Space below the end of the last place. */
typedef struct VpcFree {
    VpcRange range;
    bool unknown;               /* to be looked at before it is used */
    uint64_t wait;              /* for this generation to be durable */
    bool has_footer;            /* the one after the last block was put there,
                                   so it is never used again */
} VpcFree;

/* Space after the last block. */
typedef struct VpcGrowth {
    uint64_t start;             /* the next block begins at or after it */
    uint64_t end;               /* of it and its footer */
    bool stale;                 /* it may hold anything */
} VpcGrowth;

/* How a place is used. */
typedef enum VpcPlaceUse {
    VPC_PLACE_FREE,
    VPC_PLACE_TAKEN,            /* for a block that has no entry yet */
    VPC_PLACE_PUBLISHED,        /* a BAT entry names it */
} VpcPlaceUse;

typedef struct VpcSpace {
    uint32_t block_size;        /* bytes */
    uint64_t structures_end;
    uint64_t floor;             /* growth keeps after it */
    GArray *places;             /* uint32_t entries, sorted */
    GByteArray *used;           /* VpcPlaceUse of each place */
    guint last;                 /* places up to the last one that is not free */
    GSequence *usable;          /* VpcFree, by offset */
    GArray *waiting;            /* VpcFree, in the order of their generations */
    VpcGrowth growth[2];        /* in this order */
    bool growth_known;
    GArray *footers_due;        /* uint64_t offsets: to be written before the
                                   BAT, and taken by no block until then */
    uint64_t keep;              /* the file is never cut below this length */
    uint64_t opened_end;        /* vpc_space_end() when it was opened */
    bool ended;                 /* a footer ends the file */
    bool settled;               /* the BAT as it was opened is on the disk */
    uint64_t generation;        /* of the BAT in memory */
    uint64_t written;           /* of the BAT that was written last */
    uint64_t durable;           /* of the BAT that is on the disk */
    CoMutex lock;               /* of footers and growth */
    CoMutex gate;               /* allocations begin with it */
    unsigned takers;            /* allocations that have begun */
} VpcSpace;

/* Space for one block. */
typedef struct VpcSpot {
    uint64_t offset;            /* bytes */
    uint32_t entry;             /* the same in sectors */
    bool stale;                 /* it must be zeroed first */
    bool extends;               /* a footer follows it */
    VpcGrowth *growth;          /* that it was taken from, or NULL */
} VpcSpot;

/*
 * Finds the free space when the blocks at @starts (uint32_t entries, sorted)
 * have space.  Plain.
 */
void vpc_space_open(BlockDriverState *bs, const GArray *starts);
void vpc_space_init(VpcSpace *space);
void vpc_space_close(VpcSpace *space);

/* Where the last block that has space, or the last structure, ends: bytes. */
uint64_t vpc_space_end(const VpcSpace *space);

/* Bytes of a block with its bitmap.  Plain. */
uint64_t vpc_space_block_bytes(const VpcSpace *space);
/* The offset of place @i: bytes.  Plain. */
uint64_t vpc_space_place(const VpcSpace *space, guint i);
/* The place is used no more.  Returns its index.  Plain. */
guint vpc_space_unuse(VpcSpace *space, uint32_t entry);
/* Is a footer to be written in @range?  Plain. */
static inline bool vpc_space_footer_is_due(const VpcSpace *space,
                                           const VpcRange *range)
{
    for (guint i = 0; i < space->footers_due->len; i++) {
        uint64_t footer = g_array_index(space->footers_due, uint64_t, i);

        if (range->start <= footer && range->end > footer) {
            return true;
        }
    }
    return false;
}
/* By offset, for a GSequence of VpcFree.  Plain. */
gint vpc_space_compare(gconstpointer a, gconstpointer b, gpointer opaque);
/* Is [@start, @end) apart from all places, used or not?  Plain. */
bool vpc_space_no_place_in(const VpcSpace *space, uint64_t start,
                           uint64_t end);

/* Does the error @ret say that the disk, or what one may use of it, is full? */
static inline bool vpc_space_is_full(int ret)
{
    return ret == -ENOSPC || ret == -EDQUOT || ret == -EFBIG;
}

/* Takes space for a block.  0, -ENOSPC, or -errno. */
int coroutine_fn vpc_space_take(BlockDriverState *bs, VpcSpot *spot);
/* @spot was not used, and may hold anything now.  Plain. */
void vpc_space_put_back(VpcSpace *space, const VpcSpot *spot);
/*
 * The file does not reach @spot and could not be made to, by the error @ret.
 * Returns whether to try again, elsewhere.  Plain.
 */
bool vpc_space_unreachable(VpcSpace *space, const VpcSpot *spot, int ret);
/*
 * Cuts off the end of the file that allocations have made and no block got, as
 * long as no other one begins: on a full disk each sector counts.
 */
void coroutine_fn vpc_space_trim(BlockDriverState *bs);
/* The BAT in memory names @spot from now on.  Plain. */
void vpc_space_publish(VpcSpace *space, const VpcSpot *spot);

/* The block at @offset gives its space back.  Plain. */
void vpc_space_give(VpcSpace *space, uint64_t offset);

/*
 * The steps of a flush.  _before_bat: a footer follows what is the last block
 * now, if one was given back.  _copied: the BAT in memory was copied, returns
 * its generation.  _durable: what the last flush wrote is on the disk.
 * _written: the copies of @generation were written.
 */
int coroutine_fn vpc_space_before_bat(BlockDriverState *bs);
static inline uint64_t vpc_space_copied(VpcSpace *space)
{
    return space->generation++;
}

void vpc_space_durable(VpcSpace *space);
/* Does space wait for a flush? */
static inline bool vpc_space_waits(const VpcSpace *space)
{
    return space->waiting->len > 0;
}

static inline void vpc_space_written(VpcSpace *space, uint64_t generation)
{
    space->written = generation;
}

/*
 * The bitmaps of blocks that were given back up to @generation become zero, as
 * their data is already.  XenServer's map on the disk must not call them full.
 */
int coroutine_fn vpc_space_clear_bitmaps(BlockDriverState *bs,
                                         uint64_t generation);

/*
 * Cuts the file after its footer, where blocks after it were given back or
 * could not be written; what the BAT says is on the disk.  Mixed.
 */
void vpc_space_cut(BlockDriverState *bs);

/*
 * Sees to it that a footer ends the file: one that does, or after all that the
 * file holds, or of a device in the last sector, if that reads as zero.  Sets
 * *@offset to its own.  0 or -errno.  Mixed.
 */
int vpc_space_end_file(BlockDriverState *bs, uint64_t *offset);

/* The offset of the footer after the last block: bytes.  Plain. */
uint64_t vpc_space_footer(const struct VpcState *s);

/* The content of a range of the file. */
typedef enum VpcContent {
    VPC_CONTENT_ZERO,
    VPC_CONTENT_FOOTERS,        /* footers, and zeroes */
    VPC_CONTENT_DATA,
} VpcContent;

/* Are they the ones with which Windows pads a BAT to a page?  Plain. */
bool vpc_is_padding(const uint8_t *buf, uint64_t bytes);

/*
 * VpcContent of [@start, @end), which ends where the file does at the latest;
 * -errno.  Holes are not read.  Mixed.
 */
int vpc_space_content(BlockDriverState *bs, uint64_t start, uint64_t end);

/*
 * The same for who asks of many ranges that follow each other: up to *@data_end
 * there is data, of which the file system need not be asked again, because
 * tmpfs looks at each page of it.  0 at first; updated.  Mixed.
 */
int vpc_space_content_in(BlockDriverState *bs, uint64_t start, uint64_t end,
                         uint64_t *data_end);

/*
 * Is there data at @start, and not a hole?  To *@extent_end, at most @end.
 * What cannot be found out is data.  Mixed.
 */
bool vpc_space_extent(BlockDriverState *bs, uint64_t start, uint64_t end,
                      uint64_t *extent_end);

#endif
