/* SPDX-License-Identifier: MIT */
/*
 * What the system tells of a process and of those that it has started.
 */
#ifndef HARNESS_PROCESS_H
#define HARNESS_PROCESS_H

#include "qemu/osdep.h"

/*
 * Adds to *@cpu the nanoseconds of CPU time that the process @pid and its
 * children that live have used.  Do all their threads wait for an event?  One
 * that can run, or waits for a disk or for memory that was swapped out, may get
 * on as soon as the machine lets it.
 */
bool process_waits(pid_t pid, int64_t *cpu);

#endif
