/* SPDX-License-Identifier: MIT */
/*
 * A list that fails as lines for a shell, with minblk-img and minblk-io.
 *
 * Invariants:
 *   - The lines work in a folder of their own: they make the files IMAGE, SALT,
 *     write-N and content and change no other.
 *   - Where these tools cannot do the same (requests that overtake each other,
 *     power cuts) a comment says so.
 */
#include "byhand.h"

#define IMAGE "harness.img"

/*
 * A file of which sector N is full of the byte N, so that parts of it are what
 * salted writes write; so long that each of them is somewhere in it, and what
 * minblk-io takes a part of again and again, it repeats itself.
 */
#define SALT       "salt"
#define SALT_CYCLE (256 * 512)
#define MAKE_SALT \
    "for i in $(seq 0 511); do printf \"$(printf '\\\\%03o' $((i % 256)))" \
    "%.0s\" $(seq 512); done >" SALT "\n"

typedef struct Hand {
    const Harness *h;
    const ListCase *list;       /* NULL: none */
    GString *lines;
    bool in_session;            /* the last line is one of minblk-io, open */
    bool byte;                  /* one is wrong: where, and what it should be */
    int64_t offset;
    unsigned want;
} Hand;

/* ---- sessions ----------------------------------------------------------- */

static void end_session(Hand *hand)
{
    g_string_append(hand->lines, hand->in_session ? "\n" : "");
    hand->in_session = false;
}

/*
 * Begins a line of minblk-io, with the node as stack_open() makes it, but over
 * a file; with @fault, the requests of blkdebug's rule fail.
 */
static void begin_session(Hand *hand, const StackFault *fault)
{
    const char *driver = hand->h->driver;

    end_session(hand);
    hand->in_session = true;
    g_string_append(hand->lines, "minblk-io -t writeback");
    if (fault) {
        g_string_append_printf(hand->lines,
            " --image-opts driver=%s,file.driver=blkdebug,"
            "file.image.driver=file,file.image.filename=" IMAGE ","
            "file.inject-error.0.event=none,file.inject-error.0.iotype=%s,"
            "file.inject-error.0.skip=%u,file.inject-error.0.once=%s",
            driver, fault->iotype, fault->skip, fault->once ? "on" : "off");
    } else {
        g_string_append_printf(hand->lines, " -f %s " IMAGE, driver);
    }
}

static void GCC_FMT_ATTR(2, 3) command(Hand *hand, const char *fmt, ...)
{
    g_autofree char *text = NULL, *quoted = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    quoted = shell_quote(text);
    g_string_append_printf(hand->lines, " -c %s", quoted);
}

/* ---- what is wrong ------------------------------------------------------ */

/* Finds the wrong byte in @message, as run.c and model.c put it. */
static void find_byte(Hand *hand, const char *message)
{
    const char *at = strstr(message, "byte ");
    unsigned is;
    int n = at ? sscanf(at, "byte %" SCNd64 " is 0x%x, not 0x%x",
                        &hand->offset, &is, &hand->want) : 0;

    /* That what is new should be zero is said before. */
    hand->byte = n == 3 || (n == 2 && strstr(message, "said to be zero"));
}

/*
 * Reads @bytes at @offset, and compares the wrong byte if it is among them with
 * what it should be.
 */
static void add_read(Hand *hand, int64_t offset, int64_t bytes)
{
    command(hand, "read -P 0x%02x -s %" PRId64 " -l 1 %" PRId64 " %" PRId64,
            hand->want, hand->offset - offset, offset, bytes);
}

/* How long the image is in the end, 0 without a list. */
static int64_t last_length(const ListCase *list)
{
    int64_t length = list ? list->facts.length : 0;

    for (guint i = 0; list && i < list->ops->len; i++) {
        const Op *op = &g_array_index(list->ops, Op, i);

        length = op->kind == OP_TRUNCATE ? op->offset : length;
    }
    return length;
}

/* The commands that show in a session what is wrong. */
static void add_look(Hand *hand)
{
    int64_t piece = QEMU_ALIGN_DOWN(hand->offset, 1 << 20);
    int64_t left = last_length(hand->list) - piece;

    if (!hand->byte) {
        command(hand, "length");
        return;
    }
    command(hand, "read -P 0x%02x %" PRId64 " 1", hand->want, hand->offset);
    /* In a longer request, too, as run_read() makes them. */
    if (left > 0) {
        add_read(hand, piece, MIN(left, 1 << 20));
    }
}

/* ---- operations --------------------------------------------------------- */

/* The files that salted writes are made from. */
static void make_salt(Hand *hand)
{
    bool made = false;

    for (guint i = 0; i < hand->list->ops->len; i++) {
        const Op *op = &g_array_index(hand->list->ops, Op, i);
        int64_t from = (op->offset + op->pattern * 512) % SALT_CYCLE;

        if (!op->salted) {
            continue;
        }
        g_string_append(hand->lines, made ? "" : MAKE_SALT);
        made = true;
        g_string_append_printf(hand->lines, "tail -c +%" PRId64 " " SALT
                               " | head -c %" PRId64 " >write-%u\n", from + 1,
                               MIN(op->bytes, SALT_CYCLE), i + 1);
    }
}

/* Operation @i of the list; that of its length is the last flush. */
static void add_op(Hand *hand, guint i)
{
    Op op = { .kind = OP_FLUSH };
    g_autofree char *source = NULL, *text = NULL;
    bool many = hand->list->depth > 1;

    if (i < hand->list->ops->len) {
        op = g_array_index(hand->list->ops, Op, i);
    }
    if (op.kind == OP_STATUS) {
        /* minblk-io asks for whole sectors only. */
        op.bytes += op.offset % 512;
        op.offset -= op.offset % 512;
        op.bytes = QEMU_ALIGN_UP(op.bytes, 512);
    }
    if (many && (op.kind == OP_TRUNCATE || op.kind == OP_REOPEN)) {
        command(hand, "aio_flush");
    }
    if (op.kind == OP_REOPEN) {
        begin_session(hand, NULL);
        return;
    }
    if (op.kind == OP_READ && !many && hand->byte &&
        hand->offset >= op.offset && hand->offset < op.offset + op.bytes) {
        add_read(hand, op.offset, op.bytes);
        return;
    }
    source = op.salted ? g_strdup_printf("write-%u", i + 1) : NULL;
    text = op_command(&op, many, source);
    command(hand, "%s", text);
}

/*
 * The list, with what failed tried again where the case has done that, and
 * without the last flush if the power is @cut.
 */
static void add_ops(Hand *hand, const ListTrace *trace, bool cut)
{
    const ListCase *list = hand->list;
    const StackFault *fault = list->fault.iotype ? &list->fault : NULL;
    guint end = list->ops->len;
    unsigned count = MIN(trace->count, G_N_ELEMENTS(trace->failed)), n = 0;

    if (trace->not_opened) {
        g_string_append(hand->lines, "# opening fails\n");
        begin_session(hand, fault);
        command(hand, "quit");
        fault = NULL;
    }
    begin_session(hand, fault);
    for (guint i = 0; i <= end; i++) {
        if (i == end && list->depth > 1) {
            command(hand, "aio_flush");
        }
        if (i < end || !cut) {
            add_op(hand, i);
        }
        if (n == count || trace->failed[n] != i) {
            continue;
        }
        n++;
        if (list->depth > 1) {
            command(hand, "aio_flush");
        }
        if (!list->fault.once) {
            /* The list has ended here. */
            break;
        }
        add_op(hand, i);
    }
}

/* ---- the whole ---------------------------------------------------------- */

/* What is wrong with the image after it was closed. */
static void add_looks(Hand *hand, const char *message)
{
    const char *driver = hand->h->driver;

    begin_session(hand, NULL);
    add_look(hand);
    end_session(hand);
    if (strstr(message, "damage")) {
        begin_session(hand, NULL);
        command(hand, "read 0 512");
        command(hand, "write 0 512");
        end_session(hand);
    }
    if (strstr(message, "status")) {
        g_string_append_printf(hand->lines, "minblk-img map --output=json "
                               "-f %s " IMAGE "\n", driver);
    }
    if (strstr(message, "check") && hand->h->can_check) {
        g_string_append_printf(hand->lines, "minblk-img check -f %s " IMAGE
                               "\n", driver);
    }
}

char *byhand_copy(const char *path)
{
    /* The lines are for another folder than the one that @path is of. */
    g_autofree char *whole = g_canonicalize_filename(path, NULL);
    g_autofree char *file = shell_quote(whole);

    return g_strdup_printf("cp %s " IMAGE "\n", file);
}

char *byhand_create(const Harness *h, int64_t size, const char *more)
{
    g_autofree char *all = g_strjoin(more && h->create ? "," : "",
                                     more ? more : "",
                                     h->create ? h->create : "", NULL);
    g_auto(GStrv) words = g_strsplit(all, ",", -1);
    g_autoptr(GString) list = g_string_new("");
    g_autofree char *options = NULL;

    if (h->from) {
        return byhand_copy(h->from);
    }
    /* Of sizes only that counts which the suite chooses. */
    for (char **word = words; *word; word++) {
        if (!g_str_has_prefix(*word, "size=")) {
            g_string_append_printf(list, "%s%s", list->len ? "," : "", *word);
        }
    }
    options = shell_quote(list->str);
    return g_strdup_printf("minblk-img create -q -f %s%s%s " IMAGE " %" PRId64
                           "\n", h->driver, list->len ? " -o " : "",
                           list->len ? options : "", size);
}

/*
 * The image of the case, of which a copy is worked on; with the writes to it
 * that @message has, a line each.
 */
static void add_kept(Hand *hand, const char *message, const char *kept)
{
    g_autofree char *copy = byhand_copy(kept);
    g_auto(GStrv) lines = g_strsplit(message, "\n", -1);

    g_string_append_printf(hand->lines, "# the image of the case\n%s", copy);
    for (char **line = lines; *line; line++) {
        if (g_str_has_prefix(*line, "write -P ")) {
            if (!hand->in_session) {
                begin_session(hand, NULL);
            }
            command(hand, "%s", *line);
        }
    }
    if (!hand->in_session) {
        g_string_append_printf(hand->lines, "minblk-io -r -f %s " IMAGE,
                               hand->h->driver);
        hand->in_session = true;
        add_look(hand);
    }
    add_looks(hand, message);
}

char *byhand_list(const Harness *h, const ListCase *list,
                  const ListTrace *trace, const char *message,
                  const char *kept)
{
    g_autofree char *image = list->image ? byhand_copy(list->image)
                             : byhand_create(h, list->facts.size, NULL);
    Hand hand = { .h = h, .list = list, .lines = g_string_new(image) };
    /* What is there then need not be what is there if no write is lost. */
    bool cut = strstr(message, "power cut");

    find_byte(&hand, message);
    make_salt(&hand);
    if (list->depth > 1) {
        g_string_append(hand.lines, "# requests may overtake each other in "
                        "another order than in the case\n");
    }
    add_ops(&hand, trace, cut);
    if (cut) {
        command(&hand, "sigraise 9");
    } else {
        add_look(&hand);
    }
    end_session(&hand);
    if (!cut) {
        add_looks(&hand, message);
    }
    if (strstr(message, "the other reader")) {
        g_string_append_printf(hand.lines, "%s " IMAGE " content\n", h->reader);
        g_string_append_printf(hand.lines, "od -A d -t x1 -j %" PRId64
                               " -N 1 content\n", hand.offset);
    }
    if (kept) {
        add_kept(&hand, message, kept);
    } else if (cut) {
        g_string_append(hand.lines, "# all writes have arrived now; --keep "
                        "FOLDER keeps what a power cut leaves\n");
    }
    return g_string_free(hand.lines, FALSE);
}

char *byhand_image(const Harness *h, const char *message, const char *create,
                   const char *kept)
{
    Hand hand = { .h = h, .lines = g_string_new(create) };

    find_byte(&hand, message);
    if (create) {
        add_looks(&hand, message);
    }
    if (kept) {
        add_kept(&hand, message, kept);
    } else if (!create) {
        g_string_append(hand.lines, "# --keep FOLDER keeps the image\n");
    }
    return g_string_free(hand.lines, FALSE);
}
