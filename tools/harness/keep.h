/* SPDX-License-Identifier: MIT */
/*
 * --keep: the image of a case that fails goes to a file.
 *
 * The parent runs the case once more for that, since of most images of a run
 * nobody wants to hear again; that child writes the file as it fails, ends, or
 * is ended.  Elsewhere these functions do nothing.
 */
#ifndef HARNESS_KEEP_H
#define HARNESS_KEEP_H

#include "harness.h"

/*
 * In the parent: runs @fn with @opaque, which has failed, and keeps its image
 * as the @number-th (from 1, or 0 for the only one) of the property that is
 * reported next.  The path (g_free()), or NULL if there is none.
 */
char *keep_image(Harness *h, CaseFn *fn, const void *opaque, unsigned number);

/* At the begin of a child. */
void keep_begin(const Harness *h);

/* In a child: the disk @name is opened, so its content is what counts. */
void keep_disk(const char *name);

/*
 * In a child: the disk @name as it is now is what counts, whatever is opened or
 * changed from here on.
 */
void keep_state(const char *name);

/*
 * In a child: that state has passed.  With @finding the case fails with it all
 * the same, unless a later one is worse.
 */
void keep_pass(bool finding);

/*
 * In a child: the process @pid, a child of its own, has the disk open from here
 * on (or with 0 none has), so that it is asked if a signal ends this one.
 */
void keep_session(pid_t pid);

/* In a child: writes the file; may be called in a handler of a signal. */
void keep_write(void);

#endif
