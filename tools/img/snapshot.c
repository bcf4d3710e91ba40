/* SPDX-License-Identifier: MIT */
/*
 * snapshot: snapshots inside an image, which none of the formats has.
 *
 * Invariants: the image is opened read-only, and left as it is.
 */
#include "qemu/osdep.h"
#include "common.h"

static const char snapshot_help[] =
    "Lists, applies, creates or deletes snapshots inside an image, if its\n"
    "format has any.\n"
    "\n"
    "  -l                 list them (default)\n"
    "  -a NAME            apply\n"
    "  -c NAME            create\n"
    "  -d NAME            delete\n"
    "  -f FMT             format of the image (default: probed)\n"
    "  -q                 print nothing but errors\n"
    "  --image-opts       FILE is a list of options\n"
    "  -U, --force-share  also while another process writes to it\n";

static void read_options(ImgOpen *how, int argc, char **argv)
{
    static const struct option long_options[] = {
        IMG_LONG_HELP, IMG_LONG_IMAGE_OPTS, IMG_LONG_FORCE_SHARE, IMG_LONG_END
    };
    bool chosen = false;
    int c;

    while ((c = img_getopt(argc, argv, "la:c:d:f:qU", long_options)) != -1) {
        switch (c) {
        case 'l':
        case 'a':
        case 'c':
        case 'd':
            if (chosen) {
                img_usage_error("Cannot mix '-l', '-a', '-c', '-d'");
            }
            chosen = true;
            break;
        case 'f':
            how->format = optarg;
            break;
        case 'q':
            break;
        case 'U':
            how->force_share = true;
            break;
        case IMG_OPT_IMAGE_OPTS:
            how->image_opts = true;
            break;
        }
    }
}

static int snapshot_run(int argc, char **argv)
{
    ImgOpen how = { 0 };
    BlockBackend *blk;

    read_options(&how, argc, argv);
    if (optind != argc - 1) {
        img_usage_error("Expecting one image file name");
    }
    img_check_image_opts(&how);
    blk = img_open(argv[optind], &how);
    if (blk) {
        error_report("Snapshots inside an image are not supported by format "
                     "'%s'", bdrv_get_format_name(blk_bs(blk)));
        blk_unref(blk);
    }
    return 1;
}

const ImgCommand img_snapshot = {
    .name = "snapshot",
    .synopsis = "[-l | -a NAME | -c NAME | -d NAME] [-f FMT] [-q] "
                "[--image-opts] [-U] FILE",
    .help = snapshot_help,
    .run = snapshot_run,
};
