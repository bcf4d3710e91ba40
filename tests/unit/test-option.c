/* SPDX-License-Identifier: MIT */
/*
 * Tests of qemu/option.h: sets, typed values and their errors, texts, joined
 * lists, dictionaries, and what is printed.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qlist.h"
#include "qapi/qmp/qstring.h"
#include "qemu/option.h"
#include "qemu/units.h"

/* A tentative definition, as drivers have it, completed below. */
static QemuOptsList tentative_list;

static QemuOptsList *tentative(void)
{
    return &tentative_list;
}

static QemuOptsList tentative_list = {
    .name = "tentative",
    .head = QTAILQ_HEAD_INITIALIZER(tentative_list.head),
    .desc = {
        { .name = "x" },
        { /* end */ }
    },
};

static QemuOptsList list = {
    .name = "test",
    .head = QTAILQ_HEAD_INITIALIZER(list.head),
    .desc = {
        { .name = "str", .type = QEMU_OPT_STRING, .help = "A string" },
        { .name = "flag", .type = QEMU_OPT_BOOL, .help = "A flag" },
        { .name = "num", .type = QEMU_OPT_NUMBER },
        { .name = "size", .type = QEMU_OPT_SIZE, .help = "A size" },
        { .name = "dstr", .type = QEMU_OPT_STRING, .def_value_str = "d" },
        { .name = "dflag", .type = QEMU_OPT_BOOL, .def_value_str = "on" },
        { .name = "dnum", .type = QEMU_OPT_NUMBER, .def_value_str = "7" },
        { .name = "dsize", .type = QEMU_OPT_SIZE, .def_value_str = "64k" },
        { /* end */ }
    },
};

static QemuOptsList any_list = {
    .name = "any",
    .head = QTAILQ_HEAD_INITIALIZER(any_list.head),
    .desc = { { /* end */ } },
};

static QemuOptsList merged_list = {
    .name = "merged",
    .merge_lists = true,
    .head = QTAILQ_HEAD_INITIALIZER(merged_list.head),
    .desc = { { /* end */ } },
};

static QemuOpts *new_opts(QemuOptsList *from)
{
    return qemu_opts_create(from, NULL, 0, &error_abort);
}

/* @err must be set and say @message; frees it. */
static void check_error(Error **err, const char *message)
{
    g_assert_nonnull(*err);
    g_assert_cmpstr(error_get_pretty(*err), ==, message);
    error_free_or_abort(err);
}

static void test_create(void)
{
    Error *err = NULL;
    QemuOpts *a = new_opts(&list), *b = new_opts(&list), *c;

    g_assert_true(a != b);
    c = qemu_opts_create(&list, "c.1-_", 1, &error_abort);
    g_assert_true(c != a && c != b);
    g_assert_true(qemu_opts_create(&list, "c.1-_", 0, &error_abort) == c);
    g_assert_null(qemu_opts_create(&list, "c.1-_", 1, &err));
    check_error(&err, "Duplicate ID 'c.1-_' for test");
    g_assert_null(qemu_opts_create(&list, "1c", 1, &err));
    check_error(&err, "Parameter 'id' expects an identifier");
    g_assert_null(qemu_opts_create(&list, "c d", 1, &err));
    check_error(&err, "Parameter 'id' expects an identifier");
    qemu_opts_del(NULL);
    qemu_opts_del(a);
    qemu_opts_del(b);
    qemu_opts_del(c);
    g_assert_true(QTAILQ_EMPTY(&list.head));
}

static void test_merged_and_zeroed(void)
{
    g_autofree QemuOptsList *zeroed = g_malloc0(sizeof(*zeroed) +
                                                sizeof(QemuOptDesc));
    QemuOpts *a = new_opts(&merged_list);

    g_assert_true(new_opts(&merged_list) == a);
    qemu_opts_del(a);
    a = new_opts(zeroed);
    g_assert_true(qemu_opt_set(a, "any", "thing", &error_abort));
    g_assert_cmpstr(qemu_opt_get(a, "any"), ==, "thing");
    qemu_opts_del(a);
    a = new_opts(tentative());
    g_assert_true(qemu_opt_set(a, "x", "y", &error_abort));
    qemu_opts_del(a);
}

static void test_defaults(void)
{
    QemuOpts *opts = new_opts(&list);
    g_autofree char *str = NULL;

    g_assert_null(qemu_opt_get(opts, "str"));
    g_assert_cmpstr(qemu_opt_get(opts, "dstr"), ==, "d");
    g_assert_null(qemu_opt_find(opts, "dstr"));
    g_assert_false(qemu_opt_get_bool(opts, "flag", false));
    g_assert_true(qemu_opt_get_bool(opts, "flag", true));
    g_assert_true(qemu_opt_get_bool(opts, "dflag", false));
    g_assert_cmpuint(qemu_opt_get_number(opts, "num", 3), ==, 3);
    g_assert_cmpuint(qemu_opt_get_number(opts, "dnum", 3), ==, 7);
    g_assert_cmpuint(qemu_opt_get_size(opts, "size", 3), ==, 3);
    g_assert_cmpuint(qemu_opt_get_size(opts, "dsize", 3), ==, 64 * KiB);
    str = qemu_opt_get_del(opts, "dstr");
    g_assert_cmpstr(str, ==, "d");
    qemu_opts_del(opts);

    /* No options at all. */
    g_assert_null(qemu_opt_get(NULL, "str"));
    g_assert_null(qemu_opt_get_del(NULL, "str"));
    g_assert_true(qemu_opt_get_bool(NULL, "flag", true));
    g_assert_true(qemu_opt_get_bool_del(NULL, "flag", true));
    g_assert_cmpuint(qemu_opt_get_number(NULL, "num", 3), ==, 3);
    g_assert_cmpuint(qemu_opt_get_size(NULL, "size", 3), ==, 3);
    g_assert_cmpuint(qemu_opt_get_size_del(NULL, "size", 3), ==, 3);
}

static void test_set_and_get(void)
{
    QemuOpts *opts = new_opts(&list);
    g_autofree char *str = NULL;

    qemu_opt_set(opts, "str", "a", &error_abort);
    qemu_opt_set(opts, "str", "b", &error_abort);
    qemu_opt_set(opts, "flag", "on", &error_abort);
    qemu_opt_set(opts, "dflag", "off", &error_abort);
    qemu_opt_set_number(opts, "num", -5, &error_abort);
    qemu_opt_set(opts, "size", "1.5G", &error_abort);
    g_assert_cmpstr(qemu_opt_get(opts, "str"), ==, "b");
    g_assert_nonnull(qemu_opt_find(opts, "str"));
    g_assert_true(qemu_opt_get_bool(opts, "flag", false));
    g_assert_false(qemu_opt_get_bool(opts, "dflag", true));
    g_assert_cmpint(qemu_opt_get_number(opts, "num", 1), ==, -5);
    g_assert_cmpstr(qemu_opt_get(opts, "size"), ==, "1.5G");
    g_assert_cmpuint(qemu_opt_get_size(opts, "size", 1), ==,
                     1536 * (uint64_t)MiB);

    g_assert_true(qemu_opt_get_bool_del(opts, "flag", false));
    g_assert_null(qemu_opt_find(opts, "flag"));
    g_assert_cmpuint(qemu_opt_get_size_del(opts, "size", 1), >, 1);
    g_assert_cmpuint(qemu_opt_get_size_del(opts, "size", 1), ==, 1);
    /* Not the one before it, either. */
    str = qemu_opt_get_del(opts, "str");
    g_assert_cmpstr(str, ==, "b");
    g_assert_null(qemu_opt_get(opts, "str"));
    qemu_opt_unset(opts, "str");
    g_assert_true(qemu_opt_find(opts, "dflag") != NULL);
    qemu_opt_unset(opts, "dflag");
    g_assert_null(qemu_opt_find(opts, "dflag"));
    qemu_opts_del(opts);
}

typedef struct BadCase {
    const char *name;
    const char *value;
    const char *message;
} BadCase;

static void test_bad_values(void)
{
    static const BadCase cases[] = {
        { "what", "1", "Invalid parameter 'what'" },
        { "", "1", "Invalid parameter ''" },
        { "flag", "maybe", "Parameter 'flag' expects 'on' or 'off'" },
        { "flag", "On", "Parameter 'flag' expects 'on' or 'off'" },
        { "flag", "", "Parameter 'flag' expects 'on' or 'off'" },
        { "num", "", "Parameter 'num' expects a number" },
        { "num", "16x", "Parameter 'num' expects a number" },
        { "num", "99999999999999999999",
          "Value '99999999999999999999' is too large for parameter 'num'" },
        { "size", "99E", "Value '99E' is out of range for parameter 'size'" },
        { "size", "1.5",
          "Parameter 'size' expects a non-negative number below 2^64" },
        { "size", "-5",
          "Parameter 'size' expects a non-negative number below 2^64" },
    };
    QemuOpts *opts = new_opts(&list);
    Error *err = NULL;
    size_t i;

    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        g_assert_false(qemu_opt_set(opts, cases[i].name, cases[i].value,
                                    &err));
        check_error(&err, cases[i].message);
        g_assert_null(qemu_opt_find(opts, cases[i].name));
    }
    g_assert_false(qemu_opt_set(opts, "size", "1X", &err));
    g_assert_cmpstr(error_get_hint(err), ==,
                    "Optional suffix k, M, G, T, P or E means kilo-, mega-, "
                    "giga-, tera-, peta-\nand exabytes, respectively.\n"
                    "The 'X' after '1' is wrong: the units are k, M, G, T, P "
                    "and E\n");
    error_free_or_abort(&err);
    g_assert_false(qemu_opt_set(opts, "size", "1X", NULL));
    qemu_opts_del(opts);
}

static void test_booleans(void)
{
    static const char *const words[] = {
        "off", "on", "no", "yes", "false", "true", "n", "y",
    };
    QemuOpts *opts = new_opts(&list);
    size_t i;

    for (i = 0; i < ARRAY_SIZE(words); i++) {
        qemu_opt_set(opts, "flag", words[i], &error_abort);
        g_assert_cmpint(qemu_opt_get_bool(opts, "flag", i % 2 == 0), ==,
                        i % 2);
    }
    qemu_opts_del(opts);
}

/* A list without descriptions: typed when it is asked. */
static void test_any(void)
{
    QemuOpts *opts = new_opts(&any_list);

    qemu_opt_set(opts, "a", "on", &error_abort);
    qemu_opt_set(opts, "b", "12", &error_abort);
    qemu_opt_set(opts, "c", "3k", &error_abort);
    g_assert_true(qemu_opt_get_bool(opts, "a", false));
    g_assert_cmpuint(qemu_opt_get_number(opts, "b", 1), ==, 12);
    g_assert_cmpuint(qemu_opt_get_size(opts, "c", 1), ==, 3 * KiB);
    g_assert_cmpuint(qemu_opt_get_number(opts, "a", 1), ==, 1);
    g_assert_true(qemu_opt_get_bool(opts, "b", true));
    qemu_opts_del(opts);
}

/* What counts in @opts, in order of the first settings, as `[a=b][c=d]`. */
static char *settings(QemuOpts *opts)
{
    GString *text = g_string_new(NULL);
    g_autoptr(QDict) qdict = qemu_opts_to_qdict(opts, NULL);

    for (const QDictEntry *e = qdict_first(qdict); e;
         e = qdict_next(qdict, e)) {
        g_string_append_printf(text, "[%s=%s]", qdict_entry_key(e),
                               qobject_get_try_str(qdict_entry_value(e)));
    }
    return g_string_free(text, FALSE);
}

typedef struct ParseCase {
    const char *params;
    const char *firstname;
    const char *settings;
} ParseCase;

static void test_parse(void)
{
    static const ParseCase cases[] = {
        { "", NULL, "" },
        { "a=b", NULL, "[a=b]" },
        { "a=b,c=d", NULL, "[a=b][c=d]" },
        { "a=b,a=d", NULL, "[a=d]" },
        { "a=b,,c,d=e", NULL, "[a=b,c][d=e]" },
        { "a=,,,,,b", NULL, "[a=,,][b=on]" },
        { "a=b=c", NULL, "[a=b=c]" },
        { "a", NULL, "[a=on]" },
        { "a,b", NULL, "[a=on][b=on]" },
        { "a=", NULL, "[a=]" },
        { "a=1,", NULL, "[a=1]" },
        { "x", "f", "[f=x]" },
        { "x,,y,b", "f", "[f=x,y][b=on]" },
        { "a=x,y", "f", "[a=x][y=on]" },
        { "noa", NULL, "[a=off]" },
        { "a=1,,", NULL, "[a=1,]" },
        { "id=x", NULL, "[id=x]" },
    };
    size_t i;

    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        QemuOpts *opts = new_opts(&any_list);
        g_autofree char *text = NULL;

        g_assert_true(qemu_opts_do_parse(opts, cases[i].params,
                                         cases[i].firstname, &error_abort));
        text = settings(opts);
        g_assert_cmpstr(text, ==, cases[i].settings);
        qemu_opts_del(opts);
    }
}

static void test_parse_errors(void)
{
    QemuOpts *opts = new_opts(&list);
    Error *err = NULL;

    g_assert_false(qemu_opts_do_parse(opts, "str=1,what=2,num=3", NULL,
                                      &err));
    check_error(&err, "Invalid parameter 'what'");
    g_assert_null(qemu_opt_find(opts, "num"));
    g_assert_false(qemu_opts_do_parse(opts, "flag,,=3", NULL, &err));
    check_error(&err, "Invalid parameter ''");
    g_assert_false(qemu_opts_do_parse(opts, "=3", NULL, &err));
    check_error(&err, "Invalid parameter ''");
    g_assert_false(qemu_opts_do_parse(opts, "id=x", NULL, &err));
    check_error(&err, "Invalid parameter 'id'");
    qemu_opts_del(opts);
}

static void test_texts(void)
{
    g_autofree char *value = NULL;
    const char *p = "a,,b,c";

    g_assert_cmpstr(get_opt_value(p, &value), ==, ",c");
    g_assert_cmpstr(value, ==, "a,b");
    g_assert_true(is_help_option("help"));
    g_assert_true(is_help_option("?"));
    g_assert_false(is_help_option("helpme"));
    g_assert_true(has_help_option("a=b,help"));
    g_assert_true(has_help_option("?,a"));
    g_assert_false(has_help_option("a=help"));
    g_assert_false(has_help_option("a=b,,help"));
    g_assert_false(has_help_option(""));
    g_assert_true(is_valid_option_list("a=b"));
    g_assert_true(is_valid_option_list("a=b,,"));
    g_assert_false(is_valid_option_list("a=b,"));
    g_assert_false(is_valid_option_list("a=b,,,"));
    g_assert_false(is_valid_option_list(",a=b"));
    g_assert_false(is_valid_option_list(",,a=b"));
    g_assert_false(is_valid_option_list(""));
    g_assert_false(is_valid_option_list(","));
}

static QemuOptsList protocol_list = {
    .name = "protocol",
    .head = QTAILQ_HEAD_INITIALIZER(protocol_list.head),
    .desc = {
        { .name = "size", .type = QEMU_OPT_STRING, .help = "Another size" },
        { .name = "own", .type = QEMU_OPT_BOOL, .help = "Its own" },
        { .name = "own", .type = QEMU_OPT_SIZE, .help = "Twice" },
        { /* end */ }
    },
};

static void test_append(void)
{
    QemuOptsList *joined = qemu_opts_append(NULL, &list);
    QemuOpts *opts;
    size_t n = 0;

    joined = qemu_opts_append(joined, &protocol_list);
    joined = qemu_opts_append(joined, NULL);
    g_assert_cmpstr(joined->name, ==, "test");
    while (joined->desc[n].name) {
        n++;
    }
    g_assert_cmpint(n, ==, 9);
    g_assert_cmpstr(joined->desc[8].name, ==, "own");
    g_assert_cmpint(joined->desc[8].type, ==, QEMU_OPT_BOOL);
    opts = new_opts(joined);
    g_assert_true(qemu_opts_do_parse(opts, "size=1M,own", NULL,
                                     &error_abort));
    g_assert_cmpuint(qemu_opt_get_size(opts, "size", 0), ==, MiB);
    qemu_opts_del(opts);
    qemu_opts_free(joined);
    joined = qemu_opts_append(NULL, NULL);
    g_assert_null(joined->desc[0].name);
    qemu_opts_free(joined);
    qemu_opts_free(NULL);
}

/*
 * Dictionaries.
 */

static void test_absorb(void)
{
    QemuOpts *opts = new_opts(&list);
    g_autoptr(QDict) qdict = qdict_new();
    g_autofree char *text = NULL;

    qdict_put_str(qdict, "str", "x,y");
    qdict_put_str(qdict, "unknown", "stays");
    qdict_put_bool(qdict, "flag", true);
    qdict_put_bool(qdict, "dflag", false);
    qdict_put_int(qdict, "num", -1);
    qdict_put_int(qdict, "size", 1024);
    qdict_put(qdict, "unknown-dict", qdict_new());
    qemu_opts_absorb_qdict(opts, qdict, &error_abort);
    text = settings(opts);
    g_assert_cmpstr(text, ==,
                    "[str=x,y][flag=on][dflag=off][num=-1][size=1024]");
    g_assert_cmpint(qdict_size(qdict), ==, 2);
    g_assert_cmpstr(qdict_get_str(qdict, "unknown"), ==, "stays");
    qemu_opts_del(opts);
}

static void test_absorb_errors(void)
{
    QemuOpts *opts = new_opts(&list);
    g_autoptr(QDict) qdict = qdict_new();
    Error *err = NULL;

    qdict_put_str(qdict, "str", "moved");
    qdict_put_str(qdict, "flag", "maybe");
    qdict_put_str(qdict, "num", "1");
    qemu_opts_absorb_qdict(opts, qdict, &err);
    check_error(&err, "Parameter 'flag' expects 'on' or 'off'");
    g_assert_false(qdict_haskey(qdict, "str"));
    g_assert_true(qdict_haskey(qdict, "flag"));
    g_assert_true(qdict_haskey(qdict, "num"));
    qdict_put(qdict, "flag", qlist_new());
    qemu_opts_absorb_qdict(opts, qdict, &err);
    check_error(&err, "Parameter 'flag' expects a single value");
    qdict_put_null(qdict, "flag");
    qemu_opts_absorb_qdict(opts, qdict, &err);
    check_error(&err, "Parameter 'flag' expects a single value");
    qemu_opts_del(opts);
}

static void test_absorb_any(void)
{
    QemuOpts *opts = new_opts(&any_list);
    g_autoptr(QDict) qdict = qdict_new();

    qdict_put_str(qdict, "a", "1");
    qdict_put_int(qdict, "b", 2);
    qemu_opts_absorb_qdict(opts, qdict, &error_abort);
    g_assert_cmpint(qdict_size(qdict), ==, 0);
    g_assert_cmpstr(qemu_opt_get(opts, "b"), ==, "2");
    qemu_opts_del(opts);
}

static void test_to_qdict(void)
{
    QemuOpts *opts = qemu_opts_create(&list, "me", 1, &error_abort);
    g_autoptr(QDict) qdict = NULL;

    qemu_opts_do_parse(opts, "str=a,size=1M,str=b", NULL, &error_abort);
    qdict = qemu_opts_to_qdict(opts, NULL);
    g_assert_cmpint(qdict_size(qdict), ==, 3);
    g_assert_cmpstr(qdict_get_str(qdict, "id"), ==, "me");
    g_assert_cmpstr(qdict_get_str(qdict, "str"), ==, "b");
    g_assert_cmpstr(qdict_get_str(qdict, "size"), ==, "1M");
    g_assert_nonnull(qemu_opt_find(opts, "size"));
    qemu_opts_del(opts);
}

/* What a driver's creation does: take its own, leave the protocol's. */
static void test_to_qdict_filtered(void)
{
    QemuOptsList *joined = qemu_opts_append(NULL, &list);
    g_autoptr(QDict) qdict = qdict_new();
    g_autoptr(QDict) rest = NULL;
    g_autofree char *left = NULL;
    QemuOpts *opts;

    joined = qemu_opts_append(joined, &protocol_list);
    opts = new_opts(joined);
    qemu_opts_do_parse(opts, "own,size=1M,flag,size=2M", NULL, &error_abort);
    qdict_put_str(qdict, "before", "x");
    g_assert_true(qemu_opts_to_qdict_filtered(opts, qdict, &list, true) ==
                  qdict);
    g_assert_cmpint(qdict_size(qdict), ==, 3);
    g_assert_cmpstr(qdict_get_str(qdict, "size"), ==, "2M");
    g_assert_cmpstr(qdict_get_str(qdict, "flag"), ==, "on");
    left = settings(opts);
    g_assert_cmpstr(left, ==, "[own=on]");
    g_assert_cmpuint(qemu_opt_get_size_del(opts, "size", 0), ==, 0);
    rest = qemu_opts_to_qdict_filtered(opts, NULL, &any_list, false);
    g_assert_cmpint(qdict_size(rest), ==, 0);
    qemu_opts_del(opts);
    qemu_opts_free(joined);
}

/*
 * Printing, in subprocesses.
 */

static void print_help(void)
{
    qemu_opts_print_help(&protocol_list, true);
    qemu_opts_print_help(&list, false);
}

static void print_opts(void)
{
    QemuOpts *opts = new_opts(&list);
    QemuOpts *any = new_opts(&any_list);

    qemu_opts_do_parse(opts, "size=1M,str=a,,b,size=2M,flag", NULL,
                       &error_abort);
    printf("<");
    qemu_opts_print(opts, " ");
    printf(">\n<");
    qemu_opts_do_parse(any, "z=1,y=2,z=3", NULL, &error_abort);
    qemu_opts_print(any, ", ");
    printf(">\n");
    qemu_opts_del(any);
    qemu_opts_del(opts);
}

static void delete_used_list(void)
{
    QemuOptsList *joined = qemu_opts_append(NULL, &list);

    new_opts(joined);
    qemu_opts_free(joined);
}

static void wrong_type(void)
{
    QemuOpts *opts = new_opts(&list);

    qemu_opt_set(opts, "num", "1", &error_abort);
    qemu_opt_get_size(opts, "num", 0);
}

static void (*const print_help_fn)(void) = print_help;
static void (*const print_opts_fn)(void) = print_opts;
static void (*const delete_used_list_fn)(void) = delete_used_list;
static void (*const wrong_type_fn)(void) = wrong_type;

static void run_process(gconstpointer data)
{
    void (*const *fn)(void) = data;

    if (g_test_subprocess()) {
        (*fn)();
        fflush(stdout);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
}

static void test_print_help(gconstpointer data)
{
    run_process(data);
    if (!g_test_subprocess()) {
        g_test_trap_assert_passed();
        g_test_trap_assert_stdout(
            "*protocol options:\n"
            "  own=<bool (on/off)>    - Its own\n"
            "  own=<size>             - Twice\n"
            "  size=<str>             - Another size\n"
            "  dflag=<bool (on/off)>\n"
            "  dnum=<num>\n"
            "  dsize=<size>\n"
            "  dstr=<str>\n"
            "  flag=<bool (on/off)>   - A flag\n"
            "  num=<num>\n"
            "  size=<size>            - A size\n"
            "  str=<str>              - A string\n*");
    }
}

static void test_print(gconstpointer data)
{
    run_process(data);
    if (!g_test_subprocess()) {
        g_test_trap_assert_passed();
        g_test_trap_assert_stdout("*<str=a,,b flag=on size=2097152>\n"
                                  "<y=2, z=3>\n*");
    }
}

static void test_asserts(gconstpointer data)
{
    run_process(data);
    if (!g_test_subprocess()) {
        g_test_trap_assert_failed();
        g_test_trap_assert_stderr("*ssertion*");
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/option/create", test_create);
    g_test_add_func("/option/merged-and-zeroed", test_merged_and_zeroed);
    g_test_add_func("/option/defaults", test_defaults);
    g_test_add_func("/option/set-and-get", test_set_and_get);
    g_test_add_func("/option/bad-values", test_bad_values);
    g_test_add_func("/option/booleans", test_booleans);
    g_test_add_func("/option/any", test_any);
    g_test_add_func("/option/parse", test_parse);
    g_test_add_func("/option/parse-errors", test_parse_errors);
    g_test_add_func("/option/texts", test_texts);
    g_test_add_func("/option/append", test_append);
    g_test_add_func("/option/absorb", test_absorb);
    g_test_add_func("/option/absorb-errors", test_absorb_errors);
    g_test_add_func("/option/absorb-any", test_absorb_any);
    g_test_add_func("/option/to-qdict", test_to_qdict);
    g_test_add_func("/option/to-qdict-filtered", test_to_qdict_filtered);
    g_test_add_data_func("/option/print-help", &print_help_fn,
                         test_print_help);
    g_test_add_data_func("/option/print", &print_opts_fn, test_print);
    g_test_add_data_func("/option/bug/delete-used-list",
                         &delete_used_list_fn, test_asserts);
    g_test_add_data_func("/option/bug/wrong-type", &wrong_type_fn,
                         test_asserts);
    return g_test_run();
}
