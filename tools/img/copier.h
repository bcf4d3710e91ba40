/* SPDX-License-Identifier: MIT */
/*
 * The copier: moves one run of bytes to another place with several coroutines.
 * Source and target are a table of operations; how it is copied
 * (order, holes, sparseness, rate, what to do about errors) is the copier's.
 *
 * Invariants:
 *   - A request is 2 MiB at most, and the progress moves when it is done; a
 *     request that only writes zeroes may be larger.
 *   - With whole_clusters a write is one cluster, the run's last one shorter.
 *   - Without out_of_order, one write at a time is under way, in ascending
 *     order, whatever order the reads end in.
 *   - Each coroutine has one buffer, allocated before the first request.
 *   - After the first error or an interrupt no request begins; copy_run()
 *     returns when those in flight are done.
 */
#ifndef TOOLS_IMG_COPIER_H
#define TOOLS_IMG_COPIER_H

#include "qemu/osdep.h"
#include "workers.h"

#define COPY_REQUEST_MAX (2 * 1024 * 1024)
#define COPY_COROUTINES_MAX IMG_WORKERS_MAX
#define COPY_COROUTINES_DEFAULT 8
#define COPY_SPARSE_DEFAULT 4096

/* The step that failed. */
typedef enum CopyStep {
    COPY_NOTHING,
    COPY_STATUS,
    COPY_READ,
    COPY_WRITE,
} CopyStep;

/* What a range of the source is. */
typedef enum CopyKind {
    COPY_DATA,
    COPY_ZERO,
    COPY_LOST,                  /* no sector of it can be read */
    COPY_SHARED,                /* the target has it already */
} CopyKind;

/* What cannot be read, with salvage. */
typedef struct CopyLoss {
    CopyStep step;              /* COPY_STATUS: it may have been read since */
    int64_t offset;             /* bytes */
    int64_t bytes;              /* a sector, or a run of them */
    int ret;                    /* -errno */
    bool known;                 /* by the status, so that it was not tried */
} CopyLoss;

/*
 * Source and target: offsets are bytes in the run.  Operations return 0 or
 * -errno, are called in coroutines, several at a time, and only for ranges
 * inside the run; all but status for ranges inside what one status said, or
 * with all_data or whole_clusters for any.
 */
typedef struct CopyOps {
    /*
     * The status at @offset: *@pnum bytes, 1 to @bytes, that read as zero,
     * cannot be read, or may be anything.
     */
    int coroutine_fn (*status)(void *opaque, int64_t offset, int64_t bytes,
                               int64_t *pnum, CopyKind *kind);
    int coroutine_fn (*read)(void *opaque, int64_t offset, int bytes,
                             void *buf);
    /* @buf has room for COPY_REQUEST_MAX bytes from the request's start on. */
    int coroutine_fn (*write)(void *opaque, int64_t offset, int bytes,
                              void *buf);
    /* Makes the range read as zero; any length. */
    int coroutine_fn (*write_zeroes)(void *opaque, int64_t offset,
                                     int64_t bytes);
    /* Copies without a buffer; -ENOTSUP: it cannot.  May be NULL. */
    int coroutine_fn (*copy_range)(void *opaque, int64_t offset, int bytes);
    /*
     * With salvage: ascending, and as long as they can be; no sooner than what
     * follows them has been read.
     */
    void (*warn)(void *opaque, const CopyLoss *loss);
} CopyOps;

/* A run to copy, and how. */
typedef struct CopyJob {
    const CopyOps *ops;
    void *opaque;
    int64_t size;           /* bytes */
    int coroutines;         /* 1 to COPY_COROUTINES_MAX */
    bool out_of_order;
    bool target_zero;       /* what is zero need not be written */
    bool use_copy_range;
    bool salvage;           /* unreadable data becomes zero, with a warning */
    int64_t sparse;         /* zeroes that become a hole, bytes; 0: none */
    bool all_data;          /* so the status is not asked for */
    int64_t cluster;        /* requests end at its multiples; 0: anywhere */
    bool whole_clusters;    /* of at most COPY_REQUEST_MAX bytes */
    int64_t rate;           /* bytes a second; 0: any */
    size_t alignment;       /* of buffers */
    bool (*interrupted)(void);  /* may be NULL */
} CopyJob;

typedef struct CopyResult {
    CopyStep step;          /* COPY_NOTHING: no error */
    int64_t offset;         /* of the failing request, bytes */
    int ret;                /* -errno */
    bool interrupted;
} CopyResult;

/*
 * Copies the run and shows the progress.  Returns whether all of it was copied;
 * *@result has what happened.  Outside coroutines.
 */
bool copy_run(const CopyJob *job, CopyResult *result);

/*
 * The length of the piece of one kind, *@zero or not, at the start of the
 * @bytes at @buf, which stand at @offset of the run.  Kinds change at multiples
 * of the largest power of two in @sparse; fewer zeroes than @sparse between
 * data count as data.  Plain; any context.
 */
int64_t copy_piece(const uint8_t *buf, int64_t offset, int64_t bytes,
                   int64_t sparse, bool *zero);

#endif
