/* SPDX-License-Identifier: MIT */
/*
 * What each sector of a disk may read as, also after a power cut: the value
 * that was flushed last, or any that it was given since.
 */
#ifndef TESTS_DRIVER_CUT_MODEL_H
#define TESTS_DRIVER_CUT_MODEL_H

#include "sysemu/block-backend.h"

typedef struct CutModel CutModel;

/* Of what @blk reads as; each sector must repeat its first eight bytes. */
CutModel *cut_model_new(BlockBackend *blk);
CutModel *cut_model_copy(const CutModel *m);
void cut_model_free(CutModel *m);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CutModel, cut_model_free)

/* In sectors. */
uint32_t cut_model_size(const CutModel *m);

/*
 * A request on sectors begins; the number that maybe() wants.  A write's
 * sectors get a value of their own each, which @buf holds then; NULL: zeroes.
 */
unsigned cut_model_begin(CutModel *m, uint32_t first, uint32_t count,
                         uint8_t *buf);

/* The request may have happened, sector by sector, or not. */
void cut_model_maybe(CutModel *m, unsigned request);

/* A flush that began when nothing was in flight: @blk's values are durable. */
bool cut_model_flushed(CutModel *m, BlockBackend *blk, GString *why);

/*
 * All of @blk reads as it must; false sets @why.  After a power cut what it
 * reads as is what counts from now on.
 */
bool cut_model_verify(CutModel *m, BlockBackend *blk, bool cut, GString *why);

#endif
