/* SPDX-License-Identifier: MIT */
/*
 * Check of the sector bitmaps, and of XenServer's batmap against them.
 *
 * Invariant: a bit of the batmap that is set on the disk after a repair belongs
 * to a block whose bitmap is full; bits that could be set, but are not, are no
 * finding.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "check.h"

/* ---- the batmap --------------------------------------------------------- */

static uint32_t map_checksum(const VpcCheck *c)
{
    return vpc_batmap_checksum(&c->batmap, c->map, c->map_bytes);
}

static void found_batmap(VpcCheck *c, BdrvCheckMode repair, unsigned field,
                         const char *name, char *value, char *expected)
{
    vpc_found(c, BDRV_FINDING_CORRUPTION, repair, c->batmap_header + field,
              name, value, expected);
}

/* Why opening could not use the map. */
static void found_batmap_fault(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    const VpcBatmap *b = &s->batmap;

    switch (b->fault) {
    case VPC_BATMAP_HEADER:
        found_batmap(c, 0, 0, "header of the batmap",
                     g_strdup("over a block or another structure"),
                     g_strdup("a place of its own"));
        break;
    case VPC_BATMAP_LENGTH:
        found_batmap(c, 0, 16, "sectors of the batmap",
                     g_strdup_printf("%" PRIu32,
                                     be32_to_cpu(b->header.sectors)),
                     g_strdup_printf("%" PRIu32, vpc_batmap_sectors(s)));
        break;
    case VPC_BATMAP_OFFSET:
        found_batmap(c, 0, 8, "offset of the batmap",
                     g_strdup_printf("%" PRIu64, b->offset),
                     g_strdup("a place inside the file, apart from blocks and "
                              "other structures"));
        break;
    case VPC_BATMAP_CHECKSUM:
        found_batmap(c, 0, 24, "checksum of the batmap",
                     g_strdup_printf("0x%08x",
                                     be32_to_cpu(b->header.checksum)),
                     g_strdup_printf("the right one, or a map at offset %"
                                     PRIu64, b->header_offset + VPC_SECTOR));
        break;
    case VPC_BATMAP_SOUND:
        break;
    }
}

/* The map as the disk has it; its place is the one that opening found sound. */
static int load_batmap(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    const VpcBatmap *b = &s->batmap;
    uint32_t checksum;
    int ret;

    if (!b->header_offset) {
        return 0;
    }
    c->batmap_header = b->header_offset;
    if (!b->map || !b->bytes) {
        found_batmap_fault(c);
        return 0;
    }
    c->batmap = b->header;
    c->map_bytes = b->bytes;
    c->map = g_malloc(c->map_bytes);
    ret = bdrv_pread(c->bs->file, b->offset, c->map, c->map_bytes);
    if (ret < 0) {
        return ret;
    }
    checksum = map_checksum(c);
    if (be32_to_cpu(c->batmap.checksum) != checksum) {
        found_batmap(c, BDRV_FIX_ERRORS, 24, "checksum of the batmap",
                     g_strdup_printf("0x%08x", be32_to_cpu(c->batmap.checksum)),
                     g_strdup_printf("0x%08x", checksum));
        c->write_batmap = true;
    }
    return 0;
}

static void clear_map_bit(VpcCheck *c, uint32_t block)
{
    if (c->map && vpc_bit(c->map, block)) {
        /* check-arithmetic: off, the map was read, so it is in the file */
        uint64_t at = be64_to_cpu(c->batmap.offset) + block / 8;

        vpc_found_blocks(c, VPC_FAULT_BATMAP, at, block, 1, 0, 0);
        vpc_put_bit(c->map, block, false);
        c->write_batmap = true;
    }
}

/* ---- bitmaps ------------------------------------------------------------ */

/* Do the sectors whose bits are clear hold data?  1, 0 or -errno. */
static int holds_stale_data(VpcCheck *c, uint32_t entry, const uint8_t *bits,
                            uint32_t sectors)
{
    VpcState *s = c->bs->opaque;
    uint64_t data = vpc_data_offset(s, entry);
    uint32_t i = 0;

    while (i < sectors) {
        uint32_t first;
        int ret;

        while (i < sectors && vpc_bit(bits, i)) {
            i++;
        }
        first = i;
        while (i < sectors && !vpc_bit(bits, i)) {
            i++;
        }
        ret = vpc_space_content(c->bs, data + (uint64_t)first * VPC_SECTOR,
                                data + (uint64_t)i * VPC_SECTOR);
        if (ret != VPC_CONTENT_ZERO) {
            return ret < 0 ? ret : 1;
        }
    }
    return 0;
}

static void judge_bitmap(VpcCheck *c, uint32_t block, uint32_t entry,
                         bool sound, uint8_t *bits)
{
    VpcState *s = c->bs->opaque;
    uint32_t sectors = vpc_sectors_of(s, block);
    uint32_t set = 0;
    int ret = bdrv_pread(c->bs->file, (uint64_t)entry * VPC_SECTOR, bits,
                         s->bitmap_size);

    if (ret < 0) {
        c->errors++;
        return;
    }
    while (set < sectors && vpc_bit(bits, set)) {
        set++;
    }
    if (set == sectors) {
        return;
    }
    clear_map_bit(c, block);
    ret = sound ? holds_stale_data(c, entry, bits, sectors) : 0;
    if (ret < 0) {
        c->errors++;
    } else if (ret) {
        vpc_found_blocks(c, VPC_FAULT_STALE, vpc_data_offset(s, entry), block,
                         1, entry, 0);
    }
}

static int judge_blocks(void *opaque, uint32_t block, uint32_t count,
                        uint32_t entry)
{
    VpcCheck *c = opaque;
    VpcState *s = c->bs->opaque;
    VpcFault fault = vpc_entry_fault(s, entry);
    bool placed = vpc_fault_has_place(fault);
    bool sound = fault == VPC_FAULT_NONE &&
                 !vpc_census_shared(&c->census, entry);
    g_autofree uint8_t *bits = NULL;

    if (!placed && !c->map) {
        return 0;
    }
    if (placed) {
        bits = g_malloc(s->bitmap_size);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (placed) {
            judge_bitmap(c, block + i, entry, sound, bits);
        } else {
            clear_map_bit(c, block + i);
        }
    }
    return 0;
}

int vpc_check_bitmaps(VpcCheck *c)
{
    VpcState *s = c->bs->opaque;
    int ret = load_batmap(c);

    if (ret == 0) {
        ret = vpc_bat_walk(c->bs, s->bat.blocks, judge_blocks, c);
    }
    if (c->write_batmap) {
        c->batmap.checksum = cpu_to_be32(map_checksum(c));
    }
    return ret;
}
