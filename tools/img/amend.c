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
    const char *filename;   /* NULL: none */
    char *options;          /* -o, joined */
    bool force;
} AmendArgs;

static const char amend_help[] =
    "Changes properties of an image.\n"
    "\n"
    "  -f FMT        format of the image (default: probed)\n"
    "  -o OPTIONS    what to change; '-o help' lists it\n"
    "  -t CACHE      cache mode (default: writeback)\n"
    "  --force       also what may make guests fail\n"
    "  -p            accepted\n"
    "  -q            print nothing but errors\n"
    "  --image-opts  FILE is a list of options\n";

/* False, and reported, for a format whose images cannot be amended. */
static bool can_amend(BlockDriver *drv)
{
    if (!bdrv_driver_can_amend(drv)) {
        error_report("Format driver '%s' does not support option amendment",
                     bdrv_driver_name(drv));
        return false;
    }
    return true;
}

/*
 * What can be changed: the driver's list for it, or else that of creation.
 * Free with qemu_opts_free().
 */
static QemuOptsList *amend_list(BlockDriver *drv)
{
    QemuOptsList *own = bdrv_driver_amend_opts(drv);

    return qemu_opts_append(NULL, own ? own : bdrv_driver_create_opts(drv));
}

static int print_amend_help(BlockDriver *drv)
{
    QemuOptsList *list;

    if (!can_amend(drv)) {
        return 1;
    }
    list = amend_list(drv);
    printf("Amend options for '%s':\n", bdrv_driver_name(drv));
    qemu_opts_print_help(list, false);
    qemu_opts_free(list);
    return 0;
}

static int print_format_help(const char *format)
{
    BlockDriver *drv = bdrv_find_format(format);

    if (!drv) {
        error_report("Unknown file format '%s'", format);
        return 1;
    }
    return print_amend_help(drv);
}

static int amend_node(BlockDriverState *bs, const AmendArgs *args)
{
    BlockDriver *drv = bdrv_get_driver(bs);
    Error *err = NULL;
    QemuOptsList *list;
    QemuOpts *opts;
    bool ok;

    if (!can_amend(drv)) {
        return 1;
    }
    list = amend_list(drv);
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

static int amend(const AmendArgs *args)
{
    BlockBackend *blk = img_open(args->filename, &args->how);
    int status;

    if (!blk) {
        return 1;
    }
    if (has_help_option(args->options)) {
        status = print_amend_help(bdrv_get_driver(blk_bs(blk)));
    } else {
        status = amend_node(blk_bs(blk), args);
    }
    blk_unref(blk);
    return status;
}

/* False when something was no good, which was reported. */
static bool read_options(AmendArgs *args, const char **cache, int argc,
                         char **argv)
{
    enum { OPT_FORCE = IMG_OPT_OWN };
    static const struct option long_options[] = {
        IMG_LONG_HELP, IMG_LONG_IMAGE_OPTS,
        { "force", no_argument, NULL, OPT_FORCE },
        IMG_LONG_END
    };
    int c;

    while ((c = img_getopt(argc, argv, "f:o:t:pq", long_options)) != -1) {
        switch (c) {
        case 'f':
            args->how.format = optarg;
            break;
        case 'o':
            if (!img_add_options(&args->options, optarg)) {
                return false;
            }
            break;
        case 't':
            *cache = optarg;
            break;
        case 'p':
        case 'q':
            break;
        case IMG_OPT_IMAGE_OPTS:
            args->how.image_opts = true;
            break;
        case OPT_FORCE:
            args->force = true;
            break;
        }
    }
    return true;
}

static int run(AmendArgs *args, int argc, char **argv)
{
    const char *cache = IMG_DEFAULT_CACHE;

    if (!read_options(args, &cache, argc, argv)) {
        return 1;
    }
    if (!args->options) {
        img_usage_error("Must specify options (-o)");
    }
    if (args->how.format && has_help_option(args->options)) {
        return print_format_help(args->how.format);
    }
    if (optind != argc - 1) {
        img_fail("Expecting one image file name");
    }
    args->filename = argv[optind];
    img_check_image_opts(&args->how);
    args->how.flags = BDRV_O_RDWR | BDRV_O_RESIZE;
    if (!img_parse_cache("cache", cache, &args->how)) {
        return 1;
    }
    return amend(args);
}

static int amend_run(int argc, char **argv)
{
    AmendArgs args = { 0 };
    int status = run(&args, argc, argv);

    g_free(args.options);
    return status;
}

const ImgCommand img_amend = {
    .name = "amend",
    .synopsis = "[-f FMT] -o OPTIONS [-t CACHE] [--force] [-q] [--image-opts] "
                "FILE",
    .help = amend_help,
    .run = amend_run,
};
