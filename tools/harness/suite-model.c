/* SPDX-License-Identifier: MIT */
/*
 * The model suite: random requests, in flight at the same time; what is written
 * is what is read, before and after reopening, and the block status is true.
 *
 * Invariants: nothing fails here, so every request must succeed.
 */
#include "run.h"
#include "shrink.h"

#define IMAGE_SIZE ((9 << 20) + 1536)

/* Operations in a list, and lists of each depth, unless --ops says so. */
#define LIST_OPS 400
#define LISTS    5

static void model_case(Case *c, const ListCase *list, bool status)
{
    Run run = {
        .h = list->h,
        .c = c,
        .ops = list->ops,
        .depth = list->depth,
        .how = {
            .disk = "model",
            .flags = STACK_RDWR,
            .delay = list->depth > 1,
            .delay_seed = list->seed,
        },
    };

    run_create(&run, IMAGE_SIZE);
    run_open(&run);
    run_adopt(&run);
    run_ops(&run);
    run_verify(&run);
    if (status) {
        run_verify_status(&run);
    }
    run_verify_check(&run);
    run_close(&run);

    run.how.flags = 0;
    run_open(&run);
    run_verify(&run);
    if (status) {
        run_verify_status(&run);
    }
    run_close(&run);
    run_finish(&run);
}

static void test_content(Case *c, void *opaque)
{
    model_case(c, opaque, false);
}

static void test_status(Case *c, void *opaque)
{
    model_case(c, opaque, true);
}

static void make_lists(Harness *h, const ImageFacts *facts, unsigned depth,
                       ListCase *lists)
{
    for (unsigned i = 0; i < LISTS; i++) {
        OpsPlan plan = {
            .seed = harness_seed(h, "model", depth * 1000 + i),
            .count = h->ops ? h->ops : LIST_OPS,
            .length = facts->length,
            .cluster = facts->cluster,
            .truncate = facts->truncate,
            .reopen = true,
        };

        lists[i] = (ListCase) {
            .h = h,
            .ops = ops_new(&plan),
            .length = facts->length,
            .depth = depth,
            .seed = plan.seed,
        };
    }
}

static void run_model(Harness *h)
{
    static const unsigned depths[] = { 1, 4, 16, 64 };
    ListCase lists[LISTS];
    ImageFacts facts;

    if (!stack_learn(h, IMAGE_SIZE, &facts)) {
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(depths); i++) {
        make_lists(h, &facts, depths[i], lists);
        lists_check(h, test_content, lists, LISTS,
                    "random requests, %u at a time", depths[i]);
        list_cases_clear(lists, LISTS);
    }
    make_lists(h, &facts, 3, lists);
    lists_check(h, test_status, lists, LISTS, "the block status is true");
    list_cases_clear(lists, LISTS);
}

const HarnessSuite suite_model = {
    .name = "model",
    .what = "random requests against bytes in memory",
    .run = run_model,
};
