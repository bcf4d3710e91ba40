/* SPDX-License-Identifier: MIT */
/*
 * read and write: one request with one buffer, that the command waits for.
 *
 * Invariants: all words are read and checked against each other before a
 * buffer is made or a file is opened.
 */
#include "qemu/osdep.h"
#include "rw.h"

#include <getopt.h>

#include "qemu/timer.h"

/* The byte that a write fills its buffer with when it is given none. */
#define WRITE_PATTERN 0xcd
/* The byte that a buffer holds before it is read into, to show what was not. */
#define READ_FILL 0xab
/* How far -m moves buffers off their alignment, in bytes. */
#define MISALIGNMENT 16

int io_words_options(IoWords *w, IoSession *s, int argc, char **argv,
                     int max_words)
{
    bool writes = s->command->perm & BLK_PERM_WRITE;
    int ret;

    w->session = s;
    w->req.blk = s->blk;
    w->req.op = writes ? IO_OP_WRITE : IO_OP_READ;
    w->verb = writes ? "wrote" : "read";
    w->pattern = -1;
    w->pattern_offset = w->pattern_bytes = -1;
    ret = io_read_options(s, w, argc, argv);
    if (ret == 0 && (argc - optind < 2 || argc - optind > max_words)) {
        ret = io_usage(s);
    }
    return ret;
}

int io_words_range(IoWords *w, char **words, int64_t max)
{
    if (!io_set_size(&w->req.offset, NULL, words[0]) ||
        !io_set_size(&w->req.bytes, NULL, words[1])) {
        return -EINVAL;
    }
    if (w->req.bytes > max) {
        printf("length cannot exceed %" PRId64 "%s, given %s\n", max,
               w->req.op == IO_OP_WRITE ? " without -n" : "", words[1]);
        return -EINVAL;
    }
    return 0;
}

/* Are offset and length whole sectors?  Reports which is not. */
static bool rw_check_sectors(const IoWords *w)
{
    for (int i = 0; i < 2; i++) {
        int64_t value = i ? w->req.bytes : w->req.offset;

        if (!QEMU_IS_ALIGNED(value, BDRV_SECTOR_SIZE)) {
            printf("%" PRId64 " is not a sector-aligned value for '%s'\n",
                   value, i ? "count" : "offset");
            return false;
        }
    }
    return true;
}

bool io_words_alloc(IoWords *w)
{
    int fill = w->req.op == IO_OP_READ ? READ_FILL
               : w->pattern < 0        ? WRITE_PATTERN
                                       : w->pattern;
    size_t skip = w->session->misalign ? MISALIGNMENT : 0;
    char *buf = blk_try_blockalign(w->req.blk, w->req.bytes + skip);

    if (!buf) {
        return false;
    }
    memset(buf, fill, w->req.bytes + skip);
    w->buf = buf + skip;
    return true;
}

static void rw_free(IoWords *w)
{
    if (w->buf) {
        qemu_iovec_destroy(&w->qiov);
        qemu_vfree((char *)w->buf - (w->session->misalign ? MISALIGNMENT : 0));
    }
}

int io_words_run(IoWords *w, const char *what)
{
    w->start_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    io_request_run(&w->req);
    return io_words_finish(w, what);
}

int io_words_finish(IoWords *w, const char *what)
{
    const IoRequest *req = &w->req;
    int ret = req->ret;

    if (ret < 0) {
        io_report_failure(what, ret);
    } else {
        if (req->op == IO_OP_READ && w->pattern >= 0 &&
            !io_verify((const char *)w->buf + w->pattern_offset, w->pattern,
                       req->offset + w->pattern_offset,
                       w->pattern_bytes)) {
            ret = -EINVAL;
        }
        if (w->dump && !w->quiet) {
            io_dump(w->buf, req->bytes, req->offset);
        }
        io_words_report(w);
    }
    rw_free(w);
    return ret;
}

/* Fills @buf with the bytes of the file @source, over and over. */
static int rw_fill_from_file(void *buf, size_t bytes, const char *source)
{
    g_autofree char *text = NULL;
    FILE *f = fopen(source, "r");
    size_t n;
    int err;

    assert(buf);
    if (!f) {
        fprintf(stderr, "%s: %s\n", source, strerror(errno));
        return -EINVAL;
    }
    /* An empty request wants one byte: whether the file has any. */
    text = g_malloc(MAX(bytes, 1));
    n = fread(text, 1, MAX(bytes, 1), f);
    err = ferror(f) ? errno : 0;
    fclose(f);
    if (n == 0) {
        fprintf(stderr, "%s: %s\n", source,
                err ? strerror(err) : "file is empty");
        return -EINVAL;
    }
    for (size_t at = 0; at < bytes; at += n) {
        memcpy((char *)buf + at, text, MIN(n, bytes - at));
    }
    return 0;
}

/*
 * Makes the buffer, runs the request and reports.  The range is checked first,
 * because a request that cannot succeed needs no memory.
 */
static int rw_run(IoWords *w, const char *what)
{
    IoRequest *req = &w->req;
    int64_t length = blk_getlength(req->blk);

    if (w->vmstate) {
        req->ret = -ENOTSUP;
    } else if (length < 0) {
        req->ret = length;
    } else if (req->offset > length || req->bytes > length - req->offset) {
        req->ret = -EIO;
    } else if (!w->zeroes && !io_words_alloc(w)) {
        req->ret = -ENOMEM;
    }
    if (req->ret < 0) {
        return io_words_finish(w, what);
    }
    /* Before the file is read, because freeing the buffer ends the vector. */
    if (w->buf) {
        qemu_iovec_init_buf(&w->qiov, w->buf, req->bytes);
        req->qiov = &w->qiov;
    }
    if (w->source && rw_fill_from_file(w->buf, req->bytes, w->source) < 0) {
        rw_free(w);
        return -EINVAL;
    }
    return io_words_run(w, what);
}

/* ---- read --------------------------------------------------------------- */

/* The range to be verified lies within what is read. */
static int rw_check_read(IoWords *w, char **words)
{
    int64_t bytes = w->req.bytes;

    if (w->pattern < 0 && MAX(w->pattern_bytes, w->pattern_offset) >= 0) {
        return io_usage(w->session);
    }
    w->pattern_offset = MAX(w->pattern_offset, 0);
    if (w->pattern_bytes < 0) {
        w->pattern_bytes = bytes - w->pattern_offset;
    }
    if (io_refuse(w->pattern_offset > bytes || w->pattern_bytes < 0 ||
                      w->pattern_bytes > bytes - w->pattern_offset,
                  "pattern verification range exceeds end of read data")) {
        return -EINVAL;
    }
    return !w->vmstate || rw_check_sectors(w) ? 0 : -EINVAL;
}

static int rw_run_read(IoSession *s, int argc, char **argv)
{
    IoWords w = { 0 };

    if (io_words_options(&w, s, argc, argv, 2) < 0 ||
        io_words_range(&w, argv + optind, BDRV_REQUEST_MAX_BYTES) < 0 ||
        rw_check_read(&w, argv + optind) < 0) {
        return -EINVAL;
    }
    return rw_run(&w, "read");
}

static const CmdOption read_options[] = {
    IO_FLAG('b', "read from the VM state rather than the virtual disk",
            vmstate),
    IO_MACHINE,
    { 'l', NULL, "len", "length for pattern verification (only with -P)",
      io_set_size, offsetof(IoWords, pattern_bytes) },
    IO_IGNORED, IO_VERIFY, IO_QUIET,
    { 's', NULL, "off", "start offset for pattern verification (only with -P)",
      io_set_size, offsetof(IoWords, pattern_offset) },
    IO_DUMP, CMD_END
};

const IoCommand io_read = {
    .name = "read",
    .alias = "r",
    .run = rw_run_read,
    .min_args = 2,
    .max_args = -1,
    .args = "[-abCqv] [-P pattern [-s off] [-l len]] off len",
    .oneline = "reads a number of bytes at a specified offset",
    .help =
"\n"
" reads a range of bytes from the given offset\n"
"\n"
" Example:\n"
" 'read -v 512 1k' - dumps 1 kilobyte read from 512 bytes into the file\n"
"\n"
IO_HELP_READ,
    .options = read_options,
};

/* ---- write -------------------------------------------------------------- */

static int rw_run_write(IoSession *s, int argc, char **argv)
{
    IoWords w = { 0 };
    int flags;
    char **words;
    int64_t max;

    if (io_words_options(&w, s, argc, argv, 2) < 0) {
        return -EINVAL;
    }
    words = argv + optind;
    flags = w.req.flags;
    if (io_refuse(w.vmstate && w.zeroes,
                  "-b and -z cannot be specified at the same time") ||
        io_refuse((flags & BDRV_REQ_FUA) &&
                      (w.vmstate || (flags & BDRV_REQ_WRITE_COMPRESSED)),
                  "-f and -b or -c cannot be specified at the same time") ||
        io_refuse((flags & BDRV_REQ_NO_FALLBACK) && !w.zeroes,
                  "-n requires -z to be specified") ||
        io_refuse((flags & BDRV_REQ_MAY_UNMAP) && !w.zeroes,
                  "-u requires -z to be specified") ||
        io_refuse(w.zeroes + (w.pattern >= 0) + !!w.source > 1,
                  "Only one of -z, -P, and -s can be specified at the same "
                  "time")) {
        return -EINVAL;
    }
    max = flags & BDRV_REQ_NO_FALLBACK ? INT64_MAX : BDRV_REQUEST_MAX_BYTES;
    if (io_words_range(&w, words, max) < 0 ||
        ((w.vmstate || (flags & BDRV_REQ_WRITE_COMPRESSED)) &&
         !rw_check_sectors(&w))) {
        return -EINVAL;
    }
    if (w.zeroes) {
        w.req.op = IO_OP_WRITE_ZEROES;
        /* -c is accepted, but zeroes have no bytes to be compressed. */
        w.req.flags &= ~BDRV_REQ_WRITE_COMPRESSED;
    }
    return rw_run(&w, "write");
}

static const CmdOption write_options[] = {
    IO_FLAG('b', "write to the VM state rather than the virtual disk",
            vmstate),
    IO_BITS('c', "write compressed data with blk_write_compressed",
            BDRV_REQ_WRITE_COMPRESSED),
    IO_FUA,
    IO_BITS('n', "with -z, don't allow slow fallback", BDRV_REQ_NO_FALLBACK),
    IO_IGNORED, IO_FILL,
    { 's', NULL, "source_file", "use a pattern file to fill the write buffer",
      cmd_set_string, offsetof(IoWords, source) },
    IO_MACHINE, IO_QUIET, IO_UNMAP,
    IO_FLAG('z', "write zeroes using blk_co_pwrite_zeroes", zeroes),
    CMD_END
};

const IoCommand io_write = {
    .name = "write",
    .alias = "w",
    .run = rw_run_write,
    .min_args = 2,
    .max_args = -1,
    .perm = BLK_PERM_WRITE,
    .args = "[-bcCfnquz] [-P pattern | -s source_file] off len",
    .oneline = "writes a number of bytes at a specified offset",
    .help =
"\n"
" writes a range of bytes from the given offset\n"
"\n"
" Example:\n"
" 'write 512 1k' - writes 1 kilobyte at 512 bytes into the open file\n"
"\n"
IO_HELP_WRITE,
    .options = write_options,
};
