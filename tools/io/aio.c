/* SPDX-License-Identifier: MIT */
/*
 * aio_read, aio_write and aio_flush: requests that the command only begins.
 *
 * Invariants:
 *   - A request counts in the session from its start until it was reported;
 *     its memory is freed then.
 *   - Such a command succeeds when its request was begun: the request's result
 *     does not change the exit status, because it comes after the command.
 */
#include "qemu/osdep.h"
#include "rw.h"

#include <getopt.h>

#include "qemu/timer.h"

/* One request in flight. */
typedef struct IoAio {
    IoSession *session;
    IoRequest req;
    QEMUIOVector qiov;
    void *buf;            /* NULL with -z */
    IoWords w;
} IoAio;

static IoAio *aio_new(IoSession *s, IoOp op)
{
    IoAio *aio = g_new0(IoAio, 1);

    aio->session = s;
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

static void aio_complete(IoRequest *req)
{
    IoAio *aio = req->opaque;
    bool reads = req->op == IO_OP_READ;

    if (req->ret < 0) {
        io_report_failure(reads ? "readv" : "aio_write", req->ret);
    } else if (reads) {
        io_words_finish_read(&aio->w, aio->buf);
    } else {
        io_report(&aio->w.report, req->offset, req->bytes);
    }
    aio->session->in_flight--;
    aio_free(aio);
}

static void aio_start(IoAio *aio)
{
    IoWords *w = &aio->w;

    aio->req.offset = w->offset;
    aio->req.bytes = w->bytes;
    aio->req.flags = w->flags;
    aio->req.qiov = aio->buf ? &aio->qiov : NULL;
    aio->req.complete = aio_complete;
    aio->session->in_flight++;
    w->report.start_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    io_request_start(&aio->req);
}

/* ---- aio_read ----------------------------------------------------------- */

static int run_aio_read(IoSession *s, int argc, char **argv)
{
    IoAio *aio = aio_new(s, IO_OP_READ);
    int ret = io_words_options(&aio->w, argc, argv, &io_aio_read, INT_MAX);

    if (ret == 0 && aio->w.invalid) {
        printf("injecting invalid read request\n");
        aio_free(aio);
        return 0;
    }
    if (ret == 0) {
        aio->buf = io_words_vector(s, &aio->w, &aio->qiov, argc, argv,
                                   IO_READ_FILL);
    }
    if (!aio->buf) {
        aio_free(aio);
        return -EINVAL;
    }
    aio_start(aio);
    return 0;
}

static const CmdOption aio_read_options[] = {
    IO_MACHINE, IO_VERIFY, IO_INVALID, IO_DUMP, IO_QUIET, CMD_END
};

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
" of potential I/O errors or pattern mismatches.\n",
    .options = aio_read_options,
};

/* ---- aio_write ---------------------------------------------------------- */

/* Reads the words of aio_write; reports which is wrong. */
static int aio_write_words(IoAio *aio, int argc, char **argv)
{
    IoWords *w = &aio->w;

    if (io_words_options(w, argc, argv, &io_aio_write, INT_MAX) < 0) {
        return -EINVAL;
    }
    if (w->zeroes && optind != argc - 2) {
        printf("-z supports only a single length parameter\n");
        return -EINVAL;
    }
    if (w->invalid) {
        return 0;
    }
    if ((w->flags & BDRV_REQ_MAY_UNMAP) && !w->zeroes) {
        printf("-u requires -z to be specified\n");
        return -EINVAL;
    }
    if (w->zeroes) {
        aio->req.op = IO_OP_WRITE_ZEROES;
        return io_words_range(w, argv + optind, true);
    }
    aio->buf = io_words_vector(aio->session, w, &aio->qiov, argc, argv,
                               w->pattern.byte);
    return aio->buf ? 0 : -EINVAL;
}

static int run_aio_write(IoSession *s, int argc, char **argv)
{
    IoAio *aio = aio_new(s, IO_OP_WRITE);
    int ret = aio_write_words(aio, argc, argv);

    if (ret == 0 && !aio->w.invalid) {
        aio_start(aio);
        return 0;
    }
    if (ret == 0) {
        printf("injecting invalid write request\n");
    }
    aio_free(aio);
    return ret;
}

static const CmdOption aio_write_options[] = {
    IO_FILL, IO_MACHINE, IO_FUA, IO_INVALID, IO_QUIET, IO_UNMAP,
    IO_FLAG('z', "write zeroes using blk_aio_pwrite_zeroes", zeroes),
    CMD_END
};

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
" of potential I/O errors or pattern mismatches.\n",
    .options = aio_write_options,
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
