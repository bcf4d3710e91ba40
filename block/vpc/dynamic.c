/* SPDX-License-Identifier: MIT */
/*
 * Opening a dynamic disk: its header, its BAT, and where everything lies.
 *
 * Invariants:
 *   - No number of the file is used before it was checked against the format
 *     and the file's length; values are checked before checksums, because what
 *     is wrong with a value says more.
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

/*
 * A check can repair a checksum, but not values that cannot be used; for who
 * checks or salvages they may be assumed, since then nothing is written.  0, or
 * -EINVAL with an error.
 */
static int dynamic_doubt_header(BlockDriverState *bs, uint64_t offset,
                                const Error *wrong, Error **errp)
{
    VpcState *s = bs->opaque;
    bool search = bs->open_flags & BDRV_O_CHECK;
    bool lost = memcmp(s->header.cookie, VPC_HEADER_COOKIE, 8) != 0;

    if ((search && vpc_assume_header(bs, offset)) ||
        (s->lenient && vpc_header_values_valid(&s->header, NULL))) {
        vpc_refuse_writing(s, "%s", error_get_pretty(wrong));
        return 0;
    }
    error_setg(errp, "%s%s", error_get_pretty(wrong),
               !lost || !s->lenient ? ""
               : search ? ", and the file has no known layout; search what is "
                          "in it with '-f raw'"
               : "; 'convert --salvage' tries the known layouts");
    return -EINVAL;
}

static int dynamic_read_header(BlockDriverState *bs, Error **errp)
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
        error_setg_errno(&wrong, -ret, "Could not read the dynamic header");
        if (!vpc_goes_on(bs)) {
            error_propagate(errp, g_steal_pointer(&wrong));
            return ret;
        }
        s->unread = true;
        memset(&s->header, 0, sizeof(s->header));
    }
    if (wrong || !vpc_header_valid(&s->header, &wrong)) {
        ret = dynamic_doubt_header(bs, offset, wrong, errp);
        if (ret < 0) {
            return ret;
        }
    }
    s->header_offset = offset;
    vpc_use_header(s);
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
static void dynamic_reserve_locators(VpcState *s)
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

/*
 * The room that each locator claims for a longer path, up to what follows:
 * other programs put one there.  It counts although the file may end in it,
 * because otherwise a block that was put there would be in it as soon as the
 * file is longer.  A block that is there already stays what it is.
 */
static void dynamic_claim_rooms(VpcState *s, const GArray *starts)
{
    for (size_t i = 0; i < VPC_LOCATORS; i++) {
        const VpcParentLocator *l = &s->header.locator[i];
        uint64_t offset = be64_to_cpu(l->data_offset);
        uint64_t length = be32_to_cpu(l->data_length);
        uint64_t space = be32_to_cpu(l->data_space);
        uint64_t start, end;
        guint next;

        if (!l->platform || offset >= s->file_end ||
            (length && !s->locator_placed[i])) {
            continue;
        }
        /* Programs differ on whether the unit is bytes or sectors. */
        if (space < VPC_SECTOR || space < length) {
            space *= VPC_SECTOR;
        }
        /* check-arithmetic: off, the offset is before the end of the file */
        start = offset + ROUND_UP(length, VPC_SECTOR);
        /* check-arithmetic: off, as before; a room has 32 bits of sectors */
        end = MIN(offset + space, s->file_end + MAX_ROOM_AFTER_END);
        next = vpc_first_start(starts, start);
        if (next < starts->len) {
            end = MIN(end, (uint64_t)g_array_index(starts, uint32_t, next) *
                           VPC_SECTOR);
        }
        for (unsigned j = 0; j < s->reserved_count; j++) {
            if (s->reserved[j].start >= start) {
                end = MIN(end, s->reserved[j].start);
            }
        }
        if (start < end && !vpc_over_structure(s, start, start + 1) &&
            !vpc_block_in_range(s, starts, start, 1)) {
            s->rooms[i] = (VpcRange) { start, end };
        }
    }
}

/*
 * Finds out what lies where, and which BAT entries are sound.  The order
 * counts: blocks keep clear of what is proven to be a structure, and what is
 * not proven keeps clear of the blocks.
 */
static int dynamic_open_bat(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    uint64_t offset = be64_to_cpu(s->header.table_offset);
    uint64_t entries = be32_to_cpu(s->header.max_table_entries);
    uint64_t blocks = DIV_ROUND_UP(s->size, s->block_size);
    uint64_t most = MAX(blocks, DIV_ROUND_UP(VPC_MAX_SIZE, s->block_size));
    int ret;

    if (entries < blocks) {
        error_setg(errp, "Max Table Entries too small (%" PRIu64 "), a disk of "
                   "%" PRIu64 " bytes needs %" PRIu64, entries, s->size,
                   blocks);
        return -EINVAL;
    }
    /* Entries past the disk's end may be missing, because none is ever used. */
    ret = vpc_reserve_range(s, "Block allocation table", offset, blocks * 4,
                            errp);
    if (ret == 0) {
        ret = vpc_bat_open(s, offset, blocks, errp);
    }
    if (ret < 0) {
        return ret;
    }
    if (blocks) {
        /* Those of the disk by current_size are other programs'. */
        s->reserved[s->reserved_count - 1].end =
            MIN(vpc_layout_bat_end(offset, vpc_census_entries(s)), s->file_end);
    }
    /* New blocks keep clear of all that a disk can have. */
    s->space.floor = vpc_layout_bat_end(offset, MIN(entries, most));
    ret = vpc_batmap_open(bs, vpc_layout_bat_end(offset, entries), errp);
    if (ret < 0) {
        return ret;
    }
    dynamic_reserve_locators(s);
    ret = vpc_census_take(bs, &s->census, blocks, vpc_bat_note_absent, errp);
    if (ret == 0) {
        ret = vpc_batmap_place(bs, s->census.starts, errp);
    }
    if (ret == 0) {
        dynamic_claim_rooms(s, s->census.starts);
        vpc_census_find_overlaps(s, &s->census);
    }
    return ret;
}

/* All of it together, so that the user learns the extent before a repair. */
static void dynamic_report_census(VpcState *s)
{
    const VpcCensus *census = &s->census;

    if (census->misplaced) {
        vpc_refuse_writing(s, "%" PRIu64 " entries of the block allocation "
                           "table point outside the file or into other "
                           "structures, the first is that of block %" PRIu32
                           ", 0x%08" PRIx32, census->misplaced,
                           census->first_misplaced,
                           census->first_misplaced_entry);
    }
    if (census->truncated) {
        vpc_refuse_writing(s, "%" PRIu64 " blocks go on after the end of the "
                           "file, the first is block %" PRIu32,
                           census->truncated, census->first_truncated);
    }
    /* As the file grows they would come to name whole blocks in new ones. */
    if (census->beyond) {
        vpc_refuse_writing(s, "%" PRIu64 " entries of the block allocation "
                           "table behind the end of the disk name no whole "
                           "block, the first is that of block %" PRIu32,
                           census->beyond, census->first_beyond);
    }
    if (census->shared->len) {
        vpc_refuse_writing(s, "%u blocks overlap each other, the first "
                           "of them at sector 0x%08" PRIx32,
                           census->shared->len,
                           g_array_index(census->shared, VpcShared, 0).entry);
    }
}

int vpc_open_dynamic(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    VpcSpace *space = &s->space;
    uint64_t limit;
    int ret;

    /* Half a sector is none: the layer completes it with zeroes. */
    s->file_end = s->footer_lost ? QEMU_ALIGN_DOWN(s->exact_length, VPC_SECTOR)
                                 : s->footer_offset;
    ret = dynamic_read_header(bs, errp);
    if (ret == 0) {
        ret = dynamic_open_bat(bs, errp);
    }
    if (ret < 0) {
        return ret;
    }
    /*
     * A footer in a block that was cut off, or in the page before it, is not
     * that of the image: it stood between two blocks.
     */
    limit = s->census.truncated_start;
    limit -= MIN(limit, VPC_PAGE);
    if (!vpc_footer_after(bs, MAX(vpc_structures_end(s, true), s->census.end),
                          limit) &&
        !vpc_footer_after(bs, MAX(vpc_structures_end(s, false), s->census.end),
                          limit) && s->footer_lost) {
        s->footer_offset = s->file_end;
    }
    dynamic_report_census(s);

    space->block_size = s->block_size;
    /* Of a BAT longer than the disk needs, the rest counts if it is there. */
    space->structures_end = vpc_structures_end(s, true);
    if (space->floor <= s->file_end) {
        space->structures_end = MAX(space->structures_end, space->floor);
    }
    for (unsigned i = 0; i < VPC_LOCATORS; i++) {
        space->floor = MAX(space->floor, s->rooms[i].end);
    }
    s->file_grows_zeroed = bdrv_has_zero_init_truncate(bs->file->bs);
    vpc_space_open(bs, s->census.starts);
    /* Of a sound image nothing asks for them, and there may be millions. */
    if (!vpc_census_is_damaged(&s->census)) {
        g_clear_pointer(&s->census.starts, g_array_unref);
    }
    return 0;
}
