/* SPDX-License-Identifier: MIT */
/*
 * Dictionaries: a hash table for look-up, a list through the entries for order.
 *
 * Invariants:
 *  - Every entry is in both, exactly once.
 *  - The table owns the entries; an entry owns its key and a reference to its
 *    value.  The list's links are embedded in the entries.
 */
#include "qemu/osdep.h"
#include "qapi/qmp/qbool.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qlist.h"
#include "qapi/qmp/qnull.h"
#include "qapi/qmp/qnum.h"
#include "qapi/qmp/qstring.h"

struct QDictEntry {
    GList link; /* in QDict.order; its data is the entry */
    char *key;
    QObject *value;
};

static void qdict_entry_free(void *opaque)
{
    QDictEntry *entry = opaque;

    qobject_unref(entry->value);
    g_free(entry->key);
    g_free(entry);
}

QDict *qdict_new(void)
{
    QDict *qdict = qobject_alloc(QTYPE_QDICT, sizeof(*qdict));

    qdict->table = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                         qdict_entry_free);
    g_queue_init(&qdict->order);
    return qdict;
}

QDict *qdict_clone_shallow(const QDict *src)
{
    QDict *dst = qdict_new();
    const QDictEntry *entry;

    for (entry = qdict_first(src); entry; entry = qdict_next(src, entry)) {
        qdict_put_obj(dst, entry->key, qobject_ref(entry->value));
    }
    return dst;
}

size_t qdict_size(const QDict *qdict)
{
    return qdict->order.length;
}

static QDictEntry *qdict_find(const QDict *qdict, const char *key)
{
    return g_hash_table_lookup(qdict->table, key);
}

bool qdict_haskey(const QDict *qdict, const char *key)
{
    return qdict_find(qdict, key) != NULL;
}

void qdict_put_obj(QDict *qdict, const char *key, QObject *value)
{
    QDictEntry *entry = qdict_find(qdict, key);
    QObject *old;

    assert(value);
    if (entry) {
        old = entry->value;
        entry->value = value;
        qobject_unref(old);
        return;
    }
    entry = g_new0(QDictEntry, 1);
    entry->key = g_strdup(key);
    entry->value = value;
    /* A link in the entry, so that an order costs no further allocation. */
    entry->link.data = entry;
    g_hash_table_insert(qdict->table, entry->key, entry);
    g_queue_push_tail_link(&qdict->order, &entry->link);
}

void qdict_put_bool(QDict *qdict, const char *key, bool value)
{
    qdict_put(qdict, key, qbool_from_bool(value));
}

void qdict_put_int(QDict *qdict, const char *key, int64_t value)
{
    qdict_put(qdict, key, qnum_from_int(value));
}

void qdict_put_str(QDict *qdict, const char *key, const char *value)
{
    qdict_put(qdict, key, qstring_from_str(value));
}

void qdict_put_null(QDict *qdict, const char *key)
{
    qdict_put(qdict, key, qnull());
}

void qdict_del(QDict *qdict, const char *key)
{
    QDictEntry *entry = qdict_find(qdict, key);

    if (entry) {
        /* First, because the link is freed with the entry. */
        g_queue_unlink(&qdict->order, &entry->link);
        g_hash_table_remove(qdict->table, entry->key);
    }
}

QObject *qdict_get(const QDict *qdict, const char *key)
{
    QDictEntry *entry = qdict_find(qdict, key);

    return entry ? entry->value : NULL;
}

const char *qdict_get_str(const QDict *qdict, const char *key)
{
    const char *str = qdict_get_try_str(qdict, key);

    g_assert(str);
    return str;
}

QDict *qdict_get_qdict(const QDict *qdict, const char *key)
{
    return qobject_to(QDict, qdict_get(qdict, key));
}

const char *qdict_get_try_str(const QDict *qdict, const char *key)
{
    return qobject_get_try_str(qdict_get(qdict, key));
}

const QDictEntry *qdict_first(const QDict *qdict)
{
    return qdict->order.head ? qdict->order.head->data : NULL;
}

const QDictEntry *qdict_next(const QDict *qdict, const QDictEntry *entry)
{
    return entry->link.next ? entry->link.next->data : NULL;
}

const char *qdict_entry_key(const QDictEntry *entry)
{
    return entry->key;
}

QObject *qdict_entry_value(const QDictEntry *entry)
{
    return entry->value;
}

bool qdict_is_equal(const QDict *x, const QDict *y)
{
    const QDictEntry *entry;

    /* As many keys: then all of them are the same if those of x are in y. */
    if (qdict_size(x) != qdict_size(y)) {
        return false;
    }
    for (entry = qdict_first(x); entry; entry = qdict_next(x, entry)) {
        if (!qobject_is_equal(entry->value, qdict_get(y, entry->key))) {
            return false;
        }
    }
    return true;
}
