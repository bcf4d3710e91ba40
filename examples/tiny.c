/* SPDX-License-Identifier: MIT */
/*
 * The driver that docs/driver-guide.md explains: "tiny", a growing image.
 *
 * A file is made of blocks of 64 KiB.  The first one is the map; the others
 * hold those blocks of the disk that were ever written, in any order.
 *
 * Invariants:
 *   - An entry of the map is set once and never changes, and no two are equal.
 *   - It reaches the disk only after the whole block that it points at.
 *   - What fails leaves everything as it was, and can be tried again.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "sysemu/block-backend.h"
#include "qemu/bswap.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "qemu/units.h"

#define TINY_BLOCK (64 * KiB)
#define TINY_ENTRIES (TINY_BLOCK / 4 - 4)
#define TINY_MAX_SIZE (TINY_ENTRIES * TINY_BLOCK)

/* As it is in the file, big-endian. */
typedef struct TinyMap {
    char magic[8];
    uint64_t size; /* of the disk, bytes */
    uint32_t entry[TINY_ENTRIES]; /* block of the file; 0: never written */
} QEMU_PACKED TinyMap;

QEMU_BUILD_BUG_ON(sizeof(TinyMap) != TINY_BLOCK);

static const char tiny_magic[8] = "TINY 1";

typedef struct BDRVTinyState {
    CoMutex lock; /* held to change any of these */
    TinyMap map;
    uint32_t next; /* the block of the file that is free */
    bool dirty; /* the file lacks entries of the map */
} BDRVTinyState;

static int tiny_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return buf_size >= 8 && !memcmp(buf, tiny_magic, 8) ? 100 : 0;
}

/* Nothing that a file says is believed before it was looked at. */
static int tiny_check_map(BlockDriverState *bs, Error **errp)
{
    BDRVTinyState *s = bs->opaque;
    uint64_t size = be64_to_cpu(s->map.size);
    int64_t file_blocks = bdrv_getlength(bs->file->bs) / TINY_BLOCK;
    bool taken[TINY_ENTRIES + 1] = { true };
    int i;

    if (memcmp(s->map.magic, tiny_magic, 8) || size > TINY_MAX_SIZE ||
        size % BDRV_SECTOR_SIZE) {
        error_setg(errp, "Not a tiny image, or a damaged one");
        return -EINVAL;
    }
    bs->total_sectors = size / BDRV_SECTOR_SIZE;
    s->next = 1;
    for (i = 0; i < TINY_ENTRIES; i++) {
        uint32_t place = be32_to_cpu(s->map.entry[i]);

        if (!place) {
            continue;
        }
        if (place > TINY_ENTRIES || place >= file_blocks || taken[place]) {
            error_setg(errp, "Block %d cannot be where the map says", i);
            return -EINVAL;
        }
        taken[place] = true;
        s->next = MAX(s->next, place + 1);
    }
    return 0;
}

static int tiny_open(BlockDriverState *bs, QDict *options, int flags,
                     Error **errp)
{
    BDRVTinyState *s = bs->opaque;
    int ret;

    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    ret = bdrv_pread(bs->file, 0, &s->map, sizeof(s->map));
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the map");
        return ret;
    }
    qemu_co_mutex_init(&s->lock);
    return tiny_check_map(bs, errp);
}

/* A change of the mode needs nothing that the layer does not do. */
static int tiny_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                               Error **errp)
{
    return 0;
}

/* Where the file has the byte @offset of the disk; 0: nowhere. */
static int64_t tiny_find(BlockDriverState *bs, uint64_t offset)
{
    BDRVTinyState *s = bs->opaque;
    uint32_t place = be32_to_cpu(s->map.entry[offset / TINY_BLOCK]);

    return place ? place * TINY_BLOCK + offset % TINY_BLOCK : 0;
}

static int coroutine_fn tiny_co_read_part(BlockDriverState *bs,
                                          uint64_t offset, QEMUIOVector *qiov)
{
    int64_t pos = tiny_find(bs, offset);

    if (!pos) {
        qemu_iovec_memset(qiov, 0, 0, qiov->size);
        return 0;
    }
    return bdrv_co_preadv(bs->file, pos, qiov->size, qiov, 0);
}

/* Writes a new block, zeroes around the data.  The lock is held. */
static int coroutine_fn tiny_co_allocate(BlockDriverState *bs, uint64_t offset,
                                         QEMUIOVector *qiov)
{
    BDRVTinyState *s = bs->opaque;
    uint8_t *buf = qemu_try_blockalign(bs->file->bs, TINY_BLOCK);
    int ret;

    if (!buf) {
        return -ENOMEM;
    }
    memset(buf, 0, TINY_BLOCK);
    qemu_iovec_to_buf(qiov, 0, buf + offset % TINY_BLOCK, qiov->size);
    ret = bdrv_pwrite(bs->file, s->next * TINY_BLOCK, buf, TINY_BLOCK);
    qemu_vfree(buf);
    if (ret < 0) {
        return ret;
    }
    s->map.entry[offset / TINY_BLOCK] = cpu_to_be32(s->next++);
    s->dirty = true;
    return 0;
}

static int coroutine_fn tiny_co_write_part(BlockDriverState *bs,
                                           uint64_t offset, QEMUIOVector *qiov)
{
    BDRVTinyState *s = bs->opaque;
    int64_t pos;
    int ret = 0;

    qemu_co_mutex_lock(&s->lock);
    pos = tiny_find(bs, offset);
    if (!pos) {
        ret = tiny_co_allocate(bs, offset, qiov);
    }
    qemu_co_mutex_unlock(&s->lock);
    return pos ? bdrv_co_pwritev(bs->file, pos, qiov->size, qiov, 0) : ret;
}

/* Calls @part for the piece of each block that a request touches. */
static int coroutine_fn tiny_co_split(BlockDriverState *bs, uint64_t offset,
                                      QEMUIOVector *qiov,
                                      int coroutine_fn (*part)(
                                          BlockDriverState *bs,
                                          uint64_t offset, QEMUIOVector *qiov))
{
    QEMUIOVector slice;
    uint64_t done = 0;
    int ret = 0;

    qemu_iovec_init(&slice, qiov->niov);
    while (done < qiov->size && ret >= 0) {
        uint64_t room = TINY_BLOCK - (offset + done) % TINY_BLOCK;

        qemu_iovec_reset(&slice);
        qemu_iovec_concat(&slice, qiov, done, MIN(room, qiov->size - done));
        ret = part(bs, offset + done, &slice);
        done += slice.size;
    }
    qemu_iovec_destroy(&slice);
    return MIN(ret, 0);
}

static int coroutine_fn tiny_co_preadv(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags)
{
    return tiny_co_split(bs, offset, qiov, tiny_co_read_part);
}

static int coroutine_fn tiny_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                        uint64_t bytes, QEMUIOVector *qiov,
                                        int flags)
{
    return tiny_co_split(bs, offset, qiov, tiny_co_write_part);
}

static int coroutine_fn tiny_co_flush_to_os(BlockDriverState *bs)
{
    BDRVTinyState *s = bs->opaque;
    int ret = 0;

    qemu_co_mutex_lock(&s->lock);
    if (s->dirty) {
        ret = bdrv_co_flush(bs->file->bs); /* blocks first */
        if (ret >= 0) {
            ret = bdrv_pwrite(bs->file, 0, &s->map, sizeof(s->map));
        }
        s->dirty = ret < 0;
    }
    qemu_co_mutex_unlock(&s->lock);
    return MIN(ret, 0);
}

/*
 * Only growth: what is new has no entries, and the rest of the last block was
 * written with it, so both read as zeroes.
 */
static int coroutine_fn tiny_co_truncate(BlockDriverState *bs, int64_t offset,
                                         bool exact, PreallocMode prealloc,
                                         Error **errp)
{
    BDRVTinyState *s = bs->opaque;
    uint64_t old_size = be64_to_cpu(s->map.size);
    uint64_t size = ROUND_UP((uint64_t)offset, BDRV_SECTOR_SIZE);
    int ret;

    if (prealloc != PREALLOC_MODE_OFF || size < old_size ||
        size > TINY_MAX_SIZE) {
        error_setg(errp, "A tiny image can only grow, up to %" PRId64
                   " bytes, and without preallocation",
                   (int64_t)TINY_MAX_SIZE);
        return -ENOTSUP;
    }
    s->map.size = cpu_to_be64(size);
    s->dirty = true;
    ret = tiny_co_flush_to_os(bs);
    if (ret < 0) {
        s->map.size = cpu_to_be64(old_size);
    }
    return ret;
}

static int coroutine_fn tiny_co_block_status(BlockDriverState *bs,
                                             bool want_zero, int64_t offset,
                                             int64_t bytes, int64_t *pnum,
                                             int64_t *map,
                                             BlockDriverState **file)
{
    int64_t pos = tiny_find(bs, offset);

    *pnum = MIN(bytes, TINY_BLOCK - offset % TINY_BLOCK);
    if (!pos) {
        return BDRV_BLOCK_ZERO;
    }
    *map = pos;
    *file = bs->file->bs;
    return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID;
}

static int tiny_has_zero_init(BlockDriverState *bs)
{
    return 1;
}

static int tiny_write_new(BlockBackend *blk, uint64_t size)
{
    TinyMap *map = g_new0(TinyMap, 1);
    int ret;

    blk_set_allow_write_beyond_eof(blk, true);
    /* Zero at first, so that an old image is none any more. */
    ret = blk_pwrite(blk, 0, map, BDRV_SECTOR_SIZE, 0);
    ret = ret < 0 ? ret : blk_flush(blk);
    ret = ret < 0 ? ret : blk_pwrite(blk, 0, map, sizeof(*map), 0);
    ret = ret < 0 ? ret : blk_flush(blk);
    memcpy(map->magic, tiny_magic, 8);
    map->size = cpu_to_be64(size);
    ret = ret < 0 ? ret : blk_pwrite(blk, 0, map, BDRV_SECTOR_SIZE, 0);
    g_free(map);
    return ret < 0 ? ret : blk_flush(blk);
}

static int coroutine_fn tiny_co_create_opts(BlockDriver *drv,
                                            const char *filename,
                                            QemuOpts *opts, Error **errp)
{
    uint64_t size = qemu_opt_get_size_del(opts, BLOCK_OPT_SIZE, 0);
    BlockDriverState *bs;
    BlockBackend *blk;
    int ret;

    if (size > TINY_MAX_SIZE) {
        error_setg(errp, "A tiny image has at most %" PRId64 " bytes",
                   (int64_t)TINY_MAX_SIZE);
        return -EINVAL;
    }
    ret = bdrv_create_file(filename, opts, errp);
    if (ret < 0) {
        return ret;
    }
    bs = bdrv_open(filename, NULL, NULL,
                   BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_PROTOCOL, errp);
    if (!bs) {
        return -EIO;
    }
    blk = blk_new(bdrv_get_aio_context(bs), BLK_PERM_WRITE | BLK_PERM_RESIZE,
                  BLK_PERM_ALL);
    ret = blk_insert_bs(blk, bs, errp);
    if (ret >= 0) {
        ret = tiny_write_new(blk, ROUND_UP(size, BDRV_SECTOR_SIZE));
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Could not write the map");
        }
    }
    blk_unref(blk);
    bdrv_unref(bs);
    return ret;
}

static QemuOptsList tiny_create_opts = {
    .name = "tiny-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(tiny_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Virtual disk size"
        },
        { /* end of list */ }
    }
};

static BlockDriver bdrv_tiny = {
    .format_name = "tiny",
    .instance_size = sizeof(BDRVTinyState),
    .bdrv_probe = tiny_probe,
    .bdrv_open = tiny_open,
    .bdrv_reopen_prepare = tiny_reopen_prepare,
    .bdrv_child_perm = bdrv_format_default_perms,
    .bdrv_co_preadv = tiny_co_preadv,
    .bdrv_co_pwritev = tiny_co_pwritev,
    .bdrv_co_flush_to_os = tiny_co_flush_to_os,
    .bdrv_co_truncate = tiny_co_truncate,
    .bdrv_co_block_status = tiny_co_block_status,
    .bdrv_has_zero_init = tiny_has_zero_init,
    .bdrv_has_zero_init_truncate = tiny_has_zero_init,
    .bdrv_co_create_opts = tiny_co_create_opts,
    .create_opts = &tiny_create_opts,
};

static void bdrv_tiny_init(void)
{
    bdrv_register(&bdrv_tiny);
}

block_init(bdrv_tiny_init);
