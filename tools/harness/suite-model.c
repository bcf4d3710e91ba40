/* SPDX-License-Identifier: MIT */
/*
 * The model suite: random requests, in flight at the same time; what is written
 * is what is read, before and after reopening, and the block status is true.
 *
 * Invariants: nothing fails here, so every request must succeed; only the odd
 * length may be refused.
 */
#include "run.h"

#include "byhand.h"

/* Operations in a list, and lists of each depth, unless --ops says so. */
#define LIST_OPS 400
#define LISTS    5

static void run_and_verify(Case *c, const ListCase *list, bool status)
{
    Run run = run_new(c, list, "model");

    case_create(c, run.how.disk, list->facts.size);
    run_open(&run);
    run_adopt(&run);
    run_ops(&run);
    run_verify(&run);
    if (status) {
        run_verify_status(&run);
    }
    run_close(&run);

    /* Only what the file holds is left now. */
    run_open(&run);
    run_verify(&run);
    if (status) {
        run_verify_status(&run);
    }
    run_verify_check(&run);
    run_close(&run);
    run_finish(&run);
}

static void test_requests(Case *c, const void *opaque)
{
    run_and_verify(c, opaque, false);
}

static void test_requests_status(Case *c, const void *opaque)
{
    run_and_verify(c, opaque, true);
}

/* What was closed reads the same without the right to write. */
static void test_read_only(Case *c, const void *opaque)
{
    const ListCase *list = opaque;
    Run run = run_new(c, list, "model");
    char *refusal = NULL;

    case_create(c, run.how.disk, list->facts.size);
    run_open(&run);
    run_adopt(&run);
    run_ops(&run);
    run_close(&run);
    run.blk = run_open_read_only(c, run.how.disk, &refusal);
    if (!run.blk) {
        case_skip(c, "the driver refuses: %s", refusal);
    }
    run_verify(&run);
    run_verify_status(&run);
    run_close(&run);
    run_finish(&run);
}

/*
 * By itself, because the lists have only lengths of whole sectors: a driver may
 * refuse this one.  Also of drivers that only make their images longer.
 */
static void test_odd_length(Case *c, const void *opaque)
{
    const int64_t *size = opaque;
    StackOptions how = { .disk = "odd", .flags = STACK_RDWR };
    BlockBackend *blk;
    int64_t length, asked;
    int ret;

    case_create(c, how.disk, *size);
    blk = case_open(c, &how, NOT_OPENED);
    length = blk_getlength(blk);
    asked = length + 700;
    ret = blk_truncate(blk, asked, true, PREALLOC_MODE_OFF, NULL);
    if (ret >= 0) {
        /* Drivers may round it up. */
        length = blk_getlength(blk);
        if (length < asked) {
            case_fail(c, "the image is %" PRId64 " bytes long, asked for were "
                      "%" PRId64, length, asked);
        }
    }
    blk_unref(blk);
    blk = case_open(c, &how, NOT_OPENED " again");
    case_check_length(c, blk, length);
    blk_unref(blk);
    mem_disk_free(mem_disk_find(how.disk));
    if (ret < 0) {
        case_skip(c, "the driver refuses it");
    }
}

/*
 * One property: @fn passes with random lists, @depth requests at a time.  The
 * lists of each depth differ, so that more of them are tried.
 */
static void check_lists(Harness *h, const ImageFacts *facts, CaseFn *fn,
                        unsigned depth, const char *property)
{
    ListCase lists[LISTS];

    for (unsigned i = 0; i < LISTS; i++) {
        OpsPlan plan = {
            .facts = *facts,
            .seed = harness_seed(h, "model", depth * 1000 + i),
            .count = LIST_OPS,
            .reopen = true,
        };

        lists[i] = list_case_new(h, plan, depth);
    }
    lists_check(h, fn, lists, LISTS, "%s", property);
}

static void check_odd_length(Harness *h, const ImageFacts *facts)
{
    static const ListTrace none;
    Op op = { .kind = OP_TRUNCATE, .offset = facts->length + 700, .pieces = 1 };
    ListCase list = { .facts = *facts, .depth = 1 };

    list.ops = g_array_new(FALSE, FALSE, sizeof(Op));
    g_array_append_val(list.ops, op);
    harness_detail(h, (HarnessDetail) {
        .operations = ops_print(list.ops),
        .whole = 1,
        .commands = byhand_list(h, &list, &none, "", NULL),
    });
    harness_check(h, test_odd_length, &facts->size,
                  "a new length that is not a multiple of 512");
    list_case_clear(&list);
}

static void run_model(Harness *h)
{
    static const unsigned depths[] = { 1, 4, 16, 64 };
    ImageFacts facts;

    if (!harness_learn(h, &facts)) {
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(depths); i++) {
        g_autofree char *property =
            g_strdup_printf("random requests, %u at a time", depths[i]);

        check_lists(h, &facts, test_requests, depths[i], property);
    }
    check_lists(h, &facts, test_requests_status, 3,
                "the block status is true");
    check_lists(h, &facts, test_read_only, 2, "an image opens read-only");
    check_odd_length(h, &facts);
}

const HarnessSuite suite_model = {
    .name = "model",
    .what = "random requests against bytes in memory",
    .run = run_model,
};
