/* SPDX-License-Identifier: MIT */
/*
 * check --target: what a product would refuse in an image, and the commands
 * that mend it.
 */
#ifndef TOOLS_IMG_CHECK_TARGET_H
#define TOOLS_IMG_CHECK_TARGET_H

#include "common.h"
#include "qapi/qapi-types-block-core.h"

/* The image that is checked: its name as given, and by -f or as a list. */
typedef struct CheckTarget {
    const char *product;        /* --target; NULL: none was asked for */
    const char *filename;
    bool image_opts;
    ImageCheckRefusalList *refusals;    /* of check_target() */
} CheckTarget;

/*
 * Fills in the refusals, to be freed with qapi_free_ImageCheckRefusalList().
 * Reports, and returns false, where there is no such product.  A format that
 * knows none has no refusals.
 */
bool check_target(BlockDriverState *bs, CheckTarget *target);

/* Of an image that is corrupt: it is to be repaired first. */
void check_target_drop_commands(const CheckTarget *target);

/* A line for each, and one for its command. */
void check_target_print(const CheckTarget *target);

#endif
