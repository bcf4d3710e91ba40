/* SPDX-License-Identifier: MIT */
/*
 * flush, discard and truncate.
 *
 * Invariants: none of them has a buffer, so their range is checked by the layer
 * alone.  The first two are requests; truncate waits for itself, because the
 * layer has no request for it.
 */
#include "qemu/osdep.h"
#include "rw.h"

#include <getopt.h>

static int misc_flush(IoSession *s, int argc, char **argv)
{
    IoRequest req = { .blk = s->blk, .op = IO_OP_FLUSH };
    int ret = io_request_run(&req);

    return ret < 0 ? io_report_failure("flush", ret) : ret;
}

const IoCommand io_flush = {
    .name = "flush",
    .alias = "f",
    .run = misc_flush,
    .oneline = "flush all in-core file state to disk",
};

static int misc_discard(IoSession *s, int argc, char **argv)
{
    IoWords w = { 0 };

    if (io_words_options(&w, s, argc, argv, 2) < 0) {
        return -EINVAL;
    }
    w.req.op = IO_OP_DISCARD;
    w.verb = "discard";
    return io_words_range(&w, argv + optind, BDRV_REQUEST_MAX_BYTES) < 0
               ? -EINVAL : io_words_run(&w, "discard");
}

static const CmdOption discard_options[] = { IO_MACHINE, IO_QUIET, CMD_END };

const IoCommand io_discard = {
    .name = "discard",
    .alias = "d",
    .run = misc_discard,
    .min_args = 2,
    .max_args = -1,
    .perm = BLK_PERM_WRITE,
    .args = "[-Cq] off len",
    .oneline = "discards a number of bytes at a specified offset",
    .help =
"\n"
" discards a range of bytes from the given offset\n"
"\n"
" Example:\n"
" 'discard 512 1k' - discards 1 kilobyte from 512 bytes into the file\n"
"\n"
" Discards a segment of the currently open file.\n",
    .options = discard_options,
};

static const CmdOption truncate_options[] = {
    { 'm', .arg = "off|falloc|full", .set = cmd_set_prealloc }, CMD_END
};

static int misc_truncate(IoSession *s, int argc, char **argv)
{
    PreallocMode prealloc = PREALLOC_MODE_OFF;
    Error *err = NULL;
    int64_t size;
    int ret = io_read_options(s, &prealloc, argc, argv);

    if (ret < 0) {
        return ret;
    }
    if (optind >= argc) {
        return io_usage(s);
    }
    if (!io_set_size(&size, NULL, argv[optind])) {
        return -EINVAL;
    }
    ret = blk_truncate(s->blk, size, false, prealloc, &err);
    if (ret < 0) {
        error_report_err(err);
        return ret;
    }
    return 0;
}

const IoCommand io_truncate = {
    .name = "truncate",
    .alias = "t",
    .run = misc_truncate,
    .min_args = 1,
    .max_args = 3,
    .perm = BLK_PERM_WRITE | BLK_PERM_RESIZE,
    .args = "[-m prealloc_mode] off",
    .oneline = "truncates the current file at the given offset",
    .options = truncate_options,
};
