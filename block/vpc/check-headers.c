/* SPDX-License-Identifier: MIT */
/*
 * Check of the footers, the dynamic header and its parent locators.
 *
 * Invariants:
 *   - The footer that counts is the one that opening chose; the other one is
 *     made of it.
 *   - Nothing is guessed: where two footers say different things and the
 *     checksum of neither is right, both stay.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "check.h"

static char *headers_hex(uint32_t value)
{
    return g_strdup_printf("0x%08x", value);
}

#define SHOWN_BYTES 16u         /* of a field that is longer */

/* Bytes of the field before those that are shown, which differ. */
static unsigned headers_equal_bytes(const VpcFooter *a, const VpcFooter *b,
                                    const VpcFooterField *field)
{
    const uint8_t *p = (const uint8_t *)a + field->offset;
    const uint8_t *q = (const uint8_t *)b + field->offset;
    unsigned n = 0;

    while (n + SHOWN_BYTES < field->bytes && p[n] == q[n]) {
        n++;
    }
    return n;
}

/* Numbers as the file has their bytes, which users can look up there. */
static char *headers_field_text(const VpcFooter *footer,
                                const VpcFooterField *field, unsigned skip)
{
    const uint8_t *p = (const uint8_t *)footer + field->offset + skip;
    GString *hex;

    if (field->text) {
        return vpc_printable((const char *)p, field->bytes, "");
    }
    hex = g_string_new("0x");
    for (unsigned i = 0; i < MIN(field->bytes - skip, SHOWN_BYTES); i++) {
        g_string_append_printf(hex, "%02x", p[i]);
    }
    return g_string_free(hex, false);
}

static void headers_warn(VpcCheck *c, uint64_t offset, const char *field,
                         char *value, const char *expected)
{
    vpc_found(c, BDRV_FINDING_WARNING, 0, offset, field, value, "%s", expected);
}

static void headers_warn_unless_zero(VpcCheck *c, uint64_t offset,
                                     const char *field, const void *bytes,
                                     size_t size)
{
    if (!buffer_is_zero(bytes, size)) {
        headers_warn(c, offset, field, g_strdup("not zero"), "zero");
    }
}

/* ---- one footer --------------------------------------------------------- */

/*
 * How a copy on the disk compares with the footer that counts.  A footer of
 * another disk and one that was damaged are distinguished, because a contrary
 * copy says that the footer that counts may be the damaged one.
 */
typedef enum Copy {
    COPY_SAME,
    COPY_STALE,                 /* but for its checksum */
    COPY_DIFFERENT,             /* a valid footer with another checksum */
    COPY_CONTRARY,              /* all of its values can be, its checksum not */
    COPY_NONE,                  /* not a footer */
} Copy;

static Copy headers_compare(const VpcState *s, const VpcFooter *copy)
{
    VpcFooter sealed = *copy;

    /* s->footer is sealed, so what equals it only then has a wrong checksum. */
    vpc_footer_seal(&sealed);
    if (memcmp(copy, &s->footer, sizeof(*copy)) == 0) {
        return COPY_SAME;
    }
    if (memcmp(&sealed, &s->footer, sizeof(sealed)) == 0) {
        return COPY_STALE;
    }
    if (!vpc_footer_values_valid(copy, NULL)) {
        return COPY_NONE;
    }
    return vpc_footer_valid(copy, NULL) ? COPY_DIFFERENT : COPY_CONTRARY;
}

/* Names the first value that no footer has: the others mean nothing then. */
static void headers_found_no_footer(VpcCheck *c, VpcRepair repair,
                                    uint64_t offset, const VpcFooter *copy)
{
    uint32_t version = be32_to_cpu(copy->version);

    if (!vpc_has_footer_cookie(copy->cookie)) {
        vpc_found(c, BDRV_FINDING_CORRUPTION, repair, offset,
                  "cookie of the footer", vpc_printable(copy->cookie, 8, ""),
                  VPC_FOOTER_COOKIE);
    } else if (version >> 16 != VPC_VERSION >> 16) {
        vpc_found(c, BDRV_FINDING_CORRUPTION, repair, offset + 12,
                  "version of the footer", headers_hex(version), "0x00010000");
    } else {
        vpc_found(c, BDRV_FINDING_CORRUPTION, repair, offset + 60,
                  "type of the footer",
                  g_strdup_printf("%" PRIu32, be32_to_cpu(copy->type)),
                  "2, 3 or 4");
    }
}

/* Names each difference from the footer that counts.  Is it to be written? */
static bool headers_check_copy(VpcCheck *c, Copy kind, uint64_t offset,
                               const VpcFooter *copy)
{
    VpcState *s = c->bs->opaque;
    /* One that is lost is written where it belongs, not where it was sought. */
    VpcRepair repair = s->footer_lost && offset ? VPC_REPAIR_FOOTER
                                                : VPC_REPAIR_FIELDS;
    bool differs = kind == COPY_DIFFERENT || kind == COPY_CONTRARY;
    const VpcFooterField *f = NULL;

    if (kind == COPY_NONE) {
        headers_found_no_footer(c, repair, offset, copy);
    }
    if (kind == COPY_STALE || kind == COPY_CONTRARY) {
        vpc_found(c, BDRV_FINDING_CORRUPTION, repair,
                  offset + offsetof(VpcFooter, checksum),
                  "checksum of the footer",
                  headers_hex(be32_to_cpu(copy->checksum)), "0x%08x",
                  vpc_footer_checksum(copy));
    }
    while (differs && (f = vpc_footer_difference(copy, &s->footer, f))) {
        unsigned skip = headers_equal_bytes(copy, &s->footer, f);
        g_autofree char *value = headers_field_text(&s->footer, f, skip);

        vpc_found(c, BDRV_FINDING_CORRUPTION, repair,
                  offset + f->offset + skip, f->name,
                  headers_field_text(copy, f, skip),
                  "%s, as in the footer at offset %" PRIu64, value,
                  s->footer_lost ? 0 : s->footer_offset);
    }
    return kind != COPY_SAME;
}

/* Odd values of the footer that counts, which is at @offset. */
static void headers_check_footer_values(VpcCheck *c, uint64_t offset)
{
    VpcState *s = c->bs->opaque;
    const VpcFooter *f = &s->footer;
    uint32_t features = be32_to_cpu(f->features);
    uint32_t version = be32_to_cpu(f->version);
    uint64_t data_offset = be64_to_cpu(f->data_offset);

    if ((features & ~1u) != 2) {
        headers_warn(c, offset + 8, "features of the footer",
                     headers_hex(features), "2 or 3");
    }
    if (version != VPC_VERSION) {
        headers_warn(c, offset + 12, "version of the footer",
                     headers_hex(version), "0x00010000");
    }
    if (s->type == VPC_TYPE_FIXED && data_offset != UINT64_MAX) {
        headers_warn(c, offset + 16, "data offset of the footer",
                     g_strdup_printf("0x%" PRIx64, data_offset),
                     "0xffffffffffffffff, as the disk is fixed");
    }
    if (buffer_is_zero(&f->uuid, sizeof(f->uuid))) {
        headers_warn(c, offset + 68, "unique id of the footer",
                     g_strdup("zero"), "an id");
    }
    if (f->saved_state) {
        headers_warn(c, offset + 84, "saved state of the footer",
                     g_strdup_printf("%u", f->saved_state),
                     "0: the guest is not suspended");
    }
    /* A one in the first of them is XenServer's mark of a hidden disk. */
    headers_warn_unless_zero(c, offset + 85, "reserved bytes of the footer",
                             f->reserved + (f->reserved[0] == 1),
                             sizeof(f->reserved) - (f->reserved[0] == 1));
}

/*
 * A further footer: directly after the data, or in the last sector of a longer
 * file.  A sector that does not resemble the footer is data, because nothing
 * says that a footer is there.
 */
static int headers_check_further(VpcCheck *c, Copy first, uint64_t offset,
                                 uint64_t limit)
{
    VpcState *s = c->bs->opaque;
    VpcFooter footer;
    Copy kind;
    int ret;

    /* Where entries are damaged, nothing says whose that sector is. */
    if (offset == s->footer_offset ||
        vpc_layout_after_footer(offset) > limit ||
        vpc_census_is_damaged(&s->census)) {
        return 0;
    }
    ret = bdrv_pread(c->bs->file, offset, &footer, sizeof(footer));
    if (ret >= 0 && vpc_has_footer_cookie(&footer) &&
        vpc_resembles_footer(s, (uint8_t *)&footer, sizeof(footer))) {
        kind = headers_compare(s, &footer);
        /* A sound one against a damaged copy, which is all that counts. */
        c->doubtful |= s->footer_lost && first == COPY_STALE &&
                       kind == COPY_DIFFERENT;
        if (headers_check_copy(c, kind, offset, &footer)) {
            c->further[c->further_count++] = offset;
        }
    }
    return MIN(ret, 0);
}

static int headers_check_footers(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    bool dynamic = s->type != VPC_TYPE_FIXED;
    VpcFooter first = s->footer, last = s->footer;
    uint64_t last_sector = s->file_length - VPC_SECTOR;
    uint64_t at = s->footer_lost ? last_sector : s->footer_offset;
    Copy f, l;
    int ret = bdrv_pread(c->bs->file, at, &last, sizeof(last));

    if (ret >= 0 && dynamic) {
        ret = bdrv_pread(c->bs->file, 0, &first, sizeof(first));
    }
    if (ret < 0) {
        return ret;
    }
    f = headers_compare(s, &first);
    l = headers_compare(s, &last);
    /* One of them counts only because opening had to choose. */
    c->doubtful = (f == COPY_CONTRARY && l == COPY_STALE) ||
                  (l == COPY_CONTRARY && f == COPY_STALE);
    c->write_copy = headers_check_copy(c, f, 0, &first);
    /* Its fields would say nothing, because it is another disk's. */
    if (s->footer_lost && l == COPY_DIFFERENT) {
        vpc_found(c, BDRV_FINDING_CORRUPTION, VPC_REPAIR_FOOTER, at,
                  "footer at the end of the file", g_strdup(s->footer_problem),
                  "that of this disk");
    } else {
        c->write_footer = headers_check_copy(c, l, at, &last) &&
                          !s->footer_lost;
    }
    headers_check_footer_values(c, s->footer_lost ? 0 : at);
    if (dynamic) {
        ret = headers_check_further(
            c, f, vpc_layout_footer(vpc_space_end(&s->space)), last_sector);
    }
    if (dynamic && ret >= 0 && !s->footer_lost) {
        ret = headers_check_further(c, f, last_sector, s->file_length);
    }
    return MIN(ret, 0);
}

/* ---- header ------------------------------------------------------------- */

static void headers_check_locator(VpcCheck *c, unsigned i)
{
    VpcState *s = c->bs->opaque;
    const VpcParentLocator *l = &s->header.locator[i];
    uint64_t at = s->header_offset + offsetof(VpcDynHeader, locator) +
                  i * sizeof(*l);

    if (!l->platform) {
        headers_warn_unless_zero(c, at, "parent locator without a platform", l,
                                 sizeof(*l));
        return;
    }
    /* Not repaired, because nothing says where the path is. */
    if (l->data_length && !s->locator_placed[i]) {
        vpc_found(c, BDRV_FINDING_CORRUPTION, 0, at, "parent locator",
                  g_strdup_printf("%" PRIu32 " bytes at offset %" PRIu64,
                                  be32_to_cpu(l->data_length),
                                  be64_to_cpu(l->data_offset)),
                  "a place inside the file, apart from other structures");
    }
    headers_warn_unless_zero(c, at + 12, "reserved bytes of a parent locator",
                             &l->reserved, sizeof(l->reserved));
}

static void headers_check_header_values(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    const VpcDynHeader *h = &s->header;
    uint64_t at = s->header_offset;
    uint64_t current = be64_to_cpu(s->footer.current_size);
    uint32_t version = be32_to_cpu(h->version);
    uint32_t entries = be32_to_cpu(h->max_table_entries);
    uint64_t needed = vpc_blocks_of(current, s->block_size);

    if (h->data_offset != UINT64_MAX) {
        headers_warn(c, at + 8, "data offset of the dynamic header",
                     g_strdup_printf("0x%" PRIx64, be64_to_cpu(h->data_offset)),
                     "0xffffffffffffffff");
    }
    if (version != VPC_VERSION) {
        headers_warn(c, at + 24, "version of the dynamic header",
                     headers_hex(version), "0x00010000");
    }
    /* Too few for the disk are an error of opening. */
    if (entries > needed) {
        vpc_found(c, BDRV_FINDING_WARNING, 0, at + 28, "max table entries",
                  g_strdup_printf("%" PRIu32, entries), "%" PRIu64, needed);
    }
    headers_warn_unless_zero(c, at + 60, "reserved bytes of the dynamic header",
                             &h->reserved, sizeof(h->reserved));
    headers_warn_unless_zero(c, at + 768,
                             "reserved bytes of the dynamic header",
                             h->reserved2, sizeof(h->reserved2));
    for (unsigned i = 0; i < VPC_LOCATORS; i++) {
        headers_check_locator(c, i);
    }
}

/* Nothing says where in it the bytes were lost, or that it is not the size. */
static void headers_check_fixed(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    uint64_t current = be64_to_cpu(s->footer.current_size);
    VpcDetail *detail;

    if (current <= s->footer_offset) {
        return;
    }
    vpc_found(c, BDRV_FINDING_CORRUPTION, VPC_REPAIR_NOTHING, s->footer_offset,
              "place of the footer",
              g_strdup_printf("%" PRIu64, s->footer_offset), "%" PRIu64
              " or more, after a disk of that size", current);
    detail = &g_array_index(c->details, VpcDetail, c->details->len - 1);
    detail->guest = (VpcRange) { s->footer_offset,
                                 MAX(s->size, s->footer_offset) };
    c->doubtful = true;
}

int vpc_check_headers(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    VpcDynHeader header;
    int ret = headers_check_footers(c);

    if (ret == 0 && s->type == VPC_TYPE_FIXED) {
        headers_check_fixed(c);
        return 0;
    }
    if (ret < 0) {
        return ret;
    }
    ret = bdrv_pread(c->bs->file, s->header_offset, &header, sizeof(header));
    if (ret < 0) {
        return ret;
    }
    /* The layout in memory is the other header's, so nothing is repaired. */
    if (s->header_assumed) {
        c->doubtful = true;
        vpc_found(c, BDRV_FINDING_CORRUPTION, 0, s->header_offset,
                  "dynamic header", g_strdup("damaged"),
                  "one that names the block allocation table at offset %" PRIu64
                  " and blocks of %" PRIu32 " bytes", s->bat.offset,
                  s->block_size);
        return 0;
    }
    if (memcmp(&header, &s->header, sizeof(header))) {
        vpc_found(c, BDRV_FINDING_CORRUPTION, 0, s->header_offset,
                  "dynamic header", g_strdup("changed"),
                  "what it was when the image was opened");
        return 0;
    }
    if (be32_to_cpu(header.checksum) != vpc_header_checksum(&header)) {
        vpc_found(c, BDRV_FINDING_CORRUPTION, VPC_REPAIR_FIELDS,
                  s->header_offset + offsetof(VpcDynHeader, checksum),
                  "checksum of the dynamic header",
                  headers_hex(be32_to_cpu(header.checksum)), "0x%08x",
                  vpc_header_checksum(&header));
        c->write_header = true;
    }
    headers_check_header_values(c);
    return 0;
}
