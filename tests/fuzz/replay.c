/* SPDX-License-Identifier: MIT */
/*
 * Stands in for libFuzzer: feeds a target with the files of the folders (or
 * the single files) that are given, in the order of their names, as TAP.
 *
 * Invariants:
 *   - A run without any file fails.
 *   - The process may not take more memory than MEMORY_LIMIT in all.
 */
#include "qemu/osdep.h"
#include <sys/resource.h>
#include "qemu/units.h"
#include "fuzz.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) || \
    defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define MEMORY_LIMIT (1536 * MiB)       /* with what a sanitizer holds back */
#else
#define MEMORY_LIMIT (256 * MiB)
#endif

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_files(GPtrArray *files, const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    if (!dir) {
        g_ptr_array_add(files, g_strdup(path));
        return;
    }
    while ((name = g_dir_read_name(dir))) {
        g_ptr_array_add(files, g_build_filename(path, name, NULL));
    }
}

static void replay(const char *path, unsigned number)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *text = NULL;
    g_autofree uint8_t *data = NULL;
    g_autofree char *name = g_path_get_basename(path);
    struct rusage usage;
    gsize size;

    if (!g_file_get_contents(path, &text, &size, &err)) {
        printf("Bail out! %s\n", err->message);
        exit(1);
    }
    /* Exactly so many bytes, so that reading past them is seen. */
    data = g_memdup2(text, size);
    printf("# %s\n", name);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
    g_assert_cmpint(getrusage(RUSAGE_SELF, &usage), ==, 0);
    g_assert_cmpint(usage.ru_maxrss, <=, MEMORY_LIMIT / KiB);
    printf("ok %u - %s\n", number, name);
}

int main(int argc, char **argv)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);

    for (int i = 1; i < argc; i++) {
        add_files(files, argv[i]);
    }
    if (!files->len) {
        printf("Bail out! no files\n");
        return 1;
    }
    g_ptr_array_sort(files, compare_names);
    LLVMFuzzerInitialize(&argc, &argv);
    printf("1..%u\n", files->len);
    for (unsigned i = 0; i < files->len; i++) {
        replay(g_ptr_array_index(files, i), i + 1);
    }
    return 0;
}
