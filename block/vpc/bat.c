/* SPDX-License-Identifier: MIT */
/*
 * The entries of the block allocation table (BAT), cached in pages of 4 KiB.
 *
 * Invariants:
 *   - A clean page equals what is on the disk; a dirty one is never dropped,
 *     because nothing else knows its entries.
 *   - Entries after the last block of the disk are neither trusted nor changed,
 *     since other programs may keep something there: a page is written only up
 *     to `blocks`.
 *   - Pages that name no block, as the census found them, are all one page,
 *     because a new disk may have half a million: it is never changed.
 *   - An entry that was found sound stays so until it is changed, because the
 *     file only grows while the image is open and its structures stay in place.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "flush.h"
#include "vpc.h"

/* Pages in memory; above this number clean ones are dropped. */
#define MAX_RESIDENT 4096

static const VpcBatPage bat_absent = {
    .entry = { [0 ... VPC_PAGE_ENTRIES - 1] = VPC_UNALLOCATED },
};
#define BAT_ABSENT ((VpcBatPage *)&bat_absent)

/* Has no entries: who salvages would wait for each try on a failing disk. */
static const VpcBatPage bat_unread;
#define BAT_UNREAD ((VpcBatPage *)&bat_unread)

int vpc_bat_open(VpcState *s, uint64_t offset, uint32_t blocks, Error **errp)
{
    VpcBat *bat = &s->bat;

    bat->offset = offset;
    bat->blocks = blocks;
    bat->page_count = DIV_ROUND_UP(blocks, VPC_PAGE_ENTRIES);
    QTAILQ_INIT(&bat->clean);
    QTAILQ_INIT(&bat->dirty);
    qemu_co_mutex_init(&bat->load_lock);
    bat->pages = g_try_new0(VpcBatPage *, MAX(bat->page_count, 1));
    if (!bat->pages) {
        error_setg(errp, "Not enough memory for the block allocation table");
        return -ENOMEM;
    }
    return 0;
}

void vpc_bat_close(VpcState *s)
{
    VpcBat *bat = &s->bat;

    for (uint32_t i = 0; bat->pages && i < bat->page_count; i++) {
        if (bat->pages[i] != BAT_ABSENT && bat->pages[i] != BAT_UNREAD) {
            g_free(bat->pages[i]);
        }
    }
    g_free(bat->pages);
    bat->pages = NULL;
}

void vpc_bat_note_absent(VpcState *s, uint32_t block, uint32_t count,
                         bool unread)
{
    VpcBat *bat = &s->bat;
    uint64_t end = (uint64_t)block + count;
    uint64_t i = DIV_ROUND_UP((uint64_t)block, VPC_PAGE_ENTRIES);

    end = end >= bat->blocks ? bat->page_count : end / VPC_PAGE_ENTRIES;
    for (; i < end; i++) {
        bat->pages[i] = bat->pages[i] ?: unread ? BAT_UNREAD : BAT_ABSENT;
    }
}

/* Into memory, where it may be changed. */
static int coroutine_fn bat_load_page(BlockDriverState *bs, uint32_t index)
{
    VpcState *s = bs->opaque;
    VpcBat *bat = &s->bat;
    uint32_t first = index * VPC_PAGE_ENTRIES;
    uint32_t count = MIN(bat->blocks - first, VPC_PAGE_ENTRIES);
    VpcBatPage *page = g_try_new0(VpcBatPage, 1);
    VpcBatPage *old;
    int ret;

    if (!page) {
        return -ENOMEM;
    }
    if (bat->pages[index]) {
        memcpy(page->entry, bat_absent.entry, sizeof(page->entry));
    } else {
        ret = bdrv_co_pread(bs->file, bat->offset + (uint64_t)first * 4,
                            count * 4, page->entry, 0);
        if (ret < 0) {
            g_free(page);
            return ret;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        page->entry[i] = be32_to_cpu(page->entry[i]);
    }
    while (bat->resident >= MAX_RESIDENT &&
           (old = QTAILQ_FIRST(&bat->clean))) {
        QTAILQ_REMOVE(&bat->clean, old, link);
        bat->pages[old->index] = NULL;
        bat->resident--;
        g_free(old);
    }
    page->index = index;
    QTAILQ_INSERT_TAIL(&bat->clean, page, link);
    bat->pages[index] = page;
    bat->resident++;
    return 0;
}

static bool bat_must_load(const VpcBatPage *page, bool change)
{
    return !page || (change && page == &bat_absent);
}

/*
 * The page of @block, read if need be; usable until the caller yields, and to
 * be changed with @change only.
 */
static int coroutine_fn bat_get_page(BlockDriverState *bs, uint32_t block,
                                     bool change, VpcBatPage **page)
{
    VpcState *s = bs->opaque;
    VpcBat *bat = &s->bat;
    uint32_t index = block / VPC_PAGE_ENTRIES;
    int ret = 0;

    assert(block < bat->blocks);
    if (bat_must_load(bat->pages[index], change)) {
        qemu_co_mutex_lock(&bat->load_lock);
        while (ret == 0 && bat_must_load(bat->pages[index], change)) {
            ret = bat_load_page(bs, index);
        }
        *page = bat->pages[index];
        qemu_co_mutex_unlock(&bat->load_lock);
        return ret;
    }
    *page = bat->pages[index];
    return *page == BAT_UNREAD ? -EIO : 0;
}

int coroutine_fn vpc_bat_get(BlockDriverState *bs, uint32_t block,
                             VpcEntry *entry)
{
    VpcState *s = bs->opaque;
    uint32_t i = block % VPC_PAGE_ENTRIES;
    VpcBatPage *page;
    int ret;

    if (!vpc_absent_is_zero(s)) {
        /* It is open to be checked only, since it has no parent here. */
        return -ENOTSUP;
    }
    ret = bat_get_page(bs, block, false, &page);
    if (ret < 0) {
        return ret;
    }
    entry->sector = page->entry[i];
    entry->full = vpc_bit(page->full, i);
    entry->sound = s->block_size;
    if (entry->sector != VPC_UNALLOCATED && !vpc_bit(page->sound, i)) {
        entry->sound = vpc_entry_sound(s, entry->sector);
        vpc_put_bit(page->sound, i, entry->sound == s->block_size);
    }
    return 0;
}

int coroutine_fn vpc_bat_absent_run(BlockDriverState *bs, uint32_t block,
                                    uint32_t count, uint32_t *run)
{
    VpcState *s = bs->opaque;
    uint32_t end = block + count, at = block;
    int ret = 0;

    while (at < end && vpc_absent_is_zero(s)) {
        /* No overflow: no disk has 2^32 - 1024 blocks. */
        uint32_t page_end = MIN(QEMU_ALIGN_DOWN(at, VPC_PAGE_ENTRIES) +
                                VPC_PAGE_ENTRIES, end);
        VpcBatPage *page = s->bat.pages[at / VPC_PAGE_ENTRIES];

        if (page == BAT_ABSENT) {
            at = page_end;
            continue;
        }
        ret = bat_get_page(bs, at, false, &page);
        while (ret == 0 && at < page_end &&
               page->entry[at % VPC_PAGE_ENTRIES] == VPC_UNALLOCATED) {
            at++;
        }
        if (at < page_end) {
            break;
        }
    }
    *run = at - block;
    return *run ? 0 : ret;
}

static void bat_mark_dirty(VpcBat *bat, VpcBatPage *page)
{
    if (page->dirty) {
        return;
    }
    if (!page->flushing) {
        QTAILQ_REMOVE(&bat->clean, page, link);
    }
    page->dirty = true;
    QTAILQ_INSERT_TAIL(&bat->dirty, page, link);
}

int coroutine_fn vpc_bat_set(BlockDriverState *bs, uint32_t block,
                             uint32_t entry, bool full)
{
    VpcState *s = bs->opaque;
    uint32_t i = block % VPC_PAGE_ENTRIES;
    VpcBatPage *page;
    int ret = bat_get_page(bs, block, true, &page);

    if (ret < 0) {
        return ret;
    }
    page->entry[i] = entry;
    vpc_put_bit(page->sound, i, false);
    bat_mark_dirty(&s->bat, page);
    vpc_put_bit(page->full, i, full);
    vpc_batmap_clear(s, block);
    return 0;
}

void vpc_bat_mark_full(VpcState *s, uint32_t block, bool full)
{
    VpcBatPage *page = s->bat.pages[block / VPC_PAGE_ENTRIES];

    if (page && page != BAT_ABSENT) {
        vpc_put_bit(page->full, block % VPC_PAGE_ENTRIES, full);
    }
}

bool vpc_bat_withdraw(VpcState *s, uint32_t block, uint32_t entry)
{
    VpcBatPage *page = s->bat.pages[block / VPC_PAGE_ENTRIES];
    uint32_t i = block % VPC_PAGE_ENTRIES;

    assert(page && page->dirty);
    if (page->entry[i] != entry) {
        return false;
    }
    page->entry[i] = VPC_UNALLOCATED;
    vpc_put_bit(page->sound, i, false);
    return true;
}

/* ---- flushing ----------------------------------------------------------- */

bool vpc_bat_is_dirty(const VpcState *s)
{
    return !QTAILQ_EMPTY(&s->bat.dirty);
}

static void bat_copy_done(VpcState *s, const VpcCopy *copy, bool written)
{
    VpcBatPage *page = copy->owner;

    if (!written) {
        bat_mark_dirty(&s->bat, page);
    }
    page->flushing = false;
    if (!page->dirty) {
        QTAILQ_INSERT_TAIL(&s->bat.clean, page, link);
    }
}

void vpc_bat_take_copies(BlockDriverState *bs, GArray *copies)
{
    VpcState *s = bs->opaque;
    VpcBatPage *page;

    while ((page = QTAILQ_FIRST(&s->bat.dirty))) {
        uint32_t first = page->index * VPC_PAGE_ENTRIES;
        uint32_t count = MIN(s->bat.blocks - first, VPC_PAGE_ENTRIES);
        uint32_t *raw = vpc_add_copy(bs, copies, (VpcCopy) {
            .offset = s->bat.offset + (uint64_t)first * 4,
            .bytes = count * 4,
            .owner = page,
            .done = bat_copy_done,
        });

        for (uint32_t i = 0; i < count; i++) {
            raw[i] = cpu_to_be32(page->entry[i]);
        }
        QTAILQ_REMOVE(&s->bat.dirty, page, link);
        page->dirty = false;
        page->flushing = true;
    }
}
