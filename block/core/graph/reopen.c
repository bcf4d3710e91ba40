/* SPDX-License-Identifier: MIT */
/*
 * Reopening: new options for open nodes, for all of a queue or for none.
 *
 * A queue holds a node and, with what they inherit from it, its children.  All
 * are drained from the moment they are queued.  Then, for all: flush, let the
 * driver prepare, compare what it left with the present options; check the
 * permissions that follow; and only when nothing failed, commit.
 *
 * Of the options of a node each overrides those after it: those given now; with
 * keep_old_opts, those given when it was opened; what it inherits; with
 * keep_old_opts, all others that it has.
 *
 * Invariants:
 *   - For each driver's prepare that returned 0 there is exactly one commit or
 *     one abort, and none after one that failed.
 *   - A checked permission is set or aborted.
 *   - When reopening fails, nothing has changed.
 */
#include "qemu/osdep.h"
#include "block/core/graph/graph.h"
#include "block/qdict.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "qapi/qmp/qstring.h"

/* ---- the queue ---------------------------------------------------------- */

static void free_options(ReopenEntry *entry)
{
    qobject_unref(entry->new_options);
    qobject_unref(entry->state.options);
    qobject_unref(entry->state.explicit_options);
}

/*
 * A node that is queued twice, on two ways through the graph, is reopened once,
 * with the options given last.
 */
static ReopenEntry *add_entry(BlockReopenQueue *queue, BlockDriverState *bs)
{
    ReopenEntry *entry = bdrv_reopen_find(queue, bs);

    if (entry) {
        free_options(entry);
        return entry;
    }
    entry = g_new0(ReopenEntry, 1);
    bdrv_ref(bs);
    entry->state.bs = bs;
    QTAILQ_INSERT_TAIL(&queue->entries, entry, next);
    bdrv_drained_begin(bs);
    return entry;
}

/*
 * Requests go on only now, when all nodes have their new state, or all the old.
 */
static void free_queue(BlockReopenQueue *queue)
{
    ReopenEntry *entry, *next;

    QTAILQ_FOREACH_SAFE(entry, &queue->entries, next, next) {
        free_options(entry);
        bdrv_drained_end(entry->state.bs);
        bdrv_unref(entry->state.bs);
        g_free(entry);
    }
    g_free(queue);
}

/* Adds entries of @from that @dst does not have; @from stays as it is. */
static void add_missing(QDict *dst, QDict *from)
{
    QDict *copy = qdict_clone_shallow(from);

    qdict_join(dst, copy, false);
    qobject_unref(copy);
}

static void queue_node(BlockReopenQueue *queue, BlockDriverState *bs,
                       QDict *options, bool keep_old_opts,
                       const BdrvChildRole *role, BDRVReopenState *parent,
                       QDict *parent_options);

/* @explicit_options and @options lose what belongs to the children. */
static void queue_children(BlockReopenQueue *queue, ReopenEntry *entry,
                           QDict *explicit_options, QDict *options)
{
    BlockDriverState *bs = entry->state.bs;
    BdrvChild *c;

    QLIST_FOREACH(c, &bs->children, next) {
        g_autofree char *prefix = g_strdup_printf("%s.", c->name);
        QDict *given;
        bool keep;

        if (c->bs->inherits_from != bs) {
            continue;
        }
        qdict_extract_subqdict(explicit_options, &given, prefix);
        qdict_extract_subqdict(options, NULL, prefix);
        keep = entry->keep_old_opts || qdict_size(given) == 0;
        queue_node(queue, c->bs, given, keep, c->role, &entry->state, options);
    }
}

/*
 * @options: what is given for this node, consumed.  @parent: whom it inherits
 * from with @role, or NULL.
 */
static void queue_node(BlockReopenQueue *queue, BlockDriverState *bs,
                       QDict *options, bool keep_old_opts,
                       const BdrvChildRole *role, BDRVReopenState *parent,
                       QDict *parent_options)
{
    ReopenEntry *entry = add_entry(queue, bs);
    QDict *explicit_options;
    int flags = bs->open_flags;

    if (keep_old_opts) {
        add_missing(options, bs->explicit_options);
    }
    explicit_options = qdict_clone_shallow(options);
    if (role) {
        role->inherit_options(&flags, options, parent->flags, parent_options);
    }
    if (keep_old_opts) {
        add_missing(options, bs->options);
    }
    bdrv_update_options_from_flags(options, bs->open_flags);

    entry->keep_old_opts = keep_old_opts;
    entry->state.flags = flags;
    entry->state.explicit_options = explicit_options;
    entry->new_options = options;
    /* Values that cannot be parsed are reported when it is prepared. */
    bdrv_update_flags_from_options(&entry->state.flags, options, NULL);
    entry->state.read_only = !(entry->state.flags & BDRV_O_RDWR);
    queue_children(queue, entry, explicit_options, options);
}

BlockReopenQueue *bdrv_reopen_queue(BlockReopenQueue *queue,
                                    BlockDriverState *bs, QDict *options,
                                    bool keep_old_opts)
{
    assert(!qemu_in_coroutine());
    if (!queue) {
        queue = g_new0(BlockReopenQueue, 1);
        QTAILQ_INIT(&queue->entries);
    }
    bdrv_graph_lock();
    queue_node(queue, bs, options ? options : qdict_new(), keep_old_opts, NULL,
               NULL, NULL);
    bdrv_graph_unlock();
    return queue;
}

/* ---- which options may change ------------------------------------------- */

static bool in_list(const char *key, const char *const *list)
{
    for (; list && *list; list++) {
        if (!strcmp(key, *list)) {
            return true;
        }
    }
    return false;
}

/* The layer's own options that reopening sets, without the driver's help. */
static const char *const layer_mutable_opts[] = {
    BDRV_OPT_CACHE_DIRECT,   BDRV_OPT_CACHE_NO_FLUSH, BDRV_OPT_READ_ONLY,
    BDRV_OPT_AUTO_READ_ONLY, BDRV_OPT_DISCARD,        NULL
};

static const char *const identity_opts[] = { "driver", "node-name", NULL };

/* Equal, or the same text as it would stand on a command line? */
static bool same_value(QObject *a, QObject *b)
{
    g_autofree char *a_text = qobject_scalar_text(a);
    g_autofree char *b_text = b ? qobject_scalar_text(b) : NULL;

    return qobject_is_equal(a, b) ||
           (a_text && b_text && !strcmp(a_text, b_text));
}

/* Is @value the present one of option @key of @bs? */
static bool is_unchanged(BlockDriverState *bs, const char *key, QObject *value)
{
    const char *text = qobject_get_try_str(value);
    BdrvChild *c;

    if (text && !strcmp(key, "driver")) {
        return bdrv_find_format(text) == bs->drv ||
               !strcmp(text, bs->drv->format_name);
    }
    if (text && !strcmp(key, "node-name")) {
        return !strcmp(text, bs->node_name);
    }
    QLIST_FOREACH(c, &bs->children, next) {
        if (text && !strcmp(key, c->name)) {
            return !strcmp(text, c->bs->node_name);
        }
    }
    return same_value(value, qdict_get(bs->options, key));
}

/* Options that are missing in the new set: may they fall back to defaults? */
static int check_missing(ReopenEntry *entry, Error **errp)
{
    BlockDriverState *bs = entry->state.bs;
    const QDictEntry *e;

    for (e = qdict_first(bs->options); e; e = qdict_next(bs->options, e)) {
        const char *key = qdict_entry_key(e);

        if (qdict_haskey(entry->new_options, key) ||
            in_list(key, layer_mutable_opts) ||
            in_list(key, bs->drv->mutable_opts)) {
            continue;
        }
        if (in_list(key, identity_opts)) {
            qdict_copy_default(entry->new_options, bs->options, key);
            continue;
        }
        error_setg(errp, "Option '%s' cannot be reset to its default value",
                   key);
        return -EINVAL;
    }
    return 0;
}

/* ---- prepare, commit, abort --------------------------------------------- */

/* The driver prepares, and has to know all options that would change. */
static int prepare_driver(ReopenEntry *entry, BlockReopenQueue *queue,
                          Error **errp)
{
    ERRP_GUARD();
    BDRVReopenState *state = &entry->state;
    BlockDriverState *bs = state->bs;
    const QDictEntry *e;
    int ret;

    if (!bs->drv->bdrv_reopen_prepare) {
        error_setg(errp,
                   "Block format '%s' used by node '%s' does not support "
                   "reopening files",
                   bs->drv->format_name, bs->node_name);
        return -ENOTSUP;
    }
    ret = bs->drv->bdrv_reopen_prepare(state, queue, errp);
    if (ret < 0) {
        if (!*errp) {
            error_setg_errno(errp, -ret, "Could not reopen '%s'",
                             bdrv_get_filename(bs));
        }
        return ret;
    }
    /* An error object with a good result is no error. */
    error_free(*errp);
    *errp = NULL;
    entry->prepared = true;
    for (e = qdict_first(state->options); e;
         e = qdict_next(state->options, e)) {
        if (!is_unchanged(bs, qdict_entry_key(e), qdict_entry_value(e))) {
            g_autofree char *hint =
                bdrv_hint_option(bs->drv, qdict_entry_key(e));

            error_setg(errp, "Cannot change the option '%s'",
                       qdict_entry_key(e));
            error_append_hint(errp, "%s", hint);
            return -EINVAL;
        }
    }
    return 0;
}

/*
 * All that can fail without the driver comes first, because what the driver has
 * prepared must be aborted.
 */
static int prepare_entry(ReopenEntry *entry, BlockReopenQueue *queue,
                         Error **errp)
{
    BlockDriverState *bs = entry->state.bs;
    int ret;

    if (!bs->drv) {
        error_setg(errp, "Node '%s' is not open", bs->node_name);
        return -ENOMEDIUM;
    }
    ret = bdrv_update_flags_from_options(&entry->state.flags,
                                         entry->new_options, errp);
    if (ret < 0) {
        return ret;
    }
    ret = bdrv_check_read_only(bs, entry->state.read_only, errp);
    if (ret < 0) {
        return ret;
    }
    ret = check_missing(entry, errp);
    if (ret < 0) {
        return ret;
    }
    ret = bdrv_flush(bs);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Error flushing node '%s'", bs->node_name);
        return ret;
    }
    entry->state.options = qdict_clone_shallow(entry->new_options);
    for (int i = 0; layer_mutable_opts[i]; i++) {
        qdict_del(entry->state.options, layer_mutable_opts[i]);
    }
    return prepare_driver(entry, queue, errp);
}

/*
 * Permissions are checked when all nodes are prepared, because a node that
 * becomes writable needs more of its children, which may become writable as
 * well.
 */
static int prepare_queue(BlockReopenQueue *queue, Error **errp)
{
    ReopenEntry *entry;
    int ret;

    QTAILQ_FOREACH(entry, &queue->entries, next) {
        ret = prepare_entry(entry, queue, errp);
        if (ret < 0) {
            return ret;
        }
    }
    QTAILQ_FOREACH(entry, &queue->entries, next) {
        BDRVReopenState *state = &entry->state;

        entry->checked = true;
        bdrv_get_cumulative_perm(state->bs, &state->perm, &state->shared_perm);
        ret = bdrv_check_perm(state->bs, queue, state->perm, state->shared_perm,
                              errp);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

/*
 * The driver comes first: it compares the state to be with the node's old
 * flags.
 */
static void commit_entry(ReopenEntry *entry)
{
    BlockDriverState *bs = entry->state.bs;

    if (bs->drv->bdrv_reopen_commit) {
        bs->drv->bdrv_reopen_commit(&entry->state);
    }
    qobject_unref(bs->explicit_options);
    qobject_unref(bs->options);
    bs->explicit_options = g_steal_pointer(&entry->state.explicit_options);
    bs->options = g_steal_pointer(&entry->new_options);
    bs->open_flags = entry->state.flags;
    bs->read_only = entry->state.read_only;
}

/* Children come before their parents, who may rely on them. */
static void commit_queue(BlockReopenQueue *queue)
{
    ReopenEntry *entry;

    QTAILQ_FOREACH_REVERSE(entry, &queue->entries, next) {
        commit_entry(entry);
    }
    QTAILQ_FOREACH(entry, &queue->entries, next) {
        bdrv_set_perm(entry->state.bs, entry->state.perm,
                      entry->state.shared_perm);
    }
    /*
     * The old length and limits were valid before, so an error of the driver
     * leaves them.
     */
    QTAILQ_FOREACH_REVERSE(entry, &queue->entries, next) {
        BlockDriverState *bs = entry->state.bs;

        bdrv_refresh_total_sectors(bs, bs->total_sectors);
        bdrv_refresh_limits(bs, NULL);
        bdrv_refresh_parent_limits(bs); /* they need not be in the queue */
        bdrv_refresh_filename(bs);
    }
}

/*
 * In reverse, so that each node finds what is above it as it was when it
 * prepared.
 */
static void abort_queue(BlockReopenQueue *queue)
{
    ReopenEntry *entry;

    QTAILQ_FOREACH_REVERSE(entry, &queue->entries, next) {
        BlockDriverState *bs = entry->state.bs;

        if (entry->checked) {
            bdrv_abort_perm_update(bs);
        }
        if (entry->prepared && bs->drv->bdrv_reopen_abort) {
            bs->drv->bdrv_reopen_abort(&entry->state);
        }
    }
}

int bdrv_reopen_multiple(BlockReopenQueue *queue, Error **errp)
{
    int ret;

    assert(!qemu_in_coroutine());
    bdrv_graph_lock();
    ret = prepare_queue(queue, errp);
    if (ret < 0) {
        abort_queue(queue);
    } else {
        commit_queue(queue);
    }
    free_queue(queue);
    bdrv_graph_unlock();
    return ret;
}

int bdrv_reopen_set_read_only(BlockDriverState *bs, bool read_only,
                              Error **errp)
{
    QDict *options = qdict_new();

    qdict_put_bool(options, BDRV_OPT_READ_ONLY, read_only);
    return bdrv_reopen_multiple(bdrv_reopen_queue(NULL, bs, options, true),
                                errp);
}

int bdrv_reopen_unchanged(BDRVReopenState *state, BlockReopenQueue *queue,
                          Error **errp)
{
    return 0;
}
