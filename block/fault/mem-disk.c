/* SPDX-License-Identifier: MIT */
/*
 * Sparse disks in memory: the content behind the driver `mem`.
 *
 * Invariants:
 *   - A page may belong to several disks; it is written only while it belongs
 *     to one.
 *   - Where there is no page, the disk holds its background: zeroes, and from
 *     stale_from on old bytes.
 *   - What a page holds past the end of its disk is the background, too, so a
 *     disk grows by setting its length.
 *   - No page begins at or past the end.
 */
#include "qemu/osdep.h"
#include "mem-disk.h"

#define PAGE_SIZE_MEM 4096
#define PAGE_LIMIT (MEM_MAX_LENGTH / PAGE_SIZE_MEM)

typedef struct MemPage {
    unsigned refs;
    uint8_t data[PAGE_SIZE_MEM];
} MemPage;

struct MemDisk {
    char *name;                 /* NULL: anonymous */
    int64_t length;             /* bytes */
    int64_t stale_from;         /* bytes; INT64_MAX: not stale */
    GTree *pages;               /* number of the page -> MemPage */
    unsigned users;
    unsigned counts[MEM_OP__MAX];
};

/* All disks that have a name; NULL: there is none. */
static GHashTable *disks;

/* Stands for zeroes in stale space; shared by all, so never written. */
static MemPage zero_page = { .refs = 2 };

/* ---- pages -------------------------------------------------------------- */

/*
 * zero_page is not counted, because its count would be shared between threads.
 */
static void page_unref(gpointer opaque)
{
    MemPage *page = opaque;

    if (page != &zero_page && --page->refs == 0) {
        g_free(page);
    }
}

/* By comparison: the difference of two numbers may not fit an int. */
static gint page_compare(gconstpointer a, gconstpointer b, gpointer opaque)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;

    return x < y ? -1 : x > y;
}

static MemPage *page_find(const MemDisk *disk, int64_t number)
{
    return g_tree_lookup(disk->pages, (gconstpointer)(uintptr_t)number);
}

/* The tree drops its reference to the page that stood there before. */
static void page_put(MemDisk *disk, int64_t number, MemPage *page)
{
    g_tree_insert(disk->pages, (gpointer)(uintptr_t)number, page);
}

typedef struct PageSearch {
    uintptr_t from;
    uintptr_t found;
} PageSearch;

/* Goes down the tree to the smallest number that is not below `from`. */
static gint page_search_step(gconstpointer key, gconstpointer opaque)
{
    PageSearch *search = (PageSearch *)opaque;
    uintptr_t number = (uintptr_t)key;

    if (number < search->from) {
        return 1;
    }
    search->found = number;
    return number == search->from ? 0 : -1;
}

/* The first page from @number on; PAGE_LIMIT: there is none. */
static int64_t page_next(const MemDisk *disk, int64_t number)
{
    PageSearch search = { .from = number, .found = PAGE_LIMIT };

    g_tree_search(disk->pages, page_search_step, &search);
    return search.found;
}

/* Removes the pages from @first to before @end. */
static void pages_drop(MemDisk *disk, int64_t first, int64_t end)
{
    int64_t number;

    for (number = page_next(disk, first); number < end;
         number = page_next(disk, number + 1)) {
        g_tree_remove(disk->pages, (gconstpointer)(uintptr_t)number);
    }
}

/* Fills @bytes at @buf with what the disk holds at @offset without a page. */
static void background(const MemDisk *disk, int64_t offset, uint8_t *buf,
                       size_t bytes)
{
    size_t zeroes = disk->stale_from <= offset
                        ? 0 : MIN(disk->stale_from - offset, (int64_t)bytes);

    memset(buf, 0, zeroes);
    memset(buf + zeroes, MEM_STALE_BYTE, bytes - zeroes);
}

/* The page of that number for writing; its content matters unless @whole. */
static MemPage *page_own(MemDisk *disk, int64_t number, bool whole)
{
    MemPage *old = page_find(disk, number);
    MemPage *page = old;

    if (!old || old->refs > 1) {
        page = g_new(MemPage, 1);
        page->refs = 1;
        if (!whole && old) {
            memcpy(page->data, old->data, PAGE_SIZE_MEM);
        } else if (!whole) {
            background(disk, number * PAGE_SIZE_MEM, page->data,
                       PAGE_SIZE_MEM);
        }
        page_put(disk, number, page);
    }
    return page;
}

/* ---- content ------------------------------------------------------------ */

int64_t mem_disk_length(const MemDisk *disk)
{
    return disk->length;
}

/* Makes what the last page holds past the end the background. */
static void clear_tail(MemDisk *disk)
{
    int64_t number = disk->length / PAGE_SIZE_MEM;
    int64_t used = disk->length % PAGE_SIZE_MEM;

    if (used && page_find(disk, number)) {
        background(disk, disk->length,
                   page_own(disk, number, false)->data + used,
                   PAGE_SIZE_MEM - used);
    }
}

/*
 * Bytes that are cut off must not come back when the disk grows again, so its
 * pages are dropped, and the rest of the last one is cleared.
 */
void mem_disk_set_length(MemDisk *disk, int64_t length)
{
    bool shorter = length < disk->length;

    assert(length >= 0 && length <= MEM_MAX_LENGTH);
    disk->length = length;
    if (shorter) {
        pages_drop(disk, DIV_ROUND_UP(length, PAGE_SIZE_MEM), PAGE_LIMIT);
        if (mem_disk_is_stale(disk)) {
            disk->stale_from = MIN(disk->stale_from, length);
        }
        clear_tail(disk);
    }
}

void mem_disk_read(const MemDisk *disk, int64_t offset, void *buf,
                   size_t bytes)
{
    uint8_t *to = buf;
    size_t inside = offset >= disk->length
                        ? 0 : MIN(disk->length - offset, (int64_t)bytes);

    memset(to + inside, 0, bytes - inside);
    while (inside) {
        size_t skip = offset % PAGE_SIZE_MEM;
        size_t n = MIN(inside, PAGE_SIZE_MEM - skip);
        MemPage *page = page_find(disk, offset / PAGE_SIZE_MEM);

        if (page) {
            memcpy(to, page->data + skip, n);
        } else {
            background(disk, offset, to, n);
        }
        offset += n;
        to += n;
        inside -= n;
    }
}

/* A page that is overwritten whole needs no copy of its old content. */
void mem_disk_write(MemDisk *disk, int64_t offset, const void *buf,
                    size_t bytes)
{
    const uint8_t *from = buf;

    assert(offset >= 0 && offset <= MEM_MAX_LENGTH &&
           bytes <= (uint64_t)(MEM_MAX_LENGTH - offset));
    if (bytes) {
        disk->length = MAX(disk->length, offset + (int64_t)bytes);
    }
    while (bytes) {
        size_t skip = offset % PAGE_SIZE_MEM;
        size_t n = MIN(bytes, PAGE_SIZE_MEM - skip);
        MemPage *page = page_own(disk, offset / PAGE_SIZE_MEM,
                                 n == PAGE_SIZE_MEM);

        memcpy(page->data + skip, from, n);
        offset += n;
        from += n;
        bytes -= n;
    }
}

/* Zeroes inside one page. */
static void zero_part(MemDisk *disk, int64_t offset, int64_t bytes)
{
    int64_t number = offset / PAGE_SIZE_MEM;

    if (bytes && (page_find(disk, number) ||
                  offset + bytes > disk->stale_from)) {
        memset(page_own(disk, number, false)->data + offset % PAGE_SIZE_MEM,
               0, bytes);
    }
}

/* Zeroes the pages from @first to before @end. */
static void zero_pages(MemDisk *disk, int64_t first, int64_t end)
{
    int64_t clean = MIN(end, disk->stale_from / PAGE_SIZE_MEM);

    if (first < clean) {
        pages_drop(disk, first, clean);
        first = clean;
    }
    for (; first < end; first++) {
        page_put(disk, first, &zero_page);
    }
}

void mem_disk_zero(MemDisk *disk, int64_t offset, int64_t bytes)
{
    int64_t end = offset + bytes;
    int64_t start = MIN(ROUND_UP(offset, PAGE_SIZE_MEM), end);
    int64_t stop = MAX(QEMU_ALIGN_DOWN(end, PAGE_SIZE_MEM), start);

    assert(offset >= 0 && bytes >= 0 && offset <= MEM_MAX_LENGTH &&
           bytes <= MEM_MAX_LENGTH - offset);
    if (bytes) {
        disk->length = MAX(disk->length, end);
    }
    zero_part(disk, offset, start - offset);
    if (start < stop) {
        zero_pages(disk, start / PAGE_SIZE_MEM, stop / PAGE_SIZE_MEM);
    }
    zero_part(disk, stop, end - stop);
}

/* Without a page it depends on whether the background is zero there. */
static bool page_is_hole(const MemDisk *disk, int64_t number)
{
    MemPage *page = page_find(disk, number);

    return page ? page == &zero_page
                : (number + 1) * PAGE_SIZE_MEM <= disk->stale_from;
}

/*
 * Where there are no pages their next number is looked up, because a sparse
 * disk may have terabytes without one.
 */
bool mem_disk_hole(const MemDisk *disk, int64_t offset, int64_t *bytes)
{
    int64_t number = offset / PAGE_SIZE_MEM;
    int64_t end = DIV_ROUND_UP(MIN(offset + *bytes, disk->length),
                               PAGE_SIZE_MEM);
    int64_t clean = disk->stale_from / PAGE_SIZE_MEM;
    bool hole = page_is_hole(disk, number);

    while (number < end && page_is_hole(disk, number) == hole) {
        if (page_find(disk, number)) {
            number++;
        } else {
            int64_t next = page_next(disk, number);

            number = number < clean ? MIN(next, clean) : next;
        }
    }
    *bytes = MIN(*bytes, number * PAGE_SIZE_MEM - offset);
    return hole;
}

int64_t mem_disk_allocated(const MemDisk *disk)
{
    return (int64_t)g_tree_nnodes(disk->pages) * PAGE_SIZE_MEM;
}

/* Space that is there already keeps its background; only growth is affected. */
void mem_disk_set_stale(MemDisk *disk, bool stale)
{
    disk->stale_from = stale ? MIN(disk->stale_from, disk->length) : INT64_MAX;
    clear_tail(disk);
}

bool mem_disk_is_stale(const MemDisk *disk)
{
    return disk->stale_from != INT64_MAX;
}

/* ---- life --------------------------------------------------------------- */

MemDisk *mem_disk_new_anonymous(void)
{
    MemDisk *disk = g_new0(MemDisk, 1);

    disk->stale_from = INT64_MAX;
    disk->pages = g_tree_new_full(page_compare, NULL, NULL, page_unref);
    return disk;
}

MemDisk *mem_disk_new(const char *name)
{
    MemDisk *disk = mem_disk_new_anonymous();

    assert(!mem_disk_find(name));
    if (!disks) {
        disks = g_hash_table_new(g_str_hash, g_str_equal);
    }
    disk->name = g_strdup(name);
    g_hash_table_insert(disks, disk->name, disk);
    return disk;
}

MemDisk *mem_disk_find(const char *name)
{
    return disks ? g_hash_table_lookup(disks, name) : NULL;
}

/* Copies share pages until one of them is written (page_own()). */
static gboolean share_page(gpointer key, gpointer value, gpointer opaque)
{
    MemPage *page = value;

    if (page != &zero_page) {
        page->refs++;
    }
    g_tree_insert(opaque, key, page);
    return false;
}

MemDisk *mem_disk_copy(const MemDisk *disk, const char *name)
{
    MemDisk *copy = mem_disk_new(name);

    copy->length = disk->length;
    copy->stale_from = disk->stale_from;
    g_tree_foreach(disk->pages, share_page, copy->pages);
    return copy;
}

static void disk_free(MemDisk *disk)
{
    g_tree_unref(disk->pages);
    g_free(disk->name);
    g_free(disk);
}

/* The table goes with the last disk, so that a leak checker finds nothing. */
void mem_disk_free(MemDisk *disk)
{
    assert(disk->users == 0);
    g_hash_table_remove(disks, disk->name);
    if (g_hash_table_size(disks) == 0) {
        g_hash_table_unref(disks);
        disks = NULL;
    }
    disk_free(disk);
}

const char *mem_disk_name(const MemDisk *disk)
{
    return disk->name;
}

void mem_disk_hold(MemDisk *disk)
{
    disk->users++;
}

/* A disk without a name cannot be found again, so nothing else can use it. */
void mem_disk_release(MemDisk *disk)
{
    if (--disk->users == 0 && !disk->name) {
        disk_free(disk);
    }
}

bool mem_disk_in_use(const MemDisk *disk)
{
    return disk->users > 0;
}

void mem_disk_account(MemDisk *disk, MemOp op)
{
    disk->counts[op]++;
}

unsigned mem_disk_count(const MemDisk *disk, MemOp op)
{
    return disk->counts[op];
}
