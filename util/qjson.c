/* SPDX-License-Identifier: MIT */
/*
 * JSON by jansson: its parser reads, and its escapes write, our QObjects.
 *
 * Invariants:
 *  - Text that jansson parses nests at most QOBJECT_MAX_DEPTH deep, so that
 *    neither its recursion nor ours depends on the input.
 *  - An error message is one line of valid UTF-8, whatever the input holds.
 */
#include "qemu/osdep.h"
#include <jansson.h>
#include <math.h>
#include "qapi/error.h"
#include "qapi/qmp/qbool.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qlist.h"
#include "qapi/qmp/qnull.h"
#include "qapi/qmp/qnum.h"
#include "qapi/qmp/qstring.h"

/*
 * Copies the string that starts at @p, with the quote there, to @out as JSON
 * has it: in double quotes.  Returns what follows it.
 */
static const char *qjson_copy_string(GString *out, const char *p)
{
    char quote = *p++;

    g_string_append_c(out, '"');
    for (; *p && *p != quote; p++) {
        if (*p == '\\' && p[1] == '\'') {
            p++;
        } else if (*p == '\\' && p[1]) {
            g_string_append_c(out, *p++);
        } else if (*p == '"') {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, *p);
    }
    if (!*p) {
        return p; /* unterminated: the parser reports it, with the place */
    }
    g_string_append_c(out, '"');
    return p + 1;
}

/*
 * @text as strict JSON: single quotes made double ones.  NULL and an error
 * when it is nested too deeply; every other fault is left to the parser.
 */
static GString *to_strict(const char *text, Error **errp)
{
    GString *out = g_string_sized_new(strlen(text) + 1);
    const char *p = text;
    int depth = 0;

    while (*p) {
        if (*p == '"' || *p == '\'') {
            p = qjson_copy_string(out, p);
            continue;
        }
        if (*p == '{' || *p == '[') {
            depth++;
        } else if (*p == '}' || *p == ']') {
            depth--;
        }
        if (depth > QOBJECT_MAX_DEPTH) {
            error_setg(errp, "JSON is nested too deeply");
            g_string_free(out, TRUE);
            return NULL;
        }
        g_string_append_c(out, *p++);
    }
    return out;
}

static QObject *from_jansson(json_t *json)
{
    QDict *dict;
    QList *list;
    const char *key;
    json_t *value;
    size_t i;

    switch (json_typeof(json)) {
    case JSON_OBJECT:
        dict = qdict_new();
        json_object_foreach(json, key, value) {
            qdict_put_obj(dict, key, from_jansson(value));
        }
        return QOBJECT(dict);
    case JSON_ARRAY:
        list = qlist_new();
        json_array_foreach(json, i, value) {
            qlist_append_obj(list, from_jansson(value));
        }
        return QOBJECT(list);
    case JSON_STRING:
        return QOBJECT(qstring_from_str(json_string_value(json)));
    case JSON_INTEGER:
        return QOBJECT(qnum_from_int(json_integer_value(json)));
    case JSON_REAL:
        return QOBJECT(qnum_from_double(json_real_value(json)));
    case JSON_NULL:
        return QOBJECT(qnull());
    default:
        return QOBJECT(qbool_from_bool(json_is_true(json)));
    }
}

QObject *qobject_from_json(const char *string, Error **errp)
{
    GString *strict = to_strict(string, errp);
    json_error_t error;
    json_t *json;
    QObject *obj;

    if (!strict) {
        return NULL;
    }
    /*
     * A key that occurs twice would hide one value from whoever looks at the
     * text; a value alone is JSON, too, and left to the caller to refuse.
     */
    json = json_loadb(strict->str, strict->len,
                      JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    g_string_free(strict, TRUE);
    if (!json) {
        /* Made valid, because the message may quote any bytes of the input. */
        g_autofree char *text = g_utf8_make_valid(error.text, -1);

        for (char *p = text; *p; p++) {
            if (g_ascii_iscntrl(*p)) {
                *p = '?';
            }
        }
        error_setg(errp, "Invalid JSON: %s", text);
        return NULL;
    }
    obj = from_jansson(json);
    json_decref(json);
    return obj;
}

/* Where a value is written, and how. */
typedef struct JsonWriter {
    GString *out;
    bool pretty;
    int depth; /* of the container being written */
} JsonWriter;

static void qjson_write_obj(JsonWriter *w, const QObject *obj);

static void qjson_write_string(JsonWriter *w, const char *str)
{
    g_autofree char *valid = g_utf8_make_valid(str, -1);
    json_t *json = json_string(valid);
    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

    g_assert(text); /* valid UTF-8 cannot fail */
    g_string_append(w->out, text);
    free(text);
    json_decref(json);
}

static void qjson_write_newline(JsonWriter *w)
{
    if (w->pretty) {
        g_string_append_printf(w->out, "\n%*s", 4 * w->depth, "");
    }
}

/* Before a member of a container: the comma, and the line it stands on. */
static void qjson_write_separator(JsonWriter *w, bool first)
{
    if (!first) {
        g_string_append(w->out, w->pretty ? "," : ", ");
    }
    qjson_write_newline(w);
}

static void qjson_write_dict(JsonWriter *w, const QDict *dict)
{
    const QDictEntry *first = qdict_first(dict);
    const QDictEntry *entry;

    g_string_append_c(w->out, '{');
    w->depth++;
    for (entry = first; entry; entry = qdict_next(dict, entry)) {
        qjson_write_separator(w, entry == first);
        qjson_write_string(w, qdict_entry_key(entry));
        g_string_append(w->out, ": ");
        qjson_write_obj(w, qdict_entry_value(entry));
    }
    w->depth--;
    if (first) {
        qjson_write_newline(w);
    }
    g_string_append_c(w->out, '}');
}

static void qjson_write_list(JsonWriter *w, const QList *list)
{
    const QListEntry *first = qlist_first(list);
    const QListEntry *entry;

    g_string_append_c(w->out, '[');
    w->depth++;
    QLIST_FOREACH_ENTRY(list, entry) {
        qjson_write_separator(w, entry == first);
        qjson_write_obj(w, qlist_entry_obj(entry));
    }
    w->depth--;
    if (first) {
        qjson_write_newline(w);
    }
    g_string_append_c(w->out, ']');
}

static void qjson_write_obj(JsonWriter *w, const QObject *obj)
{
    g_autofree char *text = NULL;
    const QNum *qn;

    switch (qobject_type(obj)) {
    case QTYPE_QDICT:
        qjson_write_dict(w, qobject_to(QDict, obj));
        break;
    case QTYPE_QLIST:
        qjson_write_list(w, qobject_to(QList, obj));
        break;
    case QTYPE_QSTRING:
        qjson_write_string(w, qobject_get_try_str(obj));
        break;
    case QTYPE_QNUM:
        qn = qobject_to(QNum, obj);
        text = qnum_to_string(qn);
        /* JSON has no word for infinity and not-a-number. */
        g_string_append(w->out, qn->kind == QNUM_DOUBLE &&
                                !isfinite(qn->u.dbl) ? "null" : text);
        break;
    case QTYPE_QBOOL:
        g_string_append(w->out, qbool_get_bool(qobject_to(QBool, obj)) ?
                        "true" : "false");
        break;
    default:
        g_string_append(w->out, "null");
        break;
    }
}

static QString *to_json(const QObject *obj, bool pretty)
{
    JsonWriter w = { .out = g_string_new(NULL), .pretty = pretty };

    qjson_write_obj(&w, obj);
    return qstring_take_str(g_string_free(w.out, FALSE));
}

QString *qobject_to_json(const QObject *obj)
{
    return to_json(obj, false);
}

QString *qobject_to_json_pretty(const QObject *obj)
{
    return to_json(obj, true);
}
