/* SPDX-License-Identifier: MIT */
/*
 * The crash suite: what a power cut may leave is an image with everything that
 * was flushed.
 *
 * Invariants:
 *   - Each flush that reaches the disk, and the end of the list, is a moment of
 *     which the disk, the unflushed writes and the time of the model are kept.
 *   - A case tries so many states at most, chosen by its seed.
 */
#include "cuts.h"
#include "run.h"

#define MAX_BYTES  (128 << 10)

/* Of so many states one is read wholly, the others in part. */
#define WHOLE      8

/* The kinds of lists: short ones of which all states are tried, long ones. */
typedef struct CrashPlan {
    const char *what;
    unsigned ops;
    unsigned lists;
    unsigned depth;
    unsigned states;            /* that a case tries at most */
    bool stale;                 /* old bytes past the end of the disk */
    bool read_only;             /* what is seen without the right to write */
} CrashPlan;

static const CrashPlan plans[] = {
    { "short lists, one at a time", 4, 16, 1, 120, false },
    { "long lists, one at a time", 60, 7, 1, 120, false },
    { "long lists, 8 at a time", 80, 7, 8, 120, false },
    { "a disk with old bytes past its end", 12, 14, 4, 80, true },
    { "opened read-only", 40, 7, 4, 60, false, true },
};

/* The objects of a case. */
typedef struct Crash {
    Run run;
    const CrashPlan *plan;
    Cuts cuts;
    /* Of the first state that the check of the driver finds fault with. */
    char *where;
    char *finding;
    bool repaired;              /* some state was, before it could be opened */
    char *refusal;              /* to open read-only, with that reason */
} Crash;

/* The volatile cache calls it before a flush. */
static void note_moment(BlockDriverState *bs, void *opaque)
{
    Crash *crash = opaque;

    cuts_note(&crash->cuts, bs, model_now(crash->run.model));
}

/* ---- trying ------------------------------------------------------------- */

/* What a check finds is kept, because other states may have lost data. */
static void try_state(Crash *crash, guint i, const ModelCut *model)
{
    Case *c = crash->run.c;
    const Parts *parts = i % WHOLE ? crash->run.parts : NULL;
    g_autofree char *where = NULL;
    g_autofree char *finding = NULL;
    MemDisk *disk = cuts_apply(&crash->cuts, i, &where);

    if (crash->plan->read_only) {
        run_verify_cut_read_only(c, "after", model, parts, where,
                                 &crash->refusal);
    } else {
        finding = run_verify_cut(c, "after", model, parts, where,
                                 &crash->repaired);
    }
    mem_disk_free(disk);
    if (finding && !crash->finding) {
        crash->finding = g_steal_pointer(&finding);
        crash->where = g_steal_pointer(&where);
    }
}

/* The states are sorted, so that each moment's model is made once. */
static void try_states(Crash *crash)
{
    const Moment *moment = NULL;
    ModelCut *model = NULL;

    for (guint i = 0; i < crash->cuts.states->len; i++) {
        const CutState *state = &g_array_index(crash->cuts.states, CutState, i);
        const Moment *now = &g_array_index(crash->cuts.moments, Moment,
                                           state->moment);

        if (now != moment) {
            g_clear_pointer(&model, model_cut_free);
            moment = now;
            model = model_cut_new(crash->run.model, moment->time);
        }
        try_state(crash, i, model);
    }
    g_clear_pointer(&model, model_cut_free);
}

/* No data is lost; what else is to be said of the states? */
static void conclude(Crash *crash)
{
    Case *c = crash->run.c;

    if (crash->finding) {
        c->where = crash->where;
        c->minor = true;
        case_fail(c, "%s", crash->finding);
    }
    if (crash->refusal) {
        case_skip(c, "the driver refuses: %s", crash->refusal);
    }
    if (crash->repaired) {
        case_note(c, "after some power cuts the driver opens an image for "
                  "writing only when it was repaired (check -r)");
    }
}

static void test_crash(Case *c, const void *opaque)
{
    const ListCase *list = opaque;
    const CrashPlan *plan = list->extra;
    Crash crash = {
        .run = run_new(c, list, "crash"),
        .plan = plan,
        .cuts = cuts_new(c, "crash", list->seed),
    };
    Run *run = &crash.run;
    BlockDriverState *cache;

    case_create(c, run->how.disk, list->facts.size);
    run->parts = parts_new(list);
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
    cuts_choose(&crash.cuts,
                c->h->ops ? CLAMP(c->h->ops, 8, 2000)
                          : facts_cases(&list->facts, plan->states));
    try_states(&crash);
    conclude(&crash);
    cuts_clear(&crash.cuts);
    g_free(crash.refusal);
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

    if (!harness_learn_file(h, &facts)) {
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
