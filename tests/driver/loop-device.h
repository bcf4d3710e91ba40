/* SPDX-License-Identifier: MIT */
/*
 * Loop devices and file systems on them, for tests that need root and a kernel
 * that lets them; all others are skipped by name.
 *
 * Invariant: what a begin has made goes with its end, and with the process at
 * the latest: devices are told to go when they are closed, and a file system is
 * reached through a descriptor, while no folder shows it.
 */
#ifndef TESTS_DRIVER_LOOP_DEVICE_H
#define TESTS_DRIVER_LOOP_DEVICE_H

#include <fcntl.h>
#include <sys/mount.h>
#include "../image-files.h"

typedef struct LoopDevice {
    char *backing;
    char *path;                 /* of the device */
} LoopDevice;

typedef struct LoopFs {
    int fd;                     /* of its root folder */
    char *folder;               /* the same as a path, for this process */
} LoopFs;

/* Runs a command; its standard output without the newline, or NULL. */
static inline char *loop_run(const char *const *argv)
{
    char *out = NULL;
    int status;

    if (!g_spawn_sync(NULL, (char **)argv, NULL,
                      G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                      NULL, &out, NULL, &status, NULL) || status != 0) {
        g_free(out);
        return NULL;
    }
    return g_strchomp(out);
}

/* A device of @size bytes with sectors of @sector; false: skipped. */
static inline bool loop_device_begin(LoopDevice *dev, int sector, int64_t size)
{
    g_autofree char *bytes = g_strdup_printf("%d", sector);

    dev->backing = image_path("loop");
    dev->path = NULL;
    if (g_file_set_contents(dev->backing, "", 0, NULL) &&
        truncate(dev->backing, size) == 0 && geteuid() == 0) {
        dev->path = loop_run((const char *const[]) {
            "losetup", "--show", "-f", "-b", bytes, dev->backing, NULL });
    }
    if (!dev->path) {
        g_test_skip("no loop device can be set up");
        unlink(dev->backing);
        g_free(dev->backing);
    }
    return dev->path;
}

static inline void loop_device_end(LoopDevice *dev)
{
    g_free(loop_run((const char *const[]) { "losetup", "-d", dev->path,
                                            NULL }));
    unlink(dev->backing);
    g_free(dev->backing);
    g_free(dev->path);
}

/*
 * Mounts @type of @source and takes it out of sight.  Plain false: it cannot be
 * done.
 */
static inline bool loop_fs_mount(LoopFs *fs, const char *source,
                                 const char *type, const char *options)
{
    g_autofree char *folder = image_path("mounted");
    bool mounted;

    g_mkdir(folder, 0700);
    mounted = mount(source, folder, type, 0, options) == 0;
    if (mounted) {
        fs->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fs->folder = g_strdup_printf("/proc/self/fd/%d", fs->fd);
        umount2(folder, MNT_DETACH);
    }
    g_rmdir(folder);
    return mounted;
}

/* A file system of @size bytes on sectors of @sector; false: skipped. */
static inline bool loop_fs_begin(LoopFs *fs, int sector, int64_t size)
{
    g_autofree char *made = NULL;
    LoopDevice device;
    bool mounted;

    if (!loop_device_begin(&device, sector, size)) {
        return false;
    }
    made = loop_run((const char *const[]) { "mke2fs", "-q", "-t", "ext4",
                                            device.path, NULL });
    mounted = made && loop_fs_mount(fs, device.path, "ext4", NULL);
    loop_device_end(&device);
    if (!mounted) {
        g_test_skip("no file system can be made and mounted");
    }
    return mounted;
}

/* A file system in memory of @size bytes; false: skipped. */
static inline bool loop_tmpfs_begin(LoopFs *fs, int64_t size)
{
    g_autofree char *options = g_strdup_printf("size=%" PRId64, size);

    if (!loop_fs_mount(fs, "none", "tmpfs", options)) {
        g_test_skip("no file system can be mounted");
        return false;
    }
    return true;
}

static inline void loop_fs_end(LoopFs *fs)
{
    close(fs->fd);
    g_free(fs->folder);
}

#endif
