/* SPDX-License-Identifier: MIT */
/*
 * Images on disks in memory, for tests: a format over the fault drivers, and
 * the bytes under it.
 *
 *     format - blkdebug (if something is to fail) - volatile-cache (if asked
 *     for; its node name is "cache") - mem
 */
#ifndef TESTS_DRIVER_DISK_STACK_H
#define TESTS_DRIVER_DISK_STACK_H

#include "block/block_int.h"
#include "minblk/mem.h"
#include "minblk/volatile-cache.h"
#include "sysemu/block-backend.h"

/* A request of the format that fails with EIO, counted from disk_arm(). */
typedef struct DiskFault {
    const char *iotype;         /* as blkdebug calls it */
    unsigned nth;               /* 1: the first */
    unsigned again;             /* so many later, one more; 0: none */
    bool forever;               /* and all after it */
} DiskFault;

/*
 * A backend of format @driver on the disk @name; @fault NULL: nothing fails.
 * Other than that and read, write and resize it permits all.  NULL sets @errp.
 */
BlockBackend *disk_open(const char *name, const char *driver, int flags,
                        const DiskFault *fault, bool cache, Error **errp);

/* The fault is there from now on; no more. */
void disk_arm(BlockBackend *blk);
void disk_disarm(BlockBackend *blk);

/* A copy of @bytes at @offset; g_free(). */
uint8_t *disk_copy(const MemDisk *disk, int64_t offset, size_t bytes);

uint8_t disk_byte(const MemDisk *disk, int64_t offset);

/* Turns the bits of @mask in one byte. */
void disk_flip(MemDisk *disk, int64_t offset, uint8_t mask);

/* Cuts @bytes off the end. */
void disk_shorten(MemDisk *disk, int64_t bytes);

#endif
