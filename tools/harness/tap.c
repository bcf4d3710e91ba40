/* SPDX-License-Identifier: MIT */
/*
 * The report: TAP on standard output.
 *
 * Invariants:
 *   - Each line is written out before anything is forked.
 *   - A name has no "#" and no newline in it, so nothing that a driver says can
 *     pass for a directive.
 */
#include "harness.h"

static char *property_name(const Harness *h, const char *fmt, va_list ap)
{
    g_autofree char *what = g_strdup_vprintf(fmt, ap);

    return g_strdelimit(g_strdup_printf("%s: %s", h->suite, what), "#\n\r",
                        ' ');
}

/* Prints the lines of @text as comments. */
static void print_comments(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        if (line[1] || **line) {
            printf("# %s\n", *line);
        }
    }
}

void harness_report(Harness *h, bool good, const char *diagnostic,
                    const char *fmt, ...)
{
    g_autofree char *name = NULL;
    va_list ap;

    va_start(ap, fmt);
    name = property_name(h, fmt, ap);
    va_end(ap);
    h->properties++;
    h->failed += !good;
    printf("%sok %u - %s\n", good ? "" : "not ", h->properties, name);
    if (diagnostic) {
        print_comments(diagnostic);
    }
    fflush(stdout);
}

void harness_skip(Harness *h, const char *reason, const char *fmt, ...)
{
    g_autofree char *why = g_strdelimit(g_strdup(reason), "\n\r", ' ');
    g_autofree char *name = NULL;
    va_list ap;

    va_start(ap, fmt);
    name = property_name(h, fmt, ap);
    va_end(ap);
    printf("ok %u - %s # SKIP %s\n", ++h->properties, name, why);
    fflush(stdout);
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
    printf("1..%u\n", h->properties);
    if (h->failed) {
        harness_note("%u of %u properties do not hold; --seed %" PRIu64
                     " brings it about again", h->failed, h->properties,
                     h->seed);
    }
    fflush(stdout);
    return h->failed ? 1 : 0;
}

bool harness_check(Harness *h, CaseFn *fn, void *opaque, const char *fmt, ...)
{
    CaseJob job = { .fn = fn, .opaque = opaque };
    g_autofree char *name = NULL;
    bool passed;
    va_list ap;

    va_start(ap, fmt);
    name = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    cases_run(h, &job, 1);
    passed = job.status != CASE_FAIL;
    if (job.status == CASE_SKIP) {
        harness_skip(h, job.message, "%s", name);
    } else {
        harness_report(h, passed, job.message, "%s", name);
    }
    case_job_clear(&job);
    return passed;
}
