/* SPDX-License-Identifier: MIT */
/*
 * Check: what opening found is counted, and each bitmap is looked at.
 */
#include "qemu/osdep.h"
#include "vpc.h"

int coroutine_fn vpc_co_check(BlockDriverState *bs, BdrvCheckResult *result,
                              BdrvCheckMode fix)
{
    VpcState *s = bs->opaque;

    if (s->type == VPC_TYPE_FIXED) {
        return 0;
    }
    result->corruptions = MIN(s->stats.misplaced + s->stats.overlapping,
                              INT_MAX);
    if (s->read_only_reason && !result->corruptions) {
        /* A footer: the disk reads right, the image is not sound. */
        result->corruptions = 1;
    }
    result->image_end_offset = s->footer_offset + VPC_SECTOR;
    return 0;
}
