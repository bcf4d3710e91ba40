/* SPDX-License-Identifier: MIT */
/*
 * The file protocol: regular files and block devices of the host.
 *
 * A node is one open file description.  Its I/O runs in the context's engine;
 * its permissions are locks that other processes see (file-posix-lock.c).
 *
 * Invariants:
 *   - Only regular files and block devices are opened; a FIFO or a character
 *     device is refused before it could block or be disturbed.
 *   - With cache.direct, buffers and lengths that reach the kernel are aligned;
 *     memory that is not is copied through a bounce buffer.
 *   - A reopening replaces the descriptor only when it is committed, and never
 *     leaves a moment without locks.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include "block/qdict.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/cutils.h"
#include "qemu/module.h"
#include "file-posix.h"

#define MAX_ALIGN 4096

static QemuOptsList file_runtime_opts = {
    .name = "file",
    .head = QTAILQ_HEAD_INITIALIZER(file_runtime_opts.head),
    .desc = {
        {
            .name = "filename",
            .type = QEMU_OPT_STRING,
            .help = "File name of the image",
        },
        {
            .name = "aio",
            .type = QEMU_OPT_STRING,
            .help = "host AIO implementation (threads, native, io_uring)",
        },
        {
            .name = "locking",
            .type = QEMU_OPT_STRING,
            .help = "file locking mode (on/off/auto, default: auto)",
        },
        { /* end of list */ }
    },
};

static const char *const file_mutable_opts[] = { "aio", "locking", NULL };
static const char *const file_strong_opts[] = { "filename", NULL };

/* ---- opening ------------------------------------------------------------------ */

static void file_parse_filename(const char *filename, QDict *options,
                                Error **errp)
{
    strstart(filename, "file:", &filename);
    qdict_put_str(options, "filename", filename);
}

/* The kernel's open flags for BDRV_O_* @flags. */
static int posix_flags(int flags)
{
    return O_CLOEXEC | O_NONBLOCK |
           (flags & BDRV_O_RDWR ? O_RDWR : O_RDONLY) |
           (flags & BDRV_O_NOCACHE ? O_DIRECT : 0);
}

static int choose_engine(FileState *s, AioContext *ctx, QemuOpts *opts,
                         int flags, Error **errp)
{
    static const IoEngineType engines[BLOCKDEV_AIO_OPTIONS__MAX] = {
        [BLOCKDEV_AIO_OPTIONS_THREADS] = IO_ENGINE_THREADS,
        [BLOCKDEV_AIO_OPTIONS_NATIVE] = IO_ENGINE_AUTO,
        [BLOCKDEV_AIO_OPTIONS_IO_URING] = IO_ENGINE_IO_URING,
    };
    IoEngineType type = flags & BDRV_O_IO_URING  ? IO_ENGINE_IO_URING
                        : flags & BDRV_O_THREADS ? IO_ENGINE_THREADS
                                                 : IO_ENGINE_AUTO;
    const char *word = qemu_opt_get(opts, "aio");
    Error *local_err = NULL;
    IoEngine *engine;

    if (word) {
        int value = qapi_enum_parse(&BlockdevAioOptions_lookup, word,
                                    BLOCKDEV_AIO_OPTIONS_THREADS, &local_err);

        if (local_err) {
            error_propagate(errp, local_err);
            return -EINVAL;
        }
        type = engines[value];
    }
    engine = aio_get_io_engine(ctx, type, errp);
    if (!engine) {
        return -ENOTSUP;
    }
    s->engine = engine;
    return 0;
}

static int choose_locking(FileState *s, QemuOpts *opts, Error **errp)
{
    Error *local_err = NULL;
    int mode = qapi_enum_parse(&OnOffAuto_lookup, qemu_opt_get(opts, "locking"),
                               ON_OFF_AUTO_AUTO, &local_err);

    if (local_err) {
        error_propagate(errp, local_err);
        return -EINVAL;
    }
    s->use_locks = mode != ON_OFF_AUTO_OFF;
    s->locks_required = mode == ON_OFF_AUTO_ON;
    return 0;
}

/* Refuses what would block or be disturbed by being opened. */
static int check_type(const char *filename, const struct stat *st,
                      Error **errp)
{
    if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode)) {
        return 0;
    }
    if (S_ISDIR(st->st_mode)) {
        error_setg_errno(errp, EISDIR, "Could not open '%s'", filename);
        return -EISDIR;
    }
    error_setg(errp, "'file' driver requires '%s' to be a regular file",
               filename);
    return -EINVAL;
}

static int open_fd(const char *filename, int oflags)
{
    int fd;

    do {
        fd = open(filename, oflags);
    } while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

/* Opens @filename as *@flags says, read-only if need be and allowed. */
static int open_image(BlockDriverState *bs, const char *filename, int *flags,
                      Error **errp)
{
    struct stat st;
    int fd, ret;

    if (stat(filename, &st) == 0) {
        ret = check_type(filename, &st, errp);
        if (ret < 0) {
            return ret;
        }
    }
    fd = open_fd(filename, posix_flags(*flags));
    if ((fd == -EACCES || fd == -EROFS || fd == -EPERM) &&
        (*flags & BDRV_O_RDWR) &&
        bdrv_apply_auto_read_only(bs, NULL, NULL) == 0) {
        *flags &= ~BDRV_O_RDWR;
        fd = open_fd(filename, posix_flags(*flags));
    }
    if (fd == -EINVAL && (*flags & BDRV_O_NOCACHE)) {
        error_setg(errp, "Could not open '%s': filesystem does not support "
                   "O_DIRECT", filename);
        return fd;
    }
    if (fd < 0) {
        error_setg_errno(errp, -fd, "Could not open '%s'", filename);
        return fd;
    }
    return fd;
}

/* What the opened descriptor turned out to be. */
static int examine_fd(FileState *s, const char *filename, Error **errp)
{
    struct stat st;
    int ret;

    if (fstat(s->file.fd, &st) < 0) {
        ret = -errno;
        error_setg_errno(errp, errno, "Could not stat '%s'", filename);
        return ret;
    }
    ret = check_type(filename, &st, errp);
    if (ret < 0) {
        return ret;
    }
    s->is_device = S_ISBLK(st.st_mode);
    if (s->use_locks && !file_lock_supported(s->file.fd)) {
        if (s->locks_required) {
            error_setg(errp, "'%s' does not support file locks, which "
                       "locking=on requires", filename);
            return -ENOTSUP;
        }
        s->use_locks = false;
    }
    return 0;
}

static int file_open(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp)
{
    FileState *s = bs->opaque;
    QemuOpts *opts = qemu_opts_create(&file_runtime_opts, NULL, 0,
                                      &error_abort);
    Error *local_err = NULL;
    const char *filename;
    int ret;

    s->reopen_fd = -1;
    qemu_opts_absorb_qdict(opts, options, &local_err);
    if (local_err) {
        error_propagate(errp, local_err);
        ret = -EINVAL;
        goto out;
    }
    filename = qemu_opt_get(opts, "filename");
    if (!filename) {
        error_setg(errp, "The 'file' block driver requires a file name");
        ret = -EINVAL;
        goto out;
    }
    ret = choose_engine(s, bdrv_get_aio_context(bs), opts, flags, errp);
    if (ret == 0) {
        ret = choose_locking(s, opts, errp);
    }
    if (ret < 0) {
        goto out;
    }

    ret = open_image(bs, filename, &flags, errp);
    if (ret < 0) {
        goto out;
    }
    io_file_init(&s->file, ret);
    ret = examine_fd(s, filename, errp);
    if (ret < 0) {
        close(s->file.fd);
        goto out;
    }
    bs->supported_zero_flags = BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK;
out:
    qemu_opts_del(opts);
    return ret;
}

static void file_close(BlockDriverState *bs)
{
    FileState *s = bs->opaque;

    assert(s->reopen_fd < 0);
    close(s->file.fd);
}

static void file_refresh_filename(BlockDriverState *bs)
{
    const char *filename = qdict_get_try_str(bs->options, "filename");

    if (filename) {
        snprintf(bs->exact_filename, sizeof(bs->exact_filename), "%s%s",
                 path_has_protocol(filename) ? "file:" : "", filename);
    }
}

/* ---- permissions ----------------------------------------------------------------- */

static int file_check_perm(BlockDriverState *bs, uint64_t perm,
                           uint64_t shared, Error **errp)
{
    FileState *s = bs->opaque;
    uint64_t old_shared = BLK_PERM_ALL & ~s->locked_unshared;
    Error *local_err = NULL;
    int ret;

    if (!s->use_locks && !s->reopen_locks) {
        return 0;
    }
    ret = file_lock_acquire(s->file.fd, perm, shared, s->locked_perm,
                            s->locked_unshared, &local_err);
    if (ret == 0) {
        /* What was held before has been tested before. */
        ret = file_lock_test(s->file.fd, perm & ~s->locked_perm,
                             shared | s->locked_unshared, &local_err);
    }
    if (ret < 0) {
        error_append_hint(&local_err, "Is another process using the image "
                          "[%s]?\n", bs->filename);
        error_propagate(errp, local_err);
        file_lock_release(s->file.fd, s->locked_perm, old_shared);
        return ret;
    }
    s->checked_perm = perm & BLK_PERM_ALL;
    s->checked_unshared = ~shared & BLK_PERM_ALL;
    return 0;
}

static void file_set_perm(BlockDriverState *bs, uint64_t perm,
                          uint64_t shared)
{
    FileState *s = bs->opaque;

    s->checked_perm = s->checked_unshared = 0;
    if (s->use_locks) {
        file_lock_release(s->file.fd, perm, shared);
        s->locked_perm = perm & BLK_PERM_ALL;
        s->locked_unshared = ~shared & BLK_PERM_ALL;
    }
}

static void file_abort_perm_update(BlockDriverState *bs)
{
    FileState *s = bs->opaque;

    s->checked_perm = s->checked_unshared = 0;
    if (s->use_locks || s->reopen_locks) {
        file_lock_release(s->file.fd, s->locked_perm,
                          BLK_PERM_ALL & ~s->locked_unshared);
    }
}

/* ---- reopening -------------------------------------------------------------------- */

/* What prepare hands to commit. */
typedef struct FileReopen {
    IoEngine *engine;
    bool use_locks;
} FileReopen;

/* Another description of the same file; its name may belong to another now. */
static int open_again(BlockDriverState *bs, int fd, int flags, Error **errp)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    int new_fd = open_fd(self, posix_flags(flags));

    if (new_fd == -ENOENT) {
        new_fd = open_fd(qdict_get_str(bs->options, "filename"),
                         posix_flags(flags));
    }
    if (new_fd < 0) {
        error_setg_errno(errp, -new_fd, "Could not reopen file");
    }
    return new_fd;
}

static int file_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                               Error **errp)
{
    BlockDriverState *bs = state->bs;
    FileState *s = bs->opaque;
    FileState probe = { 0 };
    g_autofree FileReopen *r = g_new0(FileReopen, 1);
    QemuOpts *opts = qemu_opts_create(&file_runtime_opts, NULL, 0,
                                      &error_abort);
    Error *local_err = NULL;
    int changed = (state->flags ^ bs->open_flags) &
                  (BDRV_O_RDWR | BDRV_O_NOCACHE);
    int ret;

    qemu_opts_absorb_qdict(opts, state->options, &local_err);
    if (local_err) {
        error_propagate(errp, local_err);
        ret = -EINVAL;
        goto out;
    }
    /* The layer compares the name with the present one. */
    qemu_opts_to_qdict(opts, state->options);
    qdict_del(state->options, "aio");
    qdict_del(state->options, "locking");

    ret = choose_engine(&probe, bdrv_get_aio_context(bs), opts, state->flags,
                        errp);
    if (ret == 0) {
        ret = choose_locking(&probe, opts, errp);
    }
    if (ret < 0) {
        goto out;
    }
    r->engine = probe.engine;
    r->use_locks = probe.use_locks && file_lock_supported(s->file.fd);
    if (probe.locks_required && !r->use_locks) {
        error_setg(errp, "'%s' does not support file locks, which locking=on "
                   "requires", bs->filename);
        ret = -ENOTSUP;
        goto out;
    }
    if (changed) {
        ret = open_again(bs, s->file.fd, state->flags, errp);
        if (ret < 0) {
            goto out;
        }
        s->reopen_fd = ret;
    }
    s->reopen_locks = r->use_locks;
    state->opaque = g_steal_pointer(&r);
    ret = 0;
out:
    qemu_opts_del(opts);
    return ret;
}

static void file_reopen_commit(BDRVReopenState *state)
{
    FileState *s = state->bs->opaque;
    g_autofree FileReopen *r = state->opaque;

    if (!r->use_locks && s->use_locks) {
        file_lock_release(s->file.fd, 0, BLK_PERM_ALL);
        s->locked_perm = s->locked_unshared = 0;
    }
    s->engine = r->engine;
    s->use_locks = r->use_locks;
    s->reopen_locks = false;
    if (s->reopen_fd >= 0) {
        if (s->use_locks) {
            /* Shared locks: they cannot meet an exclusive one here. */
            file_lock_acquire(s->reopen_fd, s->locked_perm | s->checked_perm,
                              ~(s->locked_unshared | s->checked_unshared), 0,
                              0, NULL);
        }
        close(s->file.fd);
        io_file_init(&s->file, s->reopen_fd);
        s->reopen_fd = -1;
    }
}

static void file_reopen_abort(BDRVReopenState *state)
{
    FileState *s = state->bs->opaque;

    s->reopen_locks = false;
    if (s->reopen_fd >= 0) {
        close(s->reopen_fd);
        s->reopen_fd = -1;
    }
    g_free(state->opaque);
}

/* ---- limits ---------------------------------------------------------------------------- */

/* Does direct reading work with this alignment of offset, length and memory? */
static bool direct_read_works(int fd, char *buf, size_t mem_offset,
                              size_t length)
{
    ssize_t ret;

    do {
        ret = pread(fd, buf + mem_offset, length, 0);
    } while (ret < 0 && errno == EINTR);
    return ret >= 0 || errno != EINVAL;
}

/* By asking the kernel; false: it does not know. */
static bool ask_direct_alignment(int fd, BlockLimits *bl)
{
#ifdef STATX_DIOALIGN
    struct statx stx;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
        (stx.stx_mask & STATX_DIOALIGN) && stx.stx_dio_offset_align &&
        is_power_of_2(stx.stx_dio_offset_align) &&
        is_power_of_2(stx.stx_dio_mem_align)) {
        bl->request_alignment = stx.stx_dio_offset_align;
        bl->min_mem_alignment = stx.stx_dio_mem_align;
        return true;
    }
#endif
    return false;
}

/*
 * By reading, since a misaligned direct read is refused: of anything but an
 * empty file, or a file system that copies.  There the largest is right.
 */
static void try_direct_alignment(int fd, BlockLimits *bl)
{
    char *buf = qemu_memalign(MAX_ALIGN, 2 * MAX_ALIGN);
    size_t align;

    if (direct_read_works(fd, buf, 0, 1)) {
        bl->request_alignment = MAX_ALIGN;
        bl->min_mem_alignment = MAX_ALIGN;
        qemu_vfree(buf);
        return;
    }
    for (align = 512; align < MAX_ALIGN; align <<= 1) {
        if (direct_read_works(fd, buf, 0, align)) {
            break;
        }
    }
    bl->request_alignment = align;
    for (align = 512; align < MAX_ALIGN; align <<= 1) {
        if (direct_read_works(fd, buf, align, MAX_ALIGN)) {
            break;
        }
    }
    bl->min_mem_alignment = align;
    qemu_vfree(buf);
}

static void file_refresh_limits(BlockDriverState *bs, Error **errp)
{
    FileState *s = bs->opaque;
    int logical;

    bs->bl.max_iov = IOV_MAX;
    bs->bl.request_alignment = 1;
    bs->bl.min_mem_alignment = 1;
    bs->bl.opt_mem_alignment = MAX_ALIGN;
    if (!s->file.direct) {
        return;
    }
    if (s->is_device && ioctl(s->file.fd, BLKSSZGET, &logical) == 0 &&
        logical > 0 && is_power_of_2(logical)) {
        bs->bl.request_alignment = logical;
        bs->bl.min_mem_alignment = logical;
    } else if (!ask_direct_alignment(s->file.fd, &bs->bl)) {
        try_direct_alignment(s->file.fd, &bs->bl);
    }
}

static int64_t file_getlength(BlockDriverState *bs)
{
    FileState *s = bs->opaque;

    return file_fd_length(s->file.fd);
}

static int64_t file_get_allocated_file_size(BlockDriverState *bs)
{
    FileState *s = bs->opaque;
    struct stat st;

    if (fstat(s->file.fd, &st) < 0) {
        return -errno;
    }
    return (int64_t)st.st_blocks * 512;
}

static int file_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    FileState *s = bs->opaque;

    bdi->unallocated_blocks_are_zero = !s->is_device;
    return 0;
}

static int file_has_zero_init(BlockDriverState *bs)
{
    FileState *s = bs->opaque;

    return !s->is_device;
}

static int file_probe_blocksizes(BlockDriverState *bs, BlockSizes *bsz)
{
    FileState *s = bs->opaque;
    int logical;
    unsigned int physical;

    if (!s->is_device) {
        return -ENOTSUP;
    }
    if (ioctl(s->file.fd, BLKSSZGET, &logical) < 0 ||
        ioctl(s->file.fd, BLKPBSZGET, &physical) < 0) {
        return -errno;
    }
    bsz->log = logical;
    bsz->phys = physical;
    return 0;
}

/* ---- requests --------------------------------------------------------------------------- */

static bool memory_is_aligned(BlockDriverState *bs, const QEMUIOVector *qiov)
{
    size_t mask = bs->bl.min_mem_alignment - 1;

    for (int i = 0; i < qiov->niov; i++) {
        if (((uintptr_t)qiov->iov[i].iov_base | qiov->iov[i].iov_len) & mask) {
            return false;
        }
    }
    return true;
}

static int coroutine_fn read_direct(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov)
{
    FileState *s = bs->opaque;
    struct iovec iov = {
        .iov_base = qemu_try_blockalign(bs, bytes),
        .iov_len = bytes,
    };
    int64_t ret;

    if (!iov.iov_base) {
        return -ENOMEM;
    }
    ret = io_engine_preadv(s->engine, &s->file, &iov, 1, bytes, offset);
    if (ret >= 0) {
        memset((char *)iov.iov_base + ret, 0, bytes - ret);
        qemu_iovec_from_buf(qiov, 0, iov.iov_base, bytes);
    }
    qemu_vfree(iov.iov_base);
    return ret < 0 ? ret : 0;
}

static int coroutine_fn file_co_preadv(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags)
{
    FileState *s = bs->opaque;
    int64_t ret;

    if (s->file.direct && !memory_is_aligned(bs, qiov)) {
        return read_direct(bs, offset, bytes, qiov);
    }
    ret = io_engine_preadv(s->engine, &s->file, qiov->iov, qiov->niov, bytes,
                           offset);
    if (ret < 0) {
        return ret;
    }
    if ((uint64_t)ret < bytes) {
        /* The file ends here. */
        qemu_iovec_memset(qiov, ret, 0, bytes - ret);
    }
    return 0;
}

static int coroutine_fn file_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                        uint64_t bytes, QEMUIOVector *qiov,
                                        int flags)
{
    FileState *s = bs->opaque;
    struct iovec iov;
    int ret;

    if (!s->file.direct || memory_is_aligned(bs, qiov)) {
        return io_engine_pwritev(s->engine, &s->file, qiov->iov, qiov->niov,
                                 bytes, offset);
    }
    iov.iov_base = qemu_try_blockalign(bs, bytes);
    iov.iov_len = bytes;
    if (!iov.iov_base) {
        return -ENOMEM;
    }
    qemu_iovec_to_buf(qiov, 0, iov.iov_base, bytes);
    ret = io_engine_pwritev(s->engine, &s->file, &iov, 1, bytes, offset);
    qemu_vfree(iov.iov_base);
    return ret;
}

/*
 * Writes through the page cache, which knows bytes: a second description of the
 * same file, without O_DIRECT.  The kernel keeps the two in step; a flush of
 * either is one of the file.
 */
static int coroutine_fn file_co_pwritev_tail(BlockDriverState *bs,
                                             uint64_t offset, uint64_t bytes,
                                             QEMUIOVector *qiov)
{
    FileState *s = bs->opaque;
    char path[32];
    IoFile cached;
    int fd, ret;

    if (!s->file.direct || s->is_device) {
        return -ENOTSUP;
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", s->file.fd);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -ENOTSUP;
    }
    io_file_init(&cached, fd);
    ret = io_engine_pwritev(s->engine, &cached, qiov->iov, qiov->niov, bytes,
                            offset);
    close(fd);
    return ret;
}

static int coroutine_fn file_co_flush_to_disk(BlockDriverState *bs)
{
    FileState *s = bs->opaque;
    int ret;

    if (s->flush_error) {
        return s->flush_error;
    }
    ret = io_engine_fdatasync(s->engine, &s->file);
    if (ret < 0) {
        s->flush_error = ret;
    }
    return ret;
}

static int coroutine_fn file_co_truncate(BlockDriverState *bs, int64_t offset,
                                         bool exact, PreallocMode prealloc,
                                         Error **errp)
{
    FileState *s = bs->opaque;
    int64_t length;

    if (!s->is_device) {
        return file_resize(s->engine, &s->file, offset, prealloc, errp);
    }
    if (prealloc != PREALLOC_MODE_OFF) {
        error_setg(errp, "Preallocation mode '%s' unsupported for this node",
                   PreallocMode_str(prealloc));
        return -ENOTSUP;
    }
    length = file_fd_length(s->file.fd);
    if (length < 0) {
        error_setg_errno(errp, -length, "Could not get the device's size");
        return length;
    }
    if (offset > length) {
        error_setg(errp, "Cannot grow device files");
        return -EINVAL;
    }
    if (exact && offset != length) {
        error_setg(errp, "Cannot resize device files");
        return -ENOTSUP;
    }
    return 0;
}

BlockDriver bdrv_file = {
    .format_name = "file",
    .protocol_name = "file",
    .instance_size = sizeof(FileState),
    .bdrv_needs_filename = true,
    .has_variable_length = true,

    .bdrv_parse_filename = file_parse_filename,
    .bdrv_file_open = file_open,
    .bdrv_close = file_close,
    .bdrv_refresh_filename = file_refresh_filename,
    .bdrv_refresh_limits = file_refresh_limits,
    .bdrv_reopen_prepare = file_reopen_prepare,
    .bdrv_reopen_commit = file_reopen_commit,
    .bdrv_reopen_abort = file_reopen_abort,
    .mutable_opts = file_mutable_opts,
    .strong_runtime_opts = file_strong_opts,

    .bdrv_check_perm = file_check_perm,
    .bdrv_set_perm = file_set_perm,
    .bdrv_abort_perm_update = file_abort_perm_update,

    .create_opts = &file_create_opts,
    .bdrv_co_create = file_co_create,
    .bdrv_co_create_opts = file_co_create_opts,

    .bdrv_co_preadv = file_co_preadv,
    .bdrv_co_pwritev = file_co_pwritev,
    .bdrv_co_pwritev_tail = file_co_pwritev_tail,
    .bdrv_co_flush_to_disk = file_co_flush_to_disk,
    .bdrv_co_pwrite_zeroes = file_co_pwrite_zeroes,
    .bdrv_co_pdiscard = file_co_pdiscard,
    .bdrv_co_block_status = file_co_block_status,
    .bdrv_co_copy_range_from = file_co_copy_range_from,
    .bdrv_co_copy_range_to = file_co_copy_range_to,
    .bdrv_co_truncate = file_co_truncate,

    .bdrv_getlength = file_getlength,
    .bdrv_get_allocated_file_size = file_get_allocated_file_size,
    .bdrv_get_info = file_get_info,
    .bdrv_has_zero_init = file_has_zero_init,
    .bdrv_has_zero_init_truncate = file_has_zero_init,
    .bdrv_probe_blocksizes = file_probe_blocksizes,
};

static void bdrv_file_init(void)
{
    bdrv_register(&bdrv_file);
}

block_init(bdrv_file_init);
