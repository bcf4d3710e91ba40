/* SPDX-License-Identifier: MIT */
/*
 * Writes what a check has planned.
 *
 * The order, with a flush behind each step:
 *
 *   1. the head, the header's checksum, a tail that stays where it is: from now
 *      on the head is good, whatever happens to the tail;
 *   2. zeroes where blocks that were cut off go on, which may be where the old
 *      tail is;
 *   3. the new tail, behind all that will be; copies of blocks, before it;
 *   4. entries of the table, and the batmap.
 *
 * Lost space: a tail that moves down is written, then the file is cut behind it.
 *
 * Invariants:
 *   - After each write, and after each power cut, one footer and the header are
 *     good or as they were, and each entry points at a whole copy of its block.
 *   - Nothing that a block refers to is written over, but for sectors that were
 *     behind the end.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "check.h"

#define COPY_BYTES (1 * MiB)
#define ZERO_BYTES (1 * GiB)

static int put(const VpcCheck *c, uint64_t offset, const void *buf, int bytes)
{
    int ret = bdrv_pwrite(c->bs->file, offset, buf, bytes);

    return ret < 0 ? ret : 0;
}

static int put_zeroes(const VpcCheck *c, uint64_t start, uint64_t end)
{
    int ret = 0;

    while (start < end && ret >= 0) {
        int n = MIN(end - start, ZERO_BYTES);

        ret = bdrv_pwrite_zeroes(c->bs->file, start, n, BDRV_REQ_MAY_UNMAP);
        start += n;
    }
    return ret < 0 ? ret : 0;
}

static int flush(const VpcCheck *c, int ret)
{
    return ret < 0 ? ret : bdrv_flush(c->bs->file->bs);
}

/* ---- the ends ----------------------------------------------------------- */

/* The checksum is in the first sector, which no power cut tears. */
static int put_header(const VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    VpcDynHeader header = s->header;

    vpc_header_seal(&header);
    return put(c, s->header_offset, &header, VPC_SECTOR);
}

static bool footer_moves(const VpcCheck *c)
{
    VpcState *s = c->bs->opaque;

    return s->footer_lost || c->new_footer != s->footer_offset;
}

static int repair_ends(const VpcCheck *c)
{
    bool tail = c->write_footer && !footer_moves(c);
    int ret = 0;

    if (c->write_copy) {
        ret = vpc_put_footer(c->bs, 0);
    }
    if (ret == 0 && c->write_header) {
        ret = put_header(c);
    }
    if (ret == 0 && tail) {
        ret = vpc_put_footer(c->bs, c->new_footer);
    }
    for (unsigned i = 0; i < c->further_count && ret == 0; i++) {
        ret = vpc_put_footer(c->bs, c->further[i]);
    }
    return c->write_copy || c->write_header || tail || c->further_count
           ? flush(c, ret) : ret;
}

/* ---- blocks ------------------------------------------------------------- */

/* Zeroes what of the cut parts lies in [@start, @end). */
static int fill_cuts_in(const VpcCheck *c, uint64_t start, uint64_t end)
{
    int ret = 0;

    for (guint i = 0; i < c->cuts->len && ret == 0; i++) {
        VpcRange cut = g_array_index(c->cuts, VpcRange, i);

        ret = put_zeroes(c, MAX(cut.start, start), MIN(cut.end, end));
    }
    return flush(c, ret);
}

/*
 * The old tail goes before the file becomes longer: then the block would not
 * look cut off any more.
 */
static int fill_cuts(const VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    int ret;

    if (!c->cuts->len) {
        return 0;
    }
    ret = fill_cuts_in(c, 0, s->file_length);
    if (ret == 0 && !s->file_grows_zeroed) {
        ret = fill_cuts_in(c, s->file_length, UINT64_MAX);
    }
    return ret;
}

/* Zeroes the part of [@start, +@bytes), read to @buf, that is in @range. */
static void clear_part(uint8_t *buf, uint64_t start, uint64_t bytes,
                       const VpcRange *range)
{
    uint64_t first = MAX(start, range->start);
    uint64_t last = MIN(start + bytes, range->end);

    if (first < last) {
        memset(buf + (first - start), 0, last - first);
    }
}

/* What is the block's own: other structures, and what is behind the end, is not. */
static int read_own(const VpcCheck *c, uint64_t start, uint8_t *buf, int bytes)
{
    VpcState *s = c->bs->opaque;
    VpcRange behind = { c->file_end, UINT64_MAX };
    int ret = bdrv_pread(c->bs->file, start, buf, bytes);

    for (unsigned i = 0; i < s->reserved_count; i++) {
        clear_part(buf, start, bytes, &s->reserved[i]);
    }
    clear_part(buf, start, bytes, &behind);
    return ret < 0 ? ret : 0;
}

/* How much of [@start, @end) is a hole of the file. */
static uint64_t hole_at(const VpcCheck *c, uint64_t start, uint64_t end)
{
    int64_t pnum = 0;
    int ret = bdrv_block_status(c->bs->file->bs, start, end - start, &pnum,
                                NULL, NULL);

    if (start >= c->file_end) {
        return end - start;
    }
    return ret >= 0 && (ret & BDRV_BLOCK_ZERO) ? MIN((uint64_t)pnum,
                                                     end - start) : 0;
}

static int copy_block(const VpcCheck *c, const VpcMove *m, uint8_t *buf)
{
    VpcState *s = c->bs->opaque;
    uint64_t from = (uint64_t)m->from * VPC_SECTOR;
    uint64_t to = (uint64_t)m->to * VPC_SECTOR;
    uint64_t done = 0;
    int ret = 0;

    while (done < c->block_bytes && ret == 0) {
        uint64_t n = hole_at(c, from + done, from + c->block_bytes);
        bool zero = n > 0;

        if (!zero) {
            n = MIN(c->block_bytes - done, COPY_BYTES);
            ret = read_own(c, from + done, buf, n);
            zero = buffer_is_zero(buf, n);
        }
        if (ret == 0 && !zero) {
            ret = put(c, to + done, buf, n);
        } else if (ret == 0 && !s->file_grows_zeroed) {
            ret = put_zeroes(c, to + done, to + done + n);
        }
        done += n;
    }
    return ret;
}

/* The new tail first: it makes the file as long as it is to be. */
static int copy_blocks(const VpcCheck *c)
{
    g_autofree uint8_t *buf = c->moves->len ? g_malloc(COPY_BYTES) : NULL;
    int ret = 0;

    if (!c->write_footer || !footer_moves(c)) {
        return 0;
    }
    ret = vpc_put_footer(c->bs, c->new_footer);
    for (guint i = 0; i < c->moves->len && ret == 0; i++) {
        ret = copy_block(c, &g_array_index(c->moves, VpcMove, i), buf);
    }
    return flush(c, ret);
}

/* Sets the entries of @count blocks, which lie in one piece of the table. */
static int put_entries(const VpcCheck *c, uint32_t block, uint32_t count,
                       uint32_t entry)
{
    VpcState *s = c->bs->opaque;
    g_autofree uint32_t *raw = g_new(uint32_t, count);

    for (uint32_t i = 0; i < count; i++) {
        raw[i] = cpu_to_be32(entry);
    }
    return put(c, s->bat.offset + (uint64_t)block * sizeof(*raw), raw,
               count * sizeof(*raw));
}

static int repair_table(const VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    int ret = 0;

    for (guint i = 0; i < c->drops->len && ret == 0; i++) {
        VpcDrop drop = g_array_index(c->drops, VpcDrop, i);

        while (drop.count && ret == 0) {
            uint32_t n = MIN(drop.count, 64 * KiB);

            ret = put_entries(c, drop.block, n, VPC_UNALLOCATED);
            drop.block += n;
            drop.count -= n;
        }
    }
    for (guint i = 0; i < c->moves->len && ret == 0; i++) {
        const VpcMove *m = &g_array_index(c->moves, VpcMove, i);

        ret = put_entries(c, m->block, 1, m->to);
    }
    if (ret == 0 && c->write_batmap) {
        ret = put(c, be64_to_cpu(c->batmap.offset), c->map, s->batmap.bytes);
        if (ret == 0) {
            ret = put(c, s->batmap.header_offset, &c->batmap,
                      sizeof(c->batmap));
        }
    }
    return c->drops->len || c->moves->len || c->write_batmap ? flush(c, ret)
                                                              : ret;
}

/*
 * Nothing but zeroes and old footers lies after the footer.  What cannot be cut,
 * a device, gets a second one in its last sector.
 */
static int cut_after_footer(const VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    uint64_t end = vpc_layout_after_footer(c->new_footer);

    if (!c->cut || s->file_length <= end ||
        bdrv_truncate(c->bs->file, end, true, PREALLOC_MODE_OFF, NULL) == 0) {
        return 0;
    }
    return flush(c, vpc_put_footer(c->bs, s->file_length - VPC_SECTOR));
}

int vpc_repair_errors(const VpcCheck *c)
{
    int ret = repair_ends(c);

    if (ret == 0) {
        ret = fill_cuts(c);
    }
    if (ret == 0) {
        ret = copy_blocks(c);
    }
    if (ret == 0) {
        ret = repair_table(c);
    }
    return ret < 0 ? ret : cut_after_footer(c);
}

/* ---- lost space --------------------------------------------------------- */

/* What lies between the last block and the tail goes with the end of the file. */
static int shorten(const VpcCheck *c, const VpcRange *lost)
{
    uint64_t tail = vpc_layout_footer(c->data_end);
    int ret = vpc_put_footer(c->bs, tail);

    ret = flush(c, ret);
    if (ret < 0) {
        return ret;
    }
    if (bdrv_truncate(c->bs->file, vpc_layout_after_footer(tail), true,
                      PREALLOC_MODE_OFF, NULL) < 0) {
        /* A device, say: the old tail stays the tail. */
        return put_zeroes(c, vpc_layout_after_footer(tail), lost->end);
    }
    return 0;
}

int vpc_repair_leaks(const VpcCheck *c)
{
    int ret = 0;

    for (guint i = 0; i < c->lost->len && ret == 0; i++) {
        const VpcRange *lost = &g_array_index(c->lost, VpcRange, i);

        ret = lost->start >= c->data_end
              ? shorten(c, lost) : put_zeroes(c, lost->start, lost->end);
    }
    return flush(c, ret);
}
