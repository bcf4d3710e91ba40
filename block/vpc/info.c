/* SPDX-License-Identifier: MIT */
/*
 * The information about an image: every field, the size by each rule, where
 * things lie, and what is wrong.
 *
 * Invariant: all of it was learnt when the image was opened; nothing is read.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "fields.h"
#include "vpc.h"

/* Sets an optional member of @info, which is not shown otherwise. */
#define SET(info, member, value)                                               \
    do {                                                                       \
        (info)->has_##member = true;                                           \
        (info)->member = (value);                                              \
    } while (0)

static char *info_version(uint16_t major, uint16_t minor)
{
    return g_strdup_printf("%d.%d", major, minor);
}

/* By value, because in the structures of the disk it is not aligned. */
static char *info_uuid(QemuUUID uuid)
{
    return qemu_uuid_unparse_strdup(&uuid);
}

static int64_t info_unix_time(uint32_t timestamp)
{
    return (int64_t)be32_to_cpu(timestamp) + VPC_EPOCH;
}

/* With both sizes, because programs differ in which one a guest sees. */
static void info_set_footer(ImageInfoSpecificVpc *info, const VpcFooter *footer)
{
    uint32_t version = be32_to_cpu(footer->version);

    info->creator_application = vpc_field_text(footer->creator_app);
    info->creator_os = vpc_field_text(footer->creator_os);
    info->creator_version = info_version(be16_to_cpu(footer->creator_major),
                                         be16_to_cpu(footer->creator_minor));
    info->unique_id = info_uuid(footer->uuid);
    info->format_version = info_version(version >> 16, version & 0xffff);
    SET(info, timestamp, info_unix_time(footer->timestamp));
    SET(info, features, be32_to_cpu(footer->features));
    SET(info, saved_state, footer->saved_state != 0);
    SET(info, original_size, be64_to_cpu(footer->original_size));
    SET(info, current_size, vpc_disk_size(footer, VPC_SIZE_CURRENT));
    SET(info, chs_size,
        vpc_geometry_sectors(vpc_footer_geometry(footer)) * VPC_SECTOR);
    SET(info, cylinders, be16_to_cpu(footer->cylinders));
    SET(info, heads, footer->heads);
    SET(info, sectors_per_track, footer->sectors);
    SET(info, checksum, be32_to_cpu(footer->checksum));
}

static void info_set_dynamic(ImageInfoSpecificVpc *info, const VpcState *s)
{
    const VpcDynHeader *header = &s->header;
    uint32_t version = be32_to_cpu(header->version);
    QemuUUID parent = header->parent_uuid;

    SET(info, header_offset, s->header_offset);
    info->header_version = info_version(version >> 16, version & 0xffff);
    SET(info, header_checksum, be32_to_cpu(header->checksum));
    SET(info, table_offset, be64_to_cpu(header->table_offset));
    SET(info, table_entries, be32_to_cpu(header->max_table_entries));
    SET(info, block_size, s->block_size);
    if (!qemu_uuid_is_null(&parent)) {
        info->parent_unique_id = info_uuid(parent);
    }
    if (header->parent_timestamp) {
        SET(info, parent_timestamp, info_unix_time(header->parent_timestamp));
    }
    if (s->batmap.header_offset) {
        SET(info, batmap_offset, s->batmap.header_offset);
    }
    SET(info, total_blocks, s->bat.blocks);
    SET(info, allocated_blocks, s->census.allocated);
    SET(info, fragmented_blocks, s->census.fragmented);
    SET(info, data_aligned, s->census.aligned);
}

/*
 * Bytes of the file that belong to no block and no structure.  A locator's room
 * is used although it is empty, because no block may be put there.
 */
static uint64_t info_unused_space(const VpcState *s)
{
    uint64_t used = s->footer_lost ? 0 : sizeof(s->footer);

    /* Opening found that the disk, or its blocks, are in the file. */
    used += s->type == VPC_TYPE_FIXED
            ? be64_to_cpu(s->footer.current_size)
            : s->census.allocated * vpc_layout_block_bytes(s->block_size);
    for (unsigned i = 0; i < s->reserved_count; i++) {
        used += s->reserved[i].end - s->reserved[i].start;
    }
    for (unsigned i = 0; i < VPC_LOCATORS; i++) {
        used += MIN(s->rooms[i].end, s->file_length) -
                MIN(s->rooms[i].start, s->file_length);
    }
    return s->file_length - MIN(used, s->file_length);
}

ImageInfoSpecific *vpc_get_specific_info(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    ImageInfoSpecificVpc *vpc = g_new0(ImageInfoSpecificVpc, 1);
    ImageInfoSpecific *info = g_new0(ImageInfoSpecific, 1);
    bool fixed = s->type == VPC_TYPE_FIXED;

    vpc->subformat = fixed ? BLOCKDEV_VPC_SUBFORMAT_FIXED
                           : BLOCKDEV_VPC_SUBFORMAT_DYNAMIC;
    info_set_footer(vpc, &s->footer);
    SET(vpc, size_rule, s->size == vpc->current_size
                        ? BLOCKDEV_VPC_FORCE_SIZE_CALC_CURRENT_SIZE
                        : BLOCKDEV_VPC_FORCE_SIZE_CALC_CHS);
    if (!fixed) {
        info_set_dynamic(vpc, s);
    }
    if (!s->footer_lost) {
        SET(vpc, footer_offset, fixed ? s->footer_offset : vpc_space_footer(s));
    }
    SET(vpc, unused_space, info_unused_space(s));
    if (s->read_only_reason) {
        ImageInfoVpcWarningList *list = g_new0(ImageInfoVpcWarningList, 1);

        list->value = g_new0(ImageInfoVpcWarning, 1);
        list->value->message = g_strdup(s->read_only_reason);
        SET(vpc, warnings, list);
    }
    info->type = IMAGE_INFO_SPECIFIC_KIND_VPC;
    info->u.vpc.data = vpc;
    return info;
}
