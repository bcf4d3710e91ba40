/* SPDX-License-Identifier: MIT */
/*
 * Requests that a file system does without a buffer: zeroes, holes, copies.
 *
 * Invariants:
 *   - A file only grows here, and only as far as the request reaches: two
 *     requests at the end of a file never cut each other off.
 *   - A call that the file system has refused as not supported is not made
 *     again, because each refusal costs a round trip to the engine.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <linux/falloc.h>
#include "qapi/error.h"
#include "file-posix.h"

/* The kernel's ways to say "not this file, not this range". */
static int file_not_supported(int ret)
{
    switch (ret) {
    case -EOPNOTSUPP:
    case -ENOSYS:
    case -ENODEV:
    case -EINVAL:
    case -EXDEV:
    case -ETXTBSY:
        return -ENOTSUP;
    default:
        return ret;
    }
}

/* fallocate(2); what was refused as not supported is marked in *@refused. */
static int coroutine_fn file_fallocate(FileState *s, bool *refused, int mode,
                                       int64_t offset, int64_t bytes)
{
    int ret;

    if (*refused) {
        return -ENOTSUP;
    }
    ret = io_engine_fallocate(s->engine, &s->file, mode, offset, bytes);
    if (ret == -EOPNOTSUPP || ret == -ENOSYS) {
        *refused = true;
    }
    return file_not_supported(ret);
}

static int coroutine_fn file_punch_hole(FileState *s, int64_t offset,
                                        int64_t bytes)
{
    return file_fallocate(s, &s->no_punch,
                          FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                          bytes);
}

/*
 * Makes a file that ends before @end reach it.  Space for the last byte, which
 * still reads as a hole, can neither shorten a file that another
 * request has made longer meanwhile nor undo what that has written.
 */
static int coroutine_fn file_reach_end(FileState *s, int64_t end)
{
    int64_t length = file_fd_length(s->file.fd);
    char zero = 0;
    struct iovec iov = { .iov_base = &zero, .iov_len = 1 };
    int ret;

    if (length < 0) {
        return length;
    }
    if (s->is_device || length >= end) {
        return 0;
    }
    ret = file_not_supported(
        io_engine_fallocate(s->engine, &s->file, 0, end - 1, 1));
    if (ret != -ENOTSUP || s->file.direct) {
        /* A single byte cannot be written with O_DIRECT. */
        return ret;
    }
    return io_engine_pwritev(s->engine, &s->file, &iov, 1, 1, end - 1);
}

/*
 * Without MAY_UNMAP the range has its space afterwards, because the caller may
 * count on a later write finding room.
 */
int coroutine_fn file_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset,
                                       int bytes, BdrvRequestFlags flags)
{
    FileState *s = bs->opaque;
    int ret;

    if (flags & BDRV_REQ_MAY_UNMAP) {
        ret = file_punch_hole(s, offset, bytes);
        if (ret == 0) {
            return file_reach_end(s, offset + bytes);
        }
        if (ret != -ENOTSUP) {
            return ret;
        }
    }

    ret = file_fallocate(s, &s->no_zero_range,
                         FALLOC_FL_ZERO_RANGE |
                             (s->is_device ? FALLOC_FL_KEEP_SIZE : 0),
                         offset, bytes);
    if (ret != -ENOTSUP || s->is_device) {
        return ret;
    }

    /* The same in two steps: no data, but space. */
    ret = file_punch_hole(s, offset, bytes);
    if (ret == 0) {
        ret = file_not_supported(
            io_engine_fallocate(s->engine, &s->file, 0, offset, bytes));
    }
    return ret;
}

/*
 * KEEP_SIZE, so that discarding the end of a file does not make it longer or
 * shorter.
 */
int coroutine_fn file_co_pdiscard(BlockDriverState *bs, int64_t offset,
                                  int bytes)
{
    return file_punch_hole(bs->opaque, offset, bytes);
}

/*
 * Finds out whether there is data or a hole at @offset and where that ends,
 * *@end; @limit where that is not known.  1 for data, 0 for a hole, or
 * -errno.
 */
static int file_find_extent(int fd, int64_t offset, int64_t limit,
                            int64_t *end)
{
    off_t data, hole;

    *end = limit;
    data = lseek(fd, offset, SEEK_DATA);
    if (data < 0) {
        /* A hole that ends the file goes on as the zeroes past its end. */
        *end = INT64_MAX;
        return errno == ENXIO ? 0 : -errno;
    }
    if (data > offset) {
        *end = data;
        return 0;
    }
    hole = lseek(fd, offset, SEEK_HOLE);
    if (hole < 0) {
        return -errno;
    }
    if (hole > offset) {
        *end = hole;
    }
    return 1;
}

/*
 * Only allocation is asked without want_zero, and a file has all of its bytes.
 * The length need not be asked for, because lseek(2) knows the end.
 */
int coroutine_fn file_co_block_status(BlockDriverState *bs, bool want_zero,
                                      int64_t offset, int64_t bytes,
                                      int64_t *pnum, int64_t *map,
                                      BlockDriverState **file)
{
    FileState *s = bs->opaque;
    int64_t align = bs->bl.request_alignment;
    int64_t end;
    int ret;

    *pnum = bytes;
    *map = offset;
    *file = bs;
    if (!want_zero || s->is_device) {
        return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID;
    }

    ret = file_find_extent(s->file.fd, offset, offset + bytes, &end);
    if (ret < 0) {
        /* A file system that does not report holes: all may be data. */
        return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID;
    }
    if (ret == 0 && end < INT64_MAX) {
        /* A unit that is data in part is reported as data, not as zero. */
        end = QEMU_ALIGN_DOWN(end, align);
        ret = end <= offset;
    }
    if (ret == 1) {
        end = QEMU_ALIGN_UP(MAX(end, offset + 1), align);
    }
    *pnum = MIN(bytes, end - offset);
    return (ret ? BDRV_BLOCK_DATA : BDRV_BLOCK_ZERO) | BDRV_BLOCK_OFFSET_VALID;
}

/* ---- copying inside the kernel ------------------------------------------ */

typedef struct CopyJob {
    int in_fd;
    off_t in_offset;
    int out_fd;
    off_t out_offset;
    size_t bytes;
} CopyJob;

/* In a thread of the engine, because the kernel may copy for a long time. */
static int64_t file_copy_job(void *opaque)
{
    CopyJob *job = opaque;

    while (job->bytes > 0) {
        ssize_t n = copy_file_range(job->in_fd, &job->in_offset, job->out_fd,
                                    &job->out_offset, job->bytes, 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        if (n == 0) {
            /* The source ends here; what follows reads as zeroes. */
            return -ENOTSUP;
        }
        job->bytes -= n;
    }
    return 0;
}

/*
 * The target's driver does it, since it owns the descriptor that is written to.
 */
int coroutine_fn file_co_copy_range_from(BlockDriverState *bs, BdrvChild *src,
                                         uint64_t offset, BdrvChild *dst,
                                         uint64_t dst_offset, uint64_t bytes,
                                         BdrvRequestFlags read_flags,
                                         BdrvRequestFlags write_flags)
{
    return bdrv_co_copy_range_to(src, offset, dst, dst_offset, bytes,
                                 read_flags, write_flags);
}

/* Only from a file: copy_file_range(2) needs two descriptors. */
int coroutine_fn file_co_copy_range_to(BlockDriverState *bs, BdrvChild *src,
                                       uint64_t offset, BdrvChild *dst,
                                       uint64_t dst_offset, uint64_t bytes,
                                       BdrvRequestFlags read_flags,
                                       BdrvRequestFlags write_flags)
{
    FileState *s = bs->opaque;
    CopyJob job = {
        .in_offset = offset,
        .out_offset = dst_offset,
        .out_fd = s->file.fd,
        .bytes = bytes,
    };
    int64_t ret;

    if (src->bs->drv != bs->drv) {
        return -ENOTSUP;
    }
    s->file.cached_writes = true;
    job.in_fd = ((FileState *)src->bs->opaque)->file.fd;
    ret = io_engine_run(s->engine, file_copy_job, &job);
    s->file.cached_writes = true;
    return file_not_supported(ret);
}
