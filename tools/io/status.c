/* SPDX-License-Identifier: MIT */
/*
 * length, info, map and alloc: what an image is and where it has data.
 *
 * Invariants: a walk over an image advances in each step, by what the layer
 * answers for, and ends at the image's length.
 */
#include "qemu/osdep.h"
#include "io.h"

static int run_length(IoSession *s, int argc, char **argv)
{
    int64_t length = blk_getlength(s->blk);
    g_autofree char *str = NULL;

    if (length < 0) {
        printf("getlength: %s\n", strerror(-length));
        return length;
    }
    str = io_size_str(length);
    printf("%s\n", str);
    return 0;
}

const IoCommand io_length = {
    .name = "length",
    .alias = "l",
    .run = run_length,
    .oneline = "gets the length of the current file",
};

static int run_info(IoSession *s, int argc, char **argv)
{
    BlockDriverState *bs = blk_bs(s->blk);
    BlockDriverInfo bdi = { 0 };
    g_autofree char *cluster = NULL, *vm_state = NULL;
    int ret = bdrv_get_info(bs, &bdi);

    if (ret < 0) {
        return ret;
    }
    cluster = io_size_str(bdi.cluster_size);
    vm_state = io_size_str(bdi.vm_state_offset);
    printf("format name: %s\n", bdrv_get_format_name(bs));
    printf("cluster size: %s\n", cluster);
    printf("vm state offset: %s\n", vm_state);
    return 0;
}

const IoCommand io_info = {
    .name = "info",
    .alias = "i",
    .run = run_info,
    .oneline = "prints information about the current file",
};

/*
 * How far from @offset, below @offset + @bytes, this node answers for all of
 * the range (*@allocated 1) or for none of it (0).  A negative number is an
 * error; 0 bytes: the image ends here.
 */
static int64_t same_allocation(BlockDriverState *bs, int64_t offset,
                               int64_t bytes, int *allocated)
{
    int64_t sum = 0, n = 0;
    int ret;

    *allocated = 0;
    while (sum < bytes) {
        ret = bdrv_is_allocated(bs, offset + sum, bytes - sum, &n);
        /* The error is returned by the next call, which begins at it. */
        if (ret < 0) {
            return sum > 0 ? sum : ret;
        }
        if (sum == 0) {
            *allocated = ret;
        }
        if (n <= 0 || ret != *allocated) {
            break;
        }
        sum += n;
    }
    return sum;
}

static int run_map(IoSession *s, int argc, char **argv)
{
    BlockDriverState *bs = blk_bs(s->blk);
    int64_t length = blk_getlength(s->blk);
    int64_t n;

    if (length < 0) {
        error_report("Failed to query image length: %s", strerror(-length));
        return length;
    }
    for (int64_t at = 0; at < length; at += n) {
        int allocated;
        g_autofree char *size = NULL, *offset = NULL;

        n = same_allocation(bs, at, length - at, &allocated);
        if (n < 0) {
            error_report("Failed to get allocation status: %s", strerror(-n));
            return n;
        }
        /* Otherwise a layer that answers for nothing would never end this. */
        if (n == 0) {
            error_report("Unexpected end of image");
            return -EIO;
        }
        size = io_size_str(n);
        offset = io_size_str(at);
        printf("%s (0x%" PRIx64 ") bytes %s allocated at offset %s (0x%" PRIx64
               ")\n", size, n, allocated ? "   " : "not", offset, at);
    }
    return 0;
}

const IoCommand io_map = {
    .name = "map",
    .run = run_map,
    .args = "",
    .oneline = "prints the allocated areas of a file",
};

static int run_alloc(IoSession *s, int argc, char **argv)
{
    int64_t bytes = BDRV_SECTOR_SIZE;
    int64_t offset, n, sum = 0;
    g_autofree char *at = NULL;

    if (!io_set_size(&offset, NULL, argv[1]) ||
        (argc == 3 && !io_set_size(&bytes, NULL, argv[2]))) {
        return -EINVAL;
    }
    n = blk_getlength(s->blk);
    bytes = MIN(bytes, MAX(n - offset, 0));
    for (int64_t done = 0; n >= 0 && done < bytes; done += n) {
        int allocated;

        n = same_allocation(blk_bs(s->blk), offset + done, bytes - done,
                            &allocated);
        if (n == 0) {
            break;
        }
        sum += allocated && n > 0 ? n : 0;
    }
    if (n < 0) {
        printf("is_allocated failed: %s\n", strerror(-n));
        return n;
    }
    at = io_size_str(offset);
    printf("%" PRId64 "/%" PRId64 " bytes allocated at offset %s\n", sum, bytes,
           at);
    return 0;
}

const IoCommand io_alloc = {
    .name = "alloc",
    .alias = "a",
    .run = run_alloc,
    .min_args = 1,
    .max_args = 2,
    .args = "offset [count]",
    .oneline = "checks if offset is allocated in the file",
};
