/* SPDX-License-Identifier: MIT */
/*
 * The length of a file: asking for it, changing it, preallocating.
 *
 * Invariant: a resize that fails leaves the file as long as it was.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include "qapi/error.h"
#include "qemu/units.h"
#include "file-posix.h"

/*
 * A file that grows from nothing gets this many bytes written, so that the
 * alignment which direct I/O needs can be found out by reading.
 */
#define FIRST_BLOCK 4096

int64_t file_fd_length(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if (S_ISBLK(st.st_mode)) {
        uint64_t bytes;

        if (ioctl(fd, BLKGETSIZE64, &bytes) < 0) {
            return -errno;
        }
        return bytes > INT64_MAX ? -EFBIG : (int64_t)bytes;
    }
    return st.st_size;
}

int file_open_cached(IoFile *cached, IoFile *file)
{
    char path[32];
    int fd;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    io_file_init(cached, fd);
    file->cached_writes = true;
    return 0;
}

/* Chunks bound the memory, because a preallocation may have terabytes. */
static int coroutine_fn file_write_chunks(IoEngine *engine, IoFile *file,
                                          int64_t offset, int64_t bytes)
{
    const size_t chunk = MIN(bytes, 1 * MiB);
    void *buf = qemu_try_memalign(4096, MAX(chunk, 4096));
    int ret = 0;

    if (!buf) {
        return -ENOMEM;
    }
    memset(buf, 0, chunk);
    while (bytes > 0 && ret == 0) {
        struct iovec iov = {
            .iov_base = buf,
            .iov_len = MIN(bytes, (int64_t)chunk),
        };

        ret = io_engine_pwritev(engine, file, &iov, 1, iov.iov_len, offset);
        offset += iov.iov_len;
        bytes -= iov.iov_len;
    }
    qemu_vfree(buf);
    return ret;
}

/*
 * Writes zeroes, not a hole, to the range; past O_DIRECT, whose alignment
 * neither the old nor the new end need have.
 */
static int coroutine_fn file_write_zeroes(IoEngine *engine, IoFile *file,
                                          int64_t offset, int64_t bytes)
{
    IoFile cached = { .fd = -1 };
    int ret;

    if (!file->direct) {
        return file_write_chunks(engine, file, offset, bytes);
    }
    ret = file_open_cached(&cached, file);
    if (ret < 0) {
        return ret;
    }
    ret = file_write_chunks(engine, &cached, offset, bytes);
    file->cached_writes = true;
    close(cached.fd);
    return ret;
}

/* Preallocates [@old, @size) by allocating it, or if need be by writing it. */
static int coroutine_fn file_grow_falloc(IoEngine *engine, IoFile *file,
                                         int64_t old, int64_t size)
{
    int ret = io_engine_fallocate(engine, file, 0, old, size - old);

    return ret == -EOPNOTSUPP ? file_write_zeroes(engine, file, old, size - old)
                              : ret;
}

/* The same by writing it. */
static int coroutine_fn file_grow_full(IoEngine *engine, IoFile *file,
                                       int64_t old, int64_t size)
{
    /* Fail before the long work when there is no room for it. */
    int ret = io_engine_ftruncate(engine, file, size);

    if (ret == 0) {
        ret = file_write_zeroes(engine, file, old, size - old);
    }
    return ret < 0 ? ret : io_engine_fdatasync(engine, file);
}

int coroutine_fn file_resize(IoEngine *engine, IoFile *file, int64_t size,
                             PreallocMode prealloc, Error **errp)
{
    int64_t old = file_fd_length(file->fd);
    const char *failure;
    int ret;

    if (old < 0) {
        error_setg_errno(errp, -old, "Failed to inquire current file length");
        return old;
    }
    if (prealloc != PREALLOC_MODE_OFF && size < old) {
        error_setg(errp, "Cannot use preallocation for shrinking files");
        return -ENOTSUP;
    }

    switch (prealloc) {
    case PREALLOC_MODE_OFF:
        failure = "Could not resize file";
        ret = io_engine_ftruncate(engine, file, size);
        if (ret == 0 && old == 0 && size > 0) {
            ret = file_write_zeroes(engine, file, 0, MIN(size, FIRST_BLOCK));
        }
        break;
    case PREALLOC_MODE_FALLOC:
        failure = "Could not preallocate new data";
        ret = size > old ? file_grow_falloc(engine, file, old, size) : 0;
        break;
    case PREALLOC_MODE_FULL:
        failure = "Could not write zeros for preallocation";
        ret = size > old ? file_grow_full(engine, file, old, size) : 0;
        break;
    default:
        error_setg(errp, "Unsupported preallocation mode: %s",
                   PreallocMode_str(prealloc));
        return -ENOTSUP;
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "%s", failure);
        if (size > old) {
            io_engine_ftruncate(engine, file, old);
        }
    }
    return ret;
}
