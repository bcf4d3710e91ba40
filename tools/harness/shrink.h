/* SPDX-License-Identifier: MIT */
/*
 * Properties of lists of operations: many cases, and the list of the first one
 * that fails made shorter.
 */
#ifndef HARNESS_SHRINK_H
#define HARNESS_SHRINK_H

#include "ops.h"

/* The opaque of the cases. */
typedef struct ListCase {
    const Harness *h;
    GArray *ops;                /* Op; owned */
    int64_t length;             /* of the image that it begins with */
    unsigned depth;
    uint64_t seed;              /* for what else is to be chosen */
    char *what;                 /* what makes this case special, or NULL; owned */
    const void *extra;          /* the suite's own; borrowed */
} ListCase;

/*
 * One property: @fn passes with each of @cases.  Of the first that fails the
 * message and a shortened list are printed.
 */
void lists_check(Harness *h, CaseFn *fn, const ListCase *cases, unsigned count,
                 const char *fmt, ...) GCC_FMT_ATTR(5, 6);

/* Frees what is in them, not the array. */
void list_cases_clear(ListCase *cases, unsigned count);

#endif
