/* SPDX-License-Identifier: MIT */
/*
 * The throw-away overlay: a node that keeps what is written in memory, over an
 * image that is only read.
 *
 * The written part is a table of clusters of 64 KiB.  Each sector of a cluster
 * is one of: not written (the image below answers), zero, or data.  A cluster
 * has a buffer only while it has data.
 *
 * Invariants:
 *   - A cluster's `zero` and `data` sets are disjoint; a cluster in the table
 *     has at least one sector in them.
 *   - Memory is bounded by what was written: a buffer a cluster with data, a
 *     small structure a cluster with zeroes.
 *   - No pointer to a cluster is kept over a yield.
 *   - After `visible` the image below is never asked: there all that was not
 *     written is zero.  It only shrinks, so what a truncate cut off stays away
 *     when the overlay grows again.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "qemu/module.h"

#define OVERLAY_CLUSTER  (64 * 1024)
#define OVERLAY_SECTOR   ((int64_t)BDRV_SECTOR_SIZE)
#define OVERLAY_SECTORS  (OVERLAY_CLUSTER / 512)
#define OVERLAY_WORDS    (OVERLAY_SECTORS / 64)

typedef struct OverlayCluster {
    uint64_t zero[OVERLAY_WORDS];
    uint64_t data[OVERLAY_WORDS];
    uint8_t *buf;                  /* OVERLAY_CLUSTER bytes, or NULL */
} OverlayCluster;

typedef struct BDRVOverlayState {
    GHashTable *clusters;          /* cluster number -> OverlayCluster */
    int64_t length;                /* bytes */
    int64_t visible;               /* bytes of the image below that count */
} BDRVOverlayState;

typedef enum SectorState {
    SECTOR_BELOW,
    SECTOR_ZERO,
    SECTOR_DATA,
} SectorState;

/* ---- sets of sectors ---------------------------------------------------- */

static bool set_has(const uint64_t *set, int i)
{
    return set[i / 64] >> (i % 64) & 1;
}

static void set_add(uint64_t *set, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        set[i / 64] |= UINT64_C(1) << (i % 64);
    }
}

static void set_remove(uint64_t *set, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        set[i / 64] &= ~(UINT64_C(1) << (i % 64));
    }
}

static bool set_is_empty(const uint64_t *set)
{
    for (int i = 0; i < OVERLAY_WORDS; i++) {
        if (set[i]) {
            return false;
        }
    }
    return true;
}

/* ---- clusters ----------------------------------------------------------- */

static gpointer cluster_key(int64_t offset)
{
    return (gpointer)(uintptr_t)(offset / OVERLAY_CLUSTER);
}

static void cluster_free(gpointer opaque)
{
    OverlayCluster *cluster = opaque;

    g_free(cluster->buf);
    g_free(cluster);
}

static OverlayCluster *find_cluster(BDRVOverlayState *s, int64_t offset)
{
    return g_hash_table_lookup(s->clusters, cluster_key(offset));
}

/*
 * The cluster of @offset, with a buffer if @buffer, made if need be.  NULL:
 * there is no memory, and nothing has changed.
 */
static OverlayCluster *get_cluster(BDRVOverlayState *s, int64_t offset,
                                   bool buffer)
{
    OverlayCluster *cluster = find_cluster(s, offset);
    uint8_t *buf = NULL;

    if (buffer && (!cluster || !cluster->buf)) {
        buf = g_try_malloc(OVERLAY_CLUSTER);
        if (!buf) {
            return NULL;
        }
    }
    if (!cluster) {
        cluster = g_try_new0(OverlayCluster, 1);
        if (!cluster) {
            g_free(buf);
            return NULL;
        }
        g_hash_table_insert(s->clusters, cluster_key(offset), cluster);
    }
    if (buf) {
        cluster->buf = buf;
    }
    return cluster;
}

/* How much of [@offset, @offset + @bytes) lies in the first cluster? */
static int bytes_in_cluster(int64_t offset, int64_t bytes)
{
    return MIN(bytes, OVERLAY_CLUSTER - offset % OVERLAY_CLUSTER);
}

static SectorState sector_state(const OverlayCluster *cluster, int sector)
{
    if (!cluster) {
        return SECTOR_BELOW;
    }
    if (set_has(cluster->data, sector)) {
        return SECTOR_DATA;
    }
    return set_has(cluster->zero, sector) ? SECTOR_ZERO : SECTOR_BELOW;
}

/*
 * The state of the sector at @offset; *@run is how many bytes from there on,
 * within the cluster and @bytes, share it.
 */
static SectorState find_run(BDRVOverlayState *s, int64_t offset, int64_t bytes,
                            int *run)
{
    OverlayCluster *cluster = find_cluster(s, offset);
    int max = bytes_in_cluster(offset, bytes);
    int first = offset % OVERLAY_CLUSTER / OVERLAY_SECTOR;
    SectorState state = sector_state(cluster, first);
    int n = 1;

    if (cluster) {
        while (n * OVERLAY_SECTOR < max &&
               sector_state(cluster, first + n) == state) {
            n++;
        }
        max = MIN(max, n * OVERLAY_SECTOR);
    }
    if (state == SECTOR_BELOW) {
        if (offset >= s->visible) {
            state = SECTOR_ZERO;
        } else {
            max = MIN(max, s->visible - offset);
        }
    }
    *run = max;
    return state;
}

/* How far from @offset on do sectors have the state @state, of any cluster? */
static int64_t find_extent(BDRVOverlayState *s, int64_t offset, int64_t bytes,
                           SectorState state)
{
    int64_t done = 0;
    int run;

    while (done < bytes &&
           find_run(s, offset + done, bytes - done, &run) == state) {
        done += run;
    }
    return done;
}

/* ---- reads -------------------------------------------------------------- */

/*
 * Adjacent sectors of the image below are read in one request, of whichever
 * clusters, because a request costs more than the bytes in it.
 */
static int coroutine_fn overlay_co_preadv(BlockDriverState *bs,
                                          uint64_t offset, uint64_t bytes,
                                          QEMUIOVector *qiov, int flags)
{
    BDRVOverlayState *s = bs->opaque;
    uint64_t done = 0;

    while (done < bytes) {
        int64_t pos = offset + done;
        int64_t n;
        int run, ret;

        switch (find_run(s, pos, bytes - done, &run)) {
        case SECTOR_DATA:
            qemu_iovec_from_buf(qiov, done, find_cluster(s, pos)->buf +
                                pos % OVERLAY_CLUSTER, run);
            n = run;
            break;
        case SECTOR_ZERO:
            qemu_iovec_memset(qiov, done, 0, run);
            n = run;
            break;
        default:
            n = find_extent(s, pos, bytes - done, SECTOR_BELOW);
            ret = bdrv_co_preadv_part(bs->backing, pos, n, qiov, done, 0);
            if (ret < 0) {
                return ret;
            }
        }
        done += n;
    }
    return 0;
}

/* ---- writes ------------------------------------------------------------- */

/* Nothing in here yields, so no other request sees a part without the rest. */
static int coroutine_fn overlay_co_pwritev(BlockDriverState *bs,
                                           uint64_t offset, uint64_t bytes,
                                           QEMUIOVector *qiov, int flags)
{
    BDRVOverlayState *s = bs->opaque;
    uint64_t done = 0;

    while (done < bytes) {
        int64_t pos = offset + done;
        int in_cluster = pos % OVERLAY_CLUSTER;
        int n = bytes_in_cluster(pos, bytes - done);
        OverlayCluster *cluster = get_cluster(s, pos, true);

        if (!cluster) {
            return -ENOMEM;
        }
        qemu_iovec_to_buf(qiov, done, cluster->buf + in_cluster, n);
        set_add(cluster->data, in_cluster / OVERLAY_SECTOR,
                n / OVERLAY_SECTOR);
        set_remove(cluster->zero, in_cluster / OVERLAY_SECTOR,
                   n / OVERLAY_SECTOR);
        done += n;
    }
    return 0;
}

/* Sectors that are zero without being written stay so, and take no memory. */
static int overlay_zero(BDRVOverlayState *s, int64_t offset, int64_t bytes)
{
    int n;

    for (; bytes > 0; offset += n, bytes -= n) {
        int first = offset % OVERLAY_CLUSTER / OVERLAY_SECTOR;
        OverlayCluster *cluster;
        int count;

        n = bytes_in_cluster(offset, bytes);
        if (offset >= s->visible && !find_cluster(s, offset)) {
            continue;
        }
        cluster = get_cluster(s, offset, false);
        if (!cluster) {
            return -ENOMEM;
        }
        count = n / OVERLAY_SECTOR;
        set_add(cluster->zero, first, count);
        set_remove(cluster->data, first, count);
        if (set_is_empty(cluster->data)) {
            g_free(cluster->buf);
            cluster->buf = NULL;
        }
    }
    return 0;
}

static int coroutine_fn overlay_co_pwrite_zeroes(BlockDriverState *bs,
                                                 int64_t offset, int bytes,
                                                 BdrvRequestFlags flags)
{
    return overlay_zero(bs->opaque, offset, bytes);
}

/* Discarded sectors read as zeroes, as those of a raw image do. */
static int coroutine_fn overlay_co_pdiscard(BlockDriverState *bs,
                                            int64_t offset, int bytes)
{
    return overlay_zero(bs->opaque, offset, bytes);
}

/* Nothing of it survives the node, so there is nothing to make durable. */
static int coroutine_fn overlay_co_flush(BlockDriverState *bs)
{
    return 0;
}

/* ---- length ------------------------------------------------------------- */

static gboolean cluster_is_after(gpointer key, gpointer value,
                                  gpointer opaque)
{
    const int64_t *length = opaque;

    return (int64_t)(uintptr_t)key * OVERLAY_CLUSTER >= *length;
}

/* Forgets the clusters after @length, a multiple of a sector. */
static void cut_clusters(BDRVOverlayState *s, int64_t length)
{
    int first = length % OVERLAY_CLUSTER / OVERLAY_SECTOR;
    OverlayCluster *cluster;

    g_hash_table_foreach_remove(s->clusters, cluster_is_after, &length);
    cluster = first ? find_cluster(s, length) : NULL;
    if (!cluster) {
        return;
    }
    set_remove(cluster->data, first, OVERLAY_SECTORS - first);
    set_remove(cluster->zero, first, OVERLAY_SECTORS - first);
    if (set_is_empty(cluster->data) && set_is_empty(cluster->zero)) {
        g_hash_table_remove(s->clusters, cluster_key(length));
    }
}

/* Rounded up, as lengths are counted in sectors. */
static int coroutine_fn overlay_co_truncate(BlockDriverState *bs,
                                            int64_t offset, bool exact,
                                            PreallocMode prealloc,
                                            Error **errp)
{
    BDRVOverlayState *s = bs->opaque;

    if (prealloc != PREALLOC_MODE_OFF) {
        error_setg(errp, "Preallocation is not supported by a throw-away "
                   "overlay");
        return -ENOTSUP;
    }
    if (offset > INT64_MAX - OVERLAY_CLUSTER) {
        error_setg(errp, "Image size must be less than 8 EiB");
        return -EFBIG;
    }
    offset = ROUND_UP(offset, OVERLAY_SECTOR);
    if (offset < s->length) {
        cut_clusters(s, offset);
    }
    s->length = offset;
    s->visible = MIN(s->visible, offset);
    return 0;
}

static int64_t overlay_getlength(BlockDriverState *bs)
{
    BDRVOverlayState *s = bs->opaque;

    return s->length;
}

/* ---- questions ---------------------------------------------------------- */

static int coroutine_fn overlay_co_block_status(BlockDriverState *bs,
                                                bool want_zero, int64_t offset,
                                                int64_t bytes, int64_t *pnum,
                                                int64_t *map,
                                                BlockDriverState **file)
{
    static const int bits[] = {
        [SECTOR_BELOW] = 0,
        [SECTOR_ZERO] = BDRV_BLOCK_ZERO,
        [SECTOR_DATA] = BDRV_BLOCK_DATA,
    };
    BDRVOverlayState *s = bs->opaque;
    SectorState state;
    int run;

    state = find_run(s, offset, bytes, &run);
    *pnum = find_extent(s, offset, bytes, state);
    return bits[state];
}

/* Memory is no file; what takes space on the disk is the image below. */
static int64_t overlay_get_allocated_file_size(BlockDriverState *bs)
{
    return bdrv_get_allocated_file_size(bs->backing->bs);
}

static int overlay_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    bdi->cluster_size = OVERLAY_CLUSTER;
    return 0;
}

static void overlay_refresh_limits(BlockDriverState *bs, Error **errp)
{
    bs->bl.request_alignment = OVERLAY_SECTOR;
}

/* A user who asks for the name wants that of the image. */
static void overlay_refresh_filename(BlockDriverState *bs)
{
    memcpy(bs->exact_filename, bs->backing->bs->exact_filename,
           sizeof(bs->exact_filename));
}

/* ---- open, close -------------------------------------------------------- */

static int overlay_open(BlockDriverState *bs, QDict *options, int flags,
                        Error **errp)
{
    BDRVOverlayState *s = bs->opaque;
    int64_t length;

    bs->backing = bdrv_open_child(NULL, options, "backing", bs,
                                  &child_backing, false, errp);
    if (!bs->backing) {
        return -EINVAL;
    }
    length = bdrv_getlength(bs->backing->bs);
    if (length < 0) {
        error_setg_errno(errp, -length, "Could not get image size");
        return length;
    }
    s->clusters = g_hash_table_new_full(NULL, NULL, NULL, cluster_free);
    s->length = length;
    s->visible = length;
    bs->supported_write_flags = BDRV_REQ_FUA;
    bs->supported_zero_flags = BDRV_REQ_FUA | BDRV_REQ_MAY_UNMAP |
                               BDRV_REQ_NO_FALLBACK;
    return 0;
}

static void overlay_close(BlockDriverState *bs)
{
    BDRVOverlayState *s = bs->opaque;

    g_hash_table_destroy(s->clusters);
}

static BlockDriver bdrv_overlay = {
    .format_name = "overlay",
#ifdef MINBLK_BLOCK_DRIVER_EXT
    .is_internal = true, /* only the layer opens it, for snapshot=on */
#endif
    .instance_size = sizeof(BDRVOverlayState),

    .bdrv_open = overlay_open,
    .bdrv_close = overlay_close,
    .bdrv_reopen_prepare = bdrv_reopen_unchanged,

    .bdrv_co_preadv = overlay_co_preadv,
    .bdrv_co_pwritev = overlay_co_pwritev,
    .bdrv_co_pwrite_zeroes = overlay_co_pwrite_zeroes,
    .bdrv_co_pdiscard = overlay_co_pdiscard,
    .bdrv_co_flush = overlay_co_flush,
    .bdrv_co_block_status = overlay_co_block_status,
    .bdrv_co_truncate = overlay_co_truncate,

    .bdrv_getlength = overlay_getlength,
    .bdrv_get_allocated_file_size = overlay_get_allocated_file_size,
    .bdrv_get_info = overlay_get_info,
    .bdrv_refresh_limits = overlay_refresh_limits,
    .bdrv_refresh_filename = overlay_refresh_filename,
};

static void bdrv_overlay_init(void)
{
    bdrv_register(&bdrv_overlay);
}

block_init(bdrv_overlay_init);
