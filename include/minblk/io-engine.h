/* SPDX-License-Identifier: MIT */
/*
 * File I/O for coroutines: one interface, two engines (threads, io_uring).
 *
 * An engine belongs to a context and is used only in its thread.  A request
 * lives on its coroutine's stack: in the steady state no memory is allocated.
 * Transfers that the kernel cuts short go on, interrupted ones are repeated,
 * vectors longer than IOV_MAX are split; so a request is complete or failed.
 * -EAGAIN from a blocking call in a worker thread is an error like any other.
 * Requests are not cancelled.
 */
#ifndef MINBLK_IO_ENGINE_H
#define MINBLK_IO_ENGINE_H

#include "qemu/typedefs.h"
#include "qemu/coroutine.h"

typedef struct IoEngine IoEngine;

typedef enum IoEngineType {
    IO_ENGINE_AUTO,     /* the faster one that the system allows */
    IO_ENGINE_THREADS,  /* a pool of worker threads, always available */
    IO_ENGINE_IO_URING, /* Linux io_uring */
} IoEngineType;

/* Transfers up to this many bytes are tried inline first. */
#define IO_ENGINE_INLINE_MAX 65536

/*
 * A file as the engines see it.  The user owns the descriptor and this
 * structure; both must outlive the requests.  The flags are what was learnt
 * of the file; io_file_init() sets them anew for a new descriptor.
 *
 * An fdatasync that failed is remembered, because the kernel reports once that
 * it could not write a page and then forgets it: a second fdatasync would
 * succeed although the data is lost.  With O_DIRECT no page waits to be
 * written, unless the file was changed otherwise than by writes, or through
 * another descriptor.
 */
typedef struct IoFile {
    int fd;
    bool direct;          /* O_DIRECT: never tried inline */
    bool no_inline_read;  /* the file refused RWF_NOWAIT for reading */
    bool no_inline_write; /* ... and for writing */
    bool cached_writes;   /* such changes since the last fdatasync; noted
                             before and after each, since one that runs
                             meanwhile may fail for it, or not see it */
    int sync_error;       /* the -errno of the fdatasync that lost data, or 0 */
} IoFile;

/* Describe @fd, whose flags are asked of the kernel; plain. */
void io_file_init(IoFile *file, int fd);

/*
 * The same file by the descriptor @fd from now on; the old one stays the
 * user's.  Data that an fdatasync has lost stays lost.  Plain.
 */
void io_file_replace(IoFile *file, int fd);

/*
 * The engine of @type for @ctx, the caller's context: made at the first call
 * for a type, the same one afterwards, ended with the context.  Borrowed.
 * AUTO always succeeds.  IO_URING that the build or the kernel lacks or
 * forbids: NULL and an error.  Plain; inside and outside coroutines.
 */
IoEngine *aio_get_io_engine(AioContext *ctx, IoEngineType type, Error **errp);

/*
 * Read @bytes bytes, the sum of the lengths in @iov, from @offset.  Returns
 * the number of bytes read, less than @bytes only when the file ends there
 * (the rest of the buffers is untouched), or -errno, buffers then undefined.
 */
int64_t coroutine_fn io_engine_preadv(IoEngine *engine, IoFile *file,
                                      const struct iovec *iov, int niov,
                                      uint64_t bytes, int64_t offset);

/*
 * Write @bytes bytes, the sum of the lengths in @iov, at @offset.  Returns 0
 * or -errno; after an error any part of the range may have been written.
 */
int coroutine_fn io_engine_pwritev(IoEngine *engine, IoFile *file,
                                   const struct iovec *iov, int niov,
                                   uint64_t bytes, int64_t offset);

/*
 * fdatasync(2); 0 or -errno, which each later call returns, too, without asking
 * the kernel, if data that waited in memory is lost.
 */
int coroutine_fn io_engine_fdatasync(IoEngine *engine, IoFile *file);

/* fallocate(2) with @mode (FALLOC_FL_*), in bytes; 0 or -errno. */
int coroutine_fn io_engine_fallocate(IoEngine *engine, IoFile *file, int mode,
                                     int64_t offset, int64_t bytes);

/* ftruncate(2) to @length bytes; 0 or -errno. */
int coroutine_fn io_engine_ftruncate(IoEngine *engine, IoFile *file,
                                     int64_t length);

/* Work that may block; returns 0 or a positive result, or -errno. */
typedef int64_t IoEngineFunc(void *opaque);

/*
 * Run @func(@opaque) in a worker thread of the context and return what it
 * returns.  @func must not touch the context, its coroutines or its nodes.
 */
int64_t coroutine_fn io_engine_run(IoEngine *engine, IoEngineFunc *func,
                                   void *opaque);

#endif
