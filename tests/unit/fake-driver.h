/* SPDX-License-Identifier: MIT */
/*
 * A disk in memory whose driver records its calls, fails and is slow on demand.
 *
 * Each disk has a driver table of its own: a test takes callbacks out before it
 * opens the disk.  The callbacks themselves check what the layer owes them
 * (alignment, limits, flags, vectors) and end the test when it does not hold.
 */
#ifndef TESTS_FAKE_DRIVER_H
#define TESTS_FAKE_DRIVER_H

#include "block/core/graph/graph.h"

typedef enum FakeOp {
    FAKE_READ,
    FAKE_WRITE,
    FAKE_ZERO,
    FAKE_DISCARD,
    FAKE_FLUSH,        /* bdrv_co_flush */
    FAKE_FLUSH_OS,
    FAKE_FLUSH_DISK,
    FAKE_TRUNCATE,
    FAKE_STATUS,
    FAKE_COPY_FROM,
    FAKE_COPY_TO,
    FAKE_TAIL,
    FAKE_EVENT,        /* flags: the event */
    FAKE_OP__MAX,
} FakeOp;

typedef struct FakeCall {
    FakeOp op;
    int64_t offset;
    int64_t bytes;
    int flags;
    int niov;
} FakeCall;

#define FAKE_CALLS 4096
#define FAKE_CAPACITY (1 << 20)

typedef struct FakeDisk {
    /* Set before fake_open(). */
    BlockDriver drv;
    BlockLimits limits;            /* what is not 0 is the node's */
    unsigned write_flags;
    unsigned zero_flags;
    uint64_t perm;
    int64_t size;                  /* bytes */
    bool slow;                     /* each call yields to the loop */

    /* At any time. */
    int error[FAKE_OP__MAX];       /* -errno, or a positive result; 0: works */
    int skip[FAKE_OP__MAX];        /* calls before the error */
    int (*status)(struct FakeDisk *d, int64_t offset, int64_t bytes,
                  int64_t *pnum, int64_t *map, BlockDriverState **file);
    bool info_zero;                /* unallocated_blocks_are_zero */

    /* What the test reads. */
    uint8_t data[FAKE_CAPACITY];
    FakeCall calls[FAKE_CALLS];
    int n_calls;
    BlockDriverState *bs;
    BdrvChild *child;
} FakeDisk;

/* A disk like a file; a fixed image format; the same with aio callbacks. */
FakeDisk *fake_file_new(int64_t size);
FakeDisk *fake_format_new(int64_t size);
FakeDisk *fake_aio_new(int64_t size);

/* Gives the driver the callback for exact writes at the end. */
void fake_use_tail(FakeDisk *d);

/* Opens with BDRV_O_* @flags and attaches d->child with d->perm. */
void fake_open(FakeDisk *d, int flags);
/* Puts the open @file under the open @d, with its own edge besides. */
void fake_set_file(FakeDisk *d, FakeDisk *file);
void fake_set_backing(FakeDisk *d, FakeDisk *backing);
/* Closes and frees. */
void fake_close(FakeDisk *d);

/* The number of recorded calls of @op. */
int fake_count(FakeDisk *d, FakeOp op);
/* The @n-th call of @op, counted from 0; the test ends without it. */
FakeCall *fake_call(FakeDisk *d, FakeOp op, int n);
void fake_reset(FakeDisk *d);

/* Runs @fn(@opaque) in a coroutine to its end. */
void fake_run(CoroutineEntry *fn, void *opaque);

#endif
