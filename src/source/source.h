// source.h: what goes in: files, folders, glob patterns, tar archives and lists of them, one item
// after the other, in memory that does not grow with their number.
//
//     struct plo_source *source = NULL;
//     struct plo_item item;
//     PLO_TRY(plo_source_open(&source, &options, err));
//     while ((result = plo_source_next(source, &item, err)) > 0) {
//         ...                       // item.error.code < 0: this input is a row that failed
//         plo_item_reset(&item);
//     }
//     plo_source_close(source);
//
// Each input is expanded alike, whether it was named as an argument or by a list:
// - a folder gives the pictures below it (by suffix, any case), in the byte order of their paths;
//   linked folders are followed, a link back to a folder above is not; hidden names, other suffixes
//   and what is no regular file are counted and passed over;
// - a name with * ? or [ that is no file's own is a pattern (glob(7)); its matches, in byte order,
//   are expanded as if they had been named;
// - a file called .tar, .tar.gz, .tgz, .tar.bz2, .tbz2, .tar.xz, .txz, .tar.zst or .tzst gives its
//   pictures, read as a stream (see struct plo_item);
// - any other regular file is one item, whatever its suffix;
// - what is not there, is no regular file (never opened, so a FIFO cannot block), is unreadable or
//   damaged is one item with an error.
//
// Threads: a source belongs to one thread at a time.
#ifndef PLO_SOURCE_SOURCE_H
#define PLO_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

#include "base/buf.h"

struct plo_source;

// What a tar sample may hold; beyond it see struct plo_item.
#define PLO_SOURCE_UNPACK_LIMIT  ((uint64_t)256 << 20) // bytes that unpacking an archive may take
#define PLO_SOURCE_PICTURE_LIMIT ((uint64_t)256 << 20) // bytes of a sample's pictures together
#define PLO_SOURCE_MEMBER_LIMIT  ((uint64_t)1 << 20)   // bytes of one other member
#define PLO_SOURCE_SAMPLE_LIMIT  ((uint64_t)16 << 20)  // bytes of a sample's other members together
enum {
    PLO_SOURCE_SAMPLE_PICTURES = 64, // pictures of one key; more make a further sample
    PLO_SOURCE_SAMPLE_MEMBERS = 256, // other members of one key; more are dropped
    PLO_SOURCE_NAME_LIMIT = 4096,    // bytes of a name in an archive or of a line in a list
};

struct plo_source_options {
    const char *const *inputs; // borrowed until plo_source_close
    size_t count;
    // A list of inputs, read after them: a path, "-" for standard input, or NULL. One a line, or
    // separated by NUL where the first block holds one. Empty lines are passed over. A CR before
    // the end of a line goes too where nothing is called so.
    const char *files_from;
    uint64_t picture_limit; // bytes of a picture in an archive; 0: PLO_SOURCE_PICTURE_LIMIT
    // plo_source_next returns now and then before it has found an item: a million empty folders, or
    // members of no picture, take long.
    bool pauses;
};

enum { PLO_SOURCE_LATER = 2 };

// A member of a tar sample that is no picture.
struct plo_item_member {
    char *name; // what follows the key and its dot: "json", "seg.txt"
    uint64_t size;
    struct plo_buf *bytes; // NULL where a limit was passed and only name and size were kept
};

// Members of one sample, shared by the items of its pictures.
struct plo_item_members {
    int refs; // atomic
    size_t count;
    size_t capacity;
    struct plo_item_member *list;
};

// One input. Everything in it belongs to whoever got it; plo_item_reset frees it.
//
// Archives follow webdataset's rule: a member's key is its path up to the first dot of the last
// component, what follows is its extension; neighbours of one key are a sample. Each picture of
// a sample is an item with source "shard.tar/dir/key.jpg", its bytes, the key and the sample's
// other members. A picture over the limit is an item with an error; another member over its limit,
// or over the sample's, keeps its name and size but not its bytes.
struct plo_item {
    char *source;                     // the row's name: as given, for a folder joined to it
    char *path;                       // the file to read, or NULL
    struct plo_buf *bytes;            // an archive member's content, or NULL
    uint64_t size;                    // bytes of the picture
    int64_t mtime_ns;                 // since 1970
    char *key;                        // archives only, else NULL
    struct plo_item_members *members; // archives only, else NULL
    struct pipilo_error error;        // code 0 where there is nothing wrong with it
};

// What was passed over so far.
struct plo_source_counts {
    uint64_t hidden;    // names that begin with a dot
    uint64_t other;     // not a picture's suffix
    uint64_t irregular; // links to nowhere, FIFOs, sockets, devices; links inside archives
    uint64_t loops;     // links back to a folder above
    uint64_t members;   // members of archives whose bytes were dropped for their size or number
};

// Opens a source; the inputs themselves are looked at when it is their turn.
// Errors: PIPILO_ENOMEM; PIPILO_ENOTFOUND or PIPILO_EIO where the list cannot be opened.
int plo_source_open(struct plo_source **out, const struct plo_source_options *options,
                    struct pipilo_error *err);

// Fills `item` (what it held is not freed) and returns 1; 0 at the end; PLO_SOURCE_LATER, where the
// options allow that, to be called again. Negative where the source
// itself is broken: PIPILO_ENOMEM, PIPILO_EIO for a list that cannot be read further. A bad input
// is no such failure: it is an item with an error. After an error the source may only be closed.
int plo_source_next(struct plo_source *source, struct plo_item *item, struct pipilo_error *err);

void plo_source_skipped(const struct plo_source *source, struct plo_source_counts *counts);

// How many items there will be where that is cheap to know (nothing but files), else -1.
int64_t plo_source_total_hint(const struct plo_source *source);

// NULL is allowed.
void plo_source_close(struct plo_source *source);

// Frees what the item holds and clears it.
void plo_item_reset(struct plo_item *item);

// True where the name ends in a picture's suffix, in any case.
bool plo_source_is_picture(const char *name);

#endif
