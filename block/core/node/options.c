/* SPDX-License-Identifier: MIT */
/*
 * The options that every node takes, and their relation to the open flags.
 *
 * Invariants:
 *   - While a node is being opened, its options name read-only, auto-read-only
 *     and the cache mode explicitly, so that children can take them over, and
 *     open_flags says the same.
 *   - Values may be typed (from JSON) or strings; both are parsed by the one
 *     list below.
 */
#include "qemu/osdep.h"
#include "block/core/node/node.h"
#include "block/qdict.h"
#include "minblk/block-extra.h"
#include "minblk/suggest.h"
#include "qapi/error.h"
#include "qapi/qmp/qbool.h"

static QemuOptsList bdrv_runtime_opts = {
    .name = "bdrv_common",
    .head = QTAILQ_HEAD_INITIALIZER(bdrv_runtime_opts.head),
    .desc = {
        /* Name of the node. */
        { .name = "node-name", .type = QEMU_OPT_STRING },
        /* Driver of the node. */
        { .name = "driver", .type = QEMU_OPT_STRING },
        /* Bypass the host's page cache. */
        { .name = BDRV_OPT_CACHE_DIRECT, .type = QEMU_OPT_BOOL },
        /* Ignore flush requests. */
        { .name = BDRV_OPT_CACHE_NO_FLUSH, .type = QEMU_OPT_BOOL },
        /* Node is opened in read-only mode. */
        { .name = BDRV_OPT_READ_ONLY, .type = QEMU_OPT_BOOL },
        /* Node can become read-only if opening read-write fails. */
        { .name = BDRV_OPT_AUTO_READ_ONLY, .type = QEMU_OPT_BOOL },
        /* Discard operation (ignore/off, unmap/on). */
        { .name = BDRV_OPT_DISCARD, .type = QEMU_OPT_STRING },
        /* Always accept other writers. */
        { .name = BDRV_OPT_FORCE_SHARE, .type = QEMU_OPT_BOOL },
        { /* end of list */ }
    },
};

/* ---- words of command lines --------------------------------------------- */

#define AIO_MASK (BDRV_O_NATIVE_AIO | BDRV_O_IO_URING | BDRV_O_THREADS)

/* @flags is what the word sets of @mask, which differs between options. */
typedef struct ModeWord {
    int mask;
    const char *word;
    int flags;
    bool writethrough;
} ModeWord;

static const ModeWord mode_words[] = {
    { BDRV_O_CACHE_MASK, "none", BDRV_O_NOCACHE, false },
    { BDRV_O_CACHE_MASK, "off", BDRV_O_NOCACHE, false },
    { BDRV_O_CACHE_MASK, "directsync", BDRV_O_NOCACHE, true },
    { BDRV_O_CACHE_MASK, "writeback", 0, false },
    { BDRV_O_CACHE_MASK, "writethrough", 0, true },
    { BDRV_O_CACHE_MASK, "unsafe", BDRV_O_NO_FLUSH, false },
    { BDRV_O_UNMAP, "off", 0, false },
    { BDRV_O_UNMAP, "ignore", 0, false },
    { BDRV_O_UNMAP, "on", BDRV_O_UNMAP, false },
    { BDRV_O_UNMAP, "unmap", BDRV_O_UNMAP, false },
    { AIO_MASK, "threads", BDRV_O_THREADS, false },
    { AIO_MASK, "native", BDRV_O_NATIVE_AIO, false },
    { AIO_MASK, "io_uring", BDRV_O_IO_URING, false },
};

/* Sets what @word says of the bits of @mask; -1: it is no word for these. */
static int parse_mode(int mask, const char *word, int *flags,
                      bool *writethrough)
{
    for (size_t i = 0; i < ARRAY_SIZE(mode_words); i++) {
        const ModeWord *m = &mode_words[i];

        if (m->mask == mask && !strcmp(m->word, word)) {
            *flags = (*flags & ~mask) | m->flags;
            *writethrough = m->writethrough;
            return 0;
        }
    }
    return -1;
}

int bdrv_parse_cache_mode(const char *mode, int *flags, bool *writethrough)
{
    return parse_mode(BDRV_O_CACHE_MASK, mode, flags, writethrough);
}

int bdrv_parse_discard_flags(const char *mode, int *flags)
{
    bool unused;

    return parse_mode(BDRV_O_UNMAP, mode, flags, &unused);
}

int bdrv_parse_aio(const char *mode, int *flags)
{
    bool unused;

    return parse_mode(AIO_MASK, mode, flags, &unused);
}

char *bdrv_hint_mode(int flag, const char *word)
{
    Suggestion s;

    suggest_begin(&s, word);
    for (size_t i = 0; i < ARRAY_SIZE(mode_words); i++) {
        if (mode_words[i].mask & flag) {
            suggest_offer(&s, mode_words[i].word);
        }
    }
    return suggest_end(&s, "Accepted values");
}

/* Of the driver's own options it names only those that it declares. */
char *bdrv_hint_option(const BlockDriver *drv, const char *name)
{
    const char *const *lists[] = {
        drv->strong_runtime_opts, drv->mutable_opts
    };
    Suggestion s;

    suggest_begin(&s, name);
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        for (const char *const *opt = lists[i]; opt && *opt; opt++) {
            suggest_offer(&s, *opt);
        }
    }
    for (const QemuOptDesc *d = bdrv_runtime_opts.desc; d->name; d++) {
        suggest_offer(&s, d->name);
    }
    return suggest_end(&s, NULL);
}

/* ---- options and open flags --------------------------------------------- */

QemuOpts *bdrv_absorb_options(QemuOptsList *list, QDict *options, Error **errp)
{
    ERRP_GUARD();
    QemuOpts *opts = qemu_opts_create(list, NULL, 0, &error_abort);

    qemu_opts_absorb_qdict(opts, options, errp);
    if (*errp) {
        qemu_opts_del(opts);
        return NULL;
    }
    return opts;
}

/* The options that are a flag; read-only is the opposite of one. */
static const struct {
    const char *name;
    int flag;
    bool opposite;
} flag_opts[] = {
    { BDRV_OPT_CACHE_DIRECT, BDRV_O_NOCACHE, false },
    { BDRV_OPT_CACHE_NO_FLUSH, BDRV_O_NO_FLUSH, false },
    { BDRV_OPT_READ_ONLY, BDRV_O_RDWR, true },
    { BDRV_OPT_AUTO_READ_ONLY, BDRV_O_AUTO_RDONLY, false },
};

static int flags_from_opts(int *flags, QemuOpts *opts, Error **errp)
{
    ERRP_GUARD();
    const char *discard = qemu_opt_get(opts, BDRV_OPT_DISCARD);

    for (size_t i = 0; i < ARRAY_SIZE(flag_opts); i++) {
        bool value = qemu_opt_get_bool(opts, flag_opts[i].name, false);

        *flags &= ~flag_opts[i].flag;
        *flags |= value != flag_opts[i].opposite ? flag_opts[i].flag : 0;
    }
    if (discard && bdrv_parse_discard_flags(discard, flags) != 0) {
        g_autofree char *hint = bdrv_hint_mode(BDRV_O_UNMAP, discard);

        error_setg(errp, "Invalid discard option");
        error_append_hint(errp, "%s", hint);
        return -EINVAL;
    }
    return 0;
}

int bdrv_update_flags_from_options(int *flags, QDict *options, Error **errp)
{
    g_autoptr(QDict) copy = qdict_clone_shallow(options);
    g_autoptr(QemuOpts) opts =
        bdrv_absorb_options(&bdrv_runtime_opts, copy, errp);

    return opts ? flags_from_opts(flags, opts, errp) : -EINVAL;
}

void bdrv_update_options_from_flags(QDict *options, int flags)
{
    for (size_t i = 0; i < ARRAY_SIZE(flag_opts); i++) {
        bool set = flags & flag_opts[i].flag;

        qdict_set_default_str(options, flag_opts[i].name,
                              set != flag_opts[i].opposite ? "on" : "off");
    }
}

int bdrv_check_read_only(const BlockDriverState *bs, bool read_only,
                         Error **errp)
{
    if (bs->force_share && !read_only) {
        error_setg(errp, BDRV_OPT_FORCE_SHARE
                   "=on can only be used with read-only images");
        return -EINVAL;
    }
    if ((bs->open_flags & BDRV_O_COPY_ON_READ) && read_only) {
        error_setg(errp, "Can't use copy-on-read on read-only device");
        return -EINVAL;
    }
    return 0;
}

int bdrv_take_common_options(BlockDriverState *bs, QDict *options, Error **errp)
{
    g_autoptr(QemuOpts) opts =
        bdrv_absorb_options(&bdrv_runtime_opts, options, errp);

    if (!opts || flags_from_opts(&bs->open_flags, opts, errp) < 0) {
        return -EINVAL;
    }
    bs->read_only = !(bs->open_flags & BDRV_O_RDWR);
    bs->force_share = qemu_opt_get_bool(opts, BDRV_OPT_FORCE_SHARE, false);
    if (bdrv_check_read_only(bs, bs->read_only, errp) < 0) {
        return -EINVAL;
    }
    return bdrv_assign_node_name(bs, qemu_opt_get(opts, "node-name"), errp);
}

/*
 * Options are changed with the flags, because children and later reopenings are
 * derived from them.
 */
int bdrv_apply_auto_read_only(BlockDriverState *bs, const char *errmsg,
                              Error **errp)
{
    if (bs->read_only) {
        return 0;
    }
    if (!(bs->open_flags & BDRV_O_AUTO_RDONLY)) {
        error_setg(errp, "%s", errmsg ? errmsg : "Image is read-only");
        return -EACCES;
    }
    bs->read_only = true;
    bs->open_flags &= ~BDRV_O_RDWR;
    if (bs->options) {
        qdict_put_str(bs->options, BDRV_OPT_READ_ONLY, "on");
    }
    return 0;
}

/* ---- from names and flags to options ------------------------------------ */

/*
 * Found in the registry and not by the schema's enum: a driver that the schema
 * does not know opens as well.
 */
int bdrv_find_named_driver(QDict *options, BlockDriver **drv, Error **errp)
{
    ERRP_GUARD();
    const char *name = qdict_get_try_str(options, "driver");

    *drv = NULL;
    if (name) {
        *drv = bdrv_find_format(name);
        if (!*drv) {
            g_autofree char *hint = bdrv_hint_format(name);

            error_setg(errp, "Unknown driver '%s'", name);
            error_append_hint(errp, "%s", hint);
            return -EINVAL;
        }
    }
    return 0;
}

void bdrv_hint_names(const QDict *options, const char *const *names, int n,
                     Error **errp)
{
    const QDictEntry *e;

    for (e = qdict_first(options); e; e = qdict_next(options, e)) {
        const char *key = qdict_entry_key(e);
        g_autofree char *word = g_strndup(key, strcspn(key, "."));
        g_autofree char *hint = NULL;
        Suggestion s;

        suggest_begin(&s, word);
        for (int i = 0; i < n; i++) {
            suggest_offer(&s, names[i]);
        }
        hint = suggest_end(&s, NULL);
        if (*hint) {
            /* Others of a child have the same beginning. */
            error_append_hint(errp, "%s", hint);
            break;
        }
    }
}

/* The name and driver of a protocol node, among its options. */
static int fill_protocol_options(QDict *options, const char *filename,
                                 BlockDriver *drv, Error **errp)
{
    ERRP_GUARD();
    const char *name;

    if (filename) {
        if (qdict_haskey(options, "filename")) {
            error_setg(errp, "Can't specify 'file' and 'filename' options at "
                             "the same time");
            return -EINVAL;
        }
        qdict_put_str(options, "filename", filename);
    }
    name = qdict_get_try_str(options, "filename");
    if (!drv) {
        if (!name) {
            static const char *const names[] = { "filename", "driver" };

            error_setg(errp, "Must specify either driver or file");
            bdrv_hint_names(options, names, 2, errp);
            return -EINVAL;
        }
        drv = bdrv_find_protocol(name, filename != NULL, errp);
        if (!drv) {
            return -EINVAL;
        }
        qdict_put_str(options, "driver", drv->format_name);
    }
    /* Only a name that bdrv_open() was given may have to be split. */
    if (filename && drv->bdrv_parse_filename) {
        drv->bdrv_parse_filename(filename, options, errp);
        if (*errp) {
            return -EINVAL;
        }
        if (!drv->bdrv_needs_filename) {
            qdict_del(options, "filename");
        }
    }
    return 0;
}

int bdrv_fill_options(QDict *options, const char *filename, int *flags,
                      Error **errp)
{
    BlockDriver *drv;

    if (bdrv_find_named_driver(options, &drv, errp) < 0) {
        return -EINVAL;
    }
    if (drv) {
        *flags &= ~BDRV_O_PROTOCOL;
        *flags |= drv->bdrv_file_open ? BDRV_O_PROTOCOL : 0;
    }
    bdrv_update_options_from_flags(options, *flags);
    if (*flags & BDRV_O_PROTOCOL) {
        return fill_protocol_options(options, filename, drv, errp);
    }
    return 0;
}
