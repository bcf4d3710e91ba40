/* SPDX-License-Identifier: MIT */
/*
 * Disks in memory, which the protocol driver `mem` opens by name.
 *
 * A disk is sparse (pages of 4 KiB; those never written take no memory), lives
 * in its process until it is freed, and belongs to one thread at a time, which
 * for disks that share pages (mem_disk_copy()) is the same one.  Disks are
 * made, found and freed in the main thread.
 *
 * Options of the driver: `disk` (the name; without it the node has a disk of
 * its own that ends with it), `size` (bytes; makes the disk if there is none),
 * `stale` (see mem_disk_set_stale).  Names like `mem:NAME` open it, too, and
 * creating `mem:NAME` makes or empties it (a stale one only gets longer).
 *
 * Each request lets the loop make a turn and is carried out at once then.
 * Zeroes and discards make holes of the pages that they cover.
 */
#ifndef MINBLK_MEM_H
#define MINBLK_MEM_H

#include "block/block.h"

typedef struct MemDisk MemDisk;

/* The byte that a stale disk holds where nothing was written. */
#define MEM_STALE_BYTE 0xa5

/* Bytes; no disk is longer. */
#define MEM_MAX_LENGTH ((int64_t)1 << 44)

/* Counters of a disk. */
typedef enum MemOp {
    MEM_READ,
    MEM_WRITE,
    MEM_ZERO,
    MEM_DISCARD,
    MEM_FLUSH,
    MEM_TRUNCATE,
    MEM_STATUS,
    MEM_OP__MAX,
} MemOp;

/* An empty disk; @name must not be in use.  Plain, as all of these. */
MemDisk *mem_disk_new(const char *name);

/* The disk of that name, borrowed, or NULL. */
MemDisk *mem_disk_find(const char *name);

/* A copy under another name; pages are shared until one of them is written. */
MemDisk *mem_disk_copy(const MemDisk *disk, const char *name);

/* No node may have it open. */
void mem_disk_free(MemDisk *disk);

/*
 * The length in bytes; a new one, 0 to MEM_MAX_LENGTH, cuts or adds zeroes (or
 * stale bytes).
 */
int64_t mem_disk_length(const MemDisk *disk);
void mem_disk_set_length(MemDisk *disk, int64_t length);

/*
 * Bytes past the end read as zeroes; a write past it makes the disk longer, up
 * to MEM_MAX_LENGTH.
 */
void mem_disk_read(const MemDisk *disk, int64_t offset, void *buf,
                   size_t bytes);
void mem_disk_write(MemDisk *disk, int64_t offset, const void *buf,
                    size_t bytes);

/*
 * Whether @offset, inside the disk, is in a hole that reads as zeroes;
 * *@bytes, the length of interest, is cut to where the answer holds.
 */
bool mem_disk_hole(const MemDisk *disk, int64_t offset, int64_t *bytes);

/*
 * With @stale, what the disk grows by from now on holds old bytes until it is
 * written, as on a block device that was used before: growth is no longer zero,
 * which the driver reports (has_zero_init).  Without, all that was not written
 * is zero.
 */
void mem_disk_set_stale(MemDisk *disk, bool stale);

/* How many operations of that kind nodes have asked for since it was made. */
unsigned mem_disk_count(const MemDisk *disk, MemOp op);

#endif
