/* SPDX-License-Identifier: MIT */
/*
 * Files, their descriptors in this process, and the bytes that are locked, for
 * the tests of opening and of locks.
 */
#ifndef TESTS_DRIVER_FILE_FIXTURE_H
#define TESTS_DRIVER_FILE_FIXTURE_H

#include <fcntl.h>
#include <sys/stat.h>
#include "../image-files.h"

/* What is locked for the user of a raw image, and for a format over a file. */
#define READER "100 /"
#define WRITER "100 101 / 201 203"
#define VPC_READER "100 / 201 203"
#define VPC_WRITER "100 101 103 / 201 203"

/* An image file of 64 KiB with a pattern in it.  g_free(). */
static inline char *new_file(const char *name)
{
    char *path = image_path(name);
    g_autofree char *data = g_malloc(64 * KiB);

    memset(data, 0x5a, 64 * KiB);
    g_assert_true(g_file_set_contents(path, data, 64 * KiB, NULL));
    g_assert_cmpint(chmod(path, 0644), ==, 0);
    return path;
}

/* A new image of 1 MiB.  g_free(). */
static inline char *new_image(const char *format, const char *name)
{
    char *path = image_path(name);

    g_assert_cmpint(image_create(format, path, "size=1M", &error_abort), ==, 0);
    return path;
}

/* The file is as new_file() made it. */
static inline void assert_unchanged(const char *path)
{
    g_autofree char *data = NULL;
    size_t length;

    g_assert_true(g_file_get_contents(path, &data, &length, NULL));
    g_assert_cmpint(length, ==, 64 * KiB);
    for (size_t i = 0; i < length; i++) {
        g_assert_cmpint(data[i], ==, 0x5a);
    }
}

/*
 * The bytes of @path that a description holds a lock on, as "100 103 / 201 203":
 * the permissions held and those not shared.  g_free().
 */
static inline char *locked_bytes(const char *path)
{
    g_autoptr(GString) out = g_string_new(NULL);
    int fd = open(path, O_RDWR);

    g_assert_cmpint(fd, >=, 0);
    for (int base = 100; base <= 200; base += 100) {
        for (int i = 0; i < 5; i++) {
            struct flock fl = {
                .l_type = F_WRLCK,
                .l_whence = SEEK_SET,
                .l_start = base + i,
                .l_len = 1,
            };

            g_assert_cmpint(fcntl(fd, F_OFD_GETLK, &fl), ==, 0);
            if (fl.l_type != F_UNLCK) {
                g_string_append_printf(out, "%d ", base + i);
            }
        }
        g_string_append(out, base == 100 ? "/ " : "");
    }
    close(fd);
    return g_strdup(g_strchomp(out->str));
}

static inline void assert_locked(const char *path, const char *bytes)
{
    g_autofree char *locked = locked_bytes(path);

    g_assert_cmpstr(locked, ==, bytes);
}

/* Is the driver vpc built in?  Else the test is skipped. */
static inline bool have_vpc(void)
{
    if (!bdrv_find_format("vpc")) {
        g_test_skip("needs the driver vpc");
        return false;
    }
    return true;
}

/* Opening @format over @path with @flags fails for the lock @lock (no quote). */
static inline void assert_refused_by_lock(const char *format, const char *path,
                                          int flags, const char *lock)
{
    g_autofree char *message =
        g_strdup_printf(strchr(lock, '"') ? "Failed to get %s\" lock"
                                          : "Failed to get \"%s\" lock", lock);
    Error *err = NULL;

    g_assert(image_open(format, path, NULL, flags, &err) == NULL);
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    error_free(err);
}

/* The same, because this process has the file open; as @other or as @path. */
static inline void assert_refused_here(const char *format, const char *path,
                                       int flags, const char *other)
{
    g_autofree char *message =
        g_strdup_printf("'%s' is the same file as '%s', which this program has "
                        "open", path, other ? other : path);
    Error *err = NULL;

    g_assert(image_open(format, path, NULL, flags, &err) == NULL);
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    error_free(err);
}

/* A descriptor of this process for @path with all of @flags, or -1. */
static inline int find_descriptor(const char *path, int flags)
{
    GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
    struct stat want, st;
    const char *name;
    int found = -1;

    g_assert_cmpint(stat(path, &want), ==, 0);
    while ((name = g_dir_read_name(dir))) {
        int fd = atoi(name);

        if (fstat(fd, &st) == 0 && st.st_ino == want.st_ino &&
            st.st_dev == want.st_dev && (fcntl(fd, F_GETFL) & flags) == flags) {
            found = fd;
        }
    }
    g_dir_close(dir);
    return found;
}

static inline bool has_descriptor(const char *path, int flag)
{
    return find_descriptor(path, flag) >= 0;
}

/* Opening with @options fails with the message @format. */
static inline void G_GNUC_PRINTF(3, 4)
assert_refused(QDict *options, int flags, const char *format, ...)
{
    g_autofree char *message = NULL;
    Error *err = NULL;
    va_list ap;

    va_start(ap, format);
    message = g_strdup_vprintf(format, ap);
    va_end(ap);
    g_assert(bdrv_open(NULL, NULL, options, flags, &err) == NULL);
    g_assert_cmpstr(error_get_pretty(err), ==, message);
    error_free(err);
}

#endif
