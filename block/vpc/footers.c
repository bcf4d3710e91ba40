/* SPDX-License-Identifier: MIT */
/*
 * Which footer counts: the one at the end of the file, or its copy at offset 0.
 *
 * Invariants:
 *   - A guest's data never decide what a fixed disk is: its footer at the end
 *     is looked at first, because offset 0 is where such a guest writes.
 *   - A footer with a wrong checksum counts only in an image that is opened to
 *     be checked, when no other does, all of its values are valid, and (fixed)
 *     it fits the file exactly.
 *   - s->footer is sealed, whatever the disk holds.
 */
#include "qemu/osdep.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "vpc.h"

/* The sector at one end of the file. */
typedef struct Candidate {
    VpcFooter footer;
    Error *error;               /* NULL: it is a footer with its checksum */
    bool usable;                /* only its checksum may be wrong */
} Candidate;

static void candidate_clear(Candidate *c)
{
    error_free(c->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Candidate, candidate_clear)

static int candidate_read(BlockDriverState *bs, uint64_t offset, Candidate *c,
                          Error **errp)
{
    VpcState *s = bs->opaque;
    int ret = bdrv_pread(bs->file, offset, &c->footer, sizeof(c->footer));

    if (ret < 0 && vpc_goes_on(bs)) {
        error_setg_errno(&c->error, -ret, "the footer at offset %" PRIu64
                         " cannot be read", offset);
        s->unread = true;
        return 0;
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the footer at offset %"
                         PRIu64, offset);
        return ret;
    }
    vpc_footer_valid(&c->footer, &c->error);
    c->usable = vpc_footer_values_valid(&c->footer, NULL);
    return 0;
}

static bool candidate_is_fixed(const Candidate *c)
{
    return be32_to_cpu(c->footer.type) == VPC_TYPE_FIXED;
}

/* Is there a dynamic header at the offset that the candidate has for it? */
static bool candidate_has_header(BlockDriverState *bs, const Candidate *c)
{
    uint64_t offset = be64_to_cpu(c->footer.data_offset);
    char cookie[8];

    return !candidate_is_fixed(c) && offset <= INT64_MAX / 2 &&
           bdrv_pread(bs->file, offset, cookie, sizeof(cookie)) >= 0 &&
           memcmp(cookie, VPC_HEADER_COOKIE, sizeof(cookie)) == 0;
}

/*
 * Does a fixed disk's footer fit the file exactly?  One that a guest wrote to
 * the end of a dynamic disk hardly does.
 */
static bool candidate_fills_file(const VpcState *s, const Candidate *c)
{
    return candidate_is_fixed(c) &&
           be64_to_cpu(c->footer.current_size) == s->file_length - VPC_SECTOR;
}

/*
 * The footer counts.  Its copy does where the footer is none, where it is one
 * of a dynamic disk whose header is not there while the copy's is, or where it
 * looks like a fixed disk's that does not belong to a file of this length: then
 * it is what a guest wrote to the end of a dynamic disk whose own footer is
 * lost.
 */
static const Candidate *footers_choose(BlockDriverState *bs,
                                       const Candidate *copy,
                                       const Candidate *footer)
{
    VpcState *s = bs->opaque;

    if (!footer->error &&
        (copy->error || !candidate_has_header(bs, copy) ||
         candidate_fills_file(s, footer) || candidate_has_header(bs, footer))) {
        return footer;
    }
    /* Where a damaged footer fills the file, a guest wrote the copy. */
    if (!(footer->usable && candidate_fills_file(s, footer)) &&
        !copy->error && !candidate_is_fixed(copy)) {
        return copy;
    }
    /* From here on one with a wrong checksum, to be checked and repaired. */
    if (!s->lenient) {
        return NULL;
    }
    if (footer->usable && (candidate_has_header(bs, footer) ||
                           candidate_fills_file(s, footer))) {
        return footer;
    }
    return copy->usable && candidate_has_header(bs, copy) ? copy : NULL;
}

/* States what is wrong with the one that looks like a footer. */
static void footers_set_error(Candidate *copy, Candidate *footer, Error **errp)
{
    if (footer->error && (vpc_has_footer_cookie(&footer->footer) ||
                          !vpc_has_footer_cookie(&copy->footer))) {
        error_propagate(errp, g_steal_pointer(&footer->error));
    } else if (copy->error) {
        error_propagate(errp, g_steal_pointer(&copy->error));
    } else {
        error_setg(errp, "invalid VPC image: the footer of a fixed disk is at "
                   "offset 0, but not at the end of the file");
    }
}

static int footers_read(BlockDriverState *bs, Candidate *copy,
                        Candidate *footer, Error **errp)
{
    VpcState *s = bs->opaque;
    int64_t length = bdrv_getlength(bs->file->bs);
    uint64_t bytes;
    int ret;

    if (length < 0) {
        error_setg_errno(errp, -length, "Could not get the file's length");
        return length;
    }
    /* Both, because the layer completes the last sector with zeroes. */
    s->file_length = length;
    s->exact_length = bdrv_exact_length(bs->file->bs);
    s->footer_offset = MAX(length, VPC_SECTOR) - VPC_SECTOR;
    ret = candidate_read(bs, 0, copy, errp);
    if (ret == 0) {
        ret = candidate_read(bs, s->footer_offset, footer, errp);
    }
    /*
     * A footer of 511 bytes, as old programs wrote it, was read with the zero
     * that it lacks; a shorter one was cut off.
     */
    bytes = s->exact_length - MIN(s->exact_length, s->footer_offset);
    if (ret == 0 && bytes < VPC_SECTOR - 1) {
        error_free(footer->error);
        footer->error = NULL;
        error_setg(&footer->error, "invalid VPC image: the last sector, at "
                   "offset %" PRIu64 ", has %" PRIu64 " bytes only, a footer "
                   "has %d", s->footer_offset, bytes, VPC_SECTOR);
        footer->usable = false;
    }
    return ret;
}

int vpc_find_footer(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    g_auto(Candidate) copy = { .error = NULL };
    g_auto(Candidate) footer = { .error = NULL };
    const Candidate *chosen;
    int ret = footers_read(bs, &copy, &footer, errp);

    if (ret < 0) {
        return ret;
    }
    if (s->file_length == 0) {
        error_setg(errp, "invalid VPC image: the file is empty");
        return -EINVAL;
    }
    chosen = footers_choose(bs, &copy, &footer);
    if (!chosen) {
        footers_set_error(&copy, &footer, errp);
        return -EINVAL;
    }
    s->footer = chosen->footer;
    if (chosen->error) {
        vpc_refuse_writing(s, "%s", error_get_pretty(chosen->error));
    }
    /* Each footer that is written is right, whatever was read. */
    vpc_footer_seal(&s->footer);
    if (chosen == &copy) {
        /* Reported only when the footer is not found elsewhere. */
        s->footer_lost = true;
        s->footer_problem = footer.error
            ? g_strdup(error_get_pretty(footer.error))
            : g_strdup_printf("it is that of a disk of %" PRIu64 " bytes of "
                              "type %" PRIu32,
                              be64_to_cpu(footer.footer.current_size),
                              be32_to_cpu(footer.footer.type));
    } else if (!candidate_is_fixed(&footer) && copy.error) {
        vpc_refuse_writing(s, "the footer's copy at offset 0 is damaged (%s)",
                           error_get_pretty(copy.error));
    } else if (!candidate_is_fixed(&footer) &&
               memcmp(&copy.footer, &footer.footer, VPC_SECTOR)) {
        const VpcFooterField *f = vpc_footer_difference(&copy.footer,
                                                        &footer.footer, NULL);

        vpc_refuse_writing(s, "the footer and its copy at offset 0 differ, "
                           "first in their %s", f ? f->name : "checksum");
    }
    return 0;
}

bool vpc_footer_after(BlockDriverState *bs, uint64_t end, uint64_t limit)
{
    VpcState *s = bs->opaque;
    uint64_t places[VPC_FOOTER_PLACES];

    vpc_layout_footer_places(end, places);
    for (size_t i = 0; i < VPC_FOOTER_PLACES; i++) {
        /* A part of a footer, completed by zeroes, could look like one. */
        if (places[i] < limit &&
            vpc_layout_after_footer(places[i]) <= s->exact_length + 1 &&
            vpc_is_footer_at(bs, places[i]) > 0) {
            if (s->footer_lost) {
                /* The end of the file stood for it: blocks end before. */
                s->file_end = places[i];
                s->footer_lost = false;
            }
            s->footer_offset = places[i];
            return true;
        }
    }
    return false;
}

/* ---- more than one footer, and a lost one ------------------------------- */

int vpc_footer_offsets(BlockDriverState *bs, uint64_t offsets[VPC_MAX_FOOTERS])
{
    VpcState *s = bs->opaque;
    int64_t length = bdrv_getlength(bs->file->bs);
    uint64_t footer, last;
    int ret, n = 0;

    if (length < 0 || s->type == VPC_TYPE_FIXED) {
        offsets[0] = s->footer_offset;
        return MIN(length, 1);
    }
    /* A file that goes on after its image may have one in its last sector. */
    footer = s->footer_lost ? 0 : vpc_space_footer(s);
    last = MAX(length, VPC_SECTOR) - VPC_SECTOR;
    offsets[n++] = 0;
    if (footer) {
        offsets[n++] = footer;
    }
    ret = last > footer ? vpc_is_footer_at(bs, last) : 0;
    if (ret > 0) {
        offsets[n++] = last;
    }
    return ret < 0 ? ret : n;
}

/*
 * Of the bytes before the reserved ones, how many may differ: a quarter, few
 * enough that no data resembles the footer by chance.
 */
#define DAMAGED_BYTES (offsetof(VpcFooter, reserved) / 4)

bool vpc_resembles_footer(const VpcState *s, const uint8_t *sector,
                          uint64_t bytes)
{
    const uint8_t *footer = (const uint8_t *)&s->footer;
    unsigned different = 0;

    if (bytes < VPC_SECTOR) {
        return memcmp(sector, footer, bytes) == 0;
    }
    for (size_t i = 0; i < offsetof(VpcFooter, reserved); i++) {
        different += sector[i] != footer[i];
    }
    return different <= DAMAGED_BYTES;
}

int vpc_content_after(BlockDriverState *bs, uint64_t data_end,
                      bool *last_is_free)
{
    VpcState *s = bs->opaque;
    uint64_t start = MIN(vpc_layout_footer(data_end), s->exact_length);
    /* Of the last sector, which need not be whole. */
    uint64_t bytes = (s->exact_length - start) % VPC_SECTOR ?: VPC_SECTOR;
    uint64_t last = s->exact_length - bytes;
    uint8_t sector[VPC_SECTOR] = { 0 };
    int ret;

    *last_is_free = true;
    if (start == s->exact_length) {
        return VPC_CONTENT_ZERO;
    }
    ret = bdrv_pread(bs->file, last, sector, bytes);
    if (ret < 0) {
        return ret;
    }
    *last_is_free = buffer_is_zero(sector, sizeof(sector));
    if (!*last_is_free && vpc_resembles_footer(s, sector, bytes)) {
        *last_is_free = true;
        ret = vpc_space_content(bs, start, last);
        return ret < 0 ? ret : MAX(ret, (int)VPC_CONTENT_FOOTERS);
    }
    return vpc_space_content(bs, start, s->exact_length);
}

/*
 * Is a damaged footer at @offset, a whole one?  Then none is missing, and only
 * a repair that was asked for may write over it.
 */
static bool footers_damaged_at(BlockDriverState *bs, uint64_t offset)
{
    VpcState *s = bs->opaque;
    uint8_t sector[VPC_SECTOR];

    return vpc_layout_after_footer(offset) <= s->exact_length &&
           bdrv_pread(bs->file, offset, sector, sizeof(sector)) >= 0 &&
           (vpc_has_footer_cookie(sector) ||
            vpc_resembles_footer(s, sector, sizeof(sector)));
}

bool vpc_restore_footer(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    uint64_t data_end = vpc_space_end(&s->space);
    uint64_t place = vpc_layout_footer(data_end);
    uint64_t offset = place;
    bool last_is_free;
    int ret = vpc_content_after(bs, data_end, &last_is_free);

    if (ret < 0 || footers_damaged_at(bs, place) ||
        footers_damaged_at(bs, s->file_length - VPC_SECTOR)) {
        return false;
    }
    /* Where the file ends early, else after all that it holds. */
    if (s->exact_length <= vpc_layout_after_footer(place) &&
        ret < VPC_CONTENT_DATA) {
        ret = vpc_put_footer(bs, place);
    } else {
        ret = vpc_space_end_file(bs, &offset);
    }
    if (ret == 0) {
        ret = bdrv_flush(bs->file->bs);
    }
    if (ret < 0) {
        return false;
    }
    s->footer_offset = offset;
    s->file_length = MAX(s->file_length, vpc_layout_after_footer(offset));
    s->footer_lost = false;
    warn_report("'%s': the footer at the end of the file was missing, and has "
                "been written again at offset %" PRIu64, bs->filename, offset);
    return true;
}
