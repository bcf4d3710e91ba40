/* SPDX-License-Identifier: MIT */
/*
 * Check of the ends: both footers, the dynamic header, parent locators.
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

static char *show(const VpcFooter *footer, const VpcFooterField *field)
{
    const uint8_t *p = (const uint8_t *)footer + field->offset;
    GString *hex;

    if (field->text) {
        return vpc_printable((const char *)p, field->bytes);
    }
    hex = g_string_new("0x");
    for (unsigned i = 0; i < MIN(field->bytes, 16); i++) {
        g_string_append_printf(hex, "%02x", p[i]);
    }
    return g_string_free(hex, false);
}

static void warn(VpcCheck *c, uint64_t offset, const char *field, char *value,
                 const char *expected)
{
    vpc_found(c, BDRV_FINDING_WARNING, 0, offset, field, value,
              g_strdup(expected));
}

/* ---- one footer --------------------------------------------------------- */

/* How a copy on the disk compares with the footer that counts. */
typedef enum Copy {
    COPY_SAME,
    COPY_STALE,                 /* but for its checksum */
    COPY_DIFFERENT,             /* a valid footer with another checksum */
    COPY_CONTRARY,              /* all of its values can be, its checksum not */
    COPY_NONE,                  /* not a footer */
} Copy;

static Copy compare(const VpcState *s, const VpcFooter *copy)
{
    VpcFooter sealed = *copy;

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

static void found_no_footer(VpcCheck *c, uint64_t offset,
                            const VpcFooter *copy)
{
    uint32_t type = be32_to_cpu(copy->type);

    if (!vpc_has_footer_cookie(copy->cookie)) {
        vpc_found(c, BDRV_FINDING_CORRUPTION, BDRV_FIX_ERRORS, offset,
                  "cookie of the footer", vpc_printable(copy->cookie, 8),
                  g_strdup(VPC_FOOTER_COOKIE));
    } else if (be32_to_cpu(copy->version) >> 16 != VPC_VERSION >> 16) {
        vpc_found(c, BDRV_FINDING_CORRUPTION, BDRV_FIX_ERRORS, offset + 12,
                  "version of the footer",
                  g_strdup_printf("0x%08x", be32_to_cpu(copy->version)),
                  g_strdup("0x00010000"));
    } else {
        vpc_found(c, BDRV_FINDING_CORRUPTION, BDRV_FIX_ERRORS, offset + 60,
                  "type of the footer", g_strdup_printf("%" PRIu32, type),
                  g_strdup("2, 3 or 4"));
    }
}

static void found_checksum(VpcCheck *c, uint64_t offset, const VpcFooter *copy)
{
    vpc_found(c, BDRV_FINDING_CORRUPTION, BDRV_FIX_ERRORS,
              offset + offsetof(VpcFooter, checksum),
              "checksum of the footer",
              g_strdup_printf("0x%08x", be32_to_cpu(copy->checksum)),
              g_strdup_printf("0x%08x", vpc_footer_checksum(copy)));
}

/* Names each field that is not as in the footer that counts. */
static void found_differences(VpcCheck *c, uint64_t offset,
                              const VpcFooter *copy)
{
    VpcState *s = c->bs->opaque;

    for (size_t i = 0; i < VPC_FOOTER_FIELDS; i++) {
        const VpcFooterField *f = &vpc_footer_fields[i];

        if (memcmp((const uint8_t *)copy + f->offset,
                   (const uint8_t *)&s->footer + f->offset, f->bytes)) {
            g_autofree char *value = show(&s->footer, f);

            vpc_found(c, BDRV_FINDING_CORRUPTION, BDRV_FIX_ERRORS,
                      offset + f->offset, f->name, show(copy, f),
                      g_strdup_printf("%s, as in the footer at offset %" PRIu64,
                                      value, s->footer_lost ? 0
                                             : s->footer_offset));
        }
    }
}

/* Is the copy to be written? */
static bool judge_copy(VpcCheck *c, Copy kind, uint64_t offset,
                       const VpcFooter *copy)
{
    if (kind == COPY_NONE) {
        found_no_footer(c, offset, copy);
    }
    if (kind == COPY_STALE || kind == COPY_CONTRARY) {
        found_checksum(c, offset, copy);
    }
    if (kind == COPY_DIFFERENT || kind == COPY_CONTRARY) {
        found_differences(c, offset, copy);
    }
    return kind != COPY_SAME;
}

/* Oddities of the footer that counts. */
static void judge_footer(VpcCheck *c, uint64_t offset)
{
    VpcState *s = c->bs->opaque;
    const VpcFooter *f = &s->footer;
    uint32_t features = be32_to_cpu(f->features);
    uint32_t version = be32_to_cpu(f->version);
    uint64_t data_offset = be64_to_cpu(f->data_offset);

    if ((features & ~1u) != 2) {
        warn(c, offset + 8, "features of the footer",
             g_strdup_printf("0x%08x", features), "2 or 3");
    }
    if (version != VPC_VERSION) {
        warn(c, offset + 12, "version of the footer",
             g_strdup_printf("0x%08x", version), "0x00010000");
    }
    if (s->type == VPC_TYPE_FIXED && data_offset != UINT64_MAX) {
        warn(c, offset + 16, "data offset of the footer",
             g_strdup_printf("0x%" PRIx64, data_offset),
             "0xffffffffffffffff, as the disk is fixed");
    }
    if (buffer_is_zero(&f->uuid, sizeof(f->uuid))) {
        warn(c, offset + 68, "unique id of the footer", g_strdup("zero"),
             "an id");
    }
    if (f->saved_state) {
        warn(c, offset + 84, "saved state of the footer",
             g_strdup_printf("%u", f->saved_state),
             "0: the guest is not suspended");
    }
    /* The first of them is XenServer's mark of a hidden disk. */
    if (f->reserved[0] > 1 ||
        !buffer_is_zero(f->reserved + 1, sizeof(f->reserved) - 1)) {
        warn(c, offset + 85, "reserved bytes of the footer",
             g_strdup("not zero"), "zero");
    }
}

/*
 * A further footer: directly after the data, or in the last sector of a longer
 * file.  What does not resemble one is none.
 */
static int check_further_footer(VpcCheck *c, uint64_t offset, uint64_t limit)
{
    VpcState *s = c->bs->opaque;
    VpcFooter footer;
    int ret;

    if (s->footer_lost || offset == s->footer_offset ||
        vpc_layout_after_footer(offset) > limit) {
        return 0;
    }
    ret = bdrv_pread(c->bs->file, offset, &footer, sizeof(footer));
    if (ret >= 0 && vpc_has_footer_cookie(&footer) &&
        vpc_resembles_footer(s, (uint8_t *)&footer, sizeof(footer)) &&
        judge_copy(c, compare(s, &footer), offset, &footer)) {
        c->further[c->further_count++] = offset;
    }
    return MIN(ret, 0);
}

static int check_further_footers(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    uint64_t last = s->file_length - VPC_SECTOR;
    int ret = check_further_footer(
        c, vpc_layout_footer(vpc_space_end(&s->space)), last);

    return ret < 0 ? ret : check_further_footer(c, last, s->file_length);
}

static int check_footers(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    bool dynamic = s->type != VPC_TYPE_FIXED;
    VpcFooter head = s->footer, tail = s->footer;
    uint64_t tail_at = s->footer_lost ? s->file_length - VPC_SECTOR
                                    : s->footer_offset;
    Copy h, t;
    int ret = bdrv_pread(c->bs->file, tail_at, &tail, sizeof(tail));

    if (ret >= 0 && dynamic) {
        ret = bdrv_pread(c->bs->file, 0, &head, sizeof(head));
    }
    if (ret < 0) {
        return ret;
    }
    h = compare(s, &head);
    t = compare(s, &tail);
    c->contrary = (h == COPY_CONTRARY && t == COPY_STALE) ||
                  (t == COPY_CONTRARY && h == COPY_STALE);
    c->write_copy = judge_copy(c, h, 0, &head);
    if (s->footer_lost && t == COPY_DIFFERENT) {
        vpc_found(c, BDRV_FINDING_CORRUPTION, BDRV_FIX_ERRORS, tail_at,
                  "footer at the end of the file", g_strdup(s->footer_problem),
                  g_strdup("that of this disk"));
        c->write_footer = true;
    } else {
        c->write_footer = judge_copy(c, t, tail_at, &tail) || s->footer_lost;
    }
    judge_footer(c, s->footer_lost ? 0 : tail_at);
    return dynamic ? check_further_footers(c) : 0;
}

/* ---- header ------------------------------------------------------------- */

static void judge_locator(VpcCheck *c, unsigned i)
{
    VpcState *s = c->bs->opaque;
    const VpcParentLocator *l = &s->header.locator[i];
    uint64_t at = s->header_offset + offsetof(VpcDynHeader, locator) +
                  i * sizeof(*l);

    if (!l->platform) {
        if (!buffer_is_zero(l, sizeof(*l))) {
            warn(c, at, "parent locator without a platform",
                 g_strdup("not zero"), "zero");
        }
        return;
    }
    if (l->data_length && !s->locator_placed[i]) {
        vpc_found(c, BDRV_FINDING_CORRUPTION, 0, at, "parent locator",
                  g_strdup_printf("%" PRIu32 " bytes at offset %" PRIu64,
                                  be32_to_cpu(l->data_length),
                                  be64_to_cpu(l->data_offset)),
                  g_strdup("a place inside the file, apart from other "
                           "structures"));
    }
    if (l->reserved) {
        warn(c, at + 12, "reserved bytes of a parent locator",
             g_strdup("not zero"), "zero");
    }
}

static void judge_header(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    const VpcDynHeader *h = &s->header;
    uint64_t at = s->header_offset;
    uint64_t current = be64_to_cpu(s->footer.current_size);
    uint32_t entries = be32_to_cpu(h->max_table_entries);
    uint64_t needed = vpc_blocks_of(current, s->block_size);

    if (h->data_offset != UINT64_MAX) {
        warn(c, at + 8, "data offset of the dynamic header",
             g_strdup_printf("0x%" PRIx64, be64_to_cpu(h->data_offset)),
             "0xffffffffffffffff");
    }
    if (be32_to_cpu(h->version) != VPC_VERSION) {
        warn(c, at + 24, "version of the dynamic header",
             g_strdup_printf("0x%08x", be32_to_cpu(h->version)),
             "0x00010000");
    }
    if (entries > needed) {
        vpc_found(c, BDRV_FINDING_WARNING, 0, at + 28, "max table entries",
                  g_strdup_printf("%" PRIu32, entries),
                  g_strdup_printf("%" PRIu64, needed));
    }
    if (h->reserved) {
        warn(c, at + 60, "reserved bytes of the dynamic header",
             g_strdup("not zero"), "zero");
    }
    if (!buffer_is_zero(h->reserved2, sizeof(h->reserved2))) {
        warn(c, at + 768, "reserved bytes of the dynamic header",
             g_strdup("not zero"), "zero");
    }
    for (unsigned i = 0; i < ARRAY_SIZE(h->locator); i++) {
        judge_locator(c, i);
    }
}

static int check_header(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    VpcDynHeader header;
    uint32_t expected;
    int ret = bdrv_pread(c->bs->file, s->header_offset, &header,
                         sizeof(header));

    if (ret < 0) {
        return ret;
    }
    if (memcmp(&header, &s->header, sizeof(header))) {
        vpc_found(c, BDRV_FINDING_CORRUPTION, 0, s->header_offset,
                  "dynamic header", g_strdup("changed"),
                  g_strdup("what it was when the image was opened"));
        return 0;
    }
    expected = vpc_header_checksum(&header);
    if (be32_to_cpu(header.checksum) != expected) {
        vpc_found(c, BDRV_FINDING_CORRUPTION, BDRV_FIX_ERRORS,
                  s->header_offset + offsetof(VpcDynHeader, checksum),
                  "checksum of the dynamic header",
                  g_strdup_printf("0x%08x", be32_to_cpu(header.checksum)),
                  g_strdup_printf("0x%08x", expected));
        c->write_header = true;
    }
    judge_header(c);
    return 0;
}

int vpc_check_headers(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    int ret = check_footers(c);

    return ret == 0 && s->type != VPC_TYPE_FIXED ? check_header(c) : ret;
}
