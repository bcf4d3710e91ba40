/* SPDX-License-Identifier: MIT */
/*
 * Making VHD images by the schema's description, for tests.
 */
#ifndef TESTS_DRIVER_NEW_IMAGE_H
#define TESTS_DRIVER_NEW_IMAGE_H

#include "block/block.h"

/*
 * Makes an image on the node @node by @options, a list like
 * "size=1M,block-size=4k" under the names of the schema.  0 or -errno.
 */
int new_image(const char *node, const char *options, Error **errp);

/* The same on the disk in memory @disk, which there is. */
int new_image_on_disk(const char *disk, const char *options, Error **errp);

#endif
