/* SPDX-License-Identifier: MIT */
/*
 * fextents: reads and writes; see foreign-extents.h.
 */
#include "foreign-extents.h"
#include <zlib.h>

FExtent *fextents_find(BDRVFExtentsState *s, uint64_t offset)
{
    int i;

    for (i = 0; i < s->n_extents; i++) {
        if (offset - s->extents[i].start < s->extents[i].bytes) {
            return &s->extents[i];
        }
    }
    return NULL;
}

static int coroutine_fn fextents_load(FExtent *e, uint32_t sector,
                                      uint8_t *grain)
{
    uint8_t head[12];
    uint8_t *packed;
    uint32_t len;
    uLongf plain = GRAIN_SIZE;
    int ret = bdrv_pread(e->file, sector * 512ULL, head, 12);

    if (ret < 0) {
        return ret;
    }
    memcpy(&len, head + 8, 4);
    len = le32_to_cpu(len);
    if (len == 0 || len > 2 * GRAIN_SIZE) {
        return -EINVAL;
    }
    packed = g_malloc(len);
    BLKDBG_EVENT(e->file, BLKDBG_READ_COMPRESSED);
    ret = bdrv_pread(e->file, sector * 512ULL + 12, packed, len);
    if (ret >= 0) {
        ret = uncompress(grain, &plain, packed, len) == Z_OK ? 0 : -EINVAL;
        memset(grain + plain, 0, GRAIN_SIZE - plain);
    }
    g_free(packed);
    return ret;
}

/* Of @bytes in one grain. */
static int coroutine_fn fextents_read_grain(BlockDriverState *bs, FExtent *e,
                                            uint64_t offset, uint64_t bytes,
                                            QEMUIOVector *qiov)
{
    BDRVFExtentsState *s = bs->opaque;
    uint64_t at = offset - e->start;
    uint32_t sector = s->flat ? 0 : e->table[at / GRAIN_SIZE];
    uint8_t *grain;
    int ret;

    if (s->flat) {
        return bdrv_co_preadv(e->file, at, bytes, qiov, 0);
    }
    if (sector == 0 && bs->backing) {
        BLKDBG_EVENT(bs->file, BLKDBG_READ_BACKING_AIO);
        return bdrv_co_preadv(bs->backing, offset, bytes, qiov, 0);
    }
    if (sector == 0) {
        qemu_iovec_memset(qiov, 0, 0, bytes);
        return 0;
    }
    if (!s->stream) {
        BLKDBG_EVENT(e->file, BLKDBG_READ_AIO);
        return bdrv_co_preadv(e->file, sector * 512ULL + at % GRAIN_SIZE,
                              bytes, qiov, 0);
    }
    grain = g_malloc(GRAIN_SIZE);
    ret = fextents_load(e, sector, grain);
    if (ret >= 0) {
        qemu_iovec_from_buf(qiov, 0, grain + at % GRAIN_SIZE, bytes);
    }
    g_free(grain);
    return ret;
}

/* The data are there before the table says so. */
static int coroutine_fn fextents_append(FExtent *e, uint32_t index,
                                        QEMUIOVector *qiov)
{
    uint64_t pos = e->next;
    uint32_t sector = cpu_to_le32(pos / 512);
    int ret = bdrv_co_pwritev(e->file, pos, qiov->size, qiov, 0);

    if (ret >= 0) {
        ret = bdrv_co_flush(e->file->bs);
    }
    if (ret < 0) {
        return ret;
    }
    e->next = ROUND_UP(pos + qiov->size, 512);
    BLKDBG_EVENT(e->file, BLKDBG_L2_UPDATE);
    ret = bdrv_pwrite(e->file, HEADER_SIZE + 4ULL * index, &sector, 4);
    if (ret < 0) {
        return ret;
    }
    e->table[index] = pos / 512;
    return 0;
}

static int coroutine_fn fextents_write_grain(BlockDriverState *bs, FExtent *e,
                                             uint64_t offset, uint64_t bytes,
                                             QEMUIOVector *qiov)
{
    BDRVFExtentsState *s = bs->opaque;
    uint64_t at = offset - e->start;
    uint64_t start = at - at % GRAIN_SIZE;
    uint64_t whole = MIN(GRAIN_SIZE, e->bytes - start);
    uint8_t *grain;
    QEMUIOVector local;
    int ret = 0;

    if (s->flat) {
        return bdrv_co_pwritev(e->file, at, bytes, qiov, 0);
    }
    if (e->table[at / GRAIN_SIZE]) {
        BLKDBG_EVENT(e->file, BLKDBG_WRITE_AIO);
        return bdrv_co_pwritev(e->file,
                               e->table[at / GRAIN_SIZE] * 512ULL +
                                   at % GRAIN_SIZE, bytes, qiov, 0);
    }
    grain = g_malloc0(GRAIN_SIZE);
    if (bs->backing && bytes < whole) {
        BLKDBG_EVENT(bs->file, BLKDBG_COW_READ);
        ret = bdrv_pread(bs->backing, e->start + start, grain, whole);
    }
    if (ret >= 0) {
        qemu_iovec_to_buf(qiov, 0, grain + at % GRAIN_SIZE, bytes);
        qemu_iovec_init_buf(&local, grain, GRAIN_SIZE);
        ret = fextents_append(e, at / GRAIN_SIZE, &local);
    }
    g_free(grain);
    return ret < 0 ? ret : 0;
}

static int coroutine_fn fextents_rw(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    bool write)
{
    BDRVFExtentsState *s = bs->opaque;
    QEMUIOVector part;
    uint64_t done = 0, n;
    int ret = 0;

    qemu_iovec_init(&part, qiov->niov);
    qemu_co_mutex_lock(&s->lock);
    for (; done < bytes && ret >= 0; done += n) {
        FExtent *e = fextents_find(s, offset + done);
        uint64_t at;

        if (!e) {
            ret = -EIO;
            break;
        }
        at = offset + done - e->start;
        n = MIN(bytes - done, e->bytes - at);
        if (!s->flat) {
            n = MIN(n, GRAIN_SIZE - at % GRAIN_SIZE);
        }
        qemu_iovec_reset(&part);
        qemu_iovec_concat(&part, qiov, done, n);
        ret = write
            ? fextents_write_grain(bs, e, offset + done, n, &part)
            : fextents_read_grain(bs, e, offset + done, n, &part);
    }
    qemu_co_mutex_unlock(&s->lock);
    qemu_iovec_destroy(&part);
    return ret < 0 ? ret : 0;
}

int coroutine_fn fextents_co_preadv(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    int flags)
{
    return fextents_rw(bs, offset, bytes, qiov, false);
}

int coroutine_fn fextents_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                     uint64_t bytes, QEMUIOVector *qiov,
                                     int flags)
{
    BDRVFExtentsState *s = bs->opaque;

    return s->stream ? -ENOTSUP : fextents_rw(bs, offset, bytes, qiov, true);
}

/* The user wants no more of it: no other file may follow the last record. */
static int coroutine_fn fextents_end_stream(BDRVFExtentsState *s)
{
    FExtent *e = &s->extents[0];
    uint32_t flags = cpu_to_le32(FLAG_STREAM | FLAG_ENDED);
    int ret = bdrv_truncate(e->file, e->next, false, PREALLOC_MODE_OFF, NULL);

    if (ret >= 0) {
        ret = bdrv_pwrite(e->file, offsetof(FExtentHeader, flags), &flags, 4);
    }
    s->ended = ret >= 0;
    return ret;
}

static int coroutine_fn fextents_compress(FExtent *e, uint64_t offset,
                                          uint64_t bytes, QEMUIOVector *qiov)
{
    uLongf len = compressBound(bytes);
    uint8_t *plain = g_malloc(bytes);
    uint8_t *record = g_malloc(12 + len);
    uint64_t le_offset = cpu_to_le64(offset);
    uint32_t le_len;
    QEMUIOVector local;
    int ret = -EINVAL;

    qemu_iovec_to_buf(qiov, 0, plain, bytes);
    if (compress(record + 12, &len, plain, bytes) == Z_OK) {
        le_len = cpu_to_le32(len);
        memcpy(record, &le_offset, 8);
        memcpy(record + 8, &le_len, 4);
        qemu_iovec_init_buf(&local, record, 12 + len);
        BLKDBG_EVENT(e->file, BLKDBG_WRITE_COMPRESSED);
        ret = fextents_append(e, (offset - e->start) / GRAIN_SIZE, &local);
    }
    g_free(plain);
    g_free(record);
    return ret;
}

int coroutine_fn fextents_co_pwritev_compressed(BlockDriverState *bs,
                                                uint64_t offset,
                                                uint64_t bytes,
                                                QEMUIOVector *qiov)
{
    BDRVFExtentsState *s = bs->opaque;
    int64_t end = bs->total_sectors * BDRV_SECTOR_SIZE;
    int ret;

    if (!s->stream) {
        /* Accepted, and not compressed. */
        return fextents_rw(bs, offset, bytes, qiov, true);
    }
    if (bytes > 0 && (offset % GRAIN_SIZE ||
                      (bytes != GRAIN_SIZE && offset + bytes != end))) {
        return -EINVAL;
    }
    qemu_co_mutex_lock(&s->lock);
    if (bytes == 0) {
        ret = fextents_end_stream(s);
    } else if (s->ended || (int64_t)offset <= s->last) {
        ret = -EIO;
    } else {
        ret = fextents_compress(&s->extents[0], offset, bytes, qiov);
        if (ret >= 0) {
            s->last = offset;
        }
    }
    qemu_co_mutex_unlock(&s->lock);
    return ret < 0 ? ret : 0;
}
