/* SPDX-License-Identifier: MIT */
/*
 * check: looks for damage in an image's metadata, and repairs it.
 *
 * Invariants:
 *   - Without -r the image is opened read-only.
 *   - After a repair the image is checked once more; what is reported is what
 *     that second check found, with what was repaired, and is on the disk.
 */
#include "qemu/osdep.h"
#include "check-target.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qobject-output-visitor.h"

/* Exit statuses besides 0 and 1. */
enum {
    CHECK_CORRUPTIONS = 2,
    CHECK_LEAKS = 3,
    CHECK_NOT_SUPPORTED = 63,
};

typedef struct CheckArgs {
    ImgOpen how;
    const char *filename;
    CheckTarget target;
    int fix;        /* BDRV_FIX_* */
    bool json;
    bool quiet;
} CheckArgs;

/* ---- findings ----------------------------------------------------------- */

/* In the order in which they were found. */
typedef struct Findings {
    ImageCheckFindingList *first;
    ImageCheckFindingList **next;
} Findings;

static void check_note_finding(const BdrvCheckFinding *found, void *opaque)
{
    static const ImageCheckGrade grades[] = {
        [BDRV_FINDING_CORRUPTION] = IMAGE_CHECK_GRADE_CORRUPTION,
        [BDRV_FINDING_LEAK] = IMAGE_CHECK_GRADE_LEAK,
        [BDRV_FINDING_WARNING] = IMAGE_CHECK_GRADE_WARNING,
    };
    Findings *findings = opaque;
    ImageCheckFindingList *item = g_new0(ImageCheckFindingList, 1);
    ImageCheckFinding *f = item->value = g_new0(ImageCheckFinding, 1);

    f->grade = grades[found->grade];
    f->offset = found->offset;
    f->field = g_strdup(found->field);
    f->value = g_strdup(found->value);
    f->expected = g_strdup(found->expected);
    f->fixed = found->fixed;
    f->has_guest_offset = f->has_guest_length = found->guest_bytes > 0;
    f->guest_offset = found->guest_offset;
    f->guest_length = found->guest_bytes;
    *findings->next = item;
    findings->next = &item->next;
}

/* Those that were not repaired go, because a second check finds them again. */
static void check_keep_fixed(Findings *findings)
{
    ImageCheckFindingList *item = findings->first;

    *findings = (Findings) { .next = &findings->first };
    while (item) {
        ImageCheckFindingList *next = item->next;

        item->next = NULL;
        if (item->value->fixed) {
            *findings->next = item;
            findings->next = &item->next;
        } else {
            qapi_free_ImageCheckFindingList(item);
        }
        item = next;
    }
}

/* ---- printing ----------------------------------------------------------- */

/* A line each; no value has several lines. */
static void check_print_findings(const Findings *findings)
{
    for (const ImageCheckFindingList *item = findings->first; item;
         item = item->next) {
        const ImageCheckFinding *f = item->value;
        const char *grade = ImageCheckGrade_str(f->grade);

        printf("%c%s at offset %" PRId64 ": %s is %s, expected %s",
               g_ascii_toupper(*grade), grade + 1, f->offset, f->field,
               f->value, f->expected);
        if (f->has_guest_length) {
            printf(" (repaired: bytes %" PRId64 " to %" PRId64 " of the disk "
                   "read as zeroes)", f->guest_offset,
                   f->guest_offset + f->guest_length - 1);
        } else if (f->fixed) {
            printf(" (repaired)");
        }
        printf("\n");
    }
}

/* Returns whether there was anything to be printed. */
static bool check_print_count(int n, const char *what)
{
    if (n) {
        printf("\n%d %s\n", n, what);
    }
    return n;
}

static void check_print_human(const BdrvCheckResult *result)
{
    const BlockFragInfo *bfi = &result->bfi;
    bool any = false;

    any |= check_print_count(result->corruptions,
        "errors were found on the image.\n"
        "Data may be corrupted, or further writes to the image may corrupt "
        "it.");
    any |= check_print_count(result->leaks,
        "leaked clusters were found on the image.\n"
        "This means waste of disk space, but no harm to data.");
    any |= check_print_count(result->check_errors,
        "internal errors have occurred during the check.");
    any |= check_print_count(result->given_up,
        "clusters were given up: they read as zeroes now.\n"
        "What the file holds of their data is kept; copy the file before "
        "another repair frees it.");
    if (!any) {
        printf("No errors were found on the image.\n");
    }
    if (bfi->total_clusters && bfi->allocated_clusters) {
        printf("%" PRIu64 "/%" PRIu64 " = %0.2f%% allocated, %0.2f%% "
               "fragmented, %0.2f%% compressed clusters\n",
               bfi->allocated_clusters, bfi->total_clusters,
               bfi->allocated_clusters * 100.0 / bfi->total_clusters,
               bfi->fragmented_clusters * 100.0 / bfi->allocated_clusters,
               bfi->compressed_clusters * 100.0 / bfi->allocated_clusters);
    }
    if (result->image_end_offset) {
        printf("Image end offset: %" PRId64 "\n", result->image_end_offset);
    }
}

/* The schema leaves out what is zero. */
static void check_set_count(bool *has, int64_t *member, int64_t value)
{
    *has = value != 0;
    *member = value;
}

static void check_print_json(const CheckArgs *args, const char *format,
                             const BdrvCheckResult *result,
                             const Findings *findings)
{
    const BlockFragInfo *bfi = &result->bfi;
    /* All in it is borrowed, so nothing of it is freed. */
    ImageCheck check = {
        .filename = (char *)args->filename,
        .format = (char *)format,
        .check_errors = result->check_errors,
        .has_findings = findings->first,
        .findings = findings->first,
        .has_refusals = args->target.refusals,
        .refusals = args->target.refusals,
    }, *c = &check;

    check_set_count(&c->has_image_end_offset, &c->image_end_offset,
                    result->image_end_offset);
    check_set_count(&c->has_corruptions, &c->corruptions, result->corruptions);
    check_set_count(&c->has_corruptions_fixed, &c->corruptions_fixed,
                    result->corruptions_fixed);
    check_set_count(&c->has_clusters_given_up, &c->clusters_given_up,
                    result->given_up);
    check_set_count(&c->has_leaks, &c->leaks, result->leaks);
    check_set_count(&c->has_leaks_fixed, &c->leaks_fixed, result->leaks_fixed);
    check_set_count(&c->has_total_clusters, &c->total_clusters,
                    bfi->total_clusters);
    check_set_count(&c->has_allocated_clusters, &c->allocated_clusters,
                    bfi->allocated_clusters);
    check_set_count(&c->has_fragmented_clusters, &c->fragmented_clusters,
                    bfi->fragmented_clusters);
    check_set_count(&c->has_compressed_clusters, &c->compressed_clusters,
                    bfi->compressed_clusters);
    img_print_json(img_to_qobject(ImageCheck, c));
}

/* ---- the command -------------------------------------------------------- */

/* Checks once more after a repair.  0 or -errno. */
static int check_again(BlockDriverState *bs, const CheckArgs *args,
                       BdrvCheckResult *result, Findings *findings)
{
    BdrvCheckResult second;
    int ret;

    check_keep_fixed(findings);
    if (!args->json && !args->quiet) {
        check_print_findings(findings);
        printf("The following inconsistencies were found and repaired:\n\n"
               "    %d leaked clusters\n"
               "    %d corruptions\n\n"
               "Double checking the fixed image now...\n",
               result->leaks_fixed, result->corruptions_fixed);
        /* Printed now, they are not to be printed with the second check's. */
        qapi_free_ImageCheckFindingList(findings->first);
        *findings = (Findings) { .next = &findings->first };
    }
    ret = bdrv_check_listening(bs, &second, 0, check_note_finding, findings);
    /* The second check cannot know what the first one did. */
    second.given_up = result->given_up;
    second.leaks_fixed = result->leaks_fixed;
    second.corruptions_fixed = result->corruptions_fixed;
    *result = second;
    return ret;
}

static int check_node(BlockDriverState *bs, const CheckArgs *args)
{
    Findings findings = { .next = &findings.first };
    BdrvCheckResult result;
    int ret = bdrv_check_listening(bs, &result, args->fix, check_note_finding,
                                   &findings);

    if (ret == -ENOTSUP) {
        error_report("This image format does not support checks");
        return CHECK_NOT_SUPPORTED;
    }
    if (ret >= 0 && (result.corruptions_fixed || result.leaks_fixed)) {
        ret = check_again(bs, args, &result, &findings);
    }
    if (ret >= 0) {
        ret = bdrv_flush(bs);
    }
    if (ret < 0) {
        if (!args->json && !args->quiet) {
            check_print_findings(&findings);
        }
        error_report("Check failed: %s", strerror(-ret));
    } else if (args->json && !args->quiet) {
        check_print_json(args, bdrv_get_format_name(bs), &result, &findings);
    } else if (!args->quiet) {
        check_print_findings(&findings);
        check_print_human(&result);
    }
    qapi_free_ImageCheckFindingList(findings.first);
    if (ret < 0 || result.check_errors) {
        return 1;
    }
    if (result.corruptions || result.given_up) {
        return CHECK_CORRUPTIONS;
    }
    return result.leaks ? CHECK_LEAKS : 0;
}

/* The value of -r as BDRV_FIX_*; exits when it is none. */
static bool check_set_repair(void *member, const CmdOption *option,
                             const char *word)
{
    bool all = strcmp(word, "all") == 0;

    if (!all && strcmp(word, "leaks") != 0) {
        img_usage_error("Unknown option value for -r (expecting 'leaks' or "
                        "'all'): %s", word);
    }
    *(int *)member = BDRV_FIX_LEAKS | (all ? BDRV_FIX_ERRORS : 0);
    return true;
}

static const CmdOption check_options[] = {
    IMG_FORMAT_LONG(CheckArgs, how.format),
    IMG_OUTPUT(CheckArgs, json),
    { 'r', "repair", "leaks|all",
      "leaks: free what nothing uses; all: repair corruptions, too",
      check_set_repair, offsetof(CheckArgs, fix) },
    { 0, "target", "PRODUCT",
      "also what the product would refuse: azure, hyperv, xenserver,\n"
      "virtualbox or virtualpc", cmd_set_string,
      offsetof(CheckArgs, target.product) },
    IMG_CACHE('T', CheckArgs, how),
    IMG_QUIET(CheckArgs, quiet),
    IMG_IMAGE_OPTS(CheckArgs, how.image_opts),
    IMG_FORCE_SHARE(CheckArgs, how.force_share),
    IMG_END
};

static int check_run(int argc, char **argv)
{
    /* Otherwise an image could be too damaged to be opened and repaired. */
    CheckArgs args = { .how.flags = BDRV_O_CHECK };
    g_autoptr(BlockBackend) blk = NULL;
    int status;

    img_read_options(&args, argc, argv);
    args.how.flags |= args.fix ? BDRV_O_RDWR : 0;
    blk = img_open_operand(&args.how, argc, argv);
    args.filename = argv[optind];
    args.target.filename = args.filename;
    args.target.image_opts = args.how.image_opts;
    if (args.target.product && !check_target(blk_bs(blk), &args.target)) {
        return 1;
    }
    status = check_node(blk_bs(blk), &args);
    if (status == CHECK_NOT_SUPPORTED && args.target.product) {
        error_printf("Try convert -O vpc -o target=%s\n", args.target.product);
    }
    if (args.target.refusals) {
        if (!args.json && !args.quiet) {
            check_target_print(&args.target);
        }
        status = status == 1 ? 1 : CHECK_CORRUPTIONS;
    }
    qapi_free_ImageCheckRefusalList(args.target.refusals);
    return status;
}

const ImgCommand img_check = {
    .name = "check",
    .answers = true,
    .operands = "FILE",
    .help =
        "Looks for damage in an image's metadata. Exit status: 0 none, 1 the\n"
        "check failed, 2 corruptions, a repair that gave data up, or something\n"
        "that the product of --target would refuse, 3 only leaks, 63 the\n"
        "format has no check.\n",
    .options = check_options,
    .run = check_run,
};
