/* SPDX-License-Identifier: MIT */
/*
 * convert: copies images, one behind the other, into another image.
 *
 * Invariants:
 *   - The sources are opened, and all that can be judged is judged, before the
 *     target is touched.
 *   - Exit status 0 means that the target holds all of the sources and, with a
 *     cache mode that keeps data safe, that it is on the disk.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "copy-images.h"
#include "progress.h"
#include "qemu/cutils.h"

#define SPARSE_MAX (16 * 1024 * 1024)

typedef struct ConvertArgs {
    ImgOpen source;
    ImgOpen target;             /* format NULL: not given */
    const char *source_cache;
    const char *target_cache;
    char **sources;
    int nr_sources;
    const char *filename;       /* of the target */
    char *options;              /* -o, joined; NULL: none */
    const char *backing;
    const char *backing_format;
    const char *snapshot;
    int64_t sparse;             /* negative: not given */
    int64_t rate;
    int coroutines;
    bool existing;              /* -n */
    bool target_is_zero;
    bool out_of_order;
    bool copy_range;
    bool compress;
    bool salvage;
    bool progress;
    bool quiet;
} ConvertArgs;

static const char convert_help[] =
    "Copies the images, one behind the other, into a new image.\n"
    "\n"
    "  -f FMT      format of the sources\n"
    "  -O FMT      format of the target (default: raw)\n"
    "  -o OPTIONS  options of the target; '-o help' lists them\n"
    "  -n          the target exists already and is written to\n"
    "  -B FILE     backing image of the target\n"
    "  -F FMT      format of the backing image\n"
    "  -S SIZE     so many bytes of zeroes become a hole (default: 4k);\n"
    "              0: the target is allocated throughout\n"
    "  -m N        coroutines that copy (1 to 16, default: 8)\n"
    "  -W          writes may come out of order\n"
    "  -C          let the system copy if it can\n"
    "  -r RATE     bytes a second at most\n"
    "  -t CACHE    cache mode of the target (default: unsafe)\n"
    "  -T CACHE    cache mode of the sources (default: writeback)\n"
    "  -p          show the progress; SIGUSR1 shows it once\n"
    "  -q          print nothing but errors\n"
    "  -U          open the sources although somebody writes to them\n"
    "  --salvage   go on when something cannot be read: it becomes zeroes\n"
    "  --image-opts         sources are lists of options\n"
    "  --target-image-opts  the target is a list of options; needs -n\n"
    "  --target-is-zero     the target reads as zeroes; needs -n\n";

/* ---- the target --------------------------------------------------------- */

/* The format of the target, which must exist.  Reports. */
static BlockDriver *find_target_format(ConvertArgs *args)
{
    BlockDriver *drv = bdrv_find_format(args->target.format);

    if (!drv) {
        error_report("Unknown file format '%s'", args->target.format);
        return NULL;
    }
    args->target.format = bdrv_driver_name(drv);
    return drv;
}

/* Reports. */
static bool create_target(ConvertArgs *args, int64_t size)
{
    BlockDriver *drv = find_target_format(args);
    g_autofree char *task = NULL;
    CopyTarget target;
    Error *err = NULL;

    if (!drv) {
        return false;
    }
    if (args->compress) {
        error_report("Compression not supported for this file format");
        return false;
    }
    task = g_strdup_printf("converting %s", bdrv_driver_name(drv));
    target = (CopyTarget) {
        .drv = drv,
        .filename = args->filename,
        .size = size,
        .options = args->options,
        .backing = args->backing,
        .backing_format = args->backing_format,
        .task = task,
    };
    if (!copy_images_create(&target, &err)) {
        error_report_err(err);
        return false;
    }
    if (!args->quiet) {
        img_note_rounding(drv, args->filename, size);
    }
    return true;
}

/* Opens the target, having made it if need be.  Reports. */
static bool prepare_target(ConvertArgs *args, CopyImages *images)
{
    int64_t size = copy_images_length(images);
    int64_t target_size;

    copy_interrupt_begin(args->filename);
    if (!args->existing && !create_target(args, size)) {
        return false;
    }
    images->target = img_open(args->filename, &args->target);
    if (!images->target) {
        return false;
    }
    target_size = blk_getlength(images->target);
    if (target_size < 0) {
        error_report("unable to get output image length: %s",
                     strerror(-target_size));
        return false;
    }
    if (target_size < size) {
        error_report("output file is smaller than input file");
        return false;
    }
    return true;
}

/* Does the whole target read as zeroes? */
static bool target_is_zero(const ConvertArgs *args, BlockDriverState *bs)
{
    if (args->existing) {
        return args->target_is_zero;
    }
    return !bdrv_backing_bs(bs) && bdrv_has_zero_init(bs) > 0;
}

/* ---- copying ------------------------------------------------------------ */

static void report_failure(const CopyResult *result)
{
    const char *reason = strerror(-result->ret);

    switch (result->step) {
    case COPY_STATUS:
        error_report("error while reading block status at offset %" PRId64
                     ": %s", result->offset, reason);
        break;
    case COPY_READ:
        error_report("error while reading at byte %" PRId64 ": %s",
                     result->offset, reason);
        break;
    case COPY_WRITE:
        error_report("error while writing at byte %" PRId64 ": %s",
                     result->offset, reason);
        break;
    case COPY_NOTHING:
        copy_interrupt_report();
        break;
    }
}

/* Reports. */
static bool copy(const ConvertArgs *args, CopyImages *images)
{
    BlockDriverInfo info = { 0 };
    CopyResult result;
    CopyJob job = {
        .ops = &copy_images_ops,
        .opaque = images,
        .size = copy_images_length(images),
        .coroutines = args->coroutines,
        .out_of_order = args->out_of_order,
        .target_zero = target_is_zero(args, blk_bs(images->target)),
        .use_copy_range = args->copy_range,
        .salvage = args->salvage,
        .sparse = args->sparse < 0 ? COPY_SPARSE_DEFAULT : args->sparse,
        .rate = args->rate,
        .alignment = bdrv_opt_mem_align(NULL),
        .interrupted = copy_interrupted,
    };

    if (bdrv_get_info(blk_bs(images->target), &info) >= 0) {
        job.cluster = info.cluster_size;
    }
    copy_interrupt_note();
    if (!copy_run(&job, &result)) {
        report_failure(&result);
        return false;
    }
    if (bdrv_flush_report(blk_bs(images->target)) < 0) {
        return false;
    }
    img_progress_set(job.size, job.size);
    return true;
}

static int convert(ConvertArgs *args)
{
    CopyImages images = { .quiet = args->quiet };
    bool good;

    img_progress_begin(args->progress && !args->quiet);
    img_progress_set(0, 1);
    good = copy_images_open(&images, args->sources, args->nr_sources,
                            &args->source, false) &&
           prepare_target(args, &images) && copy(args, &images);
    img_progress_end();
    copy_images_close(&images);
    return good ? 0 : 1;
}

/* ---- the command line --------------------------------------------------- */

/* -S: 0, or a multiple of 512 up to SPARSE_MAX.  Reports. */
static bool read_sparse(ConvertArgs *args, const char *text)
{
    args->sparse = img_parse_size("buffer size for sparse output", text);
    if (args->sparse < 0) {
        return false;
    }
    if (args->sparse % BDRV_SECTOR_SIZE || args->sparse > SPARSE_MAX) {
        error_report("Invalid buffer size for sparse output specified. Valid "
                     "sizes are multiples of %llu up to %d. Select 0 to "
                     "disable sparse detection (fully allocates output).",
                     BDRV_SECTOR_SIZE, SPARSE_MAX);
        return false;
    }
    return true;
}

/* -m.  Reports. */
static bool read_coroutines(ConvertArgs *args, const char *text)
{
    if (qemu_strtoi(text, NULL, 0, &args->coroutines) < 0 ||
        args->coroutines < 1 || args->coroutines > COPY_COROUTINES_MAX) {
        error_report("Invalid number of coroutines. Allowed number of "
                     "coroutines is between 1 and %d", COPY_COROUTINES_MAX);
        return false;
    }
    return true;
}

enum {
    OPT_SALVAGE = IMG_OPT_OWN,
    OPT_TARGET_IMAGE_OPTS,
    OPT_TARGET_IS_ZERO,
};

static const struct option long_options[] = {
    IMG_LONG_HELP, IMG_LONG_IMAGE_OPTS, IMG_LONG_FORCE_SHARE,
    { "salvage", no_argument, NULL, OPT_SALVAGE },
    { "target-image-opts", no_argument, NULL, OPT_TARGET_IMAGE_OPTS },
    { "target-is-zero", no_argument, NULL, OPT_TARGET_IS_ZERO },
    IMG_LONG_END
};

/* Options without an argument. */
static void read_flag(ConvertArgs *args, int c)
{
    switch (c) {
    case 'c':
        args->compress = true;
        break;
    case 'n':
        args->existing = true;
        break;
    case 'p':
        args->progress = true;
        break;
    case 'q':
        args->quiet = true;
        break;
    case 'C':
        args->copy_range = true;
        break;
    case 'U':
        args->source.force_share = true;
        break;
    case 'W':
        args->out_of_order = true;
        break;
    case OPT_SALVAGE:
        args->salvage = true;
        break;
    case IMG_OPT_IMAGE_OPTS:
        args->source.image_opts = true;
        break;
    case OPT_TARGET_IMAGE_OPTS:
        args->target.image_opts = true;
        break;
    case OPT_TARGET_IS_ZERO:
        args->target_is_zero = true;
        break;
    }
}

/* Any option; reports. */
static bool read_option(ConvertArgs *args, int c)
{
    switch (c) {
    case 'f':
        args->source.format = optarg;
        return true;
    case 'l':
        args->snapshot = optarg;
        return true;
    case 'm':
        return read_coroutines(args, optarg);
    case 'o':
        return img_add_options(&args->options, optarg);
    case 'r':
        args->rate = img_parse_size("rate limit", optarg);
        return args->rate >= 0;
    case 't':
        args->target_cache = optarg;
        return true;
    case 'B':
        args->backing = optarg;
        return true;
    case 'F':
        args->backing_format = optarg;
        return true;
    case 'O':
        args->target.format = optarg;
        return true;
    case 'S':
        return read_sparse(args, optarg);
    case 'T':
        args->source_cache = optarg;
        return true;
    default:
        read_flag(args, c);
        return true;
    }
}

/* What cannot go together; NULL: nothing. */
static const char *find_conflict(const ConvertArgs *args)
{
    if (args->copy_range && args->sparse >= 0) {
        return "Cannot enable copy offloading when -S is used";
    }
    if (args->copy_range && args->compress) {
        return "Cannot enable copy offloading when -c is used";
    }
    if (args->target.image_opts && !args->existing) {
        return "--target-image-opts requires use of -n flag";
    }
    if (args->target_is_zero && !args->existing) {
        return "--target-is-zero requires use of -n flag";
    }
    if (args->target_is_zero && args->backing) {
        return "Cannot use --target-is-zero when the destination image has a "
               "backing file";
    }
    if (args->salvage && args->copy_range) {
        return "Cannot use copy offloading in salvaging mode";
    }
    if (args->existing && args->options) {
        return "-o has no effect when skipping image creation";
    }
    return NULL;
}

/* The last operand is the target.  Exits on bad usage. */
static void read_operands(ConvertArgs *args, int argc, char **argv)
{
    if (argc - optind < 2) {
        img_fail("Must specify image file name");
    }
    args->sources = argv + optind;
    args->nr_sources = argc - optind - 1;
    args->filename = argv[argc - 1];
}

/* Judges the options together; reports. */
static bool check_args(ConvertArgs *args)
{
    const char *conflict = find_conflict(args);

    if (conflict) {
        error_report("%s", conflict);
        return false;
    }
    if (args->snapshot) {
        error_report("Failed to load snapshot: no format here supports "
                     "loading internal snapshots");
        return false;
    }
    img_check_image_opts(&args->source);
    img_check_image_opts(&args->target);
    if (!args->target.format && !args->target.image_opts) {
        args->target.format = IMG_DEFAULT_FORMAT;
    }
    args->target.flags = BDRV_O_RDWR | (args->sparse ? BDRV_O_UNMAP : 0);
    /* What is damaged is to be opened, and read as far as it can be. */
    args->source.flags = args->salvage ? BDRV_O_CHECK : 0;
    return img_parse_cache("cache", args->target_cache, &args->target) &&
           img_parse_cache("source cache", args->source_cache, &args->source);
}

static int run(ConvertArgs *args, int argc, char **argv)
{
    int c;

    while ((c = img_getopt(argc, argv, "cf:l:m:no:pqr:t:B:CF:O:S:T:UW",
                           long_options)) != -1) {
        if (!read_option(args, c)) {
            return 1;
        }
    }
    if (args->options && has_help_option(args->options)) {
        return img_print_create_help(
            optind < argc ? argv[argc - 1] : NULL,
            args->target.format ? args->target.format : IMG_DEFAULT_FORMAT);
    }
    read_operands(args, argc, argv);
    return check_args(args) ? convert(args) : 1;
}

static int convert_run(int argc, char **argv)
{
    ConvertArgs args = {
        .source_cache = IMG_DEFAULT_CACHE,
        .target_cache = IMG_TARGET_CACHE,
        .coroutines = COPY_COROUTINES_DEFAULT,
        .sparse = -1,
    };
    int status = run(&args, argc, argv);

    g_free(args.options);
    return status;
}

const ImgCommand img_convert = {
    .name = "convert",
    .synopsis = "[-f FMT] [-O FMT] [-o OPTIONS] [-n] [-p] [-q] [-S SIZE] "
                "[-m N] [-W] [-C] [-t CACHE] [-T CACHE] [-B FILE] [-F FMT] "
                "[-r RATE] [--salvage] [--image-opts] [--target-image-opts] "
                "[--target-is-zero] [-U] FILE... TARGET",
    .help = convert_help,
    .run = convert_run,
};
