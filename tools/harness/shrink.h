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
    GArray *ops;                /* Op; owned */
    ImageFacts facts;           /* of the image that it begins with */
    unsigned depth;             /* requests in flight, at most */
    uint64_t seed;              /* for what else is to be chosen */
    char *what;                 /* makes this case special, or NULL; owned */
    StackFault fault;           /* what fails, in the failure suite */
    const char *image;          /* a copy of this file, or NULL; borrowed */
    const void *extra;          /* the suite's own; borrowed */
} ListCase;

/* What a case of a list sends of its way, for who wants to do it by hand. */
typedef struct ListTrace {
    bool not_opened;            /* the fault kept the image from being opened */
    unsigned count;
    unsigned failed[64];        /* numbers of operations, from 0, that failed */
} ListTrace;

/* A case of a list made by @plan, with --ops operations if that is given. */
ListCase list_case_new(const Harness *h, OpsPlan plan, unsigned depth);

/* Frees what it owns. */
void list_case_clear(ListCase *list);

/*
 * One property: @fn passes with each of @cases, which are cleared.  Of the
 * first that fails the message and a shortened list are printed.
 */
void lists_check(Harness *h, CaseFn *fn, ListCase *cases, unsigned count,
                 const char *fmt, ...) GCC_FMT_ATTR(5, 6);

#endif
