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

#define FLE_DATA_AT 512
#define FLE_MAGIC   0x0045006cu

typedef struct FleHead {
    uint32_t magic;
    uint16_t version;
    uint64_t disk_bytes;
    QemuUUID own, older;        /* the image's, and that of one it builds on */
} QEMU_PACKED FleHead;

typedef struct BDRVFleState {
    FleHead head;
    char name[UUID_FMT_LEN + 1];
} BDRVFleState;

static QemuOptsList fle_create_opts;

static void fle_swap(FleHead *head)
{
    le32_to_cpus(&head->magic);
    head->version = le16_to_cpu(head->version);
    head->disk_bytes = le64_to_cpu(head->disk_bytes);
    head->own = qemu_uuid_bswap(head->own);
    head->older = qemu_uuid_bswap(head->older);
}

static int fle_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    FleHead head;

    QEMU_BUILD_BUG_ON(sizeof(head) > BLOCK_PROBE_BUF_SIZE);
    if (buf_size < sizeof(head)) {
        return 0;
    }
    memcpy(&head, buf, sizeof(head));
    fle_swap(&head);
    return head.magic == FLE_MAGIC ? 100 : 0;
}

static int fle_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    BDRVFleState *s = bs->opaque;
    FleHead *head = &s->head;
    int ret;

    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file,
                               false, errp);
    if (!bs->file) {
        return -EINVAL;
    }
    ret = bdrv_pread(bs->file, 0, head, sizeof(*head));
    if (ret < 0) {
        return ret;
    }
    fle_swap(head);
    if (head->magic != FLE_MAGIC) {
        error_setg(errp, "The magic number is 0x%08" PRIx32, head->magic);
        return -EINVAL;
    }
    if (!qemu_uuid_is_null(&head->older)) {
        error_setg(errp, "it builds on an older one");
        error_prepend(errp, "Not this image: ");
        return -ENOTSUP;
    }
    qemu_uuid_unparse(&head->own, s->name);
    bs->total_sectors = head->disk_bytes / BDRV_SECTOR_SIZE;
    if (QEMU_ALIGN_DOWN(head->disk_bytes, BDRV_SECTOR_SIZE) !=
        head->disk_bytes) {
        warn_report("the end of '%s' is no whole sector", s->name);
    }
    return 0;
}

static int coroutine_fn fle_co_preadv(BlockDriverState *bs, uint64_t offset,
                                      uint64_t bytes, QEMUIOVector *qiov,
                                      int flags)
{
    return bdrv_co_preadv(bs->file, offset + FLE_DATA_AT, bytes, qiov, 0);
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
    ret = bdrv_co_pwritev(bs->file, offset + FLE_DATA_AT, bytes, &bounce, 0);
    qemu_iovec_destroy(&bounce);
    qemu_vfree(buf);
    return ret;
}

static int fle_make_empty(BlockDriverState *bs)
{
    return 0;
}

static int coroutine_fn fle_write_empty(BlockBackend *blk, uint64_t bytes,
                                        bool whole, Error **errp)
{
    FleHead head = { .magic = FLE_MAGIC, .version = 1, .disk_bytes = bytes };
    int ret;

    qemu_uuid_generate(&head.own);
    cpu_to_le32s(&head.magic);
    head.version = cpu_to_le16(head.version);
    head.disk_bytes = cpu_to_le64(head.disk_bytes);
    head.own = qemu_uuid_bswap(head.own);
    ret = blk_pwrite(blk, 0, &head, sizeof(head), 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the head");
        return ret;
    }
    if (whole) {
        ret = blk_truncate(blk, FLE_DATA_AT + bytes, false, PREALLOC_MODE_OFF,
                           errp);
        if (ret < 0) {
            error_prepend(errp, "Could not make the file long enough: ");
        }
    }
    return MIN(ret, 0);
}

static int coroutine_fn fle_co_create(BlockdevCreateOptions *opts,
                                      Error **errp)
{
    BlockdevCreateOptionsVdi *o = &opts->u.vdi;
    PreallocMode mode = o->has_preallocation ? o->preallocation
                                             : PREALLOC_MODE_OFF;
    BlockDriverState *file;
    BlockBackend *blk;
    int ret;

    assert(opts->driver == BLOCKDEV_DRIVER_VDI);
    if (mode != PREALLOC_MODE_METADATA && mode != PREALLOC_MODE_OFF) {
        error_setg(errp, "An image cannot be preallocated by '%s'",
                   PreallocMode_str(mode));
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
        ret = fle_write_empty(blk, o->size, mode == PREALLOC_MODE_METADATA,
                              errp);
    }
    blk_unref(blk);
    bdrv_unref(file);
    return ret;
}

/* What the schema does not know is taken from @opts first. */
static QDict *fle_schema_options(QemuOpts *opts)
{
    bool whole = qemu_opt_get_bool_del(opts, BLOCK_OPT_STATIC, false);
    QDict *dict;

    if (qemu_opt_find(opts, "label")) {
        g_free(qemu_opt_get_del(opts, "label"));
    }
    dict = qemu_opts_to_qdict_filtered(opts, NULL, &fle_create_opts, true);
    if (whole) {
        qdict_put_str(dict, "preallocation", "metadata");
    }
    return dict;
}

static int coroutine_fn fle_create_by_schema(QDict *dict, Error **errp)
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
        opts->u.vdi.size = ROUND_UP(opts->u.vdi.size, BDRV_SECTOR_SIZE);
        ret = fle_co_create(opts, errp);
    }
    qapi_free_BlockdevCreateOptions(opts);
    return ret;
}

static int coroutine_fn fle_co_create_opts(BlockDriver *drv,
                                           const char *filename,
                                           QemuOpts *opts, Error **errp)
{
    QDict *dict = fle_schema_options(opts);
    BlockDriverState *file = NULL;
    int ret = bdrv_create_file(filename, opts, errp);

    if (ret >= 0) {
        file = bdrv_open(filename, NULL, NULL,
                         BDRV_O_PROTOCOL | BDRV_O_RESIZE | BDRV_O_RDWR, errp);
        ret = -EIO;
    }
    if (file) {
        qdict_put_str(dict, "file", file->node_name);
        qdict_put_str(dict, "driver", "vdi");
        ret = fle_create_by_schema(dict, errp);
    }
    bdrv_unref(file);
    qobject_unref(dict);
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
            .help = "Bytes of the disk"
        },
        {
            .name = BLOCK_OPT_STATIC,
            .type = QEMU_OPT_BOOL,
            .help = "The file is as long as it can be",
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
