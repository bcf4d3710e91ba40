/* SPDX-License-Identifier: MIT */
/*
 * Shared by the commands of the I/O tool: how a command presents itself, the
 * session that it works on, parsing of its words, its requests and its output.
 *
 * Invariants:
 *   - A command that failed has reported it, in one line, and returns a
 *     negative number.
 *   - Reports and messages about a request go to standard output; usage by
 *     getopt, and messages about no request, to standard error, as with
 *     qemu-io.
 *   - Requests run in coroutines of their own; commands run outside coroutines.
 *   - When an image is closed, none of its requests is in flight and each has
 *     been reported.
 */
#ifndef TOOLS_IO_IO_H
#define TOOLS_IO_IO_H

#include "qemu/osdep.h"
#include "block/block.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "sysemu/block-backend.h"
#include "../cmdline.h"

/* ---- the session -------------------------------------------------------- */

typedef struct IoSession {
    const struct IoCommand *command;    /* that runs */
    BlockBackend *blk;  /* the open image, or NULL */
    bool misalign;      /* -m */
    bool quit;          /* no more commands */
    unsigned in_flight; /* asynchronous requests not reported yet */
} IoSession;

/* ---- commands ----------------------------------------------------------- */

typedef struct IoCommand {
    const char *name;
    const char *alias;   /* a short form, or NULL */
    /* Returns 0, or a negative number. */
    int (*run)(IoSession *s, int argc, char **argv);
    int min_args;
    int max_args;        /* -1: any number */
    bool without_file;   /* works with no image open */
    uint64_t perm;       /* BLK_PERM_* that it needs of the image */
    const char *args;    /* for the usage; NULL: there are none */
    const char *oneline;
    const char *help;    /* whole lines before those of the options, or NULL */
    const CmdOption *options;   /* or NULL */
    bool no_blank;       /* help does not end with an empty line */
} IoCommand;

extern const IoCommand io_abort, io_aio_flush, io_aio_read, io_aio_write,
    io_alloc, io_break, io_close, io_discard, io_flush, io_help, io_info,
    io_length, io_map, io_open, io_quit, io_read, io_readv, io_remove_break,
    io_reopen, io_resume, io_sigraise, io_sleep, io_truncate, io_wait_break,
    io_write, io_writev;

/* Runs the command that @line holds; an empty one does nothing and succeeds. */
int io_run_line(IoSession *s, const char *line);

/*
 * Runs the lines of standard input, after a prompt each, until its end or quit.
 * Returns whether all commands succeeded.
 */
bool io_run_stdin(IoSession *s);

/* Prints the usage line of the command that runs; returns -EINVAL. */
int io_usage(IoSession *s);

/*
 * Reads the options of the command that runs into @args.  0, or -EINVAL having
 * reported.
 */
int io_read_options(IoSession *s, void *args, int argc, char **argv);

/* ---- words and numbers -------------------------------------------------- */

/*
 * Setters: a byte as an int; a size of 0 to INT64_MAX bytes as an int64_t.
 * Neither looks at the option, which is NULL for a word that is none.
 */
CmdSet io_set_pattern, io_set_size;

/* ---- opening ------------------------------------------------------------ */

/* How an image is to be opened. */
typedef struct IoOpen {
    const char *filename;   /* or NULL */
    QDict *options;         /* flat; consumed */
    int flags;              /* BDRV_O_* */
    bool writethrough;
    bool force_share;
} IoOpen;

/* The defaults: read-write, writethrough, discard=unmap. */
#define IO_OPEN_DEFAULTS \
    { .flags = BDRV_O_RDWR | BDRV_O_UNMAP, .writethrough = true }

/*
 * Setters of an IoOpen: the cache mode, discard, and the list "a=b,c=d", which
 * adds to options that are there.
 */
CmdSet io_set_cache, io_set_discard, io_set_options;

/*
 * Opens the image of the session.  An error begins with "can't open", and
 * "device NAME" if @name is not NULL.
 */
int io_open_image(IoSession *s, IoOpen *how, const char *name);

/*
 * Waits for the requests in flight, lets them report, and closes the image, if
 * there is one.  0, or the error of the last flush, which has been reported.
 */
int io_close_image(IoSession *s);

/* ---- requests ----------------------------------------------------------- */

typedef enum IoOp {
    IO_OP_READ,
    IO_OP_WRITE,
    IO_OP_WRITE_ZEROES,
    IO_OP_DISCARD,
    IO_OP_FLUSH,
} IoOp;

typedef struct IoRequest {
    BlockBackend *blk;
    IoOp op;
    int flags;           /* BDRV_REQ_* */
    int64_t offset;
    int64_t bytes;       /* 0 to INT64_MAX; of a vector, its size */
    QEMUIOVector *qiov;  /* of reads and writes */
    int ret;             /* 0 or -errno, when it is done */
    bool done;
    /* Called once from the event loop, outside coroutines; or NULL. */
    void (*complete)(struct IoRequest *req);
    void *opaque;
} IoRequest;

/* Runs the request to its end; returns its result. */
int io_request_run(IoRequest *req);

/* Begins the request, which must stay until it has completed. */
void io_request_start(IoRequest *req);

/* Waits until all asynchronous requests have been reported. */
void io_wait_for_requests(IoSession *s);

/* ---- output ------------------------------------------------------------- */

/*
 * The bytes as a number of at most three decimals in the largest unit that is
 * not above it; below 1 KiB six decimals.  Decimals that begin with three
 * zeroes are left out.  Free with g_free().
 */
char *io_size_str(double bytes);

/* Prints @message, a line, when @wrong; returns @wrong. */
bool io_refuse(bool wrong, const char *message);

/* `WHAT failed: REASON`; returns @ret. */
int io_report_failure(const char *what, int ret);

/* The bytes in hexadecimal and as text; @offset is that of the first. */
void io_dump(const void *buf, int64_t bytes, int64_t offset);

/*
 * Whether each of the @bytes at @buf is @pattern; reports where not: @offset is
 * the number of the first.
 */
bool io_verify(const void *buf, int pattern, int64_t offset, int64_t bytes);

#endif
