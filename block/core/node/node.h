/* SPDX-License-Identifier: MIT */
/*
 * The lowest floor of the layer: drivers and nodes one by one.  Nothing here
 * sends a request or changes the graph.
 *
 * Files: registry (drivers), node (the lock, lists, names, references), drain
 * (drained sections, in-flight counts), run (into coroutines and out of them),
 * options (those of every node, words of command lines), filename (descriptions
 * of nodes, paths), child-role (what a child takes from its parent), query
 * (questions to a node), driver-ops (what its driver does besides requests),
 * detect (the format of some bytes).
 *
 * A floor includes its own header and those below, never one above, so that a
 * file can be read after those that it calls: node, request, graph, backend.
 * The words co-only, mixed and plain are those of block/block.h.
 */
#ifndef BLOCK_CORE_NODE_H
#define BLOCK_CORE_NODE_H

#include "block/block_int.h"

/* ---- one lock for opening and closing (node.c) ------------------------- */

/*
 * Serialises opening, closing, creating and reopening between threads, because
 * drivers written for QEMU keep statics.  Recursive.  Plain.
 */
void bdrv_graph_lock(void);
void bdrv_graph_unlock(void);

/* ---- nodes (node.c) ---------------------------------------------------- */

/* A closed node with one reference in this thread's context.  Plain. */
BlockDriverState *bdrv_new(void);

/* Frees a closed one with no edges and the last reference.  Plain. */
void bdrv_free(BlockDriverState *bs);

/*
 * Gives @bs a name: @node_name (which must be well formed and free), or a
 * generated one ("#block" and a number) for NULL.
 */
int bdrv_assign_node_name(BlockDriverState *bs, const char *node_name,
                          Error **errp);

/* ---- drivers (registry.c) ---------------------------------------------- */

/* The first registered driver; QLIST_NEXT(drv, list) gives the others. */
BlockDriver *bdrv_first_driver(void);

/*
 * Is a driver of this format name built in?  Takes no lock, since a guarded
 * write asks, which must not wait for another thread's opening.  Plain.
 */
bool bdrv_has_format(const char *name);

/* The driver of this name that only the layer opens, or NULL.  Plain. */
BlockDriver *bdrv_find_internal(const char *name);

/* Is @drv one that ends the graph: a file, a device, null? */
static inline bool bdrv_is_protocol_driver(const BlockDriver *drv)
{
    return drv->bdrv_file_open || drv->protocol_name;
}

/* ---- formats of bytes (detect.c) --------------------------------------- */

/* Raw's score: what every image answers. */
#define BDRV_RAW_SCORE 1

/*
 * bdrv_probe_all() with the score that it has found, 0 for NULL.  Plain.
 */
BlockDriver *bdrv_probe_heads(const uint8_t *buf, int buf_size,
                              const char *filename, int *best_score);

/*
 * The format with the best score above raw's for the last @size bytes of a file
 * of @file_size bytes, or NULL.  Plain.
 */
BlockDriver *bdrv_probe_tails(const uint8_t *tail, int size, int64_t file_size);

/*
 * The format whose magic is in the first, or last @size, bytes (of 512) that
 * are given, or NULL; mostly one without a driver here.  Asked after the
 * drivers' own probes.  Plain.
 */
const char *bdrv_magic_of_head(const uint8_t *head);
const char *bdrv_magic_of_tail(const uint8_t *tail, int size);

/* ---- options (options.c) ----------------------------------------------- */

/*
 * An open node's options and explicit_options hold its own options only, flat
 * and with read-only, auto-read-only and the cache mode always in the former;
 * a child's are in the child.  A child given by its node's name keeps its key.
 */

/* read-only, cache.*, discard ... of @options into @flags; defaults back. */
int bdrv_update_flags_from_options(int *flags, QDict *options, Error **errp);
void bdrv_update_options_from_flags(QDict *options, int flags);

/*
 * Moves the layer's own options out of @options into @bs: open_flags,
 * read_only, force_share and the name.  0 or -errno.
 */
int bdrv_take_common_options(BlockDriverState *bs, QDict *options,
                             Error **errp);

/*
 * Refuses @read_only false while @bs has force-share: it locks no other writer
 * out, and two of them destroy each other's data; and true while it copies on
 * read.  0 or -errno.
 */
int bdrv_check_read_only(const BlockDriverState *bs, bool read_only,
                         Error **errp);

/*
 * The option of @drv that @name may have been meant to be: whole lines, or "";
 * g_free() them.
 */
char *bdrv_hint_option(const BlockDriver *drv, const char *name);

/*
 * Adds to *@errp, which is set, which of the @n @names an option, or the child
 * that it is for, may have been meant to be.
 */
void bdrv_hint_names(const QDict *options, const char *const *names, int n,
                     Error **errp);

/* The driver that @options name; *@drv is NULL when they name none. */
int bdrv_find_named_driver(QDict *options, BlockDriver **drv, Error **errp);

/*
 * Puts @filename and *@flags into @options, and sets or clears BDRV_O_PROTOCOL
 * as the driver is of one kind or the other.
 */
int bdrv_fill_options(QDict *options, const char *filename, int *flags,
                      Error **errp);

/* ---- names (filename.c) ------------------------------------------------ */

/*
 * If *@filename is a json: name, joins it into @options, where present entries
 * override it, and sets *@filename to NULL.
 */
int bdrv_take_json_name(const char **filename, QDict *options, Error **errp);

/* ---- draining (drain.c) ------------------------------------------------ */

/*
 * Points @child at @new_bs (may be NULL), keeping the drained sections of both
 * ends balanced, without waiting.  References and permissions are the caller's.
 * Plain.
 */
void bdrv_replace_child_noperm(BdrvChild *child, BlockDriverState *new_bs);

/*
 * Something that a drained_poll depends on may have changed: coroutines that
 * wait for a drained section look again.  Plain.
 */
void bdrv_drain_kick(void);

/*
 * Waits until @cond(@opaque) is false: outside coroutines by polling @ctx,
 * inside one by yielding until a bdrv_drain_kick() makes it look again.  Mixed.
 */
void bdrv_drain_wait_while(AioContext *ctx, bool (*cond)(void *opaque),
                           void *opaque);

/* ---- into coroutines and out of them (run.c) --------------------------- */

/*
 * Runs @entry(@opaque): inside a coroutine directly; outside in a new
 * coroutine, polling @ctx until it has ended.
 */
void bdrv_run_co(AioContext *ctx, CoroutineEntry *entry, void *opaque);

/*
 * Runs @cb(@opaque) outside coroutines: at once, or, inside a coroutine, from a
 * bottom half of @ctx while the caller yields.
 */
void bdrv_run_outside_co(AioContext *ctx, void (*cb)(void *opaque),
                         void *opaque);

#endif
