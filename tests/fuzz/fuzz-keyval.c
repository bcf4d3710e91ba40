/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the texts that options come as: key=value,key=value,...
 *
 * Input: one byte that says how to parse, then the text, up to a NUL.
 *
 * Invariants, of any text:
 *   - It is parsed, or there is an error.
 *   - What was parsed, written out again, parses to the same.
 *   - Nested options are the same as their dotted form.
 */
#include "qemu/osdep.h"
#include "block/qdict.h"
#include "fuzz.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qstring.h"
#include "qemu/cutils.h"
#include "minblk/keyval.h"
#include "qemu/option.h"

enum {
    WITH_IMPLIED_KEY = 1,
    WITH_DESCRIPTIONS = 2,
};

/* Accepts every name. */
static QemuOptsList any_opts = {
    .name = "fuzz-any",
    .head = QTAILQ_HEAD_INITIALIZER(any_opts.head),
    .desc = { { /* end of list */ } },
};

static QemuOptsList typed_opts = {
    .name = "fuzz-typed",
    .head = QTAILQ_HEAD_INITIALIZER(typed_opts.head),
    .desc = {
        { .name = "s", .type = QEMU_OPT_STRING },
        { .name = "b", .type = QEMU_OPT_BOOL, .def_value_str = "on" },
        { .name = "n", .type = QEMU_OPT_NUMBER },
        { .name = "size", .type = QEMU_OPT_SIZE, .def_value_str = "64M" },
        { /* end of list */ }
    },
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_be_quiet();
    return 0;
}

/* Appends @text with every comma doubled. */
static void append_escaped(GString *to, const char *text)
{
    for (; *text; text++) {
        g_string_append_c(to, *text);
        if (*text == ',') {
            g_string_append_c(to, ',');
        }
    }
}

/* A flat dict of strings as key=value,... */
static char *write_out(const QDict *flat)
{
    GString *out = g_string_new(NULL);

    for (const QDictEntry *e = qdict_first(flat); e; e = qdict_next(flat, e)) {
        const char *value = qobject_get_try_str(qdict_entry_value(e));

        g_assert_nonnull(value);
        g_string_append_printf(out, "%s%s=", out->len ? "," : "",
                               qdict_entry_key(e));
        append_escaped(out, value);
    }
    return g_string_free(out, false);
}

static void try_flat(const char *text, const char *implied)
{
    Error *err = NULL;
    g_autoptr(QDict) dict = keyval_parse_flat(text, implied, &err);

    fuzz_check_outcome(dict, err);
    if (dict) {
        g_autofree char *again = write_out(dict);
        g_autoptr(QDict) same = keyval_parse_flat(again, NULL, &error_abort);

        g_assert_true(qdict_is_equal(dict, same));
    }
}

static void try_nested(const char *text, const char *implied)
{
    g_autoptr(QDict) dict = keyval_parse_flat(text, implied, NULL);
    g_autoptr(QObject) nested = NULL;
    g_autoptr(QObject) again = NULL;
    Error *err = NULL;

    if (!dict) {
        return;
    }
    nested = qdict_crumple(dict, &err);
    fuzz_check_outcome(nested, err);
    if (qobject_to(QDict, nested) && !strstr(text, "..")) {
        g_autoptr(QDict) flat =
            qdict_clone_shallow(qobject_to(QDict, nested));

        qdict_flatten(flat);
        g_assert_true(qdict_is_equal(dict, flat));
        again = qdict_crumple(flat, &error_abort);
        g_assert_true(qobject_is_equal(nested, again));
    }
}

static void use_typed(QemuOpts *opts)
{
    qemu_opt_get_bool(opts, "b", false);
    qemu_opt_get_number(opts, "n", 1);
    qemu_opt_get_size(opts, "size", 1);
}

static void try_opts(const char *text, QemuOptsList *list, const char *implied)
{
    Error *err = NULL;
    QemuOpts *opts = qemu_opts_create(list, NULL, 0, &error_abort);
    bool ok = qemu_opts_do_parse(opts, text, implied, &err);

    g_assert_true(ok == !err);
    error_free(err);
    if (ok) {
        g_autoptr(QDict) dict = qemu_opts_to_qdict(opts, NULL);
        g_autoptr(QDict) left = NULL;
        g_autoptr(QDict) same = NULL;
        QemuOpts *again;

        if (list == &typed_opts) {
            use_typed(opts);
        }
        again = qemu_opts_create(list, NULL, 0, &error_abort);
        left = qdict_clone_shallow(dict);
        qemu_opts_absorb_qdict(again, left, &error_abort);
        g_assert_cmpuint(qdict_size(left), ==, 0);
        same = qemu_opts_to_qdict(again, NULL);
        g_assert_true(qdict_is_equal(dict, same));
        qemu_opts_del(again);
    }
    qemu_opts_del(opts);
    g_assert_true(QTAILQ_EMPTY(&list->head));
}

static void try_words(const char *text)
{
    g_autofree char *value = NULL;
    const char *end = get_opt_value(text, &value);

    g_assert_true(end >= text && end <= text + strlen(text));
    g_assert_true(*end == '\0' || *end == ',');
    g_assert_cmpuint(strlen(value), <=, end - text);
    is_valid_option_list(text);
    has_help_option(text);
}

static void try_size(const char *text)
{
    const char *end = NULL;
    uint64_t size = 1;
    int ret = qemu_strtosz(text, &end, &size);

    g_assert_true(ret == 0 || ret == -EINVAL || ret == -ERANGE);
    g_assert_true(end >= text && end <= text + strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = NULL;
    const char *implied;

    if (!size) {
        return 0;
    }
    text = g_strndup((const char *)data + 1, size - 1);
    implied = data[0] & WITH_IMPLIED_KEY ? "file" : NULL;
    try_flat(text, implied);
    try_nested(text, implied);
    try_opts(text, data[0] & WITH_DESCRIPTIONS ? &typed_opts : &any_opts,
             data[0] & WITH_DESCRIPTIONS && implied ? "s" : implied);
    try_words(text);
    try_size(text);
    return 0;
}
