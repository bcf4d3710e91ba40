/* SPDX-License-Identifier: MIT */
/*
 * JSON in and out: round trips, single quotes, hostile text.
 */
#include "qemu/osdep.h"
#include <math.h>
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qlist.h"
#include "qapi/qmp/qnum.h"
#include "qapi/qmp/qstring.h"

/* @in, read and written again, is @out. */
static void check_in_out(const char *in, const char *out)
{
    g_autoptr(QObject) obj = qobject_from_json(in, &error_abort);
    g_autoptr(QObject) again = NULL;
    g_autoptr(QString) json = qobject_to_json(obj);

    g_assert_cmpstr(qstring_get_str(json), ==, out);
    again = qobject_from_json(out, &error_abort);
    g_assert_true(qobject_is_equal(obj, again));
}

static void test_scalars(void)
{
    check_in_out("null", "null");
    check_in_out(" true\n", "true");
    check_in_out("false", "false");
    check_in_out("0", "0");
    check_in_out("9223372036854775807", "9223372036854775807");
    check_in_out("-9223372036854775808", "-9223372036854775808");
    check_in_out("0.5", "0.5");
    check_in_out("1e3", "1000.0");
    check_in_out("-1E-3", "-0.001");
    check_in_out("\"\"", "\"\"");
}

static void test_strings(void)
{
    check_in_out("\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t\"",
                 "\"\\\" \\\\ / \\b \\f \\n \\r \\t\"");
    check_in_out("\"\xc3\xa9 \\u00e9 \\ud83d\\ude00\"",
                 "\"\\u00E9 \\u00E9 \\uD83D\\uDE00\"");
    check_in_out("\"\\u0001 it's it\\'s\"", "\"\\u0001 it's it's\"");
}

static void test_single_quotes(void)
{
    check_in_out("'abc'", "\"abc\"");
    check_in_out("''", "\"\"");
    check_in_out("'it\\'s \"so\" \\\"here\\\" \\\\ \\n \\u00e9'",
                 "\"it's \\\"so\\\" \\\"here\\\" \\\\ \\n \\u00E9\"");
    check_in_out("{'a': 'b', \"c\": ['{[']}",
                 "{\"a\": \"b\", \"c\": [\"{[\"]}");
}

static void test_containers(void)
{
    check_in_out("{}", "{}");
    check_in_out("[ ]", "[]");
    check_in_out("{\"z\":1,\"a\":[1,{\"y\":[]}],\"m\":{}}",
                 "{\"z\": 1, \"a\": [1, {\"y\": []}], \"m\": {}}");
    check_in_out("{\n  'driver': 'raw',\r\n\t'file':\n  {}\n}\n",
                 "{\"driver\": \"raw\", \"file\": {}}");
}

static void test_pretty(void)
{
    g_autoptr(QObject) obj = qobject_from_json(
        "{'virtual-size': 512, 'l': [1, {'a': true}, []], 'd': {}}",
        &error_abort);
    g_autoptr(QString) json = qobject_to_json_pretty(obj);

    g_assert_cmpstr(qstring_get_str(json), ==,
                    "{\n"
                    "    \"virtual-size\": 512,\n"
                    "    \"l\": [\n"
                    "        1,\n"
                    "        {\n"
                    "            \"a\": true\n"
                    "        },\n"
                    "        []\n"
                    "    ],\n"
                    "    \"d\": {}\n"
                    "}");
}

static void check_out(QObject *obj, const char *expected)
{
    g_autoptr(QString) json = qobject_to_json(obj);

    g_assert_cmpstr(qstring_get_str(json), ==, expected);
    qobject_unref(obj);
}

static void test_write_only(void)
{
    check_out(QOBJECT(qnum_from_uint(UINT64_MAX)), "18446744073709551615");
    check_out(QOBJECT(qnum_from_double(INFINITY)), "null");
    check_out(QOBJECT(qnum_from_double(NAN)), "null");
    /* A file name need not be UTF-8; the result always is JSON. */
    check_out(QOBJECT(qstring_from_str("a\xff\xc3.img")),
              "\"a\\uFFFD\\uFFFD.img\"");
}

static void test_file_name_key(void)
{
    QDict *dict = qdict_new();

    qdict_put_int(dict, "\xff", 1);
    check_out(QOBJECT(dict), "{\"\\uFFFD\": 1}");
}

static void check_error(const char *json, const char *pattern)
{
    g_autoptr(Error) err = NULL;
    const char *msg;
    const char *p;

    g_assert_null(qobject_from_json(json, &err));
    g_assert_nonnull(err);
    msg = error_get_pretty(err);
    if (!g_pattern_match_simple(pattern, msg)) {
        g_test_message("'%s' does not match '%s'", msg, pattern);
        g_test_fail();
    }
    g_assert_true(g_utf8_validate(msg, -1, NULL));
    for (p = msg; *p; p++) {
        g_assert_false(g_ascii_iscntrl(*p));
    }
    g_assert_null(qobject_from_json(json, NULL));
}

static void test_error(void)
{
    check_error("", "Invalid JSON: *");
    check_error("   \n", "Invalid JSON: *");
    check_error("{", "Invalid JSON: *");
    check_error("{'a'}", "Invalid JSON: *");
    check_error("{'a': }", "Invalid JSON: *");
    check_error("{'a': 1,}", "Invalid JSON: *");
    check_error("[1,, 2]", "Invalid JSON: *");
    check_error("[1] 2", "Invalid JSON: *");
    check_error("}", "Invalid JSON: *");
    check_error("True", "Invalid JSON: *");
    check_error("nan", "Invalid JSON: *");
    check_error("01", "Invalid JSON: *");
    check_error("0x10", "Invalid JSON: *");
    check_error("{a: 1}", "Invalid JSON: *");
    check_error("{1: 1}", "Invalid JSON: *");
    check_error("/* */ 1", "Invalid JSON: *");
    /* The message quotes the input, without its control characters. */
    check_error("{'a' '\x7f'}", "Invalid JSON: *':'*near*");
}

static void test_error_string(void)
{
    check_error("\"abc", "Invalid JSON: *");
    check_error("'abc", "Invalid JSON: *");
    check_error("'abc\\", "Invalid JSON: *");
    check_error("'abc\"", "Invalid JSON: *");
    check_error("\"a\nb\"", "Invalid JSON: *newline*");
    check_error("\"a\x01z\"", "Invalid JSON: *control character*");
    check_error("'\\x41'", "Invalid JSON: *");
    check_error("'\\u0000'", "Invalid JSON: *");
    check_error("{'\\u0000': 1}", "Invalid JSON: *");
    check_error("'\\ud800'", "Invalid JSON: *");
    check_error("'\\u12'", "Invalid JSON: *");
    check_error("'\xff'", "Invalid JSON: *");
    check_error("'\xc0\x80'", "Invalid JSON: *");
    check_error("'\xed\xa0\x80'", "Invalid JSON: *");
    check_error("'\xf4\x90\x80\x80'", "Invalid JSON: *");
}

static void test_error_duplicate(void)
{
    check_error("{'a': 1, 'b': 2, 'a': 3}", "Invalid JSON: duplicate*a*");
    check_error("{'o': {'x': 1, \"x\": 1}}", "Invalid JSON: duplicate*x*");
    check_in_out("[{'a': 1}, {'a': 2}]", "[{\"a\": 1}, {\"a\": 2}]");
}

static void test_error_number(void)
{
    check_error("9223372036854775808", "Invalid JSON: too big integer*");
    check_error("-9223372036854775809",
                "Invalid JSON: too big negative integer*");
    check_error("99999999999999999999999999999999999999999",
                "Invalid JSON: too big integer*");
    check_error("1e999", "Invalid JSON: real number overflow*");
    check_error("-", "Invalid JSON: *");
    check_error("1e", "Invalid JSON: *");
    check_error(".5", "Invalid JSON: *");
}

/* @n times @open, then @n times @close. */
static char *nested(int n, char open, char close)
{
    char *text = g_malloc(2 * n + 1);

    memset(text, open, n);
    memset(text + n, close, n);
    text[2 * n] = '\0';
    return text;
}

static void test_depth(void)
{
    g_autofree char *fits = nested(QOBJECT_MAX_DEPTH, '[', ']');
    g_autofree char *deeper = nested(QOBJECT_MAX_DEPTH + 1, '[', ']');
    g_autofree char *hostile = nested(1000000, '[', ']');
    g_autofree char *open = nested(1000000, '{', '{');

    check_in_out(fits, fits);
    check_error(deeper, "JSON is nested too deeply");
    check_error(hostile, "JSON is nested too deeply");
    check_error(open, "JSON is nested too deeply");
    /* Closing brackets in front gain nothing: the parser stops there. */
    check_error("]]]]]]]][", "Invalid JSON: *");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qjson/scalars", test_scalars);
    g_test_add_func("/qjson/strings", test_strings);
    g_test_add_func("/qjson/single-quotes", test_single_quotes);
    g_test_add_func("/qjson/containers", test_containers);
    g_test_add_func("/qjson/pretty", test_pretty);
    g_test_add_func("/qjson/write-only", test_write_only);
    g_test_add_func("/qjson/file-name-key", test_file_name_key);
    g_test_add_func("/qjson/error", test_error);
    g_test_add_func("/qjson/error-string", test_error_string);
    g_test_add_func("/qjson/error-duplicate", test_error_duplicate);
    g_test_add_func("/qjson/error-number", test_error_number);
    g_test_add_func("/qjson/depth", test_depth);
    return g_test_run();
}
