/* SPDX-License-Identifier: MIT */
/*
 * Edges: making, moving and removing them.
 *
 * Invariants:
 *   - An edge holds one reference to its node and stands in that node's list of
 *     parents; an edge of a node also stands in the parent's list of children.
 *   - parent_quiesce_counter of an edge is the quiesce_counter of the node that
 *     it points at (0 without one): its parent is stopped exactly as often as
 *     the node is drained.
 *   - The graph has no cycles.
 *   - An edge's permissions are among those that its node's other parents
 *     share, except inside one function that moves edges, checks, and moves
 *     them back.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "qapi/error.h"
#include "qemu/cutils.h"

BdrvChild *bdrv_root_attach_child(BlockDriverState *child_bs, const char *name,
                                  const BdrvChildRole *role, uint64_t perm,
                                  uint64_t shared_perm, void *opaque,
                                  Error **errp)
{
    BdrvChild *c = g_new0(BdrvChild, 1);

    c->name = g_strdup(name);
    c->role = role;
    c->opaque = opaque;
    c->perm = 0;
    c->shared_perm = BLK_PERM_ALL;
    bdrv_replace_child_noperm(c, child_bs);

    if (bdrv_child_try_set_perm(c, perm, shared_perm, errp) < 0) {
        bdrv_replace_child_noperm(c, NULL);
        bdrv_free_child(c);
        bdrv_unref(child_bs);
        return NULL;
    }
    return c;
}

/* Can @to be reached from @from by going down, or are they the same? */
static bool reaches(BlockDriverState *from, BlockDriverState *to)
{
    BdrvChild *c;

    if (from == to) {
        return true;
    }
    QLIST_FOREACH(c, &from->children, next) {
        if (reaches(c->bs, to)) {
            return true;
        }
    }
    return false;
}

static int check_attach(BlockDriverState *parent, BlockDriverState *child,
                        Error **errp)
{
    if (parent->aio_context != child->aio_context) {
        error_setg(errp, "Node '%s' belongs to another thread",
                   child->node_name);
        return -EINVAL;
    }
    if (reaches(child, parent)) {
        error_setg(errp, "Making '%s' a child of '%s' would create a cycle",
                   child->node_name, parent->node_name);
        return -EINVAL;
    }
    return 0;
}

static BdrvChild *attach_child(BlockDriverState *parent,
                               BlockDriverState *child, const char *name,
                               const BdrvChildRole *role, Error **errp)
{
    uint64_t perm, shared;
    BdrvChild *c;

    if (check_attach(parent, child, errp) < 0) {
        return NULL;
    }
    bdrv_get_cumulative_perm(parent, &perm, &shared);
    bdrv_child_perm(parent, NULL, role, NULL, perm, shared, &perm, &shared);
    if (child->force_share) {
        shared = BLK_PERM_ALL;
    }
    bdrv_ref(child);
    c = bdrv_root_attach_child(child, name, role, perm, shared, parent, errp);
    if (c) {
        QLIST_INSERT_HEAD(&parent->children, c, next);
    }
    return c;
}

BdrvChild *bdrv_attach_child(BlockDriverState *parent, BlockDriverState *child,
                             const char *name, const BdrvChildRole *role,
                             Error **errp)
{
    BdrvChild *c = attach_child(parent, child, name, role, errp);

    bdrv_forget_inheritance(child, parent);
    bdrv_unref(child);
    return c;
}

int bdrv_set_backing_hd(BlockDriverState *bs, BlockDriverState *backing,
                        Error **errp)
{
    BdrvChild *c = NULL;

    if (backing) {
        bdrv_ref(backing);
        c = bdrv_attach_child(bs, backing, "backing", &child_backing, errp);
        if (!c) {
            return -EPERM;
        }
    }
    bdrv_unref_child(bs, bs->backing);
    bs->backing = c;
    if (c) {
        pstrcpy(bs->backing_file, sizeof(bs->backing_file),
                bdrv_get_filename(backing));
        pstrcpy(bs->backing_format, sizeof(bs->backing_format),
                bdrv_get_format_name(backing));
    } else {
        bs->backing_file[0] = '\0';
        bs->backing_format[0] = '\0';
    }
    bdrv_refresh_limits(bs, NULL);
    bdrv_refresh_parent_limits(bs);
    return 0;
}

/* The edges of @from's parents that are to point at @to. */
static GPtrArray *edges_to_move(BlockDriverState *from, BlockDriverState *to)
{
    GPtrArray *edges = g_ptr_array_new();
    BdrvChild *c;

    QLIST_FOREACH(c, &from->parents, next_parent) {
        if (!c->role->parent_is_bds || !reaches(to, c->opaque)) {
            g_ptr_array_add(edges, c);
        }
    }
    return edges;
}

static void move_edges(GPtrArray *edges, BlockDriverState *to)
{
    for (guint i = 0; i < edges->len; i++) {
        bdrv_replace_child_noperm(g_ptr_array_index(edges, i), to);
    }
}

static int replace_node_drained(BlockDriverState *from, BlockDriverState *to,
                                Error **errp)
{
    g_autoptr(GPtrArray) edges = edges_to_move(from, to);
    int ret;

    move_edges(edges, to);
    ret = bdrv_refresh_perms(to, errp);
    if (ret < 0) {
        move_edges(edges, from);
        return ret;
    }
    bdrv_refresh_perms(from, NULL);
    for (guint i = 0; i < edges->len; i++) {
        bdrv_ref(to);
        bdrv_unref(from);
    }
    bdrv_refresh_parent_limits(to);
    return 0;
}

int bdrv_replace_node(BlockDriverState *from, BlockDriverState *to,
                      Error **errp)
{
    int ret;

    assert(!qemu_in_coroutine());
    bdrv_graph_lock();
    bdrv_ref(from);
    bdrv_drained_begin(from);
    bdrv_drained_begin(to);
    ret = replace_node_drained(from, to, errp);
    bdrv_drained_end(to);
    bdrv_drained_end(from);
    bdrv_unref(from);
    bdrv_graph_unlock();
    return ret;
}
