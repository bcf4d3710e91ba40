/* SPDX-License-Identifier: MIT */
/*
 * The copier: coroutines that each take the next chunk, read it, wait for their
 * turn and write it.
 *
 * Invariants:
 *   - Chunks are taken under the lock, in ascending order and without gaps but
 *     zeroes that need no writing; each gets the next ticket.
 *   - The turn passes from ticket to ticket when the holder has written: two
 *     writes at a time to one file would only fight for its lock.
 *   - A slot of the waiting line belongs to one ticket: no more tickets are out
 *     than there are coroutines.
 */
#include "qemu/osdep.h"
#include "copier.h"
#include "block/aio.h"
#include "progress.h"
#include "qemu/cutils.h"
#include "qemu/lockable.h"
#include "qemu/timer.h"

#define SECTOR 512
/* The largest range that one request only zeroes. */
#define ZERO_MAX (64 * 1024 * 1024)
/*
 * Requests are read and written in pieces of so many bytes, which a processor's
 * cache still holds when they are written; as a whole when zeroes must be more
 * than that to become a hole.
 */
#define PIECE_MAX (512 * 1024)
/* The longest sleep between two looks at the interrupt. */
#define NAP_NS (100 * 1000 * 1000)

typedef struct Copier {
    const CopyJob *job;
    CopyResult *result;
    CoMutex lock;               /* of the members up to free_at */
    int64_t pos;                /* where the next chunk begins */
    int64_t extent_end;         /* up to where the last status holds */
    bool extent_zero;
    int extent_ret;             /* with salvage: why the status is not known */
    int64_t request_end;        /* where the present request ends */
    uint64_t next_ticket;
    int64_t free_at;            /* when the rate allows more, ns */
    uint64_t turn;              /* the ticket whose turn it is */
    CoQueue turns[COPY_COROUTINES_MAX];
    int running;
    bool copy_range_works;
    uint64_t done, total;       /* bytes of data */
} Copier;

/* A piece of a request, or a whole one that needs no buffer. */
typedef struct Chunk {
    int64_t offset;
    int64_t bytes;
    uint64_t ticket;
    bool zero;
    bool by_range;              /* to be tried without a buffer */
    bool last;                  /* ends the request */
    int status_ret;
} Chunk;

/* One coroutine. */
typedef struct Worker {
    Copier *copier;
    Chunk chunk;
    uint8_t *buf;
    int16_t *errors;            /* with salvage: of each sector of the chunk */
} Worker;

static bool interrupted(Copier *c)
{
    if (c->job->interrupted && c->job->interrupted()) {
        c->result->interrupted = true;
    }
    return c->result->interrupted;
}

static bool failed(const Copier *c)
{
    return c->result->step != COPY_NOTHING;
}

/* The error of the lowest offset counts; nobody waits for a turn any more. */
static void fail(Copier *c, CopyStep step, int64_t offset, int ret)
{
    int i;

    if (failed(c) && c->result->offset <= offset) {
        return;
    }
    c->result->step = step;
    c->result->offset = offset;
    c->result->ret = ret;
    for (i = 0; i < COPY_COROUTINES_MAX; i++) {
        qemu_co_queue_restart_all(&c->turns[i]);
    }
}

/* ---- what is where ------------------------------------------------------ */

/*
 * The status at @offset.  With salvage an error narrows the range; when it is
 * down to a sector, *@ret is the error and the sector counts as data.
 */
static bool coroutine_fn ask_status(const CopyJob *job, int64_t offset,
                                    int64_t *pnum, bool *zero, int *ret)
{
    int64_t bytes = job->size - offset;

    *ret = job->ops->status(job->opaque, offset, bytes, pnum, zero);
    if (*ret == 0 || !job->salvage) {
        return *ret == 0;
    }
    while (bytes > SECTOR && *ret < 0) {
        bytes = ROUND_UP(bytes / 2, SECTOR);
        *ret = job->ops->status(job->opaque, offset, bytes, pnum, zero);
    }
    if (*ret < 0) {
        *pnum = bytes;
        *zero = false;
    }
    return true;
}

/* Adds up the data, for the progress. */
static void coroutine_fn measure(void *opaque)
{
    Copier *c = opaque;
    int64_t pos = 0, pnum;
    bool zero;
    int ret;

    while (c->job->sparse > 0 && pos < c->job->size && !interrupted(c)) {
        if (!ask_status(c->job, pos, &pnum, &zero, &ret)) {
            fail(c, COPY_STATUS, pos, ret);
            break;
        }
        c->total += zero ? 0 : pnum;
        pos += pnum;
    }
    if (c->job->sparse == 0) {
        c->total = c->job->size;
    }
    c->running--;
}

/* ---- chunks ------------------------------------------------------------- */

/* Waits until the rate allows more, then takes @bytes of it. */
static void coroutine_fn throttle(Copier *c, int64_t bytes)
{
    int64_t now;

    if (c->job->rate == 0) {
        return;
    }
    while ((now = qemu_clock_get_ns(QEMU_CLOCK_REALTIME)) < c->free_at &&
           !failed(c) && !interrupted(c)) {
        qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, MIN(c->free_at - now, NAP_NS));
    }
    c->free_at = MAX(c->free_at, now) +
                 (int64_t)((double)bytes / c->job->rate * 1e9);
}

/* Finds the extent at pos.  False after an error. */
static bool coroutine_fn next_extent(Copier *c)
{
    int64_t pnum;
    bool zero;
    int ret;

    if (!ask_status(c->job, c->pos, &pnum, &zero, &ret)) {
        fail(c, COPY_STATUS, c->pos, ret);
        return false;
    }
    c->extent_end = c->pos + pnum;
    c->extent_zero = zero && c->job->sparse > 0;
    c->extent_ret = ret;
    return true;
}

/* How much of the extent at pos one request takes. */
static int64_t request_length(const Copier *c)
{
    int64_t left = c->extent_end - c->pos;
    int64_t max = c->extent_zero ? ZERO_MAX : COPY_REQUEST_MAX;
    int64_t end;

    if (left > max && c->job->cluster > 0) {
        end = QEMU_ALIGN_DOWN(c->pos + max, c->job->cluster);
        max = end > c->pos ? end - c->pos : max;
    }
    return MIN(left, max);
}

/* The next piece of the request at pos. */
static Chunk take_piece(Copier *c)
{
    bool by_range = c->copy_range_works && !c->extent_zero;
    bool whole = c->extent_zero || by_range || c->job->sparse > PIECE_MAX;
    int64_t max = whole ? INT64_MAX : PIECE_MAX;
    Chunk chunk;

    if (c->pos >= c->request_end) {
        c->request_end = c->pos + request_length(c);
    }
    chunk = (Chunk) {
        .offset = c->pos,
        .bytes = MIN(max, c->request_end - c->pos),
        .ticket = c->next_ticket,
        .zero = c->extent_zero,
        .by_range = by_range,
        .status_ret = c->extent_ret,
    };
    chunk.last = c->pos + chunk.bytes == c->request_end;
    return chunk;
}

/* Takes the next chunk that needs a request.  False: there is none. */
static bool coroutine_fn next_chunk(Copier *c, Chunk *chunk)
{
    QEMU_LOCK_GUARD(&c->lock);

    while (!failed(c) && !interrupted(c) && c->pos < c->job->size) {
        if (c->pos >= c->extent_end && !next_extent(c)) {
            break;
        }
        if (c->extent_zero && c->job->target_zero) {
            c->pos = c->extent_end;
            continue;
        }
        *chunk = take_piece(c);
        if (!chunk->zero) {
            throttle(c, chunk->bytes);
            if (failed(c) || interrupted(c)) {
                break;
            }
        }
        c->pos += chunk->bytes;
        c->next_ticket++;
        return true;
    }
    return false;
}

/* ---- turns -------------------------------------------------------------- */

static CoQueue *queue_of(Copier *c, uint64_t ticket)
{
    return &c->turns[ticket % c->job->coroutines];
}

/* False: there was an error, so there will be no turn. */
static bool coroutine_fn wait_turn(Copier *c, const Chunk *chunk)
{
    bool ordered = !c->job->out_of_order || c->job->salvage;

    while (ordered && c->turn != chunk->ticket && !failed(c)) {
        qemu_co_queue_wait(queue_of(c, chunk->ticket), NULL);
    }
    return !failed(c);
}

/* The next one runs when the caller yields. */
static void pass_turn(Copier *c)
{
    c->turn++;
    qemu_co_queue_next(queue_of(c, c->turn));
}

/* ---- copying a chunk ---------------------------------------------------- */

static void coroutine_fn salvage_sectors(Worker *w)
{
    const CopyJob *job = w->copier->job;
    const Chunk *chunk = &w->chunk;
    int64_t done;

    for (done = 0; done < chunk->bytes; done += SECTOR) {
        int n = MIN(SECTOR, chunk->bytes - done);
        int ret = job->ops->read(job->opaque, chunk->offset + done, n,
                                 w->buf + done);

        w->errors[done / SECTOR] = ret;
        if (ret < 0) {
            memset(w->buf + done, 0, n);
        }
    }
}

static int coroutine_fn read_chunk(Worker *w)
{
    const CopyJob *job = w->copier->job;
    const Chunk *chunk = &w->chunk;
    int ret = job->ops->read(job->opaque, chunk->offset, chunk->bytes, w->buf);

    if (job->salvage) {
        memset(w->errors, 0, COPY_REQUEST_MAX / SECTOR * sizeof(*w->errors));
        if (ret < 0) {
            salvage_sectors(w);
        }
        ret = 0;
    }
    return ret;
}

/* With the turn: says what could not be had. */
static void warn_of_losses(Worker *w)
{
    const CopyJob *job = w->copier->job;
    const Chunk *chunk = &w->chunk;
    int64_t done;

    if (!job->salvage) {
        return;
    }
    if (chunk->status_ret < 0) {
        job->ops->warn(job->opaque, COPY_STATUS, chunk->offset,
                       chunk->status_ret);
    }
    for (done = 0; !chunk->zero && done < chunk->bytes; done += SECTOR) {
        int ret = w->errors[done / SECTOR];

        if (ret < 0) {
            job->ops->warn(job->opaque, COPY_READ, chunk->offset + done, ret);
        }
    }
}

/* Writes the chunk, but leaves holes where it is zero. */
static int coroutine_fn write_chunk(Worker *w)
{
    const CopyJob *job = w->copier->job;
    const Chunk *chunk = &w->chunk;
    int64_t done = 0;
    int ret = 0;

    while (done < chunk->bytes && ret == 0) {
        int64_t at = chunk->offset + done;
        int64_t n = chunk->bytes - done;
        bool zero = false;

        if (job->sparse > 0) {
            n = copy_piece(w->buf + done, at, n, job->sparse, &zero);
        }
        if (!zero) {
            ret = job->ops->write(job->opaque, at, n, w->buf + done);
        } else if (!job->target_zero) {
            ret = job->ops->write_zeroes(job->opaque, at, n);
        }
        done += n;
    }
    return ret;
}

static void coroutine_fn copy_zeroes(Worker *w)
{
    Copier *c = w->copier;
    int ret;

    if (!wait_turn(c, &w->chunk)) {
        return;
    }
    ret = c->job->ops->write_zeroes(c->job->opaque, w->chunk.offset,
                                    w->chunk.bytes);
    if (ret < 0) {
        fail(c, COPY_WRITE, w->chunk.offset, ret);
    }
    pass_turn(c);
}

/* Copies without a buffer.  False: that does not go; copy with one. */
static bool coroutine_fn copy_by_range(Worker *w)
{
    Copier *c = w->copier;
    const CopyJob *job = c->job;

    if (!w->chunk.by_range || !wait_turn(c, &w->chunk)) {
        return false;
    }
    if (job->ops->copy_range(job->opaque, w->chunk.offset,
                             w->chunk.bytes) < 0) {
        c->copy_range_works = false;
        return false;
    }
    return true;
}

/* With a buffer.  False after an error. */
static bool coroutine_fn copy_by_buffer(Worker *w)
{
    Copier *c = w->copier;
    int ret = read_chunk(w);

    if (ret < 0) {
        fail(c, COPY_READ, w->chunk.offset, ret);
    }
    if (!wait_turn(c, &w->chunk)) {
        return false;
    }
    warn_of_losses(w);
    ret = write_chunk(w);
    if (ret < 0) {
        fail(c, COPY_WRITE, w->chunk.offset, ret);
    }
    return ret == 0;
}

static void coroutine_fn copy_data(Worker *w)
{
    Copier *c = w->copier;

    if (!copy_by_range(w) && !copy_by_buffer(w)) {
        return;
    }
    c->done += w->chunk.bytes;
    if (w->chunk.last) {
        img_progress_set(MIN(c->done, c->total), c->total);
    }
    pass_turn(c);
}

static void coroutine_fn work(void *opaque)
{
    Worker *w = opaque;
    Copier *c = w->copier;

    while (next_chunk(c, &w->chunk)) {
        if (w->chunk.zero) {
            copy_zeroes(w);
        } else {
            copy_data(w);
        }
    }
    c->running--;
}

/* ---- the run ------------------------------------------------------------ */

static void start(Copier *c, CoroutineEntry *entry, void *opaque)
{
    c->running++;
    qemu_coroutine_enter(qemu_coroutine_create(entry, opaque));
}

static void wait_for_all(Copier *c)
{
    AIO_WAIT_WHILE(qemu_get_current_aio_context(), c->running > 0);
}

static void run_workers(Copier *c)
{
    const CopyJob *job = c->job;
    Worker workers[COPY_COROUTINES_MAX] = { 0 };
    int i;

    for (i = 0; i < job->coroutines; i++) {
        workers[i].copier = c;
        workers[i].buf = qemu_memalign(job->alignment, COPY_REQUEST_MAX);
        if (job->salvage) {
            workers[i].errors = g_new0(int16_t, COPY_REQUEST_MAX / SECTOR);
        }
    }
    for (i = 0; i < job->coroutines; i++) {
        start(c, work, &workers[i]);
    }
    wait_for_all(c);
    for (i = 0; i < job->coroutines; i++) {
        qemu_vfree(workers[i].buf);
        g_free(workers[i].errors);
    }
}

bool copy_run(const CopyJob *job, CopyResult *result)
{
    Copier c = {
        .job = job,
        .result = result,
        .copy_range_works = job->use_copy_range && job->ops->copy_range,
    };
    int i;

    assert(job->coroutines >= 1 && job->coroutines <= COPY_COROUTINES_MAX);
    *result = (CopyResult) { .step = COPY_NOTHING };
    qemu_co_mutex_init(&c.lock);
    for (i = 0; i < COPY_COROUTINES_MAX; i++) {
        qemu_co_queue_init(&c.turns[i]);
    }
    start(&c, measure, &c);
    wait_for_all(&c);
    if (!failed(&c) && !interrupted(&c)) {
        run_workers(&c);
    }
    return !failed(&c) && !(result->interrupted && c.pos < job->size);
}

/* ---- zeroes in data ----------------------------------------------------- */

/* The end, at most @bytes, of the granule that holds byte @at of the buffer. */
static int64_t granule_end(int64_t offset, int64_t at, int64_t bytes,
                           int64_t granule)
{
    return MIN(bytes, QEMU_ALIGN_DOWN(offset + at, granule) + granule - offset);
}

/*
 * How many bytes from @at on stand in granules of one kind; the search ends
 * when it has found @enough.
 */
static int64_t run_of(const uint8_t *buf, int64_t offset, int64_t at,
                      int64_t bytes, int64_t granule, bool zero,
                      int64_t enough)
{
    int64_t pos = at;

    while (pos < bytes && pos - at < enough) {
        int64_t end = granule_end(offset, pos, bytes, granule);

        if (buffer_is_zero(buf + pos, end - pos) != zero) {
            break;
        }
        pos = end;
    }
    return pos - at;
}

int64_t copy_piece(const uint8_t *buf, int64_t offset, int64_t bytes,
                   int64_t sparse, bool *zero)
{
    int64_t granule = pow2floor(sparse);
    int64_t length = run_of(buf, offset, 0, bytes, granule, true, bytes);

    *zero = length == bytes || length >= sparse;
    while (!*zero && length < bytes) {
        int64_t zeroes;

        length += run_of(buf, offset, length, bytes, granule, false, bytes);
        zeroes = run_of(buf, offset, length, bytes, granule, true, sparse);
        if (zeroes >= sparse) {
            break;
        }
        length += zeroes;
    }
    return length;
}
