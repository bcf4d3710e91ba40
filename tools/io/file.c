/* SPDX-License-Identifier: MIT */
/*
 * open, close and reopen, and the opening of the command line's image.
 *
 * Invariants:
 *   - A session has at most one image.
 *   - What the command line says stands in the flags; options, which the user
 *     gave by name, count before them.
 */
#include "qemu/osdep.h"
#include "io.h"

#include <getopt.h>

#include "block/qdict.h"
#include "minblk/keyval.h"

void io_open_defaults(IoOpen *how)
{
    *how = (IoOpen){ .flags = BDRV_O_RDWR | BDRV_O_UNMAP,
                     .writethrough = true };
}

bool io_open_set_cache(IoOpen *how, const char *word)
{
    if (bdrv_parse_cache_mode(word, &how->flags, &how->writethrough) < 0) {
        error_report("Invalid cache option: %s", word);
        return false;
    }
    return true;
}

bool io_open_set_discard(IoOpen *how, const char *word)
{
    if (bdrv_parse_discard_flags(word, &how->flags) < 0) {
        error_report("Invalid discard option: %s", word);
        return false;
    }
    return true;
}

bool io_open_set_aio(IoOpen *how, const char *word)
{
    if (bdrv_parse_aio(word, &how->flags) < 0) {
        error_report("Invalid aio option: %s", word);
        return false;
    }
    return true;
}

bool io_open_add_options(IoOpen *how, const char *list)
{
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
    Error *err = NULL;

    how->options = NULL;
    if (s->blk) {
        error_report("file open already, try 'help close'");
        qobject_unref(options);
        return -EBUSY;
    }
    if (how->force_share) {
        qdict_put_bool(options, BDRV_OPT_FORCE_SHARE, true);
    }
    s->blk = blk_new_open(how->filename, NULL, options, how->flags, &err);
    if (!s->blk) {
        error_reportf_err(err, "can't open%s%s: ", name ? " device " : "",
                          name ? name : "");
        return -EINVAL;
    }
    blk_set_enable_write_cache(s->blk, !how->writethrough);
    return 0;
}

int io_close_image(IoSession *s)
{
    int ret = 0;

    io_wait_for_requests(s);
    if (s->blk) {
        ret = bdrv_flush_report(blk_bs(s->blk));
    }
    blk_unref(s->blk);
    s->blk = NULL;
    return ret;
}

/* ---- open --------------------------------------------------------------- */

/* Reads the options of open; a negative number: it has said what is wrong. */
static int open_words(IoOpen *how, int argc, char **argv)
{
    bool good = true;
    int c;

    while (good && (c = getopt(argc, argv, "snCro:ki:t:d:U")) != -1) {
        switch (c) {
        case 's':
            how->flags |= BDRV_O_SNAPSHOT;
            break;
        case 'n':
            how->flags |= BDRV_O_NOCACHE;
            how->writethrough = false;
            break;
        case 'C':
            how->flags |= BDRV_O_COPY_ON_READ;
            break;
        case 'r':
            how->flags &= ~BDRV_O_RDWR;
            break;
        case 'k':
            how->flags |= BDRV_O_NATIVE_AIO;
            break;
        case 'U':
            how->force_share = true;
            break;
        case 'i':
            good = io_open_set_aio(how, optarg);
            break;
        case 't':
            good = io_open_set_cache(how, optarg);
            break;
        case 'd':
            good = io_open_set_discard(how, optarg);
            break;
        case 'o':
            good = io_open_add_options(how, optarg);
            break;
        default:
            return io_usage(&io_open);
        }
    }
    if (good && optind < argc - 1) {
        return io_usage(&io_open);
    }
    how->filename = argv[optind];
    return good ? 0 : -EINVAL;
}

static int run_open(IoSession *s, int argc, char **argv)
{
    IoOpen how;

    io_open_defaults(&how);
    if (open_words(&how, argc, argv) < 0) {
        qobject_unref(how.options);
        return -EINVAL;
    }
    if (!how.filename && (!how.options || qdict_size(how.options) == 0)) {
        error_report("can't open: Must specify either driver or file");
        qobject_unref(how.options);
        return -EINVAL;
    }
    return io_open_image(s, &how, NULL);
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
" Opens a file for subsequent use by all of the other qemu-io commands.\n"
" -r, -- open file read-only\n"
" -s, -- use snapshot file\n"
" -C, -- use copy-on-read\n"
" -n, -- disable host cache, short for -t none\n"
" -U, -- force shared permissions\n"
" -k, -- use kernel AIO implementation (Linux only, prefer use of -i)\n"
" -i, -- use AIO mode (threads, native or io_uring)\n"
" -t, -- use the given cache mode for the image\n"
" -d, -- use the given discard mode for the image\n"
" -o, -- options to be given to the block driver\n",
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
