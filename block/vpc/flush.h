/* SPDX-License-Identifier: MIT */
/*
 * Copies that a cache hands to a flush, of all that is newer than the disk.
 *
 * A cache has two functions for it: vpc_*_is_dirty(), and vpc_*_take_copies(),
 * after which what it copied counts as clean until done() says otherwise.
 */
#ifndef BLOCK_VPC_FLUSH_H
#define BLOCK_VPC_FLUSH_H

#include "block/block_int.h"

typedef struct VpcState VpcState;

/* Bytes of a cache on their way to the disk. */
typedef struct VpcCopy {
    uint64_t offset;            /* in the file, bytes */
    uint32_t bytes;
    uint8_t *data;              /* freed by the flush */
    void *owner;                /* what it is a copy of; for the cache only */
    /* Must it be written still?  May be NULL: yes. */
    bool (*is_needed)(const struct VpcCopy *copy);
    /* Called once: it is @written, or what it is a copy of is dirty again. */
    void (*done)(VpcState *s, const struct VpcCopy *copy, bool written);
} VpcCopy;

/* Adds @copy to @copies, with memory for its bytes, which is returned. */
static inline void *vpc_add_copy(BlockDriverState *bs, GArray *copies,
                                 VpcCopy copy)
{
    copy.data = qemu_blockalign(bs->file->bs, copy.bytes);
    g_array_append_val(copies, copy);
    return copy.data;
}

/* The caches go to the file, after the data that they refer to. */
int coroutine_fn vpc_co_flush_to_os(BlockDriverState *bs);
/*
 * Writes what the last flush could not, as far as it can be.  True: nothing was
 * left.  Plain.
 */
bool vpc_flush_at_closing(BlockDriverState *bs);

#endif
