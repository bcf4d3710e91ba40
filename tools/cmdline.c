/* SPDX-License-Identifier: MIT */
/*
 * Shared by the command lines of the programs.
 *
 * Invariants: getopt returns the number of a long option's row, above all
 * letters, so that optopt shows which of the two forms was refused.
 */
#include "cmdline.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>

#include "block/block.h"
#include "qapi/util.h"
#include "qemu/error-report.h"

/* The value of the first row's long form; letters are below. */
#define CMD_LONG 256

/* ---- output ------------------------------------------------------------- */

/* The first errno of writing to standard output, or 0; the stream forgets. */
static int output_error;

static ssize_t cmd_write_output(void *opaque, const char *buf, size_t bytes)
{
    ssize_t ret;

    do {
        ret = write(STDOUT_FILENO, buf, bytes);
    } while (ret < 0 && errno == EINTR);
    if (ret < 0 && !output_error) {
        output_error = errno;
    }
    return MAX(ret, 0);
}

static void cmd_init_output(void)
{
    FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t) {
        .write = cmd_write_output,
    });

    if (f) {
        setvbuf(f, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, BUFSIZ);
        stdout = f;
    }
}

int cmdline_finish_output(int status, bool may_be_cut)
{
    fflush(stdout);
    if (output_error && output_error != EPIPE) {
        error_report("Could not write the output: %s", strerror(output_error));
    }
    if (output_error && !(output_error == EPIPE && may_be_cut)) {
        return status ? status : 1;
    }
    return status;
}

void cmdline_init(const char *argv0)
{
    int fd;

    /* Opened in the wrong direction: what is printed counts as lost. */
    do {
        fd = open("/dev/null", O_RDONLY);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
    /* Errors of writing, wherever it is done, are not to end the program. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    cmd_init_output();
    error_init(argv0);
}

/* ---- reading ------------------------------------------------------------ */

bool cmd_set_string(void *member, const CmdOption *option, const char *value)
{
    *(const char **)member = value;
    return true;
}

bool cmd_set_true(void *member, const CmdOption *option, const char *value)
{
    *(bool *)member = true;
    return true;
}

bool cmd_set_bits(void *member, const CmdOption *option, const char *value)
{
    *(int *)member |= option->max;
    return true;
}

bool cmd_clear_bits(void *member, const CmdOption *option, const char *value)
{
    *(int *)member &= ~option->max;
    return true;
}

bool cmd_set_prealloc(void *member, const CmdOption *option, const char *value)
{
    int mode = qapi_enum_parse(&PreallocMode_lookup, value, -1, NULL);

    if (mode < 0) {
        error_report("Invalid preallocation mode '%s'", value);
        return false;
    }
    *(PreallocMode *)member = mode;
    return true;
}

bool cmd_set_aio(void *member, const CmdOption *option, const char *value)
{
    if (bdrv_parse_aio(value, member) < 0) {
        error_report("Invalid aio option: %s", value);
        return false;
    }
    return true;
}

static bool cmd_is_end(const CmdOption *option)
{
    return !option->letter && !option->name;
}

static int cmd_set(const CmdOption *option, void *args, const char *value)
{
    value = value ? value : option->value;
    return !option->set ||
           option->set((char *)args + option->offset, option, value) ? 0
                                                                     : -EINVAL;
}

int cmdline_read(const char *start, const CmdOption *options, void *args,
                 int argc, char **argv)
{
    g_autoptr(GString) letters = g_string_new(start);
    g_autoptr(GArray) longs = g_array_new(true, true, sizeof(struct option));
    const CmdOption *o;
    int c, ret = 0;

    for (o = options; !cmd_is_end(o); o++) {
        struct option row = {
            .name = o->name,
            .has_arg = o->arg ? required_argument : no_argument,
            .val = CMD_LONG + (o - options),
        };

        if (o->name && o->letter != CMD_OPERAND) {
            g_array_append_val(longs, row);
        }
        if (o->letter && o->letter != CMD_OPERAND) {
            g_string_append_printf(letters, "%c%s", o->letter,
                                   o->arg ? ":" : "");
        }
    }
    /* Without a table getopt takes two hyphens for a letter, as getopt(). */
    while (ret == 0 && (c = getopt_long(argc, argv, letters->str, longs->len
                                        ? (struct option *)(void *)longs->data
                                        : NULL, NULL)) != -1) {
        if (c == ':' || c == '?') {
            return c;
        }
        o = options + (c >= CMD_LONG ? c - CMD_LONG : 0);
        while (c < CMD_LONG && o->letter != c) {
            o++;
        }
        ret = cmd_set(o, args, optarg);
    }
    return ret;
}

int cmdline_read_operand(const CmdOption *options, void *args, char *word)
{
    char *value = strchr(word, '=');

    if (value) {
        *value++ = '\0';
    }
    for (; value && !cmd_is_end(options); options++) {
        if (options->letter == CMD_OPERAND &&
            strcmp(word, options->name) == 0) {
            return cmd_set(options, args, value);
        }
    }
    return '?';
}

/* ---- help --------------------------------------------------------------- */

/* The option as it is written; with @both its two forms.  g_free() it. */
static char *cmd_spelling(const CmdOption *o, bool both)
{
    const char *arg = o->arg ? o->arg : "";

    if (o->letter == CMD_OPERAND) {
        return g_strdup_printf("%s=%s", o->name, arg);
    }
    if (o->letter && !(both && o->name)) {
        return g_strdup_printf("-%c%s%s", o->letter, o->arg ? " " : "", arg);
    }
    return g_strdup_printf("%s--%s%s%s",
                           o->letter ? (char[]){ '-', o->letter, ',', ' ', 0 }
                                     : "",
                           o->name, o->arg ? "=" : "", arg);
}

void cmdline_print_synopsis(const CmdOption *options)
{
    for (; !cmd_is_end(options); options++) {
        g_autofree char *form = cmd_spelling(options, false);

        if (options->help) {
            printf(options->required ? " %s" : " [%s]", form);
        }
    }
}

void cmdline_print_options(const CmdOption *options)
{
    const CmdOption *o;
    int width = 0;

    for (o = options; !cmd_is_end(o); o++) {
        g_autofree char *form = cmd_spelling(o, true);

        width = o->help ? MAX(width, (int)strlen(form)) : width;
    }
    for (o = options; !cmd_is_end(o); o++) {
        g_autofree char *form = cmd_spelling(o, true);
        g_auto(GStrv) lines = g_strsplit(o->help ? o->help : "", "\n", -1);

        for (char **line = lines; *line; line++) {
            printf("  %-*s  %s\n", width, line == lines ? form : "", *line);
        }
    }
}

/* ---- messages ----------------------------------------------------------- */

void cmdline_error(int status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_vreport(fmt, ap);
    va_end(ap);
    error_printf("Try '%s --help' for more information\n",
                 error_get_progname());
    exit(status);
}

void cmdline_refuse(int status, int c, char **argv)
{
    const char *what = c == ':' ? "missing argument for option"
                                : "unrecognized option";

    if (optopt > 0 && optopt < CMD_LONG &&
        strncmp(argv[optind - 1], "--", 2) != 0) {
        cmdline_error(status, "%s '-%c'", what, optopt);
    }
    cmdline_error(status, "%s '%s'", what, argv[optind - 1]);
}

void cmdline_print_version(void)
{
    printf("%s version %s\n", error_get_progname(), MINBLK_VERSION);
}

static void cmd_print_format(void *opaque, const char *name)
{
    printf(" %s", name);
}

void cmdline_print_formats(void)
{
    bdrv_iterate_format(cmd_print_format, NULL);
    printf("\n");
}
