/* SPDX-License-Identifier: MIT */
/*
 * Error objects: how a function reports to its caller, in words, what failed.
 *
 * A function that can fail takes `Error **errp` as its last parameter.  It
 * sets an error exactly when it fails, and its result shows it, too.  The
 * caller passes one of
 *
 *     NULL            not interested in the words
 *     &local          where `Error *local = NULL`; local is the caller's then
 *     errp            its own caller's; the message goes up unchanged
 *     &error_abort    failing is a bug: prints the place, aborts
 *     &error_fatal    failing ends the program: prints the message, exits (1)
 *
 * A message is one phrase without a newline and without a full stop.  Advice
 * for the user goes into hints, which are whole lines with newlines.
 *
 * To look at an error that came back and pass it on, use a local one and
 * error_propagate(), or ERRP_GUARD() as the function's first statement, which
 * makes `*errp` readable.
 *
 * Invariants: an error has an owner, who frees it, reports it (which frees it)
 * or hands it on; it is never both reported and returned.  Setting an error
 * where there is one already is a bug and asserts.  All functions are plain and
 * may be called from any context; an object belongs to one thread at a time.
 */
#ifndef QAPI_ERROR_H
#define QAPI_ERROR_H

#include <glib.h>

#include "qemu/compiler.h"
#include "qemu/typedefs.h"

/* Only their addresses are used; they always hold NULL. */
extern Error *error_abort;
extern Error *error_fatal;

/* Create an error; the arguments are a printf format and its values. */
#define error_setg(errp, fmt, ...)                                        \
    error_setg_internal((errp), __FILE__, __LINE__, __func__,             \
                        (fmt), ## __VA_ARGS__)

/*
 * The same followed by `: ` and the system's text for @os_error, a positive
 * errno value (0 appends nothing).
 */
#define error_setg_errno(errp, os_error, fmt, ...)                        \
    error_setg_errno_internal((errp), __FILE__, __LINE__, __func__,       \
                              (os_error), (fmt), ## __VA_ARGS__)

/* The functions that the two macros call.  They keep errno. */
void error_setg_internal(Error **errp, const char *src, int line,
                         const char *func, const char *fmt, ...)
    GCC_FMT_ATTR(5, 6);
void error_setg_errno_internal(Error **errp, const char *src, int line,
                               const char *func, int os_error,
                               const char *fmt, ...)
    GCC_FMT_ATTR(6, 7);

/*
 * Hand @local_err on to @dst_errp.  NULL as @local_err does nothing.  When the
 * destination is NULL or holds an error already, @local_err is freed.
 */
void error_propagate(Error **dst_errp, Error *local_err);

/*
 * Put text before the message, with its own `: `.  @errp may be NULL; else it
 * must hold an error.
 */
void error_prepend(Error *const *errp, const char *fmt, ...)
    GCC_FMT_ATTR(2, 3);

/*
 * Append to the hint, whole lines with newlines.  @errp may be NULL; else it
 * must hold an error and must not be &error_abort or &error_fatal.
 */
void error_append_hint(Error *const *errp, const char *fmt, ...)
    GCC_FMT_ATTR(2, 3);

/* The message; borrowed from @err. */
const char *error_get_pretty(const Error *err);

/* The hints in the order in which they were added, NULL if there are none. */
const char *error_get_hint(const Error *err);

/* Frees message and hint, too.  NULL is allowed. */
void error_free(Error *err);

/*
 * Free *@errp, which must be set, and clear it; aborts if it is not set.  For
 * tests of what has to fail.
 */
void error_free_or_abort(Error **errp);

/* Print the message and the hint (see qemu/error-report.h), then free. */
void error_report_err(Error *err);
void warn_report_err(Error *err);

/* The first of them with text put before the message. */
void error_reportf_err(Error *err, const char *fmt, ...) GCC_FMT_ATTR(2, 3);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Error, error_free)

/* What ERRP_GUARD() keeps until the function returns. */
typedef struct ErrpGuard {
    Error *local;
    Error **outer;
} ErrpGuard;

static inline void errp_guard_end(ErrpGuard *guard)
{
    error_propagate(guard->outer, guard->local);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ErrpGuard, errp_guard_end)

/*
 * As the first statement of a function with a parameter `errp`: from here on
 * `*errp` may be read, and hints may be appended, whatever the caller passed.
 * &error_abort stays, since nothing comes after an error with it.
 */
#define ERRP_GUARD()                                                      \
    g_auto(ErrpGuard) errp_guard_ = { .local = NULL, .outer = errp };     \
    do {                                                                  \
        if (errp == NULL || errp == &error_fatal) {                       \
            errp = &errp_guard_.local;                                    \
        }                                                                 \
    } while (0)

#endif
