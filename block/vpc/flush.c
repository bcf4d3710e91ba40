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
 *   - What is dirty still when the image is closed is written all the same, as
 *     far as each copy can be, because otherwise all of it would be lost, and
 *     only a power cut could make that worse.  But a block whose data may not be
 *     on the disk, in space that may hold another one's bytes (`exposed`), loses
 *     its entry.
 *   - Space that blocks gave up waits for the BAT of its generation: one flush
 *     writes it, and the next one knows that it is durable.
 *   - Where there is a batmap, the bitmaps of blocks that gave up their space
 *     are cleared after one more flush: the map on the disk must not call them
 *     full any more.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "vpc.h"

/* A copy on its way to the disk: of a page, of a bitmap, or of the batmap. */
typedef struct Copy {
    uint64_t offset;            /* in the file, bytes */
    uint32_t bytes;
    VpcBatPage *page;         /* one of these two, or neither */
    VpcBitmap *bitmap;
    uint8_t *data;
} Copy;

static void copy_page(BlockDriverState *bs, VpcBatPage *page, GArray *copies)
{
    VpcState *s = bs->opaque;
    uint32_t first = page->index * VPC_PAGE_ENTRIES;
    uint32_t count = MIN(s->bat.blocks - first, VPC_PAGE_ENTRIES);
    Copy copy = {
        .offset = s->bat.offset + (uint64_t)first * 4,
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
    s->bat.dirty--;
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

/* The map, then its header, whose checksum speaks of that copy. */
static void copy_batmap(BlockDriverState *bs, GArray *copies)
{
    VpcState *s = bs->opaque;
    VpcBatmap *b = &s->batmap;
    Copy map = {
        .offset = b->offset,
        .bytes = b->bytes,
        .data = qemu_blockalign(bs->file->bs, b->bytes),
    };
    Copy header = {
        .offset = b->header_offset,
        .bytes = sizeof(b->header),
        .data = qemu_blockalign(bs->file->bs, sizeof(b->header)),
    };

    b->header.checksum = cpu_to_be32(vpc_batmap_checksum(&b->header, b->map,
                                                         b->bytes));
    memcpy(map.data, b->map, b->bytes);
    memcpy(header.data, &b->header, sizeof(b->header));
    b->dirty = false;
    g_array_append_val(copies, map);
    g_array_append_val(copies, header);
}

static void take_copies(BlockDriverState *bs, GArray *copies)
{
    VpcState *s = bs->opaque;
    VpcBatPage *page;
    VpcBitmap *bitmap;

    QTAILQ_FOREACH(page, &s->bat.queue, link) {
        if (page->dirty) {
            copy_page(bs, page, copies);
        }
    }
    QTAILQ_FOREACH(bitmap, &s->bitmap_queue, link) {
        if (bitmap->dirty) {
            copy_bitmap(bs, bitmap, copies);
        }
    }
    if (s->batmap.dirty) {
        copy_batmap(bs, copies);
    }
}

/* The copy is done with; @written or the original is dirty again. */
static void end_copy(VpcState *s, Copy *copy, bool written)
{
    if (copy->page) {
        copy->page->flushing = false;
        if (!written) {
            vpc_bat_mark_dirty(&s->bat, copy->page);
        }
    } else if (copy->bitmap) {
        VpcBitmap *bitmap = copy->bitmap;

        if (!written && !bitmap->dirty && !bitmap->forgotten) {
            bitmap->dirty = true;
            s->dirty_bitmaps++;
        }
        vpc_bitmap_put(bitmap);
    } else if (!written) {
        s->batmap.dirty = true;
    }
    qemu_vfree(copy->data);
}

/* Mixed. */
static int write_copy(BlockDriverState *bs, const Copy *copy)
{
    int ret;

    if (copy->bitmap && copy->bitmap->forgotten) {
        return 0;
    }
    ret = bdrv_pwrite(bs->file, copy->offset, copy->data, copy->bytes);
    return MIN(ret, 0);
}

static int coroutine_fn write_copies(BlockDriverState *bs, GArray *copies,
                                     int ret)
{
    VpcState *s = bs->opaque;

    for (guint i = 0; i < copies->len; i++) {
        Copy *copy = &g_array_index(copies, Copy, i);

        if (ret == 0) {
            ret = write_copy(bs, copy);
        }
        end_copy(s, copy, ret == 0);
    }
    return ret;
}

static int coroutine_fn flush_copies(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    GArray *copies = g_array_new(false, false, sizeof(Copy));
    uint64_t generation = vpc_space_copied(&s->space);
    guint exposed = s->exposed->len;
    int ret;

    take_copies(bs, copies);
    ret = vpc_space_before_bat(bs);
    if (ret == 0) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    if (ret == 0) {
        vpc_space_durable(&s->space);
        g_array_remove_range(s->exposed, 0, exposed);
    }
    ret = write_copies(bs, copies, ret);
    g_array_free(copies, true);
    if (ret == 0 && s->batmap.map) {
        ret = vpc_space_clear_bitmaps(bs, generation);
    }
    if (ret == 0) {
        vpc_space_written(&s->space, generation);
    }
    return ret;
}

/* Is memory ahead of the disk? */
static bool is_ahead(const VpcState *s)
{
    return s->bat.dirty || s->dirty_bitmaps || s->batmap.dirty;
}

int coroutine_fn vpc_co_flush_to_os(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    int ret = 0;

    if (s->type == VPC_TYPE_FIXED) {
        return 0;
    }
    qemu_co_mutex_lock(&s->flush_lock);
    if (is_ahead(s) || vpc_space_waits(&s->space)) {
        ret = flush_copies(bs);
    }
    qemu_co_mutex_unlock(&s->flush_lock);
    return ret;
}

/* ---- closing ------------------------------------------------------------ */

/*
 * Takes their entries from exposed blocks.  No flush of the file has succeeded
 * since they were set, so they are in no table but the one in memory, and their
 * pages are dirty.  An entry that is another one by now belongs to space of its
 * own.
 */
static void withdraw_exposed(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    unsigned count = 0;
    uint64_t first = UINT64_MAX;

    for (guint i = 0; i < s->exposed->len; i++) {
        VpcPlaced placed = g_array_index(s->exposed, VpcPlaced, i);
        VpcBatPage *page = s->bat.pages[placed.block / VPC_PAGE_ENTRIES];
        uint32_t n = placed.block % VPC_PAGE_ENTRIES;

        assert(page && page->dirty);
        if (page->entry[n] == placed.entry) {
            page->entry[n] = VPC_UNALLOCATED;
            vpc_batmap_set(s, placed.block, false);
            vpc_bitmap_forget(s, placed.block);
            first = MIN(first, (uint64_t)placed.block << s->block_shift);
            count++;
        }
    }
    if (count) {
        warn_report("'%s': %u blocks that were written last read as zeroes, "
                    "the first at offset %" PRIu64 " of the disk, because "
                    "their data may not be on the disk", bs->filename, count,
                    first);
    }
}

bool vpc_flush_at_closing(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    GArray *copies;

    if (!is_ahead(s)) {
        return true;
    }
    if (bdrv_flush(bs->file->bs) < 0) {
        withdraw_exposed(bs);
    }
    copies = g_array_new(false, false, sizeof(Copy));
    take_copies(bs, copies);
    for (guint i = 0; i < copies->len; i++) {
        Copy *copy = &g_array_index(copies, Copy, i);

        end_copy(s, copy, write_copy(bs, copy) == 0);
    }
    g_array_free(copies, true);
    /* Its error is known; so the closing of the file does not report it. */
    bdrv_flush(bs->file->bs);
    return false;
}
