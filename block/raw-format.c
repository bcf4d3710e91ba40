/* SPDX-License-Identifier: MIT */
/*
 * The raw format: the bytes of the file below, or a window of them.
 *
 * Invariants:
 *   - The window begins `offset` bytes into the file.  With `size` it is that
 *     long and cannot be resized; else it reaches to the end of the file and
 *     moves with it.
 *   - No request passes the end of a window with `size`, whatever its
 *     alignment.
 *   - Who may write to an image that was guessed to be raw has been warned, and
 *     nothing is written to standard error when opening fails.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "qemu/option.h"

typedef struct BDRVRawState {
    uint64_t offset;   /* where the window begins in the file, bytes */
    uint64_t size;     /* its length as last asked, bytes */
    bool has_size;
    bool warned;       /* that the format was guessed */
} BDRVRawState;

static const char *const raw_window_opts[] = { "offset", "size", NULL };

static QemuOptsList raw_runtime_opts = {
    .name = "raw",
    .head = QTAILQ_HEAD_INITIALIZER(raw_runtime_opts.head),
    .desc = {
        /* Offset in the disk where the image starts. */
        { .name = "offset", .type = QEMU_OPT_SIZE },
        /* Virtual disk size. */
        { .name = "size", .type = QEMU_OPT_SIZE },
        { /* end of list */ }
    },
};

static QemuOptsList raw_create_opts = {
    .name = "raw-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(raw_create_opts.head),
    .desc = {
        { .name = BLOCK_OPT_SIZE, .type = QEMU_OPT_SIZE,
          .help = "Virtual disk size" },
        { /* end of list */ }
    },
};

/* The lowest score: any image is raw when no other driver claims it. */
static int raw_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return 1;
}

/* ---- the window --------------------------------------------------------- */

static bool raw_is_window(const BDRVRawState *s)
{
    return s->offset || s->has_size;
}

/* Does @window lie in the file?  Without `size`, sets it.  0 or -errno. */
static int raw_check_window(BlockDriverState *bs, BDRVRawState *window,
                            Error **errp)
{
    int64_t file_size = bdrv_getlength(bs->file->bs);

    if (bs->sg && raw_is_window(window)) {
        error_setg(errp, "Cannot use offset/size with SCSI generic devices");
        return -EINVAL;
    }
    if (file_size < 0) {
        error_setg_errno(errp, -file_size, "Could not get image size");
        return file_size;
    }
    if (window->offset > (uint64_t)file_size) {
        error_setg(errp, "Offset (%" PRIu64 ") cannot be greater than size of "
                   "the containing file (%" PRId64 ")", window->offset,
                   file_size);
        return -EINVAL;
    }
    if (!window->has_size) {
        window->size = file_size - window->offset;
        return 0;
    }
    if (window->size > file_size - window->offset) {
        error_setg(errp, "The sum of offset (%" PRIu64 ") and size (%" PRIu64
                   ") has to be smaller or equal to the  actual size of the "
                   "containing file (%" PRId64 ")", window->offset,
                   window->size, file_size);
        return -EINVAL;
    }
    if (!QEMU_IS_ALIGNED(window->size, BDRV_SECTOR_SIZE)) {
        error_setg(errp, "Specified size is not multiple of %llu",
                   BDRV_SECTOR_SIZE);
        return -EINVAL;
    }
    return 0;
}

/* Takes the window's options out of @options, and checks it.  0 or -errno. */
static int raw_read_options(BlockDriverState *bs, QDict *options,
                            BDRVRawState *window, Error **errp)
{
    QemuOpts *opts = qemu_opts_create(&raw_runtime_opts, NULL, 0,
                                      &error_abort);
    Error *local_err = NULL;

    qemu_opts_absorb_qdict(opts, options, &local_err);
    window->offset = qemu_opt_get_size(opts, "offset", 0);
    window->has_size = qemu_opt_find(opts, "size") != NULL;
    window->size = qemu_opt_get_size(opts, "size", 0);
    qemu_opts_del(opts);
    error_propagate(errp, local_err);
    return local_err ? -EINVAL : raw_check_window(bs, window, errp);
}

/*
 * Turns *@offset in the window into one in the file.  0; @past_end when the
 * range passes a window with a size, -EINVAL when the file could not be that
 * long.
 */
static int raw_adjust(BlockDriverState *bs, uint64_t *offset, uint64_t bytes,
                      int past_end)
{
    BDRVRawState *s = bs->opaque;

    if (s->has_size && (*offset > s->size || bytes > s->size - *offset)) {
        return past_end;
    }
    if (*offset > INT64_MAX - s->offset ||
        bytes > INT64_MAX - s->offset - *offset) {
        return -EINVAL;
    }
    *offset += s->offset;
    return 0;
}

/* ---- open, reopen, create ----------------------------------------------- */

/*
 * FUA and zeroes can be passed on as far as the file takes them; what it does
 * not take the layer makes up for.
 */
static int raw_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    BDRVRawState *s = bs->opaque;
    BlockDriverState *file_bs;
    int ret;

    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    file_bs = bs->file->bs;
    bs->sg = file_bs->sg;

    ret = raw_read_options(bs, options, s, errp);
    if (ret < 0) {
        return ret;
    }
    bs->supported_write_flags = BDRV_REQ_WRITE_UNCHANGED |
        (BDRV_REQ_FUA & file_bs->supported_write_flags);
    bs->supported_zero_flags = BDRV_REQ_WRITE_UNCHANGED |
        ((BDRV_REQ_FUA | BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK) &
         file_bs->supported_zero_flags);
    return 0;
}

/* The new window is kept aside, because an abort must leave the old one. */
static int raw_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                              Error **errp)
{
    g_autofree BDRVRawState *window = g_new0(BDRVRawState, 1);
    int ret;

    ret = raw_read_options(state->bs, state->options, window, errp);
    if (ret < 0) {
        return ret;
    }
    state->opaque = g_steal_pointer(&window);
    return 0;
}

static void raw_reopen_commit(BDRVReopenState *state)
{
    BDRVRawState *s = state->bs->opaque;
    g_autofree BDRVRawState *window = state->opaque;

    window->warned = s->warned;
    *s = *window;
    state->opaque = NULL;
}

static void raw_reopen_abort(BDRVReopenState *state)
{
    g_free(state->opaque);
    state->opaque = NULL;
}

/*
 * The driver's affair, not the layer's, because a foreign driver of this name
 * warns as well, as QEMU's does.
 */
static void raw_set_perm(BlockDriverState *bs, uint64_t perm, uint64_t shared)
{
    BDRVRawState *s = bs->opaque;

    if (!bs->probed || !(perm & BLK_PERM_WRITE) || s->warned) {
        return;
    }
    s->warned = true;
    fprintf(stderr,
            "WARNING: Image format was not specified for '%s' and probing "
            "guessed raw.\n"
            "         Automatically detecting the format is dangerous for raw "
            "images, write operations on block 0 will be restricted.\n"
            "         Specify the 'raw' format explicitly to remove the "
            "restrictions.\n",
            bs->filename);
}

static int coroutine_fn raw_co_create_opts(BlockDriver *drv,
                                           const char *filename,
                                           QemuOpts *opts, Error **errp)
{
    return bdrv_create_file(filename, opts, errp);
}

/* ---- requests ----------------------------------------------------------- */

static int coroutine_fn raw_co_preadv(BlockDriverState *bs, uint64_t offset,
                                      uint64_t bytes, QEMUIOVector *qiov,
                                      int flags)
{
    int ret = raw_adjust(bs, &offset, bytes, -EINVAL);

    if (ret < 0) {
        return ret;
    }
    BLKDBG_EVENT(bs->file, BLKDBG_READ_AIO);
    return bdrv_co_preadv(bs->file, offset, bytes, qiov, flags);
}

static int coroutine_fn raw_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags)
{
    int ret = raw_adjust(bs, &offset, bytes, -ENOSPC);

    if (ret < 0) {
        return ret;
    }
    BLKDBG_EVENT(bs->file, BLKDBG_WRITE_AIO);
    return bdrv_co_pwritev(bs->file, offset, bytes, qiov, flags);
}

static int coroutine_fn raw_co_pwrite_zeroes(BlockDriverState *bs,
                                             int64_t offset, int bytes,
                                             BdrvRequestFlags flags)
{
    uint64_t file_offset = offset;
    int ret = raw_adjust(bs, &file_offset, bytes, -ENOSPC);

    return ret < 0 ? ret : bdrv_co_pwrite_zeroes(bs->file, file_offset, bytes,
                                                 flags);
}

static int coroutine_fn raw_co_pdiscard(BlockDriverState *bs, int64_t offset,
                                        int bytes)
{
    uint64_t file_offset = offset;
    int ret = raw_adjust(bs, &file_offset, bytes, -ENOSPC);

    return ret < 0 ? ret : bdrv_co_pdiscard(bs->file, file_offset, bytes);
}

static int coroutine_fn raw_co_copy_range_from(BlockDriverState *bs,
                                               BdrvChild *src, uint64_t offset,
                                               BdrvChild *dst,
                                               uint64_t dst_offset,
                                               uint64_t bytes,
                                               BdrvRequestFlags read_flags,
                                               BdrvRequestFlags write_flags)
{
    int ret = raw_adjust(bs, &offset, bytes, -EINVAL);

    return ret < 0 ? ret
                   : bdrv_co_copy_range_from(bs->file, offset, dst, dst_offset,
                                             bytes, read_flags, write_flags);
}

static int coroutine_fn raw_co_copy_range_to(BlockDriverState *bs,
                                             BdrvChild *src,
                                             uint64_t src_offset,
                                             BdrvChild *dst,
                                             uint64_t dst_offset,
                                             uint64_t bytes,
                                             BdrvRequestFlags read_flags,
                                             BdrvRequestFlags write_flags)
{
    int ret = raw_adjust(bs, &dst_offset, bytes, -ENOSPC);

    return ret < 0 ? ret
                   : bdrv_co_copy_range_to(src, src_offset, bs->file,
                                           dst_offset, bytes, read_flags,
                                           write_flags);
}

/* The file knows: its answer is taken over whole. */
static int coroutine_fn raw_co_block_status(BlockDriverState *bs,
                                            bool want_zero, int64_t offset,
                                            int64_t bytes, int64_t *pnum,
                                            int64_t *map,
                                            BlockDriverState **file)
{
    BDRVRawState *s = bs->opaque;

    *pnum = bytes;
    *file = bs->file->bs;
    *map = offset + s->offset;
    return BDRV_BLOCK_RAW | BDRV_BLOCK_OFFSET_VALID;
}

static int coroutine_fn raw_co_truncate(BlockDriverState *bs, int64_t offset,
                                        bool exact, PreallocMode prealloc,
                                        Error **errp)
{
    BDRVRawState *s = bs->opaque;

    if (s->has_size) {
        error_setg(errp, "Cannot resize fixed-size raw disks");
        return -ENOTSUP;
    }
    if (offset < 0 || (uint64_t)offset > INT64_MAX - s->offset) {
        error_setg(errp, "Disk size too large for the chosen offset");
        return -EINVAL;
    }
    return bdrv_co_truncate(bs->file, offset + s->offset, exact, prealloc,
                            errp);
}

/* A device knows nothing of the window, so its requests would reach past it. */
static int coroutine_fn raw_co_ioctl(BlockDriverState *bs,
                                     unsigned long int req, void *buf)
{
    if (raw_is_window(bs->opaque)) {
        return -ENOTSUP;
    }
    return bdrv_co_ioctl(bs->file->bs, req, buf);
}

/* ---- questions ---------------------------------------------------------- */

/*
 * Asked each time, because the file may have grown; kept for the checks of
 * windows.
 */
static int64_t raw_getlength(BlockDriverState *bs)
{
    BDRVRawState *s = bs->opaque;
    int64_t file_size;
    uint64_t rest;

    if (s->has_size) {
        return s->size;
    }
    file_size = bdrv_getlength(bs->file->bs);
    if (file_size < 0) {
        return file_size;
    }
    rest = (uint64_t)file_size < s->offset ? 0 : file_size - s->offset;
    s->size = rest;
    return rest;
}

/*
 * A raw image takes as much as it holds, all of it at the latest when all is
 * written.
 */
static BlockMeasureInfo *raw_measure(QemuOpts *opts, BlockDriverState *in_bs,
                                     Error **errp)
{
    BlockMeasureInfo *info;
    int64_t required;

    if (in_bs) {
        required = bdrv_getlength(in_bs);
        if (required < 0) {
            error_setg_errno(errp, -required, "Unable to get image size");
            return NULL;
        }
    } else {
        uint64_t size = qemu_opt_get_size(opts, BLOCK_OPT_SIZE, 0);

        if (size > INT64_MAX - BDRV_SECTOR_SIZE) {
            error_setg(errp, "Image size must be less than 8 EiB");
            return NULL;
        }
        required = ROUND_UP(size, BDRV_SECTOR_SIZE);
    }
    info = g_new0(BlockMeasureInfo, 1);
    info->required = required;
    info->fully_allocated = required;
    return info;
}

static int raw_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    return bdrv_get_info(bs->file->bs, bdi);
}

static int raw_has_zero_init(BlockDriverState *bs)
{
    return bdrv_has_zero_init(bs->file->bs);
}

static int raw_has_zero_init_truncate(BlockDriverState *bs)
{
    BDRVRawState *s = bs->opaque;

    /* A window of a fixed size does not grow, so nothing new can be zero. */
    return s->has_size ? 0 : bdrv_has_zero_init_truncate(bs->file->bs);
}

static void raw_eject(BlockDriverState *bs, bool eject_flag)
{
    bdrv_eject(bs->file->bs, eject_flag);
}

static void raw_lock_medium(BlockDriverState *bs, bool locked)
{
    bdrv_lock_medium(bs->file->bs, locked);
}

static int raw_probe_blocksizes(BlockDriverState *bs, BlockSizes *bsz)
{
    return bdrv_probe_blocksizes(bs->file->bs, bsz);
}

static int raw_probe_geometry(BlockDriverState *bs, HDGeometry *geo)
{
    if (raw_is_window(bs->opaque)) {
        return -ENOTSUP;
    }
    return bdrv_probe_geometry(bs->file->bs, geo);
}

BlockDriver bdrv_raw = {
    .format_name = "raw",
    .instance_size = sizeof(BDRVRawState),
    .has_variable_length = true,

    .bdrv_probe = raw_probe,
    .bdrv_open = raw_open,
    .bdrv_reopen_prepare = raw_reopen_prepare,
    .bdrv_reopen_commit = raw_reopen_commit,
    .bdrv_reopen_abort = raw_reopen_abort,
    .bdrv_child_perm = bdrv_filter_default_perms,
    .bdrv_set_perm = raw_set_perm,
    .bdrv_co_create_opts = raw_co_create_opts,

    .bdrv_co_preadv = raw_co_preadv,
    .bdrv_co_pwritev = raw_co_pwritev,
    .bdrv_co_pwrite_zeroes = raw_co_pwrite_zeroes,
    .bdrv_co_pdiscard = raw_co_pdiscard,
    .bdrv_co_copy_range_from = raw_co_copy_range_from,
    .bdrv_co_copy_range_to = raw_co_copy_range_to,
    .bdrv_co_block_status = raw_co_block_status,
    .bdrv_co_truncate = raw_co_truncate,
    .bdrv_co_ioctl = raw_co_ioctl,

    .bdrv_getlength = raw_getlength,
    .bdrv_measure = raw_measure,
    .bdrv_get_info = raw_get_info,
    .bdrv_has_zero_init = raw_has_zero_init,
    .bdrv_has_zero_init_truncate = raw_has_zero_init_truncate,
    .bdrv_eject = raw_eject,
    .bdrv_lock_medium = raw_lock_medium,
    .bdrv_probe_blocksizes = raw_probe_blocksizes,
    .bdrv_probe_geometry = raw_probe_geometry,

    .create_opts = &raw_create_opts,
    .mutable_opts = raw_window_opts,
    .strong_runtime_opts = raw_window_opts,
};

static void bdrv_raw_init(void)
{
    bdrv_register(&bdrv_raw);
}

block_init(bdrv_raw_init);
