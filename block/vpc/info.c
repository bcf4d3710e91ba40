/* SPDX-License-Identifier: MIT */
/*
 * What an image tells about itself.
 */
#include "qemu/osdep.h"
#include "fields.h"
#include "vpc.h"

/*
 * There is something to tell when two rules give two sizes: a geometry that
 * could be one, but does not count, or the other way round.
 */
ImageInfoSpecific *vpc_get_specific_info(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    uint64_t chs = vpc_disk_size(&s->footer, VPC_SIZE_CHS);
    uint64_t current = vpc_disk_size(&s->footer, VPC_SIZE_CURRENT);
    char uuid_text[UUID_FMT_LEN + 1];
    QemuUUID uuid = s->footer.uuid;
    ImageInfoSpecificVpc *vpc;
    ImageInfoSpecific *info;

    if (chs == current) {
        return NULL;
    }
    qemu_uuid_unparse(&uuid, uuid_text);
    vpc = g_new0(ImageInfoSpecificVpc, 1);
    vpc->subformat = s->type == VPC_TYPE_FIXED ? BLOCKDEV_VPC_SUBFORMAT_FIXED
                                               : BLOCKDEV_VPC_SUBFORMAT_DYNAMIC;
    vpc->creator_application = vpc_field_text(s->footer.creator_app);
    vpc->has_current_size = true;
    vpc->current_size = current;
    vpc->has_chs_size = true;
    vpc->chs_size = chs;
    vpc->has_block_size = s->type != VPC_TYPE_FIXED;
    vpc->block_size = s->block_size;
    vpc->unique_id = g_strdup(uuid_text);

    info = g_new0(ImageInfoSpecific, 1);
    info->type = IMAGE_INFO_SPECIFIC_KIND_VPC;
    info->u.vpc.data = vpc;
    return info;
}
