/* SPDX-License-Identifier: MIT */
/*
 * Sizes with units: reading what a user gave, and writing for a user.
 *
 * Reading is done in integers throughout, so a size is exact: a fraction is
 * rounded to the nearest byte, half a byte up, however many digits it has.
 */
#include "qemu/osdep.h"
#include "minblk/checked.h"
#include "qemu/cutils.h"

static const char unit_letters[] = "BKMGTPE";

/* The power of 1024 that @c stands for, -1 for none. */
static int unit_of(char c)
{
    const char *at = c ? strchr(unit_letters, g_ascii_toupper(c)) : NULL;

    return at ? at - unit_letters : -1;
}

/*
 * The part of @unit bytes that the decimal digits [@first, @end) behind a
 * point stand for.  Going from the last digit to the first, the value so far
 * is divided by ten; dropping the rest of each division is exact for the
 * whole number of bytes, and the last division rounds.
 */
static uint64_t fraction_of(const char *first, const char *end, uint64_t unit)
{
    uint64_t part = 0;

    while (end > first) {
        end--;
        part += (*end - '0') * unit;
        part = (part + (end == first ? 5 : 0)) / 10;
    }
    return part;
}

/* The first character at or behind @s that is no decimal digit. */
static const char *skip_digits(const char *s)
{
    while (g_ascii_isdigit(*s)) {
        s++;
    }
    return s;
}

/*
 * The number and its unit at @s, which is behind white space and sign.
 * Returns where it ended, NULL when there is no size.  False in *@fits when
 * it is too large.
 */
static const char *parse_size(const char *s, uint64_t *result, bool *fits)
{
    bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
    const char *digits, *digits_end, *end;
    uint64_t whole, part = 0;
    int unit;

    if (!g_ascii_isdigit(*s) || (hex && !g_ascii_isxdigit(s[2]))) {
        return NULL;
    }
    *fits = qemu_strtou64(s, &end, hex ? 16 : 10, &whole) == 0;
    digits = digits_end = end;
    if (!hex && *end == '.') {
        digits = end + 1;
        digits_end = end = skip_digits(digits);
    }
    unit = unit_of(*end);
    if (unit >= 0) {
        end++;
    } else {
        unit = 0;
    }
    if (unit > 0) {
        part = fraction_of(digits, digits_end, UINT64_C(1) << (10 * unit));
    } else if (strspn(digits, "0") < (size_t)(digits_end - digits)) {
        return NULL; /* a part of a byte */
    }
    *fits = *fits &&
            checked_mul_u64(whole, UINT64_C(1) << (10 * unit), result) &&
            checked_add_u64(*result, part, result);
    return end;
}

int qemu_strtosz(const char *nptr, const char **endptr, uint64_t *result)
{
    const char *s = nptr, *end = NULL;
    uint64_t value;
    bool fits = false;

    if (s) {
        while (g_ascii_isspace(*s)) {
            s++;
        }
        end = parse_size(*s == '+' ? s + 1 : s, &value, &fits);
    }
    if (endptr) {
        *endptr = end ? end : nptr;
    }
    if (!end || (!endptr && *end != '\0')) {
        return -EINVAL;
    }
    *result = fits ? value : UINT64_MAX;
    return fits ? 0 : -ERANGE;
}

char *size_to_str(uint64_t val)
{
    uint64_t unit = 1;
    int i = 0;

    /* Both sides stay below 2^64: at EiB, val / unit is less than 16. */
    while (val / unit >= 1000) {
        unit *= 1024;
        i++;
    }
    if (i == 0) {
        return g_strdup_printf("%" PRIu64 " B", val);
    }
    return g_strdup_printf("%0.3g %ciB", (double)val / unit, unit_letters[i]);
}
