/* SPDX-License-Identifier: MIT */
/*
 * Reading the words of a command: sizes and pattern bytes.
 *
 * Invariants: what cannot be read is named in the one line that is printed.
 */
#include "qemu/osdep.h"
#include "io.h"

#include "minblk/suggest.h"
#include "qemu/cutils.h"

bool io_set_size(void *member, const CmdOption *option, const char *word)
{
    uint64_t value;
    g_autofree char *hint = suggest_size(word);
    int ret = qemu_strtosz(word, NULL, &value);

    if (ret == -ERANGE || (ret == 0 && value > INT64_MAX)) {
        printf("Parsing error: argument too large -- %s\n", word);
        return false;
    }
    if (ret < 0) {
        printf("Parsing error: non-numeric argument, or extraneous/"
               "unrecognized suffix -- %s\n", word);
        /* Here, because scripts compare what is on standard output. */
        fflush(stdout);
        error_printf("%s", hint);
        return false;
    }
    *(int64_t *)member = value;
    return true;
}

bool io_set_pattern(void *member, const CmdOption *option, const char *word)
{
    int value;

    if (qemu_strtoi(word, NULL, 0, &value) < 0 || value < 0 || value > 0xff) {
        printf("%s is not a valid pattern byte\n", word);
        return false;
    }
    *(int *)member = value;
    return true;
}
