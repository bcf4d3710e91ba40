/* SPDX-License-Identifier: MIT */
/*
 * The fields of a footer that users may choose: from text and to text.
 *
 * Invariant: what vpc_field_text() writes is read as the same four bytes.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "fields.h"

/* The byte that @*text begins with, after which it is set; -1: none. */
static int read_char(const char **text)
{
    const char *p = *text;

    if (p[0] == '\\' && p[1] == 'x' && g_ascii_isxdigit(p[2]) &&
        g_ascii_isxdigit(p[3])) {
        *text += 4;
        return g_ascii_xdigit_value(p[2]) << 4 | g_ascii_xdigit_value(p[3]);
    }
    if (!g_ascii_isprint(*p)) {
        return -1;
    }
    *text += 1;
    return *p;
}

static bool apply_chars(const char *name, const char *value, char *field,
                        Error **errp)
{
    const char *p = value;
    char chars[4];

    if (!value) {
        return true;
    }
    for (int i = 0; i < 4; i++) {
        int c = read_char(&p);

        if (c < 0) {
            break;
        }
        chars[i] = c;
        if (i == 3 && *p == '\0') {
            memcpy(field, chars, 4);
            return true;
        }
    }
    error_setg(errp, "Parameter '%s' expects four characters", name);
    return false;
}

static bool apply_version(const char *value, VpcFooter *footer, Error **errp)
{
    const char *end;
    unsigned int major, minor;

    if (!value) {
        return true;
    }
    if (qemu_strtoui(value, &end, 10, &major) < 0 || *end != '.' ||
        qemu_strtoui(end + 1, NULL, 10, &minor) < 0 || major > UINT16_MAX ||
        minor > UINT16_MAX) {
        error_setg(errp, "Parameter 'creator_version' expects major.minor, "
                   "each below 65536");
        return false;
    }
    footer->creator_major = cpu_to_be16(major);
    footer->creator_minor = cpu_to_be16(minor);
    return true;
}

static bool apply_uuid(const char *value, VpcFooter *footer, Error **errp)
{
    QemuUUID uuid;

    if (!value) {
        return true;
    }
    if (qemu_uuid_parse(value, &uuid) < 0) {
        error_setg(errp, "Parameter 'uuid' expects a UUID");
        return false;
    }
    footer->uuid = uuid;
    return true;
}

/* Heads as a byte holds them: BIOSes translate to more than the 16 of ATA. */
static bool apply_geometry(const char *value, VpcFooter *footer, Error **errp)
{
    const char *rest = value;
    unsigned int n[3] = { 0 };

    if (!value) {
        return true;
    }
    for (int i = 0; i < 3 && rest; i++) {
        if (qemu_strtoui(rest, &rest, 10, &n[i]) < 0 ||
            *rest != (i < 2 ? '/' : '\0')) {
            rest = NULL;
        } else if (i < 2) {
            rest++;
        }
    }
    if (!rest || n[0] > VPC_CHS_MAX_C || n[1] < 1 || n[1] > UINT8_MAX ||
        n[2] < 1 || n[2] > UINT8_MAX) {
        error_setg(errp, "Parameter 'geometry' expects C/H/S: cylinders up to "
                   "%d, heads and sectors from 1 to %d", VPC_CHS_MAX_C,
                   UINT8_MAX);
        return false;
    }
    footer->cylinders = cpu_to_be16(n[0]);
    footer->heads = n[1];
    footer->sectors = n[2];
    return true;
}

static bool apply_timestamp(uint64_t time, VpcFooter *footer, Error **errp)
{
    if (time < VPC_EPOCH || time - VPC_EPOCH > UINT32_MAX) {
        error_setg(errp, "Parameter 'timestamp' expects a time between 2000 "
                   "and 2136, in seconds since 1970");
        return false;
    }
    footer->timestamp = cpu_to_be32(time - VPC_EPOCH);
    return true;
}

bool vpc_fields_apply(const VpcFields *fields, VpcFooter *footer,
                      Error **errp)
{
    return apply_chars("creator", fields->creator, footer->creator_app,
                       errp) &&
           apply_chars("creator_os", fields->creator_os, footer->creator_os,
                       errp) &&
           apply_version(fields->creator_version, footer, errp) &&
           apply_uuid(fields->uuid, footer, errp) &&
           apply_geometry(fields->geometry, footer, errp) &&
           (!fields->has_timestamp ||
            apply_timestamp(fields->timestamp, footer, errp));
}

char *vpc_field_text(const char *chars)
{
    /* A backslash could begin what is read as another byte. */
    return vpc_printable(chars, 4, "\\");
}
