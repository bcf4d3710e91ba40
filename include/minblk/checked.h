/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic on sizes and offsets that come from outside.
 *
 * Every function returns true and stores the exact result, or returns false,
 * and then what it stored is not to be used.  None has undefined behaviour for
 * any argument, and none may be ignored.  All are plain and pure.
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
checked_sub_u64(uint64_t a, uint64_t b, uint64_t *result)
{
    return !__builtin_sub_overflow(a, b, result);
}

static inline bool QEMU_WARN_UNUSED_RESULT
checked_mul_u64(uint64_t a, uint64_t b, uint64_t *result)
{
    return !__builtin_mul_overflow(a, b, result);
}

static inline bool QEMU_WARN_UNUSED_RESULT
checked_add_i64(int64_t a, int64_t b, int64_t *result)
{
    return !__builtin_add_overflow(a, b, result);
}

static inline bool QEMU_WARN_UNUSED_RESULT
checked_sub_i64(int64_t a, int64_t b, int64_t *result)
{
    return !__builtin_sub_overflow(a, b, result);
}

static inline bool QEMU_WARN_UNUSED_RESULT
checked_mul_i64(int64_t a, int64_t b, int64_t *result)
{
    return !__builtin_mul_overflow(a, b, result);
}

/*
 * @value rounded up to a multiple of @alignment, which may be any number but
 * 0 (false), not only a power of two.
 */
static inline bool QEMU_WARN_UNUSED_RESULT
checked_align_up_u64(uint64_t value, uint64_t alignment, uint64_t *result)
{
    uint64_t rest;

    if (alignment == 0) {
        return false;
    }
    rest = value % alignment;
    return checked_add_u64(value, rest ? alignment - rest : 0, result);
}

/* The same for signed numbers; a negative @value or @alignment is refused. */
static inline bool QEMU_WARN_UNUSED_RESULT
checked_align_up_i64(int64_t value, int64_t alignment, int64_t *result)
{
    uint64_t aligned;

    if (value < 0 || alignment <= 0 ||
        !checked_align_up_u64(value, alignment, &aligned) ||
        aligned > INT64_MAX) {
        return false;
    }
    *result = aligned;
    return true;
}

/* A 64-bit unsigned number as a signed one, when it fits. */
static inline bool QEMU_WARN_UNUSED_RESULT
checked_u64_to_i64(uint64_t value, int64_t *result)
{
    *result = (int64_t)value;
    return value <= INT64_MAX;
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
