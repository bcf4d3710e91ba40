/* SPDX-License-Identifier: MIT */
/*
 * info: an image at a glance, for people or as JSON.
 *
 * Invariants:
 *   - The image is opened read-only and nothing of it is read but what opening
 *     reads; a backing image is not opened unless the chain is asked for.
 *   - Members of the JSON object stand in the schema's order.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qlist.h"
#include "qapi/qmp/qstring.h"
#include "qapi/qobject-output-visitor.h"
#include "qemu/cutils.h"

typedef struct InfoArgs {
    ImgOpen how;
    bool json;
    bool chain;     /* the backing images, too */
} InfoArgs;

/* ---- collecting --------------------------------------------------------- */

/* What @bs is; the caller frees it.  NULL with an error. */
static ImageInfo *info_query(BlockDriverState *bs, Error **errp)
{
    Error *err = NULL;
    BlockDriverInfo bdi = { 0 };
    BlockDriverState *backing = bdrv_backing_bs(bs);
    const char *name = bdrv_backing_name(bs);
    const char *format = bdrv_backing_format(bs);
    ImageInfo *info;
    int64_t size = bdrv_getlength(bs);

    if (size < 0) {
        error_setg_errno(errp, -size, "Can't get image size '%s'",
                         bdrv_get_filename(bs));
        return NULL;
    }
    info = g_new0(ImageInfo, 1);
    info->filename = g_strdup(bdrv_get_filename(bs));
    info->format = g_strdup(bdrv_get_format_name(bs));
    info->virtual_size = size;
    size = bdrv_get_allocated_file_size(bs);
    info->has_actual_size = size >= 0;
    info->actual_size = MAX(size, 0);
    if (bdrv_get_info(bs, &bdi) >= 0) {
        info->has_cluster_size = bdi.cluster_size != 0;
        info->cluster_size = bdi.cluster_size;
        info->has_dirty_flag = true;
        info->dirty_flag = bdi.is_dirty;
    }
    if (name[0]) {
        info->backing_filename = g_strdup(name);
        info->full_backing_filename = bdrv_backing_path(bs, NULL);
    } else if (backing) {
        info->backing_filename = g_strdup(bdrv_get_filename(backing));
        info->full_backing_filename = g_strdup(info->backing_filename);
    }
    info->backing_filename_format = format[0] ? g_strdup(format) : NULL;
    info->format_specific = bdrv_get_specific_info(bs, &err);
    if (err) {
        error_propagate(errp, err);
        qapi_free_ImageInfo(info);
        return NULL;
    }
    return info;
}

static void info_free(gpointer info)
{
    qapi_free_ImageInfo(info);
}

/* ---- printing ----------------------------------------------------------- */

static void info_print_members(QDict *dict, int indent);

/*
 * The text after the colon of a name: on its line, or below, indented.
 * Booleans and numbers are as in JSON, strings bare.
 */
static void info_print_value(QObject *value, int indent)
{
    QList *list = qobject_to(QList, value);
    QString *string = qobject_to(QString, value);
    const QListEntry *entry;
    int i = 0;

    if (qobject_type(value) == QTYPE_QDICT) {
        printf("\n");
        info_print_members(qobject_to(QDict, value), indent + 4);
    } else if (list) {
        printf("\n");
        QLIST_FOREACH_ENTRY(list, entry) {
            printf("%*s[%d]:", indent + 4, "", i++);
            info_print_value(qlist_entry_obj(entry), indent + 4);
        }
    } else if (string) {
        printf(" %s\n", qstring_get_str(string));
    } else {
        QString *json = qobject_to_json(value);

        printf(" %s\n", qstring_get_str(json));
        qobject_unref(json);
    }
}

/* The members of @dict, a line each, words divided by blanks. */
static void info_print_members(QDict *dict, int indent)
{
    const QDictEntry *entry;

    for (entry = qdict_first(dict); entry; entry = qdict_next(dict, entry)) {
        g_autofree char *key = g_strdup(qdict_entry_key(entry));
        QObject *value = qdict_entry_value(entry);

        printf("%*s%s:", indent, "", g_strdelimit(key, "-_", ' '));
        info_print_value(value, indent);
    }
}

static void info_print_human(ImageInfo *info)
{
    g_autofree char *virtual_size = size_to_str(info->virtual_size);
    g_autofree char *disk_size = info->has_actual_size
        ? size_to_str(info->actual_size) : g_strdup("unavailable");

    printf("image: %s\n"
           "file format: %s\n"
           "virtual size: %s (%" PRId64 " bytes)\n"
           "disk size: %s\n", info->filename, info->format, virtual_size,
           info->virtual_size, disk_size);
    if (info->has_cluster_size) {
        printf("cluster_size: %" PRId64 "\n", info->cluster_size);
    }
    if (info->dirty_flag) {
        printf("cleanly shut down: no\n");
    }
    if (info->backing_filename) {
        printf("backing file: %s", info->backing_filename);
        if (g_strcmp0(info->full_backing_filename, info->backing_filename)) {
            printf(" (actual path: %s)", info->full_backing_filename ?:
                                         "cannot be told");
        }
        printf("\n");
    }
    if (info->backing_filename_format) {
        printf("backing file format: %s\n", info->backing_filename_format);
    }
    if (info->format_specific) {
        QDict *dict = qobject_to(QDict, img_to_qobject(ImageInfo, info));
        QDict *specific = qdict_get_qdict(dict, "format-specific");
        QDict *data = specific ? qdict_get_qdict(specific, "data") : NULL;

        if (data && qdict_size(data)) {
            printf("Format specific information:\n");
            info_print_members(data, 4);
        }
        qobject_unref(dict);
    }
}

static void info_print(const InfoArgs *args, GPtrArray *infos)
{
    QList *list = args->json && args->chain ? qlist_new() : NULL;
    guint i;

    for (i = 0; i < infos->len; i++) {
        ImageInfo *info = g_ptr_array_index(infos, i);

        if (list) {
            qlist_append_obj(list, img_to_qobject(ImageInfo, info));
        } else if (args->json) {
            img_print_json(img_to_qobject(ImageInfo, info));
        } else {
            printf("%s", i > 0 ? "\n" : "");
            info_print_human(info);
        }
    }
    if (list) {
        img_print_json(QOBJECT(list));
    }
}

/* ---- the command -------------------------------------------------------- */

static const CmdOption info_options[] = {
    IMG_FORMAT_LONG(InfoArgs, how.format),
    IMG_OUTPUT(InfoArgs, json),
    { 0, "backing-chain", NULL, "the backing images, too",
      cmd_set_true, offsetof(InfoArgs, chain) },
    IMG_IMAGE_OPTS(InfoArgs, how.image_opts),
    IMG_FORCE_SHARE(InfoArgs, how.force_share),
    IMG_END
};

static int info_run(int argc, char **argv)
{
    g_autoptr(GPtrArray) infos = g_ptr_array_new_with_free_func(info_free);
    g_autoptr(BlockBackend) blk = NULL;
    InfoArgs args = { 0 };
    Error *err = NULL;
    BlockDriverState *bs;

    img_read_options(&args, argc, argv);
    args.how.flags = args.chain ? 0 : BDRV_O_NO_BACKING;
    blk = img_open_operand(&args.how, argc, argv);
    bs = blk_bs(blk);
    do {
        ImageInfo *one = info_query(bs, &err);

        if (!one) {
            error_report_err(err);
            return 1;
        }
        g_ptr_array_add(infos, one);
        bs = bdrv_backing_bs(bs);
    } while (args.chain && bs);
    info_print(&args, infos);
    return 0;
}

const ImgCommand img_info = {
    .name = "info",
    .operands = "FILE",
    .help = "Shows what an image is, without reading its contents.\n",
    .example = "--output=json disk.vhd",
    .options = info_options,
    .run = info_run,
};
