/* SPDX-License-Identifier: MIT */
/*
 * Examples for check-arithmetic.py: what it finds, and what it lets pass.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "minblk/checked.h"

#define SECTOR 512

typedef struct Disk {
    uint16_t half;
    uint32_t word;
    uint64_t wide;
} Disk;

uint64_t bad_wide(const Disk *d, uint64_t n);
uint64_t bad_narrow(const Disk *d, uint64_t n);
uint64_t good(const Disk *d, uint64_t n);
uint64_t excuses(const Disk *d);

uint64_t bad_wide(const Disk *d, uint64_t n)
{
    uint64_t offset = be64_to_cpu(d->wide);
    int64_t later;

    n += be64_to_cpu(d->wide);                  /* finds: += of a 64-bit */
    n *= offset;                                /* finds: *= of a 64-bit */
    n = offset + 1;                             /* finds: + of a 64-bit */
    n = n - (int64_t)offset;                    /* finds: - of a 64-bit */
    n = ROUND_UP(offset, SECTOR);               /* finds: + of a 64-bit */
    n = DIV_ROUND_UP(be64_to_cpu(d->wide), 8);  /* finds: + of a 64-bit */
    n = (be64_to_cpu(d->wide)) << 1;            /* finds: << of a 64-bit */
    for (int i = 0; i < 2; i++) {
        n = later * 2;                          /* finds: * of a 64-bit */
        later = be64_to_cpu(d->wide);
    }
    return n;
}

uint64_t bad_narrow(const Disk *d, uint64_t n)
{
    uint32_t word = be32_to_cpu(d->word);
    uint64_t widened = word;

    n = word * SECTOR;                          /* finds: done in 32 bits */
    n = (uint64_t)(word + 1);                   /* finds: done in 32 bits */
    n = be16_to_cpu(d->half) << 17;             /* finds: done in 32 bits */
    word -= 1;                                  /* finds: done in 32 bits */
    n = widened - 1;                            /* finds: wraps at 0 */
    n = n - be32_to_cpu(d->word);               /* finds: wraps at 0 */
    n = be32_to_cpu(d->word) * n;               /* finds: factor of 64 bits */
    n = widened * 0x100000000;                  /* finds: factor of 64 bits */
    n = (uint64_t)word << 33;                   /* finds: constant of at most */
    n = (uint64_t)word << n;                    /* finds: constant of at most */
    return n;
}

uint64_t good(const Disk *d, uint64_t n)
{
    uint64_t offset = be64_to_cpu(d->wide);
    uint64_t words = be32_to_cpu(d->word);
    uint32_t other = be32_to_cpu(d->word);
    uint16_t half = n;

    n = half + 1;
    n = offset / 2 + offset % 2;
    n = (uint32_t)be16_to_cpu(d->half) << 16;
    n = words + 1;
    n = ROUND_UP(words, SECTOR);
    n = words * SECTOR + words * sizeof(Disk) + words * (uint64_t)other;
    n = words << 32;
    n = (int64_t)words - SECTOR;
    return checked_add_u64(offset, n, &n) && offset < n ? n : 0;
}

uint64_t excuses(const Disk *d)
{
    uint64_t offset = be64_to_cpu(d->wide);

    if (offset > 4096) {
        return 0;
    }
    /* check-arithmetic: off, at most 4096 as compared above */
    offset += SECTOR;
    /* check-arithmetic: off, nothing to excuse; finds: excuses nothing */
    return offset;
}
