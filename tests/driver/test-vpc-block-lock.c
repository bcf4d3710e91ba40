/* SPDX-License-Identifier: MIT */
/*
 * Locks on blocks against the rule that they keep: a lock is granted when no lock
 * on its block that was asked for earlier, and is not given back yet, excludes it.
 */
#include "qemu/osdep.h"
#include "block/vpc/block-lock.h"

#define SLOTS 24

/* A request with one lock; `live` from asking for it until giving it back. */
typedef struct Slot {
    VpcBlockLocks *locks;
    VpcBlockLock lock;
    Coroutine *co;
    uint32_t block;
    bool exclusive, try;
    bool live, owns;
    unsigned arrival;
} Slot;

typedef struct Fixture {
    VpcBlockLocks locks;
    Slot slot[SLOTS];
    unsigned arrivals;
} Fixture;

static void coroutine_fn hold_lock(void *opaque)
{
    Slot *slot = opaque;

    if (slot->try) {
        if (!vpc_block_trylock(slot->locks, &slot->lock, slot->block,
                               slot->exclusive)) {
            slot->live = false;
            return;
        }
    } else {
        vpc_block_lock(slot->locks, &slot->lock, slot->block,
                       slot->exclusive);
    }
    slot->owns = true;
    qemu_coroutine_yield();
    slot->owns = false;
    slot->live = false;
    vpc_block_unlock(&slot->lock);
}

static bool is_granted(const Fixture *f, const Slot *slot)
{
    for (int i = 0; i < SLOTS; i++) {
        const Slot *other = &f->slot[i];

        if (other->live && other->arrival < slot->arrival &&
            other->block == slot->block &&
            (other->exclusive || slot->exclusive)) {
            return false;
        }
    }
    return true;
}

static void compare(const Fixture *f)
{
    bool any = false;

    for (int i = 0; i < SLOTS; i++) {
        const Slot *slot = &f->slot[i];

        g_assert_cmpint(slot->owns, ==, slot->live && is_granted(f, slot));
        any |= slot->live;
    }
    g_assert_cmpint(vpc_any_block_locked(&f->locks), ==, any);
}

static void start(Fixture *f, Slot *slot, uint32_t block, bool exclusive,
                  bool try)
{
    bool granted;

    *slot = (Slot) {
        .locks = &f->locks, .block = block, .exclusive = exclusive,
        .try = try, .live = true, .arrival = f->arrivals++,
    };
    granted = is_granted(f, slot);
    slot->co = qemu_coroutine_create(hold_lock, slot);
    qemu_coroutine_enter(slot->co);
    g_assert_cmpint(slot->owns, ==, granted);
    g_assert_cmpint(slot->live, ==, granted || !try);
    compare(f);
}

static void stop(Fixture *f, Slot *slot)
{
    qemu_coroutine_enter(slot->co);
    compare(f);
}

static void test_at_random(void)
{
    /* The first three are in one bucket. */
    static const uint32_t blocks[] = {
        5, 5 + VPC_LOCK_BUCKETS, 5 + 2 * VPC_LOCK_BUCKETS, 6
    };
    Fixture f = { 0 };

    for (int i = 0; i < 100000; i++) {
        Slot *slot = &f.slot[g_test_rand_int_range(0, SLOTS)];

        if (slot->owns) {
            stop(&f, slot);
        } else if (!slot->live) {
            start(&f, slot, blocks[g_test_rand_int_range(0, 4)],
                  g_test_rand_int_range(0, 3) == 0,
                  g_test_rand_int_range(0, 4) == 0);
        }
    }
    for (int i = 0; vpc_any_block_locked(&f.locks); i = (i + 1) % SLOTS) {
        if (f.slot[i].owns) {
            stop(&f, &f.slot[i]);
        }
    }
}

/* Shared ones that come later do not overtake an exclusive one for ever. */
static void test_fair(void)
{
    Fixture f = { 0 };

    start(&f, &f.slot[0], 7, false, false);
    start(&f, &f.slot[1], 7, true, false);
    start(&f, &f.slot[2], 7, false, false);
    start(&f, &f.slot[3], 7, false, true);
    g_assert_false(f.slot[2].owns || f.slot[3].owns);
    stop(&f, &f.slot[0]);
    g_assert_true(f.slot[1].owns);
    stop(&f, &f.slot[1]);
    g_assert_true(f.slot[2].owns);
    stop(&f, &f.slot[2]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vpc-block-lock/fair", test_fair);
    g_test_add_func("/vpc-block-lock/at-random", test_at_random);
    return g_test_run();
}
