/* SPDX-License-Identifier: MIT */
/*
 * Bitmaps, a word at a time.
 *
 * Invariant: nothing is read or written outside the words that hold the bits
 * which were named.
 */
#include "qemu/osdep.h"
#include "qemu/bitmap.h"

static size_t bitmap_words(long nbits)
{
    return DIV_ROUND_UP((unsigned long)nbits, BITS_PER_LONG);
}

unsigned long *bitmap_new(long nbits)
{
    return g_new0(unsigned long, bitmap_words(nbits));
}

void bitmap_zero(unsigned long *map, long nbits)
{
    memset(map, 0, bitmap_words(nbits) * sizeof(*map));
}

void bitmap_set(unsigned long *map, long start, long nr)
{
    while (nr > 0) {
        long first = start % BITS_PER_LONG;
        long n = MIN(nr, BITS_PER_LONG - first);

        map[start / BITS_PER_LONG] |= ~0UL >> (BITS_PER_LONG - n) << first;
        start += n;
        nr -= n;
    }
}

unsigned long find_next_bit(const unsigned long *map, unsigned long size,
                            unsigned long offset)
{
    while (offset < size) {
        unsigned long first = offset % BITS_PER_LONG;
        unsigned long word = map[offset / BITS_PER_LONG] >> first;

        if (word) {
            return MIN(offset + ctz64(word), size);
        }
        offset += BITS_PER_LONG - first;
    }
    return size;
}

unsigned long find_first_bit(const unsigned long *map, unsigned long size)
{
    return find_next_bit(map, size, 0);
}
