// outfile.h: a file that is being written under another name, and gets its own at the end.
// Threads: one at a time.
#ifndef PLO_TABLE_OUTFILE_H
#define PLO_TABLE_OUTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

// All zeros with fd -1 (PLO_OUTFILE_INIT) is a file that is not open.
struct plo_outfile {
    char *path;    // what it will be called; NULL for standard output and for scratch files
    char *partial; // what it is called now; NULL for standard output
    int fd;
    char *buffer;
    size_t filled;
    uint64_t size; // written so far, the buffer included
    bool placed;
};

#define PLO_OUTFILE_INIT ((struct plo_outfile){ .fd = -1 })

// Creates `partial` (one left by a run that was killed is taken over). The texts are copied; `path`
// is NULL for a scratch file. A `partial` of NULL means standard output.
// Errors: PIPILO_EBUSY where another run writes it; PIPILO_ENOTFOUND, PIPILO_EIO, PIPILO_ENOMEM.
int plo_outfile_create(struct plo_outfile *file, const char *path, const char *partial,
                       struct pipilo_error *err);

// The same, with what a `partial` holds that is there; to be cut before it is written.
int plo_outfile_open(struct plo_outfile *file, const char *path, const char *partial,
                     struct pipilo_error *err);

// How many bytes it has on the file system.
int plo_outfile_there(const struct plo_outfile *file, uint64_t *size, struct pipilo_error *err);

// Keeps its first `size` bytes and goes on behind them. PIPILO_ECORRUPT where it has fewer.
int plo_outfile_cut(struct plo_outfile *file, uint64_t size, struct pipilo_error *err);

// As above without a buffer and without truncation, for a file that something else fills: only the
// name is taken and the lock held.
int plo_outfile_claim(struct plo_outfile *file, const char *path, const char *partial,
                      struct pipilo_error *err);

int plo_outfile_write(struct plo_outfile *file, const void *data, size_t size,
                      struct pipilo_error *err);
int plo_outfile_flush(struct plo_outfile *file, struct pipilo_error *err);

// Overwrites what is already written.
int plo_outfile_patch(struct plo_outfile *file, uint64_t offset, const void *data, size_t size,
                      struct pipilo_error *err);

// Appends `size` bytes of another file from `offset` on, inside the kernel where it can.
int plo_outfile_copy(struct plo_outfile *file, int from, uint64_t offset, uint64_t size,
                     struct pipilo_error *err);

// Flushes, and puts the bytes on the disk, if not its times.
int plo_outfile_settle(struct plo_outfile *file, struct pipilo_error *err);

// Flushes and syncs.
int plo_outfile_sync(struct plo_outfile *file, struct pipilo_error *err);

// Gives it its name. PIPILO_EEXISTS where that is taken and `replace` is false.
int plo_outfile_place(struct plo_outfile *file, bool replace, struct pipilo_error *err);

// The same for a `partial` that an earlier run has synced, unless it has its name already.
int plo_outfile_place_left(const char *path, const char *partial, bool replace,
                           struct pipilo_error *err);

// So that new names beside `path` survive a power cut. A file system that cannot is no failure.
void plo_outfile_sync_folder(const char *path);

// Closes it; unless `keep`, removes it under whatever name it has.
void plo_outfile_close(struct plo_outfile *file, bool keep);

#endif
