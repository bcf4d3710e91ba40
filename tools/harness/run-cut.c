/* SPDX-License-Identifier: MIT */
/*
 * Is an image what a power cut may have left?  And what does the check say?
 *
 * Invariants:
 *   - It is opened to be written to, because only then a log is replayed and a
 *     mark is taken back that says that the image was in use.
 *   - Data is compared first, and again after a repair: what is lost is told
 *     whatever the check says.
 */
#include "run.h"

#include "keep.h"
#include "qemu/cutils.h"

/* The first place of @parts that @blk reads otherwise is appended to @why. */
static bool read_as_cut(BlockBackend *blk, const ModelCut *model,
                        const Parts *parts, GString *why)
{
    int64_t length = blk_getlength(blk);
    g_autofree uint8_t *buf = g_malloc(MAX_PART);

    if (!model_cut_check_length(model, length, why)) {
        return false;
    }
    for (int64_t at = 0, n; (n = parts_next(parts, length, &at)); at += n) {
        int ret = run_read(blk, at, buf, n);

        if (ret < 0) {
            g_string_append_printf(why, "the image could not be read: %s",
                                   strerror(-ret));
            return false;
        }
        if (!model_cut_check(model, at, n, buf, why)) {
            return false;
        }
    }
    return true;
}

/* ---- check and repair --------------------------------------------------- */

/* What is wrong with the check's end, or NULL; g_free(). */
static char *check(BlockBackend *blk, BdrvCheckMode fix,
                   BdrvCheckResult *result)
{
    int ret = bdrv_check(blk_bs(blk), result, fix);

    if (fix && ret == -ENOTSUP) {
        return g_strdup("the driver cannot repair");
    }
    if (ret < 0 || result->check_errors) {
        return g_strdup_printf("the %s did not come to its end: %s",
                               fix ? "repair" : "check",
                               ret < 0 ? strerror(-ret) : "it met errors");
    }
    return NULL;
}

/* Repairs all that can be; what is wrong then, or NULL; g_free(). */
static char *repair(Case *c, const StackOptions *how, BdrvCheckResult *result)
{
    StackOptions checking = *how;
    BlockBackend *blk;
    char *problem;

    checking.flags |= BDRV_O_CHECK;
    blk = stack_open(c->h, &checking, NULL);
    if (!blk) {
        return g_strdup("it cannot be opened to be repaired, either");
    }
    problem = check(blk, BDRV_FIX_LEAKS | BDRV_FIX_ERRORS, result);
    blk_unref(blk);
    return problem;
}

/*
 * Checks *@blk, opened as @how says, and repairs it if need be; see above.
 * With @sound even what can be repaired should not be there.
 */
static char *check_and_repair(Case *c, const StackOptions *how,
                              BlockBackend **blk, bool sound)
{
    BdrvCheckResult found = { 0 }, mended = { 0 }, left = { 0 };
    g_autofree char *problem = check(*blk, 0, &found);
    int n = found.corruptions;

    if (problem || !n) {
        return g_steal_pointer(&problem);
    }
    blk_unref(*blk);
    problem = repair(c, how, &mended);
    *blk = case_open(c, how, NOT_OPENED " after the repair");
    if (!problem) {
        problem = check(*blk, 0, &left);
    }
    if (!problem && left.corruptions) {
        problem = g_strdup_printf("the driver cannot repair %d of them",
                                  left.corruptions);
    } else if (!problem && sound) {
        problem = g_strdup("nothing had failed");
    }
    return problem ? g_strdup_printf("the check found %d corruption%s, and %s",
                                     n, n == 1 ? "" : "s", problem) : NULL;
}

void run_verify_check(Run *run)
{
    bool sound = run->on_error == RUN_ERRORS_FAIL;
    g_autofree char *finding = NULL;

    if (!run->c->h->can_check) {
        return;
    }
    keep_state(run->how.disk);
    finding = check_and_repair(run->c, &run->how, &run->blk, sound);
    if (finding || !sound) {
        run_verify(run);
    }
    if (finding) {
        run->c->minor = true;
        case_fail(run->c, "%s", finding);
    }
    keep_pass(false);
}

/* ---- opening ------------------------------------------------------------ */

BlockBackend *run_open_repaired(Case *c, const StackOptions *how,
                                bool *repaired)
{
    BdrvCheckResult result = { 0 };
    g_autofree char *problem = NULL;
    Error *err = NULL;
    BlockBackend *blk = stack_open(c->h, how, &err);

    if (blk) {
        return blk;
    }
    if (!c->h->can_check || !err) {
        case_fail_err(c, err, NOT_OPENED);
    }
    problem = repair(c, how, &result);
    if (problem) {
        case_fail(c, NOT_OPENED ": %s, and %s", error_get_pretty(err), problem);
    }
    error_free(err);
    *repaired = true;
    return case_open(c, how, NOT_OPENED " after a repair");
}

char *run_verify_cut(Case *c, const char *name, const ModelCut *model,
                     const Parts *parts, const char *where, bool *repaired)
{
    StackOptions how = { .disk = name, .flags = STACK_RDWR };
    g_autoptr(GString) why = g_string_new("");
    char *finding = NULL;
    BlockBackend *blk;
    bool good;

    c->where = where;
    keep_state(name);
    blk = run_open_repaired(c, &how, repaired);
    good = read_as_cut(blk, model, parts, why);
    if (c->h->can_check) {
        finding = check_and_repair(c, &how, &blk, false);
        good = good && read_as_cut(blk, model, parts, why);
    }
    blk_unref(blk);
    if (!good) {
        case_fail(c, "%s%s%s", why->str, finding ? "\n" : "",
                  finding ? finding : "");
    }
    keep_pass(finding);
    c->where = NULL;
    return finding;
}

/* ---- read-only ---------------------------------------------------------- */

BlockBackend *run_open_read_only(Case *c, const char *name, char **refusal)
{
    StackOptions how = { .disk = name };
    g_autoptr(Error) err = NULL;
    BlockBackend *blk = stack_open(c->h, &how, &err);
    const char *reason = err ? error_get_pretty(err) : "";

    if (blk) {
        return blk;
    }
    /* The layer says no more than that where the driver gives no reason. */
    if (!*reason || strstart(reason, "Could not open '", NULL) ||
        strstart(reason, "Could not open image", NULL)) {
        case_fail(c, "it cannot be opened read-only, and the driver gives no "
                  "reason");
    }
    how.flags = STACK_RDWR;
    blk_unref(case_open(c, &how, "it could be opened neither read-only nor to "
                        "be written to"));
    g_free(*refusal);
    *refusal = g_strdup(reason);
    return NULL;
}

void run_verify_cut_read_only(Case *c, const char *name, const ModelCut *model,
                              const Parts *parts, const char *where,
                              char **refusal)
{
    g_autoptr(GString) why = g_string_new("");
    BlockBackend *blk;

    c->where = where;
    keep_state(name);
    blk = run_open_read_only(c, name, refusal);
    if (blk && !read_as_cut(blk, model, parts, why)) {
        case_fail(c, "%s", why->str);
    }
    blk_unref(blk);
    keep_pass(false);
    c->where = NULL;
}
