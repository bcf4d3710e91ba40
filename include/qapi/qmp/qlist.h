/* SPDX-License-Identifier: MIT */
/*
 * QList: a sequence of QObjects.
 *
 * Invariants: the list owns one reference to each item; no item is NULL.
 *
 * All functions are plain: they never yield and may be called anywhere.
 */
#ifndef QAPI_QMP_QLIST_H
#define QAPI_QMP_QLIST_H

#include "qapi/qmp/qobject.h"

struct QList {
    QObjectBase base;
    GQueue items; /* of QObject; a QListEntry is a link of it */
};

/* A new empty list; the caller owns the reference. */
QList *qlist_new(void);

/* Appends @value (any subtype) and takes over the caller's reference. */
#define qlist_append(qlist, value) qlist_append_obj(qlist, QOBJECT(value))
void qlist_append_obj(QList *qlist, QObject *value);

/* Whether there is no item. */
bool qlist_empty(const QList *qlist);

/* The first entry, or NULL. */
const QListEntry *qlist_first(const QList *qlist);

/* The entry after @entry, or NULL. */
const QListEntry *qlist_next(const QListEntry *entry);

/* The item of @entry, borrowed. */
QObject *qlist_entry_obj(const QListEntry *entry);

/* Visits the entries in order; the list must not change meanwhile. */
#define QLIST_FOREACH_ENTRY(qlist, var) \
    for ((var) = qlist_first(qlist); (var); (var) = qlist_next(var))

/* Whether both lists hold equal items in the same order. */
bool qlist_is_equal(const QList *x, const QList *y);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QList, qobject_destroy_ref)

#endif
