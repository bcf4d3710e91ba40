/* SPDX-License-Identifier: MIT */
/*
 * Which entries of the block allocation table are sound.
 *
 * Invariant: what is sound of an entry counts no byte that is outside the file,
 * in another structure, or in another block: where blocks overlap, the one that
 * begins last has lost its bitmap to the other, which has lost its data from
 * there on.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "vpc.h"

#define SCAN_BYTES (64 * KiB)

static uint64_t stride(const VpcState *s)
{
    return ((uint64_t)s->bitmap_size + s->block_size) / VPC_SECTOR;
}

/* Does the block's bitmap lie inside the file, and all of it apart from others? */
static bool has_place(const VpcState *s, uint32_t entry)
{
    uint64_t start = (uint64_t)entry * VPC_SECTOR;
    uint64_t end = start + s->bitmap_size + s->block_size;

    return start + s->bitmap_size <= s->file_end &&
           !vpc_over_structure(s, start, end);
}

static bool is_truncated(const VpcState *s, uint32_t entry)
{
    return vpc_data_offset(s, entry) + s->block_size > s->file_end;
}

bool vpc_entry_valid(const VpcState *s, uint32_t entry)
{
    return has_place(s, entry) && !is_truncated(s, entry);
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* The first of the entries that overlap which is not less than @entry. */
static uint32_t first_bad(const VpcState *s, uint32_t entry)
{
    uint32_t low = 0, high = s->bad_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (s->bad_entries[middle] < entry) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Bytes of the block's data that no other block claims. */
static uint32_t not_shared(const VpcState *s, uint32_t entry)
{
    const uint32_t *bad = s->bad_entries;
    uint32_t i = first_bad(s, entry);
    uint64_t next;

    if (i == s->bad_count || bad[i] != entry) {
        return s->block_size;
    }
    if (is_truncated(s, entry)) {
        return 0;
    }
    if ((i > 0 && entry - bad[i - 1] < stride(s)) ||
        (i + 1 < s->bad_count && bad[i + 1] == entry)) {
        return 0;
    }
    if (i + 1 == s->bad_count) {
        return s->block_size;
    }
    next = (uint64_t)bad[i + 1] * VPC_SECTOR;
    if (next <= vpc_data_offset(s, entry)) {
        return 0;
    }
    return MIN(next - vpc_data_offset(s, entry), s->block_size);
}

static bool is_damaged(const VpcState *s)
{
    return s->stats.misplaced || s->stats.truncated || s->stats.overlapping;
}

/* A block that is damaged anywhere is read only by who wants to save it. */
static uint32_t sound_bytes(const VpcState *s, uint32_t entry)
{
    uint64_t data = vpc_data_offset(s, entry);
    uint64_t sound;

    if (!has_place(s, entry)) {
        return 0;
    }
    sound = MIN(not_shared(s, entry), s->file_end - data);
    return s->lenient || sound == s->block_size ? sound : 0;
}

uint32_t vpc_table_sound(const VpcState *s, uint32_t entry)
{
    return is_damaged(s) || !vpc_entry_valid(s, entry) ? sound_bytes(s, entry)
                                                       : s->block_size;
}

uint32_t vpc_table_entries(const VpcState *s)
{
    uint64_t current = be64_to_cpu(s->footer.current_size);
    uint64_t room = (s->file_end - s->bat.offset) / sizeof(uint32_t);
    uint64_t blocks = MIN(be32_to_cpu(s->header.max_table_entries),
                          DIV_ROUND_UP(current, s->block_size));

    return MAX(s->bat.blocks, MIN(blocks, room));
}

/* ---- the walk at opening ------------------------------------------------ */

/* Does @entry come next after @before? */
static bool follows(const VpcState *s, uint32_t before, uint32_t entry)
{
    return vpc_layout_follows(s->block_size, (uint64_t)before * VPC_SECTOR,
                              (uint64_t)entry * VPC_SECTOR);
}

/*
 * Judges the entries of blocks @first..., collecting the sound ones.  Behind the
 * end of the disk only these matter: their space is not free.
 */
static void scan_entries(VpcState *s, const uint32_t *raw, uint32_t first,
                         uint32_t count, GArray *sound)
{
    VpcTableStats *stats = &s->stats;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t entry = be32_to_cpu(raw[i]);

        if (entry == VPC_UNALLOCATED) {
            continue;
        }
        if (first + i >= s->bat.blocks) {
            if (vpc_entry_valid(s, entry)) {
                g_array_append_val(sound, entry);
            }
            continue;
        }
        if (!has_place(s, entry)) {
            if (stats->misplaced++ == 0) {
                stats->first_bad = first + i;
                stats->first_bad_entry = entry;
            }
            continue;
        }
        if (is_truncated(s, entry) && stats->truncated++ == 0) {
            stats->first_truncated = first + i;
        }
        if (vpc_data_offset(s, entry) % 4096) {
            stats->aligned = false;
        }
        if (sound->len && !follows(s, g_array_index(sound, uint32_t,
                                                    sound->len - 1), entry)) {
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
    uint64_t bytes = (uint64_t)vpc_table_entries(s) * sizeof(uint32_t);
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
        int64_t n = skip_hole(bs, s->bat.offset + done, bytes - done);

        if (n > 0) {
            uint64_t last = MIN((done + n) / sizeof(zero), s->bat.blocks);

            scan_entries(s, &zero, done / sizeof(zero), 1, sound);
            s->stats.misplaced += last - MIN(last, done / sizeof(zero) + 1);
            done += n;
            continue;
        }
        n = MIN(bytes - done, SCAN_BYTES);
        ret = bdrv_pread(bs->file, s->bat.offset + done, buf, n);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Could not read the block allocation "
                             "table at offset %" PRIu64,
                             s->bat.offset + done);
            break;
        }
        scan_entries(s, buf, done / sizeof(zero), n / sizeof(zero), sound);
        done += n;
    }
    qemu_vfree(buf);
    return ret < 0 ? ret : 0;
}

guint vpc_first_start(const GArray *starts, uint64_t offset)
{
    guint low = 0, high = starts->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if ((uint64_t)g_array_index(starts, uint32_t, middle) * VPC_SECTOR <
            offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool vpc_block_in_range(const VpcState *s, const GArray *starts,
                        uint64_t start, uint64_t bytes)
{
    uint64_t block_bytes = stride(s) * VPC_SECTOR;
    uint64_t after = start - MIN(start, block_bytes - 1);
    guint i = vpc_first_start(starts, after);

    return i < starts->len &&
           (uint64_t)g_array_index(starts, uint32_t, i) * VPC_SECTOR <
           start + bytes;
}

/* Truncated blocks come last; they say nothing against one that is whole. */
void vpc_table_find_overlaps(VpcState *s, const GArray *starts)
{
    GArray *bad = g_array_new(false, false, sizeof(uint32_t));
    const uint32_t *entries = (const uint32_t *)starts->data;
    guint whole = starts->len - s->stats.truncated;
    uint64_t end = DIV_ROUND_UP(vpc_structures_end(s, true), VPC_SECTOR);

    for (guint i = 0; i < starts->len; i++) {
        bool before = i > 0 && entries[i] - entries[i - 1] < stride(s);
        bool after = i + 1 < (i < whole ? whole : starts->len) &&
                     entries[i + 1] - entries[i] < stride(s);

        if (before || after) {
            g_array_append_val(bad, entries[i]);
        } else {
            s->stats.allocated += i < whole;
        }
        if (i < whole) {
            end = entries[i] + stride(s);
            s->stats.end = end * VPC_SECTOR;
        }
    }
    s->stats.truncated_start = whole < starts->len
                               ? entries[whole] * (uint64_t)VPC_SECTOR
                               : UINT64_MAX;
    s->stats.overlapping = bad->len;
    s->bad_count = bad->len;
    s->bad_entries = (uint32_t *)g_array_free(bad, bad->len == 0);
}

GArray *vpc_table_open(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    g_autoptr(GArray) starts = g_array_new(false, false, sizeof(uint32_t));

    s->stats.aligned = true;
    if (scan(bs, starts, errp) < 0) {
        return NULL;
    }
    if (starts->len > 1) {
        qsort(starts->data, starts->len, sizeof(uint32_t), compare_u32);
    }
    return g_steal_pointer(&starts);
}

void vpc_table_close(VpcState *s)
{
    g_free(s->bad_entries);
    s->bad_entries = NULL;
    s->bad_count = 0;
}

void vpc_table_report(BlockDriverState *bs, uint32_t block,
                      const VpcEntry *entry)
{
    VpcState *s = bs->opaque;
    const char *why;

    if (s->lenient || (s->reported && s->last_reported == block)) {
        return;                 /* who salvages it tells each sector */
    }
    s->reported = true;
    s->last_reported = block;
    if (!has_place(s, entry->sector)) {
        why = "points outside the file or into other structures";
    } else if (not_shared(s, entry->sector) < s->block_size) {
        why = "shares its space with another block's";
    } else {
        why = "lets the block go on behind the end of the file";
    }
    warn_report("'%s': block %" PRIu32 " cannot be read: its entry of the "
                "block allocation table, sector 0x%08" PRIx32 ", %s",
                bs->filename, block, entry->sector, why);
}
