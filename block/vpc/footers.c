/* SPDX-License-Identifier: MIT */
/*
 * Which footer counts: the one at the end of the file, or its copy at offset 0.
 *
 * Invariants:
 *   - What a guest wrote never decides what a fixed disk is: its footer at the
 *     end is looked at first.
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

/* What stands at one end of the file. */
typedef struct Candidate {
    VpcFooter footer;
    Error *error;               /* NULL: it is a footer */
    bool usable;                /* only its checksum may be wrong */
} Candidate;

static void candidate_clear(Candidate *c)
{
    error_free(c->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Candidate, candidate_clear)

static int read_candidate(BlockDriverState *bs, uint64_t offset, Candidate *c,
                          Error **errp)
{
    int ret = bdrv_pread(bs->file, offset, &c->footer, sizeof(c->footer));

    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the footer at offset %"
                         PRIu64, offset);
        return ret;
    }
    vpc_footer_valid(&c->footer, &c->error);
    c->usable = vpc_footer_values_valid(&c->footer, NULL);
    return 0;
}

static bool is_fixed(const Candidate *c)
{
    return be32_to_cpu(c->footer.type) == VPC_TYPE_FIXED;
}

/* Does a dynamic header stand where the candidate says? */
static bool has_dynamic_header(BlockDriverState *bs, const Candidate *c)
{
    uint64_t offset = be64_to_cpu(c->footer.data_offset);
    char cookie[8];

    return !is_fixed(c) && offset <= INT64_MAX / 2 &&
           bdrv_pread(bs->file, offset, cookie, sizeof(cookie)) >= 0 &&
           memcmp(cookie, VPC_HEADER_COOKIE, sizeof(cookie)) == 0;
}

/*
 * A footer of 511 bytes was read with the zero that it lacks; one of less was
 * cut off.
 */
static void judge_length(const VpcState *s, Candidate *tail)
{
    uint64_t bytes = s->exact_length - MIN(s->exact_length, s->footer_offset);

    if (!tail->error && bytes < VPC_SECTOR - 1) {
        error_setg(&tail->error, "The footer at offset %" PRIu64 " has %" PRIu64
                   " bytes only", s->footer_offset, bytes);
        tail->usable = false;
    }
}

/* Does a fixed disk's footer fit the file exactly? */
static bool fills_file(const VpcState *s, const Candidate *tail)
{
    return be64_to_cpu(tail->footer.current_size) ==
           s->file_length - VPC_SECTOR;
}

static void compare_with_head(VpcState *s, const Candidate *head,
                              const Candidate *tail)
{
    if (is_fixed(tail)) {
        return;
    }
    if (head->error) {
        vpc_refuse_writing(s, "the footer's copy at offset 0 is damaged (%s)",
                           error_get_pretty(head->error));
    } else if (memcmp(&head->footer, &tail->footer, VPC_SECTOR)) {
        vpc_refuse_writing(s, "the footer and its copy at offset 0 differ, "
                           "first in their %s",
                           vpc_footer_difference(&head->footer,
                                                 &tail->footer));
    }
}

/* The tail is none of this image; why, is told when it is not found elsewhere. */
static void lose_tail(VpcState *s, const Candidate *tail)
{
    s->footer_lost = true;
    s->footer_problem = tail->error
        ? g_strdup(error_get_pretty(tail->error))
        : g_strdup_printf("it is that of a disk of %" PRIu64 " bytes of type "
                          "%" PRIu32, be64_to_cpu(tail->footer.current_size),
                          be32_to_cpu(tail->footer.type));
}

/*
 * The tail counts.  The head does where the tail is no footer, where it is one
 * of a dynamic disk whose header is not there while the head's is, or where it
 * looks like a fixed disk's that does not belong to a file of this length: then
 * it is what a guest wrote to the end of a dynamic disk whose own footer is lost.
 */
static const Candidate *choose_valid(BlockDriverState *bs,
                                     const Candidate *head,
                                     const Candidate *tail)
{
    VpcState *s = bs->opaque;
    bool has_head = !head->error && has_dynamic_header(bs, head);

    if (!tail->error &&
        (!has_head || (is_fixed(tail) ? fills_file(s, tail)
                                      : has_dynamic_header(bs, tail)))) {
        return tail;
    }
    if (tail->usable && is_fixed(tail) && fills_file(s, tail)) {
        return NULL;            /* damaged; the head is a guest's */
    }
    return !head->error && !is_fixed(head) ? head : NULL;
}

/* One with a wrong checksum, to be checked and repaired. */
static const Candidate *choose_usable(BlockDriverState *bs,
                                      const Candidate *head,
                                      const Candidate *tail)
{
    VpcState *s = bs->opaque;

    if (!s->lenient) {
        return NULL;
    }
    if (tail->usable && (has_dynamic_header(bs, tail) ||
                         (is_fixed(tail) && fills_file(s, tail)))) {
        return tail;
    }
    return head->usable && has_dynamic_header(bs, head) ? head : NULL;
}

/* Tells what is wrong with the one that looks like a footer. */
static void tell_why_not(Candidate *head, Candidate *tail, Error **errp)
{
    if (tail->error && (vpc_has_footer_cookie(&tail->footer) ||
                        !vpc_has_footer_cookie(&head->footer))) {
        error_propagate(errp, g_steal_pointer(&tail->error));
    } else if (head->error) {
        error_propagate(errp, g_steal_pointer(&head->error));
    } else {
        error_setg(errp, "invalid VPC image: the footer of a fixed disk is at "
                   "offset 0, but not at the end of the file");
    }
}

int vpc_find_footer(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    g_auto(Candidate) head = { .error = NULL };
    g_auto(Candidate) tail = { .error = NULL };
    const Candidate *chosen;
    int64_t length = bdrv_getlength(bs->file->bs);
    int ret;

    if (length < 0) {
        error_setg_errno(errp, -length, "Could not get the file's length");
        return length;
    }
    s->file_length = length;
    s->exact_length = bdrv_exact_length(bs->file->bs);
    s->footer_offset = MAX(length, VPC_SECTOR) - VPC_SECTOR;
    ret = read_candidate(bs, 0, &head, errp);
    if (ret == 0) {
        ret = read_candidate(bs, s->footer_offset, &tail, errp);
    }
    if (ret < 0) {
        return ret;
    }
    judge_length(s, &tail);

    chosen = choose_valid(bs, &head, &tail) ?: choose_usable(bs, &head, &tail);
    if (!chosen) {
        tell_why_not(&head, &tail, errp);
        return -EINVAL;
    }
    s->footer = chosen->footer;
    if (chosen->error) {
        vpc_refuse_writing(s, "%s", error_get_pretty(chosen->error));
    }
    vpc_footer_seal(&s->footer);
    if (chosen == &tail) {
        compare_with_head(s, &head, &tail);
    } else {
        lose_tail(s, &tail);
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

/* Of a footer, the bytes before the reserved ones, and how many may differ. */
#define FOOTER_BYTES 85
#define DAMAGED_BYTES 21

bool vpc_resembles_footer(const VpcState *s, const uint8_t *sector,
                          uint64_t bytes)
{
    const uint8_t *footer = (const uint8_t *)&s->footer;
    unsigned different = 0;

    if (bytes < VPC_SECTOR) {
        return memcmp(sector, footer, bytes) == 0;
    }
    for (size_t i = 0; i < FOOTER_BYTES; i++) {
        different += sector[i] != footer[i];
    }
    return different <= DAMAGED_BYTES;
}

int vpc_content_after(BlockDriverState *bs, uint64_t data_end,
                      bool *last_is_free)
{
    VpcState *s = bs->opaque;
    uint64_t start = MIN(vpc_layout_footer(data_end), s->exact_length);
    uint64_t last = s->exact_length - (s->exact_length - start) % VPC_SECTOR;
    uint8_t sector[VPC_SECTOR] = { 0 };
    int ret = 0;

    *last_is_free = true;
    if (start == s->exact_length) {
        return VPC_CONTENT_ZERO;
    }
    if (last == s->exact_length) {
        last -= VPC_SECTOR;
    }
    ret = bdrv_pread(bs->file, last, sector, s->exact_length - last);
    if (ret < 0) {
        return ret;
    }
    if (!buffer_is_zero(sector, sizeof(sector)) &&
        vpc_resembles_footer(s, sector, s->exact_length - last)) {
        ret = vpc_space_content(bs, start, last);
        return ret < 0 ? ret : MAX(ret, (int)VPC_CONTENT_FOOTERS);
    }
    *last_is_free = buffer_is_zero(sector, sizeof(sector));
    return vpc_space_content(bs, start, s->exact_length);
}

/* Is a damaged footer at @offset, a whole one?  Then none is missing. */
static bool is_damaged_at(BlockDriverState *bs, uint64_t offset)
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

    if (ret < 0 || is_damaged_at(bs, place) ||
        is_damaged_at(bs, s->file_length - VPC_SECTOR)) {
        return false;
    }
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
