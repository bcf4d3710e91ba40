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

static bool vhdx_log_is_valid(const VHDXLogEntry *e, const BDRVVHDXState *s)
{
    VHDXLogEntry copy = *e;

    vhdx_log_entry_le_import(&copy);
    return !memcmp(e->magic, "loge", 4) &&
           copy.checksum == vhdx_checksum(e, sizeof(*e), 4) &&
           copy.target >= s->table_offset &&
           copy.target < s->table_offset + 8ULL * s->header.entries &&
           QEMU_IS_ALIGNED(copy.target, 512);
}

static int vhdx_log_clear(BlockDriverState *bs)
{
    return bdrv_pwrite_zeroes(bs->file, VHDX_LOG_OFFSET, 512, 0);
}

int vhdx_replay_log(BlockDriverState *bs, BDRVVHDXState *s, Error **errp)
{
    g_autofree VHDXLogEntry *e = g_new(VHDXLogEntry, 1);
    int ret = bdrv_pread(bs->file, VHDX_LOG_OFFSET, e, sizeof(*e));

    if (ret < 0) {
        return ret;
    }
    if (!vhdx_log_is_valid(e, s)) {
        return 0;
    }
    if (bs->read_only) {
        bdrv_refresh_filename(bs);
        error_setg(errp, "VHDX image file '%s' opened read-only, but contains "
                   "a log that needs to be replayed", bs->filename);
        error_append_hint(errp, "To replay the log, run:\n"
                          "qemu-img check -r all '%s'\n", bs->filename);
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
        ret = vhdx_log_clear(bs);
    }
    s->replayed = ret == 0;
    return ret == 0 ? bdrv_flush(bs->file->bs) : ret;
}

/* An update has failed half way: the table is to be as it is in memory. */
static int coroutine_fn vhdx_roll_back(BlockDriverState *bs, BDRVVHDXState *s)
{
    uint64_t sector[64];
    int ret;

    for (int i = 0; i < 64; i++) {
        sector[i] =
            cpu_to_le64(s->table[(s->pending - s->table_offset) / 8 + i]);
    }
    ret = bdrv_pwrite_sync(bs->file, s->pending, sector, 512);
    if (ret == 0) {
        ret = vhdx_log_clear(bs);
    }
    if (ret == 0) {
        s->pending = 0;
    }
    return ret;
}

int coroutine_fn vhdx_log_write(BlockDriverState *bs, BDRVVHDXState *s,
                                uint64_t target, const void *sector)
{
    VHDXLogEntry e = { .magic = "loge", .target = target };
    int ret = s->pending ? vhdx_roll_back(bs, s) : 0;

    e.file_size = s->end + s->header.block_size;
    memcpy(e.data, sector, 512);
    vhdx_log_entry_le_export(&e);
    if (ret == 0) {
        ret = bdrv_flush(bs->file->bs);
    }
    if (ret < 0) {
        return ret;
    }
    s->pending = target;
    ret = bdrv_pwrite_sync(bs->file, VHDX_LOG_OFFSET, &e, sizeof(e));
    if (ret < 0) {
        return ret;
    }
    BLKDBG_EVENT(bs->file, BLKDBG_L2_UPDATE);
    ret = bdrv_pwrite_sync(bs->file, target, sector, 512);
    if (ret < 0) {
        return ret;
    }
    s->pending = 0;
    return MIN(vhdx_log_clear(bs), 0);
}
