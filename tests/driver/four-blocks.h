/* SPDX-License-Identifier: MIT */
/*
 * A small image, whole or damaged, for tests of checks and repairs.
 */
#ifndef TESTS_DRIVER_FOUR_BLOCKS_H
#define TESTS_DRIVER_FOUR_BLOCKS_H

#include "vpc-fixture.h"

/*
 * Disks of four blocks.  Of `small` the table is at 1536, block 1 at 2048 (sector
 * 4), block 2 at 68096 (sector 133), the footer at 134144.  Of `xen` the batmap's
 * header is at 2048, the map at 2560, block 1 at 3584.
 */
extern const VhdSpec small, small_fixed, windows, xen;

/* Block 1 is 0x11, block 2 is 0x22, in that order in the file; no others. */
void begin_image(Fixture *f, const VhdSpec *spec);

/* Where the block's bitmap is in the file, in bytes. */
int64_t block_at(Fixture *f, uint32_t block);

/* The checksum of the footer's copy at the start, that at the end, or both. */
void head_checksum(Fixture *f);
void tail_checksum(Fixture *f);
void both_checksums(Fixture *f);

/* Blocks 0 and 3 are outside the file, or at the place of block 1. */
void entry_outside(Fixture *f);
void same_entry(Fixture *f);

/* The file ends in the middle of block 2. */
void last_block_cut(Fixture *f);

/* A path 4 KiB into the data of block 1. */
void locator_in_block(Fixture *f);

/* Bits of blocks without space, in an image with a batmap; it is sealed. */
void batmap_bits(Fixture *f);

/* Blocks without an entry: one before block 3 (0x33), or two at the end. */
void lost_inside(Fixture *f);
void lost_at_end(Fixture *f);

#endif
