/* SPDX-License-Identifier: MIT */
/*
 * The list of findings of a check, and their words.
 *
 * Invariant: findings about blocks are kept as numbers, and become words one by
 * one, when they are reported, because a BAT can have millions of them.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "check.h"

/* Notes for the repair what kinds there are, so that it walks over no list. */
static void findings_add(VpcCheck *c, VpcFinding finding)
{
    c->repairable |= finding.repair;
    c->corrupt |= finding.grade == BDRV_FINDING_CORRUPTION;
    g_array_append_val(c->findings, finding);
}

void vpc_found(VpcCheck *c, BdrvFindingGrade grade, BdrvCheckMode repair,
               uint64_t offset, const char *field, char *value,
               const char *expected, ...)
{
    va_list ap;

    va_start(ap, expected);
    findings_add(c, (VpcFinding) {
        .grade = grade,
        .repair = repair,
        .offset = offset,
        .field = field,
        .value = value,
        .expected = g_strdup_vprintf(expected, ap),
    });
    va_end(ap);
}

void vpc_found_blocks(VpcCheck *c, VpcFault fault, uint64_t offset,
                      uint32_t block, uint32_t count, uint32_t entry,
                      uint32_t other)
{
    bool stale = fault == VPC_FAULT_STALE;
    bool harmless = stale || fault == VPC_FAULT_BATMAP;
    VpcFinding *last = c->findings->len
                       ? &g_array_index(c->findings, VpcFinding,
                                        c->findings->len - 1) : NULL;

    /* Blocks without a place may be millions, where the BAT is a hole. */
    if (!vpc_fault_has_place(fault) && last && last->fault == fault &&
        last->entry == entry && last->block + last->count == block) {
        last->count += count;
        return;
    }
    findings_add(c, (VpcFinding) {
        .grade = harmless ? BDRV_FINDING_WARNING : BDRV_FINDING_CORRUPTION,
        .repair = stale ? 0 : BDRV_FIX_ERRORS,
        .fault = fault,
        .offset = offset,
        .block = block,
        .count = count,
        .entry = entry,
        .other = other,
    });
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

/*
 * The value that was expected of blocks, for g_free(), with @field, the words
 * for the field, and @value, NULL for that of the entry.
 */
static char *findings_expected(const VpcCheck *c, const VpcFinding *f,
                               const char **field, const char **value)
{
    *field = "table entry";
    *value = NULL;
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
        *field = "unused sectors";
        *value = "data";
        return g_strdup("zeroes where the bits of the sector bitmap are "
                        "clear");
    default:
        *field = "batmap bit";
        *value = "1";
        return g_strdup("0, as the sector bitmap is not full");
    }
}

/*
 * Sets the part of the disk that reads as zeroes since the repair of @f: all of
 * its blocks, or what of the block's data was not in its place, from the first
 * such byte to the last one, because the file ended or other structures had it.
 */
static void findings_set_zeroed(const VpcCheck *c, const VpcFinding *f,
                                BdrvCheckFinding *finding)
{
    VpcState *s = c->bs->opaque;
    uint64_t size = MAX(s->size, be64_to_cpu(s->footer.current_size));
    uint64_t start = (uint64_t)f->block << s->block_shift;
    uint64_t data = vpc_data_offset(s, f->entry);
    uint64_t data_end = data + s->block_size;
    VpcRange gone = { data_end, data };

    if (!vpc_fault_has_place(f->fault)) {
        gone.start = data;
        gone.end = data + ((uint64_t)f->count << s->block_shift);
    } else if (f->fault == VPC_FAULT_TRUNCATED || f->fault == VPC_FAULT_INTO) {
        if (data_end > c->file_end) {
            gone = (VpcRange) { MAX(c->file_end, data), data_end };
        }
        for (unsigned i = 0; i < s->reserved_count; i++) {
            const VpcRange *r = &s->reserved[i];

            if (r->start < data_end && r->end > data) {
                gone.start = MIN(gone.start, MAX(r->start, data));
                gone.end = MAX(gone.end, MIN(r->end, data_end));
            }
        }
    }
    /* The last block may go on after the end of the disk. */
    gone.end = MIN(start + (gone.end - data), size);
    finding->guest_offset = MIN(start + (gone.start - data), gone.end);
    finding->guest_bytes = gone.end - finding->guest_offset;
}

static void findings_report_one(const VpcCheck *c, const VpcFinding *f,
                                BdrvCheckResult *result)
{
    g_autofree char *field = NULL, *value = NULL, *expected = NULL;
    BdrvCheckFinding finding = {
        .grade = f->grade,
        .offset = f->offset,
        .fixed = f->fixed,
    };

    if (f->fault == VPC_FAULT_NONE) {
        finding.field = f->field;
        finding.value = f->value;
        finding.expected = f->expected;
    } else {
        expected = findings_expected(c, f, &finding.field, &finding.value);
        finding.expected = expected;
        field = f->count > 1
            ? g_strdup_printf("%s of each of the blocks %" PRIu32 " to %"
                              PRIu32, finding.field, f->block,
                              f->block + f->count - 1)
            : g_strdup_printf("%s of block %" PRIu32, finding.field, f->block);
        finding.field = field;
        if (!finding.value) {
            value = g_strdup_printf("0x%08" PRIx32 " (offset %" PRIu64 ")",
                                    f->entry,
                                    (uint64_t)f->entry * VPC_SECTOR);
            finding.value = value;
        }
        if (f->fixed) {
            findings_set_zeroed(c, f, &finding);
        }
    }
    result->listener(&finding, result->listener_opaque);
}

/* Saturates, because several findings may be about each of many blocks. */
static void findings_count(int *total, const VpcFinding *f)
{
    uint32_t n = f->fault == VPC_FAULT_NONE ? 1 : f->count;

    *total = n > (uint32_t)(INT_MAX - *total) ? INT_MAX : *total + (int)n;
}

void vpc_findings_report(const VpcCheck *c, BdrvCheckResult *result)
{
    for (guint i = 0; i < c->findings->len; i++) {
        const VpcFinding *f = &g_array_index(c->findings, VpcFinding, i);

        if (f->grade == BDRV_FINDING_CORRUPTION) {
            findings_count(f->fixed ? &result->corruptions_fixed
                                    : &result->corruptions, f);
            if (f->fixed && !vpc_fault_has_place(f->fault)) {
                findings_count(&result->given_up, f);
            }
        } else if (f->grade == BDRV_FINDING_LEAK) {
            findings_count(f->fixed ? &result->leaks_fixed : &result->leaks,
                           f);
        }
        if (result->listener) {
            findings_report_one(c, f, result);
        }
    }
    result->check_errors = c->errors;
}
