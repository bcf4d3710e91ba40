/* SPDX-License-Identifier: MIT */
/*
 * The failure suite: each operation of the file fails once, and each with all
 * that follow it.
 *
 * Invariants:
 *   - After one failure all that failed is tried again, and must work; at the
 *     end everything is there, in the open image, after reopening it, and on
 *     the disk as a power cut would leave it.
 *   - When all fails for ever, what was flushed before is there.
 *   - Behind a list comes a flush that nothing is in flight with, so that what
 *     fails when the image is closed is not the last chance of anything.
 */
#include "run.h"
#include "shrink.h"

#define IMAGE_SIZE ((4 << 20) + 1536)
#define LIST_OPS   40
#define MAX_BYTES  (256 << 10)

/* Most places at which one list is made to fail, unless --ops says so. */
#define MAX_PLACES 40

typedef struct FaultKind {
    const char *what;           /* names the property */
    const char *iotype;
    MemOp op;
} FaultKind;

static const FaultKind kinds[] = {
    { "read", "read", MEM_READ },
    { "write", "write", MEM_WRITE },
    { "write of zeroes", "write-zeroes", MEM_ZERO },
    { "discard", "discard", MEM_DISCARD },
    { "flush", "flush", MEM_FLUSH },
    { "truncation", "truncate", MEM_TRUNCATE },
    { "query of the status", "block-status", MEM_STATUS },
};

/* How many operations of each kind there were by then, all without failures. */
typedef struct Counts {
    unsigned opened[MEM_OP__MAX];
    unsigned done[MEM_OP__MAX];
} Counts;

static const unsigned depths[] = { 1, 6 };

static void init_run(Run *run, Case *c, const ListCase *list)
{
    *run = (Run) {
        .h = list->h,
        .c = c,
        .ops = list->ops,
        .depth = list->depth,
        .how = {
            .disk = "failure",
            .flags = STACK_RDWR,
            .delay = list->depth > 1,
            .delay_seed = list->seed,
        },
    };
    run_create(run, IMAGE_SIZE);
    run_open(run);
    run_adopt(run);
    run_close(run);
}

/* ---- counting ----------------------------------------------------------- */

static void count(unsigned counts[MEM_OP__MAX], const MemDisk *disk,
                  const unsigned *before)
{
    for (int i = 0; i < MEM_OP__MAX; i++) {
        counts[i] = mem_disk_count(disk, i) - (before ? before[i] : 0);
    }
}

static void count_case(Case *c, void *opaque)
{
    unsigned before[MEM_OP__MAX];
    MemDisk *disk;
    Counts counts;
    Run run;

    init_run(&run, c, opaque);
    disk = mem_disk_find(run.how.disk);
    count(before, disk, NULL);
    run_open(&run);
    count(counts.opened, disk, before);
    run_ops(&run);
    run_flush(&run);
    run_close(&run);
    count(counts.done, disk, before);
    run_finish(&run);
    case_send(c, &counts, sizeof(counts));
}

/* ---- failing ------------------------------------------------------------ */

/* Opens the image, in a second attempt if the first one failed cleanly. */
static void open_failing(Run *run, const StackFault *fault)
{
    Error *err = NULL;

    run->how.fault = fault;
    run->blk = stack_open(run->h, &run->how, &err);
    if (run->blk) {
        return;
    }
    if (!err) {
        case_fail(run->c, "opening failed without a reason");
    }
    error_free(err);
    if (bdrv_next_node(NULL)) {
        case_fail(run->c, "opening failed and left the node '%s' behind",
                  bdrv_get_node_name(bdrv_next_node(NULL)));
    }
    run->how.fault = NULL;
    run_open(run);
}

/* What a power cut would leave now. */
static void verify_durable(Run *run)
{
    ModelCut *cut = model_cut_new(run->model, model_now(run->model));
    MemDisk *copy = mem_disk_copy(mem_disk_find(run->how.disk), "durable");

    run->where = "what is durable after the failure";
    run_verify_cut(run, "durable", cut, false);
    model_cut_free(cut);
    mem_disk_free(copy);
}

/* All that was asked for has been done. */
static void verify_done(Run *run)
{
    run_verify(run);
    verify_durable(run);
    run_close(run);
    run->how.fault = NULL;
    run_open(run);
    run_verify(run);
    run_verify_check(run);
    run_close(run);
}

/* The disk was broken until now; only what was flushed is sure. */
static void verify_broken(Run *run)
{
    ModelCut *cut = model_cut_new(run->model, model_now(run->model));

    verify_durable(run);
    run_close(run);
    run->where = "the image after the failure";
    run_verify_cut(run, run->how.disk, cut, false);
    model_cut_free(cut);
}

static void test_fault(Case *c, void *opaque)
{
    const ListCase *list = opaque;
    const StackFault *fault = list->extra;
    Run run;

    init_run(&run, c, list);
    run.how.volatile_cache = true;
    run.on_error = fault->once ? RUN_ERRORS_RETRY : RUN_ERRORS_STOP;
    open_failing(&run, fault);
    run_ops(&run);
    run_flush(&run);
    if (fault->once) {
        verify_done(&run);
    } else {
        verify_broken(&run);
    }
    run_finish(&run);
}

/* ---- properties --------------------------------------------------------- */

static GArray *make_ops(const Harness *h, const ImageFacts *facts,
                        uint64_t seed)
{
    OpsPlan plan = {
        .seed = seed,
        .count = h->ops ? h->ops : LIST_OPS,
        .length = facts->length,
        .cluster = facts->cluster,
        .truncate = facts->truncate,
        .max_bytes = MAX_BYTES,
    };

    return ops_new(&plan);
}

static void make_list(ListCase *list, const Harness *h,
                      const ImageFacts *facts, unsigned depth)
{
    uint64_t seed = harness_seed(h, "failure", depth);

    *list = (ListCase) {
        .h = h,
        .ops = make_ops(h, facts, seed),
        .length = facts->length,
        .depth = depth,
        .seed = seed,
    };
}

/* The operation of @kind after the first @skip fails. */
static void add_case(GArray *cases, const ListCase *list,
                     const FaultKind *kind, unsigned skip, bool once)
{
    StackFault *fault = g_new(StackFault, 1);
    ListCase one = *list;

    *fault = (StackFault) {
        .iotype = kind->iotype, .skip = skip, .once = once,
    };
    one.extra = fault;
    one.what = g_strdup_printf("%s number %u", kind->what, skip + 1);
    g_array_ref(one.ops);
    g_array_append_val(cases, one);
}

/* What opening does, and as much of what comes after it. */
static void add_cases(GArray *cases, const ListCase *list,
                      const FaultKind *kind, const Counts *counts, bool once)
{
    unsigned opened = counts->opened[kind->op];
    unsigned rest = counts->done[kind->op] - opened;
    unsigned most = list->h->ops ? list->h->ops : MAX_PLACES;
    unsigned places = MIN(rest, most);

    for (unsigned i = 0; i < MIN(opened, most); i++) {
        add_case(cases, list, kind, i, once);
    }
    for (unsigned i = 0; i < places; i++) {
        add_case(cases, list, kind, opened + (uint64_t)i * rest / places,
                 once);
    }
}

static void free_cases(GArray *cases)
{
    for (guint i = 0; i < cases->len; i++) {
        g_free((StackFault *)g_array_index(cases, ListCase, i).extra);
    }
    list_cases_clear((ListCase *)cases->data, cases->len);
    g_array_unref(cases);
}

static void check_kind(Harness *h, const FaultKind *kind, const ListCase *lists,
                       const Counts *counts, bool once)
{
    GArray *cases = g_array_new(FALSE, FALSE, sizeof(ListCase));
    const char *rest = once ? "fails once" : "and all that follow it fail";

    for (size_t i = 0; i < G_N_ELEMENTS(depths); i++) {
        add_cases(cases, &lists[i], kind, &counts[i], once);
    }
    if (cases->len) {
        lists_check(h, test_fault, (ListCase *)cases->data, cases->len,
                    "a %s %s", kind->what, rest);
    } else {
        harness_report(h, CASE_SKIP, "the driver does no such thing",
                       "a %s %s", kind->what, rest);
    }
    free_cases(cases);
}

static bool learn_counts(Harness *h, ListCase *lists, Counts *counts)
{
    CaseJob jobs[G_N_ELEMENTS(depths)] = { 0 };
    bool good = true;

    for (size_t i = 0; i < G_N_ELEMENTS(depths); i++) {
        jobs[i] = (CaseJob) { .fn = count_case, .opaque = &lists[i] };
    }
    cases_run(h, jobs, G_N_ELEMENTS(depths));
    for (size_t i = 0; i < G_N_ELEMENTS(depths); i++) {
        if (jobs[i].status != CASE_PASS || !jobs[i].data) {
            harness_report(h, CASE_FAIL, jobs[i].message,
                           "nothing fails, %u at a time", depths[i]);
            good = false;
        } else {
            memcpy(&counts[i], jobs[i].data->data, sizeof(counts[i]));
        }
        case_job_clear(&jobs[i]);
    }
    return good;
}

static void run_failure(Harness *h)
{
    ListCase lists[G_N_ELEMENTS(depths)];
    Counts counts[G_N_ELEMENTS(depths)];
    ImageFacts facts;

    if (!stack_learn(h, IMAGE_SIZE, &facts)) {
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(depths); i++) {
        make_list(&lists[i], h, &facts, depths[i]);
    }
    if (learn_counts(h, lists, counts)) {
        for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
            check_kind(h, &kinds[i], lists, counts, true);
            check_kind(h, &kinds[i], lists, counts, false);
        }
    }
    list_cases_clear(lists, G_N_ELEMENTS(depths));
}

const HarnessSuite suite_failure = {
    .name = "failure",
    .what = "each operation of the file fails, once and for ever",
    .run = run_failure,
};
