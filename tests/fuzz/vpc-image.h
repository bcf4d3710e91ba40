/* SPDX-License-Identifier: MIT */
/*
 * The part of a fuzz-vpc input that makes the image: a list of operations on a
 * sparse disk, so that a few hundred bytes describe a file of any length.
 *
 *   @ sector:32              the cursor goes to that sector
 *   " count:8 bytes          these bytes are written at the cursor, which moves
 *   * value:8 sectors:16     so many sectors of that byte; the cursor moves
 *   C sector:32              a copy of that sector; the cursor moves
 *   F                        the footer at the cursor gets its checksum
 *   H                        the dynamic header at the cursor gets its own
 *   L sectors:32 odd:16      the file gets that length
 *   S                        what the file grows by holds old bytes
 *
 * Checksums are an operation, since no mutation would ever guess one.
 */
#ifndef TESTS_FUZZ_VPC_IMAGE_H
#define TESTS_FUZZ_VPC_IMAGE_H

#include "minblk/mem.h"
#include "input.h"

typedef struct VpcImage {
    MemDisk *disk;
    int64_t cursor;             /* bytes */
    int64_t budget;             /* bytes that may yet be written */
} VpcImage;

/* Is that one of the letters above? */
bool vpc_image_knows(char op);

/* Carries out one operation, whose operands are taken from @in. */
void vpc_image_edit(VpcImage *image, char op, FuzzInput *in);

#endif
