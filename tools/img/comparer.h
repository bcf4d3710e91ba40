/* SPDX-License-Identifier: MIT */
/*
 * The comparer: finds the first place where two images differ, reading both at
 * once with several coroutines.
 *
 * Invariants:
 *   - What counts is the finding with the lowest offset, whatever order the
 *     reads end in; the progress is that of all that lies before.
 *   - Where both images are known to be zero nothing is read; where one is, the
 *     other is.
 *   - After its end an image counts as zero.
 */
#ifndef TOOLS_IMG_COMPARER_H
#define TOOLS_IMG_COMPARER_H

#include "common.h"

typedef enum CompareKind {
    COMPARE_EQUAL,
    COMPARE_CONTENT,            /* other bytes */
    COMPARE_STATUS,             /* strict: another block status */
    COMPARE_STATUS_ERROR,       /* a block status cannot be had */
    COMPARE_READ_ERROR,
} CompareKind;

typedef struct CompareFinding {
    CompareKind kind;
    int64_t offset;             /* bytes; of a sector for COMPARE_CONTENT */
    int image;                  /* 0 or 1; of an error */
    int ret;                    /* of an error: -errno */
} CompareFinding;

typedef struct CompareJob {
    BlockBackend *blk[2];
    int64_t length[2];          /* bytes */
    bool strict;                /* the block status has to be the same, too */
} CompareJob;

/*
 * Compares [@start, @end) of the images; the progress counts bytes of the
 * longer image.  Outside coroutines.
 */
CompareFinding compare_run(const CompareJob *job, int64_t start, int64_t end);

#endif
