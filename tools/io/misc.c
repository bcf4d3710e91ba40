/* SPDX-License-Identifier: MIT */
/*
 * flush, discard and truncate.
 *
 * Invariants: none of them has a buffer; the first two are requests, truncate
 * is the layer's own affair.
 */
#include "qemu/osdep.h"
#include "io.h"

#include <getopt.h>

#include "qapi/util.h"
#include "qemu/timer.h"

static int run_flush(IoSession *s, int argc, char **argv)
{
    IoRequest req = { .blk = s->blk, .op = IO_OP_FLUSH };
    int ret = io_request_run(&req);

    return ret < 0 ? io_report_failure("flush", ret) : ret;
}

const IoCommand io_flush = {
    .name = "flush",
    .alias = "f",
    .run = run_flush,
    .oneline = "flush all in-core file state to disk",
};

static int discard_words(IoReport *report, IoRequest *req, int argc,
                         char **argv)
{
    int c;

    while ((c = getopt(argc, argv, "Cq")) != -1) {
        switch (c) {
        case 'C':
            report->machine = true;
            break;
        case 'q':
            report->quiet = true;
            break;
        default:
            return io_usage(&io_discard);
        }
    }
    if (optind != argc - 2) {
        return io_usage(&io_discard);
    }
    req->offset = io_parse_size(argv[optind]);
    if (req->offset < 0) {
        return -EINVAL;
    }
    req->bytes = io_parse_size(argv[optind + 1]);
    if (req->bytes < 0) {
        return -EINVAL;
    }
    if (req->bytes > BDRV_REQUEST_MAX_BYTES) {
        printf("length cannot exceed %d, given %s\n", BDRV_REQUEST_MAX_BYTES,
               argv[optind + 1]);
        return -EINVAL;
    }
    return 0;
}

static int run_discard(IoSession *s, int argc, char **argv)
{
    IoReport report = { .verb = "discard" };
    IoRequest req = { .blk = s->blk, .op = IO_OP_DISCARD };
    int ret;

    if (discard_words(&report, &req, argc, argv) < 0) {
        return -EINVAL;
    }
    report.start_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    ret = io_request_run(&req);
    if (ret < 0) {
        return io_report_failure("discard", ret);
    }
    io_report(&report, req.offset, req.bytes);
    return 0;
}

const IoCommand io_discard = {
    .name = "discard",
    .alias = "d",
    .run = run_discard,
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
" Discards a segment of the currently open file.\n"
" -C, -- report statistics in a machine parsable format\n"
" -q, -- quiet mode, do not show I/O statistics\n"
"\n",
};

static bool parse_prealloc(const char *word, PreallocMode *mode)
{
    int value = qapi_enum_parse(&PreallocMode_lookup, word, -1, NULL);

    if (value < 0) {
        error_report("Invalid preallocation mode '%s'", word);
        return false;
    }
    *mode = value;
    return true;
}

static int run_truncate(IoSession *s, int argc, char **argv)
{
    PreallocMode prealloc = PREALLOC_MODE_OFF;
    Error *err = NULL;
    int64_t size;
    int c, ret;

    while ((c = getopt(argc, argv, "m:")) != -1) {
        if (c != 'm') {
            return io_usage(&io_truncate);
        }
        if (!parse_prealloc(optarg, &prealloc)) {
            return -EINVAL;
        }
    }
    if (optind >= argc) {
        return io_usage(&io_truncate);
    }
    size = io_parse_size(argv[optind]);
    if (size < 0) {
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
    .run = run_truncate,
    .min_args = 1,
    .max_args = 3,
    .perm = BLK_PERM_WRITE | BLK_PERM_RESIZE,
    .args = "[-m prealloc_mode] off",
    .oneline = "truncates the current file at the given offset",
};
