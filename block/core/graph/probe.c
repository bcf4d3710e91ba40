/* SPDX-License-Identifier: MIT */
/*
 * Probing: which format is the image in a file?
 *
 * Guessing a format from bytes that a guest may have written is dangerous, so
 * what was guessed is less trusted than what was said: an image recognised by
 * its last sector only is not opened for writing, and a raw one is guarded.
 *
 * Invariants:
 *   - Probing reads at most 512 bytes at either end and writes nothing.
 *   - Every probe is asked; the highest score wins.  Tails are looked at only
 *     when no head beat raw's score.
 *   - A file that no driver's probe finds is raw only if it has no other
 * format's magic.  The magics come after the tails, because the head of a fixed
 * VHD belongs to its guest.
 *   - An empty file is raw.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"

static BlockDriver *probe_contents(BdrvChild *file, int64_t length,
                                   const char *filename, bool *by_tail,
                                   Error **errp)
{
    uint8_t head[BLOCK_PROBE_BUF_SIZE] = { 0 };
    uint8_t tail[BLOCK_PROBE_BUF_SIZE];
    int size = MIN(length, BLOCK_PROBE_BUF_SIZE);
    const char *format;
    BlockDriver *drv, *tail_drv;
    int score;
    int ret = bdrv_pread(file, 0, head, size);

    if (ret >= 0) {
        drv = bdrv_probe_heads(head, sizeof(head), filename, &score);
        if (drv && score > BDRV_RAW_SCORE) {
            return drv;
        }
        ret = bdrv_pread(file, length - size, tail, size);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret,
                         "Could not read image for determining "
                         "its format");
        return NULL;
    }
    tail_drv = bdrv_probe_tails(tail, size, length);
    *by_tail = tail_drv != NULL;
    if (tail_drv || !drv) {
        return tail_drv;
    }
    format = bdrv_magic_of_head(head) ?: bdrv_magic_of_tail(tail, size);
    if (format) {
        error_setg(errp,
                   "'%s' is a %s image; this build has no driver for "
                   "it, give '-f raw' to use its bytes as they are",
                   file->bs->filename, format);
        return NULL;
    }
    return drv;
}

static const BdrvChildRole child_prober = {
    .parent_desc = "the probing of the image format",
};

/*
 * With an edge of its own, so that what the other users of the file have
 * promised each other holds for probing, too.
 */
static BlockDriver *probe_file(BlockDriverState *file, int64_t length,
                               const char *filename, bool *by_tail,
                               Error **errp)
{
    BlockDriver *drv;
    BdrvChild *edge;

    bdrv_ref(file);
    edge = bdrv_root_attach_child(file, "probe", &child_prober,
                                  BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL, NULL,
                                  errp);
    if (!edge) {
        return NULL;
    }
    drv = probe_contents(edge, length, filename, by_tail, errp);
    bdrv_root_unref_child(edge);
    return drv;
}

/* An empty file has no bytes to read, and only raw can be empty. */
BlockDriver *bdrv_probe_format(BlockDriverState *file, const char *filename,
                               bool *by_tail, Error **errp)
{
    ERRP_GUARD();
    int64_t length = bdrv_exact_length(file);
    BlockDriver *drv;

    *by_tail = false;
    if (length < 0) {
        error_setg_errno(errp, -length,
                         "Could not get the length of the image "
                         "file");
        return NULL;
    }
    drv = length == 0 ? bdrv_find_format("raw")
                      : probe_file(file, length, filename, by_tail, errp);
    if (!drv && !*errp) {
        error_setg(errp, "Could not determine image format: No compatible "
                         "driver found");
    }
    return drv;
}
