/* SPDX-License-Identifier: MIT */
/*
 * The driver `volatile-cache`: a filter (child `file`) that keeps what was
 * written since the last flush apart and can tell every state that a power cut
 * may leave.
 *
 * Invariants:
 *   - Reads see all that was written.
 *   - The child holds exactly what the last successful flush made durable.
 *   - A flush that fails, here or below, leaves its writes unflushed.
 *   - Writes, zeroes, discards, truncations and preallocation are entries of
 *     one log, in the order of their completion.
 *
 * It needs no options but `file`.
 */
#ifndef BLOCK_VOLATILE_CACHE_H
#define BLOCK_VOLATILE_CACHE_H

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

typedef struct PowerCut {
    PowerCutKind kind;
    unsigned count;             /* PREFIX: 0 to volatile_log_entries() */
    uint64_t seed;              /* SUBSET, TORN */
    bool new_length;            /* the last length is there, whatever is lost;
                                   else only what the entries that are there
                                   make of the old one */
} PowerCut;

/*
 * Called before a flush writes anything, once the log is complete; in a
 * coroutine, must not yield.
 */
typedef void VolatileFlushHook(BlockDriverState *bs, void *opaque);
void volatile_cache_set_hook(BlockDriverState *bs, VolatileFlushHook *hook,
                             void *opaque);

/* The log of @bs (a volatile-cache node) now; volatile_log_free().  Plain. */
VolatileLog *volatile_cache_log(BlockDriverState *bs);
void volatile_log_free(VolatileLog *log);

/* How many entries.  Plain. */
unsigned volatile_log_entries(const VolatileLog *log);

/* Forgets all unflushed writes, as a power cut that keeps none.  Plain. */
void volatile_cache_drop(BlockDriverState *bs);

/*
 * Writes to @target, which holds the content of the child at the moment of the
 * log, what a power cut @cut leaves of @log.  0 or -errno.  Mixed.
 */
int volatile_log_apply(const VolatileLog *log, const PowerCut *cut,
                       BlockBackend *target);

#endif
