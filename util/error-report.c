/* SPDX-License-Identifier: MIT */
/*
 * Messages on standard error.
 *
 * Each message is put together first and written by one call, which keeps
 * lines whole when several threads report.  errno survives.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"

static const char *progname;

void error_init(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');

    progname = slash ? slash + 1 : argv0;
}

const char *error_get_progname(void)
{
    return progname ? progname : program_invocation_short_name;
}

/* Print a line whose text comes after the program's name and @kind. */
static void GCC_FMT_ATTR(2, 0)
    report(const char *kind, const char *fmt, va_list ap)
{
    int saved_errno = errno;
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    g_autofree char *line =
        g_strdup_printf("%s: %s%s\n", error_get_progname(), kind, text);

    fputs(line, stderr);
    errno = saved_errno;
}

void error_vreport(const char *fmt, va_list ap)
{
    report("", fmt, ap);
}

void error_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_vreport(fmt, ap);
    va_end(ap);
}

void warn_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report("warning: ", fmt, ap);
    va_end(ap);
}

void info_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report("info: ", fmt, ap);
    va_end(ap);
}

void error_printf(const char *fmt, ...)
{
    int saved_errno = errno;
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    errno = saved_errno;
}
