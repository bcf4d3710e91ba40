/* SPDX-License-Identifier: MIT */
/*
 * What the words of read, readv, write and writev say, and what becomes of a
 * request that the command waits for.
 *
 * Invariants: a field that no option of the command sets stays zero, but for
 * the pattern.
 */
#ifndef TOOLS_IO_RW_H
#define TOOLS_IO_RW_H

#include "io.h"

typedef struct IoWords {
    IoReport report;
    int64_t offset;
    int64_t bytes;
    int pattern;              /* -P */
    bool has_pattern;
    int64_t pattern_offset;   /* -s of read */
    int64_t pattern_bytes;    /* -l */
    bool has_pattern_offset;
    bool has_pattern_bytes;
    const char *source;       /* -s of write: a file */
    bool vmstate;             /* -b */
    bool compressed;          /* -c */
    bool zeroes;              /* -z */
    bool dump;                /* -v */
    BdrvRequestFlags flags;   /* -f -u -n */
} IoWords;

/*
 * Reads the options @letters of @cmd, behind which there are 2 to @max_words
 * words; a command that needs no permission to write reads.  Says what is wrong
 * and returns a negative number.
 */
int io_words_options(IoWords *w, int argc, char **argv, const IoCommand *cmd,
                     const char *letters, int max_words);

/*
 * The offset, the first of @words, and with @has_bytes the length, the second
 * one.  Says what is wrong and returns a negative number.
 */
int io_words_range(IoWords *w, char **words, bool has_bytes);

/*
 * Runs @req, whose operation and vector are set, for the range and the flags of
 * @w and notes when it began; returns its result.
 */
int io_words_run(IoSession *s, IoWords *w, IoRequest *req);

/*
 * Verifies, dumps and reports what was read into @buf.  A negative number when
 * it is not what -P wants.
 */
int io_words_finish_read(const IoWords *w, const void *buf);

#endif
