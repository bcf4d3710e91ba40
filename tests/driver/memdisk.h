/* SPDX-License-Identifier: MIT */
/*
 * A disk in memory with faults and power cuts, as a protocol driver for tests.
 *
 * Invariants:
 *   - `data` is what reads see; `stable` is what the last successful flush made
 *     durable; `log` is what happened between the two, in order.
 *   - An operation that fails by injection changes nothing.
 */
#ifndef TESTS_DRIVER_MEMDISK_H
#define TESTS_DRIVER_MEMDISK_H

#include "block/block_int.h"

typedef enum MemOp {
    MEM_READ,
    MEM_WRITE,
    MEM_ZERO,
    MEM_FLUSH,
    MEM_TRUNCATE,
    MEM_OP__MAX,
} MemOp;

/* Which of the unflushed writes a power cut leaves. */
typedef enum MemCrash {
    MEM_CRASH_NONE,             /* none of them */
    MEM_CRASH_PREFIX,           /* the first so many */
    MEM_CRASH_SUBSET,           /* any of them, in order */
    MEM_CRASH_TORN,             /* any sectors of any of them */
    MEM_CRASH__MAX,
} MemCrash;

typedef struct MemLogEntry {
    uint64_t offset;
    uint64_t bytes;
    uint8_t *data;              /* NULL: a new length, which is `offset` */
} MemLogEntry;

typedef struct MemDisk {
    char *name;
    GByteArray *data;
    GByteArray *stable;
    GArray *log;                /* MemLogEntry */
    unsigned ops[MEM_OP__MAX];  /* so many of each were asked for */
    MemOp fail_op;
    unsigned fail_nth;          /* 1: the next; 0: none */
    bool fail_forever;
    bool stale_growth;          /* space past the old end holds old bytes */
} MemDisk;

/* Registers the driver "test-mem"; after bdrv_init(), once. */
void test_disk_init(void);

/* An empty disk that the option disk=@name finds. */
MemDisk *test_disk_new(const char *name);
void test_disk_free(MemDisk *disk);

/* The @nth operation @op from now on fails with EIO, and, maybe, all later. */
void test_disk_fail(MemDisk *disk, MemOp op, unsigned nth, bool forever);

/* A new disk as a power cut at this moment may leave @disk. */
MemDisk *test_disk_crash(const MemDisk *disk, const char *name, MemCrash kind,
                        GRand *rand);

/* Everything is durable now: what has been written so far is the past. */
void test_disk_settle(MemDisk *disk);

/* A protocol node on the disk, named like it; a strong reference. */
BlockDriverState *test_disk_open(MemDisk *disk);

/* A node of format @driver on the disk; NULL sets @errp. */
BlockDriverState *test_disk_open_format(MemDisk *disk, const char *driver,
                                       int flags, Error **errp);

#endif
