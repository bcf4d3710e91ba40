/* SPDX-License-Identifier: MIT */
/*
 * Creation, by options and by the schema's description.
 *
 * Invariants:
 *   - Options become the description first, so that both mean the same; only
 *     sizes that options round are refused in a description.
 *   - All options are checked before the file is touched, so that a mistake in
 *     them costs no old image.
 */
#include "qemu/osdep.h"
#include "block/qdict.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qobject-input-visitor.h"
#include "create.h"
#include "fields.h"
#include "vpc.h"

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
            .name = "force_size",
            .type = QEMU_OPT_BOOL,
            .help = "Force disk size calculation to use the actual size "
                    "specified, rather than using the nearest CHS-based "
                    "calculation",
        },
        {
            .name = "block_size",
            .type = QEMU_OPT_SIZE,
            .help = "Size of the blocks of a dynamic disk, a power of two from "
                    "4 KiB to 256 MiB",
        },
        {
            .name = BLOCK_OPT_PREALLOC,
            .type = QEMU_OPT_STRING,
            .help = "Preallocation mode (allowed values: off, metadata, "
                    "falloc, full)",
        },
        {
            .name = "target",
            .type = QEMU_OPT_STRING,
            .help = "Product that the image is for (allowed values: azure, "
                    "hyperv, xenserver, virtualbox, virtualpc)",
        },
        VPC_FIELD_OPTS,
        { /* end of list */ }
    },
};

/* Writes the image to @bs, if that could be opened; @bs is given up. */
static int coroutine_fn create_on(BlockDriverState *bs, const VpcPlan *plan,
                                  Error **errp)
{
    int ret = bs ? vpc_write_new(bs, plan, errp) : -EIO;

    bdrv_unref(bs);
    return ret;
}

int coroutine_fn vpc_co_create(BlockdevCreateOptions *opts, Error **errp)
{
    VpcPlan plan;
    int ret;

    assert(opts->driver == BLOCKDEV_DRIVER_VPC);
    ret = vpc_plan(&opts->u.vpc, false, &plan, errp);
    return ret < 0 ? ret
                   : create_on(bdrv_open_blockdev_ref(opts->u.vpc.file, errp),
                               &plan, errp);
}

BlockdevCreateOptions *vpc_parse_create_opts(QemuOpts *opts, int64_t size,
                                             Error **errp)
{
    /* The schema's names have hyphens, options the underscores of QEMU's. */
    static const QDictRenames renames[] = {
        { "force_size", "force-size" },
        { "block_size", "block-size" },
        { "creator_os", "creator-os" },
        { "creator_version", "creator-version" },
        { NULL, NULL },
    };
    QDict *qdict = qemu_opts_to_qdict_filtered(opts, NULL, &vpc_create_opts,
                                               true);
    BlockdevCreateOptions *options = NULL;
    Visitor *v = NULL;

    qdict_put_str(qdict, "driver", "vpc");
    qdict_put_str(qdict, "file", "");
    if (size >= 0) {
        g_autofree char *text = g_strdup_printf("%" PRId64, size);

        qdict_put_str(qdict, BLOCK_OPT_SIZE, text);
    }
    if (qdict_rename_keys(qdict, renames, errp)) {
        v = qobject_input_visitor_new_flat_confused(qdict, errp);
    }
    if (v) {
        visit_type_BlockdevCreateOptions(v, NULL, &options, errp);
        visit_free(v);
    }
    qobject_unref(qdict);
    return options;
}

int coroutine_fn vpc_co_create_opts(BlockDriver *drv, const char *filename,
                                    QemuOpts *opts, Error **errp)
{
    BlockdevCreateOptions *options = vpc_parse_create_opts(opts, -1, errp);
    VpcPlan plan;
    int ret;

    if (!options) {
        return -EINVAL;
    }
    ret = vpc_plan(&options->u.vpc, true, &plan, errp);
    if (ret == 0) {
        /* Of the options, those of the file are what is left. */
        ret = bdrv_create_file(filename, opts, errp);
    }
    if (ret >= 0) {
        ret = create_on(bdrv_open(filename, NULL, NULL,
                                  BDRV_O_RDWR | BDRV_O_RESIZE |
                                  BDRV_O_PROTOCOL, errp), &plan, errp);
    }
    qapi_free_BlockdevCreateOptions(options);
    return ret;
}
