/* SPDX-License-Identifier: MIT */
/*
 * What the command lines of the programs have in common.
 */
#ifndef TOOLS_CMDLINE_H
#define TOOLS_CMDLINE_H

/*
 * To be called first.  Messages begin with the base name of @argv0.  Standard
 * descriptors that are closed are made to lead nowhere, so that no image gets
 * the number of one, and with it what is printed.
 */
void cmdline_init(const char *argv0);

/*
 * Reports bad usage in a line, says in another how to get help, and ends the
 * process with @status.
 */
void cmdline_error(int status, const char *fmt, ...)
    GCC_FMT_ATTR(2, 3) QEMU_NORETURN;

/*
 * The same for what getopt has just refused with @c (':' or '?'): a letter,
 * which may stand among others in its word, or else a long option, which is
 * the word before the next one.  Long options have values from @first_long on.
 */
void cmdline_refuse(int status, int c, int first_long, char **argv)
    QEMU_NORETURN;

/* Prints the names of all drivers, each behind a blank, and a newline. */
void cmdline_print_formats(void);

#endif
