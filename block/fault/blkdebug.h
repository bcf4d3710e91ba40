/* SPDX-License-Identifier: MIT */
/*
 * The parts of the driver blkdebug: its rules and how they are read.
 *
 * Invariants:
 *   - A rule is in the list of its event; an active one is in `active`, too.
 *   - All active rules belong to one event: the last one that activated any.
 *   - A breakpoint is a rule until it stops a request; from then on it is a
 *     BlkdebugStop, until the request is resumed.
 */
#ifndef BLOCK_FAULT_BLKDEBUG_H
#define BLOCK_FAULT_BLKDEBUG_H

#include "block/block_int.h"

typedef enum BlkdebugAction {
    BLKDEBUG_INJECT_ERROR,
    BLKDEBUG_SET_STATE,
    BLKDEBUG_SUSPEND,
} BlkdebugAction;

typedef struct BlkdebugRule {
    BlkdebugEvent event;
    BlkdebugAction action;
    int state;              /* 0: in any state */

    unsigned iotypes;       /* inject: bit n is BlkdebugIOType n */
    int error;              /* inject: errno; 0 lets the request pass */
    bool immediately;       /* inject: fails without yielding before */
    bool once;              /* inject: gone when it has failed a request */
    bool anywhere;          /* inject: `offset` does not matter */
    int64_t offset;         /* inject: bytes; -1 is in no request */
    uint64_t skip;          /* inject: matching requests that still pass */

    int new_state;          /* set-state */
    char *tag;              /* suspend */

    QLIST_ENTRY(BlkdebugRule) next;
    QLIST_ENTRY(BlkdebugRule) active_next;  /* inject */
} BlkdebugRule;

typedef struct BlkdebugStop BlkdebugStop;

typedef struct BlkdebugRules {
    int state;                               /* 1 at first */
    QLIST_HEAD(, BlkdebugRule) events[BLKDBG__MAX];
    QLIST_HEAD(, BlkdebugRule) active;
    QLIST_HEAD(, BlkdebugStop) stops;        /* the latest first */
} BlkdebugRules;

/* ---- blkdebug-rules.c --------------------------------------------------- */

/* @rules is zeroed memory.  Plain, as all that is not said to be co-only. */
void blkdebug_rules_init(BlkdebugRules *rules);

/* Frees all rules; no request is stopped. */
void blkdebug_rules_free(BlkdebugRules *rules);

/* Adds a rule, which becomes the list's. */
void blkdebug_rules_add(BlkdebugRules *rules, BlkdebugRule *rule);

/*
 * @event happens: activates rules, changes the state, and with @may_stop stops
 * the coroutine that calls it, if it is one, at breakpoints.
 */
void blkdebug_rules_event(BlkdebugRules *rules, BlkdebugEvent event,
                          bool may_stop);

/* 0, or the -errno with which the request is to fail.  co-only. */
int coroutine_fn blkdebug_rules_check(BlkdebugRules *rules, uint64_t offset,
                                      uint64_t bytes, BlkdebugIOType iotype);

/* The next request that comes to @event stops under the name @tag. */
void blkdebug_rules_break(BlkdebugRules *rules, BlkdebugEvent event,
                          const char *tag);

/* Removes breakpoints; 0 or -ENOENT.  Stopped requests are no breakpoints. */
int blkdebug_rules_unbreak(BlkdebugRules *rules, const char *tag);

/*
 * Resumes the request that stopped last under @tag, or all such requests, at
 * once.  0 or -ENOENT.
 */
int blkdebug_rules_resume(BlkdebugRules *rules, const char *tag, bool all);

/* Resumes all stopped requests from the loop of @ctx. */
void blkdebug_rules_release(BlkdebugRules *rules, AioContext *ctx);

bool blkdebug_rules_is_stopped(BlkdebugRules *rules, const char *tag);

/* ---- blkdebug-config.c -------------------------------------------------- */

/*
 * Reads rules from the file @config (NULL: none), then takes those of @options
 * out of it.  0 or -errno with @errp set.
 */
int blkdebug_read_rules(BlkdebugRules *rules, const char *config,
                        QDict *options, Error **errp);

#endif
