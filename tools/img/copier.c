/* SPDX-License-Identifier: MIT */
/*
 * The copier: coroutines that each take the next chunk, read it, wait for their
 * turn and write it.
 *
 * Invariants:
 *   - Chunks are taken under the lock, in ascending order and without gaps but
 *     zeroes that need no writing; each gets the next ticket.
 *   - The turn passes from ticket to ticket when the holder has written,
 *     because two writes at a time to one file would only fight for its lock.
 *   - The run is over, and the turns have ended, once the result has a step
 *     that failed.
 *   - Losses are noted by whoever has the turn, so that they come in ascending
 *     order, and one that goes on in the next chunk is one.
 */
#include "qemu/osdep.h"
#include "copier.h"
#include "progress.h"
#include "qemu/cutils.h"
#include "qemu/lockable.h"
#include "qemu/timer.h"
#include "workers.h"

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
    CopyKind extent_kind;
    bool extent_zero;           /* is to be zeroes without a buffer */
    int extent_ret;             /* with salvage: why the status is not known */
    int64_t request_end;        /* where the present request ends */
    uint64_t next_ticket;
    int64_t free_at;            /* when the rate allows more, ns */
    ImgTurns turns;             /* of writing; with salvage of losses, too */
    CopyLoss losses[COPY_WRITE]; /* by step, not yet warned of; bytes 0: none */
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
    bool lost;                  /* with salvage: not to be read */
    int status_ret;             /* with salvage: the error of the status */
} Chunk;

/* One coroutine. */
typedef struct Worker {
    Copier *copier;
    Chunk chunk;
    uint8_t *buf;
    int16_t *errors;            /* with salvage: of each sector of the chunk */
} Worker;

static bool copier_failed(const Copier *c)
{
    return c->result->step != COPY_NOTHING;
}

/* Is nothing more to be begun, after an error or an interrupt? */
static bool copier_stopped(Copier *c)
{
    if (c->job->interrupted && c->job->interrupted()) {
        c->result->interrupted = true;
    }
    return copier_failed(c) || c->result->interrupted;
}

/* The error of the lowest offset counts, whichever is seen first. */
static void copier_fail(Copier *c, CopyStep step, int64_t offset, int ret)
{
    if (!copier_failed(c) || c->result->offset > offset) {
        c->result->step = step;
        c->result->offset = offset;
        c->result->ret = ret;
        img_turns_end(&c->turns);
    }
}

/* ---- chunks ------------------------------------------------------------- */

/*
 * What is less than a cluster is data with the rest of it, whatever that is;
 * pos is at the start of one.
 */
static void copier_align_extent(Copier *c)
{
    int64_t cluster = c->job->cluster;
    int64_t end = QEMU_ALIGN_DOWN(c->extent_end, cluster);

    if (c->extent_end == c->job->size) {
        return;
    }
    if (c->extent_kind == COPY_DATA || end == c->pos) {
        c->extent_kind = COPY_DATA;
        end = MIN(QEMU_ALIGN_UP(c->extent_end, cluster), c->job->size);
    }
    c->extent_end = end;
}

/*
 * Finds the extent at pos.  With salvage an error narrows the range, so that no
 * more is lost than must be: down to a sector, which counts as data then.
 * False after an error.
 */
static bool coroutine_fn copier_next_extent(Copier *c)
{
    const CopyJob *job = c->job;
    int64_t bytes = job->size - c->pos;
    int64_t pnum = bytes;
    CopyKind kind = COPY_DATA;
    int ret = job->all_data ? 0 : job->ops->status(job->opaque, c->pos, bytes,
                                                   &pnum, &kind);

    while (ret < 0 && job->salvage && bytes > SECTOR) {
        bytes = ROUND_UP(bytes / 2, SECTOR);
        ret = job->ops->status(job->opaque, c->pos, bytes, &pnum, &kind);
    }
    if (ret < 0 && !job->salvage) {
        copier_fail(c, COPY_STATUS, c->pos, ret);
        return false;
    }
    c->extent_end = c->pos + (ret < 0 ? bytes : pnum);
    c->extent_kind = ret < 0 || (kind == COPY_LOST && !job->salvage)
                     ? COPY_DATA : kind;
    if (job->whole_clusters) {
        copier_align_extent(c);
    }
    c->extent_zero = job->sparse > 0 && (c->extent_kind == COPY_ZERO ||
                                         c->extent_kind == COPY_LOST);
    c->extent_ret = ret;
    return true;
}

/* Adds up the data, for the progress, and goes back to the beginning. */
static void coroutine_fn copier_add_up(void *opaque)
{
    Copier *c = opaque;

    while (c->pos < c->job->size && !copier_stopped(c) &&
           copier_next_extent(c)) {
        c->total += c->extent_zero || c->extent_kind == COPY_SHARED
                    ? 0 : c->extent_end - c->pos;
        c->pos = c->extent_end;
    }
    /* With both at 0 the first chunk asks for its extent again. */
    c->pos = c->extent_end = 0;
}

/* Waits until the rate allows more, then takes @bytes of it. */
static void coroutine_fn copier_throttle(Copier *c, int64_t bytes)
{
    int64_t now;

    if (c->job->rate == 0) {
        return;
    }
    while ((now = qemu_clock_get_ns(QEMU_CLOCK_REALTIME)) < c->free_at &&
           !copier_stopped(c)) {
        qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, MIN(c->free_at - now, NAP_NS));
    }
    c->free_at = MAX(c->free_at, now) +
                 (int64_t)((double)bytes / c->job->rate * 1e9);
}

/* The next piece of the request at pos, or of a new one. */
static Chunk copier_take_piece(Copier *c)
{
    bool by_range = c->copy_range_works && !c->extent_zero;
    bool whole = c->extent_zero || by_range || c->job->whole_clusters ||
                 c->job->sparse > PIECE_MAX;
    int64_t bytes;

    if (c->pos >= c->request_end) {
        /* The last request of an extent ends where the extent does. */
        int64_t max = c->extent_zero ? ZERO_MAX
                      : c->job->whole_clusters ? c->job->cluster
                                               : COPY_REQUEST_MAX;

        if (c->extent_end - c->pos > max && c->job->cluster > 0) {
            int64_t end = QEMU_ALIGN_DOWN(c->pos + max, c->job->cluster);

            max = end > c->pos ? end - c->pos : max;
        }
        c->request_end = c->pos + MIN(c->extent_end - c->pos, max);
    }
    bytes = MIN(whole ? INT64_MAX : PIECE_MAX, c->request_end - c->pos);
    return (Chunk) {
        .offset = c->pos,
        .bytes = bytes,
        .ticket = c->next_ticket,
        .zero = c->extent_zero,
        .by_range = by_range,
        .last = c->pos + bytes == c->request_end,
        .lost = c->extent_kind == COPY_LOST,
        .status_ret = c->extent_ret,
    };
}

/* Takes the next chunk that needs a request.  False: there is none. */
static bool coroutine_fn copier_next_chunk(Copier *c, Chunk *chunk)
{
    QEMU_LOCK_GUARD(&c->lock);

    while (!copier_stopped(c) && c->pos < c->job->size) {
        if (c->pos >= c->extent_end && !copier_next_extent(c)) {
            break;
        }
        if (c->extent_kind == COPY_SHARED ||
            (c->extent_zero && c->extent_kind == COPY_ZERO &&
             c->job->target_zero)) {
            c->pos = c->extent_end;
            continue;
        }
        *chunk = copier_take_piece(c);
        if (!chunk->zero) {
            copier_throttle(c, chunk->bytes);
            if (copier_stopped(c)) {
                break;
            }
        }
        c->pos += chunk->bytes;
        c->next_ticket++;
        return true;
    }
    return false;
}

/* ---- copying a chunk ---------------------------------------------------- */

/* False: there was an error, so there will be no turn. */
static bool coroutine_fn copier_wait_turn(Copier *c, const Chunk *chunk)
{
    bool ordered = !c->job->out_of_order || c->job->salvage;

    return ordered ? img_turns_wait(&c->turns, chunk->ticket)
                   : !copier_failed(c);
}

/* ---- losses ------------------------------------------------------------- */

/* Warns of those that do not go on, the lower one first. */
static void copier_warn(Copier *c)
{
    CopyLoss *status = &c->losses[COPY_STATUS], *read = &c->losses[COPY_READ];
    bool swap = read->offset < status->offset;
    CopyLoss *both[] = { swap ? read : status, swap ? status : read };

    for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
        if (both[i]->bytes) {
            c->job->ops->warn(c->job->opaque, both[i]);
            both[i]->bytes = 0;
        }
    }
}

/* One that goes on where the last loss ended, for the same reason, joins it. */
static void copier_lose(Copier *c, CopyLoss loss)
{
    CopyLoss *last = &c->losses[loss.step];

    if (last->bytes && last->offset + last->bytes == loss.offset &&
        last->ret == loss.ret) {
        last->bytes += loss.bytes;
        last->known &= loss.known;
        return;
    }
    if (last->bytes) {
        copier_warn(c);
    }
    *last = loss;
}

/* With the turn. */
static void copier_note_losses(Worker *w)
{
    Copier *c = w->copier;
    const Chunk *chunk = &w->chunk;
    int64_t step = chunk->lost ? chunk->bytes : SECTOR;

    if (!c->job->salvage) {
        return;
    }
    if (chunk->status_ret < 0) {
        copier_lose(c, (CopyLoss) { COPY_STATUS, chunk->offset, chunk->bytes,
                                    chunk->status_ret, false });
    }
    for (int64_t done = 0; done < chunk->bytes; done += step) {
        int ret = w->errors[done / SECTOR];

        if (ret < 0) {
            copier_lose(c, (CopyLoss) { COPY_READ, chunk->offset + done,
                                        MIN(step, chunk->bytes - done), ret,
                                        chunk->lost });
        }
    }
}

/*
 * With salvage a chunk is read sector by sector if it cannot be as a whole.  Of
 * a lost one the first sector only, for the reason, because there may be
 * thousands of millions.
 */
static int coroutine_fn copier_read(Worker *w)
{
    const CopyJob *job = w->copier->job;
    const Chunk *chunk = &w->chunk;
    int64_t first = chunk->lost ? MIN(SECTOR, chunk->bytes) : chunk->bytes;
    int ret = job->ops->read(job->opaque, chunk->offset, first, w->buf);

    if (!job->salvage) {
        return ret;
    }
    if (chunk->lost) {
        w->errors[0] = ret < 0 ? ret : -EIO;
        memset(w->buf, 0, chunk->zero ? 0 : chunk->bytes);
        return 0;
    }
    memset(w->errors, 0, COPY_REQUEST_MAX / SECTOR * sizeof(*w->errors));
    for (int64_t done = 0; ret < 0 && done < chunk->bytes; done += SECTOR) {
        int n = MIN(SECTOR, chunk->bytes - done);
        int err = job->ops->read(job->opaque, chunk->offset + done, n,
                                 w->buf + done);

        w->errors[done / SECTOR] = err;
        if (err < 0) {
            memset(w->buf + done, 0, n);
        }
    }
    return 0;
}

/* Writes the chunk, but leaves holes where it is zero. */
static int coroutine_fn copier_write(Worker *w)
{
    const CopyJob *job = w->copier->job;
    const Chunk *chunk = &w->chunk;
    int64_t done = 0;
    int ret = 0;

    while (done < chunk->bytes && ret == 0) {
        int64_t at = chunk->offset + done;
        int64_t n = chunk->bytes - done;
        bool zero = false;

        if (job->whole_clusters) {
            zero = job->sparse > 0 && buffer_is_zero(w->buf, n);
        } else if (job->sparse > 0) {
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

/* Copies without a buffer.  False: that does not go; copy with one. */
static bool coroutine_fn copier_by_range(Worker *w)
{
    Copier *c = w->copier;
    const Chunk *chunk = &w->chunk;

    if (!chunk->by_range || !copier_wait_turn(c, chunk)) {
        return false;
    }
    if (c->job->ops->copy_range(c->job->opaque, chunk->offset,
                                chunk->bytes) < 0) {
        /* It would fail for the next chunk as well. */
        c->copy_range_works = false;
        return false;
    }
    return true;
}

/* With a buffer, unless it is zero.  False after an error. */
static bool coroutine_fn copier_by_buffer(Worker *w)
{
    Copier *c = w->copier;
    const Chunk *chunk = &w->chunk;
    int ret = chunk->zero && !chunk->lost ? 0 : copier_read(w);

    if (ret < 0) {
        /* This ends the turns, so that the chunk is not written below. */
        copier_fail(c, COPY_READ, chunk->offset, ret);
    }
    if (!copier_wait_turn(c, chunk)) {
        return false;
    }
    if (!chunk->zero || chunk->lost) {
        copier_note_losses(w);
    }
    if (!chunk->zero) {
        ret = copier_write(w);
    } else if (!c->job->target_zero) {
        ret = c->job->ops->write_zeroes(c->job->opaque, chunk->offset,
                                        chunk->bytes);
    }
    if (ret < 0) {
        copier_fail(c, COPY_WRITE, chunk->offset, ret);
    }
    return ret == 0;
}

static void coroutine_fn copier_work(void *opaque)
{
    Worker *w = opaque;
    Copier *c = w->copier;

    while (copier_next_chunk(c, &w->chunk) &&
           (copier_by_range(w) || copier_by_buffer(w))) {
        if (!w->chunk.zero) {
            c->done += w->chunk.bytes;
            if (w->chunk.last) {
                img_progress_set(MIN(c->done, c->total), c->total);
            }
        }
        img_turns_pass(&c->turns);
    }
}

bool copy_run(const CopyJob *job, CopyResult *result)
{
    Copier c = {
        .job = job,
        .result = result,
        .copy_range_works = job->use_copy_range && job->ops->copy_range,
        .total = job->sparse > 0 ? 0 : job->size,
    };
    Worker workers[COPY_COROUTINES_MAX] = { 0 };
    int i;

    assert(job->coroutines >= 1 && job->coroutines <= COPY_COROUTINES_MAX);
    *result = (CopyResult) { .step = COPY_NOTHING };
    qemu_co_mutex_init(&c.lock);
    img_turns_init(&c.turns);
    if (job->sparse > 0) {
        img_run_workers(copier_add_up, &c, sizeof(c), 1);
    }
    for (i = 0; i < job->coroutines; i++) {
        workers[i].copier = &c;
        workers[i].buf = qemu_memalign(job->alignment, COPY_REQUEST_MAX);
        if (job->salvage) {
            workers[i].errors = g_new0(int16_t, COPY_REQUEST_MAX / SECTOR);
        }
    }
    img_run_workers(copier_work, workers, sizeof(*workers), job->coroutines);
    copier_warn(&c);
    for (i = 0; i < job->coroutines; i++) {
        qemu_vfree(workers[i].buf);
        g_free(workers[i].errors);
    }
    return !copier_failed(&c) && !(result->interrupted && c.pos < job->size);
}
