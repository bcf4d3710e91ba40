/* SPDX-License-Identifier: MIT */
/*
 * The log of the driver `volatile-cache`, and what a power cut leaves of it.
 *
 * Invariants:
 *   - Each entry is a list of touches: ranges that it gives a value, those that
 *     it adds to the length included.  A byte has the value of the last touch,
 *     or else the child's.
 *   - Laying the log over a child that holds some of its first entries already
 *     gives the same bytes as over one that holds none: an entry touches the
 *     same bytes both times, because lengths are counted from old_length.
 */
#include "qemu/osdep.h"
#include "minblk/mem.h"
#include "qapi/error.h"
#include "volatile-log.h"

#define TORN_SECTOR 512
/* Zeroes are torn into so many pieces at most. */
#define TORN_ZERO_PIECES 1024

/* ---- entries ------------------------------------------------------------ */

VolatileLog *volatile_log_new(int64_t length, bool stale)
{
    VolatileLog *log = g_new0(VolatileLog, 1);

    log->entries = g_ptr_array_new_with_free_func(g_rc_box_release);
    log->old_length = length;
    log->length = length;
    log->stale = stale;
    return log;
}

/* Entries are immutable, so copies share them. */
VolatileLog *volatile_log_copy(const VolatileLog *log)
{
    VolatileLog *copy = volatile_log_new(log->old_length, log->stale);

    copy->length = log->length;
    for (unsigned i = 0; i < log->entries->len; i++) {
        g_ptr_array_add(copy->entries,
                        g_rc_box_acquire(g_ptr_array_index(log->entries, i)));
    }
    return copy;
}

void volatile_log_free(VolatileLog *log)
{
    if (log) {
        g_ptr_array_unref(log->entries);
        g_free(log);
    }
}

unsigned volatile_log_entries(const VolatileLog *log)
{
    return log->entries->len;
}

/* A write past the end makes the file longer; a truncation sets its length. */
static int64_t length_after(const VolatileEntry *e, int64_t length)
{
    return e->kind == VOLATILE_TRUNCATE ? e->offset
                                        : MAX(length, e->offset + e->bytes);
}

/* The length is kept along, because it is asked for at every request. */
static VolatileEntry *append(VolatileLog *log, VolatileKind kind,
                             int64_t offset, int64_t bytes, size_t data)
{
    VolatileEntry *e = g_rc_box_alloc(sizeof(*e) + data);

    e->kind = kind;
    e->offset = offset;
    e->bytes = bytes;
    e->flags = 0;
    g_ptr_array_add(log->entries, e);
    log->length = length_after(e, log->length);
    return e;
}

void volatile_log_write(VolatileLog *log, int64_t offset, QEMUIOVector *qiov)
{
    VolatileEntry *e = append(log, VOLATILE_WRITE, offset, qiov->size,
                              qiov->size);

    qemu_iovec_to_buf(qiov, 0, e->data, qiov->size);
}

void volatile_log_zero(VolatileLog *log, int64_t offset, int64_t bytes,
                       BdrvRequestFlags flags)
{
    append(log, VOLATILE_ZERO, offset, bytes, 0)->flags = flags;
}

void volatile_log_truncate(VolatileLog *log, int64_t length)
{
    append(log, VOLATILE_TRUNCATE, length, 0, 0);
}

/* old_length follows, since the child has these entries' lengths now. */
void volatile_log_settle(VolatileLog *log, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        log->old_length = length_after(volatile_log_entry(log, i),
                                       log->old_length);
    }
    if (count) {
        g_ptr_array_remove_range(log->entries, 0, count);
    }
}

/* ---- the bytes with the log --------------------------------------------- */

typedef enum TouchKind {
    TOUCH_DATA,
    TOUCH_ZERO,
    TOUCH_OLD,                  /* skipped by a write on a stale device */
} TouchKind;

typedef struct Touch {
    TouchKind kind;
    int64_t start, end;
    const uint8_t *data;        /* DATA: the bytes from start on */
} Touch;

/* What @e touches where the file was *@length long, which it updates. */
static int entry_touches(const VolatileLog *log, const VolatileEntry *e,
                         int64_t *length, Touch touch[2])
{
    int n = 0;

    if (e->offset > *length) {
        touch[n++] = (Touch) {
            .kind = log->stale && e->kind != VOLATILE_TRUNCATE ? TOUCH_OLD
                                                               : TOUCH_ZERO,
            .start = *length,
            .end = e->offset,
        };
    }
    if (e->kind != VOLATILE_TRUNCATE) {
        touch[n++] = (Touch) {
            .kind = e->kind == VOLATILE_ZERO ? TOUCH_ZERO : TOUCH_DATA,
            .start = e->offset,
            .end = e->offset + e->bytes,
            .data = e->data,
        };
    }
    *length = length_after(e, *length);
    return n;
}

static void overlay_touch(const Touch *touch, int64_t offset,
                          QEMUIOVector *qiov)
{
    int64_t start = MAX(touch->start, offset);
    int64_t end = MIN(touch->end, offset + (int64_t)qiov->size);

    if (start >= end) {
        return;
    }
    if (touch->kind == TOUCH_DATA) {
        qemu_iovec_from_buf(qiov, start - offset,
                            touch->data + (start - touch->start),
                            end - start);
    } else {
        qemu_iovec_memset(qiov, start - offset,
                          touch->kind == TOUCH_OLD ? MEM_STALE_BYTE : 0,
                          end - start);
    }
}

/*
 * In order, so that of several touches the last one counts; what a truncation
 * cut off reads as zeroes whatever the child holds there.
 */
void volatile_log_overlay(const VolatileLog *log, int64_t offset,
                          QEMUIOVector *qiov)
{
    const Touch past_end = {
        .kind = TOUCH_ZERO, .start = log->length, .end = INT64_MAX,
    };
    int64_t length = log->old_length;

    for (unsigned i = 0; i < log->entries->len; i++) {
        Touch touch[2];
        int n = entry_touches(log, volatile_log_entry(log, i), &length, touch);

        for (int t = 0; t < n; t++) {
            overlay_touch(&touch[t], offset, qiov);
        }
    }
    overlay_touch(&past_end, offset, qiov);
}

/*
 * The last touch of @offset decides; a later one that begins after it ends the
 * answer.
 */
int volatile_log_status(const VolatileLog *log, int64_t offset, int64_t *bytes)
{
    int64_t length = log->old_length, end = offset + *bytes;
    int ret = 0;

    if (offset >= log->length) {
        return BDRV_BLOCK_ZERO;
    }
    for (unsigned i = 0; i < log->entries->len; i++) {
        Touch touch[2];
        int n = entry_touches(log, volatile_log_entry(log, i), &length, touch);

        for (int t = 0; t < n; t++) {
            if (touch[t].start > offset) {
                end = MIN(end, touch[t].start);
            } else if (touch[t].end > offset) {
                end = MIN(offset + *bytes, touch[t].end);
                ret = touch[t].kind == TOUCH_ZERO ? BDRV_BLOCK_ZERO
                                                  : BDRV_BLOCK_DATA;
            }
        }
    }
    *bytes = MIN(end, log->length) - offset;
    return ret;
}

/* ---- power cuts --------------------------------------------------------- */

/* The finaliser of splitmix64: neighbouring seeds give unrelated numbers. */
static uint64_t mix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/* Is entry @i there, at least in part? */
static bool entry_survives(const PowerCut *cut, const VolatileEntry *e,
                           unsigned i)
{
    switch (cut->kind) {
    case POWER_CUT_PREFIX:
        return i < cut->count;
    case POWER_CUT_SUBSET:
        return i < 64 ? cut->seed >> i & 1 : mix64(mix64(cut->seed) + i) & 1;
    default:
        return e->kind != VOLATILE_TRUNCATE ||
               (mix64(mix64(cut->seed) + i) & 1);
    }
}

/* 0 or -errno. */
static int write_bytes(BlockBackend *target, int64_t offset,
                       const uint8_t *buf, int bytes)
{
    int ret = blk_pwrite(target, offset, buf, bytes, 0);

    return MIN(ret, 0);
}

/* Bytes @start to before @end of the disk, which belong to @e. */
static int apply_range(const VolatileEntry *e, int64_t start, int64_t end,
                       BlockBackend *target)
{
    if (e->kind == VOLATILE_ZERO) {
        return blk_pwrite_zeroes(target, start, end - start, e->flags);
    }
    return write_bytes(target, start, e->data + (start - e->offset),
                       end - start);
}

/* Some sectors of entry @i, up to @end. */
static int apply_torn(const VolatileEntry *e, unsigned i, int64_t end,
                      uint64_t seed, BlockBackend *target)
{
    int64_t unit = e->kind == VOLATILE_WRITE ? TORN_SECTOR
        : ROUND_UP(DIV_ROUND_UP(e->bytes, TORN_ZERO_PIECES), TORN_SECTOR);
    uint64_t state = mix64(mix64(seed) + i);
    int64_t offset, next;
    int ret = 0;

    for (offset = e->offset; offset < end && ret == 0; offset = next) {
        next = MIN(QEMU_ALIGN_DOWN(offset, unit) + unit, end);
        state = mix64(state);
        if (state & 1) {
            ret = apply_range(e, offset, next, target);
        }
    }
    return ret;
}

/*
 * Makes @target @length bytes long.  Growth is what the device holds there,
 * which on a stale one a truncation would clear.
 */
static int apply_length(BlockBackend *target, int64_t length)
{
    const uint8_t old = MEM_STALE_BYTE;
    int64_t present = blk_getlength(target);

    if (present < 0) {
        return present;
    }
    if (present == ROUND_UP(length, (int64_t)BDRV_SECTOR_SIZE)) {
        return 0;
    }
    if (present < length && !bdrv_has_zero_init_truncate(blk_bs(target))) {
        return write_bytes(target, length - 1, &old, 1);
    }
    return blk_truncate(target, length, true, PREALLOC_MODE_OFF, NULL);
}

/*
 * With the old length, as if the metadata of the file had been lost: bytes past
 * it are unreachable, and truncations did not happen.
 */
static int apply_entry(const VolatileLog *log, unsigned i, const PowerCut *cut,
                       BlockBackend *target)
{
    const VolatileEntry *e = volatile_log_entry(log, i);
    bool old = cut->length == POWER_CUT_LENGTH_OLD;
    int64_t end = e->offset + e->bytes;

    if (e->kind == VOLATILE_TRUNCATE) {
        return old ? 0 : blk_truncate(target, e->offset, true,
                                      PREALLOC_MODE_OFF, NULL);
    }
    if (old) {
        end = MIN(end, log->old_length);
    }
    if (e->offset >= end) {
        return 0;
    }
    if (cut->kind == POWER_CUT_TORN) {
        return apply_torn(e, i, end, cut->seed, target);
    }
    return apply_range(e, e->offset, end, target);
}

/* The length is set at last: each entry that survives may have changed it. */
int volatile_log_apply(const VolatileLog *log, const PowerCut *cut,
                       BlockBackend *target)
{
    int ret = 0;

    blk_set_allow_write_beyond_eof(target, true);
    for (unsigned i = 0; i < log->entries->len && ret == 0; i++) {
        if (entry_survives(cut, volatile_log_entry(log, i), i)) {
            ret = apply_entry(log, i, cut, target);
        }
    }
    if (ret == 0 && cut->length != POWER_CUT_LENGTH_WRITTEN) {
        ret = apply_length(target, cut->length == POWER_CUT_LENGTH_OLD
                                     ? log->old_length : log->length);
    }
    return ret;
}
