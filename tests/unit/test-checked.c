/* SPDX-License-Identifier: MIT */
/*
 * Tests of minblk/checked.h and qemu/host-utils.h: the edges of every range, and
 * random numbers against arithmetic in 128 bits.
 */
#include "qemu/osdep.h"
#include "minblk/checked.h"

__extension__ typedef __int128 Wide;

/* Numbers around everything that could be an edge. */
static uint64_t edgy(void)
{
    uint64_t base = UINT64_C(1) << g_test_rand_int_range(0, 64);

    switch (g_test_rand_int_range(0, 4)) {
    case 0:
        return base + g_test_rand_int_range(-3, 4);
    case 1:
        return -(base + g_test_rand_int_range(-3, 4));
    case 2:
        return g_test_rand_int_range(0, 4);
    default:
        return (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
    }
}

static void check_u64(bool ok, uint64_t result, Wide exact)
{
    g_assert_cmpint(ok, ==, exact >= 0 && exact <= (Wide)UINT64_MAX);
    if (ok) {
        g_assert_true(exact == (Wide)result);
    }
}

static void test_random(void)
{
    uint64_t a, b, ru = 0;
    bool ok;
    int i;

    for (i = 0; i < 200000; i++) {
        a = edgy();
        b = edgy();
        ok = checked_add_u64(a, b, &ru);
        check_u64(ok, ru, (Wide)a + b);
        ok = checked_mul_u64(a >> 1, b, &ru);
        check_u64(ok, ru, (Wide)(a >> 1) * b);
    }
}

static void test_range(void)
{
    g_assert_true(checked_range_within(0, 0, 0));
    g_assert_true(checked_range_within(10, 0, 10));
    g_assert_true(checked_range_within(0, INT64_MAX, INT64_MAX));
    g_assert_true(checked_range_within(INT64_MAX, 0, INT64_MAX));
    g_assert_false(checked_range_within(INT64_MAX, 1, INT64_MAX));
    g_assert_false(checked_range_within(11, 0, 10));
    g_assert_false(checked_range_within(9, 2, 10));
    g_assert_false(checked_range_within(-1, 1, 10));
    g_assert_false(checked_range_within(1, -1, 10));
    g_assert_false(checked_range_within(0, 0, -1));
}

static void test_bits(void)
{
    int i;

    g_assert_false(is_power_of_2(0));
    g_assert_cmpint(clz32(0), ==, 32);
    g_assert_cmpint(clz64(0), ==, 64);
    g_assert_cmpint(ctz32(0), ==, 32);
    g_assert_cmpint(ctz64(0), ==, 64);
    g_assert_cmpuint(pow2floor(0), ==, 0);
    for (i = 0; i < 64; i++) {
        uint64_t bit = UINT64_C(1) << i;

        g_assert_true(is_power_of_2(bit));
        g_assert_cmpint(clz64(bit), ==, 63 - i);
        g_assert_cmpint(ctz64(bit), ==, i);
        g_assert_cmpint(ctpop64(bit - 1), ==, i);
        g_assert_cmpuint(pow2floor(bit), ==, bit);
        if (i > 1) {
            g_assert_false(is_power_of_2(bit + 1));
            g_assert_cmpuint(pow2floor(bit + 1), ==, bit);
        }
        if (i < 32) {
            g_assert_cmpint(clz32(bit), ==, 31 - i);
            g_assert_cmpint(ctz32(bit), ==, i);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/checked/random", test_random);
    g_test_add_func("/checked/range", test_range);
    g_test_add_func("/host-utils/bits", test_bits);
    return g_test_run();
}
