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
 *   - The event loop is never polled inside a coroutine: one that waits stands
 *     in a queue, which a bottom half wakes after each change that may matter.
 *     Nothing then nests, so two coroutines that wait cannot lock each other.
 *   - Requests that a debugging node stopped below a node that is drained run
 *     on, and none is stopped there until the section ends.
 */
#include "qemu/osdep.h"
#include "block/core/node/node.h"

/* Coroutines of this thread that wait for the end of requests. */
static __thread CoQueue drain_waiters;

/*
 * All of them are woken, because the one that may go on is not known here; the
 * others wait again.
 */
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

/* ---- requests stopped at breakpoints ------------------------------------ */

static void drain_release(BlockDriverState *bs)
{
    BdrvChild *c;

    if (bs->drv && bs->drv->bdrv_debug_release) {
        bs->drv->bdrv_debug_release(bs);
    }
    QLIST_FOREACH(c, &bs->children, next) {
        drain_release(c->bs);
    }
}

/*
 * Upwards only: sections are passed from a node to its parents, so a section of
 * a child of @bs does not hold requests on @bs back.
 */
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

static void quiesce(BlockDriverState *bs);

/* Makes the invariant of @child true again after its node has changed. */
static void sync_parent(BdrvChild *child)
{
    int target = child->bs ? child->bs->quiesce_counter : 0;

    while (child->parent_quiesce_counter < target) {
        child->parent_quiesce_counter++;
        if (child->role->parent_is_bds) {
            quiesce(child->opaque);
        } else if (child->role->drained_begin) {
            child->role->drained_begin(child);
        }
    }
    while (child->parent_quiesce_counter > target) {
        child->parent_quiesce_counter--;
        if (child->role->parent_is_bds) {
            bdrv_drained_end(child->opaque);
        } else if (child->role->drained_end) {
            child->role->drained_end(child);
        }
    }
}

/*
 * The list is changed before the parent is quiesced or let go, because what
 * that calls walks over the edges of the node.
 */
void bdrv_replace_child_noperm(BdrvChild *child, BlockDriverState *new_bs)
{
    if (child->bs) {
        QLIST_REMOVE(child, next_parent);
    }
    child->bs = new_bs;
    if (new_bs) {
        QLIST_INSERT_HEAD(&new_bs->parents, child, next_parent);
    }
    sync_parent(child);
}

/* No edge goes meanwhile, because requests only begin from the loop. */
static void sync_parents(BlockDriverState *bs)
{
    BdrvChild *c;

    QLIST_FOREACH(c, &bs->parents, next_parent) {
        sync_parent(c);
    }
}

/* Stopped requests are released last, when nothing above can send new ones. */
static void quiesce(BlockDriverState *bs)
{
    bs->quiesce_counter++;
    sync_parents(bs);
    drain_release(bs);
}

void bdrv_drained_end(BlockDriverState *bs)
{
    assert(bs->quiesce_counter > 0);
    bs->quiesce_counter--;
    sync_parents(bs);
}

/* Is something in flight on the node, or on its way from its parents? */
static bool drain_poll(void *opaque)
{
    BlockDriverState *bs = opaque;
    BdrvChild *c;

    if (bs->in_flight > 0) {
        return true;
    }
    QLIST_FOREACH(c, &bs->parents, next_parent) {
        if (c->role->parent_is_bds
                ? drain_poll(c->opaque)
                : c->role->drained_poll && c->role->drained_poll(c)) {
            return true;
        }
    }
    return false;
}

void bdrv_drained_begin(BlockDriverState *bs)
{
    quiesce(bs);
    bdrv_drain_wait_while(bs->aio_context, drain_poll, bs);
}

/* A section that ends as soon as nothing is in flight. */
void bdrv_drain(BlockDriverState *bs)
{
    bdrv_drained_begin(bs);
    bdrv_drained_end(bs);
}
