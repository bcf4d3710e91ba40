/* SPDX-License-Identifier: MIT */
/*
 * A read-only format as a stranger writes it for QEMU 5.0: "fchunks", whose
 * files end with what says where their chunks are.  It guards the interface of
 * such formats: probing by the file's name, requests of sectors, a part of the
 * driver in a module of its own.
 *
 * Layout, big-endian: the chunks' data; the table, for each chunk its kind (32
 * bits: 1 raw, 2 zeroes, 3 zlib, 4 what a module can read), its first sector,
 * its sectors, where its data begin and their length (64 bits each); in the
 * last 512 bytes "fchunks!", where the table begins (64 bits), the number of
 * chunks (32 bits).
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "block/block_int.h"
#include "qemu/bswap.h"
#include "qemu/module.h"
#include <zlib.h>

#define ENTRY_SIZE 36
#define MAX_CHUNKS 100000
#define MAX_SECTORS 8192        /* of a chunk */

enum { CHUNK_RAW = 1, CHUNK_ZERO, CHUNK_ZLIB, CHUNK_OTHER };

/* Set by the module when it has been loaded. */
int (*fchunks_uncompress_other)(char *in, unsigned int in_len, char *out,
                                unsigned int out_len);

typedef struct Chunk {
    uint32_t kind;
    uint64_t sector, n_sectors;
    uint64_t offset, length;
} Chunk;

typedef struct BDRVFChunksState {
    CoMutex lock;
    uint32_t n_chunks;
    Chunk *chunks;
    Chunk *current;
    uint8_t *packed;
    uint8_t *plain;
} BDRVFChunksState;

static int fchunks_probe(const uint8_t *buf, int buf_size,
                         const char *filename)
{
    size_t len;

    if (!filename) {
        return 0;
    }
    len = strlen(filename);
    return len > 8 && !strcmp(filename + len - 8, ".fchunks") ? 2 : 0;
}

static uint32_t get_be32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return be32_to_cpu(v);
}

static uint64_t get_be64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return be64_to_cpu(v);
}

static int fchunks_read_table(BlockDriverState *bs, uint64_t table,
                              Error **errp)
{
    BDRVFChunksState *s = bs->opaque;
    uint64_t sector = 0;
    uint32_t i;

    s->chunks = g_new0(Chunk, s->n_chunks);
    for (i = 0; i < s->n_chunks; i++) {
        uint8_t raw[ENTRY_SIZE];
        Chunk *c = &s->chunks[i];
        int ret = bdrv_pread(bs->file, table + i * ENTRY_SIZE, raw,
                             ENTRY_SIZE);

        if (ret < 0) {
            return ret;
        }
        c->kind = get_be32(raw);
        c->sector = get_be64(raw + 4);
        c->n_sectors = get_be64(raw + 12);
        c->offset = get_be64(raw + 20);
        c->length = get_be64(raw + 28);
        if (c->sector != sector || c->n_sectors - 1 >= MAX_SECTORS ||
            c->length > 2 * MAX_SECTORS * 512 || c->offset > INT64_MAX / 2) {
            error_setg(errp, "Chunk %" PRIu32 " makes no sense", i);
            return -EINVAL;
        }
        if (c->kind == CHUNK_OTHER && !fchunks_uncompress_other) {
            static bool warned;

            if (!warned) {
                warned = true;
                warn_report("Chunks of kind %u cannot be read", c->kind);
            }
        }
        sector += c->n_sectors;
    }
    bs->total_sectors = sector;
    return 0;
}

static int fchunks_open(BlockDriverState *bs, QDict *options, int flags,
                        Error **errp)
{
    BDRVFChunksState *s = bs->opaque;
    uint8_t trailer[512];
    int64_t length;
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
    block_module_load_one("fchunks-other");

    length = bdrv_getlength(bs->file->bs);
    if (length < 512) {
        return -EINVAL;
    }
    ret = bdrv_pread(bs->file, length - 512, trailer, 512);
    if (ret < 0) {
        return ret;
    }
    s->n_chunks = get_be32(trailer + 16);
    if (memcmp(trailer, "fchunks!", 8) || s->n_chunks > MAX_CHUNKS) {
        error_setg(errp, "This is no trailer of fchunks");
        return -EINVAL;
    }
    ret = fchunks_read_table(bs, get_be64(trailer + 8), errp);
    if (ret < 0) {
        g_free(s->chunks);
        return ret;
    }
    s->packed = g_malloc(2 * MAX_SECTORS * 512);
    s->plain = g_malloc(MAX_SECTORS * 512);
    qemu_co_mutex_init(&s->lock);
    return 0;
}

static void fchunks_refresh_limits(BlockDriverState *bs, Error **errp)
{
    bs->bl.request_alignment = BDRV_SECTOR_SIZE;
}

static int fchunks_load(BlockDriverState *bs, uint64_t sector)
{
    BDRVFChunksState *s = bs->opaque;
    Chunk *c = s->chunks;
    uLongf plain;
    int ret;

    while (sector - c->sector >= c->n_sectors) {
        c++;
    }
    if (s->current == c) {
        return 0;
    }
    s->current = NULL;
    plain = c->n_sectors * 512;
    memset(s->plain, 0, plain);
    ret = bdrv_pread(bs->file, c->offset, s->packed, c->length);
    if (ret < 0) {
        return ret;
    }
    switch (c->kind) {
    case CHUNK_RAW:
        memcpy(s->plain, s->packed, MIN(plain, c->length));
        break;
    case CHUNK_ZERO:
        break;
    case CHUNK_ZLIB:
        if (uncompress(s->plain, &plain, s->packed, c->length) != Z_OK) {
            return -EIO;
        }
        break;
    case CHUNK_OTHER:
        if (!fchunks_uncompress_other ||
            fchunks_uncompress_other((char *)s->packed, c->length,
                                     (char *)s->plain, plain) < 0) {
            return -EIO;
        }
        break;
    default:
        return -EIO;
    }
    s->current = c;
    return 0;
}

static int coroutine_fn fchunks_co_readv(BlockDriverState *bs,
                                         int64_t sector_num, int nb_sectors,
                                         QEMUIOVector *qiov)
{
    BDRVFChunksState *s = bs->opaque;
    int i, ret = 0;

    qemu_co_mutex_lock(&s->lock);
    for (i = 0; i < nb_sectors && ret >= 0; i++) {
        ret = fchunks_load(bs, sector_num + i);
        if (ret >= 0) {
            qemu_iovec_from_buf(
                qiov, i * 512,
                s->plain + (sector_num + i - s->current->sector) * 512, 512);
        }
    }
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

static void fchunks_close(BlockDriverState *bs)
{
    BDRVFChunksState *s = bs->opaque;

    g_free(s->chunks);
    g_free(s->packed);
    g_free(s->plain);
}

static BlockDriver bdrv_fchunks = {
    .format_name = "fchunks",
    .instance_size = sizeof(BDRVFChunksState),
    .bdrv_probe = fchunks_probe,
    .bdrv_open = fchunks_open,
    .bdrv_refresh_limits = fchunks_refresh_limits,
    .bdrv_child_perm = bdrv_format_default_perms,
    .bdrv_co_readv = fchunks_co_readv,
    .bdrv_close = fchunks_close,
};

static void bdrv_fchunks_init(void)
{
    bdrv_register(&bdrv_fchunks);
}

block_init(bdrv_fchunks_init);
