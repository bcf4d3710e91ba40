/* SPDX-License-Identifier: MIT */
/*
 * The visitors that fill objects from QObjects: typed, and with scalars in any
 * form.
 *
 * Invariants: stack holds the containers that were started and not ended, the
 * innermost last, at most VISITOR_MAX_DEPTH; they belong to root, to which the
 * visitor has a reference.  A key of an object counts as visited from the
 * first time that a caller asked for its value.
 */
#include "qemu/osdep.h"
#include "block/qdict.h"
#include "qapi/error.h"
#include "qapi/qobject-input-visitor.h"
#include "qapi/visitor-impl.h"
#include "qapi/qmp/qbool.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qlist.h"
#include "qapi/qmp/qnull.h"
#include "qapi/qmp/qnum.h"
#include "qapi/qmp/qstring.h"
#include "qemu/cutils.h"

/* A container that is being visited. */
typedef struct InputFrame {
    const char *name;           /* its key in the frame before, if that has */
    QDict *dict;                /* one of these two */
    QList *list;
    GHashTable *visited;        /* of dict: keys that were asked for */
    const QListEntry *entry;    /* of list: where the walk is */
    size_t index;               /* of entry; SIZE_MAX before the first one */
} InputFrame;

typedef struct InputVisitor {
    Visitor visitor;
    QObject *root;
    bool keyval;        /* scalars in any form; paths as a.0.b, not a[0].b */
    GArray *stack;      /* of InputFrame */
} InputVisitor;

static InputVisitor *to_iv(Visitor *v)
{
    return container_of(v, InputVisitor, visitor);
}

/* The innermost frame, NULL at the root. */
static InputFrame *input_top(InputVisitor *iv)
{
    if (!iv->stack->len) {
        return NULL;
    }
    return &g_array_index(iv->stack, InputFrame, iv->stack->len - 1);
}

/* Appends a key to a path. */
static void path_key(GString *path, const char *key)
{
    if (path->len) {
        g_string_append_c(path, '.');
    }
    g_string_append(path, key);
}

/* The root has no name; qemu-img calls it null. */
static char *input_path(Visitor *v, const char *name)
{
    InputVisitor *iv = to_iv(v);
    GString *path = g_string_new(NULL);
    guint i;

    for (i = 0; i < iv->stack->len; i++) {
        const InputFrame *frame = &g_array_index(iv->stack, InputFrame, i);

        assert(frame);
        if (frame->name) {
            path_key(path, frame->name);
        }
        if (frame->list) {
            g_string_append_printf(path, iv->keyval ? ".%zu" : "[%zu]",
                                   frame->index);
        }
    }
    if (name) {
        path_key(path, name);
    } else if (!path->len) {
        g_string_append(path, "null");
    }
    return g_string_free(path, false);
}

/*
 * The value under a name, which then counts as visited; NULL and an error if
 * there is none.
 */
static QObject *input_get(Visitor *v, const char *name, Error **errp)
{
    InputVisitor *iv = to_iv(v);
    InputFrame *frame = input_top(iv);
    g_autofree char *path = NULL;
    QObject *obj;

    if (!frame) {
        obj = iv->root;
    } else if (frame->list) {
        obj = qlist_entry_obj(frame->entry);
    } else {
        obj = qdict_get(frame->dict, name);
        if (obj) {
            g_hash_table_add(frame->visited, g_strdup(name));
        }
    }
    if (!obj) {
        path = input_path(v, name);
        error_setg(errp, "Parameter '%s' is missing", path);
    }
    return obj;
}

/* Sets the error of a scalar whose text is wrong; returns false. */
static bool bad_text(Visitor *v, const char *name, const char *expected,
                     Error **errp)
{
    g_autofree char *path = input_path(v, name);

    error_setg(errp, "Parameter '%s' expects %s", path, expected);
    return false;
}

/*
 * The value under a name if it is of the type @type, which @expected says in
 * words; else NULL and an error.
 */
static QObject *input_get_type(Visitor *v, const char *name, QType type,
                               const char *expected, Error **errp)
{
    QObject *obj = input_get(v, name, errp);

    if (obj && qobject_type(obj) != type) {
        visit_wrong_type(v, name, expected, errp);
        return NULL;
    }
    return obj;
}

/*
 * @value, a scalar of another type than was wanted, as text; NULL and an error
 * when this visitor takes no other type.  With @value NULL there is an error.
 */
static char *input_text(Visitor *v, const char *name, QObject *value,
                        const char *expected, Error **errp)
{
    char *text;

    if (!value) {
        return NULL;
    }
    text = to_iv(v)->keyval ? qobject_scalar_text(value) : NULL;
    if (!text) {
        visit_wrong_type(v, name, expected, errp);
    }
    return text;
}

/* Containers. */

static bool input_push(Visitor *v, const char *name, QDict *dict, QList *list,
                       Error **errp)
{
    InputVisitor *iv = to_iv(v);
    InputFrame frame = {
        .name = name,
        .dict = dict,
        .list = list,
        .index = SIZE_MAX,
    };
    g_autofree char *path = NULL;

    /* Each level takes stack, of which a coroutine has little. */
    if (iv->stack->len == VISITOR_MAX_DEPTH) {
        path = input_path(v, name);
        error_setg(errp, "Parameter '%s' is nested too deeply", path);
        return false;
    }
    if (dict) {
        frame.visited = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                              NULL);
    }
    g_array_append_val(iv->stack, frame);
    return true;
}

static void input_pop(Visitor *v)
{
    InputVisitor *iv = to_iv(v);
    InputFrame *frame = input_top(iv);

    if (frame->visited) {
        g_hash_table_destroy(frame->visited);
    }
    g_array_set_size(iv->stack, iv->stack->len - 1);
}

static bool input_start_struct(Visitor *v, const char *name, Error **errp)
{
    QObject *obj = input_get_type(v, name, QTYPE_QDICT, "object", errp);

    return obj && input_push(v, name, qobject_to(QDict, obj), NULL, errp);
}

static bool input_check_struct(Visitor *v, Error **errp)
{
    InputFrame *frame = input_top(to_iv(v));
    const QDictEntry *entry;

    for (entry = qdict_first(frame->dict); entry;
         entry = qdict_next(frame->dict, entry)) {
        const char *key = qdict_entry_key(entry);

        if (!g_hash_table_contains(frame->visited, key)) {
            g_autofree char *path = input_path(v, key);

            error_setg(errp, "Parameter '%s' is unexpected", path);
            return false;
        }
    }
    return true;
}

static bool input_start_list(Visitor *v, const char *name, Error **errp)
{
    QObject *obj = input_get_type(v, name, QTYPE_QLIST, "array", errp);

    return obj && input_push(v, name, NULL, qobject_to(QList, obj), errp);
}

static bool input_next_list(Visitor *v)
{
    InputFrame *frame = input_top(to_iv(v));

    frame->entry = frame->index == SIZE_MAX ? qlist_first(frame->list)
                                            : qlist_next(frame->entry);
    frame->index++;
    return frame->entry;
}

static bool input_start_alternate(Visitor *v, const char *name, QType *type,
                                  Error **errp)
{
    QObject *obj = input_get(v, name, errp);

    if (!obj) {
        return false;
    }
    *type = qobject_type(obj);
    /* Options are strings, so one that was typed after all counts as such. */
    if (to_iv(v)->keyval && (*type == QTYPE_QNUM || *type == QTYPE_QBOOL)) {
        *type = QTYPE_QSTRING;
    }
    return true;
}

static bool input_has_member(Visitor *v, const char *name)
{
    InputFrame *frame = input_top(to_iv(v));

    return frame && frame->dict && qdict_haskey(frame->dict, name);
}

/* Scalars. */

static bool input_int64(Visitor *v, const char *name, int64_t *obj,
                        Error **errp)
{
    QObject *value = input_get(v, name, errp);
    QNum *num = qobject_to(QNum, value);
    g_autofree char *text = NULL;
    int64_t parsed;

    /* A number that does not fit goes on, to fail as a text or by its type. */
    if (num && qnum_get_try_int(num, obj)) {
        return true;
    }
    text = input_text(v, name, value, "integer", errp);
    if (!text) {
        return false;
    }
    if (qemu_strtoi64(text, NULL, 0, &parsed) < 0) {
        return bad_text(v, name, "integer", errp);
    }
    *obj = parsed;
    return true;
}

/* Parses an unsigned integer; a sign is not part of one. */
static int parse_uint64(const char *text, uint64_t *value)
{
    return strchr(text, '-') ? -EINVAL : qemu_strtou64(text, NULL, 0, value);
}

/* Parses a size of bytes, with a suffix or without. */
static int input_parse_size(const char *text, uint64_t *value)
{
    return qemu_strtosz(text, NULL, value);
}

static bool input_unsigned(Visitor *v, const char *name, uint64_t *obj,
                           int (*parse)(const char *text, uint64_t *value),
                           const char *expected, Error **errp)
{
    QObject *value = input_get(v, name, errp);
    QNum *num = qobject_to(QNum, value);
    g_autofree char *text = NULL;
    uint64_t parsed;

    if (!value) {
        return false;
    }
    if (num && qnum_get_try_uint(num, obj)) {
        return true;
    }
    /* The message is qemu-img's, which has this word for any unsigned type. */
    if (!to_iv(v)->keyval) {
        return bad_text(v, name, "uint64", errp);
    }
    text = qobject_scalar_text(value);
    if (!text || parse(text, &parsed) < 0) {
        return bad_text(v, name, expected, errp);
    }
    *obj = parsed;
    return true;
}

static bool input_uint64(Visitor *v, const char *name, uint64_t *obj,
                         Error **errp)
{
    return input_unsigned(v, name, obj, parse_uint64, "integer", errp);
}

static bool input_size(Visitor *v, const char *name, uint64_t *obj,
                       Error **errp)
{
    return input_unsigned(v, name, obj, input_parse_size, "size", errp);
}

static bool input_bool(Visitor *v, const char *name, bool *obj, Error **errp)
{
    QObject *value = input_get(v, name, errp);
    QBool *boolean = qobject_to(QBool, value);
    g_autofree char *text = NULL;

    if (boolean) {
        *obj = qbool_get_bool(boolean);
        return true;
    }
    text = input_text(v, name, value, "boolean", errp);
    if (!text) {
        return false;
    }
    return qemu_strtobool(text, obj) == 0 ||
           bad_text(v, name, "'on' or 'off'", errp);
}

static bool input_str(Visitor *v, const char *name, char **obj, Error **errp)
{
    QObject *value = input_get(v, name, errp);
    QString *str = qobject_to(QString, value);

    *obj = str ? g_strdup(qstring_get_str(str))
               : input_text(v, name, value, "string", errp);
    return *obj;
}

static bool input_null(Visitor *v, const char *name, QNull **obj,
                       Error **errp)
{
    if (!input_get_type(v, name, QTYPE_QNULL, "null", errp)) {
        return false;
    }
    *obj = qnull();
    return true;
}

static void input_free(Visitor *v)
{
    InputVisitor *iv = to_iv(v);

    /* A visit that was given up half-way leaves containers open. */
    while (iv->stack->len) {
        input_pop(v);
    }
    g_array_free(iv->stack, true);
    qobject_unref(iv->root);
    g_free(iv);
}

static const VisitorOps input_ops = {
    .is_input = true,
    .start_struct = input_start_struct,
    .check_struct = input_check_struct,
    .end_struct = input_pop,
    .start_list = input_start_list,
    .next_list = input_next_list,
    .end_list = input_pop,
    .start_alternate = input_start_alternate,
    .has_member = input_has_member,
    .path = input_path,
    .type_int64 = input_int64,
    .type_uint64 = input_uint64,
    .type_size = input_size,
    .type_bool = input_bool,
    .type_str = input_str,
    .type_null = input_null,
    .free = input_free,
};

Visitor *qobject_input_visitor_new(QObject *obj)
{
    InputVisitor *iv = g_new0(InputVisitor, 1);

    iv->visitor.ops = &input_ops;
    iv->root = qobject_ref(obj);
    iv->stack = g_array_new(false, false, sizeof(InputFrame));
    return &iv->visitor;
}

Visitor *qobject_input_visitor_new_keyval(QObject *obj)
{
    Visitor *v = qobject_input_visitor_new(obj);

    to_iv(v)->keyval = true;
    return v;
}

Visitor *qobject_input_visitor_new_flat_confused(QDict *qdict, Error **errp)
{
    QObject *nested = qdict_crumple(qdict, errp);
    Visitor *v;

    if (!nested) {
        return NULL;
    }
    v = qobject_input_visitor_new_keyval(nested);
    /* The visitor has a reference of its own. */
    qobject_unref(nested);
    return v;
}
