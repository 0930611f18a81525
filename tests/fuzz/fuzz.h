// fuzz.h: what the fuzzing targets share. A target is one file under targets/ with the one function
// that libFuzzer calls; linked with run_corpus.c it is a plain test over its corpus.
//
// Whatever an input does, a target proves more than that nothing crashed: a failure has a code and
// a line that says why (fuzz_result), and what must be equal is (fuzz_require).
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

// Defined by each target; gives 0, or -1 for an input that is not worth keeping.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Ends the process, naming what does not hold, where `holds` is false.
void fuzz_require(bool holds, const char *what);

// The result of a call, after a look at the error it filled: a code that is in the table and not
// `internal`, and one line of text. Gives `result` back.
int fuzz_result(int result, const struct pipilo_error *err);

// Stands the process in a folder of its own, empty at first and removed at the end, with no model
// home, no cache, one thread and a small memory budget; does nothing after the first time. Every
// target that names files calls it first.
void fuzz_enter(void);

// Removes what lies in that folder, for an input that must not depend on the one before.
void fuzz_clear(void);

// Writes the file `name` there, in place of one of that name.
void fuzz_put(const char *name, const void *data, size_t size);

// Bytes taken from the front of an input to choose by; 0 once they are used up.
struct fuzz_bytes {
    const uint8_t *at, *end;
};
uint32_t fuzz_take(struct fuzz_bytes *bytes, size_t count); // 1 to 4, little-endian
uint32_t fuzz_below(struct fuzz_bytes *bytes, uint32_t limit);

// The next part of an input that holds several files: up to a line "%%", which is passed over.
struct fuzz_bytes fuzz_part(struct fuzz_bytes *bytes);

// A number that is the same for the same bytes and unlike for others: what an input that is a whole
// file leaves to chance is drawn from it.
uint32_t fuzz_hash(const uint8_t *data, size_t size);

#endif
