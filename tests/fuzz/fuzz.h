/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share.
 *
 * A target is one file with LLVMFuzzerTestOneInput().  libFuzzer calls it with
 * inputs that it makes up; replay.c calls it with the files of the corpus.
 *
 * Invariants:
 *   - One input leaves nothing behind that the next one could see.
 *   - A target asserts what must hold of any input; an assertion, a sanitizer's
 *     report, too much memory and too much time are findings.
 *   - Nothing touches the file system.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "qapi/error.h"

/* Once, before all inputs.  libFuzzer's names and signatures. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline ssize_t fuzz_pass_on(void *opaque, const char *text, size_t size)
{
    g_autofree char *line = g_strndup(text, size);

    return strstr(line, ": warning: ") ? (ssize_t)size : write(2, text, size);
}

/* Warnings are dropped, since images are mostly damaged; the rest is told. */
static inline void fuzz_be_quiet(void)
{
    FILE *filter = fopencookie(NULL, "w", (cookie_io_functions_t) {
        .write = fuzz_pass_on,
    });

    g_assert_nonnull(filter);
    setvbuf(filter, NULL, _IOLBF, 0);
    stderr = filter;
}

/* An operation either succeeds or says why not; takes @err. */
static inline void fuzz_check_outcome(bool success, Error *err)
{
    g_assert_true(success == !err);
    if (err) {
        g_assert_cmpuint(strlen(error_get_pretty(err)), >, 0);
        error_free(err);
    }
}

#endif
