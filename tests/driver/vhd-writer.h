/* SPDX-License-Identifier: MIT */
/*
 * Writes small VHD images into disks in memory, in the layouts of various programs.
 */
#ifndef TESTS_DRIVER_VHD_WRITER_H
#define TESTS_DRIVER_VHD_WRITER_H

#include "block/vpc/format.h"
#include "minblk/mem.h"

/* What is written; fields left 0 get what QEMU writes. */
typedef struct VhdSpec {
    uint64_t size;              /* bytes */
    uint32_t type;              /* VPC_TYPE_*; 0: dynamic */
    uint32_t block_size;        /* 0: 64 KiB */
    const char *creator;        /* NULL: "win ", or with a batmap "tap" */
    VpcGeometry geometry;       /* zero: the specification's */
    bool zero_geometry;         /* really 0/0/0 */
    uint64_t table_offset;      /* 0: 1536 */
    bool windows;               /* the footer ends a 4 KiB page of its own */
    unsigned spare_sectors;     /* before the footer, as Virtual PC does */
    bool batmap;                /* XenServer's, behind the table */
} VhdSpec;

typedef struct VhdImage {
    VhdSpec spec;
    VpcFooter footer;
    VpcDynHeader header;
    uint32_t blocks;
    uint64_t end;               /* where the next block would go */
} VhdImage;

/* Headers and an empty table; call vhd_finish() to get a footer. */
void vhd_begin(MemDisk *disk, VhdImage *image, const VhdSpec *spec);

/*
 * A block of @index whose bitmap bits from @first on, @count of them, are set;
 * all of its data bytes, also those under clear bits, are @fill.
 */
void vhd_add_block(MemDisk *disk, VhdImage *image, uint32_t index,
                   uint32_t first, uint32_t count, uint8_t fill);

void vhd_set_entry(MemDisk *disk, VhdImage *image, uint32_t index,
                   uint32_t entry);
uint32_t vhd_get_entry(MemDisk *disk, const VhdImage *image, uint32_t index);

/* Footers at both ends (fixed: at the end). */
void vhd_finish(MemDisk *disk, VhdImage *image);

/* Seals what was changed in image->footer or ->header and writes it again. */
void vhd_rewrite(MemDisk *disk, VhdImage *image);

#endif
