/* SPDX-License-Identifier: MIT */
/*
 * bitmap, commit, rebase and snapshot: commands that no format supports yet.
 * They read their command lines and refuse as qemu-img does for such a format.
 *
 * Invariants: no image is changed.
 */
#include "qemu/osdep.h"
#include "common.h"

enum { BITMAP_ADD = 1, BITMAP_CHANGE = 2, BITMAP_MERGE = 4 };

/* Each command has a few of them. */
typedef struct UnsupportedArgs {
    ImgOpen how;
    ImgOpen backing_how;        /* of the other image */
    const char *backing;        /* -b; NULL: not given */
    int64_t number;             /* a rate, or a granularity; 0: not given */
    int actions;                /* BITMAP_* */
    bool chosen;                /* what to do with a snapshot */
    bool unsafe;
} UnsupportedArgs;

#define MEMBER(m) offsetof(UnsupportedArgs, m)
#define QUIET { 'q', NULL, NULL, "print nothing but errors" }
#define PROGRESS { 'p', NULL, NULL, "show progress" }

/* Reports, with the name of its format, that it lacks @thing.  Always 1. */
static int unsupported_by(const char *name, const ImgOpen *how,
                          const char *thing)
{
    g_autoptr(BlockBackend) blk = img_open(name, how);

    if (blk) {
        error_report("%s not supported by format '%s'", thing,
                     bdrv_get_format_name(blk_bs(blk)));
    }
    return 1;
}

/* ---- bitmap ------------------------------------------------------------- */

#define BITMAP_ROW(name, help, bit) \
    { 0, name, NULL, help, cmd_set_bits, MEMBER(actions), .max = bit }

static const CmdOption bitmap_options[] = {
    BITMAP_ROW("add", "make the bitmap", BITMAP_ADD),
    BITMAP_ROW("remove", "remove it", BITMAP_CHANGE),
    BITMAP_ROW("clear", "mark nothing as dirty", BITMAP_CHANGE),
    BITMAP_ROW("enable", "record writes from now on", BITMAP_CHANGE),
    BITMAP_ROW("disable", "record no more writes", BITMAP_CHANGE),
    { 0, "merge", "SOURCE", "merge the bitmap SOURCE into it",
      cmd_set_bits, MEMBER(actions), .max = BITMAP_MERGE },
    { 'b', "source-file", "FILE", "the image that SOURCE is in",
      cmd_set_string, MEMBER(backing) },
    { 'F', "source-format", "FMT", "format of that image",
      cmd_set_string, MEMBER(backing_how.format) },
    { 'g', "granularity", "N", "granularity of --add in bytes",
      img_set_size, MEMBER(number), "granularity", 1 },
    IMG_FORMAT(UnsupportedArgs, how.format),
    IMG_IMAGE_OPTS(UnsupportedArgs, how.image_opts),
    IMG_END
};

static int bitmap_run(int argc, char **argv)
{
    UnsupportedArgs args = { 0 };

    if (!img_read_options(&args, argc, argv)) {
        return 1;
    }
    if (!args.actions) {
        img_fail("Need at least one of --add, --remove, --clear, --enable, "
                 "--disable, or --merge");
    }
    if (args.number && !(args.actions & BITMAP_ADD)) {
        img_fail("granularity only supported with --add");
    }
    if (args.backing_how.format && !args.backing) {
        img_fail("-F only supported with -b");
    }
    if (args.backing && !(args.actions & BITMAP_MERGE)) {
        img_fail("Merge bitmap source file only supported with --merge");
    }
    if (argc - optind != 2) {
        img_fail("Expecting filename and bitmap name");
    }
    img_check_image_opts(&args.how);
    return unsupported_by(argv[optind], &args.how, "Bitmaps are");
}

const ImgCommand img_bitmap = {
    .name = "bitmap",
    .operands = "FILE BITMAP",
    .help =
        "Changes the dirty bitmaps in an image, if its format has any. Several\n"
        "changes are made in turn.\n",
    .options = bitmap_options,
    .run = bitmap_run,
};

/* ---- commit ------------------------------------------------------------- */

static const CmdOption commit_options[] = {
    IMG_FORMAT(UnsupportedArgs, how.format),
    IMG_CACHE('t', UnsupportedArgs, how.cache),
    { 'b', NULL, "BASE", "the image of the chain to move it into",
      cmd_set_string, MEMBER(backing) },
    { 'd', NULL, NULL, "leave the image as it is afterwards" },
    { 'r', NULL, "RATE", "limit of the speed, in bytes a second",
      img_set_size, MEMBER(number), "rate limit" },
    PROGRESS, QUIET,
    IMG_IMAGE_OPTS(UnsupportedArgs, how.image_opts),
    IMG_END
};

static int commit_run(int argc, char **argv)
{
    UnsupportedArgs args = { .how.flags = BDRV_O_RDWR };
    g_autoptr(BlockBackend) blk = NULL;
    const char *name;

    if (!img_read_options(&args, argc, argv)) {
        return 1;
    }
    name = img_read_image(argc, argv);
    if (!img_check_open(&args.how, "cache")) {
        return 1;
    }
    blk = img_open(name, &args.how);
    if (!blk) {
        return 1;
    }
    if (bdrv_backing_bs(blk_bs(blk))) {
        error_report("Committing is not supported by format '%s'",
                     bdrv_get_format_name(blk_bs(blk)));
    } else if (args.backing) {
        error_report("Did not find '%s' in the backing chain of '%s'",
                     args.backing, name);
    } else {
        error_report("Image does not have a backing file");
    }
    return 1;
}

const ImgCommand img_commit = {
    .name = "commit",
    .operands = "FILE",
    .help = "Moves the contents of an image into its backing image.\n",
    .options = commit_options,
    .run = commit_run,
};

/* ---- rebase ------------------------------------------------------------- */

static const CmdOption rebase_options[] = {
    { 'b', NULL, "BACKING", "the new backing image; an empty name: none",
      cmd_set_string, MEMBER(backing), .required = true },
    { 'F', NULL, "FMT", "format of the new backing image",
      cmd_set_string, MEMBER(backing_how.format) },
    { 'u', NULL, NULL, "change only the name, do not look at contents",
      cmd_set_true, MEMBER(unsafe) },
    IMG_FORMAT(UnsupportedArgs, how.format),
    IMG_CACHE('t', UnsupportedArgs, how.cache),
    { 'T', NULL, "CACHE", "cache mode of the backing images",
      cmd_set_string, MEMBER(backing_how.cache) },
    PROGRESS, QUIET,
    IMG_IMAGE_OPTS(UnsupportedArgs, how.image_opts),
    IMG_FORCE_SHARE(UnsupportedArgs, how.force_share),
    IMG_END
};

/* Can the new backing image be opened?  Reports when not. */
static bool rebase_check_backing(const UnsupportedArgs *args)
{
    g_autoptr(BlockBackend) blk = NULL;
    QDict *options = qdict_new();
    Error *err = NULL;

    if (args->backing_how.format) {
        qdict_put_str(options, "driver", args->backing_how.format);
    }
    if (args->how.force_share) {
        qdict_put_bool(options, BDRV_OPT_FORCE_SHARE, true);
    }
    blk = blk_new_open(args->backing, NULL, options, args->backing_how.flags,
                       &err);
    if (!blk) {
        error_reportf_err(err, "Could not open new backing file '%s': ",
                          args->backing);
    }
    return blk;
}

static int rebase_run(int argc, char **argv)
{
    UnsupportedArgs args = { .how.flags = BDRV_O_RDWR };
    g_autoptr(BlockBackend) blk = NULL;
    const char *name;
    bool named;

    if (!img_read_options(&args, argc, argv)) {
        return 1;
    }
    name = img_read_image(argc, argv);
    if (!args.unsafe && !args.backing) {
        img_usage_error("Must specify backing file (-b) or use unsafe mode "
                        "(-u)");
    }
    if (!img_check_open(&args.how, "cache") ||
        !img_check_open(&args.backing_how, "source cache")) {
        return 1;
    }
    blk = img_open(name, &args.how);
    named = args.backing && *args.backing;
    if (!blk || (!args.unsafe && named && !rebase_check_backing(&args))) {
        return 1;
    }
    error_report("Could not change the backing file to '%s': %s",
                 named ? args.backing : "",
                 named && !args.backing_how.format
                     ? "backing format must be specified"
                     : strerror(ENOTSUP));
    return 1;
}

const ImgCommand img_rebase = {
    .name = "rebase",
    .operands = "FILE",
    .help =
        "Gives an image another backing image, without changing its contents.\n",
    .options = rebase_options,
    .run = rebase_run,
};

/* ---- snapshot ----------------------------------------------------------- */

static bool snapshot_set_action(void *member, const CmdOption *option,
                                const char *value)
{
    bool *chosen = member;

    if (*chosen) {
        img_usage_error("Cannot mix '-l', '-a', '-c', '-d'");
    }
    return *chosen = true;
}

#define SNAPSHOT_ROW(letter, arg, help) \
    { letter, NULL, arg, help, snapshot_set_action, MEMBER(chosen) }

static const CmdOption snapshot_options[] = {
    SNAPSHOT_ROW('l', NULL, "list them (default)"),
    SNAPSHOT_ROW('a', "NAME", "apply"),
    SNAPSHOT_ROW('c', "NAME", "create"),
    SNAPSHOT_ROW('d', "NAME", "delete"),
    IMG_FORMAT(UnsupportedArgs, how.format),
    QUIET,
    IMG_IMAGE_OPTS(UnsupportedArgs, how.image_opts),
    IMG_FORCE_SHARE(UnsupportedArgs, how.force_share),
    IMG_END
};

static int snapshot_run(int argc, char **argv)
{
    UnsupportedArgs args = { 0 };
    const char *name;

    if (!img_read_options(&args, argc, argv)) {
        return 1;
    }
    name = img_read_image(argc, argv);
    img_check_image_opts(&args.how);
    return unsupported_by(name, &args.how, "Snapshots inside an image are");
}

const ImgCommand img_snapshot = {
    .name = "snapshot",
    .operands = "FILE",
    .help =
        "Lists, applies, creates or deletes snapshots inside an image, if its\n"
        "format has any.\n",
    .options = snapshot_options,
    .run = snapshot_run,
};
