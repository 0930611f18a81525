// tar.c: the pictures in a tar archive, read as a stream by libarchive, which is opened at first
// use. One sample (the neighbours of one key) is held at a time.
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/budget.h"
#include "core/fail.h"
#include "core/late.h"
#include "source/parts.h"

#define FUNCTIONS(XX)                                                              \
    XX(struct archive *, archive_read_new, (void))                                 \
    XX(int, archive_read_free, (struct archive *))                                 \
    XX(int, archive_read_support_format_tar, (struct archive *))                   \
    XX(int, archive_read_support_filter_gzip, (struct archive *))                  \
    XX(int, archive_read_support_filter_bzip2, (struct archive *))                 \
    XX(int, archive_read_support_filter_xz, (struct archive *))                    \
    XX(int, archive_read_support_filter_zstd, (struct archive *))                  \
    XX(int, archive_read_open_fd, (struct archive *, int, size_t))                 \
    XX(int, archive_read_next_header, (struct archive *, struct archive_entry **)) \
    XX(la_ssize_t, archive_read_data, (struct archive *, void *, size_t))          \
    XX(const char *, archive_error_string, (struct archive *))                     \
    XX(int, archive_errno, (struct archive *))                                     \
    XX(const char *, archive_entry_pathname, (struct archive_entry *))             \
    XX(const char *, archive_entry_hardlink, (struct archive_entry *))             \
    XX(__LA_MODE_T, archive_entry_filetype, (struct archive_entry *))              \
    XX(la_int64_t, archive_entry_size, (struct archive_entry *))                   \
    XX(time_t, archive_entry_mtime, (struct archive_entry *))                      \
    XX(long, archive_entry_mtime_nsec, (struct archive_entry *))

// libarchive's functions under their own names without "archive_".
static struct {
#define XX(type, name, arguments) type(*name) arguments;
    FUNCTIONS(XX)
#undef XX
} lib;

struct plo_tar {
    char *path;
    int fd;
    struct archive *archive;
    struct archive_entry *entry; // read but not yet looked at, or NULL
    locale_t locale;             // UTF-8, so that libarchive gives names unchanged
    uint64_t picture_limit;
    uint64_t charged; // to the budget, for what libarchive holds
    struct plo_source_counts *counts;
    // The sample being put together or handed out.
    char *key;
    struct plo_item pictures[PLO_SOURCE_SAMPLE_PICTURES];
    size_t picture_count;
    size_t picture_next;
    uint64_t picture_bytes;
    struct plo_item_members *members;
    uint64_t member_bytes;
    bool ready; // complete
    bool ended;
    struct pipilo_error failure; // the archive's own, after its last sample
};

bool plo_tar_is_archive(const char *name)
{
    static const char *const suffixes[] = { ".tar",    ".tar.gz", ".tgz",     ".tar.bz2", ".tbz2",
                                            ".tar.xz", ".txz",    ".tar.zst", ".tzst" };
    size_t length = strlen(name);
    for (size_t i = 0; i < PLO_COUNT(suffixes); i++) {
        size_t part = strlen(suffixes[i]);
        if (length > part && strcasecmp(name + length - part, suffixes[i]) == 0)
            return true;
    }
    return false;
}

static const char *const library_names[] = PLO_LIBARCHIVE;
static const struct plo_dynlib_symbol symbols[] = {
#define XX(type, name, arguments) { #name, (void **)&lib.name },
    FUNCTIONS(XX)
#undef XX
};
// Where names are counted ahead two threads open their first archives at once.
static struct plo_late library = { .names = library_names,
                                   .symbols = symbols,
                                   .count = PLO_COUNT(symbols),
                                   .needed_for = "tar archives need libarchive",
                                   .code = PIPILO_ENOTFOUND,
                                   .lock = PLO_LOCK_INIT(NULL) };

// What libarchive says went wrong, as a code and a text.
static int fail_archive(struct plo_tar *tar, struct pipilo_error *err)
{
    const char *why = lib.archive_error_string(tar->archive);
    if (why == NULL)
        why = "libarchive does not say why";
    int code = lib.archive_errno(tar->archive) == ENOMEM ? PIPILO_ENOMEM
               : strcasestr(why, "truncated") != NULL    ? PIPILO_ETRUNCATED
               : strstr(why, "nrecognized") != NULL      ? PIPILO_EFORMAT
                                                         : PIPILO_ECORRUPT;
    return plo_fail(err, code, "the archive cannot be read further: %s", why);
}

static void sample_clear(struct plo_tar *tar)
{
    for (size_t i = tar->picture_next; i < tar->picture_count; i++)
        plo_item_reset(&tar->pictures[i]);
    tar->picture_next = tar->picture_count = 0;
    tar->picture_bytes = tar->member_bytes = 0;
    plo_item_members_unref(&tar->members);
    plo_free(tar->key);
    tar->key = NULL;
    tar->ready = false;
}

static void free_bytes(void *cookie, uint8_t *data, size_t size)
{
    (void)cookie;
    (void)size;
    plo_free(data);
}

// Reads the present member's content. Memory grows with what is really there, not with what the
// header says. Returns 0 or a failure.
static int read_content(struct plo_tar *tar, uint64_t size, struct plo_buf **out,
                        struct pipilo_error *err)
{
    size_t capacity = size < 1 << 20 ? (size_t)size : 1 << 20;
    size_t filled = 0;
    uint8_t *data = plo_alloc(capacity);
    int result = data != NULL ? 0 : plo_fail_nomem(err, capacity);
    while (result == 0 && filled < size) {
        if (filled == capacity) {
            capacity = capacity * 2 < size ? capacity * 2 : (size_t)size;
            uint8_t *more = plo_realloc(data, capacity, 1);
            if (more == NULL) {
                result = plo_fail_nomem(err, capacity);
                break;
            }
            data = more;
        }
        la_ssize_t got = lib.archive_read_data(tar->archive, data + filled, capacity - filled);
        if (got < 0)
            result = fail_archive(tar, err);
        else if (got == 0)
            result = plo_fail(err, PIPILO_ETRUNCATED, "the archive's member ends early");
        else
            filled += (size_t)got;
    }
    if (result == 0) {
        *out = plo_buf_wrap(data, filled, free_bytes, NULL);
        if (*out != NULL)
            return 0;
        result = plo_fail_nomem(err, 0);
    }
    plo_free(data);
    return result;
}

// A damaged archive ends here; what the sample has so far is still handed out.
static void end_archive(struct plo_tar *tar)
{
    tar->entry = NULL;
    tar->ended = true;
    tar->ready = true;
}

static uint64_t entry_size(struct archive_entry *entry)
{
    la_int64_t size = lib.archive_entry_size(entry);
    return size > 0 ? (uint64_t)size : 0;
}

static int add_picture(struct plo_tar *tar, const char *name, struct pipilo_error *err)
{
    uint64_t size = entry_size(tar->entry);
    struct plo_item *item = &tar->pictures[tar->picture_count];
    char *source = plo_source_join(tar->path, name);
    int result = source != NULL ? plo_item_init(item, source, err) : plo_fail_nomem(err, 0);
    plo_free(source);
    if (result < 0)
        return result;
    tar->picture_count++;
    item->size = size;
    item->mtime_ns = (int64_t)((uint64_t)lib.archive_entry_mtime(tar->entry) * 1000000000u +
                               (uint64_t)lib.archive_entry_mtime_nsec(tar->entry));
    item->key = plo_strdup(tar->key);
    if (item->key == NULL)
        return plo_fail_nomem(err, 0);
    if (size > tar->picture_limit - tar->picture_bytes) {
        plo_fail(&item->error, PIPILO_ELIMIT,
                 "its %llu bytes pass the limit of %llu for the pictures of one sample",
                 (unsigned long long)size, (unsigned long long)tar->picture_limit);
        return 0;
    }
    result = read_content(tar, size, &item->bytes, &item->error);
    tar->picture_bytes += size;
    if (result < 0)
        end_archive(tar);
    return 0;
}

static int add_member(struct plo_tar *tar, const char *name, struct pipilo_error *err)
{
    uint64_t size = entry_size(tar->entry);
    if (tar->members == NULL)
        tar->members = plo_item_members_create();
    if (tar->members == NULL)
        return plo_fail_nomem(err, 0);
    if (tar->members->count >= PLO_SOURCE_SAMPLE_MEMBERS) {
        tar->counts->members++;
        return 0;
    }
    struct plo_buf *bytes = NULL;
    if (size > PLO_SOURCE_MEMBER_LIMIT || size > PLO_SOURCE_SAMPLE_LIMIT - tar->member_bytes) {
        tar->counts->members++;
    } else if (read_content(tar, size, &bytes, &tar->failure) < 0) {
        end_archive(tar);
        return 0;
    } else {
        tar->member_bytes += size;
    }
    return plo_item_members_add(tar->members, name, size, bytes, err);
}

// The last component of the present member's name where it can belong to a sample, else NULL.
static const char *usable_base(struct plo_tar *tar, const char *name)
{
    mode_t type = lib.archive_entry_filetype(tar->entry);
    if (type == AE_IFDIR && lib.archive_entry_hardlink(tar->entry) == NULL)
        return NULL;
    if (name == NULL || type != AE_IFREG || lib.archive_entry_hardlink(tar->entry) != NULL) {
        tar->counts->irregular++;
        return NULL;
    }
    const char *slash = strrchr(name, '/');
    const char *base = slash != NULL ? slash + 1 : name;
    if (base[0] == '.')
        tar->counts->hidden++;
    else if (strchr(base, '.') == NULL || strlen(name) > PLO_SOURCE_NAME_LIMIT)
        tar->counts->other++;
    else
        return base;
    return NULL;
}

// Takes the present member into the sample, or finds that the sample is complete without it.
static int take_entry(struct plo_tar *tar, struct pipilo_error *err)
{
    const char *name = lib.archive_entry_pathname(tar->entry);
    while (name != NULL && name[0] == '.' && name[1] == '/')
        name += 2;
    const char *base = usable_base(tar, name);
    if (base == NULL) {
        tar->entry = NULL;
        return 0;
    }
    size_t length = (size_t)(strchr(base, '.') - name);
    bool picture = plo_source_is_picture(base);
    bool other_key =
        tar->key != NULL && (strncmp(tar->key, name, length) != 0 || tar->key[length] != '\0');
    if (other_key || (picture && tar->picture_count == PLO_SOURCE_SAMPLE_PICTURES)) {
        tar->ready = true;
        return 0;
    }
    if (tar->key == NULL)
        tar->key = plo_strndup(name, length);
    if (tar->key == NULL)
        return plo_fail_nomem(err, length);
    int result = picture ? add_picture(tar, name, err) : add_member(tar, name + length + 1, err);
    tar->entry = NULL;
    return result;
}

// Reads on until a sample is complete or the archive ends, or for a while: PLO_SOURCE_LATER.
static int read_sample(struct plo_tar *tar, struct pipilo_error *err)
{
    for (int looked = 0; !tar->ready; looked++) {
        if (looked == PLO_SOURCE_STRETCH)
            return PLO_SOURCE_LATER;
        if (tar->entry == NULL) {
            int result = lib.archive_read_next_header(tar->archive, &tar->entry);
            if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
                if (result != ARCHIVE_EOF)
                    fail_archive(tar, &tar->failure);
                end_archive(tar);
                break;
            }
        }
        PLO_TRY(take_entry(tar, err));
    }
    if (tar->picture_count == 0 && tar->members != NULL)
        tar->counts->other += tar->members->count;
    return 0;
}

// Charged even where the budget is spent just now: other rows wait then, and no archive is lost.
static int charge(struct plo_tar *tar, struct pipilo_error *err)
{
    uint8_t head[PLO_TAR_HEAD];
    ssize_t got = pread(tar->fd, head, sizeof head, 0);
    if (got < 0)
        return plo_fail_errno(err, -errno, "the archive cannot be read");
    uint64_t need = plo_tar_memory(head, (size_t)got);
    if (need > PLO_SOURCE_UNPACK_LIMIT)
        return plo_fail(err, PIPILO_ELIMIT,
                        "unpacking the archive takes %llu bytes, the limit is %llu",
                        (unsigned long long)need, (unsigned long long)PLO_SOURCE_UNPACK_LIMIT);
    if (need > plo_budget_limit())
        return plo_fail(
            err, PIPILO_EBUDGET,
            "unpacking the archive takes %llu bytes and the memory budget is %llu bytes",
            (unsigned long long)need, (unsigned long long)plo_budget_limit());
    plo_budget_adjust((int64_t)need);
    tar->charged = need;
    return 0;
}

static int start_archive(struct plo_tar *tar, struct pipilo_error *err)
{
    PLO_TRY(plo_late_open(&library, err));
    tar->fd = open(tar->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (tar->fd < 0)
        return plo_fail_errno(err, -errno, "the archive cannot be opened");
    struct stat status;
    if (fstat(tar->fd, &status) < 0 || !S_ISREG(status.st_mode))
        return plo_fail(err, PIPILO_EINVALID, "the archive is no regular file");
    PLO_TRY(charge(tar, err));
    tar->archive = lib.archive_read_new();
    if (tar->archive == NULL)
        return plo_fail_nomem(err, 0);
    // A filter that libarchive would leave to another program answers with a warning; such an
    // archive is then simply not recognised.
    lib.archive_read_support_format_tar(tar->archive);
    lib.archive_read_support_filter_gzip(tar->archive);
    lib.archive_read_support_filter_bzip2(tar->archive);
    lib.archive_read_support_filter_xz(tar->archive);
    lib.archive_read_support_filter_zstd(tar->archive);
    if (lib.archive_read_open_fd(tar->archive, tar->fd, 65536) != ARCHIVE_OK)
        return fail_archive(tar, err);
    return 0;
}

int plo_tar_open(struct plo_tar **out, const char *path, uint64_t picture_limit,
                 struct plo_source_counts *counts, struct pipilo_error *err)
{
    struct plo_tar *tar = plo_alloc0(1, sizeof *tar);
    if (tar == NULL)
        return plo_fail_nomem(err, sizeof *tar);
    tar->fd = -1;
    tar->counts = counts;
    tar->picture_limit = picture_limit;
    tar->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    tar->path = plo_strdup(path);
    if (tar->path == NULL) {
        plo_tar_close(tar);
        return plo_fail_nomem(err, 0);
    }
    if (start_archive(tar, &tar->failure) < 0)
        end_archive(tar);
    *out = tar;
    return 0;
}

static int next(struct plo_tar *tar, struct plo_item *item, struct pipilo_error *err)
{
    for (;;) {
        if (tar->ready && tar->picture_next < tar->picture_count) {
            *item = tar->pictures[tar->picture_next++];
            if (tar->members != NULL)
                item->members = plo_item_members_ref(tar->members);
            return 1;
        }
        if (tar->ready)
            sample_clear(tar);
        if (tar->ended)
            break;
        int result = read_sample(tar, err);
        if (result != 0)
            return result;
    }
    if (tar->failure.code == 0)
        return 0;
    PLO_TRY(plo_item_init(item, tar->path, err));
    item->error = tar->failure;
    tar->failure.code = 0;
    return 1;
}

int plo_tar_next(struct plo_tar *tar, struct plo_item *item, struct pipilo_error *err)
{
    locale_t before = (locale_t)0;
    if (tar->locale != (locale_t)0)
        before = uselocale(tar->locale);
    int result = next(tar, item, err);
    if (tar->locale != (locale_t)0)
        uselocale(before);
    return result;
}

void plo_tar_close(struct plo_tar *tar)
{
    if (tar == NULL)
        return;
    sample_clear(tar);
    if (tar->archive != NULL)
        lib.archive_read_free(tar->archive);
    plo_budget_adjust(-(int64_t)tar->charged);
    if (tar->fd >= 0)
        close(tar->fd);
    if (tar->locale != (locale_t)0)
        freelocale(tar->locale);
    plo_free(tar->path);
    plo_free(tar);
}
