/* SPDX-License-Identifier: MIT */
/*
 * info: an image at a glance, for people or as JSON.
 *
 * Invariants:
 *   - The image is opened read-only and nothing of it is read but what opening
 *     reads.
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
    const char *filename;
    bool json;
    bool chain;     /* the backing images, too */
} InfoArgs;

static const char info_help[] =
    "Tells what is known about an image without reading its contents.\n"
    "\n"
    "  -f FMT           format of the image (default: probed)\n"
    "  --output=FORM    human (default) or json\n"
    "  --backing-chain  the backing images, too\n"
    "  --image-opts     FILE is a list of options\n"
    "  -U, --force-share\n"
    "                   also while another process writes to it\n";

/* ---- collecting --------------------------------------------------------- */

static void set_number(bool *has, int64_t *member, int64_t value)
{
    *has = value >= 0;
    *member = MAX(value, 0);
}

static void fill_backing(ImageInfo *info, BlockDriverState *bs)
{
    BlockDriverState *backing = bdrv_backing_bs(bs);

    if (backing) {
        info->backing_filename = g_strdup(bdrv_get_filename(backing));
        info->full_backing_filename = g_strdup(info->backing_filename);
    }
}

/* What @bs is; the caller frees it.  NULL with an error. */
static ImageInfo *query(BlockDriverState *bs, Error **errp)
{
    Error *err = NULL;
    BlockDriverInfo bdi = { 0 };
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
    set_number(&info->has_actual_size, &info->actual_size,
               bdrv_get_allocated_file_size(bs));
    if (bdrv_get_info(bs, &bdi) >= 0) {
        info->has_cluster_size = bdi.cluster_size != 0;
        info->cluster_size = bdi.cluster_size;
        info->has_dirty_flag = true;
        info->dirty_flag = bdi.is_dirty;
    }
    fill_backing(info, bs);
    info->format_specific = bdrv_get_specific_info(bs, &err);
    if (err) {
        error_propagate(errp, err);
        qapi_free_ImageInfo(info);
        return NULL;
    }
    return info;
}

static void free_info(gpointer info)
{
    qapi_free_ImageInfo(info);
}

/* ---- printing ----------------------------------------------------------- */

/* A scalar as people see it: booleans and numbers as in JSON, bare strings. */
static void print_scalar(QObject *obj)
{
    QString *string = qobject_to(QString, obj);

    if (string) {
        printf("%s\n", qstring_get_str(string));
    } else {
        QString *json = qobject_to_json(obj);

        printf("%s\n", qstring_get_str(json));
        qobject_unref(json);
    }
}

static void print_members(QDict *dict, int indent);

/* What follows the colon behind a name: on its line, or below, indented. */
static void print_value(QObject *value, int indent)
{
    QList *list = qobject_to(QList, value);
    const QListEntry *entry;
    int i = 0;

    if (qobject_type(value) == QTYPE_QDICT) {
        printf("\n");
        print_members(qobject_to(QDict, value), indent + 4);
    } else if (list) {
        printf("\n");
        QLIST_FOREACH_ENTRY(list, entry) {
            printf("%*s[%d]:", indent + 4, "", i++);
            print_value(qlist_entry_obj(entry), indent + 4);
        }
    } else {
        printf(" ");
        print_scalar(value);
    }
}

/* The members of @dict, a line each, words parted by blanks. */
static void print_members(QDict *dict, int indent)
{
    const QDictEntry *entry;

    for (entry = qdict_first(dict); entry; entry = qdict_next(dict, entry)) {
        g_autofree char *key = g_strdup(qdict_entry_key(entry));
        QObject *value = qdict_entry_value(entry);

        printf("%*s%s:", indent, "", g_strdelimit(key, "-_", ' '));
        print_value(value, indent);
    }
}

/* @info as a dict of the caller's. */
static QDict *info_to_qdict(ImageInfo *info)
{
    QObject *obj;
    Visitor *v = qobject_output_visitor_new(&obj);

    visit_type_ImageInfo(v, NULL, &info, &error_abort);
    visit_complete(v, &obj);
    visit_free(v);
    return qobject_to(QDict, obj);
}

static void print_specific(ImageInfo *info)
{
    QDict *dict = info_to_qdict(info);
    QDict *specific = qdict_get_qdict(dict, "format-specific");
    QDict *data = specific ? qdict_get_qdict(specific, "data") : NULL;

    if (data && qdict_size(data)) {
        printf("Format specific information:\n");
        print_members(data, 4);
    }
    qobject_unref(dict);
}

static void print_human(ImageInfo *info)
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
    if (info->has_dirty_flag && info->dirty_flag) {
        printf("cleanly shut down: no\n");
    }
    if (info->backing_filename) {
        printf("backing file: %s\n", info->backing_filename);
    }
    if (info->backing_filename_format) {
        printf("backing file format: %s\n", info->backing_filename_format);
    }
    if (info->format_specific) {
        print_specific(info);
    }
}

static void print_all_human(GPtrArray *infos)
{
    guint i;

    for (i = 0; i < infos->len; i++) {
        if (i > 0) {
            printf("\n");
        }
        print_human(g_ptr_array_index(infos, i));
    }
}

static void print_all_json(GPtrArray *infos)
{
    QList *list = qlist_new();
    guint i;

    for (i = 0; i < infos->len; i++) {
        qlist_append(list, info_to_qdict(g_ptr_array_index(infos, i)));
    }
    img_print_json(QOBJECT(list));
    qobject_unref(list);
}

static void print_infos(const InfoArgs *args, GPtrArray *infos)
{
    if (!args->json) {
        print_all_human(infos);
    } else if (args->chain) {
        print_all_json(infos);
    } else {
        QDict *dict = info_to_qdict(g_ptr_array_index(infos, 0));

        img_print_json(QOBJECT(dict));
        qobject_unref(dict);
    }
}

/* ---- the command -------------------------------------------------------- */

static int info(const InfoArgs *args)
{
    g_autoptr(GPtrArray) infos = g_ptr_array_new_with_free_func(free_info);
    Error *err = NULL;
    BlockDriverState *bs;
    BlockBackend *blk = img_open(args->filename, &args->how);

    if (!blk) {
        return 1;
    }
    bs = blk_bs(blk);
    do {
        ImageInfo *one = query(bs, &err);

        if (!one) {
            break;
        }
        g_ptr_array_add(infos, one);
        bs = bdrv_backing_bs(bs);
    } while (args->chain && bs);
    blk_unref(blk);
    if (err) {
        error_report_err(err);
        return 1;
    }
    print_infos(args, infos);
    return 0;
}

static int info_run(int argc, char **argv)
{
    enum { OPT_CHAIN = IMG_OPT_OWN };
    static const struct option long_options[] = {
        IMG_LONG_HELP, IMG_LONG_OUTPUT, IMG_LONG_IMAGE_OPTS,
        IMG_LONG_FORCE_SHARE,
        { "format", required_argument, NULL, 'f' },
        { "backing-chain", no_argument, NULL, OPT_CHAIN },
        IMG_LONG_END
    };
    InfoArgs args = { 0 };
    int c;

    while ((c = img_getopt(argc, argv, "f:U", long_options)) != -1) {
        switch (c) {
        case 'f':
            args.how.format = optarg;
            break;
        case 'U':
            args.how.force_share = true;
            break;
        case IMG_OPT_IMAGE_OPTS:
            args.how.image_opts = true;
            break;
        case IMG_OPT_OUTPUT:
            args.json = img_output_is_json(optarg);
            break;
        case OPT_CHAIN:
            args.chain = true;
            break;
        }
    }
    if (optind != argc - 1) {
        img_usage_error("Expecting one image file name");
    }
    args.filename = argv[optind];
    img_check_image_opts(&args.how);
    return info(&args);
}

const ImgCommand img_info = {
    .name = "info",
    .synopsis = "[-f FMT] [--output=human|json] [--backing-chain] "
                "[--image-opts] [-U] FILE",
    .help = info_help,
    .run = info_run,
};
