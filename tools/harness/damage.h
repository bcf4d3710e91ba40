/* SPDX-License-Identifier: MIT */
/*
 * Images with some data, and damage that makes them lose a part of it or name
 * what is no data; for cases.
 */
#ifndef HARNESS_DAMAGE_H
#define HARNESS_DAMAGE_H

#include "harness.h"

typedef enum DamageGroup {
    DAMAGE_NONE,                /* the image as it is */
    DAMAGE_LOST,                /* sectors are zeroed */
    DAMAGE_SHORT,               /* the file ends early, or lacks a part */
    DAMAGE_ENTRIES,             /* the table names other places */
    DAMAGE__MAX,
} DamageGroup;

/* An image that is to be damaged. */
typedef struct SoundImage {
    Case *c;
    MemDisk *disk;              /* "sound" */
    int64_t cluster;            /* what it allocates in, or is taken for it */
    GArray *pairs;              /* of entries of its table; private */
} SoundImage;

/* Clusters that are worth a look, at the begin and the end of an image. */
#define SOME_CLUSTERS 8

/*
 * A new image with data in some clusters, or a copy of the file @path (or
 * NULL).  One that cannot be opened skips or fails the case.
 */
SoundImage sound_new(Case *c, const char *path);
void sound_free(SoundImage *sound);

/*
 * Looks for entries of its table, for DAMAGE_ENTRIES; that may add data.  The
 * case is skipped if there are none.
 */
void sound_find_entries(SoundImage *sound);

/*
 * Damages @disk, a copy, in the @n-th way of @group, and says in @what (empty)
 * how; false if there are no more.
 */
bool sound_damage(const SoundImage *sound, DamageGroup group, MemDisk *disk,
                  unsigned n, GString *what);

#endif
