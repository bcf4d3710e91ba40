/* SPDX-License-Identifier: MIT */
/*
 * The image tool: finds the subcommand and runs it.
 *
 * Invariants: the exit status is the subcommand's, but 1 when what it printed
 * could not be written.
 */
#include "qemu/osdep.h"
#include <getopt.h>
#include "common.h"
#include "minblk/suggest.h"

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
    "  FMT       the format of an image; it is probed when not given; vhd is\n"
    "            another name of vpc\n"
    "  CACHE     none, writeback (default), writethrough, directsync, or\n"
    "            unsafe, which flushes nothing to the disk\n"
    "  SIZE, N   bytes; suffixes k K M G T P E (powers of 1024), 0x for\n"
    "            hexadecimal\n"
    "  OPTIONS   name=value,...; '-o help' lists them\n"
    "\n"
    "'COMMAND --help' explains a command's options.\n"
    "\n";

static bool img_main_help(void *member, const CmdOption *option,
                          const char *value)
{
    size_t i;

    cmdline_print_version();
    printf("usage: %s [--help | --version] COMMAND [OPTIONS] ...\n"
           "Creates, converts, checks and changes disk images.\n"
           "\n"
           "Commands:\n", error_get_progname());
    for (i = 0; i < ARRAY_SIZE(commands); i++) {
        printf("  ");
        img_print_synopsis(commands[i]);
    }
    printf("\n%sSupported formats:", general_help);
    cmdline_print_formats();
    exit(img_finish_output(0));
}

static bool img_main_version(void *member, const CmdOption *option,
                             const char *value)
{
    cmdline_print_version();
    exit(img_finish_output(0));
}

/* The options before the command. */
static const CmdOption main_options[] = {
    { 'h', "help", .set = img_main_help },
    { 'V', "version", .set = img_main_version },
    CMD_OBJECT, CMD_TRACE,
    CMD_END
};

int main(int argc, char **argv)
{
    const ImgCommand *command = NULL;
    g_autofree char *hint = NULL;
    Suggestion similar;
    int first;

    cmdline_init(argc > 0 ? argv[0] : "minblk-img", IMG_USAGE_STATUS);
    bdrv_init();
    cmdline_open_backing();

    if (argc < 2) {
        cmdline_error("Missing operand: COMMAND\n", "Not enough arguments");
    }
    /* With the plus, so that what comes after the command is left to it. */
    cmdline_read("+:", main_options, NULL, argc, argv);
    first = optind;
    if (first == argc) {
        cmdline_error("Missing operand: COMMAND\n", "Not enough arguments");
    }
    suggest_begin(&similar, argv[first]);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        suggest_offer(&similar, commands[i]->name);
        if (strcmp(commands[i]->name, argv[first]) == 0) {
            command = commands[i];
        }
    }
    hint = suggest_end(&similar, NULL);
    if (!command) {
        cmdline_error(hint, "Command not found: %s", argv[first]);
    }
    img_set_command(command);
    optind = 0;
    return img_finish_output(command->run(argc - first, argv + first));
}
