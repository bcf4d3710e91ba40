/* SPDX-License-Identifier: MIT */
/*
 * measure: the space that a new image will need, empty or with the contents of
 * another one.
 *
 * Invariants: nothing is created; a source is opened read-only.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qobject-output-visitor.h"

typedef struct MeasureArgs {
    ImgOpen how;
    const char *filename;   /* the source; NULL: none */
    const char *format;     /* of the image to be */
    const char *options;    /* -o, joined; NULL: none */
    int64_t size;           /* bytes; negative: not given */
    bool json;
} MeasureArgs;

/* The arguments fit together; returns the exit status. */
static int measure(const MeasureArgs *args)
{
    Error *err = NULL;
    BlockDriver *drv = img_find_format(args->format, &err);
    /* Any local name will do: its protocol is that of plain files. */
    g_autoptr(QemuOptsList) list =
        drv ? img_create_list(drv, "measured", &err) : NULL;
    g_autoptr(QemuOpts) opts = NULL;
    g_autoptr(BlockBackend) source = NULL;
    BlockMeasureInfo *info = NULL;

    if (list) {
        opts = img_parse_create(list, drv, args->options, NULL, NULL, &err);
    }
    if (!opts) {
        error_report_err(err);
        /* With a list it was the options that are wrong, not the format. */
        if (list) {
            error_report("Invalid options for file format '%s'", args->format);
        }
        return 1;
    }
    if (args->size >= 0) {
        qemu_opt_set_number(opts, "size", args->size, &error_abort);
    } else {
        source = img_open(args->filename, &args->how);
        if (!source) {
            return 1;
        }
    }
    info = bdrv_measure(drv, opts, source ? blk_bs(source) : NULL, &err);
    if (!info) {
        error_report_err(err);
        return 1;
    }
    if (args->json) {
        img_print_json(img_to_qobject(BlockMeasureInfo, info));
    } else {
        printf("required size: %" PRId64 "\n"
               "fully allocated size: %" PRId64 "\n", info->required,
               info->fully_allocated);
    }
    qapi_free_BlockMeasureInfo(info);
    return 0;
}

static const CmdOption measure_options[] = {
    { 'O', NULL, "FMT", "format of the new image (default: raw)",
      cmd_set_string, offsetof(MeasureArgs, format) },
    { 'o', NULL, "OPTIONS", "options of that format; '-o help' lists them",
      img_set_list, offsetof(MeasureArgs, options) },
    IMG_OUTPUT(MeasureArgs, json),
    { 0, "size", "N", "size of the disk in bytes, instead of FILE",
      img_set_size, offsetof(MeasureArgs, size), "image size" },
    IMG_FORMAT(MeasureArgs, how.format),
    IMG_IMAGE_OPTS(MeasureArgs, how.image_opts),
    IMG_FORCE_SHARE(MeasureArgs, how.force_share),
    IMG_END
};

static int measure_run(int argc, char **argv)
{
    MeasureArgs args = { .format = IMG_DEFAULT_FORMAT, .size = -1 };

    img_read_options(&args, argc, argv);
    if (args.options && has_help_option(args.options)) {
        return img_print_create_help(NULL, args.format);
    }
    args.filename = optind < argc ? argv[optind] : NULL;
    img_check_operands(argc, argv, 0, 1,
                       "At most one filename argument is allowed.");
    img_fail_if(!args.filename && (args.how.image_opts || args.how.format),
                "--image-opts, -f, and -l require a filename argument.");
    img_fail_if(!args.filename && args.size < 0,
                "Either --size N or one filename must be specified.");
    img_fail_if(args.filename && args.size >= 0,
                "--size N cannot be used together with a filename.");
    img_check_image_opts(&args.how);
    return measure(&args);
}

const ImgCommand img_measure = {
    .name = "measure",
    .operands = "[FILE]",
    .help =
        "Shows how many bytes a new image will take: one of a size, or one\n"
        "with the contents of another image.\n",
    .example = "-O vpc --size=10G",
    .options = measure_options,
    .run = measure_run,
};
