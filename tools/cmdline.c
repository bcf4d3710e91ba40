/* SPDX-License-Identifier: MIT */
/* What the command lines of the programs have in common. */
#include "qemu/osdep.h"
#include "cmdline.h"

#include <fcntl.h>
#include <getopt.h>

#include "block/block.h"
#include "qemu/error-report.h"

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
    error_init(argv0);
}

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

void cmdline_refuse(int status, int c, int first_long, char **argv)
{
    const char *what = c == ':' ? "missing argument for option"
                                : "unrecognized option";

    if (optopt > 0 && optopt < first_long &&
        strncmp(argv[optind - 1], "--", 2) != 0) {
        cmdline_error(status, "%s '-%c'", what, optopt);
    }
    cmdline_error(status, "%s '%s'", what, argv[optind - 1]);
}

static void print_format(void *opaque, const char *name)
{
    printf(" %s", name);
}

void cmdline_print_formats(void)
{
    bdrv_iterate_format(print_format, NULL);
    printf("\n");
}
