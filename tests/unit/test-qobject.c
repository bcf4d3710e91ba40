/* SPDX-License-Identifier: MIT */
/*
 * The QObject family: references, types, numbers, strings, lists, dicts.
 *
 * Invariant: each test drops every reference that it owns, so that the leak
 * checker sees a wrong count.
 */
#include "qemu/osdep.h"
#include "qapi/qmp/qbool.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qlist.h"
#include "qapi/qmp/qnull.h"
#include "qapi/qmp/qnum.h"
#include "qapi/qmp/qstring.h"

/* What runs in a child that must die by an assertion. */
static void expect_abort(const char *path, void (*fn)(void))
{
    if (g_test_subprocess()) {
        fn();
        return;
    }
    g_test_trap_subprocess(path, 0, 0);
    g_test_trap_assert_failed();
}

static void test_refcount(void)
{
    QDict *dict = qdict_new();
    QString *str = qstring_from_str("x");

    g_assert_cmpuint(str->base.refcnt, ==, 1);
    g_assert_true(qobject_ref(str) == str);
    g_assert_cmpuint(str->base.refcnt, ==, 2);

    qdict_put(dict, "a", str);
    qdict_put(dict, "a", qobject_ref(str)); /* replaced by itself */
    g_assert_cmpuint(str->base.refcnt, ==, 2);

    qobject_unref(dict);
    g_assert_cmpuint(str->base.refcnt, ==, 1);
    g_assert_cmpstr(qstring_get_str(str), ==, "x");
    qobject_unref(str);
}

static void test_null_pointers(void)
{
    QDict *dict = NULL;
    QObject *obj = NULL;

    g_assert_null(QOBJECT(dict));
    g_assert_null(qobject_ref(dict));
    g_assert_null(qobject_to(QDict, obj));
    g_assert_null(qobject_get_try_str(obj));
    qobject_unref(dict);
    qobject_unref(obj);
    g_assert_true(qobject_is_equal(NULL, NULL));
}

static void test_types(void)
{
    QObject *objs[] = {
        QOBJECT(qnull()), QOBJECT(qnum_from_int(1)),
        QOBJECT(qstring_from_str("")), QOBJECT(qdict_new()),
        QOBJECT(qlist_new()), QOBJECT(qbool_from_bool(true)),
    };
    const QType types[] = {
        QTYPE_QNULL, QTYPE_QNUM, QTYPE_QSTRING,
        QTYPE_QDICT, QTYPE_QLIST, QTYPE_QBOOL,
    };
    size_t i, j;

    for (i = 0; i < G_N_ELEMENTS(objs); i++) {
        g_assert_cmpint(qobject_type(objs[i]), ==, types[i]);
        for (j = 0; j < G_N_ELEMENTS(objs); j++) {
            g_assert_cmpint(qobject_is_equal(objs[i], objs[j]), ==, i == j);
            g_assert_true(!qobject_check_type(objs[i], types[j]) == (i != j));
        }
    }
    g_assert_nonnull(qobject_to(QNull, objs[0]));
    g_assert_null(qobject_to(QNull, objs[1]));
    g_assert_nonnull(qobject_to(QDict, objs[3]));
    g_assert_false(qobject_is_equal(objs[0], NULL));
    g_assert_false(qobject_is_equal(NULL, objs[0]));
    for (i = 0; i < G_N_ELEMENTS(objs); i++) {
        qobject_unref(objs[i]);
    }
}

static void test_autoptr(void)
{
    g_autoptr(QDict) dict = qdict_new();
    g_autoptr(QObject) obj = QOBJECT(qobject_ref(dict));
    g_autoptr(QString) none = NULL;

    g_assert_true(obj == QOBJECT(dict));
    g_assert_null(none);
    g_assert_cmpuint(dict->base.refcnt, ==, 2);
}

static void test_qnum_int(void)
{
    g_autoptr(QNum) min = qnum_from_int(INT64_MIN);
    g_autoptr(QNum) max = qnum_from_uint(UINT64_MAX);
    g_autoptr(QNum) five = qnum_from_uint(5);
    g_autoptr(QNum) six = qnum_from_int(6);
    int64_t i = 77;
    uint64_t u = 77;

    g_assert_false(qnum_get_try_uint(min, &u));
    g_assert_cmpuint(u, ==, 77);
    g_assert_false(qnum_get_try_int(max, &i));
    g_assert_cmpint(i, ==, 77);

    g_assert_true(qnum_get_try_int(min, &i));
    g_assert_cmpint(i, ==, INT64_MIN);
    g_assert_true(qnum_get_try_uint(max, &u));
    g_assert_cmpuint(u, ==, UINT64_MAX);
    g_assert_true(qnum_get_try_int(five, &i));
    g_assert_cmpint(i, ==, 5);
    g_assert_true(qnum_get_try_uint(six, &u));
    g_assert_cmpuint(u, ==, 6);
}

static void test_qnum_double(void)
{
    g_autoptr(QNum) d = qnum_from_double(4.0);
    int64_t i;
    uint64_t u;

    g_assert_false(qnum_get_try_int(d, &i));
    g_assert_false(qnum_get_try_uint(d, &u));
}

static void check_num_string(QNum *num, const char *expected)
{
    g_autofree char *str = qnum_to_string(num);

    g_assert_cmpstr(str, ==, expected);
    qobject_unref(num);
}

static void test_qnum_to_string(void)
{
    check_num_string(qnum_from_int(INT64_MIN), "-9223372036854775808");
    check_num_string(qnum_from_uint(UINT64_MAX), "18446744073709551615");
    check_num_string(qnum_from_double(0.1), "0.1");
    check_num_string(qnum_from_double(1.0 / 3), "0.33333333333333331");
    check_num_string(qnum_from_double(-2), "-2.0");
    check_num_string(qnum_from_double(1e300), "1e+300");
}

static void check_num_equal(QNum *x, QNum *y, bool expected)
{
    g_assert_cmpint(qobject_is_equal(QOBJECT(x), QOBJECT(y)), ==, expected);
    g_assert_cmpint(qobject_is_equal(QOBJECT(y), QOBJECT(x)), ==, expected);
    qobject_unref(x);
    qobject_unref(y);
}

static void test_qnum_equal(void)
{
    check_num_equal(qnum_from_int(3), qnum_from_uint(3), true);
    check_num_equal(qnum_from_int(3), qnum_from_int(4), false);
    check_num_equal(qnum_from_int(-1), qnum_from_uint(UINT64_MAX), false);
    check_num_equal(qnum_from_uint(UINT64_MAX), qnum_from_uint(UINT64_MAX),
                    true);
    check_num_equal(qnum_from_uint(UINT64_MAX), qnum_from_uint(UINT64_MAX - 1),
                    false);
    check_num_equal(qnum_from_int(3), qnum_from_double(3), false);
    check_num_equal(qnum_from_double(3), qnum_from_double(3), true);
}

static void test_qstring(void)
{
    g_autoptr(QString) empty = qstring_from_str("");
    g_autoptr(QString) str = qstring_take_str(g_strdup("abc"));
    g_autoptr(QString) same = qstring_from_str("abc");

    g_assert_cmpstr(qstring_get_str(empty), ==, "");
    g_assert_cmpstr(qstring_get_str(str), ==, "abc");
    g_assert_cmpstr(qobject_get_try_str(QOBJECT(str)), ==, "abc");
    g_assert_true(qobject_is_equal(QOBJECT(str), QOBJECT(same)));
    g_assert_false(qobject_is_equal(QOBJECT(str), QOBJECT(empty)));
}

static QList *list_of(int n, const char *text)
{
    QList *list = qlist_new();

    qlist_append(list, qnum_from_int(n));
    qlist_append(list, qstring_from_str(text));
    qlist_append(list, qlist_new());
    return list;
}

static void test_qlist(void)
{
    g_autoptr(QList) list = qlist_new();
    g_autoptr(QList) full = list_of(1, "two");
    g_autoptr(QList) same = list_of(1, "two");
    g_autoptr(QList) other = list_of(1, "three");
    const QListEntry *entry;
    size_t n = 0;

    g_assert_true(qlist_empty(list));
    g_assert_null(qlist_first(list));
    g_assert_false(qlist_empty(full));
    QLIST_FOREACH_ENTRY(full, entry) {
        n += qlist_entry_obj(entry)->base.refcnt;
    }
    g_assert_cmpuint(n, ==, 3);
    g_assert_true(qobject_is_equal(QOBJECT(full), QOBJECT(same)));
    g_assert_false(qobject_is_equal(QOBJECT(full), QOBJECT(other)));
    g_assert_false(qobject_is_equal(QOBJECT(full), QOBJECT(list)));
    qlist_append(same, qnull());
    g_assert_false(qobject_is_equal(QOBJECT(full), QOBJECT(same)));
}

/* The integer under @key. */
static int64_t get_int(const QDict *dict, const char *key)
{
    int64_t value = 0;

    g_assert_true(qnum_get_try_int(qobject_to(QNum, qdict_get(dict, key)),
                                   &value));
    return value;
}

static void test_qdict_get(void)
{
    g_autoptr(QDict) dict = qdict_new();

    qdict_put_int(dict, "i", -7);
    qdict_put_bool(dict, "b", true);
    qdict_put_str(dict, "s", "text");
    qdict_put_null(dict, "n");
    qdict_put(dict, "d", qdict_new());

    g_assert_cmpuint(qdict_size(dict), ==, 5);
    g_assert_cmpint(get_int(dict, "i"), ==, -7);
    g_assert_true(qbool_get_bool(qobject_to(QBool, qdict_get(dict, "b"))));
    g_assert_cmpstr(qdict_get_str(dict, "s"), ==, "text");
    g_assert_cmpint(qobject_type(qdict_get(dict, "n")), ==, QTYPE_QNULL);
    g_assert_nonnull(qdict_get_qdict(dict, "d"));
    g_assert_true(qdict_haskey(dict, "n"));
    g_assert_cmpstr(qdict_get_try_str(dict, "s"), ==, "text");
    g_assert_null(qdict_get_try_str(dict, "i"));
    g_assert_null(qdict_get_try_str(dict, "none"));
    g_assert_null(qdict_get_qdict(dict, "s"));
    g_assert_null(qdict_get(dict, "none"));
    g_assert_false(qdict_haskey(dict, "none"));
}

static void do_get_missing_str(void)
{
    g_autoptr(QDict) dict = qdict_new();

    qdict_get_str(dict, "none");
}

static void test_qdict_get_missing(void)
{
    expect_abort("/qobject/qdict/get-missing", do_get_missing_str);
}

/* The keys of @dict in order, with blanks between; the caller frees it. */
static char *keys_of(const QDict *dict)
{
    const QDictEntry *entry;
    GString *keys = g_string_new(NULL);

    for (entry = qdict_first(dict); entry; entry = qdict_next(dict, entry)) {
        g_string_append_printf(keys, "%s%s", keys->len ? " " : "",
                               qdict_entry_key(entry));
    }
    return g_string_free(keys, FALSE);
}

static void check_keys(const QDict *dict, const char *expected)
{
    g_autofree char *keys = keys_of(dict);

    g_assert_cmpstr(keys, ==, expected);
}

static void test_qdict_order(void)
{
    g_autoptr(QDict) dict = qdict_new();

    check_keys(dict, "");
    qdict_put_int(dict, "z", 1);
    qdict_put_int(dict, "a", 2);
    qdict_put_int(dict, "m", 3);
    check_keys(dict, "z a m");

    qdict_put_int(dict, "z", 4); /* keeps its place */
    check_keys(dict, "z a m");
    g_assert_cmpint(get_int(dict, "z"), ==, 4);

    qdict_del(dict, "z");
    qdict_del(dict, "none");
    check_keys(dict, "a m");
    qdict_put_int(dict, "z", 5);
    check_keys(dict, "a m z");
}

static void test_qdict_delete_while_visiting(void)
{
    g_autoptr(QDict) dict = qdict_new();
    const QDictEntry *entry, *next;
    char key[16];
    int i;

    for (i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        qdict_put_int(dict, key, i);
    }
    i = 0;
    for (entry = qdict_first(dict); entry; entry = next) {
        next = qdict_next(dict, entry);
        g_assert_cmpint(get_int(dict, qdict_entry_key(entry)), ==, i);
        if (i++ % 2) {
            qdict_del(dict, qdict_entry_key(entry));
        }
    }
    g_assert_cmpuint(qdict_size(dict), ==, 500);
    g_assert_true(qdict_haskey(dict, "k998"));
    g_assert_false(qdict_haskey(dict, "k999"));
}

static void test_qdict_clone(void)
{
    g_autoptr(QDict) dict = qdict_new();
    g_autoptr(QDict) clone = NULL;

    qdict_put_str(dict, "b", "1");
    qdict_put(dict, "a", qdict_new());
    clone = qdict_clone_shallow(dict);
    check_keys(clone, "b a");
    g_assert_true(qdict_get(dict, "a") == qdict_get(clone, "a"));
    qdict_put_str(clone, "b", "2");
    g_assert_cmpstr(qdict_get_str(dict, "b"), ==, "1");
}

static void test_qdict_equal(void)
{
    g_autoptr(QDict) x = qdict_new();
    g_autoptr(QDict) y = qdict_new();

    qdict_put_int(x, "a", 1);
    qdict_put_str(x, "b", "s");
    qdict_put_str(y, "b", "s");
    g_assert_false(qobject_is_equal(QOBJECT(x), QOBJECT(y)));
    qdict_put_int(y, "c", 1);
    g_assert_false(qobject_is_equal(QOBJECT(x), QOBJECT(y)));
    qdict_del(y, "c");
    qdict_put_int(y, "a", 1); /* another order */
    g_assert_true(qobject_is_equal(QOBJECT(x), QOBJECT(y)));
    qdict_put_bool(y, "a", true);
    g_assert_false(qobject_is_equal(QOBJECT(x), QOBJECT(y)));
}

static void test_qbool_equal(void)
{
    g_autoptr(QBool) yes = qbool_from_bool(true);
    g_autoptr(QBool) too = qbool_from_bool(true);
    g_autoptr(QBool) no = qbool_from_bool(false);

    g_assert_true(qobject_is_equal(QOBJECT(yes), QOBJECT(too)));
    g_assert_false(qobject_is_equal(QOBJECT(yes), QOBJECT(no)));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qobject/refcount", test_refcount);
    g_test_add_func("/qobject/null-pointers", test_null_pointers);
    g_test_add_func("/qobject/types", test_types);
    g_test_add_func("/qobject/autoptr", test_autoptr);
    g_test_add_func("/qobject/qnum/int", test_qnum_int);
    g_test_add_func("/qobject/qnum/double", test_qnum_double);
    g_test_add_func("/qobject/qnum/to-string", test_qnum_to_string);
    g_test_add_func("/qobject/qnum/equal", test_qnum_equal);
    g_test_add_func("/qobject/qstring", test_qstring);
    g_test_add_func("/qobject/qlist", test_qlist);
    g_test_add_func("/qobject/qdict/get", test_qdict_get);
    g_test_add_func("/qobject/qdict/get-missing", test_qdict_get_missing);
    g_test_add_func("/qobject/qdict/order", test_qdict_order);
    g_test_add_func("/qobject/qdict/delete-while-visiting",
                    test_qdict_delete_while_visiting);
    g_test_add_func("/qobject/qdict/clone", test_qdict_clone);
    g_test_add_func("/qobject/qdict/equal", test_qdict_equal);
    g_test_add_func("/qobject/qbool/equal", test_qbool_equal);
    return g_test_run();
}
