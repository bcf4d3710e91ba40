/* SPDX-License-Identifier: MIT */
/*
 * Option lists in a string, made flat dicts.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qstring.h"
#include "minblk/keyval.h"

static void check(const char *params, const char *implied,
                  const char *expected)
{
    g_autoptr(QDict) dict = keyval_parse_flat(params, implied, &error_abort);
    g_autoptr(QString) json = qobject_to_json(QOBJECT(dict));

    g_assert_cmpstr(qstring_get_str(json), ==, expected);
}

static void check_error(const char *params, const char *implied,
                        const char *message)
{
    g_autoptr(Error) err = NULL;

    g_assert_null(keyval_parse_flat(params, implied, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    g_assert_null(keyval_parse_flat(params, implied, NULL));
}

static void test_keys(void)
{
    check("", NULL, "{}");
    check("a=1", NULL, "{\"a\": \"1\"}");
    check("driver=vpc,file.driver=file,file.filename=P,force_size,l.0=x", NULL,
          "{\"driver\": \"vpc\", \"file.driver\": \"file\", "
          "\"file.filename\": \"P\", \"force_size\": \"on\", "
          "\"l.0\": \"x\"}");
    check("a.b=1,a=2", NULL, "{\"a.b\": \"1\", \"a\": \"2\"}");
    check("nobody,x", NULL, "{\"nobody\": \"on\", \"x\": \"on\"}");
}

static void test_values(void)
{
    check("a=b=c", NULL, "{\"a\": \"b=c\"}");
    check("a=1,,2,b=,,,c=,,", NULL,
          "{\"a\": \"1,2\", \"b\": \",\", \"c\": \",\"}");
    check("a=1,b=2,a=3", NULL, "{\"a\": \"3\", \"b\": \"2\"}");
    check("file.filename=/x,,y z/\xff,a=,", NULL,
          "{\"file.filename\": \"/x,y z/\\uFFFD\", \"a\": \"\"}");
}

static void test_implied(void)
{
    check("vpc,a=1", "driver", "{\"driver\": \"vpc\", \"a\": \"1\"}");
    check("v,,w", "driver", "{\"driver\": \"v,w\"}");
    check("a=1,driver=x", "driver", "{\"a\": \"1\", \"driver\": \"x\"}");
    check("vpc,a", "driver", "{\"driver\": \"vpc\", \"a\": \"on\"}");
}

static void test_error_item(void)
{
    check_error("=1", NULL, "Option without a name at '=1'");
    check_error("=x", "driver", "Option without a name at '=x'");
    check_error("a=1,,,=1", NULL, "Option without a name at '=1'");
    check_error(",", NULL, "Option without a name at ','");
    check_error(",a=1", "driver", "Option without a name at ',a=1'");
    check_error("a,,b=1", NULL, "Option without a name at ',b=1'");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keyval/keys", test_keys);
    g_test_add_func("/keyval/values", test_values);
    g_test_add_func("/keyval/implied", test_implied);
    g_test_add_func("/keyval/error-item", test_error_item);
    return g_test_run();
}
