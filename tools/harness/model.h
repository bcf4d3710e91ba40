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
 * it, all of it durable.  With @dirty_growth, what a truncation adds may hold
 * anything, because the driver promises no zeroes there.  model_free().
 */
Model *model_new(int64_t length, const uint8_t *content, bool dirty_growth);
void model_free(Model *model);

/*
 * @op, the @number-th of its list (from 0, for messages), begins; returns its
 * handle.  A truncation is the only thing in flight, since what a write beyond
 * the new length would do is not defined.  Reads and reopening change nothing
 * and need no handle.
 */
unsigned model_begin(Model *model, const Op *op, unsigned number);

/* It is over, with the result @ret, 0 or -errno. */
void model_end(Model *model, unsigned handle, int ret);

/* The present moment, as a reader has to note it before it begins. */
uint64_t model_now(const Model *model);

/* The length of the image, if all truncations have succeeded. */
int64_t model_length(const Model *model);

/*
 * Was @buf, @bytes at @offset, there to be read between @since and now?  If not
 * appends to @why the first byte that is wrong and what it might have been.
 */
bool model_check_read(const Model *model, uint64_t since, int64_t offset,
                      int64_t bytes, const uint8_t *buf, GString *why);

/*
 * The data that may be there after a power cut at one moment of the past.  It
 * borrows the model; model_cut_free().
 */
typedef struct ModelCut ModelCut;
ModelCut *model_cut_new(const Model *model, uint64_t moment);
void model_cut_free(ModelCut *cut);

/*
 * May the image be that long then?  Any length between those that it was given
 * is as good, since a write that is lost in part may have made it.
 */
bool model_cut_check_length(const ModelCut *cut, int64_t length, GString *why);

/* As model_check_read(), of what is read after the power cut. */
bool model_cut_check(const ModelCut *cut, int64_t offset, int64_t bytes,
                     const uint8_t *buf, GString *why);

#endif
