/* SPDX-License-Identifier: MIT */
/*
 * dd: copies blocks of an image into a new image.
 *
 * Invariants:
 *   - count= counts from the beginning of the input, so that skipped blocks are
 *     among them; what lies behind the input's end is not copied.
 *   - The new image is allocated throughout.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "copy-images.h"

#define DEFAULT_BLOCK_SIZE 512

typedef struct DdArgs {
    ImgOpen how;                /* of the input */
    const char *format;         /* of the output */
    const char *input;
    const char *output;
    int64_t block_size;         /* bytes */
    int64_t count;              /* blocks; negative: not given */
    int64_t skip;               /* blocks */
} DdArgs;

static const char dd_help[] =
    "Copies blocks of the image IN into a new image OUT.\n"
    "\n"
    "  -f FMT        format of IN\n"
    "  -O FMT        format of OUT (default: raw)\n"
    "  -U            open IN although somebody writes to it\n"
    "  --image-opts  IN is a list of options\n"
    "  if=IN         the image to read\n"
    "  of=OUT        the image to make\n"
    "  bs=SIZE       bytes in a block (default: 512)\n"
    "  count=N       end after block N of IN\n"
    "  skip=N        begin after block N of IN\n";

/* ---- copying ------------------------------------------------------------ */

/* @blocks in bytes, at most INT64_MAX. */
static int64_t blocks_to_bytes(const DdArgs *args, int64_t blocks)
{
    int64_t bytes;

    return __builtin_mul_overflow(blocks, args->block_size, &bytes)
               ? INT64_MAX : bytes;
}

/* Opens the image that was just made, and copies @size bytes.  Reports. */
static bool copy(const DdArgs *args, BlockDriver *drv, CopyImages *images,
                 int64_t size)
{
    ImgOpen how = {
        .format = bdrv_driver_name(drv), .flags = BDRV_O_RDWR | BDRV_O_RESIZE,
    };
    CopyJob job = {
        .ops = &copy_images_ops,
        .opaque = images,
        .size = size,
        .coroutines = COPY_COROUTINES_DEFAULT,
        .alignment = bdrv_opt_mem_align(NULL),
        .interrupted = copy_interrupted,
    };
    CopyResult result;

    images->target = img_open(args->output, &how);
    if (!images->target) {
        return false;
    }
    copy_interrupt_note();
    if (!copy_run(&job, &result)) {
        if (result.step == COPY_NOTHING) {
            copy_interrupt_report();
        } else {
            error_report("error while %s image file: %s",
                         result.step == COPY_WRITE ? "writing to output"
                                                   : "reading from input",
                         strerror(-result.ret));
        }
        return false;
    }
    return bdrv_flush_report(blk_bs(images->target)) == 0;
}

/* The input is open.  Reports. */
static bool dd_images(DdArgs *args, CopyImages *images)
{
    BlockDriver *drv = bdrv_find_format(args->format);
    int64_t end = copy_images_length(images);
    CopyTarget target = {
        .drv = drv,
        .filename = args->output,
        .task = "creating output image",
    };
    Error *err = NULL;

    if (!drv) {
        error_report("Unknown file format");
        return false;
    }
    images->skip = blocks_to_bytes(args, args->skip);
    if (args->count >= 0) {
        end = MIN(end, blocks_to_bytes(args, args->count));
    }
    if (images->skip <= end) {
        target.size = end - images->skip;
    }
    copy_interrupt_begin(args->output);
    if (!copy_images_create(&target, &err)) {
        error_report_err(err);
        return false;
    }
    if (images->skip > end) {
        error_report("%s: cannot skip to specified offset", args->input);
    }
    return copy(args, drv, images, target.size);
}

static int dd(DdArgs *args)
{
    CopyImages images = { 0 };
    char *names[] = { (char *)args->input };
    bool good = copy_images_open(&images, names, 1, &args->how, true) &&
                dd_images(args, &images);

    copy_images_close(&images);
    return good ? 0 : 1;
}

/* ---- the command line --------------------------------------------------- */

/* NAME=VALUE.  Exits when there is no such name; reports. */
static bool read_operand(DdArgs *args, char *word)
{
    char *value = strchr(word, '=');

    if (value) {
        *value++ = '\0';
    }
    if (value && strcmp(word, "if") == 0) {
        args->input = value;
        return true;
    }
    if (value && strcmp(word, "of") == 0) {
        args->output = value;
        return true;
    }
    if (value && strcmp(word, "bs") == 0) {
        args->block_size = img_parse_size_range("bs", value, 1, INT_MAX);
        return args->block_size > 0;
    }
    if (value && strcmp(word, "count") == 0) {
        args->count = img_parse_size("count", value);
        return args->count >= 0;
    }
    if (value && strcmp(word, "skip") == 0) {
        args->skip = img_parse_size("skip", value);
        return args->skip >= 0;
    }
    img_fail("unrecognized operand %s", word);
}

static void read_options(DdArgs *args, int argc, char **argv)
{
    static const struct option long_options[] = {
        IMG_LONG_HELP, IMG_LONG_IMAGE_OPTS, IMG_LONG_FORCE_SHARE, IMG_LONG_END
    };
    int c;

    while ((c = img_getopt(argc, argv, "f:O:U", long_options)) != -1) {
        switch (c) {
        case 'f':
            args->how.format = optarg;
            break;
        case 'O':
            args->format = optarg;
            break;
        case 'U':
            args->how.force_share = true;
            break;
        case IMG_OPT_IMAGE_OPTS:
            args->how.image_opts = true;
            break;
        }
    }
}

static int dd_command(int argc, char **argv)
{
    DdArgs args = {
        .format = IMG_DEFAULT_FORMAT,
        .block_size = DEFAULT_BLOCK_SIZE,
        .count = -1,
    };

    read_options(&args, argc, argv);
    for (; optind < argc; optind++) {
        if (!read_operand(&args, argv[optind])) {
            return 1;
        }
    }
    if (!args.input || !args.output) {
        img_fail("Must specify both input and output files");
    }
    img_check_image_opts(&args.how);
    return dd(&args);
}

const ImgCommand img_dd = {
    .name = "dd",
    .synopsis = "[-f FMT] [-O FMT] [-U] [--image-opts] [bs=SIZE] [count=N] "
                "[skip=N] if=IN of=OUT",
    .help = dd_help,
    .run = dd_command,
};
