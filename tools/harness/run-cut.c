/* SPDX-License-Identifier: MIT */
/*
 * Is an image what a power cut may have left?
 *
 * Invariants: what is repaired is looked at again; a repair must not change
 * what the image may read as.
 */
#include "run.h"

typedef struct Cut {
    Run *run;
    const ModelCut *model;
    StackOptions how;
} Cut;

static void fail_cut(const Cut *cut, const char *fmt, ...)
    GCC_FMT_ATTR(2, 3) QEMU_NORETURN;

static void fail_cut(const Cut *cut, const char *fmt, ...)
{
    const char *where = cut->run->where;
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    case_fail(cut->run->c, "%s%s%s", where ? where : "", where ? ": " : "",
              text);
}

static BlockBackend *open_cut(const Cut *cut, int flags)
{
    StackOptions how = cut->how;
    Error *err = NULL;
    BlockBackend *blk;

    how.flags |= flags;
    blk = stack_open(cut->run->h, &how, &err);
    if (!blk) {
        fail_cut(cut, "the image could not be opened: %s",
                 err ? error_get_pretty(err) : "no reason was given");
    }
    return blk;
}

static void verify_content(const Cut *cut, BlockBackend *blk)
{
    int64_t length = blk_getlength(blk);
    g_autoptr(GString) why = g_string_new("");
    g_autofree uint8_t *buf = NULL;
    int ret;

    if (!model_cut_check_length(cut->model, length, why)) {
        fail_cut(cut, "%s", why->str);
    }
    buf = g_malloc(length);
    ret = run_read(blk, 0, buf, length);
    if (ret < 0) {
        fail_cut(cut, "the image could not be read: %s", strerror(-ret));
    }
    if (!model_cut_check(cut->model, 0, length, buf, why)) {
        fail_cut(cut, "%s", why->str);
    }
}

static BdrvCheckResult check(const Cut *cut, BlockBackend *blk,
                             BdrvCheckMode fix)
{
    BdrvCheckResult result = { 0 };
    int ret = bdrv_check(blk_bs(blk), &result, fix);

    if (ret < 0 || result.check_errors) {
        fail_cut(cut, "the %s did not come to its end: %s",
                 fix ? "repair" : "check",
                 ret < 0 ? strerror(-ret) : "it met errors");
    }
    return result;
}

static void repair(const Cut *cut, int corruptions)
{
    BlockBackend *blk = open_cut(cut, STACK_RDWR | BDRV_O_CHECK);
    BdrvCheckResult result = check(cut, blk, BDRV_FIX_LEAKS | BDRV_FIX_ERRORS);

    blk_unref(blk);
    blk = open_cut(cut, 0);
    verify_content(cut, blk);
    if (check(cut, blk, 0).corruptions) {
        fail_cut(cut, "of %d corruptions %d were repaired", corruptions,
                 result.corruptions_fixed);
    }
    blk_unref(blk);
}

void run_verify_cut(Run *run, const char *name, const ModelCut *model,
                    bool write)
{
    Cut cut = { .run = run, .model = model, .how.disk = name };
    BlockBackend *blk = open_cut(&cut, 0);
    int corruptions = 0;

    verify_content(&cut, blk);
    if (run->h->can_check) {
        corruptions = check(&cut, blk, 0).corruptions;
    }
    blk_unref(blk);
    if (corruptions) {
        repair(&cut, corruptions);
    }
    if (write) {
        blk = open_cut(&cut, STACK_RDWR);
        verify_content(&cut, blk);
        blk_unref(blk);
    }
}
