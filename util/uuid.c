/* SPDX-License-Identifier: MIT */
/*
 * Identifiers: making, comparing, reading and writing them.
 *
 * Bytes are handled in the order in which the text shows them; the only
 * function that knows of integer fields is qemu_uuid_bswap().
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/uuid.h"

#include <sys/random.h>

/* By bytes: drivers pass the member of a packed structure, not aligned. */
void qemu_uuid_generate(QemuUUID *out)
{
    uint8_t *data = (uint8_t *)out;
    size_t i;

    /* A sandbox may forbid the call; then GLib has a generator of its own. */
    if (getrandom(data, sizeof(*out), 0) != sizeof(*out)) {
        for (i = 0; i < sizeof(*out); i++) {
            data[i] = g_random_int_range(0, 256);
        }
    }
    data[6] = 0x40 | (data[6] & 0x0f); /* version: random */
    data[8] = 0x80 | (data[8] & 0x3f); /* variant: RFC 4122 */
}

int qemu_uuid_is_null(const QemuUUID *uu)
{
    static const QemuUUID null_uuid;

    return qemu_uuid_is_equal(uu, &null_uuid);
}

bool qemu_uuid_is_equal(const QemuUUID *lhv, const QemuUUID *rhv)
{
    return memcmp(lhv, rhv, sizeof(*lhv)) == 0;
}

/* True when a dash stands before byte @i. */
static bool dash_before(size_t i)
{
    return i == 4 || i == 6 || i == 8 || i == 10;
}

void qemu_uuid_unparse(const QemuUUID *uuid, char *out)
{
    const uint8_t *data = (const uint8_t *)uuid;
    static const char digits[] = "0123456789abcdef";
    size_t i;

    for (i = 0; i < sizeof(*uuid); i++) {
        if (dash_before(i)) {
            *out++ = '-';
        }
        *out++ = digits[data[i] >> 4];
        *out++ = digits[data[i] & 0xf];
    }
    *out = '\0';
}

char *qemu_uuid_unparse_strdup(const QemuUUID *uuid)
{
    char *text = g_malloc(UUID_FMT_LEN + 1);

    qemu_uuid_unparse(uuid, text);
    return text;
}

int qemu_uuid_parse(const char *str, QemuUUID *uuid)
{
    QemuUUID parsed;
    int high, low;
    size_t i;

    for (i = 0; i < sizeof(parsed.data); i++) {
        if (dash_before(i) && *str++ != '-') {
            return -EINVAL;
        }
        /* The second digit is looked at only after a first one. */
        high = g_ascii_xdigit_value(str[0]);
        low = high < 0 ? -1 : g_ascii_xdigit_value(str[1]);
        if (low < 0) {
            return -EINVAL;
        }
        parsed.data[i] = high << 4 | low;
        str += 2;
    }
    if (*str != '\0') {
        return -EINVAL;
    }
    /* Only now, so that a bad text leaves what was there. */
    *uuid = parsed;
    return 0;
}

QemuUUID qemu_uuid_bswap(QemuUUID uuid)
{
    uuid.fields.time_low = bswap32(uuid.fields.time_low);
    uuid.fields.time_mid = bswap16(uuid.fields.time_mid);
    uuid.fields.time_high_and_version =
        bswap16(uuid.fields.time_high_and_version);
    return uuid;
}
