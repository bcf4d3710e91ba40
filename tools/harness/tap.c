/* SPDX-License-Identifier: MIT */
/*
 * The report: TAP on standard output.
 *
 * Invariants:
 *   - Each line is written out before anything is forked, because a child would
 *     write what is left in the buffer a second time.
 *   - A name has no "#" and no newline in it, so nothing that a driver says can
 *     pass for a directive.
 */
#include "harness.h"

/* Prints the lines of @text as comments. */
static void print_comments(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        /* Text may end with a newline; what comes after it is no line. */
        if (line[1] || **line) {
            printf("# %s\n", *line);
        }
    }
}

void harness_vreport(Harness *h, CaseStatus status, const char *text,
                     const char *fmt, va_list ap)
{
    g_autofree char *what = g_strdup_vprintf(fmt, ap);
    g_autofree char *line = g_strdup_printf("%s: %s", h->suite, what);

    h->properties++;
    h->failed += status == CASE_FAIL;
    printf("%sok %u - %s", status == CASE_FAIL ? "not " : "", h->properties,
           g_strdelimit(line, "#\n\r", ' '));
    if (status == CASE_SKIP) {
        /* The directive ends with the line. */
        g_autofree char *reason = g_strdelimit(g_strdup(text), "\n\r", ' ');

        printf(" # SKIP %s\n", reason);
    } else {
        printf("\n");
        print_comments(status == CASE_FAIL && text ? text : "");
    }
    fflush(stdout);
}

void harness_report(Harness *h, CaseStatus status, const char *text,
                    const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    harness_vreport(h, status, text, fmt, ap);
    va_end(ap);
}

void harness_note(const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    print_comments(text);
    fflush(stdout);
}

int harness_finish(const Harness *h)
{
    /* At the end, because what properties there are depends on the driver. */
    printf("1..%u\n", h->properties);
    if (h->failed) {
        harness_note("%u of %u properties do not hold; --seed %" PRIu64
                     " brings it about again", h->failed, h->properties,
                     h->seed);
    }
    fflush(stdout);
    return h->failed ? 1 : 0;
}

void harness_check(Harness *h, CaseFn *fn, const void *opaque,
                   const char *fmt, ...)
{
    g_autofree char *message = NULL;
    CaseStatus status = cases_run_one(h, fn, opaque, NULL, 0, &message);
    va_list ap;

    va_start(ap, fmt);
    harness_vreport(h, status, message, fmt, ap);
    va_end(ap);
}
