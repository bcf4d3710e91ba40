/* SPDX-License-Identifier: MIT */
/*
 * The visitors over a schema of the tests' own: scalars and their ranges,
 * lists, alternates, paths in messages.
 *
 * Invariant: every error that an input visitor can set is reached.
 */
#include "qemu/osdep.h"
#include "block/qdict.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qnum.h"
#include "qapi/qmp/qstring.h"
#include "qapi/qobject-input-visitor.h"
#include "qapi/qobject-output-visitor.h"
#include "qapi/qapi-visit-test.h"

static Visitor *input(const char *json, bool keyval)
{
    g_autoptr(QObject) obj = qobject_from_json(json, &error_abort);

    return keyval ? qobject_input_visitor_new_keyval(obj)
                  : qobject_input_visitor_new(obj);
}

static Scalars *get_scalars(const char *json, bool keyval, Error **errp)
{
    Visitor *v = input(json, keyval);
    Scalars *obj = NULL;

    visit_type_Scalars(v, NULL, &obj, errp);
    visit_complete(v, NULL);
    visit_free(v);
    return obj;
}

static Lists *get_lists(const char *json, bool keyval, Error **errp)
{
    Visitor *v = input(json, keyval);
    Lists *obj = NULL;

    visit_type_Lists(v, NULL, &obj, errp);
    visit_free(v);
    return obj;
}

static void check_text(QObject *obj, const char *json)
{
    g_autoptr(QString) text = qobject_to_json(obj);

    g_assert_cmpstr(qstring_get_str(text), ==, json);
    qobject_unref(obj);
}

static void check_scalars(Scalars *scalars, const char *json)
{
    QObject *result;
    Visitor *v = qobject_output_visitor_new(&result);

    visit_type_Scalars(v, NULL, &scalars, &error_abort);
    visit_complete(v, &result);
    visit_free(v);
    check_text(result, json);
    qapi_free_Scalars(scalars);
}

static void check_lists(Lists *lists, const char *json)
{
    QObject *result;
    Visitor *v = qobject_output_visitor_new(&result);

    visit_type_Lists(v, NULL, &lists, &error_abort);
    visit_complete(v, &result);
    visit_free(v);
    check_text(result, json);
    qapi_free_Lists(lists);
}

static const char all_scalars[] =
    "{\"i\": -9223372036854775808, \"u32\": 4294967295, "
    "\"u64\": 9223372036854775807, \"size\": 512, \"bool\": true, "
    "\"str\": \"s\", \"null\": null, \"colour\": \"dark-green\"}";

static void test_scalars(void)
{
    check_scalars(get_scalars(all_scalars, false, &error_abort), all_scalars);
    check_scalars(get_scalars(all_scalars, true, &error_abort), all_scalars);
    check_scalars(get_scalars("{}", false, &error_abort), "{}");
    check_scalars(get_scalars("{'i': 9223372036854775807}", false,
                              &error_abort),
                  "{\"i\": 9223372036854775807}");
}

/*
 * Of a member that is a pointer input sets the flag, too, and output ignores
 * it, since whoever fills the object may set either.
 */
static void test_nullable(void)
{
    Scalars *scalars = get_scalars("{'str': 'a'}", false, &error_abort);
    Lists *lists = get_lists("{'id': 'a', 'next': {'id': 'b'}}", true,
                             &error_abort);

    g_assert_true(scalars->has_str);
    g_assert_false(scalars->has_null);
    g_assert_true(lists->has_next);
    g_assert_false(lists->next->has_next);
    qapi_free_Lists(lists);

    scalars->has_str = false;
    scalars->has_null = true;
    check_scalars(scalars, "{\"str\": \"a\"}");
}

/* JSON text reaches int64_t only; the upper half comes as a QNum. */
static void test_large_uint64(void)
{
    g_autoptr(QDict) dict = qdict_new();
    Scalars *scalars = NULL;
    QObject *result;
    Visitor *v;

    qdict_put(dict, "u64", qnum_from_uint(UINT64_MAX));
    v = qobject_input_visitor_new(QOBJECT(dict));
    visit_type_Scalars(v, NULL, &scalars, &error_abort);
    visit_free(v);
    g_assert_true(scalars->has_u64);
    g_assert_cmpuint(scalars->u64, ==, UINT64_MAX);

    v = qobject_output_visitor_new(&result);
    visit_type_Scalars(v, NULL, &scalars, &error_abort);
    visit_complete(v, &result);
    visit_free(v);
    g_assert_true(qobject_is_equal(result, QOBJECT(dict)));
    qobject_unref(result);
    qapi_free_Scalars(scalars);
}

static void test_keyval(void)
{
    check_scalars(
        get_scalars("{'i': '-0x10', 'u32': '7', 'u64': '18446744073709551615', "
                    "'size': '1.5k', 'bool': 'yes', 'str': 'on'}", true,
                    &error_abort),
        "{\"i\": -16, \"u32\": 7, \"u64\": 18446744073709551615, "
        "\"size\": 1536, \"bool\": true, \"str\": \"on\"}");
    check_scalars(get_scalars("{'size': '64M', 'bool': 'off'}", true,
                              &error_abort),
                  "{\"size\": 67108864, \"bool\": false}");
    /* Typed where a string is wanted. */
    check_scalars(get_scalars("{'str': true}", true, &error_abort),
                  "{\"str\": \"on\"}");
    check_scalars(get_scalars("{'str': 12}", true, &error_abort),
                  "{\"str\": \"12\"}");
}

typedef struct BadInput {
    const char *json;
    const char *message;
    bool keyval;
} BadInput;

static const BadInput bad_scalars[] = {
    { "3", "Invalid parameter type for 'null', expected: object" },
    { "{'nope': 1}", "Parameter 'nope' is unexpected" },
    { "{'i': '1'}", "Invalid parameter type for 'i', expected: integer" },
    { "{'i': 1.0}", "Invalid parameter type for 'i', expected: integer" },
    { "{'u32': 4294967296}", "Parameter 'u32' expects uint32_t" },
    { "{'u32': -1}", "Parameter 'u32' expects uint64" },
    { "{'u64': '1'}", "Parameter 'u64' expects uint64" },
    { "{'size': 0.5}", "Parameter 'size' expects uint64" },
    { "{'bool': 1}", "Invalid parameter type for 'bool', expected: boolean" },
    { "{'str': 1}", "Invalid parameter type for 'str', expected: string" },
    { "{'str': null}", "Invalid parameter type for 'str', expected: string" },
    { "{'null': 0}", "Invalid parameter type for 'null', expected: null" },
    { "{'colour': 'blue'}",
      "Parameter 'colour' does not accept value 'blue'" },
    { "{'colour': 1}",
      "Invalid parameter type for 'colour', expected: string" },
    { "{'i': 'x'}", "Parameter 'i' expects integer", true },
    { "{'i': '9223372036854775808'}", "Parameter 'i' expects integer", true },
    { "{'i': []}", "Invalid parameter type for 'i', expected: integer", true },
    { "{'u32': '4294967296'}", "Parameter 'u32' expects uint32_t", true },
    { "{'u64': '-1'}", "Parameter 'u64' expects integer", true },
    { "{'u64': -1}", "Parameter 'u64' expects integer", true },
    { "{'u64': '64M'}", "Parameter 'u64' expects integer", true },
    { "{'u64': '18446744073709551616'}", "Parameter 'u64' expects integer",
      true },
    { "{'size': '16E'}", "Parameter 'size' expects size", true },
    { "{'size': '-1'}", "Parameter 'size' expects size", true },
    { "{'size': ''}", "Parameter 'size' expects size", true },
    { "{'size': {}}", "Parameter 'size' expects size", true },
    { "{'bool': 'maybe'}", "Parameter 'bool' expects 'on' or 'off'", true },
    { "{'bool': 1}", "Parameter 'bool' expects 'on' or 'off'", true },
    { "{'bool': null}", "Invalid parameter type for 'bool', expected: boolean",
      true },
    { "{'str': []}", "Invalid parameter type for 'str', expected: string",
      true },
};

static const BadInput bad_lists[] = {
    { "{}", "Parameter 'id' is missing" },
    { "{'id': 'a', 'strs': {}}",
      "Invalid parameter type for 'strs', expected: array" },
    { "{'id': 'a', 'strs': 'b'}",
      "Invalid parameter type for 'strs', expected: array", true },
    { "{'id': 'a', 'strs': ['a', 1]}",
      "Invalid parameter type for 'strs[1]', expected: string" },
    { "{'id': 'a', 'words': [0, 4294967296]}",
      "Parameter 'words[1]' expects uint32_t" },
    { "{'id': 'a', 'words': ['x']}", "Parameter 'words.0' expects integer",
      true },
    { "{'id': 'a', 'colours': ['red', 'blue']}",
      "Parameter 'colours[1]' does not accept value 'blue'" },
    { "{'id': 'a', 'bases': [{}]}", "Parameter 'bases[0].id' is missing" },
    { "{'id': 'a', 'bases': [{'id': 'b', 'x': 1}]}",
      "Parameter 'bases.0.x' is unexpected", true },
    { "{'id': 'a', 'bases': [1]}",
      "Invalid parameter type for 'bases[0]', expected: object" },
    { "{'id': 'a', 'choices': [[]]}",
      "Invalid parameter type for 'choices[0]', expected: Choice" },
    { "{'id': 'a', 'choices': ['blue']}",
      "Parameter 'choices[0]' does not accept value 'blue'" },
    { "{'id': 'a', 'choices': [{'id': 'b', 'colour': 'red'}]}",
      "Parameter 'choices[0].errno' is missing" },
    { "{'id': 'a', 'choices': [{'id': 'b', 'colour': 'dark-green', "
      "'errno': 1}]}", "Parameter 'choices[0].errno' is unexpected" },
    { "{'id': 'a', 'next': {'id': 'b', 'next': {'id': 'c', 'ints': [1, 2, "
      "'3']}}}", "Invalid parameter type for 'next.next.ints[2]', expected: "
      "integer" },
};

static void test_bad_scalars(void)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(bad_scalars); i++) {
        Error *err = NULL;

        g_assert_null(get_scalars(bad_scalars[i].json, bad_scalars[i].keyval,
                                  &err));
        g_assert_cmpstr(error_get_pretty(err), ==, bad_scalars[i].message);
        error_free(err);
    }
}

static void test_bad_lists(void)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(bad_lists); i++) {
        Error *err = NULL;

        g_assert_null(get_lists(bad_lists[i].json, bad_lists[i].keyval,
                                &err));
        g_assert_cmpstr(error_get_pretty(err), ==, bad_lists[i].message);
        error_free(err);
    }
}

/* Nobody wants the words: failure shows in the result alone. */
static void test_no_errp(void)
{
    g_assert_null(get_scalars("{'i': 'x'}", false, NULL));
    g_assert_null(get_lists("{'id': 'a', 'bases': [{}]}", false, NULL));
}

static void test_lists(void)
{
    static const char json[] =
        "{\"id\": \"a\", \"strs\": [\"x\", \"y\"], \"ints\": [], "
        "\"words\": [0, 255], \"colours\": [\"red\"], \"bases\": "
        "[{\"id\": \"b\"}, {\"id\": \"c\"}], "
        "\"choices\": [7, true, \"dark-green\", {\"id\": \"d\", \"colour\": "
        "\"red\", \"errno\": 5, \"default\": true}, {\"id\": \"e\", "
        "\"colour\": \"dark-green\"}, null], \"next\": {\"id\": \"f\"}}";
    Lists *lists = get_lists(json, false, &error_abort);

    g_assert_true(lists->has_ints);
    g_assert_null(lists->ints);
    g_assert_cmpstr(lists->strs->next->value, ==, "y");
    g_assert_null(lists->strs->next->next);
    g_assert_cmpint(lists->choices->value->type, ==, QTYPE_QNUM);
    g_assert_cmpint(lists->choices->value->u.number, ==, 7);
    check_lists(lists, json);
    /* An empty list and none are two things. */
    check_lists(get_lists("{'id': 'a'}", false, &error_abort),
                "{\"id\": \"a\"}");
}

static void test_flat(void)
{
    g_autoptr(QDict) flat = qdict_new();
    Lists *lists = NULL;
    Error *err = NULL;
    Visitor *v;

    qdict_put_str(flat, "id", "a");
    qdict_put_str(flat, "words.0", "7");
    qdict_put_int(flat, "words.1", 8);
    qdict_put_str(flat, "next.id", "b");
    qdict_put_bool(flat, "next.strs.0", false);
    v = qobject_input_visitor_new_flat_confused(flat, &error_abort);
    visit_type_Lists(v, NULL, &lists, &error_abort);
    visit_free(v);
    check_lists(lists, "{\"id\": \"a\", \"words\": [7, 8], \"next\": "
                "{\"id\": \"b\", \"strs\": [\"off\"]}}");
    g_assert_cmpuint(qdict_size(flat), ==, 5);

    qdict_put_str(flat, "next", "clash");
    g_assert_null(qobject_input_visitor_new_flat_confused(flat, &err));
    g_assert_nonnull(err);
    error_free(err);
}

static void test_output_details(void)
{
    Scalars scalars = { .str = NULL };
    Lists lists = { .id = NULL };
    Lists *obj = &lists;
    QObject *result;
    Visitor *v = qobject_output_visitor_new(&result);

    /* A name that was forgotten is an empty one. */
    visit_type_Lists(v, NULL, &obj, &error_abort);
    g_assert_null(result);
    visit_complete(v, &result);
    visit_free(v);
    check_text(result, "{\"id\": \"\"}");

    /* What nobody asks for is freed with the visitor. */
    v = qobject_output_visitor_new(&result);
    visit_type_Scalars(v, NULL, &(Scalars *) { &scalars }, &error_abort);
    visit_free(v);
    g_assert_null(result);
    visit_free(NULL);
}

/* Given up in the middle: the visitor frees what it has open. */
static void test_abandoned(void)
{
    Visitor *v = input("{'id': 'a', 'next': {'id': 'b', 'ints': [1]}}", false);
    void *list = NULL;

    g_assert_true(visit_start_struct(v, NULL, NULL, 0, &error_abort));
    g_assert_true(visit_start_struct(v, "next", NULL, 0, &error_abort));
    g_assert_true(visit_start_list(v, "ints", &list, &error_abort));
    visit_free(v);
}

static void test_missing(void)
{
    Visitor *v = input("{}", false);
    QNull *null = NULL;
    Error *err = NULL;
    QType type;
    void *obj;

    g_assert_true(visit_start_struct(v, NULL, NULL, 0, &error_abort));
    g_assert_false(visit_type_null(v, "a", &null, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "Parameter 'a' is missing");
    g_assert_null(null);
    error_free_or_abort(&err);
    g_assert_false(visit_start_list(v, "a", &obj, &err));
    error_free_or_abort(&err);
    g_assert_false(visit_start_struct(v, "a", &obj, 1, &err));
    g_assert_null(obj);
    error_free_or_abort(&err);
    g_assert_false(visit_start_alternate(v, "a", &obj, 1, &type, &err));
    g_assert_null(obj);
    error_free_or_abort(&err);
    visit_end_struct(v);
    visit_free(v);
}

static void test_missing_scalars(void)
{
    Visitor *v = input("{}", false);
    Scalars s = { .i = 5, .u64 = 6, .q_bool = true };

    g_assert_true(visit_start_struct(v, NULL, NULL, 0, &error_abort));
    g_assert_false(visit_type_int(v, "a", &s.i, NULL));
    g_assert_false(visit_type_uint64(v, "a", &s.u64, NULL));
    g_assert_false(visit_type_bool(v, "a", &s.q_bool, NULL));
    g_assert_false(visit_type_str(v, "a", &s.str, NULL));
    /* What failed is left alone. */
    g_assert_cmpint(s.i, ==, 5);
    g_assert_cmpuint(s.u64, ==, 6);
    g_assert_true(s.q_bool);
    visit_end_struct(v);
    visit_free(v);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/visitor/scalars", test_scalars);
    g_test_add_func("/visitor/nullable", test_nullable);
    g_test_add_func("/visitor/large-uint64", test_large_uint64);
    g_test_add_func("/visitor/keyval", test_keyval);
    g_test_add_func("/visitor/bad-scalars", test_bad_scalars);
    g_test_add_func("/visitor/bad-lists", test_bad_lists);
    g_test_add_func("/visitor/no-errp", test_no_errp);
    g_test_add_func("/visitor/lists", test_lists);
    g_test_add_func("/visitor/flat", test_flat);
    g_test_add_func("/visitor/output-details", test_output_details);
    g_test_add_func("/visitor/abandoned", test_abandoned);
    g_test_add_func("/visitor/missing", test_missing);
    g_test_add_func("/visitor/missing-scalars", test_missing_scalars);
    return g_test_run();
}
