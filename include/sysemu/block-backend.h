/* SPDX-License-Identifier: MIT */
/*
 * BlockBackend: what a user of an image holds.  It is the root parent of a
 * graph of nodes: it carries the user's permissions and cache mode, and keeps
 * its requests back while the graph is drained.
 *
 * Invariants:
 *   - Requests outside [0, length) are -EIO unless writes beyond the end were
 *     allowed.
 *   - A request counts as in flight from its start (or from the end of the
 *     drained section that held it back) to its completion.
 *   - With the write cache disabled (writethrough) each write carries FUA.
 */
#ifndef SYSEMU_BLOCK_BACKEND_H
#define SYSEMU_BLOCK_BACKEND_H

#include "block/block.h"

/*
 * A BlockBackend without a node, whose user does @perm and lets others do
 * @shared_perm (BLK_PERM_*).  The caller's, until blk_unref().  Plain.
 */
BlockBackend *blk_new(AioContext *ctx, uint64_t perm, uint64_t shared_perm);

/*
 * bdrv_open() and blk_insert_bs() in one, with permissions fit for @flags:
 * CONSISTENT_READ; WRITE with BDRV_O_RDWR; RESIZE with BDRV_O_RESIZE.  A writer
 * shares all but WRITE and RESIZE, a reader shares all (what a format needs of
 * its file is decided by the format).  NULL sets @errp.  Mixed.
 */
BlockBackend *blk_new_open(const char *filename, const char *reference,
                           QDict *options, int flags, Error **errp);

/* Drains, lets the node go and frees @blk; NULL is allowed.  Mixed. */
void blk_unref(BlockBackend *blk);

/* Attaches @bs (takes its own reference); -EPERM with @errp set.  Plain. */
int blk_insert_bs(BlockBackend *blk, BlockDriverState *bs, Error **errp);
/* Drains and detaches the node.  Mixed. */
void blk_remove_bs(BlockBackend *blk);
/* The attached node, borrowed, or NULL.  Plain. */
BlockDriverState *blk_bs(BlockBackend *blk);

/* 0, or -EPERM with @errp set and nothing changed.  Plain. */
int blk_set_perm(BlockBackend *blk, uint64_t perm, uint64_t shared_perm,
                 Error **errp);
void blk_get_perm(BlockBackend *blk, uint64_t *perm, uint64_t *shared_perm);

/* Settings.  Plain. */
void blk_set_allow_write_beyond_eof(BlockBackend *blk, bool allow);
void blk_set_enable_write_cache(BlockBackend *blk, bool wce);
AioContext *blk_get_aio_context(BlockBackend *blk);

/* Information, as bdrv_*; -ENOMEDIUM without a node.  Plain. */
int64_t blk_getlength(BlockBackend *blk);
bool blk_is_read_only(BlockBackend *blk);
bool blk_is_available(BlockBackend *blk);
void *blk_try_blockalign(BlockBackend *blk, size_t size);

/* Requests: 0 or -errno; co-only. */
int coroutine_fn blk_co_preadv(BlockBackend *blk, int64_t offset,
                               unsigned int bytes, QEMUIOVector *qiov,
                               BdrvRequestFlags flags);
int coroutine_fn blk_co_pwritev(BlockBackend *blk, int64_t offset,
                                unsigned int bytes, QEMUIOVector *qiov,
                                BdrvRequestFlags flags);
int coroutine_fn blk_co_pwrite_zeroes(BlockBackend *blk, int64_t offset,
                                      int bytes, BdrvRequestFlags flags);
int coroutine_fn blk_co_pdiscard(BlockBackend *blk, int64_t offset,
                                 int64_t bytes);
int coroutine_fn blk_co_flush(BlockBackend *blk);
int coroutine_fn blk_co_copy_range(BlockBackend *blk_in, int64_t off_in,
                                   BlockBackend *blk_out, int64_t off_out,
                                   int bytes, BdrvRequestFlags read_flags,
                                   BdrvRequestFlags write_flags);

/* Requests: @bytes, or -errno; mixed. */
int blk_pread(BlockBackend *blk, int64_t offset, void *buf, int bytes);
int blk_pwrite(BlockBackend *blk, int64_t offset, const void *buf, int bytes,
               BdrvRequestFlags flags);

/*
 * 0 or -errno; mixed.  Zeroes are split where one request cannot have so many.
 */
int blk_pwrite_zeroes(BlockBackend *blk, int64_t offset, int bytes,
                      BdrvRequestFlags flags);
int blk_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes);
int blk_flush(BlockBackend *blk);
int blk_truncate(BlockBackend *blk, int64_t offset, bool exact,
                 PreallocMode prealloc, Error **errp);

/* Waits for this backend's requests.  Mixed. */
void blk_drain(BlockBackend *blk);

#endif
