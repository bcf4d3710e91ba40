/* SPDX-License-Identifier: MIT */
/*
 * The command line of a subcommand: its options, help, sizes and lists, with
 * this tool's messages.
 *
 * Invariants: bad usage ends the process with one status, IMG_USAGE_STATUS.
 */
#include "qemu/osdep.h"
#include <getopt.h>
#include "common.h"
#include "minblk/suggest.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qstring.h"
#include "qemu/cutils.h"

static const ImgCommand *current;

void img_set_command(const ImgCommand *command)
{
    current = command;
}

void img_print_synopsis(const ImgCommand *command)
{
    printf("%s", command->name);
    cmdline_print_synopsis(command->options);
    printf("%s%s\n", *command->operands ? " " : "", command->operands);
}

bool img_set_help(void *member, const CmdOption *option, const char *value)
{
    printf("usage: %s ", error_get_progname());
    img_print_synopsis(current);
    printf("\n%s\n", current->help);
    cmdline_print_options(current->options);
    printf("\nExample:\n  %s %s %s\n", error_get_progname(), current->name,
           current->example);
    exit(img_finish_output(0));
}

void img_fail_if(bool wrong, const char *message)
{
    if (wrong) {
        img_usage_error("%s", message);
    }
}

void img_read_options(void *args, int argc, char **argv)
{
    if (cmdline_read(":", current->options, args, argc, argv) < 0) {
        exit(IMG_USAGE_STATUS);
    }
}

void img_check_operands(int argc, char **argv, int min, int max,
                        const char *message)
{
    g_auto(GStrv) names = g_strsplit(current->operands, " ", -1);
    g_autofree char *hint = NULL;
    int n = argc - optind;

    if (n < min) {
        /* The last ones are missing, as one would guess from the help. */
        hint = g_strdup_printf("Missing operand: %s\n", names[n]);
    } else if (n > max) {
        hint = g_strdup_printf("One operand too many: '%s'\n",
                               argv[optind + max]);
    } else {
        return;
    }
    cmdline_error(hint, "%s", message);
}

const char *img_read_image(int argc, char **argv)
{
    img_check_operands(argc, argv, 1, 1, "Expecting one image file name");
    return argv[optind];
}

bool img_set_json(void *member, const CmdOption *option, const char *value)
{
    bool json = strcmp(value, "json") == 0;

    if (!json && strcmp(value, "human") != 0) {
        g_autofree char *hint = cmd_hint_words(option, value);

        cmd_refuse(hint, "--output must be used with human or json as "
                   "argument.");
    }
    *(bool *)member = json;
    return true;
}

int64_t img_parse_size(const char *what, const char *text, int64_t min,
                       int64_t max)
{
    uint64_t value;
    int ret = qemu_strtosz(text, NULL, &value);

    if (ret < 0 && ret != -ERANGE) {
        g_autofree char *hint = suggest_size(text);

        error_report("Invalid %s specified. You may use k, M, G, T, P or E "
                     "suffixes for", what);
        cmdline_error(hint, "kilobytes, megabytes, gigabytes, terabytes, "
                      "petabytes and exabytes.");
    }
    if (ret < 0 || value > (uint64_t)max || (int64_t)value < min) {
        img_usage_error("Invalid %s specified. Must be between %" PRId64 " and "
                        "%" PRId64 ".", what, min, max);
    }
    return value;
}

bool img_set_size(void *member, const CmdOption *option, const char *value)
{
    *(int64_t *)member = img_parse_size(option->what, value, option->min,
                                        option->max ? option->max : INT64_MAX);
    return true;
}

bool img_set_list(void *member, const CmdOption *option, const char *value)
{
    /* Kept, so that no command needs to free what only its end ends. */
    static char *joined;
    char *old = joined;

    if (!is_valid_option_list(value)) {
        img_usage_error("Invalid option list: %s", value);
    }
    joined = old ? g_strconcat(old, ",", value, NULL) : g_strdup(value);
    g_free(old);
    *(const char **)member = joined;
    return true;
}

void img_print_json(QObject *obj)
{
    QString *text = qobject_to_json_pretty(obj);

    printf("%s\n", qstring_get_str(text));
    qobject_unref(text);
    qobject_unref(obj);
}

int img_finish_output(int status)
{
    return cmdline_finish_output(status, !current || !current->answers);
}
