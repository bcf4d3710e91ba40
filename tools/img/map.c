/* SPDX-License-Identifier: MIT */
/*
 * map: what lies where in an image, as a table of data or as JSON.
 *
 * Invariants:
 *   - Extents follow each other without gaps; neighbours that differ in
 *     nothing but their place are one extent.
 *   - An extent is printed when the next one is known, so that memory does not
 *     grow with the image.
 *   - What cannot be read keeps nothing else from being shown; the exit status
 *     is 1.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "minblk/block-extra.h"

/* So many lost ranges are named, because a hostile table may have millions. */
#define LOST_MAX 100

typedef struct MapArgs {
    ImgOpen how;
    const char *filename;
    int64_t start;          /* bytes */
    int64_t max_length;     /* bytes; negative: to the end */
    bool json;
} MapArgs;

/* A range of the disk, and the node that holds its bytes (borrowed), if any. */
typedef struct Extent {
    MapEntry entry;
    BlockDriverState *file;
    bool lost;              /* cannot be read, as the image's tables say */
} Extent;

/* ---- printing ----------------------------------------------------------- */

static const char *map_word(bool value)
{
    return value ? "true" : "false";
}

/*
 * A line of the table, or with @json an object and @end; reports what is lost,
 * the ranges of which *@lost counts.  False, and reported, when the table has
 * no way to show @x.
 */
static bool map_print_extent(Extent *x, bool json, const char *end,
                             int64_t *lost)
{
    MapEntry *e = &x->entry;

    *lost += x->lost;
    if (x->lost && *lost == LOST_MAX + 1) {
        error_report("More ranges cannot be read; 'check' names all");
    } else if (x->lost && *lost <= LOST_MAX) {
        error_report("Bytes %" PRId64 " to %" PRId64 " of the disk cannot be "
                     "read: the image is damaged there; 'check' says how",
                     e->start, e->start + e->length - 1);
    }
    if (json) {
        /* By hand, because there may be millions. */
        printf("{ \"start\": %" PRId64 ", \"length\": %" PRId64 ", "
               "\"depth\": %" PRId64 ", \"present\": %s, \"zero\": %s, "
               "\"data\": %s", e->start, e->length, e->depth,
               map_word(e->present), map_word(e->zero), map_word(e->data));
        if (e->has_offset) {
            printf(", \"offset\": %" PRId64, e->offset);
        }
        printf("}%s", end);
    } else if (e->data && !e->has_offset && !x->lost) {
        error_report("File contains external, encrypted or compressed "
                     "clusters.");
        return false;
    } else if (e->data && !e->zero && !x->lost) {
        printf("%#-16" PRIx64 "%#-16" PRIx64 "%#-16" PRIx64 "%s\n", e->start,
               e->length, e->offset, x->file ? bdrv_get_filename(x->file) : "");
    }
    return true;
}

/* ---- collecting --------------------------------------------------------- */

/* The extent at @offset, at most @bytes long.  0 or -errno. */
static int map_get_extent(BlockDriverState *bs, int64_t offset, int64_t bytes,
                          Extent *x)
{
    int64_t length = 0, map = 0;
    int depth = 0;
    int ret;

    *x = (Extent) { .entry.start = offset };
    ret = bdrv_block_status_depth(bs, NULL, offset, bytes, &length, &map,
                                  &x->file, &depth);
    if (ret < 0) {
        return ret;
    }
    x->entry.length = length;
    x->entry.depth = depth;
    x->lost = ret & BDRV_BLOCK_LOST;
    x->entry.data = ret & BDRV_BLOCK_DATA;
    x->entry.zero = ret & BDRV_BLOCK_ZERO;
    x->entry.present = ret & (BDRV_BLOCK_DATA | BDRV_BLOCK_ALLOCATED);
    /* Where no node answers for the range, there is no place either. */
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
static bool map_goes_on(const Extent *x, const Extent *next)
{
    const MapEntry *a = &x->entry, *b = &next->entry;

    return a->length > 0 && a->data == b->data && a->zero == b->zero &&
           a->present == b->present && a->depth == b->depth &&
           a->has_offset == b->has_offset && x->file == next->file &&
           x->lost == next->lost &&
           (!a->has_offset || a->offset + a->length == b->offset);
}

/* The image is open; returns the exit status. */
static int map_backend(BlockBackend *blk, const MapArgs *args)
{
    Extent cur = { .entry.start = args->start };
    int64_t end = blk_getlength(blk);
    int64_t offset = args->start;
    int64_t lost = 0;

    if (end < 0) {
        error_report("Failed to get size for '%s'", args->filename);
        return 1;
    }
    if (args->max_length >= 0 && args->max_length < end - args->start) {
        end = args->start + args->max_length;
    }
    printf("%s", args->json ? "[" : "Offset          Length          "
           "Mapped to       File\n");
    while (offset < end) {
        Extent next;
        int ret = map_get_extent(blk_bs(blk), offset, end - offset, &next);

        if (ret < 0) {
            error_report("Failed to read image metadata: %s", strerror(-ret));
            return 1;
        }
        offset += next.entry.length;
        if (map_goes_on(&cur, &next)) {
            cur.entry.length += next.entry.length;
            continue;
        }
        /* The first one found has none before it. */
        if (cur.entry.length > 0 &&
            !map_print_extent(&cur, args->json, ",\n", &lost)) {
            return 1;
        }
        cur = next;
    }
    return map_print_extent(&cur, args->json, "]\n", &lost) && !lost ? 0 : 1;
}

static const CmdOption map_options[] = {
    IMG_FORMAT_LONG(MapArgs, how.format),
    IMG_OUTPUT(MapArgs, json),
    { 's', "start-offset", "N", "begin at this byte",
      img_set_size, offsetof(MapArgs, start), "start offset" },
    { 'l', "max-length", "N", "look at so many bytes",
      img_set_size, offsetof(MapArgs, max_length), "max length" },
    IMG_IMAGE_OPTS(MapArgs, how.image_opts),
    IMG_FORCE_SHARE(MapArgs, how.force_share),
    IMG_END
};

static int map_run(int argc, char **argv)
{
    MapArgs args = { .max_length = -1 };
    g_autoptr(BlockBackend) blk = NULL;

    img_read_options(&args, argc, argv);
    blk = img_open_operand(&args.how, argc, argv);
    args.filename = argv[optind];
    return map_backend(blk, &args);
}

const ImgCommand img_map = {
    .name = "map",
    .operands = "FILE",
    .help =
        "Shows what lies where in an image: data and where it is in the file,\n"
        "or with --output=json all extents.\n",
    .example = "-f vpc --output=json disk.vhd",
    .options = map_options,
    .run = map_run,
};
