/* SPDX-License-Identifier: MIT */
/*
 * How long the file of an image will be.
 *
 * Invariant: the numbers are those of the plan that creation would follow, and
 * of the blocks that convert would write: a block gets space when a byte of it
 * is not zero.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-block-core.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"
#include "create.h"
#include "vpc.h"

/*
 * As much as is looked at once: little at first, since most data are not zero.
 */
#define FIRST_LOOK (4 * KiB)
#define LOOK (256 * KiB)

typedef struct Measure {
    BlockBackend *blk;
    uint64_t size;              /* of the disk to be read, bytes */
    uint8_t *buf;               /* LOOK bytes */
} Measure;

/* 1: a byte of the range is not zero, 0: none is; -errno. */
static int has_data(const Measure *m, uint64_t offset, uint64_t bytes)
{
    uint64_t look = FIRST_LOOK;

    for (uint64_t done = 0; done < bytes; look = LOOK) {
        uint64_t chunk = MIN(bytes - done, look);
        int ret = blk_pread(m->blk, offset + done, m->buf, chunk);

        if (ret < 0) {
            return ret;
        }
        if (!buffer_is_zero(m->buf, chunk)) {
            return 1;
        }
        done += chunk;
    }
    return 0;
}

/*
 * 1 when a byte of the range that begins at @offset is not zero, else 0;
 * -errno. It ends at *@end, at the latest where the block does.
 */
static int look_at(const Measure *m, uint64_t offset, uint64_t block_end,
                   uint64_t *end)
{
    int64_t pnum;
    int ret = bdrv_block_status_above(blk_bs(m->blk), NULL, offset,
                                      m->size - offset, &pnum, NULL, NULL,
                                      NULL);

    if (ret < 0) {
        return ret;
    }
    *end = pnum ? offset + pnum : m->size;
    if (ret & BDRV_BLOCK_ZERO || !(ret & BDRV_BLOCK_DATA)) {
        return 0;
    }
    *end = MIN(*end, block_end);
    return has_data(m, offset, *end - offset);
}

/* The number of blocks of which the source has data; -errno. */
static int64_t count_blocks(const Measure *m, uint64_t block_size)
{
    int64_t blocks = 0;
    uint64_t offset = 0, end;

    while (offset < m->size) {
        uint64_t block_end = MIN(ROUND_UP(offset + 1, block_size), m->size);
        int ret = look_at(m, offset, block_end, &end);

        if (ret < 0) {
            return ret;
        }
        blocks += ret;
        offset = ret ? block_end : end;
    }
    return blocks;
}

/* The blocks that @in_bs fills in the planned image; -errno with an error. */
static int64_t measure_blocks(BlockDriverState *in_bs, uint64_t size,
                              const VpcPlan *plan, Error **errp)
{
    g_autofree uint8_t *buf = g_malloc(LOOK);
    Measure m = {
        .blk = blk_new(bdrv_get_aio_context(in_bs), BLK_PERM_CONSISTENT_READ,
                       BLK_PERM_ALL),
        .size = size,
        .buf = buf,
    };
    int64_t blocks = blk_insert_bs(m.blk, in_bs, errp);

    if (blocks == 0) {
        blocks = count_blocks(&m, plan->layout.block_size);
        if (blocks < 0) {
            error_setg_errno(errp, -blocks, "Unable to read the image");
        }
    }
    blk_unref(m.blk);
    return blocks;
}

BlockMeasureInfo *vpc_measure(QemuOpts *opts, BlockDriverState *in_bs,
                              Error **errp)
{
    BlockdevCreateOptions *options;
    BlockMeasureInfo *info = NULL;
    int64_t size = -1, blocks = 0;
    VpcPlan plan;
    int ret;

    if (in_bs) {
        size = bdrv_getlength(in_bs);
        if (size < 0) {
            error_setg_errno(errp, -size, "Unable to get image virtual_size");
            return NULL;
        }
    }
    options = vpc_parse_create_opts(opts, size, errp);
    if (!options) {
        return NULL;
    }
    ret = vpc_plan(&options->u.vpc, true, &plan, errp);
    if (ret == 0 && in_bs && plan.type != VPC_TYPE_FIXED) {
        blocks = measure_blocks(in_bs, size, &plan, errp);
    }
    if (ret == 0 && blocks >= 0) {
        if (vpc_plan_has_all_blocks(&plan)) {
            blocks = plan.layout.blocks;
        }
        info = g_new0(BlockMeasureInfo, 1);
        info->required = vpc_plan_length(&plan, blocks);
        info->fully_allocated = vpc_plan_length(&plan, plan.layout.blocks);
    }
    qapi_free_BlockdevCreateOptions(options);
    return info;
}
