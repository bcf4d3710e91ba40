/* SPDX-License-Identifier: MIT */
/*
 * Flat and nested dicts: flatten, crumple, move, split, rename.
 *
 * Dicts are written as JSON; since QDict keeps order, comparing the JSON of a
 * result checks order too.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/qdict.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qstring.h"

static QDict *dict_of(const char *json)
{
    return qobject_to(QDict, qobject_from_json(json, &error_abort));
}

static void check_json(const QObject *obj, const char *expected)
{
    g_autoptr(QString) json = qobject_to_json(obj);

    g_assert_cmpstr(qstring_get_str(json), ==, expected);
}

static void check_flatten(const char *nested, const char *expected)
{
    g_autoptr(QDict) dict = dict_of(nested);

    qdict_flatten(dict);
    check_json(QOBJECT(dict), expected);
}

static void test_flatten(void)
{
    check_flatten("{}", "{}");
    check_flatten("{'a': 1, 'b': {'y': {'z': true}, 'x': null}, 'c': 's'}",
                  "{\"a\": 1, \"b.y.z\": true, \"b.x\": null, \"c\": \"s\"}");
    check_flatten("{'l': [1, {'k': 2}, [3, 4]], 'a': 5}",
                  "{\"l.0\": 1, \"l.1.k\": 2, \"l.2.0\": 3, \"l.2.1\": 4, "
                  "\"a\": 5}");
    check_flatten("{'d': {}, 'l': [], 'n': {'d': {}, 'l': [[]]}}",
                  "{\"d\": {}, \"l\": [], \"n.d\": {}, \"n.l.0\": []}");
    check_flatten("{'a.b': 1, 'a': {'b': 2}}", "{\"a.b\": 2}");
    check_flatten("{'': {'': {'a': 1}}}", "{\"..a\": 1}");
}

static void test_flatten_shared(void)
{
    g_autoptr(QDict) dict = dict_of("{'a': {'b': 1}}");
    g_autoptr(QObject) sub = qobject_ref(qdict_get(dict, "a"));

    qdict_flatten(dict);
    check_json(sub, "{\"b\": 1}");
}

static void check_crumple(const char *flat, const char *expected)
{
    g_autoptr(QDict) dict = dict_of(flat);
    g_autoptr(QString) before = qobject_to_json(QOBJECT(dict));
    g_autoptr(QObject) nested = qdict_crumple(dict, &error_abort);

    check_json(nested, expected);
    check_json(QOBJECT(dict), qstring_get_str(before));
}

static void test_crumple(void)
{
    check_crumple("{}", "{}");
    check_crumple("{'b.y': 1, 'a': 2, 'b.x': 's', 'b.z.z': null}",
                  "{\"b\": {\"y\": 1, \"x\": \"s\", \"z\": {\"z\": null}}, "
                  "\"a\": 2}");
    check_crumple("{'d': {}, 'l': [], 'n.d': {}}",
                  "{\"d\": {}, \"l\": [], \"n\": {\"d\": {}}}");
}

static void test_crumple_list(void)
{
    check_crumple("{'l.1': 'b', 'l.0': 'a', 'l.2.k': 'c'}",
                  "{\"l\": [\"a\", \"b\", {\"k\": \"c\"}]}");
    check_crumple("{'0': 1, '1.0': 2, '1.1': 3}", "[1, [2, 3]]");
    check_crumple("{'l.0.0': 1, 'l.1': {}}", "{\"l\": [[1], {}]}");
    check_crumple("{'a.0x': 1, 'a.x0': 2}",
                  "{\"a\": {\"0x\": 1, \"x0\": 2}}");
}

static void test_crumple_escape(void)
{
    check_crumple("{'a..b': 1}", "{\"a.b\": 1}");
    check_crumple("{'a..b.c....d': 1}", "{\"a.b\": {\"c..d\": 1}}");
    check_crumple("{'a...b': 1}", "{\"a.\": {\"b\": 1}}");
    check_crumple("{'a.': 1, '': 2}", "{\"a\": {\"\": 1}, \"\": 2}");
    check_crumple("{'a.0..1': 1}", "{\"a\": {\"0.1\": 1}}");
}

static void check_crumple_error(const char *flat, const char *message)
{
    g_autoptr(QDict) dict = dict_of(flat);
    g_autoptr(Error) err = NULL;

    g_assert_null(qdict_crumple(dict, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    g_assert_null(qdict_crumple(dict, NULL));
}

static void test_crumple_error(void)
{
    check_crumple_error("{'a': 1, 'a.b': 2}",
                        "Key 'a.b' clashes with another key");
    check_crumple_error("{'a.b': 2, 'a': 1}",
                        "Key 'a' clashes with another key");
    check_crumple_error("{'a': {}, 'a.b': 2}",
                        "Key 'a.b' clashes with another key");
    check_crumple_error("{'a': [], 'a.0': 2}",
                        "Key 'a.0' clashes with another key");
    check_crumple_error("{'a.b': 2, 'a': {}}",
                        "Key 'a' clashes with another key");
    check_crumple_error("{'x.l.0': 1, 'x.l.k': 2}",
                        "Keys 'x.l.*' are partly list indices, partly names");
    check_crumple_error("{'0': 1, 'k': 2}",
                        "Keys '*' are partly list indices, partly names");
    check_crumple_error("{'x.l.0': 1, 'x.l.2': 2}",
                        "List element 'x.l.1' is missing");
    check_crumple_error("{'l.00': 1}", "List element 'l.0' is missing");
    check_crumple_error("{'l.99999999999999999999': 1}",
                        "List element 'l.0' is missing");
    check_crumple_error("{'a': {'b': 1}}",
                        "Value of key 'a' is not a scalar");
    check_crumple_error("{'a': [1]}", "Value of key 'a' is not a scalar");
}

/* A key of @parts parts, "a.a.a"; the caller frees it. */
static char *deep_key(int parts)
{
    GString *key = g_string_new("a");

    while (--parts) {
        g_string_append(key, ".a");
    }
    return g_string_free(key, FALSE);
}

static void test_crumple_depth(void)
{
    g_autofree char *fits = deep_key(QOBJECT_MAX_DEPTH);
    g_autofree char *deeper = deep_key(QOBJECT_MAX_DEPTH + 1);
    g_autofree char *hostile = deep_key(1000000);
    const char *bad[] = { deeper, hostile };
    g_autoptr(QDict) dict = qdict_new();
    g_autoptr(QObject) nested = NULL;
    size_t i;

    qdict_put_str(dict, fits, "x");
    nested = qdict_crumple(dict, &error_abort);
    qdict_flatten(qobject_to(QDict, nested));
    g_assert_true(qobject_is_equal(nested, QOBJECT(dict)));

    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(QDict) deep = qdict_new();
        g_autoptr(Error) err = NULL;

        qdict_put_str(deep, bad[i], "x");
        g_assert_null(qdict_crumple(deep, &err));
        g_assert_true(g_str_has_suffix(error_get_pretty(err),
                                       "...' is nested too deeply"));
    }
}

static void test_round_trip(void)
{
    const char *json = "{'driver': 'vpc', 'file': {'driver': 'raw', 'size': 5,"
                       " 'file': {'filename': 'x'}}, 'l': [{'a': 1}, [], {}]}";
    g_autoptr(QDict) dict = dict_of(json);
    g_autoptr(QDict) flat = dict_of(json);
    g_autoptr(QObject) nested = NULL;

    qdict_flatten(flat);
    g_assert_true(qdict_haskey(flat, "file.size"));
    nested = qdict_crumple(flat, &error_abort);
    g_assert_true(qobject_is_equal(nested, QOBJECT(dict)));
}

static void test_defaults(void)
{
    g_autoptr(QDict) dst = dict_of("{'a': 1}");
    g_autoptr(QDict) src = dict_of("{'a': 2, 'b': 3}");

    qdict_copy_default(dst, src, "a");
    qdict_copy_default(dst, src, "b");
    qdict_copy_default(dst, src, "c");
    qdict_set_default_str(dst, "a", "x");
    qdict_set_default_str(dst, "d", "y");
    check_json(QOBJECT(dst), "{\"a\": 1, \"b\": 3, \"d\": \"y\"}");
    check_json(QOBJECT(src), "{\"a\": 2, \"b\": 3}");
}

static void test_join(void)
{
    g_autoptr(QDict) dest = dict_of("{'a': 1, 'b': 2}");
    g_autoptr(QDict) src = dict_of("{'b': 3, 'c': 4}");

    qdict_join(dest, src, false);
    check_json(QOBJECT(dest), "{\"a\": 1, \"b\": 2, \"c\": 4}");
    check_json(QOBJECT(src), "{\"b\": 3}");

    qdict_join(dest, src, true);
    check_json(QOBJECT(dest), "{\"a\": 1, \"b\": 3, \"c\": 4}");
    check_json(QOBJECT(src), "{}");
}

static void test_extract(void)
{
    g_autoptr(QDict) src = dict_of("{'file.b': 1, 'file': 2, 'x': 3, "
                                   "'file.a.c': 4, 'files': 5, 'x.file.': 6}");
    g_autoptr(QDict) dst = NULL;
    g_autoptr(QDict) empty = NULL;

    qdict_extract_subqdict(src, &dst, "file.");
    check_json(QOBJECT(dst), "{\"b\": 1, \"a.c\": 4}");
    check_json(QOBJECT(src),
               "{\"file\": 2, \"x\": 3, \"files\": 5, \"x.file.\": 6}");
    qdict_extract_subqdict(src, &empty, "file.");
    g_assert_cmpuint(qdict_size(empty), ==, 0);
    qdict_extract_subqdict(src, NULL, "file");
    check_json(QOBJECT(src), "{\"x\": 3, \"x.file.\": 6}");
}

static void check_split(const char *json, const char *list, const char *rest)
{
    g_autoptr(QDict) src = dict_of(json);
    g_autoptr(QList) dst = NULL;

    qdict_array_split(src, &dst);
    check_json(QOBJECT(dst), list);
    check_json(QOBJECT(src), rest);
}

static void test_array_split(void)
{
    check_split("{}", "[]", "{}");
    check_split("{'1.x': 1, '0': 'a', '1.y.0': 2, '3': 'd', 'k': 3}",
                "[\"a\", {\"x\": 1, \"y.0\": 2}]", "{\"3\": \"d\", \"k\": 3}");
    check_split("{'0': 1, '1': 2, '1.x': 3}", "[1]",
                "{\"1\": 2, \"1.x\": 3}");
}

static void test_rename(void)
{
    static const QDictRenames renames[] = {
        { "old", "new" }, { "alias", "name" }, { NULL, NULL },
    };
    g_autoptr(QDict) dict = dict_of("{'old': 1, 'name': 2, 'x': 3}");
    g_autoptr(Error) err = NULL;

    g_assert_true(qdict_rename_keys(dict, renames, &error_abort));
    check_json(QOBJECT(dict), "{\"name\": 2, \"x\": 3, \"new\": 1}");

    qdict_put_str(dict, "alias", "y");
    g_assert_false(qdict_rename_keys(dict, renames, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "'name' and its alias 'alias' can't be used at the same "
                    "time");
    g_assert_false(qdict_rename_keys(dict, renames, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block-qdict/flatten", test_flatten);
    g_test_add_func("/block-qdict/flatten-shared", test_flatten_shared);
    g_test_add_func("/block-qdict/crumple", test_crumple);
    g_test_add_func("/block-qdict/crumple-list", test_crumple_list);
    g_test_add_func("/block-qdict/crumple-escape", test_crumple_escape);
    g_test_add_func("/block-qdict/crumple-error", test_crumple_error);
    g_test_add_func("/block-qdict/crumple-depth", test_crumple_depth);
    g_test_add_func("/block-qdict/round-trip", test_round_trip);
    g_test_add_func("/block-qdict/defaults", test_defaults);
    g_test_add_func("/block-qdict/join", test_join);
    g_test_add_func("/block-qdict/extract", test_extract);
    g_test_add_func("/block-qdict/array-split", test_array_split);
    g_test_add_func("/block-qdict/rename", test_rename);
    return g_test_run();
}
