/* SPDX-License-Identifier: MIT */
/*
 * malloc() and its kin, counted.  glibc's own entry points do the work, for
 * those who replace the public ones.
 */
#include "qemu/osdep.h"
#include "alloc-count.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer)
#define OWN_MALLOC 0
#endif
#endif
#ifndef OWN_MALLOC
#define OWN_MALLOC 1
#endif

static int allocations;

int alloc_count(void)
{
    return __atomic_load_n(&allocations, __ATOMIC_RELAXED);
}

bool alloc_counts(void)
{
    int before = alloc_count();
    void *volatile p = malloc(1);

    free(p);
    return alloc_count() > before;
}

#if OWN_MALLOC
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size);

static void count(void)
{
    __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    count();
    return __libc_calloc(n, size);
}

void *realloc(void *ptr, size_t size)
{
    count();
    return __libc_realloc(ptr, size);
}

void *memalign(size_t alignment, size_t size)
{
    count();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **ptr, size_t alignment, size_t size)
{
    count();
    *ptr = __libc_memalign(alignment, size);
    return *ptr ? 0 : ENOMEM;
}
#endif
