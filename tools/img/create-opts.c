/* SPDX-License-Identifier: MIT */
/*
 * The options of a new image, which create, convert and measure share.
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

bool img_list_has(const QemuOptsList *list, const char *name)
{
    const QemuOptDesc *desc = list->desc;

    while (desc->name && strcmp(desc->name, name) != 0) {
        desc++;
    }
    return desc->name != NULL;
}

bool img_set_backing(QemuOpts *opts, BlockDriver *drv,
                     const QemuOptsList *list, const char *backing,
                     const char *format, Error **errp)
{
    const char *missing = backing && !img_list_has(list, "backing_file")
                              ? "Backing file"
                          : format && !img_list_has(list, "backing_fmt")
                              ? "Backing file format"
                              : NULL;

    if (missing) {
        error_setg(errp, "%s not supported for file format '%s'", missing,
                   bdrv_driver_name(drv));
        return false;
    }
    return (!backing || qemu_opt_set(opts, "backing_file", backing, errp)) &&
           (!format || qemu_opt_set(opts, "backing_fmt", format, errp));
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

void img_note_rounding(BlockDriver *drv, const char *filename, int64_t asked)
{
    g_autoptr(BlockBackend) blk = NULL;
    QDict *options;
    int64_t length;

    /* Only a format with this option rounds sizes. */
    if (!isatty(STDERR_FILENO) ||
        !img_list_has(bdrv_driver_create_opts(drv), "force_size")) {
        return;
    }
    options = qdict_new();
    qdict_put_str(options, "driver", bdrv_driver_name(drv));
    blk = blk_new_open(filename, NULL, options, 0, NULL);
    length = blk ? blk_getlength(blk) : -ENOENT;
    if (length > 0 && length != asked) {
        info_report("the size of '%s' was rounded from %" PRId64 " to %" PRId64
                    " bytes; -o force_size keeps it exact", filename, asked,
                    length);
    }
}
