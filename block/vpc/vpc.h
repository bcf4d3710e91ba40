/* SPDX-License-Identifier: MIT */
/*
 * Declarations that the files of the vpc driver share.
 *
 *   format.c   the structures on the disk, pure functions
 *   open.c     options, the size, whether it may be written to; reopening
 *   footers.c  which footer counts
 *   lost-header.c  layouts to be tried where the dynamic header is lost
 *   dynamic.c  header and layout of a dynamic disk, what is wrong with it
 *   bat.c      entries of the block allocation table, in memory
 *   structures.c  where all but the blocks lies; reasons not to write
 *   census.c   which entries and blocks are sound
 *   bitmap.c   sector bitmaps of blocks that are not full
 *   batmap.c   XenServer's map of the blocks whose bitmap is full
 *   block-lock.c  locks on blocks, shared and exclusive
 *   layout.c   where blocks and footers lie, pure functions
 *   space.c    free space
 *   alloc.c    space for a block: take, footer, fill, publish; giving it back
 *   io.c       reads, writes, block status
 *   absent.c   what absent sectors read as; write-zeroes and discard
 *   flush.h    the order in which memory reaches the disk
 *   check.h    check and repair: check*.c, findings*.c, repair.c
 *   target.c   what products refuse; check-target.c: in an image that is there
 *   create.c, amend.c, measure.c, probe.c, info.c, vpc.c
 *
 * Invariants:
 *   1. A BAT entry is set in memory only after its block holds what the
 *      guest wrote and zeroes elsewhere; it reaches the disk only after a
 *      flush of the file that came after that.  So no entry on the disk ever
 *      points at stale bytes.
 *   2. The same holds for the bits of a sector bitmap.  Closing an image that
 *      cannot be flushed writes both all the same, because otherwise all of it
 *      would be lost; but no entry of a block in space that may hold another
 *      block's bytes.  A power cut after it may leave a block of zeroes or one
 *      that is cut off, or show what another program left under clear bits.
 *   3. A footer stands after the last block of any BAT that a power cut may
 *      leave, since each block after the last one has its own, and no footer
 *      that is on the disk is written over.
 *   4. A request locks a block from the look-up of its entry to the end of its
 *      I/O, because otherwise the block could lose its space meanwhile: shared
 *      where the data is there, exclusively to allocate, to zero and to unmap.
 *   5. Space that a block gave up is used again only when no BAT that a power
 *      cut may leave on the disk points there.
 *   6. An image with anything wrong is not written to, but to repair it.
 */
#ifndef BLOCK_VPC_VPC_H
#define BLOCK_VPC_VPC_H

#include "block/block_int.h"
#include "bat.h"
#include "batmap.h"
#include "bitmap.h"
#include "block-lock.h"
#include "census.h"
#include "layout.h"
#include "space.h"

#define VPC_LOCATORS 8

/* Headers, BAT, batmap, locators: where no block may lie. */
#define VPC_MAX_RESERVED 16

/* ---- bat.c ------------------------------------------------------------- */

/* Where a block was placed. */
typedef struct VpcPlaced {
    uint32_t block;
    uint32_t entry;             /* sectors */
} VpcPlaced;

/* ---- the driver's state ------------------------------------------------- */

struct VpcState {
    VpcFooter footer;           /* as it is (to be) on the disk */
    bool footer_lost;           /* it is the copy at offset 0 */
    char *footer_problem;       /* then: why that at the end is not the one */
    VpcDynHeader header;
    bool header_assumed;        /* it is not that of the disk, which is lost */
    uint32_t type;              /* VPC_TYPE_* */
    uint64_t size;              /* bytes */
    VpcSizeRule size_rule;
    Error *migration_blocker;
    bool lenient;               /* opened to check, repair or salvage it */
    bool unread;                /* a part could not be read, for salvage */
    bool repaired;              /* at opening: nothing is given up */
    bool ignore_saved_state;
    char *read_only_reason;     /* what is wrong; NULL: nothing */
    uint64_t file_length;       /* bytes, when opened; whole sectors */
    uint64_t exact_length;      /* the same without what completes a sector */

    /* dynamic disks */
    uint64_t header_offset;
    uint32_t block_size;        /* bytes */
    uint32_t block_shift;
    uint32_t bitmap_size;       /* bytes */
    uint8_t *ones;              /* bitmap_size bytes of ones */
    bool file_grows_zeroed;     /* new space of the file reads as zeroes */
    VpcRange reserved[VPC_MAX_RESERVED];
    unsigned reserved_count;
    bool locator_placed[VPC_LOCATORS]; /* its path is one of them */
    VpcRange rooms[VPC_LOCATORS]; /* for longer paths: kept free of blocks */
    uint64_t file_end;          /* no block lies after it: the footer, or the
                                   end of a file that lost it */

    VpcBat bat;
    VpcCensus census;           /* when opened; its starts only if damaged */
    bool reported;              /* a block that cannot be read */
    uint32_t last_reported;

    VpcBatmap batmap;
    VpcBitmaps bitmaps;

    VpcBlockLocks block_locks;

    uint64_t footer_offset;     /* bytes: of the footer that counts, as it was
                                   opened; vpc_space_footer() since */
    VpcSpace space;
    GArray *exposed;            /* VpcPlaced in space that may be stale, until
                                   the next flush of the file */

    CoMutex flush_lock;
};

/* ---- functions, by file ------------------------------------------------- */

/* Callbacks of the driver, as block_int.h has them. */
int vpc_probe(const uint8_t *buf, int buf_size, const char *filename);
int vpc_probe_tail(const uint8_t *tail, int size, int64_t file_size);
int vpc_probe_confirm(BdrvChild *file, const uint8_t *tail, int size,
                      int64_t file_size, Error **errp);

int vpc_open(BlockDriverState *bs, QDict *options, int flags, Error **errp);
void vpc_close(BlockDriverState *bs);
int vpc_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                       Error **errp);
void vpc_reopen_commit(BDRVReopenState *state);
void vpc_reopen_abort(BDRVReopenState *state);
/*
 * Makes the state anew of what the file holds; no request may be in flight.  On
 * failure it stays as it was.  Mixed.
 */
int vpc_reload(BlockDriverState *bs, Error **errp);
/*
 * Adds a reason, which the user is shown, why the image may be read, but not
 * written to.
 */
void GCC_FMT_ATTR(2, 3) vpc_refuse_writing(VpcState *s, const char *fmt, ...);

/*
 * Is it opened to be salvaged, or to be checked only?  Then what cannot be read
 * of the structures does not keep the rest from being read; s->unread is set.
 * Plain.
 */
static inline bool vpc_goes_on(BlockDriverState *bs)
{
    const VpcState *s = bs->opaque;

    return s->lenient && bdrv_is_read_only(bs);
}

/* Writes the footer at @offset, without a flush.  0 or -errno.  Mixed. */
int vpc_put_footer(BlockDriverState *bs, uint64_t offset);
/* Is the footer at @offset on the disk?  1, 0 or -errno.  Mixed. */
int vpc_is_footer_at(BlockDriverState *bs, uint64_t offset);
/*
 * Finds the footer that counts: s->footer, footer_offset (of that at the end),
 * footer_lost, file_length, exact_length.  0, or -errno with an error: there is
 * none, or the file could not be read.  Mixed.
 */
int vpc_find_footer(BlockDriverState *bs, Error **errp);
/*
 * Looks for a footer after the data, which ends at @end, because a longer file
 * or a device has others in its last sector or none: one before @limit that
 * equals s->footer counts.  True: it was found, and s->footer_offset is its
 * own.  Mixed.
 */
bool vpc_footer_after(BlockDriverState *bs, uint64_t end, uint64_t limit);
/*
 * Are @bytes (of 512, or all that the file has left) the footer, but for
 * damage?
 */
bool vpc_resembles_footer(const VpcState *s, const uint8_t *sector,
                          uint64_t bytes);
/*
 * The content of the file after the last block or structure, which ends at
 * @data_end: VpcContent, where a damaged footer at the file's end counts as
 * one; -errno.  *@last_is_free: of the last sector, zeroes or such a footer may
 * be written over.  Mixed.
 */
int vpc_content_after(BlockDriverState *bs, uint64_t data_end,
                      bool *last_is_free);
/*
 * Writes the footer again that is missing, with a warning.  False: it could not
 * be done; nothing has changed.  Mixed.
 */
bool vpc_restore_footer(BlockDriverState *bs);
/*
 * The offsets of all footers that count, a dynamic disk's copy at 0 first:
 * their number, or -errno.  Mixed.
 */
#define VPC_MAX_FOOTERS 3
int vpc_footer_offsets(BlockDriverState *bs, uint64_t offsets[VPC_MAX_FOOTERS]);

/*
 * Reads header and BAT, and validates them; s->footer and the lengths are those
 * of the file.  0, or -errno with an error.  On failure the state holds what
 * was opened until then, which closing frees.  Mixed.
 */
int vpc_open_dynamic(BlockDriverState *bs, Error **errp);
/* Takes the block size from the header, which is valid.  Plain. */
void vpc_use_header(VpcState *s);
/*
 * Makes s->header, whose copy on the disk at @offset is damaged, that of a
 * known layout of which every entry is sound, and warns of it.  False: the file
 * has none, or the header is right but for its checksum; it stays as it was.
 * Then nothing may be written to the image.  Mixed.
 */
bool vpc_assume_header(BlockDriverState *bs, uint64_t offset);
/*
 * No block may lie in the @bytes of the file from @start on, which @what, as an
 * error calls it, has.  0, or -EINVAL with an error: they are not all in the
 * file, or another structure has them.
 */
int vpc_reserve_range(VpcState *s, const char *what, uint64_t start,
                      uint64_t bytes, Error **errp);
/* Do bytes of [@start, @end) of the file belong to a reserved range? */
bool vpc_over_structure(const VpcState *s, uint64_t start, uint64_t end);
/*
 * Where the last of the reserved ranges ends, or with @rooms the last of these
 * that lies in the file.
 */
uint64_t vpc_structures_end(const VpcState *s, bool rooms);
/*
 * Does a part of [@start, @end) belong to a locator's room?  Nothing is there
 * yet; only new blocks keep clear of it.
 */
bool vpc_over_room(const VpcState *s, uint64_t start, uint64_t end);

/*
 * Gives @block, which is locked exclusively and has no space, space with the
 * @bytes of @qiov at @offset in the block and zeroes elsewhere.  On failure
 * nothing has changed but the file's length.
 */
int coroutine_fn vpc_allocate(BlockDriverState *bs, uint32_t block,
                              uint32_t offset, uint32_t bytes,
                              QEMUIOVector *qiov, size_t qiov_offset);

/*
 * Takes its space from @block, which is locked exclusively: it reads as zeroes.
 * On failure nothing has changed.
 */
int coroutine_fn vpc_unmap(BlockDriverState *bs, uint32_t block,
                           uint32_t entry);

/* The part of a request that lies in one block. */
typedef struct VpcPiece {
    uint32_t block;
    uint32_t offset;            /* in the block, bytes */
    uint32_t bytes;
    size_t done;                /* bytes of the request before it */
} VpcPiece;

/* The next piece of a request of which the first @done bytes are done. */
static inline VpcPiece vpc_next_piece(const VpcState *s, uint64_t offset,
                                      uint64_t bytes, size_t done)
{
    uint64_t at = offset + done;
    uint32_t in_block = at & (s->block_size - 1);

    return (VpcPiece) {
        .block = at >> s->block_shift,
        .offset = in_block,
        .bytes = MIN(bytes - done, s->block_size - in_block),
        .done = done,
    };
}

/* Where the data of a block begins: bytes. */
static inline uint64_t vpc_data_offset(const VpcState *s, uint32_t entry)
{
    return (uint64_t)entry * VPC_SECTOR + s->bitmap_size;
}

/*
 * Do absent sectors, of blocks without space or whose bit is clear, read as
 * zeroes?  Not where they read as a parent's.
 */
static inline bool vpc_absent_is_zero(const VpcState *s)
{
    return s->type != VPC_TYPE_DIFFERENCING;
}

/* Their block status. */
static inline int vpc_absent_status(const VpcState *s)
{
    return vpc_absent_is_zero(s) ? BDRV_BLOCK_ZERO : 0;
}

/* Puts what @bytes of them read as into @qiov. */
void coroutine_fn vpc_absent_read(QEMUIOVector *qiov, size_t qiov_offset,
                                  uint32_t bytes);

int coroutine_fn vpc_co_preadv(BlockDriverState *bs, uint64_t offset,
                               uint64_t bytes, QEMUIOVector *qiov, int flags);
int coroutine_fn vpc_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                uint64_t bytes, QEMUIOVector *qiov, int flags);
int coroutine_fn vpc_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset,
                                      int bytes, BdrvRequestFlags flags);
int coroutine_fn vpc_co_pdiscard(BlockDriverState *bs, int64_t offset,
                                 int bytes);
int coroutine_fn vpc_co_block_status(BlockDriverState *bs, bool want_zero,
                                     int64_t offset, int64_t bytes,
                                     int64_t *pnum, int64_t *map,
                                     BlockDriverState **file);

/* Creation and measuring as block_int.h has them. */
extern QemuOptsList vpc_create_opts;
int coroutine_fn vpc_co_create(BlockdevCreateOptions *opts, Error **errp);
int coroutine_fn vpc_co_create_opts(BlockDriver *drv, const char *filename,
                                    QemuOpts *opts, Error **errp);
BlockMeasureInfo *vpc_measure(QemuOpts *opts, BlockDriverState *in_bs,
                              Error **errp);

/*
 * Changes fields of the footer, on the disk and in memory; without @force none
 * that give the disk another size.  0, or -errno with an error and all fields
 * as they were, as far as that could be written.  Mixed.
 */
extern QemuOptsList vpc_amend_opts;
int vpc_amend(BlockDriverState *bs, QemuOpts *opts, bool force, Error **errp);
/*
 * Reports to @listener what the product @target would refuse.  0, or -EINVAL
 * with an error: there is no such product.  Reads nothing.  Plain.
 */
int vpc_check_target(BlockDriverState *bs, const char *target,
                     BdrvRefusalListener *listener, void *opaque,
                     Error **errp);
/* Reads nothing; the caller frees it.  Plain. */
ImageInfoSpecific *vpc_get_specific_info(BlockDriverState *bs, Error **errp);

/*
 * Checks, and repairs what @fix says, when nothing in memory is ahead of the
 * disk and no request is in flight.  A repair makes bs->opaque anew.  0 with
 * @result filled in, or -errno when the check or the repair could not be made.
 * Mixed.  _co_: flushes first; -EBUSY while requests are in flight.
 */
int vpc_check(BlockDriverState *bs, BdrvCheckResult *result,
              BdrvCheckMode fix);
int coroutine_fn vpc_co_check(BlockDriverState *bs, BdrvCheckResult *result,
                              BdrvCheckMode fix);

#endif
