/* SPDX-License-Identifier: MIT */
/*
 * resize: makes an image longer or shorter.
 *
 * Invariants:
 *   - Space that is added reads as zeroes.
 *   - Nothing is cut off without --shrink.
 *   - What is printed as done is on the disk.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "minblk/checked.h"
#include "qemu/cutils.h"

typedef struct ResizeArgs {
    ImgOpen how;
    const char *filename;
    int sign;               /* of a relative size: 1 or -1; 0: absolute */
    uint64_t size;          /* bytes */
    PreallocMode prealloc;
    bool shrink;
    bool quiet;
} ResizeArgs;

static const char resize_help[] =
    "Sets the size of an image, or with + or - in front adds to it or takes\n"
    "away from it. What is added reads as zeroes.\n"
    "\n"
    "  -f FMT                format of the image (default: probed)\n"
    "  --shrink              allow a smaller size; the end is lost\n"
    "  --preallocation=MODE  allocate what is added: off, falloc or full\n"
    "  -q                    print nothing but errors\n"
    "  --image-opts          FILE is a list of options\n";

/* @text with an optional sign; false when reported. */
static bool parse_new_size(ResizeArgs *args, const char *text)
{
    int ret;

    args->sign = *text == '+' ? 1 : *text == '-' ? -1 : 0;
    ret = qemu_strtosz(text + (args->sign != 0), NULL, &args->size);
    if (ret == -ERANGE) {
        error_report("Value '%s' is out of range for parameter 'size'",
                     text + (args->sign != 0));
    } else if (ret < 0) {
        error_report("Parameter 'size' expects a non-negative number below "
                     "2^64");
        error_printf("Optional suffix k, M, G, T, P or E means kilo-, mega-, "
                     "giga-, tera-, peta-\n"
                     "and exabytes, respectively.\n");
    }
    return ret == 0;
}

/* The size to be in bytes; 0 or less when there is none such. */
static int64_t new_size(const ResizeArgs *args, int64_t current)
{
    uint64_t size = args->size;
    bool fits = true;

    if (args->sign > 0) {
        fits = checked_add_u64(current, size, &size);
    } else if (args->sign < 0) {
        fits = size <= (uint64_t)current;
        size = current - size;
    }
    return fits && size <= INT64_MAX ? (int64_t)size : -1;
}

/* May the size become @size?  Reports when not. */
static bool may_resize(const ResizeArgs *args, int64_t current, int64_t size)
{
    if (size <= 0) {
        error_report("New image size must be positive");
        return false;
    }
    if (size <= current && args->prealloc != PREALLOC_MODE_OFF) {
        error_report("Preallocation can only be used for growing images");
        return false;
    }
    if (size < current && !args->shrink) {
        error_report("Use the --shrink option to perform a shrink operation.");
        warn_report("Shrinking an image will delete all data beyond the "
                    "shrunken image's end. Before performing such an "
                    "operation, make sure there is no important data there.");
        return false;
    }
    return true;
}

static int resize_backend(BlockBackend *blk, const ResizeArgs *args)
{
    Error *err = NULL;
    int64_t current = blk_getlength(blk);
    int64_t size;

    if (current < 0) {
        error_report("Failed to inquire current image length: %s",
                     strerror(-current));
        return 1;
    }
    size = new_size(args, current);
    if (!may_resize(args, current, size)) {
        return 1;
    }
    if (blk_truncate(blk, size, false, args->prealloc, &err) < 0) {
        error_report_err(err);
        return 1;
    }
    if (bdrv_flush_report(blk_bs(blk)) < 0) {
        return 1;
    }
    if (!args->quiet) {
        printf("Image resized.\n");
    }
    return 0;
}

static int resize(const ResizeArgs *args)
{
    BlockBackend *blk = img_open(args->filename, &args->how);
    int status;

    if (!blk) {
        return 1;
    }
    status = resize_backend(blk, args);
    blk_unref(blk);
    return status;
}

static PreallocMode parse_prealloc(const char *word)
{
    int mode = qapi_enum_parse(&PreallocMode_lookup, word, -1, NULL);

    if (mode < 0) {
        img_fail("Invalid preallocation mode '%s'", word);
    }
    return mode;
}

static void read_options(ResizeArgs *args, int argc, char **argv)
{
    enum { OPT_PREALLOCATION = IMG_OPT_OWN, OPT_SHRINK };
    static const struct option long_options[] = {
        IMG_LONG_HELP, IMG_LONG_IMAGE_OPTS,
        { "preallocation", required_argument, NULL, OPT_PREALLOCATION },
        { "shrink", no_argument, NULL, OPT_SHRINK },
        IMG_LONG_END
    };
    int c;

    while ((c = img_getopt(argc, argv, "f:q", long_options)) != -1) {
        switch (c) {
        case 'f':
            args->how.format = optarg;
            break;
        case 'q':
            args->quiet = true;
            break;
        case IMG_OPT_IMAGE_OPTS:
            args->how.image_opts = true;
            break;
        case OPT_PREALLOCATION:
            args->prealloc = parse_prealloc(optarg);
            break;
        case OPT_SHRINK:
            args->shrink = true;
            break;
        }
    }
}

/*
 * A size with a minus sign looks like an option.  No option begins with a
 * digit, so such a word is the size: it is taken out of @argv.  NULL: there is
 * none.
 */
static const char *take_negative_size(int *argc, char **argv)
{
    char *size;
    int i = 1;

    while (i < *argc && strcmp(argv[i], "--") != 0 &&
           !(argv[i][0] == '-' && g_ascii_isdigit(argv[i][1]))) {
        i++;
    }
    if (i == *argc || argv[i][1] == '-') {
        return NULL;
    }
    size = argv[i];
    memmove(argv + i, argv + i + 1, (*argc - i) * sizeof(*argv));
    --*argc;
    return size;
}

static int resize_run(int argc, char **argv)
{
    ResizeArgs args = {
        .how.flags = BDRV_O_RDWR | BDRV_O_RESIZE,
        .prealloc = PREALLOC_MODE_OFF,
    };
    const char *size = take_negative_size(&argc, argv);
    int operands;

    read_options(&args, argc, argv);
    operands = argc - optind + (size != NULL);
    if (argc + (size != NULL) < 3) {
        img_usage_error("Not enough arguments");
    }
    if (operands != 2 || optind == argc) {
        img_usage_error("Expecting image file name and size");
    }
    args.filename = argv[optind];
    img_check_image_opts(&args.how);
    if (!parse_new_size(&args, size ? size : argv[optind + 1])) {
        return 1;
    }
    return resize(&args);
}

const ImgCommand img_resize = {
    .name = "resize",
    .synopsis = "[-f FMT] [--shrink] [--preallocation=off|falloc|full] [-q] "
                "[--image-opts] FILE [+|-]SIZE",
    .help = resize_help,
    .run = resize_run,
};
