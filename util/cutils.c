/* SPDX-License-Identifier: MIT */
/*
 * Bounded strings, and integers parsed strictly.
 *
 * The integer parsers differ only in type; parse_end() holds what they share:
 * what it means where the C library's parser stopped, and why.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"

void pstrcpy(char *buf, int buf_size, const char *str)
{
    size_t len;

    if (buf_size <= 0) {
        return;
    }
    /* Not strlen(), so that no more of @str is read than is copied. */
    len = strnlen(str, buf_size - 1);
    memcpy(buf, str, len);
    buf[len] = '\0';
}

char *pstrcat(char *buf, int buf_size, const char *str)
{
    int len = buf_size > 0 ? (int)strnlen(buf, buf_size) : 0;

    if (len < buf_size) {
        pstrcpy(buf + len, buf_size - len, str);
    }
    return buf;
}

int strstart(const char *str, const char *prefix, const char **rest)
{
    size_t len = strlen(prefix);

    if (strncmp(str, prefix, len) != 0) {
        return 0;
    }
    if (rest) {
        *rest = str + len;
    }
    return 1;
}

/*
 * @end is where a parser of the C library stopped in @nptr (both may be NULL:
 * there is no number), @err the errno it left (0 or ERANGE).  Returns what the
 * caller returns.
 */
static int parse_end(const char *nptr, const char *end, const char **endptr,
                     int err)
{
    if (endptr) {
        *endptr = end;
    }
    /* Before @err, because a parser may set that when there is no number. */
    if (end == nptr || (!endptr && *end != '\0')) {
        return -EINVAL;
    }
    return -err;
}

int qemu_strtoi64(const char *nptr, const char **endptr, int base,
                  int64_t *result)
{
    char *end = NULL;
    intmax_t value;
    int ret;

    errno = 0;
    value = nptr ? strtoimax(nptr, &end, base) : 0;
    ret = parse_end(nptr, end, endptr, errno);
    if (ret != -EINVAL) {
        *result = value;
    }
    return ret;
}

int qemu_strtou64(const char *nptr, const char **endptr, int base,
                  uint64_t *result)
{
    char *end = NULL;
    uintmax_t value;
    int ret;

    errno = 0;
    value = nptr ? strtoumax(nptr, &end, base) : 0;
    ret = parse_end(nptr, end, endptr, errno);
    if (ret != -EINVAL) {
        *result = value;
    }
    return ret;
}

int qemu_strtoi(const char *nptr, const char **endptr, int base, int *result)
{
    int64_t value;
    int ret = qemu_strtoi64(nptr, endptr, base, &value);

    if (ret == -EINVAL) {
        return ret;
    }
    /* On -ERANGE the value is a limit of 64 bits, and clamped to one here. */
    *result = CLAMP(value, INT_MIN, INT_MAX);
    return *result == value ? ret : -ERANGE;
}

int qemu_strtoui(const char *nptr, const char **endptr, int base,
                 unsigned int *result)
{
    uint64_t value;
    int ret = qemu_strtou64(nptr, endptr, base, &value);

    if (ret) {
        if (ret == -ERANGE) {
            *result = UINT_MAX;
        }
        return ret;
    }
    /* A negative number arrives wrapped to 64 bits; wrap it to these. */
    if (-value <= UINT_MAX) {
        value = (unsigned int)value;
    }
    *result = MIN(value, UINT_MAX);
    return *result == value ? 0 : -ERANGE;
}

int qemu_strtobool(const char *str, bool *result)
{
    static const char *const yes[] = { "on", "yes", "true", "y", NULL };
    static const char *const no[] = { "off", "no", "false", "n", NULL };

    if (!g_strv_contains(yes, str) && !g_strv_contains(no, str)) {
        return -EINVAL;
    }
    *result = g_strv_contains(yes, str);
    return 0;
}
