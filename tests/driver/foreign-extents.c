/* SPDX-License-Identifier: MIT */
/*
 * fextents: opening, creating and what else there is; see foreign-extents.h.
 * It guards the interface of formats in several files, with backing images, and
 * of those that compress.
 */
#include "foreign-extents.h"
#include "block/qdict.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qlist.h"
#include "qemu/cutils.h"
#include "qemu/module.h"
#include "qemu/units.h"

static int fextents_probe(const uint8_t *buf, int buf_size,
                          const char *filename)
{
    return buf_size >= 11 && !memcmp(buf, FEXTENTS_MAGIC, 11) ? 100 : 0;
}

/* ---- opening ------------------------------------------------------------ */

static int fextents_open_grains(BDRVFExtentsState *s, FExtent *e,
                                Error **errp)
{
    FExtentHeader header;
    uint32_t i;
    int64_t length = bdrv_getlength(e->file->bs);
    int ret = bdrv_pread(e->file, 0, &header, sizeof(header));

    if (length < 0 || ret < 0) {
        return length < 0 ? length : ret;
    }
    if (memcmp(header.magic, "fgrain 1", 8) ||
        le64_to_cpu(header.bytes) != e->bytes ||
        le32_to_cpu(header.grain) != GRAIN_SIZE) {
        error_setg(errp, "This is no extent of the image: %s",
                   e->file->bs->filename);
        return -EINVAL;
    }
    s->ended = le32_to_cpu(header.flags) & FLAG_ENDED;
    e->n_grains = DIV_ROUND_UP(e->bytes, GRAIN_SIZE);
    if (HEADER_SIZE + 4LL * e->n_grains > length) {
        error_setg(errp, "The table is longer than the file");
        return -EINVAL;
    }
    e->table = g_new(uint32_t, e->n_grains);
    ret = bdrv_pread(e->file, HEADER_SIZE, e->table, 4 * e->n_grains);
    for (i = 0; ret >= 0 && i < e->n_grains; i++) {
        e->table[i] = le32_to_cpu(e->table[i]);
        if (e->table[i]) {
            s->last = (int64_t)i * GRAIN_SIZE;
        }
    }
    e->next = ROUND_UP(length, 512);
    return ret;
}

static int fextents_open_extent(BlockDriverState *bs, QDict *options,
                                const char *line, Error **errp)
{
    BDRVFExtentsState *s = bs->opaque;
    FExtent *e = &s->extents[s->n_extents];
    char name[256], key[32], *path;
    unsigned long long bytes;

    if (s->n_extents == MAX_EXTENTS ||
        sscanf(line, "extent %llu %255[^\n]", &bytes, name) != 2 ||
        bytes == 0 || bytes > 64 * TiB || bytes % 512) {
        error_setg(errp, "This line names no extent: %s", line);
        return -EINVAL;
    }
    if (path_is_absolute(name) || path_has_protocol(name)) {
        path = g_strdup(name);
    } else {
        char *dir = bdrv_dirname(bs->file->bs, errp);

        if (!dir) {
            return -EINVAL;
        }
        path = path_combine(dir, name);
        g_free(dir);
    }
    snprintf(key, sizeof(key), "extents.%d", s->n_extents);
    e->file = bdrv_open_child(path, options, key, bs, &child_file, false,
                              errp);
    g_free(path);
    if (!e->file) {
        return -EINVAL;
    }
    s->n_extents++;
    e->bytes = bytes;
    e->start = bs->total_sectors * BDRV_SECTOR_SIZE;
    bs->total_sectors += bytes / BDRV_SECTOR_SIZE;
    return s->flat ? 0 : fextents_open_grains(s, e, errp);
}

static int fextents_parse(BlockDriverState *bs, QDict *options, char **lines,
                          Error **errp)
{
    BDRVFExtentsState *s = bs->opaque;
    int ret = 0;

    for (; *lines && ret >= 0; lines++) {
        if (!strncmp(*lines, "subformat ", 10)) {
            pstrcpy(s->subformat, sizeof(s->subformat), *lines + 10);
            s->stream = !strcmp(s->subformat, "stream");
            s->flat = !strcmp(s->subformat, "flat");
        } else if (!strncmp(*lines, "parent ", 7)) {
            pstrcpy(bs->backing_file, sizeof(bs->backing_file), *lines + 7);
            pstrcpy(bs->auto_backing_file, sizeof(bs->auto_backing_file),
                    *lines + 7);
            pstrcpy(bs->backing_format, sizeof(bs->backing_format),
                    "fextents");
        } else if (!strncmp(*lines, "extent ", 7)) {
            ret = fextents_open_extent(bs, options, *lines, errp);
        }
    }
    if (ret >= 0 && (s->n_extents == 0 || (s->stream && s->n_extents > 1))) {
        error_setg(errp, "The description names %d extents", s->n_extents);
        return -EINVAL;
    }
    return ret;
}

static void fextents_free(BDRVFExtentsState *s)
{
    int i;

    for (i = 0; i < MAX_EXTENTS; i++) {
        g_free(s->extents[i].table);
    }
    g_free(s->extents);
}

static int fextents_open(BlockDriverState *bs, QDict *options, int flags,
                         Error **errp)
{
    BDRVFExtentsState *s = bs->opaque;
    int64_t length;
    char *text, **lines;
    int ret;

    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file,
                               false, errp);
    if (!bs->file) {
        return -EINVAL;
    }
    length = MIN(bdrv_getlength(bs->file->bs), MAX_DESCRIPTION);
    text = g_malloc0(length + 1);
    ret = bdrv_pread(bs->file, 0, text, length);
    if (ret >= 0 && strncmp(text, FEXTENTS_MAGIC, 11)) {
        error_setg(errp, "This is no description of extents");
        ret = -EINVAL;
    }
    s->last = -1;
    s->extents = g_new0(FExtent, MAX_EXTENTS);
    if (ret >= 0) {
        lines = g_strsplit(text, "\n", -1);
        ret = fextents_parse(bs, options, lines, errp);
        g_strfreev(lines);
    }
    g_free(text);
    if (ret < 0) {
        fextents_free(s);
        return ret;
    }
    qemu_co_mutex_init(&s->lock);
    return 0;
}

static void fextents_close(BlockDriverState *bs)
{
    fextents_free(bs->opaque);
}

static int fextents_reopen_prepare(BDRVReopenState *state,
                                   BlockReopenQueue *queue, Error **errp)
{
    return 0;
}

static void fextents_refresh_limits(BlockDriverState *bs, Error **errp)
{
    bs->bl.request_alignment = BDRV_SECTOR_SIZE;
}

/* ---- creating ----------------------------------------------------------- */

static QemuOptsList fextents_create_opts = {
    .name = "fextents-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(fextents_create_opts.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Bytes of the disk"
        },
        {
            .name = BLOCK_OPT_SUBFMT,
            .type = QEMU_OPT_STRING,
            .help = "split (default), flat or stream"
        },
        {
            .name = BLOCK_OPT_BACKING_FILE,
            .type = QEMU_OPT_STRING,
            .help = "Name of the backing image"
        },
        {
            .name = BLOCK_OPT_BACKING_FMT,
            .type = QEMU_OPT_STRING,
            .help = "Must be 'fextents'"
        },
        {
            .name = "extent_size",
            .type = QEMU_OPT_SIZE,
            .help = "Bytes of an extent at most"
        },
        { /* end of list */ }
    }
};

static BlockBackend *fextents_create_file(const char *path, QemuOpts *opts,
                                          Error **errp)
{
    BlockBackend *blk;

    if (bdrv_create_file(path, opts, errp) < 0) {
        return NULL;
    }
    blk = blk_new_open(path, NULL, NULL,
                       BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_PROTOCOL, errp);
    if (blk) {
        blk_set_allow_write_beyond_eof(blk, true);
    }
    return blk;
}

static int fextents_create_extent(const char *path, QemuOpts *opts,
                                  uint64_t bytes, const char *subformat,
                                  Error **errp)
{
    FExtentHeader header = { .magic = "" };
    uint64_t table = ROUND_UP(DIV_ROUND_UP(bytes, GRAIN_SIZE) * 4, 512);
    BlockBackend *blk = fextents_create_file(path, opts, errp);
    int ret;

    if (!blk) {
        return -EIO;
    }
    if (!strcmp(subformat, "flat")) {
        ret = blk_truncate(blk, bytes, false, PREALLOC_MODE_OFF, errp);
        blk_unref(blk);
        return ret;
    }
    memcpy(header.magic, "fgrain 1", 8);
    header.bytes = cpu_to_le64(bytes);
    header.grain = cpu_to_le32(GRAIN_SIZE);
    header.flags = cpu_to_le32(!strcmp(subformat, "stream") ? FLAG_STREAM : 0);
    ret = blk_pwrite(blk, 0, &header, sizeof(header), 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the header");
    } else {
        ret = blk_truncate(blk, HEADER_SIZE + table, false, PREALLOC_MODE_OFF,
                           errp);
    }
    blk_unref(blk);
    return ret;
}

/* What the image is to name, and as seen from here. */
static int fextents_check_backing(const char *filename, const char *backing,
                                  const char *fmt, Error **errp)
{
    char *full;
    BlockBackend *blk;
    int ret = 0;

    if (fmt && strcmp(fmt, "fextents")) {
        error_setg(errp, "The backing image must be one of fextents");
        return -EINVAL;
    }
    full = bdrv_get_full_backing_filename_from_filename(filename, backing,
                                                        errp);
    if (!full) {
        return -ENOENT;
    }
    blk = blk_new_open(full, NULL, NULL, BDRV_O_NO_BACKING, errp);
    g_free(full);
    if (!blk) {
        return -ENOENT;
    }
    if (strcmp(blk_bs(blk)->drv->format_name, "fextents")) {
        error_setg(errp, "The backing image must be one of fextents");
        ret = -EINVAL;
    }
    blk_unref(blk);
    return ret;
}

static int fextents_create_extents(const char *filename, QemuOpts *opts,
                                   uint64_t size, uint64_t extent_size,
                                   const char *subformat, GString *text,
                                   Error **errp)
{
    const char *name = strrchr(filename, '/');
    const char *dot;
    int i = 1, ret = 0;

    name = name ? name + 1 : filename;
    dot = strrchr(name, '.');
    dot = dot ? dot : name + strlen(name);
    for (; size > 0 && ret >= 0; i++) {
        uint64_t bytes = MIN(size, extent_size);
        char *file = g_strdup_printf("%.*s-s%03d%s", (int)(dot - name), name,
                                     i, dot);
        char *path = path_combine(filename, file);

        ret = fextents_create_extent(path, opts, bytes, subformat, errp);
        g_string_append_printf(text, "extent %llu %s\n",
                               (unsigned long long)bytes, file);
        size -= bytes;
        g_free(path);
        g_free(file);
    }
    return ret;
}

int coroutine_fn fextents_co_create_opts(BlockDriver *drv,
                                         const char *filename, QemuOpts *opts,
                                         Error **errp)
{
    uint64_t size = ROUND_UP(qemu_opt_get_size_del(opts, BLOCK_OPT_SIZE, 0),
                             BDRV_SECTOR_SIZE);
    uint64_t extent_size = qemu_opt_get_size_del(opts, "extent_size", 2 * GiB);
    char *subformat = qemu_opt_get_del(opts, BLOCK_OPT_SUBFMT);
    char *backing = qemu_opt_get_del(opts, BLOCK_OPT_BACKING_FILE);
    char *fmt = qemu_opt_get_del(opts, BLOCK_OPT_BACKING_FMT);
    GString *text = g_string_new(FEXTENTS_MAGIC);
    BlockBackend *blk = NULL;
    int ret = -EINVAL;

    subformat = subformat ? subformat : g_strdup("split");
    if (strcmp(subformat, "split") && strcmp(subformat, "flat") &&
        strcmp(subformat, "stream")) {
        error_setg(errp, "There is no subformat '%s'", subformat);
        goto out;
    }
    if (!strcmp(subformat, "stream")) {
        extent_size = MAX(size, 512);
    }
    if (size > 64 * TiB || extent_size % 512 ||
        extent_size == 0 || size / extent_size >= MAX_EXTENTS || size == 0) {
        error_setg(errp, "The sizes make no sense");
        goto out;
    }
    g_string_append_printf(text, "subformat %s\n", subformat);
    if (backing) {
        ret = fextents_check_backing(filename, backing, fmt, errp);
        if (ret < 0 || !strcmp(subformat, "flat")) {
            if (ret >= 0) {
                error_setg(errp, "A flat image has no backing");
                ret = -ENOTSUP;
            }
            goto out;
        }
        g_string_append_printf(text, "parent %s\n", backing);
    }
    ret = fextents_create_extents(filename, opts, size, extent_size, subformat,
                                  text, errp);
    if (ret < 0) {
        goto out;
    }
    blk = fextents_create_file(filename, opts, errp);
    ret = blk ? blk_pwrite(blk, 0, text->str, text->len, 0) : -EIO;
    if (blk && ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the description");
    }
out:
    blk_unref(blk);
    g_string_free(text, TRUE);
    g_free(subformat);
    g_free(backing);
    g_free(fmt);
    return ret < 0 ? ret : 0;
}

/* ---- what else there is -------------------------------------------------- */

static int coroutine_fn
fextents_co_block_status(BlockDriverState *bs, bool want_zero, int64_t offset,
                         int64_t bytes, int64_t *pnum, int64_t *map,
                         BlockDriverState **file)
{
    BDRVFExtentsState *s = bs->opaque;
    FExtent *e = fextents_find(s, offset);
    uint64_t at = offset - e->start;
    uint32_t sector;

    *pnum = MIN(bytes, e->bytes - at);
    if (s->flat) {
        *map = at;
        *file = e->file->bs;
        return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID | BDRV_BLOCK_RECURSE;
    }
    *pnum = MIN(*pnum, GRAIN_SIZE - at % GRAIN_SIZE);
    sector = e->table[at / GRAIN_SIZE];
    if (sector == 0) {
        return 0;
    }
    if (s->stream) {
        return BDRV_BLOCK_DATA;
    }
    *map = sector * 512ULL + at % GRAIN_SIZE;
    *file = e->file->bs;
    return BDRV_BLOCK_DATA | BDRV_BLOCK_OFFSET_VALID;
}

static int coroutine_fn fextents_co_flush_to_disk(BlockDriverState *bs)
{
    BDRVFExtentsState *s = bs->opaque;
    int i, ret = 0;

    for (i = 0; i < s->n_extents && ret >= 0; i++) {
        ret = bdrv_co_flush(s->extents[i].file->bs);
    }
    return ret;
}

static int fextents_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    BDRVFExtentsState *s = bs->opaque;

    bdi->cluster_size = s->flat ? 0 : GRAIN_SIZE;
    bdi->unallocated_blocks_are_zero = true;
    bdi->needs_compressed_writes = s->stream;
    return 0;
}

static int fextents_has_zero_init(BlockDriverState *bs)
{
    BDRVFExtentsState *s = bs->opaque;
    int i;

    for (i = 0; s->flat && i < s->n_extents; i++) {
        if (!bdrv_has_zero_init(s->extents[i].file->bs)) {
            return 0;
        }
    }
    return 1;
}

static int64_t fextents_get_allocated_file_size(BlockDriverState *bs)
{
    BDRVFExtentsState *s = bs->opaque;
    int64_t sum = bdrv_get_allocated_file_size(bs->file->bs);
    int i;

    for (i = 0; sum >= 0 && i < s->n_extents; i++) {
        int64_t one = bdrv_get_allocated_file_size(s->extents[i].file->bs);

        sum = one < 0 ? one : sum + one;
    }
    return sum;
}

static void fextents_gather_child_options(BlockDriverState *bs, QDict *target,
                                          bool backing_overridden)
{
    BDRVFExtentsState *s = bs->opaque;
    QList *extents = qlist_new();
    int i;

    qdict_put(target, "file", qobject_ref(bs->file->bs->full_open_options));
    for (i = 0; i < s->n_extents; i++) {
        qlist_append(extents, qobject_ref(
            s->extents[i].file->bs->full_open_options));
    }
    qdict_put(target, "extents", extents);
    if (backing_overridden && bs->backing) {
        qdict_put(target, "backing",
                  qobject_ref(bs->backing->bs->full_open_options));
    } else if (backing_overridden) {
        qdict_put_null(target, "backing");
    }
}

static ImageInfo *fextents_extent_info(BDRVFExtentsState *s, FExtent *e)
{
    ImageInfo *info = g_new0(ImageInfo, 1);

    bdrv_refresh_filename(e->file->bs);
    info->filename = g_strdup(e->file->bs->filename);
    info->format = g_strdup(s->flat ? "plain" : "grains");
    info->virtual_size = e->bytes;
    info->has_compressed = s->stream;
    info->compressed = s->stream;
    info->has_cluster_size = !s->flat;
    info->cluster_size = GRAIN_SIZE;
    return info;
}

static ImageInfoSpecific *fextents_get_specific_info(BlockDriverState *bs,
                                                     Error **errp)
{
    BDRVFExtentsState *s = bs->opaque;
    ImageInfoSpecific *info = g_new0(ImageInfoSpecific, 1);
    ImageInfoList **next;
    int i;

    info->type = IMAGE_INFO_SPECIFIC_KIND_VMDK;
    info->u.vmdk.data = g_new0(ImageInfoSpecificVmdk, 1);
    info->u.vmdk.data->create_type = g_strdup(s->subformat);
    info->u.vmdk.data->cid = 7;
    info->u.vmdk.data->parent_cid = 9;
    next = &info->u.vmdk.data->extents;
    for (i = 0; i < s->n_extents; i++) {
        *next = g_new0(ImageInfoList, 1);
        (*next)->value = fextents_extent_info(s, &s->extents[i]);
        next = &(*next)->next;
    }
    return info;
}

static int coroutine_fn fextents_co_check(BlockDriverState *bs,
                                          BdrvCheckResult *result,
                                          BdrvCheckMode fix)
{
    BDRVFExtentsState *s = bs->opaque;
    uint32_t j;
    int i;

    if (fix) {
        return -ENOTSUP;
    }
    for (i = 0; i < s->n_extents; i++) {
        FExtent *e = &s->extents[i];

        result->bfi.total_clusters += e->n_grains;
        for (j = 0; j < e->n_grains; j++) {
            if (!e->table[j]) {
                continue;
            }
            result->bfi.allocated_clusters++;
            result->bfi.compressed_clusters += s->stream;
            if (e->table[j] * 512ULL >= bdrv_getlength(e->file->bs)) {
                result->corruptions++;
            }
        }
    }
    if (s->stream && s->last >= 0 && !s->ended) {
        fprintf(stderr, "ERROR: the stream has no end\n");
        result->corruptions++;
    }
    return 0;
}

static BlockDriver bdrv_fextents = {
    .format_name = "fextents",
    .instance_size = sizeof(BDRVFExtentsState),

    .bdrv_probe = fextents_probe,
    .bdrv_open = fextents_open,
    .bdrv_close = fextents_close,
    .bdrv_reopen_prepare = fextents_reopen_prepare,
    .bdrv_child_perm = bdrv_format_default_perms,
    .bdrv_refresh_limits = fextents_refresh_limits,
    .bdrv_co_create_opts = fextents_co_create_opts,
    .bdrv_gather_child_options = fextents_gather_child_options,

    .bdrv_co_preadv = fextents_co_preadv,
    .bdrv_co_pwritev = fextents_co_pwritev,
    .bdrv_co_pwritev_compressed = fextents_co_pwritev_compressed,
    .bdrv_co_block_status = fextents_co_block_status,
    .bdrv_co_flush_to_disk = fextents_co_flush_to_disk,
    .bdrv_co_check = fextents_co_check,

    .bdrv_get_info = fextents_get_info,
    .bdrv_get_specific_info = fextents_get_specific_info,
    .bdrv_get_allocated_file_size = fextents_get_allocated_file_size,
    .bdrv_has_zero_init = fextents_has_zero_init,

    .supports_backing = true,
    .create_opts = &fextents_create_opts,
};

static void bdrv_fextents_init(void)
{
    bdrv_register(&bdrv_fextents);
}

block_init(bdrv_fextents_init);
