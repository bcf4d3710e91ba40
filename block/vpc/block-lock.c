/* SPDX-License-Identifier: MIT */
/*
 * Locks on blocks, found by the number of the block in a hash.
 *
 * The locks on one block, granted ones and those that wait, are a ring in the
 * order of their arrival; the first one of each ring is in a bucket of the
 * hash. So neither locking nor unlocking looks at locks on other blocks, but
 * for those in the same bucket.
 *
 * Invariants:
 *   - A lock is granted when it is the first of its ring, or when it and all
 *     before it are shared.  So a request is never overtaken for ever, because
 *     later ones wait for it if it waits.
 *   - Granted locks come first in the ring, so the last lock alone says whether
 *     another one can be granted.
 */
#include "qemu/osdep.h"
#include "block-lock.h"

/* The first lock on @block, or NULL. */
static VpcBlockLock *lock_find(const VpcBlockLocks *locks, uint32_t block)
{
    VpcBlockLock *lock;

    QLIST_FOREACH(lock, &locks->buckets[block % VPC_LOCK_BUCKETS], bucket) {
        if (lock->block == block) {
            break;
        }
    }
    return lock;
}

/* May @lock be used at the same time as @before, the one before it? */
static bool lock_goes_with(const VpcBlockLock *before,
                           const VpcBlockLock *lock)
{
    return before->granted && !before->exclusive && !lock->exclusive;
}

/* Adds @lock to the ring of @first, which may be NULL. */
static void lock_add(VpcBlockLocks *locks, VpcBlockLock *lock,
                     VpcBlockLock *first)
{
    if (!first) {
        lock->next = lock->prev = lock;
        lock->granted = true;
        QLIST_INSERT_HEAD(&locks->buckets[lock->block % VPC_LOCK_BUCKETS],
                          lock, bucket);
        return;
    }
    lock->next = first;
    lock->prev = first->prev;
    lock->granted = lock_goes_with(lock->prev, lock);
    lock->prev->next = lock;
    first->prev = lock;
    lock->bucket.le_prev = NULL;
}

void coroutine_fn vpc_block_lock(VpcBlockLocks *locks, VpcBlockLock *lock,
                                 uint32_t block, bool exclusive)
{
    lock->block = block;
    lock->exclusive = exclusive;
    lock_add(locks, lock, lock_find(locks, block));
    if (!lock->granted) {
        qemu_co_queue_init(&lock->queue);
        qemu_co_queue_wait(&lock->queue, NULL);
        assert(lock->granted);
    }
}

bool vpc_block_trylock(VpcBlockLocks *locks, VpcBlockLock *lock,
                       uint32_t block, bool exclusive)
{
    VpcBlockLock *first = lock_find(locks, block);

    lock->block = block;
    lock->exclusive = exclusive;
    if (first && !lock_goes_with(first->prev, lock)) {
        return false;
    }
    lock_add(locks, lock, first);
    return true;
}

/* Its request goes on when this one yields, so the ring does not change yet. */
static void coroutine_fn lock_grant(VpcBlockLock *lock)
{
    lock->granted = true;
    qemu_co_queue_next(&lock->queue);
}

void coroutine_fn vpc_block_unlock(VpcBlockLock *lock)
{
    VpcBlockLock *first = lock->next;

    lock->prev->next = lock->next;
    lock->next->prev = lock->prev;
    if (!QLIST_IS_INSERTED(lock, bucket)) {
        return;                 /* the first one is granted already */
    }
    if (first == lock) {
        QLIST_REMOVE(lock, bucket);
        return;
    }
    QLIST_INSERT_AFTER(lock, first, bucket);
    QLIST_REMOVE(lock, bucket);
    if (first->granted) {
        return;
    }
    lock_grant(first);
    for (lock = first->next;
         lock != first && lock_goes_with(lock->prev, lock);
         lock = lock->next) {
        lock_grant(lock);
    }
}

bool vpc_any_block_locked(const VpcBlockLocks *locks)
{
    for (int i = 0; i < VPC_LOCK_BUCKETS; i++) {
        if (!QLIST_EMPTY(&locks->buckets[i])) {
            return true;
        }
    }
    return false;
}
