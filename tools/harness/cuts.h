/* SPDX-License-Identifier: MIT */
/*
 * The states that power cuts may leave of a disk under a volatile cache; in a
 * case.
 *
 * Invariants:
 *   - A moment is the disk, the writes not on it yet, and the model's time.
 *   - Of a moment with few unflushed writes every subset is a state; of others
 *     each prefix and a sample of subsets and torn writes.
 */
#ifndef HARNESS_CUTS_H
#define HARNESS_CUTS_H

#include "ops.h"

#include "minblk/volatile-cache.h"

/* The disk, what it had not written yet, and the model's time. */
typedef struct Moment {
    MemDisk *disk;
    VolatileLog *log;
    uint64_t time;
} Moment;

/* A state to be tried. */
typedef struct CutState {
    unsigned moment;
    PowerCut cut;
} CutState;

typedef struct Cuts {
    Case *c;
    const char *disk;           /* its name */
    GArray *moments;            /* Moment */
    GArray *states;             /* CutState, in the order of their moments */
    Rng rng;
} Cuts;

/* Free them with cuts_clear(). */
Cuts cuts_new(Case *c, const char *disk, uint64_t seed);
void cuts_clear(Cuts *cuts);

/*
 * Notes a moment of @cache, a volatile cache, at @time.  A hook may do that:
 * it does not yield.
 */
void cuts_note(Cuts *cuts, BlockDriverState *cache, uint64_t time);

/* Fills @cuts->states with @most states at most of all moments. */
void cuts_choose(Cuts *cuts, unsigned most);

/*
 * A disk "after" as the power cut of state @i leaves it; @where (g_free())
 * says which one it is.
 */
MemDisk *cuts_apply(const Cuts *cuts, guint i, char **where);

#endif
