/* SPDX-License-Identifier: MIT */
/*
 * The raw format as a stranger writes it for QEMU 5.0, under the name of ours:
 * a window of its file.  It guards that the layer finds the driver by its name
 * (probing, empty files, throw-away overlays), and what a driver does that was
 * guessed: it works in sectors and looks at what is written to the first.
 *
 * Invariant: a guessed image never becomes one of another format.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qemu/option.h"

typedef struct ForeignRaw {
    uint64_t offset;
    uint64_t size;      /* if has_size */
    bool has_size;
} ForeignRaw;

static const char *const raw_mutable_opts[] = { "offset", "size", NULL };

static QemuOptsList raw_opts = {
    .name = "foreign-raw",
    .head = QTAILQ_HEAD_INITIALIZER(raw_opts.head),
    .desc = {
        {
            .name = "offset",
            .type = QEMU_OPT_SIZE,
            .help = "where the disk begins",
        },
        {
            .name = "size",
            .type = QEMU_OPT_SIZE,
            .help = "how long it is",
        },
        { /* end of list */ }
    },
};

static int raw_take_options(BlockDriverState *bs, QDict *options,
                            ForeignRaw *s, Error **errp)
{
    QemuOpts *opts = qemu_opts_create(&raw_opts, NULL, 0, &error_abort);
    int64_t length = bdrv_getlength(bs->file->bs);
    Error *local_err = NULL;

    qemu_opts_absorb_qdict(opts, options, &local_err);
    s->offset = qemu_opt_get_size(opts, "offset", 0);
    s->has_size = qemu_opt_find(opts, "size") != NULL;
    s->size = qemu_opt_get_size(opts, "size", 0);
    qemu_opts_del(opts);
    if (local_err) {
        error_propagate(errp, local_err);
        return -EINVAL;
    }
    if (length < 0) {
        error_setg_errno(errp, -length, "No length");
        return length;
    }
    if (s->offset > length || (s->has_size && s->size > length - s->offset)) {
        error_setg(errp, "The window is not inside the file");
        return -EINVAL;
    }
    if (s->has_size && s->size % BDRV_SECTOR_SIZE) {
        error_setg(errp, "The size is no multiple of %llu", BDRV_SECTOR_SIZE);
        return -EINVAL;
    }
    return 0;
}

static int raw_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return 1;
}

static int raw_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    bs->sg = bs->file->bs->sg;
    bs->supported_write_flags = BDRV_REQ_WRITE_UNCHANGED |
        (BDRV_REQ_FUA & bs->file->bs->supported_write_flags);
    bs->supported_zero_flags = BDRV_REQ_WRITE_UNCHANGED |
        ((BDRV_REQ_FUA | BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK) &
         bs->file->bs->supported_zero_flags);
    if (bs->probed && !bdrv_is_read_only(bs)) {
        bdrv_refresh_filename(bs->file->bs);
        warn_report("the format of '%s' was guessed",
                    bs->file->bs->filename);
    }
    return raw_take_options(bs, options, bs->opaque, errp);
}

static int raw_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                              Error **errp)
{
    int ret;

    state->opaque = g_new0(ForeignRaw, 1);
    ret = raw_take_options(state->bs, state->options, state->opaque, errp);
    if (ret < 0) {
        g_free(state->opaque);
        state->opaque = NULL;
    }
    return ret;
}

static void raw_reopen_abort(BDRVReopenState *state)
{
    g_free(state->opaque);
    state->opaque = NULL;
}

static void raw_reopen_commit(BDRVReopenState *state)
{
    memcpy(state->bs->opaque, state->opaque, sizeof(ForeignRaw));
    raw_reopen_abort(state);
}

static int64_t raw_getlength(BlockDriverState *bs)
{
    ForeignRaw *s = bs->opaque;
    int64_t length = bdrv_getlength(bs->file->bs);

    if (length < 0) {
        return length;
    }
    if (s->has_size) {
        return s->size;
    }
    return length < s->offset ? 0 : length - s->offset;
}

static void raw_refresh_limits(BlockDriverState *bs, Error **errp)
{
    if (bs->probed) {
        bs->bl.request_alignment = BDRV_SECTOR_SIZE;
    }
}

/* Moves a request into the window.  0 or -errno. */
static int raw_place(BlockDriverState *bs, uint64_t *offset, uint64_t bytes,
                     bool write)
{
    ForeignRaw *s = bs->opaque;

    if (s->has_size && (*offset > s->size || bytes > s->size - *offset)) {
        return write ? -ENOSPC : -EIO;
    }
    if (*offset > INT64_MAX - s->offset) {
        return -EINVAL;
    }
    *offset += s->offset;
    return 0;
}

static int coroutine_fn raw_co_preadv(BlockDriverState *bs, uint64_t offset,
                                      uint64_t bytes, QEMUIOVector *qiov,
                                      int flags)
{
    int ret = raw_place(bs, &offset, bytes, false);

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
    int ret;

    if (bs->probed && offset < BLOCK_PROBE_BUF_SIZE && bytes) {
        uint8_t head[BLOCK_PROBE_BUF_SIZE];

        /* Requests are whole sectors, so all that is probed is here. */
        QEMU_BUILD_BUG_ON(BLOCK_PROBE_BUF_SIZE != 512);
        assert(offset == 0 && bytes >= sizeof(head));
        qemu_iovec_to_buf(qiov, 0, head, sizeof(head));
        if (bdrv_probe_all(head, sizeof(head), NULL) != bs->drv) {
            return -EPERM;
        }
    }
    ret = raw_place(bs, &offset, bytes, true);
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
    int ret = raw_place(bs, (uint64_t *)&offset, bytes, true);

    return ret < 0 ? ret
                   : bdrv_co_pwrite_zeroes(bs->file, offset, bytes, flags);
}

static int coroutine_fn raw_co_pdiscard(BlockDriverState *bs, int64_t offset,
                                        int bytes)
{
    int ret = raw_place(bs, (uint64_t *)&offset, bytes, true);

    return ret < 0 ? ret : bdrv_co_pdiscard(bs->file, offset, bytes);
}

static int coroutine_fn raw_co_block_status(BlockDriverState *bs,
                                            bool want_zero, int64_t offset,
                                            int64_t bytes, int64_t *pnum,
                                            int64_t *map,
                                            BlockDriverState **file)
{
    ForeignRaw *s = bs->opaque;

    *pnum = bytes;
    *file = bs->file->bs;
    *map = offset + s->offset;
    return BDRV_BLOCK_RAW | BDRV_BLOCK_OFFSET_VALID;
}

static int coroutine_fn raw_co_truncate(BlockDriverState *bs, int64_t offset,
                                        bool exact, PreallocMode prealloc,
                                        Error **errp)
{
    ForeignRaw *s = bs->opaque;

    if (s->has_size) {
        error_setg(errp, "A window of fixed size cannot be resized");
        return -ENOTSUP;
    }
    if (offset > INT64_MAX - (int64_t)s->offset) {
        error_setg(errp, "Too large for this offset");
        return -EINVAL;
    }
    return bdrv_co_truncate(bs->file, offset + s->offset, exact, prealloc,
                            errp);
}

static int raw_has_zero_init(BlockDriverState *bs)
{
    return bdrv_has_zero_init(bs->file->bs);
}

static int raw_has_zero_init_truncate(BlockDriverState *bs)
{
    return bdrv_has_zero_init_truncate(bs->file->bs);
}

static int coroutine_fn raw_co_create_opts(BlockDriver *drv,
                                           const char *filename,
                                           QemuOpts *opts, Error **errp)
{
    return bdrv_create_file(filename, opts, errp);
}

static QemuOptsList raw_create_opts = {
    .name = "foreign-raw-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(raw_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Virtual disk size"
        },
        { /* end of list */ }
    }
};

static const char *const raw_strong_opts[] = { "offset", "size", NULL };

BlockDriver bdrv_raw = {
    .format_name = "raw",
    .instance_size = sizeof(ForeignRaw),
    .bdrv_probe = &raw_probe,
    .bdrv_open = &raw_open,
    .bdrv_reopen_prepare = &raw_reopen_prepare,
    .bdrv_reopen_commit = &raw_reopen_commit,
    .bdrv_reopen_abort = &raw_reopen_abort,
    .bdrv_child_perm = bdrv_filter_default_perms,
    .bdrv_getlength = &raw_getlength,
    .has_variable_length = true,
    .bdrv_refresh_limits = &raw_refresh_limits,
    .bdrv_co_preadv = &raw_co_preadv,
    .bdrv_co_pwritev = &raw_co_pwritev,
    .bdrv_co_pwrite_zeroes = &raw_co_pwrite_zeroes,
    .bdrv_co_pdiscard = &raw_co_pdiscard,
    .bdrv_co_block_status = &raw_co_block_status,
    .bdrv_co_truncate = &raw_co_truncate,
    .bdrv_has_zero_init = &raw_has_zero_init,
    .bdrv_has_zero_init_truncate = &raw_has_zero_init_truncate,
    .bdrv_co_create_opts = &raw_co_create_opts,
    .create_opts = &raw_create_opts,
    .mutable_opts = raw_mutable_opts,
    .strong_runtime_opts = raw_strong_opts,
};

static void foreign_raw_init(void)
{
    bdrv_register(&bdrv_raw);
}

block_init(foreign_raw_init);
