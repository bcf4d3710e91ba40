/* SPDX-License-Identifier: MIT */
/* Calls of coroutine functions from where no coroutine is known to run. */
#include "checked-names.h"

static void direct(void)
{
    co_work(1);                                     /* finds: calls co_work */
}

static int through_field(const Table *table)
{
    return table->co_run(2);                        /* finds: calls co_run */
}

static int through_deref(const Table *table)
{
    return (*table->co_run)(3);                     /* finds: calls co_run */
}

static int through_parameter(int coroutine_fn (*run)(int))
{
    return run(4);                                  /* finds: calls run */
}

static int through_typedef(RunFunc *run)
{
    return run(5);                                  /* finds: calls run */
}

static int through_element(int i)
{
    static int coroutine_fn (*const all[])(int) = { co_work, NULL };

    return all[i](6);                               /* finds: calls all */
}

static int through_result(void)
{
    return co_choose()(7);                          /* finds: through a pointer */
}

static int in_an_argument(void)
{
    return plain_work(co_work(8));                  /* finds: calls co_work */
}

static int in_a_macro(void)
{
    return MAX(co_work(9), 0);                      /* finds: calls co_work */
}

static void the_other_branch(void)
{
    if (qemu_in_coroutine()) {
        plain_work(0);
    } else {
        co_work(10);                                /* finds: calls co_work */
    }
}

static void the_negation(void)
{
    if (!qemu_in_coroutine()) {
        co_work(11);                                /* finds: calls co_work */
    }
}

static void another_condition(bool other)
{
    if (qemu_in_coroutine() || other) {
        co_work(12);                                /* finds: calls co_work */
    }
}

static void after_the_branch(void)
{
    if (qemu_in_coroutine()) {
        plain_work(0);
    }
    co_work(13);                                    /* finds: calls co_work */
}

static void under_a_lock(CoMutex *lock)
{
    qemu_co_mutex_lock(lock);                       /* finds: qemu_co_mutex_lock */
    qemu_co_mutex_unlock(lock);                     /* finds: qemu_co_mutex_unlock */
}

static inline int inlined(void)
{
    int result = co_work(14);                       /* finds: calls co_work */

    for (int i = co_work(15); i < 3; i++) {         /* finds: calls co_work */
        switch (i) {
        case 1:
            result += co_work(16);                  /* finds: calls co_work */
        }
    }
    return ({ co_work(17); }) + result;             /* finds: calls co_work */
}

const void *const bad_calls[] = {
    direct, through_field, through_deref, through_parameter, through_typedef,
    through_element, through_result, in_an_argument, in_a_macro,
    the_other_branch, the_negation, another_condition, after_the_branch,
    under_a_lock, inlined,
};
