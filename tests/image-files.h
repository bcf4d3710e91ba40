/* SPDX-License-Identifier: MIT */
/*
 * Images in files, for the tests that go all the way down to the kernel: a
 * folder of their own, creation by options, opening by driver and engine.
 *
 * Invariant: all files lie in one new folder below the present one, which
 * image_folder_end() removes.
 */
#ifndef TESTS_IMAGE_FILES_H
#define TESTS_IMAGE_FILES_H

#include <glib/gstdio.h>
#include "block/block.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/option.h"
#include "qemu/units.h"
#include "sysemu/block-backend.h"

static char *image_folder;

static inline void image_folder_begin(void)
{
    image_folder = g_strdup("image-files.XXXXXX");
    g_assert_nonnull(g_mkdtemp(image_folder));
}

static inline void image_folder_end(void)
{
    GDir *dir = g_dir_open(image_folder, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(image_folder, name, NULL);

        g_remove(path);
    }
    g_dir_close(dir);
    g_assert_cmpint(g_rmdir(image_folder), ==, 0);
    g_free(image_folder);
}

/* The path of @name in the folder; g_free(). */
static inline char *image_path(const char *name)
{
    return g_build_filename(image_folder, name, NULL);
}

/*
 * Creates @path in @format.  @options: "name=value" pairs separated by commas,
 * size among them.  0 or -errno.
 */
static inline int image_create(const char *format, const char *path,
                               const char *options, Error **errp)
{
    BlockDriver *drv = bdrv_find_format(format);
    BlockDriver *file = bdrv_find_format("file");
    g_auto(GStrv) pairs = g_strsplit(options, ",", -1);
    QemuOptsList *list = NULL;
    QemuOpts *opts;
    int ret;

    list = qemu_opts_append(list, bdrv_driver_create_opts(drv));
    list = qemu_opts_append(list, bdrv_driver_create_opts(file));
    opts = qemu_opts_create(list, NULL, 0, &error_abort);
    for (char **pair = pairs; *pair; pair++) {
        char *value = strchr(*pair, '=');

        *value++ = '\0';
        qemu_opt_set(opts, *pair, value, &error_abort);
    }
    ret = bdrv_create(drv, path, opts, errp);
    qemu_opts_del(opts);
    qemu_opts_free(list);
    return ret;
}

/* Options for @format over the file @path with the engine @aio (NULL: any). */
static inline QDict *image_options(const char *format, const char *path,
                                   const char *aio)
{
    QDict *options = qdict_new();
    bool below = strcmp(format, "file") != 0;

    qdict_put_str(options, "driver", format);
    if (below) {
        qdict_put_str(options, "file.driver", "file");
    }
    qdict_put_str(options, below ? "file.filename" : "filename", path);
    if (aio) {
        qdict_put_str(options, below ? "file.aio" : "aio", aio);
    }
    return options;
}

static inline BlockBackend *image_open(const char *format, const char *path,
                                       const char *aio, int flags,
                                       Error **errp)
{
    return blk_new_open(NULL, NULL, image_options(format, path, aio), flags,
                        errp);
}

/* Can the engine @aio be had in this thread's context?  Else skips the test. */
static inline bool image_engine_available(const char *aio)
{
    g_autofree char *path = image_path("engine");
    Error *err = NULL;
    BlockBackend *blk;

    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
    blk = image_open("file", path, aio, 0, &err);
    if (!blk) {
        g_test_skip(error_get_pretty(err));
        error_free(err);
    }
    blk_unref(blk);
    return blk != NULL;
}

#endif
