/* SPDX-License-Identifier: MIT */
/*
 * The search for zeros, made so that it costs what reading the memory costs.
 *
 * The buffer's ends and its middle are looked at first: data seldom begins and
 * ends with zeros, and then little was read.  Blocks are read as vectors,
 * which the compiler maps to the registers it may use; where the processor may
 * have wider ones than every machine of its kind, the same code is compiled
 * for both and chosen before main() begins.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"

/* May be read at any address; its alias rules are those of char. */
typedef uint64_t ZeroVector
    __attribute__((vector_size(32), aligned(1), may_alias));

enum {
    VECTORS = 8,
    BLOCK = VECTORS * sizeof(ZeroVector),
};

/* True when the BLOCK bytes at @p are zero. */
static inline __attribute__((always_inline)) bool block_is_zero(
    const unsigned char *p)
{
    const ZeroVector *v = (const ZeroVector *)p;
    ZeroVector a = v[0] | v[4], b = v[1] | v[5];
    ZeroVector c = v[2] | v[6], d = v[3] | v[7];

    a |= b | c | d;
    return (a[0] | a[1] | a[2] | a[3]) == 0;
}

/* The same for any @len of at least BLOCK. */
static inline __attribute__((always_inline)) bool blocks_are_zero(
    const unsigned char *p, size_t len)
{
    size_t i;

    for (i = 0; i + BLOCK <= len; i += BLOCK) {
        if (!block_is_zero(p + i)) {
            return false;
        }
    }
    /* The rest, with some bytes that have been seen before it. */
    return block_is_zero(p + len - BLOCK);
}

static bool zero_portable(const unsigned char *p, size_t len)
{
    return blocks_are_zero(p, len);
}

static bool (*zero_search)(const unsigned char *p, size_t len) = zero_portable;

#if defined(__x86_64__)
static __attribute__((target("avx2"))) bool zero_avx2(const unsigned char *p,
                                                      size_t len)
{
    return blocks_are_zero(p, len);
}

static void __attribute__((constructor)) choose_zero_search(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) {
        zero_search = zero_avx2;
    }
}
#endif

bool buffer_is_zero(const void *buf, size_t len)
{
    const unsigned char *p = buf;

    if (len < BLOCK) {
        unsigned char bits = 0;

        for (size_t i = 0; i < len; i++) {
            bits |= p[i];
        }
        return bits == 0;
    }
    if (p[0] | p[len - 1] | p[len / 2]) {
        return false;
    }
    return zero_search(p, len);
}
