/* SPDX-License-Identifier: MIT */
/*
 * The protocol driver `mem`: nodes on disks in memory, see minblk/mem.h.
 *
 * Invariants:
 *   - A request yields to the loop once and is carried out without a pause
 *     then: requests that are in flight together end in any order that their
 *     start allows, but none is seen in half.
 *   - A request that fails has changed nothing.
 *   - A disk with a name outlives its nodes, an anonymous one does not.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "minblk/block-extra.h"
#include "mem-disk.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/module.h"
#include "qemu/option.h"

typedef struct BDRVMemState {
    MemDisk *disk;
} BDRVMemState;

static QemuOptsList mem_runtime_opts = {
    .name = "mem",
    .head = QTAILQ_HEAD_INITIALIZER(mem_runtime_opts.head),
    .desc = {
        /* Name of the disk. */
        { .name = "disk", .type = QEMU_OPT_STRING },
        /* Size of the disk if there is none of that name. */
        { .name = BLOCK_OPT_SIZE, .type = QEMU_OPT_SIZE },
        /* Whether the space that the disk grows by holds old bytes. */
        { .name = "stale", .type = QEMU_OPT_BOOL },
        { /* end of list */ }
    },
};

static QemuOptsList mem_create_opts = {
    .name = "mem-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(mem_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Virtual disk size",
        },
        {
            .name = BLOCK_OPT_PREALLOC,
            .type = QEMU_OPT_STRING,
            .help = "Preallocation mode (allowed values: off, falloc, full)",
        },
        { /* end of list */ }
    },
};

static const char *const mem_strong_runtime_opts[] = { "disk", NULL };

/* ---- names, open -------------------------------------------------------- */

static void mem_parse_filename(const char *filename, QDict *options,
                               Error **errp)
{
    if (!strstart(filename, "mem:", &filename) || !*filename) {
        error_setg(errp, "The name of a disk in memory is 'mem:NAME'");
        return;
    }
    qdict_put_str(options, "disk", filename);
}

/* Finds or makes what the options name; the caller holds it. */
static MemDisk *mem_open_disk(QemuOpts *opts, Error **errp)
{
    const char *name = qemu_opt_get(opts, "disk");
    uint64_t size = qemu_opt_get_size(opts, BLOCK_OPT_SIZE, 0);
    MemDisk *disk = name ? mem_disk_find(name) : NULL;

    if (size > MEM_MAX_LENGTH) {
        error_setg(errp, "size is invalid");
        return NULL;
    }
    if (!disk) {
        if (name && !qemu_opt_get(opts, BLOCK_OPT_SIZE)) {
            error_setg(errp, "There is no disk '%s' in memory", name);
            return NULL;
        }
        disk = name ? mem_disk_new(name) : mem_disk_new_anonymous();
        mem_disk_set_length(disk, size);
    }
    if (qemu_opt_get(opts, "stale")) {
        mem_disk_set_stale(disk, qemu_opt_get_bool(opts, "stale", false));
    }
    return disk;
}

/*
 * The flags promise what memory always keeps: a write that has ended is
 * durable.
 */
static int mem_file_open(BlockDriverState *bs, QDict *options, int flags,
                         Error **errp)
{
    BDRVMemState *s = bs->opaque;
    g_autoptr(QemuOpts) opts =
        bdrv_absorb_options(&mem_runtime_opts, options, errp);

    s->disk = opts ? mem_open_disk(opts, errp) : NULL;
    if (!s->disk) {
        return -EINVAL;
    }
    mem_disk_hold(s->disk);
    bs->supported_write_flags = BDRV_REQ_FUA;
    bs->supported_zero_flags = BDRV_REQ_FUA | BDRV_REQ_MAY_UNMAP |
                               BDRV_REQ_NO_FALLBACK;
    return 0;
}

static void mem_close(BlockDriverState *bs)
{
    BDRVMemState *s = bs->opaque;

    mem_disk_release(s->disk);
}

/* An anonymous disk cannot be opened a second time, so it has no name. */
static void mem_refresh_filename(BlockDriverState *bs)
{
    BDRVMemState *s = bs->opaque;
    const char *name = mem_disk_name(s->disk);

    if (name) {
        snprintf(bs->exact_filename, sizeof(bs->exact_filename), "mem:%s",
                 name);
    }
}

/* ---- creation ----------------------------------------------------------- */

/*
 * Zeroes take no memory, so there is nothing that could be reserved: all modes
 * that a file has are the same.
 */
static bool check_prealloc(PreallocMode prealloc, Error **errp)
{
    if (prealloc == PREALLOC_MODE_METADATA) {
        error_setg(errp, "Unsupported preallocation mode: %s",
                   PreallocMode_str(prealloc));
        return false;
    }
    return true;
}

static int mem_create_disk(const char *name, uint64_t size, Error **errp)
{
    MemDisk *disk = mem_disk_find(name);

    if (size > MEM_MAX_LENGTH - BDRV_SECTOR_SIZE) {
        error_setg(errp, "size %" PRIu64 " is too large", size);
        return -EFBIG;
    }
    if (!disk) {
        disk = mem_disk_new(name);
    } else if (mem_disk_in_use(disk)) {
        error_setg(errp, "The disk '%s' is in use", name);
        return -EBUSY;
    }
    size = ROUND_UP(size, BDRV_SECTOR_SIZE);
    /* What stands for a device that was used before keeps what it holds. */
    if (mem_disk_is_stale(disk)) {
        size = MAX(size, (uint64_t)mem_disk_length(disk));
    } else {
        mem_disk_set_length(disk, 0);
    }
    mem_disk_set_length(disk, size);
    return 0;
}

static int coroutine_fn mem_co_create_opts(BlockDriver *drv,
                                           const char *filename,
                                           QemuOpts *opts, Error **errp)
{
    g_autoptr(QDict) options = qdict_new();
    g_autofree char *prealloc = NULL;
    Error *local_err = NULL;
    PreallocMode mode;
    uint64_t size;

    mem_parse_filename(filename, options, &local_err);
    size = qemu_opt_get_size_del(opts, BLOCK_OPT_SIZE, 0);
    prealloc = qemu_opt_get_del(opts, BLOCK_OPT_PREALLOC);
    mode = qapi_enum_parse(&PreallocMode_lookup, prealloc, PREALLOC_MODE_OFF,
                           local_err ? NULL : &local_err);
    if (local_err) {
        error_propagate(errp, local_err);
        return -EINVAL;
    }
    if (!check_prealloc(mode, errp)) {
        return -EINVAL;
    }
    return mem_create_disk(qdict_get_str(options, "disk"), size, errp);
}

/* ---- requests ----------------------------------------------------------- */

/* Lets others go on; the operation counts from its start. */
static coroutine_fn MemDisk *mem_begin(BlockDriverState *bs, MemOp op)
{
    BDRVMemState *s = bs->opaque;

    mem_disk_account(s->disk, op);
    aio_co_schedule(bdrv_get_aio_context(bs), qemu_coroutine_self());
    qemu_coroutine_yield();
    return s->disk;
}

/* In this order, because the sum might overflow. */
static bool fits(uint64_t offset, uint64_t bytes)
{
    return offset <= MEM_MAX_LENGTH && bytes <= MEM_MAX_LENGTH - offset;
}

/*
 * Element by element; nothing yields in between, so it is one moment's content.
 */
static int coroutine_fn mem_co_preadv(BlockDriverState *bs, uint64_t offset,
                                      uint64_t bytes, QEMUIOVector *qiov,
                                      int flags)
{
    MemDisk *disk = mem_begin(bs, MEM_READ);

    for (int i = 0; i < qiov->niov; i++) {
        mem_disk_read(disk, offset, qiov->iov[i].iov_base,
                      qiov->iov[i].iov_len);
        offset += qiov->iov[i].iov_len;
    }
    return 0;
}

/*
 * Checked before anything is written, because a request that fails has changed
 * nothing.
 */
static int coroutine_fn mem_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags)
{
    MemDisk *disk = mem_begin(bs, MEM_WRITE);

    if (!fits(offset, bytes)) {
        return -EFBIG;
    }
    for (int i = 0; i < qiov->niov; i++) {
        mem_disk_write(disk, offset, qiov->iov[i].iov_base,
                       qiov->iov[i].iov_len);
        offset += qiov->iov[i].iov_len;
    }
    return 0;
}

static int coroutine_fn mem_co_pwrite_zeroes(BlockDriverState *bs,
                                             int64_t offset, int bytes,
                                             BdrvRequestFlags flags)
{
    MemDisk *disk = mem_begin(bs, MEM_ZERO);

    if (!fits(offset, bytes)) {
        return -EFBIG;
    }
    mem_disk_zero(disk, offset, bytes);
    return 0;
}

/* A discard never makes the disk longer, unlike zeroes. */
static int coroutine_fn mem_co_pdiscard(BlockDriverState *bs, int64_t offset,
                                        int bytes)
{
    MemDisk *disk = mem_begin(bs, MEM_DISCARD);
    int64_t length = mem_disk_length(disk);

    if (offset < length) {
        mem_disk_zero(disk, offset, MIN(bytes, length - offset));
    }
    return 0;
}

/*
 * There is nothing to do but to be counted, and to yield as a real flush would.
 */
static int coroutine_fn mem_co_flush_to_disk(BlockDriverState *bs)
{
    mem_begin(bs, MEM_FLUSH);
    return 0;
}

static int coroutine_fn mem_co_block_status(BlockDriverState *bs,
                                            bool want_zero, int64_t offset,
                                            int64_t bytes, int64_t *pnum,
                                            int64_t *map,
                                            BlockDriverState **file)
{
    MemDisk *disk = mem_begin(bs, MEM_STATUS);

    *pnum = bytes;
    *map = offset;
    *file = bs;
    if (offset >= mem_disk_length(disk)) {
        /* It was made shorter meanwhile. */
        return BDRV_BLOCK_ZERO | BDRV_BLOCK_OFFSET_VALID;
    }
    return BDRV_BLOCK_OFFSET_VALID |
           (mem_disk_hole(disk, offset, pnum) ? BDRV_BLOCK_ZERO
                                              : BDRV_BLOCK_DATA);
}

static int coroutine_fn mem_co_truncate(BlockDriverState *bs, int64_t offset,
                                        bool exact, PreallocMode prealloc,
                                        Error **errp)
{
    MemDisk *disk = mem_begin(bs, MEM_TRUNCATE);

    if (!check_prealloc(prealloc, errp)) {
        return -ENOTSUP;
    }
    if (offset > MEM_MAX_LENGTH) {
        error_setg(errp, "size %" PRId64 " is too large", offset);
        return -EFBIG;
    }
    mem_disk_set_length(disk, offset);
    return 0;
}

/* ---- questions ---------------------------------------------------------- */

static int64_t mem_getlength(BlockDriverState *bs)
{
    BDRVMemState *s = bs->opaque;

    return mem_disk_length(s->disk);
}

static int64_t mem_get_allocated_file_size(BlockDriverState *bs)
{
    BDRVMemState *s = bs->opaque;

    return mem_disk_allocated(s->disk);
}

/* New space of a stale disk holds old bytes, as on a device used before. */
static int mem_has_zero_init(BlockDriverState *bs)
{
    BDRVMemState *s = bs->opaque;

    return !mem_disk_is_stale(s->disk);
}

static BlockDriver bdrv_mem = {
    .format_name = "mem",
    .protocol_name = "mem",
    .instance_size = sizeof(BDRVMemState),
    .has_variable_length = true,

    .bdrv_parse_filename = mem_parse_filename,
    .bdrv_file_open = mem_file_open,
    .bdrv_close = mem_close,
    .bdrv_reopen_prepare = bdrv_reopen_unchanged,
    .bdrv_refresh_filename = mem_refresh_filename,
    .strong_runtime_opts = mem_strong_runtime_opts,

    .create_opts = &mem_create_opts,
    .bdrv_co_create_opts = mem_co_create_opts,

    .bdrv_co_preadv = mem_co_preadv,
    .bdrv_co_pwritev = mem_co_pwritev,
    .bdrv_co_pwrite_zeroes = mem_co_pwrite_zeroes,
    .bdrv_co_pdiscard = mem_co_pdiscard,
    .bdrv_co_flush_to_disk = mem_co_flush_to_disk,
    .bdrv_co_block_status = mem_co_block_status,
    .bdrv_co_truncate = mem_co_truncate,

    .bdrv_getlength = mem_getlength,
    .bdrv_get_allocated_file_size = mem_get_allocated_file_size,
    .bdrv_has_zero_init = mem_has_zero_init,
    .bdrv_has_zero_init_truncate = mem_has_zero_init,
};

static void bdrv_mem_init(void)
{
    bdrv_register(&bdrv_mem);
}

block_init(bdrv_mem_init);
