/* SPDX-License-Identifier: MIT */
/*
 * The queues of functions that wait for their part to be initialised.
 *
 * An entry is taken off its queue before its function runs, so that nothing
 * runs twice, whatever the function does.  The queues are initialised
 * statically: constructors use them in an order that is not defined.
 */
#include "qemu/osdep.h"
#include "qemu/module.h"
#include "qemu/queue.h"

typedef struct ModuleEntry {
    void (*init)(void);
    QSIMPLEQ_ENTRY(ModuleEntry) next;
} ModuleEntry;

typedef QSIMPLEQ_HEAD(ModuleQueue, ModuleEntry) ModuleQueue;

static ModuleQueue module_queues[MODULE_INIT_MAX] = {
    QSIMPLEQ_HEAD_INITIALIZER(module_queues[MODULE_INIT_BLOCK]),
};

void register_module_init(void (*fn)(void), module_init_type type)
{
    ModuleEntry *entry = g_new0(ModuleEntry, 1);

    assert(type < MODULE_INIT_MAX);
    entry->init = fn;
    QSIMPLEQ_INSERT_TAIL(&module_queues[type], entry, next);
}

void module_call_init(module_init_type type)
{
    ModuleQueue *queue = &module_queues[type];

    assert(type < MODULE_INIT_MAX);
    /* Asked again each time, because a function may have queued another. */
    while (!QSIMPLEQ_EMPTY(queue)) {
        g_autofree ModuleEntry *entry = QSIMPLEQ_FIRST(queue);

        QSIMPLEQ_REMOVE_HEAD(queue, next);
        entry->init();
    }
}
