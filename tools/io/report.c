/* SPDX-License-Identifier: MIT */
/*
 * The output of commands about requests: results, rates, dumps, patterns.
 *
 * Invariants: a success is two lines, or one with -C; a failure is one.
 */
#include "qemu/osdep.h"
#include "rw.h"

#include "qemu/timer.h"

char *io_size_str(double bytes)
{
    static const char *const units[] = {
        " bytes", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB",
    };
    g_autofree char *number = NULL;
    size_t unit = 0;
    char *zeroes;

    while (bytes >= 1024 && unit < ARRAY_SIZE(units) - 1) {
        bytes /= 1024;
        unit++;
    }
    number = g_strdup_printf(unit ? "%.3f" : "%f", bytes);
    zeroes = strstr(number, ".000");
    if (zeroes) {
        *zeroes = '\0';
    }
    return g_strconcat(number, units[unit], NULL);
}

void io_words_report(const IoWords *w)
{
    int64_t bytes = w->req.bytes;
    int64_t ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - w->start_ns;
    int64_t hundredths = ns / (NANOSECONDS_PER_SECOND / 100);
    int fraction = hundredths % 100;
    int second = hundredths / 100 % 60;
    int64_t minutes = hundredths / 100 / 60;
    double seconds = (double)MAX(ns, 1) / NANOSECONDS_PER_SECOND;
    double rate = bytes / seconds, op_rate = 1 / seconds;
    g_autofree char *time = NULL;
    g_autofree char *size = io_size_str(bytes);
    g_autofree char *size_rate = io_size_str(rate);

    if (w->quiet) {
        return;
    }
    /* A machine gets one form of it, however short it was. */
    time = minutes > 0 || w->machine
               ? g_strdup_printf("%" PRId64 ":%02d:%02d.%02d", minutes / 60,
                                 (int)(minutes % 60), second, fraction)
               : g_strdup_printf("%02d.%02d sec", second, fraction);
    if (w->machine) {
        printf("%" PRId64 ",1,%s,%.3f,%.3f\n", bytes, time, rate, op_rate);
        return;
    }
    printf("%s %" PRId64 "/%" PRId64 " bytes at offset %" PRId64 "\n",
           w->verb, bytes, bytes, w->req.offset);
    printf("%s, 1 ops; %s (%s/sec and %.4f ops/sec)\n", size, time, size_rate,
           op_rate);
}

bool io_refuse(bool wrong, const char *message)
{
    if (wrong) {
        printf("%s\n", message);
    }
    return wrong;
}

int io_report_failure(const char *what, int ret)
{
    printf("%s failed: %s\n", what, strerror(-ret));
    return ret;
}

void io_dump(const void *buf, int64_t bytes, int64_t offset)
{
    const uint8_t *p = buf;

    for (int64_t i = 0; i < bytes; i += 16) {
        int n = MIN(bytes - i, 16);

        printf("%08" PRIx64 ":  ", offset + i);
        for (int k = 0; k < n; k++) {
            printf("%02x ", p[i + k]);
        }
        putchar(' ');
        for (int k = 0; k < n; k++) {
            putchar(g_ascii_isalnum(p[i + k]) ? p[i + k] : '.');
        }
        putchar('\n');
    }
}

bool io_verify(const void *buf, int pattern, int64_t offset, int64_t bytes)
{
    const uint8_t *p = buf;

    /* All bytes are the same when each is like its neighbour. */
    if (bytes > 0 &&
        (p[0] != pattern || memcmp(p, p + 1, bytes - 1) != 0)) {
        printf("Pattern verification failed at offset %" PRId64 ", %" PRId64
               " bytes\n", offset, bytes);
        return false;
    }
    return true;
}
