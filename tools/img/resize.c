/* SPDX-License-Identifier: MIT */
/*
 * resize: makes an image longer or shorter.
 *
 * Invariants:
 *   - Space that is added reads as zeroes.
 *   - Nothing is cut off without --shrink.
 *   - A raw file, all of which the disk is, is as long as it was if an error or
 *     a signal kept it from growing.
 *   - The new size is on the disk before it is reported as done.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "minblk/checked.h"
#include "target.h"

typedef struct ResizeArgs {
    ImgOpen how;
    int sign;               /* of a relative size: 1 or -1; 0: absolute */
    uint64_t size;          /* bytes */
    PreallocMode prealloc;
    bool shrink;
    bool quiet;
} ResizeArgs;

/* For the size, because it is parsed as an option is, with those messages. */
static QemuOptsList resize_list = {
    .name = "resize",
    .head = QTAILQ_HEAD_INITIALIZER(resize_list.head),
    .desc = { { .name = "size", .type = QEMU_OPT_SIZE }, { NULL } },
};

/* @text with an optional sign; bad usage when it is none. */
static void resize_parse(ResizeArgs *args, const char *text)
{
    g_autoptr(QemuOpts) opts =
        qemu_opts_create(&resize_list, NULL, 0, &error_abort);
    Error *err = NULL;

    args->sign = *text == '+' ? 1 : *text == '-' ? -1 : 0;
    text += args->sign != 0;
    if (!qemu_opt_set(opts, "size", text, &err)) {
        cmdline_error(error_get_hint(err), "%s", error_get_pretty(err));
    }
    args->size = qemu_opt_get_size(opts, "size", 0);
}

/* The size to be in bytes.  Reports, and returns -1, when it is not allowed. */
static int64_t resize_target(const ResizeArgs *args, int64_t current)
{
    uint64_t size = args->size;
    bool fits = true;

    if (args->sign > 0) {
        fits = checked_add_u64(current, size, &size);
    } else if (args->sign < 0) {
        fits = size <= (uint64_t)current;
        size = current - size;
    }
    if (!fits || size == 0 || size > INT64_MAX) {
        error_report("New image size must be positive");
        if (args->sign >= 0 && args->size) {
            error_printf("The limit is %" PRId64 " bytes\n", INT64_MAX);
        }
        return -1;
    }
    if (size <= (uint64_t)current && args->prealloc != PREALLOC_MODE_OFF) {
        error_report("Preallocation can only be used for growing images");
        return -1;
    }
    if (size < (uint64_t)current && !args->shrink) {
        error_report("Use the --shrink option to perform a shrink operation.");
        warn_report("Shrinking an image will delete all data beyond the "
                    "shrunken image's end. Before performing such an "
                    "operation, make sure there is no important data there.");
        return -1;
    }
    return size;
}

/* The image is open; returns the exit status. */
static int resize_backend(BlockBackend *blk, const ResizeArgs *args)
{
    Error *err = NULL;
    int64_t current = blk_getlength(blk);
    int64_t size;
    bool good;
    int ret;

    if (current < 0) {
        error_report("Failed to inquire current image length: %s",
                     strerror(-current));
        return 1;
    }
    size = resize_target(args, current);
    if (size < 0) {
        return 1;
    }
    if (size > current && !strcmp(bdrv_get_format_name(blk_bs(blk)), "raw")) {
        target_begin_growth(bdrv_get_filename(blk_bs(blk)), current);
    }
    ret = blk_truncate(blk, size, false, args->prealloc, &err);
    if (ret < 0) {
        error_report_err(err);
        /* What is not supported is said with the name of the file. */
        if (ret != -ENOTSUP) {
            img_hint_file(bdrv_get_filename(blk_bs(blk)));
        }
    }
    /* What cannot be flushed has grown all the same. */
    good = ret >= 0 && bdrv_flush_report(blk_bs(blk)) >= 0;
    target_end(ret >= 0);
    if (!good) {
        return 1;
    }
    if (!args->quiet) {
        printf("Image resized.\n");
    }
    return 0;
}

/*
 * A size with a minus sign looks like an option.  No option begins with a
 * digit, so such a word is the size: it is taken out of @argv.  NULL: there is
 * none.
 */
static const char *resize_take_negative(int *argc, char **argv)
{
    char *size;
    int i = 1;

    while (i < *argc && strcmp(argv[i], "--") != 0 &&
           !(argv[i][0] == '-' && g_ascii_isdigit(argv[i][1]))) {
        i++;
    }
    if (i == *argc || argv[i][1] == '-') {
        return NULL;
    }
    size = argv[i];
    memmove(argv + i, argv + i + 1, (*argc - i) * sizeof(*argv));
    --*argc;
    return size;
}

static const CmdOption resize_options[] = {
    IMG_FORMAT(ResizeArgs, how.format),
    { 0, "shrink", NULL, "allow a smaller size; the end is lost",
      cmd_set_true, offsetof(ResizeArgs, shrink) },
    { 0, "preallocation", "off|falloc|full", "allocate what is added",
      cmd_set_prealloc, offsetof(ResizeArgs, prealloc) },
    IMG_QUIET(ResizeArgs, quiet),
    IMG_IMAGE_OPTS(ResizeArgs, how.image_opts),
    IMG_END
};

static int resize_run(int argc, char **argv)
{
    ResizeArgs args = {
        .how.flags = BDRV_O_RDWR | BDRV_O_RESIZE,
        .prealloc = PREALLOC_MODE_OFF,
    };
    const char *size = resize_take_negative(&argc, argv);
    g_autoptr(BlockBackend) blk = NULL;

    img_read_options(&args, argc, argv);
    img_check_operands(argc, argv, argc + (size != NULL) < 3 ? 2 : 0, INT_MAX,
                       "Not enough arguments");
    img_check_operands(argc, argv, size ? 1 : 2, size ? 1 : 2,
                       "Expecting image file name and size");
    img_check_image_opts(&args.how);
    resize_parse(&args, size ? size : argv[optind + 1]);
    /* A size among the operands comes after the image. */
    blk = img_open_operand(&args.how, optind + 1, argv);
    return resize_backend(blk, &args);
}

const ImgCommand img_resize = {
    .name = "resize",
    .operands = "FILE SIZE|+N|-N",
    .help =
        "Sets the size of an image, or with + or - in front adds to it or\n"
        "takes away from it. Space that is added reads as zeroes.\n",
    .example = "-f raw disk.raw +1G",
    .options = resize_options,
    .run = resize_run,
};
