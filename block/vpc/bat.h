/* SPDX-License-Identifier: MIT */
/*
 * The entries of the block allocation table, cached in pages of 4 KiB.
 */
#ifndef BLOCK_VPC_BAT_H
#define BLOCK_VPC_BAT_H

#include "block/block_int.h"

typedef struct VpcState VpcState;

#define VPC_PAGE_ENTRIES 1024

/* 4 KiB of the BAT in memory. */
typedef struct VpcBatPage {
    uint32_t entry[VPC_PAGE_ENTRIES];         /* host order */
    unsigned char full[VPC_PAGE_ENTRIES / 8]; /* its bitmap is all ones */
    unsigned char sound[VPC_PAGE_ENTRIES / 8]; /* known to be, all of it */
    bool dirty;                               /* newer than the disk */
    bool flushing;                            /* its copy is being written */
    uint32_t index;
    QTAILQ_ENTRY(VpcBatPage) link;
} VpcBatPage;

typedef struct VpcBat {
    uint64_t offset;            /* bytes from the start of the file */
    uint32_t blocks;            /* entries that count */
    VpcBatPage **pages;         /* by entry / VPC_PAGE_ENTRIES; NULL: absent */
    uint32_t page_count;
    uint32_t resident;          /* pages in memory */
    /* Each page is in one of these, but for one that is only being written. */
    QTAILQ_HEAD(, VpcBatPage) clean; /* the first is the next to go */
    QTAILQ_HEAD(, VpcBatPage) dirty;
    CoMutex load_lock;
} VpcBat;

/* The entry of a block, with what is known of its bitmap and data. */
typedef struct VpcEntry {
    uint32_t sector;            /* VPC_UNALLOCATED, or where its bitmap is */
    bool full;                  /* all of its sectors are known to be there */
    uint32_t sound;             /* bytes of its data, from the first on, that
                                   may be used: they are in the file and in no
                                   other block */
} VpcEntry;

/*
 * The BAT of @blocks entries stands at @offset; nothing of it is read yet.
 * -ENOMEM with @errp set on failure.
 */
int vpc_bat_open(VpcState *s, uint64_t offset, uint32_t blocks, Error **errp);
void vpc_bat_close(VpcState *s);

/*
 * Entries that the file holds as VPC_UNALLOCATED, or with @unread such that
 * cannot be read, need not be read again: for vpc_census_take().  Pages that
 * are in memory stay as they are.  Plain.
 */
void vpc_bat_note_absent(VpcState *s, uint32_t block, uint32_t count,
                         bool unread);

/* Looks up @block; 0, or the -errno of reading the BAT. */
int coroutine_fn vpc_bat_get(BlockDriverState *bs, uint32_t block,
                             VpcEntry *entry);
/*
 * How many of the @count blocks from @block on have no space, up to the first
 * that has: *@run.  0, or the -errno of reading the BAT if that is 0.
 */
int coroutine_fn vpc_bat_absent_run(BlockDriverState *bs, uint32_t block,
                                    uint32_t count, uint32_t *run);
/* Sets an entry in memory, to be written by the next flush. */
int coroutine_fn vpc_bat_set(BlockDriverState *bs, uint32_t block,
                             uint32_t entry, bool full);
/* Remembers, where the page is in memory, whether the bitmap is all ones. */
void vpc_bat_mark_full(VpcState *s, uint32_t block, bool full);
/*
 * Takes @entry, which no flush has written, from @block; false: it has another
 * one by now.
 */
bool vpc_bat_withdraw(VpcState *s, uint32_t block, uint32_t entry);

bool vpc_bat_is_dirty(const VpcState *s);
void vpc_bat_take_copies(BlockDriverState *bs, GArray *copies);

#endif
