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

/* Bytes of one look: few at first, because most data are not zero there. */
#define FIRST_LOOK (4 * KiB)
#define LOOK (256 * KiB)

typedef struct Measure {
    BlockBackend *blk;
    uint64_t size;              /* of the disk to be read, bytes */
    uint8_t *buf;               /* LOOK bytes */
} Measure;

/* 1: a byte of the range is not zero, 0: none is; -errno. */
static int measure_has_data(const Measure *m, uint64_t offset, uint64_t bytes)
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
 * Does the range from @offset on, which is cut at the end of the block, hold
 * data?  1, 0 or -errno.  *@end is where it ends.
 */
static int measure_look(const Measure *m, uint64_t offset, uint64_t block_end,
                        uint64_t *end)
{
    int64_t pnum;
    int ret = bdrv_block_status_above(blk_bs(m->blk), NULL, offset,
                                      m->size - offset, &pnum, NULL, NULL);

    if (ret < 0) {
        return ret;
    }
    /* A hole is skipped whole, whatever number of blocks it has. */
    *end = pnum ? offset + pnum : m->size;
    if (ret & BDRV_BLOCK_ZERO || !(ret & BDRV_BLOCK_DATA)) {
        return 0;
    }
    *end = MIN(*end, block_end);
    return measure_has_data(m, offset, *end - offset);
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
    int64_t blocks = 0;
    uint64_t offset = 0;
    int ret = blk_insert_bs(m.blk, in_bs, errp);
    bool inserted = ret == 0;

    while (offset < size && ret >= 0) {
        uint64_t block_end = MIN(ROUND_UP(offset + 1, plan->layout.block_size),
                                 size);
        uint64_t end = block_end;

        ret = measure_look(&m, offset, block_end, &end);
        /* One byte is enough: the rest of the block is not looked at. */
        offset = ret ? block_end : end;
        blocks += ret > 0;
    }
    if (inserted && ret < 0) {
        error_setg_errno(errp, -ret, "Unable to read the image");
    }
    blk_unref(m.blk);
    return ret < 0 ? ret : blocks;
}

BlockMeasureInfo *vpc_measure(QemuOpts *opts, BlockDriverState *in_bs,
                              Error **errp)
{
    BlockdevCreateOptions *options;
    BlockMeasureInfo *info = NULL;
    int64_t size = -1, disk = -1, blocks = 0;
    uint64_t asked;
    VpcPlan plan;

    if (in_bs) {
        size = bdrv_getlength(in_bs);
        if (size < 0) {
            error_setg_errno(errp, -size, "Unable to get image virtual_size");
            return NULL;
        }
        /* As convert, which pads the source. */
        asked = qemu_opt_get_size(opts, BLOCK_OPT_SIZE, 0);
        disk = MAX(size, (int64_t)MIN(asked, INT64_MAX));
    }
    options = vpc_parse_create_opts(opts, disk, errp);
    if (!options) {
        return NULL;
    }
    if (vpc_plan(&options->u.vpc, true, &plan, errp) < 0) {
        blocks = -EINVAL;
    } else if (in_bs && plan.type != VPC_TYPE_FIXED) {
        blocks = measure_blocks(in_bs, size, &plan, errp);
    }
    if (blocks >= 0) {
        info = g_new0(BlockMeasureInfo, 1);
        info->required = vpc_plan_length(&plan, vpc_plan_has_all_blocks(&plan)
                                                ? plan.layout.blocks : blocks);
        info->fully_allocated = vpc_plan_length(&plan, plan.layout.blocks);
    }
    qapi_free_BlockdevCreateOptions(options);
    return info;
}
