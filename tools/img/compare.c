/* SPDX-License-Identifier: MIT */
/*
 * compare: do two images hold the same?
 *
 * Invariants: the exit status is 0 for the same, 1 for different or bad usage,
 * and 2 or more when that cannot be found out.
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
    ImgOpen how[2];             /* the second: but for the format the first */
    const char *format;         /* of the second */
    const char *name[2];
    bool strict;
    bool progress;
    bool quiet;
} CompareArgs;

/* One line on standard output, without -q. */
static void GCC_FMT_ATTR(2, 3)
compare_print(const CompareArgs *args, const char *fmt, ...)
{
    va_list ap;

    if (args->quiet) {
        return;
    }
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    /*
     * Both streams may lead to one file, and what comes next may be an error.
     */
    fflush(stdout);
}

/* Reports what was found; returns the exit status. */
static int compare_report(const CompareArgs *args,
                          const CompareFinding *finding)
{
    switch (finding->kind) {
    case COMPARE_EQUAL:
        return STATUS_SAME;
    case COMPARE_CONTENT:
        compare_print(args, "Content mismatch at offset %" PRId64 "!",
                      finding->offset);
        return STATUS_DIFFERENT;
    case COMPARE_STATUS:
        compare_print(args, "Strict mode: Offset %" PRId64
                      " block status mismatch!", finding->offset);
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
        compare_print(args, "Strict mode: Image size mismatch!");
        return STATUS_DIFFERENT;
    }
    finding = compare_run(job, 0, common);
    status = compare_report(args, &finding);
    if (status == STATUS_SAME && common != all) {
        compare_print(args, "Warning: Image size mismatch!");
        finding = compare_run(job, common, all);
        status = compare_report(args, &finding);
    }
    if (status == STATUS_SAME) {
        compare_print(args, "Images are identical.");
    }
    return status;
}

/* Opens image @i.  Reports. */
static bool compare_open(const CompareArgs *args, CompareJob *job, int i)
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

static const CmdOption compare_options[] = {
    { 'f', NULL, "FMT", "format of the first image",
      cmd_set_string, offsetof(CompareArgs, how[0].format) },
    { 'F', NULL, "FMT", "format of the second image",
      cmd_set_string, offsetof(CompareArgs, format) },
    { 's', NULL, NULL, "sizes and block status have to be the same, too",
      cmd_set_true, offsetof(CompareArgs, strict) },
    IMG_CACHE('T', CompareArgs, how[0]),
    IMG_PROGRESS(CompareArgs, progress),
    IMG_QUIET(CompareArgs, quiet),
    IMG_IMAGE_OPTS(CompareArgs, how[0].image_opts),
    IMG_FORCE_SHARE(CompareArgs, how[0].force_share),
    IMG_END
};

static int compare_command(int argc, char **argv)
{
    CompareArgs args = { 0 };
    CompareJob job = { 0 };
    int i, status = STATUS_OPEN_ERROR;

    img_read_options(&args, argc, argv);
    img_check_operands(argc, argv, 2, 2, "Expecting two image file names");
    args.how[1] = args.how[0];
    args.how[1].format = args.format;
    for (i = 0; i < 2; i++) {
        args.name[i] = argv[optind + i];
        img_check_open(&args.how[i]);
    }
    job.strict = args.strict;
    img_progress_begin(args.progress && !args.quiet);
    if (compare_open(&args, &job, 0) && compare_open(&args, &job, 1)) {
        status = compare_images(&args, &job);
    }
    img_progress_end();
    blk_unref(job.blk[1]);
    blk_unref(job.blk[0]);
    return status;
}

const ImgCommand img_compare = {
    .name = "compare",
    .operands = "FILE1 FILE2",
    .help =
        "Compares the contents of two images; after its end an image counts\n"
        "as zero. Exit status: 0 the same, 1 different or bad usage, 2 and up\n"
        "an error.\n",
    .example = "-f raw -F vpc disk.raw disk.vhd",
    .options = compare_options,
    .run = compare_command,
};
