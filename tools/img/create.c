/* SPDX-License-Identifier: MIT */
/*
 * create: makes a new, empty image.
 *
 * Invariants:
 *   - All that can be judged without touching the file is judged before the
 *     line `Formatting ...`; what is printed there is what the user gave.
 *   - Every error names the image.
 */
#include "qemu/osdep.h"
#include "common.h"

typedef struct CreateArgs {
    const char *format;
    const char *filename;
    const char *backing;            /* NULL: none */
    const char *backing_format;     /* NULL: not given */
    char *options;                  /* -o, joined; NULL: none */
    int64_t size;                   /* bytes; negative: not given */
    bool quiet;
    bool unsafe;                    /* do not open the backing image */
} CreateArgs;

static const char create_help[] =
    "Makes a new image. The size may also stand among the options.\n"
    "\n"
    "  -f FMT      format of the image (default: raw)\n"
    "  -o OPTIONS  options of the format; '-o help' lists them\n"
    "  -b FILE     backing image\n"
    "  -F FMT      format of the backing image\n"
    "  -u          do not open the backing image\n"
    "  -q          print nothing but errors\n";

static bool list_has(QemuOptsList *list, const char *name)
{
    const QemuOptDesc *desc = list->desc;

    while (desc->name && strcmp(desc->name, name) != 0) {
        desc++;
    }
    return desc->name != NULL;
}

/* Sets what -b and -F say, if the format has a place for it. */
static bool set_backing(QemuOpts *opts, QemuOptsList *list,
                        const CreateArgs *args, Error **errp)
{
    if (args->backing && !list_has(list, "backing_file")) {
        error_setg(errp, "Backing file not supported for file format '%s'",
                   args->format);
        return false;
    }
    if (args->backing_format && !list_has(list, "backing_fmt")) {
        error_setg(errp, "Backing file format not supported for file format "
                   "'%s'", args->format);
        return false;
    }
    return (!args->backing ||
            qemu_opt_set(opts, "backing_file", args->backing, errp)) &&
           (!args->backing_format ||
            qemu_opt_set(opts, "backing_fmt", args->backing_format, errp));
}

/* The size of the backing image in bytes, negative with an error. */
static int64_t backing_size(const CreateArgs *args, Error **errp)
{
    g_autofree char *path = path_combine(args->filename, args->backing);
    QDict *options = qdict_new();
    BlockBackend *blk;
    int64_t size;

    if (args->backing_format) {
        qdict_put_str(options, "driver", args->backing_format);
    }
    blk = blk_new_open(path, NULL, options, 0, errp);
    if (!blk) {
        error_prepend(errp, "Could not open backing file: ");
        return -EINVAL;
    }
    size = blk_getlength(blk);
    if (size < 0) {
        error_setg_errno(errp, -size, "Could not get size of '%s'", path);
    }
    blk_unref(blk);
    return size;
}

/* Makes sure that the size is there, once. */
static bool set_size(QemuOpts *opts, const CreateArgs *args, Error **errp)
{
    int64_t size = args->size;
    bool given = qemu_opt_find(opts, "size") != NULL;

    if (size >= 0 && given) {
        error_setg(errp, "The image size must be specified only once");
        return false;
    }
    if (given) {
        return true;
    }
    if (size < 0 && args->backing && !args->unsafe) {
        size = backing_size(args, errp);
        if (size < 0) {
            return false;
        }
    }
    if (size < 0) {
        error_setg(errp, "Image creation needs a size parameter");
        return false;
    }
    return qemu_opt_set_number(opts, "size", size, errp);
}

static bool set_options(QemuOpts *opts, QemuOptsList *list,
                        const CreateArgs *args, Error **errp)
{
    return (!args->options ||
            qemu_opts_do_parse(opts, args->options, NULL, errp)) &&
           set_backing(opts, list, args, errp) &&
           set_size(opts, args, errp);
}

/* Says what is about to be done, does it, and tells of rounding. */
static bool create_image(BlockDriver *drv, QemuOpts *opts,
                         const CreateArgs *args, Error **errp)
{
    int64_t asked = qemu_opt_get_size(opts, "size", 0);
    Error *err = NULL;
    int ret;

    if (!args->quiet) {
        printf("Formatting '%s', fmt=%s ", args->filename, args->format);
        qemu_opts_print(opts, " ");
        printf("\n");
        fflush(stdout);
    }
    ret = bdrv_create(drv, args->filename, opts, &err);
    if (ret == -EFBIG) {
        error_free(err);
        error_setg(errp, "The image size is too large for file format '%s'",
                   args->format);
        return false;
    }
    if (ret < 0) {
        error_propagate(errp, err);
        return false;
    }
    if (!args->quiet) {
        img_note_rounding(drv, args->filename, asked);
    }
    return true;
}

static bool create(CreateArgs *args, Error **errp)
{
    BlockDriver *drv = bdrv_find_format(args->format);
    QemuOptsList *list;
    QemuOpts *opts;
    bool ok;

    if (!drv) {
        error_setg(errp, "Unknown file format '%s'", args->format);
        return false;
    }
    args->format = bdrv_driver_name(drv);
    list = img_create_list(drv, args->filename, errp);
    if (!list) {
        return false;
    }
    opts = qemu_opts_create(list, NULL, 0, &error_abort);
    ok = set_options(opts, list, args, errp) &&
         create_image(drv, opts, args, errp);
    qemu_opts_del(opts);
    qemu_opts_free(list);
    return ok;
}

/* The operands, after the options; false when an error was reported. */
static bool read_operands(CreateArgs *args, int argc, char **argv)
{
    if (optind == argc) {
        img_usage_error("Expecting image file name");
    }
    args->filename = argv[optind++];
    if (optind < argc) {
        args->size = img_parse_size("image size", argv[optind++]);
        if (args->size < 0) {
            return false;
        }
    }
    if (optind < argc) {
        img_usage_error("Unexpected argument: %s", argv[optind]);
    }
    return true;
}

/* The options; false when an error was reported. */
static bool read_options(CreateArgs *args, int argc, char **argv)
{
    static const struct option long_options[] = { IMG_LONG_HELP, IMG_LONG_END };
    int c;

    while ((c = img_getopt(argc, argv, "f:o:b:F:uq", long_options)) != -1) {
        switch (c) {
        case 'f':
            args->format = optarg;
            break;
        case 'o':
            if (!img_add_options(&args->options, optarg)) {
                return false;
            }
            break;
        case 'b':
            args->backing = optarg;
            break;
        case 'F':
            args->backing_format = optarg;
            break;
        case 'u':
            args->unsafe = true;
            break;
        case 'q':
            args->quiet = true;
            break;
        }
    }
    return true;
}

static int run(CreateArgs *args, int argc, char **argv)
{
    Error *err = NULL;

    if (!read_options(args, argc, argv)) {
        return 1;
    }
    if (args->options && has_help_option(args->options)) {
        return img_print_create_help(optind < argc ? argv[optind] : NULL,
                                     args->format);
    }
    if (!read_operands(args, argc, argv)) {
        return 1;
    }
    if (!create(args, &err)) {
        error_reportf_err(err, "%s: ", args->filename);
        return 1;
    }
    return 0;
}

static int create_run(int argc, char **argv)
{
    CreateArgs args = { .format = IMG_DEFAULT_FORMAT, .size = -1 };
    int status = run(&args, argc, argv);

    g_free(args.options);
    return status;
}

const ImgCommand img_create = {
    .name = "create",
    .synopsis = "[-f FMT] [-o OPTIONS] [-b BACKING [-F FMT]] [-u] [-q] FILE "
                "[SIZE]",
    .help = create_help,
    .run = create_run,
};
