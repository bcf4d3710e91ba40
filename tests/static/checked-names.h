/* SPDX-License-Identifier: MIT */
/*
 * What the examples of check-coroutines.py call; nothing of it is built.
 */
#ifndef TESTS_STATIC_CHECKED_NAMES_H
#define TESTS_STATIC_CHECKED_NAMES_H

#include "qemu/osdep.h"
#include "block/aio.h"
#include "qemu/coroutine.h"

typedef int coroutine_fn RunFunc(int n);

/* A pointer of each kind, in an order that examples rely on. */
typedef struct Table {
    const char *name;
    int coroutine_fn (*co_run)(int n);
    int (*run)(int n);
} Table;

int coroutine_fn co_work(int n);
RunFunc *co_choose(void);
int plain_work(int n);
void take_marked(int coroutine_fn (*run)(int n));
void take_plain(int (*run)(int n));
void take_opaque(void *opaque);

#endif
