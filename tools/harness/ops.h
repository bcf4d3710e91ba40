/* SPDX-License-Identifier: MIT */
/*
 * Lists of operations, made of a seed.
 *
 * Invariants: an operation is whole in itself (nothing of it depends on those
 * before), so any part of a list is a list; equal plans give equal lists,
 * whatever the machine.
 */
#ifndef HARNESS_OPS_H
#define HARNESS_OPS_H

#include "harness.h"

/*
 * A generator of numbers that is the same everywhere, unlike rand(), because a
 * seed that was reported has to make the same list on another machine.
 */
typedef struct Rng {
    uint64_t state;
} Rng;

uint64_t rng_next(Rng *rng);
/* From 0 to @below - 1; @below > 0. */
uint64_t rng_below(Rng *rng, uint64_t below);

typedef enum OpKind {
    OP_READ,
    OP_WRITE,
    OP_ZERO,
    OP_DISCARD,
    OP_STATUS,                  /* ask for the block status */
    OP_FLUSH,
    OP_TRUNCATE,                /* offset is the new length */
    OP_REOPEN,                  /* close and open again */
    OP__MAX,
} OpKind;

typedef struct Op {
    OpKind kind;
    int64_t offset;
    int64_t bytes;
    unsigned pieces;            /* of the vector; 1 but for reads and writes */
    uint8_t pattern;            /* OP_WRITE: of every byte ... */
    bool salted;                /* ... plus the number of its sector */
    bool fua;
    bool unmap;                 /* OP_ZERO */
} Op;

#define OP_MAX_PIECES 8

/* The parts of a list. */
typedef struct OpsPlan {
    ImageFacts facts;           /* of the image that it is for */
    uint64_t seed;
    unsigned count;
    bool reopen;
    unsigned max_bytes;         /* of a request; 0: as it comes */
} OpsPlan;

/* A list of Op that @plan describes; free with g_array_unref(). */
GArray *ops_new(const OpsPlan *plan);

/*
 * Cuts what lies past the end of an image that is @length bytes long before the
 * first of @ops, and drops what lies there wholly; truncations count.
 */
void ops_clip(GArray *ops, int64_t length);

/* Does it change the bytes of the image, or may it? */
bool op_writes(const Op *op);

/*
 * The byte that OP_WRITE puts at @offset.  Without salt all bytes of a request
 * are alike, so that data in the wrong place of its own request is not seen.
 */
static inline uint8_t op_byte(const Op *op, int64_t offset)
{
    return op->pattern + (op->salted ? offset >> 9 : 0);
}

/* The length of piece @i of its vector; the last one has the remainder. */
static inline size_t op_piece(const Op *op, unsigned i)
{
    size_t n = op->bytes / op->pieces;

    return i == op->pieces - 1 ? op->bytes - n * i : n;
}

/*
 * The operation as a command of minblk-io, with @aio one that does not wait,
 * where there is such a one; g_free().  It writes the file @source, which knows
 * no vectors and no aio, or where that is NULL the pattern alone.
 */
char *op_command(const Op *op, bool aio, const char *source);

/* The same for people; g_free(). */
char *op_print(const Op *op);

/* Each operation of the list so; g_strfreev(). */
char **ops_print(const GArray *ops);

#endif
