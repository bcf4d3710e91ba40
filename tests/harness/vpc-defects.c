/* SPDX-License-Identifier: MIT */
/*
 * A driver for dynamic and fixed VHD images that stands in for the one of QEMU
 * 5.0: written anew, with defects that one is known to have.
 *
 * The defects, which are to stay:
 *   - S1, S2: the table in memory names a new block before anything is written,
 *     and goes on to name it when that fails; its place is used again.
 *   - S3: a bitmap counts as written before it is.
 *   - S4: bitmaps are ignored by reads (not so in "vpc-defects-s5").
 *   - S5: the first write to a block marks all of it as valid.
 *   - S6, S7: the bitmap of one block is remembered; an allocation flushes
 *     after each of its writes.
 *   - S8: the table names a block before its data is written, and nothing
 *     writes what surrounds the data.
 *   - S10: the table takes as much memory as the header says.
 *   - S14: the type in the footer is believed.
 *   - S20: no checksum is looked at.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "sysemu/block-backend.h"
#include "qemu/bswap.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "qemu/units.h"
#include "qemu/uuid.h"

#define SECTOR 512
#define TYPE_FIXED 2
#define TYPE_DYNAMIC 3
#define UNALLOCATED 0xffffffffu
#define HEADER_OFFSET 512
#define TABLE_OFFSET 1536
#define BLOCK_SIZE (2 * MiB)
#define MAX_SECTORS UINT64_C(0xff000000)
#define MAX_CHS (65535 * 16 * 255)
#define OPT_FORCE_SIZE "force_size"

/* Integers are big-endian. */
typedef struct VhdFooter {
    char cookie[8];
    uint32_t features;
    uint32_t version;
    uint64_t data_offset;
    uint32_t timestamp;
    char creator[4];
    uint32_t creator_version;
    char creator_os[4];
    uint64_t original_size;
    uint64_t current_size;
    uint16_t cylinders;
    uint8_t heads;
    uint8_t sectors;
    uint32_t type;
    uint32_t checksum;
    QemuUUID uuid;
    uint8_t reserved[428];
} QEMU_PACKED VhdFooter;

typedef struct VhdHeader {
    char cookie[8];
    uint64_t data_offset;
    uint64_t table_offset;
    uint32_t version;
    uint32_t entries;
    uint32_t block_size;
    uint32_t checksum;
    uint8_t reserved[1024 - 40];
} QEMU_PACKED VhdHeader;

QEMU_BUILD_BUG_ON(sizeof(VhdFooter) != SECTOR);
QEMU_BUILD_BUG_ON(sizeof(VhdHeader) != 2 * SECTOR);

typedef struct BDRVVhdState {
    CoMutex lock;               /* held to change the table */
    VhdFooter footer;
    uint32_t type;
    uint32_t *table;
    uint32_t entries;
    int64_t table_offset;
    int64_t free;               /* where the next block goes */
    uint32_t block_size;
    uint32_t bitmap_size;
    int64_t last_bitmap;        /* its block is marked as valid */
    bool reads_bitmaps;
} BDRVVhdState;

static uint32_t vhd_checksum(const void *buf, size_t bytes)
{
    const uint8_t *p = buf;
    uint32_t sum = 0;

    while (bytes--) {
        sum += *p++;
    }
    return cpu_to_be32(~sum);
}

/* ---- opening ------------------------------------------------------------ */

/* The size of the disk in sectors. */
static uint64_t vhd_disk_sectors(const VhdFooter *f)
{
    static const char by_size[][4] = { "win ", "qem2", "d2v ", "CTXS", "tap" };
    uint64_t chs = (uint64_t)be16_to_cpu(f->cylinders) * f->heads * f->sectors;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(by_size); i++) {
        if (!memcmp(f->creator, by_size[i], 4)) {
            return be64_to_cpu(f->current_size) / SECTOR;
        }
    }
    return chs == MAX_CHS ? be64_to_cpu(f->current_size) / SECTOR : chs;
}

/* The header at @offset says how the blocks are kept. */
static int vhd_read_header(BlockDriverState *bs, int64_t offset, Error **errp)
{
    BDRVVhdState *s = bs->opaque;
    VhdHeader h;
    int ret = bdrv_pread(bs->file, offset, &h, SECTOR);

    if (ret < 0) {
        error_setg(errp, "The dynamic header cannot be read");
        return ret;
    }
    s->block_size = be32_to_cpu(h.block_size);
    s->entries = be32_to_cpu(h.entries);
    s->table_offset = be64_to_cpu(h.table_offset);
    if (memcmp(h.cookie, "cxsparse", 8) || !is_power_of_2(s->block_size) ||
        s->block_size < SECTOR || s->entries > INT_MAX / 4) {
        error_setg(errp, "The dynamic header makes no sense");
        return -EINVAL;
    }
    if ((uint64_t)s->entries * s->block_size <
        bs->total_sectors * BDRV_SECTOR_SIZE) {
        error_setg(errp, "The table is too short for the disk");
        return -EINVAL;
    }
    s->bitmap_size = ROUND_UP(DIV_ROUND_UP(s->block_size / SECTOR, 8), SECTOR);
    return 0;
}

static int vhd_read_table(BlockDriverState *bs, Error **errp)
{
    BDRVVhdState *s = bs->opaque;
    size_t bytes = s->entries * sizeof(uint32_t);
    uint32_t i;
    int ret;

    s->table = qemu_try_blockalign(bs->file->bs, bytes);
    if (!s->table) {
        error_setg(errp, "There is no memory for the table");
        return -ENOMEM;
    }
    ret = bdrv_pread(bs->file, s->table_offset, s->table, bytes);
    if (ret < 0) {
        error_setg(errp, "The table cannot be read");
        return ret;
    }
    s->free = ROUND_UP(s->table_offset + bytes, SECTOR);
    for (i = 0; i < s->entries; i++) {
        be32_to_cpus(&s->table[i]);
        if (s->table[i] != UNALLOCATED) {
            s->free = MAX(s->free, s->table[i] * 512LL + s->bitmap_size +
                                   s->block_size);
        }
    }
    if (s->free > bdrv_getlength(bs->file->bs)) {
        error_setg(errp, "A block lies past the end of the file");
        return -EINVAL;
    }
    return 0;
}

/* From the begin, or else the end; *@at_end says which. */
static int vhd_read_footer(BlockDriverState *bs, bool *at_end, Error **errp)
{
    BDRVVhdState *s = bs->opaque;
    int64_t length;
    int ret = bdrv_pread(bs->file, 0, &s->footer, SECTOR);

    *at_end = ret >= 0 && memcmp(s->footer.cookie, "conectix", 8);
    if (*at_end) {
        length = bdrv_getlength(bs->file->bs);
        ret = length < SECTOR ? -EINVAL
                              : bdrv_pread(bs->file, length - SECTOR,
                                           &s->footer, SECTOR);
    }
    if (ret >= 0 && memcmp(s->footer.cookie, "conectix", 8)) {
        ret = -EINVAL;
    }
    if (ret < 0) {
        error_setg(errp, "There is no footer");
    }
    return MIN(ret, 0);
}

static int vhd_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    BDRVVhdState *s = bs->opaque;
    bool at_end;
    int ret;

    qemu_co_mutex_init(&s->lock);
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    ret = vhd_read_footer(bs, &at_end, errp);
    if (ret < 0) {
        return ret;
    }
    s->reads_bitmaps = !strcmp(bs->drv->format_name, "vpc-defects-s5");
    s->type = be32_to_cpu(s->footer.type);
    s->last_bitmap = -1;
    bs->total_sectors = vhd_disk_sectors(&s->footer);
    if (bs->total_sectors > MAX_SECTORS) {
        error_setg(errp, "The disk is too large");
        return -EFBIG;
    }
    if (!at_end) {
        ret = vhd_read_header(bs, be64_to_cpu(s->footer.data_offset), errp);
        if (ret >= 0) {
            ret = vhd_read_table(bs, errp);
        }
    }
    if (ret < 0) {
        qemu_vfree(s->table);
    }
    return ret;
}

static void vhd_close(BlockDriverState *bs)
{
    BDRVVhdState *s = bs->opaque;

    qemu_vfree(s->table);
}

static int vhd_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                              Error **errp)
{
    return 0;
}

static int vhd_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    BDRVVhdState *s = bs->opaque;

    if (s->type != TYPE_FIXED) {
        bdi->cluster_size = s->block_size;
    }
    bdi->unallocated_blocks_are_zero = true;
    return 0;
}

static int vhd_has_zero_init(BlockDriverState *bs)
{
    BDRVVhdState *s = bs->opaque;

    return s->type == TYPE_FIXED ? bdrv_has_zero_init(bs->file->bs) : 1;
}

/* ---- blocks ------------------------------------------------------------- */

/* Where the file has the byte @offset of the disk; -1: nowhere. */
static int64_t vhd_find(const BDRVVhdState *s, uint64_t offset)
{
    uint64_t index = offset / s->block_size;

    if (index >= s->entries || s->table[index] == UNALLOCATED) {
        return -1;
    }
    return s->table[index] * 512LL + s->bitmap_size + offset % s->block_size;
}

static int vhd_mark_block(BlockDriverState *bs, int64_t bitmap)
{
    BDRVVhdState *s = bs->opaque;
    g_autofree uint8_t *ones = NULL;

    if (s->last_bitmap == bitmap) {
        return 0;
    }
    s->last_bitmap = bitmap;
    ones = g_malloc(s->bitmap_size);
    memset(ones, 0xff, s->bitmap_size);
    return bdrv_pwrite_sync(bs->file, bitmap, ones, s->bitmap_size);
}

/* A new block for @offset. */
static int vhd_allocate(BlockDriverState *bs, uint64_t offset)
{
    BDRVVhdState *s = bs->opaque;
    uint32_t index = offset / s->block_size, entry;
    int64_t old_free = s->free;
    g_autofree uint8_t *ones = g_malloc(s->bitmap_size);
    int ret;

    s->table[index] = s->free / SECTOR;
    memset(ones, 0xff, s->bitmap_size);
    ret = bdrv_pwrite_sync(bs->file, s->free, ones, s->bitmap_size);
    if (ret < 0) {
        return ret;
    }
    s->free += s->bitmap_size + s->block_size;
    ret = bdrv_pwrite_sync(bs->file, s->free, &s->footer, SECTOR);
    if (ret >= 0) {
        entry = cpu_to_be32(s->table[index]);
        ret = bdrv_pwrite_sync(bs->file, s->table_offset + index * 4LL, &entry,
                               4);
    }
    if (ret < 0) {
        s->free = old_free;
    }
    return ret;
}

/* Where to write; the lock is held. */
static int64_t vhd_find_or_allocate(BlockDriverState *bs, uint64_t offset)
{
    BDRVVhdState *s = bs->opaque;
    int64_t pos = vhd_find(s, offset);
    int ret = 0;

    if (pos < 0) {
        ret = vhd_allocate(bs, offset);
        pos = vhd_find(s, offset);
    }
    if (ret >= 0) {
        ret = vhd_mark_block(bs, pos - offset % s->block_size -
                                 s->bitmap_size);
    }
    return ret < 0 ? ret : pos;
}

/* ---- requests ----------------------------------------------------------- */

/* Of the block at @pos only what its bitmap names; the rest is zero. */
static int coroutine_fn vhd_co_read_valid(BlockDriverState *bs,
                                          uint64_t offset, int64_t pos,
                                          QEMUIOVector *qiov)
{
    BDRVVhdState *s = bs->opaque;
    uint32_t in_block = offset % s->block_size, done, sector, n;
    g_autofree uint8_t *bitmap = g_malloc(s->bitmap_size);
    int ret = bdrv_pread(bs->file, pos - in_block - s->bitmap_size, bitmap,
                         s->bitmap_size);

    if (ret >= 0) {
        ret = bdrv_co_preadv(bs->file, pos, qiov->size, qiov, 0);
    }
    for (done = 0; ret >= 0 && done < qiov->size; done += n) {
        sector = (in_block + done) / SECTOR;
        n = MIN(qiov->size - done, SECTOR - (in_block + done) % SECTOR);
        if (!(bitmap[sector / 8] & 0x80 >> sector % 8)) {
            qemu_iovec_memset(qiov, done, 0, n);
        }
    }
    return MIN(ret, 0);
}

static int coroutine_fn vhd_co_read_part(BlockDriverState *bs,
                                         uint64_t offset, QEMUIOVector *qiov)
{
    BDRVVhdState *s = bs->opaque;
    int64_t pos = vhd_find(s, offset);

    if (pos < 0) {
        qemu_iovec_memset(qiov, 0, 0, qiov->size);
        return 0;
    }
    if (s->reads_bitmaps) {
        return vhd_co_read_valid(bs, offset, pos, qiov);
    }
    return bdrv_co_preadv(bs->file, pos, qiov->size, qiov, 0);
}

static int coroutine_fn vhd_co_write_part(BlockDriverState *bs,
                                          uint64_t offset, QEMUIOVector *qiov)
{
    BDRVVhdState *s = bs->opaque;
    int64_t pos;

    qemu_co_mutex_lock(&s->lock);
    pos = vhd_find_or_allocate(bs, offset);
    qemu_co_mutex_unlock(&s->lock);
    if (pos < 0) {
        return pos;
    }
    return bdrv_co_pwritev(bs->file, pos, qiov->size, qiov, 0);
}

typedef int coroutine_fn VhdPart(BlockDriverState *bs, uint64_t offset,
                                 QEMUIOVector *qiov);

/* Calls @part for the piece of each block that a request touches. */
static int coroutine_fn vhd_co_split(BlockDriverState *bs, uint64_t offset,
                                     QEMUIOVector *qiov, VhdPart *part)
{
    BDRVVhdState *s = bs->opaque;
    QEMUIOVector slice;
    uint64_t done = 0;
    int ret = 0;

    qemu_iovec_init(&slice, qiov->niov);
    while (done < qiov->size && ret >= 0) {
        uint64_t room = s->block_size - (offset + done) % s->block_size;

        qemu_iovec_reset(&slice);
        qemu_iovec_concat(&slice, qiov, done, MIN(room, qiov->size - done));
        ret = part(bs, offset + done, &slice);
        done += slice.size;
    }
    qemu_iovec_destroy(&slice);
    return MIN(ret, 0);
}

static int coroutine_fn vhd_co_preadv(BlockDriverState *bs, uint64_t offset,
                                      uint64_t bytes, QEMUIOVector *qiov,
                                      int flags)
{
    BDRVVhdState *s = bs->opaque;

    if (s->type == TYPE_FIXED) {
        return bdrv_co_preadv(bs->file, offset, bytes, qiov, 0);
    }
    return vhd_co_split(bs, offset, qiov, vhd_co_read_part);
}

static int coroutine_fn vhd_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags)
{
    BDRVVhdState *s = bs->opaque;

    if (s->type == TYPE_FIXED) {
        return bdrv_co_pwritev(bs->file, offset, bytes, qiov, 0);
    }
    return vhd_co_split(bs, offset, qiov, vhd_co_write_part);
}

static int coroutine_fn vhd_co_block_status(BlockDriverState *bs,
                                            bool want_zero, int64_t offset,
                                            int64_t bytes, int64_t *pnum,
                                            int64_t *map,
                                            BlockDriverState **file)
{
    BDRVVhdState *s = bs->opaque;
    int64_t pos;

    *pnum = bytes;
    *map = offset;
    *file = bs->file->bs;
    if (s->type == TYPE_FIXED) {
        return BDRV_BLOCK_RAW | BDRV_BLOCK_OFFSET_VALID;
    }
    pos = vhd_find(s, offset);
    *pnum = MIN(bytes, s->block_size - offset % s->block_size);
    *map = pos;
    if (pos < 0) {
        return 0;
    }
    return s->reads_bitmaps ? BDRV_BLOCK_DATA
                            : BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID;
}

/* ---- creation ----------------------------------------------------------- */

/* The geometry of that many sectors, which may hold fewer. */
static uint64_t vhd_set_geometry(VhdFooter *f, uint64_t total)
{
    uint32_t spt = 17, heads, tracks = total / spt;

    heads = MAX(4, (tracks + 1023) / 1024);
    if (tracks >= heads * 1024 || heads > 16) {
        spt = 31;
        heads = 16;
        tracks = total / spt;
    }
    if (tracks >= heads * 1024) {
        spt = 63;
        tracks = total / spt;
    }
    if (total >= 65535ULL * 16 * 63) {
        spt = 255;
        tracks = MIN(total, MAX_CHS) / spt;
    }
    f->cylinders = cpu_to_be16(tracks / heads);
    f->heads = heads;
    f->sectors = spt;
    return (uint64_t)(tracks / heads) * heads * spt;
}

/* A disk of *@sectors, which are rounded up to a geometry unless @force. */
static void vhd_make_footer(VhdFooter *f, uint64_t *sectors, bool fixed,
                            bool force)
{
    uint64_t total = *sectors;

    memset(f, 0, sizeof(*f));
    if (force || total > MAX_CHS) {
        vhd_set_geometry(f, MAX_CHS);
    } else {
        while (vhd_set_geometry(f, total) < *sectors) {
            total++;
        }
        *sectors = vhd_set_geometry(f, total);
    }
    memcpy(f->cookie, "conectix", 8);
    memcpy(f->creator, force ? "qem2" : "qemu", 4);
    memcpy(f->creator_os, "Wi2k", 4);
    f->features = cpu_to_be32(2);
    f->version = cpu_to_be32(0x10000);
    f->data_offset = fixed ? UINT64_MAX : cpu_to_be64(HEADER_OFFSET);
    f->original_size = f->current_size = cpu_to_be64(*sectors * SECTOR);
    f->type = cpu_to_be32(fixed ? TYPE_FIXED : TYPE_DYNAMIC);
    qemu_uuid_generate(&f->uuid);
    f->checksum = vhd_checksum(f, sizeof(*f));
}

static int vhd_write_fixed(BlockBackend *blk, const VhdFooter *f,
                           uint64_t sectors)
{
    int ret = blk_truncate(blk, (sectors + 1) * SECTOR, false,
                           PREALLOC_MODE_OFF, NULL);

    return ret < 0 ? ret : blk_pwrite(blk, sectors * SECTOR, f, SECTOR, 0);
}

static int vhd_write_dynamic(BlockBackend *blk, const VhdFooter *f,
                             uint64_t sectors)
{
    uint32_t entries = DIV_ROUND_UP(sectors * SECTOR, BLOCK_SIZE);
    size_t bytes = ROUND_UP(entries * 4ULL, SECTOR);
    g_autofree uint8_t *table = g_malloc(bytes);
    VhdHeader h = {
        .cookie = "cxsparse",
        .data_offset = UINT64_MAX,
        .table_offset = cpu_to_be64(TABLE_OFFSET),
        .version = cpu_to_be32(0x10000),
        .entries = cpu_to_be32(entries),
        .block_size = cpu_to_be32(BLOCK_SIZE),
    };
    int ret;

    h.checksum = vhd_checksum(&h, sizeof(h));
    memset(table, 0xff, bytes);
    ret = blk_pwrite(blk, 0, f, SECTOR, 0);
    if (ret >= 0) {
        ret = blk_pwrite(blk, TABLE_OFFSET + bytes, f, SECTOR, 0);
    }
    if (ret >= 0) {
        ret = blk_pwrite(blk, TABLE_OFFSET, table, bytes, 0);
    }
    return ret < 0 ? ret : blk_pwrite(blk, HEADER_OFFSET, &h, sizeof(h), 0);
}

static int vhd_write_image(const char *filename, const VhdFooter *f,
                           uint64_t sectors, bool fixed, Error **errp)
{
    BlockDriverState *bs = bdrv_open(filename, NULL, NULL, BDRV_O_RDWR |
                                     BDRV_O_RESIZE | BDRV_O_PROTOCOL, errp);
    BlockBackend *blk;
    int ret;

    if (!bs) {
        return -EIO;
    }
    blk = blk_new(bdrv_get_aio_context(bs), BLK_PERM_WRITE | BLK_PERM_RESIZE,
                  BLK_PERM_ALL);
    ret = blk_insert_bs(blk, bs, errp);
    if (ret >= 0) {
        blk_set_allow_write_beyond_eof(blk, true);
        ret = fixed ? vhd_write_fixed(blk, f, sectors)
                    : vhd_write_dynamic(blk, f, sectors);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "The image cannot be written");
        }
    }
    blk_unref(blk);
    bdrv_unref(bs);
    return ret;
}

static int coroutine_fn vhd_co_create_opts(BlockDriver *drv,
                                           const char *filename,
                                           QemuOpts *opts, Error **errp)
{
    uint64_t size = qemu_opt_get_size_del(opts, BLOCK_OPT_SIZE, 0);
    bool force = qemu_opt_get_bool_del(opts, OPT_FORCE_SIZE, false);
    g_autofree char *subformat = qemu_opt_get_del(opts, BLOCK_OPT_SUBFMT);
    bool fixed = !g_strcmp0(subformat, "fixed");
    uint64_t sectors = DIV_ROUND_UP(size, SECTOR);
    VhdFooter footer;
    int ret;

    if (size > MAX_SECTORS * SECTOR) {
        error_setg(errp, "The disk is too large");
        return -EFBIG;
    }
    if (subformat && !fixed && strcmp(subformat, "dynamic")) {
        error_setg(errp, "There is no subformat '%s'", subformat);
        return -EINVAL;
    }
    ret = bdrv_create_file(filename, opts, errp);
    if (ret < 0) {
        return ret;
    }
    vhd_make_footer(&footer, &sectors, fixed, force);
    return vhd_write_image(filename, &footer, sectors, fixed, errp);
}

static QemuOptsList vhd_create_opts = {
    .name = "vpc-defects-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(vhd_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Virtual disk size"
        },
        {
            .name = BLOCK_OPT_SUBFMT,
            .type = QEMU_OPT_STRING,
            .help = "dynamic (default) or fixed"
        },
        {
            .name = OPT_FORCE_SIZE,
            .type = QEMU_OPT_BOOL,
            .help = "Exactly that size"
        },
        { /* end of list */ }
    }
};

#define VHD_DRIVER(name) {                                              \
    .format_name = name,                                                \
    .instance_size = sizeof(BDRVVhdState),                              \
    .bdrv_open = vhd_open,                                              \
    .bdrv_close = vhd_close,                                            \
    .bdrv_reopen_prepare = vhd_reopen_prepare,                          \
    .bdrv_child_perm = bdrv_format_default_perms,                       \
    .bdrv_get_info = vhd_get_info,                                      \
    .bdrv_has_zero_init = vhd_has_zero_init,                            \
    .bdrv_co_preadv = vhd_co_preadv,                                    \
    .bdrv_co_pwritev = vhd_co_pwritev,                                  \
    .bdrv_co_block_status = vhd_co_block_status,                        \
    .bdrv_co_create_opts = vhd_co_create_opts,                          \
    .create_opts = &vhd_create_opts,                                    \
}

static BlockDriver bdrv_vpc_defects = VHD_DRIVER("vpc-defects");
static BlockDriver bdrv_vpc_defects_s5 = VHD_DRIVER("vpc-defects-s5");

static void bdrv_vpc_defects_init(void)
{
    bdrv_register(&bdrv_vpc_defects);
    bdrv_register(&bdrv_vpc_defects_s5);
}

block_init(bdrv_vpc_defects_init);
