/* SPDX-License-Identifier: MIT */
/*
 * The image tool: finds the subcommand and runs it.
 *
 * Invariants: the exit status is the subcommand's, but 1 when what it printed
 * could not be written.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include "../cmdline.h"
#include "common.h"

/* All subcommands, by name. */
static const ImgCommand *const commands[] = {
    &img_amend,
    &img_bench,
    &img_bitmap,
    &img_check,
    &img_commit,
    &img_compare,
    &img_convert,
    &img_create,
    &img_dd,
    &img_info,
    &img_map,
    &img_measure,
    &img_rebase,
    &img_resize,
    &img_snapshot,
};

static const char general_help[] =
    "  FILE      a path, driver:..., or json:{...}; with --image-opts a list\n"
    "            such as driver=vpc,file.filename=PATH\n"
    "  FMT       the format of an image; it is probed when not given\n"
    "  CACHE     none, writeback (default), writethrough, directsync, or\n"
    "            unsafe (default of the target of convert)\n"
    "  SIZE, N   bytes; suffixes k K M G T P E (powers of 1024), 0x for\n"
    "            hexadecimal\n"
    "  OPTIONS   name=value,...; '-o help' lists them\n"
    "\n"
    "'COMMAND --help' explains a command's options.\n"
    "\n";

static void print_version(void)
{
    printf("%s version %s\n", error_get_progname(), MINBLK_VERSION);
}

static void print_help(void)
{
    size_t i;

    print_version();
    printf("usage: %s [--help | --version] COMMAND [OPTIONS] ...\n"
           "Creates, converts, checks and changes disk images.\n"
           "\n"
           "Commands:\n", error_get_progname());
    for (i = 0; i < ARRAY_SIZE(commands); i++) {
        printf("  %s %s\n", commands[i]->name, commands[i]->synopsis);
    }
    printf("\n%sSupported formats:", general_help);
    cmdline_print_formats();
}

static const ImgCommand *find_command(const char *name)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

/*
 * The options in front of the command; exits after --help and --version.
 * Returns the index of the command's name.
 */
static int read_options(int argc, char **argv)
{
    static const struct option long_options[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 }
    };
    int c;

    while ((c = getopt_long(argc, argv, "+:hV", long_options, NULL)) != -1) {
        switch (c) {
        case 'h':
            print_help();
            exit(img_finish_output(0));
        case 'V':
            print_version();
            exit(img_finish_output(0));
        default:
            img_usage_error("unrecognized option '%s'", argv[optind - 1]);
        }
    }
    return optind;
}

int main(int argc, char **argv)
{
    const ImgCommand *command;
    int first;

    signal(SIGPIPE, SIG_IGN);
    cmdline_init(argc > 0 ? argv[0] : "minblk-img");
    bdrv_init();

    if (argc < 2) {
        img_usage_error("Not enough arguments");
    }
    first = read_options(argc, argv);
    if (first == argc) {
        img_usage_error("Not enough arguments");
    }
    command = find_command(argv[first]);
    if (!command) {
        img_usage_error("Command not found: %s", argv[first]);
    }
    img_set_command(command);
    optind = 0;
    return img_finish_output(command->run(argc - first, argv + first));
}
