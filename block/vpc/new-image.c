/* SPDX-License-Identifier: MIT */
/*
 * Writing a new image, as it was planned.
 *
 * Invariants:
 *   - Any image that the node held before is invalidated first.
 *   - Everything but the footers is on the disk before the footer at the end is
 *     written, and that one before the copy at offset 0: a creation that was
 *     cut off leaves nothing that looks like an image.  That copy is on the
 *     disk before the creation succeeds.
 *   - Memory is bounded whatever the sizes of the disk and of its blocks.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "minblk/block-extra.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"
#include "create.h"

#define CHUNK (256 * KiB)

static int write_all(BlockBackend *blk, uint64_t offset, const void *buf,
                     uint64_t bytes)
{
    int ret = blk_pwrite(blk, offset, buf, bytes, 0);

    return ret < 0 ? ret : 0;
}

/* ---- the node that the image is written to ------------------------------ */

/*
 * The node gets @length bytes, or keeps more where it cannot shrink, as devices
 * cannot.
 */
static int set_length(BlockBackend *blk, uint64_t length, PreallocMode prealloc,
                      Error **errp)
{
    Error *err = NULL;
    int ret = blk_truncate(blk, length, false, prealloc, &err);

    if (ret == -ENOTSUP && prealloc == PREALLOC_MODE_OFF &&
        blk_getlength(blk) >= (int64_t)length) {
        error_free(err);
        return 0;
    }
    error_propagate(errp, err);
    return ret;
}

/* Both places where a footer could be. */
static int zero_ends(BlockBackend *blk, uint64_t length)
{
    uint64_t last = length - MIN(length, VPC_SECTOR);
    int ret = blk_zero_range(blk, 0, MIN(length, VPC_SECTOR), 0);

    return ret < 0 ? ret : blk_zero_range(blk, last, length - last, 0);
}

static int erase(BlockBackend *blk, Error **errp)
{
    int64_t length = blk_getlength(blk);
    int ret;

    if (length == 0) {
        return 0;
    }
    ret = set_length(blk, 0, PREALLOC_MODE_OFF, errp);
    if (ret < 0) {
        return ret;
    }
    length = blk_getlength(blk);
    ret = length < 0 ? length : zero_ends(blk, length);
    if (ret == 0) {
        ret = blk_flush(blk);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not erase what was there");
    }
    return ret;
}

/* ---- blocks that have their place from the beginning -------------------- */

/* Space for all of them, which reads as zeroes. */
static int allocate_blocks(BlockBackend *blk, const VpcPlan *plan, bool zeroed,
                           Error **errp)
{
    const VpcLayout *l = &plan->layout;
    PreallocMode mode = plan->prealloc == PREALLOC_MODE_METADATA
                        ? PREALLOC_MODE_OFF : plan->prealloc;
    int ret = set_length(blk, vpc_plan_length(plan, l->blocks), mode, errp);

    if (ret == 0 && !zeroed) {
        ret = blk_zero_range(blk, l->first_block,
                             vpc_layout_nth_footer(l, l->blocks) -
                             l->first_block, 0);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Could not clear the blocks");
        }
    }
    return ret;
}

static int write_bitmaps(BlockBackend *blk, const VpcLayout *l, void *buf)
{
    int ret = 0;

    memset(buf, 0xff, l->bitmap_size);
    for (uint32_t i = 0; i < l->blocks && ret == 0; i++) {
        ret = write_all(blk, vpc_layout_nth_block(l, i), buf, l->bitmap_size);
    }
    return ret;
}

/* ---- table and batmap --------------------------------------------------- */

/* Entries from @first on; those of no block are unused. */
static void fill_table(const VpcPlan *plan, uint64_t first, uint32_t *buf,
                       uint64_t count)
{
    memset(buf, 0xff, count * sizeof(*buf));
    for (uint64_t i = 0; vpc_plan_has_all_blocks(plan) && i < count &&
                         first + i < plan->layout.blocks; i++) {
        buf[i] = cpu_to_be32(vpc_layout_nth_block(&plan->layout, first + i) /
                             VPC_SECTOR);
    }
}

static int write_table(BlockBackend *blk, const VpcPlan *plan, void *buf)
{
    uint64_t bytes = plan->layout.bat_bytes;
    int ret = 0;

    for (uint64_t done = 0; done < bytes && ret == 0; done += CHUNK) {
        uint64_t chunk = MIN(CHUNK, bytes - done);

        fill_table(plan, done / 4, buf, chunk / 4);
        ret = write_all(blk, VPC_BAT_OFFSET + done, buf, chunk);
    }
    return ret;
}

/* Bytes of the batmap from @first on: a bit for each block that has space. */
static void fill_batmap(const VpcPlan *plan, uint64_t first, uint8_t *buf,
                        uint64_t bytes)
{
    uint64_t bits = vpc_plan_has_all_blocks(plan) ? plan->layout.blocks : 0;
    uint64_t left = bits - MIN(bits, first * 8);
    uint64_t whole = MIN(left / 8, bytes);

    memset(buf, 0, bytes);
    memset(buf, 0xff, whole);
    if (whole < bytes && left % 8) {
        buf[whole] = 0xff << (8 - left % 8);
    }
}

static int write_batmap(BlockBackend *blk, const VpcPlan *plan, uint8_t *buf)
{
    uint64_t bytes = plan->layout.batmap_bytes;
    uint64_t map = plan->layout.batmap_header + sizeof(VpcBatmapHeader);
    VpcBatmapHeader header = {
        .cookie = VPC_BATMAP_COOKIE,
        .offset = cpu_to_be64(map),
        .sectors = cpu_to_be32(bytes / VPC_SECTOR),
        .version = cpu_to_be32(VPC_BATMAP_VERSION),
    };
    uint32_t sum = 0;
    int ret = 0;

    for (uint64_t done = 0; done < bytes && ret == 0; done += CHUNK) {
        uint64_t chunk = MIN(CHUNK, bytes - done);

        fill_batmap(plan, done, buf, chunk);
        for (uint64_t i = 0; i < chunk; i++) {
            sum += buf[i];
        }
        ret = write_all(blk, map + done, buf, chunk);
    }
    header.checksum = cpu_to_be32(~sum);
    return ret < 0 ? ret : write_all(blk, plan->layout.batmap_header, &header,
                                     sizeof(header));
}

/* ---- the two kinds of image --------------------------------------------- */

/* All that stands between the footers but the blocks' data. */
static int write_structures(BlockBackend *blk, const VpcPlan *plan)
{
    g_autofree void *buf = g_try_malloc(CHUNK);
    int ret = buf ? 0 : -ENOMEM;

    if (ret == 0) {
        ret = write_table(blk, plan, buf);
    }
    if (ret == 0 && plan->layout.batmap_header) {
        ret = write_batmap(blk, plan, buf);
    }
    if (ret == 0 && vpc_plan_has_all_blocks(plan)) {
        ret = write_bitmaps(blk, &plan->layout, buf);
    }
    if (ret == 0) {
        ret = write_all(blk, VPC_HEADER_OFFSET, &plan->header,
                        sizeof(plan->header));
    }
    return ret;
}

static int write_footer(BlockBackend *blk, const VpcPlan *plan, uint64_t offset)
{
    int ret = blk_flush(blk);

    return ret < 0 ? ret : write_all(blk, offset, &plan->footer,
                                     sizeof(plan->footer));
}

/*
 * The footer after all else, and where the node goes on, as a device does, a
 * second one in its last sector; then the copy.
 */
static int write_footers(BlockBackend *blk, const VpcPlan *plan,
                         uint64_t offset)
{
    int64_t length = blk_getlength(blk);
    int ret = MIN(length, 0);

    if (ret == 0 &&
        length - VPC_SECTOR >= (int64_t)vpc_layout_after_footer(offset)) {
        ret = write_footer(blk, plan, length - VPC_SECTOR);
    }
    if (ret == 0) {
        ret = write_footer(blk, plan, offset);
    }
    return ret < 0 ? ret : write_footer(blk, plan, 0);
}

static int write_dynamic(BlockBackend *blk, const VpcPlan *plan, Error **errp)
{
    uint32_t blocks = vpc_plan_has_all_blocks(plan) ? plan->layout.blocks : 0;
    bool zeroed = blk_getlength(blk) == 0 &&
                  bdrv_has_zero_init_truncate(blk_bs(blk));
    int ret = 0;

    if (blocks) {
        ret = allocate_blocks(blk, plan, zeroed, errp);
        if (ret < 0) {
            return ret;
        }
    }
    ret = write_structures(blk, plan);
    if (ret == 0) {
        ret = write_footers(blk, plan,
                            vpc_layout_nth_footer(&plan->layout, blocks));
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the image's headers");
    }
    return ret;
}

/* All of a fixed disk's metadata are its footer. */
static int write_fixed(BlockBackend *blk, const VpcPlan *plan, Error **errp)
{
    PreallocMode mode = plan->prealloc == PREALLOC_MODE_METADATA
                        ? PREALLOC_MODE_OFF : plan->prealloc;
    int ret = set_length(blk, vpc_plan_length(plan, 0), mode, errp);
    int64_t length;

    if (ret < 0) {
        return ret;
    }
    length = blk_getlength(blk);
    ret = length < 0 ? length : write_footer(blk, plan, length - VPC_SECTOR);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the footer");
    }
    return ret;
}

/* The closing of the node could not return the error to who creates. */
static int flush_footer(BlockBackend *blk, Error **errp)
{
    int ret = blk_flush(blk);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not flush the new image");
    }
    return ret;
}

int coroutine_fn vpc_write_new(BlockDriverState *bs, const VpcPlan *plan,
                               Error **errp)
{
    BlockBackend *blk = blk_new(bdrv_get_aio_context(bs),
                                BLK_PERM_WRITE | BLK_PERM_RESIZE,
                                BLK_PERM_ALL);
    int ret = blk_insert_bs(blk, bs, errp);

    if (ret == 0) {
        blk_set_allow_write_beyond_eof(blk, true);
        ret = erase(blk, errp);
    }
    if (ret == 0) {
        ret = plan->type == VPC_TYPE_FIXED ? write_fixed(blk, plan, errp)
                                           : write_dynamic(blk, plan, errp);
    }
    if (ret == 0) {
        ret = flush_footer(blk, errp);
    }
    blk_unref(blk);
    return ret;
}
