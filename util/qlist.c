/* SPDX-License-Identifier: MIT */
/*
 * Lists of QObjects, on a GQueue.
 *
 * Invariants:
 *  - Every link's data is an item to which the list owns a reference.
 *  - A QListEntry is one of the queue's links under another name; the type is
 *    never completed.
 */
#include "qemu/osdep.h"
#include "qapi/qmp/qbool.h"
#include "qapi/qmp/qlist.h"
#include "qapi/qmp/qnull.h"
#include "qapi/qmp/qnum.h"
#include "qapi/qmp/qstring.h"

QList *qlist_new(void)
{
    QList *qlist = g_new0(QList, 1);

    qobject_init(&qlist->base, QTYPE_QLIST);
    g_queue_init(&qlist->items);
    return qlist;
}

QList *qlist_copy(const QList *qlist)
{
    QList *copy = qlist_new();
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(qlist, entry) {
        qlist_append_obj(copy, qobject_ref(qlist_entry_obj(entry)));
    }
    return copy;
}

void qlist_append_obj(QList *qlist, QObject *value)
{
    assert(value);
    g_queue_push_tail(&qlist->items, value);
}

void qlist_append_bool(QList *qlist, bool value)
{
    qlist_append(qlist, qbool_from_bool(value));
}

void qlist_append_int(QList *qlist, int64_t value)
{
    qlist_append(qlist, qnum_from_int(value));
}

void qlist_append_str(QList *qlist, const char *value)
{
    qlist_append(qlist, qstring_from_str(value));
}

void qlist_append_null(QList *qlist)
{
    qlist_append(qlist, qnull());
}

QObject *qlist_pop(QList *qlist)
{
    return g_queue_pop_head(&qlist->items);
}

QObject *qlist_peek(const QList *qlist)
{
    return qlist_empty(qlist) ? NULL : qlist->items.head->data;
}

bool qlist_empty(const QList *qlist)
{
    return qlist->items.length == 0;
}

size_t qlist_size(const QList *qlist)
{
    return qlist->items.length;
}

const QListEntry *qlist_first(const QList *qlist)
{
    return (const QListEntry *)qlist->items.head;
}

const QListEntry *qlist_next(const QListEntry *entry)
{
    return (const QListEntry *)((const GList *)entry)->next;
}

QObject *qlist_entry_obj(const QListEntry *entry)
{
    return ((const GList *)entry)->data;
}

bool qlist_is_equal(const QList *x, const QList *y)
{
    const QListEntry *ex = qlist_first(x);
    const QListEntry *ey = qlist_first(y);

    while (ex && ey) {
        if (!qobject_is_equal(qlist_entry_obj(ex), qlist_entry_obj(ey))) {
            return false;
        }
        ex = qlist_next(ex);
        ey = qlist_next(ey);
    }
    return !ex && !ey;
}
