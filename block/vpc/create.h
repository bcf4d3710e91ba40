/* SPDX-License-Identifier: MIT */
/*
 * The steps of a creation: the options' list, the plan (plan.h), the writing.
 */
#ifndef BLOCK_VPC_CREATE_H
#define BLOCK_VPC_CREATE_H

#include "plan.h"

/*
 * The schema's description of the image that @opts, of the list vpc_create_opts
 * and perhaps of others, ask for, with a disk of @size bytes unless negative.
 * Its file is a reference to no node yet.  NULL with an error;
 * qapi_free_BlockdevCreateOptions().
 */
BlockdevCreateOptions *vpc_parse_create_opts(QemuOpts *opts, int64_t size,
                                             Error **errp);

/*
 * Writes the image, and nothing else, to the node @bs, which stays the
 * caller's, and flushes it.  Any old image there is invalidated first.  0, or
 * -errno with an error.
 */
int coroutine_fn vpc_write_new(BlockDriverState *bs, const VpcPlan *plan,
                               Error **errp);

#endif
