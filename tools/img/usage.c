/* SPDX-License-Identifier: MIT */
/*
 * The command line of a subcommand: getopt with this tool's messages, help,
 * sizes and lists.
 *
 * Invariants: of a word that getopt refuses the message shows the whole word
 * that the user wrote, also when it is one letter of several in it.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qstring.h"
#include "qemu/cutils.h"

static const ImgCommand *current;

void img_set_command(const ImgCommand *command)
{
    current = command;
}

void img_print_command_help(void)
{
    printf("usage: %s %s %s\n\n%s", error_get_progname(), current->name,
           current->synopsis, current->help);
}

static int usage_status(void)
{
    return current && current->usage_status ? current->usage_status : 1;
}

void img_usage_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_vreport(fmt, ap);
    va_end(ap);
    error_printf("Try '%s --help' for more information\n",
                 error_get_progname());
    exit(usage_status());
}

void img_fail(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_vreport(fmt, ap);
    va_end(ap);
    exit(usage_status());
}

/*
 * The word that getopt has just refused.  It has stepped over a long option
 * and over a letter at the end of its word, but not over one before the end.
 */
static const char *refused_word(int argc, char **argv)
{
    const char *word = argv[optind - 1];
    size_t len = strlen(word);

    if (optopt > 0 && optopt < 256 && strncmp(word, "--", 2) != 0 &&
        optind < argc && (word[0] != '-' || word[len - 1] != optopt)) {
        return argv[optind];
    }
    return word;
}

int img_getopt(int argc, char **argv, const char *letters,
               const struct option *long_options)
{
    g_autofree char *all = g_strconcat(":h", letters, NULL);
    int c = getopt_long(argc, argv, all, long_options, NULL);

    switch (c) {
    case 'h':
        img_print_command_help();
        exit(img_finish_output(0));
    case ':':
        img_usage_error("missing argument for option '%s'", argv[optind - 1]);
    case '?':
        img_usage_error("unrecognized option '%s'", refused_word(argc, argv));
    default:
        return c;
    }
}

bool img_output_is_json(const char *word)
{
    if (strcmp(word, "json") == 0) {
        return true;
    }
    if (strcmp(word, "human") != 0) {
        img_fail("--output must be used with human or json as argument.");
    }
    return false;
}

int64_t img_parse_size_range(const char *what, const char *text, int64_t min,
                             int64_t max)
{
    uint64_t value;
    int ret = qemu_strtosz(text, NULL, &value);

    if (ret < 0 && ret != -ERANGE) {
        error_report("Invalid %s specified. You may use k, M, G, T, P or E "
                     "suffixes for", what);
        error_report("kilobytes, megabytes, gigabytes, terabytes, petabytes "
                     "and exabytes.");
        return ret;
    }
    if (ret == 0 && value <= (uint64_t)max && (int64_t)value >= min) {
        return value;
    }
    error_report("Invalid %s specified. Must be between %" PRId64 " and "
                 "%" PRId64 ".", what, min, max);
    return -ERANGE;
}

int64_t img_parse_size(const char *what, const char *text)
{
    return img_parse_size_range(what, text, 0, INT64_MAX);
}

bool img_add_options(char **list, const char *more)
{
    char *joined;

    if (!is_valid_option_list(more)) {
        error_report("Invalid option list: %s", more);
        return false;
    }
    joined = *list ? g_strconcat(*list, ",", more, NULL) : g_strdup(more);
    g_free(*list);
    *list = joined;
    return true;
}

void img_print_json(const QObject *obj)
{
    QString *text = qobject_to_json_pretty(obj);

    printf("%s\n", qstring_get_str(text));
    qobject_unref(text);
}

int img_finish_output(int status)
{
    bool failed = ferror(stdout);
    int err = errno;

    if (fflush(stdout) != 0) {
        failed = true;
        err = errno;
    }
    if (failed && err != EPIPE) {
        error_report("Could not write the output: %s", strerror(err));
        return status ? status : 1;
    }
    return status;
}
