/* SPDX-License-Identifier: MIT */
/*
 * Functions that register themselves before main() and run when the program
 * initialises the part they belong to.
 *
 * Registering only queues.  Each queued function runs exactly once, in the
 * order of registration.  An object file that nothing refers to is dropped from
 * a static library together with its constructor: link such objects directly
 * or with link_whole.
 */
#ifndef QEMU_MODULE_H
#define QEMU_MODULE_H

#include <stdbool.h>

/* The parts that there are; QEMU has further ones. */
typedef enum {
    MODULE_INIT_BLOCK,
    MODULE_INIT_MAX
} module_init_type;

/* Stands at the end of a driver's file; @function takes no argument. */
#define block_init(function)                                              \
static void __attribute__((constructor)) do_qemu_init_##function(void)    \
{                                                                         \
    register_module_init(function, MODULE_INIT_BLOCK);                    \
}

/* Queue @fn.  May be called before main(); plain, one thread at a time. */
void register_module_init(void (*fn)(void), module_init_type type);

/*
 * Run what was queued for @type and has not run yet.  A function that is
 * queued while this runs is run too.  Plain, one thread at a time.
 */
void module_call_init(module_init_type type);

/*
 * For drivers that have a part of themselves in a shared library, which they
 * load when an image needs it.  There are none here: loads nothing, false.
 */
static inline bool block_module_load_one(const char *name)
{
    return false;
}

#endif
