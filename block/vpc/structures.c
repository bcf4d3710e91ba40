/* SPDX-License-Identifier: MIT */
/*
 * Where the structures of a dynamic disk lie, apart from its blocks, and the
 * reasons not to write to it.
 *
 * Invariant: reserved ranges lie inside the file and apart from each other,
 * because what two of them shared would be written by both.
 */
#include "qemu/osdep.h"
#include "minblk/checked.h"
#include "qapi/error.h"
#include "vpc.h"

/* The first of @count ranges that has bytes in [@start, @end), or NULL. */
static const VpcRange *structures_find(const VpcRange *ranges, unsigned count,
                                       uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < count; i++) {
        if (start < ranges[i].end && end > ranges[i].start) {
            return &ranges[i];
        }
    }
    return NULL;
}

bool vpc_over_structure(const VpcState *s, uint64_t start, uint64_t end)
{
    return structures_find(s->reserved, s->reserved_count, start, end);
}

bool vpc_over_room(const VpcState *s, uint64_t start, uint64_t end)
{
    return structures_find(s->rooms, VPC_LOCATORS, start, end);
}

int vpc_reserve_range(VpcState *s, const char *what, uint64_t start,
                      uint64_t bytes, Error **errp)
{
    const VpcRange *other;
    uint64_t end;

    if (!checked_add_u64(start, bytes, &end) || end > s->file_end) {
        error_setg(errp, "%s at offset %" PRIu64 " with %" PRIu64 " bytes does "
                   "not lie inside the file, whose footer or end is at offset "
                   "%" PRIu64, what, start, bytes, s->file_end);
        return -EINVAL;
    }
    other = structures_find(s->reserved, s->reserved_count, start, end);
    if (other) {
        error_setg(errp, "%s at offset %" PRIu64 " overlaps another "
                   "structure that ends at offset %" PRIu64, what, start,
                   other->end);
        return -EINVAL;
    }
    if (bytes) {
        assert(s->reserved_count < VPC_MAX_RESERVED);
        s->reserved[s->reserved_count++] = (VpcRange) { start, end };
    }
    return 0;
}

uint64_t vpc_structures_end(const VpcState *s, bool rooms)
{
    uint64_t end = 0;

    for (unsigned i = 0; i < s->reserved_count; i++) {
        end = MAX(end, s->reserved[i].end);
    }
    for (unsigned i = 0; rooms && i < VPC_LOCATORS; i++) {
        if (s->rooms[i].end <= s->file_end) {
            end = MAX(end, s->rooms[i].end);
        }
    }
    return end;
}

int vpc_put_footer(BlockDriverState *bs, uint64_t offset)
{
    VpcState *s = bs->opaque;
    int ret = bdrv_pwrite(bs->file, offset, &s->footer, sizeof(s->footer));

    return MIN(ret, 0);
}

int vpc_is_footer_at(BlockDriverState *bs, uint64_t offset)
{
    VpcState *s = bs->opaque;
    VpcFooter footer;
    int ret = bdrv_pread(bs->file, offset, &footer, sizeof(footer));

    return ret < 0 ? ret : memcmp(&footer, &s->footer, sizeof(footer)) == 0;
}

void vpc_refuse_writing(VpcState *s, const char *fmt, ...)
{
    g_autofree char *reason = NULL;
    g_autofree char *before = s->read_only_reason;
    va_list ap;

    va_start(ap, fmt);
    reason = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    s->read_only_reason = before ? g_strdup_printf("%s; %s", before, reason)
                                 : g_steal_pointer(&reason);
}
