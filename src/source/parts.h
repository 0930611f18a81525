// parts.h: what the files of src/source share: the two readers that a source opens for an input,
// and how an item is filled.
#ifndef PLO_SOURCE_PARTS_H
#define PLO_SOURCE_PARTS_H

#include <sys/stat.h>

#include "source/source.h"

// --- folder.c: one folder, depth first ---

struct plo_folder;

// Starts at `path`. A folder that cannot be read gives one item with an error.
int plo_folder_open(struct plo_folder **out, const char *path, struct plo_source_counts *counts,
                    struct pipilo_error *err);

// Entries that a reader looks at before it returns PLO_SOURCE_LATER.
enum { PLO_SOURCE_STRETCH = 128 };

// As plo_source_next.
int plo_folder_next(struct plo_folder *folder, struct plo_item *item, struct pipilo_error *err);

void plo_folder_close(struct plo_folder *folder);

// --- tar.c: one archive, as a stream ---

struct plo_tar;

// True where the name ends as an archive's does.
bool plo_tar_is_archive(const char *name);

// An archive that cannot be opened gives one item with an error.
int plo_tar_open(struct plo_tar **out, const char *path, uint64_t picture_limit,
                 struct plo_source_counts *counts, struct pipilo_error *err);

// As plo_source_next. Where the archive is damaged, the picture it broke in, else the archive
// itself, becomes an item with an error, and that is its last.
int plo_tar_next(struct plo_tar *tar, struct plo_item *item, struct pipilo_error *err);

void plo_tar_close(struct plo_tar *tar);

// --- tar_memory.c ---

enum { PLO_TAR_HEAD = 64 };

// Bytes that unpacking an archive takes whose first bytes (PLO_TAR_HEAD, where there are as many)
// are these. A part further on that takes more is not seen.
uint64_t plo_tar_memory(const uint8_t *head, size_t size);

// --- list.c: names in a file or on standard input ---

struct plo_list;

int plo_list_open(struct plo_list **out, const char *path, struct pipilo_error *err);

// Sets `*name` to the next name, valid until the next call, and returns 1; 0 at the end. A name
// that is longer than PLO_SOURCE_NAME_LIMIT is cut and `*cut` set.
int plo_list_next(struct plo_list *list, const char **name, bool *cut, struct pipilo_error *err);

void plo_list_close(struct plo_list *list);

// --- source_item.c ---

// Clears the item and gives it a copy of `source`.
int plo_item_init(struct plo_item *item, const char *source, struct pipilo_error *err);

// The item for a file: its path, size and time.
int plo_item_init_file(struct plo_item *item, const char *path, const struct stat *status,
                       struct pipilo_error *err);

// "folder/name", with one slash between.
char *plo_source_join(const char *folder, const char *name);

// The text for what a file is that is no regular file and no folder.
const char *plo_source_type(mode_t mode);

// One member of a sample; `bytes` is consumed, on failure too.
int plo_item_members_add(struct plo_item_members *members, const char *name, uint64_t size,
                         struct plo_buf *bytes, struct pipilo_error *err);
struct plo_item_members *plo_item_members_create(void);
struct plo_item_members *plo_item_members_ref(struct plo_item_members *members);
void plo_item_members_unref(struct plo_item_members **members);

#endif
