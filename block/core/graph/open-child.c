/* SPDX-License-Identifier: MIT */
/*
 * Opening what a node stands on: children described by options, nodes that a
 * creation names, and the backing node.
 *
 * Invariants:
 *   - The options that describe a child are gone from the parent's when the
 *     call returns, whether it succeeded or not.
 *   - What an image's own bytes name is opened through bdrv_open_implicit()
 *     only.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "block/qdict.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qobject-output-visitor.h"
#include "qapi/visitor.h"
#include "qemu/cutils.h"

BlockDriverState *bdrv_open_child_bs(const char *filename, QDict *options,
                                     const char *bdref_key,
                                     BlockDriverState *parent,
                                     const BdrvChildRole *role,
                                     bool allow_none, Error **errp)
{
    g_autofree char *prefix = g_strdup_printf("%s.", bdref_key);
    g_autofree char *reference =
        g_strdup(qdict_get_try_str(options, bdref_key));
    QDict *child_options;

    qdict_extract_subqdict(options, &child_options, prefix);
    qdict_del(options, bdref_key);

    if (!filename && !reference && qdict_size(child_options) == 0) {
        qobject_unref(child_options);
        if (!allow_none) {
            error_setg(errp, "A block device must be specified for \"%s\"",
                       bdref_key);
        }
        return NULL;
    }
    return bdrv_open_inherit(filename, reference, child_options, 0, parent,
                             role, errp);
}

BdrvChild *bdrv_open_child(const char *filename, QDict *options,
                           const char *bdref_key, BlockDriverState *parent,
                           const BdrvChildRole *child_role, bool allow_none,
                           Error **errp)
{
    BlockDriverState *bs;
    BdrvChild *c = NULL;

    bdrv_graph_lock();
    bs = bdrv_open_child_bs(filename, options, bdref_key, parent, child_role,
                            allow_none, errp);
    if (bs) {
        c = bdrv_attach_child(parent, bs, bdref_key, child_role, errp);
    }
    bdrv_graph_unlock();
    return c;
}

/* ---- backing ------------------------------------------------------------ */

static bool has_prefix_key(QDict *options, const char *prefix)
{
    const QDictEntry *e;

    for (e = qdict_first(options); e; e = qdict_next(options, e)) {
        if (g_str_has_prefix(qdict_entry_key(e), prefix)) {
            return true;
        }
    }
    return false;
}

/* `backing` is null or empty: the image is to stand alone. */
static bool backing_is_disabled(QDict *options)
{
    QObject *value = qdict_get(options, "backing");
    const char *name = qdict_get_try_str(options, "backing");

    return (value && qobject_type(value) == QTYPE_QNULL) ||
           (name && !name[0]);
}

static BlockDriverState *open_named_backing(BlockDriverState *bs, Error **errp)
{
    g_autofree char *path = path_combine(bs->filename, bs->auto_backing_file);
    const char *format = bs->backing_format[0] ? bs->backing_format : NULL;
    BlockDriverState *backing =
        bdrv_open_implicit(bs, path, format, 0, errp);

    if (!backing) {
        error_prepend(errp, "Could not open backing file: ");
    }
    return backing;
}

int bdrv_open_backing(BlockDriverState *bs, QDict *options, Error **errp)
{
    ERRP_GUARD();
    BlockDriverState *backing = NULL;

    if (backing_is_disabled(options)) {
        qdict_del(options, "backing");
        return 0;
    }
    if (!bs->drv->supports_backing) {
        return 0;
    }
    if (qdict_haskey(options, "backing") ||
        has_prefix_key(options, "backing.")) {
        backing = bdrv_open_child_bs(NULL, options, "backing", bs,
                                     &child_backing, false, errp);
    } else if (bs->auto_backing_file[0] &&
               !(bs->open_flags & BDRV_O_NO_BACKING)) {
        backing = open_named_backing(bs, errp);
    } else {
        return 0;
    }
    if (!backing) {
        return -EINVAL;
    }
    bs->backing = bdrv_attach_child(bs, backing, "backing", &child_backing,
                                    errp);
    if (!bs->backing) {
        return -EPERM;
    }
    bdrv_refresh_limits(bs, errp);
    return *errp ? -EINVAL : 0;
}

/* ---- nodes of the schema ------------------------------------------------ */

static QDict *definition_to_options(BlockdevOptions *definition, Error **errp)
{
    QObject *obj = NULL;
    Visitor *v = qobject_output_visitor_new(&obj);
    Error *local_err = NULL;
    QDict *options;

    visit_type_BlockdevOptions(v, NULL, &definition, &local_err);
    if (!local_err) {
        visit_complete(v, &obj);
    }
    visit_free(v);
    if (local_err) {
        error_propagate(errp, local_err);
        return NULL;
    }
    options = qobject_to(QDict, obj);
    qdict_flatten(options);
    return options;
}

BlockDriverState *bdrv_open_blockdev_ref(BlockdevRef *ref, Error **errp)
{
    QDict *options;

    if (ref->type == QTYPE_QSTRING) {
        return bdrv_open(NULL, ref->u.reference, NULL, 0, errp);
    }
    assert(ref->type == QTYPE_QDICT);
    options = definition_to_options(&ref->u.definition, errp);
    if (!options) {
        return NULL;
    }
    /* Defined, not named: writable unless the definition says otherwise. */
    return bdrv_open(NULL, NULL, options, BDRV_O_RDWR, errp);
}
