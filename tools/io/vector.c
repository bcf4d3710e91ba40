/* SPDX-License-Identifier: MIT */
/*
 * readv and writev: one request with several buffers, that the command waits
 * for.
 *
 * Invariants: the buffers of a vector lie side by side, in one piece of memory.
 */
#include "qemu/osdep.h"
#include "rw.h"

static int run_vector(IoSession *s, const IoCommand *cmd, IoOp op, int argc,
                      char **argv)
{
    IoWords w = { 0 };
    IoRequest req = { .op = op };
    QEMUIOVector qiov;
    void *buf;
    int ret;

    if (io_words_options(&w, argc, argv, cmd, INT_MAX) < 0) {
        return -EINVAL;
    }
    buf = io_words_vector(s, &w, &qiov, argc, argv,
                          op == IO_OP_READ ? IO_READ_FILL : w.pattern.byte);
    if (!buf) {
        return -EINVAL;
    }
    req.qiov = &qiov;
    ret = io_words_run(s, &w, &req);
    if (ret < 0) {
        io_report_failure(argv[0], ret);
    } else if (req.op == IO_OP_READ) {
        ret = io_words_finish_read(&w, buf);
    } else {
        io_report(&w.report, w.offset, w.bytes);
    }
    qemu_iovec_destroy(&qiov);
    io_free_buffer(s, buf);
    return ret;
}

static int run_readv(IoSession *s, int argc, char **argv)
{
    return run_vector(s, &io_readv, IO_OP_READ, argc, argv);
}

static const CmdOption readv_options[] = {
    IO_MACHINE, IO_VERIFY, IO_DUMP, IO_QUIET, CMD_END
};

const IoCommand io_readv = {
    .name = "readv",
    .run = run_readv,
    .min_args = 2,
    .max_args = -1,
    .args = "[-Cqv] [-P pattern] off len [len..]",
    .oneline = "reads a number of bytes at a specified offset",
    .help =
"\n"
" reads a range of bytes from the given offset into multiple buffers\n"
"\n"
" Example:\n"
" 'readv -v 512 1k 1k ' - dumps 2 kilobytes read from 512 bytes into the file\n"
"\n"
" Reads a segment of the currently open file, optionally dumping it to the\n"
" standard output stream (with -v option) for subsequent inspection.\n"
" Uses multiple iovec buffers if more than one byte range is specified.\n",
    .options = readv_options,
};

static int run_writev(IoSession *s, int argc, char **argv)
{
    return run_vector(s, &io_writev, IO_OP_WRITE, argc, argv);
}

static const CmdOption writev_options[] = {
    IO_FILL, IO_MACHINE, IO_FUA, IO_QUIET, CMD_END
};

const IoCommand io_writev = {
    .name = "writev",
    .run = run_writev,
    .min_args = 2,
    .max_args = -1,
    .perm = BLK_PERM_WRITE,
    .args = "[-Cfq] [-P pattern] off len [len..]",
    .oneline = "writes a number of bytes at a specified offset",
    .help =
"\n"
" writes a range of bytes from the given offset source from multiple buffers\n"
"\n"
" Example:\n"
" 'writev 512 1k 1k' - writes 2 kilobytes at 512 bytes into the open file\n"
"\n"
" Writes into a segment of the currently open file, using a buffer\n"
" filled with a set pattern (0xcdcdcdcd).\n",
    .options = writev_options,
};
