/* SPDX-License-Identifier: MIT */
/*
 * Drivers under names that the schema knows, for what the harness makes of
 * creation by QAPI: a header of 512 bytes with the size of the disk and whether
 * writes must be compressed, then its bytes.
 *
 * Invariants:
 *   - "parallels" and "vhdx" are sound: what their options round, QAPI refuses.
 *     parallels has an option that the schema does not have; the words of
 *     vhdx's are taken in all capitals, and its fixed images want compressed
 *     writes (of which there are none here).
 *   - "vdi" is not: QAPI makes images shorter than was asked for.
 *   - "make-pages" is sound, and no name of the schema: sizes that are not
 *     whole pages are refused; of "make-steps" only new lengths.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "qemu/bswap.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"

#define HEADER_SIZE 512
#define MAX_SIZE (4 * GiB)
#define MIN_CLUSTER 4096
#define PAGE 4096
#define MAKE_PAGES "make-pages"

static const char make_magic[8] = "MADEIMG";

typedef struct BDRVMakeState {
    int64_t size;
    bool compressed;
} BDRVMakeState;

static int make_open(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp)
{
    BDRVMakeState *s = bs->opaque;
    uint8_t header[HEADER_SIZE];
    int ret;

    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    ret = bdrv_pread(bs->file, 0, header, HEADER_SIZE);
    s->size = ldq_be_p(header + 8);
    s->compressed = header[16];
    if (ret < 0 || memcmp(header, make_magic, 8) || s->size % 512 ||
        s->size < 0 || s->size > bdrv_getlength(bs->file->bs) - HEADER_SIZE) {
        error_setg(errp, "Not an image of this format");
        return -EINVAL;
    }
    bs->total_sectors = s->size / 512;
    return 0;
}

static int coroutine_fn make_co_preadv(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags)
{
    return bdrv_co_preadv(bs->file, HEADER_SIZE + offset, bytes, qiov, 0);
}

static int coroutine_fn make_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                        uint64_t bytes, QEMUIOVector *qiov,
                                        int flags)
{
    BDRVMakeState *s = bs->opaque;

    return s->compressed ? -ENOTSUP
           : bdrv_co_pwritev(bs->file, HEADER_SIZE + offset, bytes, qiov, 0);
}

static int make_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    BDRVMakeState *s = bs->opaque;

    bdi->needs_compressed_writes = s->compressed;
    return 0;
}

/* Only whole pages; shorter first in the header, longer first in the file. */
static int coroutine_fn make_co_truncate(BlockDriverState *bs, int64_t offset,
                                         bool exact, PreallocMode prealloc,
                                         Error **errp)
{
    BDRVMakeState *s = bs->opaque;
    uint64_t size = cpu_to_be64(offset);
    int ret = 0;

    if (offset % PAGE || prealloc != PREALLOC_MODE_OFF) {
        error_setg(errp, "A length must be a multiple of %d bytes", PAGE);
        return -EINVAL;
    }
    if (offset > s->size) {
        ret = bdrv_co_truncate(bs->file, HEADER_SIZE + offset, false, prealloc,
                               errp);
        ret = ret < 0 ? ret : bdrv_co_flush(bs->file->bs);
    }
    ret = ret < 0 ? ret : bdrv_pwrite_sync(bs->file, 8, &size, sizeof(size));
    if (ret >= 0 && offset < s->size) {
        ret = bdrv_co_truncate(bs->file, HEADER_SIZE + offset, false, prealloc,
                               errp);
    }
    s->size = ret < 0 ? s->size : offset;
    return ret;
}

/* ---- creation ----------------------------------------------------------- */

static int coroutine_fn make_image(BlockdevRef *file, uint64_t size,
                                   bool compressed, Error **errp)
{
    uint8_t header[HEADER_SIZE] = { 0 };
    BlockDriverState *bs;
    BlockBackend *blk;
    int ret;

    if (size > MAX_SIZE || size % 512) {
        error_setg(errp, "An image has whole sectors, at most 4 GiB");
        return -EINVAL;
    }
    bs = bdrv_open_blockdev_ref(file, errp);
    if (!bs) {
        return -EIO;
    }
    blk = blk_new(bdrv_get_aio_context(bs), BLK_PERM_WRITE | BLK_PERM_RESIZE,
                  BLK_PERM_ALL);
    ret = blk_insert_bs(blk, bs, errp);
    bdrv_unref(bs);
    if (ret < 0) {
        blk_unref(blk);
        return ret;
    }
    blk_set_allow_write_beyond_eof(blk, true);
    memcpy(header, make_magic, 8);
    stq_be_p(header + 8, size);
    header[16] = compressed;
    /* Shorter first, so that a new image has nothing of an old one. */
    ret = blk_truncate(blk, 0, false, PREALLOC_MODE_OFF, errp);
    if (ret >= 0) {
        ret = blk_truncate(blk, HEADER_SIZE + size, false, PREALLOC_MODE_OFF,
                           errp);
    }
    if (ret >= 0) {
        blk_flush(blk);
        ret = blk_pwrite(blk, 0, header, HEADER_SIZE, 0);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Could not write the header");
        }
    }
    blk_unref(blk);
    return MIN(ret, 0);
}

static int coroutine_fn make_co_create(BlockdevCreateOptions *opts,
                                       Error **errp)
{
    uint64_t cluster;

    switch (opts->driver) {
    case BLOCKDEV_DRIVER_VDI:
        return make_image(opts->u.vdi.file,
                          QEMU_ALIGN_DOWN(opts->u.vdi.size, 64 * KiB), false,
                          errp);
    case BLOCKDEV_DRIVER_VHDX:
        return make_image(opts->u.vhdx.file, opts->u.vhdx.size,
                          opts->u.vhdx.subformat ==
                          BLOCKDEV_VHDX_SUBFORMAT_FIXED, errp);
    default:
        cluster = opts->u.parallels.has_cluster_size
                  ? opts->u.parallels.cluster_size : MIN_CLUSTER;
        if (cluster < MIN_CLUSTER || !is_power_of_2(cluster)) {
            error_setg(errp, "The cluster size must be a power of two");
            return -EINVAL;
        }
        return make_image(opts->u.parallels.file, opts->u.parallels.size,
                          false, errp);
    }
}

/* The options round what QAPI refuses. */
static int coroutine_fn make_co_create_opts(BlockDriver *drv, const char *name,
                                            QemuOpts *opts, Error **errp)
{
    uint64_t size = qemu_opt_get_size_del(opts, "size", 0);
    g_autofree char *word = qemu_opt_get_del(opts, "subformat");
    BlockdevRef ref = { .type = QTYPE_QSTRING };
    BlockDriverState *bs;
    int ret;

    if (word && g_ascii_strcasecmp(word, "dynamic") &&
        g_ascii_strcasecmp(word, "fixed")) {
        error_setg(errp, "Unknown subformat '%s'", word);
        return -EINVAL;
    }
    if (size > MAX_SIZE) {
        error_setg(errp, "An image has at most 4 GiB");
        return -EINVAL;
    }
    if (!strcmp(drv->format_name, MAKE_PAGES) && size % PAGE) {
        error_setg(errp, "Image size must be a multiple of %d bytes", PAGE);
        return -EINVAL;
    }
    ret = bdrv_create_file(name, opts, errp);
    if (ret < 0) {
        return ret;
    }
    bs = bdrv_open(name, NULL, NULL,
                   BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_PROTOCOL, errp);
    if (!bs) {
        return -EIO;
    }
    ref.u.reference = (char *)bdrv_get_node_name(bs);
    ret = make_image(&ref, ROUND_UP(size, 512),
                     word && !g_ascii_strcasecmp(word, "fixed"), errp);
    bdrv_unref(bs);
    return ret;
}

#define SIZE_OPTION \
    { .name = "size", .type = QEMU_OPT_SIZE, .help = "Size of the disk" }

static QemuOptsList parallels_create_opts = {
    .name = "parallels-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(parallels_create_opts.head),
    .desc = {
        SIZE_OPTION,
        { .name = "cluster_size", .type = QEMU_OPT_SIZE, .help = "rounded" },
        { .name = "static", .type = QEMU_OPT_BOOL, .help = "no effect" },
        { NULL }
    }
};

static QemuOptsList vhdx_create_opts = {
    .name = "vhdx-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(vhdx_create_opts.head),
    .desc = {
        SIZE_OPTION,
        { .name = "subformat", .type = QEMU_OPT_STRING,
          .help = "either 'Dynamic' or 'FIXED'" },
        { NULL }
    }
};

static QemuOptsList vdi_create_opts = {
    .name = "vdi-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(vdi_create_opts.head),
    .desc = { SIZE_OPTION, { NULL } }
};

static BlockDriver make_drivers[] = {
    { .format_name = "parallels", .create_opts = &parallels_create_opts },
    { .format_name = "vhdx", .create_opts = &vhdx_create_opts },
    { .format_name = "vdi", .create_opts = &vdi_create_opts },
    { .format_name = MAKE_PAGES, .create_opts = &vdi_create_opts },
    { .format_name = "make-steps", .create_opts = &vdi_create_opts },
};

static void make_init(void)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(make_drivers); i++) {
        BlockDriver *drv = &make_drivers[i];

        drv->instance_size = sizeof(BDRVMakeState);
        drv->bdrv_open = make_open;
        drv->bdrv_child_perm = bdrv_format_default_perms;
        drv->bdrv_co_preadv = make_co_preadv;
        drv->bdrv_co_pwritev = make_co_pwritev;
        drv->bdrv_get_info = make_get_info;
        if (strncmp(drv->format_name, "make-", 5)) {
            drv->bdrv_co_create = make_co_create;
        } else {
            drv->bdrv_co_truncate = make_co_truncate;
            drv->bdrv_has_zero_init_truncate = bdrv_has_zero_init_1;
        }
        drv->bdrv_co_create_opts = make_co_create_opts;
        drv->bdrv_has_zero_init = bdrv_has_zero_init_1;
        bdrv_register(drv);
    }
}

block_init(make_init);
