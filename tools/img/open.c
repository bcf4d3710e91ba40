/* SPDX-License-Identifier: MIT */
/*
 * Opening images for the subcommands, by name or by a list of options.
 *
 * Invariants: what the command line asks for stands in the options, so that it
 * overrides what a json: name asks for.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "minblk/keyval.h"

void img_check_image_opts(const ImgOpen *how)
{
    if (how->image_opts && how->format) {
        img_fail("--image-opts and --format are mutually exclusive");
    }
}

bool img_check_open(ImgOpen *how, const char *what)
{
    img_check_image_opts(how);
    if (how->cache && bdrv_parse_cache_mode(how->cache, &how->flags,
                                            &how->writethrough) < 0) {
        error_report("Invalid %s option: %s", what, how->cache);
        return false;
    }
    return true;
}

BlockBackend *img_open(const char *name, const ImgOpen *how)
{
    Error *err = NULL;
    QDict *options;
    BlockBackend *blk = NULL;

    options = how->image_opts ? keyval_parse_flat(name, "file", &err)
                              : qdict_new();
    if (options && how->format) {
        qdict_put_str(options, "driver", how->format);
    }
    if (options && how->force_share) {
        qdict_put_bool(options, BDRV_OPT_FORCE_SHARE, true);
    }
    if (options) {
        blk = blk_new_open(how->image_opts ? NULL : name, NULL, options,
                           how->flags, &err);
    }
    if (!blk) {
        error_reportf_err(err, "Could not open '%s': ", name);
        return NULL;
    }
    blk_set_enable_write_cache(blk, !how->writethrough);
    return blk;
}
