/* SPDX-License-Identifier: MIT */
/*
 * Declarations that the files of check and repair share.
 *
 *   check.c          the course of a check, with its repairs
 *   check-headers.c  footers and header
 *   check-blocks.c   the BAT, overlaps
 *   check-bitmaps.c  sector bitmaps, XenServer's batmap
 *   check-space.c    space that nothing refers to
 *   findings.c       the list of findings, and their words
 *   repair.c         writing what a check has planned
 *
 * All of it looks at the disk, through bs->file, and at what opening made of
 * it: nothing in memory may be ahead of the disk, and no request in flight.
 * All functions are mixed.
 *
 * Invariants:
 *   - A check only reads, and puts into its plan what is to be repaired,
 *     because a repair may need what the check finds last.
 *   - Memory: 4 bytes for a block with space, 48 for a finding; equal entries
 *     that follow each other are one finding, so that the holes of a file cost
 *     nothing.
 */
#ifndef BLOCK_VPC_CHECK_H
#define BLOCK_VPC_CHECK_H

#include "vpc.h"

typedef struct VpcFinding {
    BdrvFindingGrade grade;
    BdrvCheckMode repair;       /* the mode that repairs it; 0: none */
    bool fixed;
    VpcFault fault;             /* NONE: one in words */
    uint64_t offset;            /* bytes */
    union {
        struct {
            uint32_t block;
            uint32_t count;     /* of blocks, with the same entry */
            uint32_t entry;
            uint32_t other;     /* OVERLAPPING: the entry of the other block */
        };
        struct {
            const char *field;  /* static */
            char *value;
            char *expected;
        };
    };
} VpcFinding;

/* A block that is to be copied to new space. */
typedef struct VpcMove {
    uint32_t block;
    uint32_t from;              /* entries */
    uint32_t to;
} VpcMove;

/* Blocks that are to become unallocated. */
typedef struct VpcDrop {
    uint32_t block;
    uint32_t count;
} VpcDrop;

/* A check, and its plan. */
typedef struct VpcCheck {
    BlockDriverState *bs;
    GArray *findings;           /* VpcFinding */
    int repairable;             /* BdrvCheckMode: those with a finding */
    bool corrupt;               /* there is a BDRV_FINDING_CORRUPTION */
    BlockFragInfo bfi;
    int errors;                 /* reads that failed */
    uint64_t file_end;          /* as s->file_end before any repair, which
                                   moves it: findings name the old one */
    uint64_t block_bytes;       /* of a block with its bitmap */

    /* footers and header */
    bool contrary;              /* two footers, neither to be trusted: all
                                   repairs follow from one, so none is made */
    bool write_copy;            /* of s->footer, at offset 0 */
    bool write_footer;          /* at new_footer */
    bool write_header;          /* only its checksum changes */
    uint64_t further[2];        /* offsets of other footers to be written */
    unsigned further_count;
    uint64_t new_footer;        /* offset at which it is to be */
    uint64_t data_end;          /* of all that the image will hold */

    /* blocks */
    VpcCensus census;           /* of the BAT on the disk */
    GArray *drops;              /* VpcDrop, ascending */
    GArray *moves;              /* VpcMove, ascending blocks */
    GArray *cuts;               /* VpcRange: parts of blocks past the end */

    /*
     * XenServer's map, when there is one that can be used: as it is on the disk
     * and then as it is to be, because that in memory may differ.
     */
    VpcBatmapHeader batmap;
    uint8_t *map;               /* s->batmap.bytes */
    bool write_batmap;

    GArray *lost;               /* VpcRange, ascending */
} VpcCheck;

/*
 * Adds a finding in words, @offset bytes from the start of the file.  @field is
 * static, @value is taken, and @expected is the format of what follows.
 */
void GCC_FMT_ATTR(7, 8)
vpc_found(VpcCheck *c, BdrvFindingGrade grade, BdrvCheckMode repair,
          uint64_t offset, const char *field, char *value,
          const char *expected, ...);
/*
 * Adds a finding about @count blocks from @block on, whose entry is @entry.
 * @offset is that of the damage in the file, bytes; @other the entry that an
 * OVERLAPPING one shares space with.
 */
void vpc_found_blocks(VpcCheck *c, VpcFault fault, uint64_t offset,
                      uint32_t block, uint32_t count, uint32_t entry,
                      uint32_t other);
/* Call when the repairs of @mode are on the disk. */
void vpc_findings_mark_fixed(VpcCheck *c, BdrvCheckMode mode);
/*
 * Counts them in @result, blocks one by one, and hands each to its listener,
 * with the part of the disk that reads as zeroes since a repair.
 */
void vpc_findings_report(const VpcCheck *c, BdrvCheckResult *result);
void vpc_findings_clear(VpcCheck *c);

/*
 * Each fills in its part of the findings and the plan; 0, or -errno when it
 * cannot be made.  In this order, because bitmaps and space need the census
 * that the check of the blocks takes.  All but the first are for dynamic disks.
 */
int vpc_check_headers(VpcCheck *c);
int vpc_check_blocks(VpcCheck *c);
int vpc_check_bitmaps(VpcCheck *c);
/* Reads that fail are counted, and then nothing is repaired. */
void vpc_check_space(VpcCheck *c);
/*
 * Plans where moved blocks and the footer go, and with it the end of the file;
 * 0, -ENOSPC if a place cannot be expressed, -EFBIG if there are too many
 * copies, or an error of reading.  Not for fixed disks.
 */
int vpc_check_place(VpcCheck *c);

/*
 * Carries out the plan but for lost space, or for lost space alone.  On failure
 * the image reads as before, and a further check finds what is left to do.
 */
int vpc_repair_errors(const VpcCheck *c);
int vpc_repair_leaks(const VpcCheck *c);

#endif
