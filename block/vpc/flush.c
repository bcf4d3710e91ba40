/* SPDX-License-Identifier: MIT */
/*
 * How memory reaches the disk: copies of the dirty pages and bitmaps are taken,
 * then the file is flushed, so that the data they speak of is on the disk, then
 * the copies are written.  (The layer flushes the file once more behind that.)
 *
 * Invariants:
 *   - What becomes dirty after the copies were taken waits for the next flush,
 *     since its data may not be on the disk yet.
 *   - When a step fails, everything that was not written is dirty again.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "vpc.h"

/* A copy of a page or of a bitmap on its way to the disk. */
typedef struct Copy {
    uint64_t offset;            /* in the file, bytes */
    uint32_t bytes;
    VpcTablePage *page;         /* one of these two */
    VpcBitmap *bitmap;
    uint8_t *data;
} Copy;

static void copy_page(BlockDriverState *bs, VpcTablePage *page, GArray *copies)
{
    VpcState *s = bs->opaque;
    uint32_t first = page->index * VPC_PAGE_ENTRIES;
    uint32_t count = MIN(s->table.blocks - first, VPC_PAGE_ENTRIES);
    Copy copy = {
        .offset = s->table.offset + (uint64_t)first * 4,
        .bytes = count * 4,
        .page = page,
        .data = qemu_blockalign(bs->file->bs, sizeof(page->entry)),
    };
    uint32_t *raw = (uint32_t *)copy.data;

    for (uint32_t i = 0; i < count; i++) {
        raw[i] = cpu_to_be32(page->entry[i]);
    }
    page->dirty = false;
    page->flushing = true;
    s->table.dirty--;
    g_array_append_val(copies, copy);
}

static void copy_bitmap(BlockDriverState *bs, VpcBitmap *bitmap,
                        GArray *copies)
{
    VpcState *s = bs->opaque;
    Copy copy = {
        .offset = (uint64_t)bitmap->entry * VPC_SECTOR,
        .bytes = s->bitmap_size,
        .bitmap = bitmap,
        .data = qemu_blockalign(bs->file->bs, s->bitmap_size),
    };

    memcpy(copy.data, bitmap->bits, s->bitmap_size);
    bitmap->dirty = false;
    bitmap->pins++;
    s->dirty_bitmaps--;
    g_array_append_val(copies, copy);
}

static void take_copies(BlockDriverState *bs, GArray *copies)
{
    VpcState *s = bs->opaque;
    VpcTablePage *page;
    VpcBitmap *bitmap;

    QTAILQ_FOREACH(page, &s->table.queue, link) {
        if (page->dirty) {
            copy_page(bs, page, copies);
        }
    }
    QTAILQ_FOREACH(bitmap, &s->bitmap_queue, link) {
        if (bitmap->dirty) {
            copy_bitmap(bs, bitmap, copies);
        }
    }
}

/* The copy is done with; @written or the original is dirty again. */
static void end_copy(VpcState *s, Copy *copy, bool written)
{
    if (copy->page) {
        copy->page->flushing = false;
        if (!written) {
            vpc_table_mark_dirty(&s->table, copy->page);
        }
    } else {
        vpc_bitmap_put(copy->bitmap);
        if (!written && !copy->bitmap->dirty) {
            copy->bitmap->dirty = true;
            s->dirty_bitmaps++;
        }
    }
    qemu_vfree(copy->data);
}

static int coroutine_fn flush_copies(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    GArray *copies = g_array_new(false, false, sizeof(Copy));
    int ret;

    take_copies(bs, copies);
    ret = bdrv_co_flush(bs->file->bs);
    for (guint i = 0; i < copies->len; i++) {
        Copy *copy = &g_array_index(copies, Copy, i);

        if (ret == 0) {
            ret = bdrv_co_pwrite(bs->file, copy->offset, copy->bytes,
                                 copy->data, 0);
        }
        end_copy(s, copy, ret == 0);
    }
    g_array_free(copies, true);
    return ret;
}

int coroutine_fn vpc_co_flush_to_os(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    int ret = 0;

    if (s->type == VPC_TYPE_FIXED) {
        return 0;
    }
    qemu_co_mutex_lock(&s->flush_lock);
    if (s->table.dirty || s->dirty_bitmaps) {
        ret = flush_copies(bs);
    }
    qemu_co_mutex_unlock(&s->flush_lock);
    return ret;
}
