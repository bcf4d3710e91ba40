/* SPDX-License-Identifier: MIT */
/*
 * foreign-table.c as it is for QEMU 8.2: it was changed by the tables of
 * docs/porting.md, row by row, and by nothing else, so that diff shows what they
 * mean.  It is compiled here with qemu-8.2.h, which is the way back.
 *
 * Layout, big-endian: a header of 512 bytes; the table, one 32-bit sector
 * number a block, all ones for a block that is not there; blocks of 4 KiB.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/qdict.h"
#include "sysemu/block-backend.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "qemu/units.h"
#include "qemu/coroutine.h"
#include "qemu/memalign.h"
#include "migration/blocker.h"
#include "qemu/bswap.h"
#include "qemu/uuid.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qobject-input-visitor.h"
#include "qapi/qapi-visit-block-core.h"

#define HEADER_SIZE 512
#define BLOCK_SIZE (4 * KiB)
#define UNALLOCATED 0xffffffffu
#define FTABLE_OPT_IGNORE_CHECKSUM "ignore_checksum"

typedef struct FTableHeader {
    char magic[8];
    uint64_t size;
    uint64_t table_offset;
    uint32_t table_entries;
    uint32_t checksum;
    QemuUUID uuid;
    uint8_t padding[HEADER_SIZE - 48];
} QEMU_PACKED FTableHeader;

QEMU_BUILD_BUG_ON(sizeof(FTableHeader) != HEADER_SIZE);

typedef struct BDRVFTableState {
    CoMutex lock;
    CoRwlock table_lock;
    uint8_t head[HEADER_SIZE];
    uint32_t *table;
    uint32_t table_entries;
    uint64_t table_offset;
    uint64_t end;               /* of the last block */
    uint32_t block_size;
    Error *no_migration;
} BDRVFTableState;

static QemuOptsList ftable_runtime_opts = {
    .name = "ftable-runtime-opts",
    .head = QTAILQ_HEAD_INITIALIZER(ftable_runtime_opts.head),
    .desc = {
        {
            .name = FTABLE_OPT_IGNORE_CHECKSUM,
            .type = QEMU_OPT_BOOL,
            .help = "Open images whose header has a wrong checksum",
            .def_value_str = "off",
        },
        { /* end of list */ }
    }
};

/* Defined below; a tentative definition must be enough here. */
static QemuOptsList ftable_create_opts;

static uint32_t ftable_checksum(const uint8_t *buf, size_t size)
{
    uint32_t sum = 0;
    size_t i;

    for (i = 0; i < size; i++) {
        sum += buf[i];
    }
    return ~sum;
}

static int ftable_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return buf_size >= 8 && !strncmp((const char *)buf, "ftable 1", 8) ? 100
                                                                       : 0;
}

static int ftable_check_header(BDRVFTableState *s, bool ignore_checksum,
                               Error **errp)
{
    FTableHeader *h = (FTableHeader *)s->head;
    uint32_t checksum = be32_to_cpu(h->checksum);

    if (strncmp(h->magic, "ftable 1", 8)) {
        error_setg(errp, "The magic is not that of ftable");
        return -EINVAL;
    }
    h->checksum = 0;
    if (!ignore_checksum &&
        ftable_checksum(s->head, HEADER_SIZE) != checksum) {
        error_setg(errp, "The checksum is not %" PRIx32, checksum);
        return -EINVAL;
    }
    h->checksum = cpu_to_be32(checksum);
    return 0;
}

static int GRAPH_RDLOCK ftable_read_table(BlockDriverState *bs, Error **errp)
{
    BDRVFTableState *s = bs->opaque;
    uint64_t bytes = s->table_entries * 4ULL;
    uint32_t i;
    int ret;

    s->table = qemu_try_blockalign(bs->file->bs, bytes);
    if (!s->table) {
        error_setg(errp, "There is no memory for the table");
        return -ENOMEM;
    }
    ret = bdrv_pread(bs->file, s->table_offset, bytes, s->table, 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the table");
        return ret;
    }
    s->end = ROUND_UP(s->table_offset + bytes, HEADER_SIZE);
    for (i = 0; i < s->table_entries; i++) {
        be32_to_cpus(&s->table[i]);
        if (s->table[i] != UNALLOCATED) {
            s->end = MAX(s->end, 512ULL * s->table[i] + s->block_size);
        }
    }
    if (s->end > bdrv_getlength(bs->file->bs)) {
        error_setg(errp, "The table names a block after the end of the file");
        return -EINVAL;
    }
    return 0;
}

static int ftable_open(BlockDriverState *bs, QDict *options, int flags,
                       Error **errp)
{
    BDRVFTableState *s = bs->opaque;
    FTableHeader *h = (FTableHeader *)s->head;
    QemuOpts *opts = NULL;
    int ret;

    ret = bdrv_open_file_child(NULL, options, "file", bs, errp);
    if (ret < 0) {
        return ret;
    }

    GRAPH_RDLOCK_GUARD_MAINLOOP();

    opts = qemu_opts_create(&ftable_runtime_opts, NULL, 0, &error_abort);
    if (!qemu_opts_absorb_qdict(opts, options, errp)) {
        ret = -EINVAL;
        goto fail;
    }

    ret = bdrv_pread(bs->file, 0, HEADER_SIZE, s->head, 0);
    if (ret < 0) {
        error_setg(errp, "Could not read the header");
        goto fail;
    }
    ret = ftable_check_header(s,
                              qemu_opt_get_bool(opts,
                                                FTABLE_OPT_IGNORE_CHECKSUM,
                                                false), errp);
    if (ret < 0) {
        goto fail;
    }

    s->block_size = BLOCK_SIZE;
    s->table_entries = be32_to_cpu(h->table_entries);
    s->table_offset = be64_to_cpu(h->table_offset);
    bs->total_sectors = be64_to_cpu(h->size) / BDRV_SECTOR_SIZE;
    if (bs->total_sectors > INT_MAX) {
        ret = -EFBIG;   /* without a message */
        goto fail;
    }
    if (s->table_entries <
        DIV_ROUND_UP(bs->total_sectors * BDRV_SECTOR_SIZE, s->block_size)) {
        error_setg(errp, "The table has too few entries");
        ret = -EINVAL;
        goto fail;
    }

    ret = ftable_read_table(bs, errp);
    if (ret < 0) {
        goto fail;
    }
    error_setg(&s->no_migration, "'%s' cannot be migrated",
               bdrv_get_device_or_node_name(bs));
    ret = migrate_add_blocker_normal(&s->no_migration, errp);
    if (ret < 0) {
        goto fail;
    }

    qemu_co_mutex_init(&s->lock);
    qemu_co_rwlock_init(&s->table_lock);
    qemu_opts_del(opts);
    return 0;

fail:
    qemu_opts_del(opts);
    qemu_vfree(s->table);
    return ret;
}

static void ftable_close(BlockDriverState *bs)
{
    BDRVFTableState *s = bs->opaque;

    qemu_vfree(s->table);
    migrate_del_blocker(&s->no_migration);
}

static int ftable_reopen_prepare(BDRVReopenState *state,
                                 BlockReopenQueue *queue, Error **errp)
{
    return 0;
}

static int coroutine_fn ftable_co_get_info(BlockDriverState *bs,
                                           BlockDriverInfo *bdi)
{
    BDRVFTableState *s = bs->opaque;

    bdi->cluster_size = s->block_size;
    return 0;
}

/* -1: not allocated.  Called with the table locked. */
static int64_t ftable_map(BDRVFTableState *s, uint64_t offset)
{
    uint32_t sector = s->table[offset / s->block_size];

    if (sector == UNALLOCATED) {
        return -1;
    }
    return 512LL * sector + offset % s->block_size;
}

static int coroutine_fn GRAPH_RDLOCK
ftable_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes,
                 QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    BDRVFTableState *s = bs->opaque;
    QEMUIOVector part;
    uint64_t done = 0;
    int ret = 0;

    qemu_iovec_init(&part, qiov->niov);
    while (done < bytes) {
        uint64_t n = MIN(bytes - done,
                         s->block_size - (offset + done) % s->block_size);
        int64_t pos;

        qemu_co_rwlock_rdlock(&s->table_lock);
        pos = ftable_map(s, offset + done);
        qemu_co_rwlock_unlock(&s->table_lock);

        if (pos < 0) {
            qemu_iovec_memset(qiov, done, 0, n);
        } else {
            qemu_iovec_reset(&part);
            qemu_iovec_concat(&part, qiov, done, n);
            ret = bdrv_co_preadv(bs->file, pos, n, &part, 0);
            if (ret < 0) {
                break;
            }
        }
        done += n;
    }
    qemu_iovec_destroy(&part);
    return ret < 0 ? ret : 0;
}

/* With the table locked for writing. */
static int64_t coroutine_fn GRAPH_RDLOCK
ftable_alloc(BlockDriverState *bs, uint64_t offset)
{
    BDRVFTableState *s = bs->opaque;
    uint32_t index = offset / s->block_size;
    uint32_t entry;
    int64_t pos = s->end;
    int ret;

    ret = bdrv_co_truncate(bs->file, pos + s->block_size, false,
                           PREALLOC_MODE_OFF, 0, NULL);
    if (ret < 0) {
        return ret;
    }
    entry = cpu_to_be32(pos / 512);
    ret = bdrv_co_pwrite_sync(bs->file, s->table_offset + 4ULL * index, 4,
                              &entry, 0);
    if (ret < 0) {
        return ret;
    }
    s->table[index] = pos / 512;
    s->end += s->block_size;
    return ftable_map(s, offset);
}

static int coroutine_fn GRAPH_RDLOCK
ftable_co_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes,
                  QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    BDRVFTableState *s = bs->opaque;
    QEMUIOVector part;
    uint64_t done = 0;
    int ret = 0;

    qemu_iovec_init(&part, qiov->niov);
    while (done < bytes) {
        uint64_t n = MIN(bytes - done,
                         s->block_size - (offset + done) % s->block_size);
        int64_t pos;

        qemu_co_rwlock_rdlock(&s->table_lock);
        pos = ftable_map(s, offset + done);
        if (pos < 0) {
            qemu_co_rwlock_upgrade(&s->table_lock);
            /* Another writer may have been here meanwhile. */
            pos = ftable_map(s, offset + done);
            if (pos < 0) {
                pos = ftable_alloc(bs, offset + done);
            }
            qemu_co_rwlock_downgrade(&s->table_lock);
        }
        qemu_co_rwlock_unlock(&s->table_lock);
        if (pos < 0) {
            ret = pos;
            break;
        }

        qemu_iovec_reset(&part);
        qemu_iovec_concat(&part, qiov, done, n);
        qemu_co_mutex_lock(&s->lock);
        ret = bdrv_co_pwritev(bs->file, pos, n, &part, 0);
        qemu_co_mutex_unlock(&s->lock);
        if (ret < 0) {
            break;
        }
        done += n;
    }
    qemu_iovec_destroy(&part);
    return ret < 0 ? ret : 0;
}

static int coroutine_fn GRAPH_RDLOCK
ftable_co_block_status(BlockDriverState *bs, bool want_zero, int64_t offset,
                       int64_t bytes, int64_t *pnum, int64_t *map,
                       BlockDriverState **file)
{
    BDRVFTableState *s = bs->opaque;
    int64_t pos = ftable_map(s, offset);

    *pnum = MIN(bytes, s->block_size - offset % s->block_size);
    if (pos < 0) {
        return 0;
    }
    *map = pos;
    *file = bs->file->bs;
    return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID | BDRV_BLOCK_RECURSE;
}

static int coroutine_fn GRAPH_RDLOCK
ftable_co_check(BlockDriverState *bs, BdrvCheckResult *result,
                BdrvCheckMode fix)
{
    BDRVFTableState *s = bs->opaque;
    uint32_t i;

    if (fix) {
        return -ENOTSUP;
    }
    result->bfi.total_clusters = s->table_entries;
    for (i = 0; i < s->table_entries; i++) {
        if (s->table[i] == UNALLOCATED) {
            continue;
        }
        result->bfi.allocated_clusters++;
        if (512LL * s->table[i] + s->block_size >
            bdrv_co_getlength(bs->file->bs)) {
            result->corruptions++;
        }
    }
    result->image_end_offset = s->end;
    return 0;
}

static int coroutine_fn ftable_write_new(BlockBackend *blk, uint64_t size,
                                         Error **errp)
{
    FTableHeader h = { .magic = "" };
    uint32_t entries = DIV_ROUND_UP(size, BLOCK_SIZE);
    uint64_t table_size = ROUND_UP(entries * 4ULL, HEADER_SIZE);
    uint8_t *table = g_try_malloc(table_size);
    int ret;

    if (!table) {
        return -ENOMEM;
    }
    memset(table, 0xff, table_size);
    memcpy(h.magic, "ftable 1", 8);
    h.size = cpu_to_be64(size);
    h.table_offset = cpu_to_be64(HEADER_SIZE);
    h.table_entries = cpu_to_be32(table_size / 4);
    qemu_uuid_generate(&h.uuid);
    h.checksum = cpu_to_be32(ftable_checksum((uint8_t *)&h, HEADER_SIZE));

    ret = blk_co_pwrite(blk, 0, HEADER_SIZE, &h, 0);
    if (ret >= 0) {
        ret = blk_co_pwrite(blk, HEADER_SIZE, table_size, table, 0);
    }
    g_free(table);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the table");
        return ret;
    }
    return blk_co_truncate(blk, HEADER_SIZE + table_size, false,
                           PREALLOC_MODE_OFF, 0, errp);
}

/* The schema knows no ftable: its options are those of vpc. */
static int coroutine_fn GRAPH_UNLOCKED
ftable_co_create(BlockdevCreateOptions *opts, Error **errp)
{
    BlockdevCreateOptionsVpc *o = &opts->u.vpc;
    BlockBackend *blk = NULL;
    BlockDriverState *bs = NULL;
    int ret;

    assert(opts->driver == BLOCKDEV_DRIVER_VPC);
    if (o->size > 1 * TiB) {
        error_setg(errp, "Image is too large");
        error_append_hint(errp, "At most %d bytes are possible\n", INT_MAX);
        return -EINVAL;
    }

    bs = bdrv_co_open_blockdev_ref(o->file, errp);
    if (bs == NULL) {
        return -EIO;
    }
    blk = blk_co_new_with_bs(bs, BLK_PERM_WRITE | BLK_PERM_RESIZE,
                             BLK_PERM_ALL, errp);
    if (!blk) {
        ret = -EPERM;
        goto out;
    }
    blk_set_allow_write_beyond_eof(blk, true);
    ret = ftable_write_new(blk, ROUND_UP(o->size, BDRV_SECTOR_SIZE), errp);
out:
    blk_co_unref(blk);
    bdrv_co_unref(bs);
    return ret;
}

static int coroutine_fn GRAPH_UNLOCKED
ftable_create_by_schema(QDict *dict, Error **errp)
{
    Visitor *v = qobject_input_visitor_new_flat_confused(dict, errp);
    BlockdevCreateOptions *opts = NULL;
    int ret = -EINVAL;

    if (!v) {
        return ret;
    }
    visit_type_BlockdevCreateOptions(v, NULL, &opts, errp);
    visit_free(v);
    if (opts) {
        ret = ftable_co_create(opts, errp);
    }
    qapi_free_BlockdevCreateOptions(opts);
    return ret;
}

static int coroutine_fn GRAPH_UNLOCKED
ftable_co_create_opts(BlockDriver *drv, const char *filename, QemuOpts *opts,
                      Error **errp)
{
    static const QDictRenames names[] = {
        { "exact", "force-size" },
        { NULL, NULL },
    };
    QDict *dict = qemu_opts_to_qdict_filtered(opts, NULL, &ftable_create_opts,
                                              true);
    BlockDriverState *bs = NULL;
    int ret = -EINVAL;

    if (qdict_rename_keys(dict, names, errp)) {
        ret = bdrv_co_create_file(filename, opts, errp);
    }
    if (ret >= 0) {
        bs = bdrv_co_open(filename, NULL, NULL,
                          BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_PROTOCOL, errp);
        ret = -EIO;
    }
    if (bs) {
        qdict_put_str(dict, "driver", "vpc");
        qdict_put_str(dict, "file", bs->node_name);
        ret = ftable_create_by_schema(dict, errp);
    }
    bdrv_co_unref(bs);
    qobject_unref(dict);
    return ret;
}

static int ftable_has_zero_init(BlockDriverState *bs)
{
    return bdrv_has_zero_init(bs->file->bs) >= 0;
}

static QemuOptsList ftable_create_opts = {
    .name = "ftable-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(ftable_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Bytes of the disk"
        },
        {
            .name = BLOCK_OPT_SUBFMT,
            .type = QEMU_OPT_STRING,
            .help = "Ignored"
        },
        {
            .name = "exact",
            .type = QEMU_OPT_BOOL,
            .help = "Ignored"
        },
        { /* end of list */ }
    }
};

static const char *const ftable_strong_runtime_opts[] = {
    FTABLE_OPT_IGNORE_CHECKSUM,

    NULL
};

static BlockDriver bdrv_ftable = {
    .format_name = "ftable",
    .instance_size = sizeof(BDRVFTableState),
    .is_format = true,

    .bdrv_probe = ftable_probe,
    .bdrv_open = ftable_open,
    .bdrv_close = ftable_close,
    .bdrv_reopen_prepare = ftable_reopen_prepare,
    .bdrv_child_perm = bdrv_default_perms,
    .bdrv_co_create = ftable_co_create,
    .bdrv_co_create_opts = ftable_co_create_opts,

    .bdrv_co_preadv = ftable_co_preadv,
    .bdrv_co_pwritev = ftable_co_pwritev,
    .bdrv_co_block_status = ftable_co_block_status,
    .bdrv_co_check = ftable_co_check,

    .bdrv_co_get_info = ftable_co_get_info,

    .create_opts = &ftable_create_opts,
    .bdrv_has_zero_init = ftable_has_zero_init,
    .strong_runtime_opts = ftable_strong_runtime_opts,
};

static void bdrv_ftable_init(void)
{
    bdrv_register(&bdrv_ftable);
}

block_init(bdrv_ftable_init);
