/* SPDX-License-Identifier: MIT */
/*
 * The third floor of the layer: how nodes come to stand above each other.
 *
 * Files: perm (permissions), child (edges), unref (letting go,
 * closing), probe (the format of a file), open-driver and open (one node, its
 * children, its backing), open-child (for drivers), create, reopen.
 */
#ifndef BLOCK_CORE_GRAPH_H
#define BLOCK_CORE_GRAPH_H

#include "block/core/request/request.h"

/* ---- edges -------------------------------------------------------------- */

/*
 * An edge without a parent node (a BlockBackend's): takes @child_bs's reference
 * also on failure.
 */
BdrvChild *bdrv_root_attach_child(BlockDriverState *child_bs, const char *name,
                                  const BdrvChildRole *role, uint64_t perm,
                                  uint64_t shared_perm, void *opaque,
                                  Error **errp);
void bdrv_root_unref_child(BdrvChild *child);

/* Frees an edge that points at no node.  Plain. */
void bdrv_free_child(BdrvChild *c);
/* Drops all edges of @bs, of which the driver knows no longer. */
void bdrv_unref_children(BlockDriverState *bs);
/* @child inherits from @parent no more unless an edge is left.  Plain. */
void bdrv_forget_inheritance(BlockDriverState *child, BlockDriverState *parent);

/* ---- permissions ------------------------------------------------------- */

/* Changes one edge and what lies below it: all or, with -errno, nothing. */
int bdrv_child_try_set_perm(BdrvChild *c, uint64_t perm, uint64_t shared,
                            Error **errp);

/* The permissions that all parents of @bs together have and share. */
void bdrv_get_cumulative_perm(BlockDriverState *bs, uint64_t *perm,
                              uint64_t *shared);
/*
 * A change for a whole node and what lies below it: a check, of which there may
 * be several, then a set or an abort, which undoes all checks.
 */
int bdrv_check_perm(BlockDriverState *bs, BlockReopenQueue *q, uint64_t perm,
                    uint64_t shared, Error **errp);
void bdrv_set_perm(BlockDriverState *bs, uint64_t perm, uint64_t shared);
void bdrv_abort_perm_update(BlockDriverState *bs);
/* Recomputes what @bs needs of its children (it became writable ...). */
int bdrv_refresh_perms(BlockDriverState *bs, Error **errp);
/* drv->bdrv_child_perm or the default. */
void bdrv_child_perm(BlockDriverState *bs, BdrvChild *c,
                     const BdrvChildRole *role, BlockReopenQueue *q,
                     uint64_t parent_perm, uint64_t parent_shared,
                     uint64_t *nperm, uint64_t *nshared);
/* ---- reopening ---------------------------------------------------------- */

typedef struct ReopenEntry {
    BDRVReopenState state; /* state.bs is a reference */
    QDict *new_options;    /* all of the node's own */
    bool keep_old_opts;
    bool prepared; /* commit or abort is owed */
    bool checked;  /* set or abort of permissions is owed */
    QTAILQ_ENTRY(ReopenEntry) next;
} ReopenEntry;

/* Parents stand before their children. */
struct BlockReopenQueue {
    QTAILQ_HEAD(, ReopenEntry) entries;
};

/* The entry of @bs, or NULL; @queue may be NULL.  Plain. */
static inline ReopenEntry *bdrv_reopen_find(BlockReopenQueue *queue,
                                            BlockDriverState *bs)
{
    ReopenEntry *entry;

    if (!queue) {
        return NULL;
    }
    QTAILQ_FOREACH(entry, &queue->entries, next) {
        if (entry->state.bs == bs) {
            return entry;
        }
    }
    return NULL;
}

/* ---- opening ------------------------------------------------------------ */

/* bdrv_open() of a child of @parent with @role (both NULL: of no node). */
BlockDriverState *bdrv_open_inherit(const char *filename, const char *reference,
                                    QDict *options, int flags,
                                    BlockDriverState *parent,
                                    const BdrvChildRole *role, Error **errp);

/*
 * bdrv_open_child() without the edge: a strong reference, or NULL with @errp
 * set, or NULL without where nothing was described and @allow_none.
 */
BlockDriverState *bdrv_open_child_bs(const char *filename, QDict *options,
                                     const char *bdref_key,
                                     BlockDriverState *parent,
                                     const BdrvChildRole *role, bool allow_none,
                                     Error **errp);

/*
 * The format of the image in @file; NULL sets @errp.  *@by_tail: the file's end
 * has shown it.  @filename may be NULL.  Mixed.
 */
BlockDriver *bdrv_probe_format(BlockDriverState *file, const char *filename,
                               bool *by_tail, Error **errp);

/* ---- opening: the driver's part (open-driver.c) ------------------------- */

/*
 * The driver by probing @file, and what follows from having guessed: the node
 * may become read-only or guarded.  NULL sets @errp.
 */
BlockDriver *bdrv_probe_driver(BlockDriverState *bs, BlockDriverState *file,
                               const char *filename, Error **errp);

/* Names @bs after @file, or by its own option; -EINVAL where one is needed. */
int bdrv_set_filename(BlockDriverState *bs, BlockDriver *drv,
                      BlockDriverState *file, QDict *options, Error **errp);

/* Calls the driver's open.  0, or -errno and @bs is closed again. */
int bdrv_open_driver(BlockDriverState *bs, BlockDriver *drv, QDict *options,
                     Error **errp);

/* -EINVAL if an option is left that neither driver nor layer has taken. */
int bdrv_refuse_leftovers(BlockDriverState *bs, QDict *options, Error **errp);

/* Children's options live in the children from now on. */
void bdrv_strip_child_options(BlockDriverState *bs);

#endif
