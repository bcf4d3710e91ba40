/* SPDX-License-Identifier: MIT */
/*
 * Bitmaps: bit n is bit n % BITS_PER_LONG of word n / BITS_PER_LONG.
 *
 * Sizes, positions and numbers are of bits.  All functions are plain.
 */
#ifndef QEMU_BITMAP_H
#define QEMU_BITMAP_H

#include <limits.h>

#define BITS_PER_LONG (CHAR_BIT * (int)sizeof(unsigned long))

/* A zeroed map of @nbits; free it with g_free().  Without memory: aborts. */
unsigned long *bitmap_new(long nbits);

/* Clear the first @nbits, and the rest of the last word of them. */
void bitmap_zero(unsigned long *map, long nbits);

/* Set @nr bits from @start on. */
void bitmap_set(unsigned long *map, long start, long nr);

/*
 * The first bit that is set of the first @size bits (and not before @offset);
 * @size if there is none.
 */
unsigned long find_first_bit(const unsigned long *map, unsigned long size);
unsigned long find_next_bit(const unsigned long *map, unsigned long size,
                            unsigned long offset);

#endif
