/* SPDX-License-Identifier: MIT */
/*
 * A protocol driver for tests: files in memory, found by name.
 *
 * "mem:NAME" and {driver: "mem", filename: NAME} open the file NAME, which
 * mem_file() has made or the driver's own creation.  Files outlive the nodes;
 * mem_reset() forgets them.
 *
 * Invariants: the table of files is locked, a file belongs to the one test
 * thread that uses its name.
 */
#ifndef TESTS_UNIT_MEM_DRIVER_H
#define TESTS_UNIT_MEM_DRIVER_H

#include "block/block_int.h"
#include "qapi/error.h"

typedef struct MemFile {
    char *name;
    uint8_t *data;
    int64_t size;
    int open_count;     /* nodes that have it open now */
    int opened;         /* opens in all */
    int flushes;
    int last_flags;     /* of the last open */
    bool last_read_only;
    bool last_force_share;
    uint64_t perm, shared;      /* of the last set_perm */
    int perm_checks, perm_sets, perm_aborts;
    int refuse_perm;            /* bdrv_check_perm fails for these bits */
} MemFile;

typedef struct MemState {
    MemFile *file;
} MemState;

static GMutex mem_lock;
static GHashTable *mem_files;

/* The file @name, or NULL. */
static MemFile *mem_find(const char *name)
{
    MemFile *f;

    g_mutex_lock(&mem_lock);
    f = mem_files ? g_hash_table_lookup(mem_files, name) : NULL;
    g_mutex_unlock(&mem_lock);
    return f;
}

static void mem_free(gpointer opaque)
{
    MemFile *f = opaque;

    g_free(f->name);
    g_free(f->data);
    g_free(f);
}

/* A new file of @size zeroes; an older one of that name is forgotten. */
static MemFile *mem_file(const char *name, int64_t size)
{
    MemFile *f = g_new0(MemFile, 1);

    f->name = g_strdup(name);
    f->data = g_malloc0(MAX(size, 1));
    f->size = size;
    g_mutex_lock(&mem_lock);
    if (!mem_files) {
        mem_files = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                          mem_free);
    }
    g_hash_table_replace(mem_files, f->name, f);
    g_mutex_unlock(&mem_lock);
    return f;
}

static inline void mem_reset(void)
{
    g_clear_pointer(&mem_files, g_hash_table_destroy);
}

static void mem_parse_filename(const char *filename, QDict *options,
                               Error **errp)
{
    if (g_str_has_prefix(filename, "mem:")) {
        filename += strlen("mem:");
    }
    if (!filename[0]) {
        error_setg(errp, "mem: needs a name");
        return;
    }
    qdict_put_str(options, "filename", filename);
}

static int mem_open(BlockDriverState *bs, QDict *options, int flags,
                    Error **errp)
{
    MemState *s = bs->opaque;
    const char *name = qdict_get_try_str(options, "filename");

    s->file = name ? mem_find(name) : NULL;
    if (!s->file) {
        error_setg_errno(errp, ENOENT, "Could not open '%s'",
                         name ? name : "");
        return -ENOENT;
    }
    qdict_del(options, "filename");
    s->file->open_count++;
    s->file->opened++;
    s->file->last_flags = flags;
    s->file->last_read_only = bs->read_only;
    s->file->last_force_share = bs->force_share;
    return 0;
}

static void mem_close(BlockDriverState *bs)
{
    MemState *s = bs->opaque;

    s->file->open_count--;
}

static int mem_reopen_prepare(BDRVReopenState *state, BlockReopenQueue *queue,
                              Error **errp)
{
    return 0;
}

static int64_t mem_getlength(BlockDriverState *bs)
{
    MemState *s = bs->opaque;

    return s->file->size;
}

static int coroutine_fn mem_preadv(BlockDriverState *bs, uint64_t offset,
                                   uint64_t bytes, QEMUIOVector *qiov,
                                   int flags)
{
    MemState *s = bs->opaque;
    int64_t have = MAX(0, MIN((int64_t)bytes, s->file->size - (int64_t)offset));

    qemu_iovec_from_buf(qiov, 0, s->file->data + offset, have);
    qemu_iovec_memset(qiov, have, 0, bytes - have);
    return 0;
}

static void mem_set_size(MemFile *f, int64_t size)
{
    f->data = g_realloc(f->data, MAX(size, 1));
    if (size > f->size) {
        memset(f->data + f->size, 0, size - f->size);
    }
    f->size = size;
}

static int coroutine_fn mem_pwritev(BlockDriverState *bs, uint64_t offset,
                                    uint64_t bytes, QEMUIOVector *qiov,
                                    int flags)
{
    MemState *s = bs->opaque;

    if ((int64_t)(offset + bytes) > s->file->size) {
        mem_set_size(s->file, offset + bytes);
    }
    qemu_iovec_to_buf(qiov, 0, s->file->data + offset, bytes);
    return 0;
}

static int coroutine_fn mem_truncate(BlockDriverState *bs, int64_t offset,
                                     bool exact, PreallocMode prealloc,
                                     Error **errp)
{
    MemState *s = bs->opaque;

    mem_set_size(s->file, offset);
    return 0;
}

static int coroutine_fn mem_flush(BlockDriverState *bs)
{
    MemState *s = bs->opaque;

    s->file->flushes++;
    return 0;
}

static int mem_check_perm(BlockDriverState *bs, uint64_t perm, uint64_t shared,
                          Error **errp)
{
    MemState *s = bs->opaque;

    if (perm & s->file->refuse_perm) {
        error_setg(errp, "Failed to get a lock");
        return -EAGAIN;
    }
    s->file->perm_checks++;
    return 0;
}

static void mem_set_perm(BlockDriverState *bs, uint64_t perm, uint64_t shared)
{
    MemState *s = bs->opaque;

    s->file->perm_sets++;
    s->file->perm = perm;
    s->file->shared = shared;
}

static void mem_abort_perm(BlockDriverState *bs)
{
    MemState *s = bs->opaque;

    s->file->perm_aborts++;
}

static int coroutine_fn mem_create_opts(BlockDriver *drv, const char *filename,
                                        QemuOpts *opts, Error **errp)
{
    if (g_str_has_prefix(filename, "mem:")) {
        filename += strlen("mem:");
    }
    mem_file(filename, qemu_opt_get_size_del(opts, BLOCK_OPT_SIZE, 0));
    return 0;
}

static QemuOptsList mem_create_list = {
    .name = "mem-create-opts",
    .head = QTAILQ_HEAD_INITIALIZER(mem_create_list.head),
    .desc = {
        {
            .name = BLOCK_OPT_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Virtual disk size",
        },
        { /* end of list */ }
    },
};

static const char *const mem_strong_opts[] = { "filename", NULL };

static BlockDriver bdrv_mem = {
    .format_name = "mem",
    .protocol_name = "mem",
    .instance_size = sizeof(MemState),
    .bdrv_needs_filename = true,
    .has_variable_length = true,
    .create_opts = &mem_create_list,
    .strong_runtime_opts = mem_strong_opts,
    .bdrv_parse_filename = mem_parse_filename,
    .bdrv_file_open = mem_open,
    .bdrv_close = mem_close,
    .bdrv_reopen_prepare = mem_reopen_prepare,
    .bdrv_getlength = mem_getlength,
    .bdrv_co_preadv = mem_preadv,
    .bdrv_co_pwritev = mem_pwritev,
    .bdrv_co_truncate = mem_truncate,
    .bdrv_co_flush_to_disk = mem_flush,
    .bdrv_co_create_opts = mem_create_opts,
    .bdrv_check_perm = mem_check_perm,
    .bdrv_set_perm = mem_set_perm,
    .bdrv_abort_perm_update = mem_abort_perm,
};

#endif
