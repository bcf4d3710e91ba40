/* SPDX-License-Identifier: MIT */
/*
 * Permissions: what each parent of a node does to it, and what it lets the
 * others do meanwhile.
 *
 * A change of one edge changes what its node needs of its own children, and so
 * on down.  It is done in two steps.  The check goes over the node and all that
 * lies below it, parents before children, writes the new masks into the edges
 * (keeping the old ones as backups) and asks each node: do its parents share
 * what the others do, can it be written to, does its driver agree?  Then all is
 * set, or all is put back.
 *
 * Invariants:
 *   - Outside a change no edge has a backup and no node's check is pending.
 *   - A driver's bdrv_check_perm that returned 0 is followed by exactly one of
 *     bdrv_set_perm and bdrv_abort_perm_update.
 *   - Several checks may be pending at once; the backups are those of before
 *     the first.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "qapi/error.h"

#define PASS_ON_PERMS                                                          \
    (BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE | BLK_PERM_WRITE_UNCHANGED |    \
     BLK_PERM_RESIZE)

/* ---- what a node needs of a child --------------------------------------- */

/*
 * A filter changes nothing itself, so it needs and shares what its parents do;
 * that its own edges may be changed it can always share.
 */
void bdrv_filter_default_perms(BlockDriverState *bs, BdrvChild *c,
                               const BdrvChildRole *role,
                               BlockReopenQueue *reopen_queue, uint64_t perm,
                               uint64_t shared, uint64_t *nperm,
                               uint64_t *nshared)
{
    *nperm = perm & PASS_ON_PERMS;
    *nshared = (shared & PASS_ON_PERMS) | BLK_PERM_GRAPH_MOD;
}

static void backing_default_perms(uint64_t perm, uint64_t shared,
                                  uint64_t *nperm, uint64_t *nshared)
{
    *nperm = perm & BLK_PERM_CONSISTENT_READ;
    *nshared = BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE_UNCHANGED |
               BLK_PERM_GRAPH_MOD;
    if (shared & BLK_PERM_WRITE) {
        *nshared |= BLK_PERM_WRITE | BLK_PERM_RESIZE;
    }
}

/* After the reopening of @q, or now if that is NULL. */
static bool perm_is_writable(BlockDriverState *bs, BlockReopenQueue *q)
{
    ReopenEntry *entry = bdrv_reopen_find(q, bs);

    return entry ? !entry->state.read_only : !bs->read_only;
}

void bdrv_format_default_perms(BlockDriverState *bs, BdrvChild *c,
                               const BdrvChildRole *role,
                               BlockReopenQueue *reopen_queue, uint64_t perm,
                               uint64_t shared, uint64_t *nperm,
                               uint64_t *nshared)
{
    if (role == &child_backing) {
        backing_default_perms(perm, shared, nperm, nshared);
        return;
    }
    bdrv_filter_default_perms(bs, c, role, reopen_queue, perm, shared, &perm,
                              &shared);
    /* Metadata is read always, and written whenever the image may be. */
    perm |= BLK_PERM_CONSISTENT_READ;
    if (perm_is_writable(bs, reopen_queue)) {
        perm |= BLK_PERM_WRITE | BLK_PERM_RESIZE;
    }
    *nperm = perm;
    *nshared = shared & ~(uint64_t)(BLK_PERM_WRITE | BLK_PERM_RESIZE);
}

/*
 * A child with force-share was opened for others to write to, so all is shared.
 */
void bdrv_child_perm(BlockDriverState *bs, BdrvChild *c,
                     const BdrvChildRole *role, BlockReopenQueue *q,
                     uint64_t parent_perm, uint64_t parent_shared,
                     uint64_t *nperm, uint64_t *nshared)
{
    if (bs->drv && bs->drv->bdrv_child_perm) {
        bs->drv->bdrv_child_perm(bs, c, role, q, parent_perm, parent_shared,
                                 nperm, nshared);
    } else {
        bdrv_format_default_perms(bs, c, role, q, parent_perm, parent_shared,
                                  nperm, nshared);
    }
    if (c && c->bs && c->bs->force_share) {
        *nshared = BLK_PERM_ALL;
    }
}

/* ---- what the parents of a node do -------------------------------------- */

void bdrv_get_cumulative_perm(BlockDriverState *bs, uint64_t *perm,
                              uint64_t *shared)
{
    BdrvChild *c;

    *perm = 0;
    *shared = BLK_PERM_ALL;
    QLIST_FOREACH(c, &bs->parents, next_parent) {
        *perm |= c->perm;
        *shared &= c->shared_perm;
    }
}

char *bdrv_perm_names(uint64_t perm)
{
    static const struct {
        uint64_t perm;
        const char *name;
    } names[] = {
        { BLK_PERM_CONSISTENT_READ, "consistent read" },
        { BLK_PERM_WRITE, "write" },
        { BLK_PERM_WRITE_UNCHANGED, "write unchanged" },
        { BLK_PERM_RESIZE, "resize" },
        { BLK_PERM_GRAPH_MOD, "change children" },
    };
    GString *s = g_string_new("");

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (perm & names[i].perm) {
            g_string_append_printf(s, "%s%s", s->len ? ", " : "",
                                   names[i].name);
        }
    }
    return g_string_free(s, FALSE);
}

static char *parent_desc(BdrvChild *c)
{
    BlockDriverState *parent = c->opaque;

    if (c->role->parent_is_bds) {
        return g_strdup_printf("node '%s'", parent->node_name);
    }
    return g_strdup(c->role->parent_desc ?: "another user");
}

static void report_conflict(BdrvChild *user, BdrvChild *owner, Error **errp)
{
    g_autofree char *user_desc = parent_desc(user);
    g_autofree char *owner_desc = parent_desc(owner);
    g_autofree char *names = bdrv_perm_names(user->perm & ~owner->shared_perm);
    const char *node = user->bs->node_name;

    error_setg(errp,
               "Permission conflict on node '%s': permissions '%s' are "
               "both required by %s (uses node '%s' as '%s' child) and "
               "unshared by %s (uses node '%s' as '%s' child)",
               node, names, user_desc, node, user->name, owner_desc, node,
               owner->name);
}

/* Does each parent of @bs share what the others do? */
static int check_parents(BlockDriverState *bs, Error **errp)
{
    BdrvChild *user, *owner;

    QLIST_FOREACH(user, &bs->parents, next_parent) {
        QLIST_FOREACH(owner, &bs->parents, next_parent) {
            if (user != owner && (user->perm & ~owner->shared_perm)) {
                report_conflict(user, owner, errp);
                return -EPERM;
            }
        }
    }
    return 0;
}

/* ---- the nodes that a change reaches ------------------------------------ */

/* Adds @bs after all that lies below it. */
static void visit_postorder(BlockDriverState *bs, GHashTable *seen,
                            GQueue *nodes)
{
    BdrvChild *c;

    if (!g_hash_table_add(seen, bs)) {
        return;
    }
    QLIST_FOREACH(c, &bs->children, next) {
        visit_postorder(c->bs, seen, nodes);
    }
    g_queue_push_head(nodes, bs);
}

/* @bs and all below it, each after all of its parents among them. */
static GQueue *nodes_below(BlockDriverState *bs)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    GQueue *nodes = g_queue_new();

    visit_postorder(bs, seen, nodes);
    return nodes;
}

/* ---- check, set, abort -------------------------------------------------- */

/*
 * A second check keeps the first one's backup: only the permissions from before
 * both are known to be free of conflicts.
 */
static void edge_update(BdrvChild *c, uint64_t perm, uint64_t shared)
{
    if (!c->has_backup_perm) {
        c->has_backup_perm = true;
        c->backup_perm = c->perm;
        c->backup_shared_perm = c->shared_perm;
    }
    c->perm = perm;
    c->shared_perm = shared;
}

static void edge_abort(BdrvChild *c)
{
    if (c->has_backup_perm) {
        c->perm = c->backup_perm;
        c->shared_perm = c->backup_shared_perm;
        c->has_backup_perm = false;
    }
}

/*
 * Of several checks only the last one is pending: node_check() has undone those
 * before it.
 */
static void node_abort(BlockDriverState *bs)
{
    if (bs->perm_check_pending) {
        bs->perm_check_pending = false;
        if (bs->drv && bs->drv->bdrv_abort_perm_update) {
            bs->drv->bdrv_abort_perm_update(bs);
        }
    }
}

static void node_set(BlockDriverState *bs, uint64_t perm, uint64_t shared)
{
    if (!bs->perm_check_pending) {
        return;
    }
    bs->perm_check_pending = false;
    if (bs->drv && bs->drv->bdrv_set_perm) {
        bs->drv->bdrv_set_perm(bs, perm, shared);
    }
}

static int node_check(BlockDriverState *bs, BlockReopenQueue *q, uint64_t perm,
                      uint64_t shared, Error **errp)
{
    BdrvChild *c;
    int ret;

    ret = check_parents(bs, errp);
    if (ret < 0 || !bs->drv) {
        return ret;
    }
    if ((perm & (BLK_PERM_WRITE | BLK_PERM_WRITE_UNCHANGED)) &&
        !perm_is_writable(bs, q)) {
        if (q) {
            error_setg(errp,
                       "Read-only block node '%s' cannot support "
                       "read-write users",
                       bs->node_name);
        } else {
            error_setg(errp, "Block node is read-only");
        }
        return -EPERM;
    }
    node_abort(bs); /* an earlier check is replaced by this one */
    if (bs->drv->bdrv_check_perm) {
        ret = bs->drv->bdrv_check_perm(bs, perm, shared, errp);
        if (ret < 0) {
            return ret;
        }
    }
    bs->perm_check_pending = true;

    QLIST_FOREACH(c, &bs->children, next) {
        uint64_t nperm, nshared;

        bdrv_child_perm(bs, c, c->role, q, perm, shared, &nperm, &nshared);
        edge_update(c, nperm, nshared);
    }
    return 0;
}

/*
 * Parents come before children, because what a node needs of a child follows
 * from what its own parents have just been given.
 */
int bdrv_check_perm(BlockDriverState *bs, BlockReopenQueue *q, uint64_t perm,
                    uint64_t shared, Error **errp)
{
    g_autoptr(GQueue) nodes = nodes_below(bs);

    for (GList *l = nodes->head; l; l = l->next) {
        BlockDriverState *node = l->data;
        uint64_t node_perm = perm, node_shared = shared;
        int ret;

        if (node != bs) {
            bdrv_get_cumulative_perm(node, &node_perm, &node_shared);
        }
        ret = node_check(node, q, node_perm, node_shared, errp);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

/* The masks in the edges are right already; drivers act on them only now. */
void bdrv_set_perm(BlockDriverState *bs, uint64_t perm, uint64_t shared)
{
    g_autoptr(GQueue) nodes = nodes_below(bs);
    BdrvChild *c;

    for (GList *l = nodes->head; l; l = l->next) {
        BlockDriverState *node = l->data;
        uint64_t node_perm = perm, node_shared = shared;

        if (node != bs) {
            bdrv_get_cumulative_perm(node, &node_perm, &node_shared);
        }
        QLIST_FOREACH(c, &node->children, next) {
            c->has_backup_perm = false;
        }
        node_set(node, node_perm, node_shared);
    }
}

void bdrv_abort_perm_update(BlockDriverState *bs)
{
    g_autoptr(GQueue) nodes = nodes_below(bs);
    BdrvChild *c;

    for (GList *l = nodes->head; l; l = l->next) {
        BlockDriverState *node = l->data;

        node_abort(node);
        QLIST_FOREACH(c, &node->children, next) {
            edge_abort(c);
        }
    }
}

/* Also for what became less: others may do more then. */
int bdrv_refresh_perms(BlockDriverState *bs, Error **errp)
{
    uint64_t perm, shared;
    int ret;

    bdrv_get_cumulative_perm(bs, &perm, &shared);
    ret = bdrv_check_perm(bs, NULL, perm, shared, errp);
    if (ret < 0) {
        bdrv_abort_perm_update(bs);
        return ret;
    }
    bdrv_set_perm(bs, perm, shared);
    return 0;
}

int bdrv_child_try_set_perm(BdrvChild *c, uint64_t perm, uint64_t shared,
                            Error **errp)
{
    int ret;

    edge_update(c, perm, shared);
    ret = bdrv_refresh_perms(c->bs, errp);
    if (ret < 0) {
        edge_abort(c);
    } else {
        c->has_backup_perm = false;
    }
    return ret;
}
