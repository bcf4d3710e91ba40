/* SPDX-License-Identifier: MIT */
/*
 * A small image and ways to damage it; see four-blocks.h.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "four-blocks.h"

const VhdSpec small = { .size = 4 * BLOCK };
const VhdSpec small_fixed = { .size = 4 * BLOCK, .type = VPC_TYPE_FIXED };
const VhdSpec windows = { .size = 4 * BLOCK, .windows = true };
const VhdSpec xen = { .size = 4 * BLOCK, .batmap = true };

void begin_image(Fixture *f, const VhdSpec *spec)
{
    begin(f, spec);
    if (spec->type != VPC_TYPE_FIXED) {
        vhd_add_block(f->disk, &f->image, 1, 0, BLOCK / 512, 0x11);
        vhd_add_block(f->disk, &f->image, 2, 0, BLOCK / 512, 0x22);
    }
    vhd_finish(f->disk, &f->image);
}

int64_t block_at(Fixture *f, uint32_t block)
{
    return (int64_t)vhd_get_entry(f->disk, &f->image, block) * 512;
}

void head_checksum(Fixture *f)
{
    disk_flip(f->disk, 64, 1);
}

void tail_checksum(Fixture *f)
{
    disk_flip(f->disk, f->image.end + 64, 1);
}

void both_checksums(Fixture *f)
{
    head_checksum(f);
    tail_checksum(f);
}

void entry_outside(Fixture *f)
{
    vhd_set_entry(f->disk, &f->image, 0, 0x7fffffff);
    vhd_set_entry(f->disk, &f->image, 3, 0xfffffffe);
}

void same_entry(Fixture *f)
{
    vhd_set_entry(f->disk, &f->image, 0, block_at(f, 1) / 512);
    vhd_set_entry(f->disk, &f->image, 3, block_at(f, 1) / 512);
}

void last_block_cut(Fixture *f)
{
    mem_disk_set_length(f->disk, block_at(f, 2) + 512 + 32 * KiB);
}

void locator_in_block(Fixture *f)
{
    uint8_t text[512] = "name";

    f->image.header.locator[0] = (VpcParentLocator) {
        .platform = cpu_to_be32(0x57327275),
        .data_length = cpu_to_be32(100),
        .data_offset = cpu_to_be64(block_at(f, 1) + 512 + 4096),
    };
    vhd_rewrite(f->disk, &f->image);
    mem_disk_write(f->disk, block_at(f, 1) + 512 + 4096, text, sizeof(text));
}

void batmap_bits(Fixture *f)
{
    uint32_t checksum;

    disk_flip(f->disk, 2560, 0x90);
    checksum = cpu_to_be32(~(uint32_t)disk_byte(f->disk, 2560));
    mem_disk_write(f->disk, 2048 + 24, &checksum, sizeof(checksum));
}

void lost_inside(Fixture *f)
{
    vhd_add_block(f->disk, &f->image, 0, 0, BLOCK / 512, 0xdd);
    vhd_add_block(f->disk, &f->image, 3, 0, BLOCK / 512, 0x33);
    vhd_finish(f->disk, &f->image);
    vhd_set_entry(f->disk, &f->image, 0, VPC_UNALLOCATED);
}

void lost_at_end(Fixture *f)
{
    vhd_add_block(f->disk, &f->image, 0, 0, BLOCK / 512, 0xdd);
    vhd_add_block(f->disk, &f->image, 3, 0, BLOCK / 512, 0xdd);
    vhd_finish(f->disk, &f->image);
    vhd_set_entry(f->disk, &f->image, 0, VPC_UNALLOCATED);
    vhd_set_entry(f->disk, &f->image, 3, VPC_UNALLOCATED);
}
