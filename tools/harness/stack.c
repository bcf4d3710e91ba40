/* SPDX-License-Identifier: MIT */
/*
 * Images on disks in memory, and the stack of drivers that opens them:
 * format, delay, blkdebug, volatile-cache, mem.
 *
 * Invariants:
 *   - An image is created by the option path, as minblk-img create does it,
 *     unless --from names one to copy.
 *   - The user's options of creation count before a suite's, but for the size:
 *     a suite reads its images wholly and wants them small.
 *   - A stack names its nodes after its disk, so several can be open.
 */
#include "harness.h"

#include "qemu/option.h"

/* ---- creation ----------------------------------------------------------- */

static QemuOptsList *create_list(const Harness *h, const char *filename,
                                 Error **errp)
{
    BlockDriver *protocol = bdrv_find_protocol(filename, true, errp);
    QemuOptsList *list;

    if (!protocol) {
        return NULL;
    }
    list = qemu_opts_append(NULL, bdrv_driver_create_opts(h->drv));
    return qemu_opts_append(list, bdrv_driver_create_opts(protocol));
}

/* What the suite wants, what the user wants, the size: the last one counts. */
static bool parse_options(QemuOpts *opts, const Harness *h, int64_t size,
                          const char *more, Error **errp)
{
    g_autofree char *text = g_strdup_printf("size=%" PRId64, size);

    return (!more || qemu_opts_do_parse(opts, more, NULL, errp)) &&
           (!h->create ||
            qemu_opts_do_parse(opts, h->create, NULL, errp)) &&
           qemu_opts_do_parse(opts, text, NULL, errp);
}

MemDisk *stack_create(const Harness *h, const char *name, int64_t size,
                      const char *more, Error **errp)
{
    g_autofree char *filename = g_strdup_printf("mem:%s", name);
    QemuOptsList *list;
    MemDisk *disk = NULL;
    QemuOpts *opts;

    if (h->from) {
        return stack_load(name, h->from, errp);
    }
    list = create_list(h, filename, errp);
    if (!list) {
        return NULL;
    }
    opts = qemu_opts_create(list, NULL, 0, &error_abort);
    if (parse_options(opts, h, size, more, errp) &&
        bdrv_create(h->drv, filename, opts, errp) >= 0) {
        disk = mem_disk_find(name);
        if (!disk) {
            error_setg(errp, "the driver created nothing on its disk");
        }
    }
    qemu_opts_del(opts);
    qemu_opts_free(list);
    return disk;
}

MemDisk *stack_create_near(const Harness *h, const char *name, int64_t size,
                           Error **errp)
{
    MemDisk *disk = stack_create(h, name, size, NULL, NULL);

    if (!disk) {
        disk = stack_create(h, name, QEMU_ALIGN_UP(size, 1 << 20), NULL, errp);
    }
    return disk;
}

/* A file is read in pieces of so many bytes. */
#define PIECE (1 << 20)

/* ---- a file's content --------------------------------------------------- */

static bool load_file(MemDisk *disk, int fd)
{
    g_autofree uint8_t *buf = g_malloc(PIECE);
    int64_t at = 0;
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return false;
    }
    mem_disk_set_length(disk, st.st_size);
    while (at < st.st_size) {
        /* What a sparse file does not hold takes no memory here, either. */
        off_t data = lseek(fd, at, SEEK_DATA);
        ssize_t n;

        if (data < 0 && errno == ENXIO) {
            return true;
        }
        at = MAX(at, data);
        n = pread(fd, buf, MIN(PIECE, st.st_size - at), at);
        if (n <= 0) {
            return n == 0;
        }
        mem_disk_write(disk, at, buf, n);
        at += n;
    }
    return true;
}

MemDisk *stack_load(const char *name, const char *path, Error **errp)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    MemDisk *disk;

    if (fd < 0) {
        error_setg_errno(errp, errno, "Could not open '%s'", path);
        return NULL;
    }
    disk = mem_disk_new(name);
    if (!load_file(disk, fd)) {
        error_setg_errno(errp, errno, "Could not read '%s'", path);
        mem_disk_free(disk);
        disk = NULL;
    }
    close(fd);
    return disk;
}

/* ---- opening ------------------------------------------------------------ */

/* Puts PREFIX.KEY, or KEY where there is no prefix yet. */
static void put(QDict *options, const GString *prefix, const char *key,
                const char *value)
{
    g_autofree char *full = g_strconcat(prefix->str, key, NULL);

    qdict_put_str(options, full, value);
}

/* A node of the stack; what follows is its child. */
static void put_node(QDict *options, GString *prefix, const char *driver,
                     const char *disk, const char *what)
{
    g_autofree char *name = g_strdup_printf("%s-%s", what, disk);

    put(options, prefix, "driver", driver);
    put(options, prefix, "node-name", name);
}

/* It waits for turns of the loop, which are the same in each run. */
static void put_delay(QDict *options, GString *prefix, const StackOptions *how)
{
    g_autofree char *seed = g_strdup_printf("%" PRIu64, how->delay_seed);

    put_node(options, prefix, "delay", how->disk, STACK_DELAY);
    put(options, prefix, "seed", seed);
    put(options, prefix, "max-ns", "0");
    g_string_append(prefix, "file.");
}

static void put_fault(QDict *options, GString *prefix, const StackOptions *how)
{
    const StackFault *fault = how->fault;
    g_autofree char *skip = g_strdup_printf("%u", fault->skip);

    put_node(options, prefix, "blkdebug", how->disk, STACK_FAULT);
    put(options, prefix, "inject-error.0.event", "none");
    put(options, prefix, "inject-error.0.iotype", fault->iotype);
    put(options, prefix, "inject-error.0.skip", skip);
    put(options, prefix, "inject-error.0.once", fault->once ? "on" : "off");
    g_string_append(prefix, "image.");
}

static QDict *stack_options(const Harness *h, const StackOptions *how)
{
    g_autoptr(GString) prefix = g_string_new("");
    QDict *options = qdict_new();

    put_node(options, prefix, how->driver ? how->driver : h->driver, how->disk,
             STACK_FORMAT);
    g_string_append(prefix, "file.");
    if (how->delay) {
        put_delay(options, prefix, how);
    }
    if (how->fault) {
        put_fault(options, prefix, how);
    }
    if (how->volatile_cache) {
        put_node(options, prefix, "volatile-cache", how->disk, STACK_CACHE);
        g_string_append(prefix, "file.");
    }
    put_node(options, prefix, "mem", how->disk, STACK_DISK);
    put(options, prefix, "disk", how->disk);
    return options;
}

BlockBackend *stack_open(const Harness *h, const StackOptions *how,
                         Error **errp)
{
    return blk_new_open(NULL, NULL, stack_options(h, how), how->flags, errp);
}

BlockDriverState *stack_node(const StackOptions *how, const char *what)
{
    g_autofree char *name = g_strdup_printf("%s-%s", what, how->disk);

    return bdrv_find_node(name);
}
