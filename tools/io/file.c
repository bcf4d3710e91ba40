/* SPDX-License-Identifier: MIT */
/*
 * open, close and reopen, and the opening of the command line's image.
 *
 * Invariants:
 *   - A session has at most one image.
 *   - What the command line asks for stands in the flags; options override
 *     them, because the user gave those by name.
 */
#include "qemu/osdep.h"
#include "io.h"

#include <getopt.h>

#include "block/qdict.h"
#include "minblk/block-extra.h"
#include "minblk/keyval.h"

/* Reports that @word is none of those for the BDRV_O_* @flag; false. */
static bool refuse_value(const char *what, int flag, const char *word)
{
    g_autofree char *hint = bdrv_hint_mode(flag, word);

    return cmd_refuse(hint, "Invalid %s option: %s", what, word);
}

bool io_set_cache(void *member, const CmdOption *option, const char *word)
{
    IoOpen *how = member;

    return bdrv_parse_cache_mode(word, &how->flags, &how->writethrough) >= 0 ||
           refuse_value("cache", BDRV_O_NOCACHE, word);
}

bool io_set_discard(void *member, const CmdOption *option, const char *word)
{
    IoOpen *how = member;

    return bdrv_parse_discard_flags(word, &how->flags) >= 0 ||
           refuse_value("discard", BDRV_O_UNMAP, word);
}

bool io_set_options(void *member, const CmdOption *option, const char *list)
{
    IoOpen *how = member;
    Error *err = NULL;
    QDict *options = keyval_parse_flat(list, NULL, &err);

    if (!options) {
        error_report_err(err);
        return false;
    }
    if (!how->options) {
        how->options = options;
    } else {
        qdict_join(how->options, options, true);
        qobject_unref(options);
    }
    return true;
}

int io_open_image(IoSession *s, IoOpen *how, const char *name)
{
    QDict *options = how->options ? how->options : qdict_new();
    g_autoptr(QDict) shared = NULL;
    Error *err = NULL;

    /* From here on they are the layer's, or unreferenced below. */
    how->options = NULL;
    if (s->blk) {
        error_report("file open already, try 'help close'");
        qobject_unref(options);
        return -EBUSY;
    }
    if (how->force_share) {
        qdict_put_bool(options, BDRV_OPT_FORCE_SHARE, true);
    }
    shared = qdict_clone_shallow(options);
    s->blk = blk_new_open(how->filename, NULL, options, how->flags, &err);
    if (!s->blk) {
        error_reportf_err(err, "can't open%s%s: ", name ? " device " : "",
                          name ? name : "");
        if (!how->force_share && !(how->flags & BDRV_O_RDWR)) {
            BlockBackend *blk;

            qdict_put_bool(shared, BDRV_OPT_FORCE_SHARE, true);
            blk = blk_new_open(how->filename, NULL, g_steal_pointer(&shared),
                               how->flags, NULL);
            if (blk) {
                /* So it was a lock. */
                cmdline_hint_force_share();
                blk_unref(blk);
            }
        }
        return -EINVAL;
    }
    blk_set_enable_write_cache(s->blk, !how->writethrough);
    return 0;
}

int io_close_image(IoSession *s)
{
    int ret = 0;

    io_wait_for_requests(s);
    /* Closing flushes, too, but could only report the error, not return it. */
    if (s->blk) {
        ret = bdrv_flush_report(blk_bs(s->blk));
    }
    blk_unref(s->blk);
    s->blk = NULL;
    return ret;
}

/* ---- open --------------------------------------------------------------- */

/* As qemu-io's -n, which leaves out what -t none does besides. */
static bool open_set_nocache(void *member, const CmdOption *option,
                             const char *value)
{
    IoOpen *how = member;

    how->flags |= BDRV_O_NOCACHE;
    how->writethrough = false;
    return true;
}

static const CmdOption open_options[] = {
    { 'r', NULL, NULL, "open file read-only",
      cmd_clear_bits, offsetof(IoOpen, flags), .max = BDRV_O_RDWR },
    { 's', NULL, NULL, "use snapshot file",
      cmd_set_bits, offsetof(IoOpen, flags), .max = BDRV_O_SNAPSHOT },
    { 'C', NULL, NULL, "use copy-on-read",
      cmd_set_bits, offsetof(IoOpen, flags), .max = BDRV_O_COPY_ON_READ },
    { 'n', NULL, NULL, "disable host cache, short for -t none",
      open_set_nocache },
    { 'U', NULL, NULL, "force shared permissions",
      cmd_set_true, offsetof(IoOpen, force_share) },
    { 'k', NULL, NULL,
      "use kernel AIO implementation (Linux only, prefer use of -i)",
      cmd_set_bits, offsetof(IoOpen, flags), .max = BDRV_O_NATIVE_AIO },
    { 'i', NULL, "mode", "use AIO mode (threads, native or io_uring)",
      cmd_set_aio, offsetof(IoOpen, flags) },
    { 't', NULL, "cache", "use the given cache mode for the image",
      io_set_cache },
    { 'd', NULL, "discard", "use the given discard mode for the image",
      io_set_discard },
    { 'o', NULL, "options", "options to be given to the block driver",
      io_set_options },
    CMD_END
};

static int run_open(IoSession *s, int argc, char **argv)
{
    IoOpen how = IO_OPEN_DEFAULTS;
    int ret = io_read_options(s, &how, argc, argv);

    if (ret == 0 && optind < argc - 1) {
        ret = io_usage(s);
    }
    how.filename = argv[optind];
    if (ret == 0 && !how.filename &&
        (!how.options || qdict_size(how.options) == 0)) {
        error_report("can't open: Must specify either driver or file");
        ret = -EINVAL;
    }
    if (ret == 0) {
        return io_open_image(s, &how, NULL);
    }
    qobject_unref(how.options);
    return ret;
}

const IoCommand io_open = {
    .name = "open",
    .alias = "o",
    .run = run_open,
    .min_args = 1,
    .max_args = -1,
    .without_file = true,
    .args = "[-rsCnkU] [-t cache] [-d discard] [-o options] [path]",
    .oneline = "open the file specified by path",
    .help =
"\n"
" opens a new file in the requested mode\n"
"\n"
" Example:\n"
" 'open -n -o driver=raw /tmp/data' - opens raw data file read-write, "
"uncached\n"
"\n"
" Opens a file for subsequent use by all of the other qemu-io commands.\n",
    .options = open_options,
    .no_blank = true,
};

/* ---- close -------------------------------------------------------------- */

static int run_close(IoSession *s, int argc, char **argv)
{
    return io_close_image(s);
}

const IoCommand io_close = {
    .name = "close",
    .alias = "c",
    .run = run_close,
    .oneline = "close the current open file",
};
