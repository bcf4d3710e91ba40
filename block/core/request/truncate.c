/* SPDX-License-Identifier: MIT */
/*
 * Changing the length of a node.
 *
 * Invariants:
 *   - While it runs no other request touches anything after the smaller of the
 *     old and the new end.
 *   - New space reads as zeroes: the driver promises it, or zeroes are written.
 *   - errp is set whenever the result is negative.
 */
#include "qemu/osdep.h"

#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "block/core/request/request.h"

char *bdrv_hint_node_format(BlockDriverState *bs)
{
    const char *format = bdrv_get_format_name(bs);

    if (bs->probed && bdrv_getlength(bs) == 0) {
        return g_strdup_printf("'%s' is empty, so it was taken for a %s "
                               "image\n", bs->filename, format);
    }
    return g_strdup_printf(bs->probed ? "'%s' was taken for a %s image, "
                                        "because no format was given\n"
                                      : "'%s' is a %s image\n", bs->filename,
                           format);
}

/*
 * All that can be refused is refused before the request is tracked, because it
 * makes others wait for it.
 */
static int check_truncate(BdrvChild *child, int64_t size, Error **errp)
{
    BlockDriverState *bs = child->bs;

    if (!bs->drv) {
        error_setg(errp, "No medium inserted");
        return -ENOMEDIUM;
    }
    if (size < 0) {
        error_setg(errp, "Image size cannot be negative");
        return -EINVAL;
    }
    if (size > BDRV_MAX_LENGTH) {
        error_setg(errp, "Image size must not exceed %" PRId64 " bytes",
                   (int64_t)BDRV_MAX_LENGTH);
        return -EFBIG;
    }
    if (bs->read_only) {
        error_setg(errp, "Image is read-only");
        return -EACCES;
    }
    if (!(child->perm & BLK_PERM_RESIZE)) {
        error_setg(errp, "Permission to resize node '%s' is missing",
                   bdrv_get_node_name(bs));
        return -EPERM;
    }
    return 0;
}

/*
 * A filter without a callback of its own passes the length on, since it has
 * none.
 */
static int coroutine_fn call_truncate(BlockDriverState *bs, int64_t size,
                                      bool exact, PreallocMode prealloc,
                                      Error **errp)
{
    ERRP_GUARD();
    Error *local_err = NULL;
    int ret;

    if (bs->drv->bdrv_co_truncate) {
        ret = bs->drv->bdrv_co_truncate(bs, size, exact, prealloc, &local_err);
    } else if (bs->drv->is_filter && bs->file) {
        ret = bdrv_co_truncate(bs->file, size, exact, prealloc, &local_err);
    } else {
        g_autofree char *hint = bdrv_hint_node_format(bs);

        error_setg(errp, "Image format driver does not support resize");
        error_append_hint(errp, "%s", hint);
        return -ENOTSUP;
    }
    if (ret < 0) {
        if (!local_err) {
            error_setg_errno(&local_err, -ret, "Could not resize image");
        }
        error_propagate(errp, local_err);
        return ret;
    }
    /* An error object with a good result is no error. */
    error_free(local_err);
    return 0;
}

/* Makes [@old_size, @size) zero if the driver did not promise it. */
static int coroutine_fn clear_new_space(BdrvChange *w, int64_t old_size,
                                        int64_t size, Error **errp)
{
    BlockDriverState *bs = w->bs;
    int64_t end = MIN(size, bs->total_sectors * (int64_t)BDRV_SECTOR_SIZE);
    int ret;

    if (end <= old_size || bs->drv->is_filter ||
        bdrv_has_zero_init_truncate(bs)) {
        return 0;
    }
    ret = bdrv_change_to_zeroes(w, old_size, end - old_size, 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not clear the new space");
    }
    return ret;
}

/* Guarded and tracked: changes the length, then what depends on it. */
static int coroutine_fn resize(BdrvChange *w, int64_t size, bool exact,
                               PreallocMode prealloc, Error **errp)
{
    BlockDriverState *bs = w->bs;
    int64_t old_size = bdrv_getlength(bs);
    int64_t sectors = DIV_ROUND_UP(size, (int64_t)BDRV_SECTOR_SIZE);
    int ret, refreshed;

    if (old_size < 0) {
        error_setg_errno(errp, -old_size, "Could not get the image size");
        return old_size;
    }
    ret = call_truncate(bs, size, exact, prealloc, errp);
    refreshed =
        bdrv_refresh_total_sectors(bs, ret < 0 ? bs->total_sectors : sectors);
    if (ret == 0 && refreshed < 0) {
        ret = refreshed;
        error_setg_errno(errp, -ret, "Could not refresh total sector count");
    }
    if (ret == 0) {
        ret = clear_new_space(w, old_size, size, errp);
    }
    return ret;
}

/*
 * From the smaller of both ends on, because what is cut off and what is added
 * must not be touched by others meanwhile.
 */
int coroutine_fn bdrv_co_truncate(BdrvChild *child, int64_t offset, bool exact,
                                  PreallocMode prealloc, Error **errp)
{
    BdrvChange w = { .child = child, .bs = child->bs };
    int ret = check_truncate(child, offset, errp);

    if (ret < 0) {
        return ret;
    }
    ret = bdrv_guard_truncate(child, offset, &w.guarded);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not resize image");
        return ret;
    }
    bdrv_tracked_request_begin(&w.req, w.bs, offset, 0, BDRV_TRACKED_TRUNCATE);
    do {
        /* The old end; while another one runs it is not known yet. */
        int64_t start = bdrv_end_in_motion(w.bs)
                            ? 0
                            : w.bs->total_sectors * (int64_t)BDRV_SECTOR_SIZE;

        w.req.offset = MIN(start, offset);
        bdrv_mark_request_serialising(
            &w.req, MAX(bdrv_end_align(w.bs), (int64_t)BDRV_SECTOR_SIZE), true);
    } while (bdrv_wait_for_conflict(&w.req));
    ret = resize(&w, offset, exact, prealloc, errp);
    return bdrv_change_end(&w, ret);
}
