/* SPDX-License-Identifier: MIT */
/*
 * The words of the commands that read, write and discard, and their requests.
 *
 * Such a command fills in an IoWords, in this order: the options; the range, or
 * a vector; a buffer; then the request is run, or started, and finished.
 *
 * Invariants: a field that no option of the command sets stays as it was, so
 * that all commands share what is made of the fields.
 */
#ifndef TOOLS_IO_RW_H
#define TOOLS_IO_RW_H

#include "io.h"

typedef struct IoWords {
    IoSession *session;
    IoRequest req;            /* its range and flags are words, too */
    QEMUIOVector qiov;        /* of the buffer */
    void *buf;                /* NULL: the request has none, or not yet */
    const char *verb;         /* of the report: "read", "wrote", "discard" */
    int64_t start_ns;         /* when it began, of QEMU_CLOCK_REALTIME */
    bool quiet;               /* -q */
    bool machine;             /* -C: the report is one line */
    int pattern;              /* -P; negative: not given */
    int64_t pattern_offset;   /* -s of read; negative: not given */
    int64_t pattern_bytes;    /* -l; the same */
    const char *source;       /* -s of write: a file */
    bool vmstate;             /* -b */
    bool zeroes;              /* -z */
    bool dump;                /* -v */
    bool invalid;             /* -i */
} IoWords;

/* Sentences of the help of several commands. */
#define IO_HELP_READ \
" Reads a segment of the currently open file, optionally dumping it to the\n" \
" standard output stream (with -v option) for subsequent inspection.\n"
#define IO_HELP_WRITE \
" Writes into a segment of the currently open file, using a buffer\n" \
" filled with a set pattern (0xcdcdcdcd).\n"

/* Rows for the commands' tables of options. */
#define IO_FLAG(letter, help, m) \
    { letter, NULL, NULL, help, cmd_set_true, offsetof(IoWords, m) }
#define IO_BITS(letter, help, bits) \
    { letter, NULL, NULL, help, cmd_set_bits, offsetof(IoWords, req.flags), \
      .max = bits }
#define IO_PATTERN(help) \
    { 'P', NULL, "pattern", help, io_set_pattern, offsetof(IoWords, pattern) }
#define IO_MACHINE \
    IO_FLAG('C', "report statistics in a machine parsable format", \
            machine)
#define IO_QUIET \
    IO_FLAG('q', "quiet mode, do not show I/O statistics", quiet)
#define IO_DUMP IO_FLAG('v', "dump buffer to standard output", dump)
#define IO_INVALID \
    IO_FLAG('i', "treat request as invalid, for exercising stats", invalid)
#define IO_VERIFY IO_PATTERN("use a pattern to verify read data")
#define IO_FILL IO_PATTERN("use different pattern to fill file")
#define IO_FUA IO_BITS('f', "use Force Unit Access semantics", BDRV_REQ_FUA)
#define IO_UNMAP IO_BITS('u', "with -z, allow unmapping", BDRV_REQ_MAY_UNMAP)
#define IO_IGNORED { 'p', NULL, NULL, "ignored for backwards compatibility" }

/*
 * Reads the options, after which there are 2 to @max_words words.  The
 * operation is a write if the command needs the permission, else a read.
 * Reports and returns a negative number when one is wrong.
 */
int io_words_options(IoWords *w, IoSession *s, int argc, char **argv,
                     int max_words);

/*
 * The offset and the length, of which @words are the first two.  Reports and
 * returns a negative number when one is wrong, or the length larger than @max.
 */
int io_words_range(IoWords *w, char **words, int64_t max);

/*
 * Makes the buffer of the request and sets its bytes, of a write to what is
 * asked for.  False when there is no memory.
 */
bool io_words_alloc(IoWords *w);

/*
 * The offset and the lengths, words from optind on, of a vector; its elements
 * share one new buffer.  Reports and returns a negative number when one is
 * wrong.
 */
int io_words_vector(IoWords *w, int argc, char **argv);

/* Runs the request and finishes it. */
int io_words_run(IoWords *w, const char *what);

/* Reports success, in the time from the start to now. */
void io_words_report(const IoWords *w);

/*
 * Of a request that is done: reports a failure as "@what failed", or else
 * verifies, dumps and reports; then frees the buffer.  Returns the result, or a
 * negative number when what was read is not what -P asks for.
 */
int io_words_finish(IoWords *w, const char *what);

#endif
