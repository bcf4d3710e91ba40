/* SPDX-License-Identifier: MIT */
/*
 * Properties of lists of operations; see shrink.h.
 *
 * Invariants:
 *   - A list gets shorter only if what is left of it still fails in a child.
 *   - Shortening takes a bounded time, for one list and in one run.
 */
#include "shrink.h"

/* Microseconds. */
#define TIME_OF_A_LIST (8 * G_USEC_PER_SEC)
#define TIME_OF_A_RUN  (32 * G_USEC_PER_SEC)

/* Seconds that a shortened list may take; longer is a failure, too. */
#define CASE_SECONDS 4

#define CANDIDATES 16

typedef struct Shrinker {
    const Harness *h;
    CaseFn *fn;
    ListCase list;              /* that fails, as short as it is by now */
    char *message;
    int64_t deadline;
} Shrinker;

static GArray *without(const GArray *ops, guint from, guint count)
{
    GArray *rest = g_array_new(FALSE, FALSE, sizeof(Op));

    g_array_append_vals(rest, ops->data, from);
    if (from + count < ops->len) {
        g_array_append_vals(rest, &g_array_index(ops, Op, from + count),
                            ops->len - from - count);
    }
    return rest;
}

/*
 * Leaves parts of @part operations out, beginning with the one at *@from, a few
 * of them each in a list of its own.  Returns whether one of these fails, and
 * takes it; else moves *@from on.
 */
static bool try_parts(Shrinker *s, guint part, guint *from)
{
    ListCase lists[CANDIDATES];
    CaseJob jobs[CANDIDATES] = { 0 };
    unsigned count = 0;
    bool found = false;

    for (guint at = *from; at < s->list.ops->len &&
         count < CANDIDATES / 4; at += part) {
        lists[count] = s->list;
        lists[count].ops = without(s->list.ops, at, part);
        ops_clip(lists[count].ops, s->list.length);
        jobs[count] = (CaseJob) {
            .fn = s->fn, .opaque = &lists[count], .timeout = CASE_SECONDS,
        };
        count++;
    }
    cases_run(s->h, jobs, count);
    for (unsigned i = 0; i < count; i++) {
        if (jobs[i].status == CASE_FAIL && !found) {
            found = true;
            g_array_unref(s->list.ops);
            s->list.ops = g_array_ref(lists[i].ops);
            g_free(s->message);
            s->message = g_steal_pointer(&jobs[i].message);
            *from += i * part;
        }
        case_job_clear(&jobs[i]);
        g_array_unref(lists[i].ops);
    }
    if (!found) {
        *from += count * part;
    }
    return found;
}

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
        if (part > 1) {
            part = (part + 1) / 2;
        } else if (!shorter) {
            part = 0;
        }
    }
}

/* What is said of a list that fails. */
static char *describe_failure(const Shrinker *s, guint length)
{
    g_autofree char *ops = ops_print(s->list.ops);

    return g_strdup_printf("%s\nseed %" PRIu64 ", depth %u%s%s, %u operations "
                           "of %u:\n%s", s->message, s->h->seed, s->list.depth,
                           s->list.what ? ", " : "",
                           s->list.what ? s->list.what : "",
                           s->list.ops->len, length, ops);
}

/* The diagnostic of the case that failed. */
static char *shorten(const Harness *h, CaseFn *fn, const ListCase *list,
                     const char *message)
{
    static int64_t spent;
    int64_t start = g_get_monotonic_time();
    Shrinker s = {
        .h = h,
        .fn = fn,
        .list = *list,
        .message = g_strdup(message),
        .deadline = start + MIN(TIME_OF_A_LIST, TIME_OF_A_RUN - spent),
    };
    char *text;

    g_array_ref(s.list.ops);
    shrink(&s);
    text = describe_failure(&s, list->ops->len);
    g_array_unref(s.list.ops);
    g_free(s.message);
    spent += g_get_monotonic_time() - start;
    return text;
}

void lists_check(Harness *h, CaseFn *fn, const ListCase *cases, unsigned count,
                 const char *fmt, ...)
{
    g_autofree CaseJob *jobs = g_new0(CaseJob, count);
    g_autofree char *name = NULL;
    g_autofree char *text = NULL;
    CaseStatus status = CASE_PASS;
    unsigned i;
    va_list ap;

    va_start(ap, fmt);
    name = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    for (i = 0; i < count; i++) {
        jobs[i].fn = fn;
        jobs[i].opaque = (void *)&cases[i];
    }
    cases_run(h, jobs, count);
    for (i = 0; i < count && status != CASE_FAIL; i++) {
        if (jobs[i].status != CASE_PASS) {
            status = jobs[i].status;
            g_free(text);
            text = status == CASE_FAIL
                   ? shorten(h, fn, &cases[i], jobs[i].message)
                   : g_strdup(jobs[i].message);
        }
    }
    harness_report(h, status, text, "%s", name);
    for (i = 0; i < count; i++) {
        case_job_clear(&jobs[i]);
    }
}

void list_cases_clear(ListCase *cases, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        g_array_unref(cases[i].ops);
        g_free(cases[i].what);
    }
}
