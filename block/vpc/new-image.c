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
#include "qemu/coroutine.h"
#include "minblk/block-extra.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"
#include "create.h"

/* Of BAT and batmap; more than the bitmap of any new block, 64 KiB, needs. */
#define CHUNK (256 * KiB)

/* So much of a structure is flushed while the next is written. */
#define FLUSHED_AT_ONCE (32 * MiB)

/* ---- the node that the image is written to ------------------------------ */

/*
 * The node gets @length bytes, or keeps more where it cannot shrink, as devices
 * cannot.
 */
static int new_set_length(BlockBackend *blk, uint64_t length,
                          PreallocMode prealloc, Error **errp)
{
    /* "metadata" gives all blocks a place, but the file no space for them. */
    PreallocMode mode = prealloc == PREALLOC_MODE_METADATA ? PREALLOC_MODE_OFF
                                                           : prealloc;
    Error *err = NULL;
    int ret = blk_truncate(blk, length, false, mode, &err);

    if (ret == -ENOTSUP && mode == PREALLOC_MODE_OFF &&
        blk_getlength(blk) >= (int64_t)length) {
        error_free(err);
        return 0;
    }
    error_propagate(errp, err);
    return ret;
}

/*
 * Invalidates any old image: the node becomes empty, or, where it cannot
 * shrink, both places where a footer could be become zero.
 */
static int new_erase(BlockBackend *blk, Error **errp)
{
    int64_t length = blk_getlength(blk);
    int ret;

    if (length == 0) {
        return 0;
    }
    ret = new_set_length(blk, 0, PREALLOC_MODE_OFF, errp);
    if (ret < 0) {
        return ret;
    }
    length = blk_getlength(blk);
    ret = MIN(length, 0);
    if (length > 0) {
        int64_t bytes = MIN(length, VPC_SECTOR);

        ret = blk_zero_range(blk, 0, bytes, 0);
        if (ret == 0) {
            ret = blk_zero_range(blk, length - bytes, bytes, 0);
        }
    }
    if (ret == 0) {
        ret = blk_flush(blk);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not erase what was there");
    }
    return ret;
}

/* ---- BAT and batmap ----------------------------------------------------- */

/* Blocks that have their space from the beginning. */
static uint32_t new_blocks(const VpcPlan *plan)
{
    return vpc_plan_has_all_blocks(plan) ? plan->layout.blocks : 0;
}

/* Fills @buf with @bytes of a structure, from byte @first of it on. */
typedef void NewFill(const VpcPlan *plan, uint64_t first, void *buf,
                     uint64_t bytes);

/* Entries of blocks without space are ones, and so is what pads the sector. */
static void new_fill_bat(const VpcPlan *plan, uint64_t first, void *buf,
                         uint64_t bytes)
{
    uint32_t *entries = buf;
    uint64_t block = first / sizeof(*entries);
    uint64_t blocks = new_blocks(plan);

    memset(buf, 0xff, bytes);
    for (uint64_t i = 0; i < bytes / sizeof(*entries) && block + i < blocks;
         i++) {
        entries[i] = cpu_to_be32(
            vpc_layout_nth_block(&plan->layout, block + i) / VPC_SECTOR);
    }
}

/* A bit for each block that has space, because its bitmap is full. */
static void new_fill_batmap(const VpcPlan *plan, uint64_t first, void *buf,
                            uint64_t bytes)
{
    uint64_t bits = new_blocks(plan);
    uint64_t left = bits - MIN(bits, first * 8);
    uint64_t whole = MIN(left / 8, bytes);

    memset(buf, 0, bytes);
    memset(buf, 0xff, whole);
    if (whole < bytes && left % 8) {
        ((uint8_t *)buf)[whole] = 0xff << (8 - left % 8);
    }
}

/* A flush beside the writes. */
typedef struct NewFlush {
    BlockBackend *blk;
    bool runs;
    CoQueue ended;
    int ret;
} NewFlush;

static void coroutine_fn new_flush_entry(void *opaque)
{
    NewFlush *flush = opaque;

    flush->ret = blk_co_flush(flush->blk);
    flush->runs = false;
    qemu_co_queue_restart_all(&flush->ended);
}

/*
 * In chunks, because a BAT may have 2 GiB; and flushed meanwhile, because the
 * disk would be idle until the flush at the end otherwise.
 */
static int coroutine_fn new_write_filled(BlockBackend *blk, const VpcPlan *plan,
                                         uint64_t offset, uint64_t bytes,
                                         NewFill *fill, void *buf)
{
    NewFlush flush = { .blk = blk };
    int ret = 0;

    qemu_co_queue_init(&flush.ended);
    for (uint64_t done = 0; done < bytes && ret >= 0 && flush.ret >= 0;
         done += CHUNK) {
        uint64_t chunk = MIN(CHUNK, bytes - done);

        if (done && done % FLUSHED_AT_ONCE == 0 && !flush.runs) {
            flush.runs = true;
            qemu_coroutine_enter(qemu_coroutine_create(new_flush_entry,
                                                       &flush));
        }
        fill(plan, done, buf, chunk);
        ret = blk_pwrite(blk, offset + done, buf, chunk, 0);
    }
    if (flush.runs) {
        qemu_co_queue_wait(&flush.ended, NULL);
    }
    return ret < 0 ? ret : flush.ret;
}

/* ---- the two kinds of image --------------------------------------------- */

/*
 * All that is between the footers but the blocks' data, in no order that
 * matters, because no footer names it yet.
 */
static int coroutine_fn new_write_structures(BlockBackend *blk,
                                             const VpcPlan *plan)
{
    const VpcLayout *l = &plan->layout;
    uint32_t blocks = new_blocks(plan);
    uint64_t map = l->batmap_header + sizeof(VpcBatmapHeader);
    VpcBatmapHeader header = {
        .cookie = VPC_BATMAP_COOKIE,
        .offset = cpu_to_be64(map),
        .sectors = cpu_to_be32(l->batmap_bytes / VPC_SECTOR),
        .version = cpu_to_be32(VPC_BATMAP_VERSION),
        /* Over the bytes that new_fill_batmap() makes. */
        .checksum = cpu_to_be32(
            ~(blocks / 8 * 0xff + (uint8_t)(0xff00 >> blocks % 8))),
    };
    g_autofree void *buf = g_try_malloc(CHUNK);
    int ret;

    if (!buf) {
        return -ENOMEM;
    }
    ret = new_write_filled(blk, plan, VPC_BAT_OFFSET, l->bat_bytes,
                           new_fill_bat, buf);
    if (ret >= 0 && l->batmap_header) {
        ret = new_write_filled(blk, plan, map, l->batmap_bytes,
                               new_fill_batmap, buf);
    }
    if (ret >= 0 && l->batmap_header) {
        ret = blk_pwrite(blk, l->batmap_header, &header, sizeof(header), 0);
    }
    memset(buf, 0xff, l->bitmap_size);
    for (uint32_t i = 0; i < blocks && ret >= 0; i++) {
        ret = blk_pwrite(blk, vpc_layout_nth_block(l, i), buf, l->bitmap_size,
                         0);
    }
    return ret < 0 ? ret : blk_pwrite(blk, VPC_HEADER_OFFSET, &plan->header,
                                      sizeof(plan->header), 0);
}

/* After a flush, because nothing may look like an image that is not one yet. */
static int new_write_footer(BlockBackend *blk, const VpcPlan *plan,
                            uint64_t offset)
{
    int ret = blk_flush(blk);

    return ret < 0 ? ret : blk_pwrite(blk, offset, &plan->footer,
                                      sizeof(plan->footer), 0);
}

static int coroutine_fn new_write_dynamic(BlockBackend *blk,
                                          const VpcPlan *plan, Error **errp)
{
    const VpcLayout *l = &plan->layout;
    uint32_t blocks = new_blocks(plan);
    uint64_t footer = vpc_layout_nth_footer(l, blocks);
    int64_t length = blk_getlength(blk);
    bool zeroed = length == 0 && bdrv_has_zero_init_truncate(blk_bs(blk));
    int ret = blocks ? new_set_length(blk, vpc_plan_length(plan, blocks),
                                      plan->prealloc, errp) : 0;

    if (ret < 0) {
        return ret;
    }
    if (blocks && !zeroed) {
        ret = blk_zero_range(blk, l->first_block, footer - l->first_block, 0);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Could not clear the blocks");
            return ret;
        }
    }
    ret = new_write_structures(blk, plan);
    length = blk_getlength(blk);
    if (ret >= 0) {
        ret = MIN(length, 0);
    }
    /* A device goes on after it: then one is in its last sector, too. */
    if (ret >= 0 &&
        length - VPC_SECTOR >= (int64_t)vpc_layout_after_footer(footer)) {
        ret = new_write_footer(blk, plan, length - VPC_SECTOR);
    }
    if (ret >= 0) {
        ret = new_write_footer(blk, plan, footer);
    }
    if (ret >= 0) {
        ret = new_write_footer(blk, plan, 0);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the image's headers");
    }
    return ret;
}

/* All of a fixed disk's metadata are its footer. */
static int new_write_fixed(BlockBackend *blk, const VpcPlan *plan, Error **errp)
{
    int ret = new_set_length(blk, vpc_plan_length(plan, 0), plan->prealloc,
                             errp);
    int64_t length;

    if (ret < 0) {
        return ret;
    }
    length = blk_getlength(blk);
    ret = length < 0 ? length
                     : new_write_footer(blk, plan, length - VPC_SECTOR);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the footer");
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
        /* The file of a dynamic disk grows as its structures are written. */
        blk_set_allow_write_beyond_eof(blk, true);
        ret = new_erase(blk, errp);
    }
    if (ret == 0) {
        ret = plan->type == VPC_TYPE_FIXED
              ? new_write_fixed(blk, plan, errp)
              : new_write_dynamic(blk, plan, errp);
    }
    if (ret >= 0) {
        /* Closing the node could not return the error to who creates. */
        ret = blk_flush(blk);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Could not flush the new image");
        }
    }
    blk_unref(blk);
    return ret;
}
