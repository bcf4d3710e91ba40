/* SPDX-License-Identifier: MIT */
/*
 * Repairs of any image, for fuzz-vpc.
 *
 * Invariants, of any input:
 *   - What could be read before a repair that is not forced reads as before.
 *   - A second repair finds nothing to do, and where nothing is corrupt after
 *     it the image opens for writing.
 *   - Without repair no byte changes.
 */
#ifndef TESTS_FUZZ_VPC_REPAIR_H
#define TESTS_FUZZ_VPC_REPAIR_H

#include "block/block.h"

/*
 * Opens the disk "disk" to be checked, with @size_rule (NULL: none), and checks
 * it with @fix.  No node may have it open.
 */
void vpc_repair_any(const char *size_rule, BdrvCheckMode fix);

#endif
