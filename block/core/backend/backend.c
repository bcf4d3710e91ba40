/* SPDX-License-Identifier: MIT */
/*
 * BlockBackend: its life, its settings and its edge to the root node.
 *
 * Invariants:
 *   - The root edge's permissions are those of the BlockBackend.
 *   - A node is attached and detached inside a drained section of it.
 *   - The structure goes only when no request is in flight or queued.
 */
#include "qemu/osdep.h"
#include "block/core/backend/backend.h"
#include "qapi/error.h"

/* ---- the root edge ------------------------------------------------------ */

static void blk_root_drained_begin(BdrvChild *child)
{
    BlockBackend *blk = child->opaque;

    blk->quiesce_counter++;
}

/*
 * Requests in `queue` are not counted: they wait for the end of the section, so
 * a section that waited for them would never begin.
 */
static bool blk_root_drained_poll(BdrvChild *child)
{
    BlockBackend *blk = child->opaque;

    return blk->in_flight > 0;
}

/* Requests begin again from the loop, not in the middle of drained_end(). */
static void blk_root_drained_end(BdrvChild *child)
{
    BlockBackend *blk = child->opaque;

    assert(blk->quiesce_counter > 0);
    blk->quiesce_counter--;
    if (blk->quiesce_counter == 0 && blk->queued > 0) {
        qemu_bh_schedule(blk->resume_bh);
    }
}

/*
 * Another section may have begun since the bottom half was scheduled; its end
 * schedules it again.
 */
static void blk_resume_bh(void *opaque)
{
    BlockBackend *blk = opaque;

    if (blk->quiesce_counter == 0) {
        qemu_co_queue_restart_all(&blk->queue);
    }
}

static bool blk_is_resuming(void *opaque)
{
    BlockBackend *blk = opaque;

    return blk->quiesce_counter == 0 && blk->queued > 0;
}

/*
 * A request that was let go, but whose bottom half has not run, is neither in
 * flight nor held back; closing must not overtake it.
 */
void blk_wait_resumed(BlockBackend *blk)
{
    bdrv_drain_wait_while(blk->ctx, blk_is_resuming, blk);
}

static const BdrvChildRole child_root = {
    .parent_desc = "a block device",
    .drained_begin = blk_root_drained_begin,
    .drained_poll = blk_root_drained_poll,
    .drained_end = blk_root_drained_end,
};

/* The reference goes to the edge, which drops it if it cannot be made. */
int blk_insert_bs(BlockBackend *blk, BlockDriverState *bs, Error **errp)
{
    assert(!blk->root);
    bdrv_ref(bs);
    blk->root = bdrv_root_attach_child(bs, "root", &child_root, blk->perm,
                                       blk->shared_perm, blk, errp);
    return blk->root ? 0 : -EPERM;
}

void blk_remove_bs(BlockBackend *blk)
{
    BlockDriverState *bs = blk_bs(blk);
    BdrvChild *root = blk->root;

    if (!root) {
        return;
    }
    blk_wait_resumed(blk);
    bdrv_ref(bs);
    bdrv_drained_begin(bs);
    /*
     * Requests that the removal of the edge lets go must find no node, because
     * this one may be closed with it.
     */
    blk->root = NULL;
    bdrv_root_unref_child(root);
    bdrv_drained_end(bs);
    bdrv_unref(bs);
}

BlockDriverState *blk_bs(BlockBackend *blk)
{
    return blk->root ? blk->root->bs : NULL;
}

/*
 * Without a node the permissions are only kept: blk_insert_bs() asks for them.
 */
int blk_set_perm(BlockBackend *blk, uint64_t perm, uint64_t shared_perm,
                 Error **errp)
{
    if (blk->root) {
        int ret = bdrv_child_try_set_perm(blk->root, perm, shared_perm, errp);

        if (ret < 0) {
            return ret;
        }
    }
    blk->perm = perm;
    blk->shared_perm = shared_perm;
    return 0;
}

void blk_get_perm(BlockBackend *blk, uint64_t *perm, uint64_t *shared_perm)
{
    *perm = blk->perm;
    *shared_perm = blk->shared_perm;
}

/* ---- life --------------------------------------------------------------- */

BlockBackend *blk_new(AioContext *ctx, uint64_t perm, uint64_t shared_perm)
{
    BlockBackend *blk = g_new0(BlockBackend, 1);

    aio_context_ref(ctx);
    blk->ctx = ctx;
    blk->perm = perm;
    blk->shared_perm = shared_perm;
    blk->enable_write_cache = true;
    qemu_co_queue_init(&blk->queue);
    blk->resume_bh = aio_bh_new(ctx, blk_resume_bh, blk);
    return blk;
}

BlockBackend *blk_new_open(const char *filename, const char *reference,
                           QDict *options, int flags, Error **errp)
{
    uint64_t perm = BLK_PERM_CONSISTENT_READ;
    uint64_t shared = BLK_PERM_ALL;
    BlockDriverState *bs;
    BlockBackend *blk;

    bs = bdrv_open(filename, reference, options, flags, errp);
    if (!bs) {
        return NULL;
    }
    if (flags & BDRV_O_RDWR) {
        perm |= BLK_PERM_WRITE;
        shared &= ~(uint64_t)(BLK_PERM_WRITE | BLK_PERM_RESIZE);
    }
    if (flags & BDRV_O_RESIZE) {
        perm |= BLK_PERM_RESIZE;
    }
    if (bs->force_share) {
        shared = BLK_PERM_ALL;
    }
    blk = blk_new(bdrv_get_aio_context(bs), perm, shared);
    if (blk_insert_bs(blk, bs, errp) < 0) {
        blk_unref(blk);
        blk = NULL;
    }
    bdrv_unref(bs);
    return blk;
}

static bool blk_is_busy(void *opaque)
{
    BlockBackend *blk = opaque;

    return blk->in_flight > 0 || blk->queued > 0;
}

/* Requests that a drained section still holds back end with -ENOMEDIUM. */
void blk_unref(BlockBackend *blk)
{
    if (!blk) {
        return;
    }
    blk_remove_bs(blk);
    bdrv_drain_wait_while(blk->ctx, blk_is_busy, blk);
    qemu_bh_delete(blk->resume_bh);
    aio_context_unref(blk->ctx);
    g_free(blk);
}

/* ---- settings ----------------------------------------------------------- */

void blk_set_allow_write_beyond_eof(BlockBackend *blk, bool allow)
{
    blk->allow_write_beyond_eof = allow;
}

void blk_set_enable_write_cache(BlockBackend *blk, bool wce)
{
    blk->enable_write_cache = wce;
}

AioContext *blk_get_aio_context(BlockBackend *blk)
{
    return blk->ctx;
}

/* ---- information -------------------------------------------------------- */

bool blk_is_available(BlockBackend *blk)
{
    return blk->root && bdrv_is_inserted(blk_bs(blk));
}

int64_t blk_getlength(BlockBackend *blk)
{
    return blk_is_available(blk) ? bdrv_getlength(blk_bs(blk)) : -ENOMEDIUM;
}

bool blk_is_read_only(BlockBackend *blk)
{
    return blk->root && bdrv_is_read_only(blk_bs(blk));
}

void *blk_try_blockalign(BlockBackend *blk, size_t size)
{
    return qemu_try_blockalign(blk_bs(blk), size);
}
