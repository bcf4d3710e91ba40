/* SPDX-License-Identifier: MIT */
/*
 * The block allocation table, kept in pieces of 4 KiB.
 *
 * Invariants:
 *   - A clean page equals what is on the disk; a dirty one is never dropped.
 *   - Entries behind the last block of the disk are neither trusted nor
 *     changed: a page is written only up to `blocks`.
 *   - Whoever asks for an entry gets VPC_UNALLOCATED, one that passed
 *     vpc_entry_valid() and shares its space with nobody, or -EIO.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/checked.h"
#include "qemu/units.h"
#include "vpc.h"

/* Clean pages above this number go. */
#define MAX_RESIDENT 4096

#define SCAN_BYTES (64 * KiB)

bool vpc_entry_valid(const VpcState *s, uint32_t entry)
{
    uint64_t start = (uint64_t)entry * VPC_SECTOR;
    uint64_t end = start + s->bitmap_size + s->block_size;

    if (end > s->file_end) {
        return false;
    }
    for (unsigned i = 0; i < s->reserved_count; i++) {
        if (start < s->reserved[i].end && end > s->reserved[i].start) {
            return false;
        }
    }
    return true;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static bool overlaps_another(const VpcState *s, uint32_t entry)
{
    return s->bad_count && bsearch(&entry, s->bad_entries, s->bad_count,
                                   sizeof(entry), compare_u32);
}

/* ---- the walk at opening ---------------------------------------------------------- */

/* Judges the entries of blocks @first..., collecting the sound ones. */
static void scan_entries(VpcState *s, const uint32_t *raw, uint32_t first,
                         uint32_t count, GArray *sound)
{
    VpcTableStats *stats = &s->stats;
    uint64_t stride = ((uint64_t)s->bitmap_size + s->block_size) / VPC_SECTOR;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t entry = be32_to_cpu(raw[i]);

        if (entry == VPC_UNALLOCATED) {
            continue;
        }
        if (!vpc_entry_valid(s, entry)) {
            if (stats->misplaced++ == 0) {
                stats->first_bad = first + i;
                stats->first_bad_entry = entry;
            }
            continue;
        }
        if (((uint64_t)entry * VPC_SECTOR + s->bitmap_size) % 4096) {
            stats->aligned = false;
        }
        if (sound->len && entry < g_array_index(sound, uint32_t,
                                                sound->len - 1) + stride) {
            stats->fragmented++;
        }
        g_array_append_val(sound, entry);
    }
}

/* A hole in the file reads as zeroes: each entry there is 0. */
static int64_t skip_hole(BlockDriverState *bs, uint64_t offset, int64_t bytes)
{
    int64_t pnum = 0;
    int ret;

    if (bytes < 16 * SCAN_BYTES) {
        return 0;
    }
    ret = bdrv_block_status(bs->file->bs, offset, bytes, &pnum, NULL, NULL);
    if (ret < 0 || !(ret & BDRV_BLOCK_ZERO)) {
        return 0;
    }
    return QEMU_ALIGN_DOWN(pnum, sizeof(uint32_t));
}

static int scan(BlockDriverState *bs, GArray *sound, Error **errp)
{
    VpcState *s = bs->opaque;
    uint64_t bytes = (uint64_t)s->table.blocks * sizeof(uint32_t);
    uint64_t done = 0;
    uint32_t zero = 0;
    void *buf = qemu_try_blockalign(bs->file->bs, SCAN_BYTES);
    int ret = 0;

    if (!buf) {
        error_setg(errp, "Not enough memory to read the block allocation "
                   "table");
        return -ENOMEM;
    }
    while (done < bytes) {
        int64_t n = skip_hole(bs, s->table.offset + done, bytes - done);

        if (n > 0) {
            scan_entries(s, &zero, done / sizeof(zero), 1, sound);
            s->stats.misplaced += n / sizeof(zero) - 1;
            done += n;
            continue;
        }
        n = MIN(bytes - done, SCAN_BYTES);
        ret = bdrv_pread(bs->file, s->table.offset + done, buf, n);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Could not read the block allocation "
                             "table at offset %" PRIu64,
                             s->table.offset + done);
            break;
        }
        scan_entries(s, buf, done / sizeof(zero), n / sizeof(zero), sound);
        done += n;
    }
    qemu_vfree(buf);
    return ret < 0 ? ret : 0;
}

/* Of the sound entries, sorts out those that share space with another one. */
static void find_overlaps(VpcState *s, GArray *sound)
{
    uint64_t stride = ((uint64_t)s->bitmap_size + s->block_size) / VPC_SECTOR;
    GArray *bad = g_array_new(false, false, sizeof(uint32_t));
    const uint32_t *entries = (const uint32_t *)sound->data;

    if (sound->len > 1) {
        qsort(sound->data, sound->len, sizeof(uint32_t), compare_u32);
    }
    for (guint i = 0; i < sound->len; i++) {
        bool before = i > 0 && entries[i] - entries[i - 1] < stride;
        bool after = i + 1 < sound->len &&
                     entries[i + 1] - entries[i] < stride;

        if (before || after) {
            g_array_append_val(bad, entries[i]);
        }
    }
    s->stats.overlapping = bad->len;
    s->stats.allocated = sound->len - bad->len;
    if (sound->len) {
        s->stats.end = (entries[sound->len - 1] + stride) * VPC_SECTOR;
    }
    s->bad_count = bad->len;
    s->bad_entries = (uint32_t *)g_array_free(bad, bad->len == 0);
}

int vpc_table_open(BlockDriverState *bs, uint64_t offset, uint32_t blocks,
                   Error **errp)
{
    VpcState *s = bs->opaque;
    VpcTable *t = &s->table;
    GArray *sound = g_array_new(false, false, sizeof(uint32_t));
    int ret;

    t->offset = offset;
    t->blocks = blocks;
    t->page_count = DIV_ROUND_UP(blocks, VPC_PAGE_ENTRIES);
    QTAILQ_INIT(&t->queue);
    qemu_co_mutex_init(&t->load_lock);
    s->stats.aligned = true;
    ret = scan(bs, sound, errp);
    if (ret == 0) {
        find_overlaps(s, sound);
        t->pages = g_try_new0(VpcTablePage *, MAX(t->page_count, 1));
        if (!t->pages) {
            error_setg(errp, "Not enough memory for the block allocation "
                       "table");
            ret = -ENOMEM;
        }
    }
    g_array_free(sound, true);
    return ret;
}

void vpc_table_close(VpcState *s)
{
    for (uint32_t i = 0; s->table.pages && i < s->table.page_count; i++) {
        g_free(s->table.pages[i]);
    }
    g_free(s->table.pages);
    s->table.pages = NULL;
    g_free(s->bad_entries);
    s->bad_entries = NULL;
    s->bad_count = 0;
}

/* ---- pages ---------------------------------------------------------------------------- */

/* The oldest clean pages go when there are too many. */
static void make_room(VpcTable *t)
{
    VpcTablePage *page, *next;

    if (t->resident < MAX_RESIDENT) {
        return;
    }
    QTAILQ_FOREACH_SAFE(page, &t->queue, link, next) {
        if (!page->dirty && !page->flushing) {
            QTAILQ_REMOVE(&t->queue, page, link);
            t->pages[page->index] = NULL;
            t->resident--;
            g_free(page);
            return;
        }
    }
}

static int coroutine_fn load_page(BlockDriverState *bs, uint32_t index)
{
    VpcState *s = bs->opaque;
    VpcTable *t = &s->table;
    uint32_t first = index * VPC_PAGE_ENTRIES;
    uint32_t count = MIN(t->blocks - first, VPC_PAGE_ENTRIES);
    VpcTablePage *page = g_try_new0(VpcTablePage, 1);
    int ret;

    if (!page) {
        return -ENOMEM;
    }
    ret = bdrv_co_pread(bs->file, t->offset + (uint64_t)first * 4, count * 4,
                        page->entry, 0);
    if (ret < 0) {
        g_free(page);
        return ret;
    }
    for (uint32_t i = 0; i < count; i++) {
        page->entry[i] = be32_to_cpu(page->entry[i]);
    }
    make_room(t);
    page->index = index;
    QTAILQ_INSERT_TAIL(&t->queue, page, link);
    t->pages[index] = page;
    t->resident++;
    return 0;
}

/* The page of @block, read if need be; usable until the caller yields. */
static int coroutine_fn get_page(BlockDriverState *bs, uint32_t block,
                                 VpcTablePage **page)
{
    VpcState *s = bs->opaque;
    VpcTable *t = &s->table;
    uint32_t index = block / VPC_PAGE_ENTRIES;
    int ret = 0;

    assert(block < t->blocks);
    if (!t->pages[index]) {
        qemu_co_mutex_lock(&t->load_lock);
        while (ret == 0 && !t->pages[index]) {
            ret = load_page(bs, index);
        }
        *page = t->pages[index];
        qemu_co_mutex_unlock(&t->load_lock);
        return ret;
    }
    *page = t->pages[index];
    return 0;
}

int coroutine_fn vpc_table_get(BlockDriverState *bs, uint32_t block,
                               uint32_t *entry, bool *full)
{
    VpcState *s = bs->opaque;
    uint32_t i = block % VPC_PAGE_ENTRIES;
    VpcTablePage *page;
    int ret = get_page(bs, block, &page);

    if (ret < 0) {
        return ret;
    }
    *entry = page->entry[i];
    *full = vpc_bit(page->full, i);
    if (*entry == VPC_UNALLOCATED || *full) {
        return 0;
    }
    if (!vpc_entry_valid(s, *entry) || overlaps_another(s, *entry)) {
        return -EIO;
    }
    return 0;
}

int coroutine_fn vpc_table_set(BlockDriverState *bs, uint32_t block,
                               uint32_t entry, bool full)
{
    VpcState *s = bs->opaque;
    uint32_t i = block % VPC_PAGE_ENTRIES;
    VpcTablePage *page;
    int ret = get_page(bs, block, &page);

    if (ret < 0) {
        return ret;
    }
    page->entry[i] = entry;
    vpc_table_mark_dirty(&s->table, page);
    if (full) {
        vpc_set_bit(page->full, i);
    }
    return 0;
}

void vpc_table_mark_dirty(VpcTable *t, VpcTablePage *page)
{
    if (!page->dirty) {
        page->dirty = true;
        t->dirty++;
    }
}

void vpc_table_mark_full(VpcState *s, uint32_t block)
{
    VpcTablePage *page = s->table.pages[block / VPC_PAGE_ENTRIES];

    if (page) {
        vpc_set_bit(page->full, block % VPC_PAGE_ENTRIES);
    }
}
