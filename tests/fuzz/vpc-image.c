/* SPDX-License-Identifier: MIT */
/*
 * Makes the image of a fuzz-vpc input; see vpc-image.h.
 */
#include "qemu/osdep.h"
#include "block/vpc/format.h"
#include "qemu/units.h"
#include "vpc-image.h"

/* 2 TiB: more than a VHD can use. */
#define MAX_SECTORS ((int64_t)1 << 32)

bool vpc_image_knows(char op)
{
    return op && strchr("@\"*CFHLS", op);
}

/* Writes at the cursor, which moves; nothing when there is no budget. */
static void put(VpcImage *image, const void *buf, size_t bytes)
{
    if (image->budget >= (int64_t)bytes &&
        image->cursor + (int64_t)bytes <= MAX_SECTORS * VPC_SECTOR) {
        image->budget -= bytes;
        mem_disk_write(image->disk, image->cursor, buf, bytes);
        image->cursor += bytes;
    }
}

static void put_bytes(VpcImage *image, FuzzInput *in)
{
    const uint8_t *bytes;
    size_t size = input_bytes(in, input_8(in), &bytes);

    put(image, bytes, size);
}

static void put_fill(VpcImage *image, FuzzInput *in)
{
    uint8_t sector[VPC_SECTOR];
    uint32_t sectors;

    memset(sector, input_8(in), sizeof(sector));
    sectors = input_16(in);
    for (uint32_t i = 0; i < sectors && image->budget >= VPC_SECTOR; i++) {
        put(image, sector, sizeof(sector));
    }
}

static void put_copy(VpcImage *image, FuzzInput *in)
{
    uint8_t sector[VPC_SECTOR];

    mem_disk_read(image->disk, (int64_t)input_32(in) * VPC_SECTOR, sector,
                  sizeof(sector));
    put(image, sector, sizeof(sector));
}

static void seal_footer(VpcImage *image)
{
    VpcFooter footer;

    mem_disk_read(image->disk, image->cursor, &footer, sizeof(footer));
    vpc_footer_seal(&footer);
    put(image, &footer, sizeof(footer));
}

static void seal_header(VpcImage *image)
{
    VpcDynHeader header;

    mem_disk_read(image->disk, image->cursor, &header, sizeof(header));
    vpc_header_seal(&header);
    put(image, &header, sizeof(header));
}

void vpc_image_edit(VpcImage *image, char op, FuzzInput *in)
{
    int64_t start = image->cursor;

    switch (op) {
    case '@':
        image->cursor = (int64_t)input_32(in) * VPC_SECTOR;
        break;
    case '"':
        put_bytes(image, in);
        break;
    case '*':
        put_fill(image, in);
        break;
    case 'C':
        put_copy(image, in);
        break;
    case 'F':
        seal_footer(image);
        image->cursor = start;
        break;
    case 'H':
        seal_header(image);
        image->cursor = start;
        break;
    case 'L':
        start = (int64_t)input_32(in) * VPC_SECTOR;
        mem_disk_set_length(image->disk, start + input_16(in) % VPC_SECTOR);
        break;
    case 'S':
        mem_disk_set_stale(image->disk, true);
        break;
    }
}
