/* SPDX-License-Identifier: MIT */
/*
 * XenServer's batmap: one bit a block, set when the block's sector bitmap is
 * all ones, so that it need not be read.  Its header is the sector behind the
 * padded table.
 *
 * Invariants:
 *   - A bit that is set on the disk tells the truth there.  It is set for blocks
 *     that get space, whose bitmap the flush that writes the map makes durable
 *     first; and while it is set, no bit of the block's bitmap is cleared.  A
 *     bit may be clear though the bitmap is all ones.
 *   - A map whose checksum is wrong says nothing.  With the first change it is
 *     begun anew, all bits clear, which is true of any image.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "vpc.h"

/* What 2040 GiB in the 2 MiB blocks of XenServer need is 128 KiB. */
#define MAX_BYTES (1 * MiB)

uint32_t vpc_batmap_checksum(const VpcBatmapHeader *header, const void *map,
                             uint32_t bytes)
{
    const int8_t *p = map;
    uint32_t sum = 0;

    if (be32_to_cpu(header->version) != 0x00010001) {
        return vpc_checksum(map, bytes, bytes);
    }
    /* Version 1.1 summed signed characters. */
    for (uint32_t i = 0; i < bytes; i++) {
        sum += p[i];
    }
    return ~sum;
}

static int load_map(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    VpcBatmap *b = &s->batmap;
    int ret;

    b->map = qemu_try_blockalign(bs->file->bs, b->bytes);
    if (!b->map) {
        error_setg(errp, "Not enough memory for the batmap");
        return -ENOMEM;
    }
    ret = bdrv_pread(bs->file, b->offset, b->map, b->bytes);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the batmap");
        return ret;
    }
    b->trusted = be32_to_cpu(b->header.checksum) ==
                 vpc_batmap_checksum(&b->header, b->map, b->bytes);
    if (!b->trusted && !s->lenient) {
        warn_report("'%s': the checksum of the batmap is wrong, so it is not "
                    "used", bs->filename);
    }
    return 0;
}

int vpc_batmap_open(BlockDriverState *bs, uint64_t table_end, Error **errp)
{
    VpcState *s = bs->opaque;
    VpcBatmap *b = &s->batmap;
    uint64_t bytes;
    int ret;

    if (table_end + sizeof(b->header) > s->file_end) {
        return 0;
    }
    ret = bdrv_pread(bs->file, table_end, &b->header, sizeof(b->header));
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the batmap's header");
        return ret;
    }
    if (memcmp(b->header.cookie, VPC_BATMAP_COOKIE, 8)) {
        return 0;
    }
    b->header_offset = table_end;
    b->offset = be64_to_cpu(b->header.offset);
    bytes = (uint64_t)be32_to_cpu(b->header.sectors) * VPC_SECTOR;
    ret = vpc_reserve_range(s, "Batmap header", table_end, sizeof(b->header),
                            errp);
    if (ret == 0) {
        ret = vpc_reserve_range(s, "Batmap", b->offset, bytes, errp);
    }
    if (ret < 0) {
        return ret;
    }
    /* A map that is too short, or longer than any need be, is of no use. */
    if (bytes > MAX_BYTES || bytes * 8 < DIV_ROUND_UP(s->size, s->block_size)) {
        return 0;
    }
    b->bytes = bytes;
    return load_map(bs, errp);
}

void vpc_batmap_close(VpcState *s)
{
    qemu_vfree(s->batmap.map);
    s->batmap.map = NULL;
}

bool vpc_batmap_full(const VpcState *s, uint32_t block)
{
    return s->batmap.trusted && vpc_bit(s->batmap.map, block);
}

void vpc_batmap_set(VpcState *s, uint32_t block, bool full)
{
    VpcBatmap *b = &s->batmap;

    if (!b->map) {
        return;
    }
    if (!b->trusted) {
        memset(b->map, 0, b->bytes);
        b->trusted = true;
        b->dirty = true;
    }
    if (vpc_bit(b->map, block) != full) {
        vpc_put_bit(b->map, block, full);
        b->dirty = true;
    }
}
