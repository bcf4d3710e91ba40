/* SPDX-License-Identifier: MIT */
/*
 * Migration blockers, for drivers that name a reason against migrating: with
 * nothing to migrate, each is accepted and forgotten.
 *
 * Invariants: a reason is never freed or kept.
 */
#include "qemu/osdep.h"
#include "migration/blocker.h"

int migrate_add_blocker(Error *reason, Error **errp)
{
    return 0;
}

void migrate_del_blocker(Error *reason)
{
}
