/* SPDX-License-Identifier: MIT */
/*
 * The part of QEMU's record and replay interface that block drivers call.
 *
 * Nothing is recorded: an event is an ordinary one-shot bottom half.
 */
#ifndef SYSEMU_REPLAY_H
#define SYSEMU_REPLAY_H

#include "block/aio.h"

/*
 * Run @cb once from the loop of @ctx; thread-safe, inside and outside
 * coroutines, never at once.
 */
static inline void replay_bh_schedule_oneshot_event(AioContext *ctx,
                                                    QEMUBHFunc *cb,
                                                    void *opaque)
{
    aio_bh_schedule_oneshot(ctx, cb, opaque);
}

#endif
