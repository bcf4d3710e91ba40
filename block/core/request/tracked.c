/* SPDX-License-Identifier: MIT */
/*
 * Requests in flight on a node, and the order between those that overlap.
 *
 * Invariants:
 *   - A request waits only for one that runs, and one that runs waits for none:
 *     no two wait for each other.  When it goes on it looks again at all
 *     others, since later ones may have overtaken it.
 *   - Who has waited often enough is not overtaken any more: later requests
 *     wait for it, too, so that none starves.  Such waits go from later to
 *     earlier requests only, never in a circle.  A node's list holds the latest
 *     first.
 *   - Nothing runs between the time when a request is marked serialising and
 *     that when it looks at the others, or they might have looked past it.
 *   - serialising_in_flight is the number of marked requests in the list; while
 *     it is 0 no request looks at the list.
 */
#include "qemu/osdep.h"

#include "block/core/request/request.h"

/* So often a request is overtaken: far more than it is by chance. */
#define MAX_WAITS 16

void bdrv_tracked_request_begin(BdrvTrackedRequest *req, BlockDriverState *bs,
                                int64_t offset, int64_t bytes,
                                enum BdrvTrackedRequestType type)
{
    req->bs = bs;
    req->offset = offset;
    req->bytes = bytes;
    req->type = type;
    req->serialising = false;
    req->overlap_offset = offset;
    req->overlap_bytes = bytes;
    req->waits = 0;
    req->co = qemu_coroutine_self();
    qemu_co_queue_init(&req->wait_queue);
    bdrv_inc_in_flight(bs);
    QLIST_INSERT_HEAD(&bs->tracked_requests, req, list);
}

/* Off the list before the others are woken, or they would find it again. */
void bdrv_tracked_request_end(BdrvTrackedRequest *req)
{
    BlockDriverState *bs = req->bs;

    if (req->serialising) {
        bs->serialising_in_flight--;
    }
    QLIST_REMOVE(req, list);
    qemu_co_queue_restart_all(&req->wait_queue);
    bdrv_dec_in_flight(bs);
}

void bdrv_mark_request_serialising(BdrvTrackedRequest *req, uint64_t align,
                                   bool to_end)
{
    int64_t start = QEMU_ALIGN_DOWN(req->offset, (int64_t)align);
    int64_t end = QEMU_ALIGN_UP(req->offset + req->bytes, (int64_t)align);

    if (!req->serialising) {
        req->serialising = true;
        req->bs->serialising_in_flight++;
    }
    req->overlap_offset = start;
    req->overlap_bytes = (to_end ? INT64_MAX : end) - start;
}

/* Both ranges are rounded out only where their request is serialising. */
static bool requests_overlap(const BdrvTrackedRequest *a,
                             const BdrvTrackedRequest *b)
{
    return a->overlap_offset < b->overlap_offset + b->overlap_bytes &&
           b->overlap_offset < a->overlap_offset + a->overlap_bytes;
}

/* The latest of the requests that @req has to wait for, or NULL. */
static BdrvTrackedRequest *find_conflict(BdrvTrackedRequest *req)
{
    BdrvTrackedRequest *other;
    bool earlier = false;

    if (!req->bs->serialising_in_flight) {
        return NULL;
    }
    QLIST_FOREACH(other, &req->bs->tracked_requests, list) {
        if (other == req) {
            earlier = true;
        } else if ((req->serialising || other->serialising) &&
                   (!other->waits || (earlier && other->waits > MAX_WAITS)) &&
                   requests_overlap(req, other)) {
            return other;
        }
    }
    return NULL;
}

bool coroutine_fn bdrv_wait_for_conflict(BdrvTrackedRequest *req)
{
    BdrvTrackedRequest *other = find_conflict(req);

    if (!other) {
        req->waits = 0;
        return false;
    }
    /* One that waits for itself would wait for ever. */
    assert(other->co != req->co);
    req->waits++;
    qemu_co_queue_wait(&other->wait_queue, NULL);
    return true;
}

void coroutine_fn bdrv_wait_serialising_requests(BdrvTrackedRequest *req)
{
    while (bdrv_wait_for_conflict(req)) {
    }
}

bool bdrv_request_conflicts(BdrvTrackedRequest *req)
{
    return find_conflict(req);
}

/*
 * Up to BDRV_MAX_LENGTH, so that rounding the end up to the alignment cannot
 * overflow in any of the functions that follow.
 */
int bdrv_check_byte_request(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (offset < 0 || bytes < 0 || bytes > BDRV_REQUEST_MAX_BYTES ||
        offset > BDRV_MAX_LENGTH - bytes) {
        return -EIO;
    }
    return 0;
}

bool bdrv_end_in_motion(BlockDriverState *bs)
{
    BdrvTrackedRequest *req;

    QLIST_FOREACH(req, &bs->tracked_requests, list) {
        if (req->serialising && !req->waits &&
            req->overlap_bytes == INT64_MAX - req->overlap_offset) {
            return true;
        }
    }
    return false;
}
