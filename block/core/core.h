/* SPDX-License-Identifier: MIT */
/*
 * What the files of block/core/ share and nobody else sees.
 *
 * Files: registry (drivers), graph (nodes, their names), edge, perm
 * (permissions), open (one node; closing), open-child (children, backing),
 * options (those of every node), inherit (the three roles), implicit (what an
 * image names), probe (formats), magic (formats without a driver), filename
 * (descriptions of nodes, paths), create, reopen, drain (drained sections;
 * bdrv_inc_in_flight and its reverse), limits (limits, lengths, aligned
 * memory), tracked (requests in flight, serialising), io (reads and writes),
 * driver-io (the drivers' callbacks, splitting), pad (unaligned requests,
 * buffers), zeroes (write-zeroes, discard), flush, truncate, copy-range,
 * status, io-sync (mixed forms; bdrv_run_co and bdrv_run_outside_co), guard
 * (probed raw images), info (what a node or its driver answers, names,
 * removable media, debug events, words of the command line), backend, overlay.
 */
#ifndef BLOCK_CORE_CORE_H
#define BLOCK_CORE_CORE_H

#include "block/block_int.h"

/* ---- one lock for opening and closing ---------------------------------- */

/*
 * Serialises opening, closing, creating and reopening between threads, for the
 * sake of drivers' statics.  Recursive.  Plain.
 */
void bdrv_graph_lock(void);
void bdrv_graph_unlock(void);

/* ---- mixed functions --------------------------------------------------- */

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

/* Polls @bs's context until @cond is false.  Outside coroutines. */
#define BDRV_POLL_WHILE(bs, cond)                                              \
    do {                                                                       \
        assert(!qemu_in_coroutine());                                          \
        while (cond) {                                                         \
            aio_poll(bdrv_get_aio_context(bs), true);                          \
        }                                                                      \
    } while (0)

/* ---- graph: nodes and edges -------------------------------------------- */

/* A closed node with one reference in this thread's context.  Plain. */
BlockDriverState *bdrv_new(void);

/*
 * Gives @bs a name: @node_name (which must be well formed and free), or a
 * generated one ("#block" and a number) for NULL.
 */
int bdrv_assign_node_name(BlockDriverState *bs, const char *node_name,
                          Error **errp);

/*
 * An edge without a parent node (a BlockBackend's): takes @child_bs's reference
 * also on failure.
 */
BdrvChild *bdrv_root_attach_child(BlockDriverState *child_bs,
                                  const char *name, const BdrvChildRole *role,
                                  uint64_t perm, uint64_t shared_perm,
                                  void *opaque, Error **errp);
void bdrv_root_unref_child(BdrvChild *child);

/*
 * Points @child at @new_bs (may be NULL), keeping the drained sections of both
 * ends balanced.  References and permissions are the caller's.
 */
void bdrv_replace_child_noperm(BdrvChild *child, BlockDriverState *new_bs);

/* Drains, flushes and closes; called for the last reference. */
void bdrv_close(BlockDriverState *bs);

/* ---- permissions ------------------------------------------------------- */

/* A change of one edge: check, then set or abort. */
int bdrv_child_check_perm(BdrvChild *c, BlockReopenQueue *q, uint64_t perm,
                          uint64_t shared, Error **errp);
void bdrv_child_set_perm(BdrvChild *c, uint64_t perm, uint64_t shared);
void bdrv_child_abort_perm_update(BdrvChild *c);
/* All three in one. */
int bdrv_child_try_set_perm(BdrvChild *c, uint64_t perm, uint64_t shared,
                            Error **errp);

/* What all parents of @bs together do and share. */
void bdrv_get_cumulative_perm(BlockDriverState *bs, uint64_t *perm,
                              uint64_t *shared);
/* The same change for a whole node and what lies below it. */
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
/* Is @bs writable after the reopening of @q (NULL: now)? */
bool bdrv_is_writable_after_reopen(BlockDriverState *bs, BlockReopenQueue *q);

/* ---- drivers ----------------------------------------------------------- */

/* The first registered driver; QLIST_NEXT(drv, list) gives the others. */
BlockDriver *bdrv_first_driver(void);

/*
 * Is a driver of this format name built in?  Takes no lock, since a guarded
 * write asks, which must not wait for another thread's opening.  Plain.
 */
bool bdrv_has_format(const char *name);

/* ---- opening ----------------------------------------------------------- */

/*
 * An open node's options and explicit_options hold its own options only, flat
 * and with read-only, auto-read-only and the cache mode always in the former;
 * a child's are in the child.  A child given by its node's name keeps its key.
 */

/* bdrv_open() of a child of @parent with @role (both NULL: of no node). */
BlockDriverState *bdrv_open_inherit(const char *filename,
                                    const char *reference, QDict *options,
                                    int flags, BlockDriverState *parent,
                                    const BdrvChildRole *role, Error **errp);

/*
 * bdrv_open_child() without the edge: a strong reference, or NULL with @errp
 * set, or NULL without where nothing was described and @allow_none.
 */
BlockDriverState *bdrv_open_child_bs(const char *filename, QDict *options,
                                     const char *bdref_key,
                                     BlockDriverState *parent,
                                     const BdrvChildRole *role,
                                     bool allow_none, Error **errp);

/*
 * Opens the backing node of @bs, whose driver has opened it: what @options say
 * (and lose), else what the image names.  0, also without one, or -errno.
 */
int bdrv_open_backing(BlockDriverState *bs, QDict *options, Error **errp);

extern QemuOptsList bdrv_runtime_opts;   /* the layer's own options */

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
 * out, and two of them destroy each other's data.  0 or -errno.
 */
int bdrv_check_force_share(const BlockDriverState *bs, bool read_only,
                           Error **errp);

/* The driver that @options name; *@drv is NULL when they name none. */
int bdrv_find_named_driver(QDict *options, BlockDriver **drv, Error **errp);

/*
 * Puts what @filename and *@flags say into @options, and sets or clears
 * BDRV_O_PROTOCOL as the driver is of one kind or the other.
 */
int bdrv_fill_options(QDict *options, const char *filename, int *flags,
                      Error **errp);

/*
 * The format of the image in @file; NULL sets @errp.  *@by_tail: it was told by
 * the file's end.  @filename may be NULL.  Mixed.
 */
BlockDriver *bdrv_probe_format(BlockDriverState *file, const char *filename,
                               bool *by_tail, Error **errp);

/*
 * The format with the best score above raw's for the last @size bytes of a file
 * of @file_size bytes, or NULL.  Plain.
 */
BlockDriver *bdrv_probe_tails(const uint8_t *tail, int size,
                              int64_t file_size);

/*
 * The format without a driver here of the image whose first, or last @size,
 * bytes (of 512) are given, or NULL.  Asked after the drivers' own probes.
 * Plain.
 */
const char *bdrv_magic_of_head(const uint8_t *head);
const char *bdrv_magic_of_tail(const uint8_t *tail, int size);

/* Warns that @bs was guessed to be raw and is going to be written. */
void bdrv_warn_probed_raw(BlockDriverState *bs);

/* A json: name into flat options.  NULL sets @errp. */
QDict *bdrv_parse_json_filename(const char *filename, Error **errp);

/*
 * If *@filename is a json: name, joins it into @options, where what is there
 * counts before it, and sets *@filename to NULL.
 */
int bdrv_take_json_name(const char **filename, QDict *options, Error **errp);

/* ---- limits ------------------------------------------------------------ */

/*
 * Recomputes bs->bl: after open, reopen and a change of children.  With an
 * error the limits are what they were.
 */
void bdrv_refresh_limits(BlockDriverState *bs, Error **errp);

/* The same for all nodes above @bs, which is drained; errors are ignored. */
void bdrv_refresh_parent_limits(BlockDriverState *bs);

/* Asks the driver for its length; @hint sectors without a callback. */
int bdrv_refresh_total_sectors(BlockDriverState *bs, int64_t hint);

/* ---- requests ---------------------------------------------------------- */

enum BdrvTrackedRequestType {
    BDRV_TRACKED_READ,
    BDRV_TRACKED_WRITE,
    BDRV_TRACKED_DISCARD,
    BDRV_TRACKED_TRUNCATE,
};

/* One request in flight; it lives on the stack of its coroutine. */
struct BdrvTrackedRequest {
    BlockDriverState *bs;
    int64_t offset;
    int64_t bytes;
    enum BdrvTrackedRequestType type;
    bool serialising;
    int64_t overlap_offset;        /* the range that others must not touch */
    int64_t overlap_bytes;
    Coroutine *co;
    CoQueue wait_queue;            /* those who wait for its end */
    BdrvTrackedRequest *waiting_for;
    QLIST_ENTRY(BdrvTrackedRequest) list;
};

void bdrv_tracked_request_begin(BdrvTrackedRequest *req, BlockDriverState *bs,
                                int64_t offset, int64_t bytes,
                                enum BdrvTrackedRequestType type);
void bdrv_tracked_request_end(BdrvTrackedRequest *req);
/*
 * Later requests that overlap @req, rounded out to @align, wait for its end.
 * Only between begin and wait, without a yield in between.
 */
void bdrv_mark_request_serialising(BdrvTrackedRequest *req, uint64_t align);
/* The same for all that lies behind the beginning of @req, too. */
void bdrv_mark_request_serialising_to_end(BdrvTrackedRequest *req,
                                          uint64_t align);
/*
 * Waits for the earlier requests that overlap @req if either is serialising.
 * The order is that of the beginnings: nobody overtakes, so none starves and
 * no two wait for each other.
 */
void coroutine_fn bdrv_wait_serialising_requests(BdrvTrackedRequest *req);

/* Is the range a possible one?  0 or -EIO. */
int bdrv_check_byte_request(BlockDriverState *bs, int64_t offset,
                            int64_t bytes);

/* ---- guard of probed raw images ---------------------------------------- */

/*
 * When the format raw was found by probing, the raw node has has_guard set, and
 * its file edge is guarded: no change through that edge may leave a head or a
 * tail that would be probed as another format.  Each kind of request asks here
 * about the edge that it was called with, before it is tracked (the guard may
 * read through the edge).
 */
static inline bool bdrv_child_has_guard(const BdrvChild *child)
{
    BlockDriverState *parent = child->opaque;

    return child->role->parent_is_bds && parent->has_guard &&
           parent->file == child;
}

/*
 * Before a write of @qiov from @qiov_offset on (NULL: zeroes; a discard counts
 * as that) at @offset
 * of a guarded edge: 0, or -EPERM (with one message a node).  When *@held is
 * set, which it is only on success, the caller calls bdrv_guard_end() when the
 * write is done: until then other changes of the head and tail wait.
 */
int coroutine_fn bdrv_guard_write(BdrvChild *child, int64_t offset,
                                  int64_t bytes, QEMUIOVector *qiov,
                                  size_t qiov_offset, bool *held);
/* The same for a change of the length to @new_size bytes. */
int coroutine_fn bdrv_guard_truncate(BdrvChild *child, int64_t new_size,
                                     bool *held);
/*
 * For the target of a copy whose data nobody sees: 0, or -ENOTSUP where it
 * would touch head or tail.
 */
int coroutine_fn bdrv_guard_copy(BdrvChild *child, int64_t offset,
                                 int64_t bytes);
void coroutine_fn bdrv_guard_end(BdrvChild *child);

/* ---- draining ---------------------------------------------------------- */

/*
 * Invariant: the parent of an edge is quiesced by it as often as the edge's
 * node is: parent_quiesce_counter == bs->quiesce_counter (0 without a node).
 */

/* Stops @bs's parents without waiting; and the reverse.  Plain. */
void bdrv_do_drained_begin_quiesce(BlockDriverState *bs);
void bdrv_do_drained_end_quiesce(BlockDriverState *bs);
/* Are there requests in flight on @bs, or on their way from its parents? */
bool bdrv_drain_poll(BlockDriverState *bs);

/*
 * Restores the invariant after @child->bs has been changed, by the role's
 * drained_begin or drained_end, without waiting.  Plain.
 */
void bdrv_child_sync_drained(BdrvChild *child);

/*
 * The callbacks of roles whose parent is a node.  attach is called after
 * @child->bs was set and synced, detach before it is taken away: they extend
 * the parent's subtree drained sections to the child.
 */
void bdrv_child_cb_drained_begin(BdrvChild *child);
bool bdrv_child_cb_drained_poll(BdrvChild *child);
void bdrv_child_cb_drained_end(BdrvChild *child);
void bdrv_child_cb_attach(BdrvChild *child);
void bdrv_child_cb_detach(BdrvChild *child);

/*
 * Something that a drained_poll depends on may have changed: those who wait for
 * a drained section inside a coroutine look again.  Plain.
 */
void bdrv_drain_kick(void);

/*
 * Waits until @cond(@opaque) is false: outside coroutines by polling @ctx,
 * inside one by yielding until a bdrv_drain_kick() makes it look again.  Mixed.
 */
void bdrv_drain_wait_while(AioContext *ctx, bool (*cond)(void *opaque),
                           void *opaque);

/* ---- overlay ----------------------------------------------------------- */

/*
 * Puts a throw-away node in memory above @bs, whose reference it takes also on
 * failure; writes go there, reads fall through.  @options (consumed, may be
 * NULL) are the new node's.  Strong reference or NULL with @errp set.
 */
BlockDriverState *bdrv_append_overlay(BlockDriverState *bs, QDict *options,
                                      Error **errp);

#endif
