/* SPDX-License-Identifier: MIT */
/*
 * A driver as a stranger writes it for QEMU 5.0: "fpass", which hands
 * everything on to its file, a fixed number of bytes ("shift") further on.  It
 * guards the callbacks that only pass-through drivers have.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "qemu/option.h"

typedef struct BDRVFPassState {
    uint64_t shift;
} BDRVFPassState;

static const char *const mutable_opts[] = { "shift", NULL };

static QemuOptsList fpass_runtime_opts = {
    .name = "fpass",
    .head = QTAILQ_HEAD_INITIALIZER(fpass_runtime_opts.head),
    .desc = {
        {
            .name = "shift",
            .type = QEMU_OPT_SIZE,
            .help = "where the disk begins",
        },
        { /* end of list */ }
    },
};

static QemuOptsList fpass_create_opts = {
    .name = "fpass-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(fpass_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Virtual disk size"
        },
        { /* end of list */ }
    }
};

static int fpass_read_options(QDict *options, BlockDriverState *bs,
                              BDRVFPassState *s, Error **errp)
{
    Error *local_err = NULL;
    QemuOpts *opts = qemu_opts_create(&fpass_runtime_opts, NULL, 0,
                                      &error_abort);
    int64_t size = bdrv_getlength(bs->file->bs);
    int ret = 0;

    qemu_opts_absorb_qdict(opts, options, &local_err);
    if (local_err) {
        error_propagate(errp, local_err);
        ret = -EINVAL;
    } else if (size < 0) {
        error_setg_errno(errp, -size, "The file has no length");
        ret = size;
    } else {
        s->shift = qemu_opt_get_size(opts, "shift", 0);
        if (s->shift > size) {
            error_setg(errp, "The shift leads out of the file");
            ret = -EINVAL;
        }
    }
    qemu_opts_del(opts);
    return ret;
}

static int fpass_reopen_prepare(BDRVReopenState *state,
                                BlockReopenQueue *queue, Error **errp)
{
    BDRVFPassState *later = g_new0(BDRVFPassState, 1);
    int ret;

    ret = fpass_read_options(state->options, state->bs, later, errp);
    if (ret < 0) {
        g_free(later);
    } else {
        state->opaque = later;
    }
    return ret;
}

static void fpass_reopen_commit(BDRVReopenState *state)
{
    BDRVFPassState *later = state->opaque;

    *(BDRVFPassState *)state->bs->opaque = *later;
    state->opaque = NULL;
    g_free(later);
}

static void fpass_reopen_abort(BDRVReopenState *state)
{
    g_free(state->opaque);
    state->opaque = NULL;
}

static int fpass_open(BlockDriverState *bs, QDict *options, int flags,
                      Error **errp)
{
    BDRVFPassState *s = bs->opaque;
    int ret;

    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file,
                               false, errp);
    if (!bs->file) {
        return -EINVAL;
    }
    bs->sg = bs->file->bs->sg;
    bs->supported_write_flags = BDRV_REQ_WRITE_UNCHANGED |
        (BDRV_REQ_FUA & bs->file->bs->supported_write_flags);
    bs->supported_zero_flags = BDRV_REQ_WRITE_UNCHANGED |
        ((BDRV_REQ_FUA | BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK) &
            bs->file->bs->supported_zero_flags);

    ret = fpass_read_options(options, bs, s, errp);
    if (ret < 0) {
        return ret;
    }
    if (bs->probed && !bdrv_is_read_only(bs)) {
        bdrv_refresh_filename(bs->file->bs);
        error_setg(errp, "'%s' was guessed", bs->file->bs->filename);
        return -EPERM;
    }
    return 0;
}

static int coroutine_fn fpass_co_preadv(BlockDriverState *bs, uint64_t offset,
                                        uint64_t bytes, QEMUIOVector *qiov,
                                        int flags)
{
    BDRVFPassState *s = bs->opaque;

    BLKDBG_EVENT(bs->file, BLKDBG_READ_AIO);
    return bdrv_co_preadv(bs->file, offset + s->shift, bytes, qiov, flags);
}

static int coroutine_fn fpass_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                         uint64_t bytes, QEMUIOVector *qiov,
                                         int flags)
{
    BDRVFPassState *s = bs->opaque;

    BLKDBG_EVENT(bs->file, BLKDBG_WRITE_AIO);
    return bdrv_co_pwritev(bs->file, offset + s->shift, bytes, qiov, flags);
}

static int coroutine_fn fpass_co_block_status(BlockDriverState *bs,
                                              bool want_zero, int64_t offset,
                                              int64_t bytes, int64_t *pnum,
                                              int64_t *map,
                                              BlockDriverState **file)
{
    BDRVFPassState *s = bs->opaque;

    *pnum = bytes;
    *file = bs->file->bs;
    *map = offset + s->shift;
    return BDRV_BLOCK_RAW | BDRV_BLOCK_OFFSET_VALID;
}

static int coroutine_fn fpass_co_pwrite_zeroes(BlockDriverState *bs,
                                               int64_t offset, int bytes,
                                               BdrvRequestFlags flags)
{
    BDRVFPassState *s = bs->opaque;

    return bdrv_co_pwrite_zeroes(bs->file, offset + s->shift, bytes, flags);
}

static int coroutine_fn fpass_co_pdiscard(BlockDriverState *bs,
                                          int64_t offset, int bytes)
{
    BDRVFPassState *s = bs->opaque;

    return bdrv_co_pdiscard(bs->file, offset + s->shift, bytes);
}

static int64_t fpass_getlength(BlockDriverState *bs)
{
    BDRVFPassState *s = bs->opaque;
    int64_t len = bdrv_getlength(bs->file->bs);

    if (len < 0) {
        return len;
    }
    return len < s->shift ? 0 : len - s->shift;
}

static BlockMeasureInfo *fpass_measure(QemuOpts *opts, BlockDriverState *in_bs,
                                       Error **errp)
{
    BlockMeasureInfo *info;
    int64_t required;

    if (in_bs) {
        required = bdrv_getlength(in_bs);
        if (required < 0) {
            error_setg_errno(errp, -required, "The image has no length");
            return NULL;
        }
    } else {
        required = ROUND_UP((int64_t)qemu_opt_get_size_del(opts,
                            BLOCK_OPT_SIZE, 0), BDRV_SECTOR_SIZE);
    }
    info = g_new(BlockMeasureInfo, 1);
    info->required = required;
    info->fully_allocated = required;
    return info;
}

static int fpass_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    return bdrv_get_info(bs->file->bs, bdi);
}

static void fpass_refresh_limits(BlockDriverState *bs, Error **errp)
{
    if (bs->probed) {
        bs->bl.request_alignment = BDRV_SECTOR_SIZE;
    }
}

static int coroutine_fn fpass_co_truncate(BlockDriverState *bs, int64_t offset,
                                          bool exact, PreallocMode prealloc,
                                          Error **errp)
{
    BDRVFPassState *s = bs->opaque;

    if (INT64_MAX - offset < s->shift) {
        error_setg(errp, "A file cannot be as long");
        return -EINVAL;
    }
    return bdrv_co_truncate(bs->file, offset + s->shift, exact, prealloc,
                            errp);
}

static void fpass_eject(BlockDriverState *bs, bool eject_flag)
{
    bdrv_eject(bs->file->bs, eject_flag);
}

static void fpass_lock_medium(BlockDriverState *bs, bool locked)
{
    bdrv_lock_medium(bs->file->bs, locked);
}

static int coroutine_fn fpass_co_ioctl(BlockDriverState *bs,
                                       unsigned long int req, void *buf)
{
    BDRVFPassState *s = bs->opaque;

    if (s->shift) {
        return -ENOTSUP;
    }
    return bdrv_co_ioctl(bs->file->bs, req, buf);
}

static int fpass_has_zero_init(BlockDriverState *bs)
{
    return bdrv_has_zero_init(bs->file->bs);
}

static int fpass_has_zero_init_truncate(BlockDriverState *bs)
{
    return bdrv_has_zero_init_truncate(bs->file->bs);
}

static int coroutine_fn fpass_co_create_opts(BlockDriver *drv,
                                             const char *filename,
                                             QemuOpts *opts, Error **errp)
{
    return bdrv_create_file(filename, opts, errp);
}

static int fpass_probe_blocksizes(BlockDriverState *bs, BlockSizes *bsz)
{
    BDRVFPassState *s = bs->opaque;
    int ret;

    ret = bdrv_probe_blocksizes(bs->file->bs, bsz);
    if (ret < 0) {
        return ret;
    }
    if (!QEMU_IS_ALIGNED(s->shift, MAX(bsz->log, bsz->phys))) {
        return -ENOTSUP;
    }
    return 0;
}

static int fpass_probe_geometry(BlockDriverState *bs, HDGeometry *geo)
{
    return bdrv_probe_geometry(bs->file->bs, geo);
}

static int coroutine_fn fpass_co_copy_range_from(BlockDriverState *bs,
                                                 BdrvChild *src,
                                                 uint64_t offset,
                                                 BdrvChild *dst,
                                                 uint64_t dst_offset,
                                                 uint64_t bytes,
                                                 BdrvRequestFlags read_flags,
                                                 BdrvRequestFlags write_flags)
{
    BDRVFPassState *s = bs->opaque;

    return bdrv_co_copy_range_from(bs->file, offset + s->shift, dst,
                                   dst_offset, bytes, read_flags,
                                   write_flags);
}

static int coroutine_fn fpass_co_copy_range_to(BlockDriverState *bs,
                                               BdrvChild *src,
                                               uint64_t src_offset,
                                               BdrvChild *dst,
                                               uint64_t offset, uint64_t bytes,
                                               BdrvRequestFlags read_flags,
                                               BdrvRequestFlags write_flags)
{
    BDRVFPassState *s = bs->opaque;

    return bdrv_co_copy_range_to(src, src_offset, bs->file, offset + s->shift,
                                 bytes, read_flags, write_flags);
}

static const char *const fpass_strong_runtime_opts[] = {
    "shift",

    NULL
};

BlockDriver bdrv_fpass = {
    .format_name          = "fpass",
    .instance_size        = sizeof(BDRVFPassState),
    .bdrv_reopen_prepare  = &fpass_reopen_prepare,
    .bdrv_reopen_commit   = &fpass_reopen_commit,
    .bdrv_reopen_abort    = &fpass_reopen_abort,
    .bdrv_open            = &fpass_open,
    .bdrv_child_perm      = bdrv_filter_default_perms,
    .bdrv_co_create_opts  = &fpass_co_create_opts,
    .bdrv_co_preadv       = &fpass_co_preadv,
    .bdrv_co_pwritev      = &fpass_co_pwritev,
    .bdrv_co_pwrite_zeroes = &fpass_co_pwrite_zeroes,
    .bdrv_co_pdiscard     = &fpass_co_pdiscard,
    .bdrv_co_block_status = &fpass_co_block_status,
    .bdrv_co_copy_range_from = &fpass_co_copy_range_from,
    .bdrv_co_copy_range_to  = &fpass_co_copy_range_to,
    .bdrv_co_truncate     = &fpass_co_truncate,
    .bdrv_getlength       = &fpass_getlength,
    .has_variable_length  = true,
    .bdrv_measure         = &fpass_measure,
    .bdrv_get_info        = &fpass_get_info,
    .bdrv_refresh_limits  = &fpass_refresh_limits,
    .bdrv_probe_blocksizes = &fpass_probe_blocksizes,
    .bdrv_probe_geometry  = &fpass_probe_geometry,
    .bdrv_eject           = &fpass_eject,
    .bdrv_lock_medium     = &fpass_lock_medium,
    .bdrv_co_ioctl        = &fpass_co_ioctl,
    .create_opts          = &fpass_create_opts,
    .bdrv_has_zero_init   = &fpass_has_zero_init,
    .bdrv_has_zero_init_truncate = &fpass_has_zero_init_truncate,
    .strong_runtime_opts  = fpass_strong_runtime_opts,
    .mutable_opts         = mutable_opts,
};

static void bdrv_fpass_init(void)
{
    bdrv_register(&bdrv_fpass);
}

block_init(bdrv_fpass_init);
