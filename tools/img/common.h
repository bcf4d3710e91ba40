/* SPDX-License-Identifier: MIT */
/*
 * What the subcommands of the image tool share: how a subcommand presents
 * itself, its command line, the opening of images, and option lists of
 * creations.
 *
 * Invariants:
 *   - Each thing that goes wrong is reported once, where it is noticed here: a
 *     function whose comment says "reports" has printed the one line that there
 *     is to print when it fails, and its caller only ends.
 *   - Bad usage ends the process before anything was opened or changed.
 *   - All functions are plain, or mixed where they open images, and are called
 *     outside coroutines only.
 */
#ifndef TOOLS_IMG_COMMON_H
#define TOOLS_IMG_COMMON_H

#include <getopt.h>

#include "qemu/osdep.h"
#include "block/block.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "sysemu/block-backend.h"

/* The name of an image's format when none is given. */
#define IMG_DEFAULT_FORMAT "raw"
/* Cache modes when none is given: of images in general, of convert's target. */
#define IMG_DEFAULT_CACHE "writeback"
#define IMG_TARGET_CACHE "unsafe"

/* One subcommand; main.c has the table of them. */
typedef struct ImgCommand {
    const char *name;
    /* Its options and operands, in one line. */
    const char *synopsis;
    /* What it does and what each option means: whole lines. */
    const char *help;
    /* Returns the exit status. */
    int (*run)(int argc, char **argv);
    /* The exit status of bad usage; 0 stands for 1. */
    int usage_status;
} ImgCommand;

extern const ImgCommand img_amend;
extern const ImgCommand img_bench;
extern const ImgCommand img_bitmap;
extern const ImgCommand img_check;
extern const ImgCommand img_commit;
extern const ImgCommand img_compare;
extern const ImgCommand img_convert;
extern const ImgCommand img_create;
extern const ImgCommand img_dd;
extern const ImgCommand img_info;
extern const ImgCommand img_map;
extern const ImgCommand img_measure;
extern const ImgCommand img_rebase;
extern const ImgCommand img_resize;
extern const ImgCommand img_snapshot;

/* ---- the command line --------------------------------------------------- */

/*
 * The command whose line is being read: its help is printed on --help, its
 * usage_status is the end of bad usage.
 */
void img_set_command(const ImgCommand *command);

/* Prints the current command's help on standard output. */
void img_print_command_help(void);

/*
 * `PROG: MESSAGE` and `Try 'PROG --help' for more information` on standard
 * error, then exit.
 */
void img_usage_error(const char *fmt, ...) GCC_FMT_ATTR(1, 2) QEMU_NORETURN;

/* `PROG: MESSAGE` on standard error, then exit with the status of bad usage. */
void img_fail(const char *fmt, ...) GCC_FMT_ATTR(1, 2) QEMU_NORETURN;

/*
 * Values of long options that have no letter.  A command's own ones begin with
 * IMG_OPT_OWN.
 */
enum {
    IMG_OPT_IMAGE_OPTS = 256,
    IMG_OPT_OUTPUT,
    IMG_OPT_OWN,
};

/* Entries of a `struct option` table. */
#define IMG_LONG_HELP { "help", no_argument, NULL, 'h' }
#define IMG_LONG_IMAGE_OPTS \
    { "image-opts", no_argument, NULL, IMG_OPT_IMAGE_OPTS }
#define IMG_LONG_OUTPUT { "output", required_argument, NULL, IMG_OPT_OUTPUT }
#define IMG_LONG_FORCE_SHARE { "force-share", no_argument, NULL, 'U' }
#define IMG_LONG_END { NULL, 0, NULL, 0 }

/*
 * getopt_long(): the next option, -1 after the last; operands are moved behind
 * the options.  @letters has no leading colon and no h.  --help prints the help
 * and exits 0; an unknown option or a missing argument is bad usage.
 */
int img_getopt(int argc, char **argv, const char *letters,
               const struct option *long_options);

/* Whether --output=@word asks for JSON; exits when it is neither. */
bool img_output_is_json(const char *word);

/*
 * A size of @min to @max bytes given as @text, @what naming it in the message.
 * Reports, and returns a negative number, when it is none.
 */
int64_t img_parse_size_range(const char *what, const char *text, int64_t min,
                             int64_t max);
/* The same from 0 to INT64_MAX. */
int64_t img_parse_size(const char *what, const char *text);

/*
 * Adds @more to the comma list *@list, which is replaced; for repeated -o.
 * Reports and returns false when @more is no such list.
 */
bool img_add_options(char **list, const char *more);

/* ---- opening images ----------------------------------------------------- */

/* How an image is to be opened.  All zero: read-only, probed, writeback. */
typedef struct ImgOpen {
    const char *format;     /* -f; NULL: probed */
    bool image_opts;        /* the name is a list of options */
    bool force_share;       /* -U */
    bool writethrough;      /* from img_parse_cache() */
    int flags;              /* BDRV_O_* */
} ImgOpen;

/*
 * Sets the cache mode of @how to @mode.  Reports and returns false when there
 * is no such mode: "Invalid @what option: @mode", where @what is "cache" or
 * "source cache".
 */
bool img_parse_cache(const char *what, const char *mode, ImgOpen *how);

/*
 * Exits when a format was given together with options: they name the format
 * themselves.
 */
void img_check_image_opts(const ImgOpen *how);

/*
 * Opens @name; reports and returns NULL when that fails.  The caller owns the
 * BlockBackend.
 */
BlockBackend *img_open(const char *name, const ImgOpen *how);

/*
 * The same with the driver options @options besides (consumed, may be NULL),
 * as bdrv_open() takes them.
 */
BlockBackend *img_open_with(const char *name, QDict *options,
                            const ImgOpen *how);

/* ---- creating images ---------------------------------------------------- */

/*
 * The options of a creation of @filename by @drv: the format's and its
 * protocol's (@filename NULL: the format's alone).  Free with
 * qemu_opts_free().  NULL and an error when one of the two cannot create.
 */
QemuOptsList *img_create_list(BlockDriver *drv, const char *filename,
                              Error **errp);

/*
 * Prints the options that creating @filename (or NULL) as @format takes.
 * Reports; 0 or 1, an exit status.
 */
int img_print_create_help(const char *filename, const char *format);

/*
 * When standard error is a terminal: says in one line that the image
 * @filename of @drv, just created, has another size than @asked, and how to
 * prevent that.
 */
void img_note_rounding(BlockDriver *drv, const char *filename,
                       int64_t asked);

/* ---- output ------------------------------------------------------------- */

/*
 * Writes out what was printed.  Returns @status, or 1 instead of 0 when that
 * failed, which is reported; that the reader has gone away is no failure.
 */
int img_finish_output(int status);

/* Prints @obj as JSON over several lines, and a newline. */
void img_print_json(const QObject *obj);

#endif
