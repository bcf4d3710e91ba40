/* SPDX-License-Identifier: MIT */
/*
 * The log of foreign-vhdx.h: a sector of the table is written there first, so
 * that a cut leaves the old table or the new one.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qemu/bswap.h"
#include "foreign-vhdx.h"

static bool flog_entry_is_valid(const FLogEntry *e, const BDRVFLogState *s)
{
    FLogEntry copy = *e;

    flog_entry_to_cpu(&copy);
    return !memcmp(e->magic, "redo", 4) &&
           copy.checksum == flog_checksum(e, sizeof(*e), 4) &&
           copy.target >= s->table_offset &&
           copy.target < s->table_offset + 8ULL * s->head.entries &&
           QEMU_IS_ALIGNED(copy.target, 512);
}

static int flog_clear(BlockDriverState *bs)
{
    return bdrv_pwrite_zeroes(bs->file, FLOG_ENTRY_AT, 512, 0);
}

int flog_replay(BlockDriverState *bs, BDRVFLogState *s, Error **errp)
{
    g_autofree FLogEntry *e = g_new(FLogEntry, 1);
    int ret = bdrv_pread(bs->file, FLOG_ENTRY_AT, e, sizeof(*e));

    if (ret < 0) {
        return ret;
    }
    if (!flog_entry_is_valid(e, s)) {
        return 0;
    }
    if (bs->read_only) {
        bdrv_refresh_filename(bs);
        error_setg(errp, "'%s' has a log to be replayed, and was opened "
                   "read-only", bs->filename);
        error_append_hint(errp, "A check that may write replays it:\n"
                          "minblk-img check -r all '%s'\n", bs->filename);
        return -EPERM;
    }
    /* A cut may have lost the new length. */
    if (bdrv_getlength(bs->file->bs) < le64_to_cpu(e->file_size)) {
        ret = bdrv_truncate(bs->file, le64_to_cpu(e->file_size), false,
                            PREALLOC_MODE_OFF, errp);
        if (ret < 0) {
            return ret;
        }
    }
    ret = bdrv_pwrite_sync(bs->file, le64_to_cpu(e->target), e->data, 512);
    if (ret == 0) {
        ret = flog_clear(bs);
    }
    s->replayed = ret == 0;
    return ret == 0 ? bdrv_flush(bs->file->bs) : ret;
}

/* An update has failed half way: the table is to be as it is in memory. */
static int coroutine_fn flog_undo(BlockDriverState *bs, BDRVFLogState *s)
{
    uint64_t sector[64];
    int ret;

    for (int i = 0; i < 64; i++) {
        sector[i] =
            cpu_to_le64(s->table[(s->pending - s->table_offset) / 8 + i]);
    }
    ret = bdrv_pwrite_sync(bs->file, s->pending, sector, 512);
    if (ret == 0) {
        ret = flog_clear(bs);
    }
    if (ret == 0) {
        s->pending = 0;
    }
    return ret;
}

int coroutine_fn flog_update_table(BlockDriverState *bs, BDRVFLogState *s,
                                   uint64_t target, const void *sector)
{
    FLogEntry e = { .magic = "redo", .target = target };
    int ret = s->pending ? flog_undo(bs, s) : 0;

    e.file_size = s->end + s->head.block_size;
    memcpy(e.data, sector, 512);
    flog_entry_to_file(&e);
    if (ret == 0) {
        ret = bdrv_flush(bs->file->bs);
    }
    if (ret < 0) {
        return ret;
    }
    s->pending = target;
    ret = bdrv_pwrite_sync(bs->file, FLOG_ENTRY_AT, &e, sizeof(e));
    if (ret < 0) {
        return ret;
    }
    BLKDBG_EVENT(bs->file, BLKDBG_L2_UPDATE);
    ret = bdrv_pwrite_sync(bs->file, target, sector, 512);
    if (ret < 0) {
        return ret;
    }
    s->pending = 0;
    return MIN(flog_clear(bs), 0);
}
