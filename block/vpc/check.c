/* SPDX-License-Identifier: MIT */
/*
 * The course of a check: look at everything, then repair what was asked for.
 *
 * Invariants:
 *   - A repair begins when the check has come to its end, and only of what
 *     needs no guess.
 *   - Nothing that is an I/O error reads as zeroes afterwards, unless that was
 *     forced.
 *   - Lost space is given up only by a run that finds nothing corrupt, and
 *     after an opening that repaired nothing (repair=on): what a damaged entry,
 *     header or footer has lost might lie there, and a guest's data is in the
 *     file only once.  Of a repair of everything that is space which reads as
 *     zeroes; orphans go only where leaks alone are repaired.
 *   - After a repair the state is made anew of the file.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "check.h"

static void check_clear(VpcCheck *c)
{
    vpc_findings_clear(c);
    vpc_census_clear(&c->census);
    g_array_free(c->moves, true);
    g_array_free(c->cuts, true);
    g_array_free(c->lost, true);
    g_free(c->map);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VpcCheck, check_clear)

/* Errors or lost space, never both in one run: see the invariants. */
static unsigned check_plan(const VpcCheck *c)
{
    const VpcState *s = c->bs->opaque;
    unsigned plan = 0;

    if (c->doubtful) {
        return 0;
    }
    if (c->fix & BDRV_FIX_ERRORS) {
        plan = c->fix & BDRV_FIX_FORCE ? VPC_REPAIR_ERRORS
                                       : VPC_REPAIR_ERRORS ^ VPC_REPAIR_FORCED;
    }
    plan &= c->repairable;
    if (!plan && (c->fix & BDRV_FIX_LEAKS) && !c->corrupt && !s->repaired) {
        plan = VPC_REPAIR_ZEROES |
               (c->fix & BDRV_FIX_ERRORS ? 0 : VPC_REPAIR_ORPHANS);
    }
    return plan & c->repairable;
}

static int check_repair(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    int ret = 0;

    c->plan = check_plan(c);
    /* Without a plan, too: whether a lost footer waits is to be told. */
    if (s->type != VPC_TYPE_FIXED &&
        ((c->plan & VPC_REPAIR_ERRORS) ||
         (c->entries_damaged && s->footer_lost))) {
        ret = vpc_check_place(c);
    }
    if (ret < 0 || !c->plan || (c->fix & BDRV_FIX_DRY_RUN)) {
        return ret;
    }
    ret = c->plan & VPC_REPAIR_ERRORS ? vpc_repair_errors(c)
                                      : vpc_repair_leaks(c);
    if (ret == 0) {
        ret = vpc_reload(c->bs, NULL);
    }
    c->done = ret == 0;
    return ret;
}

int vpc_check(BlockDriverState *bs, BdrvCheckResult *result, BdrvCheckMode fix)
{
    VpcState *s = bs->opaque;
    g_auto(VpcCheck) c = {
        .bs = bs,
        .fix = fix,
        .findings = g_array_new(false, false, sizeof(VpcFinding)),
        .details = g_array_new(false, false, sizeof(VpcDetail)),
        .file_end = s->file_end,
        /* The part of a sector that a file ends with is a block's, too. */
        .cut_end = s->footer_lost ? s->exact_length : s->file_end,
        .errors = s->unread,
        .block_bytes = (uint64_t)s->bitmap_size + s->block_size,
        .new_footer = s->footer_offset,
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
        /*
         * A header with a wrong checksum in a file with lost space may be wrong
         * about where the BAT is: then another BAT names the blocks, and each
         * repair by this one would damage them.
         */
        c.doubtful |= c.errors || (c.write_header && c.lost_data);
    }
    if (ret == 0) {
        ret = check_repair(&c);
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
