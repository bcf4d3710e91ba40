/* SPDX-License-Identifier: MIT */
/*
 * A library to be preloaded: one system call of a program fails as the
 * environment asks, below the file driver.
 *
 *   MINBLK_FAULT=CALL:N[+]:ERRNO   the N-th call of CALL fails with ERRNO, and
 *                                  with + all later ones, too; KILL for ERRNO
 *                                  is SIGKILL in place of the call, TERM is a
 *                                  SIGTERM just before it
 *   MINBLK_FAULT_LOG=FILE          FILE appears when a call has failed
 *
 * CALL is fdatasync, fsync, write (pwrite, pwritev, pwritev2), fallocate,
 * ftruncate, open, lock (a look at one, or taking it), submit (of requests to
 * io_uring), or any for all of them but open and lock.  Without
 * MINBLK_FAULT_URING io_uring is made to look as if the kernel lacked it; with
 * it, its requests count as calls, unless any are asked for, and a request that
 * fails does so with EBADF.
 *
 * Invariants: calls come from several threads, so the count is atomic; what
 * does not fail reaches the next definition of the function, which may be a
 * sanitizer's.
 */
/* Both names of each function are defined, so none may stand for the other. */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#ifdef HAVE_LIBURING
#include <liburing.h>
#else
struct io_uring;
int io_uring_queue_init(unsigned entries, struct io_uring *ring,
                        unsigned flags);
int io_uring_submit(struct io_uring *ring);
#endif

static int calls;               /* of the call that is to fail; atomic */

static int errno_of(const char *name)
{
    static const struct {
        const char *name;
        int value;
    } known[] = {
        { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT },
        { "EINVAL", EINVAL }, { "EOPNOTSUPP", EOPNOTSUPP },
        { "EFBIG", EFBIG },
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name) == 0) {
            return known[i].value;
        }
    }
    abort();
}

static void note_failure(void)
{
    const char *path = getenv("MINBLK_FAULT_LOG");
    /* Not by open(), whose calls may be what is counted. */
    int fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT |
                            O_CLOEXEC, 0644) : -1;

    if (fd >= 0) {
        close(fd);
    }
}

/* Is it the turn of this call of @name?  Then errno is set. */
static bool fails(const char *name)
{
    const char *fault = getenv("MINBLK_FAULT");
    const char *colon = fault ? strchr(fault, ':') : NULL;
    size_t length = colon ? colon - fault : 0;
    bool later;
    char *end;
    int nth, call;

    if (!colon || ((length != strlen(name) ||
                    strncmp(fault, name, length) != 0) &&
                   strncmp(fault, "any:", 4) != 0)) {
        return false;
    }
    nth = strtol(colon + 1, &end, 10);
    later = *end == '+';
    end += later;
    if (nth < 1 || *end != ':') {
        abort();
    }
    call = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    if (call != nth && !(later && call > nth)) {
        return false;
    }
    note_failure();
    if (strcmp(end + 1, "KILL") == 0) {
        raise(SIGKILL);
    }
    if (strcmp(end + 1, "TERM") == 0) {
        kill(getpid(), SIGTERM);
        return false;
    }
    errno = errno_of(end + 1);
    return true;
}

/* Sets a static variable `next` to what @function is without this library. */
#define FIND_NEXT(function)                                             \
    do {                                                                \
        if (!__atomic_load_n(&next, __ATOMIC_ACQUIRE)) {                \
            __atomic_store_n(&next, dlsym(RTLD_NEXT, #function),        \
                             __ATOMIC_RELEASE);                         \
        }                                                               \
    } while (0)

/* Defines a function that fails as @call or is what it was. */
#define FAULT(type, function, call, params, args)                       \
    type function params;                                               \
    type function params                                                \
    {                                                                   \
        static type (*next) params;                                     \
                                                                        \
        if (fails(call)) {                                              \
            return -1;                                                  \
        }                                                               \
        FIND_NEXT(function);                                            \
        return next args;                                               \
    }

FAULT(int, fdatasync, "fdatasync", (int fd), (fd))
FAULT(int, fsync, "fsync", (int fd), (fd))

FAULT(ssize_t, pwrite, "write",
      (int fd, const void *buf, size_t bytes, off_t offset),
      (fd, buf, bytes, offset))
FAULT(ssize_t, pwrite64, "write",
      (int fd, const void *buf, size_t bytes, off64_t offset),
      (fd, buf, bytes, offset))
FAULT(ssize_t, pwritev, "write",
      (int fd, const struct iovec *iov, int niov, off_t offset),
      (fd, iov, niov, offset))
FAULT(ssize_t, pwritev64, "write",
      (int fd, const struct iovec *iov, int niov, off64_t offset),
      (fd, iov, niov, offset))
FAULT(ssize_t, pwritev2, "write",
      (int fd, const struct iovec *iov, int niov, off_t offset, int flags),
      (fd, iov, niov, offset, flags))
FAULT(ssize_t, pwritev64v2, "write",
      (int fd, const struct iovec *iov, int niov, off64_t offset, int flags),
      (fd, iov, niov, offset, flags))

FAULT(int, fallocate, "fallocate",
      (int fd, int mode, off_t offset, off_t bytes), (fd, mode, offset, bytes))
FAULT(int, fallocate64, "fallocate",
      (int fd, int mode, off64_t offset, off64_t bytes),
      (fd, mode, offset, bytes))
FAULT(int, ftruncate, "ftruncate", (int fd, off_t length), (fd, length))
FAULT(int, ftruncate64, "ftruncate", (int fd, off64_t length), (fd, length))

int io_uring_queue_init(unsigned entries, struct io_uring *ring,
                        unsigned flags)
{
    static int (*next)(unsigned entries, struct io_uring *ring, unsigned flags);

    if (!getenv("MINBLK_FAULT_URING")) {
        return -ENOSYS;
    }
    next = dlsym(RTLD_NEXT, "io_uring_queue_init");
    return next ? next(entries, ring, flags) : -ENOSYS;
}

/* Not as one of any. */
static bool asked_for(const char *name)
{
    const char *fault = getenv("MINBLK_FAULT");
    size_t length = strlen(name);

    return fault && strncmp(fault, name, length) == 0 && fault[length] == ':';
}

#ifdef HAVE_LIBURING
/* A request whose turn it is gets no file; so its error is EBADF. */
static void fail_requests(struct io_uring *ring)
{
    static const char *const calls_of[256] = {
        [IORING_OP_WRITEV] = "write",
        [IORING_OP_FSYNC] = "fdatasync",
        [IORING_OP_FALLOCATE] = "fallocate",
    };

    for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
        struct io_uring_sqe *sqe = &ring->sq.sqes[i & *ring->sq.kring_mask];
        const char *call = calls_of[sqe->opcode];

        if (call && asked_for(call) && fails(call)) {
            sqe->fd = -1;
        }
    }
}
#else
static void fail_requests(struct io_uring *ring)
{
}
#endif

int io_uring_submit(struct io_uring *ring)
{
    static int (*next)(struct io_uring *ring);

    fail_requests(ring);
    if (fails("submit")) {
        return -1;
    }
    next = dlsym(RTLD_NEXT, "io_uring_submit");
    return next(ring);
}

/*
 * FAULT() for functions that may have a third argument, a number or a pointer;
 * calls count only as @call, and where @when.
 */
#define FAULT_THIRD(function, type, call, when)                         \
    int function(type first, int how, ...)                              \
    {                                                                   \
        static int (*next)(type first, int how, ...);                   \
        va_list ap;                                                     \
        void *third;                                                    \
                                                                        \
        va_start(ap, how);                                              \
        third = va_arg(ap, void *);                                     \
        va_end(ap);                                                     \
        if ((when) && asked_for(call) && fails(call)) {                 \
            return -1;                                                  \
        }                                                               \
        FIND_NEXT(function);                                            \
        return next(first, how, third);                                 \
    }

FAULT_THIRD(open, const char *, "open", true)
FAULT_THIRD(open64, const char *, "open", true)

#define LOOKS_AT_LOCK(cmd) ((cmd) == F_OFD_GETLK || (cmd) == F_OFD_SETLK)

FAULT_THIRD(fcntl, int, "lock", LOOKS_AT_LOCK(how))
FAULT_THIRD(fcntl64, int, "lock", LOOKS_AT_LOCK(how))
