/* SPDX-License-Identifier: MIT */
/*
 * The options of a new image, which create, convert and measure share.
 *
 * Invariants: an option that format and protocol both have is the format's,
 * because what is created is an image of that format.
 */
#include "qemu/osdep.h"
#include "common.h"

BlockDriver *img_find_format(const char *name, Error **errp)
{
    ERRP_GUARD();
    BlockDriver *drv = bdrv_find_format(name);

    if (!drv) {
        g_autofree char *hint = bdrv_hint_format(name);

        error_setg(errp, "Unknown file format '%s'", name);
        error_append_hint(errp, "%s", hint);
    }
    return drv;
}

QemuOptsList *img_create_list(BlockDriver *drv, const char *filename,
                              Error **errp)
{
    BlockDriver *protocol = NULL;

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
    return qemu_opts_append(
        qemu_opts_append(NULL, bdrv_driver_create_opts(drv)),
        protocol ? bdrv_driver_create_opts(protocol) : NULL);
}

static bool list_has(const QemuOptsList *list, const char *name)
{
    const QemuOptDesc *desc = list->desc;

    while (desc->name && strcmp(desc->name, name) != 0) {
        desc++;
    }
    return desc->name != NULL;
}

QemuOpts *img_parse_create(QemuOptsList *list, BlockDriver *drv,
                           const char *text, const char *backing,
                           const char *backing_format, Error **errp)
{
    g_autoptr(QemuOpts) opts = qemu_opts_create(list, NULL, 0, &error_abort);
    const char *missing = backing && !list_has(list, "backing_file")
                              ? "Backing file"
                          : backing_format && !list_has(list, "backing_fmt")
                              ? "Backing file format"
                              : NULL;

    if (text && !qemu_opts_do_parse(opts, text, NULL, errp)) {
        return NULL;
    }
    if (missing) {
        error_setg(errp, "%s not supported for file format '%s'", missing,
                   bdrv_driver_name(drv));
        return NULL;
    }
    if ((backing && !qemu_opt_set(opts, "backing_file", backing, errp)) ||
        (backing_format &&
         !qemu_opt_set(opts, "backing_fmt", backing_format, errp))) {
        return NULL;
    }
    return g_steal_pointer(&opts);
}

BlockBackend *img_open_backing(const char *filename, QemuOpts *opts,
                               Error **errp)
{
    ImgOpen how = { .format = qemu_opt_get(opts, "backing_fmt") };
    g_autofree char *path =
        path_combine(filename, qemu_opt_get(opts, "backing_file"));

    return img_try_open(path, &how, errp);
}

bool img_lacks_backing_format(const QemuOptsList *list, QemuOpts *opts)
{
    return qemu_opt_get(opts, "backing_file") &&
           !qemu_opt_get(opts, "backing_fmt") && list_has(list, "backing_fmt");
}

int img_print_create_help(const char *filename, const char *format)
{
    Error *err = NULL;
    BlockDriver *drv = img_find_format(format, &err);
    g_autoptr(QemuOptsList) list =
        drv ? img_create_list(drv, filename, &err) : NULL;

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
    if (!filename) {
        printf("\nThe protocol level may support further options.\n"
               "Specify the target filename to include those options.\n");
    }
    return 0;
}

void img_note_rounding(BlockDriver *drv, const char *filename, int64_t asked)
{
    ImgOpen how = { .format = bdrv_driver_name(drv) };
    g_autoptr(BlockBackend) blk = NULL;
    int64_t length;

    /* Only a format with this option rounds sizes. */
    if (!isatty(STDERR_FILENO) ||
        !list_has(bdrv_driver_create_opts(drv), "force_size")) {
        return;
    }
    blk = img_try_open(filename, &how, NULL);
    length = blk ? blk_getlength(blk) : -ENOENT;
    if (length > 0 && length != asked) {
        info_report("the size of '%s' was rounded from %" PRId64 " to %" PRId64
                    " bytes; -o force_size keeps it exact", filename, asked,
                    length);
    }
}
