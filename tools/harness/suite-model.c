/* SPDX-License-Identifier: MIT */
/*
 * The model suite: random requests, in flight at the same time; what is written
 * is what is read, before and after reopening, and the block status is true.
 *
 * Invariants: nothing fails here, so every request must succeed; a new length
 * may be refused.
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

/* The image on @how's disk opens and is @length bytes long. */
static void check_length(Case *c, const Harness *h, const StackOptions *how,
                         int64_t length)
{
    Error *err = NULL;
    BlockBackend *blk = stack_open(h, how, &err);

    if (!blk) {
        case_fail_err(c, err, "the image could not be opened again");
    }
    if (blk_getlength(blk) != length) {
        case_fail(c, "the image is %" PRId64 " bytes long, not %" PRId64,
                  blk_getlength(blk), length);
    }
    blk_unref(blk);
}

/* Also of drivers that only make their images longer. */
static void test_odd_length(Case *c, void *opaque)
{
    const Harness *h = opaque;
    StackOptions how = { .disk = "odd", .flags = STACK_RDWR };
    Error *err = NULL;
    BlockBackend *blk = NULL;
    int64_t length, asked;
    int ret;

    if (stack_create_near(h, how.disk, IMAGE_SIZE, &err)) {
        blk = stack_open(h, &how, &err);
    }
    if (!blk) {
        case_fail_err(c, err, "there is no image");
    }
    length = blk_getlength(blk);
    asked = length + 700;
    ret = blk_truncate(blk, asked, true, PREALLOC_MODE_OFF, &err);
    if (ret >= 0) {
        length = blk_getlength(blk);
        if (length < asked) {
            case_fail(c, "the image is %" PRId64 " bytes long, asked for were "
                      "%" PRId64, length, asked);
        }
    }
    error_free(err);
    blk_unref(blk);
    check_length(c, h, &how, length);
    mem_disk_free(mem_disk_find(how.disk));
    if (ret < 0) {
        case_skip(c, "the driver refuses it");
    }
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
    harness_check(h, test_odd_length, h,
                  "a new length that is no multiple of 512");
}

const HarnessSuite suite_model = {
    .name = "model",
    .what = "random requests against bytes in memory",
    .run = run_model,
};
