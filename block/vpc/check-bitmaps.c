/* SPDX-License-Identifier: MIT */
/*
 * Check of the sector bitmaps, and of XenServer's batmap against them.
 *
 * Invariants:
 *   - A bit of the batmap that is set on the disk after a repair belongs to a
 *     block whose bitmap is full, because XenServer reads such a block without
 *     its bitmap; bits that could be set, but are not, are no finding.
 *   - A map that is wrong is a warning: a writer that is killed leaves it, and
 *     the bitmaps count.  Where its checksum is wrong, its bits say nothing.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "check.h"

/* ---- the batmap --------------------------------------------------------- */

static uint32_t bitmaps_batmap_checksum(const VpcCheck *c)
{
    VpcState *s = c->bs->opaque;

    return vpc_batmap_checksum(&c->batmap, c->map, s->batmap.bytes);
}

/*
 * Why opening could not use the map.  Not repaired, because a map may be
 * written only where it is sure that nothing else is.
 */
static void bitmaps_found_batmap_fault(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    const VpcBatmap *b = &s->batmap;
    uint64_t at = b->header_offset;

    switch (b->fault) {
    case VPC_BATMAP_HEADER:
        vpc_found(c, BDRV_FINDING_CORRUPTION, 0, at, "header of the batmap",
                  g_strdup("over a block or another structure"),
                  "a place of its own");
        break;
    case VPC_BATMAP_LENGTH:
        vpc_found(c, BDRV_FINDING_CORRUPTION, 0, at + 16,
                  "sectors of the batmap",
                  g_strdup_printf("%" PRIu32, be32_to_cpu(b->header.sectors)),
                  "%" PRIu32, vpc_batmap_sectors(s));
        break;
    case VPC_BATMAP_OFFSET:
        vpc_found(c, BDRV_FINDING_CORRUPTION, 0, at + 8,
                  "offset of the batmap",
                  g_strdup_printf("%" PRIu64, b->offset),
                  "a place inside the file, apart from blocks and other "
                  "structures");
        break;
    case VPC_BATMAP_CHECKSUM:
        vpc_found(c, BDRV_FINDING_CORRUPTION, 0, at + 24,
                  "checksum of the batmap",
                  g_strdup_printf("0x%08x", be32_to_cpu(b->header.checksum)),
                  "the right one, or a map at offset %" PRIu64,
                  at + VPC_SECTOR);
        break;
    case VPC_BATMAP_SOUND:
        break;
    }
}

/* The bit of a block whose bitmap is not full. */
static void bitmaps_clear_batmap_bit(VpcCheck *c, uint32_t block,
                                     uint32_t entry)
{
    if (c->map && vpc_bit(c->map, block)) {
        if (c->batmap_sound) {
            vpc_found_blocks(c, VPC_FAULT_BATMAP, VPC_REPAIR_FIELDS, block, 1,
                             entry);
        }
        vpc_put_bit(c->map, block, false);
        c->write_batmap = true;
    }
}

/* ---- bitmaps ------------------------------------------------------------ */

/* The first sector from @i on whose bit is @value; @sectors: there is none. */
static uint32_t bitmaps_next(const uint8_t *bits, uint32_t i, uint32_t sectors,
                             bool value)
{
    while (i < sectors && vpc_bit(bits, i) != value) {
        i++;
    }
    return i;
}

/*
 * Sectors whose bits are clear should be zero in the file, because programs
 * that do not look at the bitmap show them to the guest.
 */
static void bitmaps_check_block(VpcCheck *c, uint32_t block, uint32_t entry,
                                uint8_t *bits)
{
    VpcState *s = c->bs->opaque;
    uint64_t data = vpc_data_offset(s, entry);
    uint32_t sectors = vpc_sectors_of(s, block);
    uint64_t end = data + (uint64_t)sectors * VPC_SECTOR, data_end = 0;
    uint32_t clear;
    int ret = bdrv_pread(c->bs->file, (uint64_t)entry * VPC_SECTOR, bits,
                         s->bitmap_size);

    if (ret < 0) {
        c->errors++;
        return;
    }
    clear = bitmaps_next(bits, 0, sectors, false);
    if (clear == sectors) {
        return;
    }
    bitmaps_clear_batmap_bit(c, block, entry);
    ret = VPC_CONTENT_ZERO;
    while (clear < sectors && ret == VPC_CONTENT_ZERO) {
        uint64_t at = data + (uint64_t)clear * VPC_SECTOR;
        uint32_t next;

        /* A bitmap may have a million runs, the block but a few extents. */
        if (at >= data_end &&
            !vpc_space_extent(c->bs, at, end, &data_end) &&
            data_end - at >= VPC_SECTOR) {
            next = (data_end - data) / VPC_SECTOR;
        } else {
            next = bitmaps_next(bits, clear, sectors, true);
            ret = vpc_space_content_in(c->bs, at, data +
                                       (uint64_t)next * VPC_SECTOR, &data_end);
        }
        clear = bitmaps_next(bits, next, sectors, false);
    }
    if (ret < 0) {
        c->errors++;
    } else if (ret != VPC_CONTENT_ZERO) {
        vpc_found_blocks(c, VPC_FAULT_STALE, VPC_REPAIR_NOTHING, block, 1,
                         entry);
    }
}

static int bitmaps_check_blocks(void *opaque, uint32_t block, uint32_t count,
                                uint32_t entry)
{
    VpcCheck *c = opaque;
    VpcState *s = c->bs->opaque;
    VpcFault fault = vpc_entry_fault(s, entry);
    bool sound = fault == VPC_FAULT_NONE &&
                 !vpc_census_shared(&c->census, entry);
    g_autofree uint8_t *bits = sound ? g_malloc(s->bitmap_size) : NULL;

    /* Blocks without space have no bitmap, so their bit is to be clear. */
    for (uint32_t i = 0; i < count && (sound || c->map); i++) {
        if (sound) {
            bitmaps_check_block(c, block + i, entry, bits);
        } else if (entry == VPC_UNALLOCATED) {
            bitmaps_clear_batmap_bit(c, block + i, entry);
        } else if (!c->entries_damaged || (c->fix & BDRV_FIX_FORCE)) {
            /* The entry changes, and what it names may be another block's. */
            vpc_put_bit(c->map, block + i, false);
            c->write_batmap = true;
        }
    }
    return 0;
}

int vpc_check_bitmaps(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    const VpcBatmap *b = &s->batmap;
    int ret;

    if (b->header_offset && b->map && b->bytes) {
        /* As the disk has it, in the place that opening found sound. */
        c->batmap = b->header;
        c->map = g_malloc(b->bytes);
        ret = bdrv_pread(c->bs->file, b->offset, c->map, b->bytes);
        if (ret < 0) {
            return ret;
        }
        c->batmap_sound = be32_to_cpu(c->batmap.checksum) ==
                          bitmaps_batmap_checksum(c);
        if (!c->batmap_sound) {
            vpc_found(c, BDRV_FINDING_WARNING, VPC_REPAIR_FIELDS,
                      b->header_offset + 24, "checksum of the batmap",
                      g_strdup_printf("0x%08x",
                                      be32_to_cpu(c->batmap.checksum)),
                      "0x%08x", bitmaps_batmap_checksum(c));
            c->write_batmap = true;
        }
    } else if (b->header_offset) {
        bitmaps_found_batmap_fault(c);
    }
    ret = vpc_bat_walk(c->bs, s->bat.blocks, bitmaps_check_blocks, c);
    /* Bits that the walk cleared count, too. */
    if (c->write_batmap) {
        c->batmap.checksum = cpu_to_be32(bitmaps_batmap_checksum(c));
    }
    return ret;
}
