/* SPDX-License-Identifier: MIT */
/*
 * QDicts as the block layer uses them: nested, or flat with dotted keys.
 *
 * The nested dict {"file": {"filename": "x"}, "list": [1, 2]} is, flat,
 * {"file.filename": "x", "list.0": 1, "list.1": 2}.
 *
 * All functions are plain: they never yield and may be called anywhere.
 */
#ifndef BLOCK_QDICT_H
#define BLOCK_QDICT_H

#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qlist.h"

/*
 * Makes @qdict flat in place: members of nested dicts and lists take the place
 * of their container, under "container.member".  Empty dicts and lists stay as
 * values.  When two members come to the same key, the last one counts.  Nested
 * containers are not modified (others may hold references to them).
 */
void qdict_flatten(QDict *qdict);

/*
 * The nested form of the flat dict @src: a new QDict, or a new QList when the
 * keys are exactly 0 to n-1 (also inside).  "a.b" is member b of a; "a..b" is
 * one key with a dot in it.  Scalars are shared by reference, @src unchanged.
 * NULL and an error that names the key when keys clash ("a" and "a.b"), a
 * dict's keys are partly numbers or leave a gap, a value is not a scalar (empty
 * dicts and lists are accepted), or nesting exceeds QOBJECT_MAX_DEPTH.
 */
QObject *qdict_crumple(const QDict *src, Error **errp);

/* Sets @dst[key] to @src[key] (shared) when only @src has it. */
void qdict_copy_default(QDict *dst, QDict *src, const char *key);

/* Sets @dst[key] to a copy of @val when @dst has no such key. */
void qdict_set_default_str(QDict *dst, const char *key, const char *val);

/*
 * Moves entries from @src to @dest.  Keys that @dest has already are replaced
 * with @overwrite, and stay in @src without.
 */
void qdict_join(QDict *dest, QDict *src, bool overwrite);

/*
 * Moves the entries of @src whose keys begin with @start to a new dict, with
 * @start cut off.  The caller owns *dst, which may be empty.  With @dst NULL
 * the entries are only removed.
 */
void qdict_extract_subqdict(QDict *src, QDict **dst, const char *start);

/*
 * Moves "0", "1", ... or "0.*", "1.*", ... out of the flat dict @src into a new
 * list, of values or of dicts, up to the first index that is missing or that
 * occurs in both forms.  The caller owns *dst, which may be empty.
 */
void qdict_array_split(QDict *src, QList **dst);

/* A key's old and new name; an array ends with { NULL, NULL }. */
typedef struct QDictRenames {
    const char *from;
    const char *to;
} QDictRenames;

/*
 * Renames the keys that are there.  False and an error when both the old and
 * the new one are; entries before it are renamed all the same.
 */
bool qdict_rename_keys(QDict *qdict, const QDictRenames *renames,
                       Error **errp);

/*
 * An input visitor over the flat dict @qdict (which it crumples and does not
 * take over): scalars may be typed or strings, strings are parsed as keyval
 * does ("on", "64M").  The caller ends it with visit_free().  NULL and an
 * error when keys clash.
 */
Visitor *qobject_input_visitor_new_flat_confused(QDict *qdict, Error **errp);

#endif
