/* SPDX-License-Identifier: MIT */
/*
 * The parts of an image that are read where all of it would take too long; see
 * run.h.
 *
 * Invariants: what a list touches is among them, with the borders of its
 * clusters, since what a driver loses lies in a cluster that was used, or in
 * one beside it.
 */
#include "run.h"

#define UNIT      4096

/* So much on both sides of a request, at most; units that lie anywhere. */
#define MARGIN    (64 << 10)
#define ANY_UNITS 32

/* A byte a unit: is it a part? */
struct Parts {
    int64_t units;
    bool set[];
};

/* From @start to @end, which may lie outside of the image. */
static void set_range(Parts *parts, int64_t start, int64_t end)
{
    int64_t last = MIN(DIV_ROUND_UP(MAX(end, 0), UNIT), parts->units);

    for (int64_t i = MAX(start, 0) / UNIT; i < last; i++) {
        parts->set[i] = true;
    }
}

Parts *parts_new(const ListCase *list)
{
    int64_t cluster = MAX(list->facts.cluster, UNIT);
    int64_t margin = MIN(cluster, MARGIN);
    int64_t most = list->facts.length;
    Rng rng = { list->seed };
    Parts *parts;

    for (guint i = 0; i < list->ops->len; i++) {
        const Op *op = &g_array_index(list->ops, Op, i);

        most = MAX(most, op->offset + op->bytes);
    }
    parts = g_malloc0(sizeof(*parts) + DIV_ROUND_UP(most, UNIT));
    parts->units = DIV_ROUND_UP(most, UNIT);
    for (guint i = 0; i < list->ops->len; i++) {
        const Op *op = &g_array_index(list->ops, Op, i);
        int64_t first = QEMU_ALIGN_DOWN(op->offset, cluster);
        int64_t last = QEMU_ALIGN_UP(op->offset + op->bytes, cluster);

        set_range(parts, op->offset - margin, op->offset + op->bytes + margin);
        set_range(parts, first - UNIT, first + UNIT);
        set_range(parts, last - UNIT, last + UNIT);
    }
    set_range(parts, 0, UNIT);
    set_range(parts, list->facts.length - UNIT, list->facts.length);
    for (unsigned i = 0; i < ANY_UNITS; i++) {
        parts->set[rng_below(&rng, parts->units)] = true;
    }
    return parts;
}

int64_t parts_next(const Parts *parts, int64_t length, int64_t *at)
{
    int64_t end = MIN(*at + MAX_PART, length), i = *at / UNIT;

    if (!parts) {
        return end - *at;
    }
    while (i < parts->units && !parts->set[i]) {
        i++;
    }
    *at = MIN(MAX(*at, i * UNIT), length);
    end = i;
    while (end < parts->units && parts->set[end] && end - i < MAX_PART / UNIT) {
        end++;
    }
    return MAX(MIN(end * UNIT, length) - *at, 0);
}
