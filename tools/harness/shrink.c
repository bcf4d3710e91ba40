/* SPDX-License-Identifier: MIT */
/*
 * Properties of lists of operations; see shrink.h.
 *
 * Invariants:
 *   - A list gets shorter only if what is left of it still fails in a child,
 *     and in the same way: another fault of the driver would hide this one.
 *   - Shortening has a bounded cost, for one list and in one run, because a
 *     driver with a bug is likely to break many properties.  It is no time of
 *     the clock: a machine with other things to do makes the same lists.
 */
#include "shrink.h"

#include "byhand.h"
#include "keep.h"

/* Microseconds, of cases_cost(). */
#define COST_OF_A_LIST (8 * G_USEC_PER_SEC)
#define COST_OF_A_RUN  (32 * G_USEC_PER_SEC)

/* Seconds of CPU time that a shortened list may use, or it fails otherwise. */
#define CASE_SECONDS 4

/* Shortened lists that are tried at a time. */
#define CANDIDATES 4

typedef struct Shrinker {
    const Harness *h;
    CaseFn *fn;
    ListCase list;              /* that fails, as short as it is by now */
    unsigned kind;              /* of its failure */
    char *message;
    ListTrace trace;
    int64_t limit;              /* of cases_cost() */
} Shrinker;

/* The list as it is now, with operations of its own. */
static ListCase copy_list(const Shrinker *s)
{
    ListCase list = s->list;

    list.ops = g_array_new(FALSE, FALSE, sizeof(Op));
    g_array_append_vals(list.ops, s->list.ops->data, s->list.ops->len);
    return list;
}

/*
 * Takes the first of @lists that fails in the same way; frees the others.
 * Returns its index, or @count.
 */
static guint try_lists(Shrinker *s, ListCase *lists, guint count)
{
    CaseResult *results = cases_run(s->h, s->fn, lists, sizeof(lists[0]), count,
                                    CASE_SECONDS);
    guint found = 0;

    while (found < count && (results[found].status != CASE_FAIL ||
                             results[found].kind != s->kind)) {
        found++;
    }
    if (found < count) {
        ListCase old = s->list;

        g_free(s->message);
        s->message = g_strdup(results[found].message);
        memcpy(&s->trace, results[found].data, sizeof(s->trace));
        s->list = lists[found];
        lists[found] = old;
    }
    for (guint i = 0; i < count; i++) {
        g_array_unref(lists[i].ops);
    }
    cases_free(results, count);
    return found;
}

/*
 * Leaves parts of @part operations out, beginning with the one at *@from, a few
 * of them each in a list of its own.  Returns whether one of these fails in
 * the same way, and takes it; else moves *@from on.
 */
static bool try_parts(Shrinker *s, guint part, guint *from)
{
    guint whole = s->list.ops->len, count = 0, found;
    ListCase lists[CANDIDATES];

    for (guint at = *from; at < whole && count < CANDIDATES; at += part) {
        ListCase *list = &lists[count++];

        *list = copy_list(s);
        g_array_remove_range(list->ops, at, MIN(part, whole - at));
        /*
         * A removed operation may have been the one that made the image longer.
         */
        ops_clip(list->ops, list->facts.length);
    }
    found = try_lists(s, lists, count);
    *from += found * part;
    return found < count;
}

/*
 * Makes it easier to do by hand, if it still fails then: one at a time, whole
 * requests of one byte, or at least no salt.
 */
static void simplify(Shrinker *s)
{
    ListCase lists[CANDIDATES];

    for (guint n = 0; n < CANDIDATES; n++) {
        lists[n] = copy_list(s);
        lists[n].depth = n % 2 ? s->list.depth : 1;
        for (guint i = 0; i < lists[n].ops->len; i++) {
            Op *op = &g_array_index(lists[n].ops, Op, i);

            op->salted = false;
            op->pieces = n < 2 ? 1 : op->pieces;
        }
    }
    try_lists(s, lists, CANDIDATES);
}

/* Halves first, then smaller parts; single ones until none can be left out. */
static void shrink(Shrinker *s)
{
    guint part = (s->list.ops->len + 1) / 2;

    while (part > 0) {
        bool shorter = false;
        guint from = 0;

        while (from < s->list.ops->len) {
            if (cases_cost() > s->limit) {
                return;
            }
            shorter |= try_parts(s, part, &from);
        }
        /* Rounded up, so that two parts cover one of those before. */
        if (part > 1) {
            part = (part + 1) / 2;
        } else if (!shorter) {
            part = 0;
        }
    }
}

/*
 * Details for the report of a list that fails with @result: the shortest that
 * does.  Returns its message; g_free().
 */
static char *shrink_failure(Harness *h, CaseFn *fn, const ListCase *list,
                            const CaseResult *result)
{
    static int64_t spent;
    int64_t start = cases_cost();
    Shrinker s = {
        .h = h,
        .fn = fn,
        .list = *list,
        .kind = result->kind,
        .message = g_strdup(result->message),
        .limit = start + MIN(COST_OF_A_LIST, COST_OF_A_RUN - spent),
    };
    char *kept;

    memcpy(&s.trace, result->data, sizeof(s.trace));
    g_array_ref(s.list.ops);
    shrink(&s);
    simplify(&s);
    kept = keep_image(h, fn, &s.list, 0);
    harness_detail(h, (HarnessDetail) {
        .depth = s.list.depth,
        .what = g_strdup(list->what),
        .operations = ops_print(s.list.ops),
        .whole = list->ops->len,
        .image = kept,
        .commands = byhand_list(h, &s.list, &s.trace, s.message, kept),
    });
    g_array_unref(s.list.ops);
    spent += cases_cost() - start;
    return s.message;
}

ListCase list_case_new(const Harness *h, OpsPlan plan, unsigned depth)
{
    plan.count = h->ops ? h->ops : plan.count;
    return (ListCase) {
        .ops = ops_new(&plan),
        .facts = plan.facts,
        .depth = depth,
        .seed = plan.seed,
    };
}

void list_case_clear(ListCase *list)
{
    g_array_unref(list->ops);
    g_free(list->what);
}

/* How much a result says of a property. */
static int weight(const CaseResult *r)
{
    return r->status == CASE_FAIL ? 4 - r->minor
           : r->status == CASE_SKIP ? 2 : *r->message != '\0';
}

void lists_check(Harness *h, CaseFn *fn, ListCase *cases, unsigned count,
                 const char *fmt, ...)
{
    CaseResult *results = cases_run(h, fn, cases, sizeof(*cases), count, 0);
    g_autofree char *message = NULL;
    unsigned which = 0;         /* the first of those that say most */
    va_list ap;

    for (unsigned i = 1; i < count; i++) {
        which = weight(&results[i]) > weight(&results[which]) ? i : which;
    }
    if (results[which].status == CASE_FAIL) {
        message = shrink_failure(h, fn, &cases[which], &results[which]);
    }
    va_start(ap, fmt);
    harness_vreport(h, results[which].status,
                    message ? message : results[which].message, fmt, ap);
    va_end(ap);
    if (results[which].status == CASE_PASS && *results[which].message) {
        harness_note("%s", results[which].message);
    }
    cases_free(results, count);
    for (unsigned i = 0; i < count; i++) {
        list_case_clear(&cases[i]);
    }
}
