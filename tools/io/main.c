/* SPDX-License-Identifier: MIT */
/*
 * The I/O tool: runs commands on an image, from the command line or from
 * standard input.
 *
 * Invariants:
 *   - The command line is read to its end before an image is opened; bad usage
 *     opens nothing.
 *   - Each command is run, whatever became of those before it, until quit; the
 *     exit status is 1 when one of them failed, or what was written could not
 *     be flushed.
 *   - Before the end, what is in flight is completed and reported.
 */
#include "qemu/osdep.h"
#include "../cmdline.h"
#include "io.h"

#include <getopt.h>

#include "qemu/module.h"

/* The command line. */
typedef struct IoCmdline {
    IoOpen how;
    const char *file;     /* or NULL */
    const char *format;   /* -f, or NULL */
    bool image_opts;
    bool misalign;        /* -m */
    GPtrArray *commands;  /* -c, borrowed strings */
} IoCmdline;

static bool io_set_help(void *member, const CmdOption *option,
                          const char *value);

static bool io_set_version(void *member, const CmdOption *option,
                             const char *value)
{
    cmdline_print_version();
    exit(cmdline_finish_output(0, true));
}

static bool io_add_command(void *member, const CmdOption *option,
                             const char *value)
{
    g_ptr_array_add(*(GPtrArray **)member, (char *)value);
    return true;
}

#define MEMBER(m) offsetof(IoCmdline, m)

static const CmdOption main_options[] = {
    { 0, "image-opts", NULL, "the file is a list of options",
      cmd_set_true, MEMBER(image_opts) },
    { 'c', "cmd", "STRING", "run this command; may be repeated",
      io_add_command, MEMBER(commands) },
    { 'f', "format", "FMT", "the image's format, instead of probing;\n"
      "vhd is another name of vpc",
      cmd_set_string, MEMBER(format) },
    { 'r', "read-only", NULL, "open read-only",
      cmd_clear_bits, MEMBER(how.flags), .max = BDRV_O_RDWR },
    { 's', "snapshot", NULL, "write to a throw-away overlay",
      cmd_set_bits, MEMBER(how.flags), .max = BDRV_O_SNAPSHOT },
    { 'n', "nocache", NULL, "bypass the host's cache, short for -t none",
      io_set_cache, MEMBER(how), .value = "none" },
    { 'C', "copy-on-read", NULL, "write what was read from a backing file",
      cmd_set_bits, MEMBER(how.flags), .max = BDRV_O_COPY_ON_READ },
    { 'm', "misalign", NULL, "move buffers off their alignment",
      cmd_set_true, MEMBER(misalign) },
    { 'k', "native-aio", NULL, "short for -i native",
      cmd_set_aio, MEMBER(how.flags), .value = "native" },
    { 'i', "aio", "MODE", "threads, native or io_uring",
      cmd_set_aio, MEMBER(how.flags) },
    { 't', "cache", "MODE", "none, writeback, writethrough (default), "
      "directsync\nor unsafe", io_set_cache, MEMBER(how) },
    { 'd', "discard", "MODE", "ignore or unmap (default)",
      io_set_discard, MEMBER(how) },
    { 'U', "force-share", NULL, "share the image with its writers; needs -r",
      cmd_set_true, MEMBER(how.force_share) },
    CMD_OBJECT, CMD_TRACE,
    { 'h', "help", NULL, "print this and exit", io_set_help },
    { 'V', "version", NULL, "print the version and exit", io_set_version },
    CMD_END
};

static bool io_set_help(void *member, const CmdOption *option,
                          const char *value)
{
    const char *prog = error_get_progname();

    printf("Usage: %s [OPTIONS]... [-c STRING]... [file]\n"
           "Reads and writes disk images by commands, from standard input "
           "when there is no -c.\n\n", prog);
    cmdline_print_options(main_options);
    printf("\nSee '%s -c help' for the commands.\n\n"
           "Example:\n  %s -f raw -c 'write -P 1 0 64k' -c flush disk.raw\n\n"
           "Supported formats:", prog, prog);
    cmdline_print_formats();
    exit(cmdline_finish_output(0, true));
}

/* Opens the image that the command line names, if it names one. */
static int open_file(IoCmdline *line, IoSession *s)
{
    IoOpen *how = &line->how;

    if (!line->file) {
        return 0;
    }
    if (line->image_opts) {
        return io_set_options(how, NULL, line->file)
               ? io_open_image(s, how, NULL) : -EINVAL;
    }
    how->filename = line->file;
    if (line->format) {
        how->options = qdict_new();
        qdict_put_str(how->options, "driver", line->format);
    }
    return io_open_image(s, how, line->file);
}

int main(int argc, char **argv)
{
    IoSession s = { 0 };
    IoCmdline line = {
        .how = IO_OPEN_DEFAULTS, .commands = g_ptr_array_new(),
    };
    bool good;

    cmdline_init(argv[0], 1);
    bdrv_init();
    cmdline_open_backing();
    cmdline_read(":", main_options, &line, argc, argv);
    if (optind < argc - 1) {
        cmdline_error(NULL, "unexpected argument '%s'", argv[optind + 1]);
    }
    line.file = argv[optind];
    if (line.format && line.image_opts) {
        cmdline_error(NULL, "--image-opts and -f are mutually exclusive");
    }
    cmdline_begin_commands();
    s.misalign = line.misalign;
    good = open_file(&line, &s) == 0;
    if (good && line.commands->len == 0) {
        good = io_run_stdin(&s);
    } else if (good) {
        for (guint i = 0; i < line.commands->len && !s.quit; i++) {
            good &= io_run_line(&s, line.commands->pdata[i]) >= 0;
        }
    }
    good &= io_close_image(&s) == 0;
    g_ptr_array_free(line.commands, TRUE);
    return cmdline_finish_output(good ? 0 : 1, false);
}
