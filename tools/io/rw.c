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

int io_words_options(IoWords *w, int argc, char **argv, const IoCommand *cmd,
                     int max_words)
{
    int ret;

    w->report.verb = cmd->perm & BLK_PERM_WRITE ? "wrote" : "read";
    w->pattern.byte = IO_WRITE_PATTERN;
    w->pattern_offset = w->pattern_bytes = -1;
    ret = io_read_options(cmd, w, argc, argv);
    if (ret == 0 && (argc - optind < 2 || argc - optind > max_words)) {
        ret = io_usage(cmd);
    }
    return ret;
}

int io_words_range(IoWords *w, char **words, bool has_bytes)
{
    w->offset = io_parse_size(words[0]);
    if (w->offset < 0) {
        return -EINVAL;
    }
    if (has_bytes) {
        w->bytes = io_parse_size(words[1]);
        if (w->bytes < 0) {
            return -EINVAL;
        }
    }
    return 0;
}

/* Are offset and length whole sectors?  Reports which is not. */
static bool check_sectors(const IoWords *w, char **words)
{
    int bad = !QEMU_IS_ALIGNED(w->offset, BDRV_SECTOR_SIZE)  ? 0
              : !QEMU_IS_ALIGNED(w->bytes, BDRV_SECTOR_SIZE) ? 1
                                                             : -1;

    if (bad >= 0) {
        printf("%s is not a sector-aligned value for '%s'\n", words[bad],
               bad == 0 ? "offset" : "count");
    }
    return bad < 0;
}

void *io_words_vector(IoSession *s, IoWords *w, QEMUIOVector *qiov, int argc,
                      char **argv, int fill)
{
    void *buf;

    if (io_words_range(w, argv + optind, false) < 0) {
        return NULL;
    }
    optind++;
    buf = io_parse_vector(s, qiov, argv + optind, argc - optind, fill);
    if (buf) {
        w->bytes = w->pattern_bytes = qiov->size;
        w->pattern_offset = 0;
    }
    return buf;
}

int io_words_run(IoSession *s, IoWords *w, IoRequest *req)
{
    req->blk = s->blk;
    req->offset = w->offset;
    req->bytes = w->bytes;
    req->flags = w->flags;
    w->report.start_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    return io_request_run(req);
}

int io_words_finish_read(const IoWords *w, const void *buf)
{
    bool same = !w->pattern.given ||
                io_verify((const char *)buf + w->pattern_offset,
                          w->pattern.byte, w->offset + w->pattern_offset,
                          w->pattern_bytes);

    if (!w->report.quiet && w->dump) {
        io_dump(buf, w->bytes, w->offset);
    }
    io_report(&w->report, w->offset, w->bytes);
    return same ? 0 : -EINVAL;
}

/* ---- read --------------------------------------------------------------- */

/* The range to be verified lies within what is read. */
static int check_read(IoWords *w, char **words)
{
    if (w->bytes > BDRV_REQUEST_MAX_BYTES) {
        printf("length cannot exceed %d, given %s\n", BDRV_REQUEST_MAX_BYTES,
               words[1]);
        return -EINVAL;
    }
    if (!w->pattern.given && MAX(w->pattern_bytes, w->pattern_offset) >= 0) {
        return io_usage(&io_read);
    }
    w->pattern_offset = MAX(w->pattern_offset, 0);
    if (w->pattern_bytes < 0) {
        w->pattern_bytes = w->bytes - w->pattern_offset;
    }
    if (w->pattern_offset > w->bytes || w->pattern_bytes < 0 ||
        w->pattern_bytes > w->bytes - w->pattern_offset) {
        printf("pattern verification range exceeds end of read data\n");
        return -EINVAL;
    }
    return !w->vmstate || check_sectors(w, words) ? 0 : -EINVAL;
}

static int run_read(IoSession *s, int argc, char **argv)
{
    IoWords w = { 0 };
    IoRequest req = { .op = IO_OP_READ };
    QEMUIOVector qiov;
    void *buf;
    int ret;

    if (io_words_options(&w, argc, argv, &io_read, 2) < 0 ||
        io_words_range(&w, argv + optind, true) < 0 ||
        check_read(&w, argv + optind) < 0) {
        return -EINVAL;
    }
    ret = w.vmstate ? -ENOTSUP : io_check_range(s, w.offset, w.bytes);
    if (ret < 0) {
        return io_report_failure("read", ret);
    }
    buf = io_alloc_buffer(s, w.bytes, IO_READ_FILL);
    if (!buf) {
        return io_report_failure("read", -ENOMEM);
    }
    qemu_iovec_init_buf(&qiov, buf, w.bytes);
    req.qiov = &qiov;
    ret = io_words_run(s, &w, &req);
    ret = ret < 0 ? io_report_failure("read", ret)
                  : io_words_finish_read(&w, buf);
    io_free_buffer(s, buf);
    return ret;
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
    .run = run_read,
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
" Reads a segment of the currently open file, optionally dumping it to the\n"
" standard output stream (with -v option) for subsequent inspection.\n",
    .options = read_options,
};

/* ---- write -------------------------------------------------------------- */

/* Why the options cannot go together; NULL: they can. */
static const char *write_conflict(const IoWords *w)
{
    if (w->vmstate && w->zeroes) {
        return "-b and -z cannot be specified at the same time";
    }
    if ((w->flags & BDRV_REQ_FUA) && (w->vmstate || w->compressed)) {
        return "-f and -b or -c cannot be specified at the same time";
    }
    if ((w->flags & BDRV_REQ_NO_FALLBACK) && !w->zeroes) {
        return "-n requires -z to be specified";
    }
    if ((w->flags & BDRV_REQ_MAY_UNMAP) && !w->zeroes) {
        return "-u requires -z to be specified";
    }
    if (w->zeroes + w->pattern.given + !!w->source > 1) {
        return "Only one of -z, -P, and -s can be specified at the same time";
    }
    return NULL;
}

static int check_write(const IoWords *w, char **words)
{
    if (w->bytes > BDRV_REQUEST_MAX_BYTES &&
        !(w->flags & BDRV_REQ_NO_FALLBACK)) {
        printf("length cannot exceed %d without -n, given %s\n",
               BDRV_REQUEST_MAX_BYTES, words[1]);
        return -EINVAL;
    }
    if ((w->vmstate || w->compressed) && !check_sectors(w, words)) {
        return -EINVAL;
    }
    return 0;
}

/* Fills @buf with the bytes of the file @source, over and over. */
static int fill_from_file(void *buf, size_t bytes, const char *source)
{
    g_autofree char *text = NULL;
    FILE *f = fopen(source, "r");
    size_t n;
    int err;

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

/* The buffer of a write, or NULL having reported. */
static void *write_buffer(IoSession *s, const IoWords *w)
{
    void *buf = io_alloc_buffer(s, w->bytes, w->pattern.byte);

    if (!buf) {
        io_report_failure("write", -ENOMEM);
        return NULL;
    }
    if (w->source && fill_from_file(buf, w->bytes, w->source) < 0) {
        io_free_buffer(s, buf);
        return NULL;
    }
    return buf;
}

/* Makes the buffer and the request, and reports. */
static int do_write(IoSession *s, IoWords *w)
{
    IoRequest req = { .op = w->zeroes ? IO_OP_WRITE_ZEROES : IO_OP_WRITE };
    QEMUIOVector qiov;
    void *buf = NULL;
    int ret = w->vmstate ? -ENOTSUP : io_check_range(s, w->offset, w->bytes);

    if (ret == 0 && !w->zeroes) {
        buf = write_buffer(s, w);
        if (!buf) {
            return -EINVAL;
        }
        qemu_iovec_init_buf(&qiov, buf, w->bytes);
        req.qiov = &qiov;
        w->flags |= w->compressed ? BDRV_REQ_WRITE_COMPRESSED : 0;
    }
    if (ret == 0) {
        ret = io_words_run(s, w, &req);
    }
    io_free_buffer(s, buf);
    if (ret < 0) {
        return io_report_failure("write", ret);
    }
    io_report(&w->report, w->offset, w->bytes);
    return 0;
}

static int run_write(IoSession *s, int argc, char **argv)
{
    IoWords w = { 0 };
    const char *conflict;

    if (io_words_options(&w, argc, argv, &io_write, 2) < 0) {
        return -EINVAL;
    }
    conflict = write_conflict(&w);
    if (conflict) {
        printf("%s\n", conflict);
        return -EINVAL;
    }
    if (io_words_range(&w, argv + optind, true) < 0 ||
        check_write(&w, argv + optind) < 0) {
        return -EINVAL;
    }
    return do_write(s, &w);
}

static const CmdOption write_options[] = {
    IO_FLAG('b', "write to the VM state rather than the virtual disk",
            vmstate),
    IO_FLAG('c', "write compressed data with blk_write_compressed",
            compressed),
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
    .run = run_write,
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
" Writes into a segment of the currently open file, using a buffer\n"
" filled with a set pattern (0xcdcdcdcd).\n",
    .options = write_options,
};
