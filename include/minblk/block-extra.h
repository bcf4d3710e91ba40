/* SPDX-License-Identifier: MIT */
/*
 * What drivers and tools need of the block layer and QEMU 5.0 does not have:
 * each of these was written several times before, and the copies differed.
 *
 * The classes of functions (co-only, mixed, plain) are those of block/block.h.
 */
#ifndef MINBLK_BLOCK_EXTRA_H
#define MINBLK_BLOCK_EXTRA_H

#include "block/block.h"
#include "sysemu/block-backend.h"

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

#endif
