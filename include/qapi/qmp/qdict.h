/* SPDX-License-Identifier: MIT */
/*
 * QDict: a dictionary from strings to QObjects that keeps its order.
 *
 * Invariants:
 *  - Entries are visited in the order in which their keys were first put;
 *    replacing a value keeps the place, deleting a key gives it up.
 *  - Keys are unique, copied and never NULL; values are never NULL, and the
 *    dict owns one reference to each.
 *
 * All functions are plain: they never yield and may be called anywhere.
 */
#ifndef QAPI_QMP_QDICT_H
#define QAPI_QMP_QDICT_H

#include "qapi/qmp/qobject.h"

struct QDict {
    QObjectBase base;
    GHashTable *table; /* key -> QDictEntry, whose `key` is the table's key */
    GQueue order;      /* of QDictEntry, by their embedded links */
};

/* A new empty dict; the caller owns the reference. */
QDict *qdict_new(void);

/*
 * A new dict with the same keys, order and values, each value with one more
 * reference.
 */
QDict *qdict_clone_shallow(const QDict *src);

/* The number of entries. */
size_t qdict_size(const QDict *qdict);

/* Whether there is an entry for @key, whatever its value. */
bool qdict_haskey(const QDict *qdict, const char *key);

/*
 * Sets @key (copied) to @value, any subtype of QObject, and takes over the
 * caller's reference.  A value that was there before is dropped.
 */
#define qdict_put(qdict, key, value) qdict_put_obj(qdict, key, QOBJECT(value))
void qdict_put_obj(QDict *qdict, const char *key, QObject *value);

/* Set @key to a new bool, number, string (copied) or null. */
void qdict_put_bool(QDict *qdict, const char *key, bool value);
void qdict_put_int(QDict *qdict, const char *key, int64_t value);
void qdict_put_str(QDict *qdict, const char *key, const char *value);
void qdict_put_null(QDict *qdict, const char *key);

/*
 * Removes @key and drops its value; nothing happens when it is not there.
 * @key may be the entry's own key.
 */
void qdict_del(QDict *qdict, const char *key);

/* The value of @key, borrowed; NULL when there is none. */
QObject *qdict_get(const QDict *qdict, const char *key);

/* The text of @key, which must be there and be a string (asserted). */
const char *qdict_get_str(const QDict *qdict, const char *key);

/* The value of @key, borrowed; NULL when absent or of another type. */
QDict *qdict_get_qdict(const QDict *qdict, const char *key);
const char *qdict_get_try_str(const QDict *qdict, const char *key);

/*
 * The first entry in order, and the one after @entry; NULL at the end.  An
 * entry lives until its key is deleted: take the next one before deleting.
 */
const QDictEntry *qdict_first(const QDict *qdict);
const QDictEntry *qdict_next(const QDict *qdict, const QDictEntry *entry);

/* Key and value of an entry, both borrowed. */
const char *qdict_entry_key(const QDictEntry *entry);
QObject *qdict_entry_value(const QDictEntry *entry);

/* Whether both dicts have the same keys with equal values, in any order. */
bool qdict_is_equal(const QDict *x, const QDict *y);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QDict, qobject_destroy_ref)

#endif
