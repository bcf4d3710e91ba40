/* SPDX-License-Identifier: MIT */
/*
 * Shared by the command lines of the programs: tables of options,
 * from which options are read and help is printed, and bad usage.
 *
 * Invariants: an option is described in one place, its row, so that what is
 * read and what the help shows cannot differ.
 */
#ifndef TOOLS_CMDLINE_H
#define TOOLS_CMDLINE_H

#include "qemu/osdep.h"

/*
 * To be called first.  Messages begin with the base name of @argv0; bad usage
 * ends the process with @usage_status, which is not 0.  Standard descriptors
 * that are closed are made to lead nowhere, because an image would get the
 * number of one otherwise, and with it what is printed.  What cannot be printed
 * ends no program before cmdline_finish_output().
 */
void cmdline_init(const char *argv0, int usage_status);

/*
 * Images may name others, as their backing: these are opened, too, from now on,
 * as users of qemu-img expect.  Not called, they are refused.
 */
void cmdline_open_backing(void);

/*
 * The command line has been read; what is read from here on are commands of a
 * session, whose bad usage does not end the process.
 */
void cmdline_begin_commands(void);

/* ---- bad usage ---------------------------------------------------------- */

/*
 * Reports bad usage in a line, prints in another how to get help, then @hint:
 * whole lines, or NULL.  Ends the process.
 */
void cmdline_error(const char *hint, const char *fmt, ...)
    GCC_FMT_ATTR(2, 3) QEMU_NORETURN;

/*
 * The same for setters: returns false in a session, which help of the program
 * would not help.
 */
bool cmd_refuse(const char *hint, const char *fmt, ...) GCC_FMT_ATTR(2, 3);

/*
 * To be called last.  Writes out what was printed; returns @status, or 1 when
 * that failed, which is reported.  A reader that has gone away is not: then 1
 * takes the place of 0 only, and with @may_be_cut it had what it wanted.
 */
int cmdline_finish_output(int status, bool may_be_cut);

/* ---- tables of options -------------------------------------------------- */

typedef struct CmdOption CmdOption;

/*
 * Puts @value (NULL for an option without one) into @member of the arguments.
 * Reports and returns false when it is not valid; may end the process.
 */
typedef bool CmdSet(void *member, const CmdOption *option, const char *value);

/* The letter of a row for operands NAME=VALUE, which getopt does not see. */
#define CMD_OPERAND '='

struct CmdOption {
    char letter;            /* 0: none */
    const char *name;       /* of the long form; NULL: none */
    const char *arg;        /* stands for the argument; NULL: takes none */
    const char *help;       /* lines; NULL: accepted and not shown */
    CmdSet *set;            /* NULL: accepted without effect */
    size_t offset;          /* of the member in the arguments */
    const char *what;       /* names the value in messages */
    int64_t min, max;       /* of the value; for bits, max has them */
    const char *value;      /* given to @set by an option without argument */
    bool required;          /* the help shows it without brackets */
};

/*
 * Options of qemu-img and qemu-io that are taken and ignored, with one warning
 * each, because what they are about is not there.
 */
#define CMD_OBJECT \
    { 0, "object", "OBJECT", NULL, cmd_set_ignored, 0, \
      "no format here needs an object", .max = 0 }
#define CMD_TRACE \
    { 'T', "trace", "EVENTS", NULL, cmd_set_ignored, 0, \
      "there are no trace events", .max = 1 }

/* The end of a table. */
#define CMD_END { 0 }

/*
 * Setters: a const char *, a bool, bits of an int; a PreallocMode; the engine
 * among BDRV_O_* in an int; nothing, with a warning.
 */
CmdSet cmd_set_string, cmd_set_true, cmd_set_bits, cmd_clear_bits;
CmdSet cmd_set_prealloc, cmd_set_aio, cmd_set_ignored;

/* For setters of one of the words A|B|C: a hint at those; g_free() it. */
char *cmd_hint_words(const CmdOption *option, const char *value);

/*
 * Reads the options of @argv into @args, and moves operands after them.
 * @start goes before getopt's letters; when it is empty, getopt itself reports
 * what it refuses.  Returns 0, '?' when getopt reported an error, or -EINVAL
 * when this function or a setter did.
 */
int cmdline_read(const char *start, const CmdOption *options, void *args,
                 int argc, char **argv);

/*
 * The same for @word, NAME=VALUE, which is cut in two.
 */
int cmdline_read_operand(const CmdOption *options, void *args, char *word);

/* Prints the options in a line, each with a blank before it. */
void cmdline_print_synopsis(const CmdOption *options);

/* Prints what the options mean, a line or more each. */
void cmdline_print_options(const CmdOption *options);

/* ---- version and formats ------------------------------------------------ */

/* Prints `PROG version X.Y.Z`. */
void cmdline_print_version(void);

/* Prints a hint at -U, after a lock has kept an image from being read. */
void cmdline_hint_force_share(void);

/* Prints the names of all drivers, each after a blank, and a newline. */
void cmdline_print_formats(void);

#endif
