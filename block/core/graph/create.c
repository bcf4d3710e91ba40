/* SPDX-License-Identifier: MIT */
/*
 * Creating images: by option lists and by the schema's description.
 *
 * Invariants:
 *   - A driver's creation runs in a coroutine and gets an Error of its own, so
 *     that it may append hints.
 *   - A failure always has a message.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "qapi/error.h"
#include "qapi/qapi-types-block-core.h"

typedef struct CreateCo {
    BlockDriver *drv;
    const char *filename; /* by options */
    QemuOpts *opts;
    BlockdevCreateOptions *qapi; /* by description */
    int ret;
    Error *err;
} CreateCo;

static void coroutine_fn create_entry(void *opaque)
{
    CreateCo *cco = opaque;

    if (cco->qapi) {
        cco->ret = cco->drv->bdrv_co_create(cco->qapi, &cco->err);
    } else {
        cco->ret = cco->drv->bdrv_co_create_opts(cco->drv, cco->filename,
                                                 cco->opts, &cco->err);
    }
}

/* Under the graph lock, because drivers written for QEMU keep statics. */
static int create_run(CreateCo *cco, Error **errp)
{
    bdrv_graph_lock();
    bdrv_run_co(qemu_get_current_aio_context(), create_entry, cco);
    bdrv_graph_unlock();

    if (cco->ret >= 0) {
        /* An error object with a good result is no error. */
        error_free(cco->err);
        return 0;
    }
    if (!cco->err) {
        error_setg_errno(&cco->err, -cco->ret, "Could not create image");
    }
    error_propagate(errp, cco->err);
    return cco->ret;
}

int bdrv_create(BlockDriver *drv, const char *filename, QemuOpts *opts,
                Error **errp)
{
    CreateCo cco = { .drv = drv, .filename = filename, .opts = opts };

    if (!drv->bdrv_co_create_opts) {
        error_setg(errp, "Format driver '%s' does not support image creation",
                   drv->format_name);
        return -ENOTSUP;
    }
    return create_run(&cco, errp);
}

int bdrv_create_file(const char *filename, QemuOpts *opts, Error **errp)
{
    BlockDriver *drv = bdrv_find_protocol(filename, true, errp);

    if (!drv) {
        return -ENOENT;
    }
    if (!drv->bdrv_co_create_opts) {
        error_setg(errp, "Protocol driver '%s' does not support image creation",
                   drv->format_name);
        return -ENOTSUP;
    }
    return bdrv_create(drv, filename, opts, errp);
}

int bdrv_create_qapi(BlockdevCreateOptions *opts, Error **errp)
{
    const char *name = BlockdevDriver_str(opts->driver);
    CreateCo cco = { .drv = bdrv_find_format(name), .qapi = opts };

    if (!cco.drv) {
        error_setg(errp, "Unknown driver '%s'", name);
        return -ENOENT;
    }
    if (!cco.drv->bdrv_co_create) {
        error_setg(errp, "Format driver '%s' does not support image creation",
                   name);
        return -ENOTSUP;
    }
    return create_run(&cco, errp);
}
