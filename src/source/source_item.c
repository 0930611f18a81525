// source_item.c: what a source hands out: filled, shared and freed.
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "core/fail.h"
#include "source/parts.h"

int plo_item_init(struct plo_item *item, const char *source, struct pipilo_error *err)
{
    memset(item, 0, sizeof *item);
    item->source = plo_strdup(source);
    if (item->source == NULL)
        return plo_fail_nomem(err, strlen(source) + 1);
    return 0;
}

int plo_item_init_file(struct plo_item *item, const char *path, const struct stat *status,
                       struct pipilo_error *err)
{
    PLO_TRY(plo_item_init(item, path, err));
    item->path = plo_strdup(path);
    if (item->path == NULL) {
        plo_item_reset(item);
        return plo_fail_nomem(err, strlen(path) + 1);
    }
    item->size = (uint64_t)status->st_size;
    item->mtime_ns = (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
    return 0;
}

void plo_item_reset(struct plo_item *item)
{
    plo_free(item->source);
    plo_free(item->path);
    plo_free(item->key);
    plo_buf_unref(&item->bytes);
    plo_item_members_unref(&item->members);
    memset(item, 0, sizeof *item);
}

struct plo_item_members *plo_item_members_create(void)
{
    struct plo_item_members *members = plo_alloc0(1, sizeof *members);
    if (members != NULL)
        members->refs = 1;
    return members;
}

struct plo_item_members *plo_item_members_ref(struct plo_item_members *members)
{
    __atomic_add_fetch(&members->refs, 1, __ATOMIC_RELAXED);
    return members;
}

void plo_item_members_unref(struct plo_item_members **members)
{
    struct plo_item_members *gone = *members;
    *members = NULL;
    if (gone == NULL || __atomic_sub_fetch(&gone->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < gone->count; i++) {
        plo_free(gone->list[i].name);
        plo_buf_unref(&gone->list[i].bytes);
    }
    plo_free(gone->list);
    plo_free(gone);
}

int plo_item_members_add(struct plo_item_members *members, const char *name, uint64_t size,
                         struct plo_buf *bytes, struct pipilo_error *err)
{
    char *copy = plo_strdup(name);
    if (copy == NULL)
        goto out;
    if (members->count == members->capacity) {
        size_t capacity = members->capacity > 0 ? members->capacity * 2 : 8;
        struct plo_item_member *list = plo_realloc(members->list, capacity, sizeof *list);
        if (list == NULL)
            goto out;
        members->list = list;
        members->capacity = capacity;
    }
    members->list[members->count++] =
        (struct plo_item_member){ .name = copy, .size = size, .bytes = bytes };
    return 0;

out:
    plo_free(copy);
    plo_buf_unref(&bytes);
    return plo_fail_nomem(err, 0);
}

char *plo_source_join(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    const char *between = length > 0 && folder[length - 1] == '/' ? "" : "/";
    return plo_format("%s%s%s", folder, between, name);
}

const char *plo_source_type(mode_t mode)
{
    return S_ISFIFO(mode)   ? "a FIFO"
           : S_ISSOCK(mode) ? "a socket"
           : S_ISBLK(mode)  ? "a block device"
           : S_ISCHR(mode)  ? "a character device"
                            : "no file";
}

bool plo_source_is_picture(const char *name)
{
    static const char *const suffixes[] = { "jpg",  "jpeg", "jpe", "jfif", "png",  "webp",
                                            "tif",  "tiff", "gif", "bmp",  "heic", "heif",
                                            "avif", "jxl",  "jp2", "j2k",  "jpx" };
    const char *suffix = plo_file_suffix(name);
    for (size_t i = 0; i < PLO_COUNT(suffixes); i++)
        if (strcasecmp(suffix, suffixes[i]) == 0)
            return true;
    return false;
}
