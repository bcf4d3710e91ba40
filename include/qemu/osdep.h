/* SPDX-License-Identifier: MIT */
/*
 * The first include of every source file: the system headers that all of the
 * project relies on, rounding macros and aligned memory.
 *
 * No other header of the project includes this one; each may assume that it
 * has been included before.
 */
#ifndef QEMU_OSDEP_H
#define QEMU_OSDEP_H

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

#include "qemu/compiler.h"
#include "qemu/host-utils.h"
#include "qemu/typedefs.h"

#ifndef IOV_MAX
#define IOV_MAX 1024
#endif

/*
 * @n rounded up to a multiple of @d, which must be a power of two.  The
 * ternary is never taken: it gives the mask the wider type of the two, so that
 * a 32-bit @d does not cut off a 64-bit @n.
 */
#ifndef ROUND_UP
#define ROUND_UP(n, d) (((n) + (d) - 1) & -(0 ? (n) : (d)))
#endif

/* @n divided by @d, rounded up; any positive @d. */
#ifndef DIV_ROUND_UP
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#endif

/* Multiples of any positive @m, for a non-negative @n. */
#define QEMU_IS_ALIGNED(n, m) (((n) % (m)) == 0)
#define QEMU_ALIGN_DOWN(n, m) ((n) / (m) * (m))
#define QEMU_ALIGN_UP(n, m) QEMU_ALIGN_DOWN((n) + (m) - 1, (m))
#define QEMU_PTR_IS_ALIGNED(p, m) QEMU_IS_ALIGNED((uintptr_t)(p), (m))

/* The number of elements of an array (not of a pointer). */
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(x)                                                     \
    (sizeof(x) / sizeof((x)[0]) +                                         \
     QEMU_BUILD_BUG_ON_ZERO(                                              \
         __builtin_types_compatible_p(__typeof__(x), __typeof__(&(x)[0]))))
#endif

/* The smaller of two limits, where 0 means no limit. */
#ifndef MIN_NON_ZERO
#define MIN_NON_ZERO(a, b) \
    ((a) == 0 ? (b) : ((b) == 0 || (a) < (b)) ? (a) : (b))
#endif

/* The size of a page of memory in bytes; set before main() begins. */
extern uintptr_t qemu_real_host_page_size;

/*
 * Allocate @size bytes at a multiple of @alignment (a power of two; less than
 * a pointer's size is taken as that).  A @size of 0 gives a pointer of its own,
 * too.  The memory is not zeroed; free it with qemu_vfree().
 *
 * qemu_try_memalign() returns NULL when there is no memory; qemu_memalign()
 * then ends the process.  Any context.
 */
void *qemu_try_memalign(size_t alignment, size_t size);
void *qemu_memalign(size_t alignment, size_t size);

/* Free memory of the two above; NULL is allowed.  Any context. */
void qemu_vfree(void *ptr);

#endif
