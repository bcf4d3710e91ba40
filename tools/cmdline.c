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

#include "minblk/block-extra.h"
#include "minblk/suggest.h"
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
        return 1;
    }
    return output_error && !may_be_cut && status == 0 ? 1 : status;
}

/* The exit status of bad usage; 0: it does not end the process. */
static int cmd_usage_status;

void cmdline_init(const char *argv0, int usage_status)
{
    int fd;

    cmd_usage_status = usage_status;

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

static bool cmd_permit_backing(BlockDriverState *parent, const char *filename,
                               void *opaque, Error **errp)
{
    return true;
}

void cmdline_open_backing(void)
{
    bdrv_set_implicit_open_policy(cmd_permit_backing, NULL);
}

void cmdline_begin_commands(void)
{
    cmd_usage_status = 0;
}

/* ---- bad usage ---------------------------------------------------------- */

static void GCC_FMT_ATTR(2, 0)
cmd_report_usage(const char *hint, const char *fmt, va_list ap)
{
    error_vreport(fmt, ap);
    if (cmd_usage_status) {
        error_printf("Try '%s --help' for more information\n",
                     error_get_progname());
    }
    error_printf("%s", hint ? hint : "");
    if (cmd_usage_status) {
        exit(cmd_usage_status);
    }
}

void cmdline_error(const char *hint, const char *fmt, ...)
{
    va_list ap;

    assert(cmd_usage_status);
    va_start(ap, fmt);
    cmd_report_usage(hint, fmt, ap);
    va_end(ap);
    abort();
}

bool cmd_refuse(const char *hint, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    cmd_report_usage(hint, fmt, ap);
    va_end(ap);
    return false;
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

char *cmd_hint_words(const CmdOption *option, const char *value)
{
    g_auto(GStrv) words = g_strsplit(option->arg, "|", -1);

    return suggest_values(value, (const char *const *)words,
                          g_strv_length(words));
}

bool cmd_set_ignored(void *member, const CmdOption *option, const char *value)
{
    static int warned;
    int bit = 1 << option->max;

    if (!(warned & bit)) {
        warn_report("--%s is ignored: %s", option->name, option->what);
    }
    warned |= bit;
    return true;
}

bool cmd_set_prealloc(void *member, const CmdOption *option, const char *value)
{
    int mode = qapi_enum_parse(&PreallocMode_lookup, value, -1, NULL);

    if (mode < 0) {
        g_autofree char *hint = cmd_hint_words(option, value);

        return cmd_refuse(hint, "Invalid preallocation mode '%s'", value);
    }
    *(PreallocMode *)member = mode;
    return true;
}

bool cmd_set_aio(void *member, const CmdOption *option, const char *value)
{
    if (bdrv_parse_aio(value, member) < 0) {
        g_autofree char *hint = bdrv_hint_mode(BDRV_O_NATIVE_AIO, value);

        return cmd_refuse(hint, "Invalid aio option: %s", value);
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

/*
 * The word that getopt has just refused.  It has stepped over a long option
 * and over a letter at the end of its word, but not over one before the end.
 */
static const char *cmd_refused_word(int argc, char **argv)
{
    const char *word = argv[optind - 1];
    size_t len = strlen(word);

    if (optopt > 0 && optopt < CMD_LONG && strncmp(word, "--", 2) != 0 &&
        optind < argc && (word[0] != '-' || word[len - 1] != optopt)) {
        return argv[optind];
    }
    return word;
}

/* The row that getopt found although it refused the word, or NULL. */
static const CmdOption *cmd_refused_row(const CmdOption *options)
{
    if (optopt >= CMD_LONG) {
        return &options[optopt - CMD_LONG];
    }
    while (!cmd_is_end(options) && options->letter != optopt) {
        options++;
    }
    return optopt > 0 && !cmd_is_end(options) ? options : NULL;
}

/* The options that @word may have been meant to be; g_free() it. */
static char *cmd_suggest(const CmdOption *options, const char *word,
                         bool operands)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    Suggestion s;

    suggest_begin(&s, word);
    for (; !cmd_is_end(options); options++) {
        bool operand = options->letter == CMD_OPERAND;

        if (operand == operands && options->name) {
            g_ptr_array_add(names, operand
                            ? g_strconcat(options->name, "=", NULL)
                            : g_strconcat("--", options->name, NULL));
            suggest_offer(&s, names->pdata[names->len - 1]);
        }
        if (!operand && !operands && options->letter) {
            g_ptr_array_add(names, g_strdup_printf("-%c", options->letter));
            suggest_offer(&s, names->pdata[names->len - 1]);
        }
    }
    return suggest_end(&s, NULL);
}

/*
 * Reports what getopt has refused with @c.  The message shows the whole word,
 * also when it is one letter of several in it, because that is what users look
 * for in their scripts.
 */
static bool cmd_refuse_word(const CmdOption *options, int c, int argc,
                            char **argv)
{
    const CmdOption *row = cmd_refused_row(options);
    const char *word = c == ':' ? argv[optind - 1]
                                : cmd_refused_word(argc, argv);
    g_autofree char *hint = NULL;

    if (c == ':') {
        hint = g_strdup_printf("Missing value: %s\n", row->arg);
        return cmd_refuse(hint, "missing argument for option '%s'", word);
    }
    if (row) {
        hint = g_strdup_printf("'--%s' takes no value\n", row->name);
    } else if (optopt > 0 && strlen(word) > 2) {
        hint = g_strdup_printf("There is no option '-%c'\n", optopt);
    } else {
        hint = cmd_suggest(options, word, false);
    }
    return cmd_refuse(hint, "unrecognized option '%s'", word);
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
            return *start && !cmd_refuse_word(options, c, argc, argv) ? -EINVAL
                                                                      : c;
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
    g_autofree char *hint = NULL;
    char *value = strchr(word, '=');
    const CmdOption *o;

    if (value) {
        *value++ = '\0';
    }
    for (o = options; value && !cmd_is_end(o); o++) {
        if (o->letter == CMD_OPERAND && strcmp(word, o->name) == 0) {
            return cmd_set(o, args, value);
        }
    }
    hint = cmd_suggest(options, word, true);
    cmd_refuse(hint, "unrecognized operand %s", word);
    return -EINVAL;
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

/* ---- version and formats ------------------------------------------------ */

void cmdline_print_version(void)
{
    const char *prog = error_get_progname();

    /* Scripts that call it so parse the number, as one of what they know. */
    if (strcmp(prog, "qemu-img") == 0 || strcmp(prog, "qemu-io") == 0) {
        printf("%s version 7.2.0 (minblk %s)\n", prog, MINBLK_VERSION);
    } else {
        printf("%s version %s\n", prog, MINBLK_VERSION);
    }
}

void cmdline_hint_force_share(void)
{
    error_printf("With -U it is read all the same, though it may change "
                 "meanwhile\n");
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
