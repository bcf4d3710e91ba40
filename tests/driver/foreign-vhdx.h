/* SPDX-License-Identifier: MIT */
/*
 * A format with a log as a stranger writes it for QEMU 5.0: in three files with
 * this header of their own, in sectors, little-endian.  It takes the name and
 * the schema of vhdx, to guard what drivers of that family call; its layout is
 * made up:
 *
 *     0      head, 4096 bytes
 *     4096   log: one entry, 512 bytes and a sector of the table
 *     table  one 64-bit number a block, its sector in the file, 0 for none
 *     blocks
 */
#ifndef FOREIGN_VHDX_H
#define FOREIGN_VHDX_H

#include "qemu/osdep.h"
#include "block/block_int.h"
#include "qemu/uuid.h"

#define FLOG_HEAD_SIZE   4096
#define FLOG_ENTRY_AT    4096
#define FLOG_MIN_LOG     4096
#define FLOG_MAX_LOG     (1 << 20)
#define FLOG_MIN_BLOCK   4096
#define FLOG_MAX_BLOCK   (256 << 20)
#define FLOG_MAX_DISK    (1ULL << 40)

typedef struct FLogHead {
    char magic[8];
    uint32_t checksum;          /* of the head, with this field 0 */
    uint32_t block_size;
    uint64_t size;
    uint32_t log_size;
    uint32_t entries;
    QemuUUID uuid;
    uint32_t fixed;
    uint8_t padding[FLOG_HEAD_SIZE - 52];
} QEMU_PACKED FLogHead;

typedef struct FLogEntry {
    char magic[4];              /* "redo", or zeroes: there is none */
    uint32_t checksum;          /* of all 1024 bytes, with this field 0 */
    uint64_t target;            /* where in the file the data belong */
    uint64_t file_size;         /* bytes that the file has at least */
    uint8_t padding[488];
    uint8_t data[512];
} QEMU_PACKED FLogEntry;

QEMU_BUILD_BUG_ON(sizeof(FLogHead) != FLOG_HEAD_SIZE);
QEMU_BUILD_BUG_ON(sizeof(FLogEntry) != 1024);

typedef struct BDRVFLogState {
    CoMutex lock;
    FLogHead head;              /* of the host's order */
    uint64_t table_offset;
    uint64_t *table;
    uint64_t end;               /* where the next block goes */
    bool replayed;
    uint64_t pending;           /* where an update failed half way, or 0 */
    Error *no_migration;
} BDRVFLogState;

/* foreign-vhdx-endian.c */
void flog_head_to_cpu(FLogHead *h);
void flog_head_to_file(const FLogHead *h, FLogHead *to);
void flog_entry_to_cpu(FLogEntry *e);
void flog_entry_to_file(FLogEntry *e);
uint32_t flog_checksum(const void *buf, size_t size, size_t field);

/* foreign-vhdx-log.c */
int flog_replay(BlockDriverState *bs, BDRVFLogState *s, Error **errp);
int coroutine_fn flog_update_table(BlockDriverState *bs, BDRVFLogState *s,
                                   uint64_t target, const void *sector);

#endif
