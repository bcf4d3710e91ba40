/* SPDX-License-Identifier: MIT */
/*
 * Lists of operations; see ops.h.
 *
 * Invariants:
 *   - Most requests meet near a few hot places (both ends, the borders of
 *     clusters), where drivers have their special cases; the others lie
 *     anywhere, aligned or not.
 *   - A long list reaches further in each of its phases, which begin with a
 *     reopening, so that several clusters are allocated at a time by a driver
 *     that knows only what the file said.
 */
#include "ops.h"

/* Both ends, two borders of clusters, three places anywhere. */
#define HOT_PLACES 7

/* Operations of a phase; phases of a list, at most. */
#define PHASE_OPS  50
#define MAX_PHASES 8

typedef struct Maker {
    Rng rng;
    const OpsPlan *plan;
    int64_t length;             /* now */
    unsigned phases;
    unsigned phase;             /* from 1 on */
    int64_t hot[HOT_PLACES];
} Maker;

/* Splitmix64, for which every seed is a good one. */
uint64_t rng_next(Rng *rng)
{
    uint64_t x = rng->state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t rng_below(Rng *rng, uint64_t below)
{
    return rng_next(rng) % below;
}

static bool chance(Maker *m, unsigned percent)
{
    return rng_below(&m->rng, 100) < percent;
}

/* ---- making ------------------------------------------------------------- */

/* The end of what this phase reaches. */
static int64_t phase_end(const Maker *m)
{
    return MAX(1, m->length * m->phase / m->phases);
}

static void begin_phase(Maker *m)
{
    const ImageFacts *facts = &m->plan->facts;
    int64_t cluster = facts->cluster > 0 ? facts->cluster : 64 << 10;
    int64_t end;

    m->phase++;
    end = phase_end(m);
    m->hot[0] = 0;
    m->hot[1] = end;
    for (int i = 2; i < HOT_PLACES; i++) {
        int64_t border = rng_below(&m->rng, MAX(1, end / cluster)) * cluster;

        m->hot[i] = i % 2 ? border : (int64_t)rng_below(&m->rng, end);
    }
}

static void choose_range(Maker *m, Op *op)
{
    unsigned dice = rng_below(&m->rng, 100);
    int64_t max = m->plan->max_bytes ? m->plan->max_bytes : 3 << 20;
    int64_t n = dice < 25 ? 1 + rng_below(&m->rng, 4096)
                : dice < 60 ? 512 * (1 + rng_below(&m->rng, 64))
                : dice < 80 ? 4096 * (1 + rng_below(&m->rng, 16))
                : dice < 96 ? 1 + rng_below(&m->rng, 256 << 10)
                            : 1 + rng_below(&m->rng, 3 << 20);
    int64_t at;

    op->bytes = MIN(n, max);
    if (chance(m, 55)) {
        /* So that the hot place lies near an end of the range, or within it. */
        at = m->hot[rng_below(&m->rng, HOT_PLACES)];
        at += rng_below(&m->rng, 8192);
        at -= rng_below(&m->rng, 2) ? op->bytes / 2 + 4096 : op->bytes;
    } else {
        at = rng_below(&m->rng, phase_end(m));
    }
    op->offset = CLAMP(at, 0, m->length - 1);
    /* As guests do it; drivers take other paths for what is aligned. */
    if (chance(m, 60)) {
        int64_t align = chance(m, 50) ? 4096 : 512;

        op->offset = QEMU_ALIGN_DOWN(op->offset, align);
        op->bytes = QEMU_ALIGN_UP(op->bytes, align);
    }
    op->bytes = MIN(op->bytes, m->length - op->offset);
    op->pieces = chance(m, 30) ? 2 + rng_below(&m->rng, OP_MAX_PIECES - 1) : 1;
    op->pieces = MIN((int64_t)op->pieces, op->bytes);
    if (op->kind != OP_READ && op->kind != OP_WRITE) {
        /* The dice are thrown all the same: what follows keeps its seed. */
        op->pieces = 1;
    }
}

static OpKind choose_kind(Maker *m)
{
    unsigned dice = rng_below(&m->rng, 1000);

    /* More of them, since all go one way; the dice of some zeroes. */
    if (m->plan->facts.grow && dice >= 760 && dice < 850) {
        return OP_TRUNCATE;
    }
    if (dice < 20) {
        return m->plan->facts.truncate ? OP_TRUNCATE : OP_WRITE;
    }
    if (dice < 35) {
        return m->plan->reopen ? OP_REOPEN : OP_READ;
    }
    return dice < 230 ? OP_READ
           : dice < 260 ? OP_STATUS
           : dice < 720 ? OP_WRITE
           : dice < 850 ? OP_ZERO
           : dice < 920 ? OP_DISCARD
                        : OP_FLUSH;
}

static Op make_op(Maker *m)
{
    Op op = { .kind = choose_kind(m), .pieces = 1 };

    if (op.kind == OP_TRUNCATE) {
        /* From half of the first length to one and a half of it. */
        int64_t first = m->plan->facts.length, grain = m->plan->facts.grain;
        int64_t align = chance(m, 50) ? 512 : 64 << 10;
        int64_t length = first / 2 + rng_below(&m->rng, MAX(1, first));

        if (m->plan->facts.grow) {
            /* By what it can grow by, as far as that is known. */
            length = QEMU_ALIGN_UP(m->length, grain) + (1 + length % 4) * 65536;
            align = 1;
        }
        align = MAX(align, grain);
        m->length = op.offset = MAX(grain, QEMU_ALIGN_DOWN(length, align));
    } else if (op.kind != OP_FLUSH && op.kind != OP_REOPEN) {
        choose_range(m, &op);
    }
    /* Never zero, which is what is there where nothing was written. */
    op.pattern = 1 + rng_below(&m->rng, 255);
    op.salted = op.kind == OP_WRITE && chance(m, 50);
    op.unmap = op.kind == OP_ZERO && chance(m, 50);
    op.fua = (op.kind == OP_WRITE || op.kind == OP_ZERO) && chance(m, 8);
    return op;
}

GArray *ops_new(const OpsPlan *plan)
{
    GArray *ops = g_array_sized_new(FALSE, FALSE, sizeof(Op), plan->count);
    unsigned phases = plan->reopen ? plan->count / PHASE_OPS : 1;
    Maker m = {
        .rng.state = plan->seed,
        .plan = plan,
        .length = plan->facts.length,
        .phases = CLAMP(phases, 1, MAX_PHASES),
    };

    begin_phase(&m);
    for (unsigned i = 0; i < plan->count; i++) {
        Op op = { .kind = OP_REOPEN, .pieces = 1 };

        if (i >= (uint64_t)plan->count * m.phase / m.phases) {
            begin_phase(&m);
        } else {
            op = make_op(&m);
        }
        g_array_append_val(ops, op);
    }
    return ops;
}

void ops_clip(GArray *ops, int64_t length)
{
    guint kept = 0;

    for (guint i = 0; i < ops->len; i++) {
        Op op = g_array_index(ops, Op, i);

        if (op.kind == OP_TRUNCATE) {
            length = op.offset;
        } else if (op.kind != OP_FLUSH && op.kind != OP_REOPEN) {
            if (op.offset >= length) {
                continue;
            }
            op.bytes = MIN(op.bytes, length - op.offset);
            /* No piece is empty. */
            op.pieces = MIN((int64_t)op.pieces, op.bytes);
        }
        g_array_index(ops, Op, kept++) = op;
    }
    g_array_set_size(ops, kept);
}

bool op_writes(const Op *op)
{
    return op->kind == OP_WRITE || op->kind == OP_ZERO ||
           op->kind == OP_DISCARD || op->kind == OP_TRUNCATE;
}

/* ---- printing ----------------------------------------------------------- */

char *op_command(const Op *op, bool aio, const char *source)
{
    GString *text = g_string_new("");
    bool one = op->pieces <= 1 || source;
    /* They take vectors under the same name. */
    const char *begin = aio && !source ? "aio_" : "";
    const char *end = one || *begin ? "" : "v", *fua = op->fua ? " -f" : "";

    switch (op->kind) {
    case OP_READ:
        g_string_printf(text, "%sread%s", begin, end);
        break;
    case OP_WRITE:
        g_string_printf(text, "%swrite%s%s", begin, end, fua);
        if (source) {
            g_string_append_printf(text, " -s %s", source);
        } else {
            g_string_append_printf(text, " -P 0x%02x", op->pattern);
        }
        break;
    case OP_ZERO:
        g_string_printf(text, "%swrite%s -z%s", begin, fua,
                        op->unmap ? " -u" : "");
        break;
    case OP_DISCARD:
        g_string_assign(text, "discard");
        break;
    case OP_STATUS:
        g_string_assign(text, "alloc");
        break;
    case OP_TRUNCATE:
        g_string_printf(text, "truncate %" PRId64, op->offset);
        break;
    case OP_REOPEN:
        g_string_assign(text, "close; open");
        break;
    default:
        g_string_assign(text, "flush");
    }
    if (op->bytes) {
        g_string_append_printf(text, " %" PRId64, op->offset);
    }
    for (unsigned i = 0; op->bytes && i < (one ? 1 : op->pieces); i++) {
        g_string_append_printf(text, " %" PRId64,
                               one ? op->bytes : (int64_t)op_piece(op, i));
    }
    return g_string_free(text, FALSE);
}

char *op_print(const Op *op)
{
    g_autofree char *command = op_command(op, false, NULL);

    return g_strconcat(command, op->salted ? "  # plus the number of the sector"
                                           : NULL, NULL);
}

char **ops_print(const GArray *ops)
{
    char **lines = g_new0(char *, ops->len + 1);

    for (guint i = 0; i < ops->len; i++) {
        lines[i] = op_print(&g_array_index(ops, Op, i));
    }
    return lines;
}
