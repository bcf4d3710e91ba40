/* SPDX-License-Identifier: MIT */
/*
 * The limits of a node's requests, its length, and memory that suits it.
 *
 * Invariants:
 *   - After a refresh request_alignment is a power of two, at most
 *     BDRV_MAX_ALIGNMENT.
 *   - A refresh that fails leaves the limits as they were.
 *   - A length that is given out can be rounded up to any alignment.
 */
#include "qemu/osdep.h"

#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "block/core/request/request.h"

/* ---- limits ------------------------------------------------------------ */

/*
 * The stricter one of each: what one child takes the other must take, too.
 * request_alignment is left out, since the layer aligns for each node by
 * itself.
 */
static void merge_limits(BlockLimits *bl, const BlockLimits *child)
{
    bl->opt_transfer = MAX(bl->opt_transfer, child->opt_transfer);
    bl->max_transfer = MIN_NON_ZERO(bl->max_transfer, child->max_transfer);
    bl->opt_mem_alignment =
        MAX(bl->opt_mem_alignment, child->opt_mem_alignment);
    bl->min_mem_alignment =
        MAX(bl->min_mem_alignment, child->min_mem_alignment);
    bl->max_iov = MIN_NON_ZERO(bl->max_iov, child->max_iov);
}

/* Can the driver only be asked for whole sectors, reading or writing? */
static bool limits_has_sector_form(const BlockDriver *drv)
{
    return (drv->bdrv_co_readv && !drv->bdrv_co_preadv &&
            !drv->bdrv_aio_preadv) ||
           (drv->bdrv_co_writev && !drv->bdrv_co_pwritev &&
            !drv->bdrv_aio_pwritev);
}

void bdrv_refresh_limits(BlockDriverState *bs, Error **errp)
{
    BlockDriver *drv = bs->drv;
    BlockLimits *bl = &bs->bl;
    BlockLimits before = *bl;
    uint32_t least;
    Error *local_err = NULL;

    memset(bl, 0, sizeof(*bl));
    if (!drv) {
        return;
    }
    least = limits_has_sector_form(drv) ? BDRV_SECTOR_SIZE : 1;
    bl->request_alignment =
        drv->bdrv_co_preadv || drv->bdrv_aio_preadv ? least : 512;
    if (bs->file) {
        merge_limits(bl, &bs->file->bs->bl);
    } else {
        bl->min_mem_alignment = 512;
        bl->opt_mem_alignment = qemu_real_host_page_size;
        bl->max_iov = IOV_MAX;
    }
    if (bs->backing) {
        merge_limits(bl, &bs->backing->bs->bl);
    }
    if (drv->bdrv_refresh_limits) {
        drv->bdrv_refresh_limits(bs, &local_err);
    }
    if (!local_err && (!is_power_of_2(bl->request_alignment) ||
                       bl->request_alignment < least ||
                       bl->request_alignment > BDRV_MAX_ALIGNMENT)) {
        error_setg(&local_err,
                   "Driver '%s' asks for an invalid request "
                   "alignment (%" PRIu32 ")",
                   drv->format_name, bl->request_alignment);
    }
    if (local_err) {
        *bl = before;
        error_propagate(errp, local_err);
    }
}

/* To the top, because each node's limits are made of those of its children. */
void bdrv_refresh_parent_limits(BlockDriverState *bs)
{
    BdrvChild *c;

    QLIST_FOREACH(c, &bs->parents, next_parent) {
        if (c->role->parent_is_bds) {
            bdrv_refresh_limits(c->opaque, NULL);
            bdrv_refresh_parent_limits(c->opaque);
        }
    }
}

/* ---- lengths ----------------------------------------------------------- */

/*
 * A file's last sector may be cut; it counts as a whole one, whose rest reads
 * as zeroes.
 */
int bdrv_refresh_total_sectors(BlockDriverState *bs, int64_t hint)
{
    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (bs->sg) {
        return 0;
    }
    if (bs->drv->bdrv_getlength) {
        int64_t length = bs->drv->bdrv_getlength(bs);

        if (length < 0) {
            return length;
        }
        hint = length / (int64_t)BDRV_SECTOR_SIZE +
               (length % (int64_t)BDRV_SECTOR_SIZE != 0);
    }
    bs->total_sectors = hint;
    return 0;
}

int64_t bdrv_exact_length(BlockDriverState *bs)
{
    int64_t length;

    if (!bs->drv || !bs->drv->bdrv_getlength) {
        return bdrv_getlength(bs);
    }
    length = bs->drv->bdrv_getlength(bs);
    /* A driver may have taken it from an image: any number is possible. */
    return length > BDRV_MAX_LENGTH ? -EFBIG : length;
}

int64_t bdrv_getlength(BlockDriverState *bs)
{
    if (bs->drv && bs->drv->has_variable_length) {
        int ret = bdrv_refresh_total_sectors(bs, bs->total_sectors);

        if (ret < 0) {
            return ret;
        }
    }
    return bdrv_known_length(bs);
}

int64_t bdrv_known_length(BlockDriverState *bs)
{
    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    /* A driver may have taken it from an image: any number is possible. */
    if (bs->total_sectors < 0 ||
        bs->total_sectors > BDRV_MAX_LENGTH / (int64_t)BDRV_SECTOR_SIZE) {
        return -EFBIG;
    }
    return bs->total_sectors * (int64_t)BDRV_SECTOR_SIZE;
}

int64_t bdrv_nb_sectors(BlockDriverState *bs)
{
    int64_t length = bdrv_getlength(bs);

    return length < 0 ? length : length / (int64_t)BDRV_SECTOR_SIZE;
}

int64_t bdrv_getlength_from_file(BlockDriverState *bs)
{
    return bdrv_getlength(bs->file->bs);
}

/* ---- memory ------------------------------------------------------------ */

/*
 * A node that is not open yet may be opened with direct I/O, so what suits any
 * device is given.
 */
size_t bdrv_opt_mem_align(BlockDriverState *bs)
{
    if (!bs || !bs->drv || !bs->bl.opt_mem_alignment) {
        return MAX(4096, qemu_real_host_page_size);
    }
    return bs->bl.opt_mem_alignment;
}

void *qemu_blockalign(BlockDriverState *bs, size_t size)
{
    return qemu_memalign(bdrv_opt_mem_align(bs), size);
}

void *qemu_try_blockalign(BlockDriverState *bs, size_t size)
{
    return qemu_try_memalign(bdrv_opt_mem_align(bs), size);
}
