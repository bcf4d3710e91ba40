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

/*
 * The edge is made without permissions, which conflict with no other, because
 * their check looks at the edges that are there.
 */
BdrvChild *bdrv_root_attach_child(BlockDriverState *child_bs, const char *name,
                                  const BdrvChildRole *role, uint64_t perm,
                                  uint64_t shared_perm, void *opaque,
                                  Error **errp)
{
    BdrvChild *c = g_new0(BdrvChild, 1);

    c->name = g_strdup(name);
    c->role = role;
    c->opaque = opaque;
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

/* bdrv_attach_child() without the reference. */
static BdrvChild *attach_child(BlockDriverState *parent,
                               BlockDriverState *child, const char *name,
                               const BdrvChildRole *role, Error **errp)
{
    uint64_t perm, shared;
    BdrvChild *c;

    /*
     * A node's requests run in its own AioContext only, and its lists have no
     * lock.
     */
    if (parent->aio_context != child->aio_context) {
        error_setg(errp, "Node '%s' belongs to another thread",
                   child->node_name);
        return NULL;
    }
    /*
     * Drained sections and permissions follow the edges, and in a circle they
     * would never end.
     */
    if (reaches(child, parent)) {
        error_setg(errp, "Making '%s' a child of '%s' would create a cycle",
                   child->node_name, parent->node_name);
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

/*
 * On failure @child may have no edge from @parent, and must not take options
 * from there any more.
 */
BdrvChild *bdrv_attach_child(BlockDriverState *parent, BlockDriverState *child,
                             const char *name, const BdrvChildRole *role,
                             Error **errp)
{
    BdrvChild *c = attach_child(parent, child, name, role, errp);

    bdrv_forget_inheritance(child, parent);
    bdrv_unref(child);
    return c;
}
