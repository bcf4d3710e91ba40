/* SPDX-License-Identifier: MIT */
/*
 * The VHD format on the disk: its structures, byte by byte, and the pure
 * functions over them.  Nothing here does I/O.
 *
 * All integers are big-endian on the disk and stay so in these structures; the
 * functions convert.  A sector is 512 bytes.
 */
#ifndef BLOCK_VPC_FORMAT_H
#define BLOCK_VPC_FORMAT_H

#include "qemu/uuid.h"

#define VPC_SECTOR 512

#define VPC_FOOTER_COOKIE "conectix"
#define VPC_HEADER_COOKIE "cxsparse"
#define VPC_BATMAP_COOKIE "tdbatmap"

#define VPC_VERSION 0x00010000u         /* of footer and dynamic header */
#define VPC_BATMAP_VERSION 0x00010002u
#define VPC_DEFAULT_BLOCK_SIZE 0x200000u

/* The BAT entry of a block that has no space. */
#define VPC_UNALLOCATED 0xffffffffu

/* 2040 GiB, because no program takes more. */
#define VPC_MAX_SECTORS 0xff000000ull
#define VPC_MAX_SIZE (VPC_MAX_SECTORS * VPC_SECTOR)

/* The largest geometry: it means that the size is elsewhere. */
#define VPC_CHS_MAX_C 65535
#define VPC_CHS_MAX_H 16
#define VPC_CHS_MAX_S 255
#define VPC_CHS_MAX_SECTORS                                                    \
    ((uint64_t)VPC_CHS_MAX_C * VPC_CHS_MAX_H * VPC_CHS_MAX_S)

/*
 * Versions of the creator `tap`, XenServer: from the first on an image may have
 * a batmap, from the second on it has one.
 */
#define VPC_TAP_MAY_HAVE_BATMAP 0x00010001u
#define VPC_TAP_HAS_BATMAP 0x00010002u

/* Seconds from 1970 to 2000, where VHD time begins. */
#define VPC_EPOCH 946684800

enum {
    VPC_TYPE_FIXED = 2,
    VPC_TYPE_DYNAMIC = 3,
    VPC_TYPE_DIFFERENCING = 4,
};

typedef struct VpcFooter {
    char cookie[8];             /*   0: "conectix" */
    uint32_t features;          /*   8: bit 1 is always set, bit 0 says that
                                        the disk may be deleted */
    uint32_t version;           /*  12: 0x00010000 */
    uint64_t data_offset;       /*  16: of the dynamic header; fixed: ones */
    uint32_t timestamp;         /*  24: seconds since 2000 */
    char creator_app[4];        /*  28 */
    uint16_t creator_major;     /*  32 */
    uint16_t creator_minor;     /*  34 */
    char creator_os[4];         /*  36 */
    uint64_t original_size;     /*  40: bytes */
    uint64_t current_size;      /*  48: bytes */
    uint16_t cylinders;         /*  56 */
    uint8_t heads;              /*  58 */
    uint8_t sectors;            /*  59: per track */
    uint32_t type;              /*  60: VPC_TYPE_* */
    uint32_t checksum;          /*  64 */
    QemuUUID uuid;              /*  68 */
    uint8_t saved_state;        /*  84: 1: the guest is suspended */
    uint8_t reserved[427];      /*  85 */
} QEMU_PACKED VpcFooter;

typedef struct VpcParentLocator {
    uint32_t platform;          /*   0 */
    uint32_t data_space;        /*   4: bytes or sectors, as programs differ */
    uint32_t data_length;       /*   8: bytes */
    uint32_t reserved;          /*  12 */
    uint64_t data_offset;       /*  16: bytes from the start of the file */
} QEMU_PACKED VpcParentLocator;

typedef struct VpcDynHeader {
    char cookie[8];             /*   0: "cxsparse" */
    uint64_t data_offset;       /*   8: unused, ones */
    uint64_t table_offset;      /*  16: of the block allocation table */
    uint32_t version;           /*  24: 0x00010000 */
    uint32_t max_table_entries; /*  28 */
    uint32_t block_size;        /*  32: bytes, a power of two */
    uint32_t checksum;          /*  36 */
    QemuUUID parent_uuid;       /*  40 */
    uint32_t parent_timestamp;  /*  56 */
    uint32_t reserved;          /*  60 */
    uint8_t parent_name[512];   /*  64: UTF-16BE */
    VpcParentLocator locator[8]; /* 576 */
    uint8_t reserved2[256];     /* 768 */
} QEMU_PACKED VpcDynHeader;

/*
 * XenServer's: one bit a block, set when its whole bitmap is, so that blocks
 * that were written whole are read without their bitmap.
 */
typedef struct VpcBatmapHeader {
    char cookie[8];             /*   0: "tdbatmap" */
    uint64_t offset;            /*   8: of the map, bytes */
    uint32_t sectors;           /*  16: of the map */
    uint32_t version;           /*  20 */
    uint32_t checksum;          /*  24: of the map */
    uint8_t marker;             /*  28 */
    uint8_t reserved[483];      /*  29 */
} QEMU_PACKED VpcBatmapHeader;

QEMU_BUILD_BUG_ON(sizeof(VpcFooter) != 512);
QEMU_BUILD_BUG_ON(sizeof(VpcDynHeader) != 1024);
QEMU_BUILD_BUG_ON(sizeof(VpcBatmapHeader) != 512);

typedef struct VpcGeometry {
    uint16_t cylinders;
    uint8_t heads;
    uint8_t sectors;
} VpcGeometry;

/*
 * Which rule gives the disk its size.  Two fields state it, and programs
 * believe different ones, so that guests of the same image saw different disks.
 */
typedef enum VpcSizeRule {
    VPC_SIZE_AUTO,              /* by the creator */
    VPC_SIZE_CHS,               /* the geometry, where it can be one */
    VPC_SIZE_CURRENT,           /* current_size */
} VpcSizeRule;

/*
 * Ones' complement of the sum of @size bytes, those of the 32-bit field at
 * @field taken as 0; in host order.
 */
uint32_t vpc_checksum(const void *buf, size_t size, size_t field);

/* The checksum that the structure should have; in host order. */
uint32_t vpc_footer_checksum(const VpcFooter *footer);
uint32_t vpc_header_checksum(const VpcDynHeader *header);

/* Sets the checksum of a structure that is otherwise complete. */
void vpc_footer_seal(VpcFooter *footer);
void vpc_header_seal(VpcDynHeader *header);

/* Do the 8 bytes at @buf begin a footer? */
bool vpc_has_footer_cookie(const void *buf);

/* A field of the footer, to be compared and shown. */
typedef struct VpcFooterField {
    const char *name;
    uint16_t offset;
    uint16_t bytes;
    bool text;
} VpcFooterField;

/*
 * The first field, or the first one @after that, in which they differ, with the
 * name that users know; NULL: none but perhaps cookie and checksum.
 */
const VpcFooterField *vpc_footer_difference(const VpcFooter *a,
                                            const VpcFooter *b,
                                            const VpcFooterField *after);

/*
 * @size bytes as text, those that cannot be printed, or are in @escaped, as
 * \xNN; g_free().
 */
char *vpc_printable(const char *chars, size_t size, const char *escaped);

/*
 * Is this a footer: cookie, version, type?  If not, @errp states the field, its
 * value and what was expected.  _valid: is its checksum right, too?
 */
bool vpc_footer_values_valid(const VpcFooter *footer, Error **errp);
bool vpc_footer_valid(const VpcFooter *footer, Error **errp);

/* The same of a dynamic header with its own fields. */
bool vpc_header_values_valid(const VpcDynHeader *header, Error **errp);
bool vpc_header_valid(const VpcDynHeader *header, Error **errp);

/*
 * The specification's geometry for a disk of @total_sectors; C*H*S <= that.
 * All zero for an empty disk.
 */
VpcGeometry vpc_geometry(uint64_t total_sectors);
VpcGeometry vpc_footer_geometry(const VpcFooter *footer);
/* C*H*S; 0 if one of them is. */
uint64_t vpc_geometry_sectors(VpcGeometry geometry);

/*
 * The first geometry that holds @sectors, or else the largest one: for creators
 * whose guests see the geometry, so that they see all of the disk.
 */
VpcGeometry vpc_geometry_above(uint64_t sectors);

/*
 * The next size in sectors, at or above @sectors, that a geometry expresses
 * exactly; @sectors itself where only the largest geometry is left.
 */
uint64_t vpc_round_to_geometry(uint64_t sectors);

/* The creator's version, major number << 16 | minor; 0: it is not `tap`. */
uint32_t vpc_tap_version(const VpcFooter *footer);

/*
 * The size of the disk that @footer describes, in bytes.  It is not validated:
 * it may not be whole sectors, and may be larger than VPC_MAX_SIZE.  A geometry
 * that is zero, the largest one or larger than current_size is not a size, so
 * then current_size is, whatever @rule says.
 */
uint64_t vpc_disk_size(const VpcFooter *footer, VpcSizeRule rule);
/*
 * The size that programs see which follow the creator and allow for no
 * exception but the largest geometry: what is written should have it.
 */
uint64_t vpc_creator_size(const VpcFooter *footer);

/*
 * The bytes that the bitmap of a block of @block_size takes: a bit a sector,
 * padded to whole sectors.
 */
uint32_t vpc_bitmap_size(uint32_t block_size);

/* Blocks of a disk of @size bytes, which may be anything that an image says. */
static inline uint64_t vpc_blocks_of(uint64_t size, uint32_t block_size)
{
    return size / block_size + (size % block_size != 0);
}

/*
 * Bit of sector @n in a bitmap: the most significant bit comes first.  @bitmap
 * has more than @n bits.
 */
static inline bool vpc_bit(const uint8_t *bitmap, uint32_t n)
{
    return bitmap[n / 8] & (0x80 >> (n % 8));
}

static inline void vpc_put_bit(uint8_t *bitmap, uint32_t n, bool value)
{
    if (value) {
        bitmap[n / 8] |= 0x80 >> (n % 8);
    } else {
        bitmap[n / 8] &= ~(0x80 >> (n % 8));
    }
}

/* A new disk, for its footer. */
typedef struct VpcNewDisk {
    uint64_t size;              /* bytes */
    uint32_t type;              /* VPC_TYPE_FIXED or _DYNAMIC */
    const char *creator_app;    /* four characters */
    VpcGeometry geometry;
} VpcNewDisk;

/*
 * Both fill a structure and seal it.  The footer's time is now, its UUID
 * random; a dynamic disk's header comes directly after its copy.  @table_offset
 * in bytes.
 */
void vpc_new_footer(VpcFooter *footer, const VpcNewDisk *disk);
void vpc_new_header(VpcDynHeader *header, uint64_t table_offset,
                    uint32_t entries, uint32_t block_size);

#endif
