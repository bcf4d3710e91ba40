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

#define VHDX_BLOCK_OPT_LOG_SIZE   "log_size"
#define VHDX_BLOCK_OPT_BLOCK_SIZE "block_size"
#define VHDX_BLOCK_OPT_ZERO       "block_state_zero"

static QemuOptsList vhdx_create_opts;

static int vhdx_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return buf_size >= 8 && !memcmp(buf, "vhdxtest", 8) ? 100 : 0;
}

/* ---- opening ------------------------------------------------------------ */

static int vhdx_read_header(BlockDriverState *bs, BDRVVHDXState *s,
                            Error **errp)
{
    VHDXHeader *h = &s->header;
    uint32_t sum;
    int ret = bdrv_pread(bs->file, 0, h, sizeof(*h));

    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the header");
        return ret;
    }
    sum = vhdx_checksum(h, sizeof(*h), offsetof(VHDXHeader, checksum));
    vhdx_header_le_import(h);
    if (memcmp(h->magic, "vhdxtest", 8) || h->checksum != sum ||
        !is_power_of_2(h->block_size) || h->block_size < 4096 ||
        h->block_size > 256 << 20 || h->size > VHDX_MAX_SIZE ||
        h->size % 512 || h->log_size > VHDX_MAX_LOG || h->log_size % 512 ||
        h->log_size < VHDX_MIN_LOG ||
        h->entries != DIV_ROUND_UP(h->size, h->block_size)) {
        error_setg(errp, "No valid VHDX header found");
        return -EINVAL;
    }
    s->table_offset = VHDX_LOG_OFFSET + h->log_size;
    return 0;
}

static int vhdx_read_table(BlockDriverState *bs, BDRVVHDXState *s, Error **errp)
{
    size_t size = ROUND_UP(8ULL * s->header.entries + 1, 512);
    int64_t length = bdrv_getlength(bs->file->bs);
    int64_t start = ROUND_UP(s->table_offset + size, 4096);
    g_autofree unsigned long *used = NULL;
    int ret;

    /* After all that is there: what no entry names may hold old data. */
    s->end = start + ROUND_UP(MAX(length - start, 0), s->header.block_size);
    if (length < s->table_offset + size) {
        error_setg(errp, "The table is longer than the file");
        return -EINVAL;
    }
    s->table = qemu_try_blockalign(bs->file->bs, size);
    if (!s->table) {
        return -ENOMEM;
    }
    used = bitmap_new(length / s->header.block_size + 1);
    ret = bdrv_pread(bs->file, s->table_offset, s->table, size);
    for (uint32_t i = 0; ret >= 0 && i < s->header.entries; i++) {
        unsigned long place;

        le64_to_cpus(&s->table[i]);
        if (!s->table[i]) {
            continue;
        }
        place = (s->table[i] * 512 - start) / s->header.block_size;
        if (s->table[i] > length / 512 || s->table[i] * 512 < start ||
            (s->table[i] * 512 - start) % s->header.block_size ||
            s->table[i] * 512 + s->header.block_size > length ||
            find_next_bit(used, place + 1, place) == place) {
            error_setg(errp, "Block %" PRIu32 " is in a wrong place", i);
            ret = -EINVAL;
            break;
        }
        bitmap_set(used, place, 1);
    }
    return ret;
}

static int vhdx_open(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp)
{
    BDRVVHDXState *s = bs->opaque;
    Error *local_err = NULL;
    int ret;

    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    qemu_co_mutex_init(&s->lock);
    ret = vhdx_read_header(bs, s, errp);
    if (ret < 0) {
        return ret;
    }
    ret = vhdx_replay_log(bs, s, errp);
    if (ret < 0) {
        return ret;
    }
    ret = vhdx_read_table(bs, s, errp);
    if (ret < 0) {
        goto fail;
    }
    bs->total_sectors = s->header.size >> BDRV_SECTOR_BITS;
    error_setg(&s->migration_blocker, "The vhdx format used by node '%s' does "
               "not support live migration", bdrv_get_device_or_node_name(bs));
    ret = migrate_add_blocker(s->migration_blocker, &local_err);
    if (local_err) {
        error_propagate(errp, local_err);
        error_free(s->migration_blocker);
        goto fail;
    }
    return 0;

fail:
    qemu_vfree(s->table);
    return ret;
}

static void vhdx_close(BlockDriverState *bs)
{
    BDRVVHDXState *s = bs->opaque;

    qemu_vfree(s->table);
    migrate_del_blocker(s->migration_blocker);
    error_free(s->migration_blocker);
}

static int vhdx_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                               Error **errp)
{
    return 0;
}

static int vhdx_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    BDRVVHDXState *s = bs->opaque;

    bdi->cluster_size = s->header.block_size;
    bdi->unallocated_blocks_are_zero = true;
    return 0;
}

/* ---- requests ----------------------------------------------------------- */

/* How many of @nb_sectors lie in the block of @sector, and where that is. */
static int vhdx_block(BDRVVHDXState *s, int64_t sector, int nb_sectors,
                      uint32_t *index, int64_t *offset)
{
    int64_t in_block = sector * 512 % s->header.block_size;

    *index = sector * 512 / s->header.block_size;
    *offset = s->table[*index] ? s->table[*index] * 512 + in_block : -1;
    return MIN(nb_sectors, (s->header.block_size - in_block) / 512);
}

static coroutine_fn int vhdx_co_readv(BlockDriverState *bs, int64_t sector_num,
                                      int nb_sectors, QEMUIOVector *qiov)
{
    BDRVVHDXState *s = bs->opaque;
    QEMUIOVector hd_qiov;
    uint64_t done = 0;
    int ret = 0;

    qemu_iovec_init(&hd_qiov, qiov->niov);
    qemu_co_mutex_lock(&s->lock);
    while (nb_sectors > 0 && ret >= 0) {
        uint32_t index;
        int64_t offset;
        int n = vhdx_block(s, sector_num, nb_sectors, &index, &offset);

        if (offset < 0) {
            qemu_iovec_memset(qiov, done, 0, n * 512);
        } else {
            qemu_iovec_reset(&hd_qiov);
            qemu_iovec_concat(&hd_qiov, qiov, done, n * 512);
            qemu_co_mutex_unlock(&s->lock);
            ret = bdrv_co_preadv(bs->file, offset, n * 512, &hd_qiov, 0);
            qemu_co_mutex_lock(&s->lock);
        }
        sector_num += n;
        nb_sectors -= n;
        done += n * 512;
    }
    qemu_co_mutex_unlock(&s->lock);
    qemu_iovec_destroy(&hd_qiov);
    return ret < 0 ? ret : 0;
}

/* The block is at the end of the file and reads as zeroes. */
static int coroutine_fn vhdx_allocate(BlockDriverState *bs, uint32_t index)
{
    BDRVVHDXState *s = bs->opaque;
    uint64_t sector[64];
    int ret = bdrv_truncate(bs->file, s->end + s->header.block_size, false,
                            PREALLOC_MODE_OFF, NULL);

    if (ret < 0) {
        return ret;
    }
    for (int i = 0; i < 64; i++) {
        sector[i] = cpu_to_le64(s->table[(index & ~63u) + i]);
    }
    sector[index % 64] = cpu_to_le64(s->end / 512);
    ret = vhdx_log_write(bs, s, s->table_offset + (index & ~63u) * 8, sector);
    if (ret < 0) {
        return ret;
    }
    s->table[index] = s->end / 512;
    s->end += s->header.block_size;
    return 0;
}

static coroutine_fn int vhdx_co_writev(BlockDriverState *bs, int64_t sector_num,
                                       int nb_sectors, QEMUIOVector *qiov,
                                       int flags)
{
    BDRVVHDXState *s = bs->opaque;
    QEMUIOVector hd_qiov;
    uint64_t done = 0;
    int ret = 0;

    assert(!flags);
    qemu_iovec_init(&hd_qiov, qiov->niov);
    qemu_co_mutex_lock(&s->lock);
    while (nb_sectors > 0 && ret >= 0) {
        uint32_t index;
        int64_t offset;
        int n = vhdx_block(s, sector_num, nb_sectors, &index, &offset);

        if (offset < 0) {
            ret = vhdx_allocate(bs, index);
            continue;
        }
        qemu_iovec_reset(&hd_qiov);
        qemu_iovec_concat(&hd_qiov, qiov, done, n * 512);
        ret = bdrv_co_pwritev(bs->file, offset, n * 512, &hd_qiov, 0);
        sector_num += n;
        nb_sectors -= n;
        done += n * 512;
    }
    qemu_co_mutex_unlock(&s->lock);
    qemu_iovec_destroy(&hd_qiov);
    return ret < 0 ? ret : 0;
}

/* What opening has replayed was wrong before. */
static int coroutine_fn vhdx_co_check(BlockDriverState *bs,
                                      BdrvCheckResult *result,
                                      BdrvCheckMode fix)
{
    BDRVVHDXState *s = bs->opaque;

    if (s->replayed) {
        result->corruptions_fixed++;
    }
    result->bfi.total_clusters = s->header.entries;
    for (uint32_t i = 0; i < s->header.entries; i++) {
        result->bfi.allocated_clusters += s->table[i] != 0;
    }
    return 0;
}

static int vhdx_has_zero_init(BlockDriverState *bs)
{
    BDRVVHDXState *s = bs->opaque;

    return s->header.fixed ? bdrv_has_zero_init(bs->file->bs) : 1;
}

/* ---- creating ----------------------------------------------------------- */

static int coroutine_fn vhdx_write_image(BlockBackend *blk,
                                         BlockdevCreateOptionsVhdx *o,
                                         uint32_t block_size, uint32_t log_size,
                                         Error **errp)
{
    uint32_t entries = DIV_ROUND_UP(o->size, block_size);
    VHDXHeader h = {
        .magic = "vhdxtest",
        .block_size = block_size,
        .size = o->size,
        .log_size = log_size,
        .entries = entries,
        .fixed = o->subformat == BLOCKDEV_VHDX_SUBFORMAT_FIXED,
    };
    size_t size = ROUND_UP(8ULL * entries + 1, 512);
    uint64_t start = ROUND_UP(VHDX_LOG_OFFSET + log_size + size, 4096);
    g_autofree uint64_t *table = g_malloc0(size);
    VHDXHeader out;
    int ret;

    qemu_uuid_generate(&h.uuid);
    vhdx_header_le_export(&h, &out);
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
    ret = blk_pwrite_zeroes(blk, VHDX_LOG_OFFSET, log_size, 0);
    if (ret >= 0) {
        ret = blk_pwrite(blk, VHDX_LOG_OFFSET + log_size, table, size, 0);
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

static int coroutine_fn vhdx_co_create(BlockdevCreateOptions *opts,
                                       Error **errp)
{
    BlockdevCreateOptionsVhdx *o;
    BlockBackend *blk = NULL;
    BlockDriverState *bs = NULL;
    uint32_t block_size = 1 << 20, log_size = 65536;
    int ret;

    assert(opts->driver == BLOCKDEV_DRIVER_VHDX);
    o = &opts->u.vhdx;
    if (o->size > VHDX_MAX_SIZE) {
        error_setg(errp, "Image size too large; max of 1TB");
        return -EINVAL;
    }
    if (o->has_block_size && o->block_size) {
        block_size = MIN(o->block_size, UINT32_MAX);
    }
    if (!is_power_of_2(block_size) || block_size < 4096 ||
        block_size > 256 << 20) {
        error_setg(errp, "Block size must be a power of two");
        return -EINVAL;
    }
    if (o->has_log_size) {
        log_size = MIN(o->log_size, UINT32_MAX);
    }
    if (log_size < VHDX_MIN_LOG || log_size > VHDX_MAX_LOG ||
        log_size % 512) {
        error_setg(errp, "Log size must be 4 KB to 1 MB");
        return -EINVAL;
    }
    if (!o->has_subformat) {
        o->subformat = BLOCKDEV_VHDX_SUBFORMAT_DYNAMIC;
    }
    if (o->size % 512) {
        error_setg(errp, "Image size must be a multiple of 512 bytes");
        return -EINVAL;
    }

    bs = bdrv_open_blockdev_ref(o->file, errp);
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
    ret = vhdx_write_image(blk, o, block_size, log_size, errp);

out:
    blk_unref(blk);
    bdrv_unref(bs);
    return ret;
}

static int coroutine_fn vhdx_co_create_opts(BlockDriver *drv,
                                            const char *filename,
                                            QemuOpts *opts, Error **errp)
{
    BlockdevCreateOptions *create_options = NULL;
    QDict *qdict;
    Visitor *v;
    BlockDriverState *bs = NULL;
    Error *local_err = NULL;
    int ret;

    static const QDictRenames opt_renames[] = {
        { VHDX_BLOCK_OPT_LOG_SIZE,   "log-size" },
        { VHDX_BLOCK_OPT_BLOCK_SIZE, "block-size" },
        { VHDX_BLOCK_OPT_ZERO,       "block-state-zero" },
        { NULL, NULL },
    };

    qdict = qemu_opts_to_qdict_filtered(opts, NULL, &vhdx_create_opts, true);
    if (!qdict_rename_keys(qdict, opt_renames, errp)) {
        ret = -EINVAL;
        goto fail;
    }
    ret = bdrv_create_file(filename, opts, errp);
    if (ret < 0) {
        goto fail;
    }
    bs = bdrv_open(filename, NULL, NULL,
                   BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_PROTOCOL, errp);
    if (bs == NULL) {
        ret = -EIO;
        goto fail;
    }
    qdict_put_str(qdict, "driver", "vhdx");
    qdict_put_str(qdict, "file", bs->node_name);
    v = qobject_input_visitor_new_flat_confused(qdict, errp);
    if (!v) {
        ret = -EINVAL;
        goto fail;
    }
    visit_type_BlockdevCreateOptions(v, NULL, &create_options, &local_err);
    visit_free(v);
    if (local_err) {
        error_propagate(errp, local_err);
        ret = -EINVAL;
        goto fail;
    }
    create_options->u.vhdx.size = ROUND_UP(create_options->u.vhdx.size, 512);
    ret = vhdx_co_create(create_options, errp);

fail:
    qobject_unref(qdict);
    bdrv_unref(bs);
    qapi_free_BlockdevCreateOptions(create_options);
    return ret;
}

static QemuOptsList vhdx_create_opts = {
    .name = "vhdx-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(vhdx_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Virtual disk size"
        },
        {
            .name = VHDX_BLOCK_OPT_LOG_SIZE,
            .type = QEMU_OPT_SIZE,
            .def_value_str = "65536",
            .help = "Log size; min 4 KB"
        },
        {
            .name = VHDX_BLOCK_OPT_BLOCK_SIZE,
            .type = QEMU_OPT_SIZE,
            .def_value_str = "0",
            .help = "Block size; 0 means 1 MB"
        },
        {
            .name = BLOCK_OPT_SUBFMT,
            .type = QEMU_OPT_STRING,
            .help = "VHDX format type, can be either 'dynamic' or 'fixed'. "
                    "Default is 'dynamic'."
        },
        {
            .name = VHDX_BLOCK_OPT_ZERO,
            .type = QEMU_OPT_BOOL,
            .help = "Has no effect here"
        },
        { NULL }
    }
};

static BlockDriver bdrv_vhdx = {
    .format_name            = "vhdx",
    .instance_size          = sizeof(BDRVVHDXState),
    .bdrv_probe             = vhdx_probe,
    .bdrv_open              = vhdx_open,
    .bdrv_close             = vhdx_close,
    .bdrv_reopen_prepare    = vhdx_reopen_prepare,
    .bdrv_child_perm        = bdrv_format_default_perms,
    .bdrv_co_readv          = vhdx_co_readv,
    .bdrv_co_writev         = vhdx_co_writev,
    .bdrv_co_create         = vhdx_co_create,
    .bdrv_co_create_opts    = vhdx_co_create_opts,
    .bdrv_get_info          = vhdx_get_info,
    .bdrv_co_check          = vhdx_co_check,
    .bdrv_has_zero_init     = vhdx_has_zero_init,
    .create_opts            = &vhdx_create_opts,
};

static void bdrv_vhdx_init(void)
{
    bdrv_register(&bdrv_vhdx);
}

block_init(bdrv_vhdx_init);
