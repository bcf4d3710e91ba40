/* SPDX-License-Identifier: MIT */
/*
 * Functions of the layer for drivers and tools that QEMU 5.0 does not have:
 * each of these was written several times before, and the copies differed.
 *
 * The classes of functions (co-only, mixed, plain) are those of block/block.h.
 */
#ifndef MINBLK_BLOCK_EXTRA_H
#define MINBLK_BLOCK_EXTRA_H

#include "block/block.h"
#include "sysemu/block-backend.h"

/*
 * A bit of the block status beside those of block/block.h, with
 * BDRV_BLOCK_DATA: reading any sector of the range fails, as a driver knows by
 * the image's tables.  So who saves what can be read need not try each.
 */
#define BDRV_BLOCK_LOST 0x1000

/*
 * bdrv_new_open_driver() with @options, which are consumed, also on failure;
 * NULL: none.  Mixed.
 */
BlockDriverState *bdrv_new_open_with_options(BlockDriver *drv,
                                             const char *node_name,
                                             QDict *options, int flags,
                                             Error **errp);

/*
 * bdrv_block_status_above() that says, too, how many nodes down the one is that
 * answers: *@depth.  Mixed.
 */
int bdrv_block_status_depth(BlockDriverState *bs, BlockDriverState *base,
                            int64_t offset, int64_t bytes, int64_t *pnum,
                            int64_t *map, BlockDriverState **file, int *depth);

/*
 * Bytes of @bs as its driver counts them.  bdrv_getlength() rounds up to 512,
 * so it does not show whether the last sector of a file is whole.  -ENOMEDIUM,
 * -EFBIG as there, or the driver's error.  Plain.
 */
int64_t bdrv_exact_length(BlockDriverState *bs);

/*
 * Makes [@offset, @offset + @bytes) read as zeroes, in as many requests as it
 * takes: one request ends at BDRV_REQUEST_MAX_BYTES, and a block of a VHD, for
 * instance, may have more.  @flags are those of bdrv_co_pwrite_zeroes().  0, or
 * the -errno of the first request that failed: those before it are done.
 */
int coroutine_fn bdrv_co_zero_range(BdrvChild *child, int64_t offset,
                                    int64_t bytes, BdrvRequestFlags flags);
/* Mixed. */
int bdrv_zero_range(BdrvChild *child, int64_t offset, int64_t bytes,
                    BdrvRequestFlags flags);

/*
 * The same for a BlockBackend's user; a range that is not within the image is
 * -EIO before anything is written.
 */
int coroutine_fn blk_co_zero_range(BlockBackend *blk, int64_t offset,
                                   int64_t bytes, BdrvRequestFlags flags);
/* Mixed. */
int blk_zero_range(BlockBackend *blk, int64_t offset, int64_t bytes,
                   BdrvRequestFlags flags);

/*
 * Does the driver interpret the bytes of a file as an image?  Filters pass them
 * on and protocols bring them.  Plain.
 */
bool bdrv_driver_is_format(const BlockDriver *drv);

/*
 * Lists the words that bdrv_parse_cache_mode(), bdrv_parse_discard_flags() or
 * bdrv_parse_aio() takes: the one of them that sets the BDRV_O_* @flag; and
 * says which one @word may have been meant to be.  Whole lines; g_free() them.
 * Plain.
 */
char *bdrv_hint_mode(int flag, const char *word);

/*
 * The same for all formats, of which @name is none.  Not in the callback of
 * bdrv_iterate_format().  Plain.
 */
char *bdrv_hint_format(const char *name);

/*
 * A line that says of which format the image of @bs is, for messages about
 * something that the format cannot do; and whether the format was guessed.
 * g_free() it.  Mixed.
 */
char *bdrv_hint_node_format(BlockDriverState *bs);

/*
 * What the image of @bs itself says about its backing image, borrowed: its name
 * and its format, each "" if it says nothing; and that name as seen from here,
 * to be freed with g_free(), NULL with @errp set if the image has no place that
 * a relative one could begin at.  Plain.
 */
const char *bdrv_backing_name(const BlockDriverState *bs);
const char *bdrv_backing_format(const BlockDriverState *bs);
char *bdrv_backing_path(BlockDriverState *bs, Error **errp);

/* ---- for drivers --------------------------------------------------------- */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuOpts, qemu_opts_del)

/*
 * Takes the options that @list describes out of @options, with their types
 * checked.  The caller's to be freed with qemu_opts_del(); NULL sets @errp.
 * Plain.
 */
QemuOpts *bdrv_absorb_options(QemuOptsList *list, QDict *options,
                              Error **errp);

/*
 * Callbacks of drivers.  A bdrv_reopen_prepare for those whose own options
 * cannot change: the layer refuses a change of what is left in the options, so
 * there is nothing to prepare.
 */
int bdrv_reopen_unchanged(BDRVReopenState *state, BlockReopenQueue *queue,
                          Error **errp);

/* A bdrv_getlength for filters: that of the file child. */
int64_t bdrv_getlength_from_file(BlockDriverState *bs);

/*
 * A bdrv_get_allocated_file_size that is -ENOTSUP, as of the debugging filters
 * in QEMU: without a callback the layer would add up the children's.
 */
int64_t bdrv_allocated_size_unknown(BlockDriverState *bs);

#endif
