/* SPDX-License-Identifier: MIT */
/*
 * What create and convert share about the options of a new image.
 *
 * Invariants: an option that format and protocol both have is the format's.
 */
#include "qemu/osdep.h"
#include "common.h"

QemuOptsList *img_create_list(BlockDriver *drv, const char *filename,
                              Error **errp)
{
    BlockDriver *protocol = NULL;
    QemuOptsList *list;

    if (!bdrv_driver_can_create(drv)) {
        error_setg(errp, "Format driver '%s' does not support image creation",
                   bdrv_driver_name(drv));
        return NULL;
    }
    if (filename) {
        protocol = bdrv_find_protocol(filename, true, errp);
        if (!protocol) {
            return NULL;
        }
        if (!bdrv_driver_can_create(protocol)) {
            error_setg(errp, "Protocol driver '%s' does not support image "
                       "creation", bdrv_driver_name(protocol));
            return NULL;
        }
    }
    list = qemu_opts_append(NULL, bdrv_driver_create_opts(drv));
    if (protocol) {
        list = qemu_opts_append(list, bdrv_driver_create_opts(protocol));
    }
    return list;
}

int img_print_create_help(const char *filename, const char *format)
{
    BlockDriver *drv = bdrv_find_format(format);
    Error *err = NULL;
    QemuOptsList *list;

    if (!drv) {
        error_report("Unknown file format '%s'", format);
        return 1;
    }
    list = img_create_list(drv, filename, &err);
    if (!list) {
        error_report_err(err);
        return 1;
    }
    if (filename) {
        printf("Supported options:\n");
    } else {
        printf("Supported %s options:\n", bdrv_driver_name(drv));
    }
    qemu_opts_print_help(list, false);
    qemu_opts_free(list);
    if (!filename) {
        printf("\nThe protocol level may support further options.\n"
               "Specify the target filename to include those options.\n");
    }
    return 0;
}

/* The length of the image @filename of format @drv, or -errno. */
static int64_t created_length(BlockDriver *drv, const char *filename)
{
    QDict *options = qdict_new();
    BlockBackend *blk;
    int64_t length;

    qdict_put_str(options, "driver", bdrv_driver_name(drv));
    blk = blk_new_open(filename, NULL, options, 0, NULL);
    if (!blk) {
        return -ENOENT;
    }
    length = blk_getlength(blk);
    blk_unref(blk);
    return length;
}

/* Has the format an option that keeps it from rounding? */
static bool has_force_size(BlockDriver *drv)
{
    const QemuOptDesc *desc = bdrv_driver_create_opts(drv)->desc;

    while (desc->name && strcmp(desc->name, "force_size") != 0) {
        desc++;
    }
    return desc->name != NULL;
}

void img_note_rounding(BlockDriver *drv, const char *filename, int64_t asked)
{
    int64_t length;

    if (!isatty(STDERR_FILENO) || !has_force_size(drv)) {
        return;
    }
    length = created_length(drv, filename);
    if (length > 0 && length != asked) {
        info_report("the size of '%s' was rounded from %" PRId64 " to %" PRId64
                    " bytes; -o force_size keeps it exact", filename, asked,
                    length);
    }
}
