/* SPDX-License-Identifier: MIT */
/*
 * Creation and measuring.
 *
 * Invariant: the copy of the footer at offset 0 is written last, behind a flush:
 * a creation that was cut off leaves nothing that looks like an image.
 */
#include "qemu/osdep.h"
#include "block/qdict.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qobject-input-visitor.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"
#include "layout.h"
#include "vpc.h"

#define VPC_OPT_FORCE_SIZE "force_size"

QemuOptsList vpc_create_opts = {
    .name = "vpc-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(vpc_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Virtual disk size",
        },
        {
            .name = BLOCK_OPT_SUBFMT,
            .type = QEMU_OPT_STRING,
            .help = "Type of virtual hard disk format. Supported formats are "
                    "{dynamic (default) | fixed} ",
        },
        {
            .name = VPC_OPT_FORCE_SIZE,
            .type = QEMU_OPT_BOOL,
            .help = "Force disk size calculation to use the actual size "
                    "specified, rather than using the nearest CHS-based "
                    "calculation",
        },
        { /* end of list */ }
    },
};

/* ---- writing the image ------------------------------------------------------------- */

static int write_all(BlockBackend *blk, uint64_t offset, const void *buf,
                     uint64_t bytes)
{
    int ret = blk_pwrite(blk, offset, buf, bytes, 0);

    return ret < 0 ? ret : 0;
}

static int write_empty_table(BlockBackend *blk, const VpcLayout *layout)
{
    uint64_t bytes = layout->table_bytes;
    uint64_t chunk = MIN(bytes, 1 * MiB);
    g_autofree void *ones = g_try_malloc(MAX(chunk, 1));
    int ret = 0;

    if (!ones) {
        return -ENOMEM;
    }
    memset(ones, 0xff, chunk);
    for (uint64_t done = 0; done < bytes && ret == 0; done += chunk) {
        chunk = MIN(chunk, bytes - done);
        ret = write_all(blk, VPC_TABLE_OFFSET + done, ones, chunk);
    }
    return ret;
}

static int create_dynamic(BlockBackend *blk, const VpcFooter *footer,
                          uint64_t size)
{
    VpcLayout layout;
    VpcDynHeader header;
    int ret;

    vpc_layout_init(&layout, size, VPC_DEFAULT_BLOCK_SIZE);
    vpc_new_header(&header, VPC_TABLE_OFFSET, layout.blocks,
                   layout.block_size);
    ret = write_empty_table(blk, &layout);
    if (ret == 0) {
        ret = write_all(blk, VPC_HEADER_OFFSET, &header, sizeof(header));
    }
    if (ret == 0) {
        ret = write_all(blk, vpc_layout_footer(&layout, 0), footer,
                        sizeof(*footer));
    }
    if (ret == 0) {
        ret = blk_flush(blk);
    }
    if (ret == 0) {
        ret = write_all(blk, 0, footer, sizeof(*footer));
    }
    return ret;
}

static int create_fixed(BlockBackend *blk, const VpcFooter *footer,
                        uint64_t size, Error **errp)
{
    int ret = blk_truncate(blk, size + sizeof(*footer), false,
                           PREALLOC_MODE_OFF, errp);

    if (ret < 0) {
        return ret;
    }
    ret = write_all(blk, size, footer, sizeof(*footer));
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the footer");
    }
    return ret;
}

static int create_in(BlockDriverState *bs, const VpcNewDisk *disk,
                     Error **errp)
{
    BlockBackend *blk = blk_new(bdrv_get_aio_context(bs),
                                BLK_PERM_WRITE | BLK_PERM_RESIZE,
                                BLK_PERM_ALL);
    VpcFooter footer;
    int ret = blk_insert_bs(blk, bs, errp);

    if (ret == 0) {
        blk_set_allow_write_beyond_eof(blk, true);
        vpc_new_footer(&footer, disk);
        if (disk->type == VPC_TYPE_FIXED) {
            ret = create_fixed(blk, &footer, disk->size, errp);
        } else {
            ret = create_dynamic(blk, &footer, disk->size);
            if (ret < 0) {
                error_setg_errno(errp, -ret, "Could not write the image's "
                                 "headers");
            }
        }
    }
    blk_unref(blk);
    return ret;
}

/* ---- creation by a QAPI description --------------------------------------------------- */

/* The geometry for the wanted size, which must be expressed exactly. */
static int choose_geometry(const BlockdevCreateOptionsVpc *opts,
                           VpcNewDisk *disk, Error **errp)
{
    bool forced = opts->has_force_size && opts->force_size;
    uint64_t sectors = opts->size / VPC_SECTOR;

    if (opts->size > VPC_MAX_SIZE) {
        error_setg(errp, "Disk size is too large, max size is 2040 GiB");
        return -EFBIG;
    }
    if (opts->size % VPC_SECTOR) {
        error_setg(errp, "The image size must be a multiple of %d bytes",
                   VPC_SECTOR);
        return -EINVAL;
    }
    if (!forced && vpc_round_to_geometry(sectors) != sectors) {
        error_setg(errp, "The requested image size cannot be represented in "
                   "CHS geometry");
        error_append_hint(errp, "Try size=%llu or force-size=on (the latter "
                          "makes the image incompatible with Virtual PC)\n",
                          vpc_round_to_geometry(sectors) * 512ull);
        return -EINVAL;
    }
    disk->size = opts->size;
    disk->creator_app = forced ? "qem2" : "qemu";
    disk->geometry = forced ? vpc_geometry(sectors)
                            : vpc_geometry_above(sectors);
    return 0;
}

int coroutine_fn vpc_co_create(BlockdevCreateOptions *opts, Error **errp)
{
    BlockdevCreateOptionsVpc *vpc = &opts->u.vpc;
    VpcNewDisk disk = { .type = VPC_TYPE_DYNAMIC };
    BlockDriverState *bs;
    int ret;

    assert(opts->driver == BLOCKDEV_DRIVER_VPC);
    if (vpc->has_subformat && vpc->subformat == BLOCKDEV_VPC_SUBFORMAT_FIXED) {
        disk.type = VPC_TYPE_FIXED;
    }
    ret = choose_geometry(vpc, &disk, errp);
    if (ret < 0) {
        return ret;
    }
    bs = bdrv_open_blockdev_ref(vpc->file, errp);
    if (!bs) {
        return -EIO;
    }
    ret = create_in(bs, &disk, errp);
    bdrv_unref(bs);
    return ret;
}

/* ---- creation by options ------------------------------------------------------------------ */

/* A size that options ask for is rounded up. */
static void round_size(BlockdevCreateOptionsVpc *opts)
{
    if (opts->size > VPC_MAX_SIZE) {
        return;
    }
    opts->size = ROUND_UP(opts->size, VPC_SECTOR);
    if (!opts->has_force_size || !opts->force_size) {
        opts->size = vpc_round_to_geometry(opts->size / VPC_SECTOR) *
                     VPC_SECTOR;
    }
}

static BlockdevCreateOptions *parse_create_options(QDict *qdict, Error **errp)
{
    static const QDictRenames renames[] = {
        { VPC_OPT_FORCE_SIZE, "force-size" },
        { NULL, NULL },
    };
    BlockdevCreateOptions *options = NULL;
    Visitor *v;

    if (!qdict_rename_keys(qdict, renames, errp)) {
        return NULL;
    }
    v = qobject_input_visitor_new_flat_confused(qdict, errp);
    if (!v) {
        return NULL;
    }
    visit_type_BlockdevCreateOptions(v, NULL, &options, errp);
    visit_free(v);
    return options;
}

/*
 * All options are judged before the file is touched: the node that is to hold
 * the image gets its name in @options only then.
 */
int coroutine_fn vpc_co_create_opts(BlockDriver *drv, const char *filename,
                                    QemuOpts *opts, Error **errp)
{
    BlockdevCreateOptions *options = NULL;
    BlockDriverState *bs = NULL;
    VpcNewDisk disk;
    QDict *qdict = qemu_opts_to_qdict_filtered(opts, NULL, &vpc_create_opts,
                                               true);
    int ret = -EINVAL;

    qdict_put_str(qdict, "driver", "vpc");
    qdict_put_str(qdict, "file", "");
    options = parse_create_options(qdict, errp);
    if (!options) {
        goto out;
    }
    round_size(&options->u.vpc);
    ret = choose_geometry(&options->u.vpc, &disk, errp);
    if (ret < 0) {
        goto out;
    }
    ret = bdrv_create_file(filename, opts, errp);
    if (ret < 0) {
        goto out;
    }
    bs = bdrv_open(filename, NULL, NULL,
                   BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_PROTOCOL, errp);
    if (!bs) {
        ret = -EIO;
        goto out;
    }
    g_free(options->u.vpc.file->u.reference);
    options->u.vpc.file->u.reference = g_strdup(bs->node_name);
    ret = vpc_co_create(options, errp);
out:
    qapi_free_BlockdevCreateOptions(options);
    bdrv_unref(bs);
    qobject_unref(qdict);
    return ret;
}

/* ---- measuring -------------------------------------------------------------------------------- */

/* The number of blocks of which @in_bs has data; -errno. */
static int64_t measure_blocks(BlockDriverState *in_bs, uint64_t size)
{
    uint64_t blocks = 0, next = 0;
    int64_t offset = 0;

    while (offset < (int64_t)size) {
        int64_t pnum, end;
        int ret = bdrv_block_status_above(in_bs, NULL, offset, size - offset,
                                          &pnum, NULL, NULL, NULL);

        if (ret < 0) {
            return ret;
        }
        if (pnum == 0) {
            break;
        }
        end = offset + pnum;
        if (!(ret & BDRV_BLOCK_ZERO) && (ret & BDRV_BLOCK_DATA)) {
            uint64_t first = MAX((uint64_t)offset / VPC_DEFAULT_BLOCK_SIZE,
                                 next);

            next = DIV_ROUND_UP(end, VPC_DEFAULT_BLOCK_SIZE);
            blocks += next > first ? next - first : 0;
        }
        offset = end;
    }
    return blocks;
}

static bool measured_size(QemuOpts *opts, BlockDriverState *in_bs,
                          BlockdevCreateOptionsVpc *disk, Error **errp)
{
    disk->size = qemu_opt_get_size(opts, BLOCK_OPT_SIZE, 0);
    disk->has_force_size = true;
    disk->force_size = qemu_opt_get_bool(opts, VPC_OPT_FORCE_SIZE, false);
    if (in_bs) {
        int64_t length = bdrv_getlength(in_bs);

        if (length < 0) {
            error_setg_errno(errp, -length, "Unable to get image virtual_size");
            return false;
        }
        disk->size = length;
    }
    disk->size = ROUND_UP(MIN(disk->size, INT64_MAX / 2), VPC_SECTOR);
    if (!disk->force_size) {
        disk->size = vpc_round_to_geometry(disk->size / VPC_SECTOR) *
                     VPC_SECTOR;
    }
    if (disk->size > VPC_MAX_SIZE) {
        error_setg(errp, "Disk size is too large, max size is 2040 GiB");
        return false;
    }
    return true;
}

BlockMeasureInfo *vpc_measure(QemuOpts *opts, BlockDriverState *in_bs,
                              Error **errp)
{
    const char *word = qemu_opt_get(opts, BLOCK_OPT_SUBFMT);
    BlockdevCreateOptionsVpc disk = { 0 };
    Error *local_err = NULL;
    BlockMeasureInfo *info;
    int64_t data = 0;
    int subformat = qapi_enum_parse(&BlockdevVpcSubformat_lookup, word,
                                    BLOCKDEV_VPC_SUBFORMAT_DYNAMIC,
                                    &local_err);

    if (local_err) {
        error_propagate(errp, local_err);
        return NULL;
    }
    if (!measured_size(opts, in_bs, &disk, errp)) {
        return NULL;
    }
    if (in_bs && subformat == BLOCKDEV_VPC_SUBFORMAT_DYNAMIC) {
        data = measure_blocks(in_bs, bdrv_getlength(in_bs));
        if (data < 0) {
            error_setg_errno(errp, -data, "Unable to get block status");
            return NULL;
        }
    }
    info = g_new0(BlockMeasureInfo, 1);
    if (subformat == BLOCKDEV_VPC_SUBFORMAT_FIXED) {
        info->required = disk.size + sizeof(VpcFooter);
        info->fully_allocated = info->required;
    } else {
        VpcLayout layout;

        vpc_layout_init(&layout, disk.size, VPC_DEFAULT_BLOCK_SIZE);
        info->required = vpc_layout_footer(&layout, data) + VPC_SECTOR;
        info->fully_allocated = vpc_layout_footer(&layout, layout.blocks) +
                                VPC_SECTOR;
    }
    return info;
}
