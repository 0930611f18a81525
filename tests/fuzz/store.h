// store.h: what the targets do with a store that lies in the scratch folder.
#ifndef FUZZ_STORE_H
#define FUZZ_STORE_H

// Opens it, reads all of it in every way, searches it, and where it is sound takes it up for an
// update, adds a row and reads it once more.
void fuzz_store(const char *path);

#endif
