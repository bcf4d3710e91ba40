/* SPDX-License-Identifier: MIT */
/*
 * The log of the driver `volatile-cache`: what was written since the last
 * flush, in order, and what the child reads like with it.
 */
#ifndef BLOCK_VOLATILE_LOG_H
#define BLOCK_VOLATILE_LOG_H

#include "block/block_int.h"
#include "minblk/volatile-cache.h"

typedef enum VolatileKind {
    VOLATILE_WRITE,
    VOLATILE_ZERO,
    VOLATILE_TRUNCATE,
} VolatileKind;

/* Immutable, counted by g_rc_box. */
typedef struct VolatileEntry {
    VolatileKind kind;
    int64_t offset;             /* TRUNCATE: the new length */
    int64_t bytes;              /* TRUNCATE: 0 */
    BdrvRequestFlags flags;     /* ZERO: MAY_UNMAP or 0 */
    uint8_t data[];             /* WRITE: so many bytes */
} VolatileEntry;

struct VolatileLog {
    GPtrArray *entries;         /* VolatileEntry */
    int64_t old_length;         /* before the first entry, bytes */
    int64_t length;             /* after the last one */
    bool stale;                 /* what a write past the end skips is old */
};

/* All of these are plain. */
VolatileLog *volatile_log_new(int64_t length, bool stale);
VolatileLog *volatile_log_copy(const VolatileLog *log);

/* Each appends an entry; @qiov is copied. */
void volatile_log_write(VolatileLog *log, int64_t offset, QEMUIOVector *qiov);
void volatile_log_zero(VolatileLog *log, int64_t offset, int64_t bytes,
                       BdrvRequestFlags flags);
void volatile_log_truncate(VolatileLog *log, int64_t length);

static inline const VolatileEntry *volatile_log_entry(const VolatileLog *log,
                                                      unsigned i)
{
    return g_ptr_array_index(log->entries, i);
}

/* Forgets the first @count entries, which have become durable. */
void volatile_log_settle(VolatileLog *log, unsigned count);

/* Lays the log over @qiov, which holds the child's bytes at @offset. */
void volatile_log_overlay(const VolatileLog *log, int64_t offset,
                          QEMUIOVector *qiov);

/*
 * The status of @offset by the log: BDRV_BLOCK_DATA, BDRV_BLOCK_ZERO, or 0 when
 * it is the child's; *@bytes is cut to where that holds.
 */
int volatile_log_status(const VolatileLog *log, int64_t offset,
                        int64_t *bytes);

#endif
