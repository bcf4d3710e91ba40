/* SPDX-License-Identifier: MIT */
/*
 * Migration blockers: there is no migration here, so they do nothing.
 */
#ifndef MIGRATION_BLOCKER_H
#define MIGRATION_BLOCKER_H

#include "qemu/typedefs.h"

/* Returns 0.  @reason stays the caller's.  Plain. */
int migrate_add_blocker(Error *reason, Error **errp);

/* Does nothing.  @reason stays the caller's.  Plain. */
void migrate_del_blocker(Error *reason);

#endif
