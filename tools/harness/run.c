/* SPDX-License-Identifier: MIT */
/*
 * Running a list of operations; see run.h.
 *
 * Invariants:
 *   - Up to `depth` requests are in flight, each in a coroutine of its own;
 *     truncation and reopening wait for all of them and run alone.
 *   - Each piece of a vector is memory of its own, full of rubbish before it is
 *     read into, so that bytes which the driver left out are seen.
 */
#include "run.h"

#define RUBBISH 0x5e

typedef struct Request {
    Run *run;
    const Op *op;
    unsigned number;
} Request;

/* Failures from now on are those of operation @number. */
static void blame(Run *run, unsigned number)
{
    g_autofree char *what = op_print(&g_array_index(run->ops, Op,
                                                    number - run->first));

    run->c->where = g_strdup_printf("operation %u (%s)", number + 1, what);
}

/* ---- opening ------------------------------------------------------------ */

Run run_new(Case *c, const ListCase *list, const char *name)
{
    return (Run) {
        .c = c,
        .ops = list->ops,
        .depth = list->depth,
        .how = {
            .disk = name,
            .flags = STACK_RDWR,
            .delay_seed = list->depth > 1 ? list->seed : 0,
        },
    };
}

void run_finish(Run *run)
{
    g_clear_pointer(&run->model, model_free);
    g_clear_pointer(&run->parts, g_free);
    mem_disk_free(mem_disk_find(run->how.disk));
}

void run_open(Run *run)
{
    run->blk = case_open(run->c, &run->how, NOT_OPENED);
}

void run_close(Run *run)
{
    g_clear_pointer(&run->blk, blk_unref);
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

int run_read_part(const Run *run, int64_t offset, uint8_t *buf, int64_t bytes)
{
    int ret = run_read(run->blk, offset, buf, bytes);

    if (ret < 0 && run->damaged) {
        case_skip(run->c, "a part of it cannot be read: %s", strerror(-ret));
    }
    return ret;
}

static void read_or_fail(Run *run, int64_t offset, uint8_t *buf, int64_t bytes)
{
    int ret;

    memset(buf, RUBBISH, bytes);
    ret = run_read_part(run, offset, buf, bytes);
    /* The failure that was injected may be met only here. */
    if (ret < 0 && run->on_error != RUN_ERRORS_FAIL) {
        ret = run_read(run->blk, offset, buf, bytes);
    }
    if (ret < 0) {
        case_fail(run->c, "the image could not be read: %s", strerror(-ret));
    }
}

uint8_t *run_read_all(Run *run)
{
    int64_t length = blk_getlength(run->blk);
    uint8_t *buf = g_malloc(length + 1);    /* not NULL, however short it is */

    read_or_fail(run, 0, buf, length);
    return buf;
}

void case_check_length(Case *c, BlockBackend *blk, int64_t length)
{
    if (blk_getlength(blk) != length) {
        case_fail(c, "the image is %" PRId64 " bytes long, not %" PRId64,
                  blk_getlength(blk), length);
    }
}

void case_check_zero(Case *c, int64_t offset, const uint8_t *buf,
                     int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i++) {
        if (buf[i]) {
            case_fail(c, "the new image is said to be zero, but byte %" PRId64
                      " is 0x%02x", offset + i, buf[i]);
        }
    }
}

void run_adopt(Run *run)
{
    int64_t length = blk_getlength(run->blk);
    g_autofree uint8_t *buf = NULL;
    BlockDriverState *bs = blk_bs(run->blk);
    /* The driver's answers for new images are not about copies of old ones. */
    bool zero = !run->c->h->from && bdrv_has_zero_init(bs);

    if (length <= 0) {
        case_fail(run->c, "the length of the image is %" PRId64, length);
    }
    buf = zero ? g_malloc(MAX_PART) : run_read_all(run);
    for (int64_t at = 0, n; zero &&
         (n = parts_next(run->parts, length, &at)); at += n) {
        read_or_fail(run, at, buf, n);
        case_check_zero(run->c, at, buf, n);
    }
    run->model = model_new(length, zero ? NULL : buf,
                           !bdrv_has_zero_init_truncate(bs));
}

/* ---- requests ----------------------------------------------------------- */

/* What @op writes, or memory for what it reads. */
static void make_vector(QEMUIOVector *qiov, const Op *op)
{
    int64_t offset = op->offset;

    qemu_iovec_init(qiov, op->pieces);
    for (unsigned i = 0; i < op->pieces; i++) {
        size_t n = op_piece(op, i);
        uint8_t *p = memset(g_malloc(n), RUBBISH, n);

        for (size_t at = 0; op->kind == OP_WRITE && at < n; at++) {
            p[at] = op_byte(op, offset++);
        }
        qemu_iovec_add(qiov, p, n);
    }
}

/* A read or write; what is read has to be what the model allows. */
static int coroutine_fn transfer_op(const Request *r, BdrvRequestFlags flags)
{
    Run *run = r->run;
    const Op *op = r->op;
    uint64_t since = model_now(run->model);
    g_autoptr(GString) why = g_string_new("");
    QEMUIOVector qiov;
    int ret;

    make_vector(&qiov, op);
    if (op->kind == OP_WRITE) {
        ret = blk_co_pwritev(run->blk, op->offset, op->bytes, &qiov, flags);
    } else {
        ret = blk_co_preadv(run->blk, op->offset, op->bytes, &qiov, 0);
    }
    if (op->kind == OP_READ && ret >= 0) {
        g_autofree uint8_t *buf = g_malloc(op->bytes);

        qemu_iovec_to_buf(&qiov, 0, buf, op->bytes);
        if (!model_check_read(run->model, since, op->offset, op->bytes, buf,
                              why)) {
            blame(run, r->number);
            case_fail(run->c, "%s", why->str);
        }
    }
    for (int i = 0; i < qiov.niov; i++) {
        g_free(qiov.iov[i].iov_base);
    }
    qemu_iovec_destroy(&qiov);
    return ret;
}

/* All of the range, piece by piece; run_verify_status() checks the answers. */
static int coroutine_fn status_op(BlockBackend *blk, const Op *op)
{
    int64_t at = op->offset, end = op->offset + op->bytes, n;

    while (at < end) {
        int ret = bdrv_block_status(blk_bs(blk), at, end - at, &n, NULL, NULL);

        if (ret < 0 || n <= 0) {
            return ret;
        }
        at += n;
    }
    return 0;
}

static int coroutine_fn do_request(const Request *r)
{
    BlockBackend *blk = r->run->blk;
    const Op *op = r->op;
    BdrvRequestFlags flags = (op->fua ? BDRV_REQ_FUA : 0) |
                             (op->unmap ? BDRV_REQ_MAY_UNMAP : 0);

    switch (op->kind) {
    case OP_READ:
    case OP_WRITE:
        return transfer_op(r, flags);
    case OP_ZERO:
        return blk_co_pwrite_zeroes(blk, op->offset, op->bytes, flags);
    case OP_STATUS:
        return status_op(blk, op);
    case OP_DISCARD:
        return blk_co_pdiscard(blk, op->offset, op->bytes);
    case OP_TRUNCATE:
        return blk_truncate(blk, op->offset, true, PREALLOC_MODE_OFF, NULL);
    default:
        return blk_co_flush(blk);
    }
}

/* One attempt.  The model sees its begin and end, but for those of a read. */
static int coroutine_fn attempt(const Request *r)
{
    Run *run = r->run;
    unsigned handle;
    int ret;

    if (r->op->kind == OP_READ) {
        return do_request(r);
    }
    handle = model_begin(run->model, r->op, r->number);
    ret = do_request(r);
    model_end(run->model, handle, ret);
    /* The lists have only lengths that need no rounding. */
    if (r->op->kind == OP_TRUNCATE && ret >= 0 &&
        blk_getlength(run->blk) != r->op->offset) {
        blame(run, r->number);
        case_fail(run->c, "the image is %" PRId64 " bytes long",
                  blk_getlength(run->blk));
    }
    return ret;
}

/* For the report: where the list met the fault. */
static void trace_failure(Run *run, unsigned number)
{
    if (run->trace.count < G_N_ELEMENTS(run->trace.failed)) {
        run->trace.failed[run->trace.count++] = number;
        case_send(run->c, &run->trace, sizeof(run->trace));
    }
}

static void coroutine_fn request_entry(void *opaque)
{
    g_autofree Request *r = opaque;
    Run *run = r->run;
    int ret = attempt(r);

    if (ret < 0) {
        trace_failure(run, r->number);
    }
    if (ret < 0 && run->on_error == RUN_ERRORS_FAIL) {
        blame(run, r->number);
        case_fail(run->c, "failed: %s", strerror(-ret));
    } else if (ret < 0 && run->on_error == RUN_ERRORS_STOP) {
        run->stopped = true;
    } else if (ret < 0) {
        ret = attempt(r);
        if (ret < 0) {
            blame(run, r->number);
            case_fail(run->c, "failed again when it was retried: %s",
                      strerror(-ret));
        }
    }
    run->in_flight--;
}

/* Lets the loop run until fewer than @in_flight requests are. */
static void wait_below(Run *run, unsigned in_flight)
{
    AioContext *ctx = blk_get_aio_context(run->blk);

    AIO_WAIT_WHILE(ctx, run->in_flight >= in_flight);
}

void run_ops(Run *run)
{
    for (guint i = 0; i < run->ops->len && !run->stopped; i++) {
        const Op *op = &g_array_index(run->ops, Op, i);
        bool alone = op->kind == OP_TRUNCATE || op->kind == OP_REOPEN;
        Request *r;

        wait_below(run, alone ? 1 : run->depth);
        /* A new length, or a closed image, would hide what the failure did. */
        if (alone && run->stopped) {
            break;
        }
        if (op->kind == OP_REOPEN) {
            run_close(run);
            run_open(run);
            if (blk_getlength(run->blk) != model_length(run->model)) {
                blame(run, i);
                case_check_length(run->c, run->blk, model_length(run->model));
            }
            continue;
        }
        r = g_new(Request, 1);
        *r = (Request) { run, op, run->first + i };
        run->in_flight++;
        qemu_coroutine_enter(qemu_coroutine_create(request_entry, r));
        if (alone) {
            wait_below(run, 1);
        }
    }
    wait_below(run, 1);
}

/* Numbered as if it stood at the end of the list. */
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
    trace_failure(run, run->ops->len);
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
    g_autofree uint8_t *buf = g_malloc(MAX_PART);

    case_check_length(run->c, run->blk, length);
    for (int64_t at = 0, n; (n = parts_next(run->parts, length, &at));
         at += n) {
        read_or_fail(run, at, buf, n);
        if (!model_check_read(run->model, model_now(run->model), at, n, buf,
                              why)) {
            case_fail(run->c, "%s", why->str);
        }
    }
}
