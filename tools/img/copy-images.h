/* SPDX-License-Identifier: MIT */
/*
 * The copier's operations over images: several sources, one after the other,
 * into one target; and what convert and dd share around a copy.
 *
 * Invariants:
 *   - No answer and no request of the table goes across the end of a source.
 *   - Zeroes are not written where the target reads as zero already, so that
 *     writing them never allocates space there.
 */
#ifndef TOOLS_IMG_COPY_IMAGES_H
#define TOOLS_IMG_COPY_IMAGES_H

#include "common.h"
#include "copier.h"

typedef struct CopySource {
    BlockBackend *blk;
    int64_t start;          /* where it begins in the run, bytes */
    int64_t length;         /* bytes */
} CopySource;

/* The CopyJob's opaque. */
typedef struct CopyImages {
    CopySource *sources;
    int nr_sources;
    int64_t skip;           /* bytes of the sources in front of the run */
    BlockBackend *target;
    bool created;           /* the target is new, and zero after the sources */
    int64_t backing_length; /* where the target's backing image holds what the
                             * sources have from theirs, bytes; 0: none */
    bool compress;          /* writes are compressed; some formats need that */
    int64_t cluster;        /* with it: bytes of the target's clusters */
    bool quiet;             /* no warnings of each range that is lost */
    /* With salvage: */
    int64_t lost_bytes;     /* that could not be read ... */
    int64_t lost_ranges;    /* ... in so many runs of sectors ... */
    int64_t longest_loss;   /* ... of at most so many bytes */
    int known_losses;       /* how many of them the status knew */
} CopyImages;

/*
 * Opens the @n files @names, to be released with copy_images_close() also after
 * a failure.  Reports, and returns false, when one cannot be opened.  Unless
 * sharing is forced, no other user may write to a source from then on, because
 * a target that is a source, too, would be overwritten before it was read; with
 * @lenient a source that has a writer already is taken as it is.
 */
bool copy_images_open(CopyImages *images, char **names, int n,
                      const ImgOpen *how, bool lenient);

/*
 * Warns of how much was lost in all, if a run of it was longer than the user
 * may want to see sector by sector, also when quiet.
 */
void copy_images_sum_up(const CopyImages *images);

/* All bytes of the sources together. */
int64_t copy_images_length(const CopyImages *images);

/* Lets go of the sources and of the target; members not set are skipped. */
void copy_images_close(CopyImages *images);

/* The target to create. */
typedef struct CopyTarget {
    const char *filename;
    const char *options;        /* a comma list; NULL: none */
    const char *backing;        /* NULL: none */
    const char *backing_format; /* NULL: not given */
    bool compress;              /* its writes will be compressed */
    bool concatenated;          /* of several sources: it can have no backing */
} CopyTarget;

/*
 * Creates it with *@size bytes, or with those that its options give if they are
 * more, which is *@size then.  Reports, and returns false, when that fails;
 * @task is what the driver's errors interrupt.
 */
bool copy_images_create(const CopyTarget *target, BlockDriver *drv,
                        int64_t *size, const char *task);

/*
 * What the sources have from their backing images would be at other offsets in
 * that of a target of several.  Reports, and returns false, if it has @backing.
 */
bool copy_images_check_backing(const CopyTarget *target, const char *backing);

/*
 * Can @drv, the target's, compress, if that is asked for?  Reports, and returns
 * false, when it cannot.
 */
bool copy_images_check_compress(const CopyTarget *target,
                                const BlockDriver *drv);

/*
 * Runs @job, whose size and manner the caller has set, and puts the target on
 * the disk.  Requests end where the target's clusters do.  The first interrupt
 * stops it, the second ends the process (target.h).  Reports, but for errors of
 * copying: these are in *@result, whose step is COPY_NOTHING otherwise.
 * Returns whether all was done.
 */
bool copy_images_run(CopyImages *images, CopyJob *job, CopyResult *result);

#endif
