/* SPDX-License-Identifier: MIT */
/*
 * What a finding says: the ranges of the file and of the disk that it is about,
 * and its words.
 *
 * Invariant: each finding that costs the guest something names the guest's
 * range, repaired or not, because only that shows a user which data it is.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "check.h"

static const ImageCheckFault words_faults[] = {
    [VPC_FAULT_NONE] = IMAGE_CHECK_FAULT_FIELD,
    [VPC_FAULT_OUTSIDE] = IMAGE_CHECK_FAULT_OUTSIDE,
    [VPC_FAULT_OVER] = IMAGE_CHECK_FAULT_OVER_STRUCTURE,
    [VPC_FAULT_INTO] = IMAGE_CHECK_FAULT_INTO_STRUCTURE,
    [VPC_FAULT_TRUNCATED] = IMAGE_CHECK_FAULT_TRUNCATED,
    [VPC_FAULT_OVERLAPPING] = IMAGE_CHECK_FAULT_OVERLAPPING,
    [VPC_FAULT_STALE] = IMAGE_CHECK_FAULT_STALE_SECTORS,
    [VPC_FAULT_BATMAP] = IMAGE_CHECK_FAULT_FULL_BIT,
    [VPC_FAULT_ORPHANS] = IMAGE_CHECK_FAULT_ORPHANED_BLOCKS,
    [VPC_FAULT_LOST] = IMAGE_CHECK_FAULT_LOST_SPACE,
};

/* ---- ranges ------------------------------------------------------------- */

/* Sets @range to the part of the disk that has these blocks.  Its bytes. */
static uint64_t words_guest_range(const VpcCheck *c, uint32_t block,
                                  uint32_t last, VpcRange *range)
{
    VpcState *s = c->bs->opaque;
    uint64_t size = MAX(s->size, be64_to_cpu(s->footer.current_size));

    range->start = MIN((uint64_t)block << s->block_shift, size);
    /* The last block may go on after the end of the disk. */
    range->end = MIN(((uint64_t)last + 1) << s->block_shift, size);
    return range->end - range->start;
}

/*
 * The part of a block's data that reads as zeroes when it is repaired, from the
 * first such byte to the last one, because the file ends or other structures
 * have it: bytes in the block.
 */
static VpcRange words_gone(const VpcCheck *c, uint32_t entry)
{
    VpcState *s = c->bs->opaque;
    uint64_t data = vpc_data_offset(s, entry);
    uint64_t end = data + s->block_size;
    VpcRange gone = { end, data };

    if (end > c->cut_end) {
        gone = (VpcRange) { MAX(c->cut_end, data), end };
    }
    for (unsigned i = 0; i < s->reserved_count; i++) {
        const VpcRange *r = &s->reserved[i];

        if (r->start < end && r->end > data) {
            gone.start = MIN(gone.start, MAX(r->start, data));
            gone.end = MAX(gone.end, MIN(r->end, end));
        }
    }
    return (VpcRange) { MIN(gone.start, gone.end) - data, gone.end - data };
}

/* Of blocks that share space: another one, that @f is not about; -1: none. */
static int64_t words_other_block(const VpcCheck *c, const VpcFinding *f)
{
    const VpcShared *shared = vpc_census_shared(&c->census, f->entry);
    const VpcShared *other = vpc_census_shared(&c->census, shared->other);
    const uint32_t blocks[] = {
        shared->first_block, shared->last_block,
        other ? other->first_block : shared->first_block,
    };

    for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
        if (blocks[i] < f->block || blocks[i] > f->last_block) {
            return blocks[i];
        }
    }
    return -1;
}

/* Sets the guest's ranges.  Bytes of the disk that are lost, or may be. */
static int64_t words_set_guest(const VpcCheck *c, const VpcFinding *f,
                               BdrvCheckFinding *finding)
{
    VpcState *s = c->bs->opaque;
    bool repaired = finding->fixed || finding->planned;
    VpcRange guest, other;
    int64_t lost, block;

    if (f->fault == VPC_FAULT_BATMAP) {
        return 0;
    }
    lost = words_guest_range(c, f->block, f->last_block, &guest);
    lost = MIN((uint64_t)lost, (uint64_t)f->count << s->block_shift);
    if (f->fault == VPC_FAULT_STALE) {
        lost = 0;               /* it reads as its bitmap says */
    }
    if (f->fault == VPC_FAULT_OVERLAPPING) {
        block = words_other_block(c, f);
        if (block < 0 && f->count == 2) {
            words_guest_range(c, f->block, f->block, &guest);
            block = f->last_block;
        }
        if (block >= 0) {
            finding->other_bytes = words_guest_range(c, block, block, &other);
            finding->other_offset = other.start;
        }
        /* What is unreadable anyway counts once. */
        lost = repaired || vpc_entry_fault(s, f->entry) == VPC_FAULT_NONE
               ? lost : 0;
    } else if (repaired && f->entry == f->last_entry &&
               (f->fault == VPC_FAULT_TRUNCATED ||
                f->fault == VPC_FAULT_INTO)) {
        VpcRange gone = words_gone(c, f->entry);
        uint64_t last = (uint64_t)(f->last_block - f->block)
                        << s->block_shift;

        guest.end = MIN(guest.start + last + gone.end, guest.end);
        guest.start = MIN(guest.start + gone.start, guest.end);
        lost = MIN((uint64_t)lost, f->count * (gone.end - gone.start));
        lost = MIN((uint64_t)lost, guest.end - guest.start);
    }
    finding->guest_offset = guest.start;
    finding->guest_bytes = guest.end - guest.start;
    return lost;
}

/* Sets the file's range, that of the damage. */
static void words_set_file(const VpcCheck *c, const VpcFinding *f,
                           BdrvCheckFinding *finding)
{
    VpcState *s = c->bs->opaque;

    switch (f->fault) {
    case VPC_FAULT_STALE:
        finding->offset = vpc_data_offset(s, f->entry);
        finding->bytes = s->block_size;
        break;
    case VPC_FAULT_BATMAP:
        finding->offset = s->batmap.offset + f->block / 8;
        finding->bytes = f->last_block / 8 - f->block / 8 + 1;
        break;
    default:
        finding->offset = vpc_entry_offset(s, f->block);
        finding->bytes = ((int64_t)f->last_block - f->block + 1) *
                         sizeof(uint32_t);
        break;
    }
}

int64_t vpc_finding_range(const VpcCheck *c, const VpcFinding *f,
                          BdrvCheckFinding *finding)
{
    finding->fault = words_faults[f->fault];
    if (f->fault == VPC_FAULT_NONE || f->fault == VPC_FAULT_ORPHANS ||
        f->fault == VPC_FAULT_LOST) {
        const VpcDetail *d = &g_array_index(c->details, VpcDetail, f->detail);

        finding->offset = d->range.start;
        finding->bytes = d->range.end - d->range.start;
        finding->count = d->count;
        finding->data_bytes = d->data_bytes;
        finding->guest_offset = d->guest.start;
        finding->guest_bytes = d->guest.end - d->guest.start;
        return finding->guest_bytes;
    }
    finding->block = f->block;
    finding->count = f->count;
    finding->last_block = f->last_block;
    if (f->fault != VPC_FAULT_BATMAP) {
        finding->entry = f->entry;
        finding->last_entry = f->last_entry;
    }
    words_set_file(c, f, finding);
    return words_set_guest(c, f, finding);
}

/* ---- words -------------------------------------------------------------- */

static char *words_expected(const VpcCheck *c, const VpcFinding *f)
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
        return g_strdup_printf(
            "space of its own, which that of the block at 0x%08" PRIx32
            " does not overlap",
            vpc_census_shared(&c->census, f->entry)->other);
    case VPC_FAULT_STALE:
        return g_strdup("zeroes where the bits of the sector bitmap are "
                        "clear");
    default:
        return g_strdup("0, as the sector bitmap is not full");
    }
}

static char *words_value(const VpcFinding *f)
{
    if (f->fault == VPC_FAULT_STALE) {
        return g_strdup("data");
    }
    if (f->fault == VPC_FAULT_BATMAP) {
        return g_strdup("1");
    }
    if (f->entry != f->last_entry) {
        return g_strdup_printf("0x%08" PRIx32 " to 0x%08" PRIx32, f->entry,
                               f->last_entry);
    }
    return g_strdup_printf("0x%08" PRIx32 " (offset %" PRIu64 ")", f->entry,
                           (uint64_t)f->entry * VPC_SECTOR);
}

static char *words_field(const VpcFinding *f)
{
    const char *field = f->fault == VPC_FAULT_STALE ? "unused sectors"
                        : f->fault == VPC_FAULT_BATMAP ? "batmap bit"
                        : "table entry";

    if (f->count == 1) {
        return g_strdup_printf("%s of block %" PRIu32, field, f->block);
    }
    if (f->count <= f->last_block - f->block) {
        return g_strdup_printf("%s of each of %" PRIu32 " among the blocks %"
                               PRIu32 " to %" PRIu32, field, f->count,
                               f->block, f->last_block);
    }
    return g_strdup_printf("%s of each of the blocks %" PRIu32 " to %" PRIu32,
                           field, f->block, f->last_block);
}

/* One of the two holds the other's data: nothing says which. */
static char *words_overlap(const BdrvCheckFinding *finding, const char *range,
                           bool repaired)
{
    const char *unread = repaired ? "" : " cannot be read; they";

    if (!finding->other_bytes) {
        return g_strdup_printf("%s%s hold the data of %s", range, unread,
                               finding->count > 1 ? "one block more than once"
                                                  : "another block");
    }
    return g_strdup_printf("%s%s or bytes %" PRId64 " to %" PRId64
                           " hold the other's data", range, unread,
                           finding->other_offset,
                           finding->other_offset + finding->other_bytes - 1);
}

static char *words_effect(const VpcFinding *f, const BdrvCheckFinding *finding)
{
    bool repaired = finding->fixed || finding->planned;
    g_autofree char *range = g_strdup_printf(
        "bytes %" PRId64 " to %" PRId64 " of the disk", finding->guest_offset,
        finding->guest_offset + finding->guest_bytes - 1);

    if (!finding->guest_bytes) {
        return NULL;
    }
    if (f->fault == VPC_FAULT_OVERLAPPING) {
        return words_overlap(finding, range, repaired);
    }
    if (f->fault == VPC_FAULT_STALE) {
        return g_strdup_printf("there %s read as zeroes", range);
    }
    return g_strdup_printf("%s %s", range,
                           repaired ? "read as zeroes" : "cannot be read");
}

static void words_of_space(const VpcFinding *f, const VpcDetail *d,
                           VpcWords *words)
{
    uint64_t bytes = d->range.end - d->range.start;

    words->field = g_strdup("lost space");
    if (f->fault == VPC_FAULT_ORPHANS) {
        words->value = g_strdup_printf(
            "%" PRIu32 " orphaned block%s in %" PRIu64 " bytes, with %" PRIu64
            " bytes of data that are not zero", d->count,
            d->count > 1 ? "s" : "", bytes, d->data_bytes);
        words->expected = g_strdup("a table entry for each");
    } else if (f->repair & VPC_REPAIR_ZEROES) {
        words->value = g_strdup_printf("%" PRIu64 " bytes of zeroes", bytes);
        words->expected = g_strdup("the footer after the last block");
    } else {
        words->value = g_strdup_printf("%" PRIu64 " bytes with data", bytes);
        words->expected = g_strdup("something that refers to it");
    }
}

void vpc_finding_words(const VpcCheck *c, const VpcFinding *f,
                       BdrvCheckFinding *finding, VpcWords *words)
{
    if (f->fault == VPC_FAULT_NONE) {
        const VpcDetail *d = &g_array_index(c->details, VpcDetail, f->detail);

        finding->field = d->field;
        finding->value = d->value;
        finding->expected = d->expected;
        finding->effect = words->effect = words_effect(f, finding);
        return;
    }
    if (f->fault == VPC_FAULT_ORPHANS || f->fault == VPC_FAULT_LOST) {
        words_of_space(f, &g_array_index(c->details, VpcDetail, f->detail),
                       words);
    } else {
        words->field = words_field(f);
        words->value = words_value(f);
        words->expected = words_expected(c, f);
        words->effect = words_effect(f, finding);
    }
    finding->field = words->field;
    finding->value = words->value;
    finding->expected = words->expected;
    finding->effect = words->effect;
}
