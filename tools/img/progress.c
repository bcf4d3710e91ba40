/* SPDX-License-Identifier: MIT */
/*
 * How far a command is.
 *
 * Invariants: the signal handler reads one number and writes bytes; it calls
 * nothing that a signal handler may not call and keeps errno.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include "progress.h"

static bool shown;
/* Per cent at the last line; negative: there was none. */
static double printed;
/* Hundredths of a per cent, for the handler. */
static volatile sig_atomic_t hundredths;

/* Puts @digits decimal digits of @n, at least, before @end. */
static char *put_number(char *end, unsigned n, int digits)
{
    do {
        *--end = '0' + n % 10;
        n /= 10;
        digits--;
    } while (n > 0 || digits > 0);
    return end;
}

/* Writes "    (12.34/100%)" and a newline. */
static void answer(int signal_number)
{
    static const char tail[] = "/100%)\n";
    int saved = errno;
    char line[32];
    char *end = line + sizeof(line) - strlen(tail);
    char *p = end;

    memcpy(end, tail, strlen(tail));
    p = put_number(p, hundredths % 100, 2);
    *--p = '.';
    p = put_number(p, hundredths / 100, 1);
    *--p = '(';
    p -= 4;
    memset(p, ' ', 4);
    if (write(STDERR_FILENO, p, line + sizeof(line) - p) < 0) {
        /* Standard error is closed; the command goes on. */
    }
    errno = saved;
}

void img_progress_begin(bool show)
{
    struct sigaction action = { .sa_handler = answer, .sa_flags = SA_RESTART };

    shown = show;
    printed = -1;
    hundredths = 0;
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
}

void img_progress_set(uint64_t done, uint64_t total)
{
    double percent = total > 0 ? 100.0 * done / total : 100.0;

    /* NOLINTNEXTLINE(bugprone-incorrect-roundings): it is not negative */
    hundredths = percent * 100 + 0.5;
    if (!shown) {
        return;
    }
    if (done == 0 || done >= total || percent - printed >= 1) {
        printed = percent;
        printf("    (%.2f/100%%)\r", percent);
        fflush(stdout);
    }
}

void img_progress_end(void)
{
    if (shown) {
        printf("\n");
    }
}
