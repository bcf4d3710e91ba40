/* SPDX-License-Identifier: MIT */
/*
 * How memory reaches the disk: the caches (batmap, bat, bitmap) make copies of
 * what is dirty.  Those of the batmap are written at once, because they only
 * take back what the others are about to make wrong.  Then the file is flushed,
 * so that they are on the disk, and the data that the others refer to; then the
 * others are written.  (The layer flushes the file once more after that.)
 *
 * Invariants:
 *   - What becomes dirty after the copies were taken waits for the next flush,
 *     since its data may not be on the disk yet.
 *   - When a step fails, everything that was copied is dirty again.
 *   - What is dirty still when the image is closed is written all the same, as
 *     far as each copy can be, because otherwise all of it would be lost, and
 *     only a power cut could make that worse.  But a block whose data may not
 *     be on the disk, in space that may hold another one's bytes (`exposed`),
 *     loses its entry.
 *   - Space that blocks gave up waits for the BAT of its generation: one flush
 *     writes it, and the next one knows that it is durable.  None begins while
 *     such space is being zeroed.
 *   - Where there is a batmap, the bitmaps of blocks that gave up their space
 *     are cleared at last, because until the flush of the file the map on the
 *     disk may call them full.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "flush.h"
#include "vpc.h"

/* The number of copies, the first ones, that are written before the flush. */
static guint take_copies(BlockDriverState *bs, GArray *copies)
{
    guint early;

    vpc_batmap_take_copies(bs, copies);
    early = copies->len;
    vpc_bat_take_copies(bs, copies);
    vpc_bitmap_take_copies(bs, copies);
    return early;
}

/* The copy is done with; @written or the original is dirty again. */
static void end_copy(VpcState *s, const VpcCopy *copy, bool written)
{
    copy->done(s, copy, written);
    qemu_vfree(copy->data);
}

/* Mixed. */
static int write_copy(BlockDriverState *bs, const VpcCopy *copy)
{
    int ret;

    if (copy->is_needed && !copy->is_needed(copy)) {
        return 0;
    }
    ret = bdrv_pwrite(bs->file, copy->offset, copy->data, copy->bytes);
    return MIN(ret, 0);
}

/* Writes the copies [@first, @end). */
static int coroutine_fn write_copies(BlockDriverState *bs,
                                     const GArray *copies, guint first,
                                     guint end)
{
    int ret = 0;

    for (guint i = first; i < end && ret == 0; i++) {
        ret = write_copy(bs, &g_array_index(copies, VpcCopy, i));
    }
    return ret;
}

static int coroutine_fn flush_copies(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    GArray *copies = g_array_new(false, false, sizeof(VpcCopy));
    uint64_t generation = vpc_space_copied(&s->space);
    guint exposed = s->exposed->len;
    guint early = take_copies(bs, copies);
    int ret = vpc_space_before_bat(bs);

    if (ret == 0) {
        ret = write_copies(bs, copies, 0, early);
    }
    if (ret == 0) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    if (ret == 0) {
        vpc_space_durable(&s->space);
        g_array_remove_range(s->exposed, 0, exposed);
        ret = write_copies(bs, copies, early, copies->len);
    }
    for (guint i = 0; i < copies->len; i++) {
        end_copy(s, &g_array_index(copies, VpcCopy, i), ret == 0);
    }
    g_array_free(copies, true);
    if (ret == 0 && vpc_batmap_exists(&s->batmap)) {
        ret = vpc_space_clear_bitmaps(bs, generation);
    }
    if (ret == 0) {
        vpc_space_written(&s->space, generation);
    }
    return ret;
}

/* Is memory ahead of the disk? */
static bool is_ahead(const VpcState *s)
{
    return vpc_bat_is_dirty(s) || vpc_bitmap_is_dirty(s) ||
           vpc_batmap_is_dirty(s);
}

int coroutine_fn vpc_co_flush_to_os(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    int ret = 0;

    if (s->type == VPC_TYPE_FIXED) {
        return 0;
    }
    qemu_co_mutex_lock(&s->flush_lock);
    if (is_ahead(s) || vpc_space_waits(&s->space) ||
        s->space.footers_due->len) {
        ret = flush_copies(bs);
    }
    qemu_co_mutex_unlock(&s->flush_lock);
    return ret;
}

/* ---- closing ------------------------------------------------------------ */

/*
 * Takes their entries from exposed blocks.  No flush of the file has succeeded
 * since they were set, so they are in memory only.
 */
static void withdraw_exposed(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    unsigned count = 0;
    uint64_t first = UINT64_MAX;

    for (guint i = 0; i < s->exposed->len; i++) {
        VpcPlaced placed = g_array_index(s->exposed, VpcPlaced, i);

        if (vpc_bat_withdraw(s, placed.block, placed.entry)) {
            vpc_bitmap_forget(s, placed.block);
            first = MIN(first, (uint64_t)placed.block << s->block_shift);
            count++;
        }
    }
    if (count) {
        warn_report("'%s': %u blocks that were written last read as zeroes, "
                    "the first at offset %" PRIu64 " of the disk, because "
                    "their data may not be on the disk", bs->filename, count,
                    first);
    }
}

bool vpc_flush_at_closing(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;
    GArray *copies;

    if (!is_ahead(s)) {
        return true;
    }
    if (bdrv_flush(bs->file->bs) < 0) {
        withdraw_exposed(bs);
    }
    copies = g_array_new(false, false, sizeof(VpcCopy));
    take_copies(bs, copies);
    for (guint i = 0; i < copies->len; i++) {
        VpcCopy *copy = &g_array_index(copies, VpcCopy, i);

        end_copy(s, copy, write_copy(bs, copy) == 0);
    }
    g_array_free(copies, true);
    /* Its error is known; so the closing of the file does not report it. */
    bdrv_flush(bs->file->bs);
    return false;
}
