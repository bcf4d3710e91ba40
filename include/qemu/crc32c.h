/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C: the checksum of iSCSI, ext4 and the log of VHDX.
 */
#ifndef QEMU_CRC32C_H
#define QEMU_CRC32C_H

#include <stdint.h>

/*
 * The checksum of @length bytes of @data: Castagnoli's polynomial, bits
 * reflected.  It starts from the register's value @crc, 0xffffffff for the
 * usual checksum, and ends inverted.  Plain.
 */
uint32_t crc32c(uint32_t crc, const uint8_t *data, unsigned int length);

#endif
