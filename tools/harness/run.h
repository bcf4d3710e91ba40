/* SPDX-License-Identifier: MIT */
/*
 * Running a list of operations on an image, against the model; in a case.
 */
#ifndef HARNESS_RUN_H
#define HARNESS_RUN_H

#include "model.h"
#include "shrink.h"

/* The policy when a request fails. */
typedef enum RunErrors {
    RUN_ERRORS_FAIL,            /* the case has failed */
    RUN_ERRORS_RETRY,           /* it must succeed the second time */
    RUN_ERRORS_STOP,            /* the list ends here */
} RunErrors;

/* Places of an image. */
typedef struct Parts Parts;

/* What @list touches, its surroundings, and a sample by its seed.  g_free(). */
Parts *parts_new(const ListCase *list);

#define MAX_PART (1 << 20)

/*
 * Moves *@at on to the next place of @parts (or of all, if that is NULL) that
 * lies within the first @length bytes; its length, MAX_PART at most, or 0.
 */
int64_t parts_next(const Parts *parts, int64_t length, int64_t *at);

typedef struct Run {
    Case *c;
    StackOptions how;           /* changed between closing and opening */
    const GArray *ops;          /* Op */
    unsigned first;             /* the number of the first one, mostly 0 */
    unsigned depth;             /* requests in flight, at most */
    RunErrors on_error;
    bool damaged;               /* maybe: a part that fails to be read skips */
    Parts *parts;               /* that are read to verify; NULL: all; owned */

    BlockBackend *blk;          /* while it is open */
    Model *model;
    ListTrace trace;
    unsigned in_flight;
    bool stopped;
} Run;

/*
 * A run of @list on the disk @name, writable, where requests overtake each
 * other if there are several at a time.
 */
Run run_new(Case *c, const ListCase *list, const char *name);

/* Opens the image as run->how says; a failure fails the case. */
void run_open(Run *run);
void run_close(Run *run);

/* Frees the model and the disk, which nothing may have open any more. */
void run_finish(Run *run);

/*
 * Reads [@offset, @offset + @bytes) in pieces; 0 or -errno.  Skips the case of
 * an image that may be damaged when it fails.
 */
int run_read_part(const Run *run, int64_t offset, uint8_t *buf, int64_t bytes);

/*
 * A model that begins with what the open image reads as, which must be zeroes
 * where the driver says so if the image was created just now.  The model is
 * freed by run_finish().
 */
void run_adopt(Run *run);

/*
 * Runs the list and waits until nothing is in flight.  What a request reads,
 * and whether it fails, is checked as it ends.
 */
void run_ops(Run *run);

/*
 * A flush after the list; nothing is in flight.  Otherwise what the list wrote
 * last might reach the file only as it is closed, which reports no failure.
 */
void run_flush(Run *run);

/* The length and each byte of the parts are what the model allows. */
void run_verify(Run *run);

/*
 * All that bdrv_block_status() reports is true; nothing is in flight, because
 * the image is read after it was asked.
 */
void run_verify_status(Run *run);

/*
 * bdrv_check(), where there is one, finds no corruption, or after a failure
 * none that a repair leaves.  The last thing to be verified, when the image has
 * been closed and opened: it hides what comes after it, and is no loss of data.
 */
void run_verify_check(Run *run);

/*
 * Opens an image that was not closed well; with a repair, if the driver refuses
 * it with a reason, and *@repaired then.  A failure fails the case.
 */
BlockBackend *run_open_repaired(Case *c, const StackOptions *how,
                                bool *repaired);

/*
 * The image on the disk @name is one that a power cut may leave, seen from the
 * moment of @model: it opens to be written to (*@repaired: after a repair), its
 * length and @parts are what the model allows, also after a repair.  Returns
 * what is wrong with it for the check of the driver, which is no loss of data,
 * or NULL; g_free().  The message of a failure begins with @where.
 */
char *run_verify_cut(Case *c, const char *name, const ModelCut *model,
                     const Parts *parts, const char *where, bool *repaired);

/*
 * The same of what is read when it is opened read-only.  The driver may refuse
 * that with a reason, which replaces *@refusal (g_free()), if the image opens
 * to be written to then.
 */
void run_verify_cut_read_only(Case *c, const char *name, const ModelCut *model,
                              const Parts *parts, const char *where,
                              char **refusal);

/* Opens the image read-only, or NULL, with *@refusal as above. */
BlockBackend *run_open_read_only(Case *c, const char *name, char **refusal);

/* Reads @bytes at @offset of @blk, in pieces of a MiB; 0 or -errno. */
int run_read(BlockBackend *blk, int64_t offset, uint8_t *buf, int64_t bytes);

/* All of the open image, g_free(); a failure fails the case. */
uint8_t *run_read_all(Run *run);

/* The image at @blk must be @length bytes long; otherwise the case fails. */
void case_check_length(Case *c, BlockBackend *blk, int64_t length);

/* The first of @bytes at @offset in @buf that is not zero fails the case. */
void case_check_zero(Case *c, int64_t offset, const uint8_t *buf,
                     int64_t bytes);

/*
 * A case of the image at the path @opaque: sends its length, an int64_t, if a
 * copy can be written to, and skips what is too long or too short for a list.
 */
void image_learn_length(Case *c, const void *opaque);

#endif
