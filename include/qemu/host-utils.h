/* SPDX-License-Identifier: MIT */
/*
 * Questions about the bits of an integer: powers of two, leading and trailing
 * zeros.
 *
 * All functions are pure and total: a zero argument has a defined answer.
 */
#ifndef QEMU_HOST_UTILS_H
#define QEMU_HOST_UTILS_H

#include <stdbool.h>
#include <stdint.h>

#include "qemu/bswap.h"

/* True when exactly one bit is set; false for 0. */
static inline bool is_power_of_2(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* The number of zero bits above the highest one; 64 for 0. */
static inline int clz32(uint32_t value)
{
    return value ? __builtin_clz(value) : 32;
}

static inline int clz64(uint64_t value)
{
    return value ? __builtin_clzll(value) : 64;
}

/* The number of zero bits below the lowest one; 32 for 0. */
static inline int ctz32(uint32_t value)
{
    return value ? __builtin_ctz(value) : 32;
}

static inline int ctz64(uint64_t value)
{
    return value ? __builtin_ctzll(value) : 64;
}

/* The number of set bits. */
static inline int ctpop64(uint64_t value)
{
    return __builtin_popcountll(value);
}

/* The largest power of two that is not above @value; 0 for 0. */
static inline uint64_t pow2floor(uint64_t value)
{
    return value ? UINT64_C(1) << (63 - clz64(value)) : 0;
}

#endif
