/* SPDX-License-Identifier: MIT */
/* Nothing is wrong here: every form that the rules allow. */
#include "checked-names.h"

static const Table table = {
    .name = "good",
    .co_run = co_work,
    .run = plain_work,
};

static const Table in_order = { "good", co_work, plain_work };

static int coroutine_fn (*const elements[])(int) = { co_work, NULL };

typedef struct Work {
    const Table *table;
    int (*plain)(int);
    int ret;
    bool done;
} Work;

static int coroutine_fn calls(const Table *t, RunFunc *run, int i)
{
    CoMutex lock;

    qemu_co_mutex_init(&lock);
    qemu_co_mutex_lock(&lock);
    i += t->co_run(1) + (*t->co_run)(2) + run(3) + co_choose()(4);
    i += elements[0](5) + plain_work(co_work(6)) + t->run(7);
    qemu_co_mutex_unlock(&lock);
    return i;
}

static void coroutine_fn entry(void *opaque)
{
    Work *work = opaque;
    RunFunc *run = work->table->co_run;

    work->plain = work->table->run;
    if (!run || run == co_work) {
        run = work->table->co_run ?: co_work;
    }
    take_marked(run);
    take_marked(NULL);
    take_marked(&co_work);
    take_marked((RunFunc *)co_work);
    work->ret = calls(work->table, run, 0);
    work->done = true;
}

/* A mixed function: its first branch is a coroutine, the second is not. */
static int mixed(AioContext *ctx)
{
    Work work = { .table = &table };

    if (qemu_in_coroutine()) {
        entry(&work);
    } else {
        qemu_coroutine_enter(qemu_coroutine_create(entry, &work));
        while (!work.done) {
            aio_poll(ctx, true);
        }
    }
    return work.ret;
}

static bool tests(const Table *t)
{
    return t->co_run;
}

static RunFunc *gives(const Table *t)
{
    return t->co_run && t->co_run != co_work ? t->co_run : NULL;
}

static int blocks(int fd)
{
    take_plain(plain_work);
    return fsync(fd);
}

static void excused(void)
{
    /* check-coroutines: off, it aborts */
    qemu_coroutine_yield();
    qemu_coroutine_yield(); /* check-coroutines: off, it aborts */
}

const void *const good[] = {
    &in_order, mixed, tests, gives, blocks, excused,
};
