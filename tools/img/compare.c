/* SPDX-License-Identifier: MIT */
/*
 * compare: do two images hold the same?
 *
 * Invariants: the exit status is 0 for the same, 1 for different, and 2 or more
 * when that cannot be told.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "comparer.h"
#include "progress.h"

enum {
    STATUS_SAME = 0,
    STATUS_DIFFERENT = 1,
    STATUS_OPEN_ERROR = 2,
    STATUS_BLOCK_STATUS_ERROR = 3,
    STATUS_READ_ERROR = 4,
};

typedef struct CompareArgs {
    ImgOpen how[2];
    const char *name[2];
    const char *cache;
    bool strict;
    bool progress;
    bool quiet;
} CompareArgs;

static const char compare_help[] =
    "Tells whether two images hold the same. Behind its end an image counts as\n"
    "zero. Exit status: 0 the same, 1 different, 2 and up an error.\n"
    "\n"
    "  -f FMT        format of the first image\n"
    "  -F FMT        format of the second image\n"
    "  -s            sizes and block status have to be the same, too\n"
    "  -T CACHE      cache mode of both\n"
    "  -p            show the progress; SIGUSR1 shows it once\n"
    "  -q            print nothing but errors\n"
    "  -U            open images although somebody writes to them\n"
    "  --image-opts  both names are lists of options\n";

/* One line on standard output, without -q. */
static void say(const CompareArgs *args, const char *fmt, ...)
    GCC_FMT_ATTR(2, 3);

static void say(const CompareArgs *args, const char *fmt, ...)
{
    va_list ap;

    if (args->quiet) {
        return;
    }
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    fflush(stdout);
}

/* Tells what was found; returns the exit status. */
static int tell(const CompareArgs *args, const CompareFinding *finding)
{
    switch (finding->kind) {
    case COMPARE_EQUAL:
        return STATUS_SAME;
    case COMPARE_CONTENT:
        say(args, "Content mismatch at offset %" PRId64 "!", finding->offset);
        return STATUS_DIFFERENT;
    case COMPARE_STATUS:
        say(args, "Strict mode: Offset %" PRId64 " block status mismatch!",
            finding->offset);
        return STATUS_DIFFERENT;
    case COMPARE_STATUS_ERROR:
        error_report("Sector allocation test failed for %s",
                     args->name[finding->image]);
        return STATUS_BLOCK_STATUS_ERROR;
    case COMPARE_READ_ERROR:
        error_report("Error while reading offset %" PRId64 " of %s: %s",
                     finding->offset, args->name[finding->image],
                     strerror(-finding->ret));
        return STATUS_READ_ERROR;
    }
    abort();
}

/* Both images are open; returns the exit status. */
static int compare_images(const CompareArgs *args, CompareJob *job)
{
    int64_t common = MIN(job->length[0], job->length[1]);
    int64_t all = MAX(job->length[0], job->length[1]);
    CompareFinding finding;
    int status;

    img_progress_set(0, 1);
    if (args->strict && common != all) {
        say(args, "Strict mode: Image size mismatch!");
        return STATUS_DIFFERENT;
    }
    finding = compare_run(job, 0, common);
    status = tell(args, &finding);
    if (status == STATUS_SAME && common != all) {
        say(args, "Warning: Image size mismatch!");
        finding = compare_run(job, common, all);
        status = tell(args, &finding);
    }
    if (status == STATUS_SAME) {
        say(args, "Images are identical.");
    }
    return status;
}

/* Opens image @i.  Reports. */
static bool open_image(const CompareArgs *args, CompareJob *job, int i)
{
    job->blk[i] = img_open(args->name[i], &args->how[i]);
    if (!job->blk[i]) {
        return false;
    }
    job->length[i] = blk_getlength(job->blk[i]);
    if (job->length[i] < 0) {
        error_report("Can't get size of %s: %s", args->name[i],
                     strerror(-job->length[i]));
        return false;
    }
    return true;
}

static int compare(const CompareArgs *args)
{
    CompareJob job = { .strict = args->strict };
    int status = STATUS_OPEN_ERROR;

    img_progress_begin(args->progress && !args->quiet);
    if (open_image(args, &job, 0) && open_image(args, &job, 1)) {
        status = compare_images(args, &job);
    }
    img_progress_end();
    blk_unref(job.blk[1]);
    blk_unref(job.blk[0]);
    return status;
}

static void read_options(CompareArgs *args, int argc, char **argv)
{
    static const struct option long_options[] = {
        IMG_LONG_HELP, IMG_LONG_IMAGE_OPTS, IMG_LONG_FORCE_SHARE, IMG_LONG_END
    };
    int c;

    while ((c = img_getopt(argc, argv, "f:F:T:pqsU", long_options)) != -1) {
        switch (c) {
        case 'f':
            args->how[0].format = optarg;
            break;
        case 'F':
            args->how[1].format = optarg;
            break;
        case 'T':
            args->cache = optarg;
            break;
        case 'p':
            args->progress = true;
            break;
        case 'q':
            args->quiet = true;
            break;
        case 's':
            args->strict = true;
            break;
        case 'U':
            args->how[0].force_share = args->how[1].force_share = true;
            break;
        case IMG_OPT_IMAGE_OPTS:
            args->how[0].image_opts = args->how[1].image_opts = true;
            break;
        }
    }
}

static int compare_command(int argc, char **argv)
{
    CompareArgs args = { .cache = IMG_DEFAULT_CACHE };
    int i;

    read_options(&args, argc, argv);
    if (argc - optind != 2) {
        img_usage_error("Expecting two image file names");
    }
    for (i = 0; i < 2; i++) {
        args.name[i] = argv[optind + i];
        img_check_image_opts(&args.how[i]);
        if (!img_parse_cache("source cache", args.cache, &args.how[i])) {
            return STATUS_OPEN_ERROR;
        }
    }
    return compare(&args);
}

const ImgCommand img_compare = {
    .name = "compare",
    .synopsis = "[-f FMT] [-F FMT] [-T CACHE] [-p] [-q] [-s] [--image-opts] "
                "[-U] FILE FILE",
    .help = compare_help,
    .run = compare_command,
    .usage_status = STATUS_OPEN_ERROR,
};
