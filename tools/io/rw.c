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

/* A size in *@value, which sets *@has; says so and returns false if not. */
static bool take_size(const char *word, int64_t *value, bool *has)
{
    *value = io_parse_size(word);
    *has = true;
    return *value >= 0;
}

/* Takes one option; false when its value is none, which was said. */
static bool take_option(IoWords *w, int c, bool reads)
{
    switch (c) {
    case 'b':
        w->vmstate = true;
        break;
    case 'c':
        w->compressed = true;
        break;
    case 'C':
        w->report.machine = true;
        break;
    case 'f':
        w->flags |= BDRV_REQ_FUA;
        break;
    case 'l':
        return take_size(optarg, &w->pattern_bytes, &w->has_pattern_bytes);
    case 'n':
        w->flags |= BDRV_REQ_NO_FALLBACK;
        break;
    case 'p':
        break;
    case 'P':
        w->has_pattern = true;
        return io_parse_pattern(optarg, &w->pattern);
    case 'q':
        w->report.quiet = true;
        break;
    case 's':
        if (reads) {
            return take_size(optarg, &w->pattern_offset,
                             &w->has_pattern_offset);
        }
        w->source = optarg;
        break;
    case 'u':
        w->flags |= BDRV_REQ_MAY_UNMAP;
        break;
    case 'v':
        w->dump = true;
        break;
    case 'z':
        w->zeroes = true;
        break;
    }
    return true;
}

int io_words_options(IoWords *w, int argc, char **argv, const IoCommand *cmd,
                     const char *letters, int max_words)
{
    bool reads = !(cmd->perm & BLK_PERM_WRITE);
    int c;

    w->report.verb = reads ? "read" : "wrote";
    w->pattern = IO_WRITE_PATTERN;
    while ((c = getopt(argc, argv, letters)) != -1) {
        if (c == '?') {
            return io_usage(cmd);
        }
        if (!take_option(w, c, reads)) {
            return -EINVAL;
        }
    }
    return argc - optind >= 2 && argc - optind <= max_words ? 0
                                                            : io_usage(cmd);
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

/* Are offset and length whole sectors?  Says which is not. */
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
    bool same = !w->has_pattern ||
                io_verify((const char *)buf + w->pattern_offset, w->pattern,
                          w->offset + w->pattern_offset, w->pattern_bytes);

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
    if (!w->has_pattern && (w->has_pattern_bytes || w->has_pattern_offset)) {
        return io_usage(&io_read);
    }
    if (!w->has_pattern_bytes) {
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

    if (io_words_options(&w, argc, argv, &io_read, "bCl:pP:qs:v", 2) < 0 ||
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
" standard output stream (with -v option) for subsequent inspection.\n"
" -b, -- read from the VM state rather than the virtual disk\n"
" -C, -- report statistics in a machine parsable format\n"
" -l, -- length for pattern verification (only with -P)\n"
" -p, -- ignored for backwards compatibility\n"
" -P, -- use a pattern to verify read data\n"
" -q, -- quiet mode, do not show I/O statistics\n"
" -s, -- start offset for pattern verification (only with -P)\n"
" -v, -- dump buffer to standard output\n"
"\n",
};

/* ---- write -------------------------------------------------------------- */

/* What is wrong with the combination of options, or NULL. */
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
    if (w->zeroes + w->has_pattern + !!w->source > 1) {
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

/* The buffer of a write, or NULL having said why. */
static void *write_buffer(IoSession *s, const IoWords *w)
{
    void *buf = io_alloc_buffer(s, w->bytes, w->pattern);

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

    if (io_words_options(&w, argc, argv, &io_write, "bcCfnpP:qs:uz", 2) < 0) {
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
" filled with a set pattern (0xcdcdcdcd).\n"
" -b, -- write to the VM state rather than the virtual disk\n"
" -c, -- write compressed data with blk_write_compressed\n"
" -f, -- use Force Unit Access semantics\n"
" -n, -- with -z, don't allow slow fallback\n"
" -p, -- ignored for backwards compatibility\n"
" -P, -- use different pattern to fill file\n"
" -s, -- use a pattern file to fill the write buffer\n"
" -C, -- report statistics in a machine parsable format\n"
" -q, -- quiet mode, do not show I/O statistics\n"
" -u, -- with -z, allow unmapping\n"
" -z, -- write zeroes using blk_co_pwrite_zeroes\n"
"\n",
};
