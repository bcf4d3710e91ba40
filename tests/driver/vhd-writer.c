/* SPDX-License-Identifier: MIT */
/*
 * Writes small VHD images into disks in memory; see vhd-writer.h.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "vhd-writer.h"

static uint64_t table_offset(const VhdImage *image)
{
    return be64_to_cpu(image->header.table_offset);
}

static uint32_t bitmap_size(const VhdImage *image)
{
    return vpc_bitmap_size(image->spec.block_size);
}

static void write_batmap(MemDisk *disk, VhdImage *image)
{
    g_autofree uint8_t *map = g_malloc0(VPC_SECTOR);
    VpcBatmapHeader header = {
        .cookie = "tdbatmap",
        .offset = cpu_to_be64(image->end + VPC_SECTOR),
        .sectors = cpu_to_be32(1),
        .version = cpu_to_be32(0x00010002),
        .checksum = cpu_to_be32(0xffffffff),
    };

    mem_disk_write(disk, image->end, &header, sizeof(header));
    mem_disk_write(disk, image->end + VPC_SECTOR, map, VPC_SECTOR);
    image->end += 2 * VPC_SECTOR;
}

static void begin_dynamic(MemDisk *disk, VhdImage *image)
{
    VhdSpec *spec = &image->spec;
    uint32_t ones = VPC_UNALLOCATED;
    uint64_t table_end;

    image->blocks = DIV_ROUND_UP(spec->size, spec->block_size);
    vpc_new_header(&image->header, spec->table_offset, image->blocks,
                   spec->block_size);
    table_end = spec->table_offset + ROUND_UP(image->blocks * 4, VPC_SECTOR);
    for (uint64_t at = spec->table_offset; at < table_end; at += 4) {
        mem_disk_write(disk, at, &ones, sizeof(ones));
    }
    image->end = MAX(table_end, 1536);
    if (spec->batmap) {
        write_batmap(disk, image);
    }
}

void vhd_begin(MemDisk *disk, VhdImage *image, const VhdSpec *spec)
{
    VpcNewDisk new_disk;

    memset(image, 0, sizeof(*image));
    image->spec = *spec;
    spec = &image->spec;
    image->spec.type = spec->type ?: VPC_TYPE_DYNAMIC;
    image->spec.block_size = spec->block_size ?: 64 * KiB;
    image->spec.table_offset = spec->table_offset ?: 1536;

    new_disk = (VpcNewDisk) {
        .size = spec->size,
        .type = spec->type,
        .creator_app = spec->creator ?: spec->batmap ? "tap" : "win ",
        .geometry = spec->geometry.cylinders || spec->zero_geometry
                    ? spec->geometry : vpc_geometry(spec->size / VPC_SECTOR),
    };
    vpc_new_footer(&image->footer, &new_disk);
    if (spec->type == VPC_TYPE_FIXED) {
        image->end = spec->size;
    } else {
        begin_dynamic(disk, image);
    }
}

void vhd_set_entry(MemDisk *disk, VhdImage *image, uint32_t index,
                   uint32_t entry)
{
    uint32_t raw = cpu_to_be32(entry);

    mem_disk_write(disk, table_offset(image) + index * 4, &raw, sizeof(raw));
}

uint32_t vhd_get_entry(MemDisk *disk, const VhdImage *image, uint32_t index)
{
    uint32_t raw;

    mem_disk_read(disk, table_offset(image) + index * 4, &raw, sizeof(raw));
    return be32_to_cpu(raw);
}

void vhd_add_block(MemDisk *disk, VhdImage *image, uint32_t index,
                   uint32_t first, uint32_t count, uint8_t fill)
{
    uint32_t size = image->spec.block_size;
    g_autofree uint8_t *bitmap = g_malloc0(bitmap_size(image));
    g_autofree uint8_t *data = g_malloc(size);
    uint64_t at = image->end;

    if (image->spec.windows || image->spec.batmap) {
        at = ROUND_UP(at + bitmap_size(image), 4096) - bitmap_size(image);
    }
    for (uint32_t i = first; i < first + count; i++) {
        vpc_put_bit(bitmap, i, true);
    }
    memset(data, fill, size);
    mem_disk_write(disk, at, bitmap, bitmap_size(image));
    mem_disk_write(disk, at + bitmap_size(image), data, size);
    vhd_set_entry(disk, image, index, at / VPC_SECTOR);
    image->end = at + bitmap_size(image) + size;
}

void vhd_rewrite(MemDisk *disk, VhdImage *image)
{
    vpc_footer_seal(&image->footer);
    mem_disk_write(disk, image->end, &image->footer, VPC_SECTOR);
    if (image->spec.type != VPC_TYPE_FIXED) {
        vpc_header_seal(&image->header);
        mem_disk_write(disk, 0, &image->footer, VPC_SECTOR);
        mem_disk_write(disk, 512, &image->header, sizeof(image->header));
    }
}

void vhd_finish(MemDisk *disk, VhdImage *image)
{
    image->end += image->spec.spare_sectors * VPC_SECTOR;
    if (image->spec.windows) {
        image->end = ROUND_UP(image->end, 4096) + 4096 - VPC_SECTOR;
    }
    vhd_rewrite(disk, image);
}
