/* SPDX-License-Identifier: MIT */
/*
 * Questions to a node: names, facts, and what its driver answers.
 *
 * Invariant: a question that the driver has no callback for has one answer for
 * all drivers, given here.
 */
#include "qemu/osdep.h"
#include "block/core/node/node.h"
#include "minblk/block-extra.h"

/* ---- names -------------------------------------------------------------- */

const char *bdrv_get_node_name(const BlockDriverState *bs)
{
    return bs->node_name;
}

const char *bdrv_get_device_or_node_name(const BlockDriverState *bs)
{
    return bs->node_name; /* BlockBackends have no names */
}

const char *bdrv_get_format_name(const BlockDriverState *bs)
{
    return bs->drv ? bs->drv->format_name : NULL;
}

/* ---- facts -------------------------------------------------------------- */

AioContext *bdrv_get_aio_context(BlockDriverState *bs)
{
    return bs->aio_context;
}

BlockDriver *bdrv_get_driver(const BlockDriverState *bs)
{
    return bs->drv;
}

BlockDriverState *bdrv_backing_bs(BlockDriverState *bs)
{
    return bs->backing ? bs->backing->bs : NULL;
}

BlockDriverState *bdrv_file_bs(BlockDriverState *bs)
{
    return bs->file ? bs->file->bs : NULL;
}

const char *bdrv_backing_name(const BlockDriverState *bs)
{
    return bs->auto_backing_file;
}

const char *bdrv_backing_format(const BlockDriverState *bs)
{
    return bs->backing_format;
}

bool bdrv_is_read_only(BlockDriverState *bs)
{
    return bs->read_only;
}

/* A node without a callback is as present as all that it stands on. */
bool bdrv_is_inserted(BlockDriverState *bs)
{
    BdrvChild *c;

    if (!bs->drv) {
        return false;
    }
    if (bs->drv->bdrv_is_inserted) {
        return bs->drv->bdrv_is_inserted(bs);
    }
    QLIST_FOREACH(c, &bs->children, next) {
        if (!bdrv_is_inserted(c->bs)) {
            return false;
        }
    }
    return true;
}

int bdrv_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    memset(bdi, 0, sizeof(*bdi));
    return bs->drv->bdrv_get_info ? bs->drv->bdrv_get_info(bs, bdi) : -ENOTSUP;
}

ImageInfoSpecific *bdrv_get_specific_info(BlockDriverState *bs, Error **errp)
{
    if (!bs->drv || !bs->drv->bdrv_get_specific_info) {
        return NULL;
    }
    return bs->drv->bdrv_get_specific_info(bs, errp);
}

/*
 * The driver's answer for a new image or for new space; else a filter's file.
 */
static int zero_init(BlockDriverState *bs, bool truncate)
{
    int (*ask)(BlockDriverState *bs);

    if (!bs->drv || bs->backing) {
        return 0;
    }
    ask = truncate ? bs->drv->bdrv_has_zero_init_truncate
                   : bs->drv->bdrv_has_zero_init;
    if (ask) {
        return ask(bs);
    }
    return bs->drv->is_filter && bs->file ? zero_init(bs->file->bs, truncate)
                                          : 0;
}

int bdrv_has_zero_init(BlockDriverState *bs)
{
    return zero_init(bs, false);
}

int bdrv_has_zero_init_truncate(BlockDriverState *bs)
{
    return zero_init(bs, true);
}

int bdrv_has_zero_init_1(BlockDriverState *bs)
{
    return 1;
}

/* A format's own data are in all of its children but the backing. */
int64_t bdrv_get_allocated_file_size(BlockDriverState *bs)
{
    int64_t sum = -ENOTSUP;
    BdrvChild *c;

    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (bs->drv->bdrv_get_allocated_file_size) {
        return bs->drv->bdrv_get_allocated_file_size(bs);
    }
    QLIST_FOREACH(c, &bs->children, next) {
        int64_t size;

        if (c->role == &child_backing) {
            continue;
        }
        size = bdrv_get_allocated_file_size(c->bs);
        if (size < 0) {
            return size;
        }
        sum = MAX(sum, 0) + size;
    }
    return sum;
}

int64_t bdrv_allocated_size_unknown(BlockDriverState *bs)
{
    return -ENOTSUP;
}
