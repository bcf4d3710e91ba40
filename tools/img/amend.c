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
 * The options that can be changed: the driver's list for it, or else that of
 * creation.  Free with qemu_opts_free().  NULL, and reported, for a format
 * whose images cannot be amended.
 */
static QemuOptsList *amend_list(BlockDriver *drv)
{
    QemuOptsList *own = bdrv_driver_amend_opts(drv);

    if (!bdrv_driver_can_amend(drv)) {
        error_report("Format driver '%s' does not support option amendment",
                     bdrv_driver_name(drv));
        return NULL;
    }
    return qemu_opts_append(NULL, own ? own : bdrv_driver_create_opts(drv));
}

static int amend_print_help(BlockDriver *drv)
{
    QemuOptsList *list = amend_list(drv);

    if (!list) {
        return 1;
    }
    printf("Amend options for '%s':\n", bdrv_driver_name(drv));
    qemu_opts_print_help(list, false);
    qemu_opts_free(list);
    return 0;
}

static int amend_node(BlockDriverState *bs, const AmendArgs *args)
{
    QemuOptsList *list = amend_list(bdrv_get_driver(bs));
    Error *err = NULL;
    QemuOpts *opts;
    bool ok;

    if (!list) {
        return 1;
    }
    opts = qemu_opts_create(list, NULL, 0, &error_abort);
    ok = qemu_opts_do_parse(opts, args->options, NULL, &err) &&
         bdrv_amend_options(bs, opts, args->force, &err) >= 0;
    if (!ok) {
        error_report_err(err);
    } else {
        ok = bdrv_flush_report(bs) == 0;
    }
    qemu_opts_del(opts);
    qemu_opts_free(list);
    return ok ? 0 : 1;
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

    img_read_options(&args, argc, argv);
    if (!args.options) {
        img_usage_error("Must specify options (-o)");
    }
    if (args.how.format && has_help_option(args.options)) {
        BlockDriver *drv = bdrv_find_format(args.how.format);

        if (!drv) {
            error_report("Unknown file format '%s'", args.how.format);
            return 1;
        }
        return amend_print_help(drv);
    }
    img_fail_if(optind != argc - 1, "Expecting one image file name");
    blk = img_open_operand(&args.how, argc, argv);
    return has_help_option(args.options)
               ? amend_print_help(bdrv_get_driver(blk_bs(blk)))
               : amend_node(blk_bs(blk), &args);
}

const ImgCommand img_amend = {
    .name = "amend",
    .operands = "FILE",
    .help = "Changes properties of an image.\n",
    .options = amend_options,
    .run = amend_run,
};
