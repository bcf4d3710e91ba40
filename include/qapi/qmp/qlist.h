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

/* A new list of the same items, each with one more reference. */
QList *qlist_copy(const QList *qlist);

/* Appends @value (any subtype) and takes over the caller's reference. */
#define qlist_append(qlist, value) qlist_append_obj(qlist, QOBJECT(value))
void qlist_append_obj(QList *qlist, QObject *value);

/* Append a new bool, number, string (copied) or null. */
void qlist_append_bool(QList *qlist, bool value);
void qlist_append_int(QList *qlist, int64_t value);
void qlist_append_str(QList *qlist, const char *value);
void qlist_append_null(QList *qlist);

/* Removes the first item; the caller owns it.  NULL when empty. */
QObject *qlist_pop(QList *qlist);

/* The first item, borrowed; NULL when empty. */
QObject *qlist_peek(const QList *qlist);

bool qlist_empty(const QList *qlist);
size_t qlist_size(const QList *qlist);

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
