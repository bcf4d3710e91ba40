/* SPDX-License-Identifier: MIT */
/*
 * aio_read, aio_write and aio_flush: requests that the command only begins.
 *
 * Invariants:
 *   - A request counts in the session from its start until it was reported;
 *     what it needs is freed then.
 *   - Such a command succeeds when its request was begun: what becomes of it
 *     does not change the exit status.
 */
#include "qemu/osdep.h"
#include "io.h"

#include <getopt.h>

#include "qemu/timer.h"

/* One request in flight. */
typedef struct IoAio {
    IoSession *session;
    IoRequest req;
    QEMUIOVector qiov;
    void *buf;            /* NULL with -z */
    IoReport report;
    bool dump;            /* -v */
    bool has_pattern;     /* -P */
    int pattern;
    bool zeroes;          /* -z */
    bool invalid;         /* -i */
} IoAio;

static IoAio *aio_new(IoSession *s, const char *verb, IoOp op)
{
    IoAio *aio = g_new0(IoAio, 1);

    aio->session = s;
    aio->report.verb = verb;
    aio->req.op = op;
    aio->req.blk = s->blk;
    aio->req.opaque = aio;
    return aio;
}

static void aio_free(IoAio *aio)
{
    if (aio->buf) {
        qemu_iovec_destroy(&aio->qiov);
        io_free_buffer(aio->session, aio->buf);
    }
    g_free(aio);
}

static void aio_read_complete(IoRequest *req)
{
    IoAio *aio = req->opaque;

    if (req->ret < 0) {
        io_report_failure("readv", req->ret);
    } else {
        if (aio->has_pattern) {
            io_verify(aio->buf, aio->pattern, req->offset, req->bytes);
        }
        if (!aio->report.quiet && aio->dump) {
            io_dump(aio->buf, req->bytes, req->offset);
        }
        io_report(&aio->report, req->offset, req->bytes);
    }
    aio->session->in_flight--;
    aio_free(aio);
}

static void aio_write_complete(IoRequest *req)
{
    IoAio *aio = req->opaque;

    if (req->ret < 0) {
        io_report_failure("aio_write", req->ret);
    } else {
        io_report(&aio->report, req->offset, req->bytes);
    }
    aio->session->in_flight--;
    aio_free(aio);
}

static void aio_start(IoAio *aio, void (*complete)(IoRequest *req))
{
    aio->req.complete = complete;
    aio->session->in_flight++;
    aio->report.start_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    io_request_start(&aio->req);
}

static int aio_options(IoAio *aio, int argc, char **argv,
                       const IoCommand *cmd, const char *letters)
{
    int c;

    while ((c = getopt(argc, argv, letters)) != -1) {
        switch (c) {
        case 'C':
            aio->report.machine = true;
            break;
        case 'f':
            aio->req.flags |= BDRV_REQ_FUA;
            break;
        case 'i':
            aio->invalid = true;
            break;
        case 'P':
            aio->has_pattern = true;
            if (!io_parse_pattern(optarg, &aio->pattern)) {
                return -EINVAL;
            }
            break;
        case 'q':
            aio->report.quiet = true;
            break;
        case 'u':
            aio->req.flags |= BDRV_REQ_MAY_UNMAP;
            break;
        case 'v':
            aio->dump = true;
            break;
        case 'z':
            aio->zeroes = true;
            break;
        default:
            return io_usage(cmd);
        }
    }
    return optind <= argc - 2 ? 0 : io_usage(cmd);
}

/* The offset and the lengths, and the buffers for them filled with @fill. */
static int aio_vector(IoAio *aio, int argc, char **argv, int fill)
{
    aio->req.offset = io_parse_size(argv[optind]);
    if (aio->req.offset < 0) {
        return -EINVAL;
    }
    optind++;
    aio->buf = io_parse_vector(aio->session, &aio->qiov, argv + optind,
                               argc - optind, fill);
    if (!aio->buf) {
        return -EINVAL;
    }
    aio->req.qiov = &aio->qiov;
    aio->req.bytes = aio->qiov.size;
    return 0;
}

/* ---- aio_read ----------------------------------------------------------- */

static int run_aio_read(IoSession *s, int argc, char **argv)
{
    IoAio *aio = aio_new(s, "read", IO_OP_READ);

    if (aio_options(aio, argc, argv, &io_aio_read, "CP:iqv") < 0) {
        aio_free(aio);
        return -EINVAL;
    }
    if (aio->invalid) {
        printf("injecting invalid read request\n");
        aio_free(aio);
        return 0;
    }
    if (aio_vector(aio, argc, argv, IO_READ_FILL) < 0) {
        aio_free(aio);
        return -EINVAL;
    }
    aio_start(aio, aio_read_complete);
    return 0;
}

const IoCommand io_aio_read = {
    .name = "aio_read",
    .run = run_aio_read,
    .min_args = 2,
    .max_args = -1,
    .args = "[-Ciqv] [-P pattern] off len [len..]",
    .oneline = "asynchronously reads a number of bytes",
    .help =
"\n"
" asynchronously reads a range of bytes from the given offset\n"
"\n"
" Example:\n"
" 'aio_read -v 512 1k 1k ' - dumps 2 kilobytes read from 512 bytes into the "
"file\n"
"\n"
" Reads a segment of the currently open file, optionally dumping it to the\n"
" standard output stream (with -v option) for subsequent inspection.\n"
" The read is performed asynchronously and the aio_flush command must be\n"
" used to ensure all outstanding aio requests have been completed.\n"
" Note that due to its asynchronous nature, this command will be\n"
" considered successful once the request is submitted, independently\n"
" of potential I/O errors or pattern mismatches.\n"
" -C, -- report statistics in a machine parsable format\n"
" -P, -- use a pattern to verify read data\n"
" -i, -- treat request as invalid, for exercising stats\n"
" -v, -- dump buffer to standard output\n"
" -q, -- quiet mode, do not show I/O statistics\n"
"\n",
};

/* ---- aio_write ---------------------------------------------------------- */

/* The offset and the length of a write without a buffer. */
static int aio_zeroes(IoAio *aio, char **argv)
{
    aio->req.op = IO_OP_WRITE_ZEROES;
    aio->req.offset = io_parse_size(argv[optind]);
    if (aio->req.offset < 0) {
        return -EINVAL;
    }
    aio->req.bytes = io_parse_size(argv[optind + 1]);
    return aio->req.bytes < 0 ? -EINVAL : 0;
}

/* What the words of aio_write ask for; says what is wrong. */
static int aio_write_words(IoAio *aio, int argc, char **argv)
{
    aio->pattern = IO_WRITE_PATTERN;
    if (aio_options(aio, argc, argv, &io_aio_write, "CfiP:quz") < 0) {
        return -EINVAL;
    }
    if (aio->zeroes && optind != argc - 2) {
        printf("-z supports only a single length parameter\n");
        return -EINVAL;
    }
    if (aio->invalid) {
        return 0;
    }
    if ((aio->req.flags & BDRV_REQ_MAY_UNMAP) && !aio->zeroes) {
        printf("-u requires -z to be specified\n");
        return -EINVAL;
    }
    return aio->zeroes ? aio_zeroes(aio, argv)
                       : aio_vector(aio, argc, argv, aio->pattern);
}

static int run_aio_write(IoSession *s, int argc, char **argv)
{
    IoAio *aio = aio_new(s, "wrote", IO_OP_WRITE);

    if (aio_write_words(aio, argc, argv) < 0) {
        aio_free(aio);
        return -EINVAL;
    }
    if (aio->invalid) {
        printf("injecting invalid write request\n");
        aio_free(aio);
        return 0;
    }
    aio_start(aio, aio_write_complete);
    return 0;
}

const IoCommand io_aio_write = {
    .name = "aio_write",
    .run = run_aio_write,
    .min_args = 2,
    .max_args = -1,
    .perm = BLK_PERM_WRITE,
    .args = "[-Cfiquz] [-P pattern] off len [len..]",
    .oneline = "asynchronously writes a number of bytes",
    .help =
"\n"
" asynchronously writes a range of bytes from the given offset source\n"
" from multiple buffers\n"
"\n"
" Example:\n"
" 'aio_write 512 1k 1k' - writes 2 kilobytes at 512 bytes into the open file\n"
"\n"
" Writes into a segment of the currently open file, using a buffer\n"
" filled with a set pattern (0xcdcdcdcd).\n"
" The write is performed asynchronously and the aio_flush command must be\n"
" used to ensure all outstanding aio requests have been completed.\n"
" Note that due to its asynchronous nature, this command will be\n"
" considered successful once the request is submitted, independently\n"
" of potential I/O errors or pattern mismatches.\n"
" -P, -- use different pattern to fill file\n"
" -C, -- report statistics in a machine parsable format\n"
" -f, -- use Force Unit Access semantics\n"
" -i, -- treat request as invalid, for exercising stats\n"
" -q, -- quiet mode, do not show I/O statistics\n"
" -u, -- with -z, allow unmapping\n"
" -z, -- write zeroes using blk_aio_pwrite_zeroes\n"
"\n",
};

/* ---- aio_flush ---------------------------------------------------------- */

static int run_aio_flush(IoSession *s, int argc, char **argv)
{
    io_wait_for_requests(s);
    return 0;
}

const IoCommand io_aio_flush = {
    .name = "aio_flush",
    .run = run_aio_flush,
    .oneline = "completes all outstanding aio requests",
};
