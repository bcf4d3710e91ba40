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
#include "keep.h"

#include "block/qdict.h"
#include "qemu/option.h"

/* ---- creation ----------------------------------------------------------- */

/* Creates @filename, which makes the disk @name. */
static MemDisk *create_file(const Harness *h, const char *filename,
                            const char *name, int64_t size, const char *more,
                            Error **errp)
{
    g_autofree char *last = g_strdup_printf("size=%" PRId64, size);
    BlockDriver *protocol = bdrv_find_protocol("mem:", true, &error_abort);
    QemuOptsList *list;
    MemDisk *disk = NULL;
    QemuOpts *opts;

    list = qemu_opts_append(NULL, bdrv_driver_create_opts(h->drv));
    list = qemu_opts_append(list, bdrv_driver_create_opts(protocol));
    opts = qemu_opts_create(list, NULL, 0, &error_abort);
    /* Of an option that is there several times the last one counts. */
    if ((!more || qemu_opts_do_parse(opts, more, NULL, errp)) &&
        (!h->create || qemu_opts_do_parse(opts, h->create, NULL, errp)) &&
        qemu_opts_do_parse(opts, last, NULL, errp) &&
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

MemDisk *stack_create(const Harness *h, const char *name, int64_t size,
                      const char *more, Error **errp)
{
    g_autofree char *filename = g_strdup_printf("mem:%s", name);

    return h->from ? stack_load(name, h->from, errp)
                   : create_file(h, filename, name, size, more, errp);
}

MemDisk *stack_create_cached(const Harness *h, const char *name, int64_t size,
                             Error **errp)
{
    g_autofree char *filename = g_strdup_printf("volatile-cache:mem:%s", name);

    return create_file(h, filename, name, size, NULL, errp);
}

/* ---- a file's content --------------------------------------------------- */

/* A file is read in pieces of so many bytes. */
#define PIECE (1 << 20)

/* Copies the file to the disk, which is empty; errno is set on failure. */
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
        /* Holes of a sparse file take no memory here, either. */
        off_t data = lseek(fd, at, SEEK_DATA);
        ssize_t n;

        if (data < 0 && errno == ENXIO) {
            return true;
        }
        /* A file system that knows no holes fails, and all of it is read. */
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

bool stack_can_hold(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int64_t at = 0, bytes = 0, data;

    while (fd >= 0 && (data = lseek(fd, at, SEEK_DATA)) >= 0) {
        at = lseek(fd, data, SEEK_HOLE);
        bytes += at - data;
    }
    if (fd >= 0) {
        close(fd);
    }
    return bytes <= STACK_MAX_DATA;
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

bool stack_save(const MemDisk *from, int fd)
{
    /* No memory is allocated, because a handler of a signal may be here. */
    static uint8_t buf[64 << 10];
    int64_t length = mem_disk_length(from), bytes;

    for (int64_t at = 0; at < length; at += bytes) {
        bytes = length - at;
        if (mem_disk_hole(from, at, &bytes)) {
            continue;
        }
        bytes = MIN(bytes, (int64_t)sizeof(buf));
        mem_disk_read(from, at, buf, bytes);
        if (pwrite(fd, buf, bytes, at) != bytes) {
            return false;
        }
    }
    return ftruncate(fd, length) == 0;
}

/* ---- opening ------------------------------------------------------------ */

/* A node of the stack over @child (or NULL), which is its option @key. */
static QDict *new_node(const StackOptions *how, const char *driver,
                       const char *what, const char *key, QDict *child)
{
    g_autofree char *name = g_strdup_printf("%s-%s", what, how->disk);
    QDict *node = qdict_new();

    qdict_put_str(node, "driver", driver);
    qdict_put_str(node, "node-name", name);
    if (child) {
        qdict_put(node, key, child);
    }
    return node;
}

BlockBackend *stack_open(const Harness *h, const StackOptions *how,
                         Error **errp)
{
    const StackFault *fault = how->fault;
    /* From the disk upwards, since each node is a value in the one above. */
    QDict *node = new_node(how, "mem", STACK_DISK, NULL, NULL);

    keep_disk(how->disk);
    qdict_put_str(node, "disk", how->disk);
    if (how->volatile_cache) {
        node = new_node(how, "volatile-cache", STACK_CACHE, "file", node);
    }
    if (fault) {
        g_autofree char *skip = g_strdup_printf("%u", fault->skip);

        node = new_node(how, "blkdebug", STACK_FAULT, "image", node);
        /* Not bound to an event: the kind of request alone counts. */
        qdict_put_str(node, "inject-error.0.event", "none");
        qdict_put_str(node, "inject-error.0.iotype", fault->iotype);
        qdict_put_str(node, "inject-error.0.skip", skip);
        qdict_put_str(node, "inject-error.0.once", fault->once ? "on" : "off");
    }
    if (how->delay_seed) {
        g_autofree char *seed = g_strdup_printf("%" PRIu64, how->delay_seed);

        /* It waits for turns of the loop, since time differs between runs. */
        node = new_node(how, "delay", STACK_DELAY, "file", node);
        qdict_put_str(node, "seed", seed);
        qdict_put_str(node, "max-ns", "0");
    }
    node = new_node(how, h->driver, STACK_FORMAT, "file", node);
    qdict_flatten(node);
    return blk_new_open(NULL, NULL, node, how->flags, errp);
}

BlockDriverState *stack_node(const StackOptions *how, const char *what)
{
    g_autofree char *name = g_strdup_printf("%s-%s", what, how->disk);

    return bdrv_find_node(name);
}

bool stack_has_more_files(void)
{
    unsigned files = 0;

    for (BlockDriverState *bs = bdrv_next_node(NULL); bs;
         bs = bdrv_next_node(bs)) {
        const char *name = bdrv_get_format_name(bs);

        files += strcmp(name, "mem") == 0 || strcmp(name, "file") == 0;
    }
    return files > 1;
}

/* ---- for cases ---------------------------------------------------------- */

int64_t case_create(Case *c, const char *name, int64_t size)
{
    Error *err = NULL;

    if (!stack_create(c->h, name, size, NULL, NULL)) {
        size = QEMU_ALIGN_UP(size, 1 << 20);
        if (!stack_create(c->h, name, size, NULL, &err)) {
            case_fail_err(c, err, "the image could not be created");
        }
    }
    return size;
}

MemDisk *case_image(Case *c, const char *name, const char *path, int64_t size)
{
    Error *err = NULL;

    if (!path) {
        case_create(c, name, size);
    } else if (!stack_load(name, path, &err)) {
        case_fail_err(c, err, "there is no image");
    }
    return mem_disk_find(name);
}

BlockBackend *case_open(Case *c, const StackOptions *how, const char *what)
{
    Error *err = NULL;
    BlockBackend *blk = stack_open(c->h, how, &err);

    if (!blk) {
        case_fail_err(c, err, what);
    }
    return blk;
}

BlockBackend *case_open_to_read(Case *c, StackOptions *how, bool may_refuse)
{
    Error *err = NULL;
    BlockBackend *blk;

    how->flags = 0;
    blk = case_try_open(c, how);
    if (!blk) {
        /* A log, for one, may have to be replayed before anything is read. */
        how->flags = STACK_RDWR;
        blk = stack_open(c->h, how, &err);
    }
    if (!blk && err && may_refuse) {
        case_skip(c, "the driver refuses it: %s", error_get_pretty(err));
    } else if (!blk) {
        case_fail_err(c, err, NOT_OPENED);
    }
    return blk;
}

BlockBackend *case_try_open(Case *c, const StackOptions *how)
{
    Error *err = NULL;
    BlockBackend *blk = stack_open(c->h, how, &err);

    if (!blk && !err) {
        case_fail(c, "it was refused without a reason");
    }
    if (!blk && !*error_get_pretty(err)) {
        case_fail(c, "it was refused with an empty reason");
    }
    error_free(err);
    return blk;
}
