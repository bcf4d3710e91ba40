/* SPDX-License-Identifier: MIT */
/*
 * One image in memory and what tests of the vpc driver do with it.
 */
#ifndef TESTS_DRIVER_VPC_FIXTURE_H
#define TESTS_DRIVER_VPC_FIXTURE_H

#include "disk-stack.h"
#include "qemu/units.h"
#include "vhd-writer.h"

#define BLOCK (64 * KiB)

typedef struct Fixture {
    MemDisk *disk;              /* "disk" */
    VhdImage image;
} Fixture;

/* A small dynamic image that may be changed by any program. */
extern const VhdSpec virtualbox;

/* Makes the disk and what goes before the blocks of an image. */
void begin(Fixture *f, const VhdSpec *spec);
/* The same with the first @count blocks, block N filled with N + 1. */
void begin_full(Fixture *f, const VhdSpec *spec, unsigned count);
void end(Fixture *f);

/* Nodes on it; blk_unref(). */
BlockBackend *open_flags(Fixture *f, int flags, Error **errp);
BlockBackend *open_ro(Fixture *f);
BlockBackend *open_rw(Fixture *f);
/* With an option of the driver. */
BlockBackend *open_option(Fixture *f, int flags, const char *key,
                          const char *value, Error **errp);
BlockBackend *open_faulty(Fixture *f, const DiskFault *fault);
/* For writing, in a window of @length bytes, as on a block device. */
BlockBackend *open_window(int64_t length);

/* Opening with @flags fails with a message that contains @text. */
void assert_refused(Fixture *f, int flags, const char *text);

/* It can be read, but not opened for writing. */
void assert_read_only(Fixture *f, const char *text);

void assert_reads(BlockBackend *blk, int64_t offset, int bytes, uint8_t value);
void write_value(BlockBackend *blk, int64_t offset, int bytes, uint8_t value);
void write_zeroes(BlockBackend *blk, int64_t offset, int bytes);
void assert_flushes(BlockBackend *blk);

/* The BAT entry of @block on the disk. */
uint32_t entry_of(Fixture *f, uint32_t block);

/* A valid footer ends the file, and equals the copy at its start. */
void assert_sound_ends(Fixture *f);

/* From now on standard error is a file, for open_silently(). */
void begin_listening(void);

/* open_rw(), and nothing is said of the image. */
BlockBackend *open_silently(Fixture *f);

#endif
