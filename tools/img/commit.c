/* SPDX-License-Identifier: MIT */
/*
 * commit: moves what an image holds into its backing image.
 *
 * Invariants: an image without a backing image is left as it is.
 */
#include "qemu/osdep.h"
#include "common.h"

static const char commit_help[] =
    "Moves what an image holds into its backing image.\n"
    "\n"
    "  -f FMT        format of the image (default: probed)\n"
    "  -t CACHE      cache mode (default: writeback)\n"
    "  -b BASE       the image of the chain to move it into\n"
    "  -d            leave the image as it is afterwards\n"
    "  -r RATE       limit of the speed, in bytes a second\n"
    "  -p            show progress\n"
    "  -q            print nothing but errors\n"
    "  --image-opts  FILE is a list of options\n";

typedef struct CommitArgs {
    ImgOpen how;
    const char *filename;
    const char *base;       /* NULL: the next image */
} CommitArgs;

/* Says why the contents of @bs cannot go down. */
static void refuse(BlockDriverState *bs, const CommitArgs *args)
{
    if (bdrv_backing_bs(bs)) {
        error_report("Committing is not supported by format '%s'",
                     bdrv_get_format_name(bs));
    } else if (args->base) {
        error_report("Did not find '%s' in the backing chain of '%s'",
                     args->base, args->filename);
    } else {
        error_report("Image does not have a backing file");
    }
}

/* False when something was no good, which was reported. */
static bool read_options(CommitArgs *args, const char **cache, int argc,
                         char **argv)
{
    static const struct option long_options[] = {
        IMG_LONG_HELP, IMG_LONG_IMAGE_OPTS, IMG_LONG_END
    };
    int c;

    while ((c = img_getopt(argc, argv, "f:t:b:dr:pq", long_options)) != -1) {
        switch (c) {
        case 'f':
            args->how.format = optarg;
            break;
        case 't':
            *cache = optarg;
            break;
        case 'b':
            args->base = optarg;
            break;
        case 'd':
        case 'p':
        case 'q':
            break;
        case 'r':
            if (img_parse_size("rate limit", optarg) < 0) {
                return false;
            }
            break;
        case IMG_OPT_IMAGE_OPTS:
            args->how.image_opts = true;
            break;
        }
    }
    return true;
}

static int commit_run(int argc, char **argv)
{
    CommitArgs args = { .how.flags = BDRV_O_RDWR };
    const char *cache = IMG_DEFAULT_CACHE;
    BlockBackend *blk;

    if (!read_options(&args, &cache, argc, argv)) {
        return 1;
    }
    if (optind != argc - 1) {
        img_usage_error("Expecting one image file name");
    }
    args.filename = argv[optind];
    img_check_image_opts(&args.how);
    if (!img_parse_cache("cache", cache, &args.how)) {
        return 1;
    }
    blk = img_open(args.filename, &args.how);
    if (blk) {
        refuse(blk_bs(blk), &args);
        blk_unref(blk);
    }
    return 1;
}

const ImgCommand img_commit = {
    .name = "commit",
    .synopsis = "[-f FMT] [-t CACHE] [-b BASE] [-d] [-r RATE] [-p] [-q] "
                "[--image-opts] FILE",
    .help = commit_help,
    .run = commit_run,
};
