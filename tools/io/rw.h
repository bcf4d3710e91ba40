/* SPDX-License-Identifier: MIT */
/*
 * The words of the commands that read, write and discard, and their requests.
 *
 * Invariants: a field that no option of the command sets stays as it was, so
 * that all commands share what is made of the fields.
 */
#ifndef TOOLS_IO_RW_H
#define TOOLS_IO_RW_H

#include "io.h"

typedef struct IoWords {
    IoReport report;
    int64_t offset;
    int64_t bytes;
    IoPattern pattern;        /* -P; IO_WRITE_PATTERN if not given */
    int64_t pattern_offset;   /* -s of read; negative: not given */
    int64_t pattern_bytes;    /* -l; the same */
    const char *source;       /* -s of write: a file */
    bool vmstate;             /* -b */
    bool compressed;          /* -c */
    bool zeroes;              /* -z */
    bool dump;                /* -v */
    bool invalid;             /* -i */
    int flags;                /* -f -u -n: BDRV_REQ_* */
} IoWords;

/* Rows for the commands' tables of options. */
#define IO_FLAG(letter, help, m) \
    { letter, NULL, NULL, help, cmd_set_true, offsetof(IoWords, m) }
#define IO_BITS(letter, help, bits) \
    { letter, NULL, NULL, help, cmd_set_bits, offsetof(IoWords, flags), \
      .max = bits }
#define IO_PATTERN(help) \
    { 'P', NULL, "pattern", help, io_set_pattern, offsetof(IoWords, pattern) }
#define IO_MACHINE \
    IO_FLAG('C', "report statistics in a machine parsable format", \
            report.machine)
#define IO_QUIET \
    IO_FLAG('q', "quiet mode, do not show I/O statistics", report.quiet)
#define IO_DUMP IO_FLAG('v', "dump buffer to standard output", dump)
#define IO_INVALID \
    IO_FLAG('i', "treat request as invalid, for exercising stats", invalid)
#define IO_VERIFY IO_PATTERN("use a pattern to verify read data")
#define IO_FILL IO_PATTERN("use different pattern to fill file")
#define IO_FUA IO_BITS('f', "use Force Unit Access semantics", BDRV_REQ_FUA)
#define IO_UNMAP IO_BITS('u', "with -z, allow unmapping", BDRV_REQ_MAY_UNMAP)
#define IO_IGNORED { 'p', NULL, NULL, "ignored for backwards compatibility" }

/*
 * Reads the options of @cmd, after which there are 2 to @max_words words; a
 * command that needs no permission to write reads.  Reports and returns a
 * negative number when one is wrong.
 */
int io_words_options(IoWords *w, int argc, char **argv, const IoCommand *cmd,
                     int max_words);

/*
 * The offset, the first of @words, and with @has_bytes the length, the second
 * one.  Reports and returns a negative number when one is wrong.
 */
int io_words_range(IoWords *w, char **words, bool has_bytes);

/*
 * The offset and the lengths, words from optind on, of a vector whose buffer is
 * filled with @fill.  Returns the buffer as io_parse_vector() does, or NULL.
 */
void *io_words_vector(IoSession *s, IoWords *w, QEMUIOVector *qiov, int argc,
                      char **argv, int fill);

/*
 * Runs @req, whose operation and vector are set, for the range and the flags of
 * @w and notes when it began; returns its result.
 */
int io_words_run(IoSession *s, IoWords *w, IoRequest *req);

/*
 * Verifies, dumps and reports what was read into @buf.  A negative number when
 * it is not what -P asks for.
 */
int io_words_finish_read(const IoWords *w, const void *buf);

#endif
