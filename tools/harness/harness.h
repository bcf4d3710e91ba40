/* SPDX-License-Identifier: MIT */
/*
 * Shared by the parts of the harness: the run, its suites, the cases and the
 * stack under test.
 *
 * Invariants:
 *   - The parent process never opens an image and polls no event loop, because
 *     every later case would inherit what a driver leaves there; all that
 *     touches a driver happens in a case, which is a forked child with limits.
 *   - A property is one line of TAP; it holds when all of its cases pass.
 *   - The same options and seed give the same properties and operations, so
 *     that a failure can be brought about again.
 *   - What is named harness_, cases_ or lists_ is for the parent; what is named
 *     case_, stack_ or run_ for a case.  Of these case_fail(), case_skip() and
 *     case_send() may be called anywhere, the others outside of coroutines.
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

#define DEFAULT_SEED    1
#define DEFAULT_TIMEOUT 30      /* seconds */

typedef struct HarnessSuite HarnessSuite;
typedef struct Case Case;

/* The body of a case; it passes when it returns and the child exits well. */
typedef void CaseFn(Case *c, const void *opaque);

/* What helps to bring a failure about again; all of it may be NULL or 0. */
typedef struct HarnessDetail {
    unsigned depth;             /* requests in flight, at most; 0: one */
    char *what;                 /* makes this case special */
    char **operations;          /* in the words of minblk-io */
    unsigned whole;             /* so many there were before shortening */
    char *image;                /* the file that --keep has left */
    char *commands;             /* for a shell, whole lines */
} HarnessDetail;

typedef struct Harness {
    const char *driver;
    BlockDriver *drv;
    char *create;               /* -o, joined by commas, or NULL */
    uint64_t seed;
    uint64_t ops;               /* of a list; 0: as the suite likes */
    uint64_t timeout;           /* seconds of CPU time that a case may use */
    const char *image_dir;      /* --image, or NULL */
    GPtrArray *images;          /* paths of its files, sorted */
    const char *keep;           /* --keep, or NULL */
    const char *from;           /* images are copies of this file, or NULL */
    const char *reader;         /* --reader, a command line, or NULL */
    bool can_create;            /* or there is a file to copy */
    bool can_check;

    HarnessDetail detail;       /* of the next report */
    const char *keeping;        /* the file for the case that runs now */
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
    /*
     * Either the first runs, or the second once for each image: @path is NULL
     * for one that the driver creates; @suffix goes after the properties' names
     * so that they differ.
     */
    void (*run)(Harness *h);
    void (*run_image)(Harness *h, const char *path, const char *suffix);
};

extern const HarnessSuite suite_model;
extern const HarnessSuite suite_read;
extern const HarnessSuite suite_failure;
extern const HarnessSuite suite_crash;
extern const HarnessSuite suite_graph;
extern const HarnessSuite suite_create;
extern const HarnessSuite suite_hostile;
extern const HarnessSuite suite_create_crash;
extern const HarnessSuite suite_damage;
extern const HarnessSuite suite_turns;

/*
 * A seed for the @index-th use of what @what names, made of the run's seed.  It
 * depends on nothing that ran before, so --only changes no operation.
 */
uint64_t harness_seed(const Harness *h, const char *what, unsigned index);

/* ---- TAP; in the parent ------------------------------------------------- */

/* Zero is a failure, so that a case which states nothing has failed. */
typedef enum CaseStatus { CASE_FAIL, CASE_PASS, CASE_SKIP } CaseStatus;

/*
 * Reports the property that @fmt names: it holds, is broken, or cannot be
 * tested here.  @text is why: of a skipped one a phrase, of a broken one lines
 * that follow as comments (or NULL).
 */
void harness_report(Harness *h, CaseStatus status, const char *text,
                    const char *fmt, ...) GCC_FMT_ATTR(4, 5);
void harness_vreport(Harness *h, CaseStatus status, const char *text,
                     const char *fmt, va_list ap) GCC_FMT_ATTR(4, 0);

/*
 * @detail, which is taken, belongs to the next report, and is printed if that
 * is of a failure.
 */
void harness_detail(Harness *h, HarnessDetail detail);

/*
 * @text for a shell, in quotes where it needs them; g_free().  It stays one
 * line as long as it has no newline in it.
 */
char *shell_quote(const char *text);

/*
 * The next report is of @fn, which has failed with @opaque and @message: does
 * what --keep wants.
 */
void harness_keep(Harness *h, CaseFn *fn, const void *opaque,
                  const char *message);

/*
 * The same of the @number-th (from 1) of several cases that have failed.  The
 * line @create (taken; or NULL) makes its image by hand.
 */
void harness_keep_one(Harness *h, CaseFn *fn, const void *opaque,
                      unsigned number, const char *message, char *create);

/* The first lines of the report. */
void harness_begin(const Harness *h);

/* A comment; @fmt may have several lines. */
void harness_note(const char *fmt, ...) GCC_FMT_ATTR(1, 2);

/* Prints the plan; the status to exit with. */
int harness_finish(const Harness *h);

/* ---- cases -------------------------------------------------------------- */

/* How a case went: in memory that the child shares with its parent. */
typedef struct CaseResult {
    CaseStatus status;
    /* Of a failure: equal for two that say the same of other places. */
    unsigned kind;
    bool minor;                 /* it is one, but no data is lost */
    /*
     * Why it failed or was skipped, or what case_note() was told; else empty.
     * Unused pages cost nothing.
     */
    char message[65536];
    uint8_t data[1024];         /* what case_send() sent last; else zeroes */
} CaseResult;

/* The arguments of a case, in its child. */
struct Case {
    const Harness *h;
    CaseResult *result;         /* only child.c writes to it */
    const char *where;          /* begins what is said of a failure, or NULL */
    bool minor;                 /* if it fails now, no data is lost */
};

/*
 * In a case: it failed, or makes no sense here.  They end the child.  The kind
 * of a failure is @fmt and, since that may be "%s", the text up to its first
 * digit; so no name and no list belongs before the first number.
 */
void case_fail(Case *c, const char *fmt, ...) GCC_FMT_ATTR(2, 3) QEMU_NORETURN;
void case_skip(Case *c, const char *fmt, ...) GCC_FMT_ATTR(2, 3) QEMU_NORETURN;

/* In a case that is going to pass: a comment for its property. */
void case_note(Case *c, const char *text);

/* In a case: fails with "@what: " and the text of @err, if there is one. */
void case_fail_err(Case *c, Error *err, const char *what) QEMU_NORETURN;

/*
 * In a case: hands @bytes (at most those of CaseResult) to the parent, in place
 * of those sent before.  They arrive even if the case crashes or hangs then.
 */
void case_send(Case *c, const void *data, size_t bytes);

/*
 * Runs @fn once for each of @count opaques, which are @size bytes each and lie
 * next to each other, several at a time, none for longer than @timeout seconds
 * of CPU time (0: the run's).  When one hangs, those that have not begun are
 * skipped: they are of one property.  Returns as many results; cases_free().
 */
CaseResult *cases_run(const Harness *h, CaseFn *fn, const void *opaques,
                      size_t size, unsigned count, unsigned timeout);
void cases_free(CaseResult *results, unsigned count);

/*
 * Microseconds that all cases have cost so far: CPU time, and what those waited
 * that hang.
 */
int64_t cases_cost(void);

/*
 * Runs one case.  If it passes, copies the @bytes that it has sent to @answer.
 * @message is why it did not; g_free().
 */
CaseStatus cases_run_one(const Harness *h, CaseFn *fn, const void *opaque,
                         void *answer, size_t bytes, char **message);

/* One property that is one case: runs @fn and reports. */
void harness_check(Harness *h, CaseFn *fn, const void *opaque,
                   const char *fmt, ...) GCC_FMT_ATTR(4, 5);

/*
 * The same for a case that tries many things and tells by case_send(), as a
 * string, which one comes now: that begins what is said of a failure, even of a
 * crash.  @opaque is @size bytes.
 */
void harness_check_told(Harness *h, CaseFn *fn, const void *opaque,
                        size_t size, const char *fmt, ...) GCC_FMT_ATTR(5, 6);

/* ---- the stack; in a case ----------------------------------------------- */

/* A rule of blkdebug: requests that fail with EIO. */
typedef struct StackFault {
    const char *iotype;         /* as blkdebug names them */
    unsigned skip;              /* so many pass before */
    bool once;                  /* otherwise all fail from then on */
} StackFault;

/*
 * The nodes between the driver under test and the disk.  Faults lie
 * above the volatile cache, because a request that fails must not reach it.
 */
typedef struct StackOptions {
    const char *disk;           /* the name of the disk */
    int flags;                  /* of bdrv_open: STACK_RDWR or 0 */
    uint64_t delay_seed;        /* 0: requests do not overtake each other */
    const StackFault *fault;    /* or NULL */
    bool volatile_cache;
} StackOptions;

/*
 * As users open an image to write to it.  Resizing is part of that, because
 * lists change the length; unmapping, since a discard does nothing without.
 */
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

/* As stack_create() with no more options, over a volatile cache. */
MemDisk *stack_create_cached(const Harness *h, const char *name, int64_t size,
                             Error **errp);

/*
 * Has the file @path few enough bytes of data, without holes, that cases can
 * work on copies within their limit of memory?  In the parent, too.
 */
bool stack_can_hold(const char *path);
#define STACK_MAX_DATA (256 << 20)
#define TOO_MUCH_DATA "the file has more than 256 MiB of data, and cases " \
                      "work on copies in memory"

/* Makes the disk @name hold a copy of the file @path. */
MemDisk *stack_load(const char *name, const char *path, Error **errp);

/*
 * Writes the disk to the file @fd, which is empty; holes stay holes.  Whether
 * that worked; else errno is set.  A handler of a signal may call it.
 */
bool stack_save(const MemDisk *from, int fd);

/* Opens the image on a disk; NULL with @errp set. */
BlockBackend *stack_open(const Harness *h, const StackOptions *how,
                         Error **errp);

/* That node of the stack, which is open; or NULL. */
BlockDriverState *stack_node(const StackOptions *how, const char *what);

/*
 * As stack_create() with no options of the suite's; where the driver refuses
 * @size, which may be odd, with the next whole MiB.  The size that it took; a
 * failure fails the case.
 */
int64_t case_create(Case *c, const char *name, int64_t size);

/*
 * Makes the disk @name hold a copy of the file @path, or where that is NULL an
 * image as case_create() does.  A failure fails the case.
 */
MemDisk *case_image(Case *c, const char *name, const char *path, int64_t size);

/* As stack_open(); a failure fails the case with "@what: " and the reason. */
BlockBackend *case_open(Case *c, const StackOptions *how, const char *what);

/* Opens the image, or NULL: refused, for which there must be a reason. */
BlockBackend *case_try_open(Case *c, const StackOptions *how);

/*
 * Opens an image that others have made: read-only or, where the driver refuses
 * that, to be written to.  If it refuses both, the case is skipped with its
 * reason, or unless @may_refuse fails.
 */
BlockBackend *case_open_to_read(Case *c, StackOptions *how, bool may_refuse);

/* Does the one image that is open consist of several files? */
bool stack_has_more_files(void);

/* Why a suite that looks at the disk cannot judge such an image. */
#define SEVERAL_FILES "the image has more files than the harness holds"

/* Why there are no lists for it. */
#define COMPRESSED_ONLY "such images take compressed writes of whole clusters"

/* The usual @what of case_open(). */
#define NOT_OPENED "the image could not be opened"

/* ---- what is known beforehand; in the parent ---------------------------- */

/*
 * Facts of the driver's images that a suite needs to plan: requests past the
 * end, or truncations that the driver may refuse, would be no findings.
 */
typedef struct ImageFacts {
    int64_t size;               /* to create images with */
    int64_t length;             /* of an image created so */
    int64_t cluster;            /* what it allocates in, or 0: unknown */
    bool truncate;              /* can it be made longer and shorter? */
    bool grow;                  /* can it be made longer only? */
    int64_t grain;              /* new lengths are multiples of it */
    bool more_files;            /* has it more files than one? */
} ImageFacts;

/*
 * Learns them, with a size of many clusters; reports a property that states
 * whether an image can be created, opened, read and closed, and as a comment
 * what such an image is too small for.  Whether it can.
 */
bool harness_learn(Harness *h, ImageFacts *facts);

/* The same for a suite that needs an image in one file, or is skipped. */
bool harness_learn_file(Harness *h, ImageFacts *facts);

/*
 * Takes those from @images that the driver refuses with a reason, and reports
 * each: skipped, or where NAME.content says what it holds, a failure.
 */
void harness_open_images(Harness *h);

/* Why a suite has none. */
#define NO_IMAGES "there is no --image that opens"

/*
 * The driver's reason to refuse the options of -o, though without them it
 * creates an image; or NULL.  g_free().
 */
char *harness_refused_options(const Harness *h);

/*
 * Fewer than @n cases where clusters are large, so that a run ends in the same
 * time; at least one.
 */
unsigned facts_cases(const ImageFacts *facts, unsigned n);

/* Longer images are read in part, or not used. */
#define MAX_LENGTH (256 << 20)

/*
 * Prints as comments how many flushes a write that allocates costs, and one
 * that overwrites.
 */
void harness_count_flushes(Harness *h);

#endif
