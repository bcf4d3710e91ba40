/* SPDX-License-Identifier: MIT */
/*
 * reopen: other options for the image that is open.
 *
 * Invariants: a word of the command and a driver option never decide the same
 * thing; a writer's permission is given up before the image becomes read-only
 * and taken when a command needs it next.
 */
#include "qemu/osdep.h"
#include "io.h"

#include <getopt.h>

/* The words of reopen. */
typedef struct IoReopen {
    IoOpen how;        /* its options, and with has_cache the cache mode */
    bool has_cache;    /* -c */
    bool has_mode;     /* -r or -w */
    bool read_only;
} IoReopen;

/* -r and -w, of which only one may be given. */
static bool reopen_set_mode(void *member, const CmdOption *option,
                            const char *value)
{
    IoReopen *r = member;

    if (r->has_mode) {
        error_report("Only one -r/-w option may be given");
        return false;
    }
    r->has_mode = true;
    r->read_only = option->letter == 'r';
    return true;
}

static bool reopen_set_cache(void *member, const CmdOption *option,
                             const char *value)
{
    IoReopen *r = member;

    r->has_cache = true;
    return io_set_cache(&r->how, option, value);
}

static const CmdOption reopen_options[] = {
    { 'r', NULL, NULL, "Reopen the image read-only", reopen_set_mode },
    { 'w', NULL, NULL, "Reopen the image read-write", reopen_set_mode },
    { 'c', NULL, "cache", "Change the cache mode to the given value",
      reopen_set_cache },
    { 'o', NULL, "options", "Changes block driver options (cf. 'open' command)",
      io_set_options, offsetof(IoReopen, how) },
    CMD_END
};

/* Puts the words into the options; reports which of them clash. */
static bool merge_words(IoReopen *r)
{
    QDict *options = r->how.options;

    if (r->has_mode && qdict_haskey(options, BDRV_OPT_READ_ONLY)) {
        error_report("Cannot set both -r/-w and '" BDRV_OPT_READ_ONLY "'");
        return false;
    }
    if (r->has_cache && (qdict_haskey(options, BDRV_OPT_CACHE_DIRECT) ||
                         qdict_haskey(options, BDRV_OPT_CACHE_NO_FLUSH))) {
        error_report("Cannot set both -c and the cache options");
        return false;
    }
    if (r->has_mode) {
        qdict_put_bool(options, BDRV_OPT_READ_ONLY, r->read_only);
    }
    if (r->has_cache) {
        qdict_put_bool(options, BDRV_OPT_CACHE_DIRECT,
                       r->how.flags & BDRV_O_NOCACHE);
        qdict_put_bool(options, BDRV_OPT_CACHE_NO_FLUSH,
                       r->how.flags & BDRV_O_NO_FLUSH);
    }
    return true;
}

static int run_reopen(IoSession *s, int argc, char **argv)
{
    IoReopen r = { .how.options = qdict_new() };
    BlockReopenQueue *queue;
    Error *err = NULL;
    int ret = io_read_options(s, &r, argc, argv);

    if (ret == 0 && optind != argc) {
        ret = io_usage(s);
    }
    if (ret < 0 || !merge_words(&r)) {
        qobject_unref(r.how.options);
        return -EINVAL;
    }
    /* A writer in flight would lose its permission. */
    io_wait_for_requests(s);
    if (r.has_mode && r.read_only) {
        uint64_t perm, shared;

        /* A reader needs no writer's permission; giving up cannot fail. */
        blk_get_perm(s->blk, &perm, &shared);
        perm &= ~(BLK_PERM_WRITE | BLK_PERM_WRITE_UNCHANGED | BLK_PERM_RESIZE);
        blk_set_perm(s->blk, perm, shared, &error_abort);
    }
    queue = bdrv_reopen_queue(NULL, blk_bs(s->blk), r.how.options, true);
    if (bdrv_reopen_multiple(queue, &err) < 0) {
        error_report_err(err);
        return -EINVAL;
    }
    if (r.has_cache) {
        blk_set_enable_write_cache(s->blk, !r.how.writethrough);
    }
    return 0;
}

const IoCommand io_reopen = {
    .name = "reopen",
    .run = run_reopen,
    .max_args = -1,
    .args = "[(-r|-w)] [-c cache] [-o options]",
    .oneline = "reopens an image with new options",
    .help =
"\n"
" Changes the open options of an already opened image\n"
"\n"
" Example:\n"
" 'reopen -o lazy-refcounts=on' - activates lazy refcount writeback on a "
"qcow2 image\n"
"\n",
    .options = reopen_options,
};
