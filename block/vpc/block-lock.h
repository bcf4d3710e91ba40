/* SPDX-License-Identifier: MIT */
/*
 * Locks on blocks, by their number: shared or exclusive.
 */
#ifndef BLOCK_VPC_BLOCK_LOCK_H
#define BLOCK_VPC_BLOCK_LOCK_H

#include "qemu/coroutine.h"
#include "qemu/queue.h"

/* More than the usual number of requests in flight, so that few blocks meet. */
#define VPC_LOCK_BUCKETS 64

/* The lock of one request on one block; it lives on the request's stack. */
typedef struct VpcBlockLock {
    uint32_t block;
    bool exclusive;
    bool granted;
    struct VpcBlockLock *next;  /* the ring of locks on this block, */
    struct VpcBlockLock *prev;  /* in the order of their arrival */
    QLIST_ENTRY(VpcBlockLock) bucket; /* of the first one of the ring */
    CoQueue queue;              /* its own request, until it is granted */
} VpcBlockLock;

typedef struct VpcBlockLocks {
    /* The first lock on each block, by block % VPC_LOCK_BUCKETS. */
    QLIST_HEAD(, VpcBlockLock) buckets[VPC_LOCK_BUCKETS];
} VpcBlockLocks;

/*
 * Locks @block; waits for locks that were asked for earlier and exclude this
 * one.  A request has one lock at a time, since two could wait for each other.
 */
void coroutine_fn vpc_block_lock(VpcBlockLocks *locks, VpcBlockLock *lock,
                                 uint32_t block, bool exclusive);
/*
 * The same if it need not wait; otherwise nothing is locked, and it is false.
 */
bool vpc_block_trylock(VpcBlockLocks *locks, VpcBlockLock *lock,
                       uint32_t block, bool exclusive);
void coroutine_fn vpc_block_unlock(VpcBlockLock *lock);

/* Is any block locked? */
bool vpc_any_block_locked(const VpcBlockLocks *locks);

#endif
