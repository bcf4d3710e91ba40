/* SPDX-License-Identifier: MIT */
/*
 * Aligned memory and the page size.
 *
 * qemu_real_host_page_size is set by a constructor and never changes after.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"

uintptr_t qemu_real_host_page_size;

static void __attribute__((constructor)) init_host_page_size(void)
{
    qemu_real_host_page_size = sysconf(_SC_PAGESIZE);
}

void *qemu_try_memalign(size_t alignment, size_t size)
{
    void *ptr;

    assert(is_power_of_2(alignment));
    /*
     * posix_memalign() accepts no alignment below a pointer's; for a size of 0
     * it may return NULL, which callers would take for a failure.
     */
    if (posix_memalign(&ptr, MAX(alignment, sizeof(void *)), MAX(size, 1))) {
        return NULL;
    }
    return ptr;
}

void *qemu_memalign(size_t alignment, size_t size)
{
    void *ptr = qemu_try_memalign(alignment, size);

    if (!ptr) {
        error_report("failed to allocate %zu bytes aligned to %zu", size,
                     alignment);
        exit(1);
    }
    return ptr;
}

void qemu_vfree(void *ptr)
{
    free(ptr);
}
