/* SPDX-License-Identifier: MIT */
/*
 * The gate through which an image's own bytes may cause another image to be
 * opened.
 *
 * A backing file name or a parent locator is written by whoever wrote the
 * image, a guest perhaps.  Opening what it names may disclose any file that the
 * user can read, so the user says by a policy what may be opened.
 *
 * Invariants:
 *   - Without a policy nothing is opened.
 *   - What is opened is a file of the host by its path: a name is never taken
 *     as json: or as that of another protocol.
 *   - Each thread has its own policy.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "qapi/error.h"

static __thread struct {
    BdrvImplicitOpenPolicy *policy;
    void *opaque;
} gate;

void bdrv_set_implicit_open_policy(BdrvImplicitOpenPolicy *policy,
                                   void *opaque)
{
    gate.policy = policy;
    gate.opaque = opaque;
}

static bool implicit_open_permitted(BlockDriverState *parent,
                                    const char *filename, Error **errp)
{
    if (!gate.policy) {
        error_setg(errp, "Image '%s' refers to '%s', and opening what an "
                   "image refers to is not permitted", parent->filename,
                   filename);
        return false;
    }
    return gate.policy(parent, filename, gate.opaque, errp);
}

BlockDriverState *bdrv_open_implicit(BlockDriverState *parent,
                                     const char *filename, const char *format,
                                     int flags, Error **errp)
{
    QDict *options;

    if (!implicit_open_permitted(parent, filename, errp)) {
        return NULL;
    }
    options = qdict_new();
    if (format) {
        qdict_put_str(options, "driver", format);
    }
    qdict_put_str(options, "file.driver", "file");
    qdict_put_str(options, "file.filename", filename);
    return bdrv_open_inherit(NULL, NULL, options, flags, parent,
                             &child_backing, errp);
}
