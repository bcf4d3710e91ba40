/* SPDX-License-Identifier: MIT */
/*
 * readv and writev: one request with several buffers, that the command waits
 * for.
 *
 * Invariants: the buffers of a vector lie side by side, in one piece of memory,
 * so that it is verified and dumped as if it were one buffer.  Nothing is
 * allocated for it before all of its words were read.
 */
#include "qemu/osdep.h"
#include "rw.h"

#include <getopt.h>

/* Reads the lengths into @lengths and adds them up; -1 having reported. */
static int64_t vector_parse_lengths(char **words, int n_words, size_t *lengths)
{
    int64_t sum = 0;

    for (int i = 0; i < n_words; i++) {
        int64_t len;

        if (!io_set_size(&len, NULL, words[i])) {
            return -1;
        }
        if (len > BDRV_REQUEST_MAX_BYTES) {
            printf("Argument '%s' exceeds maximum size %d\n", words[i],
                   BDRV_REQUEST_MAX_BYTES);
            return -1;
        }
        if (sum > BDRV_REQUEST_MAX_BYTES - len) {
            printf("The total number of bytes exceed the maximum size %d\n",
                   BDRV_REQUEST_MAX_BYTES);
            return -1;
        }
        lengths[i] = len;
        sum += len;
    }
    return sum;
}

int io_words_vector(IoWords *w, int argc, char **argv)
{
    g_autofree size_t *lengths = NULL;
    int n;
    char *at;

    if (!io_set_size(&w->req.offset, NULL, argv[optind++])) {
        return -EINVAL;
    }
    n = argc - optind;
    lengths = g_new(size_t, n);
    w->req.bytes = vector_parse_lengths(argv + optind, n, lengths);
    if (w->req.bytes < 0) {
        return -EINVAL;
    }
    if (!io_words_alloc(w)) {
        return io_report_failure("allocation", -ENOMEM);
    }
    at = w->buf;
    qemu_iovec_init(&w->qiov, n);
    for (int i = 0; i < n; i++) {
        qemu_iovec_add(&w->qiov, at, lengths[i]);
        at += lengths[i];
    }
    w->req.qiov = &w->qiov;
    w->pattern_offset = 0;
    w->pattern_bytes = w->req.bytes;
    return 0;
}

static int run_vector(IoSession *s, int argc, char **argv)
{
    IoWords w = { 0 };

    if (io_words_options(&w, s, argc, argv, INT_MAX) < 0 ||
        io_words_vector(&w, argc, argv) < 0) {
        return -EINVAL;
    }
    return io_words_run(&w, s->command->name);
}

static const CmdOption readv_options[] = {
    IO_MACHINE, IO_VERIFY, IO_DUMP, IO_QUIET, CMD_END
};

const IoCommand io_readv = {
    .name = "readv",
    .run = run_vector,
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
IO_HELP_READ
" Uses multiple iovec buffers if more than one byte range is specified.\n",
    .options = readv_options,
};

static const CmdOption writev_options[] = {
    IO_FILL, IO_MACHINE, IO_FUA, IO_QUIET, CMD_END
};

const IoCommand io_writev = {
    .name = "writev",
    .run = run_vector,
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
IO_HELP_WRITE,
    .options = writev_options,
};
