/* SPDX-License-Identifier: MIT */
/*
 * Properties of lists of operations; see shrink.h.
 *
 * Invariants:
 *   - A list gets shorter only if what is left of it still fails in a child,
 *     and in the same way: another fault of the driver would hide this one.
 *   - Shortening takes a bounded time, for one list and in one run, because a
 *     driver with a bug is likely to break many properties.
 */
#include "shrink.h"

/* Microseconds. */
#define TIME_OF_A_LIST (8 * G_USEC_PER_SEC)
#define TIME_OF_A_RUN  (32 * G_USEC_PER_SEC)

/* Seconds that a shortened list may take; longer is a failure, too. */
#define CASE_SECONDS 4

/* Shortened lists that are tried at a time. */
#define CANDIDATES 4

typedef struct Shrinker {
    const Harness *h;
    CaseFn *fn;
    ListCase list;              /* that fails, as short as it is by now */
    unsigned kind;              /* of its failure */
    char *message;
    int64_t deadline;
} Shrinker;

/*
 * Leaves parts of @part operations out, beginning with the one at *@from, a few
 * of them each in a list of its own.  Returns whether one of these fails in
 * the same way, and takes it; else moves *@from on.
 */
static bool try_parts(Shrinker *s, guint part, guint *from)
{
    GArray *ops = s->list.ops;
    ListCase lists[CANDIDATES];
    CaseResult *results;
    guint count = 0, i;
    bool found;

    for (guint at = *from; at < ops->len && count < CANDIDATES; at += part) {
        ListCase *list = &lists[count++];

        *list = s->list;
        list->ops = g_array_new(FALSE, FALSE, sizeof(Op));
        g_array_append_vals(list->ops, ops->data, ops->len);
        g_array_remove_range(list->ops, at, MIN(part, ops->len - at));
        /*
         * A removed operation may have been the one that made the image longer.
         */
        ops_clip(list->ops, list->length);
    }
    results = cases_run(s->h, s->fn, lists, sizeof(lists[0]), count,
                        CASE_SECONDS);
    for (i = 0; i < count && (results[i].status != CASE_FAIL ||
                              results[i].kind != s->kind); i++) {
    }
    found = i < count;
    *from += i * part;
    if (found) {
        g_free(s->message);
        s->message = g_strdup(results[i].message);
        s->list.ops = lists[i].ops;
        lists[i].ops = ops;
    }
    for (i = 0; i < count; i++) {
        g_array_unref(lists[i].ops);
    }
    cases_free(results, count);
    return found;
}

/* Halves first, then smaller parts; single ones until none can be left out. */
static void shrink(Shrinker *s)
{
    guint part = (s->list.ops->len + 1) / 2;

    while (part > 0) {
        bool shorter = false;
        guint from = 0;

        while (from < s->list.ops->len) {
            if (g_get_monotonic_time() > s->deadline) {
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
 * Details for the report of a list that fails as @result says, with *@message:
 * the shortest that does; *@message is that one's then.
 */
static void shrink_failure(Harness *h, CaseFn *fn, const ListCase *list,
                           const CaseResult *result, char **message)
{
    static int64_t spent;
    int64_t start = g_get_monotonic_time();
    Shrinker s = {
        .h = h,
        .fn = fn,
        .list = *list,
        .kind = result->kind,
        .message = *message,
        .deadline = start + MIN(TIME_OF_A_LIST, TIME_OF_A_RUN - spent),
    };

    g_array_ref(s.list.ops);
    shrink(&s);
    harness_detail(h, (HarnessDetail) {
        .depth = list->depth,
        .what = g_strdup(list->what),
        .operations = ops_print(s.list.ops),
        .whole = list->ops->len,
    });
    g_array_unref(s.list.ops);
    *message = s.message;
    spent += g_get_monotonic_time() - start;
}

ListCase list_case_new(const Harness *h, OpsPlan plan, unsigned depth)
{
    plan.count = h->ops ? h->ops : plan.count;
    return (ListCase) {
        .ops = ops_new(&plan),
        .length = plan.facts.length,
        .depth = depth,
        .seed = plan.seed,
    };
}

void list_case_clear(ListCase *list)
{
    g_array_unref(list->ops);
    g_free(list->what);
}

void lists_check(Harness *h, CaseFn *fn, ListCase *cases, unsigned count,
                 const char *fmt, ...)
{
    CaseResult *results = cases_run(h, fn, cases, sizeof(*cases), count, 0);
    g_autofree char *message = NULL;
    unsigned which = 0;         /* the first that fails, or any skipped one */
    va_list ap;

    for (unsigned i = 0; i < count && results[which].status != CASE_FAIL; i++) {
        if (results[i].status != CASE_PASS) {
            which = i;
        }
    }
    message = g_strdup(results[which].message);
    if (results[which].status == CASE_FAIL) {
        shrink_failure(h, fn, &cases[which], &results[which], &message);
    }
    va_start(ap, fmt);
    harness_vreport(h, results[which].status, message, fmt, ap);
    va_end(ap);
    cases_free(results, count);
    for (unsigned i = 0; i < count; i++) {
        list_case_clear(&cases[i]);
    }
}
