/* SPDX-License-Identifier: MIT */
/*
 * The file protocol: opening, permissions and reopening.
 *
 * A node is one open file description; its permissions are locks that other
 * processes see (file-posix-lock.c).
 *
 * Invariants:
 *   - Only regular files and block devices are opened, and character devices
 *     that the user calls devices; all else, as a FIFO, is refused before it
 *     could block or be disturbed.
 *   - A reopening replaces the descriptor only when it is committed, and never
 *     leaves a moment without locks.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include "block/qdict.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "file-posix.h"

static QemuOptsList file_runtime_opts = {
    .name = "file",
    .head = QTAILQ_HEAD_INITIALIZER(file_runtime_opts.head),
    .desc = {
        /* File name of the image. */
        { .name = "filename", .type = QEMU_OPT_STRING },
        /* Host AIO implementation (threads, native, io_uring). */
        { .name = "aio", .type = QEMU_OPT_STRING },
        /* File locking mode (on/off/auto, default: auto). */
        { .name = "locking", .type = QEMU_OPT_STRING },
        { /* end of list */ }
    },
};

const char *const file_mutable_opts[] = { "aio", "locking", NULL };
const char *const file_strong_opts[] = { "filename", NULL };

/* ---- opening ------------------------------------------------------------ */

/* A name may begin with "file:" so that one with a colon can be given. */
const char *file_strip_prefix(const char *filename)
{
    if (!strstart(filename, "file:", &filename)) {
        strstart(filename, FILE_DEVICE_DRIVER ":", &filename);
    }
    return filename;
}

void file_parse_filename(const char *filename, QDict *options, Error **errp)
{
    qdict_put_str(options, "filename", file_strip_prefix(filename));
}

/* The kernel's open flags for BDRV_O_* @flags. */
static int file_posix_flags(int flags)
{
    return (flags & BDRV_O_RDWR ? O_RDWR : O_RDONLY) |
           (flags & BDRV_O_NOCACHE ? O_DIRECT : 0);
}

/* Sets the engine and how to lock from @opts and @flags; @s is new memory. */
static int file_read_options(FileState *s, AioContext *ctx, QemuOpts *opts,
                             int flags, Error **errp)
{
    static const IoEngineType engines[BLOCKDEV_AIO_OPTIONS__MAX] = {
        [BLOCKDEV_AIO_OPTIONS_THREADS] = IO_ENGINE_THREADS,
        [BLOCKDEV_AIO_OPTIONS_NATIVE] = IO_ENGINE_AUTO,
        [BLOCKDEV_AIO_OPTIONS_IO_URING] = IO_ENGINE_IO_URING,
    };
    ERRP_GUARD();
    IoEngineType type = flags & BDRV_O_IO_URING  ? IO_ENGINE_IO_URING
                        : flags & BDRV_O_THREADS ? IO_ENGINE_THREADS
                                                 : IO_ENGINE_AUTO;
    const char *word = qemu_opt_get(opts, "aio");
    int mode;

    if (word) {
        int value = qapi_enum_parse(&BlockdevAioOptions_lookup, word,
                                    BLOCKDEV_AIO_OPTIONS_THREADS, errp);

        if (*errp) {
            return -EINVAL;
        }
        type = engines[value];
    }
    s->engine = aio_get_io_engine(ctx, type, errp);
    if (!s->engine) {
        return -ENOTSUP;
    }
    mode = qapi_enum_parse(&OnOffAuto_lookup, qemu_opt_get(opts, "locking"),
                           ON_OFF_AUTO_AUTO, errp);
    if (*errp) {
        return -EINVAL;
    }
    s->use_locks = mode != ON_OFF_AUTO_OFF;
    s->locks_required = mode == ON_OFF_AUTO_ON;
    return 0;
}

/* Can what was asked for be locked?  @name is for messages. */
static int file_check_locks(FileState *s, int fd, const char *name,
                            Error **errp)
{
    if (s->use_locks && !file_lock_supported(fd)) {
        if (s->locks_required) {
            error_setg(errp, "'%s' does not support file locks, which "
                       "locking=on requires", name);
            return -ENOTSUP;
        }
        s->use_locks = false;
    }
    return 0;
}

/*
 * A character device is opened only if the user says that it is a device, as
 * opening may do something to it.
 */
int file_check_type(const BlockDriver *drv, const char *filename,
                    const struct stat *st, Error **errp)
{
    bool device = !strcmp(drv->format_name, FILE_DEVICE_DRIVER);

    if (S_ISBLK(st->st_mode) ||
        (device ? S_ISCHR(st->st_mode) : S_ISREG(st->st_mode))) {
        return 0;
    }
    if (device) {
        error_setg(errp, "'%s' driver requires '%s' to be either a character "
                   "or block device", drv->format_name, filename);
        return -EINVAL;
    }
    if (S_ISDIR(st->st_mode)) {
        error_setg_errno(errp, EISDIR, "Could not open '%s'", filename);
        return -EISDIR;
    }
    error_setg(errp, "'file' driver requires '%s' to be a regular file",
               filename);
    return -EINVAL;
}

int file_open_fd(const char *filename, int oflags)
{
    int fd, flags;

    do {
        fd = open(filename, oflags | O_CLOEXEC | O_NONBLOCK, 0644);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return -errno;
    }
    /* Only opening a FIFO must not wait; a request that cannot would fail. */
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0) {
        int ret = -errno;

        close(fd);
        return ret;
    }
    return fd;
}

/* Opens @filename as *@flags says, read-only if need be and allowed. */
static int file_open_image(BlockDriverState *bs, const char *filename,
                           int *flags, Error **errp)
{
    struct stat st;
    int fd, ret;

    if (stat(filename, &st) == 0) {
        ret = file_check_type(bs->drv, filename, &st, errp);
        if (ret < 0) {
            return ret;
        }
    }
    fd = file_open_fd(filename, file_posix_flags(*flags));
    if ((fd == -EACCES || fd == -EROFS || fd == -EPERM) &&
        (*flags & BDRV_O_RDWR) &&
        bdrv_apply_auto_read_only(bs, NULL, NULL) == 0) {
        *flags &= ~BDRV_O_RDWR;
        fd = file_open_fd(filename, file_posix_flags(*flags));
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

/* From the open file: is_device, the numbers, whether locks can be used. */
static int file_examine(BlockDriverState *bs, const char *filename,
                        Error **errp)
{
    FileState *s = bs->opaque;
    struct stat st;
    int ret;

    if (fstat(s->file.fd, &st) < 0) {
        ret = -errno;
        error_setg_errno(errp, errno, "Could not stat '%s'", filename);
        return ret;
    }
    ret = file_check_type(bs->drv, filename, &st, errp);
    if (ret < 0) {
        return ret;
    }
    s->is_device = !S_ISREG(st.st_mode);
    s->dev = s->is_device ? st.st_rdev : st.st_dev;
    s->ino = st.st_ino;
    return file_check_locks(s, s->file.fd, filename, errp);
}

int file_open(BlockDriverState *bs, QDict *options, int flags, Error **errp)
{
    g_autoptr(QemuOpts) opts =
        bdrv_absorb_options(&file_runtime_opts, options, errp);
    FileState *s = bs->opaque;
    const char *filename;
    int ret;

    s->reopen_fd = -1;
    if (!opts) {
        return -EINVAL;
    }
    filename = qemu_opt_get(opts, "filename");
    if (!filename) {
        error_setg(errp, "The '%s' block driver requires a file name",
                   bs->drv->format_name);
        return -EINVAL;
    }
    ret = file_read_options(s, bdrv_get_aio_context(bs), opts, flags, errp);
    if (ret < 0) {
        return ret;
    }
    ret = file_open_image(bs, filename, &flags, errp);
    if (ret < 0) {
        return ret;
    }
    io_file_init(&s->file, ret);
    ret = file_examine(bs, filename, errp);
    if (ret < 0) {
        close(s->file.fd);
        return ret;
    }
    s->bs = bs;
    file_lock_enlist(s);
    bs->supported_zero_flags = BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK;
    return 0;
}

void file_close(BlockDriverState *bs)
{
    FileState *s = bs->opaque;

    assert(s->reopen_fd < 0);
    file_lock_delist(s);
    if (file_lock_close(s->file.fd) < 0) {
        /* Some network file systems write only now what was not flushed. */
        error_report("Could not close '%s': %s", bs->filename,
                     strerror(errno));
    }
}

/* With a prefix where a part of the name would be taken for one. */
void file_refresh_filename(BlockDriverState *bs)
{
    const char *filename = qdict_get_try_str(bs->options, "filename");

    if (filename) {
        snprintf(bs->exact_filename, sizeof(bs->exact_filename), "%s%s",
                 path_has_protocol(filename) ? "file:" : "", filename);
    }
}

/* ---- permissions -------------------------------------------------------- */

/*
 * Locks are only added here; those that are not needed any more go when the
 * change is certain (file_set_perm()).
 */
int file_check_perm(BlockDriverState *bs, uint64_t perm, uint64_t shared,
                    Error **errp)
{
    FileState *s = bs->opaque;
    int ret;

    if (!s->use_locks && !s->reopen_locks) {
        return 0;
    }
    ret = file_lock_take(s->file.fd, s, bs->filename, perm, shared, errp);
    if (ret < 0) {
        return ret;
    }
    s->checked_perm = perm & BLK_PERM_ALL;
    s->checked_unshared = ~shared & BLK_PERM_ALL;
    return 0;
}

void file_set_perm(BlockDriverState *bs, uint64_t perm, uint64_t shared)
{
    FileState *s = bs->opaque;

    s->checked_perm = s->checked_unshared = 0;
    if (s->use_locks) {
        file_lock_release(s->file.fd, perm, shared);
        file_lock_note(s, perm, shared);
    }
}

void file_abort_perm_update(BlockDriverState *bs)
{
    FileState *s = bs->opaque;

    s->checked_perm = s->checked_unshared = 0;
    if (s->use_locks || s->reopen_locks) {
        file_lock_release(s->file.fd, s->locked_perm,
                          BLK_PERM_ALL & ~s->locked_unshared);
    }
}

/* ---- reopening ---------------------------------------------------------- */

/* Another description of the same file; its name may belong to another now. */
static int file_open_again(BlockDriverState *bs, int fd, int flags,
                           Error **errp)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    int new_fd = file_open_fd(self, file_posix_flags(flags));

    if (new_fd == -ENOENT) {
        new_fd = file_open_fd(qdict_get_str(bs->options, "filename"),
                              file_posix_flags(flags));
    }
    if (new_fd < 0) {
        error_setg_errno(errp, -new_fd, "Could not reopen file");
    }
    return new_fd;
}

/* Only commit may change the state; what it needs is in state->opaque. */
int file_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                        Error **errp)
{
    g_autoptr(QemuOpts) opts =
        bdrv_absorb_options(&file_runtime_opts, state->options, errp);
    g_autofree FileState *after = g_new0(FileState, 1);
    BlockDriverState *bs = state->bs;
    FileState *s = bs->opaque;
    int changed = (state->flags ^ bs->open_flags) &
                  (BDRV_O_RDWR | BDRV_O_NOCACHE);
    int ret;

    if (!opts) {
        return -EINVAL;
    }
    /* The layer compares the name with the present one. */
    qemu_opts_to_qdict(opts, state->options);
    qdict_del(state->options, "aio");
    qdict_del(state->options, "locking");

    ret = file_read_options(after, bdrv_get_aio_context(bs), opts,
                            state->flags, errp);
    if (ret == 0) {
        ret = file_check_locks(after, s->file.fd, bs->filename, errp);
    }
    if (ret < 0) {
        return ret;
    }
    if (changed) {
        ret = file_open_again(bs, s->file.fd, state->flags, errp);
        if (ret < 0) {
            return ret;
        }
        s->reopen_fd = ret;
    }
    s->reopen_locks = after->use_locks;
    state->opaque = g_steal_pointer(&after);
    return 0;
}

/*
 * Locks are on the new descriptor before the old one is closed, so that no
 * other process gets in between.
 */
void file_reopen_commit(BDRVReopenState *state)
{
    FileState *s = state->bs->opaque;
    g_autofree FileState *after = state->opaque;

    if (!after->use_locks && s->use_locks) {
        file_lock_release(s->file.fd, 0, BLK_PERM_ALL);
        file_lock_note(s, 0, BLK_PERM_ALL);
    }
    s->engine = after->engine;
    s->use_locks = after->use_locks;
    s->reopen_locks = false;
    if (s->reopen_fd >= 0) {
        if (s->use_locks) {
            /* Shared locks: they cannot meet an exclusive one here. */
            file_lock_acquire(s->reopen_fd, s->locked_perm | s->checked_perm,
                              ~(s->locked_unshared | s->checked_unshared),
                              NULL);
        }
        file_lock_close(s->file.fd);
        io_file_replace(&s->file, s->reopen_fd);
        s->reopen_fd = -1;
    }
}

void file_reopen_abort(BDRVReopenState *state)
{
    FileState *s = state->bs->opaque;

    s->reopen_locks = false;
    if (s->reopen_fd >= 0) {
        close(s->reopen_fd);
        s->reopen_fd = -1;
    }
    g_free(state->opaque);
}
