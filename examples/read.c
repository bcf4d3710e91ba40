/* SPDX-License-Identifier: MIT */
/*
 * Writes the disk in an image to standard output: read FORMAT IMAGE.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/error-report.h"
#include "sysemu/block-backend.h"

int main(int argc, char **argv)
{
    static char buf[64 * 1024];
    QDict *options;
    int64_t offset, length;
    BlockBackend *blk;
    int ret;

    if (argc != 3) {
        error_report("usage: read FORMAT IMAGE");
        return 1;
    }
    bdrv_init();
    options = qdict_new();
    qdict_put_str(options, "driver", argv[1]);
    blk = blk_new_open(argv[2], NULL, options, 0, &error_fatal);
    length = blk_getlength(blk);
    ret = MIN(length, 0);
    for (offset = 0; offset < length; offset += ret) {
        int bytes = MIN(length - offset, (int64_t)sizeof(buf));

        ret = blk_pread(blk, offset, buf, bytes);
        if (ret >= 0 && fwrite(buf, 1, ret, stdout) != (size_t)ret) {
            ret = -errno;
        }
        if (ret < 0) {
            break;
        }
    }
    if (ret >= 0 && fflush(stdout)) {
        ret = -errno;
    }
    if (ret < 0) {
        error_report("offset %" PRId64 ": %s", offset, strerror(-ret));
    }
    blk_unref(blk);
    return ret < 0;
}
