/* SPDX-License-Identifier: MIT */
/*
 * Check for lost space: parts of the file that nothing refers to and that hold
 * data.
 *
 * Invariants:
 *   - Holes are not lost: unmapped blocks leave them behind.
 *   - Two pages before a structure are not lost either: Windows ends the
 *     metadata with a page, which it pads with ones, and has another one for
 *     the footer.
 *   - Old footers in gaps mean nothing: each block that extended the image has
 *     left one, and when blocks are unmapped, several are in one gap.
 *   - After the last block only its footer may stand, because QEMU takes what
 *     comes there for free and zero; but zeroes, or the ones that pad a BAT,
 *     before a footer near by, as Windows and Virtual PC leave them.  The rest
 *     of a device or a longer file is not the image's while it is zero.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "check.h"

#define SLACK (2 * 4096)

static int compare_ranges(const void *a, const void *b)
{
    const VpcRange *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

static void found_lost(VpcCheck *c, uint64_t start, uint64_t end)
{
    VpcRange lost = { start, end };

    vpc_found(c, BDRV_FINDING_LEAK, BDRV_FIX_LEAKS, start, "lost space",
              g_strdup_printf("%" PRIu64 " bytes with data", end - start),
              "something that refers to it");
    g_array_append_val(c->lost, lost);
}

static void judge_gap(VpcCheck *c, uint64_t start, uint64_t end)
{
    int ret;

    if (end <= start + SLACK) {
        return;
    }
    ret = vpc_space_content(c->bs, MIN(ROUND_UP(start, VPC_PAGE), end - SLACK),
                            end - SLACK);
    if (ret < 0) {
        c->errors++;
    } else if (ret == VPC_CONTENT_DATA) {
        found_lost(c, start, end);
    }
}

/* Are the bytes before a footer near by only what programs pad with? */
static int is_padding(VpcCheck *c, uint64_t start, uint64_t end)
{
    uint8_t buf[2 * VPC_PAGE];
    uint64_t bytes = end - start;
    int ret = bdrv_pread(c->bs->file, start, buf, bytes);

    return ret < 0 ? ret : !bytes || vpc_is_padding(buf, bytes) ||
                           buffer_is_zero(buf, bytes);
}

/*
 * Is there what a session left that was killed, or a repair, after the footer
 * at @footer?  Then a footer ends the file, which is not only the second one of
 * a longer file.  1, 0 or -errno.
 */
static int rest_is_used(VpcCheck *c, uint64_t footer)
{
    VpcState *s = c->bs->opaque;
    uint64_t last = s->file_length - VPC_SECTOR;
    uint64_t next = vpc_layout_block(s->block_size,
                                     vpc_layout_after_footer(footer));
    uint64_t stride = next + c->block_bytes - footer;
    int ret;

    if (last <= footer) {
        return 0;
    }
    ret = vpc_space_content(c->bs, last, s->exact_length);
    if (ret != VPC_CONTENT_FOOTERS) {
        return MIN(ret, 0);
    }
    /* Where the next block's would be: that of a block without an entry. */
    if ((last - footer) % stride == 0) {
        return 1;
    }
    ret = vpc_space_content(c->bs, vpc_layout_after_footer(footer), last);
    return ret < 0 ? ret : ret != VPC_CONTENT_ZERO;
}

/* After the last block or structure, which ends at @end. */
static void judge_rest(VpcCheck *c, uint64_t end)
{
    VpcState *s = c->bs->opaque;
    uint64_t footer = vpc_layout_footer(end);
    uint64_t rest = footer;
    bool last_is_free;
    int ret;

    if (!s->file_grows_zeroed || footer >= s->exact_length) {
        return;                 /* a device: the rest may hold anything */
    }
    if (s->footer_lost) {
        ret = vpc_content_after(c->bs, end, &last_is_free);
        ret = ret < 0 ? ret : ret == VPC_CONTENT_DATA;
    } else if (s->footer_offset == footer) {
        ret = rest_is_used(c, footer);
        rest = vpc_layout_after_footer(footer);
    } else if (vpc_layout_footer_is_near(end, c->census.starts->len > 0,
                                         s->footer_offset)) {
        ret = is_padding(c, footer, s->footer_offset);
        ret = ret < 0 ? ret : !ret;
    } else {
        ret = 1;
    }
    if (ret < 0) {
        c->errors++;
    } else if (ret) {
        found_lost(c, rest, s->footer_lost || s->footer_offset == footer
                            ? s->file_length : s->footer_offset);
    }
}

/* The gaps between structures and blocks, which are sorted. */
void vpc_check_space(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    VpcRange structures[VPC_MAX_RESERVED + VPC_LOCATORS];
    unsigned n = s->reserved_count + VPC_LOCATORS, i = 0;
    guint j = 0;
    uint64_t pos = 0;

    memcpy(structures, s->rooms, sizeof(s->rooms));
    memcpy(structures + VPC_LOCATORS, s->reserved,
           s->reserved_count * sizeof(structures[0]));
    qsort(structures, n, sizeof(structures[0]), compare_ranges);
    while (i < n || j < c->census.starts->len) {
        uint64_t block = j < c->census.starts->len
                         ? (uint64_t)g_array_index(c->census.starts, uint32_t, j) *
                           VPC_SECTOR : UINT64_MAX;
        VpcRange next = { block, block + c->block_bytes };

        if (i < n && structures[i].start < block) {
            next = structures[i++];
        } else {
            j++;
        }
        judge_gap(c, pos, MIN(next.start, s->file_end));
        pos = MAX(pos, next.end);
    }
    judge_rest(c, MAX(pos, vpc_space_end(&s->space)));
}
