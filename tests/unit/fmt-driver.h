/* SPDX-License-Identifier: MIT */
/*
 * A format driver for tests of opening: "fmt" records in `seen` how it is used
 * and fails where it is told to; and helpers that open and expect.
 *
 * Invariants: setup() begins each test, with one file "x" that probes as fmt.
 */
#ifndef TESTS_UNIT_FMT_DRIVER_H
#define TESTS_UNIT_FMT_DRIVER_H

#include "mem-driver.h"
#include "block/qdict.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qjson.h"
#include "qemu/cutils.h"

/* ---- a format that records how it is used ------------------------------- */

typedef struct FmtState {
    int touched;                  /* must be zero when open begins */
} FmtState;

static struct {
    int opens, closes;
    int ret;                      /* what open is to return ... */
    bool silent;                  /* ... without an error */
    bool stray_error;             /* sets one and succeeds */
    bool fail_length;
    bool wants_write;             /* calls bdrv_apply_auto_read_only */
    bool fail_limits;
    const char *names_backing;    /* what the image has as backing file */
    bool opaque_was_zero;
    char node_name[32];
    char file_ref[64];            /* options["file"] as open saw it */
    int flags;
    bool read_only, probed;
    BlockDriver *drv;
    int64_t getlength;
} seen;

static int fmt_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    FmtState *s = bs->opaque;
    const char *ref = qdict_get_try_str(options, "file");

    seen.opens++;
    seen.opaque_was_zero = s->touched == 0;
    s->touched = 1;
    seen.flags = flags;
    seen.read_only = bs->read_only;
    seen.probed = bs->probed;
    seen.drv = bs->drv;
    g_strlcpy(seen.node_name, bs->node_name, sizeof(seen.node_name));
    g_strlcpy(seen.file_ref, ref ? ref : "", sizeof(seen.file_ref));
    qdict_del(options, "take");
    qdict_del(options, "offset");
    if (seen.wants_write &&
        bdrv_apply_auto_read_only(bs, NULL, errp) < 0) {
        return -EACCES;
    }
    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    if (seen.ret < 0) {
        if (!seen.silent) {
            error_setg(errp, "fmt does not like it");
        }
        return seen.ret;
    }
    if (seen.names_backing) {
        pstrcpy(bs->auto_backing_file, sizeof(bs->auto_backing_file),
                seen.names_backing);
        seen.names_backing = NULL; /* the backing image has none */
    }
    bs->total_sectors = 8;
    if (seen.stray_error) {
        error_setg(errp, "no error at all");
    }
    return seen.ret;
}

static void fmt_refresh_limits(BlockDriverState *bs, Error **errp)
{
    if (seen.fail_limits) {
        error_setg(errp, "Limits cannot be told");
    }
}

static void fmt_close(BlockDriverState *bs)
{
    g_assert_nonnull(bs->file);
    g_assert_nonnull(bs->opaque);
    seen.closes++;
}

static int64_t fmt_getlength(BlockDriverState *bs)
{
    return seen.fail_length ? -ENOMEDIUM : seen.getlength;
}

static int fmt_probe(const uint8_t *buf, int buf_size, const char *filename)
{
    return buf_size >= 4 && !memcmp(buf, "FMT!", 4) ? 100 : 0;
}

static const char *const fmt_strong_opts[] = { "take", "offset", NULL };

static BlockDriver bdrv_fmt = {
    .format_name = "fmt",
    .instance_size = sizeof(FmtState),
    .supports_backing = true,
    .strong_runtime_opts = fmt_strong_opts,
    .bdrv_probe = fmt_probe,
    .bdrv_open = fmt_open,
    .bdrv_close = fmt_close,
    .bdrv_refresh_limits = fmt_refresh_limits,
    .bdrv_getlength = fmt_getlength,
    .bdrv_child_perm = bdrv_format_default_perms,
};

static inline void reset_seen(void)
{
    memset(&seen, 0, sizeof(seen));
    seen.getlength = 4096;
}

static inline MemFile *setup(void)
{
    MemFile *f;

    reset_seen();
    mem_reset();
    f = mem_file("x", 4096);
    memcpy(f->data, "FMT!", 4);
    return f;
}

static inline QDict *opts_of(const char *json)
{
    QObject *obj = qobject_from_json(json, &error_abort);
    QDict *d = qobject_to(QDict, obj);

    qdict_flatten(d);
    return d;
}

/* Opens what @json says, which must fail with @msg. */
static inline void assert_open_fails(const char *filename, const char *json,
                                     int flags, const char *msg)
{
    Error *err = NULL;
    BlockDriverState *bs =
        bdrv_open(filename, NULL, json ? opts_of(json) : NULL, flags, &err);

    g_assert_null(bs);
    g_assert_nonnull(err);
    g_assert_cmpstr(error_get_pretty(err), ==, msg);
    error_free(err);
    g_assert_null(bdrv_next_node(NULL));
}

static inline BlockDriverState *open_ok(const char *filename,
                                        const char *json, int flags)
{
    BlockDriverState *bs =
        bdrv_open(filename, NULL, json ? opts_of(json) : NULL, flags,
                  &error_abort);

    g_assert_nonnull(bs);
    return bs;
}

static inline void close_all(BlockDriverState *bs)
{
    bdrv_unref(bs);
    g_assert_null(bdrv_next_node(NULL));
}

#endif
