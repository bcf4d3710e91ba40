/* SPDX-License-Identifier: MIT */
/*
 * The visitor that describes an object as a QObject.
 *
 * Invariants: open holds the containers that were started and not ended, the
 * innermost last; each is owned by the one before it, the first by root.
 * Nothing fails.
 */
#include "qemu/osdep.h"
#include "qapi/qobject-output-visitor.h"
#include "qapi/visitor-impl.h"
#include "qapi/qmp/qbool.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qlist.h"
#include "qapi/qmp/qnull.h"
#include "qapi/qmp/qnum.h"
#include "qapi/qmp/qstring.h"

typedef struct OutputVisitor {
    Visitor visitor;
    QObject *root;      /* owned; NULL before the first value */
    GPtrArray *open;    /* of QObject *, QDicts and QLists */
    QObject **result;   /* where the user wants the root */
} OutputVisitor;

static OutputVisitor *to_ov(Visitor *v)
{
    return container_of(v, OutputVisitor, visitor);
}

/*
 * Puts a value where the walk stands; takes over the reference.  True, so that
 * it can be the result of callbacks that fail in an input visitor only.
 */
static bool output_add(Visitor *v, const char *name, QObject *value)
{
    OutputVisitor *ov = to_ov(v);
    QObject *into = NULL;

    if (ov->open->len) {
        into = g_ptr_array_index(ov->open, ov->open->len - 1);
    }
    if (!into) {
        assert(!ov->root);
        ov->root = value;
    } else if (qobject_type(into) == QTYPE_QDICT) {
        assert(name);
        qdict_put_obj(qobject_to(QDict, into), name, value);
    } else {
        qlist_append_obj(qobject_to(QList, into), value);
    }
    return true;
}

static bool output_start(Visitor *v, const char *name, QObject *container)
{
    /* Added while it is empty, so that what is abandoned goes with the root. */
    output_add(v, name, container);
    g_ptr_array_add(to_ov(v)->open, container);
    return true;
}

static bool output_start_struct(Visitor *v, const char *name, Error **errp)
{
    return output_start(v, name, QOBJECT(qdict_new()));
}

static bool output_start_list(Visitor *v, const char *name, Error **errp)
{
    return output_start(v, name, QOBJECT(qlist_new()));
}

static void output_end(Visitor *v)
{
    OutputVisitor *ov = to_ov(v);

    g_ptr_array_set_size(ov->open, ov->open->len - 1);
}

static bool output_int64(Visitor *v, const char *name, int64_t *obj,
                         Error **errp)
{
    return output_add(v, name, QOBJECT(qnum_from_int(*obj)));
}

static bool output_uint64(Visitor *v, const char *name, uint64_t *obj,
                          Error **errp)
{
    return output_add(v, name, QOBJECT(qnum_from_uint(*obj)));
}

static bool output_bool(Visitor *v, const char *name, bool *obj, Error **errp)
{
    return output_add(v, name, QOBJECT(qbool_from_bool(*obj)));
}

/* A string that was never set is written as an empty one. */
static bool output_str(Visitor *v, const char *name, char **obj, Error **errp)
{
    return output_add(v, name, QOBJECT(qstring_from_str(*obj ? *obj : "")));
}

static bool output_null(Visitor *v, const char *name, QNull **obj,
                        Error **errp)
{
    return output_add(v, name, QOBJECT(qnull()));
}

static void output_complete(Visitor *v, void *opaque)
{
    OutputVisitor *ov = to_ov(v);

    assert(opaque == ov->result && ov->root && !ov->open->len);
    *ov->result = ov->root;
    ov->root = NULL;
}

static void output_free(Visitor *v)
{
    OutputVisitor *ov = to_ov(v);

    qobject_unref(ov->root);
    g_ptr_array_free(ov->open, true);
    g_free(ov);
}

static const VisitorOps output_ops = {
    .is_input = false,
    .start_struct = output_start_struct,
    .end_struct = output_end,
    .start_list = output_start_list,
    .end_list = output_end,
    .type_int64 = output_int64,
    .type_uint64 = output_uint64,
    .type_size = output_uint64,
    .type_bool = output_bool,
    .type_str = output_str,
    .type_null = output_null,
    .complete = output_complete,
    .free = output_free,
};

Visitor *qobject_output_visitor_new(QObject **result)
{
    OutputVisitor *ov = g_new0(OutputVisitor, 1);

    ov->visitor.ops = &output_ops;
    ov->open = g_ptr_array_new();
    ov->result = result;
    *result = NULL;
    return &ov->visitor;
}
