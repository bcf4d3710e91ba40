/* SPDX-License-Identifier: MIT */
/*
 * Opening: which footer counts, how large the disk is, where everything lies,
 * and what is wrong with it.
 *
 * Invariants:
 *   - What a guest wrote never decides what a fixed disk is: its footer at the
 *     end is looked at first.
 *   - No number of the file is used before it was checked against the format
 *     and the file's length.
 *   - Whatever is found wrong and does not keep the disk from being read makes
 *     the image read-only, and the user is told why.  Only to be repaired it
 *     is opened for writing, where nothing is wrong but its footers.
 */
#include "qemu/osdep.h"
#include "migration/blocker.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/checked.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "vpc.h"

#define VPC_OPT_SIZE_CALC "force_size_calc"

static QemuOptsList vpc_runtime_opts = {
    .name = "vpc-runtime-opts",
    .head = QTAILQ_HEAD_INITIALIZER(vpc_runtime_opts.head),
    .desc = {
        {
            .name = VPC_OPT_SIZE_CALC,
            .type = QEMU_OPT_STRING,
            .help = "Force disk size calculation to use either CHS geometry, "
                    "or the disk current_size specified in the VHD footer. "
                    "{chs, current_size}",
        },
        { /* end of list */ }
    },
};

/* The footers that a file has. */
typedef struct Footers {
    uint64_t length;            /* of the file, rounded up to sectors */
    VpcFooter head;
    VpcFooter tail;
    Error *head_error;          /* NULL: it is valid */
    Error *tail_error;
} Footers;

/* ---- reasons not to write --------------------------------------------------------- */

static void G_GNUC_PRINTF(2, 3) refuse_writing(VpcState *s, const char *fmt,
                                               ...)
{
    g_autofree char *reason = NULL;
    g_autofree char *before = s->read_only_reason;
    va_list ap;

    va_start(ap, fmt);
    reason = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    s->needs_more = true;
    s->read_only_reason = before ? g_strdup_printf("%s; %s", before, reason)
                                 : g_steal_pointer(&reason);
}

/* Footers that are damaged; each is made of the other one by a repair. */
static void refuse_footers(VpcState *s, const char *reason)
{
    bool before = s->needs_more;

    s->footer_damaged = true;
    refuse_writing(s, "%s", reason);
    s->needs_more = before;
}

static int check_writable(BlockDriverState *bs, int flags, Error **errp)
{
    VpcState *s = bs->opaque;
    g_autofree char *message = NULL;

    if (!s->read_only_reason ||
        ((flags & BDRV_O_CHECK) && !s->needs_more)) {
        return 0;
    }
    message = g_strdup_printf("Image can only be opened read-only: %s",
                              s->read_only_reason);
    return bdrv_apply_auto_read_only(bs, message, errp);
}

/* ---- footers ------------------------------------------------------------------------ */

static int read_footers(BlockDriverState *bs, Footers *f, Error **errp)
{
    int64_t length = bdrv_getlength(bs->file->bs);
    int ret;

    if (length < 0) {
        error_setg_errno(errp, -length, "Could not get the file's length");
        return length;
    }
    f->length = length;
    ret = bdrv_pread(bs->file, 0, &f->head, sizeof(f->head));
    if (ret >= 0 && length >= VPC_SECTOR) {
        /* A footer of 511 bytes is read with the zero that it lacks. */
        ret = bdrv_pread(bs->file, length - VPC_SECTOR, &f->tail,
                         sizeof(f->tail));
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the footer");
        return ret;
    }
    vpc_footer_valid(&f->head, &f->head_error);
    vpc_footer_valid(&f->tail, &f->tail_error);
    return 0;
}

/* Can @footer be that of a dynamic disk: is there a header where it says? */
static bool has_dynamic_header(BlockDriverState *bs, const VpcFooter *footer)
{
    uint64_t offset = be64_to_cpu(footer->data_offset);
    char cookie[8];

    return be32_to_cpu(footer->type) != VPC_TYPE_FIXED &&
           offset <= INT64_MAX / 2 &&
           bdrv_pread(bs->file, offset, cookie, sizeof(cookie)) >= 0 &&
           memcmp(cookie, VPC_HEADER_COOKIE, sizeof(cookie)) == 0;
}

/* Does a fixed disk's footer fit the file exactly? */
static bool fills_file(const Footers *f)
{
    return be64_to_cpu(f->tail.current_size) == f->length - VPC_SECTOR;
}

/*
 * The tail counts.  The head does where the tail is no footer, or where it looks
 * like a fixed disk's that does not belong to a file of this length: then it is
 * what a guest wrote to the end of a dynamic disk whose own footer is lost.
 */
static int choose_footer(BlockDriverState *bs, Footers *f, Error **errp)
{
    VpcState *s = bs->opaque;
    bool head = !f->head_error && has_dynamic_header(bs, &f->head);
    bool tail = !f->tail_error &&
                (be32_to_cpu(f->tail.type) != VPC_TYPE_FIXED || !head ||
                 fills_file(f));

    if (tail) {
        s->footer = f->tail;
        if (be32_to_cpu(s->footer.type) == VPC_TYPE_FIXED) {
            return 0;
        }
        if (f->head_error) {
            g_autofree char *reason = g_strdup_printf(
                "the footer's copy at offset 0 is damaged (%s)",
                error_get_pretty(f->head_error));

            refuse_footers(s, reason);
        } else if (memcmp(&f->head, &f->tail, sizeof(f->tail))) {
            refuse_footers(s, "the footer and its copy at offset 0 differ");
        }
        return 0;
    }
    if (!f->head_error && be32_to_cpu(f->head.type) != VPC_TYPE_FIXED) {
        s->footer = f->head;
        s->tail_lost = true;
        refuse_footers(s, "the footer at the end of the file is missing or "
                       "damaged");
        return 0;
    }

    /* Tell what is wrong with the one that looks like a footer. */
    if (!f->tail_error || vpc_has_footer_cookie(&f->tail) ||
        !vpc_has_footer_cookie(&f->head)) {
        error_propagate(errp, g_steal_pointer(&f->tail_error));
    } else if (f->head_error) {
        error_propagate(errp, g_steal_pointer(&f->head_error));
    } else {
        error_setg(errp, "invalid VPC image: the footer of a fixed disk is at "
                   "offset 0, but not at the end of the file");
    }
    return -EINVAL;
}

static int find_footer(BlockDriverState *bs, uint64_t *length, Error **errp)
{
    Footers f = { 0 };
    int ret = read_footers(bs, &f, errp);

    if (ret == 0) {
        ret = choose_footer(bs, &f, errp);
    }
    *length = f.length;
    error_free(f.head_error);
    error_free(f.tail_error);
    return ret;
}

static int find_size(VpcState *s, Error **errp)
{
    s->size = vpc_disk_size(&s->footer, s->size_rule);
    if (s->size > VPC_MAX_SIZE) {
        error_setg(errp, "Disk size %" PRIu64 " is too large, the maximum is "
                   "%llu bytes (2040 GiB)", s->size, VPC_MAX_SIZE);
        return -EFBIG;
    }
    if (s->size % VPC_SECTOR) {
        error_setg(errp, "Disk size %" PRIu64 " is no multiple of %d",
                   s->size, VPC_SECTOR);
        return -EINVAL;
    }
    return 0;
}

/* ---- fixed disks ---------------------------------------------------------------------- */

static int open_fixed(VpcState *s, uint64_t length, Error **errp)
{
    uint64_t current = be64_to_cpu(s->footer.current_size);

    if (current > length - VPC_SECTOR) {
        error_setg(errp, "Fixed disk of %" PRIu64 " bytes with its footer does "
                   "not fit into the file of %" PRIu64 " bytes", current,
                   length);
        return -EINVAL;
    }
    s->footer_offset = length - VPC_SECTOR;
    return 0;
}

/* ---- dynamic disks -------------------------------------------------------------------- */

bool vpc_reserve_range(VpcState *s, const char *what, uint64_t start,
                       uint64_t bytes, Error **errp)
{
    uint64_t end;

    if (!checked_add_u64(start, bytes, &end) || end > s->file_length) {
        error_setg(errp, "%s at offset %" PRIu64 " with %" PRIu64 " bytes does "
                   "not lie inside the file of %" PRIu64 " bytes", what, start,
                   bytes, s->file_length);
        return false;
    }
    for (unsigned i = 0; i < s->reserved_count; i++) {
        if (start < s->reserved[i].end && end > s->reserved[i].start) {
            error_setg(errp, "%s at offset %" PRIu64 " overlaps another "
                       "structure that ends at offset %" PRIu64, what, start,
                       s->reserved[i].end);
            return false;
        }
    }
    if (bytes) {
        assert(s->reserved_count < VPC_MAX_RESERVED);
        s->reserved[s->reserved_count++] = (VpcRange) { start, end };
    }
    return true;
}

static int read_header(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    uint64_t offset = be64_to_cpu(s->footer.data_offset);
    int ret;

    if (offset % VPC_SECTOR || offset > INT64_MAX / 2) {
        error_setg(errp, "Invalid offset %" PRIu64 " of the dynamic header, "
                   "expected a multiple of %d", offset, VPC_SECTOR);
        return -EINVAL;
    }
    ret = bdrv_pread(bs->file, offset, &s->header, sizeof(s->header));
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the dynamic header");
        return ret;
    }
    if (!vpc_header_valid(&s->header, errp)) {
        return -EINVAL;
    }
    s->header_offset = offset;
    s->block_size = be32_to_cpu(s->header.block_size);
    s->block_shift = ctz32(s->block_size);
    s->bitmap_size = vpc_bitmap_size(s->block_size);

    if (!vpc_reserve_range(s, "Copy of the footer", 0, sizeof(s->footer),
                           errp) ||
        !vpc_reserve_range(s, "Dynamic header", offset, sizeof(s->header),
                           errp)) {
        return -EINVAL;
    }
    return 0;
}

/*
 * A dynamic disk has no parent, but may have kept the space of paths to one.  A
 * locator that points nowhere, or into something else, is not obeyed.
 */
static void reserve_locators(VpcState *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(s->header.locator); i++) {
        const VpcParentLocator *l = &s->header.locator[i];
        uint64_t length = be32_to_cpu(l->data_length);
        uint64_t space = be32_to_cpu(l->data_space);

        if (!l->platform) {
            continue;
        }
        if (space < VPC_SECTOR || space < length) {
            space *= VPC_SECTOR;
        }
        if (!vpc_reserve_range(s, "Parent locator",
                               be64_to_cpu(l->data_offset), space, NULL)) {
            vpc_reserve_range(s, "Parent locator",
                              be64_to_cpu(l->data_offset), length, NULL);
        }
    }
}

/* What lies where, and which entries of the table are bad. */
static int open_table(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    uint64_t offset = be64_to_cpu(s->header.table_offset);
    uint64_t entries = be32_to_cpu(s->header.max_table_entries);
    uint64_t blocks = DIV_ROUND_UP(s->size, s->block_size);
    uint64_t table_end;
    int ret;

    if (entries < blocks) {
        error_setg(errp, "Max Table Entries too small (%" PRIu64 "), a disk of "
                   "%" PRIu64 " bytes needs %" PRIu64, entries, s->size,
                   blocks);
        return -EINVAL;
    }
    /* Entries past the disk's end may be missing; they are never used. */
    if (!vpc_reserve_range(s, "Block allocation table", offset, blocks * 4,
                           errp)) {
        return -EINVAL;
    }
    table_end = offset + ROUND_UP(entries * 4, VPC_SECTOR);
    if (blocks) {
        s->reserved[s->reserved_count - 1].end = MIN(table_end, s->file_end);
    }
    /* New blocks keep clear of those entries all the same. */
    s->free_offset = table_end;
    ret = vpc_batmap_open(bs, table_end, errp);
    if (ret < 0) {
        return ret;
    }
    reserve_locators(s);
    return vpc_table_open(bs, offset, blocks, errp);
}

static void judge_table(VpcState *s)
{
    if (s->stats.misplaced) {
        refuse_writing(s, "%" PRIu64 " entries of the block allocation table "
                       "point outside the file or into other structures, the "
                       "first is that of block %" PRIu32 ", 0x%08" PRIx32,
                       s->stats.misplaced, s->stats.first_bad,
                       s->stats.first_bad_entry);
    }
    if (s->stats.truncated) {
        refuse_writing(s, "%" PRIu64 " blocks go on behind the end of the "
                       "file, the first is block %" PRIu32,
                       s->stats.truncated, s->stats.first_truncated);
    }
    if (s->stats.overlapping) {
        refuse_writing(s, "%" PRIu64 " blocks overlap each other, the first "
                       "of them at sector 0x%08" PRIx32,
                       s->stats.overlapping, s->bad_entries[0]);
    }
}

static int open_dynamic(BlockDriverState *bs, uint64_t length, Error **errp)
{
    VpcState *s = bs->opaque;
    int ret = read_header(bs, errp);

    if (ret < 0) {
        return ret;
    }
    s->file_end = s->tail_lost ? length : length - VPC_SECTOR;
    ret = open_table(bs, errp);
    if (ret < 0) {
        return ret;
    }
    judge_table(s);
    s->footer_offset = s->file_end;
    vpc_alloc_open(bs);
    return 0;
}

/* ---- all of it ------------------------------------------------------------------------- */

static int parse_size_rule(VpcState *s, QemuOpts *opts, Error **errp)
{
    const char *word = qemu_opt_get(opts, VPC_OPT_SIZE_CALC);

    if (!word) {
        s->size_rule = VPC_SIZE_AUTO;
    } else if (strcmp(word, "current_size") == 0) {
        s->size_rule = VPC_SIZE_CURRENT;
    } else if (strcmp(word, "chs") == 0) {
        s->size_rule = VPC_SIZE_CHS;
    } else {
        error_setg(errp, "Invalid size calculation algorithm '%s', expected "
                   "'chs' or 'current_size'", word);
        return -EINVAL;
    }
    return 0;
}

static int parse_options(VpcState *s, QDict *options, Error **errp)
{
    QemuOpts *opts = qemu_opts_create(&vpc_runtime_opts, NULL, 0,
                                      &error_abort);
    Error *local_err = NULL;
    int ret;

    qemu_opts_absorb_qdict(opts, options, &local_err);
    if (local_err) {
        error_propagate(errp, local_err);
        ret = -EINVAL;
    } else {
        ret = parse_size_rule(s, opts, errp);
    }
    qemu_opts_del(opts);
    return ret;
}

static int open_by_type(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    uint64_t length;
    int ret = find_footer(bs, &length, errp);

    if (ret < 0) {
        return ret;
    }
    s->file_length = length;
    s->type = be32_to_cpu(s->footer.type);
    if (s->type == VPC_TYPE_DIFFERENCING) {
        error_setg(errp, "Differencing VHD images (type 4) are not supported: "
                   "without its parent the disk would read wrongly");
        return -ENOTSUP;
    }
    if (s->footer.saved_state) {
        refuse_writing(s, "it belongs to a guest in saved state");
    }
    ret = find_size(s, errp);
    if (ret < 0) {
        return ret;
    }
    return s->type == VPC_TYPE_FIXED ? open_fixed(s, length, errp)
                                     : open_dynamic(bs, length, errp);
}

static void free_state(VpcState *s)
{
    vpc_table_close(s);
    vpc_batmap_close(s);
    vpc_bitmaps_free(s);
    qemu_vfree(s->ones);
    g_array_free(s->gaps, true);
    g_array_free(s->spare, true);
    g_array_free(s->freed, true);
    g_array_free(s->unlinked, true);
    g_free(s->read_only_reason);
}

static int block_migration(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    int ret;

    error_setg(&s->migration_blocker, "The vpc format used by node '%s' does "
               "not support live migration",
               bdrv_get_device_or_node_name(bs));
    ret = migrate_add_blocker(s->migration_blocker, errp);
    if (ret < 0) {
        error_free(s->migration_blocker);
    }
    return ret;
}

int vpc_open(BlockDriverState *bs, QDict *options, int flags, Error **errp)
{
    VpcState *s = bs->opaque;
    int ret;

    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    s->lenient = flags & BDRV_O_CHECK;
    qemu_co_mutex_init(&s->bitmap_lock);
    qemu_co_mutex_init(&s->footer_lock);
    qemu_co_mutex_init(&s->flush_lock);
    QTAILQ_INIT(&s->holds);
    QTAILQ_INIT(&s->bitmap_queue);
    QTAILQ_INIT(&s->table.queue);
    s->bitmaps = g_hash_table_new(NULL, NULL);
    s->gaps = g_array_new(false, false, sizeof(VpcRange));
    s->spare = g_array_new(false, false, sizeof(uint32_t));
    s->freed = g_array_new(false, false, sizeof(uint32_t));
    s->unlinked = g_array_new(false, false, sizeof(uint32_t));

    ret = parse_options(s, options, errp);
    if (ret == 0) {
        ret = open_by_type(bs, errp);
    }
    if (ret == 0) {
        ret = check_writable(bs, flags, errp);
    }
    if (ret == 0) {
        ret = block_migration(bs, errp);
    }
    if (ret < 0) {
        free_state(s);
        return ret;
    }
    if (s->read_only_reason) {
        warn_report("'%s' is damaged or in use: %s", bs->filename,
                    s->read_only_reason);
    }
    bs->total_sectors = s->size / VPC_SECTOR;
    bs->supported_zero_flags = BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK;
    return 0;
}

void vpc_close(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;

    migrate_del_blocker(s->migration_blocker);
    error_free(s->migration_blocker);
    free_state(s);
}

int vpc_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                       Error **errp)
{
    VpcState *s = state->bs->opaque;

    if ((state->flags & BDRV_O_RDWR) && s->read_only_reason) {
        error_setg(errp, "Image can only be opened read-only: %s",
                   s->read_only_reason);
        return -EACCES;
    }
    return 0;
}
