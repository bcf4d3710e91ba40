/* SPDX-License-Identifier: MIT */
/*
 * Space for a block, in three steps:
 *
 *   reserve  take space behind all that the file holds, and move the footer
 *            behind it, so that a valid footer ends the file at any moment;
 *   fill     write the sector bitmap (all ones) and the data, zeroes elsewhere;
 *   publish  set the table entry, in memory; the next flush writes it.
 *
 * Each step can fail; then the space is spare, to be cleared and used for the
 * next block, and nothing points at it.
 *
 * Why the old footer never shows up as guest data: reserved space begins at the
 * footer (or behind it, for alignment, or where the table is said to be longer
 * than the file), and begins with the block's bitmap, which is at least as long.
 * What is between the end of the old file and the new footer reads as zeroes, or
 * is cleared where the file cannot promise that.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "vpc.h"

#define PAGE 4096

static uint64_t data_offset(const VpcState *s, uint32_t entry)
{
    return (uint64_t)entry * VPC_SECTOR + s->bitmap_size;
}

/* *@stale: the space may hold anything. */
static int reserve(VpcState *s, uint32_t *entry, bool *stale)
{
    uint64_t data = s->free_offset + s->bitmap_size;
    uint64_t end;

    if (s->spare->len) {
        *entry = g_array_index(s->spare, uint32_t, s->spare->len - 1);
        g_array_set_size(s->spare, s->spare->len - 1);
        *stale = true;
        return 0;
    }
    if (s->aligned) {
        data = ROUND_UP(data, PAGE);
    }
    end = data + s->block_size;
    /* Entries are 32-bit sector numbers, and so is the footer's. */
    if (end / VPC_SECTOR >= VPC_UNALLOCATED - PAGE / VPC_SECTOR) {
        return -ENOSPC;
    }
    *entry = (data - s->bitmap_size) / VPC_SECTOR;
    *stale = !s->file_grows_zeroed;
    s->free_offset = end;
    return 0;
}

/* Makes a footer end the file behind all space that is reserved by now. */
static int coroutine_fn move_footer(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    uint64_t offset;
    int ret = 0;

    qemu_co_mutex_lock(&s->footer_lock);
    if (s->footer_offset < s->free_offset) {
        offset = s->free_offset;
        if (s->aligned) {
            /* In the last sector of the last page. */
            offset = ROUND_UP(offset + VPC_SECTOR, PAGE) - VPC_SECTOR;
        }
        ret = bdrv_co_pwrite(bs->file, offset, sizeof(s->footer), &s->footer,
                             0);
        if (ret == 0) {
            s->footer_offset = offset;
            s->file_end = offset;
        }
    }
    qemu_co_mutex_unlock(&s->footer_lock);
    return ret;
}

/* The bitmap and the data that follows it at once. */
static int coroutine_fn write_from_start(BlockDriverState *bs, uint32_t entry,
                                         uint32_t bytes, QEMUIOVector *qiov,
                                         size_t qiov_offset)
{
    VpcState *s = bs->opaque;
    QEMUIOVector whole;
    int ret;

    ret = qemu_iovec_init_extended(&whole, s->ones, s->bitmap_size, qiov,
                                   qiov_offset, bytes, NULL, 0);
    if (ret < 0) {
        return ret;
    }
    ret = bdrv_co_pwritev(bs->file, (uint64_t)entry * VPC_SECTOR,
                          s->bitmap_size + bytes, &whole, 0);
    qemu_iovec_destroy(&whole);
    return ret;
}

static int coroutine_fn fill(BlockDriverState *bs, uint32_t entry, bool stale,
                             uint32_t offset, uint32_t bytes,
                             QEMUIOVector *qiov, size_t qiov_offset)
{
    VpcState *s = bs->opaque;
    QEMUIOVector part;
    int ret;

    if (stale) {
        ret = bdrv_co_pwrite_zeroes(bs->file, data_offset(s, entry),
                                    s->block_size, 0);
        if (ret < 0) {
            return ret;
        }
    }
    if (offset == 0 && qiov->niov < IOV_MAX) {
        return write_from_start(bs, entry, bytes, qiov, qiov_offset);
    }

    ret = bdrv_co_pwrite(bs->file, (uint64_t)entry * VPC_SECTOR,
                         s->bitmap_size, s->ones, 0);
    if (ret < 0) {
        return ret;
    }
    qemu_iovec_init_slice(&part, qiov, qiov_offset, bytes);
    ret = bdrv_co_pwritev(bs->file, data_offset(s, entry) + offset, bytes,
                          &part, 0);
    qemu_iovec_destroy(&part);
    return ret;
}

int coroutine_fn vpc_allocate(BlockDriverState *bs, uint32_t block,
                              uint32_t offset, uint32_t bytes,
                              QEMUIOVector *qiov, size_t qiov_offset)
{
    VpcState *s = bs->opaque;
    uint32_t entry;
    bool stale;
    int ret;

    if (!s->ones) {
        s->ones = qemu_try_blockalign(bs->file->bs, s->bitmap_size);
        if (!s->ones) {
            return -ENOMEM;
        }
        memset(s->ones, 0xff, s->bitmap_size);
    }
    ret = reserve(s, &entry, &stale);
    if (ret < 0) {
        return ret;
    }
    ret = move_footer(bs);
    if (ret == 0) {
        ret = fill(bs, entry, stale, offset, bytes, qiov, qiov_offset);
    }
    if (ret == 0) {
        ret = vpc_table_set(bs, block, entry, true);
    }
    if (ret < 0) {
        g_array_append_val(s->spare, entry);
    }
    return ret;
}
