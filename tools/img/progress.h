/* SPDX-License-Identifier: MIT */
/*
 * How far a command is: the line of -p on standard output, and the answer to
 * SIGUSR1 on standard error.
 *
 * Invariants:
 *   - One command runs in a process, so there is one progress.
 *   - A line is printed for 0 and 100 per cent whenever they are set, and
 *     otherwise when at least one per cent was added since the last line.
 *   - SIGUSR1 is answered at once, whatever the process waits for.
 *
 * All functions are plain and may be called inside and outside coroutines.
 */
#ifndef TOOLS_IMG_PROGRESS_H
#define TOOLS_IMG_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* From here on SIGUSR1 is answered; with @shown the lines are printed. */
void img_progress_begin(bool shown);

/* @done of @total units are done; @total 0 counts as all of them. */
void img_progress_set(uint64_t done, uint64_t total);

/* The last line is complete: prints the newline after it. */
void img_progress_end(void);

#endif
