/* SPDX-License-Identifier: MIT */
/*
 * The table of commands, running a line, and help.
 *
 * Invariants:
 *   - The table is sorted by name, as help prints it.
 *   - A command runs only with an image if it needs one, with the number of
 *     words that it takes, and with the permissions that it needs.
 */
#include "qemu/osdep.h"
#include "io.h"

#include <getopt.h>

#include "minblk/suggest.h"

static const IoCommand *const commands[] = {
    &io_abort, &io_aio_flush, &io_aio_read, &io_aio_write, &io_alloc,
    &io_break, &io_close, &io_discard, &io_flush, &io_help, &io_info,
    &io_length, &io_map, &io_open, &io_quit, &io_read, &io_readv,
    &io_remove_break, &io_reopen, &io_resume, &io_sigraise, &io_sleep,
    &io_truncate, &io_wait_break, &io_write, &io_writev,
};

/* The command that @name may have been meant to be; whole lines, g_free(). */
static char *suggest_command(const char *name)
{
    Suggestion s;

    suggest_begin(&s, name);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        suggest_offer(&s, commands[i]->name);
    }
    return suggest_end(&s, NULL);
}

static const IoCommand *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(name, commands[i]->name) == 0 ||
            g_strcmp0(name, commands[i]->alias) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

/* The usage line of @cmd under the name @name. */
static void print_usage(const IoCommand *cmd, const char *name)
{
    printf("%s ", name);
    if (cmd->args) {
        printf("%s ", cmd->args);
    }
    printf("-- %s\n", cmd->oneline);
}

int io_usage(IoSession *s)
{
    print_usage(s->command, s->command->name);
    return -EINVAL;
}

int io_read_options(IoSession *s, void *args, int argc, char **argv)
{
    int ret = cmdline_read("", s->command->options, args, argc, argv);

    return ret > 0 ? io_usage(s) : ret;
}

/* ---- running ------------------------------------------------------------ */

static bool check_arg_count(const IoCommand *cmd, const char *name, int n)
{
    if (n >= cmd->min_args && (cmd->max_args < 0 || n <= cmd->max_args)) {
        return true;
    }
    fprintf(stderr, "bad argument count %d to %s, expected ", n, name);
    if (cmd->max_args < 0) {
        fprintf(stderr, "at least %d arguments\n", cmd->min_args);
    } else if (cmd->min_args == cmd->max_args) {
        fprintf(stderr, "%d arguments\n", cmd->min_args);
    } else {
        fprintf(stderr, "between %d and %d arguments\n", cmd->min_args,
                cmd->max_args);
    }
    fprintf(stderr, "Usage: %s%s%s\n", name, cmd->args ? " " : "",
            cmd->args ? cmd->args : "");
    return false;
}

/* Takes what @cmd needs beyond the permissions that the session has. */
static bool take_permissions(IoSession *s, const IoCommand *cmd)
{
    uint64_t perm, shared;
    Error *err = NULL;

    blk_get_perm(s->blk, &perm, &shared);
    if ((perm & cmd->perm) != cmd->perm &&
        blk_set_perm(s->blk, perm | cmd->perm, shared, &err) < 0) {
        error_report_err(err);
        return false;
    }
    return true;
}

int io_run_line(IoSession *s, const char *line)
{
    g_auto(GStrv) parts = g_strsplit_set(line, " \t", -1);
    /* Not @parts, because getopt() sorts what it is given. */
    g_autofree char **argv = g_new(char *, g_strv_length(parts) + 1);
    const IoCommand *cmd;
    int argc = 0;

    for (char **part = parts; *part; part++) {
        if (**part) {
            argv[argc++] = *part;
        }
    }
    argv[argc] = NULL;
    if (argc == 0) {
        return 0;
    }
    cmd = find_command(argv[0]);
    if (!cmd) {
        g_autofree char *hint = suggest_command(argv[0]);

        fprintf(stderr, "command \"%s\" not found\n%s", argv[0], hint);
        return -EINVAL;
    }
    if (!cmd->without_file && !s->blk) {
        fprintf(stderr, "no file open, try 'help open'\n");
        return -EINVAL;
    }
    if (!check_arg_count(cmd, argv[0], argc - 1) ||
        (cmd->perm && !take_permissions(s, cmd))) {
        return -EINVAL;
    }
    s->command = cmd;
    /* Each command has words of its own, so getopt() must begin anew. */
    optind = 0;
    /* Its own messages are those that users of qemu-io know. */
    opterr = 1;
    return cmd->run(s, argc, argv);
}

/* ---- help --------------------------------------------------------------- */

static int run_help(IoSession *s, int argc, char **argv)
{
    const IoCommand *cmd;
    const CmdOption *o;

    if (argc == 1) {
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
            print_usage(commands[i], commands[i]->name);
        }
        printf("\nUse 'help commandname' for extended help.\n");
        return 0;
    }
    cmd = find_command(argv[1]);
    if (!cmd) {
        g_autofree char *hint = suggest_command(argv[1]);

        printf("command %s not found\n", argv[1]);
        fflush(stdout);
        error_printf("%s", hint);
        return -EINVAL;
    }
    print_usage(cmd, argv[1]);
    fputs(cmd->help ? cmd->help : "", stdout);
    for (o = cmd->options; cmd->help && o && o->letter; o++) {
        printf(" -%c, -- %s\n", o->letter, o->help);
    }
    fputs(cmd->help && !cmd->no_blank ? "\n" : "", stdout);
    return 0;
}

const IoCommand io_help = {
    .name = "help",
    .alias = "?",
    .run = run_help,
    .max_args = 1,
    .without_file = true,
    .args = "[command]",
    .oneline = "help for one or all commands",
};
