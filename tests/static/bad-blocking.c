/* SPDX-License-Identifier: MIT */
/* Coroutines that block their thread; excuses that excuse nothing. */
#include "checked-names.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/select.h>

int coroutine_fn bad_blocking(int fd, AioContext *ctx);

static void coroutine_fn waits(GCond *cond, GMutex *lock, pthread_cond_t *c,
                               pthread_mutex_t *m)
{
    g_cond_wait(cond, lock);                        /* finds: g_cond_wait */
    pthread_cond_wait(c, m);                        /* finds: pthread_cond_wait */
    pthread_cond_timedwait(c, m, NULL);             /* finds: pthread_cond_timedwait */
    g_cond_wait_until(cond, lock, 0);               /* finds: g_cond_wait_until */
}

static void coroutine_fn sleeps(struct pollfd *fds)
{
    struct timespec ts = { 0 };

    sleep(1);                                       /* finds: sleep, which blocks */
    usleep(1);                                      /* finds: usleep */
    nanosleep(&ts, NULL);                           /* finds: nanosleep */
    g_usleep(1);                                    /* finds: g_usleep */
    poll(fds, 1, -1);                               /* finds: poll, which blocks */
    ppoll(fds, 1, NULL, NULL);                      /* finds: ppoll */
    select(0, NULL, NULL, NULL, NULL);              /* finds: select */
}

int coroutine_fn bad_blocking(int fd, AioContext *ctx)
{
    char buf[1];
    struct iovec iov = { buf, 1 };
    ssize_t done = 0;

    done += read(fd, buf, 1);                       /* finds: read, which blocks */
    done += write(fd, buf, 1);                      /* finds: write, which blocks */
    done += pread(fd, buf, 1, 0);                   /* finds: pread */
    done += pwrite(fd, buf, 1, 0);                  /* finds: pwrite */
    done += preadv(fd, &iov, 1, 0);                 /* finds: preadv */
    done += pwritev(fd, &iov, 1, 0);                /* finds: pwritev */
    done += fsync(fd) + fdatasync(fd);              /* finds: fsync; fdatasync */
    done += fallocate(fd, 0, 0, 1);                 /* finds: fallocate */
    done += ftruncate(fd, 0);                       /* finds: ftruncate */
    aio_poll(ctx, true);                            /* finds: aio_poll */
    waits(NULL, NULL, NULL, NULL);
    sleeps(NULL);
    return done;
}

static void mixed(int fd)
{
    if (qemu_in_coroutine()) {
        fsync(fd);                                  /* finds: fsync */
    }
    fsync(fd);
}

/* finds: excuses nothing */ /* check-coroutines: off, for no reason */
const void *const bad_blocking_all[] = { mixed };
