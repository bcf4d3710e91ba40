/* SPDX-License-Identifier: MIT */
/*
 * The fields of a footer that users may choose, when an image is made (create)
 * and later (amend).
 */
#ifndef BLOCK_VPC_FIELDS_H
#define BLOCK_VPC_FIELDS_H

#include "format.h"

/* Their options, for a QemuOptsList. */
#define VPC_FIELD_OPTS                                                         \
    {                                                                          \
        .name = "creator",                                                     \
        .type = QEMU_OPT_STRING,                                               \
        .help = "Program that made the image: four characters",                \
    },                                                                         \
    {                                                                          \
        .name = "creator_os",                                                  \
        .type = QEMU_OPT_STRING,                                               \
        .help = "System that it ran on: four characters",                      \
    },                                                                         \
    {                                                                          \
        .name = "creator_version",                                             \
        .type = QEMU_OPT_STRING,                                               \
        .help = "Its version: major.minor",                                    \
    },                                                                         \
    {                                                                          \
        .name = "uuid",                                                        \
        .type = QEMU_OPT_STRING,                                               \
        .help = "Unique id, stored in the order of its text",                  \
    },                                                                         \
    {                                                                          \
        .name = "geometry",                                                    \
        .type = QEMU_OPT_STRING,                                               \
        .help = "Cylinders/heads/sectors per track, for old systems",          \
    },                                                                         \
    {                                                                          \
        .name = "timestamp",                                                   \
        .type = QEMU_OPT_NUMBER,                                               \
        .help = "Time of creation, in seconds since 1970",                     \
    }

/* Their values as the user gave them; NULL: not given. */
typedef struct VpcFields {
    const char *creator;
    const char *creator_os;
    const char *creator_version;
    const char *uuid;
    const char *geometry;
    bool has_timestamp;
    uint64_t timestamp;         /* seconds since 1970 */
} VpcFields;

/*
 * Sets the fields of @footer that are given.  On false, with an error that
 * names the option, @footer is changed in part.  The checksum is not set.
 */
bool vpc_fields_apply(const VpcFields *fields, VpcFooter *footer,
                      Error **errp);

/*
 * Four characters of a footer as text, those that cannot be printed as \xNN;
 * g_free().  vpc_fields_apply() reads this form, too.
 */
char *vpc_field_text(const char *chars);

#endif
