/* SPDX-License-Identifier: MIT */
/*
 * The driver of fake-driver.h.
 */
#include "qemu/osdep.h"

#include "qapi/error.h"
#include "tests/unit/fake-driver.h"

typedef struct FakeState {
    FakeDisk *disk;
} FakeState;

static __thread FakeDisk *opening;

static FakeDisk *disk_of(BlockDriverState *bs)
{
    FakeState *s = bs->opaque;

    return s->disk;
}

/* ---- records and errors ------------------------------------------------ */

static void record(FakeDisk *d, FakeOp op, int64_t offset, int64_t bytes,
                   int flags, int niov)
{
    FakeCall *call = &d->calls[d->n_calls % FAKE_CALLS];

    *call = (FakeCall) { op, offset, bytes, flags, niov };
    d->n_calls++;
}

static int outcome(FakeDisk *d, FakeOp op)
{
    if (d->error[op] && d->skip[op]-- <= 0) {
        d->skip[op] = 0;
        return d->error[op];
    }
    return 0;
}

static void coroutine_fn linger(FakeDisk *d)
{
    int turns = d->slow ? g_random_int_range(0, 4) : 0;

    while (turns--) {
        aio_co_schedule(bdrv_get_aio_context(d->bs), qemu_coroutine_self());
        qemu_coroutine_yield();
    }
}

static int64_t align_of(FakeDisk *d)
{
    return d->bs->bl.request_alignment;
}

/* What the layer owes to every transfer. */
static void check_transfer(FakeDisk *d, int64_t offset, int64_t bytes,
                           QEMUIOVector *qiov)
{
    g_assert_cmpint(bytes, >, 0);
    g_assert_cmpuint(bytes, ==, qiov->size);
    g_assert_cmpuint(bytes, ==, iov_size(qiov->iov, qiov->niov));
    g_assert_cmpint(offset % align_of(d), ==, 0);
    g_assert_cmpint(bytes % align_of(d), ==, 0);
    g_assert_cmpint(offset + bytes, <=, FAKE_CAPACITY);
    if (d->limits.max_transfer) {
        g_assert_cmpint(bytes, <=, MAX(d->limits.max_transfer, align_of(d)));
    }
    if (d->limits.max_iov) {
        g_assert_cmpint(qiov->niov, <=, d->limits.max_iov);
    }
}

/* ---- reads and writes -------------------------------------------------- */

static int coroutine_fn fake_preadv(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    int flags)
{
    FakeDisk *d = disk_of(bs);
    int ret;

    record(d, FAKE_READ, offset, bytes, flags, qiov->niov);
    check_transfer(d, offset, bytes, qiov);
    g_assert_cmpint(flags, ==, 0);
    g_assert_cmpint(offset + bytes, <=, ROUND_UP(d->size, MAX(align_of(d),
                                                              512)));
    linger(d);
    ret = outcome(d, FAKE_READ);
    if (ret >= 0) {
        qemu_iovec_from_buf(qiov, 0, d->data + offset, bytes);
    }
    linger(d);
    return ret;
}

/* Copies half, lingers, copies the rest: others see torn writes. */
static void coroutine_fn store(FakeDisk *d, int64_t offset, QEMUIOVector *qiov)
{
    size_t half = qiov->size / 2;

    qemu_iovec_to_buf(qiov, 0, d->data + offset, half);
    linger(d);
    qemu_iovec_to_buf(qiov, half, d->data + offset + half, qiov->size - half);
    d->size = MAX(d->size, offset + (int64_t)qiov->size);
}

static int coroutine_fn fake_pwritev(BlockDriverState *bs, uint64_t offset,
                                     uint64_t bytes, QEMUIOVector *qiov,
                                     int flags)
{
    FakeDisk *d = disk_of(bs);
    int ret;

    record(d, FAKE_WRITE, offset, bytes, flags, qiov->niov);
    check_transfer(d, offset, bytes, qiov);
    g_assert_cmpuint(flags & ~d->write_flags, ==, 0);
    linger(d);
    ret = outcome(d, FAKE_WRITE);
    if (ret >= 0) {
        store(d, offset, qiov);
    }
    linger(d);
    return ret;
}

static int coroutine_fn fake_tail(BlockDriverState *bs, uint64_t offset,
                                  uint64_t bytes, QEMUIOVector *qiov)
{
    FakeDisk *d = disk_of(bs);
    int ret;

    record(d, FAKE_TAIL, offset, bytes, 0, qiov->niov);
    g_assert_cmpuint(bytes, ==, qiov->size);
    linger(d);
    ret = outcome(d, FAKE_TAIL);
    if (ret >= 0) {
        store(d, offset, qiov);
    }
    return ret;
}

static void check_piece(FakeDisk *d, int64_t offset, int64_t bytes,
                        int64_t max, int64_t align)
{
    g_assert_cmpint(bytes, >, 0);
    if (max) {
        g_assert_cmpint(bytes, <=, MAX(max, align_of(d)));
    }
    align = MAX(align, align_of(d));
    if (bytes >= align && (!max || max >= align)) {
        g_assert_cmpint(offset % align, ==, 0);
    }
}

static int coroutine_fn fake_pwrite_zeroes(BlockDriverState *bs,
                                           int64_t offset, int bytes,
                                           BdrvRequestFlags flags)
{
    FakeDisk *d = disk_of(bs);
    int ret;

    record(d, FAKE_ZERO, offset, bytes, flags, 0);
    g_assert_cmpint(offset % align_of(d), ==, 0);
    g_assert_cmpint(bytes % align_of(d), ==, 0);
    check_piece(d, offset, bytes, d->limits.max_pwrite_zeroes,
                d->limits.pwrite_zeroes_alignment % align_of(d) == 0
                    ? d->limits.pwrite_zeroes_alignment : INT64_MAX);
    g_assert_cmpuint(flags & ~d->zero_flags, ==, 0);
    linger(d);
    ret = outcome(d, FAKE_ZERO);
    if (ret >= 0) {
        memset(d->data + offset, 0, bytes);
        d->size = MAX(d->size, offset + bytes);
    }
    linger(d);
    return ret;
}

static int coroutine_fn fake_pdiscard(BlockDriverState *bs, int64_t offset,
                                      int bytes)
{
    FakeDisk *d = disk_of(bs);
    int ret;

    record(d, FAKE_DISCARD, offset, bytes, 0, 0);
    check_piece(d, offset, bytes, d->limits.max_pdiscard,
                d->limits.pdiscard_alignment % align_of(d) == 0
                    ? d->limits.pdiscard_alignment : INT64_MAX);
    if (offset % align_of(d) || bytes % align_of(d)) {
        g_assert_cmpint(bytes, <, align_of(d));
        g_assert_cmpint(offset / align_of(d), ==,
                        (offset + bytes - 1) / align_of(d));
    }
    linger(d);
    ret = outcome(d, FAKE_DISCARD);
    if (ret >= 0) {
        memset(d->data + offset, 0, bytes);
    }
    return ret;
}

/* ---- the others -------------------------------------------------------- */

static int coroutine_fn simple(BlockDriverState *bs, FakeOp op)
{
    FakeDisk *d = disk_of(bs);

    record(d, op, 0, 0, 0, 0);
    linger(d);
    return outcome(d, op);
}

static int coroutine_fn fake_flush_to_os(BlockDriverState *bs)
{
    return simple(bs, FAKE_FLUSH_OS);
}

static int coroutine_fn fake_flush_to_disk(BlockDriverState *bs)
{
    return simple(bs, FAKE_FLUSH_DISK);
}

static int coroutine_fn fake_truncate(BlockDriverState *bs, int64_t offset,
                                      bool exact, PreallocMode prealloc,
                                      Error **errp)
{
    FakeDisk *d = disk_of(bs);
    int ret;

    record(d, FAKE_TRUNCATE, offset, 0, exact, prealloc);
    linger(d);
    ret = outcome(d, FAKE_TRUNCATE);
    if (ret < 0) {
        return ret;
    }
    if (offset < d->size) {
        memset(d->data + offset, 0, d->size - offset);
    }
    d->size = offset;
    linger(d);
    return ret;
}

static int coroutine_fn fake_block_status(BlockDriverState *bs, bool want_zero,
                                          int64_t offset, int64_t bytes,
                                          int64_t *pnum, int64_t *map,
                                          BlockDriverState **file)
{
    FakeDisk *d = disk_of(bs);
    int ret;

    record(d, FAKE_STATUS, offset, bytes, want_zero, 0);
    g_assert_cmpint(offset % align_of(d), ==, 0);
    g_assert_cmpint(bytes % align_of(d), ==, 0);
    g_assert_cmpint(*map, ==, 0);
    g_assert_null(*file);
    linger(d);
    ret = outcome(d, FAKE_STATUS);
    if (ret < 0) {
        return ret;
    }
    return d->status(d, offset, bytes, pnum, map, file);
}

static int coroutine_fn fake_copy_from(BlockDriverState *bs, BdrvChild *src,
                                       uint64_t offset, BdrvChild *dst,
                                       uint64_t dst_offset, uint64_t bytes,
                                       BdrvRequestFlags read_flags,
                                       BdrvRequestFlags write_flags)
{
    FakeDisk *d = disk_of(bs);
    int ret;

    record(d, FAKE_COPY_FROM, offset, bytes, read_flags, 0);
    linger(d);
    ret = outcome(d, FAKE_COPY_FROM);
    return ret < 0 ? ret
                   : bdrv_co_copy_range_to(src, offset, dst, dst_offset, bytes,
                                           read_flags, write_flags);
}

static int coroutine_fn fake_copy_to(BlockDriverState *bs, BdrvChild *src,
                                     uint64_t src_offset, BdrvChild *dst,
                                     uint64_t offset, uint64_t bytes,
                                     BdrvRequestFlags read_flags,
                                     BdrvRequestFlags write_flags)
{
    FakeDisk *d = disk_of(bs);
    int ret;

    record(d, FAKE_COPY_TO, offset, bytes, write_flags, 0);
    linger(d);
    ret = outcome(d, FAKE_COPY_TO);
    if (ret >= 0) {
        memmove(d->data + offset, disk_of(src->bs)->data + src_offset, bytes);
        d->size = MAX(d->size, (int64_t)(offset + bytes));
    }
    return ret;
}

static void fake_debug_event(BlockDriverState *bs, BlkdebugEvent event)
{
    record(disk_of(bs), FAKE_EVENT, 0, 0, event, 0);
}

static int64_t fake_getlength(BlockDriverState *bs)
{
    return disk_of(bs)->size;
}

static int fake_get_info(BlockDriverState *bs, BlockDriverInfo *bdi)
{
    bdi->unallocated_blocks_are_zero = disk_of(bs)->info_zero;
    return 0;
}

static int fake_has_zero_init_truncate(BlockDriverState *bs)
{
    return 1;
}

static void fake_refresh_limits(BlockDriverState *bs, Error **errp)
{
    BlockLimits *l = &disk_of(bs)->limits;

    bs->bl.request_alignment = l->request_alignment ?: 1;
    bs->bl.max_transfer = l->max_transfer;
    bs->bl.max_iov = l->max_iov ?: bs->bl.max_iov;
    bs->bl.max_pwrite_zeroes = l->max_pwrite_zeroes;
    bs->bl.pwrite_zeroes_alignment = l->pwrite_zeroes_alignment;
    bs->bl.max_pdiscard = l->max_pdiscard;
    bs->bl.pdiscard_alignment = l->pdiscard_alignment;
}

static int fake_driver_open(BlockDriverState *bs, QDict *options, int flags,
                            Error **errp)
{
    FakeState *s = bs->opaque;

    s->disk = opening;
    bs->total_sectors = DIV_ROUND_UP(opening->size, 512);
    bs->supported_write_flags = opening->write_flags;
    bs->supported_zero_flags = opening->zero_flags;
    return 0;
}

/* ---- callback-style requests ------------------------------------------- */

typedef struct FakeAIOCB {
    BlockAIOCB common;
    int ret;
} FakeAIOCB;

static const AIOCBInfo fake_aiocb_info = {
    .aiocb_size = sizeof(FakeAIOCB),
};

static void fake_aio_bh(void *opaque)
{
    FakeAIOCB *acb = opaque;

    acb->common.cb(acb->common.opaque, acb->ret);
    qemu_aio_unref(acb);
}

static BlockAIOCB *fake_aio(BlockDriverState *bs, int ret,
                            BlockCompletionFunc *cb, void *opaque)
{
    FakeAIOCB *acb;

    if (ret == -ECANCELED) {
        return NULL;
    }
    acb = qemu_aio_get(&fake_aiocb_info, bs, cb, opaque);
    acb->ret = ret;
    aio_bh_schedule_oneshot(bdrv_get_aio_context(bs), fake_aio_bh, acb);
    return &acb->common;
}

static BlockAIOCB *fake_aio_preadv(BlockDriverState *bs, uint64_t offset,
                                   uint64_t bytes, QEMUIOVector *qiov,
                                   int flags, BlockCompletionFunc *cb,
                                   void *opaque)
{
    FakeDisk *d = disk_of(bs);

    record(d, FAKE_READ, offset, bytes, flags, qiov->niov);
    check_transfer(d, offset, bytes, qiov);
    qemu_iovec_from_buf(qiov, 0, d->data + offset, bytes);
    return fake_aio(bs, outcome(d, FAKE_READ), cb, opaque);
}

static BlockAIOCB *fake_aio_pwritev(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    int flags, BlockCompletionFunc *cb,
                                    void *opaque)
{
    FakeDisk *d = disk_of(bs);

    record(d, FAKE_WRITE, offset, bytes, flags, qiov->niov);
    check_transfer(d, offset, bytes, qiov);
    qemu_iovec_to_buf(qiov, 0, d->data + offset, bytes);
    return fake_aio(bs, outcome(d, FAKE_WRITE), cb, opaque);
}

static BlockAIOCB *fake_aio_flush(BlockDriverState *bs,
                                  BlockCompletionFunc *cb, void *opaque)
{
    FakeDisk *d = disk_of(bs);

    record(d, FAKE_FLUSH_DISK, 0, 0, 0, 0);
    return fake_aio(bs, outcome(d, FAKE_FLUSH_DISK), cb, opaque);
}

/* ---- disks ------------------------------------------------------------- */

static const BlockDriver fake_base = {
    .format_name = "fake",
    .instance_size = sizeof(FakeState),
    .bdrv_refresh_limits = fake_refresh_limits,
    .bdrv_debug_event = fake_debug_event,
    .bdrv_get_info = fake_get_info,
};

static FakeDisk *disk_new(int64_t size)
{
    FakeDisk *d = g_new0(FakeDisk, 1);
    int64_t i;

    g_assert_cmpint(size, <=, FAKE_CAPACITY);
    d->drv = fake_base;
    d->size = size;
    d->perm = BLK_PERM_ALL & ~BLK_PERM_GRAPH_MOD;
    for (i = 0; i < size; i++) {
        d->data[i] = g_random_int();
    }
    return d;
}

static void add_co_callbacks(BlockDriver *drv)
{
    drv->bdrv_co_preadv = fake_preadv;
    drv->bdrv_co_pwritev = fake_pwritev;
    drv->bdrv_co_pwrite_zeroes = fake_pwrite_zeroes;
    drv->bdrv_co_pdiscard = fake_pdiscard;
    drv->bdrv_co_copy_range_from = fake_copy_from;
    drv->bdrv_co_copy_range_to = fake_copy_to;
    drv->bdrv_co_flush_to_os = fake_flush_to_os;
    drv->bdrv_co_flush_to_disk = fake_flush_to_disk;
    drv->bdrv_co_block_status = fake_block_status;
}

FakeDisk *fake_file_new(int64_t size)
{
    FakeDisk *d = disk_new(size);

    add_co_callbacks(&d->drv);
    d->drv.protocol_name = "fake";
    d->drv.bdrv_file_open = fake_driver_open;
    d->drv.bdrv_getlength = fake_getlength;
    d->drv.bdrv_co_truncate = fake_truncate;
    d->drv.bdrv_has_zero_init_truncate = fake_has_zero_init_truncate;
    d->drv.bdrv_co_flush_to_os = NULL;
    return d;
}

void fake_use_tail(FakeDisk *d)
{
    d->drv.bdrv_co_pwritev_tail = fake_tail;
}

FakeDisk *fake_format_new(int64_t size)
{
    FakeDisk *d = disk_new(size);

    add_co_callbacks(&d->drv);
    d->drv.format_name = "fake-format";
    d->drv.bdrv_open = fake_driver_open;
    return d;
}

FakeDisk *fake_aio_new(int64_t size)
{
    FakeDisk *d = disk_new(size);

    d->drv.protocol_name = "fake-aio";
    d->drv.bdrv_file_open = fake_driver_open;
    d->drv.bdrv_getlength = fake_getlength;
    d->drv.bdrv_aio_preadv = fake_aio_preadv;
    d->drv.bdrv_aio_pwritev = fake_aio_pwritev;
    d->drv.bdrv_aio_flush = fake_aio_flush;
    return d;
}

static const BdrvChildRole fake_role = {
    .parent_desc = "test",
};

void fake_open(FakeDisk *d, int flags)
{
    opening = d;
    d->bs = bdrv_new_open_driver(&d->drv, NULL, flags, &error_abort);
    d->child = bdrv_root_attach_child(
        d->bs, "root", &fake_role,
        flags & BDRV_O_RDWR ? d->perm : d->perm & BLK_PERM_CONSISTENT_READ,
        BLK_PERM_ALL, d, &error_abort);
    fake_reset(d);
}

static BdrvChild *attach(FakeDisk *d, FakeDisk *below, const char *name,
                         const BdrvChildRole *role)
{
    BdrvChild *c;

    bdrv_ref(below->bs);
    c = bdrv_attach_child(d->bs, below->bs, name, role, &error_abort);
    return c;
}

void fake_set_file(FakeDisk *d, FakeDisk *file)
{
    d->bs->file = attach(d, file, "file", &child_file);
    bdrv_refresh_limits(d->bs, &error_abort);
}

void fake_set_backing(FakeDisk *d, FakeDisk *backing)
{
    d->bs->backing = attach(d, backing, "backing", &child_backing);
    bdrv_refresh_limits(d->bs, &error_abort);
}

void fake_close(FakeDisk *d)
{
    g_assert_cmpint(d->bs->in_flight, ==, 0);
    g_assert_cmpint(d->bs->serialising_in_flight, ==, 0);
    g_assert_true(QLIST_EMPTY(&d->bs->tracked_requests));
    bdrv_root_unref_child(d->child);
    g_free(d);
}

int fake_count(FakeDisk *d, FakeOp op)
{
    int i, n = 0;

    g_assert_cmpint(d->n_calls, <=, FAKE_CALLS);
    for (i = 0; i < d->n_calls; i++) {
        n += d->calls[i].op == op;
    }
    return n;
}

FakeCall *fake_call(FakeDisk *d, FakeOp op, int n)
{
    int i;

    for (i = 0; i < d->n_calls; i++) {
        if (d->calls[i].op == op && n-- == 0) {
            return &d->calls[i];
        }
    }
    g_assert_not_reached();
}

void fake_reset(FakeDisk *d)
{
    d->n_calls = 0;
    memset(d->error, 0, sizeof(d->error));
    memset(d->skip, 0, sizeof(d->skip));
}

void fake_run(CoroutineEntry *fn, void *opaque)
{
    bdrv_run_co(qemu_get_current_aio_context(), fn, opaque);
}
