/* SPDX-License-Identifier: MIT */
/*
 * XenServer's batmap: where a bit is set, the block's sector bitmap is all
 * ones, so that it need not be read.  Its header is the sector after the padded
 * BAT.
 *
 * Invariants:
 *   - The sector bitmap counts: the map is never read instead of it, because a
 *     writer that was killed, or that does not know of the map, leaves bits
 *     that are not true.  It is kept for XenServer, which believes it.
 *   - A bit that is set on the disk stays true there, of the BAT and the
 *     bitmaps that a power cut may leave beside it.  So bits are only ever
 *     cleared, which is true of any image: a bit may be clear though the bitmap
 *     is all ones.  The map is written before the flush of the file, so that
 *     the bit is gone when the entry or the bitmap that makes it wrong is
 *     written; and while it is set, no bit of the block's bitmap is cleared.
 *   - A map whose checksum is wrong says nothing.  With the first change it is
 *     begun anew, all bits clear, which is true of any image.
 *   - One with a right checksum where every program has it is proven: an entry
 *     of the BAT that points there is wrong.  Any other gets only what no block
 *     has, and one with a wrong checksum is written to only in that place.
 *   - It is looked for only where the creator puts one, since the sector bitmap
 *     of another program's first block may spell its cookie.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "flush.h"
#include "vpc.h"

/* A disk of 2040 GiB in the 2 MiB blocks of XenServer needs 128 KiB. */
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
    uint64_t blocks = DIV_ROUND_UP(s->size, s->block_size);

    return DIV_ROUND_UP(DIV_ROUND_UP(blocks, 8), VPC_SECTOR);
}

static bool batmap_length_valid(const VpcState *s)
{
    const VpcBatmap *b = &s->batmap;

    return b->bytes >= (uint64_t)vpc_batmap_sectors(s) * VPC_SECTOR &&
           b->bytes <= MAX_BYTES;
}

/* Is the map where every program puts it, and no longer than they make it? */
static bool batmap_stands_in_place(const VpcState *s)
{
    const VpcBatmap *b = &s->batmap;
    uint64_t entries = be32_to_cpu(s->header.max_table_entries);

    return b->offset == b->header_offset + sizeof(b->header) &&
           b->bytes <= ROUND_UP(DIV_ROUND_UP(entries, 8), VPC_SECTOR);
}

static int batmap_read_map(BlockDriverState *bs, Error **errp)
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

/* Reads the header, if there is one; sets b->header_offset then. */
static int batmap_read_header(BlockDriverState *bs, uint64_t offset,
                              Error **errp)
{
    VpcState *s = bs->opaque;
    VpcBatmap *b = &s->batmap;
    /* One that is cut off becomes whole when a footer is put after it. */
    uint64_t end = s->footer_lost ? s->file_length : s->file_end;
    int ret;

    if (vpc_tap_version(&s->footer) < VPC_TAP_MAY_HAVE_BATMAP ||
        offset + sizeof(b->header) > end) {
        return 0;
    }
    ret = bdrv_pread(bs->file, offset, &b->header, sizeof(b->header));
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the batmap's header");
        return ret;
    }
    if (memcmp(b->header.cookie, VPC_BATMAP_COOKIE, 8) == 0) {
        b->header_offset = offset;
        b->offset = be64_to_cpu(b->header.offset);
        b->bytes = (uint64_t)be32_to_cpu(b->header.sectors) * VPC_SECTOR;
    }
    return 0;
}

static int batmap_open(BlockDriverState *bs, uint64_t bat_end, Error **errp)
{
    VpcState *s = bs->opaque;
    VpcBatmap *b = &s->batmap;
    int ret = batmap_read_header(bs, bat_end, errp);

    if (ret < 0 || !b->header_offset || !batmap_length_valid(s) ||
        !batmap_stands_in_place(s) || b->offset + b->bytes > s->file_end) {
        return ret;
    }
    ret = batmap_read_map(bs, errp);
    if (ret == 0 && b->trusted &&
        vpc_reserve_range(s, "Batmap", b->header_offset,
                          sizeof(b->header) + b->bytes, NULL) == 0) {
        b->proven = true;
        return 0;
    }
    vpc_batmap_close(s);
    return ret;
}

/* Only XenServer needs it. */
int vpc_batmap_open(BlockDriverState *bs, uint64_t bat_end, Error **errp)
{
    VpcState *s = bs->opaque;
    g_autoptr(Error) err = NULL;
    int ret = batmap_open(bs, bat_end, &err);

    if (ret < 0 && vpc_goes_on(bs)) {
        vpc_batmap_close(s);
        s->batmap.header_offset = 0;
        s->unread = true;
        return 0;
    }
    error_propagate(errp, g_steal_pointer(&err));
    return ret;
}

/* ---- a map that its checksum does not prove ----------------------------- */

/* Reserves a range that no block lies in. */
static bool batmap_reserve_apart(VpcState *s, const char *what, uint64_t start,
                                 uint64_t bytes, const GArray *starts,
                                 Error **errp)
{
    if (vpc_block_in_range(s, starts, start, bytes)) {
        error_setg(errp, "%s at offset %" PRIu64 " with %" PRIu64 " bytes "
                   "overlaps a block", what, start, bytes);
        return false;
    }
    return vpc_reserve_range(s, what, start, bytes, errp) == 0;
}

/* Is there room where the header says that the map is? */
static VpcBatmapFault batmap_find_room(VpcState *s, const GArray *starts,
                                       Error **errp)
{
    VpcBatmap *b = &s->batmap;

    if (!batmap_reserve_apart(s, "Batmap header", b->header_offset,
                              sizeof(b->header), starts, errp)) {
        return VPC_BATMAP_HEADER;
    }
    if (!batmap_length_valid(s)) {
        error_setg(errp, "Batmap has %" PRIu64 " sectors, expected %" PRIu32,
                   b->bytes / VPC_SECTOR, vpc_batmap_sectors(s));
        return VPC_BATMAP_LENGTH;
    }
    return batmap_reserve_apart(s, "Batmap", b->offset, b->bytes, starts, errp)
           ? VPC_BATMAP_SOUND : VPC_BATMAP_OFFSET;
}

int vpc_batmap_place(BlockDriverState *bs, const GArray *starts, Error **errp)
{
    VpcState *s = bs->opaque;
    VpcBatmap *b = &s->batmap;
    g_autoptr(Error) wrong = NULL;
    unsigned reserved = s->reserved_count;
    int ret = 0;

    if (!b->header_offset || b->proven) {
        return 0;
    }
    b->fault = batmap_find_room(s, starts, &wrong);
    if (b->fault == VPC_BATMAP_SOUND) {
        ret = batmap_read_map(bs, errp);
    }
    if (ret == 0 && b->map && !b->trusted && !batmap_stands_in_place(s)) {
        /* The header may be what is damaged, and this a block's data. */
        error_setg(&wrong, "Batmap at offset %" PRIu64 " has a wrong checksum",
                   b->offset);
        b->fault = VPC_BATMAP_CHECKSUM;
    }
    if (b->fault != VPC_BATMAP_SOUND) {
        s->reserved_count = reserved;
        vpc_batmap_close(s);
        vpc_refuse_writing(s, "%s", error_get_pretty(wrong));
    }
    return ret;
}

void vpc_batmap_close(VpcState *s)
{
    qemu_vfree(s->batmap.map);
    s->batmap.map = NULL;
    s->batmap.trusted = false;
}

bool vpc_batmap_full(const VpcState *s, uint32_t block)
{
    return s->batmap.trusted && vpc_bit(s->batmap.map, block);
}

void vpc_batmap_clear(VpcState *s, uint32_t block)
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
    if (vpc_bit(b->map, block)) {
        vpc_put_bit(b->map, block, false);
        b->dirty = true;
    }
}

/* ---- flushing ----------------------------------------------------------- */

bool vpc_batmap_is_dirty(const VpcState *s)
{
    return s->batmap.dirty;
}

static void batmap_copy_done(VpcState *s, const VpcCopy *copy, bool written)
{
    if (!written) {
        s->batmap.dirty = true;
    }
}

/*
 * One write for the map and its header, whose checksum is that of the copy, so
 * that no process is killed between the two; where they do not stand together,
 * the map comes first.
 */
void vpc_batmap_take_copies(BlockDriverState *bs, GArray *copies)
{
    VpcState *s = bs->opaque;
    VpcBatmap *b = &s->batmap;
    uint64_t header_bytes = sizeof(b->header);
    bool together = b->offset == b->header_offset + header_bytes;
    uint8_t *data;

    if (!b->dirty) {
        return;
    }
    b->header.checksum = cpu_to_be32(vpc_batmap_checksum(&b->header, b->map,
                                                         b->bytes));
    data = vpc_add_copy(bs, copies, (VpcCopy) {
        .offset = together ? b->header_offset : b->offset,
        .bytes = b->bytes + (together ? header_bytes : 0),
        .done = batmap_copy_done,
    });
    memcpy(data + (together ? header_bytes : 0), b->map, b->bytes);
    if (!together) {
        data = vpc_add_copy(bs, copies, (VpcCopy) {
            .offset = b->header_offset,
            .bytes = header_bytes,
            .done = batmap_copy_done,
        });
    }
    memcpy(data, &b->header, header_bytes);
    b->dirty = false;
}
