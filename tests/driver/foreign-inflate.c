/* SPDX-License-Identifier: MIT */
/*
 * A read-only format as a stranger writes it for QEMU 5.0: "finflate", blocks
 * of 4 KiB compressed by zlib.  It guards the interface of drivers that only
 * read: aligned requests, auto-read-only, a cache behind a mutex.
 *
 * Layout, big-endian: "finflate", the number of blocks (32 bits), the offsets
 * of the blocks and of the end (64 bits each), then the blocks.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "block/block_int.h"
#include "qemu/module.h"
#include "qemu/bswap.h"
#include <zlib.h>

#define BLOCK_SIZE 4096
#define MAX_BLOCKS 65536

typedef struct BDRVFInflateState {
    CoMutex lock;               /* of what follows the index */
    uint32_t blocks;
    uint64_t *index;            /* where each begins, and where the last ends */
    int64_t loaded;             /* the block that @plain has, or -1 */
    uint8_t *packed;
    uint8_t *plain;
    z_stream zlib;
} BDRVFInflateState;

static int finflate_probe(const uint8_t *buf, int buf_size,
                          const char *filename)
{
    return buf_size >= 8 && !memcmp(buf, "finflate", 8) ? 2 : 0;
}

static int finflate_read_index(BlockDriverState *bs, Error **errp)
{
    BDRVFInflateState *s = bs->opaque;
    size_t bytes = (s->blocks + 1) * sizeof(*s->index);
    uint32_t i;
    int ret;

    s->index = g_try_malloc(bytes);
    if (!s->index) {
        error_setg(errp, "There is no memory for the index");
        return -ENOMEM;
    }
    ret = bdrv_pread(bs->file, 12, s->index, bytes);
    for (i = 0; ret >= 0 && i <= s->blocks; i++) {
        s->index[i] = be64_to_cpu(s->index[i]);
        if (i > 0 && s->index[i] - s->index[i - 1] > 2 * BLOCK_SIZE) {
            error_setg(errp, "Block %u has an impossible size", i - 1);
            ret = -EINVAL;
        }
    }
    return ret;
}

static void finflate_free(BDRVFInflateState *s)
{
    g_free(s->plain);
    g_free(s->packed);
    g_free(s->index);
}

static int finflate_open(BlockDriverState *bs, QDict *options, int flags,
                         Error **errp)
{
    BDRVFInflateState *s = bs->opaque;
    uint8_t head[12];
    int ret = bdrv_apply_auto_read_only(bs, NULL, errp);

    if (ret < 0) {
        return ret;
    }
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file,
                               false, errp);
    if (!bs->file) {
        return -EINVAL;
    }
    ret = bdrv_pread(bs->file, 0, head, sizeof(head));
    if (ret < 0) {
        return ret;
    }
    s->blocks = ldl_be_p(head + 8);
    if (memcmp(head, "finflate", 8) || s->blocks > MAX_BLOCKS) {
        error_setg(errp, "%u blocks are too many", s->blocks);
        return -EINVAL;
    }
    ret = finflate_read_index(bs, errp);
    if (ret >= 0 && inflateInit(&s->zlib) != Z_OK) {
        ret = -EINVAL;
    }
    if (ret < 0) {
        finflate_free(s);
        return ret;
    }
    s->packed = g_malloc(2 * BLOCK_SIZE);
    s->plain = g_malloc(BLOCK_SIZE);
    s->loaded = -1;
    bs->total_sectors = s->blocks * (BLOCK_SIZE / BDRV_SECTOR_SIZE);
    qemu_co_mutex_init(&s->lock);
    return 0;
}

static void finflate_refresh_limits(BlockDriverState *bs, Error **errp)
{
    bs->bl.request_alignment = BDRV_SECTOR_SIZE;
}

static int finflate_load(BlockDriverState *bs, uint32_t block)
{
    BDRVFInflateState *s = bs->opaque;
    uint32_t bytes = s->index[block + 1] - s->index[block];
    int ret;

    if (s->loaded == block) {
        return 0;
    }
    s->loaded = -1;
    ret = bdrv_pread(bs->file, s->index[block], s->packed, bytes);
    if (ret < 0 || inflateReset(&s->zlib) != Z_OK) {
        return -EIO;
    }
    s->zlib.next_in = s->packed;
    s->zlib.avail_in = bytes;
    s->zlib.next_out = s->plain;
    s->zlib.avail_out = BLOCK_SIZE;
    if (inflate(&s->zlib, Z_FINISH) != Z_STREAM_END || s->zlib.avail_out > 0) {
        return -EIO;
    }
    s->loaded = block;
    return 0;
}

static int coroutine_fn
finflate_co_preadv(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                   QEMUIOVector *qiov, int flags)
{
    BDRVFInflateState *s = bs->opaque;
    uint64_t done = 0;
    int ret = 0;

    assert(QEMU_IS_ALIGNED(offset | bytes, BDRV_SECTOR_SIZE));
    qemu_co_mutex_lock(&s->lock);
    while (ret >= 0 && done < bytes) {
        uint64_t skip = (offset + done) % BLOCK_SIZE;
        uint64_t n = MIN(bytes - done, BLOCK_SIZE - skip);

        ret = finflate_load(bs, (offset + done) / BLOCK_SIZE);
        if (ret >= 0) {
            qemu_iovec_from_buf(qiov, done, s->plain + skip, n);
        }
        done += n;
    }
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

static void finflate_close(BlockDriverState *bs)
{
    BDRVFInflateState *s = bs->opaque;

    inflateEnd(&s->zlib);
    finflate_free(s);
}

static BlockDriver bdrv_finflate = {
    .format_name = "finflate",
    .instance_size = sizeof(BDRVFInflateState),
    .bdrv_probe = finflate_probe,
    .bdrv_open = finflate_open,
    .bdrv_child_perm = bdrv_format_default_perms,
    .bdrv_refresh_limits = finflate_refresh_limits,
    .bdrv_co_preadv = finflate_co_preadv,
    .bdrv_close = finflate_close,
};

static void bdrv_finflate_init(void)
{
    bdrv_register(&bdrv_finflate);
}

block_init(bdrv_finflate_init);
