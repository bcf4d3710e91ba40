/* SPDX-License-Identifier: MIT */
/*
 * convert: copies images, one after the other, into another image.
 *
 * Invariants:
 *   - The sources are opened, and all that can be checked is checked, before
 *     the target is touched, because its contents are lost from then on.
 *   - Exit status 0 means that the target holds all of the sources and, with a
 *     cache mode that keeps data safe, that it is on the disk.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "copy-images.h"
#include "progress.h"
#include "target.h"
#include "qemu/cutils.h"

#define SPARSE_MAX (16 * 1024 * 1024)

typedef struct ConvertArgs {
    ImgOpen source;
    ImgOpen target;             /* format NULL: not given */
    CopyTarget made;            /* how the target is to be made */
    const char *snapshot;
    int64_t sparse;             /* negative: not given */
    int64_t rate;
    int coroutines;
    bool existing;              /* -n */
    bool target_is_zero;
    bool out_of_order;
    bool copy_range;
    bool salvage;
    bool keep;                  /* --keep-partial */
    bool progress;
    bool quiet;
} ConvertArgs;

/* ---- the target --------------------------------------------------------- */

/* Makes the target.  Reports. */
static bool convert_create(ConvertArgs *args, int64_t size)
{
    g_autofree char *task = NULL;
    Error *err = NULL;
    BlockDriver *drv = img_find_format(args->target.format, &err);

    if (!drv) {
        error_report_err(err);
        return false;
    }
    args->target.format = bdrv_driver_name(drv);
    task = g_strdup_printf("converting %s", args->target.format);
    if (!copy_images_create(&args->made, drv, &size, task)) {
        return false;
    }
    if (!args->quiet) {
        img_note_rounding(drv, args->made.filename, size);
    }
    return true;
}

/* Opens the target, having made it if need be.  Reports. */
static bool convert_open_target(ConvertArgs *args, CopyImages *images)
{
    int64_t size = copy_images_length(images);
    int64_t target_size;
    BlockDriverState *backing;

    target_begin(args->made.filename, args->target.image_opts, args->keep,
                 args->target.format);
    if (args->existing
            ? !copy_images_check_backing(&args->made, args->made.backing)
            : !convert_create(args, size)) {
        return false;
    }
    images->created = !args->existing;
    images->target = img_open(args->made.filename, &args->target);
    if (!images->target) {
        return false;
    }
    images->compress = args->made.compress;
    if (!copy_images_check_compress(&args->made,
                                    bdrv_get_driver(blk_bs(images->target)))) {
        return false;
    }
    target_size = blk_getlength(images->target);
    /* As with qemu-img, where -B says what the sources' own is. */
    backing = bdrv_backing_bs(blk_bs(images->target));
    images->backing_length = backing && images->created
                             ? MAX(bdrv_getlength(backing), 0) : 0;
    /* With -n it can be of any size. */
    if (target_size < 0) {
        error_report("unable to get output image length: %s",
                     strerror(-target_size));
        return false;
    }
    if (target_size < size) {
        error_report("output file is smaller than input file");
        error_printf("'%s' has %" PRId64 " bytes, %" PRId64 " are needed\n",
                     args->made.filename, target_size, size);
        return false;
    }
    return true;
}

/* ---- copying ------------------------------------------------------------ */

/* Reports. */
static bool convert_copy(const ConvertArgs *args, CopyImages *images)
{
    static const char *const steps[] = {
        [COPY_STATUS] = "reading block status at offset",
        [COPY_READ] = "reading at byte",
        [COPY_WRITE] = "writing at byte",
    };
    BlockDriverState *target = blk_bs(images->target);
    CopyResult result;
    CopyJob job = {
        .size = copy_images_length(images),
        .coroutines = args->coroutines,
        .out_of_order = args->out_of_order,
        .target_zero = args->existing ? args->target_is_zero
                                      : !bdrv_backing_bs(target) &&
                                            bdrv_has_zero_init(target) > 0,
        .use_copy_range = args->copy_range,
        .salvage = args->salvage,
        .sparse = args->sparse < 0 ? COPY_SPARSE_DEFAULT : args->sparse,
        .rate = args->rate,
    };

    if (!copy_images_run(images, &job, &result)) {
        if (result.step != COPY_NOTHING) {
            error_report("error while %s %" PRId64 ": %s", steps[result.step],
                         result.offset, strerror(-result.ret));
            if (result.step == COPY_WRITE) {
                img_hint_file(args->made.filename);
            }
        }
        return false;
    }
    img_progress_set(job.size, job.size);
    return true;
}

/* ---- the command line --------------------------------------------------- */

/* -S: 0, or a multiple of 512 up to SPARSE_MAX. */
static bool convert_set_sparse(void *member, const CmdOption *option,
                               const char *text)
{
    int64_t *sparse = member;

    img_set_size(member, option, text);
    if (*sparse % BDRV_SECTOR_SIZE || *sparse > SPARSE_MAX) {
        img_usage_error("Invalid buffer size for sparse output specified. "
                        "Valid sizes are multiples of %llu up to %d. Select 0 "
                        "to disable sparse detection (fully allocates "
                        "output).", BDRV_SECTOR_SIZE, SPARSE_MAX);
    }
    return true;
}

/* -m. */
static bool convert_set_coroutines(void *member, const CmdOption *option,
                                   const char *text)
{
    int *n = member;

    if (qemu_strtoi(text, NULL, 0, n) < 0 || *n < 1 ||
        *n > COPY_COROUTINES_MAX) {
        img_usage_error("Invalid number of coroutines. Allowed number of "
                        "coroutines is between 1 and %d", COPY_COROUTINES_MAX);
    }
    return true;
}

/* Checks the options together. */
static void convert_check(ConvertArgs *args)
{
    img_fail_if(args->copy_range && args->sparse >= 0,
                "Cannot enable copy offloading when -S is used");
    img_fail_if(args->copy_range && args->made.compress,
                "Cannot enable copy offloading when -c is used");
    img_fail_if(args->target.image_opts && !args->existing,
                "--target-image-opts requires use of -n flag");
    img_fail_if(args->target_is_zero && !args->existing,
                "--target-is-zero requires use of -n flag");
    img_fail_if(args->target_is_zero && args->made.backing,
                "Cannot use --target-is-zero when the destination image has a "
                "backing file");
    img_fail_if(args->salvage && args->copy_range,
                "Cannot use copy offloading in salvaging mode");
    img_fail_if(args->existing && args->made.options,
                "-o has no effect when skipping image creation");
    img_fail_if(args->snapshot, "Failed to load snapshot: no format here "
                                "supports loading internal snapshots");
    if (!args->target.format && !args->target.image_opts) {
        args->target.format = IMG_DEFAULT_FORMAT;
    }
    args->target.flags = BDRV_O_RDWR | (args->sparse ? BDRV_O_UNMAP : 0);
    /* A damaged image is to be opened, and read as far as it can be. */
    args->source.flags = args->salvage ? BDRV_O_CHECK : 0;
    /* In this order, because it decides which of two messages is printed. */
    img_check_image_opts(&args->source);
    img_check_open(&args->target);
    img_check_open(&args->source);
}

static const CmdOption convert_options[] = {
    { 'f', NULL, "FMT", "format of the sources",
      cmd_set_string, offsetof(ConvertArgs, source.format) },
    { 'O', NULL, "FMT", "format of the target (default: raw)",
      cmd_set_string, offsetof(ConvertArgs, target.format) },
    { 'o', NULL, "OPTIONS", "options of the target; '-o help' lists them",
      img_set_list, offsetof(ConvertArgs, made.options) },
    { 'n', NULL, NULL, "the target exists already and is written to",
      cmd_set_true, offsetof(ConvertArgs, existing) },
    { 'B', NULL, "BACKING", "backing image of the target",
      cmd_set_string, offsetof(ConvertArgs, made.backing) },
    { 'F', NULL, "FMT", "format of the backing image",
      cmd_set_string, offsetof(ConvertArgs, made.backing_format) },
    { 'S', NULL, "SIZE", "so many bytes of zeroes become a hole (default: 4k);"
      "\n0: the target is allocated throughout", convert_set_sparse,
      offsetof(ConvertArgs, sparse), "buffer size for sparse output" },
    { 'c', NULL, NULL, "compress the data, if the target's format can",
      cmd_set_true, offsetof(ConvertArgs, made.compress) },
    { 'm', NULL, "N", "coroutines that copy (1 to 16, default: 8)",
      convert_set_coroutines, offsetof(ConvertArgs, coroutines) },
    { 'W', NULL, NULL, "writes may come out of order",
      cmd_set_true, offsetof(ConvertArgs, out_of_order) },
    { 'C', NULL, NULL, "let the system copy if it can",
      cmd_set_true, offsetof(ConvertArgs, copy_range) },
    { 'r', NULL, "RATE", "bytes a second at most",
      img_set_size, offsetof(ConvertArgs, rate), "rate limit" },
    { 't', NULL, "CACHE", "cache mode of the target (default: writeback)",
      img_set_cache, offsetof(ConvertArgs, target) },
    { 'T', NULL, "CACHE", "cache mode of the sources (default: writeback)",
      img_set_cache, offsetof(ConvertArgs, source) },
    IMG_PROGRESS(ConvertArgs, progress),
    IMG_QUIET(ConvertArgs, quiet),
    { 'l', .arg = "SNAPSHOT", .set = cmd_set_string,
      .offset = offsetof(ConvertArgs, snapshot) },
    { 0, "salvage", NULL,
      "go on when something cannot be read: it becomes zeroes",
      cmd_set_true, offsetof(ConvertArgs, salvage) },
    { 0, "image-opts", NULL, "sources are lists of options",
      cmd_set_true, offsetof(ConvertArgs, source.image_opts) },
    { 0, "target-image-opts", NULL, "the target is a list of options; needs -n",
      cmd_set_true, offsetof(ConvertArgs, target.image_opts) },
    { 0, "target-is-zero", NULL, "the target reads as zeroes; needs -n",
      cmd_set_true, offsetof(ConvertArgs, target_is_zero) },
    TARGET_KEEP(ConvertArgs, keep),
    IMG_FORCE_SHARE(ConvertArgs, source.force_share),
    IMG_END
};

static int convert_run(int argc, char **argv)
{
    ConvertArgs args = {
        .coroutines = COPY_COROUTINES_DEFAULT,
        .sparse = -1,
    };
    CopyImages images = { 0 };
    bool good;

    img_read_options(&args, argc, argv);
    if (args.made.options && has_help_option(args.made.options)) {
        return img_print_create_help(
            optind < argc ? argv[argc - 1] : NULL,
            args.target.format ? args.target.format : IMG_DEFAULT_FORMAT);
    }
    img_check_operands(argc, argv, 2, INT_MAX, "Must specify image file name");
    args.made.filename = argv[argc - 1];
    args.made.concatenated = argc - optind > 2;
    convert_check(&args);
    images.quiet = args.quiet;
    img_progress_begin(args.progress && !args.quiet);
    /* Shown at once, because opening and creating may take long. */
    img_progress_set(0, 1);
    good = copy_images_open(&images, argv + optind, argc - optind - 1,
                            &args.source, false) &&
           convert_open_target(&args, &images) && convert_copy(&args, &images);
    img_progress_end();
    if (good) {
        copy_images_sum_up(&images);
    }
    copy_images_close(&images);
    target_end(good);
    return good ? 0 : 1;
}

const ImgCommand img_convert = {
    .name = "convert",
    .operands = "FILE... TARGET",
    .help = "Copies the images, one after the other, into a new image.\n",
    .example = "-f raw -O vpc disk.raw new.vhd",
    .options = convert_options,
    .run = convert_run,
};
