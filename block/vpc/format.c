/* SPDX-License-Identifier: MIT */
/*
 * The VHD format: checksums, validity, geometry, sizes.
 *
 * Invariant: a function that validates reads nothing but its argument, and no
 * value of it leads to undefined behaviour.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "format.h"

uint32_t vpc_checksum(const void *buf, size_t size, size_t field)
{
    const uint8_t *p = buf;
    uint32_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        if (i < field || i >= field + 4) {
            sum += p[i];
        }
    }
    return ~sum;
}

uint32_t vpc_footer_checksum(const VpcFooter *footer)
{
    return vpc_checksum(footer, sizeof(*footer),
                        offsetof(VpcFooter, checksum));
}

uint32_t vpc_header_checksum(const VpcDynHeader *header)
{
    return vpc_checksum(header, sizeof(*header),
                        offsetof(VpcDynHeader, checksum));
}

void vpc_footer_seal(VpcFooter *footer)
{
    footer->checksum = cpu_to_be32(vpc_footer_checksum(footer));
}

void vpc_header_seal(VpcDynHeader *header)
{
    header->checksum = cpu_to_be32(vpc_header_checksum(header));
}

bool vpc_has_footer_cookie(const void *buf)
{
    return memcmp(buf, VPC_FOOTER_COOKIE, 8) == 0;
}

char *vpc_printable(const char *chars, size_t size, const char *escaped)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < size; i++) {
        if (g_ascii_isprint(chars[i]) && !strchr(escaped, chars[i])) {
            g_string_append_c(text, chars[i]);
        } else {
            g_string_append_printf(text, "\\x%02x", (uint8_t)chars[i]);
        }
    }
    return g_string_free(text, false);
}

/* Compares what @structure, in words, has with what it should have. */
static bool format_checksum_valid(uint32_t checksum, uint32_t expected,
                                  const char *structure, Error **errp)
{
    if (checksum != expected) {
        error_setg(errp, "Wrong checksum 0x%08" PRIx32 " of the %s, expected "
                   "0x%08" PRIx32, checksum, structure, expected);
    }
    return checksum == expected;
}

/*
 * Minor versions may differ, because a program that adds to the format in a way
 * that old ones can ignore raises only these.
 */
static bool format_version_valid(uint32_t version, const char *structure,
                                 Error **errp)
{
    bool valid = version >> 16 == VPC_VERSION >> 16;

    if (!valid) {
        error_setg(errp, "Unsupported version 0x%08" PRIx32 " of the %s, "
                   "expected 0x%08x", version, structure, VPC_VERSION);
    }
    return valid;
}

bool vpc_footer_values_valid(const VpcFooter *footer, Error **errp)
{
    uint32_t type = be32_to_cpu(footer->type);

    if (!vpc_has_footer_cookie(footer->cookie)) {
        g_autofree char *cookie = vpc_printable(footer->cookie, 8, "");

        error_setg(errp, "invalid VPC image: no cookie '%s' in the footer, "
                   "but '%s'", VPC_FOOTER_COOKIE, cookie);
        return false;
    }
    if (!format_version_valid(be32_to_cpu(footer->version), "footer", errp)) {
        return false;
    }
    if (type != VPC_TYPE_FIXED && type != VPC_TYPE_DYNAMIC &&
        type != VPC_TYPE_DIFFERENCING) {
        error_setg(errp, "Unknown disk type %" PRIu32 " in the footer, "
                   "expected 2 (fixed), 3 (dynamic) or 4 (differencing)",
                   type);
        return false;
    }
    return true;
}

bool vpc_footer_valid(const VpcFooter *footer, Error **errp)
{
    return vpc_footer_values_valid(footer, errp) &&
           format_checksum_valid(be32_to_cpu(footer->checksum),
                                 vpc_footer_checksum(footer), "footer", errp);
}

bool vpc_header_values_valid(const VpcDynHeader *header, Error **errp)
{
    uint32_t block_size = be32_to_cpu(header->block_size);
    uint32_t entries = be32_to_cpu(header->max_table_entries);
    uint64_t bat = be64_to_cpu(header->table_offset);

    if (memcmp(header->cookie, VPC_HEADER_COOKIE, 8)) {
        g_autofree char *cookie = vpc_printable(header->cookie, 8, "");

        error_setg(errp, "No cookie '%s' in the dynamic header, but '%s'",
                   VPC_HEADER_COOKIE, cookie);
        return false;
    }
    if (!is_power_of_2(block_size) || block_size < VPC_SECTOR) {
        error_setg(errp, "Invalid block size %" PRIu32, block_size);
        return false;
    }
    /* Then the bytes of the BAT are an int. */
    if (entries > INT_MAX / 4) {
        error_setg(errp, "Max Table Entries too large (%" PRIu32 ")", entries);
        return false;
    }
    if (!format_version_valid(be32_to_cpu(header->version), "dynamic header",
                              errp)) {
        return false;
    }
    /* Half of what an offset can be leaves room for all sums with sizes. */
    if (bat % VPC_SECTOR || bat > INT64_MAX / 2) {
        error_setg(errp, "Invalid offset %" PRIu64 " of the block allocation "
                   "table, expected a multiple of %d", bat, VPC_SECTOR);
        return false;
    }
    return true;
}

bool vpc_header_valid(const VpcDynHeader *header, Error **errp)
{
    return vpc_header_values_valid(header, errp) &&
           format_checksum_valid(be32_to_cpu(header->checksum),
                                 vpc_header_checksum(header), "dynamic header",
                                 errp);
}

/* ---- geometry ----------------------------------------------------------- */

/*
 * The appendix of the specification: the fewest heads and sectors a track that
 * keep the cylinders below 1024, which is what a BIOS can address; larger disks
 * get the most of both, and more cylinders.
 */
VpcGeometry vpc_geometry(uint64_t total_sectors)
{
    uint32_t total = MIN(total_sectors, VPC_CHS_MAX_SECTORS);
    uint32_t tracks, heads, sectors;

    if (total == 0) {
        return (VpcGeometry) { 0 };
    }
    if (total >= (uint32_t)VPC_CHS_MAX_C * 16 * 63) {
        sectors = 255;
        heads = 16;
        tracks = total / sectors;
    } else {
        sectors = 17;
        tracks = total / sectors;
        heads = MAX(4, DIV_ROUND_UP(tracks, 1024));
        if (tracks >= heads * 1024 || heads > 16) {
            sectors = 31;
            heads = 16;
            tracks = total / sectors;
        }
        if (tracks >= heads * 1024) {
            sectors = 63;
            heads = 16;
            tracks = total / sectors;
        }
    }
    return (VpcGeometry) {
        .cylinders = tracks / heads,
        .heads = heads,
        .sectors = sectors,
    };
}

uint64_t vpc_geometry_sectors(VpcGeometry geometry)
{
    return (uint64_t)geometry.cylinders * geometry.heads * geometry.sectors;
}

VpcGeometry vpc_geometry_above(uint64_t sectors)
{
    uint64_t wanted = MIN(sectors, VPC_CHS_MAX_SECTORS);
    uint64_t total = wanted;

    /* A geometry is never further away than one cylinder. */
    while (vpc_geometry_sectors(vpc_geometry(total)) < wanted) {
        total++;
    }
    return vpc_geometry(total);
}

uint64_t vpc_round_to_geometry(uint64_t sectors)
{
    uint64_t total = vpc_geometry_sectors(vpc_geometry_above(sectors));

    /* The largest geometry is no size; current_size counts then. */
    return total == VPC_CHS_MAX_SECTORS ? sectors : total;
}

/* ---- size --------------------------------------------------------------- */

uint32_t vpc_tap_version(const VpcFooter *footer)
{
    if (memcmp(footer->creator_app, "tap", sizeof(footer->creator_app))) {
        return 0;
    }
    return (uint32_t)be16_to_cpu(footer->creator_major) << 16 |
           be16_to_cpu(footer->creator_minor);
}

VpcGeometry vpc_footer_geometry(const VpcFooter *footer)
{
    return (VpcGeometry) {
        .cylinders = be16_to_cpu(footer->cylinders),
        .heads = footer->heads,
        .sectors = footer->sectors,
    };
}

/* Do guests of the footer's creator see the geometry, not current_size? */
static bool format_means_geometry(const VpcFooter *footer)
{
    return memcmp(footer->creator_app, "vpc ", 4) == 0 ||
           memcmp(footer->creator_app, "vs  ", 4) == 0 ||
           memcmp(footer->creator_app, "qemu", 4) == 0;
}

uint64_t vpc_creator_size(const VpcFooter *footer)
{
    uint64_t chs = vpc_geometry_sectors(vpc_footer_geometry(footer));

    return format_means_geometry(footer) && chs != VPC_CHS_MAX_SECTORS
           ? chs * VPC_SECTOR : be64_to_cpu(footer->current_size);
}

uint64_t vpc_disk_size(const VpcFooter *footer, VpcSizeRule rule)
{
    uint64_t current = be64_to_cpu(footer->current_size);
    uint64_t chs = vpc_geometry_sectors(vpc_footer_geometry(footer));

    /* This creator's geometry never was a size. */
    if (rule == VPC_SIZE_CURRENT || chs == 0 || chs == VPC_CHS_MAX_SECTORS ||
        chs > current / VPC_SECTOR ||
        memcmp(footer->creator_app, "qem2", 4) == 0) {
        return current;
    }
    return rule == VPC_SIZE_CHS || format_means_geometry(footer)
           ? chs * VPC_SECTOR : current;
}

uint32_t vpc_bitmap_size(uint32_t block_size)
{
    return ROUND_UP(DIV_ROUND_UP(block_size / VPC_SECTOR, 8), VPC_SECTOR);
}

/* ---- new disks ---------------------------------------------------------- */

void vpc_new_footer(VpcFooter *footer, const VpcNewDisk *disk)
{
    QemuUUID uuid;              /* aligned, as the footer's is not */

    qemu_uuid_generate(&uuid);
    *footer = (VpcFooter) {
        .cookie = VPC_FOOTER_COOKIE,
        .features = cpu_to_be32(2),
        .version = cpu_to_be32(VPC_VERSION),
        .data_offset = disk->type == VPC_TYPE_FIXED
                       ? UINT64_MAX : cpu_to_be64(sizeof(*footer)),
        .timestamp = cpu_to_be32(time(NULL) - VPC_EPOCH),
        .creator_major = cpu_to_be16(5),
        .creator_minor = cpu_to_be16(3),
        .creator_os = "Wi2k",
        .original_size = cpu_to_be64(disk->size),
        .current_size = cpu_to_be64(disk->size),
        .cylinders = cpu_to_be16(disk->geometry.cylinders),
        .heads = disk->geometry.heads,
        .sectors = disk->geometry.sectors,
        .type = cpu_to_be32(disk->type),
        .uuid = uuid,
    };
    memcpy(footer->creator_app, disk->creator_app, 4);
    vpc_footer_seal(footer);
}

void vpc_new_header(VpcDynHeader *header, uint64_t table_offset,
                    uint32_t entries, uint32_t block_size)
{
    *header = (VpcDynHeader) {
        .cookie = VPC_HEADER_COOKIE,
        .data_offset = UINT64_MAX,
        .table_offset = cpu_to_be64(table_offset),
        .version = cpu_to_be32(VPC_VERSION),
        .max_table_entries = cpu_to_be32(entries),
        .block_size = cpu_to_be32(block_size),
    };
    vpc_header_seal(header);
}

/* ---- comparing footers --------------------------------------------------- */

#define FOOTER_FIELD(name, member, text)                                       \
    { name, offsetof(VpcFooter, member), sizeof(((VpcFooter *)0)->member),     \
      text }

static const VpcFooterField footer_fields[] = {
    FOOTER_FIELD("features", features, false),
    FOOTER_FIELD("version", version, false),
    FOOTER_FIELD("data offset", data_offset, false),
    FOOTER_FIELD("timestamp", timestamp, false),
    FOOTER_FIELD("creator", creator_app, true),
    FOOTER_FIELD("creator's major version", creator_major, false),
    FOOTER_FIELD("creator's minor version", creator_minor, false),
    FOOTER_FIELD("creator's system", creator_os, true),
    FOOTER_FIELD("original size", original_size, false),
    FOOTER_FIELD("current size", current_size, false),
    FOOTER_FIELD("cylinders", cylinders, false),
    FOOTER_FIELD("heads", heads, false),
    FOOTER_FIELD("sectors per track", sectors, false),
    FOOTER_FIELD("type", type, false),
    FOOTER_FIELD("unique id", uuid, false),
    FOOTER_FIELD("saved state", saved_state, false),
    FOOTER_FIELD("reserved bytes", reserved, false),
};

const VpcFooterField *vpc_footer_difference(const VpcFooter *a,
                                            const VpcFooter *b,
                                            const VpcFooterField *after)
{
    const VpcFooterField *f = after ? after + 1 : footer_fields;

    while (f < footer_fields + ARRAY_SIZE(footer_fields)) {
        if (memcmp((const uint8_t *)a + f->offset,
                   (const uint8_t *)b + f->offset, f->bytes)) {
            return f;
        }
        f++;
    }
    return NULL;
}
