// folder.c: the pictures below a folder, in the byte order of their paths. One level's names are
// held for each folder on the way down, never the whole tree.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/budget.h"
#include "core/fail.h"
#include "source/parts.h"

// A folder on the way down. Names lie one behind the other in `text`, each ending with NUL; a
// folder's has a '/' at its end, so that plain byte order of the names is that of the paths below.
struct level {
    char *path;
    dev_t device;
    ino_t inode;
    char *text;
    size_t text_length;
    size_t text_capacity;
    const char **names; // sorted, set when the folder has been read
    size_t count;
    size_t next;
    size_t charged; // to the budget, for `text` and `names`
};

struct plo_folder {
    struct plo_source_counts *counts;
    struct level *levels;
    size_t depth;
    size_t capacity;
    char *start; // not yet entered; NULL afterwards
};

static void level_free(struct level *level)
{
    plo_budget_adjust(-(int64_t)level->charged);
    plo_free(level->path);
    plo_free(level->text);
    plo_free(level->names);
}

// Charges for a level's names before they are kept: -EFBIG where they pass the whole budget. They
// are charged even where that is spent just now, as other rows can wait and a folder cannot.
static int level_charge(struct level *level, size_t bytes)
{
    if (level->charged + bytes > plo_budget_limit())
        return -EFBIG;
    plo_budget_adjust((int64_t)bytes);
    level->charged += bytes;
    return 0;
}

static int level_add(struct level *level, const char *name, bool is_folder)
{
    size_t length = strlen(name) + (is_folder ? 2 : 1);
    if (level->text_length + length > level->text_capacity) {
        size_t capacity = level->text_capacity > 0 ? level->text_capacity * 2 : 4096;
        while (capacity < level->text_length + length)
            capacity *= 2;
        int result = level_charge(level, capacity - level->text_capacity);
        if (result < 0)
            return result;
        char *text = plo_realloc(level->text, capacity, 1);
        if (text == NULL)
            return -ENOMEM;
        level->text = text;
        level->text_capacity = capacity;
    }
    char *end = level->text + level->text_length;
    size_t bytes = strlen(name);
    memcpy(end, name, bytes);
    if (is_folder)
        end[bytes++] = '/';
    end[bytes] = '\0';
    level->text_length += length;
    level->count++;
    return 0;
}

static bool seen_above(const struct plo_folder *folder, const struct stat *status)
{
    for (size_t i = 0; i < folder->depth; i++)
        if (folder->levels[i].device == status->st_dev && folder->levels[i].inode == status->st_ino)
            return true;
    return false;
}

// What an entry is: its type where the file system says it with the name, else by looking. Follows
// links. Returns 0 for what cannot be looked at.
static mode_t entry_type(const struct plo_folder *folder, int dir, const struct dirent *entry,
                         bool *loop)
{
    if (entry->d_type == DT_REG)
        return S_IFREG;
    if (entry->d_type == DT_DIR)
        return S_IFDIR;
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return S_IFIFO;
    struct stat status;
    if (fstatat(dir, entry->d_name, &status, 0) < 0) {
        *loop = errno == ELOOP;
        return 0;
    }
    if (S_ISDIR(status.st_mode) && seen_above(folder, &status)) {
        *loop = true;
        return 0;
    }
    return status.st_mode & S_IFMT;
}

// Keeps the entry's name, or counts why not.
static int sort_entry(struct plo_folder *folder, struct level *level, int dir,
                      const struct dirent *entry)
{
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    if (name[0] == '.') {
        folder->counts->hidden++;
        return 0;
    }
    bool loop = false;
    mode_t type = entry_type(folder, dir, entry, &loop);
    if (type == S_IFDIR)
        return level_add(level, name, true);
    if (loop)
        folder->counts->loops++;
    else if (type != S_IFREG)
        folder->counts->irregular++;
    else if (!plo_source_is_picture(name))
        folder->counts->other++;
    else
        return level_add(level, name, false);
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int level_sort(struct level *level)
{
    int result = level_charge(level, level->count * sizeof *level->names);
    if (result < 0)
        return result;
    level->names = plo_alloc0(level->count, sizeof *level->names);
    if (level->names == NULL)
        return -ENOMEM;
    const char *name = level->text;
    for (size_t i = 0; i < level->count; i++, name += strlen(name) + 1)
        level->names[i] = name;
    if (level->count > 1)
        qsort(level->names, level->count, sizeof *level->names, by_bytes);
    return 0;
}

// Reads a folder's names. Returns 0 or a negative errno.
static int level_read(struct plo_folder *folder, struct level *level)
{
    DIR *dir = opendir(level->path);
    if (dir == NULL)
        return -errno;
    int result = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            result = -errno;
            break;
        }
        result = sort_entry(folder, level, dirfd(dir), entry);
        if (result < 0)
            break;
    }
    closedir(dir);
    return result < 0 ? result : level_sort(level);
}

// Goes down into `path` (consumed). Returns 0, 1 with an item that says why it cannot be read, or
// a failure.
static int enter(struct plo_folder *folder, char *path, const struct stat *status,
                 struct plo_item *item, struct pipilo_error *err)
{
    struct level level = { .path = path, .device = status->st_dev, .inode = status->st_ino };
    if (folder->depth == folder->capacity) {
        size_t capacity = folder->capacity > 0 ? folder->capacity * 2 : 8;
        struct level *levels = plo_realloc(folder->levels, capacity, sizeof *levels);
        if (levels == NULL) {
            level_free(&level);
            return plo_fail_nomem(err, capacity * sizeof *levels);
        }
        folder->levels = levels;
        folder->capacity = capacity;
    }
    // On the stack before it is read, so that a link to the folder itself is seen as a loop.
    folder->levels[folder->depth++] = level;
    struct level *top = &folder->levels[folder->depth - 1];
    int result = level_read(folder, top);
    if (result == 0)
        return 0;
    if (result == -ENOMEM)
        return plo_fail_nomem(err, 0);
    int made = plo_item_init(item, top->path, err);
    if (made == 0 && result == -EFBIG)
        plo_fail(&item->error, PIPILO_EBUDGET,
                 "the folder's names take more than the memory budget of %llu bytes",
                 (unsigned long long)plo_budget_limit());
    else if (made == 0)
        plo_fail_errno(&item->error, result, "the folder cannot be read");
    level_free(top);
    folder->depth--;
    return made < 0 ? made : 1;
}

// What the next name of the top level stands for: 1 an item, 0 nothing or a folder entered.
static int visit(struct plo_folder *folder, const char *name, struct plo_item *item,
                 struct pipilo_error *err)
{
    size_t length = strlen(name);
    bool is_folder = name[length - 1] == '/';
    char *path = plo_source_join(folder->levels[folder->depth - 1].path, name);
    if (path == NULL)
        return plo_fail_nomem(err, 0);
    if (is_folder)
        path[strlen(path) - 1] = '\0';
    struct stat status;
    int result = 0;
    if (stat(path, &status) < 0) {
        int reason = -errno;
        result = plo_item_init(item, path, err);
        if (result == 0)
            result = (plo_fail_errno(&item->error, reason, "it cannot be looked at"), 1);
    } else if (is_folder && seen_above(folder, &status)) {
        folder->counts->loops++;
    } else if (is_folder) {
        return enter(folder, path, &status, item, err);
    } else {
        result = plo_item_init_file(item, path, &status, err);
        result = result < 0 ? result : 1;
    }
    plo_free(path);
    return result;
}

int plo_folder_open(struct plo_folder **out, const char *path, struct plo_source_counts *counts,
                    struct pipilo_error *err)
{
    struct plo_folder *folder = plo_alloc0(1, sizeof *folder);
    char *start = plo_strdup(path);
    if (folder == NULL || start == NULL) {
        plo_free(folder);
        plo_free(start);
        return plo_fail_nomem(err, 0);
    }
    folder->counts = counts;
    folder->start = start;
    *out = folder;
    return 0;
}

int plo_folder_next(struct plo_folder *folder, struct plo_item *item, struct pipilo_error *err)
{
    if (folder->start != NULL) {
        struct stat status;
        char *start = folder->start;
        folder->start = NULL;
        if (stat(start, &status) < 0)
            memset(&status, 0, sizeof status);
        int result = enter(folder, start, &status, item, err);
        if (result != 0)
            return result;
    }
    for (int looked = 0; folder->depth > 0; looked++) {
        if (looked == PLO_SOURCE_STRETCH)
            return PLO_SOURCE_LATER;
        struct level *top = &folder->levels[folder->depth - 1];
        if (top->next == top->count) {
            level_free(top);
            folder->depth--;
            continue;
        }
        int result = visit(folder, top->names[top->next++], item, err);
        if (result != 0)
            return result;
    }
    return 0;
}

void plo_folder_close(struct plo_folder *folder)
{
    if (folder == NULL)
        return;
    for (size_t i = 0; i < folder->depth; i++)
        level_free(&folder->levels[i]);
    plo_free(folder->levels);
    plo_free(folder->start);
    plo_free(folder);
}
