/* SPDX-License-Identifier: MIT */
/*
 * foreign-vhdx.h: opening, requests in sectors, creating.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "block/qdict.h"
#include "sysemu/block-backend.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "qemu/bitmap.h"
#include "qemu/crc32c.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "foreign-vhdx.h"
#include "migration/blocker.h"
#include "qemu/uuid.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qobject-input-visitor.h"
#include "qapi/qapi-visit-block-core.h"

static QemuOptsList flog_create_opts;

static int flog_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return buf_size >= 8 && !memcmp(buf, "flogged\n", 8) ? 100 : 0;
}

/* ---- opening ------------------------------------------------------------ */

static int flog_read_head(BlockDriverState *bs, BDRVFLogState *s, Error **errp)
{
    FLogHead *h = &s->head;
    uint32_t sum;
    int ret = bdrv_pread(bs->file, 0, h, sizeof(*h));

    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the head");
        return ret;
    }
    sum = flog_checksum(h, sizeof(*h), offsetof(FLogHead, checksum));
    flog_head_to_cpu(h);
    if (memcmp(h->magic, "flogged\n", 8) || h->checksum != sum ||
        !is_power_of_2(h->block_size) || h->block_size < FLOG_MIN_BLOCK ||
        h->block_size > FLOG_MAX_BLOCK || h->size > FLOG_MAX_DISK ||
        h->size % 512 || h->log_size > FLOG_MAX_LOG || h->log_size % 512 ||
        h->log_size < FLOG_MIN_LOG ||
        h->entries != DIV_ROUND_UP(h->size, h->block_size)) {
        error_setg(errp, "The head is not valid");
        return -EINVAL;
    }
    s->table_offset = FLOG_ENTRY_AT + h->log_size;
    return 0;
}

/*
 * Whether a block lies at @sector, in a file of @length bytes whose blocks
 * begin at @start, and no other does: @used has a bit for each block's place.
 */
static bool flog_block_is_good(const BDRVFLogState *s, uint64_t sector,
                               int64_t start, int64_t length,
                               unsigned long *used)
{
    int64_t at = MIN(sector, length / 512) * 512 - start;
    unsigned long place = at / s->head.block_size;

    if (at < 0 || at % s->head.block_size ||
        at + s->head.block_size > length - start ||
        find_next_bit(used, place + 1, place) == place) {
        return false;
    }
    bitmap_set(used, place, 1);
    return true;
}

static int flog_read_table(BlockDriverState *bs, BDRVFLogState *s, Error **errp)
{
    size_t size = ROUND_UP(8ULL * s->head.entries + 1, 512);
    int64_t length = bdrv_getlength(bs->file->bs);
    int64_t start = ROUND_UP(s->table_offset + size, 4096);
    g_autofree unsigned long *used = NULL;
    int ret;

    /* After all that is there: what no entry names may hold old data. */
    s->end = start + ROUND_UP(MAX(length - start, 0), s->head.block_size);
    if (length < s->table_offset + size) {
        error_setg(errp, "The table is longer than the file");
        return -EINVAL;
    }
    s->table = qemu_try_blockalign(bs->file->bs, size);
    if (!s->table) {
        return -ENOMEM;
    }
    used = bitmap_new(length / s->head.block_size + 1);
    ret = bdrv_pread(bs->file, s->table_offset, s->table, size);
    for (uint32_t i = 0; ret >= 0 && i < s->head.entries; i++) {
        le64_to_cpus(&s->table[i]);
        if (s->table[i] &&
            !flog_block_is_good(s, s->table[i], start, length, used)) {
            error_setg(errp, "Block %" PRIu32 " is in a wrong place", i);
            ret = -EINVAL;
        }
    }
    return ret;
}

static int flog_forbid_migration(BlockDriverState *bs, BDRVFLogState *s,
                                 Error **errp)
{
    Error *err = NULL;
    int ret;

    error_setg(&s->no_migration, "'%s' cannot be migrated while its log is in "
               "use", bdrv_get_device_or_node_name(bs));
    ret = migrate_add_blocker(s->no_migration, &err);
    if (err) {
        error_propagate(errp, err);
        error_free(s->no_migration);
    }
    return ret;
}

static int flog_open(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp)
{
    BDRVFLogState *s = bs->opaque;
    int ret;

    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    ret = flog_read_head(bs, s, errp);
    if (ret >= 0) {
        ret = flog_replay(bs, s, errp);
    }
    if (ret >= 0) {
        ret = flog_read_table(bs, s, errp);
    }
    if (ret >= 0) {
        ret = flog_forbid_migration(bs, s, errp);
    }
    if (ret < 0) {
        qemu_vfree(s->table);
        return ret;
    }
    qemu_co_mutex_init(&s->lock);
    bs->total_sectors = s->head.size >> BDRV_SECTOR_BITS;
    return 0;
}

static void flog_close(BlockDriverState *bs)
{
    BDRVFLogState *s = bs->opaque;

    qemu_vfree(s->table);
    migrate_del_blocker(s->no_migration);
    error_free(s->no_migration);
}

static int flog_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                               Error **errp)
{
    return 0;
}

static int flog_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    BDRVFLogState *s = bs->opaque;

    bdi->cluster_size = s->head.block_size;
    bdi->unallocated_blocks_are_zero = true;
    return 0;
}

/* ---- requests ----------------------------------------------------------- */

/* How many of @nb_sectors lie in the block of @sector, and where that is. */
static int flog_find(BDRVFLogState *s, int64_t sector, int nb_sectors,
                     uint32_t *index, int64_t *offset)
{
    int64_t in_block = sector * 512 % s->head.block_size;

    *index = sector * 512 / s->head.block_size;
    *offset = s->table[*index] ? s->table[*index] * 512 + in_block : -1;
    return MIN(nb_sectors, (s->head.block_size - in_block) / 512);
}

/* The block is at the end of the file and reads as zeroes. */
static int coroutine_fn flog_allocate(BlockDriverState *bs, uint32_t index)
{
    BDRVFLogState *s = bs->opaque;
    uint64_t sector[64];
    int ret = bdrv_truncate(bs->file, s->end + s->head.block_size, false,
                            PREALLOC_MODE_OFF, NULL);

    if (ret < 0) {
        return ret;
    }
    for (int i = 0; i < 64; i++) {
        sector[i] = cpu_to_le64(s->table[(index & ~63u) + i]);
    }
    sector[index % 64] = cpu_to_le64(s->end / 512);
    ret = flog_update_table(bs, s, s->table_offset + (index & ~63u) * 8,
                            sector);
    if (ret < 0) {
        return ret;
    }
    s->table[index] = s->end / 512;
    s->end += s->head.block_size;
    return 0;
}

/* One request after the other. */
static int coroutine_fn flog_transfer(BlockDriverState *bs, int64_t sector,
                                      QEMUIOVector *qiov, bool write)
{
    BDRVFLogState *s = bs->opaque;
    QEMUIOVector part;
    size_t done = 0;
    int ret = 0;

    qemu_iovec_init(&part, qiov->niov);
    qemu_co_mutex_lock(&s->lock);
    while (ret >= 0 && done < qiov->size) {
        uint32_t index;
        int64_t offset;
        int n = 512 * flog_find(s, sector + done / 512,
                                (qiov->size - done) / 512, &index, &offset);

        if (write && offset < 0) {
            ret = flog_allocate(bs, index);
            continue;
        }
        qemu_iovec_reset(&part);
        qemu_iovec_concat(&part, qiov, done, n);
        if (write) {
            ret = bdrv_co_pwritev(bs->file, offset, n, &part, 0);
        } else if (offset < 0) {
            qemu_iovec_memset(&part, 0, 0, n);
        } else {
            ret = bdrv_co_preadv(bs->file, offset, n, &part, 0);
        }
        done += n;
    }
    qemu_co_mutex_unlock(&s->lock);
    qemu_iovec_destroy(&part);
    return MIN(ret, 0);
}

static int coroutine_fn flog_co_readv(BlockDriverState *bs, int64_t sector_num,
                                      int nb_sectors, QEMUIOVector *qiov)
{
    return flog_transfer(bs, sector_num, qiov, false);
}

static int coroutine_fn flog_co_writev(BlockDriverState *bs, int64_t sector_num,
                                       int nb_sectors, QEMUIOVector *qiov,
                                       int flags)
{
    assert(flags == 0);
    return flog_transfer(bs, sector_num, qiov, true);
}

/* What opening has replayed was wrong before. */
static int coroutine_fn flog_co_check(BlockDriverState *bs,
                                      BdrvCheckResult *result,
                                      BdrvCheckMode fix)
{
    BDRVFLogState *s = bs->opaque;

    if (s->replayed) {
        result->corruptions_fixed++;
    }
    result->bfi.total_clusters = s->head.entries;
    for (uint32_t i = 0; i < s->head.entries; i++) {
        result->bfi.allocated_clusters += s->table[i] != 0;
    }
    return 0;
}

static int flog_has_zero_init(BlockDriverState *bs)
{
    BDRVFLogState *s = bs->opaque;

    return s->head.fixed ? bdrv_has_zero_init(bs->file->bs) : 1;
}

/* ---- creating ----------------------------------------------------------- */

static int coroutine_fn flog_write_image(BlockBackend *blk,
                                         const BlockdevCreateOptionsVhdx *o,
                                         Error **errp)
{
    uint32_t block_size = o->block_size, log_size = o->log_size;
    uint32_t entries = DIV_ROUND_UP(o->size, block_size);
    FLogHead h = {
        .magic = "flogged\n",
        .block_size = block_size,
        .size = o->size,
        .log_size = log_size,
        .entries = entries,
        .fixed = o->subformat == BLOCKDEV_VHDX_SUBFORMAT_FIXED,
    };
    size_t size = ROUND_UP(8ULL * entries + 1, 512);
    uint64_t start = ROUND_UP(FLOG_ENTRY_AT + log_size + size, 4096);
    g_autofree uint64_t *table = g_malloc0(size);
    FLogHead out;
    int ret;

    qemu_uuid_generate(&h.uuid);
    flog_head_to_file(&h, &out);
    if (h.fixed) {
        for (uint32_t i = 0; i < entries; i++) {
            table[i] = cpu_to_le64(start / 512 +
                                   i * (uint64_t)block_size / 512);
        }
        ret = blk_truncate(blk, start + (uint64_t)entries * block_size, false,
                           PREALLOC_MODE_OFF, errp);
        if (ret < 0) {
            return ret;
        }
    }
    ret = blk_pwrite_zeroes(blk, FLOG_ENTRY_AT, log_size, 0);
    if (ret >= 0) {
        ret = blk_pwrite(blk, FLOG_ENTRY_AT + log_size, table, size, 0);
    }
    if (ret >= 0) {
        ret = blk_flush(blk);
    }
    if (ret >= 0) {
        ret = blk_pwrite(blk, 0, &out, sizeof(out), 0);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the image");
        return ret;
    }
    return 0;
}

/* Sizes that are not given, and those of the tools that are 0. */
static void flog_default_sizes(BlockdevCreateOptionsVhdx *o)
{
    if (!o->has_block_size || o->block_size == 0) {
        o->block_size = 1 << 20;
    }
    if (!o->has_log_size) {
        o->log_size = 65536;
    }
    if (!o->has_subformat) {
        o->subformat = BLOCKDEV_VHDX_SUBFORMAT_DYNAMIC;
    }
}

static bool flog_sizes_are_good(const BlockdevCreateOptionsVhdx *o,
                                Error **errp)
{
    if (o->size % 512 || o->size > FLOG_MAX_DISK) {
        error_setg(errp, "The disk must be whole sectors, at most %llu bytes",
                   FLOG_MAX_DISK);
    } else if (!is_power_of_2(o->block_size) ||
               o->block_size < FLOG_MIN_BLOCK ||
               o->block_size > FLOG_MAX_BLOCK) {
        error_setg(errp, "A block must be a power of two, from %d to %d bytes",
                   FLOG_MIN_BLOCK, FLOG_MAX_BLOCK);
    } else if (o->log_size % 512 || o->log_size < FLOG_MIN_LOG ||
               o->log_size > FLOG_MAX_LOG) {
        error_setg(errp, "The log must be whole sectors, from %d to %d bytes",
                   FLOG_MIN_LOG, FLOG_MAX_LOG);
    } else {
        return true;
    }
    return false;
}

static int coroutine_fn flog_co_create(BlockdevCreateOptions *opts,
                                       Error **errp)
{
    BlockdevCreateOptionsVhdx *o = &opts->u.vhdx;
    BlockDriverState *file;
    BlockBackend *blk;
    int ret;

    assert(opts->driver == BLOCKDEV_DRIVER_VHDX);
    flog_default_sizes(o);
    if (!flog_sizes_are_good(o, errp)) {
        return -EINVAL;
    }
    file = bdrv_open_blockdev_ref(o->file, errp);
    if (!file) {
        return -EIO;
    }
    blk = blk_new(bdrv_get_aio_context(file),
                  BLK_PERM_RESIZE | BLK_PERM_WRITE, BLK_PERM_ALL);
    ret = blk_insert_bs(blk, file, errp);
    if (ret >= 0) {
        blk_set_allow_write_beyond_eof(blk, true);
        ret = flog_write_image(blk, o, errp);
    }
    blk_unref(blk);
    bdrv_unref(file);
    return ret;
}

/* By the schema, on the node that @dict names. */
static int coroutine_fn flog_create_by_schema(QDict *dict, Error **errp)
{
    Visitor *v = qobject_input_visitor_new_flat_confused(dict, errp);
    BlockdevCreateOptions *opts = NULL;
    Error *err = NULL;
    int ret = -EINVAL;

    if (!v) {
        return ret;
    }
    visit_type_BlockdevCreateOptions(v, NULL, &opts, &err);
    visit_free(v);
    error_propagate(errp, err);
    if (opts) {
        opts->u.vhdx.size = ROUND_UP(opts->u.vhdx.size, 512);
        ret = flog_co_create(opts, errp);
    }
    qapi_free_BlockdevCreateOptions(opts);
    return ret;
}

static int coroutine_fn flog_co_create_opts(BlockDriver *drv,
                                            const char *filename,
                                            QemuOpts *opts, Error **errp)
{
    static const QDictRenames names[] = {
        { "block_size", "block-size" },
        { "block_state_zero", "block-state-zero" },
        { "log_size", "log-size" },
        { NULL, NULL },
    };
    QDict *dict = qemu_opts_to_qdict_filtered(opts, NULL, &flog_create_opts,
                                              true);
    BlockDriverState *file = NULL;
    int ret = -EINVAL;

    if (qdict_rename_keys(dict, names, errp)) {
        ret = bdrv_create_file(filename, opts, errp);
    }
    if (ret >= 0) {
        file = bdrv_open(filename, NULL, NULL,
                         BDRV_O_PROTOCOL | BDRV_O_RESIZE | BDRV_O_RDWR, errp);
        ret = -EIO;
    }
    if (file) {
        qdict_put_str(dict, "file", file->node_name);
        qdict_put_str(dict, "driver", drv->format_name);
        ret = flog_create_by_schema(dict, errp);
    }
    bdrv_unref(file);
    qobject_unref(dict);
    return ret;
}

static QemuOptsList flog_create_opts = {
    .name = "flog-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(flog_create_opts.head),
    .desc = {
        {
            .name = "block_size",
            .type = QEMU_OPT_SIZE,
            .def_value_str = "0",
            .help = "Bytes that are allocated at once; 0: 1 MiB"
        },
        {
            .name = "block_state_zero",
            .type = QEMU_OPT_BOOL,
            .help = "Has no effect here"
        },
        {
            .name = "log_size",
            .type = QEMU_OPT_SIZE,
            .def_value_str = "65536",
            .help = "Bytes before the table"
        },
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Bytes of the disk"
        },
        {
            .name = BLOCK_OPT_SUBFMT,
            .type = QEMU_OPT_STRING,
            .help = "dynamic (default), or fixed: all blocks are there"
        },
        { NULL }
    }
};

static BlockDriver bdrv_flog = {
    .format_name = "vhdx",
    .instance_size = sizeof(BDRVFLogState),
    .create_opts = &flog_create_opts,

    .bdrv_probe = flog_probe,
    .bdrv_open = flog_open,
    .bdrv_close = flog_close,
    .bdrv_reopen_prepare = flog_reopen_prepare,
    .bdrv_child_perm = bdrv_format_default_perms,
    .bdrv_get_info = flog_get_info,
    .bdrv_has_zero_init = flog_has_zero_init,

    .bdrv_co_create = flog_co_create,
    .bdrv_co_create_opts = flog_co_create_opts,
    .bdrv_co_readv = flog_co_readv,
    .bdrv_co_writev = flog_co_writev,
    .bdrv_co_check = flog_co_check,
};

static void bdrv_flog_init(void)
{
    bdrv_register(&bdrv_flog);
}

block_init(bdrv_flog_init);
