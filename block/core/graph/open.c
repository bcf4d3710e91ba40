/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing nodes.
 *
 * A node is opened in these steps: its name and flags become options; what it
 * inherits is added; the layer takes its own options; the file child of a
 * format is opened and, without driver=, probed; the driver opens; then come
 * length, limits and the backing node; options that nobody took are refused.
 *
 * Invariants:
 *   - bs->drv is set exactly while the driver has the node open, or opens it;
 *     the driver's close is called if and only if its open returned >= 0.
 *   - bs->options and bs->explicit_options of an open node hold no options of
 *     its children.
 *   - A node that is being opened cannot be found by its name.
 *   - Opening and closing hold the graph lock.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "block/qdict.h"
#include "qapi/error.h"
#include "qemu/cutils.h"

/* ---- the driver's part -------------------------------------------------- */

/* After a failed open: what the driver leaves to the layer. */
static void drop_driver(BlockDriverState *bs)
{
    bs->drv = NULL;
    bdrv_unref_children(bs);
    g_free(bs->opaque);
    bs->opaque = NULL;
}

static int call_driver_open(BlockDriverState *bs, QDict *options, Error **errp)
{
    BlockDriver *drv = bs->drv;
    int flags = bs->open_flags &
                ~(BDRV_O_SNAPSHOT | BDRV_O_NO_BACKING | BDRV_O_PROTOCOL);

    if (drv->bdrv_file_open) {
        return drv->bdrv_file_open(bs, options, flags, errp);
    }
    return drv->bdrv_open ? drv->bdrv_open(bs, options, flags, errp) : 0;
}

static int open_driver(BlockDriverState *bs, BlockDriver *drv, QDict *options,
                       Error **errp)
{
    Error *local_err = NULL;
    int ret;

    bs->drv = drv;
    bs->opaque = g_malloc0(MAX(drv->instance_size, 1));
    ret = call_driver_open(bs, options, &local_err);
    if (ret >= 0) {
        /* An error object with a good result is no error. */
        error_free(local_err);
        return 0;
    }
    if (!local_err && bs->filename[0]) {
        error_setg_errno(&local_err, -ret, "Could not open '%s'",
                         bs->filename);
    } else if (!local_err) {
        error_setg_errno(&local_err, -ret, "Could not open image");
    }
    error_propagate(errp, local_err);
    drop_driver(bs);
    return ret;
}

static int refuse_leftovers(BlockDriverState *bs, QDict *options, Error **errp)
{
    const QDictEntry *entry = qdict_first(options);

    if (!entry) {
        return 0;
    }
    if (bs->drv->bdrv_file_open) {
        error_setg(errp, "Block protocol '%s' doesn't support the option '%s'",
                   bs->drv->format_name, qdict_entry_key(entry));
    } else {
        error_setg(errp, "Block format '%s' does not support the option '%s'",
                   bs->drv->format_name, qdict_entry_key(entry));
    }
    return -EINVAL;
}

/* Children's options live in the children from now on. */
static void strip_child_options(BlockDriverState *bs)
{
    BdrvChild *c;

    QLIST_FOREACH(c, &bs->children, next) {
        g_autofree char *prefix = g_strdup_printf("%s.", c->name);

        qdict_extract_subqdict(bs->options, NULL, prefix);
        qdict_extract_subqdict(bs->explicit_options, NULL, prefix);
    }
}

/* All from the driver's open on; @options is what it and the backing get. */
static int open_node(BlockDriverState *bs, BlockDriver *drv, QDict *options,
                     Error **errp)
{
    ERRP_GUARD();
    int ret = open_driver(bs, drv, options, errp);

    if (ret < 0) {
        return ret;
    }
    ret = bdrv_refresh_total_sectors(bs, bs->total_sectors);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not refresh total sector count");
        return ret;
    }
    bdrv_refresh_limits(bs, errp);
    if (*errp) {
        return -EINVAL;
    }
    ret = bdrv_open_backing(bs, options, errp);
    if (ret < 0) {
        return ret;
    }
    ret = refuse_leftovers(bs, options, errp);
    if (ret < 0) {
        return ret;
    }
    strip_child_options(bs);
    bdrv_refresh_filename(bs);
    bs->opening = false;
    return 0;
}

/* ---- one node ----------------------------------------------------------- */

/* The driver by probing @file. */
static BlockDriver *probe_driver(BlockDriverState *bs, BlockDriverState *file,
                                 const char *filename, Error **errp)
{
    bool by_tail;
    BlockDriver *drv;

    if (!file) {
        error_setg(errp, "Must specify either driver or file");
        return NULL;
    }
    drv = bdrv_probe_format(file, filename, &by_tail, errp);
    if (!drv) {
        return NULL;
    }
    if (by_tail) {
        g_autofree char *msg = g_strdup_printf(
            "Image format '%s' was recognised by the last sector only; "
            "specify the format explicitly to open the image for writing",
            drv->format_name);

        if (bdrv_apply_auto_read_only(bs, msg, errp) < 0) {
            return NULL;
        }
    }
    bs->probed = true;
    bs->has_guard = !strcmp(drv->format_name, "raw");
    qdict_put_str(bs->options, "driver", drv->format_name);
    return drv;
}

static int set_names(BlockDriverState *bs, BlockDriver *drv,
                     BlockDriverState *file, QDict *options, Error **errp)
{
    const char *name = file ? file->filename
                            : qdict_get_try_str(options, "filename");

    if (drv->bdrv_needs_filename && (!name || !name[0])) {
        error_setg(errp, "The '%s' block driver requires a file name",
                   drv->format_name);
        return -EINVAL;
    }
    pstrcpy(bs->filename, sizeof(bs->filename), name ? name : "");
    pstrcpy(bs->exact_filename, sizeof(bs->exact_filename), bs->filename);
    return 0;
}

/* A node over @file (NULL: none), which stays the caller's. */
static int open_over_file(BlockDriverState *bs, BlockDriverState *file,
                          const char *filename, QDict *options, Error **errp)
{
    BlockDriver *drv;

    if (bdrv_find_named_driver(bs->options, &drv, errp) < 0) {
        return -EINVAL;
    }
    if (!drv) {
        drv = probe_driver(bs, file, filename, errp);
        if (!drv) {
            return -EINVAL;
        }
    }
    if (set_names(bs, drv, file, options, errp) < 0) {
        return -EINVAL;
    }
    if (file) {
        qdict_put_str(options, "file", file->node_name);
    }
    return open_node(bs, drv, options, errp);
}

/* @options: the node's own copy, with all that is inherited. */
static int open_with_options(BlockDriverState *bs, const char *filename,
                             QDict *options, Error **errp)
{
    ERRP_GUARD();
    BlockDriverState *file = NULL;
    int ret = bdrv_take_common_options(bs, options, errp);

    if (ret < 0) {
        return ret;
    }
    if (!(bs->open_flags & BDRV_O_PROTOCOL)) {
        file = bdrv_open_child_bs(filename, options, "file", bs, &child_file,
                                  true, errp);
        if (!file && *errp) {
            return -EINVAL;
        }
    }
    ret = open_over_file(bs, file, filename, options, errp);
    if (ret < 0 && file && file->inherits_from == bs) {
        file->inherits_from = NULL; /* others may keep the node */
    }
    bdrv_unref(file);
    return ret;
}

/* With a throw-away overlay the image itself is only read. */
static void make_options_read_only(QDict *options, int *flags)
{
    *flags &= ~(BDRV_O_RDWR | BDRV_O_SNAPSHOT);
    qdict_put_str(options, BDRV_OPT_READ_ONLY, "on");
}

static int open_new(BlockDriverState *bs, const char *filename, QDict *options,
                    int flags, BlockDriverState *parent,
                    const BdrvChildRole *role, Error **errp)
{
    QDict *private;
    int ret;

    bs->opening = true;
    if (bdrv_take_json_name(&filename, options, errp) < 0) {
        return -EINVAL;
    }
    bs->explicit_options = qdict_clone_shallow(options);
    if (role) {
        bs->inherits_from = parent;
        role->inherit_options(&flags, options, parent->open_flags,
                              parent->options);
    }
    if (flags & BDRV_O_SNAPSHOT) {
        make_options_read_only(options, &flags);
    }
    if (bdrv_fill_options(options, filename, &flags, errp) < 0) {
        return -EINVAL;
    }
    bs->open_flags = flags;
    bs->options = qdict_clone_shallow(options);
    private = qdict_clone_shallow(options);
    ret = open_with_options(bs, filename, private, errp);
    qobject_unref(private);
    return ret;
}

/* ---- entry points ------------------------------------------------------- */

static BlockDriverState *open_reference(const char *reference,
                                        const char *filename, QDict *options,
                                        Error **errp)
{
    BlockDriverState *bs;

    if (filename || qdict_size(options)) {
        error_setg(errp, "Cannot reference an existing block device with "
                   "additional options or a new filename");
        return NULL;
    }
    bs = bdrv_find_node(reference);
    if (!bs) {
        error_setg(errp, "Cannot find device='%s' nor node-name='%s'",
                   reference, reference);
        return NULL;
    }
    bdrv_ref(bs);
    return bs;
}

/* The overlay takes the writes only of those who may write. */
static QDict *overlay_options(int flags)
{
    QDict *options = qdict_new();

    qdict_put_bool(options, BDRV_OPT_READ_ONLY, !(flags & BDRV_O_RDWR));
    return options;
}

BlockDriverState *bdrv_open_inherit(const char *filename,
                                    const char *reference, QDict *options,
                                    int flags, BlockDriverState *parent,
                                    const BdrvChildRole *role, Error **errp)
{
    BlockDriverState *bs;

    bdrv_graph_lock();
    if (!options) {
        options = qdict_new();
    }
    if (reference) {
        bs = open_reference(reference, filename, options, errp);
    } else {
        bs = bdrv_new();
        if (open_new(bs, filename, options, flags, parent, role, errp) < 0) {
            bdrv_unref(bs);
            bs = NULL;
        }
        if (bs && (flags & BDRV_O_SNAPSHOT)) {
            bs = bdrv_append_overlay(bs, overlay_options(flags), errp);
        }
    }
    qobject_unref(options);
    bdrv_graph_unlock();
    return bs;
}

BlockDriverState *bdrv_open(const char *filename, const char *reference,
                            QDict *options, int flags, Error **errp)
{
    return bdrv_open_inherit(filename, reference, options, flags, NULL, NULL,
                             errp);
}

static int open_new_driver(BlockDriverState *bs, BlockDriver *drv,
                           QDict *options, int flags, Error **errp)
{
    QDict *private;
    int ret;

    bs->opening = true;
    bs->explicit_options = qdict_clone_shallow(options);
    bdrv_update_options_from_flags(options, flags);
    bs->open_flags = flags;
    bs->options = qdict_clone_shallow(options);
    private = qdict_clone_shallow(options);
    ret = bdrv_take_common_options(bs, private, errp);
    if (ret == 0) {
        ret = open_node(bs, drv, private, errp);
    }
    qobject_unref(private);
    return ret;
}

BlockDriverState *bdrv_new_open_driver(BlockDriver *drv, const char *node_name,
                                       QDict *options, int flags, Error **errp)
{
    BlockDriverState *bs;

    bdrv_graph_lock();
    bs = bdrv_new();
    if (!options) {
        options = qdict_new();
    }
    if (node_name) {
        qdict_put_str(options, "node-name", node_name);
    }
    if (open_new_driver(bs, drv, options, flags, errp) < 0) {
        bdrv_unref(bs);
        bs = NULL;
    }
    qobject_unref(options);
    bdrv_graph_unlock();
    return bs;
}
