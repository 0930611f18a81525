// compiled_cache.c: names, bound and contents of the folder (see compiled_cache.h).
#include "model/compiled/compiled_cache.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <pipilo/memory.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/sha256.h"
#include "core/fail.h"
#include "model/cache_folder.h"
#include "model/compiled/compiled_file.h"

enum { NAME_DIGITS = 32, ABANDONED_SECONDS = 3600 };

#define SECOND INT64_C(1000000000)

static const char suffix[] = ".blob";

static char trouble[512]; // written once, by who finds it unclaimed
static atomic_flag claimed = ATOMIC_FLAG_INIT;
static _Atomic int stage; // of the trouble: 0 none, 1 to be told, 2 told

uint64_t plo_compiled_cache_max(void)
{
    const char *text = getenv("PIPILO_CACHE_MAX");
    const uint64_t usual = (uint64_t)2 << 30;
    struct pipilo_error error = { 0 };
    uint64_t bytes = usual;
    if (text == NULL || *text == '\0')
        return usual;
    // A share is of memory, which the folder does not take.
    if (strchr(text, '%') == NULL && pipilo_size_parse(&bytes, text, &error) == 0)
        return bytes;
    plo_compiled_cache_complain(
        "PIPILO_CACHE_MAX is not used: '%.64s' is no number of bytes, nor a "
        "size such as 512M",
        text);
    return usual;
}

char *plo_compiled_cache_path(const char *identity)
{
    char hex[PLO_SHA256_HEX];
    char *folder = plo_compiled_cache_max() > 0 ? plo_cache_path("compiled") : NULL;
    plo_sha256_hex(identity, strlen(identity), hex);
    char *path = folder != NULL ? plo_format("%s/%.*s%s", folder, NAME_DIGITS, hex, suffix) : NULL;
    plo_free(folder);
    return path;
}

void plo_compiled_cache_complain(const char *format, ...)
{
    va_list arguments;
    if (atomic_flag_test_and_set(&claimed))
        return;
    va_start(arguments, format);
    vsnprintf(trouble, sizeof trouble, format, arguments);
    va_end(arguments);
    atomic_store(&stage, 1);
}

const char *plo_compiled_cache_trouble(void)
{
    int untold = 1;
    return atomic_compare_exchange_strong(&stage, &untold, 2) ? trouble : NULL;
}

// --- what is there -------------------------------------------------------------------------------

struct found {
    char *path;
    uint64_t bytes;
    int64_t used; // nanoseconds since 1970
    bool whole;   // by its name: not one that is being written
};

struct listing {
    struct found *list;
    size_t count;
};

static void listing_reset(struct listing *all)
{
    for (size_t i = 0; i < all->count; i++)
        plo_free(all->list[i].path);
    plo_free(all->list);
}

static int by_use(const void *a, const void *b)
{
    int64_t left = ((const struct found *)a)->used, right = ((const struct found *)b)->used;
    return left < right ? 1 : left > right ? -1 : 0;
}

// A file this cache made: 32 hex digits and ".blob", with six letters more while it is written.
static bool is_ours(const char *name, bool *whole)
{
    if (strspn(name, "0123456789abcdef") != NAME_DIGITS ||
        strncmp(name + NAME_DIGITS, suffix, sizeof suffix - 1) != 0)
        return false;
    const char *rest = name + NAME_DIGITS + sizeof suffix - 1;
    *whole = *rest == '\0';
    return *whole || (*rest == '.' && strlen(rest) == 7);
}

static int add_found(struct listing *all, const char *folder, const char *name)
{
    struct stat status;
    bool whole;
    if (!is_ours(name, &whole))
        return 0;
    char *path = plo_file_join(folder, name);
    struct found *more = plo_realloc(all->list, all->count + 1, sizeof *more);
    if (more != NULL)
        all->list = more;
    if (path == NULL || more == NULL) {
        plo_free(path);
        return -ENOMEM;
    }
    // Others may remove it meanwhile.
    if (lstat(path, &status) < 0) {
        plo_free(path);
        return 0;
    }
    all->list[all->count++] = (struct found){ .path = path,
                                              .bytes = (uint64_t)status.st_size,
                                              .used = (int64_t)status.st_mtim.tv_sec * SECOND +
                                                      (int64_t)status.st_mtim.tv_nsec,
                                              .whole = whole };
    return 0;
}

// The last used first. 0 or a negative errno.
static int list_folder(struct listing *all, const char *folder)
{
    struct dirent *entry;
    *all = (struct listing){ 0 };
    DIR *dir = opendir(folder);
    int result = dir == NULL ? (errno == ENOENT ? 0 : -errno) : 0;
    while (dir != NULL && result == 0 && (entry = readdir(dir)) != NULL)
        result = add_found(all, folder, entry->d_name);
    if (dir != NULL)
        closedir(dir);
    if (all->count > 1)
        qsort(all->list, all->count, sizeof *all->list, by_use);
    return result;
}

// --- keeping -------------------------------------------------------------------------------------

// A process that ended in the middle of writing left it.
static bool abandoned(const struct found *file)
{
    return !file->whole && file->used < ((int64_t)time(NULL) - ABANDONED_SECONDS) * SECOND;
}

// Makes room for `bytes` under the bound: what was used longest ago goes, and what was left
// half-written.
static void make_room(const char *folder, uint64_t bytes)
{
    struct listing all;
    uint64_t sum = bytes, max = plo_compiled_cache_max();
    if (list_folder(&all, folder) == 0) {
        for (size_t i = 0; i < all.count; i++) {
            const struct found *file = &all.list[i];
            sum += file->bytes;
            if (file->whole ? sum > max : abandoned(file)) {
                unlink(file->path);
                sum -= file->bytes;
            }
        }
    }
    listing_reset(&all);
}

static void complain_of_folder(const char *folder, int result)
{
    plo_compiled_cache_complain("the compiled model cannot be kept in %.300s: %s", folder,
                                strerror(-result));
}

bool plo_compiled_cache_ready(const char *path)
{
    char *folder = plo_format("%.*s", (int)(strrchr(path, '/') - path), path);
    if (folder == NULL)
        return false;
    int result = plo_file_make_folders(folder);
    if (result == 0 && access(folder, W_OK | X_OK) < 0)
        result = -errno;
    if (result < 0)
        complain_of_folder(folder, result);
    plo_free(folder);
    return result == 0;
}

void plo_compiled_cache_store(const char *path, const void *blob, size_t size, const char *identity)
{
    const char *slash = strrchr(path, '/');
    char *folder = plo_format("%.*s", (int)(slash - path), path);
    if (folder == NULL)
        return;
    uint64_t max = plo_compiled_cache_max(), whole = size + PLO_COMPILED_TEXT_CEILING;
    if (whole > max) {
        plo_compiled_cache_complain("the compiled model (%zu MB) is larger than PIPILO_CACHE_MAX "
                                    "allows",
                                    size / 1000000);
        plo_free(folder);
        return;
    }
    make_room(folder, whole);
    int result = plo_compiled_file_write(path, blob, size, identity);
    if (result < 0)
        complain_of_folder(folder, result);
    plo_free(folder);
}

// --- telling and clearing ------------------------------------------------------------------------

void plo_compiled_cache_free(struct plo_compiled_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        plo_free(entries[i].path);
        plo_free(entries[i].identity);
    }
    plo_free(entries);
}

static int list_cache(struct listing *all, struct pipilo_error *err)
{
    *all = (struct listing){ 0 };
    char *folder = plo_cache_path("compiled");
    int result = folder != NULL ? list_folder(all, folder) : 0;
    if (result < 0)
        result = plo_fail_errno(err, result, "%s", folder);
    if (result < 0)
        listing_reset(all);
    plo_free(folder);
    return result;
}

int plo_compiled_cache_list(struct plo_compiled_entry **out, size_t *count,
                            struct pipilo_error *err)
{
    struct listing all;
    PLO_TRY(list_cache(&all, err));
    struct plo_compiled_entry *entries = plo_alloc0(all.count + 1, sizeof *entries);
    if (entries == NULL) {
        listing_reset(&all);
        return plo_fail_nomem(err, 0);
    }
    size_t listed = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (!all.list[i].whole)
            continue;
        struct plo_compiled_entry *entry = &entries[listed++];
        entry->path = all.list[i].path;
        entry->bytes = all.list[i].bytes;
        entry->used = all.list[i].used / SECOND;
        all.list[i].path = NULL;
        if (plo_compiled_file_identity(entry->path, &entry->identity) < 0)
            entry->identity = NULL;
    }
    *out = entries;
    *count = listed;
    listing_reset(&all);
    return 0;
}

int plo_compiled_cache_clear(size_t *files, uint64_t *bytes, struct pipilo_error *err)
{
    struct listing all;
    int code = 0;
    *files = 0;
    *bytes = 0;
    PLO_TRY(list_cache(&all, err));
    for (size_t i = 0; i < all.count; i++) {
        // Somebody is writing it just now.
        if (!all.list[i].whole && !abandoned(&all.list[i]))
            continue;
        if (unlink(all.list[i].path) == 0) {
            ++*files;
            *bytes += all.list[i].bytes;
        } else if (errno != ENOENT && code == 0) {
            code = plo_fail_errno(err, -errno, "%s", all.list[i].path);
        }
    }
    listing_reset(&all);
    return code;
}
