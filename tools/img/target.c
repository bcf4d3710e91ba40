/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a target that could not be finished; see target.h.
 *
 * Invariants:
 *   - What a signal handler calls is safe in one: it makes system calls only,
 *     and the lines that it prints were made before.
 *   - Workers block signals, so that a handler runs in the main thread alone.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include "qemu/cutils.h"
#include "target.h"

/* Of a dynamic VHD: the copy of the footer, and the header. */
#define HEADERS 1536
#define FOOTER 512

static volatile sig_atomic_t interrupt_seen; /* the signal, or 0 */
static AioContext *interrupt_context;

static const char *target_path; /* NULL: it is no file by a name */
static struct stat target_before;
static bool target_existed;
static bool target_open;        /* a worker may write to it */
static bool target_touched;     /* it may have changed */
static bool target_keep;
static bool target_is_raw;
static bool target_is_vhd;      /* neither: it may have further files */
static bool target_grows;       /* only what is past its old end is new */
static int target_fd;           /* of one that grows */
static bool target_made;        /* by this run: target_before is that file */
static rlim_t target_limit;     /* of lengths, before it was lowered */
static char *line_incomplete;   /* whole lines, without the beginning */
static char *line_removed;
static char *line_shortened;
static char *line_start;
static char *line_interrupted;  /* the beginning after an interrupt */

/* ---- what becomes of it ------------------------------------------------- */

static void target_print(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        /* No reader is left; there is nothing else to do. */
    }
}

/*
 * No worker that is about to write can make the file longer than @length; one
 * that is writing has the file's lock, and is waited for where it is cut off.
 */
static void target_limit_length(off_t length)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0) {
        target_limit = limit.rlim_cur;
        limit.rlim_cur = MIN(limit.rlim_cur, (rlim_t)length);
        setrlimit(RLIMIT_FSIZE, &limit);
    }
}

static void target_lift_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0) {
        limit.rlim_cur = target_limit;
        setrlimit(RLIMIT_FSIZE, &limit);
    }
}

/*
 * Takes away what an image is known by, so that a part is not taken for a disk:
 * its head, which of a fixed VHD is the guest's, and its end.  Returns whether
 * that could be done.
 */
static bool target_spoil(void)
{
    static const char zero[HEADERS];
    char start[HEADERS] = "";
    int fd = open(target_path, O_RDWR | O_CLOEXEC);
    off_t length = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    bool good = length == 0;

    if (length > 0 && target_open) {
        target_limit_length(MAX(length - FOOTER, HEADERS));
    }
    /* A copy of the footer may be about to be written before the header. */
    if (length > 0 && pread(fd, start, sizeof(start), 0) >= 0 &&
        ((target_is_vhd && memcmp(start, "conectix", 8) &&
          memcmp(start + 512, "cxsparse", 8)) ||
         pwrite(fd, zero, MIN(length, HEADERS), 0) > 0)) {
        good = ftruncate(fd, MAX(length - FOOTER, 0)) == 0 &&
               fdatasync(fd) == 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

/* Is it as it was before?  Devices do not show a change. */
static bool target_is_unchanged(void)
{
    struct stat now;

    if (target_grows) {
        return fstat(target_fd, &now) == 0 &&
               now.st_size == target_before.st_size;
    }
    if (target_path && !target_existed) {
        return lstat(target_path, &now) < 0;
    }
    if (!target_path || stat(target_path, &now) < 0 ||
        !S_ISREG(now.st_mode)) {
        return !target_touched;
    }
    return !(target_touched && !target_is_raw && !target_is_vhd) &&
           now.st_ino == target_before.st_ino &&
           now.st_size == target_before.st_size &&
           now.st_mtim.tv_sec == target_before.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == target_before.st_mtim.tv_nsec;
}

/* Has another file got the name of the one that this run made? */
static bool target_is_replaced(void)
{
    struct stat now;

    return target_made && lstat(target_path, &now) == 0 &&
           (now.st_dev != target_before.st_dev ||
            now.st_ino != target_before.st_ino);
}

static void target_say(bool by_signal, const char *line)
{
    target_print(by_signal ? line_interrupted : line_start);
    target_print(line);
}

/*
 * After an error a file that is not there again is not worth a line.  What is
 * said comes before a limit of lengths, which is that of a log file, too.
 */
static void target_leave(bool by_signal)
{
    bool is_new = target_path && !target_existed && !target_is_replaced();
    bool removed;

    /* A worker may be about to make a file longer that has not changed yet. */
    if (target_is_unchanged() && !(target_grows && by_signal)) {
        return;
    }
    if (target_grows) {
        target_say(by_signal, line_shortened);
        target_limit_length(target_before.st_size);
        if (ftruncate(target_fd, target_before.st_size) == 0) {
            return;
        }
        target_lift_limit();
    }
    if (!is_new || target_keep) {
        target_say(by_signal, line_incomplete);
        if (!is_new || target_is_raw || target_spoil()) {
            return;
        }
    }
    removed = unlink(target_path) == 0;
    if (removed ? by_signal || target_keep : !target_keep) {
        target_say(by_signal, removed ? line_removed : line_incomplete);
    }
}

/* Where no memory is left, for example, the program exits wherever it is. */
static void target_end_by_exit(void)
{
    if (target_open) {
        target_leave(false);
    }
}

/* ---- interrupts --------------------------------------------------------- */

/* So that a shell sees what ended the program, and ends its own loop. */
static void target_end_by_signal(int signal_number)
{
    sigset_t set;

    signal(signal_number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(signal_number);
    /* The first process of a container has no default action. */
    _exit(1);
}

static void target_end_process(int signal_number)
{
    target_leave(true);
    target_end_by_signal(signal_number);
}

static void target_note_interrupt(int signal_number)
{
    if (interrupt_seen) {
        target_end_process(signal_number);
    }
    interrupt_seen = signal_number;
    aio_notify(interrupt_context);
}

static void target_catch_interrupts(void (*handler)(int))
{
    static const int signals[] = { SIGINT, SIGTERM };
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
    struct sigaction old;

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        sigaction(signals[i], NULL, &old);
        /* Ignored by the parent's will: of a job in the background. */
        if (old.sa_handler != SIG_IGN) {
            sigaction(signals[i], &action, NULL);
        }
    }
}

bool target_interrupted(void)
{
    return interrupt_seen;
}

/* ---- the run ------------------------------------------------------------ */

void target_begin(const char *filename, bool options, bool keep,
                  const char *format)
{
    const char *prog = error_get_progname();

    line_start = g_strdup_printf("%s: ", prog);
    line_interrupted = g_strdup_printf("%s: interrupted; ", prog);
    line_incomplete = g_strdup_printf("the target '%s' is incomplete\n",
                                      filename);
    line_removed = g_strdup_printf("the target '%s' is incomplete and has been "
                                   "removed\n", filename);
    line_shortened = g_strdup_printf("'%s' gets its old size back\n", filename);
    target_keep = keep;
    target_is_raw = g_strcmp0(format, "raw") == 0;
    target_is_vhd = g_strcmp0(format, "vpc") == 0 ||
                    g_strcmp0(format, "vhd") == 0;
    if (!options &&
        (strstart(filename, "file:", &filename) ||
         !path_has_protocol(filename))) {
        target_path = filename;
        /* A link that leads nowhere is not ours to remove either. */
        target_existed = lstat(filename, &target_before) == 0;
    }
    if (target_existed && stat(filename, &target_before) < 0) {
        memset(&target_before, 0, sizeof(target_before));
    }
    target_open = true;
    atexit(target_end_by_exit);
    target_catch_interrupts(target_end_process);
}

void target_begin_growth(const char *filename, int64_t length)
{
    target_begin(filename, false, false, NULL);
    if (target_existed && S_ISREG(target_before.st_mode) &&
        ROUND_UP(target_before.st_size, (int64_t)BDRV_SECTOR_SIZE) == length) {
        /* Until the process ends, because the file may get another name. */
        target_fd = open(target_path, O_WRONLY | O_CLOEXEC);
        target_grows = target_fd >= 0;
    }
}

int target_create(BlockDriver *drv, const char *filename, QemuOpts *opts,
                  Error **errp)
{
    int ret = bdrv_create(drv, filename, opts, errp);

    if (ret == -EAGAIN) {
        /* Another process made it meanwhile, and uses it. */
        target_existed = true;
        if (target_path && stat(target_path, &target_before) < 0) {
            target_path = NULL;
        }
    } else if (ret >= 0) {
        target_touched = true;
        target_made = target_path && !target_existed &&
                      lstat(target_path, &target_before) == 0;
    }
    return ret;
}

void target_fill(void)
{
    target_touched = true;
    interrupt_context = qemu_get_current_aio_context();
    target_catch_interrupts(target_note_interrupt);
}

void target_end(bool good)
{
    target_open = false;
    if (!good && line_start) {
        target_leave(interrupt_seen);
    }
    /* What ends the program from now on does not end this early. */
    target_catch_interrupts(SIG_DFL);
    if (interrupt_seen) {
        target_end_by_signal(interrupt_seen);
    }
}
