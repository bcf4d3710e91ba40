/* SPDX-License-Identifier: MIT */
/*
 * The names and forms of QEMU 8.2 for what a format driver calls and is called
 * by, made of those of QEMU 5.0: a driver for 8.2 compiles here with this
 * folder before include/.  It has what foreign-table-8.2.c needs, a row of
 * docs/porting.md each; a driver that needs more adds it in the same way.
 *
 * A driver's table is of a type of its own here, because its callbacks have
 * other types; functions of this file pass the layer's calls on to them.
 */
#ifndef TESTS_QEMU_8_2_H
#define TESTS_QEMU_8_2_H

#include "qemu/osdep.h"
#include "block/block_int.h"
#include "migration/blocker.h"
#include "qapi/error.h"
#include "qemu/option.h"
#include "sysemu/block-backend.h"

/* ---- the lock of the graph: none ---------------------------------------- */

#define GRAPH_RDLOCK
#define GRAPH_UNLOCKED
#define GRAPH_RDLOCK_GUARD_MAINLOOP() ((void)0)

/* ---- requests: the order of arguments, flags, 0 instead of a length ------ */

static inline int q_pread(BdrvChild *child, int64_t offset, int64_t bytes,
                          void *buf, BdrvRequestFlags flags)
{
    return MIN(bdrv_pread(child, offset, buf, bytes), 0);
}
#define bdrv_pread    q_pread
#define bdrv_co_pread q_pread

static inline int q_pwrite_sync(BdrvChild *child, int64_t offset, int64_t bytes,
                                const void *buf, BdrvRequestFlags flags)
{
    return bdrv_pwrite_sync(child, offset, buf, bytes);
}
#define bdrv_pwrite_sync    q_pwrite_sync
#define bdrv_co_pwrite_sync q_pwrite_sync

static inline int q_blk_pwrite(BlockBackend *blk, int64_t offset, int64_t bytes,
                               const void *buf, BdrvRequestFlags flags)
{
    return MIN(blk_pwrite(blk, offset, buf, bytes, flags), 0);
}
#define blk_pwrite    q_blk_pwrite
#define blk_co_pwrite q_blk_pwrite

#define bdrv_co_truncate(child, offset, exact, prealloc, flags, errp)          \
    bdrv_co_truncate(child, offset, exact, prealloc, errp)
#define blk_co_truncate(blk, offset, exact, prealloc, flags, errp)             \
    blk_truncate(blk, offset, exact, prealloc, errp)

/* ---- in coroutines: names of their own ---------------------------------- */

#define bdrv_co_getlength         bdrv_getlength
#define bdrv_co_create_file       bdrv_create_file
#define bdrv_co_open              bdrv_open
#define bdrv_co_open_blockdev_ref bdrv_open_blockdev_ref
#define bdrv_co_unref             bdrv_unref
#define blk_co_unref              blk_unref

static inline BlockBackend *blk_co_new_with_bs(BlockDriverState *bs,
                                               uint64_t perm, uint64_t shared,
                                               Error **errp)
{
    BlockBackend *blk = blk_new(bdrv_get_aio_context(bs), perm, shared);

    if (blk_insert_bs(blk, bs, errp) < 0) {
        blk_unref(blk);
        return NULL;
    }
    return blk;
}

/* ---- children ----------------------------------------------------------- */

#define bdrv_default_perms bdrv_format_default_perms

static inline int bdrv_open_file_child(const char *filename, QDict *options,
                                       const char *key, BlockDriverState *bs,
                                       Error **errp)
{
    bs->file =
        bdrv_open_child(filename, options, key, bs, &child_file, false, errp);
    return bs->file ? 0 : -EINVAL;
}

/* ---- errors ------------------------------------------------------------- */

static inline bool q_absorb_qdict(QemuOpts *opts, QDict *qdict, Error **errp)
{
    Error *local_err = NULL;

    qemu_opts_absorb_qdict(opts, qdict, &local_err);
    error_propagate(errp, local_err);
    return !local_err;
}
#define qemu_opts_absorb_qdict q_absorb_qdict

/* A reason that is not taken is freed; taken, it is the blocker's. */
static inline int migrate_add_blocker_normal(Error **reason, Error **errp)
{
    int ret = migrate_add_blocker(*reason, errp);

    if (ret < 0) {
        error_free(*reason);
        *reason = NULL;
    }
    return ret;
}

static inline void q_migrate_del_blocker(Error **reason)
{
    migrate_del_blocker(*reason);
    error_free(*reason);
    *reason = NULL;
}
#define migrate_del_blocker q_migrate_del_blocker

/* ---- the table ---------------------------------------------------------- */

typedef struct Qemu82Driver {
    BlockDriver drv; /* for the layer */
    const char *format_name;
    int instance_size;
    bool is_format;
    int (*bdrv_probe)(const uint8_t *buf, int buf_size, const char *filename);
    int (*bdrv_open)(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp);
    void (*bdrv_close)(BlockDriverState *bs);
    int (*bdrv_reopen_prepare)(BDRVReopenState *state, BlockReopenQueue *queue,
                               Error **errp);
    void (*bdrv_child_perm)(BlockDriverState *bs, BdrvChild *c,
                            const BdrvChildRole *role, BlockReopenQueue *queue,
                            uint64_t perm, uint64_t shared, uint64_t *nperm,
                            uint64_t *nshared);
    int coroutine_fn (*bdrv_co_create)(BlockdevCreateOptions *opts,
                                       Error **errp);
    int coroutine_fn (*bdrv_co_create_opts)(struct Qemu82Driver *drv,
                                            const char *filename,
                                            QemuOpts *opts, Error **errp);
    int coroutine_fn (*bdrv_co_preadv)(BlockDriverState *bs, int64_t offset,
                                       int64_t bytes, QEMUIOVector *qiov,
                                       BdrvRequestFlags flags);
    int coroutine_fn (*bdrv_co_pwritev)(BlockDriverState *bs, int64_t offset,
                                        int64_t bytes, QEMUIOVector *qiov,
                                        BdrvRequestFlags flags);
    int coroutine_fn (*bdrv_co_block_status)(BlockDriverState *bs,
                                             bool want_zero, int64_t offset,
                                             int64_t bytes, int64_t *pnum,
                                             int64_t *map,
                                             BlockDriverState **file);
    int coroutine_fn (*bdrv_co_check)(BlockDriverState *bs,
                                      BdrvCheckResult *result,
                                      BdrvCheckMode fix);
    int coroutine_fn (*bdrv_co_get_info)(BlockDriverState *bs,
                                         BlockDriverInfo *bdi);
    int (*bdrv_has_zero_init)(BlockDriverState *bs);
    QemuOptsList *create_opts;
    const char *const *strong_runtime_opts;
} Qemu82Driver;

static inline Qemu82Driver *q_driver(BlockDriver *drv)
{
    return container_of(drv, Qemu82Driver, drv);
}

static int coroutine_fn q_co_preadv(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    int flags)
{
    return q_driver(bs->drv)->bdrv_co_preadv(bs, offset, bytes, qiov, flags);
}

static int coroutine_fn q_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                     uint64_t bytes, QEMUIOVector *qiov,
                                     int flags)
{
    return q_driver(bs->drv)->bdrv_co_pwritev(bs, offset, bytes, qiov, flags);
}

static int coroutine_fn q_co_create_opts(BlockDriver *drv, const char *filename,
                                         QemuOpts *opts, Error **errp)
{
    return q_driver(drv)->bdrv_co_create_opts(q_driver(drv), filename, opts,
                                              errp);
}

/* What is not allocated and has no backing is always zero in 8.2. */
static int q_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    bdi->unallocated_blocks_are_zero = true;
    /* check-coroutines: off, this driver does no I/O there. */
    return q_driver(bs->drv)->bdrv_co_get_info(bs, bdi);
}

static inline void q_register(Qemu82Driver *d)
{
    assert(d->is_format);
    d->drv = (BlockDriver){
        .format_name = d->format_name,
        .instance_size = d->instance_size,
        .bdrv_probe = d->bdrv_probe,
        .bdrv_open = d->bdrv_open,
        .bdrv_close = d->bdrv_close,
        .bdrv_reopen_prepare = d->bdrv_reopen_prepare,
        .bdrv_child_perm = d->bdrv_child_perm,
        .bdrv_co_create = d->bdrv_co_create,
        .bdrv_co_create_opts = q_co_create_opts,
        .bdrv_co_preadv = q_co_preadv,
        .bdrv_co_pwritev = q_co_pwritev,
        .bdrv_co_block_status = d->bdrv_co_block_status,
        .bdrv_co_check = d->bdrv_co_check,
        .bdrv_get_info = q_get_info,
        .bdrv_has_zero_init = d->bdrv_has_zero_init,
        .create_opts = d->create_opts,
        .strong_runtime_opts = d->strong_runtime_opts,
    };
    bdrv_register(&d->drv);
}
#define bdrv_register q_register
#define BlockDriver   Qemu82Driver

#endif
