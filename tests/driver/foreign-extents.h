/* SPDX-License-Identifier: MIT */
/*
 * A format in several files as a stranger writes it for QEMU 5.0: "fextents",
 * a description as text and the extents that it names.
 *
 *     # fextents
 *     subformat split            (or flat, stream)
 *     parent NAME                (not flat)
 *     extent BYTES NAME          (one or more; stream: one)
 *
 * An extent of a flat image is the data.  One of the others has a header of 512
 * bytes (little-endian: "fgrain 1", bytes of disk, bytes of a grain, flags),
 * the table with a sector for each grain or 0, then the grains; those of a
 * stream are records: offset on the disk (64 bits), length (32 bits), what zlib
 * made of the grain, padded to 512.  A stream is written once, in ascending
 * order, in whole grains, and ended, which a flag of its header says.
 */
#ifndef FOREIGN_EXTENTS_H
#define FOREIGN_EXTENTS_H

#include "qemu/osdep.h"
#include "block/block_int.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/option.h"
#include "sysemu/block-backend.h"

#define FEXTENTS_MAGIC "# fextents\n"
#define GRAIN_SIZE 65536
#define HEADER_SIZE 512
#define FLAG_STREAM 1
#define FLAG_ENDED 2
#define MAX_EXTENTS 100
#define MAX_DESCRIPTION 20480

typedef struct FExtentHeader {
    char magic[8];
    uint64_t bytes;
    uint32_t grain;
    uint32_t flags;
    uint8_t padding[488];
} QEMU_PACKED FExtentHeader;

typedef struct FExtent {
    BdrvChild *file;
    uint64_t start, bytes;      /* on the disk */
    uint32_t n_grains;          /* flat: 0 */
    uint32_t *table;
    uint64_t next;              /* where the next grain goes */
} FExtent;

typedef struct BDRVFExtentsState {
    CoMutex lock;
    char subformat[16];
    bool stream, flat, ended;
    int64_t last;               /* stream: the last grain written, or -1 */
    int n_extents;
    FExtent *extents;
} BDRVFExtentsState;

int coroutine_fn fextents_co_create_opts(BlockDriver *drv,
                                         const char *filename, QemuOpts *opts,
                                         Error **errp);
FExtent *fextents_find(BDRVFExtentsState *s, uint64_t offset);
int coroutine_fn fextents_co_preadv(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    int flags);
int coroutine_fn fextents_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                     uint64_t bytes, QEMUIOVector *qiov,
                                     int flags);
int coroutine_fn fextents_co_pwritev_compressed(BlockDriverState *bs,
                                                uint64_t offset,
                                                uint64_t bytes,
                                                QEMUIOVector *qiov);

#endif
