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
    CoMutex lock;
    uint32_t n_blocks;
    uint64_t *offsets;
    uint32_t current;
    uint8_t *packed;
    uint8_t *plain;
    z_stream zstream;
} BDRVFInflateState;

static int finflate_probe(const uint8_t *buf, int buf_size,
                          const char *filename)
{
    return buf_size >= 8 && !memcmp(buf, "finflate", 8) ? 2 : 0;
}

static int finflate_open(BlockDriverState *bs, QDict *options, int flags,
                         Error **errp)
{
    BDRVFInflateState *s = bs->opaque;
    uint32_t offsets_size, i;
    char magic[8];
    int ret;

    ret = bdrv_apply_auto_read_only(bs, NULL, errp);
    if (ret < 0) {
        return ret;
    }
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file,
                               false, errp);
    if (!bs->file) {
        return -EINVAL;
    }

    ret = bdrv_pread(bs->file, 0, magic, 8);
    if (ret < 0) {
        return ret;
    }
    ret = bdrv_pread(bs->file, 8, &s->n_blocks, 4);
    if (ret < 0) {
        return ret;
    }
    s->n_blocks = be32_to_cpu(s->n_blocks);
    if (memcmp(magic, "finflate", 8) || s->n_blocks > MAX_BLOCKS) {
        error_setg(errp, "%u blocks are too many", s->n_blocks);
        return -EINVAL;
    }

    offsets_size = (s->n_blocks + 1) * sizeof(uint64_t);
    s->offsets = g_try_malloc(offsets_size);
    if (s->offsets == NULL) {
        error_setg(errp, "Could not allocate the offsets");
        return -ENOMEM;
    }
    ret = bdrv_pread(bs->file, 12, s->offsets, offsets_size);
    if (ret < 0) {
        goto fail;
    }
    for (i = 0; i <= s->n_blocks; i++) {
        s->offsets[i] = be64_to_cpu(s->offsets[i]);
        if (i && s->offsets[i] - s->offsets[i - 1] > 2 * BLOCK_SIZE) {
            error_setg(errp, "Block %u has an impossible size", i - 1);
            ret = -EINVAL;
            goto fail;
        }
    }

    s->packed = g_malloc(2 * BLOCK_SIZE);
    s->plain = g_malloc(BLOCK_SIZE);
    if (inflateInit(&s->zstream) != Z_OK) {
        ret = -EINVAL;
        goto fail;
    }
    s->current = s->n_blocks;
    bs->total_sectors = s->n_blocks * (BLOCK_SIZE / BDRV_SECTOR_SIZE);
    qemu_co_mutex_init(&s->lock);
    return 0;

fail:
    g_free(s->offsets);
    g_free(s->packed);
    g_free(s->plain);
    return ret;
}

static void finflate_refresh_limits(BlockDriverState *bs, Error **errp)
{
    bs->bl.request_alignment = BDRV_SECTOR_SIZE;
}

static int finflate_load(BlockDriverState *bs, uint32_t block)
{
    BDRVFInflateState *s = bs->opaque;
    uint32_t bytes = s->offsets[block + 1] - s->offsets[block];
    int ret;

    if (s->current == block) {
        return 0;
    }
    ret = bdrv_pread(bs->file, s->offsets[block], s->packed, bytes);
    if (ret != bytes) {
        return -1;
    }
    s->current = s->n_blocks;
    s->zstream.next_in = s->packed;
    s->zstream.avail_in = bytes;
    s->zstream.next_out = s->plain;
    s->zstream.avail_out = BLOCK_SIZE;
    if (inflateReset(&s->zstream) != Z_OK ||
        inflate(&s->zstream, Z_FINISH) != Z_STREAM_END ||
        s->zstream.total_out != BLOCK_SIZE) {
        return -1;
    }
    s->current = block;
    return 0;
}

static int coroutine_fn
finflate_co_preadv(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                   QEMUIOVector *qiov, int flags)
{
    BDRVFInflateState *s = bs->opaque;
    int nb_sectors = bytes >> BDRV_SECTOR_BITS;
    uint64_t sector = offset >> BDRV_SECTOR_BITS;
    int ret = 0, i;

    assert(QEMU_IS_ALIGNED(offset, BDRV_SECTOR_SIZE));
    assert(QEMU_IS_ALIGNED(bytes, BDRV_SECTOR_SIZE));

    qemu_co_mutex_lock(&s->lock);
    for (i = 0; i < nb_sectors; i++) {
        uint64_t pos = (sector + i) * BDRV_SECTOR_SIZE;

        if (finflate_load(bs, pos / BLOCK_SIZE) != 0) {
            ret = -EIO;
            break;
        }
        qemu_iovec_from_buf(qiov, i * BDRV_SECTOR_SIZE,
                            s->plain + pos % BLOCK_SIZE, BDRV_SECTOR_SIZE);
    }
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

static void finflate_close(BlockDriverState *bs)
{
    BDRVFInflateState *s = bs->opaque;

    g_free(s->offsets);
    g_free(s->packed);
    g_free(s->plain);
    inflateEnd(&s->zstream);
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
