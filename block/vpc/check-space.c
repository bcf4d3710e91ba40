/* SPDX-License-Identifier: MIT */
/*
 * Check for lost space: parts of the file that nothing refers to and that hold
 * data.
 *
 * Invariants:
 *   - Holes are not lost, because unmapped blocks leave them.
 *   - Two pages before a structure are not lost either: Windows ends the
 *     metadata with a page, which it pads with ones, and has another one for
 *     the footer.
 *   - Old footers in gaps mean nothing: each block that extended the image has
 *     left one, and when blocks are unmapped, several are in one gap.
 *   - After the last block only its footer may stand, because QEMU takes what
 *     comes there for free and zero; but zeroes, or the ones that pad a BAT,
 *     before a footer near by, as Windows and Virtual PC leave them.  The rest
 *     of a device or a longer file is not the image's while it is zero.
 *   - Only a whole block that no entry names is known to be one: a bitmap, and
 *     data that are zero wherever it has zeroes; if all of them are, a bitmap
 *     of ones.  Whatever else is lost may be a part of what a damaged number
 *     has lost, and stays.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "check.h"

/* So that the work is bounded by the file: each looks at a block at most. */
#define MAX_MISSES 16

#define SLACK (2 * VPC_PAGE)

static int lost_compare(const void *a, const void *b)
{
    const VpcRange *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

/* ---- orphans ------------------------------------------------------------ */

/* Orphans that follow each other, in a range that is gone through. */
typedef struct Orphans {
    VpcRange range;             /* bytes; empty: there are none */
    uint32_t count;
    uint64_t data_bytes;        /* that are not zero */
    VpcRange window;            /* other data matter here */
    uint64_t others;            /* the first of these; UINT64_MAX: none */
} Orphans;

/* Bytes of [@buf, +@bytes) that are not zero. */
static uint64_t lost_count_data(const uint8_t *buf, uint64_t bytes)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < bytes; i++) {
        n += buf[i] != 0;
    }
    return n;
}

/* Programs fill up a bitmap of few sectors with zeroes or ones. */
static bool lost_is_bitmap(const VpcState *s, const uint8_t *bits)
{
    uint32_t used = DIV_ROUND_UP(s->block_size / VPC_SECTOR, 8);
    uint32_t rest = s->bitmap_size - used;

    return buffer_is_zero(bits + used, rest) ||
           vpc_is_padding(bits + used, rest);
}

/*
 * Is there a block at @start?  1, 0, or -errno; adds the bytes of its data that
 * are not zero to *@data_bytes.
 */
static int lost_is_orphan(VpcCheck *c, uint64_t start, uint64_t *data_bytes)
{
    VpcState *s = c->bs->opaque;
    g_autofree uint8_t *bits = g_malloc(s->bitmap_size);
    g_autofree uint8_t *buf = g_malloc(64 * KiB);
    uint64_t at = start + s->bitmap_size, end = start + c->block_bytes;
    uint64_t bytes = 0, data_end = 0, n;
    int ret = bdrv_pread(c->bs->file, start, bits, s->bitmap_size);

    if (ret >= 0 && !lost_is_bitmap(s, bits)) {
        return 0;
    }
    for (; at < end && ret >= 0; at += n) {
        if (at >= data_end && !vpc_space_extent(c->bs, at, end, &data_end) &&
            data_end - at >= VPC_SECTOR) {
            /* A block of GiB may be all but a hole. */
            n = QEMU_ALIGN_DOWN(data_end - at, VPC_SECTOR);
            continue;
        }
        n = MIN(ROUND_UP(data_end - at, VPC_SECTOR), MIN(end - at, 64 * KiB));
        ret = bdrv_pread(c->bs->file, at, buf, n);
        for (uint64_t i = 0; i < n && ret >= 0; i += VPC_SECTOR) {
            uint64_t data = lost_count_data(buf + i, VPC_SECTOR);

            if (data && !vpc_bit(bits, (at - start - s->bitmap_size + i) /
                                       VPC_SECTOR)) {
                return 0;
            }
            bytes += data;
        }
    }
    /* Before zeroes any sector could be a bitmap: only one of ones is. */
    for (uint32_t i = 0; ret >= 0 && !bytes && i < s->block_size / VPC_SECTOR;
         i++) {
        if (!vpc_bit(bits, i)) {
            return 0;
        }
    }
    *data_bytes += bytes;
    return ret < 0 ? ret : 1;
}

/*
 * The first sector in [@start, @end) that is neither zero nor a footer; @end:
 * there is none.  -errno.
 */
static int64_t lost_next_data(VpcCheck *c, uint64_t start, uint64_t end)
{
    /*
     * Of holes, twice as much each time, because they may be long; of what
     * holds data a half, so that what is skipped is read by one function.
     */
    uint64_t bytes = VPC_SECTOR;

    while (start < end) {
        uint64_t to = MIN(start + bytes, end);
        int content = vpc_space_content(c->bs, start, to);

        if (content < 0) {
            return content;
        }
        if (content != VPC_CONTENT_DATA) {
            start = to;
            bytes = MIN(bytes * 2, 1 * GiB);
        } else if (bytes > VPC_SECTOR) {
            bytes = MIN(bytes, to - start) > VPC_SECTOR
                    ? ROUND_UP(MIN(bytes, to - start) / 2, VPC_SECTOR)
                    : VPC_SECTOR;
        } else {
            return start;
        }
    }
    return end;
}

/*
 * The offset of a block whose bitmap has the data at @data, when all before
 * @start is something else's: as minblk aligns it, or directly at @start.
 */
static uint64_t lost_block_of(const VpcState *s, uint64_t start, uint64_t data)
{
    uint64_t end = QEMU_ALIGN_DOWN(data + s->bitmap_size, VPC_PAGE);
    uint64_t aligned = end - MIN(end, s->bitmap_size);

    if (s->block_size >= VPC_PAGE && aligned >= start &&
        data - aligned < s->bitmap_size) {
        return aligned;
    }
    return data - start < s->bitmap_size ? start : data;
}

/* Reports the run that @o has, and other data up to @end. */
static void lost_report(VpcCheck *c, Orphans *o, uint64_t end)
{
    if (o->count) {
        vpc_found_lost(c, c->orphan_repair, o->range.start, o->range.end,
                       o->count, o->data_bytes);
        c->lost_data = true;
        g_array_append_val(c->lost, o->range);
    }
    if (end && o->others != UINT64_MAX) {
        vpc_found_lost(c, VPC_REPAIR_NOTHING, o->others, end, 0, 0);
        c->lost_data = true;
    }
    o->count = 0;
    o->data_bytes = 0;
}

/*
 * Windows pads a BAT with ones to a page: where they end, or @start; UINT64_MAX
 * where ones go on after it: then nothing says where a block begins, of which
 * bitmap and data may be ones, too.
 */
static uint64_t lost_after_padding(VpcCheck *c, uint64_t start, uint64_t end)
{
    uint8_t buf[VPC_PAGE + VPC_SECTOR];
    uint64_t bytes = -start % VPC_PAGE;
    uint64_t more = MIN(bytes + VPC_SECTOR, end - start);

    if (more < bytes || bdrv_pread(c->bs->file, start, buf, more) < 0 ||
        !vpc_is_padding(buf, bytes)) {
        return start;
    }
    return more > bytes && vpc_is_padding(buf, more) ? UINT64_MAX
                                                     : start + bytes;
}

/*
 * Goes through [@start, @end), reports its orphans, but those of the last run
 * of neighbours, which @o has then.  @structure: one ends there, and no block.
 * 0 or -errno.
 */
static int lost_find_orphans(VpcCheck *c, uint64_t start, uint64_t end,
                             bool structure, Orphans *o)
{
    VpcState *s = c->bs->opaque;
    unsigned misses = 0;

    start = structure ? lost_after_padding(c, start, end) : start;
    if (start == UINT64_MAX) {
        o->others = o->window.end ? o->window.start : UINT64_MAX;
        return 0;
    }
    while (misses < MAX_MISSES) {
        int64_t data = lost_next_data(c, start, end);
        uint64_t block, data_bytes = 0;
        int ret = 0;

        if (data < 0 || data >= (int64_t)end) {
            return MIN(data, 0);
        }
        block = lost_block_of(s, start, data);
        if (block + c->block_bytes <= end) {
            ret = lost_is_orphan(c, block, &data_bytes);
        }
        if (ret < 0) {
            return ret;
        }
        if (!ret) {
            if ((uint64_t)data >= o->window.start &&
                (uint64_t)data < o->window.end) {
                o->others = MIN(o->others, (uint64_t)data);
            }
            misses++;
            start = data + VPC_SECTOR;
            continue;
        }
        if (o->count && misses) {
            lost_report(c, o, 0);
        }
        if (!o->count) {
            o->range.start = block;
        }
        o->range.end = start = block + c->block_bytes;
        o->count++;
        o->data_bytes += data_bytes;
        misses = 0;
    }
    return 0;
}

/* ---- the file ----------------------------------------------------------- */

/* Reports what of the gap [@start, @end) is lost. */
static void lost_check_gap(VpcCheck *c, uint64_t start, uint64_t end,
                           bool structure)
{
    Orphans o = { .others = UINT64_MAX };
    int ret = VPC_CONTENT_ZERO;

    if (end > start + SLACK) {
        o.window.start = MIN(ROUND_UP(start, VPC_PAGE), end - SLACK);
        o.window.end = end - SLACK;
    }
    if (end - start >= c->block_bytes) {
        ret = lost_find_orphans(c, start, end, structure, &o);
    } else if (o.window.end) {
        ret = vpc_space_content(c->bs, o.window.start, o.window.end);
        o.others = ret == VPC_CONTENT_DATA ? start : UINT64_MAX;
    }
    c->errors += ret < 0;
    lost_report(c, &o, end);
}

/*
 * DATA if a session that was killed, or a repair, left something after the
 * footer at @footer: then a footer ends the file that is not only the second
 * one of a longer file.  Else ZERO, or -errno.
 */
static int lost_after_footer(VpcCheck *c, uint64_t footer)
{
    VpcState *s = c->bs->opaque;
    uint64_t after = vpc_layout_after_footer(footer);
    uint64_t last = s->file_length - VPC_SECTOR;
    uint64_t stride = vpc_layout_block(s->block_size, after) + c->block_bytes -
                      footer;
    int ret;

    if (last <= footer) {
        return VPC_CONTENT_ZERO;
    }
    ret = vpc_space_content(c->bs, last, s->file_length);
    if (ret != VPC_CONTENT_FOOTERS) {
        return MIN(ret, (int)VPC_CONTENT_ZERO);
    }
    /* Where the next block's would be: that of a block without an entry. */
    if ((last - footer) % stride == 0) {
        return VPC_CONTENT_DATA;
    }
    ret = vpc_space_content(c->bs, after, last);
    return ret > (int)VPC_CONTENT_ZERO ? VPC_CONTENT_DATA : ret;
}

/*
 * Reports what is lost from @start on, where the image should end, to @end.  It
 * is cut off as a whole, or not at all.
 */
static void lost_check_end(VpcCheck *c, uint64_t start, uint64_t end,
                           bool structure)
{
    Orphans o = { .window = { start, end }, .others = UINT64_MAX };
    guint found = c->findings->len, given = c->lost->len;
    int ret = lost_find_orphans(c, start, end, structure, &o);

    lost_report(c, &o, end);
    if (ret < 0) {
        c->errors++;
        return;
    }
    if (c->findings->len == found) {
        vpc_found_lost(c, VPC_REPAIR_ZEROES, start, end, 0, 0);
        c->lost_end = (VpcRange) { start, end };
    } else if (o.others == UINT64_MAX && c->orphan_repair &&
               !(c->fix & BDRV_FIX_ERRORS)) {
        g_array_set_size(c->lost, given);
        c->lost_end = (VpcRange) { start, end };
    }
}

/*
 * Of what stands before a footer that follows at some distance what ends at
 * @end: ZERO if it is what programs leave there, DATA, or -errno.
 */
static int lost_before_footer(VpcCheck *c, uint64_t end)
{
    VpcState *s = c->bs->opaque;
    bool blocks = c->census.starts->len > 0;
    uint64_t start = vpc_layout_footer(end), bytes = s->footer_offset - start;
    uint64_t padding = MIN(blocks ? 0 : -start % VPC_PAGE, bytes);
    uint8_t buf[2 * VPC_PAGE];
    int ret;

    if (!vpc_layout_footer_is_near(end, blocks, s->footer_offset)) {
        return VPC_CONTENT_DATA;
    }
    ret = bdrv_pread(c->bs->file, start, buf, bytes);
    if (ret < 0) {
        return ret;
    }
    padding = vpc_is_padding(buf, padding) ? padding : 0;
    return vpc_is_padding(buf, bytes) ||
           buffer_is_zero(buf + padding, bytes - padding)
           ? VPC_CONTENT_ZERO : VPC_CONTENT_DATA;
}

/* Space after the last block, or @structure, which ends at @end. */
static void lost_check_rest(VpcCheck *c, uint64_t end, bool structure)
{
    VpcState *s = c->bs->opaque;
    uint64_t start = vpc_layout_footer(end);
    uint64_t rest_end = s->file_length;
    bool last_is_free;
    int content;

    if (!s->file_grows_zeroed || start >= s->exact_length) {
        return;                 /* a device: the rest may hold anything */
    }
    if (s->footer_lost) {
        content = vpc_content_after(c->bs, end, &last_is_free);
    } else {
        rest_end -= VPC_SECTOR;
        content = lost_after_footer(c, MAX(start, s->footer_offset));
        if (s->footer_offset == start) {
            start = vpc_layout_after_footer(start);
            structure = false;
        } else if (s->footer_offset > start && content == VPC_CONTENT_ZERO) {
            /* What a longer file holds after its footer is none of it. */
            rest_end = s->footer_offset;
            content = lost_before_footer(c, end);
        }
    }
    if (content < 0) {
        c->errors++;
    } else if (content == VPC_CONTENT_DATA) {
        lost_check_end(c, start, rest_end, structure);
    }
}

static int lost_meet_entry(void *opaque, uint32_t block, uint32_t count,
                           uint32_t entry)
{
    VpcCheck *c = opaque;
    VpcState *s = c->bs->opaque;
    uint64_t last = (uint64_t)block + count - 1;

    return last >= vpc_census_entries(s) &&
           vpc_entry_fault(s, entry) == VPC_FAULT_NONE ? -EEXIST : 0;
}

/*
 * Does the table name blocks past the end of the disk?  Then its size may be
 * what is damaged, and they are no orphans.
 */
static bool lost_table_goes_on(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    uint64_t entries = MIN(be32_to_cpu(s->header.max_table_entries),
                           (s->file_end - s->bat.offset) / sizeof(uint32_t));

    return entries > vpc_census_entries(s) &&
           vpc_bat_walk(c->bs, entries, lost_meet_entry, c) < 0;
}

/* Goes over the gaps between structures and blocks, which are sorted. */
void vpc_check_space(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    const GArray *starts = c->census.starts;
    VpcRange structures[VPC_MAX_RESERVED + VPC_LOCATORS];
    unsigned n = s->reserved_count + VPC_LOCATORS, i = 0;
    guint j = 0;
    uint64_t pos = 0;
    bool structure = true;

    c->orphan_repair = lost_table_goes_on(c) ? VPC_REPAIR_NOTHING
                                             : VPC_REPAIR_ORPHANS;
    for (unsigned k = 0; k < VPC_LOCATORS; k++) {
        /* What comes after the footer is not the room's, but looked at. */
        structures[k] = s->rooms[k].end <= s->file_end ? s->rooms[k]
                                                       : (VpcRange) { 0, 0 };
    }
    memcpy(structures + VPC_LOCATORS, s->reserved,
           s->reserved_count * sizeof(structures[0]));
    /* Rooms that are not there are empty ranges at 0, which change nothing. */
    qsort(structures, n, sizeof(structures[0]), lost_compare);
    while (i < n || j < starts->len) {
        uint64_t block = UINT64_MAX, end;
        VpcRange next;

        if (j < starts->len) {
            block = (uint64_t)g_array_index(starts, uint32_t, j) * VPC_SECTOR;
        }
        if (i < n && structures[i].start < block) {
            next = structures[i++];
        } else {
            next = (VpcRange) { block, block + c->block_bytes };
            j++;
        }
        end = MIN(next.start, s->file_end);
        if (end > pos) {
            lost_check_gap(c, pos, end, structure);
        }
        if (next.end > pos) {
            structure = next.start != block;
            pos = next.end;
        }
    }
    lost_check_rest(c, MAX(pos, vpc_space_end(&s->space)), structure);
}
