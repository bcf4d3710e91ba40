/* SPDX-License-Identifier: MIT */
/*
 * The list of findings of a check, and their words.
 *
 * Invariant: findings about blocks are kept as numbers, and become words one by
 * one, when they are told.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "check.h"

void vpc_found(VpcCheck *c, BdrvFindingGrade grade, BdrvCheckMode repair,
               uint64_t offset, const char *field, char *value,
               char *expected)
{
    VpcFinding finding = {
        .grade = grade,
        .repair = repair,
        .offset = offset,
        .field = field,
        .value = value,
        .expected = expected,
    };

    g_array_append_val(c->findings, finding);
}

static bool extend_last(VpcCheck *c, VpcFault fault, uint32_t block,
                        uint32_t count, uint32_t entry)
{
    VpcFinding *last;

    if (!c->findings->len) {
        return false;
    }
    last = &g_array_index(c->findings, VpcFinding, c->findings->len - 1);
    if (last->fault != fault || last->entry != entry ||
        last->block + last->count != block) {
        return false;
    }
    last->count += count;
    return true;
}

void vpc_found_blocks(VpcCheck *c, VpcFault fault, uint64_t offset,
                      uint32_t block, uint32_t count, uint32_t entry,
                      uint32_t other)
{
    VpcFinding finding = {
        .grade = fault == VPC_FAULT_STALE ? BDRV_FINDING_WARNING
                                          : BDRV_FINDING_CORRUPTION,
        .repair = fault == VPC_FAULT_STALE ? 0 : BDRV_FIX_ERRORS,
        .fault = fault,
        .offset = offset,
        .block = block,
        .count = count,
        .entry = entry,
        .other = other,
    };
    bool alone = fault == VPC_FAULT_OUTSIDE || fault == VPC_FAULT_OVER;

    if (!alone || !extend_last(c, fault, block, count, entry)) {
        g_array_append_val(c->findings, finding);
    }
}

bool vpc_findings_to_repair(const VpcCheck *c, BdrvCheckMode mode)
{
    for (guint i = 0; i < c->findings->len; i++) {
        if (g_array_index(c->findings, VpcFinding, i).repair & mode) {
            return true;
        }
    }
    return false;
}

bool vpc_findings_corrupt(const VpcCheck *c)
{
    for (guint i = 0; i < c->findings->len; i++) {
        const VpcFinding *f = &g_array_index(c->findings, VpcFinding, i);

        if (f->grade == BDRV_FINDING_CORRUPTION && !f->fixed) {
            return true;
        }
    }
    return false;
}

void vpc_findings_leave_all(VpcCheck *c)
{
    for (guint i = 0; i < c->findings->len; i++) {
        g_array_index(c->findings, VpcFinding, i).repair = 0;
    }
}

void vpc_findings_mark_fixed(VpcCheck *c, BdrvCheckMode mode)
{
    for (guint i = 0; i < c->findings->len; i++) {
        VpcFinding *f = &g_array_index(c->findings, VpcFinding, i);

        f->fixed |= f->repair & mode;
    }
}

void vpc_findings_clear(VpcCheck *c)
{
    for (guint i = 0; i < c->findings->len; i++) {
        VpcFinding *f = &g_array_index(c->findings, VpcFinding, i);

        if (f->fault == VPC_FAULT_NONE) {
            g_free(f->value);
            g_free(f->expected);
        }
    }
    g_array_free(c->findings, true);
}

/* ---- words -------------------------------------------------------------- */

static char *block_field(const VpcFinding *f)
{
    const char *what = f->fault == VPC_FAULT_STALE ? "unused sectors"
                       : f->fault == VPC_FAULT_BATMAP ? "batmap bit"
                       : "table entry";

    if (f->count > 1) {
        return g_strdup_printf("%s of each of the blocks %" PRIu32 " to %"
                               PRIu32, what, f->block,
                               f->block + f->count - 1);
    }
    return g_strdup_printf("%s of block %" PRIu32, what, f->block);
}

static char *block_value(const VpcFinding *f)
{
    if (f->fault == VPC_FAULT_STALE) {
        return g_strdup("data");
    }
    if (f->fault == VPC_FAULT_BATMAP) {
        return g_strdup("1");
    }
    return g_strdup_printf("0x%08" PRIx32 " (offset %" PRIu64 ")", f->entry,
                           (uint64_t)f->entry * VPC_SECTOR);
}

static char *block_expected(const VpcCheck *c, const VpcFinding *f)
{
    switch (f->fault) {
    case VPC_FAULT_OUTSIDE:
        return g_strdup_printf("0xffffffff, or a sector before the end at "
                               "offset %" PRIu64, c->file_end);
    case VPC_FAULT_OVER:
        return g_strdup("0xffffffff, or a sector apart from headers and "
                        "tables");
    case VPC_FAULT_INTO:
        return g_strdup("a block that ends before other structures begin");
    case VPC_FAULT_TRUNCATED:
        return g_strdup_printf("a block of %" PRIu64 " bytes before the end "
                               "at offset %" PRIu64,
                               c->block_bytes, c->file_end);
    case VPC_FAULT_OVERLAPPING:
        return g_strdup_printf("space of its own, which that of the block at "
                               "0x%08" PRIx32 " does not overlap", f->other);
    case VPC_FAULT_STALE:
        return g_strdup("zeroes where the bits of the sector bitmap are "
                        "clear");
    default:
        return g_strdup("0, as the sector bitmap is not full");
    }
}

/* Was the entry of these blocks given up? */
static bool is_given_up(const VpcFinding *f)
{
    return f->fixed && (f->fault == VPC_FAULT_OUTSIDE ||
                        f->fault == VPC_FAULT_OVER);
}

/*
 * What of a block's data was not in its place, from the first such byte to the
 * last one: it was past the end, or other structures had it.
 */
static VpcRange missing_data(const VpcCheck *c, const VpcFinding *f)
{
    VpcState *s = c->bs->opaque;
    uint64_t data = vpc_data_offset(s, f->entry);
    uint64_t data_end = data + s->block_size;
    VpcRange missing = { data_end, data };

    if (data_end > c->file_end) {
        missing = (VpcRange) { MAX(c->file_end, data), data_end };
    }
    for (unsigned i = 0; i < s->reserved_count; i++) {
        const VpcRange *r = &s->reserved[i];

        if (r->start < data_end && r->end > data) {
            missing.start = MIN(missing.start, MAX(r->start, data));
            missing.end = MAX(missing.end, MIN(r->end, data_end));
        }
    }
    return (VpcRange) { MIN(missing.start, missing.end) - data,
                        missing.end - data };
}

/* What of the disk reads as zeroes since the repair of @f. */
static VpcRange zeroed_range(const VpcCheck *c, const VpcFinding *f)
{
    VpcState *s = c->bs->opaque;
    uint64_t size = MAX(s->size, be64_to_cpu(s->footer.current_size));
    uint64_t start = (uint64_t)f->block << s->block_shift;
    VpcRange range = { 0, 0 };

    if (is_given_up(f)) {
        range.end = (uint64_t)f->count << s->block_shift;
    } else if (f->fixed && (f->fault == VPC_FAULT_TRUNCATED ||
                            f->fault == VPC_FAULT_INTO)) {
        range = missing_data(c, f);
    }
    range.end = MIN(start + range.end, size);
    range.start = MIN(start + range.start, range.end);
    return range;
}

static void tell(const VpcCheck *c, const VpcFinding *f,
                 BdrvCheckResult *result)
{
    bool words = f->fault == VPC_FAULT_NONE;
    VpcRange zeroed = zeroed_range(c, f);
    g_autofree char *field = words ? NULL : block_field(f);
    g_autofree char *value = words ? NULL : block_value(f);
    g_autofree char *expected = words ? NULL : block_expected(c, f);
    BdrvCheckFinding finding = {
        .grade = f->grade,
        .offset = f->offset,
        .field = words ? f->field : field,
        .value = words ? f->value : value,
        .expected = words ? f->expected : expected,
        .fixed = f->fixed,
        .guest_offset = zeroed.start,
        .guest_bytes = zeroed.end - zeroed.start,
    };

    result->listener(&finding, result->listener_opaque);
}

static void count(int *total, const VpcFinding *f)
{
    uint32_t n = f->fault == VPC_FAULT_NONE ? 1 : f->count;

    *total = n > (uint32_t)(INT_MAX - *total) ? INT_MAX : *total + (int)n;
}

void vpc_findings_report(const VpcCheck *c, BdrvCheckResult *result)
{
    for (guint i = 0; i < c->findings->len; i++) {
        const VpcFinding *f = &g_array_index(c->findings, VpcFinding, i);

        if (f->grade == BDRV_FINDING_CORRUPTION) {
            count(f->fixed ? &result->corruptions_fixed
                           : &result->corruptions, f);
            if (is_given_up(f)) {
                count(&result->given_up, f);
            }
        } else if (f->grade == BDRV_FINDING_LEAK) {
            count(f->fixed ? &result->leaks_fixed : &result->leaks, f);
        }
        if (result->listener) {
            tell(c, f, result);
        }
    }
    result->check_errors = c->errors;
}
