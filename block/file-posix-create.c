/* SPDX-License-Identifier: MIT */
/*
 * Creation of files.
 *
 * Invariants:
 *   - A file that another process uses is not touched: it is emptied only under
 *     the locks of a writer that changes the size.
 *   - A creation that succeeds has flushed the contents it made; an empty file
 *     has none, and its format flushes what it writes.  The name of a new file
 *     is on the disk, too.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include "minblk/suggest.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "file-posix.h"

QemuOptsList file_create_opts = {
    .name = "file-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(file_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Virtual disk size",
        },
        {
            .name = BLOCK_OPT_PREALLOC,
            .type = QEMU_OPT_STRING,
            .help = "Preallocation mode (allowed values: off, falloc, full)",
        },
        {
            .name = BLOCK_OPT_EXTENT_SIZE_HINT,
            .type = QEMU_OPT_SIZE,
            .help = "Extent size hint for the image file, 0 to disable",
        },
        { /* end of list */ }
    },
};

/* A new or emptied regular file, or a device that is large enough. */
static int coroutine_fn file_create_contents(IoEngine *engine, int fd,
                                             int64_t size,
                                             PreallocMode prealloc,
                                             Error **errp)
{
    IoFile file;
    struct stat st;
    int ret;

    if (fstat(fd, &st) < 0) {
        ret = -errno;
        error_setg_errno(errp, errno, "Could not stat file");
        return ret;
    }
    io_file_init(&file, fd);
    if (S_ISBLK(st.st_mode)) {
        int64_t length = file_fd_length(fd);

        if (length < 0) {
            error_setg_errno(errp, -length, "Could not get the device's size");
            return length;
        }
        if (length < size) {
            error_setg(errp, "Device is too small: it has %" PRId64 " bytes, %"
                       PRId64 " are needed", length, size);
            return -ENOSPC;
        }
        return 0;
    }
    if (!S_ISREG(st.st_mode)) {
        error_setg(errp, "Cannot grow device files");
        return -EINVAL;
    }

    ret = io_engine_ftruncate(engine, &file, 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not resize file");
        return ret;
    }
    ret = file_resize(engine, &file, size, prealloc, errp);
    if (ret == 0 && size > 0) {
        /*
         * So that a creation that succeeds has made something: what cannot be
         * written back is known only now, and no later flush is one of this
         * descriptor.
         */
        ret = io_engine_fdatasync(engine, &file);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Could not flush the new file");
        }
    }
    return ret;
}

/*
 * Writes the folder of the file @opaque to the disk, in a thread of the engine,
 * because that may take long.  One that may not be read cannot be written, and
 * some file systems have nothing to write.
 */
static int64_t file_sync_folder_job(void *opaque)
{
    g_autofree char *folder = g_path_get_dirname(opaque);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int ret = fd < 0 || fsync(fd) < 0 ? -errno : 0;

    if (fd >= 0) {
        close(fd);
        return ret == -EINVAL || ret == -ENOTSUP ? 0 : ret;
    }
    return ret == -EACCES ? 0 : ret;
}

static int coroutine_fn file_sync_folder(IoEngine *engine, const char *filename,
                                         Error **errp)
{
    int ret = io_engine_run(engine, file_sync_folder_job, (void *)filename);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not flush the folder of '%s'",
                         filename);
    }
    return ret;
}

/*
 * The locks are taken before anything is changed, and given up at the end:
 * whoever opens the new image takes its own.
 */
static int coroutine_fn file_create_at(const char *filename, int64_t size,
                                       PreallocMode prealloc, Error **errp)
{
    /*
     * The creator writes and resizes; no other process may have a file to
     * write to that it empties, though qemu-io lets others write beside it.
     */
    const uint64_t perm = BLK_PERM_WRITE | BLK_PERM_RESIZE;
    const uint64_t shared = BLK_PERM_ALL & ~(perm | BLK_PERM_WRITE_UNCHANGED);
    IoEngine *engine = aio_get_io_engine(qemu_get_current_aio_context(),
                                         IO_ENGINE_AUTO, errp);
    Error *local_err = NULL;
    bool is_new = true;
    int fd, ret;

    if (!engine) {
        return -ENOTSUP;
    }
    if (prealloc == PREALLOC_MODE_METADATA) {
        error_setg(errp, "Unsupported preallocation mode: %s",
                   PreallocMode_str(prealloc));
        return -EINVAL;
    }
    fd = file_open_fd(filename, O_RDWR | O_CREAT | O_EXCL);
    if (fd == -EEXIST) {
        is_new = false;
        fd = file_open_fd(filename, O_RDWR | O_CREAT);
    }
    if (fd < 0) {
        error_setg_errno(errp, -fd, "Could not create '%s'", filename);
        return fd;
    }
    ret = file_lock_take(fd, NULL, filename, perm, shared, &local_err);
    if (ret == 0) {
        ret = file_create_contents(engine, fd, size, prealloc, &local_err);
    }
    if (ret == 0 && is_new) {
        ret = file_sync_folder(engine, filename, &local_err);
    }
    if (file_lock_close(fd) < 0 && ret == 0) {
        ret = -errno;
        error_setg_errno(&local_err, errno, "Could not close the new file");
    }
    error_propagate(errp, local_err);
    return ret;
}

int coroutine_fn file_co_create(BlockdevCreateOptions *options, Error **errp)
{
    BlockdevCreateOptionsFile *opts = &options->u.file;

    assert(options->driver == BLOCKDEV_DRIVER_FILE);
    if (opts->size > INT64_MAX) {
        error_setg(errp, "size %" PRIu64 " is too large, the limit is %"
                   PRId64, opts->size, INT64_MAX);
        return -EFBIG;
    }
    return file_create_at(opts->filename, opts->size,
                          opts->has_preallocation ? opts->preallocation
                                                  : PREALLOC_MODE_OFF, errp);
}

/* No file is made under the name of a device that is not there. */
static int file_check_device(BlockDriver *drv, const char *filename,
                             Error **errp)
{
    struct stat st;

    if (stat(filename, &st) < 0) {
        error_setg_errno(errp, errno, "Protocol driver '%s' does not support "
                         "image creation, and opening the image failed: Could "
                         "not open '%s'", drv->format_name, filename);
        return -errno;
    }
    return file_check_type(drv, filename, &st, errp);
}

int coroutine_fn file_co_create_opts(BlockDriver *drv, const char *filename,
                                     QemuOpts *opts, Error **errp)
{
    g_autofree char *prealloc = NULL;
    ERRP_GUARD();
    uint64_t size;
    int mode;

    filename = file_strip_prefix(filename);
    if (!strcmp(drv->format_name, FILE_DEVICE_DRIVER) &&
        file_check_device(drv, filename, errp) < 0) {
        return -EINVAL;
    }
    size = qemu_opt_get_size_del(opts, BLOCK_OPT_SIZE, 0);
    qemu_opt_get_size_del(opts, BLOCK_OPT_EXTENT_SIZE_HINT, 0);
    prealloc = qemu_opt_get_del(opts, BLOCK_OPT_PREALLOC);
    mode = prealloc ? qapi_enum_parse(&PreallocMode_lookup, prealloc, -1, NULL)
                    : PREALLOC_MODE_OFF;
    if (mode < 0) {
        static const char *const modes[] = { "off", "falloc", "full" };
        g_autofree char *hint = suggest_values(prealloc, modes, 3);

        error_setg(errp, "invalid parameter value: %s", prealloc);
        error_append_hint(errp, "%s", hint);
        return -EINVAL;
    }
    /* As far as the contents go, a disk is made of whole sectors. */
    if (size > INT64_MAX - BDRV_SECTOR_SIZE) {
        error_setg(errp, "size %" PRIu64 " is too large, the limit is %" PRId64,
                   size, (int64_t)(INT64_MAX - BDRV_SECTOR_SIZE + 1));
        return -EFBIG;
    }
    return file_create_at(filename, ROUND_UP(size, BDRV_SECTOR_SIZE), mode,
                          errp);
}
