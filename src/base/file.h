// file.h: whole files, read and replaced. Functions return 0 or a negative errno. Threads: any.
#ifndef PLO_BASE_FILE_H
#define PLO_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

// Reads a regular file whole. -EFBIG where it is larger than `ceiling`, -EISDIR or -EINVAL where it
// is not a regular file (a FIFO or device is never opened for reading). A file that shrinks while
// it is read gives a shorter buffer; one that grows, its size at the start.
int plo_file_read(const char *path, size_t ceiling, struct plo_buf **out);

// Reads a regular file as a NUL-terminated text the caller frees.
int plo_file_read_text(const char *path, size_t ceiling, char **out);

// Replaces `path` in one step: writes beside it under a name that begins with it, syncs, renames.
// A reader sees the old text or the new, never half of one.
int plo_file_replace(const char *path, const void *data, size_t size);

// Writes everything, going on after short writes and EINTR.
int plo_file_write_all(int fd, const void *data, size_t size);

// Makes the folder and its parents (mode 0777 less the umask); one that exists is success.
int plo_file_make_folders(const char *path);

// "folder/name", or `name` where it is absolute or folder is empty; NULL when out of memory.
char *plo_file_join(const char *folder, const char *name);

// What follows the last '.' of the last component, or "" (also for ".hidden"). Points into `path`.
const char *plo_file_suffix(const char *path);

#endif
