/* SPDX-License-Identifier: MIT */
/*
 * Making VHD images; see new-image.h.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "block/qdict.h"
#include "new-image.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qobject-input-visitor.h"
#include "minblk/keyval.h"

int new_image(const char *node, const char *options, Error **errp)
{
    QDict *dict = keyval_parse_flat(options, NULL, &error_abort);
    BlockdevCreateOptions *opts = NULL;
    Visitor *v;
    int ret = -EINVAL;

    qdict_put_str(dict, "driver", "vpc");
    qdict_put_str(dict, "file", node);
    v = qobject_input_visitor_new_flat_confused(dict, &error_abort);
    visit_type_BlockdevCreateOptions(v, NULL, &opts, errp);
    visit_free(v);
    qobject_unref(dict);
    if (opts) {
        ret = bdrv_create_qapi(opts, errp);
        qapi_free_BlockdevCreateOptions(opts);
    }
    return ret;
}

int new_image_on_disk(const char *disk, const char *options, Error **errp)
{
    QDict *dict = qdict_new();
    BlockDriverState *bs;
    int ret;

    qdict_put_str(dict, "driver", "mem");
    qdict_put_str(dict, "disk", disk);
    qdict_put_str(dict, "node-name", "new");
    bs = bdrv_open(NULL, NULL, dict,
                   BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_PROTOCOL,
                   &error_abort);
    ret = new_image("new", options, errp);
    bdrv_unref(bs);
    return ret;
}
