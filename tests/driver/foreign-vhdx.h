/* SPDX-License-Identifier: MIT */
/*
 * A format with a log as a stranger writes it for QEMU 5.0: in three files with
 * this header of their own, in sectors, little-endian.  It takes the name and
 * the schema of vhdx, to guard what drivers of that family call; its layout is
 * made up:
 *
 *     0      header, 4096 bytes
 *     4096   log: one entry, 512 bytes and a sector of the table
 *     table  one 64-bit number a block, its sector in the file, 0 for none
 *     blocks
 */
#ifndef FOREIGN_VHDX_H
#define FOREIGN_VHDX_H

#include "qemu/osdep.h"
#include "block/block_int.h"
#include "qemu/uuid.h"

#define VHDX_HEADER_SIZE 4096
#define VHDX_LOG_OFFSET  4096
#define VHDX_MIN_LOG     4096
#define VHDX_MAX_LOG     (1 << 20)
#define VHDX_MAX_SIZE    (1ULL << 40)

typedef struct VHDXHeader {
    char magic[8];
    uint32_t checksum;          /* of the header, with this field 0 */
    uint32_t block_size;
    uint64_t size;
    uint32_t log_size;
    uint32_t entries;
    QemuUUID uuid;
    uint32_t fixed;
    uint8_t padding[VHDX_HEADER_SIZE - 52];
} QEMU_PACKED VHDXHeader;

typedef struct VHDXLogEntry {
    char magic[4];              /* "loge", or zeroes: there is none */
    uint32_t checksum;          /* of all 1024 bytes, with this field 0 */
    uint64_t target;            /* where in the file the data belong */
    uint64_t file_size;         /* bytes that the file has at least */
    uint8_t padding[488];
    uint8_t data[512];
} QEMU_PACKED VHDXLogEntry;

QEMU_BUILD_BUG_ON(sizeof(VHDXHeader) != VHDX_HEADER_SIZE);
QEMU_BUILD_BUG_ON(sizeof(VHDXLogEntry) != 1024);

typedef struct BDRVVHDXState {
    CoMutex lock;
    VHDXHeader header;          /* of the host's order */
    uint64_t table_offset;
    uint64_t *table;
    uint64_t end;               /* where the next block goes */
    bool replayed;
    uint64_t pending;           /* where an update failed half way, or 0 */
    Error *migration_blocker;
} BDRVVHDXState;

/* foreign-vhdx-endian.c */
void vhdx_header_le_import(VHDXHeader *h);
void vhdx_header_le_export(const VHDXHeader *h, VHDXHeader *to);
void vhdx_log_entry_le_import(VHDXLogEntry *e);
void vhdx_log_entry_le_export(VHDXLogEntry *e);
uint32_t vhdx_checksum(const void *buf, size_t size, size_t field);

/* foreign-vhdx-log.c */
int vhdx_replay_log(BlockDriverState *bs, BDRVVHDXState *s, Error **errp);
int coroutine_fn vhdx_log_write(BlockDriverState *bs, BDRVVHDXState *s,
                                uint64_t target, const void *sector);

#endif
