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
 *   - After a list comes a flush that nothing is in flight with, so that what
 *     fails when the image is closed is not the last chance of anything.
 */
#include "keep.h"
#include "run.h"

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

/* Several at a time, so that a failure meets requests that wait for it. */
static const unsigned depths[] = { 1, 6 };

/* A run with a new image, which is closed. */
static Run begin_run(Case *c, const ListCase *list)
{
    Run run = run_new(c, list, "failure");

    case_create(c, run.how.disk, list->facts.size);
    /* Of some cases all is read, of the others what the list touches. */
    run.parts = list->fault.skip % 4 ? parts_new(list) : NULL;
    run_open(&run);
    run_adopt(&run);
    run_close(&run);
    return run;
}

/* ---- counting ----------------------------------------------------------- */

/* How many operations the disk has seen since those of @before. */
static void count_since(unsigned counts[MEM_OP__MAX], const MemDisk *disk,
                        const unsigned before[MEM_OP__MAX])
{
    for (int i = 0; i < MEM_OP__MAX; i++) {
        counts[i] = mem_disk_count(disk, i) - before[i];
    }
}

/*
 * Without the volatile cache, which would keep operations back, so that the
 * disk sees as many as blkdebug will.
 */
static void count_operations(Case *c, const void *opaque)
{
    static const unsigned none[MEM_OP__MAX];
    Run run = begin_run(c, opaque);
    MemDisk *disk = mem_disk_find(run.how.disk);
    unsigned before[MEM_OP__MAX];
    Counts counts;

    count_since(before, disk, none);
    run_open(&run);
    count_since(counts.opened, disk, before);
    run_ops(&run);
    run_flush(&run);
    run_close(&run);
    count_since(counts.done, disk, before);
    run_finish(&run);
    case_send(c, &counts, sizeof(counts));
}

/* ---- failing ------------------------------------------------------------ */

/* The failure may have been the end of opening, or of closing. */
static void reopen(Run *run)
{
    bool repaired;

    run->blk = run_open_repaired(run->c, &run->how, &repaired);
}

/*
 * Opens the image, in a second attempt if the first one failed cleanly: with a
 * reason, and without a node that would keep the file from being opened.
 */
static void open_failing(Run *run, const StackFault *fault)
{
    Error *err = NULL;

    run->how.fault = fault;
    run->blk = stack_open(run->c->h, &run->how, &err);
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
    run->trace.not_opened = true;
    case_send(run->c, &run->trace, sizeof(run->trace));
    /* Without the fault: a new node would count from the beginning again. */
    run->how.fault = NULL;
    reopen(run);
}

/* Checks its data; adds to @found what else the check finds. */
static void verify_disk(Run *run, const char *name, const ModelCut *cut,
                        const char *where, GString *found)
{
    bool repaired = false;
    g_autofree char *finding = run_verify_cut(run->c, name, cut, run->parts,
                                              where, &repaired);

    if (finding) {
        g_string_append_printf(found, "%s%s: %s", found->len ? "\n" : "",
                               where, finding);
    }
}

/*
 * Checks that the data that a power cut would leave now is there.  Of a disk
 * that was broken until now (@broken) only that is sure, whatever closing the
 * image may still do.  Adds to @found what is no loss of data.
 */
static void verify_durable(Run *run, bool broken, GString *found)
{
    ModelCut *cut = model_cut_new(run->model, model_now(run->model));
    MemDisk *copy = mem_disk_copy(mem_disk_find(run->how.disk), "durable");

    verify_disk(run, "durable", cut, "what is durable after the failure",
                found);
    mem_disk_free(copy);
    if (broken) {
        run_close(run);
        verify_disk(run, run->how.disk, cut, "the image after the failure",
                    found);
    }
    model_cut_free(cut);
}

static void test_fault(Case *c, const void *opaque)
{
    const ListCase *list = opaque;
    g_autoptr(GString) found = g_string_new(NULL);
    Run run = begin_run(c, list);

    /* So that the disk has only what was flushed. */
    run.how.volatile_cache = true;
    run.on_error = list->fault.once ? RUN_ERRORS_RETRY : RUN_ERRORS_STOP;
    open_failing(&run, &list->fault);
    run_ops(&run);
    run_flush(&run);
    if (list->fault.once) {
        /* All that was asked for has been done in the end. */
        run_verify(&run);
        verify_durable(&run, false, found);
        run_close(&run);
        keep_state(run.how.disk);
        run.how.fault = NULL;
        reopen(&run);
        run_verify(&run);
        keep_pass(false);
        if (!found->len) {
            run_verify_check(&run);
        }
        run_close(&run);
    } else {
        verify_durable(&run, true, found);
    }
    if (found->len) {
        c->minor = true;
        case_fail(c, "%s", found->str);
    }
    run_finish(&run);
}

/* ---- properties --------------------------------------------------------- */

/* The operation of @kind after the first @skip fails. */
static void add_case(GArray *cases, const ListCase *list,
                     const FaultKind *kind, unsigned skip, bool once)
{
    ListCase one = *list;

    one.fault = (StackFault) {
        .iotype = kind->iotype, .skip = skip, .once = once,
    };
    one.what = g_strdup_printf("%s number %u", kind->what, skip + 1);
    g_array_ref(one.ops);
    g_array_append_val(cases, one);
}

static void check_kind(Harness *h, const FaultKind *kind, const ListCase *lists,
                       const Counts *counts, bool once)
{
    g_autoptr(GArray) cases = g_array_new(FALSE, FALSE, sizeof(ListCase));
    const char *rest = once ? "fails once" : "and all that follow it fail";
    unsigned most = h->ops ? h->ops : facts_cases(&lists->facts, MAX_PLACES);

    for (size_t n = 0; n < G_N_ELEMENTS(depths); n++) {
        unsigned opened = counts[n].opened[kind->op];
        unsigned later = counts[n].done[kind->op] - opened;
        unsigned places = MIN(later, most);

        /* The requests of opening, and as many of those after it. */
        for (unsigned i = 0; i < MIN(opened, most); i++) {
            add_case(cases, &lists[n], kind, i, once);
        }
        for (unsigned i = 0; i < places; i++) {
            /* Spread over the whole list, where there are more than @most. */
            add_case(cases, &lists[n], kind,
                     opened + (uint64_t)i * later / places, once);
        }
    }
    if (cases->len) {
        lists_check(h, test_fault, (ListCase *)cases->data, cases->len,
                    "a %s %s", kind->what, rest);
    } else {
        harness_report(h, CASE_SKIP, "the driver does no such thing",
                       "a %s %s", kind->what, rest);
    }
}

/* Makes a list for @depth and counts what it does; whether that worked. */
static bool make_list(Harness *h, const ImageFacts *facts, unsigned depth,
                      ListCase *list, Counts *counts)
{
    g_autofree char *message = NULL;
    CaseStatus status;

    *list = list_case_new(h, (OpsPlan) {
        .facts = *facts,
        .seed = harness_seed(h, "failure", depth),
        .count = LIST_OPS,
        .max_bytes = MAX_BYTES,
    }, depth);
    status = cases_run_one(h, count_operations, list, counts, sizeof(*counts),
                           &message);
    if (status != CASE_PASS) {
        harness_keep(h, count_operations, list, message);
        harness_report(h, status, message, "nothing fails, %u at a time",
                       depth);
    }
    return status == CASE_PASS;
}

static void run_failure(Harness *h)
{
    ListCase lists[G_N_ELEMENTS(depths)];
    Counts counts[G_N_ELEMENTS(depths)];
    ImageFacts facts;
    bool good = true;

    if (!harness_learn_file(h, &facts)) {
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(depths); i++) {
        good &= make_list(h, &facts, depths[i], &lists[i], &counts[i]);
    }
    for (size_t i = 0; good && i < G_N_ELEMENTS(kinds); i++) {
        check_kind(h, &kinds[i], lists, counts, true);
        check_kind(h, &kinds[i], lists, counts, false);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(depths); i++) {
        list_case_clear(&lists[i]);
    }
}

const HarnessSuite suite_failure = {
    .name = "failure",
    .what = "each operation of the file fails, once and for ever",
    .run = run_failure,
};
