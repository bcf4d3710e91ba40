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

#include "minblk/checked.h"
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

/* Reads the lengths into @lengths and adds them up; -1 having reported. */
static int64_t parse_lengths(char **words, int n_words, size_t *lengths)
{
    int64_t sum = 0;

    for (int i = 0; i < n_words; i++) {
        int64_t len = io_parse_size(words[i]);

        if (len < 0) {
            return -1;
        }
        if (len > BDRV_REQUEST_MAX_BYTES) {
            printf("Argument '%s' exceeds maximum size %d\n", words[i],
                   BDRV_REQUEST_MAX_BYTES);
            return -1;
        }
        if (sum > BDRV_REQUEST_MAX_BYTES - len) {
            printf("The total number of bytes exceed the maximum size %d\n",
                   BDRV_REQUEST_MAX_BYTES);
            return -1;
        }
        lengths[i] = len;
        sum += len;
    }
    return sum;
}

void *io_parse_vector(IoSession *s, QEMUIOVector *qiov, char **words,
                      int n_words, int fill)
{
    g_autofree size_t *lengths = g_new(size_t, n_words);
    int64_t sum = parse_lengths(words, n_words, lengths);
    char *buf, *at;

    if (sum < 0) {
        return NULL;
    }
    buf = at = io_alloc_buffer(s, sum, fill);
    if (!buf) {
        io_report_failure("allocation", -ENOMEM);
        return NULL;
    }
    qemu_iovec_init(qiov, n_words);
    for (int i = 0; i < n_words; i++) {
        qemu_iovec_add(qiov, at, lengths[i]);
        at += lengths[i];
    }
    return buf;
}
