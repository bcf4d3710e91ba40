/* SPDX-License-Identifier: MIT */
/*
 * The model: which values each byte of an image may have.
 *
 * Invariants:
 *   - Time is a counter: each beginning and end of an operation is a moment of
 *     its own.
 *   - A byte may have the value of each operation on it but those that were
 *     over before another one began that has happened for certain: one that
 *     succeeded (for a reader), one that was made durable (after a power cut).
 *   - A discard and an operation that failed may have happened or not; they
 *     keep nothing else from being there.
 *   - Nothing is forgotten, so any moment of the past can be asked for.
 */
#ifndef HARNESS_MODEL_H
#define HARNESS_MODEL_H

#include "ops.h"

typedef struct Model Model;

/*
 * An image of @length bytes that holds @content (copied), or zeroes without
 * it, all of it durable.
 */
Model *model_new(int64_t length, const uint8_t *content);
void model_free(Model *model);

/*
 * From the growth of an image on, what it adds may hold anything; otherwise it
 * is zero.
 */
void model_set_dirty_growth(Model *model, bool dirty);

/*
 * @op, the @number-th of its list, begins; returns its handle.  A truncation
 * is the only thing in flight.  Reads and reopening need not be told.
 */
unsigned model_begin(Model *model, const Op *op, unsigned number);

/* It is over, with the result @ret. */
void model_end(Model *model, unsigned handle, int ret);

/* The present moment. */
uint64_t model_now(const Model *model);

/* The length of the image, if all truncations have succeeded. */
int64_t model_length(const Model *model);

/*
 * Was @buf, @bytes at @offset, there to be read between @since and now?  If not
 * says in @why (appended) what is wrong.
 */
bool model_check_read(const Model *model, uint64_t since, int64_t offset,
                      int64_t bytes, const uint8_t *buf, GString *why);

/* What may be there after a power cut, seen from one moment. */
typedef struct ModelCut ModelCut;
ModelCut *model_cut_new(const Model *model, uint64_t moment);
void model_cut_free(ModelCut *cut);

/*
 * May the image be that long then?  Any length between those that it was given
 * is as good, since a write that is lost in part may have made it.
 */
bool model_cut_check_length(const ModelCut *cut, int64_t length, GString *why);
bool model_cut_check(const ModelCut *cut, int64_t offset, int64_t bytes,
                     const uint8_t *buf, GString *why);

#endif
