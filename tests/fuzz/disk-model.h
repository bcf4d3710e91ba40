/* SPDX-License-Identifier: MIT */
/*
 * What a disk must read as: what it read as before, and the writes since.
 *
 * Invariants:
 *   - The writes stand in their order; a later one covers an earlier one.
 *   - What a write wrote follows from its pattern and the position alone, so
 *     nothing but the write is remembered.
 */
#ifndef TESTS_FUZZ_DISK_MODEL_H
#define TESTS_FUZZ_DISK_MODEL_H

#include "sysemu/block-backend.h"

typedef enum ModelKind {
    MODEL_PATTERN,
    MODEL_ZERO,
    MODEL_UNKNOWN,              /* it failed, or was discarded */
} ModelKind;

typedef struct ModelWrite {
    ModelKind kind;
    uint8_t pattern;
    int64_t offset;             /* bytes */
    int64_t bytes;
} ModelWrite;

typedef struct DiskModel {
    BlockBackend *before;       /* borrowed: the disk without the writes */
    GArray *writes;             /* ModelWrite */
} DiskModel;

DiskModel *disk_model_new(BlockBackend *before);
void disk_model_free(DiskModel *model);

/* The bytes that a write of @pattern writes at @offset. */
void disk_model_fill(uint8_t pattern, int64_t offset, uint8_t *buf,
                     size_t bytes);

void disk_model_add(DiskModel *model, const ModelWrite *write);

/* Asserts that @blk reads as it must there; inside the disk. */
void disk_model_check(const DiskModel *model, BlockBackend *blk,
                      int64_t offset, size_t bytes);

/* The same around the ends and the beginning of each write. */
void disk_model_check_all(const DiskModel *model, BlockBackend *blk);

#endif
