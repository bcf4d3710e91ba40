/* SPDX-License-Identifier: MIT */
/*
 * The image that a run makes or fills: what becomes of it when that ends early,
 * by an error, by exit() or by SIGINT or SIGTERM.
 *
 * Invariants:
 *   - A file that was not there before is removed, or if it is to be kept left
 *     so that it opens as a raw image at most.  One that was there is left, and
 *     said to be incomplete if this run may have changed it; one that was only
 *     to grow gets its old length back.
 *   - Without target_begin() nothing is touched, and signals do what they do.
 */
#ifndef TOOLS_IMG_TARGET_H
#define TOOLS_IMG_TARGET_H

#include "common.h"

/* A row of options: the bool @m of arguments of type @T, for @keep. */
#define TARGET_KEEP(T, m) \
    { 0, "keep-partial", NULL, "keep what could not be finished", \
      cmd_set_true, offsetof(T, m) }

/*
 * To be called before the target @filename (with @options a list of options) of
 * the format @format is made or opened.  From then on SIGINT and SIGTERM end
 * the process, and the target is dealt with, as by an exit() before
 * target_end(); what the parent process ignored stays ignored.
 */
void target_begin(const char *filename, bool options, bool keep,
                  const char *format);

/*
 * The same for a raw image that is there and is to grow; @length is that of the
 * disk.  If it is the file's, too, what was added is taken off instead.
 */
void target_begin_growth(const char *filename, int64_t length);

/* bdrv_create() of the target. */
int target_create(BlockDriver *drv, const char *filename, QemuOpts *opts,
                  Error **errp);

/*
 * It is being filled from now on: the first interrupt is noted, and returned by
 * target_interrupted(); only the second one ends the process.
 */
void target_fill(void);
bool target_interrupted(void);

/*
 * To be called last, when the target is closed; without @good it is dealt with.
 * Does not return if an interrupt was noted, but ends the process by it.
 */
void target_end(bool good);

#endif
