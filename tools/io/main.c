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
    GPtrArray *commands;  /* -c, borrowed strings */
} IoCmdline;

enum {
    OPT_IMAGE_OPTS = 256,
};

static const struct option long_options[] = {
    { "aio", required_argument, NULL, 'i' },
    { "cache", required_argument, NULL, 't' },
    { "cmd", required_argument, NULL, 'c' },
    { "copy-on-read", no_argument, NULL, 'C' },
    { "discard", required_argument, NULL, 'd' },
    { "force-share", no_argument, NULL, 'U' },
    { "format", required_argument, NULL, 'f' },
    { "help", no_argument, NULL, 'h' },
    { "image-opts", no_argument, NULL, OPT_IMAGE_OPTS },
    { "misalign", no_argument, NULL, 'm' },
    { "native-aio", no_argument, NULL, 'k' },
    { "nocache", no_argument, NULL, 'n' },
    { "read-only", no_argument, NULL, 'r' },
    { "snapshot", no_argument, NULL, 's' },
    { "version", no_argument, NULL, 'V' },
    { NULL, 0, NULL, 0 },
};

static const char help_text[] =
"  --image-opts         the file is a list of options\n"
"  -c, --cmd=STRING     run this command; may be repeated\n"
"  -f, --format=FMT     the image's format, instead of probing\n"
"  -r, --read-only      open read-only\n"
"  -s, --snapshot       write to a throw-away overlay\n"
"  -n, --nocache        bypass the host's cache, short for -t none\n"
"  -C, --copy-on-read   write what was read from a backing file\n"
"  -m, --misalign       move buffers off their alignment\n"
"  -k, --native-aio     short for -i native\n"
"  -i, --aio=MODE       threads, native or io_uring\n"
"  -t, --cache=MODE     none, writeback, writethrough (default), directsync\n"
"                       or unsafe\n"
"  -d, --discard=MODE   ignore or unmap (default)\n"
"  -U, --force-share    share the image with its writers; needs -r\n"
"  -h, --help           print this and exit\n"
"  -V, --version        print the version and exit\n";

static void print_help(void)
{
    const char *prog = error_get_progname();

    printf("Usage: %s [OPTIONS]... [-c STRING]... [file]\n"
           "Reads and writes disk images by commands, from standard input "
           "when there is no -c.\n\n%s\n"
           "See '%s -c help' for the commands.\n\n",
           prog, help_text, prog);
    printf("Supported formats:");
    cmdline_print_formats();
}

/* Takes one option; exits when its value is none. */
static void take_option(IoCmdline *line, int c, char **argv)
{
    IoOpen *how = &line->how;
    bool good = true;

    switch (c) {
    case OPT_IMAGE_OPTS:
        line->image_opts = true;
        break;
    case 'c':
        g_ptr_array_add(line->commands, optarg);
        break;
    case 'C':
        how->flags |= BDRV_O_COPY_ON_READ;
        break;
    case 'd':
        good = io_open_set_discard(how, optarg);
        break;
    case 'f':
        line->format = optarg;
        break;
    case 'i':
        good = io_open_set_aio(how, optarg);
        break;
    case 'k':
        good = io_open_set_aio(how, "native");
        break;
    case 'n':
        good = io_open_set_cache(how, "none");
        break;
    case 'r':
        how->flags &= ~BDRV_O_RDWR;
        break;
    case 's':
        how->flags |= BDRV_O_SNAPSHOT;
        break;
    case 't':
        good = io_open_set_cache(how, optarg);
        break;
    case 'U':
        how->force_share = true;
        break;
    case 'h':
        print_help();
        exit(0);
    case 'V':
        printf("%s version %s\n", error_get_progname(), MINBLK_VERSION);
        exit(0);
    default:
        cmdline_refuse(1, c, OPT_IMAGE_OPTS, argv);
    }
    if (!good) {
        exit(1);
    }
}

static void read_cmdline(IoCmdline *line, IoSession *s, int argc, char **argv)
{
    int c;

    while ((c = getopt_long(argc, argv, ":c:Cd:f:hi:kmnrst:UV", long_options,
                            NULL)) != -1) {
        if (c == 'm') {
            s->misalign = true;
        } else {
            take_option(line, c, argv);
        }
    }
    if (optind < argc - 1) {
        cmdline_error(1, "unexpected argument '%s'", argv[optind + 1]);
    }
    line->file = argv[optind];
    if (line->format && line->image_opts) {
        error_report("--image-opts and -f are mutually exclusive");
        exit(1);
    }
}

/* Opens the image that the command line names, if it names one. */
static int open_file(IoCmdline *line, IoSession *s)
{
    IoOpen *how = &line->how;

    if (!line->file) {
        return 0;
    }
    if (line->image_opts) {
        return io_open_add_options(how, line->file)
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
    IoCmdline line = { .commands = g_ptr_array_new() };
    bool good;

    cmdline_init(argv[0]);
    io_open_defaults(&line.how);
    bdrv_init();
    read_cmdline(&line, &s, argc, argv);
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
    return good ? 0 : 1;
}
