/* SPDX-License-Identifier: MIT */
/*
 * dd: copies blocks of an image into a new image.
 *
 * Invariants:
 *   - count= counts from the beginning of the input, so that skipped blocks are
 *     among them, as with qemu-img; blocks after the input's end are not
 *     copied.
 *   - The new image is allocated throughout.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "copy-images.h"
#include "target.h"

#define DEFAULT_BLOCK_SIZE 512

typedef struct DdArgs {
    ImgOpen how;                /* of the input */
    const char *format;         /* of the output */
    const char *input;
    CopyTarget output;
    int64_t block_size;         /* bytes */
    int64_t count;              /* blocks; negative: not given */
    int64_t skip;               /* blocks */
    bool keep;                  /* --keep-partial */
} DdArgs;

/* ---- copying ------------------------------------------------------------ */

/* @blocks in bytes, at most INT64_MAX. */
static int64_t dd_bytes(const DdArgs *args, int64_t blocks)
{
    int64_t bytes;

    return __builtin_mul_overflow(blocks, args->block_size, &bytes)
               ? INT64_MAX : bytes;
}

/* The input is open.  Reports. */
static bool dd_images(const DdArgs *args, CopyImages *images)
{
    BlockDriver *drv = bdrv_find_format(args->format);
    int64_t end = copy_images_length(images);
    int64_t size;
    ImgOpen how = { .flags = BDRV_O_RDWR | BDRV_O_RESIZE };
    CopyJob job = {
        .coroutines = COPY_COROUTINES_DEFAULT,
        .all_data = true,
    };
    CopyResult result;
    bool good;

    if (!drv) {
        g_autofree char *hint = bdrv_hint_format(args->format);

        error_report("Unknown file format");
        error_printf("%s", hint);
        return false;
    }
    images->skip = dd_bytes(args, args->skip);
    if (args->count >= 0) {
        end = MIN(end, dd_bytes(args, args->count));
    }
    job.size = MAX(end - images->skip, 0);
    size = job.size;
    target_begin(args->output.filename, false, args->keep, args->format);
    if (!copy_images_create(&args->output, drv, &size,
                            "creating output image")) {
        return false;
    }
    /* As with qemu-img this is no failure: the new image is empty. */
    if (images->skip > end) {
        error_report("%s: cannot skip to specified offset", args->input);
    }
    how.format = bdrv_driver_name(drv);
    images->created = true;
    images->target = img_open(args->output.filename, &how);
    if (!images->target) {
        return false;
    }
    good = copy_images_run(images, &job, &result);
    if (!good && result.step != COPY_NOTHING) {
        error_report("error while %s image file: %s",
                     result.step == COPY_WRITE ? "writing to output"
                                               : "reading from input",
                     strerror(-result.ret));
        img_hint_file(result.step == COPY_WRITE ? args->output.filename
                                                : args->input);
    }
    return good;
}

/* ---- the command line --------------------------------------------------- */

static const CmdOption dd_options[] = {
    { 'f', NULL, "FMT", "format of IN",
      cmd_set_string, offsetof(DdArgs, how.format) },
    { 'O', NULL, "FMT", "format of OUT (default: raw)",
      cmd_set_string, offsetof(DdArgs, format) },
    TARGET_KEEP(DdArgs, keep),
    IMG_FORCE_SHARE(DdArgs, how.force_share),
    { 0, "image-opts", NULL, "IN is a list of options",
      cmd_set_true, offsetof(DdArgs, how.image_opts) },
    { CMD_OPERAND, "bs", "SIZE", "bytes in a block (default: 512)",
      img_set_size, offsetof(DdArgs, block_size), "bs", 1, INT_MAX },
    { CMD_OPERAND, "count", "N", "end after block N of IN",
      img_set_size, offsetof(DdArgs, count), "count" },
    { CMD_OPERAND, "skip", "N", "begin after block N of IN",
      img_set_size, offsetof(DdArgs, skip), "skip" },
    { CMD_OPERAND, "if", "IN", "the image to read",
      cmd_set_string, offsetof(DdArgs, input), .required = true },
    { CMD_OPERAND, "of", "OUT", "the image to make",
      cmd_set_string, offsetof(DdArgs, output.filename), .required = true },
    IMG_END
};

static int dd_command(int argc, char **argv)
{
    DdArgs args = {
        .format = IMG_DEFAULT_FORMAT,
        .block_size = DEFAULT_BLOCK_SIZE,
        .count = -1,
    };
    CopyImages images = { 0 };
    bool good;

    img_read_options(&args, argc, argv);
    for (; optind < argc; optind++) {
        cmdline_read_operand(dd_options, &args, argv[optind]);
    }
    if (!args.input || !args.output.filename) {
        cmdline_error(args.input ? "Missing operand: of=OUT\n"
                                 : "Missing operand: if=IN\n",
                      "Must specify both input and output files");
    }
    img_check_image_opts(&args.how);
    good = copy_images_open(&images, (char *[]){ (char *)args.input }, 1,
                            &args.how, true) &&
           dd_images(&args, &images);
    copy_images_close(&images);
    target_end(good);
    return good ? 0 : 1;
}

const ImgCommand img_dd = {
    .name = "dd",
    .operands = "",
    .help = "Copies blocks of the image IN into a new image OUT.\n",
    .example = "-f raw bs=1M count=4 if=disk.raw of=new.raw",
    .options = dd_options,
    .run = dd_command,
};
