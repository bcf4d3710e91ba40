/* SPDX-License-Identifier: MIT */
/*
 * The three roles of edges between nodes, and what a child takes from its
 * parent's options and flags.
 *
 * Invariants:
 *   - The child's own options override inherited ones.
 *   - Children run with a writeback cache; writethrough is the BlockBackend's.
 *   - A backing node is read-only unless its own options say otherwise.
 */
#include "qemu/osdep.h"
#include "block/core/node/node.h"
#include "block/qdict.h"

/*
 * The same for the whole tree: a file that is cached, or takes locks, under an
 * image that promises not to would break the promise.
 */
static void inherit_cache(QDict *child_options, QDict *parent_options)
{
    qdict_copy_default(child_options, parent_options, BDRV_OPT_CACHE_DIRECT);
    qdict_copy_default(child_options, parent_options, BDRV_OPT_CACHE_NO_FLUSH);
    qdict_copy_default(child_options, parent_options, BDRV_OPT_FORCE_SHARE);
}

/* A child that holds its parent's data must be able to do what that can. */
static int inherit_data(QDict *child_options, int parent_flags,
                        QDict *parent_options)
{
    inherit_cache(child_options, parent_options);
    qdict_copy_default(child_options, parent_options, BDRV_OPT_READ_ONLY);
    qdict_copy_default(child_options, parent_options, BDRV_OPT_AUTO_READ_ONLY);
    /* Whether to discard is decided above; here it may be done. */
    qdict_set_default_str(child_options, BDRV_OPT_DISCARD, "unmap");
    return parent_flags & ~(BDRV_O_SNAPSHOT | BDRV_O_NO_BACKING |
                            BDRV_O_COPY_ON_READ | BDRV_O_TEMPORARY);
}

static void inherit_file(int *child_flags, QDict *child_options,
                         int parent_flags, QDict *parent_options)
{
    *child_flags = inherit_data(child_options, parent_flags, parent_options) |
                   BDRV_O_PROTOCOL;
}

/* Of any format, so the parent's BDRV_O_PROTOCOL does not reach it. */
static void inherit_format(int *child_flags, QDict *child_options,
                           int parent_flags, QDict *parent_options)
{
    *child_flags = inherit_data(child_options, parent_flags, parent_options) &
                   ~BDRV_O_PROTOCOL;
}

/*
 * Not writable because its parent is: what the parent writes stays in the
 * parent, and other images may have the same backing file.
 */
static void inherit_backing(int *child_flags, QDict *child_options,
                            int parent_flags, QDict *parent_options)
{
    inherit_cache(child_options, parent_options);
    qdict_set_default_str(child_options, BDRV_OPT_READ_ONLY, "on");
    qdict_set_default_str(child_options, BDRV_OPT_AUTO_READ_ONLY, "off");
    *child_flags = parent_flags & ~(BDRV_O_SNAPSHOT | BDRV_O_COPY_ON_READ |
                                    BDRV_O_TEMPORARY | BDRV_O_PROTOCOL);
}

const BdrvChildRole child_file = {
    .parent_is_bds = true,
    .inherit_options = inherit_file,
};

const BdrvChildRole child_format = {
    .parent_is_bds = true,
    .inherit_options = inherit_format,
};

const BdrvChildRole child_backing = {
    .parent_is_bds = true,
    .inherit_options = inherit_backing,
};
