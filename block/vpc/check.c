/* SPDX-License-Identifier: MIT */
/*
 * The course of a check: look at everything, then repair what was asked for.
 *
 * Invariants:
 *   - A repair begins when the check has come to its end, and only of what
 *     needs no guess.
 *   - Lost space is given up only by a run that finds nothing corrupt: what a
 *     damaged entry, header or footer has lost might lie there, and a guest's
 *     data is in the file only once.
 *   - After a repair the state is made anew of the file.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "check.h"

static void check_clear(VpcCheck *c)
{
    vpc_findings_clear(c);
    vpc_census_clear(&c->census);
    g_array_free(c->drops, true);
    g_array_free(c->moves, true);
    g_array_free(c->cuts, true);
    g_array_free(c->lost, true);
    g_free(c->map);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VpcCheck, check_clear)

/* Errors or lost space, never both in one run: see the invariants. */
static int check_repair(VpcCheck *c, BdrvCheckMode fix)
{
    VpcState *s = c->bs->opaque;
    BdrvCheckMode mode = fix & c->repairable & BDRV_FIX_ERRORS
                         ?: fix & c->repairable & BDRV_FIX_LEAKS;
    int ret = 0;

    /*
     * A header with a wrong checksum in a file with lost space may be wrong
     * about where the BAT is: then another BAT names the blocks, and each
     * repair by this one would damage them.
     */
    if (!mode || c->contrary || (c->write_header && c->lost->len) ||
        (mode == BDRV_FIX_LEAKS && c->corrupt)) {
        return 0;
    }
    if (mode == BDRV_FIX_ERRORS && s->type != VPC_TYPE_FIXED) {
        ret = vpc_check_place(c);
    }
    if (ret == 0) {
        ret = mode == BDRV_FIX_ERRORS ? vpc_repair_errors(c)
                                      : vpc_repair_leaks(c);
    }
    if (ret == 0) {
        ret = vpc_reload(c->bs, NULL);
    }
    if (ret == 0) {
        vpc_findings_mark_fixed(c, mode);
    }
    return ret;
}

int vpc_check(BlockDriverState *bs, BdrvCheckResult *result, BdrvCheckMode fix)
{
    VpcState *s = bs->opaque;
    g_auto(VpcCheck) c = {
        .bs = bs,
        .findings = g_array_new(false, false, sizeof(VpcFinding)),
        .file_end = s->file_end,
        .block_bytes = (uint64_t)s->bitmap_size + s->block_size,
        .new_footer = s->footer_offset,
        .drops = g_array_new(false, false, sizeof(VpcDrop)),
        .moves = g_array_new(false, false, sizeof(VpcMove)),
        .cuts = g_array_new(false, false, sizeof(VpcRange)),
        .lost = g_array_new(false, false, sizeof(VpcRange)),
    };
    bool dynamic = s->type != VPC_TYPE_FIXED;
    int ret = vpc_check_headers(&c);

    if (ret == 0 && dynamic) {
        ret = vpc_check_blocks(&c);
    }
    if (ret == 0 && dynamic) {
        ret = vpc_check_bitmaps(&c);
    }
    if (ret == 0 && dynamic) {
        vpc_check_space(&c);
    }
    if (ret == 0) {
        if (fix && !c.errors) {
            ret = check_repair(&c, fix);
        }
        /* A repair that failed may have changed what its findings name. */
        vpc_findings_report(&c, result);
    }
    s = bs->opaque;             /* a repair has made it anew */
    if (dynamic) {
        result->bfi = c.bfi;
    }
    result->image_end_offset = vpc_layout_after_footer(
        dynamic ? vpc_space_footer(s) : s->footer_offset);
    return ret;
}

int coroutine_fn vpc_co_check(BlockDriverState *bs, BdrvCheckResult *result,
                              BdrvCheckMode fix)
{
    VpcState *s = bs->opaque;
    int ret = 0;

    if (vpc_any_block_locked(&s->block_locks)) {
        return -EBUSY;
    }
    if (!bdrv_is_read_only(bs)) {
        /* Entries and bits in memory only would look like damage. */
        ret = bdrv_co_flush(bs);
    }
    return ret < 0 ? ret : vpc_check(bs, result, fix);
}
