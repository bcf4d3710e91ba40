/* SPDX-License-Identifier: MIT */
/*
 * The defects of the drivers in bugs.c, and the names of these drivers.
 */
#ifndef TESTS_HARNESS_BUGS_H
#define TESTS_HARNESS_BUGS_H

typedef enum Bug {
    BUG_NONE,
    BUG_LOST_UPDATE,        /* an entry stays in memory that was not written */
    BUG_STALE_ENTRY,        /* the same, and its place is given away again */
    BUG_IGNORED_ERROR,      /* of an overwriting write */
    BUG_WRONG_PIECE,        /* a request over two blocks: wrong data */
    BUG_MIXED_SECTORS,      /* of what is written first to a block */
    BUG_RACE,               /* two requests allocate one block */
    BUG_ODD_LENGTH,         /* a length is kept that opening refuses */
    BUG_STATUS_ZERO,        /* the block status says zero for data */
    BUG_STATUS_OFFSET,      /* and always names the begin of the block */
    BUG_FLUSH_ORDER,        /* the table reaches the file before the data */
    BUG_STALE_BYTES,        /* what surrounds the first write is not zeroed */
    BUG_LEAK_MEMORY,
    BUG_LEAK_NODE,
    BUG_LEAK_COROUTINE,
    BUG_ENDLESS,            /* writes do not end */
    BUG_POLLING,            /* they look at times for what does not come */
    BUG_FORGOTTEN,          /* nor here, but wait for nothing */
    BUG_NO_DRAIN,           /* writes go on after they have ended */
    BUG_SHARED_FILE,        /* a second writer is welcome */
    BUG_CREATE_ROUNDING,    /* images are shorter than was asked for */
    BUG_CREATE_OPTION,      /* what creation accepts, opening refuses */
    BUG_HOSTILE_MEMORY,     /* a table is as long as the file says ... */
    BUG_HOSTILE_LOOP,       /* blocks of no bytes are counted ... */
    BUG_HOSTILE_BOUNDS,     /* the table is shorter than the disk ... */
    BUG_GUESSED_HEAD,       /* a lost header is taken for the usual one */
    BUG_ANY_ENTRY,          /* a block may be anywhere, twice, too */
    BUG_STALE_HEADER,       /* an old count of blocks is written last */
    BUG_TWO_FAULTS,         /* with many blocks writes are lost, with few ... */
    BUG_NO_CREATION,        /* not a bug: it creates no images */
    BUG_GROWS,              /* not a bug: there is room in the table to grow */
    BUG_GROW_RETRY,         /* the same, but after a growth that failed none
                               reaches the file */
    BUG_CREATE_ORDER,       /* the header may come before the table */
    BUG_KEPT_TABLE,         /* it never reaches the file, but is not lost as
                               long as the process lives */
    BUG__MAX,
} Bug;

/* The drivers. */
static const char *const bug_names[BUG__MAX] = {
    [BUG_NONE] = "bug-none",
    [BUG_LOST_UPDATE] = "bug-lost-update",
    [BUG_STALE_ENTRY] = "bug-stale-entry",
    [BUG_IGNORED_ERROR] = "bug-ignored-error",
    [BUG_WRONG_PIECE] = "bug-wrong-piece",
    [BUG_MIXED_SECTORS] = "bug-mixed-sectors",
    [BUG_RACE] = "bug-race",
    [BUG_ODD_LENGTH] = "bug-odd-length",
    [BUG_STATUS_ZERO] = "bug-status-zero",
    [BUG_STATUS_OFFSET] = "bug-status-offset",
    [BUG_FLUSH_ORDER] = "bug-flush-order",
    [BUG_STALE_BYTES] = "bug-stale-bytes",
    [BUG_LEAK_MEMORY] = "bug-leak-memory",
    [BUG_LEAK_NODE] = "bug-leak-node",
    [BUG_LEAK_COROUTINE] = "bug-leak-coroutine",
    [BUG_ENDLESS] = "bug-endless",
    [BUG_POLLING] = "bug-polling",
    [BUG_FORGOTTEN] = "bug-forgotten",
    [BUG_NO_DRAIN] = "bug-no-drain",
    [BUG_SHARED_FILE] = "bug-shared-file",
    [BUG_CREATE_ROUNDING] = "bug-create-rounding",
    [BUG_CREATE_OPTION] = "bug-create-option",
    [BUG_HOSTILE_MEMORY] = "bug-hostile-memory",
    [BUG_HOSTILE_LOOP] = "bug-hostile-loop",
    [BUG_HOSTILE_BOUNDS] = "bug-hostile-bounds",
    [BUG_GUESSED_HEAD] = "bug-guessed-head",
    [BUG_ANY_ENTRY] = "bug-any-entry",
    [BUG_STALE_HEADER] = "bug-stale-header",
    [BUG_TWO_FAULTS] = "bug-two-faults",
    [BUG_NO_CREATION] = "bug-no-creation",
    [BUG_GROWS] = "bug-grows",
    [BUG_GROW_RETRY] = "bug-grow-retry",
    [BUG_CREATE_ORDER] = "bug-create-order",
    [BUG_KEPT_TABLE] = "bug-kept-table",
};

#endif
