/* SPDX-License-Identifier: MIT */
/*
 * Sector bitmaps of blocks that are not full.
 *
 * Most blocks have all bits set, which the table remembers; the others' bitmaps
 * are kept here, the oldest going first.
 *
 * Invariants:
 *   - A bit is set here only after its sector's data is in the file.
 *   - A bitmap that is dirty or in use is not dropped.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "flush.h"
#include "vpc.h"

/* Bitmaps kept in memory, in bytes; those in use come on top. */
#define CACHE_BYTES (4 * MiB)

static void unlist(VpcState *s, VpcBitmap *bitmap)
{
    QTAILQ_REMOVE(&s->bitmap_queue, bitmap, link);
    g_hash_table_remove(s->bitmaps, GUINT_TO_POINTER(bitmap->block));
    s->bitmap_bytes -= s->bitmap_size;
}

static void destroy(VpcBitmap *bitmap)
{
    qemu_vfree(bitmap->bits);
    g_free(bitmap);
}

static void drop(VpcState *s, VpcBitmap *bitmap)
{
    unlist(s, bitmap);
    destroy(bitmap);
}

static void make_room(VpcState *s)
{
    VpcBitmap *bitmap, *next;

    if (s->bitmap_bytes < CACHE_BYTES) {
        return;
    }
    QTAILQ_FOREACH_SAFE(bitmap, &s->bitmap_queue, link, next) {
        if (!bitmap->dirty && !bitmap->pins) {
            drop(s, bitmap);
            if (s->bitmap_bytes < CACHE_BYTES) {
                return;
            }
        }
    }
}

static VpcBitmap *coroutine_fn load(BlockDriverState *bs, uint32_t block,
                                    uint32_t entry, int *ret)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap;
    uint8_t *bits = qemu_try_blockalign(bs->file->bs, s->bitmap_size);

    if (!bits) {
        *ret = -ENOMEM;
        return NULL;
    }
    *ret = bdrv_co_pread(bs->file, (uint64_t)entry * VPC_SECTOR,
                         s->bitmap_size, bits, 0);
    if (*ret < 0) {
        qemu_vfree(bits);
        return NULL;
    }
    make_room(s);
    bitmap = g_new0(VpcBitmap, 1);
    bitmap->block = block;
    bitmap->entry = entry;
    bitmap->bits = bits;
    s->bitmap_bytes += s->bitmap_size;
    QTAILQ_INSERT_TAIL(&s->bitmap_queue, bitmap, link);
    g_hash_table_insert(s->bitmaps, GUINT_TO_POINTER(block), bitmap);
    return bitmap;
}

VpcBitmap *coroutine_fn vpc_bitmap_get(BlockDriverState *bs, uint32_t block,
                                       uint32_t entry, int *ret)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap;

    qemu_co_mutex_lock(&s->bitmap_lock);
    bitmap = g_hash_table_lookup(s->bitmaps, GUINT_TO_POINTER(block));
    *ret = 0;
    if (!bitmap) {
        bitmap = load(bs, block, entry, ret);
    }
    if (bitmap) {
        assert(bitmap->entry == entry);
        bitmap->pins++;
    }
    qemu_co_mutex_unlock(&s->bitmap_lock);
    return bitmap;
}

void vpc_bitmap_put(VpcBitmap *bitmap)
{
    assert(bitmap->pins > 0);
    if (--bitmap->pins == 0 && bitmap->forgotten) {
        destroy(bitmap);
    }
}

void vpc_bitmap_forget(VpcState *s, uint32_t block)
{
    VpcBitmap *bitmap = g_hash_table_lookup(s->bitmaps,
                                            GUINT_TO_POINTER(block));

    if (!bitmap) {
        return;
    }
    s->dirty_bitmaps -= bitmap->dirty;
    bitmap->dirty = false;
    bitmap->forgotten = true;
    unlist(s, bitmap);
    if (!bitmap->pins) {
        destroy(bitmap);
    }
}

uint32_t vpc_bitmap_run(const VpcBitmap *bitmap, uint32_t first, uint32_t max,
                        bool *set)
{
    uint32_t n = 1;

    *set = vpc_bit(bitmap->bits, first);
    while (n < max) {
        uint32_t i = first + n;
        uint8_t whole = *set ? 0xff : 0;

        if (i % 8 == 0 && max - n >= 8 && bitmap->bits[i / 8] == whole) {
            n += 8;
        } else if (vpc_bit(bitmap->bits, i) == *set) {
            n++;
        } else {
            break;
        }
    }
    return n;
}

static void put_bits(VpcState *s, VpcBitmap *bitmap, uint32_t first,
                     uint32_t count, bool value)
{
    for (uint32_t i = first; i < first + count; i++) {
        if (vpc_bit(bitmap->bits, i) != value) {
            vpc_put_bit(bitmap->bits, i, value);
            s->dirty_bitmaps += !bitmap->dirty;
            bitmap->dirty = true;
        }
    }
}

void vpc_bitmap_set(VpcState *s, VpcBitmap *bitmap, uint32_t first,
                    uint32_t count)
{
    put_bits(s, bitmap, first, count, true);
}

void vpc_bitmap_clear(VpcState *s, VpcBitmap *bitmap, uint32_t first,
                      uint32_t count)
{
    put_bits(s, bitmap, first, count, false);
    vpc_bat_mark_full(s, bitmap->block, false);
}

uint32_t vpc_sectors_of(const VpcState *s, uint32_t block)
{
    uint64_t start = (uint64_t)block << s->block_shift;
    uint64_t size = MAX(s->size, be64_to_cpu(s->footer.current_size));

    return MIN(s->block_size, size - start) / VPC_SECTOR;
}

VpcBitmap *coroutine_fn vpc_bitmap_get_partial(BlockDriverState *bs,
                                               uint32_t block, uint32_t entry,
                                               int *ret)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap = vpc_bitmap_get(bs, block, entry, ret);
    uint32_t sectors = vpc_sectors_of(s, block);
    bool set;

    if (bitmap && vpc_bitmap_run(bitmap, 0, sectors, &set) >= sectors && set) {
        vpc_bat_mark_full(s, block, true);
        vpc_bitmap_put(bitmap);
        return NULL;
    }
    return bitmap;
}

void vpc_bitmaps_free(VpcState *s)
{
    VpcBitmap *bitmap, *next;

    if (!s->bitmaps) {
        return;
    }
    QTAILQ_FOREACH_SAFE(bitmap, &s->bitmap_queue, link, next) {
        drop(s, bitmap);
    }
    g_hash_table_destroy(s->bitmaps);
    s->bitmaps = NULL;
}

/* ---- flushing ----------------------------------------------------------- */

bool vpc_bitmap_is_dirty(const VpcState *s)
{
    return s->dirty_bitmaps;
}

/* Space that a block gave up may hold another one's data by now. */
static bool bitmap_copy_is_needed(const VpcCopy *copy)
{
    const VpcBitmap *bitmap = copy->owner;

    return !bitmap->forgotten;
}

static void bitmap_copy_done(VpcState *s, const VpcCopy *copy, bool written)
{
    VpcBitmap *bitmap = copy->owner;

    if (!written && !bitmap->dirty && !bitmap->forgotten) {
        bitmap->dirty = true;
        s->dirty_bitmaps++;
    }
    vpc_bitmap_put(bitmap);
}

void vpc_bitmap_take_copies(BlockDriverState *bs, GArray *copies)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap;

    QTAILQ_FOREACH(bitmap, &s->bitmap_queue, link) {
        void *data;

        if (!bitmap->dirty) {
            continue;
        }
        data = vpc_add_copy(bs, copies, (VpcCopy) {
            .offset = (uint64_t)bitmap->entry * VPC_SECTOR,
            .bytes = s->bitmap_size,
            .owner = bitmap,
            .is_needed = bitmap_copy_is_needed,
            .done = bitmap_copy_done,
        });
        memcpy(data, bitmap->bits, s->bitmap_size);
        bitmap->dirty = false;
        bitmap->pins++;
        s->dirty_bitmaps--;
    }
}
