/* SPDX-License-Identifier: MIT */
/*
 * The inside of a BlockBackend, for the two files that implement it: backend.c
 * (life, settings, the root edge) and backend-io.c (requests).
 *
 * Invariants:
 *   - in_flight counts requests that have begun and have not ended, those in
 *     `queue` excepted.
 *   - While quiesce_counter > 0 no request begins: it waits in `queue`, linked
 *     through its own coroutine.
 */
#ifndef BLOCK_CORE_BACKEND_H
#define BLOCK_CORE_BACKEND_H

#include "block/core/graph/graph.h"
#include "sysemu/block-backend.h"

struct BlockBackend {
    AioContext *ctx; /* a reference */
    BdrvChild *root; /* NULL: no node */
    uint64_t perm;
    uint64_t shared_perm;
    bool enable_write_cache;
    bool allow_write_beyond_eof;

    unsigned int in_flight;
    unsigned int queued; /* how many wait in queue */
    int quiesce_counter;
    CoQueue queue;
    QEMUBH *resume_bh; /* lets those in queue begin */
};

/*
 * Waits until the requests that a drained section held back have begun, if it
 * is over.  Mixed.
 */
void blk_wait_resumed(BlockBackend *blk);

#endif
