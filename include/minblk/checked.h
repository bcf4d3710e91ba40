/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic on sizes and offsets that come from outside, where whoever made
 * them can choose them so that they overflow.
 *
 * Every function returns true and stores the exact result, or returns false,
 * and then the stored value is not to be used.  None has undefined behaviour
 * for any argument.  The result of none may be ignored, because a caller that
 * does not look at it goes on with a number that wrapped.  All are pure.
 */
#ifndef MINBLK_CHECKED_H
#define MINBLK_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

#include "qemu/compiler.h"

static inline bool QEMU_WARN_UNUSED_RESULT
checked_add_u64(uint64_t a, uint64_t b, uint64_t *result)
{
    return !__builtin_add_overflow(a, b, result);
}

static inline bool QEMU_WARN_UNUSED_RESULT
checked_mul_u64(uint64_t a, uint64_t b, uint64_t *result)
{
    return !__builtin_mul_overflow(a, b, result);
}

/*
 * True when the @bytes from @offset on lie within [0, @limit): none of the
 * three negative, the end not above @limit.  An empty range at @limit fits.
 */
static inline bool QEMU_WARN_UNUSED_RESULT
checked_range_within(int64_t offset, int64_t bytes, int64_t limit)
{
    return offset >= 0 && bytes >= 0 && offset <= limit &&
           bytes <= limit - offset;
}

#endif
