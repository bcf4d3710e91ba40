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

/*
 * With so many in flight the next one begins with an aio_flush: each has a
 * stack of its own, and the kernel limits a process to some ten thousands.
 */
#define AIO_MAX 4096

/* The end of the help of both commands. */
#define AIO_HELP \
" used to ensure all outstanding aio requests have been completed.\n" \
" Note that due to its asynchronous nature, this command will be\n" \
" considered successful once the request is submitted, independently\n" \
" of potential I/O errors or pattern mismatches.\n"

static void aio_complete(IoRequest *req)
{
    IoWords *w = req->opaque;

    io_words_finish(w, req->op == IO_OP_READ ? "readv" : "aio_write");
    w->session->in_flight--;
    g_free(w);
}

/* aio_read and aio_write: begins the request. */
static int aio_run(IoSession *s, int argc, char **argv)
{
    g_autofree IoWords *w = g_new0(IoWords, 1);

    if (io_words_options(w, s, argc, argv, INT_MAX) < 0 ||
        io_refuse(w->zeroes && optind != argc - 2,
                  "-z supports only a single length parameter")) {
        return -EINVAL;
    }
    if (w->invalid) {
        /* Nothing counts requests here, so there is no more to it. */
        printf("injecting invalid %s request\n",
               w->req.op == IO_OP_READ ? "read" : "write");
        return 0;
    }
    if (io_refuse((w->req.flags & BDRV_REQ_MAY_UNMAP) && !w->zeroes,
                  "-u requires -z to be specified") ||
        (w->zeroes ? io_words_range(w, argv + optind, INT64_MAX)
                   : io_words_vector(w, argc, argv)) < 0) {
        return -EINVAL;
    }
    if (s->in_flight >= AIO_MAX) {
        io_wait_for_requests(s);
    }
    w->req.op = w->zeroes ? IO_OP_WRITE_ZEROES : w->req.op;
    w->req.complete = aio_complete;
    w->req.opaque = w;
    s->in_flight++;
    w->start_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    /* From here on the words are the request's, which frees them at its end. */
    io_request_start(&g_steal_pointer(&w)->req);
    return 0;
}

/* ---- aio_read ----------------------------------------------------------- */

static const CmdOption aio_read_options[] = {
    IO_MACHINE, IO_VERIFY, IO_INVALID, IO_DUMP, IO_QUIET, CMD_END
};

const IoCommand io_aio_read = {
    .name = "aio_read",
    .run = aio_run,
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
IO_HELP_READ
" The read is performed asynchronously and the aio_flush command must be\n"
AIO_HELP,
    .options = aio_read_options,
};

/* ---- aio_write ---------------------------------------------------------- */

static const CmdOption aio_write_options[] = {
    IO_FILL, IO_MACHINE, IO_FUA, IO_INVALID, IO_QUIET, IO_UNMAP,
    IO_FLAG('z', "write zeroes using blk_aio_pwrite_zeroes", zeroes),
    CMD_END
};

const IoCommand io_aio_write = {
    .name = "aio_write",
    .run = aio_run,
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
IO_HELP_WRITE
" The write is performed asynchronously and the aio_flush command must be\n"
AIO_HELP,
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
