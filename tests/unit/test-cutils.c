/* SPDX-License-Identifier: MIT */
/*
 * Tests of qemu/cutils.h: bounded strings, integers, sizes in both directions
 * and the search for zeros.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/units.h"

static void test_strings(void)
{
    char buf[6] = "zzzzz";
    const char *rest = NULL;

    pstrcpy(buf, 0, "abc");
    pstrcpy(buf, -1, "abc");
    g_assert_cmpstr(buf, ==, "zzzzz");
    pstrcpy(buf, sizeof(buf), "abc");
    g_assert_cmpstr(buf, ==, "abc");
    g_assert_cmpstr(pstrcat(buf, sizeof(buf), "defg"), ==, "abcde");
    g_assert_cmpstr(pstrcat(buf, sizeof(buf), "h"), ==, "abcde");
    pstrcpy(buf, sizeof(buf), "012345678");
    g_assert_cmpstr(buf, ==, "01234");
    pstrcpy(buf, 1, "abc");
    g_assert_cmpstr(buf, ==, "");
    pstrcat(buf, 0, "abc");
    g_assert_cmpstr(buf, ==, "");

    g_assert_true(strstart("file:x", "file:", &rest));
    g_assert_cmpstr(rest, ==, "x");
    g_assert_true(strstart("file:", "file:", NULL));
    g_assert_false(strstart("file", "file:", &rest));
    g_assert_cmpstr(rest, ==, "x");
}

typedef struct IntCase {
    const char *text;
    int base;
    int ret; /* with @endptr NULL */
    int64_t value;
} IntCase;

static void test_i64(void)
{
    static const IntCase cases[] = {
        { "0", 0, 0, 0 },
        { "  -12", 10, 0, -12 },
        { "0x1f", 0, 0, 31 },
        { "017", 0, 0, 15 },
        { "017", 10, 0, 17 },
        { "9223372036854775807", 0, 0, INT64_MAX },
        { "-9223372036854775808", 0, 0, INT64_MIN },
        { "9223372036854775808", 0, -ERANGE, INT64_MAX },
        { "-9223372036854775809", 0, -ERANGE, INT64_MIN },
        { "", 0, -EINVAL, 99 },
        { "x", 0, -EINVAL, 99 },
        { "1x", 0, -EINVAL, 99 },
        { "0x", 0, -EINVAL, 99 },
        { "9223372036854775808x", 0, -EINVAL, 99 },
    };
    size_t i;

    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t value = 99;

        g_assert_cmpint(
            qemu_strtoi64(cases[i].text, NULL, cases[i].base, &value), ==,
            cases[i].ret);
        g_assert_cmpint(value, ==, cases[i].value);
    }
}

static void test_integer_ends(void)
{
    const char *text = "12,34", *none = "x", *end;
    int64_t i64;
    uint64_t u64;

    g_assert_cmpint(qemu_strtoi64(text, &end, 0, &i64), ==, 0);
    g_assert_true(end == text + 2);
    g_assert_cmpint(qemu_strtou64(text, &end, 0, &u64), ==, 0);
    g_assert_true(end == text + 2);
    g_assert_cmpint(i64, ==, 12);
    g_assert_cmpint(qemu_strtoi64(none, &end, 0, &i64), ==, -EINVAL);
    g_assert_true(end == none);
    g_assert_cmpint(qemu_strtoi64(NULL, &end, 0, &i64), ==, -EINVAL);
    g_assert_null(end);
    g_assert_cmpint(qemu_strtou64(NULL, NULL, 0, &u64), ==, -EINVAL);
}

static void test_u64(void)
{
    uint64_t value = 99;

    g_assert_cmpint(qemu_strtou64("18446744073709551615", NULL, 0, &value), ==,
                    0);
    g_assert_cmpuint(value, ==, UINT64_MAX);
    g_assert_cmpint(qemu_strtou64("5", NULL, 0, &value), ==, 0);
    g_assert_cmpint(qemu_strtou64("18446744073709551616", NULL, 0, &value), ==,
                    -ERANGE);
    g_assert_cmpuint(value, ==, UINT64_MAX);
    g_assert_cmpint(qemu_strtou64("-1", NULL, 0, &value), ==, 0);
    g_assert_cmpuint(value, ==, UINT64_MAX);
}

static void test_int(void)
{
    unsigned int u = 99;
    int i = 99;

    g_assert_cmpint(qemu_strtoi("-2147483648", NULL, 0, &i), ==, 0);
    g_assert_cmpint(i, ==, INT_MIN);
    g_assert_cmpint(qemu_strtoi("2147483648", NULL, 0, &i), ==, -ERANGE);
    g_assert_cmpint(i, ==, INT_MAX);
    g_assert_cmpint(qemu_strtoi("-99999999999999999999", NULL, 0, &i), ==,
                    -ERANGE);
    g_assert_cmpint(i, ==, INT_MIN);
    g_assert_cmpint(qemu_strtoi("1 ", NULL, 0, &i), ==, -EINVAL);
    g_assert_cmpint(i, ==, INT_MIN);
    g_assert_cmpint(qemu_strtoui("4294967295", NULL, 0, &u), ==, 0);
    g_assert_cmpuint(u, ==, UINT_MAX);
    g_assert_cmpint(qemu_strtoui("-2", NULL, 0, &u), ==, 0);
    g_assert_cmpuint(u, ==, UINT_MAX - 1);
    g_assert_cmpint(qemu_strtoui("7", NULL, 0, &u), ==, 0);
    g_assert_cmpint(qemu_strtoui("4294967296", NULL, 0, &u), ==, -ERANGE);
    g_assert_cmpuint(u, ==, UINT_MAX);
    u = 5;
    g_assert_cmpint(qemu_strtoui("99999999999999999999", NULL, 0, &u), ==,
                    -ERANGE);
    g_assert_cmpuint(u, ==, UINT_MAX);
    g_assert_cmpint(qemu_strtoui("q", NULL, 0, &u), ==, -EINVAL);
}

typedef struct SizeCase {
    const char *text;
    int ret;
    uint64_t value;
    int used; /* characters taken when the rest may follow */
} SizeCase;

static const SizeCase size_cases[] = {
    { "0", 0, 0, 1 },
    { "512", 0, 512, 3 },
    { " 512", 0, 512, 4 },
    { "+512", 0, 512, 4 },
    { "1b", 0, 1, 2 },
    { "1B", 0, 1, 2 },
    { "1k", 0, KiB, 2 },
    { "1K", 0, KiB, 2 },
    { "3m", 0, 3 * MiB, 2 },
    { "1G", 0, GiB, 2 },
    { "2T", 0, 2 * TiB, 2 },
    { "1P", 0, PiB, 2 },
    { "1E", 0, EiB, 2 },
    { "1e", 0, EiB, 2 },
    { "15E", 0, 15 * (uint64_t)EiB, 3 },
    { "010", 0, 10, 3 },
    { "0x10", 0, 16, 4 },
    { "0X1fE", 0, 0x1fe, 5 },
    { "0x1b", 0, 0x1b, 4 },
    { "0x10k", 0, 16 * KiB, 5 },
    { "1.5G", 0, GiB + GiB / 2, 4 },
    { "1.k", 0, KiB, 3 },
    { "1.", 0, 1, 2 },
    { "1.00", 0, 1, 4 },
    { "1.0B", 0, 1, 4 },
    { "0.5k", 0, 512, 4 },
    { "1.1k", 0, 1126, 4 },
    { "1.9k", 0, 1946, 4 },
    { "1.0004k", 0, 1024, 7 },
    { "1.00048828125k", 0, 1025, 14 },
    { "1.000488281249999999999999999999999999999999999999k", 0, 1024, 51 },
    { "1.99999k", 0, 2048, 8 },
    { "12345678.9M", 0, UINT64_C(12945382598246), 11 },
    { "15.5E", 0, UINT64_C(17870283321406128128), 5 },
    { "18446744073709551615", 0, UINT64_MAX, 20 },
    { "18446744073709551616", -ERANGE, UINT64_MAX, 20 },
    { "16E", -ERANGE, UINT64_MAX, 3 },
    { "15.99999999999999999999E", -ERANGE, UINT64_MAX, 24 },
    { "99999999999999999999E", -ERANGE, UINT64_MAX, 21 },
    { "", -EINVAL, 77, 0 },
    { " ", -EINVAL, 77, 0 },
    { "k", -EINVAL, 77, 0 },
    { "-1", -EINVAL, 77, 0 },
    { "-0", -EINVAL, 77, 0 },
    { "+-1", -EINVAL, 77, 0 },
    { "++1", -EINVAL, 77, 0 },
    { ".5G", -EINVAL, 77, 0 },
    { "0x", -EINVAL, 77, 0 },
    { "1.5", -EINVAL, 77, 0 },
    { "1.5B", -EINVAL, 77, 0 },
    { "inf", -EINVAL, 77, 0 },
    { "nan", -EINVAL, 77, 0 },
    { "1 ", -EINVAL, 77, 1 },
    { "1x", -EINVAL, 77, 1 },
    { "1kB", -EINVAL, 77, 2 },
    { "1KiB", -EINVAL, 77, 2 },
    { "1e3", -EINVAL, 77, 2 },
    { "0x1.8k", -EINVAL, 77, 3 },
    { "1,5", -EINVAL, 77, 1 },
};

static void test_strtosz(void)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(size_cases); i++) {
        const SizeCase *c = &size_cases[i];
        const char *end = NULL;
        uint64_t value = 77;

        g_test_message("'%s'", c->text);
        g_assert_cmpint(qemu_strtosz(c->text, NULL, &value), ==, c->ret);
        g_assert_cmpuint(value, ==, c->value);
        g_assert_cmpint(qemu_strtosz(c->text, &end, &value), ==,
                        c->used ? c->ret == -EINVAL ? 0 : c->ret : -EINVAL);
        g_assert_cmpint(end - c->text, ==, c->used);
    }
}

static void test_strtosz_null(void)
{
    const char *end = "";
    uint64_t value = 77;

    g_assert_cmpint(qemu_strtosz(NULL, &end, &value), ==, -EINVAL);
    g_assert_null(end);
    g_assert_cmpint(qemu_strtosz(NULL, NULL, &value), ==, -EINVAL);
    g_assert_cmpuint(value, ==, 77);
}

static void test_size_to_str(void)
{
    static const struct {
        uint64_t value;
        const char *text;
    } cases[] = {
        { 0, "0 B" },
        { 1, "1 B" },
        { 999, "999 B" },
        { 1000, "0.977 KiB" },
        { 1024, "1 KiB" },
        { 1536, "1.5 KiB" },
        { 4096, "4 KiB" },
        { 999 * KiB, "999 KiB" },
        { 1000 * KiB - 1, "1e+03 KiB" },
        { 1000 * KiB, "0.977 MiB" },
        { 67125248, "64 MiB" },
        { 1000 * MiB, "0.977 GiB" },
        { 2040 * GiB, "1.99 TiB" },
        { PiB, "1 PiB" },
        { EiB, "1 EiB" },
        { UINT64_MAX, "16 EiB" },
    };
    size_t i;

    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *text = size_to_str(cases[i].value);

        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

/* Every length up to some blocks, at each alignment, with one byte set. */
static void test_zero_exhaustive(void)
{
    uint8_t *memory = g_malloc0(1024);
    size_t align, len, at;

    for (align = 0; align < 17; align++) {
        for (len = 0; len < 700; len += len < 20 ? 1 : 13) {
            uint8_t *buf = memory + 1 + align;

            /* What stands around the buffer does not count. */
            buf[-1] = buf[len] = 1;
            g_assert_true(buffer_is_zero(buf, len));
            for (at = 0; at < len; at++) {
                buf[at] = 1 << at % 8;
                g_assert_false(buffer_is_zero(buf, len));
                buf[at] = 0;
            }
            buf[-1] = buf[len] = 0;
        }
    }
    g_free(memory);
}

static void test_zero_large(void)
{
    size_t len = 3 * MiB + 77, i;
    uint8_t *buf = g_malloc0(len);

    g_assert_true(buffer_is_zero(buf, len));
    for (i = 0; i < 2000; i++) {
        size_t at = g_test_rand_int_range(0, len);

        buf[at] = 0x80;
        g_assert_false(buffer_is_zero(buf, len));
        buf[at] = 0;
    }
    g_assert_true(buffer_is_zero(buf, len));
    g_assert_true(buffer_is_zero(NULL, 0));
    g_free(buf);
}

static void test_strtobool(void)
{
    static const char *const words[] = {
        "off", "on", "no", "yes", "false", "true", "n", "y",
    };
    static const char *const bad[] = { "", "On", "onn", "o", "1", " on" };
    bool value = true;
    size_t i;

    for (i = 0; i < ARRAY_SIZE(words); i++) {
        g_assert_cmpint(qemu_strtobool(words[i], &value), ==, 0);
        g_assert_cmpint(value, ==, i % 2);
    }
    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        g_assert_cmpint(qemu_strtobool(bad[i], &value), ==, -EINVAL);
        g_assert_true(value);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cutils/strings", test_strings);
    g_test_add_func("/cutils/i64", test_i64);
    g_test_add_func("/cutils/integer-ends", test_integer_ends);
    g_test_add_func("/cutils/u64", test_u64);
    g_test_add_func("/cutils/int", test_int);
    g_test_add_func("/cutils/strtobool", test_strtobool);
    g_test_add_func("/cutils/strtosz", test_strtosz);
    g_test_add_func("/cutils/strtosz-null", test_strtosz_null);
    g_test_add_func("/cutils/size-to-str", test_size_to_str);
    g_test_add_func("/cutils/zero-exhaustive", test_zero_exhaustive);
    g_test_add_func("/cutils/zero-large", test_zero_large);
    return g_test_run();
}
