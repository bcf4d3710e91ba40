/* SPDX-License-Identifier: MIT */
/*
 * Probing: which format is the image in a file?
 *
 * Guessing a format from bytes that a guest may have written is dangerous, so
 * what was guessed is less trusted than what was said: an image recognised by
 * its last sector only is not opened for writing, and a raw one is guarded.
 *
 * Invariants:
 *   - Probing reads at most 512 bytes at either end, and what a driver needs
 *     to confirm what it found there, and writes nothing.
 *   - Every probe is asked; the highest score wins.  Tails are looked at only
 *     when no head beat raw's score.
 *   - A file that no driver's probe finds is raw only if it has no other
 *     format's magic.  The magics come after the tails, because the head of a
 *     fixed VHD belongs to its guest.
 *   - An empty file is raw.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"

/* ---- formats that are refused ------------------------------------------- */

static void probe_add_name(void *names, const char *name)
{
    if (bdrv_find_format(name)->bdrv_probe) {
        g_ptr_array_add(names, (gpointer)name);
    }
}

/* Names what is read here, because that is what the image can become. */
static void probe_refuse(const BlockDriverState *file, const char *format,
                         Error **errp)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autoptr(GString) list = g_string_new(NULL);

    bdrv_iterate_format(probe_add_name, names);
    for (guint i = 0; i < names->len; i++) {
        g_string_append_printf(list, "%s%s",
                               i == 0                ? ""
                               : i + 1 == names->len ? " and "
                                                     : ", ",
                               (const char *)g_ptr_array_index(names, i));
    }
    error_setg(errp,
               "'%s' is a %s image; minblk handles %s; give -f raw to treat it "
               "as raw",
               file->filename, format, list->str);
}

/* ---- the order of the questions ----------------------------------------- */

/* By the magics, or @raw. */
static BlockDriver *probe_magics(BdrvChild *file, const uint8_t *head,
                                 const uint8_t *tail, int size,
                                 BlockDriver *raw, bool *by_tail, Error **errp)
{
    const char *format = bdrv_magic_of_head(head);
    BlockDriver *drv;

    if (!format) {
        format = bdrv_magic_of_tail(tail, size);
        *by_tail = format != NULL;
    }
    if (!format) {
        return raw;
    }
    drv = bdrv_find_format(format);
    if (!drv) {
        probe_refuse(file->bs, format, errp);
    }
    return drv;
}

static BlockDriver *probe_contents(BdrvChild *file, int64_t length,
                                   const char *filename, bool *by_tail,
                                   Error **errp)
{
    uint8_t head[BLOCK_PROBE_BUF_SIZE] = { 0 };
    uint8_t tail[BLOCK_PROBE_BUF_SIZE];
    int size = MIN(length, BLOCK_PROBE_BUF_SIZE);
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
    if (tail_drv && tail_drv->bdrv_probe_confirm) {
        ret = tail_drv->bdrv_probe_confirm(file, tail, size, length, errp);
        tail_drv = ret > 0 ? tail_drv : NULL;
    }
    *by_tail = tail_drv != NULL;
    if (tail_drv || ret < 0) {
        return tail_drv;
    }
    return probe_magics(file, head, tail, size, drv, by_tail, errp);
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
