/* SPDX-License-Identifier: MIT */
/*
 * Nodes: the lock of the graph, the list of nodes, names and reference counts.
 *
 * Invariants:
 *   - A node is in the list from bdrv_new() until it is freed, and always has a
 *     name that is unique among the nodes of its AioContext.  No other thread
 *     is given a pointer to it.
 *   - Names that the layer makes begin with '#', names that users give do not.
 */
#include "qemu/osdep.h"
#include <pthread.h>
#include "block/core/node/node.h"
#include "block/aio.h"
#include "qapi/error.h"
#include "qemu/cutils.h"

/* ---- the lock ----------------------------------------------------------- */

/*
 * A recursive lock of a thread, whichever of its coroutines takes it.  The
 * mutex guards the two variables and is held for a moment only: so
 * ThreadSanitizer, to which each coroutine is a thread, can follow.
 */
static pthread_mutex_t graph_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t graph_unlocked = PTHREAD_COND_INITIALIZER;
static pthread_t graph_owner; /* meaningful while depth > 0 */
static unsigned graph_depth;

/*
 * Recursive, because opening a node opens its children; by thread and not by
 * coroutine, because drivers' statics are what it protects.
 */
void bdrv_graph_lock(void)
{
    pthread_t self = pthread_self();

    pthread_mutex_lock(&graph_mutex);
    while (graph_depth > 0 && !pthread_equal(graph_owner, self)) {
        pthread_cond_wait(&graph_unlocked, &graph_mutex);
    }
    graph_owner = self;
    graph_depth++;
    pthread_mutex_unlock(&graph_mutex);
}

void bdrv_graph_unlock(void)
{
    pthread_mutex_lock(&graph_mutex);
    assert(graph_depth > 0 && pthread_equal(graph_owner, pthread_self()));
    if (--graph_depth == 0) {
        pthread_cond_signal(&graph_unlocked);
    }
    pthread_mutex_unlock(&graph_mutex);
}

/* ---- all nodes ---------------------------------------------------------- */

/* A pthread mutex, not GLib's: ThreadSanitizer follows it. */
static pthread_mutex_t nodes_mutex = PTHREAD_MUTEX_INITIALIZER;
static QTAILQ_HEAD(, BlockDriverState) nodes = QTAILQ_HEAD_INITIALIZER(nodes);

BlockDriverState *bdrv_next_node(BlockDriverState *bs)
{
    AioContext *ctx = bs ? bs->aio_context : qemu_get_current_aio_context();

    pthread_mutex_lock(&nodes_mutex);
    bs = bs ? QTAILQ_NEXT(bs, node_list) : QTAILQ_FIRST(&nodes);
    /* Nodes of other threads may go as soon as the mutex is free. */
    while (bs && bs->aio_context != ctx) {
        bs = QTAILQ_NEXT(bs, node_list);
    }
    pthread_mutex_unlock(&nodes_mutex);
    return bs;
}

/* Also one that is being opened. */
static BlockDriverState *find_named(const char *node_name)
{
    BlockDriverState *bs;

    for (bs = bdrv_next_node(NULL); bs; bs = bdrv_next_node(bs)) {
        if (!bs->closing && !strcmp(bs->node_name, node_name)) {
            return bs;
        }
    }
    return NULL;
}

/* One that is being opened has no driver yet, so it must not get users. */
BlockDriverState *bdrv_find_node(const char *node_name)
{
    BlockDriverState *bs = find_named(node_name);

    return bs && !bs->opening ? bs : NULL;
}

/* ---- names -------------------------------------------------------------- */

/* A letter, then letters, digits, '-', '.' and '_'. */
static bool node_name_wellformed(const char *name)
{
    if (!g_ascii_isalpha(name[0])) {
        return false;
    }
    for (size_t i = 1; name[i]; i++) {
        if (!g_ascii_isalnum(name[i]) && !strchr("-._", name[i])) {
            return false;
        }
    }
    return true;
}

/* No user's name begins with '#', so a generated one is never a duplicate. */
static void generate_node_name(BlockDriverState *bs)
{
    static gint counter;

    snprintf(bs->node_name, sizeof(bs->node_name), "#block%03d",
             g_atomic_int_add(&counter, 1));
}

int bdrv_assign_node_name(BlockDriverState *bs, const char *node_name,
                          Error **errp)
{
    BlockDriverState *other;

    if (!node_name) {
        generate_node_name(bs);
        return 0;
    }
    if (!node_name_wellformed(node_name)) {
        error_setg(errp, "Invalid node-name: '%s'", node_name);
        return -EINVAL;
    }
    other = find_named(node_name);
    if (other && other != bs) {
        error_setg(errp, "Duplicate nodes with node-name='%s'", node_name);
        return -EINVAL;
    }
    if (strlen(node_name) >= sizeof(bs->node_name)) {
        error_setg(errp, "Node name too long");
        return -EINVAL;
    }
    pstrcpy(bs->node_name, sizeof(bs->node_name), node_name);
    return 0;
}

/* ---- life --------------------------------------------------------------- */

/*
 * It is in the list from the start, so that two nodes that are opened at the
 * same time cannot take the same name.
 */
BlockDriverState *bdrv_new(void)
{
    BlockDriverState *bs = g_new0(BlockDriverState, 1);

    QLIST_INIT(&bs->children);
    QLIST_INIT(&bs->parents);
    QLIST_INIT(&bs->tracked_requests);
    qemu_co_queue_init(&bs->flush_queue);
    bs->refcnt = 1;
    bs->aio_context = qemu_get_current_aio_context();
    aio_context_ref(bs->aio_context);
    generate_node_name(bs);
    pthread_mutex_lock(&nodes_mutex);
    QTAILQ_INSERT_TAIL(&nodes, bs, node_list);
    pthread_mutex_unlock(&nodes_mutex);
    return bs;
}

void bdrv_free(BlockDriverState *bs)
{
    assert(bs->refcnt == 1);
    assert(QLIST_EMPTY(&bs->parents));
    assert(QLIST_EMPTY(&bs->children));
    pthread_mutex_lock(&nodes_mutex);
    QTAILQ_REMOVE(&nodes, bs, node_list);
    pthread_mutex_unlock(&nodes_mutex);
    aio_context_unref(bs->aio_context);
    g_free(bs);
}

void bdrv_ref(BlockDriverState *bs)
{
    assert(bs->refcnt > 0);
    bs->refcnt++;
}
