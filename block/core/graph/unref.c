/* SPDX-License-Identifier: MIT */
/*
 * Letting go: edges, references, and the closing of a node with its last one.
 *
 * These are one file because they are one recursion: a node that closes lets
 * its children go, and the last edge to a child closes that.
 *
 * Invariants:
 *   - A node is closed exactly once, outside coroutines because closing polls,
 *     when its last reference is gone; only its closing can take new ones from
 *     then on.
 *   - The driver's close is called if and only if its open returned >= 0.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"

/* ---- edges -------------------------------------------------------------- */

void bdrv_free_child(BdrvChild *c)
{
    g_free(c->name);
    g_free(c);
}

void bdrv_root_unref_child(BdrvChild *child)
{
    BlockDriverState *bs = child->bs;

    bdrv_replace_child_noperm(child, NULL);
    bdrv_free_child(child);
    /* Others may do more now; a node about to be closed needs no update. */
    if (bs->refcnt > 1) {
        bdrv_refresh_perms(bs, NULL);
    }
    bdrv_unref(bs);
}

/* A node without an edge from @parent does not inherit from it any more. */
void bdrv_forget_inheritance(BlockDriverState *child, BlockDriverState *parent)
{
    BdrvChild *c;

    if (child->inherits_from != parent) {
        return;
    }
    QLIST_FOREACH(c, &parent->children, next) {
        if (c->bs == child) {
            return;
        }
    }
    child->inherits_from = NULL;
}

/*
 * The parent's own pointers go with the edge, so that no driver finds one that
 * is freed.
 */
void bdrv_unref_child(BlockDriverState *parent, BdrvChild *child)
{
    if (!child) {
        return;
    }
    QLIST_REMOVE(child, next);
    if (parent->file == child) {
        parent->file = NULL;
    }
    if (parent->backing == child) {
        parent->backing = NULL;
    }
    bdrv_forget_inheritance(child->bs, parent);
    bdrv_root_unref_child(child);
}

void bdrv_unref_children(BlockDriverState *bs)
{
    while (!QLIST_EMPTY(&bs->children)) {
        bdrv_unref_child(bs, QLIST_FIRST(&bs->children));
    }
}

/* ---- nodes -------------------------------------------------------------- */

/*
 * The driver closes while its children are still there, because it may have to
 * write to them.
 */
static void unref_delete(void *opaque)
{
    BlockDriverState *bs = opaque;
    bool was_open = bs->drv != NULL;

    bdrv_graph_lock();
    /* Closing does I/O, which may take and drop references. */
    bs->refcnt = 1;
    if (was_open) {
        bdrv_drained_begin(bs);
        /* A loss is reported; the node has to go all the same. */
        bdrv_flush_report(bs);
        bdrv_drain(bs);
        if (bs->drv->bdrv_close) {
            bs->drv->bdrv_close(bs);
        }
        bs->drv = NULL;
    }
    bdrv_unref_children(bs);
    g_free(bs->opaque);
    qobject_unref(bs->options);
    qobject_unref(bs->explicit_options);
    qobject_unref(bs->full_open_options);
    if (was_open) {
        bdrv_drained_end(bs);
    }
    bdrv_free(bs);
    bdrv_graph_unlock();
}

void bdrv_unref(BlockDriverState *bs)
{
    if (!bs) {
        return;
    }
    assert(bs->refcnt > 0);
    if (--bs->refcnt == 0) {
        bs->closing = true;
        bdrv_run_outside_co(bs->aio_context, unref_delete, bs);
    }
}
