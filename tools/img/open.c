/* SPDX-License-Identifier: MIT */
/*
 * Opening images for the subcommands, by name or by a list of options.
 *
 * Invariants: what the command line says stands in the options, so that it
 * counts before what a json: name says.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "block/qdict.h"
#include "minblk/keyval.h"

bool img_parse_cache(const char *what, const char *mode, ImgOpen *how)
{
    if (bdrv_parse_cache_mode(mode, &how->flags, &how->writethrough) < 0) {
        error_report("Invalid %s option: %s", what, mode);
        return false;
    }
    return true;
}

void img_check_image_opts(const ImgOpen *how)
{
    if (how->image_opts && how->format) {
        img_fail("--image-opts and --format are mutually exclusive");
    }
}

/* Moves the options that @list holds to @options; reports. */
static bool add_listed_options(QDict *options, const char *list)
{
    Error *err = NULL;
    QDict *listed = keyval_parse_flat(list, "file", &err);

    if (!listed) {
        error_reportf_err(err, "Could not open '%s': ", list);
        return false;
    }
    qdict_join(options, listed, true);
    qobject_unref(listed);
    return true;
}

BlockBackend *img_open_with(const char *name, QDict *options,
                            const ImgOpen *how)
{
    Error *err = NULL;
    BlockBackend *blk;

    options = options ? options : qdict_new();
    if (how->image_opts && !add_listed_options(options, name)) {
        qobject_unref(options);
        return NULL;
    }
    if (how->format) {
        qdict_put_str(options, "driver", how->format);
    }
    if (how->force_share) {
        qdict_put_bool(options, BDRV_OPT_FORCE_SHARE, true);
    }
    blk = blk_new_open(how->image_opts ? NULL : name, NULL, options,
                       how->flags, &err);
    if (!blk) {
        error_reportf_err(err, "Could not open '%s': ", name);
        return NULL;
    }
    blk_set_enable_write_cache(blk, !how->writethrough);
    return blk;
}

BlockBackend *img_open(const char *name, const ImgOpen *how)
{
    return img_open_with(name, NULL, how);
}
