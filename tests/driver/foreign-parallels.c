/* SPDX-License-Identifier: MIT */
/*
 * A format with a mark of use as a stranger writes it for QEMU 5.0, in sectors.
 * It takes the name and the schema of parallels, to guard what drivers of that
 * family call; its layout is made up:
 *
 *     0     header, 64 bytes, then the BAT: one 32-bit number a cluster, its
 *           sector in the file, 0 for none
 *     data  clusters
 *
 * The BAT is kept in memory; what changed is written by flush_to_os.  A file
 * open for writing is marked, and is longer than it need be: closing clears the
 * mark and truncates it.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "block/qdict.h"
#include "sysemu/block-backend.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qobject-input-visitor.h"
#include "qapi/qapi-visit-block-core.h"
#include "qemu/bswap.h"
#include "qemu/bitmap.h"
#include "migration/blocker.h"
#include "foreign-parallels.h"

#define PARALLELS_OPT_PREALLOC_MODE "prealloc-mode"
#define PARALLELS_OPT_PREALLOC_SIZE "prealloc-size"
#define DEFAULT_CLUSTER_SIZE 1048576
#define MAX_PARALLELS_IMAGE_FACTOR (1ull << 32)

static QEnumLookup prealloc_mode_lookup = {
    .array = (const char *const[]) { "falloc", "truncate", },
    .size = PRL_PREALLOC_MODE__MAX
};

static QemuOptsList parallels_runtime_opts = {
    .name = "parallels",
    .head = QTAILQ_HEAD_INITIALIZER(parallels_runtime_opts.head),
    .desc = {
        {
            .name = PARALLELS_OPT_PREALLOC_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Preallocation size on image expansion",
            .def_value_str = "128M",
        },
        {
            .name = PARALLELS_OPT_PREALLOC_MODE,
            .type = QEMU_OPT_STRING,
            .help = "Preallocation mode on image expansion (allowed values: "
                    "falloc, truncate)",
            .def_value_str = "falloc",
        },
        { /* end of list */ },
    },
};

static QemuOptsList parallels_create_opts = {
    .name = "parallels-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(parallels_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Virtual disk size",
        },
        {
            .name = BLOCK_OPT_CLUSTER_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Parallels image cluster size",
            .def_value_str = stringify(DEFAULT_CLUSTER_SIZE),
        },
        { /* end of list */ }
    }
};

/* ---- requests ----------------------------------------------------------- */

/* The sector in the file, or -1. */
static int64_t seek_to_sector(BDRVParallelsState *s, int64_t sector_num)
{
    uint32_t index = sector_num / s->tracks;

    if (index >= s->bat_size || !s->bat_bitmap[index]) {
        return -1;
    }
    return le32_to_cpu(s->bat_bitmap[index]) + sector_num % s->tracks;
}

static int cluster_remainder(BDRVParallelsState *s, int64_t sector_num,
                             int nb_sectors)
{
    return MIN(nb_sectors, s->tracks - sector_num % s->tracks);
}

static void parallels_set_bat_entry(BDRVParallelsState *s, uint32_t index,
                                    uint32_t sector)
{
    uint64_t at = sizeof(ParallelsHeader) + index * sizeof(uint32_t);

    s->bat_bitmap[index] = cpu_to_le32(sector);
    bitmap_set(s->bat_dirty_bmap, at / s->bat_dirty_block, 1);
}

/* With the lock held; the new cluster reads as zeroes. */
static int coroutine_fn allocate_cluster(BlockDriverState *bs, uint32_t index)
{
    BDRVParallelsState *s = bs->opaque;
    int64_t length = bdrv_nb_sectors(bs->file->bs);
    int ret = 0;

    if (length < 0) {
        return length;
    }
    if (s->data_end + s->tracks > length) {
        uint64_t space = s->prealloc_size + s->tracks;

        if (s->prealloc_mode == PRL_PREALLOC_MODE_FALLOCATE) {
            ret = bdrv_pwrite_zeroes(bs->file, s->data_end << BDRV_SECTOR_BITS,
                                     space << BDRV_SECTOR_BITS, 0);
        } else {
            ret = bdrv_truncate(bs->file,
                                (s->data_end + space) << BDRV_SECTOR_BITS,
                                false, PREALLOC_MODE_OFF, NULL);
        }
        if (ret < 0) {
            return ret;
        }
    }
    parallels_set_bat_entry(s, index, s->data_end);
    s->data_end += s->tracks;
    return 0;
}

static coroutine_fn int parallels_co_writev(BlockDriverState *bs,
                                            int64_t sector_num, int nb_sectors,
                                            QEMUIOVector *qiov, int flags)
{
    BDRVParallelsState *s = bs->opaque;
    uint64_t bytes_done = 0;
    QEMUIOVector hd_qiov;
    int ret = 0;

    assert(!flags);
    qemu_iovec_init(&hd_qiov, qiov->niov);
    while (nb_sectors > 0) {
        int n = cluster_remainder(s, sector_num, nb_sectors);
        int64_t position;

        qemu_co_mutex_lock(&s->lock);
        position = seek_to_sector(s, sector_num);
        if (position < 0) {
            ret = allocate_cluster(bs, sector_num / s->tracks);
            position = seek_to_sector(s, sector_num);
        }
        qemu_co_mutex_unlock(&s->lock);
        if (ret < 0) {
            break;
        }
        qemu_iovec_reset(&hd_qiov);
        qemu_iovec_concat(&hd_qiov, qiov, bytes_done, n * 512);
        ret = bdrv_co_pwritev(bs->file, position * BDRV_SECTOR_SIZE, n * 512,
                              &hd_qiov, 0);
        if (ret < 0) {
            break;
        }
        nb_sectors -= n;
        sector_num += n;
        bytes_done += n * 512;
    }
    qemu_iovec_destroy(&hd_qiov);
    return ret;
}

static coroutine_fn int parallels_co_readv(BlockDriverState *bs,
                                           int64_t sector_num, int nb_sectors,
                                           QEMUIOVector *qiov)
{
    BDRVParallelsState *s = bs->opaque;
    uint64_t bytes_done = 0;
    QEMUIOVector hd_qiov;
    int ret = 0;

    qemu_iovec_init(&hd_qiov, qiov->niov);
    while (nb_sectors > 0) {
        int n = cluster_remainder(s, sector_num, nb_sectors);
        int64_t position;

        qemu_co_mutex_lock(&s->lock);
        position = seek_to_sector(s, sector_num);
        qemu_co_mutex_unlock(&s->lock);
        if (position < 0) {
            qemu_iovec_memset(qiov, bytes_done, 0, n * 512);
        } else {
            qemu_iovec_reset(&hd_qiov);
            qemu_iovec_concat(&hd_qiov, qiov, bytes_done, n * 512);
            ret = bdrv_co_preadv(bs->file, position * BDRV_SECTOR_SIZE,
                                 n * 512, &hd_qiov, 0);
            if (ret < 0) {
                break;
            }
        }
        nb_sectors -= n;
        sector_num += n;
        bytes_done += n * 512;
    }
    qemu_iovec_destroy(&hd_qiov);
    return ret;
}

static int coroutine_fn parallels_co_block_status(BlockDriverState *bs,
                                                  bool want_zero,
                                                  int64_t offset,
                                                  int64_t bytes,
                                                  int64_t *pnum,
                                                  int64_t *map,
                                                  BlockDriverState **file)
{
    BDRVParallelsState *s = bs->opaque;
    int64_t position;

    assert(QEMU_IS_ALIGNED(offset | bytes, BDRV_SECTOR_SIZE));
    qemu_co_mutex_lock(&s->lock);
    position = seek_to_sector(s, offset >> BDRV_SECTOR_BITS);
    qemu_co_mutex_unlock(&s->lock);
    *pnum = cluster_remainder(s, offset >> BDRV_SECTOR_BITS,
                              MIN(bytes >> BDRV_SECTOR_BITS, INT_MAX)) * 512LL;
    if (position < 0) {
        return 0;
    }
    *map = position * BDRV_SECTOR_SIZE;
    *file = bs->file->bs;
    return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID;
}

/* Clusters are durable before the entries that name them. */
static coroutine_fn int parallels_co_flush_to_os(BlockDriverState *bs)
{
    BDRVParallelsState *s = bs->opaque;
    unsigned long size = DIV_ROUND_UP(s->header_size, s->bat_dirty_block);
    unsigned long bit;
    int ret = 0;

    qemu_co_mutex_lock(&s->lock);
    bit = find_first_bit(s->bat_dirty_bmap, size);
    if (bit < size) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    while (ret == 0 && bit < size) {
        uint32_t off = bit * s->bat_dirty_block;
        uint32_t to_write = MIN(s->bat_dirty_block, s->header_size - off);

        ret = bdrv_pwrite(bs->file, off, (uint8_t *)s->header + off, to_write);
        ret = MIN(ret, 0);
        bit = find_next_bit(s->bat_dirty_bmap, size, bit + 1);
    }
    if (ret == 0) {
        bitmap_zero(s->bat_dirty_bmap, size);
    }
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

/* ---- checking ----------------------------------------------------------- */

/*
 * @used has a bit for each place of a cluster in the file, which has @length
 * sectors.
 */
static bool bat_entry_is_right(BDRVParallelsState *s, uint32_t index,
                               int64_t length, unsigned long *used)
{
    int64_t off = le32_to_cpu(s->bat_bitmap[index]);
    unsigned long place = (off - s->data_off) / s->tracks;

    if (off < s->data_off || (off - s->data_off) % s->tracks ||
        off + s->tracks > length ||
        find_next_bit(used, place + 1, place) == place) {
        return false;
    }
    bitmap_set(used, place, 1);
    return true;
}

static int parallels_update_header(BlockDriverState *bs)
{
    BDRVParallelsState *s = bs->opaque;
    unsigned size = MAX(bdrv_opt_mem_align(bs->file->bs),
                        sizeof(ParallelsHeader));

    size = MIN(size, s->header_size);
    return bdrv_pwrite_sync(bs->file, 0, s->header, size);
}

static int coroutine_fn parallels_co_check(BlockDriverState *bs,
                                           BdrvCheckResult *res,
                                           BdrvCheckMode fix)
{
    BDRVParallelsState *s = bs->opaque;
    int64_t size = bdrv_getlength(bs->file->bs);
    int64_t end = s->data_end << BDRV_SECTOR_BITS;
    g_autofree unsigned long *used = NULL;
    int ret = 0;

    if (size < 0) {
        res->check_errors++;
        return size;
    }
    used = bitmap_new(size / 512 / s->tracks + 1);
    if (s->header_unclean) {
        fprintf(stderr, "%s image was not closed correctly\n",
                fix & BDRV_FIX_ERRORS ? "Repairing" : "ERROR");
        res->corruptions++;
        if (fix & BDRV_FIX_ERRORS) {
            res->corruptions_fixed++;
            s->header_unclean = false;
        }
    }
    res->bfi.total_clusters = s->bat_size;
    for (uint32_t i = 0; i < s->bat_size; i++) {
        if (!s->bat_bitmap[i]) {
            continue;
        }
        if (!bat_entry_is_right(s, i, size / 512, used)) {
            res->corruptions++;
            if (fix & BDRV_FIX_ERRORS) {
                parallels_set_bat_entry(s, i, 0);
                res->corruptions_fixed++;
            }
        } else {
            res->bfi.allocated_clusters++;
        }
    }
    res->image_end_offset = end;
    if (size > end) {
        int count = DIV_ROUND_UP(size - end, s->tracks * 512);

        res->leaks += count;
        if (fix & BDRV_FIX_LEAKS) {
            Error *local_err = NULL;

            ret = bdrv_truncate(bs->file, end, true, PREALLOC_MODE_OFF,
                                &local_err);
            if (ret < 0) {
                error_report_err(local_err);
                res->check_errors++;
                return ret;
            }
            res->leaks_fixed += count;
        }
    }
    if (res->corruptions_fixed) {
        ret = parallels_co_flush_to_os(bs);
    }
    return ret;
}

/* ---- creating ----------------------------------------------------------- */

static int coroutine_fn parallels_co_create(BlockdevCreateOptions *opts,
                                            Error **errp)
{
    BlockdevCreateOptionsParallels *parallels_opts;
    BlockDriverState *bs;
    BlockBackend *blk;
    int64_t total_size, cl_size;
    uint32_t bat_entries, bat_sectors;
    ParallelsHeader header = { .magic = HEADER_MAGIC };
    uint8_t tmp[BDRV_SECTOR_SIZE];
    int ret;

    assert(opts->driver == BLOCKDEV_DRIVER_PARALLELS);
    parallels_opts = &opts->u.parallels;

    total_size = parallels_opts->size;
    cl_size = parallels_opts->has_cluster_size ? parallels_opts->cluster_size
                                               : DEFAULT_CLUSTER_SIZE;
    if (total_size >= MAX_PARALLELS_IMAGE_FACTOR * cl_size) {
        error_setg(errp, "Image size is too large for this cluster size");
        return -E2BIG;
    }
    if (!QEMU_IS_ALIGNED(total_size, BDRV_SECTOR_SIZE)) {
        error_setg(errp, "Image size must be a multiple of 512 bytes");
        return -EINVAL;
    }
    if (!QEMU_IS_ALIGNED(cl_size, BDRV_SECTOR_SIZE) || cl_size == 0) {
        error_setg(errp, "Cluster size must be a multiple of 512 bytes");
        return -EINVAL;
    }

    bs = bdrv_open_blockdev_ref(parallels_opts->file, errp);
    if (bs == NULL) {
        return -EIO;
    }
    blk = blk_new(bdrv_get_aio_context(bs), BLK_PERM_WRITE | BLK_PERM_RESIZE,
                  BLK_PERM_ALL);
    ret = blk_insert_bs(blk, bs, errp);
    if (ret < 0) {
        goto out;
    }
    blk_set_allow_write_beyond_eof(blk, true);

    ret = blk_truncate(blk, 0, true, PREALLOC_MODE_OFF, errp);
    if (ret < 0) {
        goto out;
    }
    bat_entries = DIV_ROUND_UP(total_size, cl_size);
    bat_sectors = DIV_ROUND_UP(sizeof(header) + 4ULL * bat_entries, cl_size);
    bat_sectors = (bat_sectors * cl_size) >> BDRV_SECTOR_BITS;
    header.tracks = cpu_to_le32(cl_size >> BDRV_SECTOR_BITS);
    header.bat_entries = cpu_to_le32(bat_entries);
    header.nb_sectors = cpu_to_le64(total_size >> BDRV_SECTOR_BITS);
    header.data_off = cpu_to_le32(bat_sectors);
    memset(tmp, 0, sizeof(tmp));
    memcpy(tmp, &header, sizeof(header));

    ret = blk_pwrite(blk, 0, tmp, BDRV_SECTOR_SIZE, 0);
    if (ret < 0) {
        goto exit;
    }
    ret = blk_pwrite_zeroes(blk, BDRV_SECTOR_SIZE,
                            (bat_sectors - 1) << BDRV_SECTOR_BITS, 0);
    if (ret < 0) {
        goto exit;
    }
    ret = 0;
out:
    blk_unref(blk);
    bdrv_unref(bs);
    return ret;

exit:
    error_setg_errno(errp, -ret, "Failed to create Parallels image");
    goto out;
}

static int coroutine_fn parallels_co_create_opts(BlockDriver *drv,
                                                 const char *filename,
                                                 QemuOpts *opts, Error **errp)
{
    BlockdevCreateOptions *create_options = NULL;
    Error *local_err = NULL;
    BlockDriverState *bs = NULL;
    QDict *qdict;
    Visitor *v;
    int ret;

    static const QDictRenames opt_renames[] = {
        { BLOCK_OPT_CLUSTER_SIZE, "cluster-size" },
        { NULL, NULL },
    };

    qdict = qemu_opts_to_qdict_filtered(opts, NULL, &parallels_create_opts,
                                        true);
    if (!qdict_rename_keys(qdict, opt_renames, errp)) {
        ret = -EINVAL;
        goto done;
    }
    ret = bdrv_create_file(filename, opts, errp);
    if (ret < 0) {
        goto done;
    }
    bs = bdrv_open(filename, NULL, NULL,
                   BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_PROTOCOL, errp);
    if (bs == NULL) {
        ret = -EIO;
        goto done;
    }
    qdict_put_str(qdict, "driver", "parallels");
    qdict_put_str(qdict, "file", bs->node_name);
    v = qobject_input_visitor_new_flat_confused(qdict, errp);
    if (!v) {
        ret = -EINVAL;
        goto done;
    }
    visit_type_BlockdevCreateOptions(v, NULL, &create_options, &local_err);
    visit_free(v);
    if (local_err) {
        error_propagate(errp, local_err);
        ret = -EINVAL;
        goto done;
    }
    /* Silently round up sizes */
    create_options->u.parallels.size = ROUND_UP(create_options->u.parallels.size,
                                                BDRV_SECTOR_SIZE);
    create_options->u.parallels.cluster_size =
        ROUND_UP(create_options->u.parallels.cluster_size, BDRV_SECTOR_SIZE);
    ret = parallels_co_create(create_options, errp);

done:
    qobject_unref(qdict);
    bdrv_unref(bs);
    qapi_free_BlockdevCreateOptions(create_options);
    return ret;
}

/* ---- opening ------------------------------------------------------------ */

static int parallels_probe(const uint8_t *buf, int buf_size,
                           const char *filename)
{
    const ParallelsHeader *ph = (const void *)buf;

    if (buf_size < sizeof(ParallelsHeader)) {
        return 0;
    }
    return !memcmp(ph->magic, HEADER_MAGIC, 16) ? 100 : 0;
}

static int parallels_read_options(BDRVParallelsState *s, QDict *options,
                                  Error **errp)
{
    QemuOpts *opts = qemu_opts_create(&parallels_runtime_opts, NULL, 0, errp);
    Error *local_err = NULL;
    char *buf;

    if (!opts) {
        return -EINVAL;
    }
    qemu_opts_absorb_qdict(opts, options, &local_err);
    if (!local_err) {
        s->prealloc_size =
            qemu_opt_get_size_del(opts, PARALLELS_OPT_PREALLOC_SIZE, 0);
        s->prealloc_size = MAX(s->tracks,
                               s->prealloc_size >> BDRV_SECTOR_BITS);
        s->prealloc_size = MIN(s->prealloc_size, 1 << 20);
        buf = qemu_opt_get_del(opts, PARALLELS_OPT_PREALLOC_MODE);
        s->prealloc_mode = qapi_enum_parse(&prealloc_mode_lookup, buf,
                                           PRL_PREALLOC_MODE_FALLOCATE,
                                           &local_err);
        g_free(buf);
    }
    qemu_opts_del(opts);
    if (local_err) {
        error_propagate(errp, local_err);
        return -EINVAL;
    }
    return 0;
}

static int parallels_read_bat(BlockDriverState *bs, int64_t length,
                              Error **errp)
{
    BDRVParallelsState *s = bs->opaque;
    g_autofree unsigned long *used = bitmap_new(length / s->tracks + 1);

    s->bat_bitmap = (uint32_t *)(s->header + 1);
    s->data_off = le32_to_cpu(s->header->data_off);
    s->data_end = s->data_off;
    if (s->data_off < s->header_size / 512 || s->data_off > length) {
        error_setg(errp, "The data begin in a wrong place");
        return -EINVAL;
    }
    for (uint32_t i = 0; i < s->bat_size; i++) {
        int64_t off = le32_to_cpu(s->bat_bitmap[i]);

        if (!off) {
            continue;
        }
        if (!bat_entry_is_right(s, i, length, used)) {
            if (!(bs->open_flags & BDRV_O_CHECK)) {
                error_setg(errp, "Cluster %" PRIu32 " is in a wrong place", i);
                return -EINVAL;
            }
        } else if (off >= s->data_end) {
            s->data_end = off + s->tracks;
        }
    }
    if (!(bs->open_flags & BDRV_O_CHECK)) {
        /* What no entry names may hold old data. */
        s->data_end = s->data_off +
                      DIV_ROUND_UP(length - s->data_off, s->tracks) * s->tracks;
    }
    return 0;
}

static int parallels_open(BlockDriverState *bs, QDict *options, int flags,
                          Error **errp)
{
    BDRVParallelsState *s = bs->opaque;
    ParallelsHeader ph;
    Error *local_err = NULL;
    int64_t length;
    int ret;

    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    ret = bdrv_pread(bs->file, 0, &ph, sizeof(ph));
    if (ret < 0) {
        goto fail;
    }
    length = bdrv_nb_sectors(bs->file->bs);
    if (length < 0) {
        return length;
    }
    if (memcmp(ph.magic, HEADER_MAGIC, 16)) {
        error_setg(errp, "Image not in Parallels format");
        return -EINVAL;
    }
    bs->total_sectors = le64_to_cpu(ph.nb_sectors);
    s->tracks = le32_to_cpu(ph.tracks);
    s->bat_size = le32_to_cpu(ph.bat_entries);
    if (s->tracks == 0 || s->tracks > INT32_MAX / 513) {
        error_setg(errp, "Invalid image: Zero sectors per track, or too many");
        return -EINVAL;
    }
    if (s->bat_size > INT_MAX / sizeof(uint32_t) / 2 ||
        (uint64_t)s->bat_size * s->tracks < bs->total_sectors) {
        error_setg(errp, "Catalog of a wrong size");
        return -EFBIG;
    }
    s->header_size = ROUND_UP(sizeof(ph) + s->bat_size * sizeof(uint32_t), 512);
    if (s->header_size / 512 > length) {
        error_setg(errp, "Catalog longer than the file");
        return -EINVAL;
    }
    s->header = qemu_try_blockalign(bs->file->bs, s->header_size);
    if (s->header == NULL) {
        return -ENOMEM;
    }
    ret = bdrv_pread(bs->file, 0, s->header, s->header_size);
    if (ret < 0) {
        goto fail;
    }
    ret = parallels_read_bat(bs, length, errp);
    if (ret < 0) {
        goto fail;
    }
    if (le32_to_cpu(ph.inuse) == HEADER_INUSE_MAGIC) {
        s->header_unclean = true;
        if ((flags & (BDRV_O_RDWR | BDRV_O_CHECK)) == BDRV_O_RDWR) {
            error_setg(errp, "parallels: Image was not closed correctly; "
                       "cannot be opened read/write");
            ret = -EACCES;
            goto fail;
        }
    }
    ret = parallels_read_options(s, options, errp);
    if (ret < 0) {
        goto fail;
    }
    s->bat_dirty_block = 4 * qemu_real_host_page_size;
    s->bat_dirty_bmap =
        bitmap_new(DIV_ROUND_UP(s->header_size, s->bat_dirty_block));
    qemu_co_mutex_init(&s->lock);
    if ((flags & BDRV_O_RDWR) && !(flags & BDRV_O_INACTIVE)) {
        s->header->inuse = cpu_to_le32(HEADER_INUSE_MAGIC);
        ret = parallels_update_header(bs);
        if (ret < 0) {
            goto fail;
        }
    }
    error_setg(&s->migration_blocker, "The Parallels format used by node '%s' "
               "does not support live migration",
               bdrv_get_device_or_node_name(bs));
    ret = migrate_add_blocker(s->migration_blocker, &local_err);
    if (local_err) {
        error_propagate(errp, local_err);
        error_free(s->migration_blocker);
        goto fail;
    }
    return 0;

fail:
    g_free(s->bat_dirty_bmap);
    qemu_vfree(s->header);
    return ret;
}

/* An image that nobody has repaired stays marked. */
static void parallels_close(BlockDriverState *bs)
{
    BDRVParallelsState *s = bs->opaque;

    if ((bs->open_flags & BDRV_O_RDWR) &&
        !(bs->open_flags & BDRV_O_INACTIVE)) {
        if (!s->header_unclean) {
            s->header->inuse = 0;
            parallels_update_header(bs);
        }
        bdrv_truncate(bs->file, s->data_end << BDRV_SECTOR_BITS, true,
                      PREALLOC_MODE_OFF, NULL);
    }
    g_free(s->bat_dirty_bmap);
    qemu_vfree(s->header);
    migrate_del_blocker(s->migration_blocker);
    error_free(s->migration_blocker);
}

static int parallels_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    BDRVParallelsState *s = bs->opaque;

    bdi->cluster_size = s->tracks * 512;
    bdi->unallocated_blocks_are_zero = true;
    bdi->is_dirty = s->header_unclean;
    return 0;
}

static BlockDriver bdrv_parallels = {
    .format_name            = "parallels",
    .instance_size          = sizeof(BDRVParallelsState),
    .bdrv_probe             = parallels_probe,
    .bdrv_open              = parallels_open,
    .bdrv_close             = parallels_close,
    .bdrv_child_perm        = bdrv_format_default_perms,
    .bdrv_co_block_status   = parallels_co_block_status,
    .bdrv_has_zero_init     = bdrv_has_zero_init_1,
    .bdrv_co_flush_to_os    = parallels_co_flush_to_os,
    .bdrv_co_readv          = parallels_co_readv,
    .bdrv_co_writev         = parallels_co_writev,
    .bdrv_co_create         = parallels_co_create,
    .bdrv_co_create_opts    = parallels_co_create_opts,
    .bdrv_get_info          = parallels_get_info,
    .bdrv_co_check          = parallels_co_check,
    .create_opts            = &parallels_create_opts,
};

static void bdrv_parallels_init(void)
{
    bdrv_register(&bdrv_parallels);
}

block_init(bdrv_parallels_init);
