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
    char *options;          /* -o, joined; NULL: none */
    int64_t size;           /* bytes; negative: not given */
    bool json;
} MeasureArgs;

static const char measure_help[] =
    "Tells how many bytes a new image will take: one of a size, or one with\n"
    "the contents of another image.\n"
    "\n"
    "  -O FMT             format of the new image (default: raw)\n"
    "  -o OPTIONS         options of that format; '-o help' lists them\n"
    "  --size=N           size of the disk in bytes, instead of FILE\n"
    "  --output=FORM      human (default) or json\n"
    "  -f FMT             format of FILE (default: probed)\n"
    "  --image-opts       FILE is a list of options\n"
    "  -U, --force-share  also while another process writes to it\n";

static void print_json(BlockMeasureInfo *info)
{
    QObject *obj;
    Visitor *v = qobject_output_visitor_new(&obj);

    visit_type_BlockMeasureInfo(v, NULL, &info, &error_abort);
    visit_complete(v, &obj);
    visit_free(v);
    img_print_json(obj);
    qobject_unref(obj);
}

static void print_human(const BlockMeasureInfo *info)
{
    printf("required size: %" PRId64 "\n"
           "fully allocated size: %" PRId64 "\n", info->required,
           info->fully_allocated);
}

/* The options of the image to be; false when reported. */
static bool set_options(QemuOpts *opts, const MeasureArgs *args)
{
    Error *err = NULL;

    if (args->options &&
        !qemu_opts_do_parse(opts, args->options, NULL, &err)) {
        error_report_err(err);
        error_report("Invalid options for file format '%s'", args->format);
        return false;
    }
    if (args->size >= 0) {
        qemu_opt_set_number(opts, "size", args->size, &error_abort);
    }
    return true;
}

/* Measures by the options @opts; an exit status. */
static int measure_opts(BlockDriver *drv, QemuOpts *opts,
                        const MeasureArgs *args)
{
    Error *err = NULL;
    BlockMeasureInfo *info;
    BlockBackend *source = NULL;

    if (!set_options(opts, args)) {
        return 1;
    }
    if (args->filename) {
        source = img_open(args->filename, &args->how);
        if (!source) {
            return 1;
        }
    }
    info = bdrv_measure(drv, opts, source ? blk_bs(source) : NULL, &err);
    if (!info) {
        error_report_err(err);
    } else if (args->json) {
        print_json(info);
    } else {
        print_human(info);
    }
    blk_unref(source);
    qapi_free_BlockMeasureInfo(info);
    return info ? 0 : 1;
}

static int measure(const MeasureArgs *args)
{
    BlockDriver *drv = bdrv_find_format(args->format);
    Error *err = NULL;
    QemuOptsList *list;
    QemuOpts *opts;
    int status;

    if (!drv) {
        error_report("Unknown file format '%s'", args->format);
        return 1;
    }
    /* Any local name will do: its protocol is that of plain files. */
    list = img_create_list(drv, "measured", &err);
    if (!list) {
        error_report_err(err);
        return 1;
    }
    opts = qemu_opts_create(list, NULL, 0, &error_abort);
    status = measure_opts(drv, opts, args);
    qemu_opts_del(opts);
    qemu_opts_free(list);
    return status;
}

/* False when something was no good, which was reported. */
static bool read_options(MeasureArgs *args, int argc, char **argv)
{
    enum { OPT_SIZE = IMG_OPT_OWN };
    static const struct option long_options[] = {
        IMG_LONG_HELP, IMG_LONG_OUTPUT, IMG_LONG_IMAGE_OPTS,
        IMG_LONG_FORCE_SHARE,
        { "size", required_argument, NULL, OPT_SIZE },
        IMG_LONG_END
    };
    int c;

    while ((c = img_getopt(argc, argv, "f:O:o:U", long_options)) != -1) {
        switch (c) {
        case 'f':
            args->how.format = optarg;
            break;
        case 'O':
            args->format = optarg;
            break;
        case 'o':
            if (!img_add_options(&args->options, optarg)) {
                return false;
            }
            break;
        case 'U':
            args->how.force_share = true;
            break;
        case IMG_OPT_IMAGE_OPTS:
            args->how.image_opts = true;
            break;
        case IMG_OPT_OUTPUT:
            args->json = img_output_is_json(optarg);
            break;
        case OPT_SIZE:
            args->size = img_parse_size("image size", optarg);
            if (args->size < 0) {
                return false;
            }
            break;
        }
    }
    return true;
}

/* Judges what was given together; exits when it does not fit. */
static void check_args(const MeasureArgs *args, int operands)
{
    if (operands > 1) {
        img_fail("At most one filename argument is allowed.");
    }
    if (!args->filename && (args->how.image_opts || args->how.format)) {
        img_fail("--image-opts, -f, and -l require a filename argument.");
    }
    if (!args->filename && args->size < 0) {
        img_fail("Either --size N or one filename must be specified.");
    }
    if (args->filename && args->size >= 0) {
        img_fail("--size N cannot be used together with a filename.");
    }
    img_check_image_opts(&args->how);
}

static int run(MeasureArgs *args, int argc, char **argv)
{
    if (!read_options(args, argc, argv)) {
        return 1;
    }
    if (args->options && has_help_option(args->options)) {
        return img_print_create_help(NULL, args->format);
    }
    args->filename = optind < argc ? argv[optind] : NULL;
    check_args(args, argc - optind);
    return measure(args);
}

static int measure_run(int argc, char **argv)
{
    MeasureArgs args = { .format = IMG_DEFAULT_FORMAT, .size = -1 };
    int status = run(&args, argc, argv);

    g_free(args.options);
    return status;
}

const ImgCommand img_measure = {
    .name = "measure",
    .synopsis = "[-O FMT] [-o OPTIONS] [--output=human|json] [--size=N | "
                "[-f FMT] [--image-opts] [-U] FILE]",
    .help = measure_help,
    .run = measure_run,
};
