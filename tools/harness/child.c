/* SPDX-License-Identifier: MIT */
/*
 * Cases in child processes, with limits on time and memory.
 *
 * Invariants:
 *   - A child talks through its pipe in records: a letter, a length, bytes.  It
 *     holds the only writing end, so the end of the pipe is the end of the
 *     child.
 *   - A case passes only when it says so and its process exits with 0 after it.
 *   - What it prints goes to a file in memory that is quoted when it fails.
 *   - No child outlives its deadline, nor its parent.
 *   - Hangs do not add up: jobs that wait for their turn when one beside them
 *     hangs are not run, and after the first hang no case has much time.
 */
#include "harness.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Children at a time, and the memory of each. */
#define MAX_CHILDREN 4
#define MAX_MEMORY   (1024u << 20)

/* So much of what a child has printed is quoted. */
#define MAX_QUOTE    2000

/* What is left of a case's time after one has hung: so much of it, seconds. */
#define HURRY 15

/* A case has hung. */
static bool hurry;

struct Case {
    int fd;
};

typedef struct Record {
    char kind;                  /* pass, fail, skip, data */
    uint32_t bytes;
} Record;

typedef struct Child {
    CaseJob *job;               /* NULL: the place is free */
    pid_t pid;
    int fd;
    int output;
    int64_t deadline;           /* microseconds, g_get_monotonic_time() */
    unsigned timeout;
    GByteArray *received;
} Child;

/* ---- in the child ------------------------------------------------------- */

/* Without its parent a child has nothing to live for. */
static void send_bytes(int fd, const void *data, size_t bytes)
{
    const uint8_t *p = data;

    while (bytes) {
        ssize_t n = write(fd, p, bytes);

        if (n < 0 && errno != EINTR) {
            _exit(3);
        }
        p += MAX(n, 0);
        bytes -= MAX(n, 0);
    }
}

static void send_record(Case *c, char kind, const void *data, size_t bytes)
{
    Record record;

    /* What lies between its members is sent, too. */
    memset(&record, 0, sizeof(record));
    record.kind = kind;
    record.bytes = bytes;
    send_bytes(c->fd, &record, sizeof(record));
    send_bytes(c->fd, data, bytes);
}

void case_send(Case *c, const void *data, size_t bytes)
{
    send_record(c, 'd', data, bytes);
}

void case_fail(Case *c, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    send_record(c, 'f', text, strlen(text));
    _exit(0);
}

void case_fail_err(Case *c, Error *err, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    case_fail(c, "%s: %s", text, err ? error_get_pretty(err)
                                     : "no reason was given");
}

void case_skip(Case *c, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    send_record(c, 's', text, strlen(text));
    _exit(0);
}

static void set_limit(int resource, rlim_t limit)
{
    struct rlimit r = { .rlim_cur = limit, .rlim_max = limit };

    if (setrlimit(resource, &r) < 0) {
        perror("setrlimit");
    }
}

static void child_main(const CaseJob *job, int fd, int output,
                       pid_t parent) QEMU_NORETURN;

static void child_main(const CaseJob *job, int fd, int output, pid_t parent)
{
    Case c = { .fd = fd };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(3);
    }
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    set_limit(RLIMIT_CORE, 0);
#ifndef UNDER_SANITIZER
    set_limit(RLIMIT_DATA, MAX_MEMORY);
#endif
    job->fn(&c, job->opaque);
    send_record(&c, 'p', NULL, 0);
    exit(0);
}

/* ---- in the parent ------------------------------------------------------ */

static unsigned case_timeout(const Harness *h, const CaseJob *job)
{
    unsigned most = hurry ? MAX(1, h->timeout / HURRY) : h->timeout;

    return job->timeout ? MIN(job->timeout, most) : most;
}

static void start(const Harness *h, Child *child, CaseJob *job)
{
    pid_t parent = getpid();
    int fds[2];

    *child = (Child) {
        .job = job,
        .output = memfd_create("case", MFD_CLOEXEC),
        .timeout = case_timeout(h, job),
        .received = g_byte_array_new(),
    };
    if (child->output < 0 || pipe2(fds, O_CLOEXEC) < 0) {
        g_error("no pipe for a case: %s", strerror(errno));
    }
    fflush(NULL);
    child->pid = fork();
    if (child->pid < 0) {
        g_error("no process for a case: %s", strerror(errno));
    }
    if (child->pid == 0) {
        close(fds[0]);
        child_main(job, fds[1], child->output, parent);
    }
    close(fds[1]);
    child->fd = fds[0];
    child->deadline = g_get_monotonic_time() +
                      child->timeout * G_USEC_PER_SEC;
}

/* Takes what the child sent apart. */
static bool read_records(Child *child)
{
    const GByteArray *all = child->received;
    CaseJob *job = child->job;
    bool passed = false;
    Record record;

    for (guint at = 0; at + sizeof(record) <= all->len; at += record.bytes) {
        const uint8_t *data;

        memcpy(&record, all->data + at, sizeof(record));
        at += sizeof(record);
        data = all->data + at;
        if (record.bytes > all->len - at) {
            return false;
        }
        if (record.kind == 'd') {
            if (!job->data) {
                job->data = g_byte_array_new();
            }
            g_byte_array_append(job->data, data, record.bytes);
        } else if (record.kind == 'p') {
            passed = true;
        } else {
            job->status = record.kind == 's' ? CASE_SKIP : CASE_FAIL;
            job->message = g_strndup((const char *)data, record.bytes);
            return true;
        }
    }
    job->status = passed ? CASE_PASS : CASE_FAIL;
    return passed;
}

/* What the child printed: its beginning, without lines that come again. */
static char *quote_output(int fd)
{
    g_autofree char *buf = g_malloc(MAX_QUOTE + 1);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    GString *quote = g_string_new("");
    ssize_t n = pread(fd, buf, MAX_QUOTE, 0);

    buf[MAX(n, 0)] = '\0';
    text = g_utf8_make_valid(g_strchomp(buf), -1);
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        if (line == lines || strcmp(line[0], line[-1])) {
            g_string_append_printf(quote, "%s%s", quote->len ? "\n" : "",
                                   *line);
        }
    }
    return g_string_free(quote, FALSE);
}

/* How the process ended, where that is worth a word. */
static char *describe_end(const Child *child, int status, bool late)
{
    if (late) {
        return g_strdup_printf("did not end within %u seconds",
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
    return NULL;
}

static void finish(Child *child, bool late)
{
    CaseJob *job = child->job;
    g_autofree char *end = NULL;
    bool told;
    int status = 0;

    if (late) {
        kill(child->pid, SIGKILL);
        hurry = true;
    }
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
    }
    told = read_records(child);
    end = describe_end(child, status, late);
    if (end || !told) {
        g_autofree char *before = job->message;

        job->status = CASE_FAIL;
        job->message = g_strdup_printf("%s%sthe case %s",
                                       before ? before : "",
                                       before ? "; " : "",
                                       end ? end : "ended without a word");
    }
    if (job->status == CASE_FAIL) {
        g_autofree char *before = job->message;
        g_autofree char *output = quote_output(child->output);

        job->message = g_strdup_printf("%s%s%s", before, *output ? "\n" : "",
                                       output);
    }
    g_byte_array_unref(child->received);
    close(child->fd);
    close(child->output);
    child->job = NULL;
}

/* Takes what is in the pipe; false at its end. */
static bool receive(Child *child)
{
    uint8_t buf[4096];
    ssize_t n = read(child->fd, buf, sizeof(buf));

    if (n > 0) {
        g_byte_array_append(child->received, buf, n);
    }
    return n > 0 || (n < 0 && errno == EINTR);
}

/*
 * Waits until one of @children has something to say or is late; returns whether
 * one was late.
 */
static bool wait_children(Child *children, unsigned count)
{
    bool late = false;
    struct pollfd fds[MAX_CHILDREN];
    int64_t now = g_get_monotonic_time();
    int64_t next = INT64_MAX;

    for (unsigned i = 0; i < count; i++) {
        fds[i] = (struct pollfd) {
            .fd = children[i].job ? children[i].fd : -1,
            .events = POLLIN,
        };
        if (children[i].job) {
            next = MIN(next, children[i].deadline);
        }
    }
    if (poll(fds, count, MAX(0, (next - now) / 1000 + 1)) < 0) {
        return false;
    }
    now = g_get_monotonic_time();
    for (unsigned i = 0; i < count; i++) {
        if (!children[i].job) {
            continue;
        }
        if (now >= children[i].deadline) {
            finish(&children[i], true);
            late = true;
        } else if (fds[i].revents && !receive(&children[i])) {
            finish(&children[i], false);
        }
    }
    return late;
}

static void skip_rest(CaseJob *jobs, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        jobs[i].status = CASE_SKIP;
        jobs[i].message = g_strdup("a case beside this one hangs");
    }
}

void cases_run(const Harness *h, CaseJob *jobs, unsigned count)
{
    unsigned places = CLAMP(g_get_num_processors(), 1, MAX_CHILDREN);
    Child children[MAX_CHILDREN] = { 0 };
    unsigned next = 0, running;

    do {
        running = 0;
        for (unsigned i = 0; i < places; i++) {
            if (!children[i].job && next < count) {
                start(h, &children[i], &jobs[next++]);
            }
            running += children[i].job != NULL;
        }
        if (running && wait_children(children, places)) {
            skip_rest(jobs + next, count - next);
            next = count;
        }
    } while (running);
}

void case_job_clear(CaseJob *job)
{
    g_clear_pointer(&job->message, g_free);
    g_clear_pointer(&job->data, g_byte_array_unref);
}
