/* SPDX-License-Identifier: MIT */
/*
 * Opening a dynamic disk: its header, its table, and where everything lies.
 *
 * Invariants:
 *   - No number of the file is used before it was checked against the format
 *     and the file's length; values are judged before checksums.
 *   - Structures lie inside the file and apart from each other; the blocks lie
 *     between them.
 *   - Parent locators and XenServer's map are not needed to read: those that
 *     cannot be make the image read-only.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "vpc.h"

/*
 * Of a locator's room, what counts after the end of the file: far more than any
 * path, and little enough not to make the file huge.
 */
#define MAX_ROOM_AFTER_END (16 * MiB)

static int read_header(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    uint64_t offset = be64_to_cpu(s->footer.data_offset);
    g_autoptr(Error) wrong = NULL;
    int ret;

    if (offset % VPC_SECTOR || offset > INT64_MAX / 2) {
        error_setg(errp, "Invalid offset %" PRIu64 " of the dynamic header, "
                   "expected a multiple of %d", offset, VPC_SECTOR);
        return -EINVAL;
    }
    ret = bdrv_pread(bs->file, offset, &s->header, sizeof(s->header));
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the dynamic header");
        return ret;
    }
    if (!vpc_header_values_valid(&s->header, errp)) {
        return -EINVAL;
    }
    if (!vpc_header_valid(&s->header, &wrong)) {
        if (!s->lenient) {
            error_propagate(errp, g_steal_pointer(&wrong));
            return -EINVAL;
        }
        vpc_refuse_writing(s, "%s", error_get_pretty(wrong));
    }
    s->header_offset = offset;
    s->block_size = be32_to_cpu(s->header.block_size);
    s->block_shift = ctz32(s->block_size);
    s->bitmap_size = vpc_bitmap_size(s->block_size);

    ret = vpc_reserve_range(s, "Copy of the footer", 0, sizeof(s->footer),
                            errp);
    if (ret == 0) {
        ret = vpc_reserve_range(s, "Dynamic header", offset, sizeof(s->header),
                                errp);
    }
    return ret;
}

/*
 * The path of each parent locator: a dynamic disk has no parent, but may have
 * kept the space of paths to one.
 */
static void reserve_locators(VpcState *s)
{
    for (size_t i = 0; i < VPC_LOCATORS; i++) {
        const VpcParentLocator *l = &s->header.locator[i];
        uint64_t length = ROUND_UP((uint64_t)be32_to_cpu(l->data_length),
                                   VPC_SECTOR);
        g_autoptr(Error) wrong = NULL;

        if (!l->platform || !length) {
            continue;
        }
        if (vpc_reserve_range(s, "Parent locator", be64_to_cpu(l->data_offset),
                              length, &wrong) == 0) {
            s->locator_placed[i] = true;
        } else {
            vpc_refuse_writing(s, "%s", error_get_pretty(wrong));
        }
    }
}

/* Where the first structure or block at or after @offset begins; UINT64_MAX. */
static uint64_t next_start(const VpcState *s, uint64_t offset,
                           const GArray *starts)
{
    guint block = vpc_first_start(starts, offset);
    uint64_t next = UINT64_MAX;

    if (block < starts->len) {
        next = (uint64_t)g_array_index(starts, uint32_t, block) * VPC_SECTOR;
    }
    for (unsigned i = 0; i < s->reserved_count; i++) {
        if (s->reserved[i].start >= offset) {
            next = MIN(next, s->reserved[i].start);
        }
    }
    return next;
}

/*
 * How many bytes from its offset on @l claims.  The unit is bytes or sectors;
 * programs differ.
 */
static uint64_t claimed_space(const VpcParentLocator *l)
{
    uint64_t space = be32_to_cpu(l->data_space);

    return space < VPC_SECTOR || space < be32_to_cpu(l->data_length)
           ? space * VPC_SECTOR : space;
}

/*
 * The room that each locator claims for a longer path, up to what follows:
 * other programs put one there.  It counts although the file may end in it,
 * because otherwise a block that was put there would be in it as soon as the
 * file is longer.  A block that is there already stays what it is.
 */
static void claim_rooms(VpcState *s, const GArray *starts)
{
    for (size_t i = 0; i < VPC_LOCATORS; i++) {
        const VpcParentLocator *l = &s->header.locator[i];
        uint64_t offset = be64_to_cpu(l->data_offset);
        uint64_t start, end;

        if (!l->platform || offset >= s->file_end ||
            (l->data_length && !s->locator_placed[i])) {
            continue;
        }
        /* check-arithmetic: off, the offset is before the end of the file */
        start = offset + ROUND_UP((uint64_t)be32_to_cpu(l->data_length),
                                  VPC_SECTOR);
        /* check-arithmetic: off, as before; a room has 32 bits of sectors */
        end = offset + claimed_space(l);
        end = MIN(end, next_start(s, start, starts));
        end = MIN(end, s->file_end + MAX_ROOM_AFTER_END);
        if (start < end && !vpc_over_structure(s, start, start + 1) &&
            !vpc_block_in_range(s, starts, start, 1)) {
            s->rooms[i] = (VpcRange) { start, end };
        }
    }
}

/* What has a place only where no block is. */
static int place_the_rest(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    const GArray *starts = s->census.starts;
    int ret = vpc_batmap_place(bs, starts, errp);

    if (ret < 0) {
        return ret;
    }
    claim_rooms(s, starts);
    vpc_census_find_overlaps(s, &s->census);
    return 0;
}

/* What lies where, and which entries of the table are bad. */
static int open_table(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    uint64_t offset = be64_to_cpu(s->header.table_offset);
    uint64_t entries = be32_to_cpu(s->header.max_table_entries);
    uint64_t blocks = DIV_ROUND_UP(s->size, s->block_size);
    uint64_t table_end, named, most;
    int ret;

    if (entries < blocks) {
        error_setg(errp, "Max Table Entries too small (%" PRIu64 "), a disk of "
                   "%" PRIu64 " bytes needs %" PRIu64, entries, s->size,
                   blocks);
        return -EINVAL;
    }
    /* Entries past the disk's end may be missing; they are never used. */
    ret = vpc_reserve_range(s, "Block allocation table", offset, blocks * 4,
                            errp);
    if (ret < 0) {
        return ret;
    }
    /* check-arithmetic: off, the table begins inside the file */
    table_end = offset + ROUND_UP(entries * 4, VPC_SECTOR);
    /* Those of the disk by current_size are other programs'. */
    named = MIN(entries, vpc_blocks_of(be64_to_cpu(s->footer.current_size),
                                       s->block_size));
    if (blocks) {
        /* check-arithmetic: off, as table_end */
        uint64_t end = offset + ROUND_UP(MAX(blocks, named) * 4, VPC_SECTOR);

        s->reserved[s->reserved_count - 1].end = MIN(end, s->file_end);
    }
    /* New blocks keep clear of all that a disk can have. */
    most = MAX(blocks, DIV_ROUND_UP(VPC_MAX_SIZE, s->block_size));
    /* check-arithmetic: off, as table_end */
    s->space.floor = offset + ROUND_UP(MIN(entries, most) * 4, VPC_SECTOR);
    ret = vpc_batmap_open(bs, table_end, errp);
    if (ret < 0) {
        return ret;
    }
    reserve_locators(s);
    ret = vpc_bat_open(s, offset, blocks, errp);
    if (ret < 0) {
        return ret;
    }
    ret = vpc_census_take(bs, &s->census, blocks, errp);
    return ret < 0 ? ret : place_the_rest(bs, errp);
}

static void judge_table(VpcState *s)
{
    if (s->census.misplaced) {
        vpc_refuse_writing(s, "%" PRIu64 " entries of the block allocation table "
                       "point outside the file or into other structures, the "
                       "first is that of block %" PRIu32 ", 0x%08" PRIx32,
                       s->census.misplaced, s->census.first_misplaced,
                       s->census.first_misplaced_entry);
    }
    if (s->census.truncated) {
        vpc_refuse_writing(s, "%" PRIu64 " blocks go on behind the end of the "
                           "file, the first is block %" PRIu32,
                           s->census.truncated, s->census.first_truncated);
    }
    if (s->census.shared->len) {
        vpc_refuse_writing(s, "%u blocks overlap each other, the first "
                       "of them at sector 0x%08" PRIx32,
                       s->census.shared->len,
                       g_array_index(s->census.shared, VpcShared, 0).entry);
    }
}

/*
 * A footer in a block that was cut off, or in the page before it, is not that
 * of the image: it stood between two blocks.
 */
static void find_lost_tail(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    uint64_t limit = s->census.truncated_start;

    if (limit != UINT64_MAX) {
        limit -= MIN(limit, 4 * KiB);
    }
    if (!vpc_footer_after(bs, MAX(vpc_structures_end(s, true), s->census.end),
                          limit) &&
        !vpc_footer_after(bs, MAX(vpc_structures_end(s, false), s->census.end),
                          limit) && s->footer_lost) {
        s->footer_offset = s->file_end;
    }
}

/* All that the image has, and what is left between. */
static void open_space(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    VpcSpace *space = &s->space;

    space->block_size = s->block_size;
    space->structures_end = vpc_structures_end(s, true);
    if (space->floor <= s->file_end) {
        space->structures_end = MAX(space->structures_end, space->floor);
    }
    for (unsigned i = 0; i < VPC_LOCATORS; i++) {
        space->floor = MAX(space->floor, s->rooms[i].end);
    }
    s->file_grows_zeroed = bdrv_has_zero_init_truncate(bs->file->bs);
    vpc_space_open(bs, s->census.starts);
    if (!vpc_census_is_damaged(&s->census)) {
        g_clear_pointer(&s->census.starts, g_array_unref);
    }
}

int vpc_open_dynamic(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    int ret;

    /* Half a sector is none: the layer completes it with zeroes. */
    s->file_end = s->footer_lost ? QEMU_ALIGN_DOWN(s->exact_length, VPC_SECTOR)
                                 : s->footer_offset;
    ret = read_header(bs, errp);
    if (ret == 0) {
        ret = open_table(bs, errp);
    }
    if (ret < 0) {
        return ret;
    }
    find_lost_tail(bs);
    judge_table(s);
    open_space(bs);
    return 0;
}
