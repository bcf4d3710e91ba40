/* SPDX-License-Identifier: MIT */
/*
 * The words of a command: dividing a line, and reading sizes, pattern bytes
 * and the lengths of vectors.
 *
 * Invariants: what cannot be read is named in the one line that is printed;
 * nothing is allocated for a request before all of its words were read.
 */
#include "qemu/osdep.h"
#include "io.h"

#include "qemu/cutils.h"

char **io_split_words(const char *line)
{
    GPtrArray *words = g_ptr_array_new();

    for (line += strspn(line, " \t"); *line; line += strspn(line, " \t")) {
        size_t len = strcspn(line, " \t");

        g_ptr_array_add(words, g_strndup(line, len));
        line += len;
    }
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(words, FALSE);
}

int64_t io_parse_size(const char *word)
{
    uint64_t value;
    int ret = qemu_strtosz(word, NULL, &value);

    if (ret == 0 && value > INT64_MAX) {
        ret = -ERANGE;
    }
    switch (ret) {
    case 0:
        return value;
    case -ERANGE:
        printf("Parsing error: argument too large -- %s\n", word);
        return ret;
    default:
        printf("Parsing error: non-numeric argument, or extraneous/"
               "unrecognized suffix -- %s\n", word);
        return ret;
    }
}

bool io_set_size(void *member, const CmdOption *option, const char *word)
{
    *(int64_t *)member = io_parse_size(word);
    return *(int64_t *)member >= 0;
}

bool io_set_pattern(void *member, const CmdOption *option, const char *word)
{
    IoPattern *pattern = member;
    int value;

    pattern->given = true;
    if (qemu_strtoi(word, NULL, 0, &value) < 0 || value < 0 || value > 0xff) {
        printf("%s is not a valid pattern byte\n", word);
        return false;
    }
    pattern->byte = value;
    return true;
}
