/* SPDX-License-Identifier: MIT */
/*
 * The read suite: images that others have made, from the folder of --image.
 *
 * Invariants:
 *   - The images themselves are never opened by a driver: each case works on a
 *     copy in memory.
 *   - NAME.content, if there is one, is what the image NAME reads as.
 *   - An image that cannot be opened to be written to is only read.
 */
#include "run.h"

#define LIST_OPS   150
#define MAX_BYTES  (256 << 10)
#define SOME_READS 200

/* The opaque of the cases is the path of an image. */

static char *content_path(const char *path)
{
    return g_strconcat(path, ".content", NULL);
}

static Run open_copy(Case *c, const char *path, int flags)
{
    Run run = { .c = c, .how = { .disk = "image", .flags = flags } };
    g_autofree char *content = content_path(path);
    Error *err = NULL;

    /* What it holds is not known. */
    run.damaged = access(content, F_OK) < 0;
    if (!stack_load(run.how.disk, path, &err)) {
        case_fail_err(c, err, "no copy");
    }
    if (flags) {
        run_open(&run);
    } else {
        run.blk = case_open_to_read(c, &run.how, false);
    }
    if (blk_getlength(run.blk) < 0) {
        case_fail(c, "the length of the image is %" PRId64,
                  blk_getlength(run.blk));
    }
    return run;
}

/* The disk goes, too: a driver that keeps it open is found out there. */
static void close_copy(Run *run)
{
    run_close(run);
    run_finish(run);
}

/* Its length; skips what is too long. */
static int64_t short_length(Case *c, BlockBackend *blk, int64_t min)
{
    int64_t length = blk_getlength(blk);

    if (length < min || length > MAX_LENGTH) {
        case_skip(c, "the image is %" PRId64 " bytes long, and is read wholly "
                  "only up to %d", length, MAX_LENGTH);
    }
    return length;
}

/* What NAME.content holds, or NULL without one; g_free(). */
static uint8_t *read_content(const char *path, gsize *bytes)
{
    g_autofree char *name = content_path(path);
    char *content = NULL;

    g_file_get_contents(name, &content, bytes, NULL);
    return (uint8_t *)content;
}

/* ---- which of them the driver takes ------------------------------------- */

static void test_opens(Case *c, const void *opaque)
{
    StackOptions how = { .disk = "image" };
    g_autofree char *content = content_path(opaque);

    if (!stack_can_hold(opaque)) {
        case_skip(c, TOO_MUCH_DATA);
    }
    case_image(c, how.disk, opaque, 0);
    blk_unref(case_open_to_read(c, &how, access(content, F_OK) < 0));
    mem_disk_free(mem_disk_find(how.disk));
}

void harness_open_images(Harness *h)
{
    guint i = 0;

    h->suite = suite_read.name;
    while (i < h->images->len) {
        const char *path = h->images->pdata[i];
        g_autofree char *name = g_path_get_basename(path), *message = NULL;
        CaseStatus status = cases_run_one(h, test_opens, path, NULL, 0,
                                          &message);

        if (status == CASE_PASS) {
            i++;
            continue;
        }
        if (status == CASE_FAIL) {
            harness_keep(h, test_opens, path, message);
        }
        harness_report(h, status, message, "%s opens", name);
        g_ptr_array_remove_index(h->images, i);
    }
}

/* ---- what it holds ------------------------------------------------------ */

static void test_content(Case *c, const void *opaque)
{
    const char *path = opaque;
    gsize bytes;
    g_autofree uint8_t *expected = read_content(path, &bytes);
    g_autofree uint8_t *buf = NULL;
    Run run;

    if (!expected) {
        case_skip(c, "there is no file that says what it holds");
    }
    run = open_copy(c, path, 0);
    short_length(c, run.blk, 0);
    buf = run_read_all(&run);
    case_check_length(c, run.blk, bytes);
    for (gsize i = 0; i < bytes; i++) {
        if (buf[i] != expected[i]) {
            case_fail(c, "byte %zu is 0x%02x, not 0x%02x", i, buf[i],
                      expected[i]);
        }
    }
    close_copy(&run);
}

static void test_status(Case *c, const void *opaque)
{
    Run run = open_copy(c, opaque, 0);

    run_verify_status(&run);
    close_copy(&run);
}

/* Any part reads as it does in the whole, or a byte at its end and the rest. */
static void test_parts(Case *c, const void *opaque)
{
    Run run = open_copy(c, opaque, 0);
    int64_t length = blk_getlength(run.blk);
    g_autofree uint8_t *whole = length > MAX_LENGTH ? g_malloc(MAX_BYTES)
                                                    : run_read_all(&run);
    Rng rng = { harness_seed(c->h, "read", 0) };

    for (unsigned i = 0; length && i < SOME_READS; i++) {
        int64_t at = rng_below(&rng, length);
        int64_t bytes = 1 + rng_below(&rng, MIN(length - at, MAX_BYTES));
        g_autofree uint8_t *buf = g_malloc(bytes);

        if (run_read_part(&run, at, buf, bytes) < 0) {
            case_fail(c, "%" PRId64 " bytes at %" PRId64 " cannot be read",
                      bytes, at);
        }
        if (length > MAX_LENGTH &&
            (run_read(run.blk, at, whole, bytes - 1) < 0 ||
             run_read(run.blk, at + bytes - 1, whole + bytes - 1, 1) < 0)) {
            case_fail(c, "%" PRId64 " bytes at %" PRId64 " cannot be read "
                      "in two parts", bytes, at);
        }
        if (memcmp(buf, length > MAX_LENGTH ? whole : whole + at, bytes)) {
            case_fail(c, "%" PRId64 " bytes at %" PRId64 " read otherwise than "
                      "in the whole", bytes, at);
        }
    }
    close_copy(&run);
}

/* ---- writing to it ------------------------------------------------------ */

void image_learn_length(Case *c, const void *opaque)
{
    StackOptions how = { .disk = "image", .flags = STACK_RDWR };
    Error *err = NULL;
    BlockBackend *blk;
    int64_t length;

    if (!stack_load(how.disk, opaque, &err)) {
        case_fail_err(c, err, "no copy");
    }
    blk = stack_open(c->h, &how, &err);
    if (!blk) {
        case_skip(c, "it cannot be written to: %s", error_get_pretty(err));
    }
    /* A list needs some room. */
    length = short_length(c, blk, 512);
    blk_unref(blk);
    mem_disk_free(mem_disk_find(how.disk));
    case_send(c, &length, sizeof(length));
}

static void test_writes(Case *c, const void *opaque)
{
    const ListCase *list = opaque;
    Run run = open_copy(c, list->image, STACK_RDWR);
    int64_t length = short_length(c, run.blk, 0);
    gsize bytes;
    g_autofree uint8_t *whole = run_read_all(&run);
    g_autofree uint8_t *expected = read_content(list->image, &bytes);

    /* What could be read once can be read again. */
    run.damaged = false;
    run.ops = list->ops;
    run.depth = list->depth;
    /* One of another length says nothing of the image; test_content does. */
    run.model = model_new(length, expected && (int64_t)bytes == length
                                  ? expected : whole, false);
    run_ops(&run);
    run_verify(&run);
    run_verify_status(&run);
    run_close(&run);
    run_open(&run);
    run_verify(&run);
    close_copy(&run);
}

static void check_writes(Harness *h, const char *path, const char *name)
{
    OpsPlan plan = {
        .seed = harness_seed(h, name, 1),
        .count = LIST_OPS,
        .max_bytes = MAX_BYTES,
    };
    g_autofree char *message = NULL;
    CaseStatus status = cases_run_one(h, image_learn_length, path,
                                      &plan.facts.length, sizeof(int64_t),
                                      &message);

    if (status == CASE_PASS) {
        ListCase list = list_case_new(h, plan, 4);

        list.image = path;
        lists_check(h, test_writes, &list, 1, "%s keeps what is not written",
                    name);
    } else {
        harness_report(h, status, message, "%s keeps what is not written",
                       name);
    }
}

static void run_images(Harness *h)
{
    if (h->images->len == 0) {
        harness_report(h, CASE_SKIP, NO_IMAGES,
                       "images that others have made");
    }
    for (guint i = 0; i < h->images->len; i++) {
        const char *path = h->images->pdata[i];
        g_autofree char *name = g_path_get_basename(path);

        harness_check(h, test_content, path, "%s holds what it should", name);
        harness_check(h, test_parts, path, "%s reads the same in parts", name);
        harness_check(h, test_status, path, "%s has a true block status",
                      name);
        check_writes(h, path, name);
    }
}

const HarnessSuite suite_read = {
    .name = "read",
    .what = "the images of --image, and writes to copies of them",
    .on_images = true,
    .run = run_images,
};
