/* SPDX-License-Identifier: MIT */
/*
 * Running a list of operations; see run.h.
 *
 * Invariants:
 *   - Up to `depth` requests are in flight, each in a coroutine of its own;
 *     truncation and reopening wait for all of them and run alone.
 *   - Each piece of a vector is memory of its own, full of rubbish before it is
 *     read into.
 */
#include "run.h"

#define RUBBISH 0x5e

typedef struct Request {
    Run *run;
    const Op *op;
    unsigned number;
} Request;

/* Fails the case because of operation @number. */
static void fail_op(Run *run, unsigned number, const char *fmt, ...)
    GCC_FMT_ATTR(3, 4) QEMU_NORETURN;

static void fail_op(Run *run, unsigned number, const char *fmt, ...)
{
    const Op *op = &g_array_index(run->ops, Op, number);
    g_autofree char *what = op_print(op);
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    case_fail(run->c, "operation %u (%s): %s", number + 1, what, text);
}

/* ---- opening ------------------------------------------------------------ */

void run_create(Run *run, int64_t size)
{
    Error *err = NULL;

    if (!stack_create_near(run->h, run->how.disk, size, &err)) {
        case_fail_err(run->c, err, "the image could not be created");
    }
}

void run_finish(Run *run)
{
    g_clear_pointer(&run->model, model_free);
    mem_disk_free(mem_disk_find(run->how.disk));
}

void run_open(Run *run)
{
    Error *err = NULL;

    run->blk = stack_open(run->h, &run->how, &err);
    if (!run->blk) {
        case_fail_err(run->c, err, "the image could not be opened");
    }
}

void run_close(Run *run)
{
    blk_unref(run->blk);
    run->blk = NULL;
}

int run_read(BlockBackend *blk, int64_t offset, uint8_t *buf, int64_t bytes)
{
    const int64_t piece = 1 << 20;

    for (int64_t at = 0; at < bytes; at += piece) {
        int ret = blk_pread(blk, offset + at, buf + at,
                            MIN(piece, bytes - at));

        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

/* All of the image; fails the case where that is not possible. */
static uint8_t *read_image(Run *run, int64_t length)
{
    uint8_t *buf = g_malloc(length);
    int ret;

    memset(buf, RUBBISH, length);
    ret = run_read(run->blk, 0, buf, length);
    if (ret < 0 && run->on_error != RUN_ERRORS_FAIL) {
        ret = run_read(run->blk, 0, buf, length);
    }
    if (ret < 0) {
        case_fail(run->c, "the image could not be read: %s", strerror(-ret));
    }
    return buf;
}

void run_adopt(Run *run)
{
    int64_t length = blk_getlength(run->blk);
    g_autofree uint8_t *buf = NULL;
    BlockDriverState *bs = blk_bs(run->blk);
    bool zero = !run->h->from && bdrv_has_zero_init(bs);

    if (length <= 0) {
        case_fail(run->c, "the length of the image is %" PRId64, length);
    }
    buf = read_image(run, length);
    if (zero) {
        for (int64_t i = 0; i < length; i++) {
            if (buf[i]) {
                case_fail(run->c, "the new image is said to be zero, but byte "
                          "%" PRId64 " is 0x%02x", i, buf[i]);
            }
        }
    }
    run->model = model_new(length, zero ? NULL : buf);
    model_set_dirty_growth(run->model, !bdrv_has_zero_init_truncate(bs));
}

/* ---- requests ----------------------------------------------------------- */

/* The length of piece @i of the vector of @op. */
static size_t piece_length(const Op *op, unsigned i)
{
    size_t n = op->bytes / op->pieces;

    return i == op->pieces - 1 ? op->bytes - n * i : n;
}

static void make_vector(QEMUIOVector *qiov, const Op *op)
{
    qemu_iovec_init(qiov, op->pieces);
    for (unsigned i = 0; i < op->pieces; i++) {
        size_t n = piece_length(op, i);

        qemu_iovec_add(qiov, memset(g_malloc(n), RUBBISH, n), n);
    }
}

static void free_vector(QEMUIOVector *qiov)
{
    for (int i = 0; i < qiov->niov; i++) {
        g_free(qiov->iov[i].iov_base);
    }
    qemu_iovec_destroy(qiov);
}

static void fill_vector(QEMUIOVector *qiov, const Op *op)
{
    int64_t offset = op->offset;

    for (int i = 0; i < qiov->niov; i++) {
        uint8_t *p = qiov->iov[i].iov_base;

        for (size_t n = 0; n < qiov->iov[i].iov_len; n++) {
            p[n] = op_byte(op, offset++);
        }
    }
}

static int coroutine_fn run_write(Run *run, const Op *op)
{
    QEMUIOVector qiov;
    int ret;

    make_vector(&qiov, op);
    fill_vector(&qiov, op);
    ret = blk_co_pwritev(run->blk, op->offset, op->bytes, &qiov,
                         op->fua ? BDRV_REQ_FUA : 0);
    free_vector(&qiov);
    return ret;
}

static int coroutine_fn run_read_op(Run *run, const Op *op, unsigned number)
{
    uint64_t since = model_now(run->model);
    g_autofree uint8_t *buf = NULL;
    g_autoptr(GString) why = g_string_new("");
    QEMUIOVector qiov;
    int ret;

    make_vector(&qiov, op);
    ret = blk_co_preadv(run->blk, op->offset, op->bytes, &qiov, 0);
    if (ret >= 0) {
        buf = g_malloc(op->bytes);
        qemu_iovec_to_buf(&qiov, 0, buf, op->bytes);
        if (!model_check_read(run->model, since, op->offset, op->bytes, buf,
                              why)) {
            fail_op(run, number, "%s", why->str);
        }
    }
    free_vector(&qiov);
    return ret;
}

/* All of the range, piece by piece; what it says is checked at the end. */
static int coroutine_fn run_status_op(Run *run, const Op *op)
{
    int64_t at = op->offset, end = op->offset + op->bytes, n;

    while (at < end) {
        int ret = bdrv_block_status(blk_bs(run->blk), at, end - at, &n, NULL,
                                    NULL);

        if (ret < 0 || n <= 0) {
            return ret;
        }
        at += n;
    }
    return 0;
}

static int coroutine_fn do_request(Run *run, const Op *op, unsigned number)
{
    BdrvRequestFlags flags = (op->fua ? BDRV_REQ_FUA : 0) |
                             (op->unmap ? BDRV_REQ_MAY_UNMAP : 0);

    switch (op->kind) {
    case OP_READ:
        return run_read_op(run, op, number);
    case OP_WRITE:
        return run_write(run, op);
    case OP_ZERO:
        return blk_co_pwrite_zeroes(run->blk, op->offset, op->bytes, flags);
    case OP_STATUS:
        return run_status_op(run, op);
    case OP_DISCARD:
        return blk_co_pdiscard(run->blk, op->offset, op->bytes);
    default:
        return blk_co_flush(run->blk);
    }
}

/* One attempt, with the model told. */
static int coroutine_fn attempt(Run *run, const Op *op, unsigned number)
{
    unsigned handle;
    int ret;

    if (op->kind == OP_READ) {
        return do_request(run, op, number);
    }
    handle = model_begin(run->model, op, number);
    ret = do_request(run, op, number);
    model_end(run->model, handle, ret);
    return ret;
}

/* An attempt has failed; should it be tried again? */
static bool note_error(Run *run, unsigned number, int ret)
{
    run->errors++;
    if (run->on_error == RUN_ERRORS_FAIL) {
        fail_op(run, number, "failed: %s", strerror(-ret));
    }
    if (run->on_error == RUN_ERRORS_STOP) {
        run->stopped = true;
        return false;
    }
    return true;
}

static void coroutine_fn request_entry(void *opaque)
{
    g_autofree Request *r = opaque;
    Run *run = r->run;
    int ret = attempt(run, r->op, r->number);

    if (ret < 0 && note_error(run, r->number, ret)) {
        ret = attempt(run, r->op, r->number);
        if (ret < 0) {
            fail_op(run, r->number, "failed again when it was retried: %s",
                    strerror(-ret));
        }
    }
    run->in_flight--;
}

/* ---- what runs alone ---------------------------------------------------- */

static int truncate_once(Run *run, const Op *op, unsigned number)
{
    unsigned handle = model_begin(run->model, op, number);
    int ret = blk_truncate(run->blk, op->offset, true, PREALLOC_MODE_OFF,
                           NULL);

    model_end(run->model, handle, ret);
    if (ret >= 0 && blk_getlength(run->blk) != op->offset) {
        fail_op(run, number, "the image is %" PRId64 " bytes long",
                blk_getlength(run->blk));
    }
    return ret;
}

static void run_truncate(Run *run, const Op *op, unsigned number)
{
    int ret = truncate_once(run, op, number);

    if (ret < 0 && note_error(run, number, ret)) {
        ret = truncate_once(run, op, number);
        if (ret < 0) {
            fail_op(run, number, "failed again when it was retried: %s",
                    strerror(-ret));
        }
    }
}

static void run_alone(Run *run, const Op *op, unsigned number)
{
    if (op->kind == OP_TRUNCATE) {
        run_truncate(run, op, number);
        return;
    }
    run_close(run);
    run_open(run);
    if (blk_getlength(run->blk) != model_length(run->model)) {
        fail_op(run, number, "the image is %" PRId64 " bytes long, not %"
                PRId64, blk_getlength(run->blk), model_length(run->model));
    }
}

static void wait_below(Run *run, unsigned in_flight)
{
    AioContext *ctx = blk_get_aio_context(run->blk);

    AIO_WAIT_WHILE(ctx, run->in_flight >= in_flight);
}

void run_ops(Run *run)
{
    for (guint i = 0; i < run->ops->len && !run->stopped; i++) {
        const Op *op = &g_array_index(run->ops, Op, i);
        Request *r;

        if (op->kind == OP_TRUNCATE || op->kind == OP_REOPEN) {
            wait_below(run, 1);
            if (!run->stopped) {
                run_alone(run, op, i);
            }
            continue;
        }
        wait_below(run, run->depth);
        r = g_new(Request, 1);
        *r = (Request) { run, op, i };
        run->in_flight++;
        qemu_coroutine_enter(qemu_coroutine_create(request_entry, r));
    }
    wait_below(run, 1);
}

static int flush_once(Run *run)
{
    static const Op op = { .kind = OP_FLUSH, .pieces = 1 };
    unsigned handle = model_begin(run->model, &op, run->ops->len);
    int ret = blk_flush(run->blk);

    model_end(run->model, handle, ret);
    return ret;
}

void run_flush(Run *run)
{
    if (run->stopped || flush_once(run) >= 0) {
        return;
    }
    run->errors++;
    if (run->on_error == RUN_ERRORS_FAIL) {
        case_fail(run->c, "the last flush failed");
    }
    if (run->on_error == RUN_ERRORS_RETRY && flush_once(run) < 0) {
        case_fail(run->c, "the last flush failed again when it was retried");
    }
}

/* ---- afterwards --------------------------------------------------------- */

void run_verify(Run *run)
{
    int64_t length = model_length(run->model);
    g_autoptr(GString) why = g_string_new("");
    g_autofree uint8_t *buf = NULL;

    if (blk_getlength(run->blk) != length) {
        case_fail(run->c, "the image is %" PRId64 " bytes long, not %" PRId64,
                  blk_getlength(run->blk), length);
    }
    buf = read_image(run, length);
    if (!model_check_read(run->model, model_now(run->model), 0, length, buf,
                          why)) {
        case_fail(run->c, "%s", why->str);
    }
}

void run_verify_check(Run *run)
{
    BdrvCheckResult result = { 0 };
    int ret;

    if (!run->h->can_check) {
        return;
    }
    ret = bdrv_check(blk_bs(run->blk), &result, 0);
    if (ret < 0) {
        case_fail(run->c, "the check failed: %s", strerror(-ret));
    }
    if (result.corruptions || result.check_errors) {
        case_fail(run->c, "the check found %d corruptions and %d errors",
                  result.corruptions, result.check_errors);
    }
}
