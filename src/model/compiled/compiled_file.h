// compiled_file.h: one compiled model in a file: the engine's blob, a text that says what it was
// compiled from and for, and a checksum over both. The engine itself computes on with flipped
// bytes.
//
//     struct plo_compiled_file file;
//     if (plo_compiled_file_open(&file, path, identity) == 0) ... file.blob, file.blob_size
//     plo_compiled_file_close(&file);
//
// A file is written under another name and renamed when it is whole, so that any number of
// processes may write and read the same one. Functions return 0 or a negative errno. Threads: any.
#ifndef PLO_MODEL_COMPILED_FILE_H
#define PLO_MODEL_COMPILED_FILE_H

#include <stddef.h>

struct plo_compiled_file {
    const void *blob; // lives in the mapping below
    size_t blob_size;
    void *map;
    size_t map_size;
};

enum { PLO_COMPILED_TEXT_CEILING = 8 * 1024 }; // bytes of an identity

// Maps the file and checks it. -ENOENT; -EPERM where another user owns it or could write it;
// -EBADMSG where it is damaged or is no such file; -ESTALE where it is of another identity.
int plo_compiled_file_open(struct plo_compiled_file *out, const char *path, const char *identity);
void plo_compiled_file_close(struct plo_compiled_file *file); // may be zeroed

// Writes and syncs `path` in one step. -EINVAL for an identity that is too long.
int plo_compiled_file_write(const char *path, const void *blob, size_t blob_size,
                            const char *identity);

// The identity written in the file, without a look at the blob; the caller frees it.
int plo_compiled_file_identity(const char *path, char **out);

#endif
