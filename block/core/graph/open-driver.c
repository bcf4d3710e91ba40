/* SPDX-License-Identifier: MIT */
/*
 * Opening, the driver's part: which driver, its call, and what must be true
 * after it.
 *
 * Invariant: bs->drv is set exactly while the driver has the node open, or
 * opens it.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "block/qdict.h"
#include "qapi/error.h"
#include "qemu/cutils.h"

/*
 * An image found by its last sector may be a raw one whose guest has written a
 * footer there, so it is not opened for writing unless the user names the
 * format.
 */
BlockDriver *bdrv_probe_driver(BlockDriverState *bs, BlockDriverState *file,
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

/* Before the driver opens, because its messages name the image. */
int bdrv_set_filename(BlockDriverState *bs, BlockDriver *drv,
                      BlockDriverState *file, QDict *options, Error **errp)
{
    const char *name =
        file ? file->filename : qdict_get_try_str(options, "filename");

    if (drv->bdrv_needs_filename && (!name || !name[0])) {
        error_setg(errp, "The '%s' block driver requires a file name",
                   drv->format_name);
        return -EINVAL;
    }
    pstrcpy(bs->filename, sizeof(bs->filename), name ? name : "");
    pstrcpy(bs->exact_filename, sizeof(bs->exact_filename), bs->filename);
    return 0;
}

int bdrv_open_driver(BlockDriverState *bs, BlockDriver *drv, QDict *options,
                     Error **errp)
{
    int flags = bs->open_flags &
                ~(BDRV_O_SNAPSHOT | BDRV_O_NO_BACKING | BDRV_O_PROTOCOL);
    Error *local_err = NULL;
    int ret = 0;

    bs->drv = drv;
    bs->opaque = g_malloc0(MAX(drv->instance_size, 1));
    if (drv->bdrv_file_open) {
        ret = drv->bdrv_file_open(bs, options, flags, &local_err);
    } else if (drv->bdrv_open) {
        ret = drv->bdrv_open(bs, options, flags, &local_err);
    }
    if (ret >= 0) {
        /* An error object with a good result is no error. */
        error_free(local_err);
        return 0;
    }
    if (!local_err && bs->filename[0]) {
        error_setg_errno(&local_err, -ret, "Could not open '%s'", bs->filename);
    } else if (!local_err) {
        error_setg_errno(&local_err, -ret, "Could not open image");
    }
    error_propagate(errp, local_err);
    /* Children and opaque are the layer's, as the driver's contract has it. */
    bs->drv = NULL;
    bdrv_unref_children(bs);
    g_free(bs->opaque);
    bs->opaque = NULL;
    return ret;
}

/*
 * An option that nothing has taken is a mistake of the user's, who would
 * otherwise believe that it had an effect.
 */
int bdrv_refuse_leftovers(BlockDriverState *bs, QDict *options, Error **errp)
{
    ERRP_GUARD();
    const QDictEntry *entry = qdict_first(options);
    g_autofree char *hint = NULL;

    if (!entry) {
        return 0;
    }
    hint = bdrv_hint_option(bs->drv, qdict_entry_key(entry));
    error_setg(errp,
               bs->drv->bdrv_file_open
                   ? "Block protocol '%s' doesn't support the option '%s'"
                   : "Block format '%s' does not support the option '%s'",
               bs->drv->format_name, qdict_entry_key(entry));
    error_append_hint(errp, "%s", hint);
    return -EINVAL;
}

void bdrv_strip_child_options(BlockDriverState *bs)
{
    BdrvChild *c;

    QLIST_FOREACH(c, &bs->children, next) {
        g_autofree char *prefix = g_strdup_printf("%s.", c->name);

        qdict_extract_subqdict(bs->options, NULL, prefix);
        qdict_extract_subqdict(bs->explicit_options, NULL, prefix);
    }
}
