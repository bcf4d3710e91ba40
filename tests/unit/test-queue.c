/* SPDX-License-Identifier: MIT */
/*
 * Tests of qemu/queue.h: each family against a plain array through random
 * operations, and the static initialisers.
 */
#include "qemu/osdep.h"
#include "qemu/queue.h"

enum { ITEMS = 12, STEPS = 20000 };

typedef struct Item {
    int id;
    QLIST_ENTRY(Item) l;
    QSIMPLEQ_ENTRY(Item) q;
    QTAILQ_ENTRY(Item) t;
} Item;

/* The expected order. */
typedef struct Model {
    int ids[ITEMS];
    int n;
} Model;

static void model_insert(Model *m, int at, int id)
{
    memmove(m->ids + at + 1, m->ids + at, (m->n - at) * sizeof(int));
    m->ids[at] = id;
    m->n++;
}

static int model_find(const Model *m, int id)
{
    int i;

    for (i = 0; i < m->n; i++) {
        if (m->ids[i] == id) {
            return i;
        }
    }
    return -1;
}

static void model_remove(Model *m, int at)
{
    m->n--;
    memmove(m->ids + at, m->ids + at + 1, (m->n - at) * sizeof(int));
}

/* An item that is on the list, at random. */
static Item *model_pick(const Model *m, Item *items)
{
    return &items[m->ids[g_test_rand_int_range(0, m->n)]];
}

/* The initialiser must be a constant with the list itself as argument. */
typedef struct Holder {
    const char *name;
    QTAILQ_HEAD(, Item) head;
} Holder;

static Holder static_holder = {
    .name = "x",
    .head = QTAILQ_HEAD_INITIALIZER(static_holder.head),
};
static QSIMPLEQ_HEAD(, Item)
    static_simpleq = QSIMPLEQ_HEAD_INITIALIZER(static_simpleq);
static QLIST_HEAD(, Item) static_list = QLIST_HEAD_INITIALIZER(static_list);

static void test_static(void)
{
    Item a = { 1 }, b = { 2 };

    g_assert_null(QTAILQ_LAST(&static_holder.head));
    QTAILQ_INSERT_TAIL(&static_holder.head, &a, t);
    QTAILQ_INSERT_TAIL(&static_holder.head, &b, t);
    g_assert_true(QTAILQ_LAST(&static_holder.head) == &b);
    g_assert_true(QTAILQ_IN_USE(&a, t));
    QTAILQ_REMOVE(&static_holder.head, &a, t);
    QTAILQ_REMOVE(&static_holder.head, &b, t);
    g_assert_false(QTAILQ_IN_USE(&a, t));
    g_assert_true(QTAILQ_EMPTY(&static_holder.head));
    QSIMPLEQ_INSERT_TAIL(&static_simpleq, &a, q);
    g_assert_true(QSIMPLEQ_FIRST(&static_simpleq) == &a);
    QLIST_INSERT_HEAD(&static_list, &a, l);
    g_assert_true(QLIST_FIRST(&static_list) == &a);
    QSIMPLEQ_INIT(&static_simpleq);
    QLIST_INIT(&static_list);
}

typedef QTAILQ_HEAD(TailHead, Item) TailHead;

static void check_tailq(TailHead *head, const Model *m)
{
    Item *item, *prev = NULL;
    int i = 0;

    QTAILQ_FOREACH(item, head, t) {
        g_assert_cmpint(item->id, ==, m->ids[i++]);
        g_assert_true(QTAILQ_PREV(item, t) == prev);
        prev = item;
    }
    g_assert_cmpint(i, ==, m->n);
    g_assert_true(QTAILQ_LAST(head) == prev);
    QTAILQ_FOREACH_REVERSE(item, head, t) {
        g_assert_cmpint(item->id, ==, m->ids[--i]);
    }
    g_assert_cmpint(i, ==, 0);
    g_assert_cmpint(QTAILQ_EMPTY(head), ==, m->n == 0);
}

static void tailq_insert(TailHead *head, Model *m, Item *items, Item *item)
{
    Item *other = m->n ? model_pick(m, items) : NULL;
    int at = other ? model_find(m, other->id) : 0;
    int how = g_test_rand_int_range(0, other ? 4 : 2);

    if (how == 0) {
        QTAILQ_INSERT_HEAD(head, item, t);
        model_insert(m, 0, item->id);
    } else if (how == 1) {
        QTAILQ_INSERT_TAIL(head, item, t);
        model_insert(m, m->n, item->id);
    } else if (how == 2) {
        QTAILQ_INSERT_AFTER(head, other, item, t);
        model_insert(m, at + 1, item->id);
    } else {
        QTAILQ_INSERT_BEFORE(other, item, t);
        model_insert(m, at, item->id);
    }
}

static void test_tailq(void)
{
    Item items[ITEMS] = { 0 };
    TailHead head;
    Item *item, *next;
    Model m = { .n = 0 };
    int step;

    QTAILQ_INIT(&head);
    for (step = 0; step < STEPS; step++) {
        int id = g_test_rand_int_range(0, ITEMS);
        int at = model_find(&m, id);

        items[id].id = id;
        if (at < 0) {
            tailq_insert(&head, &m, items, &items[id]);
        } else {
            QTAILQ_REMOVE(&head, &items[id], t);
            model_remove(&m, at);
        }
        check_tailq(&head, &m);
    }
    QTAILQ_FOREACH_REVERSE_SAFE(item, &head, t, next) {
        if (item->id % 2) {
            QTAILQ_REMOVE(&head, item, t);
            model_remove(&m, model_find(&m, item->id));
        }
    }
    check_tailq(&head, &m);
    QTAILQ_FOREACH_SAFE(item, &head, t, next) {
        QTAILQ_REMOVE(&head, item, t);
    }
    g_assert_true(QTAILQ_EMPTY(&head));
}

typedef QLIST_HEAD(ListHead, Item) ListHead;

static void check_list(ListHead *head, const Model *m)
{
    Item *item;
    int i = 0;

    QLIST_FOREACH(item, head, l) {
        g_assert_cmpint(item->id, ==, m->ids[i++]);
        g_assert_true(*item->l.le_prev == item);
    }
    g_assert_cmpint(i, ==, m->n);
    g_assert_cmpint(QLIST_EMPTY(head), ==, m->n == 0);
}

static void list_insert(ListHead *head, Model *m, Item *items, Item *item)
{
    Item *other = m->n ? model_pick(m, items) : NULL;
    int at = other ? model_find(m, other->id) : 0;
    int how = g_test_rand_int_range(0, other ? 3 : 1);

    if (how == 0) {
        QLIST_INSERT_HEAD(head, item, l);
        model_insert(m, 0, item->id);
    } else if (how == 1) {
        QLIST_INSERT_AFTER(other, item, l);
        model_insert(m, at + 1, item->id);
    } else {
        QLIST_INSERT_BEFORE(other, item, l);
        model_insert(m, at, item->id);
    }
}

static void test_list(void)
{
    Item items[ITEMS] = { 0 };
    ListHead heads[2];
    ListHead *head = &heads[0];
    Item *item, *next;
    Model m = { .n = 0 };
    int step;

    QLIST_INIT(head);
    for (step = 0; step < STEPS; step++) {
        int id = g_test_rand_int_range(0, ITEMS);
        int at = model_find(&m, id);

        items[id].id = id;
        g_assert_cmpint(QLIST_IS_INSERTED(&items[id], l), ==, at >= 0);
        if (at < 0) {
            list_insert(head, &m, items, &items[id]);
        } else {
            QLIST_SAFE_REMOVE(&items[id], l);
            QLIST_SAFE_REMOVE(&items[id], l);
            model_remove(&m, at);
        }
        if (step % 100 == 0) {
            ListHead *other = head == heads ? heads + 1 : heads;

            QLIST_MOVE(other, head, l);
            g_assert_true(QLIST_EMPTY(head));
            head = other;
        }
        check_list(head, &m);
    }
    QLIST_FOREACH_SAFE(item, head, l, next) {
        QLIST_REMOVE(item, l);
        model_remove(&m, 0);
        check_list(head, &m);
    }
}

typedef QSIMPLEQ_HEAD(SimpleHead, Item) SimpleHead;

/* The argument of a removal is evaluated once. */
static void test_list_remove_first(void)
{
    ListHead head = QLIST_HEAD_INITIALIZER(head);
    Item items[4] = { { 0 } };

    for (int i = 3; i >= 0; i--) {
        QLIST_INSERT_HEAD(&head, &items[i], l);
    }
    QLIST_REMOVE(QLIST_FIRST(&head), l);
    g_assert_true(QLIST_FIRST(&head) == &items[1]);
    g_assert_false(QLIST_IS_INSERTED(&items[0], l));
    QLIST_SAFE_REMOVE(QLIST_FIRST(&head), l);
    g_assert_true(QLIST_FIRST(&head) == &items[2]);
    g_assert_true(QLIST_NEXT(&items[2], l) == &items[3]);
    g_assert_false(QLIST_IS_INSERTED(&items[1], l));
}

static void check_simpleq(SimpleHead *head, const Model *m)
{
    Item *item;
    Item **last = &head->sqh_first;
    int i = 0;

    QSIMPLEQ_FOREACH(item, head, q) {
        g_assert_cmpint(item->id, ==, m->ids[i++]);
        last = &item->q.sqe_next;
    }
    g_assert_cmpint(i, ==, m->n);
    g_assert_true(head->sqh_last == last);
    g_assert_cmpint(QSIMPLEQ_EMPTY(head), ==, m->n == 0);
}

static void simpleq_insert(SimpleHead *head, Model *m, Item *items, Item *item)
{
    Item *other = m->n ? model_pick(m, items) : NULL;
    int how = g_test_rand_int_range(0, other ? 3 : 2);

    if (how == 0) {
        QSIMPLEQ_INSERT_HEAD(head, item, q);
        model_insert(m, 0, item->id);
    } else if (how == 1) {
        QSIMPLEQ_INSERT_TAIL(head, item, q);
        model_insert(m, m->n, item->id);
    } else {
        QSIMPLEQ_INSERT_AFTER(head, other, item, q);
        model_insert(m, model_find(m, other->id) + 1, item->id);
    }
}

static void test_simpleq(void)
{
    Item items[ITEMS] = { 0 };
    SimpleHead head;
    Item *item, *next;
    Model m = { .n = 0 };
    int step;

    QSIMPLEQ_INIT(&head);
    for (step = 0; step < STEPS; step++) {
        int id = g_test_rand_int_range(0, ITEMS);
        int at = model_find(&m, id);

        items[id].id = id;
        if (at < 0) {
            simpleq_insert(&head, &m, items, &items[id]);
        } else if (at == 0) {
            QSIMPLEQ_REMOVE_HEAD(&head, q);
            model_remove(&m, 0);
        } else {
            QSIMPLEQ_REMOVE(&head, &items[id], Item, q);
            model_remove(&m, at);
        }
        check_simpleq(&head, &m);
    }
    QSIMPLEQ_FOREACH_SAFE(item, &head, q, next) {
        QSIMPLEQ_REMOVE(&head, item, Item, q);
        model_remove(&m, 0);
        check_simpleq(&head, &m);
    }
}

/* Join lists of @n1 and @n2 items, ids in order. */
static void join_simpleq(int n1, int n2, bool prepend)
{
    Item items[ITEMS] = { 0 };
    SimpleHead first, second;
    Model m = { .n = 0 };
    int i;

    QSIMPLEQ_INIT(&first);
    QSIMPLEQ_INIT(&second);
    for (i = 0; i < n1 + n2; i++) {
        items[i].id = i;
        QSIMPLEQ_INSERT_TAIL(i < n1 ? &first : &second, &items[i], q);
        model_insert(&m, !prepend || i < n1 ? i : i - n1, i);
    }
    if (prepend) {
        QSIMPLEQ_PREPEND(&first, &second);
    } else {
        QSIMPLEQ_CONCAT(&first, &second);
    }
    check_simpleq(&first, &m);
    m.n = 0;
    check_simpleq(&second, &m);
}

static void test_simpleq_join(void)
{
    int n1, n2;

    for (n1 = 0; n1 < 3; n1++) {
        for (n2 = 0; n2 < 3; n2++) {
            join_simpleq(n1, n2, false);
            join_simpleq(n1, n2, true);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/queue/static", test_static);
    g_test_add_func("/queue/tailq", test_tailq);
    g_test_add_func("/queue/list", test_list);
    g_test_add_func("/queue/list-remove-first", test_list_remove_first);
    g_test_add_func("/queue/simpleq", test_simpleq);
    g_test_add_func("/queue/simpleq-join", test_simpleq_join);
    return g_test_run();
}
