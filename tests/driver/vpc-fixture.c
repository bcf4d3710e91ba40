/* SPDX-License-Identifier: MIT */
/*
 * Images as other programs write them; see vpc-fixture.h.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "vpc-fixture.h"

const VhdSpec virtualbox = { .size = 10 * BLOCK, .creator = "vbox" };

void begin(Fixture *f, const VhdSpec *spec)
{
    f->disk = mem_disk_new("disk");
    vhd_begin(f->disk, &f->image, spec);
}

void begin_full(Fixture *f, const VhdSpec *spec, unsigned count)
{
    begin(f, spec);
    for (unsigned i = 0; i < count; i++) {
        vhd_add_block(f->disk, &f->image, i, 0, BLOCK / 512, i + 1);
    }
    vhd_finish(f->disk, &f->image);
}

void end(Fixture *f)
{
    mem_disk_free(f->disk);
}

BlockBackend *open_flags(Fixture *f, int flags, Error **errp)
{
    return disk_open("disk", "vpc", flags, NULL, false, errp);
}

BlockBackend *open_option(Fixture *f, int flags, const char *key,
                          const char *value, Error **errp)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "vpc");
    qdict_put_str(options, "file.driver", "mem");
    qdict_put_str(options, "file.disk", "disk");
    qdict_put_str(options, key, value);
    return blk_new_open(NULL, NULL, options, flags, errp);
}

BlockBackend *open_faulty(Fixture *f, const DiskFault *fault)
{
    return disk_open("disk", "vpc", BDRV_O_RDWR, fault, false, &error_abort);
}

BlockBackend *open_ro(Fixture *f)
{
    return open_flags(f, 0, &error_abort);
}

BlockBackend *open_rw(Fixture *f)
{
    return open_flags(f, BDRV_O_RDWR, &error_abort);
}

void assert_refused(Fixture *f, int flags, const char *text)
{
    Error *err = NULL;
    BlockBackend *blk = open_flags(f, flags, &err);

    g_assert_null(blk);
    if (!strstr(error_get_pretty(err), text)) {
        g_error("'%s' does not contain '%s'", error_get_pretty(err), text);
    }
    error_free(err);
}

void assert_read_only(Fixture *f, const char *text)
{
    assert_refused(f, BDRV_O_RDWR, text);
    blk_unref(open_ro(f));
}

void assert_reads(BlockBackend *blk, int64_t offset, int bytes, uint8_t value)
{
    g_autofree uint8_t *buf = g_malloc(bytes);

    g_assert_cmpint(blk_pread(blk, offset, buf, bytes), ==, bytes);
    for (int i = 0; i < bytes; i++) {
        if (buf[i] != value) {
            g_error("byte %" PRId64 " is 0x%02x, expected 0x%02x",
                    offset + i, buf[i], value);
        }
    }
}

void write_value(BlockBackend *blk, int64_t offset, int bytes, uint8_t value)
{
    g_autofree uint8_t *buf = g_malloc(bytes);

    memset(buf, value, bytes);
    g_assert_cmpint(blk_pwrite(blk, offset, buf, bytes, 0), ==, bytes);
}

void write_zeroes(BlockBackend *blk, int64_t offset, int bytes)
{
    g_assert_cmpint(blk_pwrite_zeroes(blk, offset, bytes, BDRV_REQ_MAY_UNMAP),
                    ==, 0);
}

void assert_flushes(BlockBackend *blk)
{
    g_assert_cmpint(blk_flush(blk), ==, 0);
}

uint32_t entry_of(Fixture *f, uint32_t block)
{
    return vhd_get_entry(f->disk, &f->image, block);
}

void assert_sound_ends(Fixture *f)
{
    int64_t length = mem_disk_length(f->disk);
    VpcFooter head, tail;

    g_assert_cmpint(length % VPC_SECTOR, ==, 0);
    mem_disk_read(f->disk, 0, &head, sizeof(head));
    mem_disk_read(f->disk, length - VPC_SECTOR, &tail, sizeof(tail));
    g_assert_true(vpc_footer_valid(&tail, &error_abort));
    if (f->image.spec.type != VPC_TYPE_FIXED) {
        g_assert_cmpmem(&tail, VPC_SECTOR, &head, VPC_SECTOR);
    }
}

static int said = -1;

void begin_listening(void)
{
    FILE *file = tmpfile();

    g_assert_nonnull(file);
    said = fileno(file);
    g_assert_cmpint(dup2(said, STDERR_FILENO), ==, STDERR_FILENO);
}

BlockBackend *open_silently(Fixture *f)
{
    off_t before = lseek(said, 0, SEEK_END);
    BlockBackend *blk = open_rw(f);

    g_assert_cmpint(said, >=, 0);
    g_assert_cmpint(lseek(said, 0, SEEK_END), ==, before);
    return blk;
}

BlockBackend *open_window(int64_t length)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "vpc");
    qdict_put_str(options, "file.driver", "raw");
    qdict_put_int(options, "file.size", length);
    qdict_put_str(options, "file.file.driver", "mem");
    qdict_put_str(options, "file.file.disk", "disk");
    return blk_new_open(NULL, NULL, options, BDRV_O_RDWR | BDRV_O_UNMAP,
                        &error_abort);
}
