/* SPDX-License-Identifier: MIT */
/*
 * check: looks for damage in an image's metadata, and repairs it.
 *
 * Invariants:
 *   - Without -r, and for a dry run, the image is opened read-only.
 *   - Findings are printed as they come, because there may be millions.
 *   - After a repair the image is checked once more; what is reported is what
 *     that second check found, with what was repaired, and is on the disk.
 *   - Exit status 0: nothing is wrong any more, and the guest has lost nothing.
 */
#include "qemu/osdep.h"
#include "check-target.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qstring.h"
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
    bool dry_run;
    bool force;
    bool json;
    bool quiet;
} CheckArgs;

/* ---- findings ----------------------------------------------------------- */

/* What prints findings while a check hands them on. */
typedef struct Printer {
    const CheckArgs *args;
    const BdrvCheckResult *result;
    bool second;            /* after a repair */
    bool began;             /* JSON: the list of findings */
} Printer;

static bool check_has_repaired(const BdrvCheckResult *result)
{
    return result->corruptions_fixed || result->leaks_fixed;
}

static void check_set_range(bool *has_offset, int64_t *offset,
                            bool *has_length, int64_t *length,
                            int64_t from, int64_t bytes)
{
    *has_offset = *has_length = bytes > 0;
    *offset = from;
    *length = bytes;
}

/* In a line of its own; what there are numbers for is not said in words. */
static void check_print_finding_json(const BdrvCheckFinding *found, bool first)
{
    static const ImageCheckGrade grades[] = {
        [BDRV_FINDING_CORRUPTION] = IMAGE_CHECK_GRADE_CORRUPTION,
        [BDRV_FINDING_LEAK] = IMAGE_CHECK_GRADE_LEAK,
        [BDRV_FINDING_WARNING] = IMAGE_CHECK_GRADE_WARNING,
    };
    bool words = found->fault == IMAGE_CHECK_FAULT_FIELD;
    /* All in it is borrowed, so nothing of it is freed. */
    ImageCheckFinding finding = {
        .grade = grades[found->grade],
        .fault = found->fault,
        .fixed = found->fixed,
        .has_planned = found->planned,
        .planned = found->planned,
        .offset = found->offset,
        .has_length = found->bytes > 0,
        .length = found->bytes,
        .has_data_bytes = found->fault == IMAGE_CHECK_FAULT_ORPHANED_BLOCKS,
        .data_bytes = found->data_bytes,
        .has_block = found->block >= 0,
        .block = found->block,
        .has_count = found->count > 0,
        .count = found->count,
        .has_last_block = found->block >= 0 &&
                          found->last_block - found->block >= found->count,
        .last_block = found->last_block,
        .has_entry = found->entry >= 0,
        .entry = found->entry,
        .has_last_entry = found->entry >= 0 &&
                          found->last_entry != found->entry,
        .last_entry = found->last_entry,
        .field = words ? (char *)found->field : NULL,
        .value = words ? (char *)found->value : NULL,
        .expected = words ? (char *)found->expected : NULL,
    }, *f = &finding;
    QObject *obj;
    QString *text;

    check_set_range(&f->has_guest_offset, &f->guest_offset,
                    &f->has_guest_length, &f->guest_length,
                    found->guest_offset, found->guest_bytes);
    check_set_range(&f->has_other_guest_offset, &f->other_guest_offset,
                    &f->has_other_guest_length, &f->other_guest_length,
                    found->other_offset, found->other_bytes);
    obj = img_to_qobject(ImageCheckFinding, f);
    text = qobject_to_json(obj);
    printf("%s        %s", first ? "{\n    \"findings\": [\n" : ",\n",
           qstring_get_str(text));
    qobject_unref(text);
    qobject_unref(obj);
}

/* A line; no value has several. */
static void check_print_finding(const BdrvCheckFinding *f)
{
    static const char *const grades[] = {
        [BDRV_FINDING_CORRUPTION] = "Corruption",
        [BDRV_FINDING_LEAK] = "Leak",
        [BDRV_FINDING_WARNING] = "Warning",
    };
    const char *repair = f->fixed ? "repaired"
                         : f->planned ? "would be repaired" : "";

    printf("%s at offset %" PRId64 ": %s is %s, expected %s", grades[f->grade],
           f->offset, f->field, f->value, f->expected);
    if (*repair || f->effect) {
        printf(" (%s%s%s)", repair, *repair && f->effect ? ": " : "",
               f->effect ?: "");
    }
    printf("\n");
}

static void check_take_finding(const BdrvCheckFinding *found, void *opaque)
{
    Printer *p = opaque;

    /* What was not repaired is found again by the second check. */
    if (p->args->quiet ||
        (!p->second && check_has_repaired(p->result) && !found->fixed)) {
        return;
    }
    if (p->args->json) {
        check_print_finding_json(found, !p->began);
    } else {
        check_print_finding(found);
    }
    p->began = true;
}

/* ---- printing ----------------------------------------------------------- */

/* Returns whether there was anything to be printed. */
static bool check_print_count(int n, const char *what)
{
    if (n) {
        printf("\n%d %s\n", n, what);
    }
    return n;
}

static void check_print_bytes(int64_t bytes, const char *what)
{
    if (bytes) {
        printf("\n%" PRId64 " bytes of the disk %s\n", bytes, what);
    }
}

static bool check_lost_data(const BdrvCheckResult *result)
{
    return result->zeroed || result->doubtful;
}

/* What the guest has lost, and what to do next, with @option. */
static void check_print_losses(const BdrvCheckResult *result,
                               const char *option)
{
    check_print_bytes(result->unreadable, "cannot be read.");
    check_print_bytes(result->zeroed,
                      "were given up: they read as zeroes now.\n"
                      "What the file holds of their data is kept.");
    check_print_bytes(result->doubtful,
                      "may hold the data of other blocks, which they shared "
                      "their space with.");
    if (result->orphans) {
        printf("\n%d orphaned blocks with %" PRId64 " bytes of data are in "
               "the file.\nA damaged table may have named them.\n",
               result->orphans, result->orphaned_data);
    }
    if (!result->corruptions && !result->leaks) {
        return;
    }
    printf("\nNext steps: copy the file before anything else.\n");
    if (result->fixable & BDRV_FIX_ERRORS) {
        printf("'check -r all%s' repairs what needs no guess.\n", option);
    }
    if (result->unreadable ||
        (result->corruptions && !(result->fixable & ~BDRV_FIX_LEAKS))) {
        printf("'convert --salvage%s' copies what can be read.\n", option);
    }
    if (result->fixable & BDRV_FIX_FORCE) {
        printf("'check -r all --force%s' makes zeroes of what cannot be "
               "read.\n", option);
    }
    if ((result->fixable & BDRV_FIX_LEAKS) && !result->corruptions) {
        printf("'check -r leaks%s' frees space that nothing uses%s.\n", option,
               result->orphaned_data ? ", and erases the orphaned blocks" : "");
    }
}

static void check_print_human(const BdrvCheckResult *result,
                              const CheckArgs *args, const char *format)
{
    /* Probing may refuse what is damaged, or not let it be written to. */
    g_autofree char *option = args->how.image_opts
                                  ? g_strdup("")
                                  : g_strconcat(" -f ", format, NULL);
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
    check_print_losses(result, option);
    any |= check_lost_data(result);
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

/* After the findings, if there were any. */
static void check_print_json(const Printer *p, const char *format)
{
    const BdrvCheckResult *result = p->result;
    const BlockFragInfo *bfi = &result->bfi;
    /* All in it is borrowed, so nothing of it is freed. */
    ImageCheck check = {
        .filename = (char *)p->args->filename,
        .format = (char *)format,
        .check_errors = result->check_errors,
        .has_refusals = p->args->target.refusals,
        .refusals = p->args->target.refusals,
    }, *c = &check;
    QObject *obj;
    QString *text;

    check_set_count(&c->has_image_end_offset, &c->image_end_offset,
                    result->image_end_offset);
    check_set_count(&c->has_corruptions, &c->corruptions, result->corruptions);
    check_set_count(&c->has_corruptions_fixed, &c->corruptions_fixed,
                    result->corruptions_fixed);
    check_set_count(&c->has_orphaned_blocks, &c->orphaned_blocks,
                    result->orphans);
    check_set_count(&c->has_unreadable_bytes, &c->unreadable_bytes,
                    result->unreadable);
    check_set_count(&c->has_zeroed_bytes, &c->zeroed_bytes, result->zeroed);
    check_set_count(&c->has_doubtful_bytes, &c->doubtful_bytes,
                    result->doubtful);
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
    obj = img_to_qobject(ImageCheck, c);
    text = qobject_to_json_pretty(obj);
    /* The findings have begun the object. */
    printf("%s%s\n", p->began ? "\n    ],\n" : "",
           qstring_get_str(text) + (p->began ? strlen("{\n") : 0));
    qobject_unref(text);
    qobject_unref(obj);
}

/* ---- the command -------------------------------------------------------- */

/* Checks once more after a repair.  0 or -errno. */
static int check_again(BlockDriverState *bs, Printer *p,
                       BdrvCheckResult *result)
{
    BdrvCheckResult first = *result;
    int ret;

    if (!p->args->json && !p->args->quiet) {
        printf("The following inconsistencies were found and repaired:\n\n"
               "    %d leaked clusters\n"
               "    %d corruptions\n\n"
               "Double checking the fixed image now...\n",
               result->leaks_fixed, result->corruptions_fixed);
    }
    p->second = true;
    ret = bdrv_check_listening(bs, result, 0, check_take_finding, p);
    /* The second check cannot know what the first one did. */
    result->zeroed = first.zeroed;
    result->doubtful = first.doubtful;
    result->leaks_fixed = first.leaks_fixed;
    result->corruptions_fixed = first.corruptions_fixed;
    return ret;
}

static int check_node(BlockDriverState *bs, const CheckArgs *args)
{
    BdrvCheckResult result;
    Printer printer = { .args = args, .result = &result };
    int ret = bdrv_check_listening(bs, &result, args->fix, check_take_finding,
                                   &printer);

    if (ret == -ENOTSUP) {
        error_report("This image format does not support checks");
        img_hint_format(bs);
        return CHECK_NOT_SUPPORTED;
    }
    if (ret >= 0 && check_has_repaired(&result)) {
        ret = check_again(bs, &printer, &result);
    }
    if (ret >= 0) {
        ret = bdrv_flush(bs);
    }
    if (result.corruptions) {
        check_target_drop_commands(&args->target);
    }
    if (ret < 0) {
        if (args->json && printer.began) {
            printf("\n    ]\n}\n");
        }
        error_report("Check failed: %s", strerror(-ret));
    } else if (args->json && !args->quiet) {
        check_print_json(&printer, bdrv_get_format_name(bs));
    } else if (!args->quiet) {
        check_print_human(&result, args, bdrv_get_format_name(bs));
    }
    if (ret < 0 || result.check_errors) {
        return 1;
    }
    if (result.corruptions || check_lost_data(&result)) {
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
        g_autofree char *hint = cmd_hint_words(option, word);

        cmd_refuse(hint, "Unknown option value for -r (expecting 'leaks' or "
                   "'all'): %s", word);
    }
    *(int *)member = BDRV_FIX_LEAKS | (all ? BDRV_FIX_ERRORS : 0);
    return true;
}

static const CmdOption check_options[] = {
    IMG_FORMAT_LONG(CheckArgs, how.format),
    IMG_OUTPUT(CheckArgs, json),
    { 'r', "repair", "leaks|all",
      "leaks: free what nothing uses; all: repair\n"
      "corruptions, too",
      check_set_repair, offsetof(CheckArgs, fix) },
    { 0, "target", "PRODUCT",
      "also what the product would refuse: azure, hyperv,\n"
      "xenserver, virtualbox or virtualpc", cmd_set_string,
      offsetof(CheckArgs, target.product) },
    { 0, "dry-run", NULL, "with -r: print what would be repaired, write "
      "nothing", cmd_set_true, offsetof(CheckArgs, dry_run) },
    { 0, "force", NULL, "with -r all: what cannot be read becomes zeroes",
      cmd_set_true, offsetof(CheckArgs, force) },
    IMG_CACHE('T', CheckArgs, how),
    IMG_QUIET(CheckArgs, quiet),
    IMG_IMAGE_OPTS(CheckArgs, how.image_opts),
    IMG_FORCE_SHARE(CheckArgs, how.force_share),
    IMG_END
};

static void check_read_modes(CheckArgs *args)
{
    if (args->dry_run && !args->fix) {
        img_usage_error("--dry-run needs -r: without it nothing is repaired");
    }
    if (args->force && !(args->fix & BDRV_FIX_ERRORS)) {
        img_usage_error("--force needs -r all");
    }
    args->fix |= args->dry_run ? BDRV_FIX_DRY_RUN : 0;
    args->fix |= args->force ? BDRV_FIX_FORCE : 0;
}

static int check_run(int argc, char **argv)
{
    /* Otherwise an image could be too damaged to be opened and repaired. */
    CheckArgs args = { .how.flags = BDRV_O_CHECK };
    g_autoptr(BlockBackend) blk = NULL;
    int status;

    img_read_options(&args, argc, argv);
    check_read_modes(&args);
    args.how.flags |= args.fix && !args.dry_run ? BDRV_O_RDWR : 0;
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
        "check failed, 2 corruptions, a repair that gave data up, or what the\n"
        "product of --target would refuse, 3 only leaks, 63 the format has no\n"
        "check.\n",
    .example = "-f vpc disk.vhd",
    .options = check_options,
    .run = check_run,
};
