/* SPDX-License-Identifier: MIT */
/*
 * Features of the compiler beyond the language: attributes, branch hints,
 * token pasting, compile-time checks and container_of().
 *
 * Everything here is a macro and costs nothing at run time.  gcc and clang
 * both accept each of them.
 */
#ifndef QEMU_COMPILER_H
#define QEMU_COMPILER_H

#include <stddef.h>

#define QEMU_PACKED __attribute__((packed))
#define QEMU_NORETURN __attribute__((__noreturn__))
#define QEMU_WARN_UNUSED_RESULT __attribute__((warn_unused_result))

/* The n-th argument is a printf format, its values begin with the m-th. */
#if defined(__clang__)
#define GCC_FMT_ATTR(n, m) __attribute__((format(printf, n, m)))
#else
#define GCC_FMT_ATTR(n, m) __attribute__((format(gnu_printf, n, m)))
#endif

#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

/* Paste and quote after expansion of the arguments. */
#ifndef glue
#define glue_expanded_(x, y) x##y
#define glue(x, y) glue_expanded_(x, y)
#define stringify_expanded_(s) #s
#define stringify(s) stringify_expanded_(s)
#endif

/* The type of a structure's member. */
#define typeof_field(type, field) __typeof__(((type *)0)->field)

/*
 * From a pointer to a member to the structure that holds it.  @ptr must have
 * the member's type (or be a pointer to void).
 */
#ifndef container_of
#define container_of(ptr, type, member) __extension__({                 \
        const typeof_field(type, member) *container_member_ = (ptr);    \
        (type *)((char *)container_member_ - offsetof(type, member)); })
#endif

/* Refuses to compile when @x is true; stands where a declaration may. */
#define QEMU_BUILD_BUG_ON(x) \
    _Static_assert(!(x), "not expecting: " #x)
/* The same as an expression of value 0. */
#define QEMU_BUILD_BUG_ON_ZERO(x) \
    (sizeof(struct { int : (x) ? -1 : 1; }) - sizeof(struct { int : 1; }))

#endif
