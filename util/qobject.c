/* SPDX-License-Identifier: MIT */
/*
 * Common to all QObjects: references, types, comparison and the end.
 *
 * Invariants: `type` never changes between qobject_alloc() and the destruction;
 * `refcnt` is at least one for as long as a pointer to it is held.
 */
#include "qemu/osdep.h"
#include "qapi/qmp/qbool.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qlist.h"
#include "qapi/qmp/qnull.h"
#include "qapi/qmp/qnum.h"
#include "qapi/qmp/qstring.h"

void *qobject_alloc(QType type, size_t size)
{
    QObject *obj = g_malloc0(size);

    assert(type > QTYPE_NONE && type < QTYPE__MAX);
    obj->base.type = type;
    obj->base.refcnt = 1;
    return obj;
}

QType qobject_type(const QObject *obj)
{
    assert(obj->base.type > QTYPE_NONE && obj->base.type < QTYPE__MAX);
    return obj->base.type;
}

QObject *qobject_check_type(const QObject *obj, QType type)
{
    return obj && qobject_type(obj) == type ? (QObject *)obj : NULL;
}

QObject *qobject_ref_impl(QObject *obj)
{
    if (obj) {
        assert(obj->base.refcnt > 0);
        obj->base.refcnt++;
    }
    return obj;
}

void qobject_unref_impl(QObject *obj)
{
    if (!obj) {
        return;
    }
    assert(obj->base.refcnt > 0);
    if (--obj->base.refcnt) {
        return;
    }
    switch (qobject_type(obj)) {
    case QTYPE_QSTRING:
        g_free(qobject_to(QString, obj)->string);
        break;
    case QTYPE_QDICT:
        g_hash_table_destroy(qobject_to(QDict, obj)->table);
        break;
    case QTYPE_QLIST:
        g_queue_clear_full(&qobject_to(QList, obj)->items,
                           qobject_destroy_ref);
        break;
    default:
        break; /* the others own nothing */
    }
    g_free(obj);
}

char *qobject_scalar_text(const QObject *obj)
{
    switch (qobject_type(obj)) {
    case QTYPE_QSTRING:
        return g_strdup(qobject_get_try_str(obj));
    case QTYPE_QNUM:
        return qnum_to_string(qobject_to(QNum, obj));
    case QTYPE_QBOOL:
        return g_strdup(qbool_get_bool(qobject_to(QBool, obj)) ? "on" : "off");
    default:
        return NULL;
    }
}

bool qobject_is_equal(const QObject *x, const QObject *y)
{
    if (x == y) {
        return true;
    }
    if (!x || !y || qobject_type(x) != qobject_type(y)) {
        return false;
    }
    switch (qobject_type(x)) {
    case QTYPE_QNUM:
        return qnum_is_equal(qobject_to(QNum, x), qobject_to(QNum, y));
    case QTYPE_QSTRING:
        return strcmp(qobject_get_try_str(x), qobject_get_try_str(y)) == 0;
    case QTYPE_QDICT:
        return qdict_is_equal(qobject_to(QDict, x), qobject_to(QDict, y));
    case QTYPE_QLIST:
        return qlist_is_equal(qobject_to(QList, x), qobject_to(QList, y));
    case QTYPE_QBOOL:
        return qbool_get_bool(qobject_to(QBool, x)) ==
               qbool_get_bool(qobject_to(QBool, y));
    default:
        return true; /* null equals null */
    }
}
