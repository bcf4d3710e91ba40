/* SPDX-License-Identifier: MIT */
/*
 * Option lists in one string, made flat or nested dicts of strings.
 *
 * Invariant: an item ends at a comma that is not doubled; a key ends at the
 * first '=' of its item, and a comma in a key always ends the item.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/qdict.h"
#include "minblk/keyval.h"

/*
 * The value at *pos, ",," undone.  *pos moves to the next item, or to the end.
 */
static char *take_value(const char **pos)
{
    GString *value = g_string_new(NULL);
    const char *p;

    for (p = *pos; *p; p++) {
        if (*p == ',' && *++p != ',') {
            break;
        }
        g_string_append_c(value, *p);
    }
    *pos = p;
    return g_string_free(value, FALSE);
}

/*
 * Takes one item from *pos into @dict.  @implied_key is the key of an item
 * without one, or NULL; then it is a switch if @switches, else an error.
 */
static bool take_item(QDict *dict, const char **pos, const char *implied_key,
                      bool switches, Error **errp)
{
    size_t len = strcspn(*pos, "=,");
    g_autofree char *key = g_strndup(*pos, len);
    g_autofree char *value = NULL;

    if (len && (*pos)[len] != '=' && implied_key) {
        value = take_value(pos);
        qdict_put_str(dict, implied_key, value);
        return true;
    }
    if (!len) {
        error_setg(errp, "Option without a name at '%.32s'", *pos);
        return false;
    }
    if ((*pos)[len] == '=') {
        *pos += len + 1;
        value = take_value(pos);
        qdict_put_str(dict, key, value);
        return true;
    }
    if (!switches) {
        error_setg(errp, "Expected '=' after option '%s'", key);
        return false;
    }
    *pos += len + ((*pos)[len] == ',');
    qdict_put_str(dict, key, "on");
    return true;
}

static QDict *parse_items(const char *params, const char *implied_key,
                          bool switches, Error **errp)
{
    g_autoptr(QDict) dict = qdict_new();
    const char *pos = params;

    while (*pos) {
        if (!take_item(dict, &pos, implied_key, switches, errp)) {
            return NULL;
        }
        implied_key = NULL;
    }
    return g_steal_pointer(&dict);
}

QDict *keyval_parse_flat(const char *params, const char *implied_key,
                         Error **errp)
{
    return parse_items(params, implied_key, true, errp);
}

/* Whether @key is parts of letters, digits, '-', '_' with dots between. */
static bool key_is_valid(const char *key)
{
    const char *p;

    if (!g_ascii_isalpha(*key)) {
        return false;
    }
    for (p = key; *p; p++) {
        if (*p == '.' ? p[1] == '.' || !p[1]
                      : !g_ascii_isalnum(*p) && *p != '-' && *p != '_') {
            return false;
        }
    }
    return true;
}

QDict *keyval_parse(const char *params, const char *implied_key, Error **errp)
{
    g_autoptr(QDict) flat = parse_items(params, implied_key, false, errp);
    const QDictEntry *entry;

    if (!flat) {
        return NULL;
    }
    for (entry = qdict_first(flat); entry; entry = qdict_next(flat, entry)) {
        if (!key_is_valid(qdict_entry_key(entry))) {
            error_setg(errp, "Invalid option name '%s'",
                       qdict_entry_key(entry));
            return NULL;
        }
    }
    /* No key begins with a digit: the root is a dict, never a list. */
    return qobject_to(QDict, qdict_crumple(flat, errp));
}
