/* SPDX-License-Identifier: MIT */
/*
 * A format as a stranger writes it for QEMU 5.0: "fle", little-endian, with
 * two UUIDs, created through the schema's description of vdi; and "fco", a
 * protocol of zeroes whose requests sleep.  They guard what formats of that
 * family use: preallocation, uuids, options taken one by one, sleeping.
 *
 * Layout of fle: a header of 512 bytes, then the disk.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qapi/qobject-input-visitor.h"
#include "qapi/qapi-visit-block-core.h"
#include "block/block_int.h"
#include "block/qdict.h"
#include "sysemu/block-backend.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "qemu/bswap.h"
#include "migration/blocker.h"
#include "qemu/coroutine.h"
#include "qemu/cutils.h"
#include "qemu/uuid.h"
#include "qapi/qmp/qstring.h"
#include "qapi/qmp/qdict.h"
#include "qemu/error-report.h"

#define FLE_HEADER_SIZE 512
#define FLE_SIGNATURE 0x0045006cu

typedef struct {
    uint32_t signature;
    uint32_t header_size;
    uint64_t disk_size;
    uint16_t version;
    QemuUUID uuid_image;
    QemuUUID uuid_parent;
} QEMU_PACKED FleHeader;

typedef struct {
    FleHeader header;
    char uuid[UUID_FMT_LEN + 1];
} BDRVFleState;

static QemuOptsList fle_create_opts;

static void fle_header_to_cpu(FleHeader *header)
{
    le32_to_cpus(&header->signature);
    le32_to_cpus(&header->header_size);
    header->disk_size = le64_to_cpu(header->disk_size);
    header->version = le16_to_cpu(header->version);
    header->uuid_image = qemu_uuid_bswap(header->uuid_image);
    header->uuid_parent = qemu_uuid_bswap(header->uuid_parent);
}

static int fle_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    uint32_t signature;

    QEMU_BUILD_BUG_ON(sizeof(FleHeader) > BLOCK_PROBE_BUF_SIZE);
    if (buf_size < sizeof(FleHeader)) {
        return 0;
    }
    memcpy(&signature, buf, sizeof(signature));
    return le32_to_cpu(signature) == FLE_SIGNATURE ? 100 : 0;
}

static int fle_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    BDRVFleState *s = bs->opaque;
    int ret;

    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file,
                               false, errp);
    if (!bs->file) {
        return -EINVAL;
    }
    ret = bdrv_pread(bs->file, 0, &s->header, sizeof(s->header));
    if (ret < 0) {
        return ret;
    }
    fle_header_to_cpu(&s->header);
    if (s->header.signature != FLE_SIGNATURE) {
        error_setg(errp, "Image not in fle format (bad signature %08" PRIx32
                   ")", s->header.signature);
        return -EINVAL;
    }
    if (!qemu_uuid_is_null(&s->header.uuid_parent)) {
        error_setg(errp, "non-NULL parent UUID");
        error_prepend(errp, "unsupported image: ");
        return -ENOTSUP;
    }
    qemu_uuid_unparse(&s->header.uuid_image, s->uuid);
    if (s->header.disk_size % BDRV_SECTOR_SIZE) {
        warn_report("odd disk size %" PRIu64, s->header.disk_size);
        s->header.disk_size = QEMU_ALIGN_DOWN(s->header.disk_size,
                                              BDRV_SECTOR_SIZE);
    }
    bs->total_sectors = s->header.disk_size / BDRV_SECTOR_SIZE;
    return 0;
}

static int coroutine_fn fle_co_preadv(BlockDriverState *bs, uint64_t offset,
                                      uint64_t bytes, QEMUIOVector *qiov,
                                      int flags)
{
    return bdrv_co_preadv(bs->file, offset + FLE_HEADER_SIZE, bytes, qiov, 0);
}

static int coroutine_fn fle_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags)
{
    QEMUIOVector bounce;
    uint8_t *buf = qemu_try_blockalign(bs->file->bs, bytes);
    int ret;

    if (!buf) {
        return -ENOMEM;
    }
    qemu_iovec_init(&bounce, 1);
    qemu_iovec_to_buf(qiov, 0, buf, bytes);
    qemu_iovec_add(&bounce, buf, bytes);
    assert(bounce.size == bytes);
    ret = bdrv_co_pwritev(bs->file, offset + FLE_HEADER_SIZE, bytes, &bounce,
                          0);
    qemu_iovec_destroy(&bounce);
    qemu_vfree(buf);
    return ret;
}

static int fle_make_empty(BlockDriverState *bs)
{
    return 0;
}

static int coroutine_fn fle_do_create(BlockdevCreateOptions *create_options,
                                      Error **errp)
{
    BlockdevCreateOptionsVdi *vdi_opts;
    PreallocMode preallocation = PREALLOC_MODE_OFF;
    BlockDriverState *bs_file = NULL;
    BlockBackend *blk = NULL;
    FleHeader header = { 0 };
    int ret;

    assert(create_options->driver == BLOCKDEV_DRIVER_VDI);
    vdi_opts = &create_options->u.vdi;
    if (vdi_opts->has_preallocation) {
        preallocation = vdi_opts->preallocation;
    }
    if (preallocation != PREALLOC_MODE_OFF &&
        preallocation != PREALLOC_MODE_METADATA) {
        error_setg(errp, "Preallocation mode '%s' is not supported",
                   PreallocMode_str(preallocation));
        return -EINVAL;
    }
    bs_file = bdrv_open_blockdev_ref(vdi_opts->file, errp);
    if (!bs_file) {
        return -EIO;
    }
    blk = blk_new(bdrv_get_aio_context(bs_file),
                  BLK_PERM_WRITE | BLK_PERM_RESIZE, BLK_PERM_ALL);
    ret = blk_insert_bs(blk, bs_file, errp);
    if (ret < 0) {
        goto exit;
    }
    blk_set_allow_write_beyond_eof(blk, true);

    header.signature = cpu_to_le32(FLE_SIGNATURE);
    header.header_size = cpu_to_le32(FLE_HEADER_SIZE);
    header.disk_size = cpu_to_le64(vdi_opts->size);
    header.version = cpu_to_le16(1);
    qemu_uuid_generate(&header.uuid_image);
    header.uuid_image = qemu_uuid_bswap(header.uuid_image);
    ret = blk_pwrite(blk, 0, &header, sizeof(header), 0);
    if (ret < 0) {
        error_setg(errp, "Error writing header");
        goto exit;
    }
    if (preallocation == PREALLOC_MODE_METADATA) {
        ret = blk_truncate(blk, FLE_HEADER_SIZE + vdi_opts->size, false,
                           PREALLOC_MODE_OFF, errp);
        if (ret < 0) {
            error_prepend(errp, "Failed to statically allocate file: ");
            goto exit;
        }
    }
    ret = 0;
exit:
    blk_unref(blk);
    bdrv_unref(bs_file);
    return ret;
}

static int coroutine_fn fle_co_create(BlockdevCreateOptions *create_options,
                                      Error **errp)
{
    return fle_do_create(create_options, errp);
}

static int coroutine_fn fle_co_create_opts(BlockDriver *drv,
                                           const char *filename,
                                           QemuOpts *opts, Error **errp)
{
    QDict *qdict = NULL;
    BlockdevCreateOptions *create_options = NULL;
    BlockDriverState *bs_file = NULL;
    bool is_static;
    Visitor *v;
    Error *local_err = NULL;
    int ret;

    /* Not known to the schema: taken first. */
    is_static = qemu_opt_get_bool_del(opts, BLOCK_OPT_STATIC, false);
    if (qemu_opt_find(opts, "label")) {
        char *label = qemu_opt_get_del(opts, "label");

        g_free(label);
    }

    qdict = qemu_opts_to_qdict_filtered(opts, NULL, &fle_create_opts, true);
    ret = bdrv_create_file(filename, opts, errp);
    if (ret < 0) {
        goto done;
    }
    bs_file = bdrv_open(filename, NULL, NULL,
                        BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_PROTOCOL, errp);
    if (!bs_file) {
        ret = -EIO;
        goto done;
    }
    qdict_put_str(qdict, "driver", "vdi");
    qdict_put_str(qdict, "file", bs_file->node_name);
    if (is_static) {
        qdict_put_str(qdict, "preallocation", "metadata");
    }
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
    create_options->u.vdi.size = ROUND_UP(create_options->u.vdi.size,
                                          BDRV_SECTOR_SIZE);
    ret = fle_do_create(create_options, errp);
done:
    qobject_unref(qdict);
    qapi_free_BlockdevCreateOptions(create_options);
    bdrv_unref(bs_file);
    return ret;
}

static int fle_has_zero_init(BlockDriverState *bs)
{
    return bdrv_has_zero_init(bs->file->bs);
}

static QemuOptsList fle_create_opts = {
    .name = "fle-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(fle_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Virtual disk size"
        },
        {
            .name = BLOCK_OPT_STATIC,
            .type = QEMU_OPT_BOOL,
            .help = "Static (pre-allocated) image",
            .def_value_str = "off"
        },
        {
            .name = "label",
            .type = QEMU_OPT_STRING,
            .help = "Dropped"
        },
        { /* end of list */ }
    }
};

static BlockDriver bdrv_fle = {
    .format_name = "fle",
    .instance_size = sizeof(BDRVFleState),
    .bdrv_probe = fle_probe,
    .bdrv_open = fle_open,
    .bdrv_child_perm = bdrv_format_default_perms,
    .bdrv_co_create = fle_co_create,
    .bdrv_co_create_opts = fle_co_create_opts,
    .bdrv_has_zero_init = fle_has_zero_init,
    .bdrv_make_empty = fle_make_empty,
    .bdrv_co_preadv = fle_co_preadv,
    .bdrv_co_pwritev = fle_co_pwritev,
    .create_opts = &fle_create_opts,
};

/* ---- fco ---------------------------------------------------------------- */

static int fco_file_open(BlockDriverState *bs, QDict *options, int flags,
                         Error **errp)
{
    return 0;
}

static int64_t fco_getlength(BlockDriverState *bs)
{
    return 1 * MiB;
}

static int coroutine_fn fco_co_preadv(BlockDriverState *bs, uint64_t offset,
                                      uint64_t bytes, QEMUIOVector *qiov,
                                      int flags)
{
    qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, 1 * SCALE_MS);
    qemu_iovec_memset(qiov, 0, 0, bytes);
    return 0;
}

static int coroutine_fn fco_co_flush(BlockDriverState *bs)
{
    qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, 10 * SCALE_US);
    return 0;
}

static BlockDriver bdrv_fco = {
    .format_name = "fco",
    .protocol_name = "fco",
    .bdrv_file_open = fco_file_open,
    .bdrv_getlength = fco_getlength,
    .bdrv_co_preadv = fco_co_preadv,
    .bdrv_co_flush_to_disk = fco_co_flush,
};

static void bdrv_fle_init(void)
{
    bdrv_register(&bdrv_fle);
    bdrv_register(&bdrv_fco);
}

block_init(bdrv_fle_init);
