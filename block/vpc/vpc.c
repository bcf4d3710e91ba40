/* SPDX-License-Identifier: MIT */
/*
 * The vpc driver: VHD images of Virtual PC, Hyper-V, Azure, XenServer and
 * VirtualBox.  This file has its table and the callbacks that only answer.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/module.h"
#include "flush.h"
#include "vpc.h"

static void vpc_refresh_limits(BlockDriverState *bs, Error **errp)
{
    /* Bitmaps know sectors, so the layer completes smaller writes. */
    bs->bl.request_alignment = MAX(bs->bl.request_alignment, VPC_SECTOR);
}

static int vpc_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    VpcState *s = bs->opaque;

    if (s->type != VPC_TYPE_FIXED) {
        /* 2 GiB, the largest, is more than an int: then 0, for unknown. */
        bdi->cluster_size = s->block_size <= INT_MAX ? s->block_size : 0;
        bdi->unallocated_blocks_are_zero = vpc_absent_is_zero(s);
    }
    return 0;
}

static int vpc_has_zero_init(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;

    return s->type == VPC_TYPE_FIXED ? bdrv_has_zero_init(bs->file->bs)
                                     : vpc_absent_is_zero(s);
}

static const char *const vpc_strong_runtime_opts[] = {
    "force_size_calc",
    NULL
};

static BlockDriver bdrv_vpc = {
    .format_name = "vpc",
    .instance_size = sizeof(VpcState),

    .bdrv_probe = vpc_probe,
    .bdrv_open = vpc_open,
    .bdrv_close = vpc_close,
    .bdrv_reopen_prepare = vpc_reopen_prepare,
    .bdrv_reopen_commit = vpc_reopen_commit,
    .bdrv_reopen_abort = vpc_reopen_abort,
    .bdrv_child_perm = bdrv_format_default_perms,
    .bdrv_refresh_limits = vpc_refresh_limits,
    .strong_runtime_opts = vpc_strong_runtime_opts,

    .create_opts = &vpc_create_opts,
    .bdrv_co_create = vpc_co_create,
    .bdrv_co_create_opts = vpc_co_create_opts,

    .bdrv_co_preadv = vpc_co_preadv,
    .bdrv_co_pwritev = vpc_co_pwritev,
    .bdrv_co_pwrite_zeroes = vpc_co_pwrite_zeroes,
    .bdrv_co_pdiscard = vpc_co_pdiscard,
    .bdrv_co_flush_to_os = vpc_co_flush_to_os,
    .bdrv_co_block_status = vpc_co_block_status,

    .bdrv_co_check = vpc_co_check,
    .bdrv_get_specific_info = vpc_get_specific_info,
    .bdrv_measure = vpc_measure,
    .bdrv_get_info = vpc_get_info,
    .bdrv_has_zero_init = vpc_has_zero_init,
#ifdef MINBLK_BLOCK_DRIVER_EXT
    .bdrv_probe_tail = vpc_probe_tail,
    .bdrv_probe_confirm = vpc_probe_confirm,
    .amend_opts = &vpc_amend_opts,
    .bdrv_amend = vpc_amend,
    .bdrv_check_target = vpc_check_target,
#endif
};

static void bdrv_vpc_init(void)
{
    bdrv_register(&bdrv_vpc);
}

block_init(bdrv_vpc_init);
