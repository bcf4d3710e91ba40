/* SPDX-License-Identifier: MIT */
/*
 * map: what lies where in an image, as a table of data or as JSON.
 *
 * Invariants:
 *   - Extents follow each other without gaps; neighbours that differ in
 *     nothing but their place are one extent.
 *   - An extent is printed when the next one is known, so that memory does not
 *     grow with the image.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qstring.h"
#include "qapi/qobject-output-visitor.h"

typedef struct MapArgs {
    ImgOpen how;
    const char *filename;
    int64_t start;          /* bytes */
    int64_t max_length;     /* bytes; negative: to the end */
    bool json;
} MapArgs;

static const char map_help[] =
    "Shows what lies where in an image: data and where it is in the file, or\n"
    "with --output=json all extents.\n"
    "\n"
    "  -f, --format=FMT      format of the image (default: probed)\n"
    "  --output=FORM         human (default) or json\n"
    "  -s, --start-offset=N  begin at this byte\n"
    "  -l, --max-length=N    look at so many bytes\n"
    "  --image-opts          FILE is a list of options\n"
    "  -U, --force-share     also while another process writes to it\n";

/* A range of the disk, and the node that holds its bytes (borrowed), if any. */
typedef struct Extent {
    MapEntry entry;
    BlockDriverState *file;
} Extent;

/* ---- printing ----------------------------------------------------------- */

/* False, and reported, when the table has no way to show @x. */
static bool print_human(const Extent *x)
{
    const MapEntry *e = &x->entry;

    if (e->data && !e->has_offset) {
        error_report("File contains external, encrypted or compressed "
                     "clusters.");
        return false;
    }
    if (e->data && !e->zero) {
        printf("%#-16" PRIx64 "%#-16" PRIx64 "%#-16" PRIx64 "%s\n", e->start,
               e->length, e->offset, x->file ? bdrv_get_filename(x->file) : "");
    }
    return true;
}

/* One object a line, with a blank behind its brace. */
static void print_json(Extent *x, bool last)
{
    MapEntry *e = &x->entry;
    QObject *obj;
    QString *text;
    Visitor *v = qobject_output_visitor_new(&obj);

    visit_type_MapEntry(v, NULL, &e, &error_abort);
    visit_complete(v, &obj);
    visit_free(v);
    text = qobject_to_json(obj);
    printf("{ %s%s", qstring_get_str(text) + 1, last ? "" : ",\n");
    qobject_unref(text);
    qobject_unref(obj);
}

static bool print_extent(Extent *x, bool json, bool last)
{
    if (json) {
        print_json(x, last);
        return true;
    }
    return print_human(x);
}

/* ---- collecting --------------------------------------------------------- */

/* The extent at @offset, at most @bytes long.  0 or -errno. */
static int get_extent(BlockDriverState *bs, int64_t offset, int64_t bytes,
                      Extent *x)
{
    int64_t length = 0, map = 0;
    int depth = 0;
    int ret;

    *x = (Extent) { .entry.start = offset };
    ret = bdrv_block_status_above(bs, NULL, offset, bytes, &length, &map,
                                  &x->file, &depth);
    if (ret < 0) {
        return ret;
    }
    x->entry.length = length;
    x->entry.depth = depth;
    x->entry.data = ret & BDRV_BLOCK_DATA;
    x->entry.zero = ret & BDRV_BLOCK_ZERO;
    x->entry.present = ret & (BDRV_BLOCK_DATA | BDRV_BLOCK_ALLOCATED);
    /* Where nobody answers for the range, there is no place either. */
    x->entry.has_offset = (ret & BDRV_BLOCK_OFFSET_VALID) &&
                          (ret & (BDRV_BLOCK_DATA | BDRV_BLOCK_ZERO));
    if (x->entry.has_offset) {
        x->entry.offset = map;
    } else {
        x->file = NULL;
    }
    return length > 0 ? 0 : -EIO;
}

/* Does @next only go on where @x ends? */
static bool goes_on(const Extent *x, const Extent *next)
{
    const MapEntry *a = &x->entry, *b = &next->entry;

    return a->length > 0 && a->data == b->data && a->zero == b->zero &&
           a->present == b->present && a->depth == b->depth &&
           a->has_offset == b->has_offset && x->file == next->file &&
           (!a->has_offset || a->offset + a->length == b->offset);
}

/* Maps [@args->start, @end); an exit status. */
static int map_range(BlockDriverState *bs, const MapArgs *args, int64_t end)
{
    Extent cur = { .entry.start = args->start };
    int64_t offset = args->start;

    while (offset < end) {
        Extent next;
        int ret = get_extent(bs, offset, end - offset, &next);

        if (ret < 0) {
            error_report("Failed to read image metadata: %s", strerror(-ret));
            return 1;
        }
        offset += next.entry.length;
        if (goes_on(&cur, &next)) {
            cur.entry.length += next.entry.length;
            continue;
        }
        if (cur.entry.length > 0 && !print_extent(&cur, args->json, false)) {
            return 1;
        }
        cur = next;
    }
    return print_extent(&cur, args->json, true) ? 0 : 1;
}

/* ---- the command -------------------------------------------------------- */

static int map_backend(BlockBackend *blk, const MapArgs *args)
{
    int64_t length = blk_getlength(blk);
    int status;

    if (length < 0) {
        error_report("Failed to get size for '%s'", args->filename);
        return 1;
    }
    if (args->max_length >= 0 && args->max_length < length - args->start) {
        length = args->start + args->max_length;
    }
    printf("%s", args->json ? "[" : "Offset          Length          "
           "Mapped to       File\n");
    status = map_range(blk_bs(blk), args, length);
    if (status == 0 && args->json) {
        printf("]\n");
    }
    return status;
}

static int map(const MapArgs *args)
{
    BlockBackend *blk = img_open(args->filename, &args->how);
    int status;

    if (!blk) {
        return 1;
    }
    status = map_backend(blk, args);
    blk_unref(blk);
    return status;
}

/* False when a number was no good, which was reported. */
static bool read_options(MapArgs *args, int argc, char **argv)
{
    static const struct option long_options[] = {
        IMG_LONG_HELP, IMG_LONG_OUTPUT, IMG_LONG_IMAGE_OPTS,
        IMG_LONG_FORCE_SHARE,
        { "format", required_argument, NULL, 'f' },
        { "start-offset", required_argument, NULL, 's' },
        { "max-length", required_argument, NULL, 'l' },
        IMG_LONG_END
    };
    int c;

    while ((c = img_getopt(argc, argv, "f:s:l:U", long_options)) != -1) {
        switch (c) {
        case 'f':
            args->how.format = optarg;
            break;
        case 's':
            args->start = img_parse_size("start offset", optarg);
            if (args->start < 0) {
                return false;
            }
            break;
        case 'l':
            args->max_length = img_parse_size("max length", optarg);
            if (args->max_length < 0) {
                return false;
            }
            break;
        case 'U':
            args->how.force_share = true;
            break;
        case IMG_OPT_IMAGE_OPTS:
            args->how.image_opts = true;
            break;
        case IMG_OPT_OUTPUT:
            args->json = img_output_is_json(optarg);
            break;
        }
    }
    return true;
}

static int map_run(int argc, char **argv)
{
    MapArgs args = { .max_length = -1 };

    if (!read_options(&args, argc, argv)) {
        return 1;
    }
    if (optind != argc - 1) {
        img_usage_error("Expecting one image file name");
    }
    args.filename = argv[optind];
    img_check_image_opts(&args.how);
    return map(&args);
}

const ImgCommand img_map = {
    .name = "map",
    .synopsis = "[-f FMT] [--output=human|json] [--start-offset=N] "
                "[--max-length=N] [--image-opts] [-U] FILE",
    .help = map_help,
    .run = map_run,
};
