/* SPDX-License-Identifier: MIT */
/*
 * The list of findings of a check.
 *
 * Invariants:
 *   - Findings about blocks are kept as numbers, and become words one by one,
 *     when they are reported, because a BAT can have millions of them.
 *   - A finding about blocks goes on with the next block that has the same
 *     fault, whatever the entries are, so that memory and output are bounded.
 */
#include "qemu/osdep.h"
#include "check.h"

/* Above this number of findings they are less exact. */
#define MAX_FINDINGS 10000

/* Notes for the repair what kinds there are, so that it walks over no list. */
static void findings_add(VpcCheck *c, VpcFinding finding)
{
    c->repairable |= finding.repair;
    c->corrupt |= finding.grade == BDRV_FINDING_CORRUPTION;
    g_array_append_val(c->findings, finding);
}

static void findings_add_detail(VpcCheck *c, VpcFault fault,
                                BdrvFindingGrade grade, VpcRepair repair,
                                VpcDetail detail)
{
    findings_add(c, (VpcFinding) {
        .fault = fault,
        .grade = grade,
        .repair = repair,
        .detail = c->details->len,
    });
    g_array_append_val(c->details, detail);
}

void vpc_found(VpcCheck *c, BdrvFindingGrade grade, VpcRepair repair,
               uint64_t offset, const char *field, char *value,
               const char *expected, ...)
{
    va_list ap;

    va_start(ap, expected);
    findings_add_detail(c, VPC_FAULT_NONE, grade, repair, (VpcDetail) {
        .range = { offset, offset },
        .field = field,
        .value = value,
        .expected = g_strdup_vprintf(expected, ap),
    });
    va_end(ap);
}

void vpc_found_lost(VpcCheck *c, VpcRepair repair, uint64_t start,
                    uint64_t end, uint32_t count, uint64_t data_bytes)
{
    findings_add_detail(c, count ? VPC_FAULT_ORPHANS : VPC_FAULT_LOST,
                        BDRV_FINDING_LEAK, repair, (VpcDetail) {
        .range = { start, end },
        .count = count,
        .data_bytes = data_bytes,
    });
}

/*
 * Does @f go on with @block?  Blocks that share space are one finding only with
 * those they share it with.  When there are very many findings, they need not
 * be neighbours, because a list of a million lines is of no use.
 */
static bool findings_go_on(const VpcCheck *c, const VpcFinding *f,
                           uint32_t block, uint32_t entry)
{
    if (c->findings->len >= MAX_FINDINGS) {
        return true;
    }
    return f->last_block + 1 == block &&
           (f->fault != VPC_FAULT_OVERLAPPING ||
            vpc_census_shared(&c->census, f->entry)->cluster ==
            vpc_census_shared(&c->census, entry)->cluster);
}

void vpc_found_blocks(VpcCheck *c, VpcFault fault, VpcRepair repair,
                      uint32_t block, uint32_t count, uint32_t entry)
{
    guint *last = &c->last_finding[fault];

    if (*last) {
        VpcFinding *f = &g_array_index(c->findings, VpcFinding, *last - 1);

        if (findings_go_on(c, f, block, entry)) {
            f->count += count;
            f->last_block = block + count - 1;
            f->entry = MIN(f->entry, entry);
            f->last_entry = MAX(f->last_entry, entry);
            return;
        }
    }
    findings_add(c, (VpcFinding) {
        .fault = fault,
        .grade = fault == VPC_FAULT_STALE || fault == VPC_FAULT_BATMAP
                 ? BDRV_FINDING_WARNING : BDRV_FINDING_CORRUPTION,
        .repair = repair,
        .block = block,
        .count = count,
        .last_block = block + count - 1,
        .entry = entry,
        .last_entry = entry,
    });
    *last = c->findings->len;
}

void vpc_findings_clear(VpcCheck *c)
{
    for (guint i = 0; i < c->details->len; i++) {
        VpcDetail *d = &g_array_index(c->details, VpcDetail, i);

        g_free(d->value);
        g_free(d->expected);
    }
    g_array_free(c->details, true);
    g_array_free(c->findings, true);
}

/* ---- reports ------------------------------------------------------------ */

/* Saturates, because several findings may be about each of many blocks. */
static void findings_count(int *total, int64_t n)
{
    *total = n > INT_MAX - *total ? INT_MAX : *total + (int)n;
}

/* What of the disk it costs. */
static void findings_count_bytes(BdrvCheckResult *result,
                                 const BdrvCheckFinding *finding, int64_t lost)
{
    if (!finding->fixed) {
        result->unreadable += lost;
    } else if (finding->fault == IMAGE_CHECK_FAULT_OVERLAPPING) {
        result->doubtful += lost;
    } else {
        result->zeroed += lost;
    }
}

/* What would repair what is left, besides what was asked for. */
static int findings_fixable(const VpcCheck *c, const VpcFinding *f)
{
    return (f->repair & VPC_REPAIR_FORCED) ||
           ((f->repair & VPC_REPAIR_FOOTER) && c->footer_waits)
           ? BDRV_FIX_FORCE
           : f->repair & VPC_REPAIR_ERRORS ? BDRV_FIX_ERRORS
           : f->repair ? BDRV_FIX_LEAKS : 0;
}

static void findings_count_one(BdrvCheckResult *result,
                               const BdrvCheckFinding *finding)
{
    int64_t n = MAX(finding->count, 1);

    if (finding->grade == BDRV_FINDING_CORRUPTION) {
        findings_count(finding->fixed ? &result->corruptions_fixed
                                      : &result->corruptions, n);
    } else if (finding->grade == BDRV_FINDING_LEAK) {
        findings_count(finding->fixed ? &result->leaks_fixed : &result->leaks,
                       n);
    }
    if (finding->fault == IMAGE_CHECK_FAULT_ORPHANED_BLOCKS &&
        !finding->fixed) {
        findings_count(&result->orphans, n);
        result->orphaned_data += finding->data_bytes;
    }
}

static int64_t findings_get(const VpcCheck *c, const VpcFinding *f,
                            BdrvCheckFinding *finding)
{
    bool planned = f->repair & c->plan;

    *finding = (BdrvCheckFinding) {
        .grade = f->grade,
        .fixed = planned && c->done,
        .planned = planned && (c->fix & BDRV_FIX_DRY_RUN),
        .block = -1,
        .entry = -1,
    };
    return vpc_finding_range(c, f, finding);
}

void vpc_findings_report(const VpcCheck *c, BdrvCheckResult *result)
{
    const VpcFinding *f = (const VpcFinding *)c->findings->data;
    const VpcFinding *end = f + c->findings->len;
    BdrvCheckFinding finding;

    for (const VpcFinding *i = f; i < end; i++) {
        int64_t lost = findings_get(c, i, &finding);

        findings_count_one(result, &finding);
        findings_count_bytes(result, &finding, lost);
        result->fixable |= finding.fixed || c->doubtful
                           ? 0 : findings_fixable(c, i);
    }
    result->check_errors = c->errors;
    for (const VpcFinding *i = f; i < end && result->listener; i++) {
        VpcWords words = { 0 };

        findings_get(c, i, &finding);
        vpc_finding_words(c, i, &finding, &words);
        result->listener(&finding, result->listener_opaque);
        g_free(words.field);
        g_free(words.value);
        g_free(words.expected);
        g_free(words.effect);
    }
}
