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
    int actions;                /* BITMAP_*; the letter of snapshot's option */
    bool unsafe;
} UnsupportedArgs;

#define MEMBER(m) offsetof(UnsupportedArgs, m)
#define QUIET { 'q', NULL, NULL, "print nothing but errors" }
#define PROGRESS { 'p', NULL, NULL, "show progress" }

/* Reports, with the name of the image's format, that it lacks @thing. */
static int unsupported_by(BlockBackend *blk, const char *thing)
{
    error_report("%s not supported by format '%s'", thing,
                 bdrv_get_format_name(blk_bs(blk)));
    img_hint_format(blk_bs(blk));
    blk_unref(blk);
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
    UnsupportedArgs args = { .how.flags = BDRV_O_RDWR };

    img_read_options(&args, argc, argv);
    img_fail_if(!args.actions, "Need at least one of --add, --remove, --clear, "
                               "--enable, --disable, or --merge");
    img_fail_if(args.number && !(args.actions & BITMAP_ADD),
                "granularity only supported with --add");
    img_fail_if(args.backing_how.format && !args.backing,
                "-F only supported with -b");
    img_fail_if(args.backing && !(args.actions & BITMAP_MERGE),
                "Merge bitmap source file only supported with --merge");
    img_check_operands(argc, argv, 2, 2, "Expecting filename and bitmap name");
    /* The image is all but the last operand. */
    return unsupported_by(img_open_operand(&args.how, argc - 1, argv),
                          "Bitmaps are");
}

const ImgCommand img_bitmap = {
    .name = "bitmap",
    .operands = "FILE BITMAP",
    .help =
        "Changes the dirty bitmaps in an image, if its format has any; none\n"
        "of minblk's own has. Several changes are made in turn.\n",
    .example = "--add -f vpc disk.vhd name",
    .options = bitmap_options,
    .run = bitmap_run,
};

/* ---- commit ------------------------------------------------------------- */

static const CmdOption commit_options[] = {
    IMG_FORMAT(UnsupportedArgs, how.format),
    IMG_CACHE('t', UnsupportedArgs, how),
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

    img_read_options(&args, argc, argv);
    blk = img_open_operand(&args.how, argc, argv);
    if (bdrv_backing_bs(blk_bs(blk))) {
        return unsupported_by(g_steal_pointer(&blk), "Committing is");
    }
    if (args.backing) {
        error_report("Did not find '%s' in the backing chain of '%s'",
                     args.backing, argv[optind]);
    } else {
        error_report("Image does not have a backing file");
    }
    return 1;
}

const ImgCommand img_commit = {
    .name = "commit",
    .operands = "FILE",
    .help =
        "Moves the contents of an image into its backing image, if there is\n"
        "one.\n",
    .example = "-f vpc disk.vhd",
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
    IMG_CACHE('t', UnsupportedArgs, how),
    { 'T', NULL, "CACHE", "cache mode of the backing images",
      img_set_cache, MEMBER(backing_how) },
    PROGRESS, QUIET,
    IMG_IMAGE_OPTS(UnsupportedArgs, how.image_opts),
    IMG_FORCE_SHARE(UnsupportedArgs, how.force_share),
    IMG_END
};

static int rebase_run(int argc, char **argv)
{
    UnsupportedArgs args = { .how.flags = BDRV_O_RDWR };
    g_autoptr(BlockBackend) blk = NULL;
    Error *err = NULL;
    bool named;

    img_read_options(&args, argc, argv);
    img_read_image(argc, argv);
    if (!args.unsafe && !args.backing) {
        img_usage_error("Must specify backing file (-b) or use unsafe mode "
                        "(-u)");
    }
    /* Both cache modes are checked before one of the images is opened. */
    img_check_open(&args.how);
    img_check_open(&args.backing_how);
    /* It stays open, because its lock may be what the other one meets. */
    blk = img_open_operand(&args.how, argc, argv);
    assert(blk);
    named = args.backing && *args.backing;
    if (named && !args.unsafe) {
        g_autoptr(BlockBackend) backing = NULL;

        args.backing_how.force_share = args.how.force_share;
        backing = img_try_open(args.backing, &args.backing_how, &err);
        if (!backing) {
            error_reportf_err(err, "Could not open new backing file '%s': ",
                              args.backing);
            return 1;
        }
    }
    error_report("Could not change the backing file to '%s': %s",
                 named ? args.backing : "",
                 named && !args.backing_how.format
                     ? "backing format must be specified"
                     : strerror(ENOTSUP));
    img_hint_format(blk_bs(blk));
    return 1;
}

const ImgCommand img_rebase = {
    .name = "rebase",
    .operands = "FILE",
    .help =
        "Gives an image another backing image, without changing its contents,\n"
        "if its format knows backing images.\n",
    .example = "-f vpc -u -b '' disk.vhd",
    .options = rebase_options,
    .run = rebase_run,
};

/* ---- snapshot ----------------------------------------------------------- */

static bool snapshot_set_action(void *member, const CmdOption *option,
                                const char *value)
{
    int *action = member;

    if (*action) {
        img_usage_error("Cannot mix '-l', '-a', '-c', '-d'");
    }
    *action = option->letter;
    return true;
}

#define SNAPSHOT_ROW(letter, arg, help) \
    { letter, NULL, arg, help, snapshot_set_action, MEMBER(actions) }

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
    g_autoptr(BlockBackend) blk = NULL;

    img_read_options(&args, argc, argv);
    blk = img_open_operand(&args.how, argc, argv);
    /* No format has any, so there is nothing to list. */
    return !args.actions || args.actions == 'l'
               ? 0
               : unsupported_by(g_steal_pointer(&blk),
                                "Snapshots inside an image are");
}

const ImgCommand img_snapshot = {
    .name = "snapshot",
    .operands = "FILE",
    .help =
        "Lists, applies, creates or deletes snapshots inside an image, if its\n"
        "format has any.\n",
    .example = "-l -f vpc disk.vhd",
    .options = snapshot_options,
    .run = snapshot_run,
};
