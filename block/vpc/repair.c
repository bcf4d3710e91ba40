/* SPDX-License-Identifier: MIT */
/*
 * Carries out the plan of a check.
 *
 * The order, with a flush after each step:
 *
 *   1. the footer copy, the header's checksum, a footer that stays where it is:
 *      from now on the copy is sound, whatever happens to the footer;
 *   2. zeroes where blocks that were cut off go on, which may be where the old
 *      footer is;
 *   3. the new footer, after all that will be; copies of blocks, before it;
 *   4. BAT entries, and the batmap, because only now is there what they name.
 *
 * Entries that become unallocated do so before 2, because the file becomes
 * longer then, and what they name would come to lie inside.
 *
 * Lost space: a footer that moves down is written, then the file is cut after
 * it, or, where a longer file holds more, zeroed up to its old footer.
 *
 * Invariants:
 *   - After each write, and after each power cut, one footer and the header are
 *     sound or as they were, and each entry names a whole copy of its block.
 *   - Nothing that a block refers to is written over, but for sectors that were
 *     after the end.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "minblk/block-extra.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "check.h"

#define COPY_BYTES (1 * MiB)
#define PIECE_ENTRIES (64u * KiB)

/* Adds a flush of the file to what ended with @ret.  0 or -errno. */
static int repair_flush(const VpcCheck *c, int ret)
{
    return ret < 0 ? ret : bdrv_flush(c->bs->file->bs);
}

/* Zeroes [@start, @end), if it is not empty. */
static int repair_zero(const VpcCheck *c, uint64_t start, uint64_t end)
{
    return start < end ? bdrv_zero_range(c->bs->file, start, end - start,
                                         BDRV_REQ_MAY_UNMAP) : 0;
}

/* ---- footers and header ------------------------------------------------- */

static int repair_headers(const VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    VpcDynHeader header = s->header;
    bool in_place = c->write_footer && !c->moves_footer;
    int ret = 0;

    if (c->write_copy) {
        ret = vpc_put_footer(c->bs, 0);
    }
    if (ret >= 0 && c->write_header) {
        /* Its checksum is in the first sector, which no power cut tears. */
        vpc_header_seal(&header);
        ret = bdrv_pwrite(c->bs->file, s->header_offset, &header, VPC_SECTOR);
    }
    if (ret >= 0 && in_place) {
        ret = vpc_put_footer(c->bs, s->footer_offset);
    }
    for (unsigned i = 0; i < c->further_count && ret >= 0; i++) {
        ret = vpc_put_footer(c->bs, c->further[i]);
    }
    return c->write_copy || c->write_header || in_place || c->further_count
           ? repair_flush(c, ret) : ret;
}

/* ---- blocks ------------------------------------------------------------- */

/* Zeroes the parts of cut blocks that are in [@start, @end). */
static int repair_fill_cuts(const VpcCheck *c, uint64_t start, uint64_t end)
{
    int ret = 0;

    if (!c->cuts->len) {
        return 0;
    }
    for (guint i = 0; i < c->cuts->len && ret >= 0; i++) {
        VpcRange cut = g_array_index(c->cuts, VpcRange, i);

        ret = repair_zero(c, MAX(cut.start, start), MIN(cut.end, end));
    }
    return repair_flush(c, ret);
}

/* Zeroes the part of [@start, +@bytes), which was read to @buf, in @range. */
static void repair_clear_part(uint8_t *buf, uint64_t start, uint64_t bytes,
                              const VpcRange *range)
{
    uint64_t first = MAX(start, range->start);
    uint64_t last = MIN(start + bytes, range->end);

    if (first < last) {
        memset(buf + (first - start), 0, last - first);
    }
}

/*
 * Copies what is the block's own: zeroes take the place of other structures,
 * and of what is past the end, because the guest must not see these.
 */
static int repair_copy_block(const VpcCheck *c, const VpcMove *m, uint8_t *buf)
{
    VpcState *s = c->bs->opaque;
    VpcRange past_end = { c->cut_end, UINT64_MAX };
    uint64_t from = (uint64_t)m->from * VPC_SECTOR;
    uint64_t to = (uint64_t)m->to * VPC_SECTOR;
    uint64_t end = from + c->block_bytes;
    int ret = 0;

    while (from < end && ret >= 0) {
        int64_t n = end - from;
        bool zero = from >= c->cut_end;

        /* A hole is skipped, because blocks of a GiB may be all but empty. */
        if (!zero) {
            ret = bdrv_block_status(c->bs->file->bs, from, n, &n, NULL, NULL);
            zero = ret >= 0 && (ret & BDRV_BLOCK_ZERO) && n > 0;
            n = MIN((uint64_t)n, end - from);
        }
        if (!zero) {
            n = MIN(end - from, COPY_BYTES);
            ret = bdrv_pread(c->bs->file, from, buf, n);
            for (unsigned i = 0; i < s->reserved_count; i++) {
                repair_clear_part(buf, from, n, &s->reserved[i]);
            }
            repair_clear_part(buf, from, n, &past_end);
            zero = buffer_is_zero(buf, n);
        }
        /* Holes stay holes: new space of most files reads as zeroes. */
        if (ret >= 0 && !zero) {
            ret = bdrv_pwrite(c->bs->file, to, buf, n);
        } else if (ret >= 0 && !s->file_grows_zeroed) {
            ret = repair_zero(c, to, to + n);
        }
        from += n;
        to += n;
    }
    return ret;
}

/* The new footer first: it makes the file as long as it is to be. */
static int repair_copy_blocks(const VpcCheck *c)
{
    g_autofree uint8_t *buf = c->moves->len ? g_malloc(COPY_BYTES) : NULL;
    int ret;

    if (!c->moves_footer) {
        return 0;
    }
    ret = vpc_put_footer(c->bs, c->new_footer);
    for (guint i = 0; i < c->moves->len && ret >= 0; i++) {
        ret = repair_copy_block(c, &g_array_index(c->moves, VpcMove, i), buf);
    }
    return repair_flush(c, ret);
}

/* ---- BAT and batmap ----------------------------------------------------- */

/* A part of the BAT that is being changed, because there may be millions. */
typedef struct BatPiece {
    const VpcCheck *c;
    uint32_t first;             /* block */
    uint32_t count;             /* 0: none was read yet */
    uint32_t raw[PIECE_ENTRIES];
} BatPiece;

static int repair_write_piece(BatPiece *p)
{
    int ret = p->count
        ? bdrv_pwrite(p->c->bs->file,
                      vpc_entry_offset(p->c->bs->opaque, p->first), p->raw,
                      p->count * sizeof(uint32_t)) : 0;

    return MIN(ret, 0);
}

/* Sets the entries of @count blocks.  Blocks come in ascending order. */
static int repair_set_entries(BatPiece *p, uint32_t block, uint32_t count,
                              uint32_t entry)
{
    VpcState *s = p->c->bs->opaque;
    int ret = 0;

    for (uint32_t end = block + count; block < end; block++) {
        if (block - p->first >= p->count) {
            ret = repair_write_piece(p);
            p->first = block;
            p->count = MIN(vpc_census_entries(s) - block, PIECE_ENTRIES);
            if (ret == 0) {
                ret = bdrv_pread(p->c->bs->file, vpc_entry_offset(s, block),
                                 p->raw, p->count * sizeof(uint32_t));
            }
            if (ret < 0) {
                return ret;
            }
        }
        p->raw[block - p->first] = cpu_to_be32(entry);
    }
    return 0;
}

static int repair_drop_entry(void *opaque, uint32_t block, uint32_t count,
                             uint32_t entry)
{
    BatPiece *piece = opaque;
    VpcFault fault = vpc_entry_fault(piece->c->bs->opaque, entry);

    return entry == VPC_UNALLOCATED || vpc_fault_has_place(fault)
           ? 0 : repair_set_entries(piece, block, count, VPC_UNALLOCATED);
}

/* Entries that point nowhere name no block any more. */
static int repair_drop_entries(const VpcCheck *c)
{
    g_autofree BatPiece *piece = g_new0(BatPiece, 1);
    int ret;

    if (!(c->plan & VPC_REPAIR_FORCED)) {
        return 0;
    }
    piece->c = c;
    ret = vpc_bat_walk(c->bs, vpc_census_entries(c->bs->opaque),
                       repair_drop_entry, piece);
    return repair_flush(c, ret < 0 ? ret : repair_write_piece(piece));
}

/*
 * One flush does for the batmap and its header, because a map whose checksum is
 * wrong is not trusted.
 */
static int repair_bat(const VpcCheck *c)
{
    g_autofree BatPiece *piece = g_new0(BatPiece, 1);
    VpcState *s = c->bs->opaque;
    int ret = 0;

    piece->c = c;
    for (guint i = 0; i < c->moves->len && ret >= 0; i++) {
        const VpcMove *m = &g_array_index(c->moves, VpcMove, i);

        ret = repair_set_entries(piece, m->block, 1, m->to);
    }
    if (ret >= 0) {
        ret = repair_write_piece(piece);
    }
    if (ret >= 0 && c->write_batmap) {
        ret = bdrv_pwrite(c->bs->file, s->batmap.offset, c->map,
                          s->batmap.bytes);
    }
    if (ret >= 0 && c->write_batmap) {
        ret = bdrv_pwrite(c->bs->file, s->batmap.header_offset, &c->batmap,
                          sizeof(c->batmap));
    }
    return c->moves->len || c->write_batmap ? repair_flush(c, ret) : ret;
}

int vpc_repair_errors(const VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    uint64_t end = vpc_layout_after_footer(c->new_footer);
    int ret = repair_headers(c);

    if (ret == 0) {
        ret = repair_drop_entries(c);
    }
    /*
     * Where the old footer is first, before the file becomes longer, because
     * then the block would not look cut off any more.
     */
    if (ret == 0) {
        ret = repair_fill_cuts(c, 0, s->file_length);
    }
    if (ret == 0 && !s->file_grows_zeroed) {
        ret = repair_fill_cuts(c, s->file_length, UINT64_MAX);
    }
    if (ret == 0) {
        ret = repair_copy_blocks(c);
    }
    if (ret == 0) {
        ret = repair_bat(c);
    }
    /*
     * Nothing but zeroes and old footers lies after a new footer.  A device,
     * which cannot be cut, gets a second one in its last sector, where programs
     * look.
     */
    if (ret == 0 && c->moves_footer && s->file_length > end &&
        bdrv_truncate(c->bs->file, end, true, PREALLOC_MODE_OFF, NULL) < 0) {
        ret = vpc_put_footer(c->bs, s->file_length - VPC_SECTOR);
        ret = repair_flush(c, ret);
    }
    return ret;
}

/* ---- lost space --------------------------------------------------------- */

/*
 * All that lies after the last block goes with the end of the file, but what a
 * longer file holds after its image.
 */
static int repair_lost_end(const VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    uint64_t footer = vpc_layout_footer(c->data_end);
    uint64_t end = vpc_layout_after_footer(footer);
    int ret = vpc_space_content(c->bs, c->lost_end.end, s->file_length);
    bool cut = ret != VPC_CONTENT_DATA;

    ret = ret < 0 ? ret : repair_flush(c, vpc_put_footer(c->bs, footer));
    if (ret == 0 && (!cut || bdrv_truncate(c->bs->file, end, true,
                                           PREALLOC_MODE_OFF, NULL) < 0)) {
        /* It keeps its old footer as well. */
        ret = repair_zero(c, end, c->lost_end.end);
    }
    return ret;
}

int vpc_repair_leaks(const VpcCheck *c)
{
    int ret = 0;

    if (c->plan & VPC_REPAIR_ORPHANS) {
        for (guint i = 0; i < c->lost->len && ret >= 0; i++) {
            VpcRange lost = g_array_index(c->lost, VpcRange, i);

            ret = repair_zero(c, lost.start, lost.end);
        }
    }
    if (ret >= 0 && c->lost_end.end) {
        ret = repair_lost_end(c);
    }
    return repair_flush(c, ret);
}
