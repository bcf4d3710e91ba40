/* SPDX-License-Identifier: MIT */
/*
 * Migration blockers, for drivers that name a reason against migrating: with
 * nothing to migrate, each is accepted and forgotten.
 */
#ifndef MIGRATION_BLOCKER_H
#define MIGRATION_BLOCKER_H

#include "qemu/typedefs.h"

/* Returns 0.  @reason stays the caller's: it is never freed or kept.  Plain. */
static inline int migrate_add_blocker(Error *reason, Error **errp)
{
    return 0;
}

/* Does nothing.  @reason stays the caller's.  Plain. */
static inline void migrate_del_blocker(Error *reason)
{
}

#endif
