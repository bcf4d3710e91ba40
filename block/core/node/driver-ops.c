/* SPDX-License-Identifier: MIT */
/*
 * Calls of a driver besides requests: measure, check, amend, remove media, stop
 * at debug events.
 *
 * Invariant: without the callback each of these has one result for all drivers,
 * given here.
 */
#include "qemu/osdep.h"
#include "block/core/node/node.h"
#include "qapi/error.h"

/* ---- measure, check, amend, make empty ---------------------------------- */

BlockMeasureInfo *bdrv_measure(BlockDriver *drv, QemuOpts *opts,
                               BlockDriverState *in_bs, Error **errp)
{
    if (!drv->bdrv_measure) {
        error_setg(errp, "Block driver '%s' does not support size measurement",
                   drv->format_name);
        return NULL;
    }
    return drv->bdrv_measure(opts, in_bs, errp);
}

typedef struct CheckRequest {
    BlockDriverState *bs;
    BdrvCheckResult *res;
    BdrvCheckMode fix;
    int ret;
} CheckRequest;

/*
 * Counted as in flight, so that whoever drains the node meanwhile waits for it.
 */
static void coroutine_fn check_entry(void *opaque)
{
    CheckRequest *r = opaque;

    bdrv_inc_in_flight(r->bs);
    r->ret = r->bs->drv->bdrv_co_check(r->bs, r->res, r->fix);
    bdrv_dec_in_flight(r->bs);
}

int bdrv_check_listening(BlockDriverState *bs, BdrvCheckResult *res,
                         BdrvCheckMode fix, BdrvCheckListener *listener,
                         void *opaque)
{
    CheckRequest r = { .bs = bs, .res = res, .fix = fix };
    bool drain = !qemu_in_coroutine();

    memset(res, 0, sizeof(*res));
    res->listener = listener;
    res->listener_opaque = opaque;
    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (!bs->drv->bdrv_co_check) {
        return -ENOTSUP;
    }
    if (drain) {
        bdrv_drained_begin(bs);
    }
    bdrv_run_co(bs->aio_context, check_entry, &r);
    if (drain) {
        bdrv_drained_end(bs);
    }
    return r.ret;
}

int bdrv_check(BlockDriverState *bs, BdrvCheckResult *res, BdrvCheckMode fix)
{
    return bdrv_check_listening(bs, res, fix, NULL, NULL);
}

int bdrv_check_target(BlockDriverState *bs, const char *target,
                      BdrvRefusalListener *listener, void *opaque, Error **errp)
{
    if (!bs->drv || !bs->drv->bdrv_check_target) {
        error_setg(errp, "Block driver '%s' knows no products",
                   bdrv_get_format_name(bs));
        return -ENOTSUP;
    }
    return bs->drv->bdrv_check_target(bs, target, listener, opaque, errp);
}

int bdrv_amend_options(BlockDriverState *bs, QemuOpts *opts, bool force,
                       Error **errp)
{
    ERRP_GUARD();
    int ret;

    if (!bs->drv) {
        error_setg(errp, "No medium inserted");
        return -ENOMEDIUM;
    }
    if (!bs->drv->bdrv_amend) {
        error_setg(errp,
                   "Format driver '%s' does not support option "
                   "amendment",
                   bs->drv->format_name);
        return -ENOTSUP;
    }
    ret = bs->drv->bdrv_amend(bs, opts, force, errp);
    if (ret < 0 && !*errp) {
        error_setg_errno(errp, -ret, "Could not amend the image");
    }
    return ret;
}

int bdrv_make_empty(BlockDriverState *bs)
{
    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    return bs->drv->bdrv_make_empty ? bs->drv->bdrv_make_empty(bs) : -ENOTSUP;
}

/* ---- removable media, devices ------------------------------------------- */

void bdrv_eject(BlockDriverState *bs, bool eject_flag)
{
    if (bs->drv && bs->drv->bdrv_eject) {
        bs->drv->bdrv_eject(bs, eject_flag);
    }
}

void bdrv_lock_medium(BlockDriverState *bs, bool locked)
{
    if (bs->drv && bs->drv->bdrv_lock_medium) {
        bs->drv->bdrv_lock_medium(bs, locked);
    }
}

int bdrv_probe_blocksizes(BlockDriverState *bs, BlockSizes *bsz)
{
    if (!bs->drv || !bs->drv->bdrv_probe_blocksizes) {
        return -ENOTSUP;
    }
    return bs->drv->bdrv_probe_blocksizes(bs, bsz);
}

int bdrv_probe_geometry(BlockDriverState *bs, HDGeometry *geo)
{
    if (!bs->drv || !bs->drv->bdrv_probe_geometry) {
        return -ENOTSUP;
    }
    return bs->drv->bdrv_probe_geometry(bs, geo);
}

int coroutine_fn bdrv_co_ioctl(BlockDriverState *bs, int req, void *buf)
{
    int ret;

    if (!bs->drv || !bs->drv->bdrv_co_ioctl) {
        return -ENOTSUP;
    }
    bdrv_inc_in_flight(bs);
    ret = bs->drv->bdrv_co_ioctl(bs, req, buf);
    bdrv_dec_in_flight(bs);
    return ret;
}

/* ---- debug events ------------------------------------------------------- */

void bdrv_debug_event(BlockDriverState *bs, BlkdebugEvent event)
{
    if (bs && bs->drv && bs->drv->bdrv_debug_event) {
        bs->drv->bdrv_debug_event(bs, event);
    }
}

/*
 * The first node from @bs down its file children that can be stopped.  A driver
 * that has breakpoints has all of the callbacks for them.
 */
static BlockDriverState *debug_node(BlockDriverState *bs)
{
    while (bs && bs->drv && !bs->drv->bdrv_debug_breakpoint) {
        bs = bdrv_file_bs(bs);
    }
    return bs && bs->drv ? bs : NULL;
}

int bdrv_debug_breakpoint(BlockDriverState *bs, const char *event,
                          const char *tag)
{
    BlockDriverState *node = debug_node(bs);

    return node ? node->drv->bdrv_debug_breakpoint(node, event, tag) : -ENOTSUP;
}

int bdrv_debug_remove_breakpoint(BlockDriverState *bs, const char *tag)
{
    BlockDriverState *node = debug_node(bs);

    return node ? node->drv->bdrv_debug_remove_breakpoint(node, tag) : -ENOTSUP;
}

int bdrv_debug_resume(BlockDriverState *bs, const char *tag)
{
    BlockDriverState *node = debug_node(bs);

    return node ? node->drv->bdrv_debug_resume(node, tag) : -ENOTSUP;
}

bool bdrv_debug_is_suspended(BlockDriverState *bs, const char *tag)
{
    BlockDriverState *node = debug_node(bs);

    return node && node->drv->bdrv_debug_is_suspended(node, tag);
}
