/* SPDX-License-Identifier: MIT */
/*
 * malloc() and its relatives, counted, because glibc's own figures take what
 * its caches hold for used.
 *
 * Invariants: glibc's own entry points do the work; where a sanitizer or
 * valgrind has the allocator, nothing is counted, but AddressSanitizer is
 * asked.
 */
#include "qemu/osdep.h"
#include "memory.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

static int64_t allocations;
static int64_t blocks;

int64_t memory_allocations(void)
{
    return __atomic_load_n(&allocations, __ATOMIC_RELAXED);
}

int64_t memory_blocks(void)
{
    return __atomic_load_n(&blocks, __ATOMIC_RELAXED);
}

bool memory_counts(void)
{
    int64_t before = memory_allocations();
    /* Volatile, because a compiler may leave out a pair of these calls. */
    void *volatile p = malloc(1);

    free(p);
    return memory_allocations() > before;
}

bool memory_lost(void)
{
#ifdef __SANITIZE_ADDRESS__
    return __lsan_do_recoverable_leak_check() != 0;
#else
    return false;
#endif
}

#ifndef UNDER_SANITIZER
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t nmemb, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *ptr);
void *memalign(size_t alignment, size_t size);

static void add_to(int64_t *counter, int n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void *count_block(void *ptr)
{
    add_to(&allocations, 1);
    if (ptr) {
        add_to(&blocks, 1);
    }
    return ptr;
}

void *malloc(size_t size)
{
    return count_block(__libc_malloc(size));
}

void *calloc(size_t nmemb, size_t size)
{
    return count_block(__libc_calloc(nmemb, size));
}

void *realloc(void *ptr, size_t size)
{
    void *moved = __libc_realloc(ptr, size);

    if (!ptr) {
        return count_block(moved);
    }
    add_to(&allocations, 1);
    /* That is how it frees. */
    if (!moved && !size) {
        add_to(&blocks, -1);
    }
    return moved;
}

void *memalign(size_t alignment, size_t size)
{
    return count_block(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return count_block(__libc_memalign(alignment, size));
}

int posix_memalign(void **ptr, size_t alignment, size_t size)
{
    *ptr = count_block(__libc_memalign(alignment, size));
    return *ptr ? 0 : ENOMEM;
}

void free(void *ptr)
{
    if (ptr) {
        add_to(&blocks, -1);
    }
    __libc_free(ptr);
}
#endif
