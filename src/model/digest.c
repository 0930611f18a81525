// digest.c: digests by a file's identity (see digest.h).
//
// A file that changed less than two seconds before it was read is not remembered: it could change
// again within the same tick of its timestamps.
#include "model/digest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/str.h"
#include "core/fail.h"
#include "core/fork.h"
#include "model/cache_folder.h"

enum { KEPT = 64, SETTLED_SECONDS = 2, CACHE_CEILING = 64 * 1024 };

// A file's identity in words, and its digest.
struct entry {
    char identity[128];
    char hex[PLO_SHA256_HEX];
};

static struct plo_lock lock = PLO_LOCK_INIT(NULL); // guards what follows
static struct entry entries[KEPT];
static size_t count; // ever stored; the newest is at (count - 1) % KEPT
static bool cache_read;
static int64_t reads;

static void identify(const struct stat *s, char out[128])
{
    snprintf(out, 128, "%" PRIxMAX ":%" PRIxMAX ":%" PRIxMAX ":%" PRIxMAX ".%lx:%" PRIxMAX ".%lx",
             (uintmax_t)s->st_dev, (uintmax_t)s->st_ino, (uintmax_t)s->st_size,
             (uintmax_t)s->st_mtim.tv_sec, (unsigned long)s->st_mtim.tv_nsec,
             (uintmax_t)s->st_ctim.tv_sec, (unsigned long)s->st_ctim.tv_nsec);
}

static void store_locked(const char *identity, const char *hex)
{
    struct entry *entry = &entries[count++ % KEPT];
    snprintf(entry->identity, sizeof entry->identity, "%s", identity);
    snprintf(entry->hex, sizeof entry->hex, "%s", hex);
}

static const struct entry *find_locked(const char *identity)
{
    for (size_t i = 0; i < count && i < KEPT; i++)
        if (strcmp(entries[i].identity, identity) == 0)
            return &entries[i];
    return NULL;
}

// Lines of "identity digest"; one that is not so is passed over.
static void read_cache_locked(const char *text)
{
    char identity[128], hex[PLO_SHA256_HEX];
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (sscanf(line, "%127s %64[0-9a-f]", identity, hex) == 2 && strlen(hex) == 64)
            store_locked(identity, hex);
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
}

static void load_cache(void)
{
    char *path = plo_cache_path("digests"), *text = NULL;
    if (path != NULL && plo_file_read_text(path, CACHE_CEILING, &text) < 0)
        text = NULL;
    plo_lock_take(&lock);
    if (!cache_read && text != NULL)
        read_cache_locked(text);
    cache_read = true;
    plo_lock_release(&lock);
    plo_free(path);
    plo_free(text);
}

static void save_cache(void)
{
    struct plo_str str = PLO_STR_INIT;
    plo_lock_take(&lock);
    for (size_t i = count > KEPT ? count - KEPT : 0; i < count; i++)
        plo_str_addf(&str, "%s %s\n", entries[i % KEPT].identity, entries[i % KEPT].hex);
    plo_lock_release(&lock);
    char *path = plo_cache_path("digests");
    if (path != NULL && !str.failed && str.data != NULL) {
        char *slash = strrchr(path, '/');
        *slash = '\0';
        bool there = plo_file_make_folders(path) == 0;
        *slash = '/';
        if (there)
            (void)plo_file_replace(path, str.data, str.length);
    }
    plo_free(path);
    plo_str_reset(&str);
}

static bool find(const char *identity, char hex[PLO_SHA256_HEX])
{
    plo_lock_take(&lock);
    bool unread = !cache_read;
    plo_lock_release(&lock);
    if (unread)
        load_cache();
    plo_lock_take(&lock);
    const struct entry *entry = find_locked(identity);
    if (entry != NULL)
        memcpy(hex, entry->hex, PLO_SHA256_HEX);
    plo_lock_release(&lock);
    return entry != NULL;
}

int plo_digest_file(const char *path, char hex[PLO_SHA256_HEX], struct pipilo_error *err)
{
    struct stat before, after;
    char identity[128], again[128];
    if (stat(path, &before) < 0)
        return plo_fail_errno(err, -errno, "%s", path);
    identify(&before, identity);
    if (find(identity, hex))
        return 0;
    int result = plo_sha256_file(path, hex);
    if (result < 0)
        return plo_fail_errno(err, result, "%s", path);
    bool kept = stat(path, &after) == 0;
    if (kept)
        identify(&after, again);
    time_t changed = before.st_ctim.tv_sec > before.st_mtim.tv_sec ? before.st_ctim.tv_sec
                                                                   : before.st_mtim.tv_sec;
    kept = kept && strcmp(identity, again) == 0 && time(NULL) - changed >= SETTLED_SECONDS;
    plo_lock_take(&lock);
    reads++;
    if (kept && find_locked(identity) == NULL)
        store_locked(identity, hex);
    plo_lock_release(&lock);
    if (kept)
        save_cache();
    return 0;
}

int64_t plo_digest_reads(void)
{
    plo_lock_take(&lock);
    int64_t value = reads;
    plo_lock_release(&lock);
    return value;
}
