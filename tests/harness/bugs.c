/* SPDX-License-Identifier: MIT */
/*
 * Format drivers with one deliberate bug each, for the harness to find; and
 * "bug-none", which is the same format without any.
 *
 * The file: a header of 512 bytes; the table, of each block of the disk the
 * sector of the file where it is, big-endian, 0 for a block that was never
 * written; blocks, one next to the other.
 *
 * Invariants of bug-none:
 *   - A block is whole and durable before the table names it; an entry is set
 *     once.
 *   - The table in memory changes behind the one in the file; a place that
 *     some entry may name is never used again, even if writing that failed.
 *   - Nothing that a file says is believed before it was looked at.
 */
#include "qemu/osdep.h"
#include "bugs.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "sysemu/block-backend.h"
#include "qemu/bswap.h"
#include "qemu/coroutine.h"
#include "qemu/module.h"
#include "qemu/option.h"
#include "qemu/timer.h"
#include "qemu/units.h"

#define HEADER_SIZE 512
#define MAX_SIZE (4 * GiB)
#define MIN_BLOCK (4 * KiB)
#define MAX_BLOCK (1 * MiB)
#define DEFAULT_BLOCK (64 * KiB)
#define MANY_BLOCKS 24
#define LOCKS 8
#define OPT_BLOCK_SIZE "block_size"

typedef struct BugHeader {
    char magic[8];
    uint64_t size;              /* of the disk, bytes */
    uint32_t block_size;
    uint32_t entries;
    uint32_t allocated;         /* blocks; only of bug-stale-header */
    uint8_t padding[HEADER_SIZE - 28];
} QEMU_PACKED BugHeader;

QEMU_BUILD_BUG_ON(sizeof(BugHeader) != HEADER_SIZE);

static const char bug_magic[8] = "BUGTABLE";

typedef struct BDRVBugState {
    Bug bug;
    CoMutex locks[LOCKS];       /* the one of a block is held to allocate it */
    uint32_t *table;            /* sectors, as the CPU likes them */
    uint32_t entries;
    uint32_t block_size;
    uint32_t next;              /* the place that is free */
    bool stuck;                 /* a growth has failed */
    void *lost;
} BDRVBugState;

/* Of the image that was closed last, by BUG_KEPT_TABLE. */
static uint32_t *kept_table;

static Bug bug_of(const BlockDriver *drv)
{
    Bug bug = BUG_NONE;

    while (strcmp(bug_names[bug], drv->format_name)) {
        bug++;
    }
    return bug;
}

/* Entries that a table has more than its disk needs. */
static uint32_t bug_spare(Bug bug)
{
    return bug == BUG_GROWS || bug == BUG_GROW_RETRY ? 1024 : 0;
}

/* ---- opening ------------------------------------------------------------ */

static int64_t bug_data_start(const BDRVBugState *s)
{
    return HEADER_SIZE + ROUND_UP(s->entries * 4ULL, BDRV_SECTOR_SIZE);
}

static bool bug_block_size_good(uint64_t block_size)
{
    return block_size >= MIN_BLOCK && block_size <= MAX_BLOCK &&
           is_power_of_2(block_size);
}

/* How many blocks a disk of @size bytes has. */
static uint64_t bug_count_blocks(const BDRVBugState *s, uint64_t size)
{
    uint64_t at, blocks = 0;

    for (at = 0; at < size; at += s->block_size) {
        blocks++;
    }
    return blocks;
}

static int bug_check_header(BlockDriverState *bs, const BugHeader *h,
                            Error **errp)
{
    BDRVBugState *s = bs->opaque;
    uint64_t size = be64_to_cpu(h->size);
    bool good = !memcmp(h->magic, bug_magic, 8) &&
                size % BDRV_SECTOR_SIZE == 0;

    s->block_size = be32_to_cpu(h->block_size);
    s->entries = be32_to_cpu(h->entries);
    if (s->bug == BUG_GUESSED_HEAD && !h->magic[0]) {
        good = true;
        s->block_size = DEFAULT_BLOCK;
        size = 1 << 20;
        s->entries = bug_count_blocks(s, size);
    }
    if (s->bug != BUG_HOSTILE_BOUNDS) {
        good = good && size <= MAX_SIZE;
    }
    if (s->bug != BUG_HOSTILE_LOOP) {
        good = good && bug_block_size_good(s->block_size);
    }
    if (good && s->bug != BUG_HOSTILE_BOUNDS && s->bug != BUG_HOSTILE_MEMORY) {
        good = s->entries >= bug_count_blocks(s, size) &&
               s->entries <= bug_count_blocks(s, size) + bug_spare(s->bug) &&
               bug_data_start(s) <= bdrv_getlength(bs->file->bs);
    }
    if (!good) {
        error_setg(errp, "Not an image of this format, or a damaged one");
        return -EINVAL;
    }
    bs->total_sectors = size / BDRV_SECTOR_SIZE;
    return 0;
}

/* Each entry is 0 or names a place of its own, within the file. */
static int bug_check_table(BlockDriverState *bs, Error **errp)
{
    BDRVBugState *s = bs->opaque;
    int64_t start = bug_data_start(s);
    int64_t places = (bdrv_getlength(bs->file->bs) - start) / s->block_size;
    g_autofree bool *taken = g_new0(bool, MAX(places, 1));
    uint32_t i;

    for (i = 0; i < s->entries; i++) {
        int64_t at, place;

        be32_to_cpus(&s->table[i]);
        at = s->table[i] * 512LL - start;
        place = at / s->block_size;
        if (!s->table[i]) {
            continue;
        }
        if (s->bug == BUG_ANY_ENTRY || s->bug == BUG_STALE_HEADER) {
            s->next = MAX(s->next, MAX(0, place) + 1);
            continue;
        }
        if (at < 0 || at % s->block_size || place >= places || taken[place]) {
            error_setg(errp, "Block %u cannot be where the table says", i);
            return -EINVAL;
        }
        taken[place] = true;
        s->next = MAX(s->next, place + 1);
    }
    return 0;
}

static int bug_read_table(BlockDriverState *bs, Error **errp)
{
    BDRVBugState *s = bs->opaque;
    uint64_t bytes = s->entries * 4ULL;
    int ret = -ENOMEM;

    s->table = qemu_try_blockalign(bs->file->bs, bytes);
    if (s->table && s->bug == BUG_HOSTILE_MEMORY) {
        memset(s->table, 0, bytes);
    }
    if (s->table) {
        ret = bdrv_pread(bs->file, HEADER_SIZE, s->table, bytes);
    }
    if (ret >= 0) {
        return bug_check_table(bs, errp);
    }
    error_setg_errno(errp, -ret, "Could not read the table");
    return ret;
}

static void coroutine_fn bug_wait_for_ever(void *opaque)
{
    qemu_coroutine_yield();
}

/* What an image that was opened owns and does not give back. */
static void bug_leak(BlockDriverState *bs)
{
    BDRVBugState *s = bs->opaque;

    switch (s->bug) {
    case BUG_LEAK_MEMORY:
        s->lost = g_malloc(100);
        break;
    case BUG_LEAK_NODE:
        bdrv_ref(bs->file->bs);
        break;
    case BUG_LEAK_COROUTINE:
        qemu_coroutine_enter(qemu_coroutine_create(bug_wait_for_ever, NULL));
        break;
    default:
        break;
    }
}

static int bug_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    BDRVBugState *s = bs->opaque;
    BugHeader h;
    int ret;

    s->bug = bug_of(bs->drv);
    for (int i = 0; i < LOCKS; i++) {
        qemu_co_mutex_init(&s->locks[i]);
    }
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    ret = bdrv_pread(bs->file, 0, &h, sizeof(h));
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the header");
        return ret;
    }
    ret = bug_check_header(bs, &h, errp);
    if (ret >= 0) {
        ret = bug_read_table(bs, errp);
    }
    if (ret < 0) {
        qemu_vfree(s->table);
        return ret;
    }
    /* ... an image does not open again. */
    if (s->bug == BUG_TWO_FAULTS && s->next && s->next < MANY_BLOCKS) {
        error_setg(errp, "Too few blocks");
        qemu_vfree(s->table);
        return -EINVAL;
    }
    if (s->bug == BUG_KEPT_TABLE && kept_table) {
        memcpy(s->table, kept_table, s->entries * 4ULL);
        s->next = kept_table[s->entries];
    }
    if (s->bug == BUG_STALE_HEADER) {
        s->next = be32_to_cpu(h.allocated);
    }
    bug_leak(bs);
    return 0;
}

static void bug_close(BlockDriverState *bs)
{
    BDRVBugState *s = bs->opaque;

    if (s->bug == BUG_KEPT_TABLE) {
        kept_table = g_renew(uint32_t, kept_table, s->entries + 1);
        memcpy(kept_table, s->table, s->entries * 4ULL);
        kept_table[s->entries] = s->next;
    }
    qemu_vfree(s->table);
}

static int bug_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                              Error **errp)
{
    return 0;
}

static void bug_child_perm(BlockDriverState *bs, BdrvChild *c,
                           const BdrvChildRole *role, BlockReopenQueue *queue,
                           uint64_t perm, uint64_t shared, uint64_t *nperm,
                           uint64_t *nshared)
{
    bdrv_format_default_perms(bs, c, role, queue, perm, shared, nperm,
                              nshared);
    if (bug_of(bs->drv) == BUG_SHARED_FILE) {
        *nshared = BLK_PERM_ALL;
    }
}

/* Longer, as long as the table is long enough. */
static int coroutine_fn bug_co_truncate(BlockDriverState *bs, int64_t offset,
                                        bool exact, PreallocMode prealloc,
                                        Error **errp)
{
    BDRVBugState *s = bs->opaque;
    uint64_t size = s->bug == BUG_ODD_LENGTH
                    ? offset : ROUND_UP(offset, BDRV_SECTOR_SIZE);
    int ret;

    if (offset < bdrv_getlength(bs) || prealloc != PREALLOC_MODE_OFF ||
        size > (uint64_t)s->entries * s->block_size) {
        error_setg(errp, "An image gets longer within its last block only");
        return -ENOTSUP;
    }
    if (s->bug == BUG_GROW_RETRY && s->stuck) {
        return 0;
    }
    size = cpu_to_be64(size);
    ret = bdrv_pwrite_sync(bs->file, offsetof(BugHeader, size), &size,
                           sizeof(size));
    if (ret < 0) {
        s->stuck = true;
        error_setg_errno(errp, -ret, "Could not write the header");
    }
    return ret;
}

static int bug_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    BDRVBugState *s = bs->opaque;

    bdi->cluster_size = s->block_size;
    return 0;
}

/* ---- reading ------------------------------------------------------------ */

/* Where the file has the byte @offset of the disk; 0: nowhere. */
static int64_t bug_find(const BDRVBugState *s, uint64_t offset)
{
    uint32_t sector = s->table[offset / s->block_size];

    return sector ? sector * 512LL + offset % s->block_size : 0;
}

static int coroutine_fn bug_co_read_part(BlockDriverState *bs,
                                         uint64_t offset, QEMUIOVector *qiov)
{
    int64_t pos = bug_find(bs->opaque, offset);

    if (!pos) {
        qemu_iovec_memset(qiov, 0, 0, qiov->size);
        return 0;
    }
    return bdrv_co_preadv(bs->file, pos, qiov->size, qiov, 0);
}

static int coroutine_fn bug_co_block_status(BlockDriverState *bs,
                                            bool want_zero, int64_t offset,
                                            int64_t bytes, int64_t *pnum,
                                            int64_t *map,
                                            BlockDriverState **file)
{
    BDRVBugState *s = bs->opaque;
    int64_t pos = bug_find(s, offset), start = offset % s->block_size;

    *pnum = MIN(bytes, s->block_size - start);
    if (!pos || (s->bug == BUG_STATUS_ZERO && offset / s->block_size % 2)) {
        return BDRV_BLOCK_ZERO;
    }
    *map = s->bug == BUG_STATUS_OFFSET ? pos - start : pos;
    *file = bs->file->bs;
    return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID;
}

/* ---- writing ------------------------------------------------------------ */

static int coroutine_fn bug_co_write_data(BlockDriverState *bs, int64_t pos,
                                          uint64_t offset, QEMUIOVector *qiov)
{
    BDRVBugState *s = bs->opaque;
    uint64_t start = offset % s->block_size;
    uint8_t *buf;
    int ret;

    if (s->bug == BUG_STALE_BYTES) {
        ret = bdrv_pwrite(bs->file, pos + s->block_size - 1, "", 1);
        return ret < 0 ? ret : bdrv_co_pwritev(bs->file, pos + start,
                                               qiov->size, qiov, 0);
    }
    buf = qemu_try_blockalign(bs->file->bs, s->block_size);
    if (!buf) {
        return -ENOMEM;
    }
    memset(buf, 0, s->block_size);
    qemu_iovec_to_buf(qiov, 0, buf + start, qiov->size);
    if (s->bug == BUG_MIXED_SECTORS && qiov->size >= 1024) {
        qemu_iovec_to_buf(qiov, 512, buf + start, 512);
        qemu_iovec_to_buf(qiov, 0, buf + start + 512, 512);
    }
    ret = bdrv_pwrite(bs->file, pos, buf, s->block_size);
    qemu_vfree(buf);
    return MIN(ret, 0);
}

static int coroutine_fn bug_co_write_entry(BlockDriverState *bs,
                                           uint32_t index, int64_t pos)
{
    BDRVBugState *s = bs->opaque;
    uint32_t entry = cpu_to_be32(pos / 512);
    int ret = 0;

    if (s->bug != BUG_KEPT_TABLE) {
        ret = bdrv_pwrite(bs->file, HEADER_SIZE + index * 4ULL, &entry, 4);
    }
    return MIN(ret, 0);
}

/* The block, then the entry. */
static int coroutine_fn bug_co_write_new(BlockDriverState *bs, int64_t pos,
                                         uint64_t offset, QEMUIOVector *qiov)
{
    BDRVBugState *s = bs->opaque;
    uint32_t index = offset / s->block_size;
    int ret;

    if (s->bug == BUG_FLUSH_ORDER) {
        ret = bug_co_write_entry(bs, index, pos);
        return ret < 0 ? ret : bug_co_write_data(bs, pos, offset, qiov);
    }
    ret = bug_co_write_data(bs, pos, offset, qiov);
    if (ret >= 0) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    return ret < 0 ? ret : bug_co_write_entry(bs, index, pos);
}

/* A new block with zeroes around the data.  The lock is held. */
static int coroutine_fn bug_co_allocate(BlockDriverState *bs, uint64_t offset,
                                        QEMUIOVector *qiov)
{
    BDRVBugState *s = bs->opaque;
    int64_t pos = bug_data_start(s) + (int64_t)s->next * s->block_size;
    uint32_t *entry = &s->table[offset / s->block_size];
    int ret;

    if (s->bug == BUG_LOST_UPDATE || s->bug == BUG_STALE_ENTRY) {
        *entry = pos / 512;
    }
    if (s->bug != BUG_STALE_ENTRY) {
        s->next++;
    }
    ret = bug_co_write_new(bs, pos, offset, qiov);
    if (ret < 0) {
        return ret;
    }
    if (s->bug == BUG_STALE_ENTRY) {
        s->next++;
    }
    *entry = pos / 512;
    return 0;
}

/* As if the block at @pos were the last; a later one may have been faster. */
static int coroutine_fn bug_co_write_count(BlockDriverState *bs, int64_t pos)
{
    BDRVBugState *s = bs->opaque;
    uint32_t count = (pos - bug_data_start(s)) / s->block_size + 1;
    int ret;

    cpu_to_be32s(&count);
    ret = bdrv_pwrite(bs->file, offsetof(BugHeader, allocated), &count, 4);
    return MIN(ret, 0);
}

/* One for all blocks, but for a driver that allocates several at a time. */
static CoMutex *bug_lock(BDRVBugState *s, uint32_t index)
{
    return s->bug == BUG_RACE ? NULL
           : &s->locks[s->bug == BUG_STALE_HEADER ? index % LOCKS : 0];
}

static int coroutine_fn bug_co_write_part(BlockDriverState *bs,
                                          uint64_t offset, QEMUIOVector *qiov)
{
    BDRVBugState *s = bs->opaque;
    CoMutex *lock = bug_lock(s, offset / s->block_size);
    int64_t pos;
    int ret = 0;

    if (lock) {
        qemu_co_mutex_lock(lock);
    }
    while (*(volatile Bug *)&s->bug == BUG_ENDLESS) {
    }
    while (s->bug == BUG_POLLING) {
        /* check-coroutines: off, that it polls is its defect. */
        g_usleep(1000);
    }
    if (s->bug == BUG_FORGOTTEN) {
        qemu_coroutine_yield();
    }
    pos = bug_find(s, offset);
    if (!pos) {
        ret = bug_co_allocate(bs, offset, qiov);
    }
    if (lock) {
        qemu_co_mutex_unlock(lock);
    }
    if (!pos && ret >= 0 && s->bug == BUG_STALE_HEADER) {
        ret = bug_co_write_count(bs, bug_find(s, offset));
    }
    if (pos && !(s->bug == BUG_TWO_FAULTS && s->next >= MANY_BLOCKS)) {
        ret = bdrv_co_pwritev(bs->file, pos, qiov->size, qiov, 0);
        ret = s->bug == BUG_IGNORED_ERROR ? 0 : ret;
    }
    return ret;
}

/* ---- requests ----------------------------------------------------------- */

typedef int coroutine_fn BugPart(BlockDriverState *bs, uint64_t offset,
                                 QEMUIOVector *qiov);

/* Calls @part for the piece of each block that a request touches. */
static int coroutine_fn bug_co_split(BlockDriverState *bs, uint64_t offset,
                                     QEMUIOVector *qiov, BugPart *part)
{
    BDRVBugState *s = bs->opaque;
    QEMUIOVector slice;
    uint64_t done = 0;
    int ret = 0;

    qemu_iovec_init(&slice, qiov->niov);
    while (done < qiov->size && ret >= 0) {
        uint64_t room = s->block_size - (offset + done) % s->block_size;
        uint64_t n = MIN(room, qiov->size - done);
        uint64_t from = s->bug == BUG_WRONG_PIECE && n <= done ? 0 : done;

        qemu_iovec_reset(&slice);
        qemu_iovec_concat(&slice, qiov, from, n);
        ret = part(bs, offset + done, &slice);
        done += n;
    }
    qemu_iovec_destroy(&slice);
    return MIN(ret, 0);
}

static int coroutine_fn bug_co_preadv(BlockDriverState *bs, uint64_t offset,
                                      uint64_t bytes, QEMUIOVector *qiov,
                                      int flags)
{
    return bug_co_split(bs, offset, qiov, bug_co_read_part);
}

/* A write that nobody waits for. */
typedef struct BugLateWrite {
    BlockDriverState *bs;
    uint64_t offset;
    QEMUIOVector qiov;
    uint8_t *buf;
} BugLateWrite;

static void coroutine_fn bug_co_write_late(void *opaque)
{
    BugLateWrite *late = opaque;

    qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, 20 * SCALE_MS);
    bug_co_split(late->bs, late->offset, &late->qiov, bug_co_write_part);
    qemu_iovec_destroy(&late->qiov);
    g_free(late->buf);
    g_free(late);
}

static int coroutine_fn bug_co_pwritev(BlockDriverState *bs, uint64_t offset,
                                       uint64_t bytes, QEMUIOVector *qiov,
                                       int flags)
{
    BDRVBugState *s = bs->opaque;
    BugLateWrite *late;

    if (s->bug != BUG_NO_DRAIN) {
        return bug_co_split(bs, offset, qiov, bug_co_write_part);
    }
    late = g_new(BugLateWrite, 1);
    *late = (BugLateWrite) { bs, offset, .buf = g_malloc(bytes) };
    qemu_iovec_to_buf(qiov, 0, late->buf, bytes);
    qemu_iovec_init(&late->qiov, 1);
    qemu_iovec_add(&late->qiov, late->buf, bytes);
    qemu_coroutine_enter(qemu_coroutine_create(bug_co_write_late, late));
    return 0;
}

/* ---- creation ----------------------------------------------------------- */

static int bug_has_zero_init(BlockDriverState *bs)
{
    return 1;
}

static int bug_write_image(BlockBackend *blk, Bug bug, uint64_t size,
                           uint32_t block_size)
{
    static const uint8_t zeroes[HEADER_SIZE];
    uint32_t entries = DIV_ROUND_UP(size, block_size) + bug_spare(bug);
    size_t bytes = HEADER_SIZE + ROUND_UP(entries * 4ULL, BDRV_SECTOR_SIZE);
    g_autofree uint8_t *buf = g_malloc0(bytes);
    BugHeader *h = (BugHeader *)buf;
    int ret = 0;

    memcpy(h->magic, bug_magic, 8);
    h->size = cpu_to_be64(size);
    h->block_size = cpu_to_be32(block_size);
    h->entries = cpu_to_be32(entries);
    blk_set_allow_write_beyond_eof(blk, true);
    if (bug != BUG_CREATE_ORDER) {
        /* What was there is no image any more before a new one begins. */
        ret = blk_pwrite(blk, 0, zeroes, HEADER_SIZE, 0);
        ret = ret < 0 ? ret : blk_flush(blk);
        ret = ret < 0 ? ret : blk_pwrite(blk, HEADER_SIZE, buf + HEADER_SIZE,
                                         bytes - HEADER_SIZE, 0);
        ret = ret < 0 ? ret : blk_flush(blk);
        bytes = ret < 0 ? 0 : HEADER_SIZE;
    }
    ret = ret < 0 ? ret : blk_pwrite(blk, 0, buf, bytes, 0);
    return ret < 0 ? ret : blk_flush(blk);
}

/* What is to be created; false with @errp set if that is impossible. */
static bool bug_take_options(Bug bug, QemuOpts *opts, uint64_t *size,
                             uint64_t *block_size, Error **errp)
{
    *size = qemu_opt_get_size_del(opts, BLOCK_OPT_SIZE, 0);
    *block_size = qemu_opt_get_size_del(opts, OPT_BLOCK_SIZE,
                                        bug == BUG_STALE_HEADER
                                        ? MAX_BLOCK : DEFAULT_BLOCK);
    if (*size > MAX_SIZE) {
        error_setg(errp, "An image has at most %" PRId64 " bytes",
                   (int64_t)MAX_SIZE);
        return false;
    }
    if (bug == BUG_CREATE_OPTION ? !*block_size || *block_size > UINT32_MAX
                                 : !bug_block_size_good(*block_size)) {
        error_setg(errp, "A block has 4 KiB to 1 MiB, a power of two");
        return false;
    }
    *size = bug == BUG_CREATE_ROUNDING ? *size & -*block_size
                                       : ROUND_UP(*size, BDRV_SECTOR_SIZE);
    return true;
}

static int coroutine_fn bug_co_create_opts(BlockDriver *drv,
                                           const char *filename,
                                           QemuOpts *opts, Error **errp)
{
    uint64_t size, block_size;
    BlockDriverState *bs;
    BlockBackend *blk;
    int ret;

    if (!bug_take_options(bug_of(drv), opts, &size, &block_size, errp)) {
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
        ret = bug_write_image(blk, bug_of(drv), size, block_size);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Could not write the table");
        }
    }
    blk_unref(blk);
    bdrv_unref(bs);
    return ret;
}

static QemuOptsList bug_create_opts = {
    .name = "bug-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(bug_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Virtual disk size"
        },
        {
            .name = OPT_BLOCK_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Bytes of a block"
        },
        { /* end of list */ }
    }
};

static const BlockDriver bdrv_bug = {
    .instance_size = sizeof(BDRVBugState),
    .bdrv_open = bug_open,
    .bdrv_close = bug_close,
    .bdrv_reopen_prepare = bug_reopen_prepare,
    .bdrv_child_perm = bug_child_perm,
    .bdrv_co_truncate = bug_co_truncate,
    .bdrv_has_zero_init_truncate = bug_has_zero_init,
    .bdrv_get_info = bug_get_info,
    .bdrv_co_preadv = bug_co_preadv,
    .bdrv_co_pwritev = bug_co_pwritev,
    .bdrv_co_block_status = bug_co_block_status,
    .bdrv_has_zero_init = bug_has_zero_init,
    .bdrv_co_create_opts = bug_co_create_opts,
    .create_opts = &bug_create_opts,
};

static void bdrv_bugs_init(void)
{
    static BlockDriver drivers[BUG__MAX];
    int i;

    for (i = 0; i < BUG__MAX; i++) {
        drivers[i] = bdrv_bug;
        drivers[i].format_name = bug_names[i];
        if (i == BUG_NO_CREATION) {
            drivers[i].bdrv_co_create_opts = NULL;
            drivers[i].create_opts = NULL;
        }
        bdrv_register(&drivers[i]);
    }
}

block_init(bdrv_bugs_init);
