/* SPDX-License-Identifier: MIT */
/*
 * Opening: options, the size of the disk, whether it may be written to.
 *
 * Invariants:
 *   - Damage that does not keep the disk from being read makes the image
 *     read-only, with a warning that gives the reason, because writing could
 *     make it worse.  Only to be checked or repaired (BDRV_O_CHECK, repair=on)
 *     is it opened for writing all the same.
 *   - The state is made of the file by one function, load(), whether the
 *     image is opened or was repaired.
 */
#include "qemu/osdep.h"
#include "migration/blocker.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "flush.h"
#include "vpc.h"

#define VPC_OPT_SIZE_CALC "force_size_calc"
#define VPC_OPT_SAVED_STATE "saved_state"
#define VPC_OPT_REPAIR "repair"

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
        {
            .name = VPC_OPT_SAVED_STATE,
            .type = QEMU_OPT_STRING,
            .help = "Image of a guest in saved state: refuse to write to it, "
                    "or ignore that. {refuse (default), ignore}",
        },
        {
            .name = VPC_OPT_REPAIR,
            .type = QEMU_OPT_BOOL,
            .help = "Repair the image before it is used",
        },
        { /* end of list */ }
    },
};

/* ---- reasons not to write ----------------------------------------------- */

/* Why the image may not be written to; NULL: it may.  g_free(). */
static char *why_read_only(const VpcState *s, bool ignore_saved_state)
{
    const char *saved = s->footer.saved_state && !ignore_saved_state
                        ? "it belongs to a guest in saved state" : NULL;

    if (saved && s->read_only_reason) {
        return g_strdup_printf("%s; %s", s->read_only_reason, saved);
    }
    return g_strdup(saved ?: s->read_only_reason);
}

static void note_lost_footer(VpcState *s)
{
    if (s->footer_lost) {
        vpc_refuse_writing(s, "the footer at the end of the file is missing or "
                           "damaged (%s)", s->footer_problem);
    }
}

/* Makes the node read-only, with a warning, or fails, if there is a reason. */
static int check_writable(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    g_autofree char *reason = why_read_only(s, s->ignore_saved_state);
    g_autofree char *message = NULL;
    int ret;

    if (s->lenient) {
        return 0;
    }
    if (s->footer_lost &&
        (reason || bdrv_is_read_only(bs) || !vpc_restore_footer(bs))) {
        note_lost_footer(s);
        g_free(reason);
        reason = why_read_only(s, s->ignore_saved_state);
    }
    if (!reason) {
        return 0;
    }
    message = g_strdup_printf("Image can only be opened read-only: %s",
                              reason);
    ret = bdrv_apply_auto_read_only(bs, message, errp);
    if (ret == 0) {
        warn_report("'%s' is damaged or in use: %s", bs->filename, reason);
    }
    return ret;
}

/* ---- size --------------------------------------------------------------- */

static int find_size(VpcState *s, Error **errp)
{
    s->size = vpc_disk_size(&s->footer, s->size_rule);
    if (s->size > VPC_MAX_SIZE) {
        error_setg(errp, "Disk size %" PRIu64 " is too large, the maximum is "
                   "%llu bytes (2040 GiB)", s->size, VPC_MAX_SIZE);
        return -EFBIG;
    }
    if (s->size % VPC_SECTOR) {
        error_setg(errp, "Disk size %" PRIu64 " is not a multiple of %d",
                   s->size, VPC_SECTOR);
        return -EINVAL;
    }
    return 0;
}

/* ---- options ------------------------------------------------------------ */

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

static int parse_saved_state(const char *word, bool *ignore, Error **errp)
{
    Error *local_err = NULL;
    int value = qapi_enum_parse(&BlockdevVpcSavedState_lookup, word,
                                BLOCKDEV_VPC_SAVED_STATE_REFUSE, &local_err);

    if (local_err) {
        error_free(local_err);
        error_setg(errp, "Parameter '" VPC_OPT_SAVED_STATE "' expects 'refuse' "
                   "or 'ignore', not '%s'", word);
        return -EINVAL;
    }
    *ignore = value == BLOCKDEV_VPC_SAVED_STATE_IGNORE;
    return 0;
}

static int parse_options(VpcState *s, QDict *options, bool *repair,
                         Error **errp)
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
    if (ret == 0) {
        ret = parse_saved_state(qemu_opt_get(opts, VPC_OPT_SAVED_STATE),
                                &s->ignore_saved_state, errp);
    }
    *repair = qemu_opt_get_bool(opts, VPC_OPT_REPAIR, false);
    qemu_opts_del(opts);
    return ret;
}

/* ---- the state ---------------------------------------------------------- */

/* Frees what the state holds; the state itself is the caller's. */
static void clear_state(VpcState *s)
{
    vpc_bat_close(s);
    vpc_census_clear(&s->census);
    vpc_batmap_close(s);
    vpc_bitmap_close(s);
    qemu_vfree(s->ones);
    vpc_space_close(&s->space);
    g_array_free(s->exposed, true);
    g_free(s->footer_problem);
    g_free(s->read_only_reason);
}

/* A file that was cut off keeps a footer only if bytes before it were lost. */
static int check_fixed(VpcState *s, Error **errp)
{
    uint64_t current = be64_to_cpu(s->footer.current_size);

    if (current <= s->footer_offset) {
        return 0;
    }
    if (s->lenient) {
        vpc_refuse_writing(s, "%" PRIu64 " bytes of the disk are missing",
                           /* check-arithmetic: off, it is not negative */
                           current - s->footer_offset);
        return 0;
    }
    error_setg(errp, "Fixed disk of %" PRIu64 " bytes with its footer does not "
               "fit into the file of %" PRIu64 " bytes; give -f raw to read "
               "what is left, or convert it with --salvage -f vpc", current,
               s->exact_length);
    return -EINVAL;
}

static int load_by_type(BlockDriverState *bs, Error **errp)
{
    VpcState *s = bs->opaque;
    int ret = vpc_find_footer(bs, errp);

    if (ret < 0) {
        return ret;
    }
    s->type = be32_to_cpu(s->footer.type);
    if (s->type == VPC_TYPE_DIFFERENCING && !s->lenient) {
        error_setg(errp, "Differencing VHD images (type 4) are not supported: "
                   "without its parent the disk would read wrongly");
        return -ENOTSUP;
    }
    ret = find_size(s, errp);
    if (ret < 0) {
        return ret;
    }
    return s->type == VPC_TYPE_FIXED ? check_fixed(s, errp)
                                     : vpc_open_dynamic(bs, errp);
}

static void free_state(VpcState *s)
{
    clear_state(s);
    g_free(s);
}

/*
 * A state made of what the file holds, with the options of @how, which stays
 * the caller's and, until *@state is put into its place, the node's.  0, or
 * -errno.
 */
static int load(BlockDriverState *bs, const VpcState *how, VpcState **state,
                Error **errp)
{
    VpcState *s = g_new0(VpcState, 1);
    void *old = bs->opaque;
    int ret;

    qemu_co_mutex_init(&s->flush_lock);
    vpc_bitmap_open(s);
    vpc_space_init(&s->space);
    s->exposed = g_array_new(false, false, sizeof(VpcPlaced));
    s->size_rule = how->size_rule;
    s->ignore_saved_state = how->ignore_saved_state;
    s->lenient = how->lenient;
    s->repaired = how->repaired;
    s->migration_blocker = how->migration_blocker;
    bs->opaque = s;
    ret = load_by_type(bs, errp);
    bs->opaque = old;
    if (ret < 0) {
        free_state(s);
    } else {
        *state = s;
    }
    return ret;
}

/* @s is the state of @bs from now on; no request may be in flight. */
static void use_state(BlockDriverState *bs, VpcState *s)
{
    bs->opaque = s;
    bs->total_sectors = s->size / VPC_SECTOR;
}

int vpc_reload(BlockDriverState *bs, Error **errp)
{
    VpcState *old = bs->opaque;
    VpcState *s;
    int ret = load(bs, old, &s, errp);

    if (ret == 0) {
        use_state(bs, s);
        free_state(old);
    }
    return ret;
}

/* A line for each repair, because only opening the image was asked for. */
static void print_repair(const BdrvCheckFinding *f, void *opaque)
{
    BlockDriverState *bs = opaque;

    if (!f->fixed) {
        return;
    }
    error_printf("repair: '%s': %s at offset %" PRId64 " was %s, expected %s%s"
                 "%s\n", bs->filename, f->field, f->offset, f->value,
                 f->expected, f->effect ? ": " : "", f->effect ?: "");
}

/* Repairs the image, and opens it again as strictly as @lenient allows. */
static int repair_opened(BlockDriverState *bs, bool lenient, Error **errp)
{
    VpcState *s;
    BdrvCheckResult result = {
        .listener = print_repair,
        .listener_opaque = bs,
    };
    /* Lost space is kept: it may be what an earlier repair could not name. */
    int ret = vpc_check(bs, &result, BDRV_FIX_ERRORS);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not repair the image");
        return ret;
    }
    s = bs->opaque;
    s->lenient = lenient;
    s->repaired = result.corruptions_fixed > 0;
    return vpc_reload(bs, errp);
}

/* The steps of opening that need the state. */
static int finish_open(BlockDriverState *bs, bool repair, bool lenient,
                       Error **errp)
{
    int ret = repair ? repair_opened(bs, lenient, errp) : 0;
    VpcState *s = bs->opaque;

    if (ret == 0) {
        ret = check_writable(bs, errp);
    }
    if (ret < 0) {
        return ret;
    }
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
    VpcState *how = bs->opaque;
    VpcState *s;
    bool lenient = flags & BDRV_O_CHECK;
    bool repair;
    int ret;

    bs->file = bdrv_open_child(NULL, options, "file", bs, &child_file, false,
                               errp);
    if (!bs->file) {
        return -EINVAL;
    }
    ret = parse_options(how, options, &repair, errp);
    if (ret < 0) {
        return ret;
    }
    if (repair && bdrv_is_read_only(bs)) {
        error_setg(errp, "Option '" VPC_OPT_REPAIR "' needs an image that is "
                   "opened for writing");
        return -EINVAL;
    }
    how->lenient = lenient || repair;
    ret = load(bs, how, &s, errp);
    if (ret < 0) {
        return ret;
    }
    use_state(bs, s);
    g_free(how);
    ret = finish_open(bs, repair, lenient, errp);
    if (ret < 0) {
        clear_state(bs->opaque);
        return ret;
    }
    bs->supported_zero_flags = BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK;
    return 0;
}

void vpc_close(BlockDriverState *bs)
{
    VpcState *s = bs->opaque;

    if (!bdrv_is_read_only(bs) && s->type != VPC_TYPE_FIXED &&
        vpc_flush_at_closing(bs)) {
        vpc_space_cut(bs);
    }
    migrate_del_blocker(s->migration_blocker);
    error_free(s->migration_blocker);
    clear_state(s);
}

/* ---- reopening ---------------------------------------------------------- */

/* From preparing a reopening to its end. */
typedef struct Reopening {
    VpcState *state;            /* to take the place of the old one, or NULL */
    bool ignore_saved_state;
} Reopening;

/*
 * While it was read-only others may have written to the image, so the state is
 * made anew before it is written to.
 */
int vpc_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                       Error **errp)
{
    BlockDriverState *bs = state->bs;
    g_autofree Reopening *r = g_new0(Reopening, 1);
    g_autofree char *reason = NULL;
    VpcState *s = bs->opaque;
    int ret = parse_saved_state(qdict_get_try_str(state->options,
                                                  VPC_OPT_SAVED_STATE),
                                &r->ignore_saved_state, errp);

    if (ret < 0) {
        return ret;
    }
    qdict_del(state->options, VPC_OPT_SAVED_STATE);
    if (state->flags & BDRV_O_RDWR) {
        if (bdrv_is_read_only(bs)) {
            ret = load(bs, s, &r->state, errp);
            if (ret < 0) {
                return ret;
            }
            s = r->state;
            note_lost_footer(s);
        }
        reason = why_read_only(s, r->ignore_saved_state);
    }
    if (reason) {
        error_setg(errp, "Image can only be opened read-only: %s", reason);
        if (r->state) {
            free_state(r->state);
        }
        return -EACCES;
    }
    state->opaque = g_steal_pointer(&r);
    return 0;
}

void vpc_reopen_commit(BDRVReopenState *state)
{
    g_autofree Reopening *r = state->opaque;

    if (r->state) {
        free_state(state->bs->opaque);
        use_state(state->bs, r->state);
    }
    ((VpcState *)state->bs->opaque)->ignore_saved_state =
        r->ignore_saved_state;
}

void vpc_reopen_abort(BDRVReopenState *state)
{
    g_autofree Reopening *r = state->opaque;

    if (r->state) {
        free_state(r->state);
    }
}
