/* SPDX-License-Identifier: MIT */
/*
 * create: makes a new, empty image.
 *
 * Invariants:
 *   - All that can be checked without touching the file is checked before the
 *     line `Formatting ...`, so that a refused image keeps what is there; the
 *     line shows only what the user gave, since scripts compare it.
 *   - Every error names the image.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "target.h"
#include "qemu/cutils.h"

typedef struct CreateArgs {
    const char *format;
    const char *filename;
    const char *backing;            /* NULL: none */
    const char *backing_format;     /* NULL: not given */
    const char *options;            /* -o, joined; NULL: none */
    int64_t size;                   /* bytes; negative: not given */
    bool quiet;
    bool unsafe;                    /* do not open the backing image */
    bool keep;                      /* --keep-partial */
} CreateArgs;

/*
 * Is the backing image there, and its format named?  Then *@blk, to be released
 * by the caller also after a failure, is the image and *@size its length, if it
 * was opened.
 */
static bool create_check_backing(const QemuOptsList *list, QemuOpts *opts,
                                 const CreateArgs *args, BlockBackend **blk,
                                 int64_t *size, Error **errp)
{
    ERRP_GUARD();
    const char *name = qemu_opt_get(opts, "backing_file");
    g_autofree char *path = name ? path_combine(args->filename, name) : NULL;

    if (!name) {
        return true;
    }
    if (!name[0]) {
        error_setg(errp, "Expected backing file name, got empty string");
        return false;
    }
    if (strcmp(path, args->filename) == 0) {
        error_setg(errp, "Error: Trying to create an image with the same "
                   "filename as the backing file");
        return false;
    }
    if (!args->unsafe) {
        *blk = img_open_backing(args->filename, opts, errp);
        if (!*blk) {
            error_append_hint(errp, "Could not open backing image.\n");
            return false;
        }
        *size = blk_getlength(*blk);
        if (*size < 0) {
            error_setg_errno(errp, -*size, "Could not get size of '%s'", path);
            return false;
        }
        /* Otherwise the new image could not be opened. */
        if (path_has_protocol(name) && !strstart(name, "file:", NULL)) {
            error_setg(errp, "backing_file is '%s', but an image can only name "
                       "the path of a file", name);
            error_append_hint(errp, "Give a path, with 'file:' before it if "
                              "it looks like a protocol.\n");
            return false;
        }
    }
    if (img_lacks_backing_format(list, opts)) {
        error_setg(errp, "Backing file specified without backing format");
        if (*blk) {
            error_append_hint(errp, "Detected format of %s.\n",
                              bdrv_get_format_name(blk_bs(*blk)));
        }
        return false;
    }
    return true;
}

/* Makes sure that the size is there, once: without one the backing image's. */
static bool create_set_size(QemuOpts *opts, const CreateArgs *args,
                            int64_t backing_size, Error **errp)
{
    ERRP_GUARD();
    int64_t size = args->size < 0 ? backing_size : args->size;

    if (qemu_opt_find(opts, "size")) {
        if (args->size >= 0) {
            error_setg(errp, "The image size must be specified only once");
        }
        return args->size < 0;
    }
    if (size < 0) {
        error_setg(errp, "Image creation needs a size parameter");
        error_append_hint(errp, "Missing operand: SIZE\n");
        return false;
    }
    return qemu_opt_set_number(opts, "size", size, errp);
}

/* Every error that it returns is about the image that is to be. */
static bool create(const CreateArgs *args, Error **errp)
{
    BlockDriver *drv = img_find_format(args->format, errp);
    g_autoptr(QemuOptsList) list =
        drv ? img_create_list(drv, args->filename, errp) : NULL;
    g_autoptr(QemuOpts) opts = NULL;
    /* Open until the end, so that the new image cannot be one of its files. */
    g_autoptr(BlockBackend) backing = NULL;
    Error *err = NULL;
    int64_t asked, backing_size = -1;
    int ret;

    if (list) {
        opts = img_parse_create(list, drv, args->options, args->backing,
                                args->backing_format, errp);
    }
    if (!opts || !create_check_backing(list, opts, args, &backing,
                                       &backing_size, errp) ||
        !create_set_size(opts, args, backing_size, errp)) {
        return false;
    }
    target_begin(args->filename, false, args->keep, bdrv_driver_name(drv));
    asked = qemu_opt_get_size(opts, "size", 0);
    if (!args->quiet) {
        printf("Formatting '%s', fmt=%s ", args->filename,
               bdrv_driver_name(drv));
        qemu_opts_print(opts, " ");
        printf("\n");
        /* Creating may take long, and its error comes after this line. */
        fflush(stdout);
    }
    ret = target_create(drv, args->filename, opts, &err);
    if (ret == -EFBIG) {
        error_setg(errp, "The image size is too large for file format '%s'",
                   bdrv_driver_name(drv));
        /* The driver's own message names the limit. */
        error_append_hint(errp, "%s\n", error_get_pretty(err));
        error_free(err);
        return false;
    }
    error_propagate(errp, err);
    if (ret >= 0 && !args->quiet) {
        img_note_rounding(drv, args->filename, asked);
    }
    return ret >= 0;
}

static const CmdOption create_options[] = {
    { 'f', NULL, "FMT", "format of the image (default: raw)",
      cmd_set_string, offsetof(CreateArgs, format) },
    { 'o', NULL, "OPTIONS", "options of the format; '-o help' lists them",
      img_set_list, offsetof(CreateArgs, options) },
    { 'b', NULL, "BACKING", "backing image",
      cmd_set_string, offsetof(CreateArgs, backing) },
    { 'F', NULL, "FMT", "format of the backing image",
      cmd_set_string, offsetof(CreateArgs, backing_format) },
    { 'u', NULL, NULL, "do not open the backing image",
      cmd_set_true, offsetof(CreateArgs, unsafe) },
    IMG_QUIET(CreateArgs, quiet),
    TARGET_KEEP(CreateArgs, keep),
    IMG_END
};

static int create_run(int argc, char **argv)
{
    CreateArgs args = { .format = IMG_DEFAULT_FORMAT, .size = -1 };
    Error *err = NULL;

    img_read_options(&args, argc, argv);
    if (args.options && has_help_option(args.options)) {
        return img_print_create_help(optind < argc ? argv[optind] : NULL,
                                     args.format);
    }
    img_check_operands(argc, argv, 1, INT_MAX, "Expecting image file name");
    args.filename = argv[optind++];
    if (optind < argc) {
        args.size = img_parse_size("image size", argv[optind++], 0, INT64_MAX);
    }
    if (optind < argc) {
        img_usage_error("Unexpected argument: %s", argv[optind]);
    }
    if (!create(&args, &err)) {
        error_reportf_err(err, "%s: ", args.filename);
        target_end(false);
        return 1;
    }
    target_end(true);
    return 0;
}

const ImgCommand img_create = {
    .name = "create",
    .operands = "FILE [SIZE]",
    .help = "Makes a new image. The size may also stand among the options.\n",
    .example = "-f vpc new.vhd 10G",
    .options = create_options,
    .run = create_run,
};
