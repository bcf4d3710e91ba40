/* SPDX-License-Identifier: MIT */
/*
 * CoMutex, CoQueue, CoRwlock and the lock guards.
 *
 * Every test leaves as many live coroutines as it has found: finish() checks
 * that nobody is left in a waiting line.
 */
#include "qemu/osdep.h"
#include "qemu/coroutine.h"
#include "qemu/lockable.h"

/* Appends a letter to a log that a test compares in the end. */
static char event_log[64];
static unsigned live_before;

static void log_event(char c)
{
    size_t length = strlen(event_log);

    g_assert_cmpuint(length, <, sizeof(event_log) - 1);
    event_log[length] = c;
    event_log[length + 1] = '\0';
}

static void begin(void)
{
    event_log[0] = '\0';
    live_before = qemu_coroutine_live_count();
}

static void finish(const char *expected)
{
    g_assert_cmpstr(event_log, ==, expected);
    g_assert_cmpuint(qemu_coroutine_live_count(), ==, live_before);
}

static Coroutine *start(CoroutineEntry *entry, void *opaque)
{
    Coroutine *co = qemu_coroutine_create(entry, opaque);

    qemu_coroutine_enter(co);
    return co;
}

static void expect_abort(const char *pattern)
{
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr(pattern);
}

/* --- CoMutex --- */

/* A coroutine that holds a lock across a yield and logs its letter. */
typedef struct Member {
    CoMutex *mutex;
    CoRwlock *rwlock;
    CoQueue *queue;
    char name;
} Member;

static void coroutine_fn hold_mutex(void *opaque)
{
    Member *m = opaque;

    qemu_co_mutex_lock(m->mutex);
    log_event(m->name);
    qemu_coroutine_yield();
    qemu_co_mutex_unlock(m->mutex);
    log_event(g_ascii_toupper(m->name));
}

static void test_mutex_order(void)
{
    CoMutex mutex;
    Member m[4];
    Coroutine *co[4];
    int i;

    begin();
    qemu_co_mutex_init(&mutex);
    for (i = 0; i < 4; i++) {
        m[i] = (Member) { .mutex = &mutex, .name = 'a' + i };
        co[i] = start(hold_mutex, &m[i]);
    }
    for (i = 0; i < 4; i++) {
        qemu_coroutine_enter(co[i]);
    }
    finish("aAbBcCdD");
    g_assert_null(mutex.holder);
}

/* Unlocks and locks again at once: the one in line comes in between. */
static void coroutine_fn relock(void *opaque)
{
    Member *m = opaque;

    qemu_co_mutex_lock(m->mutex);
    log_event('1');
    qemu_coroutine_yield();
    qemu_co_mutex_unlock(m->mutex);
    log_event('2');
    qemu_co_mutex_lock(m->mutex);
    log_event('3');
    qemu_co_mutex_unlock(m->mutex);
}

static void test_mutex_no_overtaking(void)
{
    CoMutex mutex;
    Member greedy = { .mutex = &mutex };
    Member waiter = { .mutex = &mutex, .name = 'w' };
    Coroutine *first, *second;

    begin();
    qemu_co_mutex_init(&mutex);
    first = start(relock, &greedy);
    second = start(hold_mutex, &waiter);
    qemu_coroutine_enter(first);
    g_assert_cmpstr(event_log, ==, "12w");
    qemu_coroutine_enter(second);
    finish("12wW3");
}

/* The mutex changes hands on every unlock; the stack must not grow. */
#define CROWD 20
#define TURNS 5000

typedef struct Crowd {
    CoMutex mutex;
    unsigned count;
    unsigned *last;
} Crowd;

typedef struct CrowdMember {
    Crowd *crowd;
    unsigned turns;
} CrowdMember;

static void coroutine_fn take_turns(void *opaque)
{
    CrowdMember *me = opaque;
    Crowd *crowd = me->crowd;
    char *frame = NULL;
    unsigned i;

    for (i = 0; i < TURNS; i++) {
        char here;

        qemu_co_mutex_lock(&crowd->mutex);
        g_assert_true(crowd->last != &me->turns);
        g_assert_true(!frame || frame == &here);
        frame = &here;
        crowd->last = &me->turns;
        me->turns++;
        crowd->count++;
        qemu_co_mutex_unlock(&crowd->mutex);
    }
}

static void coroutine_fn open_gate(void *opaque)
{
    Crowd *crowd = opaque;

    qemu_co_mutex_lock(&crowd->mutex);
    qemu_coroutine_yield();
    qemu_co_mutex_unlock(&crowd->mutex);
}

static void test_mutex_chain(void)
{
    Crowd crowd = { .count = 0 };
    CrowdMember member[CROWD];
    Coroutine *gate;
    unsigned i;

    begin();
    qemu_co_mutex_init(&crowd.mutex);
    gate = start(open_gate, &crowd);
    for (i = 0; i < CROWD; i++) {
        member[i] = (CrowdMember) { .crowd = &crowd };
        start(take_turns, &member[i]);
    }
    g_assert_cmpuint(crowd.count, ==, 0);
    qemu_coroutine_enter(gate);
    g_assert_cmpuint(crowd.count, ==, CROWD * TURNS);
    finish("");
}

static void coroutine_fn lock_twice(void *opaque)
{
    CoMutex *mutex = opaque;

    qemu_co_mutex_lock(mutex);
    qemu_co_mutex_lock(mutex);
}

static void test_mutex_recursive(void)
{
    if (g_test_subprocess()) {
        CoMutex mutex;

        qemu_co_mutex_init(&mutex);
        start(lock_twice, &mutex);
        return;
    }
    expect_abort("*holder != self*");
}

static void coroutine_fn only_unlock(void *opaque)
{
    qemu_co_mutex_unlock(opaque);
}

static void test_mutex_foreign(void)
{
    if (g_test_subprocess()) {
        CoMutex mutex;
        Member m = { .mutex = &mutex, .name = 'x' };

        qemu_co_mutex_init(&mutex);
        start(hold_mutex, &m);
        start(only_unlock, &mutex);
        return;
    }
    expect_abort("*holder == self*");
}

static void coroutine_fn only_lock(void *opaque)
{
    qemu_co_mutex_lock(opaque);
}

static void test_mutex_kept(void)
{
    if (g_test_subprocess()) {
        CoMutex mutex;

        qemu_co_mutex_init(&mutex);
        start(only_lock, &mutex);
        return;
    }
    expect_abort("*locks_held*");
}

/* --- guards --- */

static int coroutine_fn guarded_return(CoMutex *mutex, bool early)
{
    QEMU_LOCK_GUARD(mutex);

    g_assert_true(mutex->holder == qemu_coroutine_self());
    if (early) {
        return 1;
    }
    g_assert_true(mutex->holder == qemu_coroutine_self());
    return 2;
}

static void coroutine_fn use_guards(void *opaque)
{
    CoMutex *mutex = opaque;
    int turns = 0;

    g_assert_cmpint(guarded_return(mutex, true), ==, 1);
    g_assert_null(mutex->holder);
    g_assert_cmpint(guarded_return(mutex, false), ==, 2);
    g_assert_null(mutex->holder);
    while (turns == 0) {
        QEMU_LOCK_GUARD(mutex);

        g_assert_true(mutex->holder == qemu_coroutine_self());
        turns++;
    }
    g_assert_null(mutex->holder);
    log_event('g');
}

static void test_guards(void)
{
    CoMutex mutex;

    begin();
    qemu_co_mutex_init(&mutex);
    start(use_guards, &mutex);
    finish("g");
}

/* --- CoQueue --- */

static void coroutine_fn wait_once(void *opaque)
{
    Member *m = opaque;

    if (m->mutex) {
        qemu_co_mutex_lock(m->mutex);
    }
    qemu_co_queue_wait(m->queue, m->mutex);
    log_event(m->name);
    if (m->mutex) {
        g_assert_true(m->mutex->holder == qemu_coroutine_self());
        qemu_co_mutex_unlock(m->mutex);
    }
}

static void start_waiters(Member *m, int n, CoQueue *queue, CoMutex *mutex)
{
    int i;

    for (i = 0; i < n; i++) {
        m[i] = (Member) { .queue = queue, .mutex = mutex, .name = 'a' + i };
        start(wait_once, &m[i]);
    }
}

static void test_queue_outside(void)
{
    CoQueue queue;
    Member m[3];

    begin();
    qemu_co_queue_init(&queue);
    g_assert_true(qemu_co_queue_empty(&queue));
    g_assert_false(qemu_co_queue_next(&queue));
    start_waiters(m, 3, &queue, NULL);
    g_assert_false(qemu_co_queue_empty(&queue));
    g_assert_true(qemu_co_queue_next(&queue));
    g_assert_cmpstr(event_log, ==, "a");
    qemu_co_queue_restart_all(&queue);
    g_assert_true(qemu_co_queue_empty(&queue));
    finish("abc");
}

static void coroutine_fn wake_inside(void *opaque)
{
    Member *m = opaque;

    g_assert_true(qemu_co_queue_next(m->queue));
    log_event('1');
    qemu_coroutine_yield();
    qemu_co_queue_restart_all(m->queue);
    g_assert_true(qemu_co_queue_empty(m->queue));
    log_event('2');
}

static void test_queue_inside(void)
{
    CoQueue queue;
    Member m[3];
    Member waker = { .queue = &queue };
    Coroutine *co;

    begin();
    qemu_co_queue_init(&queue);
    start_waiters(m, 3, &queue, NULL);
    co = start(wake_inside, &waker);
    g_assert_cmpstr(event_log, ==, "1a");
    qemu_coroutine_enter(co);
    finish("1a2bc");
}

/* The mutex is free during the wait, and held again after it. */
static void coroutine_fn signal_locked(void *opaque)
{
    Member *m = opaque;

    qemu_co_mutex_lock(m->mutex);
    qemu_co_queue_restart_all(m->queue);
    log_event('1');
    qemu_coroutine_yield();
    log_event('2');
    qemu_co_mutex_unlock(m->mutex);
}

static void test_queue_mutex(void)
{
    CoQueue queue;
    CoMutex mutex;
    Member m[3];
    Member waker = { .queue = &queue, .mutex = &mutex };
    Coroutine *co;

    begin();
    qemu_co_queue_init(&queue);
    qemu_co_mutex_init(&mutex);
    start_waiters(m, 3, &queue, &mutex);
    g_assert_null(mutex.holder);
    co = start(signal_locked, &waker);
    g_assert_cmpstr(event_log, ==, "1");
    qemu_coroutine_enter(co);
    finish("12abc");
    g_assert_null(mutex.holder);
}

static void coroutine_fn wait_twice(void *opaque)
{
    Member *m = opaque;

    qemu_co_queue_wait(m->queue, NULL);
    log_event(m->name);
    qemu_co_queue_wait(m->queue, NULL);
    log_event(g_ascii_toupper(m->name));
}

static void test_queue_rewait(void)
{
    CoQueue queue;
    Member a = { .queue = &queue, .name = 'a' };
    Member b = { .queue = &queue, .name = 'b' };

    begin();
    qemu_co_queue_init(&queue);
    start(wait_twice, &a);
    start(wait_twice, &b);
    qemu_co_queue_restart_all(&queue);
    g_assert_cmpstr(event_log, ==, "ab");
    qemu_co_queue_restart_all(&queue);
    finish("abAB");
}

/* --- CoRwlock --- */

static void coroutine_fn hold_read(void *opaque)
{
    Member *m = opaque;

    qemu_co_rwlock_rdlock(m->rwlock);
    log_event(m->name);
    qemu_coroutine_yield();
    qemu_co_rwlock_unlock(m->rwlock);
    log_event('.');
}

static void coroutine_fn hold_write(void *opaque)
{
    Member *m = opaque;

    qemu_co_rwlock_wrlock(m->rwlock);
    log_event(g_ascii_toupper(m->name));
    qemu_coroutine_yield();
    qemu_co_rwlock_unlock(m->rwlock);
    log_event('.');
}

/*
 * r and s share; w waits for both; t came after w and does not overtake it,
 * nor does x overtake t; t and u come in together, v after x.
 */
static void test_rwlock_fair(void)
{
    static const char names[] = "rsWtuXv";
    CoRwlock lock;
    Member m[7];
    Coroutine *co[7];
    int i;

    begin();
    qemu_co_rwlock_init(&lock);
    for (i = 0; i < 7; i++) {
        m[i] = (Member) { .rwlock = &lock, .name = names[i] };
        co[i] = start(g_ascii_isupper(names[i]) ? hold_write : hold_read,
                      &m[i]);
    }
    g_assert_cmpstr(event_log, ==, "rs");
    qemu_coroutine_enter(co[1]);
    g_assert_cmpstr(event_log, ==, "rs.");
    qemu_coroutine_enter(co[0]);
    g_assert_cmpstr(event_log, ==, "rs..W");
    qemu_coroutine_enter(co[2]);
    g_assert_cmpstr(event_log, ==, "rs..W.tu");
    qemu_coroutine_enter(co[3]);
    qemu_coroutine_enter(co[4]);
    g_assert_cmpstr(event_log, ==, "rs..W.tu..X");
    qemu_coroutine_enter(co[5]);
    qemu_coroutine_enter(co[6]);
    finish("rs..W.tu..X.v.");
    g_assert_cmpint(lock.owners, ==, 0);
}

static void coroutine_fn read_then_upgrade(void *opaque)
{
    Member *m = opaque;

    qemu_co_rwlock_rdlock(m->rwlock);
    log_event(m->name);
    qemu_coroutine_yield();
    qemu_co_rwlock_upgrade(m->rwlock);
    log_event(g_ascii_toupper(m->name));
    g_assert_cmpint(m->rwlock->owners, ==, -1);
    qemu_coroutine_yield();
    qemu_co_rwlock_unlock(m->rwlock);
    log_event('.');
}

static void test_rwlock_upgrade_alone(void)
{
    CoRwlock lock;
    Member m = { .rwlock = &lock, .name = 'u' };
    Coroutine *co;

    begin();
    qemu_co_rwlock_init(&lock);
    co = start(read_then_upgrade, &m);
    qemu_coroutine_enter(co);
    g_assert_cmpstr(event_log, ==, "uU");
    qemu_coroutine_enter(co);
    finish("uU.");
}

/* Two readers that both upgrade, and a writer that came before. */
static void test_rwlock_upgrade_two(void)
{
    CoRwlock lock;
    Member a = { .rwlock = &lock, .name = 'a' };
    Member b = { .rwlock = &lock, .name = 'b' };
    Member w = { .rwlock = &lock, .name = 'w' };
    Coroutine *co_a, *co_b, *co_w;

    begin();
    qemu_co_rwlock_init(&lock);
    co_a = start(read_then_upgrade, &a);
    co_b = start(read_then_upgrade, &b);
    co_w = start(hold_write, &w);
    qemu_coroutine_enter(co_b);
    g_assert_cmpstr(event_log, ==, "ab");
    qemu_coroutine_enter(co_a);
    g_assert_cmpstr(event_log, ==, "abW");
    qemu_coroutine_enter(co_w);
    g_assert_cmpstr(event_log, ==, "abW.B");
    qemu_coroutine_enter(co_b);
    g_assert_cmpstr(event_log, ==, "abW.B.A");
    qemu_coroutine_enter(co_a);
    finish("abW.B.A.");
}

static void coroutine_fn write_then_downgrade(void *opaque)
{
    Member *m = opaque;

    qemu_co_rwlock_wrlock(m->rwlock);
    log_event(g_ascii_toupper(m->name));
    qemu_coroutine_yield();
    qemu_co_rwlock_downgrade(m->rwlock);
    log_event(m->name);
    qemu_coroutine_yield();
    qemu_co_rwlock_unlock(m->rwlock);
    log_event('.');
}

/* Readers first in line come in, a writer and those behind it do not. */
static void test_rwlock_downgrade(void)
{
    CoRwlock lock;
    Member d = { .rwlock = &lock, .name = 'd' };
    Member r = { .rwlock = &lock, .name = 'r' };
    Member w = { .rwlock = &lock, .name = 'w' };
    Member s = { .rwlock = &lock, .name = 's' };
    Coroutine *co_d, *co_r, *co_w, *co_s;

    begin();
    qemu_co_rwlock_init(&lock);
    co_d = start(write_then_downgrade, &d);
    co_r = start(hold_read, &r);
    co_w = start(hold_write, &w);
    co_s = start(hold_read, &s);
    g_assert_cmpstr(event_log, ==, "D");
    qemu_coroutine_enter(co_d);
    g_assert_cmpstr(event_log, ==, "Ddr");
    g_assert_cmpint(lock.owners, ==, 2);
    qemu_coroutine_enter(co_r);
    g_assert_cmpstr(event_log, ==, "Ddr.");
    qemu_coroutine_enter(co_d);
    g_assert_cmpstr(event_log, ==, "Ddr..W");
    qemu_coroutine_enter(co_w);
    qemu_coroutine_enter(co_s);
    finish("Ddr..W.s.");
}

static void coroutine_fn unlock_free(void *opaque)
{
    qemu_co_rwlock_unlock(opaque);
}

static void test_rwlock_free(void)
{
    if (g_test_subprocess()) {
        CoRwlock lock;

        qemu_co_rwlock_init(&lock);
        start(unlock_free, &lock);
        return;
    }
    expect_abort("*locks_held > 0*");
}

/* --- random operations against a model --- */

#define ACTORS 24
#define STEPS  400

typedef struct Model {
    CoRwlock rwlock;
    CoMutex mutex;
    unsigned readers;
    unsigned writers;
    unsigned holders;
    unsigned done;
    Coroutine *ready[ACTORS]; /* those that have yielded to the test */
    unsigned nr_ready;
} Model;

/* Lets the test choose who goes on. */
static void coroutine_fn pause_here(Model *model)
{
    g_assert_true(model->writers <= 1);
    g_assert_true(model->writers == 0 || model->readers == 0);
    g_assert_true(model->holders <= 1);
    if (g_test_rand_bit()) {
        model->ready[model->nr_ready++] = qemu_coroutine_self();
        qemu_coroutine_yield();
    }
}

static void coroutine_fn random_mutex(Model *model)
{
    qemu_co_mutex_lock(&model->mutex);
    model->holders++;
    pause_here(model);
    model->holders--;
    qemu_co_mutex_unlock(&model->mutex);
}

static void coroutine_fn random_read(Model *model)
{
    qemu_co_rwlock_rdlock(&model->rwlock);
    model->readers++;
    pause_here(model);
    model->readers--;
    if (g_test_rand_bit()) {
        qemu_co_rwlock_upgrade(&model->rwlock);
        model->writers++;
        pause_here(model);
        model->writers--;
    }
    qemu_co_rwlock_unlock(&model->rwlock);
}

static void coroutine_fn random_write(Model *model)
{
    qemu_co_rwlock_wrlock(&model->rwlock);
    model->writers++;
    pause_here(model);
    model->writers--;
    if (g_test_rand_bit()) {
        qemu_co_rwlock_downgrade(&model->rwlock);
        model->readers++;
        pause_here(model);
        model->readers--;
    }
    qemu_co_rwlock_unlock(&model->rwlock);
}

static void coroutine_fn random_actor(void *opaque)
{
    Model *model = opaque;
    int i;

    for (i = 0; i < STEPS; i++) {
        switch (g_test_rand_int_range(0, 3)) {
        case 0:
            random_mutex(model);
            break;
        case 1:
            random_read(model);
            break;
        default:
            random_write(model);
            break;
        }
        pause_here(model);
    }
    model->done++;
}

static void test_random(void)
{
    Model model = { .done = 0 };
    unsigned i;

    begin();
    qemu_co_rwlock_init(&model.rwlock);
    qemu_co_mutex_init(&model.mutex);
    for (i = 0; i < ACTORS; i++) {
        start(random_actor, &model);
    }
    /* Nobody is lost: as long as some are not done, some are ready. */
    while (model.done < ACTORS) {
        Coroutine *co;

        g_assert_cmpuint(model.nr_ready, >, 0);
        i = g_test_rand_int_range(0, model.nr_ready);
        co = model.ready[i];
        model.ready[i] = model.ready[--model.nr_ready];
        qemu_coroutine_enter(co);
    }
    g_assert_cmpint(model.rwlock.owners, ==, 0);
    g_assert_null(model.mutex.holder);
    finish("");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/co-mutex/order", test_mutex_order);
    g_test_add_func("/co-mutex/no-overtaking", test_mutex_no_overtaking);
    g_test_add_func("/co-mutex/chain", test_mutex_chain);
    g_test_add_func("/co-mutex/recursive", test_mutex_recursive);
    g_test_add_func("/co-mutex/foreign", test_mutex_foreign);
    g_test_add_func("/co-mutex/kept", test_mutex_kept);
    g_test_add_func("/co-mutex/guards", test_guards);
    g_test_add_func("/co-queue/outside", test_queue_outside);
    g_test_add_func("/co-queue/inside", test_queue_inside);
    g_test_add_func("/co-queue/mutex", test_queue_mutex);
    g_test_add_func("/co-queue/rewait", test_queue_rewait);
    g_test_add_func("/co-rwlock/fair", test_rwlock_fair);
    g_test_add_func("/co-rwlock/upgrade-alone", test_rwlock_upgrade_alone);
    g_test_add_func("/co-rwlock/upgrade-two", test_rwlock_upgrade_two);
    g_test_add_func("/co-rwlock/downgrade", test_rwlock_downgrade);
    g_test_add_func("/co-rwlock/free", test_rwlock_free);
    g_test_add_func("/co-locks/random", test_random);
    return g_test_run();
}
