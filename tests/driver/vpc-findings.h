/* SPDX-License-Identifier: MIT */
/*
 * What checks of images on disks in memory find, for tests.
 */
#ifndef TESTS_DRIVER_VPC_FINDINGS_H
#define TESTS_DRIVER_VPC_FINDINGS_H

#include "vpc-fixture.h"

#define REPAIR_ALL (BDRV_FIX_LEAKS | BDRV_FIX_ERRORS)

/*
 * Checks the fixture's image with @fix, opened for that; @result may be NULL.
 * The findings, a line each: `C@OFFSET FIELD is VALUE, expected EXPECTED`, with
 * C, L or W for the grade and ` !` at the end of those that were repaired, `?`
 * of those that would be, then ` START+BYTES` of the disk that it is about.
 * NULL: the check failed with *@ret.  g_free().
 */
char *check_lines(Fixture *f, BdrvCheckMode fix, BdrvCheckResult *result,
                  int *ret);

/* A check without repair finds nothing, not even a warning. */
void assert_sound(Fixture *f);

/*
 * A check with @fix finds exactly the lines that begin with those of @expected,
 * a text of lines, in that order.
 */
void assert_findings(Fixture *f, BdrvCheckMode fix, const char *expected);

#endif
