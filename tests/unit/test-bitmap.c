/* SPDX-License-Identifier: MIT */
/*
 * Tests of qemu/bitmap.h against an array of flags, at all positions around
 * the borders of words.
 */
#include "qemu/osdep.h"
#include "qemu/bitmap.h"

#define BITS (3 * BITS_PER_LONG + 7)

static unsigned long first_from(const bool *model, long size, long from)
{
    while (from < size && !model[from]) {
        from++;
    }
    return size > from ? from : size;
}

static void check(const unsigned long *map, const bool *model)
{
    for (long size = 0; size <= BITS; size++) {
        g_assert_cmpuint(find_first_bit(map, size), ==,
                         first_from(model, size, 0));
    }
    for (long from = 0; from <= BITS; from++) {
        g_assert_cmpuint(find_next_bit(map, BITS, from), ==,
                         first_from(model, BITS, from));
    }
}

static void test_ranges(void)
{
    for (long start = 0; start < BITS; start++) {
        for (long nr = 0; nr <= BITS - start; nr++) {
            g_autofree unsigned long *map = bitmap_new(BITS);
            bool model[BITS] = { 0 };

            bitmap_set(map, start, nr);
            memset(model + start, true, nr);
            g_assert_cmpuint(find_first_bit(map, BITS), ==,
                             nr ? start : BITS);
            for (long i = 0; i < BITS; i++) {
                g_assert_cmpint(map[i / BITS_PER_LONG] >> i % BITS_PER_LONG & 1,
                                ==, model[i]);
            }
        }
    }
}

static void test_find(void)
{
    g_autofree unsigned long *map = bitmap_new(BITS);
    bool model[BITS] = { 0 };

    check(map, model);
    for (int i = 0; i < 60; i++) {
        long start = g_test_rand_int_range(0, BITS);
        long nr = g_test_rand_int_range(0, MIN(9, BITS - start) + 1);

        bitmap_set(map, start, nr);
        memset(model + start, true, nr);
        check(map, model);
    }
    /* What is after the size counts for nothing. */
    bitmap_zero(map, BITS);
    bitmap_set(map, BITS_PER_LONG + 5, 1);
    g_assert_cmpuint(find_first_bit(map, BITS_PER_LONG + 5), ==,
                     BITS_PER_LONG + 5);
    g_assert_cmpuint(find_next_bit(map, 10, 20), ==, 10);
}

static void test_zero(void)
{
    g_autofree unsigned long *map = bitmap_new(BITS);

    bitmap_set(map, 0, BITS);
    bitmap_zero(map, BITS_PER_LONG);
    g_assert_cmphex(map[0], ==, 0);
    g_assert_cmphex(map[1], ==, ULONG_MAX);
    bitmap_zero(map, BITS);
    g_assert_cmpuint(find_first_bit(map, BITS), ==, BITS);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bitmap/ranges", test_ranges);
    g_test_add_func("/bitmap/find", test_find);
    g_test_add_func("/bitmap/zero", test_zero);
    return g_test_run();
}
