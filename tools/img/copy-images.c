/* SPDX-License-Identifier: MIT */
/*
 * The copier's operations over images.
 *
 * Invariants: offsets of the run become offsets of a source in one place,
 * source_at(); offsets of the target are those of the run.
 */
#include "qemu/osdep.h"
#include <sys/stat.h>
#include "copy-images.h"
#include "target.h"
#include "qemu/cutils.h"

/* ---- the sources -------------------------------------------------------- */

/*
 * The source that holds byte @offset of the run; *@at is where in the source,
 * *@left how much of it follows.
 */
static BlockBackend *source_at(const CopyImages *images, int64_t offset,
                               int64_t *at, int64_t *left)
{
    const CopySource *source = images->sources;

    offset += images->skip;
    while (offset - source->start >= source->length) {
        source++;
        assert(source < images->sources + images->nr_sources);
    }
    *at = offset - source->start;
    *left = source->length - *at;
    return source->blk;
}

bool copy_images_open(CopyImages *images, char **names, int n,
                      const ImgOpen *how, bool lenient)
{
    const uint64_t shared = BLK_PERM_ALL & ~(BLK_PERM_WRITE | BLK_PERM_RESIZE);
    int64_t start = 0;
    Error *err = NULL;

    images->sources = g_new0(CopySource, n);
    while (images->nr_sources < n) {
        const char *name = names[images->nr_sources];
        CopySource *source = &images->sources[images->nr_sources];

        source->blk = img_open(name, how);
        if (!source->blk) {
            return false;
        }
        images->nr_sources++;
        if (!how->force_share &&
            blk_set_perm(source->blk, BLK_PERM_CONSISTENT_READ, shared,
                         lenient ? NULL : &err) < 0 && !lenient) {
            error_reportf_err(err, "Could not open '%s': ", name);
            cmdline_hint_force_share();
            return false;
        }
        source->start = start;
        source->length = blk_getlength(source->blk);
        if (source->length < 0) {
            error_report("Could not get size of %s: %s", name,
                         strerror(-source->length));
            return false;
        }
        if (source->length > INT64_MAX - start) {
            error_report("The sources are too large together, the limit is %"
                         PRId64 " bytes", INT64_MAX);
            return false;
        }
        start += source->length;
    }
    return true;
}

int64_t copy_images_length(const CopyImages *images)
{
    const CopySource *last = &images->sources[images->nr_sources - 1];

    return last->start + last->length;
}

void copy_images_close(CopyImages *images)
{
    int i;

    blk_unref(images->target);
    for (i = 0; i < images->nr_sources; i++) {
        blk_unref(images->sources[i].blk);
    }
    g_free(images->sources);
}

/* ---- the operations ----------------------------------------------------- */

static int coroutine_fn images_status(void *opaque, int64_t offset,
                                      int64_t bytes, int64_t *pnum,
                                      CopyKind *kind)
{
    const CopyImages *images = opaque;
    int64_t at, left;
    BlockBackend *blk = source_at(images, offset, &at, &left);
    BlockDriverState *base = bdrv_backing_bs(blk_bs(blk));
    int64_t shared;
    int ret;

    bytes = MIN(bytes, left);
    /* Beyond a backing image are zeroes, where the other may hold data. */
    shared = base ? MIN(images->backing_length - offset,
                        bdrv_getlength(base) - at) : 0;
    if (shared > 0) {
        bytes = MIN(bytes, shared);
        ret = bdrv_block_status_above(blk_bs(blk), base, at, bytes, pnum, NULL,
                                      NULL);
        if (ret >= 0 && *pnum > 0 && !(ret & BDRV_BLOCK_ALLOCATED)) {
            *kind = COPY_SHARED;
            return 0;
        }
        bytes = ret >= 0 && *pnum > 0 ? *pnum : bytes;
    }
    ret = bdrv_block_status_above(blk_bs(blk), NULL, at, bytes, pnum, NULL,
                                  NULL);
    if (ret < 0) {
        return ret;
    }
    *kind = ret & BDRV_BLOCK_LOST ? COPY_LOST :
            ret & BDRV_BLOCK_ZERO ? COPY_ZERO : COPY_DATA;
    if (*pnum == 0) {
        /* The image ends here, though its length said otherwise. */
        *pnum = bytes;
        *kind = COPY_DATA;
    }
    return 0;
}

static int coroutine_fn images_read(void *opaque, int64_t offset, int bytes,
                                    void *buf)
{
    int64_t at, left;
    QEMUIOVector qiov;
    BlockBackend *blk;
    int ret = 0;

    while (bytes > 0 && ret == 0) {
        int n;

        blk = source_at(opaque, offset, &at, &left);
        n = MIN(bytes, left);
        qemu_iovec_init_buf(&qiov, buf, n);
        ret = blk_co_preadv(blk, at, n, &qiov, 0);
        offset += n;
        bytes -= n;
        buf = (uint8_t *)buf + n;
    }
    return ret;
}

static int coroutine_fn images_write(void *opaque, int64_t offset, int bytes,
                                     void *buf)
{
    const CopyImages *images = opaque;
    BdrvRequestFlags flags = images->compress ? BDRV_REQ_WRITE_COMPRESSED : 0;
    QEMUIOVector qiov;

    if (images->compress && bytes < images->cluster) {
        /* The run ends in a cluster; the target may go on. */
        int64_t end = MIN(offset + images->cluster,
                          blk_getlength(images->target));
        int rest = MAX(end - offset - bytes, 0);
        int ret;

        qemu_iovec_init_buf(&qiov, (uint8_t *)buf + bytes, rest);
        ret = blk_co_preadv(images->target, offset + bytes, rest, &qiov, 0);
        if (ret < 0) {
            return ret;
        }
        bytes += rest;
    }
    qemu_iovec_init_buf(&qiov, buf, bytes);
    return blk_co_pwritev(images->target, offset, bytes, &qiov, flags);
}

static int coroutine_fn images_write_zeroes(void *opaque, int64_t offset,
                                            int64_t bytes)
{
    const CopyImages *images = opaque;
    int64_t n;
    int ret;

    for (; bytes > 0; offset += n, bytes -= n) {
        /* An error is not of interest: the range is written then. */
        ret = bdrv_block_status_above(blk_bs(images->target), NULL, offset,
                                      bytes, &n, NULL, NULL);
        if (ret >= 0 && (ret & BDRV_BLOCK_ZERO) && n > 0) {
            continue;
        }
        n = ret < 0 || n == 0 ? bytes : n;
        n = MIN(n, BDRV_REQUEST_MAX_BYTES);
        ret = blk_co_pwrite_zeroes(images->target, offset, n,
                                   BDRV_REQ_MAY_UNMAP);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

static int coroutine_fn images_copy_range(void *opaque, int64_t offset,
                                          int bytes)
{
    const CopyImages *images = opaque;
    int64_t at, left;
    BlockBackend *blk = source_at(images, offset, &at, &left);

    return bytes > left ? -ENOTSUP
                        : blk_co_copy_range(blk, at, images->target, offset,
                                            bytes, 0, 0);
}

/* ---- losses ------------------------------------------------------------- */

/* The longest run that is no more than some sectors. */
#define LOSS_SMALL (16 * (int64_t)BDRV_SECTOR_SIZE)
/*
 * Ranges that a damaged table loses are named up to this number, because a few
 * sectors of one can lose a million; a check names the entries.
 */
#define KNOWN_LOSSES_MAX 900

static void images_warn(void *opaque, const CopyLoss *loss)
{
    CopyImages *images = opaque;
    const char *status = loss->step == COPY_STATUS ? "block status at " : "";
    bool named = !loss->known || images->known_losses++ < KNOWN_LOSSES_MAX;

    if (loss->step == COPY_READ) {
        images->lost_bytes += loss->bytes;
        images->lost_ranges++;
        images->longest_loss = MAX(images->longest_loss, loss->bytes);
    }
    if (images->quiet) {
        return;
    }
    if (!named) {
        if (images->known_losses == KNOWN_LOSSES_MAX + 1) {
            warn_report("more ranges are lost than are named here; 'check' "
                        "lists the entries that lead nowhere");
        }
    } else if (loss->bytes <= (int64_t)BDRV_SECTOR_SIZE) {
        warn_report("error while reading %soffset %" PRId64 ": %s", status,
                    loss->offset, strerror(-loss->ret));
    } else {
        warn_report("error while reading %soffsets %" PRId64 " to %" PRId64
                    " (%" PRId64 " bytes): %s", status, loss->offset,
                    loss->offset + loss->bytes - 1, loss->bytes,
                    strerror(-loss->ret));
    }
}

void copy_images_sum_up(const CopyImages *images)
{
    if (images->longest_loss > LOSS_SMALL ||
        images->known_losses > KNOWN_LOSSES_MAX) {
        warn_report("%" PRId64 " of %" PRId64 " bytes could not be read, in %"
                    PRId64 " range%s; they are zeroes in the target",
                    images->lost_bytes, copy_images_length(images),
                    images->lost_ranges, images->lost_ranges == 1 ? "" : "s");
    }
}

static const CopyOps images_ops = {
    .status = images_status,
    .read = images_read,
    .write = images_write,
    .write_zeroes = images_write_zeroes,
    .copy_range = images_copy_range,
    .warn = images_warn,
};

/* ---- the target --------------------------------------------------------- */

bool copy_images_check_compress(const CopyTarget *target,
                                const BlockDriver *drv)
{
    if (!target->compress || bdrv_driver_can_compress(drv)) {
        return true;
    }
    error_report("Compression not supported for this file format");
    error_printf("'%s' is to be a %s image\n", target->filename,
                 bdrv_driver_name(drv));
    return false;
}

bool copy_images_check_backing(const CopyTarget *target, const char *backing)
{
    if (target->concatenated && backing) {
        error_report("Having a backing file for the target makes no sense when "
                     "concatenating multiple input images");
        return false;
    }
    return true;
}

bool copy_images_create(const CopyTarget *target, BlockDriver *drv,
                        int64_t *size, const char *task)
{
    uint64_t source = *size;
    Error *err = NULL;
    g_autoptr(QemuOptsList) list = img_create_list(drv, target->filename, &err);
    g_autoptr(QemuOpts) opts = NULL;
    BlockBackend *backing = NULL;
    int ret;

    if (list) {
        opts = img_parse_create(list, drv, target->options, target->backing,
                                target->backing_format, &err);
    }
    if (opts && !copy_images_check_backing(
                    target, qemu_opt_get(opts, "backing_file"))) {
        return false;
    }
    if (opts && img_lacks_backing_format(list, opts)) {
        error_setg(&err,
                   "Use of backing file requires explicit backing format");
    } else if (opts && !copy_images_check_compress(target, drv)) {
        return false;
    } else if (opts && target->compress &&
               strcmp(qemu_opt_get(opts, "preallocation") ?: "off",
                      "off") != 0) {
        error_setg(&err, "Compression and preallocation not supported at the "
                   "same time");
    } else if (opts) {
        *size = MIN(qemu_opt_get_size(opts, "size", source), INT64_MAX);
        /* Of the last sector of a source the user may count less. */
        if (ROUND_UP((uint64_t)*size, BDRV_SECTOR_SIZE) < source) {
            error_setg(&err, "%s: size=%" PRId64 " is less than the %" PRIu64
                       " bytes of the source", target->filename, *size, source);
        }
        *size = MAX(*size, (int64_t)source);
    }
    if (err || !opts || !qemu_opt_set_number(opts, "size", *size, &err)) {
        error_report_err(err);
        return false;
    }
    /* Not to be made over one of its files; opening it reports the rest. */
    if (qemu_opt_get(opts, "backing_file")) {
        backing = img_open_backing(target->filename, opts, NULL);
    }
    ret = target_create(drv, target->filename, opts, &err);
    blk_unref(backing);
    if (ret < 0) {
        error_reportf_err(err, "%s: error while %s: ", target->filename, task);
        return false;
    }
    return true;
}

/* ---- the run ------------------------------------------------------------ */

/* What a new target has after the run's @size bytes is to read as zeroes. */
static bool images_pad(const CopyImages *images, int64_t size)
{
    int64_t length = blk_getlength(images->target);
    int ret = MIN(length, 0);

    if (length > size && !bdrv_has_zero_init(blk_bs(images->target))) {
        ret = blk_zero_range(images->target, size, length - size,
                             BDRV_REQ_MAY_UNMAP);
    }
    if (ret < 0) {
        error_report("error while padding the target: %s", strerror(-ret));
    }
    return ret == 0;
}

/* So that no two requests write to one cluster.  Reports. */
static bool images_find_clusters(CopyImages *images, CopyJob *job)
{
    BlockDriverInfo info = { 0 };

    /* Without an answer they may end anywhere. */
    bdrv_get_info(blk_bs(images->target), &info);
    images->compress |= info.needs_compressed_writes;
    images->cluster = job->cluster = info.cluster_size;
    job->whole_clusters = images->compress;
    if (images->compress &&
        (info.cluster_size <= 0 || info.cluster_size > COPY_REQUEST_MAX)) {
        error_report("invalid cluster size");
        error_printf("Compressed clusters have 1 to %d bytes, not %d\n",
                     COPY_REQUEST_MAX, info.cluster_size);
        return false;
    }
    /* It would not compress. */
    job->use_copy_range &= !images->compress;
    return true;
}

bool copy_images_run(CopyImages *images, CopyJob *job, CopyResult *result)
{
    job->ops = &images_ops;
    job->opaque = images;
    job->alignment = bdrv_opt_mem_align(NULL);
    job->interrupted = target_interrupted;
    target_fill();
    *result = (CopyResult) { .step = COPY_NOTHING };
    if (!images_find_clusters(images, job) ||
        (images->created && !images_pad(images, job->size)) ||
        !copy_run(job, result)) {
        return false;
    }
    if (images->compress) {
        /* So that the driver knows that it has seen the last of them. */
        int ret = blk_pwrite(images->target, 0, NULL, 0,
                             BDRV_REQ_WRITE_COMPRESSED);

        if (ret < 0) {
            error_report("error while ending the target: %s", strerror(-ret));
            return false;
        }
    }
    return bdrv_flush_report(blk_bs(images->target)) == 0;
}
