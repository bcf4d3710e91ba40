/* SPDX-License-Identifier: MIT */
/*
 * bitmap: dirty bitmaps kept in an image, which none of the formats has.
 *
 * Invariants: the image is opened read-only, and left as it is.
 */
#include "qemu/osdep.h"
#include "common.h"

typedef struct BitmapArgs {
    ImgOpen how;
    const char *source;         /* -b */
    const char *source_format;  /* -F */
    int64_t granularity;        /* bytes; 0: not given */
    bool any;                   /* is there anything to do? */
    bool add;
    bool merge;
} BitmapArgs;

static const char bitmap_help[] =
    "Changes the dirty bitmaps in an image, if its format has any.\n"
    "\n"
    "  --add, --remove, --clear, --enable, --disable\n"
    "                  what to do with the bitmap; several are done in turn\n"
    "  --merge SOURCE  merge the bitmap SOURCE into it\n"
    "  -b FILE         the image that SOURCE is in\n"
    "  -F FMT          format of that image\n"
    "  -g N            granularity of --add in bytes\n"
    "  -f FMT          format of the image (default: probed)\n"
    "  --image-opts    FILE is a list of options\n";

enum {
    OPT_ADD = IMG_OPT_OWN,
    OPT_CHANGE,
    OPT_MERGE,
};

/* False when something was no good, which was reported. */
static bool read_options(BitmapArgs *args, int argc, char **argv)
{
    static const struct option long_options[] = {
        IMG_LONG_HELP, IMG_LONG_IMAGE_OPTS,
        { "add", no_argument, NULL, OPT_ADD },
        { "remove", no_argument, NULL, OPT_CHANGE },
        { "clear", no_argument, NULL, OPT_CHANGE },
        { "enable", no_argument, NULL, OPT_CHANGE },
        { "disable", no_argument, NULL, OPT_CHANGE },
        { "merge", required_argument, NULL, OPT_MERGE },
        { "source-file", required_argument, NULL, 'b' },
        { "source-format", required_argument, NULL, 'F' },
        { "granularity", required_argument, NULL, 'g' },
        IMG_LONG_END
    };
    int c;

    while ((c = img_getopt(argc, argv, "b:f:F:g:", long_options)) != -1) {
        args->any |= c == OPT_ADD || c == OPT_CHANGE || c == OPT_MERGE;
        args->add |= c == OPT_ADD;
        args->merge |= c == OPT_MERGE;
        switch (c) {
        case 'b':
            args->source = optarg;
            break;
        case 'f':
            args->how.format = optarg;
            break;
        case 'F':
            args->source_format = optarg;
            break;
        case 'g':
            args->granularity = img_parse_size_range("granularity", optarg, 1,
                                                     INT64_MAX);
            if (args->granularity < 0) {
                return false;
            }
            break;
        case IMG_OPT_IMAGE_OPTS:
            args->how.image_opts = true;
            break;
        }
    }
    return true;
}

/* Judges what was given together; exits when it does not fit. */
static void check_args(const BitmapArgs *args, int operands)
{
    if (!args->any) {
        img_fail("Need at least one of --add, --remove, --clear, --enable, "
                 "--disable, or --merge");
    }
    if (args->granularity && !args->add) {
        img_fail("granularity only supported with --add");
    }
    if (args->source_format && !args->source) {
        img_fail("-F only supported with -b");
    }
    if (args->source && !args->merge) {
        img_fail("Merge bitmap source file only supported with --merge");
    }
    if (operands != 2) {
        img_fail("Expecting filename and bitmap name");
    }
    img_check_image_opts(&args->how);
}

static int bitmap_run(int argc, char **argv)
{
    BitmapArgs args = { 0 };
    BlockBackend *blk;

    if (!read_options(&args, argc, argv)) {
        return 1;
    }
    check_args(&args, argc - optind);
    blk = img_open(argv[optind], &args.how);
    if (blk) {
        error_report("Bitmaps are not supported by format '%s'",
                     bdrv_get_format_name(blk_bs(blk)));
        blk_unref(blk);
    }
    return 1;
}

const ImgCommand img_bitmap = {
    .name = "bitmap",
    .synopsis = "(--add | --remove | --clear | --enable | --disable | "
                "--merge SOURCE)... [-b FILE [-F FMT]] [-g N] [-f FMT] "
                "[--image-opts] FILE BITMAP",
    .help = bitmap_help,
    .run = bitmap_run,
};
