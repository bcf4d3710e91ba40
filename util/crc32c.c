/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C, eight bits at a time.
 *
 * Invariant: the table is computed before main() begins and is only read
 * afterwards, so that threads may share it.
 */
#include "qemu/osdep.h"
#include "qemu/crc32c.h"

/* Castagnoli's polynomial, 0x1edc6f41, with its bits reflected. */
#define CRC32C_POLYNOMIAL 0x82f63b78

static uint32_t crc32c_table[256];

static void __attribute__((constructor)) crc32c_init(void)
{
    for (uint32_t i = 0; i < ARRAY_SIZE(crc32c_table); i++) {
        uint32_t crc = i;

        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
        }
        crc32c_table[i] = crc;
    }
}

uint32_t crc32c(uint32_t crc, const uint8_t *data, unsigned int length)
{
    while (length--) {
        crc = crc32c_table[(crc ^ *data++) & 0xff] ^ (crc >> 8);
    }
    return ~crc;
}
