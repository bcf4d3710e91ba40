/* SPDX-License-Identifier: MIT */
/*
 * blkdebug: what its rules do when events and requests come.
 *
 * Invariants:
 *   - Rules are tried in the order in which they were added; breakpoints in
 *     the opposite one.
 *   - The state that an event sets holds for the events after it.
 *   - A stopped request runs on when each breakpoint that it met has been
 *     resumed.
 */
#include "qemu/osdep.h"
#include "blkdebug.h"

/* A request in blkdebug_rules_event(), on the stack of its coroutine. */
typedef struct StoppedRequest {
    Coroutine *co;
    unsigned stops;         /* breakpoints that have not been resumed yet */
} StoppedRequest;

struct BlkdebugStop {
    char *tag;
    StoppedRequest *request;
    QLIST_ENTRY(BlkdebugStop) next;
};

/* ---- lists -------------------------------------------------------------- */

void blkdebug_rules_init(BlkdebugRules *rules)
{
    rules->state = 1;
}

/* Lists grow at their head and are read twice when errors become active. */
void blkdebug_rules_add(BlkdebugRules *rules, BlkdebugRule *rule)
{
    QLIST_INSERT_HEAD(&rules->events[rule->event], rule, next);
}

/*
 * A rule may be in both lists; SAFE, because only active ones are in the
 * second.
 */
static void rule_remove(BlkdebugRule *rule)
{
    QLIST_SAFE_REMOVE(rule, active_next);
    QLIST_REMOVE(rule, next);
    g_free(rule->tag);
    g_free(rule);
}

/*
 * A stopped request would be resumed into freed memory; the node is drained
 * before.
 */
void blkdebug_rules_free(BlkdebugRules *rules)
{
    assert(QLIST_EMPTY(&rules->stops));
    for (int i = 0; i < BLKDBG__MAX; i++) {
        while (!QLIST_EMPTY(&rules->events[i])) {
            rule_remove(QLIST_FIRST(&rules->events[i]));
        }
    }
}

/* ---- events ------------------------------------------------------------- */

static void deactivate_all(BlkdebugRules *rules)
{
    BlkdebugRule *rule;

    /* The macro names its argument again after the removal. */
    while ((rule = QLIST_FIRST(&rules->active))) {
        QLIST_SAFE_REMOVE(rule, active_next);
    }
}

/* The breakpoint @rule stops @request and is a breakpoint no more. */
static void add_stop(BlkdebugRules *rules, BlkdebugRule *rule,
                     StoppedRequest *request)
{
    BlkdebugStop *stop = g_new0(BlkdebugStop, 1);

    stop->tag = g_steal_pointer(&rule->tag);
    stop->request = request;
    request->stops++;
    QLIST_INSERT_HEAD(&rules->stops, stop, next);
    rule_remove(rule);
    printf("blkdebug: Suspended request '%s'\n", stop->tag);
}

static void coroutine_fn wait_until_resumed(StoppedRequest *request)
{
    while (request->stops > 0) {
        qemu_coroutine_yield();
    }
}

/*
 * The new state is set after the walk, because all rules of one event are
 * compared with the state that it found.  The macro permits removal, since a
 * breakpoint that stops a request is removed.
 */
void blkdebug_rules_event(BlkdebugRules *rules, BlkdebugEvent event,
                          bool may_stop)
{
    StoppedRequest request = {
        .co = qemu_in_coroutine() ? qemu_coroutine_self() : NULL,
    };
    BlkdebugRule *rule, *next;
    int new_state = rules->state;
    bool activated = false;

    QLIST_FOREACH_SAFE(rule, &rules->events[event], next, next) {
        if (rule->state && rule->state != rules->state) {
            continue;
        }
        if (rule->action == BLKDEBUG_SET_STATE) {
            new_state = rule->new_state;
        } else if (rule->action == BLKDEBUG_INJECT_ERROR) {
            if (!activated) {
                deactivate_all(rules);
                activated = true;
            }
            QLIST_INSERT_HEAD(&rules->active, rule, active_next);
        } else if (may_stop && request.co) {
            add_stop(rules, rule, &request);
        }
    }
    rules->state = new_state;
    if (qemu_in_coroutine()) {
        wait_until_resumed(&request);
    }
}

/* ---- errors ------------------------------------------------------------- */

/* An empty request (flush, truncate) matches only rules without an offset. */
static bool rule_matches(const BlkdebugRule *rule, uint64_t offset,
                         uint64_t bytes, BlkdebugIOType iotype)
{
    if (!(rule->iotypes & (1u << iotype))) {
        return false;
    }
    return rule->anywhere ||
           (rule->offset >= 0 && (uint64_t)rule->offset >= offset &&
            (uint64_t)rule->offset - offset < bytes);
}

/* The rule that has a say in the request, or NULL. */
static BlkdebugRule *find_rule(BlkdebugRules *rules, uint64_t offset,
                               uint64_t bytes, BlkdebugIOType iotype)
{
    BlkdebugRule *rule;

    QLIST_FOREACH(rule, &rules->active, active_next) {
        if (!rule_matches(rule, offset, bytes, iotype)) {
            continue;
        }
        if (rule->skip == 0) {
            return rule;
        }
        rule->skip--;
    }
    return NULL;
}

/*
 * The rule is read before it may be removed.  Without `immediately` the request
 * fails from the loop, as one that a device has failed would.
 */
int coroutine_fn blkdebug_rules_check(BlkdebugRules *rules, uint64_t offset,
                                      uint64_t bytes, BlkdebugIOType iotype)
{
    BlkdebugRule *rule = find_rule(rules, offset, bytes, iotype);
    bool immediately;
    int error;

    if (!rule || rule->error == 0) {
        return 0;
    }
    error = rule->error;
    immediately = rule->immediately;
    if (rule->once) {
        rule_remove(rule);
    }
    if (!immediately) {
        aio_co_schedule(qemu_get_current_aio_context(), qemu_coroutine_self());
        qemu_coroutine_yield();
    }
    return -error;
}

/* ---- breakpoints -------------------------------------------------------- */

void blkdebug_rules_break(BlkdebugRules *rules, BlkdebugEvent event,
                          const char *tag)
{
    BlkdebugRule *rule = g_new0(BlkdebugRule, 1);

    rule->event = event;
    rule->action = BLKDEBUG_SUSPEND;
    rule->tag = g_strdup(tag);
    blkdebug_rules_add(rules, rule);
}

/* All breakpoints of the name: it need not be unique. */
int blkdebug_rules_unbreak(BlkdebugRules *rules, const char *tag)
{
    int ret = -ENOENT;

    for (int i = 0; i < BLKDBG__MAX; i++) {
        BlkdebugRule *rule, *next;

        QLIST_FOREACH_SAFE(rule, &rules->events[i], next, next) {
            if (rule->action == BLKDEBUG_SUSPEND && !strcmp(rule->tag, tag)) {
                rule_remove(rule);
                ret = 0;
            }
        }
    }
    return ret;
}

static BlkdebugStop *find_stop(BlkdebugRules *rules, const char *tag)
{
    BlkdebugStop *stop;

    QLIST_FOREACH(stop, &rules->stops, next) {
        if (!strcmp(stop->tag, tag)) {
            return stop;
        }
    }
    return NULL;
}

/* Frees @stop; returns its request when nothing else stops that. */
static Coroutine *end_stop(BlkdebugStop *stop)
{
    StoppedRequest *request = stop->request;

    printf("blkdebug: Resuming request '%s'\n", stop->tag);
    QLIST_REMOVE(stop, next);
    g_free(stop->tag);
    g_free(stop);
    return --request->stops == 0 ? request->co : NULL;
}

/* Entering a request may change the list, so it is searched anew each time. */
int blkdebug_rules_resume(BlkdebugRules *rules, const char *tag, bool all)
{
    int ret = -ENOENT;
    BlkdebugStop *stop;

    while ((all || ret < 0) && (stop = find_stop(rules, tag))) {
        Coroutine *co = end_stop(stop);

        if (co) {
            aio_co_wake(co);
        }
        ret = 0;
    }
    return ret;
}

/*
 * From the loop: this is called in the middle of beginning a drained section,
 * which must not run requests.
 */
void blkdebug_rules_release(BlkdebugRules *rules, AioContext *ctx)
{
    while (!QLIST_EMPTY(&rules->stops)) {
        Coroutine *co = end_stop(QLIST_FIRST(&rules->stops));

        if (co) {
            aio_co_schedule(ctx, co);
        }
    }
}

bool blkdebug_rules_is_stopped(BlkdebugRules *rules, const char *tag)
{
    return find_stop(rules, tag) != NULL;
}
