/* SPDX-License-Identifier: MIT */
/*
 * The census of the blocks, see census.h.
 *
 * Invariants:
 *   - Overlaps are found by sorting, and the BAT is read in pieces, because it
 *     may have as many entries as the file has bytes for.
 *   - Of blocks that overlap, those that begin first keep their place as far as
 *     they do not overlap each other; of two with one entry, that of the lower
 *     number: so that one of them is read as it was.
 *   - A truncated block does not make a whole one unsound, because cutting the
 *     file off has not moved that one.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "vpc.h"

#define PIECE_ENTRIES (64 * KiB)

/* ---- one entry ---------------------------------------------------------- */

VpcFault vpc_entry_fault(const VpcState *s, uint32_t entry)
{
    uint64_t start = (uint64_t)entry * VPC_SECTOR;
    uint64_t data = start + s->bitmap_size;
    uint64_t end = data + s->block_size;

    if (start >= s->file_end) {
        return VPC_FAULT_OUTSIDE;
    }
    if (vpc_over_structure(s, start, data)) {
        return VPC_FAULT_OVER;
    }
    if (vpc_over_structure(s, data, end)) {
        return VPC_FAULT_INTO;
    }
    return end > s->file_end ? VPC_FAULT_TRUNCATED : VPC_FAULT_NONE;
}

bool vpc_fault_has_place(VpcFault fault)
{
    return fault != VPC_FAULT_OUTSIDE && fault != VPC_FAULT_OVER;
}

/* Bytes of the block's data before the next block that has a claim to them. */
static uint64_t census_apart(const VpcState *s, uint32_t entry, bool truncated)
{
    const GArray *starts = s->census.starts;
    guint i = vpc_first_start(starts, (uint64_t)entry * VPC_SECTOR) + 1;
    uint32_t next;

    if (truncated || i >= starts->len) {
        return truncated ? 0 : s->block_size;
    }
    next = g_array_index(starts, uint32_t, i);
    if (vpc_entry_fault(s, next) == VPC_FAULT_TRUNCATED && next != entry) {
        return s->block_size;
    }
    if (next - entry <= s->bitmap_size / VPC_SECTOR) {
        return 0;
    }
    return (uint64_t)next * VPC_SECTOR - vpc_data_offset(s, entry);
}

uint32_t vpc_entry_sound(const VpcState *s, uint32_t entry)
{
    VpcFault fault = vpc_entry_fault(s, entry);
    uint64_t data = vpc_data_offset(s, entry);
    uint64_t sound = s->block_size;
    const VpcShared *shared;

    if (fault == VPC_FAULT_NONE && !s->census.starts) {
        return s->block_size;
    }
    if (!vpc_fault_has_place(fault) || fault == VPC_FAULT_INTO ||
        data >= s->file_end || !s->census.starts) {
        return 0;
    }
    shared = vpc_census_shared(&s->census, entry);
    if (shared) {
        sound = shared->other <= entry
                ? 0 : census_apart(s, entry, fault == VPC_FAULT_TRUNCATED);
    }
    sound = MIN(MIN(sound, s->block_size), s->file_end - data);
    /* A block that is damaged anywhere is read only by who wants to save it. */
    return s->lenient || sound == s->block_size ? sound : 0;
}

void vpc_entry_report(BlockDriverState *bs, uint32_t block, uint32_t entry)
{
    VpcState *s = bs->opaque;
    VpcFault fault = vpc_entry_fault(s, entry);
    const char *why = "shares its space with another block's";

    if (s->lenient || (s->reported && s->last_reported == block)) {
        return;                 /* salvaging reports each sector */
    }
    s->reported = true;
    s->last_reported = block;
    if (fault != VPC_FAULT_NONE && fault != VPC_FAULT_TRUNCATED) {
        why = "points outside the file or into other structures";
    } else if (fault == VPC_FAULT_TRUNCATED &&
               !(s->census.starts && vpc_census_shared(&s->census, entry))) {
        why = "lets the block go on after the end of the file";
    }
    warn_report("'%s': block %" PRIu32 " cannot be read: its entry of the "
                "block allocation table, sector 0x%08" PRIx32 ", %s",
                bs->filename, block, entry, why);
}

uint32_t vpc_census_entries(const VpcState *s)
{
    uint64_t current = be64_to_cpu(s->footer.current_size);
    uint64_t room = (s->file_end - s->bat.offset) / sizeof(uint32_t);
    uint64_t blocks = vpc_blocks_of(current, s->block_size);

    blocks = MIN(be32_to_cpu(s->header.max_table_entries), blocks);
    return MAX(s->bat.blocks, MIN(blocks, room));
}

/* A census while the BAT is walked over. */
typedef struct Taking {
    VpcState *s;
    VpcCensus *census;
    uint32_t blocks;
    VpcAbsent *absent;
    unsigned unread;            /* pages that were left out */
} Taking;

/* ---- walking over the BAT ----------------------------------------------- */

uint64_t vpc_entry_offset(const VpcState *s, uint32_t block)
{
    return s->bat.offset + (uint64_t)block * sizeof(uint32_t);
}

/*
 * How many entries from @block on are a hole of the file, where long.  If none,
 * all before *@data_end are data: one question, since the kernel may look at
 * all of the data to answer it.
 */
static uint32_t census_entries_in_hole(BlockDriverState *bs, uint32_t block,
                                       uint32_t blocks, uint32_t *data_end)
{
    uint64_t bytes = (uint64_t)(blocks - block) * sizeof(uint32_t);
    int64_t pnum = 0;
    int ret;

    if (bytes < PIECE_ENTRIES * sizeof(uint32_t)) {
        return 0;
    }
    ret = bdrv_block_status(bs->file->bs,
                            vpc_entry_offset(bs->opaque, block), bytes,
                            &pnum, NULL, NULL);
    bytes = ret < 0 ? bytes : MIN((uint64_t)pnum, bytes);
    if (ret >= 0 && (ret & BDRV_BLOCK_ZERO)) {
        return bytes / sizeof(uint32_t);
    }
    *data_end = block + bytes / sizeof(uint32_t);
    return 0;
}

static int census_walk_piece(const uint32_t *raw, uint32_t first,
                             uint32_t count, VpcWalk *fn, void *opaque)
{
    uint32_t n;
    int ret = 0;

    for (uint32_t i = 0; i < count && ret == 0; i += n) {
        /* Most often all are equal, and memcmp() is far faster. */
        n = count - i;
        if (memcmp(raw + i, raw + i + 1, (n - 1) * sizeof(*raw)) != 0) {
            for (n = 1; raw[i + n] == raw[i]; n++) {
            }
        }
        ret = fn(opaque, first + i, n, be32_to_cpu(raw[i]));
    }
    return ret;
}

/* vpc_bat_walk(); pages that cannot be read are left out of what @taking is. */
static int census_walk(BlockDriverState *bs, uint32_t blocks, VpcWalk *fn,
                       void *opaque, Taking *taking)
{
    g_autofree uint32_t *raw = g_new(uint32_t, PIECE_ENTRIES);
    uint32_t block = 0, data_end = 0, bad_end = 0, piece;
    int ret = 0;

    while (block < blocks && ret >= 0) {
        uint32_t n = block < data_end ? 0 : census_entries_in_hole(
                                                bs, block, blocks, &data_end);

        if (n) {
            ret = fn(opaque, block, n, 0);
            block += n;
            continue;
        }
        /* Pieces are whole pages of the cache, and one where reads fail. */
        piece = block < bad_end ? VPC_PAGE_ENTRIES : PIECE_ENTRIES;
        n = MIN(blocks - block, piece - block % piece);
        ret = bdrv_pread(bs->file, vpc_entry_offset(bs->opaque, block), raw,
                         n * sizeof(uint32_t));
        if (ret >= 0) {
            ret = census_walk_piece(raw, block, n, fn, opaque);
        } else if (taking && n > VPC_PAGE_ENTRIES) {
            bad_end = block + n;
            n = ret = 0;
        } else if (taking) {
            taking->absent(taking->s, block, n, true);
            taking->unread++;
            ret = 0;
        }
        block += n;
    }
    return MIN(ret, 0);
}

int vpc_bat_walk(BlockDriverState *bs, uint32_t blocks, VpcWalk *fn,
                 void *opaque)
{
    return census_walk(bs, blocks, fn, opaque, NULL);
}

/* ---- the census --------------------------------------------------------- */

/* A block with a place. */
static void census_add(const Taking *t, uint32_t entry)
{
    VpcCensus *c = t->census;
    uint64_t offset = (uint64_t)entry * VPC_SECTOR;

    c->aligned &= vpc_data_offset(t->s, entry) % VPC_PAGE == 0;
    c->fragmented += c->previous && !vpc_layout_follows(t->s->block_size,
                                                        c->previous, offset);
    c->previous = offset;
    c->placed++;
    g_array_append_val(c->starts, entry);
}

static int census_count(void *opaque, uint32_t block, uint32_t count,
                        uint32_t entry)
{
    const Taking *t = opaque;
    VpcCensus *c = t->census;
    VpcFault fault = vpc_entry_fault(t->s, entry);
    uint32_t counted = block < t->blocks ? MIN(count, t->blocks - block) : 0;

    if (entry == VPC_UNALLOCATED) {
        if (t->absent) {
            t->absent(t->s, block, count, false);
        }
        return 0;
    }
    if (counted < count && fault != VPC_FAULT_NONE && fault != VPC_FAULT_OVER) {
        c->first_beyond = c->beyond ? c->first_beyond : block + counted;
        c->beyond += count - counted;
    }
    if (counted && fault == VPC_FAULT_TRUNCATED) {
        c->first_truncated = c->truncated ? c->first_truncated : block;
        c->truncated += counted;
    } else if (counted && fault != VPC_FAULT_NONE) {
        if (!c->misplaced) {
            c->first_misplaced = block;
            c->first_misplaced_entry = entry;
        }
        c->misplaced += counted;
    }
    if (vpc_fault_has_place(fault)) {
        for (uint32_t i = 0; i < counted; i++) {
            census_add(t, entry);
        }
    }
    for (uint32_t i = counted; i < count && fault == VPC_FAULT_NONE; i++) {
        g_array_append_val(c->starts, entry);
    }
    return 0;
}

static int census_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

int vpc_census_take(BlockDriverState *bs, VpcCensus *c, uint32_t blocks,
                    VpcAbsent *absent, Error **errp)
{
    Taking taking = {
        .s = bs->opaque, .census = c, .blocks = blocks, .absent = absent,
    };
    /* What other pages name can be read. */
    bool skip = absent && vpc_goes_on(bs);
    int ret;

    *c = (VpcCensus) {
        .aligned = true,
        .truncated_start = UINT64_MAX,
        .starts = g_array_new(false, false, sizeof(uint32_t)),
        .shared = g_array_new(false, false, sizeof(VpcShared)),
    };
    ret = census_walk(bs, vpc_census_entries(taking.s), census_count, &taking,
                      skip ? &taking : NULL);
    if (taking.unread) {
        taking.s->unread = true;
        warn_report("'%s': %u pages of the block allocation table at offset %"
                    PRIu64 " cannot be read, so their blocks are lost",
                    bs->filename, taking.unread, taking.s->bat.offset);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the block allocation "
                         "table at offset %" PRIu64, taking.s->bat.offset);
    } else if (c->starts->len > 1) {
        qsort(c->starts->data, c->starts->len, sizeof(uint32_t),
              census_compare);
    }
    return ret;
}

void vpc_census_find_overlaps(const VpcState *s, VpcCensus *c)
{
    const uint32_t *entries = (const uint32_t *)c->starts->data;
    uint64_t stride = vpc_layout_block_bytes(s->block_size) / VPC_SECTOR;
    uint64_t kept_end = 0;
    uint32_t cluster = 0;

    for (guint i = 0; i < c->starts->len; i++) {
        uint32_t entry = entries[i];
        VpcFault fault = vpc_entry_fault(s, entry);
        bool whole = fault != VPC_FAULT_TRUNCATED;
        bool before = i > 0 && entry - entries[i - 1] < stride;
        bool after = i + 1 < c->starts->len &&
                     entries[i + 1] - entry < stride &&
                     !(whole && vpc_entry_fault(s, entries[i + 1]) ==
                                VPC_FAULT_TRUNCATED);
        bool keep = fault != VPC_FAULT_INTO && entry >= kept_end;

        cluster = before ? cluster : entry;

        if ((before || after) && !(i > 0 && entries[i - 1] == entry)) {
            VpcShared shared = {
                .entry = entry,
                .other = before ? entries[i - 1] : entries[i + 1],
                .cluster = cluster,
                .keep = keep,
            };

            g_array_append_val(c->shared, shared);
        }
        c->allocated += !before && !after && fault == VPC_FAULT_NONE;
        if (keep) {
            kept_end = entry + stride;
        }
        if (whole) {
            c->end = (entry + stride) * VPC_SECTOR;
        } else if (c->truncated_start == UINT64_MAX) {
            c->truncated_start = (uint64_t)entry * VPC_SECTOR;
        }
    }
    c->kept_end = kept_end * VPC_SECTOR;
}

void vpc_census_clear(VpcCensus *c)
{
    g_clear_pointer(&c->starts, g_array_unref);
    g_clear_pointer(&c->shared, g_array_unref);
}

bool vpc_census_is_damaged(const VpcCensus *c)
{
    return c->misplaced || c->truncated || c->shared->len;
}

VpcShared *vpc_census_shared(const VpcCensus *c, uint32_t entry)
{
    return c->shared->len ? bsearch(&entry, c->shared->data, c->shared->len,
                                    sizeof(VpcShared), census_compare)
                          : NULL;
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
    uint64_t block_bytes = vpc_layout_block_bytes(s->block_size);
    uint64_t after = start - MIN(start, block_bytes - 1);
    guint i = vpc_first_start(starts, after);

    return i < starts->len &&
           (uint64_t)g_array_index(starts, uint32_t, i) * VPC_SECTOR <
           start + bytes;
}
