/* SPDX-License-Identifier: MIT */
/*
 * The layout of a format that marks its images as in use, little-endian, see
 * foreign-parallels.c.
 */
#ifndef FOREIGN_PARALLELS_H
#define FOREIGN_PARALLELS_H

#include "qemu/coroutine.h"

#define HEADER_MAGIC      "paralleltest1234"
#define HEADER_INUSE_MAGIC 0x746F6E59

typedef struct ParallelsHeader {
    char magic[16];
    uint32_t tracks;            /* sectors in a cluster */
    uint32_t bat_entries;
    uint64_t nb_sectors;
    uint32_t inuse;
    uint32_t data_off;          /* sector of the first cluster */
    uint8_t padding[24];
} QEMU_PACKED ParallelsHeader;

typedef enum ParallelsPreallocMode {
    PRL_PREALLOC_MODE_FALLOCATE = 0,
    PRL_PREALLOC_MODE_TRUNCATE = 1,
    PRL_PREALLOC_MODE__MAX = 2,
} ParallelsPreallocMode;

typedef struct BDRVParallelsState {
    CoMutex lock;
    ParallelsHeader *header;    /* of the file's order, the BAT after it */
    uint32_t header_size;
    uint32_t *bat_bitmap;
    unsigned long *bat_dirty_bmap;
    unsigned int bat_dirty_block;
    unsigned int bat_size;
    unsigned int tracks;
    int64_t data_off;           /* sector of the first cluster */
    int64_t data_end;           /* sectors that clusters take, from 0 on */
    uint64_t prealloc_size;     /* sectors */
    ParallelsPreallocMode prealloc_mode;
    bool header_unclean;
    Error *migration_blocker;
} BDRVParallelsState;

#endif
