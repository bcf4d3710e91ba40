/* SPDX-License-Identifier: MIT */
/*
 * The image of a case that fails, as a file; see keep.h.
 *
 * Invariants:
 *   - A file is sparse where the disk has holes, and there only if it is whole.
 *   - Only a child that is run for its image has a path, so that the handlers
 *     of signals change nothing of how the other cases end.
 */
#include "keep.h"

#include <sys/wait.h>

/* The disks with the state that counts, and with one that has passed. */
#define KEPT  "kept"
#define FOUND "found"

static const char *path;
static char *disk;              /* the name of the one opened last */
static pid_t session;           /* a process that has it open instead, or 0 */

/* ---- in the child ------------------------------------------------------- */

void keep_disk(const char *name)
{
    if (path) {
        g_free(disk);
        disk = g_strdup(name);
    }
}

static void copy_disk(const char *from, const char *to)
{
    if (mem_disk_find(to)) {
        mem_disk_free(mem_disk_find(to));
    }
    mem_disk_copy(mem_disk_find(from), to);
}

void keep_state(const char *name)
{
    if (path) {
        copy_disk(name, KEPT);
    }
}

void keep_pass(bool finding)
{
    if (path && finding && !mem_disk_find(FOUND)) {
        copy_disk(KEPT, FOUND);
    }
    if (path) {
        mem_disk_free(mem_disk_find(KEPT));
    }
}

void keep_write(void)
{
    const char *const names[] = { KEPT, FOUND, disk };
    const MemDisk *from = NULL;
    int fd;

    for (int i = 0; !from && i < 3 && names[i]; i++) {
        from = mem_disk_find(names[i]);
    }
    if (!path || !from) {
        return;
    }
    fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0666);
    if (fd < 0) {
        perror(path);
    } else {
        if (!stack_save(from, fd)) {
            perror(path);
            unlink(path);
        }
        close(fd);
    }
    /* What is kept once stays, whatever comes as the case ends. */
    path = NULL;
}

void keep_session(pid_t pid)
{
    session = pid;
}

static void end_by_signal(int number)
{
    /* If this hangs, too. */
    alarm(10);
    if (session && path) {
        kill(session, SIGTERM);
        waitpid(session, NULL, 0);
    }
    /* What the session has kept is newer than what is here. */
    if (!session || !path || access(path, F_OK) < 0) {
        keep_write();
    }
    signal(number, SIG_DFL);
    raise(number);
}

void keep_begin(const Harness *h)
{
    /* SIGTERM is what a child gets that hangs. */
    static const int signals[] = {
        SIGTERM, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
    };
    /* A coroutine that has used up its stack has none for a handler. */
    static uint8_t stack[256 << 10];
    stack_t other = { .ss_sp = stack, .ss_size = sizeof(stack) };
    struct sigaction action = {
        .sa_handler = end_by_signal, .sa_flags = SA_ONSTACK | SA_NODEFER,
    };

    path = h->keeping;
    if (!path) {
        return;
    }
    sigaltstack(&other, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        sigaction(signals[i], &action, NULL);
    }
}

/* ---- in the parent ------------------------------------------------------ */

char *keep_image(Harness *h, CaseFn *fn, const void *opaque, unsigned number)
{
    g_autofree char *which = number ? g_strdup_printf("-%u", number) : NULL;
    g_autofree char *name = g_strdup_printf("%s-%u%s.img", h->suite,
                                            h->properties + 1,
                                            which ? which : "");
    g_autofree char *file = NULL;
    CaseResult *results;

    if (!h->keep) {
        return NULL;
    }
    file = g_build_filename(h->keep, name, NULL);
    /* One of an earlier run must not pass for this one's. */
    unlink(file);
    h->keeping = file;
    results = cases_run(h, fn, opaque, 0, 1, 0);
    h->keeping = NULL;
    cases_free(results, 1);
    return g_file_test(file, G_FILE_TEST_EXISTS) ? g_steal_pointer(&file)
                                                 : NULL;
}
