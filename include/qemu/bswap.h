/* SPDX-License-Identifier: MIT */
/*
 * Byte order: between the host's and big or little endian, by value, in place
 * and from or to memory of any alignment.
 *
 * Everything is inline and without side effects beyond the memory named.  The
 * in-place and memory forms read and write through memcpy(), so members of
 * packed structures may be given.
 */
#ifndef QEMU_BSWAP_H
#define QEMU_BSWAP_H

#include <stdint.h>
#include <string.h>

#define BSWAP_HOST_BE_ (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

static inline uint16_t bswap16(uint16_t x)
{
    return __builtin_bswap16(x);
}

static inline uint32_t bswap32(uint32_t x)
{
    return __builtin_bswap32(x);
}

static inline uint64_t bswap64(uint64_t x)
{
    return __builtin_bswap64(x);
}

/*
 * The family for one byte order and width: ORDERn_to_cpu() and cpu_to_ORDERn()
 * by value, ORDERn_to_cpus() and cpu_to_ORDERns() in place.
 */
#define BSWAP_FAMILY_(order, width, swap)                                 \
static inline uint##width##_t order##width##_to_cpu(uint##width##_t v)    \
{                                                                         \
    return (swap) ? bswap##width(v) : v;                                  \
}                                                                         \
                                                                          \
static inline uint##width##_t cpu_to_##order##width(uint##width##_t v)    \
{                                                                         \
    return (swap) ? bswap##width(v) : v;                                  \
}                                                                         \
                                                                          \
static inline void order##width##_to_cpus(uint##width##_t *p)             \
{                                                                         \
    uint##width##_t v;                                                    \
                                                                          \
    memcpy(&v, (const void *)p, sizeof(v));                               \
    v = order##width##_to_cpu(v);                                         \
    memcpy((void *)p, &v, sizeof(v));                                     \
}                                                                         \
                                                                          \
static inline void cpu_to_##order##width##s(uint##width##_t *p)           \
{                                                                         \
    order##width##_to_cpus(p);                                            \
}

BSWAP_FAMILY_(be, 16, !BSWAP_HOST_BE_)
BSWAP_FAMILY_(be, 32, !BSWAP_HOST_BE_)
BSWAP_FAMILY_(be, 64, !BSWAP_HOST_BE_)
BSWAP_FAMILY_(le, 16, BSWAP_HOST_BE_)
BSWAP_FAMILY_(le, 32, BSWAP_HOST_BE_)
BSWAP_FAMILY_(le, 64, BSWAP_HOST_BE_)

/*
 * Loads and stores at any address: ldX_ORDER_p(ptr) and stX_ORDER_p(ptr, v)
 * where X is w (16 bits; lduw), l (32) or q (64).  All are unsigned.
 */
#define BSWAP_MEMORY_(order, width, ld, st)                               \
static inline uint##width##_t ld##_##order##_p(const void *ptr)           \
{                                                                         \
    uint##width##_t v;                                                    \
                                                                          \
    memcpy(&v, ptr, sizeof(v));                                           \
    return order##width##_to_cpu(v);                                      \
}                                                                         \
                                                                          \
static inline void st##_##order##_p(void *ptr, uint##width##_t v)         \
{                                                                         \
    v = cpu_to_##order##width(v);                                         \
    memcpy(ptr, &v, sizeof(v));                                           \
}

BSWAP_MEMORY_(be, 16, lduw, stw)
BSWAP_MEMORY_(be, 32, ldl, stl)
BSWAP_MEMORY_(be, 64, ldq, stq)
BSWAP_MEMORY_(le, 16, lduw, stw)
BSWAP_MEMORY_(le, 32, ldl, stl)
BSWAP_MEMORY_(le, 64, ldq, stq)

#undef BSWAP_FAMILY_
#undef BSWAP_MEMORY_

#endif
