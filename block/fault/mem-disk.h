/* SPDX-License-Identifier: MIT */
/*
 * Operations of the driver `mem` on a disk besides reading and writing it; see
 * minblk/mem.h for the rest.  All of it is plain.
 */
#ifndef BLOCK_MEM_DISK_H
#define BLOCK_MEM_DISK_H

#include "minblk/mem.h"

/* A disk that has no name and is freed by the last mem_disk_release(). */
MemDisk *mem_disk_new_anonymous(void);

/* NULL: it has none. */
const char *mem_disk_name(const MemDisk *disk);

/* Nodes that have it open. */
void mem_disk_hold(MemDisk *disk);
void mem_disk_release(MemDisk *disk);
bool mem_disk_in_use(const MemDisk *disk);

bool mem_disk_is_stale(const MemDisk *disk);

/* One more operation. */
void mem_disk_account(MemDisk *disk, MemOp op);

/* Makes a hole that reads as zeroes; past the end it makes the disk longer. */
void mem_disk_zero(MemDisk *disk, int64_t offset, int64_t bytes);

/* Bytes of memory that its pages take, shared ones included. */
int64_t mem_disk_allocated(const MemDisk *disk);

#endif
