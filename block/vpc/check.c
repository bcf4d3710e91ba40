/* SPDX-License-Identifier: MIT */
/*
 * The course of a check: look at everything, then repair what was asked for.
 *
 * Invariants:
 *   - A repair begins when the check has come to its end, and only of what needs
 *     no guess.
 *   - Lost space is given up only by a run that finds nothing corrupt: what a
 *     damaged entry, header or footer has lost might lie there, and a guest's
 *     data is in the file only once.
 *   - After a repair the state is made anew of the file.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "check.h"

static void check_init(VpcCheck *c, BlockDriverState *bs)
{
    VpcState *s = bs->opaque;

    *c = (VpcCheck) {
        .bs = bs,
        .findings = g_array_new(false, false, sizeof(VpcFinding)),
        .file_end = s->file_end,
        .block_bytes = (uint64_t)s->bitmap_size + s->block_size,
        .drops = g_array_new(false, false, sizeof(VpcDrop)),
        .moves = g_array_new(false, false, sizeof(VpcMove)),
        .cuts = g_array_new(false, false, sizeof(VpcRange)),
        .lost = g_array_new(false, false, sizeof(VpcRange)),
    };
}

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

static int look(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    int ret = vpc_check_ends(c);

    if (ret < 0 || s->type == VPC_TYPE_FIXED) {
        c->tail_offset = s->footer_offset;
        return ret;
    }
    ret = vpc_check_blocks(c);
    if (ret == 0) {
        ret = vpc_check_bitmaps(c);
    }
    if (ret == 0) {
        vpc_check_space(c);
    }
    return ret;
}

/* ---- repair ------------------------------------------------------------- */

static int repair_errors(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    int ret = s->type == VPC_TYPE_FIXED ? 0 : vpc_check_place(c);

    if (ret == 0) {
        ret = vpc_repair_errors(c);
    }
    if (ret == 0) {
        ret = vpc_reload(c->bs, NULL);
    }
    if (ret == 0) {
        vpc_findings_mark_fixed(c, BDRV_FIX_ERRORS);
    }
    return ret;
}

static int repair_leaks(VpcCheck *c)
{
    int ret;

    if (vpc_findings_corrupt(c)) {
        return 0;
    }
    ret = vpc_repair_leaks(c);
    if (ret == 0) {
        ret = vpc_reload(c->bs, NULL);
    }
    if (ret == 0) {
        vpc_findings_mark_fixed(c, BDRV_FIX_LEAKS);
    }
    return ret;
}

/*
 * Does the header say where the table is, though its checksum is wrong and space
 * is lost?  Then that may be what is damaged in it, and another table names the
 * blocks.
 */
static bool header_in_doubt(const VpcCheck *c)
{
    return c->write_header && c->lost->len;
}

static int repair(VpcCheck *c, BdrvCheckMode fix)
{
    bool errors = fix & BDRV_FIX_ERRORS &&
                  vpc_findings_to_repair(c, BDRV_FIX_ERRORS);

    if (c->contrary || header_in_doubt(c)) {
        vpc_findings_leave_all(c);
        return 0;
    }
    if (errors) {
        return repair_errors(c);
    }
    return fix & BDRV_FIX_LEAKS && c->lost->len ? repair_leaks(c) : 0;
}

int vpc_check(BlockDriverState *bs, BdrvCheckResult *result, BdrvCheckMode fix)
{
    VpcState *s;
    VpcCheck c;
    int ret;

    check_init(&c, bs);
    ret = look(&c);
    if (ret == 0) {
        if (fix && !c.errors) {
            ret = repair(&c, fix);
        }
        /* A repair that failed may have changed what its findings name. */
        vpc_findings_report(&c, result);
    }
    s = bs->opaque;
    if (s->type != VPC_TYPE_FIXED) {
        result->bfi = c.bfi;
    }
    result->image_end_offset = vpc_layout_after_footer(
        s->type == VPC_TYPE_FIXED ? s->footer_offset : vpc_space_footer(s));
    check_clear(&c);
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
        /* What is in memory only would look like damage. */
        ret = bdrv_co_flush(bs);
    }
    return ret < 0 ? ret : vpc_check(bs, result, fix);
}
