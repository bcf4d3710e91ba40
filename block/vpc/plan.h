/* SPDX-License-Identifier: MIT */
/*
 * The plan of a new image, down to its last byte: the options checked, the
 * defaults filled in.  Nothing here does I/O, so that measure can ask it, too.
 */
#ifndef BLOCK_VPC_PLAN_H
#define BLOCK_VPC_PLAN_H

#include "block/block_int.h"
#include "layout.h"

/* The data of smaller blocks would not be aligned to pages. */
#define VPC_MIN_NEW_BLOCK_SIZE 4096u
#define VPC_MAX_NEW_BLOCK_SIZE (256u << 20)

/* A new image.  No pointers: it may be copied, and nothing is to be freed. */
typedef struct VpcPlan {
    uint32_t type;              /* VPC_TYPE_FIXED or _DYNAMIC */
    uint64_t size;              /* of the disk, bytes */
    PreallocMode prealloc;      /* as given, or the target's default */
    VpcFooter footer;           /* sealed */
    VpcDynHeader header;        /* sealed; of a dynamic disk */
    VpcLayout layout;           /* of a dynamic disk */
} VpcPlan;

/*
 * Checks @opts and fills @plan.  A size that @opts cannot have exactly is
 * rounded up if @round, else refused with a hint.  0, or -errno with an error.
 */
int vpc_plan(const BlockdevCreateOptionsVpc *opts, bool round, VpcPlan *plan,
             Error **errp);

/*
 * The length of the file when @blocks have space, in bytes; of a fixed disk
 * whatever @blocks is.
 */
uint64_t vpc_plan_length(const VpcPlan *plan, uint64_t blocks);

/* Has every block its place from the beginning?  Never of a fixed disk. */
bool vpc_plan_has_all_blocks(const VpcPlan *plan);

/* ---- target.c ----------------------------------------------------------- */

/* The options' defaults. */
typedef struct VpcDefaults {
    char creator[5];
    uint16_t creator_major;
    uint16_t creator_minor;
    char creator_os[5];
    uint32_t type;
    bool exact;                 /* the size is not rounded */
    PreallocMode fixed_prealloc; /* of fixed disks */
} VpcDefaults;

/* Those of the target, or without one of the size's rule.  Static. */
const VpcDefaults *vpc_target_defaults(const BlockdevCreateOptionsVpc *opts);

/* The traits of an image that products look at. */
typedef struct VpcTraits {
    VpcFooter footer;
    uint64_t size;              /* of the disk as the product sees it, bytes */
    uint32_t block_size;        /* 0: a fixed disk */
    uint64_t file_length;       /* bytes, not rounded up; it matters of a fixed
                                   disk, or where a footer is not whole */
    uint64_t unused_offset;     /* the field that has nothing to say: of the
                                   footer of a fixed disk, else of the header */
    bool sparse;                /* its blocks, or disk, have no space on the
                                   host that a sound file would have */
    bool aligned;               /* the data of blocks, to 4 KiB */
    bool batmap;                /* there is one */
} VpcTraits;

/*
 * Called for each thing that a product would refuse.  @option of a creation, or
 * if @amend of an amendment, mends it; NULL: none does.  Strings are valid
 * during the call.
 */
typedef void VpcRefuse(void *opaque, const char *problem, const char *option,
                       bool amend);

void vpc_target_demands(BlockdevVpcTarget target, const VpcTraits *traits,
                      VpcRefuse *refuse, void *opaque);

/* Does the product take the size from current_size? */
bool vpc_target_is_exact(BlockdevVpcTarget target);

/*
 * Would the product, if there is a target, take such an image, and is its size
 * the one that its creator's rule gives?  If not, @errp states what is wanted.
 */
bool vpc_target_takes(const BlockdevCreateOptionsVpc *opts,
                      const VpcPlan *plan, Error **errp);

#endif
