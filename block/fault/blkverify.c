/* SPDX-License-Identifier: MIT */
/*
 * The driver blkverify: what is written goes to both of its children, `test`
 * and `raw`, and what is read from them must be the same.
 *
 * Invariants:
 *   - bs->file is the child `raw`, which is taken to be right; the length is
 *     that of `test`.
 *   - Requests that overlap, one of them a write, never run at the same time,
 *     so both children see them in the same order.
 *   - A difference between the children, in data or in success, is reported in
 *     one line and fails the request with -EIO.
 *   - Nothing is left unread for a status that `test` claims: all is data.
 */
#include "qemu/osdep.h"
#include "block/block_int.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qemu/option.h"

typedef struct VerifyRequest {
    const char *what;           /* for messages */
    uint64_t offset;            /* bytes */
    uint64_t bytes;
    bool writes;
    QLIST_ENTRY(VerifyRequest) next;
} VerifyRequest;

typedef struct BDRVBlkverifyState {
    BdrvChild *test;
    QLIST_HEAD(, VerifyRequest) requests;
    CoQueue waiters;            /* for the end of one of them */
} BDRVBlkverifyState;

static QemuOptsList blkverify_runtime_opts = {
    .name = "blkverify",
    .head = QTAILQ_HEAD_INITIALIZER(blkverify_runtime_opts.head),
    .desc = {
        /* Name of the raw image. */
        { .name = "x-raw", .type = QEMU_OPT_STRING },
        /* Name of the image under test. */
        { .name = "x-image", .type = QEMU_OPT_STRING },
        { /* end of list */ }
    },
};

/* ---- open, names -------------------------------------------------------- */

/* blkverify:RAW:TEST */
static void blkverify_parse_filename(const char *filename, QDict *options,
                                     Error **errp)
{
    const char *raw = filename + strlen("blkverify:");
    g_autofree char *path = NULL;
    const char *colon;

    if (!g_str_has_prefix(filename, "blkverify:")) {
        qdict_put_str(options, "x-image", filename);
        return;
    }
    colon = strchr(raw, ':');
    if (!colon) {
        error_setg(errp, "blkverify requires raw copy and original image path");
        return;
    }
    path = g_strndup(raw, colon - raw);
    qdict_put_str(options, "x-raw", path);
    qdict_put_str(options, "x-image", colon + 1);
}

/*
 * Only what both children can take is offered, because each request goes to
 * both.
 */
static int blkverify_file_open(BlockDriverState *bs, QDict *options, int flags,
                               Error **errp)
{
    g_autoptr(QemuOpts) opts =
        bdrv_absorb_options(&blkverify_runtime_opts, options, errp);
    BDRVBlkverifyState *s = bs->opaque;
    unsigned write_flags, zero_flags;

    if (!opts) {
        return -EINVAL;
    }
    qemu_co_queue_init(&s->waiters);
    bs->file = bdrv_open_child(qemu_opt_get(opts, "x-raw"), options, "raw", bs,
                               &child_file, false, errp);
    if (!bs->file) {
        return -EINVAL;
    }
    s->test = bdrv_open_child(qemu_opt_get(opts, "x-image"), options, "test",
                              bs, &child_format, false, errp);
    if (!s->test) {
        return -EINVAL;
    }
    write_flags = s->test->bs->supported_write_flags &
                  bs->file->bs->supported_write_flags;
    zero_flags = s->test->bs->supported_zero_flags &
                 bs->file->bs->supported_zero_flags;
    bs->supported_write_flags = BDRV_REQ_WRITE_UNCHANGED |
                                (write_flags & BDRV_REQ_FUA);
    bs->supported_zero_flags = BDRV_REQ_WRITE_UNCHANGED |
        (zero_flags & (BDRV_REQ_FUA | BDRV_REQ_MAY_UNMAP));
    return 0;
}

/* A name that is cut off would open something else, so there is none then. */
static void blkverify_refresh_filename(BlockDriverState *bs)
{
    BDRVBlkverifyState *s = bs->opaque;
    const char *raw = bs->file->bs->exact_filename;
    const char *test = s->test->bs->exact_filename;
    int length;

    if (!raw[0] || !test[0]) {
        return;
    }
    length = snprintf(bs->exact_filename, sizeof(bs->exact_filename),
                      "blkverify:%s:%s", raw, test);
    if (length >= (int)sizeof(bs->exact_filename)) {
        bs->exact_filename[0] = '\0';
    }
}

static int64_t blkverify_getlength(BlockDriverState *bs)
{
    BDRVBlkverifyState *s = bs->opaque;

    return bdrv_getlength(s->test->bs);
}

/* Only if both are zero, since a read compares them. */
static int blkverify_has_zero_init(BlockDriverState *bs)
{
    BDRVBlkverifyState *s = bs->opaque;

    return bdrv_has_zero_init(s->test->bs) &&
           bdrv_has_zero_init(bs->file->bs);
}

static int blkverify_has_zero_init_truncate(BlockDriverState *bs)
{
    BDRVBlkverifyState *s = bs->opaque;

    return bdrv_has_zero_init_truncate(s->test->bs) &&
           bdrv_has_zero_init_truncate(bs->file->bs);
}

/* ---- order -------------------------------------------------------------- */

/* Does one under way overlap @req, and does either of them write? */
static bool verify_must_wait(BDRVBlkverifyState *s, const VerifyRequest *req)
{
    VerifyRequest *other;

    QLIST_FOREACH(other, &s->requests, next) {
        if ((req->writes || other->writes) &&
            req->offset < other->offset + other->bytes &&
            other->offset < req->offset + req->bytes) {
            return true;
        }
    }
    return false;
}

/* Waits for those that @req must not run beside. */
static void coroutine_fn verify_begin(BDRVBlkverifyState *s,
                                      VerifyRequest *req)
{
    while (verify_must_wait(s, req)) {
        qemu_co_queue_wait(&s->waiters, NULL);
    }
    QLIST_INSERT_HEAD(&s->requests, req, next);
}

/* All waiters look again: which of them can go on depends on all requests. */
static void coroutine_fn verify_end(BDRVBlkverifyState *s, VerifyRequest *req)
{
    QLIST_REMOVE(req, next);
    qemu_co_queue_restart_all(&s->waiters);
}

/* The result of a request that ended so on the two children. */
static int verify_results(const VerifyRequest *req, int test_ret, int raw_ret)
{
    int test = MIN(test_ret, 0), raw = MIN(raw_ret, 0);

    if (test == raw) {
        return test;
    }
    error_report("blkverify: %s offset=%" PRIu64 " bytes=%" PRIu64
                 " return value mismatch %d != %d", req->what, req->offset,
                 req->bytes, test, raw);
    return -EIO;
}

/* ---- requests ----------------------------------------------------------- */

/* Is what @qiov holds the same as @buf?  0, or -EIO with a message. */
static int verify_data(const VerifyRequest *req, QEMUIOVector *qiov,
                       const uint8_t *buf)
{
    size_t done = 0;

    for (int i = 0; i < qiov->niov; i++) {
        const uint8_t *base = qiov->iov[i].iov_base;
        size_t length = qiov->iov[i].iov_len, same = 0;

        while (same < length && base[same] == buf[done + same]) {
            same++;
        }
        if (same < length) {
            error_report("blkverify: %s offset=%" PRIu64 " bytes=%" PRIu64
                         " contents mismatch at offset %" PRIu64, req->what,
                         req->offset, req->bytes,
                         req->offset + done + same);
            return -EIO;
        }
        done += length;
    }
    return 0;
}

/*
 * The caller's vector takes what `test` gives; the copy of `raw` is only
 * compared.
 */
static int coroutine_fn blkverify_co_preadv(BlockDriverState *bs,
                                            uint64_t offset, uint64_t bytes,
                                            QEMUIOVector *qiov, int flags)
{
    BDRVBlkverifyState *s = bs->opaque;
    VerifyRequest req = { "read", offset, bytes, false };
    uint8_t *buf = qemu_try_blockalign(bs->file->bs, bytes);
    int test, raw, ret;

    if (!buf) {
        return -ENOMEM;
    }
    verify_begin(s, &req);
    test = bdrv_co_preadv(s->test, offset, bytes, qiov, flags);
    raw = bdrv_co_pread(bs->file, offset, bytes, buf, flags);
    verify_end(s, &req);
    ret = verify_results(&req, test, raw);
    if (ret >= 0) {
        ret = verify_data(&req, qiov, buf);
    }
    qemu_vfree(buf);
    return ret;
}

static int coroutine_fn blkverify_co_pwritev(BlockDriverState *bs,
                                             uint64_t offset, uint64_t bytes,
                                             QEMUIOVector *qiov, int flags)
{
    BDRVBlkverifyState *s = bs->opaque;
    VerifyRequest req = { "write", offset, bytes, true };
    int test, raw;

    verify_begin(s, &req);
    test = bdrv_co_pwritev(s->test, offset, bytes, qiov, flags);
    raw = bdrv_co_pwritev(bs->file, offset, bytes, qiov, flags);
    verify_end(s, &req);
    return verify_results(&req, test, raw);
}

static int coroutine_fn blkverify_co_pwrite_zeroes(BlockDriverState *bs,
                                                   int64_t offset, int bytes,
                                                   BdrvRequestFlags flags)
{
    BDRVBlkverifyState *s = bs->opaque;
    VerifyRequest req = { "write-zeroes", offset, bytes, true };
    int test, raw;

    verify_begin(s, &req);
    test = bdrv_co_pwrite_zeroes(s->test, offset, bytes, flags);
    raw = bdrv_co_pwrite_zeroes(bs->file, offset, bytes, flags);
    verify_end(s, &req);
    return verify_results(&req, test, raw);
}

/* The layer goes on to bs->file, so both are flushed. */
static int coroutine_fn blkverify_co_flush_to_disk(BlockDriverState *bs)
{
    BDRVBlkverifyState *s = bs->opaque;

    return bdrv_co_flush(s->test->bs);
}

/*
 * `raw` may become longer than asked: only the length of `test` is ever used.
 */
static int coroutine_fn blkverify_co_truncate(BlockDriverState *bs,
                                              int64_t offset, bool exact,
                                              PreallocMode prealloc,
                                              Error **errp)
{
    BDRVBlkverifyState *s = bs->opaque;
    VerifyRequest req = { "truncate", 0, INT64_MAX, true };
    int ret;

    verify_begin(s, &req);
    ret = bdrv_co_truncate(s->test, offset, exact, prealloc, errp);
    if (ret >= 0) {
        ret = bdrv_co_truncate(bs->file, offset, false, PREALLOC_MODE_OFF,
                               errp);
    }
    verify_end(s, &req);
    return ret;
}

static BlockDriver bdrv_blkverify = {
    .format_name = "blkverify",
    .protocol_name = "blkverify",
    .instance_size = sizeof(BDRVBlkverifyState),

    .bdrv_parse_filename = blkverify_parse_filename,
    .bdrv_file_open = blkverify_file_open,
    .bdrv_reopen_prepare = bdrv_reopen_unchanged,
    .bdrv_child_perm = bdrv_filter_default_perms,
    .bdrv_refresh_filename = blkverify_refresh_filename,
    .bdrv_getlength = blkverify_getlength,
    .bdrv_get_allocated_file_size = bdrv_allocated_size_unknown,
    .bdrv_has_zero_init = blkverify_has_zero_init,
    .bdrv_has_zero_init_truncate = blkverify_has_zero_init_truncate,

    .bdrv_co_preadv = blkverify_co_preadv,
    .bdrv_co_pwritev = blkverify_co_pwritev,
    .bdrv_co_pwrite_zeroes = blkverify_co_pwrite_zeroes,
    .bdrv_co_flush_to_disk = blkverify_co_flush_to_disk,
    .bdrv_co_truncate = blkverify_co_truncate,
};

static void bdrv_blkverify_init(void)
{
    bdrv_register(&bdrv_blkverify);
}

block_init(bdrv_blkverify_init);
