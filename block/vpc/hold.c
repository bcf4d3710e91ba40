/* SPDX-License-Identifier: MIT */
/*
 * Who uses which block.
 *
 * Claims stand in one list in the order of their arrival.  A claim has its
 * block once no earlier claim on the same block contradicts it; so nobody is
 * overtaken for ever, and claims on different blocks never meet.
 */
#include "qemu/osdep.h"
#include "vpc.h"

/* The latest earlier claim that @hold has to wait for, or NULL. */
static VpcHold *find_conflict(VpcHold *hold)
{
    VpcHold *other = hold;

    while ((other = QTAILQ_PREV(other, link))) {
        if (other->block == hold->block && (other->alone || hold->alone)) {
            return other;
        }
    }
    return NULL;
}

void coroutine_fn vpc_hold(VpcState *s, VpcHold *hold, uint32_t block,
                           bool alone)
{
    VpcHold *other;

    hold->block = block;
    hold->alone = alone;
    qemu_co_queue_init(&hold->waiters);
    QTAILQ_INSERT_TAIL(&s->holds, hold, link);
    while ((other = find_conflict(hold))) {
        qemu_co_queue_wait(&other->waiters, NULL);
    }
}

void vpc_release(VpcState *s, VpcHold *hold)
{
    QTAILQ_REMOVE(&s->holds, hold, link);
    qemu_co_queue_restart_all(&hold->waiters);
}
