/* SPDX-License-Identifier: MIT */
/*
 * Opening for drivers: the child that options describe, and the node that a
 * creation names.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "block/qdict.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qobject-output-visitor.h"
#include "qapi/visitor.h"

/*
 * A format has its name from the image, whose bytes must not choose options,
 * nor drivers that open further files.  volatile-cache: has no bdrv_child_perm
 * and may be named, because the harness has all files of an image in it.
 */
static bool open_names_file(BlockDriverState *parent, const char *filename)
{
    BlockDriver *drv = bdrv_find_protocol(filename, true, NULL);

    return !parent->drv || !bdrv_driver_is_format(parent->drv) ||
           !(g_str_has_prefix(filename, "json:") ||
             (drv && drv->bdrv_child_perm));
}

/*
 * Attaching is done under the lock as well, because it asks drivers for their
 * permissions.
 */
BdrvChild *bdrv_open_child(const char *filename, QDict *options,
                           const char *bdref_key, BlockDriverState *parent,
                           const BdrvChildRole *child_role, bool allow_none,
                           Error **errp)
{
    BlockDriverState *bs;
    BdrvChild *c = NULL;

    if (filename && !open_names_file(parent, filename)) {
        error_setg(errp, "Image '%s' names '%s' for its '%s', which is no file",
                   parent->filename, filename, bdref_key);
        return NULL;
    }
    bdrv_graph_lock();
    bs = bdrv_open_child_bs(filename, options, bdref_key, parent, child_role,
                            allow_none, errp);
    if (bs) {
        c = bdrv_attach_child(parent, bs, bdref_key, child_role, errp);
    }
    bdrv_graph_unlock();
    return c;
}

/* ---- nodes of the schema ------------------------------------------------ */

/*
 * Through the options, so that a definition opens exactly what the same words
 * on a command line do.
 */
static QDict *definition_to_options(BlockdevOptions *definition, Error **errp)
{
    ERRP_GUARD();
    QObject *obj = NULL;
    Visitor *v = qobject_output_visitor_new(&obj);
    QDict *options;

    visit_type_BlockdevOptions(v, NULL, &definition, errp);
    if (!*errp) {
        visit_complete(v, &obj);
    }
    visit_free(v);
    if (*errp) {
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
