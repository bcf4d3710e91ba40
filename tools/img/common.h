/* SPDX-License-Identifier: MIT */
/*
 * Shared by the subcommands of the image tool: how a subcommand presents
 * itself, its command line, the opening of images, and option lists of
 * creations.
 *
 * Invariants:
 *   - Each thing that goes wrong is reported once, where it is noticed here: a
 *     function whose comment says "reports" has printed the one line that there
 *     is to print when it fails, and its caller only ends.
 *   - Bad usage ends the process before anything was opened or changed.
 *   - All functions are called outside coroutines only, because they run the
 *     event loop or end the process.
 */
#ifndef TOOLS_IMG_COMMON_H
#define TOOLS_IMG_COMMON_H

#include "qemu/osdep.h"
#include "block/block.h"
#include "minblk/block-extra.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "sysemu/block-backend.h"
#include "../cmdline.h"

/* The name of an image's format when none is given. */
#define IMG_DEFAULT_FORMAT "raw"

/* One subcommand; main.c has the table of them. */
typedef struct ImgCommand {
    const char *name;
    const char *operands;       /* as the help shows them after the options */
    const char *help;           /* what it does: whole lines */
    const char *example;        /* what stands after its name; it works */
    const CmdOption *options;
    int (*run)(int argc, char **argv);  /* returns the exit status */
    bool answers;               /* what it prints may not be cut short */
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

/* The command whose line is being read: its help is printed on --help. */
void img_set_command(const ImgCommand *command);

/* Prints its name, its options and its operands, and a newline. */
void img_print_synopsis(const ImgCommand *command);

/* The exit status of bad usage, of every command. */
#define IMG_USAGE_STATUS 1

/* Bad usage, without a hint. */
#define img_usage_error(...) cmdline_error(NULL, __VA_ARGS__)

/* The same when @wrong, as a rule that options break together. */
void img_fail_if(bool wrong, const char *message);

/*
 * Bad usage when there are fewer operands than @min or more than @max: those of
 * @argv from optind on.  A hint says which is missing, or which is too many.
 */
void img_check_operands(int argc, char **argv, int min, int max,
                        const char *message);

/*
 * Reads the options of the current command into @args; operands are moved after
 * them.  --help prints the help and exits 0; an unknown option, a missing
 * argument and an invalid value are bad usage.
 */
void img_read_options(void *args, int argc, char **argv);

/*
 * After an error: of which format @bs is, and whether that was guessed; or
 * which file could not be written or read.
 */
void img_hint_format(BlockDriverState *bs);
void img_hint_file(const char *filename);

/* The only operand; exits when there is none, or another one. */
const char *img_read_image(int argc, char **argv);

/*
 * Setters: whether --output asks for JSON, a bool; a size of min to max bytes,
 * or with max 0 of any, an int64_t; an option list, a const char *, to which a
 * repeated option adds, and which is kept until the process ends; the cache
 * mode of an ImgOpen.
 */
CmdSet img_set_json, img_set_size, img_set_list, img_set_cache, img_set_help;

/* Rows for arguments of type @T with the member @m. */
#define IMG_FORMAT(T, m) \
    { 'f', NULL, "FMT", "format of the image (default: probed)", \
      cmd_set_string, offsetof(T, m) }
/* The same for commands that have the long form, too. */
#define IMG_FORMAT_LONG(T, m) \
    { 'f', "format", "FMT", "format of the image (default: probed)", \
      cmd_set_string, offsetof(T, m) }
#define IMG_CACHE(letter, T, m) \
    { letter, NULL, "CACHE", "cache mode (default: writeback)", \
      img_set_cache, offsetof(T, m) }
#define IMG_OUTPUT(T, m) \
    { 0, "output", "human|json", "form of the output (default: human)", \
      img_set_json, offsetof(T, m) }
#define IMG_QUIET(T, m) \
    { 'q', NULL, NULL, "print nothing but errors", cmd_set_true, \
      offsetof(T, m) }
#define IMG_PROGRESS(T, m) \
    { 'p', NULL, NULL, "show the progress; SIGUSR1 shows it once", \
      cmd_set_true, offsetof(T, m) }
#define IMG_IMAGE_OPTS(T, m) \
    { 0, "image-opts", NULL, "FILE is a list of options", cmd_set_true, \
      offsetof(T, m) }
#define IMG_FORCE_SHARE(T, m) \
    { 'U', "force-share", NULL, "also while another process writes to it", \
      cmd_set_true, offsetof(T, m) }
/* Ends each table. */
#define IMG_END CMD_OBJECT, { 'h', "help", .set = img_set_help }, CMD_END

/*
 * A size of @min to @max bytes given as @text, @what naming it in the message.
 * Bad usage when it is none.
 */
int64_t img_parse_size(const char *what, const char *text, int64_t min,
                       int64_t max);

/* ---- opening images ----------------------------------------------------- */

/* How an image is to be opened.  All zero: read-only, probed, writeback. */
typedef struct ImgOpen {
    const char *format;     /* -f; NULL: probed */
    bool image_opts;        /* the name is a list of options */
    bool force_share;       /* -U */
    const char *cache;      /* NULL: writeback */
    bool source_cache;      /* messages say so: it came from -T */
    bool writethrough;      /* from img_check_open() */
    int flags;              /* BDRV_O_* */
} ImgOpen;

/*
 * Exits when a format was given together with options, because they name the
 * format themselves.
 */
void img_check_image_opts(const ImgOpen *how);

/*
 * The same, and makes flags of the cache mode; exits when there is none such.
 */
void img_check_open(ImgOpen *how);

/*
 * Opens @name; NULL and an error when that fails.  The caller owns the
 * BlockBackend.
 */
BlockBackend *img_try_open(const char *name, const ImgOpen *how, Error **errp);

/* The same as img_try_open(); reports, naming the image. */
BlockBackend *img_open(const char *name, const ImgOpen *how);

/*
 * Checks @how, then opens the only operand.  Exits when that fails: to be
 * called before anything else is open.
 */
BlockBackend *img_open_operand(ImgOpen *how, int argc, char **argv);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BlockBackend, blk_unref)
/* Declare the list first, because its set has to be freed before it. */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuOptsList, qemu_opts_free)

/* ---- creating images ---------------------------------------------------- */

/* The driver of the format @name; NULL and an error when there is none. */
BlockDriver *img_find_format(const char *name, Error **errp);

/*
 * The options of a creation of @filename by @drv: the format's and its
 * protocol's (@filename NULL: the format's alone).  Free with
 * qemu_opts_free().  NULL and an error when one of the two cannot create.
 */
QemuOptsList *img_create_list(BlockDriver *drv, const char *filename,
                              Error **errp);

/*
 * A new set on @list of the options in @text, and of the backing image and its
 * format; each may be NULL.  The caller frees it with qemu_opts_del().  NULL
 * and an error when @text is wrong or the format @drv knows no backing images.
 */
QemuOpts *img_parse_create(QemuOptsList *list, BlockDriver *drv,
                           const char *text, const char *backing,
                           const char *backing_format, Error **errp);

/*
 * Opens the backing image that @opts name for a new image @filename.  While
 * it is open, the new image cannot be made over one of its files.
 */
BlockBackend *img_open_backing(const char *filename, QemuOpts *opts,
                               Error **errp);

/*
 * Do @opts name a backing image without its format, though @list has an option
 * for that?  It is not to be guessed from bytes that a guest has written.
 */
bool img_lacks_backing_format(const QemuOptsList *list, QemuOpts *opts);

/*
 * Prints the options that creating @filename (or NULL) as @format takes.
 * Reports; 0 or 1, an exit status.
 */
int img_print_create_help(const char *filename, const char *format);

/*
 * When standard error is a terminal: reports in one line that the image
 * @filename of @drv, just created, has another size than @asked, and how to
 * prevent that.
 */
void img_note_rounding(BlockDriver *drv, const char *filename,
                       int64_t asked);

/* ---- output ------------------------------------------------------------- */

/* cmdline_finish_output() of the current command. */
int img_finish_output(int status);

/* The object at @ptr, of the QAPI type @type, as a QObject of the caller's. */
#define img_to_qobject(type, ptr) ({ \
        QObject *obj_; \
        Visitor *v_ = qobject_output_visitor_new(&obj_); \
        visit_type_##type(v_, NULL, &(ptr), &error_abort); \
        visit_complete(v_, &obj_); \
        visit_free(v_); \
        obj_; \
    })

/* Prints @obj, which it consumes, as JSON over several lines, and a newline. */
void img_print_json(QObject *obj);

#endif
