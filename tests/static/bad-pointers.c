/* SPDX-License-Identifier: MIT */
/* Addresses that lose the mark on the way, or gain it. */
#include "checked-names.h"

static const Table designated = {
    .run = co_work,                                 /* finds: co_work is coroutine_fn */
    .co_run = plain_work,                           /* finds: plain_work is not */
};

static const Table in_order = {
    "name",
    plain_work,                                     /* finds: plain_work is not */
    co_work,                                        /* finds: co_work is coroutine_fn */
};

static int (*const elements[])(int) = {
    plain_work,
    co_work,                                        /* finds: co_work is coroutine_fn */
    [3] = co_work,                                  /* finds: co_work is coroutine_fn */
};

static void entry_that_is_plain(void *opaque)
{
}

static void create(void)
{
    qemu_coroutine_create(entry_that_is_plain, NULL); /* finds: is not coroutine_fn */
}

static void pass(Table *table)
{
    take_plain(co_work);                            /* finds: co_work is coroutine_fn */
    take_plain(&co_work);                           /* finds: co_work is coroutine_fn */
    take_plain(table->co_run);                      /* finds: co_run is coroutine_fn */
    take_marked(plain_work);                        /* finds: plain_work is not */
    take_marked(table->run ? table->run : co_work); /* finds: run is not */
    take_opaque(co_work);                           /* finds: co_work is coroutine_fn */
    printf("%p\n", co_work);                        /* finds: co_work is coroutine_fn */
}

static void assign(Table *table)
{
    int (*run)(int) = table->co_run;                /* finds: co_run is coroutine_fn */
    void *any;

    run = co_work;                                  /* finds: co_work is coroutine_fn */
    table->run = co_choose();                       /* finds: co_choose is coroutine_fn */
    table->co_run = run;                            /* finds: run is not */
    any = co_work;                                  /* finds: co_work is coroutine_fn */
    take_opaque(any);
    *table = (Table) { .run = co_work };            /* finds: co_work is coroutine_fn */
}

static void cast(void)
{
    take_plain((int (*)(int))co_work);              /* finds: co_work is coroutine_fn */
    take_marked((RunFunc *)plain_work);             /* finds: plain_work is not */
    take_plain((RunFunc *)co_work);                 /* finds: is coroutine_fn */
    take_opaque((void *)(uintptr_t)co_work);        /* finds: co_work is coroutine_fn */
}

static void *give(void)
{
    return co_work;                                 /* finds: co_work is coroutine_fn */
}

static RunFunc *give_marked(void)
{
    return plain_work;                              /* finds: plain_work is not */
}

int marked_later(int n);

int coroutine_fn marked_later(int n)                /* finds: not where it is declared first */
{
    return n;
}

const void *const bad_pointers[] = {
    &designated, &in_order, elements, create, pass, assign, cast, give,
    give_marked,
};
