/* SPDX-License-Identifier: MIT */
/*
 * Counts what a test program allocates: malloc() and its kin are replaced by
 * ones that count, in every thread, wherever nobody else has replaced them.
 */
#ifndef TESTS_UNIT_ALLOC_COUNT_H
#define TESTS_UNIT_ALLOC_COUNT_H

/* Whether it counts: not under a sanitizer or valgrind, which have their own. */
bool alloc_counts(void);

/* So many allocations since the program began. */
int alloc_count(void);

#endif
