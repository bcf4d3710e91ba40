/* SPDX-License-Identifier: MIT */
/*
 * Commands about requests that a driver holds back, and about the program.
 *
 * Invariants: waiting runs the event loop, so that requests in flight go on.
 */
#include "qemu/osdep.h"
#include "io.h"

#include "qemu/cutils.h"
#include "qemu/timer.h"

/* ---- break points ------------------------------------------------------- */

static int run_break(IoSession *s, int argc, char **argv)
{
    int ret = bdrv_debug_breakpoint(blk_bs(s->blk), argv[1], argv[2]);

    if (ret < 0) {
        printf("Could not set breakpoint: %s\n", strerror(-ret));
    }
    return ret;
}

const IoCommand io_break = {
    .name = "break",
    .run = run_break,
    .min_args = 2,
    .max_args = 2,
    .args = "event tag",
    .oneline = "sets a breakpoint on event and tags the stopped request as "
               "tag",
};

static int run_remove_break(IoSession *s, int argc, char **argv)
{
    int ret = bdrv_debug_remove_breakpoint(blk_bs(s->blk), argv[1]);

    if (ret < 0) {
        printf("Could not remove breakpoint %s: %s\n", argv[1],
               strerror(-ret));
    }
    return ret;
}

const IoCommand io_remove_break = {
    .name = "remove_break",
    .run = run_remove_break,
    .min_args = 1,
    .max_args = 1,
    .args = "tag",
    .oneline = "remove a breakpoint by tag",
};

static int run_resume(IoSession *s, int argc, char **argv)
{
    int ret = bdrv_debug_resume(blk_bs(s->blk), argv[1]);

    if (ret < 0) {
        printf("Could not resume request: %s\n", strerror(-ret));
    }
    return ret;
}

const IoCommand io_resume = {
    .name = "resume",
    .run = run_resume,
    .min_args = 1,
    .max_args = 1,
    .args = "tag",
    .oneline = "resumes the request tagged as tag",
};

static int run_wait_break(IoSession *s, int argc, char **argv)
{
    BlockDriverState *bs = blk_bs(s->blk);

    while (!bdrv_debug_is_suspended(bs, argv[1])) {
        /* Otherwise this would wait forever: no request can arrive there. */
        if (s->in_flight == 0) {
            printf("Could not wait for breakpoint %s: no request is in "
                   "flight\n", argv[1]);
            return -ENOENT;
        }
        aio_poll(blk_get_aio_context(s->blk), true);
    }
    return 0;
}

const IoCommand io_wait_break = {
    .name = "wait_break",
    .run = run_wait_break,
    .min_args = 1,
    .max_args = 1,
    .args = "tag",
    .oneline = "waits for the suspension of a request",
};

/* ---- the program -------------------------------------------------------- */

static int run_abort(IoSession *s, int argc, char **argv)
{
    abort();
}

const IoCommand io_abort = {
    .name = "abort",
    .run = run_abort,
    .without_file = true,
    .oneline = "simulate a program crash using abort(3)",
};

static int run_quit(IoSession *s, int argc, char **argv)
{
    s->quit = true;
    return 0;
}

const IoCommand io_quit = {
    .name = "quit",
    .alias = "q",
    .run = run_quit,
    .max_args = -1,
    .without_file = true,
    .oneline = "exit the program",
};

static int run_sigraise(IoSession *s, int argc, char **argv)
{
    int64_t number;

    if (!io_set_size(&number, NULL, argv[1])) {
        return -EINVAL;
    }
    if (number > NSIG) {
        printf("signal argument '%s' is too large to be a valid signal\n",
               argv[1]);
        return -EINVAL;
    }
    /* The signal may end the process, with it what is not written yet. */
    fflush(stdout);
    fflush(stderr);
    raise(number);
    return 0;
}

const IoCommand io_sigraise = {
    .name = "sigraise",
    .run = run_sigraise,
    .min_args = 1,
    .max_args = 1,
    .without_file = true,
    .args = "signal",
    .oneline = "raises a signal",
    .help =
"\n"
" raises the given signal\n"
"\n"
" Example:\n"
" 'sigraise 15' - raises SIGTERM\n"
"\n"
" Invokes raise(signal), where \"signal\" is the mandatory integer argument\n"
" given to sigraise.\n",
};

static void sleep_is_over(void *opaque)
{
    *(bool *)opaque = true;
}

static int run_sleep(IoSession *s, int argc, char **argv)
{
    AioContext *ctx = qemu_get_aio_context();
    bool expired = false;
    QEMUTimer timer;
    int64_t ms;

    /* Half of what there is, so that the end of it is a time, too. */
    if (qemu_strtoi64(argv[1], NULL, 0, &ms) < 0 || ms < 0 ||
        ms > INT64_MAX / SCALE_MS / 2) {
        printf("%s is not a valid number\n", argv[1]);
        return -EINVAL;
    }
    aio_timer_init(ctx, &timer, QEMU_CLOCK_REALTIME, SCALE_NS, sleep_is_over,
                   &expired);
    timer_mod_ns(&timer,
                 qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + ms * SCALE_MS);
    AIO_WAIT_WHILE(ctx, !expired);
    timer_deinit(&timer);
    return 0;
}

const IoCommand io_sleep = {
    .name = "sleep",
    .run = run_sleep,
    .min_args = 1,
    .max_args = 1,
    .without_file = true,
    .oneline = "waits for the given value in milliseconds",
};
