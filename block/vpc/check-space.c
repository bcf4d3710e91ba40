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
 *   - Old footers may be left behind blocks, where the next one was aligned; when
 *     these blocks are unmapped, several are in one gap.
 *   - What lies behind the footer is not the image's.
 */
#include "qemu/osdep.h"
#include "check.h"

#define SLACK (2 * 4096)

static int compare_ranges(const void *a, const void *b)
{
    const VpcRange *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

static void judge_gap(VpcCheck *c, uint64_t start, uint64_t end)
{
    VpcRange gap = { start, end };
    int ret;

    if (end <= start + SLACK) {
        return;
    }
    ret = vpc_reads_zero(c->bs, MIN(ROUND_UP(start, 4096), end - SLACK),
                         end - SLACK, true);
    if (ret < 0) {
        c->errors++;
    } else if (ret == 0) {
        vpc_found(c, BDRV_FINDING_LEAK, BDRV_FIX_LEAKS, start, "lost space",
                  g_strdup_printf("%" PRIu64 " bytes with data", end - start),
                  g_strdup("something that refers to it"));
        g_array_append_val(c->lost, gap);
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
    while (i < n || j < c->starts->len) {
        uint64_t block = j < c->starts->len
                         ? (uint64_t)g_array_index(c->starts, uint32_t, j) *
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
    judge_gap(c, pos, s->file_end);
}
