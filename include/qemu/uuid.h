/* SPDX-License-Identifier: MIT */
/*
 * Universally unique identifiers as RFC 4122 has them.
 *
 * The 16 bytes stand in memory as they stand on the disk and in the text, that
 * is with the three integer fields in big-endian order; whoever stores them
 * otherwise swaps them with qemu_uuid_bswap().  All functions are plain and may
 * be called from any context.
 */
#ifndef QEMU_UUID_H
#define QEMU_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include "qemu/compiler.h"

typedef struct {
    union {
        unsigned char data[16];
        struct {
            uint32_t time_low;
            uint16_t time_mid;
            uint16_t time_high_and_version;
            uint8_t clock_seq_and_reserved;
            uint8_t clock_seq_low;
            uint8_t node[6];
        } fields;
    };
} QemuUUID;

QEMU_BUILD_BUG_ON(sizeof(QemuUUID) != 16);

/* The text's length in characters, without the terminating zero byte. */
#define UUID_FMT_LEN 36

/* Fill @out with a random identifier (version 4). */
void qemu_uuid_generate(QemuUUID *out);

/* Non-zero when all 16 bytes are zero. */
int qemu_uuid_is_null(const QemuUUID *uu);

/* True when both are the same. */
bool qemu_uuid_is_equal(const QemuUUID *lhv, const QemuUUID *rhv);

/* Write the text, lower case, and a zero byte: 37 bytes at @out. */
void qemu_uuid_unparse(const QemuUUID *uuid, char *out);

/* The text in a new string, to be freed with g_free(). */
char *qemu_uuid_unparse_strdup(const QemuUUID *uuid);

/*
 * Read the text of either case, exactly 36 characters.  Returns 0, or -EINVAL
 * and leaves @uuid as it was.
 */
int qemu_uuid_parse(const char *str, QemuUUID *uuid);

/* @uuid with the bytes of its three integer fields reversed. */
QemuUUID qemu_uuid_bswap(QemuUUID uuid);

#endif
