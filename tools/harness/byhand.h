/* SPDX-License-Identifier: MIT */
/*
 * How a person does by hand, with minblk-img and minblk-io, what a case did; in
 * the parent.
 */
#ifndef HARNESS_BYHAND_H
#define HARNESS_BYHAND_H

#include "shrink.h"

/* The line for a shell that makes the image a copy of @path; g_free(). */
char *byhand_copy(const char *path);

/*
 * The line for a shell that makes the image, of @size bytes, as stack_create()
 * does with the options @more (or NULL); g_free().
 */
char *byhand_create(const Harness *h, int64_t size, const char *more);

/*
 * Lines for a shell that do what @list does, which failed with @message after
 * @trace; g_free().  @kept is the file that --keep has left of it, or NULL.
 */
char *byhand_list(const Harness *h, const ListCase *list,
                  const ListTrace *trace, const char *message,
                  const char *kept);

/*
 * Lines that look for what @message says in the image that the line @create
 * makes, and in the file @kept; g_free().  Each of them may be NULL.  The words
 * status, check and damage in @message add what tools say of these.
 */
char *byhand_image(const Harness *h, const char *message, const char *create,
                   const char *kept);

#endif
