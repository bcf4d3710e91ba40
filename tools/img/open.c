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

bool img_set_cache(void *member, const CmdOption *option, const char *value)
{
    ImgOpen *how = member;

    how->cache = value;
    /* Of the commands with both letters -T is that of what is read. */
    how->source_cache = option->letter == 'T';
    return true;
}

void img_check_image_opts(const ImgOpen *how)
{
    if (how->image_opts && how->format) {
        img_usage_error("--image-opts and --format are mutually exclusive");
    }
}

void img_check_open(ImgOpen *how)
{
    img_check_image_opts(how);
    if (how->cache && bdrv_parse_cache_mode(how->cache, &how->flags,
                                            &how->writethrough) < 0) {
        g_autofree char *hint = bdrv_hint_mode(BDRV_O_NOCACHE, how->cache);

        cmd_refuse(hint, "Invalid %scache option: %s",
                   how->source_cache ? "source " : "", how->cache);
    }
}

BlockBackend *img_try_open(const char *name, const ImgOpen *how, Error **errp)
{
    BlockBackend *blk;
    QDict *options = how->image_opts ? keyval_parse_flat(name, "file", errp)
                                     : qdict_new();

    if (!options) {
        return NULL;
    }
    if (how->format) {
        qdict_put_str(options, "driver", how->format);
    }
    /* Only if given: false would override what a json: name asks for. */
    if (how->force_share) {
        qdict_put_bool(options, BDRV_OPT_FORCE_SHARE, true);
    }
    blk = blk_new_open(how->image_opts ? NULL : name, NULL, options, how->flags,
                       errp);
    if (blk) {
        blk_set_enable_write_cache(blk, !how->writethrough);
    }
    return blk;
}

BlockBackend *img_open(const char *name, const ImgOpen *how)
{
    Error *err = NULL;
    BlockBackend *blk = img_try_open(name, how, &err);
    ImgOpen shared = *how;

    if (!blk) {
        error_reportf_err(err, "Could not open '%s': ", name);
        /* All commands that only read have -U, which helps against locks. */
        shared.force_share = true;
        if (!how->force_share && !(how->flags & BDRV_O_RDWR)) {
            g_autoptr(BlockBackend) other = img_try_open(name, &shared, NULL);

            if (other) {
                cmdline_hint_force_share();
            }
        }
    }
    return blk;
}

BlockBackend *img_open_operand(ImgOpen *how, int argc, char **argv)
{
    const char *name = img_read_image(argc, argv);
    BlockBackend *blk;

    img_check_open(how);
    blk = img_open(name, how);
    if (!blk) {
        exit(1);
    }
    return blk;
}

void img_hint_format(BlockDriverState *bs)
{
    g_autofree char *hint = bdrv_hint_node_format(bs);

    error_printf("%s", hint);
}

void img_hint_file(const char *filename)
{
    error_printf("The file is '%s'\n", filename);
}
