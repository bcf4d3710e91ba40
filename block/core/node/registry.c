/* SPDX-License-Identifier: MIT */
/*
 * The drivers: registration, and finding one by its format name, by the prefix
 * of a file name, or all of them by name.
 *
 * Invariants:
 *   - The list only grows, under the graph lock; entries are never removed, so
 *     a pointer that was found stays good.
 *   - No two have one name.
 */
#include "qemu/osdep.h"
#include "block/core/node/node.h"
#include "minblk/block-extra.h"
#include "minblk/suggest.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/module.h"

static QLIST_HEAD(, BlockDriver) drivers = QLIST_HEAD_INITIALIZER(drivers);

static BlockDriver *find_by_format_name(const char *name, bool internal)
{
    BlockDriver *drv;

    QLIST_FOREACH(drv, &drivers, list) {
        if (drv->is_internal == internal && !strcmp(drv->format_name, name)) {
            return drv;
        }
    }
    return NULL;
}

/*
 * A mistake of who has built the program: nothing says which of two drivers
 * images would be opened by, so it does not run.
 */
void bdrv_register(BlockDriver *drv)
{
    assert(drv->format_name);
    bdrv_graph_lock();
    if (find_by_format_name(drv->format_name, drv->is_internal)) {
        error_report("Two drivers of this build are named '%s'; leave ours "
                     "out by -Ddrivers=, or rename yours", drv->format_name);
        exit(1);
    }
    QLIST_INSERT_HEAD(&drivers, drv, list);
    bdrv_graph_unlock();
}

/*
 * Threads may come here at the same time; the second finds all registered,
 * because the lock is held while the first one does it.
 */
void bdrv_init(void)
{
    static bool done;

    bdrv_graph_lock();
    if (!done) {
        done = true;
        module_call_init(MODULE_INIT_BLOCK);
    }
    bdrv_graph_unlock();
}

bool bdrv_has_format(const char *name)
{
    return find_by_format_name(name, false) != NULL;
}

BlockDriver *bdrv_find_internal(const char *name)
{
    return find_by_format_name(name, true);
}

BlockDriver *bdrv_find_format(const char *name)
{
    BlockDriver *drv;

    bdrv_graph_lock();
    drv = find_by_format_name(name, false);
    if (!drv && !strcmp(name, "vhd")) {
        drv = find_by_format_name("vpc", false);
    }
    bdrv_graph_unlock();
    return drv;
}

static BlockDriver *find_by_protocol_name(const char *prefix, size_t len)
{
    BlockDriver *drv;

    QLIST_FOREACH(drv, &drivers, list) {
        if (drv->protocol_name && strlen(drv->protocol_name) == len &&
            !memcmp(drv->protocol_name, prefix, len)) {
            return drv;
        }
    }
    return NULL;
}

/*
 * A name without a prefix is for the driver `file`, which is looked up by that
 * name as well, because it need not have a protocol_name.
 */
BlockDriver *bdrv_find_protocol(const char *filename,
                                bool allow_protocol_prefix, Error **errp)
{
    ERRP_GUARD();
    const char *prefix = "file";
    size_t len = strlen(prefix);
    BlockDriver *drv;

    if (allow_protocol_prefix && path_has_protocol(filename)) {
        prefix = filename;
        len = strcspn(filename, ":");
    }

    bdrv_graph_lock();
    drv = find_by_protocol_name(prefix, len);
    if (!drv && prefix != filename) {
        drv = find_by_format_name(prefix, false);
    }
    bdrv_graph_unlock();

    if (!drv) {
        error_setg(errp, "Unknown protocol '%.*s'", (int)len, prefix);
        if (prefix == filename) {
            error_append_hint(errp, "If '%s' is the name of a file, write "
                              "'file:%s'\n", filename, filename);
        }
    }
    return drv;
}

static gint compare_format_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The callback runs without the lock, so it may open images. */
void bdrv_iterate_format(void (*it)(void *opaque, const char *name),
                         void *opaque)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    BlockDriver *drv;

    bdrv_graph_lock();
    QLIST_FOREACH(drv, &drivers, list) {
        if (!drv->is_internal) {
            g_ptr_array_add(names, (gpointer)drv->format_name);
        }
    }
    bdrv_graph_unlock();

    g_ptr_array_sort(names, compare_format_names);
    for (guint i = 0; i < names->len; i++) {
        it(opaque, g_ptr_array_index(names, i));
    }
}

static void registry_offer(void *opaque, const char *name)
{
    suggest_offer(opaque, name);
    if (!strcmp(name, "vpc")) {
        suggest_offer(opaque, "vhd");
    }
}

char *bdrv_hint_format(const char *name)
{
    Suggestion s;

    suggest_begin(&s, name);
    bdrv_iterate_format(registry_offer, &s);
    return suggest_end(&s, "Known formats");
}

BlockDriver *bdrv_first_driver(void)
{
    return QLIST_FIRST(&drivers);
}

const char *bdrv_driver_name(const BlockDriver *drv)
{
    return drv->format_name;
}

QemuOptsList *bdrv_driver_create_opts(const BlockDriver *drv)
{
    return drv->create_opts;
}

QemuOptsList *bdrv_driver_amend_opts(const BlockDriver *drv)
{
    return drv->amend_opts;
}

bool bdrv_driver_can_create(const BlockDriver *drv)
{
    return drv->bdrv_co_create_opts;
}

bool bdrv_driver_can_amend(const BlockDriver *drv)
{
    return drv->bdrv_amend;
}

bool bdrv_driver_is_format(const BlockDriver *drv)
{
    return !drv->is_filter && !bdrv_is_protocol_driver(drv);
}

bool bdrv_driver_can_compress(const BlockDriver *drv)
{
    return drv->bdrv_co_pwritev_compressed;
}

bool bdrv_driver_can_check(const BlockDriver *drv)
{
    return drv->bdrv_co_check;
}
