/* SPDX-License-Identifier: MIT */
/*
 * The file protocol: regular files and block devices of the host.
 *
 * Here are the limits and the requests of a node, whose I/O runs in the
 * context's engine, and the driver itself.
 *
 * Invariants:
 *   - With cache.direct, buffers and lengths that reach the kernel are aligned;
 *     memory that is not is copied through a bounce buffer.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include "qapi/error.h"
#include "qemu/module.h"
#include "file-posix.h"

#define MAX_ALIGN 4096

/* ---- limits ------------------------------------------------------------- */

/* Does direct reading work with this alignment of offset, length and memory? */
static bool file_direct_read_works(int fd, char *buf, size_t mem_offset,
                                   size_t length)
{
    ssize_t ret;

    do {
        ret = pread(fd, buf + mem_offset, length, 0);
    } while (ret < 0 && errno == EINTR);
    return ret >= 0 || errno != EINVAL;
}

/* By asking the kernel; false: it does not know. */
static bool file_ask_alignment(int fd, BlockLimits *bl)
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
static void file_try_alignment(int fd, BlockLimits *bl)
{
    char *buf = qemu_memalign(MAX_ALIGN, 2 * MAX_ALIGN);
    size_t align;

    if (file_direct_read_works(fd, buf, 0, 1)) {
        bl->request_alignment = MAX_ALIGN;
        bl->min_mem_alignment = MAX_ALIGN;
        qemu_vfree(buf);
        return;
    }
    align = 512;
    while (align < MAX_ALIGN && !file_direct_read_works(fd, buf, 0, align)) {
        align <<= 1;
    }
    bl->request_alignment = align;
    align = 512;
    while (align < MAX_ALIGN &&
           !file_direct_read_works(fd, buf, align, MAX_ALIGN)) {
        align <<= 1;
    }
    bl->min_mem_alignment = align;
    qemu_vfree(buf);
}

/*
 * Through the page cache any byte may be asked for; with O_DIRECT the device's
 * blocks, which a device or the kernel reports, or which have to be tried.
 */
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
    } else if (!file_ask_alignment(s->file.fd, &bs->bl)) {
        file_try_alignment(s->file.fd, &bs->bl);
    }
}

static int64_t file_getlength(BlockDriverState *bs)
{
    FileState *s = bs->opaque;

    return file_fd_length(s->file.fd);
}

/*
 * st_blocks counts units of 512 bytes, whatever the file system's blocks are.
 */
static int64_t file_get_allocated_file_size(BlockDriverState *bs)
{
    FileState *s = bs->opaque;
    struct stat st;

    if (fstat(s->file.fd, &st) < 0) {
        return -errno;
    }
    return (int64_t)st.st_blocks * 512;
}

/*
 * A device's blocks hold what was written before they were given to the image.
 */
static int file_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    FileState *s = bs->opaque;

    bdi->unallocated_blocks_are_zero = !s->is_device;
    return 0;
}

/* A new file is a hole; a device holds what was there. */
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

/* ---- requests ----------------------------------------------------------- */

/*
 * Addresses need the alignment of memory, lengths that of offsets: before 6.18
 * the kernel refuses an element that is not whole logical blocks.
 */
static bool file_memory_aligned(BlockDriverState *bs, const QEMUIOVector *qiov)
{
    size_t memory = bs->bl.min_mem_alignment - 1;
    size_t length = bs->bl.request_alignment - 1;

    for (int i = 0; i < qiov->niov; i++) {
        if (((uintptr_t)qiov->iov[i].iov_base & memory) ||
            (qiov->iov[i].iov_len & (memory | length))) {
            return false;
        }
    }
    return true;
}

/*
 * A read that ends early has reached the end of the file; the rest is zeroes.
 */
static int coroutine_fn file_read_direct(BlockDriverState *bs, uint64_t offset,
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

    if (s->file.direct && !file_memory_aligned(bs, qiov)) {
        return file_read_direct(bs, offset, bytes, qiov);
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

    if (!s->file.direct || file_memory_aligned(bs, qiov)) {
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

/* A device has whole blocks only, so its end is always aligned. */
static int coroutine_fn file_co_pwritev_tail(BlockDriverState *bs,
                                             uint64_t offset, uint64_t bytes,
                                             QEMUIOVector *qiov)
{
    FileState *s = bs->opaque;
    IoFile cached;
    int ret;

    if (!s->file.direct || s->is_device ||
        file_open_cached(&cached, &s->file) < 0) {
        return -ENOTSUP;
    }
    ret = io_engine_pwritev(s->engine, &cached, qiov->iov, qiov->niov, bytes,
                            offset);
    s->file.cached_writes = true;
    close(cached.fd);
    return ret;
}

static int coroutine_fn file_co_flush_to_disk(BlockDriverState *bs)
{
    FileState *s = bs->opaque;

    return io_engine_fdatasync(s->engine, &s->file);
}

/*
 * A device cannot be resized, but a caller that would accept a longer result
 * (@exact false) is served if it is long enough.
 */
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

static BlockDriver bdrv_file = {
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
    static BlockDriver device;

    device = bdrv_file;
    device.format_name = device.protocol_name = FILE_DEVICE_DRIVER;
    /* The layer's own names of the driver to create with are those of files. */
    device.bdrv_co_create = NULL;
    bdrv_register(&device);
    bdrv_register(&bdrv_file);
}

block_init(bdrv_file_init);
