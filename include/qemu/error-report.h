/* SPDX-License-Identifier: MIT */
/*
 * Messages for the user, on standard error.
 *
 * A message is one line: the program's name, a colon, for warnings and
 * information that word and another colon, then the text, which has neither a
 * newline nor a full stop.  It is written in one piece, so lines of several
 * threads do not mix.  errno is kept.  All functions are plain and may be
 * called from any context and thread.
 */
#ifndef QEMU_ERROR_REPORT_H
#define QEMU_ERROR_REPORT_H

#include <stdarg.h>

#include "qemu/compiler.h"
#include "qapi/error.h"

/*
 * Set the program's name to what follows the last slash of @argv0, which is
 * not copied and must outlive all messages.  Once, at the beginning of main().
 * Without it the system's idea of the name is used.
 */
void error_init(const char *argv0);

/* The name that messages begin with; borrowed. */
const char *error_get_progname(void);

/* `PROG: ...` */
void error_report(const char *fmt, ...) GCC_FMT_ATTR(1, 2);
void error_vreport(const char *fmt, va_list ap) GCC_FMT_ATTR(1, 0);

/* `PROG: warning: ...` */
void warn_report(const char *fmt, ...) GCC_FMT_ATTR(1, 2);

/* `PROG: info: ...` */
void info_report(const char *fmt, ...) GCC_FMT_ATTR(1, 2);

/* Plain text without a prefix and a newline of its own. */
void error_printf(const char *fmt, ...) GCC_FMT_ATTR(1, 2);

#endif
