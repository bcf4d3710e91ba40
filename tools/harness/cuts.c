/* SPDX-License-Identifier: MIT */
/*
 * The states that power cuts may leave; see cuts.h.
 */
#include "cuts.h"

#include "qapi/error.h"

/* All subsets of so many writes are tried; of more, so many of each kind. */
#define FEW_WRITES 5
#define SAMPLES    8

/* ---- moments ------------------------------------------------------------ */

static void clear_moment(void *opaque)
{
    Moment *moment = opaque;

    volatile_log_free(moment->log);
    mem_disk_free(moment->disk);
}

Cuts cuts_new(Case *c, const char *disk, uint64_t seed)
{
    Cuts cuts = {
        .c = c,
        .disk = disk,
        .moments = g_array_new(FALSE, FALSE, sizeof(Moment)),
        .states = g_array_new(FALSE, FALSE, sizeof(CutState)),
        .rng.state = seed,
    };

    g_array_set_clear_func(cuts.moments, clear_moment);
    return cuts;
}

void cuts_clear(Cuts *cuts)
{
    g_array_unref(cuts->moments);
    g_array_unref(cuts->states);
}

/* Copies are cheap: pages of a disk are shared until they are written. */
void cuts_note(Cuts *cuts, BlockDriverState *cache, uint64_t time)
{
    g_autofree char *name = g_strdup_printf("moment%u", cuts->moments->len);
    Moment moment = { .time = time };

    moment.disk = mem_disk_copy(mem_disk_find(cuts->disk), name);
    moment.log = volatile_cache_log(cache);
    g_array_append_val(cuts->moments, moment);
}

/* ---- states ------------------------------------------------------------- */

/*
 * With each length that the file may have, because a file system may write that
 * before or after the data.
 */
static void add_states(Cuts *cuts, unsigned moment, PowerCutKind kind,
                       unsigned count, uint64_t seed)
{
    for (PowerCutLength n = 0; n < POWER_CUT_LENGTH__MAX; n++) {
        CutState state = { moment, { kind, n, count, seed } };

        g_array_append_val(cuts->states, state);
    }
}

static void add_moment(Cuts *cuts, unsigned moment)
{
    unsigned entries = volatile_log_entries(
        g_array_index(cuts->moments, Moment, moment).log);
    bool few = entries <= FEW_WRITES;

    for (unsigned n = 0; !few && n <= entries; n++) {
        add_states(cuts, moment, POWER_CUT_PREFIX, n, 0);
    }
    for (unsigned i = 0; i < (few ? 1u << entries : SAMPLES); i++) {
        add_states(cuts, moment, POWER_CUT_SUBSET, 0,
                   few ? i : rng_next(&cuts->rng));
    }
    for (unsigned i = 0; entries && i < SAMPLES; i++) {
        add_states(cuts, moment, POWER_CUT_TORN, 0, rng_next(&cuts->rng));
    }
}

static int compare_states(gconstpointer a, gconstpointer b)
{
    const CutState *x = a, *y = b;

    return x->moment < y->moment ? -1 : x->moment > y->moment;
}

/* Leaves so many of the states, any of them, in the order of their moments. */
static void thin_out(Cuts *cuts, unsigned most)
{
    GArray *states = cuts->states;
    unsigned n = MIN(states->len, most);

    for (unsigned i = 0; i < n; i++) {
        CutState *all = (CutState *)states->data, one = all[i];
        unsigned other = i + rng_below(&cuts->rng, states->len - i);

        all[i] = all[other];
        all[other] = one;
    }
    g_array_set_size(states, n);
    g_array_sort(states, compare_states);
}

void cuts_choose(Cuts *cuts, unsigned most)
{
    for (guint i = 0; i < cuts->moments->len; i++) {
        add_moment(cuts, i);
    }
    thin_out(cuts, most);
}

/* ---- trying ------------------------------------------------------------- */

static char *describe_state(const Moment *moment, const CutState *state)
{
    static const char *const kinds[] = { "first", "any", "torn" };
    static const char *const lengths[] = { "as written", "old", "new" };
    g_autofree char *which = NULL;

    if (state->cut.kind == POWER_CUT_PREFIX) {
        which = g_strdup_printf("%u", state->cut.count);
    } else {
        which = g_strdup_printf("%#" PRIx64, state->cut.seed);
    }
    return g_strdup_printf("after a power cut at flush %u (%s %s of %u writes, "
                           "the length %s)", state->moment + 1,
                           kinds[state->cut.kind], which,
                           volatile_log_entries(moment->log),
                           lengths[state->cut.length]);
}

MemDisk *cuts_apply(const Cuts *cuts, guint i, char **where)
{
    Case *c = cuts->c;
    const CutState *state = &g_array_index(cuts->states, CutState, i);
    const Moment *moment = &g_array_index(cuts->moments, Moment,
                                          state->moment);
    MemDisk *disk = mem_disk_copy(moment->disk, "after");
    QDict *options = qdict_new();
    BlockBackend *blk;
    Error *err = NULL;
    int ret;

    qdict_put_str(options, "driver", "mem");
    qdict_put_str(options, "disk", "after");
    blk = blk_new_open(NULL, NULL, options, BDRV_O_RDWR | BDRV_O_RESIZE, &err);
    if (!blk) {
        case_fail_err(c, err, "no disk for a power cut");
    }
    ret = volatile_log_apply(moment->log, &state->cut, blk);
    if (ret < 0) {
        case_fail(c, "no power cut: %s", strerror(-ret));
    }
    blk_unref(blk);
    *where = describe_state(moment, state);
    return disk;
}
