/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the schemas' visitors: the block layer's and, for what that one does
 * not use, the one of the unit tests.
 *
 * Input: a letter that names the type, a letter that names the form, then the
 * text, up to a NUL.  Forms: 'j' JSON, typed; 'k' JSON, scalars in any form;
 * 'f' JSON made flat; 'o' options as key=value,...
 *
 * Invariants, of any text:
 *   - An object is filled, or there is an error and no object.
 *   - What an object is described as fills an equal object; so do its text as
 *     JSON and, in the block layer's schema, its forms without types.
 */
#include "qemu/osdep.h"
#include "block/qdict.h"
#include "fuzz.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qstring.h"
#include "qapi/qobject-input-visitor.h"
#include "qapi/qobject-output-visitor.h"
#include "qapi/qapi-visit-test.h"
#include "minblk/keyval.h"

typedef struct FuzzType {
    char letter;
    bool flat;                  /* dotted strings can say all of it */
    void (*visit)(Visitor *v, void **obj, Error **errp);
    void (*free)(void *obj);
} FuzzType;

/* The functions of a type under one signature. */
#define OBJECT(T)                                                       \
    static void fuzz_visit_##T(Visitor *v, void **obj, Error **errp)    \
    {                                                                   \
        T *typed = *obj;                                                \
                                                                        \
        visit_type_##T(v, NULL, &typed, errp);                          \
        *obj = typed;                                                   \
    }                                                                   \
                                                                        \
    static void fuzz_free_##T(void *obj)                                \
    {                                                                   \
        qapi_free_##T(obj);                                             \
    }

#define TYPE(letter, flat, T) { letter, flat, fuzz_visit_##T, fuzz_free_##T }

OBJECT(BlockdevOptions)
OBJECT(BlockdevRef)
OBJECT(BlockdevRefOrNull)
OBJECT(BlockdevCreateOptions)
OBJECT(BlockdevOptionsBlkdebug)
OBJECT(ImageInfo)
OBJECT(ImageCheck)
OBJECT(MapEntry)
OBJECT(Scalars)
OBJECT(Lists)
OBJECT(Choice)
OBJECT(Shape)

/* The letters stand in the corpus and keep their meaning. */
static const FuzzType types[] = {
    TYPE('O', true, BlockdevOptions),
    TYPE('R', true, BlockdevRef),
    TYPE('N', true, BlockdevRefOrNull),
    TYPE('C', true, BlockdevCreateOptions),
    TYPE('D', true, BlockdevOptionsBlkdebug),
    TYPE('I', true, ImageInfo),
    TYPE('K', true, ImageCheck),
    TYPE('M', true, MapEntry),
    TYPE('S', false, Scalars),
    TYPE('L', false, Lists),
    TYPE('A', false, Choice),
    TYPE('U', false, Shape),
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_be_quiet();
    return 0;
}

/* An object, or NULL with @errp set; ends @v, which may be NULL with an error. */
static void *fill(const FuzzType *type, Visitor *v, Error **errp)
{
    void *obj = (void *)1;      /* an input visitor must not look at it */

    if (!v) {
        return NULL;
    }
    type->visit(v, &obj, errp);
    visit_free(v);
    return obj;
}

/* Describes @obj and frees it. */
static QObject *describe(const FuzzType *type, void *obj)
{
    QObject *result;
    Visitor *v = qobject_output_visitor_new(&result);

    type->visit(v, &obj, &error_abort);
    visit_complete(v, &result);
    visit_free(v);
    type->free(obj);
    return result;
}

/* Does @v fill an object that is described as @expected? */
static void check_same(const FuzzType *type, Visitor *v, QObject *expected)
{
    void *obj = fill(type, v, &error_abort);
    g_autoptr(QObject) described = describe(type, obj);

    g_assert_true(qobject_is_equal(described, expected));
}

/*
 * JSON is read up to INT64_MAX, but written up to UINT64_MAX.  Bytes that are no
 * UTF-8 are replaced when they are written.
 */
static void check_json(QObject *described, bool utf8)
{
    g_autoptr(QString) text = qobject_to_json(described);
    Error *err = NULL;
    g_autoptr(QObject) parsed = qobject_from_json(qstring_get_str(text), &err);

    if (err) {
        g_assert_nonnull(strstr(error_get_pretty(err), "too big integer"));
        error_free(err);
    } else if (utf8) {
        g_assert_true(qobject_is_equal(parsed, described));
    }
}

static void check_round_trips(const FuzzType *type, QObject *described)
{
    QDict *dict = qobject_to(QDict, described);

    check_same(type, qobject_input_visitor_new(described), described);
    if (!type->flat) {
        return;
    }
    check_same(type, qobject_input_visitor_new_keyval(described), described);
    if (dict && qdict_size(dict)) {
        g_autoptr(QDict) flat = qdict_clone_shallow(dict);

        qdict_flatten(flat);
        check_same(type, qobject_input_visitor_new_flat_confused(flat,
                                                           &error_abort),
                   described);
    }
}

static Visitor *flat_visitor(QDict *dict, Error **errp)
{
    Visitor *v;

    if (!dict) {
        return NULL;
    }
    qdict_flatten(dict);
    v = qobject_input_visitor_new_flat_confused(dict, errp);
    qobject_unref(dict);
    return v;
}

static Visitor *flat_json_visitor(const char *text, Error **errp)
{
    g_autoptr(QObject) obj = qobject_from_json(text, errp);
    QDict *dict = qobject_to(QDict, obj);

    if (obj && !dict) {
        error_setg(errp, "not an object");
    }
    return flat_visitor(qobject_ref(dict), errp);
}

static Visitor *json_visitor(const char *text, bool keyval, Error **errp)
{
    g_autoptr(QObject) obj = qobject_from_json(text, errp);

    if (!obj) {
        return NULL;
    }
    return keyval ? qobject_input_visitor_new_keyval(obj)
                  : qobject_input_visitor_new(obj);
}

static Visitor *new_visitor(char form, const char *text, Error **errp)
{
    switch (form) {
    case 'k':
        return json_visitor(text, true, errp);
    case 'f':
        return flat_json_visitor(text, errp);
    case 'o':
        return flat_visitor(keyval_parse_flat(text, NULL, errp), errp);
    default:
        return json_visitor(text, false, errp);
    }
}

static void try_type(const FuzzType *type, char form, const char *text)
{
    Error *err = NULL;
    void *obj = fill(type, new_visitor(form, text, &err), &err);

    fuzz_check_outcome(obj, err);
    if (obj) {
        g_autoptr(QObject) described = describe(type, obj);

        check_json(described, g_utf8_validate(text, -1, NULL));
        check_round_trips(type, described);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = NULL;

    if (size < 2) {
        return 0;
    }
    text = g_strndup((const char *)data + 2, size - 2);
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (types[i].letter == data[0]) {
            try_type(&types[i], data[1], text);
        }
    }
    return 0;
}
