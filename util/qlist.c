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
#include "qapi/qmp/qlist.h"

QList *qlist_new(void)
{
    QList *qlist = qobject_alloc(QTYPE_QLIST, sizeof(*qlist));

    g_queue_init(&qlist->items);
    return qlist;
}

void qlist_append_obj(QList *qlist, QObject *value)
{
    assert(value);
    g_queue_push_tail(&qlist->items, value);
}

bool qlist_empty(const QList *qlist)
{
    return qlist->items.length == 0;
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
