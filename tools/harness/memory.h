/* SPDX-License-Identifier: MIT */
/*
 * The use of memory by a test program: malloc() and its relatives are
 * replaced by ones that count, in every thread, unless a sanitizer or valgrind
 * has replaced them.
 */
#ifndef HARNESS_MEMORY_H
#define HARNESS_MEMORY_H

/* Does a sanitizer have the allocator and need memory and time? */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#endif

/* Whether it counts: tests of figures are skipped where it does not. */
bool memory_counts(void);

/* So many allocations since the program began; 0 where they are not counted. */
int64_t memory_allocations(void);

/* So many blocks are in use; 0 where they are not counted. */
int64_t memory_blocks(void);

/* Does AddressSanitizer, if it is there, know of blocks without a reference? */
bool memory_lost(void);

#endif
