/* SPDX-License-Identifier: MIT */
/*
 * foreign-parallels.h at work, in sectors.
 *
 * The map is kept in memory, and what changed of it is written by flush_to_os.
 * A file open for writing has places in reserve, which closing gives back
 * before it takes the mark away.
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

#define FMARK_DEFAULT_CLUSTER 65536
#define FMARK_MAX_GROWTH (512 << 20)

static QEnumLookup fmark_growth_lookup = {
    .array = (const char *const[]) { "zeroes", "length", },
    .size = FMARK_GROW__MAX
};

static QemuOptsList fmark_node_opts = {
    .name = "fmark-node-opts",
    .head = QTAILQ_HEAD_INITIALIZER(fmark_node_opts.head),
    .desc = {
        {
            .name = "grow-with",
            .type = QEMU_OPT_STRING,
            .help = "What a longer file is made by: zeroes or length",
            .def_value_str = "zeroes",
        },
        {
            .name = "grow-by",
            .type = QEMU_OPT_SIZE,
            .help = "Bytes that it is made longer than is needed",
            .def_value_str = "4M",
        },
        { /* end of list */ }
    }
};

static QemuOptsList fmark_create_opts = {
    .name = "fmark-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(fmark_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_CLUSTER_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Bytes that are allocated at once",
            .def_value_str = stringify(FMARK_DEFAULT_CLUSTER),
        },
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Bytes of the disk",
        },
        { /* end of list */ }
    }
};

/* ---- the map ------------------------------------------------------------ */

/* Where the place of this number, from 1, begins in the file. */
static int64_t fmark_offset(const BDRVFMarkState *s, uint32_t place)
{
    return s->start + (place - 1) * (int64_t)s->cluster;
}

static int64_t fmark_end(const BDRVFMarkState *s)
{
    return fmark_offset(s, s->taken + 1);
}

static void fmark_set(BDRVFMarkState *s, uint32_t entry, uint32_t place)
{
    s->map[entry] = cpu_to_be32(place);
    bitmap_set(s->changed, entry * sizeof(*s->map) / s->page, 1);
}

/*
 * Whether the place of @entry is in a file of @length bytes and of nothing
 * else: @seen has a bit for each place.
 */
static bool fmark_entry_is_good(const BDRVFMarkState *s, uint32_t entry,
                                int64_t length, unsigned long *seen)
{
    uint32_t place = be32_to_cpu(s->map[entry]);

    if (fmark_offset(s, place) + s->cluster > length ||
        find_next_bit(seen, place + 1UL, place) == place) {
        return false;
    }
    bitmap_set(seen, place, 1);
    return true;
}

static unsigned long *fmark_new_seen(const BDRVFMarkState *s, int64_t length)
{
    return bitmap_new(length / s->cluster + 2);
}

/* ---- requests ----------------------------------------------------------- */

/* Sectors of one request in one cluster. */
typedef struct FMarkRun {
    uint32_t entry;
    uint32_t bytes;
    int64_t offset;             /* in the file, or -1: it has no place */
} FMarkRun;

static FMarkRun coroutine_fn fmark_find_run(BDRVFMarkState *s, int64_t at,
                                            int64_t bytes)
{
    uint32_t skip = at % s->cluster;
    FMarkRun run = {
        .entry = at / s->cluster,
        .bytes = MIN(bytes, s->cluster - skip),
        .offset = -1,
    };
    uint32_t place;

    qemu_co_mutex_lock(&s->lock);
    place = be32_to_cpu(s->map[run.entry]);
    qemu_co_mutex_unlock(&s->lock);
    if (place) {
        run.offset = fmark_offset(s, place) + skip;
    }
    return run;
}

/* A place that reads as zeroes, for an entry that may have got one by now. */
static int coroutine_fn fmark_allocate(BlockDriverState *bs, uint32_t entry)
{
    BDRVFMarkState *s = bs->opaque;
    int64_t end, more, sectors;
    int ret = 0;

    qemu_co_mutex_lock(&s->lock);
    end = fmark_end(s);
    more = s->cluster + s->grow_by;
    sectors = bdrv_nb_sectors(bs->file->bs);
    if (s->map[entry]) {
        goto out;
    }
    if (sectors < 0) {
        ret = sectors;
    } else if (end + s->cluster <= sectors * BDRV_SECTOR_SIZE) {
        ret = 0;
    } else if (s->growth == FMARK_GROW_LENGTH) {
        ret = bdrv_truncate(bs->file, end + more, false, PREALLOC_MODE_OFF,
                            NULL);
    } else {
        ret = bdrv_pwrite_zeroes(bs->file, end, more, 0);
    }
    if (ret >= 0) {
        fmark_set(s, entry, ++s->taken);
    }
out:
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

static int coroutine_fn fmark_transfer(BlockDriverState *bs, int64_t at,
                                       QEMUIOVector *qiov, bool write)
{
    BDRVFMarkState *s = bs->opaque;
    QEMUIOVector part;
    size_t done = 0;
    int ret = 0;

    qemu_iovec_init(&part, qiov->niov);
    while (ret >= 0 && done < qiov->size) {
        FMarkRun run = fmark_find_run(s, at + done, qiov->size - done);

        if (run.offset < 0 && write) {
            ret = fmark_allocate(bs, run.entry);
            continue;
        }
        if (run.offset < 0) {
            qemu_iovec_memset(qiov, done, 0, run.bytes);
        } else {
            qemu_iovec_reset(&part);
            qemu_iovec_concat(&part, qiov, done, run.bytes);
            ret = write ? bdrv_co_pwritev(bs->file, run.offset, run.bytes,
                                          &part, 0)
                        : bdrv_co_preadv(bs->file, run.offset, run.bytes,
                                         &part, 0);
        }
        done += run.bytes;
    }
    qemu_iovec_destroy(&part);
    return MIN(ret, 0);
}

static int coroutine_fn fmark_co_readv(BlockDriverState *bs, int64_t sector_num,
                                       int nb_sectors, QEMUIOVector *qiov)
{
    assert(qiov->size == nb_sectors * BDRV_SECTOR_SIZE);
    return fmark_transfer(bs, sector_num * BDRV_SECTOR_SIZE, qiov, false);
}

static int coroutine_fn fmark_co_writev(BlockDriverState *bs,
                                        int64_t sector_num, int nb_sectors,
                                        QEMUIOVector *qiov, int flags)
{
    assert(qiov->size == nb_sectors * BDRV_SECTOR_SIZE && flags == 0);
    return fmark_transfer(bs, sector_num * BDRV_SECTOR_SIZE, qiov, true);
}

static int coroutine_fn fmark_co_block_status(BlockDriverState *bs,
                                              bool want_zero, int64_t offset,
                                              int64_t bytes, int64_t *pnum,
                                              int64_t *map,
                                              BlockDriverState **file)
{
    FMarkRun run = fmark_find_run(bs->opaque, offset, bytes);

    assert(QEMU_IS_ALIGNED(offset | bytes, BDRV_SECTOR_SIZE));
    *pnum = run.bytes;
    if (run.offset < 0) {
        return 0;
    }
    *file = bs->file->bs;
    *map = run.offset;
    return BDRV_BLOCK_OFFSET_VALID | BDRV_BLOCK_DATA;
}

/* Clusters are durable before the entries that name their places. */
static int coroutine_fn fmark_co_flush_to_os(BlockDriverState *bs)
{
    BDRVFMarkState *s = bs->opaque;
    unsigned long pages = DIV_ROUND_UP(s->map_bytes, s->page);
    unsigned long i;
    int ret = 0;

    qemu_co_mutex_lock(&s->lock);
    i = find_first_bit(s->changed, pages);
    if (i < pages) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    for (; ret >= 0 && i < pages; i = find_next_bit(s->changed, pages, i + 1)) {
        uint32_t from = i * s->page;

        ret = bdrv_pwrite(bs->file, FMARK_MAP_AT + from,
                          (const char *)s->map + from,
                          MIN(s->page, s->map_bytes - from));
    }
    if (ret >= 0) {
        bitmap_zero(s->changed, pages);
    }
    qemu_co_mutex_unlock(&s->lock);
    return MIN(ret, 0);
}

/* ---- checking ----------------------------------------------------------- */

static void fmark_check_map(BDRVFMarkState *s, int64_t length, bool fix,
                            BdrvCheckResult *res)
{
    g_autofree unsigned long *seen = fmark_new_seen(s, length);

    res->bfi.total_clusters = s->entries;
    for (uint32_t i = 0; i < s->entries; i++) {
        if (!s->map[i]) {
            continue;
        }
        if (fmark_entry_is_good(s, i, length, seen)) {
            res->bfi.allocated_clusters++;
            continue;
        }
        res->corruptions++;
        if (fix) {
            fmark_set(s, i, 0);
            res->corruptions_fixed++;
        }
    }
}

static int coroutine_fn fmark_co_check(BlockDriverState *bs,
                                       BdrvCheckResult *res, BdrvCheckMode fix)
{
    BDRVFMarkState *s = bs->opaque;
    int64_t length = bdrv_getlength(bs->file->bs);
    int64_t spare = length - fmark_end(s);
    Error *err = NULL;
    int ret;

    if (length < 0) {
        res->check_errors++;
        return length;
    }
    fmark_check_map(s, length, fix & BDRV_FIX_ERRORS, res);
    if (s->was_in_use) {
        fprintf(stderr, "The image is marked as in use\n");
        res->corruptions++;
        if (fix & BDRV_FIX_ERRORS) {
            s->was_in_use = false;
            res->corruptions_fixed++;
        }
    }
    res->image_end_offset = length - MAX(spare, 0);
    if (spare > 0) {
        int places = DIV_ROUND_UP(spare, s->cluster);

        res->leaks += places;
        if (fix & BDRV_FIX_LEAKS) {
            ret = bdrv_truncate(bs->file, fmark_end(s), true,
                                PREALLOC_MODE_OFF, &err);
            if (ret < 0) {
                error_report_err(err);
                res->check_errors++;
                return ret;
            }
            res->leaks_fixed += places;
        }
    }
    return res->corruptions_fixed ? fmark_co_flush_to_os(bs) : 0;
}

/* ---- creating ----------------------------------------------------------- */

static bool fmark_sizes_are_good(uint64_t disk, uint64_t cluster, Error **errp)
{
    if (cluster == 0 || cluster > FMARK_MAX_CLUSTER ||
        cluster % BDRV_SECTOR_SIZE) {
        error_setg(errp, "A cluster has %" PRIu64 " bytes: it must be whole "
                   "sectors, at most %d bytes", cluster, FMARK_MAX_CLUSTER);
        return false;
    }
    if (disk % BDRV_SECTOR_SIZE ||
        disk / cluster >= FMARK_MAX_ENTRIES) {
        error_setg(errp, "The disk has %" PRIu64 " bytes: it must be whole "
                   "sectors, and less than %d clusters", disk,
                   FMARK_MAX_ENTRIES);
        return false;
    }
    return true;
}

/* The head last, so that half an image, or one over an older one, is none. */
static int coroutine_fn fmark_write_empty(BlockBackend *blk, uint64_t disk,
                                          uint32_t cluster, Error **errp)
{
    uint64_t map = DIV_ROUND_UP(disk, cluster) * sizeof(uint32_t);
    uint64_t start = ROUND_UP(FMARK_MAP_AT + map, cluster);
    FMarkHead head = {
        .magic = FMARK_MAGIC,
        .disk_bytes = cpu_to_be64(disk),
        .cluster_bytes = cpu_to_be32(cluster),
    };
    int ret = blk_truncate(blk, 0, true, PREALLOC_MODE_OFF, errp);

    if (ret < 0) {
        return ret;
    }
    ret = blk_pwrite_zeroes(blk, 0, start, 0);
    if (ret >= 0) {
        ret = blk_flush(blk);
    }
    if (ret >= 0) {
        ret = blk_pwrite(blk, 0, &head, sizeof(head), 0);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the head and the map");
    }
    return MIN(ret, 0);
}

static int coroutine_fn fmark_co_create(BlockdevCreateOptions *opts,
                                        Error **errp)
{
    BlockdevCreateOptionsParallels *own = &opts->u.parallels;
    uint64_t cluster = own->has_cluster_size ? own->cluster_size
                                             : FMARK_DEFAULT_CLUSTER;
    BlockDriverState *file;
    BlockBackend *blk;
    int ret;

    assert(opts->driver == BLOCKDEV_DRIVER_PARALLELS);
    if (!fmark_sizes_are_good(own->size, cluster, errp)) {
        return -EINVAL;
    }
    file = bdrv_open_blockdev_ref(own->file, errp);
    if (!file) {
        return -EIO;
    }
    blk = blk_new(bdrv_get_aio_context(file),
                  BLK_PERM_RESIZE | BLK_PERM_WRITE, BLK_PERM_ALL);
    ret = blk_insert_bs(blk, file, errp);
    if (ret >= 0) {
        blk_set_allow_write_beyond_eof(blk, true);
        ret = fmark_write_empty(blk, own->size, cluster, errp);
    }
    blk_unref(blk);
    bdrv_unref(file);
    return ret;
}

static BlockDriverState *fmark_new_file(const char *filename, QemuOpts *opts,
                                        Error **errp)
{
    if (bdrv_create_file(filename, opts, errp) < 0) {
        return NULL;
    }
    return bdrv_open(filename, NULL, NULL,
                     BDRV_O_PROTOCOL | BDRV_O_RESIZE | BDRV_O_RDWR, errp);
}

/* What the schema makes of @dict. */
static BlockdevCreateOptions *fmark_by_schema(QDict *dict, Error **errp)
{
    BlockdevCreateOptions *by_schema = NULL;
    Visitor *v = qobject_input_visitor_new_flat_confused(dict, errp);
    Error *err = NULL;

    if (v) {
        visit_type_BlockdevCreateOptions(v, NULL, &by_schema, &err);
        visit_free(v);
        error_propagate(errp, err);
    }
    return by_schema;
}

/* The tools' sizes need not be whole sectors. */
static int coroutine_fn fmark_co_create_opts(BlockDriver *drv,
                                             const char *filename,
                                             QemuOpts *opts, Error **errp)
{
    static const QDictRenames names[] = {
        { BLOCK_OPT_CLUSTER_SIZE, "cluster-size" },
        { NULL, NULL },
    };
    QDict *dict = qemu_opts_to_qdict_filtered(opts, NULL, &fmark_create_opts,
                                              true);
    BlockdevCreateOptions *by_schema = NULL;
    BlockDriverState *file = NULL;
    int ret = -EINVAL;

    if (qdict_rename_keys(dict, names, errp)) {
        file = fmark_new_file(filename, opts, errp);
    }
    if (file) {
        qdict_put_str(dict, "file", file->node_name);
        qdict_put_str(dict, "driver", drv->format_name);
        by_schema = fmark_by_schema(dict, errp);
    }
    if (by_schema) {
        BlockdevCreateOptionsParallels *own = &by_schema->u.parallels;

        own->cluster_size = ROUND_UP(own->cluster_size, BDRV_SECTOR_SIZE);
        own->size = ROUND_UP(own->size, BDRV_SECTOR_SIZE);
        ret = fmark_co_create(by_schema, errp);
    }
    qapi_free_BlockdevCreateOptions(by_schema);
    bdrv_unref(file);
    qobject_unref(dict);
    return ret;
}

/* ---- opening ------------------------------------------------------------ */

static int fmark_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return buf_size >= sizeof(FMarkHead) &&
           memcmp(buf, FMARK_MAGIC, strlen(FMARK_MAGIC)) == 0 ? 100 : 0;
}

static int fmark_read_head(BlockDriverState *bs, Error **errp)
{
    BDRVFMarkState *s = bs->opaque;
    uint64_t disk;
    int ret = bdrv_pread(bs->file, 0, &s->head, sizeof(s->head));

    if (ret < 0) {
        return ret;
    }
    if (memcmp(s->head.magic, FMARK_MAGIC, sizeof(s->head.magic))) {
        error_setg(errp, "The head is none of this format");
        return -EINVAL;
    }
    disk = be64_to_cpu(s->head.disk_bytes);
    s->cluster = be32_to_cpu(s->head.cluster_bytes);
    if (!fmark_sizes_are_good(disk, s->cluster, errp)) {
        return -EINVAL;
    }
    bs->total_sectors = disk >> BDRV_SECTOR_BITS;
    s->entries = DIV_ROUND_UP(disk, s->cluster);
    s->map_bytes = ROUND_UP(s->entries * sizeof(*s->map) + 1, BDRV_SECTOR_SIZE);
    s->start = ROUND_UP(FMARK_MAP_AT + s->entries * sizeof(*s->map),
                        s->cluster);
    return 0;
}

/* Entries that are wrong are for a check only. */
static int fmark_read_map(BlockDriverState *bs, bool checks, Error **errp)
{
    BDRVFMarkState *s = bs->opaque;
    int64_t length = bdrv_getlength(bs->file->bs);
    g_autofree unsigned long *seen = NULL;
    int ret;

    if (length < s->start) {
        error_setg(errp, "The map is longer than the file");
        return length < 0 ? length : -EINVAL;
    }
    s->map = qemu_try_blockalign(bs->file->bs, s->map_bytes);
    if (!s->map) {
        return -ENOMEM;
    }
    memset(s->map, 0, s->map_bytes);
    ret = bdrv_pread(bs->file, FMARK_MAP_AT, s->map,
                     s->entries * sizeof(*s->map));
    seen = fmark_new_seen(s, length);
    for (uint32_t i = 0; ret >= 0 && i < s->entries; i++) {
        if (!s->map[i]) {
            continue;
        }
        if (fmark_entry_is_good(s, i, length, seen)) {
            s->taken = MAX(s->taken, be32_to_cpu(s->map[i]));
        } else if (!checks) {
            error_setg(errp, "Cluster %" PRIu32 " is in a wrong place", i);
            return -EINVAL;
        }
    }
    if (!checks) {
        /* Places that no entry names may hold old data. */
        s->taken = DIV_ROUND_UP(length - s->start, s->cluster);
    }
    return MIN(ret, 0);
}

static int fmark_read_options(BDRVFMarkState *s, QDict *options, Error **errp)
{
    QemuOpts *opts = qemu_opts_create(&fmark_node_opts, NULL, 0, errp);
    Error *err = NULL;
    int ret;

    if (!opts) {
        return -EINVAL;
    }
    qemu_opts_absorb_qdict(opts, options, &err);
    if (!err) {
        char *with = qemu_opt_get_del(opts, "grow-with");
        uint64_t by = qemu_opt_get_size_del(opts, "grow-by", 0);

        s->grow_by = ROUND_UP(MIN(by, FMARK_MAX_GROWTH), BDRV_SECTOR_SIZE);
        s->growth = qapi_enum_parse(&fmark_growth_lookup, with,
                                    FMARK_GROW_ZEROES, &err);
        g_free(with);
    }
    ret = err ? -EINVAL : 0;
    qemu_opts_del(opts);
    error_propagate(errp, err);
    return ret;
}

static int fmark_write_mark(BlockDriverState *bs, uint32_t mark)
{
    BDRVFMarkState *s = bs->opaque;

    s->head.in_use = cpu_to_be32(mark);
    return bdrv_pwrite_sync(bs->file, 0, &s->head, sizeof(s->head));
}

static bool fmark_writes(int flags)
{
    return (flags & (BDRV_O_INACTIVE | BDRV_O_RDWR)) == BDRV_O_RDWR;
}

/* The last steps, which are undone by nothing but closing. */
static int fmark_begin(BlockDriverState *bs, int flags, Error **errp)
{
    BDRVFMarkState *s = bs->opaque;
    Error *err = NULL;
    int ret;

    s->was_in_use = s->head.in_use != 0;
    if (s->was_in_use && fmark_writes(flags) && !(flags & BDRV_O_CHECK)) {
        error_setg(errp, "The image is marked as in use; it cannot be written "
                   "before it is repaired");
        return -EACCES;
    }
    s->page = MAX(qemu_real_host_page_size, bdrv_opt_mem_align(bs->file->bs));
    s->changed = bitmap_new(DIV_ROUND_UP(s->map_bytes, s->page));
    qemu_co_mutex_init(&s->lock);
    error_setg(&s->no_migration, "'%s' cannot be migrated while it is marked",
               bdrv_get_device_or_node_name(bs));
    ret = migrate_add_blocker(s->no_migration, &err);
    if (err) {
        error_propagate(errp, err);
        error_free(s->no_migration);
        return ret;
    }
    ret = fmark_writes(flags) ? fmark_write_mark(bs, 1) : 0;
    if (ret < 0) {
        migrate_del_blocker(s->no_migration);
        error_free(s->no_migration);
    }
    return MIN(ret, 0);
}

static void fmark_free(BDRVFMarkState *s)
{
    qemu_vfree(s->map);
    g_free(s->changed);
}

static int fmark_open(BlockDriverState *bs, QDict *options, int flags,
                      Error **errp)
{
    BDRVFMarkState *s = bs->opaque;
    int ret;

    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    ret = fmark_read_options(s, options, errp);
    if (ret == 0) {
        ret = fmark_read_head(bs, errp);
    }
    if (ret == 0) {
        ret = fmark_read_map(bs, flags & BDRV_O_CHECK, errp);
    }
    if (ret == 0) {
        ret = fmark_begin(bs, flags, errp);
    }
    if (ret < 0) {
        fmark_free(s);
    }
    return ret;
}

static void fmark_close(BlockDriverState *bs)
{
    BDRVFMarkState *s = bs->opaque;

    if (fmark_writes(bs->open_flags)) {
        bdrv_truncate(bs->file, fmark_end(s), true, PREALLOC_MODE_OFF, NULL);
        if (!s->was_in_use) {
            fmark_write_mark(bs, 0);
        }
    }
    migrate_del_blocker(s->no_migration);
    error_free(s->no_migration);
    fmark_free(s);
}

static int fmark_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    BDRVFMarkState *s = bs->opaque;

    bdi->is_dirty = s->was_in_use;
    bdi->unallocated_blocks_are_zero = true;
    bdi->cluster_size = s->cluster;
    return 0;
}

static BlockDriver bdrv_fmark = {
    .format_name = "parallels",
    .instance_size = sizeof(BDRVFMarkState),
    .create_opts = &fmark_create_opts,

    .bdrv_probe = fmark_probe,
    .bdrv_open = fmark_open,
    .bdrv_close = fmark_close,
    .bdrv_child_perm = bdrv_format_default_perms,
    .bdrv_get_info = fmark_get_info,
    .bdrv_has_zero_init = bdrv_has_zero_init_1,

    .bdrv_co_create = fmark_co_create,
    .bdrv_co_create_opts = fmark_co_create_opts,
    .bdrv_co_readv = fmark_co_readv,
    .bdrv_co_writev = fmark_co_writev,
    .bdrv_co_block_status = fmark_co_block_status,
    .bdrv_co_flush_to_os = fmark_co_flush_to_os,
    .bdrv_co_check = fmark_co_check,
};

static void bdrv_fmark_init(void)
{
    bdrv_register(&bdrv_fmark);
}

block_init(bdrv_fmark_init);
