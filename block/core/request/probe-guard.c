/* SPDX-License-Identifier: MIT */
/*
 * The guard of raw images whose format was only guessed: a guest that could
 * write another format's header would choose the format, and with it what host
 * files the next one who probes opens, or could never be started again.
 *
 * The file edge of such a node is guarded.  Before a change the guard puts
 * together what the first and the last 512 bytes of the file will be, asks the
 * probes and the magics about them as opening does, and refuses what is not
 * raw.
 *
 * Invariants:
 *   - A change that touches neither end costs two comparisons.
 *   - From the check to the end of the change no other one that touches an
 *     end is under way: two harmless halves cannot make a header together.
 *   - Nothing is allocated.
 */
#include "qemu/osdep.h"
#include "block/core/request/request.h"
#include "minblk/block-extra.h"
#include "qemu/error-report.h"

#define GUARD_SIZE BLOCK_PROBE_BUF_SIZE

/*
 * Only the edge to the file: the guard's own reads go through it, too, but are
 * no changes.
 */
static bool bdrv_child_has_guard(const BdrvChild *child)
{
    BlockDriverState *parent = child->opaque;

    return child->role->parent_is_bds && parent->has_guard &&
           parent->file == child;
}

/*
 * A change to be checked: @bytes at @offset become @qiov (NULL: zeroes).  A
 * discard makes no file longer, whatever its range.
 */
typedef struct GuardedChange {
    BdrvChild *child;
    int64_t offset;
    int64_t bytes;
    QEMUIOVector *qiov;
    size_t qiov_offset;
    bool discard;
    int64_t end; /* the length of the file afterwards */
} GuardedChange;

static bool touches(const GuardedChange *c, int64_t start, int64_t size)
{
    return c->bytes > 0 && c->offset < start + size &&
           c->offset + c->bytes > start;
}

/* @size bytes at @start as they will be; they may lie after the present end. */
static int coroutine_fn guard_read(const GuardedChange *c, int64_t start,
                                   int size, uint8_t *buf)
{
    int64_t from = MAX(c->offset, start);
    int64_t to = MIN(c->offset + c->bytes, start + size);
    int ret;

    if (from > start || to < start + size) {
        ret = bdrv_co_pread(c->child, start, size, buf, 0);
        if (ret < 0) {
            return ret;
        }
    }
    if (from < to && c->qiov) {
        qemu_iovec_to_buf(c->qiov, c->qiov_offset + (from - c->offset),
                          buf + (from - start), to - from);
    } else if (from < to) {
        memset(buf + (from - start), 0, to - from);
    }
    return 0;
}

/*
 * Would one end of the file be taken for another format?  The magics come after
 * the probes, as they do when an image is opened.
 */
static int coroutine_fn guard_check_end(const GuardedChange *c, bool tail)
{
    BlockDriverState *raw = c->child->opaque;
    uint8_t buf[GUARD_SIZE] = { 0 };
    int size = MIN(c->end, GUARD_SIZE);
    const char *format;
    BlockDriver *drv;
    int ret;

    ret = guard_read(c, tail ? c->end - size : 0, size, buf);
    if (ret < 0) {
        return ret;
    }
    drv = tail ? bdrv_probe_tails(buf, size, c->end)
               : bdrv_probe_all(buf, GUARD_SIZE, NULL);
    if (drv && strcmp(drv->format_name, "raw")) {
        format = drv->format_name;
    } else {
        format = tail ? bdrv_magic_of_tail(buf, size) : bdrv_magic_of_head(buf);
    }
    if (!format) {
        return 0;
    }
    /* Reported once a node, because a guest may try without end. */
    if (!raw->guard_refused) {
        raw->guard_refused = true;
        error_report("'%s' would be taken for an image of format '%s' after "
                     "this change, which is refused because the format raw "
                     "was only guessed; give '-f raw' to permit it",
                     c->child->bs->filename, format);
    }
    return -EPERM;
}

/* Checks both ends of the file as far as they change from length @old. */
static int coroutine_fn guard_check(const GuardedChange *c, int64_t old)
{
    bool moved = c->end != old;
    int64_t size = MIN(c->end, GUARD_SIZE);
    int ret = 0;

    if (c->end == 0) {
        return 0; /* an empty file is raw */
    }
    if (touches(c, 0, size) || (moved && MIN(old, c->end) < GUARD_SIZE)) {
        ret = guard_check_end(c, false);
    }
    if (ret == 0 && (moved || touches(c, c->end - size, size))) {
        ret = guard_check_end(c, true);
    }
    return ret;
}

/*
 * Could the range touch an end?  By the length that the layer knows, which is
 * less than a sector above the exact one.
 */
static bool near_an_end(BlockDriverState *file, int64_t offset, int64_t bytes)
{
    int64_t end = file->total_sectors * (int64_t)BDRV_SECTOR_SIZE;

    return offset < GUARD_SIZE ||
           offset + bytes > end - 2 * (int64_t)GUARD_SIZE;
}

/*
 * Checks @c, which sets the length to @new_size or, if that is negative, is a
 * write.  0 and the lock is held, or -errno.
 */
static int coroutine_fn guard_begin(GuardedChange *c, int64_t new_size)
{
    BlockDriverState *raw = c->child->opaque;
    BlockDriverState *file = c->child->bs;
    int64_t old;
    int ret;

    /* The change is not tracked yet, and the node must not go meanwhile. */
    bdrv_inc_in_flight(file);
    qemu_co_mutex_lock(&raw->guard_lock);
    old = bdrv_exact_length(file);
    if (c->discard) {
        c->end = old;
    } else if (new_size < 0) {
        c->end = MAX(old, c->offset + c->bytes);
    } else {
        /* New space is zero, whatever was read past the end before. */
        c->end = new_size;
        c->offset = MIN(old, new_size);
        c->bytes = new_size - c->offset;
    }
    ret = old < 0 ? old : guard_check(c, old);
    if (ret < 0) {
        qemu_co_mutex_unlock(&raw->guard_lock);
    }
    bdrv_dec_in_flight(file);
    return ret;
}

int coroutine_fn bdrv_guard_write(BdrvChild *child, int64_t offset,
                                  int64_t bytes, QEMUIOVector *qiov,
                                  size_t qiov_offset, bool discard, bool *held)
{
    GuardedChange c = {
        .child = child,
        .offset = offset,
        .bytes = bytes,
        .qiov = qiov,
        .qiov_offset = qiov_offset,
        .discard = discard,
    };
    int ret;

    *held = false;
    if (!bdrv_child_has_guard(child) || bytes == 0 ||
        !near_an_end(child->bs, offset, bytes)) {
        return 0;
    }
    ret = guard_begin(&c, -1);
    *held = ret == 0;
    return ret;
}

int coroutine_fn bdrv_guard_truncate(BdrvChild *child, int64_t new_size,
                                     bool *held)
{
    GuardedChange c = { .child = child };
    int ret;

    *held = false;
    if (!bdrv_child_has_guard(child)) {
        return 0;
    }
    ret = guard_begin(&c, new_size);
    *held = ret == 0;
    return ret;
}

int bdrv_guard_copy(BdrvChild *child, int64_t offset, int64_t bytes)
{
    return bdrv_child_has_guard(child) && near_an_end(child->bs, offset, bytes)
               ? -ENOTSUP
               : 0;
}

void coroutine_fn bdrv_guard_end(BdrvChild *child)
{
    BlockDriverState *raw = child->opaque;

    qemu_co_mutex_unlock(&raw->guard_lock);
}
