/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the I/O engines share: an engine in a context of its own
 * with a file in the current folder, and requests to it.
 */
#ifndef TESTS_UNIT_ENGINE_BENCH_H
#define TESTS_UNIT_ENGINE_BENCH_H

#include "block/aio.h"
#include "minblk/io-engine.h"

typedef struct Bench {
    AioContext *ctx;
    IoEngine *engine;
    IoFile file;
    char *path;
} Bench;

typedef enum Op { READ, WRITE, SYNC, FALLOCATE, FTRUNCATE, RUN } Op;

typedef struct Request {
    Bench *b;
    Op op;
    const struct iovec *iov;
    int niov;
    uint64_t bytes;
    int64_t offset;
    int mode;
    IoEngineFunc *func;
    void *opaque;
    int64_t ret;
    bool done;
} Request;

/* The engine @type (an IoEngineType as a pointer); false: the test is skipped. */
bool bench_begin(Bench *b, gconstpointer type);
void bench_end(Bench *b);

/* The coroutine of a Request, which it does, and marks as done. */
void coroutine_fn request_entry(void *opaque);

/* Does @r in a coroutine of its own and waits; what it returned. */
int64_t run(Bench *b, Request r);
int64_t do_read(Bench *b, void *buf, size_t bytes, int64_t offset);
int64_t do_write(Bench *b, const void *buf, size_t bytes, int64_t offset);

/* Bytes that depend on their place and on @seed. */
void fill(uint8_t *buf, size_t bytes, unsigned seed);

/* The test @name, once for each engine. */
void add(const char *name, GTestDataFunc func);

#endif
