/* SPDX-License-Identifier: MIT */
/*
 * Error objects.
 *
 * `msg` is never NULL.  `hint` is NULL until the first hint.  The place where
 * an error was made is kept for error_abort's message only.  Every creating
 * function keeps errno, so that a caller can still look at it.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"

struct Error {
    char *msg;
    GString *hint;
    const char *src;
    const char *func;
    int line;
};

Error *error_abort;
Error *error_fatal;

/* Act on the two special destinations; @err is freed if it returns. */
static void error_end_process(Error **errp, Error *err)
{
    /* A bug, so the place counts; a fatal error is the user's concern. */
    if (errp == &error_abort) {
        error_printf("Unexpected error in %s() at %s:%d:\n", err->func,
                     err->src, err->line);
        error_report_err(err);
        abort();
    }
    if (errp == &error_fatal) {
        error_report_err(err);
        exit(1);
    }
}

/* error_setg_errno() with its values in @ap. */
static void GCC_FMT_ATTR(6, 0)
    error_setv(Error **errp, const char *src, int line, const char *func,
               int os_error, const char *fmt, va_list ap)
{
    int saved_errno = errno;
    Error *err;

    if (!errp) {
        return;
    }
    err = g_new0(Error, 1);
    err->msg = g_strdup_vprintf(fmt, ap);
    err->src = src;
    err->line = line;
    err->func = func;
    if (os_error) {
        g_autofree char *head = err->msg;

        err->msg = g_strdup_printf("%s: %s", head, g_strerror(os_error));
    }
    error_end_process(errp, err);
    /* A first error that was overwritten would be lost, and leak. */
    assert(!*errp);
    *errp = err;
    errno = saved_errno;
}

void error_setg_internal(Error **errp, const char *src, int line,
                         const char *func, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_setv(errp, src, line, func, 0, fmt, ap);
    va_end(ap);
}

void error_setg_errno_internal(Error **errp, const char *src, int line,
                               const char *func, int os_error, const char *fmt,
                               ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_setv(errp, src, line, func, os_error, fmt, ap);
    va_end(ap);
}

void error_propagate(Error **dst_errp, Error *local_err)
{
    if (!local_err) {
        return;
    }
    error_end_process(dst_errp, local_err);
    /* The first error stays, because later ones mostly follow from it. */
    if (dst_errp && !*dst_errp) {
        *dst_errp = local_err;
    } else {
        error_free(local_err);
    }
}

static void GCC_FMT_ATTR(2, 0)
    prepend_text(Error *err, const char *fmt, va_list ap)
{
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    g_autofree char *old = err->msg;

    err->msg = g_strconcat(text, old, NULL);
}

void error_prepend(Error *const *errp, const char *fmt, ...)
{
    int saved_errno = errno;
    va_list ap;

    if (!errp) {
        return;
    }
    assert(*errp);
    va_start(ap, fmt);
    prepend_text(*errp, fmt, ap);
    va_end(ap);
    errno = saved_errno;
}

void error_append_hint(Error *const *errp, const char *fmt, ...)
{
    int saved_errno = errno;
    va_list ap;

    if (!errp) {
        return;
    }
    /* Those two never hold an error: the process ended when one was set. */
    assert(errp != &error_abort && errp != &error_fatal && *errp);
    if (!(*errp)->hint) {
        (*errp)->hint = g_string_new(NULL);
    }
    va_start(ap, fmt);
    g_string_append_vprintf((*errp)->hint, fmt, ap);
    va_end(ap);
    errno = saved_errno;
}

const char *error_get_pretty(const Error *err)
{
    return err->msg;
}

const char *error_get_hint(const Error *err)
{
    return err->hint ? err->hint->str : NULL;
}

void error_free(Error *err)
{
    if (!err) {
        return;
    }
    if (err->hint) {
        g_string_free(err->hint, TRUE);
    }
    g_free(err->msg);
    g_free(err);
}

void error_free_or_abort(Error **errp)
{
    if (!errp || !*errp) {
        g_error("an error was expected and none came");
    }
    error_free(*errp);
    *errp = NULL;
}

/* Print by @report, then the hint as whole lines, and free. */
static void report_err(Error *err, void (*report)(const char *fmt, ...))
{
    report("%s", err->msg);
    if (err->hint && err->hint->len > 0) {
        bool ended = err->hint->str[err->hint->len - 1] == '\n';

        error_printf("%s%s", err->hint->str, ended ? "" : "\n");
    }
    error_free(err);
}

void error_report_err(Error *err)
{
    report_err(err, error_report);
}

void warn_report_err(Error *err)
{
    report_err(err, warn_report);
}

void error_reportf_err(Error *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    prepend_text(err, fmt, ap);
    va_end(ap);
    error_report_err(err);
}
