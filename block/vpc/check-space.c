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
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "check.h"

#define SLACK (2 * VPC_PAGE)

static int lost_compare(const void *a, const void *b)
{
    const VpcRange *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

/* Is [@start, @end) lost?  Its @content is VpcContent or -errno. */
static void lost_found(VpcCheck *c, int content, uint64_t start, uint64_t end)
{
    VpcRange lost = { start, end };

    if (content < 0) {
        c->errors++;
    } else if (content == VPC_CONTENT_DATA) {
        vpc_found(c, BDRV_FINDING_LEAK, BDRV_FIX_LEAKS, start, "lost space",
                  g_strdup_printf("%" PRIu64 " bytes with data", end - start),
                  "something that refers to it");
        g_array_append_val(c->lost, lost);
    }
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
    ret = vpc_space_content(c->bs, last, s->exact_length);
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

/* Space after the last block or structure, which ends at @end. */
static void lost_check_rest(VpcCheck *c, uint64_t end)
{
    VpcState *s = c->bs->opaque;
    uint64_t start = vpc_layout_footer(end);
    uint64_t rest_end = s->footer_lost || s->footer_offset == start
                        ? s->file_length : s->footer_offset;
    uint8_t buf[2 * VPC_PAGE];
    bool last_is_free;
    int content = VPC_CONTENT_DATA;

    if (!s->file_grows_zeroed || start >= s->exact_length) {
        return;                 /* a device: the rest may hold anything */
    }
    if (s->footer_lost) {
        content = vpc_content_after(c->bs, end, &last_is_free);
    } else if (s->footer_offset == start) {
        content = lost_after_footer(c, start);
        start = vpc_layout_after_footer(start);
    } else if (vpc_layout_footer_is_near(end, c->census.starts->len > 0,
                                         rest_end)) {
        content = bdrv_pread(c->bs->file, start, buf, rest_end - start);
        if (content >= 0) {
            content = vpc_is_padding(buf, rest_end - start) ||
                      buffer_is_zero(buf, rest_end - start)
                      ? VPC_CONTENT_ZERO : VPC_CONTENT_DATA;
        }
    }
    lost_found(c, content, start, rest_end);
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

    memcpy(structures, s->rooms, sizeof(s->rooms));
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
        if (end > pos + SLACK) {
            uint64_t start = MIN(ROUND_UP(pos, VPC_PAGE), end - SLACK);

            lost_found(c, vpc_space_content(c->bs, start, end - SLACK), pos,
                       end);
        }
        pos = MAX(pos, next.end);
    }
    lost_check_rest(c, MAX(pos, vpc_space_end(&s->space)));
}
