/* SPDX-License-Identifier: MIT */
/*
 * Names of nodes: json: names, paths, and how an open node describes itself.
 *
 * Invariants of a node that was refreshed:
 *   - full_open_options opens an equal node: the driver, the options given that
 *     change what is seen, and each child's description.
 *   - exact_filename, if not empty, does so as a plain name.
 *   - filename is exact_filename, or json: and full_open_options.
 */
#include "qemu/osdep.h"
#include "block/core/node/node.h"
#include "block/qdict.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qstring.h"
#include "qemu/cutils.h"

/* ---- paths -------------------------------------------------------------- */

/* A colon after a slash belongs to a file's name, as in "./a:b". */
bool path_has_protocol(const char *path)
{
    return path[strcspn(path, ":/")] == ':';
}

bool path_is_absolute(const char *path)
{
    return path[0] == '/';
}

/*
 * A name with a protocol or from the root stands for itself; any other is
 * relative to the folder of the file that mentions it, not to the current one.
 */
char *path_combine(const char *base, const char *filename)
{
    const char *start, *slash;

    if (path_is_absolute(filename) || path_has_protocol(filename)) {
        return g_strdup(filename);
    }
    start = path_has_protocol(base) ? strchr(base, ':') + 1 : base;
    slash = strrchr(start, '/');
    return g_strdup_printf("%.*s%s", (int)((slash ? slash + 1 : start) - base),
                           base, filename);
}

char *bdrv_get_full_backing_filename_from_filename(const char *backed,
                                                   const char *backing,
                                                   Error **errp)
{
    if (!backing[0]) {
        return NULL;
    }
    if (!path_is_absolute(backing) && !path_has_protocol(backing) &&
        (!backed[0] || g_str_has_prefix(backed, "json:"))) {
        error_setg(errp, "Cannot use relative backing file names for '%s'",
                   backed);
        return NULL;
    }
    return path_combine(backed, backing);
}

/* A node that is not opened yet has been given its file's name. */
char *bdrv_dirname(BlockDriverState *bs, Error **errp)
{
    if (!bs->drv) {
        error_setg(errp, "Node '%s' is not open", bs->node_name);
        return NULL;
    }
    if (bs->drv->bdrv_dirname) {
        return bs->drv->bdrv_dirname(bs, errp);
    }
    if (bs->file) {
        return bdrv_dirname(bs->file->bs, errp);
    }
    bdrv_refresh_filename(bs);
    if (bs->exact_filename[0]) {
        return path_combine(bs->exact_filename, "");
    }
    error_setg(errp, "Cannot generate a base directory for %s nodes",
               bs->drv->format_name);
    return NULL;
}

/* Relative to the image, wherever the program runs. */
char *bdrv_backing_path(BlockDriverState *bs, Error **errp)
{
    const char *name = bs->auto_backing_file;
    g_autofree char *dir = NULL;

    if (path_is_absolute(name) || path_has_protocol(name)) {
        return g_strdup(name);
    }
    dir = bdrv_dirname(bs, errp);
    return dir ? path_combine(dir, name) : NULL;
}

/* ---- json: names -------------------------------------------------------- */

int bdrv_take_json_name(const char **filename, QDict *options, Error **errp)
{
    ERRP_GUARD();
    g_autoptr(QObject) obj = NULL;
    QDict *json;

    if (!*filename || !g_str_has_prefix(*filename, "json:")) {
        return 0;
    }
    obj = qobject_from_json(*filename + strlen("json:"), errp);
    if (!obj) {
        error_prepend(errp, "Could not parse the JSON options: ");
        return -EINVAL;
    }
    json = qobject_to(QDict, obj);
    if (!json) {
        error_setg(errp, "Invalid JSON object given");
        return -EINVAL;
    }
    qdict_flatten(json);
    qdict_join(options, json, false);
    *filename = NULL;
    return 0;
}

/* ---- descriptions of nodes ---------------------------------------------- */

/* A pattern that ends with a dot stands for all keys that begin so. */
static bool key_is_strong(BlockDriver *drv, const char *key)
{
    for (const char *const *p = drv->strong_runtime_opts; p && *p; p++) {
        if (g_str_has_suffix(*p, ".") ? g_str_has_prefix(key, *p)
                                      : !strcmp(key, *p)) {
            return true;
        }
    }
    return false;
}

/*
 * Scripts compare what is printed: the members stand as qemu-img has them, and
 * there these come before the driver's name, all others after it.
 */
static const char *const keys_before_driver[] = { "offset", "read-zeroes",
                                                  "force_size_calc", NULL };

/*
 * Copies the strong options that were given into @d, those before or those
 * after the driver's name; returns whether there was one besides the file
 * name.
 */
static bool append_strong_options(QDict *d, BlockDriverState *bs, bool before)
{
    const QDictEntry *e;
    bool found = false;

    for (e = qdict_first(bs->options); e; e = qdict_next(bs->options, e)) {
        const char *key = qdict_entry_key(e);

        if (key_is_strong(bs->drv, key) &&
            g_strv_contains(keys_before_driver, key) == before) {
            qdict_put_obj(d, key, qobject_ref(qdict_entry_value(e)));
            found |= strcmp(key, "filename") != 0;
        }
    }
    return found;
}

/* Does the image itself lead to the backing node that it has? */
static bool backing_is_default(BlockDriverState *bs)
{
    if (!bs->backing) {
        return !bs->auto_backing_file[0] ||
               ((bs->open_flags & BDRV_O_NO_BACKING) &&
                !qdict_haskey(bs->explicit_options, "backing"));
    }
    return bs->auto_backing_file[0] &&
           !qdict_haskey(bs->explicit_options, "backing") &&
           bs->backing->bs->inherits_from == bs;
}

/*
 * A backing node that the image's own bytes name is left out, because opening
 * the image opens it again; one that an option replaced or removed is not.
 */
static void append_children(QDict *d, BlockDriverState *bs)
{
    bool is_default = backing_is_default(bs);
    BdrvChild *c;

    if (bs->drv->bdrv_gather_child_options) {
        bs->drv->bdrv_gather_child_options(bs, d, !is_default);
        return;
    }
    QLIST_FOREACH(c, &bs->children, next) {
        if (c == bs->backing && is_default) {
            continue;
        }
        if (c->bs->full_open_options) {
            qdict_put(d, c->name, qobject_ref(c->bs->full_open_options));
        }
    }
    if (!bs->backing && !is_default) {
        qdict_put_null(d, "backing");
    }
}

static void refresh_exact_filename(BlockDriverState *bs, bool has_strong)
{
    BlockDriverState *file = bdrv_file_bs(bs);

    if (bs->drv->bdrv_refresh_filename) {
        bs->exact_filename[0] = '\0';
        bs->drv->bdrv_refresh_filename(bs);
    } else if (file && !has_strong && backing_is_default(bs) && file->drv &&
               file->drv->bdrv_file_open) {
        /* The file's name stands for the image that is in it, too. */
        pstrcpy(bs->exact_filename, sizeof(bs->exact_filename),
                file->exact_filename);
    } else if (!QLIST_EMPTY(&bs->children) || has_strong) {
        bs->exact_filename[0] = '\0';
    }
}

static void refresh_display_name(BlockDriverState *bs)
{
    QString *json;

    if (bs->exact_filename[0]) {
        pstrcpy(bs->filename, sizeof(bs->filename), bs->exact_filename);
        return;
    }
    json = qobject_to_json(QOBJECT(bs->full_open_options));
    /* A name too long to be taken as one is cut, as a description. */
    snprintf(bs->filename, sizeof(bs->filename), "json:%s",
             qstring_get_str(json));
    qobject_unref(json);
}

void bdrv_refresh_filename(BlockDriverState *bs)
{
    const char *name;
    BdrvChild *c;
    QDict *d;
    bool has_strong;

    if (!bs->drv || !bs->options) {
        return;
    }
    QLIST_FOREACH(c, &bs->children, next) {
        bdrv_refresh_filename(c->bs);
    }
    d = qdict_new();
    has_strong = append_strong_options(d, bs, true);
    qdict_put_str(d, "driver", bs->drv->format_name);
    has_strong |= append_strong_options(d, bs, false);
    name = qdict_get_try_str(bs->options, "filename");
    if (name && bs->drv->bdrv_file_open && !qdict_haskey(d, "filename")) {
        /* A protocol's name, which it does not list among its options. */
        qdict_put_str(d, "filename", name);
    }
    append_children(d, bs);
    qobject_unref(bs->full_open_options);
    bs->full_open_options = d;
    refresh_exact_filename(bs, has_strong);
    refresh_display_name(bs);
}

/* Refreshed each time, because a child may have been reopened under it. */
const char *bdrv_get_filename(BlockDriverState *bs)
{
    bdrv_refresh_filename(bs);
    return bs->filename;
}
