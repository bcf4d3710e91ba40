/* SPDX-License-Identifier: MIT */
/*
 * Tests of qemu/osdep.h and qemu/compiler.h: rounding of every width, aligned
 * memory, and the structure macros.
 */
#include "qemu/osdep.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static void test_round_up(void)
{
    int64_t offset = INT64_C(0x300000001);
    uint32_t block = 0x200000;

    g_assert_cmpint(ROUND_UP(offset, block), ==, INT64_C(0x300200000));
    g_assert_cmpint(ROUND_UP(offset - 1, block), ==, INT64_C(0x300000000));
    g_assert_cmpint(ROUND_UP(0, 512), ==, 0);
    g_assert_cmpint(ROUND_UP(1, 512), ==, 512);
    g_assert_cmpint(ROUND_UP(UINT64_C(512), 512), ==, 512);
}

static void test_division(void)
{
    g_assert_cmpint(DIV_ROUND_UP(0, 7), ==, 0);
    g_assert_cmpint(DIV_ROUND_UP(7, 7), ==, 1);
    g_assert_cmpint(DIV_ROUND_UP(8, 7), ==, 2);
    g_assert_cmpint(QEMU_ALIGN_UP(15, 7), ==, 21);
    g_assert_cmpint(QEMU_ALIGN_DOWN(15, 7), ==, 14);
    g_assert_true(QEMU_IS_ALIGNED(UINT64_C(0x500000000), 4096));
    g_assert_false(QEMU_IS_ALIGNED(4097, 4096));
    g_assert_cmpint(MIN_NON_ZERO(0, 5), ==, 5);
    g_assert_cmpint(MIN_NON_ZERO(5, 0), ==, 5);
    g_assert_cmpint(MIN_NON_ZERO(6, 5), ==, 5);
    g_assert_cmpint(MIN_NON_ZERO(0, 0), ==, 0);
}

typedef struct Outer {
    int first;
    char name[3];
    struct {
        short x;
    } inner;
} Outer;

static void test_structures(void)
{
    Outer outer = { 0 };
    short *x = &outer.inner.x;
    struct QEMU_PACKED {
        uint8_t a;
        uint64_t b;
    } packed;

    QEMU_BUILD_BUG_ON(sizeof(packed) != 9);
    g_assert_true(container_of(x, Outer, inner.x) == &outer);
    g_assert_cmpint(ARRAY_SIZE(outer.name), ==, 3);
    g_assert_cmpint(sizeof(packed), ==, 9);
    g_assert_cmpstr(stringify(glue(on, ce)), ==, "once");
}

static void test_memalign(void)
{
    size_t alignment, size;

    for (alignment = 1; alignment <= 1 << 20; alignment *= 2) {
        for (size = 0; size <= 4096; size += 2048) {
            char *p = qemu_memalign(alignment, size);
            char *q = qemu_try_memalign(alignment, size);

            g_assert_nonnull(p);
            g_assert_nonnull(q);
            g_assert_true(p != q);
            g_assert_true(QEMU_PTR_IS_ALIGNED(p, alignment));
            g_assert_true(QEMU_PTR_IS_ALIGNED(q, alignment));
            memset(p, 1, size);
            memset(q, 1, size);
            qemu_vfree(p);
            qemu_vfree(q);
        }
    }
    qemu_vfree(NULL);
}

/* More than the address space holds. */
static void test_memalign_fails(void)
{
    volatile size_t size = SIZE_MAX / 4;

    if (SANITIZED) {
        g_test_skip("to a sanitizer's allocator this is an error");
        return;
    }
    if (g_test_subprocess()) {
        qemu_memalign(512, size);
        return;
    }
    g_assert_null(qemu_try_memalign(512, size));
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*failed to allocate*");
}

static void test_page_size(void)
{
    g_assert_true(is_power_of_2(qemu_real_host_page_size));
    g_assert_cmpint(qemu_real_host_page_size, ==, sysconf(_SC_PAGESIZE));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/osdep/round-up", test_round_up);
    g_test_add_func("/osdep/division", test_division);
    g_test_add_func("/osdep/structures", test_structures);
    g_test_add_func("/osdep/memalign", test_memalign);
    g_test_add_func("/osdep/memalign-fails", test_memalign_fails);
    g_test_add_func("/osdep/page-size", test_page_size);
    return g_test_run();
}
