/* SPDX-License-Identifier: MIT */
/*
 * The content of a range of the file: the only place that decides whether it
 * reads as zeroes, because two that differ would keep one block's bytes in
 * another.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "vpc.h"

#define LOOK_BYTES ((int64_t)(64 * KiB))

static VpcContent content_of_bytes(const uint8_t *buf, uint64_t bytes)
{
    VpcContent content = VPC_CONTENT_ZERO;

    for (uint64_t at = 0; at < bytes; at += VPC_SECTOR) {
        uint64_t n = MIN(bytes - at, VPC_SECTOR);

        if (buffer_is_zero(buf + at, n)) {
            continue;
        }
        if (n < VPC_SECTOR ||
            !vpc_footer_valid((const VpcFooter *)(buf + at), NULL)) {
            return VPC_CONTENT_DATA;
        }
        content = VPC_CONTENT_FOOTERS;
    }
    return content;
}

bool vpc_is_padding(const uint8_t *buf, uint64_t bytes)
{
    /* All bytes equal their successor, and the first one is a one. */
    return bytes && buf[0] == 0xff && memcmp(buf, buf + 1, bytes - 1) == 0;
}

bool vpc_space_extent(BlockDriverState *bs, uint64_t start, uint64_t end,
                      uint64_t *extent_end)
{
    int64_t pnum = 0;
    int ret = bdrv_block_status(bs->file->bs, start, end - start, &pnum, NULL,
                                NULL);
    bool known = ret >= 0 && pnum > 0;

    *extent_end = known ? start + pnum : end;
    return !known || !(ret & BDRV_BLOCK_ZERO);
}

int vpc_space_content_in(BlockDriverState *bs, uint64_t start, uint64_t end,
                         uint64_t *data_end)
{
    g_autofree uint8_t *buf = NULL;
    int content = VPC_CONTENT_ZERO;

    while (start < end && content != VPC_CONTENT_DATA) {
        int64_t n;
        int ret;

        if (start >= *data_end &&
            !vpc_space_extent(bs, start, end, data_end)) {
            start = *data_end;
            continue;
        }
        buf = buf ?: g_malloc(LOOK_BYTES);
        n = MIN(MIN(*data_end, end) - start, (uint64_t)LOOK_BYTES);
        ret = bdrv_pread(bs->file, start, buf, n);
        if (ret < 0) {
            return ret;
        }
        content = MAX(content, (int)content_of_bytes(buf, n));
        start += n;
    }
    return content;
}

int vpc_space_content(BlockDriverState *bs, uint64_t start, uint64_t end)
{
    uint64_t data_end = 0;

    return vpc_space_content_in(bs, start, end, &data_end);
}
