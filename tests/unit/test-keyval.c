/* SPDX-License-Identifier: MIT */
/*
 * Option lists in a string, nested and flat.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qstring.h"
#include "minblk/keyval.h"

typedef QDict *ParseFn(const char *params, const char *implied_key,
                       Error **errp);

static void check(ParseFn *parse, const char *params, const char *implied,
                  const char *expected)
{
    g_autoptr(QDict) dict = parse(params, implied, &error_abort);
    g_autoptr(QString) json = qobject_to_json(QOBJECT(dict));

    g_assert_cmpstr(qstring_get_str(json), ==, expected);
}

static void check_error(ParseFn *parse, const char *params,
                        const char *implied, const char *message)
{
    g_autoptr(Error) err = NULL;

    g_assert_null(parse(params, implied, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    g_assert_null(parse(params, implied, NULL));
}

static void test_nested(void)
{
    check(keyval_parse, "", NULL, "{}");
    check(keyval_parse, "a=1", NULL, "{\"a\": \"1\"}");
    check(keyval_parse, "a=1,b.c=2,b.d.e=,l.1=y,l.0=x,", NULL,
          "{\"a\": \"1\", \"b\": {\"c\": \"2\", \"d\": {\"e\": \"\"}}, "
          "\"l\": [\"x\", \"y\"]}");
    check(keyval_parse, "read-only=on,x_y=2,A9=3", NULL,
          "{\"read-only\": \"on\", \"x_y\": \"2\", \"A9\": \"3\"}");
}

static void test_values(void)
{
    check(keyval_parse, "a=b=c", NULL, "{\"a\": \"b=c\"}");
    check(keyval_parse, "a=1,,2,b=,,,c=,,", NULL,
          "{\"a\": \"1,2\", \"b\": \",\", \"c\": \",\"}");
    check(keyval_parse, "a=1,b=2,a=3", NULL,
          "{\"a\": \"3\", \"b\": \"2\"}");
    check(keyval_parse_flat, "file.filename=/x,,y z/\xff,a=,", NULL,
          "{\"file.filename\": \"/x,y z/\\uFFFD\", \"a\": \"\"}");
}

static void test_implied(void)
{
    check(keyval_parse, "vpc,a=1", "driver",
          "{\"driver\": \"vpc\", \"a\": \"1\"}");
    check(keyval_parse, "v,,w", "driver", "{\"driver\": \"v,w\"}");
    check(keyval_parse, "a=1,driver=x", "driver",
          "{\"a\": \"1\", \"driver\": \"x\"}");
    check(keyval_parse_flat, "vpc,a", "driver",
          "{\"driver\": \"vpc\", \"a\": \"on\"}");
}

static void test_flat(void)
{
    check(keyval_parse_flat, "", NULL, "{}");
    check(keyval_parse_flat,
          "driver=vpc,file.driver=file,file.filename=P,force_size,l.0=x", NULL,
          "{\"driver\": \"vpc\", \"file.driver\": \"file\", "
          "\"file.filename\": \"P\", \"force_size\": \"on\", "
          "\"l.0\": \"x\"}");
    check(keyval_parse_flat, "a.b=1,a=2", NULL,
          "{\"a.b\": \"1\", \"a\": \"2\"}");
}

static void test_error_item(void)
{
    check_error(keyval_parse, "a=1,b,c=2", NULL,
                "Expected '=' after option 'b'");
    check_error(keyval_parse, "a=1,vpc", "driver",
                "Expected '=' after option 'vpc'");
    check_error(keyval_parse, "=1", NULL, "Option without a name at '=1'");
    check_error(keyval_parse, "a=1,,,=1", NULL,
                "Option without a name at '=1'");
    check_error(keyval_parse, ",", NULL, "Option without a name at ','");
    check_error(keyval_parse, ",a=1", "driver",
                "Option without a name at ',a=1'");
    check_error(keyval_parse_flat, "=x", "driver",
                "Option without a name at '=x'");
    check_error(keyval_parse_flat, "a,,b=1", NULL,
                "Option without a name at ',b=1'");
}

static void test_error_key(void)
{
    static const char *const bad[] = {
        "0", "-a", ".a", "a.", "a..b", "a b", "a/b", "\xc3\xa9", "0.a",
    };
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *params = g_strdup_printf("%s=1", bad[i]);
        g_autofree char *msg = g_strdup_printf("Invalid option name '%s'",
                                               bad[i]);

        check_error(keyval_parse, params, NULL, msg);
    }
}

static void test_error_clash(void)
{
    check_error(keyval_parse, "a=1,a.b=2", NULL,
                "Key 'a.b' clashes with another key");
    check_error(keyval_parse, "l.0=1,l.2=2", NULL,
                "List element 'l.1' is missing");
    check_error(keyval_parse, "l.0=1,l.x=2", NULL,
                "Keys 'l.*' are partly list indices, partly names");
}

static void test_error_depth(void)
{
    GString *params = g_string_new("a");
    g_autoptr(Error) err = NULL;
    int i;

    for (i = 0; i < 100000; i++) {
        g_string_append(params, ".a");
    }
    g_string_append(params, "=1");
    g_assert_null(keyval_parse(params->str, NULL, &err));
    g_assert_true(g_str_has_suffix(error_get_pretty(err),
                                   "nested too deeply"));
    g_string_free(params, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keyval/nested", test_nested);
    g_test_add_func("/keyval/values", test_values);
    g_test_add_func("/keyval/implied", test_implied);
    g_test_add_func("/keyval/flat", test_flat);
    g_test_add_func("/keyval/error-item", test_error_item);
    g_test_add_func("/keyval/error-key", test_error_key);
    g_test_add_func("/keyval/error-clash", test_error_clash);
    g_test_add_func("/keyval/error-depth", test_error_depth);
    return g_test_run();
}
