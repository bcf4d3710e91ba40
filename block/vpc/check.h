/* SPDX-License-Identifier: MIT */
/*
 * Declarations that the files of check and repair share.
 *
 *   check.c          the course of a check, with its repairs
 *   check-headers.c  footers and header
 *   check-blocks.c   the BAT, overlaps
 *   check-bitmaps.c  sector bitmaps, XenServer's batmap
 *   check-space.c    space that nothing refers to
 *   findings.c       the list of findings
 *   findings-words.c what each says, in numbers and in words
 *   repair.c         writing what a check has planned
 *
 * All of it looks at the disk, through bs->file, and at what opening made of
 * it: nothing in memory may be ahead of the disk, and no request in flight.
 * All functions are mixed.
 *
 * Invariants:
 *   - A check only reads, and puts into its plan what is to be repaired,
 *     because a repair may need what the check finds last.
 *   - Memory: 4 bytes for a block with space, 12 for one that is copied; a
 *     bounded number of findings, since neighbours with the same fault are one.
 */
#ifndef BLOCK_VPC_CHECK_H
#define BLOCK_VPC_CHECK_H

#include "vpc.h"

/* What repairs a finding. */
typedef enum VpcRepair {
    VPC_REPAIR_NOTHING = 0,
    VPC_REPAIR_FIELDS = 1,      /* in place: footers, checksums, the batmap */
    VPC_REPAIR_FOOTER = 2,      /* a new footer after all that the file holds */
    VPC_REPAIR_MOVES = 4,       /* copies of blocks that share space */
    VPC_REPAIR_FORCED = 8,      /* what turns an I/O error into zeroes */
    VPC_REPAIR_ZEROES = 16,     /* zeroes at the end of the file are cut off */
    VPC_REPAIR_ORPHANS = 32,    /* their space is given up */

    VPC_REPAIR_ERRORS = 15,     /* all but the last two */
} VpcRepair;

typedef struct VpcFinding {
    uint8_t fault;              /* VpcFault */
    uint8_t grade;              /* BdrvFindingGrade */
    uint8_t repair;             /* VpcRepair */
    union {
        struct {                /* of blocks */
            uint32_t block;
            uint32_t count;
            uint32_t last_block;
            uint32_t entry;     /* theirs, the lowest and the highest */
            uint32_t last_entry;
        };
        uint32_t detail;        /* NONE, ORPHANS, LOST: index in c->details */
    };
} VpcFinding;

typedef struct VpcDetail {
    VpcRange range;             /* of the file, bytes */
    VpcRange guest;             /* NONE: of the disk, what it costs */
    uint32_t count;             /* ORPHANS: blocks */
    uint64_t data_bytes;        /* ORPHANS: that are not zero */
    const char *field;          /* NONE: words; static */
    char *value;
    char *expected;
} VpcDetail;

/* A block that is to be copied to new space. */
typedef struct VpcMove {
    uint32_t block;
    uint32_t from;              /* entries */
    uint32_t to;
} VpcMove;

/* A check, and its plan. */
typedef struct VpcCheck {
    BlockDriverState *bs;
    BdrvCheckMode fix;          /* what was asked for */
    GArray *findings;           /* VpcFinding */
    GArray *details;            /* VpcDetail */
    guint last_finding[VPC_FAULT_LOST]; /* about blocks, by fault: one more than
                                   its index; 0: none */
    unsigned repairable;        /* VpcRepair: those with a finding */
    bool corrupt;               /* there is a BDRV_FINDING_CORRUPTION */
    unsigned plan;              /* VpcRepair: those to be carried out */
    bool done;                  /* they were */
    BlockFragInfo bfi;
    int errors;                 /* reads that failed */
    uint64_t file_end;          /* as s->file_end before any repair, which
                                   moves it: findings name the old one */
    uint64_t cut_end;           /* of the bytes of blocks that are cut off */
    uint64_t block_bytes;       /* of a block with its bitmap */

    /* footers and header */
    bool doubtful;              /* what all repairs would follow from may be
                                   wrong, so none is made */
    bool write_copy;            /* of s->footer, at offset 0 */
    bool write_footer;          /* where it is */
    bool footer_waits;          /* for what is to be forced */
    bool moves_footer;          /* to new_footer, where none is yet */
    bool write_header;          /* only its checksum changes */
    uint64_t further[2];        /* offsets of other footers to be written */
    unsigned further_count;
    uint64_t new_footer;        /* offset at which it is to be */
    uint64_t data_end;          /* of all that the image will hold */

    /* blocks */
    VpcCensus census;           /* of the BAT on the disk */
    bool entries_damaged;       /* point nowhere, or at a part of a block */
    GArray *moves;              /* VpcMove, ascending blocks */
    GArray *cuts;               /* VpcRange: parts of blocks past the end */

    /*
     * XenServer's map, when there is one that can be used: as it is on the disk
     * and then as it is to be, because that in memory may differ.
     */
    VpcBatmapHeader batmap;
    uint8_t *map;               /* s->batmap.bytes */
    bool batmap_sound;          /* its checksum was right */
    bool write_batmap;

    GArray *lost;               /* VpcRange, ascending: what a repair of lost
                                   space gives up, inside of the file */
    VpcRange lost_end;          /* and that all after the last block; empty:
                                   nothing */
    bool lost_data;             /* not all space that is lost is zero */
    VpcRepair orphan_repair;    /* of orphans: that, or NOTHING */
} VpcCheck;

/*
 * Adds a finding about a field, @offset bytes from the start of the file.
 * @field is static, @value is taken, and @expected is the format of what
 * follows.
 */
void GCC_FMT_ATTR(7, 8)
vpc_found(VpcCheck *c, BdrvFindingGrade grade, VpcRepair repair,
          uint64_t offset, const char *field, char *value,
          const char *expected, ...);
/*
 * Adds a finding about @count blocks from @block on, whose entry is @entry, to
 * the one before it, if that says the same of its neighbours.
 */
void vpc_found_blocks(VpcCheck *c, VpcFault fault, VpcRepair repair,
                      uint32_t block, uint32_t count, uint32_t entry);
/* Adds a finding about a range of the file: @count orphans, or LOST for 0. */
void vpc_found_lost(VpcCheck *c, VpcRepair repair, uint64_t start,
                    uint64_t end, uint32_t count, uint64_t data_bytes);
/*
 * Counts them in @result, blocks one by one, then hands each to its listener.
 */
void vpc_findings_report(const VpcCheck *c, BdrvCheckResult *result);
void vpc_findings_clear(VpcCheck *c);

/* findings-words.c: what each says.  Plain. */

/*
 * Fills in what the numbers of @f say of the file and of the disk.  Bytes that
 * the disk has lost, or may have.
 */
int64_t vpc_finding_range(const VpcCheck *c, const VpcFinding *f,
                          BdrvCheckFinding *finding);
/* What the words of a finding are kept in, each to be freed with g_free(). */
typedef struct VpcWords {
    char *field, *value, *expected, *effect;
} VpcWords;
/*
 * Fills in the words of one that vpc_finding_range() has filled in: @finding
 * borrows what @words owns.
 */
void vpc_finding_words(const VpcCheck *c, const VpcFinding *f,
                       BdrvCheckFinding *finding, VpcWords *words);

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
 * drops from the plan what would make the file longer while entries point
 * nowhere.  0, -ENOSPC if a place cannot be expressed, -EFBIG if there are too
 * many copies, or an error of reading.  Not for fixed disks.
 */
int vpc_check_place(VpcCheck *c);

/*
 * Carries out the plan: errors, or lost space.  On failure the image reads as
 * before, and a further check finds what is left to do.
 */
int vpc_repair_errors(const VpcCheck *c);
int vpc_repair_leaks(const VpcCheck *c);

#endif
