/* SPDX-License-Identifier: MIT */
/*
 * A filter as a stranger writes it for QEMU 5.0: "fcor".  What is read through
 * it stays in the image below, which so needs its backing image less and less.
 * It has no name of a file: driver=fcor,file.driver=...
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "qapi/error.h"
#include "qemu/module.h"

/* Flags of requests that are the image's to keep; the filter adds none. */
#define FCOR_WRITE_FLAGS BDRV_REQ_FUA
#define FCOR_ZERO_FLAGS \
    (FCOR_WRITE_FLAGS | BDRV_REQ_NO_FALLBACK | BDRV_REQ_MAY_UNMAP)

static int fcor_open(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp)
{
    BdrvChild *file = bdrv_open_child(NULL, options, "file", bs, &child_file,
                                      false, errp);

    if (!file) {
        return -EINVAL;
    }
    bs->file = file;
    bs->supported_zero_flags = FCOR_ZERO_FLAGS &
                               file->bs->supported_zero_flags;
    bs->supported_zero_flags |= BDRV_REQ_WRITE_UNCHANGED;
    bs->supported_write_flags = FCOR_WRITE_FLAGS &
                                file->bs->supported_write_flags;
    bs->supported_write_flags |= BDRV_REQ_WRITE_UNCHANGED;
    return 0;
}

/* A read stores what the disk had already, as another filter may, too. */
static void fcor_child_perm(BlockDriverState *bs, BdrvChild *child,
                            const BdrvChildRole *role, BlockReopenQueue *queue,
                            uint64_t perm, uint64_t shared, uint64_t *nperm,
                            uint64_t *nshared)
{
    bdrv_filter_default_perms(bs, child, role, queue, perm, shared, nperm,
                              nshared);
    *nperm |= BLK_PERM_WRITE_UNCHANGED;
    *nshared |= BLK_PERM_WRITE_UNCHANGED;
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
    .is_filter = true,
    .has_variable_length = true,

    .bdrv_open = fcor_open,
    .bdrv_child_perm = fcor_child_perm,
    .bdrv_getlength = fcor_getlength,
    .bdrv_lock_medium = fcor_lock_medium,
    .bdrv_eject = fcor_eject,

    .bdrv_co_block_status = bdrv_co_block_status_from_file,
    .bdrv_co_preadv = fcor_co_preadv,
    .bdrv_co_pwritev = fcor_co_pwritev,
    .bdrv_co_pwrite_zeroes = fcor_co_pwrite_zeroes,
    .bdrv_co_pdiscard = fcor_co_pdiscard,
};

static void bdrv_fcor_init(void)
{
    bdrv_register(&bdrv_fcor);
}

block_init(bdrv_fcor_init);
