/* SPDX-License-Identifier: MIT */
/*
 * Strings and numbers: bounded copies, strict parsing, sizes with units, and
 * the search for zeros.
 *
 * A parser accepts all of its input or reports where it stopped; it never
 * takes a part for the whole.  Results are stored on success, and on -ERANGE
 * the nearest value that exists.  All functions are plain and may be called
 * from any context.
 */
#ifndef QEMU_CUTILS_H
#define QEMU_CUTILS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Copy @str into the @buf_size bytes at @buf, cut off if need be and always
 * terminated.  A @buf_size of 0 or less does nothing.
 */
void pstrcpy(char *buf, int buf_size, const char *str);

/* Append likewise to the string in @buf; returns @buf. */
char *pstrcat(char *buf, int buf_size, const char *str);

/*
 * True when @str begins with @prefix; then *@rest, if @rest is not NULL, is
 * what follows in @str.
 */
int strstart(const char *str, const char *prefix, const char **rest);

/*
 * Parse an integer after optional white space.  @base as of strtol(): 0 takes
 * 0x and 0 as prefixes.  With @endptr NULL the whole of @nptr must be a number;
 * otherwise *@endptr is set past it (to @nptr if there is none).
 *
 * Returns 0; -EINVAL when @nptr is NULL or no number, or when something
 * follows that @endptr was not there to take (the result is then not set);
 * -ERANGE when it does not fit, with the nearest limit as the result.  The
 * unsigned ones take a minus sign as strtoul() does: -1 is the largest number.
 */
int qemu_strtoi(const char *nptr, const char **endptr, int base, int *result);
int qemu_strtoui(const char *nptr, const char **endptr, int base,
                 unsigned int *result);
int qemu_strtoi64(const char *nptr, const char **endptr, int base,
                  int64_t *result);
int qemu_strtou64(const char *nptr, const char **endptr, int base,
                  uint64_t *result);

/*
 * Parse on, yes, true, y as true, and off, no, false, n as false; lower case
 * only.  Returns 0, or -EINVAL for any other word.
 */
int qemu_strtobool(const char *str, bool *result);

/*
 * Parse a size in bytes: a decimal number, with a fraction if a suffix other
 * than B follows, or a hexadecimal one (0x...); suffixes, of either case, are
 * B K M G T P E, powers of 1024.  No sign is accepted.  In hexadecimal, B and
 * E are digits.  The fraction is rounded down to whole bytes.
 *
 * @endptr and the errors are as above: -EINVAL when there is no size, -ERANGE
 * when it is 2^64 or more (the result is then UINT64_MAX).
 */
int qemu_strtosz(const char *nptr, const char **endptr, uint64_t *result);

/*
 * A size for people, as a new string to be freed with g_free(): three
 * significant digits in the largest unit that keeps the number below 1000, as
 * in "1.5 KiB", "999 KiB", "0.977 MiB".
 */
char *size_to_str(uint64_t val);

/*
 * True when the @len bytes at @buf are all zero; also for a @len of 0.  Any
 * alignment.  Reads as fast as the memory allows and gives up at the first
 * chunk of 256 bytes that holds something.
 */
bool buffer_is_zero(const void *buf, size_t len);

#endif
