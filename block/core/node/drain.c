/* SPDX-License-Identifier: MIT */
/*
 * Drained sections: times in which nothing is in flight on a node.
 *
 * To drain a node, the parents of its edges stop, and pass it on to
 * theirs; at the roots BlockBackends begin to queue.  Nodes never hold requests
 * back, so what is under way runs out by itself.  Then one waits until the
 * node and all that lies above it have nothing in flight.
 *
 * Invariants:
 *   - For each edge, parent_quiesce_counter == bs->quiesce_counter (0 without
 *     a node).
 *   - Stopping a parent, or letting it go on, never waits and never polls, so
 *     that both can be done in the middle of a change of the graph; only the
 *     end of drained_begin waits.
 *   - The event loop is never polled inside a coroutine: who waits there stands
 *     in a queue, which a bottom half wakes after each change that may matter.
 *     Nothing then nests, so two coroutines that wait cannot lock each other.
 *   - A driver's bdrv_co_drain_begin and _end alternate and never overlap.
 *   - Requests that a debugging node stopped below a node that is drained run
 *     on, and none is stopped there until the section ends.
 */
#include "qemu/osdep.h"
#include "block/core/node/node.h"

/* Coroutines of this thread that wait for the end of requests. */
static __thread CoQueue drain_waiters;

static void drain_wake_bh(void *opaque)
{
    qemu_co_queue_restart_all(&drain_waiters);
}

void bdrv_drain_kick(void)
{
    if (unlikely(!qemu_co_queue_empty(&drain_waiters))) {
        aio_bh_schedule_oneshot(qemu_get_current_aio_context(), drain_wake_bh,
                                NULL);
    }
}

void bdrv_drain_wait_while(AioContext *ctx, bool (*cond)(void *opaque),
                           void *opaque)
{
    if (qemu_in_coroutine()) {
        while (cond(opaque)) {
            qemu_co_queue_wait(&drain_waiters, NULL);
        }
    } else {
        AIO_WAIT_WHILE(ctx, cond(opaque));
    }
}

void bdrv_inc_in_flight(BlockDriverState *bs)
{
    bs->in_flight++;
}

void bdrv_dec_in_flight(BlockDriverState *bs)
{
    assert(bs->in_flight > 0);
    bs->in_flight--;
    if (bs->in_flight == 0) {
        bdrv_drain_kick();
    }
}

/* ---- the driver's callbacks --------------------------------------------- */

static void coroutine_fn drain_begin_entry(void *opaque)
{
    BlockDriverState *bs = opaque;

    qemu_co_mutex_lock(&bs->drain_lock);
    bs->drv->bdrv_co_drain_begin(bs);
    qemu_co_mutex_unlock(&bs->drain_lock);
    bdrv_dec_in_flight(bs);
}

static void coroutine_fn drain_end_entry(void *opaque)
{
    BlockDriverState *bs = opaque;

    qemu_co_mutex_lock(&bs->drain_lock);
    bs->drv->bdrv_co_drain_end(bs);
    qemu_co_mutex_unlock(&bs->drain_lock);
    bdrv_dec_in_flight(bs);
}

/* Counts as in flight until it ends, so the node cannot go away meanwhile. */
static void drain_run_callback(BlockDriverState *bs, CoroutineEntry *entry)
{
    bdrv_inc_in_flight(bs);
    qemu_coroutine_enter(qemu_coroutine_create(entry, bs));
}

/* ---- requests stopped at breakpoints ------------------------------------ */

static void drain_release(BlockDriverState *bs)
{
    BdrvChild *c;

    if (bs->drv && bs->drv->bdrv_debug_release) {
        bs->drv->bdrv_debug_release(bs);
    }
    QLIST_FOREACH(c, &bs->children, next) {
        if (c->bs) {
            drain_release(c->bs);
        }
    }
}

bool bdrv_is_draining(BlockDriverState *bs)
{
    BdrvChild *c;

    if (bs->quiesce_counter > 0) {
        return true;
    }
    QLIST_FOREACH(c, &bs->parents, next_parent) {
        if (c->role->parent_is_bds && bdrv_is_draining(c->opaque)) {
            return true;
        }
    }
    return false;
}

/* ---- stop and go on ----------------------------------------------------- */

void bdrv_child_sync_drained(BdrvChild *child)
{
    int target = child->bs ? child->bs->quiesce_counter : 0;

    while (child->parent_quiesce_counter < target) {
        child->parent_quiesce_counter++;
        if (child->role->drained_begin) {
            child->role->drained_begin(child);
        }
    }
    while (child->parent_quiesce_counter > target) {
        child->parent_quiesce_counter--;
        if (child->role->drained_end) {
            child->role->drained_end(child);
        }
    }
}

void bdrv_replace_child_noperm(BdrvChild *child, BlockDriverState *new_bs)
{
    if (child->bs) {
        if (child->role->detach) {
            child->role->detach(child);
        }
        QLIST_REMOVE(child, next_parent);
    }
    child->bs = new_bs;
    if (new_bs) {
        QLIST_INSERT_HEAD(&new_bs->parents, child, next_parent);
    }
    bdrv_child_sync_drained(child);
    if (new_bs && child->role->attach) {
        child->role->attach(child);
    }
}

static void drain_sync_parents(BlockDriverState *bs)
{
    BdrvChild *c, *next;

    QLIST_FOREACH_SAFE(c, &bs->parents, next_parent, next) {
        bdrv_child_sync_drained(c);
    }
}

void bdrv_do_drained_begin_quiesce(BlockDriverState *bs)
{
    bs->quiesce_counter++;
    drain_sync_parents(bs);
    drain_release(bs);
    if (bs->quiesce_counter == 1 && bs->drv && bs->drv->bdrv_co_drain_begin) {
        drain_run_callback(bs, drain_begin_entry);
    }
}

void bdrv_do_drained_end_quiesce(BlockDriverState *bs)
{
    assert(bs->quiesce_counter > 0);
    if (bs->quiesce_counter == 1 && bs->drv && bs->drv->bdrv_co_drain_end) {
        drain_run_callback(bs, drain_end_entry);
    }
    bs->quiesce_counter--;
    drain_sync_parents(bs);
}

bool bdrv_drain_poll(BlockDriverState *bs)
{
    BdrvChild *c;

    if (bs->in_flight > 0) {
        return true;
    }
    QLIST_FOREACH(c, &bs->parents, next_parent) {
        if (c->role->drained_poll && c->role->drained_poll(c)) {
            return true;
        }
    }
    return false;
}

static bool drain_poll_cond(void *opaque)
{
    return bdrv_drain_poll(opaque);
}

void bdrv_drained_begin(BlockDriverState *bs)
{
    bdrv_do_drained_begin_quiesce(bs);
    bdrv_drain_wait_while(bs->aio_context, drain_poll_cond, bs);
}

void bdrv_drained_end(BlockDriverState *bs)
{
    bdrv_do_drained_end_quiesce(bs);
}

void bdrv_drain(BlockDriverState *bs)
{
    bdrv_drained_begin(bs);
    bdrv_drained_end(bs);
}

/* ---- whole subtrees ----------------------------------------------------- */

static void subtree_begin_quiesce(BlockDriverState *bs)
{
    BdrvChild *c;

    bs->recursive_quiesce_counter++;
    bdrv_do_drained_begin_quiesce(bs);
    QLIST_FOREACH(c, &bs->children, next) {
        if (c->bs) {
            subtree_begin_quiesce(c->bs);
        }
    }
}

static void subtree_end_quiesce(BlockDriverState *bs)
{
    BdrvChild *c;

    assert(bs->recursive_quiesce_counter > 0);
    bs->recursive_quiesce_counter--;
    bdrv_do_drained_end_quiesce(bs);
    QLIST_FOREACH(c, &bs->children, next) {
        if (c->bs) {
            subtree_end_quiesce(c->bs);
        }
    }
}

static bool subtree_poll_cond(void *opaque)
{
    BlockDriverState *bs = opaque;
    BdrvChild *c;

    if (bdrv_drain_poll(bs)) {
        return true;
    }
    QLIST_FOREACH(c, &bs->children, next) {
        if (c->bs && subtree_poll_cond(c->bs)) {
            return true;
        }
    }
    return false;
}

void bdrv_subtree_drained_begin(BlockDriverState *bs)
{
    subtree_begin_quiesce(bs);
    bdrv_drain_wait_while(bs->aio_context, subtree_poll_cond, bs);
}

void bdrv_subtree_drained_end(BlockDriverState *bs)
{
    subtree_end_quiesce(bs);
}

/* ---- callbacks of roles whose parent is a node -------------------------- */

void bdrv_child_cb_drained_begin(BdrvChild *child)
{
    bdrv_do_drained_begin_quiesce(child->opaque);
}

bool bdrv_child_cb_drained_poll(BdrvChild *child)
{
    return bdrv_drain_poll(child->opaque);
}

void bdrv_child_cb_drained_end(BdrvChild *child)
{
    bdrv_do_drained_end_quiesce(child->opaque);
}

void bdrv_child_cb_attach(BdrvChild *child)
{
    BlockDriverState *parent = child->opaque;

    for (int i = 0; i < parent->recursive_quiesce_counter; i++) {
        subtree_begin_quiesce(child->bs);
    }
}

void bdrv_child_cb_detach(BdrvChild *child)
{
    BlockDriverState *parent = child->opaque;

    for (int i = 0; i < parent->recursive_quiesce_counter; i++) {
        subtree_end_quiesce(child->bs);
    }
}
