/* SPDX-License-Identifier: MIT */
/*
 * rebase: gives an image another backing image.
 *
 * Invariants: an image whose format has no backing images is left as it is.
 */
#include "qemu/osdep.h"
#include "common.h"

static const char rebase_help[] =
    "Gives an image another backing image, without changing what it reads as.\n"
    "\n"
    "  -b FILE            the new backing image; an empty name: none\n"
    "  -F FMT             format of the new backing image\n"
    "  -u                 change only the name, do not look at contents\n"
    "  -f FMT             format of the image (default: probed)\n"
    "  -t CACHE           cache mode (default: writeback)\n"
    "  -T CACHE           cache mode of the backing images\n"
    "  -p                 show progress\n"
    "  -q                 print nothing but errors\n"
    "  --image-opts       FILE is a list of options\n"
    "  -U, --force-share  also while another process writes to it\n";

typedef struct RebaseArgs {
    ImgOpen how;            /* of the image */
    ImgOpen backing_how;    /* of the backing images */
    const char *backing;    /* NULL: not given */
    bool unsafe;
} RebaseArgs;

static void read_options(RebaseArgs *args, const char **cache,
                         const char **source_cache, int argc, char **argv)
{
    static const struct option long_options[] = {
        IMG_LONG_HELP, IMG_LONG_IMAGE_OPTS, IMG_LONG_FORCE_SHARE, IMG_LONG_END
    };
    int c;

    while ((c = img_getopt(argc, argv, "b:F:uf:t:T:pqU",
                           long_options)) != -1) {
        switch (c) {
        case 'b':
            args->backing = optarg;
            break;
        case 'F':
            args->backing_how.format = optarg;
            break;
        case 'u':
            args->unsafe = true;
            break;
        case 'f':
            args->how.format = optarg;
            break;
        case 't':
            *cache = optarg;
            break;
        case 'T':
            *source_cache = optarg;
            break;
        case 'p':
        case 'q':
            break;
        case 'U':
            args->how.force_share = args->backing_how.force_share = true;
            break;
        case IMG_OPT_IMAGE_OPTS:
            args->how.image_opts = true;
            break;
        }
    }
}

/* Can the new backing image be opened?  Reports when not. */
static bool check_backing(const RebaseArgs *args)
{
    QDict *options = qdict_new();
    Error *err = NULL;
    BlockBackend *blk;

    if (args->backing_how.format) {
        qdict_put_str(options, "driver", args->backing_how.format);
    }
    if (args->backing_how.force_share) {
        qdict_put_bool(options, BDRV_OPT_FORCE_SHARE, true);
    }
    blk = blk_new_open(args->backing, NULL, options, args->backing_how.flags,
                       &err);
    if (!blk) {
        error_reportf_err(err, "Could not open new backing file '%s': ",
                          args->backing);
        return false;
    }
    blk_unref(blk);
    return true;
}

/* Says why an image keeps the backing image that it has, or none. */
static void refuse(const RebaseArgs *args)
{
    bool named = args->backing && *args->backing;

    if (!args->unsafe && named && !check_backing(args)) {
        return;
    }
    if (named && !args->backing_how.format) {
        error_report("Could not change the backing file to '%s': backing "
                     "format must be specified", args->backing);
    } else {
        error_report("Could not change the backing file to '%s': %s",
                     named ? args->backing : "", strerror(ENOTSUP));
    }
}

static int rebase_run(int argc, char **argv)
{
    RebaseArgs args = { .how.flags = BDRV_O_RDWR };
    const char *cache = IMG_DEFAULT_CACHE;
    const char *source_cache = IMG_DEFAULT_CACHE;
    BlockBackend *blk;

    read_options(&args, &cache, &source_cache, argc, argv);
    if (optind != argc - 1) {
        img_usage_error("Expecting one image file name");
    }
    if (!args.unsafe && !args.backing) {
        img_usage_error("Must specify backing file (-b) or use unsafe mode "
                        "(-u)");
    }
    img_check_image_opts(&args.how);
    if (!img_parse_cache("cache", cache, &args.how) ||
        !img_parse_cache("source cache", source_cache, &args.backing_how)) {
        return 1;
    }
    blk = img_open(argv[optind], &args.how);
    if (blk) {
        refuse(&args);
        blk_unref(blk);
    }
    return 1;
}

const ImgCommand img_rebase = {
    .name = "rebase",
    .synopsis = "-b BACKING [-F FMT] [-u] [-f FMT] [-t CACHE] [-T CACHE] [-p] "
                "[-q] [--image-opts] [-U] FILE",
    .help = rebase_help,
    .run = rebase_run,
};
