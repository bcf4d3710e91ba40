/* SPDX-License-Identifier: MIT */
/*
 * Tests of qemu/bswap.h against byte sequences written out by hand, so that
 * they hold on a host of either order.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"

static const uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 0xf8 };

static void test_by_value(void)
{
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;

    memcpy(&v16, bytes, 2);
    memcpy(&v32, bytes, 4);
    memcpy(&v64, bytes, 8);
    g_assert_cmphex(be16_to_cpu(v16), ==, 0x0102);
    g_assert_cmphex(le16_to_cpu(v16), ==, 0x0201);
    g_assert_cmphex(be32_to_cpu(v32), ==, 0x01020304);
    g_assert_cmphex(le32_to_cpu(v32), ==, 0x04030201);
    g_assert_cmphex(be64_to_cpu(v64), ==, UINT64_C(0x01020304050607f8));
    g_assert_cmphex(le64_to_cpu(v64), ==, UINT64_C(0xf807060504030201));
    g_assert_cmphex(cpu_to_be16(0x0102), ==, v16);
    g_assert_cmphex(cpu_to_le16(0x0201), ==, v16);
    g_assert_cmphex(cpu_to_be32(0x01020304), ==, v32);
    g_assert_cmphex(cpu_to_le32(0x04030201), ==, v32);
    g_assert_cmphex(cpu_to_be64(UINT64_C(0x01020304050607f8)), ==, v64);
    g_assert_cmphex(cpu_to_le64(UINT64_C(0xf807060504030201)), ==, v64);
}

static void test_in_place(void)
{
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;

    memcpy(&v16, bytes, 2);
    memcpy(&v32, bytes, 4);
    memcpy(&v64, bytes, 8);
    be16_to_cpus(&v16);
    be32_to_cpus(&v32);
    be64_to_cpus(&v64);
    g_assert_cmphex(v16, ==, 0x0102);
    g_assert_cmphex(v32, ==, 0x01020304);
    g_assert_cmphex(v64, ==, UINT64_C(0x01020304050607f8));
    cpu_to_be16s(&v16);
    cpu_to_be32s(&v32);
    cpu_to_be64s(&v64);
    g_assert_cmpmem(&v16, 2, bytes, 2);
    g_assert_cmpmem(&v32, 4, bytes, 4);
    g_assert_cmpmem(&v64, 8, bytes, 8);
    le16_to_cpus(&v16);
    le32_to_cpus(&v32);
    le64_to_cpus(&v64);
    g_assert_cmphex(v16, ==, 0x0201);
    g_assert_cmphex(v32, ==, 0x04030201);
    g_assert_cmphex(v64, ==, UINT64_C(0xf807060504030201));
    cpu_to_le16s(&v16);
    cpu_to_le32s(&v32);
    cpu_to_le64s(&v64);
    g_assert_cmpmem(&v64, 8, bytes, 8);
}

/* At every alignment. */
static void test_memory(void)
{
    uint8_t buf[16];
    size_t i;

    for (i = 0; i < 8; i++) {
        memset(buf, 0xee, sizeof(buf));
        memcpy(buf + i, bytes, 8);
        g_assert_cmphex(ldl_be_p(buf + i + 4), ==, 0x050607f8);
        g_assert_cmphex(ldl_le_p(buf + i + 4), ==, 0xf8070605);
        g_assert_cmphex(ldq_be_p(buf + i), ==, UINT64_C(0x01020304050607f8));
        g_assert_cmphex(ldq_le_p(buf + i), ==, UINT64_C(0xf807060504030201));
        g_assert_cmphex(lduw_be_p(buf + i + 6), ==, 0x07f8);
        g_assert_cmphex(lduw_le_p(buf + i + 6), ==, 0xf807);

        memset(buf + i, 0, 8);
        stq_be_p(buf + i, UINT64_C(0x01020304050607f8));
        g_assert_cmpmem(buf + i, 8, bytes, 8);
        memset(buf + i, 0, 8);
        stl_be_p(buf + i, 0x01020304);
        stl_le_p(buf + i + 4, 0xf8070605);
        g_assert_cmpmem(buf + i, 8, bytes, 8);
        memset(buf + i, 0, 8);
        stq_le_p(buf + i, UINT64_C(0xf807060504030201));
        g_assert_cmpmem(buf + i, 8, bytes, 8);
        stw_be_p(buf + i, 0xaabb);
        stw_le_p(buf + i, 0x0201);
        stw_be_p(buf + i + 6, 0x07f8);
        g_assert_cmpmem(buf + i, 8, bytes, 8);
        g_assert_cmphex(buf[i + 8], ==, 0xee);
    }
}

/* Members of a packed structure at odd addresses. */
static void test_packed(void)
{
    struct QEMU_PACKED {
        uint8_t pad;
        uint32_t v;
    } packed;

    memcpy(&packed.v, bytes, 4);
    packed.v = be32_to_cpu(packed.v);
    g_assert_cmphex(packed.v, ==, 0x01020304);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bswap/by-value", test_by_value);
    g_test_add_func("/bswap/in-place", test_in_place);
    g_test_add_func("/bswap/memory", test_memory);
    g_test_add_func("/bswap/packed", test_packed);
    return g_test_run();
}
