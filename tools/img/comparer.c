/* SPDX-License-Identifier: MIT */
/*
 * The comparer.
 *
 * Invariants:
 *   - Chunks are taken under the lock in ascending order; each gets the next
 *     ticket.
 *   - Their findings count, and the progress moves, in the order of the
 *     tickets; the first finding ends the comparison, and with it the turns.
 */
#include "qemu/osdep.h"
#include "comparer.h"
#include "progress.h"
#include "qemu/cutils.h"
#include "qemu/lockable.h"
#include "workers.h"

/* The progress moves with each so many bytes of what must be read. */
#define REQUEST_MAX (2 * 1024 * 1024)
/*
 * The most that is read at once: a processor's cache still holds it when it is
 * compared.
 */
#define CHUNK_MAX (512 * 1024)
#define WORKERS 4

/* The state of an image from the present place on. */
typedef struct Extent {
    int64_t end;                /* bytes; up to where it holds */
    int status;                 /* BDRV_BLOCK_* */
} Extent;

typedef struct Comparer {
    const CompareJob *job;
    CoMutex lock;
    int64_t pos, end;
    Extent extent[2];
    int64_t request_end;        /* where the present request ends */
    uint64_t next_ticket;
    ImgTurns turns;
    CompareFinding finding;
    uint64_t total;             /* of the progress */
} Comparer;

typedef struct Worker {
    Comparer *comparer;
    int64_t offset;
    int64_t bytes;
    uint64_t ticket;
    CompareFinding finding;     /* in the chunk */
    bool zero[2];               /* need not be read */
    bool last;                  /* ends the request */
    uint8_t *buf[2];
    int ret;                    /* of the reading of image 1 */
    bool reading;               /* image 1 is being read */
    Coroutine *waiting;         /* for that to end */
} Worker;

static void found(Worker *w, CompareKind kind, int64_t offset, int image,
                  int ret)
{
    w->finding = (CompareFinding) {
        .kind = kind, .offset = offset, .image = image, .ret = ret,
    };
}

/* ---- what to read ------------------------------------------------------- */

/* Makes sure that the extent of image @i holds at pos.  False: an error. */
static bool coroutine_fn comparer_refresh(Worker *w, int i)
{
    Comparer *c = w->comparer;
    Extent *extent = &c->extent[i];
    int64_t length = c->job->length[i];
    int64_t pnum;

    if (c->pos < extent->end) {
        return true;
    }
    /* After its end an image counts as zero, up to the end of the other. */
    if (c->pos >= length) {
        *extent = (Extent) { .end = c->end, .status = BDRV_BLOCK_ZERO };
        return true;
    }
    extent->status = bdrv_block_status_above(
        blk_bs(c->job->blk[i]), NULL, c->pos, MIN(c->end, length) - c->pos,
        &pnum, NULL, NULL);
    if (extent->status < 0 || pnum == 0) {
        found(w, COMPARE_STATUS_ERROR, c->pos, i,
              extent->status < 0 ? extent->status : -EIO);
        return false;
    }
    extent->end = c->pos + pnum;
    return true;
}

/*
 * Takes the next chunk; one that need not be read may have any length.  The
 * status may be what is found.  False: there is no more.
 */
static bool coroutine_fn comparer_next_chunk(Worker *w)
{
    Comparer *c = w->comparer;
    int i;

    QEMU_LOCK_GUARD(&c->lock);

    if (c->pos >= c->end || c->finding.kind != COMPARE_EQUAL) {
        return false;
    }
    w->finding = (CompareFinding) { .kind = COMPARE_EQUAL };
    w->offset = c->pos;
    w->ticket = c->next_ticket++;
    if (!comparer_refresh(w, 0) || !comparer_refresh(w, 1)) {
        c->pos = c->end;
        return true;
    }
    if (c->job->strict && c->extent[0].status != c->extent[1].status) {
        found(w, COMPARE_STATUS, c->pos, 0, 0);
        c->pos = c->end;
        return true;
    }
    w->bytes = MIN(c->extent[0].end, c->extent[1].end) - c->pos;
    for (i = 0; i < 2; i++) {
        w->zero[i] = c->extent[i].status & BDRV_BLOCK_ZERO;
    }
    if (!w->zero[0] || !w->zero[1]) {
        /* Chunks divide requests, since the progress is that of requests. */
        if (c->pos >= c->request_end) {
            c->request_end = c->pos + MIN(w->bytes, REQUEST_MAX);
        }
        w->bytes = MIN(c->request_end - c->pos, CHUNK_MAX);
    }
    c->pos += w->bytes;
    w->last = c->pos >= c->request_end;
    return true;
}

/* ---- comparing ---------------------------------------------------------- */

static int coroutine_fn comparer_read(Worker *w, int i)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, w->buf[i], w->bytes);

    return w->zero[i] ? 0
                      : blk_co_preadv(w->comparer->job->blk[i], w->offset,
                                      w->bytes, &qiov, 0);
}

static void coroutine_fn comparer_read_second(void *opaque)
{
    Worker *w = opaque;

    w->ret = comparer_read(w, 1);
    w->reading = false;
    if (w->waiting) {
        qemu_coroutine_enter(w->waiting);
    }
}

/* Are the @n bytes at @at of the chunk the same? */
static bool same_bytes(const Worker *w, int64_t at, int64_t n)
{
    if (w->zero[0] || w->zero[1]) {
        return buffer_is_zero(w->buf[w->zero[0] ? 1 : 0] + at, n);
    }
    return memcmp(w->buf[0] + at, w->buf[1] + at, n) == 0;
}

/* Reads both at the same time and compares them. */
static void coroutine_fn comparer_compare(Worker *w)
{
    int64_t at = 0;
    int ret;

    w->reading = true;
    qemu_coroutine_enter(qemu_coroutine_create(comparer_read_second, w));
    ret = comparer_read(w, 0);
    if (w->reading) {
        w->waiting = qemu_coroutine_self();
        qemu_coroutine_yield();
        w->waiting = NULL;
    }
    if (ret < 0) {
        found(w, COMPARE_READ_ERROR, w->offset, 0, ret);
    } else if (w->ret < 0) {
        found(w, COMPARE_READ_ERROR, w->offset, 1, w->ret);
    } else if (!same_bytes(w, 0, w->bytes)) {
        while (same_bytes(w, at, MIN(w->bytes - at,
                                     (int64_t)BDRV_SECTOR_SIZE))) {
            at += BDRV_SECTOR_SIZE;
        }
        found(w, COMPARE_CONTENT, w->offset + at, 0, 0);
    }
}

static void coroutine_fn comparer_work(void *opaque)
{
    Worker *w = opaque;
    Comparer *c = w->comparer;

    while (comparer_next_chunk(w)) {
        if (w->finding.kind == COMPARE_EQUAL && !(w->zero[0] && w->zero[1])) {
            comparer_compare(w);
        }
        if (!img_turns_wait(&c->turns, w->ticket)) {
            break;
        }
        if (w->finding.kind != COMPARE_EQUAL) {
            c->finding = w->finding;
            img_turns_end(&c->turns);
            break;
        }
        if (w->last) {
            img_progress_set(w->offset + w->bytes, c->total);
        }
        img_turns_pass(&c->turns);
    }
}

CompareFinding compare_run(const CompareJob *job, int64_t start, int64_t end)
{
    Comparer c = {
        .job = job,
        .pos = start,
        .end = end,
        .total = MAX(job->length[0], job->length[1]),
    };
    Worker workers[WORKERS] = { 0 };
    size_t align = bdrv_opt_mem_align(NULL);
    int i;

    qemu_co_mutex_init(&c.lock);
    img_turns_init(&c.turns);
    for (i = 0; i < WORKERS; i++) {
        workers[i].comparer = &c;
        workers[i].buf[0] = qemu_memalign(align, CHUNK_MAX);
        workers[i].buf[1] = qemu_memalign(align, CHUNK_MAX);
    }
    img_run_workers(comparer_work, workers, sizeof(*workers), WORKERS);
    for (i = 0; i < WORKERS; i++) {
        qemu_vfree(workers[i].buf[0]);
        qemu_vfree(workers[i].buf[1]);
    }
    return c.finding;
}
