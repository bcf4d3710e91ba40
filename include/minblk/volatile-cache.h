/* SPDX-License-Identifier: MIT */
/*
 * The driver `volatile-cache`: a filter (child `file`) that keeps what was
 * written since the last flush apart and can give every state that a power cut
 * may leave.
 *
 * Invariants:
 *   - Reads see all that was written.
 *   - The child holds what the last successful flush made durable; while a
 *     flush runs, and after one that failed, also the first of the entries.
 *   - A flush that fails, here or below, leaves its writes unflushed; what
 *     comes while it runs belongs to the next one.
 *   - Writes, zeroes, discards, truncations and preallocation are entries of
 *     one log, in the order of their completion.  A discard is zeroes that may
 *     be unmapped, preallocation is zeroes up to the new length.
 *   - Each request lets the loop make a turn before it does anything.
 *
 * It needs no options but `file`, and flushes whatever `cache.no-flush` says.
 * `volatile-cache:FILENAME` opens that file, and creates it.
 * Where the child's growth is not zero (bdrv_has_zero_init_truncate), what a
 * write past the end skips reads as MEM_STALE_BYTE (minblk/mem.h).
 */
#ifndef MINBLK_VOLATILE_CACHE_H
#define MINBLK_VOLATILE_CACHE_H

#include "block/block.h"
#include "sysemu/block-backend.h"

/* The unflushed writes of one moment, immutable. */
typedef struct VolatileLog VolatileLog;

typedef enum PowerCutKind {
    POWER_CUT_PREFIX,           /* the first `count` entries are there */
    POWER_CUT_SUBSET,           /* entries that `seed` chooses are there */
    POWER_CUT_TORN,             /* sectors of 512 bytes that `seed` chooses */
    POWER_CUT__MAX,
} PowerCutKind;

/* How long the file is afterwards. */
typedef enum PowerCutLength {
    POWER_CUT_LENGTH_WRITTEN,   /* what the entries that are there make of it */
    POWER_CUT_LENGTH_OLD,       /* as at the last flush: truncations are lost,
                                   and what was written past the old end */
    POWER_CUT_LENGTH_NEW,       /* as it was last, whatever else is lost */
    POWER_CUT_LENGTH__MAX,
} PowerCutLength;

typedef struct PowerCut {
    PowerCutKind kind;
    PowerCutLength length;
    unsigned count;             /* PREFIX: 0 to volatile_log_entries() */
    uint64_t seed;              /* TORN; SUBSET: bit i is entry i, and for the
                                   entries from 64 on it is a seed */
} PowerCut;

/*
 * Called before a flush writes anything, once the log is complete; in a
 * coroutine, must not yield.  Without @bs it is set for all nodes that are
 * opened from then on, as while an image is created by a name.
 */
typedef void VolatileFlushHook(BlockDriverState *bs, void *opaque);
void volatile_cache_set_hook(BlockDriverState *bs, VolatileFlushHook *hook,
                             void *opaque);

/* The log of @bs (a volatile-cache node) now; volatile_log_free().  Plain. */
VolatileLog *volatile_cache_log(BlockDriverState *bs);
void volatile_log_free(VolatileLog *log);

/* How many entries.  Plain. */
unsigned volatile_log_entries(const VolatileLog *log);

/*
 * Writes to @target, which holds the content of the child at the moment of the
 * log, what a power cut @cut leaves of @log.  @target may be written and
 * resized; writing past its end is allowed from then on.  0 or -errno.  Mixed.
 */
int volatile_log_apply(const VolatileLog *log, const PowerCut *cut,
                       BlockBackend *target);

#endif
