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
 *   - One whose checksum is wrong is written to only where every program has it.
 *   - It is looked for only where the creator puts one, since the sector bitmap
 *     of another program's first block may spell its cookie; and it never takes
 *     space from a block or another structure, since its header may be damaged.
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

uint32_t vpc_batmap_sectors(const VpcState *s)
{
    return DIV_ROUND_UP(DIV_ROUND_UP(s->table.blocks, 8), VPC_SECTOR);
}

static bool length_valid(const VpcState *s, uint64_t bytes)
{
    return bytes >= (uint64_t)vpc_batmap_sectors(s) * VPC_SECTOR &&
           bytes <= MAX_BYTES;
}

/* Reserves a range that no block lies in. */
static bool reserve_apart(VpcState *s, const char *what, uint64_t start,
                          uint64_t bytes, const GArray *starts, Error **errp)
{
    if (vpc_block_in_range(s, starts, start, bytes)) {
        error_setg(errp, "%s at offset %" PRIu64 " with %" PRIu64 " bytes "
                   "overlaps a block", what, start, bytes);
        return false;
    }
    return vpc_reserve_range(s, what, start, bytes, errp) == 0;
}

/* Is there room where the header says that the map is?  Sets b->fault. */
static bool find_room(VpcState *s, const GArray *starts, Error **errp)
{
    VpcBatmap *b = &s->batmap;
    uint32_t sectors = be32_to_cpu(b->header.sectors);

    b->fault = VPC_BATMAP_HEADER;
    if (!reserve_apart(s, "Batmap header", b->header_offset,
                       sizeof(b->header), starts, errp)) {
        return false;
    }
    b->fault = VPC_BATMAP_LENGTH;
    if (!length_valid(s, (uint64_t)sectors * VPC_SECTOR)) {
        error_setg(errp, "Batmap has %" PRIu32 " sectors, expected %" PRIu32,
                   sectors, vpc_batmap_sectors(s));
        return false;
    }
    b->bytes = sectors * VPC_SECTOR;
    b->offset = be64_to_cpu(b->header.offset);
    b->fault = VPC_BATMAP_OFFSET;
    return reserve_apart(s, "Batmap", b->offset, b->bytes, starts, errp);
}

static int read_map(BlockDriverState *bs, Error **errp)
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
    return 0;
}

/*
 * Does a map with a wrong checksum stand where every program puts it?  Elsewhere
 * the header may be what is damaged, and the bytes there a block's that has lost
 * its entry.
 */
static bool stands_in_place(const VpcState *s)
{
    const VpcBatmap *b = &s->batmap;
    uint64_t entries = be32_to_cpu(s->header.max_table_entries);

    return b->offset == b->header_offset + sizeof(b->header) &&
           b->bytes <= ROUND_UP(DIV_ROUND_UP(entries, 8), VPC_SECTOR);
}

static int load_map(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    VpcBatmap *b = &s->batmap;
    int ret = read_map(bs, errp);

    if (ret < 0) {
        return ret;
    }
    if (!b->trusted && !stands_in_place(s)) {
        vpc_refuse_writing(s, "Batmap at offset %" PRIu64 " has a wrong "
                           "checksum", b->offset);
        s->reserved_count--;    /* it was reserved last */
        vpc_batmap_close(s);
        return 0;
    }
    b->fault = VPC_BATMAP_SOUND;
    if (!b->trusted && !s->lenient) {
        warn_report("'%s': the checksum of the batmap is wrong, so it is not "
                    "used", bs->filename);
    }
    return 0;
}

int vpc_batmap_open(BlockDriverState *bs, uint64_t table_end,
                    const GArray *starts, Error **errp)
{
    VpcState *s = bs->opaque;
    VpcBatmap *b = &s->batmap;
    g_autoptr(Error) wrong = NULL;
    int ret;

    if (vpc_tap_version(&s->footer) < VPC_TAP_MAY_HAVE_BATMAP ||
        table_end + sizeof(b->header) > s->file_end) {
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
    if (!find_room(s, starts, &wrong)) {
        vpc_refuse_writing(s, "%s", error_get_pretty(wrong));
        return 0;
    }
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
