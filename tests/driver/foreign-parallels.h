/* SPDX-License-Identifier: MIT */
/*
 * A format whose images are marked while they are open for writing, as a
 * stranger writes it for QEMU 5.0.  It takes the name and the schema of
 * parallels, to guard what drivers of that family call, and has a layout of our
 * own, big-endian:
 *
 *     0      head, the rest of its sector is zero
 *     512    map: for each cluster of the disk its place, from 1, or 0: none
 *     start  places, of a cluster each; start is the first multiple of a
 *            cluster after the map
 */
#ifndef FOREIGN_PARALLELS_H
#define FOREIGN_PARALLELS_H

#include "qemu/coroutine.h"

#define FMARK_MAGIC       "fmarked\n"
#define FMARK_MAP_AT      512
#define FMARK_MAX_CLUSTER (64 << 20)
#define FMARK_MAX_ENTRIES (1 << 26)

typedef struct FMarkHead {
    char magic[8];
    uint64_t disk_bytes;
    uint32_t cluster_bytes;
    uint32_t in_use;            /* 1: open for writing, or was when cut off */
} QEMU_PACKED FMarkHead;

typedef enum FMarkGrowth {
    FMARK_GROW_ZEROES,
    FMARK_GROW_LENGTH,
    FMARK_GROW__MAX,
} FMarkGrowth;

typedef struct BDRVFMarkState {
    CoMutex lock;               /* of the map and of @taken */
    FMarkHead head;             /* of the file's order */
    uint32_t cluster;           /* bytes */
    uint32_t entries;
    uint32_t *map;              /* of the file's order */
    uint32_t map_bytes;         /* whole sectors */
    uint32_t page;              /* bytes of the map that are written at once */
    unsigned long *changed;     /* a bit for each page of the map */
    int64_t start;
    uint32_t taken;             /* places that are not for new clusters */
    uint64_t grow_by;           /* bytes more than are needed */
    FMarkGrowth growth;
    bool was_in_use;            /* and nobody has repaired it */
    Error *no_migration;
} BDRVFMarkState;

#endif
