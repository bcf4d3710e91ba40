/* SPDX-License-Identifier: MIT */
/*
 * The stacks of coroutines and the switch between them.  The only file that
 * knows how a switch is done, and what sanitizers and valgrind want to know
 * about it.
 *
 * Invariants:
 * - One mapping holds a guard that cannot be accessed, the stack, and above
 *   it, where an overflow does not reach, the CoStack.
 * - Between two switches, a stack that does not run is left in
 *   switch_context(), or is new.
 * - A stack is unmapped only after its own last switch has informed the
 *   sanitizers that it ends.
 */

/* longjmp() to another stack is what the checking variant aborts for. */
#undef _FORTIFY_SOURCE

#include "qemu/osdep.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "qemu/coroutine_int.h"
#include "qemu/error-report.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define CO_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define CO_TSAN 1
#include <sanitizer/tsan_interface.h>
#endif
#ifdef CONFIG_VALGRIND_H
#include <valgrind/valgrind.h>
#endif

/*
 * Foreign drivers may put 512 KiB on a stack.  The guard is larger than a page,
 * because a function with a large frame may skip one.
 */
#define STACK_SIZE (1024 * 1024)
#define GUARD_SIZE (64 * 1024)

/* A stack that can be switched to: a coroutine's, or a thread's own. */
typedef struct CoStack {
    Coroutine base; /* first member; unused for a thread's own stack */
    char *map;      /* the mapping; NULL for a thread's own stack */
    size_t map_size;
    bool ends;      /* the next switch to it is its last */
#ifdef CO_TSAN
    ucontext_t context;
    void *fiber;
#else
    sigjmp_buf env;
#endif
#ifdef CO_ASAN
    const void *bottom; /* of the stack; a thread's own is learnt */
    size_t size;
#endif
#ifdef CONFIG_VALGRIND_H
    unsigned valgrind_id;
#endif
} CoStack;

/* Handed from one side of a switch to the other. */
typedef struct CoSwitch {
    CoStack own;   /* the thread's own stack */
    CoStack *from; /* who has switched last */
    CoStack *to;   /* to whom */
} CoSwitch;

static __thread CoSwitch this_switch;
static unsigned stack_count; /* atomic */

/* Not inlined, so that no address is kept in a register across a switch. */
static __attribute__((noinline)) CoSwitch *co_switch_data(void)
{
    CoSwitch *data = &this_switch;

    __asm__ volatile("" : "+r"(data));
    return data;
}

static CoStack *stack_of(Coroutine *co)
{
    return co ? (CoStack *)co : &co_switch_data()->own;
}

/* --- the tools' view --- */

/* Right before a switch; @last: @from will not run any more. */
static void annotate_leave(CoStack *from, CoStack *to, void **save, bool last)
{
    CoSwitch *data = co_switch_data();

    data->from = from;
    data->to = to;
#ifdef CO_ASAN
    __sanitizer_start_switch_fiber(last ? NULL : save, to->bottom, to->size);
#endif
#ifdef CO_TSAN
    if (!from->fiber) {
        from->fiber = __tsan_get_current_fiber();
    }
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
}

/* Right after a switch; @save as annotate_leave() has set it, NULL if new. */
static void annotate_arrive(void *save)
{
#ifdef CO_ASAN
    CoStack *from = co_switch_data()->from;

    __sanitizer_finish_switch_fiber(save, &from->bottom, &from->size);
#endif
}

static void annotate_new(CoStack *stack, char *bottom, size_t size)
{
#ifdef CO_ASAN
    stack->bottom = bottom;
    stack->size = size;
#endif
#ifdef CO_TSAN
    stack->fiber = __tsan_create_fiber(0);
#endif
#ifdef CONFIG_VALGRIND_H
    stack->valgrind_id = VALGRIND_STACK_REGISTER(bottom, bottom + size);
#endif
}

static void annotate_delete(CoStack *stack)
{
#ifdef CO_ASAN
    ASAN_UNPOISON_MEMORY_REGION(stack->map, stack->map_size);
#endif
#ifdef CO_TSAN
    __tsan_destroy_fiber(stack->fiber);
#endif
#ifdef CONFIG_VALGRIND_H
    VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
#endif
}

#ifdef CO_ASAN
/*
 * For exit() inside a coroutine: the leak checker looks for pointers on the
 * stack that runs only; has it look at those that wait for it, too.
 */
static void show_entered_stacks(void)
{
    CoStack *own = &co_switch_data()->own;
    Coroutine *co;

    for (co = qemu_coroutine_self(); co; co = co->caller) {
        CoStack *stack = stack_of(co);
        char *end = stack->map + stack->map_size;

        __lsan_register_root_region(stack->bottom,
                                    end - (const char *)stack->bottom);
    }
    if (own->bottom) {
        __lsan_register_root_region(own->bottom, own->size);
    }
}

/* After the checker's own start, so that this runs before its check. */
static __attribute__((constructor)) void register_exit_hook(void)
{
    atexit(show_entered_stacks);
}
#endif

/* --- the switch --- */

/* Leaves @from for @to, which has run before; returns when @from is resumed. */
static __attribute__((noinline)) void
switch_context(CoStack *from, CoStack *to, bool last)
{
    void *save = NULL;

    annotate_leave(from, to, &save, last);
#ifdef CO_TSAN
    if (swapcontext(&from->context, &to->context) < 0) {
        abort();
    }
#else
    if (sigsetjmp(from->env, 0) == 0) {
        siglongjmp(to->env, 1);
    }
#endif
    annotate_arrive(save);
}

/* The first and only function on a coroutine's stack. */
static void stack_main(void)
{
    CoStack *self;
    CoStack *next;

    annotate_arrive(NULL);
    self = co_switch_data()->to;
    next = co_switch_data()->from;
    for (;;) {
        switch_context(self, next, self->ends);
        next = self->ends ? co_switch_data()->from
                          : stack_of(coroutine_main(&self->base));
    }
}

/* Puts @stack into stack_main() and lets that run to its first switch. */
static __attribute__((noinline)) void
stack_start(CoStack *stack, char *bottom, size_t size)
{
    CoStack *self = stack_of(qemu_coroutine_self());
    void *save = NULL;
#ifdef CO_TSAN
    ucontext_t *context = &stack->context;
#else
    ucontext_t once;
    ucontext_t *context = &once;
#endif

    if (getcontext(context) < 0) {
        abort();
    }
    context->uc_stack.ss_sp = bottom;
    context->uc_stack.ss_size = size;
    context->uc_link = NULL;
    makecontext(context, stack_main, 0);
    annotate_leave(self, stack, &save, false);
#ifdef CO_TSAN
    if (swapcontext(&self->context, context) < 0) {
        abort();
    }
#else
    if (sigsetjmp(self->env, 0) == 0) {
        setcontext(context);
        abort();
    }
#endif
    annotate_arrive(save);
}

void coroutine_switch(Coroutine *from, Coroutine *to)
{
    switch_context(stack_of(from), stack_of(to), false);
}

/* --- stacks --- */

Coroutine *coroutine_stack_new(void)
{
    size_t guard = ROUND_UP(GUARD_SIZE, qemu_real_host_page_size);
    size_t size = ROUND_UP(STACK_SIZE, qemu_real_host_page_size);
    size_t map_size =
        guard + size + ROUND_UP(sizeof(CoStack), qemu_real_host_page_size);
    char *map = mmap(NULL, map_size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE,
                     -1, 0);
    CoStack *stack;

    if (map == MAP_FAILED || mprotect(map, guard, PROT_NONE) < 0) {
        /* No caller could go on without it, and none is at fault. */
        error_report("cannot map a coroutine's stack: %s", strerror(errno));
        exit(1);
    }
    stack = (CoStack *)(map + guard + size);
    stack->map = map;
    stack->map_size = map_size;
    annotate_new(stack, map + guard, size);
    stack_start(stack, map + guard, size);
    __atomic_fetch_add(&stack_count, 1, __ATOMIC_RELAXED);
    return &stack->base;
}

void coroutine_stack_delete(Coroutine *co)
{
    CoStack *stack = (CoStack *)co;
    char *map = stack->map;
    size_t map_size = stack->map_size;

    assert(co->state == CO_STATE_ENDED);
#ifdef CO_ASAN
    /* The stack itself must leave for good, to free what ASan keeps for it. */
    stack->ends = true;
    switch_context(stack_of(qemu_coroutine_self()), stack, false);
#endif
    annotate_delete(stack);
    munmap(map, map_size);
    __atomic_fetch_sub(&stack_count, 1, __ATOMIC_RELAXED);
}

unsigned qemu_coroutine_stack_count(void)
{
    return __atomic_load_n(&stack_count, __ATOMIC_RELAXED);
}
