/* SPDX-License-Identifier: MIT */
/*
 * What the system tells of processes; see process.h.
 *
 * Invariants: what cannot be read is taken for a process that may get on: it
 * has just ended, or the system does not tell.
 */
#include "process.h"

#include <time.h>

/* The state and the parent of what the file @path describes; 0: unknown. */
static char read_state(const char *path, pid_t *parent)
{
    g_autofree char *text = NULL;
    const char *rest;
    char state = 0;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return 0;
    }
    /* Behind the name of the program, which may have anything in it. */
    rest = strrchr(text, ')');
    return rest && sscanf(rest, ") %c %d", &state, parent) == 2 ? state : 0;
}

static bool threads_wait(pid_t pid)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/task", pid);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    bool waits = dir != NULL;
    const char *name;
    pid_t parent;

    while (waits && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_strdup_printf("%s/%s/stat", folder, name);

        waits = read_state(path, &parent) == 'S';
    }
    return waits;
}

bool process_waits(pid_t pid, int64_t *cpu)
{
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    bool waits = dir && threads_wait(pid);
    struct timespec used;
    const char *name;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) == 0 &&
        clock_gettime(clock, &used) == 0) {
        *cpu += used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
    }
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_strdup_printf("/proc/%s/stat", name);
        pid_t parent = 0;

        if (g_ascii_isdigit(*name) && read_state(path, &parent) &&
            parent == pid) {
            waits &= process_waits(atoi(name), cpu);
        }
    }
    return waits;
}
