/* SPDX-License-Identifier: MIT */
/*
 * Cases in child processes, with limits on time and memory.
 *
 * Invariants:
 *   - A child leaves its result in memory that it shares with its parent, where
 *     a case has failed until it states otherwise: a child that dies without a
 *     word has not passed.
 *   - It holds the only writing end of a pipe that nothing is written to, so
 *     that the end of the pipe is the end of the child.
 *   - A case passes only when its process exits with 0 after it.
 *   - What it prints goes to a file in memory that is quoted when it fails.
 *   - A child is ended when it has used up its CPU time, or when it waits for
 *     an event that does not come.  However long anything takes, on a machine
 *     that has other things to do, speaks against no driver.
 *   - No child outlives its parent.
 *   - Hangs do not add up: cases that wait for their turn when one beside them
 *     hangs are not run, and after the first hang no case has much time.
 */
#include "keep.h"
#include "process.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/*
 * Children at a time; and the memory of each, so that a driver which believes a
 * damaged table fails to allocate it.
 */
#define MAX_CHILDREN 4
#define MAX_MEMORY   (1024u << 20)

/* So much of what a child has printed is quoted. */
#define MAX_QUOTE    2000

/*
 * Children are looked at once in so many milliseconds at most.  One hangs that
 * waited so many times in a row, with next to no CPU time (nanoseconds) used
 * between, as a driver does that wakes up again and again to look for what does
 * not come; fewer times after another one has hung.
 */
#define LOOK_MS     1000
#define HANG_LOOKS  20
#define HURRY_LOOKS 4
#define IDLE_NS     100000000

/* The part of a case's CPU time that is left to it after one has hung. */
#define HURRY 15

/* A case has hung, in this suite or an earlier one. */
static bool hurry;

/* Microseconds that hanging cases waited; when children were looked at last. */
static int64_t hung;
static int64_t looked;

typedef struct Child {
    CaseResult *result;         /* NULL: the place is free */
    pid_t pid;
    int fd;
    int output;
    unsigned timeout;           /* seconds of CPU time */
    int64_t cpu;                /* nanoseconds of it that were used */
    unsigned waited;            /* looks since it did something */
    int end_signal;             /* if it is late */
} Child;

/* Appends to the message; what is too long for it is cut off. */
static void GCC_FMT_ATTR(2, 3) add_message(CaseResult *r, const char *fmt, ...)
{
    size_t used = strlen(r->message);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(r->message + used, sizeof(r->message) - used, fmt, ap);
    va_end(ap);
}

/* ---- in the child ------------------------------------------------------- */

void case_send(Case *c, const void *data, size_t bytes)
{
    assert(bytes <= sizeof(c->result->data));
    memcpy(c->result->data, data, bytes);
}

/* By content, because equal literals of two files need not be one. */
static unsigned kind_of(const char *fmt, const char *text)
{
    g_autofree char *begin = g_strndup(text, strcspn(text, "0123456789"));

    return g_str_hash(fmt) * 31 + g_str_hash(begin);
}

void case_fail(Case *c, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    add_message(c->result, "%s%s%s", c->where ? c->where : "",
                c->where ? ": " : "", text);
    c->result->kind = kind_of(fmt, text);
    c->result->minor = c->minor;
    keep_write();
    /* No handler of exit() is fit to run in the midst of a coroutine. */
    _exit(0);
}

void case_fail_err(Case *c, Error *err, const char *what)
{
    case_fail(c, "%s: %s", what, err ? error_get_pretty(err)
                                     : "no reason was given");
}

void case_note(Case *c, const char *text)
{
    add_message(c->result, "%s", text);
}

void case_skip(Case *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(c->result->message, sizeof(c->result->message), fmt, ap);
    va_end(ap);
    c->result->status = CASE_SKIP;
    _exit(0);
}

static void set_limit(int resource, rlim_t limit)
{
    struct rlimit r = { .rlim_cur = limit, .rlim_max = limit };

    if (setrlimit(resource, &r) < 0) {
        perror("setrlimit");
    }
}

static void child_main(Case *c, CaseFn *fn, const void *opaque, int output,
                       pid_t parent) QEMU_NORETURN;

static void child_main(Case *c, CaseFn *fn, const void *opaque, int output,
                       pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* It may have died before that; then no signal would ever come. */
    if (getppid() != parent) {
        _exit(3);
    }
    /* Nothing that a driver prints may pass for a line of TAP. */
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    /* Crashes are expected; each would leave a file. */
    set_limit(RLIMIT_CORE, 0);
#ifndef UNDER_SANITIZER
    set_limit(RLIMIT_DATA, MAX_MEMORY);
#endif
    keep_begin(c->h);
    fn(c, opaque);
    c->result->status = CASE_PASS;
    /* Here sanitizers look for leaks, and change the exit status. */
    exit(0);
}

/* ---- in the parent ------------------------------------------------------ */

static void start_child(const Harness *h, Child *child, CaseFn *fn,
                        const void *opaque, CaseResult *result,
                        unsigned timeout)
{
    unsigned most = hurry ? MAX(1, h->timeout / HURRY) : h->timeout;
    Case c = { .h = h, .result = result };
    pid_t parent = getpid();
    int fds[2];

    *child = (Child) {
        .result = result,
        .output = memfd_create("case", MFD_CLOEXEC),
        .timeout = timeout ? MIN(timeout, most) : most,
        .end_signal = h->keeping ? SIGTERM : SIGKILL,
    };
    if (child->output < 0 || pipe2(fds, O_CLOEXEC) < 0) {
        g_error("no pipe for a case: %s", strerror(errno));
    }
    /* The content of a buffer would be printed by the child, too. */
    fflush(NULL);
    child->pid = fork();
    if (child->pid < 0) {
        g_error("no process for a case: %s", strerror(errno));
    }
    if (child->pid == 0) {
        close(fds[0]);
        child_main(&c, fn, opaque, child->output, parent);
    }
    /* Before the next fork: a child that inherits it would keep it open. */
    close(fds[1]);
    child->fd = fds[0];
}

/*
 * Appends what the child printed: its beginning, where the cause is, without
 * repeated lines, as a driver prints them that warns of each request.
 */
static void quote_output(CaseResult *r, int fd)
{
    g_autofree char *buf = g_malloc(MAX_QUOTE + 1);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    /* The position is shared with the child, which has moved it to the end. */
    ssize_t n = pread(fd, buf, MAX_QUOTE, 0);

    buf[MAX(n, 0)] = '\0';
    text = g_utf8_make_valid(g_strchomp(buf), -1);
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        if (line == lines ? **line : strcmp(line[0], line[-1])) {
            add_message(r, "\n%s", *line);
        }
    }
}

/* How the process ended, where that fails the case whatever it stated. */
static char *describe_end(const Child *child, int status, bool late)
{
    const CaseResult *r = child->result;

    if (late && child->waited) {
        return g_strdup("hangs: it waits, and uses next to no CPU time");
    }
    if (late) {
        return g_strdup_printf("did not end within %u seconds of CPU time",
                               child->timeout);
    }
    if (WIFSIGNALED(status)) {
        return g_strdup_printf("was killed by signal %d (%s)",
                               WTERMSIG(status),
                               strsignal(WTERMSIG(status)));
    }
    if (WEXITSTATUS(status)) {
        return g_strdup_printf("exited with status %d", WEXITSTATUS(status));
    }
    return r->status == CASE_FAIL && !*r->message
           ? g_strdup("ended without a word") : NULL;
}

static void finish_child(Child *child, bool late)
{
    CaseResult *r = child->result;
    g_autofree char *end = NULL;
    int status = 0;

    if (late) {
        kill(child->pid, child->end_signal);
        hurry = true;
    }
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
    }
    end = describe_end(child, status, late);
    if (end) {
        r->status = CASE_FAIL;
        /* The limit is another one for a shorter list. */
        r->kind = late ? 1 + (child->waited > 0) : g_str_hash(end);
        add_message(r, "%sthe case %s", *r->message ? "; " : "", end);
    }
    if (r->status == CASE_FAIL) {
        quote_output(r, child->output);
    }
    close(child->fd);
    close(child->output);
    child->result = NULL;
}

/* Has it used up its CPU time, or does it hang? */
static bool is_late(Child *child)
{
    int64_t cpu = 0;
    bool waits = process_waits(child->pid, &cpu);
    unsigned most = hurry ? HURRY_LOOKS : HANG_LOOKS;

    waits = waits && cpu - child->cpu < IDLE_NS;
    child->waited = waits ? child->waited + 1 : 0;
    child->cpu = cpu;
    if (child->waited >= most) {
        hung += child->waited * LOOK_MS * INT64_C(1000);
        return true;
    }
    if (cpu < child->timeout * INT64_C(1000000000)) {
        return false;
    }
    child->waited = 0;
    return true;
}

/* Waits until one of @children ends or is late; whether one was late. */
static bool wait_children(Child *children, unsigned count)
{
    struct pollfd fds[MAX_CHILDREN];
    bool late = false, look;
    int64_t now;

    for (unsigned i = 0; i < count; i++) {
        fds[i] = (struct pollfd) {
            .fd = children[i].result ? children[i].fd : -1,
            .events = POLLIN,
        };
    }
    if (poll(fds, count, LOOK_MS) < 0) {
        return false;
    }
    now = g_get_monotonic_time();
    look = now - looked >= LOOK_MS * 1000;
    looked = look ? now : looked;
    for (unsigned i = 0; i < count; i++) {
        bool overdue = children[i].result && look && !fds[i].revents &&
                       is_late(&children[i]);

        if (children[i].result && (overdue || fds[i].revents)) {
            finish_child(&children[i], overdue);
            late |= overdue;
        }
    }
    return late;
}

int64_t cases_cost(void)
{
    struct rusage used;

    getrusage(RUSAGE_CHILDREN, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * G_USEC_PER_SEC +
           used.ru_utime.tv_usec + used.ru_stime.tv_usec + hung;
}

CaseResult *cases_run(const Harness *h, CaseFn *fn, const void *opaques,
                      size_t size, unsigned count, unsigned timeout)
{
    CaseResult *results = mmap(NULL, count * sizeof(*results),
                               PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned places = CLAMP(g_get_num_processors(), 1, MAX_CHILDREN);
    Child children[MAX_CHILDREN] = { 0 };
    unsigned next = 0, running;

    if (results == MAP_FAILED) {
        g_error("no memory for cases: %s", strerror(errno));
    }
    do {
        running = 0;
        for (unsigned i = 0; i < places; i++) {
            if (!children[i].result && next < count) {
                start_child(h, &children[i], fn,
                            (const uint8_t *)opaques + next * size,
                            &results[next], timeout);
                next++;
            }
            running += children[i].result != NULL;
        }
        if (running && wait_children(children, places)) {
            for (; next < count; next++) {
                results[next].status = CASE_SKIP;
                add_message(&results[next], "a case beside this one hangs");
            }
        }
    } while (running);
    return results;
}

void cases_free(CaseResult *results, unsigned count)
{
    munmap(results, count * sizeof(*results));
}

CaseStatus cases_run_one(const Harness *h, CaseFn *fn, const void *opaque,
                         void *answer, size_t bytes, char **message)
{
    CaseResult *r = cases_run(h, fn, opaque, 0, 1, 0);
    CaseStatus status = r->status;

    *message = g_strdup(r->message);
    if (status == CASE_PASS && bytes) {
        memcpy(answer, r->data, bytes);
    }
    cases_free(r, 1);
    return status;
}
