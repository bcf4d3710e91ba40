/* SPDX-License-Identifier: MIT */
/*
 * Sector bitmaps of blocks that are not full.
 *
 * Most blocks have all bits set, which the cached BAT remembers; the others'
 * bitmaps are kept here.  The one that was used least recently goes first.
 *
 * Invariants:
 *   - `set` and `first_clear` are those of the bits of [0, sectors).
 *   - A bit is set here only after its sector's data is in the file, because a
 *     flush that begins then makes both durable, the data first.
 *   - A bitmap that is dirty or pinned is not dropped: nothing else knows its
 *     bits, or a request that has yielded goes on with it.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "qemu/units.h"
#include "flush.h"
#include "vpc.h"

/* Bitmaps in memory, in bytes; those that are dirty or pinned come on top. */
#define CACHE_BYTES (4 * MiB)

void vpc_bitmap_open(VpcState *s)
{
    VpcBitmaps *cache = &s->bitmaps;

    cache->by_block = g_hash_table_new(NULL, NULL);
    QTAILQ_INIT(&cache->idle);
    QTAILQ_INIT(&cache->dirty);
    qemu_co_mutex_init(&cache->load_lock);
}

/* ---- bits --------------------------------------------------------------- */

/* On the disk the first sector is the highest bit of the first byte. */
static uint64_t bitmap_word(const VpcBitmap *bitmap, uint32_t i)
{
    return be64_to_cpu(bitmap->words[i]);
}

/* Ones for those sectors of word @i that lie in [@first, @end). */
static uint64_t bitmap_mask(uint32_t i, uint32_t first, uint32_t end)
{
    uint64_t mask = first / 64 == i ? UINT64_MAX >> (first % 64) : UINT64_MAX;

    return end / 64 == i ? mask & ~(UINT64_MAX >> (end % 64)) : mask;
}

/* The first sector of [@first, @end) whose bit is @value; @end: none is. */
static uint32_t bitmap_find(const VpcBitmap *bitmap, uint32_t first,
                            uint32_t end, bool value)
{
    for (uint32_t i = first / 64; i * 64 < end; i++) {
        uint64_t word = bitmap_word(bitmap, i);
        uint64_t found = (value ? word : ~word) & bitmap_mask(i, first, end);

        if (found) {
            return i * 64 + clz64(found);
        }
    }
    return end;
}

uint32_t vpc_sectors_of(const VpcState *s, uint32_t block)
{
    uint64_t start = (uint64_t)block << s->block_shift;
    uint64_t size = MAX(s->size, be64_to_cpu(s->footer.current_size));

    return MIN(s->block_size, size - start) / VPC_SECTOR;
}

/* Counts the bits of a bitmap that was just read. */
static void bitmap_count(VpcBitmap *bitmap)
{
    bitmap->set = 0;
    for (uint32_t i = 0; i * 64 < bitmap->sectors; i++) {
        bitmap->set += ctpop64(bitmap_word(bitmap, i) &
                               bitmap_mask(i, 0, bitmap->sectors));
    }
    bitmap->first_clear = bitmap_find(bitmap, 0, bitmap->sectors, false);
}

/* ---- the cache ---------------------------------------------------------- */

static void bitmap_free(VpcBitmap *bitmap)
{
    qemu_vfree(bitmap->words);
    g_free(bitmap);
}

void vpc_bitmap_close(VpcState *s)
{
    VpcBitmaps *cache = &s->bitmaps;
    GHashTableIter iter;
    void *bitmap;

    g_hash_table_iter_init(&iter, cache->by_block);
    while (g_hash_table_iter_next(&iter, NULL, &bitmap)) {
        bitmap_free(bitmap);
    }
    g_hash_table_destroy(cache->by_block);
}

static VpcBitmap **bitmap_recent(VpcBitmaps *cache, uint32_t block)
{
    return &cache->recent[block % VPC_RECENT_BITMAPS];
}

/* It is not found any more; a block that gets space again has a new bitmap. */
static void bitmap_unlist(VpcState *s, VpcBitmap *bitmap)
{
    VpcBitmaps *cache = &s->bitmaps;

    if (bitmap->dirty) {
        QTAILQ_REMOVE(&cache->dirty, bitmap, link);
    } else if (!bitmap->pins) {
        QTAILQ_REMOVE(&cache->idle, bitmap, link);
    }
    g_hash_table_remove(cache->by_block, GUINT_TO_POINTER(bitmap->block));
    if (*bitmap_recent(cache, bitmap->block) == bitmap) {
        *bitmap_recent(cache, bitmap->block) = NULL;
    }
    cache->bytes -= s->bitmap_size;
}

/* Reads a bitmap, which is pinned then. */
static VpcBitmap *coroutine_fn bitmap_load(BlockDriverState *bs,
                                           uint32_t block, uint32_t entry,
                                           int *ret)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap;
    uint64_t *words = qemu_try_blockalign(bs->file->bs, s->bitmap_size);

    if (!words) {
        *ret = -ENOMEM;
        return NULL;
    }
    *ret = bdrv_co_pread(bs->file, (uint64_t)entry * VPC_SECTOR,
                         s->bitmap_size, words, 0);
    if (*ret < 0) {
        qemu_vfree(words);
        return NULL;
    }
    while (s->bitmaps.bytes >= CACHE_BYTES &&
           (bitmap = QTAILQ_FIRST(&s->bitmaps.idle))) {
        bitmap_unlist(s, bitmap);
        bitmap_free(bitmap);
    }
    bitmap = g_new0(VpcBitmap, 1);
    bitmap->block = block;
    bitmap->entry = entry;
    bitmap->words = words;
    bitmap->sectors = vpc_sectors_of(s, block);
    bitmap_count(bitmap);
    bitmap->pins = 1;
    s->bitmaps.bytes += s->bitmap_size;
    g_hash_table_insert(s->bitmaps.by_block, GUINT_TO_POINTER(block), bitmap);
    return bitmap;
}

static VpcBitmap *bitmap_look_up(VpcState *s, uint32_t block)
{
    VpcBitmap **recent = bitmap_recent(&s->bitmaps, block);
    VpcBitmap *bitmap = *recent;

    if (!bitmap || bitmap->block != block) {
        bitmap = g_hash_table_lookup(s->bitmaps.by_block,
                                     GUINT_TO_POINTER(block));
        if (bitmap) {
            *recent = bitmap;
        }
    }
    return bitmap;
}

VpcBitmap *coroutine_fn vpc_bitmap_get(BlockDriverState *bs, uint32_t block,
                                       uint32_t entry, int *ret)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap = bitmap_look_up(s, block);

    *ret = 0;
    if (!bitmap) {
        /* One request reads it, because two would make two of it. */
        qemu_co_mutex_lock(&s->bitmaps.load_lock);
        bitmap = bitmap_look_up(s, block);
        if (!bitmap) {
            bitmap = bitmap_load(bs, block, entry, ret);
            qemu_co_mutex_unlock(&s->bitmaps.load_lock);
            return bitmap;
        }
        qemu_co_mutex_unlock(&s->bitmaps.load_lock);
    }
    assert(bitmap->entry == entry);
    if (bitmap->pins++ == 0 && !bitmap->dirty) {
        QTAILQ_REMOVE(&s->bitmaps.idle, bitmap, link);
    }
    return bitmap;
}

void vpc_bitmap_put(VpcState *s, VpcBitmap *bitmap)
{
    assert(bitmap->pins > 0);
    if (--bitmap->pins) {
        return;
    }
    if (bitmap->forgotten) {
        bitmap_free(bitmap);
    } else if (!bitmap->dirty) {
        QTAILQ_INSERT_TAIL(&s->bitmaps.idle, bitmap, link);
    }
}

void vpc_bitmap_forget(VpcState *s, uint32_t block)
{
    VpcBitmap *bitmap = bitmap_look_up(s, block);

    if (!bitmap) {
        return;
    }
    bitmap_unlist(s, bitmap);
    bitmap->dirty = false;
    bitmap->forgotten = true;
    if (!bitmap->pins) {
        bitmap_free(bitmap);
    }
}

/* Makes a pinned bitmap dirty. */
static void bitmap_mark_dirty(VpcState *s, VpcBitmap *bitmap)
{
    assert(bitmap->pins > 0);
    if (!bitmap->dirty) {
        bitmap->dirty = true;
        QTAILQ_INSERT_TAIL(&s->bitmaps.dirty, bitmap, link);
    }
}

/* ---- runs and changes --------------------------------------------------- */

uint32_t vpc_bitmap_run(const VpcBitmap *bitmap, uint32_t first, uint32_t max,
                        bool *set)
{
    uint32_t end = first + max;

    if (first < bitmap->first_clear) {
        *set = true;
        return MIN(bitmap->first_clear, end) - first;
    }
    *set = bitmap_word(bitmap, first / 64) << (first % 64) >> 63;
    return bitmap_find(bitmap, first, end, !*set) - first;
}

/* Makes the bits of [@first, @end) all @value. */
static void bitmap_put(VpcState *s, VpcBitmap *bitmap, uint32_t first,
                       uint32_t end, bool value)
{
    uint32_t changed = 0;

    assert(end <= bitmap->sectors);
    for (uint32_t i = first / 64; i * 64 < end; i++) {
        uint64_t word = bitmap_word(bitmap, i);
        uint64_t differ = (value ? ~word : word) & bitmap_mask(i, first, end);

        changed += ctpop64(differ);
        bitmap->words[i] = cpu_to_be64(word ^ differ);
    }
    if (changed) {
        bitmap->set += value ? changed : -changed;
        bitmap_mark_dirty(s, bitmap);
    }
}

void vpc_bitmap_set(VpcState *s, VpcBitmap *bitmap, uint32_t first,
                    uint32_t count)
{
    uint32_t end = first + count;

    bitmap_put(s, bitmap, first, end, true);
    if (first <= bitmap->first_clear && bitmap->first_clear < end) {
        bitmap->first_clear = bitmap_find(bitmap, end, bitmap->sectors, false);
    }
}

void vpc_bitmap_clear(VpcState *s, VpcBitmap *bitmap, uint32_t first,
                      uint32_t count)
{
    bitmap_put(s, bitmap, first, first + count, false);
    bitmap->first_clear = MIN(bitmap->first_clear, first);
    vpc_bat_mark_full(s, bitmap->block, false);
}

VpcBitmap *coroutine_fn vpc_bitmap_get_partial(BlockDriverState *bs,
                                               uint32_t block,
                                               const VpcEntry *entry, int *ret)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap;

    if (entry->full) {
        *ret = 0;
        return NULL;
    }
    bitmap = vpc_bitmap_get(bs, block, entry->sector, ret);
    if (bitmap && bitmap->set == bitmap->sectors) {
        vpc_bat_mark_full(s, block, true);
        vpc_bitmap_put(s, bitmap);
        return NULL;
    }
    return bitmap;
}

/* ---- flushing ----------------------------------------------------------- */

bool vpc_bitmap_is_dirty(const VpcState *s)
{
    return !QTAILQ_EMPTY(&s->bitmaps.dirty);
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

    if (!written && !bitmap->forgotten) {
        bitmap_mark_dirty(s, bitmap);
    }
    vpc_bitmap_put(s, bitmap);
}

void vpc_bitmap_take_copies(BlockDriverState *bs, GArray *copies)
{
    VpcState *s = bs->opaque;
    VpcBitmap *bitmap;

    while ((bitmap = QTAILQ_FIRST(&s->bitmaps.dirty))) {
        void *data = vpc_add_copy(bs, copies, (VpcCopy) {
            .offset = (uint64_t)bitmap->entry * VPC_SECTOR,
            .bytes = s->bitmap_size,
            .owner = bitmap,
            .is_needed = bitmap_copy_is_needed,
            .done = bitmap_copy_done,
        });

        memcpy(data, bitmap->words, s->bitmap_size);
        bitmap->pins++;         /* until the copy is done with */
        QTAILQ_REMOVE(&s->bitmaps.dirty, bitmap, link);
        bitmap->dirty = false;
    }
}
