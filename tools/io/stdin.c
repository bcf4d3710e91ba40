/* SPDX-License-Identifier: MIT */
/*
 * Commands from standard input, line by line after a prompt.
 *
 * Invariants: while there is nothing to read, requests in flight go on and
 * report; a line that was read already is run first.  However much there is to
 * read, the event loop gets its turn each time that something is read.
 */
#include "qemu/osdep.h"
#include "io.h"

#include <poll.h>

typedef struct IoInput {
    GString *text;   /* read and not yet run */
    bool end;        /* nothing more comes */
    bool readable;
} IoInput;

static void input_readable(void *opaque)
{
    IoInput *in = opaque;

    in->readable = true;
}

/* Waits until reading does not block, and runs the event loop meanwhile. */
static void wait_for_input(IoInput *in)
{
    AioContext *ctx = qemu_get_aio_context();
    struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };

    if (poll(&pfd, 1, 0) != 0) {
        aio_poll(ctx, false);
        return;
    }
    in->readable = false;
    aio_set_fd_handler(ctx, STDIN_FILENO, false, input_readable, NULL, NULL,
                       in);
    while (!in->readable) {
        fflush(stdout);
        aio_poll(ctx, true);
    }
    aio_set_fd_handler(ctx, STDIN_FILENO, false, NULL, NULL, NULL, NULL);
}

/* The next line without its newline, or NULL at the end; g_free(). */
static char *next_line(IoInput *in)
{
    char *newline, *line;
    size_t len;

    while (!(newline = memchr(in->text->str, '\n', in->text->len)) &&
           !in->end) {
        char buf[4096];
        ssize_t n;

        wait_for_input(in);
        n = read(STDIN_FILENO, buf, sizeof(buf));
        if (n > 0) {
            g_string_append_len(in->text, buf, n);
        } else if (n == 0 || errno != EINTR) {
            in->end = true;
        }
    }
    if (!newline && in->text->len == 0) {
        return NULL;
    }
    len = newline ? (size_t)(newline - in->text->str) : in->text->len;
    line = g_strndup(in->text->str, len);
    g_string_erase(in->text, 0, newline ? len + 1 : len);
    return line;
}

bool io_run_stdin(IoSession *s)
{
    IoInput in = { .text = g_string_new(NULL) };
    bool good = true;

    while (!s->quit) {
        g_autofree char *line = NULL;

        printf("%s> ", error_get_progname());
        fflush(stdout);
        line = next_line(&in);
        if (!line) {
            break;
        }
        good &= io_run_line(s, line) >= 0;
    }
    g_string_free(in.text, TRUE);
    return good;
}
