/* SPDX-License-Identifier: MIT */
/*
 * Opening nodes: by options, with their children, their backing, and what an
 * image names.  One file, because opening a node opens its children.
 *
 * A node is opened in these steps: its name and flags become options; what it
 * inherits is added; the layer takes its own options; the file child of a
 * format is opened and, without driver=, probed; the driver opens; then come
 * length, limits and the backing node; options that are left are refused.
 *
 * Invariants:
 *   - bs->options and bs->explicit_options of an open node hold no options of
 *     its children.
 *   - A node that is being opened cannot be found by its name.
 *   - The options that describe a child are gone from the parent's when the
 *     call returns, whether it succeeded or not.
 *   - What an image's own bytes name is never taken as json:, nor opened by a
 *     driver that opens further names in it (as blkdebug:).  A backing file
 *     is opened through bdrv_open_implicit() only: without a policy none is,
 *     and its name is never that of another protocol.  Each thread has its own
 *     policy.  Other files that a format names come through bdrv_open_child().
 *   - A chain of nodes ends, whoever has named them.
 *   - Opening holds the graph lock.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "block/qdict.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "qemu/cutils.h"

/* ---- children ----------------------------------------------------------- */

/*
 * The options are taken out before anything is opened, so that they are gone
 * from the parent's also when that fails.
 */
BlockDriverState *bdrv_open_child_bs(const char *filename, QDict *options,
                                     const char *bdref_key,
                                     BlockDriverState *parent,
                                     const BdrvChildRole *role, bool allow_none,
                                     Error **errp)
{
    ERRP_GUARD();
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
            bdrv_hint_names(options, &bdref_key, 1, errp);
        }
        return NULL;
    }
    return bdrv_open_inherit(filename, reference, child_options, 0, parent,
                             role, errp);
}

/* ---- what an image names ------------------------------------------------ */

/*
 * A backing file name or a parent locator is written by whoever wrote the
 * image, a guest perhaps.  Opening it may disclose any file that the user can
 * read, so the user sets by a policy which may be opened.
 */
static __thread struct {
    BdrvImplicitOpenPolicy *policy;
    void *opaque;
} gate;

void bdrv_set_implicit_open_policy(BdrvImplicitOpenPolicy *policy, void *opaque)
{
    gate.policy = policy;
    gate.opaque = opaque;
}

BlockDriverState *bdrv_open_implicit(BlockDriverState *parent,
                                     const char *filename, const char *format,
                                     int flags, Error **errp)
{
    QDict *options;

    strstart(filename, "file:", &filename); /* names the protocol it gets */
    if (!gate.policy) {
        error_setg(errp,
                   "Image '%s' refers to '%s', and opening what an "
                   "image refers to is not permitted",
                   parent->filename, filename);
        return NULL;
    }
    if (!gate.policy(parent, filename, gate.opaque, errp)) {
        return NULL;
    }
    options = qdict_new();
    if (format) {
        qdict_put_str(options, "driver", format);
    }
    qdict_put_str(options, "file.driver", "file");
    qdict_put_str(options, "file.filename", filename);
    return bdrv_open_inherit(NULL, NULL, options, flags, parent, &child_backing,
                             errp);
}

/* ---- backing ------------------------------------------------------------ */

/* `backing` is null or empty: the image is to stand alone. */
static bool open_is_alone(QDict *options)
{
    QObject *value = qdict_get(options, "backing");
    const char *name = qdict_get_try_str(options, "backing");

    return (value && qobject_type(value) == QTYPE_QNULL) || (name && !name[0]);
}

/* Of a chain the message says so once. */
static BlockDriverState *open_named_backing(BlockDriverState *bs, Error **errp)
{
    static const char what[] = "Could not open backing file: ";
    g_autofree char *path = bdrv_backing_path(bs, errp);
    const char *format = bs->backing_format[0] ? bs->backing_format : NULL;
    BlockDriverState *backing =
        path ? bdrv_open_implicit(bs, path, format, 0, errp) : NULL;

    if (!backing && !g_str_has_prefix(error_get_pretty(*errp), what)) {
        error_prepend(errp, "%s", what);
    }
    return backing;
}

/* After the driver's open, which has read what the image names. */
static int open_backing(BlockDriverState *bs, QDict *options, Error **errp)
{
    ERRP_GUARD();
    BlockDriverState *backing;

    if (open_is_alone(options)) {
        qdict_del(options, "backing");
        return 0;
    }
    if (!bs->drv->supports_backing) {
        return 0;
    }
    /* Options override what the image names. */
    backing = bdrv_open_child_bs(NULL, options, "backing", bs, &child_backing,
                                 !qdict_haskey(options, "backing"), errp);
    if (!backing && !*errp && bs->auto_backing_file[0] &&
        !(bs->open_flags & BDRV_O_NO_BACKING)) {
        backing = open_named_backing(bs, errp);
    }
    if (!backing) {
        return *errp ? -EINVAL : 0;
    }
    bs->backing =
        bdrv_attach_child(bs, backing, "backing", &child_backing, errp);
    if (!bs->backing) {
        return -EPERM;
    }
    bdrv_refresh_limits(bs, errp);
    return *errp ? -EINVAL : 0;
}

/* ---- one node ----------------------------------------------------------- */

/* So many nodes may be above one, because each takes stack while it opens. */
#define BDRV_CHAIN_MAX 200

static int open_check_depth(BlockDriverState *parent, Error **errp)
{
    const char *name = "";
    int depth = 0;

    for (BlockDriverState *bs = parent; bs; bs = bs->inherits_from) {
        name = *name ? name : bs->filename; /* without until its file is open */
        depth++;
    }
    if (depth > BDRV_CHAIN_MAX) {
        error_setg(errp, "Image '%s' is the end of a chain of more than %d "
                   "nodes; one may refer to itself",
                   *name ? name : parent->node_name, BDRV_CHAIN_MAX);
        return -ELOOP;
    }
    return 0;
}

/* All from the driver's open on; @options is what it and the backing get. */
static int open_node(BlockDriverState *bs, BlockDriver *drv, QDict *options,
                     Error **errp)
{
    ERRP_GUARD();
    int ret = bdrv_open_driver(bs, drv, options, errp);

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
    ret = open_backing(bs, options, errp);
    if (ret < 0) {
        return ret;
    }
    ret = bdrv_refuse_leftovers(bs, options, errp);
    if (ret < 0) {
        return ret;
    }
    bdrv_strip_child_options(bs);
    bdrv_refresh_filename(bs);
    bs->opening = false;
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
        drv = bdrv_probe_driver(bs, file, filename, errp);
        if (!drv) {
            return -EINVAL;
        }
    }
    if (bdrv_set_filename(bs, drv, file, options, errp) < 0) {
        return -EINVAL;
    }
    if (file) {
        qdict_put_str(options, "file", file->node_name);
    }
    return open_node(bs, drv, options, errp);
}

/*
 * A node of @drv (NULL: the options name it, or it is probed); @options are all
 * that it has, inherited ones included.
 */
static int open_with_options(BlockDriverState *bs, BlockDriver *drv,
                             const char *filename, QDict *options, int flags,
                             Error **errp)
{
    ERRP_GUARD();
    g_autoptr(QDict) private = qdict_clone_shallow(options);
    BlockDriverState *file = NULL;
    int ret;

    bs->opening = true;
    bs->open_flags = flags;
    bs->options = qdict_clone_shallow(options);
    ret = bdrv_take_common_options(bs, private, errp);
    if (ret < 0) {
        return ret;
    }
    if (drv) {
        return open_node(bs, drv, private, errp);
    }
    if (!(bs->open_flags & BDRV_O_PROTOCOL)) {
        file = bdrv_open_child_bs(filename, private, "file", bs, &child_file,
                                  true, errp);
        if (!file && *errp) {
            return -EINVAL;
        }
    }
    ret = open_over_file(bs, file, filename, private, errp);
    if (ret < 0 && file && file->inherits_from == bs) {
        file->inherits_from = NULL; /* others may keep the node */
    }
    bdrv_unref(file);
    return ret;
}

/*
 * explicit_options are copied before anything is inherited, so that a reopening
 * can take what is inherited from a parent that has changed.
 */
static int open_described(BlockDriverState *bs, const char *filename,
                          QDict *options, int flags, BlockDriverState *parent,
                          const BdrvChildRole *role, Error **errp)
{
    if (open_check_depth(parent, errp) < 0 ||
        bdrv_take_json_name(&filename, options, errp) < 0) {
        return -EINVAL;
    }
    bs->explicit_options = qdict_clone_shallow(options);
    if (role) {
        bs->inherits_from = parent;
        role->inherit_options(&flags, options, parent->open_flags,
                              parent->options);
    }
    if (flags & BDRV_O_SNAPSHOT) {
        /* With a throw-away overlay the image itself is only read. */
        flags &= ~(BDRV_O_RDWR | BDRV_O_SNAPSHOT | BDRV_O_COPY_ON_READ);
        qdict_put_str(options, BDRV_OPT_READ_ONLY, "on");
    }
    if (bdrv_fill_options(options, filename, &flags, errp) < 0) {
        return -EINVAL;
    }
    return open_with_options(bs, NULL, filename, options, flags, errp);
}

/* ---- entry points ------------------------------------------------------- */

/* Options for a node that is open already would have no effect. */
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

/*
 * Puts a throw-away node in memory above @bs, whose reference it takes also on
 * failure; writes go there, reads fall through.  NULL sets @errp.
 */
static BlockDriverState *open_overlay(BlockDriverState *bs, int flags,
                                      Error **errp)
{
    BlockDriver *drv = bdrv_find_internal("overlay");
    BlockDriverState *overlay = NULL;
    QDict *options = qdict_new();

    /* It takes the writes only of users that may write. */
    qdict_put_bool(options, BDRV_OPT_READ_ONLY, !(flags & BDRV_O_RDWR));
    qdict_put_str(options, "backing", bs->node_name);
    flags = (bs->open_flags & (BDRV_O_UNMAP | BDRV_O_CACHE_MASK)) |
            BDRV_O_RDWR | BDRV_O_ALLOW_RDWR;
    if (drv) {
        overlay = bdrv_new_open_with_options(drv, NULL, options, flags,
                                             errp);
    } else {
        qobject_unref(options);
        error_setg(errp, "Throw-away overlays need the driver 'overlay', "
                         "which is not built in");
    }
    bdrv_unref(bs);
    return overlay;
}

/*
 * A throw-away overlay is put above at last, when the image is known to open.
 */
BlockDriverState *bdrv_open_inherit(const char *filename, const char *reference,
                                    QDict *options, int flags,
                                    BlockDriverState *parent,
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
        if (open_described(bs, filename, options, flags, parent, role, errp) <
            0) {
            bdrv_unref(bs);
            bs = NULL;
        }
        if (bs && (flags & BDRV_O_SNAPSHOT)) {
            bs = open_overlay(bs, flags, errp);
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

BlockDriverState *bdrv_new_open_with_options(BlockDriver *drv,
                                             const char *node_name,
                                             QDict *options, int flags,
                                             Error **errp)
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
    bs->explicit_options = qdict_clone_shallow(options);
    bdrv_update_options_from_flags(options, flags);
    if (open_with_options(bs, drv, NULL, options, flags, errp) < 0) {
        bdrv_unref(bs);
        bs = NULL;
    }
    qobject_unref(options);
    bdrv_graph_unlock();
    return bs;
}

BlockDriverState *bdrv_new_open_driver(BlockDriver *drv, const char *node_name,
                                       int flags, Error **errp)
{
    return bdrv_new_open_with_options(drv, node_name, NULL, flags, errp);
}
