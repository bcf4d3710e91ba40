/* SPDX-License-Identifier: MIT */
/*
 * Formats that a power cut leaves in use, for the harness to judge: "bug-log"
 * has a log that must be replayed, "bug-in-use" a mark that a repair takes
 * back, "bug-moving" overwrites no block; these are sound.  The others have one
 * deliberate bug each.
 *
 * The file: a header of 512 bytes; a log of 512 bytes a record; the table, of
 * each block of the disk its place among the blocks, from 1 on, big-endian, 0
 * for one that was never written; blocks, one next to the other.
 *
 * Invariants of bug-log:
 *   - An entry is in the log, not in the table, until the log is full or the
 *     image is closed; so who reads the table alone sees old data.
 *   - A block is durable before its record is written; the table is before the
 *     header gives the log a new generation, which makes its records void.
 *   - Each record is a sector, which is written wholly or not.
 * Invariants of both: the mark is durable before anything else is written, and
 * is taken back when all is; a place that was given away is not given again.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "sysemu/block-backend.h"
#include "qemu/bswap.h"
#include "qemu/coroutine.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "qemu/units.h"

#define SECTOR 512
#define BLOCK (64 * KiB)
#define MAX_SIZE (1 * GiB)
#define RECORDS 48
#define LOG_OFFSET SECTOR
#define TABLE_OFFSET (LOG_OFFSET + RECORDS * SECTOR)

typedef enum Kind {
    KIND_LOG,
    KIND_LOG_UNREAD,        /* read-only, the log is not looked at */
    KIND_LOG_LOST,          /* each second record is not replayed */
    KIND_LOG_SILENT,        /* read-only opening fails without a reason */
    KIND_IN_USE,
    KIND_MOVING,            /* sound, too: each write takes a new place */
    KIND_UNREPAIRED,        /* the mark is a corruption, and no repair mends it */
    KIND_LOSSY,             /* the same, and the table comes before the data */
    KIND_ACCUSED,           /* a check always finds a corruption */
    KIND_FORGETTING,        /* and the table is cleared by closing */
    KIND__MAX,
} Kind;

static const char *const log_names[KIND__MAX] = {
    [KIND_LOG] = "bug-log",
    [KIND_LOG_UNREAD] = "bug-log-unread",
    [KIND_LOG_LOST] = "bug-log-lost",
    [KIND_LOG_SILENT] = "bug-log-silent",
    [KIND_IN_USE] = "bug-in-use",
    [KIND_MOVING] = "bug-moving",
    [KIND_UNREPAIRED] = "bug-unrepaired",
    [KIND_LOSSY] = "bug-lossy",
    [KIND_ACCUSED] = "bug-accused",
    [KIND_FORGETTING] = "bug-forgetting",
};

static const char log_magic[8] = "LOGTABLE";

typedef struct LogHeader {
    char magic[8];
    uint64_t size;              /* of the disk, bytes */
    uint32_t generation;        /* of the log */
    uint32_t in_use;
    uint8_t padding[SECTOR - 24];
} QEMU_PACKED LogHeader;

typedef struct LogRecord {
    uint32_t magic;
    uint32_t generation;
    uint32_t index;
    uint32_t place;
    uint8_t padding[SECTOR - 16];
} QEMU_PACKED LogRecord;

#define RECORD_MAGIC 0x4c4f4752

QEMU_BUILD_BUG_ON(sizeof(LogHeader) != SECTOR);
QEMU_BUILD_BUG_ON(sizeof(LogRecord) != SECTOR);

typedef struct BDRVLogState {
    Kind kind;
    CoMutex lock;               /* held to change any of these */
    uint32_t *table;            /* as the CPU likes it */
    uint32_t entries;
    uint32_t places;            /* that are given away */
    uint32_t generation;
    uint32_t records;           /* of the log that are used */
    bool in_use;                /* the mark is set, or may be */
    bool was_in_use;            /* when the image was opened */
} BDRVLogState;

static bool log_has_log(const BDRVLogState *s)
{
    return s->kind <= KIND_LOG_SILENT;
}

static uint64_t log_table_bytes(const BDRVLogState *s)
{
    return ROUND_UP(s->entries * 4ULL, SECTOR);
}

static int64_t log_block_offset(const BDRVLogState *s, uint32_t place)
{
    return TABLE_OFFSET + log_table_bytes(s) + (place - 1) * (int64_t)BLOCK;
}

/* ---- the header and the table ------------------------------------------- */

static int log_write_header(BlockDriverState *bs, bool in_use)
{
    BDRVLogState *s = bs->opaque;
    LogHeader h = {
        .size = cpu_to_be64(bs->total_sectors * SECTOR),
        .generation = cpu_to_be32(s->generation),
        .in_use = cpu_to_be32(in_use),
    };
    int ret;

    memcpy(h.magic, log_magic, 8);
    ret = bdrv_pwrite_sync(bs->file, 0, &h, sizeof(h));
    return MIN(ret, 0);
}

static int log_write_entry(BlockDriverState *bs, uint32_t index, uint32_t place)
{
    uint32_t entry = cpu_to_be32(place);
    int ret = bdrv_pwrite(bs->file, TABLE_OFFSET + index * 4ULL, &entry, 4);

    return MIN(ret, 0);
}

/* All is durable in the table after that, and the log is empty. */
static int log_checkpoint(BlockDriverState *bs, bool in_use)
{
    BDRVLogState *s = bs->opaque;
    uint32_t i;
    int ret = bdrv_flush(bs->file->bs);

    for (i = 0; i < s->entries && ret >= 0; i++) {
        ret = s->table[i] ? log_write_entry(bs, i, s->table[i]) : 0;
    }
    ret = ret < 0 ? ret : bdrv_flush(bs->file->bs);
    if (ret < 0) {
        return ret;
    }
    /* If the header is not written, the next one who allocates tries again. */
    s->generation++;
    s->records = RECORDS;
    s->in_use = true;
    ret = log_write_header(bs, in_use);
    if (ret >= 0) {
        s->records = 0;
        s->in_use = in_use;
    }
    return ret;
}

/* ---- opening ------------------------------------------------------------ */

/* Whether the file has such a block, and no other entry names it. */
static bool log_take(BlockDriverState *bs, uint8_t *taken, int64_t places,
                     uint32_t place)
{
    BDRVLogState *s = bs->opaque;

    if (s->kind == KIND_LOSSY && place <= MAX_SIZE / BLOCK) {
        s->places = MAX(s->places, place);
        return true;
    }
    if (place > places || taken[place]) {
        return false;
    }
    taken[place] = true;
    s->places = MAX(s->places, place);
    return true;
}

/* Records of this generation are entries that the table has not got. */
static int log_replay(BlockDriverState *bs)
{
    BDRVLogState *s = bs->opaque;
    uint32_t i, index;
    LogRecord r;
    int ret;

    for (i = 0; i < RECORDS; i++) {
        ret = bdrv_pread(bs->file, LOG_OFFSET + i * SECTOR, &r, sizeof(r));
        if (ret < 0) {
            return ret;
        }
        if (s->kind == KIND_LOG_LOST && i % 2) {
            continue;
        }
        index = be32_to_cpu(r.index);
        if (be32_to_cpu(r.magic) == RECORD_MAGIC && index < s->entries &&
            be32_to_cpu(r.generation) == s->generation) {
            s->table[index] = be32_to_cpu(r.place);
        }
    }
    return 0;
}

static int log_read_header(BlockDriverState *bs, Error **errp)
{
    BDRVLogState *s = bs->opaque;
    int64_t length = bdrv_getlength(bs->file->bs);
    LogHeader h;
    uint64_t size;
    int ret = bdrv_pread(bs->file, 0, &h, sizeof(h));

    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the header");
        return ret;
    }
    size = be64_to_cpu(h.size);
    s->entries = size <= MAX_SIZE ? DIV_ROUND_UP(size, BLOCK) : 0;
    if (memcmp(h.magic, log_magic, 8) || size % SECTOR || size > MAX_SIZE ||
        TABLE_OFFSET + (int64_t)log_table_bytes(s) > length) {
        error_setg(errp, "Not an image of this format, or a damaged one");
        return -EINVAL;
    }
    bs->total_sectors = size / SECTOR;
    s->generation = be32_to_cpu(h.generation);
    s->was_in_use = h.in_use != 0;
    return 0;
}

/* The table, and what the log adds to it. */
static int log_read_table(BlockDriverState *bs, bool replay, Error **errp)
{
    BDRVLogState *s = bs->opaque;
    int64_t places = (bdrv_getlength(bs->file->bs) -
                      log_block_offset(s, 1)) / BLOCK;
    g_autofree uint8_t *taken = g_malloc0(places + 1);
    uint32_t i;
    int ret;

    s->table = g_malloc0(log_table_bytes(s) + 1);
    ret = bdrv_pread(bs->file, TABLE_OFFSET, s->table, log_table_bytes(s));
    for (i = 0; i < s->entries; i++) {
        be32_to_cpus(&s->table[i]);
    }
    ret = ret >= 0 && replay ? log_replay(bs) : ret;
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the table");
        return ret;
    }
    for (i = 0; i < s->entries; i++) {
        if (s->table[i] && !log_take(bs, taken, places, s->table[i])) {
            error_setg(errp, "Block %u cannot be where the table says", i);
            return -EINVAL;
        }
    }
    return 0;
}

/* An image in use: may it be opened so? */
static int log_judge(BlockDriverState *bs, int flags, Error **errp)
{
    BDRVLogState *s = bs->opaque;
    bool write = flags & BDRV_O_RDWR;

    if (!s->was_in_use) {
        return 0;
    }
    if (s->kind == KIND_LOG_SILENT && !write) {
        return -EINVAL;
    }
    if (s->kind == KIND_LOG && !write) {
        error_setg(errp, "The log has to be replayed: open the image to write "
                   "to it");
        return -EPERM;
    }
    if (s->kind == KIND_IN_USE && write && !(flags & BDRV_O_CHECK)) {
        error_setg(errp, "The image was not closed: repair it");
        return -EACCES;
    }
    return 0;
}

static int log_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    BDRVLogState *s = bs->opaque;
    bool replay;
    int ret;

    while (strcmp(log_names[s->kind], bs->drv->format_name)) {
        s->kind++;
    }
    qemu_co_mutex_init(&s->lock);
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    ret = log_read_header(bs, errp);
    ret = ret < 0 ? ret : log_judge(bs, flags, errp);
    if (ret < 0) {
        return ret;
    }
    replay = s->was_in_use && log_has_log(s) && flags & BDRV_O_RDWR;
    ret = log_read_table(bs, replay, errp);
    if (ret >= 0 && replay) {
        ret = log_checkpoint(bs, false);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Could not replay the log");
        }
    }
    if (ret < 0) {
        g_free(s->table);
    }
    return ret;
}

static void log_close(BlockDriverState *bs)
{
    BDRVLogState *s = bs->opaque;
    uint32_t i;

    for (i = 0; s->in_use && s->kind == KIND_FORGETTING && i < s->entries;
         i++) {
        s->table[i] = 0;
        log_write_entry(bs, i, 0);
    }
    /* If that fails, the image stays in use. */
    if (s->in_use) {
        log_checkpoint(bs, false);
    }
    g_free(s->table);
}

static int log_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                              Error **errp)
{
    BDRVLogState *s = state->bs->opaque;
    int ret = 0;

    if (s->in_use && !(state->flags & BDRV_O_RDWR)) {
        ret = log_checkpoint(state->bs, false);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the table");
    }
    return ret;
}

static int log_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    bdi->cluster_size = BLOCK;
    return 0;
}

static int coroutine_fn log_co_check(BlockDriverState *bs,
                                     BdrvCheckResult *result, BdrvCheckMode fix)
{
    BDRVLogState *s = bs->opaque;
    int ret = 0;

    if (s->kind < KIND_ACCUSED && (!s->was_in_use || log_has_log(s))) {
        return 0;
    }
    if (fix && s->kind >= KIND_UNREPAIRED) {
        return -ENOTSUP;
    }
    result->corruptions++;
    if (fix & BDRV_FIX_ERRORS) {
        ret = log_checkpoint(bs, false);
        if (ret >= 0) {
            result->corruptions_fixed++;
            s->was_in_use = false;
        }
    }
    return ret;
}

/* ---- requests ----------------------------------------------------------- */

static int coroutine_fn log_co_read_block(BlockDriverState *bs, uint64_t offset,
                                          QEMUIOVector *qiov)
{
    BDRVLogState *s = bs->opaque;
    uint32_t place = s->table[offset / BLOCK];

    if (!place) {
        qemu_iovec_memset(qiov, 0, 0, qiov->size);
        return 0;
    }
    return bdrv_co_preadv(bs->file, log_block_offset(s, place) + offset % BLOCK,
                          qiov->size, qiov, 0);
}

/* The block at @place, around the data what it held elsewhere, or zeroes. */
static int coroutine_fn log_co_write_data(BlockDriverState *bs, uint32_t place,
                                          uint64_t offset, QEMUIOVector *qiov)
{
    BDRVLogState *s = bs->opaque;
    g_autofree uint8_t *buf = g_malloc0(BLOCK);
    uint32_t old = s->table[offset / BLOCK];
    int ret = 0;

    if (old) {
        ret = bdrv_pread(bs->file, log_block_offset(s, old), buf, BLOCK);
    }
    qemu_iovec_to_buf(qiov, 0, buf + offset % BLOCK, qiov->size);
    if (ret >= 0) {
        ret = bdrv_pwrite(bs->file, log_block_offset(s, place), buf, BLOCK);
    }
    return MIN(ret, 0);
}

static int coroutine_fn log_co_add_record(BlockDriverState *bs, uint32_t index,
                                          uint32_t place)
{
    BDRVLogState *s = bs->opaque;
    LogRecord r = {
        .magic = cpu_to_be32(RECORD_MAGIC),
        .generation = cpu_to_be32(s->generation),
        .index = cpu_to_be32(index),
        .place = cpu_to_be32(place),
    };
    int ret = bdrv_pwrite(bs->file, LOG_OFFSET + s->records * SECTOR, &r,
                          sizeof(r));

    s->records += ret >= 0;
    return MIN(ret, 0);
}

/* The lock is held. */
static int coroutine_fn log_co_allocate(BlockDriverState *bs, uint64_t offset,
                                        QEMUIOVector *qiov)
{
    BDRVLogState *s = bs->opaque;
    uint32_t index = offset / BLOCK, place = ++s->places;
    int ret = 0;

    if (s->records == RECORDS) {
        ret = log_checkpoint(bs, true);
    }
    if (ret >= 0 && s->kind == KIND_LOSSY) {
        ret = log_write_entry(bs, index, place);
    }
    ret = ret < 0 ? ret : log_co_write_data(bs, place, offset, qiov);
    if (ret >= 0 && s->kind != KIND_LOSSY) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    if (ret >= 0 && log_has_log(s)) {
        ret = log_co_add_record(bs, index, place);
    } else if (ret >= 0 && s->kind != KIND_LOSSY) {
        ret = log_write_entry(bs, index, place);
    }
    if (ret >= 0) {
        s->table[index] = place;
    }
    return ret;
}

static int coroutine_fn log_co_write_block(BlockDriverState *bs,
                                           uint64_t offset, QEMUIOVector *qiov)
{
    BDRVLogState *s = bs->opaque;
    uint32_t place;
    int ret = 0;

    qemu_co_mutex_lock(&s->lock);
    if (!s->in_use) {
        /* If that fails, who comes next tries again. */
        ret = log_write_header(bs, true);
        s->in_use = ret >= 0;
    }
    place = s->kind == KIND_MOVING ? 0 : s->table[offset / BLOCK];
    if (!place && ret >= 0) {
        ret = log_co_allocate(bs, offset, qiov);
    }
    qemu_co_mutex_unlock(&s->lock);
    if (!place || ret < 0) {
        return ret;
    }
    return bdrv_co_pwritev(bs->file, log_block_offset(s, place) +
                           offset % BLOCK, qiov->size, qiov, 0);
}

typedef int coroutine_fn LogPart(BlockDriverState *bs, uint64_t offset,
                                 QEMUIOVector *qiov);

/* Calls @part for the piece of each block that a request touches. */
static int coroutine_fn log_co_split(BlockDriverState *bs, uint64_t offset,
                                     QEMUIOVector *qiov, LogPart *part)
{
    QEMUIOVector slice;
    uint64_t done = 0;
    int ret = 0;

    qemu_iovec_init(&slice, qiov->niov);
    while (done < qiov->size && ret >= 0) {
        uint64_t n = MIN(BLOCK - (offset + done) % BLOCK, qiov->size - done);

        qemu_iovec_reset(&slice);
        qemu_iovec_concat(&slice, qiov, done, n);
        ret = part(bs, offset + done, &slice);
        done += n;
    }
    qemu_iovec_destroy(&slice);
    return MIN(ret, 0);
}

static int coroutine_fn log_co_preadv(BlockDriverState *bs, uint64_t offset,
                                      uint64_t bytes, QEMUIOVector *qiov,
                                      int flags)
{
    return log_co_split(bs, offset, qiov, log_co_read_block);
}

static int coroutine_fn log_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags)
{
    return log_co_split(bs, offset, qiov, log_co_write_block);
}

/* ---- creation ----------------------------------------------------------- */

static int log_has_zero_init(BlockDriverState *bs)
{
    return 1;
}

/* The head is the last thing, so that nothing half made is an image. */
static int log_write_image(BlockBackend *blk, uint64_t size)
{
    uint64_t table = ROUND_UP(DIV_ROUND_UP(size, BLOCK) * 4, SECTOR);
    g_autofree uint8_t *buf = g_malloc0(TABLE_OFFSET + table);
    LogHeader h = { .size = cpu_to_be64(size) };
    int ret;

    memcpy(h.magic, log_magic, 8);
    blk_set_allow_write_beyond_eof(blk, true);
    ret = blk_pwrite(blk, 0, buf, SECTOR, 0);
    ret = ret < 0 ? ret : blk_flush(blk);
    ret = ret < 0 ? ret : blk_pwrite(blk, SECTOR, buf + SECTOR,
                                     TABLE_OFFSET + table - SECTOR, 0);
    ret = ret < 0 ? ret : blk_flush(blk);
    ret = ret < 0 ? ret : blk_pwrite(blk, 0, &h, sizeof(h), 0);
    return ret < 0 ? ret : blk_flush(blk);
}

static int coroutine_fn log_co_create_opts(BlockDriver *drv,
                                           const char *filename,
                                           QemuOpts *opts, Error **errp)
{
    uint64_t size = ROUND_UP(qemu_opt_get_size_del(opts, BLOCK_OPT_SIZE, 0),
                             SECTOR);
    BlockBackend *blk;
    int ret;

    if (size > MAX_SIZE) {
        error_setg(errp, "An image has at most %" PRId64 " bytes",
                   (int64_t)MAX_SIZE);
        return -EINVAL;
    }
    ret = bdrv_create_file(filename, opts, errp);
    if (ret < 0) {
        return ret;
    }
    blk = blk_new_open(filename, NULL, NULL,
                       BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_PROTOCOL, errp);
    if (!blk) {
        return -EIO;
    }
    ret = log_write_image(blk, size);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the image");
    }
    blk_unref(blk);
    return ret;
}

static QemuOptsList log_create_opts = {
    .name = "log-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(log_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Virtual disk size"
        },
        { /* end of list */ }
    }
};

static const BlockDriver bdrv_log = {
    .instance_size = sizeof(BDRVLogState),
    .bdrv_open = log_open,
    .bdrv_close = log_close,
    .bdrv_reopen_prepare = log_reopen_prepare,
    .bdrv_child_perm = bdrv_format_default_perms,
    .bdrv_get_info = log_get_info,
    .bdrv_co_check = log_co_check,
    .bdrv_co_preadv = log_co_preadv,
    .bdrv_co_pwritev = log_co_pwritev,
    .bdrv_has_zero_init = log_has_zero_init,
    .bdrv_co_create_opts = log_co_create_opts,
    .create_opts = &log_create_opts,
};

static void bdrv_log_init(void)
{
    static BlockDriver drivers[KIND__MAX];
    int i;

    for (i = 0; i < KIND__MAX; i++) {
        drivers[i] = bdrv_log;
        drivers[i].format_name = log_names[i];
        bdrv_register(&drivers[i]);
    }
}

block_init(bdrv_log_init);
