/* SPDX-License-Identifier: MIT */
/*
 * amend: changes properties of an image that is there.
 *
 * Invariants: the image is not touched when an option is unknown or malformed.
 */
#include "qemu/osdep.h"
#include "common.h"

typedef struct AmendArgs {
    ImgOpen how;
    const char *options;    /* -o, joined */
    bool force;
} AmendArgs;

/*
 * Changes @bs, or with the help option prints what can be changed of images of
 * @drv: the options of the driver's list for it, or else those of creation.
 * Returns the exit status.
 */
static int amend(BlockDriver *drv, BlockDriverState *bs, const AmendArgs *args)
{
    QemuOptsList *own = bdrv_driver_amend_opts(drv);
    g_autoptr(QemuOptsList) list = NULL;
    g_autoptr(QemuOpts) opts = NULL;
    Error *err = NULL;
    int ret;

    if (!bdrv_driver_can_amend(drv)) {
        error_report("Format driver '%s' does not support option amendment",
                     bdrv_driver_name(drv));
        if (bs) {
            img_hint_format(bs);
        }
        return 1;
    }
    list = qemu_opts_append(NULL, own ? own : bdrv_driver_create_opts(drv));
    if (has_help_option(args->options)) {
        printf("Amend options for '%s':\n", bdrv_driver_name(drv));
        qemu_opts_print_help(list, false);
        return 0;
    }
    opts = qemu_opts_create(list, NULL, 0, &error_abort);
    if (!qemu_opts_do_parse(opts, args->options, NULL, &err)) {
        error_report_err(err);
        return 1;
    }
    ret = bdrv_amend_options(bs, opts, args->force, &err);
    if (ret < 0) {
        error_report_err(err);
        /* Else the options are wrong. */
        if (ret != -EINVAL) {
            img_hint_file(bdrv_get_filename(bs));
        }
        return 1;
    }
    return bdrv_flush_report(bs) < 0 ? 1 : 0;
}

static const CmdOption amend_options[] = {
    IMG_FORMAT(AmendArgs, how.format),
    { 'o', NULL, "OPTIONS", "changes; '-o help' lists the possible ones",
      img_set_list, offsetof(AmendArgs, options), .required = true },
    IMG_CACHE('t', AmendArgs, how),
    { 0, "force", NULL, "make changes, too, that guests may fail over",
      cmd_set_true, offsetof(AmendArgs, force) },
    { 'p' },
    { 'q', NULL, NULL, "print nothing but errors" },
    IMG_IMAGE_OPTS(AmendArgs, how.image_opts),
    IMG_END
};

static int amend_run(int argc, char **argv)
{
    AmendArgs args = { .how.flags = BDRV_O_RDWR | BDRV_O_RESIZE };
    g_autoptr(BlockBackend) blk = NULL;
    Error *err = NULL;

    img_read_options(&args, argc, argv);
    if (!args.options) {
        img_usage_error("Must specify options (-o)");
    }
    if (args.how.format && has_help_option(args.options)) {
        BlockDriver *drv = img_find_format(args.how.format, &err);

        if (!drv) {
            error_report_err(err);
            return 1;
        }
        return amend(drv, NULL, &args);
    }
    blk = img_open_operand(&args.how, argc, argv);
    return amend(bdrv_get_driver(blk_bs(blk)), blk_bs(blk), &args);
}

const ImgCommand img_amend = {
    .name = "amend",
    .operands = "FILE",
    .help = "Changes properties of an image.\n",
    .example = "-f vpc -o creator_os=Wi2k disk.vhd",
    .options = amend_options,
    .run = amend_run,
};
