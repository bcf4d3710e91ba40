/* SPDX-License-Identifier: MIT */
/*
 * The block layer's schema: every type through both visitors, the forms that
 * drivers rely on, and dictionaries that were mutated at random.
 *
 * Invariant: the random tests print their seed's choices through g_test, so
 * that --seed repeats them.
 */
#include "qemu/osdep.h"
#include "block/qdict.h"
#include "qapi/error.h"
#include "qapi/qmp/qbool.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qlist.h"
#include "qapi/qmp/qnum.h"
#include "qapi/qmp/qnull.h"
#include "qapi/qmp/qstring.h"
#include "qapi/qobject-input-visitor.h"
#include "qapi/qobject-output-visitor.h"
#include "qapi/samples.h"

/* Fills an object; NULL and errp set on failure. */
static void *fill(const Sample *sample, Visitor *v, Error **errp)
{
    void *obj = (void *)1;  /* an input visitor must not look at it */

    sample->visit(v, &obj, errp);
    visit_free(v);
    return obj;
}

/* Describes an object. */
static QObject *describe(const Sample *sample, void *obj)
{
    QObject *result;
    Visitor *v = qobject_output_visitor_new(&result);

    sample->visit(v, &obj, &error_abort);
    visit_complete(v, &result);
    visit_free(v);
    return result;
}

static void check_json(const Sample *sample, void *obj, const char *json)
{
    g_autoptr(QObject) described = describe(sample, obj);
    g_autoptr(QString) text = qobject_to_json(described);

    g_assert_cmpstr(qstring_get_str(text), ==, json);
}

static void test_round_trip(void)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(samples); i++) {
        const Sample *sample = &samples[i];
        g_autoptr(QObject) parsed = qobject_from_json(sample->json,
                                                      &error_abort);
        void *obj = fill(sample, qobject_input_visitor_new(parsed),
                         &error_abort);

        check_json(sample, obj, sample->json);
        sample->free(obj);
    }
}

/* The same, flat and with all scalars as strings, as option lists give it. */
static QObject *scalar_as_string(QObject *obj)
{
    switch (qobject_type(obj)) {
    case QTYPE_QNUM:
        return QOBJECT(qstring_take_str(
            qnum_to_string(qobject_to(QNum, obj))));
    case QTYPE_QBOOL:
        return QOBJECT(qstring_from_str(
            qbool_get_bool(qobject_to(QBool, obj)) ? "on" : "off"));
    default:
        return qobject_ref(obj);
    }
}

static QDict *flat_strings(const char *json)
{
    g_autoptr(QDict) dict =
        qobject_to(QDict, qobject_from_json(json, &error_abort));
    QDict *result = qdict_new();
    const QDictEntry *entry;

    qdict_flatten(dict);
    for (entry = qdict_first(dict); entry; entry = qdict_next(dict, entry)) {
        qdict_put_obj(result, qdict_entry_key(entry),
                      scalar_as_string(qdict_entry_value(entry)));
    }
    return result;
}

static void test_flat_round_trip(void)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(samples); i++) {
        const Sample *sample = &samples[i];
        g_autoptr(QDict) flat = NULL;
        void *obj;

        /* Dots take no list at the root, nor a scalar. */
        if (sample->json[0] != '{' || strcmp(sample->json, "{}") == 0) {
            continue;
        }
        flat = flat_strings(sample->json);
        obj = fill(sample, qobject_input_visitor_new_flat_confused(
                               flat, &error_abort), &error_abort);
        check_json(sample, obj, sample->json);
        sample->free(obj);
    }
}

static void test_enums(void)
{
    size_t i;
    int value;

    for (i = 0; i < G_N_ELEMENTS(enum_tables); i++) {
        const QEnumLookup *lookup = enum_tables[i].lookup;
        Error *err = NULL;

        for (value = 0; value < lookup->size; value++) {
            const char *name = qapi_enum_lookup(lookup, value);

            g_assert_cmpint(qapi_enum_parse(lookup, name, -1, &error_abort),
                            ==, value);
        }
        g_assert_cmpint(qapi_enum_parse(lookup, NULL, 77, &error_abort), ==,
                        77);
        g_assert_cmpint(qapi_enum_parse(lookup, "nonsense", -1, &err), ==, -1);
        g_assert_cmpstr(error_get_pretty(err), ==,
                        "invalid parameter value: nonsense");
        error_free(err);
    }
    g_assert_cmpint(BLOCKDEV_DRIVER__MAX, ==, BlockdevDriver_lookup.size);
    g_assert_cmpstr(BlockdevDriver_str(BLOCKDEV_DRIVER_NULL_CO), ==,
                    "null-co");
    g_assert_cmpstr(BlkdebugEvent_str(BLKDBG_PWRITEV_RMW_AFTER_TAIL), ==,
                    "pwritev_rmw_after_tail");
}

/* What a driver does with the options that came by name=value. */
static void test_create_vpc(void)
{
    static const QDictRenames renames[] = {
        { "force_size", "force-size" },
        { NULL, NULL },
    };
    g_autoptr(QDict) dict = qdict_new();
    BlockdevCreateOptions *opts = NULL;
    Visitor *v;

    qdict_put_str(dict, "size", "100M");
    qdict_put_str(dict, "subformat", "fixed");
    qdict_put_str(dict, "force_size", "on");
    qdict_put_str(dict, "driver", "vpc");
    qdict_put_str(dict, "file", "#block007");
    g_assert_true(qdict_rename_keys(dict, renames, &error_abort));

    v = qobject_input_visitor_new_flat_confused(dict, &error_abort);
    visit_type_BlockdevCreateOptions(v, NULL, &opts, &error_abort);
    visit_free(v);

    g_assert_cmpint(opts->driver, ==, BLOCKDEV_DRIVER_VPC);
    g_assert_cmpuint(opts->u.vpc.size, ==, 100 * 1024 * 1024);
    g_assert_true(opts->u.vpc.has_subformat);
    g_assert_cmpint(opts->u.vpc.subformat, ==, BLOCKDEV_VPC_SUBFORMAT_FIXED);
    g_assert_true(opts->u.vpc.has_force_size && opts->u.vpc.force_size);
    g_assert_cmpint(opts->u.vpc.file->type, ==, QTYPE_QSTRING);
    g_assert_cmpstr(opts->u.vpc.file->u.reference, ==, "#block007");
    qapi_free_BlockdevCreateOptions(opts);
}

/* Drivers read optional members without a look at has_. */
static void test_zeroed(void)
{
    g_autoptr(QObject) obj = qobject_from_json(
        "{'driver': 'vpc', 'file': {'driver': 'file', 'filename': 'a'}, "
        "'size': 1}", &error_abort);
    Visitor *v = qobject_input_visitor_new(obj);
    BlockdevCreateOptions *opts = NULL;

    visit_type_BlockdevCreateOptions(v, NULL, &opts, &error_abort);
    visit_free(v);
    g_assert_false(opts->u.vpc.has_subformat);
    g_assert_cmpint(opts->u.vpc.subformat, ==,
                    BLOCKDEV_VPC_SUBFORMAT_DYNAMIC);
    g_assert_false(opts->u.vpc.has_force_size);
    g_assert_false(opts->u.vpc.force_size);
    g_assert_cmpint(opts->u.vpc.file->type, ==, QTYPE_QDICT);
    g_assert_cmpint(opts->u.vpc.file->u.definition.driver, ==,
                    BLOCKDEV_DRIVER_FILE);
    g_assert_cmpstr(opts->u.vpc.file->u.definition.u.file.filename, ==, "a");
    qapi_free_BlockdevCreateOptions(opts);
}

/* Structures that drivers allocate and fill by themselves. */
static void test_free(void)
{
    BlockMeasureInfo *info = g_new(BlockMeasureInfo, 1);
    size_t i;

    *info = (BlockMeasureInfo) { .required = 1, .fully_allocated = 2 };
    g_assert_cmpuint(sizeof(*info), ==, 2 * sizeof(int64_t));
    qapi_free_BlockMeasureInfo(info);
    for (i = 0; i < G_N_ELEMENTS(samples); i++) {
        samples[i].free(NULL);
    }
    qapi_free_BlkdebugSetStateOptionsList(NULL);
}

static void test_messages(void)
{
    static const struct {
        const char *json;
        const char *message;
    } cases[] = {
        { "{}", "Parameter 'driver' is missing" },
        { "{'driver': 'ntfs'}",
          "Parameter 'driver' does not accept value 'ntfs'" },
        { "{'driver': 'raw'}", "Parameter 'file' is missing" },
        { "{'driver': 'raw', 'file': {'driver': 'file'}}",
          "Parameter 'file.filename' is missing" },
        { "{'driver': 'raw', 'file': {'driver': 'file', 'filename': 'a', "
          "'x': 1}}", "Parameter 'file.x' is unexpected" },
        { "{'driver': 'raw', 'file': 3}",
          "Invalid parameter type for 'file', expected: BlockdevRef" },
        { "{'driver': 'raw', 'file': 'n', 'size': -1}",
          "Parameter 'size' expects uint64" },
        { "{'driver': 'raw', 'file': 'n', 'size': '1M'}",
          "Parameter 'size' expects uint64" },
        { "{'driver': 'raw', 'file': 'n', 'read-only': 'on'}",
          "Invalid parameter type for 'read-only', expected: boolean" },
        { "{'driver': 'raw', 'file': 'n', 'backing': null}",
          "Parameter 'backing' is unexpected" },
        { "{'driver': 'blkdebug', 'image': 'n', 'inject-error': "
          "[{'event': 'none'}, {'event': 'some'}]}",
          "Parameter 'inject-error[1].event' does not accept value 'some'" },
    };
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QObject) obj = qobject_from_json(cases[i].json,
                                                   &error_abort);
        Visitor *v = qobject_input_visitor_new(obj);
        BlockdevOptions *opts = (void *)1;
        Error *err = NULL;

        visit_type_BlockdevOptions(v, NULL, &opts, &err);
        visit_free(v);
        g_assert_null(opts);
        g_assert_cmpstr(error_get_pretty(err), ==, cases[i].message);
        error_free(err);
    }
}

/* Definitions inside each other: an error, not the end of the stack. */
static void test_deep(void)
{
    GString *json = g_string_new(NULL);
    g_autoptr(QObject) obj = NULL;
    BlockdevOptions *opts = NULL;
    Error *err = NULL;
    Visitor *v;
    int i;

    for (i = 0; i < 200; i++) {
        g_string_append(json, "{'driver': 'raw', 'file': ");
    }
    g_string_append(json, "'n'");
    for (i = 0; i < 200; i++) {
        g_string_append_c(json, '}');
    }
    obj = qobject_from_json(json->str, &error_abort);
    v = qobject_input_visitor_new(obj);
    visit_type_BlockdevOptions(v, NULL, &opts, &err);
    visit_free(v);
    g_assert_null(opts);
    g_assert_true(g_str_has_suffix(error_get_pretty(err),
                                   ".file' is nested too deeply"));
    error_free(err);
    g_string_free(json, true);
}

/* Random mutations. */

static const char *const words[] = {
    "driver", "file", "filename", "raw", "vpc", "null-co", "on", "off", "1",
    "-1", "64M", "1e3", "18446744073709551616", "", "fixed", "node", "0", "1",
    "type", "data", "event", "pwritev", "size", "cache", "a.b", "none",
};

static const char *random_word(void)
{
    return words[g_test_rand_int_range(0, G_N_ELEMENTS(words))];
}

static QObject *random_value(int depth)
{
    QDict *dict;
    QList *list;

    switch (g_test_rand_int_range(0, depth > 3 ? 6 : 8)) {
    case 0:
        return QOBJECT(qnull());
    case 1:
        return QOBJECT(qnum_from_int((int32_t)g_test_rand_int()));
    case 2:
        return QOBJECT(qnum_from_uint(UINT64_MAX - g_test_rand_int_range(
            0, 3)));
    case 3:
        return QOBJECT(qnum_from_double(g_test_rand_double()));
    case 4:
        return QOBJECT(qbool_from_bool(g_test_rand_bit()));
    case 5:
        return QOBJECT(qstring_from_str(random_word()));
    case 6:
        dict = qdict_new();
        qdict_put_obj(dict, random_word(), random_value(depth + 1));
        qdict_put_obj(dict, random_word(), random_value(depth + 1));
        return QOBJECT(dict);
    default:
        list = qlist_new();
        qlist_append_obj(list, random_value(depth + 1));
        qlist_append_obj(list, random_value(depth + 1));
        return QOBJECT(list);
    }
}

/* A copy of @obj, each part of which is replaced with some probability. */
static QObject *mutate(QObject *obj, int depth)
{
    if (g_test_rand_int_range(0, 12) == 0) {
        return random_value(depth);
    }
    if (qobject_type(obj) == QTYPE_QDICT) {
        QDict *from = qobject_to(QDict, obj);
        QDict *dict = qdict_new();
        const QDictEntry *entry;

        for (entry = qdict_first(from); entry;
             entry = qdict_next(from, entry)) {
            if (g_test_rand_int_range(0, 16)) {
                qdict_put_obj(dict, qdict_entry_key(entry),
                              mutate(qdict_entry_value(entry), depth + 1));
            }
        }
        if (g_test_rand_int_range(0, 16) == 0) {
            qdict_put_obj(dict, random_word(), random_value(depth + 1));
        }
        return QOBJECT(dict);
    }
    if (qobject_type(obj) == QTYPE_QLIST) {
        QList *list = qlist_new();
        const QListEntry *entry;

        QLIST_FOREACH_ENTRY(qobject_to(QList, obj), entry) {
            qlist_append_obj(list, mutate(qlist_entry_obj(entry), depth + 1));
        }
        return QOBJECT(list);
    }
    return qobject_ref(obj);
}

/* Takes it or leaves it with an error; what was taken can be told again. */
static bool try_input(const Sample *sample, Visitor *v)
{
    Error *err = NULL;
    void *obj = fill(sample, v, &err);
    g_autoptr(QObject) first = NULL;
    g_autoptr(QObject) second = NULL;
    void *again;

    g_assert_true(!obj == !!err);
    if (!obj) {
        g_assert_cmpuint(strlen(error_get_pretty(err)), >, 0);
        error_free(err);
        return false;
    }
    first = describe(sample, obj);
    sample->free(obj);
    again = fill(sample, qobject_input_visitor_new(first), &error_abort);
    second = describe(sample, again);
    sample->free(again);
    g_assert_true(qobject_is_equal(first, second));
    return true;
}

static void test_random(void)
{
    int rounds = g_test_thorough() ? 200000 : 20000;
    int taken = 0;
    int i;

    for (i = 0; i < rounds; i++) {
        const Sample *sample = &samples[i % G_N_ELEMENTS(samples)];
        g_autoptr(QObject) parsed = qobject_from_json(sample->json,
                                                      &error_abort);
        g_autoptr(QObject) mutated = mutate(parsed, 0);

        taken += try_input(sample, qobject_input_visitor_new(mutated));
        taken += try_input(sample, qobject_input_visitor_new_keyval(mutated));
    }
    g_assert_cmpint(taken, >, rounds / 20);
    g_assert_cmpint(taken, <, rounds * 2);
}

static void test_random_flat(void)
{
    int rounds = g_test_thorough() ? 200000 : 20000;
    int i;

    for (i = 0; i < rounds; i++) {
        const Sample *sample = &samples[i % G_N_ELEMENTS(samples)];
        g_autoptr(QObject) parsed = qobject_from_json(sample->json,
                                                      &error_abort);
        g_autoptr(QObject) mutated = mutate(parsed, 0);
        QDict *dict = qobject_to(QDict, mutated);
        Error *err = NULL;
        Visitor *v;

        if (!dict) {
            continue;
        }
        qdict_flatten(dict);
        v = qobject_input_visitor_new_flat_confused(dict, &err);
        g_assert_true(!v == !!err);
        error_free(err);
        if (v) {
            try_input(sample, v);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block-core/round-trip", test_round_trip);
    g_test_add_func("/block-core/flat-round-trip", test_flat_round_trip);
    g_test_add_func("/block-core/enums", test_enums);
    g_test_add_func("/block-core/create-vpc", test_create_vpc);
    g_test_add_func("/block-core/zeroed", test_zeroed);
    g_test_add_func("/block-core/free", test_free);
    g_test_add_func("/block-core/messages", test_messages);
    g_test_add_func("/block-core/deep", test_deep);
    g_test_add_func("/block-core/random", test_random);
    g_test_add_func("/block-core/random-flat", test_random_flat);
    return g_test_run();
}
