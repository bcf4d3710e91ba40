/* SPDX-License-Identifier: MIT */
/*
 * The crash suite: what a power cut may leave is an image with everything that
 * was flushed.
 *
 * Invariants:
 *   - Each flush that reaches the disk, and the end of the list, is a moment of
 *     which the disk, the unflushed writes and the time of the model are kept.
 *   - Of a moment with few unflushed writes every subset is tried; of others
 *     each prefix and a sample of subsets and torn writes.
 *   - A case tries so many states at most, chosen by its seed.
 */
#include "run.h"

#include "minblk/volatile-cache.h"

/* Small, because it is read for each state; the last block is not whole. */
#define IMAGE_SIZE ((4 << 20) + 1536)
#define MAX_BYTES  (128 << 10)

/* All subsets of so many writes are tried; of more, so many of each kind. */
#define FEW_WRITES 5
#define SAMPLES    8

/* The kinds of lists: short ones of which all states are tried, long ones. */
typedef struct CrashPlan {
    const char *what;
    unsigned ops;
    unsigned lists;
    unsigned depth;
    unsigned states;            /* that a case tries at most */
    bool stale;                 /* old bytes past the end of the disk */
} CrashPlan;

static const CrashPlan plans[] = {
    { "short lists, one at a time", 4, 16, 1, 120, false },
    { "long lists, one at a time", 60, 7, 1, 120, false },
    { "long lists, 8 at a time", 80, 7, 8, 120, false },
    { "a disk with old bytes past its end", 12, 14, 4, 80, true },
};

/* The disk, what it had not written yet, and the model's time. */
typedef struct Moment {
    MemDisk *disk;
    VolatileLog *log;
    uint64_t time;
} Moment;

/* A state to be tried. */
typedef struct State {
    unsigned moment;
    PowerCut cut;
} State;

/* The objects of a case. */
typedef struct Crash {
    Run run;
    GArray *moments;            /* Moment */
    GArray *states;             /* State */
    Rng rng;
} Crash;

/* ---- moments ------------------------------------------------------------ */

/*
 * The volatile cache calls it before a flush, in a coroutine, so it must not
 * yield.  Copies are cheap: pages of a disk are shared until they are written.
 */
static void note_moment(BlockDriverState *bs, void *opaque)
{
    Crash *crash = opaque;
    g_autofree char *name = g_strdup_printf("moment%u", crash->moments->len);
    Moment moment = { .time = model_now(crash->run.model) };

    moment.disk = mem_disk_copy(mem_disk_find(crash->run.how.disk), name);
    moment.log = volatile_cache_log(bs);
    g_array_append_val(crash->moments, moment);
}

static void clear_moment(void *opaque)
{
    Moment *moment = opaque;

    volatile_log_free(moment->log);
    mem_disk_free(moment->disk);
}

/* ---- states ------------------------------------------------------------- */

/*
 * With each length that the file may have, because a file system may write that
 * before or after the data.
 */
static void add_states(Crash *crash, unsigned moment, PowerCutKind kind,
                       unsigned count, uint64_t seed)
{
    for (PowerCutLength n = 0; n < POWER_CUT_LENGTH__MAX; n++) {
        State state = { moment, { kind, n, count, seed } };

        g_array_append_val(crash->states, state);
    }
}

static void add_moment(Crash *crash, unsigned moment)
{
    unsigned entries = volatile_log_entries(
        g_array_index(crash->moments, Moment, moment).log);
    bool few = entries <= FEW_WRITES;

    for (unsigned n = 0; !few && n <= entries; n++) {
        add_states(crash, moment, POWER_CUT_PREFIX, n, 0);
    }
    for (unsigned i = 0; i < (few ? 1u << entries : SAMPLES); i++) {
        add_states(crash, moment, POWER_CUT_SUBSET, 0,
                   few ? i : rng_next(&crash->rng));
    }
    for (unsigned i = 0; entries && i < SAMPLES; i++) {
        add_states(crash, moment, POWER_CUT_TORN, 0, rng_next(&crash->rng));
    }
}

static int compare_states(gconstpointer a, gconstpointer b)
{
    const State *x = a, *y = b;

    return x->moment < y->moment ? -1 : x->moment > y->moment;
}

/* ---- trying ------------------------------------------------------------- */

static char *describe_state(const Moment *moment, const State *state)
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

/* A disk as the power cut leaves it, named "after". */
static MemDisk *cut_power(Case *c, const Moment *moment, const PowerCut *cut)
{
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
    ret = volatile_log_apply(moment->log, cut, blk);
    if (ret < 0) {
        case_fail(c, "no power cut: %s", strerror(-ret));
    }
    blk_unref(blk);
    return disk;
}

/* The states are sorted, so that each moment's model is made once. */
static void try_states(Crash *crash)
{
    Case *c = crash->run.c;
    const Moment *moment = NULL;
    ModelCut *model = NULL;

    for (guint i = 0; i < crash->states->len; i++) {
        const State *state = &g_array_index(crash->states, State, i);
        const Moment *now = &g_array_index(crash->moments, Moment,
                                           state->moment);
        g_autofree char *where = describe_state(now, state);
        MemDisk *disk = cut_power(c, now, &state->cut);

        if (now != moment) {
            g_clear_pointer(&model, model_cut_free);
            moment = now;
            model = model_cut_new(crash->run.model, moment->time);
        }
        /* Half of them are opened to be written to, for the sake of time. */
        run_verify_cut(c, "after", model, i % 2, where);
        mem_disk_free(disk);
    }
    g_clear_pointer(&model, model_cut_free);
}

/* Leaves so many of the states, any of them, in the order of their moments. */
static void choose_states(Crash *crash, unsigned most)
{
    GArray *states = crash->states;
    unsigned n = MIN(states->len, most);

    for (unsigned i = 0; i < n; i++) {
        unsigned other = i + rng_below(&crash->rng, states->len - i);
        State state = g_array_index(states, State, i);

        g_array_index(states, State, i) = g_array_index(states, State, other);
        g_array_index(states, State, other) = state;
    }
    g_array_set_size(states, n);
    g_array_sort(states, compare_states);
}

static void test_crash(Case *c, const void *opaque)
{
    const ListCase *list = opaque;
    const CrashPlan *plan = list->extra;
    Crash crash = {
        .run = run_new(c, list, "crash"),
        .moments = g_array_new(FALSE, FALSE, sizeof(Moment)),
        .states = g_array_new(FALSE, FALSE, sizeof(State)),
        .rng.state = list->seed,
    };
    Run *run = &crash.run;
    BlockDriverState *cache;

    g_array_set_clear_func(crash.moments, clear_moment);
    case_create(c, run->how.disk, IMAGE_SIZE);
    /* After creation, which need not know what to do with old bytes. */
    mem_disk_set_stale(mem_disk_find(run->how.disk), plan->stale);
    run_open(run);
    run_adopt(run);
    run_close(run);
    /* Not earlier: what the model begins with is durable. */
    run->how.volatile_cache = true;
    run_open(run);
    cache = stack_node(&run->how, STACK_CACHE);
    volatile_cache_set_hook(cache, note_moment, &crash);
    run_ops(run);
    /* The end of the list; closing the image would flush it. */
    note_moment(cache, &crash);
    run_close(run);
    for (guint i = 0; i < crash.moments->len; i++) {
        add_moment(&crash, i);
    }
    choose_states(&crash, c->h->ops ? CLAMP(c->h->ops, 8, 2000)
                                    : plan->states);
    try_states(&crash);
    g_array_unref(crash.moments);
    g_array_unref(crash.states);
    run_finish(run);
}

/* ---- properties --------------------------------------------------------- */

static void check_plan(Harness *h, const ImageFacts *facts,
                       const CrashPlan *plan)
{
    g_autofree ListCase *lists = g_new0(ListCase, plan->lists);

    for (unsigned i = 0; i < plan->lists; i++) {
        OpsPlan ops = {
            .facts = *facts,
            .seed = harness_seed(h, plan->what, i),
            .count = plan->ops,
            .max_bytes = MAX_BYTES,
        };

        lists[i] = list_case_new(h, ops, plan->depth);
        lists[i].extra = plan;
    }
    lists_check(h, test_crash, lists, plan->lists, "power cuts, %s",
                plan->what);
}

static void run_crash(Harness *h)
{
    ImageFacts facts;

    if (!harness_learn(h, IMAGE_SIZE, &facts)) {
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(plans); i++) {
        check_plan(h, &facts, &plans[i]);
    }
    harness_count_flushes(h);
}

const HarnessSuite suite_crash = {
    .name = "crash",
    .what = "each state that a power cut may leave",
    .run = run_crash,
};
