/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the harness share: the run, its suites, the cases and the
 * stack under test.
 *
 * Invariants:
 *   - The parent process never opens an image and polls no event loop; all that
 *     touches a driver happens in a case, which is a forked child with limits.
 *   - A property is one line of TAP; it holds when all of its cases pass.
 *   - The same options and seed give the same properties and operations.
 */
#ifndef TOOLS_HARNESS_H
#define TOOLS_HARNESS_H

#include "qemu/osdep.h"
#include "minblk/mem.h"
#include "memory.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "sysemu/block-backend.h"

/* ---- the run ------------------------------------------------------------ */

typedef struct HarnessSuite HarnessSuite;

typedef struct Harness {
    const char *driver;
    BlockDriver *drv;
    char *create;               /* -o, joined by commas, or NULL */
    uint64_t seed;
    uint64_t ops;               /* of a list; 0: as the suite likes */
    uint64_t timeout;           /* seconds that a case may take */
    GPtrArray *images;          /* paths of the files of --image, sorted */
    const char *from;           /* images are copies of this file, or NULL */
    bool can_create;            /* or there is a file to copy */
    bool can_check;

    const char *suite;          /* that runs now: begins every property */
    unsigned properties;        /* reported so far */
    unsigned failed;
} Harness;

struct HarnessSuite {
    const char *name;
    const char *what;           /* half a line for --help */
    /* Useful with the images of --image for a driver that creates none? */
    bool on_images;
    bool creates;               /* about creation: no use with --from */
    void (*run)(Harness *h);
};

extern const HarnessSuite suite_model;
extern const HarnessSuite suite_read;
extern const HarnessSuite suite_failure;
extern const HarnessSuite suite_crash;
extern const HarnessSuite suite_graph;
extern const HarnessSuite suite_create;
extern const HarnessSuite suite_hostile;

/* A seed for the @index-th use of what @what names, made of the run's seed. */
uint64_t harness_seed(const Harness *h, const char *what, unsigned index);

/* ---- TAP; in the parent ------------------------------------------------- */

typedef enum CaseStatus { CASE_PASS, CASE_FAIL, CASE_SKIP } CaseStatus;

/*
 * Reports the property that @fmt names: it holds, is broken, or cannot be tested
 * here.  @text is why: of a skipped one a phrase, of a broken one lines that follow
 * as comments (or NULL).
 */
void harness_report(Harness *h, CaseStatus status, const char *text,
                    const char *fmt, ...) GCC_FMT_ATTR(4, 5);

/* A comment; @fmt may have several lines. */
void harness_note(const char *fmt, ...) GCC_FMT_ATTR(1, 2);

/* Prints the plan; the status to exit with. */
int harness_finish(const Harness *h);

/* ---- cases -------------------------------------------------------------- */

/* In the child: how it talks to its parent. */
typedef struct Case Case;

/* The body of a case; it passes when it returns and the child exits well. */
typedef void CaseFn(Case *c, void *opaque);

typedef struct CaseJob {
    CaseFn *fn;
    void *opaque;
    unsigned timeout;           /* seconds; 0: the run's */

    /* Results. */
    CaseStatus status;
    char *message;              /* why it failed or was skipped, or NULL */
    GByteArray *data;           /* what case_send() sent, or NULL */
} CaseJob;

/* In a case: it failed, or makes no sense here.  They end the child. */
void case_fail(Case *c, const char *fmt, ...) GCC_FMT_ATTR(2, 3) QEMU_NORETURN;
void case_skip(Case *c, const char *fmt, ...) GCC_FMT_ATTR(2, 3) QEMU_NORETURN;

/* In a case: fails with @fmt and the text of @err, which it frees. */
void case_fail_err(Case *c, Error *err, const char *fmt, ...)
    GCC_FMT_ATTR(3, 4) QEMU_NORETURN;

/* In a case: hands @bytes to the parent, after those sent before. */
void case_send(Case *c, const void *data, size_t bytes);

/*
 * Runs @count jobs, several at a time, and fills in their results.  When one
 * hangs, those that have not begun are skipped: they are of one property.
 */
void cases_run(const Harness *h, CaseJob *jobs, unsigned count);

/* Frees the results. */
void case_job_clear(CaseJob *job);

/* One property that is one case: runs @fn and reports. */
void harness_check(Harness *h, CaseFn *fn, void *opaque, const char *fmt, ...)
    GCC_FMT_ATTR(4, 5);

/* ---- the stack; in a case ----------------------------------------------- */

/* A rule of blkdebug: requests that fail with EIO. */
typedef struct StackFault {
    const char *iotype;         /* as blkdebug names them */
    unsigned skip;              /* so many pass before */
    bool once;                  /* else all fail from then on */
} StackFault;

/* What is put between the driver under test and the disk, and how. */
typedef struct StackOptions {
    const char *disk;           /* the name of the disk */
    int flags;                  /* of bdrv_open: STACK_RDWR or 0 */
    bool delay;                 /* requests overtake each other ... */
    uint64_t delay_seed;        /* ... as this says */
    const StackFault *fault;    /* or NULL */
    bool volatile_cache;
    const char *driver;         /* instead of the one under test, or NULL */
} StackOptions;

/* As users open an image to write to it. */
#define STACK_RDWR (BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_UNMAP)

/* The nodes of a stack. */
#define STACK_FORMAT "format"
#define STACK_DELAY  "delay"
#define STACK_FAULT  "fault"
#define STACK_CACHE  "cache"
#define STACK_DISK   "disk"

/*
 * Makes the disk @name hold an image of the driver, of @size bytes, with the
 * user's options and, where these do not say otherwise, those of the list @more
 * (or NULL); with --from, a copy of that file.  NULL with @errp set.
 */
MemDisk *stack_create(const Harness *h, const char *name, int64_t size,
                      const char *more, Error **errp);

/*
 * The same with no options of the suite's; where the driver refuses @size, which
 * may be odd, with the next whole MiB.
 */
MemDisk *stack_create_near(const Harness *h, const char *name, int64_t size,
                           Error **errp);

/* Makes the disk @name hold a copy of the file @path. */
MemDisk *stack_load(const char *name, const char *path, Error **errp);

/* What a suite needs to know of the driver's images to plan. */
typedef struct ImageFacts {
    int64_t length;             /* of an image created with the size asked for */
    int64_t cluster;            /* what it allocates in, or 0: unknown */
    bool truncate;              /* can it be made longer and shorter? */
} ImageFacts;

/*
 * Learns them of an image created with @size bytes; reports a property that
 * says whether one can be created, opened, read and closed.  Whether it can.
 * In the parent.
 */
bool stack_learn(Harness *h, int64_t size, ImageFacts *facts);

/*
 * Tells in comments how many flushes a write that allocates costs, and one that
 * overwrites.  In the parent.
 */
void harness_count_flushes(Harness *h);

/* Opens the image on a disk; NULL with @errp set. */
BlockBackend *stack_open(const Harness *h, const StackOptions *how,
                         Error **errp);

/* That node of the stack, which is open; or NULL. */
BlockDriverState *stack_node(const StackOptions *how, const char *what);

#endif
