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

/*
 * The part of @unit bytes that the decimal digits [@first, @end) after a
 * point stand for.  Going from the last digit to the first, the value so far
 * is divided by ten; dropping the rest of each division is exact for the
 * whole number of bytes, and the last division rounds.
 */
static uint64_t size_fraction(const char *first, const char *end, uint64_t unit)
{
    uint64_t part = 0;

    while (end > first) {
        end--;
        part += (*end - '0') * unit;
        part = (part + (end == first ? 5 : 0)) / 10;
    }
    return part;
}

/*
 * The number and its unit at @s, which is past white space and sign.
 * Returns where it ended, NULL when there is no size.  False in *@fits when
 * it is too large.
 */
static const char *size_parse(const char *s, uint64_t *result, bool *fits)
{
    bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
    const char *digits, *digits_end, *end, *letter;
    uint64_t whole, part = 0;
    int unit = 0;               /* the power of 1024 */

    if (!g_ascii_isdigit(*s) || (hex && !g_ascii_isxdigit(s[2]))) {
        return NULL;
    }
    *fits = qemu_strtou64(s, &end, hex ? 16 : 10, &whole) == 0;
    digits = digits_end = end;
    if (!hex && *end == '.') {
        digits = end + 1;
        digits_end = end = digits + strspn(digits, "0123456789");
    }
    letter = *end ? strchr(unit_letters, g_ascii_toupper(*end)) : NULL;
    if (letter) {
        unit = letter - unit_letters;
        end++;
    }
    if (unit > 0) {
        part = size_fraction(digits, digits_end, UINT64_C(1) << (10 * unit));
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
        end = size_parse(*s == '+' ? s + 1 : s, &value, &fits);
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
