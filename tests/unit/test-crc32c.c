/* SPDX-License-Identifier: MIT */
/*
 * Tests of qemu/crc32c.h against the values that RFC 3720 (B.4) gives for
 * iSCSI.
 */
#include "qemu/osdep.h"
#include "qemu/crc32c.h"

static void test_known(void)
{
    uint8_t buf[32];

    memset(buf, 0, sizeof(buf));
    g_assert_cmphex(crc32c(0xffffffff, buf, 32), ==, 0x8a9136aa);
    memset(buf, 0xff, sizeof(buf));
    g_assert_cmphex(crc32c(0xffffffff, buf, 32), ==, 0x62a8ab43);
    for (int i = 0; i < 32; i++) {
        buf[i] = i;
    }
    g_assert_cmphex(crc32c(0xffffffff, buf, 32), ==, 0x46dd794e);
    for (int i = 0; i < 32; i++) {
        buf[i] = 31 - i;
    }
    g_assert_cmphex(crc32c(0xffffffff, buf, 32), ==, 0x113fdb5c);
    g_assert_cmphex(crc32c(0xffffffff, (const uint8_t *)"123456789", 9), ==,
                    0xe3069283);
}

/* It starts from what is given and ends inverted, so parts can be joined. */
static void test_parts(void)
{
    const uint8_t *text = (const uint8_t *)"123456789";
    uint32_t part = crc32c(0xffffffff, text, 4);

    g_assert_cmphex(crc32c(~part, text + 4, 5), ==, 0xe3069283);
    g_assert_cmphex(crc32c(0x1234, text, 0), ==, 0xffffedcb);
    g_assert_cmphex(crc32c(0, NULL, 0), ==, 0xffffffff);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crc32c/known", test_known);
    g_test_add_func("/crc32c/parts", test_parts);
    return g_test_run();
}
