/* SPDX-License-Identifier: MIT */
/*
 * A filter as a stranger writes it for QEMU 5.0: "fcor", which asks its file to
 * keep what a read has brought from a backing image.  It has no name of a file:
 * driver=fcor,file.driver=...
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "qapi/error.h"
#include "qemu/module.h"

#define PERM_PASSTHROUGH (BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE | \
                          BLK_PERM_RESIZE)
#define PERM_UNCHANGED (BLK_PERM_ALL & ~PERM_PASSTHROUGH)

static int fcor_open(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp)
{
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    bs->supported_write_flags = BDRV_REQ_WRITE_UNCHANGED |
        (BDRV_REQ_FUA & bs->file->bs->supported_write_flags);
    bs->supported_zero_flags = BDRV_REQ_WRITE_UNCHANGED |
        ((BDRV_REQ_FUA | BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK) &
            bs->file->bs->supported_zero_flags);
    return 0;
}

static void fcor_child_perm(BlockDriverState *bs, BdrvChild *c,
                            const BdrvChildRole *role,
                            BlockReopenQueue *reopen_queue,
                            uint64_t perm, uint64_t shared,
                            uint64_t *nperm, uint64_t *nshared)
{
    if (c == NULL) {
        *nperm = (perm & PERM_PASSTHROUGH) | BLK_PERM_WRITE_UNCHANGED;
        *nshared = (shared & PERM_PASSTHROUGH) | PERM_UNCHANGED;
        return;
    }
    *nperm = (perm & PERM_PASSTHROUGH) | (c->perm & PERM_UNCHANGED);
    *nshared = (shared & PERM_PASSTHROUGH) | (c->shared_perm & PERM_UNCHANGED);
}

static int64_t fcor_getlength(BlockDriverState *bs)
{
    return bdrv_getlength(bs->file->bs);
}

static int coroutine_fn fcor_co_preadv(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags)
{
    return bdrv_co_preadv(bs->file, offset, bytes, qiov,
                          flags | BDRV_REQ_COPY_ON_READ);
}

static int coroutine_fn fcor_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                        uint64_t bytes, QEMUIOVector *qiov,
                                        int flags)
{
    return bdrv_co_pwritev(bs->file, offset, bytes, qiov, flags);
}

static int coroutine_fn fcor_co_pwrite_zeroes(BlockDriverState *bs,
                                              int64_t offset, int bytes,
                                              BdrvRequestFlags flags)
{
    return bdrv_co_pwrite_zeroes(bs->file, offset, bytes, flags);
}

static int coroutine_fn fcor_co_pdiscard(BlockDriverState *bs,
                                         int64_t offset, int bytes)
{
    return bdrv_co_pdiscard(bs->file, offset, bytes);
}

static void fcor_eject(BlockDriverState *bs, bool eject_flag)
{
    bdrv_eject(bs->file->bs, eject_flag);
}

static void fcor_lock_medium(BlockDriverState *bs, bool locked)
{
    bdrv_lock_medium(bs->file->bs, locked);
}

static BlockDriver bdrv_fcor = {
    .format_name = "fcor",

    .bdrv_open = fcor_open,
    .bdrv_child_perm = fcor_child_perm,
    .bdrv_getlength = fcor_getlength,
    .bdrv_co_preadv = fcor_co_preadv,
    .bdrv_co_pwritev = fcor_co_pwritev,
    .bdrv_co_pwrite_zeroes = fcor_co_pwrite_zeroes,
    .bdrv_co_pdiscard = fcor_co_pdiscard,
    .bdrv_eject = fcor_eject,
    .bdrv_lock_medium = fcor_lock_medium,
    .bdrv_co_block_status = bdrv_co_block_status_from_file,

    .has_variable_length = true,
    .is_filter = true,
};

static void bdrv_fcor_init(void)
{
    bdrv_register(&bdrv_fcor);
}

block_init(bdrv_fcor_init);
