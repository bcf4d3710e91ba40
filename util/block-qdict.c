/* SPDX-License-Identifier: MIT */
/*
 * Flat and nested option dicts: one made from the other, keys moved and
 * renamed.
 *
 * Invariants:
 *  - Nested containers of an argument are never modified, since others may
 *    hold references to them; only the dict itself is.
 *  - While qdict_crumple() builds its tree, the dicts of the tree have at
 *    least one entry, so that an empty one is known for a value.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/qdict.h"
#include "qapi/qmp/qstring.h"

static void flatten_obj(QDict *dst, GString *key, QObject *value);

/* Flattens @name, member of what @key names, and restores @key. */
static void flatten_member(QDict *dst, GString *key, const char *name,
                           QObject *value)
{
    size_t len = key->len;

    g_string_append_c(key, '.');
    g_string_append(key, name);
    flatten_obj(dst, key, value);
    g_string_truncate(key, len);
}

static void flatten_obj(QDict *dst, GString *key, QObject *value)
{
    QDict *dict = qobject_to(QDict, value);
    QList *list = qobject_to(QList, value);

    if (dict && qdict_size(dict)) {
        const QDictEntry *entry;

        for (entry = qdict_first(dict); entry;
             entry = qdict_next(dict, entry)) {
            flatten_member(dst, key, qdict_entry_key(entry),
                           qdict_entry_value(entry));
        }
    } else if (list && !qlist_empty(list)) {
        const QListEntry *entry;
        char index[24];
        size_t i = 0;

        QLIST_FOREACH_ENTRY(list, entry) {
            snprintf(index, sizeof(index), "%zu", i++);
            flatten_member(dst, key, index, qlist_entry_obj(entry));
        }
    } else {
        /* Empty ones are values, because no key would be left of them. */
        qdict_put_obj(dst, key->str, qobject_ref(value));
    }
}

void qdict_flatten(QDict *qdict)
{
    g_autoptr(QDict) flat = qdict_new();
    GString *key = g_string_new(NULL);
    const QDictEntry *entry;

    /* Into another dict, because new keys may be those of entries to come. */
    while ((entry = qdict_first(qdict))) {
        g_string_assign(key, qdict_entry_key(entry));
        flatten_obj(flat, key, qdict_entry_value(entry));
        qdict_del(qdict, key->str);
    }
    g_string_free(key, TRUE);
    qdict_join(qdict, flat, true);
}

/* False for scalars and for empty dicts and lists, which are values, too. */
static bool has_members(QObject *obj)
{
    QDict *dict = qobject_to(QDict, obj);
    QList *list = qobject_to(QList, obj);

    return dict ? qdict_size(dict) > 0 : list && !qlist_empty(list);
}

/*
 * The part of a dotted key that starts at *pos, ".." undone.  *pos moves past
 * the dot that ends it, or becomes NULL after the last part.
 */
static char *next_part(const char **pos)
{
    GString *part = g_string_new(NULL);
    const char *p;

    for (p = *pos; *p; p++) {
        if (*p == '.') {
            if (p[1] != '.') {
                *pos = p + 1;
                return g_string_free(part, FALSE);
            }
            p++;
        }
        g_string_append_c(part, *p);
    }
    *pos = NULL;
    return g_string_free(part, FALSE);
}

/*
 * Puts @value into the tree under @root at the place that the dotted @key
 * names.  False when another key stands in the way, or @key is too deep.
 */
static bool tree_put(QDict *root, const char *key, QObject *value,
                     Error **errp)
{
    QDict *dict = root;
    const char *pos = key;
    int depth;

    for (depth = 0; depth < QOBJECT_MAX_DEPTH; depth++) {
        g_autofree char *part = next_part(&pos);
        QObject *old = qdict_get(dict, part);

        if (old && (!pos || !has_members(old))) {
            error_setg(errp, "Key '%s' clashes with another key", key);
            return false;
        }
        if (!pos) {
            qdict_put_obj(dict, part, qobject_ref(value));
            return true;
        }
        if (!old) {
            old = QOBJECT(qdict_new());
            qdict_put_obj(dict, part, old);
        }
        dict = qobject_to(QDict, old);
    }
    error_setg(errp, "Key '%.64s...' is nested too deeply", key);
    return false;
}

/* The list of @dict's values, whose keys must be 0 to n-1; @path for errors. */
static QList *dict_to_list(const QDict *dict, const GString *path,
                           Error **errp)
{
    g_autoptr(QList) list = qlist_new();
    char index[24];
    QObject *item;
    size_t i;

    for (i = 0; i < qdict_size(dict); i++) {
        snprintf(index, sizeof(index), "%zu", i);
        item = qdict_get(dict, index);
        if (!item) {
            error_setg(errp, "List element '%s%s' is missing", path->str,
                       index);
            return NULL;
        }
        qlist_append_obj(list, qobject_ref(item));
    }
    return g_steal_pointer(&list);
}

/*
 * @dict with all dicts of indices in it made lists; itself too, if it is one.
 * @path is the key prefix of its members.  A new reference, or NULL and errp.
 */
static QObject *tree_finish(QDict *dict, GString *path, Error **errp)
{
    size_t len = path->len;
    size_t indices = 0;
    const QDictEntry *entry;

    for (entry = qdict_first(dict); entry; entry = qdict_next(dict, entry)) {
        const char *key = qdict_entry_key(entry);

        indices += *key && key[strspn(key, "0123456789")] == '\0';
    }
    if (indices && indices < qdict_size(dict)) {
        error_setg(errp, "Keys '%s*' are partly list indices, partly names",
                   path->str);
        return NULL;
    }
    for (entry = qdict_first(dict); entry; entry = qdict_next(dict, entry)) {
        QDict *sub = qobject_to(QDict, qdict_entry_value(entry));
        QObject *done;

        if (!sub || !qdict_size(sub)) {
            continue;
        }
        /* The new value keeps its entry's place, so that the walk goes on. */
        g_string_append_printf(path, "%s.", qdict_entry_key(entry));
        done = tree_finish(sub, path, errp);
        g_string_truncate(path, len);
        if (!done) {
            return NULL;
        }
        qdict_put_obj(dict, qdict_entry_key(entry), done);
    }
    if (indices) {
        QList *list = dict_to_list(dict, path, errp);

        return list ? QOBJECT(list) : NULL;
    }
    return QOBJECT(qobject_ref(dict));
}

QObject *qdict_crumple(const QDict *src, Error **errp)
{
    g_autoptr(QDict) root = qdict_new();
    const QDictEntry *entry;
    GString *path;
    QObject *ret;

    for (entry = qdict_first(src); entry; entry = qdict_next(src, entry)) {
        const char *key = qdict_entry_key(entry);
        QObject *value = qdict_entry_value(entry);

        if (has_members(value)) {
            error_setg(errp, "Value of key '%s' is not a scalar", key);
            return NULL;
        }
        if (!tree_put(root, key, value, errp)) {
            return NULL;
        }
    }
    path = g_string_new(NULL);
    ret = tree_finish(root, path, errp);
    g_string_free(path, TRUE);
    return ret;
}

void qdict_copy_default(QDict *dst, QDict *src, const char *key)
{
    QObject *val = qdict_get(src, key);

    if (val && !qdict_haskey(dst, key)) {
        qdict_put_obj(dst, key, qobject_ref(val));
    }
}

void qdict_set_default_str(QDict *dst, const char *key, const char *val)
{
    if (!qdict_haskey(dst, key)) {
        qdict_put_str(dst, key, val);
    }
}

void qdict_join(QDict *dest, QDict *src, bool overwrite)
{
    const QDictEntry *entry, *next;

    for (entry = qdict_first(src); entry; entry = next) {
        const char *key = qdict_entry_key(entry);

        next = qdict_next(src, entry);
        if (overwrite || !qdict_haskey(dest, key)) {
            qdict_put_obj(dest, key, qobject_ref(qdict_entry_value(entry)));
            qdict_del(src, key);
        }
    }
}

void qdict_extract_subqdict(QDict *src, QDict **dst, const char *start)
{
    const QDictEntry *entry, *next;
    const char *rest;

    if (dst) {
        *dst = qdict_new();
    }
    for (entry = qdict_first(src); entry; entry = next) {
        next = qdict_next(src, entry);
        if (!g_str_has_prefix(qdict_entry_key(entry), start)) {
            continue;
        }
        rest = qdict_entry_key(entry) + strlen(start);
        if (dst) {
            qdict_put_obj(*dst, rest, qobject_ref(qdict_entry_value(entry)));
        }
        qdict_del(src, qdict_entry_key(entry));
    }
}

/* Whether a key of @dict begins with @start. */
static bool has_prefix(const QDict *dict, const char *start)
{
    const QDictEntry *entry;

    for (entry = qdict_first(dict); entry; entry = qdict_next(dict, entry)) {
        if (g_str_has_prefix(qdict_entry_key(entry), start)) {
            return true;
        }
    }
    return false;
}

void qdict_array_split(QDict *src, QList **dst)
{
    unsigned i;

    *dst = qlist_new();
    for (i = 0; ; i++) {
        g_autofree char *index = g_strdup_printf("%u", i);
        g_autofree char *prefix = g_strdup_printf("%u.", i);
        QObject *item = qdict_get(src, index);
        QDict *sub;

        if ((item != NULL) == has_prefix(src, prefix)) {
            /* Neither form, or both: what stays is reported as unknown. */
            return;
        }
        if (item) {
            qlist_append_obj(*dst, qobject_ref(item));
            qdict_del(src, index);
        } else {
            qdict_extract_subqdict(src, &sub, prefix);
            qlist_append(*dst, sub);
        }
    }
}

bool qdict_rename_keys(QDict *qdict, const QDictRenames *renames,
                       Error **errp)
{
    QObject *value;

    for (; renames->from; renames++) {
        value = qdict_get(qdict, renames->from);
        if (!value) {
            continue;
        }
        if (qdict_haskey(qdict, renames->to)) {
            error_setg(errp, "'%s' and its alias '%s' can't be used at the "
                       "same time", renames->to, renames->from);
            return false;
        }
        qdict_put_obj(qdict, renames->to, qobject_ref(value));
        qdict_del(qdict, renames->from);
    }
    return true;
}
