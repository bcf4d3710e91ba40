/* SPDX-License-Identifier: MIT */
/*
 * Is an image what a power cut may have left?
 *
 * Invariants: what is repaired is looked at again; a repair must not change
 * what the image may read as.
 */
#include "run.h"

#include "keep.h"

/* Checks the image with @fix; returns what that found and mended. */
static BdrvCheckResult check_cut(Case *c, BlockBackend *blk, BdrvCheckMode fix)
{
    BdrvCheckResult result = { 0 };
    int ret = bdrv_check(blk_bs(blk), &result, fix);

    if (ret < 0 || result.check_errors) {
        case_fail(c, "the %s did not come to its end: %s",
                  fix ? "repair" : "check",
                  ret < 0 ? strerror(-ret) : "it met errors");
    }
    return result;
}

/*
 * The image opens with @flags, and its length and @parts are what @model
 * allows.  With @check returns how many corruptions it has, otherwise 0.
 */
static int verify_cut(Case *c, const char *name, int flags,
                      const ModelCut *model, const Parts *parts, bool check)
{
    StackOptions how = { .disk = name, .flags = flags };
    BlockBackend *blk = case_open(c, &how, NOT_OPENED);
    int64_t length = blk_getlength(blk);
    g_autoptr(GString) why = g_string_new("");
    g_autofree uint8_t *buf = g_malloc(MAX_PART);
    int corruptions, ret;

    if (!model_cut_check_length(model, length, why)) {
        case_fail(c, "%s", why->str);
    }
    for (int64_t at = 0, n; (n = parts_next(parts, length, &at)); at += n) {
        ret = run_read(blk, at, buf, n);
        if (ret < 0) {
            case_fail(c, "the image could not be read: %s", strerror(-ret));
        }
        if (!model_cut_check(model, at, n, buf, why)) {
            case_fail(c, "%s", why->str);
        }
    }
    corruptions = check ? check_cut(c, blk, 0).corruptions : 0;
    blk_unref(blk);
    return corruptions;
}

void run_verify_cut(Case *c, const char *name, const ModelCut *model,
                    const Parts *parts, bool write, const char *where)
{
    StackOptions how = { .disk = name, .flags = STACK_RDWR | BDRV_O_CHECK };
    int corruptions, fixed;

    c->where = where;
    keep_state(name);
    /* To read first, because opening to write may mend something. */
    corruptions = verify_cut(c, name, 0, model, parts, c->h->can_check);
    if (corruptions) {
        BlockBackend *blk = case_open(c, &how, NOT_OPENED);

        fixed = check_cut(c, blk, BDRV_FIX_LEAKS | BDRV_FIX_ERRORS)
                .corruptions_fixed;
        blk_unref(blk);
        if (verify_cut(c, name, 0, model, parts, true)) {
            case_fail(c, "of %d corruptions %d were repaired", corruptions,
                      fixed);
        }
    }
    if (write) {
        verify_cut(c, name, STACK_RDWR, model, parts, false);
    }
    c->where = NULL;
    keep_state(NULL);
}
